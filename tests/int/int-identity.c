/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the daemon tells of devices is what others say of them. */
#include "int.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <linux/pci_regs.h>

#define CONFIG_BYTES 256

/* A line of a fact, without its end. */
static const char *fact(const char *address, const char *name)
{
	static char line[256];
	char folder[256], path[1024];
	FILE *f;

	snprintf(folder, sizeof(folder), "%s", address);
	for (char *p = folder; *p; p++)
		if (*p == '/')
			*p = '_';
	snprintf(path, sizeof(path), "%s/%s/%s", env.facts, folder, name);
	f = fopen(path, "re");
	CHECK(f, "%s: %s", path, strerror(errno));
	CHECK(fgets(line, sizeof(line), f), "%s is empty", path);
	fclose(f);
	line[strcspn(line, "\n")] = '\0';
	/* as padding is left out of what the daemon tells */
	for (size_t n = strlen(line); n > 0 && line[n - 1] == ' '; n--)
		line[n - 1] = '\0';
	return line;
}

static uint64_t fact_number(const char *address, const char *name)
{
	return strtoull(fact(address, name), NULL, 0);
}

static size_t fact_config(const char *address, uint8_t *config, size_t room)
{
	char folder[256], path[1024];
	unsigned int byte;
	size_t n = 0;
	FILE *f;

	snprintf(folder, sizeof(folder), "%s", address);
	for (char *p = folder; *p; p++)
		if (*p == '/')
			*p = '_';
	snprintf(path, sizeof(path), "%s/%s/config", env.facts, folder);
	f = fopen(path, "re");
	CHECK(f, "%s: %s", path, strerror(errno));
	while (n < room && fscanf(f, "%2x", &byte) == 1)
		config[n++] = (uint8_t)byte;
	fclose(f);
	return n;
}

static void same_text(const char *address, const char *name, const char *value)
{
	CHECK(strcmp(value, fact(address, name)) == 0, "%s of %s: '%s', not '%s'", name, address,
	      value, fact(address, name));
}

static void same_number(const char *address, const char *name, uint64_t value)
{
	CHECK(value == fact_number(address, name), "%s of %s: %#llx, not %s", name, address,
	      (unsigned long long)value, fact(address, name));
}

static void identity_hello(void)
{
	struct vfnc *conn = int_connect(), *other = int_connect();
	struct vfnc_statistics stats;
	struct vfnc_limits limits;

	vfnc_limits(conn, &limits);
	CHECK(limits.max_message == 65536, "packets of %u bytes", limits.max_message);
	CHECK(limits.max_inline >= 4096 && limits.max_inline < limits.max_message,
	      "inline data of %u bytes", limits.max_inline);
	CHECK(limits.max_outstanding >= 512, "%u commands", limits.max_outstanding);
	CHECK(int_contains(vfnc_daemon(conn), "vfnd "), "'%s'", vfnc_daemon(conn));
	CHECK(vfnc_session(conn) != vfnc_session(other), "two sessions have one number");
	OK(conn, vfnc_statistics(conn, NULL, &stats));
	CHECK(stats.sessions == 2 && stats.sessions_total >= 2, "%llu sessions of %llu",
	      (unsigned long long)stats.sessions, (unsigned long long)stats.sessions_total);
	vfnc_disconnect(other);
	vfnc_disconnect(conn);
}

static const struct vfnc_device_entry *entry_of(const struct vfnc_device_entry *list, int n,
						const char *address)
{
	for (int i = 0; i < n; i++)
		if (strcmp(list[i].address, address) == 0)
			return &list[i];
	CHECK(false, "%s is not listed", address);
	return NULL;
}

static void identity_list(void)
{
	const char *address[] = {env.device, env.device2};
	struct vfnc *conn = int_connect();
	struct vfnc_device *dev = int_open(conn, NULL);
	struct vfnc_device_entry *list;
	const char *transport = env.sim_control ? "vfio-user" : getenv("VFN_TRANSPORT");
	int n = vfnc_list(conn, &list);

	CHECK(transport, "VFN_TRANSPORT does not tell how devices are reached");
	CHECK(n == 2, "%d devices are listed", n);
	for (int i = 0; i < 2; i++) {
		const struct vfnc_device_entry *e = entry_of(list, n, address[i]);

		CHECK(e->state == VFNC_DEVICE_READY, "%s: %s", e->address, e->reason);
		CHECK(strcmp(e->class_name, "nvme") == 0, "class '%s'", e->class_name);
		CHECK(strcmp(e->transport, transport) == 0, "transport '%s', not '%s'",
		      e->transport, transport);
		CHECK(e->sessions == (i == 0), "%s: %u sessions", e->address, e->sessions);
		same_number(e->address, "vendor", e->vendor_id);
		same_number(e->address, "device", e->device_id);
		same_text(e->address, "model", e->model);
		same_text(e->address, "serial", e->serial);
		same_text(e->address, "firmware_rev", e->firmware);
	}
	free(list);
	OK(conn, vfnc_close(dev));
	vfnc_disconnect(conn);
}

static void identity_open(void)
{
	struct vfnc *conn = int_connect();
	struct vfnc_device *dev, *again;

	FAILS(conn, ENODEV, vfnc_open(conn, "0000:ff:1f.7", &dev));
	FAILS(conn, ENODEV, vfnc_open(conn, "no address at all", &dev));
	FAILS(conn, EINVAL, vfnc_open(conn, NULL, &dev));
	dev = int_open(conn, NULL);
	CHECK(strcmp(vfnc_device_address(dev), env.device) == 0, "opened %s",
	      vfnc_device_address(dev));
	FAILS(conn, EALREADY, vfnc_open(conn, env.device, &again));
	OK(conn, vfnc_close(dev));
	dev = int_open(conn, NULL);
	vfnc_disconnect(conn);
}

static void info_one(const char *address)
{
	struct vfnc *conn = int_connect();
	struct vfnc_device *dev = int_open(conn, address);
	struct vfnc_device_info *info;

	OK(conn, vfnc_device_info(dev, &info));
	same_number(address, "cap", info->cap);
	same_number(address, "vs", info->vs);
	same_number(address, "vendor", info->device.vendor_id);
	same_number(address, "device", info->device.device_id);
	same_text(address, "model", info->device.model);
	same_text(address, "serial", info->device.serial);
	same_text(address, "firmware_rev", info->device.firmware);
	CHECK(info->class_code == 0x010802, "class code %06x", info->class_code);
	CHECK(info->bar_size[0] >= 0x2000, "BAR 0 of %#llx bytes",
	      (unsigned long long)info->bar_size[0]);
	CHECK(getenv("INT_NO_INTERRUPTS") ? !info->vectors
	      : getenv("INT_NO_MSIX")     ? info->vectors == 1
					  : info->vectors > 1,
	      "%u vectors", info->vectors);
	CHECK(info->page_size == 4096, "pages of %u bytes", info->page_size);
	CHECK(info->max_queue_entries == (info->cap & 0xffff) + 1, "%u entries",
	      info->max_queue_entries);
	CHECK(info->queue_pairs >= 8 && info->queue_pairs_free == info->queue_pairs,
	      "%u queue pairs, %u free", info->queue_pairs, info->queue_pairs_free);
	CHECK(info->max_transfer >= 256 << 10, "%llu bytes a command",
	      (unsigned long long)info->max_transfer);
	CHECK(info->n_iova > 0, "no ranges of I/O addresses");
	same_number(address, "namespaces", info->n_active);
	for (uint32_t i = 0; i < info->n_active; i++) {
		char name[64];

		snprintf(name, sizeof(name), "ns%u_blocks", info->active[i].nsid);
		same_number(address, name, info->active[i].blocks);
		snprintf(name, sizeof(name), "ns%u_block_size", info->active[i].nsid);
		same_number(address, name, info->active[i].block_size);
	}
	free(info);
	vfnc_disconnect(conn);
}

static void identity_info(void)
{
	info_one(env.device);
	info_one(env.device2);
}

static void identify_one(const char *address)
{
	struct vfnc *conn = int_connect();
	struct vfnc_device *dev = int_open(conn, address);
	uint8_t data[4096];
	uint64_t blocks;
	char text[41];

	OK(conn, vfnc_identify_ctrl(dev, data, NULL));
	snprintf(text, sizeof(text), "%.20s", (char *)data + 4);
	text[strcspn(text, " ")] = '\0';
	same_text(address, "serial", text);
	same_number(address, "cntlid", (uint64_t)(data[78] | data[79] << 8));
	OK(conn, vfnc_identify_ns(dev, 1, data, NULL));
	memcpy(&blocks, data, sizeof(blocks));
	same_number(address, "ns1_blocks", blocks);
	OK(conn, vfnc_smart_log(dev, UINT32_MAX, data, NULL));
	CHECK(data[1] | data[2] << 8, "the temperature is 0 K");
	vfnc_disconnect(conn);
}

static void identity_identify(void)
{
	identify_one(env.device);
	identify_one(env.device2);
}

static void registers_one(const char *address)
{
	struct vfnc *conn = int_connect();
	struct vfnc_device *dev = int_open(conn, address);
	uint64_t v, low, high;

	OK(conn, vfnc_register_read(dev, "cap", &v));
	same_number(address, "cap", v);
	OK(conn, vfnc_register_read_at(dev, 0, 8, &v));
	same_number(address, "cap", v);
	OK(conn, vfnc_register_read_at(dev, 0, 4, &low));
	OK(conn, vfnc_register_read_at(dev, 4, 4, &high));
	same_number(address, "cap", high << 32 | low);
	OK(conn, vfnc_register_read(dev, "vs", &v));
	same_number(address, "vs", v);
	OK(conn, vfnc_register_read_at(dev, 8, 4, &v));
	same_number(address, "vs", v);
	OK(conn, vfnc_register_read(dev, "csts", &v));
	CHECK((v & 3) == 1, "CSTS is %#llx: not ready, or fatal", (unsigned long long)v);
	OK(conn, vfnc_register_read(dev, "cc", &v));
	CHECK(v & 1, "CC is %#llx: not enabled", (unsigned long long)v);
	FAILS(conn, ENOENT, vfnc_register_read(dev, "nonsense", &v));
	FAILS(conn, EINVAL, vfnc_register_read_at(dev, 2, 4, &v));
	FAILS(conn, EINVAL, vfnc_register_read_at(dev, 0, 2, &v));
	FAILS(conn, EINVAL, vfnc_register_read_at(dev, UINT64_C(1) << 40, 4, &v));
	FAILS(conn, EINVAL, vfnc_register_read_at(dev, UINT64_MAX - 3, 4, &v));
	vfnc_disconnect(conn);
}

static void identity_registers(void)
{
	registers_one(env.device);
	registers_one(env.device2);
}

/* Bytes of the header that are the host's to write, or tell a state. */
static bool header_varies(unsigned int at)
{
	return (at >= PCI_COMMAND && at < PCI_CLASS_REVISION) || at == PCI_CACHE_LINE_SIZE ||
	       at == PCI_LATENCY_TIMER || (at >= PCI_BASE_ADDRESS_0 && at < PCI_CARDBUS_CIS) ||
	       at == PCI_INTERRUPT_LINE;
}

/*
 * Capabilities that both show, with what in them is fixed. The kernel hides from VFIO's users those that
 * it does not know, so the daemon's list may be shorter, and its links differ.
 */
static void same_capabilities(const uint8_t *ours, const uint8_t *theirs)
{
	unsigned int at = ours[PCI_CAPABILITY_LIST], n = 0;
	bool msix = false;

	CHECK(at, "there is no capability");
	while (at) {
		CHECK(at >= 64 && at < CONFIG_BYTES && n++ < 48, "the capabilities' list is broken");
		CHECK(ours[at] == theirs[at], "capability %02xh at %02xh is %02xh elsewhere",
		      ours[at], at, theirs[at]);
		if (ours[at] == PCI_CAP_ID_MSIX) {
			msix = true;
			/* table size; table and pending bits: BAR and offset */
			CHECK(ours[at + 2] == theirs[at + 2] &&
			      (ours[at + 3] & 7) == (theirs[at + 3] & 7) &&
			      memcmp(ours + at + 4, theirs + at + 4, 8) == 0,
			      "the MSI-X capability differs");
		}
		at = ours[at + 1];
	}
	CHECK(msix == (!getenv("INT_NO_INTERRUPTS") && !getenv("INT_NO_MSIX")), "there is %s MSI-X capability",
	      msix ? "a" : "no");
}

static void config_one(const char *address)
{
	uint8_t ours[CONFIG_BYTES], theirs[CONFIG_BYTES], part[4];
	struct vfnc *conn = int_connect();
	struct vfnc_device *dev = int_open(conn, address);
	int n = vfnc_config_read(dev, 0, ours, sizeof(ours));

	CHECK(n == CONFIG_BYTES, "%d bytes were read (%s)", n, vfnc_error(conn));
	CHECK(fact_config(address, theirs, sizeof(theirs)) == CONFIG_BYTES, "the facts are short");
	for (unsigned int i = 0; i < 64; i++)
		CHECK(header_varies(i) || ours[i] == theirs[i], "byte %02xh is %02xh, not %02xh", i,
		      ours[i], theirs[i]);
	CHECK(ours[PCI_COMMAND] & PCI_COMMAND_MASTER, "the device is no bus master");
	same_capabilities(ours, theirs);
	for (uint32_t at = 0; at < 64; at++) {
		n = vfnc_config_read(dev, at, part, 3);
		CHECK(n == 3 && memcmp(part, ours + at, 3) == 0, "3 bytes at %u differ", at);
	}
	n = vfnc_config_read(dev, 4095, part, 1);
	CHECK(n == 0 || n == 1, "the last byte: %d", n);
	FAILS(conn, EINVAL, vfnc_config_read(dev, 4096, part, 1));
	FAILS(conn, EINVAL, vfnc_config_read(dev, 4094, part, 4));
	FAILS(conn, EINVAL, vfnc_config_read(dev, UINT32_MAX, part, 4));
	vfnc_disconnect(conn);
}

static void identity_config(void)
{
	config_one(env.device);
	config_one(env.device2);
}

static void identity_buffers(void)
{
	struct vfnc_device *dev = int_open_new();
	struct vfnc *conn = vfnc_device_connection(dev);
	struct vfnc_device_info *info;
	struct vfnc_buffer *buf[16];
	struct vfnc_buffer *none;
	struct ledger before;

	OK(conn, vfnc_device_info(dev, &info));
	ledger_take(&before);
	for (unsigned int i = 0; i < 16; i++) {
		bool inside = false;

		buf[i] = int_buffer(dev, (i + 1) * 5000);
		CHECK(buf[i]->size == ((i + 1) * 5000 + 4095) / 4096 * 4096, "%zu bytes",
		      buf[i]->size);
		CHECK(buf[i]->iova >= 65536, "I/O address %#llx",
		      (unsigned long long)buf[i]->iova);
		for (uint32_t k = 0; k < info->n_iova; k++)
			inside |= buf[i]->iova >= info->iova[k].first &&
				  buf[i]->iova + buf[i]->size - 1 <= info->iova[k].last;
		CHECK(inside, "I/O address %#llx is in none of the ranges",
		      (unsigned long long)buf[i]->iova);
		for (size_t k = 0; k < buf[i]->size; k++)
			CHECK(((uint8_t *)buf[i]->vaddr)[k] == 0, "new memory is not zeroed");
		memset(buf[i]->vaddr, (int)i + 1, buf[i]->size);
		for (unsigned int k = 0; k < i; k++)
			CHECK(buf[k]->iova + buf[k]->size <= buf[i]->iova ||
			      buf[i]->iova + buf[i]->size <= buf[k]->iova, "two buffers overlap");
		/* Whoever has the descriptor cannot take pages away under the daemon. */
		CHECK(ftruncate(buf[i]->fd, 0) < 0 && errno == EPERM, "the memory can be shrunk");
		CHECK(ftruncate(buf[i]->fd, 1 << 20) < 0 && errno == EPERM,
		      "the memory can be grown");
	}
	FAILS(conn, EINVAL, vfnc_buffer_alloc(dev, 0, &none));
	for (unsigned int i = 0; i < 16; i++)
		OK(conn, vfnc_buffer_free(buf[(i * 7) % 16]));
	ledger_await(&before, 1024);
	free(info);
	vfnc_disconnect(conn);
}

int main(void)
{
	static const struct int_case cases[] = {
		INT_CASE("hello tells limits and the session", identity_hello),
		INT_CASE("devices are listed", identity_list),
		INT_CASE("devices are opened by their address", identity_open),
		INT_CASE("device information is right", identity_info),
		INT_CASE("Identify and SMART are right", identity_identify),
		INT_CASE("registers are right, by name and offset", identity_registers),
		INT_CASE("configuration space is right", identity_config),
		INT_CASE("buffers are where they are said to be", identity_buffers),
		{0},
	};

	return int_main("identity", cases);
}
