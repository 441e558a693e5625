/*
 * thread.c - pthread_create() with every signal blocked in the new thread.
 */
#include "lib/sys/thread.h"

#include <errno.h>
#include <signal.h>

static void *thread_main(void *arg)
{
	struct wp_thread *thread = arg;

	thread->job.run(thread->job.ctx);
	/* First, so that who is told by on_end() finds it so. */
	atomic_store(&thread->has_ended, true);
	if (thread->job.on_end != NULL)
		thread->job.on_end(thread->job.end_ctx);
	return NULL;
}

enum wp_err wp_thread_start(struct wp_thread *thread,
			    const struct wp_thread_job *job,
			    struct wp_error *err)
{
	sigset_t all, before;
	int rc;

	thread->job = *job;
	atomic_store(&thread->has_ended, false);
	/* A new thread inherits the mask. */
	sigfillset(&all);
	(void)pthread_sigmask(SIG_SETMASK, &all, &before);
	rc = pthread_create(&thread->id, NULL, thread_main, thread);
	(void)pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (rc != 0) {
		errno = rc;
		return wp_error_sys(err, "no thread can be made");
	}
	thread->is_started = true;
	return WP_OK;
}

bool wp_thread_has_ended(const struct wp_thread *thread)
{
	return atomic_load(&thread->has_ended);
}

void wp_thread_join(struct wp_thread *thread)
{
	if (!thread->is_started)
		return;
	(void)pthread_join(thread->id, NULL);
	thread->is_started = false;
}
