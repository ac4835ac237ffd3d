# SPDX-License-Identifier: GPL-2.0-or-later
# One program a source of daemon/; all are built alike.
DAEMON_TESTS = \
	%D%/test-arena \
	%D%/test-bind \
	%D%/test-closer \
	%D%/test-config \
	%D%/test-keep \
	%D%/test-lease \
	%D%/test-memory \
	%D%/test-notice \
	%D%/test-quota \
	%D%/test-table \
	%D%/test-rpc \
	%D%/test-session \
	%D%/test-state \
	%D%/test-length \
	%D%/test-check \
	%D%/test-engine %D%/test-priority \
	%D%/test-histogram \
	%D%/test-limit \
	%D%/test-trace \
	%D%/test-driver \
	%D%/test-worker
check_PROGRAMS += $(DAEMON_TESTS)
TESTS += $(DAEMON_TESTS)
dist_check_SCRIPTS += %D%/test-driver-tsan.sh
TESTS += %D%/test-driver-tsan.sh
EXTRA_DIST += %D%/random.h %D%/rig-data.h %D%/rig-driver.h

DAEMON_TEST_CFLAGS = $(UNIT_CFLAGS) $(EVENT_CFLAGS)
DAEMON_TEST_LIBS = daemon/libdaemon.la $(UNIT_LIBS)

%C%_test_arena_SOURCES = %D%/test-arena.c
%C%_test_arena_CPPFLAGS = $(UNIT_CPPFLAGS)
%C%_test_arena_CFLAGS = $(DAEMON_TEST_CFLAGS)
%C%_test_arena_LDADD = $(DAEMON_TEST_LIBS)
$(%C%_test_arena_OBJECTS): $(PROTO_HEADER)

# The tree of files that plays sysfs.
%C%_test_bind_SOURCES = %D%/test-bind.c $(FAKE_SYSFS)
%C%_test_bind_CPPFLAGS = $(UNIT_CPPFLAGS) -I$(top_srcdir)/tests/unit/libvfn/pci
%C%_test_bind_CFLAGS = $(UNIT_CFLAGS)
%C%_test_bind_LDADD = daemon/libbind.la $(UNIT_LIBS)

%C%_test_keep_SOURCES = %D%/test-keep.c
%C%_test_keep_CPPFLAGS = $(UNIT_CPPFLAGS)
%C%_test_keep_CFLAGS = $(DAEMON_TEST_CFLAGS)
%C%_test_keep_LDADD = $(DAEMON_TEST_LIBS)
$(%C%_test_keep_OBJECTS): $(PROTO_HEADER)

%C%_test_notice_SOURCES = %D%/test-notice.c
%C%_test_notice_CPPFLAGS = $(UNIT_CPPFLAGS)
%C%_test_notice_CFLAGS = $(DAEMON_TEST_CFLAGS)
%C%_test_notice_LDADD = $(DAEMON_TEST_LIBS)
$(%C%_test_notice_OBJECTS): $(PROTO_HEADER)

%C%_test_closer_SOURCES = %D%/test-closer.c
%C%_test_closer_CPPFLAGS = $(UNIT_CPPFLAGS)
%C%_test_closer_CFLAGS = $(DAEMON_TEST_CFLAGS)
%C%_test_closer_LDADD = $(DAEMON_TEST_LIBS)
$(%C%_test_closer_OBJECTS): $(PROTO_HEADER)

%C%_test_lease_SOURCES = %D%/test-lease.c
%C%_test_lease_CPPFLAGS = $(UNIT_CPPFLAGS)
%C%_test_lease_CFLAGS = $(DAEMON_TEST_CFLAGS)
%C%_test_lease_LDADD = $(DAEMON_TEST_LIBS)
$(%C%_test_lease_OBJECTS): $(PROTO_HEADER)

%C%_test_memory_SOURCES = %D%/test-memory.c
%C%_test_memory_CPPFLAGS = $(UNIT_CPPFLAGS)
%C%_test_memory_CFLAGS = $(DAEMON_TEST_CFLAGS)
%C%_test_memory_LDADD = $(DAEMON_TEST_LIBS)
$(%C%_test_memory_OBJECTS): $(PROTO_HEADER)

%C%_test_quota_SOURCES = %D%/test-quota.c
%C%_test_quota_CPPFLAGS = $(UNIT_CPPFLAGS)
%C%_test_quota_CFLAGS = $(DAEMON_TEST_CFLAGS)
%C%_test_quota_LDADD = $(DAEMON_TEST_LIBS)
$(%C%_test_quota_OBJECTS): $(PROTO_HEADER)

%C%_test_table_SOURCES = %D%/test-table.c
%C%_test_table_CPPFLAGS = $(UNIT_CPPFLAGS)
%C%_test_table_CFLAGS = $(DAEMON_TEST_CFLAGS)
%C%_test_table_LDADD = $(DAEMON_TEST_LIBS)
$(%C%_test_table_OBJECTS): $(PROTO_HEADER)

%C%_test_worker_SOURCES = %D%/test-worker.c
%C%_test_worker_CPPFLAGS = $(UNIT_CPPFLAGS)
%C%_test_worker_CFLAGS = $(DAEMON_TEST_CFLAGS)
%C%_test_worker_LDADD = $(DAEMON_TEST_LIBS)
$(%C%_test_worker_OBJECTS): $(PROTO_HEADER)

%C%_test_config_SOURCES = %D%/test-config.c
%C%_test_config_CPPFLAGS = $(UNIT_CPPFLAGS)
%C%_test_config_CFLAGS = $(DAEMON_TEST_CFLAGS)
%C%_test_config_LDADD = $(DAEMON_TEST_LIBS)
$(%C%_test_config_OBJECTS): $(PROTO_HEADER)

%C%_test_state_SOURCES = %D%/test-state.c
%C%_test_state_CPPFLAGS = $(UNIT_CPPFLAGS)
%C%_test_state_CFLAGS = $(DAEMON_TEST_CFLAGS)
%C%_test_state_LDADD = $(DAEMON_TEST_LIBS)
$(%C%_test_state_OBJECTS): $(PROTO_HEADER)

%C%_test_length_SOURCES = %D%/test-length.c
%C%_test_length_CPPFLAGS = $(UNIT_CPPFLAGS)
%C%_test_length_CFLAGS = $(DAEMON_TEST_CFLAGS)
%C%_test_length_LDADD = $(DAEMON_TEST_LIBS)
$(%C%_test_length_OBJECTS): $(PROTO_HEADER)

%C%_test_check_SOURCES = %D%/test-check.c
%C%_test_check_CPPFLAGS = $(UNIT_CPPFLAGS)
%C%_test_check_CFLAGS = $(DAEMON_TEST_CFLAGS)
%C%_test_check_LDADD = $(DAEMON_TEST_LIBS)

%C%_test_engine_SOURCES = %D%/test-engine.c
%C%_test_engine_CPPFLAGS = $(UNIT_CPPFLAGS)
%C%_test_engine_CFLAGS = $(DAEMON_TEST_CFLAGS)
%C%_test_engine_LDADD = $(DAEMON_TEST_LIBS)

%C%_test_priority_SOURCES = %D%/test-priority.c
%C%_test_priority_CPPFLAGS = $(UNIT_CPPFLAGS)
%C%_test_priority_CFLAGS = $(DAEMON_TEST_CFLAGS)
%C%_test_priority_LDADD = $(DAEMON_TEST_LIBS)

%C%_test_histogram_SOURCES = %D%/test-histogram.c
%C%_test_histogram_CPPFLAGS = $(UNIT_CPPFLAGS)
%C%_test_histogram_CFLAGS = $(DAEMON_TEST_CFLAGS)
%C%_test_histogram_LDADD = $(DAEMON_TEST_LIBS)

%C%_test_limit_SOURCES = %D%/test-limit.c
%C%_test_limit_CPPFLAGS = $(UNIT_CPPFLAGS)
%C%_test_limit_CFLAGS = $(DAEMON_TEST_CFLAGS)
%C%_test_limit_LDADD = $(DAEMON_TEST_LIBS)

%C%_test_trace_SOURCES = %D%/test-trace.c
%C%_test_trace_CPPFLAGS = $(UNIT_CPPFLAGS)
%C%_test_trace_CFLAGS = $(DAEMON_TEST_CFLAGS)
%C%_test_trace_LDADD = $(DAEMON_TEST_LIBS)

%C%_test_driver_SOURCES = %D%/test-driver.c
%C%_test_driver_CPPFLAGS = $(UNIT_CPPFLAGS)
%C%_test_driver_CFLAGS = $(DAEMON_TEST_CFLAGS)
%C%_test_driver_LDADD = $(DAEMON_TEST_LIBS) $(EVENT_LIBS)
%C%_test_driver_LDFLAGS = $(AM_LDFLAGS) -Wl,--wrap=served_arm

# Sessions without a server.
check_LTLIBRARIES += %D%/libhost.la
%C%_libhost_la_SOURCES = %D%/host.c %D%/host.h
%C%_libhost_la_CPPFLAGS = $(UNIT_CPPFLAGS)
%C%_libhost_la_CFLAGS = $(DAEMON_TEST_CFLAGS)
$(%C%_libhost_la_OBJECTS): $(PROTO_HEADER)
HOST_TEST_LIBS = %D%/libhost.la $(DAEMON_TEST_LIBS)

%C%_test_rpc_SOURCES = %D%/test-rpc.c
%C%_test_rpc_CPPFLAGS = $(UNIT_CPPFLAGS)
%C%_test_rpc_CFLAGS = $(DAEMON_TEST_CFLAGS)
%C%_test_rpc_LDADD = $(HOST_TEST_LIBS)
$(%C%_test_rpc_OBJECTS): $(PROTO_HEADER)

%C%_test_session_SOURCES = %D%/test-session.c
%C%_test_session_CPPFLAGS = $(UNIT_CPPFLAGS)
%C%_test_session_CFLAGS = $(DAEMON_TEST_CFLAGS)
%C%_test_session_LDADD = $(HOST_TEST_LIBS)
$(%C%_test_session_OBJECTS): $(PROTO_HEADER)
