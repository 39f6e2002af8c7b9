/* SPDX-License-Identifier: MIT */
/* The reader of capture files: any bytes; what it reads can be written, and then reads the same. */
#include <string.h>

#include "fuzz/must.h"
#include "fuzz/target.h"
#include "wire/pcapng.h"

static uint8_t written[1 << 18];

static size_t heading_write(void)
{
	size_t n = pcapng_write_section(written, sizeof(written), (struct pcapng_text){ "fuzz", 4 });

	n += pcapng_write_interface(written + n, sizeof(written) - n, PCAPNG_LINK_RAW, 0,
				    (struct pcapng_text){ "a", 1 });
	return n;
}

static void packet_check(const struct pcapng_packet *packet)
{
	struct pcapng_packet copy = *packet, back;
	struct pcapng_reader reader;
	size_t n = heading_write(), more;

	copy.interface = 0;
	copy.comment_count = 0;
	for (unsigned i = 0; i < packet->comment_count; i++)
		if (packet->comments[i].n > 0)  /* an empty one is not written */
			copy.comments[copy.comment_count++] = packet->comments[i];
	more = pcapng_write_packet(written + n, sizeof(written) - n, &copy);
	if (more == 0)
		return;
	pcapng_reader_init(&reader, written, n + more);
	MUST(pcapng_next(&reader, &back) == PCAPNG_SECTION);
	MUST(pcapng_next(&reader, &back) == PCAPNG_INTERFACE);
	MUST(pcapng_next(&reader, &back) == PCAPNG_PACKET);
	MUST(back.n == packet->n && memcmp(back.bytes, packet->bytes, back.n) == 0);
	MUST(back.original_bytes == packet->original_bytes && back.comment_count == copy.comment_count);
	MUST(back.time_ns == packet->time_ns);
	for (unsigned i = 0; i < back.comment_count; i++) {
		MUST(back.comments[i].n == copy.comments[i].n);
		MUST(memcmp(back.comments[i].bytes, copy.comments[i].bytes, back.comments[i].n) == 0);
	}
	MUST(pcapng_next(&reader, &back) == PCAPNG_END);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
	struct pcapng_reader reader;
	struct pcapng_packet packet;
	enum pcapng_block block;
	size_t blocks = 0;

	pcapng_reader_init(&reader, bytes, n);
	do {
		block = pcapng_next(&reader, &packet);
		MUST(reader.at >= bytes && reader.at <= bytes + n);
		if (block == PCAPNG_PACKET) {
			MUST(packet.interface < reader.interface_count);
			MUST(packet.comment_count <= PCAPNG_COMMENTS_MAX);
			packet_check(&packet);
		}
		MUST(++blocks <= n + 1);
	} while (block != PCAPNG_END);
	return 0;
}
