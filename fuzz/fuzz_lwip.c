/* SPDX-License-Identifier: MIT */
/*
 * The same segments to this stack and to lwIP (Debian's liblwip), in lockstep: do they agree?
 *
 * Both listen; a peer made of the input's bytes sends to both the same segment, each with its own numbers put in, and
 * both programs make the same calls.  After each step are compared: the state, RCV.NXT and SND.UNA relative to their
 * initial numbers, how much text was delivered and that it is the text that was sent, whether the end was seen, and
 * whether a RST went out.  Time stands still, and options of SYNs are the MSS alone: lwIP's of Debian has no more.
 *
 * Where the two differ, the step must be of a kind that is listed in `explained`, with its paragraph; then the run is
 * over, for from there on they are in different places.  Any other difference is a fault.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fuzz/choice.h"
#include "fuzz/lwip_ends.h"
#include "fuzz/must.h"
#include "fuzz/target.h"

#define STEPS_MAX 40u
#define SEND_MAX  2000u         /* in all: below what either sends without an ACK */

static uint32_t sent_bytes;             /* by the programs */
static bool shut;
static uint32_t fin_at;                 /* relative number of the first FIN the peer has sent; 0: none */
static uint32_t text_end;               /* behind the last text it has sent, relative */
static unsigned long long explained_count[16], steps_count, runs_count;

/* ---------------------------------------------------------------- one run */

/* NULL: they agree; else what they do not agree on. */
static const char *difference(void)
{
	const struct end *a = &ours, *b = &theirs;
	bool open = a->state >= ELEVEN_ESTABLISHED && a->state != ELEVEN_TIME_WAIT;

	if (a->state != b->state)
		return "state";
	if (a->text != b->text)
		return "text";
	if (a->eof != b->eof)
		return "end";
	if (a->reset != b->reset)
		return "RST";
	if (open && a->received != b->received)
		return "RCV.NXT";
	if (open && a->acknowledged != b->acknowledged)
		return "SND.UNA";
	return NULL;
}

/* ---- where they may differ */

/* RFC 5961 §5.2: from SND.UNA - MAX.SND.WND to SND.NXT, and, as Linux has it, no number of before the connection. */
static bool ack_acceptable(const struct step *step, const struct end *before)
{
	uint32_t most = 1 + sent_bytes + shut, back = before->acknowledged - 1;

	back = back < WINDOW ? back : WINDOW;
	return (int32_t)(step->ack - most) <= 0 && (int32_t)(step->ack - (before->acknowledged - back)) >= 0;
}

static bool is_ack_bad(const struct step *step, const struct end *before)
{
	return before->state >= ELEVEN_ESTABLISHED && step->flags & ACK && !(step->flags & (RST | SYN)) &&
	       !ack_acceptable(step, before);
}

static bool is_without_ack(const struct step *step, const struct end *before)
{
	return before->state >= ELEVEN_SYN_RECEIVED && !(step->flags & (ACK | RST | SYN));
}

static uint32_t length_of(const struct step *step)
{
	return step->text_bytes + !!(step->flags & FIN) + !!(step->flags & SYN);
}

/* §3.10.7.4 First, of a window that is not 0. */
static bool is_seq_bad(const struct step *step, const struct end *before)
{
	uint32_t first = step->seq - before->received, n = length_of(step);

	return before->state >= ELEVEN_SYN_RECEIVED && first >= WINDOW && (n == 0 || first + n - 1 >= WINDOW);
}

static bool is_at_the_edge(const struct step *step, const struct end *before)
{
	uint32_t behind = step->seq + length_of(step) - before->received;

	return before->state >= ELEVEN_SYN_RECEIVED && behind > WINDOW - 4000 && behind < WINDOW + 4000;
}

static bool is_syn_crossing(const struct step *step, const struct end *before)
{
	return before->state == ELEVEN_SYN_RECEIVED && step->flags & SYN;
}

/* A peer that says two things: text behind its FIN, or FINs in two places. */
static bool is_fin_moved(const struct step *step, const struct end *before)
{
	uint32_t end = step->seq + step->text_bytes;

	(void)before;
	return (fin_at && (end > fin_at || (step->flags & FIN && end != fin_at))) ||
	       (step->flags & FIN && text_end > end);
}

/* Only if it is lwIP that has less, and there was a gap before: what we take is judged by text_judge(). */
static bool is_held_less(const struct step *step, const struct end *before)
{
	(void)step;
	return before->held > 0 && (int32_t)(ours.received - theirs.received) > 0;
}

static const struct {
	const char *where, *why;
	bool (*is)(const struct step *step, const struct end *before);
} explained[] = {
	{ "9293 §3.10.7.4 First", "lwIP heeds the ACK of a segment that is not acceptable", is_seq_bad },
	{ "9293 §3.10.7.4 Fifth, 5961 §5.2", "an ACK of what was never sent, or is long past: dropped; lwIP takes "
	  "the text", is_ack_bad },
	{ "9293 §3.10.7.4 Fifth", "no ACK bit: dropped; lwIP takes the text", is_without_ack },
	{ "9293 §3.8.6", "each one's window has its own right edge", is_at_the_edge },
	{ "9293 §3.10.7.4 Fourth", "a SYN in SYN-RECEIVED: back to LISTEN; lwIP takes its ACK", is_syn_crossing },
	{ "9293 §3.10.7.4 Seventh", "text behind a FIN, or FINs in two places: what comes first counts", is_fin_moved },
	{ "9293 §3.10.7.4 SHLD-31", "overlapping text behind a gap is held; lwIP keeps a part of it", is_held_less },
	{ NULL, NULL, NULL },
};

static int explained_by(const struct step *step, const struct end *before)
{
	for (int i = 0; explained[i].where; i++)
		if (explained[i].is(step, before))
			return i;
	return -1;
}

/* Mostly the number itself, and now and then beside an edge, or anything: most of that ends the run. */
static uint32_t near(struct choice *c, uint32_t number, unsigned exact)
{
	static const int32_t offsets[] = { -1, 1, -2, 2, -50, 50, 100, 1460, 3000 };
	uint32_t which = choice_below(c, exact + 13);

	if (which < exact)
		return number;
	which -= exact;
	if (which < 9)
		return number + (uint32_t)offsets[which];
	if (which == 9)
		return number + WINDOW - 1 + choice_below(c, 3);
	if (which == 10)
		return number - choice_below(c, 300);
	return which == 11 ? number + choice_below(c, 300) : (uint32_t)choice_number(c, 4);
}

static void step_choose(struct choice *c, struct step *step)
{
	static const uint8_t flags[] = {
		ACK, ACK, ACK, ACK | PSH, ACK | PSH, ACK | PSH, ACK | PSH, ACK | PSH, ACK | PSH, ACK | PSH, ACK | PSH,
		ACK | FIN, ACK | FIN | PSH, RST, RST | ACK, SYN, SYN | ACK, 0, FIN,
	};
	const struct end *end = &ours;
	uint32_t received = end->state == ELEVEN_CLOSED ? 0 : end->received;

	memset(step, 0, sizeof(*step));
	step->flags = flags[choice_below(c, sizeof(flags))];
	step->seq = end->state == ELEVEN_CLOSED && step->flags & SYN ? 0 : near(c, received, 20);
	if (choice_below(c, 4))
		step->ack = end->acknowledged + choice_below(c, sent_bytes + shut + 2 - end->acknowledged);
	else
		step->ack = near(c, choice_below(c, 2) ? end->acknowledged : 1 + sent_bytes + shut, 80);
	if (step->flags & (PSH | FIN) || !(step->flags & (SYN | RST)))
		step->text_bytes = step->flags & PSH || choice_below(c, 8) == 0 ? 1 + choice_below(c, TEXT_MAX) : 0;
}

/* Calls are made where both are open. */
static void call_make(struct choice *c)
{
	uint32_t which = choice_below(c, 8), n = 1 + choice_below(c, TEXT_MAX);

	if (!ends_open())
		return;
	if (which < 5 && !shut && sent_bytes + n <= SEND_MAX) {
		ends_send(n);
		sent_bytes += n;
	} else if (which < 7 && !shut) {
		ends_shutdown();
		shut = true;
	} else if (which == 7) {
		ends_abort();
	}
}

static void fault(const struct step *step, const struct end *before, const char *what)
{
	static char note[400];

	snprintf(note, sizeof(note), "%s differs: in %s at RCV.NXT %u, SND.UNA %u arrived flags %02x seq %u ack %u, %u "
		 "bytes: eleven %s %u %u text %llu end %d RST %d, lwIP %s %u %u text %llu end %d RST %d "
		 "(sent %u, shut %d)",
		 what, eleven_state_name(before->state), before->received, before->acknowledged, step->flags, step->seq,
		 step->ack, step->text_bytes, eleven_state_name(ours.state), ours.received,
		 ours.acknowledged, (unsigned long long)ours.text, ours.eof, ours.reset,
		 eleven_state_name(theirs.state), theirs.received, theirs.acknowledged,
		 (unsigned long long)theirs.text, theirs.eof, theirs.reset, sent_bytes, shut);
	must_note = note;
	MUST(!"eleven and lwIP agree, or the difference is explained");
}

/* False: the run is over. */
static bool step_run(struct choice *c)
{
	struct end before = ours;
	struct step step = { 0 };
	const char *what;
	bool called = choice_below(c, 4) == 0;
	int reason;

	if (called) {
		call_make(c);
	} else {
		step_choose(c, &step);
		ends_step(&step);
		steps_count++;
	}
	what = difference();
	reason = called ? -1 : explained_by(&step, &before);
	if (what && reason < 0)
		fault(&step, &before, what);
	explained_count[reason < 0 ? 0 : reason] += what != NULL;
	if (reason >= 0)
		return false;           /* even if nothing is seen: one may have kept what the other has not */
	if (step.flags & FIN && fin_at == 0)
		fin_at = step.seq + step.text_bytes;
	if (step.text_bytes && (int32_t)(step.seq + step.text_bytes - text_end) > 0)
		text_end = step.seq + step.text_bytes;
	return ours.state != ELEVEN_CLOSED || before.state == ELEVEN_CLOSED;
}

static void handshake(void)
{
	struct step syn = { SYN, 0, 0, 0 }, ack = { ACK, 1, 1, 0 };

	ends_step(&syn);
	ends_step(&ack);
	MUST(difference() == NULL && ours.state == ELEVEN_ESTABLISHED);
}

static void tell(void)
{
	if (!getenv("FUZZ_TELL"))
		return;
	fprintf(stderr, "# %llu runs, %llu segments\n", runs_count, steps_count);
	for (unsigned i = 0; explained[i].where; i++)
		fprintf(stderr, "# %10llu %s: %s\n", explained_count[i], explained[i].where, explained[i].why);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
	struct choice c = choice_bytes(bytes, n);

	if (runs_count == 0)
		atexit(tell);
	ends_create();
	ends_clear();
	sent_bytes = fin_at = text_end = 0;
	shut = false;
	runs_count++;
	if (choice_below(&c, 8))
		handshake();
	for (unsigned i = 0; i < STEPS_MAX && !choice_over(&c) && step_run(&c); i++)
		;
	return 0;
}
