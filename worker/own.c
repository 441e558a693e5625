/*
 * own.c - leases, from the announcement to the release.
 *
 * A lease counts from before its call was sent, so our clock gives it up
 * before Redis does. Which partitions a worker has is not planned by anybody:
 * each takes free ones up to its share and gives back what is above it.
 */
#include "worker/own.h"

#include <stdlib.h>
#include <string.h>

#include "lib/base/clock.h"
#include "lib/mailbox/scripts.h"
#include "lib/mailbox/share.h"
#include "worker/metrics.h"

enum {
	LIST_LOG_MS = 60000,
	LOOKS_PER_TICK = 4096, /* partitions looked at for being free */
	LOOKS_AT_ONCE = 256,
};

struct wp_own {
	struct wp_worker *w;
	uint64_t next_ms; /* when to tick */
	size_t workers;   /* announced, ourselves included; 0 = unknown */
	struct wp_fair_share share;
	struct wp_log_limit list_limit;
	uint32_t cursor; /* where the next look for free ones begins */

	char inbox[WP_OWNER_MAX + 1]; /* owner value; "" = not ours */
	uint64_t inbox_until_ms;

	uint32_t said_owned; /* what the log knows */
	size_t said_workers;
};

enum wp_err wp_own_new(struct wp_own **out, struct wp_worker *w,
		       struct wp_error *err)
{
	*out = calloc(1, sizeof(**out));
	if (*out == NULL)
		return wp_error_set(err, WP_ERR_NOMEM, "out of memory");
	(*out)->w = w;
	return WP_OK;
}

void wp_own_free(struct wp_own **own)
{
	free(*own);
	*own = NULL;
}

uint64_t wp_own_next_ms(const struct wp_own *own)
{
	return own->next_ms;
}

void wp_own_hurry(struct wp_own *own)
{
	own->next_ms = 0;
}

/* When a lease that is asked for now ends, by our clock. */
static uint64_t lease_end(const struct wp_own *own, uint64_t sent_ms)
{
	return sent_ms + (uint64_t)own->w->conf->worker.lease_ms;
}

/* ---- how many ---- */

static void read_workers(struct wp_own *own, const struct wp_reply *reply)
{
	const struct wp_worker *w = own->w;
	uint32_t partitions = (uint32_t)w->conf->mailbox.partitions;
	size_t n = wp_reply_count(reply);
	struct wp_fair_share share;

	for (size_t rank = 0; rank < n; rank++) {
		if (!wp_reply_is(wp_reply_at(reply, rank), w->id))
			continue;
		share = wp_fair_share(partitions, n, rank);
		if (share.first != own->share.first)
			own->cursor = share.first;
		own->share = share;
		own->workers = n;
		return;
	}
	own->workers = 0; /* an error, or we are not on the list */
}

/*
 * Without the list nobody's share is known: then everybody takes what is free,
 * and no partition stays without an owner.
 */
static void on_no_list(struct wp_own *own, const struct wp_reply *reply)
{
	uint32_t suppressed;

	own->share.count = (uint32_t)own->w->conf->mailbox.partitions;
	if (wp_log_allow(&own->list_limit, wp_mono_ms(), LIST_LOG_MS,
			 &suppressed))
		wp_log(&own->w->log, WP_LOG_WARN,
		       "redis refuses to list workers; we take what is free",
		       wp_str("error", wp_reply_str(reply)),
		       wp_int("suppressed", suppressed));
}

static enum wp_err announce(struct wp_own *own, struct wp_error *err)
{
	struct wp_worker *w = own->w;
	struct wp_reply *reply = NULL;
	enum wp_err rc;

	wp_workers_build(&w->cmd, w->id, w->conf->worker.lease_ms, false);
	rc = wp_redis_do(w->redis, &w->cmd, &reply, err);
	if (rc == WP_OK) {
		read_workers(own, reply);
		if (own->workers == 0)
			on_no_list(own, reply);
	}
	wp_reply_free(&reply);
	return rc;
}

/* ---- renewing ---- */

struct renewal {
	struct wp_own *own;
	uint64_t until_ms;
	uint32_t lost;
};

static void ask_renew(void *ctx, size_t i, struct wp_cmd *cmd)
{
	struct wp_worker *w = ((struct renewal *)ctx)->own->w;
	char prefix[WP_PREFIX_MAX];

	wp_partition_prefix(prefix, w->list[i].partition);
	wp_lease_renew_build(cmd, prefix, w->list[i].owner,
			     w->conf->worker.lease_ms);
}

static void hear_renew(void *ctx, size_t i, const struct wp_reply *reply)
{
	struct renewal *renewal = ctx;
	const struct wp_worker *w = renewal->own->w;
	const struct wp_owned *owned = &w->list[i];
	enum wp_err rc = wp_script_done(reply);

	if (rc == WP_OK)
		wp_table_renew(w->table, owned->partition, owned->owner,
			       renewal->until_ms);
	else if (rc == WP_ERR_STALE)
		renewal->lost +=
			wp_table_drop(w->table, owned->partition, owned->owner);
}

static const struct wp_pipe renewing = { ask_renew, hear_renew };

static void count_lost(const struct wp_own *own, uint32_t lost)
{
	if (lost == 0)
		return;
	wp_metric_add(own->w->metrics, WP_WM_LEASES_LOST, lost);
	wp_log(&own->w->log, WP_LOG_WARN, "leases lost",
	       wp_int("partitions", lost));
}

static enum wp_err renew_all(struct wp_own *own, struct wp_error *err)
{
	struct wp_worker *w = own->w;
	uint64_t now_ms = wp_mono_ms();
	struct renewal renewal = {
		.own = own,
		.until_ms = lease_end(own, now_ms),
	};
	size_t n = wp_table_list(w->table, WP_TABLE_ALL, now_ms, w->list);
	enum wp_err rc;

	rc = wp_pipe(w->redis, &renewing, n, &renewal, err);
	count_lost(own, renewal.lost);
	return rc;
}

/* ---- giving back ---- */

static void ask_release(void *ctx, size_t i, struct wp_cmd *cmd)
{
	const struct wp_owned *owned =
		&((const struct wp_own *)ctx)->w->list[i];
	char prefix[WP_PREFIX_MAX];

	wp_partition_prefix(prefix, owned->partition);
	wp_lease_release_build(cmd, prefix, owned->owner);
}

/* Not ours any more is as good. */
static const struct wp_pipe releasing = { ask_release, NULL };

static enum wp_err release_listed(struct wp_own *own, size_t n,
				  struct wp_error *err)
{
	struct wp_worker *w = own->w;

	for (size_t i = 0; i < n; i++)
		(void)wp_table_drop(w->table, w->list[i].partition,
				    w->list[i].owner);
	return wp_pipe(w->redis, &releasing, n, own, err);
}

static enum wp_err give_back(struct wp_own *own, uint32_t surplus,
			     struct wp_error *err)
{
	struct wp_worker *w = own->w;
	size_t n = wp_table_list(w->table, WP_TABLE_ALL, wp_mono_ms(), w->list);
	size_t chosen = 0;

	/* Any will do, but none that is being worked on. */
	for (size_t i = n; i > 0 && chosen < surplus; i--) {
		struct wp_owned owned = w->list[i - 1];

		if (wp_table_is_busy(w->table, owned.partition))
			continue;
		/* What lies behind i was looked at: its place is free. */
		w->list[i - 1] = w->list[n - 1 - chosen];
		w->list[n - 1 - chosen] = owned;
		chosen++;
	}
	memmove(w->list, w->list + (n - chosen), chosen * sizeof(*w->list));
	return release_listed(own, chosen, err);
}

/* ---- taking ---- */

struct look {
	struct wp_own *own;
	uint32_t first; /* partition of answer 0, in a circle */
	uint32_t free[LOOKS_AT_ONCE];
	size_t n_free;
	size_t max_free;
	size_t n_judged; /* answers, until there were enough free ones */
	uint64_t until_ms;
};

static uint32_t circle(const struct wp_own *own, uint64_t partition)
{
	return (uint32_t)(partition %
			  (uint64_t)own->w->conf->mailbox.partitions);
}

/* Has it a lease, and none that a clock which went back makes too long? */
static void ask_ttl(void *ctx, size_t i, struct wp_cmd *cmd)
{
	const struct look *look = ctx;

	wp_cmd_key(cmd, "PTTL", circle(look->own, look->first + i), "owner");
}

static void hear_ttl(void *ctx, size_t i, const struct wp_reply *reply)
{
	struct look *look = ctx;
	int64_t ttl_ms = wp_reply_int(reply); /* below 0: there is none */

	if (look->n_free == look->max_free)
		return;
	look->n_judged = i + 1;
	if (wp_reply_type(reply) == WP_REPLY_INT &&
	    (ttl_ms < 0 || ttl_ms > look->own->w->conf->worker.lease_ms))
		look->free[look->n_free++] = circle(look->own, look->first + i);
}

static void ask_acquire(void *ctx, size_t i, struct wp_cmd *cmd)
{
	const struct look *look = ctx;
	const struct wp_worker *w = look->own->w;
	char prefix[WP_PREFIX_MAX];

	wp_partition_prefix(prefix, look->free[i]);
	wp_lease_acquire_build(cmd, prefix, w->id, w->conf->worker.lease_ms);
}

static void hear_acquire(void *ctx, size_t i, const struct wp_reply *reply)
{
	const struct look *look = ctx;
	char owner[WP_OWNER_MAX + 1];
	bool is_held;

	if (wp_lease_acquire_parse(reply, &is_held, owner) == WP_OK && !is_held)
		wp_table_take(look->own->w->table, look->free[i], owner,
			      look->until_ms);
}

static const struct wp_pipe looking = { ask_ttl, hear_ttl };
static const struct wp_pipe acquiring = { ask_acquire, hear_acquire };

/* Look at n partitions from the cursor on and take what is free. */
static enum wp_err take_some(struct wp_own *own, uint32_t n, uint32_t missing,
			     struct wp_error *err)
{
	struct wp_redis *redis = own->w->redis;
	struct look look = {
		.own = own,
		.first = own->cursor,
		.max_free = missing < LOOKS_AT_ONCE ? missing : LOOKS_AT_ONCE,
	};
	enum wp_err rc;

	rc = wp_pipe(redis, &looking, n, &look, err);
	if (rc != WP_OK)
		return rc;
	look.until_ms = lease_end(own, wp_mono_ms());
	rc = wp_pipe(redis, &acquiring, look.n_free, &look, err);
	/* Not what seemed free again and cannot be had: others may be. */
	own->cursor = circle(own, (uint64_t)own->cursor + look.n_judged);
	return rc;
}

static enum wp_err take_missing(struct wp_own *own, struct wp_error *err)
{
	uint32_t partitions = (uint32_t)own->w->conf->mailbox.partitions;
	uint32_t left =
		partitions < LOOKS_PER_TICK ? partitions : LOOKS_PER_TICK;
	enum wp_err rc = WP_OK;

	while (rc == WP_OK && left > 0) {
		uint32_t owned = wp_table_count(own->w->table);
		uint32_t n = left < LOOKS_AT_ONCE ? left : LOOKS_AT_ONCE;

		if (owned >= own->share.count)
			break;
		rc = take_some(own, n, own->share.count - owned, err);
		left -= n;
	}
	return rc;
}

/* ---- the inbox ---- */

static enum wp_err renew_inbox(struct wp_own *own, uint64_t sent_ms,
			       struct wp_error *err)
{
	struct wp_worker *w = own->w;
	struct wp_reply *reply = NULL;
	enum wp_err rc;

	wp_lease_renew_build(&w->cmd, WP_INBOX_LEASE, own->inbox,
			     w->conf->worker.lease_ms);
	rc = wp_redis_do(w->redis, &w->cmd, &reply, err);
	if (rc == WP_OK && wp_script_done(reply) == WP_OK)
		own->inbox_until_ms = lease_end(own, sent_ms);
	else if (rc == WP_OK && wp_script_done(reply) == WP_ERR_STALE)
		own->inbox[0] = '\0';
	wp_reply_free(&reply);
	return rc;
}

static enum wp_err acquire_inbox(struct wp_own *own, uint64_t sent_ms,
				 struct wp_error *err)
{
	struct wp_worker *w = own->w;
	struct wp_reply *reply = NULL;
	char owner[WP_OWNER_MAX + 1];
	bool is_held = true;
	enum wp_err rc;

	wp_lease_acquire_build(&w->cmd, WP_INBOX_LEASE, w->id,
			       w->conf->worker.lease_ms);
	rc = wp_redis_do(w->redis, &w->cmd, &reply, err);
	if (rc == WP_OK &&
	    wp_lease_acquire_parse(reply, &is_held, owner) == WP_OK &&
	    !is_held) {
		memcpy(own->inbox, owner, sizeof(owner));
		own->inbox_until_ms = lease_end(own, sent_ms);
	}
	wp_reply_free(&reply);
	return rc;
}

static enum wp_err tend_inbox(struct wp_own *own, struct wp_error *err)
{
	uint64_t now_ms = wp_mono_ms();

	return own->inbox[0] != '\0' ? renew_inbox(own, now_ms, err)
				     : acquire_inbox(own, now_ms, err);
}

const char *wp_own_inbox(const struct wp_own *own, uint64_t now_ms)
{
	return own->inbox[0] != '\0' && now_ms < own->inbox_until_ms
		       ? own->inbox
		       : NULL;
}

/* ---- all of it ---- */

void wp_own_expire(struct wp_own *own, uint64_t now_ms)
{
	count_lost(own, wp_table_expire(own->w->table, now_ms));
	if (now_ms >= own->inbox_until_ms)
		own->inbox[0] = '\0';
	wp_metric_set(own->w->metrics, WP_WM_PARTITIONS_OWNED,
		      wp_table_count(own->w->table));
}

/* One line per change, however many partitions it is about. */
static void tell(struct wp_own *own)
{
	uint32_t owned = wp_table_count(own->w->table);

	wp_metric_set(own->w->metrics, WP_WM_PARTITIONS_OWNED, owned);
	wp_metric_set(own->w->metrics, WP_WM_PARTITIONS,
		      own->w->conf->mailbox.partitions);
	wp_metric_set(own->w->metrics, WP_WM_PEERS, (int64_t)own->workers);
	if (owned == own->said_owned && own->workers == own->said_workers)
		return;
	own->said_owned = owned;
	own->said_workers = own->workers;
	wp_log(&own->w->log, WP_LOG_INFO, "partitions owned",
	       wp_int("owned", owned), wp_int("share", own->share.count),
	       wp_int("workers", (int64_t)own->workers));
}

enum wp_err wp_own_tick(struct wp_own *own, struct wp_error *err)
{
	uint64_t now_ms = wp_mono_ms();
	uint32_t owned;
	enum wp_err rc;

	own->next_ms = now_ms + (uint64_t)own->w->conf->worker.tick_ms;
	wp_own_expire(own, now_ms);
	/* Renewing comes first: it is what has a deadline. */
	rc = renew_all(own, err);
	if (rc == WP_OK)
		rc = announce(own, err);
	owned = wp_table_count(own->w->table);
	if (rc == WP_OK && owned > own->share.count)
		rc = give_back(own, owned - own->share.count, err);
	else if (rc == WP_OK)
		rc = take_missing(own, err);
	if (rc == WP_OK)
		rc = tend_inbox(own, err);
	tell(own);
	return rc;
}

/* For its effect: whatever fails here lapses by itself. */
static enum wp_err try_last(struct wp_worker *w)
{
	struct wp_reply *reply = NULL;
	enum wp_err rc = wp_redis_do(w->redis, &w->cmd, &reply, NULL);

	wp_reply_free(&reply);
	return rc;
}

void wp_own_release_all(struct wp_own *own)
{
	struct wp_worker *w = own->w;
	size_t n;
	enum wp_err rc;

	n = wp_table_list(w->table, WP_TABLE_ALL, wp_mono_ms(), w->list);
	/* A Redis that is down is not waited for at the very end. */
	rc = wp_redis_fd(w->redis) == -1 ? WP_ERR_UNAVAIL
					 : release_listed(own, n, NULL);
	if (rc == WP_OK && own->inbox[0] != '\0') {
		wp_lease_release_build(&w->cmd, WP_INBOX_LEASE, own->inbox);
		rc = try_last(w);
	}
	own->inbox[0] = '\0';
	if (rc == WP_OK) {
		wp_workers_build(&w->cmd, w->id, w->conf->worker.lease_ms,
				 true);
		rc = try_last(w);
	}
	wp_log(&w->log, WP_LOG_INFO,
	       rc == WP_OK ? "leases released" : "leases left to lapse",
	       wp_int("partitions", (int64_t)n));
}
