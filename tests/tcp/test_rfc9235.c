/* SPDX-License-Identifier: MIT */
/*
 * The test vectors of TCP-AO, byte for byte: 5926-§2.2-R1 (both algorithms with their KDFs), 5925-§5.2-R1 (the SYN's
 * key knows no other number), over both families, options covered and not.
 */
#include "script.h"

#include "../panic.h"
#include "base/bytes.h"
#include "tcp/signature.h"
#include "vectors_rfc9235.h"

static unsigned bytes_of(const char *hex, uint8_t *out)
{
	unsigned n = 0;

	for (; hex[2 * n]; n++) {
		unsigned value;

		assert_int_equal(sscanf(hex + (size_t)2 * n, "%2x", &value), 1);
		out[n] = (uint8_t)value;
	}
	return n;
}

/* The segment in an IP packet. */
static void packet_parse(const uint8_t *packet, unsigned n, struct address *source, struct address *destination,
			 struct segment *seg, const uint8_t **tcp)
{
	bool v4 = packet[0] >> 4 == 4;
	unsigned header = v4 ? 20 : 40;

	if (v4) {
		*source = address_v4(load_be32(packet + 12));
		*destination = address_v4(load_be32(packet + 16));
	} else {
		memcpy(source->bytes, packet + 8, 16);
		memcpy(destination->bytes, packet + 24, 16);
	}
	*tcp = packet + header;
	assert_int_equal(segment_parse(seg, *tcp, n - header), TCP_OK);
	assert_int_equal(seg->options.auth, TCP_AUTH_AO);
}

/* 5926-§2.2-R1, 5925-§5.2-R1 */
static void test_RFC_9235_traffic_keys_and_MACs(void **state)
{
	(void)state;
	assert_int_equal(sizeof(vectors) / sizeof(vectors[0]), 32);
	for (size_t i = 0; i < 32; i++) {
		const struct vector *v = &vectors[i];
		struct eleven_key key = { .algorithm = v->aes ? ELEVEN_AES_128_CMAC_96 : ELEVEN_HMAC_SHA_1_96,
					  .mac_bytes = 12, .exclude_options = !v->options, .length = 10 };
		uint8_t packet[200], want[TRAFFIC_KEY_MAX], traffic[TRAFFIC_KEY_MAX], mac[TRAFFIC_KEY_MAX];
		unsigned n = bytes_of(v->packet, packet), key_bytes = bytes_of(v->traffic_key, want);
		struct address source, destination;
		struct segment seg;
		const uint8_t *tcp;
		struct eleven_slice text;

		memcpy(key.bytes, "testvector", 10);
		packet_parse(packet, n, &source, &destination, &seg, &tcp);
		bool client = seg.destination_port == 179;
		struct ao_context context = {
			&source, &destination, seg.source_port, seg.destination_port,
			seq_of(client ? v->client_isn : v->server_isn),
			seq_of(seg.syn && !seg.has_ack ? 0 : client ? v->server_isn : v->client_isn),
		};
		struct signed_segment s = {
			&source, &destination, tcp, seg.header_bytes, seg.options.auth_at, seg.options.auth_bytes,
			&text, 1, seg.text_bytes,
		};

		text = (struct eleven_slice){ seg.text, seg.text_bytes };
		assert_int_equal(key_bytes, v->aes ? 16 : 20);
		traffic_key_derive(&key, &context, traffic);
		if (memcmp(traffic, want, key_bytes) != 0)
			fail_msg("%s: traffic key", v->paragraph);
		signature_ao(&s, &key, traffic, 0, mac);
		if (memcmp(mac, tcp + seg.options.auth_at + 4, 12) != 0)
			fail_msg("%s: MAC", v->paragraph);
	}
}

/* Of every byte that is covered, and of the numbers' extension, the MAC knows. */
static void test_RFC_9235_MAC_covers(void **state)
{
	static const struct { unsigned at; bool always; } bytes[] = {
		{ 0, true }, { 7, true }, { 12, true }, { 20 + 3, false }, { 70, true },
	};

	(void)state;
	for (size_t i = 2; i < 32; i += 4) {
		const struct vector *v = &vectors[i];
		struct eleven_key key = { .algorithm = v->aes ? ELEVEN_AES_128_CMAC_96 : ELEVEN_HMAC_SHA_1_96,
					  .mac_bytes = 12, .exclude_options = !v->options };
		uint8_t packet[200], traffic[TRAFFIC_KEY_MAX], before[TRAFFIC_KEY_MAX], mac[TRAFFIC_KEY_MAX];
		unsigned n = bytes_of(v->packet, packet);
		struct address source, destination;
		struct segment seg;
		const uint8_t *tcp;
		struct eleven_slice text;

		bytes_of(v->traffic_key, traffic);
		packet_parse(packet, n, &source, &destination, &seg, &tcp);
		struct signed_segment s = {
			&source, &destination, tcp, seg.header_bytes, seg.options.auth_at, seg.options.auth_bytes,
			&text, 1, seg.text_bytes,
		};

		text = (struct eleven_slice){ seg.text, seg.text_bytes };
		signature_ao(&s, &key, traffic, 0, before);
		signature_ao(&s, &key, traffic, 1, mac);
		assert_memory_not_equal(mac, before, 12);
		for (size_t k = 0; k < sizeof(bytes) / sizeof(bytes[0]); k++) {
			uint8_t *byte = &packet[tcp - packet + bytes[k].at];

			*byte ^= 1;
			signature_ao(&s, &key, traffic, 0, mac);
			assert_int_equal(memcmp(mac, before, 12) != 0, bytes[k].always || v->options);
			*byte ^= 1;
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_RFC_9235_traffic_keys_and_MACs),
		cmocka_unit_test(test_RFC_9235_MAC_covers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
