/*
 * results.c - two lists: one that the store's thread has, one that grows.
 */
#include "notifier/results.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "notifier/metrics.h"
#include "notifier/provider/verdict.h"

enum { MS_PER_DAY = 86400 * 1000, MS_PER_S = 1000 };

/* What a provider said of a token. */
struct word {
	struct wp_push_mark mark; /* its reason is set by the thread */
	char reason[WP_REASON_MAX + 1];
	char device[WP_TARGET_NAME_LEN + 1];
	struct wp_urn user;
	enum wp_err result; /* the thread's */
};

struct list {
	struct wp_push_outcome outcomes[WP_RESULTS_MAX];
	size_t n_outcomes;
	struct word words[WP_RESULTS_MAX]; /* in their order */
	size_t n_words;
};

struct wp_results {
	struct wp_store_job job; /* first: the thread knows only this */
	struct wp_results_setup setup;
	bool is_busy; /* the job, and what it writes, are the thread's */
	bool is_ended;
	struct list *written;
	struct list *waiting;
	struct list lists[2]; /* these are one and the other, by turns */
};

/* ---- on the store's thread ---- */

/* That a device has another token by now is an answer. */
static enum wp_err write_word(struct wp_store *store, struct word *word,
			      struct wp_error *err)
{
	word->mark.reason = word->reason;
	word->result = wp_push_mark(store, &word->mark, err);
	return word->result == WP_ERR_STALE ? WP_OK : word->result;
}

/* The first that fails is the last: each would wait for a locked store. */
static enum wp_err run(struct wp_store_job *job, struct wp_store *store,
		       struct wp_error *err)
{
	struct wp_results *results = (struct wp_results *)job;
	struct list *list = results->written;
	enum wp_err rc = WP_OK;

	for (size_t i = 0; rc == WP_OK && i < list->n_words; i++)
		rc = write_word(store, &list->words[i], err);
	if (rc == WP_OK && list->n_outcomes > 0)
		rc = wp_push_results(store, list->outcomes, list->n_outcomes,
				     err);
	return rc;
}

/* ---- on the loop's ---- */

static void go(struct wp_results *results)
{
	struct list *list = results->waiting;

	if (results->is_busy || results->is_ended ||
	    list->n_words + list->n_outcomes == 0)
		return;
	results->waiting = results->written;
	results->written = list;
	results->waiting->n_words = 0;
	results->waiting->n_outcomes = 0;
	results->is_busy = wp_store_thread_submit(results->setup.store,
						  &results->job) == WP_OK;
}

/* The words of providers, as they are known to be said, and ours. */
static enum wp_notifier_metric reason_metric(const char *reason)
{
	static const struct {
		const char *reason;
		enum wp_notifier_metric metric;
	} known[] = {
		{ "", WP_NM_REMOVED_UNREGISTERED }, /* a 404 or 410 says it */
		{ "UNREGISTERED", WP_NM_REMOVED_UNREGISTERED },
		{ "Unregistered", WP_NM_REMOVED_UNREGISTERED },
		{ "ExpiredToken", WP_NM_REMOVED_EXPIRED },
		{ "BadDeviceToken", WP_NM_REMOVED_MALFORMED },
		{ "INVALID_ARGUMENT", WP_NM_REMOVED_MALFORMED },
		{ "DeviceTokenNotForTopic", WP_NM_REMOVED_FOREIGN },
		{ "SENDER_ID_MISMATCH", WP_NM_REMOVED_FOREIGN },
		{ "key_changed", WP_NM_REMOVED_KEY_CHANGED },
		{ "refusing", WP_NM_REMOVED_REFUSING },
	};

	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		if (strcmp(known[i].reason, reason) == 0)
			return known[i].metric;
	return WP_NM_REMOVED_OTHER;
}

static void take_up(struct wp_results *results, const struct word *word)
{
	if (word->result != WP_OK || word->mark.state != WP_PUSH_GONE)
		return;
	wp_metric_add(results->setup.metrics, reason_metric(word->reason), 1);
	results->setup.on_gone(results->setup.ctx, &word->user, word->device,
			       word->reason);
}

static void on_done(struct wp_store_job *job, enum wp_err result)
{
	struct wp_results *results = (struct wp_results *)job;
	struct list *list = results->written;

	(void)result; /* a failure was logged; see results.h */
	results->is_busy = false;
	for (size_t i = 0; i < list->n_words; i++)
		take_up(results, &list->words[i]);
	go(results);
	if (wp_results_are_written(results))
		results->setup.on_written(results->setup.ctx);
}

struct wp_results *wp_results_new(const struct wp_results_setup *setup)
{
	struct wp_results *results = calloc(1, sizeof(*results));

	if (results == NULL)
		return NULL;
	results->setup = *setup;
	results->written = &results->lists[0];
	results->waiting = &results->lists[1];
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

bool wp_results_are_written(const struct wp_results *results)
{
	const struct list *list = results->waiting;

	return !results->is_busy && list->n_words + list->n_outcomes == 0;
}

void wp_results_add(struct wp_results *results, const struct wp_target *target,
		    enum wp_push_result result, int64_t now_ms)
{
	struct list *waiting = results->waiting;
	int64_t day = now_ms / MS_PER_DAY;
	struct wp_push_outcome *outcome;

	if ((target->result == result && target->result_day == day) ||
	    waiting->n_outcomes == WP_RESULTS_MAX)
		return;
	outcome = &waiting->outcomes[waiting->n_outcomes++];
	*outcome = (struct wp_push_outcome){ .result = result, .day = day };
	memcpy(outcome->id, target->id, sizeof(target->id));
	go(results);
}

void wp_results_mark(struct wp_results *results, const struct wp_target *target,
		     enum wp_push_state state, const char *reason,
		     int64_t now_ms)
{
	struct list *waiting = results->waiting;
	struct word *word;

	if (waiting->n_words == WP_RESULTS_MAX)
		return;
	word = &waiting->words[waiting->n_words++];
	*word = (struct word){
		.mark = { .registered_s = target->registered_s,
			  .state = state,
			  .now_s = now_ms / MS_PER_S },
		.user = *target->user,
		.result = WP_ERR_UNAVAIL,
	};
	memcpy(word->device, target->name, sizeof(word->device));
	memcpy(word->mark.id, target->id, sizeof(target->id));
	(void)snprintf(word->reason, sizeof(word->reason), "%s", reason);
	go(results);
}
