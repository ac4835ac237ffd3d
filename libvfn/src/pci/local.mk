# SPDX-License-Identifier: LGPL-2.1-or-later
libvfn_libvfn_core_la_SOURCES += \
	%D%/sriov.c \
	%D%/sysfs.c %D%/sysfs.h \
	%D%/util.c
