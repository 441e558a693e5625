/* One look for all who ask within a second, and only the first is awaited. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "handlers/request/ready.h"

enum { NOW = 5000, QUARTER = 250, SECOND = 1000 };

static const struct wp_error well;
static const struct wp_error down = { .code = WP_ERR_UNAVAIL, .msg = "down" };

static void a_verdict_holds_for_a_second_a_bad_one_for_less(void **state)
{
	struct wp_ready ready = { 0 };
	struct wp_error verdict = { 0 };

	(void)state;

	assert_int_equal(wp_ready_ask(&ready, NOW, &verdict), WP_READY_LOOK);
	wp_ready_begin(&ready, NOW);
	wp_ready_note(&ready, NOW, &down);

	assert_int_equal(wp_ready_ask(&ready, NOW + QUARTER - 1, &verdict),
			 WP_READY_KNOWN);
	assert_int_equal(verdict.code, WP_ERR_UNAVAIL);
	assert_string_equal(verdict.msg, "down");
	assert_int_equal(wp_ready_ask(&ready, NOW + QUARTER, &verdict),
			 WP_READY_LOOK);
	wp_ready_begin(&ready, NOW + QUARTER);
	wp_ready_note(&ready, NOW + SECOND, &well);
	assert_int_equal(wp_ready_ask(&ready, NOW + 2 * SECOND - 1, &verdict),
			 WP_READY_KNOWN);
	assert_int_equal(verdict.code, WP_OK);
	assert_int_equal(wp_ready_ask(&ready, NOW + 2 * SECOND, &verdict),
			 WP_READY_LOOK);
}

static void who_asks_while_somebody_looks_is_told_at_once(void **state)
{
	struct wp_ready ready = { 0 };
	struct wp_error verdict = { 0 };

	(void)state;

	wp_ready_begin(&ready, NOW);
	wp_ready_note(&ready, NOW, &well);

	/* A look that takes long says something by itself. */
	wp_ready_begin(&ready, NOW + SECOND);
	assert_int_equal(wp_ready_ask(&ready, NOW + 2 * SECOND - 1, &verdict),
			 WP_READY_KNOWN);
	assert_int_equal(verdict.code, WP_OK);
	assert_int_equal(wp_ready_ask(&ready, NOW + 2 * SECOND, &verdict),
			 WP_READY_KNOWN);
	assert_int_equal(verdict.code, WP_ERR_UNAVAIL);
}

/* But not for long, and not too many. */
static void the_first_verdict_is_waited_for(void **state)
{
	struct wp_ready ready = { 0 };
	struct wp_error verdict = { 0 };

	(void)state;

	wp_ready_begin(&ready, NOW);
	assert_int_equal(wp_ready_ask(&ready, NOW, &verdict), WP_READY_WAIT);
	ready.n_askers = WP_READY_ASKERS_MAX;
	assert_int_equal(wp_ready_ask(&ready, NOW, &verdict), WP_READY_KNOWN);
	assert_int_equal(verdict.code, WP_ERR_UNAVAIL);
	ready.n_askers = 1;
	assert_int_equal(wp_ready_ask(&ready, NOW + 5 * SECOND - 1, &verdict),
			 WP_READY_WAIT);
	assert_int_equal(wp_ready_ask(&ready, NOW + 5 * SECOND, &verdict),
			 WP_READY_KNOWN);
	assert_int_equal(verdict.code, WP_ERR_UNAVAIL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
			a_verdict_holds_for_a_second_a_bad_one_for_less),
		cmocka_unit_test(who_asks_while_somebody_looks_is_told_at_once),
		cmocka_unit_test(the_first_verdict_is_waited_for),
	};

	return cmocka_run_group_tests_name("ready", tests, NULL, NULL);
}
