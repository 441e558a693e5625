/*
 * telling.c - one record for each device: what was decided, and what it knows
 * when that has been carried out.
 */
#include "notifier/telling.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/random.h"
#include "notifier/metrics.h"
#include "notifier/plan/ladder.h"

struct wp_telling_one {
	struct wp_telling *all;
	const struct wp_target *target;
	struct wp_plan_device device;
	struct wp_plan_step step;
	struct wp_told told;
	bool is_noted;   /* told is to be written down */
	bool is_gone;    /* its field goes */
	bool is_waiting; /* it is to be told yet, when its time comes */
};

enum {
	MS_PER_S = 1000,
	US_PER_MS = 1000,
	SLOT_LOOK_MS = 5000,
	/* Who waits for a code gets it as long as it is good. */
	CODE_AGAIN_MS = 60 * 1000,
	OTHER_NOTES = 2, /* beside those of devices */
};

/* ---- what is known of a device ---- */

/* The field in which a device is remembered. */
static void field_of(const struct wp_target *target,
		     char out[WP_MEMORY_NAME_MAX])
{
	(void)snprintf(out, WP_MEMORY_NAME_MAX, "d:%s", target->name);
}

/* Only for its code it was found. */
static bool is_for_code(const struct wp_telling_one *one)
{
	return one->target->state == WP_PUSH_UNVERIFIED;
}

static void describe(struct wp_telling_one *one)
{
	struct wp_telling *telling = one->all;
	const struct wp_target *target = one->target;
	struct wp_plan_device *device = &one->device;
	const struct wp_memory *memory;
	char field[WP_MEMORY_NAME_MAX], test[WP_PUSH_ONCE_MAX + 1];

	field_of(target, field);
	wp_push_once_test(test, target->name);
	memory = wp_claimed_memory(telling->of, field);
	device->kind = target->kind;
	device->is_in_use = wp_claimed_has(telling->of, target->device);
	device->is_asked =
		is_for_code(one) || strcmp(telling->of->once, test) == 0;
	device->has_badge = (target->flags & WP_PUSH_BADGE) != 0;
	if (memory != NULL)
		device->told = memory->told;
	device->is_resumed =
		device->told.tries > 0 &&
		wp_claimed_is_resumed(
			telling->of,
			wp_push_way_name(target->kind, target->app));
	wp_deliveries_look(telling->setup->deliveries, target,
			   telling->claim.now_ms, device);
}

/* ---- deciding ---- */

static struct wp_plan_claim claim_of(const struct wp_claimed *of)
{
	static const enum wp_plan_what whats[] = {
		[WP_PUSH_TELL] = WP_PLAN_TELL,
		[WP_PUSH_CLEAR] = WP_PLAN_WIPE,
		[WP_PUSH_ONCE] = WP_PLAN_ONCE,
	};

	return (struct wp_plan_claim){
		.what = whats[of->what],
		.want = of->want,
		.is_high = of->is_high,
		.is_online = of->is_online,
		.seen_ms = of->seen_ms,
		.touched_ms = of->touched_ms,
		.now_ms = wp_claimed_now_ms(of),
		.seed = (uint32_t)of->claim.redis_ms,
	};
}

static bool decide(struct wp_telling *telling)
{
	const struct wp_lookup *lookup = telling->lookup;
	struct wp_plan_device *devices = calloc(lookup->n, sizeof(*devices));
	struct wp_plan_step *steps = calloc(lookup->n, sizeof(*steps));
	bool is_done = devices != NULL && steps != NULL;

	if (is_done) {
		for (size_t i = 0; i < lookup->n; i++) {
			describe(&telling->each[i]);
			devices[i] = telling->each[i].device;
		}
		telling->next_ms = wp_plan(&telling->claim, &lookup->prefs,
					   &telling->setup->rules, devices,
					   lookup->n, steps);
		for (size_t i = 0; i < lookup->n; i++)
			telling->each[i].step = steps[i];
	}
	free(devices);
	free(steps);
	return is_done;
}

/* ---- what comes of it ---- */

static bool is_alert(enum wp_plan_action action)
{
	return action == WP_PLAN_ALERT || action == WP_PLAN_QUIET ||
	       action == WP_PLAN_BADGE;
}

/* Is it told because its user asked for it, and of nothing that waits? Then it
 * shows nothing that is to be cleared, and it is no step of the ladder. */
static bool is_of_nothing(const struct wp_telling_one *one)
{
	return one->device.is_asked &&
	       (one->all->of->what != WP_PUSH_TELL || is_for_code(one));
}

static void look_again(struct wp_telling_one *one, int64_t at_ms)
{
	struct wp_telling *telling = one->all;
	int64_t last = telling->claim.now_ms + WP_PLAN_AHEAD_MS;

	if (at_ms > last)
		at_ms = last;
	one->is_waiting = true;
	if (telling->next_ms == 0 || at_ms < telling->next_ms)
		telling->next_ms = at_ms;
}

static void give_up(const struct wp_telling_one *one, const char *reason,
		    uint32_t tries)
{
	const struct wp_telling *telling = one->all;
	const struct wp_push_letter letter = {
		.device = one->target->name,
		.partition = telling->of->box.partition,
		.kind = one->target->kind,
		.app = one->target->app,
		.reason = reason,
		.tries = tries,
		.at_ms = wp_claimed_now_ms(telling->of),
	};

	wp_dead_letters_add(telling->setup->dead_letters, &letter);
}

static void take_acceptance(struct wp_telling_one *one)
{
	const struct wp_telling *telling = one->all;
	int64_t now_ms = wp_claimed_now_ms(telling->of);
	int64_t delay_ms = now_ms - (int64_t)telling->of->want.ms;

	wp_metric_observe_us(telling->setup->metrics, WP_NM_DELAY,
			     delay_ms > 0 ? (uint64_t)delay_ms * US_PER_MS : 0);
	wp_told_accepted(&one->told, &telling->of->want,
			 wp_plan_is_alive(&telling->claim, &one->told), now_ms);
	one->is_noted = true;
}

static void take_failure(struct wp_telling_one *one,
			 const struct wp_delivery_end *end)
{
	const struct wp_telling *telling = one->all;
	uint32_t tries = one->told.tries + 1;
	bool has_another = wp_told_failed(
		&one->told, &telling->of->want,
		(end->after_ms + MS_PER_S - 1) / MS_PER_S,
		wp_claimed_now_ms(telling->of), wp_random_below(UINT32_MAX));

	one->is_noted = true;
	if (has_another)
		look_again(one, one->told.next_ms);
	else
		give_up(one, "gave_up", tries);
}

/* It will not be taken, so it counts as told. */
static void take_refusal(struct wp_telling_one *one,
			 const struct wp_delivery_end *end)
{
	give_up(one, end->reason[0] != '\0' ? end->reason : "refused",
		one->told.tries + 1);
	wp_told_settled(&one->told, &one->all->of->want);
	one->is_noted = true;
}

/* One try was it: there is nothing to remember. */
static bool is_single(const struct wp_telling_one *one)
{
	return one->step.action == WP_PLAN_CLEAR || is_of_nothing(one);
}

static void put_off(struct wp_telling_one *one, int64_t ms)
{
	struct wp_telling *telling = one->all;

	telling->once_waits |= one->device.is_asked;
	look_again(one, wp_claimed_now_ms(telling->of) + ms);
}

static void take_up(struct wp_telling_one *one,
		    const struct wp_delivery_end *end)
{
	struct wp_telling *telling = one->all;

	telling->is_shown |= end->may_show && is_alert(one->step.action) &&
			     !is_of_nothing(one);
	telling->is_crowded |= end->is_crowded;
	switch (end->what) {
	case WP_DELIVERY_ACCEPTED:
		if (!is_single(one))
			take_acceptance(one);
		break;
	case WP_DELIVERY_REFUSED:
		if (!is_single(one))
			take_refusal(one, end);
		break;
	case WP_DELIVERY_GONE:
		one->is_gone = true;
		break;
	case WP_DELIVERY_FAILED:
		if (is_for_code(one))
			put_off(one, end->after_ms > CODE_AGAIN_MS
					     ? end->after_ms
					     : CODE_AGAIN_MS);
		else if (!is_single(one))
			take_failure(one, end);
		break;
	case WP_DELIVERY_PUT_OFF:
		put_off(one, end->after_ms);
		break;
	}
}

static void on_delivered(void *ctx, const struct wp_delivery_end *end)
{
	struct wp_telling_one *one = ctx;
	struct wp_telling *telling = one->all;

	take_up(one, end);
	if (--telling->under_way == 0)
		telling->on_end(telling->ctx);
}

/* ---- carrying out ---- */

static void count(const struct wp_telling_one *one)
{
	static const enum wp_notifier_metric counts[] = {
		[WP_PLAN_NOTHING] = WP_NM_NOTHING,
		[WP_PLAN_ALERT] = WP_NM_ALERTS,
		[WP_PLAN_QUIET] = WP_NM_QUIET,
		[WP_PLAN_BADGE] = WP_NM_BADGES,
		[WP_PLAN_CLEAR] = WP_NM_CLEARS,
	};
	wp_metric_add(one->all->setup->metrics, counts[one->step.action], 1);
}

/* What a push is about, and since when that waits. What its user asked for is
 * about nothing that waits: it is of now, and none that was before. */
static struct wp_entry_id subject(const struct wp_telling_one *one)
{
	const struct wp_claimed *of = one->all->of;

	if (!one->device.is_asked)
		return of->want;
	return (struct wp_entry_id){ .ms = (uint64_t)of->claim.redis_ms };
}

/* Nothing is sent: it knows already, or later. */
static void pass_over(struct wp_telling_one *one)
{
	struct wp_telling *telling = one->all;
	const struct wp_plan_step *step = &one->step;

	if (step->is_settled) {
		wp_told_settled(&one->told, &telling->of->want);
		one->is_noted = true;
	}
	if (step->held_ms != 0) {
		wp_told_held(&one->told, step->held_ms);
		one->is_noted = true;
	}
	one->is_waiting = step->next_ms != 0;
	telling->once_waits |= one->device.is_asked && one->is_waiting;
	telling->is_crowded |=
		one->device.slot_ms > WP_PLAN_SLOT_MS && step->next_ms != 0 &&
		step->next_ms <= telling->claim.now_ms + SLOT_LOOK_MS;
}

static void carry_out(struct wp_telling_one *one, uint64_t good_until_ms)
{
	struct wp_telling *telling = one->all;
	const struct wp_claimed *of = telling->of;
	struct wp_order order = {
		.target = one->target,
		.action = one->step.action,
		.about = subject(one),
		.waiting = of->waiting,
		.is_high = of->is_high,
		.good_until_ms = good_until_ms,
		.is_called_off = &telling->is_called_off,
	};
	struct wp_delivery_end end;

	one->told = one->device.told;
	order.delay_ms = wp_claimed_now_ms(of) - (int64_t)order.about.ms;
	if (order.delay_ms < 0 || order.action == WP_PLAN_CLEAR)
		order.delay_ms = 0;
	count(one);
	if (order.action == WP_PLAN_NOTHING)
		pass_over(one);
	else if (wp_deliver(telling->setup->deliveries, &order, on_delivered,
			    one, &end))
		telling->under_way++;
	else
		take_up(one, &end);
}

bool wp_telling_begin(struct wp_telling *telling,
		      const struct wp_telling_setup *setup,
		      const struct wp_telling_what *what,
		      void (*on_end)(void *ctx), void *ctx)
{
	size_t n = what->lookup->n;

	*telling = (struct wp_telling){
		.setup = setup,
		.of = what->of,
		.lookup = what->lookup,
		.claim = claim_of(what->of),
		.each = calloc(n, sizeof(*telling->each)),
		.is_shown = what->of->is_shown,
		.on_end = on_end,
		.ctx = ctx,
	};
	if (telling->each == NULL)
		return false;
	for (size_t i = 0; i < n; i++) {
		telling->each[i].all = telling;
		telling->each[i].target = &what->lookup->targets[i];
	}
	if (!decide(telling))
		return false;
	for (size_t i = 0; i < n; i++)
		carry_out(&telling->each[i], what->good_until_ms);
	return true;
}

bool wp_telling_is_busy(const struct wp_telling *telling)
{
	return telling->under_way > 0;
}

void wp_telling_call_off(struct wp_telling *telling)
{
	telling->is_called_off = true;
}

bool wp_telling_was_crowded(const struct wp_telling *telling)
{
	return telling->is_crowded;
}

/* ---- what is remembered ---- */

/* Is it the field of a device that is there? */
static bool is_of_target(const struct wp_telling *telling, const char *field)
{
	char name[WP_MEMORY_NAME_MAX];

	for (size_t i = 0; i < telling->lookup->n; i++) {
		field_of(telling->each[i].target, name);
		if (strcmp(name, field) == 0)
			return true;
	}
	return false;
}

/* Is a device yet to be tried because an operator has said that it works? */
static bool is_one_to_try(const struct wp_telling *telling)
{
	for (size_t i = 0; i < telling->lookup->n; i++) {
		const struct wp_telling_one *one = &telling->each[i];

		if (one->device.is_resumed && one->is_waiting && !one->is_noted)
			return true;
	}
	return false;
}

static void note_all(const struct wp_telling *telling, struct wp_notes *notes)
{
	const struct wp_claimed *of = telling->of;
	/* Who waits to be cleared still shows it. */
	bool is_shown = telling->is_shown &&
			(of->what != WP_PUSH_CLEAR || telling->next_ms > 0);

	for (size_t i = 0; i < telling->lookup->n; i++) {
		const struct wp_telling_one *one = &telling->each[i];
		char field[WP_MEMORY_NAME_MAX];

		field_of(one->target, field);
		if (one->is_gone)
			wp_notes_told(notes, field, NULL);
		else if (one->is_noted)
			wp_notes_told(notes, field, &one->told);
	}
	for (size_t i = 0; i < of->n_memories; i++)
		if (!is_of_target(telling, of->memories[i].field))
			wp_notes_told(notes, of->memories[i].field, NULL);
	if (is_shown != of->is_shown)
		wp_notes_add(notes, "shown", is_shown ? "1" : "");
	if (of->resumed != NULL && !is_one_to_try(telling))
		wp_notes_add(notes, "resumed", "");
}

/*
 * When to look again. A message that comes meanwhile does not bring an entry
 * forward, so who waits for its provider, perhaps for an hour, must not hold up
 * what comes for others: one looks for them as often as the ladder allows.
 */
static int64_t next_look(const struct wp_telling *telling)
{
	int64_t now_ms = wp_claimed_now_ms(telling->of);
	int64_t next_ms = telling->next_ms;

	for (size_t i = 0; next_ms > 0 && i < telling->lookup->n; i++) {
		const struct wp_telling_one *one = &telling->each[i];
		int64_t at_ms = one->told.at_ms +
				wp_ladder_gap_ms(one->told.step, false);

		if (one->is_gone || one->is_waiting || !one->device.is_usable)
			continue;
		if (at_ms < now_ms + WP_TELLING_WATCH_MS)
			at_ms = now_ms + WP_TELLING_WATCH_MS;
		if (at_ms < next_ms)
			next_ms = at_ms;
	}
	return next_ms;
}

/* Has nobody of them been verified? Then there is nobody to be told, as where
 * there is no device: when one is, what waits is looked at. */
static bool are_for_codes(const struct wp_telling *telling)
{
	size_t i = 0;

	while (i < telling->lookup->n && is_for_code(&telling->each[i]))
		i++;
	return i == telling->lookup->n;
}

bool wp_telling_answer(const struct wp_telling *telling,
		       struct wp_push_done *done, struct wp_notes *notes)
{
	const struct wp_claimed *of = telling->of;

	if (!wp_notes_init(notes,
			   telling->lookup->n + of->n_memories + OTHER_NOTES))
		return false;
	note_all(telling, notes);
	*done = (struct wp_push_done){
		.next = WP_PUSH_TOLD,
		.once = of->once,
		.fields = notes->fields,
		.n = notes->n,
	};
	if (telling->next_ms > 0) {
		done->next = WP_PUSH_LATER;
		done->next_ms = next_look(telling);
		done->once_waits = telling->once_waits;
		done->clear_waits = of->what == WP_PUSH_CLEAR;
	} else if (are_for_codes(telling)) {
		done->next = WP_PUSH_DROP;
		done->n = 0;
	}
	return true;
}

void wp_telling_release(struct wp_telling *telling)
{
	free(telling->each);
	*telling = (struct wp_telling){ .under_way = 0 };
}
