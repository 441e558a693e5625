/* A provider that is left alone: when it opens, for how long, what closes it,
 * and that old news do neither. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "notifier/lane/breaker.h"

enum { S = 1000, NOW = 1000 * S, SEED = 12345 };

static const struct wp_judgement good = { .verdict = WP_VERDICT_ACCEPTED };
static const struct wp_judgement bad = { .verdict = WP_VERDICT_RETRY };
static const struct wp_judgement wrong = { .verdict = WP_VERDICT_CONFIG };

static bool one(struct wp_breaker *b, const struct wp_judgement *judgement,
		uint64_t now_ms)
{
	uint32_t ticket;

	assert_true(wp_breaker_begin(b, now_ms, &ticket));
	return wp_breaker_end(b, ticket, judgement, now_ms, SEED);
}

/* Open it by the outcomes of 20 requests. */
static void break_it(struct wp_breaker *b, uint64_t now_ms)
{
	for (int i = 0; i < WP_BREAKER_LAST; i++)
		assert_false(one(b, &bad, now_ms));
	assert_int_equal(b->state, WP_BREAKER_OPEN);
}

static void expect_wait(const struct wp_breaker *b, uint64_t now_ms,
			uint64_t about_ms)
{
	uint64_t wait = wp_breaker_wait_ms(b, now_ms);

	assert_in_range(wait, about_ms * 8 / 10, about_ms * 12 / 10);
}

static void half_of_the_last_twenty_are_too_many(void **state)
{
	static const enum wp_verdict fine[] = { WP_VERDICT_ACCEPTED,
						WP_VERDICT_GONE,
						WP_VERDICT_SUSPECT,
						WP_VERDICT_REFUSED };

	(void)state;
	for (int n_bad = 9; n_bad <= 10; n_bad++) {
		struct wp_breaker b = { .n = 0 };

		for (int i = 0; i < WP_BREAKER_LAST; i++) {
			const struct wp_judgement judgement = {
				.verdict = i % 2 == 0 && i / 2 < n_bad
						   ? WP_VERDICT_RETRY
						   : fine[i / 2 % 4],
			};

			assert_int_equal(b.state, WP_BREAKER_CLOSED);
			assert_false(one(&b, &judgement, NOW));
		}
		assert_int_equal(b.state, n_bad == 10 ? WP_BREAKER_OPEN
						      : WP_BREAKER_CLOSED);
	}
}

static void fewer_or_slower_ones_are_not(void **state)
{
	struct wp_breaker b = { .n = 0 };

	(void)state;
	for (int i = 0; i < WP_BREAKER_LAST - 1; i++)
		assert_false(one(&b, &bad, NOW));
	assert_int_equal(b.state, WP_BREAKER_CLOSED);
	/* The twentieth comes when the first is too old. */
	assert_false(one(&b, &bad, NOW + WP_BREAKER_WINDOW_MS + 1));
	assert_int_equal(b.state, WP_BREAKER_CLOSED);

	b = (struct wp_breaker){ .n = 0 };
	for (int i = 0; i < WP_BREAKER_LAST - 1; i++)
		assert_false(one(&b, &bad, NOW));
	assert_false(one(&b, &bad, NOW + WP_BREAKER_WINDOW_MS));
	assert_int_equal(b.state, WP_BREAKER_OPEN);
}

static void it_lets_one_through_and_that_decides(void **state)
{
	struct wp_breaker b = { .n = 0 };
	uint64_t now = NOW;
	uint32_t probe, other;

	(void)state;
	break_it(&b, now);
	expect_wait(&b, now, 10 * S);
	assert_false(wp_breaker_begin(&b, b.until_ms - 1, &probe));
	now = b.until_ms;
	assert_int_equal(wp_breaker_wait_ms(&b, now), 0);
	assert_true(wp_breaker_begin(&b, now, &probe));
	/* Nobody else meanwhile. */
	assert_int_equal(wp_breaker_wait_ms(&b, now), WP_BREAKER_PROBE_MS);
	assert_false(wp_breaker_begin(&b, now, &other));
	/* It fails: twice as long. */
	assert_false(wp_breaker_end(&b, probe, &bad, now, SEED));
	expect_wait(&b, now, 20 * S);
	now = b.until_ms;
	assert_true(wp_breaker_begin(&b, now, &probe));
	assert_true(wp_breaker_end(&b, probe, &good, now, SEED));
	assert_int_equal(b.state, WP_BREAKER_CLOSED);
	/* And what has been is forgotten. */
	for (int i = 0; i < WP_BREAKER_LAST - 1; i++)
		assert_false(one(&b, &bad, now));
	assert_int_equal(b.state, WP_BREAKER_CLOSED);
	assert_false(one(&b, &bad, now));
	expect_wait(&b, now, 10 * S);
}

static void it_stays_open_for_ten_minutes_at_most(void **state)
{
	struct wp_breaker b = { .n = 0 };
	uint64_t now = NOW;
	uint64_t least = UINT64_MAX, most = 0;

	(void)state;
	break_it(&b, now);
	for (uint32_t i = 0; i < 1000; i++) {
		uint32_t probe;
		uint64_t wait;

		now = b.until_ms;
		assert_true(wp_breaker_begin(&b, now, &probe));
		assert_false(wp_breaker_end(&b, probe, &bad, now,
					    i * 7919 * 104729));
		wait = wp_breaker_wait_ms(&b, now);
		if (i < 10)
			continue;
		least = wait < least ? wait : least;
		most = wait > most ? wait : most;
	}
	assert_in_range(least, 480 * S, 500 * S);
	assert_in_range(most, 700 * S, 720 * S);
}

static void what_a_provider_asks_for_is_kept(void **state)
{
	struct wp_judgement later = { .verdict = WP_VERDICT_LATER,
				      .after_s = 120 };
	struct wp_breaker b = { .n = 0 };
	uint32_t first, second, third;

	(void)state;
	assert_true(wp_breaker_begin(&b, NOW, &first));
	assert_true(wp_breaker_begin(&b, NOW, &second));
	assert_true(wp_breaker_begin(&b, NOW, &third));
	assert_false(wp_breaker_end(&b, first, &later, NOW, SEED));
	assert_int_equal(wp_breaker_wait_ms(&b, NOW), 120 * S);
	/* Of others that were under way the longest counts. */
	later.after_s = 60;
	assert_false(wp_breaker_end(&b, second, &later, NOW, SEED));
	assert_int_equal(wp_breaker_wait_ms(&b, NOW), 120 * S);
	later.after_s = 180;
	assert_false(wp_breaker_end(&b, third, &later, NOW, SEED));
	assert_int_equal(wp_breaker_wait_ms(&b, NOW), 180 * S);
}

static void what_is_ours_to_mend_opens_for_longer(void **state)
{
	struct wp_breaker b = { .n = 0 };
	uint64_t now = NOW;
	uint32_t tickets[3];

	(void)state;
	for (size_t i = 0; i < 3; i++)
		assert_true(wp_breaker_begin(&b, now, &tickets[i]));
	for (size_t i = 0; i < 3; i++)
		assert_false(wp_breaker_end(&b, tickets[i], &wrong, now, SEED));
	/* Once, though three said so. */
	assert_int_equal(b.state, WP_BREAKER_CONFIG);
	expect_wait(&b, now, 60 * S);
	for (int minutes = 2; minutes <= 16; minutes *= 2) {
		now = b.until_ms;
		assert_false(one(&b, &wrong, now));
		expect_wait(&b, now, (uint64_t)minutes * 60 * S);
	}
	for (int i = 0; i < 3; i++) {
		now = b.until_ms;
		assert_false(one(&b, &wrong, now));
		expect_wait(&b, now, 1200 * S);
	}
	now = b.until_ms;
	assert_true(one(&b, &good, now));
	assert_int_equal(b.state, WP_BREAKER_CLOSED);
}

static void old_news_change_nothing(void **state)
{
	struct wp_breaker b = { .n = 0 };
	uint32_t old[40], probe;
	uint64_t until;

	(void)state;
	for (size_t i = 0; i < 40; i++)
		assert_true(wp_breaker_begin(&b, NOW, &old[i]));
	break_it(&b, NOW);
	until = b.until_ms;
	/* Neither the good of before close it, nor the bad prolong it. */
	for (size_t i = 0; i < 20; i++)
		assert_false(wp_breaker_end(
			&b, old[i], i % 2 == 0 ? &good : &bad, NOW, SEED));
	assert_int_equal(b.state, WP_BREAKER_OPEN);
	assert_int_equal(b.until_ms, until);
	/* Nor are they taken for the probe. */
	assert_true(wp_breaker_begin(&b, until, &probe));
	assert_false(wp_breaker_end(&b, old[20], &good, until, SEED));
	assert_int_equal(b.state, WP_BREAKER_OPEN);
	assert_true(wp_breaker_end(&b, probe, &good, until, SEED));
	/* And do not open it again. */
	for (size_t i = 21; i < 40; i++)
		assert_false(wp_breaker_end(&b, old[i], &bad, until, SEED));
	assert_false(one(&b, &bad, until));
	assert_int_equal(b.state, WP_BREAKER_CLOSED);
}

/* A probe that is to be repeated at once says nothing yet. */
static void what_was_not_asked_counts_for_nothing(void **state)
{
	static const struct wp_judgement again = { .verdict =
							   WP_VERDICT_AGAIN };
	struct wp_breaker b = { .n = 0 };

	(void)state;
	for (int i = 0; i < WP_BREAKER_LAST - 1; i++)
		assert_false(one(&b, &bad, NOW));
	for (int i = 0; i < WP_BREAKER_LAST; i++)
		assert_false(one(&b, &again, NOW));
	assert_int_equal(b.state, WP_BREAKER_CLOSED);
	assert_false(one(&b, &bad, NOW));
	assert_int_equal(b.state, WP_BREAKER_OPEN);
}

static void a_repeat_of_the_probe_is_the_probe(void **state)
{
	static const struct wp_judgement again = { .verdict =
							   WP_VERDICT_AGAIN };
	struct wp_breaker b = { .n = 0 };
	uint32_t probe;
	uint64_t now;

	(void)state;
	break_it(&b, NOW);
	now = b.until_ms;
	assert_true(wp_breaker_begin(&b, now, &probe));
	assert_false(wp_breaker_end(&b, probe, &again, now, SEED));
	assert_int_equal(b.state, WP_BREAKER_OPEN);
	assert_true(wp_breaker_begin(&b, now, &probe));
	assert_true(wp_breaker_end(&b, probe, &good, now, SEED));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(half_of_the_last_twenty_are_too_many),
		cmocka_unit_test(fewer_or_slower_ones_are_not),
		cmocka_unit_test(it_lets_one_through_and_that_decides),
		cmocka_unit_test(it_stays_open_for_ten_minutes_at_most),
		cmocka_unit_test(what_a_provider_asks_for_is_kept),
		cmocka_unit_test(what_is_ours_to_mend_opens_for_longer),
		cmocka_unit_test(old_news_change_nothing),
		cmocka_unit_test(what_was_not_asked_counts_for_nothing),
		cmocka_unit_test(a_repeat_of_the_probe_is_the_probe),
	};

	return cmocka_run_group_tests_name("notifier/lane/breaker", tests, NULL,
					   NULL);
}
