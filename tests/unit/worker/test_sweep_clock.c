/* By what time may be deleted, whatever the clock does? */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "worker/sweep_clock.h"

#define MINUTE INT64_C(60000)
#define HOUR (60 * MINUTE)
#define DAY (24 * HOUR)
#define LONGEST (3 * DAY)
#define WALL INT64_C(1700000000000)
#define HOST_A "aaaaaaaa-aaaa-aaaa-aaaa-aaaaaaaaaaaa"
#define HOST_B "bbbbbbbb-bbbb-bbbb-bbbb-bbbbbbbbbbbb"
#define AGE INT64_C(5000000) /* of each host when the test begins */

/* A deployment: what is shared, one worker, and the time that truly is. */
struct world {
	struct wp_sweep_clock clock;
	const char *boot;
	int64_t real; /* since the test began */
	int64_t age;  /* of the host, when the test began */
	const char *word;
};

static struct world begin(bool is_new)
{
	struct world w = { .boot = HOST_A, .age = AGE, .word = "" };

	wp_sweep_clock_begin(&w.clock, is_new);
	return w;
}

/*
 * Look, at WALL + wall. Returns what is believed, after WALL. The record goes
 * through the store each time, as text.
 */
static int64_t look(struct world *w, int64_t wall)
{
	const struct wp_sweep_look look = {
		.wall_ms = WALL + wall,
		.boot = w->boot,
		.boot_ms = w->age + w->real,
		.longest_ms = LONGEST,
		.word = w->word,
	};
	char text[WP_SWEEP_CLOCK_TEXT];
	int64_t now;

	now = wp_sweep_clock_look(&w->clock, &look);
	wp_sweep_clock_print(&w->clock, text);
	assert_true(wp_sweep_clock_parse(&w->clock, text));
	return now == WP_SWEEP_UNKNOWN ? now : now - WALL;
}

static void a_clock_that_goes_well_is_followed(void **state)
{
	struct world w = begin(true);

	(void)state;
	assert_int_equal(look(&w, 0), 0);
	for (int i = 1; i < 200; i++) {
		w.real = i * HOUR;
		assert_int_equal(look(&w, w.real), w.real);
	}
}

static void a_clock_set_ahead_is_followed_at_the_rate_of_real_time(void **state)
{
	struct world w = begin(true);

	(void)state;
	(void)look(&w, 0);
	w.real = HOUR;
	assert_int_equal(look(&w, 40 * DAY), HOUR);
	w.real = 2 * HOUR;
	assert_int_equal(look(&w, 40 * DAY + HOUR), 2 * HOUR);
	/* Right again: nobody has to say so. */
	w.real = 3 * HOUR;
	assert_int_equal(look(&w, 3 * HOUR), 3 * HOUR);
}

static void a_step_is_not_believed_later_either(void **state)
{
	struct world w = begin(true);

	(void)state;
	(void)look(&w, 0);
	for (w.real = HOUR; w.real < LONGEST; w.real += HOUR)
		assert_int_equal(look(&w, 40 * DAY), w.real);
}

static void a_worker_may_stop_for_long_while_its_host_runs(void **state)
{
	struct world w = begin(true);

	(void)state;
	(void)look(&w, 0);
	w.real = 2 * DAY;
	assert_int_equal(look(&w, 2 * DAY), 2 * DAY);
}

/* Nothing has counted while the host was off. */
static void after_a_boot_expiry_is_late_by_what_nobody_counted(void **state)
{
	struct world w = begin(true);

	(void)state;
	(void)look(&w, 0);
	w.boot = HOST_B;
	w.age = -2 * DAY; /* it is an hour old */
	w.real = 2 * DAY + HOUR;
	assert_int_equal(look(&w, w.real), 0);
	w.real += HOUR;
	assert_int_equal(look(&w, w.real), HOUR);
}

/* Their ages do not compare. */
static void between_looks_from_two_hosts_nothing_is_counted(void **state)
{
	struct world w = begin(true);

	(void)state;
	(void)look(&w, 0);
	w.boot = HOST_B;
	w.age = 1000 * AGE;
	w.real = MINUTE;
	assert_int_equal(look(&w, 40 * DAY), 0);
	w.real = 2 * MINUTE;
	assert_int_equal(look(&w, 40 * DAY), MINUTE);
	w.boot = HOST_A;
	w.age = AGE;
	assert_int_equal(look(&w, 2 * MINUTE), MINUTE);
}

static void
a_host_that_seems_to_have_become_younger_counts_nothing(void **state)
{
	struct world w = begin(true);

	(void)state;
	(void)look(&w, 0);
	w.age = 0;
	w.real = HOUR;
	assert_int_equal(look(&w, HOUR), 0);
}

/* What is accepted while the clock is behind carries too early a time. */
static void a_clock_set_back_is_followed_and_not_forgotten(void **state)
{
	struct world w = begin(true);

	(void)state;
	(void)look(&w, 0);
	w.real = HOUR;
	assert_int_equal(look(&w, HOUR - 40 * DAY), HOUR - 40 * DAY);
	w.real = 2 * HOUR;
	assert_int_equal(look(&w, 2 * HOUR), 2 * HOUR - 40 * DAY);
}

/* Whatever was accepted before has lived its longest life by then. */
static void a_step_is_forgotten_after_the_longest_life(void **state)
{
	struct world w = begin(true);
	bool is_healed = false;

	(void)state;
	(void)look(&w, 0);
	for (w.real = HOUR; w.real <= 2 * LONGEST; w.real += HOUR) {
		int64_t wall = 40 * DAY + w.real;
		int64_t now = look(&w, wall);

		is_healed = now == wall;
		if (w.real < HOUR + LONGEST)
			assert_int_equal(now, w.real);
	}
	assert_true(is_healed);
}

static void a_store_of_unknown_past_waits_for_the_longest_life(void **state)
{
	struct world w = begin(false);

	(void)state;
	assert_true(look(&w, 0) == WP_SWEEP_UNKNOWN);
	w.real = LONGEST - 1;
	assert_true(look(&w, w.real) == WP_SWEEP_UNKNOWN);
	w.real = LONGEST;
	assert_int_equal(look(&w, w.real), LONGEST);
}

static const char *say(int64_t wall, const char *nonce)
{
	static char text[2][WP_EXPIRE_CONFIRM_MAX + 1];
	static int i;

	i = 1 - i;
	(void)snprintf(text[i], sizeof(text[i]), "%lld %s",
		       (long long)(WALL + wall), nonce);
	return text[i];
}

static void what_is_confirmed_is_believed(void **state)
{
	struct world w = begin(true);

	(void)state;
	(void)look(&w, 0);
	(void)look(&w, 2 * DAY);
	w.word = say(2 * DAY, "x");
	w.real = MINUTE;
	assert_int_equal(look(&w, 2 * DAY + MINUTE), 2 * DAY);
	w.real = HOUR;
	assert_int_equal(look(&w, 2 * DAY + HOUR), 2 * DAY + HOUR - MINUTE);

	w = begin(false);
	w.word = say(0, "y");
	assert_int_equal(look(&w, 0), 0);
}

/* By whoever hears it first, for all; not by each process once. */
static void a_confirmation_is_heard_once(void **state)
{
	struct world w = begin(true);

	(void)state;
	(void)look(&w, 0);
	w.word = say(2 * DAY, "x");
	assert_int_equal(look(&w, 2 * DAY), 2 * DAY);
	assert_int_equal(look(&w, -DAY), -DAY);
	assert_int_equal(look(&w, 2 * DAY), -DAY);
	w.word = say(2 * DAY, "y");
	assert_int_equal(look(&w, 2 * DAY), 2 * DAY);
}

/* The clock leaps between the operator's look and ours. */
static void a_confirmation_is_of_the_time_that_was_seen(void **state)
{
	struct world w = begin(true);

	(void)state;
	(void)look(&w, 0);
	w.word = say(DAY, "x");
	assert_int_equal(look(&w, 40 * DAY), DAY);

	w = begin(true);
	(void)look(&w, 0);
	w.word = say(40 * DAY, "x");
	assert_int_equal(look(&w, HOUR), HOUR);
}

static void what_is_no_confirmation_changes_nothing(void **state)
{
	static const char *const words[] = {
		"", "yes", "9999999999999", "-5 x", " ", "99999999999999x y"
	};
	struct world w = begin(true);

	(void)state;
	(void)look(&w, 0);
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		w.word = words[i];
		assert_int_equal(look(&w, 40 * DAY), 0);
	}
}

static void
a_longer_life_lengthens_the_wait_and_a_shorter_does_not(void **state)
{
	struct wp_sweep_clock clock;
	struct wp_sweep_look look = { WALL, "", 0, 10 * DAY, "" };

	(void)state;
	wp_sweep_clock_begin(&clock, true);
	(void)wp_sweep_clock_look(&clock, &look);
	look.longest_ms = HOUR;
	(void)wp_sweep_clock_look(&clock, &look);
	assert_int_equal(clock.longest_ms, 10 * DAY);
	look.longest_ms = 20 * DAY;
	(void)wp_sweep_clock_look(&clock, &look);
	assert_int_equal(clock.longest_ms, 20 * DAY);
}

static void only_news_must_be_written(void **state)
{
	struct world w = begin(true);
	struct wp_sweep_clock was = w.clock;

	(void)state;
	(void)look(&w, 0);
	assert_true(wp_sweep_clock_is_news(&was, &w.clock));
	was = w.clock;
	w.real = MINUTE - 1;
	(void)look(&w, w.real);
	assert_false(wp_sweep_clock_is_news(&was, &w.clock));
	(void)look(&w, DAY);
	assert_false(wp_sweep_clock_is_news(&was, &w.clock));
	w.real = MINUTE;
	(void)look(&w, w.real);
	assert_true(wp_sweep_clock_is_news(&was, &w.clock));
	was = w.clock;
	(void)look(&w, w.real - 1);
	assert_true(wp_sweep_clock_is_news(&was, &w.clock));
	was = w.clock;
	w.word = "x";
	(void)look(&w, w.real);
	assert_true(wp_sweep_clock_is_news(&was, &w.clock));
}

static void a_text_that_is_no_record_is_refused(void **state)
{
	static const char *const texts[] = {
		"",
		"1",
		"1 2 3 4 5 6",
		"1 2 3 4 5 6 7",
		"1 2 3 4 5 6 7 boot", /* no blank behind */
		"2 2 3 4 5 6 7 boot ",
		"1 -2 3 4 5 6 7 boot ",
		"1 2 x 4 5 6 7 boot ",
		"1 2 99999999999999999999 4 5 6 7 boot ",
		"1 2 3 4 5 6 7 a-boot-id-of-more-than-thirty-six-letters ",
	};
	struct wp_sweep_clock clock;
	char text[WP_SWEEP_CLOCK_TEXT];

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		assert_false(wp_sweep_clock_parse(&clock, texts[i]));
	assert_true(wp_sweep_clock_parse(&clock, "1 2 -3 4 5 6 7 boot 8 w"));
	assert_int_equal(clock.real_ms, 2);
	assert_int_equal(clock.skew_ms, -3);
	assert_int_equal(clock.skew_before_ms, 4);
	assert_int_equal(clock.since_ms, 5);
	assert_int_equal(clock.longest_ms, 6);
	assert_int_equal(clock.boot_ms, 7);
	assert_string_equal(clock.boot, "boot");
	assert_string_equal(clock.word, "8 w");
	wp_sweep_clock_print(&clock, text);
	assert_string_equal(text, "1 2 -3 4 5 6 7 boot 8 w");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_clock_that_goes_well_is_followed),
		cmocka_unit_test(
			a_clock_set_ahead_is_followed_at_the_rate_of_real_time),
		cmocka_unit_test(a_step_is_not_believed_later_either),
		cmocka_unit_test(
			a_worker_may_stop_for_long_while_its_host_runs),
		cmocka_unit_test(
			after_a_boot_expiry_is_late_by_what_nobody_counted),
		cmocka_unit_test(
			between_looks_from_two_hosts_nothing_is_counted),
		cmocka_unit_test(
			a_host_that_seems_to_have_become_younger_counts_nothing),
		cmocka_unit_test(
			a_clock_set_back_is_followed_and_not_forgotten),
		cmocka_unit_test(a_step_is_forgotten_after_the_longest_life),
		cmocka_unit_test(
			a_store_of_unknown_past_waits_for_the_longest_life),
		cmocka_unit_test(what_is_confirmed_is_believed),
		cmocka_unit_test(a_confirmation_is_heard_once),
		cmocka_unit_test(a_confirmation_is_of_the_time_that_was_seen),
		cmocka_unit_test(what_is_no_confirmation_changes_nothing),
		cmocka_unit_test(
			a_longer_life_lengthens_the_wait_and_a_shorter_does_not),
		cmocka_unit_test(only_news_must_be_written),
		cmocka_unit_test(a_text_that_is_no_record_is_refused),
	};

	return cmocka_run_group_tests_name("sweep_clock", tests, NULL, NULL);
}
