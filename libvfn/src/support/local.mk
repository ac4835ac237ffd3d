# SPDX-License-Identifier: LGPL-2.1-or-later
libvfn_libvfn_core_la_SOURCES += \
	%D%/error.c %D%/fail.h \
	%D%/io.c \
	%D%/log.c \
	%D%/mem.c \
	%D%/skiplist.c %D%/skiplist.h \
	%D%/stdfds.h \
	%D%/ticks.c \
	%D%/trace.c
