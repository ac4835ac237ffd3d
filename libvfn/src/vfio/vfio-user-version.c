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

static const char *json_space(const char *p)
{
	return p + strspn(p, " \t\r\n");
}

/* Behind the string that begins at `p`, or NULL. */
static const char *json_string(const char *p)
{
	if (*p++ != '"')
		return NULL;
	for (; *p != '"'; p++) {
		if (*p == '\\')
			p++;
		if (!*p)
			return NULL;
	}
	return p + 1;
}

/* Behind the value that begins at `p`, or NULL. */
static const char *json_value(const char *p)
{
	unsigned int depth = 0;

	do {
		p = json_space(p);
		if (*p == '"') {
			p = json_string(p);
			if (!p)
				return NULL;
		} else if (*p == '{' || *p == '[') {
			depth++;
			p++;
		} else if ((*p == '}' || *p == ']') && depth) {
			depth--;
			p++;
		} else if ((*p == ',' || *p == ':') && depth) {
			p++;
		} else {
			size_t n = strcspn(p, " \t\r\n,:{}[]\"");

			if (!n)
				return NULL;
			p += n;
		}
	} while (depth);
	return p;
}

/* The value of the member `key` of the object that begins at `p`, or NULL. */
static const char *json_member(const char *p, const char *key)
{
	size_t len = strlen(key);

	if (*p++ != '{')
		return NULL;
	for (;;) {
		const char *name, *end;

		name = json_space(p);
		end = json_string(name);
		if (!end)
			return NULL;
		p = json_space(end);
		if (*p++ != ':')
			return NULL;
		p = json_space(p);
		if ((size_t)(end - name) == len + 2 && !strncmp(name + 1, key, len))
			return p;
		p = json_value(p);
		if (!p)
			return NULL;
		p = json_space(p);
		if (*p++ != ',')
			return NULL;
	}
}

bool vfio_user_json_u64(const char *json, const char *key, uint64_t *v)
{
	const char *p = json_member(json_space(json), "capabilities");
	char *end;

	if (p)
		p = json_member(p, key);
	if (!p || !isdigit((unsigned char)*p))
		return false;
	errno = 0;
	*v = strtoull(p, &end, 10);
	return !errno && *end != '.' && *end != 'e' && *end != 'E';
}

int vfio_user_negotiate(struct vfio_user *vu)
{
	const struct version ours = {VERSION_MAJOR, VERSION_MINOR};
	struct version theirs = {0};
	char json[4097];
	struct vfio_user_call call = {
		.command = VFIO_USER_VERSION,
		.out = &ours,
		.out_len = sizeof(ours),
		.out_data = capabilities,
		.out_data_len = sizeof(capabilities),
		.in = &theirs,
		.in_len = sizeof(theirs),
		.in_data = json,
		.in_data_len = sizeof(json) - 1,
		.trim = true,
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
	json[call.in_data_got] = 0;
	if (vfio_user_json_u64(json, "max_msg_fds", &v))
		vu->max_msg_fds = v < VFIO_USER_FDS_MAX ? (unsigned int)v : VFIO_USER_FDS_MAX;
	if (vfio_user_json_u64(json, "max_data_xfer_size", &v) && v < vu->max_data)
		vu->max_data = (size_t)v;
	if (vfio_user_json_u64(json, "max_dma_maps", &v))
		vu->backend.max_mappings = (size_t)v;
	if (vfio_user_json_u64(json, "pgsizes", &v) && v)
		vu->backend.page_size = v & -v;
	if (vu->max_data < 4)
		return vfio_user_kill(&vu->conn, EPROTO,
				      "the server takes %zu bytes at once, registers have 4",
				      vu->max_data);
	return 0;
}
