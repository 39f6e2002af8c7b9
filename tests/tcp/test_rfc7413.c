/* SPDX-License-Identifier: MIT */
/* TCP Fast Open (RFC 7413), both roles, at the level of segments. */
#include "script.h"

/* ---- client */

static void client_open(struct script *s)
{
	assert_int_equal(tcp_open(s->tcp, &s->h, s->now), 0);
	assert_int_equal(tcp_option_set(s->tcp, s->h, ELEVEN_OPTION_FAST_OPEN_CONNECT, 1, s->now), 0);
	assert_int_equal(tcp_bind(s->tcp, s->h, &s->us, s->our_port, 0, s->now), 0);
	assert_int_equal(tcp_connect(s->tcp, s->h, &s->us, 0, &s->them, s->their_port, s->now), 0);
	s->our_iss_known = false;
}

static void client_end(struct script *s)
{
	tcp_abort(s->tcp, s->h, s->now);
	while (out_any(s))
		;
	pass(s, SEC(1));
}

/* An earlier connection to the server gave us this cookie. */
static void client_with_cookie(struct script *s)
{
	client_open(s);
	out(s, "S 0:0(0) <mss 1460,nop,nop,sackOK,nop,wscale 7,FO,nop,nop>");
	in(s, "S. 0:0(0) ack 1 win 65535 <mss 1000,FO 0102030405060708,nop,nop>");
	out(s, ". 1:1(0) ack 1");
	state_is(s, ELEVEN_ESTABLISHED);
	client_end(s);
}

/* 7413-§2-R1, 7413-§6.1-R1: nobody gets it who did not ask for it, and so said that text may come twice. */
static void test_RFC_7413_off_unless_asked_for(void **state)
{
	struct script *s = *state;

	to_syn_sent(s);
	assert_false(s->last.options.has_fast_open);
	client_end(s);
	s->our_port++;
	to_listen(s);
	s->our_iss_known = false;
	in(s, "S 0:10(10) win 65535 <mss 1460,FO,nop,nop>");
	out(s, "S. 0:0(0) ack 1 <mss 1460>");
	quiet(s);
	assert_int_equal(taken(s, RULE_FAST_OPEN_COOKIE_ASKED), 0);
}

/* 7413-§4.2.1-R1 and 7413-§4.1.3-R1: the cookie is asked for first, kept with the MSS, and used from then on. */
static void test_RFC_7413_client_asks_keeps_and_uses_the_cookie(void **state)
{
	struct script *s = *state;
	struct eleven_status status;

	client_with_cookie(s);
	client_open(s);
	quiet(s);                                               /* it waits for text */
	assert_true(signals_of(s, s->h) & ELEVEN_SIGNAL_SEND);
	tcp_status(s->tcp, s->h, &status);
	assert_true(status.sub & ELEVEN_SUB_SYN_WAITS);
	pass(s, SEC(10));
	quiet(s);
	assert_int_equal(tcp_send(s->tcp, s->h, zeros, 3000, 0, s->now), 3000);
	/* No more than the MSS that came with the cookie, less all the room that options may take. */
	out(s, "S 0:960(960) <mss 1460,nop,nop,sackOK,nop,wscale 7,FO 0102030405060708,nop,nop>");
	quiet(s);
	in(s, "S. 0:0(0) ack 961 win 65535 <mss 1000>");
	tcp_status(s->tcp, s->h, &status);
	assert_true(status.sub & ELEVEN_SUB_SYN_TEXT);
	assert_int_equal(status.send_queue, 2040);
	out(s, ". 961:1961(1000) ack 1");
	out(s, ". 1961:2961(1000) ack 1");
	in(s, ". 1:1(0) ack 2961 win 65535");
	out(s, "P. 2961:3001(40) ack 1");
	in(s, ". 1:1(0) ack 3001 win 65535");
	assert_true(signals_of(s, s->h) & ELEVEN_SIGNAL_ACKED);
	quiet(s);
}

/* 7413-§4.2.2-R3: text that the SYN-ACK does not acknowledge goes with the third ACK. */
static void test_RFC_7413_text_refused_goes_again(void **state)
{
	struct script *s = *state;

	client_with_cookie(s);
	client_open(s);
	assert_int_equal(tcp_send(s->tcp, s->h, zeros, 100, 0, s->now), 100);
	out(s, "S 0:100(100) <...>");
	in(s, "S. 0:0(0) ack 1 win 65535 <mss 1000,FO 1112131415161718,nop,nop>");
	out(s, "P. 1:101(100) ack 1");
	in(s, ". 1:1(0) ack 101 win 65535");
	quiet(s);
	assert_int_equal(taken(s, RULE_FAST_OPEN_TEXT_REFUSED), 1);
	client_end(s);
	client_open(s);                                         /* the new cookie took the place of the old one */
	tcp_send(s->tcp, s->h, zeros, 1, 0, s->now);
	out(s, "S 0:1(1) <mss 1460,nop,nop,sackOK,nop,wscale 7,FO 1112131415161718,nop,nop>");
}

/* Part of it taken: the rest follows. */
static void test_RFC_7413_text_taken_in_part(void **state)
{
	struct script *s = *state;

	client_with_cookie(s);
	client_open(s);
	tcp_send(s->tcp, s->h, zeros, 100, 0, s->now);
	out(s, "S 0:100(100) <...>");
	in(s, "S. 0:0(0) ack 61 win 65535 <mss 1000>");
	out(s, "P. 61:101(40) ack 1");
	in(s, ". 1:1(0) ack 101 win 65535");
	quiet(s);
}

/* 7413-§4.2.2-R1: the SYN goes again as a plain one; 7413-§4.1.3.1-R1: and next time at first. */
static void test_RFC_7413_lost_SYN_goes_plain_and_the_path_is_left_alone(void **state)
{
	struct script *s = *state;

	client_with_cookie(s);
	for (int round = 0; round < 2; round++) {
		client_open(s);
		tcp_send(s->tcp, s->h, zeros, 100, 0, s->now);
		out(s, "S 0:100(100) <...>");
		assert_true(s->last.options.has_fast_open);
		pass(s, SEC(1));
		out(s, "S 0:0(0) <mss 1460,nop,nop,sackOK,nop,wscale 7>");
		in(s, "S. 0:0(0) ack 1 win 65535 <mss 1000>");
		out(s, "P. 1:101(100) ack 1");
		in(s, ". 1:1(0) ack 101 win 65535");
		client_end(s);
		client_open(s);                                 /* right after: plain at once, nothing waits */
		out(s, "S 0:0(0) <mss 1460,nop,nop,sackOK,nop,wscale 7>");
		client_end(s);
		pass(s, SEC(50 * (1 + round)));
		client_open(s);
		out(s, "S 0:0(0) <mss 1460,nop,nop,sackOK,nop,wscale 7>");
		client_end(s);
		pass(s, SEC(30 * (1 + round)));                 /* one minute, then two: tried again */
	}
	assert_int_equal(taken(s, RULE_FAST_OPEN_PAUSED), 2);
}

/* The program is done before the SYN is answered: what it gave is delivered all the same, and the FIN behind it. */
static void test_V106_RFC_7413_client_closes_at_once(void **state)
{
	struct script *s = *state;

	client_with_cookie(s);
	for (int half = 0; half < 2; half++) {
		client_open(s);
		tcp_send(s->tcp, s->h, zeros, 100, 0, s->now);
		assert_int_equal(half ? tcp_shutdown(s->tcp, s->h, s->now) : tcp_close(s->tcp, s->h, s->now), 0);
		out(s, "S 0:100(100) <...>");
		quiet(s);
		in_f(s, "S. 0:0(0) ack %d win 65535 <mss 1000>", half ? 1 : 101);
		out(s, half ? "FP. 1:101(100) ack 1" : "F. 101:101(0) ack 1");
		in(s, "F. 1:1(0) ack 102 win 65535");
		out(s, ". 102:102(0) ack 2");
		state_is(s, ELEVEN_TIME_WAIT);
		s->our_port++;
	}
	client_end(s);
	client_open(s);                                         /* nothing given: as ever, it is just deleted */
	assert_int_equal(tcp_shutdown(s->tcp, s->h, s->now), 0);
	quiet(s);
	state_is(s, ELEVEN_CLOSED);
}

static void test_RFC_7413_client_meets_RST_and_simultaneous_open(void **state)
{
	struct script *s = *state;

	client_with_cookie(s);
	client_open(s);
	tcp_send(s->tcp, s->h, zeros, 100, 0, s->now);
	out(s, "S 0:100(100) <...>");
	in(s, "R. 0:0(0) ack 101 win 0");
	state_is(s, ELEVEN_CLOSED);
	assert_int_equal(tcp_send(s->tcp, s->h, zeros, 1, 0, s->now), -ECONNREFUSED);
	client_end(s);
	client_open(s);
	tcp_send(s->tcp, s->h, zeros, 100, 0, s->now);
	out(s, "S 0:100(100) <...>");
	in(s, "S 0:0(0) win 65535 <mss 1000>");                 /* it opens as well, and has not seen our text */
	out(s, "S. 0:0(0) ack 1 <mss 1460>");
	in(s, ". 1:1(0) ack 1 win 65535");
	state_is(s, ELEVEN_ESTABLISHED);
	out(s, "P. 1:101(100) ack 1");
	in(s, ". 1:1(0) ack 101 win 65535");
	quiet(s);
}

/* ---- server */

static void server_open(struct script *s, uint64_t limit)
{
	to_listen(s);
	assert_int_equal(tcp_option_set(s->tcp, s->listener, ELEVEN_OPTION_FAST_OPEN, limit, s->now), 0);
}

static void from_client(struct script *s, uint32_t address)
{
	s->them = script_address(address);
	s->our_iss_known = false;
}

/* Asks for a cookie as a client would, and forgets the connection; the cookie in digits. */
static const char *cookie_given(struct script *s)
{
	static char digits[33];

	from_client(s, address_v4_value(&s->them));
	in(s, "S 0:0(0) win 65535 <mss 1460,FO,nop,nop>");
	out(s, "S. 0:0(0) ack 1 <...>");
	assert_true(s->last.options.has_fast_open);
	assert_int_equal(s->last.options.fast_open_bytes, 8);
	for (unsigned i = 0; i < 8; i++)
		snprintf(digits + 2 * i, 3, "%02x", s->last.options.fast_open[i]);
	in(s, "R 1:1(0)");
	from_client(s, address_v4_value(&s->them));
	return digits;
}

/* 7413-§4.1.2-R1: of the client's address, under a key; a forged one opens nothing. */
static void test_RFC_7413_cookie_is_of_the_address_and_forged_ones_are_refused(void **state)
{
	struct script *s = *state;
	char first[33], other[33];

	server_open(s, 4);
	strcpy(first, cookie_given(s));
	assert_string_equal(first, cookie_given(s));
	from_client(s, 0x0a000003);
	strcpy(other, cookie_given(s));
	assert_string_not_equal(first, other);
	in_f(s, "S 0:50(50) win 65535 <mss 1460,FO %s,nop,nop>", first);
	out_f(s, "S. 0:0(0) ack 1 <mss 1460,FO %s,nop,nop>", other);     /* a right one comes with the answer */
	assert_int_equal(taken(s, RULE_FAST_OPEN_COOKIE_BAD), 1);
	assert_int_equal(tcp_accept(s->tcp, s->listener, &s->h, s->now), -EAGAIN);
	in(s, "R 1:1(0)");
	from_client(s, 0x0a000003);
	in_f(s, "S 0:50(50) win 65535 <mss 1460,FO %s,nop,nop>", other);
	out(s, "S. 0:0(0) ack 51 <mss 1460>");
	assert_int_equal(tcp_accept(s->tcp, s->listener, &s->h, s->now), 0);
}

/* 7413-§4.1.2-R1, its other half: the key changes, the one before still holds, the one before that does not. */
static void test_RFC_7413_key_rotation(void **state)
{
	static const uint8_t one[16] = { 1 }, two[16] = { 2 };
	struct script *s = *state;
	char old[33], new[33];

	server_open(s, 4);
	strcpy(old, cookie_given(s));
	tcp_fast_open_key(s->tcp, one);
	strcpy(new, cookie_given(s));
	assert_string_not_equal(old, new);
	in_f(s, "S 0:50(50) win 65535 <mss 1460,FO %s,nop,nop>", old);
	out_f(s, "S. 0:0(0) ack 51 <mss 1460,FO %s,nop,nop>", new);      /* taken, and the new one told */
	in(s, "R 51:51(0)");
	pass(s, SEC(61));
	from_client(s, 0x0a000002);
	tcp_fast_open_key(s->tcp, two);
	in_f(s, "S 0:50(50) win 65535 <mss 1460,FO %s,nop,nop>", old);
	out(s, "S. 0:0(0) ack 1 <...>");
}

/* Linux makes the cookie of the same bytes in the same way: vector of SipHash-2-4, key 00 to 0f, over eight bytes. */
static void test_RFC_7413_cookie_is_SipHash_of_both_addresses(void **state)
{
	struct script *s = *state;
	uint8_t key[16];

	script_of_v4("the vector is of two addresses of four bytes");
	for (unsigned i = 0; i < 16; i++)
		key[i] = (uint8_t)i;
	tcp_fast_open_key(s->tcp, key);
	s->us = address_v4(0x04050607);
	s->them = address_v4(0x00010203);
	server_open(s, 4);
	assert_string_equal(cookie_given(s), "6224939a79f5f593");       /* the published vector of 8 bytes */
}

/* 7413-§4.2.2-R2: text both ways before the third ACK, not more than the initial window. */
static void test_RFC_7413_server_receives_and_sends_in_SYN_RECEIVED(void **state)
{
	struct script *s = *state;
	char text[100], cookie[33];
	unsigned segments = 0;

	server_open(s, 4);
	strcpy(cookie, cookie_given(s));
	in_f(s, "S 0:50(50) win 65535 <mss 1000,FO %s,nop,nop>", cookie);
	state_is(s, ELEVEN_SYN_RECEIVED);
	assert_int_equal(tcp_accept(s->tcp, s->listener, &s->h, s->now), 0);
	assert_int_equal(tcp_receive(s->tcp, s->h, text, sizeof(text), s->now), 50);
	assert_int_equal(tcp_send(s->tcp, s->h, zeros, 40000, 0, s->now), 40000);
	out(s, "S. 0:0(0) ack 51 <mss 1460>");
	while (out_any(s)) {
		assert_int_equal(s->last.seq.value, seq_add(s->our_iss, 1 + 1000 * segments).value);
		assert_int_equal(s->last.text_bytes, 1000);
		assert_memory_equal(s->last_text, zeros, 1000);
		segments++;
	}
	assert_int_equal(segments, 10);                         /* RFC 6928 */
	state_is(s, ELEVEN_SYN_RECEIVED);
	in(s, ". 51:51(0) ack 4001 win 65535");
	state_is(s, ELEVEN_ESTABLISHED);
	out(s, ". 10001:11001(1000) ack 51");
}

/* The SYN that comes again, plain or with its text, brings the SYN-ACK again; so does the timer. */
static void test_RFC_7413_server_SYN_ACK_again(void **state)
{
	struct script *s = *state;
	char cookie[33];

	server_open(s, 4);
	strcpy(cookie, cookie_given(s));
	in_f(s, "S 0:50(50) win 65535 <mss 1000,FO %s,nop,nop>", cookie);
	assert_int_equal(tcp_accept(s->tcp, s->listener, &s->h, s->now), 0);
	out(s, "S. 0:0(0) ack 51 <mss 1460>");
	tcp_send(s->tcp, s->h, zeros, 100, 0, s->now);
	out(s, "P. 1:101(100) ack 51");
	in(s, "S 0:0(0) win 65535 <mss 1000>");
	out(s, "S. 0:0(0) ack 51 <mss 1460>");
	in_f(s, "S 0:50(50) win 65535 <mss 1000,FO %s,nop,nop>", cookie);
	out(s, "S. 0:0(0) ack 51 <mss 1460>");
	quiet(s);
	pass(s, SEC(1));
	out(s, "S. 0:0(0) ack 51 <mss 1460>");
	in(s, ". 51:51(0) ack 1 win 65535");                    /* the text was lost */
	state_is(s, ELEVEN_ESTABLISHED);
	pass(s, SEC(10));
	out(s, "P. 1:101(100) ack 51");
	in(s, ". 51:51(0) ack 101 win 65535");
	pass(s, SEC(10));
	quiet(s);
}

static void test_V106_RFC_7413_server_close_and_reset_before_the_third_ACK(void **state)
{
	struct script *s = *state;
	char cookie[33], text[100];

	server_open(s, 4);
	strcpy(cookie, cookie_given(s));
	in_f(s, "S 0:50(50) win 65535 <mss 1000,FO %s,nop,nop>", cookie);
	assert_int_equal(tcp_accept(s->tcp, s->listener, &s->h, s->now), 0);
	assert_int_equal(tcp_receive(s->tcp, s->h, text, sizeof(text), s->now), 50);
	assert_int_equal(tcp_send(s->tcp, s->h, zeros, 100, 0, s->now), 100);
	assert_int_equal(tcp_close(s->tcp, s->h, s->now), 0);
	out(s, "S. 0:0(0) ack 51 <mss 1460>");
	out(s, "FP. 1:101(100) ack 51");
	in(s, ". 51:51(0) ack 102 win 65535");
	state_is(s, ELEVEN_FIN_WAIT_2);
	in(s, "F. 51:51(0) ack 102 win 65535");
	out(s, ". 102:102(0) ack 52");
	state_is(s, ELEVEN_TIME_WAIT);
	s->their_port++;
	from_client(s, 0x0a000002);
	in_f(s, "S 0:50(50) win 65535 <mss 1000,FO %s,nop,nop>", cookie);
	assert_int_equal(tcp_accept(s->tcp, s->listener, &s->h, s->now), 0);
	out(s, "S. 0:0(0) ack 51 <mss 1460>");
	in(s, "R 51:51(0)");
	assert_int_equal(tcp_receive(s->tcp, s->h, text, sizeof(text), s->now), 50);
	assert_int_equal(tcp_receive(s->tcp, s->h, text, sizeof(text), s->now), -ECONNRESET);
}

/* 7413-§4.2-R1: above the limit SYNs go the ordinary way, resets of victims included. */
static void test_RFC_7413_limit_of_pending_requests(void **state)
{
	struct script *s = *state;
	char cookie[33];

	server_open(s, 2);
	strcpy(cookie, cookie_given(s));
	for (int i = 0; i < 3; i++, s->their_port++) {
		from_client(s, 0x0a000002);
		in_f(s, "S 0:50(50) win 65535 <mss 1000,FO %s,nop,nop>", cookie);
		out_f(s, "S. 0:0(0) ack %d <mss 1460>", i < 2 ? 51 : 1);
		if (i == 0)
			in(s, "R 51:51(0)");                    /* counts on for a minute */
	}
	assert_int_equal(taken(s, RULE_FAST_OPEN_FULL), 1);
	pass(s, SEC(60));
	while (out_any(s))
		;
	from_client(s, 0x0a000002);
	in_f(s, "S 0:50(50) win 65535 <mss 1000,FO %s,nop,nop>", cookie);
	out(s, "S. 0:0(0) ack 51 <mss 1460>");
	in(s, ". 51:51(0) ack 1 win 65535");                    /* established: not pending any more */
	s->their_port++;
	from_client(s, 0x0a000002);
	in_f(s, "S 0:50(50) win 65535 <mss 1000,FO %s,nop,nop>", cookie);
	out(s, "S. 0:0(0) ack 51 <mss 1460>");
}

/* 7413-§4.1.1-R1: kind 34, length 2 or even from 6 to 18; else it is no option, nor does it stand on other segments. */
static void test_RFC_7413_option_lengths(void **state)
{
	struct script *s = *state;
	uint8_t options[20];

	server_open(s, 4);
	for (unsigned length = 2; length <= 19; length++) {
		bool sound = length == 2 || (length >= 6 && length % 2 == 0 && length <= 18);
		uint64_t bad = taken(s, RULE_FAST_OPEN_COOKIE_BAD), asked = taken(s, RULE_FAST_OPEN_COOKIE_ASKED);

		memset(options, TCP_OPTION_NOP, sizeof(options));
		options[0] = TCP_OPTION_FAST_OPEN;
		options[1] = (uint8_t)length;
		s->their_port++;
		from_client(s, 0x0a000002);
		in_with(s, "S 0:0(0) win 65535", options, 20);
		out(s, "S. 0:0(0) ack 1 <...>");
		assert_int_equal(s->last.options.has_fast_open, sound);
		assert_int_equal(taken(s, RULE_FAST_OPEN_COOKIE_ASKED), asked + (length == 2));
		assert_int_equal(taken(s, RULE_FAST_OPEN_COOKIE_BAD), bad + (sound && length > 2));
		if (length < 19)
			in(s, "R 1:1(0)");
	}
	memset(options, TCP_OPTION_NOP, sizeof(options));
	options[0] = TCP_OPTION_FAST_OPEN;
	options[1] = 2;
	in_with(s, ". 1:11(10) ack 1 win 65535", options, 4);
	state_is(s, ELEVEN_ESTABLISHED);
	assert_int_equal(tcp_accept(s->tcp, s->listener, &s->h, s->now), 0);
	pass(s, SEC(1));
	out(s, ". 1:1(0) ack 11");
	assert_false(s->last.options.has_fast_open);
}

/* Every child that is gone gives its place back, whatever way it went. */
static void test_V106_RFC_7413_places_come_back(void **state)
{
	struct script *s = *state;
	char cookie[33];

	server_open(s, 1);
	strcpy(cookie, cookie_given(s));
	for (int round = 0; round < 8; round++) {
		s->their_port++;
		from_client(s, 0x0a000002);
		in_f(s, "S 0:50(50) win 65535 <mss 1000,FO %s,nop,nop>", cookie);
		out(s, "S. 0:0(0) ack 51 <mss 1460>");
		assert_int_equal(tcp_accept(s->tcp, s->listener, &s->h, s->now), 0);
		if (round % 4 == 0)
			tcp_abort(s->tcp, s->h, s->now);
		else if (round % 4 == 1)
			tcp_close(s->tcp, s->h, s->now);        /* with text unread: reset */
		else if (round % 4 == 2)
			pass(s, SEC(400));                      /* given up */
		else
			in(s, ". 51:51(0) ack 1 win 65535");
		while (out_any(s))
			;
	}
	assert_int_equal(taken(s, RULE_FAST_OPEN_FULL), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_RFC_7413_off_unless_asked_for),
		TEST(test_RFC_7413_client_asks_keeps_and_uses_the_cookie),
		TEST(test_RFC_7413_text_refused_goes_again),
		TEST(test_RFC_7413_text_taken_in_part),
		TEST(test_RFC_7413_lost_SYN_goes_plain_and_the_path_is_left_alone),
		TEST(test_V106_RFC_7413_client_closes_at_once),
		TEST(test_RFC_7413_client_meets_RST_and_simultaneous_open),
		TEST(test_RFC_7413_cookie_is_of_the_address_and_forged_ones_are_refused),
		TEST(test_RFC_7413_key_rotation),
		TEST(test_RFC_7413_cookie_is_SipHash_of_both_addresses),
		TEST(test_RFC_7413_server_receives_and_sends_in_SYN_RECEIVED),
		TEST(test_RFC_7413_server_SYN_ACK_again),
		TEST(test_V106_RFC_7413_server_close_and_reset_before_the_third_ACK),
		TEST(test_RFC_7413_limit_of_pending_requests),
		TEST(test_RFC_7413_option_lengths),
		TEST(test_V106_RFC_7413_places_come_back),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
