/* SPDX-License-Identifier: MIT */
/* TCP-AO (RFC 5925), at the level of segments; the MACs themselves are in test_rfc9235.c. */
#include "signer.h"

#include "../panic.h"

static const enum eleven_algorithm algorithms[] = { ELEVEN_HMAC_SHA_1_96, ELEVEN_AES_128_CMAC_96 };

/* 5926-§2.2-R1: with both algorithms; 5925-§7.4-R1: the signature is the last of the options, and covers them. */
static void test_5925_a_life_from_listener_to_TIME_WAIT(void **state)
{
	struct script *s = *state;

	for (unsigned i = 0; i < 2; i++) {
		struct signer signer = signer_of(algorithms[i], 61, 84, "testvector");
		struct eleven_status status;
		struct eleven_auth auth;

		s->our_iss_known = false;
		s->our_port = (uint16_t)(OUR_PORT + i);
		s->tcp->config.timestamps = 1;
		signed_established(s, &signer);
		tcp_status(s->tcp, s->h, &status);
		assert_true(status.sub & ELEVEN_SUB_SIGNED);
		assert_int_equal(status.mss_send, 1460 - 16);
		tcp_option_set(s->tcp, s->h, ELEVEN_OPTION_NODELAY, 1, s->now);
		tcp_send(s->tcp, s->h, zeros, 2000, 0, s->now);
		out_signed(s, &signer, ". 1:1445(1444) ack 1");
		assert_int_equal(s->last.options.auth_at + s->last.options.auth_bytes, s->last.header_bytes);
		out_signed(s, &signer, "P. 1445:2001(556) ack 1");
		in_signed(s, &signer, "P. 1:51(50) ack 2001");
		pass(s, MS(50));
		out_signed(s, &signer, ". 2001:2001(0) ack 51");
		assert_int_equal(tcp_auth_get(s->tcp, s->h, &auth), 0);
		assert_int_equal(auth.current_id, 84);
		assert_int_equal(auth.next_id, 61);
		assert_int_equal(auth.good, 1);
		tcp_receive(s->tcp, s->h, (char[50]){ 0 }, 50, s->now);
		tcp_close(s->tcp, s->h, s->now);
		out_signed(s, &signer, "F. 2001:2001(0) ack 51");
		in_signed(s, &signer, "F. 51:51(0) ack 2002");
		out_signed(s, &signer, ". 2002:2002(0) ack 52");
		state_is(s, ELEVEN_TIME_WAIT);
		in(s, "F. 51:51(0) ack 2002");
		quiet(s);
		in_signed(s, &signer, "F. 51:51(0) ack 2002");
		out_signed(s, &signer, ". 2002:2002(0) ack 52");
		pass(s, SEC(61));
		tcp_close(s->tcp, s->listener, s->now);
		assert_int_equal(s->tcp->auth_keys.used, 0);
	}
}

/* 5925-§7.3-R1: dropped without an answer, counted; and 5925-§7.4-R1: before anything else is looked at. */
static void test_5925_what_fails_is_dropped_in_silence(void **state)
{
	struct script *s = *state;
	struct signer signer = signer_of(ELEVEN_HMAC_SHA_1_96, 61, 84, "testvector"), other = signer;
	struct eleven_auth auth;

	other.key.send_id = 62;
	signed_established(s, &signer);
	in(s, "R 1:1(0)");
	in(s, ". 1:1(0) ack 1");
	in(s, "S 1:1(0)");
	in_signed(s, &other, "P. 1:11(10) ack 1");
	signer.wrong = true;
	in_signed(s, &signer, "P. 1:11(10) ack 1");
	in_signed(s, &signer, "R 1:1(0)");
	in_signed(s, &signer, "S 500000:500000(0)");    /* would be challenged, were it looked at */
	quiet(s);
	state_is(s, ELEVEN_ESTABLISHED);
	assert_int_equal(tcp_auth_get(s->tcp, s->h, &auth), 0);
	assert_int_equal(auth.unsigned_segments, 3);
	assert_int_equal(auth.key_unknown, 1);
	assert_int_equal(auth.bad, 3);
	assert_int_equal(taken(s, RULE_AUTH_MISSING), 3);
	assert_int_equal(taken(s, RULE_AUTH_KEY_UNKNOWN), 1);
	assert_int_equal(taken(s, RULE_AUTH_WRONG), 3);
	signer.wrong = false;
	signer.key.mac_bytes = 8;       /* right as far as it goes, and too short */
	in_signed(s, &signer, "P. 1:11(10) ack 1");
	quiet(s);
	assert_int_equal(taken(s, RULE_AUTH_WRONG), 4);
	signer.key.mac_bytes = 12;
	in_signed(s, &signer, "R 1:1(0)");
	state_is(s, ELEVEN_CLOSED);
}

/* 5925-§7.3-R1: of a signed segment without a key for it the configuration decides. */
static void test_5925_peers_without_a_key(void **state)
{
	struct script *s = *state;
	struct signer signer = signer_of(ELEVEN_HMAC_SHA_1_96, 61, 84, "testvector");
	struct eleven_auth auth = { .required = true };

	to_listen(s);
	in_signed(s, &signer, "S 0:0(0) win 65535 <mss 1460>");
	out(s, "S. 0:0(0) ack 1 <mss 1460>");
	s->their_port++;
	s->tcp->config.auth_unmatched_dropped = 1;
	in_signed(s, &signer, "S 0:0(0) win 65535 <mss 1460>");
	quiet(s);
	s->tcp->config.auth_unmatched_dropped = 0;
	/* The listener may want all to sign. */
	assert_int_equal(tcp_auth_set(s->tcp, s->listener, &auth, s->now), 0);
	in_signed(s, &signer, "S 0:0(0) win 65535 <mss 1460>");
	in(s, "S 0:0(0) win 65535 <mss 1460>");
	quiet(s);
	assert_int_equal(taken(s, RULE_AUTH_MISSING), 2);
	assert_int_equal(tcp_open(s->tcp, &s->h, s->now), 0);
	assert_int_equal(tcp_auth_set(s->tcp, s->h, &auth, s->now), 0);
	assert_int_equal(tcp_connect(s->tcp, s->h, &s->us, 0, &s->them, 1, s->now), -EKEYREJECTED);
}

/* 5925-§2.2-R1 */
static void test_5925_options_that_contradict_each_other(void **state)
{
	static const uint8_t both[40] = { 19, 18, [18] = 29, 16 }, twice[40] = { 29, 16, [16] = 29, 16, [32] = 0 };
	static const uint8_t short_one[4] = { 29, 3, 0, 0 }, short_md5[4] = { 19, 4, 0, 0 };
	struct script *s = *state;

	to_listen(s);
	in_with(s, "S 0:0(0) win 65535", both, 36);
	in_with(s, "S 0:0(0) win 65535", twice, 36);
	in_with(s, "S 0:0(0) win 65535", short_one, 4);
	in_with(s, "S 0:0(0) win 65535", short_md5, 4);
	s->our_port++;                  /* for nobody */
	in_with(s, "S 0:0(0) win 65535", both, 36);
	quiet(s);
	assert_int_equal(taken(s, RULE_AUTH_OPTION_BAD), 5);
}

/* 5925-§3.3-R1: what comes is for exactly one tuple, so those that overlap have ids of their own. */
static void test_5925_master_key_tuples(void **state)
{
	struct script *s = *state;
	struct signer a = signer_of(ELEVEN_HMAC_SHA_1_96, 1, 2, "a"), b = signer_of(ELEVEN_AES_128_CMAC_96, 3, 2, "b");
	struct signer md5 = signer_of(ELEVEN_TCP_MD5, 0, 0, "m");
	struct eleven_key key;

	assert_int_equal(tcp_open(s->tcp, &s->h, s->now), 0);
	assert_int_equal(key_give(s, s->h, &a), 0);
	assert_int_equal(key_give(s, s->h, &a), -EEXIST);
	assert_int_equal(key_give(s, s->h, &b), -EEXIST);       /* the same SendID */
	b.key.send_id = 1;
	b.key.receive_id = 4;
	assert_int_equal(key_give(s, s->h, &b), -EEXIST);       /* the same RecvID */
	key = key_ours(s, &b);
	key.prefix_bits = 0;
	assert_int_equal(tcp_key_add(s->tcp, s->h, &key, s->now), -EEXIST);     /* for others too, and for this one */
	b.key.send_id = 3;
	assert_int_equal(key_give(s, s->h, &b), 0);
	memset(key.peer.bytes, script_is_v6() ? 0 : 0xfd, 16);   /* the other family */
	key.peer.bytes[10] = key.peer.bytes[11] = 0xff;
	assert_int_equal(tcp_key_add(s->tcp, s->h, &key, s->now), 0);
	key.length = 0;
	assert_int_equal(tcp_key_add(s->tcp, s->h, &key, s->now), -EINVAL);
	key.length = 81;
	assert_int_equal(tcp_key_add(s->tcp, s->h, &key, s->now), -EINVAL);
	key.length = 80;
	key.mac_bytes = 17;
	assert_int_equal(tcp_key_add(s->tcp, s->h, &key, s->now), -EINVAL);
	key.mac_bytes = 3;
	assert_int_equal(tcp_key_add(s->tcp, s->h, &key, s->now), -EINVAL);
	key.algorithm = ELEVEN_ALGORITHMS;
	assert_int_equal(tcp_key_add(s->tcp, s->h, &key, s->now), -EINVAL);
	/* 5925-§2.2-R1: never MD5 as well. */
	assert_int_equal(key_give(s, s->h, &md5), 0);
	assert_int_equal(tcp_connect(s->tcp, s->h, &s->us, 0, &s->them, 9, s->now), -EKEYREJECTED);
	key = key_ours(s, &md5);
	assert_int_equal(tcp_key_remove(s->tcp, s->h, &key, s->now), 0);
	assert_int_equal(tcp_connect(s->tcp, s->h, &s->us, 0, &s->them, 9, s->now), 0);
}

/* 5925-§7.1-R1: what a program can do and see; 5925-§8-R1: MD5 is not the only one. */
static void test_5925_calls(void **state)
{
	struct script *s = *state;
	struct signer a = signer_of(ELEVEN_HMAC_SHA_1_96, 1, 2, "a"), b = signer_of(ELEVEN_AES_128_CMAC_96, 3, 4, "b");
	struct eleven_key_use use;
	struct eleven_auth auth;
	struct eleven_key key = key_ours(s, &a);
	unsigned cursor = 0;

	assert_int_equal(tcp_open(s->tcp, &s->h, s->now), 0);
	assert_int_equal(tcp_auth_get(s->tcp, s->h, &auth), -ENOENT);
	assert_false(tcp_key_next(s->tcp, s->h, &cursor, &use));
	signed_connect(s, &a);
	key_give(s, s->h, &b);
	/* The SYN goes with the first, and asks for it. */
	out_signed(s, &a, "S 0:0(0) <...>");
	assert_int_equal(s->last_out.header[s->last.options.auth_at + 3], 1);
	in_signed(s, &a, "S. 0:0(0) ack 1 <mss 1460>");
	out_signed(s, &a, ". 1:1(0) ack 1");
	assert_true(tcp_key_next(s->tcp, s->h, &cursor, &use));
	assert_true(use.is_current && use.is_next);
	assert_int_equal(use.key.send_id, 2);
	assert_int_equal(use.good, 1);
	assert_int_equal(use.key.mac_bytes, 12);
	assert_true(tcp_key_next(s->tcp, s->h, &cursor, &use));
	assert_false(use.is_current || use.is_next);
	assert_false(tcp_key_next(s->tcp, s->h, &cursor, &use));
	assert_int_equal(tcp_key_remove(s->tcp, s->h, &key, s->now), -EBUSY);
	assert_int_equal(tcp_auth_get(s->tcp, s->h, &auth), 0);
	auth.current_id = 9;
	assert_int_equal(tcp_auth_set(s->tcp, s->h, &auth, s->now), -ENOENT);
	auth.current_id = 4;
	auth.next_id = 3;
	assert_int_equal(tcp_auth_set(s->tcp, s->h, &auth, s->now), 0);
	tcp_send(s->tcp, s->h, zeros, 10, 0, s->now);
	out_signed(s, &b, "P. 1:11(10) ack 1");
	assert_int_equal(s->last_out.header[s->last.options.auth_at + 3], 3);
	assert_int_equal(tcp_key_remove(s->tcp, s->h, &key, s->now), 0);
	in_signed(s, &a, ". 1:1(0) ack 11");            /* its key is gone */
	assert_int_equal(taken(s, RULE_AUTH_KEY_UNKNOWN), 1);
	in_signed(s, &b, ". 1:1(0) ack 11");
	quiet(s);
	assert_true(signals_of(s, s->h) & ELEVEN_SIGNAL_ACKED);
	/* Too late to begin, and for another peer. */
	key.peer.bytes[15] ^= 1;
	key.send_id = 77;
	key.receive_id = 78;
	assert_int_equal(tcp_key_add(s->tcp, s->h, &key, s->now), -EINVAL);
	tcp_abort(s->tcp, s->h, s->now);
	out_signed(s, &b, "R. 11:11(0) ack 1");
	s->their_port++;
	s->our_iss_known = false;
	to_syn_sent(s);
	assert_int_equal(key_give(s, s->h, &a), -EISCONN);
	assert_int_equal(tcp_auth_set(s->tcp, s->h, &auth, s->now), -EISCONN);
}

/* RFC 5925 §7.5.1: the peer asks for the other key, and gets it, without a segment lost; and so the other way. */
static void test_5925_rollover(void **state)
{
	struct script *s = *state;
	struct signer a = signer_of(ELEVEN_HMAC_SHA_1_96, 1, 2, "a"), b = signer_of(ELEVEN_AES_128_CMAC_96, 3, 4, "b");
	struct eleven_auth auth;

	b.key.mac_bytes = 16;           /* another length, too */
	signed_listen(s, &a);
	assert_int_equal(key_give(s, s->listener, &b), 0);
	in_signed(s, &a, "S 0:0(0) win 65535 <mss 1460>");
	out_signed(s, &a, "S. 0:0(0) ack 1 <...>");
	in_signed(s, &a, ". 1:1(0) ack 1");
	tcp_accept(s->tcp, s->listener, &s->h, s->now);
	tcp_send(s->tcp, s->h, zeros, 10, 0, s->now);
	out_signed(s, &a, "P. 1:11(10) ack 1");
	a.next_id = 4;                  /* RNextKeyID: send with that */
	in_signed(s, &a, ". 1:1(0) ack 11");
	assert_int_equal(taken(s, RULE_AUTH_KEY_CHANGED), 1);
	tcp_option_set(s->tcp, s->h, ELEVEN_OPTION_NODELAY, 1, s->now);
	tcp_send(s->tcp, s->h, zeros, 1500, 0, s->now);
	out_signed(s, &b, ". 11:1451(1440) ack 1");
	out_signed(s, &b, "P. 1451:1511(60) ack 1");
	a.next_id = 99;                 /* nobody's: it stays */
	in_signed(s, &a, ". 1:1(0) ack 1511");
	assert_int_equal(taken(s, RULE_AUTH_KEY_CHANGED), 1);
	/* A forger changes nothing. */
	a.next_id = 2;
	a.wrong = true;
	in_signed(s, &a, ". 1:1(0) ack 1511");
	assert_int_equal(taken(s, RULE_AUTH_KEY_CHANGED), 1);
	/* What the peer signs with is his choice: both are taken at any time. */
	b.next_id = 4;
	in_signed(s, &b, "P. 1:11(10) ack 1511");
	a.wrong = false;
	a.next_id = 4;
	in_signed(s, &a, "P. 11:21(10) ack 1511");
	pass(s, MS(50));
	out_signed(s, &b, ". 1511:1511(0) ack 21");
	assert_int_equal(tcp_auth_get(s->tcp, s->h, &auth), 0);
	assert_int_equal(auth.next_id, 1);
	auth.next_id = 3;
	assert_int_equal(tcp_auth_set(s->tcp, s->h, &auth, s->now), 0);
	in_signed(s, &a, "P. 21:31(10) ack 1511");
	pass(s, MS(50));
	out_signed(s, &b, ". 1511:1511(0) ack 31");
	assert_int_equal(s->last_out.header[s->last.options.auth_at + 3], 3);
}

/* RFC 5925 §7.5: the answer to a SYN is signed with the key that it asks for, also when it goes again. */
static void test_5925_answer_with_the_key_that_the_SYN_asks_for(void **state)
{
	struct script *s = *state;
	struct signer a = signer_of(ELEVEN_HMAC_SHA_1_96, 1, 2, "a"), b = signer_of(ELEVEN_AES_128_CMAC_96, 3, 4, "b");

	signed_listen(s, &a);
	key_give(s, s->listener, &b);
	a.next_id = 4;
	in_signed(s, &a, "S 0:0(0) win 65535 <mss 1460>");
	out_signed(s, &b, "S. 0:0(0) ack 1 <...>");
	assert_int_equal(s->last_out.header[s->last.options.auth_at + 3], 1);
	pass(s, SEC(1));
	out_signed(s, &b, "S. 0:0(0) ack 1 <...>");
	in_signed(s, &a, ". 1:1(0) ack 1");
	tcp_accept(s->tcp, s->listener, &s->h, s->now);
	tcp_send(s->tcp, s->h, zeros, 10, 0, s->now);
	out_signed(s, &b, "P. 1:11(10) ack 1");
}

/* 5925-§5.2-R1: the key of a SYN is of its own number alone; of all else, of both. */
static void test_5925_SYN_traffic_key(void **state)
{
	struct script *s = *state;
	struct signer signer = signer_of(ELEVEN_HMAC_SHA_1_96, 61, 84, "testvector");

	s->our_iss = seq_of(12345);     /* which the peer's SYN cannot know, and signer_mac() leaves out */
	signed_listen(s, &signer);
	in_signed(s, &signer, "S 0:0(0) win 65535 <mss 1460>");
	out_signed(s, &signer, "S. 0:0(0) ack 1 <...>");
	in_signed(s, &signer, "S 0:0(0) win 65535 <mss 1460>");         /* again */
	out_signed(s, &signer, "S. 0:0(0) ack 1 <...>");
	s->our_iss = seq_add(s->our_iss, 1);
	in_signed(s, &signer, ". 1:1(0) ack 0");        /* the right ACK, signed as of another connection */
	quiet(s);
	state_is(s, ELEVEN_SYN_RECEIVED);
	assert_int_equal(taken(s, RULE_AUTH_WRONG), 1);
}

/* Simultaneous open: SYNs that know nothing of each other. */
static void test_5925_simultaneous_open(void **state)
{
	struct script *s = *state;
	struct signer signer = signer_of(ELEVEN_AES_128_CMAC_96, 61, 84, "testvector");

	signed_connect(s, &signer);
	out_signed(s, &signer, "S 0:0(0) <...>");
	in_signed(s, &signer, "S 0:0(0) win 65535 <mss 1460>");
	out_signed(s, &signer, "S. 0:0(0) ack 1 <...>");
	in_signed(s, &signer, "S. 0:0(0) ack 1 win 65535 <mss 1460>");
	state_is(s, ELEVEN_ESTABLISHED);
}

/* 5925-§6.2-R1: behind 2^32 the numbers are the same, and their signatures are not; on both sides. */
static void test_5925_sequence_number_extension(void **state)
{
	struct script *s = *state;
	struct signer signer = signer_of(ELEVEN_HMAC_SHA_1_96, 61, 84, "testvector");
	struct tcb *tcb;
	struct auth *auth;

	s->their_iss = seq_of(0u - 100);
	signed_established(s, &signer);
	tcb = tcb_of(s->tcp, s->h);
	auth = auth_of(s->tcp, tcb);
	/* Theirs goes round in the middle of a segment, whose number is still of before. */
	in_signed(s, &signer, "P. 1:201(200) ack 1");
	pass(s, MS(50));
	out_signed(s, &signer, ". 1:1(0) ack 201");
	in_signed(s, &signer, ". 201:211(10) ack 1");   /* with the old extension */
	assert_int_equal(taken(s, RULE_AUTH_WRONG), 1);
	quiet(s);
	signer.extension = 1;
	in_signed(s, &signer, "P. 201:211(10) ack 1");
	pass(s, MS(50));
	out_signed(s, &signer, ". 1:1(0) ack 211");
	signer.extension = 0;                           /* from before, again: right, and old */
	in_signed(s, &signer, "P. 1:201(200) ack 1");
	assert_int_equal(taken(s, RULE_AUTH_WRONG), 1);
	out_signed(s, &signer, ". 1:1(0) ack 211 <...>");
	signer.extension = 1;
	/* Ours: as if 1 GiB more had been sent and acknowledged each time. */
	for (uint64_t sent = s->our_iss.value + 1ull; sent >> 32 < 3; sent += 10) {
		char line[80];
		uint32_t at;

		sent += 1u << 30;
		auth->sent += 1u << 30;
		at = (uint32_t)sent - s->our_iss.value;
		tcb->snd.una = tcb->snd.nxt = tcb->snd.max = tcb->snd.end = tcb->snd.small = tcb->snd.push =
			tcb->snd.wl2 = seq_of((uint32_t)sent);
		assert_int_equal(tcp_send(s->tcp, s->h, zeros, 10, 0, s->now), 10);
		signer.our_extension = (uint32_t)(sent >> 32);
		snprintf(line, sizeof(line), "P. %u:%u(10) ack 211", at, at + 10);
		out_signed(s, &signer, line);
		snprintf(line, sizeof(line), ". 211:211(0) ack %u", at + 10);
		in_signed(s, &signer, line);
		quiet(s);
		assert_int_equal(flight(tcb), 0);
	}
}

/* 5925-§7.8-R1 */
static void test_5925_ICMP_is_ignored(void **state)
{
	struct script *s = *state;
	struct signer signer = signer_of(ELEVEN_HMAC_SHA_1_96, 61, 84, "testvector");
	struct tcp_error error = { .tuple = { s->us, s->them, s->our_port, s->their_port }, .error = ECONNREFUSED,
				   .hard = true };
	struct eleven_auth auth;

	signed_connect(s, &signer);
	out_signed(s, &signer, "S 0:0(0) <...>");
	error.seq = s->our_iss;
	tcp_error_arrives(s->tcp, &error, s->now);
	state_is(s, ELEVEN_SYN_SENT);
	assert_int_equal(taken(s, RULE_AUTH_ICMP_IGNORED), 1);
	in_signed(s, &signer, "S. 0:0(0) ack 1 win 65535 <mss 1460>");
	out_signed(s, &signer, ". 1:1(0) ack 1");
	tcp_send(s->tcp, s->h, zeros, 1444, 0, s->now);
	out_signed(s, &signer, "P. 1:1445(1444) ack 1");
	error.seq = seq_add(s->our_iss, 1);
	tcp_error_arrives(s->tcp, &error, s->now);
	if (!script_is_v6()) {          /* code 4 of ICMP; Packet Too Big of ICMPv6 is none of those */
		error.mtu = 1000;
		tcp_error_arrives(s->tcp, &error, s->now);
		assert_int_equal(taken(s, RULE_ICMP_PATH_MTU), 0);
	}
	tcp_auth_get(s->tcp, s->h, &auth);
	assert_int_equal(auth.icmp_ignored, script_is_v6() ? 2 : 3);
	assert_int_equal(taken(s, RULE_ICMP_SOFT_ERROR), 0);
	auth.icmp_heeded = true;        /* as the program wishes */
	tcp_auth_set(s->tcp, s->h, &auth, s->now);
	error.mtu = 0;
	tcp_error_arrives(s->tcp, &error, s->now);
	assert_int_equal(taken(s, RULE_ICMP_SOFT_ERROR), 1);
}

/* SYN cookies: the numbers of the third ACK tell the keys. */
static void test_5925_under_a_flood(void **state)
{
	struct script *s = *state;
	struct signer signer = signer_of(ELEVEN_HMAC_SHA_1_96, 61, 84, "testvector");

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
	signer.wrong = true;
	in_signed(s, &signer, ". 1:1(0) ack 1");
	quiet(s);
	state_is(s, ELEVEN_CLOSED);
	signer.wrong = false;
	in_signed(s, &signer, ". 1:1(0) ack 1");
	state_is(s, ELEVEN_ESTABLISHED);
	tcp_accept(s->tcp, s->listener, &s->h, s->now);
	tcp_send(s->tcp, s->h, zeros, 10, 0, s->now);
	out_signed(s, &signer, "P. 1:11(10) ack 1");
}

/* Options left out of the MAC: a middlebox may change them. */
static void test_5925_options_excluded(void **state)
{
	struct script *s = *state;
	struct signer signer = signer_of(ELEVEN_HMAC_SHA_1_96, 61, 84, "testvector");

	signer.key.exclude_options = true;
	signed_established(s, &signer);
	signer.key.exclude_options = false;
	in_signed(s, &signer, "P. 1:11(10) ack 1");
	assert_int_equal(taken(s, RULE_AUTH_WRONG), 0);         /* but for the signature there is none: the same */
	in_signed(s, &signer, "P. 11:21(10) ack 1 <nop,nop,TS val 1 ecr 1>");
	assert_int_equal(taken(s, RULE_AUTH_WRONG), 1);
	signer.key.exclude_options = true;
	in_signed(s, &signer, "P. 11:21(10) ack 1 <nop,nop,TS val 1 ecr 1>");
	assert_int_equal(taken(s, RULE_AUTH_WRONG), 1);
}

/* With as many keys as there may be the next is refused, and a child without room for its own is none. */
static void test_5925_no_room_for_keys(void **state)
{
	struct script *s = *state;
	struct signer signer = signer_of(ELEVEN_HMAC_SHA_1_96, 61, 84, "testvector");

	script_end(s);
	script_config(s, ELEVEN_MODERN);
	s->config.auth_keys_max = 2;
	script_begin(s);
	signed_listen(s, &signer);
	tcp_open(s->tcp, &s->h, s->now);
	assert_int_equal(key_give(s, s->h, &signer), 0);
	signer.key.send_id = signer.key.receive_id = 1;
	assert_int_equal(key_give(s, s->h, &signer), -ENOBUFS);
	signer = signer_of(ELEVEN_HMAC_SHA_1_96, 61, 84, "testvector");
	in_signed(s, &signer, "S 0:0(0) win 65535 <mss 1460>");
	out_signed(s, &signer, "S. 0:0(0) ack 1 <...>");
	in_signed(s, &signer, ". 1:1(0) ack 1");
	state_is(s, ELEVEN_SYN_RECEIVED);
	assert_int_equal(taken(s, RULE_ACCEPT_NO_ROOM), 1);
	tcp_close(s->tcp, s->h, s->now);
	in_signed(s, &signer, ". 1:1(0) ack 1");
	state_is(s, ELEVEN_ESTABLISHED);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_5925_a_life_from_listener_to_TIME_WAIT),
		TEST(test_5925_what_fails_is_dropped_in_silence),
		TEST(test_5925_peers_without_a_key),
		TEST(test_5925_options_that_contradict_each_other),
		TEST(test_5925_master_key_tuples),
		TEST(test_5925_calls),
		TEST(test_5925_rollover),
		TEST(test_5925_answer_with_the_key_that_the_SYN_asks_for),
		TEST(test_5925_SYN_traffic_key),
		TEST(test_5925_simultaneous_open),
		TEST(test_5925_sequence_number_extension),
		TEST(test_5925_ICMP_is_ignored),
		TEST(test_5925_under_a_flood),
		TEST(test_5925_options_excluded),
		TEST(test_5925_no_room_for_keys),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
