/*
 * gate.c - the walk from "Redis may have lost its memory" to an open gate.
 *
 * The run_id is read once, at the start. If Redis is replaced on the way, the
 * gate is set for a life that is over, which is as good as not at all.
 */
#include "worker/gate.h"

#include <stdlib.h>
#include <string.h>

#include "lib/mailbox/partition.h"

enum { HINTS_AT_ONCE = 500, RUN_ID_MAX = 64 };

struct walk {
	struct wp_redis *redis;
	uint32_t partition;
	const char *owner;
	int64_t lease_ms;
	struct wp_cmd cmd;

	struct wp_urn *page; /* owned; users whose hints are being set */
	size_t n;
};

/* Send walk->cmd, one of the guarded scripts. */
static enum wp_err run_guarded(struct walk *walk, const char *what,
			       struct wp_error *err)
{
	struct wp_reply *reply = NULL;
	enum wp_err rc = wp_redis_do(walk->redis, &walk->cmd, &reply, err);

	if (rc == WP_OK) {
		rc = wp_guarded_parse(reply);
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
			     bool *is_open_out, struct wp_error *err)
{
	char key[WP_PREFIX_MAX + sizeof("gate")];
	struct wp_reply *reply = NULL;
	enum wp_err rc;

	wp_partition_prefix(key, walk->partition);
	memcpy(key + strlen(key), "gate", sizeof("gate"));
	wp_cmd_clear(&walk->cmd);
	wp_cmd_str(&walk->cmd, "GET");
	wp_cmd_str(&walk->cmd, key);
	rc = wp_redis_do(walk->redis, &walk->cmd, &reply, err);
	if (rc == WP_OK)
		*is_open_out = wp_reply_is(reply, run_id);
	wp_reply_free(&reply);
	return rc;
}

static enum wp_err raise_ingress(struct walk *walk, struct wp_store *store,
				 struct wp_error *err)
{
	struct wp_entry_id top;
	enum wp_err rc;

	rc = wp_store_top(store, walk->partition, &top, err);
	if (rc != WP_OK)
		return rc;
	wp_ingress_raise_build(&walk->cmd, walk->partition, walk->owner,
			       walk->lease_ms, &top);
	return run_guarded(walk, "to raise ingress", err);
}

static bool on_user(void *ctx, const struct wp_urn *user)
{
	struct walk *walk = ctx;

	wp_cmd_add(&walk->cmd, user->text, user->len);
	walk->page[walk->n++] = *user;
	return walk->n < HINTS_AT_ONCE;
}

/* What the users of the page have on disk, for the quota. */
static enum wp_err set_sizes(struct walk *walk, struct wp_store *store,
			     struct wp_error *err)
{
	enum wp_err rc = WP_OK;

	wp_cold_size_begin(&walk->cmd, walk->partition);
	for (size_t i = 0; i < walk->n && rc == WP_OK; i++) {
		struct wp_store_size size;

		rc = wp_store_size(store, &walk->page[i], &size, err);
		if (rc == WP_OK)
			wp_cold_size_add(&walk->cmd, &walk->page[i], &size);
	}
	return rc == WP_OK ? run_guarded(walk, "to note sizes", err) : rc;
}

/* No store transaction is open while Redis is talked to: page by page. */
static enum wp_err set_hints(struct walk *walk, struct wp_store *store,
			     struct wp_error *err)
{
	struct wp_store_place place = { .is_end = false };
	enum wp_err rc;

	do {
		wp_hint_set_begin(&walk->cmd, walk->partition, walk->owner,
				  walk->lease_ms);
		walk->n = 0;
		rc = wp_store_users(store, walk->partition, &place, SIZE_MAX,
				    on_user, walk, err);
		if (rc == WP_OK && walk->n > 0)
			rc = run_guarded(walk, "to set hints", err);
		if (rc == WP_OK && walk->n > 0)
			rc = set_sizes(walk, store, err);
	} while (rc == WP_OK && !place.is_end);
	return rc;
}

static enum wp_err open_gate(struct walk *walk, const char *run_id,
			     struct wp_error *err)
{
	wp_gate_open_build(&walk->cmd, walk->partition, walk->owner, run_id);
	return run_guarded(walk, "to open the gate", err);
}

enum wp_err wp_gate_reconcile(struct wp_redis *redis, struct wp_store *store,
			      uint32_t partition, const char *owner,
			      int64_t lease_ms, bool *was_closed_out,
			      struct wp_error *err)
{
	struct walk walk = {
		.redis = redis,
		.partition = partition,
		.owner = owner,
		.lease_ms = lease_ms,
	};
	char run_id[RUN_ID_MAX + 1] = "";
	bool is_open = false;
	enum wp_err rc;

	*was_closed_out = false;
	wp_cmd_init(&walk.cmd);
	walk.page = calloc(HINTS_AT_ONCE, sizeof(*walk.page));
	if (walk.page == NULL) {
		rc = wp_error_set(err, WP_ERR_NOMEM, "out of memory");
		goto out;
	}
	rc = wp_redis_connect(redis, err);
	if (rc != WP_OK)
		goto out;
	memcpy(run_id, wp_redis_run_id(redis),
	       strnlen(wp_redis_run_id(redis), RUN_ID_MAX));
	rc = read_gate(&walk, run_id, &is_open, err);
	if (rc != WP_OK || is_open)
		goto out;
	/* Before the store is looked at, or a late append would be missed. */
	rc = wp_store_fence(store, run_id, err);
	if (rc == WP_OK)
		rc = raise_ingress(&walk, store, err);
	if (rc == WP_OK)
		rc = set_hints(&walk, store, err);
	if (rc == WP_OK)
		rc = open_gate(&walk, run_id, err);
	*was_closed_out = rc == WP_OK;
out:
	free(walk.page);
	wp_cmd_release(&walk.cmd);
	if (rc == WP_OK || rc == WP_ERR_STALE || rc == WP_ERR_PROTO)
		return rc;
	return WP_ERR_UNAVAIL;
}
