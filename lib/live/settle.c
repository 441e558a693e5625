/*
 * settle.c - an ack goes from Redis to the store thread and back.
 *
 * Knows mailboxes and who works on them. Knows nothing about frames or
 * connections: whoever asked may be gone when it is done.
 */
#include "lib/live/settle.h"

#include "lib/redis/async.h"
#include "lib/store/store.h"

static void let_go(struct wp_settle *settle)
{
	wp_inflight_give(&settle->live->inflight, &settle->charge);
	wp_ack_ids_release(&settle->ids);
}

static void finish(struct wp_settle *settle, bool is_done)
{
	let_go(settle);
	settle->done(settle, is_done);
}

/* Step 3 */
static void note_what_is_left(const struct wp_settle *settle)
{
	struct wp_aredis *redis = wp_registrar_redis(settle->live->registrar);
	struct wp_cmd cmd;
	enum wp_err rc;

	if (!wp_aredis_is_ready(redis))
		return; /* an old hint costs a look, nothing else */
	wp_cmd_init(&cmd);
	wp_ack_ask(&settle->walk, wp_aredis_run_id(redis), &cmd);
	rc = wp_aredis_do(redis, &cmd, NULL, NULL);
	(void)rc; /* as above */
	wp_cmd_release(&cmd);
}

/* Step 2, on the store's thread */
static enum wp_err delete_cold(struct wp_store_job *job, struct wp_store *store,
			       struct wp_error *err)
{
	struct wp_settle *settle = (struct wp_settle *)job;

	return wp_store_ack(store, &settle->walk.cold, err);
}

static void on_cold_deleted(struct wp_store_job *job, enum wp_err result)
{
	struct wp_settle *settle = (struct wp_settle *)job;

	wp_ack_stored(&settle->walk, result);
	if (settle->walk.step == WP_ACK_HINT)
		note_what_is_left(settle);
	finish(settle, result == WP_OK);
}

static void on_hot_deleted(void *ctx, const struct wp_reply *reply)
{
	struct wp_settle *settle = ctx;

	wp_ack_told(&settle->walk, reply, false);
	if (settle->walk.step != WP_ACK_COLD) {
		finish(settle, settle->walk.step == WP_ACK_DONE);
		return;
	}
	settle->job.run = delete_cold;
	settle->job.done = on_cold_deleted;
	if (wp_store_thread_submit(settle->live->store, &settle->job) != WP_OK)
		finish(settle, false);
}

/* Step 1 */
static enum wp_err delete_hot(struct wp_settle *settle)
{
	struct wp_aredis *redis = wp_registrar_redis(settle->live->registrar);
	struct wp_cmd cmd;
	enum wp_err rc;

	if (!wp_aredis_is_ready(redis))
		return WP_ERR_UNAVAIL;
	wp_cmd_init(&cmd);
	wp_ack_begin(&settle->walk, &settle->box, &settle->ids);
	wp_ack_ask(&settle->walk, wp_aredis_run_id(redis), &cmd);
	rc = wp_aredis_do(redis, &cmd, on_hot_deleted, settle);
	wp_cmd_release(&cmd);
	return rc == WP_OK ? WP_OK : WP_ERR_UNAVAIL;
}

enum wp_err wp_settle_begin(struct wp_settle *settle,
			    const struct wp_user *user,
			    const struct wp_json_slice *text,
			    struct wp_error *err)
{
	enum wp_err rc;

	settle->job.user_hash = user->hash;
	wp_user_box(user, &settle->box);
	rc = wp_ack_ids_read(&settle->ids, text->data, text->len,
			     settle->box.partition, err);
	if (rc != WP_OK)
		return rc;
	if (settle->ids.n == 0) { /* nothing that could be ours */
		finish(settle, true);
		return WP_OK;
	}
	rc = WP_ERR_FULL;
	if (wp_inflight_take(
		    &settle->live->inflight, &settle->charge, user->hash,
		    text->len + settle->ids.n * sizeof(*settle->ids.ids)))
		rc = delete_hot(settle);
	if (rc != WP_OK)
		let_go(settle);
	return rc;
}
