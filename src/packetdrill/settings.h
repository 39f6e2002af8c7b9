/* SPDX-License-Identifier: MIT */
/*
 * What configures the stack: the profile; Linux's sysctls of the namespace that packetdrill runs in (profile linux);
 * lines of the file named by PD_SYSCTL_FILE, with FreeBSD's names; the text of --so_flags.  A later one wins.
 * Addresses and MTU come from packetdrill's own command line and from options in the script's head.
 */
#ifndef ELEVEN_PACKETDRILL_SETTINGS_H
#define ELEVEN_PACKETDRILL_SETTINGS_H

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>

#include "eleven.h"

struct settings {
	struct eleven_config config;
	enum eleven_profile profile;
	bool quick_ack_off;             /* delay every ACK of text in order */
	uint32_t receive_window;        /* 0: not asked for */
	uint32_t local, remote;         /* IPv4, host order */
	bool local_v6_given;
	struct eleven_address local_v6;
	uint64_t clock_step_ns;         /* the stack reads its clock in such steps */
	uint32_t mtu;
	uint32_t send_memory;           /* tcp_wmem: what a send buffer begins with */
	bool fast_open_key_given;
	uint8_t fast_open_key[16];      /* tcp_fastopen_key */
	uint32_t send_buffer_max, receive_buffer_max;   /* net.core.wmem_max, rmem_max */
	bool read_command_line;
	char script[PATH_MAX];
};

/* Flags and profile; nothing that packetdrill's shell commands may change later. */
void settings_init(struct settings *settings, const char *flags);
/* All of it, as it is now. */
void settings_read(struct settings *settings);

#endif
