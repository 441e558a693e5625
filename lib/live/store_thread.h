/*
 * store_thread.h - what blocks, at arm's length from the event loop: the cold
 * store, and the question whether a Redis is ours.
 *
 * SQLite blocks, the loop must not: jobs go into a line (lib/live/job_line.h)
 * whose threads own a store and a client of Redis each.
 */
#ifndef WP_LIB_LIVE_STORE_THREAD_H
#define WP_LIB_LIVE_STORE_THREAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/base/err.h"
#include "lib/live/job_line.h"
#include "lib/sys/conf.h"

struct ev_loop;
struct wp_store;
struct wp_store_thread;

enum {
	WP_STORE_JOBS_MAX = 1024,
	/* Nobody waits behind more of somebody else's. */
	WP_STORE_JOBS_USER_MAX = WP_STORE_JOBS_MAX / 8,
};

/* Something to do with the store. The submitter's memory, until it is done. */
struct wp_store_job {
	uint32_t user_hash; /* on whose account */
	/*
	 * On the store's thread, at most once: what takes its time. The store
	 * is the one that belongs to the deployment. Errors are logged.
	 */
	enum wp_err (*run)(struct wp_store_job *job, struct wp_store *store,
			   struct wp_error *err);
	/*
	 * In place of run, when that is NULL: what blocks too, but needs no
	 * store; such jobs go before all others. store_id is that of the store
	 * as far as it is known, else "". Errors are the submitter's to log.
	 */
	enum wp_err (*ask)(struct wp_store_job *job, const char *store_id);
	/* On the loop's thread, once: what run made of it, or why it did not
	 * run. */
	void (*done)(struct wp_store_job *job, enum wp_err result);

	struct wp_job base; /* the rest is the threads' */
	enum wp_err result;
};

struct wp_store_setup {
	struct ev_loop *loop;       /* borrowed */
	const struct wp_conf *conf; /* borrowed */
	size_t threads;             /* at least 1 */
	const char *store_id;       /* if it is known already; NULL or "" */
};

/*
 * Start the threads. Each opens its store when it has its first job, and again
 * after a failure. Signals stay with the caller's thread.
 *
 * Errors:  WP_ERR_NOMEM, WP_ERR_SYS
 */
enum wp_err wp_store_thread_start(struct wp_store_thread **out,
				  const struct wp_store_setup *setup,
				  struct wp_error *err) WP_MUST_USE;

/*
 * Finish the jobs under way and join; jobs that wait are done with
 * WP_ERR_UNAVAIL before this returns. NULL-safe.
 */
void wp_store_thread_stop(struct wp_store_thread **thread);

/* Is no job submitted that is not done? */
bool wp_store_thread_is_idle(const struct wp_store_thread *thread);

/*
 * Errors:   WP_ERR_FULL  too many are waiting, or too many of this user; done
 *           will not run
 * Threads:  the loop's
 */
enum wp_err wp_store_thread_submit(struct wp_store_thread *thread,
				   struct wp_store_job *job) WP_MUST_USE;

#endif /* WP_LIB_LIVE_STORE_THREAD_H */
