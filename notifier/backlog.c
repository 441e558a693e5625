/*
 * backlog.c - a look: Redis' clock first, then the share in pieces. A look that
 * is cut off says nothing; the next one does.
 */
#include "notifier/backlog.h"

#include <stdlib.h>

#include <ev.h>

#include "lib/mailbox/push_due.h"
#include "notifier/metrics.h"

enum { MS_PER_S = 1000 };

struct wp_backlog {
	struct wp_backlog_setup setup;
	ev_timer timer;
	bool is_looking;
	struct wp_fair_share share; /* as it was when the look began */
	uint32_t at;                /* of its partitions, this one is next */
	int64_t now_ms;             /* by Redis' clock */
	int64_t due;                /* so far */
	int64_t first_ms;           /* when the first of them was; 0: none */
};

static void ask_next(struct wp_backlog *backlog);

static void finish(struct wp_backlog *backlog)
{
	int64_t age_ms =
		backlog->first_ms > 0 ? backlog->now_ms - backlog->first_ms : 0;

	backlog->is_looking = false;
	wp_metric_set(backlog->setup.metrics, WP_NM_DUE, backlog->due);
	wp_metric_set(backlog->setup.metrics, WP_NM_OLDEST_DUE,
		      age_ms / MS_PER_S);
}

static void on_piece(void *ctx, const struct wp_reply *reply)
{
	struct wp_backlog *backlog = ctx;
	size_t n = wp_reply_count(reply) / WP_PUSH_DUE_COMMANDS;
	enum wp_err rc = reply != NULL ? WP_OK : WP_ERR_UNAVAIL;

	for (size_t i = 0; i < n && rc == WP_OK; i++) {
		struct wp_push_due due;

		rc = wp_push_due_parse(reply, i, &due);
		backlog->due += due.n;
		if (due.n > 0 && (backlog->first_ms == 0 ||
				  due.first_ms < backlog->first_ms))
			backlog->first_ms = due.first_ms;
	}
	if (rc == WP_OK)
		ask_next(backlog);
	else
		backlog->is_looking = false;
}

static void ask(struct wp_backlog *backlog, const struct wp_cmd *cmd,
		wp_reply_fn fn)
{
	backlog->is_looking =
		wp_judged_do(backlog->setup.redis, cmd, fn, backlog) == WP_OK;
}

static void ask_next(struct wp_backlog *backlog)
{
	const struct wp_fair_share *share = &backlog->share;
	struct wp_cmd cmd;

	if (backlog->at >= share->count) {
		finish(backlog);
		return;
	}
	wp_cmd_init(&cmd);
	for (int i = 0; i < WP_BACKLOG_AT_ONCE && backlog->at < share->count;
	     i++, backlog->at++)
		wp_push_due_add(&cmd,
				(share->first + backlog->at) %
					backlog->setup.partitions,
				backlog->now_ms);
	ask(backlog, &cmd, on_piece);
	wp_cmd_release(&cmd);
}

static void on_time(void *ctx, const struct wp_reply *reply)
{
	struct wp_backlog *backlog = ctx;
	int64_t now_s = wp_reply_int(wp_reply_at(reply, 0));

	backlog->now_ms = now_s * MS_PER_S;
	if (now_s > 0)
		ask_next(backlog);
	else
		backlog->is_looking = false;
}

void wp_backlog_look(struct wp_backlog *backlog)
{
	struct wp_cmd cmd;

	if (backlog->is_looking)
		return;
	backlog->share = backlog->setup.sharing->now;
	backlog->at = 0;
	backlog->due = 0;
	backlog->first_ms = 0;
	wp_cmd_init(&cmd);
	wp_cmd_str(&cmd, "TIME");
	ask(backlog, &cmd, on_time);
	wp_cmd_release(&cmd);
}

static void on_timer(struct ev_loop *loop, ev_timer *timer, int events)
{
	(void)loop;
	(void)events;
	wp_backlog_look(timer->data);
}

enum wp_err wp_backlog_new(struct wp_backlog **out,
			   const struct wp_backlog_setup *setup,
			   struct wp_error *err)
{
	const double every_s = WP_BACKLOG_EVERY_MS / 1e3;
	struct wp_backlog *backlog = calloc(1, sizeof(*backlog));

	if (backlog == NULL)
		return wp_error_set(err, WP_ERR_NOMEM, "out of memory");
	backlog->setup = *setup;
	ev_timer_init(&backlog->timer, on_timer, every_s, every_s);
	backlog->timer.data = backlog;
	ev_timer_start(setup->loop, &backlog->timer);
	*out = backlog;
	return WP_OK;
}

void wp_backlog_free(struct wp_backlog **backlog)
{
	if (*backlog == NULL)
		return;
	ev_timer_stop((*backlog)->setup.loop, &(*backlog)->timer);
	free(*backlog);
	*backlog = NULL;
}
