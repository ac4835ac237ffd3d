/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What served queues do is counted. */
#include "served.h"

/* What was done is counted, whether its queue is still there or not. */
static void counted(void)
{
	static const struct {
		uint8_t opcode, flags;
		uint32_t nsid;
		uint64_t off;
	} wrong[] = {
		{0x93, 0, 1, 0}, {2, 0xc0, 1, 0}, {2, 0, 1, 1ull << 44}, {2, 2, 1, 0}, {2, 0, 77, 0}, {2, 0, 1, 2},
	};
	enum { READS = 37, WRITES = 23, FAILED = 5, REFUSED = sizeof(wrong) / sizeof(wrong[0]) };
	struct vfnc_statistics a, b;
	union nvme_cmd cmd = {.rw = {.opcode = 2}};
	struct vfnc *conn = int_connect();
	struct vfnc_device *dev = int_open(conn, where);
	struct client c;

	OK(conn, vfnc_statistics(conn, dev, &a));
	client_open(&c, 16, 1 << 16);
	for (unsigned int i = 0; i < READS + WRITES; i++)
		CHECK(client_do(&c, i >= READS, i, 2, 0) == 0, "command %u", i);
	cmd.rw.nsid = cpu_to_le32(1);
	cmd.rw.slba = cpu_to_le64(c.blocks);
	cmd.dptr.prp1 = cpu_to_le64(c.buf->iova);
	for (unsigned int i = 0; i < FAILED; i++)
		CHECK(refused_by(&c, cmd) == 0x80, "beyond the end");
	cmd.rw.slba = 0;
	for (unsigned int i = 0; i < REFUSED; i++) {
		cmd.opcode = wrong[i].opcode;
		cmd.flags = wrong[i].flags;
		cmd.rw.nsid = cpu_to_le32(wrong[i].nsid);
		cmd.dptr.prp1 = cpu_to_le64(c.buf->iova + wrong[i].off);
		CHECK(refused_by(&c, cmd), "command %u is not refused", i);
	}
	for (unsigned int gone = 0; gone < 2; gone++) {
		OK(conn, vfnc_statistics(conn, dev, &b));
		CHECK(b.served_queues - a.served_queues == !gone, "%llu queues",
		      (unsigned long long)b.served_queues);
		CHECK(b.served_completed - a.served_completed == READS + WRITES + FAILED + REFUSED &&
			      b.served_failed - a.served_failed == FAILED + REFUSED &&
			      b.served_refused - a.served_refused == REFUSED &&
			      b.served_outstanding == a.served_outstanding,
		      "%llu commands, %llu failed, %llu refused",
		      (unsigned long long)(b.served_completed - a.served_completed),
		      (unsigned long long)(b.served_failed - a.served_failed),
		      (unsigned long long)(b.served_refused - a.served_refused));
		CHECK(b.served_bytes_read - a.served_bytes_read == READS * 2ull * c.bs &&
			      b.served_bytes_written - a.served_bytes_written == WRITES * 2ull * c.bs,
		      "%llu bytes read, %llu written",
		      (unsigned long long)(b.served_bytes_read - a.served_bytes_read),
		      (unsigned long long)(b.served_bytes_written - a.served_bytes_written));
		CHECK(b.refused_opcode - a.refused_opcode == 1 && b.refused_field - a.refused_field == 1 &&
			      b.refused_memory - a.refused_memory == 1 &&
			      b.refused_fused - a.refused_fused == 1 &&
			      b.refused_namespace - a.refused_namespace == 1 &&
			      b.refused_prp - a.refused_prp == 1 && b.refused_sgl == a.refused_sgl,
		      "not one refused of each kind");
		CHECK(b.served_rounds > a.served_rounds && b.served_kicks > a.served_kicks,
		      "%llu rounds, %llu kicks", (unsigned long long)(b.served_rounds - a.served_rounds),
		      (unsigned long long)(b.served_kicks - a.served_kicks));
		if (!gone)
			OK(c.conn, vfnc_queue_delete(c.queue));
	}
	client_close(&c);
	vfnc_disconnect(conn);
}

static void counted_polled(void)
{
	where = env.device2;
	counted();
	settle_polled();
}

static const struct int_case cases[] = {
	INT_CASE("what was done is counted", counted),
	INT_CASE("by a polling thread: what was done is counted", counted_polled),
	{0},
};

int main(void)
{
	return int_main("count", cases);
}
