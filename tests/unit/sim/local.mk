# SPDX-License-Identifier: GPL-2.0-or-later
SIM_UNIT_CPPFLAGS = $(UNIT_CPPFLAGS) -I$(top_srcdir)/tests/sim
SIM_UNIT_LIBS = tests/sim/libsim.la $(UNIT_LIBS)

check_PROGRAMS += %D%/test-dma %D%/test-prp %D%/test-fault %D%/test-events %D%/test-pci
TESTS += %D%/test-dma %D%/test-prp %D%/test-fault %D%/test-events %D%/test-pci

%C%_test_dma_SOURCES = %D%/test-dma.c
%C%_test_dma_CPPFLAGS = $(SIM_UNIT_CPPFLAGS)
%C%_test_dma_CFLAGS = $(UNIT_CFLAGS)
%C%_test_dma_LDADD = $(SIM_UNIT_LIBS)

%C%_test_prp_SOURCES = %D%/test-prp.c
%C%_test_prp_CPPFLAGS = $(SIM_UNIT_CPPFLAGS)
%C%_test_prp_CFLAGS = $(UNIT_CFLAGS)
%C%_test_prp_LDADD = $(SIM_UNIT_LIBS)

%C%_test_fault_SOURCES = %D%/test-fault.c
%C%_test_fault_CPPFLAGS = $(SIM_UNIT_CPPFLAGS)
%C%_test_fault_CFLAGS = $(UNIT_CFLAGS)
%C%_test_fault_LDADD = $(SIM_UNIT_LIBS)

%C%_test_events_SOURCES = %D%/test-events.c
%C%_test_events_CPPFLAGS = $(SIM_UNIT_CPPFLAGS)
%C%_test_events_CFLAGS = $(UNIT_CFLAGS)
%C%_test_events_LDADD = $(SIM_UNIT_LIBS)

%C%_test_pci_SOURCES = %D%/test-pci.c
%C%_test_pci_CPPFLAGS = $(SIM_UNIT_CPPFLAGS)
%C%_test_pci_CFLAGS = $(UNIT_CFLAGS)
%C%_test_pci_LDADD = $(SIM_UNIT_LIBS)
