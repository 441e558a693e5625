/*
 * route.c - round and round the partitions in which something waits, some of
 * them by each call.
 *
 * There is one call at a time, and nobody waits for more to come: alone a
 * message goes at once, and under load what came during a call goes together
 * by the next one.
 *
 * A partition leaves the line when its ingress is empty or holds only what
 * waits for another try; the poll puts it back. Nothing is retried in a spin.
 */
#include "worker/route.h"

#include <stdlib.h>

#include "lib/base/clock.h"
#include "lib/base/random.h"
#include "lib/mailbox/route.h"
#include "lib/mailbox/scripts.h"
#include "worker/direct.h"
#include "worker/metrics.h"

enum {
	POLL_MS = 1000,
	/* What each partition of a call may have of its entries, at least. */
	SHARE_MIN = 16,
	REFUSED_PAUSE_MS = 200,
	LOG_INTERVAL_MS = 5000,
	US_PER_MS = 1000,
};

/* The ingress of one partition. */
struct ingress {
	bool is_waiting; /* something may be in it */
	bool has_rung;   /* …and was put there since the last call */
	/*
	 * Careful calls still to make after a fault: one entry each, and its
	 * try counted before. As many as the batch that failed could have had.
	 */
	uint32_t careful;
	/* It keeps entries for another try. Walking over them may take a call
	 * as much as it may do. */
	bool is_held;
	/* The lease (its token) whose owner knows that no entry has a try
	 * counted; 0: nobody does. */
	uint64_t untried;
};

struct wp_router {
	struct wp_worker *w;
	struct wp_direct *direct;  /* owned */
	struct ingress *ingresses; /* owned, one per partition */
	uint32_t waiting;          /* how many is_waiting */
	/* How many of them were seen to wait for what is under way to disk,
	 * and until when the first of them does. */
	uint32_t n_held;
	uint64_t held_until_ms;
	uint32_t cursor;
	uint64_t next_poll_ms;
	uint64_t paused_until_ms; /* Redis refuses to route */
	struct wp_log_limit fault_limit;
	struct wp_log_limit dead_limit;
	struct wp_log_limit refused_limit;
};

enum wp_err wp_router_new(struct wp_router **out, struct wp_worker *w,
			  struct wp_error *err)
{
	struct wp_router *router = calloc(1, sizeof(*router));

	*out = router;
	if (router != NULL) {
		router->w = w;
		router->ingresses = calloc((size_t)w->conf->mailbox.partitions,
					   sizeof(*router->ingresses));
	}
	if (router == NULL || router->ingresses == NULL)
		return wp_error_set(err, WP_ERR_NOMEM, "out of memory");
	return wp_direct_new(&router->direct, w, err);
}

void wp_router_free(struct wp_router **router)
{
	if (*router != NULL) {
		wp_direct_free(&(*router)->direct);
		free((*router)->ingresses);
	}
	free(*router);
	*router = NULL;
}

void wp_router_ring(struct wp_router *router, uint32_t partition)
{
	struct ingress *ingress = &router->ingresses[partition];

	router->waiting += !ingress->is_waiting;
	ingress->is_waiting = true;
	ingress->has_rung = true;
}

static void leave_line(struct wp_router *router, uint32_t partition)
{
	struct ingress *ingress = &router->ingresses[partition];

	router->waiting -= ingress->is_waiting;
	ingress->is_waiting = false;
}

void wp_router_hurry(struct wp_router *router)
{
	router->next_poll_ms = 0;
	router->paused_until_ms = 0;
}

void wp_router_reset(struct wp_router *router)
{
	uint32_t partitions = (uint32_t)router->w->conf->mailbox.partitions;

	wp_router_hurry(router);
	wp_direct_forget_all(router->direct);
	/* It may be a Redis that has lost its last second. */
	for (uint32_t p = 0; p < partitions; p++)
		router->ingresses[p].untried = 0;
}

static uint64_t earlier(uint64_t one_ms, uint64_t other_ms)
{
	return one_ms < other_ms ? one_ms : other_ms;
}

uint64_t wp_router_next_ms(const struct wp_router *router)
{
	uint64_t at_ms = earlier(router->next_poll_ms,
				 wp_direct_next_ms(router->direct));

	if (router->waiting > router->n_held)
		return earlier(at_ms, router->paused_until_ms);
	if (router->n_held > 0 &&
	    router->held_until_ms >= router->paused_until_ms)
		return earlier(at_ms, router->held_until_ms);
	return router->n_held > 0 ? earlier(at_ms, router->paused_until_ms)
				  : at_ms;
}

/* ---- the poll ---- */

/* Two questions for each partition: does something wait, is the gate open? */
enum { QUESTIONS = 2 };

static void ask_look(void *ctx, size_t i, struct wp_cmd *cmd)
{
	static const struct {
		const char *command, *key;
	} questions[QUESTIONS] = { { "XLEN", "ingress" }, { "GET", "gate" } };
	const struct wp_router *router = ctx;
	size_t question = i % QUESTIONS;

	wp_cmd_key(cmd, questions[question].command,
		   router->w->list[i / QUESTIONS].partition,
		   questions[question].key);
}

static void hear_look(void *ctx, size_t i, const struct wp_reply *reply)
{
	struct wp_router *router = ctx;
	const struct wp_worker *w = router->w;
	const struct wp_owned *owned = &w->list[i / QUESTIONS];

	if (i % QUESTIONS == 0) {
		if (wp_reply_int(reply) > 0)
			wp_router_ring(router, owned->partition);
		return;
	}
	/* Nothing is accepted behind a closed gate, so no routing finds it. */
	if (!wp_reply_is(reply, wp_redis_run_id(w->redis)))
		wp_table_set_open(w->table, owned->partition, owned->owner,
				  false);
}

static const struct wp_pipe looking = { ask_look, hear_look };

static enum wp_err poll_all(struct wp_router *router, struct wp_error *err)
{
	struct wp_worker *w = router->w;
	uint64_t now_ms = wp_mono_ms();
	size_t n = wp_table_list(w->table, WP_TABLE_OPEN, now_ms, w->list);

	router->next_poll_ms = now_ms + POLL_MS;
	return wp_pipe(w->redis, &looking, n * QUESTIONS, router, err);
}

/* ---- which partitions ---- */

static bool goes_alone(const struct ingress *ingress)
{
	return ingress->careful > 0 || ingress->is_held;
}

/* The partition's part of a call; false when it is not ours, or not open. */
static bool take(struct wp_router *router, uint32_t partition,
		 struct wp_owned *out)
{
	out->partition = partition;
	if (wp_table_owner(router->w->table, partition, WP_TABLE_OPEN,
			   wp_mono_ms(), out->owner))
		return true;
	leave_line(router, partition);
	router->ingresses[partition].careful = 0;
	wp_direct_forget(router->direct, partition);
	return false;
}

/* Does it wait for what is under way? */
static bool is_held(struct wp_router *router, uint32_t partition,
		    uint64_t now_ms)
{
	uint64_t hold_ms = wp_direct_hold_ms(router->direct, partition);

	if (hold_ms <= now_ms)
		return false;
	router->held_until_ms =
		router->n_held > 0 ? earlier(router->held_until_ms, hold_ms)
				   : hold_ms;
	router->n_held++;
	return true;
}

static size_t most_at_once(const struct wp_router *router)
{
	size_t n = (size_t)router->w->conf->worker.batch_entries / SHARE_MIN;

	if (n > WP_ROUTES_MAX)
		return WP_ROUTES_MAX;
	return n > 0 ? n : 1;
}

/*
 * The next partitions in line that are ours and open; the others leave it.
 * Those behind the first ones may do more in a call, so where all that wait are
 * in one, another is the first of the next.
 */
static size_t choose(struct wp_router *router, struct wp_owned *out,
		     uint64_t now_ms)
{
	uint32_t partitions = (uint32_t)router->w->conf->mailbox.partitions;
	size_t max = most_at_once(router);
	size_t n = 0;
	bool is_over = false;

	router->n_held = 0;
	for (uint32_t i = 0; i < partitions && router->waiting > 0 && !is_over;
	     i++) {
		uint32_t p = (router->cursor + i) % partitions;
		bool is_single = goes_alone(&router->ingresses[p]);

		if (!router->ingresses[p].is_waiting)
			continue;
		if (is_held(router, p, now_ms))
			continue;
		if (n > 0 && is_single)
			break;
		n += take(router, p, &out[n]);
		is_over = n == max || n + router->n_held >= router->waiting ||
			  (n > 0 && is_single);
	}
	if (n > 0) {
		size_t before = n == router->waiting ? 0 : n - 1;

		router->cursor = (out[before].partition + 1) % partitions;
	}
	return n;
}

/* ---- a call ---- */

static uint64_t lease_token(const struct wp_owned *owned)
{
	return strtoull(owned->owner, NULL, 10); /* "<token>:<worker>" */
}

static void warn_limited(struct wp_router *router, struct wp_log_limit *limit,
			 const char *event, uint32_t partition,
			 const char *reason)
{
	uint32_t suppressed;

	if (wp_log_allow(limit, wp_mono_ms(), LOG_INTERVAL_MS, &suppressed))
		wp_log(&router->w->log, WP_LOG_WARN, event,
		       wp_int("partition", partition), wp_str("reason", reason),
		       wp_int("suppressed", suppressed));
}

/* As wp_route_result has them. */
static void count_delays(struct wp_metrics *metrics, const char *delays)
{
	char *at = NULL;

	for (const char *next = delays; *next != '\0'; next = at) {
		uint64_t ms = strtoull(next, &at, 10);
		int64_t n = strtoll(at, &at, 10);

		wp_metric_observe_n(metrics, WP_WM_ROUTE_DELAY, ms * US_PER_MS,
				    n);
		if (n == 0) /* none that the script writes */
			return;
	}
}

static void count(struct wp_router *router, uint32_t partition,
		  const struct wp_route_result *result)
{
	struct wp_metrics *metrics = router->w->metrics;

	wp_metric_add(metrics, WP_WM_ROUTED, result->routed);
	wp_metric_add(metrics, WP_WM_DROPPED, result->dropped);
	wp_metric_add(metrics, WP_WM_DEAD, result->dead);
	wp_metric_add(metrics, WP_WM_HELD, result->held);
	count_delays(metrics, result->delays);
	if (result->dead > 0)
		warn_limited(router, &router->dead_limit,
			     "entries dead-lettered", partition, result->error);
}

/* Else it would be the same the next time. */
static bool has_moved(const struct wp_route_result *result)
{
	return result->routed + result->dropped + result->dead > 0 ||
	       result->rows > 0;
}

static void on_routed(struct wp_router *router, const struct wp_owned *owned,
		      const struct wp_route_result *result)
{
	struct ingress *ingress = &router->ingresses[owned->partition];

	count(router, owned->partition, result);
	if (result->marked > 0)
		wp_table_tell_due(router->w->table, owned->partition);
	ingress->is_held = result->held > 0;
	if (result->held > 0)
		ingress->untried = 0;
	else if (result->left == 0)
		ingress->untried = lease_token(owned);
	if (ingress->careful > 0)
		ingress->careful--;
	if (wp_direct_tell(router->direct, owned, result, wp_mono_ms()))
		return; /* bells do not ring while something is under way */
	if (result->left > result->held && has_moved(result))
		return;
	leave_line(router, owned->partition);
	ingress->careful = 0;
}

/* The script died of it: find out which entry does that, one by one. */
static void on_fault(struct wp_router *router, uint32_t partition,
		     const struct wp_route_result *result)
{
	const struct wp_conf *conf = router->w->conf;
	struct ingress *ingress = &router->ingresses[partition];

	wp_metric_add(router->w->metrics, WP_WM_ROUTE_FAULTS, 1);
	warn_limited(router, &router->fault_limit, "routing failed", partition,
		     result->error);
	/* In careful mode already: the next try is the poll's. */
	if (ingress->careful > 0)
		leave_line(router, partition);
	ingress->careful = (uint32_t)conf->worker.batch_entries;
}

static void on_lost(struct wp_router *router, uint32_t partition,
		    const char *owner)
{
	leave_line(router, partition);
	router->ingresses[partition].careful = 0;
	wp_direct_forget(router->direct, partition);
	wp_worker_lost(router->w, partition, owner);
}

/* Redis cannot route now; that is nobody's fault. */
static void on_refused(struct wp_router *router, uint32_t partition,
		       const struct wp_route_result *result)
{
	router->paused_until_ms = wp_mono_ms() + REFUSED_PAUSE_MS;
	warn_limited(router, &router->refused_limit, "redis refuses to route",
		     partition, result->error);
}

/* What was asked of these partitions was done, or not. */
static void forget_call(struct wp_router *router, const struct wp_owned *list,
			size_t n)
{
	for (size_t i = 0; i < n; i++) {
		router->ingresses[list[i].partition].untried = 0;
		wp_direct_tell_none(router->direct, list[i].partition);
	}
}

static void hear(struct wp_router *router, const struct wp_owned *owned,
		 const struct wp_route_result *result)
{
	if (result->status != WP_ROUTE_OK)
		forget_call(router, owned, 1);
	switch (result->status) {
	case WP_ROUTE_OK:
		on_routed(router, owned, result);
		break;
	case WP_ROUTE_LOST:
		on_lost(router, owned->partition, owned->owner);
		break;
	case WP_ROUTE_GATE:
		leave_line(router, owned->partition);
		wp_direct_forget(router->direct, owned->partition);
		wp_table_set_open(router->w->table, owned->partition,
				  owned->owner, false);
		break;
	case WP_ROUTE_FAULT:
		on_fault(router, owned->partition, result);
		break;
	case WP_ROUTE_REFUSED:
		on_refused(router, owned->partition, result);
		break;
	}
}

static void ask(struct wp_router *router, const struct wp_owned *list, size_t n)
{
	struct wp_worker *w = router->w;
	char token[WP_ROUTE_TOKEN_LEN + 1];
	const struct wp_route_call call = { w->conf, wp_redis_run_id(w->redis),
					    token };
	struct wp_route_ask asks[WP_ROUTES_MAX];
	uint64_t now_ms = wp_mono_ms();

	for (size_t i = 0; i < n; i++) {
		struct ingress *ingress = &router->ingresses[list[i].partition];

		asks[i] = (struct wp_route_ask){
			.lease = wp_worker_lease(w, &list[i]),
			.is_careful = ingress->careful > 0,
			.may_have_tries =
				ingress->untried != lease_token(&list[i]),
		};
		ingress->has_rung = false;
		wp_direct_ask(router->direct, &list[i], &asks[i], now_ms);
	}
	wp_random_hex(token, WP_ROUTE_TOKEN_LEN / 2);
	wp_route_build(&w->cmd, &call, asks, n);
}

static enum wp_err route(struct wp_router *router, const struct wp_owned *list,
			 size_t n, struct wp_error *err)
{
	struct wp_worker *w = router->w;
	struct wp_route_result result;
	struct wp_reply *reply = NULL;
	uint64_t start_us = wp_mono_us();
	enum wp_err rc;

	ask(router, list, n);
	rc = wp_redis_do(w->redis, &w->cmd, &reply, err);
	if (rc != WP_OK) {
		forget_call(router, list, n);
		goto out;
	}
	wp_metric_observe_us(w->metrics, WP_WM_ROUTE_DURATION,
			     wp_mono_us() - start_us);
	for (size_t i = 0; i < n; i++) {
		wp_route_parse(reply, i, &result);
		hear(router, &list[i], &result);
	}
out:
	wp_reply_free(&reply);
	return rc;
}

/* Something that was under way to disk is there, or is not waited for. */
static void on_news(void *ctx, uint32_t partition, bool is_empty)
{
	struct wp_router *router = ctx;

	router->n_held = 0; /* seen anew by the next choice */
	if (!is_empty)
		wp_router_ring(router, partition);
	else if (!router->ingresses[partition].has_rung)
		leave_line(router, partition);
}

enum wp_err wp_router_run(struct wp_router *router, struct wp_error *err)
{
	uint64_t now_ms = wp_mono_ms();
	struct wp_owned list[WP_ROUTES_MAX];
	size_t n = 0;
	enum wp_err rc = WP_OK;

	wp_direct_hear(router->direct, now_ms, on_news, router);
	if (now_ms >= router->paused_until_ms)
		n = choose(router, list, now_ms);
	if (n > 0)
		rc = route(router, list, n, err);
	if (rc == WP_OK && now_ms >= router->next_poll_ms)
		rc = poll_all(router, err);
	return rc;
}
