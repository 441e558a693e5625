/* A claimed box until its claim is answered, whatever happens meanwhile. Redis,
 * the store, providers and the clock are ours. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/mailbox/scripts.h"
#include "notifier/errand.h"
#include "notifier/lookup.h"
#include "notifier/metrics.h"
#include "notifier/telling.h"

enum {
	CLAIM_MS = 60000,
	GOOD_MS = CLAIM_MS / 3 * 2,
	FIELDS_MAX = 8,
	MANY = 64,
	REDIS_MS = 500000, /* its clock, at the claim */
};

/* ---- the clock ---- */

static uint64_t now_ms;

uint64_t __wrap_wp_mono_ms(void);
uint64_t __wrap_wp_mono_ms(void)
{
	return now_ms;
}

/* ---- Redis ---- */

static struct {
	bool is_down;
	wp_reply_fn fn; /* of the last that was asked */
	void *ctx;
	bool is_check;
	int checks, answers;
	struct wp_push_checked checked;
	enum wp_err check;
	/* of the last answer */
	struct wp_push_done done;
	char once[WP_PUSH_ONCE_MAX + 1];
	char fields[FIELDS_MAX][2][128];
} redis;

void __wrap_wp_push_done_build(struct wp_cmd *cmd,
			       const struct wp_push_done *done);
void __wrap_wp_push_done_build(struct wp_cmd *cmd,
			       const struct wp_push_done *done)
{
	(void)cmd;
	assert_true(done->n <= FIELDS_MAX);
	redis.done = *done;
	redis.is_check = false;
	(void)snprintf(redis.once, sizeof(redis.once), "%s", done->once);
	for (size_t i = 0; i < done->n; i++) {
		(void)snprintf(redis.fields[i][0], sizeof(redis.fields[i][0]),
			       "%s", done->fields[i].name);
		(void)snprintf(redis.fields[i][1], sizeof(redis.fields[i][1]),
			       "%s", done->fields[i].value);
	}
}

void __wrap_wp_push_check_build(struct wp_cmd *cmd, const char *run_id,
				const struct wp_box *box, const char *claim);
void __wrap_wp_push_check_build(struct wp_cmd *cmd, const char *run_id,
				const struct wp_box *box, const char *claim)
{
	(void)cmd;
	(void)run_id;
	(void)box;
	assert_string_equal(claim, "n.1");
	redis.is_check = true;
}

enum wp_err __wrap_wp_push_check_parse(const struct wp_reply *reply,
				       struct wp_push_checked *out);
enum wp_err __wrap_wp_push_check_parse(const struct wp_reply *reply,
				       struct wp_push_checked *out)
{
	(void)reply;
	*out = redis.checked;
	return redis.check;
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
	redis.fn = fn;
	redis.ctx = ctx;
	if (redis.is_check)
		redis.checks++;
	else
		redis.answers++;
	return WP_OK;
}

const char *__wrap_wp_judged_run_id(const struct wp_judged *judged);
const char *__wrap_wp_judged_run_id(const struct wp_judged *judged)
{
	(void)judged;
	return "run";
}

/* What was asked last is answered; NULL stands for any answer. */
static void redis_answers(void)
{
	wp_reply_fn fn = redis.fn;

	assert_non_null(fn);
	redis.fn = NULL;
	fn(redis.ctx, NULL);
}

/* What the box had. */
static const char *once, *shown, *resumed;
static struct wp_memory memory;

const char *__wrap_wp_push_field(const struct wp_push_box *box,
				 const char *name);
const char *__wrap_wp_push_field(const struct wp_push_box *box,
				 const char *name)
{
	(void)box;
	if (strcmp(name, "once") == 0)
		return once;
	if (strcmp(name, "resumed") == 0)
		return resumed;
	return strcmp(name, "shown") == 0 ? shown : NULL;
}

const struct wp_memory *
__wrap_wp_claimed_memory(const struct wp_claimed *claimed, const char *field);
const struct wp_memory *
__wrap_wp_claimed_memory(const struct wp_claimed *claimed, const char *field)
{
	(void)claimed;
	return strcmp(field, memory.field) == 0 ? &memory : NULL;
}

static const char *field(const char *name)
{
	for (size_t i = 0; i < redis.done.n; i++)
		if (strcmp(redis.fields[i][0], name) == 0)
			return redis.fields[i][1];
	return NULL;
}

/* ---- the store ---- */

static struct wp_lookups_setup lookups;
static struct wp_lookup *asked; /* the last one */

enum wp_err __wrap_wp_lookups_new(struct wp_lookups **out,
				  const struct wp_lookups_setup *setup,
				  struct wp_error *err);
enum wp_err __wrap_wp_lookups_new(struct wp_lookups **out,
				  const struct wp_lookups_setup *setup,
				  struct wp_error *err)
{
	(void)err;
	lookups = *setup;
	*out = NULL;
	return WP_OK;
}

void __wrap_wp_lookups_free(struct wp_lookups **all);
void __wrap_wp_lookups_free(struct wp_lookups **all)
{
	(void)all;
}

void __wrap_wp_lookups_add(struct wp_lookups *all, struct wp_lookup *lookup);
void __wrap_wp_lookups_add(struct wp_lookups *all, struct wp_lookup *lookup)
{
	(void)all;
	asked = lookup;
}

bool __wrap_wp_lookups_remove(struct wp_lookups *all, struct wp_lookup *lookup);
bool __wrap_wp_lookups_remove(struct wp_lookups *all, struct wp_lookup *lookup)
{
	(void)all;
	(void)lookup;
	return false; /* the thread has it */
}

void __wrap_wp_lookups_end(struct wp_lookups *all);
void __wrap_wp_lookups_end(struct wp_lookups *all)
{
	(void)all;
}

static bool is_unverified; /* what is found */
static enum wp_push_kind kind;

/* n devices are found, "a", "b", … */
static void find(size_t n)
{
	struct wp_lookup *lookup = asked;

	asked = NULL;
	lookup->result = WP_OK;
	lookup->n = n;
	lookup->targets = calloc(n + 1, sizeof(*lookup->targets));
	assert_non_null(lookup->targets);
	wp_prefs_init(&lookup->prefs);
	for (size_t i = 0; i < n; i++) {
		lookup->targets[i].kind = kind;
		lookup->targets[i].app = "demo";
		lookup->targets[i].device = "";
		lookup->targets[i].flags = WP_PUSH_BADGE;
		if (is_unverified)
			lookup->targets[i].state = WP_PUSH_UNVERIFIED;
		lookup->targets[i].name[0] = (char)('a' + (int)i);
	}
	lookups.on_found(lookups.ctx, lookup);
	lookups.on_job(lookups.ctx, WP_OK);
}

static void fail_to_find(void)
{
	struct wp_lookup *lookup = asked;

	asked = NULL;
	lookup->result = WP_ERR_UNAVAIL;
	lookups.on_found(lookups.ctx, lookup);
	lookups.on_job(lookups.ctx, WP_ERR_UNAVAIL);
}

/* ---- providers ---- */

static struct {
	wp_delivery_fn on_end;
	void *ctx;
	struct wp_order order;
} deliveries[MANY];
static size_t n_deliveries;
static const struct wp_delivery_end *at_once; /* how all end; NULL: later */
static int64_t slot_ms;
static char unusable; /* of this name, whom nobody tells */

bool __wrap_wp_deliver(struct wp_deliveries *all, const struct wp_order *order,
		       wp_delivery_fn on_end, void *ctx,
		       struct wp_delivery_end *end);
bool __wrap_wp_deliver(struct wp_deliveries *all, const struct wp_order *order,
		       wp_delivery_fn on_end, void *ctx,
		       struct wp_delivery_end *end)
{
	(void)all;
	assert_true(n_deliveries < MANY);
	deliveries[n_deliveries].on_end = on_end;
	deliveries[n_deliveries].ctx = ctx;
	deliveries[n_deliveries++].order = *order;
	if (at_once != NULL)
		*end = *at_once;
	return at_once == NULL;
}

void __wrap_wp_deliveries_look(struct wp_deliveries *all,
			       const struct wp_target *target, int64_t at_ms,
			       struct wp_plan_device *device);
void __wrap_wp_deliveries_look(struct wp_deliveries *all,
			       const struct wp_target *target, int64_t at_ms,
			       struct wp_plan_device *device)
{
	(void)all;
	(void)at_ms;
	device->is_usable = target->name[0] != unusable;
	device->slot_ms = slot_ms;
}

static struct wp_push_letter letter;
static char letter_reason[WP_REASON_MAX + 1];
static int letters;

void __wrap_wp_dead_letters_add(const struct wp_dead_letters *all,
				const struct wp_push_letter *one);
void __wrap_wp_dead_letters_add(const struct wp_dead_letters *all,
				const struct wp_push_letter *one)
{
	(void)all;
	letter = *one;
	(void)snprintf(letter_reason, sizeof(letter_reason), "%s", one->reason);
	letters++;
}

static const struct wp_delivery_end accepted = {
	.what = WP_DELIVERY_ACCEPTED,
	.may_show = true,
};
static const struct wp_delivery_end failed = {
	.what = WP_DELIVERY_FAILED,
	.may_show = true,
};
static const struct wp_delivery_end put_off = {
	.what = WP_DELIVERY_PUT_OFF,
	.after_ms = 7000,
	.is_crowded = true,
};
static const struct wp_delivery_end gone = { .what = WP_DELIVERY_GONE };
static const struct wp_delivery_end refused = {
	.what = WP_DELIVERY_REFUSED,
	.reason = "PayloadTooLarge",
};

static void end_delivery(size_t i, const struct wp_delivery_end *end)
{
	deliveries[i].on_end(deliveries[i].ctx, end);
}

/* ---- a world ---- */

static int settled, crowds;

static void on_settled(void *ctx)
{
	(void)ctx;
	settled++;
}

static void on_crowded(void *ctx)
{
	(void)ctx;
	crowds++;
}

static int begin(void **state)
{
	static char secret[] = "secret of the deployment, all of it";
	static struct wp_conf conf;
	const struct wp_errands_setup setup = {
		.conf = &conf,
		.on_settled = on_settled,
		.on_crowded = on_crowded,
	};
	struct wp_errands *errands;
	struct wp_error err;

	conf.auth.store_secret = secret;
	memset(&redis, 0, sizeof(redis));
	memset(&memory, 0, sizeof(memory));
	redis.checked = (struct wp_push_checked){ true, 3, { 9, 1 } };
	once = NULL;
	kind = WP_PUSH_FCM;
	shown = NULL;
	resumed = NULL;
	asked = NULL;
	n_deliveries = 0;
	at_once = NULL;
	slot_ms = 0;
	unusable = '\0';
	letters = 0;
	settled = 0;
	crowds = 0;
	now_ms = 1000000;
	assert_int_equal(wp_errands_new(&errands, &setup, &err), WP_OK);
	*state = errands;
	return 0;
}

static int end(void **state)
{
	struct wp_errands *errands = *state;

	wp_errands_free(&errands);
	return 0;
}

static void claim_at(struct wp_errands *errands, enum wp_push_what what,
		     uint64_t asked_ms)
{
	const struct wp_claim claim = {
		.text = "n.1",
		.redis_ms = REDIS_MS,
		.asked_ms = asked_ms,
		.ms = CLAIM_MS,
	};
	const char *urn = "urn:sm:user:bob";
	struct wp_push_box box = {
		.what = what,
		.want = { 9, 1 },
		.waiting = what == WP_PUSH_TELL ? 3 : 0,
	};

	assert_int_equal(wp_box_reread(&box.box, 5, urn, strlen(urn)), WP_OK);
	wp_errands_add(errands, &box, &claim);
}

static void claim(struct wp_errands *errands, enum wp_push_what what)
{
	claim_at(errands, what, now_ms);
}

/* Claimed to be told, and n devices found. */
static void claim_and_find(struct wp_errands *errands, size_t n)
{
	claim(errands, WP_PUSH_TELL);
	find(n);
}

/* It is answered, and over. */
static void expect_answered(struct wp_errands *errands, enum wp_push_next next)
{
	assert_int_equal(redis.answers, 1);
	assert_int_equal(redis.done.next, next);
	assert_int_equal(wp_errands_count(errands), 1);
	assert_false(wp_errands_are_settled(errands));
	redis_answers();
	assert_int_equal(wp_errands_count(errands), 0);
	assert_true(wp_errands_are_settled(errands));
	assert_true(settled > 0);
}

/* ---- told ---- */

static void it_is_answered_when_the_last_has_ended(void **state)
{
	claim_and_find(*state, 2);
	assert_int_equal(n_deliveries, 2);
	assert_int_equal(deliveries[0].order.good_until_ms, now_ms + GOOD_MS);
	assert_int_equal(deliveries[0].order.waiting, 3);
	end_delivery(1, &accepted);
	assert_int_equal(redis.answers, 0);
	now_ms += 1000;
	end_delivery(0, &accepted);
	expect_answered(*state, WP_PUSH_TOLD);
	assert_string_equal(field("d:a"), "9-1 501000 1 0 0");
	assert_string_equal(field("d:b"), "9-1 500000 1 0 0");
	assert_string_equal(field("shown"), "1");
	assert_int_equal(letters, 0);
}

static void who_failed_is_tried_again_and_others_are_told(void **state)
{
	claim_and_find(*state, 2);
	end_delivery(0, &accepted);
	end_delivery(1, &failed);
	assert_in_range(redis.done.next_ms, REDIS_MS + 7500, REDIS_MS + 12500);
	assert_string_equal(field("shown"), "1");
	assert_non_null(strstr(field("d:b"), "9-1 0 0 1 "));
	expect_answered(*state, WP_PUSH_LATER);
}

static void an_alert_that_may_be_seen_is_to_be_cleared(void **state)
{
	claim_and_find(*state, 1);
	end_delivery(0, &failed);
	assert_string_equal(field("shown"), "1");
	expect_answered(*state, WP_PUSH_LATER);
}

static void the_last_try_is_a_dead_letter_and_counts_as_told(void **state)
{
	(void)snprintf(memory.field, sizeof(memory.field), "d:a");
	memory.told = (struct wp_told){ .id = { 9, 1 }, .tries = 7 };
	claim_and_find(*state, 1);
	end_delivery(0, &failed);
	assert_string_equal(field("d:a"), "9-1 0 0 0 0");
	assert_int_equal(letters, 1);
	assert_string_equal(letter_reason, "gave_up");
	assert_int_equal(letter.tries, 8);
	assert_int_equal(letter.partition, 5);
	expect_answered(*state, WP_PUSH_TOLD);
}

static void what_is_refused_is_a_dead_letter_and_counts_as_told(void **state)
{
	claim_and_find(*state, 1);
	end_delivery(0, &refused);
	assert_string_equal(field("d:a"), "9-1 0 0 0 0");
	assert_null(field("shown"));
	assert_int_equal(letters, 1);
	assert_string_equal(letter_reason, "PayloadTooLarge");
	expect_answered(*state, WP_PUSH_TOLD);
}

static void of_who_is_gone_nothing_is_remembered(void **state)
{
	claim_and_find(*state, 1);
	end_delivery(0, &gone);
	assert_string_equal(field("d:a"), "");
	expect_answered(*state, WP_PUSH_TOLD);
}

static void who_is_put_off_loses_no_try(void **state)
{
	claim_and_find(*state, 1);
	end_delivery(0, &put_off);
	assert_null(field("d:a"));
	assert_null(field("shown"));
	assert_int_equal(redis.done.next_ms, REDIS_MS + 7000);
	expect_answered(*state, WP_PUSH_LATER);
}

/* One that has failed, and waits for an hour; one that knows nothing yet. */
static void claim_failed(struct wp_errands *errands, const char *apps)
{
	(void)snprintf(memory.field, sizeof(memory.field), "d:a");
	memory.told = (struct wp_told){
		.id = { 9, 1 },
		.tries = 1,
		.next_ms = REDIS_MS + 3600 * 1000,
	};
	resumed = apps;
	claim_and_find(errands, 2);
}

static void what_failed_is_tried_when_somebody_says_that_it_works(void **state)
{
	static const char *const others[] = {
		NULL, "", "\n", "\nother\n", "\ndemos\nde\n", "demo"
	};

	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
		claim_failed(*state, others[i]);
		assert_int_equal(n_deliveries, i + 1);
		end_delivery(i, &accepted);
		expect_answered(*state, WP_PUSH_LATER);
		/* It is said of none of his: that is over. */
		if (others[i] != NULL)
			assert_string_equal(field("resumed"), "");
		redis.answers = 0;
	}
	n_deliveries = 0;
	claim_failed(*state, "\nother\ndemo\n");
	assert_int_equal(n_deliveries, 2);
	end_delivery(0, &failed); /* the second time */
	end_delivery(1, &accepted);
	assert_string_equal(field("resumed"), "");
	assert_non_null(strstr(field("d:a"), "9-1 0 0 2 "));
	expect_answered(*state, WP_PUSH_LATER);
}

static void who_was_not_tried_yet_is_to_be_tried_yet(void **state)
{
	claim_failed(*state, "\ndemo\n");
	end_delivery(0, &put_off);
	end_delivery(1, &put_off); /* not of what failed: it is no matter */
	assert_null(field("resumed"));
	expect_answered(*state, WP_PUSH_LATER);

	redis.answers = 0;
	slot_ms = WP_PLAN_SLOT_MS + 1;
	claim_failed(*state, "\ndemo\n");
	assert_int_equal(n_deliveries, 2);
	assert_null(field("resumed"));
	expect_answered(*state, WP_PUSH_LATER);
}

static void who_waits_for_his_provider_holds_up_no_other(void **state)
{
	static const struct wp_delivery_end in_an_hour = {
		.what = WP_DELIVERY_PUT_OFF,
		.after_ms = 3600 * 1000,
	};

	claim_and_find(*state, 2);
	end_delivery(0, &accepted);
	end_delivery(1, &in_an_hour);
	assert_int_equal(redis.done.next_ms, REDIS_MS + WP_TELLING_WATCH_MS);
	expect_answered(*state, WP_PUSH_LATER);
	/* But no sooner than the ladder has it: the fourth, half an hour. */
	redis.answers = 0;
	(void)snprintf(memory.field, sizeof(memory.field), "d:a");
	memory.told = (struct wp_told){ .id = { 8, 1 }, .step = 3 };
	claim_and_find(*state, 2);
	end_delivery(2, &accepted);
	end_delivery(3, &in_an_hour);
	assert_int_equal(redis.done.next_ms, REDIS_MS + 30 * 60 * 1000);
	expect_answered(*state, WP_PUSH_LATER);
}

static void who_is_alone_is_looked_at_when_its_time_comes(void **state)
{
	static const struct wp_delivery_end in_an_hour = {
		.what = WP_DELIVERY_PUT_OFF,
		.after_ms = 3600 * 1000,
	};

	unusable = 'c';
	claim_and_find(*state, 3);
	end_delivery(0, &gone);
	end_delivery(1, &in_an_hour);
	assert_int_equal(redis.done.next_ms, REDIS_MS + 3600 * 1000);
	expect_answered(*state, WP_PUSH_LATER);
}

static void what_ends_at_once_is_answered_at_once(void **state)
{
	at_once = &put_off;
	claim_and_find(*state, 2);
	expect_answered(*state, WP_PUSH_LATER);
}

/* ---- what is asked for, and what is cleared ---- */

static void a_push_that_was_asked_for_waits_for_its_provider(void **state)
{
	once = "a:test";
	claim(*state, WP_PUSH_ONCE);
	find(2);
	assert_int_equal(n_deliveries, 1);
	end_delivery(0, &put_off);
	assert_string_equal(redis.once, "a:test");
	assert_true(redis.done.once_waits);
	expect_answered(*state, WP_PUSH_LATER);
}

static void a_push_that_was_asked_for_is_done_when_it_fails(void **state)
{
	once = "a:test";
	claim(*state, WP_PUSH_ONCE);
	find(1);
	end_delivery(0, &failed);
	assert_string_equal(redis.once, "a:test");
	assert_int_equal(redis.done.n, 0);
	assert_int_equal(letters, 0);
	expect_answered(*state, WP_PUSH_TOLD);
}

static void a_push_that_was_asked_for_waits_for_a_slot(void **state)
{
	once = "a:test";
	slot_ms = 1000;
	claim(*state, WP_PUSH_ONCE);
	find(1);
	assert_int_equal(n_deliveries, 0);
	assert_true(redis.done.once_waits);
	expect_answered(*state, WP_PUSH_LATER);
}

/* Of nothing that waits: there is nothing to remember, and nobody to blame. */
static void expect_no_trace(struct wp_errands *errands,
			    const struct wp_delivery_end *end)
{
	once = "a:test";
	claim(errands, WP_PUSH_ONCE);
	find(1);
	end_delivery(n_deliveries - 1, end);
	assert_int_equal(redis.done.n, 0);
	assert_false(redis.done.once_waits);
	assert_int_equal(letters, 0);
	redis_answers();
}

static void a_push_that_was_asked_for_leaves_nothing(void **state)
{
	expect_no_trace(*state, &accepted);
	expect_no_trace(*state, &refused);
}

static void since_when_a_letter_is_due_is_remembered(void **state)
{
	static struct wp_conf conf = {
		.push = { .email_after_seconds = 3600 },
	};

	wp_errands_use(*state, &conf);
	kind = WP_PUSH_EMAIL;
	claim_and_find(*state, 1);
	assert_int_equal(n_deliveries, 0);
	assert_int_equal(redis.done.next_ms, 9 + 3600 * 1000);
	assert_string_equal(field("d:a"), "0-0 0 0 0 3600009");
	expect_answered(*state, WP_PUSH_LATER);
}

/* A claim to tell of something, whose one device is not verified. */
static void claim_with_code(struct wp_errands *errands)
{
	once = "a:code";
	is_unverified = true;
	claim_and_find(errands, 1);
	is_unverified = false;
	assert_int_equal(n_deliveries, 1);
	assert_int_equal(deliveries[0].order.about.ms, REDIS_MS);
}

static void a_code_tells_of_nothing_that_waits(void **state)
{
	claim_with_code(*state);
	end_delivery(0, &accepted);
	assert_int_equal(redis.done.n, 0);
	assert_string_equal(redis.once, "a:code");
	assert_false(redis.done.once_waits);
	expect_answered(*state, WP_PUSH_DROP);
}

static void a_code_that_is_not_taken_is_sent_again(void **state)
{
	claim_with_code(*state);
	end_delivery(0, &failed);
	assert_int_equal(redis.done.n, 0);
	assert_true(redis.done.once_waits);
	assert_int_equal(letters, 0);
	assert_int_equal(redis.done.next_ms, REDIS_MS + 60 * 1000);
	expect_answered(*state, WP_PUSH_LATER);
}

static void a_code_that_is_refused_is_not(void **state)
{
	claim_with_code(*state);
	end_delivery(0, &refused);
	assert_int_equal(redis.done.n, 0);
	assert_false(redis.done.once_waits);
	assert_int_equal(letters, 0);
	expect_answered(*state, WP_PUSH_DROP);
}

static void a_clearing_that_is_put_off_still_shows(void **state)
{
	shown = "1";
	(void)snprintf(memory.field, sizeof(memory.field), "d:a");
	memory.told = (struct wp_told){ .id = { 8, 1 }, .at_ms = 3 };
	claim(*state, WP_PUSH_CLEAR);
	find(1);
	assert_int_equal(deliveries[0].order.action, WP_PLAN_CLEAR);
	end_delivery(0, &put_off);
	assert_null(field("shown"));
	assert_true(redis.done.clear_waits);
	expect_answered(*state, WP_PUSH_LATER);
}

static void a_clearing_has_one_try(void **state)
{
	shown = "1";
	(void)snprintf(memory.field, sizeof(memory.field), "d:a");
	memory.told = (struct wp_told){ .id = { 8, 1 }, .at_ms = 3 };
	claim(*state, WP_PUSH_CLEAR);
	find(1);
	end_delivery(0, &failed);
	assert_string_equal(field("shown"), "");
	assert_int_equal(letters, 0);
	expect_answered(*state, WP_PUSH_TOLD);
}

/* ---- time ---- */

static void a_late_one_asks_whether_there_is_something_still(void **state)
{
	claim(*state, WP_PUSH_TELL);
	now_ms += WP_LATE_MS + 1;
	find(1);
	assert_int_equal(n_deliveries, 0);
	assert_int_equal(redis.checks, 1);
	redis.checked.waiting = 5;
	redis_answers();
	assert_int_equal(n_deliveries, 1);
	assert_int_equal(deliveries[0].order.waiting, 5);
	end_delivery(0, &accepted);
	expect_answered(*state, WP_PUSH_TOLD);
}

static void what_was_acked_meanwhile_is_not_told(void **state)
{
	once = "b:test";
	claim(*state, WP_PUSH_TELL);
	now_ms += WP_LATE_MS + 1;
	find(1);
	redis.checked.waiting = 0;
	redis_answers();
	assert_int_equal(n_deliveries, 0);
	/* What was asked for besides is to be looked at. */
	assert_string_equal(redis.once, "");
	expect_answered(*state, WP_PUSH_TOLD);
}

static void a_claim_of_somebody_else_is_left_to_him(void **state)
{
	claim(*state, WP_PUSH_TELL);
	now_ms += WP_LATE_MS + 1;
	find(1);
	redis.checked.is_ours = false;
	redis_answers();
	assert_int_equal(n_deliveries, 0);
	assert_int_equal(redis.answers, 0);
	assert_int_equal(wp_errands_count(*state), 0);
}

static void nothing_begins_on_an_old_claim(void **state)
{
	claim(*state, WP_PUSH_TELL);
	now_ms += GOOD_MS + 1;
	find(1);
	assert_int_equal(n_deliveries, 0);
	assert_int_equal(redis.done.next_ms, REDIS_MS + GOOD_MS + 1);
	expect_answered(*state, WP_PUSH_LATER);
}

/* ---- what goes away ---- */

static void a_store_that_cannot_be_read_is_waited_for(void **state)
{
	once = "a:test";
	claim(*state, WP_PUSH_TELL);
	fail_to_find();
	assert_true(redis.done.next_ms > REDIS_MS);
	assert_string_equal(redis.once, "a:test");
	assert_true(redis.done.once_waits);
	expect_answered(*state, WP_PUSH_LATER);
}

static void a_lost_connection_leaves_what_is_under_way_to_end(void **state)
{
	claim_and_find(*state, 2);
	wp_errands_forget(*state);
	assert_true(*deliveries[0].order.is_called_off);
	/* Redis hears nothing of it; but somebody may still speak of it. */
	assert_true(wp_errands_are_settled(*state));
	assert_int_equal(wp_errands_count(*state), 1);
	end_delivery(0, &gone);
	assert_int_equal(wp_errands_count(*state), 1);
	end_delivery(1, &accepted);
	assert_int_equal(redis.answers, 0);
	assert_int_equal(wp_errands_count(*state), 0);
}

static void what_is_found_when_it_is_forgotten_is_not_told(void **state)
{
	claim(*state, WP_PUSH_TELL);
	wp_errands_forget(*state);
	assert_int_equal(wp_errands_count(*state), 1);
	find(1);
	assert_int_equal(n_deliveries, 0);
	assert_int_equal(wp_errands_count(*state), 0);
}

static void without_redis_an_answer_is_lost_and_the_claim_lapses(void **state)
{
	claim_and_find(*state, 1);
	redis.is_down = true;
	end_delivery(0, &accepted);
	assert_int_equal(wp_errands_count(*state), 0);
}

static void a_stop_waits_for_what_is_under_way(void **state)
{
	claim_and_find(*state, 1);
	wp_errands_stop(*state);
	assert_int_equal(redis.answers, 0);
	assert_false(wp_errands_are_settled(*state));
	assert_true(*deliveries[0].order.is_called_off);
	end_delivery(0, &accepted);
	expect_answered(*state, WP_PUSH_TOLD);
}

static void a_stop_gives_back_what_has_not_begun(void **state)
{
	claim(*state, WP_PUSH_TELL);
	wp_errands_stop(*state);
	assert_int_equal(redis.answers, 1);
	assert_int_equal(redis.done.next, WP_PUSH_LATER);
	assert_int_equal(redis.done.next_ms, REDIS_MS);
	redis_answers();
	assert_true(wp_errands_are_settled(*state));
	find(1);
	assert_int_equal(n_deliveries, 0);
	assert_int_equal(wp_errands_count(*state), 0);
}

static void what_is_claimed_behind_a_stop_is_given_back(void **state)
{
	wp_errands_stop(*state);
	claim(*state, WP_PUSH_TELL);
	assert_null(asked);
	assert_int_equal(redis.done.next_ms, REDIS_MS);
	expect_answered(*state, WP_PUSH_LATER);
}

static void an_end_with_requests_under_way_leaves_nothing(void **state)
{
	claim_and_find(*state, 2);
	/* end() frees it, and the sanitizer looks. */
	assert_int_equal(wp_errands_count(*state), 1);
}

/* ---- crowds ---- */

static void claim_one(struct wp_errands *errands, bool is_crowded)
{
	slot_ms = is_crowded ? 1000 : 0;
	at_once = &accepted;
	claim_and_find(errands, 1);
	redis_answers();
}

static void when_half_find_no_slot_there_is_a_crowd(void **state)
{
	for (int i = 0; i < 31; i++) {
		claim_one(*state, true);
		n_deliveries = 0;
		claim_one(*state, false);
		n_deliveries = 0;
	}
	assert_int_equal(crowds, 0);
	claim_one(*state, true);
	assert_int_equal(crowds, 1);
	/* It begins anew. */
	claim_one(*state, true);
	assert_int_equal(crowds, 1);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)
	const struct CMUnitTest tests[] = {
		TEST(it_is_answered_when_the_last_has_ended),
		TEST(who_failed_is_tried_again_and_others_are_told),
		TEST(an_alert_that_may_be_seen_is_to_be_cleared),
		TEST(the_last_try_is_a_dead_letter_and_counts_as_told),
		TEST(what_is_refused_is_a_dead_letter_and_counts_as_told),
		TEST(of_who_is_gone_nothing_is_remembered),
		TEST(who_is_put_off_loses_no_try),
		TEST(what_failed_is_tried_when_somebody_says_that_it_works),
		TEST(who_was_not_tried_yet_is_to_be_tried_yet),
		TEST(who_waits_for_his_provider_holds_up_no_other),
		TEST(who_is_alone_is_looked_at_when_its_time_comes),
		TEST(what_ends_at_once_is_answered_at_once),
		TEST(a_push_that_was_asked_for_waits_for_its_provider),
		TEST(a_push_that_was_asked_for_is_done_when_it_fails),
		TEST(a_push_that_was_asked_for_waits_for_a_slot),
		TEST(a_push_that_was_asked_for_leaves_nothing),
		TEST(since_when_a_letter_is_due_is_remembered),
		TEST(a_code_tells_of_nothing_that_waits),
		TEST(a_code_that_is_not_taken_is_sent_again),
		TEST(a_code_that_is_refused_is_not),
		TEST(a_clearing_that_is_put_off_still_shows),
		TEST(a_clearing_has_one_try),
		TEST(a_late_one_asks_whether_there_is_something_still),
		TEST(what_was_acked_meanwhile_is_not_told),
		TEST(a_claim_of_somebody_else_is_left_to_him),
		TEST(nothing_begins_on_an_old_claim),
		TEST(a_store_that_cannot_be_read_is_waited_for),
		TEST(a_lost_connection_leaves_what_is_under_way_to_end),
		TEST(what_is_found_when_it_is_forgotten_is_not_told),
		TEST(without_redis_an_answer_is_lost_and_the_claim_lapses),
		TEST(a_stop_waits_for_what_is_under_way),
		TEST(a_stop_gives_back_what_has_not_begun),
		TEST(what_is_claimed_behind_a_stop_is_given_back),
		TEST(an_end_with_requests_under_way_leaves_nothing),
		TEST(when_half_find_no_slot_there_is_a_crowd),
	};
#undef TEST

	return cmocka_run_group_tests_name("errand", tests, NULL, NULL);
}
