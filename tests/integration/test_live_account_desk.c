/*
 * Accounts on threads: a hash waits for its slot, nothing else for a hash, and
 * whoever comes too many is told at once.
 */
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>
#include <ev.h>

#include "lib/accounts/hash_gate.h"
#include "lib/live/account_desk.h"
#include "tests/support/test_redis.h"

enum { SLOTS = 2, SEATS = 2 * SLOTS + 2, MANY = 64 };

struct fixture {
	struct ev_loop *loop;
	struct wp_account_desk *desk;
	char path[256];
};

/* A job that holds its thread until it is let go. */
struct job {
	struct wp_desk_job base;
	bool holds;
	bool is_done;
	enum wp_err result;
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t change = PTHREAD_COND_INITIALIZER;
static int n_running; /* under lock, as is is_let_go */
static bool is_let_go;

static enum wp_err run(struct wp_desk_job *base, struct wp_accounts *accounts,
		       struct wp_error *err)
{
	struct job *job = (struct job *)base;
	char id[WP_ACCOUNTS_ID_LEN + 1];

	if (wp_accounts_id(accounts, id, err) != WP_OK)
		return WP_ERR_UNAVAIL;
	if (!job->holds)
		return WP_ERR_NOTFOUND; /* an answer like another */
	pthread_mutex_lock(&lock);
	n_running++;
	pthread_cond_broadcast(&change);
	while (!is_let_go)
		pthread_cond_wait(&change, &lock);
	n_running--;
	pthread_mutex_unlock(&lock);
	return WP_OK;
}

static void wait_for_running(int n)
{
	pthread_mutex_lock(&lock);
	while (n_running < n)
		pthread_cond_wait(&change, &lock);
	pthread_mutex_unlock(&lock);
}

static void let_go(bool now)
{
	pthread_mutex_lock(&lock);
	is_let_go = now;
	pthread_cond_broadcast(&change);
	pthread_mutex_unlock(&lock);
}

static void on_done(struct wp_desk_job *base, enum wp_err result)
{
	struct job *job = (struct job *)base;

	assert_false(job->is_done);
	job->is_done = true;
	job->result = result;
}

static enum wp_err submit(struct fixture *f, struct job *job, bool hashes,
			  bool holds)
{
	*job = (struct job){
		.base = { .run = run,
			  .done = on_done,
			  .hashes = hashes,
			  .user_hash = (uint32_t)(uintptr_t)job },
		.holds = holds,
	};
	return wp_account_desk_submit(f->desk, &job->base);
}

static void wait_for(struct fixture *f, const struct job *job)
{
	while (!job->is_done)
		ev_run(f->loop, EVRUN_ONCE);
}

static void a_job_has_the_file_and_its_answer_comes_back(void **state)
{
	struct fixture *f = *state;
	struct job plain, hash;

	let_go(true);
	assert_int_equal(submit(f, &plain, false, false), WP_OK);
	assert_int_equal(submit(f, &hash, true, true), WP_OK);
	wait_for(f, &plain);
	wait_for(f, &hash);
	assert_int_equal(plain.result, WP_ERR_NOTFOUND);
	assert_int_equal(hash.result, WP_OK);
}

static void as_many_hash_as_there_are_slots(void **state)
{
	struct fixture *f = *state;
	struct job hashes[SLOTS + SEATS + 1], plain;

	let_go(false);
	for (int i = 0; i < SLOTS + SEATS; i++)
		assert_int_equal(submit(f, &hashes[i], true, true), WP_OK);
	/* And no seat is left. */
	assert_int_equal(submit(f, &hashes[SLOTS + SEATS], true, true),
			 WP_ERR_FULL);
	wait_for_running(SLOTS);
	/* What hashes nothing goes by. */
	assert_int_equal(submit(f, &plain, false, false), WP_OK);
	wait_for(f, &plain);
	pthread_mutex_lock(&lock);
	assert_int_equal(n_running, SLOTS);
	pthread_mutex_unlock(&lock);
	let_go(true);
	for (int i = 0; i < SLOTS + SEATS; i++) {
		wait_for(f, &hashes[i]);
		assert_int_equal(hashes[i].result, WP_OK);
	}
}

static void all_places_are_given_back(void **state)
{
	struct fixture *f = *state;
	struct wp_hash_gate gate;
	struct job jobs[SLOTS + SEATS];
	size_t place, n = 0;

	let_go(true);
	for (int i = 0; i < SLOTS + SEATS; i++)
		assert_int_equal(submit(f, &jobs[i], true, true), WP_OK);
	for (int i = 0; i < SLOTS + SEATS; i++)
		wait_for(f, &jobs[i]);
	assert_int_equal(wp_hash_gate_open(&gate, f->path, SLOTS, NULL), WP_OK);
	while (wp_hash_gate_enter(&gate, &place, NULL) == WP_OK ||
	       wp_hash_gate_sit(&gate, &place, NULL) == WP_OK)
		n++;
	assert_int_equal(n, SLOTS + SEATS);
	wp_hash_gate_close(&gate);
}

/* Somebody else hashes on this host, and does not end. */
static pid_t hold_slots(const struct fixture *f)
{
	struct wp_hash_gate gate;
	int ready[2];
	size_t place;
	char byte;
	pid_t pid;

	assert_int_equal(pipe(ready), 0);
	pid = fork();
	assert_true(pid != -1);
	if (pid == 0) {
		if (wp_hash_gate_open(&gate, f->path, SLOTS, NULL) != WP_OK)
			_exit(1);
		for (int i = 0; i < SLOTS; i++)
			if (wp_hash_gate_enter(&gate, &place, NULL) != WP_OK)
				_exit(1);
		if (write(ready[1], "x", 1) != 1)
			_exit(1);
		for (;;)
			pause();
	}
	close(ready[1]);
	assert_int_equal(read(ready[0], &byte, 1), 1);
	close(ready[0]);
	return pid;
}

static void end(pid_t pid)
{
	assert_int_equal(kill(pid, SIGKILL), 0);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
}

static void who_is_killed_inside_a_hash_frees_the_slot(void **state)
{
	struct fixture *f = *state;
	pid_t pid = hold_slots(f);
	struct job job;

	let_go(true);
	assert_int_equal(submit(f, &job, true, true), WP_OK);
	for (int i = 0; i < 3; i++)
		ev_run(f->loop, EVRUN_ONCE);
	assert_false(job.is_done);
	end(pid);
	wait_for(f, &job);
	assert_int_equal(job.result, WP_OK);
}

static void who_waits_in_vain_is_told(void **state)
{
	struct fixture *f = *state;
	pid_t pid = hold_slots(f);
	struct job job, plain;

	let_go(true);
	assert_int_equal(submit(f, &job, true, true), WP_OK);
	assert_int_equal(submit(f, &plain, false, false), WP_OK);
	wait_for(f, &job);
	assert_int_equal(job.result, WP_ERR_FULL);
	assert_true(plain.is_done);
	end(pid);
	assert_int_equal(submit(f, &job, true, true), WP_OK);
	wait_for(f, &job);
	assert_int_equal(job.result, WP_OK);
}

/* A file that is locked holds up each thread for as long as it may. */
static void who_waits_in_vain_for_a_thread_is_told(void **state)
{
	struct fixture *f = *state;
	struct job slow[SLOTS + 1], late, clock;
	pid_t pid = hold_slots(f);

	let_go(false);
	for (int i = 0; i < SLOTS + 1; i++)
		assert_int_equal(submit(f, &slow[i], false, true), WP_OK);
	wait_for_running(SLOTS + 1);
	assert_int_equal(submit(f, &late, false, false), WP_OK);
	/* So long may one wait for a slot. */
	assert_int_equal(submit(f, &clock, true, false), WP_OK);
	wait_for(f, &clock);
	assert_int_equal(clock.result, WP_ERR_FULL);
	assert_false(late.is_done);
	let_go(true);

	wait_for(f, &late);

	assert_int_equal(late.result, WP_ERR_FULL);
	for (int i = 0; i < SLOTS + 1; i++) {
		wait_for(f, &slow[i]);
		assert_int_equal(slow[i].result, WP_OK);
	}
	end(pid);
}

static void a_file_that_cannot_be_opened_is_tried_again(void **state)
{
	struct fixture *f = *state;
	struct job job;

	assert_int_equal(mkdir(f->path, 0700), 0);
	assert_int_equal(submit(f, &job, false, false), WP_OK);
	wait_for(f, &job);
	assert_int_equal(job.result, WP_ERR_UNAVAIL);
	assert_int_equal(rmdir(f->path), 0);
	assert_int_equal(submit(f, &job, false, false), WP_OK);
	wait_for(f, &job);
	assert_int_equal(job.result, WP_ERR_NOTFOUND);
}

/* Names would be given out twice, and mailboxes with them. */
static void another_file_than_the_deployments_is_not_used(void **state)
{
	struct fixture *f = *state;
	struct wp_account_desk *first = NULL, *second = NULL;
	struct wp_conf conf;
	char other[300];
	struct wp_account_desk_setup setup = {
		.loop = f->loop,
		.path = f->path,
		.blocklist_file = "",
		.store_secret = "a secret of the store",
		.cost = { 19456, 2 },
		.slots = SLOTS,
		.conf = &conf,
	};
	struct wp_redis *redis;
	struct job job;

	wp_account_desk_free(&f->desk);
	wp_test_conf(&conf, NULL);
	redis = wp_test_redis(&conf);
	wp_test_run(redis, "DEL", "wp:meta", NULL);
	assert_int_equal(wp_account_desk_new(&first, &setup, NULL), WP_OK);
	(void)snprintf(other, sizeof(other), "%s-other", f->path);
	setup.path = other;
	assert_int_equal(wp_account_desk_new(&second, &setup, NULL), WP_OK);

	f->desk = first;
	assert_int_equal(submit(f, &job, false, false), WP_OK);
	wait_for(f, &job);
	assert_int_equal(job.result, WP_ERR_NOTFOUND);
	f->desk = second;
	assert_int_equal(submit(f, &job, false, false), WP_OK);
	wait_for(f, &job);
	assert_int_equal(job.result, WP_ERR_UNAVAIL);
	/* An operator says so: the other one is lost for good. */
	wp_test_run(redis, "HDEL", "wp:meta", "accounts", NULL);
	assert_int_equal(submit(f, &job, false, false), WP_OK);
	wait_for(f, &job);
	assert_int_equal(job.result, WP_ERR_NOTFOUND);
	wp_account_desk_free(&first);
	wp_redis_free(&redis);
}

static void what_waits_at_the_end_is_told(void **state)
{
	struct fixture *f = *state;
	struct job jobs[SLOTS + SEATS];
	pid_t pid = hold_slots(f);

	let_go(true);
	for (int i = 0; i < SEATS; i++)
		assert_int_equal(submit(f, &jobs[i], true, true), WP_OK);
	wp_account_desk_free(&f->desk);
	assert_null(f->desk);
	for (int i = 0; i < SEATS; i++) {
		assert_true(jobs[i].is_done);
		assert_int_equal(jobs[i].result, WP_ERR_UNAVAIL);
	}
	end(pid);
}

/* A slot that is given back then is nobody's any more. */
static void who_waits_for_a_hash_at_the_end_is_told(void **state)
{
	struct fixture *f = *state;
	struct job jobs[SLOTS + SEATS];

	let_go(false);
	for (int i = 0; i < SLOTS + SEATS; i++)
		assert_int_equal(submit(f, &jobs[i], true, true), WP_OK);
	wait_for_running(SLOTS);
	let_go(true);
	wp_account_desk_free(&f->desk);
	for (int i = 0; i < SLOTS + SEATS; i++) {
		assert_true(jobs[i].is_done);
		assert_int_equal(jobs[i].result,
				 i < SLOTS ? WP_OK : WP_ERR_UNAVAIL);
	}
}

static int setup(void **state)
{
	static struct fixture f;
	static int number;
	struct wp_error err = { 0 };
	struct wp_account_desk_setup setup = {
		.path = f.path,
		.blocklist_file = "",
		.store_secret = "a secret of the store",
		.cost = { 19456, 2 },
		.slots = SLOTS,
	};

	f.loop = ev_loop_new(EVFLAG_AUTO);
	setup.loop = f.loop;
	(void)snprintf(f.path, sizeof(f.path), "%s/accounts-%d.db",
		       wp_test_dir(), number++);
	if (wp_account_desk_new(&f.desk, &setup, &err) != WP_OK)
		fail_msg("%s", err.msg);
	*state = &f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	wp_account_desk_free(&f->desk);
	ev_loop_destroy(f->loop);
	return 0;
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_job_has_the_file_and_its_answer_comes_back),
		TEST(as_many_hash_as_there_are_slots),
		TEST(all_places_are_given_back),
		TEST(who_is_killed_inside_a_hash_frees_the_slot),
		TEST(who_waits_in_vain_is_told),
		TEST(who_waits_in_vain_for_a_thread_is_told),
		TEST(a_file_that_cannot_be_opened_is_tried_again),
		TEST(another_file_than_the_deployments_is_not_used),
		TEST(what_waits_at_the_end_is_told),
		TEST(who_waits_for_a_hash_at_the_end_is_told),
	};

	if (!wp_test_redis_present())
		return WP_TEST_SKIPPED;
	return cmocka_run_group_tests_name("account desk", tests, NULL, NULL);
}
