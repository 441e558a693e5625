/*
 * thread.h - a thread of ours beside the one that takes the signals.
 */
#ifndef WP_LIB_SYS_THREAD_H
#define WP_LIB_SYS_THREAD_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>

#include "lib/base/err.h"

/* What a thread does. */
struct wp_thread_job {
	void (*run)(void *ctx);
	void *ctx;
	/* Said by the thread when it has ended; NULL when nobody asks. */
	void (*on_end)(void *end_ctx);
	void *end_ctx;
};

/* The caller's; it may move only while no thread runs. Begins as { 0 }. */
struct wp_thread {
	struct wp_thread_job job;
	pthread_t id;
	bool is_started;
	atomic_bool has_ended;
};

/*
 * Start a thread in which every signal is blocked: they are for whoever waits
 * for them, and cut short no call here.
 *
 * Errors:  WP_ERR_SYS  the system has no room for one; err says why
 */
enum wp_err wp_thread_start(struct wp_thread *thread,
			    const struct wp_thread_job *job,
			    struct wp_error *err) WP_MUST_USE;

/*
 * Has its job ended? Then wp_thread_join() waits for nothing but on_end, and
 * all that the thread wrote can be read.
 *
 * Threads:  any
 */
bool wp_thread_has_ended(const struct wp_thread *thread);

/* Wait for its end. Nothing when it was not started, or was joined already. */
void wp_thread_join(struct wp_thread *thread);

#endif /* WP_LIB_SYS_THREAD_H */
