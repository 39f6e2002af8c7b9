/* SPDX-License-Identifier: MIT */
/* A connection whose gateway dies goes on by another: TCP notices, IP chooses (RFC 1122 §3.3.1). */
#include "stack/wire.h"

#define FAR   0xc0000209u

/* A stack on Ethernet, and behind two routers a stack without it; packets are carried by hand. */
struct world {
	struct eleven *near, *far;
	void *memory[2];
	uint64_t now;
	bool arp[2], forwards[2];       /* of the routers: answers ARP; forwards */
	unsigned by[2];                 /* packets that went by it */
};

static const uint8_t our_mac[6] = { 2, 0, 0, 0, 0, 1 };

static uint32_t router_address(unsigned i)
{
	return 0x0a0000fbu + i;
}

static void router_mac(uint8_t mac[6], unsigned i)
{
	memcpy(mac, (uint8_t[]){ 2, 0, 0, 0, 1, (uint8_t)i }, 6);
}

static struct eleven *stack_make(void **memory, const struct eleven_interface *interface, uint64_t seed, uint64_t now)
{
	struct eleven_config config;
	struct eleven *stack;
	size_t bytes;

	config_choose(&config, ELEVEN_MODERN);
	config.seed = seed;
	config.connections_max = config.time_wait_max = config.syn_received_max = 16;
	config.buffer_bytes = 1 << 20;
	bytes = eleven_size(&config);
	*memory = aligned_alloc(64, (bytes + 63) & ~(size_t)63);
	memset(*memory, 0, bytes);
	assert_int_equal(eleven_create(&stack, *memory, bytes, &config, now), 0);
	assert_int_equal(eleven_interface_add(stack, interface), 0);
	return stack;
}

static void world_make(struct world *w)
{
	struct eleven_interface near = { .kind = ELEVEN_LINK_ETHERNET, .prefix_bits = 24, .mtu = 1500,
					 .address = endpoint(0x0a000001, 0).address,
					 .gateway = endpoint(router_address(0), 0).address };
	struct eleven_interface far = { .kind = ELEVEN_LINK_IP, .prefix_bits = 24, .mtu = 1500,
					.address = endpoint(FAR, 0).address };
	struct eleven_route second = { .gateway = endpoint(router_address(1), 0).address };

	memset(w, 0, sizeof(*w));
	w->now = SEC(1000);
	w->arp[0] = w->arp[1] = w->forwards[0] = w->forwards[1] = true;
	memcpy(near.mac, our_mac, 6);
	w->near = stack_make(&w->memory[0], &near, 1, w->now);
	w->far = stack_make(&w->memory[1], &far, 2, w->now);
	assert_int_equal(eleven_route_add(w->near, &second), 0);
}

static void world_end(struct world *w)
{
	free(w->memory[0]);
	free(w->memory[1]);
}

static void arp_answer(struct world *w, const uint8_t *request)
{
	for (unsigned i = 0; i < 2; i++) {
		uint8_t frame[42];
		struct eleven_packet packet = { frame, sizeof(frame), 0, 0, 0 };

		if (!w->arp[i] || wire_u32(request + 38) != router_address(i))
			continue;
		memcpy(frame, request, 22);
		memcpy(frame, our_mac, 6);
		router_mac(frame + 6, i);
		frame[21] = 2;
		router_mac(frame + 22, i);
		memcpy(frame + 28, request + 38, 4);
		memcpy(frame + 32, request + 22, 10);
		eleven_input(w->near, &packet, 1, w->now);
	}
}

static void near_out(struct world *w, const struct eleven_out *out)
{
	uint8_t frame[2000], mac[6];
	uint32_t at = 0;

	for (unsigned i = 0; i < out->slices; i++) {
		memcpy(frame + at, out->slice[i].bytes, out->slice[i].length);
		at += out->slice[i].length;
	}
	if (wire_u16(frame + 12) == 0x0806) {
		arp_answer(w, frame);
		return;
	}
	for (unsigned i = 0; i < 2; i++) {
		struct eleven_packet packet = { frame + 14, at - 14, 0, 0, 0 };

		router_mac(mac, i);
		if (memcmp(frame, mac, 6) != 0)
			continue;
		w->by[i]++;
		if (w->forwards[i])
			eleven_input(w->far, &packet, 1, w->now);
	}
}

static void far_out(struct world *w, const struct eleven_out *out)
{
	uint8_t frame[2000];
	struct eleven_packet packet = { frame, 14 + out->length, 0, 0, 0 };
	uint32_t at = 14;

	memcpy(frame, our_mac, 6);
	router_mac(frame + 6, 1);
	frame[12] = 8;
	frame[13] = 0;
	for (unsigned i = 0; i < out->slices; i++) {
		memcpy(frame + at, out->slice[i].bytes, out->slice[i].length);
		at += out->slice[i].length;
	}
	eleven_input(w->near, &packet, 1, w->now);
}

static void run(struct world *w, uint64_t ns)
{
	for (uint64_t end = w->now + ns; w->now < end; w->now += MS(10)) {
		struct eleven_out out;

		eleven_timers(w->near, w->now);
		eleven_timers(w->far, w->now);
		while (eleven_output(w->near, &out, 1, w->now) > 0)
			near_out(w, &out);
		while (eleven_output(w->far, &out, 1, w->now) > 0)
			far_out(w, &out);
	}
}

static void world_connect(struct world *w, eleven_handle *client, eleven_handle *server)
{
	struct eleven_endpoint to = endpoint(FAR, 7000);
	eleven_handle listener;

	assert_int_equal(eleven_open(w->far, &listener, w->now), 0);
	assert_int_equal(eleven_bind(w->far, listener, &to, 0, w->now), 0);
	assert_int_equal(eleven_listen(w->far, listener, 1, w->now), 0);
	assert_int_equal(eleven_open(w->near, client, w->now), 0);
	assert_int_equal(eleven_connect(w->near, *client, &to, w->now), 0);
	run(w, SEC(1));
	assert_int_equal(eleven_accept(w->far, listener, server, w->now), 0);
}

/* It answers ARP and forwards nothing: only TCP can tell, after R1 retransmissions. */
/* 1122-§3.3.1.4-R1, 9293-MUST-20 */
static void test_1122_3_3_1_4_R1_gateway_that_leads_nowhere(void **state)
{
	eleven_handle client, server;
	struct eleven_status status;
	struct world w;
	char text[8];

	(void)state;
	world_make(&w);
	world_connect(&w, &client, &server);
	assert_true(w.by[0] > 0 && w.by[1] == 0);
	w.forwards[0] = false;
	assert_int_equal(eleven_send(w.near, client, "hello", 5, 0, w.now), 5);
	run(&w, SEC(10));
	assert_int_equal(eleven_receive(w.far, server, text, sizeof(text), w.now), 5);
	assert_true(w.by[1] > 0);
	assert_int_equal(eleven_status(w.near, client, &status), 0);
	assert_int_equal(status.state, ELEVEN_ESTABLISHED);
	assert_in_range(status.retransmitted_segments, 3, 6);
	world_end(&w);
}

/* The SYN's way is dead: the open goes by the second. */
static void test_gateway_dead_at_the_open(void **state)
{
	eleven_handle client, listener;
	struct eleven_endpoint to = endpoint(FAR, 7000);
	struct eleven_status status;
	struct world w;

	(void)state;
	for (int answers = 0; answers < 2; answers++) {
		world_make(&w);
		w.forwards[0] = false;
		w.arp[0] = answers;
		assert_int_equal(eleven_open(w.far, &listener, w.now), 0);
		assert_int_equal(eleven_bind(w.far, listener, &to, 0, w.now), 0);
		assert_int_equal(eleven_listen(w.far, listener, 1, w.now), 0);
		assert_int_equal(eleven_open(w.near, &client, w.now), 0);
		assert_int_equal(eleven_connect(w.near, client, &to, w.now), 0);
		run(&w, SEC(20));
		assert_int_equal(eleven_status(w.near, client, &status), 0);
		assert_int_equal(status.state, ELEVEN_ESTABLISHED);
		world_end(&w);
	}
}

/* 1122-§3.3.1.5-R1 */
static void test_1122_3_3_1_5_R1_gateway_that_died(void **state)
{
	eleven_handle client, server;
	uint64_t got = 0;
	struct world w;
	char text[1000] = { 0 };
	int64_t n;

	(void)state;
	world_make(&w);
	world_connect(&w, &client, &server);
	run(&w, SEC(40));
	w.forwards[0] = w.arp[0] = false;
	for (unsigned i = 0; i < 60; i++) {
		assert_int_equal(eleven_send(w.near, client, text, 100, 0, w.now), 100);
		run(&w, SEC(1));
		while ((n = eleven_receive(w.far, server, text, sizeof(text), w.now)) > 0)
			got += (uint64_t)n;
	}
	assert_int_equal(got, 6000);
	assert_true(w.by[1] > 20);
	world_end(&w);
}

/* Segments without DF, as many as the identifications allow: none is lost inside, and all come. */
/* 6864-§5.2-R1 */
static void test_6864_5_2_R1_segments_wait_for_identifications(void **state)
{
	static uint8_t text[1 << 20];
	uint64_t sent = 0, got = 0, started;
	eleven_handle client, server;
	struct eleven_status status;
	struct wire w;

	(void)state;
	wire_defaults(&w, 2, 5);
	for (unsigned i = 0; i < 2; i++) {
		w.config[i].path_mtu_discovery = 0;
		w.config[i].mss_least = 88;
	}
	w.mtu = 576;
	wire_start(&w);
	wire_pair(&w, 7000, &client, &server);
	started = w.now;
	while (got < 6000000) {
		int64_t n;

		assert_true(w.now < started + SEC(60));
		while (sent < 6000000 && (n = eleven_send(w.stack[0], client, text, sizeof(text), 0, w.now)) > 0)
			sent += (uint64_t)n;
		wire_step(&w, w.now + MS(100));
		while ((n = eleven_receive(w.stack[1], server, text, sizeof(text), w.now)) > 0)
			got += (uint64_t)n;
	}
	/* 536 or less in a packet: 11195 and more, 4000 at once and 500 each second after that. */
	assert_in_range(w.now - started, SEC(13), SEC(30));
	assert_int_equal(eleven_status(w.stack[0], client, &status), 0);
	assert_int_equal(status.retransmitted_segments, 0);
	wire_end(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_1122_3_3_1_4_R1_gateway_that_leads_nowhere),
		cmocka_unit_test(test_gateway_dead_at_the_open),
		cmocka_unit_test(test_1122_3_3_1_5_R1_gateway_that_died),
		cmocka_unit_test(test_6864_5_2_R1_segments_wait_for_identifications),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
