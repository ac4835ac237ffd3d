/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/bind/bind.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <spawn.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <vfn/pci.h>
#include <vfn/support.h>

#include "libvfn/src/pci/sysfs.h"

#define BIND_NONE "none" /* noted of a device without a driver */

static int bind_modprobe(void);

const char *bind_notes = "/run/vfnd-bind";
int (*bind_load)(void) = bind_modprobe;

__attribute__((format(printf, 2, 3))) static int bind_fail(const char *bdf, const char *fmt, ...)
{
	va_list ap;

	fprintf(stderr, "vfnd-bind: %s: ", bdf);
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fputc('\n', stderr);
	return -1;
}

/* libvfn's texts name the device. */
static int bind_fail_vfn(void)
{
	fprintf(stderr, "vfnd-bind: %s\n", vfn_error());
	return -1;
}

/* A fixed program with a fixed environment: nothing of the caller's counts. */
static int bind_modprobe(void)
{
	char name[] = "modprobe", driver[] = BIND_DRIVER, path[] = "PATH=/usr/sbin:/sbin:/usr/bin:/bin";
	char *argv[] = {name, driver, NULL}, *env[] = {path, NULL};
	int status;
	pid_t pid;

	if (posix_spawn(&pid, "/sbin/modprobe", NULL, NULL, argv, env) != 0 || waitpid(pid, &status, 0) < 0)
		return -1;
	return status == 0 ? 0 : -1;
}

/* ---- what a device had -------------------------------------------------------------------- */

static int bind_note_path(char *path, size_t size, const char *bdf)
{
	return snprintf(path, size, "%s/%s", bind_notes, bdf) < (int)size ? 0 : -1;
}

/* The folder is made at need. One that somebody else could write to is not believed. */
static int bind_note_folder(const char *bdf)
{
	struct stat st;

	if (mkdir(bind_notes, 0755) < 0 && errno != EEXIST)
		return bind_fail(bdf, "%s cannot be made: %s", bind_notes, strerror(errno));
	if (lstat(bind_notes, &st) < 0 || !S_ISDIR(st.st_mode) || st.st_uid != geteuid() ||
	    (st.st_mode & 022))
		return bind_fail(bdf, "%s is not a folder that only root may write to", bind_notes);
	return 0;
}

/* A device that is given twice keeps what was noted first. */
static int bind_note(const char *bdf, const char *driver)
{
	char path[PATH_MAX];
	ssize_t n;
	int fd;

	if (bind_note_folder(bdf) < 0 || bind_note_path(path, sizeof(path), bdf) < 0)
		return -1;
	unlink(path);
	fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0644);
	if (fd < 0)
		return bind_fail(bdf, "%s: %s", path, strerror(errno));
	n = write(fd, driver, strlen(driver));
	close(fd);
	if (n == (ssize_t)strlen(driver))
		return 0;
	unlink(path);
	return bind_fail(bdf, "%s cannot be written", path);
}

/* What was noted into `driver`; "" where nothing was. */
static void bind_noted(const char *bdf, char *driver, size_t size)
{
	char path[PATH_MAX];
	struct stat st;
	ssize_t n;
	int fd;

	*driver = '\0';
	if (lstat(bind_notes, &st) < 0 || !S_ISDIR(st.st_mode) || st.st_uid != geteuid() ||
	    (st.st_mode & 022) || bind_note_path(path, sizeof(path), bdf) < 0)
		return;
	fd = open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return;
	n = read(fd, driver, size - 1);
	close(fd);
	driver[n > 0 ? n : 0] = '\0';
	driver[strcspn(driver, "\n")] = '\0';
}

static void bind_forget(const char *bdf)
{
	char path[PATH_MAX];

	if (bind_note_path(path, sizeof(path), bdf) == 0)
		unlink(path);
}

/* ---- devices ------------------------------------------------------------------------------- */

/* The driver's name, or "none"; NULL where there is no such device. */
static char *bind_driver(const char *bdf)
{
	char *driver = pci_get_driver(bdf);

	if (!driver && errno == ENOENT)
		driver = strdup(BIND_NONE);
	if (!driver)
		bind_fail_vfn();
	return driver;
}

/* The group's number, for messages and sysfs; NULL, with a message, where there is none. */
static char *bind_group(const char *bdf)
{
	char *path = pci_get_iommu_group(bdf), *number = NULL;

	if (path)
		number = strdup(strrchr(path, '/') + 1);
	else
		bind_fail_vfn();
	free(path);
	return number;
}

/* Others of the group whose drivers keep VFIO from all of it. */
static int bind_group_usable(const char *bdf, const char *group)
{
	char others[1024];
	int n = pci_group_offenders(group, others, sizeof(others));

	if (n < 0)
		return bind_fail_vfn();
	if (n > 0)
		return bind_fail(bdf, "IOMMU group %s cannot be used: %s. The devices of a group reach each other's "
				      "memory, so the kernel hands out all of them or none: give these to "
				      BIND_DRIVER ", too, or unbind them from their driver", group, others);
	return 0;
}

/* Puts it back where it was, as well as that goes. The driver that it has then, or NULL. */
static char *bind_put(const char *bdf, const char *driver)
{
	char *now;

	if (pci_unbind(bdf) < 0 || pci_driver_override(bdf, NULL) < 0) {
		bind_fail_vfn();
		return NULL;
	}
	if (strcmp(driver, BIND_NONE) == 0)
		return strdup(BIND_NONE);
	/* The kernel finds the device's own driver; another one has to be named, but not for ever. */
	if (pci_driver_probe(bdf) < 0)
		bind_fail_vfn();
	now = pci_get_driver(bdf);
	if (*driver && (!now || strcmp(now, driver) != 0)) {
		free(now);
		if (pci_bind(bdf, driver) < 0)
			bind_fail_vfn();
		pci_driver_override(bdf, NULL);
		now = pci_get_driver(bdf);
	}
	return now ? now : strdup(BIND_NONE);
}

static int bind_take(const char *bdf, const char *from)
{
	int ret = pci_bind(bdf, BIND_DRIVER);

	/* It found no such driver, and has changed nothing. */
	if (ret < 0 && errno == ENOENT && bind_load() == 0)
		ret = pci_bind(bdf, BIND_DRIVER);
	if (ret == 0)
		return 0;
	bind_fail_vfn();
	free(bind_put(bdf, from));
	bind_forget(bdf);
	return -1;
}

int bind_give(const char *bdf, bool force)
{
	char *driver = bind_driver(bdf), *group = driver ? bind_group(bdf) : NULL, what[1200];
	int ret = -1;

	if (!group)
		goto out;
	if (pci_driver_is_vfio(driver)) {
		printf("%s: has %s already\n", bdf, driver);
		ret = bind_group_usable(bdf, group);
		goto out;
	}
	if (!force && busy_find(bdf, what, sizeof(what))) {
		bind_fail(bdf, "%s is on it: unmount it first, or use --force", what);
		goto out;
	}
	if (bind_note(bdf, driver) < 0 || bind_take(bdf, driver) < 0)
		goto out;
	printf("%s: was with %s, has %s now, group %s\n", bdf, driver, BIND_DRIVER, group);
	ret = bind_group_usable(bdf, group);
out:
	free(group);
	free(driver);
	return ret;
}

int bind_return(const char *bdf)
{
	char *driver = bind_driver(bdf), *now, noted[128];
	int ret = 0;

	if (!driver)
		return -1;
	bind_noted(bdf, noted, sizeof(noted));
	if (!pci_driver_is_vfio(driver)) {
		printf("%s: is with %s, not with VFIO\n", bdf, driver);
		bind_forget(bdf);
		free(driver);
		return 0;
	}
	now = bind_put(bdf, noted);
	if (!now) {
		ret = -1;
	} else if (*noted && strcmp(now, noted) != 0) {
		ret = bind_fail(bdf, "was with %s, but that did not take it back: it is with %s", noted, now);
	} else {
		printf("%s: was with %s, is with %s now\n", bdf, driver, now);
		bind_forget(bdf);
	}
	free(now);
	free(driver);
	return ret;
}

int bind_status(const char *bdf)
{
	char *driver = bind_driver(bdf), *group = driver ? bind_group(bdf) : NULL, noted[128];
	int ret = -1;

	if (group) {
		bind_noted(bdf, noted, sizeof(noted));
		printf("%s: is with %s%s%s%s, group %s\n", bdf, driver, *noted ? " (was with " : "", noted,
		       *noted ? ")" : "", group);
		ret = bind_group_usable(bdf, group);
		if (ret == 0 && !pci_driver_is_vfio(driver))
			ret = -1;
	}
	free(group);
	free(driver);
	return ret;
}
