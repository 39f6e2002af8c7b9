/* SPDX-License-Identifier: MIT */
/*
 * TCP over IPv6 where it differs from IPv4: sizes, path MTU (RFC 8201), flow labels (RFC 6437), what a hop limit and
 * routing headers do, one listener for both families, TIME-WAIT's record.
 */
#include <errno.h>

#include "stack/flow.h"
#include "wire/checksum.h"
#include "wire/ipv6.h"
#include "wire/tcp.h"

static struct eleven_endpoint at6(const char *text, uint16_t port)
{
	struct eleven_endpoint made = { .port = port };
	struct address address;

	assert_true(address_parse(&address, text));
	memcpy(made.address.bytes, address.bytes, 16);
	return made;
}

/* fd00::1 and 10.0.0.1, with a peer that the test plays. */
struct lone {
	struct eleven *stack;
	void *memory;
	uint64_t now;
	struct address local, remote;   /* of the peer's segments: from remote to local */
	uint16_t port;                  /* of the stack */
	struct segment last;
	struct ipv6 last_ip;
	uint8_t copy[65600];
};

static void lone_start(struct lone *l, uint64_t seed)
{
	struct eleven_interface interface = { .kind = ELEVEN_LINK_IP, .mtu = 1500, .prefix6_bits = 64,
					      .address6 = at6("fd00::1", 0).address, .prefix_bits = 24,
					      .address = at6("::ffff:10.0.0.1", 0).address };
	struct eleven_config config;
	size_t bytes;

	memset(l, 0, sizeof(*l));
	config_choose(&config, ELEVEN_MODERN);
	config.seed = seed;
	config.connections_max = config.time_wait_max = config.syn_received_max = 32;
	config.buffer_bytes = 1 << 20;
	config.pacing = 0;
	bytes = eleven_size(&config);
	l->memory = aligned_alloc(64, (bytes + 63) & ~(size_t)63);
	memset(l->memory, 0, bytes);
	l->now = SEC(1000);
	assert_int_equal(eleven_create(&l->stack, l->memory, bytes, &config, l->now), 0);
	assert_int_equal(eleven_interface_add(l->stack, &interface), 0);
	assert_true(address_parse(&l->local, "fd00::1"));
	assert_true(address_parse(&l->remote, "2001:db8::7"));
	l->port = 80;
}

/* A segment of the peer. */
static void put(struct lone *l, const char *flags, uint32_t seq, uint32_t ack, uint16_t mss)
{
	struct segment segment = { .source_port = 5000, .destination_port = l->port,
				   .seq = seq_of(seq), .ack = seq_of(ack), .window = 65535,
				   .syn = strchr(flags, 'S'), .has_ack = strchr(flags, '.'),
				   .fin = strchr(flags, 'F'), .options = { .has_mss = mss != 0, .mss = mss } };
	struct ipv6 ip = { .source = l->remote, .destination = l->local, .hop_limit = 64, .next_header = IPV6_TCP };
	uint8_t bytes[200];
	struct eleven_packet packet = { .bytes = bytes };

	ip.payload_bytes = (uint32_t)segment_emit(bytes + 40, 100, &segment, &l->remote, &l->local);
	ipv6_emit(bytes, &ip);
	packet.length = 40 + ip.payload_bytes;
	eleven_input(l->stack, &packet, 1, l->now);
}

/* The next packet out; false: none. Its text lies in the copy. */
static bool get(struct lone *l)
{
	struct eleven_out out;
	uint32_t n = 0;

	if (eleven_output(l->stack, &out, 1, l->now) == 0)
		return false;
	for (unsigned i = 0; i < out.slices; i++) {
		memcpy(l->copy + n, out.slice[i].bytes, out.slice[i].length);
		n += out.slice[i].length;
	}
	assert_int_equal(ipv6_parse(&l->last_ip, l->copy, n), IPV6_OK);
	assert_int_equal(l->last_ip.payload_bytes + 40, n);
	assert_int_equal(l->last_ip.next_header, IPV6_TCP);
	assert_int_equal(checksum_finish(checksum_add(checksum_pseudo_v6(&l->last_ip.source, &l->last_ip.destination,
									  IPV6_TCP, n - 40), l->copy + 40, n - 40)), 0);
	assert_int_equal(segment_parse(&l->last, l->copy + 40, n - 40), TCP_OK);
	return true;
}

/* Of the connection with the present port. */
static void get_own(struct lone *l)
{
	do {
		assert_true(get(l));
	} while (l->last.source_port != l->port);
}

static eleven_handle listen_at(struct lone *l, const char *address, unsigned flags)
{
	struct eleven_endpoint local = at6(address, l->port);
	eleven_handle listener;

	assert_int_equal(eleven_open(l->stack, &listener, l->now), 0);
	assert_int_equal(eleven_bind(l->stack, listener, &local, flags, l->now), 0);
	assert_int_equal(eleven_listen(l->stack, listener, 5, l->now), 0);
	return listener;
}

/* A connection of the peer to us, ESTABLISHED; their next is 101, ours *seq. */
static eleven_handle establish(struct lone *l, eleven_handle listener, uint16_t mss, uint32_t *seq)
{
	eleven_handle h;

	while (get(l))
		;
	put(l, "S", 100, 0, mss);
	assert_true(get(l));
	assert_true(l->last.syn && l->last.has_ack);
	*seq = l->last.seq.value + 1;
	l->now += MS(10);
	eleven_timers(l->stack, l->now);
	put(l, ".", 101, *seq, 0);
	assert_int_equal(eleven_accept(l->stack, listener, &h, l->now), 0);
	return h;
}

/* All that there is to send is taken and acknowledged, from *seq on: the text of the largest segment. */
static uint32_t acknowledge(struct lone *l, uint32_t *seq)
{
	uint32_t largest = 0;
	bool any;

	do {
		any = false;
		while (get(l)) {
			if (l->last.text_bytes > largest)
				largest = l->last.text_bytes;
			if ((int32_t)(l->last.seq.value + l->last.text_bytes - *seq) > 0)
				*seq = l->last.seq.value + l->last.text_bytes;
			any = true;
		}
		if (any)
			put(l, ".", 101, *seq, 0);
	} while (any);
	return largest;
}

static void too_big(struct lone *l, uint32_t mtu, uint32_t seq)
{
	uint8_t bytes[200] = { 0 }, *icmp = bytes + 40, *tcp = icmp + 48;
	struct ipv6 quoted = { .source = l->local, .destination = l->remote, .hop_limit = 60, .next_header = IPV6_TCP,
			       .payload_bytes = 1460 };
	struct ipv6 ip = { .destination = l->local, .hop_limit = 60, .next_header = 58, .payload_bytes = 48 + 20 };
	struct eleven_packet packet = { .bytes = bytes, .length = 40 + 48 + 20 };
	uint32_t sum;

	assert_true(address_parse(&ip.source, "2001:db8:99::1"));
	ipv6_emit(bytes, &ip);
	icmp[0] = 2;
	store_be32(icmp + 4, mtu);
	ipv6_emit(icmp + 8, &quoted);
	store_be16(tcp, l->port);
	store_be16(tcp + 2, 5000);
	store_be32(tcp + 4, seq);
	sum = checksum_pseudo_v6(&ip.source, &ip.destination, 58, 68);
	store_be16(icmp + 2, checksum_finish(checksum_add(sum, icmp, 68)));
	eleven_input(l->stack, &packet, 1, l->now);
}

/* 8200-§8.3-R1 */
static void test_8200_8_3_R1_mss(void **state)
{
	struct lone l;

	(void)state;
	lone_start(&l, 1);
	listen_at(&l, "::", 0);
	put(&l, "S", 100, 0, 9000);
	assert_true(get(&l));
	assert_true(l.last.options.has_mss);
	assert_int_equal(l.last.options.mss, 1440);
	free(l.memory);
}

/* 8201-§4-R1, 8201-§5.4-R1, 8201-§4-R3, 8201-§5.3-R1, 8504-§5.7.1-R1 */
static void test_8201_5_4_R1_path_mtu(void **state)
{
	static const uint8_t text[20000];
	struct eleven_status before, after;
	eleven_handle h, listener;
	uint32_t seq, largest;
	struct lone l;

	(void)state;
	lone_start(&l, 2);
	listener = listen_at(&l, "::", 0);
	h = establish(&l, listener, 1400, &seq);
	assert_int_equal(eleven_option_set(l.stack, h, ELEVEN_OPTION_NODELAY, 1, l.now), 0);
	assert_int_equal(eleven_send(l.stack, h, text, sizeof(text), 0, l.now), sizeof(text));
	for (largest = 0; get(&l);)
		if (l.last.text_bytes > largest)
			largest = l.last.text_bytes;
	assert_int_equal(largest, 1400);                /* the peer's MSS, below the path's */
	assert_int_equal(eleven_status(l.stack, h, &before), 0);
	too_big(&l, 1279, seq);                         /* less than any path carries: ignored */
	too_big(&l, 1400, seq - 1000000);               /* about nothing in flight: ignored (8201-§4-R2) */
	assert_int_equal(eleven_status(l.stack, h, &after), 0);
	assert_int_equal(after.mss_send, 1400);
	too_big(&l, 1300, seq);
	assert_int_equal(eleven_status(l.stack, h, &after), 0);
	assert_int_equal(after.mss_send, 1240);
	assert_int_equal(after.cwnd, before.cwnd);      /* no sign of congestion */
	assert_int_equal(after.ssthresh, before.ssthresh);
	assert_true(get(&l));                           /* what was lost goes again, smaller */
	assert_int_equal(l.last.seq.value, seq);
	assert_int_equal(l.last.text_bytes, 1240);
	assert_int_equal(l.last_ip.payload_bytes, 1260);
	too_big(&l, 1450, seq);                         /* never larger by such an error */
	assert_int_equal(eleven_status(l.stack, h, &after), 0);
	assert_int_equal(after.mss_send, 1240);
	too_big(&l, 1280, seq);
	assert_int_equal(eleven_status(l.stack, h, &after), 0);
	assert_int_equal(after.mss_send, 1220);
	/* 1191-§6.3-R1: after ten minutes, and not before five, a larger one is tried. */
	acknowledge(&l, &seq);
	for (unsigned minute = 1; minute <= 11; minute++) {
		l.now += SEC(60);
		eleven_timers(l.stack, l.now);
		assert_int_equal(eleven_send(l.stack, h, text, 1400, 0, l.now), 1400);
		assert_int_equal(acknowledge(&l, &seq), minute < 10 ? 1220 : 1400);
	}
	free(l.memory);
}

/* 8021-§--R1, V79: whatever size an error names, nothing is sent with a Fragment header. */
static void test_8021_R1_V79_no_atomic_fragments(void **state)
{
	static const uint32_t sizes[] = { 0, 68, 600, 1279, 1280 };
	static const uint8_t text[5000];
	eleven_handle h, listener;
	struct lone l;
	uint32_t seq;

	(void)state;
	lone_start(&l, 3);
	listener = listen_at(&l, "::", 0);
	h = establish(&l, listener, 1440, &seq);
	assert_int_equal(eleven_send(l.stack, h, text, sizeof(text), 0, l.now), sizeof(text));
	while (get(&l))
		;
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		too_big(&l, sizes[i], seq);
		l.now += SEC(3);
		eleven_timers(l.stack, l.now);
		while (get(&l))         /* which asserts that TCP comes first */
			assert_true(l.last_ip.payload_bytes + 40 >= 1240 || l.last.text_bytes < 1220);
	}
	free(l.memory);
}

/* 6437-§3-R1: one label from SYN to FIN, another for another connection, the same after a loss. */
static void test_6437_3_R1_flow_labels(void **state)
{
	uint32_t labels[16];
	struct lone l;

	(void)state;
	lone_start(&l, 4);
	for (unsigned i = 0; i < 16; i++) {
		eleven_handle h, listener;
		uint32_t seq;

		l.port = (uint16_t)(100 + i);
		listener = listen_at(&l, "::", 0);
		h = establish(&l, listener, 1440, &seq);
		labels[i] = l.last_ip.flow_label;
		assert_in_range(labels[i], 1, 0xfffff);
		assert_int_equal(eleven_send(l.stack, h, "text", 4, 0, l.now), 4);
		get_own(&l);
		assert_int_equal(l.last_ip.flow_label, labels[i]);
		l.now += SEC(1);
		eleven_timers(l.stack, l.now);
		get_own(&l);
		assert_int_equal(l.last_ip.flow_label, labels[i]);
		put(&l, ".", 101, seq + 4, 0);
		assert_int_equal(eleven_close(l.stack, h, l.now), 0);
		get_own(&l);
		assert_true(l.last.fin);
		assert_int_equal(l.last_ip.flow_label, labels[i]);
		for (unsigned k = 0; k < i; k++)
			assert_int_not_equal(labels[k], labels[i]);
		assert_int_equal(eleven_close(l.stack, listener, l.now), 0);
	}
	free(l.memory);
}

static bool refused(struct lone *l, const char *address, unsigned flags)
{
	struct eleven_endpoint local = at6(address, l->port);
	eleven_handle h;
	int error;

	assert_int_equal(eleven_open(l->stack, &h, l->now), 0);
	error = eleven_bind(l->stack, h, &local, flags, l->now);
	assert_true(error == 0 || error == -EADDRINUSE);
	if (error == 0)
		error = eleven_listen(l->stack, h, 1, l->now);
	eleven_close(l->stack, h, l->now);
	return error != 0;
}

/* One listener on :: is of both families, unless it says that it is not; who is nearer is taken. */
static void test_dual_stack(void **state)
{
	static const struct {
		const char *address;
		unsigned flags;
		bool by_v4, by_v6;
	} rows[] = {
		{ "::", 0, true, true }, { "::", ELEVEN_BIND_V6ONLY, false, true },
		{ "::ffff:0.0.0.0", 0, true, false }, { "fd00::1", 0, false, true },
		{ "::ffff:10.0.0.1", 0, true, false },
	};
	struct lone l;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		eleven_handle listener, h, c[2];
		struct eleven_endpoint to[2];

		lone_start(&l, 5);
		to[0] = at6("::ffff:10.0.0.1", l.port);
		to[1] = at6("fd00::1", l.port);
		listener = listen_at(&l, rows[i].address, rows[i].flags);
		assert_true(refused(&l, rows[i].address, rows[i].flags));
		assert_int_equal(refused(&l, "::", ELEVEN_BIND_V6ONLY), rows[i].by_v6);
		assert_int_equal(refused(&l, "::ffff:0.0.0.0", 0), rows[i].by_v4);
		assert_true(refused(&l, "::", 0));
		for (unsigned k = 0; k < 2; k++) {
			struct eleven_status status;
			bool expected = k == 0 ? rows[i].by_v4 : rows[i].by_v6;

			assert_int_equal(eleven_open(l.stack, &c[k], l.now), 0);
			assert_int_equal(eleven_connect(l.stack, c[k], &to[k], l.now), 0);
			for (unsigned turn = 0; turn < 10; turn++) {
				struct eleven_out out;

				assert_int_equal(eleven_output(l.stack, &out, 1, l.now), 0);    /* all is inside */
				eleven_timers(l.stack, l.now);
			}
			assert_int_equal(eleven_accept(l.stack, listener, &h, l.now), expected ? 0 : -EAGAIN);
			if (!expected)
				continue;
			assert_int_equal(eleven_status(l.stack, h, &status), 0);
			assert_memory_equal(status.local.address.bytes, to[k].address.bytes, 16);
		}
		free(l.memory);
	}
}

/* Of one for both families and one for the segment's own the latter is taken, whichever came first. */
static void test_nearer_listener(void **state)
{
	struct lone l;

	(void)state;
	for (int first = 0; first < 2; first++) {
		struct eleven_endpoint any = at6("::", 80), own = at6("fd00::1", 80);
		eleven_handle h[2], accepted;
		uint32_t seq;

		lone_start(&l, 6);
		for (int i = 0; i < 2; i++) {
			assert_int_equal(eleven_open(l.stack, &h[i], l.now), 0);
			assert_int_equal(eleven_bind(l.stack, h[i], (i == first) ? &any : &own,
						     ELEVEN_BIND_REUSE_ADDRESS | ELEVEN_BIND_REUSE_PORT, l.now), 0);
			assert_int_equal(eleven_listen(l.stack, h[i], 3, l.now), 0);
		}
		accepted = establish(&l, h[!first], 1440, &seq);
		assert_true(accepted != 0);
		free(l.memory);
	}
}

/* TIME-WAIT without a program lies in records: two of them for IPv6, which are given back. */
static void test_time_wait_records(void **state)
{
	struct eleven_signal signal;
	struct eleven_stats stats;
	eleven_handle listener;
	struct lone l;

	(void)state;
	lone_start(&l, 7);
	listener = listen_at(&l, "::", 0);
	for (unsigned round = 0; round < 100; round++) {
		eleven_handle h;
		uint32_t seq;

		assert_true(address_parse(&l.remote, "2001:db8::7"));
		l.remote.bytes[15] = (uint8_t)round;
		h = establish(&l, listener, 1440, &seq);
		assert_int_equal(eleven_close(l.stack, h, l.now), 0);
		assert_true(get(&l));
		put(&l, "F.", 101, seq + 1, 0);
		assert_true(get(&l));
		assert_int_equal(l.last.ack.value, 102);
		eleven_stats(l.stack, &stats);
		assert_int_equal(stats.time_wait, 1);
		put(&l, "F.", 101, seq + 1, 0);         /* again: found by its names, and answered */
		assert_true(get(&l));
		assert_int_equal(l.last.ack.value, 102);
		assert_memory_equal(l.last_ip.destination.bytes, l.remote.bytes, 16);
		l.now += SEC(241);
		eleven_timers(l.stack, l.now);
		while (eleven_signal(l.stack, &signal))
			;
		eleven_stats(l.stack, &stats);
		assert_int_equal(stats.time_wait, 0);
	}
	free(l.memory);
}

/* 4291-§2.5.3-R1: ::1 stays inside, and cannot be reached from where it is not. */
static void test_4291_2_5_3_R1_loopback(void **state)
{
	struct eleven_endpoint loop = at6("::1", 80), far = at6("2001:db8::1", 80), bound = at6("::1", 0);
	struct eleven_endpoint nobody = at6("::", 80), group = at6("ff02::1", 80), link = at6("fe80::5", 80);
	eleven_handle h;
	struct lone l;

	(void)state;
	lone_start(&l, 8);
	assert_int_equal(eleven_open(l.stack, &h, l.now), 0);
	assert_int_equal(eleven_connect(l.stack, h, &nobody, l.now), -EINVAL);   /* 4291-§2.5.2-R1 */
	assert_int_equal(eleven_connect(l.stack, h, &group, l.now), -EINVAL);
	assert_int_equal(eleven_bind(l.stack, h, &bound, 0, l.now), 0);
	assert_int_equal(eleven_connect(l.stack, h, &far, l.now), -EINVAL);
	assert_int_equal(eleven_connect(l.stack, h, &loop, l.now), 0);
	assert_false(get(&l));
	eleven_timers(l.stack, l.now);
	assert_int_equal(eleven_open(l.stack, &h, l.now), 0);
	link.scope = 2;                                 /* there is no second interface */
	assert_int_equal(eleven_connect(l.stack, h, &link, l.now), -ENETUNREACH);
	link.scope = 1;
	assert_int_equal(eleven_connect(l.stack, h, &link, l.now), 0);
	assert_true(get(&l));
	assert_true(address_is_link_local(&l.last_ip.source));
	free(l.memory);
}

/* 8504-§5.1-R1, 8504-§5.4-R1, 8504-§5.8-R1, 4443-§2-R1: a stream between two stacks over Ethernet, with all of it. */
static void test_4443_2_R1_stream_over_ethernet(void **state)
{
	struct eleven_stats stats;
	struct flow a, b;
	struct wire w;

	(void)state;
	setenv("TEST_FAMILY", "6", 1);
	wire_defaults(&w, 2, 77);
	w.kind = ELEVEN_LINK_ETHERNET;
	w.loss_permille = 20;
	wire_start(&w);
	flow_pair(&w, &a, &b, 200000, 200000);
	flow_finish(&a, &b, SEC(300));
	eleven_stats(w.stack[0], &stats);
	assert_true(stats.bytes_in >= 200000 && stats.bytes_out >= 200000);
	wire_end(&w);
	unsetenv("TEST_FAMILY");
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_8200_8_3_R1_mss),
		cmocka_unit_test(test_8201_5_4_R1_path_mtu),
		cmocka_unit_test(test_8021_R1_V79_no_atomic_fragments),
		cmocka_unit_test(test_6437_3_R1_flow_labels),
		cmocka_unit_test(test_dual_stack),
		cmocka_unit_test(test_nearer_listener),
		cmocka_unit_test(test_time_wait_records),
		cmocka_unit_test(test_4291_2_5_3_R1_loopback),
		cmocka_unit_test(test_4443_2_R1_stream_over_ethernet),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
