# SPDX-License-Identifier: LGPL-2.1-or-later
# libvfn-core holds all objects; programs of this tree link it, since they also use what the
# library's symbol map hides (libtool's wrapper scripts are avoided that way too). libvfn is made from it.
noinst_LTLIBRARIES += %D%/libvfn-core.la
%C%_libvfn_core_la_SOURCES =
%C%_libvfn_core_la_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)/%D%/src
LIBVFN_CORE = %D%/libvfn-core.la

# Public headers. Each compiles alone, in C and in C++ (tests/unit/libvfn/test-headers.sh).
vfnincludedir = $(includedir)/vfn
vfninclude_HEADERS = \
	%D%/include/vfn/iommu.h \
	%D%/include/vfn/nvme.h \
	%D%/include/vfn/pci.h \
	%D%/include/vfn/support.h \
	%D%/include/vfn/trace.h \
	%D%/include/vfn/vfio.h
vfniommudir = $(vfnincludedir)/iommu
vfniommu_HEADERS = \
	%D%/include/vfn/iommu/context.h \
	%D%/include/vfn/iommu/dma.h \
	%D%/include/vfn/iommu/replace.h
vfnnvmedir = $(vfnincludedir)/nvme
vfnnvme_HEADERS = \
	%D%/include/vfn/nvme/aen.h \
	%D%/include/vfn/nvme/bringup.h \
	%D%/include/vfn/nvme/cmb.h \
	%D%/include/vfn/nvme/ctrl.h \
	%D%/include/vfn/nvme/data.h \
	%D%/include/vfn/nvme/hmb.h \
	%D%/include/vfn/nvme/join.h \
	%D%/include/vfn/nvme/queue.h \
	%D%/include/vfn/nvme/recover.h \
	%D%/include/vfn/nvme/rq.h \
	%D%/include/vfn/nvme/share.h \
	%D%/include/vfn/nvme/sriov.h \
	%D%/include/vfn/nvme/takeover.h \
	%D%/include/vfn/nvme/types.h \
	%D%/include/vfn/nvme/util.h
vfnpcidir = $(vfnincludedir)/pci
vfnpci_HEADERS = \
	%D%/include/vfn/pci/sriov.h \
	%D%/include/vfn/pci/util.h
vfnsupportdir = $(vfnincludedir)/support
vfnsupport_HEADERS = \
	%D%/include/vfn/support/align.h \
	%D%/include/vfn/support/atomic.h \
	%D%/include/vfn/support/autoptr.h \
	%D%/include/vfn/support/barrier.h \
	%D%/include/vfn/support/compiler.h \
	%D%/include/vfn/support/endian.h \
	%D%/include/vfn/support/error.h \
	%D%/include/vfn/support/io.h \
	%D%/include/vfn/support/log.h \
	%D%/include/vfn/support/mem.h \
	%D%/include/vfn/support/mmio.h \
	%D%/include/vfn/support/ticks.h
vfntracedir = $(vfnincludedir)/trace
vfntrace_HEADERS = %D%/include/vfn/trace/events.h
vfnvfiodir = $(vfnincludedir)/vfio
vfnvfio_HEADERS = \
	%D%/include/vfn/vfio/container.h \
	%D%/include/vfn/vfio/device.h \
	%D%/include/vfn/vfio/pci.h \
	%D%/include/vfn/vfio/region.h \
	%D%/include/vfn/vfio/takeover.h

include %D%/src/support/local.mk
include %D%/src/pci/local.mk
include %D%/src/iommu/local.mk
include %D%/src/vfio/local.mk
include %D%/src/nvme/local.mk

lib_LTLIBRARIES += %D%/libvfn.la
%C%_libvfn_la_SOURCES =
%C%_libvfn_la_LIBADD = %D%/libvfn-core.la
%C%_libvfn_la_LDFLAGS = $(AM_LDFLAGS) -version-info 0:0:0 -no-undefined \
	-Wl,--version-script=$(srcdir)/%D%/libvfn.map
%C%_libvfn_la_DEPENDENCIES = %D%/libvfn-core.la $(srcdir)/%D%/libvfn.map
EXTRA_DIST += %D%/libvfn.map
pkgconfig_DATA += %D%/libvfn.pc
