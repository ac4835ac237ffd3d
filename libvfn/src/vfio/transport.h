/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * transport - how a device is reached: one table of operations for each way
 *
 * A new transport is a file and a row in transport.c. Everything above works through this table,
 * so that a test can bring a transport of its own (vfio_transport_test).
 *
 * Operations return 0, or -1 with errno and an error text. Those on one device may be called by
 * several threads at once.
 */
#ifndef VFN_SRC_VFIO_TRANSPORT_H
#define VFN_SRC_VFIO_TRANSPORT_H

#include <pthread.h>
#include <stdbool.h>
#include <vfn/iommu/dma.h>
#include <vfn/support/endian.h>
#include <vfn/vfio/device.h>
#include <vfn/vfio/pci.h>
#include <vfn/vfio/region.h>
#include <vfn/vfio/takeover.h>
#include "vfio/token.h"

#define VFIO_REGION_AREAS 8 /* most mappable areas of a region that are kept */

/* To map a region by: none: dev->fd; one for each area; or the first for all of them. */
struct vfio_region_fds {
	int n;
	int fd[VFIO_REGION_AREAS];
};

struct vfio_transport {
	const char *name;
	/* See vfio_doorbell_by_message(). */
	bool doorbell_by_message;
	/*
	 * Nobody but this library writes to configuration space what enables MSI and MSI-X: the
	 * kernel does for its own devices.
	 */
	bool msi_by_config;
	/* A context is made for each device that brings none; else the default one is used. */
	bool own_context;
	/*
	 * True when `address` is one of this transport's, and its part that open() wants in *rest.
	 */
	bool (*match)(const char *address, const char **rest);
	/*
	 * Whether this transport is to be chosen for `rest` by itself. NULL: for all that match.
	 */
	bool (*usable)(const char *rest);

	/*
	 * Open the device and attach it to dev->ctx; set dev->fd, dev->device_info,
	 * dev->state->priv. With `from`, from its descriptors, and nothing is changed at the
	 * device.
	 */
	int (*open)(struct vfio_device *dev, const char *address, const struct vfio_takeover *from);
	/*
	 * Leave the context and free everything. `keep`: the descriptors in a takeover stay the
	 * caller's.
	 */
	void (*close)(struct vfio_device *dev, bool keep);
	int (*reset)(struct vfio_device *dev);
	/* Reset bus or slot; NULL where there is none. */
	int (*hot_reset)(struct vfio_device *dev);
	/*
	 * Fill `info`, whose argsz says how much of it there is. argsz becomes what is needed for
	 * all of it, with capabilities; ask again if that is more. Descriptors for mapping the
	 * region, where the transport has some of their own, go to *fds (the caller's then).
	 */
	int (*region_info)(struct vfio_device *dev, struct vfio_region_info *info,
			   struct vfio_region_fds *fds);
	int (*region_read)(struct vfio_device *dev, unsigned int region, void *buf, size_t len,
			   uint64_t offset);
	int (*region_write)(struct vfio_device *dev, unsigned int region, const void *buf,
			    size_t len, uint64_t offset);
	int (*region_post32)(struct vfio_device *dev, unsigned int region, uint64_t offset,
			     leint32_t value);
	/* info->index and argsz are set; a kind that the device lacks gives count 0. */
	int (*irq_info)(struct vfio_device *dev, struct vfio_irq_info *info);
	/* Vectors start to start + n - 1 signal `fds` (-1: none). n 0: disable the whole kind. */
	int (*irq_set)(struct vfio_device *dev, unsigned int index, unsigned int start,
		       const int *fds, unsigned int n);
	/* Let vectors that have masked themselves signal again; waits for nothing. */
	int (*irq_unmask)(struct vfio_device *dev, unsigned int index, unsigned int start,
			  unsigned int n);
	int (*export)(struct vfio_device *dev, struct vfio_takeover *to);
	/* Make these 16 bytes the token for virtual functions. May be NULL. */
	int (*set_vf_token)(struct vfio_device *dev, const uint8_t *token);
	/* May be NULL. */
	int (*fd_event)(struct vfio_device *dev);
};

#define VFIO_REGIONS	     9 /* of a PCI device: VFIO_PCI_NUM_REGIONS */
#define VFIO_IRQS	     5 /* VFIO_PCI_NUM_IRQS */
#define VFIO_CALL_TIMEOUT_MS 10000
#define VFIO_LONG_TIMEOUT_MS 60000 /* resets and DMA mappings */

/* What is known of a region. */
struct vfio_region_state {
	struct vfio_region_info info; /* argsz 0: there is no such region */
	struct vfio_region_fds fds;
	int nareas; /* mappable areas, offsets within the region */
	struct vfio_region_sparse_mmap_area areas[VFIO_REGION_AREAS];
};

/* A part of a region that is mapped by vfio_region_map(). */
struct vfio_region_mapping {
	unsigned int region;
	void *mem;
	size_t len;
	uint64_t offset;
	int prot;
	struct vfio_region_mapping *next;
};

struct vfio_device_state {
	const struct vfio_transport *transport;
	void *priv; /* the transport's */
	char *address;
	char vf_token[TOKEN_TEXT]; /* to open it with; empty: none */
	bool imported;
	uint16_t command;	  /* PCI COMMAND as it was found */
	pthread_rwlock_t lock;	  /* guards mappings */
	pthread_mutex_t irq_lock; /* guards irq_vectors; taken before `lock` */
	struct vfio_region_mapping *mappings;
	unsigned int irq_vectors[VFIO_IRQS]; /* vectors that are set up, by kind */
	uint16_t msi_at, msix_at; /* these capabilities in configuration space; 0: none */
	struct vfio_region_state regions[VFIO_REGIONS];
};

extern const struct vfio_transport vfio_transport_iommufd, vfio_transport_type1,
	vfio_transport_user;

/* A transport that is asked before all others; for tests. */
extern const struct vfio_transport *vfio_transport_test;

/*
 * The transport for `address`: the first that matches and is usable, or the one that VFN_TRANSPORT
 * in the environment names, where it matches. Its part for open() is put into *rest. NULL: EINVAL.
 */
const struct vfio_transport *vfio_transport_find(const char *address, const char **rest);

/* The transport called `name`, whatever the environment says, for `address`. NULL: EINVAL. */
const struct vfio_transport *vfio_transport_named(const char *name, const char *address,
						  const char **rest);

/*
 * Make dev->state, choose the context, open by the transport and learn the regions. `vf_token` is a
 * UUID's text, or empty.
 */
int vfio_device_open(struct vfio_device *dev, const char *name, const char *vf_token,
		     const struct vfio_takeover *from);

/* Undo it. */
void vfio_device_close(struct vfio_device *dev, bool keep);

/* Learn which regions there are. */
int vfio_regions_init(struct vfio_device *dev);
void vfio_regions_close(struct vfio_device *dev);

/* Map a part of a region, and undo it; as vfio_pci_map_bar(). */
void *vfio_region_map(struct vfio_device *dev, unsigned int region, size_t len, uint64_t offset,
		      int prot);
void vfio_region_unmap(struct vfio_device *dev, unsigned int region, void *mem, size_t len,
		       uint64_t offset);

/*
 * Read or write registers at `reg` in a mapping: each access as wide as offset and length allow,
 * at most 8 bytes.
 */
void vfio_mmio_read(const volatile void *reg, void *buf, size_t len);
void vfio_mmio_write(volatile void *reg, const void *buf, size_t len);

/* Choose the kind of interrupt that vfio_set_irq() uses, into dev->irq_info. */
int vfio_irq_init(struct vfio_device *dev);

/*
 * Registers of configuration space that the library itself uses, in the processor's byte order, at
 * offsets that are a multiple of their width: by accesses of 4 bytes where the device takes no
 * others. 0, or -1 as vfio_region_read().
 */
int vfio_config_read16(struct vfio_device *dev, unsigned int reg, uint16_t *value);
int vfio_config_read32(struct vfio_device *dev, unsigned int reg, uint32_t *value);

/*
 * The register of 16 bits at `reg`, COMMAND or a capability's control. Where the device takes
 * accesses of 4 bytes only, what lies beside it is written as `beside`: 0 for COMMAND, since that
 * is STATUS, whose bits are cleared by ones.
 */
int vfio_config_write16(struct vfio_device *dev, unsigned int reg, uint16_t value, uint16_t beside);

/* Set and clear bits of COMMAND. 0, or -1 as above. */
int vfio_config_command(struct vfio_device *dev, uint16_t set, uint16_t clear);

/* Learn where the capabilities for interrupts are. 0, or -1 when the device has gone. */
int vfio_config_init(struct vfio_device *dev);

/*
 * Let the device use (`n` vectors) or not use (0) a kind of interrupt whose eventfds are set: INTx
 * by COMMAND, MSI and MSI-X by their capabilities if that is the transport's way. 0, or -1 when
 * the device has gone: one that has no such bits does without.
 */
int vfio_config_irq(struct vfio_device *dev, unsigned int irq_index, unsigned int n);

/* ENODEV with a text if the device is not open; else its state. */
struct vfio_device_state *vfio_state(const struct vfio_device *dev);

#endif
