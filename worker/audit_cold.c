/*
 * audit_cold.c - do hints and rows agree? One page of one partition at a time.
 *
 * A hint too many is harmless: it costs a look. So one is set as soon as it
 * seems to be missing, and one that seems to be idle goes the way that an ack
 * takes it, which is safe against every migration.
 */
#include "worker/audit.h"

#include <string.h>

#include "lib/base/clock.h"
#include "lib/mailbox/ack.h"
#include "lib/mailbox/partition.h"
#include "worker/metrics.h"

enum { USERS_AT_ONCE = 50 };

struct users {
	struct wp_urn list[USERS_AT_ONCE];
	size_t n;
};

static bool on_user(void *ctx, const struct wp_urn *user)
{
	struct users *users = ctx;

	users->list[users->n++] = *user;
	return true; /* the walk looks at no more than that */
}

/* Redis is there, and does not do it for this user or partition. */
static enum wp_err refused(struct wp_error *err, const struct wp_reply *reply)
{
	return wp_error_set(err, WP_ERR_PROTO, "Redis refuses: %.120s",
			    wp_reply_str(reply));
}

/* Is there surely no hint, by an open gate? */
static enum wp_err lacks_hint(struct wp_auditor *auditor,
			      const struct wp_owned *owned,
			      const struct wp_urn *user, bool *lacks_out,
			      struct wp_error *err)
{
	const struct wp_ack_ids none = { .n = 0 };
	struct wp_reply *reply = NULL;
	struct wp_ack_hint hint;
	struct wp_cmd cmd;
	enum wp_err rc;

	*lacks_out = false;
	wp_cmd_init(&cmd);
	wp_ack_build(&cmd, wp_redis_run_id(auditor->redis), owned->partition,
		     user, &none);
	rc = wp_redis_do(auditor->redis, &cmd, &reply, err);
	if (rc == WP_OK && wp_ack_parse(reply, &hint) == WP_OK)
		*lacks_out = !hint.ask_cold;
	wp_reply_free(&reply);
	wp_cmd_release(&cmd);
	return rc;
}

static enum wp_err run(struct wp_auditor *auditor, struct wp_cmd *cmd,
		       struct wp_error *err)
{
	struct wp_reply *reply = NULL;
	enum wp_err rc = wp_redis_do(auditor->redis, cmd, &reply, err);

	if (rc == WP_OK && wp_guarded_parse(reply) == WP_ERR_STALE)
		rc = WP_ERR_STALE;
	else if (rc == WP_OK && wp_guarded_parse(reply) != WP_OK)
		rc = refused(err, reply);
	wp_reply_free(&reply);
	return rc;
}

static enum wp_err set_hint(struct wp_auditor *auditor,
			    const struct wp_owned *owned,
			    const struct wp_urn *user,
			    const struct wp_store_size *size,
			    struct wp_error *err)
{
	struct wp_cmd cmd;
	enum wp_err rc;

	wp_cmd_init(&cmd);
	wp_hint_set_begin(&cmd, owned->partition, owned->owner,
			  auditor->conf->worker.lease_ms);
	wp_cmd_add(&cmd, user->text, user->len);
	rc = run(auditor, &cmd, err);
	if (rc == WP_OK) {
		wp_cold_size_begin(&cmd, owned->partition);
		wp_cold_size_add(&cmd, user, size);
		rc = run(auditor, &cmd, err);
	}
	wp_cmd_release(&cmd);
	return rc;
}

/*
 * Rows without a hint. A migration sets the hint before it appends, an ack
 * clears it after it has deleted, and both move the version: with the hint
 * missing before and after, and one version all along, the rows are orphans.
 */
static enum wp_err check_user(struct wp_auditor *auditor,
			      const struct wp_owned *owned,
			      const struct wp_urn *user, struct wp_error *err)
{
	struct wp_store_size before, after;
	bool lacks = false;
	enum wp_err rc;

	rc = lacks_hint(auditor, owned, user, &lacks, err);
	if (rc != WP_OK || !lacks)
		return rc;
	rc = wp_store_size(auditor->store, user, &before, err);
	if (rc == WP_OK && before.n > 0)
		rc = lacks_hint(auditor, owned, user, &lacks, err);
	if (rc != WP_OK || before.n == 0 || !lacks)
		return rc;
	rc = wp_store_size(auditor->store, user, &after, err);
	if (rc != WP_OK || before.version != after.version)
		return rc;
	rc = set_hint(auditor, owned, user, &after, err);
	if (rc == WP_OK)
		wp_audit_tell(auditor, WP_WM_REPAIR_HINT_MISSING,
			      "messages on disk without a hint", 1);
	return rc;
}

/* ---- hints without rows ---- */

static enum wp_err ask_key(struct wp_auditor *auditor, const char *command,
			   const struct wp_owned *owned, const char *name,
			   const char *argument, struct wp_reply **reply,
			   struct wp_error *err)
{
	char key[WP_PREFIX_MAX + sizeof("migrate")];
	struct wp_cmd cmd;
	enum wp_err rc;

	wp_partition_prefix(key, owned->partition);
	memcpy(key + strlen(key), name, strlen(name) + 1);
	wp_cmd_init(&cmd);
	wp_cmd_str(&cmd, command);
	wp_cmd_str(&cmd, key);
	wp_cmd_str(&cmd, argument);
	rc = wp_redis_do(auditor->redis, &cmd, reply, err);
	if (rc == WP_OK && wp_reply_type(*reply) == WP_REPLY_ERROR)
		rc = refused(err, *reply);
	wp_cmd_release(&cmd);
	return rc;
}

static enum wp_err check_hint(struct wp_auditor *auditor,
			      const struct wp_owned *owned,
			      const struct wp_urn *user, struct wp_error *err)
{
	struct wp_reply *reply = NULL;
	struct wp_store_size size;
	int64_t deleted = 0;
	bool is_moving;
	enum wp_err rc;

	rc = wp_store_size(auditor->store, user, &size, err);
	if (rc != WP_OK || size.n > 0)
		return rc;
	/* A migration under way has set it for rows that are about to come. */
	rc = ask_key(auditor, "ZSCORE", owned, "migrate", user->text, &reply,
		     err);
	is_moving = wp_reply_type(reply) != WP_REPLY_NIL;
	wp_reply_free(&reply);
	if (rc != WP_OK || is_moving)
		return rc;
	/* Nothing has expired at 0: all that happens is what clears a hint. */
	rc = wp_ack_expired(auditor->redis, auditor->store, owned->partition,
			    user, 0, &deleted, err);
	/* No warning: an ack whose last step was lost leaves one behind. */
	if (rc == WP_OK)
		wp_metric_add(auditor->metrics, WP_WM_REPAIR_HINT_IDLE, 1);
	return rc;
}

/* ---- pages ---- */

/* What is about one user or partition is told; the walk goes on behind it. */
static enum wp_err go_on(struct wp_auditor *auditor,
			 const struct wp_owned *owned, enum wp_err rc,
			 const struct wp_error *err)
{
	uint32_t suppressed;

	if (rc != WP_ERR_PROTO)
		return rc;
	if (wp_log_allow(&auditor->limit, wp_mono_ms(), WP_AUDIT_LOG_MS,
			 &suppressed))
		wp_log(&auditor->log, WP_LOG_WARN, "audit cannot repair",
		       wp_int("partition", owned->partition),
		       wp_str("error", err->msg),
		       wp_int("suppressed", suppressed));
	return WP_OK;
}

static void next_partition(struct wp_auditor *auditor)
{
	auditor->users = (struct wp_store_place){ 0 };
	auditor->hints[0] = '\0';
	auditor->passed++;
	auditor->partition++;
	if (auditor->partition >= auditor->conf->mailbox.partitions)
		auditor->partition = 0;
}

/* One page of HSCAN over the hints; behind the last one the next partition. */
static enum wp_err audit_hints(struct wp_auditor *auditor,
			       const struct wp_owned *owned,
			       struct wp_error *err)
{
	struct wp_reply *reply = NULL;
	const struct wp_reply *pairs, *cursor;
	size_t len;
	enum wp_err rc;

	auditor->budget--;
	rc = ask_key(auditor, "HSCAN", owned, "cold", auditor->hints, &reply,
		     err);
	cursor = wp_reply_at(reply, 0);
	len = wp_reply_len(cursor);
	pairs = wp_reply_at(reply, 1);
	for (size_t i = 0; i < wp_reply_count(pairs) && rc == WP_OK; i += 2) {
		const struct wp_reply *text = wp_reply_at(pairs, i);
		struct wp_urn user;

		auditor->budget--;
		if (wp_urn_reread(&user, wp_reply_str(text),
				  wp_reply_len(text)) != WP_OK)
			continue;
		rc = check_hint(auditor, owned, &user, err);
		rc = go_on(auditor, owned, rc, err);
	}
	if (rc == WP_OK && len > 0 && len <= WP_AUDIT_CURSOR_MAX &&
	    !wp_reply_is(cursor, "0")) {
		memcpy(auditor->hints, wp_reply_str(cursor), len);
		auditor->hints[len] = '\0';
	} else if (rc == WP_OK || rc == WP_ERR_PROTO) {
		rc = go_on(auditor, owned, rc, err);
		next_partition(auditor);
	}
	wp_reply_free(&reply);
	return rc;
}

/* One page of the users on disk; behind the last one the hints. */
static enum wp_err audit_users(struct wp_auditor *auditor,
			       const struct wp_owned *owned,
			       struct wp_error *err)
{
	const struct wp_store_place from = auditor->users;
	struct users users = { .n = 0 };
	enum wp_err rc;

	rc = wp_store_users(auditor->store, owned->partition, &auditor->users,
			    USERS_AT_ONCE, on_user, &users, err);
	for (size_t i = 0; i < users.n && rc == WP_OK; i++) {
		rc = check_user(auditor, owned, &users.list[i], err);
		rc = go_on(auditor, owned, rc, err);
	}
	auditor->budget -= 1 + (int64_t)auditor->users.looked;
	if (rc != WP_OK)
		auditor->users = from;
	else if (auditor->users.is_end)
		memcpy(auditor->hints, "0", sizeof("0"));
	return rc;
}

enum wp_err wp_audit_cold(struct wp_auditor *auditor, struct wp_error *err)
{
	/* The other half is for the keyspace. */
	int64_t floor = auditor->budget / 2;
	struct wp_error why = { 0 };
	enum wp_err rc = WP_OK;

	auditor->passed = 0;
	while (rc == WP_OK && auditor->budget > floor &&
	       auditor->passed < auditor->conf->mailbox.partitions &&
	       !wp_table_is_stopping(auditor->table) &&
	       !wp_table_has_closed(auditor->table)) {
		struct wp_owned owned = { .partition = auditor->partition };

		if (!wp_table_owner(auditor->table, owned.partition,
				    WP_TABLE_OPEN, wp_mono_ms(), owned.owner))
			next_partition(auditor);
		else if (auditor->hints[0] != '\0')
			rc = audit_hints(auditor, &owned, &why);
		else
			rc = audit_users(auditor, &owned, &why);
		if (rc == WP_ERR_STALE) {
			/* Lost meanwhile: somebody else looks after it now. */
			next_partition(auditor);
			rc = WP_OK;
		}
	}
	if (rc != WP_OK && err != NULL)
		*err = why;
	return rc;
}
