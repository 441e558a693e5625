/* What happens with claimed boxes when everything happens in any order: answers
 * of Redis, of the store and of providers that come late or never, losses,
 * reloads, a stop, time. Chance is seeded, so that a failure comes again. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <ev.h>

#include "lib/base/log.h"
#include "lib/mailbox/scripts.h"
#include "notifier/errand.h"
#include "notifier/metrics.h"
#include "notifier/plan/quiet.h"
#include "notifier/providers.h"

enum {
	SEEDS = 40,
	STEPS = 600,
	MAX = 4096, /* of anything that waits */
	HOSTS = 300,
	MOST = 4, /* requests at once, of an app and of a host */
	CLAIM_MS = 60000,
	LOST = -1,
};

static uint32_t state;

static uint32_t chance(uint32_t below)
{
	state = state * UINT32_C(1664525) + UINT32_C(1013904223);
	return (state >> 8) % below;
}

/* ---- the clock ---- */

static uint64_t now_us;

uint64_t __wrap_wp_mono_ms(void);
uint64_t __wrap_wp_mono_ms(void)
{
	return now_us / 1000;
}

uint64_t __wrap_wp_mono_us(void);
uint64_t __wrap_wp_mono_us(void)
{
	return now_us;
}

/* ---- claims, and what Redis hears of them ---- */

static int answers[MAX]; /* by claims; or LOST */
static int n_claims;

static struct {
	bool is_down;
	struct {
		wp_reply_fn fn;
		void *ctx;
	} asked[MAX]; /* in their order */
	size_t n;
} redis;

static int number_of(const char *claim)
{
	int n = atoi(claim + 2);

	assert_in_range(n, 0, n_claims - 1);
	return n;
}

void __real_wp_push_done_build(struct wp_cmd *cmd,
			       const struct wp_push_done *done);
void __wrap_wp_push_done_build(struct wp_cmd *cmd,
			       const struct wp_push_done *done);
void __wrap_wp_push_done_build(struct wp_cmd *cmd,
			       const struct wp_push_done *done)
{
	int *n = &answers[number_of(done->claim)];

	/* A claim that is lost is answered by nobody. */
	if (!redis.is_down)
		assert_int_equal((*n)++, 0);
	__real_wp_push_done_build(cmd, done);
}

enum wp_err __wrap_wp_push_check_parse(const struct wp_reply *reply,
				       struct wp_push_checked *out);
enum wp_err __wrap_wp_push_check_parse(const struct wp_reply *reply,
				       struct wp_push_checked *out)
{
	(void)reply;
	if (redis.is_down)
		return WP_ERR_UNAVAIL;
	*out = (struct wp_push_checked){ true, chance(3), { 9, 1 } };
	return WP_OK;
}

enum wp_err __wrap_wp_judged_do(struct wp_judged *judged,
				const struct wp_cmd *cmd, wp_reply_fn fn,
				void *ctx);
enum wp_err __wrap_wp_judged_do(struct wp_judged *judged,
				const struct wp_cmd *cmd, wp_reply_fn fn,
				void *ctx)
{
	(void)judged;
	(void)cmd;
	if (redis.is_down)
		return WP_ERR_UNAVAIL;
	assert_true(redis.n < MAX);
	redis.asked[redis.n].fn = fn;
	redis.asked[redis.n++].ctx = ctx;
	return WP_OK;
}

const char *__wrap_wp_judged_run_id(const struct wp_judged *judged);
const char *__wrap_wp_judged_run_id(const struct wp_judged *judged)
{
	(void)judged;
	return "run";
}

static void redis_answers(void)
{
	wp_reply_fn fn = redis.asked[0].fn;
	void *ctx = redis.asked[0].ctx;

	redis.n--;
	memmove(redis.asked, redis.asked + 1, redis.n * sizeof(redis.asked[0]));
	if (fn != NULL)
		fn(ctx, NULL);
}

const char *__wrap_wp_push_field(const struct wp_push_box *box,
				 const char *name);
const char *__wrap_wp_push_field(const struct wp_push_box *box,
				 const char *name)
{
	(void)box;
	(void)name;
	return NULL;
}

/* ---- the store and its thread ---- */

static struct wp_store_job *jobs[MAX];
static size_t n_jobs;

enum wp_err __wrap_wp_store_thread_submit(struct wp_store_thread *thread,
					  struct wp_store_job *job);
enum wp_err __wrap_wp_store_thread_submit(struct wp_store_thread *thread,
					  struct wp_store_job *job)
{
	(void)thread;
	assert_true(n_jobs < MAX);
	if (chance(20) == 0)
		return WP_ERR_FULL;
	jobs[n_jobs++] = job;
	return WP_OK;
}

static void work(bool is_stopped)
{
	struct wp_store_job *job = jobs[0];
	struct wp_error err;

	n_jobs--;
	memmove(jobs, jobs + 1, n_jobs * sizeof(jobs[0]));
	if (is_stopped || chance(20) == 0)
		job->done(job, WP_ERR_UNAVAIL);
	else
		job->done(job, job->run(job, NULL, &err));
}

enum wp_err __wrap_wp_push_list(struct wp_store *store,
				const struct wp_push_list *list,
				struct wp_error *err);
enum wp_err __wrap_wp_push_list(struct wp_store *store,
				const struct wp_push_list *list,
				struct wp_error *err)
{
	uint32_t n = chance(6);
	char text[80];

	(void)store;
	for (uint32_t i = 0; i < n; i++) {
		bool is_hook = chance(2) == 0;
		struct wp_push_row row = {
			.user = list->user,
			.kind = is_hook ? "webhook" : "fcm",
			.app = is_hook ? "" : "demo",
			.device = "",
			.account = "",
			.platform = "",
			.sealed = text,
			.state = (enum wp_push_state)chance(3),
		};

		(void)snprintf(text, sizeof(text),
			       is_hook ? "{\"endpoint\":\"https://h%u.test/\"}"
				       : "{\"token\":\"%u\"}",
			       chance(HOSTS));
		row.sealed_len = strlen(text);
		row.id[0] = (uint8_t)i;
		list->on_row(list->ctx, &row);
	}
	return chance(20) == 0 ? wp_error_set(err, WP_ERR_UNAVAIL, "locked")
			       : WP_OK;
}

enum wp_err __wrap_wp_push_open(const struct wp_push_keys *keys,
				const struct wp_push_place *place,
				const void *sealed, size_t sealed_len,
				uint8_t *out, size_t *len_out);
enum wp_err __wrap_wp_push_open(const struct wp_push_keys *keys,
				const struct wp_push_place *place,
				const void *sealed, size_t sealed_len,
				uint8_t *out, size_t *len_out)
{
	(void)keys;
	(void)place;
	memcpy(out, sealed, sealed_len);
	*len_out = sealed_len;
	return WP_OK;
}

enum wp_err __wrap_wp_push_prefs(struct wp_store *store,
				 const struct wp_urn *user, struct wp_buf *out,
				 struct wp_error *err);
enum wp_err __wrap_wp_push_prefs(struct wp_store *store,
				 const struct wp_urn *user, struct wp_buf *out,
				 struct wp_error *err)
{
	(void)store;
	(void)user;
	(void)out;
	(void)err;
	return WP_ERR_NOTFOUND;
}

enum wp_err __wrap_wp_push_mark(struct wp_store *store,
				const struct wp_push_mark *mark,
				struct wp_error *err);
enum wp_err __wrap_wp_push_mark(struct wp_store *store,
				const struct wp_push_mark *mark,
				struct wp_error *err)
{
	(void)store;
	(void)mark;
	if (chance(20) == 0)
		return wp_error_set(err, WP_ERR_UNAVAIL, "locked");
	return chance(4) == 0 ? WP_ERR_STALE : WP_OK;
}

enum wp_err __wrap_wp_push_results(struct wp_store *store,
				   const struct wp_push_outcome *outcomes,
				   size_t n, struct wp_error *err);
enum wp_err __wrap_wp_push_results(struct wp_store *store,
				   const struct wp_push_outcome *outcomes,
				   size_t n, struct wp_error *err)
{
	(void)store;
	(void)outcomes;
	(void)n;
	(void)err;
	return WP_OK;
}

/* ---- providers ---- */

struct provider {
	struct wp_provider of; /* first */
	size_t under_way;
};

static struct attempt {
	struct provider *provider;
	wp_attempt_fn on_end;
	void *ctx;
	/* Read at the end: it must still be there. */
	const struct wp_attempt *attempt;
} attempts[MAX];
static size_t n_attempts;
static bool has_begun;
static bool is_over; /* nobody is told any more */

static enum wp_err begin(struct wp_provider *of,
			 const struct wp_attempt *attempt, wp_attempt_fn on_end,
			 void *ctx, struct wp_error *err)
{
	struct provider *provider = (struct provider *)of;

	assert_true(now_us / 1000 <= attempt->good_until_ms);
	if (chance(20) == 0)
		return wp_error_set(err, WP_ERR_NOMEM, "out of memory");
	assert_true(n_attempts < MAX);
	provider->under_way++;
	attempts[n_attempts++] =
		(struct attempt){ provider, on_end, ctx, attempt };
	return WP_OK;
}

static void end_attempt(size_t i)
{
	const struct attempt one = attempts[i];
	const struct wp_judgement judgement = {
		.verdict = chance(3) == 0 ? (enum wp_verdict)chance(
						    WP_VERDICT_AGAIN + 1)
					  : WP_VERDICT_ACCEPTED,
		.after_s = chance(3),
	};

	attempts[i] = attempts[--n_attempts];
	assert_true(strlen(one.attempt->push->push_id) > 0);
	assert_true(strlen(one.attempt->to->token) > 0 ||
		    strlen(one.attempt->to->endpoint) > 0);
	one.provider->under_way--;
	one.on_end(one.ctx, &judgement);
}

static void provider_free(struct wp_provider *of)
{
	struct provider *provider = (struct provider *)of;

	if (!is_over)
		assert_int_equal(provider->under_way, 0);
	free(provider);
}

enum wp_err __wrap_wp_providers_init(struct wp_providers *out,
				     const struct wp_provider_setup *setup,
				     struct wp_error *err);
enum wp_err __wrap_wp_providers_init(struct wp_providers *out,
				     const struct wp_provider_setup *setup,
				     struct wp_error *err)
{
	static const struct wp_provider_type type = {
		.begin = begin,
		.free = provider_free,
	};
	static const struct wp_provider each[] = {
		{ &type, WP_PUSH_FCM, "demo", false, false },
		{ &type, WP_PUSH_WEBHOOK, "", true, false },
	};

	(void)setup;
	*out = (struct wp_providers){ .is_live = true };
	if (has_begun && chance(10) == 0)
		return wp_error_set(err, WP_ERR_NOMEM, "out of memory");
	for (size_t i = 0; i < 2; i++) {
		struct provider *provider;

		if (out->n > 0 && chance(6) == 0)
			continue;
		provider = calloc(1, sizeof(*provider));
		assert_non_null(provider);
		provider->of = each[i];
		out->items[out->n++] = &provider->of;
	}
	return WP_OK;
}

/* ---- a world ---- */

struct world {
	struct ev_loop *loop;
	struct wp_conf conf;
	struct wp_metrics *metrics;
	struct wp_results *results;
	struct wp_deliveries *deliveries;
	struct wp_errands *errands;
	struct wp_dead_letters letters;
	int reloads;
};

static void nothing(void *ctx)
{
	(void)ctx;
}

static void on_gone(void *ctx, const struct wp_urn *user, const char *device,
		    const char *reason)
{
	(void)ctx;
	(void)reason;
	assert_true(strlen(user->text) > 0 && strlen(device) > 0);
}

static void world_begin(struct world *w)
{
	static char secret[] = "secret of the deployment, all of it";
	static char fcm[] = "fcm=100000/4", hook[] = "webhook=100000/4";
	static char *rates[] = { fcm, hook };
	struct wp_results_setup results = { .on_written = nothing,
					    .on_gone = on_gone };
	struct wp_deliveries_setup deliveries;
	struct wp_errands_setup errands;
	struct wp_error err;

	memset(w, 0, sizeof(*w));
	memset(&redis, 0, sizeof(redis));
	memset(answers, 0, sizeof(answers));
	n_claims = 0;
	n_jobs = 0;
	n_attempts = 0;
	has_begun = false;
	is_over = false;
	now_us = UINT64_C(5000000000);
	w->conf.auth.store_secret = secret;
	w->conf.push.ttl_seconds = 60;
	w->conf.push.rates.items = rates;
	w->conf.push.rates.n = 2;
	w->loop = ev_loop_new(EVFLAG_AUTO);
	assert_int_equal(wp_notifier_metrics_new(&w->metrics, &err), WP_OK);
	results.metrics = w->metrics;
	w->results = wp_results_new(&results);
	deliveries = (struct wp_deliveries_setup){ .loop = w->loop,
						   .conf = &w->conf,
						   .metrics = w->metrics,
						   .results = w->results };
	assert_int_equal(wp_deliveries_new(&w->deliveries, &deliveries, &err),
			 WP_OK);
	w->letters.metrics = w->metrics;
	errands = (struct wp_errands_setup){ .conf = &w->conf,
					     .results = w->results,
					     .dead_letters = &w->letters,
					     .deliveries = w->deliveries,
					     .metrics = w->metrics,
					     .on_settled = nothing,
					     .on_crowded = nothing };
	assert_int_equal(wp_errands_new(&w->errands, &errands, &err), WP_OK);
	has_begun = true;
}

/* As wp_notifier_free() has it. */
static void world_end(struct world *w)
{
	is_over = true;
	wp_errands_stop(w->errands);
	wp_results_end(w->results);
	while (n_jobs > 0)
		work(true);
	wp_deliveries_free(&w->deliveries);
	redis.is_down = true;
	while (redis.n > 0)
		redis_answers();
	wp_errands_free(&w->errands);
	wp_results_free(&w->results);
	wp_metrics_free(&w->metrics);
	ev_loop_destroy(w->loop);
}

static void claim_one(struct world *w)
{
	struct wp_claim claim = {
		.redis_ms = (int64_t)(now_us / 1000),
		.asked_ms = now_us / 1000 - chance(600),
		.ms = CLAIM_MS,
	};
	const char *urn = "urn:sm:user:bob";
	struct wp_push_box box = { .what = (enum wp_push_what)chance(3),
				   .want = { 9, 1 } };

	if (redis.is_down || n_claims == MAX)
		return;
	(void)snprintf(claim.text, sizeof(claim.text), "n.%d", n_claims++);
	box.waiting = box.what == WP_PUSH_TELL;
	assert_int_equal(wp_box_reread(&box.box, 5, urn, strlen(urn)), WP_OK);
	wp_errands_add(w->errands, &box, &claim);
	wp_errands_go(w->errands);
}

static void lose(struct world *w)
{
	redis.is_down = true;
	for (int i = 0; i < n_claims; i++)
		if (answers[i] == 0)
			answers[i] = LOST;
	while (redis.n > 0)
		redis_answers();
	wp_errands_forget(w->errands);
}

static void step(struct world *w)
{
	struct wp_error err;

	switch (chance(16)) {
	case 0:
	case 1:
	case 2:
		claim_one(w);
		break;
	case 3:
	case 4:
	case 5:
		if (n_jobs > 0)
			work(false);
		break;
	case 6:
	case 7:
	case 8:
		if (n_attempts > 0)
			end_attempt(chance((uint32_t)n_attempts));
		break;
	case 9:
	case 10:
	case 11:
		if (redis.n > 0)
			redis_answers();
		break;
	case 12:
		(void)ev_run(w->loop, EVRUN_NOWAIT);
		break;
	case 13:
		now_us += chance(50) == 0 ? chance(90 * 1000 * 1000)
					  : chance(200 * 1000);
		break;
	case 14:
		if (chance(8) == 0)
			w->reloads += wp_deliveries_use(w->deliveries, &w->conf,
							&err) == WP_OK;
		break;
	default:
		if (redis.is_down)
			redis.is_down = false;
		else if (chance(40) == 0)
			lose(w);
	}
}

/* Nothing is under way, so nobody holds a slot, or is the probe. */
static void expect_free(struct world *w, enum wp_push_kind kind,
			const char *app)
{
	const struct wp_addressee to = { .host = "another.test" };
	const struct wp_target target = { .kind = kind, .app = app, .to = &to };
	struct wp_plan_device device;

	now_us += UINT64_C(4000) * 1000 * 1000;
	wp_deliveries_look(w->deliveries, &target, 1, &device);
	assert_int_equal(device.slot_ms, 0);
	assert_int_equal(device.reopen_ms, 0);
}

/* Everybody has his say. */
static void settle(struct world *w)
{
	redis.is_down = false;
	for (int i = 0; i < 100000 && wp_errands_count(w->errands) > 0; i++) {
		while (n_jobs > 0)
			work(false);
		while (n_attempts > 0)
			end_attempt(0);
		while (redis.n > 0)
			redis_answers();
		/* Slots are of the real clock. */
		now_us += 1000;
		(void)ev_run(w->loop, wp_errands_count(w->errands) > 0 &&
						      n_attempts == 0 &&
						      n_jobs == 0
					      ? EVRUN_ONCE
					      : EVRUN_NOWAIT);
	}
	assert_int_equal(wp_errands_count(w->errands), 0);
	assert_true(wp_errands_are_settled(w->errands));
}

static void whatever_happens_each_claim_is_answered_once(void **ctx)
{
	(void)ctx;
	for (uint32_t seed = 1; seed <= SEEDS; seed++) {
		struct world w;

		state = seed * UINT32_C(2654435761);
		world_begin(&w);
		for (int i = 0; i < STEPS; i++)
			step(&w);
		if (chance(2) == 0)
			wp_errands_stop(w.errands);
		if (chance(3) > 0) {
			settle(&w);
			expect_free(&w, WP_PUSH_FCM, "demo");
			expect_free(&w, WP_PUSH_WEBHOOK, "");
			for (int i = 0; i < n_claims; i++)
				assert_true(answers[i] == 1 ||
					    answers[i] == LOST);
		}
		world_end(&w);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(whatever_happens_each_claim_is_answered_once),
	};

	wp_log_setup("storm", WP_LOG_ERROR);
	wp_quiet_init();
	return cmocka_run_group_tests_name("storm", tests, NULL, NULL);
}
