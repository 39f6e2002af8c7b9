/* SPDX-License-Identifier: MIT */
/*
 * The oracles that look at stacks and programs; those that look at the wire are in observe.c, O10 and O11 in
 * world.c, O22 in actor.c, O23 in net.c.  Each knows only what the simulator knows by itself and what the public
 * interface says.
 */
#include <errno.h>
#include <string.h>

#include "base/seq.h"
#include "sim/frame.h"
#include "sim/world.h"

#define STEPS_MAX 10000                 /* O15: an ACK may look at 4,096 records for its SACK blocks, and at what it
					   acknowledges */

/* ---------------------------------------------------------------- O21: shares of a narrow place */

#define FAIR_SETTLE   SEC(5)            /* slow starts, and what they lose, are over */
#define FAIR_LEAST    SEC(5)            /* measured for so long at least */
#define FAIR_ROUNDS   60u               /* and for so many round trips, with the queue */
#define FAIR_INDEX    0.70              /* Jain's: 1 for shares that are all the same, 1/n when one has all */
#define FAIR_USE      0.80              /* of the narrow place's rate, headers and all */

static void fair_begin(struct world *world)
{
	if (world->fair_since || world->now < world->start + MS(world->spec.start_ms) + FAIR_SETTLE)
		return;
	world->fair_since = world->now;
	for (unsigned i = 0; i < world->actors; i++)
		world->actor[i].fair_from = world->actor[i].received;
}

/* The first of them has come to its end: until now all were sending. */
static void fair_judge(struct world *world)
{
	uint64_t round_ns = 2 * US(world->spec.delay_us) +
			    (uint64_t)world->spec.queue_packets * world->spec.mtu * 8000000 / world->spec.rate_kbit;
	uint64_t passed = world->now - world->fair_since;
	double sum = 0, squares = 0, flows = world->spec.conversations;

	if (!world->fair_since || world->fair_index > 0 || world->healed || passed < FAIR_LEAST ||
	    passed < FAIR_ROUNDS * round_ns)
		return;
	for (unsigned i = 0; i < world->actors; i++) {
		double share = (double)(world->actor[i].received - world->actor[i].fair_from);

		sum += share;
		squares += share * share;
	}
	world->fair_index = squares > 0 ? sum * sum / flows / squares : 0;
	world->fair_use = sum * 8e6 / (double)world->spec.rate_kbit / (double)passed;
	if (world_breaks(world, "O21"))
		world->fair_index = 1 / flows;
	if (world->fair_index < FAIR_INDEX || world->fair_use < FAIR_USE)
		world_fail(world, "O21", "%.0f flows over one bottleneck: an index of fairness of %.2f, and they use "
			   "%.2f of it", flows, world->fair_index, world->fair_use);
}

/* ---------------------------------------------------------------- O1, O2: what programs get */

void oracle_received(struct world *world, struct actor *actor, const uint8_t *bytes, size_t n)
{
	const struct actor *peer = actor->peer;
	const uint8_t *sent = stream_at(world, peer, actor->received);

	if (actor->received + n > peer->sent)
		world_fail(world, "O1", "program %u received %llu bytes, and only %llu were sent", actor->number,
			   (unsigned long long)(actor->received + n), (unsigned long long)peer->sent);
	if (memcmp(bytes, sent, n) || world_breaks(world, "O1"))
		world_fail(world, "O1", "program %u: byte %llu of the stream or one after it is not what was sent",
			   actor->number, (unsigned long long)actor->received);
	world->bytes_delivered += n;
	if (world->spec.fair)
		fair_begin(world);
}

void oracle_end(struct world *world, struct actor *actor)
{
	const struct actor *peer = actor->peer;
	bool ended = (peer->shut || peer->closed) && !peer->aborted;

	if (!ended || actor->received != peer->sent || world_breaks(world, "O2"))
		world_fail(world, "O2", "program %u saw the end after %llu bytes; the other has sent %llu and %s",
			   actor->number, (unsigned long long)actor->received, (unsigned long long)peer->sent,
			   ended ? "closed" : "not closed");
	world->streams_finished++;
	if (world->spec.fair && !actor->opens)
		fair_judge(world);
}

/* ---------------------------------------------------------------- O3: errors and resets have their causes */

bool may_lose(const struct world *world)
{
	const struct spec *s = &world->spec;

	return s->loss_ppm || s->corrupt_ppm || s->truncate_ppm || s->partitions || s->rate_kbit || s->clock_jumps ||
	       s->ecn_path & 4 || s->nat_forgets || s->insider & 4 || s->black_hole;
}

/* Tables so small that an open may be dropped, or TIME-WAIT cut short. */
static bool is_scarce(const struct world *world)
{
	const struct spec *s = &world->spec;

	return world->scarce || s->connections_max < 2 * s->conversations + 2 * LISTENERS ||
	       s->syn_received_max < s->conversations ||
	       s->time_wait_max < 2 * s->conversations || s->backlog < s->conversations || s->ports >= 2 ||
	       s->memory_kb >= 64 || s->replies_max < s->conversations;
}

bool is_cut_by_others(const struct world *world)
{
	return world->severed || world->spec.nat_forgets;
}

/* Whoever sends again what the other has long had then finds nobody who knows of it. */
static bool is_time_wait_short(const struct world *world)
{
	return world->scarce || world->spec.time_wait_max < 2 * world->spec.conversations;
}

static bool error_allowed(const struct world *world, const struct actor *actor, int error)
{
	const struct actor *peer = actor->peer;
	bool open = actor->state == ACTOR_OPEN, crossed = peer->opens;

	switch (error) {
	case ECONNRESET:
		return is_cut_by_others(world) || peer->aborted || (peer->closed && peer->left_unread) || peer->error ||
		       crossed || (peer->closed && is_time_wait_short(world)) ||
		       (peer->state == ACTOR_UNBORN && (may_lose(world) || is_scarce(world)));
	case EPIPE:
		return peer->aborted || peer->closed || is_cut_by_others(world);
	case ECONNREFUSED:
		/* A reset of a SYN: of one who crosses it, or who has taken its text and wants no more. */
		return !open && (crossed || (actor->fast_open && (peer->aborted || peer->left_unread)));
	case ETIMEDOUT:
		return (!open && (may_lose(world) || is_scarce(world))) || world->spec.clock_jumps;
	case EHOSTUNREACH:
		return world->spec.ethernet && (may_lose(world) || world->spec.stalls);
	case ENOBUFS:
		return is_scarce(world);
	case EADDRNOTAVAIL:
		return world->spec.ports >= 2;
	default:
		return false;
	}
}

void oracle_error(struct world *world, struct actor *actor, int error)
{
	if (world_breaks(world, "O3"))
		error = EPROTO;
	if (!error_allowed(world, actor, error))
		world_fail(world, "O3", "program %u: %s, and nothing allows it", actor->number, strerror(error));
}

static const char *const reset_rules[] = {
	"CLOSED_RST_SENT", "LISTEN_ACK_RST", "SYN_SENT_ACK_BAD", "ACK_SYN_RECEIVED_RST", "CLOSE_UNREAD_TEXT",
	"CLOSE_LINGER_RESET", "CLOSE_UNREAD_QUEUE", "ABORT", "TEXT_AFTER_CLOSE", "GIVEN_UP_KEEPALIVE",
	"GIVEN_UP_USER_TIMEOUT",
};

static bool is_reset_rule(const char *name)
{
	for (size_t i = 0; i < sizeof(reset_rules) / sizeof(reset_rules[0]); i++)
		if (!strcmp(name, reset_rules[i]))
			return true;
	return false;
}

static void resets_judge(struct world *world, unsigned host)
{
	struct host *h = &world->host[host];
	uint64_t allowed = 0;

	if (h->resets_out == h->resets_seen)
		return;
	h->resets_seen = h->resets_out;
	for (unsigned i = 0; eleven_rule(i); i++)
		if (is_reset_rule(eleven_rule(i)->name))
			allowed += eleven_rule_count(h->stack, i);
	if (h->resets_out > allowed)
		world_fail(world, "O3", "host %u has sent %llu resets, and its rules allowed %llu", host,
			   (unsigned long long)h->resets_out, (unsigned long long)allowed);
}

/* ---------------------------------------------------------------- O4: transitions */

/* Figure 5 and its notes, and what deletes a TCB; bit n of a row: to state n. */
#define TO(state) (1u << ELEVEN_##state)
static const unsigned legal[ELEVEN_STATES] = {
	[ELEVEN_CLOSED] = TO(LISTEN) | TO(SYN_SENT),
	[ELEVEN_LISTEN] = TO(SYN_RECEIVED) | TO(CLOSED),
	[ELEVEN_SYN_SENT] = TO(SYN_RECEIVED) | TO(ESTABLISHED) | TO(CLOSED),
	[ELEVEN_SYN_RECEIVED] = TO(ESTABLISHED) | TO(FIN_WAIT_1) | TO(LISTEN) | TO(CLOSED),
	[ELEVEN_ESTABLISHED] = TO(FIN_WAIT_1) | TO(CLOSE_WAIT) | TO(CLOSED),
	[ELEVEN_FIN_WAIT_1] = TO(FIN_WAIT_2) | TO(CLOSING) | TO(CLOSED),
	[ELEVEN_FIN_WAIT_2] = TO(TIME_WAIT) | TO(CLOSED),
	[ELEVEN_CLOSE_WAIT] = TO(LAST_ACK) | TO(CLOSED),
	[ELEVEN_CLOSING] = TO(TIME_WAIT) | TO(CLOSED),
	[ELEVEN_LAST_ACK] = TO(CLOSED),
	[ELEVEN_TIME_WAIT] = TO(CLOSED) | TO(SYN_RECEIVED),
};

/* The only rules that may bring a connection into a state. */
static const struct { enum eleven_state state; const char *rule; } causes[] = {
	{ ELEVEN_LISTEN, "OPEN_PASSIVE" }, { ELEVEN_LISTEN, "RST_LISTEN" }, { ELEVEN_LISTEN, "SYN_LISTEN" },
	{ ELEVEN_SYN_SENT, "OPEN_ACTIVE" },
	{ ELEVEN_SYN_RECEIVED, "LISTEN_SYN" }, { ELEVEN_SYN_RECEIVED, "LISTEN_COOKIE_ACK" },
	{ ELEVEN_SYN_RECEIVED, "SYN_SENT_CROSSED" }, { ELEVEN_SYN_RECEIVED, "LISTEN_FAST_OPEN" },
	{ ELEVEN_SYN_RECEIVED, "TIME_WAIT_REOPENED" },
	{ ELEVEN_ESTABLISHED, "SYN_SENT_ESTABLISHED" }, { ELEVEN_ESTABLISHED, "ACK_ESTABLISHED" },
	{ ELEVEN_FIN_WAIT_1, "CLOSE_FIN_WAIT_1" },
	{ ELEVEN_FIN_WAIT_2, "ACK_FIN_WAIT_2" },
	{ ELEVEN_CLOSE_WAIT, "FIN_CLOSE_WAIT" },
	{ ELEVEN_CLOSING, "FIN_CLOSING" },
	{ ELEVEN_LAST_ACK, "CLOSE_LAST_ACK" },
	{ ELEVEN_TIME_WAIT, "FIN_TIME_WAIT" }, { ELEVEN_TIME_WAIT, "ACK_CLOSING_TIME_WAIT" },
};

static bool is_cause(enum eleven_state state, const char *rule)
{
	if (state == ELEVEN_CLOSED)
		return strcmp(rule, "NONE") != 0;
	for (size_t i = 0; i < sizeof(causes) / sizeof(causes[0]); i++)
		if (causes[i].state == state && !strcmp(causes[i].rule, rule))
			return true;
	return false;
}

static struct actor *actor_of_handle(struct world *world, unsigned host, eleven_handle h)
{
	for (unsigned i = world->actors; i-- > 0;)
		if (world->actor[i].host == host && world->actor[i].h == h && !world->actor[i].closed)
			return &world->actor[i];
	return NULL;
}

static void transition_judge(struct world *world, unsigned host, const struct eleven_trace *record)
{
	enum eleven_state before = (enum eleven_state)record->state_before;
	enum eleven_state after = (enum eleven_state)record->state_after;
	const struct eleven_rule *rule = eleven_rule(record->rule);
	struct actor *actor = record->connection ? actor_of_handle(world, host, record->connection) : NULL;

	if (world_breaks(world, "O4"))
		after = before == ELEVEN_CLOSED ? ELEVEN_LAST_ACK : ELEVEN_SYN_SENT;
	if (before >= ELEVEN_STATES || after >= ELEVEN_STATES || !(legal[before] >> after & 1) || !rule ||
	    !is_cause(after, rule->name))
		world_fail(world, "O4", "host %u, port %u: %s to %s by %s", host, record->local.port,
			   eleven_state_name(before), eleven_state_name(after), rule ? rule->name : "?");
	if (!actor)
		return;
	if (actor->has_traced && actor->traced != before)
		world_fail(world, "O4", "program %u: leaves %s, and was last seen in %s", actor->number,
			   eleven_state_name(before), eleven_state_name((enum eleven_state)actor->traced));
	actor->has_traced = true;
	actor->traced = (uint8_t)after;
}

static void trace_judge(struct world *world, unsigned host)
{
	struct host *h = &world->host[host];
	struct eleven_trace records[64];
	uint64_t lost;
	unsigned n;

	while ((n = eleven_trace(h->stack, &h->trace_after, records, 64, &lost)) > 0) {
		if (lost)
			world_fail(world, "O4", "host %u: %llu records lost", host, (unsigned long long)lost);
		for (unsigned i = 0; i < n; i++)
			if (records[i].kind == ELEVEN_TRACE_TRANSITION)
				transition_judge(world, host, &records[i]);
	}
}

/* ---------------------------------------------------------------- the numbers of one connection */

/* O5 */
static void sequence_judge(struct world *world, struct actor *actor, struct eleven_status *s)
{
	const struct eleven_status *last = &actor->last;
	struct seq una = seq_of(s->snd_una), nxt = seq_of(s->snd_nxt), max = seq_of(s->snd_max);

	if (s->state < ELEVEN_SYN_SENT)
		return;
	if (!seq_le(una, nxt) || !seq_le(nxt, max))
		world_fail(world, "O5", "program %u: SND.UNA %u, SND.NXT %u, greatest %u", actor->number,
			   s->snd_una - s->iss, s->snd_nxt - s->iss, s->snd_max - s->iss);
	if (!actor->has_last || last->state < ELEVEN_SYN_SENT || s->state == ELEVEN_SYN_RECEIVED ||
	    last->state == ELEVEN_SYN_SENT)
		return;
	if (seq_lt(una, seq_of(last->snd_una)) || seq_lt(seq_of(s->rcv_nxt), seq_of(last->rcv_nxt)))
		world_fail(world, "O5", "program %u: SND.UNA or RCV.NXT goes back", actor->number);
}

/* O6: every byte a program gave or took is somewhere. */
static void bytes_judge(struct world *world, struct actor *actor, struct eleven_status *s)
{
	uint32_t acked = s->snd_una - s->iss - 1 - !!(s->sub & ELEVEN_SUB_FIN_ACKED);
	bool fin_held = s->sub & (ELEVEN_SUB_FIN_QUEUED | ELEVEN_SUB_FIN_SENT) && !(s->sub & ELEVEN_SUB_FIN_ACKED);
	uint32_t arrived = s->rcv_nxt - s->irs - 1 - !!(s->sub & ELEVEN_SUB_FIN_RECEIVED);

	if (s->state < ELEVEN_ESTABLISHED)
		return;
	if (s->snd_una == s->iss)
		acked = 0;              /* closed while Fast Open's SYN-ACK is not acknowledged */
	if (world_breaks(world, "O6"))
		s->send_queue++;
	if (acked + s->send_queue - fin_held != (uint32_t)actor->sent)
		world_fail(world, "O6", "program %u in %s sent %u: %u acknowledged and %u queued", actor->number,
			   eleven_state_name((enum eleven_state)s->state), (uint32_t)actor->sent, acked, s->send_queue);
	if (arrived != (uint32_t)actor->received + s->receive_queue)
		world_fail(world, "O6", "program %u in %s: %u arrived, %u received and %u queued", actor->number,
			   eleven_state_name((enum eleven_state)s->state), arrived, (uint32_t)actor->received,
			   s->receive_queue);
}

/* O7, O8: congestion. */
static void congestion_judge(struct world *world, struct actor *actor, struct eleven_status *s)
{
	const struct eleven_status *last = &actor->last;
	uint64_t mss = s->mss_send, flight = s->flight, told;
	uint32_t moved = s->snd_una - last->snd_una;

	if (!actor->has_last || s->state < ELEVEN_ESTABLISHED || s->state == ELEVEN_TIME_WAIT ||
	    last->state < ELEVEN_ESTABLISHED)
		return;
	if (s->cwnd < mss || s->ssthresh < 2 * mss || world_breaks(world, "O8"))
		world_fail(world, "O8", "program %u: cwnd %llu, ssthresh %llu at MSS %llu", actor->number,
			   (unsigned long long)s->cwnd, (unsigned long long)s->ssthresh, (unsigned long long)mss);
	told = s->delivered - last->delivered > moved ? s->delivered - last->delivered : moved;
	if (!(s->sub & ELEVEN_SUB_RECOVERY) && !(last->sub & ELEVEN_SUB_RECOVERY) && s->undos == last->undos &&
	    s->cwnd > last->cwnd && last->mss_send == mss &&
	    s->cwnd - last->cwnd > told + 2 * mss)
		world_fail(world, "O8", "program %u: cwnd grows from %llu to %llu by an ACK of %llu bytes",
			   actor->number, (unsigned long long)last->cwnd, (unsigned long long)s->cwnd,
			   (unsigned long long)told);
	/* A window that was cut may leave more in flight than it has room for; a probe is added (RFC 8985 §7.3). */
	if (last->timer == ELEVEN_TIMER_LOSS_PROBE && s->snd_max - last->snd_max <= mss &&
	    last->timer_deadline <= host_now(world, &world->host[actor->host]))
		return;
	if (s->snd_max != last->snd_max && flight > s->cwnd + 3 * mss && flight > last->cwnd + 3 * mss)
		world_fail(world, "O7", "program %u: sends with %llu in flight and a congestion window of %llu",
			   actor->number, (unsigned long long)flight, (unsigned long long)s->cwnd);
}

/* O27: a mark cuts the window once for all that was on its way. */
static void reduction_judge(struct world *world, struct actor *actor, struct eleven_status *s)
{
	const struct eleven_status *last = &actor->last;
	uint16_t cuts = actor->has_last ? (uint16_t)(s->ecn_reductions - last->ecn_reductions) : 0;

	if (cuts == 0)
		return;
	if (world_breaks(world, "O27"))
		cuts = 2;
	if (cuts > 1 || (actor->reduced && !seq_gt(seq_of(s->snd_una), seq_of(actor->reduced_to))))
		world_fail(world, "O27", "program %u: marks cut its window %u times at %u, after one at %u",
			   actor->number, cuts, s->snd_una - s->iss, actor->reduced_to - s->iss);
	actor->reduced = true;
	actor->reduced_to = last->snd_max;      /* before this ACK let more go */
}

/* O9: whoever waits for the other has a timer. */
static void timers_judge(struct world *world, struct actor *actor, struct eleven_status *s)
{
	const struct host *host = &world->host[actor->host];
	uint64_t now = host_now(world, host), most = host->config.rto_most;
	bool fin_unacked = s->sub & (ELEVEN_SUB_FIN_SENT | ELEVEN_SUB_FIN_QUEUED) && !(s->sub & ELEVEN_SUB_FIN_ACKED);
	bool may_park = world->spec.ethernet || actor->peer->host == actor->host;       /* for a neighbour, for room */
	bool waits = s->snd_una != s->snd_max ||
		     (!may_park && !(actor->options & OPTION_CORK) && (s->send_queue > 0 || fin_unacked));

	if (world_breaks(world, "O9"))
		s->timer = s->timer == ELEVEN_TIMER_NONE ? ELEVEN_TIMER_PERSIST : ELEVEN_TIMER_NONE;
	if (s->state == ELEVEN_CLOSED || s->state == ELEVEN_LISTEN) {
		if (s->timer != ELEVEN_TIMER_NONE)
			world_fail(world, "O9", "program %u: a timer in CLOSED", actor->number);
		return;
	}
	if (s->state == ELEVEN_TIME_WAIT) {
		if (s->timer != ELEVEN_TIMER_TIME_WAIT || s->timer_deadline > now + 2 * host->config.msl)
			world_fail(world, "O9", "program %u: TIME-WAIT has timer %u due in %lld ns", actor->number,
				   s->timer, (long long)(s->timer_deadline - now));
		return;
	}
	if (waits && s->timer == ELEVEN_TIMER_NONE)
		world_fail(world, "O9", "program %u in %s: %u queued, %u in flight, and no timer", actor->number,
			   eleven_state_name((enum eleven_state)s->state), s->send_queue, s->snd_max - s->snd_una);
	if ((s->timer == ELEVEN_TIMER_RETRANSMISSION || s->timer == ELEVEN_TIMER_PERSIST) &&
	    s->timer_deadline > now + most)
		world_fail(world, "O9", "program %u: timer %u is due in %llu ns", actor->number, s->timer,
			   (unsigned long long)(s->timer_deadline - now));
}

/* O13: no round trip is faster than the wire, and on a clean wire none much slower. */
static void rtt_judge(struct world *world, struct actor *actor, struct eleven_status *s)
{
	const struct spec *w = &world->spec;
	uint64_t grain = US(w->clock_grain_us), least = 2 * US(w->delay_us) * (1000000 - w->clock_skew_ppm) / 1000000;
	uint64_t most = least + 2 * US(w->jitter_us) + MS(500) + 2 * grain;
	bool clean = !may_lose(world) && !w->reorder_ppm && !w->duplicate_ppm && !w->attacks && !w->path_mtu &&
		     !w->stalls && !is_scarce(world);

	if (s->srtt == 0 || actor->peer->host == actor->host || w->clock_jumps)
		return;
	if (world_breaks(world, "O13"))
		s->min_rtt = 1;
	if (s->srtt + 2 * grain + US(1) < least || (s->min_rtt && s->min_rtt + 2 * grain + US(1) < least))
		world_fail(world, "O13", "program %u: round trip of %llu ns, at least %llu, where %llu is the least",
			   actor->number, (unsigned long long)s->srtt, (unsigned long long)s->min_rtt,
			   (unsigned long long)least);
	if (clean && s->srtt > most)
		world_fail(world, "O13", "program %u: round trip of %llu ns where %llu is the most", actor->number,
			   (unsigned long long)s->srtt, (unsigned long long)most);
}

/*
 * O16: nobody can foretell an initial sequence number from others of the same host (RFC 6528): less the clock's part,
 * no two of different names are the same.
 */
void oracle_iss(struct world *world, const struct actor *actor)
{
	struct host *host = &world->host[actor->host];
	uint32_t secret = actor->iss - (uint32_t)(host_now(world, host) / 4000);
	bool broken = world_breaks(world, "O16");

	for (unsigned i = 0; i < world->actors; i++) {
		const struct actor *other = &world->actor[i];

		if (other != actor && other->host == actor->host && other->iss_secret == secret && other->iss &&
		    (other->local.port != actor->local.port ||
		     memcmp(&other->remote, &actor->remote, sizeof(actor->remote))))
			host->iss_alike++;
	}
	world->actor[actor->number].iss_secret = secret;
	if (host->iss_alike > 1 || broken)      /* once is chance */
		world_fail(world, "O16", "program %u: its ISS follows from others of the same host", actor->number);
}

/* O18: STATUS tells what the simulator knows. */
static void status_judge(struct world *world, struct actor *actor, struct eleven_status *s)
{
	if (world_breaks(world, "O18"))
		s->local.port++;
	if (s->connection != actor->h || s->local.port != actor->local.port || s->remote.port != actor->remote.port ||
	    s->user != actor->number + 1 || (actor->iss && s->iss != actor->iss) ||
	    s->since > host_now(world, &world->host[actor->host]) || s->since < s->opened)
		world_fail(world, "O18", "program %u: its status is of something else", actor->number);
	if (actor->has_traced && actor->traced != s->state)
		world_fail(world, "O18", "program %u: status says %s, the trace %s", actor->number,
			   eleven_state_name((enum eleven_state)s->state),
			   eleven_state_name((enum eleven_state)actor->traced));
}

static void connection_judge(struct world *world, struct actor *actor)
{
	struct eleven_status s;

	if (eleven_status(world->host[actor->host].stack, actor->h, &s))
		world_fail(world, "O18", "program %u: holds a handle that has no status", actor->number);
	status_judge(world, actor, &s);
	sequence_judge(world, actor, &s);
	bytes_judge(world, actor, &s);
	congestion_judge(world, actor, &s);
	reduction_judge(world, actor, &s);
	timers_judge(world, actor, &s);
	rtt_judge(world, actor, &s);
	actor->last = s;
	actor->has_last = true;
}

/* O15: what a packet or a timeout costs has a bound, whatever came before it. */
static void steps_judge(struct world *world, unsigned host)
{
	struct host *h = &world->host[host];
	struct eleven_stats stats = { 0 };
	uint64_t events, steps;

	eleven_stats(h->stack, &stats);
	events = 1 + stats.segments_in - h->segments_seen + stats.segments_out - h->segments_sent;
	steps = stats.steps < h->steps_seen ? 0 : stats.steps - h->steps_seen;  /* less: it began anew */
	h->steps_seen = stats.steps;
	h->segments_seen = stats.segments_in;
	h->segments_sent = stats.segments_out;
	if (steps > events * STEPS_MAX || world_breaks(world, "O15"))
		world_fail(world, "O15", "host %u: %llu steps for %llu segments", host, (unsigned long long)steps,
			   (unsigned long long)events);
}

void oracle_host(struct world *world, unsigned host)
{
	steps_judge(world, host);
	trace_judge(world, host);
	resets_judge(world, host);
	for (unsigned i = 0; i < world->actors; i++) {
		struct actor *actor = &world->actor[i];

		if (actor->host == host && actor->h && (actor->state == ACTOR_OPEN || actor->state == ACTOR_CONNECTING))
			connection_judge(world, actor);
	}
}

/* ---------------------------------------------------------------- O12: nothing is left */

void oracle_empty(struct world *world)
{
	for (unsigned i = 0; i < world->hosts; i++) {
		struct eleven_status status;
		struct eleven_stats s;
		uint64_t cursor = 0;

		eleven_stats(world->host[i].stack, &s);
		if (world_breaks(world, "O12"))
			s.buffer_bytes_used = 1;
		if (s.connections || s.syn_received || s.time_wait || s.buffer_bytes_used ||
		    eleven_status_next(world->host[i].stack, &cursor, &status))
			world_fail(world, "O12", "host %u: %u connections, %u in SYN-RECEIVED, %u in TIME-WAIT, "
				   "%llu bytes are left", i, s.connections, s.syn_received, s.time_wait,
				   (unsigned long long)s.buffer_bytes_used);
	}
}
