# SPDX-License-Identifier: GPL-2.0-or-later
CLIENT_TESTS = %D%/test-conn %D%/test-device %D%/test-command %D%/test-async %D%/test-pool \
	%D%/test-trace %D%/test-print %D%/test-protocol-doc %D%/test-stats
check_PROGRAMS += $(CLIENT_TESTS)
TESTS += $(CLIENT_TESTS)

# a daemon without a device, shared by the tests of library and tool
check_LTLIBRARIES += %D%/libfake.la
%C%_libfake_la_SOURCES = %D%/fake.c %D%/fake.h %D%/fake-trace.c %D%/fake-trace.h %D%/canned.c %D%/canned.h \
	%D%/canned-logs.c %D%/canned-tally.c %D%/canned-tally.h
%C%_libfake_la_CPPFLAGS = $(UNIT_CPPFLAGS)
%C%_libfake_la_CFLAGS = $(UNIT_CFLAGS)
$(%C%_libfake_la_OBJECTS): $(PROTO_HEADER)

CLIENT_TEST_LIBS = %D%/libfake.la $(VFNCLIENT_CORE) proto/libproto.la $(UNIT_LIBS)

%C%_test_conn_SOURCES = %D%/test-conn.c
%C%_test_conn_CPPFLAGS = $(UNIT_CPPFLAGS)
%C%_test_conn_CFLAGS = $(UNIT_CFLAGS)
%C%_test_conn_LDADD = $(CLIENT_TEST_LIBS)
$(%C%_test_conn_OBJECTS): $(PROTO_HEADER)
%C%_test_device_SOURCES = %D%/test-device.c
%C%_test_device_CPPFLAGS = $(UNIT_CPPFLAGS)
%C%_test_device_CFLAGS = $(UNIT_CFLAGS)
%C%_test_device_LDADD = $(CLIENT_TEST_LIBS)
$(%C%_test_device_OBJECTS): $(PROTO_HEADER)
%C%_test_command_SOURCES = %D%/test-command.c
%C%_test_command_CPPFLAGS = $(UNIT_CPPFLAGS)
%C%_test_command_CFLAGS = $(UNIT_CFLAGS)
%C%_test_command_LDADD = $(CLIENT_TEST_LIBS)
$(%C%_test_command_OBJECTS): $(PROTO_HEADER)
%C%_test_trace_SOURCES = %D%/test-trace.c
%C%_test_trace_CPPFLAGS = $(UNIT_CPPFLAGS)
%C%_test_trace_CFLAGS = $(UNIT_CFLAGS)
%C%_test_trace_LDADD = $(CLIENT_TEST_LIBS)
$(%C%_test_trace_OBJECTS): $(PROTO_HEADER)
%C%_test_async_SOURCES = %D%/test-async.c
%C%_test_async_CPPFLAGS = $(UNIT_CPPFLAGS)
%C%_test_async_CFLAGS = $(UNIT_CFLAGS)
%C%_test_async_LDADD = $(CLIENT_TEST_LIBS)
$(%C%_test_async_OBJECTS): $(PROTO_HEADER)
dist_check_SCRIPTS += %D%/test-async-tsan.sh
TESTS += %D%/test-async-tsan.sh

%C%_test_pool_SOURCES = %D%/test-pool.c
%C%_test_pool_CPPFLAGS = $(UNIT_CPPFLAGS)
%C%_test_pool_CFLAGS = $(UNIT_CFLAGS)
%C%_test_pool_LDADD = $(CLIENT_TEST_LIBS)

%C%_test_stats_SOURCES = %D%/test-stats.c
%C%_test_stats_CPPFLAGS = $(UNIT_CPPFLAGS)
%C%_test_stats_CFLAGS = $(UNIT_CFLAGS)
%C%_test_stats_LDADD = $(CLIENT_TEST_LIBS)
$(%C%_test_stats_OBJECTS): $(PROTO_HEADER)

check_PROGRAMS += %D%/fake-vfnd
%C%_fake_vfnd_SOURCES = %D%/fake-vfnd.c
%C%_fake_vfnd_CPPFLAGS = $(UNIT_CPPFLAGS)
%C%_fake_vfnd_CFLAGS = $(UNIT_CFLAGS)
%C%_fake_vfnd_LDADD = %D%/libfake.la proto/libproto.la $(UNIT_LIBS)
$(%C%_fake_vfnd_OBJECTS): $(PROTO_HEADER)

%C%_test_print_SOURCES = %D%/test-print.c
%C%_test_print_CPPFLAGS = $(UNIT_CPPFLAGS)
%C%_test_print_CFLAGS = $(UNIT_CFLAGS) $(JSONC_CFLAGS)
%C%_test_print_LDADD = $(VFNCTL_PRINT) $(JSONC_LIBS) $(UNIT_LIBS)

# the tool, from its options to its output; golden/ holds what it prints of canned.c's structures
EXTRA_DIST += %D%/vfnctl-lib.sh
dist_check_SCRIPTS += %D%/prometheus.py %D%/terminal.py
dist_check_SCRIPTS += %D%/test-vfnctl.sh %D%/test-vfnctl-commands.sh %D%/test-vfnctl-stats.sh %D%/test-header.sh
TESTS += %D%/test-vfnctl.sh %D%/test-vfnctl-commands.sh %D%/test-vfnctl-stats.sh %D%/test-header.sh
EXTRA_DIST += \
	%D%/golden/changed-ns-list-log.json %D%/golden/changed-ns-list-log.txt \
	%D%/golden/effects-log.json %D%/golden/effects-log.txt %D%/golden/error-log.json \
	%D%/golden/error-log.txt %D%/golden/fw-log.json %D%/golden/fw-log.txt \
	%D%/golden/get-feature-H.txt %D%/golden/id-ctrl-H.txt %D%/golden/id-ctrl.json \
	%D%/golden/id-ctrl.txt %D%/golden/id-ns-H.txt %D%/golden/id-ns-descs.json \
	%D%/golden/id-ns-descs.txt %D%/golden/id-ns.json %D%/golden/id-ns.txt %D%/golden/list-ns.json \
	%D%/golden/list-ns.txt %D%/golden/list-secondary.json %D%/golden/list-secondary.txt \
	%D%/golden/nvm-id-ns.json %D%/golden/nvm-id-ns.txt %D%/golden/sanitize-log-H.txt \
	%D%/golden/sanitize-log.json %D%/golden/sanitize-log.txt %D%/golden/self-test-log-v.txt \
	%D%/golden/self-test-log.json %D%/golden/self-test-log.txt %D%/golden/show-regs-H.txt \
	%D%/golden/show-regs.json %D%/golden/show-regs.txt %D%/golden/smart-log-H.txt \
	%D%/golden/smart-log.json %D%/golden/smart-log.txt

%C%_test_protocol_doc_SOURCES = %D%/test-protocol-doc.c
%C%_test_protocol_doc_CPPFLAGS = $(UNIT_CPPFLAGS)
%C%_test_protocol_doc_CFLAGS = $(UNIT_CFLAGS)
%C%_test_protocol_doc_LDADD = proto/libproto.la $(UNIT_LIBS)
$(%C%_test_protocol_doc_OBJECTS): $(PROTO_HEADER)
