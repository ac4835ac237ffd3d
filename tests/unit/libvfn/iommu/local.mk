# SPDX-License-Identifier: GPL-2.0-or-later
check_PROGRAMS += %D%/test-iova
TESTS += %D%/test-iova
%C%_test_iova_SOURCES = %D%/test-iova.c
%C%_test_iova_CPPFLAGS = $(UNIT_CPPFLAGS)
%C%_test_iova_CFLAGS = $(UNIT_CFLAGS)
%C%_test_iova_LDADD = $(LIBVFN_CORE) $(UNIT_LIBS)
check_PROGRAMS += %D%/test-dma
TESTS += %D%/test-dma
%C%_test_dma_SOURCES = %D%/test-dma.c
%C%_test_dma_CPPFLAGS = $(UNIT_CPPFLAGS)
%C%_test_dma_CFLAGS = $(UNIT_CFLAGS)
%C%_test_dma_LDADD = $(LIBVFN_CORE) $(UNIT_LIBS)
