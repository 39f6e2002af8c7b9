/* SPDX-License-Identifier: MIT */
/* The bits of fast_open, and the bounds of what is kept for it (RFC 7413 §4.1.3, §4.2, §5.1). */
#include "script.h"
#include "tcp/fastopen.h"

static void with_bits(struct script *s, unsigned bits)
{
	struct eleven_config config = s->config;

	script_end(s);
	memset(s, 0, sizeof(*s));
	s->config = config;
	s->config.fast_open = bits;
	script_begin(s);
}

static void client_open(struct script *s)
{
	assert_int_equal(tcp_open(s->tcp, &s->h, s->now), 0);
	assert_int_equal(tcp_option_set(s->tcp, s->h, ELEVEN_OPTION_FAST_OPEN_CONNECT, 1, s->now), 0);
	assert_int_equal(tcp_connect(s->tcp, s->h, &s->us, 0, &s->them, s->their_port, s->now), 0);
	s->our_iss_known = false;
}

/* The client's next segment, whatever its port. */
static void client_out(struct script *s)
{
	assert_true(out_any(s));
	s->our_port = s->last.source_port;
}

static void client_end(struct script *s)
{
	tcp_abort(s->tcp, s->h, s->now);
	while (out_any(s))
		;
	pass(s, SEC(1));
}

/* A connection to the server that gives this cookie. */
static void learn(struct script *s, const char *cookie)
{
	client_open(s);
	client_out(s);
	assert_true(s->last.options.has_fast_open);
	in_f(s, "S. 0:0(0) ack 1 win 65535 <mss 1000,FO %s,nop,nop>", cookie);
	client_end(s);
}

/* How many bytes of a cookie the SYN to them carries; -1: no option. The connection is given up. */
static int cookie_sent(struct script *s)
{
	int bytes;

	client_open(s);
	if (!out_any(s)) {
		assert_int_equal(tcp_send(s->tcp, s->h, zeros, 10, 0, s->now), 10);
		assert_true(out_any(s));
	}
	bytes = s->last.options.has_fast_open ? s->last.options.fast_open_bytes : -1;
	client_end(s);
	return bytes;
}

/* 7413-§2-R1: a program that asks for it on a stack that has it off. */
static void test_RFC_7413_client_off(void **state)
{
	struct script *s = *state;

	with_bits(s, FAST_OPEN_SERVER);
	assert_int_equal(cookie_sent(s), -1);
	assert_int_equal(taken(s, RULE_FAST_OPEN_ASKED), 0);
}

/* Linux's bit 4: text goes in the SYN though no cookie is known; the smallest MSS limits it, timestamps or not. */
static void test_RFC_7413_client_without_cookie(void **state)
{
	struct script *s = *state;

	for (unsigned timestamps = 0; timestamps < 2; timestamps++) {
		struct eleven_status status;

		s->config.timestamps = timestamps;
		with_bits(s, FAST_OPEN_CLIENT | FAST_OPEN_CLIENT_BARE);
		client_open(s);
		quiet(s);
		assert_int_equal(tcp_send(s->tcp, s->h, zeros, 3000, 0, s->now), 3000);
		client_out(s);
		assert_true(s->last.syn && !s->last.options.has_fast_open);
		assert_int_equal(s->last.text_bytes, (script_is_v6() ? 1220 : 536) - 40);
		in_f(s, "S. 0:0(0) ack %u win 65535 <mss 1000>", 1 + s->last.text_bytes);
		tcp_status(s->tcp, s->h, &status);
		assert_int_equal(status.state, ELEVEN_ESTABLISHED);
		assert_int_equal(taken(s, RULE_FAST_OPEN_TEXT_TAKEN), 1);
		client_end(s);
	}
	/* One that is known is used. */
	with_bits(s, FAST_OPEN_CLIENT);
	learn(s, "0102030405060708");
	assert_int_equal(cookie_sent(s), 8);
}

/* 7413-§4.1.3-R1: so many servers are remembered; the one not used for the longest time makes room. */
static void test_RFC_7413_servers_remembered(void **state)
{
	struct script *s = *state;

	s->config.fast_open_peers_max = 3;
	with_bits(s, FAST_OPEN_CLIENT);
	for (unsigned i = 1; i <= 3; i++) {
		s->them = script_address(0x0a000100 + i);
		learn(s, "0102030405060708");
		pass(s, SEC(1));
	}
	s->them = script_address(0x0a000101);
	assert_int_equal(cookie_sent(s), 8);            /* used again: now 2 is the oldest */
	s->them = script_address(0x0a000104);
	learn(s, "1112131415161718");
	for (unsigned i = 1; i <= 4; i++) {
		s->them = script_address(0x0a000100 + i);
		assert_int_equal(cookie_sent(s), i == 2 ? 0 : 8);
	}
}

/* ---- server */

static void server_open(struct script *s, unsigned limit)
{
	struct address any = script_address(0);

	assert_int_equal(tcp_open(s->tcp, &s->listener, s->now), 0);
	if (limit)
		assert_int_equal(tcp_option_set(s->tcp, s->listener, ELEVEN_OPTION_FAST_OPEN, limit, s->now), 0);
	assert_int_equal(tcp_bind(s->tcp, s->listener, &any, s->our_port, 0, s->now), 0);
	assert_int_equal(tcp_listen(s->tcp, s->listener, 3, s->now), 0);
	s->our_iss_known = false;
}

static void cookie_ask(struct script *s, char digits[33])
{
	in(s, "S 0:0(0) win 65535 <mss 1460,FO,nop,nop>");
	out(s, "S. 0:0(0) ack 1 <...>");
	assert_int_equal(s->last.options.fast_open_bytes, 8);
	for (unsigned i = 0; i < 8; i++)
		snprintf(digits + 2 * i, 3, "%02x", s->last.options.fast_open[i]);
	in(s, "R 1:1(0)");
	s->our_iss_known = false;
}

/* Linux's bits 512 and 1024: without a cookie, and on listeners that never asked for it; as many as their backlog. */
static void test_RFC_7413_server_without_cookie(void **state)
{
	struct script *s = *state;
	char text[100];

	with_bits(s, FAST_OPEN_SERVER | FAST_OPEN_SERVER_BARE | FAST_OPEN_ALL_LISTENERS);
	server_open(s, 0);
	in(s, "S 0:0(0) win 65535 <mss 1460>");         /* of no text it needs no care */
	out(s, "S. 0:0(0) ack 1 <...>");
	in(s, "R 1:1(0)");
	for (unsigned i = 0; i < 4; i++) {
		s->their_port++;
		s->our_iss_known = false;
		in(s, "S 0:50(50) win 65535 <mss 1460>");
		assert_true(out_any(s));
		assert_int_equal(seq_distance(s->last.ack, s->their_iss), i < 3 ? 51 : 1);
		assert_int_equal(taken(s, RULE_FAST_OPEN_FULL), i == 3);
	}
	for (unsigned i = 0; i < 3; i++) {
		assert_int_equal(tcp_accept(s->tcp, s->listener, &s->h, s->now), 0);
		assert_int_equal(tcp_receive(s->tcp, s->h, text, sizeof(text), s->now), 50);
	}
	assert_int_equal(tcp_accept(s->tcp, s->listener, &s->h, s->now), -EAGAIN);
	s->their_port++;
	s->our_iss_known = false;
	in(s, "S 0:0(0) win 65535 <mss 1460>");         /* no text, no option: it is not about this */
	assert_true(out_any(s));
	assert_int_equal(taken(s, RULE_FAST_OPEN_FULL), 1);
}

/* A listener that asks for it on a stack that has it off gives no cookie. */
static void test_RFC_7413_server_off(void **state)
{
	struct script *s = *state;

	with_bits(s, FAST_OPEN_CLIENT);
	server_open(s, 5);
	in(s, "S 0:0(0) win 65535 <mss 1460,FO,nop,nop>");
	out(s, "S. 0:0(0) ack 1 <...>");
	assert_false(s->last.options.has_fast_open);
}

/* A SYN with a right cookie and no text is a connection all the same. */
static void test_RFC_7413_cookie_without_text(void **state)
{
	struct script *s = *state;
	char cookie[33], byte;

	with_bits(s, FAST_OPEN_SERVER);
	server_open(s, 5);
	cookie_ask(s, cookie);
	in_f(s, "S 0:0(0) win 65535 <mss 1460,FO %s,nop,nop>", cookie);
	out(s, "S. 0:0(0) ack 1 <...>");
	assert_int_equal(taken(s, RULE_LISTEN_FAST_OPEN), 1);
	assert_int_equal(tcp_accept(s->tcp, s->listener, &s->h, s->now), 0);
	assert_int_equal(tcp_receive(s->tcp, s->h, &byte, 1, s->now), -EAGAIN);
	in(s, ". 1:1(0) ack 1 win 65535");
	state_is(s, ELEVEN_ESTABLISHED);
}

/* No room for a connection: the request is kept small, as any other. */
static void test_RFC_7413_no_room_for_a_connection(void **state)
{
	struct script *s = *state;
	eleven_handle h;
	char cookie[33];

	s->config.connections_max = 2;
	with_bits(s, 3);
	server_open(s, 5);
	cookie_ask(s, cookie);
	assert_int_equal(tcp_open(s->tcp, &h, s->now), 0);
	in_f(s, "S 0:50(50) win 65535 <mss 1460,FO %s,nop,nop>", cookie);
	assert_true(out_any(s) && s->last.syn && s->last.has_ack);
	assert_int_equal(taken(s, RULE_LISTEN_FAST_OPEN), 0);
	state_is(s, ELEVEN_SYN_RECEIVED);
}

/* The listener goes, or another comes in its place, before the third ACK: nothing of either is counted wrong. */
static void test_RFC_7413_listener_gone(void **state)
{
	struct script *s = *state;
	char cookie[33];

	for (int again = 0; again < 2; again++) {
		with_bits(s, 3);
		server_open(s, 1);
		cookie_ask(s, cookie);
		in_f(s, "S 0:50(50) win 65535 <mss 1460,FO %s,nop,nop>", cookie);
		out(s, "S. 0:0(0) ack 51 <...>");
		assert_int_equal(tcp_accept(s->tcp, s->listener, &s->h, s->now), 0);
		assert_int_equal(tcp_close(s->tcp, s->listener, s->now), 0);
		if (again)
			assert_int_equal(tcp_open(s->tcp, &s->listener, s->now), 0);
		in(s, ". 51:51(0) ack 1 win 65535");
		state_is(s, ELEVEN_ESTABLISHED);
		client_end(s);
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(test_RFC_7413_client_off),
		TEST(test_RFC_7413_client_without_cookie),
		TEST(test_RFC_7413_servers_remembered),
		TEST(test_RFC_7413_server_without_cookie),
		TEST(test_RFC_7413_server_off),
		TEST(test_RFC_7413_cookie_without_text),
		TEST(test_RFC_7413_no_room_for_a_connection),
		TEST(test_RFC_7413_listener_gone),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
