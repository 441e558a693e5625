/*
 * ready.c - who looks, who is told what was seen, and how many gates are asked
 * for at a time.
 */
#include "handlers/ready.h"

#include <stdio.h>
#include <string.h>

#include "lib/mailbox/scripts.h"

enum {
	FRESH_MS = 1000,
	FRESH_BAD_MS = 250, /* that all is well again is waited for */
	/* Known now, and still when the request has come to its handler. */
	MARGIN_MS = 100,
	SLICE = 1024,
	SLICES_MAX = 8, /* of a look, until all are known to be open */
};

void wp_ready_init(struct wp_ready *ready)
{
	*ready = (struct wp_ready){ .lock = PTHREAD_MUTEX_INITIALIZER };
}

/* Is the verdict still good, also in margin_ms? */
static bool is_fresh(const struct wp_ready *ready, uint64_t now_ms,
		     uint64_t margin_ms)
{
	uint64_t max_ms =
		ready->verdict.code == WP_OK ? FRESH_MS : FRESH_BAD_MS;

	return ready->done_ms != 0 &&
	       now_ms - ready->done_ms + margin_ms < max_ms;
}

bool wp_ready_is_known(struct wp_ready *ready, uint64_t now_ms)
{
	bool is_known;

	pthread_mutex_lock(&ready->lock);
	is_known = ready->is_looking || is_fresh(ready, now_ms, MARGIN_MS);
	pthread_mutex_unlock(&ready->lock);
	return is_known;
}

bool wp_ready_recall(struct wp_ready *ready, uint64_t now_ms,
		     struct wp_error *verdict_out)
{
	bool is_known = true;

	pthread_mutex_lock(&ready->lock);
	if (is_fresh(ready, now_ms, 0) ||
	    (ready->is_looking && ready->done_ms != 0 &&
	     now_ms - ready->begun_ms < FRESH_MS)) {
		*verdict_out = ready->verdict;
	} else if (ready->is_looking) {
		(void)wp_error_set(verdict_out, WP_ERR_UNAVAIL,
				   "it is being looked at; what is needed does "
				   "not answer yet");
	} else {
		ready->is_looking = true;
		ready->begun_ms = now_ms;
		is_known = false;
	}
	pthread_mutex_unlock(&ready->lock);
	return is_known;
}

void wp_ready_note(struct wp_ready *ready, uint64_t now_ms,
		   const struct wp_error *verdict)
{
	pthread_mutex_lock(&ready->lock);
	ready->is_looking = false;
	ready->done_ms = now_ms;
	ready->verdict = *verdict;
	pthread_mutex_unlock(&ready->lock);
}

static enum wp_err append_slice(struct wp_redis *redis, struct wp_cmd *cmd,
				uint32_t first, uint32_t len,
				struct wp_error *err)
{
	for (uint32_t p = first; p < first + len; p++) {
		enum wp_err rc;

		wp_cmd_key(cmd, "GET", p, "gate");
		rc = wp_redis_append(redis, cmd, err);
		if (rc != WP_OK)
			return rc;
	}
	return WP_OK;
}

static enum wp_err take_slice(struct wp_redis *redis, const char *run_id,
			      uint32_t len, uint32_t *closed_out,
			      struct wp_error *err)
{
	*closed_out = 0;
	for (uint32_t i = 0; i < len; i++) {
		struct wp_reply *reply = NULL;
		enum wp_err rc = wp_redis_take(redis, &reply, err);

		if (rc != WP_OK)
			return rc;
		*closed_out += !wp_reply_is(reply, run_id);
		wp_reply_free(&reply);
	}
	return WP_OK;
}

enum wp_err wp_gate_watch_look(struct wp_gate_watch *gates,
			       struct wp_redis *redis, struct wp_cmd *cmd,
			       uint32_t n, struct wp_error *err)
{
	uint32_t closed = 0;
	int slices = 0;

	if (strcmp(gates->run_id, wp_redis_run_id(redis)) != 0) {
		*gates = (struct wp_gate_watch){ 0 };
		(void)snprintf(gates->run_id, sizeof(gates->run_id), "%s",
			       wp_redis_run_id(redis));
	}
	do {
		uint32_t left = n - gates->next;
		uint32_t len = left < SLICE ? left : SLICE;
		enum wp_err rc =
			append_slice(redis, cmd, gates->next, len, err);

		if (rc == WP_OK)
			rc = take_slice(redis, gates->run_id, len, &closed,
					err);
		if (rc != WP_OK) {
			wp_redis_disconnect(redis);
			return rc;
		}
		/* A closed one is looked at again first. */
		gates->n_open = closed > 0 ? 0 : gates->n_open + len;
		if (closed == 0)
			gates->next = len == left ? 0 : gates->next + len;
	} while (closed == 0 && gates->n_open < n && ++slices < SLICES_MAX);
	if (gates->n_open >= n) {
		gates->n_open = n;
		return WP_OK;
	}
	return wp_error_set(err, WP_ERR_UNAVAIL,
			    closed > 0 ? "%u of %u partitions were not "
					 "reconciled yet; is waypost-worker "
					 "running?"
				       : "%u of %u partitions were not looked "
					 "at yet",
			    closed > 0 ? closed : n - gates->n_open, n);
}
