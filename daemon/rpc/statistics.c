/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <dirent.h>
#include <sys/stat.h>
#include <time.h>

#include <vfn/iommu.h>

#include "daemon/device/class.h"
#include "daemon/rpc/rpc.h"

static uint64_t statistics_now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

static uint64_t statistics_fds(void)
{
	uint64_t n = 0;
	struct stat st;
	DIR *dir;

	/* From Linux 6.2 on it is told at once: one client may have tens of thousands. */
	if (stat("/proc/self/fd", &st) == 0 && st.st_size > 0)
		return (uint64_t)st.st_size;
	dir = opendir("/proc/self/fd");
	if (!dir)
		return 0;
	while (readdir(dir))
		n++;
	closedir(dir);
	return n - 3; /* ".", ".." and the directory itself */
}

static void statistics_device(struct device *dev, Vfnd__StatisticsAnswer *to)
{
	const struct device_stats *s = &dev->stats;

	if (dev->class->counted)
		dev->class->counted(dev);
	to->submitted = s->submitted;
	to->completed = s->completed;
	to->failed = s->failed;
	to->timed_out = s->timed_out;
	to->aborts = s->aborts;
	to->outstanding = s->outstanding;
	to->bytes_read = s->bytes_read;
	to->bytes_written = s->bytes_written;
	to->interrupts = s->interrupts;
	to->events = s->events;
	to->resets = s->resets;
	to->queue_pairs = s->queue_pairs;
	to->buffers = s->buffers;
	to->buffer_bytes = s->buffer_bytes;
	to->mappings = iommu_mappings(dev->pci->dev.ctx);
	to->quarantined_bytes = s->quarantined_bytes;
}

static void statistics_served(struct device *dev, Vfnd__StatisticsAnswer *to)
{
	struct device_serving serving;
	const struct tally *s = &serving.stats;

	dev->class->serving(dev, &serving);
	to->served_queues = serving.queues;
	to->served_completed = s->completed;
	to->served_failed = s->failed;
	to->served_refused = s->refused;
	to->served_bytes_read = s->bytes_read;
	to->served_bytes_written = s->bytes_written;
	to->served_outstanding = serving.outstanding;
	to->served_kicks = s->kicks;
	to->served_wakes = s->wakes;
	to->served_rounds = serving.driver.rounds;
	to->served_sleeps = serving.driver.sleeps;
	to->refused_opcode = s->refused_by[TALLY_REFUSED_OPCODE];
	to->refused_field = s->refused_by[TALLY_REFUSED_FIELD];
	to->refused_memory = s->refused_by[TALLY_REFUSED_MEMORY];
	to->refused_fused = s->refused_by[TALLY_REFUSED_FUSED];
	to->refused_namespace = s->refused_by[TALLY_REFUSED_NAMESPACE];
	to->refused_sgl = s->refused_by[TALLY_REFUSED_SGL];
	to->refused_prp = s->refused_by[TALLY_REFUSED_PRP];
}

void rpc_statistics(struct rpc_call *call)
{
	uint64_t handle = call->request->statistics->device;
	Vfnd__StatisticsAnswer stats = VFND__STATISTICS_ANSWER__INIT;
	Vfnd__Answer answer = VFND__ANSWER__INIT;
	const struct session_stats *own = session_stats(call->session);

	if (handle) {
		struct opening *o = rpc_opening(call, handle, "statistics.device");

		if (!o)
			return;
		statistics_device(o->device, &stats);
		if (o->device->class->serving)
			statistics_served(o->device, &stats);
	}
	stats.sessions = rpc_host.sessions();
	stats.sessions_total = rpc_host.sessions_total();
	stats.requests = rpc_host.requests;
	stats.refused = rpc_host.refused;
	stats.leases = lease_count();
	stats.fds = statistics_fds();
	stats.uptime_ns = statistics_now() - rpc_host.started_ns;
	stats.session_submitted = own->submitted;
	stats.session_completed = own->completed;
	stats.session_outstanding = own->outstanding;
	answer.body_case = VFND__ANSWER__BODY_STATISTICS;
	answer.statistics = &stats;
	rpc_answer(call, &answer, NULL);
}
