/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "host.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "daemon/journal.h"
#include "daemon/rpc/rpc.h"

struct host host;

static uint64_t host_number;

static void host_ended(void *arg, struct session *s)
{
	host.ended++;
	host.last_ended = s;
}

static void host_idle(void *arg)
{
	host.idle++;
}

static uint64_t host_sessions(void)
{
	return host_number - host.ended;
}

static uint64_t host_sessions_total(void)
{
	return host_number;
}

static void host_nothing(void *arg)
{
}

void host_start(void)
{
	journal_open(-1);
	memset(&host, 0, sizeof(host));
	host_number = 0;
	host.base = event_base_new();
	if (!host.base || config_init(&host.config) < 0)
		abort();
	devices_init(&host.devices, host.base, &host.config);
	host.devices.settled = host.devices.drained = host_nothing;
	host.session = (struct session_host){
		.base = host.base,
		.config = &host.config,
		.packet = rpc_packet,
		.room = rpc_events_room,
		.ended = host_ended,
		.idle = host_idle,
	};
	memset(&rpc_host, 0, sizeof(rpc_host));
	rpc_host.devices = &host.devices;
	rpc_host.sessions = host_sessions;
	rpc_host.sessions_total = host_sessions_total;
}

void host_stop(void)
{
	event_base_free(host.base);
	config_free(&host.config);
	libevent_global_shutdown();
}

int host_connect(struct session **session, int *client)
{
	int sv[2], ret;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, sv) < 0)
		abort();
	ret = session_create(&host.session, sv[0], ++host_number, session);
	if (ret < 0)
		close(sv[1]);
	else
		*client = sv[1];
	return ret;
}

void host_turn(void)
{
	for (int i = 0; i < 3; i++)
		event_base_loop(host.base, EVLOOP_NONBLOCK);
}

int host_fds(void)
{
	int n = 0;

	for (int fd = 0; fd < 1024; fd++)
		n += fcntl(fd, F_GETFD) >= 0;
	return n;
}

size_t sample_count(void)
{
	size_t n = 0;

	while (rpc_table[n].handler)
		n++;
	return n;
}

const char *sample_name(size_t i)
{
	return rpc_table[i].name;
}

static void sample_command(Vfnd__CommandRequest *c)
{
	c->device = 1;
	c->queue = 2;
	c->opcode = 2;
	c->nsid = 1;
	c->cdw10 = 0x1000;
	c->cdw12 = 7;
	c->timeout_ms = 1000;
	c->buffer = 3;
	c->length = 4096;
	c->data.data = (uint8_t *)"inline";
	c->data.len = 6;
}

size_t sample_pack(size_t i, uint64_t id, uint8_t *buf)
{
	Vfnd__Request r = VFND__REQUEST__INIT;
	Vfnd__HelloRequest hello = VFND__HELLO_REQUEST__INIT;
	Vfnd__ListRequest list = VFND__LIST_REQUEST__INIT;
	Vfnd__OpenRequest open = VFND__OPEN_REQUEST__INIT;
	Vfnd__CloseRequest close = VFND__CLOSE_REQUEST__INIT;
	Vfnd__DeviceInfoRequest device_info = VFND__DEVICE_INFO_REQUEST__INIT;
	Vfnd__RegisterReadRequest register_read = VFND__REGISTER_READ_REQUEST__INIT;
	Vfnd__ConfigReadRequest config_read = VFND__CONFIG_READ_REQUEST__INIT;
	Vfnd__BufferAllocRequest buffer_alloc = VFND__BUFFER_ALLOC_REQUEST__INIT;
	Vfnd__BufferFreeRequest buffer_free = VFND__BUFFER_FREE_REQUEST__INIT;
	Vfnd__QueueCreateRequest queue_create = VFND__QUEUE_CREATE_REQUEST__INIT;
	Vfnd__QueueDeleteRequest queue_delete = VFND__QUEUE_DELETE_REQUEST__INIT;
	Vfnd__CommandRequest command = VFND__COMMAND_REQUEST__INIT;
	Vfnd__SubscribeRequest subscribe = VFND__SUBSCRIBE_REQUEST__INIT;
	Vfnd__UnsubscribeRequest unsubscribe = VFND__UNSUBSCRIBE_REQUEST__INIT;
	Vfnd__StatisticsRequest statistics = VFND__STATISTICS_REQUEST__INIT;
	Vfnd__CancelRequest cancel = VFND__CANCEL_REQUEST__INIT;
	Vfnd__BarReadRequest bar_read = VFND__BAR_READ_REQUEST__INIT;
	Vfnd__BarWriteRequest bar_write = VFND__BAR_WRITE_REQUEST__INIT;
	Vfnd__ConfigWriteRequest config_write = VFND__CONFIG_WRITE_REQUEST__INIT;
	Vfnd__DoorbellRequest doorbell = VFND__DOORBELL_REQUEST__INIT;
	Vfnd__RawCommandRequest raw_command = VFND__RAW_COMMAND_REQUEST__INIT;
	Vfnd__RawQueueRequest raw_queue = VFND__RAW_QUEUE_REQUEST__INIT;
	static uint8_t sqe[64] = {6};
	Vfnd__ResetRequest reset = VFND__RESET_REQUEST__INIT;
	Vfnd__DisableRequest disable = VFND__DISABLE_REQUEST__INIT;
	Vfnd__EnableRequest enable = VFND__ENABLE_REQUEST__INIT;
	Vfnd__ClaimRequest claim = VFND__CLAIM_REQUEST__INIT;
	Vfnd__ReleaseRequest release = VFND__RELEASE_REQUEST__INIT;
	Vfnd__BufferAttachRequest buffer_attach = VFND__BUFFER_ATTACH_REQUEST__INIT;
	Vfnd__BarMapRequest bar_map = VFND__BAR_MAP_REQUEST__INIT;
	Vfnd__InterruptCreateRequest interrupt_create = VFND__INTERRUPT_CREATE_REQUEST__INIT;
	Vfnd__InterruptMaskRequest interrupt_mask = VFND__INTERRUPT_MASK_REQUEST__INIT;
	Vfnd__InterruptFreeRequest interrupt_free = VFND__INTERRUPT_FREE_REQUEST__INIT;
	Vfnd__TallyRequest tally = VFND__TALLY_REQUEST__INIT;
	Vfnd__TraceOpenRequest trace_open = VFND__TRACE_OPEN_REQUEST__INIT;
	Vfnd__TraceCloseRequest trace_close = VFND__TRACE_CLOSE_REQUEST__INIT;
	char *features[] = {(char *)"one", (char *)"another"};
	void *const bodies[] = {
		[VFND__REQUEST__OP_HELLO] = &hello,
		[VFND__REQUEST__OP_LIST] = &list,
		[VFND__REQUEST__OP_OPEN] = &open,
		[VFND__REQUEST__OP_CLOSE] = &close,
		[VFND__REQUEST__OP_DEVICE_INFO] = &device_info,
		[VFND__REQUEST__OP_REGISTER_READ] = &register_read,
		[VFND__REQUEST__OP_CONFIG_READ] = &config_read,
		[VFND__REQUEST__OP_BUFFER_ALLOC] = &buffer_alloc,
		[VFND__REQUEST__OP_BUFFER_FREE] = &buffer_free,
		[VFND__REQUEST__OP_QUEUE_CREATE] = &queue_create,
		[VFND__REQUEST__OP_QUEUE_DELETE] = &queue_delete,
		[VFND__REQUEST__OP_ADMIN] = &command,
		[VFND__REQUEST__OP_IO] = &command,
		[VFND__REQUEST__OP_SUBSCRIBE] = &subscribe,
		[VFND__REQUEST__OP_UNSUBSCRIBE] = &unsubscribe,
		[VFND__REQUEST__OP_STATISTICS] = &statistics,
		[VFND__REQUEST__OP_CANCEL] = &cancel,
		[VFND__REQUEST__OP_BAR_READ] = &bar_read,
		[VFND__REQUEST__OP_BAR_WRITE] = &bar_write,
		[VFND__REQUEST__OP_CONFIG_WRITE] = &config_write,
		[VFND__REQUEST__OP_DOORBELL] = &doorbell,
		[VFND__REQUEST__OP_RAW_COMMAND] = &raw_command,
		[VFND__REQUEST__OP_RAW_QUEUE] = &raw_queue,
		[VFND__REQUEST__OP_RESET] = &reset,
		[VFND__REQUEST__OP_DISABLE] = &disable,
		[VFND__REQUEST__OP_ENABLE] = &enable,
		[VFND__REQUEST__OP_CLAIM] = &claim,
		[VFND__REQUEST__OP_RELEASE] = &release,
		[VFND__REQUEST__OP_TALLY] = &tally,
		[VFND__REQUEST__OP_TRACE_OPEN] = &trace_open,
		[VFND__REQUEST__OP_TRACE_CLOSE] = &trace_close,
		[VFND__REQUEST__OP_BUFFER_ATTACH] = &buffer_attach,
		[VFND__REQUEST__OP_BAR_MAP] = &bar_map,
		[VFND__REQUEST__OP_INTERRUPT_CREATE] = &interrupt_create,
		[VFND__REQUEST__OP_INTERRUPT_MASK] = &interrupt_mask,
		[VFND__REQUEST__OP_INTERRUPT_FREE] = &interrupt_free,
	};

	hello.version = 1;
	hello.features = features;
	hello.n_features = 2;
	hello.program = (char *)"sample";
	open.address = (char *)"0000:01:00.0";
	close.device = device_info.device = register_read.device = config_read.device = 1;
	buffer_alloc.device = queue_create.device = subscribe.device = statistics.device = 1;
	bar_read.device = bar_write.device = config_write.device = doorbell.device = 1;
	bar_read.width = bar_write.width = config_write.width = 4;
	bar_read.length = 64;
	bar_write.data.data = config_write.data.data = (uint8_t *)"four";
	bar_write.data.len = config_write.data.len = 4;
	doorbell.qid = 1;
	raw_command.device = raw_queue.device = 1;
	raw_command.sqe.data = sqe;
	reset.device = disable.device = enable.device = 1;
	claim.address = (char *)"none";
	release.address = (char *)"0000:01:00.0";
	tally.address = (char *)"0000:01:00.0";
	raw_command.sqe.len = sizeof(sqe);
	register_read.name = (char *)"cap";
	config_read.length = 64;
	buffer_alloc.size = 4096;
	trace_open.device = 1;
	trace_close.trace = 7;
	buffer_free.buffer = buffer_attach.buffer = 3;
	buffer_attach.device = bar_map.device = interrupt_create.device = 1;
	bar_map.length = 4096;
	interrupt_mask.interrupt = interrupt_free.interrupt = 6;
	queue_create.entries = 64;
	queue_delete.queue = 2;
	unsubscribe.subscription = 4;
	cancel.request = 5;
	sample_command(&command);
	r.id = id;
	r.op_case = rpc_table[i].op;
	if (r.op_case >= sizeof(bodies) / sizeof(bodies[0]) || !bodies[r.op_case])
		abort(); /* a new request wants a sample here */
	/* The members of the oneof are pointers in one union. */
	r.hello = bodies[r.op_case];
	if (vfnd__request__get_packed_size(&r) > SAMPLE_MAX)
		abort();
	return vfnd__request__pack(&r, buf);
}
