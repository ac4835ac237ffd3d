# SPDX-License-Identifier: GPL-2.0-or-later
EXTRA_DIST += %D%/command-rig.h %D%/fake-ctrl.h %D%/fake-queue.h %D%/data-rig.h

check_PROGRAMS += %D%/test-prp %D%/test-queue %D%/test-rq %D%/test-sgl %D%/test-types
TESTS += %D%/test-prp %D%/test-queue %D%/test-rq %D%/test-sgl %D%/test-types

%C%_test_prp_SOURCES = %D%/test-prp.c
%C%_test_prp_CPPFLAGS = $(UNIT_CPPFLAGS)
%C%_test_prp_CFLAGS = $(UNIT_CFLAGS)
%C%_test_prp_LDADD = $(LIBVFN_CORE) $(UNIT_LIBS)

%C%_test_queue_SOURCES = %D%/test-queue.c
%C%_test_queue_CPPFLAGS = $(UNIT_CPPFLAGS)
%C%_test_queue_CFLAGS = $(UNIT_CFLAGS)
%C%_test_queue_LDADD = $(LIBVFN_CORE) $(UNIT_LIBS)

%C%_test_rq_SOURCES = %D%/test-rq.c
%C%_test_rq_CPPFLAGS = $(UNIT_CPPFLAGS)
%C%_test_rq_CFLAGS = $(UNIT_CFLAGS)
%C%_test_rq_LDADD = $(LIBVFN_CORE) $(UNIT_LIBS)

%C%_test_sgl_SOURCES = %D%/test-sgl.c
%C%_test_sgl_CPPFLAGS = $(UNIT_CPPFLAGS)
%C%_test_sgl_CFLAGS = $(UNIT_CFLAGS)
%C%_test_sgl_LDADD = $(LIBVFN_CORE) $(UNIT_LIBS)

%C%_test_types_SOURCES = %D%/test-types.c
%C%_test_types_CPPFLAGS = $(UNIT_CPPFLAGS)
%C%_test_types_CFLAGS = $(UNIT_CFLAGS)
%C%_test_types_LDADD = $(LIBVFN_CORE) $(UNIT_LIBS)

# These bring their own controller in place of the library's VFIO part.
check_PROGRAMS += %D%/test-arbitrate %D%/test-bringup %D%/test-cmb %D%/test-sriov
TESTS += %D%/test-arbitrate %D%/test-bringup %D%/test-cmb %D%/test-sriov
%C%_test_arbitrate_SOURCES = %D%/test-arbitrate.c
%C%_test_arbitrate_CPPFLAGS = $(UNIT_CPPFLAGS)
%C%_test_arbitrate_CFLAGS = $(UNIT_CFLAGS)
%C%_test_arbitrate_LDADD = $(LIBVFN_CORE) $(UNIT_LIBS)
%C%_test_bringup_SOURCES = %D%/test-bringup.c
%C%_test_bringup_CPPFLAGS = $(UNIT_CPPFLAGS)
%C%_test_bringup_CFLAGS = $(UNIT_CFLAGS)
%C%_test_bringup_LDADD = $(LIBVFN_CORE) $(UNIT_LIBS)

# These start a simulated controller.
EXTRA_DIST += %D%/sim-proc.h
check_PROGRAMS += %D%/test-cmb-use %D%/test-ctrl %D%/test-data %D%/test-enable %D%/test-hmb %D%/test-host-pages \
	%D%/test-io %D%/test-queue-at %D%/test-takeover
TESTS += %D%/test-cmb-use %D%/test-ctrl %D%/test-data %D%/test-enable %D%/test-hmb %D%/test-host-pages \
	%D%/test-io %D%/test-queue-at %D%/test-takeover

%C%_test_ctrl_SOURCES = %D%/test-ctrl.c
%C%_test_ctrl_CPPFLAGS = $(UNIT_CPPFLAGS)
%C%_test_ctrl_CFLAGS = $(UNIT_CFLAGS)
%C%_test_ctrl_LDADD = $(LIBVFN_CORE) $(UNIT_LIBS)

# libnvme itself is not there for every target.
if DAEMON
check_PROGRAMS += %D%/test-commands %D%/test-commands-admin
TESTS += %D%/test-commands %D%/test-commands-admin
%C%_test_commands_SOURCES = %D%/test-commands.c
%C%_test_commands_CPPFLAGS = $(UNIT_CPPFLAGS)
%C%_test_commands_CFLAGS = $(UNIT_CFLAGS)
%C%_test_commands_LDADD = $(LIBVFN_CORE) $(LIBNVME_LIBS) $(UNIT_LIBS)
%C%_test_commands_admin_SOURCES = %D%/test-commands-admin.c
%C%_test_commands_admin_CPPFLAGS = $(UNIT_CPPFLAGS)
%C%_test_commands_admin_CFLAGS = $(UNIT_CFLAGS)
%C%_test_commands_admin_LDADD = $(LIBVFN_CORE) $(LIBNVME_LIBS) $(UNIT_LIBS)
endif

%C%_test_data_SOURCES = %D%/test-data.c
%C%_test_data_CPPFLAGS = $(UNIT_CPPFLAGS)
%C%_test_data_CFLAGS = $(UNIT_CFLAGS)
%C%_test_data_LDADD = $(LIBVFN_CORE) $(UNIT_LIBS)

%C%_test_enable_SOURCES = %D%/test-enable.c
%C%_test_enable_CPPFLAGS = $(UNIT_CPPFLAGS)
%C%_test_enable_CFLAGS = $(UNIT_CFLAGS)
%C%_test_enable_LDADD = $(LIBVFN_CORE) $(UNIT_LIBS)

%C%_test_host_pages_SOURCES = %D%/test-host-pages.c
%C%_test_host_pages_CPPFLAGS = $(UNIT_CPPFLAGS)
%C%_test_host_pages_CFLAGS = $(UNIT_CFLAGS)
%C%_test_host_pages_LDADD = $(LIBVFN_CORE) $(UNIT_LIBS)

%C%_test_io_SOURCES = %D%/test-io.c
%C%_test_io_CPPFLAGS = $(UNIT_CPPFLAGS)
%C%_test_io_CFLAGS = $(UNIT_CFLAGS)
%C%_test_io_LDADD = $(LIBVFN_CORE) $(UNIT_LIBS)

%C%_test_takeover_SOURCES = %D%/test-takeover.c
%C%_test_takeover_CPPFLAGS = $(UNIT_CPPFLAGS)
%C%_test_takeover_CFLAGS = $(UNIT_CFLAGS)
%C%_test_takeover_LDADD = $(LIBVFN_CORE) $(UNIT_LIBS)

%C%_test_queue_at_SOURCES = %D%/test-queue-at.c
%C%_test_queue_at_CPPFLAGS = $(UNIT_CPPFLAGS)
%C%_test_queue_at_CFLAGS = $(UNIT_CFLAGS)
%C%_test_queue_at_LDADD = $(LIBVFN_CORE) $(UNIT_LIBS)

%C%_test_cmb_SOURCES = %D%/test-cmb.c
%C%_test_cmb_CPPFLAGS = $(UNIT_CPPFLAGS)
%C%_test_cmb_CFLAGS = $(UNIT_CFLAGS)
%C%_test_cmb_LDADD = $(LIBVFN_CORE) $(UNIT_LIBS)

%C%_test_hmb_SOURCES = %D%/test-hmb.c
%C%_test_hmb_CPPFLAGS = $(UNIT_CPPFLAGS)
%C%_test_hmb_CFLAGS = $(UNIT_CFLAGS)
%C%_test_hmb_LDADD = $(LIBVFN_CORE) $(UNIT_LIBS)

%C%_test_cmb_use_SOURCES = %D%/test-cmb-use.c
%C%_test_cmb_use_CPPFLAGS = $(UNIT_CPPFLAGS)
%C%_test_cmb_use_CFLAGS = $(UNIT_CFLAGS)
%C%_test_cmb_use_LDADD = $(LIBVFN_CORE) $(UNIT_LIBS)

%C%_test_sriov_SOURCES = %D%/test-sriov.c
%C%_test_sriov_CPPFLAGS = $(UNIT_CPPFLAGS)
%C%_test_sriov_CFLAGS = $(UNIT_CFLAGS)
%C%_test_sriov_LDADD = $(LIBVFN_CORE) $(UNIT_LIBS)

# Threads, time limits, events and interrupts.
EXTRA_DIST += %D%/sim-rig.h

check_PROGRAMS += %D%/test-aen
TESTS += %D%/test-aen
%C%_test_aen_SOURCES = %D%/test-aen.c
%C%_test_aen_CPPFLAGS = $(UNIT_CPPFLAGS)
%C%_test_aen_CFLAGS = $(UNIT_CFLAGS)
%C%_test_aen_LDADD = $(LIBVFN_CORE) $(UNIT_LIBS)

check_PROGRAMS += %D%/test-irq
TESTS += %D%/test-irq
%C%_test_irq_SOURCES = %D%/test-irq.c
%C%_test_irq_CPPFLAGS = $(UNIT_CPPFLAGS)
%C%_test_irq_CFLAGS = $(UNIT_CFLAGS)
%C%_test_irq_LDADD = $(LIBVFN_CORE) $(UNIT_LIBS)

check_PROGRAMS += %D%/test-recover
TESTS += %D%/test-recover
%C%_test_recover_SOURCES = %D%/test-recover.c
%C%_test_recover_CPPFLAGS = $(UNIT_CPPFLAGS)
%C%_test_recover_CFLAGS = $(UNIT_CFLAGS)
%C%_test_recover_LDADD = $(LIBVFN_CORE) $(UNIT_LIBS)

check_PROGRAMS += %D%/test-share
TESTS += %D%/test-share
%C%_test_share_SOURCES = %D%/test-share.c
%C%_test_share_CPPFLAGS = $(UNIT_CPPFLAGS)
%C%_test_share_CFLAGS = $(UNIT_CFLAGS)
%C%_test_share_LDADD = $(LIBVFN_CORE) $(UNIT_LIBS)

check_PROGRAMS += %D%/test-stack
TESTS += %D%/test-stack
%C%_test_stack_SOURCES = %D%/test-stack.c
%C%_test_stack_CPPFLAGS = $(UNIT_CPPFLAGS)
%C%_test_stack_CFLAGS = $(UNIT_CFLAGS)
%C%_test_stack_LDADD = $(LIBVFN_CORE) $(UNIT_LIBS)

# What has threads, once more in a build of its own.
dist_check_SCRIPTS += %D%/test-tsan.sh
TESTS += %D%/test-tsan.sh
