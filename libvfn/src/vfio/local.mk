# SPDX-License-Identifier: LGPL-2.1-or-later
libvfn_libvfn_core_la_SOURCES += \
	%D%/config.c \
	%D%/container.c \
	%D%/device.c \
	%D%/hot-reset.c \
	%D%/iommufd.c %D%/iommufd.h \
	%D%/iommufd-abi.h \
	%D%/iommufd-space.c \
	%D%/irq.c \
	%D%/kernel.c %D%/kernel.h \
	%D%/pci.c \
	%D%/region.c \
	%D%/token.c %D%/token.h \
	%D%/transport.c %D%/transport.h \
	%D%/type1.c %D%/type1.h \
	%D%/type1-container.c \
	%D%/type1-group.c \
	%D%/vfio-user.c %D%/vfio-user.h \
	%D%/vfio-user-dma.c \
	%D%/vfio-user-msg.c %D%/vfio-user-msg.h \
	%D%/vfio-user-socket.c %D%/vfio-user-socket.h \
	%D%/vfio-user-version.c
