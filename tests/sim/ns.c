/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"

#include "ns.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

int ns_parse_size(const char *text, uint64_t *bytes)
{
	static const char units[] = "KMGT";
	unsigned long long v;
	unsigned int shift = 0;
	const char *unit;
	char *end;

	if (*text < '0' || *text > '9')
		return -EINVAL;
	errno = 0;
	v = strtoull(text, &end, 0);
	if (errno)
		return -EINVAL;
	if (*end) {
		unit = strchr(units, *end >= 'a' && *end <= 'z' ? *end - 'a' + 'A' : *end);
		if (!unit || (end[1] && strcmp(end + 1, "iB") && strcmp(end + 1, "B")))
			return -EINVAL;
		shift = 10 * (unit - units + 1);
	}
	if (!v || v > (UINT64_MAX >> 1) >> shift)
		return -EINVAL;
	*bytes = (uint64_t)v << shift;
	return 0;
}

static uint64_t ns_mix(uint64_t x)
{
	x += 0x9e3779b97f4a7c15ull;
	x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9ull;
	x = (x ^ (x >> 27)) * 0x94d049bb133111ebull;
	return x ^ (x >> 31);
}

static void ns_identify(struct ns *ns, const char *serial, uint32_t generation)
{
	static const uint8_t oui[3] = {0x52, 0x54, 0x00};
	uint64_t h = ns->nsid | (uint64_t)generation << 32, word;

	for (; *serial; serial++)
		h = ns_mix(h ^ (uint8_t)*serial);
	/* EUI-64: 24 bits of OUI first; NGUID: OUI behind the vendor's eight bytes. */
	word = ns_mix(h);
	memcpy(ns->eui64, &word, 8);
	memcpy(ns->eui64, oui, 3);
	word = ns_mix(h + 1);
	memcpy(ns->nguid, &word, 8);
	word = ns_mix(h + 2);
	memcpy(ns->nguid + 8, &word, 8);
	memcpy(ns->nguid + 8, oui, 3);
	word = ns_mix(h + 3);
	memcpy(ns->uuid, &word, 8);
	word = ns_mix(h + 4);
	memcpy(ns->uuid + 8, &word, 8);
	ns->uuid[6] = (ns->uuid[6] & 0x0f) | 0x80; /* version 8: made our own way */
	ns->uuid[8] = (ns->uuid[8] & 0x3f) | 0x80;
}

/* Bytes that a block takes. */
static uint64_t ns_footprint(const struct ns_format *format)
{
	return (1ull << format->shift) + format->metadata;
}

static int ns_map(struct ns *ns, uint64_t bytes)
{
	ns->mem = mmap(NULL, bytes, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (ns->mem != MAP_FAILED)
		return 0;
	ns->mem = NULL;
	return -errno;
}

int ns_open(struct ns *ns, uint32_t nsid, const struct ns_format *format, const char *spec,
	    const char *serial, char *why, size_t room)
{
	uint64_t block = ns_footprint(format), bytes;
	off_t end;
	int err;

	*ns = (struct ns){.nsid = nsid, .format = *format, .fd = -1};
	if (format->null) {
		if (ns_parse_size(spec, &bytes) < 0 || bytes < block) {
			snprintf(why, room, "a namespace that keeps nothing has a size like 64M");
			return -EINVAL;
		}
	} else if (!strchr(spec, '/')) {
		if (ns_parse_size(spec, &bytes) < 0 || bytes < block) {
			snprintf(why, room, "neither a size like 64M nor a path with a '/'");
			return -EINVAL;
		}
		err = ns_map(ns, bytes);
		if (err) {
			snprintf(why, room, "no memory of that size: %s", strerror(-err));
			return err;
		}
	} else {
		ns->fd = open(spec, O_RDWR | O_CLOEXEC);
		if (ns->fd < 0) {
			err = -errno;
			snprintf(why, room, "cannot open it for reading and writing: %s",
				 strerror(-err));
			return err;
		}
		end = lseek(ns->fd, 0, SEEK_END);
		bytes = end < 0 ? 0 : end;
		if (bytes < block) {
			close(ns->fd);
			ns->fd = -1;
			snprintf(why, room,
				 "smaller than one block (truncate -s 64M makes a file)");
			return -EINVAL;
		}
	}
	ns->blocks = bytes / block;
	ns->bytes = bytes;
	ns->exists = ns->attached = true;
	ns_identify(ns, serial, 0);
	return 0;
}

void ns_close(struct ns *ns)
{
	if (ns->mem)
		munmap(ns->mem, ns->bytes);
	if (ns->fd >= 0)
		close(ns->fd);
	*ns = (struct ns){.nsid = ns->nsid, .fd = -1};
}

int ns_create(struct ns *ns, uint32_t nsid, const struct ns_format *format, uint64_t blocks,
	      const char *serial, uint32_t generation)
{
	uint64_t bytes = blocks * ns_footprint(format);
	int err;

	*ns = (struct ns){.nsid = nsid, .format = *format, .blocks = blocks, .fd = -1};
	if (!format->null) {
		err = ns_map(ns, bytes);
		if (err)
			return err;
	}
	ns->bytes = bytes;
	ns->exists = true;
	ns_identify(ns, serial, generation);
	return 0;
}

int ns_reformat(struct ns *ns, const struct ns_format *format)
{
	int err = ns_deallocate(ns, 0, ns->bytes);

	ns->format = *format;
	ns->blocks = ns->bytes / ns_footprint(format);
	return err;
}

static int ns_filev(struct ns *ns, uint64_t off, const struct iovec *iov, int n, bool write)
{
	struct iovec part;
	size_t skip = 0;

	while (n) {
		ssize_t got;

		if (skip) {
			part.iov_base = (uint8_t *)iov->iov_base + skip;
			part.iov_len = iov->iov_len - skip;
			got = write ? pwritev(ns->fd, &part, 1, off)
				    : preadv(ns->fd, &part, 1, off);
		} else {
			got = write ? pwritev(ns->fd, iov, n, off) : preadv(ns->fd, iov, n, off);
		}
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return errno == EFAULT ? -EFAULT : -EIO;
		if (!got)
			return -EIO;
		off += got;
		got += skip;
		while (n && (size_t)got >= iov->iov_len) {
			got -= iov->iov_len;
			iov++;
			n--;
		}
		skip = got;
	}
	return 0;
}

int ns_readv(struct ns *ns, uint64_t off, const struct iovec *iov, int n)
{
	if (ns->format.null)
		return 0;
	if (!ns->mem)
		return ns_filev(ns, off, iov, n, false);
	for (int i = 0; i < n; off += iov[i].iov_len, i++)
		memcpy(iov[i].iov_base, ns->mem + off, iov[i].iov_len);
	return 0;
}

int ns_writev(struct ns *ns, uint64_t off, const struct iovec *iov, int n)
{
	if (ns->format.null)
		return 0;
	if (!ns->mem)
		return ns_filev(ns, off, iov, n, true);
	for (int i = 0; i < n; off += iov[i].iov_len, i++)
		memcpy(ns->mem + off, iov[i].iov_base, iov[i].iov_len);
	return 0;
}

int ns_flush(struct ns *ns)
{
	if (ns->fd >= 0 && fdatasync(ns->fd) < 0 && errno != EINVAL)
		return -EIO;
	return 0;
}

int ns_zero(struct ns *ns, uint64_t off, uint64_t len)
{
	static const uint8_t zeroes[65536];

	if (ns->format.null)
		return 0;
	if (ns->mem) {
		memset(ns->mem + off, 0, len);
		return 0;
	}
	while (len) {
		struct iovec iov = {(void *)(uintptr_t)zeroes,
				    len < sizeof(zeroes) ? len : sizeof(zeroes)};
		int err = ns_filev(ns, off, &iov, 1, true);

		if (err)
			return err;
		off += iov.iov_len;
		len -= iov.iov_len;
	}
	return 0;
}

int ns_deallocate(struct ns *ns, uint64_t off, uint64_t len)
{
	uint64_t page = sysconf(_SC_PAGESIZE), first = (off + page - 1) & -page,
		 end = (off + len) & -page;
	int err = 0;

	if (ns->format.null || !len)
		return 0;
	if (!ns->mem) {
		if (!fallocate(ns->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, off, len))
			return 0;
		return ns_zero(ns, off, len);
	}
	if (first >= end)
		return ns_zero(ns, off, len);
	/* Whole pages of private memory that were given back are zeroes when looked at again. */
	if (madvise(ns->mem + first, end - first, MADV_DONTNEED) < 0)
		return ns_zero(ns, off, len);
	err = ns_zero(ns, off, first - off);
	return err ? err : ns_zero(ns, end, off + len - end);
}
