/* SPDX-License-Identifier: MIT */
/* A peer who signs what he sends to a script, and checks what comes: TCP-MD5 and TCP-AO. */
#ifndef TEST_TCP_SIGNER_H
#define TEST_TCP_SIGNER_H

#include "script.h"

#include "base/bytes.h"
#include "tcp/auth.h"
#include "tcp/signature.h"

struct signer {
	struct eleven_key key;          /* as the peer has it: its send_id is our receive_id */
	uint8_t next_id;                /* RNextKeyID that he sends */
	uint32_t extension;             /* SNE of what he sends */
	uint32_t our_extension;         /* and of what we send */
	bool wrong;                     /* one bit of his MACs */
};

/* The key as the script's end is given it. */
static inline struct eleven_key key_ours(struct script *s, const struct signer *signer)
{
	struct eleven_key key = signer->key;

	memcpy(key.peer.bytes, s->them.bytes, 16);
	key.prefix_bits = address_is_v4(&s->them) ? 32 : 128;
	key.send_id = signer->key.receive_id;
	key.receive_id = signer->key.send_id;
	return key;
}

static inline struct signer signer_of(enum eleven_algorithm algorithm, uint8_t theirs, uint8_t ours, const char *secret)
{
	struct signer signer = { .key = { .algorithm = (uint8_t)algorithm, .send_id = theirs, .receive_id = ours,
					  .mac_bytes = 12, .length = (uint8_t)strlen(secret) }, .next_id = ours };

	memcpy(signer.key.bytes, secret, strlen(secret));
	return signer;
}

/* The MAC of a header with a place for it. */
static inline void signer_mac(struct script *s, const struct signer *signer, bool theirs, const uint8_t *bytes,
			      const struct segment *seg, struct eleven_slice text, uint8_t *mac)
{
	const struct address *from = theirs ? &s->them : &s->us, *to = theirs ? &s->us : &s->them;
	struct signed_segment signed_segment = {
		from, to, bytes, seg->header_bytes, seg->options.auth_at, seg->options.auth_bytes, &text, 1,
		text.length,
	};
	struct seq mine = theirs ? s->their_iss : s->our_iss, other = theirs ? s->our_iss : s->their_iss;
	struct ao_context context = { from, to, seg->source_port, seg->destination_port, mine,
				      seg->syn && !seg->has_ack ? seq_of(0) : other };
	uint8_t traffic[TRAFFIC_KEY_MAX];

	if (signer->key.algorithm == ELEVEN_TCP_MD5) {
		signature_md5(&signed_segment, signer->key.bytes, signer->key.length, mac);
		return;
	}
	traffic_key_derive(&signer->key, &context, traffic);
	signature_ao(&signed_segment, &signer->key, traffic, theirs ? signer->extension : signer->our_extension, mac);
}

/* As in(), signed. */
static inline void in_signed(struct script *s, const struct signer *signer, const char *line)
{
	static uint8_t bytes[70000];
	bool md5 = signer->key.algorithm == ELEVEN_TCP_MD5;
	struct arrival arrival = { .source = s->them, .destination = s->us, .bytes = bytes, .tos = s->tos };
	struct segment_scan scan;
	struct segment seg;
	uint8_t mac[TRAFFIC_KEY_MAX], *option;
	uint16_t sum;

	assert_true(segment_scan(&scan, line, strlen(line), s->their_iss, s->our_iss));
	scan.segment.source_port = s->their_port;
	scan.segment.destination_port = s->our_port;
	scan.segment.window = scan.has_window ? scan.segment.window : 65535;
	scan.segment.options.auth = md5 ? TCP_AUTH_MD5 : TCP_AUTH_AO;
	scan.segment.options.auth_bytes = (uint8_t)(md5 ? TCP_MD5_BYTES : 4 + signer->key.mac_bytes);
	arrival.length = (uint32_t)segment_emit(bytes, sizeof(bytes), &scan.segment, &s->them, &s->us);
	assert_int_equal(segment_parse(&seg, bytes, arrival.length), TCP_OK);
	option = bytes + seg.options.auth_at;
	if (!md5) {
		option[2] = signer->key.send_id;
		option[3] = signer->next_id;
	}
	signer_mac(s, signer, true, bytes, &seg, (struct eleven_slice){ seg.text, seg.text_bytes }, mac);
	mac[3] ^= signer->wrong;
	memcpy(option + (md5 ? 2 : 4), mac, md5 ? 16u : signer->key.mac_bytes);
	bytes[16] = bytes[17] = 0;
	sum = segment_checksum(&s->them, &s->us, bytes, arrival.length);
	store_be16(bytes + 16, sum);
	tcp_segment_arrives(s->tcp, &arrival, s->now);
}

/* As out(), and signed with this key, rightly. */
static inline void out_signed_at(struct script *s, const struct signer *signer, const char *line, const char *file,
				 int at)
{
	bool md5 = signer->key.algorithm == ELEVEN_TCP_MD5;
	const uint8_t *option;
	uint8_t mac[TRAFFIC_KEY_MAX];

	out_at(s, line, file, at);
	if (s->last.options.auth != (md5 ? TCP_AUTH_MD5 : TCP_AUTH_AO))
		fail_msg("%s:%d: not signed, or otherwise", file, at);
	option = s->last_out.header + s->last.options.auth_at;
	signer_mac(s, signer, false, s->last_out.header, &s->last,
		   (struct eleven_slice){ s->last_text, s->last.text_bytes }, mac);
	if (!md5)
		assert_int_equal(option[2], signer->key.receive_id);
	if (memcmp(option + (md5 ? 2 : 4), mac, md5 ? 16u : signer->key.mac_bytes) != 0)
		fail_msg("%s:%d: wrongly signed", file, at);
}
#define out_signed(s, signer, line) out_signed_at(s, signer, line, __FILE__, __LINE__)

static inline int key_give(struct script *s, eleven_handle h, const struct signer *signer)
{
	struct eleven_key key = key_ours(s, signer);

	return tcp_key_add(s->tcp, h, &key, s->now);
}

static inline void signed_listen(struct script *s, const struct signer *signer)
{
	to_listen(s);
	assert_int_equal(key_give(s, s->listener, signer), 0);
}

static inline void signed_established(struct script *s, const struct signer *signer)
{
	signed_listen(s, signer);
	in_signed(s, signer, "S 0:0(0) win 65535 <mss 1460,nop,nop,sackOK>");
	out_signed(s, signer, "S. 0:0(0) ack 1 <...>");
	in_signed(s, signer, ". 1:1(0) ack 1");
	state_is(s, ELEVEN_ESTABLISHED);
	assert_int_equal(tcp_accept(s->tcp, s->listener, &s->h, s->now), 0);
	quiet(s);
}

static inline void signed_connect(struct script *s, const struct signer *signer)
{
	assert_int_equal(tcp_open(s->tcp, &s->h, s->now), 0);
	assert_int_equal(key_give(s, s->h, signer), 0);
	assert_int_equal(tcp_bind(s->tcp, s->h, &s->us, s->our_port, 0, s->now), 0);
	assert_int_equal(tcp_connect(s->tcp, s->h, &s->us, 0, &s->them, s->their_port, s->now), 0);
}

#endif
