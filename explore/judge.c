/* SPDX-License-Identifier: MIT */
/* What must hold in every world that is met, and at the end of each path. */
#include "explore/explore.h"

static const char *tcb_judge(const struct tcp *tcp, const struct tcb *tcb)
{
	const struct ranges *ranges = reassembly_of(tcp, tcb);

	if (tcb->state <= ELEVEN_LISTEN)
		return NULL;
	if (!seq_le(tcb->snd.una, tcb->snd.nxt) || !seq_le(tcb->snd.nxt, tcb->snd.max) ||
	    !seq_le(tcb->snd.max, seq_add(tcb->snd.end, 1)))
		return "O5: SND.UNA =< SND.NXT =< largest sent =< end of text + 1";
	if (tcb->state < ELEVEN_ESTABLISHED)
		return NULL;
	if (seq_le(tcb->snd.una, tcb->snd.end) &&
	    ring_used(&tcb->send_ring) != seq_distance(tcb->snd.end, tcb->snd.una) - syn_unacked(tcb))
		return "O6: the send ring holds what is not acknowledged";
	if (ranges && (ranges->count == 0 || !seq_gt(ranges->at[0].left, tcb->rcv.nxt)))
		return "O14: ranges lie behind a gap";
	if (tcb->state != ELEVEN_TIME_WAIT && !seq_eq(tcb->snd.una, tcb->snd.max) &&
	    tcb->deadline[SLOT_RETRANSMISSION] == TIME_NEVER && tcb->deadline[SLOT_CORK] == TIME_NEVER)
		return "O9: something is in flight and no timer watches over it";
	if (tcb->state == ELEVEN_TIME_WAIT && tcb->deadline[SLOT_STATE] == TIME_NEVER)
		return "O9: TIME-WAIT without its timer";
	return NULL;
}

void world_judge(struct world *world)
{
	for (unsigned i = 0; i < SIDES; i++) {
		for (uint32_t t = 0; !world->fault && t < world->tcp[i]->tcbs.touched; t++)
			if (tcb_at(world->tcp[i], t)->kind == KIND_TCB)
				world->fault = tcb_judge(world->tcp[i], tcb_at(world->tcp[i], t));
		if (!world->fault && world->soft->side[i].received > world->soft->side[!i].sent)
			world->fault = "O1: more was received than sent";
		if (!world->fault && world->soft->side[i].eof && !world->soft->side[i].error &&
		    world->soft->side[i].received != world->soft->side[!i].sent)
			world->fault = "O2: the end was read, and not all that was sent before it";
		world->pairs[world_state(world, 0)][world_state(world, 1)] += i == 0;
	}
}

void world_judge_end(struct world *world, bool cut)
{
	const struct side *side = world->soft->side;

	if (cut || world->fault)
		return;
	for (unsigned i = 0; i < SIDES; i++) {
		enum eleven_state state = world_state(world, i);
		bool done = world->scenario->calls[i][side[i].next_call] == '\0';

		if (!done)
			continue;       /* its program waits for a connection that never came */
		if (state != ELEVEN_CLOSED && state != ELEVEN_LISTEN)
			world->fault = "O10: nothing can happen any more, and a connection is not at its end";
		else if (world->tcp[i]->tcbs.used > (uint32_t)((side[i].h != 0) + (side[i].listener != 0)))
			world->fault = "O12: all is over, and memory was not given back";
	}
}
