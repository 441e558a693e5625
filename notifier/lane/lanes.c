/*
 * lanes.c - two lists, of apps and of hosts, searched one by one: a request
 * costs far more.
 */
#include "notifier/lane/lanes.h"

#include <stdlib.h>
#include <string.h>

#include "notifier/lane/guard.h"
#include "notifier/lane/rate.h"

/* Of an app whose guard is on, so many requests a second. */
enum { GUARDED_PER_S = 1, US_PER_MS = 1000 };

struct wp_lane {
	struct wp_lane *next;
	struct wp_lanes *lanes;
	/* Of a host's: WP_PUSH_WEB when a browser has it, too. */
	enum wp_push_kind kind;
	enum wp_push_lane rate_of;
	bool is_host;
	char *name;
	struct wp_breaker breaker;
	struct wp_rate rate;
	struct wp_guard guard;
	uint64_t used_us; /* when last */
	uint32_t held;    /* slots, until their requests have ended */
	uint32_t waiting; /* for a place */
	/* Requests that have ended in this period, and in the one before. */
	uint64_t period;
	uint32_t ended, ended_before;
};

struct wp_lanes {
	struct wp_push_rates rates;
	struct wp_lane *apps;
	struct wp_lane *hosts;
	size_t n_hosts;
	uint32_t under_way[WP_PUSH_KINDS]; /* to hosts, by kinds of lanes */
};

static const enum wp_push_lane rates_of[WP_PUSH_KINDS] = {
	[WP_PUSH_FCM] = WP_PUSH_LANE_FCM,
	[WP_PUSH_APNS] = WP_PUSH_LANE_APNS,
	[WP_PUSH_WEB] = WP_PUSH_LANE_WEB,
	[WP_PUSH_UNIFIED] = WP_PUSH_LANE_WEB,
	[WP_PUSH_WEBHOOK] = WP_PUSH_LANE_WEBHOOK,
	[WP_PUSH_EMAIL] = WP_PUSH_LANE_SMTP,
	[WP_PUSH_BUS] = WP_PUSH_LANE_BUS,
	[WP_PUSH_EVENT] = WP_PUSH_LANE_BUS,
};

/* ---- a lane ---- */

static void apply_rate(struct wp_lane *lane)
{
	const struct wp_push_rate *rate = &lane->lanes->rates.of[lane->rate_of];

	wp_rate_set(&lane->rate,
		    lane->guard.is_on ? GUARDED_PER_S : rate->per_s,
		    rate->most);
}

static void lane_free(struct wp_lane *lane)
{
	free(lane->name);
	free(lane);
}

static struct wp_lane *lane_new(struct wp_lanes *lanes, enum wp_push_kind kind,
				const char *name, bool is_host, uint64_t now_us)
{
	struct wp_lane *lane = calloc(1, sizeof(*lane));

	if (lane == NULL)
		return NULL;
	lane->lanes = lanes;
	lane->kind = kind;
	lane->rate_of = rates_of[kind];
	lane->is_host = is_host;
	lane->used_us = now_us;
	lane->name = strdup(name);
	if (lane->name == NULL) {
		lane_free(lane);
		return NULL;
	}
	wp_rate_init(&lane->rate, 1, 1, now_us);
	apply_rate(lane);
	return lane;
}

/* ---- all of them ---- */

struct wp_lanes *wp_lanes_new(const struct wp_push_rates *rates)
{
	struct wp_lanes *lanes = calloc(1, sizeof(*lanes));

	if (lanes != NULL)
		lanes->rates = *rates;
	return lanes;
}

static void free_list(struct wp_lane *lane)
{
	while (lane != NULL) {
		struct wp_lane *next = lane->next;

		lane_free(lane);
		lane = next;
	}
}

void wp_lanes_free(struct wp_lanes **lanes)
{
	if (*lanes == NULL)
		return;
	free_list((*lanes)->apps);
	free_list((*lanes)->hosts);
	free(*lanes);
	*lanes = NULL;
}

void wp_lanes_use(struct wp_lanes *lanes, const struct wp_push_rates *rates)
{
	lanes->rates = *rates;
	for (struct wp_lane *lane = lanes->apps; lane; lane = lane->next)
		apply_rate(lane);
	for (struct wp_lane *lane = lanes->hosts; lane; lane = lane->next)
		apply_rate(lane);
}

/* When it was used last; it is not while it is left alone. */
static uint64_t age_of(const struct wp_lane *lane, bool keeps_shut,
		       uint64_t now_us)
{
	return keeps_shut && wp_lane_shut_ms(lane, now_us) > 0 ? now_us
							       : lane->used_us;
}

/* Make room for one more host. */
static bool drop_a_host(struct wp_lanes *lanes, uint64_t now_us)
{
	struct wp_lane **oldest = NULL, *lane;
	uint64_t oldest_us = 0;
	size_t n_shut = 0;

	for (lane = lanes->hosts; lane != NULL; lane = lane->next)
		n_shut += wp_lane_shut_ms(lane, now_us) > 0;
	for (struct wp_lane **at = &lanes->hosts; *at != NULL;
	     at = &(*at)->next) {
		uint64_t us = age_of(*at, n_shut <= WP_LANE_SHUT_KEPT, now_us);

		if ((*at)->held > 0 || (oldest != NULL && us >= oldest_us))
			continue;
		oldest = at;
		oldest_us = us;
	}
	if (oldest == NULL)
		return false;
	lane = *oldest;
	*oldest = lane->next;
	lane_free(lane);
	lanes->n_hosts--;
	return true;
}

/* A host of strangers turns out to be one of browsers. */
static void note_kind(struct wp_lane *lane, enum wp_push_kind kind)
{
	uint32_t *under_way = lane->lanes->under_way;

	if (!lane->is_host || kind != WP_PUSH_WEB || lane->kind == kind)
		return;
	under_way[lane->kind] -= lane->rate.under_way;
	under_way[kind] += lane->rate.under_way;
	lane->kind = kind;
}

struct wp_lane *wp_lanes_get(struct wp_lanes *lanes, enum wp_push_kind kind,
			     const char *name, bool is_host, uint64_t now_us)
{
	struct wp_lane **list = is_host ? &lanes->hosts : &lanes->apps;
	struct wp_lane *lane;

	for (lane = *list; lane != NULL; lane = lane->next)
		if ((is_host ? lane->rate_of == rates_of[kind]
			     : lane->kind == kind) &&
		    strcmp(lane->name, name) == 0) {
			note_kind(lane, kind);
			return lane;
		}
	if (is_host && lanes->n_hosts == WP_LANE_HOSTS_MAX &&
	    !drop_a_host(lanes, now_us))
		return NULL;
	lane = lane_new(lanes, kind, name, is_host, now_us);
	if (lane == NULL)
		return NULL;
	lane->next = *list;
	*list = lane;
	lanes->n_hosts += is_host;
	return lane;
}

/* ---- one request ---- */

static void count_end(struct wp_lane *lane, uint64_t now_us)
{
	uint64_t period = now_us / ((uint64_t)WP_LANE_WAIT_MS * US_PER_MS);

	if (period != lane->period) {
		lane->ended_before =
			period == lane->period + 1 ? lane->ended : 0;
		lane->ended = 0;
		lane->period = period;
	}
	lane->ended++;
}

/* How many may wait for a place: about as many as will get one in time. */
static uint32_t may_wait(const struct wp_lane *lane)
{
	uint32_t most = lane->rate.most;

	if (lane->ended > most)
		most = lane->ended;
	return lane->ended_before > most ? lane->ended_before : most;
}

uint64_t wp_lane_shut_ms(const struct wp_lane *lane, uint64_t now_us)
{
	return wp_breaker_wait_ms(&lane->breaker, now_us / US_PER_MS);
}

/* Are as many requests under way to hosts that strangers choose as may be? */
static bool has_strangers_enough(const struct wp_lane *lane)
{
	return lane->is_host && lane->kind != WP_PUSH_WEB &&
	       lane->lanes->under_way[lane->kind] >=
		       WP_LANE_STRANGERS_UNDER_WAY;
}

static bool has_hosts_enough(const struct wp_lanes *lanes)
{
	uint32_t all = 0;

	for (size_t i = 0; i < WP_PUSH_KINDS; i++)
		all += lanes->under_way[i];
	return all >= WP_LANE_HOSTS_UNDER_WAY;
}

uint64_t wp_lane_slot_ms(const struct wp_lane *lane, uint64_t now_us)
{
	/* Each host that waited would be one of those that are known. */
	if (lane->waiting >= may_wait(lane) || has_strangers_enough(lane))
		return WP_LANE_FULL_MS;
	return wp_rate_wait_ms(&lane->rate, now_us);
}

uint64_t wp_lane_take(struct wp_lane *lane, uint64_t now_us)
{
	lane->used_us = now_us;
	lane->held++;
	return wp_rate_take(&lane->rate, now_us);
}

void wp_lane_give(struct wp_lane *lane, bool has_place)
{
	lane->held--;
	if (!has_place)
		return;
	lane->lanes->under_way[lane->kind] -= lane->is_host;
	wp_rate_give(&lane->rate);
}

bool wp_lane_place(struct wp_lane *lane)
{
	if (lane->is_host &&
	    (has_hosts_enough(lane->lanes) || has_strangers_enough(lane)))
		return false;
	if (!wp_rate_place(&lane->rate))
		return false;
	lane->lanes->under_way[lane->kind] += lane->is_host;
	return true;
}

void wp_lane_wait(struct wp_lane *lane, int one)
{
	lane->waiting += (uint32_t)one;
}

bool wp_lane_begin(struct wp_lane *lane, uint64_t now_us, uint32_t *ticket_out)
{
	return wp_breaker_begin(&lane->breaker, now_us / US_PER_MS, ticket_out);
}

struct wp_lane_news wp_lane_end(struct wp_lane *lane, uint32_t ticket,
				const struct wp_judgement *judgement,
				uint64_t user, uint64_t now_us, int64_t now_s,
				uint32_t seed)
{
	bool was_guarded = lane->guard.is_on;
	uint32_t epoch = lane->breaker.epoch;
	struct wp_judgement meant = *judgement;
	struct wp_lane_news news;

	wp_lane_give(lane, true);
	count_end(lane, now_us);
	/* Nothing was asked: nothing is known. */
	if (judgement->verdict != WP_VERDICT_AGAIN)
		wp_guard_note(&lane->guard, judgement->verdict, user, now_s);
	if (lane->guard.is_on != was_guarded)
		apply_rate(lane);
	if (lane->guard.is_on && meant.verdict == WP_VERDICT_SUSPECT)
		meant.verdict = WP_VERDICT_CONFIG;
	news.has_closed = wp_breaker_end(&lane->breaker, ticket, &meant,
					 now_us / US_PER_MS, seed);
	if (news.has_closed)
		wp_rate_ramp(&lane->rate, now_us);
	news.has_opened = lane->breaker.epoch != epoch;
	news.guard_is_on = lane->guard.is_on;
	news.guard_changed = lane->guard.is_on != was_guarded;
	return news;
}

bool wp_lane_may_drop(const struct wp_lane *lane, int64_t suspect_s,
		      int64_t now_s)
{
	return wp_guard_may_drop(&lane->guard, suspect_s, now_s);
}

/* ---- for who watches ---- */

enum wp_breaker_state wp_lane_state(const struct wp_lane *lane)
{
	return lane->breaker.state;
}

enum wp_breaker_state wp_lanes_state(const struct wp_lanes *lanes,
				     enum wp_push_kind kind)
{
	enum wp_breaker_state worst = WP_BREAKER_CLOSED;

	for (const struct wp_lane *lane = lanes->apps; lane; lane = lane->next)
		if (lane->kind == kind && lane->breaker.state > worst)
			worst = lane->breaker.state;
	return worst;
}

bool wp_lanes_are_guarded(const struct wp_lanes *lanes, enum wp_push_kind kind)
{
	for (const struct wp_lane *lane = lanes->apps; lane; lane = lane->next)
		if (lane->kind == kind && lane->guard.is_on)
			return true;
	return false;
}

size_t wp_lanes_shut_hosts(const struct wp_lanes *lanes)
{
	size_t n = 0;

	for (const struct wp_lane *lane = lanes->hosts; lane; lane = lane->next)
		n += lane->breaker.state != WP_BREAKER_CLOSED;
	return n;
}

void wp_lanes_each(const struct wp_lanes *lanes, uint64_t now_us,
		   void (*show)(void *ctx, const struct wp_lane_view *view),
		   void *ctx)
{
	for (const struct wp_lane *lane = lanes->apps; lane;
	     lane = lane->next) {
		const struct wp_lane_view view = {
			.kind = lane->kind,
			.name = wp_push_way_name(lane->kind, lane->name),
			.state = lane->breaker.state,
			.shut_ms = wp_lane_shut_ms(lane, now_us),
			.is_guarded = lane->guard.is_on,
		};

		show(ctx, &view);
	}
}

size_t wp_lanes_resume(struct wp_lanes *lanes, const char *name,
		       uint64_t now_us)
{
	size_t n = 0;

	for (struct wp_lane *lane = lanes->apps; lane; lane = lane->next) {
		if (strcmp(wp_push_way_name(lane->kind, lane->name), name) != 0)
			continue;
		wp_guard_resume(&lane->guard);
		wp_breaker_close(&lane->breaker);
		apply_rate(lane);
		wp_rate_ramp(&lane->rate, now_us);
		n++;
	}
	return n;
}
