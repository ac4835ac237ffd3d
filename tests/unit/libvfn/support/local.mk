# SPDX-License-Identifier: GPL-2.0-or-later
check_PROGRAMS += %D%/test-skiplist
TESTS += %D%/test-skiplist
%C%_test_skiplist_SOURCES = %D%/test-skiplist.c
%C%_test_skiplist_CPPFLAGS = $(UNIT_CPPFLAGS)
%C%_test_skiplist_CFLAGS = $(UNIT_CFLAGS)
%C%_test_skiplist_LDADD = $(LIBVFN_CORE) $(UNIT_LIBS)
check_PROGRAMS += %D%/test-support
TESTS += %D%/test-support
%C%_test_support_SOURCES = %D%/test-support.c
%C%_test_support_CPPFLAGS = $(UNIT_CPPFLAGS)
%C%_test_support_CFLAGS = $(UNIT_CFLAGS)
%C%_test_support_LDADD = $(LIBVFN_CORE) $(UNIT_LIBS)
