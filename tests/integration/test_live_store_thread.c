/*
 * A thread with a store, and the Redis that says which store it must be: it may
 * be restarted between two jobs, as often as it likes.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <signal.h>

#include <cmocka.h>
#include <ev.h>

#include "lib/live/store_thread.h"
#include "lib/mailbox/deployment.h"
#include "tests/support/test_redis.h"

enum { RESTARTS = 3 };

struct job {
	struct wp_store_job job; /* first */
	int runs;
	int done;
	enum wp_err result;
};

static enum wp_err on_run(struct wp_store_job *job, struct wp_store *store,
			  struct wp_error *err)
{
	(void)err;
	assert_non_null(store);
	((struct job *)job)->runs++;
	return WP_OK;
}

static void on_done(struct wp_store_job *job, enum wp_err result)
{
	struct job *own = (struct job *)job;

	own->done++;
	own->result = result;
}

/* One job, to its end. */
static struct job run_one(struct wp_store_thread *thread, struct ev_loop *loop)
{
	struct job job = { .job = { .run = on_run, .done = on_done } };

	assert_int_equal(wp_store_thread_submit(thread, &job.job), WP_OK);
	while (job.done == 0)
		ev_run(loop, EVRUN_ONCE);
	assert_int_equal(job.done, 1);
	return job;
}

static void join(const struct wp_conf *conf)
{
	char store_id[WP_STORE_ID_LEN + 1] = "";
	const struct wp_log log = { 0 };
	struct wp_redis *redis = wp_test_redis(conf);

	assert_int_equal(wp_deployment_join(redis, conf, &log, store_id, NULL),
			 WP_OK);
	wp_redis_free(&redis);
}

static void a_restart_of_redis_fails_no_job(void **state)
{
	struct wp_test_server server = { 0 };
	struct wp_store_thread *thread = NULL;
	struct wp_conf conf;
	const struct wp_store_setup setup = {
		.loop = ev_loop_new(EVFLAG_AUTO),
		.conf = &conf,
		.threads = 1,
	};

	(void)state;
	wp_test_server_start(&server, "store", NULL);
	wp_test_conf(&conf, server.path);
	join(&conf);
	assert_int_equal(wp_store_thread_start(&thread, &setup, NULL), WP_OK);

	for (int i = 0; i <= RESTARTS; i++) {
		struct job job = run_one(thread, setup.loop);

		assert_int_equal(job.result, WP_OK);
		assert_int_equal(job.runs, 1);
		wp_test_server_kill(&server, SIGKILL);
		if (i < RESTARTS)
			wp_test_server_start(&server, "store", NULL);
	}

	/* Without Redis nobody knows whether it is the right store. */
	for (int i = 0; i < 2; i++) {
		struct job job = run_one(thread, setup.loop);

		assert_int_not_equal(job.result, WP_OK);
		assert_int_equal(job.runs, 0);
	}
	wp_store_thread_stop(&thread);
	ev_loop_destroy(setup.loop);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_restart_of_redis_fails_no_job),
	};

	if (!wp_test_redis_present())
		return WP_TEST_SKIPPED;
	return cmocka_run_group_tests_name("live_store_thread", tests, NULL,
					   NULL);
}
