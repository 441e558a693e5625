/* What is given up is counted by its kind, whether Redis hears of it or not. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "notifier/dead_letters.h"
#include "notifier/metrics.h"

static enum wp_err redis_result;
static size_t n_asked;

enum wp_err __wrap_wp_judged_do(struct wp_judged *judged,
				const struct wp_cmd *cmd, wp_reply_fn fn,
				void *ctx);
enum wp_err __wrap_wp_judged_do(struct wp_judged *judged,
				const struct wp_cmd *cmd, wp_reply_fn fn,
				void *ctx)
{
	size_t len;

	(void)judged;
	(void)ctx;
	assert_null(fn); /* it outlives nobody */
	assert_memory_equal(wp_cmd_word(cmd, 0, &len), "XADD", 4);
	n_asked++;
	return redis_result;
}

static void each_kind_is_counted_with_and_without_redis(void **state)
{
	static const enum wp_notifier_metric counts[] = {
		WP_NM_DEAD_FCM,     WP_NM_DEAD_APNS,    WP_NM_DEAD_WEB,
		WP_NM_DEAD_UNIFIED, WP_NM_DEAD_WEBHOOK, WP_NM_DEAD_EMAIL,
	};
	struct wp_dead_letters letters = { .redis = NULL };

	(void)state;
	assert_int_equal(sizeof(counts) / sizeof(counts[0]),
			 WP_PUSH_DEVICE_KINDS);
	assert_int_equal(wp_notifier_metrics_new(&letters.metrics, NULL),
			 WP_OK);
	for (int kind = 0; kind < WP_PUSH_DEVICE_KINDS; kind++) {
		const struct wp_push_letter letter = {
			.device = "device",
			.kind = (enum wp_push_kind)kind,
			.app = "demo",
			.reason = "gave_up",
		};

		redis_result = kind % 2 == 0 ? WP_OK : WP_ERR_UNAVAIL;
		wp_dead_letters_add(&letters, &letter);
		assert_int_equal(wp_metric_get(letters.metrics, counts[kind]),
				 1);
	}
	assert_int_equal(n_asked, WP_PUSH_DEVICE_KINDS);
	wp_metrics_free(&letters.metrics);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_kind_is_counted_with_and_without_redis),
	};

	return cmocka_run_group_tests_name("dead_letters", tests, NULL, NULL);
}
