/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * list - the pages that trackers need for PRP lists and SGLs besides their own one
 *
 * They are made when a command needs them, and stay with the tracker for those that come after it.
 */
#include <errno.h>
#include <stdlib.h>

#include "nvme/internal.h"

static struct nvme_rq_list *list_at(struct nvme_ctrl *ctrl, struct nvme_rq_list **link)
{
	struct nvme_rq_list *list;

	if (*link)
		return *link;

	list = calloc(1, sizeof(*list));
	if (!list) {
		errno = ENOMEM;
		vfn_error_set("%s: no memory for a list page", nvme_name(ctrl));
		return NULL;
	}
	if (nvme_mem_alloc(ctrl, nvme_page_alloc_size(ctrl), &list->mem)) {
		free(list);
		return NULL;
	}

	*link = list;
	return list;
}

struct nvme_rq_list *nvme_rq_next_list(struct nvme_ctrl *ctrl, struct nvme_rq *rq,
				       struct nvme_rq_list *list)
{
	return list_at(ctrl, list ? &list->next : &rq->lists);
}

struct nvme_rq_list *nvme_rq_next_meta_list(struct nvme_ctrl *ctrl, struct nvme_rq *rq,
					    struct nvme_rq_list *list)
{
	/* a tracker is a cache line and full; what few commands need hangs from what it has */
	if (!list && !list_at(ctrl, &rq->lists))
		return NULL;
	return list_at(ctrl, list ? &list->next : &rq->lists->meta);
}

static void list_free(struct nvme_ctrl *ctrl, struct nvme_rq_list *list)
{
	while (list) {
		struct nvme_rq_list *next = list->next;

		nvme_mem_free(ctrl, &list->mem);
		free(list);
		list = next;
	}
}

void nvme_rq_free_lists(struct nvme_ctrl *ctrl, struct nvme_rq *rq)
{
	struct nvme_rq_list *list = rq->lists;

	rq->lists = NULL;
	if (list)
		list_free(ctrl, list->meta);
	list_free(ctrl, list);
}
