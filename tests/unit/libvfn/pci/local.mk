# SPDX-License-Identifier: GPL-2.0-or-later
FAKE_SYSFS = %D%/fake-sysfs.c %D%/fake-sysfs.h
check_PROGRAMS += %D%/test-pci
TESTS += %D%/test-pci
%C%_test_pci_SOURCES = %D%/test-pci.c $(FAKE_SYSFS)
%C%_test_pci_CPPFLAGS = $(UNIT_CPPFLAGS)
%C%_test_pci_CFLAGS = $(UNIT_CFLAGS)
%C%_test_pci_LDADD = $(LIBVFN_CORE) $(UNIT_LIBS)
