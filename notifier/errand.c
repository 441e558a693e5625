/*
 * errand.c - what happens with a claimed box, step by step.
 *
 * An errand is in memory as long as somebody may still speak of it: the store's
 * thread, or Redis. It ends when it is over and neither does.
 */
#include "notifier/errand.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/backoff.h"
#include "lib/base/log.h"
#include "lib/base/random.h"
#include "lib/mailbox/scripts.h"
#include "notifier/claimed.h"
#include "notifier/lookup.h"
#include "notifier/metrics.h"
#include "notifier/notes.h"
#include "notifier/plan/plan.h"
#include "notifier/provider/kind.h"

/* Of the time of a claim, so much is good to begin something in. */
enum { CLAIM_PARTS = 3, CLAIM_GOOD_PARTS = 2 };

struct errand {
	struct wp_lookup lookup; /* first: it is found by that */
	struct wp_claimed of;
	struct wp_errands *all;
	struct errand *next, **link;
	bool is_looked_up;   /* by the store's thread */
	unsigned int asking; /* Redis; answers that are to come */
	bool is_over;        /* there is nothing more to do */
};

struct wp_errands {
	struct wp_errands_setup setup;
	struct wp_log log;
	struct wp_own_key push_id;
	struct wp_lookups *lookups; /* owned */
	struct wp_backoff no_store;
	uint32_t no_store_ms; /* 0: the last job found it */
	struct errand *first;
	size_t n;
};

/* ---- beginning and end ---- */

static void free_errand(struct errand *errand)
{
	wp_claimed_release(&errand->of);
	wp_lookup_release(&errand->lookup);
	free(errand);
}

static void unlink_errand(struct errand *errand)
{
	*errand->link = errand->next;
	if (errand->next != NULL)
		errand->next->link = errand->link;
	errand->all->n--;
	wp_metric_set(errand->all->setup.metrics, WP_NM_CLAIMED,
		      (int64_t)errand->all->n);
}

/* Has Redis heard all that it is to hear of it? */
static bool is_settled(const struct errand *errand)
{
	return errand->is_over && errand->asking == 0;
}

/* It ends, if nobody speaks of it any more. */
static void end_if_over(struct errand *errand)
{
	struct wp_errands *all = errand->all;

	if (!is_settled(errand))
		return;
	if (!errand->is_looked_up) {
		unlink_errand(errand);
		free_errand(errand);
	}
	all->setup.on_settled(all->setup.ctx);
}

/* Nothing more is to be done: what was claimed lapses, or is another's. */
static void forget(struct errand *errand)
{
	if (errand->is_looked_up &&
	    wp_lookups_remove(errand->all->lookups, &errand->lookup))
		errand->is_looked_up = false;
	errand->is_over = true;
	end_if_over(errand);
}

void wp_errands_add(struct wp_errands *errands, const struct wp_push_box *box,
		    const struct wp_claim *claim)
{
	struct errand *errand = calloc(1, sizeof(*errand));

	if (errand == NULL)
		return;
	errand->all = errands;
	if (!wp_claimed_copy(&errand->of, box, claim) ||
	    wp_urn_reread(&errand->lookup.user, box->box.text, box->box.len) !=
		    WP_OK) {
		free_errand(errand);
		return;
	}
	errand->link = &errands->first;
	errand->next = errands->first;
	if (errand->next != NULL)
		errand->next->link = &errand->next;
	errands->first = errand;
	errands->n++;
	wp_metric_set(errands->setup.metrics, WP_NM_CLAIMED,
		      (int64_t)errands->n);
	errand->is_looked_up = true;
	wp_lookups_add(errands->lookups, &errand->lookup);
}

/* ---- answers ---- */

static void on_done(void *ctx, const struct wp_reply *reply)
{
	struct errand *errand = ctx;

	errand->asking--;
	if (reply != NULL && wp_script_done(reply) == WP_ERR_STALE)
		wp_metric_add(errand->all->setup.metrics, WP_NM_LATE, 1);
	end_if_over(errand);
}

/* The last that we have to say of it. */
static void answer(struct errand *errand, struct wp_push_done *done)
{
	struct wp_cmd cmd;

	done->box = &errand->of.box;
	done->claim = errand->of.claim.text;
	done->want = errand->of.want;
	if (done->once == NULL)
		done->once = "";
	wp_cmd_init(&cmd);
	wp_push_done_build(&cmd, done);
	if (wp_judged_do(errand->all->setup.redis, &cmd, on_done, errand) ==
	    WP_OK)
		errand->asking++;
	wp_cmd_release(&cmd);
	forget(errand);
}

/* Nobody was told anything; look again after so long. */
static void put_off(struct errand *errand, int64_t ms)
{
	struct wp_push_done done = {
		.next = WP_PUSH_LATER,
		.next_ms = wp_claimed_now_ms(&errand->of) + ms,
	};

	wp_metric_add(errand->all->setup.metrics, WP_NM_POSTPONED, 1);
	answer(errand, &done);
}

/* ---- telling ---- */

static const char *const actions[] = {
	[WP_PLAN_NOTHING] = "nothing", [WP_PLAN_ALERT] = "alert",
	[WP_PLAN_QUIET] = "quiet",     [WP_PLAN_BADGE] = "badge",
	[WP_PLAN_CLEAR] = "clear",
};

/* What a push is about, and since when that waits. What its user asked for is
 * about nothing that waits: it is of now, and none that was before. */
static struct wp_entry_id subject(const struct errand *errand, bool is_asked)
{
	if (!is_asked)
		return errand->of.want;
	return (struct wp_entry_id){
		.ms = (uint64_t)errand->of.claim.redis_ms,
	};
}

static void tell(struct errand *errand, const struct wp_target *target,
		 enum wp_plan_action action, bool is_asked)
{
	static const enum wp_notifier_metric counts[] = {
		[WP_PLAN_NOTHING] = WP_NM_NOTHING,
		[WP_PLAN_ALERT] = WP_NM_ALERTS,
		[WP_PLAN_QUIET] = WP_NM_QUIET,
		[WP_PLAN_BADGE] = WP_NM_BADGES,
		[WP_PLAN_CLEAR] = WP_NM_CLEARS,
	};
	const struct wp_entry_id about = subject(errand, is_asked);
	struct wp_errands *all = errand->all;
	char id[WP_PUSH_ID_TEXT + 1];
	int64_t now_ms = wp_claimed_now_ms(&errand->of);
	int64_t delay_ms = now_ms - (int64_t)about.ms;

	wp_metric_add(all->setup.metrics, counts[action], 1);
	if (action == WP_PLAN_NOTHING)
		return;
	if (delay_ms < 0 || action == WP_PLAN_CLEAR)
		delay_ms = 0;
	if (action != WP_PLAN_CLEAR && !is_asked)
		wp_metric_observe_us(all->setup.metrics, WP_NM_DELAY,
				     (uint64_t)delay_ms * 1000);
	wp_push_id(&all->push_id, target->name, &about, id);
	wp_log(&all->log, WP_LOG_INFO, "push",
	       wp_str("kind", wp_push_kind_name(target->kind)),
	       wp_str("action", actions[action]),
	       wp_str("device", target->name), wp_str("push", id),
	       wp_int("waiting", errand->of.waiting),
	       wp_int("delay_ms", delay_ms));
	wp_results_add(all->setup.results, target, WP_PUSH_ACCEPTED, now_ms);
}

/* What was decided, and of what. */
struct decision {
	struct wp_plan_claim claim;
	struct wp_plan_device *devices;
	struct wp_plan_step *steps;
	int64_t next_ms;
};

static bool is_alert(enum wp_plan_action action)
{
	return action == WP_PLAN_ALERT || action == WP_PLAN_QUIET ||
	       action == WP_PLAN_BADGE;
}

/* Is it told because its user asked for it, and of nothing that waits? Then it
 * shows nothing that is to be cleared, and it is no step of the ladder. */
static bool is_of_nothing(const struct errand *errand,
			  const struct wp_plan_device *device)
{
	return device->is_asked && errand->of.what != WP_PUSH_TELL;
}

/* Tell a device what was decided; false when it is to be remembered no more
 * than before. */
static bool carry_out_one(struct errand *errand, const struct decision *made,
			  size_t i, struct wp_told *told)
{
	const struct wp_plan_step *step = &made->steps[i];

	*told = made->devices[i].told;
	tell(errand, &errand->lookup.targets[i], step->action,
	     made->devices[i].is_asked);
	if (is_of_nothing(errand, &made->devices[i]))
		return false;
	if (is_alert(step->action))
		wp_told_accepted(told, &errand->of.want,
				 wp_plan_is_alive(&made->claim, told),
				 made->claim.now_ms);
	else if (step->is_settled)
		wp_told_settled(told, &errand->of.want);
	else
		return false;
	return true;
}

/* The field in which a device is remembered. */
static void field_of(const struct wp_target *target,
		     char out[WP_MEMORY_NAME_MAX])
{
	(void)snprintf(out, WP_MEMORY_NAME_MAX, "d:%s", target->name);
}

/* Is it the field of a device that is there? */
static bool is_of_target(const struct errand *errand, const char *field)
{
	char name[WP_MEMORY_NAME_MAX];

	for (size_t i = 0; i < errand->lookup.n; i++) {
		field_of(&errand->lookup.targets[i], name);
		if (strcmp(name, field) == 0)
			return true;
	}
	return false;
}

/* Tell each device what was decided, and note what it knows then. */
static void carry_out(struct errand *errand, const struct decision *made,
		      struct wp_notes *notes)
{
	const struct wp_claimed *of = &errand->of;
	bool is_shown = of->is_shown && of->what != WP_PUSH_CLEAR;

	for (size_t i = 0; i < errand->lookup.n; i++) {
		char field[WP_MEMORY_NAME_MAX];
		struct wp_told told;

		is_shown |= is_alert(made->steps[i].action) &&
			    !is_of_nothing(errand, &made->devices[i]);
		field_of(&errand->lookup.targets[i], field);
		if (carry_out_one(errand, made, i, &told))
			wp_notes_told(notes, field, &told);
	}
	for (size_t i = 0; i < of->n_memories; i++)
		if (!is_of_target(errand, of->memories[i].field))
			wp_notes_told(notes, of->memories[i].field, NULL);
	if (is_shown != of->is_shown)
		wp_notes_add(notes, "shown", is_shown ? "1" : "");
}

static void describe_device(const struct errand *errand, size_t i,
			    struct wp_plan_device *device)
{
	const struct wp_target *target = &errand->lookup.targets[i];
	const struct wp_memory *memory;
	char field[WP_MEMORY_NAME_MAX], test[WP_PUSH_ONCE_MAX + 1];

	field_of(target, field);
	wp_push_once_test(test, target->name);
	memory = wp_claimed_memory(&errand->of, field);
	device->kind = target->kind;
	device->is_usable = true;
	device->is_in_use = wp_claimed_has(&errand->of, target->device);
	device->is_asked = strcmp(errand->of.once, test) == 0;
	device->has_badge = (target->flags & WP_PUSH_BADGE) != 0;
	if (memory != NULL)
		device->told = memory->told;
}

static void make_decision(struct errand *errand, struct decision *made)
{
	static const struct wp_plan_rules rules = { 0 };
	static const enum wp_plan_what whats[] = {
		[WP_PUSH_TELL] = WP_PLAN_TELL,
		[WP_PUSH_CLEAR] = WP_PLAN_WIPE,
		[WP_PUSH_ONCE] = WP_PLAN_ONCE,
	};

	made->claim = (struct wp_plan_claim){
		.what = whats[errand->of.what],
		.want = errand->of.want,
		.is_high = errand->of.is_high,
		.is_online = errand->of.is_online,
		.seen_ms = errand->of.seen_ms,
		.touched_ms = errand->of.touched_ms,
		.now_ms = wp_claimed_now_ms(&errand->of),
		.seed = (uint32_t)errand->of.claim.redis_ms,
	};
	for (size_t i = 0; i < errand->lookup.n; i++)
		describe_device(errand, i, &made->devices[i]);
	made->next_ms = wp_plan(&made->claim, &errand->lookup.prefs, &rules,
				made->devices, errand->lookup.n, made->steps);
}

/* Short of memory nothing is said: it lapses, and is looked at again. */
static void decide(struct errand *errand)
{
	size_t n = errand->lookup.n;
	struct decision made = {
		.devices = calloc(n, sizeof(*made.devices)),
		.steps = calloc(n, sizeof(*made.steps)),
	};
	struct wp_push_done done = { .next = WP_PUSH_TOLD };
	struct wp_notes notes;

	if (wp_notes_init(&notes, n + errand->of.n_memories + 1) &&
	    made.devices != NULL && made.steps != NULL) {
		make_decision(errand, &made);
		carry_out(errand, &made, &notes);
		done.fields = notes.fields;
		done.n = notes.n;
		done.once = errand->of.once;
		if (made.next_ms > 0) {
			done.next = WP_PUSH_LATER;
			done.next_ms = made.next_ms;
		}
		answer(errand, &done);
	} else {
		forget(errand);
	}
	wp_notes_release(&notes);
	free(made.devices);
	free(made.steps);
}

/* ---- before ---- */

/* Was it acked meanwhile, or has something come where there was nothing? */
static bool is_in_vain(const struct errand *errand,
		       const struct wp_push_checked *now)
{
	return (errand->of.what == WP_PUSH_TELL && now->waiting == 0) ||
	       (errand->of.what == WP_PUSH_CLEAR && now->waiting > 0);
}

static void on_checked(void *ctx, const struct wp_reply *reply)
{
	struct errand *errand = ctx;
	struct wp_push_done nothing = { .next = WP_PUSH_TOLD };
	struct wp_push_checked now;
	enum wp_err rc = wp_push_check_parse(reply, &now);

	errand->asking--;
	if (errand->is_over) {
		end_if_over(errand);
	} else if (rc != WP_OK || !now.is_ours) {
		forget(errand);
	} else if (is_in_vain(errand, &now)) {
		answer(errand, &nothing);
	} else {
		errand->of.waiting = now.waiting;
		decide(errand);
	}
}

static void ask_again(struct errand *errand)
{
	struct wp_judged *redis = errand->all->setup.redis;
	struct wp_cmd cmd;

	wp_cmd_init(&cmd);
	wp_push_check_build(&cmd, wp_judged_run_id(redis), &errand->of.box,
			    errand->of.claim.text);
	if (wp_judged_do(redis, &cmd, on_checked, errand) == WP_OK)
		errand->asking++;
	else
		forget(errand);
	wp_cmd_release(&cmd);
}

/* What is known of it is as old as its claim. */
static void go_ahead(struct errand *errand)
{
	int64_t age_ms = wp_claimed_age_ms(&errand->of);

	if (age_ms > errand->of.claim.ms / CLAIM_PARTS * CLAIM_GOOD_PARTS)
		put_off(errand, 0);
	else if (age_ms > WP_LATE_MS)
		ask_again(errand);
	else
		decide(errand);
}

static uint32_t spread(uint32_t ms)
{
	return ms / 2 + wp_random_below(ms / 2 + 1);
}

static void on_found(void *ctx, struct wp_lookup *lookup)
{
	struct errand *errand = (struct errand *)lookup;
	struct wp_errands *all = ctx;
	struct wp_push_done drop = {
		.next = WP_PUSH_DROP,
		.once = errand->of.once,
	};

	errand->is_looked_up = false;
	if (errand->is_over) {
		end_if_over(errand);
	} else if (lookup->result != WP_OK) {
		if (all->no_store_ms == 0)
			all->no_store_ms = wp_backoff_next_ms(&all->no_store);
		put_off(errand, spread(all->no_store_ms));
	} else if (lookup->n == 0) {
		wp_metric_add(all->setup.metrics, WP_NM_NOTHING, 1);
		answer(errand, &drop);
	} else {
		go_ahead(errand);
	}
}

static void on_job(void *ctx, enum wp_err result)
{
	struct wp_errands *all = ctx;

	all->no_store_ms = 0;
	if (result == WP_OK)
		wp_backoff_reset(&all->no_store);
}

/* ---- all of them ---- */

enum wp_err wp_errands_new(struct wp_errands **out,
			   const struct wp_errands_setup *setup,
			   struct wp_error *err)
{
	struct wp_errands *errands = calloc(1, sizeof(*errands));
	const struct wp_lookups_setup lookups = {
		.store = setup->store,
		.on_found = on_found,
		.on_job = on_job,
		.ctx = errands,
	};

	if (errands == NULL)
		return wp_error_set(err, WP_ERR_NOMEM, "out of memory");
	errands->setup = *setup;
	wp_own_key_make(&errands->push_id, setup->conf->auth.store_secret,
			WP_PUSH_ID_PURPOSE);
	wp_backoff_init(&errands->no_store, WP_NO_STORE_FIRST_MS,
			WP_NO_STORE_CAP_MS);
	*out = errands;
	if (wp_lookups_new(&errands->lookups, &lookups, err) == WP_OK)
		return WP_OK;
	wp_errands_free(out);
	return WP_ERR_NOMEM;
}

void wp_errands_free(struct wp_errands **errands)
{
	if (*errands == NULL)
		return;
	wp_lookups_free(&(*errands)->lookups);
	wp_own_key_forget(&(*errands)->push_id);
	free(*errands);
	*errands = NULL;
}

size_t wp_errands_count(const struct wp_errands *errands)
{
	return errands->n;
}

bool wp_errands_are_settled(const struct wp_errands *errands)
{
	const struct errand *errand = errands->first;

	while (errand != NULL && is_settled(errand))
		errand = errand->next;
	return errand == NULL;
}

void wp_errands_go(struct wp_errands *errands)
{
	wp_lookups_go(errands->lookups);
}

void wp_errands_forget(struct wp_errands *errands)
{
	struct errand *next;

	for (struct errand *errand = errands->first; errand != NULL;
	     errand = next) {
		next = errand->next;
		forget(errand);
	}
}

void wp_errands_stop(struct wp_errands *errands)
{
	struct errand *next;

	wp_lookups_end(errands->lookups);
	for (struct errand *errand = errands->first; errand != NULL;
	     errand = next) {
		next = errand->next;
		if (!errand->is_over)
			put_off(errand, 0);
	}
}
