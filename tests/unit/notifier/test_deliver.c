/* One push to one device: when its provider is asked, and what each verdict
 * means. Providers, results and the clock are ours. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include <ev.h>

#include "notifier/deliver.h"
#include "notifier/lane/breaker.h"
#include "notifier/lane/guard.h"
#include "notifier/metrics.h"
#include "notifier/providers.h"

/* PLACES: of a webhook */
enum { ATTEMPTS_MAX = 64, MARKS_MAX = 32, MS = 1000, PLACES = 4 };

/* ---- the clock ---- */

static uint64_t now_us;

uint64_t __wrap_wp_mono_ms(void);
uint64_t __wrap_wp_mono_ms(void)
{
	return now_us / MS;
}

uint64_t __wrap_wp_mono_us(void);
uint64_t __wrap_wp_mono_us(void)
{
	return now_us;
}

/* By both clocks. */
int64_t __wrap_wp_wall_ms(void);
int64_t __wrap_wp_wall_ms(void)
{
	return (int64_t)(now_us / MS);
}

static void pass_ms(uint64_t ms)
{
	now_us += ms * MS;
}

/* ---- providers ---- */

static struct {
	wp_attempt_fn on_end; /* NULL: over */
	void *ctx;
	struct wp_attempt attempt;
	char push_id[WP_PUSH_ID_TEXT + 1];
} attempts[ATTEMPTS_MAX];
static size_t n_attempts;
static uint64_t wait_ms;
static bool is_short;
static bool is_live;
static int providers_made, providers_freed;

static uint64_t own_wait_ms(const struct wp_provider *provider, uint64_t at_ms)
{
	(void)provider;
	assert_int_equal(at_ms, now_us / MS);
	return wait_ms;
}

static enum wp_err begin(struct wp_provider *provider,
			 const struct wp_attempt *attempt, wp_attempt_fn on_end,
			 void *ctx, struct wp_error *err)
{
	(void)provider;
	if (is_short)
		return wp_error_set(err, WP_ERR_NOMEM, "out of memory");
	assert_true(n_attempts < ATTEMPTS_MAX);
	attempts[n_attempts].on_end = on_end;
	attempts[n_attempts].ctx = ctx;
	attempts[n_attempts].attempt = *attempt;
	(void)strcpy(attempts[n_attempts].push_id, attempt->push->push_id);
	n_attempts++;
	return WP_OK;
}

static void freed(struct wp_provider *provider)
{
	(void)provider;
	providers_freed++;
}

static const struct wp_provider_type type = {
	.wait_ms = own_wait_ms,
	.begin = begin,
	.free = freed,
};
static struct wp_provider fcm = { &type, WP_PUSH_FCM, "demo", false, false };
static struct wp_provider web = { &type, WP_PUSH_WEB, "", true, false };
static struct wp_provider webhook = { &type, WP_PUSH_WEBHOOK, "", true, false };
static struct wp_provider bus = { &type, WP_PUSH_BUS, "", false, false };
static struct wp_provider lines = { &type, WP_PUSH_FCM, "", false, true };

enum wp_err __wrap_wp_providers_init(struct wp_providers *out,
				     const struct wp_provider_setup *setup,
				     struct wp_error *err);
enum wp_err __wrap_wp_providers_init(struct wp_providers *out,
				     const struct wp_provider_setup *setup,
				     struct wp_error *err)
{
	(void)setup;
	(void)err;
	*out = (struct wp_providers){ .is_live = is_live };
	out->items[out->n++] = is_live ? &fcm : &lines;
	if (is_live) {
		out->items[out->n++] = &web;
		out->items[out->n++] = &webhook;
		out->items[out->n++] = &bus;
	}
	providers_made += (int)out->n;
	return WP_OK;
}

static void end_attempt(size_t i, const struct wp_judgement *judgement)
{
	wp_attempt_fn on_end = attempts[i].on_end;

	assert_non_null(on_end);
	attempts[i].on_end = NULL;
	on_end(attempts[i].ctx, judgement);
}

/* ---- what is written down ---- */

static struct {
	enum wp_push_state state;
	char reason[WP_REASON_MAX + 1];
} marks[MARKS_MAX];
static size_t n_marks;
static enum wp_push_result last_result;
static int n_results;

void __wrap_wp_results_mark(struct wp_results *results,
			    const struct wp_target *target,
			    enum wp_push_state state, const char *reason,
			    int64_t at_ms);
void __wrap_wp_results_mark(struct wp_results *results,
			    const struct wp_target *target,
			    enum wp_push_state state, const char *reason,
			    int64_t at_ms)
{
	(void)results;
	(void)target;
	assert_int_equal(at_ms, now_us / MS);
	assert_true(n_marks < MARKS_MAX);
	marks[n_marks].state = state;
	(void)strcpy(marks[n_marks].reason, reason);
	n_marks++;
}

void __wrap_wp_results_add(struct wp_results *results,
			   const struct wp_target *target,
			   enum wp_push_result result, int64_t at_ms);
void __wrap_wp_results_add(struct wp_results *results,
			   const struct wp_target *target,
			   enum wp_push_result result, int64_t at_ms)
{
	(void)results;
	(void)target;
	assert_int_equal(at_ms, now_us / MS);
	last_result = result;
	n_results++;
}

/* ---- a world ---- */

static struct wp_urn user; /* of all targets */

static void name_user(int number)
{
	user.len = (uint8_t)snprintf(user.text, sizeof(user.text),
				     "urn:sm:user:%d", number);
}

struct world {
	struct ev_loop *loop;
	struct wp_metrics *metrics;
	struct wp_deliveries *deliveries;
	struct wp_conf conf;
	/* of the last delivery that ended */
	struct wp_delivery_end end;
	int ends;
	bool is_called_off;
};

static void on_end(void *ctx, const struct wp_delivery_end *end)
{
	struct world *w = ctx;

	w->end = *end;
	w->ends++;
}

static char secret[] = "secret of the deployment, all of it";

static int make(struct world *w)
{
	struct wp_deliveries_setup setup = { .conf = &w->conf };
	struct wp_error err;

	w->conf.auth.store_secret = secret;
	w->conf.push.ttl_seconds = 60;
	w->loop = ev_loop_new(EVFLAG_AUTO);
	assert_int_equal(wp_notifier_metrics_new(&w->metrics, &err), WP_OK);
	setup.loop = w->loop;
	setup.metrics = w->metrics;
	return wp_deliveries_new(&w->deliveries, &setup, &err) == WP_OK ? 0
									: -1;
}

static int begin_world(void **state)
{
	static struct world w;

	w = (struct world){ .ends = 0 };
	*state = &w;
	name_user(0);
	now_us = UINT64_C(1000000000) * MS;
	n_attempts = 0;
	n_marks = 0;
	n_results = 0;
	wait_ms = 0;
	is_short = false;
	is_live = true;
	providers_made = 0;
	providers_freed = 0;
	if (make(&w) != 0)
		return -1;
	/* Providers are known, and have ramped up. */
	pass_ms(1000 * (uint64_t)MS);
	return 0;
}

static int end_world(void **state)
{
	struct world *w = *state;

	wp_deliveries_free(&w->deliveries);
	assert_int_equal(providers_made, providers_freed);
	wp_metrics_free(&w->metrics);
	ev_loop_destroy(w->loop);
	return 0;
}

static const struct wp_addressee somewhere = {
	.app = "",
	.account = "work",
	.host = "push.example",
	.endpoint = "https://push.example/x",
};

static struct wp_target target_of(enum wp_push_kind kind)
{
	struct wp_target target = {
		.user = &user,
		.name = "device",
		.kind = kind,
		.app = kind == WP_PUSH_FCM ? "demo" : "",
		.device = "",
		.to = &somewhere,
	};

	return target;
}

static struct wp_order order_of(const struct world *w,
				const struct wp_target *target)
{
	return (struct wp_order){
		.target = target,
		.action = WP_PLAN_ALERT,
		.about = { .ms = 5, .seq = 1 },
		.waiting = 3,
		.good_until_ms = now_us / MS + 1000,
		.is_called_off = &w->is_called_off,
	};
}

/* Begin, and have it end so. */
static struct wp_delivery_end deliver(struct world *w,
				      const struct wp_target *target,
				      const struct wp_judgement *judgement)
{
	const struct wp_order order = order_of(w, target);
	struct wp_delivery_end end;
	int ends = w->ends;

	pass_ms(1000);
	assert_true(wp_deliver(w->deliveries, &order, on_end, w, &end));
	assert_int_equal(w->ends, ends);
	end_attempt(n_attempts - 1, judgement);
	assert_int_equal(w->ends, ends + 1);
	return w->end;
}

static struct wp_delivery_end
get(struct world *w, const struct wp_target *target, enum wp_verdict verdict)
{
	const struct wp_judgement judgement = { .verdict = verdict };

	return deliver(w, target, &judgement);
}

/* It is over at once, so. */
static struct wp_delivery_end refuse(struct world *w,
				     const struct wp_target *target)
{
	const struct wp_order order = order_of(w, target);
	struct wp_delivery_end end;
	size_t n = n_attempts;

	assert_false(wp_deliver(w->deliveries, &order, on_end, w, &end));
	assert_int_equal(n_attempts, n);
	assert_int_equal(end.what, WP_DELIVERY_PUT_OFF);
	assert_int_equal(n_results, 0);
	return end;
}

/* ---- what is asked ---- */

/* It has no row in the store, and what refuses it is never its own fault. */
static void of_a_service_nothing_is_written_down(void **state)
{
	struct world *w = *state;
	const struct wp_target target = target_of(WP_PUSH_BUS);

	assert_int_equal(get(w, &target, WP_VERDICT_ACCEPTED).what,
			 WP_DELIVERY_ACCEPTED);
	assert_int_equal(get(w, &target, WP_VERDICT_CONFIG).what,
			 WP_DELIVERY_PUT_OFF);
	assert_int_equal(n_results, 0);
	assert_int_equal(wp_metric_get(w->metrics, WP_NM_BREAKER_BUS),
			 WP_BREAKER_CONFIG);
}

static void a_provider_is_given_what_there_is_to_say(void **state)
{
	struct world *w = *state;
	struct wp_target target = target_of(WP_PUSH_WEB);
	const struct wp_order order = order_of(w, &target);
	struct wp_delivery_end end;
	const struct wp_attempt *attempt = &attempts[0].attempt;

	assert_true(wp_deliver(w->deliveries, &order, on_end, w, &end));
	assert_string_equal(attempt->to->endpoint, somewhere.endpoint);
	assert_string_equal(attempt->to->name, "device");
	assert_true(attempt->to->is_ours); /* neither has a key */
	assert_string_equal(attempt->push->account, "work");
	assert_int_equal(attempt->push->waiting, 3);
	assert_int_equal(attempt->push->ttl_s, 60);
	assert_int_equal(attempt->good_until_ms, order.good_until_ms);
	/* Another try of it has the same id. */
	target.vapid[0] = 1;
	pass_ms(500);
	assert_true(wp_deliver(w->deliveries, &order, on_end, w, &end));
	assert_string_equal(attempts[0].push_id, attempts[1].push_id);
	assert_false(attempts[1].attempt.to->is_ours);
}

/* ---- what verdicts mean ---- */

static void who_is_told_is_told(void **state)
{
	struct wp_target target = target_of(WP_PUSH_WEB);
	struct wp_delivery_end end = get(*state, &target, WP_VERDICT_ACCEPTED);

	assert_int_equal(end.what, WP_DELIVERY_ACCEPTED);
	assert_true(end.may_show);
	assert_int_equal(last_result, WP_PUSH_ACCEPTED);
	assert_int_equal(n_marks, 0);
	/* One that looked bad is good again. */
	target.state = WP_PUSH_SUSPECT;
	(void)get(*state, &target, WP_VERDICT_ACCEPTED);
	assert_int_equal(n_marks, 1);
	assert_int_equal(marks[0].state, WP_PUSH_ACTIVE);
}

static void who_is_gone_is_marked(void **state)
{
	static const struct wp_judgement gone = {
		.verdict = WP_VERDICT_GONE,
		.reason = "Unregistered",
	};
	struct wp_target target = target_of(WP_PUSH_WEB);
	struct wp_delivery_end end = deliver(*state, &target, &gone);

	assert_int_equal(end.what, WP_DELIVERY_GONE);
	assert_false(end.may_show);
	assert_int_equal(last_result, WP_PUSH_FAILED);
	assert_int_equal(marks[0].state, WP_PUSH_GONE);
	assert_string_equal(marks[0].reason, "Unregistered");
}

static void nobody_knows_what_came_of_a_failure(void **state)
{
	static const struct wp_judgement retry = {
		.verdict = WP_VERDICT_RETRY,
		.after_s = 30,
	};
	struct wp_target target = target_of(WP_PUSH_WEB);
	struct wp_delivery_end end = deliver(*state, &target, &retry);

	assert_int_equal(end.what, WP_DELIVERY_FAILED);
	assert_int_equal(end.after_ms, 30000);
	assert_true(end.may_show);
	assert_int_equal(last_result, WP_PUSH_FAILED);
	assert_int_equal(n_marks, 0);
}

static void who_wants_time_gets_it_and_nobody_failed(void **state)
{
	static const struct wp_judgement later = {
		.verdict = WP_VERDICT_LATER,
		.after_s = 30,
	};
	struct world *w = *state;
	struct wp_target target = target_of(WP_PUSH_WEB);
	struct wp_target other = target_of(WP_PUSH_FCM);
	struct wp_plan_device device = { .slot_ms = 0 };
	struct wp_delivery_end end = deliver(w, &target, &later);

	assert_int_equal(end.what, WP_DELIVERY_PUT_OFF);
	assert_in_range(end.after_ms, 30000,
			30000 + WP_OUTCOME_REOPEN_SPREAD_MS);
	assert_false(end.may_show);
	assert_int_equal(n_results, 0);
	assert_int_equal(wp_metric_get(w->metrics, WP_NM_SHUT_HOSTS), 1);
	wp_deliveries_look(w->deliveries, &target, 7, &device);
	assert_int_equal(device.reopen_ms, 7 + 30000);
	assert_true(device.is_usable);
	end = refuse(w, &target);
	assert_in_range(end.after_ms, 30000,
			30000 + WP_OUTCOME_REOPEN_SPREAD_MS);
	assert_false(end.is_crowded);
	end = get(w, &other, WP_VERDICT_ACCEPTED);
	assert_int_equal(end.what, WP_DELIVERY_ACCEPTED);
}

static void wrong_settings_are_seen_and_nobody_failed(void **state)
{
	struct world *w = *state;
	struct wp_target target = target_of(WP_PUSH_FCM);
	struct wp_delivery_end end = get(w, &target, WP_VERDICT_CONFIG);

	assert_int_equal(end.what, WP_DELIVERY_PUT_OFF);
	assert_true(end.after_ms >= 48000);
	assert_int_equal(n_results, 0);
	assert_int_equal(wp_metric_get(w->metrics, WP_NM_BREAKER_FCM), 2);
}

static void what_looks_bad_is_tried_again_and_dropped_at_last(void **state)
{
	static const struct wp_judgement bad = {
		.verdict = WP_VERDICT_SUSPECT,
		.reason = "INVALID_ARGUMENT",
	};
	struct world *w = *state;
	struct wp_target target = target_of(WP_PUSH_FCM);
	struct wp_target good = target_of(WP_PUSH_FCM);
	struct wp_delivery_end end = deliver(w, &target, &bad);

	assert_int_equal(end.what, WP_DELIVERY_FAILED);
	assert_int_equal(end.after_ms, WP_OUTCOME_SUSPECT_S * 1000);
	assert_int_equal(marks[0].state, WP_PUSH_SUSPECT);
	assert_string_equal(marks[0].reason, "INVALID_ARGUMENT");
	target.state = WP_PUSH_SUSPECT;
	target.marked_s = (int64_t)(now_us / MS / 1000);
	/* Others are told, but it is not long enough. */
	for (int i = 0; i < WP_GUARD_ACCEPTED; i++)
		(void)get(w, &good, WP_VERDICT_ACCEPTED);
	pass_ms((uint64_t)(WP_GUARD_AGE_S - 60) * 1000);
	end = deliver(w, &target, &bad);
	assert_int_equal(end.what, WP_DELIVERY_FAILED);
	pass_ms(60 * 1000);
	end = deliver(w, &target, &bad);
	assert_int_equal(end.what, WP_DELIVERY_GONE);
	assert_int_equal(marks[n_marks - 1].state, WP_PUSH_GONE);
	assert_string_equal(marks[n_marks - 1].reason, "INVALID_ARGUMENT");
}

/* He may register what he likes, and try it. */
static void tokens_of_one_user_hold_up_nobody(void **state)
{
	struct world *w = *state;
	struct wp_target target = target_of(WP_PUSH_FCM);

	for (int i = 0; i < WP_GUARD_LEAST + 5; i++)
		(void)get(w, &target, WP_VERDICT_SUSPECT);
	name_user(1);
	assert_int_equal(get(w, &target, WP_VERDICT_ACCEPTED).what,
			 WP_DELIVERY_ACCEPTED);
	assert_int_equal(wp_metric_get(w->metrics, WP_NM_GUARD_FCM), 0);
}

static void of_many_that_look_bad_none_is_dropped(void **state)
{
	struct world *w = *state;
	struct wp_target target = target_of(WP_PUSH_FCM);
	struct wp_delivery_end end;

	for (int i = 1; i < WP_GUARD_LEAST; i++) {
		name_user(i);
		(void)get(w, &target, WP_VERDICT_SUSPECT);
	}
	assert_int_equal(n_marks, WP_GUARD_LEAST - 1);
	name_user(WP_GUARD_LEAST);
	end = get(w, &target, WP_VERDICT_SUSPECT);
	assert_int_equal(end.what, WP_DELIVERY_PUT_OFF);
	assert_int_equal(n_marks, WP_GUARD_LEAST - 1);
	assert_int_equal(wp_metric_get(w->metrics, WP_NM_GUARD_FCM), 1);
	assert_int_equal(wp_metric_get(w->metrics, WP_NM_BREAKER_FCM), 2);
}

static void a_webhook_that_refuses_for_a_day_is_gone(void **state)
{
	struct wp_target target = target_of(WP_PUSH_WEBHOOK);
	struct wp_delivery_end end = get(*state, &target, WP_VERDICT_REFUSED);

	assert_int_equal(end.what, WP_DELIVERY_REFUSED);
	assert_int_equal(marks[0].state, WP_PUSH_SUSPECT);
	target.state = WP_PUSH_SUSPECT;
	target.marked_s = (int64_t)(now_us / MS / 1000);
	pass_ms((uint64_t)WP_OUTCOME_REFUSING_S * 1000 - 2000);
	end = get(*state, &target, WP_VERDICT_REFUSED);
	assert_int_equal(end.what, WP_DELIVERY_REFUSED);
	pass_ms(2000);
	end = get(*state, &target, WP_VERDICT_REFUSED);
	assert_int_equal(end.what, WP_DELIVERY_GONE);
	assert_int_equal(marks[2].state, WP_PUSH_GONE);
	assert_string_equal(marks[2].reason, "refusing");
}

static void a_browser_stays_whose_push_is_refused(void **state)
{
	struct wp_target target = target_of(WP_PUSH_WEB);
	struct wp_delivery_end end = get(*state, &target, WP_VERDICT_REFUSED);

	assert_int_equal(end.what, WP_DELIVERY_REFUSED);
	assert_int_equal(n_marks, 0);
	assert_int_equal(last_result, WP_PUSH_FAILED);
}

static void what_was_not_asked_in_time_counts_for_nothing(void **state)
{
	struct world *w = *state;
	struct wp_target target = target_of(WP_PUSH_WEB);
	struct wp_delivery_end end = get(w, &target, WP_VERDICT_AGAIN);

	assert_int_equal(end.what, WP_DELIVERY_PUT_OFF);
	assert_in_range(end.after_ms, WP_OUTCOME_SLOT_MIN_MS,
			WP_OUTCOME_SLOT_MAX_MS);
	assert_int_equal(n_results, 0);
	assert_int_equal(n_marks, 0);
	for (int v = 0; v < WP_NM_VERDICTS; v++)
		assert_int_equal(
			wp_metric_get(w->metrics,
				      wp_notifier_sent(WP_PUSH_WEB,
						       (enum wp_verdict)v)),
			0);
	/* Nor among those of the kind behind it. */
	assert_int_equal(wp_metric_get(w->metrics,
				       wp_notifier_sent(WP_PUSH_UNIFIED,
							WP_VERDICT_ACCEPTED)),
			 0);
}

static void addresses_that_may_not_be_are_counted(void **state)
{
	static const struct wp_judgement forbidden = {
		.verdict = WP_VERDICT_RETRY,
		.is_forbidden = true,
	};
	struct world *w = *state;
	struct wp_target target = target_of(WP_PUSH_WEB);

	(void)deliver(w, &target, &forbidden);
	assert_int_equal(wp_metric_get(w->metrics, WP_NM_REFUSED_ADDRESSES), 1);
	assert_int_equal(
		wp_metric_get(w->metrics,
			      wp_notifier_sent(WP_PUSH_WEB, WP_VERDICT_RETRY)),
		1);
}

/* ---- when ---- */

static void who_finds_no_slot_is_put_back(void **state)
{
	struct world *w = *state;
	struct wp_target target = target_of(WP_PUSH_WEBHOOK);
	struct wp_plan_device device = { .slot_ms = 0 };
	struct wp_delivery_end end;

	for (size_t i = 0; i < PLACES; i++) {
		const struct wp_order order = order_of(w, &target);

		assert_true(wp_deliver(w->deliveries, &order, on_end, w, &end));
		assert_int_equal(n_attempts, i + 1);
		pass_ms(2000);
	}
	/* As many again wait for one of these to end. */
	for (unsigned int i = 0; i < PLACES; i++) {
		const struct wp_order order = order_of(w, &target);

		assert_true(wp_deliver(w->deliveries, &order, on_end, w, &end));
		assert_int_equal(n_attempts, PLACES);
		pass_ms(2000);
	}
	wp_deliveries_look(w->deliveries, &target, 7, &device);
	assert_true(device.slot_ms > WP_PLAN_SLOT_MS);
	end = refuse(w, &target);
	assert_true(end.is_crowded);
	assert_in_range(end.after_ms, WP_OUTCOME_SLOT_MIN_MS,
			WP_OUTCOME_SLOT_MAX_MS);
}

/* All places are taken, and so many wait for one. */
static void crowd(struct world *w, const struct wp_target *target,
		  unsigned int n)
{
	struct wp_delivery_end end;

	for (unsigned int i = 0; i < PLACES + n; i++) {
		struct wp_order order = order_of(w, target);

		order.good_until_ms += 100000;
		assert_true(wp_deliver(w->deliveries, &order, on_end, w, &end));
		pass_ms(2000);
	}
	assert_int_equal(n_attempts, PLACES);
}

static void who_waits_for_a_place_goes_on_when_there_is_one(void **state)
{
	static const struct wp_judgement accepted = {
		.verdict = WP_VERDICT_ACCEPTED,
	};
	struct world *w = *state;
	struct wp_target target = target_of(WP_PUSH_WEBHOOK);

	crowd(w, &target, 2);
	end_attempt(3, &accepted);
	assert_int_equal(n_attempts, PLACES + 1);
	end_attempt(4, &accepted);
	assert_int_equal(n_attempts, PLACES + 2);
	assert_int_equal(w->ends, 2);
	/* Nobody else waits. */
	end_attempt(5, &accepted);
	assert_int_equal(n_attempts, PLACES + 2);
}

static void who_waits_for_a_place_in_vain_is_put_back(void **state)
{
	static const struct wp_judgement accepted = {
		.verdict = WP_VERDICT_ACCEPTED,
	};
	struct world *w = *state;
	struct wp_target target = target_of(WP_PUSH_WEBHOOK);

	crowd(w, &target, 1);
	ev_run(w->loop, EVRUN_ONCE);
	assert_int_equal(w->ends, 1);
	assert_true(w->end.is_crowded);
	/* The next place is not its own. */
	end_attempt(3, &accepted);
	assert_int_equal(n_attempts, PLACES);
	assert_int_equal(w->ends, 2);
}

/* And is called off: it leaves its place to the next. */
static void whoever_does_not_go_on_holds_up_nobody(void **state)
{
	static const struct wp_judgement accepted = {
		.verdict = WP_VERDICT_ACCEPTED,
	};
	struct world *w = *state;
	struct wp_target target = target_of(WP_PUSH_WEBHOOK);

	crowd(w, &target, 2);
	w->is_called_off = true;
	end_attempt(3, &accepted);
	assert_int_equal(n_attempts, PLACES);
	assert_int_equal(w->ends, 3);
	w->is_called_off = false;
	(void)get(w, &target, WP_VERDICT_ACCEPTED);
}

static void a_slot_that_is_near_is_waited_for(void **state)
{
	struct world *w = *state;
	struct wp_target target = target_of(WP_PUSH_WEB);
	struct wp_order order = order_of(w, &target);
	struct wp_delivery_end end;

	assert_true(wp_deliver(w->deliveries, &order, on_end, w, &end));
	assert_int_equal(n_attempts, 1);
	assert_true(wp_deliver(w->deliveries, &order, on_end, w, &end));
	assert_int_equal(n_attempts, 1);
	pass_ms(100);
	ev_run(w->loop, EVRUN_ONCE);
	assert_int_equal(n_attempts, 2);
	assert_int_equal(w->ends, 0);
}

static void nothing_begins_when_its_slot_comes_too_late(void **state)
{
	struct world *w = *state;
	struct wp_target target = target_of(WP_PUSH_WEB);
	struct wp_order order = order_of(w, &target);
	struct wp_delivery_end end;

	assert_true(wp_deliver(w->deliveries, &order, on_end, w, &end));
	assert_true(wp_deliver(w->deliveries, &order, on_end, w, &end));
	pass_ms(1001);
	ev_run(w->loop, EVRUN_ONCE);
	assert_int_equal(n_attempts, 1);
	assert_int_equal(w->ends, 1);
	assert_int_equal(w->end.what, WP_DELIVERY_PUT_OFF);
	/* Nor when it is called off. */
	order.good_until_ms += 10000;
	pass_ms(100);
	assert_true(wp_deliver(w->deliveries, &order, on_end, w, &end));
	assert_int_equal(n_attempts, 2);
	assert_true(wp_deliver(w->deliveries, &order, on_end, w, &end));
	w->is_called_off = true;
	ev_run(w->loop, EVRUN_ONCE);
	assert_int_equal(n_attempts, 2);
	assert_int_equal(w->ends, 2);
}

static void a_slot_is_lost_when_its_provider_has_shut_meanwhile(void **state)
{
	static const struct wp_judgement later = {
		.verdict = WP_VERDICT_LATER,
		.after_s = 30,
	};
	struct world *w = *state;
	struct wp_target target = target_of(WP_PUSH_WEB);
	const struct wp_order order = order_of(w, &target);
	struct wp_delivery_end end;

	assert_true(wp_deliver(w->deliveries, &order, on_end, w, &end));
	assert_true(wp_deliver(w->deliveries, &order, on_end, w, &end));
	end_attempt(0, &later);
	ev_run(w->loop, EVRUN_ONCE);
	assert_int_equal(n_attempts, 1);
	assert_int_equal(w->ends, 2);
	assert_true(w->end.after_ms >= 29000);
}

static void who_waits_for_a_token_of_its_own_is_given_nothing(void **state)
{
	struct world *w = *state;
	struct wp_target target = target_of(WP_PUSH_FCM);
	struct wp_plan_device device = { .slot_ms = 0 };

	wait_ms = 4000;
	wp_deliveries_look(w->deliveries, &target, 7, &device);
	assert_int_equal(device.reopen_ms, 4007);
	assert_true(refuse(w, &target).after_ms >= 4000);
}

static void without_memory_nothing_has_begun(void **state)
{
	struct world *w = *state;
	struct wp_target target = target_of(WP_PUSH_WEB);

	is_short = true;
	/* As often as there may be requests at once, and more. */
	for (int i = 0; i < 40; i++) {
		pass_ms(1000);
		assert_false(refuse(w, &target).is_crowded);
	}
	is_short = false;
	(void)get(w, &target, WP_VERDICT_ACCEPTED);
}

static void a_slot_that_was_not_used_is_given_back(void **state)
{
	struct world *w = *state;
	struct wp_target target = target_of(WP_PUSH_WEB);

	w->is_called_off = true;
	for (int i = 0; i < 40; i++) {
		pass_ms(1000);
		(void)refuse(w, &target);
	}
	w->is_called_off = false;
	(void)get(w, &target, WP_VERDICT_ACCEPTED);
}

static void who_asked_for_time_gets_it_from_one_device_at_least(void **state)
{
	struct wp_judgement judgement = { .verdict = WP_VERDICT_LATER,
					  .after_s = 3 };
	struct world *w = *state;
	struct wp_target target = target_of(WP_PUSH_WEB);
	const struct wp_order order = order_of(w, &target);
	struct wp_delivery_end end;

	/* It was begun before the provider was left alone, and asked again. */
	assert_true(wp_deliver(w->deliveries, &order, on_end, w, &end));
	(void)deliver(w, &target, &judgement);
	pass_ms(3000);
	(void)get(w, &target, WP_VERDICT_ACCEPTED);
	judgement.after_s = 100;
	end_attempt(0, &judgement);
	assert_true(w->end.after_ms >= 100 * 1000);
}

static void whom_nobody_tells_is_not_told(void **state)
{
	struct world *w = *state;
	struct wp_target target = target_of(WP_PUSH_FCM);
	struct wp_plan_device device = { .is_usable = true };

	target.app = "another";
	wp_deliveries_look(w->deliveries, &target, 7, &device);
	assert_false(device.is_usable);
	(void)refuse(w, &target);
	/* Who was not opened, for the mode was another one, is put back. */
	target.app = "demo";
	target.to = NULL;
	wp_deliveries_look(w->deliveries, &target, 7, &device);
	assert_true(device.is_usable);
	assert_true(device.slot_ms > WP_PLAN_SLOT_MS);
	(void)refuse(w, &target);
}

/* ---- reloads ---- */

static void what_is_under_way_ends_on_the_old_ones(void **state)
{
	static const struct wp_judgement accepted = {
		.verdict = WP_VERDICT_ACCEPTED,
	};
	struct world *w = *state;
	struct wp_target target = target_of(WP_PUSH_WEB);
	const struct wp_order order = order_of(w, &target);
	struct wp_delivery_end end;
	struct wp_error err;
	int made = providers_made;

	assert_true(wp_deliver(w->deliveries, &order, on_end, w, &end));
	is_live = false;
	assert_int_equal(wp_deliveries_use(w->deliveries, &w->conf, &err),
			 WP_OK);
	ev_run(w->loop, EVRUN_NOWAIT);
	assert_int_equal(providers_freed, 0);
	assert_false(wp_deliveries_how(w->deliveries).opens);
	/* A new one goes to the new ones, and needs no slot. */
	for (int i = 0; i < 3; i++)
		assert_true(wp_deliver(w->deliveries, &order, on_end, w, &end));
	assert_int_equal(n_attempts, 4);
	end_attempt(0, &accepted);
	assert_int_equal(w->ends, 1);
	assert_int_equal(providers_freed, 0); /* not from within it */
	ev_run(w->loop, EVRUN_NOWAIT);
	assert_int_equal(providers_freed, made);
	end_attempt(1, &accepted);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, begin_world, end_world)
	const struct CMUnitTest tests[] = {
		TEST(of_a_service_nothing_is_written_down),
		TEST(a_provider_is_given_what_there_is_to_say),
		TEST(who_is_told_is_told),
		TEST(who_is_gone_is_marked),
		TEST(nobody_knows_what_came_of_a_failure),
		TEST(who_wants_time_gets_it_and_nobody_failed),
		TEST(wrong_settings_are_seen_and_nobody_failed),
		TEST(what_looks_bad_is_tried_again_and_dropped_at_last),
		TEST(tokens_of_one_user_hold_up_nobody),
		TEST(of_many_that_look_bad_none_is_dropped),
		TEST(a_webhook_that_refuses_for_a_day_is_gone),
		TEST(a_browser_stays_whose_push_is_refused),
		TEST(what_was_not_asked_in_time_counts_for_nothing),
		TEST(addresses_that_may_not_be_are_counted),
		TEST(who_finds_no_slot_is_put_back),
		TEST(who_waits_for_a_place_goes_on_when_there_is_one),
		TEST(who_waits_for_a_place_in_vain_is_put_back),
		TEST(whoever_does_not_go_on_holds_up_nobody),
		TEST(a_slot_that_is_near_is_waited_for),
		TEST(nothing_begins_when_its_slot_comes_too_late),
		TEST(a_slot_is_lost_when_its_provider_has_shut_meanwhile),
		TEST(who_waits_for_a_token_of_its_own_is_given_nothing),
		TEST(without_memory_nothing_has_begun),
		TEST(a_slot_that_was_not_used_is_given_back),
		TEST(who_asked_for_time_gets_it_from_one_device_at_least),
		TEST(whom_nobody_tells_is_not_told),
		TEST(what_is_under_way_ends_on_the_old_ones),
	};
#undef TEST

	return cmocka_run_group_tests_name("deliver", tests, NULL, NULL);
}
