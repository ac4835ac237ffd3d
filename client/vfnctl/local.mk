# SPDX-License-Identifier: GPL-2.0-or-later
# The decoders are a library of their own: tests link them.
noinst_LTLIBRARIES += %D%/libprint.la
%C%_libprint_la_SOURCES = \
	%D%/fields.c %D%/fields.h \
	%D%/print-id-ctrl.c \
	%D%/print-id-ns.c \
	%D%/print-opcode.c \
	%D%/print-regs.c \
	%D%/print-smart.c \
	%D%/print.h
%C%_libprint_la_CFLAGS = $(AM_CFLAGS) $(JSONC_CFLAGS) $(LIBNVME_CFLAGS)
%C%_libprint_la_LIBADD = $(JSONC_LIBS)
VFNCTL_PRINT = %D%/libprint.la

bin_PROGRAMS += %D%/vfnctl
%C%_vfnctl_SOURCES = \
	%D%/cmd-events.c \
	%D%/cmd-id-ctrl.c \
	%D%/cmd-id-ns.c \
	%D%/cmd-info.c \
	%D%/cmd-list.c \
	%D%/cmd-passthru.c \
	%D%/cmd-rw.c \
	%D%/cmd-show-regs.c \
	%D%/cmd-smart-log.c \
	%D%/cmd-stats.c \
	%D%/file.c \
	%D%/main.c \
	%D%/options.c \
	%D%/report.c \
	%D%/vfnctl.h
%C%_vfnctl_CFLAGS = $(AM_CFLAGS) $(JSONC_CFLAGS) $(LIBNVME_CFLAGS)
%C%_vfnctl_LDADD = $(VFNCTL_PRINT) $(VFNCLIENT_CORE) $(LIBNVME_LIBS) $(JSONC_LIBS)
