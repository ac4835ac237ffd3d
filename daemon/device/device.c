/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/device/device.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <event2/event.h>

#include <vfn/pci.h>
#include <vfn/support.h>

#include "daemon/device/class.h"
#include "daemon/device/subscription.h"
#include "daemon/device/tracer.h"
#include "daemon/journal.h"
#include "daemon/state/state.h"

#define device_of_job(j) container_of(j, struct device, job)

static void device_try_release(struct device *dev);
static void device_retire_soon(struct device *dev);

const char *device_state_name(const struct device *dev)
{
	if (dev->retiring)
		return "being released";
	switch (dev->state) {
	case DEVICE_CLAIMING:
		return "being claimed";
	case DEVICE_READY:
		return "ready";
	case DEVICE_RESETTING:
		return "being reset";
	case DEVICE_DISABLED:
		return "disabled";
	default:
		return "failed";
	}
}

void devices_init(struct devices *devices, struct event_base *base, const struct config *config)
{
	memset(devices, 0, sizeof(*devices));
	devices->base = base;
	devices->config = config;
	TAILQ_INIT(&devices->list);
}

static void device_tell_claimed(struct device *dev, int error, const char *text)
{
	void (*claimed)(void *arg, int error, const char *text) = dev->claimed;

	dev->claimed = NULL;
	if (claimed)
		claimed(dev->claimed_arg, error, text);
}

void device_await(struct device *dev, void (*claimed)(void *arg, int error, const char *text), void *arg)
{
	dev->claimed = claimed;
	dev->claimed_arg = arg;
}

static void device_free(struct device *dev)
{
	device_tell_claimed(dev, -ECANCELED, "the daemon is stopping");
	TAILQ_REMOVE(&dev->devices->list, dev, link);
	worker_stop(dev->worker);
	if (dev->drain)
		event_free(dev->drain);
	if (dev->driver)
		dev->class->destroy(dev);
	free(dev->address);
	free(dev);
}

/*
 * As the configuration has it, else by the class code, which the kernel knows; a device of which it is not known is
 * taken for a controller, and found out when it is opened.
 */
static const struct device_class *device_choose(const struct device_settings *settings, const char *address)
{
	enum config_class class = settings->class;
	unsigned long long code;

	if (class == CONFIG_CLASS_AUTO && pci_is_bdf(address) && pci_device_info_get_ull(address, "class", &code) == 0)
		class = code >> 8 == CLASS_CODE_NVME ? CONFIG_CLASS_NVME : CONFIG_CLASS_PCI;
	for (size_t i = 0; class == CONFIG_CLASS_PCI && device_classes[i]; i++)
		if (strcmp(device_classes[i]->name, "pci") == 0)
			return device_classes[i];
	return device_classes[0];
}

/* `class` NULL: as the configuration and the device say. */
static int device_new(struct devices *devices, const char *address, const struct device_class *class,
		      struct device **out)
{
	struct device *dev = calloc(1, sizeof(*dev));
	const char *tail = strrchr(address, '/');
	int ret;

	if (!dev)
		return -ENOMEM;
	dev->devices = devices;
	dev->settings = *config_settings(devices->config, address);
	dev->class = class ? class : device_choose(&dev->settings, address);
	dev->state = DEVICE_CLAIMING;
	tally_init(&dev->ended);
	LIST_INIT(&dev->openings);
	TAILQ_INSERT_TAIL(&devices->list, dev, link);
	dev->address = strdup(address);
	ret = dev->address ? dev->class->create(dev) : -ENOMEM;
	if (ret == 0)
		ret = worker_start(devices->base, tail ? tail + 1 : address, &dev->worker);
	if (ret < 0) {
		device_free(dev);
		return ret;
	}
	*out = dev;
	return 0;
}

static void device_settle(struct device *dev)
{
	struct devices *devices = dev->devices;

	if (!devices_unsettled(devices))
		devices->settled(devices->arg);
}

static void device_fail(struct device *dev, const char *reason)
{
	dev->state = DEVICE_FAILED;
	snprintf(dev->reason, sizeof(dev->reason), "%s", reason);
}

static void device_claim_run(struct job *job)
{
	struct device *dev = device_of_job(job);

	dev->class->claim(dev, job);
}

static void device_claim_done(struct job *job)
{
	struct device *dev = device_of_job(job);
	int ret = job->error;

	if (ret < 0) {
		dev->released = true;
		device_fail(dev, job->text);
		journal_error(dev->address, 0, "cannot be claimed: %s", dev->reason);
	} else {
		ret = dev->class->start(dev);
		dev->state = DEVICE_READY;
		if (ret < 0)
			device_lost(dev, strerror(-ret));
		else
			journal_info(dev->address, 0, "claimed: %s %s%s%s", dev->class->name, dev->id.model,
				     *dev->id.model ? ", " : "", dev->id.transport);
	}
	device_tell_claimed(dev, ret, dev->reason);
	device_settle(dev);
	if (dev->unwanted)
		device_release(dev);
	device_retire_soon(dev);
	dev->devices->drained(dev->devices->arg);
}

static bool devices_full(const struct devices *devices)
{
	const struct device *dev;
	unsigned int n = 0;

	TAILQ_FOREACH (dev, &devices->list, link)
		n++;
	return n >= DEVICES_MAX;
}

int device_claim(struct devices *devices, const char *address)
{
	struct device *dev = device_find(devices, address);
	int ret;

	if (dev && dev->retiring) {
		dev->again = true;
		return 0;
	}
	if (dev && (dev->state != DEVICE_FAILED || !dev->released))
		return -EEXIST;
	if (dev)
		device_free(dev);
	else if (devices_full(devices))
		return -ENOSPC;
	ret = device_new(devices, address, NULL, &dev);
	if (ret < 0)
		return ret;
	dev->job.run = device_claim_run;
	dev->job.done = device_claim_done;
	worker_post(dev->worker, &dev->job);
	return 0;
}

int device_restore(struct devices *devices, const struct state_device *saved, struct device **out)
{
	struct device *dev;
	/* Those of other classes are not saved. */
	int ret = device_new(devices, saved->address, device_classes[0], &dev);

	if (ret < 0)
		return ret;
	dev->settings.queue_pairs = saved->want_queue_pairs;
	ret = dev->class->restore(dev, saved);
	if (ret < 0) {
		dev->released = true;
		device_fail(dev, "could not be taken over");
		return ret;
	}
	dev->state = DEVICE_READY;
	*out = dev;
	return 0;
}

struct device *device_find(struct devices *devices, const char *address)
{
	struct device *dev, *first = TAILQ_FIRST(&devices->list);

	if (!address || !*address)
		return first && !TAILQ_NEXT(first, link) ? first : NULL;
	TAILQ_FOREACH (dev, &devices->list, link)
		if (strcmp(dev->address, address) == 0)
			return dev;
	return NULL;
}

const char *device_which(const struct devices *devices)
{
	return TAILQ_EMPTY(&devices->list) ? "the daemon has no device"
					   : "the daemon has several devices: name one; list tells which there are";
}

bool devices_unsettled(const struct devices *devices)
{
	const struct device *dev;

	TAILQ_FOREACH (dev, &devices->list, link)
		if (dev->state == DEVICE_CLAIMING || dev->retiring)
			return true;
	return false;
}

int device_usable(const struct device *dev)
{
	if (dev->state == DEVICE_FAILED || dev->retiring)
		return -ENODEV;
	if (dev->state == DEVICE_DISABLED)
		return -ESHUTDOWN;
	return dev->state == DEVICE_READY ? 0 : -EAGAIN;
}

unsigned int device_sessions(const struct device *dev)
{
	const struct opening *o;
	unsigned int n = 0;

	LIST_FOREACH (o, &dev->openings, in_device)
		n += !o->ending;
	return n;
}

static void device_release_run(struct job *job)
{
	struct device *dev = device_of_job(job);

	dev->class->release(dev);
}

static void device_release_done(struct job *job)
{
	struct device *dev = device_of_job(job);

	dev->released = true;
	dev->pci = NULL;
	journal_info(dev->address, 0, "released");
	device_retire_soon(dev);
	dev->devices->drained(dev->devices->arg);
}

static void device_disable_run(struct job *job)
{
	struct device *dev = device_of_job(job);

	dev->class->disable(dev);
}

void device_tell_gone(struct device *dev, const char *reason)
{
	struct device_event event = {.kind = DEVICE_EVENT_GONE, .reason = reason};
	struct opening *o;

	subscription_publish(dev, &event);
	LIST_FOREACH (o, &dev->openings, in_device)
		tracer_gone(o);
}

/* Sessions are told, and lose what they have. */
static void device_end_openings(struct device *dev)
{
	struct device_event event = {.kind = DEVICE_EVENT_GONE, .reason = dev->reason};
	struct opening *o, *next;

	subscription_publish(dev, &event);
	for (o = LIST_FIRST(&dev->openings); o; o = next) {
		next = LIST_NEXT(o, in_device);
		opening_end(o, NULL, NULL);
	}
}

static void device_disable_done(struct job *job)
{
	struct device *dev = device_of_job(job);

	dev->class->disabled(dev, dev->reason);
	device_end_openings(dev);
	dev->disabled = true;
	device_try_release(dev);
}

/* Ends everything on the device; it is closed when the last opening is gone. */
static void device_close(struct device *dev, const char *reason)
{
	device_fail(dev, reason);
	dev->closing = true;
	dev->class->stop(dev);
	dev->job.run = device_disable_run;
	dev->job.done = device_disable_done;
	worker_post(dev->worker, &dev->job);
}

static void device_try_release(struct device *dev)
{
	if (!dev->disabled || dev->releasing || !LIST_EMPTY(&dev->openings))
		return;
	dev->releasing = true;
	dev->job.run = device_release_run;
	dev->job.done = device_release_done;
	worker_post(dev->worker, &dev->job);
}

void device_step(struct device *dev)
{
	device_retire_soon(dev);
}

void device_opening_gone(struct device *dev)
{
	device_retire_soon(dev);
	device_try_release(dev);
	dev->devices->drained(dev->devices->arg);
}

struct event *device_watch(const struct device *dev, int fd, short what, event_callback_fn fn, void *arg)
{
	struct event *event = event_new(dev->devices->base, fd, what, fn, arg);

	if (event && event_add(event, NULL) < 0) {
		event_free(event);
		event = NULL;
	}
	return event;
}

void device_lost(struct device *dev, const char *reason)
{
	if (dev->state != DEVICE_READY && dev->state != DEVICE_RESETTING && dev->state != DEVICE_DISABLED)
		return;
	journal_error(dev->address, 0, "lost: %s", reason);
	device_close(dev, reason);
}

void device_release(struct device *dev)
{
	dev->again = false;
	switch (dev->state) {
	case DEVICE_CLAIMING:
		dev->unwanted = true;
		break;
	case DEVICE_READY:
	case DEVICE_RESETTING:
	case DEVICE_DISABLED:
		device_close(dev, "the daemon is stopping");
		break;
	default:
		break;
	}
}

/* ---- retiring ---------------------------------------------------------------------------- */

static uint64_t device_now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000 + (uint64_t)ts.tv_nsec / 1000000;
}

/* Nothing of the device is left; what is called in the end may free others, too. */
static void device_leave(struct device *dev)
{
	void (*gone)(void *arg) = dev->gone;
	struct devices *devices = dev->devices;
	char *again = dev->again ? dev->address : NULL;
	void *arg = dev->gone_arg;
	int ret;

	if (again)
		dev->address = NULL;
	device_free(dev);
	ret = again ? device_claim(devices, again) : 0;
	if (ret < 0)
		journal_error(again, 0, "cannot be claimed: %s", strerror(-ret));
	free(again);
	if (gone)
		gone(arg);
	if (!devices_unsettled(devices))
		devices->settled(devices->arg);
	devices->drained(devices->arg);
}

static bool device_has_commands(const struct device *dev)
{
	const struct opening *o;

	LIST_FOREACH (o, &dev->openings, in_device)
		if (!o->ending && (!TAILQ_EMPTY(&o->commands) || o->jobs))
			return true;
	return false;
}

static void device_drain_until(struct device *dev, unsigned int ms)
{
	dev->drain_until = device_now_ms() + ms;
}

/*
 * Something has ended, or the time is over. Commands end first, then openings, and both have their time; the device
 * itself is disabled last.
 */
static void device_drain(evutil_socket_t fd, short what, void *arg)
{
	struct device *dev = arg;
	uint64_t now = device_now_ms(), left;
	bool late = now >= dev->drain_until;
	struct timeval tv;

	if (dev->released) {
		device_leave(dev);
		return;
	}
	if (dev->closing || dev->state == DEVICE_CLAIMING)
		return; /* what comes of that goes on here */
	if (!dev->told && (late || !device_has_commands(dev))) {
		if (device_has_commands(dev))
			journal_warn(dev->address, 0, "released, though commands are outstanding");
		dev->told = true;
		/* As long as an opening that ends waits for its controller. */
		device_drain_until(dev, 2 * dev->devices->config->abort_timeout_ms);
		device_end_openings(dev);
		late = false;
	}
	if (dev->told && (late || LIST_EMPTY(&dev->openings))) {
		device_close(dev, dev->why);
		return;
	}
	left = dev->drain_until > now ? dev->drain_until - now : 1;
	tv = (struct timeval){.tv_sec = (time_t)(left / 1000), .tv_usec = (suseconds_t)(left % 1000 * 1000)};
	evtimer_add(dev->drain, &tv);
}

static void device_retire_soon(struct device *dev)
{
	if (dev->retiring)
		event_active(dev->drain, EV_TIMEOUT, 0);
}

int device_retire(struct device *dev, const char *reason, void (*gone)(void *arg), void *arg)
{
	if (dev->retiring) {
		dev->again = false;
		return -EALREADY;
	}
	dev->drain = evtimer_new(dev->devices->base, device_drain, dev);
	if (!dev->drain)
		return -ENOMEM;
	dev->retiring = true;
	dev->gone = gone;
	dev->gone_arg = arg;
	device_drain_until(dev, dev->devices->config->shutdown_timeout_ms);
	snprintf(dev->why, sizeof(dev->why), "%s", reason);
	if (!*dev->reason || dev->state == DEVICE_DISABLED)
		snprintf(dev->reason, sizeof(dev->reason), "%s", reason);
	journal_info(dev->address, 0, "is being released: %s", reason);
	device_retire_soon(dev);
	return 0;
}

void device_tally(const struct device *dev, struct tally *to, bool latency)
{
	const struct opening *o;

	tally_merge(to, &dev->ended, latency);
	LIST_FOREACH (o, &dev->openings, in_device)
		opening_tally(o, to, latency);
}

bool devices_drained(const struct devices *devices)
{
	const struct device *dev;

	TAILQ_FOREACH (dev, &devices->list, link)
		if (!dev->released || dev->retiring)
			return false;
	return true;
}

void devices_free(struct devices *devices)
{
	struct device *dev;

	tracers_discard();
	while ((dev = TAILQ_FIRST(&devices->list)))
		device_free(dev);
}
