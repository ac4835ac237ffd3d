/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Configuration space: what can be written, what a write does; and sizes of namespaces. */
#include "config.h"

#include "unit.h"

#include "ns.h"
#include "pci.h"

#include <errno.h>
#include <string.h>

static struct pci p;

START_TEST(test_writable_bits)
{
	uint8_t before[PCI_SPACE], ones[PCI_SPACE];
	unsigned int did;

	pci_init(&p, 65, true, 4096);
	memcpy(before, p.cfg, PCI_SPACE);
	memset(ones, 0xff, sizeof(ones));
	did = pci_write(&p, 0, ones, PCI_SPACE);
	ck_assert_uint_eq(did, PCI_DID_FLR | PCI_DID_INTR);
	for (unsigned int i = 0; i < PCI_SPACE; i++)
		ck_assert_uint_eq(p.cfg[i] & ~p.wmask[i], before[i] & ~p.wmask[i]);
	ck_assert_uint_eq(p.cfg[0] | p.cfg[1] << 8, PCI_SIM_VENDOR);
	ck_assert(pci_bus_master(&p) && pci_intx_disabled(&p) && pci_msix_enabled(&p) &&
		  pci_msix_masked(&p));
	memset(ones, 0, sizeof(ones));
	did = pci_write(&p, 0, ones, PCI_SPACE);
	ck_assert_uint_eq(did, PCI_DID_INTR);
	ck_assert(!pci_bus_master(&p) && !pci_intx_disabled(&p) && !pci_msix_enabled(&p) &&
		  !pci_msix_masked(&p));
}
END_TEST

/* A reset bit that is written with any width around it, and no others. */
START_TEST(test_flr_widths)
{
	uint8_t b[8] = {0};

	pci_init(&p, 65, true, 4096);
	for (unsigned int off = 0x50; off <= 0x60; off++) {
		for (unsigned int len = 1; len <= 8; len++) {
			bool hit = off <= 0x59 && off + len > 0x59;

			memset(b, 0, 8);
			if (hit)
				b[0x59 - off] = 0x80;
			else
				memset(b, 0x80, 8);
			ck_assert_uint_eq(pci_write(&p, off, b, len) & PCI_DID_FLR,
					  hit ? PCI_DID_FLR : 0);
		}
	}
}
END_TEST

START_TEST(test_sizes)
{
	static const struct {
		const char *text;
		uint64_t bytes;
	} good[] = {{"512", 512},      {"64K", 65536},	   {"64k", 65536},     {"1M", 1 << 20},
		    {"1MiB", 1 << 20}, {"2G", 2ull << 30}, {"1T", 1ull << 40}, {"0x1000", 0x1000}};
	static const char *const bad[] = {"",	      "0",   "M",   "-1M",  " 1M",
					  "1Q",	      "1MM", "1 M", "1.5G", "99999999999999999999",
					  "16777216T"};
	uint64_t v;

	for (unsigned int i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		ck_assert_int_eq(ns_parse_size(good[i].text, &v), 0);
		ck_assert_uint_eq(v, good[i].bytes);
	}
	for (unsigned int i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		ck_assert_msg(ns_parse_size(bad[i], &v) == -EINVAL, "%s", bad[i]);
}
END_TEST

START_TEST(test_identifiers)
{
	static const struct ns_format f512 = {.shift = 9}, f4k = {.shift = 12},
				      none = {.shift = 9, .null = true};
	struct ns a, b, again;
	char why[128];

	ck_assert_int_eq(ns_open(&a, 1, &f512, "1M", "serial", why, sizeof(why)), 0);
	ck_assert_int_eq(ns_open(&b, 2, &f4k, "1M", "serial", why, sizeof(why)), 0);
	ck_assert_int_eq(ns_open(&again, 1, &f512, "2M", "serial", why, sizeof(why)), 0);
	ck_assert_uint_eq(a.blocks, 2048);
	ck_assert_uint_eq(b.blocks, 256);
	ck_assert_int_ne(memcmp(a.nguid, b.nguid, 16), 0);
	ck_assert_int_ne(memcmp(a.uuid, b.uuid, 16), 0);
	ck_assert_int_ne(memcmp(a.eui64, b.eui64, 8), 0);
	ck_assert_int_eq(memcmp(a.uuid, again.uuid, 16), 0);
	ck_assert_uint_eq(a.uuid[6] >> 4, 8);
	ns_close(&a);
	ns_close(&b);
	ns_close(&again);
	ck_assert_int_eq(ns_open(&a, 1, &f512, "/dev/null", "serial", why, sizeof(why)), -EINVAL);
	ck_assert_int_eq(ns_open(&a, 1, &f512, "/nowhere/x", "serial", why, sizeof(why)), -ENOENT);
	ck_assert_ptr_nonnull(strstr(why, "No such file"));
	ck_assert_int_eq(ns_open(&a, 1, &none, "/dev/zero", "serial", why, sizeof(why)), -EINVAL);
	ck_assert_int_eq(ns_open(&a, 1, &none, "1T", "serial", why, sizeof(why)), 0);
	ck_assert_ptr_null(a.mem);
	ck_assert_uint_eq(a.blocks, 1ull << 31);
	ns_close(&a);
}
END_TEST

UNIT_MAIN("sim-pci", {
	tcase_add_test(tc, test_writable_bits);
	tcase_add_test(tc, test_flr_widths);
	tcase_add_test(tc, test_sizes);
	tcase_add_test(tc, test_identifiers);
})
