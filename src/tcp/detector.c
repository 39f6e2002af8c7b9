/* SPDX-License-Identifier: MIT */
/* RFC 8985; see detector.h. */
#include "tcp/detector.h"

void detector_init(struct detector *d, struct seq una)
{
	*d = (struct detector){ .fack = una, .end = una, .steps = 1, .sampled = true };
}

bool rack_delivered(struct detector *d, const struct detector_delivered *what, uint64_t min_rtt_ns, uint64_t now)
{
	uint64_t rtt = now > what->sent_ns ? now - what->sent_ns : 1;
	int32_t distance = (int32_t)(what->order - d->order);

	/* An ACK of the first transmission that came just after the second: not of what it seems to be of. */
	if (what->ever && (what->echo_older || rtt < min_rtt_ns))
		return false;
	d->sampled = true;
	if (d->rtt_ns != 0 && (distance < 0 || (distance == 0 && seq_lt(what->end, d->end))))
		return false;
	/* Of all that the ACK delivered the slowest says least too early that the others are lost. */
	d->rtt_ns = what->last_ns && what->last_ns < what->sent_ns ? now - what->last_ns : rtt;
	d->sent_ns = what->sent_ns;
	d->order = what->order;
	d->end = what->end;
	return true;
}

void rack_highest(struct detector *d, struct seq highest, uint32_t late)
{
	if (seq_gt(highest, d->fack))
		d->fack = highest;
	if (late == 0)
		return;
	if (late > d->degree)
		d->degree = late > DETECTOR_DEGREE_MAX ? DETECTOR_DEGREE_MAX : (uint16_t)late;
	d->reorderings += d->reorderings < UINT16_MAX;
}

void rack_round(struct detector *d, struct seq una, struct seq nxt, bool dsack)
{
	if (d->in_dsack_round && seq_ge(una, d->dsack_round))
		d->in_dsack_round = false;
	if (!dsack || d->in_dsack_round)
		return;
	d->in_dsack_round = true;
	d->dsack_round = nxt;
	if (d->steps < DETECTOR_STEPS_MAX)
		d->steps++;
	d->persist = DETECTOR_PERSIST;
}

void rack_recovered(struct detector *d)
{
	if (d->persist > 0 && --d->persist == 0)
		d->steps = 1;
}

uint64_t rack_window(const struct detector *d, bool enough, uint64_t min_rtt_ns, uint64_t srtt_ns, uint64_t step_ns)
{
	uint64_t window = d->steps * (min_rtt_ns / 4);

	if (!rack_reordering(d) && enough)
		return 0;
	return (window < srtt_ns ? window : srtt_ns) + step_ns;
}

uint64_t tlp_timeout(uint64_t srtt_ns, bool one_segment, uint64_t ack_delay_ns, uint64_t step_ns, uint64_t rto_ns)
{
	uint64_t timeout = DETECTOR_PTO_INITIAL_NS;

	if (srtt_ns != 0)
		timeout = 2 * srtt_ns + step_ns + (one_segment ? ack_delay_ns : 0);
	return timeout < rto_ns ? timeout : rto_ns;
}

void tlp_sent(struct detector *d, struct seq nxt, bool again)
{
	d->probing = true;
	d->probe_again = again;
	d->probe_end = nxt;
	d->sampled = false;
}

enum tlp_verdict tlp_acked(struct detector *d, struct seq ack, bool dsack, bool plain_duplicate)
{
	if (!d->probing || seq_lt(ack, d->probe_end))
		return TLP_NOTHING;
	if (!d->probe_again || dsack) {
		d->probing = false;
		return TLP_DONE;
	}
	if (seq_gt(ack, d->probe_end)) {
		d->probing = false;
		return TLP_LOSS;
	}
	if (plain_duplicate) {
		d->probing = false;
		return TLP_DONE;
	}
	return TLP_NOTHING;
}
