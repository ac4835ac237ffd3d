/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Identify by interrupt: sleep in epoll until the controller has completed the command.
 *
 *     cc identify-eventfd.c $(pkg-config --cflags --libs libvfn) -o identify-eventfd
 *     ./identify-eventfd 0000:01:00.0
 *
 * An interrupt vector signals an eventfd, which goes into any event loop. The admin completion
 * queue is always on vector 0; I/O completion queues are created with a vector of their own.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <vfn/nvme.h>

#define IDENTIFY     0x06 /* admin opcode; NVM Express Base Specification 2.0, 5.17 */
#define CNS_CTRL     0x01
#define IDENTIFY_LEN 4096
#define PATIENCE_MS  10000

struct request {
	bool done, ok;
};

static int fail(const char *what)
{
	fprintf(stderr, "%s: %s\n", what, vfn_error());
	return -1;
}

static int fail_errno(const char *what)
{
	fprintf(stderr, "%s: %s\n", what, strerror(errno));
	return -1;
}

static int post(struct nvme_ctrl *ctrl, struct request *request, uint64_t iova)
{
	union nvme_cmd cmd = {.identify = {.opcode = IDENTIFY, .cns = CNS_CTRL}};
	struct nvme_rq *rq = nvme_rq_acquire(ctrl->adminq.sq);

	if (!rq)
		return fail_errno("no room in the admin queue");
	if (nvme_rq_map_prp(ctrl, rq, &cmd, iova, IDENTIFY_LEN)) {
		nvme_rq_release(rq);
		return fail("data pointer");
	}
	rq->opaque = request;
	nvme_rq_exec(rq, &cmd);
	return 0;
}

/*
 * Take all completions that are there. One interrupt may stand for several of them, so do not stop
 * at the first; and it may come when an earlier round has taken everything already.
 */
static unsigned int reap(struct nvme_ctrl *ctrl)
{
	struct nvme_cq *cq = ctrl->adminq.cq;
	unsigned int n = 0;
	struct nvme_cqe *cqe;

	while ((cqe = nvme_cq_get_cqe(cq))) {
		struct nvme_rq *rq = nvme_rq_from_cqe(ctrl, cqe);

		n++;
		if (!rq)
			continue;

		struct request *request = rq->opaque;

		request->done = true;
		request->ok = !nvme_set_errno_from_cqe(cqe);
		if (!request->ok)
			fail("Identify Controller");
		nvme_rq_release(rq);
	}

	/* one write of the doorbell for all of them */
	if (n)
		nvme_cq_update_head(cq);
	return n;
}

static int identify(struct nvme_ctrl *ctrl, int epfd, void *mem, uint64_t iova)
{
	struct request request = {0};
	unsigned int wakeups = 0;
	struct epoll_event event;
	const char *text = mem;
	uint64_t signals;

	if (post(ctrl, &request, iova))
		return -1;

	while (!request.done) {
		int n = epoll_wait(epfd, &event, 1, PATIENCE_MS);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return fail_errno("epoll_wait");
		if (!n) {
			fprintf(stderr, "no interrupt came\n");
			return -1;
		}

		/* Clear the eventfd first, then look: so no completion is left that nobody tells
		 * of. */
		if (read(event.data.fd, &signals, sizeof(signals)) < 0 && errno != EAGAIN)
			return fail_errno("eventfd");
		wakeups++;
		reap(ctrl);
	}
	if (!request.ok)
		return -1;

	printf("serial number: %.20s\nmodel: %.40s\nfirmware: %.8s\n", text + 4, text + 24,
	       text + 64);
	printf("done after %u wake-up%s\n", wakeups, wakeups == 1 ? "" : "s");
	return 0;
}

/*
 * The vector is set up while the controller is disabled, then it is enabled: the admin completion
 * queue uses vector 0 from then on, and some controllers look only once whether it is there.
 */
static int bring_up(struct nvme_ctrl *ctrl, const char *device, int efd)
{
	eventfd_t signals;

	if (nvme_ctrl_init(ctrl, device, NULL))
		return fail(device);
	if (vfio_set_irq(&ctrl->pci.dev, &efd, 1)) {
		fail("interrupt");
		goto close;
	}
	if (nvme_reinit(ctrl)) {
		fail(device);
		goto close;
	}

	/* The commands of the bring-up have signalled it, too. One that does so late is no harm. */
	if (eventfd_read(efd, &signals) && errno != EAGAIN) {
		fail_errno("eventfd");
		goto close;
	}
	return 0;

close:
	nvme_close(ctrl);
	return -1;
}

static int with_controller(const char *device, int epfd, int efd)
{
	struct nvme_ctrl ctrl = {0};
	uint64_t iova;
	ssize_t len;
	void *mem;
	int err = -1;

	if (bring_up(&ctrl, device, efd))
		return -1;

	len = pgmap(&mem, IDENTIFY_LEN);
	if (len < 0) {
		fail("memory");
		goto close;
	}
	if (iommu_map_vaddr(__iommu_ctx(&ctrl), mem, (size_t)len, &iova, 0)) {
		fail("mapping");
		goto free_mem;
	}

	err = identify(&ctrl, epfd, mem, iova);

	/* Disabled before its memory goes: had it not answered, it could still write there. */
	nvme_reset(&ctrl);
	iommu_unmap_vaddr(__iommu_ctx(&ctrl), mem, NULL);
free_mem:
	pgunmap(mem, (size_t)len);
close:
	nvme_close(&ctrl);
	return err;
}

int main(int argc, char **argv)
{
	struct epoll_event event = {.events = EPOLLIN};
	int efd, epfd, err = -1;

	if (argc != 2) {
		fprintf(stderr, "usage: %s DEVICE\n", argv[0]);
		return 2;
	}

	efd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	epfd = epoll_create1(EPOLL_CLOEXEC);
	event.data.fd = efd;
	if (efd < 0 || epfd < 0 || epoll_ctl(epfd, EPOLL_CTL_ADD, efd, &event))
		fail_errno("eventfd and epoll");
	else
		err = with_controller(argv[1], epfd, efd);

	if (epfd >= 0)
		close(epfd);
	if (efd >= 0)
		close(efd);
	return err ? 1 : 0;
}
