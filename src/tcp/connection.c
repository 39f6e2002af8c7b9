/* SPDX-License-Identifier: MIT */
/* TCBs, tables and lists; see connection.h.  Assigns no state: state.c does. */
#include "tcp/connection.h"

#include "base/bytes.h"
#include "tcp/auth.h"
#include "tcp/record.h"

#include "tcp/port.h"
#include "tcp/recovery.h"
#include "tcp/timer.h"

struct tcb *tcb_create(struct tcp *tcp)
{
	struct tcb *tcb = pool_take(&tcp->tcbs);
	uint32_t generation;

	if (tcb == NULL)
		return NULL;
	generation = tcb->generation + 1;
	memset(tcb, 0, sizeof(*tcb));
	tcb->generation = generation ? generation : 1;
	tcb->kind = KIND_TCB;
	tcb_defaults(tcp, tcb);
	return tcb;
}

void tcb_defaults(struct tcp *tcp, struct tcb *tcb)
{
	const struct eleven_config *config = &tcp->config;
	struct rtt_bounds bounds = { config->rto_initial, config->rto_least, config->rto_most,
				     config->rto_margin_least };

	tcb->reassembly = tcb->cold = NONE;
	tcb->listener = NONE;
	tcb->queue_head = tcb->queue_tail = tcb->queue_next = NONE;
	tcb->ready_next = tcb->signal_next = NONE;
	for (unsigned i = 0; i < SLOTS; i++)
		tcb->deadline[i] = TIME_NEVER;
	rtt_init(&tcb->rtt, &bounds);
	scoreboard_init(&tcb->sb);
	tcb->congestion = (uint8_t)config->congestion;
	tcb->nodelay = !config->nagle;
	tcb->keepalive_probes = (uint8_t)config->keepalive_probes_max;
	tcb->keepalive_idle = config->keepalive_idle;
	tcb->keepalive_interval = config->keepalive_interval;
	tcb->user_timeout = config->user_timeout;
	tcb->fin_wait_2 = config->fin_wait_2_timeout;
	tcb->syn_retries = (uint8_t)config->syn_retries_max;
	tcb->send_buffer = (uint32_t)config->send_buffer;
	tcb->receive_buffer = (uint32_t)config->receive_buffer;
	tcb->quick_acks = (uint8_t)config->quick_acks;
	tcb->opened = tcb->since = tcp->now;
}

/* A dead TCB still in a list goes back to the pool when the list comes to it. */
static void tcb_release(struct tcp *tcp, struct tcb *tcb)
{
	if (tcb->kind == 0 && !tcb->ready && !tcb->signalled)
		pool_give(&tcp->tcbs, tcb);
}

void tcb_destroy(struct tcp *tcp, struct tcb *tcb)
{
	CHECK(tcb->kind == KIND_TCB && tcb->queue_count == 0);
	if (tcb->queued)
		queue_remove(tcp, tcb);
	timer_disarm_all(tcp, tcb);
	connection_remove(tcp, tcb);
	port_unbind(tcp, tcb);
	reassembly_release(tcp, tcb);
	cold_release(tcp, tcb);
	recovery_end(tcp, tcb);
	if (tcb->auth)
		auth_release(tcp, tcb);
	ring_release(&tcb->send_ring, &tcp->buffers);
	ring_release(&tcb->receive_ring, &tcp->buffers);
	tcb->held = false;
	tcb->kind = 0;
	tcb_release(tcp, tcb);
}

struct tcb *tcb_of(const struct tcp *tcp, eleven_handle handle)
{
	uint32_t ref = (uint32_t)handle;
	struct tcb *tcb;

	if (reference_kind(ref) != KIND_TCB || reference_index(ref) >= tcp->tcbs.touched)
		return NULL;
	tcb = tcb_at(tcp, reference_index(ref));
	if (tcb->kind != KIND_TCB || tcb->generation != (uint32_t)(handle >> 32) || !tcb->held)
		return NULL;
	return tcb;
}

uint32_t tuple_hash(const struct tcp *tcp, const struct tuple *tuple)
{
	uint64_t local = address_v4_value(&tuple->local), remote = address_v4_value(&tuple->remote);
	uint64_t ports = (uint64_t)tuple->local_port << 16 | tuple->remote_port;
	uint8_t bytes[36];

	if (!tuple_is_v6(tuple))
		return (uint32_t)siphash_words2(&tcp->table_key, local << 32 | remote, ports);
	memcpy(bytes, tuple->local.bytes, 16);
	memcpy(bytes + 16, tuple->remote.bytes, 16);
	store_be32(bytes + 32, (uint32_t)ports);
	return (uint32_t)siphash(&tcp->table_key, bytes, sizeof(bytes));
}

static bool reference_has_tuple(const struct tcp *tcp, uint32_t ref, const struct tuple *tuple)
{
	uint32_t index = reference_index(ref);

	if (reference_kind(ref) == KIND_TCB)
		return tuple_eq(&tcb_at(tcp, index)->tuple, tuple);
	if (reference_kind(ref) == KIND_SYN_RECEIVED) {
		const struct syn_received *record = pool_at(&tcp->syn_received, index);

		return tuple_eq(&record->tuple, tuple);
	}
	const struct time_wait *record = pool_at(&tcp->time_wait, index);
	struct tuple names;

	if (record->local_port != tuple->local_port || record->remote_port != tuple->remote_port)
		return false;
	time_wait_tuple(tcp, record, &names);
	return tuple_eq(&names, tuple);
}

uint32_t connection_find(const struct tcp *tcp, const struct tuple *tuple)
{
	uint32_t cursor, hash = tuple_hash(tcp, tuple);
	uint32_t ref = table_find_first(&tcp->connections, hash, &cursor);

	while (ref != 0 && !reference_has_tuple(tcp, ref, tuple))
		ref = table_find_next(&tcp->connections, hash, &cursor);
	return ref;
}

bool connection_insert(struct tcp *tcp, struct tcb *tcb)
{
	tcb->hash = tuple_hash(tcp, &tcb->tuple);
	tcb->in_table = table_insert(&tcp->connections, tcb->hash, reference(KIND_TCB, tcb_index(tcp, tcb)));
	return tcb->in_table;
}

void connection_remove(struct tcp *tcp, struct tcb *tcb)
{
	if (tcb->in_table)
		table_remove(&tcp->connections, tcb->hash, reference(KIND_TCB, tcb_index(tcp, tcb)));
	tcb->in_table = false;
}

/* ---- lists through an index in each TCB */

static uint32_t *link_of(struct tcb *tcb, size_t link_offset)
{
	return (uint32_t *)(void *)((uint8_t *)tcb + link_offset);
}

static void list_append(struct tcp *tcp, struct list *list, size_t link_offset, struct tcb *tcb)
{
	uint32_t index = tcb_index(tcp, tcb);

	*link_of(tcb, link_offset) = NONE;
	if (list->head == NONE)
		list->head = index;
	else
		*link_of(tcb_at(tcp, list->tail), link_offset) = index;
	list->tail = index;
}

static struct tcb *list_take(struct tcp *tcp, struct list *list, size_t link_offset)
{
	struct tcb *tcb;

	if (list->head == NONE)
		return NULL;
	tcb = tcb_at(tcp, list->head);
	list->head = *link_of(tcb, link_offset);
	if (list->head == NONE)
		list->tail = NONE;
	return tcb;
}

void tcb_ready(struct tcp *tcp, struct tcb *tcb)
{
	if (tcb->ready || tcb->kind != KIND_TCB)
		return;
	tcb->ready = true;
	list_append(tcp, &tcp->ready, offsetof(struct tcb, ready_next), tcb);
}

struct tcb *ready_first(struct tcp *tcp)
{
	while (tcp->ready.head != NONE) {
		struct tcb *tcb = tcb_at(tcp, tcp->ready.head);

		if (tcb->kind == KIND_TCB)
			return tcb;
		ready_take(tcp);
	}
	return NULL;
}

void ready_take(struct tcp *tcp)
{
	struct tcb *tcb = list_take(tcp, &tcp->ready, offsetof(struct tcb, ready_next));

	tcb->ready = false;
	tcb_release(tcp, tcb);
}

void ready_park(struct tcp *tcp)
{
	struct tcb *tcb = list_take(tcp, &tcp->ready, offsetof(struct tcb, ready_next));

	list_append(tcp, &tcp->parked, offsetof(struct tcb, ready_next), tcb);
}

void ready_unpark(struct tcp *tcp)
{
	struct tcb *tcb;

	while ((tcb = list_take(tcp, &tcp->parked, offsetof(struct tcb, ready_next))) != NULL)
		list_append(tcp, &tcp->ready, offsetof(struct tcb, ready_next), tcb);
}

void tcb_signal(struct tcp *tcp, struct tcb *tcb, uint32_t signals)
{
	if (tcb->soft_errors_off)
		signals &= ~ELEVEN_SIGNAL_SOFT_ERROR;
	if (!tcb->held || tcb->kind != KIND_TCB || signals == 0)
		return;
	tcb->signals |= signals;
	if (tcb->signalled)
		return;
	tcb->signalled = true;
	list_append(tcp, &tcp->signals, offsetof(struct tcb, signal_next), tcb);
}

bool tcp_signal(struct tcp *tcp, struct eleven_signal *signal)
{
	struct tcb *tcb;

	while ((tcb = list_take(tcp, &tcp->signals, offsetof(struct tcb, signal_next))) != NULL) {
		tcb->signalled = false;
		if (tcb->kind != KIND_TCB || !tcb->held) {
			tcb_release(tcp, tcb);
			continue;
		}
		*signal = (struct eleven_signal){ tcb_handle(tcp, tcb), tcb->user, tcb->signals };
		tcb->signals = 0;
		if (signal->signals)
			return true;
	}
	return false;
}

/* ---- accept queue */

void queue_append(struct tcp *tcp, struct tcb *listener, struct tcb *child)
{
	struct list queue = { listener->queue_head, listener->queue_tail };

	list_append(tcp, &queue, offsetof(struct tcb, queue_next), child);
	listener->queue_head = queue.head;
	listener->queue_tail = queue.tail;
	listener->queue_count++;
	child->queued = true;
	child->listener = tcb_index(tcp, listener);
}

struct tcb *queue_take(struct tcp *tcp, struct tcb *listener)
{
	struct list queue = { listener->queue_head, listener->queue_tail };
	struct tcb *child = list_take(tcp, &queue, offsetof(struct tcb, queue_next));

	if (child == NULL)
		return NULL;
	listener->queue_head = queue.head;
	listener->queue_tail = queue.tail;
	listener->queue_count--;
	child->queued = false;
	child->listener = NONE;
	return child;
}

/* Of a child that is destroyed while it waits: seldom, so the walk along the queue is no matter. */
void queue_remove(struct tcp *tcp, struct tcb *child)
{
	struct tcb *listener = tcb_at(tcp, child->listener), *other;
	uint32_t count = listener->queue_count;

	while (count-- > 0) {
		other = queue_take(tcp, listener);
		if (other != child)
			queue_append(tcp, listener, other);
	}
}

/* ---- ranges */

struct ranges *reassembly_of(const struct tcp *tcp, const struct tcb *tcb)
{
	if (tcb->reassembly == NONE)
		return NULL;
	return &((struct reassembly *)pool_at(&tcp->reassembly, tcb->reassembly))->ranges;
}

void reassembly_release(struct tcp *tcp, struct tcb *tcb)
{
	if (tcb->reassembly != NONE)
		pool_give(&tcp->reassembly, pool_at(&tcp->reassembly, tcb->reassembly));
	tcb->reassembly = NONE;
}

struct cold *cold_take(struct tcp *tcp, struct tcb *tcb)
{
	struct cold *cold = tcb->cold == NONE ? pool_take(&tcp->cold) : cold_of(tcp, tcb);

	if (cold == NULL) {
		rule(tcp, tcb, COLD_NO_ROOM);
		return NULL;
	}
	tcb->cold = pool_index(&tcp->cold, cold);
	return cold;
}

void cold_release(struct tcp *tcp, struct tcb *tcb)
{
	if (tcb->cold != NONE)
		pool_give(&tcp->cold, cold_of(tcp, tcb));
	tcb->cold = NONE;
}
