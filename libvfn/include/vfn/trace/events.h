/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * events - the names of the tracepoints
 *
 * One line each; the names are USDT probe names too, so they do not change. Where trace_active2() and
 * trace_active4() are used, their order must stay.
 */
#ifndef VFN_TRACE_EVENTS_H
#define VFN_TRACE_EVENTS_H

#define VFN_TRACE_EVENTS(X)                                                                        \
	X(IOMMU_MAP_VADDR)                                                                         \
	X(IOMMU_UNMAP_VADDR)                                                                       \
	X(VFIO_OPEN)                                                                               \
	X(VFIO_USER_SEND)                                                                          \
	X(VFIO_USER_RECV)                                                                          \
	X(NVME_CQ_GET_CQE)                                                                         \
	X(NVME_CQ_GOT_CQE)                                                                         \
	X(NVME_CQ_SPIN)                                                                            \
	X(NVME_SQ_POST)                                                                            \
	X(NVME_SQ_UPDATE_TAIL)                                                                     \
	X(NVME_SKIP_MMIO)                                                                          \
	X(NVME_CQ_UPDATE_HEAD)

#define VFN_TRACE_ENUM(name) TRACE_##name,
enum vfn_trace_event { VFN_TRACE_EVENTS(VFN_TRACE_ENUM) TRACE_EVENTS };
#undef VFN_TRACE_ENUM

#endif
