/* The line before the store: bounded, for all and for each, and served by
 * several threads at a time. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <pthread.h>

#include <cmocka.h>
#include <ev.h>

#include "lib/live/store_thread.h"

enum { JOBS = WP_STORE_JOBS_MAX + WP_STORE_JOBS_USER_MAX };

/* No store can be opened there: every job fails, which is none of the line's
 * business. What is done is told on the loop, which does not turn by itself. */
static char backend[] = "sqlite";
static char path[] = "/nowhere/waypost.db";
static char nowhere[] = "unix:/nowhere/redis.sock";
static const struct wp_conf conf = {
	.redis = { .address = nowhere },
	.store = { .backend = backend, .sqlite_path = path },
};
static struct wp_store_job jobs[JOBS];
static size_t n_done;

/* Without a store. */
static enum wp_err never(struct wp_store_job *job, struct wp_store *store,
			 struct wp_error *err)
{
	(void)job;
	(void)store;
	(void)err;
	abort();
}

static void on_done(struct wp_store_job *job, enum wp_err result)
{
	(void)job;
	assert_int_not_equal(result, WP_OK);
	n_done++;
}

/* How many of n jobs of this user get in, the first of them at `from`. */
static size_t submit(struct wp_store_thread *thread, size_t from, size_t n,
		     uint32_t hash)
{
	for (size_t i = 0; i < n; i++) {
		struct wp_store_job *job = &jobs[from + i];

		*job = (struct wp_store_job){ .user_hash = hash,
					      .run = never,
					      .done = on_done };
		if (wp_store_thread_submit(thread, job) != WP_OK)
			return i;
	}
	return n;
}

static enum wp_err start(struct wp_store_thread **out, struct ev_loop *loop,
			 size_t threads)
{
	const struct wp_store_setup setup = {
		.loop = loop,
		.conf = &conf,
		.threads = threads,
		.store_id = "0123456789abcdef",
	};

	return wp_store_thread_start(out, &setup, NULL);
}

static pthread_barrier_t barrier;

static void on_met(struct wp_store_job *job, enum wp_err result)
{
	(void)job;
	assert_int_equal(result, WP_OK);
	n_done++;
}

static enum wp_err meet(struct wp_store_job *job, const char *store_id)
{
	(void)job;
	(void)pthread_barrier_wait(&barrier);
	return strcmp(store_id, "0123456789abcdef") == 0 ? WP_OK : WP_ERR_INVAL;
}

/* Each waits until all the others are at work too. */
static void let_all_meet(struct wp_store_thread *thread, struct ev_loop *loop,
			 unsigned n)
{
	n_done = 0;
	assert_int_equal(pthread_barrier_init(&barrier, NULL, n), 0);
	for (size_t i = 0; i < n; i++) {
		jobs[i] = (struct wp_store_job){ .ask = meet, .done = on_met };
		assert_int_equal(wp_store_thread_submit(thread, &jobs[i]),
				 WP_OK);
	}
	while (n_done < n)
		ev_run(loop, EVRUN_ONCE);
	assert_true(wp_store_thread_is_idle(thread));
	pthread_barrier_destroy(&barrier);
}

static void jobs_run_side_by_side(void **state)
{
	enum { THREADS = 3 };
	struct wp_store_thread *thread = NULL;
	struct ev_loop *loop = ev_loop_new(EVFLAG_AUTO);

	(void)state;
	assert_int_equal(start(&thread, loop, THREADS), WP_OK);
	for (int i = 0; i < 100; i++)
		let_all_meet(thread, loop, THREADS);
	wp_store_thread_stop(&thread);
	ev_loop_destroy(loop);
}

static pthread_t worked;

static enum wp_err say_who(struct wp_store_job *job, const char *store_id)
{
	(void)job;
	(void)store_id;
	worked = pthread_self(); /* read when it is done */
	return WP_OK;
}

/* The others need neither a store nor a connection. */
static void jobs_that_come_one_by_one_are_done_by_one(void **state)
{
	enum { THREADS = 3 };
	struct wp_store_thread *thread = NULL;
	struct ev_loop *loop = ev_loop_new(EVFLAG_AUTO);
	pthread_t first = { 0 };

	(void)state;
	assert_int_equal(start(&thread, loop, THREADS), WP_OK);
	let_all_meet(thread, loop, THREADS); /* so all of them are there */
	for (size_t i = 0; i < 20; i++) {
		jobs[0] =
			(struct wp_store_job){ .ask = say_who, .done = on_met };
		n_done = 0;
		assert_int_equal(wp_store_thread_submit(thread, &jobs[0]),
				 WP_OK);
		while (n_done == 0)
			ev_run(loop, EVRUN_ONCE);
		if (i == 0)
			first = worked;
		assert_true(pthread_equal(first, worked));
	}
	wp_store_thread_stop(&thread);
	ev_loop_destroy(loop);
}

static void one_user_has_a_part_of_the_line(void **state)
{
	struct wp_store_thread *thread = NULL;
	struct ev_loop *loop = ev_loop_new(EVFLAG_AUTO);
	size_t n = 0;

	(void)state;
	n_done = 0;
	assert_int_equal(start(&thread, loop, 1), WP_OK);
	assert_int_equal(submit(thread, 0, WP_STORE_JOBS_USER_MAX + 1, 1),
			 WP_STORE_JOBS_USER_MAX);
	n = WP_STORE_JOBS_USER_MAX;
	for (uint32_t hash = 2; n < WP_STORE_JOBS_MAX; hash++)
		n += submit(thread, n, WP_STORE_JOBS_USER_MAX, hash);
	assert_int_equal(n, WP_STORE_JOBS_MAX);
	assert_int_equal(submit(thread, n, 1, 1000), 0);

	/* When they are done there is room again. */
	while (n_done < n)
		ev_run(loop, EVRUN_ONCE);
	assert_int_equal(submit(thread, 0, WP_STORE_JOBS_USER_MAX + 1, 1),
			 WP_STORE_JOBS_USER_MAX);
	wp_store_thread_stop(&thread);
	assert_int_equal(n_done, n + WP_STORE_JOBS_USER_MAX);
	ev_loop_destroy(loop);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(jobs_run_side_by_side),
		cmocka_unit_test(jobs_that_come_one_by_one_are_done_by_one),
		cmocka_unit_test(one_user_has_a_part_of_the_line),
	};

	return cmocka_run_group_tests_name("store_thread", tests, NULL, NULL);
}
