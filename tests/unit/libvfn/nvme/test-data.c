/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Data of every shape through PRPs and SGLs, parts of it discarded, metadata in every place, and
 * memory pages of every size, shown by what comes back.
 *
 *     test-data             on simulated controllers, which it starts
 *     test-data ADDRESS     on that one: namespace 1 without metadata, 2 with 8 bytes beside each
 *                           block of 512, 3 with 8 bytes behind it; all are overwritten
 */
#include "unit.h"

#include "nvme/internal.h"
#include "nvme/regs.h"
#include "sim-proc.h"

#define AREA  (1u << 20)
#define BLOCK 512u
#define META  8u

/* For inner loops: check's own assertions each make a system call. */
#define OK(call)                                                                                   \
	do {                                                                                       \
		if (call)                                                                          \
			ck_abort_msg("line %d: %s: %s", __LINE__, #call, vfn_error());             \
	} while (0)
#define HOLDS(cond)                                                                                \
	do {                                                                                       \
		if (!(cond))                                                                       \
			ck_abort_msg("line %d: %s", __LINE__, #cond);                              \
	} while (0)

static const char *address; /* NULL: simulated ones */
static struct sim sim;
static struct nvme_ctrl ctrl;
static struct nvme_rq *rq;
static uint32_t nsid;
static uint8_t *out, *in; /* what is written, and where it is read to */
static uint64_t out_iova, in_iova;

static void *mapped(uint64_t *iova)
{
	void *mem;

	ck_assert_int_eq(pgmap(&mem, AREA), AREA);
	OK(iommu_map_vaddr(__iommu_ctx(&ctrl), mem, AREA, iova, 0));
	return mem;
}

static void open_queue(void)
{
	OK(nvme_create_ioqpair(&ctrl, 1, 16, -1, 0));
	rq = nvme_rq_acquire(&ctrl.sq[1]);
}

/* A controller with namespace `which`, as above; simulated ones are told by options. */
static void begin(uint32_t which, const char *const *options)
{
	logv_set(VFN_LOG_NONE);
	nsid = address ? which : 1;
	if (!address)
		sim_start_with(&sim, options);
	OK(nvme_init(&ctrl, address ? address : sim.name, NULL));
	open_queue();
	out = mapped(&out_iova);
	in = mapped(&in_iova);
	for (size_t i = 0; i < AREA; i++)
		out[i] = (uint8_t)(i * 7 + (i >> 8) * 13 + (i >> 16));
}

static void end(void)
{
	nvme_rq_release(rq);
	nvme_close(&ctrl);
	pgunmap(out, AREA);
	pgunmap(in, AREA);
	if (!address)
		sim_stop(&sim);
}

static union nvme_cmd rw(uint8_t opcode, uint64_t slba, size_t blocks)
{
	union nvme_cmd cmd = {.rw = {.opcode = opcode}};

	cmd.rw.nsid = cpu_to_le32(nsid);
	cmd.rw.slba = cpu_to_le64(slba);
	cmd.rw.nlb = cpu_to_le16((uint16_t)(blocks - 1));
	return cmd;
}

static void exec(union nvme_cmd *cmd)
{
	struct nvme_cqe cqe;

	nvme_rq_exec(rq, cmd);
	if (nvme_rq_wait(rq, &cqe, NULL))
		ck_abort_msg("%s", vfn_error());
}

/* `len` bytes from `out` + `from` to the medium, contiguous and by PRPs. */
static void put(uint64_t slba, size_t from, size_t len)
{
	union nvme_cmd cmd = rw(1, slba, len / BLOCK);

	OK(nvme_rq_map_prp(&ctrl, rq, &cmd, out_iova + from, len));
	exec(&cmd);
}

static unsigned int seed;

static unsigned int any(unsigned int below)
{
	seed = seed * 1664525u + 1013904223u;
	return (seed >> 8) % below;
}

/*
 * `len` bytes of `in` as pieces of up to `most` bytes, in the order of a shuffle of places that do
 * not touch. Returns their number.
 */
static int cut(struct iovec *iov, struct nvme_iova *iovas, size_t len, size_t most)
{
	static uint16_t place[AREA / 64];
	size_t stride = ALIGN_UP(most + 1, 64), places = AREA / stride;
	int n = 0;

	for (size_t i = 0; i < places; i++)
		place[i] = (uint16_t)i;
	for (size_t i = places - 1; i; i--) {
		size_t k = any((unsigned int)i + 1);
		uint16_t t = place[i];

		place[i] = place[k];
		place[k] = t;
	}
	while (len) {
		size_t part = 1 + any((unsigned int)most), at;

		if (part > len)
			part = len;
		HOLDS((size_t)n < places);
		at = place[n] * stride + any((unsigned int)(stride - part));
		iov[n] = (struct iovec){in + at, part};
		iovas[n++] = (struct nvme_iova){in_iova + at, part};
		len -= part;
	}
	return n;
}

static void same_pieces(const struct iovec *iov, int n, const uint8_t *want)
{
	for (int i = 0; i < n; want += iov[i++].iov_len) {
		if (memcmp(iov[i].iov_base, want, iov[i].iov_len))
			ck_abort_msg("piece %d of %d differs", i, n);
	}
}

/* Pages in any order, beginning and ending anywhere: what PRPs can describe. */
START_TEST(test_prp_vectors)
{
	struct iovec iov[18];
	struct nvme_iova iovas[18];

	begin(1, NULL);
	put(0, 4, 128 * BLOCK);
	for (int round = 0; round < 60; round++) {
		size_t first = any(1024) * 4, len = 128 * BLOCK, left = len;
		union nvme_cmd cmd = rw(2, 0, 128);
		int n = 0;

		while (left) {
			size_t offset = n ? 0 : first, part = 4096 - offset;
			size_t at = ((size_t)n * 2 + any(2) + (unsigned int)round) % 64 * 8192;

			if (part > left)
				part = left;
			iov[n] = (struct iovec){in + at + offset, part};
			iovas[n++] = (struct nvme_iova){in_iova + at + offset, part};
			left -= part;
		}
		memset(in, 0, AREA);
		if (round % 2)
			OK(nvme_rq_mapv_prp(&ctrl, rq, &cmd, iov, n));
		else
			OK(nvme_rq_mapv_prp_iova(&ctrl, rq, &cmd, iovas, n));
		exec(&cmd);
		same_pieces(iov, n, out + 4);
	}
	end();
}
END_TEST

/* From none to several segments; each round writes by one list, and reads by another. */
START_TEST(test_sgl_vectors)
{
	static const unsigned int most[] = {60000, 4000, 500, 90, 62};
	static struct iovec iov[AREA / 64];
	static struct nvme_iova iovas[AREA / 64];
	int longest = 0;

	begin(1, NULL);
	ck_assert(ctrl.flags & NVME_CTRL_F_SGLS_SUPPORTED);
	for (unsigned int round = 0; round < 40; round++) {
		size_t blocks = 1 + any(56);
		union nvme_cmd cmd = rw(1, 100, blocks);
		int n = cut(iov, iovas, blocks * BLOCK, most[round % 5]);

		for (int i = 0, done = 0; i < n; done += (int)iov[i++].iov_len)
			memcpy(iov[i].iov_base, out + round + done, iov[i].iov_len);
		OK(nvme_rq_mapv_sgl_iova(&ctrl, rq, &cmd, iovas, n));
		exec(&cmd);

		n = cut(iov, iovas, blocks * BLOCK, most[(round / 5) % 5]);
		longest = n > longest ? n : longest;
		memset(in, 0, AREA);
		cmd = rw(2, 100, blocks);
		OK(nvme_rq_mapv(&ctrl, rq, &cmd, iov, n));
		ck_assert_uint_eq(cmd.flags, 0x40);
		exec(&cmd);
		same_pieces(iov, n, out + round);
	}
	/* three segments and more */
	ck_assert_int_gt(longest, 600);
	end();
}
END_TEST

START_TEST(test_discard)
{
	struct iovec iov[64];
	union nvme_cmd cmd;

	begin(1, NULL);
	if (!(ctrl.config.sgls & SGLS_BIT_BUCKET)) {
		cmd = rw(2, 0, 1);
		iov[0] = (struct iovec){NULL, BLOCK};
		ck_assert_int_eq(nvme_rq_mapv_sgl_discard(&ctrl, rq, &cmd, iov, 1), -1);
		ck_assert_int_eq(errno, ENOTSUP);
		end();
		return;
	}

	put(7, 0, 64 * BLOCK);
	for (unsigned int round = 0; round < 30; round++) {
		size_t left = 64 * BLOCK, at = 0;
		int n = 0;

		memset(in, 0xee, AREA);
		while (left) {
			size_t part = 1 + any(2000);

			if (part > left || n == 63)
				part = left;
			iov[n] = (struct iovec){(n + (int)round) % 2 ? NULL : in + at, part};
			n++;
			at += part;
			left -= part;
		}
		cmd = rw(2, 7, 64);
		OK(nvme_rq_mapv_sgl_discard(&ctrl, rq, &cmd, iov, n));
		exec(&cmd);
		at = 0;
		for (int i = 0; i < n; at += iov[i++].iov_len) {
			if (iov[i].iov_base)
				HOLDS(!memcmp(in + at, out + at, iov[i].iov_len));
			for (size_t k = 0; k < iov[i].iov_len && !iov[i].iov_base; k++)
				HOLDS(in[at + k] == 0xee);
		}
	}
	/* nothing but that */
	cmd = rw(2, 7, 1);
	iov[0] = (struct iovec){NULL, BLOCK};
	OK(nvme_rq_mapv_sgl_discard(&ctrl, rq, &cmd, iov, 1));
	exec(&cmd);
	end();
}
END_TEST

enum place { BY_PRP, BY_SGL, BY_SGL_BYTE, BY_TWO_SGLS, BY_PIECES, PLACES };

/* Data of `blocks` blocks at `data`, their metadata at `meta`; false where there is no such way. */
static bool meta_io(uint8_t opcode, size_t blocks, enum place place, uint64_t data, uint64_t meta)
{
	union nvme_cmd cmd = rw(opcode, 33, blocks);
	struct nvme_iova iov = {data, blocks * BLOCK}, pieces[400];
	size_t len = blocks * META;
	int n = 0;

	if (place == BY_PRP) {
		OK(nvme_rq_map_prp(&ctrl, rq, &cmd, data, iov.len));
		OK(nvme_map_mptr(&ctrl, &cmd, meta, len));
		exec(&cmd);
		return true;
	}

	OK(nvme_rq_mapv_sgl_iova(&ctrl, rq, &cmd, &iov, 1));
	if (place == BY_SGL || place == BY_SGL_BYTE) {
		if (place == BY_SGL_BYTE && !(ctrl.config.sgls & SGLS_MPTR_BYTE)) {
			HOLDS(nvme_map_mptr(&ctrl, &cmd, meta | 1, len) == -1 && errno == EINVAL);
			return false;
		}
		OK(nvme_map_mptr(&ctrl, &cmd, meta, len));
		exec(&cmd);
		return true;
	}

	/* each piece apart from its neighbour, so that it is one of the list's */
	for (size_t done = 0; done < len && place == BY_PIECES; done += pieces[n++].len)
		pieces[n] = (struct nvme_iova){meta + done, 4};
	for (int i = 0; i + 1 < n; i += 2) {
		struct nvme_iova t = pieces[i];

		pieces[i] = pieces[i + 1];
		pieces[i + 1] = t;
	}
	if (place == BY_TWO_SGLS)
		pieces[n++] = (struct nvme_iova){meta, len};
	if (!(ctrl.config.sgls & SGLS_MPTR_SGL)) {
		HOLDS(nvme_rq_mapv_mptr_sgl_iova(&ctrl, rq, &cmd, pieces, n) == -1 &&
		      errno == ENOTSUP);
		return false;
	}
	OK(nvme_rq_mapv_mptr_sgl_iova(&ctrl, rq, &cmd, pieces, n));
	exec(&cmd);
	return true;
}

/* Written in one way and read in another, with metadata that change each time. */
START_TEST(test_metadata)
{
	static const char *const options[] = {"--metadata", "8", NULL};
	/* QEMU 7.2 moves only the odd bytes of metadata that are more than 512, and no multiple */
	const size_t blocks = 192, len = blocks * META;
	unsigned int ways = 0;

	begin(2, options);
	for (int to = 0; to < PLACES; to++) {
		for (int from = 0; from < PLACES; from++) {
			size_t at = (size_t)(to * PLACES + from) * 64 + 500000;
			size_t o = at + (to == BY_SGL_BYTE), i = 600000 + (from == BY_SGL_BYTE);
			bool pieces = (to == BY_PIECES) != (from == BY_PIECES);

			if (!meta_io(1, blocks, to, out_iova + 64, out_iova + o))
				continue;
			memset(in, 0, AREA);
			if (!meta_io(2, blocks, from, in_iova + 128, in_iova + i))
				continue;
			HOLDS(!memcmp(in + 128, out + 64, blocks * BLOCK));
			for (size_t k = 0; k < len; k++) {
				if (in[i + k] != out[o + (pieces ? k ^ 4 : k)])
					ck_abort_msg("metadata written in way %d and read in way "
						     "%d differ in byte %zu",
						     to, from, k);
			}
			HOLDS(!in[i + len] && !in[i - 1]);
			ways++;
		}
	}
	ck_assert_uint_ge(ways, 4);
	if (!address)
		ck_assert_uint_eq(ways, PLACES * PLACES);
	end();
}
END_TEST

/* Metadata behind each block: data that are longer. */
START_TEST(test_extended)
{
	static const char *const options[] = {"--metadata", "8,extended", NULL};
	static struct iovec iov[AREA / 64];
	static struct nvme_iova iovas[AREA / 64];
	const size_t blocks = 50, len = blocks * (BLOCK + META);
	union nvme_cmd cmd;
	int n;

	begin(3, options);
	for (int round = 0; round < 10; round++) {
		cmd = rw(1, 9, blocks);
		OK(nvme_rq_map_prp(&ctrl, rq, &cmd, out_iova + (uint64_t)round * 100, len));
		exec(&cmd);
		memset(in, 0, AREA);
		cmd = rw(2, 9, blocks);
		n = cut(iov, iovas, len, 100);
		OK(nvme_rq_mapv_sgl(&ctrl, rq, &cmd, iov, n));
		exec(&cmd);
		same_pieces(iov, n, out + (size_t)round * 100);
		memset(in, 0, AREA);
		cmd = rw(2, 9, blocks);
		OK(nvme_rq_map_prp(&ctrl, rq, &cmd, in_iova + 2044, len));
		exec(&cmd);
		HOLDS(!memcmp(in + 2044, out + (size_t)round * 100, len));
	}
	end();
}
END_TEST

/* Queues, lists and data by each page size that the controller can have. */
START_TEST(test_page_sizes)
{
	int least, most, sizes = 0;

	begin(1, NULL);
	least = CAP_MPSMIN(ctrl.priv->cap);
	most = CAP_MPSMAX(ctrl.priv->cap);
	ck_assert_int_eq(ctrl.config.mps, __VFN_PAGESHIFT - 12);
	ck_assert_int_eq(nvme_set_mps(&ctrl, most), -1);
	ck_assert_int_eq(errno, EBUSY);
	nvme_rq_release(rq);
	for (int mps = most; mps >= least; mps--, sizes++) {
		size_t page = __mps_to_pagesize(mps);

		OK(nvme_reset(&ctrl));
		/* not while there are queues of another size */
		ck_assert_int_eq(nvme_set_mps(&ctrl, mps), -1);
		ck_assert_int_eq(errno, EBUSY);
		nvme_discard_sq(&ctrl, &ctrl.sq[1]);
		nvme_discard_cq(&ctrl, &ctrl.cq[1]);
		ck_assert_int_eq(nvme_set_mps(&ctrl, least - 1), -1);
		ck_assert_int_eq(errno, EINVAL);
		ck_assert_int_eq(nvme_set_mps(&ctrl, most + 1), -1);
		ck_assert_int_eq(errno, EINVAL);
		OK(nvme_set_mps(&ctrl, mps));
		OK(nvme_reinit(&ctrl));
		ck_assert_int_eq(ctrl.config.mps, mps);
		open_queue();
		ck_assert_uint_eq(ctrl.adminq.sq->iova % page, 0);
		ck_assert_uint_eq(ctrl.sq[1].iova % page, 0);
		ck_assert_uint_eq(ctrl.cq[1].iova % page, 0);
		ck_assert_uint_eq(rq->page.iova % page, 0);
		for (int round = 0; round < 20; round++) {
			size_t blocks = 1 + any(512), to = any(32768) * 4, from = any(32768) * 4;
			union nvme_cmd cmd = rw(2, 1, blocks);

			put(1, from, blocks * BLOCK);
			memset(in, 0, AREA);
			OK(nvme_rq_map_prp(&ctrl, rq, &cmd, in_iova + to, blocks * BLOCK));
			exec(&cmd);
			HOLDS(!memcmp(in + to, out + from, blocks * BLOCK));
			HOLDS(!in[to + blocks * BLOCK] && (!to || !in[to - 1]));
		}
		nvme_rq_release(rq);
	}
	ck_assert_int_ge(sizes, 2);
	rq = nvme_rq_acquire(&ctrl.sq[1]);
	end();
}
END_TEST

int main(int argc, char **argv)
{
	Suite *suite;
	TCase *tc;

	address = argc > 1 ? argv[1] : NULL;
	suite = suite_create("nvme-data");
	tc = tcase_create("nvme-data");
	tcase_set_timeout(tc, 120);
	tcase_add_test(tc, test_prp_vectors);
	tcase_add_test(tc, test_sgl_vectors);
	tcase_add_test(tc, test_discard);
	tcase_add_test(tc, test_metadata);
	tcase_add_test(tc, test_extended);
	tcase_add_test(tc, test_page_sizes);
	suite_add_tcase(suite, tc);
	return unit_run(suite);
}
