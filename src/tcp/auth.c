/* SPDX-License-Identifier: MIT */
/* Checking and signing of segments; see auth.h. */
#include "tcp/auth.h"

#include <errno.h>

#include "base/digest.h"
#include "tcp/connection.h"
#include "tcp/options.h"

#define KEY_ID_AT   2                   /* in the option */
#define NEXT_ID_AT  3
#define AO_MAC_AT   4
#define MD5_AT      2

/* ---- what the numbers of a connection are */

/* Initial numbers: ours and the peer's. */
struct numbers {
	struct seq ours, theirs;
};

/*
 * Of a connection they are known; a listener takes them from the segment, which is the third ACK of a cookie, or
 * nothing that it has a use for.
 */
static struct numbers numbers_of(const struct tcb *tcb, const struct segment *seg)
{
	if (tcb->state == TCP_LISTEN && tcb->kind == KIND_TCB)
		return (struct numbers){ seq_sub(seg->ack, 1), seq_sub(seg->seq, 1) };
	return (struct numbers){ tcb->snd.iss, tcb->rcv.irs };
}

/* The two numbers with their extensions keep up with the connection before each use. */
static void numbers_follow(struct auth *auth, const struct tcb *tcb)
{
	if (!auth->numbered) {
		auth->sent = tcb->snd.iss.value;
		auth->received = tcb->rcv.irs.value;
		auth->numbered = synchronized(tcb);
	}
	auth->sent = sequence_extended(auth->sent, tcb->snd.una);
	if (tcb->state != TCP_SYN_SENT)
		auth->received = sequence_extended(auth->received, tcb->rcv.nxt);
}

static bool own(const struct tcb *tcb)
{
	return tcb->kind == KIND_TCB && tcb->state != TCP_LISTEN;
}

static uint32_t extension_in(struct auth *auth, const struct tcb *tcb, const struct numbers *n, struct seq at)
{
	if (!own(tcb) || tcb->state == TCP_SYN_SENT)
		return (uint32_t)(sequence_extended(n->theirs.value, at) >> 32);
	numbers_follow(auth, tcb);
	return (uint32_t)(sequence_extended(auth->received, at) >> 32);
}

static uint32_t extension_out(struct auth *auth, const struct tcb *tcb, struct seq at)
{
	if (!own(tcb))
		return (uint32_t)(sequence_extended(tcb->snd.iss.value, at) >> 32);
	numbers_follow(auth, tcb);
	return (uint32_t)(sequence_extended(auth->sent, at) >> 32);
}

/* ---- traffic keys */

/* RFC 5925 §5.2: a SYN knows nothing of the other end's number yet. */
static void key_in(struct auth_key *key, const struct tcb *tcb, const struct tuple *tuple, const struct numbers *n,
		   const struct segment *seg, uint8_t out[TRAFFIC_KEY_MAX])
{
	bool first = seg->syn && !seg->has_ack;
	struct ao_context context = {
		&tuple->remote, &tuple->local, tuple->remote_port, tuple->local_port,
		seg->syn ? seg->seq : n->theirs, first ? seq_of(0) : n->ours,
	};

	if (own(tcb) && synchronized(tcb) && !seg->syn) {
		if (!key->derived) {
			struct ao_context back = { &tuple->local, &tuple->remote, tuple->local_port,
						   tuple->remote_port, n->ours, n->theirs };

			traffic_key_derive(&key->key, &context, key->receive);
			traffic_key_derive(&key->key, &back, key->send);
			key->derived = true;
		}
		memcpy(out, key->receive, TRAFFIC_KEY_MAX);
		return;
	}
	traffic_key_derive(&key->key, &context, out);
}

static void key_out(const struct auth_key *key, const struct tcb *tcb, bool first, uint8_t out[TRAFFIC_KEY_MAX])
{
	const struct tuple *tuple = &tcb->tuple;
	struct ao_context context = { &tuple->local, &tuple->remote, tuple->local_port, tuple->remote_port,
				      tcb->snd.iss, first ? seq_of(0) : tcb->rcv.irs };

	if (own(tcb) && key->derived && !first)
		memcpy(out, key->send, TRAFFIC_KEY_MAX);
	else
		traffic_key_derive(&key->key, &context, out);
}

/* ---- in */

static struct signed_segment arrived(const struct arrival *arrival, const struct segment *seg,
				     struct eleven_slice *text)
{
	*text = (struct eleven_slice){ arrival->bytes + seg->header_bytes, arrival->length - seg->header_bytes };
	return (struct signed_segment){
		.source = &arrival->source, .destination = &arrival->destination,
		.header = arrival->bytes, .header_bytes = seg->header_bytes,
		.auth_at = seg->options.auth_at, .auth_bytes = seg->options.auth_bytes,
		.text = text, .slices = 1, .text_bytes = text->length,
	};
}

static bool md5_right(struct tcp *tcp, struct tcb *tcb, struct auth_key *key, const struct arrival *arrival,
		      const struct segment *seg)
{
	struct eleven_slice text;
	struct signed_segment s = arrived(arrival, seg, &text);
	uint8_t mac[MD5_BYTES];

	signature_md5(&s, key->key.bytes, key->key.length, mac);
	if (digest_equal(mac, arrival->bytes + s.auth_at + MD5_AT, MD5_BYTES)) {
		key->good++;
		return true;
	}
	key->bad++;
	rule(tcp, tcb, AUTH_MD5_WRONG);
	return false;
}

/* RFC 5925 §7.5.1: the peer may ask for another key, which is used if it is there. */
static void key_change(struct tcp *tcp, struct tcb *tcb, struct auth *auth, int wanted)
{
	struct auth_key *key = auth_ao(tcp, auth, &tcb->tuple.remote, wanted, -1);
	uint32_t index;

	if (key == NULL)
		return;
	index = pool_index(&tcp->auth_keys, key);
	if (auth->current == index)
		return;
	auth->current = index;
	rule(tcp, tcb, AUTH_KEY_CHANGED);
	if (synchronized(tcb))
		options_mss_update(tcp, tcb);   /* its MAC may be of another length */
}

static bool ao_right(struct tcp *tcp, struct tcb *tcb, struct auth *auth, const struct arrival *arrival,
		     const struct segment *seg)
{
	struct tuple tuple = { arrival->destination, arrival->source, seg->destination_port, seg->source_port };
	const uint8_t *option = arrival->bytes + seg->options.auth_at;
	struct auth_key *key = auth_ao(tcp, auth, &arrival->source, -1, option[KEY_ID_AT]);
	struct numbers n = numbers_of(tcb, seg);
	uint8_t traffic[TRAFFIC_KEY_MAX], mac[TRAFFIC_KEY_MAX];
	struct eleven_slice text;
	struct signed_segment s = arrived(arrival, seg, &text);

	if (key == NULL) {
		auth->key_unknown++;
		rule(tcp, tcb, AUTH_KEY_UNKNOWN);
		return false;
	}
	if (seg->options.auth_bytes == AO_MAC_AT + key->key.mac_bytes) {
		key_in(key, tcb, &tuple, &n, seg, traffic);
		signature_ao(&s, &key->key, traffic, seg->syn ? 0 : extension_in(auth, tcb, &n, seg->seq), mac);
		if (digest_equal(mac, option + AO_MAC_AT, key->key.mac_bytes)) {
			key->good++;
			auth->good++;
			if (own(tcb)) {
				key_change(tcp, tcb, auth, option[NEXT_ID_AT]);
			} else {
				tcb->auth_send_id = option[NEXT_ID_AT];
				tcb->auth_next_id = option[KEY_ID_AT];
			}
			return true;
		}
	}
	key->bad++;
	auth->bad++;
	rule(tcp, tcb, AUTH_WRONG);
	return false;
}

static bool unsound(struct tcp *tcp, struct tcb *tcb, const struct segment *seg)
{
	if (!(seg->options.auth & TCP_AUTH_BAD))
		return false;
	rule(tcp, tcb, AUTH_OPTION_BAD);
	return true;
}

static bool unmatched(struct tcp *tcp, struct tcb *tcb)
{
	if (tcp->config.auth_unmatched_dropped)
		rule(tcp, tcb, AUTH_UNMATCHED);
	else
		rule(tcp, tcb, AUTH_UNMATCHED_TAKEN);
	return tcp->config.auth_unmatched_dropped == 0;
}

bool auth_accepts_stray(struct tcp *tcp, const struct segment *seg)
{
	return !unsound(tcp, NULL, seg) && (seg->options.auth == 0 || unmatched(tcp, NULL));
}

bool auth_accepts(struct tcp *tcp, struct tcb *tcb, const struct arrival *arrival, const struct segment *seg)
{
	struct auth *auth = auth_of(tcp, tcb);
	struct auth_key *md5 = auth ? auth_md5(tcp, auth, &arrival->source) : NULL;
	bool ao = auth && auth_ao(tcp, auth, &arrival->source, -1, -1);

	if (unsound(tcp, tcb, seg))
		return false;
	if (ao && (seg->options.auth & TCP_AUTH_AO))
		return ao_right(tcp, tcb, auth, arrival, seg);
	if (md5 && (seg->options.auth & TCP_AUTH_MD5))
		return md5_right(tcp, tcb, md5, arrival, seg);
	if (ao || md5 || (auth && auth->required)) {
		auth->unsigned_segments++;
		rule(tcp, tcb, AUTH_MISSING);
		return false;
	}
	return seg->options.auth == 0 || unmatched(tcp, tcb);
}

bool auth_ignores(struct tcp *tcp, struct tcb *tcb, const struct tcp_error *error)
{
	struct auth *auth = auth_of(tcp, tcb);
	/* Of ICMP codes 2 to 4 of unreachable, of ICMPv6 codes 1 and 4; Packet Too Big is neither. */
	bool told = error->hard || (error->mtu && !tuple_is_v6(&error->tuple));

	if (!told || auth->icmp_heeded || !auth_ao(tcp, auth, &error->tuple.remote, -1, -1))
		return false;
	auth->icmp_ignored++;
	rule(tcp, tcb, AUTH_ICMP_IGNORED);
	return true;
}

/* ---- out */

/* The key of TCP-AO that is sent with, and the one that is asked for. */
static struct auth_key *ao_out(const struct tcp *tcp, const struct tcb *tcb, const struct auth *auth, uint8_t *next)
{
	struct auth_key *key = NULL, *wanted = NULL;

	if (own(tcb)) {
		key = auth->current == NONE ? NULL : auth_key_at(tcp, auth->current);
		wanted = auth->next == NONE ? NULL : auth_key_at(tcp, auth->next);
	} else {
		key = auth_ao(tcp, auth, &tcb->tuple.remote, tcb->auth_send_id, -1);
		wanted = auth_ao(tcp, auth, &tcb->tuple.remote, -1, tcb->auth_next_id);
		if (key == NULL)
			key = wanted;
	}
	if (next && key)
		*next = wanted ? wanted->key.receive_id : key->key.receive_id;
	return key;
}

uint8_t auth_option(const struct tcp *tcp, const struct tcb *tcb, uint8_t *bytes)
{
	const struct auth *auth = auth_of(tcp, tcb);
	const struct auth_key *key = auth ? ao_out(tcp, tcb, auth, NULL) : NULL;

	*bytes = key ? (uint8_t)(AO_MAC_AT + key->key.mac_bytes) : TCP_MD5_BYTES;
	if (key)
		return TCP_AUTH_AO;
	return auth && auth_md5(tcp, auth, &tcb->tuple.remote) ? TCP_AUTH_MD5 : 0;
}

unsigned auth_option_room(const struct tcp *tcp, const struct tcb *tcb)
{
	uint8_t bytes;

	return tcb->auth && auth_option(tcp, tcb, &bytes) ? (bytes + 3u) & ~3u : 0;
}

bool auth_crowds(const struct tcp *tcp, const struct tcb *tcb)
{
	return auth_option_room(tcp, tcb) > 16;
}

void auth_sign(struct tcp *tcp, const struct tcb *tcb, struct tcp_out *out)
{
	struct auth *auth = auth_of(tcp, tcb);
	struct signed_segment s = {
		.source = &tcb->tuple.local, .destination = &tcb->tuple.remote,
		.header = out->header, .header_bytes = out->header_bytes,
		.text = out->slice, .slices = out->slices, .text_bytes = out->text_bytes,
	};
	bool syn = out->header[13] & TCP_FLAG_SYN, first = syn && !(out->header[13] & TCP_FLAG_ACK);
	uint8_t mac[TRAFFIC_KEY_MAX], traffic[TRAFFIC_KEY_MAX], *option, bytes, next;
	uint8_t which = auth_option(tcp, tcb, &bytes);
	struct auth_key *key;
	struct seq seq = seq_of(load_be32(out->header + 4));

	if (which == 0)
		return;
	CHECK(out->header_bytes >= TCP_HEADER_MIN + bytes);
	s.auth_at = (unsigned)out->header_bytes - bytes;
	s.auth_bytes = bytes;
	option = out->header + s.auth_at;
	CHECK(option[0] == (which == TCP_AUTH_MD5 ? TCP_OPTION_MD5 : TCP_OPTION_AO) && option[1] == bytes);
	if (which == TCP_AUTH_MD5) {
		key = auth_md5(tcp, auth, &tcb->tuple.remote);
		signature_md5(&s, key->key.bytes, key->key.length, option + MD5_AT);
		return;
	}
	key = ao_out(tcp, tcb, auth, &next);
	option[KEY_ID_AT] = key->key.send_id;
	option[NEXT_ID_AT] = next;
	key_out(key, tcb, first, traffic);
	signature_ao(&s, &key->key, traffic, syn ? 0 : extension_out(auth, tcb, seq), mac);
	memcpy(option + AO_MAC_AT, mac, key->key.mac_bytes);
}
