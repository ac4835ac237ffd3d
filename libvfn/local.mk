# SPDX-License-Identifier: LGPL-2.1-or-later
# libvfn-core holds all objects; programs of this tree link it, since they also use what the
# library's symbol map hides (libtool's wrapper scripts are avoided that way too). libvfn is made from it.
noinst_LTLIBRARIES += %D%/libvfn-core.la
%C%_libvfn_core_la_SOURCES =
%C%_libvfn_core_la_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)/%D%/src
LIBVFN_CORE = %D%/libvfn-core.la
nobase_vfninclude_HEADERS =
vfnincludedir = $(includedir)

include %D%/src/support/local.mk
include %D%/src/pci/local.mk
include %D%/src/iommu/local.mk
include %D%/src/vfio/local.mk
include %D%/src/nvme/local.mk
