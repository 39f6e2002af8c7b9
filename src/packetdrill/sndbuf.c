/* SPDX-License-Identifier: MIT */
/* Linux's count of what is queued to send; see sndbuf.h. */
#include "packetdrill/sndbuf.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>

#define SEGMENT_OVERHEAD 640u           /* of a segment's memory besides its text: MAX_TCP_HEADER, skb_shared_info */
#define PACKET_OVERHEAD 256u            /* struct sk_buff */
#define PACKET_MOST 65536u
#define PACKET_MEMORY 960u              /* what a packet that waits takes besides its text */
#define SEGMENTS_LEAST 10u              /* TCP_INIT_CWND */

static bool is_fixed(const struct world *world, const struct file *file)
{
	(void)world;
	return option_set_is_changed(&file->options, SOL_SOCKET, SO_SNDBUF);
}

/* Twice cwnd, in memory that Linux takes for it: powers of two. */
static uint32_t wanted(const struct eleven_status *status)
{
	uint32_t mss = status->mss_send ? status->mss_send : 536, memory = 1, segments;

	while (memory < mss + SEGMENT_OVERHEAD)
		memory *= 2;
	segments = (uint32_t)(status->cwnd / mss);
	return 2 * (segments > SEGMENTS_LEAST ? segments : SEGMENTS_LEAST) * (memory + PACKET_OVERHEAD);
}

static void grow(struct world *world, struct file *file, const struct eleven_status *status)
{
	uint32_t want = wanted(status), most = (uint32_t)world->settings.config.send_buffer;

	if (is_fixed(world, file)) {
		file->send_space = (uint32_t)option_set_value(&file->options, SOL_SOCKET, SO_SNDBUF);
		return;
	}
	if (file->send_space < want)
		file->send_space = want < most ? want : most;
}

static void begin(struct world *world, struct file *file, const struct eleven_status *status)
{
	if (file->send_space == 0) {
		file->send_space = world->settings.send_memory;
		grow(world, file, status);
	}
	if (is_fixed(world, file))
		grow(world, file, status);
}

/* TCP_NOTSENT_LOWAT; UINT32_MAX: no bound. */
static uint32_t unsent_most(const struct file *file)
{
	uint32_t bytes = (uint32_t)option_set_value(&file->options, IPPROTO_TCP, TCP_NOTSENT_LOWAT);

	return bytes ? bytes : UINT32_MAX;
}

/* Text of one packet that waits. */
static uint32_t packet_bytes(const struct eleven_status *status)
{
	uint32_t mss = status->mss_send, packet = status->snd_wnd / 2 < PACKET_MOST ? status->snd_wnd / 2 : PACKET_MOST;

	return packet < mss ? mss : packet - packet % mss;
}

/* What so much text takes while it waits. */
static uint64_t memory_of(const struct eleven_status *status, uint64_t queue)
{
	uint32_t packet = packet_bytes(status);

	return queue + (queue + packet - 1) / packet * PACKET_MEMORY;
}

uint32_t sndbuf_room(struct world *world, struct file *file)
{
	struct eleven_status status;
	uint32_t packet, last;

	if (world->settings.profile != ELEVEN_LINUX || !socket_status(world, file, &status) || status.mss_send == 0)
		return UINT32_MAX;
	begin(world, file, &status);
	packet = packet_bytes(&status);
	last = status.unsent % packet;
	if (last == 0 && (memory_of(&status, status.send_queue) >= file->send_space ||
			  status.unsent >= unsent_most(file))) {
		file->send_full = true;
		return 0;
	}
	return packet - last;
}

bool sndbuf_push_due(struct world *world, struct file *file, uint32_t bytes)
{
	struct eleven_status status;

	return world->settings.profile != ELEVEN_LINUX || !socket_status(world, file, &status) ||
	       memory_of(&status, status.send_queue + bytes) >= file->send_space ||
	       file->errqueue.written + bytes - file->pushed > status.snd_wnd / 2;
}

bool sndbuf_writable(struct world *world, struct file *file)
{
	struct eleven_status status;

	if (!socket_status(world, file, &status))
		return true;
	if (world->settings.profile != ELEVEN_LINUX)
		return status.send_queue < status.send_buffer - status.send_buffer / 3;
	begin(world, file, &status);
	if ((uint64_t)status.unsent * 2 >= unsent_most(file)) {
		file->send_full = true;
		return false;
	}
	if (!file->send_full)
		return status.send_queue < file->send_space;
	grow(world, file, &status);
	/* A third free; text takes an eighth more memory than its bytes. */
	if ((uint64_t)status.send_queue * 9 / 8 > (uint64_t)file->send_space * 2 / 3)
		return false;
	file->send_full = false;
	return true;
}

void sndbufs_run(struct world *world)
{
	for (int i = 0; i < DESCRIPTORS_MAX; i++) {
		struct file *file = world->files[i];

		if (file && file->kind == FILE_SOCKET && file->send_full && sndbuf_writable(world, file))
			file_wake(world, file->fd, POLLOUT | POLLWRNORM);
	}
}
