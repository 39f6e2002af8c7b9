/* SPDX-License-Identifier: MIT */
/* What can be seen: packets numbered as in the trace, rules, statistics, every connection once. */
#include <errno.h>

#include "stack/wire.h"

#define OUTS 256

static struct { unsigned stack; uint64_t serial; uint32_t seq; } outs[OUTS];
static unsigned outs_count;

static void outs_take(struct wire *w, unsigned i)
{
	struct eleven_out out[WIRE_BATCH];
	unsigned n;

	while ((n = eleven_output(w->stack[i], out, WIRE_BATCH, w->now)) > 0)
		for (unsigned j = 0; j < n; j++) {
			const uint8_t *bytes = out[j].slice[0].bytes;
			bool ip = wire_u16(bytes + 12) == (wire_is_v6() ? 0x86dd : 0x0800);
			bool tcp = ip && wire_is_tcp(bytes + 14);

			assert_true(outs_count < OUTS);
			outs[outs_count].stack = i;
			outs[outs_count].serial = out[j].serial;
			outs[outs_count++].seq = tcp ? wire_u32(bytes + 14 + wire_ip_header(bytes + 14) + 4) : 0;
			wire_take(w, i, &out[j]);
		}
}

/* On Ethernet, where packets of IP's own take numbers too: the number of an OUT record is that of its packet. */
static void test_numbers_of_packets_are_those_of_the_trace(void **state)
{
	struct eleven_trace records[64];
	uint64_t after = 0, lost;
	unsigned n, seen = 0;
	struct wire w;

	(void)state;
	wire_defaults(&w, 2, 1);
	w.kind = ELEVEN_LINK_ETHERNET;
	wire_start(&w);
	wire_listen(&w, 1, 8000);
	wire_connect(&w, 0, wire_address(1), 8000);
	outs_count = 0;
	for (int i = 0; i < 10; i++) {
		outs_take(&w, 0);
		outs_take(&w, 1);
		w.now += MS(1);
		wire_deliver(&w);
	}
	for (unsigned i = 0; i < outs_count; i++)       /* 1, 2, 3 … of each stack */
		for (unsigned j = i + 1; j < outs_count; j++)
			if (outs[j].stack == outs[i].stack) {
				assert_int_equal(outs[j].serial, outs[i].serial + 1);
				break;
			}
	while ((n = eleven_trace(w.stack[0], &after, records, 64, &lost)) > 0)
		for (unsigned i = 0; i < n; i++) {
			unsigned at = 0;

			assert_int_equal(lost, 0);
			if (records[i].kind != ELEVEN_TRACE_OUT)
				continue;
			while (at < outs_count && (outs[at].stack != 0 || outs[at].serial != records[i].packet))
				at++;
			assert_true(at < outs_count);
			assert_int_equal(outs[at].seq, records[i].segment.seq);
			seen++;
		}
	assert_int_equal(seen, 2);              /* SYN and the third ACK */
	wire_end(&w);
}

/* What a packet in caused carries its number. */
static void test_causes_carry_the_number_of_their_packet(void **state)
{
	struct eleven_trace records[64];
	struct eleven_stats stats;
	uint64_t after = 0, lost, number = 0;
	bool established = false;
	unsigned n;
	struct wire w;

	(void)state;
	wire_defaults(&w, 2, 2);
	wire_start(&w);
	wire_listen(&w, 1, 8000);
	wire_connect(&w, 0, wire_address(1), 8000);
	wire_run(&w, MS(2));
	eleven_stats(w.stack[0], &stats);
	assert_int_equal(stats.packets_in, 1);
	assert_int_equal(stats.packets_out, 2);
	while ((n = eleven_trace(w.stack[0], &after, records, 64, &lost)) > 0)
		for (unsigned i = 0; i < n; i++) {
			if (records[i].kind == ELEVEN_TRACE_IN)
				number = records[i].packet;
			if (records[i].kind != ELEVEN_TRACE_TRANSITION)
				continue;
			if (records[i].state_after == ELEVEN_SYN_SENT)
				assert_int_equal(records[i].packet, 0);
			if (records[i].state_after == ELEVEN_ESTABLISHED) {
				assert_int_equal(records[i].packet, number);
				established = true;
			}
		}
	assert_int_equal(number, 1);
	assert_true(established);
	wire_end(&w);
}

static void test_kinds_that_are_recorded(void **state)
{
	struct eleven_trace records[64];
	uint64_t after = 0, lost;
	eleven_handle client, server;
	unsigned n;
	struct wire w;

	(void)state;
	wire_defaults(&w, 2, 3);
	wire_start(&w);
	eleven_trace_kinds(w.stack[0], 0);
	wire_pair(&w, 8000, &client, &server);
	n = eleven_trace(w.stack[0], &after, records, 64, &lost);
	assert_int_equal(n, 2);                 /* transitions always are */
	for (unsigned i = 0; i < n; i++)
		assert_int_equal(records[i].kind, ELEVEN_TRACE_TRANSITION);
	assert_int_equal(records[n - 1].serial, after);
	wire_end(&w);
}

static void test_records_lost_are_counted(void **state)
{
	struct eleven_trace records[64];
	uint64_t after = 0, lost;
	unsigned n;
	struct wire w;

	(void)state;
	wire_defaults(&w, 2, 4);
	w.config[0].trace_records_max = 16;
	wire_start(&w);
	for (int i = 0; i < 30; i++) {
		eleven_handle h = wire_listen(&w, 0, (uint16_t)(1000 + i));

		assert_int_equal(eleven_close(w.stack[0], h, w.now), 0);
	}
	n = eleven_trace(w.stack[0], &after, records, 64, &lost);
	assert_int_equal(n, 16);
	assert_true(lost >= 44);
	assert_int_equal(records[0].serial, lost + 1);
	wire_end(&w);
}

static void test_every_connection_is_met_once(void **state)
{
	struct eleven_status status;
	eleven_handle client, server;
	unsigned listen = 0, established = 0, waiting = 0;
	uint64_t cursor = 0;
	struct wire w;

	(void)state;
	wire_defaults(&w, 2, 5);
	wire_start(&w);
	for (uint16_t i = 0; i < 3; i++)
		wire_pair(&w, (uint16_t)(8000 + i), &client, &server);
	assert_int_equal(eleven_close(w.stack[0], client, w.now), 0);
	wire_run(&w, MS(10));
	assert_int_equal(eleven_close(w.stack[1], server, w.now), 0);
	wire_run(&w, MS(10));
	wire_listen(&w, 0, 9000);
	while (eleven_status_next(w.stack[0], &cursor, &status)) {
		listen += status.state == ELEVEN_LISTEN;
		established += status.state == ELEVEN_ESTABLISHED;
		waiting += status.state == ELEVEN_TIME_WAIT;
	}
	assert_int_equal(listen, 1);
	assert_int_equal(established, 2);
	assert_int_equal(waiting, 1);
	wire_end(&w);
}

static void test_names(void **state)
{
	struct wire w;
	unsigned rules = 0;

	(void)state;
	assert_string_equal(eleven_state_name(ELEVEN_FIN_WAIT_2), "FIN-WAIT-2");
	for (int i = 0; i < ELEVEN_STATES; i++)
		assert_string_not_equal(eleven_state_name((enum eleven_state)i), "?");
	assert_string_equal(eleven_state_name(ELEVEN_STATES), "?");
	while (eleven_rule(rules))
		rules++;
	assert_true(rules > 100);
	wire_defaults(&w, 1, 6);
	wire_start(&w);
	assert_int_equal(eleven_rule_count(w.stack[0], rules), 0);
	assert_int_equal(eleven_rule_count(w.stack[0], ~0u), 0);
	wire_end(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_numbers_of_packets_are_those_of_the_trace),
		cmocka_unit_test(test_causes_carry_the_number_of_their_packet),
		cmocka_unit_test(test_kinds_that_are_recorded),
		cmocka_unit_test(test_records_lost_are_counted),
		cmocka_unit_test(test_every_connection_is_met_once),
		cmocka_unit_test(test_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
