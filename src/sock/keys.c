/* SPDX-License-Identifier: MIT */
/*
 * Keys that a program gives to sign its segments with, in the structs of linux/tcp.h: TCP_MD5SIG, TCP_MD5SIG_EXT (RFC
 * 2385), TCP_AO_ADD_KEY, TCP_AO_DEL_KEY, TCP_AO_INFO (RFC 5925), as tcp(7) and Linux's Documentation/networking/tcp_ao
 * have them.  The stack keeps them; nothing of them stays here.  Keys bound to a device are refused: there is one.
 */
#include <errno.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <string.h>

#include "sock/sock.h"

/* Since Linux 6.7; Debian 12's headers are older. */
#define OPTION_AO_ADD_KEY 38
#define OPTION_AO_DEL_KEY 39
#define OPTION_AO_INFO    40

#define AO_KEY_EXCLUDES_OPTIONS 2       /* TCP_AO_KEYF_EXCLUDE_OPT; 1 is for a device */
#define AO_SET_CURRENT          1u
#define AO_SET_NEXT             2u
#define AO_REQUIRED             4u
#define AO_SET_COUNTERS         8u
#define AO_HEED_ICMP            16u

struct ao_add {                         /* struct tcp_ao_add */
	struct sockaddr_storage peer;
	char algorithm[64];
	int32_t ifindex;
	uint32_t flags;
	uint16_t reserved;
	uint8_t prefix_bits, send_id, receive_id, mac_bytes, key_flags, key_bytes;
	uint8_t key[80];
};

struct ao_remove {                      /* struct tcp_ao_del */
	struct sockaddr_storage peer;
	int32_t ifindex;
	uint32_t flags;
	uint16_t reserved;
	uint8_t prefix_bits, send_id, receive_id, current_id, next_id, key_flags;
};

struct ao_info {                        /* struct tcp_ao_info_opt */
	uint32_t flags;
	uint16_t reserved;
	uint8_t current_id, next_id;
	uint64_t good, bad, key_unknown, unsigned_segments, icmp_ignored;
};

_Static_assert(sizeof(struct ao_add) == 288 && sizeof(struct ao_add) <= SOCK_DATA_MAX, "as Linux has it");
_Static_assert(sizeof(struct ao_remove) == 144 && sizeof(struct ao_info) == 48, "as Linux has them");

/* The peer's address and how much of it counts; prefix_bits < 0: all of it. */
static int peer_read(const struct sock *sock, struct eleven_key *key, const void *from, int prefix_bits)
{
	union sock_address address;
	int most;

	memcpy(&address, from, sizeof(address));
	if (address.family != sock->family)
		return -EINVAL;
	key->peer = sock_endpoint(&address).address;
	most = address.family == AF_INET6 && !IN6_IS_ADDR_V4MAPPED(&address.in6.sin6_addr) ? 128 : 32;
	if (prefix_bits > most)
		return -EINVAL;
	key->prefix_bits = (uint8_t)(prefix_bits < 0 ? most : prefix_bits);
	return 0;
}

static int key_give(struct sock *sock, const struct eleven_key *key)
{
	int error = sock_handle(sock);

	return error ? error : eleven_key_add(sock_stack(sock), sock->handle, key, sock_now(sock));
}

static int key_take(struct sock *sock, const struct eleven_key *key)
{
	if (!sock->handle)
		return -ENOENT;
	return eleven_key_remove(sock_stack(sock), sock->handle, key, sock_now(sock));
}

static int md5_set(struct sock *sock, const struct sock_request *request)
{
	struct eleven_key key = { .algorithm = ELEVEN_TCP_MD5 };
	struct tcp_md5sig given;
	bool prefixed;
	int error;

	if (request->length < sizeof(given))
		return -EINVAL;
	memcpy(&given, request->data, sizeof(given));
	prefixed = request->name == TCP_MD5SIG_EXT && given.tcpm_flags & TCP_MD5SIG_FLAG_PREFIX;
	if (request->name == TCP_MD5SIG_EXT && given.tcpm_flags & TCP_MD5SIG_FLAG_IFINDEX && given.tcpm_ifindex != 0)
		return -EINVAL;
	error = peer_read(sock, &key, &given.tcpm_addr, prefixed ? given.tcpm_prefixlen : -1);
	if (error)
		return error;
	if (given.tcpm_keylen == 0)
		return key_take(sock, &key);
	if (given.tcpm_keylen > ELEVEN_KEY_BYTES_MAX)
		return -EINVAL;
	key.length = (uint8_t)given.tcpm_keylen;
	memcpy(key.bytes, given.tcpm_key, key.length);
	return key_give(sock, &key);
}

/* Names a key as the current one, or as the next; those that have begun keep the other things as they are. */
static int ids_set(struct sock *sock, uint32_t flags, uint8_t current_id, uint8_t next_id)
{
	struct eleven_auth auth;
	int error;

	if (!(flags & (AO_SET_CURRENT | AO_SET_NEXT)))
		return 0;
	error = eleven_auth_get(sock_stack(sock), sock->handle, &auth);
	if (error)
		return error;
	if (flags & AO_SET_CURRENT) {
		auth.has_current = true;
		auth.current_id = current_id;
	}
	if (flags & AO_SET_NEXT) {
		auth.has_next = true;
		auth.next_id = next_id;
	}
	return eleven_auth_set(sock_stack(sock), sock->handle, &auth, sock_now(sock));
}

static int ao_key_add(struct sock *sock, const struct sock_request *request)
{
	struct eleven_key key = { .algorithm = ELEVEN_HMAC_SHA_1_96 };
	struct ao_add given;
	int error;

	if (request->length < sizeof(given))
		return -EINVAL;
	memcpy(&given, request->data, sizeof(given));
	if (given.ifindex != 0 || given.reserved != 0 || given.flags & ~(AO_SET_CURRENT | AO_SET_NEXT) ||
	    given.key_flags & ~AO_KEY_EXCLUDES_OPTIONS || given.key_bytes > ELEVEN_KEY_BYTES_MAX)
		return -EINVAL;
	given.algorithm[sizeof(given.algorithm) - 1] = 0;
	if (strcmp(given.algorithm, "cmac(aes128)") == 0 || strcmp(given.algorithm, "cmac(aes)") == 0)
		key.algorithm = ELEVEN_AES_128_CMAC_96;
	else if (strcmp(given.algorithm, "hmac(sha1)") != 0)
		return -ENOENT;
	error = peer_read(sock, &key, &given.peer, given.prefix_bits);
	if (error)
		return error;
	key.send_id = given.send_id;
	key.receive_id = given.receive_id;
	key.mac_bytes = given.mac_bytes;
	key.exclude_options = given.key_flags & AO_KEY_EXCLUDES_OPTIONS;
	key.length = given.key_bytes;
	memcpy(key.bytes, given.key, key.length);
	error = key_give(sock, &key);
	return error ? error : ids_set(sock, given.flags, given.send_id, given.receive_id);
}

static int ao_key_remove(struct sock *sock, const struct sock_request *request)
{
	struct eleven_key key = { .algorithm = ELEVEN_HMAC_SHA_1_96 };
	struct ao_remove given;
	int error;

	if (request->length < sizeof(given))
		return -EINVAL;
	memcpy(&given, request->data, sizeof(given));
	/* 4: `del_async`, which is for listeners whose connections would wait for each other; here none do. */
	if (given.ifindex != 0 || given.reserved != 0 || given.flags & ~(AO_SET_CURRENT | AO_SET_NEXT | 4u) ||
	    given.key_flags != 0)
		return -EINVAL;
	error = peer_read(sock, &key, &given.peer, given.prefix_bits);
	if (error)
		return error;
	key.send_id = given.send_id;
	key.receive_id = given.receive_id;
	if (!sock->handle)
		return -ENOENT;
	error = ids_set(sock, given.flags, given.current_id, given.next_id);
	return error ? error : key_take(sock, &key);
}

static int ao_info_set(struct sock *sock, const struct sock_request *request)
{
	struct eleven_auth auth = { 0 };
	struct ao_info given;
	int error;

	if (request->length < sizeof(given))
		return -EINVAL;
	memcpy(&given, request->data, sizeof(given));
	if (given.reserved != 0 ||
	    given.flags & ~(AO_SET_CURRENT | AO_SET_NEXT | AO_REQUIRED | AO_SET_COUNTERS | AO_HEED_ICMP))
		return -EINVAL;
	error = sock_handle(sock);
	if (error)
		return error;
	eleven_auth_get(sock_stack(sock), sock->handle, &auth);         /* or none yet */
	if (given.flags & AO_SET_CURRENT) {
		auth.has_current = true;
		auth.current_id = given.current_id;
	}
	if (given.flags & AO_SET_NEXT) {
		auth.has_next = true;
		auth.next_id = given.next_id;
	}
	auth.required = given.flags & AO_REQUIRED;
	auth.icmp_heeded = given.flags & AO_HEED_ICMP;
	if (given.flags & AO_SET_COUNTERS) {
		auth.good = given.good;
		auth.bad = given.bad;
		auth.key_unknown = given.key_unknown;
		auth.unsigned_segments = given.unsigned_segments;
		auth.icmp_ignored = given.icmp_ignored;
	}
	return eleven_auth_set(sock_stack(sock), sock->handle, &auth, sock_now(sock));
}

bool keys_are_meant(int level, int name)
{
	return level == IPPROTO_TCP && (name == TCP_MD5SIG || name == TCP_MD5SIG_EXT || name == OPTION_AO_ADD_KEY ||
					name == OPTION_AO_DEL_KEY || name == OPTION_AO_INFO);
}

int keys_set(struct sock *sock, const struct sock_request *request)
{
	switch (request->name) {
	case OPTION_AO_ADD_KEY:
		return ao_key_add(sock, request);
	case OPTION_AO_DEL_KEY:
		return ao_key_remove(sock, request);
	case OPTION_AO_INFO:
		return ao_info_set(sock, request);
	default:
		return md5_set(sock, request);
	}
}

int keys_get(const struct sock *sock, const struct sock_request *request, struct sock_reply *reply)
{
	struct eleven_auth auth;
	struct ao_info info;

	if (request->name != OPTION_AO_INFO)
		return -ENOPROTOOPT;
	if (request->length < sizeof(info))
		return -EINVAL;
	if (!sock->handle || eleven_auth_get(sock_stack(sock), sock->handle, &auth) < 0)
		return -ENOENT;
	info = (struct ao_info){
		.flags = auth.has_current * AO_SET_CURRENT | auth.has_next * AO_SET_NEXT | auth.required * AO_REQUIRED |
			 auth.icmp_heeded * AO_HEED_ICMP,
		.current_id = auth.current_id, .next_id = auth.next_id, .good = auth.good, .bad = auth.bad,
		.key_unknown = auth.key_unknown, .unsigned_segments = auth.unsigned_segments,
		.icmp_ignored = auth.icmp_ignored,
	};
	memcpy(reply->data, &info, sizeof(info));
	reply->length = sizeof(info);
	return 0;
}
