# SPDX-License-Identifier: GPL-2.0-or-later
# What things cost. `cost` builds its own program, since the tree's flags are not those to measure.
EXTRA_DIST += %D%/cost-read.c
dist_check_SCRIPTS += %D%/cost %D%/test-cost.sh
TESTS += %D%/test-cost.sh

noinst_PROGRAMS += %D%/vfn-perf
%C%_vfn_perf_SOURCES = %D%/vfn-perf.c %D%/histogram.h
%C%_vfn_perf_LDADD = $(LIBVFN_CORE)
dist_check_SCRIPTS += %D%/test-perf.sh
TESTS += %D%/test-perf.sh
