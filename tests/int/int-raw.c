/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What drivers never do: writes to registers, configuration space and doorbells. */
#include "client.h"
#include "int.h"

#include <errno.h>
#include <linux/pci_regs.h>
#include <stdlib.h>
#include <string.h>

#define REG_CC        0x14
#define REG_AQA       0x24
#define REG_CMBMSC    0x50
#define DOORBELLS     0x1000
#define CONFIG_SCRATCH PCI_INTERRUPT_LINE /* means nothing to a device */

struct set {
	struct vfnc *conn;
	struct vfnc_device *dev;
};

static struct set set_up(const char *address)
{
	struct set s = {.conn = int_connect()};

	s.dev = int_open(s.conn, address);
	return s;
}

static void raw_not_allowed(void)
{
	struct set s = set_up(env.device2);
	uint32_t v = 0;

	FAILS_SAYING(s.conn, EPERM, "raw = yes", vfnc_bar_write(s.dev, 0, REG_AQA, 4, &v, 4));
	FAILS_SAYING(s.conn, EPERM, "raw = yes", vfnc_register_write(s.dev, "cc", 0));
	FAILS_SAYING(s.conn, EPERM, "raw = yes", vfnc_config_write(s.dev, CONFIG_SCRATCH, 1, &v, 1));
	FAILS_SAYING(s.conn, EPERM, "raw = yes", vfnc_doorbell(s.dev, 1, false, 0));
	OK(s.conn, vfnc_bar_read(s.dev, 0, REG_AQA, 4, &v, 4));
	vfnc_disconnect(s.conn);
}

/* What the device's registers say does not depend on how they are read, as far as they can be. */
static void raw_widths(void)
{
	static const unsigned int widths[] = {1, 2, 4, 8};
	struct set s = set_up(env.device);
	uint8_t whole[16], part[16];
	uint64_t cap;

	OK(s.conn, vfnc_register_read(s.dev, "cap", &cap));
	OK(s.conn, vfnc_bar_read(s.dev, 0, 0, 4, whole, sizeof(whole)));
	CHECK(memcmp(whole, &cap, 8) == 0, "CAP is read as something else");
	for (unsigned int i = 0; i < 4; i++) {
		int ret = vfnc_bar_read(s.dev, 0, 0, widths[i], part, sizeof(part));

		if (widths[i] < 4 && ret == -EINVAL)
			continue; /* a controller need not take it */
		OK(s.conn, ret);
		CHECK(memcmp(whole, part, sizeof(part)) == 0, "%u bytes at a time differ", widths[i]);
	}
	FAILS(s.conn, EINVAL, vfnc_bar_read(s.dev, 0, 0, 3, part, 3));
	FAILS(s.conn, EINVAL, vfnc_bar_read(s.dev, 0, 0, 16, part, 16));
	FAILS(s.conn, EINVAL, vfnc_bar_read(s.dev, 0, 2, 4, part, 4));
	FAILS(s.conn, EINVAL, vfnc_bar_read(s.dev, 0, 0, 4, part, 6));
	FAILS(s.conn, EINVAL, vfnc_bar_read(s.dev, 0, UINT64_MAX - 3, 4, part, 4));
	FAILS_SAYING(s.conn, EINVAL, "no BAR 5", vfnc_bar_read(s.dev, 5, 0, 4, part, 4));
	FAILS(s.conn, EINVAL, vfnc_bar_read(s.dev, 6, 0, 4, part, 4));
	vfnc_disconnect(s.conn);
}

/* The admin queue's attributes count when the controller is enabled next, and the daemon sets them then. */
static void raw_registers(void)
{
	struct set s = set_up(env.device);
	uint32_t old, now, other = 0x001f001f;
	uint8_t id[4096];
	uint64_t value;

	OK(s.conn, vfnc_bar_read(s.dev, 0, REG_AQA, 4, &old, 4));
	OK(s.conn, vfnc_bar_write(s.dev, 0, REG_AQA, 4, &other, 4));
	OK(s.conn, vfnc_register_read(s.dev, "aqa", &value));
	CHECK(value == other, "AQA is %#llx", (unsigned long long)value);
	OK(s.conn, vfnc_identify_ctrl(s.dev, id, NULL));
	OK(s.conn, vfnc_register_write(s.dev, "AQA", old));
	OK(s.conn, vfnc_bar_read(s.dev, 0, REG_AQA, 4, &now, 4));
	CHECK(now == old, "AQA is %#x", now);
	FAILS(s.conn, EINVAL, vfnc_register_write(s.dev, "aqa", UINT64_C(1) << 32));
	FAILS(s.conn, ENOENT, vfnc_register_write(s.dev, "nonsense", 0));
	FAILS(s.conn, EINVAL, vfnc_bar_write(s.dev, 0, REG_AQA, 4, &other, 0));
	vfnc_disconnect(s.conn);
}

static unsigned int raw_capability(struct set *s, uint8_t id)
{
	uint8_t space[256];
	unsigned int at;

	OK(s->conn, vfnc_config_read(s->dev, 0, space, sizeof(space)));
	at = space[PCI_CAPABILITY_LIST];
	for (int i = 0; i < 48 && at >= 64; i++) {
		if (space[at] == id)
			return at;
		at = space[at + 1] & 0xfc;
	}
	return 0;
}

static uint64_t register_of(struct set *s, const char *name)
{
	uint64_t v;

	OK(s->conn, vfnc_register_read(s->dev, name, &v));
	return v;
}

/* What a session writes takes nothing from others: interrupts go on, and memory stays what it was. */
static void raw_covered(void)
{
	struct set s = set_up(env.device), other = set_up(env.device);
	struct vfnc_buffer *buf = int_buffer(other.dev, 65536);
	uint64_t cap = register_of(&s, "cap");
	struct client owner;
	uint32_t low, high;

	client_open(&owner, NULL, VFNC_QUEUE_REQUEST, 4, 4096);
	if (!raw_capability(&s, PCI_CAP_ID_MSIX)) {
		OK(s.conn, vfnc_register_write(s.dev, "intms", 0xff));
		CHECK(register_of(&s, "intms") == 0, "interrupts stay masked");
		OK(other.conn, vfnc_identify_ctrl(other.dev, buf->vaddr, NULL));
	}
	CHECK(cap >> 57 & 1 || !env.sim_control, "the software controller has no memory of its own");
	if (cap >> 57 & 1) {
		OK(s.conn, vfnc_register_write(s.dev, "cmbmsc", 1));
		OK(s.conn, vfnc_register_write(s.dev, "cmbmsc", buf->iova | 3));
		CHECK(register_of(&s, "cmbmsc") == 0, "the controller's memory is over a session's");
		/* Its end alone, or its beginning; and by the half of the register that switches it on. */
		OK(s.conn, vfnc_register_write(s.dev, "cmbmsc", 1));
		OK(s.conn, vfnc_register_write(s.dev, "cmbmsc", (buf->iova + buf->size - 4096) | 3));
		CHECK(register_of(&s, "cmbmsc") == 0, "it is over the end of a session's");
		low = (uint32_t)(buf->iova - 4096) | 3;
		high = (uint32_t)((buf->iova - 4096) >> 32);
		OK(s.conn, vfnc_register_write(s.dev, "cmbmsc", 1));
		OK(s.conn, vfnc_bar_write(s.dev, 0, REG_CMBMSC + 4, 4, &high, 4));
		OK(s.conn, vfnc_bar_write(s.dev, 0, REG_CMBMSC, 4, &low, 4));
		CHECK(register_of(&s, "cmbmsc") == 0, "it is over the beginning of a session's");
		client_rw(&owner, false, 0, 4096, 0);
		/* Where nothing is mapped it does no harm. */
		OK(s.conn, vfnc_register_write(s.dev, "cmbmsc", UINT64_C(1) << 50 | 3));
		CHECK(register_of(&s, "cmbmsc") >> 50 == 1, "the controller's memory is not where nothing was");
		OK(s.conn, vfnc_register_write(s.dev, "cmbmsc", 0));
	}
	client_close(&owner);
	vfnc_disconnect(s.conn);
	vfnc_disconnect(other.conn);
}

/* Where there is MSI-X, INTMS is nobody's; and who rings a doorbell has masked nothing. */
static void raw_mask_left_alone(void)
{
	struct set s = set_up(env.device);
	struct vfnc_queue *queue = int_queue(s.dev, 8);
	bool msix = raw_capability(&s, PCI_CAP_ID_MSIX);
	long before, after;
	uint32_t aqa;

	OK(s.conn, vfnc_bar_read(s.dev, 0, REG_AQA, 4, &aqa, 4));
	before = sim_stat(env.sim_control, "mask_accesses");
	OK(s.conn, vfnc_doorbell(s.dev, (uint16_t)queue->qid, true, 0));
	after = sim_stat(env.sim_control, "mask_accesses");
	CHECK(after == before, "a doorbell had INTMS looked at %ld times", after - before);
	OK(s.conn, vfnc_bar_write(s.dev, 0, REG_AQA, 4, &aqa, 4));
	after = sim_stat(env.sim_control, "mask_accesses");
	CHECK(msix ? after == before : after > before, "after a write INTMS was looked at %ld times", after - before);
	if (msix) {
		OK(s.conn, vfnc_register_write(s.dev, "intms", 2));
		CHECK(register_of(&s, "intms") == 2, "the daemon has written to INTMC");
		OK(s.conn, vfnc_register_write(s.dev, "intmc", 2));
	}
	OK(s.conn, vfnc_queue_delete(queue));
	vfnc_disconnect(s.conn);
}

static void config_refused(struct set *s, const char *text, unsigned int at, unsigned int width, uint32_t value)
{
	FAILS_SAYING(s->conn, EPERM, text, vfnc_config_write(s->dev, at, width, &value, width));
}

static void raw_config(void)
{
	struct set s = set_up(env.device);
	uint8_t old, byte = 0x5a, got;
	unsigned int msix, pm, exp;
	uint16_t command;

	OK(s.conn, vfnc_config_read(s.dev, CONFIG_SCRATCH, &old, 1));
	OK(s.conn, vfnc_config_write(s.dev, CONFIG_SCRATCH, 1, &byte, 1));
	OK(s.conn, vfnc_config_read(s.dev, CONFIG_SCRATCH, &got, 1));
	CHECK(got == byte, "%#x was written, %#x is read", byte, got);
	OK(s.conn, vfnc_config_write(s.dev, CONFIG_SCRATCH, 1, &old, 1));

	/* What would take the device from the daemon. */
	OK(s.conn, vfnc_config_read(s.dev, PCI_COMMAND, &command, 2));
	OK(s.conn, vfnc_config_write(s.dev, PCI_COMMAND, 2, &command, 2));
	config_refused(&s, "command register", PCI_COMMAND, 2, command & ~PCI_COMMAND_MASTER);
	config_refused(&s, "command register", PCI_COMMAND, 1, (uint8_t)(command & ~PCI_COMMAND_MEMORY));
	config_refused(&s, "BARs", PCI_BASE_ADDRESS_0, 4, UINT32_MAX);
	config_refused(&s, "BARs", PCI_BASE_ADDRESS_5 + 3, 1, 0);
	msix = raw_capability(&s, PCI_CAP_ID_MSIX);
	pm = raw_capability(&s, PCI_CAP_ID_PM);
	exp = raw_capability(&s, PCI_CAP_ID_EXP);
	CHECK(exp && (msix || getenv("INT_NO_MSIX")), "no such capabilities");
	if (msix)
		config_refused(&s, "interrupts", msix + PCI_MSIX_FLAGS, 2, 0);
	if (pm)
		config_refused(&s, "D0", pm + PCI_PM_CTRL, 2, 3);
	config_refused(&s, "request of its own", exp + PCI_EXP_DEVCTL, 2, PCI_EXP_DEVCTL_BCR_FLR);
	FAILS(s.conn, EINVAL, vfnc_config_write(s.dev, CONFIG_SCRATCH, 8, &(uint64_t){0}, 8));
	FAILS(s.conn, EINVAL, vfnc_config_write(s.dev, 4096, 1, &byte, 1));
	vfnc_disconnect(s.conn);
}

static uint64_t raw_doorbell_at(struct set *s, unsigned int qid, bool completion)
{
	uint64_t cap;

	OK(s->conn, vfnc_register_read(s->dev, "cap", &cap));
	return DOORBELLS + (2 * (uint64_t)qid + completion) * (4u << (cap >> 32 & 15));
}

static void raw_doorbells(void)
{
	struct set s = set_up(env.device), other = set_up(env.device);
	struct vfnc_queue *own = int_queue(s.dev, 8), *others = int_queue(other.dev, 8);
	struct vfnc_subscription *sub;
	unsigned int msix = raw_capability(&s, PCI_CAP_ID_MSIX);
	struct vfnc_event event;
	uint32_t table = 0, value = 9;

	OK(s.conn, vfnc_subscribe(s.dev, &sub));
	FAILS_SAYING(s.conn, EPERM, "admin queue", vfnc_doorbell(s.dev, 0, false, 1));
	FAILS_SAYING(s.conn, EPERM, "another session", vfnc_doorbell(s.dev, (uint16_t)others->qid, true, 1));
	FAILS(s.conn, EINVAL, vfnc_doorbell(s.dev, UINT16_MAX, false, 1));
	/* By another way they are the same. */
	FAILS_SAYING(s.conn, EPERM, "admin queue", vfnc_bar_write(s.dev, 0, DOORBELLS, 4, &value, 4));
	FAILS_SAYING(s.conn, EPERM, "another session",
		     vfnc_bar_write(s.dev, 0, raw_doorbell_at(&s, others->qid, false), 4, &value, 4));
	if (msix) {
		OK(s.conn, vfnc_config_read(s.dev, msix + PCI_MSIX_TABLE, &table, 4));
		FAILS_SAYING(s.conn, EPERM, "MSI-X",
			     vfnc_bar_write(s.dev, table & 7, table & ~7u, 4, &value, 4));
	}
	/* The queue has no such entry: an error event, Invalid Doorbell Write Value. */
	OK(s.conn, vfnc_doorbell(s.dev, (uint16_t)own->qid, false, value));
	OK(s.conn, vfnc_event_wait(s.conn, &event, INT_SOON_MS));
	CHECK(event.kind == VFNC_EVENT_ASYNC && event.type == 0 && event.info == 1,
	      "an event of kind %d, type %u, information %u", event.kind, event.type, event.info);
	OK(other.conn, vfnc_flush(others, 1, NULL));
	OK(s.conn, vfnc_queue_delete(own));
	vfnc_disconnect(s.conn);
	vfnc_disconnect(other.conn);
}

/* The controller has forgotten the daemon's queues as well: it is reset, and everybody is told. */
static void raw_disable(void)
{
	struct set s = set_up(env.device), other = set_up(env.device);
	struct vfnc_queue *queue = int_queue(other.dev, 8);
	struct vfnc_subscription *sub;
	struct vfnc_event event;
	struct vfnc_completion c;
	uint8_t id[4096];
	uint64_t cc;
	int ret;

	OK(other.conn, vfnc_subscribe(other.dev, &sub));
	OK(s.conn, vfnc_register_read(s.dev, "cc", &cc));
	OK(s.conn, vfnc_register_write(s.dev, "cc", cc & ~UINT64_C(1)));
	OK(other.conn, vfnc_event_wait(other.conn, &event, INT_SOON_MS));
	CHECK(event.kind == VFNC_EVENT_RESET, "an event of kind %d", event.kind);
	CHECK(int_contains(event.reason, "after a write of session"), "the reason is \"%s\"", event.reason);
	ret = vfnc_flush(queue, 1, &c);
	CHECK(ret == -ENOENT, "the queue is still there: %d", ret);
	OK(other.conn, vfnc_identify_ctrl(other.dev, id, NULL));
	OK(s.conn, vfnc_identify_ctrl(s.dev, id, NULL));
	OK(other.conn, vfnc_queue_delete(queue));
	queue = int_queue(other.dev, 8);
	OK(other.conn, vfnc_flush(queue, 1, NULL));
	vfnc_disconnect(s.conn);
	vfnc_disconnect(other.conn);
}

int main(void)
{
	static const struct int_case cases[] = {
		INT_CASE("nothing is written where the configuration does not allow it", raw_not_allowed),
		INT_CASE("BARs are read in every width", raw_widths),
		INT_CASE("registers are written", raw_registers),
		INT_CASE("interrupts and memory of others are not covered", raw_covered),
		INT_CASE("INTMS is left alone where there is MSI-X", raw_mask_left_alone,
			 .faults = true),
		INT_CASE("configuration space is written, but for what the daemon needs", raw_config),
		INT_CASE("doorbells are rung, but for those of others", raw_doorbells),
		INT_CASE("a controller that a write disabled is brought back", raw_disable),
		{0},
	};

	return int_main("raw", cases);
}
