# SPDX-License-Identifier: GPL-2.0-or-later
# Tests of the whole: daemon, clients and a software controller.
EXTRA_DIST += %D%/lib.sh

noinst_PROGRAMS += %D%/demo-client
%C%_demo_client_SOURCES = %D%/demo-client.c
%C%_demo_client_LDADD = $(VFNCLIENT_CORE)

# A test says "ok" for the demonstration when its last line does.
dist_check_SCRIPTS += %D%/demo.sh %D%/test-demo.sh %D%/test-example.sh
TESTS += %D%/test-demo.sh %D%/test-example.sh

# The programs of doc/examples/libvfn; in the guest, too.
dist_check_SCRIPTS += %D%/test-libvfn-examples.sh
TESTS += %D%/test-libvfn-examples.sh

# Controllers that have to be polled, and others with INTx.
dist_check_SCRIPTS += %D%/test-polled.sh %D%/test-intx.sh
TESTS += %D%/test-polled.sh %D%/test-intx.sh

# vfnctl's commands.
dist_check_SCRIPTS += %D%/test-vfnctl.sh
TESTS += %D%/test-vfnctl.sh

# `vfnctl trace' as a process.
dist_check_SCRIPTS += %D%/test-trace.sh
TESTS += %D%/test-trace.sh

# The units as systemd reads them.
dist_check_SCRIPTS += %D%/test-units.sh
TESTS += %D%/test-units.sh

# Wrong input by hand, and what systemd expects.
EXTRA_DIST += %D%/notify.py
dist_check_SCRIPTS += %D%/test-daemon-options.sh %D%/test-reload.sh
TESTS += %D%/test-daemon-options.sh %D%/test-reload.sh

# The integration suite: programs that suite.sh runs against a daemon.
check_LTLIBRARIES += %D%/libint.la
%C%_libint_la_SOURCES = \
	%D%/blocks.c %D%/blocks.h \
	%D%/client.c %D%/client.h \
	%D%/int.c %D%/int.h \
	%D%/peer.c \
	%D%/raw.c %D%/raw.h \
	%D%/served.h
%C%_libint_la_CFLAGS = $(AM_CFLAGS) $(PROTOBUFC_CFLAGS)
INT_CFLAGS = $(AM_CFLAGS) $(PROTOBUFC_CFLAGS)
INT_LIBS = %D%/libint.la $(VFNCLIENT_CORE) proto/libproto.la
$(%C%_libint_la_OBJECTS): $(PROTO_HEADER)

check_PROGRAMS += %D%/int-identity
%C%_int_identity_SOURCES = %D%/int-identity.c
%C%_int_identity_CFLAGS = $(INT_CFLAGS)
%C%_int_identity_LDADD = $(INT_LIBS)
$(%C%_int_identity_OBJECTS): $(PROTO_HEADER)
check_PROGRAMS += %D%/int-commands
%C%_int_commands_SOURCES = %D%/int-commands.c
%C%_int_commands_CFLAGS = $(INT_CFLAGS)
%C%_int_commands_LDADD = $(INT_LIBS)
$(%C%_int_commands_OBJECTS): $(PROTO_HEADER)
check_PROGRAMS += %D%/int-events
%C%_int_events_SOURCES = %D%/int-events.c
%C%_int_events_CFLAGS = $(INT_CFLAGS)
%C%_int_events_LDADD = $(INT_LIBS)
$(%C%_int_events_OBJECTS): $(PROTO_HEADER)
check_PROGRAMS += %D%/int-trace
%C%_int_trace_SOURCES = %D%/int-trace.c
%C%_int_trace_CFLAGS = $(INT_CFLAGS)
%C%_int_trace_LDADD = $(INT_LIBS)
$(%C%_int_trace_OBJECTS): $(PROTO_HEADER)
check_PROGRAMS += %D%/int-trace-hostile
%C%_int_trace_hostile_SOURCES = %D%/int-trace-hostile.c
%C%_int_trace_hostile_CFLAGS = $(INT_CFLAGS)
%C%_int_trace_hostile_LDADD = $(INT_LIBS)
$(%C%_int_trace_hostile_OBJECTS): $(PROTO_HEADER)
check_PROGRAMS += %D%/int-share
%C%_int_share_SOURCES = %D%/int-share.c
%C%_int_share_CFLAGS = $(INT_CFLAGS)
%C%_int_share_LDADD = $(INT_LIBS)
$(%C%_int_share_OBJECTS): $(PROTO_HEADER)
check_PROGRAMS += %D%/int-queues
%C%_int_queues_SOURCES = %D%/int-queues.c
%C%_int_queues_CFLAGS = $(INT_CFLAGS)
%C%_int_queues_LDADD = $(INT_LIBS)
$(%C%_int_queues_OBJECTS): $(PROTO_HEADER)
check_PROGRAMS += %D%/int-served
%C%_int_served_SOURCES = %D%/int-served.c
%C%_int_served_CFLAGS = $(INT_CFLAGS)
%C%_int_served_LDADD = $(INT_LIBS)
$(%C%_int_served_OBJECTS): $(PROTO_HEADER)
check_PROGRAMS += %D%/int-direct
%C%_int_direct_SOURCES = %D%/int-direct.c
%C%_int_direct_CFLAGS = $(INT_CFLAGS)
%C%_int_direct_LDADD = $(INT_LIBS)
$(%C%_int_direct_OBJECTS): $(PROTO_HEADER)
check_PROGRAMS += %D%/int-tally
%C%_int_tally_SOURCES = %D%/int-tally.c
%C%_int_tally_CFLAGS = $(INT_CFLAGS)
%C%_int_tally_LDADD = $(INT_LIBS)
$(%C%_int_tally_OBJECTS): $(PROTO_HEADER)
check_PROGRAMS += %D%/int-count
%C%_int_count_SOURCES = %D%/int-count.c
%C%_int_count_CFLAGS = $(INT_CFLAGS)
%C%_int_count_LDADD = $(INT_LIBS)
$(%C%_int_count_OBJECTS): $(PROTO_HEADER)
check_PROGRAMS += %D%/int-kill
%C%_int_kill_SOURCES = %D%/int-kill.c
%C%_int_kill_CFLAGS = $(INT_CFLAGS)
%C%_int_kill_LDADD = $(INT_LIBS)
$(%C%_int_kill_OBJECTS): $(PROTO_HEADER)
check_PROGRAMS += %D%/int-timeouts
%C%_int_timeouts_SOURCES = %D%/int-timeouts.c
%C%_int_timeouts_CFLAGS = $(INT_CFLAGS)
%C%_int_timeouts_LDADD = $(INT_LIBS)
$(%C%_int_timeouts_OBJECTS): $(PROTO_HEADER)
check_PROGRAMS += %D%/int-hostile
%C%_int_hostile_SOURCES = %D%/int-hostile.c
%C%_int_hostile_CFLAGS = $(INT_CFLAGS)
%C%_int_hostile_LDADD = $(INT_LIBS)
$(%C%_int_hostile_OBJECTS): $(PROTO_HEADER)
check_PROGRAMS += %D%/int-takeover
%C%_int_takeover_SOURCES = %D%/int-takeover.c
%C%_int_takeover_CFLAGS = $(INT_CFLAGS)
%C%_int_takeover_LDADD = $(INT_LIBS)
$(%C%_int_takeover_OBJECTS): $(PROTO_HEADER)
check_PROGRAMS += %D%/int-gone
%C%_int_gone_SOURCES = %D%/int-gone.c
%C%_int_gone_CFLAGS = $(INT_CFLAGS)
%C%_int_gone_LDADD = $(INT_LIBS)
$(%C%_int_gone_OBJECTS): $(PROTO_HEADER)
check_PROGRAMS += %D%/int-raw
%C%_int_raw_SOURCES = %D%/int-raw.c
%C%_int_raw_CFLAGS = $(INT_CFLAGS)
%C%_int_raw_LDADD = $(INT_LIBS)
$(%C%_int_raw_OBJECTS): $(PROTO_HEADER)
check_PROGRAMS += %D%/int-coalesce
%C%_int_coalesce_SOURCES = %D%/int-coalesce.c
%C%_int_coalesce_CFLAGS = $(INT_CFLAGS)
%C%_int_coalesce_LDADD = $(INT_LIBS)
$(%C%_int_coalesce_OBJECTS): $(PROTO_HEADER)
dist_check_SCRIPTS += %D%/test-coalesce.sh
TESTS += %D%/test-coalesce.sh
check_PROGRAMS += %D%/int-priority
%C%_int_priority_SOURCES = %D%/int-priority.c
%C%_int_priority_CFLAGS = $(INT_CFLAGS)
%C%_int_priority_LDADD = $(INT_LIBS)
$(%C%_int_priority_OBJECTS): $(PROTO_HEADER)
dist_check_SCRIPTS += %D%/test-priority.sh
TESTS += %D%/test-priority.sh
check_PROGRAMS += %D%/int-control
%C%_int_control_SOURCES = %D%/int-control.c
%C%_int_control_CFLAGS = $(INT_CFLAGS)
%C%_int_control_LDADD = $(INT_LIBS)
$(%C%_int_control_OBJECTS): $(PROTO_HEADER)
check_PROGRAMS += %D%/int-reset
%C%_int_reset_SOURCES = %D%/int-reset.c
%C%_int_reset_CFLAGS = $(INT_CFLAGS)
%C%_int_reset_LDADD = $(INT_LIBS)
$(%C%_int_reset_OBJECTS): $(PROTO_HEADER)
check_PROGRAMS += %D%/int-unchecked
%C%_int_unchecked_SOURCES = %D%/int-unchecked.c
%C%_int_unchecked_CFLAGS = $(INT_CFLAGS)
%C%_int_unchecked_LDADD = $(INT_LIBS)
$(%C%_int_unchecked_OBJECTS): $(PROTO_HEADER)
check_PROGRAMS += %D%/int-memory
%C%_int_memory_SOURCES = %D%/int-memory.c
%C%_int_memory_CFLAGS = $(INT_CFLAGS)
%C%_int_memory_LDADD = $(INT_LIBS)
$(%C%_int_memory_OBJECTS): $(PROTO_HEADER)
check_PROGRAMS += %D%/int-stop
%C%_int_stop_SOURCES = %D%/int-stop.c
%C%_int_stop_CFLAGS = $(INT_CFLAGS)
%C%_int_stop_LDADD = $(INT_LIBS)
$(%C%_int_stop_OBJECTS): $(PROTO_HEADER)

check_PROGRAMS += %D%/int-facts
%C%_int_facts_SOURCES = %D%/int-facts.c
%C%_int_facts_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
%C%_int_facts_LDADD = tests/sim/libsimclient.la $(UNIT_LIBS)

# What is freed beside direct queues; in the suite, and, with others, where users have limits.
check_PROGRAMS += %D%/int-keep
%C%_int_keep_SOURCES = %D%/int-keep.c
%C%_int_keep_CFLAGS = $(INT_CFLAGS)
%C%_int_keep_LDADD = $(INT_LIBS)
$(%C%_int_keep_OBJECTS): $(PROTO_HEADER)
dist_check_SCRIPTS += %D%/test-quota.sh
TESTS += %D%/test-quota.sh

dist_check_SCRIPTS += %D%/suite.sh
TESTS += %D%/suite.sh

# Attacks on weak moments, with a daemon and a controller of their own.
check_PROGRAMS += %D%/int-attack
%C%_int_attack_SOURCES = %D%/int-attack.c
%C%_int_attack_CFLAGS = $(INT_CFLAGS)
%C%_int_attack_LDADD = $(INT_LIBS)
$(%C%_int_attack_OBJECTS): $(PROTO_HEADER)
check_PROGRAMS += %D%/int-unclosable
%C%_int_unclosable_SOURCES = %D%/int-unclosable.c
%C%_int_unclosable_CFLAGS = $(INT_CFLAGS)
%C%_int_unclosable_LDADD = $(INT_LIBS)
$(%C%_int_unclosable_OBJECTS): $(PROTO_HEADER)
dist_check_SCRIPTS += %D%/test-attack.sh
TESTS += %D%/test-attack.sh

# Limits, with a daemon that has them.
check_PROGRAMS += %D%/int-limit
%C%_int_limit_SOURCES = %D%/int-limit.c
%C%_int_limit_CFLAGS = $(INT_CFLAGS)
%C%_int_limit_LDADD = $(INT_LIBS)
$(%C%_int_limit_OBJECTS): $(PROTO_HEADER)
dist_check_SCRIPTS += %D%/test-limit.sh
TESTS += %D%/test-limit.sh

# Devices that the daemon does not drive.
check_PROGRAMS += %D%/int-pci
%C%_int_pci_SOURCES = %D%/int-pci.c
%C%_int_pci_CFLAGS = $(INT_CFLAGS)
%C%_int_pci_LDADD = $(INT_LIBS)
$(%C%_int_pci_OBJECTS): $(PROTO_HEADER)
dist_check_SCRIPTS += %D%/test-pci.sh
TESTS += %D%/test-pci.sh
check_PROGRAMS += %D%/int-edu
%C%_int_edu_SOURCES = %D%/int-edu.c
%C%_int_edu_CFLAGS = $(INT_CFLAGS)
%C%_int_edu_LDADD = $(INT_LIBS)
$(%C%_int_edu_OBJECTS): $(PROTO_HEADER)
dist_check_SCRIPTS += %D%/test-edu.sh
TESTS += %D%/test-edu.sh
