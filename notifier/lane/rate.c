/* rate.c - the next slot is a unit behind the last one, or now. */
#include "notifier/lane/rate.h"

#include <assert.h>
#include <stddef.h>

enum { US = 1000, SECOND_US = 1000 * US };

void wp_rate_ramp(struct wp_rate *rate, uint64_t now_us)
{
	rate->ramp_us = now_us;
}

static bool is_idle(const struct wp_rate *rate, uint64_t now_us)
{
	return rate->under_way == 0 && now_us > rate->last_us &&
	       now_us - rate->last_us >= (uint64_t)WP_RATE_IDLE_MS * US;
}

/* The unit as the ramp has it. */
static uint64_t unit_at(const struct wp_rate *rate, uint64_t now_us)
{
	static const uint64_t percent[] = { 10, 20, 40, 80 };
	uint64_t since = is_idle(rate, now_us) ? now_us : rate->ramp_us;
	uint64_t step =
		(now_us - since) / ((uint64_t)WP_RATE_RAMP_STEP_MS * US);

	if (step >= sizeof(percent) / sizeof(percent[0]))
		return rate->unit_us;
	return rate->unit_us * 100 / percent[step];
}

void wp_rate_set(struct wp_rate *rate, uint32_t per_s, uint32_t most)
{
	assert(per_s >= 1 && per_s <= SECOND_US && most >= 1);
	rate->unit_us = SECOND_US / per_s;
	rate->most = most;
}

void wp_rate_init(struct wp_rate *rate, uint32_t per_s, uint32_t most,
		  uint64_t now_us)
{
	uint64_t unit_us;

	*rate = (struct wp_rate){ .last_us = now_us, .ramp_us = now_us };
	wp_rate_set(rate, per_s, most);
	/* As if the one before had been a slot ago. */
	unit_us = unit_at(rate, now_us);
	rate->last_us -= unit_us < now_us ? unit_us : now_us;
}

static uint64_t slot_at(const struct wp_rate *rate, uint64_t now_us)
{
	uint64_t next = rate->last_us + unit_at(rate, now_us);

	return next > now_us ? next : now_us;
}

static uint64_t ms_until(uint64_t at_us, uint64_t now_us)
{
	return (at_us - now_us + US - 1) / US;
}

uint64_t wp_rate_wait_ms(const struct wp_rate *rate, uint64_t now_us)
{
	return ms_until(slot_at(rate, now_us), now_us);
}

uint64_t wp_rate_take(struct wp_rate *rate, uint64_t now_us)
{
	uint64_t slot = slot_at(rate, now_us);

	if (is_idle(rate, now_us))
		rate->ramp_us = now_us;
	rate->last_us = slot;
	return ms_until(slot, now_us);
}

bool wp_rate_place(struct wp_rate *rate)
{
	if (rate->under_way >= rate->most)
		return false;
	rate->under_way++;
	return true;
}

void wp_rate_give(struct wp_rate *rate)
{
	assert(rate->under_way > 0);
	rate->under_way--;
}
