/*
 * registrar.c - incarnations: when one ends, how the next one begins, and what
 * is heard while it lasts.
 *
 * The order that the model showed to be necessary: subscription confirmed, then
 * partitions joined, then connections registered, then pokes. Behind the first
 * comes a nonce that Redis must take: whoever may hear a channel need not be
 * allowed to publish there.
 *
 * Knows the hub's members and two Redis connections; what is told of members is
 * the teller's affair. Knows nothing about sockets or frames.
 */
#include "lib/live/registrar.h"

#include <assert.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <ev.h>

#include "lib/base/clock.h"
#include "lib/base/log.h"
#include "lib/base/random.h"
#include "lib/live/beat.h"
#include "lib/live/ears.h"
#include "lib/live/poked.h"
#include "lib/live/teller.h"
#include "lib/mailbox/presence.h"
#include "lib/mailbox/scripts.h"

enum {
	NONCE_SHARE = 3, /* a nonce has this part of a beat to come back */
	LOG_INTERVAL_MS = 10000,
	INSTANCE_BYTES = 8,
	SUFFIX_BYTES = 6,
};

enum state {
	DOWN,        /* a Redis connection is missing */
	SUBSCRIBING, /* the new channel is not confirmed yet */
	PROVING,     /* it is; may we publish there? */
	LIVE,
};

struct wp_registrar {
	struct ev_loop *loop;
	const struct wp_conf *conf;
	struct wp_hub *hub;
	struct wp_teller *teller;
	struct wp_live_counts counts;
	struct wp_registrar_hooks hooks;
	struct wp_log log;
	struct wp_log_limit log_limit;
	struct wp_log_limit forbidden_limit;
	struct wp_aredis *redis;
	struct wp_feed *feed;
	struct wp_cmd cmd; /* reused for every command */

	enum state state;
	bool was_live;
	bool is_stopping;
	bool is_stopped;
	char instance[2 * INSTANCE_BYTES + 1];
	struct wp_incarnation now;
	uint32_t partitions;
	bool is_parting;
	size_t n_parting;

	struct wp_poked poked;
	struct wp_ears ears;

	ev_timer beat_timer;
	ev_timer due_timer;
	struct wp_beat beat;
	size_t n_beating;
	size_t n_nonces; /* published and not answered */
};

/* ---- how an incarnation ends ---- */

static void check_stop(struct wp_registrar *reg);

static void go_down(struct wp_registrar *reg, const char *what)
{
	bool was_live = reg->state == LIVE;

	wp_ears_give_up(&reg->ears);
	if (reg->state == DOWN)
		return;
	reg->state = DOWN;
	wp_teller_suspend(reg->teller);
	wp_metric_set(reg->counts.metrics, reg->counts.is_live, 0);
	if (was_live)
		wp_log(&reg->log, WP_LOG_WARN, "presence suspended",
		       wp_str("reason", what));
	check_stop(reg);
}

/* Redis should not have refused that. */
static void complain(struct wp_registrar *reg, const char *event,
		     const struct wp_reply *reply)
{
	uint32_t suppressed;

	if (wp_log_allow(&reg->log_limit, wp_mono_ms(), LOG_INTERVAL_MS,
			 &suppressed))
		wp_log(&reg->log, WP_LOG_WARN, event,
		       wp_str("reply", wp_reply_str(reply)),
		       wp_int("suppressed", suppressed));
}

/*
 * Redis refused what this incarnation is worth nothing without. The next one
 * begins with a beat: who is refused and comes again at once does nothing else,
 * and the connection is good.
 */
static void end_refused(struct wp_registrar *reg, const char *event,
			const struct wp_reply *reply)
{
	complain(reg, event, reply);
	go_down(reg, event);
}

/* Redis does not let us use a channel: say what is missing, try again with the
 * beats to come. */
static void on_forbidden(void *ctx, const struct wp_reply *reply)
{
	struct wp_registrar *reg = ctx;
	struct wp_buf rights;
	uint32_t suppressed;

	if (wp_log_allow(&reg->forbidden_limit, wp_mono_ms(), LOG_INTERVAL_MS,
			 &suppressed)) {
		wp_buf_init(&rights, 0);
		wp_feed_write_rights(reg->feed, &rights);
		wp_log(&reg->log, WP_LOG_ERROR,
		       "Redis refuses the channels of presence",
		       wp_str("reply", wp_reply_str(reply)),
		       wp_str("needs", rights.failed ? "" : rights.data),
		       wp_int("suppressed", suppressed));
		wp_buf_release(&rights);
	}
	wp_ears_forget(&reg->ears);
	go_down(reg, "Redis refuses the channels");
}

/* ---- how the next one begins ---- */

/* End this incarnation, if there is one, and begin the next. */
static void renew(struct wp_registrar *reg, const char *why)
{
	char suffix[2 * SUFFIX_BYTES + 1];

	go_down(reg, why);
	if (reg->is_stopping || !wp_aredis_is_ready(reg->redis) ||
	    !wp_feed_is_ready(reg->feed))
		return;
	wp_random_hex(suffix, SUFFIX_BYTES);
	snprintf(reg->now.name, sizeof(reg->now.name), "%s-%s", reg->instance,
		 suffix);
	reg->now.epoch++;
	reg->state = SUBSCRIBING;
	if (wp_feed_listen(reg->feed, reg->now.name) != WP_OK)
		reg->state = DOWN; /* till on_ready or a beat */
}

/* ---- what the teller has to say ---- */

static void on_gone(void *ctx)
{
	renew(ctx, "incarnation was reaped");
}

static void on_useless(void *ctx, const char *what,
		       const struct wp_reply *reply)
{
	end_refused(ctx, what, reply);
}

static void on_registered(void *ctx, struct wp_member *member, int64_t pending)
{
	struct wp_registrar *reg = ctx;

	wp_ears_await(&reg->ears, member, pending);
}

static void on_heard(void *ctx, struct wp_member *member, int64_t pending)
{
	const struct wp_registrar *reg = ctx;

	reg->hooks.on_registered(reg->hooks.ctx, member, pending);
}

static void on_refused(void *ctx, struct wp_member *member)
{
	struct wp_registrar *reg = ctx;

	reg->hooks.on_refused(reg->hooks.ctx, member);
}

static void on_progress(void *ctx)
{
	check_stop(ctx);
}

/* ---- what is heard, and what heartbeats bring ---- */

static void kick(struct wp_registrar *reg, const struct wp_poke *poke)
{
	struct wp_member *member;
	uint64_t number;

	/* A kick for an incarnation of before was decided without this one. */
	if (!wp_connection_number(poke->text, poke->len, reg->now.name,
				  &number))
		return;
	member = wp_hub_find(reg->hub, number);
	if (member != NULL && member->user != NULL &&
	    member->told.epoch == reg->now.epoch)
		reg->hooks.on_kick(reg->hooks.ctx, member);
}

struct beat_call {
	struct wp_registrar *reg;
	uint32_t epoch;
	uint32_t beat;
	uint32_t partition;
	bool is_repeat;
};

static void send_beat(struct wp_registrar *reg, uint32_t partition,
		      bool is_repeat);

static void on_due_user(const struct beat_call *call,
			const struct wp_poke *poke)
{
	struct wp_registrar *reg = call->reg;
	struct wp_user *user = wp_hub_user(reg->hub, poke->text, poke->len);

	if (user == NULL)
		return;
	if (call->is_repeat || !wp_beat_hold(&user->beat, call->beat))
		wp_hub_poke(reg->hub, user);
}

static void read_members(const struct beat_call *call,
			 const struct wp_reply *reply, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		struct wp_poke poke = wp_presence_beat_member(reply, i);

		if (poke.what == WP_POKE_KICK)
			kick(call->reg, &poke);
		else
			on_due_user(call, &poke);
	}
}

static void judge_beat(const struct beat_call *call,
		       const struct wp_reply *reply)
{
	struct wp_registrar *reg = call->reg;
	struct wp_presence_beat answer;

	if (wp_presence_heartbeat_parse(reply, &answer) != WP_OK) {
		end_refused(reg, "heartbeat refused", reply);
		return;
	}
	if (answer.is_gone) {
		renew(reg, "incarnation was reaped");
		return;
	}
	wp_metric_add(reg->counts.metrics, reg->counts.heartbeats, 1);
	reg->beat.answered = call->beat;
	read_members(call, reply, answer.n);
	if (answer.more)
		send_beat(reg, call->partition, true);
}

static void on_beat_reply(void *ctx, const struct wp_reply *reply)
{
	struct beat_call *call = ctx;

	call->reg->n_beating--;
	if (reply != NULL && call->epoch == call->reg->now.epoch &&
	    call->reg->state == LIVE)
		judge_beat(call, reply);
	free(call);
}

static void send_beat(struct wp_registrar *reg, uint32_t partition,
		      bool is_repeat)
{
	struct beat_call *call = malloc(sizeof(*call));

	if (call == NULL)
		return; /* a beat less; the next one is soon */
	*call = (struct beat_call){
		.reg = reg,
		.epoch = reg->now.epoch,
		.beat = reg->beat.now,
		.partition = partition,
		.is_repeat = is_repeat,
	};
	wp_presence_heartbeat_build(&reg->cmd, partition, reg->now.name);
	if (wp_aredis_do(reg->redis, &reg->cmd, on_beat_reply, call) == WP_OK)
		reg->n_beating++;
	else
		free(call);
}

/* The nonce of this beat is late: what was held back because of it goes out. */
static void on_due(struct ev_loop *loop, ev_timer *timer, int events)
{
	struct wp_registrar *reg = timer->data;

	(void)loop;
	(void)events;
	if (reg->beat.heard == reg->beat.now)
		return;
	for (size_t i = 0; i < wp_hub_slots(reg->hub); i++) {
		struct wp_member *member = wp_hub_at(reg->hub, i);

		if (member != NULL && member->user != NULL &&
		    wp_beat_release(&reg->beat, &member->user->beat))
			wp_hub_poke(reg->hub, member->user);
	}
}

/* ---- going live ---- */

/* For operators: a word that is lost comes again with the next beat. */
static void say(struct wp_registrar *reg)
{
	enum wp_err rc;

	wp_presence_say_build(&reg->cmd, reg->now.name,
			      (int64_t)wp_hub_users(reg->hub));
	rc = wp_aredis_do(reg->redis, &reg->cmd, NULL, NULL);
	(void)rc;
}

static void go_live(struct wp_registrar *reg)
{
	reg->state = LIVE;
	wp_beat_renew(&reg->beat);
	if (reg->was_live)
		wp_metric_add(reg->counts.metrics, reg->counts.resyncs, 1);
	reg->was_live = true;
	wp_metric_set(reg->counts.metrics, reg->counts.is_live, 1);
	wp_log(&reg->log, WP_LOG_INFO, "presence live",
	       wp_str("incarnation", reg->now.name),
	       wp_int("connections", (int64_t)wp_hub_members(reg->hub)));
	if (reg->hooks.revocation.fn != NULL)
		reg->hooks.revocation.fn(reg->hooks.revocation.ctx, true);
	wp_teller_resume(reg->teller, reg->redis);
	say(reg);
	if (reg->hooks.on_live != NULL)
		reg->hooks.on_live(reg->hooks.ctx);
}

/* Of an older incarnation or of this one: the newest tells what holds now. */
static void on_nonce_reply(void *ctx, const struct wp_reply *reply)
{
	struct wp_registrar *reg = ctx;

	reg->n_nonces--;
	if (reply == NULL || reg->n_nonces > 0)
		return;
	if (wp_reply_type(reply) != WP_REPLY_INT)
		on_forbidden(reg, reply);
	else if (reg->state == PROVING)
		go_live(reg);
}

/* False: not published, and its absence will tell. */
static bool send_nonce(struct wp_registrar *reg)
{
	wp_poke_nonce_build(&reg->cmd, reg->now.name, reg->beat.now);
	if (wp_aredis_do(reg->redis, &reg->cmd, on_nonce_reply, reg) != WP_OK)
		return false;
	reg->n_nonces++;
	return true;
}

static void prove(struct wp_registrar *reg)
{
	reg->state = send_nonce(reg) ? PROVING : DOWN; /* till a beat */
}

static void send_all_beats(struct wp_registrar *reg)
{
	for (uint32_t p = 0; p < reg->partitions; p++)
		if (wp_teller_has_joined(reg->teller, p))
			send_beat(reg, p, false);
	say(reg);
	(void)send_nonce(reg);
	ev_timer_stop(reg->loop, &reg->due_timer);
	ev_timer_set(&reg->due_timer, reg->beat_timer.repeat / NONCE_SHARE, 0.);
	ev_timer_start(reg->loop, &reg->due_timer);
}

static void beat(struct wp_registrar *reg)
{
	switch (wp_beat_next(&reg->beat, reg->n_beating > 0,
			     wp_feed_received(reg->feed))) {
	case WP_BEAT_UNANSWERED:
		wp_log_plain(&reg->log, WP_LOG_WARN, "heartbeat unanswered");
		wp_aredis_reset(reg->redis);
		return;
	case WP_BEAT_DEAF:
		wp_log_plain(&reg->log, WP_LOG_WARN, "subscription half-open");
		wp_feed_reset(reg->feed);
		return;
	case WP_BEAT_GO:
		break;
	}
	send_all_beats(reg);
	wp_teller_retry(reg->teller);
}

static void on_beat(struct ev_loop *loop, ev_timer *timer, int events)
{
	struct wp_registrar *reg = timer->data;

	(void)loop;
	(void)events;
	if (reg->state == LIVE)
		beat(reg);
	else if (reg->state == DOWN)
		renew(reg, "tried again"); /* Redis may think otherwise now */
}

static void on_redis_ready(void *ctx)
{
	struct wp_registrar *reg = ctx;

	renew(reg, "commands connected");
}

static void on_redis_lost(void *ctx)
{
	struct wp_registrar *reg = ctx;

	go_down(reg, "command connection lost");
}

static void on_feed_ready(void *ctx)
{
	struct wp_registrar *reg = ctx;

	renew(reg, "feed connected");
}

static void on_feed_lost(void *ctx)
{
	struct wp_registrar *reg = ctx;

	wp_ears_forget(&reg->ears);
	go_down(reg, "feed connection lost");
}

static void on_feed_listening(void *ctx)
{
	struct wp_registrar *reg = ctx;

	if (reg->state != SUBSCRIBING)
		return;
	prove(reg);
}

static void on_feed_answered(void *ctx)
{
	struct wp_registrar *reg = ctx;

	wp_ears_answered(&reg->ears);
}

static void on_feed_poke(void *ctx, const struct wp_poke *poke)
{
	struct wp_registrar *reg = ctx;

	switch (poke->what) {
	case WP_POKE_USER:
		wp_poked_add(&reg->poked, poke);
		break;
	case WP_POKE_KICK:
		wp_poked_flush(&reg->poked);
		kick(reg, poke);
		break;
	case WP_POKE_NONCE:
		wp_poked_flush(&reg->poked);
		wp_beat_hear(&reg->beat, poke->nonce);
		break;
	}
}

/* ---- stopping ---- */

static void on_leave_reply(void *ctx, const struct wp_reply *reply)
{
	struct wp_registrar *reg = ctx;

	(void)reply; /* busy or lost: the reaper looks after the rest */
	reg->n_parting--;
	check_stop(reg);
}

static void part(struct wp_registrar *reg)
{
	/* A beat behind the leave would be told `gone`. */
	ev_timer_stop(reg->loop, &reg->beat_timer);
	ev_timer_stop(reg->loop, &reg->due_timer);
	for (uint32_t p = 0; p < reg->partitions; p++) {
		if (!wp_teller_has_joined(reg->teller, p))
			continue;
		wp_presence_leave_build(&reg->cmd, p, reg->now.name);
		if (wp_aredis_do(reg->redis, &reg->cmd, on_leave_reply, reg) !=
		    WP_OK)
			return;
		reg->n_parting++;
	}
}

/* The last steps of a stop, each once the one before is answered. */
static void check_stop(struct wp_registrar *reg)
{
	if (!reg->is_stopping || reg->is_stopped)
		return;
	if (reg->state == LIVE) {
		if (wp_teller_is_busy(reg->teller))
			return;
		if (!reg->is_parting) {
			reg->is_parting = true;
			part(reg);
		}
		if (reg->n_parting > 0)
			return;
	}
	reg->is_stopped = true;
	reg->hooks.on_stopped(reg->hooks.ctx);
}

/* ---- doors ---- */

static void init_ears(struct wp_registrar *reg)
{
	const struct wp_ears_hooks hooks = {
		.on_heard = on_heard,
		.on_unheard = on_refused,
		.ctx = reg,
	};

	wp_ears_init(&reg->ears, reg->hub, &hooks);
}

static const char *chat_of(void *ctx, const struct wp_member *member)
{
	const struct wp_registrar *reg = ctx;

	return reg->hooks.chat == NULL
		       ? NULL
		       : reg->hooks.chat(reg->hooks.ctx, member);
}

static enum wp_err make_teller(struct wp_registrar *reg,
			       const struct wp_registrar_setup *setup,
			       struct wp_error *err)
{
	const struct wp_teller_setup its = {
		.loop = setup->loop,
		.hub = setup->hub,
		.now = &reg->now,
		.partitions = reg->partitions,
		.protocol = setup->protocol,
		.rules = setup->rules,
		.hooks = { .on_registered = on_registered,
			   .on_refused = on_refused,
			   .on_gone = on_gone,
			   .on_useless = on_useless,
			   .on_progress = on_progress,
			   .chat = chat_of,
			   .ctx = reg },
	};

	return wp_teller_new(&reg->teller, &its, err);
}

enum wp_err wp_registrar_new(struct wp_registrar **out,
			     const struct wp_registrar_setup *setup,
			     struct wp_error *err)
{
	struct wp_registrar *reg = calloc(1, sizeof(*reg));
	double period = (double)setup->heartbeat_ms / 1e3;
	enum wp_err rc;

	if (reg == NULL)
		return wp_error_set(err, WP_ERR_NOMEM, "out of memory");
	reg->partitions = (uint32_t)setup->conf->mailbox.partitions;
	reg->loop = setup->loop;
	reg->conf = setup->conf;
	reg->hub = setup->hub;
	reg->counts = setup->counts;
	reg->hooks = setup->hooks;
	reg->log.component = "registrar";
	rc = make_teller(reg, setup, err);
	if (rc != WP_OK) {
		free(reg);
		return rc;
	}
	wp_cmd_init(&reg->cmd);
	wp_random_hex(reg->instance, INSTANCE_BYTES);
	ev_timer_init(&reg->beat_timer, on_beat, period, period);
	reg->beat_timer.data = reg;
	wp_poked_init(&reg->poked, reg->loop, reg->hub, &reg->beat);
	init_ears(reg);
	ev_timer_init(&reg->due_timer, on_due, 0., 0.);
	reg->due_timer.data = reg;
	*out = reg;
	return WP_OK;
}

void wp_registrar_free(struct wp_registrar **registrar)
{
	struct wp_registrar *reg = *registrar;

	*registrar = NULL;
	if (reg == NULL)
		return;
	reg->is_stopping = true;
	reg->is_stopped = true;
	wp_poked_stop(&reg->poked);
	ev_timer_stop(reg->loop, &reg->beat_timer);
	ev_timer_stop(reg->loop, &reg->due_timer);
	wp_feed_free(&reg->feed);
	wp_ears_release(&reg->ears);
	wp_aredis_free(&reg->redis);
	wp_teller_free(&reg->teller);
	wp_cmd_release(&reg->cmd);
	free(reg);
}

enum wp_err wp_registrar_start(struct wp_registrar *reg, struct wp_error *err)
{
	const struct wp_aredis_setup setup = {
		.loop = reg->loop,
		.conf = reg->conf,
		.scripts = &wp_scripts,
		.name = "commands",
		.hooks = { .on_ready = on_redis_ready,
			   .on_lost = on_redis_lost,
			   .ctx = reg },
	};
	struct wp_feed_hooks feed_hooks = {
		.on_ready = on_feed_ready,
		.on_lost = on_feed_lost,
		.on_listening = on_feed_listening,
		.on_answered = on_feed_answered,
		.on_refused = on_forbidden,
		.on_poke = on_feed_poke,
		.ctx = reg,
		.notification = reg->hooks.notification,
		.topic = reg->hooks.topic,
		.revocation = reg->hooks.revocation,
	};
	enum wp_err rc;

	assert(reg->redis == NULL);
	rc = wp_aredis_new(&reg->redis, &setup, err);
	if (rc != WP_OK)
		return rc;
	rc = wp_feed_new(&reg->feed, reg->loop, reg->conf, &feed_hooks, err);
	if (rc != WP_OK)
		return rc;
	if (reg->conf->websocket.feed_mode == WP_FEED_PER_USER)
		reg->ears.feed = reg->feed;
	wp_poked_start(&reg->poked);
	ev_timer_start(reg->loop, &reg->beat_timer);
	return WP_OK;
}

void wp_registrar_use(struct wp_registrar *reg,
		      const struct wp_teller_rules *rules)
{
	wp_teller_use(reg->teller, rules);
}

bool wp_registrar_is_live(const struct wp_registrar *reg)
{
	return reg->state == LIVE && !reg->is_stopping &&
	       wp_aredis_is_ready(reg->redis);
}

bool wp_registrar_is_busy(const struct wp_registrar *reg)
{
	return wp_teller_is_busy(reg->teller);
}

struct wp_aredis *wp_registrar_redis(const struct wp_registrar *reg)
{
	return reg->redis;
}

void wp_registrar_name(const struct wp_registrar *reg,
		       const struct wp_member *member,
		       char out[WP_CONNECTION_MAX + 1])
{
	wp_connection_name(out, reg->now.name, member->number);
}

void wp_registrar_add(struct wp_registrar *reg, struct wp_member *member)
{
	/*
	 * Not live: on_refused is an answer as well, and the caller's to use.
	 */
	if (!wp_registrar_is_live(reg)) {
		reg->hooks.on_refused(reg->hooks.ctx, member);
		return;
	}
	wp_ears_open(&reg->ears, member);
	wp_teller_add(reg->teller, member);
}

void wp_registrar_update(struct wp_registrar *reg, struct wp_member *member)
{
	if (wp_registrar_is_live(reg))
		wp_teller_update(reg->teller, member);
}

void wp_registrar_remove(struct wp_registrar *reg, struct wp_member *member,
			 int64_t grace_ms)
{
	wp_ears_close(&reg->ears, member);
	wp_teller_remove(reg->teller, member, grace_ms);
}

void wp_registrar_stop(struct wp_registrar *reg)
{
	reg->is_stopping = true;
	check_stop(reg);
}
