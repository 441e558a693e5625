/* breaker.c - a ring of outcomes, and openings that double. */
#include "notifier/lane/breaker.h"

enum { SPREAD_PERCENT = 20 };

uint64_t wp_breaker_wait_ms(const struct wp_breaker *b, uint64_t now_ms)
{
	if (b->state == WP_BREAKER_CLOSED)
		return 0;
	if (now_ms < b->until_ms)
		return b->until_ms - now_ms;
	return b->is_probing ? WP_BREAKER_PROBE_MS : 0;
}

bool wp_breaker_begin(struct wp_breaker *b, uint64_t now_ms,
		      uint32_t *ticket_out)
{
	if (wp_breaker_wait_ms(b, now_ms) > 0)
		return false;
	b->is_probing = b->state != WP_BREAKER_CLOSED;
	*ticket_out = b->epoch;
	return true;
}

/* delay, doubled times times up to most, and a fifth more or less. */
static uint64_t spread(uint64_t delay, uint32_t times, uint64_t most,
		       uint32_t seed)
{
	uint64_t range;

	for (uint32_t i = 0; i < times && delay < most; i++)
		delay *= 2;
	if (delay > most)
		delay = most;
	range = delay * SPREAD_PERCENT / 100;
	return delay - range + seed % (2 * range + 1);
}

static void open_it(struct wp_breaker *b, enum wp_breaker_state state,
		    uint64_t until_ms)
{
	b->state = state;
	b->is_probing = false;
	b->epoch++;
	b->times++;
	b->until_ms = until_ms;
	b->n = 0;
}

static bool is_bad(const struct wp_judgement *judgement)
{
	return judgement->verdict == WP_VERDICT_RETRY ||
	       judgement->verdict == WP_VERDICT_LATER;
}

/* Have too many of the last ones been bad? */
static bool note(struct wp_breaker *b, bool bad, uint64_t now_ms)
{
	size_t n_bad = 0;

	b->last[b->at].at_ms = now_ms;
	b->last[b->at].is_bad = bad;
	b->at = (b->at + 1) % WP_BREAKER_LAST;
	if (b->n < WP_BREAKER_LAST)
		b->n++;
	if (b->n < WP_BREAKER_LAST ||
	    now_ms - b->last[b->at].at_ms > WP_BREAKER_WINDOW_MS)
		return false;
	for (size_t i = 0; i < WP_BREAKER_LAST; i++)
		n_bad += b->last[i].is_bad;
	return n_bad >= WP_BREAKER_BAD;
}

/* What holds whenever the request was begun: the provider's own word. */
static bool obey(struct wp_breaker *b, bool is_old,
		 const struct wp_judgement *judgement, uint64_t now_ms,
		 uint32_t seed)
{
	uint64_t until_ms;

	if (judgement->verdict == WP_VERDICT_CONFIG) {
		if (is_old && b->state == WP_BREAKER_CONFIG)
			return true; /* it is known */
		open_it(b, WP_BREAKER_CONFIG,
			now_ms + spread(WP_BREAKER_CONFIG_MS, b->times,
					WP_BREAKER_CONFIG_MAX_MS, seed));
		return true;
	}
	if (judgement->verdict != WP_VERDICT_LATER || judgement->after_s == 0)
		return false;
	/* Not sooner than it asks for, so nothing is taken off. */
	until_ms = now_ms + (uint64_t)judgement->after_s * 1000;
	if (!is_old)
		open_it(b, WP_BREAKER_OPEN, until_ms);
	else if (b->state != WP_BREAKER_CLOSED && until_ms > b->until_ms)
		b->until_ms = until_ms;
	return true;
}

void wp_breaker_close(struct wp_breaker *b)
{
	*b = (struct wp_breaker){ .epoch = b->epoch + 1 };
}

bool wp_breaker_end(struct wp_breaker *b, uint32_t ticket,
		    const struct wp_judgement *judgement, uint64_t now_ms,
		    uint32_t seed)
{
	bool is_old = ticket != b->epoch;
	bool was_probe = b->is_probing;

	if (obey(b, is_old, judgement, now_ms, seed) || is_old)
		return false;
	if (judgement->verdict == WP_VERDICT_AGAIN) {
		b->is_probing = false; /* nothing is known, so another one */
		return false;
	}
	if (was_probe && !is_bad(judgement)) {
		b->state = WP_BREAKER_CLOSED;
		b->is_probing = false;
		b->times = 0;
		b->n = 0;
		return true;
	}
	if (was_probe || note(b, is_bad(judgement), now_ms))
		open_it(b, WP_BREAKER_OPEN,
			now_ms + spread(WP_BREAKER_OPEN_MS, b->times,
					WP_BREAKER_OPEN_MAX_MS, seed));
	return false;
}
