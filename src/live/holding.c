/* SPDX-License-Identifier: MIT */
/* Owners by inode; see holding.h. */
#include "live/holding.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "lens/holders.h"

#define COST_FACTOR 20          /* after looking for t, 20 t without */
#define PROGRAMS_MAX 16         /* looked into one by one before all are */

static uint64_t clock_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static bool wanting(const struct live_change *change)
{
	return change->who.how != LIVE_HOW_PROC && !(change->who.how == LIVE_HOW_CALL && change->who.fd >= 0);
}

static void found(struct live_change *change, const struct live_who *who)
{
	if (!wanting(change)) {
		change->others++;
		return;
	}
	if (change->who.how == LIVE_HOW_CALL && change->who.pid == who->pid) {
		change->who.fd = who->fd;
		return;
	}
	change->who = *who;
	change->others = 0;
}

/* One program's descriptors against all changes that lack an owner. */
static void program_look(pid_t pid, struct live_change **changes, size_t count)
{
	struct live_who who = { .how = LIVE_HOW_PROC, .pid = pid, .fd = -1, .uid = UINT32_MAX };
	const struct live_change *like = NULL;
	struct dirent *entry;
	char path[40];
	DIR *folder;

	for (size_t i = 0; i < count && like == NULL; i++)
		if (changes[i]->who.pid == pid)
			like = changes[i];
	if (like != NULL) {
		memcpy(who.comm, like->who.comm, sizeof(who.comm));
		who.uid = like->who.uid;
	}
	snprintf(path, sizeof(path), "/proc/%d/fd", (int)pid);
	folder = opendir(path);
	while (folder != NULL && (entry = readdir(folder)) != NULL) {
		unsigned long long inode;
		char target[64];
		ssize_t n = readlinkat(dirfd(folder), entry->d_name, target, sizeof(target) - 1);

		target[n > 0 ? n : 0] = '\0';
		if (sscanf(target, "socket:[%llu]", &inode) != 1)
			continue;
		who.fd = atoi(entry->d_name);
		for (size_t i = 0; i < count; i++)
			if (changes[i]->inode == inode)
				found(changes[i], &who);
	}
	if (folder != NULL)
		closedir(folder);
}

/* Programs that are the likeliest: those of listeners and callers. */
static void likely_look(struct live_change **changes, size_t count)
{
	pid_t looked[PROGRAMS_MAX];
	unsigned n = 0;

	for (size_t i = 0; i < count && n < PROGRAMS_MAX; i++) {
		bool done = changes[i]->who.pid == 0 || !wanting(changes[i]);

		for (unsigned k = 0; k < n && !done; k++)
			done = looked[k] == changes[i]->who.pid;
		if (done)
			continue;
		looked[n++] = changes[i]->who.pid;
		program_look(changes[i]->who.pid, changes, count);
	}
}

static void all_look(struct holding *holding, struct live_change **changes, size_t count)
{
	struct holders holders = { 0 };

	if (holders_scan(&holders, "/proc") < 0)
		return;
	holding->refused |= holders.refused > 0;
	for (size_t i = 0; i < count; i++) {
		const struct holder *holder = wanting(changes[i]) ? holders_find(&holders, changes[i]->inode) : NULL;

		for (; holder != NULL; holder = holders_next(&holders, holder)) {
			const struct holder_process *process = &holders.processes[holder->process];
			struct live_who who = { .how = LIVE_HOW_PROC, .pid = process->pid, .fd = holder->fd,
						.uid = process->uid };

			memcpy(who.comm, process->comm, sizeof(who.comm) - 1);
			found(changes[i], &who);
		}
	}
	holders_free(&holders);
}

void holding_fill(struct holding *holding, struct live_change **changes, size_t count)
{
	uint64_t begun = clock_ns();
	bool left = false;

	if (begun >= holding->next_one) {
		likely_look(changes, count);
		holding->next_one = begun + COST_FACTOR * (clock_ns() - begun);
	}
	for (size_t i = 0; i < count; i++)
		left |= wanting(changes[i]);
	begun = clock_ns();
	if (left && begun >= holding->next) {
		all_look(holding, changes, count);
		holding->next = begun + COST_FACTOR * (clock_ns() - begun);
	}
}
