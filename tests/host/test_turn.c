/* SPDX-License-Identifier: MIT */
/* The turn: a connection between two virtual hosts, megabytes over the wire, impaired or not; what cannot be added. */
#include "world.h"

#include "link/link.h"

#define BYTES (3u << 20)

struct transfer {
	struct world *w;
	eleven_handle listener, server, client;
	uint32_t sent, received;
	bool closed;
	unsigned packets;
};

static uint8_t byte_at(uint32_t n)
{
	return (uint8_t)(n * 31 + (n >> 10));
}

static void transfer_send(struct transfer *t)
{
	uint8_t text[8192];
	int64_t n = 1;

	while (t->sent < BYTES && n > 0) {
		uint32_t bytes = BYTES - t->sent < sizeof(text) ? BYTES - t->sent : sizeof(text);

		for (uint32_t i = 0; i < bytes; i++)
			text[i] = byte_at(t->sent + i);
		n = eleven_send(t->w->stacks[0]->stack, t->client, text, bytes, 0, host_now(t->w->host));
		t->sent += n > 0 ? (uint32_t)n : 0;
	}
	if (t->sent == BYTES)
		eleven_shutdown(t->w->stacks[0]->stack, t->client, host_now(t->w->host));
}

static void transfer_receive(struct transfer *t)
{
	uint8_t text[8192];
	int64_t n;

	while ((n = eleven_receive(t->w->stacks[1]->stack, t->server, text, sizeof(text), host_now(t->w->host))) > 0)
		for (int64_t i = 0; i < n; i++, t->received++)
			assert_int_equal(text[i], byte_at(t->received));
	t->closed |= n == 0;
}

static void signal_came(void *context, struct host_stack *stack, const struct eleven_signal *signal)
{
	struct transfer *t = context;

	if (stack == t->w->stacks[1] && signal->signals & ELEVEN_SIGNAL_ACCEPT)
		eleven_accept(stack->stack, t->listener, &t->server, host_now(t->w->host));
	if (stack == t->w->stacks[1] && t->server)
		transfer_receive(t);
	if (stack == t->w->stacks[0] && signal->signals & (ELEVEN_SIGNAL_CONNECTED | ELEVEN_SIGNAL_SEND))
		transfer_send(t);
	assert_false(signal->signals & ELEVEN_SIGNAL_ERROR);
}

static void packet_came(void *context, struct host_stack *stack, const struct host_packet *packet)
{
	uint32_t length = 0;

	(void)stack;
	for (unsigned i = 0; i < packet->slices; i++)
		length += packet->slice[i].length;
	assert_int_equal(length, packet->length);
	assert_true(packet->serial > 0);
	((struct transfer *)context)->packets++;
}

static void transfer_run(struct world *w)
{
	struct transfer t = { .w = w };
	struct eleven_endpoint at = { .address = w->stacks[1]->interface.address, .port = 8000 };
	uint64_t now = host_now(w->host), end = now + SEC(20);

	host_on_packet(w->host, packet_came, &t);
	assert_int_equal(host_on_signal(w->host, signal_came, &t), 0);
	assert_int_equal(eleven_open(w->stacks[1]->stack, &t.listener, now), 0);
	assert_int_equal(eleven_bind(w->stacks[1]->stack, t.listener, &at, 0, now), 0);
	assert_int_equal(eleven_listen(w->stacks[1]->stack, t.listener, 5, now), 0);
	assert_int_equal(eleven_open(w->stacks[0]->stack, &t.client, now), 0);
	assert_int_equal(eleven_connect(w->stacks[0]->stack, t.client, &at, now), 0);
	host_kick(w->stacks[0]);
	while (!t.closed && host_now(w->host) < end)
		assert_int_equal(loop_turn(w->loop, end), 0);
	assert_true(t.closed);
	assert_int_equal(t.received, BYTES);
	assert_true(t.packets > BYTES / 65536);
	host_off_packet(w->host, packet_came, &t);
}

static void test_megabytes_cross_the_wire(void **state)
{
	transfer_run(*state);
}

static void settings_poor(struct pipe_settings *settings, void *context)
{
	(void)context;
	settings->delay_ns = MS(1);
	settings->loss = 5000;
	settings->reorder = 20000;
	settings->dup = 5000;
	settings->corrupt = 2000;
}

static void test_megabytes_cross_a_poor_wire(void **state)
{
	struct world *w = *state;

	impair_change(w->impair, (struct impair_selection){ -1, IMPAIR_BOTH }, settings_poor, NULL);
	transfer_run(w);
	assert_true(w->stacks[0]->link->counts.drops > 0);
}

static int stack_try(struct world *w, const char *name, const char *address, uint64_t connections)
{
	struct eleven_interface interface = { .mtu = 1500 };
	struct eleven_config config;
	struct wire *wire = wire_create(ELEVEN_LINK_IP);
	int error;

	config_choose(&config, ELEVEN_MODERN);
	config.seed = 1;
	config.connections_max = connections;
	assert_int_equal(units_subnet(address, &interface.address, &interface.prefix_bits), 0);
	error = host_stack_add(w->host, name, &config, &interface, wire_port(wire, &interface), NULL);
	wire_destroy(wire);
	return error;
}

static void test_hosts_that_cannot_be_are_told_apart(void **state)
{
	struct world *w = *state;

	assert_int_equal(stack_try(w, "a", "10.0.0.3/24", 10), -EEXIST);
	assert_int_equal(stack_try(w, "c", "10.0.0.2/24", 10), -EADDRINUSE);
	assert_int_equal(stack_try(w, "c d", "10.0.0.3/24", 10), -EINVAL);
	assert_int_equal(stack_try(w, "", "10.0.0.3/24", 10), -EINVAL);
	assert_int_equal(stack_try(w, "a-name-of-thirty-two-letters-....", "10.0.0.3/24", 10), -EINVAL);
	assert_int_equal(stack_try(w, "c", "10.0.0.3/24", 0), -EINVAL);
	assert_int_equal(host_count(w->host), 2);
	assert_int_equal(stack_try(w, "c", "10.0.0.3/24", 10), 0);
	assert_ptr_equal(host_find(w->host, "c"), host_at(w->host, 2));
	assert_ptr_equal(host_find_address(w->host, &host_at(w->host, 1)->interface.address), host_at(w->host, 1));
	assert_null(host_find(w->host, "d"));
	assert_null(host_at(w->host, 3));
}

int main(void)
{
#define WORLD_TEST(name) cmocka_unit_test_setup_teardown(name, world_make, world_free)
	const struct CMUnitTest tests[] = {
		WORLD_TEST(test_megabytes_cross_the_wire),
		WORLD_TEST(test_megabytes_cross_a_poor_wire),
		WORLD_TEST(test_hosts_that_cannot_be_are_told_apart),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
