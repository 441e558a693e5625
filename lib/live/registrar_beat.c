/*
 * registrar_beat.c - heartbeats, and the guarantee behind Pub/Sub.
 *
 * Each beat sends one script per joined partition and then a nonce to our own
 * channel. The scripts hand over who was to be poked since the beat before.
 * Pub/ Sub has usually told us of them already: Redis delivers one channel in
 * order, so when the nonce comes back nothing before it was lost and a second
 * poke would only cost another pull. If the nonce stays away, everybody held
 * back is poked; if it stays away for two beats, the subscription is taken for
 * dead.
 */
#include <stdlib.h>

#include "lib/live/registrar_priv.h"

enum {
	MISSED_BEATS = 2,
	MISSED_BEATS_BUSY = 10,
	NONCE_SHARE = 3, /* the nonce has this part of a beat to come back */
};

struct beat_call {
	struct wp_registrar *reg;
	uint32_t epoch;
	uint32_t beat;
	uint32_t partition;
	bool is_repeat;
};

static void send_beat(struct wp_registrar *reg, uint32_t partition,
		      bool is_repeat);

void wp_registrar_on_poke(struct wp_registrar *reg, const struct wp_poke *poke)
{
	struct wp_user *user = wp_hub_user(reg->hub, poke->text, poke->len);

	if (user == NULL)
		return;
	user->poked_beat = reg->beat;
	wp_pokes_user(reg->pokes, user);
}

static void on_due_user(const struct beat_call *call,
			const struct wp_poke *poke)
{
	struct wp_registrar *reg = call->reg;
	struct wp_user *user = wp_hub_user(reg->hub, poke->text, poke->len);

	if (user == NULL)
		return;
	if (!call->is_repeat && user->poked_beat + 1 >= call->beat)
		user->due_beat = call->beat;
	else
		wp_pokes_user(reg->pokes, user);
}

static void read_members(const struct beat_call *call,
			 const struct wp_reply *reply, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		struct wp_poke poke = wp_presence_beat_member(reply, i);

		if (poke.what == WP_POKE_KICK)
			wp_registrar_kick(call->reg, &poke);
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
		wp_registrar_on_refused(reg, "heartbeat refused", reply);
		return;
	}
	if (answer.is_gone) {
		wp_registrar_renew(reg, "incarnation was reaped");
		return;
	}
	wp_metric_add(reg->counts.metrics, reg->counts.heartbeats, 1);
	reg->answered = call->beat;
	read_members(call, reply, answer.n);
	if (answer.more)
		send_beat(reg, call->partition, true);
}

static void on_beat_reply(void *ctx, const struct wp_reply *reply)
{
	struct beat_call *call = ctx;

	call->reg->n_beating--;
	if (reply != NULL && call->epoch == call->reg->epoch &&
	    call->reg->state == WP_REGISTRAR_LIVE)
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
		.epoch = reg->epoch,
		.beat = reg->beat,
		.partition = partition,
		.is_repeat = is_repeat,
	};
	wp_presence_heartbeat_build(&reg->cmd, partition, reg->incarnation);
	if (wp_aredis_do(reg->redis, &reg->cmd, on_beat_reply, call) == WP_OK)
		reg->n_beating++;
	else
		free(call);
}

/* Of an older incarnation or of this one: the newest tells what holds now. */
static void on_nonce_reply(void *ctx, const struct wp_reply *reply)
{
	struct wp_registrar *reg = ctx;

	reg->n_nonces--;
	if (reply == NULL || reg->n_nonces > 0)
		return;
	if (wp_reply_type(reply) != WP_REPLY_INT)
		wp_registrar_on_forbidden(reg, reply);
	else if (reg->state == WP_REGISTRAR_PROVING)
		wp_registrar_go_live(reg);
}

/* False: not published, and its absence will tell. */
static bool send_nonce(struct wp_registrar *reg)
{
	wp_poke_nonce_build(&reg->cmd, reg->incarnation, reg->beat);
	if (wp_aredis_do(reg->redis, &reg->cmd, on_nonce_reply, reg) != WP_OK)
		return false;
	reg->n_nonces++;
	return true;
}

void wp_registrar_prove(struct wp_registrar *reg)
{
	reg->state = send_nonce(reg) ? WP_REGISTRAR_PROVING
				     : WP_REGISTRAR_DOWN; /* till a beat */
}

void wp_registrar_on_nonce(struct wp_registrar *reg, uint32_t nonce)
{
	if (nonce > reg->heard && nonce <= reg->beat)
		reg->heard = nonce;
}

/* The nonce of this beat is late: what was held back because of it goes out. */
static void on_due(struct ev_loop *loop, ev_timer *timer, int events)
{
	struct wp_registrar *reg = timer->data;

	(void)loop;
	(void)events;
	if (reg->heard == reg->beat)
		return;
	for (size_t i = 0; i < wp_hub_slots(reg->hub); i++) {
		struct wp_member *member = wp_hub_at(reg->hub, i);

		if (member == NULL || member->user == NULL ||
		    member->user->due_beat != reg->beat)
			continue;
		member->user->due_beat = 0;
		wp_pokes_user(reg->pokes, member->user);
	}
}

/*
 * No nonce for two beats on a silent connection: nobody is there. While other
 * messages flow it may just be behind them, and a reset would lose them all.
 */
static bool is_feed_dead(struct wp_registrar *reg)
{
	uint64_t received = wp_feed_received(reg->feed);
	uint32_t missed = reg->beat - reg->heard;

	if (received != reg->received) {
		reg->received = received;
		reg->active = reg->beat;
	}
	return missed >= MISSED_BEATS_BUSY ||
	       (missed >= MISSED_BEATS &&
		reg->beat - reg->active >= MISSED_BEATS);
}

static bool has_missed_beats(struct wp_registrar *reg)
{
	if (reg->n_beating > 0 && reg->beat - reg->answered >= MISSED_BEATS) {
		wp_log_plain(&reg->log, WP_LOG_WARN, "heartbeat unanswered");
		wp_aredis_reset(reg->redis);
		return true;
	}
	if (is_feed_dead(reg)) {
		wp_log_plain(&reg->log, WP_LOG_WARN, "subscription half-open");
		wp_feed_reset(reg->feed);
		return true;
	}
	return false;
}

static void on_beat(struct ev_loop *loop, ev_timer *timer, int events)
{
	struct wp_registrar *reg = timer->data;
	double share = timer->repeat / NONCE_SHARE;

	(void)events;
	if (reg->state != WP_REGISTRAR_LIVE) {
		/* Redis may have another opinion now. */
		if (reg->state == WP_REGISTRAR_DOWN)
			wp_registrar_renew(reg, "tried again");
		return;
	}
	if (has_missed_beats(reg))
		return;
	reg->beat++;
	for (uint32_t p = 0; p < reg->partitions; p++)
		if (reg->joined[p] == reg->epoch)
			send_beat(reg, p, false);
	(void)send_nonce(reg);
	ev_timer_stop(loop, &reg->due_timer);
	ev_timer_set(&reg->due_timer, share, 0.);
	ev_timer_start(loop, &reg->due_timer);
	wp_registrar_disconnect_again(reg);
	if (reg->has_refused && !reg->is_resyncing) {
		reg->has_refused = false;
		reg->is_resyncing = true;
		reg->cursor = 0;
		wp_registrar_resync_some(reg);
	}
}

void wp_registrar_beat_init(struct wp_registrar *reg)
{
	double period = (double)reg->conf->websocket.heartbeat_ms / 1e3;

	ev_timer_init(&reg->beat_timer, on_beat, period, period);
	reg->beat_timer.data = reg;
	ev_timer_init(&reg->due_timer, on_due, 0., 0.);
	reg->due_timer.data = reg;
}

void wp_registrar_beat_begin(struct wp_registrar *reg)
{
	/* Pokes that were heard under another incarnation prove nothing. */
	reg->beat += MISSED_BEATS;
	reg->answered = reg->beat;
	reg->heard = reg->beat;
	reg->active = reg->beat;
}
