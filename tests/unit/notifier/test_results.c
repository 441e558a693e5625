/* What became of pushes is written in its order, many at once, while there is
 * room. The store's thread and the store are ours. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "lib/store/push.h"
#include "notifier/results.h"

enum { DAY = 20000 };
static const int64_t now_ms = (int64_t)DAY * 86400 * 1000 + 1;

/* The thread has at most one job of ours. */
static struct wp_store_job *submitted;
static bool is_full;
static struct wp_push_outcome written[2 * WP_RESULTS_MAX];
static size_t n_written;

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
	submitted = NULL;
	is_full = false;
	n_written = 0;
	*state = wp_results_new(NULL);
	return *state != NULL ? 0 : -1;
}

static int end(void **state)
{
	struct wp_results *results = *state;

	wp_results_free(&results);
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

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)
	const struct CMUnitTest tests[] = {
		TEST(what_comes_meanwhile_is_written_next),
		TEST(what_the_store_has_is_not_written_again),
		TEST(what_finds_no_room_is_left_out),
		TEST(a_thread_that_is_stopped_is_given_nothing),
	};
#undef TEST

	return cmocka_run_group_tests_name("results", tests, NULL, NULL);
}
