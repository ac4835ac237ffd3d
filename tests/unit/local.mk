# SPDX-License-Identifier: GPL-2.0-or-later
# Unit tests mirror the sources: tests/unit/FOLDER/test-FILE.c. Each is a program that prints TAP.
UNIT_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)/%D% -I$(top_srcdir)/libvfn/src
UNIT_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS) $(LIBNVME_CFLAGS) $(PROTOBUFC_CFLAGS)
if LIBCHECK
UNIT_LIBS = $(CHECK_LIBS)
else
check_LTLIBRARIES += %D%/librunner.la
%C%_librunner_la_SOURCES = %D%/runner.c
UNIT_LIBS = %D%/librunner.la
endif
EXTRA_DIST += %D%/unit.h

include %D%/libvfn/local.mk
include %D%/libvfn/support/local.mk
include %D%/libvfn/pci/local.mk
include %D%/libvfn/iommu/local.mk
include %D%/libvfn/vfio/local.mk
include %D%/libvfn/nvme/local.mk
if DAEMON
include %D%/proto/local.mk
include %D%/sim/local.mk
include %D%/bench/local.mk
include %D%/daemon/local.mk
include %D%/client/local.mk
endif
