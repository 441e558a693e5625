/* Each rule of the plan, on both sides of where it begins and ends, and what
 * holds for any plan. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "notifier/plan/plan.h"
#include "notifier/plan/quiet.h"

enum { S = 1000, MIN = 60 * S, HOUR = 60 * MIN, DAY = 24 * HOUR };

/* Monday, 2026-11-30T22:00:00Z */
static const int64_t NOW = INT64_C(1796076000000);
static const struct wp_plan_rules rules = { .mail_after_ms = HOUR };

/* What a test changes is all that is special about it. */
struct scene {
	struct wp_plan_claim claim;
	struct wp_prefs prefs;
	struct wp_plan_device device;
};

static struct scene usual(void)
{
	struct scene s = {
		.claim = { .what = WP_PLAN_TELL,
			   .want = { (uint64_t)NOW - 1000, 0 },
			   .now_ms = NOW,
			   .seed = 1 },
		.device = { .kind = WP_PUSH_APNS,
			    .is_usable = true,
			    .has_badge = true },
	};

	wp_prefs_init(&s.prefs);
	return s;
}

static struct wp_plan_step plan(const struct scene *s)
{
	struct wp_plan_step step, again;
	int64_t next =
		wp_plan(&s->claim, &s->prefs, &rules, &s->device, 1, &step);

	assert_int_equal(next, step.next_ms);
	(void)wp_plan(&s->claim, &s->prefs, &rules, &s->device, 1, &again);
	assert_int_equal(again.action, step.action);
	assert_int_equal(again.is_settled, step.is_settled);
	assert_int_equal(again.next_ms, step.next_ms);
	/* What is done now is not done later as well. */
	assert_true(step.next_ms == 0 || step.action == WP_PLAN_NOTHING);
	return step;
}

static void expect(const struct scene *s, enum wp_plan_action action)
{
	struct wp_plan_step step = plan(s);

	assert_int_equal(step.action, action);
	assert_int_equal(step.next_ms, 0);
	assert_false(step.is_settled);
}

static void expect_at(const struct scene *s, int64_t next_ms)
{
	struct wp_plan_step step = plan(s);

	assert_int_equal(step.action, WP_PLAN_NOTHING);
	assert_int_equal(step.next_ms, next_ms);
}

static void expect_within(const struct scene *s, int64_t first, int64_t last)
{
	struct wp_plan_step step = plan(s);

	assert_int_equal(step.action, WP_PLAN_NOTHING);
	assert_true(step.next_ms >= first && step.next_ms <= last);
}

static void who_can_be_told_is_alerted(void **state)
{
	(void)state;
	for (int kind = 0; kind < WP_PUSH_KINDS; kind++) {
		struct scene s = usual();

		if (kind == WP_PUSH_EMAIL)
			continue; /* it comes later */
		s.device.kind = (enum wp_push_kind)kind;
		expect(&s, WP_PLAN_ALERT);
		s.device.is_usable = false;
		expect(&s, WP_PLAN_NOTHING);
	}
}

static void what_waits_no_more_is_cleared_where_it_showed(void **state)
{
	struct scene s = usual();

	(void)state;
	s.claim.what = WP_PLAN_WIPE;
	expect(&s, WP_PLAN_NOTHING); /* it was never told */
	s.device.told.tries = 1;     /* but somebody tried */
	expect(&s, WP_PLAN_CLEAR);
	s.device.told.tries = 0;
	s.device.told.at_ms = NOW - 1;
	s.device.told.step = 5; /* the ladder is for what is seen */
	expect(&s, WP_PLAN_CLEAR);
	s.prefs.mute = true;
	expect(&s, WP_PLAN_CLEAR);
	s.device.is_in_use = true;
	expect(&s, WP_PLAN_NOTHING);
	s.device.is_in_use = false;
	s.device.has_badge = false;
	expect(&s, WP_PLAN_NOTHING);
	s.device.kind = WP_PUSH_FCM;
	expect(&s, WP_PLAN_CLEAR);
	s.device.has_badge = true;
	for (int kind = WP_PUSH_WEB; kind < WP_PUSH_KINDS; kind++) {
		s.device.kind = (enum wp_push_kind)kind;
		expect(&s, WP_PLAN_NOTHING);
	}
}

static void what_is_in_use_knows(void **state)
{
	struct scene s = usual();

	(void)state;
	s.device.is_in_use = true;
	assert_true(plan(&s).is_settled);
	assert_int_equal(plan(&s).action, WP_PLAN_NOTHING);
	assert_int_equal(plan(&s).next_ms, 0);
	/* Another device of its user's is told. */
	s.device.is_in_use = false;
	s.claim.is_online = true;
	expect(&s, WP_PLAN_ALERT);
}

static void nobody_is_told_twice(void **state)
{
	struct scene s = usual();

	(void)state;
	s.device.told.id = s.claim.want;
	expect(&s, WP_PLAN_NOTHING);
	s.device.told.id.seq++;
	expect(&s, WP_PLAN_NOTHING);
	s.device.told.id = s.claim.want;
	s.claim.want.seq++;
	expect(&s, WP_PLAN_ALERT);
}

static void what_failed_is_tried_again_in_its_time(void **state)
{
	struct scene s = usual();

	(void)state;
	s.device.told.id = s.claim.want;
	s.device.told.tries = 1;
	s.device.told.next_ms = NOW + 1;
	expect_at(&s, NOW + 1);
	s.device.told.next_ms = NOW;
	expect(&s, WP_PLAN_ALERT);
	/* What came since then does not hurry it. */
	s.claim.want.seq++;
	s.device.told.next_ms = NOW + 10 * MIN;
	expect_at(&s, NOW + 10 * MIN);
}

static void what_failed_is_tried_at_once_if_it_works_now(void **state)
{
	struct scene s = usual();

	(void)state;
	s.device.is_resumed = true;
	s.device.told.tries = 1;
	s.device.told.next_ms = NOW + HOUR;
	expect(&s, WP_PLAN_ALERT);
	/* It brings nothing else forward: not the ladder, */
	s.device.told.at_ms = NOW;
	s.device.told.step = 3;
	expect_at(&s, NOW + 10 * MIN);
	/* nor a provider that has enough to do, */
	s = usual();
	s.device.is_resumed = true;
	s.device.told.tries = 1;
	s.device.slot_ms = WP_PLAN_SLOT_MS + 1;
	expect_within(&s, NOW + 1 * S, NOW + 5 * S);
	/* nor a letter that is not due. */
	s.device.slot_ms = 0;
	s.device.kind = WP_PUSH_EMAIL;
	s.device.told.tries = 0;
	expect_at(&s, NOW - 1000 + HOUR);
}

static void who_wants_none_gets_none(void **state)
{
	struct scene s = usual();

	(void)state;
	/* Muted is for later: what waits then is told. */
	s.prefs.mute_until_ms = NOW + 1;
	expect_at(&s, NOW + 1);
	s.prefs.mute = true;
	expect_at(&s, NOW + WP_PLAN_AHEAD_MS);
	s.device.told.id = s.claim.want; /* it knows */
	expect(&s, WP_PLAN_NOTHING);
	assert_int_equal(plan(&s).next_ms, 0);
	s = usual();
	s.prefs.mute_until_ms = NOW;
	expect(&s, WP_PLAN_ALERT);

	/* Each band has its own, and that is for good. */
	s.prefs.standard = WP_PREFS_NONE;
	expect(&s, WP_PLAN_NOTHING);
	assert_int_equal(plan(&s).next_ms, 0);
	s.claim.is_high = true;
	expect(&s, WP_PLAN_ALERT);
	s.prefs.high = WP_PREFS_NONE;
	expect(&s, WP_PLAN_NOTHING);
	s.prefs.standard = WP_PREFS_ALL;
	expect(&s, WP_PLAN_NOTHING);
	s.claim.is_high = false;
	expect(&s, WP_PLAN_ALERT);
}

static void a_badge_is_for_who_shows_one(void **state)
{
	struct scene s = usual();

	(void)state;
	s.prefs.standard = WP_PREFS_BADGE;
	expect(&s, WP_PLAN_BADGE);
	s.device.kind = WP_PUSH_FCM;
	expect(&s, WP_PLAN_BADGE);
	s.device.has_badge = false;
	expect(&s, WP_PLAN_NOTHING);
	s.device.has_badge = true;
	s.prefs.badge = false;
	expect(&s, WP_PLAN_NOTHING);
	s.prefs.badge = true;
	for (int kind = WP_PUSH_WEB; kind < WP_PUSH_KINDS; kind++) {
		s.device.kind = (enum wp_push_kind)kind;
		expect(&s, WP_PLAN_NOTHING);
	}
	/* It is a push: the ladder counts it. */
	s.device.kind = WP_PUSH_APNS;
	s.device.told.at_ms = NOW - 1;
	s.device.told.step = 1;
	expect_at(&s, NOW - 1 + 30 * S);
}

static void quiet_hours_put_it_off_and_take_its_sound(void **state)
{
	struct scene s = usual();

	(void)state;
	s.prefs.n_hours = 1;
	s.prefs.hours[0] = (struct wp_prefs_hours){ 1, 22 * 60, 7 * 60 };
	expect_at(&s, NOW + 9 * HOUR);
	s.claim.now_ms = NOW - 1;
	s.claim.want.ms = (uint64_t)NOW - 2;
	expect(&s, WP_PLAN_ALERT);

	/* When they are over: of a message that came in them. */
	s.claim.now_ms = NOW + 9 * HOUR - 1;
	s.claim.want.ms = (uint64_t)NOW;
	expect_at(&s, NOW + 9 * HOUR);
	s.claim.now_ms = NOW + 9 * HOUR;
	expect(&s, WP_PLAN_QUIET);
	s.claim.want.ms = (uint64_t)NOW - 1;
	expect(&s, WP_PLAN_ALERT);

	/* The high band breaks them, unless its user does not want that. */
	s.claim.now_ms = NOW;
	s.claim.want.ms = (uint64_t)NOW;
	s.claim.is_high = true;
	expect(&s, WP_PLAN_ALERT);
	s.prefs.high_breaks_quiet = false;
	expect_at(&s, NOW + 9 * HOUR);
	/* No number makes a sound. */
	s.prefs.high = WP_PREFS_BADGE;
	expect(&s, WP_PLAN_BADGE);
}

static void a_mail_comes_after_an_hour_and_once_a_day(void **state)
{
	struct scene s = usual();

	(void)state;
	s.device.kind = WP_PUSH_EMAIL;
	s.claim.want.ms = (uint64_t)NOW - HOUR + 1;
	expect_at(&s, NOW + 1);
	s.claim.want.ms--;
	expect(&s, WP_PLAN_ALERT);
	s.device.told.at_ms = NOW - DAY + 1;
	s.device.told.step = 1;
	expect_at(&s, NOW + 1);
	s.device.told.at_ms--;
	expect(&s, WP_PLAN_ALERT);
	/* Who has been there since then may have another. */
	s.device.told.at_ms = NOW - 2 * HOUR;
	s.claim.touched_ms = NOW - 2 * HOUR;
	expect(&s, WP_PLAN_ALERT);
}

/* As it is noted between two looks. */
static void hold(struct scene *s)
{
	struct wp_plan_step step = plan(s);

	if (step.held_ms != 0)
		wp_told_held(&s->device.told, step.held_ms);
}

static void
who_always_gets_another_message_gets_a_letter_all_the_same(void **state)
{
	struct scene s = usual();

	(void)state;
	s.device.kind = WP_PUSH_EMAIL;
	s.claim.want.ms = (uint64_t)NOW - 10 * MIN;
	hold(&s);
	/* There is nothing more to note, and nothing that is newer moves it. */
	assert_int_equal(plan(&s).held_ms, 0);
	s.claim.want.ms = (uint64_t)NOW - 1;
	expect_at(&s, NOW + 50 * MIN);
	assert_int_equal(plan(&s).held_ms, 0);
	s.claim.now_ms = NOW + 50 * MIN;
	s.claim.want.ms = (uint64_t)s.claim.now_ms - 1;
	expect(&s, WP_PLAN_ALERT);
}

static void what_was_due_when_he_was_there_is_due_no_more(void **state)
{
	struct scene s = usual();

	(void)state;
	s.device.kind = WP_PUSH_EMAIL;
	s.claim.want.ms = (uint64_t)NOW - 50 * MIN;
	hold(&s);
	/* He acked it, and something came. */
	s.claim.touched_ms = NOW - 50 * MIN;
	s.claim.want.ms = (uint64_t)NOW - MIN;
	expect_at(&s, NOW + 59 * MIN);
	hold(&s);
	expect_at(&s, NOW + 59 * MIN);
	s.claim.touched_ms = 0;
	expect_at(&s, NOW + 59 * MIN);
	s.claim.seen_ms = NOW - MIN;
	s.claim.want.ms = (uint64_t)NOW;
	expect_at(&s, NOW + HOUR);
	s.claim.seen_ms = 0;
	s.claim.is_online = true;
	expect_at(&s, NOW + HOUR);
}

static void a_letter_that_is_not_taken_is_tried_again(void **state)
{
	struct scene s = usual();

	(void)state;
	s.device.kind = WP_PUSH_EMAIL;
	s.claim.want.ms = (uint64_t)NOW - HOUR;
	s.device.told.id = s.claim.want;
	s.device.told.tries = 1;
	s.device.told.next_ms = NOW + 1;
	expect_at(&s, NOW + 1);
	s.device.told.next_ms = NOW;
	expect(&s, WP_PLAN_ALERT);
	/* What is newer waits like a first one. */
	s.claim.want.ms = (uint64_t)NOW - MIN;
	expect_at(&s, NOW + 59 * MIN);
	hold(&s);
	assert_int_equal(s.device.told.tries, 0);
	expect_at(&s, NOW + 59 * MIN);
	/* And is once a day all the same. */
	s.device.told.at_ms = NOW - HOUR;
	expect_at(&s, NOW + 23 * HOUR);
	assert_int_equal(plan(&s).held_ms, 0);
}

static void the_ladder_holds_until_there_is_life(void **state)
{
	static const struct {
		uint32_t step;
		int64_t standard, high;
	} cases[] = {
		{ 1, 30 * S, 10 * S },     { 2, 2 * MIN, 10 * S },
		{ 3, 10 * MIN, 10 * S },   { 4, 30 * MIN, 30 * MIN },
		{ 5, 60 * MIN, 60 * MIN }, { 100, 60 * MIN, 60 * MIN },
	};

	(void)state;
	for (size_t i = 0; i < 2 * sizeof(cases) / sizeof(cases[0]); i++) {
		bool is_high = i % 2 == 1;
		int64_t gap =
			is_high ? cases[i / 2].high : cases[i / 2].standard;
		struct scene s = usual();

		s.claim.is_high = is_high;
		s.device.told.step = cases[i / 2].step;
		s.device.told.at_ms = NOW - gap + 1;
		expect_at(&s, NOW + 1);
		s.device.told.at_ms--;
		expect(&s, WP_PLAN_ALERT);

		s.device.told.at_ms = NOW - 1;
		s.claim.seen_ms = NOW - 2;
		s.claim.touched_ms = NOW - 2;
		expect_at(&s, NOW - 1 + gap);
		s.claim.seen_ms = NOW - 1;
		expect(&s, WP_PLAN_ALERT);
		s.claim.seen_ms = 0;
		s.claim.touched_ms = NOW - 1;
		expect(&s, WP_PLAN_ALERT);
		s.claim.touched_ms = 0;
		s.claim.is_online = true;
		expect(&s, WP_PLAN_ALERT);
	}
}

/* A service of the operator's own has no connection, number or sound, and its
 * user's wishes hold for it as for a device. */
static void a_service_is_told_as_a_device_is(void **state)
{
	(void)state;
	for (int kind = WP_PUSH_BUS; kind <= WP_PUSH_EVENT; kind++) {
		struct scene s = usual();

		s.device.kind = (enum wp_push_kind)kind;
		s.device.has_badge = false;
		s.claim.is_online = true; /* and fetches nothing */
		expect(&s, WP_PLAN_ALERT);
		s.device.told.id = s.claim.want;
		expect(&s, WP_PLAN_NOTHING);
		s.device.told.id.ms--;
		s.claim.is_online = false;
		s.device.told.at_ms = NOW - 30 * S + 1;
		s.device.told.step = 1;
		expect_at(&s, NOW + 1);
		s.device.told.at_ms--;
		expect(&s, WP_PLAN_ALERT);
		s.prefs.mute_until_ms = NOW + 5;
		expect_at(&s, NOW + 5);
		s.prefs.mute_until_ms = 0;
		s.prefs.standard = WP_PREFS_NONE;
		expect(&s, WP_PLAN_NOTHING);
		s.prefs.standard = WP_PREFS_ALL;
		s.prefs.n_hours = 1;
		s.prefs.hours[0] =
			(struct wp_prefs_hours){ 1, 22 * 60, 22 * 60 + 1 };
		expect_at(&s, NOW + MIN);
		/* What is asked for is asked for of a device. */
		s.claim.what = WP_PLAN_ONCE;
		expect(&s, WP_PLAN_NOTHING);
	}
}

static void a_provider_that_is_left_alone_is_left_alone(void **state)
{
	struct scene s = usual();

	(void)state;
	s.device.reopen_ms = NOW;
	expect(&s, WP_PLAN_ALERT);
	s.device.reopen_ms = NOW + 1;
	expect_within(&s, NOW + 1, NOW + 1 + MIN);
	/* Not of its own accord, not for a badge, and not for a test. */
	s.device.is_asked = true;
	expect_within(&s, NOW + 1, NOW + 1 + MIN);
	s.device.is_asked = false;
	s.prefs.standard = WP_PREFS_BADGE;
	expect_within(&s, NOW + 1, NOW + 1 + MIN);
	s.claim.what = WP_PLAN_WIPE;
	s.device.told.at_ms = 1;
	expect_within(&s, NOW + 1, NOW + 1 + MIN);
}

static void a_slot_that_is_far_is_not_waited_for(void **state)
{
	struct scene s = usual();

	(void)state;
	s.device.slot_ms = WP_PLAN_SLOT_MS;
	expect(&s, WP_PLAN_ALERT);
	s.device.slot_ms++;
	expect_within(&s, NOW + S, NOW + 5 * S);
}

static void what_is_asked_for_comes_whatever_the_rules(void **state)
{
	struct scene s = usual();

	(void)state;
	s.device.is_asked = true;
	s.device.is_in_use = true;
	s.device.told.id = s.claim.want;
	s.device.told.at_ms = NOW;
	s.device.told.step = 5;
	s.device.told.next_ms = NOW + HOUR;
	s.prefs.mute = true;
	s.prefs.standard = WP_PREFS_NONE;
	s.prefs.n_hours = 1;
	s.prefs.hours[0] = (struct wp_prefs_hours){ 0x7f, 0, 24 * 60 };
	expect(&s, WP_PLAN_ALERT);
	s.claim.what = WP_PLAN_ONCE;
	expect(&s, WP_PLAN_ALERT);
	s.claim.what = WP_PLAN_WIPE;
	expect(&s, WP_PLAN_ALERT);
	s.device.is_usable = false;
	expect(&s, WP_PLAN_NOTHING);

	/* It is for that device alone. */
	s = usual();
	s.claim.what = WP_PLAN_ONCE;
	expect(&s, WP_PLAN_NOTHING);
}

static void the_next_look_is_for_who_comes_first(void **state)
{
	struct scene s = usual();
	struct wp_plan_device devices[4];
	struct wp_plan_step steps[4];

	(void)state;
	for (size_t i = 0; i < 4; i++)
		devices[i] = s.device;
	devices[1].told = (struct wp_told){ .at_ms = NOW, .step = 2 };
	devices[2].told = (struct wp_told){ .at_ms = NOW, .step = 1 };
	devices[3].told = (struct wp_told){ .at_ms = NOW, .step = 3 };
	assert_int_equal(wp_plan(&s.claim, &s.prefs, &rules, devices, 4, steps),
			 NOW + 30 * S);
	assert_int_equal(steps[0].action, WP_PLAN_ALERT);
	assert_int_equal(steps[3].next_ms, NOW + 10 * MIN);
	assert_int_equal(wp_plan(&s.claim, &s.prefs, &rules, devices, 0, steps),
			 0);
}

static uint64_t dice_state;
static uint32_t dice(uint32_t bound)
{
	dice_state = dice_state * UINT64_C(6364136223846793005) +
		     UINT64_C(1442695040888963407);
	return (uint32_t)(dice_state >> 33) % bound;
}

/* Ages that matter, and some that never should be. */
static int64_t some_time(void)
{
	static const int64_t ages[] = { 0,
					1,
					S,
					30 * S,
					MIN,
					HOUR,
					DAY,
					40 * (int64_t)DAY,
					-S,
					-HOUR,
					-40 * (int64_t)DAY };

	if (dice(3) == 0)
		return 0;
	return NOW - ages[dice(sizeof(ages) / sizeof(ages[0]))] +
	       (int64_t)dice(3) - 1;
}

static struct scene any_scene(void)
{
	static const char *const zones[] = { "UTC", "Europe/Berlin",
					     "America/New_York" };
	struct scene s = usual();
	const char *zone = zones[dice(3)];

	s.claim.what = (enum wp_plan_what)dice(3);
	s.claim.want.ms = (uint64_t)some_time();
	s.claim.is_high = dice(2) == 0;
	s.claim.is_online = dice(2) == 0;
	s.claim.seen_ms = some_time();
	s.claim.touched_ms = some_time();
	s.claim.seed = dice(UINT32_MAX);
	s.prefs.mute = dice(8) == 0;
	s.prefs.mute_until_ms = some_time();
	s.prefs.standard = (enum wp_prefs_band)dice(3);
	s.prefs.high = (enum wp_prefs_band)dice(3);
	s.prefs.high_breaks_quiet = dice(2) == 0;
	s.prefs.n_hours = dice(3);
	for (size_t i = 0; i < s.prefs.n_hours; i++)
		s.prefs.hours[i] = (struct wp_prefs_hours){
			.days = (uint8_t)(1 + dice(0x7f)),
			.from_min = (uint16_t)dice(24 * 60),
			.to_min = (uint16_t)dice(24 * 60 + 1),
		};
	memcpy(s.prefs.zone, zone, strlen(zone) + 1);
	s.device.kind = (enum wp_push_kind)dice(WP_PUSH_KINDS);
	s.device.is_usable = dice(8) != 0;
	s.device.is_in_use = dice(4) == 0;
	s.device.has_badge = dice(2) == 0;
	s.device.is_asked = dice(8) == 0;
	s.device.is_resumed = dice(4) == 0;
	s.device.reopen_ms = dice(2) == 0 ? some_time() : 0;
	s.device.slot_ms = dice(1000);
	s.device.told = (struct wp_told){
		.id = { (uint64_t)some_time(), dice(2) },
		.at_ms = some_time(),
		.step = dice(8),
		.tries = dice(3),
		.next_ms = some_time(),
	};
	return s;
}

static void whatever_there_is_the_next_look_is_ahead_and_not_far(void **state)
{
	(void)state;
	for (uint64_t seed = 1; seed <= 20000; seed++) {
		struct wp_plan_step step;
		struct scene s;

		dice_state = seed;
		s = any_scene();
		step = plan(&s);
		if (step.next_ms != 0 &&
		    (step.next_ms <= NOW ||
		     step.next_ms > NOW + WP_PLAN_AHEAD_MS))
			fail_msg("seed %d: %lld", (int)seed,
				 (long long)(step.next_ms - NOW));
		assert_true(step.action == WP_PLAN_NOTHING ||
			    s.device.is_usable);
	}
}

/* Tried again each time that the plan says so, a device that is told without
 * end gets no more than the ladder has. */
static void an_endless_stream_makes_a_push_an_hour(void **state)
{
	static const int64_t until_ms[] = {
		0, 30 * S, 150 * S, 750 * S, 2550 * S, 2550 * S + HOUR
	};
	struct scene s = usual();
	size_t n = 0;

	(void)state;
	for (int64_t at = 0; at <= 2550 * S + HOUR; at += 500) {
		s.claim.now_ms = NOW + at;
		s.claim.want.ms = (uint64_t)(NOW + at);
		if (plan(&s).action != WP_PLAN_ALERT)
			continue;
		assert_true(n < sizeof(until_ms) / sizeof(until_ms[0]));
		assert_int_equal(at, until_ms[n++]);
		wp_told_accepted(&s.device.told, &s.claim.want,
				 wp_plan_is_alive(&s.claim, &s.device.told),
				 s.claim.now_ms);
	}
	assert_int_equal(n, sizeof(until_ms) / sizeof(until_ms[0]));
}

static void chances_spread(void **state)
{
	uint32_t n[10] = { 0 };

	(void)state;
	for (uint32_t seed = 0; seed < 10000; seed++)
		n[wp_plan_chance(seed, seed % 7, 10)]++;
	for (size_t i = 0; i < 10; i++)
		assert_in_range(n[i], 850, 1150);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(who_can_be_told_is_alerted),
		cmocka_unit_test(what_waits_no_more_is_cleared_where_it_showed),
		cmocka_unit_test(what_is_in_use_knows),
		cmocka_unit_test(nobody_is_told_twice),
		cmocka_unit_test(what_failed_is_tried_again_in_its_time),
		cmocka_unit_test(what_failed_is_tried_at_once_if_it_works_now),
		cmocka_unit_test(who_wants_none_gets_none),
		cmocka_unit_test(a_badge_is_for_who_shows_one),
		cmocka_unit_test(quiet_hours_put_it_off_and_take_its_sound),
		cmocka_unit_test(a_mail_comes_after_an_hour_and_once_a_day),
		cmocka_unit_test(
			who_always_gets_another_message_gets_a_letter_all_the_same),
		cmocka_unit_test(what_was_due_when_he_was_there_is_due_no_more),
		cmocka_unit_test(a_letter_that_is_not_taken_is_tried_again),
		cmocka_unit_test(the_ladder_holds_until_there_is_life),
		cmocka_unit_test(a_service_is_told_as_a_device_is),
		cmocka_unit_test(a_provider_that_is_left_alone_is_left_alone),
		cmocka_unit_test(a_slot_that_is_far_is_not_waited_for),
		cmocka_unit_test(what_is_asked_for_comes_whatever_the_rules),
		cmocka_unit_test(the_next_look_is_for_who_comes_first),
		cmocka_unit_test(
			whatever_there_is_the_next_look_is_ahead_and_not_far),
		cmocka_unit_test(an_endless_stream_makes_a_push_an_hour),
		cmocka_unit_test(chances_spread),
	};

	wp_quiet_init();
	return cmocka_run_group_tests_name("notifier/plan/plan", tests, NULL,
					   NULL);
}
