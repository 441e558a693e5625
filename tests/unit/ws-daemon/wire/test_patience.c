/* How long a peer is borne with, tick by tick. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "ws-daemon/wire/patience.h"

enum { IDLE = 30, INTERVAL = 10, ANSWER = 20, START = 100, NEVER = 1000000 };

static const struct wp_patience_limits limits = {
	.idle = IDLE,
	.interval = INTERVAL,
	.answer = ANSWER,
};

static struct wp_patience begun(void)
{
	return (struct wp_patience){
		.heard = START,
		.due = START + INTERVAL,
		.expires = NEVER,
	};
}

static enum wp_patience_verdict judge(struct wp_patience *p, uint32_t now)
{
	return wp_patience_judge(p, &limits, now);
}

/* The first tick from which on the verdict is another one than FINE. */
static uint32_t next_verdict(struct wp_patience *p, uint32_t now,
			     enum wp_patience_verdict *out)
{
	while ((*out = judge(p, now)) == WP_PATIENCE_FINE)
		now++;
	return now;
}

static void silent_peer_is_asked_and_then_dropped(void **state)
{
	struct wp_patience p = begun();

	(void)state;
	assert_int_equal(judge(&p, START + INTERVAL - 1), WP_PATIENCE_FINE);
	assert_int_equal(judge(&p, START + INTERVAL), WP_PATIENCE_PING);
	assert_int_equal(judge(&p, START + INTERVAL), WP_PATIENCE_FINE);
	assert_int_equal(judge(&p, START + 2 * INTERVAL), WP_PATIENCE_PING);
	assert_int_equal(judge(&p, START + IDLE - 1), WP_PATIENCE_FINE);
	assert_int_equal(judge(&p, START + IDLE), WP_PATIENCE_SILENT);
}

static void peer_that_answers_is_asked_for_ever(void **state)
{
	struct wp_patience p = begun();
	enum wp_patience_verdict verdict;
	uint32_t now = START;

	(void)state;
	for (int i = 0; i < 100; i++) {
		uint32_t then = next_verdict(&p, now, &verdict);

		assert_int_equal(verdict, WP_PATIENCE_PING);
		assert_int_equal(then - now, i == 0 ? INTERVAL : INTERVAL - 1);
		now = then + 1;
		wp_patience_hear(&p, now);
	}
}

/* We slept for a long time: the question comes first. */
static void nobody_is_dropped_unasked(void **state)
{
	struct wp_patience p = begun();
	uint32_t late = START + 100 * IDLE;

	(void)state;
	assert_int_equal(judge(&p, late), WP_PATIENCE_PING);
	assert_int_equal(judge(&p, late + INTERVAL), WP_PATIENCE_PING);
	assert_int_equal(judge(&p, late + ANSWER - 1), WP_PATIENCE_FINE);
	assert_int_equal(judge(&p, late + ANSWER), WP_PATIENCE_SILENT);
}

static void peer_that_takes_nothing_is_slow_whatever_it_says(void **state)
{
	struct wp_patience p = begun();

	(void)state;
	wp_patience_block(&p, START + 5);
	for (uint32_t now = START + 5; now < START + 5 + IDLE; now++) {
		wp_patience_hear(&p, now);
		wp_patience_block(&p, now); /* tried again, in vain */
		assert_int_equal(judge(&p, now), WP_PATIENCE_FINE);
	}
	assert_int_equal(judge(&p, START + 5 + IDLE), WP_PATIENCE_SLOW);
}

static void peer_that_takes_something_again_begins_anew(void **state)
{
	struct wp_patience p = begun();

	(void)state;
	wp_patience_block(&p, START);
	wp_patience_unblock(&p, START + IDLE - 1);
	wp_patience_block(&p, START + IDLE - 1);
	assert_int_equal(judge(&p, START + 2 * IDLE - 2), WP_PATIENCE_FINE);
	assert_int_equal(judge(&p, START + 2 * IDLE - 1), WP_PATIENCE_SLOW);
}

/* To be writable again is no sign of life of one that was not blocked. */
static void unblocked_twice_is_heard_once(void **state)
{
	struct wp_patience p = begun();

	(void)state;
	wp_patience_block(&p, START);
	wp_patience_unblock(&p, START + 1);
	wp_patience_unblock(&p, START + 20);
	assert_int_equal(p.heard, START + 1);
}

static void message_has_as_long_as_silence_has(void **state)
{
	struct wp_patience p = begun();

	(void)state;
	wp_patience_hold(&p, true, START + 3);
	for (uint32_t now = START + 3; now < START + 3 + IDLE; now++) {
		wp_patience_hear(&p, now);
		wp_patience_hold(&p, true, now); /* still the same */
		assert_int_not_equal(judge(&p, now), WP_PATIENCE_ENDLESS);
	}
	assert_int_equal(judge(&p, START + 3 + IDLE), WP_PATIENCE_ENDLESS);
	wp_patience_hold(&p, false, START + 3 + IDLE);
	wp_patience_hold(&p, true, START + 3 + IDLE);
	assert_int_not_equal(judge(&p, START + 3 + IDLE), WP_PATIENCE_ENDLESS);
}

static void token_ends_whatever_else_is_due(void **state)
{
	struct wp_patience p = begun();

	(void)state;
	p.expires = START + IDLE;
	wp_patience_block(&p, START);
	assert_int_equal(judge(&p, START + IDLE - 1), WP_PATIENCE_FINE);
	assert_int_equal(judge(&p, START + IDLE), WP_PATIENCE_EXPIRED);
}

/* Who sleeps until the deadline misses nothing, and does not spin there. */
static void nothing_is_due_before_the_deadline(void **state)
{
	(void)state;
	for (uint32_t expires = START + 1; expires < START + 80; expires += 7) {
		for (uint32_t blocked = 0; blocked < 50; blocked += 9) {
			struct wp_patience p = begun();
			enum wp_patience_verdict verdict = WP_PATIENCE_FINE;
			uint32_t now = START;

			p.expires = expires;
			while (verdict <= WP_PATIENCE_PING) {
				uint32_t end =
					wp_patience_deadline(&p, &limits);

				assert_true(end > now);
				while (++now < end)
					assert_int_equal(judge(&p, now),
							 WP_PATIENCE_FINE);
				verdict = judge(&p, now);
				if (now >= START + blocked)
					wp_patience_block(&p, now);
			}
			assert_true(now <= expires);
		}
	}
}

static void a_token_that_ends_soon_is_told_of_once(void **state)
{
	struct wp_patience p = begun();

	(void)state;
	p.due = NEVER;
	p.warns_before = 3;
	p.expires = START + 8;
	assert_int_equal(wp_patience_deadline(&p, &limits), START + 5);
	assert_int_equal(judge(&p, START + 4), WP_PATIENCE_FINE);
	assert_int_equal(judge(&p, START + 5), WP_PATIENCE_EXPIRING);
	assert_int_equal(judge(&p, START + 6), WP_PATIENCE_FINE);
	assert_int_equal(wp_patience_deadline(&p, &limits), START + 8);
	assert_int_equal(judge(&p, START + 8), WP_PATIENCE_EXPIRED);
	/* Who was not looked at in time is not told what is over. */
	p.warns_before = 3;
	assert_int_equal(judge(&p, START + 8), WP_PATIENCE_EXPIRED);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_token_that_ends_soon_is_told_of_once),
		cmocka_unit_test(silent_peer_is_asked_and_then_dropped),
		cmocka_unit_test(peer_that_answers_is_asked_for_ever),
		cmocka_unit_test(nobody_is_dropped_unasked),
		cmocka_unit_test(
			peer_that_takes_nothing_is_slow_whatever_it_says),
		cmocka_unit_test(peer_that_takes_something_again_begins_anew),
		cmocka_unit_test(unblocked_twice_is_heard_once),
		cmocka_unit_test(message_has_as_long_as_silence_has),
		cmocka_unit_test(token_ends_whatever_else_is_due),
		cmocka_unit_test(nothing_is_due_before_the_deadline),
	};

	return cmocka_run_group_tests_name("patience", tests, NULL, NULL);
}
