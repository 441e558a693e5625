/* What one provider does costs no other anything; and there are only so many
 * hosts. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "notifier/lane/guard.h"
#include "notifier/lane/lanes.h"
#include "notifier/lane/rate.h"

enum { MS = 1000, SECOND = 1000 * MS, SEED = 1, DAY_S = 20000 };

static const uint64_t NOW = UINT64_C(5000000000);

static const struct wp_judgement accepted = { .verdict = WP_VERDICT_ACCEPTED };
static const struct wp_judgement suspect = { .verdict = WP_VERDICT_SUSPECT };
static const struct wp_judgement again = { .verdict = WP_VERDICT_AGAIN };

static int begin(void **state)
{
	struct wp_push_rates rates;

	assert_true(wp_push_rates_read(&rates, NULL, 0));
	*state = wp_lanes_new(&rates);
	return *state != NULL ? 0 : -1;
}

static int end(void **state)
{
	struct wp_lanes *lanes = *state;

	wp_lanes_free(&lanes);
	return 0;
}

static struct wp_lane *host(struct wp_lanes *lanes, const char *name,
			    uint64_t now_us)
{
	return wp_lanes_get(lanes, WP_PUSH_WEB, name, true, now_us);
}

static struct wp_lane *app(struct wp_lanes *lanes, const char *name)
{
	return wp_lanes_get(lanes, WP_PUSH_FCM, name, false, NOW);
}

static struct wp_lane *numbered(struct wp_lanes *lanes, int i, uint64_t now_us)
{
	char name[24];

	(void)snprintf(name, sizeof(name), "host-%d.example", i);
	return host(lanes, name, now_us);
}

static uint64_t user; /* each has one device */

/* One request with that outcome. */
static struct wp_lane_news ask(struct wp_lane *lane,
			       const struct wp_judgement *judgement,
			       uint64_t now_us, int64_t now_s)
{
	uint32_t ticket;

	(void)wp_lane_take(lane, now_us);
	assert_true(wp_lane_place(lane));
	assert_true(wp_lane_begin(lane, now_us, &ticket));
	return wp_lane_end(lane, ticket, judgement, ++user, now_us, now_s,
			   SEED);
}

static void each_app_and_each_host_has_its_own(void **state)
{
	struct wp_lane *lane = app(*state, "demo");

	assert_ptr_equal(lane, app(*state, "demo"));
	assert_ptr_not_equal(lane, app(*state, "other"));
	assert_ptr_not_equal(
		lane, wp_lanes_get(*state, WP_PUSH_APNS, "demo", false, NOW));
	assert_ptr_not_equal(lane, host(*state, "demo", NOW));
	/* Web Push and UnifiedPush ask one host together. */
	assert_ptr_equal(
		host(*state, "a.example", NOW),
		wp_lanes_get(*state, WP_PUSH_UNIFIED, "a.example", true, NOW));
	assert_ptr_not_equal(
		host(*state, "a.example", NOW),
		wp_lanes_get(*state, WP_PUSH_WEBHOOK, "a.example", true, NOW));
}

static void one_that_asks_for_time_costs_no_other_any(void **state)
{
	static const struct wp_judgement later = {
		.verdict = WP_VERDICT_LATER,
		.after_s = 7,
	};
	struct wp_lane *lane = host(*state, "a.example", NOW);
	struct wp_lane_news news = ask(lane, &later, NOW, DAY_S);
	uint32_t ticket;

	assert_true(news.has_opened);
	assert_int_equal(wp_lane_shut_ms(lane, NOW), 7000);
	assert_int_equal(wp_lanes_shut_hosts(*state), 1);
	assert_int_equal(wp_lane_shut_ms(host(*state, "b.example", NOW), NOW),
			 0);
	/* Whose slot has come meanwhile does not begin. */
	(void)wp_lane_take(lane, NOW);
	assert_false(wp_lane_begin(lane, NOW + SECOND, &ticket));
	wp_lane_give(lane, false);
	news = ask(lane, &accepted, NOW + 7 * SECOND, DAY_S);
	assert_true(news.has_closed);
	assert_int_equal(wp_lanes_shut_hosts(*state), 0);
}

static void one_that_works_again_is_asked_slowly_at_first(void **state)
{
	static const struct wp_judgement later = {
		.verdict = WP_VERDICT_LATER,
		.after_s = 7,
	};
	struct wp_lane *lane = host(*state, "a.example", NOW);
	uint64_t at = NOW + 100 * (uint64_t)SECOND;

	(void)ask(lane, &later, at, DAY_S);
	assert_int_equal(wp_lane_slot_ms(lane, at), 10);
	at += 7 * (uint64_t)SECOND;
	assert_true(ask(lane, &accepted, at, DAY_S).has_closed);
	assert_int_equal(wp_lane_slot_ms(lane, at), 100);
}

static void the_idle_host_that_was_used_longest_ago_goes(void **state)
{
	const uint64_t at = NOW + 50 * (uint64_t)MS + 3;
	struct wp_lane *busy = numbered(*state, 0, NOW);
	struct wp_lane *first;

	(void)wp_lane_take(busy, NOW);
	for (int i = 1; i < WP_LANE_HOSTS_MAX; i++)
		(void)ask(numbered(*state, i, NOW), &accepted,
			  NOW + (uint64_t)i, DAY_S);
	/* That it was used makes it younger. */
	first = numbered(*state, 1, NOW);
	(void)ask(first, &accepted, NOW + SECOND, DAY_S);
	assert_non_null(numbered(*state, WP_LANE_HOSTS_MAX, NOW + SECOND));
	assert_ptr_equal(first, numbered(*state, 1, NOW));
	assert_ptr_equal(busy, numbered(*state, 0, NOW));
	/* The second one is gone: a new one's first slot is now. */
	assert_int_equal(wp_lane_slot_ms(numbered(*state, 3, NOW), at), 50);
	assert_int_equal(wp_lane_slot_ms(numbered(*state, 2, NOW), at), 0);
	wp_lane_give(busy, false);
}

/* Which nobody uses for that long, so it would be the first to go. */
static void a_host_that_asked_for_time_is_not_forgotten(void **state)
{
	static const struct wp_judgement later = {
		.verdict = WP_VERDICT_LATER,
		.after_s = 3600,
	};
	const uint64_t at = NOW + SECOND;

	(void)ask(numbered(*state, 0, NOW), &later, NOW, DAY_S);
	for (int i = 1; i <= 2 * WP_LANE_HOSTS_MAX; i++)
		(void)ask(numbered(*state, i, at), &accepted, at, DAY_S);
	assert_int_equal(wp_lane_shut_ms(numbered(*state, 0, at), at),
			 3599 * 1000);
}

/* Whoever has many of them takes the place of others for good else. */
static void hosts_that_ask_for_time_are_not_all_that_is_known(void **state)
{
	static const struct wp_judgement later = {
		.verdict = WP_VERDICT_LATER,
		.after_s = 3600,
	};
	const uint64_t at = NOW + 3 * (uint64_t)SECOND;

	for (int i = 0; i < 2 * WP_LANE_HOSTS_MAX; i++)
		(void)ask(numbered(*state, i, NOW), &later, NOW, DAY_S);
	for (int i = 0; i < WP_LANE_HOSTS_MAX / 2; i++)
		(void)ask(numbered(*state, -1 - i, at), &accepted, at, DAY_S);
	/* Each of these is there: its next slot is not now. */
	for (int i = 0; i < WP_LANE_HOSTS_MAX / 2; i++)
		assert_true(wp_lane_slot_ms(numbered(*state, -1 - i, at), at) >
			    0);
	assert_int_equal(wp_lanes_shut_hosts(*state), WP_LANE_HOSTS_MAX / 2);
}

/* Strangers say which these are, and their servers may never answer. */
static void hosts_of_strangers_leave_room_for_browsers(void **state)
{
	static const enum wp_push_kind kinds[] = { WP_PUSH_WEBHOOK,
						   WP_PUSH_UNIFIED };
	struct wp_lane *taken[WP_LANE_HOSTS_UNDER_WAY];
	struct wp_lane *browsers = host(*state, "push.example", NOW);
	size_t n = 0;

	for (size_t kind = 0; kind < 2; kind++)
		for (int i = 0; i < WP_LANE_HOSTS_UNDER_WAY / 2; i++) {
			char name[40];
			struct wp_lane *lane;

			(void)snprintf(name, sizeof(name), "%zu.%d", kind, i);
			lane = wp_lanes_get(*state, kinds[kind], name, true,
					    NOW);
			(void)wp_lane_take(lane, NOW);
			if (!wp_lane_place(lane)) {
				wp_lane_give(lane, false);
				/* It does not wait either. */
				assert_int_equal(wp_lane_slot_ms(lane, NOW),
						 WP_LANE_FULL_MS);
				break;
			}
			taken[n++] = lane;
		}
	assert_int_equal(n, 2 * WP_LANE_STRANGERS_UNDER_WAY);
	assert_int_equal(wp_lane_slot_ms(browsers, NOW), 0);
	(void)wp_lane_take(browsers, NOW);
	assert_true(wp_lane_place(browsers));
	wp_lane_give(browsers, true);
	/* A host of both is one of browsers: else strangers would choose. */
	assert_true(wp_lane_slot_ms(wp_lanes_get(*state, WP_PUSH_UNIFIED,
						 "push.example", true, NOW),
				    NOW) < WP_LANE_FULL_MS);
	while (n > 0)
		wp_lane_give(taken[--n], true);
}

static void a_host_becomes_one_of_browsers_with_the_first_of_them(void **state)
{
	struct wp_lane *lanes[WP_LANE_STRANGERS_UNDER_WAY];
	struct wp_lane *more;

	for (int i = 0; i < WP_LANE_STRANGERS_UNDER_WAY; i++) {
		char name[40];

		(void)snprintf(name, sizeof(name), "host-%d.example", i);
		lanes[i] =
			wp_lanes_get(*state, WP_PUSH_UNIFIED, name, true, NOW);
		(void)wp_lane_take(lanes[i], NOW);
		assert_true(wp_lane_place(lanes[i]));
	}
	more = wp_lanes_get(*state, WP_PUSH_UNIFIED, "more.example", true, NOW);
	assert_int_equal(wp_lane_slot_ms(more, NOW), WP_LANE_FULL_MS);
	/* What is under way there is not a stranger's any more. */
	assert_ptr_equal(numbered(*state, 0, NOW), lanes[0]);
	assert_int_equal(wp_lane_slot_ms(more, NOW), 0);
	for (int i = 0; i < WP_LANE_STRANGERS_UNDER_WAY; i++)
		wp_lane_give(lanes[i], true);
}

static void when_all_hosts_are_in_use_there_is_none_for_another(void **state)
{
	struct wp_lane *lanes[WP_LANE_HOSTS_MAX];
	struct wp_lane *one = app(*state, "demo");

	for (int i = 0; i < WP_LANE_HOSTS_MAX; i++) {
		lanes[i] = numbered(*state, i, NOW);
		(void)wp_lane_take(lanes[i], NOW);
	}
	assert_null(numbered(*state, WP_LANE_HOSTS_MAX, NOW));
	/* Nor a place for more requests; but for an app there is. */
	for (int i = 0; i < WP_LANE_HOSTS_UNDER_WAY; i++)
		assert_true(wp_lane_place(lanes[i]));
	assert_false(wp_lane_place(lanes[0]));
	(void)wp_lane_take(one, NOW);
	assert_true(wp_lane_place(one));
	wp_lane_give(one, true);
	wp_lane_give(lanes[1], true);
	assert_true(wp_lane_place(lanes[0]));
	assert_non_null(numbered(*state, WP_LANE_HOSTS_MAX, NOW));
	for (int i = 0; i < WP_LANE_HOSTS_MAX; i++)
		if (i != 1)
			wp_lane_give(lanes[i], i < WP_LANE_HOSTS_UNDER_WAY);
}

/* Until the guard of an app is on. */
static struct wp_lane_news fool(struct wp_lane *lane)
{
	struct wp_lane_news news = { .guard_is_on = false };

	for (int i = 0; i < WP_GUARD_LEAST; i++) {
		assert_false(news.guard_changed);
		news = ask(lane, &suspect, NOW, DAY_S);
	}
	return news;
}

static void so_many_suspects_mean_our_settings(void **state)
{
	struct wp_lane *lane = app(*state, "demo");
	struct wp_lane_news news = fool(lane);

	assert_true(news.guard_is_on);
	assert_true(news.guard_changed);
	assert_true(news.has_opened);
	assert_int_equal(wp_lane_state(lane), WP_BREAKER_CONFIG);
	assert_int_equal(wp_lanes_state(*state, WP_PUSH_FCM),
			 WP_BREAKER_CONFIG);
	assert_int_equal(wp_lanes_state(*state, WP_PUSH_APNS),
			 WP_BREAKER_CLOSED);
	assert_true(wp_lanes_are_guarded(*state, WP_PUSH_FCM));
	assert_false(wp_lanes_are_guarded(*state, WP_PUSH_APNS));
	/* Another app of the kind is what it was. */
	assert_int_equal(wp_lane_shut_ms(app(*state, "other"), NOW), 0);
	assert_false(wp_lane_may_drop(lane, DAY_S, DAY_S + 2 * WP_GUARD_AGE_S));
}

static void one_that_is_guarded_is_asked_once_a_second(void **state)
{
	struct wp_lane *lane = app(*state, "demo");
	uint64_t later = NOW + 300 * (uint64_t)SECOND;

	(void)fool(lane);
	(void)ask(lane, &accepted, later, DAY_S + 300);
	assert_true(wp_lanes_are_guarded(*state, WP_PUSH_FCM));
	later += 100 * (uint64_t)SECOND;
	(void)wp_lane_take(lane, later);
	assert_int_equal(wp_lane_slot_ms(lane, later), 1000);
	wp_lane_give(lane, false);
}

static void see(void *ctx, const struct wp_lane_view *view)
{
	struct wp_lane_view *out = ctx;

	/* What is behind it is copied with it. */
	if (view->kind == WP_PUSH_FCM && strcmp(view->name, "demo") == 0)
		*out = *view;
}

static void a_person_says_that_all_is_well(void **state)
{
	struct wp_lane *lane = app(*state, "demo");
	struct wp_lane_view view = { .name = NULL };
	uint32_t ticket;

	(void)app(*state, "other");
	(void)host(*state, "demo", NOW);
	(void)fool(lane);
	wp_lanes_each(*state, NOW, see, &view);
	assert_int_equal(view.state, WP_BREAKER_CONFIG);
	assert_int_equal(view.shut_ms, wp_lane_shut_ms(lane, NOW));
	assert_true(view.is_guarded);

	(void)wp_lane_take(lane, NOW + 100 * (uint64_t)SECOND);
	assert_true(wp_lane_place(lane));
	assert_true(wp_lane_begin(lane, NOW + 100 * (uint64_t)SECOND, &ticket));
	assert_int_equal(wp_lanes_resume(*state, "demos", NOW), 0);
	assert_int_equal(
		wp_lanes_resume(*state, "demo", NOW + 100 * (uint64_t)SECOND),
		1);
	wp_lanes_each(*state, NOW, see, &view);
	assert_int_equal(view.state, WP_BREAKER_CLOSED);
	assert_int_equal(view.shut_ms, 0);
	assert_false(view.is_guarded);
	/* What was begun before is old news. */
	(void)wp_lane_end(lane, ticket, &suspect, ++user,
			  NOW + 101 * (uint64_t)SECOND, DAY_S, SEED);
	assert_int_equal(wp_lane_state(lane), WP_BREAKER_CLOSED);
	assert_int_equal(wp_lane_slot_ms(lane, NOW + 101 * (uint64_t)SECOND),
			 0);
}

static void see_letters(void *ctx, const struct wp_lane_view *view)
{
	*(bool *)ctx |=
		view->kind == WP_PUSH_EMAIL && strcmp(view->name, "email") == 0;
}

static void the_only_way_of_a_kind_is_called_as_the_kind(void **state)
{
	struct wp_lane *lane =
		wp_lanes_get(*state, WP_PUSH_EMAIL, "", false, NOW);
	bool is_seen = false;

	(void)fool(lane);
	wp_lanes_each(*state, NOW, see_letters, &is_seen);
	assert_true(is_seen);
	assert_int_equal(wp_lanes_resume(*state, "", NOW), 0);
	assert_int_equal(wp_lanes_resume(*state, "email", NOW), 1);
	assert_int_equal(wp_lane_state(lane), WP_BREAKER_CLOSED);
}

static void what_was_not_asked_is_no_outcome(void **state)
{
	struct wp_lane *lane = app(*state, "demo");

	/* Beside these, 20 suspects would be less than a third. */
	for (int i = 0; i < 3 * WP_GUARD_LEAST; i++)
		(void)ask(lane, &again, NOW, DAY_S);
	assert_true(fool(lane).guard_is_on);
}

static void other_rates_hold_for_those_that_are_there(void **state)
{
	struct wp_push_rates rates;
	struct wp_lane *lane = host(*state, "a.example", NOW);
	uint64_t ramped = NOW + 100 * (uint64_t)SECOND;

	assert_true(wp_push_rates_read(&rates, NULL, 0));
	rates.of[WP_PUSH_LANE_WEB] = (struct wp_push_rate){ 4, 2 };
	wp_lanes_use(*state, &rates);
	assert_int_equal(wp_lane_take(lane, ramped), 0);
	assert_int_equal(wp_lane_slot_ms(lane, ramped), 250);
	assert_int_equal(wp_lane_take(lane, ramped), 250);
	assert_true(wp_lane_place(lane));
	assert_true(wp_lane_place(lane));
	assert_false(wp_lane_place(lane));
	wp_lane_give(lane, true);
	wp_lane_give(lane, true);
}

/* As many may wait for a place as there are, or as got one in the time that one
 * waits. */
static void as_many_wait_as_will_get_a_place(void **state)
{
	const uint64_t half = (uint64_t)WP_LANE_WAIT_MS * MS;
	const uint64_t at = NOW + 100 * (uint64_t)SECOND;
	struct wp_push_rates rates;
	struct wp_lane *lane = host(*state, "a.example", NOW);

	assert_true(wp_push_rates_read(&rates, NULL, 0));
	rates.of[WP_PUSH_LANE_WEB] = (struct wp_push_rate){ 1000, 2 };
	wp_lanes_use(*state, &rates);
	wp_lane_wait(lane, 1);
	assert_int_equal(wp_lane_slot_ms(lane, at), 0);
	wp_lane_wait(lane, 1);
	assert_int_equal(wp_lane_slot_ms(lane, at), WP_LANE_FULL_MS);
	for (int i = 0; i < 3; i++)
		(void)ask(lane, &accepted, at, DAY_S);
	/* Three have ended: that is how fast it goes, for a while. */
	assert_int_equal(wp_lane_slot_ms(lane, at + SECOND), 0);
	wp_lane_wait(lane, 1);
	assert_int_equal(wp_lane_slot_ms(lane, at + SECOND), WP_LANE_FULL_MS);
	wp_lane_wait(lane, -1);
	(void)ask(lane, &accepted, at + half, DAY_S);
	assert_int_equal(wp_lane_slot_ms(lane, at + SECOND), 0);
	(void)ask(lane, &accepted, at + 3 * half, DAY_S);
	assert_int_equal(wp_lane_slot_ms(lane, at + 2 * (uint64_t)SECOND),
			 WP_LANE_FULL_MS);
	wp_lane_wait(lane, -2);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)
	const struct CMUnitTest tests[] = {
		TEST(each_app_and_each_host_has_its_own),
		TEST(one_that_asks_for_time_costs_no_other_any),
		TEST(one_that_works_again_is_asked_slowly_at_first),
		TEST(the_idle_host_that_was_used_longest_ago_goes),
		TEST(a_host_that_asked_for_time_is_not_forgotten),
		TEST(hosts_that_ask_for_time_are_not_all_that_is_known),
		TEST(hosts_of_strangers_leave_room_for_browsers),
		TEST(a_host_becomes_one_of_browsers_with_the_first_of_them),
		TEST(when_all_hosts_are_in_use_there_is_none_for_another),
		TEST(so_many_suspects_mean_our_settings),
		TEST(one_that_is_guarded_is_asked_once_a_second),
		TEST(a_person_says_that_all_is_well),
		TEST(the_only_way_of_a_kind_is_called_as_the_kind),
		TEST(what_was_not_asked_is_no_outcome),
		TEST(other_rates_hold_for_those_that_are_there),
		TEST(as_many_wait_as_will_get_a_place),
	};
#undef TEST

	return cmocka_run_group_tests_name("lanes", tests, NULL, NULL);
}
