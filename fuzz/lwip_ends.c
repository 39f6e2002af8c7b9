/* SPDX-License-Identifier: MIT */
/* The two; see lwip_ends.h.  lwIP has one stack to a process, so what was left of the last run is aborted. */
#include "fuzz/lwip_ends.h"

#include <stdlib.h>
#include <string.h>

#include <lwip/init.h>
#include <lwip/ip4.h>
#include <lwip/netif.h>
#include <lwip/pbuf.h>
#include <lwip/priv/tcp_priv.h>
#include <lwip/tcp.h>

#include "fuzz/must.h"

#define PEER_ISS   7000u
#define PEER_PORT  4000
#define PORT       7
#define NOW        1000000000000u

/* lwIP asks whether its lock is held, and the time; there is one thread here, and no time. */
__attribute__((visibility("default"))) void sys_check_core_locking(void);
__attribute__((visibility("default"))) u32_t sys_now(void);

struct end ours, theirs;

static struct {
	struct eleven *stack;
	uint8_t *memory, *saved;
	size_t bytes;
	eleven_handle listener, h;
} eleven;

static struct netif netif;

void sys_check_core_locking(void)
{
}

u32_t sys_now(void)
{
	return 1;
}

static uint8_t text_byte(uint32_t relative)
{
	return (uint8_t)(relative * 31 + 7);
}

static void put16(uint8_t *at, uint32_t value)
{
	at[0] = (uint8_t)(value >> 8);
	at[1] = (uint8_t)value;
}

static void put32(uint8_t *at, uint32_t value)
{
	put16(at, value >> 16);
	put16(at + 2, value);
}

static uint32_t sum_add(uint32_t sum, const uint8_t *bytes, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++)
		sum += i % 2 ? bytes[i] : (uint32_t)bytes[i] << 8;
	return sum;
}

static uint16_t sum_end(uint32_t sum)
{
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)~sum;
}

/* From 10.0.0.1 to 10.0.0.2; returns its length. */
static uint32_t packet_make(uint8_t *ip, const struct step *step, uint32_t iss)
{
	uint32_t options = step->flags & SYN ? 4 : 0, tcp_bytes = 20 + options + step->text_bytes;
	uint8_t *tcp = ip + 20;

	memset(ip, 0, 40 + options);
	ip[0] = 0x45;
	put16(ip + 2, 20 + tcp_bytes);
	ip[8] = 64;
	ip[9] = 6;
	put32(ip + 12, 0x0a000001);
	put32(ip + 16, 0x0a000002);
	put16(ip + 10, sum_end(sum_add(0, ip, 20)));
	put16(tcp, PEER_PORT);
	put16(tcp + 2, PORT);
	put32(tcp + 4, PEER_ISS + step->seq);
	put32(tcp + 8, step->flags & ACK ? iss + step->ack : 0);
	tcp[12] = (uint8_t)((5 + options / 4) << 4);
	tcp[13] = step->flags;
	put16(tcp + 14, WINDOW);
	if (options) {
		tcp[20] = 2;
		tcp[21] = 4;
		put16(tcp + 22, 1460);
	}
	for (uint32_t i = 0; i < step->text_bytes; i++)
		tcp[20 + options + i] = text_byte(step->seq + !!(step->flags & SYN) + i);
	put16(tcp + 16, sum_end(sum_add(sum_add(6 + tcp_bytes, ip + 12, 8), tcp, tcp_bytes)));
	return 20 + tcp_bytes;
}

/* Relative number 1 is the first of the text. */
static void text_judge(struct end *end, const uint8_t *bytes, size_t n)
{
	for (size_t i = 0; i < n; i++)
		MUST(bytes[i] == text_byte((uint32_t)(1 + end->text + i)));
	end->text += n;
}

/* ---------------------------------------------------------------- this stack */

static void ours_create(void)
{
	struct eleven_interface interface = { .kind = ELEVEN_LINK_IP, .prefix_bits = 24, .mtu = 1500 };
	struct eleven_endpoint local = { .port = PORT };
	struct eleven_config config;

	eleven_config_init(&config, ELEVEN_MODERN);
	config.seed = 1;
	config.connections_max = config.syn_received_max = config.time_wait_max = 4;
	config.reassembly_max = 4;
	config.replies_max = 8;
	config.trace_records_max = 16;
	config.buffer_bytes = 1 << 18;
	config.gaps_max = 16;
	config.loopback_bytes = 4096;
	config.timestamps = config.sack = config.window_scaling = config.ecn = 0;
	config.receive_window_initial = WINDOW;
	config.receive_autotuning = 0;
	config.receive_buffer = 1 << 17;
	config.pacing = 0;
	config.sent_records_max = 64;
	config.challenge_ack_interval = 0;
	memset(interface.address.bytes + 10, 0xff, 2);
	put32(interface.address.bytes + 12, 0x0a000002);
	eleven.bytes = eleven_size(&config);
	eleven.memory = aligned_alloc(4096, (eleven.bytes + 4095) & ~(size_t)4095);
	eleven.saved = malloc(eleven.bytes);
	MUST(eleven.bytes && eleven.memory && eleven.saved);
	memset(eleven.memory, 0, eleven.bytes);
	MUST(eleven_create(&eleven.stack, eleven.memory, eleven.bytes, &config, NOW) == 0);
	MUST(eleven_interface_add(eleven.stack, &interface) == 0);
	MUST(eleven_open(eleven.stack, &eleven.listener, NOW) == 0);
	MUST(eleven_bind(eleven.stack, eleven.listener, &local, 0, NOW) == 0);
	MUST(eleven_listen(eleven.stack, eleven.listener, 4, NOW) == 0);
	memcpy(eleven.saved, eleven.memory, eleven.bytes);
}

static void ours_settle(void)
{
	struct end *end = &ours;
	struct eleven_out out[16];
	struct eleven_signal signal;
	struct eleven_status status;
	uint64_t cursor = 0;
	uint8_t text[512];
	int64_t n;

	while (eleven_signal(eleven.stack, &signal))
		;
	if (!eleven.h && eleven_accept(eleven.stack, eleven.listener, &eleven.h, NOW) == 0)
		eleven_option_set(eleven.stack, eleven.h, ELEVEN_OPTION_NODELAY, 1, NOW);
	while (eleven.h && (n = eleven_receive(eleven.stack, eleven.h, text, sizeof(text), NOW)) >= 0) {
		text_judge(end, text, (size_t)n);
		end->eof |= n == 0;
		if (n == 0)
			break;
	}
	for (unsigned made; (made = eleven_output(eleven.stack, out, 16, NOW)) > 0;)
		for (unsigned i = 0; i < made; i++)
			end->reset |= out[i].slice[0].bytes[20 + 13] & RST;
	end->state = ELEVEN_CLOSED;
	while (eleven_status_next(eleven.stack, &cursor, &status))
		if (status.state > ELEVEN_LISTEN) {
			end->state = (enum eleven_state)status.state;
			end->iss = status.iss;
			end->held = status.out_of_order;
			end->received = status.rcv_nxt - PEER_ISS;
			end->acknowledged = status.snd_una - status.iss;
		}
}

static void ours_step(const struct step *step)
{
	uint8_t packet[20 + 24 + TEXT_MAX];
	struct eleven_packet arrived = { packet, packet_make(packet, step, ours.iss), 0, 0, 0 };

	ours.reset = false;
	eleven_input(eleven.stack, &arrived, 1, NOW);
	ours_settle();
}

/* ---------------------------------------------------------------- lwIP */

static err_t theirs_output(struct netif *way, struct pbuf *packet, const ip4_addr_t *address)
{
	uint8_t header[40];

	(void)way;
	(void)address;
	pbuf_copy_partial(packet, header, sizeof(header), 0);
	theirs.reset |= header[20 + 13] & RST;
	return ERR_OK;
}

static err_t theirs_up(struct netif *up)
{
	up->output = theirs_output;
	up->mtu = 1500;
	up->flags = NETIF_FLAG_UP | NETIF_FLAG_LINK_UP;
	return ERR_OK;
}

static err_t theirs_receive(void *arg, struct tcp_pcb *pcb, struct pbuf *text, err_t error)
{
	static uint8_t bytes[65536];

	(void)arg;
	(void)error;
	if (!text) {
		theirs.eof = true;
		return ERR_OK;
	}
	pbuf_copy_partial(text, bytes, text->tot_len, 0);
	text_judge(&theirs, bytes, text->tot_len);
	tcp_recved(pcb, text->tot_len);
	pbuf_free(text);
	return ERR_OK;
}

static err_t theirs_accept(void *arg, struct tcp_pcb *pcb, err_t error)
{
	(void)arg;
	if (error != ERR_OK || !pcb)
		return ERR_VAL;
	tcp_nagle_disable(pcb);
	tcp_recv(pcb, theirs_receive);
	return ERR_OK;
}

static void theirs_create(void)
{
	ip4_addr_t address, mask, gateway;
	struct tcp_pcb *listener;

	lwip_init();
	IP4_ADDR(&address, 10, 0, 0, 2);
	IP4_ADDR(&mask, 255, 255, 255, 0);
	IP4_ADDR(&gateway, 0, 0, 0, 0);
	MUST(netif_add(&netif, &address, &mask, &gateway, NULL, theirs_up, ip4_input) != NULL);
	netif_set_default(&netif);
	netif_set_up(&netif);
	listener = tcp_new();
	MUST(tcp_bind(listener, IP_ADDR_ANY, PORT) == ERR_OK);
	listener = tcp_listen_with_backlog(listener, 4);
	MUST(listener != NULL);
	tcp_accept(listener, theirs_accept);
}

static struct tcp_pcb *theirs_find(struct tcp_pcb *list)
{
	while (list && list->remote_port != PEER_PORT)
		list = list->next;
	return list;
}

static void theirs_settle(void)
{
	static const enum eleven_state states[] = {
		[CLOSED] = ELEVEN_CLOSED, [LISTEN] = ELEVEN_LISTEN, [SYN_SENT] = ELEVEN_SYN_SENT,
		[SYN_RCVD] = ELEVEN_SYN_RECEIVED, [ESTABLISHED] = ELEVEN_ESTABLISHED,
		[FIN_WAIT_1] = ELEVEN_FIN_WAIT_1, [FIN_WAIT_2] = ELEVEN_FIN_WAIT_2,
		[CLOSE_WAIT] = ELEVEN_CLOSE_WAIT, [CLOSING] = ELEVEN_CLOSING, [LAST_ACK] = ELEVEN_LAST_ACK,
		[TIME_WAIT] = ELEVEN_TIME_WAIT,
	};
	struct tcp_pcb *pcb = theirs_find(tcp_active_pcbs);

	if (!pcb)
		pcb = theirs_find(tcp_tw_pcbs);
	theirs.state = pcb ? states[pcb->state] : ELEVEN_CLOSED;
	if (!pcb)
		return;
	if (theirs.iss == 0)
		theirs.iss = pcb->snd_nxt - 1;
	theirs.received = pcb->rcv_nxt - PEER_ISS;
	theirs.acknowledged = pcb->lastack - theirs.iss;
	if (theirs.state == ELEVEN_SYN_RECEIVED)
		theirs.acknowledged = 0;    /* its SYN counts from the start there */
}

static void theirs_step(const struct step *step)
{
	uint8_t packet[20 + 24 + TEXT_MAX];
	uint32_t n = packet_make(packet, step, theirs.iss);
	struct pbuf *arrived = pbuf_alloc(PBUF_RAW, (u16_t)n, PBUF_RAM);

	MUST(arrived != NULL);
	pbuf_take(arrived, packet, (u16_t)n);
	theirs.reset = false;
	ip4_input(arrived, &netif);
	theirs_settle();
}

static void theirs_clear(void)
{
	struct tcp_pcb *pcb;

	while ((pcb = theirs_find(tcp_active_pcbs)) || (pcb = theirs_find(tcp_tw_pcbs))) {
		tcp_err(pcb, NULL);
		tcp_abort(pcb);
	}
	memset(&theirs, 0, sizeof(theirs));
}

/* ---------------------------------------------------------------- both */

void ends_create(void)
{
	if (eleven.memory)
		return;
	ours_create();
	theirs_create();
}

void ends_clear(void)
{
	memcpy(eleven.memory, eleven.saved, eleven.bytes);
	memset(&ours, 0, sizeof(ours));
	eleven.h = 0;
	theirs_clear();
}

void ends_step(const struct step *step)
{
	ours_step(step);
	theirs_step(step);
}

bool ends_open(void)
{
	return eleven.h && theirs_find(tcp_active_pcbs) &&
	       (ours.state == ELEVEN_ESTABLISHED || ours.state == ELEVEN_CLOSE_WAIT);
}

static void ends_settle(void)
{
	ours_settle();
	theirs_settle();
}

void ends_send(uint32_t n)
{
	uint8_t text[TEXT_MAX] = { 0 };
	struct tcp_pcb *pcb = theirs_find(tcp_active_pcbs);

	ours.reset = theirs.reset = false;
	MUST(eleven_send(eleven.stack, eleven.h, text, n, 0, NOW) == n);
	MUST(tcp_write(pcb, text, (u16_t)n, TCP_WRITE_FLAG_COPY) == ERR_OK && tcp_output(pcb) == ERR_OK);
	ends_settle();
}

void ends_shutdown(void)
{
	ours.reset = theirs.reset = false;
	MUST(eleven_shutdown(eleven.stack, eleven.h, NOW) == 0);
	MUST(tcp_shutdown(theirs_find(tcp_active_pcbs), 0, 1) == ERR_OK);
	ends_settle();
}

void ends_abort(void)
{
	ours.reset = theirs.reset = false;
	MUST(eleven_abort(eleven.stack, eleven.h, NOW) == 0);
	eleven.h = 0;
	tcp_abort(theirs_find(tcp_active_pcbs));
	ends_settle();
}
