/* SPDX-License-Identifier: MIT */
/* Where the stack's configuration comes from; see settings.h. */
#include "packetdrill/settings.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/time.h"
#include "packetdrill/sysctl.h"

#define LOCAL_DEFAULT  0xc0a80001u      /* 192.168.0.1, packetdrill's own default */
#define REMOTE_DEFAULT 0xc0000201u      /* 192.0.2.1 */
#define MTU_DEFAULT 1500u
#define MTU_LEAST 68u
#define COMMAND_LINE_MAX 16384
#define BUFFER_BYTES (32u << 20)        /* packetdrill locks all memory, so what is not used costs all the same */

/* ---- --so_flags: words name=value, apart by commas or blanks */

/* Of IPv6 itself; v4-mapped is IPv4. */
static bool address_v6_read(struct eleven_address *out, const char *text)
{
	struct in6_addr address;

	if (inet_pton(AF_INET6, text, &address) != 1 || IN6_IS_ADDR_V4MAPPED(&address))
		return false;
	memcpy(out->bytes, &address, sizeof(out->bytes));
	return true;
}

static void flag_read(struct settings *settings, const char *word)
{
	static const char *const profiles[ELEVEN_PROFILES] = {
		[ELEVEN_MODERN] = "profile=modern",
		[ELEVEN_STRICT] = "profile=strict",
		[ELEVEN_LINUX] = "profile=linux",
	};

	for (unsigned i = 0; i < ELEVEN_PROFILES; i++)
		if (strcmp(word, profiles[i]) == 0)
			settings->profile = (enum eleven_profile)i;
	if (strcmp(word, "quickack=off") == 0)
		settings->quick_ack_off = true;
	else if (strncmp(word, "rcvwnd=", 7) == 0)
		settings->receive_window = (uint32_t)strtoul(word + 7, NULL, 0);
	else if (strncmp(word, "clock=", 6) == 0)
		settings->clock_step_ns = strtoull(word + 6, NULL, 0);
	else if (strncmp(word, "mtu=", 4) == 0)
		settings->mtu = (uint32_t)strtoul(word + 4, NULL, 0);
	else if (strncmp(word, "local_ip=", 9) == 0 && address_v6_read(&settings->local_v6, word + 9))
		settings->local_v6_given = true;
}

void settings_init(struct settings *settings, const char *flags)
{
	char text[256] = "", *rest = text, *word;

	memset(settings, 0, sizeof(*settings));
	settings->profile = ELEVEN_LINUX;
	settings->local = LOCAL_DEFAULT;
	settings->remote = REMOTE_DEFAULT;
	settings->mtu = MTU_DEFAULT;
	settings->clock_step_ns = 1;
	snprintf(text, sizeof(text), "%s", flags ? flags : "");
	while ((word = strsep(&rest, ", \t\n")) != NULL)
		flag_read(settings, word);
	if (settings->clock_step_ns == 0)
		settings->clock_step_ns = 1;
}

/* ---- packetdrill's command line and the script's head */

static void address_read(uint32_t *out, const char *text)
{
	struct in_addr address;

	if (inet_pton(AF_INET, strncmp(text, "::ffff:", 7) == 0 ? text + 7 : text, &address) == 1)
		*out = ntohl(address.s_addr);
}

/* One option `--name=value`; false: it is not one of ours, or its value stands in the next word. */
static bool option_read(struct settings *settings, const char *name, const char *value)
{
	if (strcmp(name, "local_ip") == 0 && address_v6_read(&settings->local_v6, value))
		settings->local_v6_given = true;
	else if (strcmp(name, "local_ip") == 0)
		address_read(&settings->local, value);
	else if (strcmp(name, "remote_ip") == 0)
		address_read(&settings->remote, value);
	else if (strcmp(name, "mtu") == 0 && strtoul(value, NULL, 10) >= MTU_LEAST)
		settings->mtu = (uint32_t)strtoul(value, NULL, 10);
	else
		return false;
	return true;
}

/* `word` is behind the two dashes; `next` what follows, perhaps its value. */
static void word_read(struct settings *settings, char *word, const char *next)
{
	char *value = strchr(word, '=');

	if (value)
		*value++ = '\0';
	else if (next)
		value = (char *)next;
	if (value)
		option_read(settings, word, value);
}

/* The options at the head of a script: lines that begin with two dashes. */
static void script_read(struct settings *settings)
{
	FILE *file = fopen(settings->script, "r");
	char line[1024];

	if (!file)
		return;
	while (fgets(line, sizeof(line), file)) {
		char *at = line + strspn(line, " \t"), *word, *rest;

		if (*at == '#' || *at == '\n' || strncmp(at, "//", 2) == 0)
			continue;
		if (strncmp(at, "--", 2) != 0)
			break;
		rest = at;
		while ((word = strsep(&rest, " \t\n")) != NULL)
			if (strncmp(word, "--", 2) == 0)
				word_read(settings, word + 2, NULL);
	}
	fclose(file);
}

static void command_line_read(struct settings *settings)
{
	static char text[COMMAND_LINE_MAX];
	FILE *file = fopen("/proc/self/cmdline", "r");
	size_t n, at = 0;

	settings->read_command_line = true;
	if (!file)
		return;
	n = fread(text, 1, sizeof(text) - 1, file);
	fclose(file);
	text[n] = '\0';
	for (at = strlen(text) + 1; at < n; at += strlen(text + at) + 1) {
		if (strncmp(text + at, "--", 2) != 0)
			snprintf(settings->script, sizeof(settings->script), "%s", text + at);
	}
	script_read(settings);          /* the command line is stronger than the script, so it comes behind */
	for (at = strlen(text) + 1; at < n;) {
		size_t next = at + strlen(text + at) + 1;

		if (strncmp(text + at, "--", 2) == 0)
			word_read(settings, text + at + 2, next < n ? text + next : NULL);
		at = next;
	}
}

/* ---- all of it */

static void flags_apply(struct settings *settings)
{
	struct eleven_config *config = &settings->config;

	if (settings->quick_ack_off) {
		config->quick_acks = 0;
		config->delayed_ack = MS(40);
		config->ack_segments = 0;
		config->ack_above_one = 0;
	}
	if (settings->receive_window) {
		config->receive_window_initial = settings->receive_window;
		config->receive_buffer = settings->receive_window;
		config->receive_window_whole = 0;
		config->receive_autotuning = 0;
	}
}

void settings_read(struct settings *settings)
{
	if (!settings->read_command_line)
		command_line_read(settings);
	eleven_config_init(&settings->config, settings->profile);
	settings->config.seed = 0x656c6576656eull;      /* fixed: every run is the same */
	settings->config.connections_max = 1024;
	settings->config.syn_received_max = 1024;
	settings->config.time_wait_max = 1024;
	settings->config.reassembly_max = 256;
	settings->config.buffer_bytes = BUFFER_BYTES;
	settings->send_buffer_max = settings->receive_buffer_max = 212992;
	settings->send_memory = 16384;
	if (settings->profile == ELEVEN_LINUX)
		sysctl_linux(settings);
	sysctl_file(settings, getenv("PD_SYSCTL_FILE"));
	flags_apply(settings);
}
