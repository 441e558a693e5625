/* What nobody refreshes is deleted by the one who looks at partition 0, piece
 * by piece. The store, its thread and the clock are ours. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <ev.h>

#include "lib/store/push.h"
#include "notifier/expiry.h"
#include "notifier/metrics.h"

enum { DAY = 20000, DAY_S = 86400, PARTITIONS = 64 };

static struct wp_store_job *submitted;
static bool is_full;
static enum wp_err store_result;
static int64_t rows; /* that are too old */
static int64_t before_day, before_s, n_calls;

struct bench {
	struct wp_conf conf;
	struct wp_sharing sharing; /* only its share */
	struct wp_expiry_setup setup;
	struct wp_expiry *expiry;
};

int64_t __wrap_wp_wall_ms(void);
int64_t __wrap_wp_wall_ms(void)
{
	return ((int64_t)DAY * DAY_S + 7) * 1000;
}

enum wp_err __wrap_wp_store_thread_submit(struct wp_store_thread *thread,
					  struct wp_store_job *job);
enum wp_err __wrap_wp_store_thread_submit(struct wp_store_thread *thread,
					  struct wp_store_job *job)
{
	(void)thread;
	assert_null(submitted);
	if (is_full)
		return WP_ERR_FULL;
	submitted = job;
	return WP_OK;
}

enum wp_err __wrap_wp_push_expire(struct wp_store *store,
				  struct wp_push_expire *expire,
				  struct wp_error *err);
enum wp_err __wrap_wp_push_expire(struct wp_store *store,
				  struct wp_push_expire *expire,
				  struct wp_error *err)
{
	(void)store;
	(void)err;
	n_calls++;
	before_day = expire->refreshed_before_day;
	before_s = expire->gone_before_s;
	if (store_result != WP_OK)
		return store_result;
	assert_int_equal(expire->max, WP_EXPIRY_ROWS);
	expire->deleted = rows < expire->max ? rows : expire->max;
	expire->unrefreshed = expire->deleted;
	rows -= expire->deleted;
	return WP_OK;
}

/* The thread does what it was given; false when that is nothing. */
static bool work(void)
{
	struct wp_store_job *job = submitted;

	submitted = NULL;
	if (job == NULL)
		return false;
	job->done(job, job->run(job, NULL, NULL));
	return true;
}

static int begin(void **state)
{
	static struct bench b;

	submitted = NULL;
	is_full = false;
	store_result = WP_OK;
	rows = 0;
	n_calls = 0;
	b = (struct bench){
		.sharing = { .n = 2, .now = { .first = 40, .count = 32 } },
	};
	b.conf.mailbox.partitions = PARTITIONS;
	b.conf.push.token_days = 270;
	b.setup = (struct wp_expiry_setup){
		.loop = ev_loop_new(EVFLAG_AUTO),
		.conf = &b.conf,
		.sharing = &b.sharing,
	};
	if (wp_notifier_metrics_new(&b.setup.metrics, NULL) != WP_OK ||
	    wp_expiry_new(&b.expiry, &b.setup, NULL) != WP_OK)
		return -1;
	*state = &b;
	return 0;
}

static int end(void **state)
{
	struct bench *b = *state;

	wp_expiry_free(&b->expiry);
	wp_metrics_free(&b->setup.metrics);
	ev_loop_destroy(b->setup.loop);
	return 0;
}

static void days_are_counted_from_today(void **state)
{
	struct bench *b = *state;
	struct wp_conf other = b->conf;

	wp_expiry_look(b->expiry);
	assert_true(work());
	assert_int_equal(before_day, DAY - 270);
	assert_int_equal(before_s, (int64_t)(DAY - 30) * DAY_S + 7);

	other.push.token_days = 3;
	wp_expiry_use(b->expiry, &other);
	wp_expiry_look(b->expiry);
	assert_true(work());
	assert_int_equal(before_day, DAY - 3);
}

static void a_look_goes_on_until_all_is_deleted(void **state)
{
	struct bench *b = *state;

	rows = 2 * WP_EXPIRY_ROWS + 1;
	wp_expiry_look(b->expiry);
	wp_expiry_look(b->expiry); /* while the first is at it */
	while (work())
		;
	assert_int_equal(rows, 0);
	assert_int_equal(n_calls, 3);
	assert_int_equal(
		wp_metric_get(b->setup.metrics, WP_NM_REMOVED_UNREFRESHED),
		2 * WP_EXPIRY_ROWS + 1);
}

static void it_is_for_who_looks_at_partition_0(void **state)
{
	static const struct {
		size_t n;
		struct wp_fair_share share;
		bool is_ours;
	} cases[] = {
		{ 1, { 0, PARTITIONS }, true }, { 2, { 0, 32 }, true },
		{ 2, { 32, 32 }, false },       { 2, { 33, 32 }, true },
		{ 2, { 1, 63 }, false },        { 2, { 0, 0 }, false },
		{ 2, { 63, 2 }, true },         { 0, { 0, PARTITIONS }, false },
	};
	struct bench *b = *state;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		b->sharing.n = cases[i].n;
		b->sharing.now = cases[i].share;
		wp_expiry_look(b->expiry);
		assert_int_equal(work(), cases[i].is_ours);
	}
}

static void what_fails_is_left_to_the_next_hour(void **state)
{
	struct bench *b = *state;

	rows = 5;
	is_full = true;
	wp_expiry_look(b->expiry);
	is_full = false;
	assert_false(work());
	store_result = WP_ERR_UNAVAIL;
	wp_expiry_look(b->expiry);
	assert_true(work());
	assert_false(work());
	store_result = WP_OK;
	wp_expiry_look(b->expiry);
	assert_true(work());
	assert_int_equal(rows, 0);
}

static void who_stops_begins_no_more(void **state)
{
	struct bench *b = *state;

	rows = 2 * WP_EXPIRY_ROWS;
	wp_expiry_look(b->expiry);
	wp_expiry_stop(b->expiry);
	assert_true(work());
	assert_false(work());
	wp_expiry_look(b->expiry);
	assert_false(work());
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)
	const struct CMUnitTest tests[] = {
		TEST(days_are_counted_from_today),
		TEST(a_look_goes_on_until_all_is_deleted),
		TEST(it_is_for_who_looks_at_partition_0),
		TEST(what_fails_is_left_to_the_next_hour),
		TEST(who_stops_begins_no_more),
	};
#undef TEST

	return cmocka_run_group_tests_name("expiry", tests, NULL, NULL);
}
