/*
 * sweep.c - one sweep over our partitions: hot queues by script, then users
 * with expired rows on disk, a page at a time, so that nobody's turn is long.
 *
 * A wrong clock would delete what nobody has read yet. So it is not the clock
 * that says what has expired, but sweep_clock.c; this file reads the clocks,
 * and keeps the record in the store, changed by one worker at a time.
 */
#include "worker/sweep.h"

#include <stdio.h>
#include <string.h>

#include "lib/base/clock.h"
#include "lib/mailbox/ack.h"
#include "worker/metrics.h"

enum {
	/* Of one sweep; what is left then has its turn at the next. */
	PASSES_MAX = 64,
	/* Of the cold store, before others have their turn. */
	USERS_AT_ONCE = 32,
	ROWS_AT_ONCE = 5000,
	/* One bad mailbox must not stop the others; a bad store does. */
	FAILURES_MAX = 3,
	LOG_INTERVAL_MS = 5000,
	US_PER_MS = 1000,
	LOOK_MS = 1000,
	LOOK_HOLDS_MS = 5000,
	/* A clock that was read so slowly is read again. */
	TIME_MAX_MS = 2000,
	LOOKS_MAX = 5,
};

/* Of the cold store, where every worker finds it. */
#define CLOCK_NOTE "clock"

void wp_sweeper_init(struct wp_sweeper *sweeper, struct wp_worker *w)
{
	*sweeper = (struct wp_sweeper){
		.w = w,
		.redis = w->redis,
		.log.component = "sweep",
	};
}

/*
 * The time to delete by ages: the clock may be set back, and what is accepted
 * then carries a time before it.
 */
static bool may_go_on(const struct wp_sweeper *s)
{
	return s->now_ms != WP_SWEEP_UNKNOWN &&
	       !wp_table_is_stopping(s->w->table) &&
	       !wp_table_has_closed(s->w->table) &&
	       wp_mono_ms() - s->looked_ms < LOOK_HOLDS_MS;
}

/* ---- the clock ---- */

/* A line of words for one GET or TIME; key may be NULL. */
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

/* What an operator has said of the clock; "" when nobody did. */
static enum wp_err read_word(struct wp_sweeper *s,
			     char word[WP_EXPIRE_CONFIRM_MAX + 1],
			     struct wp_error *err)
{
	struct wp_reply *reply = NULL;
	enum wp_err rc = ask(s, "GET", WP_EXPIRE_CONFIRM_KEY, &reply, err);

	word[0] = '\0';
	if (rc == WP_OK && wp_reply_type(reply) == WP_REPLY_STR &&
	    wp_reply_len(reply) <= WP_EXPIRE_CONFIRM_MAX)
		(void)snprintf(word, WP_EXPIRE_CONFIRM_MAX + 1, "%s",
			       wp_reply_str(reply));
	wp_reply_free(&reply);
	return rc;
}

/* Redis' clock, and how old our host was at that moment. */
static enum wp_err read_clocks(struct wp_sweeper *s, struct wp_sweep_look *look,
			       struct wp_error *err)
{
	struct wp_reply *reply = NULL;
	int64_t asked_ms = wp_boot_ms();
	enum wp_err rc = ask(s, "TIME", NULL, &reply, err);

	if (rc != WP_OK)
		return rc;
	look->boot_ms = wp_boot_ms();
	look->wall_ms = wp_reply_int(wp_reply_at(reply, 0)) * 1000 +
			wp_reply_int(wp_reply_at(reply, 1)) / US_PER_MS;
	if (wp_reply_count(reply) != 2 || look->wall_ms <= 0)
		rc = wp_error_set(err, WP_ERR_UNAVAIL,
				  "Redis does not tell the time");
	else if (look->boot_ms - asked_ms > TIME_MAX_MS)
		rc = wp_error_set(err, WP_ERR_UNAVAIL,
				  "Redis took too long to tell the time");
	wp_reply_free(&reply);
	return rc;
}

static enum wp_err read_record(struct wp_sweeper *s,
			       char text[WP_STORE_NOTE_MAX + 1],
			       struct wp_error *err)
{
	char made[WP_STORE_NOTE_MAX + 1] = "";
	enum wp_err rc = wp_store_note(s->w->store, CLOCK_NOTE, text, err);

	if (rc != WP_OK || wp_sweep_clock_parse(&s->seen, text))
		return rc;
	/* One that cannot be read is as good as none, of a store in use. */
	if (text[0] == '\0')
		rc = wp_store_note(s->w->store, WP_STORE_NOTE_MADE, made, err);
	wp_sweep_clock_begin(&s->seen, strcmp(made, "empty") == 0);
	return rc;
}

/*
 * The record first: what is read after it counts only if the record is still
 * the same. The word last: it is of a time that the clock is not behind of.
 *
 * Errors: WP_ERR_STALE  somebody else has written meanwhile
 */
static enum wp_err look_once(struct wp_sweeper *s, struct wp_sweep_look *look,
			     struct wp_error *err)
{
	char was[WP_STORE_NOTE_MAX + 1];
	char word[WP_EXPIRE_CONFIRM_MAX + 1];
	char text[WP_SWEEP_CLOCK_TEXT];
	struct wp_sweep_clock clock;
	uint64_t looked_ms = wp_mono_ms();
	int64_t now_ms;
	enum wp_err rc;

	rc = read_record(s, was, err);
	if (rc == WP_OK)
		rc = read_clocks(s, look, err);
	if (rc == WP_OK)
		rc = read_word(s, word, err);
	if (rc != WP_OK)
		return rc;
	look->word = word;
	clock = s->seen;
	now_ms = wp_sweep_clock_look(&clock, look);
	look->word = NULL;
	if (wp_sweep_clock_is_news(&s->seen, &clock)) {
		wp_sweep_clock_print(&clock, text);
		rc = wp_store_note_swap(s->w->store, CLOCK_NOTE, was, text,
					err);
	} else {
		rc = wp_store_note(s->w->store, CLOCK_NOTE, text, err);
		if (rc == WP_OK && strcmp(text, was) != 0)
			rc = WP_ERR_STALE;
	}
	if (rc != WP_OK)
		return rc;
	s->now_ms = now_ms;
	s->looked_ms = looked_ms;
	return WP_OK;
}

static void tell(struct wp_sweeper *s, const struct wp_sweep_look *look)
{
	enum wp_sweep_told told = WP_SWEEP_TOLD_NONE;
	int64_t late_ms = look->longest_ms;

	if (s->now_ms == WP_SWEEP_UNKNOWN) {
		told = WP_SWEEP_TOLD_UNKNOWN;
	} else {
		late_ms = look->wall_ms - s->now_ms;
		if (late_ms > WP_SWEEP_TELL_MS)
			told = WP_SWEEP_TOLD_LATE;
	}
	wp_metric_set(s->w->metrics, WP_WM_EXPIRY_LATE, late_ms / 1000);
	wp_metric_set(s->w->metrics, WP_WM_EXPIRY_WAITING,
		      told != WP_SWEEP_TOLD_NONE);
	if (told == s->told)
		return;
	s->told = told;
	if (told == WP_SWEEP_TOLD_LATE)
		wp_log(&s->log, WP_LOG_WARN,
		       "the clock of Redis is ahead of the time that has "
		       "passed; what expires is kept for longer by as much, "
		       "until the clock is set right, or until somebody runs: "
		       "waypost expire --confirm",
		       wp_int("late_s", late_ms / 1000));
	else if (told == WP_SWEEP_TOLD_UNKNOWN)
		wp_log_plain(&s->log, WP_LOG_WARN,
			     "it is not known what the clock of Redis was "
			     "before; nothing expires for the longest time "
			     "that a message is kept, or until somebody runs: "
			     "waypost expire --confirm");
	else
		wp_log_plain(&s->log, WP_LOG_INFO, "expiry goes on");
}

void wp_sweeper_hurry(struct wp_sweeper *sweeper)
{
	sweeper->look_ms = 0;
}

enum wp_err wp_sweeper_watch(struct wp_sweeper *sweeper, struct wp_error *err)
{
	uint64_t mono_ms = wp_mono_ms();
	struct wp_sweep_look look = {
		.boot = sweeper->boot,
		.longest_ms =
			sweeper->w->conf->mailbox.max_expiry_seconds * 1000,
	};
	enum wp_err rc;
	int tries = 0;

	if (mono_ms < sweeper->look_ms)
		return WP_OK;
	if (sweeper->boot[0] == '\0')
		wp_boot_id(sweeper->boot);
	sweeper->now_ms = WP_SWEEP_UNKNOWN;
	do {
		rc = look_once(sweeper, &look, err);
	} while (rc == WP_ERR_STALE && ++tries < LOOKS_MAX);
	if (rc != WP_OK)
		return rc == WP_ERR_STALE ? WP_ERR_UNAVAIL : rc;
	sweeper->look_ms = mono_ms + LOOK_MS;
	tell(sweeper, &look);
	return WP_OK;
}

/* ---- hot ---- */

static void ask_sweep(void *ctx, size_t i, struct wp_cmd *cmd)
{
	const struct wp_sweeper *s = ctx;
	const struct wp_lease lease = wp_worker_lease(s->w, &s->w->list[i]);

	wp_sweep_build(cmd, &lease, s->now_ms);
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
	wp_metric_add(s->w->metrics, WP_WM_EXPIRED_HOT, deleted);
	if (is_more)
		s->w->list[s->kept++] = s->w->list[i];
}

static const struct wp_pipe sweeping = { ask_sweep, hear_sweep };

static enum wp_err sweep_hot(struct wp_sweeper *s, struct wp_error *err)
{
	enum wp_err rc = WP_OK;

	s->n = wp_table_list(s->w->table, WP_TABLE_OPEN, wp_mono_ms(),
			     s->w->list);
	for (int i = 0; i < PASSES_MAX && s->n > 0 && rc == WP_OK; i++) {
		if (!may_go_on(s))
			break;
		wp_worker_yield(s->w);
		s->kept = 0;
		rc = wp_pipe(s->w->redis, &sweeping, s->n, s, err);
		s->n = s->kept;
	}
	return rc;
}

/* ---- cold ---- */

struct page {
	const struct wp_sweeper *sweeper;
	struct wp_box boxes[USERS_AT_ONCE];
	size_t n;
};

static bool is_on_page(const struct page *page, const struct wp_box *box)
{
	for (size_t i = 0; i < page->n; i++)
		if (page->boxes[i].len == box->len &&
		    memcmp(page->boxes[i].text, box->text, box->len) == 0)
			return true;
	return false;
}

/* Others look after the other partitions. */
static bool on_expired(void *ctx, const struct wp_box *box)
{
	struct page *page = ctx;
	char owner[WP_OWNER_MAX + 1];

	if (is_on_page(page, box) ||
	    box->partition >=
		    (uint32_t)page->sweeper->w->conf->mailbox.partitions ||
	    !wp_table_owner(page->sweeper->w->table, box->partition,
			    WP_TABLE_OPEN, wp_mono_ms(), owner))
		return true;
	page->boxes[page->n++] = *box;
	return page->n < USERS_AT_ONCE;
}

static void warn_failed(struct wp_sweeper *s, uint32_t partition,
			const struct wp_error *err)
{
	uint32_t suppressed;

	if (wp_log_allow(&s->limit, wp_mono_ms(), LOG_INTERVAL_MS, &suppressed))
		wp_log(&s->log, WP_LOG_WARN,
		       "expired messages of a user cannot be deleted",
		       wp_int("partition", partition),
		       wp_str("error", err->msg),
		       wp_int("suppressed", suppressed));
}

/* By the newest look, which may be of a moment ago. */
static enum wp_err sweep_user(struct wp_sweeper *s, const struct wp_box *box,
			      struct wp_error *err)
{
	struct wp_store_expire expire = { .box = box, .now_ms = s->now_ms };
	enum wp_err rc;

	rc = wp_ack_expired(s->w->redis, s->w->store, &expire, err);
	wp_metric_add(s->w->metrics, WP_WM_EXPIRED_COLD, expire.deleted);
	return rc;
}

/*
 * The users of a page. What goes wrong with one of them waits for the next
 * sweep; with all of them, or many in a row, it is Redis or the store.
 */
static enum wp_err sweep_users(struct wp_sweeper *s, const struct page *page,
			       struct wp_error *err)
{
	size_t failures = 0;

	for (size_t i = 0; i < page->n && may_go_on(s); i++) {
		struct wp_error why = { 0 };
		enum wp_err rc;

		wp_worker_yield(s->w);
		rc = sweep_user(s, &page->boxes[i], &why);
		failures = rc == WP_OK ? 0 : failures + 1;
		if (rc == WP_OK)
			continue;
		if (wp_redis_fd(s->w->redis) == -1 || failures == page->n ||
		    failures == FAILURES_MAX) {
			if (err != NULL)
				*err = why;
			return rc;
		}
		warn_failed(s, page->boxes[i].partition, &why);
	}
	return WP_OK;
}

/*
 * One page of the walk over everything that has expired; is_sweeping tells
 * whether there is more. No store transaction is open while Redis is talked to.
 */
static enum wp_err sweep_cold(struct wp_sweeper *s, struct wp_error *err)
{
	const struct wp_store_place from = s->place;
	struct page page = { .sweeper = s };
	const struct wp_store_walk walk = {
		.place = &s->place,
		.max_looked = ROWS_AT_ONCE,
		.on_box = on_expired,
		.ctx = &page,
	};
	enum wp_err rc;

	rc = wp_store_expired_users(s->w->store, s->now_ms, &walk, err);
	if (rc != WP_OK) {
		/* Here it may never go on, and hot does not wait for it. */
		s->is_sweeping = false;
		return rc;
	}
	rc = sweep_users(s, &page, err);
	if (rc != WP_OK)
		return rc;
	/* Whoever is cut short looks at the page again. */
	if (!may_go_on(s))
		s->place = from;
	s->is_sweeping = !may_go_on(s) || !s->place.is_end;
	return WP_OK;
}

enum wp_err wp_sweeper_run(struct wp_sweeper *sweeper, struct wp_error *err)
{
	uint64_t mono_ms = wp_mono_ms();
	enum wp_err rc = WP_OK;

	if (sweeper->now_ms == WP_SWEEP_UNKNOWN)
		sweeper->is_sweeping = false;
	if (sweeper->now_ms == WP_SWEEP_UNKNOWN ||
	    (mono_ms < sweeper->next_ms && !sweeper->is_sweeping))
		return WP_OK;
	if (!sweeper->is_sweeping) {
		sweeper->place = (struct wp_store_place){ 0 };
		sweeper->is_sweeping = true;
		rc = sweep_hot(sweeper, err);
	}
	if (rc == WP_OK)
		rc = sweep_cold(sweeper, err);
	if (!sweeper->is_sweeping)
		sweeper->next_ms =
			mono_ms +
			(uint64_t)sweeper->w->conf->worker.sweep_interval_ms;
	return rc;
}
