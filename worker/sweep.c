/*
 * sweep.c - one sweep over our partitions: hot queues by script, then users
 * with expired rows on disk, one by one.
 *
 * A wrong clock would delete what nobody has read yet, so each sweep begins by
 * comparing Redis' clock with our own. After a jump nothing is deleted until an
 * operator says that the time is right.
 */
#include "worker/sweep.h"

#include <string.h>

#include "lib/base/clock.h"
#include "lib/mailbox/ack.h"
#include "worker/metrics.h"
#include "worker/pipe.h"

enum {
	/* Of one sweep; what is left then has its turn at the next. */
	PASSES_MAX = 64,
	USERS_AT_ONCE = 32,
	US_PER_MS = 1000,
};

static bool may_go_on(const struct wp_sweeper *s)
{
	return !wp_table_is_stopping(s->table) &&
	       !wp_table_has_closed(s->table);
}

/* ---- the clock ---- */

static enum wp_err ask(struct wp_sweeper *s, const char *command,
		       const char *key, struct wp_reply **reply,
		       struct wp_error *err)
{
	struct wp_cmd cmd;
	enum wp_err rc;

	wp_cmd_init(&cmd);
	wp_cmd_str(&cmd, command);
	if (key != NULL)
		wp_cmd_str(&cmd, key);
	rc = wp_redis_do(s->redis, &cmd, reply, err);
	wp_cmd_release(&cmd);
	return rc;
}

/* Has an operator said that the time is right, and not been heard yet? */
static enum wp_err is_confirmed(struct wp_sweeper *s, bool *is_confirmed_out,
				struct wp_error *err)
{
	struct wp_reply *reply = NULL;
	size_t len;
	enum wp_err rc = ask(s, "GET", WP_EXPIRE_CONFIRM_KEY, &reply, err);

	*is_confirmed_out = false;
	if (rc != WP_OK)
		return rc;
	len = wp_reply_len(reply);
	if (wp_reply_type(reply) == WP_REPLY_STR && len > 0 &&
	    len <= WP_EXPIRE_CONFIRM_MAX && !wp_reply_is(reply, s->confirmed)) {
		memcpy(s->confirmed, wp_reply_str(reply), len);
		s->confirmed[len] = '\0';
		*is_confirmed_out = true;
	}
	wp_reply_free(&reply);
	return WP_OK;
}

static void set_waiting(struct wp_sweeper *s, bool is_waiting)
{
	if (s->is_waiting == is_waiting)
		return;
	s->is_waiting = is_waiting;
	wp_metric_set(s->metrics, WP_WM_EXPIRY_WAITING, is_waiting);
	if (is_waiting)
		wp_log_plain(&s->log, WP_LOG_WARN,
			     "the clock of Redis has jumped; nothing expires "
			     "until it is set right, or until somebody runs: "
			     "waypost expire --confirm");
	else
		wp_log_plain(&s->log, WP_LOG_INFO, "expiry goes on");
}

static enum wp_err look_at_clock(struct wp_sweeper *s, bool *may_delete_out,
				 struct wp_error *err)
{
	struct wp_reply *reply = NULL;
	enum wp_sweep_trust trust;
	uint64_t mono_ms;
	enum wp_err rc = ask(s, "TIME", NULL, &reply, err);

	*may_delete_out = false;
	if (rc != WP_OK)
		return rc;
	mono_ms = wp_mono_ms();
	s->wall_ms = wp_reply_int(wp_reply_at(reply, 0)) * 1000 +
		     wp_reply_int(wp_reply_at(reply, 1)) / US_PER_MS;
	if (wp_reply_count(reply) != 2)
		rc = wp_error_set(err, WP_ERR_UNAVAIL,
				  "Redis does not tell the time");
	wp_reply_free(&reply);
	if (rc != WP_OK)
		return rc;
	trust = wp_sweep_clock_look(&s->clock, s->wall_ms, mono_ms);
	*may_delete_out = trust == WP_SWEEP_AGREE;
	if (trust == WP_SWEEP_JUMP) {
		rc = is_confirmed(s, may_delete_out, err);
		if (rc == WP_OK && *may_delete_out)
			wp_sweep_clock_believe(&s->clock, s->wall_ms, mono_ms);
	}
	if (rc == WP_OK)
		set_waiting(s, trust == WP_SWEEP_JUMP && !*may_delete_out);
	return rc;
}

/* ---- hot ---- */

static void ask_sweep(void *ctx, size_t i, struct wp_cmd *cmd)
{
	const struct wp_sweeper *s = ctx;

	wp_sweep_build(cmd, s->list[i].partition, s->list[i].owner,
		       s->conf->worker.lease_ms, s->wall_ms);
}

/* Answers come in order, so what is kept moves to the front. */
static void hear_sweep(void *ctx, size_t i, const struct wp_reply *reply)
{
	struct wp_sweeper *s = ctx;
	int64_t deleted = 0;
	bool is_more = false;

	/* A lost lease is found out by those who live by it. */
	if (wp_sweep_parse(reply, &deleted, &is_more) != WP_OK)
		return;
	wp_metric_add(s->metrics, WP_WM_EXPIRED_HOT, deleted);
	if (is_more)
		s->list[s->kept++] = s->list[i];
}

static enum wp_err sweep_hot(struct wp_sweeper *s, struct wp_error *err)
{
	enum wp_err rc = WP_OK;

	s->n = wp_table_list(s->table, WP_TABLE_OPEN, wp_mono_ms(), s->list);
	for (int i = 0; i < PASSES_MAX && s->n > 0 && rc == WP_OK; i++) {
		if (!may_go_on(s))
			break;
		s->kept = 0;
		rc = wp_pipe(s->redis, s->n, ask_sweep, hear_sweep, s, err);
		s->n = s->kept;
	}
	return rc;
}

/* ---- cold ---- */

struct page {
	struct wp_urn users[USERS_AT_ONCE];
	size_t n;
};

static bool on_user(void *ctx, const struct wp_urn *user)
{
	struct page *page = ctx;

	page->users[page->n++] = *user;
	return page->n < USERS_AT_ONCE;
}

/* No store transaction is open while Redis is talked to: page by page. */
static enum wp_err sweep_partition(struct wp_sweeper *s, uint32_t partition,
				   struct wp_error *err)
{
	struct page page;
	enum wp_err rc;
	int passes = 0;

	do {
		page.n = 0;
		rc = wp_store_expired_users(s->store, partition, s->wall_ms,
					    USERS_AT_ONCE, on_user, &page, err);
		for (size_t i = 0; i < page.n && rc == WP_OK; i++) {
			int64_t deleted = 0;

			if (!may_go_on(s))
				return WP_OK;
			rc = wp_ack_expired(s->redis, s->store, partition,
					    &page.users[i], s->wall_ms,
					    &deleted, err);
			wp_metric_add(s->metrics, WP_WM_EXPIRED_COLD, deleted);
		}
	} while (rc == WP_OK && page.n == USERS_AT_ONCE &&
		 ++passes < PASSES_MAX);
	return rc;
}

static enum wp_err sweep_cold(struct wp_sweeper *s, struct wp_error *err)
{
	enum wp_err rc = WP_OK;

	s->n = wp_table_list(s->table, WP_TABLE_OPEN, wp_mono_ms(), s->list);
	for (size_t i = 0; i < s->n && rc == WP_OK && may_go_on(s); i++)
		rc = sweep_partition(s, s->list[i].partition, err);
	return rc;
}

enum wp_err wp_sweeper_run(struct wp_sweeper *sweeper, struct wp_error *err)
{
	uint64_t now_ms = wp_mono_ms();
	bool may_delete = false;
	enum wp_err rc;

	if (now_ms < sweeper->next_ms)
		return WP_OK;
	rc = look_at_clock(sweeper, &may_delete, err);
	if (rc == WP_OK && may_delete)
		rc = sweep_hot(sweeper, err);
	if (rc == WP_OK && may_delete)
		rc = sweep_cold(sweeper, err);
	if (rc == WP_OK)
		sweeper->next_ms =
			now_ms +
			(uint64_t)sweeper->conf->worker.sweep_interval_ms;
	return rc;
}
