# SPDX-License-Identifier: GPL-2.0-or-later
# Everything but main() is in a convenience library, so that unit tests can link it.
sbin_PROGRAMS += %D%/vfnd
noinst_LTLIBRARIES += %D%/libdaemon.la

%C%_libdaemon_la_SOURCES = \
	%D%/closer.c %D%/closer.h \
	%D%/config.c %D%/config.h \
	%D%/journal.c %D%/journal.h \
	%D%/lease.c %D%/lease.h \
	%D%/quota.c %D%/quota.h \
	%D%/reload.c %D%/reload.h \
	%D%/server.c %D%/server.h \
	%D%/session.c %D%/session.h \
	%D%/takeover.c %D%/takeover.h \
	%D%/data/check.c %D%/data/check.h \
	%D%/data/counter.h \
	%D%/data/driver.c %D%/data/driver.h \
	%D%/data/engine.c %D%/data/engine.h \
	%D%/data/format.h \
	%D%/data/histogram.c %D%/data/histogram.h \
	%D%/data/length.c %D%/data/length.h \
	%D%/data/limit.c %D%/data/limit.h \
	%D%/data/map.c %D%/data/map.h \
	%D%/data/served.c %D%/data/served.h \
	%D%/data/tally.c %D%/data/tally.h \
	%D%/data/trace.c %D%/data/trace.h \
	%D%/device/buffer.c %D%/device/buffer.h \
	%D%/device/class.c %D%/device/class.h \
	%D%/device/command.h \
	%D%/device/device.c %D%/device/device.h \
	%D%/device/group.c %D%/device/group.h \
	%D%/device/guard.c %D%/device/guard.h \
	%D%/device/interrupt.h \
	%D%/device/keep.c %D%/device/keep.h \
	%D%/device/memory.c %D%/device/memory.h \
	%D%/device/notice.c %D%/device/notice.h \
	%D%/device/nvme.c %D%/device/nvme.h %D%/device/nvme-enable.h \
	%D%/device/nvme-abort.c \
	%D%/device/nvme-arbitrate.c \
	%D%/device/nvme-claim.c \
	%D%/device/nvme-coalesce.c \
	%D%/device/nvme-command.c \
	%D%/device/nvme-direct.c \
	%D%/device/nvme-enable.c \
	%D%/device/nvme-engine.c \
	%D%/device/nvme-event.c \
	%D%/device/nvme-length.c \
	%D%/device/nvme-limit.c \
	%D%/device/nvme-ns.c \
	%D%/device/nvme-pair.c \
	%D%/device/nvme-queue.c \
	%D%/device/nvme-served.c \
	%D%/device/nvme-raw.c \
	%D%/device/nvme-recover.c \
	%D%/device/nvme-reset.c \
	%D%/device/nvme-state.c \
	%D%/device/nvme-submit.c \
	%D%/device/nvme-tally.c \
	%D%/device/nvme-trace.c \
	%D%/device/nvme-write.c \
	%D%/device/opening.c %D%/device/opening.h \
	%D%/device/pci.c %D%/device/pci.h \
	%D%/device/pci-irq.c \
	%D%/device/pci-reset.c \
	%D%/device/queue.h \
	%D%/device/subscription.c %D%/device/subscription.h \
	%D%/device/tracer.c %D%/device/tracer.h \
	%D%/device/wake.c %D%/device/wake.h \
	%D%/device/worker.c %D%/device/worker.h \
	%D%/rpc/access.c \
	%D%/rpc/arena.c %D%/rpc/arena.h \
	%D%/rpc/buffer.c \
	%D%/rpc/command.c \
	%D%/rpc/control.c \
	%D%/rpc/device.c \
	%D%/rpc/event.c \
	%D%/rpc/hello.c \
	%D%/rpc/interrupt.c \
	%D%/rpc/queue.c \
	%D%/rpc/register.c \
	%D%/rpc/rpc.c %D%/rpc/rpc.h \
	%D%/rpc/statistics.c \
	%D%/rpc/table.c \
	%D%/rpc/tally.c \
	%D%/rpc/trace.c \
	%D%/state/state.c %D%/state/state.h
%C%_libdaemon_la_CFLAGS = $(AM_CFLAGS) $(EVENT_CFLAGS) $(PROTOBUFC_CFLAGS) $(SYSTEMD_CFLAGS) \
	$(INIH_CFLAGS)
%C%_libdaemon_la_LIBADD = $(LIBVFN_CORE) proto/libproto.la $(EVENT_LIBS) $(PROTOBUFC_LIBS) \
	$(SYSTEMD_LIBS) $(INIH_LIBS)

%C%_vfnd_SOURCES = %D%/main.c
%C%_vfnd_CFLAGS = $(%C%_libdaemon_la_CFLAGS)
%C%_vfnd_LDADD = %D%/libdaemon.la

$(%C%_libdaemon_la_OBJECTS) $(%C%_vfnd_OBJECTS): $(PROTO_HEADER)

# What runs as root has nothing in it but what it needs; config.c is compiled for it once more.
sbin_PROGRAMS += %D%/vfnd-bind
noinst_LTLIBRARIES += %D%/libbind.la
%C%_libbind_la_SOURCES = %D%/bind/bind.c %D%/bind/bind.h %D%/bind/busy.c
%C%_libbind_la_LIBADD = $(LIBVFN_CORE)
%C%_vfnd_bind_SOURCES = %D%/bind/main.c %D%/config.c %D%/config.h
%C%_vfnd_bind_CFLAGS = $(AM_CFLAGS) $(INIH_CFLAGS)
%C%_vfnd_bind_LDADD = %D%/libbind.la $(INIH_LIBS)
