/* Who is due in our share and not taken is counted, whoever is claimed is not;
 * and what cannot be asked changes nothing. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>
#include <ev.h>

#include "lib/mailbox/scripts.h"
#include "lib/redis/async.h"
#include "notifier/backlog.h"
#include "notifier/metrics.h"
#include "tests/support/test_redis.h"

enum { HOUR_S = 3600, PARTITIONS = 2 * WP_BACKLOG_AT_ONCE + 10 };

struct bench {
	struct ev_loop *loop;
	struct wp_conf conf;
	struct wp_redis *plain;
	struct wp_aredis *redis;
	struct wp_metrics *metrics;
	struct wp_sharing sharing; /* only its share */
	struct wp_backlog *backlog;
	bool is_ready;
};

/* What is judged is not judged here. */
static struct wp_aredis *connection;
enum wp_err __wrap_wp_judged_do(struct wp_judged *judged,
				const struct wp_cmd *cmd, wp_reply_fn fn,
				void *ctx);
enum wp_err __wrap_wp_judged_do(struct wp_judged *judged,
				const struct wp_cmd *cmd, wp_reply_fn fn,
				void *ctx)
{
	(void)judged;
	return connection == NULL ? WP_ERR_UNAVAIL
				  : wp_aredis_do(connection, cmd, fn, ctx);
}

static void on_ready(void *ctx)
{
	struct bench *b = ctx;

	b->is_ready = true;
}

static int begin(void **state)
{
	static struct bench b;
	struct wp_aredis_setup redis = {
		.scripts = &wp_scripts,
		.name = "backlog",
		.hooks = { .on_ready = on_ready, .ctx = &b },
	};
	struct wp_backlog_setup setup = { .partitions = PARTITIONS };

	b = (struct bench){ .loop = ev_loop_new(EVFLAG_AUTO) };
	wp_test_conf(&b.conf, NULL);
	b.plain = wp_test_redis(&b.conf);
	wp_test_run(b.plain, "FLUSHALL", NULL);
	redis.loop = b.loop;
	redis.conf = &b.conf;
	assert_int_equal(wp_aredis_new(&b.redis, &redis, NULL), WP_OK);
	while (!b.is_ready)
		ev_run(b.loop, EVRUN_ONCE);
	connection = b.redis;
	assert_int_equal(wp_notifier_metrics_new(&b.metrics, NULL), WP_OK);
	setup.loop = b.loop;
	setup.sharing = &b.sharing;
	setup.metrics = b.metrics;
	assert_int_equal(wp_backlog_new(&b.backlog, &setup, NULL), WP_OK);
	*state = &b;
	return 0;
}

static int end(void **state)
{
	struct bench *b = *state;

	wp_aredis_free(&b->redis);
	wp_backlog_free(&b->backlog);
	wp_metrics_free(&b->metrics);
	wp_redis_free(&b->plain);
	ev_loop_destroy(b->loop);
	return 0;
}

static void look(struct bench *b, uint32_t first, uint32_t count)
{
	b->sharing.now = (struct wp_fair_share){ first, count };
	wp_backlog_look(b->backlog);
	while (wp_aredis_unanswered(b->redis) > 0)
		ev_run(b->loop, EVRUN_ONCE);
}

/* Somebody is due in so many seconds, or was so long ago. */
static void put(struct bench *b, int partition, const char *user, int in_s)
{
	static const char script[] =
		"local t = redis.call('TIME') return redis.call('ZADD', "
		"'wp:{' .. ARGV[1] .. '}:pushdue', "
		"string.format('%d', (t[1] + ARGV[3]) * 1000), ARGV[2])";
	char number[16], seconds[16];

	(void)snprintf(number, sizeof(number), "%d", partition);
	(void)snprintf(seconds, sizeof(seconds), "%d", in_s);
	wp_test_run(b->plain, "EVAL", script, "0", number, user, seconds, NULL);
}

static void expect(struct bench *b, int64_t due, int64_t at_least_s)
{
	int64_t oldest_s = wp_metric_get(b->metrics, WP_NM_OLDEST_DUE);

	assert_int_equal(wp_metric_get(b->metrics, WP_NM_DUE), due);
	assert_true(oldest_s >= at_least_s);
	assert_true(oldest_s < at_least_s + HOUR_S);
}

static void what_is_due_in_our_share_counts(void **state)
{
	struct bench *b = *state;

	put(b, 1, "ann", -2 * HOUR_S);
	put(b, 1, "bob", -3 * HOUR_S);
	put(b, 1, "claimed", HOUR_S);
	put(b, 3, "eve", -5 * HOUR_S);
	put(b, PARTITIONS - 1, "joe", -9 * HOUR_S);
	look(b, 0, 3);
	expect(b, 2, 3 * HOUR_S);
	look(b, 0, PARTITIONS); /* in several pieces */
	expect(b, 4, 9 * HOUR_S);
	look(b, PARTITIONS - 1, 3); /* round the end */
	expect(b, 3, 9 * HOUR_S);
	look(b, 4, 7);
	expect(b, 0, 0);
}

static void what_is_not_known_changes_nothing(void **state)
{
	struct bench *b = *state;

	put(b, 1, "bob", -3 * HOUR_S);
	look(b, 0, 3);
	wp_test_run(b->plain, "DEL", "wp:{1}:pushdue", NULL);
	wp_test_run(b->plain, "SET", "wp:{2}:pushdue", "no set", NULL);
	look(b, 0, 3);
	expect(b, 1, 3 * HOUR_S);
	connection = NULL;
	look(b, 0, 2);
	expect(b, 1, 3 * HOUR_S);
	connection = b->redis;
	look(b, 0, 2);
	expect(b, 0, 0);
}

static void a_look_that_is_cut_off_is_not_the_last(void **state)
{
	struct bench *b = *state;

	put(b, 1, "bob", -3 * HOUR_S);
	wp_backlog_look(b->backlog);
	wp_backlog_look(b->backlog); /* while one is under way */
	b->is_ready = false;
	wp_aredis_reset(b->redis);
	while (!b->is_ready)
		ev_run(b->loop, EVRUN_ONCE);
	expect(b, 0, 0);
	look(b, 0, 3);
	expect(b, 1, 3 * HOUR_S);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)
	const struct CMUnitTest tests[] = {
		TEST(what_is_due_in_our_share_counts),
		TEST(what_is_not_known_changes_nothing),
		TEST(a_look_that_is_cut_off_is_not_the_last),
	};
#undef TEST

	if (!wp_test_redis_present())
		return WP_TEST_SKIPPED;
	return cmocka_run_group_tests_name("backlog", tests, NULL, NULL);
}
