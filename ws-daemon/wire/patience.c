/*
 * patience.c - silence, slowness, endless messages and the end of a token.
 */
#include "ws-daemon/wire/patience.h"

static uint32_t earlier(uint32_t a, uint32_t b)
{
	return a < b ? a : b;
}

void wp_patience_hear(struct wp_patience *patience, uint32_t now)
{
	patience->heard = now;
	patience->is_asked = false;
}

void wp_patience_block(struct wp_patience *patience, uint32_t now)
{
	if (patience->is_blocked)
		return;
	patience->moved = now;
	patience->is_blocked = true;
	patience->is_asked = false; /* of no account until it reads again */
}

void wp_patience_unblock(struct wp_patience *patience, uint32_t now)
{
	if (!patience->is_blocked)
		return;
	patience->is_blocked = false;
	wp_patience_hear(patience, now); /* it reads, and was not pinged */
}

void wp_patience_hold(struct wp_patience *patience, bool is_holding,
		      uint32_t now)
{
	if (is_holding && !patience->is_holding)
		patience->begun = now;
	patience->is_holding = is_holding;
}

/*
 * When silence becomes too long; of a peer with a full queue, when it has taken
 * nothing for too long, whatever it says. Nobody is dropped unasked, not even
 * when we were late with the question: there is always time for an answer.
 */
static uint32_t end_of(const struct wp_patience *patience,
		       const struct wp_patience_limits *limits)
{
	uint32_t end = patience->heard + limits->idle;
	uint32_t answer = patience->asked + limits->answer;

	if (patience->is_blocked)
		return patience->moved + limits->idle;
	return patience->is_asked && answer > end ? answer : end;
}

uint32_t wp_patience_deadline(const struct wp_patience *patience,
			      const struct wp_patience_limits *limits)
{
	uint32_t token = patience->expires - patience->warns_before;

	return earlier(end_of(patience, limits), earlier(patience->due, token));
}

static enum wp_patience_verdict ask(struct wp_patience *patience,
				    const struct wp_patience_limits *limits,
				    uint32_t now)
{
	patience->due = now + limits->interval;
	/* Behind a queue it would be late and prove nothing. */
	if (patience->is_blocked)
		return WP_PATIENCE_FINE;
	if (!patience->is_asked)
		patience->asked = now;
	patience->is_asked = true;
	return WP_PATIENCE_PING;
}

enum wp_patience_verdict
wp_patience_judge(struct wp_patience *patience,
		  const struct wp_patience_limits *limits, uint32_t now)
{
	bool is_silent = now >= end_of(patience, limits);

	if (now >= patience->expires)
		return WP_PATIENCE_EXPIRED;
	if (is_silent && patience->is_blocked)
		return WP_PATIENCE_SLOW;
	if (is_silent && patience->is_asked)
		return WP_PATIENCE_SILENT;
	/* A message that has begun has as long as silence has. */
	if (patience->is_holding && now >= patience->begun + limits->idle)
		return WP_PATIENCE_ENDLESS;
	if (patience->warns_before != 0 &&
	    now >= patience->expires - patience->warns_before) {
		patience->warns_before = 0;
		return WP_PATIENCE_EXPIRING;
	}
	if (is_silent || now >= patience->due)
		return ask(patience, limits, now);
	return WP_PATIENCE_FINE;
}
