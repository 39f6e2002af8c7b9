/* SPDX-License-Identifier: MIT */
/* TCP-MD5 (RFC 2385), at the level of segments; tests/system/signed.py has it against the kernel. */
#include "signer.h"

#include "../panic.h"

static struct signer md5(const char *secret)
{
	return signer_of(ELEVEN_TCP_MD5, 0, 0, secret);
}

/* Of a segment the digest is over pseudo-header, header without options, text, key (RFC 2385 §2.0). */
static void test_RFC_2385_digest(void **state)
{
	struct script *s = *state;
	struct signer signer = md5("secret");
	struct segment seg = { .source_port = 1, .destination_port = 2, .seq = seq_of(3), .has_ack = true,
			       .options = { .auth = TCP_AUTH_MD5, .auth_bytes = 18 } };
	uint8_t a[TCP_HEADER_MAX], b[TCP_HEADER_MAX], x[TRAFFIC_KEY_MAX], y[TRAFFIC_KEY_MAX];

	seg.header_bytes = (uint8_t)segment_emit_header(a, &seg);
	assert_int_equal(segment_parse(&seg, a, seg.header_bytes), TCP_OK);
	signer_mac(s, &signer, true, a, &seg, (struct eleven_slice){ (const uint8_t *)"text", 4 }, x);
	memcpy(b, a, sizeof(b));
	b[16] = 0xff;                   /* checksum and options are not in it */
	b[39] = 0xff;
	signer_mac(s, &signer, true, b, &seg, (struct eleven_slice){ (const uint8_t *)"text", 4 }, y);
	assert_memory_equal(x, y, 16);
	b[7] ^= 1;
	signer_mac(s, &signer, true, b, &seg, (struct eleven_slice){ (const uint8_t *)"text", 4 }, y);
	assert_memory_not_equal(x, y, 16);
	signer_mac(s, &signer, true, a, &seg, (struct eleven_slice){ (const uint8_t *)"texu", 4 }, y);
	assert_memory_not_equal(x, y, 16);
	signer = md5("secres");
	signer_mac(s, &signer, true, a, &seg, (struct eleven_slice){ (const uint8_t *)"text", 4 }, y);
	assert_memory_not_equal(x, y, 16);
}

static void test_RFC_2385_a_life_from_listener_to_TIME_WAIT(void **state)
{
	struct script *s = *state;
	struct signer signer = md5("secret");
	struct eleven_status status;

	signed_established(s, &signer);
	tcp_status(s->tcp, s->h, &status);
	assert_true(status.sub & ELEVEN_SUB_SIGNED);
	assert_int_equal(status.mss_send, 1440);        /* 20 bytes of each go to the signature */
	tcp_send(s->tcp, s->h, zeros, 100, 0, s->now);
	out_signed(s, &signer, "P. 1:101(100) ack 1");
	in_signed(s, &signer, "P. 1:51(50) ack 101");
	pass(s, MS(50));
	out_signed(s, &signer, ". 101:101(0) ack 51");
	tcp_receive(s->tcp, s->h, (char[50]){ 0 }, 50, s->now);
	assert_int_equal(tcp_close(s->tcp, s->h, s->now), 0);
	out_signed(s, &signer, "F. 101:101(0) ack 51");
	in_signed(s, &signer, "F. 51:51(0) ack 102");
	out_signed(s, &signer, ". 102:102(0) ack 52");
	state_is(s, ELEVEN_TIME_WAIT);
	in(s, "F. 51:51(0) ack 102");           /* unsigned: not even an ACK */
	quiet(s);
	in_signed(s, &signer, "F. 51:51(0) ack 102");
	out_signed(s, &signer, ". 102:102(0) ack 52");
	pass(s, SEC(61));
	state_is(s, ELEVEN_CLOSED);
	assert_int_equal(s->tcp->auths.used, 1);        /* the listener's */
	tcp_close(s->tcp, s->listener, s->now);
	assert_int_equal(s->tcp->auths.used, 0);
	assert_int_equal(s->tcp->auth_keys.used, 0);
}

/* RFC 2385 §2.0: what fails is dropped without an answer; and a RST that is not signed ends nothing (§4.1). */
static void test_RFC_2385_wrong_segments_are_dropped_in_silence(void **state)
{
	struct script *s = *state;
	struct signer signer = md5("secret"), other = md5("other");

	signed_listen(s, &signer);
	in(s, "S 0:0(0) win 65535 <mss 1460>");
	in_signed(s, &other, "S 0:0(0) win 65535 <mss 1460>");
	quiet(s);
	assert_int_equal(taken(s, RULE_AUTH_MISSING), 1);
	assert_int_equal(taken(s, RULE_AUTH_MD5_WRONG), 1);
	in_signed(s, &signer, "S 0:0(0) win 65535 <mss 1460>");
	out_signed(s, &signer, "S. 0:0(0) ack 1 <...>");
	in(s, "R 1:1(0)");
	in(s, ". 1:1(0) ack 1");
	in_signed(s, &other, ". 1:1(0) ack 1");
	quiet(s);
	state_is(s, ELEVEN_SYN_RECEIVED);
	in_signed(s, &signer, ". 1:1(0) ack 1");
	state_is(s, ELEVEN_ESTABLISHED);
	tcp_accept(s->tcp, s->listener, &s->h, s->now);
	in(s, "R 1:1(0)");
	in(s, "S 1:1(0)");
	in(s, "P. 1:11(10) ack 1");
	in_signed(s, &other, "R 1:1(0)");
	signer.wrong = true;
	in_signed(s, &signer, "P. 1:11(10) ack 1");
	quiet(s);
	state_is(s, ELEVEN_ESTABLISHED);
	signer.wrong = false;
	in_signed(s, &signer, "R 1:1(0)");
	state_is(s, ELEVEN_CLOSED);
}

static void test_RFC_2385_client_and_its_resets(void **state)
{
	struct script *s = *state;
	struct signer signer = md5("secret");

	signed_connect(s, &signer);
	out_signed(s, &signer, "S 0:0(0) <...>");
	in(s, "S. 0:0(0) ack 1 win 65535 <mss 1460>");
	in(s, "R. 0:0(0) ack 1");
	quiet(s);
	state_is(s, ELEVEN_SYN_SENT);
	in_signed(s, &signer, "S. 0:0(0) ack 9 win 65535 <mss 1460>");
	out_signed(s, &signer, "R 9:9(0)");
	pass(s, SEC(1));
	out_signed(s, &signer, "S 0:0(0) <...>");
	in_signed(s, &signer, "S. 0:0(0) ack 1 win 65535 <mss 1460>");
	out_signed(s, &signer, ". 1:1(0) ack 1");
	tcp_abort(s->tcp, s->h, s->now);
	out_signed(s, &signer, "R. 1:1(0) ack 1");
}

/* RFC 2385 §4.1: RSTs of who has no connection any more but has the key. */
static void test_RFC_2385_listener_signs_its_resets(void **state)
{
	struct script *s = *state;
	struct signer signer = md5("secret");

	s->our_iss_known = true;
	signed_listen(s, &signer);
	in(s, ". 1:1(0) ack 1");
	quiet(s);
	in_signed(s, &signer, ". 1:1(0) ack 1");
	out_signed(s, &signer, "R 1:1(0)");
}

/* SYN cookies need the keys of the listener alone. */
static void test_RFC_2385_under_a_flood(void **state)
{
	struct script *s = *state;
	struct signer signer = md5("secret");

	signed_listen(s, &signer);
	tcp_listen(s->tcp, s->listener, 1, s->now);
	for (unsigned i = 0; i < 20; i++) {
		s->their_port = (uint16_t)(THEIR_PORT + i);
		s->our_iss_known = false;
		in_signed(s, &signer, "S 0:0(0) win 65535 <mss 1460>");
		out_signed(s, &signer, "S. 0:0(0) ack 1 <...>");
	}
	assert_true(taken(s, RULE_LISTEN_COOKIE) > 0);
	in(s, ". 1:1(0) ack 1");
	quiet(s);
	state_is(s, ELEVEN_CLOSED);
	in_signed(s, &signer, ". 1:1(0) ack 1");
	state_is(s, ELEVEN_ESTABLISHED);
	assert_int_equal(tcp_accept(s->tcp, s->listener, &s->h, s->now), 0);
	tcp_send(s->tcp, s->h, zeros, 10, 0, s->now);
	out_signed(s, &signer, "P. 1:11(10) ack 1");
}

/* Of several prefixes the longest is meant; a key takes the place of one for the same. */
static void test_RFC_2385_keys_of_prefixes(void **state)
{
	struct script *s = *state;
	struct signer wide = md5("wide"), narrow = md5("narrow"), new = md5("new");
	struct eleven_key key;
	struct address them = s->them;

	to_listen(s);
	key = key_ours(s, &wide);
	key.prefix_bits = (uint8_t)(key.prefix_bits - 8);
	assert_int_equal(tcp_key_add(s->tcp, s->listener, &key, s->now), 0);
	assert_int_equal(key_give(s, s->listener, &narrow), 0);
	in_signed(s, &wide, "S 0:0(0) win 65535 <mss 1460>");
	quiet(s);
	in_signed(s, &narrow, "S 0:0(0) win 65535 <mss 1460>");
	out_signed(s, &narrow, "S. 0:0(0) ack 1 <...>");
	s->their_port++;
	s->their_iss = seq_of(5);
	s->our_iss_known = false;
	assert_int_equal(key_give(s, s->listener, &new), 0);
	in_signed(s, &new, "S 0:0(0) win 65535 <mss 1460>");
	out_signed(s, &new, "S. 0:0(0) ack 1 <...>");
	key = key_ours(s, &new);
	assert_int_equal(tcp_key_remove(s->tcp, s->listener, &key, s->now), 0);
	assert_int_equal(tcp_key_remove(s->tcp, s->listener, &key, s->now), -ENOENT);
	s->their_port++;
	s->our_iss_known = false;
	in_signed(s, &wide, "S 0:0(0) win 65535 <mss 1460>");
	out_signed(s, &wide, "S. 0:0(0) ack 1 <...>");
	s->them.bytes[14] ^= 0x80;      /* another network: no key is for it */
	s->our_iss_known = false;
	in(s, "S 0:0(0) win 65535 <mss 1460>");
	out(s, "S. 0:0(0) ack 1 <mss 1460>");
	s->their_port++;
	s->our_iss_known = false;
	in_signed(s, &wide, "S 0:0(0) win 65535 <mss 1460>");
	out(s, "S. 0:0(0) ack 1 <mss 1460>");           /* as for any option that is not known (MUST-6) */
	assert_int_equal(taken(s, RULE_AUTH_UNMATCHED_TAKEN), 1);
	s->tcp->config.auth_unmatched_dropped = 1;
	s->their_port++;
	in_signed(s, &wide, "S 0:0(0) win 65535 <mss 1460>");
	quiet(s);
	assert_int_equal(taken(s, RULE_AUTH_UNMATCHED), 1);
	s->them = them;
}

/* All options of a SYN and as many as fit of others: never more than 40 bytes. */
static void test_RFC_2385_room_for_options(void **state)
{
	struct script *s = *state;
	struct signer signer = md5("secret");

	s->tcp->config.timestamps = 1;
	signed_connect(s, &signer);
	out_signed(s, &signer, "S 0:0(0) win 65535 <mss 1460,nop,nop,sackOK,nop,wscale 7,md5>");
	in_signed(s, &signer, "S. 0:0(0) ack 1 win 65535 <mss 1460,nop,nop,sackOK,nop,wscale 7>");
	out_signed(s, &signer, ". 1:1(0) ack 1");
	for (int i = 1; i < 8; i += 2) {
		char line[64];

		snprintf(line, sizeof(line), "P. %d:%d(10) ack 1", 1 + 10 * i, 11 + 10 * i);
		in_signed(s, &signer, line);
		out_signed(s, &signer, i == 1 ? ". 1:1(0) ack 1 <nop,nop,sack 11:21,md5>" : ". 1:1(0) ack 1 <...>");
		assert_in_range(s->last.options.sack_count, 1, 2);
	}
	s->their_port++;
	s->our_iss_known = false;
	s->tcp->config.sack = 0;        /* then there is room for timestamps */
	s->our_port++;
	signed_connect(s, &signer);
	out_signed(s, &signer, "S 0:0(0) win 65535 <...>");
	assert_true(s->last.options.has_timestamps);
	assert_int_equal(s->last.header_bytes, 60);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_RFC_2385_digest),
		TEST(test_RFC_2385_a_life_from_listener_to_TIME_WAIT),
		TEST(test_RFC_2385_wrong_segments_are_dropped_in_silence),
		TEST(test_RFC_2385_client_and_its_resets),
		TEST(test_RFC_2385_listener_signs_its_resets),
		TEST(test_RFC_2385_under_a_flood),
		TEST(test_RFC_2385_keys_of_prefixes),
		TEST(test_RFC_2385_room_for_options),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
