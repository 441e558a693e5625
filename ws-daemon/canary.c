/*
 * canary.c - the two flights of a canary, from tick to tick.
 *
 * A notification is back when its text is heard. A message has steps:
 *
 *	IDLE -> SENDING -> WAITING <-> LOOKING -> ACKING -> IDLE
 *
 * SENDING, LOOKING and ACKING end with an answer, which always comes, be it
 * that of a loss; WAITING with a poke. A message whose poke is too late is
 * given up, and acked before the next one: a worker that is away for a day
 * finds one. Pokes and answers travel two connections, so a poke may come
 * first, and one may be of an earlier message.
 */
#include "ws-daemon/canary.h"

#include <stdlib.h>
#include <string.h>

#include <ev.h>

#include "lib/base/arena.h"
#include "lib/base/clock.h"
#include "lib/base/log.h"
#include "lib/base/random.h"
#include "lib/mailbox/canary.h"
#include "lib/mailbox/hot_walk.h"
#include "lib/mailbox/notification.h"
#include "ws-daemon/flight.h"

enum {
	MISSED = 3, /* intervals without anything that comes back */
	NONCE_BYTES = 8,
	ROWS_MAX = 16,
	ARENA_BYTES = 64 * 1024,
	MS_PER_S = 1000,
	US_PER_MS = 1000,
};

enum kind { NOTIFICATION, MESSAGE, KINDS };

static const struct {
	const char *name;
	const char *problem;
	size_t took, lost, is_up; /* metrics */
} kinds[KINDS] = {
	[NOTIFICATION] = { "notification",
			   "no notification that the daemon sends itself comes "
			   "back",
			   WP_M_CANARY_NOTIFICATION,
			   WP_M_CANARY_NOTIFICATION_LOST,
			   WP_M_CANARY_NOTIFICATION_UP },
	[MESSAGE] = { "message",
		      "no message that the daemon sends itself comes back; is "
		      "a "
		      "worker running?",
		      WP_M_CANARY_MESSAGE, WP_M_CANARY_MESSAGE_LOST,
		      WP_M_CANARY_MESSAGE_UP },
};

enum step { IDLE, SENDING, WAITING, LOOKING, ACKING };

struct wp_ws_canary {
	struct wp_parts *parts; /* borrowed */
	struct wp_member member;
	struct wp_urn name;
	struct wp_box box;
	ev_timer timer;
	int64_t interval_s; /* of timer */
	struct wp_flight flights[KINDS];
	bool was_stale[KINDS]; /* as the log has it */

	char nonce[2 * NONCE_BYTES + 1]; /* of the notification under way */

	enum step step;
	bool is_poked; /* since the mailbox was looked at */
	bool has_left; /* a message of this id may lie in Redis */
	struct wp_msgid id;
	struct wp_live_send send;
	struct wp_live_ack ack;
	struct wp_hot_walk walk;
	struct wp_arena arena; /* of walk */
};

static bool is_there(const struct wp_ws_canary *canary)
{
	return canary->member.user != NULL;
}

/* Can anything be sent, and come back? */
static bool is_live(const struct wp_ws_canary *canary)
{
	return is_there(canary) &&
	       wp_registrar_is_live(canary->parts->live.registrar);
}

/* Longer, and it is not well: a lost poke is made good by a heartbeat. */
static uint64_t limit_ms(const struct wp_ws_canary *canary)
{
	const struct wp_conf *conf = canary->parts->live.conf;

	return (uint64_t)(MISSED * conf->websocket.canary_interval_seconds *
				  MS_PER_S +
			  conf->websocket.heartbeat_ms);
}

static enum wp_err ask_redis(struct wp_ws_canary *canary,
			     const struct wp_cmd *cmd, wp_reply_fn fn)
{
	struct wp_aredis *redis =
		wp_registrar_redis(canary->parts->live.registrar);

	return redis == NULL ? WP_ERR_UNAVAIL
			     : wp_aredis_do(redis, cmd, fn, canary);
}

/* ---- how it stands ---- */

static bool is_stale(const struct wp_ws_canary *canary, enum kind kind)
{
	return is_live(canary) &&
	       wp_flight_is_stale(&canary->flights[kind], wp_mono_us(),
				  limit_ms(canary) * US_PER_MS);
}

/* Once for each change. */
static void tell(struct wp_ws_canary *canary, enum kind kind)
{
	const struct wp_log log = { .component = "canary" };
	bool is = is_stale(canary, kind);

	if (canary->was_stale[kind] == is)
		return;
	canary->was_stale[kind] = is;
	if (is)
		wp_log(&log, WP_LOG_WARN, "what we send ourselves is lost",
		       wp_str("kind", kinds[kind].name));
	else
		wp_log(&log, WP_LOG_INFO, "what we send ourselves comes back",
		       wp_str("kind", kinds[kind].name));
}

static void come_back(struct wp_ws_canary *canary, enum kind kind)
{
	uint64_t took_us = wp_flight_back(&canary->flights[kind], wp_mono_us());

	wp_metric_observe_us(canary->parts->metrics, kinds[kind].took, took_us);
	tell(canary, kind);
}

static void give_up(struct wp_ws_canary *canary, enum kind kind)
{
	if (!wp_flight_is_out(&canary->flights[kind]))
		return;
	wp_flight_give_up(&canary->flights[kind]);
	wp_metric_add(canary->parts->metrics, kinds[kind].lost, 1);
}

/* ---- a notification ---- */

static void send_notification(struct wp_ws_canary *canary)
{
	char payload[sizeof(canary->nonce) + 2];
	struct wp_notification notification = {
		.user = canary->name,
		.type = { .data = "\"canary\"", .len = 8 },
		.payload = { .data = payload, .len = sizeof(payload) - 1 },
	};
	struct wp_cmd cmd;

	wp_random_hex(canary->nonce, NONCE_BYTES);
	payload[0] = '"';
	memcpy(payload + 1, canary->nonce, sizeof(canary->nonce));
	payload[sizeof(payload) - 2] = '"';
	wp_cmd_init(&cmd);
	wp_notification_build(&cmd, &notification, &canary->parts->scratch);
	wp_buf_clear(&canary->parts->scratch);
	wp_flight_begin(&canary->flights[NOTIFICATION], wp_mono_us());
	/* What Redis says of it does not count: it comes back or not. */
	if (ask_redis(canary, &cmd, NULL) != WP_OK)
		give_up(canary, NOTIFICATION);
	wp_cmd_release(&cmd);
}

bool wp_ws_canary_hears(struct wp_ws_canary *canary, const struct wp_user *user,
			const char *data, size_t len)
{
	if (canary == NULL || user != canary->member.user)
		return false;
	if (wp_flight_is_out(&canary->flights[NOTIFICATION]) &&
	    memmem(data, len, canary->nonce, strlen(canary->nonce)) != NULL)
		come_back(canary, NOTIFICATION);
	return true;
}

/* ---- a message ---- */

/* It has gone wrong, or was given up meanwhile. */
static void rest(struct wp_ws_canary *canary)
{
	give_up(canary, MESSAGE);
	canary->step = IDLE;
}

static void on_acked(struct wp_live_ack *ack, bool is_done)
{
	struct wp_ws_canary *canary =
		(struct wp_ws_canary *)((char *)ack -
					offsetof(struct wp_ws_canary, ack));

	canary->step = IDLE;
	canary->has_left = canary->has_left && !is_done;
	if (!is_done)
		give_up(canary, MESSAGE);
	else if (wp_flight_is_out(&canary->flights[MESSAGE]))
		come_back(canary, MESSAGE);
}

static void add_id(struct wp_buf *out, const struct wp_msgid *id)
{
	char text[WP_MSGID_LEN + 1];

	wp_msgid_format(id, text);
	wp_buf_printf(out, "%s\"%s\"",
		      out->data[out->len - 1] == '[' ? "" : ",", text);
}

/* Ack what was found; lane NULL: what was given up, wherever it is. */
static void send_ack(struct wp_ws_canary *canary,
		     const struct wp_pull_lane *lane)
{
	struct wp_msgid id = canary->id;
	struct wp_json_slice text;
	struct wp_buf json;

	wp_buf_init(&json, 0);
	wp_buf_add_str(&json, "{\"messageIds\":[");
	if (lane == NULL)
		add_id(&json, &id);
	for (size_t i = 0; lane != NULL && i < lane->n; i++) {
		id.entry = lane->rows[i].entry;
		add_id(&json, &id);
	}
	wp_buf_add_str(&json, "]}");
	text = (struct wp_json_slice){ .data = json.data, .len = json.len };
	canary->ack = (struct wp_live_ack){ .live = &canary->parts->live,
					    .done = on_acked,
					    .is_uncounted = true };
	canary->step = ACKING;
	if (json.failed || wp_live_ack_begin(&canary->ack, canary->member.user,
					     &text, NULL) != WP_OK)
		rest(canary);
	wp_buf_release(&json);
}

static bool is_found(const struct wp_ws_canary *canary)
{
	const struct wp_pull_lane *lane = &canary->walk.lanes[canary->id.band];

	for (size_t i = 0; i < lane->n; i++)
		if (wp_entry_id_cmp(&lane->rows[i].entry, &canary->id.entry) ==
		    0)
			return true;
	return false;
}

static void look(struct wp_ws_canary *canary);
static void on_looked(void *ctx, const struct wp_reply *reply);

static void ask_on(struct wp_ws_canary *canary)
{
	struct wp_aredis *redis =
		wp_registrar_redis(canary->parts->live.registrar);
	struct wp_cmd cmd;

	canary->step = LOOKING;
	wp_cmd_init(&cmd);
	wp_hot_walk_ask(&canary->walk, wp_aredis_run_id(redis), &cmd);
	/* Behind a loss it is poked again for what waits. */
	if (ask_redis(canary, &cmd, on_looked) != WP_OK)
		canary->step = WAITING;
	wp_cmd_release(&cmd);
}

static void on_looked(void *ctx, const struct wp_reply *reply)
{
	struct wp_ws_canary *canary = ctx;
	struct wp_error ignored;
	enum wp_err rc = wp_hot_walk_told(&canary->walk, reply, &ignored);

	if (!is_there(canary) || !wp_flight_is_out(&canary->flights[MESSAGE])) {
		rest(canary);
		return;
	}
	canary->step = WAITING;
	if (rc == WP_OK && is_found(canary))
		send_ack(canary, &canary->walk.lanes[canary->id.band]);
	else if (rc == WP_OK && !wp_hot_walk_is_done(&canary->walk))
		ask_on(canary);
	else if (canary->is_poked)
		look(canary);
}

static void look(struct wp_ws_canary *canary)
{
	static const struct wp_band_from from_oldest[WP_BANDS];
	const struct wp_conf *conf = canary->parts->live.conf;
	const struct wp_hot_bounds bounds = {
		.max_envelope = (size_t)conf->mailbox.max_envelope_bytes,
		.rows = ROWS_MAX,
		.bytes = WP_PULL_MAX_BYTES,
	};

	canary->is_poked = false;
	wp_arena_reset(&canary->arena);
	wp_user_box(canary->member.user, &canary->box);
	wp_hot_walk_begin(&canary->walk, &bounds, &canary->box, from_oldest,
			  &canary->arena);
	ask_on(canary);
}

static void on_sent(struct wp_live_send *send,
		    const struct wp_send_result *result)
{
	struct wp_ws_canary *canary =
		(struct wp_ws_canary *)((char *)send -
					offsetof(struct wp_ws_canary, send));

	if (result->status == WP_SEND_ACCEPTED) {
		canary->id = result->id;
		canary->has_left = true;
	}
	if (result->status != WP_SEND_ACCEPTED || !is_there(canary) ||
	    !wp_flight_is_out(&canary->flights[MESSAGE])) {
		rest(canary);
		return;
	}
	canary->step = WAITING;
	if (canary->is_poked)
		look(canary);
}

/* When nobody waits for it any more, or as soon as may be. */
static int64_t expires_s(const struct wp_ws_canary *canary)
{
	int64_t most_s = canary->parts->live.conf->mailbox.max_expiry_seconds;
	int64_t limit_s = (int64_t)(limit_ms(canary) / MS_PER_S) + 1;

	return limit_s < most_s ? limit_s : most_s;
}

static void send_message(struct wp_ws_canary *canary)
{
	const struct wp_submit_options options = {
		.has_expiry = true,
		.expires_s = expires_s(canary),
	};
	struct wp_envelope_text text = { 0 };
	struct wp_refusal refusal;
	struct wp_buf json, data;

	wp_buf_init(&json, 0);
	wp_buf_init(&data, 0);
	wp_canary_envelope(&json, canary->name.text, canary->name.len, true,
			   &data);
	text.data = json.data;
	text.len = json.len;
	canary->send = (struct wp_live_send){ .live = &canary->parts->live,
					      .done = on_sent };
	canary->step = SENDING;
	canary->is_poked = false;
	wp_flight_begin(&canary->flights[MESSAGE], wp_mono_us());
	if (json.failed ||
	    !wp_live_send_begin(&canary->send, canary->member.user, &options,
				&text, &refusal))
		rest(canary);
	wp_buf_release(&data);
	wp_buf_release(&json);
}

void wp_ws_canary_on_poke(struct wp_ws_canary *canary)
{
	canary->is_poked = true;
	if (canary->step == WAITING)
		look(canary);
}

/* ---- ticks ---- */

static void look_at_late(struct wp_ws_canary *canary, enum kind kind)
{
	if (wp_flight_is_late(&canary->flights[kind], wp_mono_us(),
			      limit_ms(canary) * US_PER_MS))
		give_up(canary, kind);
	tell(canary, kind);
}

static void on_tick(struct ev_loop *loop, ev_timer *timer, int events)
{
	struct wp_ws_canary *canary = timer->data;

	(void)loop;
	(void)events;
	if (!is_live(canary))
		return;
	for (int kind = 0; kind < KINDS; kind++)
		look_at_late(canary, (enum kind)kind);
	if (!wp_flight_is_out(&canary->flights[NOTIFICATION]))
		send_notification(canary);
	if (canary->step == WAITING &&
	    !wp_flight_is_out(&canary->flights[MESSAGE]))
		canary->step = IDLE;
	if (canary->step == IDLE && canary->has_left)
		send_ack(canary, NULL);
	else if (canary->step == IDLE)
		send_message(canary);
}

void wp_ws_canary_on_registered(struct wp_ws_canary *canary, int64_t pending)
{
	uint64_t now_us = wp_mono_us();

	/* What was published while nobody heard does not come any more. */
	wp_flight_give_up(&canary->flights[NOTIFICATION]);
	for (int kind = 0; kind < KINDS; kind++)
		wp_flight_renew(&canary->flights[kind], now_us);
	ev_feed_event(canary->parts->live.loop, &canary->timer, EV_TIMER);
	if (pending > 0)
		wp_ws_canary_on_poke(canary);
}

/* ---- coming and leaving ---- */

static void come(struct wp_ws_canary *canary)
{
	struct wp_live *live = &canary->parts->live;

	if (is_there(canary))
		return;
	if (wp_hub_add(live->hub, &canary->member) != WP_OK)
		return; /* with the next reload */
	if (wp_hub_join(live->hub, &canary->member, &canary->name) != WP_OK) {
		wp_hub_remove(live->hub, &canary->member);
		return;
	}
	wp_registrar_add(live->registrar, &canary->member);
}

/* What came back in its time is not too old by an interval that is new. */
static void use_interval(struct wp_ws_canary *canary, int64_t interval_s)
{
	canary->interval_s = interval_s;
	canary->timer.repeat = (double)interval_s;
	ev_timer_again(canary->parts->live.loop, &canary->timer);
	for (int kind = 0; kind < KINDS; kind++)
		if (!canary->was_stale[kind])
			wp_flight_extend(&canary->flights[kind], wp_mono_us());
}

void wp_ws_canary_use(struct wp_ws_canary *canary)
{
	const struct wp_conf *conf = canary->parts->live.conf;
	int64_t interval_s = conf->websocket.canary_interval_seconds;

	if (interval_s == 0) {
		wp_ws_canary_leave(canary);
		return;
	}
	/* Whoever reloads in between does not keep it from its next one. */
	if (interval_s != canary->interval_s || !ev_is_active(&canary->timer))
		use_interval(canary, interval_s);
	come(canary);
}

void wp_ws_canary_leave(struct wp_ws_canary *canary)
{
	struct wp_live *live;

	if (canary == NULL || !is_there(canary))
		return;
	live = &canary->parts->live;
	ev_timer_stop(live->loop, &canary->timer);
	wp_registrar_remove(live->registrar, &canary->member, 0);
	wp_hub_remove(live->hub, &canary->member);
	canary->member = (struct wp_member){ 0 };
	for (int kind = 0; kind < KINDS; kind++)
		canary->flights[kind] = (struct wp_flight){ 0 };
	if (canary->step == WAITING)
		canary->step = IDLE;
}

struct wp_ws_canary *wp_ws_canary_new(struct wp_parts *parts)
{
	struct wp_ws_canary *canary = calloc(1, sizeof(*canary));

	if (canary == NULL)
		return NULL;
	canary->parts = parts;
	wp_canary_name(&canary->name);
	wp_arena_init(&canary->arena, ARENA_BYTES);
	ev_timer_init(&canary->timer, on_tick, 0., 0.);
	canary->timer.data = canary;
	return canary;
}

void wp_ws_canary_free(struct wp_ws_canary **canary)
{
	if (*canary == NULL)
		return;
	wp_arena_release(&(*canary)->arena);
	free(*canary);
	*canary = NULL;
}

/* ---- who asks ---- */

bool wp_ws_canary_is(const struct wp_ws_canary *canary,
		     const struct wp_member *member)
{
	return canary != NULL && member == &canary->member;
}

size_t wp_ws_users(const struct wp_parts *parts)
{
	const struct wp_ws_canary *canary = parts->canary;
	bool is_among = canary != NULL && is_there(canary);

	return wp_hub_users(parts->live.hub) - is_among;
}

const char *wp_ws_canary_problem(const struct wp_ws_canary *canary)
{
	for (int kind = 0; canary != NULL && kind < KINDS; kind++)
		if (is_stale(canary, (enum kind)kind))
			return kinds[kind].problem;
	return NULL;
}

void wp_ws_canary_note(const struct wp_ws_canary *canary)
{
	for (int kind = 0; canary != NULL && kind < KINDS; kind++)
		wp_metric_set(canary->parts->metrics, kinds[kind].is_up,
			      !is_stale(canary, (enum kind)kind));
}
