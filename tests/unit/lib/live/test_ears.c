/* Who is heard on channels of his own, with a feed that is ours. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include <ev.h>

#include "lib/live/ears.h"

enum { PEERS = 8 };

/* ---- the feed ---- */

struct wp_feed {
	uint64_t asked;
	uint64_t answered;
	enum wp_err result; /* of the next requests */
	int resets;
	char heard[256]; /* "+bob -bob …", by the last letters */
};

static void note(struct wp_feed *feed, char sign, const char *urn, size_t len)
{
	size_t at = strlen(feed->heard);

	snprintf(feed->heard + at, sizeof(feed->heard) - at, "%c%.3s ", sign,
		 urn + len - 3);
}

enum wp_err wp_feed_hear(struct wp_feed *feed, const char *urn, size_t len)
{
	if (feed->result != WP_OK)
		return feed->result;
	feed->asked += 2;
	note(feed, '+', urn, len);
	return WP_OK;
}

void wp_feed_unhear(struct wp_feed *feed, const char *urn, size_t len)
{
	note(feed, '-', urn, len);
}

uint64_t wp_feed_asked(const struct wp_feed *feed)
{
	return feed->asked;
}

uint64_t wp_feed_answered(const struct wp_feed *feed)
{
	return feed->answered;
}

void wp_feed_reset(struct wp_feed *feed)
{
	feed->resets++;
}

/* ---- what is tried ---- */

struct world {
	struct ev_loop *loop;
	struct wp_hub *hub;
	struct wp_feed feed;
	struct wp_ears ears;
	struct wp_member peers[PEERS];
	char said[128]; /* "0=7 1! …": heard with this pending, or not */
};

static void on_poke(void *ctx, struct wp_member *member)
{
	(void)ctx;
	(void)member;
}

static void say(struct world *w, const struct wp_member *member,
		const char *what)
{
	size_t at = strlen(w->said);

	snprintf(w->said + at, sizeof(w->said) - at, "%td%s ",
		 member - w->peers, what);
}

static void on_heard(void *ctx, struct wp_member *member, int64_t pending)
{
	char text[16];

	snprintf(text, sizeof(text), "=%d", (int)pending);
	say(ctx, member, text);
}

static void on_unheard(void *ctx, struct wp_member *member)
{
	say(ctx, member, "!");
}

static void begin(struct world *w)
{
	static const struct wp_live_counts counts;
	const struct wp_ears_hooks hooks = {
		.on_heard = on_heard,
		.on_unheard = on_unheard,
		.ctx = w,
	};

	memset(w, 0, sizeof(*w));
	w->loop = ev_loop_new(EVFLAG_AUTO);
	assert_non_null(w->loop);
	w->hub = wp_hub_new(w->loop, 8, &counts, on_poke, NULL);
	assert_non_null(w->hub);
	wp_ears_init(&w->ears, w->hub, &hooks);
	w->ears.feed = &w->feed;
}

static void go(struct world *w, int i)
{
	wp_ears_close(&w->ears, &w->peers[i]);
	wp_hub_remove(w->hub, &w->peers[i]);
}

static void end(struct world *w)
{
	for (int i = 0; i < PEERS; i++)
		if (w->peers[i].number != 0)
			go(w, i);
	wp_ears_release(&w->ears);
	wp_hub_free(&w->hub);
	ev_loop_destroy(w->loop);
}

static void come(struct world *w, int i, const char *name)
{
	struct wp_urn urn;

	assert_int_equal(wp_urn_parse(&urn, name, strlen(name), NULL), WP_OK);
	assert_int_equal(wp_hub_add(w->hub, &w->peers[i]), WP_OK);
	assert_int_equal(wp_hub_join(w->hub, &w->peers[i], &urn), WP_OK);
	wp_ears_open(&w->ears, &w->peers[i]);
}

static void await(struct world *w, int i)
{
	wp_ears_await(&w->ears, &w->peers[i], 10 + i);
}

static void answer(struct world *w, uint64_t n)
{
	w->feed.answered += n;
	wp_ears_answered(&w->ears);
}

static void expect(struct world *w, const char *said)
{
	assert_string_equal(w->said, said);
	w->said[0] = '\0';
}

static void without_a_feed_nobody_is_asked_for(void **state)
{
	struct world w;

	(void)state;
	begin(&w);
	w.ears.feed = NULL;
	come(&w, 0, "bob");
	await(&w, 0);
	expect(&w, "0=10 ");
	wp_ears_answered(&w.ears);
	wp_ears_forget(&w.ears);
	go(&w, 0);
	assert_string_equal(w.feed.heard, "");
	end(&w);
}

static void a_user_is_asked_for_once_and_given_up_with_his_last(void **state)
{
	struct world w;

	(void)state;
	begin(&w);
	come(&w, 0, "bob");
	come(&w, 1, "bob");
	come(&w, 2, "amy");
	await(&w, 0);
	go(&w, 1);
	assert_string_equal(w.feed.heard, "+bob +amy ");
	go(&w, 0);
	come(&w, 1, "bob");
	assert_string_equal(w.feed.heard, "+bob +amy -bob +bob ");
	end(&w);
}

static void who_is_registered_waits_for_all_that_was_asked(void **state)
{
	struct world w;

	(void)state;
	begin(&w);
	come(&w, 0, "bob");
	await(&w, 0);
	come(&w, 1, "amy");
	come(&w, 2, "bob"); /* asked for, and not answered */
	await(&w, 2);
	await(&w, 1);
	answer(&w, 1);
	expect(&w, "");
	answer(&w, 1);
	expect(&w, "0=10 ");
	answer(&w, 1);
	expect(&w, "");
	answer(&w, 1);
	expect(&w, "2=12 1=11 ");
	/* Nothing is open any more. */
	come(&w, 3, "bob");
	await(&w, 3);
	expect(&w, "3=13 ");
	end(&w);
}

static void who_was_given_up_meanwhile_is_asked_for_anew(void **state)
{
	struct world w;

	(void)state;
	begin(&w);
	come(&w, 0, "bob");
	go(&w, 0);
	come(&w, 1, "bob");
	await(&w, 1);
	answer(&w, 2); /* to the first */
	expect(&w, "");
	answer(&w, 2);
	expect(&w, "1=11 ");
	end(&w);
}

static void who_leaves_while_he_waits_is_not_called(void **state)
{
	struct world w;

	(void)state;
	begin(&w);
	come(&w, 0, "bob");
	come(&w, 1, "amy");
	await(&w, 0);
	await(&w, 1);
	go(&w, 0);
	answer(&w, 4);
	expect(&w, "1=11 ");
	end(&w);
}

static void who_waits_is_told_when_an_incarnation_ends(void **state)
{
	struct world w;

	(void)state;
	begin(&w);
	come(&w, 0, "bob");
	come(&w, 1, "amy");
	await(&w, 0);
	await(&w, 1);
	go(&w, 1);
	wp_ears_give_up(&w.ears);
	expect(&w, "0! ");
	/* The feed goes on: what was asked for is still to be answered. */
	await(&w, 0);
	assert_string_equal(w.feed.heard, "+bob +amy -amy ");
	answer(&w, 4);
	expect(&w, "0=10 ");
	end(&w);
}

static void behind_a_loss_all_are_asked_for_as_they_are_registered(void **state)
{
	struct world w;

	(void)state;
	begin(&w);
	come(&w, 0, "bob");
	come(&w, 1, "amy");
	await(&w, 0);
	answer(&w, 4);
	await(&w, 1);
	expect(&w, "0=10 1=11 ");
	w.feed.heard[0] = '\0';
	w.feed.result = WP_ERR_UNAVAIL;
	wp_ears_forget(&w.ears);
	await(&w, 0);
	expect(&w, "0! ");
	assert_int_equal(w.feed.resets, 0);

	w.feed.result = WP_OK;
	await(&w, 0);
	await(&w, 1);
	expect(&w, "");
	assert_string_equal(w.feed.heard, "+bob +amy ");
	answer(&w, 4);
	expect(&w, "0=10 1=11 ");
	end(&w);
}

static void a_feed_without_room_is_given_up(void **state)
{
	struct world w;

	(void)state;
	begin(&w);
	w.feed.result = WP_ERR_FULL;
	come(&w, 0, "bob");
	assert_int_equal(w.feed.resets, 1);
	await(&w, 0);
	expect(&w, "0! ");
	end(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(without_a_feed_nobody_is_asked_for),
		cmocka_unit_test(
			a_user_is_asked_for_once_and_given_up_with_his_last),
		cmocka_unit_test(
			who_is_registered_waits_for_all_that_was_asked),
		cmocka_unit_test(who_was_given_up_meanwhile_is_asked_for_anew),
		cmocka_unit_test(who_leaves_while_he_waits_is_not_called),
		cmocka_unit_test(who_waits_is_told_when_an_incarnation_ends),
		cmocka_unit_test(
			behind_a_loss_all_are_asked_for_as_they_are_registered),
		cmocka_unit_test(a_feed_without_room_is_given_up),
	};

	return cmocka_run_group_tests_name("ears", tests, NULL, NULL);
}
