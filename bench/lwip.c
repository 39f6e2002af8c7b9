/* SPDX-License-Identifier: MIT */
/*
 * lwIP, from Debian's liblwip, as a peer.
 *
 * There is one lwIP stack in a process, so both ends of every connection live in it.  The wire swaps the source and
 * destination address of each packet (which leaves all checksums right): what the stack sends to 10.0.0.2 comes back
 * from 10.0.0.2, and the two ends are two connections.  The copy into the packet that comes back is the wire's one
 * copy.
 *
 * lwIP shows its best side: its raw interface without threads; a checksum with AVX2 in place of its own, which costs
 * it more than twice the time; no locks; memory from lists of free blocks, as its own pools would be, in place of
 * malloc().  The library finds all these through the dynamic linker, so the functions defined here take the place of
 * its own.  Debian's build has no timestamps and no SACK, and a window of 64 KiB.
 */
#include <immintrin.h>
#include <stdlib.h>
#include <string.h>

#include <lwip/init.h>
#include <lwip/ip4.h>
#include <lwip/mem.h>
#include <lwip/netif.h>
#include <lwip/pbuf.h>
#include <lwip/priv/tcp_priv.h>
#include <lwip/tcp.h>

#include "bench.h"

#define TAKES_PLACE __attribute__((visibility("default")))

enum { PORT = 7, QUEUE_MAX = 4096, ACCEPTED_MAX = 1 << 20 };

static struct netif wire;
static struct pbuf *queue[QUEUE_MAX];
static unsigned queue_first, queue_count;
static struct tcp_pcb *listener, *client, *server, *idle[ACCEPTED_MAX];
static unsigned idle_count;
static uint64_t received_bytes, sent_bytes;
static uint32_t segment_seen;
static uint32_t now_ms = 1;
static bool connected, client_ended, checking, echoing, up;
static struct setup setup;

/* ------------------------------------------------------------- in place of liblwip's own */

TAKES_PLACE u16_t lwip_standard_chksum(const void *bytes, int length);
TAKES_PLACE u32_t sys_now(void);
TAKES_PLACE sys_prot_t sys_arch_protect(void);
TAKES_PLACE void sys_arch_unprotect(sys_prot_t level);
TAKES_PLACE void sys_check_core_locking(void);
TAKES_PLACE void *mem_malloc(mem_size_t bytes);
TAKES_PLACE void *mem_calloc(mem_size_t count, mem_size_t bytes);
TAKES_PLACE void *mem_trim(void *memory, mem_size_t bytes);
TAKES_PLACE void mem_free(void *memory);

static uint64_t sum_words(const uint8_t *bytes, int length)
{
	uint64_t sum = 0;

	for (; length >= 4; bytes += 4, length -= 4) {
		uint32_t word;

		memcpy(&word, bytes, 4);
		sum += word;
	}
	if (length >= 2) {
		uint16_t word;

		memcpy(&word, bytes, 2);
		sum += word;
		bytes += 2;
		length -= 2;
	}
	return length ? sum + *bytes : sum;
}

__attribute__((target("avx2"))) static uint64_t sum_words_avx2(const uint8_t *bytes, int length)
{
	__m256i low = _mm256_setzero_si256(), high = low, mask = _mm256_set1_epi64x(0xffffffff);
	uint64_t lanes[4];

	for (; length >= 64; bytes += 64, length -= 64) {
		__m256i a = _mm256_loadu_si256((const __m256i *)bytes);
		__m256i b = _mm256_loadu_si256((const __m256i *)(bytes + 32));

		low = _mm256_add_epi64(low, _mm256_add_epi64(_mm256_and_si256(a, mask), _mm256_and_si256(b, mask)));
		high = _mm256_add_epi64(high, _mm256_add_epi64(_mm256_srli_epi64(a, 32), _mm256_srli_epi64(b, 32)));
	}
	_mm256_storeu_si256((__m256i *)lanes, _mm256_add_epi64(low, high));
	return lanes[0] + lanes[1] + lanes[2] + lanes[3] + sum_words(bytes, length);
}

u16_t lwip_standard_chksum(const void *bytes, int length)
{
	uint64_t sum = __builtin_cpu_supports("avx2") ? sum_words_avx2(bytes, length) : sum_words(bytes, length);

	sum = (sum & 0xffffffff) + (sum >> 32);
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	return (u16_t)sum;
}

u32_t sys_now(void)
{
	return now_ms;
}

sys_prot_t sys_arch_protect(void)
{
	return 0;
}

void sys_arch_unprotect(sys_prot_t level)
{
	(void)level;
}

void sys_check_core_locking(void)
{
}

/* Blocks of 2^n bytes, each behind a header; free ones in a list for each n. */
struct block {
	struct block *next;             /* free */
	uint32_t class;
	uint32_t bytes;                 /* as asked for */
};

static struct block *blocks_free[32];
static uint64_t memory_bytes;           /* asked for and not freed */

void *mem_malloc(mem_size_t bytes)
{
	uint32_t class = bytes <= 64 ? 6 : 32 - (uint32_t)__builtin_clz((uint32_t)bytes - 1);
	struct block *block = blocks_free[class];

	if (block)
		blocks_free[class] = block->next;
	else if (!(block = malloc(sizeof(*block) + ((size_t)1 << class))))
		return NULL;
	block->class = class;
	block->bytes = (uint32_t)bytes;
	memory_bytes += bytes;
	return block + 1;
}

void *mem_calloc(mem_size_t count, mem_size_t bytes)
{
	void *memory = mem_malloc(count * bytes);

	return memory ? memset(memory, 0, count * bytes) : NULL;
}

void *mem_trim(void *memory, mem_size_t bytes)
{
	(void)bytes;
	return memory;
}

void mem_free(void *memory)
{
	struct block *block = (struct block *)memory - 1;

	if (!memory)
		return;
	memory_bytes -= block->bytes;
	block->next = blocks_free[block->class];
	blocks_free[block->class] = block;
}

/* ------------------------------------------------------------- the wire */

static err_t wire_output(struct netif *netif, struct pbuf *packet, const ip4_addr_t *address)
{
	struct pbuf *copy = pbuf_alloc(PBUF_RAW, packet->tot_len, PBUF_RAM);
	uint8_t *bytes, swapped[4];

	(void)netif;
	(void)address;
	if (!copy || queue_count == QUEUE_MAX)
		bench_fail("lwip: the wire is full");
	bytes = copy->payload;
	pbuf_copy_partial(packet, bytes, packet->tot_len, 0);
	memcpy(swapped, bytes + 12, 4);
	memcpy(bytes + 12, bytes + 16, 4);
	memcpy(bytes + 16, swapped, 4);
	if (packet->tot_len > segment_seen)
		segment_seen = packet->tot_len;
	queue[(queue_first + queue_count++) % QUEUE_MAX] = copy;
	return ERR_OK;
}

static err_t wire_init(struct netif *netif)
{
	netif->output = wire_output;
	netif->mtu = 65535;
	netif->flags = NETIF_FLAG_UP | NETIF_FLAG_LINK_UP;
	return ERR_OK;
}

/* Carries packets until there are none. */
static void wire_run(void)
{
	while (queue_count) {
		struct pbuf *packet = queue[queue_first];

		queue_first = (queue_first + 1) % QUEUE_MAX;
		queue_count--;
		ip4_input(packet, &wire);
	}
}

static void time_pass(void)
{
	now_ms += TCP_TMR_INTERVAL;
	tcp_tmr();
	wire_run();
}

/* ------------------------------------------------------------- the two ends */

static uint8_t sink[65536];

static err_t server_receive(void *arg, struct tcp_pcb *pcb, struct pbuf *text, err_t error)
{
	(void)arg;
	(void)error;
	if (!text) {                    /* FIN */
		if (pcb == server)
			server = NULL;
		tcp_recv(pcb, NULL);
		tcp_close(pcb);
		return ERR_OK;
	}
	pbuf_copy_partial(text, sink, text->tot_len, 0);
	for (unsigned i = 0; checking && i < text->tot_len; i++)
		if (sink[i] != text_byte(received_bytes + i))
			bench_fail("lwip: byte %llu is wrong", (unsigned long long)received_bytes + i);
	received_bytes += text->tot_len;
	tcp_recved(pcb, text->tot_len);
	pbuf_free(text);
	if (echoing) {
		tcp_write(pcb, sink, 1, TCP_WRITE_FLAG_COPY);
		tcp_output(pcb);
	}
	return ERR_OK;
}

static err_t client_receive(void *arg, struct tcp_pcb *pcb, struct pbuf *text, err_t error)
{
	(void)arg;
	(void)error;
	if (!text) {
		client_ended = true;
		return ERR_OK;
	}
	received_bytes += text->tot_len;
	tcp_recved(pcb, text->tot_len);
	pbuf_free(text);
	return ERR_OK;
}

static err_t server_accept(void *arg, struct tcp_pcb *pcb, err_t error)
{
	(void)arg;
	(void)error;
	server = pcb;
	tcp_nagle_disable(pcb);
	tcp_recv(pcb, server_receive);
	return ERR_OK;
}

static err_t client_connected(void *arg, struct tcp_pcb *pcb, err_t error)
{
	(void)arg;
	(void)pcb;
	connected = error == ERR_OK;
	return ERR_OK;
}

static struct tcp_pcb *connection_open(void)
{
	struct tcp_pcb *pcb = tcp_new();
	ip_addr_t address;

	IP_ADDR4(&address, 10, 0, 0, 2);
	connected = client_ended = false;
	server = NULL;
	tcp_nagle_disable(pcb);
	tcp_recv(pcb, client_receive);
	if (tcp_connect(pcb, &address, PORT, client_connected) != ERR_OK)
		bench_fail("lwip: connect failed");
	wire_run();
	if (!connected || !server)
		bench_fail("lwip: no connection");
	/* Its segments are as long as TCP_MSS of the build, 1460; the field may be raised afterwards. */
	pcb->mss = server->mss = (u16_t)setup.segment_bytes;
	if (pcb->cwnd < 4 * setup.segment_bytes)
		pcb->cwnd = 4 * setup.segment_bytes;
	return pcb;
}

static void connection_close(struct tcp_pcb *pcb)
{
	tcp_close(pcb);
	wire_run();
}

/* 2 MSL pass at once for all that are in TIME-WAIT. */
static void time_wait_end(void)
{
	tcp_ticks += 2 * TCP_MSL / TCP_SLOW_INTERVAL + 2;
	tcp_slowtmr();
	wire_run();
	if (tcp_tw_pcbs)
		bench_fail("lwip: TIME-WAIT does not end");
}

static void lwip_begin(const struct setup *wanted)
{
	static bool initialised;
	ip4_addr_t address, mask, gateway;

	setup = *wanted;
	if (!initialised) {
		lwip_init();
		IP4_ADDR(&address, 10, 0, 0, 1);
		IP4_ADDR(&mask, 255, 255, 255, 0);
		IP4_ADDR(&gateway, 0, 0, 0, 0);
		netif_add(&wire, &address, &mask, &gateway, NULL, wire_init, ip4_input);
		netif_set_default(&wire);
		netif_set_up(&wire);
		initialised = true;
	}
	listener = tcp_new();
	tcp_bind(listener, IP4_ADDR_ANY, PORT);
	listener = tcp_listen(listener);
	tcp_accept(listener, server_accept);
	segment_seen = 0;
	client = connection_open();
	up = true;
}

static void lwip_end(void)
{
	while (idle_count)
		connection_close(idle[--idle_count]);
	if (client)
		connection_close(client);
	client = NULL;
	time_wait_end();
	tcp_close(listener);
	up = false;
}

/* ------------------------------------------------------------- the work */

static void lwip_bulk(uint64_t bytes, bool check)
{
	static uint8_t text[65536];
	uint64_t goal = bytes;
	unsigned stuck = 0;

	checking = check;
	received_bytes = sent_bytes = 0;
	while (received_bytes < goal) {
		uint64_t before = received_bytes;

		while (sent_bytes < goal && tcp_sndbuf(client) > 0) {
			uint64_t room = tcp_sndbuf(client), chunk = goal - sent_bytes;

			if (chunk > room)
				chunk = room;
			if (chunk > 32768)
				chunk = 32768;
			for (unsigned i = 0; check && i < chunk; i++)
				text[i] = text_byte(sent_bytes + i);
			if (tcp_write(client, text, (u16_t)chunk, TCP_WRITE_FLAG_COPY) != ERR_OK)
				break;          /* its queue of segments is full */
			sent_bytes += chunk;
		}
		tcp_output(client);
		wire_run();
		if (received_bytes != before) {
			stuck = 0;
		} else {
			time_pass();
			if (++stuck > 1000)
				bench_fail("lwip: bulk is stuck at byte %llu", (unsigned long long)before);
		}
	}
	checking = false;
}

static void lwip_round_trips(unsigned count)
{
	echoing = true;
	for (unsigned i = 0; i < count; i++) {
		received_bytes = 0;
		tcp_write(client, "x", 1, TCP_WRITE_FLAG_COPY);
		tcp_output(client);
		wire_run();
		if (received_bytes != 2)
			bench_fail("lwip: round trip %u brought %llu bytes", i, (unsigned long long)received_bytes);
	}
	echoing = false;
}

static void lwip_open_close(unsigned count)
{
	struct tcp_pcb *kept = server;

	for (unsigned i = 0; i < count; i++) {
		connection_close(connection_open());
		if (i % 64 == 63 || i + 1 == count)
			time_wait_end();
	}
	server = kept;
}

static double lwip_open_idle(unsigned count)
{
	uint64_t before = memory_bytes;
	struct tcp_pcb *kept = server;

	for (unsigned i = 0; i < count && idle_count < ACCEPTED_MAX; i++)
		idle[idle_count++] = connection_open();
	server = kept;
	return (double)(memory_bytes - before) / count / 2;
}

static double lwip_time_wait(unsigned count)
{
	uint64_t before = memory_bytes;
	struct tcp_pcb *kept = server;
	double each;

	for (unsigned i = 0; i < count; i++)
		connection_close(connection_open());
	each = (double)(memory_bytes - before) / count;
	time_wait_end();
	server = kept;
	return each;
}

static uint32_t lwip_segment_seen(void)
{
	return segment_seen - 40;
}

const struct peer peer_lwip = {
	.name = "lwip",
	.begin = lwip_begin,
	.end = lwip_end,
	.bulk = lwip_bulk,
	.round_trips = lwip_round_trips,
	.open_close = lwip_open_close,
	.open_idle = lwip_open_idle,
	.time_wait = lwip_time_wait,
	.segment_seen = lwip_segment_seen,
};
