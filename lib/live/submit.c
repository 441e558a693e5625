/*
 * submit.c - a send goes to Redis and its answer comes back.
 *
 * Knows mailboxes and whether one more send may be on its way. Knows nothing
 * about frames or connections: whoever asked may be gone when it is done.
 * Nothing here is logged: not the caller, not the recipient, not the id.
 */
#include "lib/live/submit.h"

#include "lib/redis/async.h"

/* Why a send does not set out, of what only this way knows. */
static const struct wp_refusal no_redis = { "unavailable",
					    "Redis cannot be reached" };
static const struct wp_refusal no_memory = { "unavailable",
					     "the server is out of memory" };

static void on_sent(void *ctx, const struct wp_reply *reply)
{
	struct wp_live_submit *submit = ctx;
	const struct wp_send_item item = { .envelope = &submit->envelope,
					   .has_key = submit->has_key };
	struct wp_send_result result;

	wp_inflight_give(&submit->live->inflight, &submit->charge);
	wp_send_parse(reply, &item, 1, &result);
	submit->done(submit, &result);
}

/* Overload is answered, never absorbed. NULL when it is on its way. */
static const struct wp_refusal *set_out(struct wp_live_submit *submit,
					uint32_t user_hash,
					const struct wp_send_item *item)
{
	struct wp_live *live = submit->live;
	struct wp_aredis *redis = wp_registrar_redis(live->registrar);
	struct wp_send_target target = {
		.conf = live->conf,
		.memory_percent = live->overload.percent,
	};
	struct wp_cmd cmd;
	enum wp_err rc;

	if (redis == NULL || !wp_aredis_is_ready(redis))
		return &no_redis;
	if (!wp_inflight_take(&live->inflight, &submit->charge, user_hash,
			      item->json_len))
		return wp_submit_turned_away(submit->has_key);
	target.run_id = wp_aredis_run_id(redis);
	wp_cmd_init(&cmd);
	wp_send_build(&cmd, &target, item, 1);
	rc = wp_aredis_do(redis, &cmd, on_sent, submit);
	wp_cmd_release(&cmd);
	if (rc == WP_OK)
		return NULL;
	wp_inflight_give(&live->inflight, &submit->charge);
	return &no_redis;
}

bool wp_live_submit_begin(struct wp_live_submit *submit,
			  const struct wp_user *user,
			  const struct wp_submit_options *options,
			  const struct wp_envelope_text *text,
			  struct wp_refusal *refusal)
{
	const struct wp_conf *conf = submit->live->conf;
	size_t max = (size_t)conf->mailbox.max_envelope_bytes;
	struct wp_submit_options of_user = *options;
	const struct wp_refusal *why = NULL;
	struct wp_submission submission;
	struct wp_send_item item;
	struct wp_buf json;

	of_user.sender = user->text;
	wp_buf_init(&json, wp_submit_canonical_max(max, 1));
	if (wp_submit_read(&submission, &of_user, text, conf, &json) != WP_OK) {
		why = &no_memory;
	} else if (submission.refusal.code != NULL) {
		why = &submission.refusal;
	} else {
		wp_submit_item(&item, &submission, &of_user, conf, &json);
		submit->envelope = submission.envelope;
		submit->has_key = item.has_key;
		why = set_out(submit, user->hash, &item);
	}
	if (why != NULL)
		*refusal = *why;
	wp_buf_release(&json);
	return why == NULL;
}
