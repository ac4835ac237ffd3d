/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * vfnd-sim - a software NVMe controller served over vfio-user
 */
#include "config.h"

#include "control.h"
#include "server.h"
#include "sgl.h"

#include <argp.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

const char *argp_program_version = "vfnd-sim " PACKAGE_VERSION;

struct options {
	const char *socket;
	const char *control;
	const char *tell;
	const char *faults;
	int mps_max; /* -1: not said */
	const char *ns[CTRL_MAX_NS];
	unsigned int nns;
	char **lines;
	int nlines;
	struct ctrl_opts ctrl;
};

enum {
	OPT_NS = 0x100,
	OPT_NULL,
	OPT_QUEUES,
	OPT_SECONDARY,
	OPT_SERIAL,
	OPT_MODEL,
	OPT_MDTS,
	OPT_BLOCK,
	OPT_CMB,
	OPT_HMB,
	OPT_METADATA,
	OPT_PI,
	OPT_SGLS,
	OPT_NO_IRQ,
	OPT_NO_MSIX,
	OPT_SPIN,
	OPT_TELL,
	OPT_CAPACITY,
	OPT_MAX_NS,
	OPT_TIME,
	OPT_FAULTS,
	OPT_MPSMIN,
	OPT_MPSMAX,
	OPT_DSTRD,
	OPT_WRR,
};

static const struct argp_option main_options[] = {
	{"socket", 's', "PATH", 0, "Serve vfio-user on this socket", 0},
	{"control", 'c', "PATH", 0, "Take control commands on this socket", 0},
	{"ns", OPT_NS, "SIZE|PATH", 0,
	 "Add a namespace: memory of SIZE (64M, 1G, ...), or a file or block device", 0},
	{"capacity", OPT_CAPACITY, "SIZE", 0,
	 "Room for all namespaces, those that are created later too (default: what --ns takes)", 0},
	{"max-ns", OPT_MAX_NS, "N", 0,
	 "Namespaces that there can be, 1 to 32 (default 32 with --capacity, else those of --ns)",
	 0},
	{"null", OPT_NULL, NULL, 0,
	 "Keep nothing: reads and writes move no data (without --ns: one namespace of 1T)", 0},
	{"faults", OPT_FAULTS, "FILE", 0,
	 "Carry out the control commands of FILE before the first client, a line each", 0},
	{"queues", OPT_QUEUES, "N", 0, "I/O queue pairs, 1 to 511 (default 64)", 0},
	{"secondary", OPT_SECONDARY, "N", 0,
	 "Manage N secondary controllers, 0 (default) to 127, whose state is all that there is of them", 0},
	{"serial", OPT_SERIAL, "TEXT", 0, "Serial number, at most 20 characters", 0},
	{"model", OPT_MODEL, "TEXT", 0, "Model number, at most 40 characters", 0},
	{"mdts", OPT_MDTS, "N", 0,
	 "Largest transfer: the smallest memory page times 2 to the power N; 0: no limit (default "
	 "7)",
	 0},
	{"mpsmin", OPT_MPSMIN, "N", 0,
	 "Smallest memory page: 4096 bytes times 2 to the power N, 0 (default) to 15", 0},
	{"mpsmax", OPT_MPSMAX, "N", 0,
	 "Largest memory page, in the same way (default 4, or the smallest one)", 0},
	{"dstrd", OPT_DSTRD, "N", 0,
	 "Doorbell stride: 4 bytes times 2 to the power N, 0 (default) to 15", 0},
	{"wrr", OPT_WRR, NULL, 0, "Offer weighted round robin with an urgent class (CAP.AMS)", 0},
	{"block-size", OPT_BLOCK, "BYTES", 0, "Logical block size, 512 (default) or 4096", 0},
	{"cmb", OPT_CMB, "SIZE[,old]", 0,
	 "A controller memory buffer of SIZE, 4K to 2G; old: as before NVMe 1.4", 0},
	{"hmb", OPT_HMB, "MIN,PREFERRED", 0,
	 "Ask for a host memory buffer of these sizes, multiples of 4K up to 1G", 0},
	{"metadata", OPT_METADATA, "BYTES[,extended]", 0,
	 "Metadata of each block, 1 to 64 bytes, in a buffer apart or behind the block's data", 0},
	{"pi", OPT_PI, "TYPE[,first]", 0,
	 "Protection information of type 1, 2 or 3 in the last (or first) 8 bytes of the metadata",
	 0},
	{"sgls", OPT_SGLS, "BITS", 0,
	 "SGL support as Identify Controller has it; 0: no SGLs (default 0xb0001)", 0},
	{"no-interrupts", OPT_NO_IRQ, NULL, 0, "Have no interrupts: clients must look by themselves", 0},
	{"no-msix", OPT_NO_MSIX, NULL, 0, "Have no interrupt vectors (MSI-X), but a pin (INTx)", 0},
	{"time", OPT_TIME, "WHAT=MS", 0,
	 "How long it takes, in milliseconds: format (default 0), self-test (2000), "
	 "extended-self-test (10000), sanitize (1000 a pass), ready (0)",
	 0},
	{"spin-us", OPT_SPIN, "N", 0,
	 "Look for work for N microseconds after the last before sleeping, up to 60000000 (default "
	 "50)",
	 0},
	{"tell", OPT_TELL, "PATH", 0,
	 "Send the COMMANDs to the control socket of a running vfnd-sim and print the answers", 0},
	{0},
};

static unsigned int main_number(struct argp_state *state, const char *name, const char *arg,
				unsigned long min, unsigned long max)
{
	unsigned long v;
	char *end;

	errno = 0;
	v = strtoul(arg, &end, 0);
	if (errno || end == arg || *end || *arg == '-' || v < min || v > max)
		argp_error(state, "--%s: '%s' is not a number from %lu to %lu", name, arg, min,
			   max);
	return v;
}

static const char *main_text(struct argp_state *state, const char *name, const char *arg,
			     size_t max)
{
	size_t n = strlen(arg);

	if (!n || n > max)
		argp_error(state, "--%s: 1 to %zu characters are needed", name, max);
	for (const char *p = arg; *p; p++) {
		if (*p < 0x20 || *p > 0x7e)
			argp_error(state, "--%s: only printable ASCII characters", name);
	}
	return arg;
}

/* SIZE as for --ns, up to the character that ends it; what is behind that goes to *rest. */
static uint64_t main_size(struct argp_state *state, const char *name, const char *arg,
			  const char **rest)
{
	size_t n = strcspn(arg, ",");
	char text[32];
	uint64_t v;

	*rest = arg[n] ? arg + n + 1 : NULL;
	if (n < sizeof(text)) {
		memcpy(text, arg, n);
		text[n] = 0;
		if (!ns_parse_size(text, &v))
			return v;
	}
	argp_error(state, "--%s: '%s' does not begin with a size like 4M", name, arg);
	return 0;
}

static void main_cmb(struct argp_state *state, struct ctrl_opts *opts, const char *arg)
{
	const char *rest;
	uint64_t size = main_size(state, "cmb", arg, &rest);

	if (size < 4096 || size > CMB_SIZE_MAX || (size & (size - 1)))
		argp_error(state, "--cmb: '%s' is no power of two from 4K to 2G", arg);
	if (rest && strcmp(rest, "old"))
		argp_error(state, "--cmb: '%s': only 'old' can follow the size", arg);
	opts->cmb = size;
	opts->cmb_old = rest != NULL;
}

static void main_hmb(struct argp_state *state, struct ctrl_opts *opts, const char *arg)
{
	const char *second, *rest = NULL;
	uint64_t min = main_size(state, "hmb", arg, &second), preferred = 0;

	if (second)
		preferred = main_size(state, "hmb", second, &rest);
	if (!second || rest || min % HMB_UNIT || preferred % HMB_UNIT || min > preferred ||
	    preferred > 1ull << 30)
		argp_error(state, "--hmb: '%s' is not two multiples of 4K, the smaller one first",
			   arg);
	opts->hmb_min = min / HMB_UNIT;
	opts->hmb_preferred = preferred / HMB_UNIT;
}

static void main_metadata(struct argp_state *state, struct ns_format *format, const char *arg)
{
	size_t n = strcspn(arg, ",");
	char number[8] = "";

	if (n < sizeof(number))
		memcpy(number, arg, n);
	format->metadata = main_number(state, "metadata", number, 1, 64);
	format->extended = arg[n];
	if (arg[n] && strcmp(arg + n, ",extended"))
		argp_error(state, "--metadata: '%s': only 'extended' can follow the size", arg);
}

static void main_time(struct argp_state *state, struct ctrl_opts *opts, const char *arg)
{
	const struct {
		const char *name;
		uint32_t *ms;
		unsigned long min;
	} times[] = {
		{"format=", &opts->format_ms, 0},
		{"self-test=", &opts->short_test_ms, 1},
		{"extended-self-test=", &opts->extended_test_ms, 1},
		{"sanitize=", &opts->sanitize_ms, 1},
		{"ready=", &opts->ready_ms, 0},
	};

	for (unsigned int i = 0; i < sizeof(times) / sizeof(times[0]); i++) {
		size_t n = strlen(times[i].name);

		if (!strncmp(arg, times[i].name, n)) {
			*times[i].ms = main_number(state, "time", arg + n, times[i].min, 86400000);
			return;
		}
	}
	argp_error(state,
		   "--time: '%s' is none of format, self-test, extended-self-test, sanitize "
		   "and ready, with =MS",
		   arg);
}

static void main_end(struct argp_state *state, struct options *o)
{
	if (o->tell) {
		if (o->socket || o->nns || o->ctrl.format.null)
			argp_error(state, "--tell does not go with --socket, --ns or --null");
		if (!o->nlines)
			argp_error(state, "--tell needs a COMMAND, for instance: help");
		return;
	}
	if (o->nlines)
		argp_error(state, "'%s': a COMMAND needs --tell", o->lines[0]);
	if (!o->socket)
		argp_error(state, "--socket PATH is needed");
	if (!o->nns && o->ctrl.format.null)
		o->ns[o->nns++] = "1T";
	if (o->ctrl.format.pi && (o->ctrl.format.metadata < 8 || o->ctrl.format.null))
		argp_error(state, "--pi needs --metadata of at least 8 bytes, and no --null");
	if (o->mps_max >= 0 && (unsigned int)o->mps_max < o->ctrl.mps_min)
		argp_error(state, "--mpsmax is below --mpsmin");
	o->ctrl.mps_max = o->mps_max >= 0	? (unsigned int)o->mps_max
			  : o->ctrl.mps_min > 4 ? o->ctrl.mps_min
						: 4;
	if (!o->nns && !o->ctrl.capacity)
		argp_error(state, "--ns SIZE, --ns PATH, --null or --capacity is needed");
	if (!o->ctrl.max_ns)
		o->ctrl.max_ns = o->ctrl.capacity ? CTRL_MAX_NS : o->nns;
	if (o->ctrl.max_ns < o->nns)
		argp_error(state, "--max-ns: %u namespaces are given", o->nns);
}

static error_t main_option(int key, char *arg, struct argp_state *state)
{
	struct options *o = state->input;

	switch (key) {
	case 's':
		o->socket = arg;
		break;
	case 'c':
		o->control = arg;
		break;
	case OPT_NS:
		if (o->nns == CTRL_MAX_NS)
			argp_error(state, "--ns: at most %d namespaces", CTRL_MAX_NS);
		o->ns[o->nns++] = arg;
		break;
	case OPT_NULL:
		o->ctrl.format.null = true;
		break;
	case OPT_QUEUES:
		o->ctrl.queues = main_number(state, "queues", arg, 1, SIM_MAX_PAIRS);
		break;
	case OPT_SECONDARY:
		o->ctrl.secondary = main_number(state, "secondary", arg, 0, VIRT_MAX);
		break;
	case OPT_SERIAL:
		o->ctrl.serial = main_text(state, "serial", arg, 20);
		break;
	case OPT_MODEL:
		o->ctrl.model = main_text(state, "model", arg, 40);
		break;
	case OPT_MDTS:
		o->ctrl.mdts = main_number(state, "mdts", arg, 0, 16);
		break;
	case OPT_MPSMIN:
		o->ctrl.mps_min = main_number(state, "mpsmin", arg, 0, 15);
		break;
	case OPT_MPSMAX:
		o->mps_max = main_number(state, "mpsmax", arg, 0, 15);
		break;
	case OPT_DSTRD:
		o->ctrl.dstrd = main_number(state, "dstrd", arg, 0, 15);
		break;
	case OPT_WRR:
		o->ctrl.wrr = true;
		break;
	case OPT_BLOCK:
		if (!strcmp(arg, "512"))
			o->ctrl.format.shift = 9;
		else if (!strcmp(arg, "4096"))
			o->ctrl.format.shift = 12;
		else
			argp_error(state, "--block-size: '%s' is neither 512 nor 4096", arg);
		break;
	case OPT_HMB:
		main_hmb(state, &o->ctrl, arg);
		break;
	case OPT_CMB:
		main_cmb(state, &o->ctrl, arg);
		break;
	case OPT_METADATA:
		main_metadata(state, &o->ctrl.format, arg);
		break;
	case OPT_PI:
		if (*arg < '1' || *arg > '3' || (arg[1] && strcmp(arg + 1, ",first")))
			argp_error(state, "--pi: '%s' is none of 1, 2 and 3, with ',first' or not",
				   arg);
		o->ctrl.format.pi = *arg - '0';
		o->ctrl.format.pi_first = arg[1];
		break;
	case OPT_SGLS:
		o->ctrl.sgls = main_number(state, "sgls", arg, 0, UINT32_MAX);
		if (!sgl_support_ok(o->ctrl.sgls))
			argp_error(state,
				   "--sgls: '%s' is none of 0, 1 and 2, with bits 16 to 19 "
				   "where it is not 0",
				   arg);
		break;
	case OPT_CAPACITY:
		if (ns_parse_size(arg, &o->ctrl.capacity) < 0)
			argp_error(state, "--capacity: '%s' is not a size like 64M", arg);
		break;
	case OPT_MAX_NS:
		o->ctrl.max_ns = main_number(state, "max-ns", arg, 1, CTRL_MAX_NS);
		break;
	case OPT_FAULTS:
		o->faults = arg;
		break;
	case OPT_TIME:
		main_time(state, &o->ctrl, arg);
		break;
	case OPT_NO_IRQ:
		o->ctrl.irqs = IRQ_NONE;
		break;
	case OPT_NO_MSIX:
		o->ctrl.irqs = IRQ_INTX;
		break;
	case OPT_SPIN:
		o->ctrl.spin_us = main_number(state, "spin-us", arg, 0, 60000000);
		break;
	case OPT_TELL:
		o->tell = arg;
		break;
	case ARGP_KEY_ARGS:
		o->lines = state->argv + state->next;
		o->nlines = state->argc - state->next;
		break;
	case ARGP_KEY_END:
		main_end(state, o);
		break;
	default:
		return ARGP_ERR_UNKNOWN;
	}
	return 0;
}

static const struct argp main_argp = {
	.options = main_options,
	.parser = main_option,
	.args_doc = "\n--tell PATH COMMAND...",
	.doc = "A software NVMe controller, served over vfio-user.\v"
	       "Control commands, as --tell sends them and a file of --faults has them:\n"
	       "  status admin|io OPCODE N SCT SC [dnr]    the command fails\n"
	       "  delay admin|io OPCODE N MS               it begins later\n"
	       "  drop admin|io OPCODE N [stuck]           it is never completed\n"
	       "  twice admin|io OPCODE N                  it is completed twice\n"
	       "  cid admin|io OPCODE N [CID]              with a wrong identifier\n"
	       "  corrupt admin|io OPCODE N [BYTE]         a bit of its data is wrong\n"
	       "  event admin|io OPCODE N TYPE INFO LID    an event comes with it\n"
	       "  cfs|ones|link admin|io OPCODE N          the controller fails, reads as ones,\n"
	       "                                           or is cut off with its link\n"
	       "N is 1 for the next command, 0 for all; OPCODE may be 'any'. Behind that, in any "
	       "order: nsid=N, lba=FIRST-LAST, times=N, chance=P, seed=N.\n"
	       "  event TYPE INFO LID; cfs; ones on|off; link down|up; slow-ready MS [TIMES]; "
	       "release; smart-warning BITS; sanitize-fails; self-test-result RESULT [SEGMENT]; "
	       "hold on|off; order; list; clear [ID]; stats; help",
};

static int main_serve(const struct options *o, struct ctrl *c)
{
	int fd, control = -1, err;
	struct control script;
	bool connected = false;
	uint64_t bytes = 0;
	char why[512];

	server_hold_signals();
	for (unsigned int i = 0; i < o->nns; i++) {
		if (ns_open(&c->ns[i], i + 1, &c->opts.format, o->ns[i], o->ctrl.serial, why,
			    sizeof(why)) < 0) {
			fprintf(stderr, "vfnd-sim: --ns %s: %s\n", o->ns[i], why);
			return EXIT_FAILURE;
		}
		bytes += c->ns[i].bytes;
		/* Nobody knows what a file has seen. */
		c->sanitize.written |= c->ns[i].fd >= 0;
	}
	if (!c->opts.capacity)
		c->opts.capacity = bytes;
	if (bytes > c->opts.capacity) {
		fprintf(stderr, "vfnd-sim: --capacity: the namespaces take %" PRIu64 " bytes\n",
			bytes);
		return EXIT_FAILURE;
	}
	if (o->faults) {
		control_init(&script, -1, c, &connected);
		if (control_script(&script, o->faults, why, sizeof(why)) < 0) {
			fprintf(stderr, "vfnd-sim: --faults %s\n", why);
			return EXIT_FAILURE;
		}
	}
	if (o->control) {
		control = server_listen(o->control, why, sizeof(why));
		if (control < 0) {
			fprintf(stderr, "vfnd-sim: --control %s: %s\n", o->control, why);
			return EXIT_FAILURE;
		}
	}
	fd = server_listen(o->socket, why, sizeof(why));
	if (fd < 0) {
		fprintf(stderr, "vfnd-sim: --socket %s: %s\n", o->socket, why);
		if (o->control) {
			close(control);
			unlink(o->control);
		}
		return EXIT_FAILURE;
	}
	printf("vfnd-sim: serving %s\n", o->socket);
	fflush(stdout);
	err = server_run(c, fd, control);
	unlink(o->socket);
	if (o->control)
		unlink(o->control);
	if (err)
		fprintf(stderr, "vfnd-sim: %s\n", strerror(-err));
	return err ? EXIT_FAILURE : EXIT_SUCCESS;
}

/* Started without them, a namespace's file would take their place, and get what is printed: see stdfds.h of libvfn. */
static void main_occupy_stdio(void)
{
	for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
		if (fcntl(fd, F_GETFD) < 0 && open("/dev/null", fd == STDIN_FILENO ? O_WRONLY : O_RDONLY) != fd)
			_exit(EXIT_FAILURE);
}

int main(int argc, char **argv)
{
	static struct ctrl c;
	struct options o = {
		.mps_max = -1,
		.ctrl =
			{
				.format = {.shift = 9},
				.short_test_ms = 2000,
				.extended_test_ms = 10000,
				.sanitize_ms = 1000,
				.serial = "vfnd-sim-0001",
				.model = "vfnd software NVMe controller",
				.queues = 64,
				.mdts = 7,
				.sgls = SGLS_DEFAULT,
				.spin_us = 50,
			},
	};
	int err, status;

	main_occupy_stdio();
	argp_parse(&main_argp, argc, argv, 0, NULL, &o);
	if (o.tell)
		return control_tell(o.tell, o.lines, o.nlines);
	err = ctrl_init(&c, &o.ctrl);
	if (err) {
		fprintf(stderr, "vfnd-sim: %s\n", strerror(-err));
		return EXIT_FAILURE;
	}
	status = main_serve(&o, &c);
	ctrl_fini(&c);
	return status;
}
