/* SPDX-License-Identifier: MIT */
/* Whose keys: the program's calls, listeners and children; see auth.h. */
#include <errno.h>

#include "tcp/auth.h"
#include "tcp/connection.h"
#include "tcp/options.h"

#define AO_MAC_DEFAULT 12               /* RFC 5926 §3.2: both are of 96 bits */
#define AO_MAC_LEAST   4
#define AO_MAC_MOST    16               /* what a SYN's options leave */

struct auth *auth_of(const struct tcp *tcp, const struct tcb *tcb)
{
	return tcb->auth ? pool_at(&tcp->auths, tcb->auth - 1) : NULL;
}

struct auth_key *auth_key_at(const struct tcp *tcp, uint32_t index)
{
	return pool_at(&tcp->auth_keys, index);
}

/* ---- which key */

static struct address address_of(const struct eleven_key *key)
{
	struct address address;

	memcpy(address.bytes, key->peer.bytes, sizeof(address.bytes));
	return address;
}

static bool bits_equal(const struct address *a, const struct address *b, unsigned bits)
{
	if (memcmp(a->bytes, b->bytes, bits / 8) != 0)
		return false;
	return bits % 8 == 0 || (a->bytes[bits / 8] ^ b->bytes[bits / 8]) >> (8 - bits % 8) == 0;
}

/* `bits` of a prefix of its family. */
static bool within(const struct address *address, const struct address *prefix, unsigned bits)
{
	bool v4 = address_is_v4(prefix);

	return v4 == address_is_v4(address) && bits_equal(address, prefix, bits + (v4 ? 96 : 0));
}

static bool for_peer(const struct eleven_key *key, const struct address *peer)
{
	struct address prefix = address_of(key);

	return within(peer, &prefix, key->prefix_bits);
}

/* Is there an address that both are for? */
static bool overlap(const struct eleven_key *a, const struct eleven_key *b)
{
	struct address x = address_of(a), y = address_of(b);

	return within(&x, &y, a->prefix_bits < b->prefix_bits ? a->prefix_bits : b->prefix_bits);
}

struct auth_key *auth_md5(const struct tcp *tcp, const struct auth *auth, const struct address *peer)
{
	struct auth_key *best = NULL;

	for (uint32_t i = auth->keys; i != NONE; i = auth_key_at(tcp, i)->link) {
		struct auth_key *key = auth_key_at(tcp, i);

		if (key->key.algorithm == ELEVEN_TCP_MD5 && for_peer(&key->key, peer) &&
		    (best == NULL || key->key.prefix_bits > best->key.prefix_bits))
			best = key;
	}
	return best;
}

struct auth_key *auth_ao(const struct tcp *tcp, const struct auth *auth, const struct address *peer, int send_id,
			 int receive_id)
{
	for (uint32_t i = auth->keys; i != NONE; i = auth_key_at(tcp, i)->link) {
		struct auth_key *key = auth_key_at(tcp, i);

		if (key->key.algorithm != ELEVEN_TCP_MD5 && for_peer(&key->key, peer) &&
		    (send_id < 0 || key->key.send_id == send_id) &&
		    (receive_id < 0 || key->key.receive_id == receive_id))
			return key;
	}
	return NULL;
}

/* ---- what a TCB has */

static struct auth *auth_create(struct tcp *tcp, struct tcb *tcb)
{
	struct auth *auth = pool_take(&tcp->auths);

	if (auth == NULL)
		return NULL;
	*auth = (struct auth){ .keys = NONE, .current = NONE, .next = NONE };
	tcb->auth = pool_index(&tcp->auths, auth) + 1;
	return auth;
}

/* Behind the others: the first that was given is the first that is used. */
static struct auth_key *key_append(struct tcp *tcp, struct auth *auth, const struct eleven_key *given)
{
	struct auth_key *key = pool_take(&tcp->auth_keys);
	uint32_t *link = &auth->keys;

	if (key == NULL)
		return NULL;
	*key = (struct auth_key){ .link = NONE, .key = *given };
	while (*link != NONE)
		link = &auth_key_at(tcp, *link)->link;
	*link = pool_index(&tcp->auth_keys, key);
	return key;
}

static void key_give(struct tcp *tcp, struct auth_key *key)
{
	memset(key, 0, sizeof(*key));   /* nothing of it stays */
	pool_give(&tcp->auth_keys, key);
}

void auth_release(struct tcp *tcp, struct tcb *tcb)
{
	struct auth *auth = auth_of(tcp, tcb);

	tcb->auth = 0;
	if (auth == NULL)
		return;
	while (auth->keys != NONE) {
		struct auth_key *key = auth_key_at(tcp, auth->keys);

		auth->keys = key->link;
		key_give(tcp, key);
	}
	pool_give(&tcp->auths, auth);
}

void auth_refer(const struct tcp *tcp, struct tcb *tcb, const struct tcb *listener)
{
	const struct auth *auth = auth_of(tcp, listener);
	const struct address *peer = &tcb->tuple.remote;

	if (auth == NULL || !(auth->required || auth_ao(tcp, auth, peer, -1, -1) || auth_md5(tcp, auth, peer)))
		return;
	tcb->auth = listener->auth;
	tcb->auth_send_id = listener->auth_send_id;
	tcb->auth_next_id = listener->auth_next_id;
}

static uint32_t index_of(const struct tcp *tcp, const struct auth_key *key)
{
	return key ? pool_index(&tcp->auth_keys, key) : NONE;
}

bool auth_inherit(struct tcp *tcp, struct tcb *child)
{
	const struct auth *from = auth_of(tcp, child);
	const struct address *peer = &child->tuple.remote;
	struct auth *auth = auth_create(tcp, child);

	if (auth == NULL)
		return false;
	auth->ao = from->ao;
	auth->required = from->required;
	auth->icmp_heeded = from->icmp_heeded;
	for (uint32_t i = from->keys; i != NONE; i = auth_key_at(tcp, i)->link)
		if (for_peer(&auth_key_at(tcp, i)->key, peer) &&
		    key_append(tcp, auth, &auth_key_at(tcp, i)->key) == NULL) {
			auth_release(tcp, child);
			return false;
		}
	auth->current = index_of(tcp, auth_ao(tcp, auth, peer, child->auth_send_id, -1));
	auth->next = index_of(tcp, auth_ao(tcp, auth, peer, -1, child->auth_next_id));
	if (auth->current == NONE)
		auth->current = auth->next;
	return true;
}

int auth_open(struct tcp *tcp, struct tcb *tcb)
{
	struct auth *auth = auth_of(tcp, tcb);
	const struct address *peer = &tcb->tuple.remote;
	struct auth_key *first;

	if (auth == NULL)
		return 0;
	first = auth_ao(tcp, auth, peer, -1, -1);
	if (first ? auth_md5(tcp, auth, peer) != NULL : auth->required)
		return -EKEYREJECTED;   /* RFC 5925 §2.2: never both */
	auth->numbered = false;
	for (uint32_t i = auth->keys; i != NONE; i = auth_key_at(tcp, i)->link)
		auth_key_at(tcp, i)->derived = false;
	if (auth->current == NONE || first == NULL || !for_peer(&auth_key_at(tcp, auth->current)->key, peer))
		auth->current = index_of(tcp, first);
	if (auth->next == NONE || first == NULL || !for_peer(&auth_key_at(tcp, auth->next)->key, peer))
		auth->next = auth->current;
	return 0;
}

/* ---- user calls */

static bool key_sound(const struct eleven_key *key)
{
	struct address peer = address_of(key);

	if (key->algorithm >= ELEVEN_ALGORITHMS || key->length > ELEVEN_KEY_BYTES_MAX ||
	    key->prefix_bits > (address_is_v4(&peer) ? 32 : 128))
		return false;
	if (key->algorithm == ELEVEN_TCP_MD5)
		return true;
	return key->mac_bytes == 0 || (key->mac_bytes >= AO_MAC_LEAST && key->mac_bytes <= AO_MAC_MOST);
}

/* Of the same addresses and ids. */
static bool same(const struct eleven_key *a, const struct eleven_key *b)
{
	bool ao = a->algorithm != ELEVEN_TCP_MD5;

	return ao == (b->algorithm != ELEVEN_TCP_MD5) && a->prefix_bits == b->prefix_bits && overlap(a, b) &&
	       (!ao || (a->send_id == b->send_id && a->receive_id == b->receive_id));
}

static uint32_t *link_of(const struct tcp *tcp, struct auth *auth, const struct eleven_key *key)
{
	uint32_t *link = &auth->keys;

	while (*link != NONE && !same(&auth_key_at(tcp, *link)->key, key))
		link = &auth_key_at(tcp, *link)->link;
	return link;
}

static bool begun(const struct tcb *tcb)
{
	return tcb->state != TCP_CLOSED && tcb->state != TCP_LISTEN;
}

/* RFC 5925 §3.3: a segment is for exactly one master key tuple. */
static bool id_taken(const struct tcp *tcp, const struct auth *auth, const struct eleven_key *key)
{
	for (uint32_t i = auth->keys; i != NONE; i = auth_key_at(tcp, i)->link) {
		const struct eleven_key *other = &auth_key_at(tcp, i)->key;

		if (other->algorithm != ELEVEN_TCP_MD5 && overlap(other, key) &&
		    (other->send_id == key->send_id || other->receive_id == key->receive_id))
			return true;
	}
	return false;
}

static int add(struct tcp *tcp, struct tcb *tcb, const struct eleven_key *given)
{
	struct auth *auth = auth_of(tcp, tcb);
	struct eleven_key key = *given;
	uint32_t *link;

	if (begun(tcb) && !for_peer(&key, &tcb->tuple.remote))
		return -EINVAL;
	if (key.algorithm != ELEVEN_TCP_MD5) {
		if (begun(tcb) && !(auth && auth->ao))
			return -EISCONN;
		if (auth && id_taken(tcp, auth, &key))
			return -EEXIST;
		key.mac_bytes = key.mac_bytes ? key.mac_bytes : AO_MAC_DEFAULT;
	}
	if (auth == NULL && (auth = auth_create(tcp, tcb)) == NULL)
		return -ENOBUFS;
	link = link_of(tcp, auth, &key);
	if (*link != NONE) {            /* of MD5: a new one in its place */
		auth_key_at(tcp, *link)->key = key;
		return 0;
	}
	if (key_append(tcp, auth, &key) == NULL) {
		if (auth->keys == NONE && !auth->ao)
			auth_release(tcp, tcb);
		return -ENOBUFS;
	}
	auth->ao |= key.algorithm != ELEVEN_TCP_MD5;
	return 0;
}

int tcp_key_add(struct tcp *tcp, eleven_handle handle, const struct eleven_key *key, uint64_t now)
{
	struct tcb *tcb = tcb_of(tcp, handle);
	int error;

	clock_advance(tcp, now);
	if (tcb == NULL)
		return -EBADF;
	if (!key_sound(key) || key->length == 0)
		return -EINVAL;
	error = add(tcp, tcb, key);
	if (!error && synchronized(tcb))
		options_mss_update(tcp, tcb);
	return error;
}

int tcp_key_remove(struct tcp *tcp, eleven_handle handle, const struct eleven_key *key, uint64_t now)
{
	struct tcb *tcb = tcb_of(tcp, handle);
	struct auth *auth;
	uint32_t *link, index;

	clock_advance(tcp, now);
	if (tcb == NULL)
		return -EBADF;
	if (!key_sound(key))
		return -EINVAL;
	auth = auth_of(tcp, tcb);
	if (auth == NULL || *(link = link_of(tcp, auth, key)) == NONE)
		return -ENOENT;
	index = *link;
	if (begun(tcb) && (auth->current == index || auth->next == index))
		return -EBUSY;
	if (auth->current == index)
		auth->current = NONE;
	if (auth->next == index)
		auth->next = NONE;
	*link = auth_key_at(tcp, index)->link;
	key_give(tcp, auth_key_at(tcp, index));
	if (auth->keys == NONE && !auth->ao)
		auth_release(tcp, tcb);
	if (synchronized(tcb))
		options_mss_update(tcp, tcb);
	return 0;
}

bool tcp_key_next(const struct tcp *tcp, eleven_handle handle, unsigned *cursor, struct eleven_key_use *use)
{
	const struct tcb *tcb = tcb_of(tcp, handle);
	const struct auth *auth = tcb ? auth_of(tcp, tcb) : NULL;
	const struct auth_key *key;
	uint32_t index = auth ? auth->keys : NONE;

	for (unsigned i = 0; i < *cursor && index != NONE; i++)
		index = auth_key_at(tcp, index)->link;
	if (index == NONE)
		return false;
	key = auth_key_at(tcp, index);
	++*cursor;
	*use = (struct eleven_key_use){ key->key, auth->current == index, auth->next == index, key->good, key->bad };
	return true;
}

int tcp_auth_get(const struct tcp *tcp, eleven_handle handle, struct eleven_auth *out)
{
	const struct tcb *tcb = tcb_of(tcp, handle);
	const struct auth *auth = tcb ? auth_of(tcp, tcb) : NULL;

	if (tcb == NULL)
		return -EBADF;
	if (auth == NULL || !auth->ao)
		return -ENOENT;
	*out = (struct eleven_auth){
		.has_current = auth->current != NONE, .has_next = auth->next != NONE,
		.required = auth->required, .icmp_heeded = auth->icmp_heeded,
		.good = auth->good, .bad = auth->bad, .key_unknown = auth->key_unknown,
		.unsigned_segments = auth->unsigned_segments, .icmp_ignored = auth->icmp_ignored,
	};
	if (out->has_current)
		out->current_id = auth_key_at(tcp, auth->current)->key.send_id;
	if (out->has_next)
		out->next_id = auth_key_at(tcp, auth->next)->key.receive_id;
	return 0;
}

/* Of any peer while there is none. */
static uint32_t key_named(const struct tcp *tcp, const struct auth *auth, const struct tcb *tcb, int send_id,
			  int receive_id)
{
	for (uint32_t i = auth->keys; i != NONE; i = auth_key_at(tcp, i)->link) {
		const struct eleven_key *key = &auth_key_at(tcp, i)->key;

		if (key->algorithm != ELEVEN_TCP_MD5 && (send_id < 0 || key->send_id == send_id) &&
		    (receive_id < 0 || key->receive_id == receive_id) &&
		    (!begun(tcb) || for_peer(key, &tcb->tuple.remote)))
			return i;
	}
	return NONE;
}

int tcp_auth_set(struct tcp *tcp, eleven_handle handle, const struct eleven_auth *in, uint64_t now)
{
	struct tcb *tcb = tcb_of(tcp, handle);
	struct auth *auth = tcb ? auth_of(tcp, tcb) : NULL;
	uint32_t current = NONE, next = NONE;

	clock_advance(tcp, now);
	if (tcb == NULL)
		return -EBADF;
	if (begun(tcb) && !(auth && auth->ao))
		return -EISCONN;
	if (auth && in->has_current)
		current = key_named(tcp, auth, tcb, in->current_id, -1);
	if (auth && in->has_next)
		next = key_named(tcp, auth, tcb, -1, in->next_id);
	if ((in->has_current && current == NONE) || (in->has_next && next == NONE))
		return -ENOENT;
	if (auth == NULL && (auth = auth_create(tcp, tcb)) == NULL)
		return -ENOBUFS;
	auth->ao = true;
	auth->required = in->required;
	auth->icmp_heeded = in->icmp_heeded;
	auth->current = in->has_current ? current : auth->current;
	auth->next = in->has_next ? next : auth->next;
	auth->good = in->good;
	auth->bad = in->bad;
	auth->key_unknown = in->key_unknown;
	auth->unsigned_segments = in->unsigned_segments;
	auth->icmp_ignored = in->icmp_ignored;
	if (synchronized(tcb))
		options_mss_update(tcp, tcb);
	return 0;
}
