/*
 * own_take.c - changing how many partitions we have: free ones in, surplus out.
 *
 * Works through the worker's scratch list. Knows nothing of shares: the caller
 * says how many.
 */
#include "worker/own_take.h"

#include <string.h>

#include "lib/base/clock.h"
#include "worker/pipe.h"

enum {
	LOOKS_PER_TICK = 4096, /* partitions looked at for being free */
	LOOKS_AT_ONCE = 256,
};

/* ---- giving back ---- */

static void ask_release(void *ctx, size_t i, struct wp_cmd *cmd)
{
	const struct wp_owned *owned =
		&((const struct wp_own *)ctx)->w->list[i];
	char prefix[WP_PREFIX_MAX];

	wp_partition_prefix(prefix, owned->partition);
	wp_lease_release_build(cmd, prefix, owned->owner);
}

static void hear_release(void *ctx, size_t i, const struct wp_reply *reply)
{
	(void)ctx;
	(void)i;
	(void)reply; /* not ours any more is as good */
}

enum wp_err wp_own_release_listed(struct wp_own *own, size_t n,
				  struct wp_error *err)
{
	struct wp_worker *w = own->w;

	for (size_t i = 0; i < n; i++)
		(void)wp_table_drop(w->table, w->list[i].partition,
				    w->list[i].owner);
	return wp_pipe(w->redis, n, ask_release, hear_release, own, err);
}

enum wp_err wp_own_give_back(struct wp_own *own, uint32_t surplus,
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
	return wp_own_release_listed(own, chosen, err);
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
	char key[WP_PREFIX_MAX + sizeof("owner")];

	wp_partition_prefix(key, circle(look->own, look->first + i));
	memcpy(key + strlen(key), "owner", sizeof("owner"));
	wp_cmd_str(cmd, "PTTL");
	wp_cmd_str(cmd, key);
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

	rc = wp_pipe(redis, n, ask_ttl, hear_ttl, &look, err);
	if (rc != WP_OK)
		return rc;
	look.until_ms = wp_own_lease_end(own, wp_mono_ms());
	rc = wp_pipe(redis, look.n_free, ask_acquire, hear_acquire, &look, err);
	/* Not what seemed free again and cannot be had: others may be. */
	own->cursor = circle(own, (uint64_t)own->cursor + look.n_judged);
	return rc;
}

enum wp_err wp_own_take_missing(struct wp_own *own, struct wp_error *err)
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
