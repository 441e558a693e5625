/*
 * errand.c - what happens with a claimed box, step by step.
 *
 * An errand is in memory as long as somebody may still speak of it: the store's
 * thread, a provider, or Redis. It ends when it is over and none of them does.
 */
#include "notifier/errand.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/backoff.h"
#include "lib/base/clock.h"
#include "lib/base/random.h"
#include "lib/mailbox/scripts.h"
#include "notifier/claimed.h"
#include "notifier/lookup.h"
#include "notifier/metrics.h"
#include "notifier/notes.h"
#include "notifier/telling.h"

/* Of the time of a claim, so much is good to begin something in. */
enum { CLAIM_PARTS = 3, CLAIM_GOOD_PARTS = 2, MS_PER_S = 1000 };
/* So many of the last 64 boxes are a crowd. */
enum { CROWDED = 32 };

struct errand {
	struct wp_lookup lookup; /* first: it is found by that */
	struct wp_claimed of;
	struct wp_telling telling;
	struct wp_errands *all;
	struct errand *next, **link;
	bool is_looked_up;   /* by the store's thread */
	unsigned int asking; /* Redis; answers that are to come */
	bool is_over;        /* there is nothing more to do */
};

struct wp_errands {
	struct wp_errands_setup setup;
	struct wp_telling_setup telling;
	struct wp_push_keys keys;
	struct wp_lookups *lookups; /* owned */
	bool is_stopped;
	uint64_t crowded; /* of the last 64 boxes, whether they were; bits */
	struct wp_backoff no_store;
	uint32_t no_store_ms; /* 0: the last job found it */
	struct errand *first;
	size_t n;
};

/* ---- the end ---- */

static void free_errand(struct errand *errand)
{
	wp_telling_release(&errand->telling);
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
	if (!errand->is_looked_up && !wp_telling_is_busy(&errand->telling)) {
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
	wp_telling_call_off(&errand->telling);
	end_if_over(errand);
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
		done->once = errand->of.once;
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
		.once_waits = true,
		.clear_waits = errand->of.what == WP_PUSH_CLEAR,
	};

	wp_metric_add(errand->all->setup.metrics, WP_NM_POSTPONED, 1);
	answer(errand, &done);
}

/* ---- the beginning ---- */

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
	errand->lookup.partition = box->box.partition;
	errand->link = &errands->first;
	errand->next = errands->first;
	if (errand->next != NULL)
		errand->next->link = &errand->next;
	errands->first = errand;
	errands->n++;
	wp_metric_set(errands->setup.metrics, WP_NM_CLAIMED,
		      (int64_t)errands->n);
	if (errands->is_stopped) {
		put_off(errand, 0);
		return;
	}
	errand->is_looked_up = true;
	errand->lookup.once = errand->of.once;
	wp_lookups_add(errands->lookups, &errand->lookup);
}

/* ---- telling ---- */

/* Of the last boxes, whose devices found no slot: many are due at once, and
 * more of them would only be put back. */
static void note_crowd(struct wp_errands *all, bool is_crowded)
{
	all->crowded = all->crowded << 1 | is_crowded;
	if (__builtin_popcountll(all->crowded) < CROWDED)
		return;
	all->crowded = 0;
	all->setup.on_crowded(all->setup.ctx);
}

/* All has ended. Short of memory nothing is said: the claim lapses, and the box
 * is looked at again. */
static void finish(struct errand *errand)
{
	struct wp_push_done done;
	struct wp_notes notes;

	note_crowd(errand->all, wp_telling_was_crowded(&errand->telling));
	if (wp_telling_answer(&errand->telling, &done, &notes))
		answer(errand, &done);
	else
		forget(errand);
	wp_notes_release(&notes);
}

static void on_told(void *ctx)
{
	struct errand *errand = ctx;

	/* Nobody wants to hear it any more, but that it is over. */
	if (errand->is_over)
		end_if_over(errand);
	else
		finish(errand);
}

static uint64_t good_until_ms(const struct errand *errand)
{
	return errand->of.claim.asked_ms +
	       (uint64_t)errand->of.claim.ms / CLAIM_PARTS * CLAIM_GOOD_PARTS;
}

static void tell(struct errand *errand)
{
	const struct wp_telling_what what = {
		.of = &errand->of,
		.lookup = &errand->lookup,
		.good_until_ms = good_until_ms(errand),
	};

	if (!wp_telling_begin(&errand->telling, &errand->all->telling, &what,
			      on_told, errand))
		forget(errand);
	else if (!wp_telling_is_busy(&errand->telling))
		finish(errand);
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
	/* What was asked for besides is looked at by itself. */
	struct wp_push_done nothing = { .next = WP_PUSH_TOLD, .once = "" };
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
		tell(errand);
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
	if (wp_mono_ms() > good_until_ms(errand))
		put_off(errand, 0);
	else if (wp_claimed_age_ms(&errand->of) > WP_LATE_MS)
		ask_again(errand);
	else
		tell(errand);
}

static uint32_t spread(uint32_t ms)
{
	return ms / 2 + wp_random_below(ms / 2 + 1);
}

static void on_found(void *ctx, struct wp_lookup *lookup)
{
	struct errand *errand = (struct errand *)lookup;
	struct wp_errands *all = ctx;
	struct wp_push_done drop = { .next = WP_PUSH_DROP };

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
		.keys = &errands->keys,
		.on_found = on_found,
		.on_job = on_job,
		.ctx = errands,
	};

	if (errands == NULL)
		return wp_error_set(err, WP_ERR_NOMEM, "out of memory");
	errands->setup = *setup;
	wp_push_keys_make(&errands->keys, setup->conf->auth.store_secret);
	errands->telling = (struct wp_telling_setup){
		.deliveries = setup->deliveries,
		.dead_letters = setup->dead_letters,
		.metrics = setup->metrics,
	};
	wp_errands_use(errands, setup->conf);
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
	struct errand *next;

	if (*errands == NULL)
		return;
	for (struct errand *errand = (*errands)->first; errand != NULL;
	     errand = next) {
		next = errand->next;
		unlink_errand(errand);
		free_errand(errand);
	}
	wp_lookups_free(&(*errands)->lookups);
	wp_push_keys_forget(&(*errands)->keys);
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

void wp_errands_use(struct wp_errands *errands, const struct wp_conf *conf)
{
	errands->telling.rules.mail_after_ms =
		conf->push.email_after_seconds * MS_PER_S;
}

void wp_errands_go(struct wp_errands *errands)
{
	const struct wp_lookups_how how =
		wp_deliveries_how(errands->setup.deliveries);

	wp_lookups_use(errands->lookups, &how);
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

	errands->is_stopped = true;
	wp_lookups_end(errands->lookups);
	for (struct errand *errand = errands->first; errand != NULL;
	     errand = next) {
		next = errand->next;
		wp_telling_call_off(&errand->telling);
		if (!errand->is_over && !wp_telling_is_busy(&errand->telling))
			put_off(errand, 0);
	}
}
