/* SPDX-License-Identifier: GPL-2.0-or-later */
/* vfnd - wiring: options, configuration, signals, and how everything begins and ends. */
#include <argp.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include <event2/event.h>
#include <systemd/sd-daemon.h>

#include <config.h>

#include "daemon/closer.h"
#include "daemon/config.h"
#include "daemon/device/device.h"
#include "daemon/device/opening.h"
#include "daemon/device/subscription.h"
#include "daemon/journal.h"
#include "daemon/reload.h"
#include "daemon/rpc/rpc.h"
#include "daemon/server.h"
#include "daemon/state/state.h"
#include "daemon/takeover.h"
#include "libvfn/src/support/stdfds.h"

const char *argp_program_version = PACKAGE_STRING;

static struct event *main_stepper;

/* Exit statuses, as in vfnd(8) */
enum { EXIT_OK = 0, EXIT_FAILED = 1, EXIT_USAGE = 2 };

static struct {
	struct config config;
	struct event_base *base;
	struct devices devices;
	struct event *deadline; /* of a shutdown, or a take-over */
	struct event *signals[4];
	struct event *watchdog;
	bool stopping, ending, taking_over, told_ready;
	bool reload, reloading; /* is to be done, and is under way */
} vfnd;

static struct main_options {
	const char *file, *socket;
	const char *devices[64];
	size_t ndevices;
	int level;
	int takeover;
} main_given = {.level = LOG_INFO, .takeover = -1};

static const struct argp_option main_options[] = {
	{"config", 'c', "FILE", 0, "Read FILE instead of " CONFIG_DEFAULT_FILE, 0},
	{"device", 'd', "ADDRESS", 0,
	 "Claim this device too: 0000:01:00.0, or vfio-user:/path; may be given several times", 0},
	{"socket", 's', "PATH", 0, "Listen on PATH ($VFND_SOCKET; " CONFIG_DEFAULT_SOCKET ")", 0},
	{"verbose", 'v', NULL, 0, "Log more: every session and refused request", 0},
	{"takeover", 'T', "FD", OPTION_HIDDEN, NULL, 0},
	{0},
};

static error_t main_option(int key, char *arg, struct argp_state *state)
{
	struct main_options *o = state->input;

	switch (key) {
	case 'c':
		o->file = arg;
		return 0;
	case 'd':
		if (o->ndevices == sizeof(o->devices) / sizeof(o->devices[0]))
			argp_error(state, "more than 64 devices: name them in a configuration file");
		o->devices[o->ndevices++] = arg;
		return 0;
	case 's':
		if (!*arg)
			argp_error(state, "--socket needs a path");
		o->socket = arg;
		return 0;
	case 'v':
		o->level = LOG_DEBUG;
		return 0;
	case 'T':
		o->takeover = atoi(arg);
		return 0;
	case ARGP_KEY_ARG:
		argp_error(state, "'%s' is not understood; devices are named with --device", arg);
		return EINVAL;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static const struct argp main_argp = {
	.options = main_options,
	.parser = main_option,
	.doc = "Owns PCI devices through VFIO and shares them with its clients."
	       "\vSIGTERM finishes what is outstanding and ends; SIGHUP reads the configuration again; "
	       "SIGUSR2 executes the program anew, which takes over devices and sessions. See vfnd(8).",
};

static int main_configure(const struct main_options *o, struct config *config)
{
	char error[512];
	int ret = config_init(config);

	if (ret < 0)
		return EXIT_FAILED;
	if (o->file || access(CONFIG_DEFAULT_FILE, F_OK) == 0) {
		if (config_load(config, o->file ? o->file : CONFIG_DEFAULT_FILE, error,
				sizeof(error)) < 0) {
			journal_error(NULL, 0, "%s", error);
			return EXIT_USAGE;
		}
	}
	if (o->socket) {
		char *copy = strdup(o->socket);

		if (!copy)
			return EXIT_FAILED;
		free(config->socket);
		config->socket = copy;
	}
	for (size_t i = 0; i < o->ndevices; i++) {
		if (config_add_device(config, o->devices[i]) < 0) {
			journal_error(NULL, 0, "--device %s: an address like 0000:01:00.0 or "
				      "vfio-user:/path is needed", o->devices[i]);
			return EXIT_USAGE;
		}
	}
	return EXIT_OK;
}

static void main_notify_ready(void)
{
	unsigned int ready = 0, other = 0;
	struct device *dev;

	TAILQ_FOREACH (dev, &vfnd.devices.list, link)
		*(dev->state == DEVICE_READY ? &ready : &other) += 1;
	sd_notifyf(0, "READY=1\nSTATUS=%u devices are ready, %u are not", ready, other);
}

/* Ready when every device is claimed or has failed: a client that is started after us finds them. */
static void main_settled(void *arg)
{
	if (vfnd.stopping || (vfnd.told_ready && !vfnd.reloading))
		return;
	main_notify_ready();
	journal_info(NULL, 0, "%s on %s", vfnd.told_ready ? "ready again" : "ready", vfnd.config.socket);
	vfnd.told_ready = true;
	vfnd.reloading = false;
}

static void main_finish(void)
{
	if (!devices_drained(&vfnd.devices))
		return;
	event_base_loopbreak(vfnd.base);
}

static void main_claim(void)
{
	for (size_t i = 0; i < vfnd.config.ndevices; i++) {
		const char *address = vfnd.config.devices[i].address;
		int ret = device_claim(&vfnd.devices, address);

		if (ret < 0 && ret != -EEXIST)
			journal_error(address, 0, "cannot be claimed: %s", strerror(-ret));
	}
	if (!devices_unsettled(&vfnd.devices))
		main_settled(NULL);
}

static void main_reload(void)
{
	struct config fresh;
	struct timespec ts;

	vfnd.reload = false;
	clock_gettime(CLOCK_MONOTONIC, &ts);
	sd_notifyf(0, "RELOADING=1\nMONOTONIC_USEC=%llu",
		   (unsigned long long)ts.tv_sec * 1000000u + (unsigned long long)ts.tv_nsec / 1000u);
	vfnd.reloading = true;
	if (main_configure(&main_given, &fresh) == EXIT_OK) {
		reload_apply(&vfnd.config, &fresh, &vfnd.devices);
		main_claim();
	} else {
		journal_error(NULL, 0, "the configuration stays as it was");
		if (!devices_unsettled(&vfnd.devices))
			main_settled(NULL);
	}
	config_free(&fresh);
}

/* Everything outstanding is finished, or had its time: sessions end, then devices are released. */
static void main_end(void)
{
	struct device *dev;

	if (vfnd.ending)
		return;
	vfnd.ending = true;
	TAILQ_FOREACH (dev, &vfnd.devices.list, link)
		device_tell_gone(dev, "the daemon is stopping");
	server_end_all("the daemon is stopping");
	TAILQ_FOREACH (dev, &vfnd.devices.list, link)
		device_release(dev);
	main_finish();
}

/* The program is not executed anew. */
static void main_stay(void)
{
	vfnd.taking_over = false;
	server_pause(false);
	if (vfnd.reload)
		main_reload();
}

static void main_try_takeover(void)
{
	int ret;

	if (!takeover_possible(&vfnd.devices))
		return;
	ret = takeover_execute(&vfnd.devices);
	if (ret == -EBUSY) {
		/* A controller is at a command of the daemon's own: nobody tells when that is over. */
		evtimer_add(main_stepper, &(struct timeval){.tv_usec = 10 * 1000});
		return;
	}
	journal_error(NULL, 0, "the program could not be executed anew: %s", strerror(-ret));
	evtimer_del(vfnd.deadline);
	main_stay();
}

static void main_progress(void)
{
	if (vfnd.ending)
		main_finish();
	else if (vfnd.stopping && server_idle(false))
		main_end();
	else if (vfnd.taking_over)
		main_try_takeover();
}

/* Runs from the loop: what reports progress may be in the middle of something. */
static void main_step(evutil_socket_t fd, short what, void *arg)
{
	main_progress();
}

static void main_poke(void)
{
	if (vfnd.stopping || vfnd.taking_over)
		event_active(main_stepper, EV_TIMEOUT, 0);
}

static void main_drained(void *arg)
{
	main_poke();
}

static void main_deadline(evutil_socket_t fd, short what, void *arg)
{
	if (vfnd.stopping) {
		journal_warn(NULL, 0, "stopping, though requests are outstanding");
		main_end();
	} else if (vfnd.taking_over) {
		journal_warn(NULL, 0, "still busy: the program is not executed anew");
		main_stay();
	}
}

static void main_start_deadline(void)
{
	unsigned int ms = vfnd.config.shutdown_timeout_ms;
	struct timeval tv = {.tv_sec = ms / 1000, .tv_usec = ms % 1000 * 1000};

	evtimer_add(vfnd.deadline, &tv);
	server_pause(true);
	event_active(main_stepper, EV_TIMEOUT, 0);
}

static void main_on_terminate(evutil_socket_t sig, short what, void *arg)
{
	if (vfnd.stopping)
		return;
	journal_info(NULL, 0, "stopping on signal %d", (int)sig);
	sd_notify(0, "STOPPING=1");
	vfnd.stopping = true;
	vfnd.taking_over = false;
	main_start_deadline();
}

static void main_on_takeover(evutil_socket_t sig, short what, void *arg)
{
	if (vfnd.stopping || vfnd.taking_over)
		return;
	vfnd.taking_over = true;
	main_start_deadline();
}

static void main_on_reload(evutil_socket_t sig, short what, void *arg)
{
	if (vfnd.stopping)
		return;
	if (vfnd.taking_over)
		vfnd.reload = true; /* the new image reads the configuration anyway */
	else
		main_reload();
}

static void main_watchdog(evutil_socket_t fd, short what, void *arg)
{
	sd_notify(0, "WATCHDOG=1");
}

/* The loop lives as long as it tells the service manager so, twice in the time that it is given. */
static int main_watch(void)
{
	struct timeval tv;
	uint64_t us;

	if (sd_watchdog_enabled(0, &us) <= 0)
		return 0;
	tv = (struct timeval){.tv_sec = (time_t)(us / 2 / 1000000), .tv_usec = (suseconds_t)(us / 2 % 1000000)};
	vfnd.watchdog = event_new(vfnd.base, -1, EV_PERSIST, main_watchdog, NULL);
	return vfnd.watchdog && event_add(vfnd.watchdog, &tv) == 0 ? 0 : -ENOMEM;
}

static void main_session_ended(struct session *session)
{
	struct opening *o, *next;

	for (o = LIST_FIRST(session_openings(session)); o; o = next) {
		next = LIST_NEXT(o, in_session);
		opening_end(o, NULL, NULL);
	}
	main_poke();
}

static const struct server_hooks main_hooks = {
	.ended = main_session_ended,
	.idle = main_poke,
};

static int main_signals(void)
{
	static const struct {
		int number;
		event_callback_fn fn;
	} signals[] = {
		{SIGTERM, main_on_terminate},
		{SIGINT, main_on_terminate},
		{SIGUSR2, main_on_takeover},
		{SIGHUP, main_on_reload},
	};

	signal(SIGPIPE, SIG_IGN);
	for (size_t i = 0; i < sizeof(signals) / sizeof(signals[0]); i++) {
		vfnd.signals[i] = evsignal_new(vfnd.base, signals[i].number, signals[i].fn, NULL);
		if (!vfnd.signals[i] || event_add(vfnd.signals[i], NULL) < 0)
			return -ENOMEM;
	}
	takeover_signals(SIG_UNBLOCK); /* blocked by the image before */
	vfnd.deadline = evtimer_new(vfnd.base, main_deadline, NULL);
	main_stepper = evtimer_new(vfnd.base, main_step, NULL);
	return vfnd.deadline && main_stepper ? 0 : -ENOMEM;
}

/* Buffers, queues and sessions are descriptors; the soft limit is for programs that use select(2). */
static void main_raise_limits(void)
{
	struct rlimit files;

	if (getrlimit(RLIMIT_NOFILE, &files) < 0)
		return;
	files.rlim_cur = files.rlim_max;
	setrlimit(RLIMIT_NOFILE, &files);
}


static int main_begin(const struct main_options *o)
{
	struct takeover_server server;
	struct state *state = NULL;
	struct timespec ts;
	char error[512];
	int ret;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	rpc_host.devices = &vfnd.devices;
	rpc_host.sessions = server_sessions;
	rpc_host.sessions_total = server_sessions_total;
	rpc_host.started_ns = (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
	subscription_set_deliver(rpc_event);
	if (o->takeover >= 0) {
		ret = takeover_open(o->takeover, &state, &server);
		if (ret == 0)
			ret = server_resume(vfnd.base, &vfnd.config, &main_hooks, server.listen_fd,
					    server.activated, server.sessions_total);
		if (ret < 0) {
			journal_error(NULL, 0, "the state of the previous image cannot be used: %s",
				      strerror(-ret));
			return ret;
		}
		takeover_resume(state, &vfnd.devices);
		state_free(state);
	} else {
		ret = server_start(vfnd.base, &vfnd.config, &main_hooks, error, sizeof(error));
		if (ret < 0) {
			journal_error(NULL, 0, "cannot listen: %s", error);
			return ret;
		}
	}
	main_claim();
	return 0;
}

static void main_cleanup(void)
{
	server_stop();
	devices_free(&vfnd.devices);
	for (size_t i = 0; i < sizeof(vfnd.signals) / sizeof(vfnd.signals[0]); i++)
		if (vfnd.signals[i])
			event_free(vfnd.signals[i]);
	if (vfnd.watchdog)
		event_free(vfnd.watchdog);
	if (vfnd.deadline)
		event_free(vfnd.deadline);
	if (main_stepper)
		event_free(main_stepper);
	if (vfnd.base)
		event_base_free(vfnd.base);
	config_free(&vfnd.config);
	libevent_global_shutdown();
}

int main(int argc, char **argv)
{
	struct main_options *o = &main_given;
	int ret;

	stdfds_occupy();
	journal_open(LOG_INFO);
	ret = takeover_init(argv);
	if (ret < 0) {
		journal_error(NULL, 0, "/proc is needed: %s", strerror(-ret));
		return EXIT_FAILED;
	}
	argp_err_exit_status = EXIT_USAGE;
	argp_parse(&main_argp, argc, argv, 0, NULL, o);
	journal_open(o->level);
	ret = main_configure(o, &vfnd.config);
	if (ret != EXIT_OK) {
		config_free(&vfnd.config);
		return ret;
	}
	vfnd.base = event_base_new();
	if (!vfnd.base)
		return EXIT_FAILED;
	devices_init(&vfnd.devices, vfnd.base, &vfnd.config);
	vfnd.devices.settled = main_settled;
	vfnd.devices.drained = main_drained;
	main_raise_limits();
	closer_init();
	ret = main_signals();
	if (ret == 0)
		ret = main_watch();
	if (ret == 0)
		ret = main_begin(o);
	if (ret == 0) {
		event_base_dispatch(vfnd.base);
		journal_info(NULL, 0, "stopped");
	}
	main_cleanup();
	return ret < 0 ? EXIT_FAILED : EXIT_OK;
}
