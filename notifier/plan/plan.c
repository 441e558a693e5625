/* plan.c - the rules, in their order. */
#include "notifier/plan/plan.h"

#include "notifier/plan/ladder.h"
#include "notifier/plan/quiet.h"

enum {
	REOPEN_SPREAD_MS = 60 * 1000,
	SLOT_LEAST_MS = 1000,
	SLOT_SPREAD_MS = 4000,
};

/* All that decides about one device. */
struct scene {
	const struct wp_plan_claim *claim;
	const struct wp_prefs *prefs;
	const struct wp_plan_rules *rules;
	const struct wp_plan_device *device;
	uint32_t place;
};

static struct wp_plan_step nothing(void)
{
	return (struct wp_plan_step){ .action = WP_PLAN_NOTHING };
}

static struct wp_plan_step settled(void)
{
	return (struct wp_plan_step){ .action = WP_PLAN_NOTHING,
				      .is_settled = true };
}

static struct wp_plan_step later(int64_t next_ms)
{
	return (struct wp_plan_step){ .action = WP_PLAN_NOTHING,
				      .next_ms = next_ms };
}

uint32_t wp_plan_chance(uint32_t seed, uint32_t place, uint32_t bound)
{
	/* The finalizer of MurmurHash3: each bit of both counts. */
	uint32_t x = seed + place * UINT32_C(0x9e3779b9);

	x = (x ^ x >> 16) * UINT32_C(0x85ebca6b);
	x = (x ^ x >> 13) * UINT32_C(0xc2b2ae35);
	return (x ^ x >> 16) % bound;
}

/* Has its user shown life since then? */
static bool was_alive_since(const struct wp_plan_claim *claim, int64_t at_ms)
{
	return claim->is_online ||
	       (claim->seen_ms != 0 && claim->seen_ms >= at_ms) ||
	       (claim->touched_ms != 0 && claim->touched_ms >= at_ms);
}

bool wp_plan_is_alive(const struct wp_plan_claim *claim,
		      const struct wp_told *told)
{
	return was_alive_since(claim, told->at_ms);
}

/* Rules 9 and 10: what is to be sent, if its provider lets it. */
static struct wp_plan_step send_it(const struct scene *s,
				   enum wp_plan_action action)
{
	const struct wp_plan_claim *claim = s->claim;

	if (s->device->reopen_ms > claim->now_ms)
		return later(s->device->reopen_ms +
			     wp_plan_chance(claim->seed, s->place,
					    REOPEN_SPREAD_MS));
	if (s->device->slot_ms > WP_PLAN_SLOT_MS)
		return later(
			claim->now_ms + SLOT_LEAST_MS +
			wp_plan_chance(claim->seed, s->place, SLOT_SPREAD_MS));
	return (struct wp_plan_step){ .action = action };
}

/* Rule 2. Browsers show something for every push, so they are sent none. A try
 * that failed may have been shown. */
static struct wp_plan_step clear(const struct scene *s)
{
	const struct wp_plan_device *device = s->device;
	bool can = device->kind == WP_PUSH_FCM ||
		   (device->kind == WP_PUSH_APNS && device->has_badge);

	if (!can || device->is_in_use ||
	    (device->told.at_ms == 0 && device->told.tries == 0))
		return nothing();
	return send_it(s, WP_PLAN_CLEAR);
}

/* Until when its user is muted, which may be for good; 0: he is not. */
static int64_t muted_until(const struct scene *s)
{
	if (s->prefs->mute)
		return INT64_MAX;
	return s->prefs->mute_until_ms > s->claim->now_ms
		       ? s->prefs->mute_until_ms
		       : 0;
}

static enum wp_prefs_band band_of(const struct scene *s)
{
	return s->claim->is_high ? s->prefs->high : s->prefs->standard;
}

static bool can_badge(const struct scene *s)
{
	return (s->device->kind == WP_PUSH_APNS ||
		s->device->kind == WP_PUSH_FCM) &&
	       s->device->has_badge && s->prefs->badge;
}

/* Rule 8; only where something is to be sent. 0: it may be now. */
static int64_t not_before(const struct scene *s)
{
	const struct wp_told *told = &s->device->told;
	uint32_t step = wp_plan_is_alive(s->claim, told) ? 0 : told->step;
	int64_t next = told->at_ms + wp_ladder_gap_ms(step, s->claim->is_high);

	if (told->at_ms == 0)
		next = 0;
	/* What is newer than a try that failed has no better luck so soon. */
	if (told->next_ms > next && !(told->tries > 0 && s->device->is_resumed))
		next = told->next_ms;
	return next > s->claim->now_ms ? next : 0;
}

/*
 * When a letter is due, by the first message of those that wait for one: by the
 * last it would never be, where there is always another.
 */
static int64_t letter_due(const struct scene *s)
{
	const struct wp_told *told = &s->device->told;
	int64_t want_ms = (int64_t)s->claim->want.ms;
	int64_t first_ms = told->next_ms - s->rules->mail_after_ms;

	if (told->next_ms == 0 || told->tries > 0 || first_ms > want_ms ||
	    was_alive_since(s->claim, first_ms))
		first_ms = want_ms;
	return first_ms + s->rules->mail_after_ms;
}

/* Rule 7; false: it may be sent now. */
static bool waits_for_letter(const struct scene *s, struct wp_plan_step *step)
{
	const struct wp_told *told = &s->device->told;
	int64_t due_ms = letter_due(s), next_ms = due_ms;

	/* It was due, and a server did not take it. */
	if (told->tries > 0 && wp_entry_id_cmp(&told->id, &s->claim->want) >= 0)
		return false;
	if (told->at_ms != 0 && !wp_plan_is_alive(s->claim, told) &&
	    told->at_ms + WP_PLAN_MAIL_MS > next_ms)
		next_ms = told->at_ms + WP_PLAN_MAIL_MS;
	if (next_ms <= s->claim->now_ms)
		return false;
	*step = later(next_ms);
	if (told->tries > 0 || told->next_ms != due_ms)
		step->held_ms = due_ms;
	return true;
}

/* Rules 6 to 11, for what is to be seen. */
static struct wp_plan_step alert(const struct scene *s)
{
	enum wp_plan_action action = WP_PLAN_ALERT;
	struct wp_plan_step step;
	int64_t next;

	if (!s->claim->is_high || !s->prefs->high_breaks_quiet) {
		next = wp_quiet_until(s->prefs, s->claim->now_ms);
		if (next != 0)
			return later(next);
		/* It came in quiet hours, and did not matter so much. */
		if (wp_quiet_until(s->prefs, (int64_t)s->claim->want.ms) != 0)
			action = WP_PLAN_QUIET;
	}
	if (s->device->kind == WP_PUSH_EMAIL && waits_for_letter(s, &step))
		return step;
	next = not_before(s);
	return next != 0 ? later(next) : send_it(s, action);
}

static struct wp_plan_step decide(const struct scene *s)
{
	const struct wp_told *told = &s->device->told;
	int64_t next;

	if (!s->device->is_usable)
		return nothing();
	if (s->device->is_asked)
		return send_it(s, WP_PLAN_ALERT);
	if (s->claim->what == WP_PLAN_ONCE)
		return nothing();
	if (s->claim->what == WP_PLAN_WIPE)
		return clear(s);
	if (s->device->is_in_use)
		return settled();
	if (told->tries == 0 &&
	    wp_entry_id_cmp(&told->id, &s->claim->want) >= 0)
		return nothing();
	next = muted_until(s);
	if (next != 0)
		return later(next);
	if (band_of(s) == WP_PREFS_NONE)
		return nothing();
	if (band_of(s) == WP_PREFS_ALL)
		return alert(s);
	if (!can_badge(s))
		return nothing();
	next = not_before(s);
	return next != 0 ? later(next) : send_it(s, WP_PLAN_BADGE);
}

int64_t wp_plan(const struct wp_plan_claim *claim, const struct wp_prefs *prefs,
		const struct wp_plan_rules *rules,
		const struct wp_plan_device *devices, size_t n,
		struct wp_plan_step *steps)
{
	int64_t last = claim->now_ms + WP_PLAN_AHEAD_MS;
	int64_t first = 0;

	for (size_t i = 0; i < n; i++) {
		const struct scene scene = {
			.claim = claim,
			.prefs = prefs,
			.rules = rules,
			.device = &devices[i],
			.place = (uint32_t)i,
		};

		steps[i] = decide(&scene);
		if (steps[i].next_ms > last)
			steps[i].next_ms = last;
		if (steps[i].next_ms != 0 &&
		    (first == 0 || steps[i].next_ms < first))
			first = steps[i].next_ms;
	}
	return first;
}
