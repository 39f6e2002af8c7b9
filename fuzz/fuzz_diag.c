/* SPDX-License-Identifier: MIT */
/*
 * What sock_diag answers: any bytes as messages, cut short, with attributes that lie about their lengths.  A row that
 * is read can be dated, remarked upon and printed in every manner.
 */
#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fuzz/choice.h"
#include "fuzz/must.h"
#include "fuzz/target.h"
#include "lens/columns.h"
#include "lens/diag.h"
#include "lens/note.h"
#include "lens/since.h"
#include "lens/ss_table.h"
#include "lens/unowned.h"
#include "view/json.h"

#define MESSAGE_MAX 1024

/* A message with a plausible head, then attributes of any kind; its length is true: the reader checks it first. */
static struct nlmsghdr *message_any(struct choice *c, uint8_t buffer[MESSAGE_MAX])
{
	struct nlmsghdr *header = (struct nlmsghdr *)(void *)buffer;
	struct inet_diag_msg *message = (struct inet_diag_msg *)(void *)(buffer + NLMSG_HDRLEN);
	size_t at = NLMSG_LENGTH(sizeof(*message));

	choice_fill(c, message, sizeof(*message));
	if (choice_percent(c, 90)) {
		message->idiag_family = choice_below(c, 2) ? 2 : 10;
		message->idiag_state = (uint8_t)(1 + choice_below(c, 13));
		message->idiag_timer = (uint8_t)choice_below(c, 6);
	}
	while (!choice_over(c) && at + 400 < MESSAGE_MAX && choice_percent(c, 80)) {
		struct nlattr *attribute = (struct nlattr *)(void *)(buffer + at);
		size_t bytes = choice_below(c, 300);

		attribute->nla_type = (uint16_t)choice_below(c, INET_DIAG_MAX + 2);
		attribute->nla_len = (uint16_t)(choice_percent(c, 90) ? NLA_HDRLEN + bytes : choice_number(c, 2));
		choice_fill(c, buffer + at + NLA_HDRLEN, bytes);
		at += NLA_ALIGN(NLA_HDRLEN + bytes);
	}
	header->nlmsg_type = choice_percent(c, 95) ? SOCK_DIAG_BY_FAMILY : (uint16_t)choice_number(c, 2);
	header->nlmsg_len = (uint32_t)(choice_percent(c, 90) ? at : choice_below(c, (uint32_t)at));
	return header;
}

static void row_print(struct view *view, FILE *out)
{
	static const struct ss_options ss = { .numeric = true, .options = true, .extended = true, .memory = true,
					      .info = true, .processes = true, .netid = true };
	struct ss_table *table = ss_table_create(&ss);
	struct conn_view *rows[4];
	struct columns columns;
	const char *wrong;

	MUST(columns_parse(&columns, "local,remote,state,age,timer,note,rtt,cwnd", &wrong));
	for (size_t i = 0; i < view->count; i++) {
		char note[NETSTAT_NOTE_MAX];

		rows[i] = &view->conns[i];
		note_write(note, rows[i]);
		MUST(strlen(note) < sizeof(note));
		json_line(out, note_json(rows[i], true));
		ss_table_add(table, rows[i]);
	}
	ss_table_print(out, table);
	columns_sort("age", rows, view->count);
	columns_print(out, &columns, rows, view->count, true);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
	_Alignas(16) uint8_t buffer[MESSAGE_MAX] = { 0 };
	struct choice c = choice_bytes(bytes, n);
	struct view view = { 0 };
	size_t text_bytes;
	char *text;
	FILE *out = open_memstream(&text, &text_bytes);

	for (int i = 0; i < 3; i++) {
		struct nlmsghdr *message = message_any(&c, buffer);
		struct conn_view *conn = view_add(&view);

		if (diag_read(conn, message, 1)) {
			MUST(conn->kernel != NULL && conn->state < ELEVEN_STATES);
			since_tell(conn, 60000);
		} else {
			view.count--;
		}
	}
	unowned_tell(&view, true, false);
	row_print(&view, out);
	fclose(out);
	for (size_t i = 0; i < text_bytes; i++)
		MUST(((uint8_t)text[i] >= ' ' && (uint8_t)text[i] < 0x7f) || text[i] == '\n' || text[i] == '\t');
	free(text);
	view_free(&view);
	return 0;
}
