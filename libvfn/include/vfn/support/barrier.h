/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * barrier - memory barriers and single accesses
 *
 * mb, rmb and wmb order accesses to device registers and to memory against each other; dma_rmb and
 * dma_wmb order accesses to memory that a device also accesses (cheaper where the processor keeps
 * such an order by itself); barrier just holds the compiler. LOAD and STORE make one access that
 * the compiler neither splits, repeats nor leaves out; they order nothing.
 */
#ifndef VFN_SUPPORT_BARRIER_H
#define VFN_SUPPORT_BARRIER_H

#define barrier() __asm__ __volatile__("" ::: "memory")

#if defined(__x86_64__) || defined(__i386__)
#define mb()	  __asm__ __volatile__("mfence" ::: "memory")
#define rmb()	  __asm__ __volatile__("lfence" ::: "memory")
#define wmb()	  __asm__ __volatile__("sfence" ::: "memory")
#define dma_rmb() barrier()
#define dma_wmb() barrier()
#elif defined(__aarch64__)
#define mb()	  __asm__ __volatile__("dsb sy" ::: "memory")
#define rmb()	  __asm__ __volatile__("dsb ld" ::: "memory")
#define wmb()	  __asm__ __volatile__("dsb st" ::: "memory")
#define dma_rmb() __asm__ __volatile__("dmb oshld" ::: "memory")
#define dma_wmb() __asm__ __volatile__("dmb oshst" ::: "memory")
#else
#define mb()	  __sync_synchronize()
#define rmb()	  __sync_synchronize()
#define wmb()	  __sync_synchronize()
#define dma_rmb() __sync_synchronize()
#define dma_wmb() __sync_synchronize()
#endif

#ifdef __SANITIZE_THREAD__

/* ThreadSanitizer knows no barriers: let it see the order in the accesses that they are for. */
#define LOAD(v)		__atomic_load_n(&(v), __ATOMIC_ACQUIRE)
#define STORE(v, x)	__atomic_store_n(&(v), x, __ATOMIC_RELEASE)
#define LOAD_PTR(p)	__atomic_load_n(p, __ATOMIC_ACQUIRE)
#define STORE_PTR(p, x) __atomic_store_n(p, x, __ATOMIC_RELEASE)

#else

#define LOAD(v)	    (*(const volatile __typeof__(v) *)&(v))
#define STORE(v, x) (*(volatile __typeof__(v) *)&(v) = (x))

/* One access, as by LOAD() and STORE(), to what a pointer points at. */
#define LOAD_PTR(p)	(*(const volatile __typeof__(*(p)) *)(p))
#define STORE_PTR(p, x) (*(volatile __typeof__(*(p)) *)(p) = (x))

#endif

#endif
