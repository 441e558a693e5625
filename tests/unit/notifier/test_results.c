/* What became of pushes, and what providers said of tokens, is written in its
 * order, many at once, while there is room. The store's thread and the store
 * are ours. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "lib/store/push.h"
#include "notifier/metrics.h"
#include "notifier/provider/verdict.h"
#include "notifier/results.h"

enum { DAY = 20000 };
static const int64_t now_ms = (int64_t)DAY * 86400 * 1000 + 1;

/* The thread has at most one job of ours. */
static struct wp_store_job *submitted;
static bool is_full;
static struct wp_push_outcome written[2 * WP_RESULTS_MAX];
static size_t n_written;
static struct wp_push_mark marked[2 * WP_RESULTS_MAX];
static char reasons[2 * WP_RESULTS_MAX][WP_REASON_MAX + 1];
static size_t n_marked;
static enum wp_err mark_result; /* of the store */
static unsigned int n_told;     /* that all is written */
static unsigned int n_gone;     /* of which users are told */
static char gone_reason[WP_REASON_MAX + 1];
static const struct wp_urn bob = { .len = 15, .text = "urn:sm:user:bob" };
static struct wp_metrics *metrics;

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

enum wp_err __wrap_wp_push_results(struct wp_store *store,
				   const struct wp_push_outcome *outcomes,
				   size_t n, struct wp_error *err);
enum wp_err __wrap_wp_push_results(struct wp_store *store,
				   const struct wp_push_outcome *outcomes,
				   size_t n, struct wp_error *err)
{
	(void)store;
	(void)err;
	assert_true(n_written + n <= sizeof(written) / sizeof(written[0]));
	memcpy(&written[n_written], outcomes, n * sizeof(*outcomes));
	n_written += n;
	return WP_OK;
}

enum wp_err __wrap_wp_push_mark(struct wp_store *store,
				const struct wp_push_mark *mark,
				struct wp_error *err);
enum wp_err __wrap_wp_push_mark(struct wp_store *store,
				const struct wp_push_mark *mark,
				struct wp_error *err)
{
	(void)store;
	assert_true(n_marked < sizeof(marked) / sizeof(marked[0]));
	marked[n_marked] = *mark;
	(void)snprintf(reasons[n_marked], sizeof(reasons[0]), "%s",
		       mark->reason);
	n_marked++;
	return mark_result == WP_OK ? WP_OK
				    : wp_error_set(err, mark_result, "no");
}

static void on_written(void *ctx)
{
	(void)ctx;
	n_told++;
}

static void on_gone(void *ctx, const struct wp_urn *user, const char *device,
		    const char *reason)
{
	(void)ctx;
	assert_string_equal(user->text, bob.text);
	assert_string_equal(device, "name");
	(void)snprintf(gone_reason, sizeof(gone_reason), "%s", reason);
	n_gone++;
}

/* The thread does what it was given; false when that is nothing. */
static bool work(void)
{
	struct wp_store_job *job = submitted;
	struct wp_error err;

	submitted = NULL;
	if (job == NULL)
		return false;
	job->done(job, job->run(job, NULL, &err));
	return true;
}

static int begin(void **state)
{
	struct wp_results_setup setup = { .on_written = on_written,
					  .on_gone = on_gone };

	submitted = NULL;
	is_full = false;
	n_written = 0;
	n_marked = 0;
	mark_result = WP_OK;
	n_told = 0;
	n_gone = 0;
	if (wp_notifier_metrics_new(&setup.metrics, NULL) != WP_OK)
		return -1;
	metrics = setup.metrics;
	*state = wp_results_new(&setup);
	return *state != NULL ? 0 : -1;
}

static int end(void **state)
{
	struct wp_results *results = *state;

	wp_results_free(&results);
	wp_metrics_free(&metrics);
	return 0;
}

static void add(struct wp_results *results, unsigned int number)
{
	const struct wp_target target = {
		.id = { (uint8_t)number, (uint8_t)(number >> 8) },
	};

	wp_results_add(results, &target, WP_PUSH_ACCEPTED, now_ms);
}

static void what_comes_meanwhile_is_written_next(void **state)
{
	add(*state, 1);
	add(*state, 2);
	add(*state, 3);

	assert_true(work());
	assert_int_equal(n_written, 1);
	assert_true(work());
	assert_int_equal(n_written, 3);
	assert_false(work());
	for (uint8_t i = 0; i < 3; i++) {
		assert_int_equal(written[i].id[0], i + 1);
		assert_int_equal(written[i].result, WP_PUSH_ACCEPTED);
		assert_int_equal(written[i].day, DAY);
	}
}

static void what_the_store_has_is_not_written_again(void **state)
{
	struct wp_target target = {
		.result = WP_PUSH_ACCEPTED,
		.result_day = DAY,
	};

	wp_results_add(*state, &target, WP_PUSH_ACCEPTED, now_ms);
	assert_false(work());
	wp_results_add(*state, &target, WP_PUSH_FAILED, now_ms);
	assert_true(work());
	target.result_day--;
	wp_results_add(*state, &target, WP_PUSH_ACCEPTED, now_ms);
	assert_true(work());
	assert_int_equal(n_written, 2);
}

static void what_finds_no_room_is_left_out(void **state)
{
	for (unsigned int i = 0; i < 2 * WP_RESULTS_MAX; i++)
		add(*state, i);

	while (work())
		;
	assert_int_equal(n_written, 1 + WP_RESULTS_MAX);
	is_full = true;
	add(*state, 1);
	is_full = false;
	add(*state, 2);
	assert_true(work());
	assert_int_equal(n_written, 2 + WP_RESULTS_MAX);
	assert_int_equal(written[n_written - 1].id[0], 2);
}

static void a_thread_that_is_stopped_is_given_nothing(void **state)
{
	add(*state, 1);
	add(*state, 2);
	wp_results_end(*state);

	assert_true(work());
	assert_false(work());
}

/* ---- what providers say ---- */

static void mark(struct wp_results *results, uint8_t number,
		 enum wp_push_state state, const char *reason)
{
	const struct wp_target target = {
		.id = { number },
		.name = "name",
		.user = &bob,
		.registered_s = 1000 + number,
	};

	wp_results_mark(results, &target, state, reason, now_ms);
}

static void what_providers_say_is_written_in_its_order(void **state)
{
	mark(*state, 1, WP_PUSH_SUSPECT, "BadDeviceToken");
	mark(*state, 2, WP_PUSH_GONE, "Unregistered");
	mark(*state, 1, WP_PUSH_ACTIVE, "");
	add(*state, 1);

	assert_true(work());
	assert_int_equal(n_marked, 1);
	assert_true(work());
	assert_false(work());
	assert_int_equal(n_marked, 3);
	assert_int_equal(n_written, 1);
	for (size_t i = 0; i < 3; i++) {
		static const uint8_t ids[] = { 1, 2, 1 };

		assert_int_equal(marked[i].id[0], ids[i]);
		assert_int_equal(marked[i].registered_s, 1000 + ids[i]);
		assert_int_equal(marked[i].now_s, now_ms / 1000);
	}
	assert_int_equal(marked[0].state, WP_PUSH_SUSPECT);
	assert_string_equal(reasons[0], "BadDeviceToken");
	assert_int_equal(marked[1].state, WP_PUSH_GONE);
	assert_int_equal(marked[2].state, WP_PUSH_ACTIVE);
	assert_string_equal(reasons[2], "");
}

static void a_token_that_is_gone_counts_once_by_its_reason(void **state)
{
	static const struct {
		const char *reason;
		enum wp_notifier_metric metric;
	} rows[] = {
		{ "", WP_NM_REMOVED_UNREGISTERED },
		{ "Unregistered", WP_NM_REMOVED_UNREGISTERED },
		{ "key_changed", WP_NM_REMOVED_KEY_CHANGED },
		{ "something_else", WP_NM_REMOVED_OTHER },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		int64_t before = wp_metric_get(metrics, rows[i].metric);

		mark(*state, 1, WP_PUSH_GONE, rows[i].reason);
		assert_true(work());
		assert_int_equal(wp_metric_get(metrics, rows[i].metric),
				 before + 1);
		mark(*state, 1, WP_PUSH_SUSPECT, rows[i].reason);
		assert_true(work());
		mark_result = WP_ERR_STALE; /* it was gone already */
		mark(*state, 1, WP_PUSH_GONE, rows[i].reason);
		assert_true(work());
		mark_result = WP_OK;
		assert_int_equal(wp_metric_get(metrics, rows[i].metric),
				 before + 1);
		assert_int_equal(n_gone, i + 1);
		assert_string_equal(gone_reason, rows[i].reason);
	}
}

static void a_token_of_before_holds_up_nothing(void **state)
{
	mark(*state, 1, WP_PUSH_GONE, "");
	mark(*state, 2, WP_PUSH_GONE, "");
	mark(*state, 3, WP_PUSH_GONE, "");
	add(*state, 4);

	mark_result = WP_ERR_STALE;
	while (work())
		;
	assert_int_equal(n_marked, 3);
	assert_int_equal(n_written, 1);
}

static void a_store_that_fails_is_not_asked_for_each(void **state)
{
	mark(*state, 1, WP_PUSH_GONE, "");
	mark(*state, 2, WP_PUSH_GONE, "");
	mark(*state, 3, WP_PUSH_GONE, "");
	add(*state, 4);

	mark_result = WP_ERR_UNAVAIL;
	while (work())
		;
	assert_int_equal(n_marked, 2); /* one of each job */
	assert_int_equal(n_written, 0);
	assert_int_equal(wp_metric_get(metrics, WP_NM_REMOVED_UNREGISTERED), 0);
}

static void words_beyond_the_room_are_left_out(void **state)
{
	for (unsigned int i = 0; i < 2 * WP_RESULTS_MAX; i++)
		mark(*state, (uint8_t)i, WP_PUSH_SUSPECT, "x");

	while (work())
		;
	assert_int_equal(n_marked, 1 + WP_RESULTS_MAX);
}

static void a_reason_that_is_too_long_is_cut(void **state)
{
	char reason[WP_REASON_MAX + 2];

	memset(reason, 'a', sizeof(reason));
	reason[WP_REASON_MAX + 1] = '\0';
	mark(*state, 1, WP_PUSH_SUSPECT, reason);

	assert_true(work());
	assert_int_equal(strlen(reasons[0]), WP_REASON_MAX);
}

/* ---- the end ---- */

static void the_end_hears_when_all_is_written(void **state)
{
	assert_true(wp_results_are_written(*state));
	add(*state, 1);
	assert_false(wp_results_are_written(*state));
	mark(*state, 2, WP_PUSH_GONE, "");

	assert_true(work());
	assert_false(wp_results_are_written(*state));
	assert_int_equal(n_told, 0);
	assert_true(work());
	assert_true(wp_results_are_written(*state));
	assert_int_equal(n_told, 1);
}

/* The thread takes nothing more: what waited is left out, and not waited
 * for. */
static void the_end_hears_of_what_finds_no_room_with_the_thread(void **state)
{
	add(*state, 1);
	add(*state, 2);

	is_full = true;
	assert_true(work());
	assert_true(wp_results_are_written(*state));
	assert_int_equal(n_told, 1);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)
	const struct CMUnitTest tests[] = {
		TEST(what_comes_meanwhile_is_written_next),
		TEST(what_the_store_has_is_not_written_again),
		TEST(what_finds_no_room_is_left_out),
		TEST(a_thread_that_is_stopped_is_given_nothing),
		TEST(what_providers_say_is_written_in_its_order),
		TEST(a_token_that_is_gone_counts_once_by_its_reason),
		TEST(a_token_of_before_holds_up_nothing),
		TEST(a_store_that_fails_is_not_asked_for_each),
		TEST(words_beyond_the_room_are_left_out),
		TEST(a_reason_that_is_too_long_is_cut),
		TEST(the_end_hears_when_all_is_written),
		TEST(the_end_hears_of_what_finds_no_room_with_the_thread),
	};
#undef TEST

	return cmocka_run_group_tests_name("results", tests, NULL, NULL);
}
