/* SPDX-License-Identifier: MIT */
/* TCP Fast Open (RFC 7413); see fastopen.h. */
#include "tcp/fastopen.h"

#include "tcp/connection.h"
#include "tcp/options.h"
#include "tcp/record.h"
#include "tcp/recovery.h"
#include "tcp/steps.h"

enum { TRY_NOT, TRY_NEXT, TRY_OVER };   /* experiment_tried of a peer */
#define COOKIE_BYTES 8                  /* that we give */
#define PAUSE_NS SEC(60)                /* after the first SYN with text was lost; doubles with each */
#define PAUSE_DOUBLINGS_MAX 10
#define RESET_NS SEC(60)                /* a reset one counts at the listener so long (§5.1) */

/* ---- client */

static struct fast_open_peer *peer_of(const struct tcp *tcp, const struct address *remote)
{
	for (unsigned i = 0; i < tcp->config.fast_open_peers_max; i++)
		if (tcp->fast_open_peers[i].used_at && address_eq(&tcp->fast_open_peers[i].remote, remote))
			return &tcp->fast_open_peers[i];
	return NULL;
}

/* A place for the peer: its own, a free one, or that of the one not used for the longest time. */
static struct fast_open_peer *peer_take(struct tcp *tcp, const struct address *remote)
{
	struct fast_open_peer *peer = peer_of(tcp, remote), *oldest = tcp->fast_open_peers;

	if (peer)
		return peer;
	for (unsigned i = 1; i < tcp->config.fast_open_peers_max; i++)
		if (tcp->fast_open_peers[i].used_at < oldest->used_at)
			oldest = &tcp->fast_open_peers[i];
	*oldest = (struct fast_open_peer){ .remote = *remote };
	return oldest;
}

/* §4.1.3.1: SYNs with text, or with the option, were lost on the way to it, and not long ago. */
static bool paused(const struct tcp *tcp, const struct fast_open_peer *peer)
{
	unsigned doublings = min_u32(peer->losses, PAUSE_DOUBLINGS_MAX + 1);

	return doublings > 0 && tcp->now < peer->lost_at + (PAUSE_NS << (doublings - 1));
}

static bool client_may(const struct tcp *tcp, const struct tcb *tcb, const struct fast_open_peer *peer)
{
	/* Beside a signature there is no room for a cookie. */
	return tcb->fast_open && !tcb->auth && (tcp->config.fast_open & FAST_OPEN_CLIENT) &&
	       !(peer && paused(tcp, peer));
}

bool fast_open_waits(struct tcp *tcp, struct tcb *tcb)
{
	const struct fast_open_peer *peer = tcb->fast_open ? peer_of(tcp, &tcb->tuple.remote) : NULL;
	bool cookie = peer && peer->cookie_bytes > 0;

	if (!client_may(tcp, tcb, peer) || !(cookie || (tcp->config.fast_open & FAST_OPEN_CLIENT_BARE)))
		return false;
	if (cookie) {
		tcb->snd.mss_peer = peer->mss;
		options_mss_update(tcp, tcb);
	}
	return true;
}

void fast_open_text(struct tcp *tcp, struct tcb *tcb)
{
	tcb->fast_open_waits = false;
	tcb->want.syn = true;
	tcb_ready(tcp, tcb);
}

void fast_open_syn(struct tcp *tcp, struct tcb *tcb, struct segment *seg)
{
	struct fast_open_peer *peer = tcb->fast_open ? peer_of(tcp, &tcb->tuple.remote) : NULL;
	struct tcp_options *o = &seg->options;
	uint32_t most;

	if (tcb->state != TCP_SYN_SENT || !client_may(tcp, tcb, peer) || tcb->retries > 0)
		return;
	if (!(tcp->config.fast_open & FAST_OPEN_CLIENT_BARE) || (peer && peer->cookie_bytes > 0)) {
		o->has_fast_open = true;
		o->fast_open_experiment = peer && (peer->cookie_bytes > 0 ? peer->experiment :
						   peer->experiment_tried == TRY_NEXT);
		tcb->fast_open_experiment = o->fast_open_experiment;
		tcb->fast_open_asked = true;
		rule(tcp, tcb, FAST_OPEN_ASKED);
		if (peer == NULL || peer->cookie_bytes == 0)
			return;
		o->fast_open_bytes = peer->cookie_bytes;
		memcpy(o->fast_open, peer->cookie, peer->cookie_bytes);
		peer->used_at = tcp->now + 1;
	}
	most = tcb->snd.mss + (tcb->timestamps ? 12u : 0);
	most = most > TCP_OPTIONS_MAX ? most - TCP_OPTIONS_MAX : 0;
	seg->text_bytes = min_u32(ring_used(&tcb->send_ring), most);
	tcb->fast_open_text = seg->text_bytes > 0;
	if (tcb->fast_open_text)
		rule(tcp, tcb, FAST_OPEN_TEXT_SENT);
}

static void peer_learn(struct tcp *tcp, struct tcb *tcb, const struct segment *seg)
{
	const struct tcp_options *o = &seg->options;
	bool cookie = o->has_fast_open && o->fast_open_bytes > 0;
	bool lost = tcb->retries > 0 && !cookie;        /* answered only without the option */
	/* Linux: asked for a cookie and got none, so next time by the option that was before RFC 7413's; once. */
	bool try = tcp->config.profile == ELEVEN_LINUX && !cookie && !lost && !tcb->fast_open_text;
	struct fast_open_peer *peer = cookie || lost || try ? peer_take(tcp, &tcb->tuple.remote) :
						       peer_of(tcp, &tcb->tuple.remote);

	if (peer == NULL)
		return;
	peer->used_at = tcp->now + 1;
	peer->mss = tcb->snd.mss_peer;
	if (cookie) {
		peer->cookie_bytes = o->fast_open_bytes;
		memcpy(peer->cookie, o->fast_open, o->fast_open_bytes);
		peer->experiment = o->fast_open_experiment;
	} else if (try && peer->cookie_bytes == 0) {
		uint8_t tried = tcb->fast_open_experiment ? TRY_OVER : TRY_NEXT;

		if (tried > peer->experiment_tried)
			peer->experiment_tried = tried;
	}
	if (lost) {
		rule(tcp, tcb, FAST_OPEN_PAUSED);
		peer->losses += peer->losses < UINT8_MAX;
		peer->lost_at = tcp->now;
	} else if (seq_gt(seg->ack, seq_add(tcb->snd.iss, 1))) {
		peer->losses = 0;
	}
}

void fast_open_answered(struct tcp *tcp, struct tcb *tcb, const struct segment *seg)
{
	uint32_t taken = seq_distance(seg->ack, tcb->snd.iss) - 1;

	if (tcb->fast_open_asked)
		peer_learn(tcp, tcb, seg);
	if (!tcb->fast_open_text)
		return;
	tcb->syn_text_taken = taken > 0;
	if (taken > 0)
		rule(tcp, tcb, FAST_OPEN_TEXT_TAKEN);
	else
		rule(tcp, tcb, FAST_OPEN_TEXT_REFUSED);
	ring_consume(&tcb->send_ring, taken);
	if (ring_used(&tcb->send_ring) == 0)
		ring_release(&tcb->send_ring, &tcp->buffers);
	tcb->snd.nxt = seg->ack;        /* what was not taken goes with the third ACK (§4.2.2) */
	tcb->delivered += taken;
	if (seq_eq(seg->ack, tcb->snd.end))
		tcb_signal(tcp, tcb, ELEVEN_SIGNAL_ACKED);
}

/* ---- server */

static uint64_t key_word(const uint8_t *bytes)
{
	return (uint64_t)__builtin_bswap32(load_be32(bytes + 4)) << 32 | __builtin_bswap32(load_be32(bytes));
}

void tcp_fast_open_key(struct tcp *tcp, const uint8_t key[16])
{
	tcp->fast_open_key[1] = tcp->fast_open_key[0];
	tcp->fast_open_key_before = true;
	tcp->fast_open_key[0] = (struct siphash_key){ key_word(key), key_word(key + 8) };
}

/* As Linux: of the addresses as they stand in the IP header, so that hosts behind one name may share a key. */
static void cookie_of(const struct siphash_key *key, const struct tuple *tuple, uint8_t out[COOKIE_BYTES])
{
	bool v4 = address_is_v4(&tuple->remote);
	uint8_t addresses[32];
	unsigned bytes = v4 ? 4 : 16, skip = 16 - bytes;
	uint64_t mac;

	memcpy(addresses, tuple->remote.bytes + skip, bytes);
	memcpy(addresses + bytes, tuple->local.bytes + skip, bytes);
	mac = siphash(key, addresses, 2 * bytes);
	for (unsigned i = 0; i < COOKIE_BYTES; i++)
		out[i] = (uint8_t)(mac >> 8 * i);
}

void fast_open_cookie(const struct tcp *tcp, const struct tuple *tuple, struct tcp_options *out)
{
	out->has_fast_open = true;
	out->fast_open_bytes = COOKIE_BYTES;
	cookie_of(&tcp->fast_open_key[0], tuple, out->fast_open);
}

/* Under which key is it right? -1: none. */
static int cookie_key(const struct tcp *tcp, const struct tuple *tuple, const struct tcp_options *options)
{
	uint8_t right[COOKIE_BYTES];

	if (options->fast_open_bytes != COOKIE_BYTES)
		return -1;
	for (int i = 0; i < 2; i++) {
		uint8_t differs = 0;

		if (i == 1 && !tcp->fast_open_key_before)
			return -1;
		cookie_of(&tcp->fast_open_key[i], tuple, right);
		for (unsigned j = 0; j < COOKIE_BYTES; j++)
			differs |= right[j] ^ options->fast_open[j];
		if (differs == 0)
			return i;
	}
	return -1;
}

/* §4.2: so many may be in SYN-RECEIVED; those that were reset not long ago count too. */
static bool listener_full(const struct tcp *tcp, struct tcb *listener)
{
	if (listener->fast_open_resets > 0 && tcp->now >= listener->fast_open_reset_at + RESET_NS)
		listener->fast_open_resets = 0;
	return listener->fast_open_pending + listener->fast_open_resets >= listener->fast_open_limit;
}

/* May this SYN open fast?  Raises `offer` when the answer should bring a cookie. */
static bool syn_allowed(struct tcp *tcp, struct tcb *listener, const struct tcb *tcb, const struct segment *seg,
			bool *offer)
{
	const struct tcp_options *o = &seg->options;
	int key;

	*offer = false;
	if (!(tcp->config.fast_open & FAST_OPEN_SERVER) || listener->fast_open_limit == 0 || tcb->auth)
		return false;
	if (listener_full(tcp, listener)) {
		if (o->has_fast_open || seg->text_bytes > 0)
			rule(tcp, listener, FAST_OPEN_FULL);
		return false;
	}
	if ((tcp->config.fast_open & FAST_OPEN_SERVER_BARE) && seg->text_bytes > 0)
		return true;
	if (!o->has_fast_open)
		return false;
	key = cookie_key(tcp, &tcb->tuple, o);
	*offer = key != 0;
	if (key >= 0)
		return true;
	if (o->fast_open_bytes > 0)
		rule(tcp, listener, FAST_OPEN_COOKIE_BAD);
	else
		rule(tcp, listener, FAST_OPEN_COOKIE_ASKED);
	return false;
}

struct tcb *fast_open_accept(struct tcp *tcp, struct tcb *listener, struct tcb *tcb, const struct segment *seg)
{
	struct work w = { .tcp = tcp, .seg = *seg };
	struct tcb *child;
	bool offer;

	if (!syn_allowed(tcp, listener, tcb, seg, &offer)) {
		tcb->fast_open_offer = offer;
		tcb->fast_open_experiment = seg->options.fast_open_experiment;
		return NULL;
	}
	child = w.tcb = syn_received_promote(tcp, NULL, tcb);
	if (child == NULL)
		return NULL;
	tcb_set_state(tcp, child, TCP_SYN_RECEIVED, RULE_LISTEN_FAST_OPEN);
	child->fast_open_offer = offer;
	child->fast_open_experiment = seg->options.fast_open_experiment;
	child->fast_open_child = child->fast_open_counts = true;
	child->fast_open_listener = tcb_index(tcp, listener);
	child->fast_open_listener_generation = listener->generation;
	listener->fast_open_pending++;
	child->snd.nxt = child->snd.max = child->snd.una = child->snd.iss;
	child->snd.wnd = child->snd.wnd_max = seg->window;
	child->segments_in = 1;
	options_mss_update(tcp, child);
	recovery_begin(tcp, child);
	if (seg->text_bytes > 0) {
		text_keep_early(tcp, child, seg);
		text_early_due(&w);
		child->want.ack_now = false;
		child->syn_text_taken = true;
		if (tcp->config.profile == ELEVEN_LINUX) {      /* its window is that of a SYN-ACK without text */
			uint32_t bytes = ring_used(&child->receive_ring);

			child->rcv.limit += bytes;
			child->rcv.edge = seq_add(child->rcv.edge, bytes);
		}
	}
	queue_append(tcp, listener, child);
	tcb_signal(tcp, listener, ELEVEN_SIGNAL_ACCEPT);
	child->want.syn = true;
	tcb_ready(tcp, child);
	return child;
}

void fast_open_settled(struct tcp *tcp, struct tcb *tcb)
{
	struct tcb *listener = tcb_at(tcp, tcb->fast_open_listener);

	tcb->fast_open_counts = false;
	if (listener->kind != KIND_TCB || listener->generation != tcb->fast_open_listener_generation ||
	    listener->state != TCP_LISTEN)
		return;
	listener->fast_open_pending--;
	if (tcb->state == TCP_CLOSED && tcb->rule == RULE_RST_RESET) {
		listener->fast_open_resets++;
		listener->fast_open_reset_at = tcp->now;
	}
}
