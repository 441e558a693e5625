/*
 * live.c - making the parts, freeing them in the order that they need, and what
 * clients ask: a send or an ack goes to Redis, and its answer comes back.
 *
 * Knows mailboxes, who works on them, and whether one more call may be on its
 * way. Knows nothing about frames or connections: whoever asked may be gone
 * when it is done. Nothing of a send is logged: not the caller, not the
 * recipient, not the id.
 */
#include "lib/live/live.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "lib/base/clock.h"
#include "lib/live/session_seen.h"
#include "lib/redis/async.h"
#include "lib/redis/info.h"
#include "lib/store/store.h"

enum { LOG_INTERVAL_MS = 60000 };

static const double sample_s = 1.0;

_Static_assert(sizeof(struct wp_live_send) <= WP_INFLIGHT_CALL_COST &&
		       sizeof(struct wp_live_ack) <= WP_INFLIGHT_CALL_COST,
	       "what is kept of a call is within what it is charged");

/* NULL while no command can be sent. */
static struct wp_aredis *redis_of(const struct wp_live *live)
{
	struct wp_aredis *redis = wp_registrar_redis(live->registrar);

	return redis != NULL && wp_aredis_is_ready(redis) ? redis : NULL;
}

/* ---- how full Redis is ---- */

static void on_info(void *ctx, const struct wp_reply *reply)
{
	const struct wp_log log = { .component = "memory" };
	struct wp_live *live = ctx;
	uint32_t suppressed;

	live->is_asking_memory = false;
	if (reply == NULL)
		return; /* lost: the next answer tells */
	if (wp_reply_type(reply) == WP_REPLY_STR) {
		live->memory_percent = wp_memory_percent(reply);
		return;
	}
	/* What was true once need not be now; Redis itself still refuses what
	 * it has no room for. */
	live->memory_percent = 0;
	if (wp_log_allow(&live->memory_limit, wp_mono_ms(), LOG_INTERVAL_MS,
			 &suppressed))
		wp_log(&log, WP_LOG_WARN, "Redis does not tell how full it is",
		       wp_str("reply", wp_reply_str(reply)),
		       wp_int("suppressed", suppressed));
}

static void on_sample(struct ev_loop *loop, ev_timer *timer, int events)
{
	struct wp_live *live = timer->data;
	struct wp_aredis *redis = redis_of(live);
	struct wp_cmd cmd;

	(void)loop;
	(void)events;
	if (live->is_asking_memory || redis == NULL)
		return;
	wp_cmd_init(&cmd);
	wp_cmd_str(&cmd, "INFO");
	wp_cmd_str(&cmd, "memory");
	live->is_asking_memory =
		wp_aredis_do(redis, &cmd, on_info, live) == WP_OK;
	wp_cmd_release(&cmd);
}

/* ---- how gathered sends reach Redis ---- */

static void target(void *ctx, struct wp_send_target *out)
{
	const struct wp_live *live = ctx;

	*out = (struct wp_send_target){
		.conf = live->conf,
		.run_id = wp_aredis_run_id(wp_registrar_redis(live->registrar)),
		.memory_percent = live->memory_percent,
	};
}

static enum wp_err call(void *ctx, const struct wp_cmd *cmd, wp_reply_fn fn,
			void *fn_ctx)
{
	struct wp_aredis *redis = redis_of(ctx);

	return redis == NULL ? WP_ERR_UNAVAIL
			     : wp_aredis_do(redis, cmd, fn, fn_ctx);
}

static void lost(void *ctx)
{
	(void)ctx; /* the registrar says so */
}

static enum wp_err make_gather(struct wp_live *live, struct ev_loop *loop,
			       struct wp_error *err)
{
	const struct wp_gather_hooks hooks = {
		.target = target,
		.call = call,
		.lost = lost,
		.ctx = live,
	};

	return wp_gather_new(&live->gather, loop, &hooks, err);
}

/* ---- making ---- */

static void start_sampling(struct wp_live *live, struct ev_loop *loop)
{
	live->loop = loop;
	ev_timer_init(&live->memory_timer, on_sample, 0., sample_s);
	live->memory_timer.data = live;
	ev_timer_start(loop, &live->memory_timer);
}

static enum wp_err make_revoker(struct wp_live *live,
				const struct wp_registrar_setup *setup,
				wp_member_fn on_revoked, struct wp_error *err)
{
	const struct wp_revoker_setup how = {
		.loop = setup->loop,
		.hub = live->hub,
		.on_revoked = on_revoked,
		.ctx = setup->hooks.ctx,
	};

	return wp_revoker_new(&live->revoker, &how, err);
}

enum wp_err wp_live_init(struct wp_live *live,
			 const struct wp_registrar_setup *setup,
			 const struct wp_live_hooks *hooks,
			 struct wp_error *err)
{
	struct wp_registrar_setup whole = *setup;
	const struct wp_store_setup store = {
		.loop = setup->loop,
		.conf = setup->conf,
		.threads = 1,
	};
	enum wp_err rc;

	live->conf = setup->rules.conf;
	live->waits = hooks->waits;
	live->hub = wp_hub_new(
		setup->loop, (uint32_t)setup->conf->mailbox.partitions,
		&setup->counts, hooks->on_poke, setup->hooks.ctx);
	if (live->hub == NULL)
		return wp_error_set(err, WP_ERR_NOMEM, "out of memory");
	rc = wp_store_thread_start(&live->store, &store, err);
	if (rc == WP_OK)
		rc = make_revoker(live, setup, hooks->on_revoked, err);
	if (rc != WP_OK)
		return rc;
	whole.hub = live->hub;
	whole.hooks.revocation = (struct wp_revocation_hook){
		.fn = wp_revoker_hear,
		.ctx = live->revoker,
	};
	rc = wp_registrar_new(&live->registrar, &whole, err);
	if (rc == WP_OK)
		rc = make_gather(live, setup->loop, err);
	if (rc != WP_OK)
		return rc;
	wp_revoker_start(live->revoker, live->registrar);
	start_sampling(live, setup->loop);
	return WP_OK;
}

void wp_live_release(struct wp_live *live)
{
	/* Callbacks that run now find their connections gone. */
	wp_store_thread_stop(&live->store);
	if (live->loop != NULL)
		ev_timer_stop(live->loop, &live->memory_timer);
	wp_gather_stop(live->gather);
	wp_revoker_stop(live->revoker);
	wp_registrar_free(&live->registrar);
	wp_revoker_free(&live->revoker);
	wp_gather_free(&live->gather);
	wp_hub_free(&live->hub);
}

void wp_live_use(struct wp_live *live, const struct wp_teller_rules *rules)
{
	live->conf = rules->conf;
	wp_registrar_use(live->registrar, rules);
}

/* ---- what is not answered ---- */

/*
 * Take bytes and the cost of a call for the user with this hash.
 *
 * charged:  to be given back once
 * Returns:  false when it would be too much; nothing is taken then
 */
static bool charge(struct wp_live *live, uint32_t user_hash, size_t bytes,
		   size_t *charged)
{
	size_t *of_user = &live->inflight_of[user_hash % WP_INFLIGHT_SLOTS];
	size_t user_left = WP_INFLIGHT_USER_MAX - *of_user;
	size_t left = WP_INFLIGHT_MAX - live->inflight;

	assert(*charged == 0);
	if (left > user_left)
		left = user_left;
	if (left < WP_INFLIGHT_CALL_COST ||
	    bytes > left - WP_INFLIGHT_CALL_COST)
		return false;
	*charged = bytes + WP_INFLIGHT_CALL_COST;
	live->inflight += *charged;
	*of_user += *charged;
	return true;
}

/* Idempotent. */
static void give_back(struct wp_live *live, uint32_t user_hash, size_t *charged)
{
	size_t *of_user = &live->inflight_of[user_hash % WP_INFLIGHT_SLOTS];

	assert(*charged <= *of_user);
	live->inflight -= *charged;
	*of_user -= *charged;
	*charged = 0;
}

/* ---- send ---- */

/* Why a send does not set out, of what only this way knows. */
static const struct wp_refusal no_redis = { "unavailable",
					    "Redis cannot be reached" };
static const struct wp_refusal no_memory = { "unavailable",
					     "the server is out of memory" };

/* Answered, or it will not be sent. */
static void end_send(struct wp_live_send *send)
{
	give_back(send->live, send->user_hash, &send->charged);
	wp_buf_release(&send->json);
}

static void on_sent(struct wp_sends *sends)
{
	struct wp_live_send *send = (struct wp_live_send *)sends;

	end_send(send);
	send->done(send, &send->result);
}

/* Overload is answered, never absorbed. NULL when it is on its way. */
static const struct wp_refusal *set_out(struct wp_live_send *send)
{
	struct wp_live *live = send->live;
	const struct wp_submission *one = &send->submission;

	if (redis_of(live) == NULL)
		return &no_redis;
	if (!charge(live, send->user_hash, send->json.cap, &send->charged))
		return wp_submit_turned_away(one->has_key);
	send->one = one;
	send->sends = (struct wp_sends){
		.list = &send->one,
		.n = 1,
		.results = &send->result,
		.done = on_sent,
	};
	switch (wp_gather_submit(live->gather, &send->sends)) {
	case WP_OK:
		return NULL;
	case WP_ERR_FULL:
		return wp_submit_turned_away(one->has_key);
	default:
		return &no_redis;
	}
}

bool wp_live_send_begin(struct wp_live_send *send, const struct wp_user *user,
			const struct wp_submit_options *options,
			const struct wp_envelope_text *text,
			struct wp_refusal *refusal)
{
	const struct wp_conf *conf = send->live->conf;
	struct wp_submit_options of_user = *options;
	const struct wp_refusal *why = NULL;

	of_user.sender = user->text;
	send->user_hash = user->hash;
	/* This ceiling keeps it from taking up to twice as much. */
	wp_buf_init(&send->json, wp_submit_canonical_max(text->len, 1));
	if (wp_submit_read(&send->submission, &of_user, text, conf,
			   &send->json) != WP_OK)
		why = &no_memory;
	else if (send->submission.refusal.code != NULL)
		why = &send->submission.refusal;
	else
		why = set_out(send);
	if (why == NULL)
		return true;
	*refusal = *why;
	end_send(send);
	return false;
}

/* ---- ack ---- */

/*
 * Step 1 is a script on the command connection, step 2 a job for the store
 * thread when the hint says so, step 3 a script that nobody waits for.
 */

static void finish(struct wp_live_ack *ack, bool is_done)
{
	struct wp_ack_ids ids = ack->ids;

	give_back(ack->live, ack->job.user_hash, &ack->charged);
	ack->done(ack, is_done);
	wp_ack_ids_release(&ids);
}

/* Step 3 */
static void note_what_is_left(struct wp_live_ack *ack)
{
	struct wp_aredis *redis = redis_of(ack->live);
	struct wp_cmd cmd;
	enum wp_err rc;

	if (redis == NULL)
		return; /* an old hint costs a look, nothing else */
	/* In another life of Redis its token may stand for another one. */
	if (strncmp(ack->life, wp_aredis_run_id(redis), WP_LIVE_LIFE_LEN) != 0)
		ack->walk.may_clear = false;
	wp_cmd_init(&cmd);
	wp_ack_ask(&ack->walk, wp_aredis_run_id(redis), &cmd);
	rc = wp_aredis_do(redis, &cmd, NULL, NULL);
	(void)rc; /* as above */
	wp_cmd_release(&cmd);
}

/* Step 2, on the store's thread */
static enum wp_err delete_cold(struct wp_store_job *job, struct wp_store *store,
			       struct wp_error *err)
{
	struct wp_live_ack *ack = (struct wp_live_ack *)job;

	return wp_store_ack(store, &ack->walk.cold, err);
}

static void on_cold_deleted(struct wp_store_job *job, enum wp_err result)
{
	struct wp_live_ack *ack = (struct wp_live_ack *)job;

	wp_ack_stored(&ack->walk, result);
	if (ack->walk.step == WP_ACK_HINT)
		note_what_is_left(ack);
	finish(ack, result == WP_OK);
}

static void on_hot_deleted(void *ctx, const struct wp_reply *reply)
{
	struct wp_live_ack *ack = ctx;

	wp_ack_told(&ack->walk, reply, false);
	if (ack->walk.step != WP_ACK_COLD) {
		finish(ack, ack->walk.step == WP_ACK_DONE);
		return;
	}
	ack->job.run = delete_cold;
	ack->job.done = on_cold_deleted;
	if (wp_store_thread_submit(ack->live->store, &ack->job) != WP_OK)
		finish(ack, false);
}

/* Step 1 */
static enum wp_err delete_hot(struct wp_live_ack *ack)
{
	struct wp_aredis *redis = redis_of(ack->live);
	struct wp_cmd cmd;
	enum wp_err rc;

	if (redis == NULL)
		return WP_ERR_UNAVAIL;
	wp_cmd_init(&cmd);
	wp_ack_begin(&ack->walk, &ack->box, &ack->ids);
	if (!ack->is_uncounted)
		ack->walk.waits = ack->live->waits;
	(void)snprintf(ack->life, sizeof(ack->life), "%s",
		       wp_aredis_run_id(redis));
	wp_ack_ask(&ack->walk, wp_aredis_run_id(redis), &cmd);
	rc = wp_aredis_do(redis, &cmd, on_hot_deleted, ack);
	wp_cmd_release(&cmd);
	return rc == WP_OK ? WP_OK : WP_ERR_UNAVAIL;
}

enum wp_err wp_live_ack_begin(struct wp_live_ack *ack,
			      const struct wp_user *user,
			      const struct wp_json_slice *text,
			      struct wp_error *err)
{
	enum wp_err rc;

	ack->job.user_hash = user->hash;
	wp_user_box(user, &ack->box);
	rc = wp_ack_ids_read(&ack->ids, text->data, text->len,
			     ack->box.partition, err);
	if (rc != WP_OK)
		return rc;
	if (ack->ids.n == 0) { /* nothing that could be ours */
		finish(ack, true);
		return WP_OK;
	}
	rc = WP_ERR_FULL;
	if (charge(ack->live, user->hash,
		   text->len + ack->ids.n * sizeof(*ack->ids.ids),
		   &ack->charged))
		rc = delete_hot(ack);
	if (rc != WP_OK) {
		give_back(ack->live, user->hash, &ack->charged);
		wp_ack_ids_release(&ack->ids);
	}
	return rc;
}

/* ---- sessions ---- */

static enum wp_err call_aside(void *ctx, const struct wp_cmd *cmd,
			      wp_reply_fn fn, void *fn_ctx)
{
	struct wp_aredis *redis = redis_of(ctx);

	return redis == NULL ? WP_ERR_UNAVAIL
			     : wp_aredis_do(redis, cmd, fn, fn_ctx);
}

void wp_live_seen(struct wp_live *live, const struct wp_identity *who)
{
	const struct wp_seen_way way = {
		.partitions = (uint32_t)live->conf->mailbox.partitions,
		.call = call_aside,
		.ctx = live,
	};

	wp_session_seen(who, &way);
}
