/* SPDX-License-Identifier: GPL-2.0-or-later */
/* nvme-enable - how a controller is enabled, by request too, and how interrupts and arbitration are set up then */
#ifndef VFND_DAEMON_DEVICE_NVME_ENABLE_H
#define VFND_DAEMON_DEVICE_NVME_ENABLE_H

#include <stdbool.h>
#include <stddef.h>

#include "daemon/device/class.h"

struct nvme_device;
struct nvme_vector;
struct queue;

/* nvme-coalesce.c */
/* WORKER: as it is configured. 0, also where the controller does not want to; or -1, errno. */
int nvme_coalesce_setup(struct nvme_device *nd);
/* The loop has the device. `unknown`: a predecessor had it, who may have changed vectors. */
void nvme_coalesce_begin(struct nvme_device *nd, bool unknown);
/* There was an interrupt, and its completions have not been taken yet. */
void nvme_coalesce_look(struct nvme_vector *vector);
/* It was given to a direct queue, whose client is to have each interrupt. */
void nvme_coalesce_leave(struct nvme_vector *vector);

/* nvme-arbitrate.c */
/* WORKER: nvme_reinit(), with the arbitration that is configured, if the controller has it. 0 or -1, errno. */
int nvme_arbitrate_bring_up(struct nvme_device *nd);
/* See whether it is enabled with weighted round robin. 0 or -1, errno. */
int nvme_arbitrate_look(struct nvme_device *nd);
/* Of the controller's submission queue: what nvme_create_iosq() takes. */
unsigned long nvme_arbitrate_flags(const struct queue *queue);

/* nvme-enable.c */
int nvme_enable_by(struct opening *opening, const struct enable_spec *spec, class_enable_done done, void *arg,
		   char *text, size_t size);
/* WORKER: bring the controller up as nd->spec says. 0 or -1, errno. */
int nvme_enable_run(struct nvme_device *nd);
/* It was reset, and stays disabled: sessions are told. */
void nvme_enable_stay(struct nvme_device *nd);
/* It is ready (error 0), or could not be enabled: whoever asked is told. False: nobody had asked. */
bool nvme_enable_told(struct nvme_device *nd, int error, const char *text);
/* It could not be enabled as a session has asked for: it is disabled again. */
void nvme_enable_undo(struct nvme_device *nd, int error, const char *text);
/* How many commands its admin queue takes, and how many of these are kept for the daemon. */
void nvme_enable_places(struct nvme_device *nd);

#endif
