# SPDX-License-Identifier: GPL-2.0-or-later
CLIENT_TESTS = %D%/test-conn %D%/test-device %D%/test-command
check_PROGRAMS += $(CLIENT_TESTS)
TESTS += $(CLIENT_TESTS)

# a daemon without a device, shared by the tests of library and tool
check_LTLIBRARIES += %D%/libfake.la
%C%_libfake_la_SOURCES = %D%/fake.c %D%/fake.h %D%/canned.c %D%/canned.h
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
