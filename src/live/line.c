/* SPDX-License-Identifier: MIT */
/* Changes for people; see line.h. */
#include "live/line.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "view/text.h"

const char *live_state_text(enum eleven_state state)
{
	return state < ELEVEN_STATES ? text_state_netstat(state) : "?";
}

static bool address_v4_mapped(const struct eleven_address *address)
{
	static const uint8_t mapped[12] = { [10] = 0xff, [11] = 0xff };

	return memcmp(address->bytes, mapped, sizeof(mapped)) == 0;
}

static const char *address_text(char out[INET6_ADDRSTRLEN + 2], const struct eleven_address *address)
{
	char plain[INET6_ADDRSTRLEN];

	if (address_v4_mapped(address)) {
		inet_ntop(AF_INET, address->bytes + 12, out, INET6_ADDRSTRLEN);
		return out;
	}
	inet_ntop(AF_INET6, address->bytes, plain, sizeof(plain));
	snprintf(out, INET6_ADDRSTRLEN + 2, "[%s]", plain);
	return out;
}

const char *live_ends_text(char out[LINE_ENDS_MAX], const struct live_change *change)
{
	static const char *const arrows[] = { [LIVE_EITHER] = "--", [LIVE_IN] = "<-", [LIVE_OUT] = "->" };
	char local[INET6_ADDRSTRLEN + 2], remote[INET6_ADDRSTRLEN + 2];

	address_text(local, &change->local.address);
	address_text(remote, &change->remote.address);
	if (change->remote.port == 0)
		snprintf(out, LINE_ENDS_MAX, "%s:%u", local, change->local.port);
	else if (memcmp(&change->local.address, &change->remote.address, sizeof(change->local.address)) == 0)
		snprintf(out, LINE_ENDS_MAX, "%s:%u%s%u", local, change->local.port, arrows[change->direction],
			 change->remote.port);
	else
		snprintf(out, LINE_ENDS_MAX, "%s:%u%s%s:%u", local, change->local.port, arrows[change->direction],
			 remote, change->remote.port);
	return out;
}

const char *live_who_text(char out[LINE_WHO_MAX], const struct live_change *change)
{
	const struct live_who *who = &change->who;
	char comm[VIEW_COMM_MAX];
	int used;

	text_escape(comm, sizeof(comm), who->comm, sizeof(who->comm));
	if ((who->pid == 0 || who->how == LIVE_HOW_NONE) && who->uid != UINT32_MAX && geteuid() != 0 &&
	    geteuid() != who->uid) {
		snprintf(out, LINE_WHO_MAX, "-(uid %u, no permission)", who->uid);
	} else if (who->pid == 0 || who->how == LIVE_HOW_NONE) {
		snprintf(out, LINE_WHO_MAX, change->number == 0 ? "-(no socket)" : "-(unknown)");
	} else if (who->how == LIVE_HOW_LISTENER) {
		snprintf(out, LINE_WHO_MAX, change->inode ? "-(accepted from %d/%s)" : "-(accept queue of %d/%s)",
			 (int)who->pid, comm);
	} else {
		used = snprintf(out, LINE_WHO_MAX, "%s[%d]", comm, (int)who->pid);
		if (who->fd >= 0 && !change->gone)
			used += snprintf(out + used, LINE_WHO_MAX - (size_t)used, " fd %d", who->fd);
		if (change->others > 0 && !change->gone)
			snprintf(out + used, LINE_WHO_MAX - (size_t)used, " +%u", change->others);
	}
	return out;
}

/* `12:01:03.123456`, local time; the second is worked out once for all lines in it. */
static size_t time_text(char out[32], uint64_t wall_ns)
{
	static _Thread_local time_t known;
	static _Thread_local char known_text[16];
	time_t seconds = (time_t)(wall_ns / 1000000000);
	struct tm local;

	if (seconds != known || known_text[0] == '\0') {
		localtime_r(&seconds, &local);
		strftime(known_text, sizeof(known_text), "%H:%M:%S", &local);
		known = seconds;
	}
	return (size_t)snprintf(out, 32, "%s.%06u", known_text, (unsigned)(wall_ns % 1000000000 / 1000));
}

static void delta_text(char out[32], uint64_t now, uint64_t last)
{
	double ms = last != 0 && now > last ? (double)(now - last) / 1e6 : 0;

	if (ms < 1000)
		snprintf(out, 32, "+%.3fms", ms);
	else
		snprintf(out, 32, "+%.3fs", ms / 1000);
}

/* What there is to be said behind the cause. */
static void details_text(char *out, size_t n, const struct live_change *change, const struct line_options *options)
{
	size_t used = 0;

	out[0] = '\0';
	if (change->unread != LIVE_UNKNOWN && change->unread > 0 && change->before != ELEVEN_CLOSED &&
	    !change->gone)
		used += (size_t)snprintf(out + used, n - used, "  unread %u", change->unread);
	if (change->unacked != LIVE_UNKNOWN && change->unacked > 0 && change->before != ELEVEN_CLOSED &&
	    change->before != ELEVEN_SYN_SENT)
		used += (size_t)snprintf(out + used, n - used, "  unacked %u", change->unacked);
	if (change->retransmits > 0)
		used += (size_t)snprintf(out + used, n - used, "  retransmits %u", change->retransmits);
	if (change->sampled)
		used += (size_t)snprintf(out + used, n - used, "  sampled");
	if (options->home != 0 && change->netns != VIEW_ABSENT && change->netns != options->home)
		snprintf(out + used, n - used, "  netns %llu", (unsigned long long)change->netns);
}

size_t live_line(char out[LINE_MAX_BYTES], const struct live_change *change, const struct line_options *options,
		 uint64_t *last)
{
	char when[32], delta[32], who[LINE_WHO_MAX], ends[LINE_ENDS_MAX], words[LIVE_WORDS_MAX], details[128];
	char number[24];
	const char *before = live_state_text(change->before), *after = live_state_text(change->after);
	int used;

	time_text(when, change->time + options->wall_offset);
	delta_text(delta, change->time, *last);
	*last = change->time > *last ? change->time : *last;
	live_change_words(words, change);
	details_text(details, sizeof(details), change, options);
	snprintf(number, sizeof(number), change->number ? "c%llu" : "-", (unsigned long long)change->number);
	live_who_text(who, change);
	live_ends_text(ends, change);
	if (change->note)
		used = snprintf(out, LINE_MAX_BYTES, options->columns ? "%s %10s %-4s %-18s %-24s %-27s  %s%s" :
				"%s %s %s %s %s %s  %s%s", when, delta, number, who, ends,
				change->number ? after : "-", words, details);
	else
		used = snprintf(out, LINE_MAX_BYTES, options->columns ?
				"%s %10s %-4s %-18s %-24s %-11s -> %-12s  %s%s" :
				"%s %s %s %s %s %s -> %s  %s%s", when, delta, number, who, ends, before, after, words,
				details);
	return used < LINE_MAX_BYTES ? (size_t)used : LINE_MAX_BYTES - 1;
}
