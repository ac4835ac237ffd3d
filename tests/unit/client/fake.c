/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"

#include "fake.h"

#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "canned.h"
#include "canned-tally.h"
#include "fake-trace.h"

#define BLOCK 512

/* Also of use in a program without check: a daemon that cannot do its part ends the test. */
#define must(condition)                                                                            \
	do {                                                                                       \
		if (!(condition)) {                                                                \
			warnx("%s:%d: not so: %s", __FILE__, __LINE__, #condition);                \
			abort();                                                                   \
		}                                                                                  \
	} while (0)

static uint8_t store[FAKE_BLOCKS * BLOCK];

void fake_send(struct fake *f, const Vfnd__Answer *answer, const struct fdset *fds)
{
	static _Thread_local uint8_t buf[FRAME_MAX];
	ssize_t len = frame_pack(&answer->base, buf, sizeof(buf));

	must(len > 0);
	frame_send(f->sock, buf, (size_t)len, fds, 0);
}

void fake_send_raw(struct fake *f, const void *data, size_t len)
{
	must(send(f->sock, data, len, MSG_NOSIGNAL) == (ssize_t)len);
}

void fake_done(struct fake *f, uint64_t id)
{
	Vfnd__Answer answer = VFND__ANSWER__INIT;
	Vfnd__EmptyAnswer done = VFND__EMPTY_ANSWER__INIT;

	answer.id = id;
	answer.body_case = VFND__ANSWER__BODY_DONE;
	answer.done = &done;
	fake_send(f, &answer, NULL);
}

void fake_error(struct fake *f, uint64_t id, int code, const char *text, const char *field)
{
	Vfnd__Answer answer = VFND__ANSWER__INIT;
	Vfnd__Error error = VFND__ERROR__INIT;

	error.code = code;
	error.text = (char *)text;
	error.field = (char *)field;
	answer.id = id;
	answer.body_case = VFND__ANSWER__BODY_ERROR;
	answer.error = &error;
	fake_send(f, &answer, NULL);
}

static void command_answer(struct fake *f, uint64_t id, Vfnd__CommandAnswer *cpl)
{
	Vfnd__Answer answer = VFND__ANSWER__INIT;

	answer.id = id;
	answer.body_case = VFND__ANSWER__BODY_COMMAND;
	answer.command = cpl;
	fake_send(f, &answer, NULL);
}

void fake_completion(struct fake *f, uint64_t id, uint32_t dw0, uint16_t status)
{
	Vfnd__CommandAnswer cpl = VFND__COMMAND_ANSWER__INIT;

	cpl.dw0 = dw0;
	cpl.status = status;
	command_answer(f, id, &cpl);
}

static void event(struct fake *f, Vfnd__Event *e)
{
	Vfnd__Answer answer = VFND__ANSWER__INIT;

	e->subscription = f->subscription;
	e->sequence = ++f->sequence;
	answer.body_case = VFND__ANSWER__BODY_EVENT;
	answer.event = e;
	fake_send(f, &answer, NULL);
}

void fake_event(struct fake *f)
{
	Vfnd__AsyncEvent async = VFND__ASYNC_EVENT__INIT;
	Vfnd__Event e = VFND__EVENT__INIT;
	struct nvme_smart_log log;

	canned_smart(&log);
	async.dw0 = 0x00020101;
	async.type = 1;
	async.info = 1;
	async.log_page = 2;
	async.log.data = (uint8_t *)&log;
	async.log.len = sizeof(log);
	e.what_case = VFND__EVENT__WHAT_ASYNC;
	e.async = &async;
	event(f, &e);
}

void fake_gone(struct fake *f, const char *reason)
{
	Vfnd__DeviceGone gone = VFND__DEVICE_GONE__INIT;
	Vfnd__Event e = VFND__EVENT__INIT;

	gone.reason = (char *)reason;
	e.what_case = VFND__EVENT__WHAT_GONE;
	e.gone = &gone;
	event(f, &e);
}

void fake_gap(struct fake *f, uint64_t lost)
{
	Vfnd__EventGap gap = VFND__EVENT_GAP__INIT;
	Vfnd__Event e = VFND__EVENT__INIT;

	gap.lost = lost;
	e.what_case = VFND__EVENT__WHAT_GAP;
	e.gap = &gap;
	f->sequence += lost - 1;
	event(f, &e);
}

int fake_memfd(size_t size, int seals)
{
	int fd = memfd_create("fake", MFD_CLOEXEC | MFD_ALLOW_SEALING);

	must(fd >= 0);
	must(ftruncate(fd, (off_t)size) == 0);
	must(fcntl(fd, F_ADD_SEALS, seals) == 0);
	return fd;
}

void fake_buffer(struct fake *f, uint64_t id, uint64_t size, int fd)
{
	Vfnd__BufferAllocAnswer a = VFND__BUFFER_ALLOC_ANSWER__INIT;
	Vfnd__Answer answer = VFND__ANSWER__INIT;
	struct fdset fds = FDSET_INIT;

	if (fd >= 0)
		fdset_add_dup(&fds, fd);
	a.buffer = ++f->last_handle;
	a.size = size;
	a.iova = 0x100000 * a.buffer;
	answer.id = id;
	answer.body_case = VFND__ANSWER__BODY_BUFFER_ALLOC;
	answer.buffer_alloc = &a;
	fake_send(f, &answer, &fds);
	fdset_close(&fds);
}

static void hello(struct fake *f, uint64_t id)
{
	static char *features[] = {(char *)"first", (char *)"second", (char *)"cancel", (char *)"trace"};
	Vfnd__HelloAnswer a = VFND__HELLO_ANSWER__INIT;
	Vfnd__Answer answer = VFND__ANSWER__INIT;

	a.version = 1;
	a.daemon = (char *)"fake 1";
	a.session = 42;
	a.max_message = FRAME_MAX;
	a.max_inline = FAKE_INLINE;
	a.max_outstanding = FAKE_OUTSTANDING;
	a.n_features = 4;
	a.features = features;
	answer.id = id;
	answer.body_case = VFND__ANSWER__BODY_HELLO;
	answer.hello = &a;
	fake_send(f, &answer, NULL);
}

static void fill_device(Vfnd__Device *d)
{
	d->address = (char *)FAKE_ADDRESS;
	d->class_name = (char *)"nvme";
	d->transport = (char *)"vfio-user";
	d->state = VFND__DEVICE_STATE__DEVICE_STATE_READY;
	d->vendor_id = 0x1b36;
	d->device_id = 0x10;
	d->model = (char *)"Canned controller";
	d->serial = (char *)"S0042";
	d->firmware = (char *)"1.0";
	d->sessions = 1;
}

static void list(struct fake *f, uint64_t id)
{
	Vfnd__Device d0 = VFND__DEVICE__INIT, d1 = VFND__DEVICE__INIT, *devices[] = {&d0, &d1};
	Vfnd__ListAnswer a = VFND__LIST_ANSWER__INIT;
	Vfnd__Answer answer = VFND__ANSWER__INIT;

	fill_device(&d0);
	d1.address = (char *)"0000:09:00.0";
	d1.class_name = (char *)"nvme";
	d1.transport = (char *)"type1";
	d1.state = VFND__DEVICE_STATE__DEVICE_STATE_FAILED;
	d1.reason = (char *)"group 12 is not viable";
	a.n_devices = 2;
	a.devices = devices;
	answer.id = id;
	answer.body_case = VFND__ANSWER__BODY_LIST;
	answer.list = &a;
	fake_send(f, &answer, NULL);
}

static void device_info(struct fake *f, uint64_t id)
{
	Vfnd__DeviceInfoAnswer a = VFND__DEVICE_INFO_ANSWER__INIT;
	Vfnd__Namespace ns = VFND__NAMESPACE__INIT, *active[] = {&ns};
	Vfnd__IovaRange range = VFND__IOVA_RANGE__INIT, *iova[] = {&range};
	uint64_t bars[6] = {16384};
	Vfnd__Answer answer = VFND__ANSWER__INIT;
	Vfnd__Device d = VFND__DEVICE__INIT;

	fill_device(&d);
	ns.nsid = 1;
	ns.blocks = FAKE_BLOCKS;
	ns.block_size = BLOCK;
	range.first = 0x10000;
	range.last = 0xffffffffff;
	a.device = &d;
	a.subsystem_vendor_id = 0x1af4;
	a.class_code = 0x010802;
	a.vectors = 5;
	a.n_bar_size = 6;
	a.bar_size = bars;
	a.cap = canned_register(0, 8);
	a.vs = 0x10400;
	a.page_size = 4096;
	a.max_transfer = 524288;
	a.max_queue_entries = 2048;
	a.queue_pairs = 64;
	a.queue_pairs_free = 63;
	a.namespaces = 256;
	a.n_active = 1;
	a.active = active;
	a.n_iova = 1;
	a.iova = iova;
	answer.id = id;
	answer.body_case = VFND__ANSWER__BODY_DEVICE_INFO;
	answer.device_info = &a;
	fake_send(f, &answer, NULL);
}

static void register_read(struct fake *f, uint64_t id, const Vfnd__RegisterReadRequest *op)
{
	Vfnd__RegisterReadAnswer a = VFND__REGISTER_READ_ANSWER__INIT;
	Vfnd__Answer answer = VFND__ANSWER__INIT;

	if (*op->name && strcmp(op->name, "cap") != 0 && strcmp(op->name, "vs") != 0) {
		fake_error(f, id, EINVAL, "no register has this name", "register_read.name");
		return;
	}
	a.offset = strcmp(op->name, "vs") == 0 ? 8 : op->offset;
	a.width = strcmp(op->name, "vs") == 0 ? 4 : *op->name ? 8 : op->width;
	a.value = canned_register(a.offset, a.width);
	answer.id = id;
	answer.body_case = VFND__ANSWER__BODY_REGISTER_READ;
	answer.register_read = &a;
	fake_send(f, &answer, NULL);
}

static void config_read(struct fake *f, uint64_t id, const Vfnd__ConfigReadRequest *op)
{
	Vfnd__ConfigReadAnswer a = VFND__CONFIG_READ_ANSWER__INIT;
	Vfnd__Answer answer = VFND__ANSWER__INIT;
	uint8_t config[256];

	for (int i = 0; i < 256; i++)
		config[i] = (uint8_t)i;
	a.data.data = config + (op->offset < 256 ? op->offset : 256);
	a.data.len = op->offset >= 256 ? 0 : op->length;
	if (op->offset < 256 && op->offset + a.data.len > 256)
		a.data.len = 256 - op->offset;
	answer.id = id;
	answer.body_case = VFND__ANSWER__BODY_CONFIG_READ;
	answer.config_read = &a;
	fake_send(f, &answer, NULL);
}

static void buffer_alloc(struct fake *f, uint64_t id, uint64_t size)
{
	int fd, i;

	for (i = 0; i < FAKE_BUFFERS && f->buffers[i].handle; i++)
		;
	if (i == FAKE_BUFFERS || size > 1 << 24) {
		fake_error(f, id, EDQUOT, "this user has too many buffers", "buffer_alloc.size");
		return;
	}
	size = (size + 4095) & ~UINT64_C(4095);
	fd = fake_memfd(size, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL);
	f->buffers[i].mem = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	must(f->buffers[i].mem != MAP_FAILED);
	f->buffers[i].size = size;
	f->buffers[i].handle = f->last_handle + 1;
	fake_buffer(f, id, size, fd);
	close(fd);
}

static int find_buffer(struct fake *f, uint64_t handle)
{
	for (int i = 0; i < FAKE_BUFFERS; i++)
		if (handle && f->buffers[i].handle == handle)
			return i;
	return -1;
}

static void drop_buffer(struct fake *f, int i)
{
	munmap(f->buffers[i].mem, f->buffers[i].size);
	f->buffers[i].handle = 0;
}

static void queue_create(struct fake *f, uint64_t id, uint32_t entries)
{
	Vfnd__QueueCreateAnswer a = VFND__QUEUE_CREATE_ANSWER__INIT;
	Vfnd__Answer answer = VFND__ANSWER__INIT;

	a.queue = ++f->last_handle;
	a.qid = 1;
	a.entries = entries ? entries : 64;
	answer.id = id;
	answer.body_case = VFND__ANSWER__BODY_QUEUE_CREATE;
	answer.queue_create = &a;
	fake_send(f, &answer, NULL);
}

static void open_device(struct fake *f, uint64_t id, const char *address)
{
	Vfnd__OpenAnswer a = VFND__OPEN_ANSWER__INIT;
	Vfnd__Answer answer = VFND__ANSWER__INIT;

	if (*address && strcmp(address, FAKE_ADDRESS) != 0) {
		fake_error(f, id, ENODEV, "there is no such device: vfnctl list shows them",
			   "open.address");
		return;
	}
	a.device = ++f->last_handle;
	a.address = (char *)FAKE_ADDRESS;
	answer.id = id;
	answer.body_case = VFND__ANSWER__BODY_OPEN;
	answer.open = &a;
	fake_send(f, &answer, NULL);
}

static void subscribe(struct fake *f, uint64_t id)
{
	Vfnd__SubscribeAnswer a = VFND__SUBSCRIBE_ANSWER__INIT;
	Vfnd__Answer answer = VFND__ANSWER__INIT;

	f->subscription = ++f->last_handle;
	f->sequence = 0;
	a.subscription = f->subscription;
	answer.id = id;
	answer.body_case = VFND__ANSWER__BODY_SUBSCRIBE;
	answer.subscribe = &a;
	fake_send(f, &answer, NULL);
}

static void statistics(struct fake *f, uint64_t id, uint64_t device)
{
	Vfnd__StatisticsAnswer a = VFND__STATISTICS_ANSWER__INIT;
	Vfnd__Answer answer = VFND__ANSWER__INIT;

	a.sessions = 1;
	a.sessions_total = 7;
	a.requests = 100;
	a.fds = 20;
	a.uptime_ns = 12345678900;
	a.submitted = device ? 50 : 0;
	a.completed = device ? 49 : 0;
	answer.id = id;
	answer.body_case = VFND__ANSWER__BODY_STATISTICS;
	answer.statistics = &a;
	fake_send(f, &answer, NULL);
}

static void tally(struct fake *f, uint64_t id, const Vfnd__TallyRequest *op)
{
	Vfnd__Answer answer = VFND__ANSWER__INIT;
	Vfnd__TallyAnswer a;

	if (*op->address && strcmp(op->address, FAKE_ADDRESS) != 0) {
		fake_error(f, id, ENODEV, "no such device", "tally.address");
		return;
	}
	canned_tally(op, &a);
	answer.id = id;
	answer.body_case = VFND__ANSWER__BODY_TALLY;
	answer.tally = &a;
	fake_send(f, &answer, NULL);
}

static void admin(struct fake *f, uint64_t id, const Vfnd__CommandRequest *op)
{
	Vfnd__CommandAnswer a = VFND__COMMAND_ANSWER__INIT;
	uint64_t offset = op->cdw12 | (uint64_t)op->cdw13 << 32;
	static _Thread_local uint8_t data[FAKE_INLINE], page[4096];

	memset(data, 0, sizeof(data));
	switch (op->opcode) {
	case nvme_admin_identify:
		if (!canned_identify((uint8_t)op->cdw10, op->nsid, data))
			a.status = 0x400b;
		break;
	case nvme_admin_get_log_page:
		if (!canned_log((uint8_t)op->cdw10, page))
			a.status = 0x4109;
		if (offset < sizeof(page))
			memcpy(data, page + offset, sizeof(page) - offset);
		break;
	case nvme_admin_get_features:
		a.dw0 = 0x003f003f;
		break;
	case 0x44:
		a.status = 0x4001;
		break;
	default: /* all else succeeds; a test looks at what was sent */
		a.dw0 = 7;
		for (size_t i = 0; i < sizeof(data); i++)
			data[i] = (uint8_t)i;
		break;
	}
	if (!a.status && !op->buffer && op->length && !op->data.len && op->length <= sizeof(data)) {
		a.data.data = data;
		a.data.len = op->length;
	}
	command_answer(f, id, &a);
}

static void io(struct fake *f, uint64_t id, const Vfnd__CommandRequest *op)
{
	Vfnd__CommandAnswer a = VFND__COMMAND_ANSWER__INIT;
	uint64_t slba = op->cdw10 | (uint64_t)op->cdw11 << 32;
	size_t len = ((op->cdw12 & 0xffff) + 1) * BLOCK;
	int i = find_buffer(f, op->buffer);
	uint8_t *mem;

	if (op->opcode != nvme_cmd_read && op->opcode != nvme_cmd_write &&
	    op->opcode != nvme_cmd_compare) {
		a.status = op->opcode == 0x44 ? 0x4001 : 0;
	} else if (slba + len / BLOCK > FAKE_BLOCKS) {
		a.status = 0x4080;
	} else if (op->nsid != 1) {
		a.status = 0x400b;
	} else if (i < 0 && op->opcode == nvme_cmd_write) {
		must(op->data.len == len);
		memcpy(store + slba * BLOCK, op->data.data, len);
	} else if (i < 0) {
		a.data.data = store + slba * BLOCK;
		a.data.len = op->length;
	} else {
		must(op->length == len);
		mem = f->buffers[i].mem + op->offset;
		if (op->opcode == nvme_cmd_read)
			memcpy(mem, store + slba * BLOCK, len);
		else if (op->opcode == nvme_cmd_compare)
			a.status = memcmp(mem, store + slba * BLOCK, len) ? 0x285 : 0;
		else
			memcpy(store + slba * BLOCK, mem, len);
	}
	command_answer(f, id, &a);
}

void fake_answer(struct fake *f, const Vfnd__Request *req)
{
	int i;

	switch ((int)req->op_case) {
	case VFND__REQUEST__OP_HELLO:
		hello(f, req->id);
		break;
	case VFND__REQUEST__OP_LIST:
		list(f, req->id);
		break;
	case VFND__REQUEST__OP_OPEN:
		open_device(f, req->id, req->open->address);
		break;
	case VFND__REQUEST__OP_DEVICE_INFO:
		device_info(f, req->id);
		break;
	case VFND__REQUEST__OP_REGISTER_READ:
		register_read(f, req->id, req->register_read);
		break;
	case VFND__REQUEST__OP_CONFIG_READ:
		config_read(f, req->id, req->config_read);
		break;
	case VFND__REQUEST__OP_BUFFER_ALLOC:
		buffer_alloc(f, req->id, req->buffer_alloc->size);
		break;
	case VFND__REQUEST__OP_BUFFER_FREE:
		i = find_buffer(f, req->buffer_free->buffer);
		if (i >= 0)
			drop_buffer(f, i);
		fake_done(f, req->id);
		break;
	case VFND__REQUEST__OP_QUEUE_CREATE:
		queue_create(f, req->id, req->queue_create->entries);
		break;
	case VFND__REQUEST__OP_ADMIN:
		admin(f, req->id, req->admin);
		break;
	case VFND__REQUEST__OP_IO:
		io(f, req->id, req->io);
		break;
	case VFND__REQUEST__OP_SUBSCRIBE:
		subscribe(f, req->id);
		break;
	case VFND__REQUEST__OP_STATISTICS:
		statistics(f, req->id, req->statistics->device);
		break;
	case VFND__REQUEST__OP_TRACE_OPEN:
		fake_trace(f, req->id);
		break;
	case VFND__REQUEST__OP_TALLY:
		tally(f, req->id, req->tally);
		break;
	default:
		fake_done(f, req->id);
		break;
	}
}

void fake_serve(struct fake *f, int sock)
{
	uint8_t *buf = malloc(FRAME_MAX);

	f->sock = sock;
	for (;;) {
		struct fdset fds = FDSET_INIT;
		ssize_t n = frame_recv(sock, buf, FRAME_MAX, &fds, 0);
		Vfnd__Request *req;

		if (n <= 0)
			break;
		must(fds.n == 0);
		req = vfnd__request__unpack(NULL, (size_t)n, buf);
		must(req);
		must(req->id != 0);
		f->count[req->op_case]++;
		if (!f->hook || !f->hook(f, req))
			fake_answer(f, req);
		vfnd__request__free_unpacked(req, NULL);
	}
	for (int i = 0; i < FAKE_BUFFERS; i++)
		if (f->buffers[i].handle)
			drop_buffer(f, i);
	free(buf);
	close(sock);
}

static void *thread(void *arg)
{
	struct fake *f = arg;

	fake_serve(f, f->sock);
	return NULL;
}

int fake_start(struct fake *f, bool (*hook)(struct fake *f, const Vfnd__Request *req))
{
	int sv[2];

	memset(f, 0, sizeof(*f));
	must(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, sv) == 0);
	f->hook = hook;
	f->sock = sv[1];
	must(pthread_create(&f->thread, NULL, thread, f) == 0);
	return sv[0];
}

void fake_stop(struct fake *f)
{
	must(pthread_join(f->thread, NULL) == 0);
}
