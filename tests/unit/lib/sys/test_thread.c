/* A thread that no signal disturbs, and that says when it has ended. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <semaphore.h>
#include <signal.h>
#include <string.h>

#include "lib/sys/thread.h"

struct work {
	sigset_t mask; /* as the thread found it */
	sem_t may_end;
	sem_t told;
	struct wp_thread *thread;
	bool had_ended; /* when on_end() was called */
};

static void work_run(void *ctx)
{
	struct work *work = ctx;

	(void)pthread_sigmask(SIG_SETMASK, NULL, &work->mask);
	while (sem_wait(&work->may_end) == -1)
		;
}

static void work_on_end(void *ctx)
{
	struct work *work = ctx;

	work->had_ended = wp_thread_has_ended(work->thread);
	(void)sem_post(&work->told);
}

static void a_thread_takes_no_signals_and_tells_its_end(void **state)
{
	struct wp_thread thread = { 0 };
	struct work work = { .thread = &thread };
	const struct wp_thread_job job = { work_run, &work, work_on_end,
					   &work };
	sigset_t before, after;
	struct wp_error err;

	(void)state;
	sem_init(&work.may_end, 0, 0);
	sem_init(&work.told, 0, 0);
	(void)pthread_sigmask(SIG_SETMASK, NULL, &before);

	assert_int_equal(wp_thread_start(&thread, &job, &err), WP_OK);
	assert_false(wp_thread_has_ended(&thread));
	(void)sem_post(&work.may_end);
	while (sem_wait(&work.told) == -1)
		;
	assert_true(work.had_ended);
	assert_true(wp_thread_has_ended(&thread));
	wp_thread_join(&thread);
	wp_thread_join(&thread); /* nothing the second time */

	/* Those behind it are the C library's or for real time. */
	for (int signo = 1; signo <= SIGSYS; signo++)
		if (signo != SIGKILL && signo != SIGSTOP)
			assert_int_equal(sigismember(&work.mask, signo), 1);
	(void)pthread_sigmask(SIG_SETMASK, NULL, &after);
	for (int signo = 1; signo <= SIGSYS; signo++)
		assert_int_equal(sigismember(&before, signo),
				 sigismember(&after, signo));
	sem_destroy(&work.may_end);
	sem_destroy(&work.told);
}

static void what_was_never_started_is_joined_at_once(void **state)
{
	struct wp_thread thread = { 0 };

	(void)state;

	wp_thread_join(&thread);

	assert_false(wp_thread_has_ended(&thread));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_thread_takes_no_signals_and_tells_its_end),
		cmocka_unit_test(what_was_never_started_is_joined_at_once),
	};

	return cmocka_run_group_tests_name("thread", tests, NULL, NULL);
}
