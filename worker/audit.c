/*
 * audit.c - the walk over Redis' keyspace, and how fast all of this may go.
 */
#include "worker/audit.h"

#include <string.h>

#include "lib/base/clock.h"
#include "worker/metrics.h"
#include "worker/pipe.h"

enum {
	KEYS_AT_ONCE = 200, /* a hint to SCAN, and the length of a page */
	MORE_COST = 100,    /* of a key that asks for another call */
	MS_PER_S = 1000,
};

static const struct {
	size_t metric;
	const char *what;
} repairs[WP_REPAIR_COUNT] = {
	[WP_REPAIR_CONNECTION] = { WP_WM_REPAIR_CONNECTION,
				   "connection of a daemon that is gone" },
	[WP_REPAIR_MARK] = { WP_WM_REPAIR_MARK,
			     "waiting messages without a migration mark" },
	[WP_REPAIR_EXPIRY] = { WP_WM_REPAIR_EXPIRY,
			       "waiting messages without a note of expiry" },
	[WP_REPAIR_STREAM] = { WP_WM_REPAIR_STREAM, "empty queue" },
	[WP_REPAIR_INCARNATION] = { WP_WM_REPAIR_INCARNATION,
				    "remains of a daemon that is gone" },
};

void wp_audit_tell(struct wp_auditor *auditor, size_t metric, const char *what,
		   int64_t n)
{
	size_t kind = metric - WP_WM_REPAIR_CONNECTION;
	uint32_t suppressed;

	if (n == 0)
		return;
	wp_metric_add(auditor->metrics, metric, n);
	auditor->untold[kind] += n;
	if (!wp_log_allow(&auditor->told[kind], wp_mono_ms(), WP_AUDIT_LOG_MS,
			  &suppressed))
		return;
	wp_log(&auditor->log, WP_LOG_WARN, "repaired what should never be",
	       wp_str("what", what), wp_int("n", auditor->untold[kind]),
	       wp_int("suppressed", suppressed));
	auditor->untold[kind] = 0;
}

/* One page of keys; targets that ask for another call stay in it. */
struct page {
	struct wp_audit_target targets[KEYS_AT_ONCE];
	size_t n;
	size_t kept;
	int64_t repairs[WP_REPAIR_COUNT];
};

static void ask_audit(void *ctx, size_t i, struct wp_cmd *cmd)
{
	const struct page *page = ctx;

	wp_audit_build(cmd, &page->targets[i]);
}

/* Answers come in order, so what is kept moves to the front. */
static void hear_audit(void *ctx, size_t i, const struct wp_reply *reply)
{
	struct page *page = ctx;
	int64_t made[WP_REPAIR_COUNT];
	bool is_more = false;

	/* A key that is not what it should be is no reason to stop. */
	if (wp_audit_parse(reply, &is_more, made) != WP_OK)
		return;
	for (size_t k = 0; k < WP_REPAIR_COUNT; k++)
		page->repairs[k] += made[k];
	if (is_more)
		page->targets[page->kept++] = page->targets[i];
}

/* As far as the budget goes; what a call has done is done. */
static enum wp_err audit_page(struct wp_auditor *auditor, struct page *page,
			      struct wp_error *err)
{
	enum wp_err rc = WP_OK;
	bool is_first = true;

	while (rc == WP_OK && page->n > 0 &&
	       (is_first || auditor->budget > 0) &&
	       !wp_table_is_stopping(auditor->table) &&
	       !wp_table_has_closed(auditor->table)) {
		is_first = false;
		page->kept = 0;
		rc = wp_pipe(auditor->redis, page->n, ask_audit, hear_audit,
			     page, err);
		page->n = page->kept;
		auditor->budget -= MORE_COST * (int64_t)page->kept;
	}
	for (size_t i = 0; i < WP_REPAIR_COUNT; i++)
		wp_audit_tell(auditor, repairs[i].metric, repairs[i].what,
			      page->repairs[i]);
	return rc;
}

/* *is_through_out: none of the keys asks for another call */
static enum wp_err audit_list(struct wp_auditor *auditor,
			      const struct wp_reply *keys, bool *is_through_out,
			      struct wp_error *err)
{
	size_t count = wp_reply_count(keys);
	enum wp_err rc = WP_OK;
	size_t i = 0;

	while (i < count && rc == WP_OK) {
		struct page page = { .n = 0 };

		for (; i < count && page.n < KEYS_AT_ONCE; i++) {
			const struct wp_reply *key = wp_reply_at(keys, i);

			page.n += wp_audit_target(wp_reply_str(key),
						  wp_reply_len(key),
						  &page.targets[page.n]);
		}
		rc = audit_page(auditor, &page, err);
		*is_through_out &= page.n == 0;
	}
	return rc;
}

static enum wp_err scan(struct wp_auditor *auditor, struct wp_reply **reply,
			struct wp_error *err)
{
	struct wp_cmd cmd;
	enum wp_err rc;

	wp_cmd_init(&cmd);
	wp_cmd_str(&cmd, "SCAN");
	wp_cmd_str(&cmd, auditor->cursor[0] != '\0' ? auditor->cursor : "0");
	wp_cmd_str(&cmd, "MATCH");
	wp_cmd_str(&cmd, "wp:{*");
	wp_cmd_str(&cmd, "COUNT");
	wp_cmd_int(&cmd, KEYS_AT_ONCE);
	rc = wp_redis_do(auditor->redis, &cmd, reply, err);
	wp_cmd_release(&cmd);
	if (rc == WP_OK && wp_reply_count(*reply) != 2)
		rc = wp_error_set(err, WP_ERR_UNAVAIL,
				  "Redis refuses SCAN: %.120s",
				  wp_reply_str(*reply));
	return rc;
}

enum wp_err wp_audit_keys(struct wp_auditor *auditor, struct wp_error *err)
{
	bool is_round = false;
	enum wp_err rc = WP_OK;

	while (rc == WP_OK && auditor->budget > 0 && !is_round &&
	       !wp_table_is_stopping(auditor->table) &&
	       !wp_table_has_closed(auditor->table)) {
		struct wp_reply *reply = NULL;
		bool is_through = true;

		rc = scan(auditor, &reply, err);
		if (rc == WP_OK)
			rc = audit_list(auditor, wp_reply_at(reply, 1),
					&is_through, err);
		auditor->budget -= KEYS_AT_ONCE;
		/* Else the same page again; it gets shorter each time. */
		if (rc == WP_OK && is_through) {
			const struct wp_reply *next = wp_reply_at(reply, 0);
			size_t len = wp_reply_len(next);

			if (len > WP_AUDIT_CURSOR_MAX)
				len = 0;
			memcpy(auditor->cursor, wp_reply_str(next), len);
			auditor->cursor[len] = '\0';
			/* Round the corner no more often than once a call. */
			is_round = wp_reply_is(next, "0");
		}
		wp_reply_free(&reply);
	}
	return rc;
}

enum wp_err wp_auditor_run(struct wp_auditor *auditor, struct wp_error *err)
{
	int64_t rate = auditor->conf->worker.audit_keys_per_second;
	uint64_t now_ms = wp_mono_ms();
	uint64_t passed_ms = now_ms - auditor->last_ms;
	enum wp_err rc = WP_OK;

	/* Whoever was kept from it for long does not make up for it. */
	if (passed_ms > MS_PER_S)
		passed_ms = MS_PER_S;
	auditor->budget += rate * (int64_t)passed_ms / MS_PER_S;
	if (auditor->budget > rate)
		auditor->budget = rate;
	auditor->last_ms = now_ms;
	if (auditor->budget <= 0)
		return WP_OK;
	rc = wp_audit_cold(auditor, err);
	if (rc == WP_OK && wp_table_has_inbox(auditor->table))
		rc = wp_audit_keys(auditor, err);
	return rc;
}
