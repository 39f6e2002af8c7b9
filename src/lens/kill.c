/* SPDX-License-Identifier: MIT */
/* Resetting; see kill.h. One visit to each namespace. */
#include "lens/kill.h"

#include <errno.h>
#include <stdbool.h>

#include "lens/diag.h"
#include "lens/namespace.h"

static bool wants(const struct namespace *namespace, struct conn_view *const *rows, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		if (rows[i]->source == VIEW_KERNEL && rows[i]->netns == namespace->inode)
			return true;
	}
	return false;
}

static void namespace_kill(const struct namespace *namespace, struct conn_view *const *rows, size_t count, int refused,
			   kill_fn *fn, void *context)
{
	struct diag diag;
	int error = refused ? refused : diag_open(&diag, false);

	for (size_t i = 0; i < count; i++) {
		if (rows[i]->source == VIEW_KERNEL && rows[i]->netns == namespace->inode)
			fn(context, rows[i], error < 0 ? error : diag_destroy(&diag, rows[i]));
	}
	if (error == 0)
		diag_close(&diag);
}

int kill_connections(struct conn_view *const *rows, size_t count, kill_fn *fn, void *context)
{
	struct namespaces namespaces;
	int error = namespaces_open(&namespaces, "/proc", true);

	if (error < 0)
		return error;
	for (size_t i = 0; i < namespaces.count; i++) {
		const struct namespace *namespace = &namespaces.list[i];

		if (!wants(namespace, rows, count))
			continue;
		namespace_kill(namespace, rows, count, namespace_enter(&namespaces, namespace), fn, context);
		namespace_leave(&namespaces);
	}
	namespaces_close(&namespaces);
	return 0;
}
