# SPDX-License-Identifier: GPL-2.0-or-later
# What things cost. `cost` builds its own program, since the tree's flags are not those to measure.
EXTRA_DIST += %D%/README.md %D%/cost-read.c
dist_check_SCRIPTS += %D%/cost %D%/test-cost.sh
TESTS += %D%/test-cost.sh

noinst_LTLIBRARIES += %D%/libperf.la
%C%_libperf_la_SOURCES = \
	%D%/histogram.h \
	%D%/perf.h \
	%D%/perf-options.c \
	%D%/perf-plot.c \
	%D%/perf-print.c \
	%D%/perf-run.c \
	%D%/perf-setup.c
%C%_libperf_la_LIBADD = $(LIBVFN_CORE) -lm

noinst_PROGRAMS += %D%/vfn-perf
%C%_vfn_perf_SOURCES = %D%/vfn-perf.c
%C%_vfn_perf_LDADD = %D%/libperf.la
dist_check_SCRIPTS += %D%/test-perf.sh
TESTS += %D%/test-perf.sh

noinst_PROGRAMS += %D%/roundtrip
%C%_roundtrip_SOURCES = %D%/roundtrip.c %D%/bounce.c %D%/bounce.h
%C%_roundtrip_LDADD = %D%/libperf.la
dist_check_SCRIPTS += %D%/test-roundtrip.sh
TESTS += %D%/test-roundtrip.sh

# Every way to a controller, side by side.
noinst_PROGRAMS += %D%/modes
%C%_modes_SOURCES = %D%/modes.c %D%/counters.c %D%/counters.h %D%/heap.c %D%/heap.h %D%/idle.c %D%/idle.h \
	%D%/relay.c %D%/relay.h
%C%_modes_LDADD = %D%/libperf.la $(VFNCLIENT_CORE)
# The daemon, with a device of which registers are memory.
noinst_PROGRAMS += %D%/vfnd-memory
%C%_vfnd_memory_SOURCES = daemon/main.c %D%/memory-class.c %D%/heap.c %D%/heap.h
%C%_vfnd_memory_CFLAGS = $(AM_CFLAGS) $(EVENT_CFLAGS) $(PROTOBUFC_CFLAGS) $(SYSTEMD_CFLAGS) $(INIH_CFLAGS)
%C%_vfnd_memory_LDADD = daemon/libdaemon.la
$(%C%_vfnd_memory_OBJECTS): $(PROTO_HEADER)
dist_check_SCRIPTS += %D%/run %D%/run-report.py %D%/test-run.sh
TESTS += %D%/test-run.sh

# What a read costs the simulator: counted, not timed.
check_PROGRAMS += %D%/cost-sim
%C%_cost_sim_SOURCES = %D%/cost-sim.c
%C%_cost_sim_CPPFLAGS = $(AM_CPPFLAGS) $(SIM_CPPFLAGS) -I$(top_srcdir)
%C%_cost_sim_CFLAGS = $(AM_CFLAGS) $(LIBNVME_CFLAGS)
%C%_cost_sim_LDADD = tests/sim/libsim.la
dist_check_SCRIPTS += %D%/cost-sim.sh %D%/test-cost-sim.sh
TESTS += %D%/test-cost-sim.sh

# What the daemon's serving of a queue costs.
EXTRA_DIST += %D%/served-step.c
dist_check_SCRIPTS += %D%/served-cost %D%/test-served-cost.sh
TESTS += %D%/test-served-cost.sh

# What mappings cost: comparisons, and calls of the heap.
check_PROGRAMS += %D%/test-mapping
TESTS += %D%/test-mapping
%C%_test_mapping_SOURCES = %D%/test-mapping.c
%C%_test_mapping_CPPFLAGS = $(UNIT_CPPFLAGS)
%C%_test_mapping_CFLAGS = $(UNIT_CFLAGS)
%C%_test_mapping_LDADD = $(LIBVFN_CORE) $(UNIT_LIBS)
%C%_test_mapping_LDFLAGS = $(AM_LDFLAGS) \
	-Wl,--wrap=malloc,--wrap=calloc,--wrap=realloc,--wrap=free
