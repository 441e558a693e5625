/* One look for all who ask within a second, and nobody waits for it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "handlers/ready.h"

enum { NOW = 5000, QUARTER = 250, SECOND = 1000 };

static void a_verdict_holds_for_a_second_a_bad_one_for_less(void **state)
{
	struct wp_ready ready = { 0 };
	struct wp_error verdict = { 0 };
	const struct wp_error down = { .code = WP_ERR_UNAVAIL, .msg = "down" };

	(void)state;

	assert_false(wp_ready_recall(&ready, NOW, &verdict));
	wp_ready_note(&ready, NOW, &down);

	assert_true(wp_ready_recall(&ready, NOW + QUARTER - 1, &verdict));
	assert_int_equal(verdict.code, WP_ERR_UNAVAIL);
	assert_string_equal(verdict.msg, "down");
	assert_false(wp_ready_recall(&ready, NOW + QUARTER, &verdict));
	wp_ready_note(&ready, NOW + SECOND, &(struct wp_error){ 0 });
	assert_true(wp_ready_recall(&ready, NOW + 2 * SECOND - 1, &verdict));
	assert_int_equal(verdict.code, WP_OK);
	assert_false(wp_ready_recall(&ready, NOW + 2 * SECOND, &verdict));
}

static void who_asks_while_somebody_looks_is_told_at_once(void **state)
{
	struct wp_ready ready = { 0 };
	struct wp_error verdict = { 0 };

	(void)state;

	assert_false(wp_ready_recall(&ready, NOW, &verdict));
	/* Nothing is known yet. */
	assert_true(wp_ready_recall(&ready, NOW, &verdict));
	assert_int_equal(verdict.code, WP_ERR_UNAVAIL);
	wp_ready_note(&ready, NOW, &(struct wp_error){ 0 });

	/* A look that takes long says something by itself. */
	assert_false(wp_ready_recall(&ready, NOW + SECOND, &verdict));
	assert_true(wp_ready_recall(&ready, NOW + 2 * SECOND - 1, &verdict));
	assert_int_equal(verdict.code, WP_OK);
	assert_true(wp_ready_recall(&ready, NOW + 2 * SECOND, &verdict));
	assert_int_equal(verdict.code, WP_ERR_UNAVAIL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
			a_verdict_holds_for_a_second_a_bad_one_for_less),
		cmocka_unit_test(who_asks_while_somebody_looks_is_told_at_once),
	};

	return cmocka_run_group_tests_name("ready", tests, NULL, NULL);
}
