/*
 * results.c - two lists: one that the store's thread has, one that grows.
 */
#include "notifier/results.h"

#include <stdlib.h>
#include <string.h>

#include "lib/store/push.h"

enum { MS_PER_DAY = 86400 * 1000 };

struct list {
	struct wp_push_outcome of[WP_RESULTS_MAX];
	size_t n;
};

struct wp_results {
	struct wp_store_job job; /* first: the thread knows only this */
	struct wp_store_thread *store;
	bool is_busy; /* the job, and what it writes, are the thread's */
	bool is_ended;
	struct list written;
	struct list waiting;
};

/* On the store's thread. */
static enum wp_err run(struct wp_store_job *job, struct wp_store *store,
		       struct wp_error *err)
{
	struct wp_results *results = (struct wp_results *)job;

	return wp_push_results(store, results->written.of, results->written.n,
			       err);
}

static void go(struct wp_results *results)
{
	if (results->is_busy || results->is_ended || results->waiting.n == 0)
		return;
	results->written = results->waiting;
	results->waiting.n = 0;
	results->is_busy =
		wp_store_thread_submit(results->store, &results->job) == WP_OK;
}

static void on_done(struct wp_store_job *job, enum wp_err result)
{
	struct wp_results *results = (struct wp_results *)job;

	(void)result; /* a failure was logged; see results.h */
	results->is_busy = false;
	go(results);
}

struct wp_results *wp_results_new(struct wp_store_thread *store)
{
	struct wp_results *results = calloc(1, sizeof(*results));

	if (results == NULL)
		return NULL;
	results->store = store;
	results->job.run = run;
	results->job.done = on_done;
	return results;
}

void wp_results_free(struct wp_results **results)
{
	free(*results);
	*results = NULL;
}

void wp_results_end(struct wp_results *results)
{
	results->is_ended = true;
}

void wp_results_add(struct wp_results *results, const struct wp_target *target,
		    enum wp_push_result result, int64_t now_ms)
{
	struct list *waiting = &results->waiting;
	int64_t day = now_ms / MS_PER_DAY;

	if ((target->result == result && target->result_day == day) ||
	    waiting->n == WP_RESULTS_MAX)
		return;
	waiting->of[waiting->n] = (struct wp_push_outcome){
		.result = result,
		.day = day,
	};
	memcpy(waiting->of[waiting->n].id, target->id, sizeof(target->id));
	waiting->n++;
	go(results);
}
