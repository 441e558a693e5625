/*
 * registrar.c - incarnations: when one ends, how the next one begins.
 *
 * The order that the model showed to be necessary: subscription confirmed, then
 * partitions joined, then connections registered, then pokes. Behind the first
 * comes a nonce that Redis must take: whoever may hear a channel need not be
 * allowed to publish there. Knows the hub's members and two Redis connections.
 * Knows nothing about sockets or frames.
 */
#include "lib/live/registrar.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/clock.h"
#include "lib/base/random.h"
#include "lib/live/registrar_priv.h"
#include "lib/mailbox/scripts.h"

/* Connect calls of a resync under way: enough to fill the pipe, few enough that
 * a heartbeat behind them is not late. Others do not count: clients that keep
 * Redis busy must not hold up the rest. */
enum { RESYNC_WINDOW = 256, LOG_INTERVAL_MS = 10000 };

static void go_down(struct wp_registrar *reg, const char *what)
{
	bool was_live = reg->state == WP_REGISTRAR_LIVE;

	if (reg->state == WP_REGISTRAR_DOWN)
		return;
	reg->state = WP_REGISTRAR_DOWN;
	reg->is_resyncing = false;
	wp_metric_set(reg->counts.metrics, reg->counts.is_live, 0);
	if (was_live)
		wp_log(&reg->log, WP_LOG_WARN, "presence suspended",
		       wp_str("reason", what));
	wp_registrar_check_stop(reg);
}

/* End this incarnation, if there is one, and begin the next. */
void wp_registrar_renew(struct wp_registrar *reg, const char *why)
{
	char suffix[2 * WP_SUFFIX_BYTES + 1];

	go_down(reg, why);
	wp_registrar_forget_disconnects(reg);
	if (reg->is_stopping || !wp_aredis_is_ready(reg->redis) ||
	    !wp_feed_is_ready(reg->feed))
		return;
	wp_random_hex(suffix, WP_SUFFIX_BYTES);
	snprintf(reg->incarnation, sizeof(reg->incarnation), "%s-%s",
		 reg->instance, suffix);
	reg->epoch++;
	reg->state = WP_REGISTRAR_SUBSCRIBING;
	if (wp_feed_listen(reg->feed, reg->incarnation) != WP_OK)
		reg->state = WP_REGISTRAR_DOWN; /* till on_ready or a beat */
}

static void on_redis_ready(void *ctx)
{
	struct wp_registrar *reg = ctx;

	wp_registrar_renew(reg, "commands connected");
}

static void on_redis_lost(void *ctx)
{
	struct wp_registrar *reg = ctx;

	go_down(reg, "command connection lost");
}

static void on_feed_ready(void *ctx)
{
	struct wp_registrar *reg = ctx;

	wp_registrar_renew(reg, "feed connected");
}

static void on_feed_lost(void *ctx)
{
	struct wp_registrar *reg = ctx;

	go_down(reg, "feed connection lost");
}

static void on_feed_listening(void *ctx)
{
	struct wp_registrar *reg = ctx;

	if (reg->state != WP_REGISTRAR_SUBSCRIBING)
		return;
	wp_registrar_prove(reg);
}

static void on_feed_refused(void *ctx, const struct wp_reply *reply)
{
	wp_registrar_on_forbidden(ctx, reply);
}

void wp_registrar_on_forbidden(struct wp_registrar *reg,
			       const struct wp_reply *reply)
{
	uint32_t suppressed;

	if (wp_log_allow(&reg->forbidden_limit, wp_mono_ms(), LOG_INTERVAL_MS,
			 &suppressed))
		wp_log(&reg->log, WP_LOG_ERROR,
		       "Redis refuses the channels of presence",
		       wp_str("reply", wp_reply_str(reply)),
		       wp_str("needs", "an ACL user with " WP_POKE_ACL),
		       wp_int("suppressed", suppressed));
	go_down(reg, "Redis refuses the channels");
}

void wp_registrar_go_live(struct wp_registrar *reg)
{
	reg->state = WP_REGISTRAR_LIVE;
	wp_registrar_beat_begin(reg);
	if (reg->was_live)
		wp_metric_add(reg->counts.metrics, reg->counts.resyncs, 1);
	reg->was_live = true;
	wp_metric_set(reg->counts.metrics, reg->counts.is_live, 1);
	wp_log(&reg->log, WP_LOG_INFO, "presence live",
	       wp_str("incarnation", reg->incarnation),
	       wp_int("connections", (int64_t)wp_hub_members(reg->hub)));
	reg->is_resyncing = true;
	reg->cursor = 0;
	wp_registrar_resync_some(reg);
	if (reg->hooks.on_live != NULL)
		reg->hooks.on_live(reg->hooks.ctx);
}

void wp_registrar_resync_some(struct wp_registrar *reg)
{
	while (reg->is_resyncing && reg->n_resyncing < RESYNC_WINDOW) {
		struct wp_member *member;

		if (reg->cursor >= wp_hub_slots(reg->hub)) {
			reg->is_resyncing = false;
			reg->epoch_before = reg->epoch;
			memcpy(reg->before, reg->incarnation,
			       sizeof(reg->before));
			return;
		}
		member = wp_hub_at(reg->hub, reg->cursor++);
		if (member == NULL || member->user == NULL ||
		    (member->epoch == reg->epoch && !member->is_refused))
			continue;
		if (wp_registrar_connect(reg, member, WP_CONNECT_RESYNC) !=
		    WP_OK) {
			/* Lost, and a new incarnation starts over; or out of
			 * memory, and the next beat does. */
			reg->is_resyncing = false;
			reg->has_refused = true;
		}
	}
}

void wp_registrar_complain(struct wp_registrar *reg, const char *event,
			   const struct wp_reply *reply)
{
	uint32_t suppressed;

	if (wp_log_allow(&reg->log_limit, wp_mono_ms(), LOG_INTERVAL_MS,
			 &suppressed))
		wp_log(&reg->log, WP_LOG_WARN, event,
		       wp_str("reply", wp_reply_str(reply)),
		       wp_int("suppressed", suppressed));
}

void wp_registrar_on_refused(struct wp_registrar *reg, const char *event,
			     const struct wp_reply *reply)
{
	wp_registrar_complain(reg, event, reply);
	go_down(reg, event);
}

void wp_registrar_kick(struct wp_registrar *reg, const struct wp_poke *poke)
{
	struct wp_member *member;
	uint64_t number;

	/* A kick for an incarnation of before was decided without this one. */
	if (!wp_connection_number(poke->text, poke->len, reg->incarnation,
				  &number))
		return;
	member = wp_hub_find(reg->hub, number);
	if (member != NULL && member->user != NULL &&
	    member->epoch == reg->epoch)
		reg->hooks.on_kick(reg->hooks.ctx, member);
}

static void on_feed_poke(void *ctx, const struct wp_poke *poke)
{
	if (poke->what == WP_POKE_USER)
		wp_registrar_on_poke(ctx, poke);
	else if (poke->what == WP_POKE_KICK)
		wp_registrar_kick(ctx, poke);
	else
		wp_registrar_on_nonce(ctx, poke->nonce);
}

static void on_feed_notification(void *ctx, const char *who, size_t who_len,
				 const char *data, size_t len)
{
	struct wp_registrar *reg = ctx;

	reg->hooks.on_notification(reg->hooks.ctx, who, who_len, data, len);
}

enum wp_err wp_registrar_new(struct wp_registrar **out, struct ev_loop *loop,
			     const struct wp_conf *conf, struct wp_hub *hub,
			     struct wp_pokes *pokes,
			     const struct wp_live_counts *counts,
			     const struct wp_registrar_hooks *hooks,
			     struct wp_error *err)
{
	struct wp_registrar *reg = calloc(1, sizeof(*reg));
	uint32_t partitions = (uint32_t)conf->mailbox.partitions;

	if (reg == NULL)
		return wp_error_set(err, WP_ERR_NOMEM, "out of memory");
	reg->joined = calloc(partitions, sizeof(*reg->joined));
	if (reg->joined == NULL) {
		free(reg);
		return wp_error_set(err, WP_ERR_NOMEM, "out of memory");
	}
	reg->partitions = partitions;
	reg->loop = loop;
	reg->conf = conf;
	reg->hub = hub;
	reg->pokes = pokes;
	reg->counts = *counts;
	reg->hooks = *hooks;
	reg->log.component = "registrar";
	wp_cmd_init(&reg->cmd);
	wp_random_hex(reg->instance, WP_INSTANCE_BYTES);
	wp_registrar_beat_init(reg);
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
	ev_timer_stop(reg->loop, &reg->beat_timer);
	ev_timer_stop(reg->loop, &reg->due_timer);
	wp_feed_free(&reg->feed);
	wp_aredis_free(&reg->redis);
	wp_registrar_forget_disconnects(reg);
	wp_cmd_release(&reg->cmd);
	free(reg->joined);
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
		.on_refused = on_feed_refused,
		.on_poke = on_feed_poke,
		.on_notification = on_feed_notification,
		.ctx = reg,
	};
	enum wp_err rc;

	assert(reg->redis == NULL);
	rc = wp_aredis_new(&reg->redis, &setup, err);
	if (rc != WP_OK)
		return rc;
	rc = wp_feed_new(&reg->feed, reg->loop, reg->conf, &feed_hooks, err);
	if (rc != WP_OK)
		return rc;
	ev_timer_start(reg->loop, &reg->beat_timer);
	return WP_OK;
}

void wp_registrar_use(struct wp_registrar *reg, const struct wp_conf *conf)
{
	reg->conf = conf;
}

bool wp_registrar_is_live(const struct wp_registrar *reg)
{
	return reg->state == WP_REGISTRAR_LIVE && !reg->is_stopping &&
	       wp_aredis_is_ready(reg->redis);
}

struct wp_aredis *wp_registrar_redis(const struct wp_registrar *reg)
{
	return reg->redis;
}

void wp_registrar_name(const struct wp_registrar *reg,
		       const struct wp_member *member,
		       char out[WP_CONNECTION_MAX + 1])
{
	wp_connection_name(out, reg->incarnation, member->number);
}

/* The last steps of a stop, each once the one before is answered. */
void wp_registrar_check_stop(struct wp_registrar *reg)
{
	if (!reg->is_stopping || reg->is_stopped)
		return;
	if (reg->state == WP_REGISTRAR_LIVE) {
		if (reg->n_connecting > 0 || reg->n_disconnecting > 0)
			return;
		if (!reg->is_parting) {
			reg->is_parting = true;
			wp_registrar_part(reg);
		}
		if (reg->n_parting > 0)
			return;
	}
	reg->is_stopped = true;
	reg->hooks.on_stopped(reg->hooks.ctx);
}

void wp_registrar_stop(struct wp_registrar *reg)
{
	reg->is_stopping = true;
	wp_registrar_check_stop(reg);
}
