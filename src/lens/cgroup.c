/* SPDX-License-Identifier: MIT */
/* Control groups; see cgroup.h. */
#include "lens/cgroup.h"

#include <fcntl.h>
#include <limits.h>
#include <mntent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/check.h"
#include "view/text.h"

#define HANDLE_BYTES 8          /* of a kernfs file: its number */
#define HANDLE_TYPE  1

/* The folder at which version 2 is mounted, open; -1: nowhere. */
static int mount_open(char path[PATH_MAX])
{
	FILE *mounts = setmntent("/proc/mounts", "re");
	struct mntent entry, *found;
	char line[PATH_MAX + 512];
	int fd = -1;

	while (mounts != NULL && fd < 0 && (found = getmntent_r(mounts, &entry, line, sizeof(line))) != NULL) {
		if (strcmp(found->mnt_type, "cgroup2") == 0) {
			snprintf(path, PATH_MAX, "%s", found->mnt_dir);
			fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		}
	}
	if (mounts != NULL)
		endmntent(mounts);
	return fd;
}

const char *cgroup_path(char out[CGROUP_PATH_MAX], uint64_t number)
{
	struct file_handle *handle = calloc(1, sizeof(*handle) + HANDLE_BYTES);
	char mount_path[PATH_MAX], link[64], path[PATH_MAX];
	int mount_fd = mount_open(mount_path), fd = -1;
	ssize_t n = -1;

	CHECK(handle != NULL);
	handle->handle_bytes = HANDLE_BYTES;
	handle->handle_type = HANDLE_TYPE;
	memcpy(handle->f_handle, &number, HANDLE_BYTES);
	if (mount_fd >= 0)
		fd = open_by_handle_at(mount_fd, handle, O_PATH | O_CLOEXEC);
	if (fd >= 0) {
		snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
		n = readlink(link, path, sizeof(path) - 1);
	}
	if (n > 0 && strncmp(path, mount_path, strlen(mount_path)) == 0) {
		size_t skip = strlen(mount_path);

		path[n] = '\0';
		text_escape(out, CGROUP_PATH_MAX, path[skip] != '\0' ? path + skip : "/", PATH_MAX);
	} else {
		snprintf(out, CGROUP_PATH_MAX, "unreachable:%llx", (unsigned long long)number);
	}
	if (fd >= 0)
		close(fd);
	if (mount_fd >= 0)
		close(mount_fd);
	free(handle);
	return out;
}
