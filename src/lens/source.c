/* SPDX-License-Identifier: MIT */
/* Rows of Linux; see source.h. */
#include "lens/source.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lens/descriptor.h"
#include "lens/holders.h"
#include "lens/holders_bpf.h"
#include "lens/namespace.h"
#include "lens/since.h"
#include "lens/unowned.h"

#define WALK_MIN       2000u            /* sockets: loading a program takes as long as these in /proc */
#define WALK_FILES_MIN 8000u            /* open files of the system: as long as walking over as many in /proc */
#define FIN_TIMEOUT_MS 60000u           /* where it cannot be read */

/* A number of the namespace that this thread is in; `unknown` when there is none. */
uint64_t lens_sysctl(const char *name, uint64_t unknown)
{
	unsigned long long value;
	char path[128];
	FILE *file;

	snprintf(path, sizeof(path), "/proc/sys/net/ipv4/%s", name);
	file = fopen(path, "re");
	if (file == NULL)
		return unknown;
	if (fscanf(file, "%llu", &value) != 1)
		value = unknown;
	fclose(file);
	return value;
}

static int namespace_read(const struct lens_options *options, struct view *view)
{
	uint32_t states = options->states ? options->states : KERNEL_STATES_ALL & ~(1u << KERNEL_BOUND_INACTIVE);
	uint64_t fin_timeout_ms = lens_sysctl("tcp_fin_timeout", FIN_TIMEOUT_MS / 1000) * 1000;
	bool both = options->ipv4 == options->ipv6;
	size_t first = view->count;
	struct diag diag;
	int error = diag_open(&diag, false);

	if (error < 0)
		return error;
	diag.brief = options->brief;
	if (both || options->ipv4)
		error = diag_dump(&diag, 4, states, view);
	if (error == 0 && (both || options->ipv6)) {
		error = diag_dump(&diag, 6, states, view);
		if (error == -ENOENT)
			error = 0;      /* a kernel without IPv6 */
	}
	diag_close(&diag);
	for (size_t i = first; i < view->count; i++)
		since_tell(&view->conns[i], fin_timeout_ms);
	return error;
}

static int namespaces_read(const struct lens_options *options, const char *proc, struct view *view,
			   struct lens_report *report)
{
	struct namespaces namespaces;
	int error;

	error = options->namespace != NULL ? namespaces_open_one(&namespaces, proc, options->namespace) :
					     namespaces_open(&namespaces, proc, options->all_namespaces);
	if (error < 0)
		return error;
	report->namespaces_refused = namespaces.refused;
	for (size_t i = 0; i < namespaces.count; i++) {
		int one = namespace_enter(&namespaces, &namespaces.list[i]);

		if (one == 0)
			one = namespace_read(options, view);
		if (one == 0)
			report->namespaces++;
		else if (options->namespace == NULL && (one == -EPERM || one == -EACCES))
			report->namespaces_refused++;
		else if (error == 0)
			error = one;
		namespace_leave(&namespaces);
	}
	namespaces_close(&namespaces);
	return error;
}

/* Open files of the whole system; 0: not known. */
static uint64_t files_open(void)
{
	FILE *file = fopen("/proc/sys/fs/file-nr", "re");
	unsigned long long count = 0;

	if (file != NULL && fscanf(file, "%llu", &count) != 1)
		count = 0;
	if (file != NULL)
		fclose(file);
	return count;
}

/* From /proc where BPF may not be used, and where it may but few are to be found: that is quicker. */
static int holders_read(struct holders *holders, const struct lens_options *options, size_t sockets)
{
	if ((sockets >= WALK_MIN || files_open() >= WALK_FILES_MIN) && options->proc == NULL &&
	    holders_walk_kernel(holders) == 0)
		return 0;
	return holders_scan(holders, options->proc != NULL ? options->proc : "/proc");
}

static bool owners_wanted(const struct lens_options *options, const struct view *view)
{
	if (!options->owners || options->owners_for == NULL)
		return options->owners;
	for (size_t i = 0; i < view->count; i++) {
		if (view->conns[i].source == VIEW_KERNEL && view->conns[i].inode != 0 &&
		    options->owners_for(options->owners_context, &view->conns[i]))
			return true;
	}
	return false;
}

static void dead_read(const struct lens_options *options, struct holders *holders, const char *proc, struct view *view,
		      struct lens_report *report)
{
	struct descriptor_search search = { .proc = proc, .pid = options->dead_pid, .among = options->dead_among };
	size_t first = view->count;

	descriptors_dead(holders, &search, view);
	report->dead_passed_over = search.passed_over;
	for (size_t i = first; i < view->count; i++)
		holders_fill(holders, &view->conns[i]);
}

int lens_read(const struct lens_options *options, struct view *view, struct lens_report *report)
{
	const char *proc = options->proc != NULL ? options->proc : "/proc";
	struct lens_report unwanted;
	struct holders holders = { 0 };
	bool searched;
	int error;

	report = report != NULL ? report : &unwanted;
	memset(report, 0, sizeof(*report));
	error = namespaces_read(options, proc, view, report);
	if (error < 0)
		return error;
	searched = owners_wanted(options, view);
	if (searched && holders_read(&holders, options, view->count) == 0) {
		for (size_t i = 0; i < view->count; i++)
			holders_fill(&holders, &view->conns[i]);
		report->owners_refused = holders.refused > 0;
		if (options->dead)
			dead_read(options, &holders, proc, view, report);
	}
	unowned_tell(view, searched, holders.refused > 0);
	holders_free(&holders);
	view_sort(view);
	return 0;
}
