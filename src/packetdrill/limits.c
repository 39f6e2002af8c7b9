/* SPDX-License-Identifier: MIT */
/* Busy, and held back by what; see limits.h. */
#include "packetdrill/limits.h"

#include <linux/tcp.h>
#include <stddef.h>
#include <string.h>

#include "base/time.h"
#include "packetdrill/file.h"

static void file_run(struct world *world, struct file *file, uint64_t ns)
{
	struct limits *limits = &file->limits;
	struct eleven_status status;
	uint32_t flight, least;

	if (!socket_status(world, file, &status) || status.state < ELEVEN_ESTABLISHED || status.send_queue == 0)
		return;
	limits->busy_ns += ns;
	flight = status.snd_max - status.snd_una;
	least = status.unsent < status.mss_send ? status.unsent : status.mss_send;
	if (status.unsent > 0 && flight + least > status.snd_wnd && flight < status.cwnd)
		limits->window_ns += ns;
	else if (status.unsent == 0 && file->send_full)
		limits->buffer_ns += ns;
}

void limits_run(struct world *world, uint64_t ns)
{
	for (int i = 0; i < DESCRIPTORS_MAX; i++)
		if (world->files[i] && world->files[i]->kind == FILE_SOCKET)
			file_run(world, world->files[i], ns);
}

void limits_fill(const struct file *file, uint8_t *info)
{
	const uint64_t busy = file->limits.busy_ns / US(1), window = file->limits.window_ns / US(1),
		       buffer = file->limits.buffer_ns / US(1);

	memcpy(info + offsetof(struct tcp_info, tcpi_busy_time), &busy, sizeof(busy));
	memcpy(info + offsetof(struct tcp_info, tcpi_rwnd_limited), &window, sizeof(window));
	memcpy(info + offsetof(struct tcp_info, tcpi_sndbuf_limited), &buffer, sizeof(buffer));
}
