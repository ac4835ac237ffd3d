/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The first exchange on a connection: protocol version and capabilities.
 */
#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "support/fail.h"
#include "vfio/vfio-user.h"

#define VERSION_MAJOR 0
#define VERSION_MINOR 1

static const char capabilities[] =
	"{\"capabilities\":{\"max_msg_fds\":16,\"max_data_xfer_size\":1048576}}";

struct version {
	uint16_t major, minor;
};

bool vfio_user_json_u64(const char *json, const char *key, uint64_t *v)
{
	size_t n = strlen(key);

	for (const char *p = json; (p = strstr(p, key)); p += n) {
		const char *q = p + n;
		char *end;

		if (p == json || p[-1] != '"' || *q++ != '"')
			continue;
		q += strspn(q, " \t\r\n");
		if (*q++ != ':')
			continue;
		q += strspn(q, " \t\r\n");
		if (!isdigit((unsigned char)*q))
			return false;
		errno = 0;
		*v = strtoull(q, &end, 10);
		return !errno && *end != '.' && *end != 'e' && *end != 'E';
	}
	return false;
}

int vfio_user_negotiate(struct vfio_user *vu)
{
	const struct version ours = {VERSION_MAJOR, VERSION_MINOR};
	struct version theirs = {0};
	char json[4096];
	struct vfio_user_call call = {
		.command = VFIO_USER_VERSION,
		.out = &ours,
		.out_len = sizeof(ours),
		.out_data = capabilities,
		.out_data_len = sizeof(capabilities),
		.in = &theirs,
		.in_len = sizeof(theirs),
		.in_data = json,
		.in_data_len = sizeof(json),
	};
	uint64_t v;

	if (vfio_user_call(&vu->conn, &call)) {
		if (errno == ETIMEDOUT)
			return vfn_fail(ETIMEDOUT,
					"vfio-user:%s: the server accepted but does not answer; it "
					"may be serving another client",
					vu->conn.name);
		return -1;
	}
	if (theirs.major != VERSION_MAJOR || theirs.minor > VERSION_MINOR)
		return vfio_user_kill(&vu->conn, EPROTO,
				      "the server speaks version %u.%u, %u.%u was offered",
				      theirs.major, theirs.minor, VERSION_MAJOR, VERSION_MINOR);
	if (!call.in_data_got)
		return 0;
	if (json[call.in_data_got - 1])
		return vfio_user_kill(&vu->conn, EPROTO, "the server's capabilities do not end");
	if (vfio_user_json_u64(json, "max_msg_fds", &v))
		vu->max_msg_fds = v < VFIO_USER_FDS_MAX ? (unsigned int)v : VFIO_USER_FDS_MAX;
	if (vfio_user_json_u64(json, "max_data_xfer_size", &v) && v < vu->max_data)
		vu->max_data = (size_t)v;
	if (vfio_user_json_u64(json, "max_dma_maps", &v))
		vu->backend.max_mappings = (size_t)v;
	if (vfio_user_json_u64(json, "pgsizes", &v) && v)
		vu->backend.page_size = v & -v;
	if (vu->max_data < 8)
		return vfio_user_kill(&vu->conn, EPROTO,
				      "the server takes %zu bytes at once, registers have 8",
				      vu->max_data);
	return 0;
}
