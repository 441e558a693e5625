/*
 * gates.c - closed partitions, opened one after the other.
 */
#include "worker/gates.h"

#include <stdio.h>

#include "lib/base/clock.h"
#include "lib/mailbox/scripts.h"
#include "worker/metrics.h"

enum {
	HINTS_AT_ONCE = 500,
	/*
	 * One bad partition must not keep the others closed; a bad store does.
	 */
	FAILURES_MAX = 3,
	AILING_MS = 1000,
	LOG_INTERVAL_MS = 5000,
	RUN_ID_MAX = 64,
};

void wp_gates_init(struct wp_gates *gates, struct wp_worker *w,
		   struct wp_sizes *sizes)
{
	*gates = (struct wp_gates){ .w = w,
				    .sizes = sizes,
				    .log.component = "gates" };
}

/* ---- one partition ---- */

/* From "Redis may have lost its memory" to an open gate. */
struct walk {
	struct wp_worker *w;
	const struct wp_owned *owned;
	size_t n; /* users of the page whose hints are being set */
};

/* Send w->cmd, one of the guarded scripts. */
static enum wp_err run_guarded(struct walk *walk, const char *what,
			       struct wp_error *err)
{
	struct wp_reply *reply = NULL;
	enum wp_err rc =
		wp_redis_do(walk->w->redis, &walk->w->cmd, &reply, err);

	if (rc == WP_OK) {
		rc = wp_script_done(reply);
		if (rc == WP_ERR_STALE)
			wp_error_set(err, rc, "the lease is lost");
		else if (rc != WP_OK)
			/* It is there: the answer is about this partition. */
			rc = wp_error_set(err, WP_ERR_PROTO,
					  "Redis refuses %s: %.120s", what,
					  wp_reply_str(reply));
	}
	wp_reply_free(&reply);
	return rc;
}

static enum wp_err read_gate(struct walk *walk, const char *run_id,
			     struct wp_gate *out, struct wp_error *err)
{
	struct wp_reply *reply = NULL;
	enum wp_err rc;

	wp_gate_ask_build(&walk->w->cmd, walk->owned->partition);
	rc = wp_redis_do(walk->w->redis, &walk->w->cmd, &reply, err);
	if (rc == WP_OK)
		wp_gate_ask_parse(reply, run_id, out);
	wp_reply_free(&reply);
	return rc;
}

static enum wp_err raise_ingress(struct walk *walk, struct wp_error *err)
{
	const struct wp_lease lease = wp_worker_lease(walk->w, walk->owned);
	struct wp_entry_id top;
	enum wp_err rc;

	rc = wp_store_top(walk->w->store, walk->owned->partition, &top, err);
	if (rc != WP_OK)
		return rc;
	wp_ingress_raise_build(&walk->w->cmd, &lease, &top);
	return run_guarded(walk, "to raise ingress", err);
}

static bool on_box(void *ctx, const struct wp_box *box)
{
	struct walk *walk = ctx;

	wp_cmd_add(&walk->w->cmd, box->text, box->len);
	return ++walk->n < HINTS_AT_ONCE;
}

/* No store transaction is open while Redis is talked to: page by page. */
static enum wp_err set_hints(struct walk *walk, struct wp_error *err)
{
	const struct wp_lease lease = wp_worker_lease(walk->w, walk->owned);
	struct wp_store_place place = { .is_end = false };
	const struct wp_store_walk users = {
		.place = &place,
		.max_looked = SIZE_MAX,
		.on_box = on_box,
		.ctx = walk,
	};
	enum wp_err rc;

	do {
		wp_worker_yield(walk->w);
		wp_hint_set_begin(&walk->w->cmd, &lease);
		walk->n = 0;
		rc = wp_store_users(walk->w->store, walk->owned->partition,
				    &users, err);
		if (rc == WP_OK && walk->n > 0)
			rc = run_guarded(walk, "to set hints", err);
	} while (rc == WP_OK && !place.is_end);
	return rc;
}

static enum wp_err open_gate(struct walk *walk, const char *run_id,
			     struct wp_error *err)
{
	const struct wp_lease lease = wp_worker_lease(walk->w, walk->owned);

	wp_gate_open_build(&walk->w->cmd, &lease, run_id);
	return run_guarded(walk, "to open the gate", err);
}

/* The run_id is the one that was read at the start. */
static enum wp_err walk_on(struct walk *walk, const char *run_id,
			   struct wp_error *err)
{
	/* Before the store is looked at, or a late append would be missed. */
	enum wp_err rc = wp_store_fence(walk->w->store, run_id, err);

	if (rc == WP_OK)
		rc = raise_ingress(walk, err);
	if (rc == WP_OK)
		rc = set_hints(walk, err);
	if (rc == WP_OK)
		rc = open_gate(walk, run_id, err);
	return rc;
}

/*
 * Raise ingress above every id in the cold store, set a hint for every user
 * with cold rows, open the gate; nothing when it is open already. How much they
 * have there is told later.
 *
 * The run_id is read once. If Redis is replaced on the way, the gate is set for
 * a life that is over, which is as good as not at all.
 *
 * *was_closed_out: there was something to do, and it is done
 * *is_unsized_out: and that is to be told
 * Errors:  WP_ERR_STALE    the lease is lost
 *          WP_ERR_PROTO    Redis does not do it for this partition
 *          WP_ERR_UNAVAIL  Redis or the cold store; begin again later
 */
static enum wp_err reconcile(struct wp_worker *w, const struct wp_owned *owned,
			     bool *was_closed_out, bool *is_unsized_out,
			     struct wp_error *err)
{
	struct walk walk = { .w = w, .owned = owned };
	char run_id[RUN_ID_MAX + 1] = "";
	struct wp_gate gate = { .is_open = false };
	enum wp_err rc;

	*was_closed_out = false;
	rc = wp_redis_connect(w->redis, err);
	if (rc == WP_OK) {
		(void)snprintf(run_id, sizeof(run_id), "%s",
			       wp_redis_run_id(w->redis));
		rc = read_gate(&walk, run_id, &gate, err);
	}
	if (rc == WP_OK && !gate.is_open) {
		rc = walk_on(&walk, run_id, err);
		*was_closed_out = rc == WP_OK;
	}
	*is_unsized_out = gate.is_unsized || !gate.is_open;
	if (rc == WP_OK || rc == WP_ERR_STALE || rc == WP_ERR_PROTO)
		return rc;
	return WP_ERR_UNAVAIL;
}

/* ---- which is next, and whom a failure is about ---- */

static void warn_failed(struct wp_gates *gates, uint32_t partition,
			const struct wp_error *err)
{
	uint32_t suppressed;

	if (wp_log_allow(&gates->limit, wp_mono_ms(), LOG_INTERVAL_MS,
			 &suppressed))
		wp_log(&gates->log, WP_LOG_WARN,
		       "a partition cannot be opened; the others go on",
		       wp_int("partition", partition),
		       wp_str("error", err->msg),
		       wp_int("suppressed", suppressed));
}

static enum wp_err try_one(struct wp_gates *gates, const struct wp_owned *owned,
			   bool *is_open_out, struct wp_error *err)
{
	struct wp_worker *w = gates->w;
	bool was_closed = false;
	bool is_unsized = false;
	enum wp_err rc;

	*is_open_out = false;
	rc = reconcile(w, owned, &was_closed, &is_unsized, err);
	if (rc == WP_ERR_STALE) {
		wp_worker_lost(w, owned->partition, owned->owner);
		return WP_OK;
	}
	if (rc != WP_OK)
		return rc;
	*is_open_out = true;
	wp_metric_add(w->metrics, WP_WM_GATES, was_closed);
	wp_table_set_open(w->table, owned->partition, owned->owner, true);
	if (is_unsized)
		wp_sizes_want(gates->sizes, owned->partition);
	return WP_OK;
}

/* Nothing is routed in a closed partition, so these never wait for others. */
static enum wp_err open_all(struct wp_gates *gates, enum wp_table_filter filter,
			    size_t *opened_out, struct wp_error *err)
{
	size_t n = wp_table_list(gates->w->table, filter, wp_mono_ms(),
				 gates->w->list);
	int failures = 0;

	for (size_t i = 0; i < n && !wp_table_is_stopping(gates->w->table);
	     i++) {
		const struct wp_owned *owned = &gates->w->list[i];
		bool is_open = false;
		enum wp_err rc = try_one(gates, owned, &is_open, err);

		*opened_out += is_open;
		if (rc == WP_OK) {
			failures = 0;
			continue;
		}
		if (wp_redis_fd(gates->w->redis) == -1)
			return rc;
		wp_table_set_ailing(gates->w->table, owned->partition,
				    owned->owner);
		warn_failed(gates, owned->partition, err);
		/* An answer about this one says nothing about the store. */
		failures += rc != WP_ERR_PROTO;
		if (failures == FAILURES_MAX)
			return rc;
	}
	return WP_OK;
}

/* ---- a Redis that comes back with what it knew long ago ---- */

static void ask_close(void *ctx, size_t i, struct wp_cmd *cmd)
{
	(void)ctx;
	wp_cmd_key(cmd, "DEL", (uint32_t)i, "gate");
}

static const struct wp_pipe closing = { ask_close, NULL };

/*
 * Its gates are open, and its hints and ids know nothing of what has been
 * stored for the other Redis. All are closed before the store is told that this
 * is the present life again: a stop between the two is found by whoever comes
 * next. A gate that another worker has opened meanwhile is opened once more.
 */
static enum wp_err look_at_life(struct wp_gates *gates, struct wp_error *err)
{
	size_t partitions = (size_t)gates->w->conf->mailbox.partitions;
	char life[RUN_ID_MAX + 1];
	bool is_past = false;
	uint64_t epoch;
	size_t n;
	enum wp_err rc = wp_redis_connect(gates->w->redis, err);

	epoch = wp_redis_epoch(gates->w->redis);
	if (rc != WP_OK || epoch == gates->epoch)
		return rc;
	(void)snprintf(life, sizeof(life), "%s",
		       wp_redis_run_id(gates->w->redis));
	rc = wp_store_is_past(gates->w->store, life, &is_past, err);
	if (rc == WP_OK && is_past) {
		wp_log_plain(&gates->log, WP_LOG_WARN,
			     "this Redis was left for another one meanwhile; "
			     "it is reconciled with the cold store");
		rc = wp_pipe(gates->w->redis, &closing, partitions, gates, err);
		if (rc == WP_OK)
			rc = wp_store_return(gates->w->store, life, err);
		n = wp_table_list(gates->w->table, WP_TABLE_OPEN, wp_mono_ms(),
				  gates->w->list);
		for (size_t i = 0; i < n && rc == WP_OK; i++)
			wp_table_set_open(gates->w->table,
					  gates->w->list[i].partition,
					  gates->w->list[i].owner, false);
	}
	if (rc == WP_OK)
		gates->epoch = epoch;
	return rc;
}

enum wp_err wp_gates_round(struct wp_gates *gates, bool *has_opened_out,
			   struct wp_error *err)
{
	struct wp_error why = { 0 };
	uint64_t start_ms = wp_mono_ms();
	size_t opened = 0;
	enum wp_err rc = look_at_life(gates, &why);

	if (rc == WP_OK)
		rc = open_all(gates, WP_TABLE_CLOSED, &opened, &why);
	if (rc == WP_OK && start_ms >= gates->ailing_ms) {
		gates->ailing_ms = start_ms + AILING_MS;
		/* They have been told, and nobody else waits for them. */
		rc = open_all(gates, WP_TABLE_AILING, &opened, &why);
		if (wp_redis_fd(gates->w->redis) != -1)
			rc = WP_OK;
	}
	if (rc != WP_OK && err != NULL)
		*err = why;
	*has_opened_out = opened > 0;
	if (opened > 0)
		wp_log(&gates->log, WP_LOG_INFO, "partitions reconciled",
		       wp_int("partitions", (int64_t)opened),
		       wp_int("ms", (int64_t)(wp_mono_ms() - start_ms)));
	return rc;
}
