/*
 * job_line.h - what blocks, at arm's length from the event loop: jobs go to a
 * thread, or one of several, and come back through an ev_async.
 *
 * The line is bounded, and so is one user's part of it. With several threads
 * jobs overtake each other, also those of one user.
 */
#ifndef WP_LIB_LIVE_JOB_LINE_H
#define WP_LIB_LIVE_JOB_LINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/base/err.h"

struct ev_loop;
struct wp_job_line;

/* Something to do. The submitter's memory, until it is done. */
struct wp_job {
	uint32_t user_hash; /* on whose account */
	bool is_first;      /* it goes before all that wait */
	/* On a thread of the line, at most once: what takes its time. */
	void (*run)(struct wp_job *job, void *hand);
	/* On the loop's thread, once; has_run false: the line was stopped. */
	void (*done)(struct wp_job *job, bool has_run);

	struct wp_job *next; /* the rest is the line's */
	bool has_run;
};

struct wp_job_line_setup {
	struct ev_loop *loop; /* borrowed */
	size_t threads;       /* at least 1 */
	size_t jobs_max;      /* submitted and not done */
	size_t jobs_user_max; /* of these, of one user */
	/*
	 * What each thread has for itself: so many bytes, zeroed. init is
	 * called by the thread that starts the line, end by the thread itself.
	 */
	size_t hand_bytes;
	void (*hand_init)(void *hand, void *ctx);
	void (*hand_end)(void *hand);
	void *ctx;
};

/*
 * Start the threads. Signals stay with the caller's thread.
 *
 * Errors:  WP_ERR_NOMEM, WP_ERR_SYS
 */
enum wp_err wp_job_line_start(struct wp_job_line **out,
			      const struct wp_job_line_setup *setup,
			      struct wp_error *err) WP_MUST_USE;

/*
 * Finish the jobs under way and join; jobs that wait are done before this
 * returns. Nothing may be submitted by what that calls. NULL-safe.
 */
void wp_job_line_stop(struct wp_job_line **line);

/* Is no job submitted that is not done? */
bool wp_job_line_is_idle(const struct wp_job_line *line);

/*
 * Errors:   WP_ERR_FULL  too many are waiting, or too many of this user; done
 *           will not be called
 * Threads:  the loop's
 */
enum wp_err wp_job_line_submit(struct wp_job_line *line,
			       struct wp_job *job) WP_MUST_USE;

#endif /* WP_LIB_LIVE_JOB_LINE_H */
