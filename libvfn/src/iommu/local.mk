# SPDX-License-Identifier: LGPL-2.1-or-later
libvfn_libvfn_core_la_SOURCES += \
	%D%/access.c %D%/access.h \
	%D%/context.c %D%/context.h \
	%D%/dma.c \
	%D%/iova.c %D%/iova.h \
	%D%/table.c %D%/table.h \
	%D%/window.c %D%/window.h
