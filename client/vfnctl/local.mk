# SPDX-License-Identifier: GPL-2.0-or-later
# The decoders are a library of their own: tests link them.
noinst_LTLIBRARIES += %D%/libprint.la
%C%_libprint_la_SOURCES = \
	%D%/fields.c %D%/fields.h \
	%D%/print-caps.c \
	%D%/print-descs.c \
	%D%/print-effects.c \
	%D%/print-error-log.c \
	%D%/print-feature.c \
	%D%/print-fw-log.c \
	%D%/print-id-ctrl.c \
	%D%/print-id-ns.c \
	%D%/print-lists.c \
	%D%/print-opcode.c \
	%D%/print-regs.c \
	%D%/print-sanitize.c \
	%D%/print-self-test.c \
	%D%/print-smart.c \
	%D%/print-trace.c \
	%D%/print.h
%C%_libprint_la_CFLAGS = $(AM_CFLAGS) $(JSONC_CFLAGS) $(LIBNVME_CFLAGS)
%C%_libprint_la_LIBADD = $(LIBNVME_LIBS) $(JSONC_LIBS)
VFNCTL_PRINT = %D%/libprint.la

bin_PROGRAMS += %D%/vfnctl
%C%_vfnctl_SOURCES = \
	%D%/cmd-bind.c \
	%D%/cmd-access.c \
	%D%/cmd-blocks.c \
	%D%/cmd-caps.c \
	%D%/cmd-dsm.c \
	%D%/cmd-effects-log.c \
	%D%/cmd-enable.c \
	%D%/cmd-error-log.c \
	%D%/cmd-events.c \
	%D%/cmd-feature.c \
	%D%/cmd-format.c \
	%D%/cmd-fw.c \
	%D%/cmd-get-log.c \
	%D%/cmd-id-ctrl.c \
	%D%/cmd-id-ns-descs.c \
	%D%/cmd-id-ns.c \
	%D%/cmd-info.c \
	%D%/cmd-list-ns.c \
	%D%/cmd-list.c \
	%D%/cmd-logs.c \
	%D%/cmd-ns-mgmt.c \
	%D%/cmd-passthru.c \
	%D%/cmd-raw.c \
	%D%/cmd-reset.c \
	%D%/cmd-rw.c \
	%D%/cmd-sanitize.c \
	%D%/cmd-security.c \
	%D%/cmd-self-test.c \
	%D%/cmd-show-regs.c \
	%D%/cmd-smart-log.c \
	%D%/cmd-stats.c \
	%D%/cmd-top.c \
	%D%/cmd-trace.c \
	%D%/cmd-virt-mgmt.c \
	%D%/command.c \
	%D%/command.h \
	%D%/counters.c \
	%D%/counters.h \
	%D%/file.c \
	%D%/help.c \
	%D%/host.c \
	%D%/huge.c \
	%D%/huge.h \
	%D%/kinds.c \
	%D%/kinds.h \
	%D%/list.c \
	%D%/list.h \
	%D%/main.c \
	%D%/main.h \
	%D%/options.c \
	%D%/progress.c \
	%D%/progress.h \
	%D%/prometheus.c \
	%D%/prometheus.h \
	%D%/report.c \
	%D%/states.c \
	%D%/states.h \
	%D%/table.c \
	%D%/tally.c \
	%D%/tally.h \
	%D%/tags.c \
	%D%/tags.h \
	%D%/top.c \
	%D%/top.h \
	%D%/top-print.c \
	%D%/top-screen.c \
	%D%/vfnctl.h
%C%_vfnctl_CPPFLAGS = $(AM_CPPFLAGS) -DSBINDIR='"$(sbindir)"'
%C%_vfnctl_CFLAGS = $(AM_CFLAGS) $(JSONC_CFLAGS) $(LIBNVME_CFLAGS) $(NCURSES_CFLAGS)
%C%_vfnctl_LDADD = $(VFNCTL_PRINT) $(VFNCLIENT_CORE) $(LIBNVME_LIBS) $(JSONC_LIBS) $(NCURSES_LIBS)
