/* SPDX-License-Identifier: MIT */
/* Whether a connection passes a filter; see filter.h. */
#include <fnmatch.h>
#include <stdlib.h>
#include <string.h>

#include "view/filter_node.h"

enum verdict { NO, MAYBE, YES };

static bool compare(const struct filter_node *node, uint64_t value)
{
	switch (node->operator) {
	case FILTER_EQ: return value == node->number;
	case FILTER_NE: return value != node->number;
	case FILTER_LT: return value < node->number;
	case FILTER_LE: return value <= node->number;
	case FILTER_GT: return value > node->number;
	case FILTER_GE: return value >= node->number;
	}
	return false;
}

/* A number that may be unknown: then no condition on it is met. */
static bool compare_known(const struct filter_node *node, uint64_t value)
{
	return value != VIEW_ABSENT && compare(node, value);
}

static bool address_fits(const struct filter_end *wanted, const struct eleven_address *address)
{
	unsigned bytes = wanted->prefix_bits / 8, bits = wanted->prefix_bits % 8;

	if (memcmp(wanted->address.bytes, address->bytes, bytes) != 0)
		return false;
	return bits == 0 || (wanted->address.bytes[bytes] ^ address->bytes[bytes]) >> (8 - bits) == 0;
}

static bool end_fits(const struct filter_end *wanted, const struct eleven_endpoint *endpoint)
{
	return (wanted->port == 0 || wanted->port == endpoint->port) && address_fits(wanted, &endpoint->address);
}

static bool either_fits(const struct filter_node *node, const struct conn_view *conn)
{
	return (end_fits(&node->ends[0], &conn->local) && end_fits(&node->ends[1], &conn->remote)) ||
	       (end_fits(&node->ends[0], &conn->remote) && end_fits(&node->ends[1], &conn->local));
}

static bool owner_fits(const struct filter_node *node, const struct view_owner *owner)
{
	switch (node->kind) {
	case FILTER_PID: return owner->pid == (pid_t)node->number || owner->tid == (pid_t)node->number;
	case FILTER_FD: return owner->fd == (int)node->number;
	default: return fnmatch(node->text, owner->comm, 0) == 0;
	}
}

/* Any owner is enough; not one of them for !=. */
static bool owners_fit(const struct filter_node *node, const struct conn_view *conn)
{
	bool found = false;

	for (size_t i = 0; i < conn->owner_count && !found; i++)
		found = owner_fits(node, &conn->owners[i]);
	return found == (node->operator == FILTER_EQ);
}

static bool condition_met(const struct filter_node *node, const struct conn_view *conn)
{
	bool equal = node->operator == FILTER_EQ;

	switch (node->kind) {
	case FILTER_SOURCE: return end_fits(&node->ends[0], &conn->local) == equal;
	case FILTER_DESTINATION: return end_fits(&node->ends[0], &conn->remote) == equal;
	case FILTER_EITHER: return either_fits(node, conn);
	case FILTER_SPORT: return compare(node, conn->local.port);
	case FILTER_DPORT: return compare(node, conn->remote.port);
	case FILTER_DEVICE: return compare_known(node, conn->device);
	case FILTER_MARK: return compare_known(node, conn->mark);
	case FILTER_PID:
	case FILTER_COMM:
	case FILTER_FD: return owners_fit(node, conn);
	case FILTER_UID: return compare_known(node, conn->uid);
	case FILTER_NETNS: return compare_known(node, conn->netns);
	case FILTER_HOST: return (strcmp(node->text, conn->host) == 0) == equal;
	case FILTER_AGE: return compare_known(node, conn->age_ns);
	case FILTER_UNREAD: return conn->state != ELEVEN_LISTEN && compare_known(node, conn->recvq);
	case FILTER_UNSENT: return conn->state != ELEVEN_LISTEN && compare_known(node, conn->sendq);
	case FILTER_STATE: return (node->number >> conn->state & 1) != 0;
	case FILTER_AND:
	case FILTER_OR:
	case FILTER_NOT: break;
	}
	return false;
}

static bool is_of_endpoints(const struct filter_node *node)
{
	return node->kind == FILTER_SOURCE || node->kind == FILTER_DESTINATION || node->kind == FILTER_EITHER ||
	       node->kind == FILTER_SPORT || node->kind == FILTER_DPORT || node->kind == FILTER_HOST;
}

static enum verdict judge(const struct filter *filter, int at, const struct conn_view *conn, bool endpoints_only)
{
	const struct filter_node *node = &filter->nodes[at];
	enum verdict left, right;

	switch (node->kind) {
	case FILTER_NOT:
		return YES - judge(filter, node->left, conn, endpoints_only);
	case FILTER_AND:
		left = judge(filter, node->left, conn, endpoints_only);
		right = left == NO ? NO : judge(filter, node->right, conn, endpoints_only);
		return left < right ? left : right;
	case FILTER_OR:
		left = judge(filter, node->left, conn, endpoints_only);
		right = left == YES ? YES : judge(filter, node->right, conn, endpoints_only);
		return left > right ? left : right;
	default:
		if (endpoints_only && !is_of_endpoints(node))
			return MAYBE;
		return condition_met(node, conn) ? YES : NO;
	}
}

bool filter_takes(const struct filter *filter, const struct conn_view *conn)
{
	if (!(filter->states >> conn->state & 1))
		return false;
	return filter->root < 0 || judge(filter, filter->root, conn, false) == YES;
}

bool filter_may_take(const struct filter *filter, const struct conn_view *conn)
{
	return filter->root < 0 || judge(filter, filter->root, conn, true) != NO;
}

uint32_t filter_states(const struct filter *filter)
{
	return filter->states;
}

bool filter_has_state(const struct filter *filter)
{
	return filter->has_state;
}

bool filter_is_empty(const struct filter *filter)
{
	return filter->root < 0 && !filter->has_state;
}

bool filter_endpoint(const struct filter *filter, struct eleven_endpoint *endpoint)
{
	const struct filter_node *node = &filter->nodes[0];

	if (filter->count != 1 || node->kind != FILTER_EITHER || node->ends[1].port != 0 ||
	    node->ends[1].prefix_bits != 0 || (node->ends[0].prefix_bits != 0 && node->ends[0].prefix_bits != 128))
		return false;
	endpoint->address = node->ends[0].address;
	endpoint->port = node->ends[0].port;
	return true;
}

bool filter_needs_ages(const struct filter *filter)
{
	for (int i = 0; i < filter->count; i++) {
		if (filter->nodes[i].kind == FILTER_AGE)
			return true;
	}
	return false;
}

bool filter_needs_owners(const struct filter *filter)
{
	for (int i = 0; i < filter->count; i++) {
		enum filter_kind kind = filter->nodes[i].kind;

		if (kind == FILTER_PID || kind == FILTER_COMM || kind == FILTER_FD)
			return true;
	}
	return false;
}

void filter_free(struct filter *filter)
{
	free(filter);
}
