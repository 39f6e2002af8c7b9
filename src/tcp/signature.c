/* SPDX-License-Identifier: MIT */
/* MACs over segments; see signature.h. */
#include "tcp/signature.h"

#include <string.h>

#include "base/bytes.h"
#include "base/cmac.h"
#include "base/digest.h"
#include "wire/ipv4.h"
#include "wire/tcp.h"

#define CHECKSUM_AT 16
#define AO_MAC_AT 4                     /* in its option: behind kind, length, KeyID and RNextKeyID */
#define PSEUDO_MAX 40

/* Of either MAC algorithm. */
struct mac {
	enum eleven_algorithm algorithm;
	union {
		struct digest md5;
		struct hmac_sha1 hmac;
		struct cmac cmac;
	};
};

static void mac_begin(struct mac *mac, enum eleven_algorithm algorithm, const uint8_t *key, unsigned n)
{
	mac->algorithm = algorithm;
	switch (algorithm) {
	case ELEVEN_TCP_MD5:
		md5_begin(&mac->md5);
		break;
	case ELEVEN_HMAC_SHA_1_96:
		hmac_sha1_begin(&mac->hmac, key, n);
		break;
	case ELEVEN_AES_128_CMAC_96:
		cmac_begin(&mac->cmac, key);
		break;
	case ELEVEN_ALGORITHMS:
		break;
	}
}

static void mac_add(struct mac *mac, const void *bytes, size_t n)
{
	switch (mac->algorithm) {
	case ELEVEN_TCP_MD5:
		md5_add(&mac->md5, bytes, n);
		break;
	case ELEVEN_HMAC_SHA_1_96:
		hmac_sha1_add(&mac->hmac, bytes, n);
		break;
	case ELEVEN_AES_128_CMAC_96:
		cmac_add(&mac->cmac, bytes, n);
		break;
	case ELEVEN_ALGORITHMS:
		break;
	}
}

static void mac_end(struct mac *mac, uint8_t *out)
{
	switch (mac->algorithm) {
	case ELEVEN_TCP_MD5:
		md5_end(&mac->md5, out);
		break;
	case ELEVEN_HMAC_SHA_1_96:
		hmac_sha1_end(&mac->hmac, out);
		break;
	case ELEVEN_AES_128_CMAC_96:
		cmac_end(&mac->cmac, out);
		break;
	case ELEVEN_ALGORITHMS:
		break;
	}
}

/* Where an address stands in the IP header: 4 bytes of IPv4, all 16 of IPv6. */
static unsigned address_copy(uint8_t *out, const struct address *address)
{
	unsigned n = address_is_v4(address) ? 4 : 16;

	memcpy(out, address->bytes + 16 - n, n);
	return n;
}

/* The pseudo-header of the checksum (§3.1, RFC 8200 §8.1). */
static void pseudo_add(struct mac *mac, const struct signed_segment *seg)
{
	uint8_t pseudo[PSEUDO_MAX] = { 0 };
	uint32_t length = seg->header_bytes + seg->text_bytes;
	unsigned n = address_copy(pseudo, seg->source);

	n += address_copy(pseudo + n, seg->destination);
	if (address_is_v4(seg->source)) {
		pseudo[n + 1] = IPV4_PROTOCOL_TCP;
		store_be16(pseudo + n + 2, (uint16_t)length);
		n += 4;
	} else {
		store_be32(pseudo + n, length);
		pseudo[n + 7] = IPV4_PROTOCOL_TCP;
		n += 8;
	}
	mac_add(mac, pseudo, n);
}

static void text_add(struct mac *mac, const struct signed_segment *seg)
{
	for (unsigned i = 0; i < seg->slices; i++)
		mac_add(mac, seg->text[i].bytes, seg->text[i].length);
}

void signature_md5(const struct signed_segment *seg, const uint8_t *key, unsigned key_bytes, uint8_t out[16])
{
	uint8_t header[TCP_HEADER_MIN];
	struct mac mac;

	mac_begin(&mac, ELEVEN_TCP_MD5, NULL, 0);
	pseudo_add(&mac, seg);
	memcpy(header, seg->header, sizeof(header));
	store_be16(header + CHECKSUM_AT, 0);
	mac_add(&mac, header, sizeof(header));
	text_add(&mac, seg);
	mac_add(&mac, key, key_bytes);
	mac_end(&mac, out);
}

/* RFC 5926 §3.1.1.2: a master key of another length than the cipher's becomes one of it. */
static const uint8_t *cipher_key(const struct eleven_key *master, uint8_t out[AES_BLOCK_BYTES])
{
	static const uint8_t zero[AES_KEY_BYTES];
	struct mac mac;

	if (master->length == AES_KEY_BYTES)
		return master->bytes;
	mac_begin(&mac, ELEVEN_AES_128_CMAC_96, zero, sizeof(zero));
	mac_add(&mac, master->bytes, master->length);
	mac_end(&mac, out);
	return out;
}

/* RFC 5926 §3.1.1: i || Label || Context || Output_Length; both have one block, so i is 1. */
void traffic_key_derive(const struct eleven_key *master, const struct ao_context *context,
			uint8_t out[TRAFFIC_KEY_MAX])
{
	static const char label[] = "TCP-AO";
	bool aes = master->algorithm == ELEVEN_AES_128_CMAC_96;
	uint8_t input[1 + 6 + 2 * 16 + 12 + 2], key[AES_BLOCK_BYTES];
	unsigned n = 7;
	struct mac mac;

	input[0] = 1;
	memcpy(input + 1, label, 6);
	n += address_copy(input + n, context->source);
	n += address_copy(input + n, context->destination);
	store_be16(input + n, context->source_port);
	store_be16(input + n + 2, context->destination_port);
	store_be32(input + n + 4, context->source_isn.value);
	store_be32(input + n + 8, context->destination_isn.value);
	store_be16(input + n + 12, aes ? 128 : 160);
	n += 14;
	if (aes)
		mac_begin(&mac, ELEVEN_AES_128_CMAC_96, cipher_key(master, key), AES_KEY_BYTES);
	else
		mac_begin(&mac, ELEVEN_HMAC_SHA_1_96, master->bytes, master->length);
	mac_add(&mac, input, n);
	mac_end(&mac, out);
}

/* The header with checksum and MAC zero; without options, but for the signature's, when those are left out. */
static void header_add(struct mac *mac, const struct signed_segment *seg, bool options)
{
	uint8_t header[TCP_HEADER_MAX];

	memcpy(header, seg->header, seg->header_bytes);
	store_be16(header + CHECKSUM_AT, 0);
	memset(header + seg->auth_at + AO_MAC_AT, 0, seg->auth_bytes - AO_MAC_AT);
	if (options) {
		mac_add(mac, header, seg->header_bytes);
	} else {
		mac_add(mac, header, TCP_HEADER_MIN);
		mac_add(mac, header + seg->auth_at, seg->auth_bytes);
	}
}

void signature_ao(const struct signed_segment *seg, const struct eleven_key *master,
		  const uint8_t traffic_key[TRAFFIC_KEY_MAX], uint32_t extension, uint8_t out[TRAFFIC_KEY_MAX])
{
	bool aes = master->algorithm == ELEVEN_AES_128_CMAC_96;
	uint8_t sne[4];
	struct mac mac;

	store_be32(sne, extension);
	mac_begin(&mac, (enum eleven_algorithm)master->algorithm, traffic_key, aes ? AES_KEY_BYTES : TRAFFIC_KEY_MAX);
	mac_add(&mac, sne, sizeof(sne));
	pseudo_add(&mac, seg);
	header_add(&mac, seg, !master->exclude_options);
	text_add(&mac, seg);
	mac_end(&mac, out);
}
