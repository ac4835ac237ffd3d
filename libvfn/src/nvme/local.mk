# SPDX-License-Identifier: LGPL-2.1-or-later
libvfn_libvfn_core_la_SOURCES += \
	%D%/abort.c \
	%D%/aen.c \
	%D%/arbitrate.c \
	%D%/bringup.c \
	%D%/cmb.c \
	%D%/crc64.c \
	%D%/ctrl.c \
	%D%/doorbell.c \
	%D%/hmb.c \
	%D%/internal.h \
	%D%/iov.c \
	%D%/join.c \
	%D%/list.c \
	%D%/mem.c \
	%D%/mps.c \
	%D%/prp.c \
	%D%/queue.c \
	%D%/ready.c \
	%D%/recover.c \
	%D%/reg.c \
	%D%/regs.h \
	%D%/rq.c \
	%D%/sgl.c \
	%D%/share.c \
	%D%/sriov.c \
	%D%/status.c \
	%D%/sync.c \
	%D%/takeover.c \
	%D%/time.c \
	%D%/wait.c
