/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Identify asynchronously: post commands, do something else, look later whether they are done.
 *
 *     cc identify.c $(pkg-config --cflags --libs libvfn) -o identify
 *     ./identify 0000:01:00.0
 *
 * Two commands are posted at once, the controller is told of both by one write of the doorbell,
 * and their completions are taken in whatever order they come.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include <vfn/nvme.h>

#define IDENTIFY     0x06 /* admin opcode; NVM Express Base Specification 2.0, 5.17 */
#define CNS_CTRL     0x01
#define CNS_NS_LIST  0x02 /* the identifiers of active namespaces */
#define IDENTIFY_LEN 4096

/* One command under way; its tracker carries a pointer to this. */
struct request {
	const char *name;
	uint8_t cns;
	void *data;
	uint64_t iova;
	bool done, ok;
};

/* Put an Identify command into the admin queue; the controller does not know of it yet. */
static int post(struct nvme_ctrl *ctrl, struct request *request)
{
	union nvme_cmd cmd = {.identify = {.opcode = IDENTIFY, .cns = request->cns}};
	struct nvme_rq *rq = nvme_rq_acquire(ctrl->adminq.sq);

	if (!rq) {
		perror("no room in the admin queue");
		return -1;
	}

	/* Where the data goes: the tracker has a page for the list, if one were needed. */
	if (nvme_rq_map_prp(ctrl, rq, &cmd, request->iova, IDENTIFY_LEN)) {
		fprintf(stderr, "data pointer: %s\n", vfn_error());
		nvme_rq_release(rq);
		return -1;
	}
	rq->opaque = request;
	nvme_rq_post(rq, &cmd);
	return 0;
}

/* Take one completion, if there is one: the number taken. */
static int poll_once(struct nvme_ctrl *ctrl)
{
	struct nvme_cq *cq = ctrl->adminq.cq;
	struct nvme_cqe *cqe = nvme_cq_get_cqe(cq);
	struct request *request;
	struct nvme_rq *rq;

	if (!cqe)
		return 0;

	/* NULL: a completion that belongs to no command of ours. A healthy controller sends none.
	 */
	rq = nvme_rq_from_cqe(ctrl, cqe);
	if (rq) {
		request = rq->opaque;
		request->done = true;
		request->ok = !nvme_set_errno_from_cqe(cqe);
		if (!request->ok)
			fprintf(stderr, "%s: %s\n", request->name, vfn_error());
		nvme_rq_release(rq);
	}

	/* After the last look at *cqe: the controller may use the entry again from here on. */
	nvme_cq_update_head(cq);
	return 1;
}

/* Text fields are padded with spaces. */
static void print_text(const char *label, const char *text, int len)
{
	while (len && (text[len - 1] == ' ' || !text[len - 1]))
		len--;
	printf("%s: %.*s\n", label, len, text);
}

static void print(const struct request *ctrl, const struct request *ns_list)
{
	const char *data = ctrl->data;
	const leint32_t *nsid = ns_list->data;

	print_text("serial number", data + 4, 20);
	print_text("model", data + 24, 40);
	print_text("firmware", data + 64, 8);
	printf("active namespaces:");
	for (size_t i = 0; i < IDENTIFY_LEN / sizeof(*nsid) && nsid[i]; i++)
		printf(" %" PRIu32, le32_to_cpu(nsid[i]));
	printf("\n");
}

static int identify(struct nvme_ctrl *ctrl, void *mem, uint64_t iova)
{
	struct request requests[] = {
		{.name = "Identify Controller", .cns = CNS_CTRL},
		{.name = "Identify, list of namespaces", .cns = CNS_NS_LIST},
	};
	uint64_t start = get_ticks(), limit = start + 10 * __vfn_ticks_freq;
	unsigned long looks = 0;
	int err = 0;

	for (size_t i = 0; i < ARRAY_SIZE(requests); i++) {
		requests[i].data = (char *)mem + i * IDENTIFY_LEN;
		requests[i].iova = iova + i * IDENTIFY_LEN;
		if (post(ctrl, &requests[i]))
			return -1;
	}
	nvme_sq_update_tail(ctrl->adminq.sq);

	/* A program with more to do would do it here, and look now and then. */
	while (!requests[0].done || !requests[1].done) {
		looks++;
		if (!poll_once(ctrl) && get_ticks() > limit) {
			fprintf(stderr, "the controller does not answer\n");
			return -1;
		}
	}

	for (size_t i = 0; i < ARRAY_SIZE(requests); i++)
		err |= !requests[i].ok;
	if (err)
		return -1;
	print(&requests[0], &requests[1]);
	printf("done after %" PRIu64 " us and %lu looks\n",
	       (get_ticks() - start) * 1000000 / __vfn_ticks_freq, looks);
	return 0;
}

int main(int argc, char **argv)
{
	struct nvme_ctrl ctrl = {0};
	uint64_t iova;
	void *mem;
	ssize_t len;
	int err = -1;

	if (argc != 2) {
		fprintf(stderr, "usage: %s DEVICE\n", argv[0]);
		return 2;
	}

	/* NULL: the default options. The controller is enabled afterwards. */
	if (nvme_init(&ctrl, argv[1], NULL)) {
		fprintf(stderr, "%s: %s\n", argv[1], vfn_error());
		return 1;
	}

	/* Memory that the controller may reach; it finds it at `iova`. */
	len = pgmap(&mem, 2 * IDENTIFY_LEN);
	if (len < 0) {
		fprintf(stderr, "memory: %s\n", vfn_error());
		goto close;
	}
	if (iommu_map_vaddr(__iommu_ctx(&ctrl), mem, (size_t)len, &iova, 0)) {
		fprintf(stderr, "mapping: %s\n", vfn_error());
		pgunmap(mem, (size_t)len);
		goto close;
	}

	err = identify(&ctrl, mem, iova);

	/*
	 * The controller is disabled before its memory goes: should it not have answered, it could
	 * still write there.
	 */
	nvme_reset(&ctrl);
	iommu_unmap_vaddr(__iommu_ctx(&ctrl), mem, NULL);
	pgunmap(mem, (size_t)len);
close:
	nvme_close(&ctrl);
	return err ? 1 : 0;
}
