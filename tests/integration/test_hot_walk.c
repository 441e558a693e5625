/*
 * The looks of a pull at the hot queue, one by one: how many there are, what
 * each gets out of Redis where somebody has piled up a lot, what may happen
 * between two of them, and what is no answer.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/support/entry.h"
#include "tests/support/test_redis.h"
#include "tests/support/world.h"

enum { SLICE = 16, PAGE = 50, MANY = 3000 };
static const char later[] = "99999999999999";

/* A pull of bob's, look by look. */
struct pull {
	struct wp_pull_page *page;
	size_t looks;
	size_t entries; /* of the last look */
	size_t bytes;
	size_t most; /* entries of one look */
};

static void begin(struct wp_world *w, struct pull *pull, size_t limit)
{
	const struct wp_pull_request req = {
		.box = &w->box,
		.max_envelope = 262144,
		.limit = limit,
	};

	*pull = (struct pull){ 0 };
	assert_int_equal(wp_pull_begin(&pull->page, &req, NULL), WP_OK);
}

/* Entries and envelopes of all ranges in the answer of a look. */
static void weigh(struct pull *pull, const struct wp_reply *reply)
{
	pull->entries = pull->bytes = 0;
	for (size_t i = 0; i < wp_reply_count(reply); i++) {
		const struct wp_reply *range = wp_reply_at(reply, i);

		for (size_t k = 0; k < wp_reply_count(range); k++) {
			const struct wp_reply *fields =
				wp_reply_at(wp_reply_at(range, k), 1);

			pull->entries += fields != NULL;
			pull->bytes += wp_reply_len(wp_reply_at(fields, 1));
		}
	}
	if (pull->entries > pull->most)
		pull->most = pull->entries;
	pull->looks++;
}

static enum wp_err look(struct wp_world *w, struct pull *pull)
{
	struct wp_reply *reply;
	enum wp_err rc;

	assert_int_equal(wp_pull_step(pull->page), WP_PULL_HOT);
	wp_pull_ask(pull->page, wp_redis_run_id(w->redis), &w->cmd);
	reply = wp_world_do(w);
	weigh(pull, reply);
	rc = wp_pull_told(pull->page, reply, false, NULL);
	wp_reply_free(&reply);
	return rc;
}

/* To the end; what is on the page stays to be looked at. */
static void finish(struct wp_world *w, struct pull *pull)
{
	while (wp_pull_step(pull->page) == WP_PULL_HOT)
		assert_int_equal(look(w, pull), WP_OK);
	if (wp_pull_step(pull->page) == WP_PULL_COLD)
		assert_int_equal(wp_pull_read_cold(pull->page, w->store, NULL),
				 WP_OK);
}

static void expect_row(const struct pull *pull, size_t i, const char *json)
{
	enum wp_band band;
	const struct wp_pull_row *row = wp_pull_page_row(pull->page, i, &band);

	assert_int_equal(row->json_len, strlen(json));
	assert_memory_equal(row->json, json, row->json_len);
}

/* Past the quota, and as nothing in `waits` says. */
static void pile_up(struct wp_world *w, const char *lane, int n, int ms,
		    int size, const char *expiry)
{
	wp_world_run(w,
		     "EVAL " WP_LUA_PACK_HOT
		     "for\ti=1,%d\tdo\tredis.call('XADD',KEYS[1],(%d+i).."
		     "'-1','x','%s','m',pack_hot(KEYS[1],0,"
		     "string.rep('x',%d)))end 1 " WP_P "%s" WP_BOB,
		     n, ms, expiry, size, lane);
}

/* n of bob's in hot, as send and route leave them: m0, m1, … */
static void deliver(struct wp_world *w, int n, enum wp_band band,
		    int64_t expires_in_ms)
{
	for (int i = 0; i < n; i++) {
		char json[16];

		(void)snprintf(json, sizeof(json), "%s%d",
			       band == WP_BAND_HIGH ? "h" : "m", i);
		(void)wp_world_post(w, (struct wp_world_mail){
					       .json = json,
					       .band = band,
					       .expires_in_ms = expires_in_ms,
				       });
	}
	while (wp_world_route(w).left > 0)
		;
}

static void a_page_of_short_ones_takes_two_looks(void **state)
{
	struct wp_world *w = *state;
	struct pull pull;

	deliver(w, PAGE, WP_BAND_STANDARD, 0);
	begin(w, &pull, PAGE);
	assert_int_equal(look(w, &pull), WP_OK);
	assert_int_equal(pull.entries, SLICE);
	finish(w, &pull);
	assert_int_equal(pull.looks, 2);
	assert_int_equal(pull.entries, PAGE - SLICE);
	assert_int_equal(wp_pull_page_count(pull.page), PAGE);
	for (int i = 0; i < PAGE; i++) {
		char json[16];

		(void)snprintf(json, sizeof(json), "m%d", i);
		expect_row(&pull, (size_t)i, json);
	}
	assert_false(wp_pull_page_has_more(pull.page));
	wp_pull_page_free(&pull.page);
}

static void what_fits_a_slice_takes_one_look(void **state)
{
	struct wp_world *w = *state;
	struct pull pull;

	begin(w, &pull, PAGE);
	finish(w, &pull);
	assert_int_equal(pull.looks, 1);
	assert_int_equal(wp_pull_page_count(pull.page), 0);
	wp_pull_page_free(&pull.page);

	deliver(w, SLICE - 1, WP_BAND_STANDARD, 0);
	deliver(w, SLICE - 1, WP_BAND_HIGH, 0);
	begin(w, &pull, PAGE);
	finish(w, &pull);
	assert_int_equal(pull.looks, 1);
	assert_int_equal(wp_pull_page_count(pull.page), 2 * (SLICE - 1));
	expect_row(&pull, 0, "h0");
	expect_row(&pull, SLICE - 1, "m0");
	wp_pull_page_free(&pull.page);
}

/* Long ones, or nobody knows: a look is a slice of each band, never more. */
static void a_look_is_short_while_what_waits_may_be_long(void **state)
{
	enum { LONG = 300000, N = 40 };
	struct wp_world *w = *state;
	static const char *const waits[] = {
		"DEL " WP_P "waits",
		"EVAL return\tredis.call('HSET',KEYS[1],'" WP_BOB
		"','80\\03224000000') 1 " WP_P "waits",
		"HSET " WP_P "waits " WP_BOB " nonsense",
		"SET " WP_P "waits foreign",
	};

	pile_up(w, "hot!:", N, 0, LONG, later);
	pile_up(w, "hot:", N, 0, LONG, later);
	for (size_t i = 0; i < sizeof(waits) / sizeof(waits[0]); i++) {
		struct pull pull;

		wp_world_run(w, "DEL " WP_P "waits");
		wp_world_run(w, "%s", waits[i]);
		begin(w, &pull, 500);
		finish(w, &pull);
		assert_int_equal(pull.most, 2 * SLICE);
		assert_int_equal(wp_pull_page_count(pull.page),
				 WP_PULL_MAX_BYTES / LONG);
		assert_true(wp_pull_page_has_more(pull.page));
		wp_pull_page_free(&pull.page);
	}
}

/* It says that little waits, and much comes before the next look. */
static void a_look_takes_no_more_entries_than_waited_before(void **state)
{
	enum { N = SLICE + 4 };
	struct wp_world *w = *state;
	struct pull pull;

	deliver(w, N, WP_BAND_STANDARD, 0);
	begin(w, &pull, 500);
	assert_int_equal(look(w, &pull), WP_OK);
	deliver(w, 200, WP_BAND_STANDARD, 0);
	assert_int_equal(look(w, &pull), WP_OK);
	assert_int_equal(pull.entries, N);
	finish(w, &pull);
	assert_int_equal(wp_pull_page_count(pull.page), N + 200);
	wp_pull_page_free(&pull.page);
}

static void the_expired_are_passed_over_slice_by_slice(void **state)
{
	struct wp_world *w = *state;
	struct pull pull;

	pile_up(w, "hot!:", MANY, 0, 4000, "7");
	pile_up(w, "hot:", 1, MANY, 5, later);
	begin(w, &pull, 10);
	finish(w, &pull);
	assert_in_range(pull.most, 1, 2 * SLICE);
	assert_in_range(pull.looks, MANY / SLICE, MANY / SLICE + 3);
	assert_int_equal(wp_pull_page_count(pull.page), 1);
	expect_row(&pull, 0, "xxxxx");
	assert_false(wp_pull_page_has_more(pull.page));
	wp_pull_page_free(&pull.page);
}

static void a_heap_of_the_expired_is_not_walked_for_nothing(void **state)
{
	enum { ALIVE = 5 };
	struct wp_world *w = *state;
	struct pull pull;

	for (int round = 0; round < 3; round++) {
		deliver(w, MANY / 3, WP_BAND_STANDARD, -5000);
		begin(w, &pull, 10);
		finish(w, &pull);
		assert_in_range(pull.looks, 2, 2);
		assert_int_equal(wp_pull_page_count(pull.page),
				 round == 0 ? 0 : ALIVE);
		assert_false(wp_pull_page_has_more(pull.page));
		wp_pull_page_free(&pull.page);
		if (round == 0) { /* oldest of all: before the heap */
			wp_world_run(w, "DEL " WP_P "hot:" WP_BOB " " WP_P
					"index:" WP_BOB " " WP_P "waits");
			deliver(w, ALIVE, WP_BAND_STANDARD, 0);
		}
	}
}

/* Whatever the index says, or does not: nothing that is alive is left out. */
static void a_wrong_index_hides_nothing(void **state)
{
	enum { HEAP = 100 };
	static const char *const wrong[] = {
		"DEL " WP_P "index:" WP_BOB,
		"SET " WP_P "index:" WP_BOB " foreign",
		"ZREMRANGEBYRANK " WP_P "index:" WP_BOB " -1 -1",
	};
	struct wp_world *w = *state;

	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		struct pull pull;

		wp_world_run(w, "DEL " WP_P "hot:" WP_BOB " " WP_P
				"index:" WP_BOB " " WP_P "waits");
		deliver(w, HEAP, WP_BAND_STANDARD, -5000);
		deliver(w, 1, WP_BAND_STANDARD, 0);
		wp_world_run(w, "%s", wrong[i]);
		begin(w, &pull, 10);
		finish(w, &pull);
		assert_int_equal(wp_pull_page_count(pull.page), 1);
		wp_pull_page_free(&pull.page);
	}
}

/* Known ones go while it counts: others are not taken for them. */
static void what_is_acked_between_two_looks_hides_nothing(void **state)
{
	enum { HEAP = 100 };
	struct wp_world *w = *state;
	struct wp_msgid first;
	struct pull pull;

	first = wp_world_deliver(w, "first");
	deliver(w, HEAP, WP_BAND_STANDARD, -5000);
	(void)wp_world_deliver(w, "last");
	begin(w, &pull, 10);
	assert_int_equal(look(w, &pull), WP_OK);
	wp_world_ack_one(w, first);
	finish(w, &pull);
	assert_int_equal(wp_pull_page_count(pull.page), 2);
	expect_row(&pull, 0, "first");
	expect_row(&pull, 1, "last");
	wp_pull_page_free(&pull.page);
}

static void
what_moves_between_two_looks_is_read_from_the_cold_store(void **state)
{
	struct wp_world *w = *state;
	struct pull pull;

	deliver(w, PAGE, WP_BAND_STANDARD, 0);
	deliver(w, SLICE, WP_BAND_HIGH, 0);
	begin(w, &pull, 2 * PAGE);
	assert_int_equal(look(w, &pull), WP_OK);
	assert_int_equal(wp_world_migrate(w, NULL), WP_OK);
	(void)wp_world_deliver(w, "new");
	finish(w, &pull);
	assert_int_equal(wp_pull_page_count(pull.page), PAGE + SLICE + 1);
	expect_row(&pull, 0, "h0");
	for (int i = 0; i < PAGE; i++) {
		char json[16];

		(void)snprintf(json, sizeof(json), "m%d", i);
		expect_row(&pull, (size_t)(SLICE + i), json);
	}
	expect_row(&pull, PAGE + SLICE, "new");
	assert_false(wp_pull_page_has_more(pull.page));
	wp_pull_page_free(&pull.page);
}

/* Between looks, and between the commands of one: others are served. The hint
 * is last, for a reconciliation sets it before it opens the gate. */
static void hint_and_gate_are_read_behind_both_bands(void **state)
{
	static const char *const order[] = { "hot!:", "hot:", "gate", "cold" };
	struct wp_world *w = *state;
	struct pull pull;
	const char *at;

	begin(w, &pull, 10);
	wp_pull_ask(pull.page, wp_redis_run_id(w->redis), &w->cmd);
	wp_buf_add_char(&w->cmd.words, '\0');
	at = w->cmd.words.data;
	for (size_t i = 0; i < sizeof(order) / sizeof(order[0]); i++) {
		char key[64];

		(void)snprintf(key, sizeof(key), WP_P "%s", order[i]);
		at = strstr(at, key);
		assert_non_null(at);
	}
	wp_cmd_clear(&w->cmd);
	wp_pull_page_free(&pull.page);
}

static void what_is_no_answer_ends_the_pull(void **state)
{
	static const char *const wrong[] = {
		"SET " WP_P "hot!:" WP_BOB " foreign",
		"SET " WP_P "cold foreign",
		"HSET " WP_P "gate foreign key",
		"XADD " WP_P "hot:" WP_BOB " 1-1 e envelope",
		"XADD " WP_P "hot:" WP_BOB " 1-1 x " WP_ALIVE " m envelope",
	};
	struct wp_world *w = *state;

	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		struct pull pull;

		wp_world_run(w, "DEL " WP_P "hot!:" WP_BOB " " WP_P "cold " WP_P
				"gate " WP_P "hot:" WP_BOB);
		wp_world_run(w, "%s", wrong[i]);
		begin(w, &pull, 10);
		assert_int_equal(look(w, &pull), WP_ERR_UNAVAIL);
		wp_pull_page_free(&pull.page);
	}
}

static void a_refused_command_ends_the_pull(void **state)
{
	struct wp_world *w = *state;
	struct pull pull;

	(void)wp_world_deliver(w, "m");
	wp_world_run(w, "ACL SETUSER default -xrange");
	begin(w, &pull, 10);
	assert_int_equal(look(w, &pull), WP_ERR_UNAVAIL);
	wp_pull_page_free(&pull.page);
	wp_world_run(w, "ACL SETUSER default +xrange");
	wp_world_expect_page(w, "m", 10, NULL);
}

/* What drains goes on, also when nothing else may be done. */
static void a_full_redis_is_read(void **state)
{
	struct wp_world *w = *state;
	struct pull pull;

	deliver(w, PAGE, WP_BAND_STANDARD, 0);
	deliver(w, PAGE, WP_BAND_HIGH, -5000);
	wp_world_run(w, "CONFIG SET maxmemory 1");
	begin(w, &pull, PAGE);
	finish(w, &pull);
	wp_world_run(w, "CONFIG SET maxmemory 0");
	assert_int_equal(wp_pull_page_count(pull.page), PAGE);
	wp_pull_page_free(&pull.page);
}

static void no_answer_ends_the_pull(void **state)
{
	struct wp_world *w = *state;
	struct pull pull;

	begin(w, &pull, 10);
	wp_pull_ask(pull.page, wp_redis_run_id(w->redis), &w->cmd);
	assert_int_equal(wp_pull_told(pull.page, NULL, false, NULL),
			 WP_ERR_UNAVAIL);
	wp_pull_page_free(&pull.page);
}

/* A gate of another life, or of another Redis: the hint is not believed. */
static void without_its_gate_the_cold_store_is_asked(void **state)
{
	struct wp_world *w = *state;
	struct pull pull;

	for (int i = 0; i < 2; i++) {
		if (i == 1)
			wp_world_run(w, "SET " WP_P "gate other");
		begin(w, &pull, 10);
		assert_int_equal(look(w, &pull), WP_OK);
		assert_int_equal(wp_pull_step(pull.page),
				 i == 0 ? WP_PULL_DONE : WP_PULL_COLD);
		wp_pull_page_free(&pull.page);
	}
}

#define WORLD_TEST(name) \
	cmocka_unit_test_setup_teardown(name, wp_world_setup, wp_world_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		WORLD_TEST(a_page_of_short_ones_takes_two_looks),
		WORLD_TEST(what_fits_a_slice_takes_one_look),
		WORLD_TEST(a_look_is_short_while_what_waits_may_be_long),
		WORLD_TEST(a_look_takes_no_more_entries_than_waited_before),
		WORLD_TEST(the_expired_are_passed_over_slice_by_slice),
		WORLD_TEST(a_heap_of_the_expired_is_not_walked_for_nothing),
		WORLD_TEST(a_wrong_index_hides_nothing),
		WORLD_TEST(what_is_acked_between_two_looks_hides_nothing),
		WORLD_TEST(
			what_moves_between_two_looks_is_read_from_the_cold_store),
		WORLD_TEST(hint_and_gate_are_read_behind_both_bands),
		WORLD_TEST(what_is_no_answer_ends_the_pull),
		WORLD_TEST(a_refused_command_ends_the_pull),
		WORLD_TEST(a_full_redis_is_read),
		WORLD_TEST(no_answer_ends_the_pull),
		WORLD_TEST(without_its_gate_the_cold_store_is_asked),
	};

	if (!wp_test_redis_present())
		return WP_TEST_SKIPPED;
	return cmocka_run_group_tests_name("hot_walk", tests, NULL, NULL);
}
