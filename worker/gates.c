/*
 * gates.c - which partition is reconciled next, and whom a failure is about.
 */
#include "worker/gates.h"

#include <stdio.h>
#include <string.h>

#include "lib/base/clock.h"
#include "worker/gate.h"
#include "worker/metrics.h"
#include "worker/pipe.h"

enum {
	/* One bad partition must not keep the others closed; a bad store does.
	 */
	FAILURES_MAX = 3,
	AILING_MS = 1000,
	LOG_INTERVAL_MS = 5000,
	RUN_ID_MAX = 64,
};

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

static enum wp_err reconcile(struct wp_gates *gates,
			     const struct wp_owned *owned, bool *is_open_out,
			     struct wp_error *err)
{
	bool was_closed = false;
	enum wp_err rc;

	*is_open_out = false;
	rc = wp_gate_reconcile(gates->redis, gates->store, owned->partition,
			       owned->owner, gates->conf->worker.lease_ms,
			       &was_closed, err);
	if (rc == WP_ERR_STALE) {
		if (wp_table_drop(gates->table, owned->partition, owned->owner))
			wp_metric_add(gates->metrics, WP_WM_LEASES_LOST, 1);
		return WP_OK;
	}
	if (rc != WP_OK)
		return rc;
	*is_open_out = true;
	wp_metric_add(gates->metrics, WP_WM_GATES, was_closed);
	wp_table_set_open(gates->table, owned->partition, owned->owner, true);
	return WP_OK;
}

/* Nothing is routed in a closed partition, so these never wait for others. */
static enum wp_err open_all(struct wp_gates *gates, enum wp_table_filter filter,
			    size_t *opened_out, struct wp_error *err)
{
	size_t n =
		wp_table_list(gates->table, filter, wp_mono_ms(), gates->list);
	int failures = 0;

	for (size_t i = 0; i < n && !wp_table_is_stopping(gates->table); i++) {
		const struct wp_owned *owned = &gates->list[i];
		bool is_open = false;
		enum wp_err rc = reconcile(gates, owned, &is_open, err);

		*opened_out += is_open;
		if (rc == WP_OK) {
			failures = 0;
			continue;
		}
		if (wp_redis_fd(gates->redis) == -1)
			return rc;
		wp_table_set_ailing(gates->table, owned->partition,
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
	char key[WP_PREFIX_MAX + sizeof("gate")];

	(void)ctx;
	wp_partition_prefix(key, (uint32_t)i);
	memcpy(key + strlen(key), "gate", sizeof("gate"));
	wp_cmd_str(cmd, "DEL");
	wp_cmd_str(cmd, key);
}

static void hear_close(void *ctx, size_t i, const struct wp_reply *reply)
{
	(void)ctx;
	(void)i;
	(void)reply;
}

/*
 * Its gates are open, and its hints and ids know nothing of what has been
 * stored for the other Redis. All are closed before the store is told that this
 * is the present life again: a stop between the two is found by whoever comes
 * next. A gate that another worker has opened meanwhile is opened once more.
 */
static enum wp_err look_at_life(struct wp_gates *gates, struct wp_error *err)
{
	size_t partitions = (size_t)gates->conf->mailbox.partitions;
	char life[RUN_ID_MAX + 1];
	bool is_past = false;
	uint64_t epoch;
	size_t n;
	enum wp_err rc = wp_redis_connect(gates->redis, err);

	epoch = wp_redis_epoch(gates->redis);
	if (rc != WP_OK || epoch == gates->epoch)
		return rc;
	(void)snprintf(life, sizeof(life), "%s", wp_redis_run_id(gates->redis));
	rc = wp_store_is_past(gates->store, life, &is_past, err);
	if (rc == WP_OK && is_past) {
		wp_log_plain(&gates->log, WP_LOG_WARN,
			     "this Redis was left for another one meanwhile; "
			     "it is reconciled with the cold store");
		rc = wp_pipe(gates->redis, partitions, ask_close, hear_close,
			     gates, err);
		if (rc == WP_OK)
			rc = wp_store_return(gates->store, life, err);
		n = wp_table_list(gates->table, WP_TABLE_OPEN, wp_mono_ms(),
				  gates->list);
		for (size_t i = 0; i < n && rc == WP_OK; i++)
			wp_table_set_open(gates->table,
					  gates->list[i].partition,
					  gates->list[i].owner, false);
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
		if (wp_redis_fd(gates->redis) != -1)
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
