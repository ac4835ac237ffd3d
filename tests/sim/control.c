/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"

#include "control.h"
#include "cmd.h"

#include <errno.h>
#include <json-c/json.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define CONTROL_WORDS 20

/* Statistics name every queue that ever took a command. */
#define CONTROL_ANSWER 65536

static void control_say(char *out, size_t room, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

static void control_say(char *out, size_t room, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(out, room, fmt, ap);
	va_end(ap);
}

static bool control_number(const char *word, unsigned long max, unsigned long *v)
{
	char *end;

	if (!word || *word < '0' || *word > '9')
		return false;
	errno = 0;
	*v = strtoul(word, &end, 0);
	return !errno && !*end && *v <= max;
}

static void control_add(struct json_object *o, const char *name, uint64_t v)
{
	json_object_object_add(o, name, json_object_new_int64(v));
}

static void control_stats(struct control *ctl, char *out, size_t room)
{
	struct ctrl *c = ctl->c;
	struct json_object *o = json_object_new_object(), *qs = json_object_new_array();

	control_add(o, "clients", c->stats.clients);
	json_object_object_add(o, "connected", json_object_new_boolean(*ctl->connected));
	json_object_object_add(o, "ready", json_object_new_boolean(c->csts & 1));
	json_object_object_add(o, "fatal", json_object_new_boolean(c->csts >> 1 & 1));
	control_add(o, "resets", c->stats.resets);
	control_add(o, "shutdowns", c->stats.shutdowns);
	control_add(o, "io_sqs", c->nsq ? c->nsq - 1 : 0);
	control_add(o, "io_cqs", c->ncq ? c->ncq - 1 : 0);
	control_add(o, "mappings", c->dma.n);
	control_add(o, "mapped_bytes", c->dma.bytes);
	control_add(o, "dma_faults", c->dma.faults);
	control_add(o, "outstanding", c->nheld);
	control_add(o, "event_requests", c->aer.waiting);
	control_add(o, "events_queued", c->aer.n);
	control_add(o, "interrupts", c->irq.raised);
	control_add(o, "late_interrupts", c->irq.late);
	control_add(o, "interrupts_waiting", c->irq.due != UINT64_MAX);
	control_add(o, "vectors", c->irq.nfds);
	control_add(o, "mask_accesses", c->stats.mask_accesses);
	control_add(o, "errors", c->stats.errors);
	control_add(o, "admin_commands", c->stats.admin_commands);
	control_add(o, "io_commands", c->stats.io_commands);
	control_add(o, "reads", c->stats.reads);
	control_add(o, "writes", c->stats.writes);
	control_add(o, "doorbell_messages", c->stats.doorbell_messages);
	control_add(o, "sleeps", c->stats.sleeps);
	control_add(o, "faults", c->faults.n);
	control_add(o, "fault_hits", c->faults.hits);
	json_object_object_add(o, "hmb", json_object_new_boolean(c->hmb.enabled));
	control_add(o, "hmb_pages", c->hmb.enabled ? c->hmb.pages : 0);
	control_add(o, "hmb_chunks", c->hmb.enabled ? c->hmb.n : 0);
	control_add(o, "hmb_checked", c->hmb.checked);
	control_add(o, "hmb_errors", c->hmb.errors);
	json_object_object_add(o, "cmb", json_object_new_boolean(cmb_on(&c->dma)));
	json_object_object_add(o, "lost", json_object_new_boolean(c->lost != 0));
	json_object_object_add(o, "shadow_doorbells", json_object_new_boolean(c->dbbuf));
	for (unsigned int i = 0; i < c->nsq; i++) {
		struct json_object *q = json_object_new_object();
		const struct sq *sq = &c->sq[c->live_sq[i]];

		control_add(q, "qid", sq->qid);
		control_add(q, "commands", sq->commands);
		control_add(q, "outstanding", sq->held);
		json_object_array_add(qs, q);
	}
	json_object_object_add(o, "queues", qs);
	control_say(out, room, "ok %s", json_object_to_json_string_ext(o, JSON_C_TO_STRING_PLAIN));
	json_object_put(o);
}

static void control_event(struct control *ctl, char **w, unsigned int n, char *out, size_t room)
{
	unsigned long type, info, lid;

	if (n != 4 || !control_number(w[1], 7, &type) || !control_number(w[2], 255, &info) ||
	    !control_number(w[3], 255, &lid)) {
		control_say(out, room, "error: event TYPE(0-7) INFO(0-255) LID(0-255)");
		return;
	}
	if (!ctrl_running(ctl->c)) {
		control_say(out, room, "error: the controller is not enabled");
		return;
	}
	aer_raise(ctl->c, type, info, lid);
	control_say(out, room, "ok");
}

/* "on" or "off", "down" or "up": what is lost, or comes back. */
static void control_lost(struct control *ctl, char **w, unsigned int n, char *out, size_t room)
{
	bool link = !strcmp(w[0], "link");
	const char *lose = link ? "down" : "on", *find = link ? "up" : "off";
	unsigned int how = link ? CTRL_LINK_DOWN : CTRL_ONES;

	if (n == 2 && !strcmp(w[1], lose)) {
		ctrl_lose(ctl->c, how);
	} else if (n == 2 && !strcmp(w[1], find)) {
		ctrl_find(ctl->c, how);
	} else {
		control_say(out, room, "error: %s %s|%s, or %s admin|io OPCODE N", w[0], lose, find,
			    w[0]);
		return;
	}
	control_say(out, room, "ok");
}

static void control_slow(struct control *ctl, char **w, unsigned int n, char *out, size_t room)
{
	unsigned long ms, times = 1;

	if (n < 2 || n > 3 || !control_number(w[1], 86400000, &ms) ||
	    (n == 3 && !control_number(w[2], UINT32_MAX - 1, &times))) {
		control_say(out, room, "error: slow-ready MS [TIMES]; TIMES 0: from now on");
		return;
	}
	ctl->c->slow_ms = ms;
	ctl->c->slow_times = times ? times : UINT32_MAX;
	control_say(out, room, "ok");
}

/* The rules that wait, as lines, with what they have done. */
static void control_list(struct control *ctl, char *out, size_t room)
{
	struct json_object *all = json_object_new_array();

	for (unsigned int i = 0; i < ctl->c->faults.n; i++) {
		const struct fault *f = &ctl->c->faults.list[i];
		struct json_object *o = json_object_new_object();
		char line[256];

		fault_print(f, line, sizeof(line));
		control_add(o, "id", f->id);
		json_object_object_add(o, "rule", json_object_new_string(line));
		control_add(o, "hits", f->hits);
		json_object_array_add(all, o);
	}
	control_say(out, room, "ok %s",
		    json_object_to_json_string_ext(all, JSON_C_TO_STRING_PLAIN));
	json_object_put(all);
}

static void control_clear(struct control *ctl, char **w, unsigned int n, char *out, size_t room)
{
	unsigned long id;

	if (n == 1) {
		fault_clear(&ctl->c->faults);
		ctl->c->slow_times = 0;
	} else if (n != 2 || !control_number(w[1], UINT32_MAX, &id)) {
		control_say(out, room, "error: clear [ID]");
		return;
	} else if (fault_remove(&ctl->c->faults, id) < 0) {
		control_say(out, room, "error: there is no fault %lu (list tells which there are)",
			    id);
		return;
	}
	control_say(out, room, "ok");
}

static void control_fault(struct control *ctl, char **w, unsigned int n, char *out, size_t room)
{
	char why[160];
	struct fault f;

	if (fault_parse(&f, w, n, why, sizeof(why)) < 0)
		control_say(out, room, "error: %s", why);
	else if (fault_add(&ctl->c->faults, &f) < 0)
		control_say(out, room, "error: %d faults wait already", FAULT_MAX);
	else
		control_say(out, room, "ok");
}

/* I/O queues are left alone, so that a test can fill them all before the first command is taken. */
static void control_hold(struct control *ctl, char **w, unsigned int n, char *out, size_t room)
{
	if (n != 2 || (strcmp(w[1], "on") && strcmp(w[1], "off"))) {
		control_say(out, room, "error: hold on|off");
		return;
	}
	arbiter_hold(ctl->c, !strcmp(w[1], "on"));
	control_say(out, room, "ok");
}

static void control_order(struct control *ctl, char *out, size_t room)
{
	control_say(out, room, "ok ");
	arbiter_print(ctl->c, out + 3, room - 3);
}

/* How self-tests end from now on. */
static void control_self_test(struct control *ctl, char **w, unsigned int n, char *out, size_t room)
{
	unsigned long result, segment = 0;

	if (n < 2 || n > 3 || !control_number(w[1], 14, &result) ||
	    (n == 3 && !control_number(w[2], 255, &segment))) {
		control_say(out, room, "error: self-test-result RESULT(0-14) [SEGMENT(0-255)]");
		return;
	}
	ctl->c->selftest.fail = result;
	ctl->c->selftest.segment = segment;
	control_say(out, room, "ok");
}

/* Some words are faults, or happen at once where no command is named that they wait for. */
static bool control_is_immediate(char **w, unsigned int n)
{
	if (!strcmp(w[0], "cfs"))
		return n == 1;
	if (strcmp(w[0], "ones") && strcmp(w[0], "link") && strcmp(w[0], "event"))
		return false;
	return n == 1 || (strcmp(w[1], "admin") && strcmp(w[1], "io"));
}

static bool control_stands_alone(const char *command)
{
	static const char *const alone[] = {"release", "list", "sanitize-fails", "order", "stats", "help"};

	for (size_t i = 0; i < sizeof(alone) / sizeof(alone[0]); i++)
		if (!strcmp(command, alone[i]))
			return true;
	return false;
}

void control_line(struct control *ctl, char *line, char *out, size_t room)
{
	char *w[CONTROL_WORDS], *save = NULL;
	unsigned int n = 0;
	unsigned long v;

	for (char *t = strtok_r(line, " \t\r", &save); t && n < CONTROL_WORDS;
	     t = strtok_r(NULL, " \t\r", &save))
		w[n++] = t;
	if (!n) {
		control_say(out, room, "error: an empty line (help lists the commands)");
	} else if (fault_is_kind(w[0]) && !control_is_immediate(w, n)) {
		control_fault(ctl, w, n, out, room);
	} else if (!strcmp(w[0], "cfs")) {
		ctrl_fatal(ctl->c, "it has been asked for");
		control_say(out, room, "ok");
	} else if (!strcmp(w[0], "ones") || !strcmp(w[0], "link")) {
		control_lost(ctl, w, n, out, room);
	} else if (!strcmp(w[0], "slow-ready")) {
		control_slow(ctl, w, n, out, room);
	} else if (!strcmp(w[0], "release") && n == 1) {
		irq_request(&ctl->c->irq);
		control_say(out, room, "ok");
	} else if (!strcmp(w[0], "list") && n == 1) {
		control_list(ctl, out, room);
	} else if (!strcmp(w[0], "event")) {
		control_event(ctl, w, n, out, room);
	} else if (!strcmp(w[0], "smart-warning")) {
		if (n != 2 || !control_number(w[1], 255, &v)) {
			control_say(out, room, "error: smart-warning BITS(0-255)");
			return;
		}
		aer_smart(ctl->c, v);
		control_say(out, room, "ok");
	} else if (!strcmp(w[0], "sanitize-fails") && n == 1) {
		ctl->c->sanitize.fail = true;
		control_say(out, room, "ok");
	} else if (!strcmp(w[0], "hold")) {
		control_hold(ctl, w, n, out, room);
	} else if (!strcmp(w[0], "order") && n == 1) {
		control_order(ctl, out, room);
	} else if (!strcmp(w[0], "self-test-result")) {
		control_self_test(ctl, w, n, out, room);
	} else if (!strcmp(w[0], "clear")) {
		control_clear(ctl, w, n, out, room);
	} else if (!strcmp(w[0], "stats") && n == 1) {
		control_stats(ctl, out, room);
	} else if (!strcmp(w[0], "help") && n == 1) {
		control_say(
			out, room,
			"ok status admin|io OPCODE N SCT SC [dnr]; delay admin|io OPCODE N MS; "
			"drop admin|io OPCODE N [stuck]; twice admin|io OPCODE N; "
			"cid admin|io OPCODE N [CID]; corrupt admin|io OPCODE N [BYTE]; "
			"event admin|io OPCODE N TYPE INFO LID; cfs [admin|io OPCODE N]; "
			"ones on|off|admin|io [OPCODE N]; link down|up|admin|io [OPCODE N]; "
			"all of these with nsid=N lba=FIRST-LAST times=N chance=P seed=N; "
			"event TYPE INFO LID; slow-ready MS [TIMES]; release; list; "
			"smart-warning BITS; sanitize-fails; self-test-result RESULT [SEGMENT]; "
			"hold on|off; order; clear [ID]; stats; help");
	} else if (control_stands_alone(w[0])) {
		control_say(out, room, "error: %s takes no argument", w[0]);
	} else {
		control_say(out, room, "error: unknown command '%s' (help lists them)", w[0]);
	}
}

int control_script(struct control *ctl, const char *path, char *why, size_t room)
{
	char line[CONTROL_LINE], out[256];
	FILE *f = fopen(path, "re");
	unsigned int number = 0;
	int err = 0;

	if (!f) {
		err = -errno;
		snprintf(why, room, "%s: %s", path, strerror(-err));
		return err;
	}
	while (!err && fgets(line, sizeof(line), f)) {
		char *text = line + strspn(line, " \t\r\n");

		number++;
		if (!*text || *text == '#')
			continue;
		text[strcspn(text, "\n")] = 0;
		control_line(ctl, text, out, sizeof(out));
		if (!strncmp(out, "ok", 2))
			continue;
		err = -EINVAL;
		snprintf(why, room, "%s:%u: %s", path, number, out);
	}
	if (!err && ferror(f)) {
		err = -EIO;
		snprintf(why, room, "%s: it cannot be read", path);
	}
	fclose(f);
	return err;
}

void control_init(struct control *ctl, int fd, struct ctrl *c, const bool *connected)
{
	memset(ctl, 0, sizeof(*ctl));
	ctl->fd = fd;
	ctl->c = c;
	ctl->connected = connected;
	for (unsigned int i = 0; i < CONTROL_CLIENTS; i++)
		ctl->client[i].fd = -1;
}

static void control_close(struct control_client *cl)
{
	if (cl->fd >= 0)
		close(cl->fd);
	cl->fd = -1;
	cl->len = 0;
}

void control_fini(struct control *ctl)
{
	for (unsigned int i = 0; i < CONTROL_CLIENTS; i++)
		control_close(&ctl->client[i]);
	if (ctl->fd >= 0)
		close(ctl->fd);
	ctl->fd = -1;
}

unsigned int control_poll_set(struct control *ctl, struct pollfd *p)
{
	unsigned int n = 0;

	if (ctl->fd < 0)
		return 0;
	p[n++] = (struct pollfd){ctl->fd, POLLIN, 0};
	for (unsigned int i = 0; i < CONTROL_CLIENTS; i++) {
		if (ctl->client[i].fd >= 0)
			p[n++] = (struct pollfd){ctl->client[i].fd, POLLIN, 0};
	}
	return n;
}

static void control_accept(struct control *ctl)
{
	int fd = accept4(ctl->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

	if (fd < 0)
		return;
	for (unsigned int i = 0; i < CONTROL_CLIENTS; i++) {
		if (ctl->client[i].fd < 0) {
			ctl->client[i].fd = fd;
			return;
		}
	}
	close(fd);
}

static void control_read(struct control *ctl, struct control_client *cl)
{
	static char out[CONTROL_ANSWER];
	ssize_t n = recv(cl->fd, cl->line + cl->len, sizeof(cl->line) - cl->len, MSG_DONTWAIT);
	char *nl;

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0) {
		control_close(cl);
		return;
	}
	cl->len += n;
	while ((nl = memchr(cl->line, '\n', cl->len))) {
		size_t used = nl - cl->line + 1, len;

		*nl = 0;
		control_line(ctl, cl->line, out, sizeof(out) - 1);
		len = strlen(out);
		out[len++] = '\n';
		/* Whoever asks and does not read is not waited for. */
		if (send(cl->fd, out, len, MSG_DONTWAIT | MSG_NOSIGNAL) != (ssize_t)len) {
			control_close(cl);
			return;
		}
		cl->len -= used;
		memmove(cl->line, cl->line + used, cl->len);
	}
	if (cl->len == sizeof(cl->line))
		control_close(cl);
}

void control_handle(struct control *ctl, const struct pollfd *p, unsigned int n)
{
	for (unsigned int i = 0; i < n; i++) {
		if (!p[i].revents)
			continue;
		if (p[i].fd == ctl->fd) {
			control_accept(ctl);
			continue;
		}
		for (unsigned int k = 0; k < CONTROL_CLIENTS; k++) {
			if (ctl->client[k].fd == p[i].fd)
				control_read(ctl, &ctl->client[k]);
		}
	}
}

int control_tell(const char *path, char *const *lines, int n)
{
	struct sockaddr_un sa = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0), status = 0;
	FILE *f;

	if (strlen(path) >= sizeof(sa.sun_path)) {
		fprintf(stderr, "vfnd-sim: %s: the path is too long for a socket\n", path);
		return 1;
	}
	strcpy(sa.sun_path, path);
	if (fd < 0 || connect(fd, (struct sockaddr *)&sa, sizeof(sa)) < 0 ||
	    !(f = fdopen(fd, "r+"))) {
		fprintf(stderr, "vfnd-sim: %s: %s\n", path, strerror(errno));
		return 1;
	}
	for (int i = 0; i < n; i++) {
		char *answer = NULL;
		size_t room = 0;

		fprintf(f, "%s\n", lines[i]);
		fflush(f);
		if (getline(&answer, &room, f) <= 0) {
			fprintf(stderr, "vfnd-sim: %s: closed without an answer\n", path);
			status = 1;
		} else {
			fputs(answer, stdout);
			if (strncmp(answer, "ok", 2))
				status = 1;
		}
		free(answer);
		if (status)
			break;
	}
	fclose(f);
	return status;
}
