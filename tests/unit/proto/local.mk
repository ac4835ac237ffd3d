# SPDX-License-Identifier: GPL-2.0-or-later
check_PROGRAMS += %D%/test-frame
TESTS += %D%/test-frame
%C%_test_frame_SOURCES = %D%/test-frame.c
%C%_test_frame_CPPFLAGS = $(UNIT_CPPFLAGS)
%C%_test_frame_CFLAGS = $(UNIT_CFLAGS)
%C%_test_frame_LDADD = proto/libproto.la $(UNIT_LIBS)
%D%/%C%_test_frame-test-frame.$(OBJEXT): $(PROTO_HEADER)
