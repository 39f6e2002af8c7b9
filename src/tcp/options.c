/* SPDX-License-Identifier: MIT */
/* Negotiation and values of options; see options.h.  Does not know their bytes: wire/tcp.c does. */
#include "tcp/options.h"

#include "tcp/accurate.h"
#include "tcp/auth.h"
#include "tcp/connection.h"
#include "tcp/fastopen.h"

#define WSCALE_MAX 14                   /* RFC 7323 §2.3 */
#define TIMESTAMP_OPTION_BYTES 12
#define SACK_OPTION_BYTES(n) (4 + 8 * (n))

/* IP and TCP without options: §3.7.1, RFC 8200 §8.3. */
static uint32_t headers(const struct tcb *tcb)
{
	return tuple_is_v6(&tcb->tuple) ? 60 : 40;
}

uint32_t options_interface_mtu(const struct tcp *tcp, const struct tcb *tcb)
{
	const struct tcp_interface *interface = &tcp->interface[tcb->interface];

	return tuple_is_v6(&tcb->tuple) && interface->mtu_v6 ? interface->mtu_v6 : interface->mtu;
}

static uint32_t path_mtu(const struct tcp *tcp, const struct tcb *tcb)
{
	uint32_t mtu = options_interface_mtu(tcp, tcb);

	return tcb->path_mtu && tcb->path_mtu < mtu ? tcb->path_mtu : mtu;
}

uint16_t options_mss_offer(const struct tcp *tcp, const struct tcb *tcb)
{
	uint32_t mss = options_interface_mtu(tcp, tcb) - headers(tcb);

	if (tcb->mss_cap && tcb->mss_cap < mss)
		mss = tcb->mss_cap;
	return (uint16_t)min_u32(mss, 65535);
}

uint8_t options_wscale_offer(const struct tcb *tcb)
{
	uint8_t shift = 0;

	while (shift < WSCALE_MAX && (tcb->receive_buffer >> shift) > 65535)
		shift++;
	return shift;
}

void options_mss_update(struct tcp *tcp, struct tcb *tcb)
{
	uint32_t mss = min_u32(tcb->snd.mss_peer, path_mtu(tcp, tcb) - headers(tcb));

	if (tcb->mss_cap && tcb->mss_cap < mss)
		mss = tcb->mss_cap;
	if (tcb->timestamps)
		mss = mss > TIMESTAMP_OPTION_BYTES + 1 ? mss - TIMESTAMP_OPTION_BYTES : 1;
	if (tcb->auth) {
		unsigned room = auth_option_room(tcp, tcb);

		mss = mss > room + 1 ? mss - room : 1;
	}
	tcb->snd.mss = (uint16_t)max_u32(mss, 1);
}

void options_of_syn(const struct tcp *tcp, const struct tcb *tcb, struct tcp_options *out)
{
	bool answer = tcb->state != TCP_SYN_SENT;

	*out = (struct tcp_options){ .has_mss = true, .mss = options_mss_offer(tcp, tcb) };
	if (tcb->path_mtu > headers(tcb) && tcp->config.profile == ELEVEN_LINUX)       /* what is known of the path */
		out->mss = (uint16_t)min_u32(out->mss, tcb->path_mtu - headers(tcb));
	out->sack_permitted = answer ? tcb->sack : tcp->config.sack;
	if (answer ? tcb->window_scale : tcp->config.window_scaling) {
		out->has_wscale = true;
		out->wscale = answer ? tcb->rcv.wscale : options_wscale_offer(tcb);
	}
	/* With SACK and a signature of that length there is no room for both: what is lost matters more. */
	if (answer ? tcb->timestamps : tcp->config.timestamps && !(out->sack_permitted && auth_crowds(tcp, tcb))) {
		out->has_timestamps = true;
		out->tsval = timestamp_now(tcp, tcb);
		out->tsecr = answer ? tcb->ts.recent : 0;
	}
	if (answer && tcb->ecn.mode == ECN_ACCURATE && tcb->retries == 0 && tcp->config.accecn_option) {
		out->has_accecn = true; /* RFC 9768 §3.2.3.2: as they begin, and not when it goes again */
		out->accecn_count = TCP_ACCECN_MAX;
		out->accecn[0] = out->accecn[2] = 1;
	}
	if (tcb->auth)
		out->auth = auth_option(tcp, tcb, &out->auth_bytes);
	if (tcb->fast_open_offer) {
		fast_open_cookie(tcp, &tcb->tuple, out);
		out->fast_open_experiment = tcb->fast_open_experiment;
	}
}

/* How many SACK blocks are to go along now: they leave at least half of a segment to text. */
static unsigned sack_blocks(const struct tcp *tcp, const struct tcb *tcb)
{
	struct ranges *ranges = reassembly_of(tcp, tcb);
	unsigned n = tcb->timestamps ? TCP_SACK_MAX - 1 : TCP_SACK_MAX;
	unsigned taken = tcb->auth ? auth_option_room(tcp, tcb) + tcb->timestamps * TIMESTAMP_OPTION_BYTES : 0;
	bool duplicate = !seq_eq(tcb->rcv.dup_left, tcb->rcv.dup_right);

	n = min_u32(n, (ranges ? ranges->count : 0u) + duplicate);
	while (n > 0 && taken + SACK_OPTION_BYTES(n) > TCP_OPTIONS_MAX)
		n--;
	while (n > 0 && SACK_OPTION_BYTES(n) > tcb->snd.mss / 2)
		n--;
	return n;
}

/* What accurate ECN and SACK have beside the timestamps: counters give way to two blocks (RFC 9768 §3.2.3.3). */
struct extras {
	unsigned counters, blocks, bytes;
};

static struct extras extras_of(const struct tcp *tcp, const struct tcb *tcb)
{
	struct extras e = { .blocks = options_sack_due(tcb) ? sack_blocks(tcp, tcb) : 0 };
	unsigned room = TCP_OPTIONS_MAX - (tcb->timestamps ? TIMESTAMP_OPTION_BYTES : 0) -
			(tcb->auth ? auth_option_room(tcp, tcb) : 0);

	e.counters = accurate_option_due(tcp, tcb);
	if (e.counters > 2 && e.blocks > 1 && tcb->timestamps)
		e.counters = 2;
	while (e.counters > 0 && ((2 + 3 * e.counters + 3) & ~3u) > room)
		e.counters--;
	if (e.counters > 0) {
		e.bytes = (2 + 3 * e.counters + 3) & ~3u;
		while (e.blocks > 0 && e.bytes + SACK_OPTION_BYTES(e.blocks) > room)
			e.blocks--;
	}
	e.bytes += e.blocks ? SACK_OPTION_BYTES(e.blocks) : 0;
	return e;
}

uint32_t options_mss_with_extras(const struct tcp *tcp, const struct tcb *tcb)
{
	unsigned bytes = extras_of(tcp, tcb).bytes;

	return bytes < tcb->snd.mss ? tcb->snd.mss - bytes : 1;
}

void options_of_segment(struct tcp *tcp, const struct tcb *tcb, struct tcp_options *out, bool with_sack)
{
	struct seq_range recent[TCP_SACK_MAX];
	struct ranges *ranges;
	struct extras extras;
	unsigned n;

	*out = (struct tcp_options){ 0 };
	if (tcb->timestamps) {
		out->has_timestamps = true;
		out->tsval = timestamp_now(tcp, tcb);
		out->tsecr = tcb->ts.recent;
	}
	if (tcb->auth)
		out->auth = auth_option(tcp, tcb, &out->auth_bytes);
	if (!with_sack)
		return;
	extras = extras_of(tcp, tcb);
	if (extras.counters > 0)
		accurate_option(tcp, tcb, out, extras.counters);
	n = extras.blocks;
	if (n == 0)
		return;
	ranges = reassembly_of(tcp, tcb);
	if (!seq_eq(tcb->rcv.dup_left, tcb->rcv.dup_right)) {
		out->sack[0].left = tcb->rcv.dup_left;
		out->sack[0].right = tcb->rcv.dup_right;
		out->sack_count = 1;
		n--;
	}
	n = ranges ? ranges_recent(ranges, recent, n) : 0;
	if (ranges) {
		tcp->steps += ranges->steps;
		ranges->steps = 0;
	}
	for (unsigned i = 0; i < n; i++, out->sack_count++) {
		out->sack[out->sack_count].left = recent[i].left;
		out->sack[out->sack_count].right = recent[i].right;
	}
}

void options_negotiate(struct tcp *tcp, struct tcb *tcb, const struct tcp_options *syn)
{
	tcb->snd.mss_peer = syn->has_mss ? syn->mss : mss_default(&tcb->tuple);
	if (tcb->snd.mss_peer < tcp->config.mss_least)
		tcb->snd.mss_peer = (uint16_t)tcp->config.mss_least;
	tcb->sack = tcp->config.sack && syn->sack_permitted;
	tcb->timestamps = tcp->config.timestamps && syn->has_timestamps && !(tcb->sack && auth_crowds(tcp, tcb));
	tcb->window_scale = tcp->config.window_scaling && syn->has_wscale;
	if (tcb->window_scale) {
		tcb->snd.wscale = syn->wscale > WSCALE_MAX ? WSCALE_MAX : syn->wscale;
		tcb->rcv.wscale = options_wscale_offer(tcb);
	} else {
		tcb->snd.wscale = tcb->rcv.wscale = 0;
	}
	if (tcb->timestamps) {
		tcb->ts.recent = syn->tsval;
		tcb->ts.recent_at = tcp->now;
	}
	options_mss_update(tcp, tcb);
}

uint32_t timestamp_now(const struct tcp *tcp, const struct tcb *tcb)
{
	return timestamp_at(tcb, tcp->now);
}

uint32_t timestamp_at(const struct tcb *tcb, uint64_t then)
{
	return (uint32_t)(then / 1000000u) + tcb->ts.offset;            /* 1 ms: RFC 7323 §5.4 */
}

bool options_echo_plausible(const struct tcp *tcp, const struct tcb *tcb, const struct segment *seg)
{
	uint32_t first = (uint32_t)(tcb->opened / 1000000u) + tcb->ts.offset;
	uint32_t echo = seg->options.tsecr;

	if (!seg->has_ack || !seg->options.has_timestamps || echo == 0)
		return true;
	return echo - first <= timestamp_now(tcp, tcb) - first;
}

/* What nobody else can know of a 4-tuple: the lower half is RFC 6528's F, the upper the offset of our timestamps. */
static uint64_t tuple_secret(const struct tcp *tcp, const struct tuple *tuple)
{
	uint8_t bytes[36];

	memcpy(bytes, tuple->local.bytes, 16);
	memcpy(bytes + 16, tuple->remote.bytes, 16);
	store_be16(bytes + 32, tuple->local_port);
	store_be16(bytes + 34, tuple->remote_port);
	return siphash(&tcp->iss_key, bytes, sizeof(bytes));
}

uint32_t timestamp_offset(const struct tcp *tcp, const struct tuple *tuple)
{
	return (uint32_t)(tuple_secret(tcp, tuple) >> 32);
}

static struct seq iss_now(const struct tcp *tcp, uint64_t secret)
{
	return seq_of((uint32_t)(tcp->now / 4000u) + (uint32_t)secret); /* M: a step each 4 us (§3.4.1 MUST-8) */
}

struct seq iss_choose(const struct tcp *tcp, const struct tuple *tuple)
{
	return iss_now(tcp, tuple_secret(tcp, tuple));
}

void numbers_choose(const struct tcp *tcp, struct tcb *tcb)
{
	uint64_t secret = tuple_secret(tcp, &tcb->tuple);

	tcb->snd.iss = iss_now(tcp, secret);
	tcb->ts.offset = (uint32_t)(secret >> 32);
}

struct seq iss_after(const struct tcp *tcp, const struct tcb *before)
{
	struct seq iss = iss_choose(tcp, &before->tuple);
	struct seq least = seq_add(before->snd.max, 65537);     /* as Linux and BSD: past all that may still travel */

	return seq_gt(iss, least) ? iss : least;
}
