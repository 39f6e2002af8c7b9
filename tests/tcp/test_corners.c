/* SPDX-License-Identifier: MIT */
/*
 * What is seldom set or asked: every call in a state where it has no place, the configurations that few choose, and
 * sockets that want the same port.
 */
#include "base/random.h"
#include "script.h"

static void again(struct script *s)
{
	struct eleven_config config = s->config;

	script_end(s);
	memset(s, 0, sizeof(*s));
	s->config = config;
	script_begin(s);
}

/* ---- calls */

static int bind_to(struct script *s, eleven_handle h, uint16_t port, unsigned flags)
{
	struct address any = script_address(0);

	return tcp_bind(s->tcp, h, &any, port, flags, s->now);
}

/* §3.10.1 to §3.10.5: a handle that is nobody's, or not any more, is told so by every call. */
static void test_stale_handles(void **state)
{
	struct script *s = *state;
	struct eleven_slice slices[2];
	struct eleven_status status;
	struct address address;
	eleven_handle stale, other;
	uint64_t value;
	char byte;

	assert_int_equal(tcp_open(s->tcp, &stale, s->now), 0);
	assert_int_equal(tcp_close(s->tcp, stale, s->now), 0);
	for (int i = 0; i < 3; i++) {
		eleven_handle h = i == 0 ? stale : i == 1 ? 0 : ~(eleven_handle)0;

		assert_int_equal(bind_to(s, h, 80, 0), -EBADF);
		assert_int_equal(tcp_local(s->tcp, h, &address), -EBADF);
		assert_int_equal(tcp_listen(s->tcp, h, 5, s->now), -EBADF);
		assert_int_equal(tcp_connect(s->tcp, h, &s->us, 0, &s->them, 80, s->now), -EBADF);
		assert_int_equal(tcp_accept(s->tcp, h, &other, s->now), -EBADF);
		assert_int_equal(tcp_send(s->tcp, h, zeros, 1, 0, s->now), -EBADF);
		assert_int_equal(tcp_send_buf(s->tcp, h, 1, slices, s->now), -EBADF);
		assert_int_equal(tcp_send_commit(s->tcp, h, 0, 0, s->now), -EBADF);
		assert_int_equal(tcp_receive(s->tcp, h, &byte, 1, s->now), -EBADF);
		assert_int_equal(tcp_receive_buf(s->tcp, h, slices, s->now), -EBADF);
		assert_int_equal(tcp_receive_commit(s->tcp, h, 0, s->now), -EBADF);
		assert_int_equal(tcp_shutdown(s->tcp, h, s->now), -EBADF);
		assert_int_equal(tcp_close(s->tcp, h, s->now), -EBADF);
		assert_int_equal(tcp_abort(s->tcp, h, s->now), -EBADF);
		assert_int_equal(tcp_status(s->tcp, h, &status), -EBADF);
		assert_int_equal(tcp_option_set(s->tcp, h, ELEVEN_OPTION_TTL, 1, s->now), -EBADF);
		assert_int_equal(tcp_option_get(s->tcp, h, ELEVEN_OPTION_TTL, &value), -EBADF);
	}
}

static void test_binding_and_listening_out_of_turn(void **state)
{
	struct script *s = *state;
	eleven_handle second;

	assert_int_equal(tcp_open(s->tcp, &s->h, s->now), 0);
	assert_int_equal(bind_to(s, s->h, 80, 0), 0);
	assert_int_equal(bind_to(s, s->h, 81, 0), -EINVAL);             /* has a port */
	assert_int_equal(tcp_listen(s->tcp, s->h, 1, s->now), 0);
	assert_int_equal(tcp_listen(s->tcp, s->h, 2, s->now), 0);       /* another backlog */
	assert_int_equal(bind_to(s, s->h, 81, 0), -EINVAL);
	assert_int_equal(tcp_connect(s->tcp, s->h, &s->us, 0, &s->them, 80, s->now), -EOPNOTSUPP);
	to_syn_sent(s);
	assert_int_equal(bind_to(s, s->h, 82, 0), -EINVAL);
	assert_int_equal(tcp_listen(s->tcp, s->h, 1, s->now), -EINVAL);
	assert_int_equal(tcp_accept(s->tcp, s->h, &second, s->now), -EINVAL);
	in(s, "R. 0:0(0) ack 1");
	state_is(s, ELEVEN_CLOSED);
	assert_int_equal(bind_to(s, s->h, 83, 0), -EINVAL);             /* was a connection */
	assert_int_equal(tcp_listen(s->tcp, s->h, 1, s->now), -EINVAL);
}

/* Two sockets may share a port for a while, but only one listens on it. */
static void test_one_of_two_that_share_a_port_listens(void **state)
{
	struct script *s = *state;
	eleven_handle first, second, third;

	tcp_open(s->tcp, &first, s->now);
	tcp_open(s->tcp, &second, s->now);
	tcp_open(s->tcp, &third, s->now);
	assert_int_equal(bind_to(s, first, 80, ELEVEN_BIND_REUSE_ADDRESS), 0);
	assert_int_equal(bind_to(s, second, 80, ELEVEN_BIND_REUSE_ADDRESS), 0);
	assert_int_equal(bind_to(s, third, 80, 0), -EADDRINUSE);
	assert_int_equal(tcp_listen(s->tcp, first, 1, s->now), 0);
	assert_int_equal(tcp_listen(s->tcp, second, 1, s->now), -EADDRINUSE);
	assert_int_equal(tcp_close(s->tcp, first, s->now), 0);
	assert_int_equal(tcp_listen(s->tcp, second, 1, s->now), 0);
}

/* Every port of the range taken: none is left for a socket that asks for any. */
static void test_no_port_left(void **state)
{
	struct script *s = *state;
	eleven_handle h;

	s->config.port_first = 40000;
	s->config.port_last = 40003;
	again(s);
	for (int i = 0; i < 4; i++) {
		tcp_open(s->tcp, &h, s->now);
		assert_int_equal(bind_to(s, h, 0, 0), 0);
	}
	tcp_open(s->tcp, &s->h, s->now);
	assert_int_equal(bind_to(s, s->h, 0, 0), -EADDRINUSE);
	assert_int_equal(tcp_listen(s->tcp, s->h, 1, s->now), -EADDRINUSE);
	assert_true(tcp_connect(s->tcp, s->h, &s->us, 0, &s->them, 80, s->now) < 0);
	assert_int_equal(tcp_close(s->tcp, h, s->now), 0);
	assert_int_equal(tcp_listen(s->tcp, s->h, 1, s->now), 0);
}

struct holder {
	eleven_handle h;
	struct address local;
	uint16_t port;
	bool v6only, reuse_address, reuse_port, listens, used;
};

static bool overlap(const struct holder *a, const struct holder *b)
{
	bool both = address_is_any(&a->local) && !a->v6only && address_is_any(&b->local) && !b->v6only;
	bool a4 = address_is_v4(&a->local), b4 = address_is_v4(&b->local);
	bool a_any = address_is_any(&a->local), b_any = address_is_any(&b->local);

	if (a4 != b4) {                 /* only `::` that is for both families meets IPv4 */
		const struct holder *six = a4 ? b : a;

		return address_is_any(&six->local) && !six->v6only;
	}
	return both || a_any || b_any || address_eq(&a->local, &b->local);
}

/*
 * bind() against a model: addresses of both families, any or one's own, sharing asked for or not, listeners or not.
 * With SO_REUSEPORT of both, or SO_REUSEADDR of both and no listener, a port is shared (socket(7), ip(7)).
 */
static void test_MUST_42_bind_against_a_model(void **state)
{
	struct script *s = *state;
	struct address locals[] = { address_v4(0), { { 0 } }, address_v4(0x0a000001), address_v4(0x0a000002),
				    { { 0xfd, [15] = 1 } }, { { 0xfd, [15] = 2 } } };
	struct random random;

	for (uint64_t seed = 1; seed <= 60; seed++) {
		struct holder holders[12] = { { 0 } };

		random_seed(&random, seed);
		again(s);
		for (int step = 0; step < 60; step++) {
			struct holder *h = &holders[random_below(&random, 12)];
			unsigned flags = (unsigned)random_below(&random, 8);
			bool free_to_have = true;
			int result;

			if (h->used && !h->listens && random_below(&random, 3) == 0) {
				bool may = true;

				for (int i = 0; i < 12; i++)
					if (&holders[i] != h && holders[i].used && holders[i].listens &&
					    holders[i].port == h->port && overlap(h, &holders[i]))
						may &= h->reuse_port && holders[i].reuse_port;
				assert_int_equal(tcp_listen(s->tcp, h->h, 1, s->now), may ? 0 : -EADDRINUSE);
				h->listens = may;
				continue;
			}
			if (h->used) {
				assert_int_equal(tcp_close(s->tcp, h->h, s->now), 0);
				h->used = false;
				continue;
			}
			*h = (struct holder){ .local = locals[random_below(&random, 6)],
					      .port = (uint16_t)(80 + random_below(&random, 2)),
					      .reuse_address = flags & 1, .reuse_port = flags & 2 };
			h->v6only = (flags & 4) && !address_is_v4(&h->local);
			for (int i = 0; i < 12; i++) {
				struct holder *other = &holders[i];

				if (other == h || !other->used || other->port != h->port || !overlap(h, other))
					continue;
				free_to_have &= (h->reuse_port && other->reuse_port) ||
						(h->reuse_address && other->reuse_address && !other->listens);
			}
			assert_int_equal(tcp_open(s->tcp, &h->h, s->now), 0);
			result = tcp_bind(s->tcp, h->h, &h->local, h->port,
					  (h->reuse_address ? ELEVEN_BIND_REUSE_ADDRESS : 0) |
					  (h->reuse_port ? ELEVEN_BIND_REUSE_PORT : 0) |
					  (flags & 4 ? ELEVEN_BIND_V6ONLY : 0), s->now);
			assert_int_equal(result, free_to_have ? 0 : -EADDRINUSE);
			h->used = result == 0;
			if (result)
				tcp_close(s->tcp, h->h, s->now);
		}
	}
}

/* A server starts again while connections of the last one live: SO_REUSEADDR is what lets it (socket(7)). */
static void test_a_server_starts_again_beside_its_old_connections(void **state)
{
	static void (*const to[])(struct script *) = { to_established, to_fin_wait_2, to_close_wait, to_last_ack,
						       to_time_wait };
	struct script *s = *state;
	eleven_handle h;

	for (size_t i = 0; i < sizeof(to) / sizeof(to[0]); i++)
		for (int both = 0; both < 2; both++) {
			s->config.reuse_address_both = both;
			again(s);
			to[i](s);
			assert_int_equal(tcp_close(s->tcp, s->listener, s->now), 0);
			tcp_open(s->tcp, &h, s->now);
			assert_int_equal(bind_to(s, h, OUR_PORT, 0), -EADDRINUSE);
			assert_int_equal(bind_to(s, h, OUR_PORT, ELEVEN_BIND_REUSE_ADDRESS), both ? -EADDRINUSE : 0);
			assert_int_equal(bind_to(s, h, OUR_PORT + 1, 0), both ? 0 : -EINVAL);
		}
}

/* Sizes and numbers of every option at its bounds; one that there is not. */
static void test_options_at_their_bounds(void **state)
{
	static const struct {
		enum eleven_option option;
		uint64_t value;
		int result;
	} rows[] = {
		{ ELEVEN_OPTION_KEEPALIVE_IDLE, 0, -EINVAL }, { ELEVEN_OPTION_KEEPALIVE_IDLE, MS(1), 0 },
		{ ELEVEN_OPTION_KEEPALIVE_IDLE, (1ull << 50) + 1, -EINVAL },
		{ ELEVEN_OPTION_KEEPALIVE_INTERVAL, 0, -EINVAL }, { ELEVEN_OPTION_KEEPALIVE_INTERVAL, 1ull << 50, 0 },
		{ ELEVEN_OPTION_KEEPALIVE_PROBES, 0, -EINVAL }, { ELEVEN_OPTION_KEEPALIVE_PROBES, 127, 0 },
		{ ELEVEN_OPTION_KEEPALIVE_PROBES, 128, -EINVAL }, { ELEVEN_OPTION_SYN_RETRIES, 0, -EINVAL },
		{ ELEVEN_OPTION_SYN_RETRIES, 1, 0 }, { ELEVEN_OPTION_SYN_RETRIES, 128, -EINVAL },
		{ ELEVEN_OPTION_MSS, 47, -EINVAL }, { ELEVEN_OPTION_MSS, 88, 0 }, { ELEVEN_OPTION_MSS, 32767, 0 },
		{ ELEVEN_OPTION_MSS, 32768, -EINVAL }, { ELEVEN_OPTION_TTL, 0, -EINVAL }, { ELEVEN_OPTION_TTL, 1, 0 },
		{ ELEVEN_OPTION_TTL, 255, 0 }, { ELEVEN_OPTION_TTL, 256, -EINVAL }, { ELEVEN_OPTION_TOS, 255, 0 },
		{ ELEVEN_OPTION_TOS, 256, -EINVAL }, { ELEVEN_OPTION_CONGESTION, 1, 0 },
		{ ELEVEN_OPTION_CONGESTION, ELEVEN_CONGESTIONS, -EINVAL },
		{ ELEVEN_OPTION_USER_TIMEOUT, UINT64_MAX, 0 },
		{ ELEVEN_OPTION_FIN_WAIT_2, 0, 0 }, { ELEVEN_OPTION_DEFER_ACCEPT, (1ull << 50) + 1, -EINVAL },
		{ ELEVEN_OPTIONS, 1, -ENOPROTOOPT }, { (enum eleven_option)1000, 1, -ENOPROTOOPT },
	};
	struct script *s = *state;
	uint64_t value;

	to_established(s);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		uint64_t before = 0;
		int known = tcp_option_get(s->tcp, s->h, rows[i].option, &before);

		assert_int_equal(tcp_option_set(s->tcp, s->h, rows[i].option, rows[i].value, s->now), rows[i].result);
		if (known != 0) {
			assert_int_equal(known, -ENOPROTOOPT);
			continue;
		}
		assert_int_equal(tcp_option_get(s->tcp, s->h, rows[i].option, &value), 0);
		if (rows[i].result != 0)
			assert_int_equal(value, before);        /* refused, so as it was */
	}
	tcp_option_set(s->tcp, s->h, ELEVEN_OPTION_FIN_WAIT_2, 0, s->now);
	assert_int_equal(tcp_shutdown(s->tcp, s->h, s->now), 0);
	out(s, "F. 1:1(0) ack 1");
	in(s, ". 1:1(0) ack 2 win 65535");
	assert_int_equal(tcp_close(s->tcp, s->h, s->now), 0);
	pass(s, SEC(1000));
	state_is(s, ELEVEN_FIN_WAIT_2);         /* 0: for ever */
}

/* The lent memory of sends and receives: what is given back must not be more than was lent. */
static void test_lent_memory(void **state)
{
	struct script *s = *state;
	struct eleven_slice slices[2];

	to_syn_sent(s);
	assert_int_equal(tcp_receive_buf(s->tcp, s->h, slices, s->now), -EAGAIN);
	in(s, "S. 0:0(0) ack 1 win 65535 <mss 1460>");
	out(s, ". 1:1(0) ack 1");
	assert_int_equal(tcp_send_buf(s->tcp, s->h, 100, slices, s->now), 1);
	assert_true(slices[0].length == 100);
	assert_int_equal(tcp_send_commit(s->tcp, s->h, 1u << 28, 0, s->now), -EINVAL);
	assert_int_equal(tcp_send_commit(s->tcp, s->h, 0, 0, s->now), 0);       /* nothing after all */
	quiet(s);
	assert_int_equal(tcp_send_buf(s->tcp, s->h, 100, slices, s->now), 1);
	assert_int_equal(tcp_send_commit(s->tcp, s->h, 40, 0, s->now), 0);
	assert_int_equal(tcp_send_commit(s->tcp, s->h, 0, 0, s->now), 0);
	out(s, "P. 1:41(40) ack 1");
	in(s, "P. 1:11(10) ack 41 win 65535");
	assert_int_equal(tcp_receive(s->tcp, s->h, NULL, 0, s->now), 0);
	assert_int_equal(tcp_receive_buf(s->tcp, s->h, slices, s->now), 1);
	assert_int_equal(slices[0].length, 10);
	assert_int_equal(tcp_receive_commit(s->tcp, s->h, 11, s->now), -EINVAL);
	assert_int_equal(tcp_receive_commit(s->tcp, s->h, 0, s->now), 0);
	assert_int_equal(tcp_receive_commit(s->tcp, s->h, 10, s->now), 0);
	assert_int_equal(tcp_shutdown(s->tcp, s->h, s->now), 0);
	assert_int_equal(tcp_send_commit(s->tcp, s->h, 1, 0, s->now), -EPIPE);
	assert_int_equal(tcp_send_buf(s->tcp, s->h, 1, slices, s->now), -EPIPE);
}

/* ---- configurations that few choose */

/* blackhole(4): who finds no connection is not answered. */
static void test_blackhole(void **state)
{
	struct script *s = *state;

	for (unsigned blackhole = 0; blackhole <= 2; blackhole++) {
		s->config.blackhole = blackhole;
		again(s);
		s->our_iss_known = true;
		in(s, "S 0:0(0) win 1000 <mss 1460>");
		if (blackhole == 0)
			out(s, "R. 0:0(0) ack 1");
		quiet(s);
		in(s, ". 0:0(0) ack 0 win 1000");
		if (blackhole < 2)
			out(s, "R 0:0(0)");
		quiet(s);
		assert_int_equal(taken(s, RULE_CLOSED_BLACKHOLE), blackhole);
		in(s, "R 0:0(0)");
		quiet(s);
	}
}

/* RFC 793's resets, which an attacker in the window may use: only where they are asked for. */
static void test_RFC_5961_insecure_resets(void **state)
{
	struct script *s = *state;

	for (int insecure = 0; insecure < 2; insecure++) {
		s->config.rst_in_window = s->config.syn_in_window = insecure;
		again(s);
		to_established(s);
		in(s, "R 5:5(0)");
		if (insecure) {
			quiet(s);
			state_is(s, ELEVEN_CLOSED);
		} else {
			out(s, ". 1:1(0) ack 1");
			state_is(s, ELEVEN_ESTABLISHED);
		}
		again(s);
		to_established(s);
		in(s, "S 5:5(0) win 1000 <mss 1460>");
		if (insecure) {
			out(s, "R. 1:1(0) ack 1");
			state_is(s, ELEVEN_CLOSED);
		} else {
			out(s, ". 1:1(0) ack 1");
			state_is(s, ELEVEN_ESTABLISHED);
		}
		assert_int_equal(taken(s, RULE_SYN_RESET), insecure);
		in(s, "R 65600:65600(0)");      /* outside the window it is dropped either way */
		quiet(s);
	}
}

/* listen(2): without room in the accept queue the third ACK is ignored, or reset. */
static void test_accept_queue_full(void **state)
{
	struct script *s = *state;
	struct seq first, second;

	for (int ignore = 0; ignore < 2; ignore++) {
		s->config.accept_full_ignore = ignore;
		again(s);
		to_listen(s);
		tcp_listen(s->tcp, s->listener, 0, s->now);
		in(s, "S 0:0(0) win 65535 <mss 1460>");
		out(s, "S. 0:0(0) ack 1 <...>");
		first = s->our_iss;
		s->their_port++;
		s->our_iss_known = false;
		in(s, "S 0:0(0) win 65535 <mss 1460>");
		out(s, "S. 0:0(0) ack 1 <...>");
		second = s->our_iss;
		s->their_port--;
		s->our_iss = first;
		in(s, ". 1:1(0) ack 1 win 65535");
		s->their_port++;
		s->our_iss = second;
		in(s, ". 1:1(0) ack 1 win 65535");
		if (ignore) {
			quiet(s);
			state_is(s, ELEVEN_SYN_RECEIVED);
		} else {
			out(s, "R 1:1(0)");
			state_is(s, ELEVEN_CLOSED);
		}
		assert_int_equal(taken(s, RULE_ACCEPT_QUEUE_FULL), 1);
	}
}

/* RFC 4987 §3: without cookies a SYN that finds no room is dropped, and no ACK is taken for a cookie. */
static void test_RFC_4987_without_cookies(void **state)
{
	struct script *s = *state;

	s->config.syn_cookies = 0;
	s->config.syn_received_max = 1;
	again(s);
	to_listen(s);
	in(s, "S 0:0(0) win 65535 <mss 1460>");
	out(s, "S. 0:0(0) ack 1 <...>");
	s->their_port++;
	in(s, "S 0:0(0) win 65535 <mss 1460>");
	quiet(s);
	assert_int_equal(taken(s, RULE_LISTEN_NO_ROOM), 1);
	in(s, ". 1:1(0) ack 77 win 65535");
	out(s, "R 77:77(0)");
	assert_int_equal(taken(s, RULE_LISTEN_ACK_RST), 1);
}

/* What opens anew in TIME-WAIT does so only where that is wanted (RFC 6191). */
static void test_RFC_6191_not_where_it_is_off(void **state)
{
	struct script *s = *state;

	for (int reuse = 0; reuse < 2; reuse++) {
		s->config.time_wait_reuse = reuse;
		again(s);
		to_time_wait(s);
		in(s, "S 100000:100000(0) win 65535 <mss 1460>");
		s->our_iss_known = !reuse;
		if (reuse)
			assert_true(out_any(s) && s->last.syn && s->last.has_ack);
		else
			out(s, ". 2:2(0) ack 2");
		state_is(s, reuse ? ELEVEN_SYN_RECEIVED : ELEVEN_TIME_WAIT);
	}
}

/* delayed_ack 0: nothing waits. */
static void test_no_delay_of_acknowledgments(void **state)
{
	struct script *s = *state;

	s->config.delayed_ack = 0;
	again(s);
	to_established(s);
	in(s, "P. 1:11(10) ack 1 win 65535");
	out(s, ". 1:1(0) ack 11");
	assert_int_equal(taken(s, RULE_TIMEOUT_DELAYED_ACK), 0);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(test_stale_handles),
		TEST(test_binding_and_listening_out_of_turn),
		TEST(test_one_of_two_that_share_a_port_listens),
		TEST(test_no_port_left),
		TEST(test_MUST_42_bind_against_a_model),
		TEST(test_a_server_starts_again_beside_its_old_connections),
		TEST(test_options_at_their_bounds),
		TEST(test_lent_memory),
		TEST(test_blackhole),
		TEST(test_RFC_5961_insecure_resets),
		TEST(test_accept_queue_full),
		TEST(test_RFC_4987_without_cookies),
		TEST(test_RFC_6191_not_where_it_is_off),
		TEST(test_no_delay_of_acknowledgments),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
