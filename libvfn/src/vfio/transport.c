/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "support/fail.h"
#include "vfio/transport.h"

/* In the order in which they are asked for an address. */
static const struct vfio_transport *const transports[] = {
	&vfio_transport_user,
	&vfio_transport_iommufd,
	&vfio_transport_type1,
};

const struct vfio_transport *vfio_transport_test;

static const struct vfio_transport *transport_by_name(const char *name)
{
	if (vfio_transport_test && !strcmp(vfio_transport_test->name, name))
		return vfio_transport_test;
	for (size_t i = 0; i < ARRAY_SIZE(transports); i++) {
		if (!strcmp(transports[i]->name, name))
			return transports[i];
	}
	vfn_fail(EINVAL, "there is no transport '%s'", name);
	return NULL;
}

static const struct vfio_transport *transport_forced;

int vfio_force_transport(const char *name)
{
	const struct vfio_transport *t = name ? transport_by_name(name) : NULL;

	if (name && !t)
		return -1;
	__atomic_store_n(&transport_forced, t, __ATOMIC_RELEASE);
	return 0;
}

/*
 * What is forced, into *forced (NULL: nothing). It must exist, and is used for what it can address
 * only. -1: EINVAL.
 */
static int transport_get_forced(const struct vfio_transport **forced)
{
	const char *name = getenv("VFN_TRANSPORT");

	*forced = __atomic_load_n(&transport_forced, __ATOMIC_ACQUIRE);
	if (*forced || !name || !*name)
		return 0;
	*forced = transport_by_name(name);
	return *forced ? 0 : -1;
}

const struct vfio_transport *vfio_transport_named(const char *name, const char *address,
						  const char **rest)
{
	const struct vfio_transport *t = transport_by_name(name);

	if (t && !t->match(address, rest)) {
		vfn_fail(EINVAL, "'%s' is not a device name for the transport %s", address, name);
		return NULL;
	}
	return t;
}

const struct vfio_transport *vfio_transport_find(const char *address, const char **rest)
{
	const struct vfio_transport *forced;

	if (vfio_transport_test && vfio_transport_test->match(address, rest))
		return vfio_transport_test;
	for (size_t i = 0; i < ARRAY_SIZE(transports); i++) {
		const struct vfio_transport *t = transports[i];

		if (!t->match(address, rest))
			continue;
		if (transport_get_forced(&forced))
			return NULL;
		if (forced) {
			if (forced->match(address, rest))
				return forced;
			t->match(address, rest);
		}
		if (t->usable && !t->usable(*rest))
			continue;
		return t;
	}
	vfn_fail(EINVAL, "'%s' is not a device name: 0000:01:00.0 or vfio-user:/path is", address);
	return NULL;
}
