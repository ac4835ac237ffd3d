/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The engine of a device's served queues, as the rest of the class sees it: buffers, pauses,
 * resets. */
#include "daemon/device/nvme.h"

#include <errno.h>
#include <string.h>

#include <vfn/support.h>

#include "daemon/config.h"
#include "daemon/data/check.h"
#include "daemon/journal.h"

struct engine_buffer {
	struct data_map *map;
	struct data_buffer *buffer;
	int ret;
};

static void engine_map_add(struct data_engine *engine, void *arg)
{
	struct engine_buffer *b = arg;

	b->ret = data_map_add(b->map, b->buffer);
}

static void engine_map_remove(struct data_engine *engine, void *arg)
{
	struct engine_buffer *b = arg;

	b->ret = data_map_remove(b->map, b->buffer);
}

/* The map is the engine's as long as there is a served queue. */
int nvme_served_buffer_add(struct opening *o, struct data_buffer *buffer)
{
	struct engine_buffer b = {.map = &o->map, .buffer = buffer};

	if (o->nserved)
		data_driver_call(nvme_of(o->device)->driver, engine_map_add, &b);
	else
		engine_map_add(NULL, &b);
	return b.ret;
}

int nvme_served_buffer_remove(struct opening *o, struct data_buffer *buffer)
{
	struct engine_buffer b = {.map = &o->map, .buffer = buffer};

	if (o->nserved)
		data_driver_call(nvme_of(o->device)->driver, engine_map_remove, &b);
	else
		engine_map_remove(NULL, &b);
	return b.ret;
}

static void engine_rules(struct data_engine *engine, const struct nvme_device *nd)
{
	engine->rules = (struct data_rules){
		.formats = nd->formats,
		.page_size = nd->page_size,
		.max_transfer = nd->max_transfer,
		.sgls = nd->ctrl.config.sgls,
	};
}

struct engine_pausing {
	struct nvme_device *nd;
	bool pause, quiet;
};

static void engine_set_pause(struct data_engine *engine, void *arg)
{
	struct engine_pausing *p = arg;

	if (p->pause) {
		data_engine_pause(engine);
		p->quiet = !engine->inflight;
	} else {
		engine_rules(engine, p->nd);
		data_engine_resume(engine);
	}
}

bool nvme_served_pause(struct nvme_device *nd)
{
	struct engine_pausing p = {.nd = nd, .pause = true};

	if (!nd->driver)
		return true;
	if (!nd->served_paused) {
		nd->served_paused = true;
		data_driver_call(nd->driver, engine_set_pause, &p);
		nd->served_quiet = p.quiet;
	}
	return nd->served_quiet;
}

void nvme_served_resume(struct nvme_device *nd)
{
	struct engine_pausing p = {.nd = nd};

	if (!nd->served_paused)
		return;
	nd->served_paused = nd->served_quiet = false;
	data_driver_forget(nd->driver, &nd->quiet);
	data_driver_call(nd->driver, engine_set_pause, &p);
}

/* On the engine. */
static void engine_is_quiet(struct data_engine *engine)
{
	struct nvme_device *nd = engine->owner;

	data_driver_notify(nd->driver, &nd->quiet);
}

static void engine_quiet(struct data_msg *msg)
{
	struct nvme_device *nd = container_of(msg, struct nvme_device, quiet);

	if (!nd->served_paused)
		return;
	nd->served_quiet = true;
	nvme_send_waiting(nd);
}

static void engine_set_rules(struct data_engine *engine, void *arg)
{
	engine->quiet = engine_is_quiet;
	engine_rules(engine, arg);
}

int nvme_served_start(struct nvme_device *nd)
{
	const struct device_settings *s = &nd->dev->settings;
	struct data_driver_opts opts = {
		.poll = s->poll,
		.no_irq = !nd->nvectors,
		.spin_us = s->spin_us,
		.cpu = s->cpu,
		.name = "vfnd-poll",
	};
	int ret = data_driver_start(nd->dev->devices->base, &opts, nd, &nd->driver);

	if (ret < 0) {
		if (s->poll && s->cpu >= 0)
			journal_error(nd->dev->address, 0, "poll-cpu = %d: no thread: %s", s->cpu, strerror(-ret));
		return ret;
	}
	LIST_INIT(&nd->pairs);
	nd->quiet.done = engine_quiet;
	data_driver_call(nd->driver, engine_set_rules, nd);
	return 0;
}

int nvme_served_retune(struct device *dev, const struct device_settings *settings)
{
	struct nvme_device *nd = nvme_of(dev);

	if (!nd->driver)
		return -ENOTSUP;
	data_driver_set_spin(nd->driver, settings->spin_us);
	return 0;
}

void nvme_served_stop(struct nvme_device *nd)
{
	data_driver_stop(nd->driver);
	nd->driver = NULL;
}

static void engine_set_halt(struct data_engine *engine, void *arg)
{
	engine->halted = engine->paused = true;
}

void nvme_served_halt(struct nvme_device *nd)
{
	if (!nd->driver)
		return;
	data_driver_call(nd->driver, engine_set_halt, NULL);
	nd->served_paused = true;
	nd->served_quiet = false;
}

static void engine_trace_add(struct data_engine *engine, void *arg)
{
	/* as many fit as the device can have */
	(void)!trace_list_add(&engine->traces, arg);
}

static void engine_trace_remove(struct data_engine *engine, void *arg)
{
	trace_list_remove(&engine->traces, arg);
}

void nvme_served_trace_add(struct device *dev, struct trace *trace)
{
	if (nvme_of(dev)->driver)
		data_driver_call(nvme_of(dev)->driver, engine_trace_add, trace);
}

void nvme_served_trace_remove(struct device *dev, struct trace *trace)
{
	if (nvme_of(dev)->driver)
		data_driver_call(nvme_of(dev)->driver, engine_trace_remove, trace);
}

void nvme_serving(struct device *dev, struct device_serving *to)
{
	struct nvme_device *nd = nvme_of(dev);
	const struct nvme_pair *pair;
	const struct nvme_served *s;

	*to = (struct device_serving){.stats = nd->served_gone};
	if (!nd->driver)
		return;
	LIST_FOREACH (pair, &nd->pairs, link) {
		LIST_FOREACH (s, &pair->users, link) {
			if (!s->attached)
				continue;
			tally_merge(&to->stats, &s->data.stats, false);
			to->queues++;
		}
	}
	/* Refused ones of a burst are over before the burst is counted. */
	if (to->stats.submitted > to->stats.completed)
		to->outstanding = to->stats.submitted - to->stats.completed;
	to->driver = data_driver_stats(nd->driver);
}
