/* SPDX-License-Identifier: MIT */
/*
 * Systems' names for what eleven's configuration holds; see sysctl.h.  A name that is in no table here means nothing
 * to this stack, and a value outside eleven's bounds is taken to the nearest one.
 */
#include "packetdrill/sysctl.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/time.h"

#define RETRIES_ORPHAN_DEFAULT 8       /* what Linux means by 0 */

struct row {
	const char *name, *ours;
	uint64_t scale;
	uint64_t offset;                /* added to the value before */
	bool inverse;                   /* 1 there is 0 here */
};

/* Below net.ipv4. */
static const struct row linux_rows[] = {
	{ "tcp_timestamps", "timestamps", 1, 0, false },
	{ "tcp_window_scaling", "window_scaling", 1, 0, false },
	{ "tcp_sack", "sack", 1, 0, false },
	{ "tcp_early_retrans", "tail_loss_probe", 1, 0, false },
	{ "tcp_syn_retries", "syn_retries_max", 1, 0, false },
	{ "tcp_syn_linear_timeouts", "syn_linear_timeouts", 1, 0, false },
	{ "tcp_synack_retries", "syn_ack_retries_max", 1, 0, false },
	{ "tcp_retries1", "retries_soft", 1, 0, false },
	{ "tcp_retries2", "retries_max", 1, 0, false },
	{ "tcp_fin_timeout", "fin_wait_2_timeout", SEC(1), 0, false },
	{ "tcp_keepalive_time", "keepalive_idle", SEC(1), 0, false },
	{ "tcp_keepalive_intvl", "keepalive_interval", SEC(1), 0, false },
	{ "tcp_keepalive_probes", "keepalive_probes_max", 1, 0, false },
	{ "tcp_abort_on_overflow", "accept_full_ignore", 1, 0, true },
	{ "tcp_rfc1337", "time_wait_ignores_rst", 1, 0, false },
	{ "tcp_min_snd_mss", "mss_least", 1, 0, false },
	{ "tcp_moderate_rcvbuf", "receive_autotuning", 1, 0, false },
	{ "tcp_invalid_ratelimit", "challenge_ack_interval", MS(1), 0, false },
	{ "tcp_rto_min_us", "rto_least", US(1), 0, false },
	{ "tcp_rto_max_ms", "rto_most", MS(1), 0, false },
	{ "tcp_slow_start_after_idle", "idle_restart", 1, 0, false },
	{ "ip_no_pmtu_disc", "path_mtu_discovery", 1, 0, true },
	{ "tcp_min_tso_segs", "push_burst_least", 1, 0, false },
	{ "tcp_reordering", "reordering", 1, 0, false },
	{ "tcp_ecn", "ecn", 1, 0, false },
	{ "tcp_ecn_fallback", "ecn_fallback", 1, 0, false },
	{ "tcp_fastopen", "fast_open", 1, 0, false },
};

/* net.inet.tcp of FreeBSD; times in milliseconds. */
static const struct row freebsd_rows[] = {
	{ "net.inet.tcp.sack.enable", "sack", 1, 0, false },
	{ "net.inet.tcp.msl", "msl", MS(1), 0, false },
	{ "net.inet.tcp.finwait2_timeout", "fin_wait_2_timeout", MS(1), 0, false },
	{ "net.inet.tcp.keepidle", "keepalive_idle", MS(1), 0, false },
	{ "net.inet.tcp.keepintvl", "keepalive_interval", MS(1), 0, false },
	{ "net.inet.tcp.keepcnt", "keepalive_probes_max", 1, 0, false },
	{ "net.inet.tcp.delacktime", "delayed_ack", MS(1), 0, false },
	{ "net.inet.tcp.rexmit_initial", "rto_initial", MS(1), 0, false },
	{ "net.inet.tcp.rexmit_min", "rto_least", MS(1), 0, false },
	{ "net.inet.tcp.minmss", "mss_least", 1, 0, false },
	{ "net.inet.tcp.sendspace", "send_buffer", 1, 0, false },
	{ "net.inet.tcp.recvspace", "receive_window_initial", 1, 0, false },
	{ "net.inet.tcp.initcwnd_segments", "initial_window", 1, 0, false },
	{ "net.inet.tcp.path_mtu_discovery", "path_mtu_discovery", 1, 0, false },
	{ "net.inet.tcp.ecn.enable", "ecn", 1, 0, false },
	{ "net.inet.tcp.recvbuf_auto", "receive_autotuning", 1, 0, false },
	{ "net.inet.tcp.drop_synfin", "syn_fin_opens", 1, 0, true },
	{ "net.inet.tcp.syncookies", "syn_cookies", 1, 0, false },
	{ "net.inet.tcp.syncache.rexmtlimit", "syn_ack_retries_max", 1, 0, false },
};

#define ROWS(table) (sizeof(table) / sizeof((table)[0]))

/* Sets one of ours; false: there is none of that name. */
static bool config_put(struct eleven_config *config, const char *name, uint64_t value)
{
	const struct eleven_config_row *row;

	for (unsigned i = 0; (row = eleven_config_row(i)) != NULL; i++) {
		if (strcmp(row->name, name) != 0)
			continue;
		value = value < row->least ? row->least : value > row->most ? row->most : value;
		return eleven_config_set(config, name, value) == 0;
	}
	return false;
}

static bool rows_put(struct settings *settings, const struct row *rows, size_t count, const char *name, uint64_t value)
{
	for (size_t i = 0; i < count; i++)
		if (strcmp(rows[i].name, name) == 0)
			return config_put(&settings->config, rows[i].ours,
					  rows[i].inverse ? value == 0 : (value + rows[i].offset) * rows[i].scale);
	return false;
}

/* ---- Linux */

/* tcp_rmem: half of the default is offered at first, and the window may grow into all of the greatest. */
static void receive_memory(struct settings *settings, const char *value)
{
	unsigned long least, first, most;

	if (sscanf(value, "%lu %lu %lu", &least, &first, &most) != 3)
		return;
	config_put(&settings->config, "receive_window_initial", first / 2);
	config_put(&settings->config, "receive_buffer", most);
}

static void send_memory(struct settings *settings, const char *value)
{
	unsigned long least, first, most;

	if (sscanf(value, "%lu %lu %lu", &least, &first, &most) != 3)
		return;
	config_put(&settings->config, "send_buffer", most);
	settings->send_memory = (uint32_t)first;
}

static void port_range(struct settings *settings, const char *value)
{
	unsigned first, last;

	if (sscanf(value, "%u %u", &first, &last) == 2 && first <= last) {
		config_put(&settings->config, "port_first", first);
		config_put(&settings->config, "port_last", last);
	}
}

/* Four numbers of 32 bits in hexadecimal digits, each little-endian in the key; a second key behind a comma is not. */
static void fast_open_key(struct settings *settings, const char *value)
{
	unsigned word[4];

	if (sscanf(value, "%x-%x-%x-%x", &word[0], &word[1], &word[2], &word[3]) != 4)
		return;
	for (unsigned i = 0; i < 16; i++)
		settings->fast_open_key[i] = (uint8_t)(word[i / 4] >> 8 * (i % 4));
	settings->fast_open_key_given = true;
}

bool sysctl_linux_set(struct settings *settings, const char *name, const char *value)
{
	if (strcmp(name, "tcp_rmem") == 0)
		receive_memory(settings, value);
	else if (strcmp(name, "tcp_wmem") == 0)
		send_memory(settings, value);
	else if (strcmp(name, "ip_local_port_range") == 0)
		port_range(settings, value);
	else if (strcmp(name, "tcp_fastopen_key") == 0)
		fast_open_key(settings, value);
	else if (strcmp(name, "tcp_orphan_retries") == 0)
		config_put(&settings->config, "retries_orphan_max",
			   strtoull(value, NULL, 10) ? strtoull(value, NULL, 10) : RETRIES_ORPHAN_DEFAULT);
	else
		return rows_put(settings, linux_rows, ROWS(linux_rows), name, strtoull(value, NULL, 0));
	return true;
}

static bool file_line(const char *path, char *line, int room)
{
	FILE *file = fopen(path, "r");
	bool read = file && fgets(line, room, file);

	if (file)
		fclose(file);
	return read;
}

/* Tests put a folder of their own in the place of the system's. */
static const char *root(void)
{
	const char *path = getenv("PD_SYSCTL_ROOT");

	return path ? path : "/proc/sys/net";
}

static uint32_t core_read(const char *name, uint32_t otherwise)
{
	char path[PATH_MAX], line[64];

	snprintf(path, sizeof(path), "%s/core/%s", root(), name);
	return file_line(path, line, sizeof(line)) ? (uint32_t)strtoul(line, NULL, 10) : otherwise;
}

void sysctl_linux(struct settings *settings)
{
	static const char *const others[] = { "tcp_rmem", "tcp_wmem", "ip_local_port_range", "tcp_orphan_retries",
					      "tcp_fastopen_key" };
	char path[PATH_MAX], line[128];

	for (size_t i = 0; i < ROWS(linux_rows) + ROWS(others); i++) {
		const char *name = i < ROWS(linux_rows) ? linux_rows[i].name : others[i - ROWS(linux_rows)];

		snprintf(path, sizeof(path), "%s/ipv4/%s", root(), name);
		if (file_line(path, line, sizeof(line)))
			sysctl_linux_set(settings, name, line);
	}
	settings->send_buffer_max = core_read("wmem_max", settings->send_buffer_max);
	settings->receive_buffer_max = core_read("rmem_max", settings->receive_buffer_max);
}

/* ---- FreeBSD */

static void freebsd_set(struct settings *settings, const char *name, uint64_t value)
{
	struct eleven_config *config = &settings->config;

	if (strcmp(name, "net.inet.tcp.rfc1323") == 0) {
		config->timestamps = value == 1 || value == 3;
		config->window_scaling = value == 1 || value == 2;
	} else if (strcmp(name, "net.inet.tcp.delayed_ack") == 0) {
		config->quick_acks = 0;
		if (value == 0)
			config->delayed_ack = 0;
	} else if (strcmp(name, "net.inet.tcp.insecure_rst") == 0) {
		config->rst_in_window = value != 0;
	} else if (strcmp(name, "net.inet.tcp.insecure_syn") == 0) {
		config->syn_in_window = value != 0;
	} else if (strcmp(name, "net.inet.tcp.blackhole") == 0) {
		config->blackhole = value > 2 ? 2 : value;
	} else {
		rows_put(settings, freebsd_rows, ROWS(freebsd_rows), name, value);
	}
}

void sysctl_file(struct settings *settings, const char *path)
{
	FILE *file = path ? fopen(path, "r") : NULL;
	char line[256];

	if (!file)
		return;
	while (fgets(line, sizeof(line), file)) {
		char *value = strchr(line, '=');

		if (!value)
			continue;
		*value++ = '\0';
		freebsd_set(settings, line + strspn(line, " \t"), strtoull(value, NULL, 10));
	}
	fclose(file);
}
