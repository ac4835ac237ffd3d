# SPDX-License-Identifier: GPL-2.0-or-later
# A software NVMe controller. It shares no code with libvfn: a shared bug would hide on both sides.
SIM_CPPFLAGS = -I$(top_builddir) -I$(srcdir)/%D%

noinst_LTLIBRARIES += %D%/libsim.la
%C%_libsim_la_SOURCES = \
	%D%/admin.c \
	%D%/aer.c \
	%D%/arbiter.c %D%/arbiter.h \
	%D%/blocks.c \
	%D%/cmb.c %D%/cmb.h \
	%D%/cmd.h \
	%D%/coalesce.c %D%/coalesce.h \
	%D%/control.c %D%/control.h \
	%D%/ctrl.c %D%/ctrl.h \
	%D%/dma.c %D%/dma.h \
	%D%/doorbell.c %D%/doorbell.h \
	%D%/fault.c %D%/fault.h \
	%D%/features.c \
	%D%/firmware.c %D%/firmware.h \
	%D%/format.c %D%/format.h \
	%D%/hmb.c %D%/hmb.h \
	%D%/hook.c %D%/hook.h \
	%D%/identify.c \
	%D%/io.c %D%/io.h \
	%D%/irq.c %D%/irq.h \
	%D%/log.c \
	%D%/msg.c %D%/msg.h \
	%D%/ns.c %D%/ns.h \
	%D%/nsmgmt.c %D%/nsmgmt.h \
	%D%/pci.c %D%/pci.h \
	%D%/pi.c %D%/pi.h \
	%D%/prp.c %D%/prp.h \
	%D%/queue.c %D%/queue.h \
	%D%/sanitize.c %D%/sanitize.h \
	%D%/security.c \
	%D%/selftest.c %D%/selftest.h \
	%D%/server.c %D%/server.h \
	%D%/session.c %D%/session.h \
	%D%/sgl.c %D%/sgl.h \
	%D%/spec.h \
	%D%/virt.c %D%/virt.h
%C%_libsim_la_CPPFLAGS = $(SIM_CPPFLAGS)
%C%_libsim_la_CFLAGS = $(AM_CFLAGS) $(LIBNVME_CFLAGS) $(JSONC_CFLAGS)
%C%_libsim_la_LIBADD = $(JSONC_LIBS)

bin_PROGRAMS += %D%/vfnd-sim
%C%_vfnd_sim_SOURCES = %D%/main.c
%C%_vfnd_sim_CPPFLAGS = $(SIM_CPPFLAGS)
%C%_vfnd_sim_CFLAGS = $(AM_CFLAGS) $(LIBNVME_CFLAGS)
%C%_vfnd_sim_LDADD = %D%/libsim.la

# An independent client, and what it asks.
noinst_LTLIBRARIES += %D%/libsimclient.la
%C%_libsimclient_la_SOURCES = %D%/client.c %D%/client.h %D%/srv.c
%C%_libsimclient_la_CPPFLAGS = $(SIM_CPPFLAGS)
%C%_libsimclient_la_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)

SIM_TEST_CPPFLAGS = $(SIM_CPPFLAGS) -I$(top_srcdir)
SIM_TEST_LIBS = %D%/libsimclient.la $(UNIT_LIBS)

check_PROGRAMS += %D%/test-sim
TESTS += %D%/test-sim
%C%_test_sim_SOURCES = %D%/test-sim.c
%C%_test_sim_CPPFLAGS = $(SIM_TEST_CPPFLAGS)
%C%_test_sim_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
%C%_test_sim_LDADD = $(SIM_TEST_LIBS)

check_PROGRAMS += %D%/test-arbiter
TESTS += %D%/test-arbiter
%C%_test_arbiter_SOURCES = %D%/test-arbiter.c
%C%_test_arbiter_CPPFLAGS = $(SIM_TEST_CPPFLAGS)
%C%_test_arbiter_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
%C%_test_arbiter_LDADD = $(SIM_TEST_LIBS)

check_PROGRAMS += %D%/test-virt
TESTS += %D%/test-virt
%C%_test_virt_SOURCES = %D%/test-virt.c
%C%_test_virt_CPPFLAGS = $(SIM_TEST_CPPFLAGS)
%C%_test_virt_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
%C%_test_virt_LDADD = $(SIM_TEST_LIBS)

check_PROGRAMS += %D%/test-idle
TESTS += %D%/test-idle
%C%_test_idle_SOURCES = %D%/test-idle.c
%C%_test_idle_CPPFLAGS = $(SIM_TEST_CPPFLAGS)
%C%_test_idle_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
%C%_test_idle_LDADD = $(SIM_TEST_LIBS)

check_PROGRAMS += %D%/test-protocol
TESTS += %D%/test-protocol
%C%_test_protocol_SOURCES = %D%/test-protocol.c
%C%_test_protocol_CPPFLAGS = $(SIM_TEST_CPPFLAGS)
%C%_test_protocol_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
%C%_test_protocol_LDADD = $(SIM_TEST_LIBS)

check_PROGRAMS += %D%/test-regions
TESTS += %D%/test-regions
%C%_test_regions_SOURCES = %D%/test-regions.c
%C%_test_regions_CPPFLAGS = $(SIM_TEST_CPPFLAGS)
%C%_test_regions_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
%C%_test_regions_LDADD = $(SIM_TEST_LIBS)

check_PROGRAMS += %D%/test-queues
TESTS += %D%/test-queues
%C%_test_queues_SOURCES = %D%/test-queues.c
%C%_test_queues_CPPFLAGS = $(SIM_TEST_CPPFLAGS)
%C%_test_queues_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
%C%_test_queues_LDADD = $(SIM_TEST_LIBS)

check_PROGRAMS += %D%/test-sgl
TESTS += %D%/test-sgl
%C%_test_sgl_SOURCES = %D%/test-sgl.c
%C%_test_sgl_CPPFLAGS = $(SIM_TEST_CPPFLAGS)
%C%_test_sgl_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
%C%_test_sgl_LDADD = $(SIM_TEST_LIBS)

check_PROGRAMS += %D%/test-commands
TESTS += %D%/test-commands
%C%_test_commands_SOURCES = %D%/test-commands.c
%C%_test_commands_CPPFLAGS = $(SIM_TEST_CPPFLAGS)
%C%_test_commands_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
%C%_test_commands_LDADD = $(SIM_TEST_LIBS)

check_PROGRAMS += %D%/test-faults
TESTS += %D%/test-faults
%C%_test_faults_SOURCES = %D%/test-faults.c
%C%_test_faults_CPPFLAGS = $(SIM_TEST_CPPFLAGS)
%C%_test_faults_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
%C%_test_faults_LDADD = $(SIM_TEST_LIBS)

check_PROGRAMS += %D%/test-irq
TESTS += %D%/test-irq
%C%_test_irq_SOURCES = %D%/test-irq.c
%C%_test_irq_CPPFLAGS = $(SIM_TEST_CPPFLAGS)
%C%_test_irq_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
%C%_test_irq_LDADD = $(SIM_TEST_LIBS)

check_PROGRAMS += %D%/test-survive
TESTS += %D%/test-survive
%C%_test_survive_SOURCES = %D%/test-survive.c
%C%_test_survive_CPPFLAGS = $(SIM_TEST_CPPFLAGS)
%C%_test_survive_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
%C%_test_survive_LDADD = $(SIM_TEST_LIBS)

check_PROGRAMS += %D%/test-null
TESTS += %D%/test-null
%C%_test_null_SOURCES = %D%/test-null.c
%C%_test_null_CPPFLAGS = $(SIM_TEST_CPPFLAGS)
%C%_test_null_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
%C%_test_null_LDADD = $(SIM_TEST_LIBS)

check_PROGRAMS += %D%/test-buffers
TESTS += %D%/test-buffers
%C%_test_buffers_SOURCES = %D%/test-buffers.c
%C%_test_buffers_CPPFLAGS = $(SIM_TEST_CPPFLAGS)
%C%_test_buffers_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
%C%_test_buffers_LDADD = $(SIM_TEST_LIBS)

check_PROGRAMS += %D%/test-blocks
TESTS += %D%/test-blocks
%C%_test_blocks_SOURCES = %D%/test-blocks.c
%C%_test_blocks_CPPFLAGS = $(SIM_TEST_CPPFLAGS)
%C%_test_blocks_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
%C%_test_blocks_LDADD = $(SIM_TEST_LIBS)

check_PROGRAMS += %D%/test-namespaces
TESTS += %D%/test-namespaces
%C%_test_namespaces_SOURCES = %D%/test-namespaces.c
%C%_test_namespaces_CPPFLAGS = $(SIM_TEST_CPPFLAGS)
%C%_test_namespaces_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
%C%_test_namespaces_LDADD = $(SIM_TEST_LIBS)

check_PROGRAMS += %D%/test-manage
TESTS += %D%/test-manage
%C%_test_manage_SOURCES = %D%/test-manage.c
%C%_test_manage_CPPFLAGS = $(SIM_TEST_CPPFLAGS)
%C%_test_manage_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
%C%_test_manage_LDADD = $(SIM_TEST_LIBS)

check_PROGRAMS += %D%/test-rules
TESTS += %D%/test-rules
%C%_test_rules_SOURCES = %D%/test-rules.c
%C%_test_rules_CPPFLAGS = $(SIM_TEST_CPPFLAGS)
%C%_test_rules_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
%C%_test_rules_LDADD = $(SIM_TEST_LIBS)

check_PROGRAMS += %D%/test-layout
TESTS += %D%/test-layout
%C%_test_layout_SOURCES = %D%/test-layout.c
%C%_test_layout_CPPFLAGS = $(SIM_TEST_CPPFLAGS)
%C%_test_layout_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
%C%_test_layout_LDADD = $(SIM_TEST_LIBS)

check_PROGRAMS += %D%/test-pi
TESTS += %D%/test-pi
%C%_test_pi_SOURCES = %D%/test-pi.c
%C%_test_pi_CPPFLAGS = $(SIM_TEST_CPPFLAGS)
%C%_test_pi_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
%C%_test_pi_LDADD = $(SIM_TEST_LIBS)
