/* SPDX-License-Identifier: MIT */
/* Network namespaces; see namespace.h. */
#include "lens/namespace.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <linux/magic.h>

#include "base/check.h"

#define PATH_BYTES 512
static const char *const named[] = { "/run/netns", "/var/run/netns" };

uint64_t namespace_inode(const char *path)
{
	struct stat about;

	return stat(path, &about) == 0 ? about.st_ino : 0;
}

/* Adds the namespace at `path`, unless it is there already. 0 or -errno. */
static int add(struct namespaces *namespaces, const char *path)
{
	struct statfs about;
	uint64_t inode;
	int fd;

	inode = namespace_inode(path);
	if (inode == 0)
		return -errno;
	for (size_t i = 0; i < namespaces->count; i++) {
		if (namespaces->list[i].inode == inode)
			return 0;
	}
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	if (fstatfs(fd, &about) < 0 || about.f_type != NSFS_MAGIC) {
		close(fd);              /* a file left over in the folder of names */
		return -EINVAL;
	}
	if (namespaces->count == namespaces->room) {
		namespaces->room = namespaces->room ? 2 * namespaces->room : 16;
		namespaces->list = realloc(namespaces->list, namespaces->room * sizeof(*namespaces->list));
		CHECK(namespaces->list != NULL);
	}
	namespaces->list[namespaces->count++] = (struct namespace){ inode, fd };
	return 0;
}

/* A process that has ended and not been waited for has no namespace to show, and no program either. */
static bool is_refused(const char *folder, const char *name)
{
	char path[PATH_BYTES], target[1];

	snprintf(path, sizeof(path), "%s/%s/exe", folder, name);
	return readlink(path, target, sizeof(target)) < 0 && errno == EACCES;
}

static void add_folder(struct namespaces *namespaces, const char *folder, const char *rest, bool numbers)
{
	DIR *dir = opendir(folder);
	struct dirent *entry;

	while (dir != NULL && (entry = readdir(dir)) != NULL) {
		char path[PATH_BYTES];
		bool number = entry->d_name[0] >= '0' && entry->d_name[0] <= '9';
		int error;

		if (entry->d_name[0] == '.' || (numbers && !number))
			continue;
		snprintf(path, sizeof(path), "%s/%s%s", folder, entry->d_name, rest);
		error = add(namespaces, path);
		namespaces->refused += error == -EACCES && is_refused(folder, entry->d_name);
	}
	if (dir != NULL)
		closedir(dir);
}

static int home_open(struct namespaces *namespaces, const char *proc)
{
	char path[PATH_BYTES];

	memset(namespaces, 0, sizeof(*namespaces));
	snprintf(path, sizeof(path), "%s/self/ns/net", proc);
	namespaces->home = open(path, O_RDONLY | O_CLOEXEC);
	return namespaces->home < 0 ? -errno : 0;
}

int namespaces_open(struct namespaces *namespaces, const char *proc, bool all)
{
	char path[PATH_BYTES];
	int error = home_open(namespaces, proc);

	if (error < 0)
		return error;
	snprintf(path, sizeof(path), "%s/self/ns/net", proc);
	error = add(namespaces, path);
	if (error < 0) {
		namespaces_close(namespaces);
		return error;
	}
	if (all) {
		add_folder(namespaces, proc, "/ns/net", true);
		for (size_t i = 0; i < sizeof(named) / sizeof(named[0]); i++)
			add_folder(namespaces, named[i], "", false);
	}
	return 0;
}

int namespaces_open_one(struct namespaces *namespaces, const char *proc, const char *name)
{
	char path[PATH_BYTES];
	int error = home_open(namespaces, proc);

	if (error < 0)
		return error;
	error = -ENOENT;
	if (strchr(name, '/') != NULL) {
		error = add(namespaces, name);
	} else if (name[0] != '\0' && name[0] != '.') {
		for (size_t i = 0; i < sizeof(named) / sizeof(named[0]) && error == -ENOENT; i++) {
			snprintf(path, sizeof(path), "%s/%s", named[i], name);
			error = add(namespaces, path);
		}
		if (error == -ENOENT && name[strspn(name, "0123456789")] == '\0') {
			snprintf(path, sizeof(path), "%s/%s/ns/net", proc, name);
			error = add(namespaces, path);
		}
	}
	if (error < 0)
		namespaces_close(namespaces);
	return error;
}

uint64_t namespace_named(const char *proc, const char *name)
{
	struct namespaces one;
	uint64_t inode;

	if (namespaces_open_one(&one, proc, name) < 0)
		return 0;
	inode = one.list[0].inode;
	namespaces_close(&one);
	return inode;
}

void namespaces_close(struct namespaces *namespaces)
{
	for (size_t i = 0; i < namespaces->count; i++)
		close(namespaces->list[i].fd);
	free(namespaces->list);
	close(namespaces->home);
	memset(namespaces, 0, sizeof(*namespaces));
}

int namespace_enter(const struct namespaces *namespaces, const struct namespace *namespace)
{
	struct stat about;

	if (fstat(namespaces->home, &about) == 0 && about.st_ino == namespace->inode)
		return 0;
	return setns(namespace->fd, CLONE_NEWNET) < 0 ? -errno : 0;
}

void namespace_leave(const struct namespaces *namespaces)
{
	struct stat home, here;

	if (fstat(namespaces->home, &home) == 0 && stat("/proc/thread-self/ns/net", &here) == 0 &&
	    home.st_ino == here.st_ino)
		return;
	CHECK(setns(namespaces->home, CLONE_NEWNET) == 0);
}

bool namespace_pid_is_first(void)
{
	return namespace_inode("/proc/self/ns/pid") == 0xEFFFFFFCu;     /* PROC_PID_INIT_INO */
}
