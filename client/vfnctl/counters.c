/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"

#include "client/vfnctl/counters.h"

#define COUNTER(name, metric, help)  COUNTER_OF(struct vfnc_statistics, name, metric, help, false, false)
#define GAUGE(name, metric, help)    COUNTER_OF(struct vfnc_statistics, name, metric, help, true, false)
#define DURATION(name, metric, help) COUNTER_OF(struct vfnc_statistics, name, metric, help, true, true)

const struct counter counters_daemon[] = {
	GAUGE(sessions, "sessions", "Sessions that there are."),
	COUNTER(sessions_total, "sessions_total", "Sessions that there have been."),
	COUNTER(requests, "requests_total", "Requests of all sessions."),
	COUNTER(refused, "requests_refused_total", "Requests answered with an error."),
	GAUGE(leases, "leases", "What sessions hold."),
	GAUGE(fds, "open_fds", "Open file descriptors."),
	DURATION(uptime_ns, "uptime_seconds", "Time since the daemon has begun."),
	COUNTERS_END,
};

const struct counter counters_device[] = {
	COUNTER(submitted, "commands_submitted_total", "Commands sent to the device."),
	COUNTER(completed, "commands_completed_total", "Commands that it has completed."),
	COUNTER(failed, "commands_failed_total", "Those with another status than success."),
	COUNTER(timed_out, "commands_timed_out_total", "Commands whose time limit has passed."),
	COUNTER(aborts, "aborts_total", "Abort commands sent."),
	GAUGE(outstanding, "commands_outstanding", "Commands that are not complete."),
	COUNTER(bytes_read, "read_bytes_total", "Bytes that commands have read."),
	COUNTER(bytes_written, "written_bytes_total", "Bytes that commands have written."),
	COUNTER(interrupts, "interrupts_total", "Interrupts of the device."),
	COUNTER(events, "events_total", "Asynchronous events of the device."),
	COUNTER(resets, "resets_total", "Resets of the device."),
	GAUGE(queue_pairs, "queue_pairs", "Queue pairs that there are."),
	GAUGE(buffers, "buffers", "Buffers that there are."),
	GAUGE(buffer_bytes, "buffer_bytes", "Bytes of these buffers."),
	GAUGE(mappings, "mappings", "Mappings at I/O addresses."),
	GAUGE(quarantined_bytes, "quarantined_bytes",
	      "Bytes of memory that waits for the controller to be done with it."),
	COUNTERS_END,
};

const struct counter counters_served[] = {
	GAUGE(served_queues, "served_queues", "Served queues that there are."),
	COUNTER(served_completed, "served_commands_completed_total", "Commands completed on served queues."),
	COUNTER(served_failed, "served_commands_failed_total", "Those with another status than success."),
	COUNTER(served_refused, "served_commands_refused_total", "Commands that were not forwarded."),
	COUNTER(served_bytes_read, "served_read_bytes_total", "Bytes read by served queues."),
	COUNTER(served_bytes_written, "served_written_bytes_total", "Bytes written by served queues."),
	GAUGE(served_outstanding, "served_commands_outstanding", "Commands of served queues under way."),
	COUNTER(served_kicks, "served_kicks_total", "Kicks of clients."),
	COUNTER(served_wakes, "served_wakes_total", "Clients woken."),
	COUNTER(served_rounds, "served_rounds_total", "Rounds over the served queues."),
	COUNTER(served_sleeps, "served_sleeps_total", "Times that there was nothing to do."),
	COUNTER(refused_opcode, "served_refused_opcode_total", "Refused for the opcode."),
	COUNTER(refused_field, "served_refused_field_total", "Refused for another field."),
	COUNTER(refused_memory, "served_refused_memory_total", "Refused for memory of others."),
	COUNTER(refused_fused, "served_refused_fused_total", "Refused as a part of a fused pair."),
	COUNTER(refused_namespace, "served_refused_namespace_total", "Refused for the namespace."),
	COUNTER(refused_sgl, "served_refused_sgl_total", "Refused for an SGL."),
	COUNTER(refused_prp, "served_refused_prp_total", "Refused for a PRP."),
	COUNTERS_END,
};

uint64_t counter_value(const void *of, const struct counter *counter)
{
	return *(const uint64_t *)((const char *)of + counter->offset);
}

void counters_json(struct json_object *to, const void *of, const struct counter *counters)
{
	for (const struct counter *c = counters; c->name; c++)
		json_object_object_add(to, c->name, json_object_new_uint64(counter_value(of, c)));
}
