/* SPDX-License-Identifier: MIT */
/* RFC 9293 §3.4.1, §3.5, §3.9.1: initial numbers, opening, resets; with RFC 6528 and RFC 6056. */
#include "rfc.h"

#include "tcp/options.h"
#include "tcp/port.h"

static struct seq iss_for(struct script *s, uint16_t port)
{
	struct tuple tuple = { s->us, s->them, port, 80 };

	return iss_choose(s->tcp, &tuple);
}

/* SHLD-1, 6528-§3-R1 */
static void test_MUST_8_ISS_follows_a_clock_of_4_us(void **state)
{
	struct script *s = *state;
	struct seq a = iss_for(s, 1000), b = iss_for(s, 1001), c;

	assert_true(seq_distance(b, a) > 1000 && seq_distance(a, b) > 1000);    /* each 4-tuple its own space */
	s->tcp->now += 4000000;
	c = iss_for(s, 1000);
	assert_int_equal(seq_distance(c, a), 1000);
	assert_int_equal(seq_distance(iss_for(s, 1001), b), 1000);
}

/* MUST-9, 6528-§3-R2, 6528-§4-R1: another secret, other numbers; one bit of it is enough. */
static void test_MUST_9_ISS_needs_the_secret(void **state)
{
	struct script *s = *state;
	struct seq a = iss_for(s, 1000), b;
	uint64_t seed = s->config.seed;

	s->tcp->iss_key.k0 ^= 1;
	b = iss_for(s, 1000);
	assert_false(seq_eq(a, b));
	s->config.seed = seed + 1;
	restart(s);
	assert_false(seq_eq(iss_for(s, 1000), a));
}

/* MUST-41, 4.. */
static void test_MUST_41_passive_open_disturbs_nothing(void **state)
{
	struct script *s = *state;
	struct address any = script_address(0);
	eleven_handle second, first;

	to_established(s);
	first = s->h;
	assert_int_equal(tcp_open(s->tcp, &second, s->now), 0);
	assert_int_equal(tcp_bind(s->tcp, second, &any, s->our_port, ELEVEN_BIND_REUSE_ADDRESS, s->now), -EADDRINUSE);
	assert_int_equal(tcp_bind(s->tcp, second, &any, 9000, 0, s->now), 0);
	assert_int_equal(tcp_listen(s->tcp, second, 5, s->now), 0);
	s->h = first;
	in(s, "P. 1:6(5) ack 1 win 65535");
	assert_int_equal(take(s), 5);
}

static void test_MUST_42_listen_while_a_connection_of_the_port_opens(void **state)
{
	struct script *s = *state;
	struct address any = script_address(0);
	eleven_handle listener;

	assert_int_equal(tcp_open(s->tcp, &s->h, s->now), 0);
	assert_int_equal(tcp_bind(s->tcp, s->h, &s->us, s->our_port, ELEVEN_BIND_REUSE_ADDRESS, s->now), 0);
	assert_int_equal(tcp_connect(s->tcp, s->h, &s->us, 0, &s->them, s->their_port, s->now), 0);
	out(s, "S 0:0(0) <...>");
	assert_int_equal(tcp_open(s->tcp, &listener, s->now), 0);
	assert_int_equal(tcp_bind(s->tcp, listener, &any, s->our_port, ELEVEN_BIND_REUSE_ADDRESS, s->now), 0);
	assert_int_equal(tcp_listen(s->tcp, listener, 5, s->now), 0);
	in(s, "S. 0:0(0) ack 1 win 65535 <mss 1460>");
	state_is(s, ELEVEN_ESTABLISHED);
}

/* MUST-45: the address of the open is that of every later segment. */
static void test_MUST_43_open_takes_a_local_address(void **state)
{
	struct script *s = *state;

	s->us = script_address(0x0a000063);
	to_syn_sent(s);
	assert_true(address_eq(&s->last_out.tuple->local, &s->us));
	in(s, "S. 0:0(0) ack 1 win 65535 <mss 1460>");
	give(s, 10);
	while (out_any(s))
		assert_true(address_eq(&s->last_out.tuple->local, &s->us));
}

static void test_MUST_45_local_address_stays(void **state)
{
	struct script *s = *state;

	to_established(s);
	give(s, 3000);
	while (out_any(s))
		assert_true(address_eq(&s->last_out.tuple->local, &s->us));
	tcp_shutdown(s->tcp, s->h, s->now);
	while (out_any(s))
		assert_true(address_eq(&s->last_out.tuple->local, &s->us));
}

static void test_MUST_11_origin_of_SYN_RECEIVED_is_remembered(void **state)
{
	struct script *s = *state;

	to_syn_received(s);
	in(s, "R 1:1(0)");
	assert_int_equal(taken(s, RULE_RST_LISTEN), 1);         /* passive: back to LISTEN, nobody told */
	assert_int_equal(tcp_close(s->tcp, s->listener, s->now), 0);
	s->our_iss_known = false;
	to_syn_received_active(s);
	in(s, "R 1:1(0)");
	assert_int_equal(take(s), -ECONNREFUSED);               /* active: the program is told */
}

static void test_SHLD_2_RST_may_carry_text(void **state)
{
	struct script *s = *state;

	to_established(s);
	in(s, "R 1:11(10)");
	state_is(s, ELEVEN_CLOSED);
	assert_int_equal(take(s), -ECONNRESET);
}

/* 9293-§3.5.2-X4 */
static void test_resets_have_the_numbers_of_their_group(void **state)
{
	struct script *s = *state;

	in(s, "SF 10:13(3) win 100");                   /* group 1, without ACK */
	out(s, "R. 0:0(0) ack 15");
	in(s, "F. 10:13(3) ack 99 win 100");            /* with ACK */
	out(s, "R 99:99(0)");
	in(s, "R. 10:10(0) ack 99");
	quiet(s);                                       /* never of a RST */
	to_syn_sent(s);                                 /* group 2 */
	in(s, ". 0:0(0) ack 44 win 100");
	out(s, "R 44:44(0)");
	in(s, "R. 0:0(0) ack 44");
	quiet(s);
	in(s, "S. 0:0(0) ack 1 win 65535 <mss 1460>");
	out(s, ". 1:1(0) ack 1");
	in(s, ". 100000:100010(10) ack 1 win 65535");   /* group 3: an ACK, never a RST */
	out(s, ". 1:1(0) ack 1");
	quiet(s);
}

/* 9293-§3.10.7.4-X7 */
static void test_ACK_of_what_was_never_sent(void **state)
{
	struct script *s = *state;

	to_listen(s);
	in(s, ". 1:1(0) ack 9 win 100");
	out(s, "R 9:9(0)");
	in(s, "S 0:0(0) win 65535 <mss 1460>");
	out(s, "S. 0:0(0) ack 1 <...>");
	in(s, ". 1:1(0) ack 9 win 100");
	out(s, "R 9:9(0)");
	in(s, ". 1:1(0) ack 1 win 65535");
	assert_int_equal(tcp_accept(s->tcp, s->listener, &s->h, s->now), 0);
	in(s, "P. 1:6(5) ack 9 win 65535");
	out(s, ". 1:1(0) ack 1");                       /* dropped: RCV.NXT stays */
	assert_int_equal(take(s), -EAGAIN);
}

/* 9293-§3.5-X5: kept, and given to the program only once ESTABLISHED. */
static void test_text_on_a_SYN_waits_for_ESTABLISHED(void **state)
{
	struct script *s = *state;
	char text[10];

	to_listen(s);
	in_text(s, "S 0:5(5) win 65535 <mss 1460>", "early");
	out(s, "S. 0:0(0) ack 1 <...>");
	assert_int_equal(tcp_accept(s->tcp, s->listener, &s->h, s->now), -EAGAIN);
	in(s, ". 6:6(0) ack 1 win 65535");
	assert_int_equal(tcp_accept(s->tcp, s->listener, &s->h, s->now), 0);
	assert_int_equal(tcp_receive(s->tcp, s->h, text, sizeof(text), s->now), 5);
	assert_memory_equal(text, "early", 5);
	pass(s, MS(500));
	out(s, ". 1:1(0) ack 6");
}

/* 9293-§3.5-X5 */
static void test_text_and_FIN_on_crossing_SYNs(void **state)
{
	struct script *s = *state;
	char text[10];

	to_syn_sent(s);
	in_text(s, "SF 0:5(5) win 65535 <mss 1460>", "early");
	out(s, "S. 0:0(0) ack 1 <...>");
	state_is(s, ELEVEN_SYN_RECEIVED);
	assert_int_equal(take(s), -EAGAIN);
	in(s, ". 7:7(0) ack 1 win 65535");
	out(s, ". 1:1(0) ack 7");
	state_is(s, ELEVEN_CLOSE_WAIT);
	assert_int_equal(tcp_receive(s->tcp, s->h, text, sizeof(text), s->now), 5);
	assert_memory_equal(text, "early", 5);
	assert_int_equal(take(s), 0);
}

/* §3.10.4: a FIN may follow the SYN-ACK, whose loss must not lose either. */
static void test_close_in_SYN_RECEIVED_and_the_SYN_ACK_is_lost(void **state)
{
	struct script *s = *state;

	to_syn_received_active(s);
	assert_int_equal(tcp_shutdown(s->tcp, s->h, s->now), 0);
	out(s, "F. 1:1(0) ack 1");
	pass_timeout(s);
	out(s, "S. 0:0(0) ack 1 <...>");
	in(s, ". 1:1(0) ack 1 win 65535");
	state_is(s, ELEVEN_FIN_WAIT_1);
	assert_true(signals_of(s, s->h) & ELEVEN_SIGNAL_CONNECTED);
	pass_timeout(s);
	out(s, "F. 1:1(0) ack 1");
	in(s, ". 1:1(0) ack 2 win 65535");
	state_is(s, ELEVEN_FIN_WAIT_2);
}

/* 9293-§3.9.1.5-X10 */
static void test_STATUS_tells_all_of_it(void **state)
{
	struct script *s = *state;
	struct eleven_status status;

	to_established(s);
	option(s, ELEVEN_OPTION_TOS, 0x48);
	option(s, ELEVEN_OPTION_USER_TIMEOUT, SEC(77));
	give(s, 100);
	drain(s);
	in(s, "PU. 1:11(10) ack 51 win 4000 urg 4");
	status = status_of(s);
	assert_int_equal(status.state, ELEVEN_ESTABLISHED);
	assert_int_equal(status.local.port, s->our_port);
	assert_int_equal(status.remote.port, s->their_port);
	assert_int_equal(status.snd_wnd, 4000);
	assert_int_equal(status.rcv_wnd, 65535 - 10);
	assert_int_equal(status.send_queue, 50);
	assert_int_equal(status.receive_queue, 10);
	assert_int_equal(status.urgent, 4);
	assert_int_equal(status.tos, 0x48);
	assert_int_equal(status.user_timeout, SEC(77));
}

/* ---- RFC 6056 */

static uint16_t port_for(struct script *s, uint32_t remote)
{
	struct address them = script_address(remote);
	struct eleven_status status;
	eleven_handle h;

	assert_int_equal(tcp_open(s->tcp, &h, s->now), 0);
	assert_int_equal(tcp_connect(s->tcp, h, &s->us, 0, &them, 80, s->now), 0);
	assert_int_equal(tcp_status(s->tcp, h, &status), 0);
	assert_int_equal(tcp_abort(s->tcp, h, s->now), 0);
	drain(s);
	signals_of(s, h);
	return status.local.port;
}

/* 6056-§3.3-R1, 6056-§3.3-R2: one remote's ports tell nothing of another's, and do not come again soon. */
static void test_ports_cannot_be_guessed_nor_come_soon_again(void **state)
{
	struct script *s = *state;
	static uint8_t seen[65536];
	unsigned close_by = 0;

	memset(seen, 0, sizeof(seen));
	for (uint32_t i = 0; i < 1000; i++) {
		uint16_t port = port_for(s, 0x0a000002);

		assert_int_equal(seen[port], 0);
		seen[port] = 1;
		assert_in_range(port, s->config.port_first, s->config.port_last);
	}
	for (uint32_t i = 0; i < 100; i++) {
		int distance = port_for(s, 0x0a010000 + 2 * i) - port_for(s, 0x0a010001 + 2 * i);

		close_by += distance > -100 && distance < 100;
	}
	assert_true(close_by < 10);
}

/* 6056-§3.2-R1: a port that a program here listens on is not taken. */
static void test_ports_of_listeners_are_left_out(void **state)
{
	struct script *s = *state;

	s->config.port_first = 8000;
	s->config.port_last = 8003;
	restart(s);
	to_listen(s);
	for (uint32_t i = 0; i < 20; i++)
		assert_int_not_equal(port_for(s, 0x0a000002 + i), 8000);
}

/* 6056-§3.2-R2 */
static void test_range_of_ports_can_be_the_largest(void **state)
{
	struct script *s = *state;
	uint16_t lowest = 65535;

	s->config.port_first = 1024;
	s->config.port_last = 65535;
	restart(s);
	for (uint32_t i = 0; i < 200; i++) {
		uint16_t port = port_for(s, 0x0a000002 + i);

		lowest = port < lowest ? port : lowest;
	}
	assert_true(lowest >= 1024 && lowest < 5000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_MUST_8_ISS_follows_a_clock_of_4_us),
		TEST(test_MUST_9_ISS_needs_the_secret),
		TEST(test_MUST_41_passive_open_disturbs_nothing),
		TEST(test_MUST_42_listen_while_a_connection_of_the_port_opens),
		TEST(test_MUST_43_open_takes_a_local_address),
		TEST(test_MUST_45_local_address_stays),
		TEST(test_MUST_11_origin_of_SYN_RECEIVED_is_remembered),
		TEST(test_SHLD_2_RST_may_carry_text),
		TEST(test_resets_have_the_numbers_of_their_group),
		TEST(test_ACK_of_what_was_never_sent),
		TEST(test_text_on_a_SYN_waits_for_ESTABLISHED),
		TEST(test_text_and_FIN_on_crossing_SYNs),
		TEST(test_close_in_SYN_RECEIVED_and_the_SYN_ACK_is_lost),
		TEST(test_STATUS_tells_all_of_it),
		TEST(test_ports_cannot_be_guessed_nor_come_soon_again),
		TEST(test_ports_of_listeners_are_left_out),
		TEST(test_range_of_ports_can_be_the_largest),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
