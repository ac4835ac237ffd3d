# SPDX-License-Identifier: GPL-2.0-or-later
check_PROGRAMS += %D%/test-histogram %D%/test-perf
TESTS += %D%/test-histogram %D%/test-perf

%C%_test_histogram_SOURCES = %D%/test-histogram.c
%C%_test_histogram_CPPFLAGS = $(UNIT_CPPFLAGS)
%C%_test_histogram_CFLAGS = $(UNIT_CFLAGS)
%C%_test_histogram_LDADD = $(UNIT_LIBS)

%C%_test_perf_SOURCES = %D%/test-perf.c
%C%_test_perf_CPPFLAGS = $(UNIT_CPPFLAGS)
%C%_test_perf_CFLAGS = $(UNIT_CFLAGS)
%C%_test_perf_LDADD = tests/bench/libperf.la $(UNIT_LIBS)
