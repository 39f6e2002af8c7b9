/* SPDX-License-Identifier: MIT */
/*
 * Programs' names by pid: what the BPF program told when it first saw one, and /proc for the others.  A program that
 * has ended keeps its name until the slot is wanted for another: that is what names short-lived connections.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "live/conn.h"

#define NAMES_MAX 16384u                /* a power of two; pid by its low bits */

#define RECENT_MAX 1024u
#define RECENT_NS 200000000ull          /* what was read of /proc is good for so long */

struct names {
	struct name { pid_t pid; uint32_t uid; char comm[16]; } slots[NAMES_MAX];
	struct recent { struct name name; uint64_t read; } recent[RECENT_MAX];
};

struct names *names_create(void)
{
	return calloc(1, sizeof(struct names));
}

void names_destroy(struct names *names)
{
	free(names);
}

void names_put(struct names *names, pid_t pid, uint32_t uid, const char comm[16])
{
	struct name *slot = &names->slots[(uint32_t)pid % NAMES_MAX];

	slot->pid = pid;
	slot->uid = uid;
	memcpy(slot->comm, comm, sizeof(slot->comm));
}

static bool proc_read(pid_t pid, struct live_who *who)
{
	char path[40], comm[32] = "";
	struct stat about;
	ssize_t n;
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/comm", (int)pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return false;
	n = read(fd, comm, sizeof(comm) - 1);
	if (fstat(fd, &about) == 0)
		who->uid = about.st_uid;
	close(fd);
	if (n <= 0)
		return false;
	n -= comm[n - 1] == '\n';
	memset(who->comm, 0, sizeof(who->comm));
	memcpy(who->comm, comm, (size_t)n < sizeof(who->comm) - 1 ? (size_t)n : sizeof(who->comm) - 1);
	return true;
}

void names_get(struct names *names, struct live_who *who)
{
	struct name *slot = &names->slots[(uint32_t)who->pid % NAMES_MAX];
	struct recent *recent = &names->recent[(uint32_t)who->pid % RECENT_MAX];
	struct timespec clock;
	uint64_t now;

	if (slot->pid == who->pid) {
		memcpy(who->comm, slot->comm, sizeof(who->comm));
		who->uid = slot->uid;
		return;
	}
	/* Not kept for long: nobody would tell that it has become another program. */
	clock_gettime(CLOCK_MONOTONIC_COARSE, &clock);
	now = (uint64_t)clock.tv_sec * 1000000000u + (uint64_t)clock.tv_nsec;
	if (recent->read == 0 || recent->name.pid != who->pid || now - recent->read > RECENT_NS) {
		if (!proc_read(who->pid, who)) {
			memcpy(who->comm, "?", 2);
			return;
		}
		recent->read = now;
		recent->name.pid = who->pid;
		recent->name.uid = who->uid;
		memcpy(recent->name.comm, who->comm, sizeof(recent->name.comm));
	}
	memcpy(who->comm, recent->name.comm, sizeof(who->comm));
	who->uid = recent->name.uid;
}
