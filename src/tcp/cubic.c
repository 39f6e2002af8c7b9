/* SPDX-License-Identifier: MIT */
/*
 * CUBIC (RFC 9438) in integers: windows in bytes, time in units of 2^-10 s.
 *
 * W(t) = C (t - K)^3 + W_max, with C = 0.4 segments/s^3; beta = 0.7; K = cbrt((W_max - cwnd_epoch) / C).  What an
 * ACK of n bytes adds is n (target - cwnd) / cwnd, with target = W(t + RTT) within [cwnd, 1.5 cwnd]; the remainder
 * of the division is kept, so that no part of a byte is lost.  The Reno-friendly window grows by alpha n / cwnd
 * segments, alpha = 3 (1 - beta) / (1 + beta) = 9/17 until it reaches the window before the loss, and 1 from there.
 */
#include "tcp/controller.h"

#define UNIT_SHIFT   10                 /* a second has 2^10 units */
#define UNITS_MAX    (1u << 17)         /* 128 s from W_max the window is at its limit with any segment size */
#define ALPHA_OVER   9                  /* alpha_cubic = 9/17 */
#define ALPHA_UNDER  17

static uint64_t units_of(uint64_t ns)
{
	uint64_t seconds = ns / 1000000000u;

	if (seconds >= UNITS_MAX >> UNIT_SHIFT)
		return UNITS_MAX;
	return (ns << UNIT_SHIFT) / 1000000000u;
}

/* The integer cube root. */
uint32_t cubic_root(uint64_t x)
{
	uint64_t root = 0;

	for (int bit = 21; bit >= 0; bit--) {
		uint64_t next = root | 1ull << bit;

		if (next * next * next <= x && next < 1u << 21)
			root = next;
	}
	return (uint32_t)root;
}

uint32_t cubic_window(const struct cubic *cubic, uint64_t t, uint32_t mss)
{
	bool before = t < cubic->k;
	uint64_t distance = before ? cubic->k - t : t - cubic->k;
	uint64_t bytes;

	if (distance > UNITS_MAX)
		distance = UNITS_MAX;
	/* C d^3 / 2^30 segments; d^3 < 2^52. */
	bytes = (distance * distance * distance >> UNIT_SHIFT) * mss;
	bytes = (bytes >> 2 * UNIT_SHIFT) * 2 / 5 + ((bytes & ((1u << 2 * UNIT_SHIFT) - 1)) * 2 / 5 >> 2 * UNIT_SHIFT);
	if (before)
		return cubic->w_max > bytes ? cubic->w_max - (uint32_t)bytes : 0;
	bytes += cubic->w_max;
	return bytes > CONTROLLER_CWND_MAX ? CONTROLLER_CWND_MAX : (uint32_t)bytes;
}

static void epoch_begin(struct controller *c, uint64_t now, uint32_t mss)
{
	struct cubic *cubic = &c->of.cubic;

	cubic->epoch_ns = now ? now : 1;
	cubic->idle_ns = 0;
	cubic->cwnd_epoch = cubic->w_est = c->cwnd;
	cubic->w_est_part = 0;
	c->part = 0;
	if (cubic->w_max <= c->cwnd) {
		cubic->w_max = c->cwnd;
		cubic->k = 0;
	} else {
		/* K^3 = (W_max - cwnd_epoch) / (mss C), times 2^30. */
		cubic->k = cubic_root(((uint64_t)(cubic->w_max - c->cwnd) * 5 / 2 << 3 * UNIT_SHIFT) / mss);
	}
	if (cubic->cwnd_prior == 0)
		cubic->cwnd_prior = c->cwnd;
}

/* RFC 9438 §4.3. */
static void reno_friendly(struct controller *c, uint32_t bytes, uint32_t mss)
{
	struct cubic *cubic = &c->of.cubic;
	bool caught_up = cubic->w_est >= cubic->cwnd_prior;
	uint64_t over = (uint64_t)bytes * mss * (caught_up ? ALPHA_UNDER : ALPHA_OVER) + cubic->w_est_part;
	uint64_t under = (uint64_t)c->cwnd * ALPHA_UNDER;
	uint64_t step = over / under;

	cubic->w_est_part = (uint32_t)((over - step * under) > UINT32_MAX ? UINT32_MAX : over - step * under);
	step += cubic->w_est;
	cubic->w_est = step > CONTROLLER_CWND_MAX ? CONTROLLER_CWND_MAX : (uint32_t)step;
}

void cubic_acked(struct controller *c, const struct controller_ack *ack)
{
	struct cubic *cubic = &c->of.cubic;
	uint64_t target, most, room;

	if (cubic->epoch_ns == 0)
		epoch_begin(c, ack->now, ack->mss);
	if (cubic->idle_ns) {           /* §4.2: the time that was not made use of does not count */
		cubic->epoch_ns += ack->now - cubic->idle_ns;
		cubic->idle_ns = 0;
	}
	reno_friendly(c, ack->bytes, ack->mss);
	target = cubic_window(cubic, units_of(ack->now - cubic->epoch_ns), ack->mss);
	if (target < cubic->w_est) {
		if (cubic->w_est > c->cwnd)
			c->cwnd = cubic->w_est;
		return;
	}
	target = cubic_window(cubic, units_of(ack->now - cubic->epoch_ns + ack->srtt_ns), ack->mss);
	most = c->cwnd + c->cwnd / 2;
	target = target > most ? most : target;
	if (target <= c->cwnd)
		return;
	room = (uint64_t)ack->bytes * (target - c->cwnd) + c->part;
	most = room / c->cwnd;
	c->part = (uint32_t)(room - most * c->cwnd);
	most += c->cwnd;
	c->cwnd = most > CONTROLLER_CWND_MAX ? CONTROLLER_CWND_MAX : (uint32_t)most;
}

/* §4.6 and §4.7: the new ssthresh; what follows begins a new epoch. */
uint32_t cubic_cut(struct controller *c, uint32_t flight, uint32_t mss)
{
	struct cubic *cubic = &c->of.cubic;
	uint32_t window = flight < c->cwnd ? flight : c->cwnd;

	(void)mss;
	cubic->cwnd_prior = window;
	if (window < cubic->w_last_max)         /* fast convergence: leave room to others */
		cubic->w_max = (uint32_t)((uint64_t)window * 17 / 20);
	else
		cubic->w_max = window;
	cubic->w_last_max = window;
	cubic->epoch_ns = cubic->idle_ns = 0;
	return (uint32_t)((uint64_t)window * 7 / 10);
}
