/*
 * store_thread.h - the cold store, at arm's length from the event loop.
 *
 * SQLite blocks, the loop must not: jobs go to one thread that owns a store of
 * its own, and come back through an ev_async. The line of jobs is bounded, and
 * so is one user's part of it.
 */
#ifndef WP_LIB_LIVE_STORE_THREAD_H
#define WP_LIB_LIVE_STORE_THREAD_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/base/err.h"
#include "lib/mailbox/ack.h"
#include "lib/name/urn.h"
#include "lib/sys/conf.h"

struct ev_loop;
struct wp_store_thread;

enum {
	WP_STORE_JOBS_MAX = 1024,
	/* Nobody waits behind more of somebody else's. */
	WP_STORE_JOBS_USER_MAX = WP_STORE_JOBS_MAX / 8,
};

/* Step 2 of an ack (ARCHITECTURE 4.4). The submitter's memory. */
struct wp_store_job {
	struct wp_store_job *next;
	struct wp_urn user;
	uint32_t user_hash;
	uint32_t partition;
	struct wp_ack_ids ids;
	/* Runs once, on the loop's thread; result is WP_OK or an error, and
	 * is_empty says that no row is left. */
	void (*done)(struct wp_store_job *job, enum wp_err result,
		     bool is_empty);
	enum wp_err result;
	bool is_empty;
	struct wp_store_size size; /* what is left, when result is WP_OK */
};

/* conf is borrowed. The store is opened by the thread, and again after a
 * failure. Signals stay with the caller's thread. */
enum wp_err wp_store_thread_start(struct wp_store_thread **out,
				  struct ev_loop *loop,
				  const struct wp_conf *conf,
				  struct wp_error *err) WP_MUST_USE;

/*
 * Finish the job under way and join; jobs that wait are done with
 * WP_ERR_UNAVAIL before this returns. NULL-safe.
 */
void wp_store_thread_stop(struct wp_store_thread **thread);

/* Is no job submitted that is not done? */
bool wp_store_thread_is_idle(const struct wp_store_thread *thread);

/*
 * Errors:  WP_ERR_FULL  too many are waiting, or too many of this user; done
 * will not run Threads: the loop's
 */
enum wp_err wp_store_thread_submit(struct wp_store_thread *thread,
				   struct wp_store_job *job) WP_MUST_USE;

#endif /* WP_LIB_LIVE_STORE_THREAD_H */
