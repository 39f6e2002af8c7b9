/* SPDX-License-Identifier: MIT */
/* Rows of connections: made, sorted, matched; see view.h. */
#include "view/view.h"

#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "view/text.h"

void conn_view_init(struct conn_view *conn)
{
	uint64_t *figure = (uint64_t *)&conn->info;

	memset(conn, 0, sizeof(*conn));
	for (size_t i = 0; i < sizeof(conn->info) / sizeof(*figure); i++)
		figure[i] = VIEW_ABSENT;
	conn->timer.resent = VIEW_ABSENT;
	conn->timer.probed = VIEW_ABSENT;
	conn->family = 4;
	conn->netns = VIEW_ABSENT;
	conn->previous = ELEVEN_STATES;
	conn->age_ns = VIEW_ABSENT;
	conn->opened_ns = VIEW_ABSENT;
	conn->recvq = VIEW_ABSENT;
	conn->sendq = VIEW_ABSENT;
	conn->backlog = VIEW_ABSENT;
	conn->uid = VIEW_ABSENT;
	conn->device = VIEW_ABSENT;
	conn->mark = VIEW_ABSENT;
}

struct conn_view *view_add(struct view *view)
{
	if (view->count == view->room) {
		view->room = view->room ? 2 * view->room : 64;
		view->conns = realloc(view->conns, view->room * sizeof(*view->conns));
		CHECK(view->conns != NULL);
	}
	conn_view_init(&view->conns[view->count]);
	return &view->conns[view->count++];
}

void conn_view_free(struct conn_view *conn)
{
	free(conn->owners);
	free(conn->unowned);
	free(conn->kernel);
	conn_view_init(conn);
}

void view_free(struct view *view)
{
	for (size_t i = 0; i < view->count; i++)
		conn_view_free(&view->conns[i]);
	free(view->conns);
	memset(view, 0, sizeof(*view));
}

static int endpoint_compare(const struct eleven_endpoint *a, const struct eleven_endpoint *b)
{
	int order = memcmp(&a->address, &b->address, sizeof(a->address));

	return order ? order : (a->port > b->port) - (a->port < b->port);
}

static int conn_compare(const void *left, const void *right)
{
	const struct conn_view *a = left, *b = right;
	int order = (b->state == ELEVEN_LISTEN) - (a->state == ELEVEN_LISTEN);

	if (!order)
		order = endpoint_compare(&a->local, &b->local);
	if (!order)
		order = endpoint_compare(&a->remote, &b->remote);
	if (!order)
		order = strcmp(a->host, b->host);
	return order ? order : (a->cookie > b->cookie) - (a->cookie < b->cookie);
}

void view_sort(struct view *view)
{
	if (view->count > 0)
		qsort(view->conns, view->count, sizeof(*view->conns), conn_compare);
}

bool conn_view_sub(const struct conn_view *conn, uint32_t bit)
{
	return (conn->sub & bit) != 0;
}

static int ends_compare(const void *left, const void *right)
{
	const struct conn_view *a = left, *b = right;
	int order = (b->state == ELEVEN_LISTEN) - (a->state == ELEVEN_LISTEN);

	if (!order)
		order = endpoint_compare(&a->local, &b->local);
	return order ? order : endpoint_compare(&a->remote, &b->remote);
}

const struct conn_view *view_other_end(const struct view *view, const struct conn_view *conn)
{
	struct conn_view key = { .state = ELEVEN_ESTABLISHED, .local = conn->remote, .remote = conn->local };
	const struct conn_view *other;

	if (view->count == 0 || conn->state == ELEVEN_LISTEN)
		return NULL;
	other = bsearch(&key, view->conns, view->count, sizeof(*view->conns), ends_compare);
	return other == conn ? NULL : other;
}

/* ---------------------------------------------------------------- filters */

void view_filter_init(struct view_filter *filter)
{
	memset(filter, 0, sizeof(*filter));
	filter->state = ELEVEN_STATES;
}

bool view_filter_parse(struct view_filter *filter, const char *word)
{
	char part[2 * TEXT_ENDPOINT_MAX];
	char *dash;

	if (text_state_parse(&filter->state, word))
		return true;
	if (strlen(word) >= sizeof(part))
		return false;
	strcpy(part, word);
	dash = strchr(part, '-');
	if (dash != NULL)
		*dash = '\0';
	return text_endpoint_parse(&filter->one, part) &&
	       (dash == NULL || text_endpoint_parse(&filter->other, dash + 1));
}

/* An endpoint of a filter: what is left open fits all. */
static bool endpoint_fits(const struct eleven_endpoint *wanted, const struct eleven_endpoint *endpoint)
{
	if (wanted->port != 0 && wanted->port != endpoint->port)
		return false;
	return text_address_is_any(&wanted->address) ||
	       memcmp(&wanted->address, &endpoint->address, sizeof(wanted->address)) == 0;
}

bool view_filter_endpoints(const struct view_filter *filter, const char *host, const struct eleven_endpoint *local,
			   const struct eleven_endpoint *remote)
{
	if (filter->host[0] != '\0' && strcmp(filter->host, host) != 0)
		return false;
	return (endpoint_fits(&filter->one, local) && endpoint_fits(&filter->other, remote)) ||
	       (endpoint_fits(&filter->one, remote) && endpoint_fits(&filter->other, local));
}

bool view_filter_conn(const struct view_filter *filter, const struct conn_view *conn)
{
	if (filter->state != ELEVEN_STATES && filter->state != conn->state)
		return false;
	return view_filter_endpoints(filter, conn->host, &conn->local, &conn->remote);
}
