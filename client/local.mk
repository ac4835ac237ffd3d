# SPDX-License-Identifier: LGPL-2.1-or-later
# libvfnclient-core holds all objects; programs of this tree link it, so that there are no libtool
# wrapper scripts and tests see what the symbol map hides. libvfnclient is made from it.
noinst_LTLIBRARIES += %D%/libvfnclient-core.la
%C%_libvfnclient_core_la_SOURCES = \
	%D%/private.h \
	%D%/access.c \
	%D%/async.c \
	%D%/buffer.c \
	%D%/caps.c %D%/caps.h \
	%D%/command.c \
	%D%/conn.c \
	%D%/control.c \
	%D%/device.c \
	%D%/direct.c \
	%D%/event.c \
	%D%/info.c \
	%D%/nvme.c \
	%D%/pci.c \
	%D%/pool.c %D%/pool.h \
	%D%/queue.c \
	%D%/raw.c \
	%D%/rpc.c \
	%D%/served.c \
	%D%/stats.c \
	%D%/trace.c \
	%D%/wait.c
%C%_libvfnclient_core_la_CFLAGS = $(AM_CFLAGS) $(PROTOBUFC_CFLAGS)
%C%_libvfnclient_core_la_LIBADD = proto/libproto.la
VFNCLIENT_CORE = %D%/libvfnclient-core.la $(LIBVFN_CORE)
$(%C%_libvfnclient_core_la_OBJECTS): $(PROTO_HEADER)

lib_LTLIBRARIES += %D%/libvfnclient.la
%C%_libvfnclient_la_SOURCES =
%C%_libvfnclient_la_LIBADD = $(VFNCLIENT_CORE) libvfn/libvfn.la
%C%_libvfnclient_la_LDFLAGS = $(AM_LDFLAGS) -version-info 0:0:0 -no-undefined \
	-Wl,--version-script=$(top_srcdir)/%D%/libvfnclient.map
EXTRA_%C%_libvfnclient_la_DEPENDENCIES = %D%/libvfnclient.map
EXTRA_DIST += %D%/libvfnclient.map

vfnclientincludedir = $(includedir)/vfn
vfnclientinclude_HEADERS = %D%/include/vfn/client.h %D%/include/vfn/client-async.h \
	%D%/include/vfn/client-raw.h %D%/include/vfn/client-trace.h %D%/include/vfn/client-buffer.h \
	%D%/include/vfn/client-pci.h %D%/include/vfn/client-stats.h %D%/include/vfn/client-control.h
pkgconfig_DATA += %D%/vfn-client.pc

include %D%/vfnctl/local.mk

# bash looks for it there by the command's name.
bashcompletiondir = $(datadir)/bash-completion/completions
dist_bashcompletion_DATA = %D%/completion/vfnctl
