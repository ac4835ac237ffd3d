# SPDX-License-Identifier: GPL-2.0-or-later
check_PROGRAMS += %D%/test-vfio-user %D%/test-vfio-user-bad
TESTS += %D%/test-vfio-user %D%/test-vfio-user-bad
%C%_test_vfio_user_SOURCES = %D%/test-vfio-user.c %D%/fake-server.c %D%/fake-server.h
%C%_test_vfio_user_CPPFLAGS = $(UNIT_CPPFLAGS)
%C%_test_vfio_user_CFLAGS = $(UNIT_CFLAGS)
%C%_test_vfio_user_LDADD = $(LIBVFN_CORE) $(UNIT_LIBS)
%C%_test_vfio_user_bad_SOURCES = %D%/test-vfio-user-bad.c %D%/fake-server.c %D%/fake-server.h
%C%_test_vfio_user_bad_CPPFLAGS = $(UNIT_CPPFLAGS)
%C%_test_vfio_user_bad_CFLAGS = $(UNIT_CFLAGS)
%C%_test_vfio_user_bad_LDADD = $(LIBVFN_CORE) $(UNIT_LIBS)
check_PROGRAMS += %D%/test-vfio-user-dma
TESTS += %D%/test-vfio-user-dma
%C%_test_vfio_user_dma_SOURCES = %D%/test-vfio-user-dma.c %D%/fake-server.c %D%/fake-server.h
%C%_test_vfio_user_dma_CPPFLAGS = $(UNIT_CPPFLAGS)
%C%_test_vfio_user_dma_CFLAGS = $(UNIT_CFLAGS)
%C%_test_vfio_user_dma_LDADD = $(LIBVFN_CORE) $(UNIT_LIBS)
FAKE_VFIO = %D%/fake-vfio.c %D%/fake-vfio.h
check_PROGRAMS += %D%/test-type1
TESTS += %D%/test-type1
%C%_test_type1_SOURCES = %D%/test-type1.c $(FAKE_VFIO) $(FAKE_SYSFS)
%C%_test_type1_CPPFLAGS = $(UNIT_CPPFLAGS)
%C%_test_type1_CFLAGS = $(UNIT_CFLAGS)
%C%_test_type1_LDADD = $(LIBVFN_CORE) $(UNIT_LIBS)

# This one starts a simulated controller.
check_PROGRAMS += %D%/test-vfio-sim
TESTS += %D%/test-vfio-sim
%C%_test_vfio_sim_SOURCES = %D%/test-vfio-sim.c
%C%_test_vfio_sim_CPPFLAGS = $(UNIT_CPPFLAGS)
%C%_test_vfio_sim_CFLAGS = $(UNIT_CFLAGS)
%C%_test_vfio_sim_LDADD = $(LIBVFN_CORE) $(UNIT_LIBS)
check_PROGRAMS += %D%/test-iommufd
TESTS += %D%/test-iommufd
%C%_test_iommufd_SOURCES = %D%/test-iommufd.c %D%/fake-iommufd.c %D%/fake-iommufd.h \
	$(FAKE_VFIO) $(FAKE_SYSFS)
%C%_test_iommufd_CPPFLAGS = $(UNIT_CPPFLAGS)
%C%_test_iommufd_CFLAGS = $(UNIT_CFLAGS)
%C%_test_iommufd_LDADD = $(LIBVFN_CORE) $(UNIT_LIBS)
