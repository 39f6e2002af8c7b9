/* SPDX-License-Identifier: MIT */
/*
 * Keys that the segments of a connection are signed with, as for BGP: TCP-MD5 (RFC 2385) and TCP-AO (RFC 5925, RFC
 * 5926).  Part of eleven.h, which includes it.
 */
#ifndef ELEVEN_KEYS_H
#define ELEVEN_KEYS_H

#ifndef ELEVEN_H
#error "include eleven.h"
#endif

enum eleven_algorithm {
	ELEVEN_TCP_MD5,                 /* RFC 2385: for old peers; keys have no ids, and are changed by hand */
	ELEVEN_HMAC_SHA_1_96,           /* RFC 5926 §3.2.1, with KDF_HMAC_SHA1 */
	ELEVEN_AES_128_CMAC_96,         /* RFC 5926 §3.2.2, with KDF_AES_128_CMAC */
	ELEVEN_ALGORITHMS
};

#define ELEVEN_KEY_BYTES_MAX 80

struct eleven_key {                     /* one key of MD5, or a master key tuple of TCP-AO (RFC 5925 §3.1) */
	struct eleven_address peer;     /* for connections with these addresses */
	uint8_t prefix_bits;            /* of peer: 0…32 of IPv4, 0…128 of IPv6 */
	uint8_t algorithm;              /* enum eleven_algorithm */
	uint8_t send_id, receive_id;    /* TCP-AO: KeyID of what we send, and of what comes */
	uint8_t mac_bytes;              /* TCP-AO: 4…16; 0: 12 */
	bool exclude_options;           /* TCP-AO: other options are not signed, so that middleboxes may change them */
	uint8_t length;                 /* of the key; 0 only to remove one of MD5 */
	uint8_t bytes[ELEVEN_KEY_BYTES_MAX];
};

/*
 * Gives a connection, or a listener and what it will accept, a key; at most auth_keys_max in the stack.  From then on
 * what comes from such a peer must be signed with it, and what goes there is.  A key of MD5 may be given at any time
 * and takes the place of the one for the same addresses; the first of TCP-AO in CLOSED or LISTEN, further ones later
 * too.  -EINVAL, also for a key that is not for the connection's peer; -EEXIST: TCP-AO, an id is taken by a key for
 * such addresses; -EISCONN: too late; -ENOBUFS.  eleven_connect() answers -EKEYREJECTED when keys of both kinds are for
 * the peer, or when one is required and there is none.
 */
ELEVEN_API int eleven_key_add(struct eleven *stack, eleven_handle connection, const struct eleven_key *key,
			      uint64_t now);
/* Of the same addresses, algorithm of MD5 or not, and ids. -ENOENT; -EBUSY: TCP-AO sends with it, or asks for it. */
ELEVEN_API int eleven_key_remove(struct eleven *stack, eleven_handle connection, const struct eleven_key *key,
				 uint64_t now);

struct eleven_key_use {                 /* of one key */
	struct eleven_key key;
	bool is_current, is_next;       /* TCP-AO sends with it; asks the peer to send with it */
	uint64_t good, bad;             /* segments that came with its id, rightly signed or not */
};

/* The keys one after the other: start with *cursor = 0; false at the end. */
ELEVEN_API bool eleven_key_next(const struct eleven *stack, eleven_handle connection, unsigned *cursor,
				struct eleven_key_use *use);

struct eleven_auth {                    /* TCP-AO of a connection or listener: STATUS of RFC 5925 §7.1 */
	bool has_current, has_next;     /* the two ids mean something */
	uint8_t current_id;             /* send_id of the key it sends with (current_key) */
	uint8_t next_id;                /* receive_id of the key it asks the peer for (rnext_key) */
	bool required;                  /* a peer without a key of TCP-AO is not talked to */
	bool icmp_heeded;               /* else ICMP about unreachable ports and large packets is ignored (§7.8) */
	uint64_t good, bad;             /* segments with right, and wrong MAC */
	uint64_t key_unknown;           /* with an id of no key */
	uint64_t unsigned_segments;     /* without signature, where there should have been one */
	uint64_t icmp_ignored;
};

/* -EBADF; -ENOENT: it has no keys of TCP-AO, nor had. */
ELEVEN_API int eleven_auth_get(const struct eleven *stack, eleven_handle connection, struct eleven_auth *auth);
/* All of it, the counters too. -ENOENT: no key with such an id; -EISCONN: too late to begin; -ENOBUFS. */
ELEVEN_API int eleven_auth_set(struct eleven *stack, eleven_handle connection, const struct eleven_auth *auth,
			       uint64_t now);

#endif
