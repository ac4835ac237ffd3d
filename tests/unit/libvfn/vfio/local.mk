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
