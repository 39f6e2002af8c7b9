/* SPDX-License-Identifier: MIT */
/* `eleven link`: sends a command about the wire to the host and prints its answer. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "host/client.h"
#include "verbs.h"

struct arguments {
	char text[1024];
	size_t length;
};

static void word_add(struct arguments *a, const char *before, const char *word)
{
	int n = snprintf(a->text + a->length, sizeof(a->text) - a->length, "%s%s ", before, word);

	if (n < 0 || (size_t)n >= sizeof(a->text) - a->length)
		verb_usage("the command is too long");
	a->length += (size_t)n;
}

static const struct argp_option options[] = {
	{ "host", 'h', "NAME", 0, "only this host's cable, both ways: dir=a from it, dir=b towards it", 0 },
	{ 0 },
};

static error_t parse(int key, char *argument, struct argp_state *state)
{
	struct arguments *a = state->input;

	switch (key) {
	case 'h':
		word_add(a, "host=", argument);
		return 0;
	case ARGP_KEY_ARG:
		word_add(a, "", argument);
		return 0;
	case ARGP_KEY_NO_ARGS:
		verb_usage("what is the wire to do? 'eleven link --help' tells");
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static const struct argp argp = {
	options, parse, "COMMAND [dir=a|b]",
	"Change the wire between virtual hosts, or to the tun device, while it runs.\v"
	"Settings, several at once if wanted; 0 takes one off:\n"
	"  delay TIME           every packet takes this long (200ms, 2s)\n"
	"  jitter TIME          the delay varies by up to this, order is kept\n"
	"  loss SHARE           packets lost by chance (1%); `burst N`: in runs of N on average\n"
	"  dup SHARE            packets that arrive twice\n"
	"  reorder SHARE        packets that three later ones overtake\n"
	"  corrupt SHARE        packets with one bit turned\n"
	"  rate RATE            bits per second (10mbit); `queue SIZE`: what may wait for it;\n"
	"                       `mark-above SIZE`: with more waiting, packets are marked (ECN)\n"
	"  mark SHARE           packets of ECN connections marked by chance (CE)\n"
	"  mtu BYTES            longer IP packets meet a router: fragments, or an ICMP error with DF;\n"
	"                       `silent`: they are lost, and nobody is told\n"
	"\n"
	"One at a time:\n"
	"  drop N               lose the next N packets that match:\n"
	"                       flags=S SYN, flags=SA SYN with ACK, flags=F FIN, flags=R RST,\n"
	"                       flags=P any with text, flags=A or . an ACK and nothing else;\n"
	"                       from= and to= a host or an address\n"
	"  pause, resume        hold all packets; let them go\n"
	"  step                 while paused: deliver the next packet, and show it\n"
	"  clear                as it was at the start\n"
	"  show                 what is set, and what it did\n"
	"\n"
	"dir=a is what the first host sends, dir=b what goes towards it; without dir= both.\n"
	"\n"
	"  eleven link delay 2s\n"
	"  eleven link delay 20ms loss 1% reorder 3%\n"
	"  eleven link drop 1 dir=a flags=A", NULL, NULL, NULL,
};

int verb_link(int argc, char **argv)
{
	struct arguments a = { .length = 0 };
	struct client client;
	struct client_message *reply = malloc(sizeof(*reply));
	int error;

	verb_parse(&argp, 0, argc, argv, &a);
	client_open_or_die(&client);
	error = reply ? client_call(&client, CONTROL_LINK, a.text, a.length, reply) : -ENOMEM;
	if (error == 0) {
		reply->body[sizeof(reply->body) - 1] = 0;
		fputs((const char *)reply->body, stdout);
	} else if (client.error.text[0]) {
		fprintf(stderr, "eleven link: %s\n", client.error.text);
	} else {
		client_complain(&client, error);
	}
	client_close(&client);
	free(reply);
	return error == 0 ? 0 : error == -EINVAL ? 2 : 1;
}
