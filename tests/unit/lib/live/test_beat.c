/* What heartbeats prove, counted without a clock. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "lib/live/beat.h"

static struct wp_beat renewed(void)
{
	struct wp_beat beat = { 0 };

	wp_beat_renew(&beat);
	return beat;
}

/* A beat as it should be: begun, answered, and its nonce comes back. */
static void beat_well(struct wp_beat *beat)
{
	assert_int_equal(wp_beat_next(beat, false, beat->received + 1),
			 WP_BEAT_GO);
	beat->answered = beat->now;
	wp_beat_hear(beat, beat->now);
}

static void beats_go_on_while_all_is_well(void **state)
{
	struct wp_beat beat = renewed();
	uint32_t first = beat.now;

	(void)state;
	for (int i = 0; i < 100; i++)
		beat_well(&beat);
	assert_int_equal(beat.now, first + 100);
}

static void redis_may_leave_one_beat_unanswered(void **state)
{
	struct wp_beat beat = renewed();

	(void)state;
	for (int i = 0; i < 2; i++) {
		assert_int_equal(wp_beat_next(&beat, i > 0, 0), WP_BEAT_GO);
		wp_beat_hear(&beat, beat.now);
	}
	assert_int_equal(wp_beat_next(&beat, true, 0), WP_BEAT_UNANSWERED);
	/* Where nothing was asked, there is no answer to miss. */
	assert_int_equal(wp_beat_next(&beat, false, 0), WP_BEAT_GO);
}

static void two_beats_of_silence_are_a_dead_subscription(void **state)
{
	struct wp_beat beat = renewed();
	uint32_t begun;

	(void)state;
	assert_int_equal(wp_beat_next(&beat, false, 0), WP_BEAT_GO);
	assert_int_equal(wp_beat_next(&beat, false, 0), WP_BEAT_GO);
	begun = beat.now;
	assert_int_equal(wp_beat_next(&beat, false, 0), WP_BEAT_DEAF);
	assert_int_equal(beat.now, begun);
}

static void a_busy_subscription_has_ten_beats(void **state)
{
	struct wp_beat beat = renewed();
	uint64_t received = 0;

	(void)state;
	for (int i = 0; i < 10; i++)
		assert_int_equal(wp_beat_next(&beat, false, ++received),
				 WP_BEAT_GO);
	assert_int_equal(wp_beat_next(&beat, false, ++received), WP_BEAT_DEAF);
}

static void a_subscription_that_falls_silent_is_dead_two_beats_later(void **s)
{
	struct wp_beat beat = renewed();

	(void)s;
	for (uint64_t i = 1; i <= 4; i++)
		assert_int_equal(wp_beat_next(&beat, false, i), WP_BEAT_GO);
	assert_int_equal(wp_beat_next(&beat, false, 4), WP_BEAT_GO);
	assert_int_equal(wp_beat_next(&beat, false, 4), WP_BEAT_DEAF);
}

static void only_nonces_that_were_sent_count_and_the_newest(void **state)
{
	struct wp_beat beat = renewed();

	(void)state;
	beat_well(&beat);
	beat_well(&beat);
	wp_beat_hear(&beat, beat.now - 1);
	assert_int_equal(beat.heard, beat.now);
	wp_beat_hear(&beat, beat.now + 1);
	assert_int_equal(beat.heard, beat.now);
	wp_beat_hear(&beat, UINT32_MAX);
	assert_int_equal(beat.heard, beat.now);
}

static void who_was_poked_since_the_beat_before_is_held_back(void **state)
{
	struct wp_beat beat = renewed();
	struct wp_beat_mark mark = { 0 };

	(void)state;
	beat_well(&beat);
	wp_beat_note_poke(&beat, &mark);
	assert_int_equal(wp_beat_next(&beat, false, 0), WP_BEAT_GO);
	assert_true(wp_beat_hold(&mark, beat.now));

	/* Its nonce is late. */
	assert_true(wp_beat_release(&beat, &mark));
	assert_false(wp_beat_release(&beat, &mark));
}

static void who_was_poked_longer_ago_is_poked_at_once(void **state)
{
	struct wp_beat beat = renewed();
	struct wp_beat_mark mark = { 0 };

	(void)state;
	assert_false(wp_beat_hold(&mark, beat.now));
	wp_beat_note_poke(&beat, &mark);
	beat_well(&beat);
	beat_well(&beat);
	assert_false(wp_beat_hold(&mark, beat.now));
	assert_false(wp_beat_release(&beat, &mark));
}

static void what_was_held_back_for_a_beat_is_not_that_of_the_next(void **state)
{
	struct wp_beat beat = renewed();
	struct wp_beat_mark mark = { 0 };

	(void)state;
	wp_beat_note_poke(&beat, &mark);
	assert_true(wp_beat_hold(&mark, beat.now));
	beat_well(&beat); /* its nonce has come back: Pub/Sub did poke */
	assert_false(wp_beat_release(&beat, &mark));
}

static void pokes_of_another_incarnation_prove_nothing(void **state)
{
	struct wp_beat beat = renewed();
	struct wp_beat_mark mark = { 0 };

	(void)state;
	beat_well(&beat);
	wp_beat_note_poke(&beat, &mark);
	wp_beat_renew(&beat);
	assert_false(wp_beat_hold(&mark, beat.now));
	/* Nor is anything missed. */
	assert_int_equal(wp_beat_next(&beat, true, 0), WP_BEAT_GO);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(beats_go_on_while_all_is_well),
		cmocka_unit_test(redis_may_leave_one_beat_unanswered),
		cmocka_unit_test(two_beats_of_silence_are_a_dead_subscription),
		cmocka_unit_test(a_busy_subscription_has_ten_beats),
		cmocka_unit_test(
			a_subscription_that_falls_silent_is_dead_two_beats_later),
		cmocka_unit_test(
			only_nonces_that_were_sent_count_and_the_newest),
		cmocka_unit_test(
			who_was_poked_since_the_beat_before_is_held_back),
		cmocka_unit_test(who_was_poked_longer_ago_is_poked_at_once),
		cmocka_unit_test(
			what_was_held_back_for_a_beat_is_not_that_of_the_next),
		cmocka_unit_test(pokes_of_another_incarnation_prove_nothing),
	};

	return cmocka_run_group_tests_name("beat", tests, NULL, NULL);
}
