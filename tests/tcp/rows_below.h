/* SPDX-License-Identifier: MIT */
/*
 * Rows of tests/transitions.tsv that ip/ decides before tcp/ is asked: addresses of an OPEN, Source Quench (RFC 6633),
 * and the IP option of security, by which RFC 9293 §3.10.7 has segments refused.  The packet goes through a network
 * floor of 10.0.0.1, and what that makes of it to the TCP, as in stack/input.c.
 */
#ifndef TEST_TCP_ROWS_BELOW_H
#define TEST_TCP_ROWS_BELOW_H

#include "eleven.h"
#include "ip/host.h"
#include "rows.h"

static enum ip_input through_ip(struct script *s, struct host *host, const uint8_t *packet, size_t n)
{
	enum ip_input what = host_input(host, packet, n);
	const struct ip_datagram *d = &host->datagram;

	if (what == IP_SEGMENT) {
		struct arrival arrival = { .source = d->source, .destination = d->destination, .bytes = d->payload,
					   .length = d->payload_bytes, .tos = d->tos };

		tcp_segment_arrives(s->tcp, &arrival, s->now);
	} else if (what == IP_ERROR) {
		const struct ip_error *e = &host->error;
		struct tcp_error error = { { e->local, e->remote, e->local_port, e->remote_port }, e->seq, e->error,
					   e->hard, e->mtu, false };

		tcp_error_arrives(s->tcp, &error, s->now);
	}
	return what;
}

/* ---- OPEN: the stack finds the way before it opens */

static void open_to(uint32_t remote, uint16_t port, int error)
{
	struct eleven_endpoint far = { .address = public_v4(remote), .port = port };
	struct eleven_interface interface = tun_interface();
	struct eleven_config config;
	struct eleven_status status;
	struct eleven_out packet;
	struct eleven *stack;
	eleven_handle h;
	void *memory;

	config_choose(&config, ELEVEN_MODERN);
	config.seed = 1;
	config.connections_max = config.syn_received_max = config.time_wait_max = 16;
	config.buffer_bytes = 1 << 20;
	memory = memory_take(eleven_size(&config));
	assert_int_equal(eleven_create(&stack, memory, eleven_size(&config), &config, SEC(1)), 0);
	assert_int_equal(eleven_interface_add(stack, &interface), 0);
	assert_int_equal(eleven_open(stack, &h, SEC(1)), 0);
	assert_int_equal(eleven_connect(stack, h, &far, SEC(1)), error);
	assert_int_equal(eleven_output(stack, &packet, 1, SEC(1)), 0);
	assert_int_equal(eleven_status(stack, h, &status), 0);
	assert_int_equal(status.state, ELEVEN_CLOSED);
	memory_return(memory);
}

static void open_unspecified(struct script *s, const struct place *p)
{
	(void)s;
	(void)p;
	open_to(0, 80, -EINVAL);
	open_to(PEER, 0, -EINVAL);
}

static void open_to_groups(struct script *s, const struct place *p)
{
	(void)s;
	(void)p;
	open_to(0xffffffff, 80, -EINVAL);
	open_to(0x0a0000ff, 80, -EINVAL);
	open_to(0xe0000001, 80, -EINVAL);
	open_to(0xf0000001, 80, -EINVAL);
}

/* ---- Source Quench */

static void source_quench(struct script *s, const struct place *p)
{
	uint8_t segment[20] = { 0 }, quote[40], message[64], packet[128];
	struct seq seq = seq_add(s->our_iss, p->ack ? p->ack - 1 : 0);
	uint64_t cwnd = 0;
	struct host host;
	size_t n;

	if (script_is_v6())
		return;                         /* ICMPv6 has none */
	if (p->state != ELEVEN_SYN_RECEIVED)
		cwnd = status_of(s).cwnd;
	host_make_tun(&host);
	store_be16(segment, s->our_port);
	store_be16(segment + 2, s->their_port);
	store_be32(segment + 4, seq.value);
	packet_make(quote, OURS, PEER, IPV4_PROTOCOL_TCP, segment, sizeof(segment), NULL);
	n = message_make(message, ICMP_SOURCE_QUENCH, 0, 0, quote, sizeof(quote));
	n = packet_make(packet, ROUTER, OURS, IPV4_PROTOCOL_ICMP, message, n, NULL);
	assert_int_equal(through_ip(s, &host, packet, n), IP_CONSUMED);
	assert_rule(&host, ICMP_SOURCE_QUENCH_IGNORED);
	quiet(s);
	if (p->state != ELEVEN_SYN_RECEIVED) {
		assert_int_equal(status_of(s).cwnd, cwnd);
		assert_false(signals_of(s, s->h) & (ELEVEN_SIGNAL_SOFT_ERROR | ELEVEN_SIGNAL_ERROR));
	}
	packet[20] = ICMP_UNREACHABLE;          /* the same quote in an error that counts reaches TCP */
	packet[21] = ICMP_UNREACHABLE_HOST;
	store_be16(packet + 22, 0);
	store_be16(packet + 22, checksum_finish(checksum_add(0, packet + 20, n - 20)));
	assert_int_equal(through_ip(s, &host, packet, n), IP_ERROR);
	host_free(&host);
}

/* ---- security: the option is stepped over, see DEVIATIONS.md */

static void secret_arrives(struct script *s, const char *line)
{
	static const uint8_t secret[12] = { 130, 11, 0xf1, 0x35, 0, 0, 0, 0, 0, 0, 0, 1 };      /* RFC 791 §3.1 */
	struct ipv4 fields = { .ttl = 64, .options = secret, .options_bytes = sizeof(secret) };
	uint8_t bytes[200], packet[300];
	struct segment_scan scan;
	struct host host;
	size_t n;

	if (script_is_v6()) {                   /* which has no such option: as any segment */
		in(s, line);
		return;
	}
	assert_true(segment_scan(&scan, line, strlen(line), s->their_iss, s->our_iss));
	scan.segment.source_port = s->their_port;
	scan.segment.destination_port = s->our_port;
	scan.segment.text = (const void *)zeros;
	n = segment_emit(bytes, sizeof(bytes), &scan.segment, &s->them, &s->us);
	host_make_tun(&host);
	assert_int_equal(through_ip(s, &host, packet, packet_make(packet, PEER, OURS, IPV4_PROTOCOL_TCP, bytes, n,
								  &fields)), IP_SEGMENT);
	host_free(&host);
}

static void security_listen(struct script *s, const struct place *p)
{
	(void)p;
	secret_arrives(s, "S 0:0(0) win 65535 <mss 1460>");
	out(s, "S. 0:0(0) ack 1 <...>");
}

static void security_syn_sent(struct script *s, const struct place *p)
{
	(void)p;
	secret_arrives(s, "S. 0:0(0) ack 1 win 65535 <mss 1460>");
	out(s, ". 1:1(0) ack 1");
}

/* A segment left of the window, which every synchronized state answers. */
static void security_anywhere(struct script *s, const struct place *p)
{
	char line[60];

	snprintf(line, sizeof(line), ". %u:%u(5) ack %u win 1000", p->nxt - 5, p->nxt, p->ack);
	secret_arrives(s, line);
	answers_ack(s, p);
}

#endif
