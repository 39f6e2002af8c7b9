/* SPDX-License-Identifier: MIT */
/*
 * The programs: what each does when it runs.  Everything it does follows from a signal or from its own clock; a call
 * that refuses or falls short is not tried again before a signal says so.
 */
#include <errno.h>
#include <string.h>

#include "sim/frame.h"
#include "sim/six.h"
#include "sim/world.h"

/*
 * All streams are one long line of chance, which each enters at a place of its own; its length is a prime, and no
 * text is moved by just that much.
 */
#define LINE_BYTES 262139u

const uint8_t *stream_at(const struct world *world, const struct actor *actor, uint64_t at)
{
	static uint8_t line[LINE_BYTES + PIECE_MAX];
	struct random random;

	if (!line[0]) {
		random_seed(&random, 1);
		for (size_t i = 0; i < LINE_BYTES; i++)
			line[i] = (uint8_t)(random_next(&random) >> 32);
		line[0] = 1;
		memcpy(line + LINE_BYTES, line, PIECE_MAX);
	}
	return line + (at + (world->spec.seed + actor->number) * 7919) % LINE_BYTES;
}

static uint64_t now_of(const struct world *world, const struct actor *actor)
{
	return host_now(world, &world->host[actor->host]);
}

static struct eleven *stack_of(const struct world *world, const struct actor *actor)
{
	return world->host[actor->host].stack;
}

/* ---------------------------------------------------------------- giving up the handle */

static void actor_gone(struct actor *actor)
{
	actor->state = ACTOR_GONE;
	actor->wake = UINT64_MAX;
	actor->signals = 0;
}

static void actor_close(struct world *world, struct actor *actor)
{
	int result;

	actor->left_unread = !actor->eof;
	result = eleven_close(stack_of(world, actor), actor->h, now_of(world, actor));
	actor->closed = true;
	story_call(world, actor, "close", result);
	if (result)
		world_fail(world, "O22", "program %u: close gives %d", actor->number, result);
	actor_gone(actor);
}

static void actor_abort(struct world *world, struct actor *actor)
{
	int result = eleven_abort(stack_of(world, actor), actor->h, now_of(world, actor));

	actor->aborted = actor->closed = true;
	story_call(world, actor, "abort", result);
	if (result)
		world_fail(world, "O22", "program %u: abort gives %d", actor->number, result);
	observe_abort(world, actor);
	actor_gone(actor);
}

/* The connection has ended with an error. */
static void actor_failed(struct world *world, struct actor *actor)
{
	struct eleven_status status;

	if (eleven_status(stack_of(world, actor), actor->h, &status))
		world_fail(world, "O22", "program %u: an error is signalled, and there is no status", actor->number);
	if (status.error == 0 || status.state != ELEVEN_CLOSED)
		world_fail(world, "O22", "program %u: an error is signalled in %s, and it is %d", actor->number,
			   eleven_state_name((enum eleven_state)status.state), status.error);
	story_call(world, actor, "error", status.error);
	oracle_error(world, actor, status.error);
	actor->error = status.error;
	actor_close(world, actor);
}

/* ---------------------------------------------------------------- text */

static int64_t text_send(struct world *world, struct actor *actor, size_t n)
{
	const uint8_t *text = stream_at(world, actor, actor->sent);
	struct eleven_slice room[2];
	size_t at = 0;
	int pieces, result;

	if (!actor->lent)
		return eleven_send(stack_of(world, actor), actor->h, text, n, 0, now_of(world, actor));
	pieces = eleven_send_buf(stack_of(world, actor), actor->h, n, room, now_of(world, actor));
	if (pieces < 0)
		return pieces;
	for (int i = 0; i < pieces && at < n; i++) {
		size_t part = room[i].length < n - at ? room[i].length : n - at;

		memcpy((uint8_t *)(uintptr_t)room[i].bytes, text + at, part);
		at += part;
	}
	if (at == 0)
		return -EAGAIN;
	result = eleven_send_commit(stack_of(world, actor), actor->h, at, 0, now_of(world, actor));
	return result ? result : (int64_t)at;
}

static int64_t text_receive(struct world *world, struct actor *actor, size_t n)
{
	uint8_t text[PIECE_MAX];
	struct eleven_slice slice[2];
	size_t at = 0;
	int pieces, result;

	if (!actor->lent) {
		int64_t got = eleven_receive(stack_of(world, actor), actor->h, text, n, now_of(world, actor));

		if (got > 0)
			oracle_received(world, actor, text, (size_t)got);
		return got;
	}
	pieces = eleven_receive_buf(stack_of(world, actor), actor->h, slice, now_of(world, actor));
	if (pieces <= 0)
		return pieces;
	for (int i = 0; i < pieces && at < n; i++) {
		size_t part = slice[i].length < n - at ? slice[i].length : n - at;

		oracle_received(world, actor, slice[i].bytes, part);
		at += part;
		actor->received += part;
	}
	actor->received -= at;
	result = eleven_receive_commit(stack_of(world, actor), actor->h, at, now_of(world, actor));
	return result ? result : (int64_t)at;
}

static uint64_t may_send(const struct actor *actor)
{
	uint64_t most = actor->received + actor->ahead;

	return !actor->responds || actor->eof || most > actor->to_send ? actor->to_send : most;
}

static void actor_send(struct world *world, struct actor *actor)
{
	while (actor->can_send && actor->sent < may_send(actor)) {
		uint64_t n = 1 + random_below(&world->random, actor->piece);
		int64_t result;

		if (n > may_send(actor) - actor->sent)
			n = may_send(actor) - actor->sent;
		result = text_send(world, actor, (size_t)n);
		story_call(world, actor, "send", result);
		if (result == 0 || (result < 0 && result != -EAGAIN) || result > (int64_t)n)
			world_fail(world, "O22", "program %u: send of %u gives %d", actor->number, (unsigned)n,
				   (int)result);
		if (result > 0)
			actor->sent += (uint64_t)result;
		if (result < (int64_t)n)
			actor->can_send = false;
	}
}

static void actor_receive(struct world *world, struct actor *actor)
{
	while (actor->can_receive && !actor->eof && actor->ending != END_DEAF && world->now >= actor->read_at) {
		int64_t result = text_receive(world, actor, 1 + (size_t)random_below(&world->random, actor->piece));

		story_call(world, actor, "receive", result);
		if (result < 0 && result != -EAGAIN)
			world_fail(world, "O22", "program %u: receive gives %d, and no error was signalled",
				   actor->number, (int)result);
		if (result == -EAGAIN) {
			actor->can_receive = false;
		} else if (result == 0) {
			actor->eof = true;
			oracle_end(world, actor);
		} else {
			actor->received += (uint64_t)result;
			if (actor->read_interval)
				actor->read_at = world->now + 1 + random_below(&world->random, actor->read_interval);
		}
	}
}

static void actor_shut(struct world *world, struct actor *actor)
{
	int result = eleven_shutdown(stack_of(world, actor), actor->h, now_of(world, actor));

	story_call(world, actor, "shutdown", result);
	if (result)
		world_fail(world, "O22", "program %u: shutdown gives %d", actor->number, result);
	actor->shut = true;
}

/* ---------------------------------------------------------------- life */

static void options_set(struct world *world, struct actor *actor)
{
	static const struct { enum eleven_option option; uint64_t value; } options[] = {
		{ ELEVEN_OPTION_NODELAY, 1 }, { ELEVEN_OPTION_QUICK_ACK, 1 }, { ELEVEN_OPTION_CORK, 1 },
		{ ELEVEN_OPTION_KEEPALIVE, 1 }, { ELEVEN_OPTION_MSS, 300 },
	};

	for (unsigned i = 0; i < 5; i++)
		if (actor->options >> i & 1 && (options[i].option != ELEVEN_OPTION_MSS || actor->opens))
			eleven_option_set(stack_of(world, actor), actor->h, options[i].option, options[i].value,
					  now_of(world, actor));
	eleven_option_set(stack_of(world, actor), actor->h, ELEVEN_OPTION_USER, actor->number + 1,
			  now_of(world, actor));
}

static void names_learn(struct world *world, struct actor *actor)
{
	struct eleven_status status;

	if (eleven_status(stack_of(world, actor), actor->h, &status))
		world_fail(world, "O18", "program %u: its connection has no status", actor->number);
	actor->local = status.local;
	actor->remote = status.remote;
	actor->iss = status.iss;
	actor->irs = status.irs;
}

static struct eleven_endpoint endpoint_of(const struct world *world, uint32_t address, uint16_t port)
{
	return (struct eleven_endpoint){ .address = six_address(world, address), .port = port };
}

static void actor_connect(struct world *world, struct actor *actor)
{
	struct eleven_endpoint local = endpoint_of(world, 0, actor->local_port);
	struct eleven_endpoint remote = endpoint_of(world, actor->remote_address, actor->remote_port);
	struct eleven *stack = stack_of(world, actor);
	uint64_t now = now_of(world, actor);
	int result = eleven_open(stack, &actor->h, now);

	if (result == 0) {
		options_set(world, actor);
		if (actor->fast_open)
			eleven_option_set(stack, actor->h, ELEVEN_OPTION_FAST_OPEN_CONNECT, 1, now);
		if (actor->local_port)
			result = eleven_bind(stack, actor->h, &local, 0, now);
		if (result == 0)
			result = eleven_connect(stack, actor->h, &remote, now);
	}
	story_call(world, actor, "connect", result);
	if (result) {
		oracle_error(world, actor, -result);
		actor->error = -result;
		if (actor->h)
			actor_close(world, actor);
		actor_gone(actor);
		return;
	}
	actor->state = ACTOR_CONNECTING;
	actor->can_send = true;
	if (actor->fast_open)
		actor_send(world, actor);       /* with a cookie of that peer the SYN waits for this */
	names_learn(world, actor);
	oracle_iss(world, actor);
}

/* When it has to run though no signal comes. */
static void wake_set(const struct world *world, struct actor *actor)
{
	actor->wake = actor->end_at;
	if (actor->can_receive && !actor->eof && actor->read_at > world->now && actor->read_at < actor->wake)
		actor->wake = actor->read_at;
}

static void actor_run(struct world *world, struct actor *actor)
{
	if (actor->state == ACTOR_UNBORN && actor->opens) {
		actor_connect(world, actor);
		if (actor->state != ACTOR_CONNECTING)
			return;
	}
	if (actor->signals & ELEVEN_SIGNAL_ERROR) {
		actor_failed(world, actor);
		return;
	}
	if (world->now >= actor->end_at) {
		if (actor->ending == END_ABORT)
			actor_abort(world, actor);
		else
			actor_close(world, actor);
		return;
	}
	if (actor->state == ACTOR_CONNECTING && actor->signals & ELEVEN_SIGNAL_CONNECTED) {
		actor->state = ACTOR_OPEN;
		names_learn(world, actor);
	}
	if (actor->signals & (ELEVEN_SIGNAL_RECEIVE | ELEVEN_SIGNAL_CLOSING))
		actor->can_receive = true;
	if (actor->signals & ELEVEN_SIGNAL_SEND)
		actor->can_send = true;
	actor->signals = 0;
	if (actor->state == ACTOR_CONNECTING && actor->fast_open && actor->sent == 0) {
		actor_send(world, actor);       /* the SYN waits, and there was no memory before */
		names_learn(world, actor);
	}
	if (actor->state == ACTOR_OPEN) {
		actor_receive(world, actor);
		actor_send(world, actor);
		if (actor->sent == actor->to_send && actor->ending == END_EARLY) {
			actor_close(world, actor);
			return;
		}
		if (actor->sent == actor->to_send && !actor->shut &&
		    (actor->ending == END_SHUTDOWN || (actor->eof && actor->ending == END_AFTER_PEER)))
			actor_shut(world, actor);
		if (actor->eof && actor->shut) {
			actor_close(world, actor);
			return;
		}
	}
	wake_set(world, actor);
}

/* ---------------------------------------------------------------- signals and time */

static uint64_t rule_count(const struct eleven *stack, const char *name)
{
	for (unsigned i = 0; eleven_rule(i); i++)
		if (!strcmp(eleven_rule(i)->name, name))
			return eleven_rule_count(stack, i);
	return 0;
}

/*
 * A third ACK sent again after a lost RST brings its SYN cookie again: a connection nobody at the other end opened.
 * So does a SYN with text that comes twice (RFC 7413 §6.1), or again without, after a reset (RFC 3168 §6.1.1.1).
 */
static bool is_cookie_again(const struct world *world, unsigned host, const struct eleven_status *status)
{
	const struct eleven *stack = world->host[host].stack;

	for (unsigned i = 0; i < world->actors; i++)
		if (world->actor[i].host == host && world->actor[i].peer->iss == status->irs &&
		    world->actor[i].state != ACTOR_UNBORN)
			return rule_count(stack, "LISTEN_COOKIE_ACK") > 1 || world->actor[i].peer->fast_open;
	return false;
}

static void actor_accepted(struct world *world, unsigned host, eleven_handle h)
{
	struct eleven *stack = world->host[host].stack;
	struct eleven_status status;

	if (eleven_status(stack, h, &status))
		world_fail(world, "O22", "host %u: an accepted connection has no status", host);
	for (unsigned i = 0; i < world->actors; i++) {
		struct actor *actor = &world->actor[i], *peer = actor->peer;

		if (actor->host != host || actor->opens || actor->state != ACTOR_UNBORN || !peer->h ||
		    peer->iss != status.irs || (!world->spec.nat && peer->local.port != status.remote.port))
			continue;
		actor->h = h;
		actor->state = ACTOR_OPEN;
		actor->can_send = actor->can_receive = true;
		names_learn(world, actor);
		options_set(world, actor);
		story_call(world, actor, "accept", 0);
		actor_run(world, actor);
		return;
	}
	if (is_cookie_again(world, host, &status)) {
		eleven_abort(stack, h, host_now(world, &world->host[host]));
		return;
	}
	world_fail(world, "O1", "host %u: accepted a connection from port %u, IRS %u, that nobody opened", host,
		   status.remote.port, status.irs);
}

static void listener_accept(struct world *world, unsigned host, unsigned listener)
{
	struct host *h = &world->host[host];
	eleven_handle accepted;
	unsigned count = 0;
	int result;

	while ((result = eleven_accept(h->stack, h->listener[listener], &accepted, host_now(world, h))) == 0) {
		count++;
		actor_accepted(world, host, accepted);
	}
	if (result != -EAGAIN)
		world_fail(world, "O22", "host %u: accept gives %d", host, result);
	if (world_breaks(world, "O22"))
		count = 0;
	if (count == 0)
		world_fail(world, "O22", "host %u: a connection to accept is signalled, and there is none", host);
}

bool actors_signal(struct world *world, unsigned host)
{
	struct eleven_signal signal;
	bool any = false;

	while (eleven_signal(world->host[host].stack, &signal)) {
		struct actor *actor;

		any = true;
		if (signal.user > ACTORS_MAX) {
			if (signal.signals & ELEVEN_SIGNAL_ACCEPT)
				listener_accept(world, host, (unsigned)signal.user - ACTORS_MAX - 1);
			continue;
		}
		if (signal.user == 0)
			continue;               /* of a connection that is not accepted yet */
		actor = &world->actor[signal.user - 1];
		if (actor->state == ACTOR_GONE)
			world_fail(world, "O22", "program %u: signals %x after it gave up its handle", actor->number,
				   signal.signals);
		actor->signals |= signal.signals;
		if (world->spec.lag_us == 0) {
			actor_run(world, actor);
		} else {
			uint64_t wake = world->now + random_below(&world->random, US(world->spec.lag_us));

			actor->wake = wake < actor->wake ? wake : actor->wake;
		}
	}
	return any;
}

uint64_t actors_deadline(const struct world *world)
{
	uint64_t next = UINT64_MAX;

	for (unsigned i = 0; i < world->actors; i++) {
		const struct actor *actor = &world->actor[i];

		if (actor->wake < next) {
			uint64_t stalled = world->host[actor->host].stalled_until;
			uint64_t wake = actor->wake > stalled ? actor->wake : stalled;

			next = wake < next ? wake : next;
		}
	}
	return next;
}

void actors_wake(struct world *world)
{
	for (unsigned i = 0; i < world->actors; i++)
		if (world->actor[i].wake <= world->now &&
		    world->host[world->actor[i].host].stalled_until <= world->now) {
			actor_run(world, &world->actor[i]);
			host_settle(world, world->actor[i].host);
		}
}

/* Was what a program let go of given up in silence, for want of any answer? */
static bool orphan_given_up(const struct world *world, const struct actor *actor)
{
	const struct eleven *stack = stack_of(world, actor);
	struct eleven_status status;
	uint64_t cursor = 0;

	if (!actor->closed || rule_count(stack, "GIVEN_UP_ORPHAN") + rule_count(stack, "GIVEN_UP_FIN_WAIT_2") == 0)
		return false;
	while (eleven_status_next(stack, &cursor, &status))
		if (status.local.port == actor->local.port && status.remote.port == actor->remote.port &&
		    status.iss == actor->iss)
			return false;
	return true;
}

/*
 * A reset that is lost is not sent again: who then has nothing to send waits for ever, and rightly so.  (Who has
 * something sends it, and is answered with another.)
 */
bool actor_forsaken(const struct world *world, const struct actor *actor)
{
	const struct actor *peer = actor->peer;

	return actor->state == ACTOR_OPEN && peer->state == ACTOR_GONE &&
	       (peer->aborted || peer->left_unread || peer->error || orphan_given_up(world, peer) ||
		is_cut_by_others(world)) &&
	       actor->has_last && actor->last.send_queue == 0 && actor->last.snd_una == actor->last.snd_max &&
	       actor->sent == may_send(actor) && may_lose(world);
}

void actors_release(struct world *world)
{
	for (unsigned i = 0; i < world->actors; i++)
		if (actor_forsaken(world, &world->actor[i])) {
			actor_abort(world, &world->actor[i]);
			host_settle(world, world->actor[i].host);
		}
}

const char *actor_unfinished(const struct actor *actor)
{
	if (actor->state == ACTOR_GONE)
		return NULL;
	if (actor->state == ACTOR_UNBORN)
		return actor->opens ? "never started" : actor->peer->state == ACTOR_GONE ? NULL : "never accepted";
	return actor->state == ACTOR_CONNECTING ? "connecting" : !actor->eof ? "waiting for the other's text or end" :
	       "sending";
}

bool actors_finished(const struct world *world)
{
	for (unsigned i = 0; i < world->actors; i++)
		if (actor_unfinished(&world->actor[i]) && !actor_forsaken(world, &world->actor[i]))
			return false;
	return true;
}
