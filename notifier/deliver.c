/*
 * deliver.c - from an order to its end: its turn, a request, a verdict.
 *
 * Providers are of a generation of settings. An old one goes when nothing is
 * under way on it any more, from the loop, for the last end may be told from
 * within it.
 */
#include "notifier/deliver.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <ev.h>

#include "lib/auth/own_key.h"
#include "lib/base/clock.h"
#include "lib/base/log.h"
#include "lib/base/random.h"
#include "lib/base/siphash.h"
#include "lib/push/rates.h"
#include "notifier/lane/lanes.h"
#include "notifier/lane/lanes_json.h"
#include "notifier/lane/rate.h"
#include "notifier/metrics.h"
#include "notifier/provider/bearers.h"
#include "notifier/providers.h"
#include "notifier/turn.h"

enum { LOG_INTERVAL_MS = 100, US_PER_MS = 1000, MS_PER_S = 1000 };

struct generation {
	struct generation *next; /* older ones */
	struct wp_providers providers;
	int64_t ttl_s;
	size_t under_way;
};

struct delivery {
	struct delivery *next, **link;
	struct wp_deliveries *all;
	struct generation *generation;
	struct wp_provider *provider;
	struct wp_lane *lane; /* NULL: none is needed */
	uint32_t ticket;
	struct wp_order order;
	struct wp_addressee to; /* secret */
	char push_id[WP_PUSH_ID_TEXT + 1];
	struct wp_push push;
	struct wp_attempt attempt;
	struct wp_turn turn; /* in its lane */
	uint64_t begun_us;
	wp_delivery_fn on_end;
	void *ctx;
};

struct wp_deliveries {
	struct wp_deliveries_setup setup;
	struct wp_log log;
	struct wp_log_limit log_limit;
	struct wp_own_key push_id;
	uint8_t users[WP_SIPHASH_KEY_LEN]; /* what guards know them by */
	struct wp_lanes *lanes;
	struct wp_bearers *bearers;
	struct generation *generations; /* the first is that of today */
	ev_timer reaper;
	struct delivery *first;
	struct wp_turns turns;
};

/* ---- generations ---- */

static void generation_free(struct generation *generation)
{
	wp_providers_release(&generation->providers);
	free(generation);
}

static void on_reap(struct ev_loop *loop, ev_timer *timer, int events)
{
	struct wp_deliveries *all = timer->data;
	struct generation **at = &all->generations->next;

	(void)loop;
	(void)events;
	while (*at != NULL) {
		struct generation *old = *at;

		if (old->under_way > 0) {
			at = &old->next;
			continue;
		}
		*at = old->next;
		generation_free(old);
	}
}

static void reap_soon(struct wp_deliveries *all)
{
	if (all->generations->next != NULL)
		ev_timer_start(all->setup.loop, &all->reaper);
}

static void on_token(void *ctx, enum wp_push_kind kind, bool is_good)
{
	const struct wp_deliveries *all = ctx;

	(void)kind;
	wp_metric_add(all->setup.metrics,
		      is_good ? WP_NM_ACCESS_TOKENS : WP_NM_ACCESS_TOKENS_NONE,
		      1);
}

static enum wp_err on_redis(void *redis_ctx, const struct wp_cmd *cmd,
			    wp_reply_fn fn, void *ctx)
{
	return wp_judged_do(redis_ctx, cmd, fn, ctx);
}

/* Operators are told of each app, also before it is asked for first: one that
 * was left alone by a notifier of before can be resumed. */
static void make_lanes(const struct wp_deliveries *all,
		       const struct wp_providers *providers)
{
	for (size_t i = 0; i < providers->n; i++) {
		const struct wp_provider *one = providers->items[i];

		if (!one->is_free && !one->is_per_host)
			(void)wp_lanes_get(all->lanes, one->kind, one->app,
					   false, wp_mono_us());
	}
}

/* Put a generation of these settings in front. */
static enum wp_err begin_generation(struct wp_deliveries *all,
				    const struct wp_conf *conf,
				    struct wp_error *err)
{
	const struct wp_provider_setup setup = {
		.loop = all->setup.loop,
		.conf = conf,
		.redis = { .ask = on_redis, .ctx = all->setup.redis },
		.bearers = all->bearers,
		.count_token = on_token,
		.count_ctx = all,
	};
	struct generation *generation = calloc(1, sizeof(*generation));
	enum wp_err rc;

	if (generation == NULL)
		return wp_error_set(err, WP_ERR_NOMEM, "out of memory");
	rc = wp_providers_init(&generation->providers, &setup, err);
	if (rc != WP_OK) {
		generation_free(generation);
		return rc;
	}
	generation->ttl_s = conf->push.ttl_seconds;
	generation->next = all->generations;
	all->generations = generation;
	make_lanes(all, &generation->providers);
	return WP_OK;
}

/* ---- what a lane tells who watches ---- */

static const struct {
	enum wp_push_kind kind;
	enum wp_notifier_metric breaker, guard;
} watched[] = {
	{ WP_PUSH_FCM, WP_NM_BREAKER_FCM, WP_NM_GUARD_FCM },
	{ WP_PUSH_APNS, WP_NM_BREAKER_APNS, WP_NM_GUARD_APNS },
	{ WP_PUSH_EMAIL, WP_NM_BREAKER_EMAIL, WP_NM_GUARD_EMAIL },
};

static void show_lanes(const struct wp_deliveries *all)
{
	for (size_t i = 0; i < sizeof(watched) / sizeof(watched[0]); i++) {
		wp_metric_set(
			all->setup.metrics, watched[i].breaker,
			(int64_t)wp_lanes_state(all->lanes, watched[i].kind));
		wp_metric_set(
			all->setup.metrics, watched[i].guard,
			wp_lanes_are_guarded(all->lanes, watched[i].kind));
	}
	wp_metric_set(all->setup.metrics, WP_NM_BREAKER_BUS,
		      (int64_t)wp_lanes_state(all->lanes, WP_PUSH_BUS));
	wp_metric_set(all->setup.metrics, WP_NM_SHUT_HOSTS,
		      (int64_t)wp_lanes_shut_hosts(all->lanes));
}

void wp_deliveries_resume(struct wp_deliveries *deliveries, const char *app)
{
	if (wp_lanes_resume(deliveries->lanes, app, wp_mono_us()) == 0)
		return;
	show_lanes(deliveries);
	wp_log(&deliveries->log, WP_LOG_INFO,
	       "an operator says that all is well", wp_str("app", app));
}

void wp_deliveries_describe(const struct wp_deliveries *deliveries,
			    struct wp_buf *out)
{
	const struct wp_providers *now = &deliveries->generations->providers;

	wp_lanes_add_json(deliveries->lanes, now->is_live ? "live" : "log",
			  wp_mono_us(), out);
}

/* Of hosts only that: which they are is their users' business. */
static void say_news(struct delivery *delivery, const struct wp_lane_news *news)
{
	const struct wp_deliveries *all = delivery->all;
	const char *kind = wp_push_kind_name(delivery->to.kind);

	if (delivery->provider->is_per_host)
		return;
	if (news->guard_changed)
		wp_log(&all->log,
		       news->guard_is_on ? WP_LOG_ERROR : WP_LOG_INFO,
		       news->guard_is_on
			       ? "so many tokens look bad that none is dropped"
			       : "tokens look good again",
		       wp_str("kind", kind), wp_str("app", delivery->to.app));
	if (news->has_opened &&
	    wp_lane_state(delivery->lane) == WP_BREAKER_CONFIG)
		wp_log(&all->log, WP_LOG_ERROR,
		       "a provider does not take our settings",
		       wp_str("kind", kind), wp_str("app", delivery->to.app));
	else if (news->has_opened)
		wp_log(&all->log, WP_LOG_WARN, "a provider is left alone",
		       wp_str("kind", kind), wp_str("app", delivery->to.app));
	if (news->has_closed)
		wp_log(&all->log, WP_LOG_INFO, "a provider is asked again",
		       wp_str("kind", kind), wp_str("app", delivery->to.app));
}

static void say_verdict(struct delivery *delivery,
			const struct wp_judgement *judgement, uint64_t took_us)
{
	struct wp_deliveries *all = delivery->all;
	bool is_fine = judgement->verdict == WP_VERDICT_ACCEPTED;
	uint32_t suppressed = 0;

	if (!is_fine && !wp_log_allow(&all->log_limit, wp_mono_ms(),
				      LOG_INTERVAL_MS, &suppressed))
		return;
	wp_log(&all->log, is_fine ? WP_LOG_DEBUG : WP_LOG_INFO, "asked",
	       wp_str("device", delivery->push.token_id),
	       wp_str("kind", wp_push_kind_name(delivery->to.kind)),
	       wp_str("app", delivery->to.app),
	       wp_str("verdict", wp_verdict_name(judgement->verdict)),
	       wp_str("reason", judgement->reason),
	       wp_int("ms", (int64_t)(took_us / US_PER_MS)),
	       wp_int("suppressed", suppressed));
}

/* ---- one delivery ---- */

static void count(const struct delivery *delivery,
		  const struct wp_judgement *judgement, uint64_t took_us)
{
	struct wp_metrics *metrics = delivery->all->setup.metrics;
	enum wp_push_kind kind = delivery->order.target->kind;

	if (judgement->verdict == WP_VERDICT_AGAIN)
		return;
	wp_metric_add(metrics, wp_notifier_sent(kind, judgement->verdict), 1);
	if (!delivery->provider->is_free)
		wp_metric_observe_us(metrics, wp_notifier_request(kind),
				     took_us);
	if (judgement->is_forbidden)
		wp_metric_add(metrics, WP_NM_REFUSED_ADDRESSES, 1);
}

static void delivery_free(struct delivery *delivery)
{
	struct wp_deliveries *all = delivery->all;

	wp_turn_give(&delivery->turn);
	*delivery->link = delivery->next;
	if (delivery->next != NULL)
		delivery->next->link = delivery->link;
	delivery->generation->under_way--;
	reap_soon(all);
	explicit_bzero(delivery, sizeof(*delivery));
	free(delivery);
}

static void tell(struct delivery *delivery, const struct wp_delivery_end *end)
{
	wp_delivery_fn on_end = delivery->on_end;
	void *ctx = delivery->ctx;

	delivery_free(delivery);
	on_end(ctx, end);
}

static uint64_t user_of(const struct delivery *delivery)
{
	const struct wp_urn *user = delivery->order.target->user;

	return wp_siphash(delivery->all->users, user->text, user->len);
}

static void on_judged(void *ctx, const struct wp_judgement *judgement)
{
	struct delivery *delivery = ctx;
	struct wp_deliveries *all = delivery->all;
	uint64_t now_us = wp_mono_us();
	struct wp_outcome_of of = {
		.results = delivery->all->setup.results,
		.target = delivery->order.target,
		.lane = delivery->lane,
		.now_us = now_us,
		.now_ms = wp_wall_ms(),
	};
	struct wp_delivery_end end;
	struct wp_lane_news news;

	count(delivery, judgement, now_us - delivery->begun_us);
	if (delivery->lane != NULL) {
		wp_turn_pass(&delivery->turn);
		news = wp_lane_end(delivery->lane, delivery->ticket, judgement,
				   user_of(delivery), now_us,
				   of.now_ms / MS_PER_S,
				   wp_random_below(UINT32_MAX));
		of.is_guarded = news.guard_is_on;
		say_verdict(delivery, judgement, now_us - delivery->begun_us);
		say_news(delivery, &news);
		show_lanes(delivery->all);
	}
	end = wp_outcome(&of, judgement);
	tell(delivery, &end);
	wp_turns_go_on(&all->turns);
}

/* Its turn has come. False when it is over: *end says how. */
static bool go(struct delivery *delivery, struct wp_delivery_end *end)
{
	static const struct wp_judgement nothing = {
		.verdict = WP_VERDICT_AGAIN,
	};
	struct wp_error err;

	*end = wp_outcome_soon();
	if (*delivery->order.is_called_off ||
	    wp_mono_ms() > delivery->order.good_until_ms)
		return false;
	if (delivery->lane != NULL &&
	    !wp_lane_begin(delivery->lane, wp_mono_us(), &delivery->ticket)) {
		*end = wp_outcome_shut(
			wp_lane_shut_ms(delivery->lane, wp_mono_us()));
		return false;
	}
	delivery->begun_us = wp_mono_us();
	if (wp_provider_begin(delivery->provider, &delivery->attempt, on_judged,
			      delivery, &err) == WP_OK)
		return true;
	if (delivery->lane != NULL) {
		wp_turn_pass(&delivery->turn);
		(void)wp_lane_end(delivery->lane, delivery->ticket, &nothing, 0,
				  wp_mono_us(), wp_wall_ms() / MS_PER_S, 0);
	}
	return false;
}

static void on_turn(void *ctx, bool has_come)
{
	struct delivery *delivery = ctx;
	struct wp_delivery_end end = wp_outcome_crowded();

	if (!has_come || !go(delivery, &end))
		tell(delivery, &end);
}

/* The lane of a provider for a target; NULL: it has none, or none is free. */
static struct wp_lane *lane_of(const struct wp_deliveries *all,
			       const struct wp_provider *provider,
			       const struct wp_target *target)
{
	return wp_lanes_get(all->lanes, target->kind,
			    provider->is_per_host ? target->to->host
						  : provider->app,
			    provider->is_per_host, wp_mono_us());
}

/* So long the provider of a lane can send nothing, whatever the reason. */
static uint64_t wait_of(const struct wp_provider *provider,
			const struct wp_lane *lane)
{
	uint64_t lane_ms = wp_lane_shut_ms(lane, wp_mono_us());
	uint64_t own_ms =
		provider->type->wait_ms != NULL
			? provider->type->wait_ms(provider, wp_mono_ms())
			: 0;

	return lane_ms > own_ms ? lane_ms : own_ms;
}

static struct delivery *delivery_new(struct wp_deliveries *all,
				     struct wp_provider *provider,
				     const struct wp_order *order)
{
	const struct wp_target *target = order->target;
	struct generation *generation = all->generations;
	struct delivery *delivery = calloc(1, sizeof(*delivery));

	if (delivery == NULL)
		return NULL;
	delivery->all = all;
	delivery->generation = generation;
	delivery->provider = provider;
	delivery->order = *order;
	if (target->to != NULL)
		delivery->to = *target->to;
	else
		delivery->to = (struct wp_addressee){ .app = target->app,
						      .account = "" };
	delivery->to.kind = target->kind;
	delivery->to.name = target->name;
	delivery->to.is_ours =
		memcmp(target->vapid, generation->providers.vapid,
		       sizeof(target->vapid)) == 0;
	wp_push_id(&all->push_id, target->name, &order->about,
		   delivery->push_id);
	delivery->push = (struct wp_push){
		.action = order->action,
		.token_id = target->name,
		.push_id = delivery->push_id,
		.account = delivery->to.account,
		.waiting = order->waiting < WP_PUSH_WAITING_MAX
				   ? order->waiting
				   : WP_PUSH_WAITING_MAX,
		.has_badge = (target->flags & WP_PUSH_BADGE) != 0,
		.now_s = wp_wall_ms() / MS_PER_S,
		.ttl_s = generation->ttl_s,
	};
	delivery->attempt = (struct wp_attempt){
		.push = &delivery->push,
		.to = &delivery->to,
		.is_high = order->is_high,
		.delay_ms = order->delay_ms,
		.good_until_ms = order->good_until_ms,
	};
	delivery->link = &all->first;
	delivery->next = all->first;
	if (delivery->next != NULL)
		delivery->next->link = &delivery->next;
	all->first = delivery;
	generation->under_way++;
	return delivery;
}

bool wp_deliver(struct wp_deliveries *all, const struct wp_order *order,
		wp_delivery_fn on_end, void *ctx, struct wp_delivery_end *end)
{
	const struct wp_target *target = order->target;
	struct wp_provider *provider = wp_providers_find(
		&all->generations->providers, target->kind, target->app);
	struct wp_lane *lane = NULL;
	struct delivery *delivery;
	bool is_under_way = true;

	*end = wp_outcome_soon();
	/* The settings have changed since it was planned. */
	if (provider == NULL || (!provider->is_free && target->to == NULL))
		return false;
	if (!provider->is_free) {
		lane = lane_of(all, provider, target);
		if (lane == NULL ||
		    wp_lane_slot_ms(lane, wp_mono_us()) > WP_PLAN_SLOT_MS) {
			*end = wp_outcome_crowded();
			return false;
		}
		if (wait_of(provider, lane) > 0) {
			*end = wp_outcome_shut(wait_of(provider, lane));
			return false;
		}
	}
	delivery = delivery_new(all, provider, order);
	if (delivery == NULL)
		return false;
	delivery->lane = lane;
	delivery->on_end = on_end;
	delivery->ctx = ctx;
	if (lane == NULL ||
	    wp_turn_take(&delivery->turn, &all->turns, lane, on_turn, delivery))
		is_under_way = go(delivery, end);
	if (!is_under_way)
		delivery_free(delivery);
	return is_under_way;
}

void wp_deliveries_look(struct wp_deliveries *all,
			const struct wp_target *target, int64_t now_ms,
			struct wp_plan_device *device)
{
	struct wp_provider *provider = wp_providers_find(
		&all->generations->providers, target->kind, target->app);
	struct wp_lane *lane;
	uint64_t wait_ms;

	device->is_usable = provider != NULL;
	device->reopen_ms = 0;
	device->slot_ms = 0;
	if (provider == NULL || provider->is_free)
		return;
	lane = target->to != NULL ? lane_of(all, provider, target) : NULL;
	if (lane == NULL) {
		device->slot_ms = WP_LANE_FULL_MS;
		return;
	}
	wait_ms = wait_of(provider, lane);
	if (wait_ms > 0)
		device->reopen_ms = now_ms + (int64_t)wait_ms;
	device->slot_ms = (int64_t)wp_lane_slot_ms(lane, wp_mono_us());
}

/* ---- all of them ---- */

/* They were judged with the settings. */
static struct wp_push_rates rates_of(const struct wp_conf *conf)
{
	struct wp_push_rates rates;

	(void)wp_push_rates_read(&rates, conf->push.rates.items,
				 conf->push.rates.n);
	return rates;
}

enum wp_err wp_deliveries_new(struct wp_deliveries **out,
			      const struct wp_deliveries_setup *setup,
			      struct wp_error *err)
{
	const struct wp_push_rates rates = rates_of(setup->conf);
	const struct wp_bearers_setup bearers = {
		.store_secret = setup->conf->auth.store_secret,
		.redis = on_redis,
		.redis_ctx = setup->redis,
	};
	struct wp_deliveries *all = calloc(1, sizeof(*all));
	enum wp_err rc;

	if (all == NULL)
		return wp_error_set(err, WP_ERR_NOMEM, "out of memory");
	all->setup = *setup;
	all->log.component = "deliver";
	wp_own_key_make(&all->push_id, setup->conf->auth.store_secret,
			WP_PUSH_ID_PURPOSE);
	wp_random_bytes(all->users, sizeof(all->users));
	ev_timer_init(&all->reaper, on_reap, 0., 0.);
	all->reaper.data = all;
	wp_turns_init(&all->turns, setup->loop);
	all->lanes = wp_lanes_new(&rates);
	all->bearers = wp_bearers_new(&bearers);
	rc = all->lanes != NULL && all->bearers != NULL
		     ? begin_generation(all, setup->conf, err)
		     : wp_error_set(err, WP_ERR_NOMEM, "out of memory");
	*out = all;
	if (rc != WP_OK)
		wp_deliveries_free(out);
	return rc;
}

enum wp_err wp_deliveries_use(struct wp_deliveries *all,
			      const struct wp_conf *conf, struct wp_error *err)
{
	const struct wp_push_rates rates = rates_of(conf);
	enum wp_err rc = begin_generation(all, conf, err);

	if (rc != WP_OK)
		return rc;
	wp_lanes_use(all->lanes, &rates);
	reap_soon(all);
	return WP_OK;
}

void wp_deliveries_free(struct wp_deliveries **deliveries)
{
	struct wp_deliveries *all = *deliveries;
	struct delivery *next;

	if (all == NULL)
		return;
	for (struct generation *at = all->generations; at; at = at->next)
		wp_providers_release(&at->providers);
	for (struct delivery *delivery = all->first; delivery != NULL;
	     delivery = next) {
		next = delivery->next;
		delivery_free(delivery);
	}
	ev_timer_stop(all->setup.loop, &all->reaper);
	while (all->generations != NULL) {
		struct generation *older = all->generations->next;

		generation_free(all->generations);
		all->generations = older;
	}
	wp_bearers_free(&all->bearers);
	wp_lanes_free(&all->lanes);
	wp_own_key_forget(&all->push_id);
	free(all);
	*deliveries = NULL;
}

struct wp_lookups_how wp_deliveries_how(const struct wp_deliveries *all)
{
	const struct wp_providers *providers = &all->generations->providers;

	return (struct wp_lookups_how){
		.opens = providers->is_live,
		.has_bus = providers->has_bus,
		.has_event = providers->has_event,
	};
}
