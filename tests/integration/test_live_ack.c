/*
 * Acks as programs with connections make them: without waiting, with a real
 * Redis and a real cold store behind the store's thread.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <ev.h>

#include "lib/mailbox/deployment.h"
#include "tests/support/live/program.h"
#include "tests/support/test_redis.h"

enum { TEXT_SIZE = 512 };

/* One ack, and what came of it. */
struct ack {
	struct wp_live_ack call; /* first */
	int done;
	bool is_done;
};

static void on_acked(struct wp_live_ack *call, bool is_done)
{
	struct ack *ack = (struct ack *)call;

	ack->done++;
	ack->is_done = is_done;
}

static enum wp_err begin(struct program *p, struct ack *ack, const char *text)
{
	/* Gone when it returns. */
	char *copy = strdup(text);
	const struct wp_json_slice slice = { .data = copy,
					     .len = strlen(text) };
	struct wp_error err = { 0 };
	enum wp_err rc;

	assert_non_null(copy);
	*ack = (struct ack){
		.call = { .live = &p->live, .done = on_acked },
	};
	rc = wp_live_ack_begin(&ack->call, p->bob, &slice, &err);
	free(copy);
	return rc;
}

/* {"messageIds":["…"]} */
static const char *naming(const struct wp_msgid *id)
{
	static char text[TEXT_SIZE];
	char name[WP_MSGID_LEN + 1];

	wp_msgid_format(id, name);
	(void)snprintf(text, sizeof(text), "{\"messageIds\":[\"%s\"]}", name);
	return text;
}

static void ack_one(struct program *p, const struct wp_msgid *id)
{
	struct ack ack;

	assert_int_equal(begin(p, &ack, naming(id)), WP_OK);
	assert_int_equal(ack.done, 0);
	assert_true(p->live.inflight > 0);
	program_run_until(p, &ack.done);
	assert_true(ack.is_done);
	assert_int_equal(ack.done, 1);
	assert_int_equal(p->live.inflight, 0);
}

static void what_waits_in_hot_is_deleted_there(void **state)
{
	struct program *p = *state;
	struct wp_msgid first = wp_world_deliver(p->w, "m1");

	(void)wp_world_deliver(p->w, "m2");
	ack_one(p, &first);
	wp_world_expect_pull(p->w, "m2");
	ack_one(p, &first);
	wp_world_expect_pull(p->w, "m2");
}

static void what_waits_in_cold_is_deleted_there(void **state)
{
	struct program *p = *state;
	struct wp_msgid first = wp_world_deliver(p->w, "m1");
	struct wp_msgid second = wp_world_deliver(p->w, "m2");

	assert_int_equal(wp_world_migrate(p->w, NULL), WP_OK);
	wp_world_expect_cold(p->w, "m1 m2");

	ack_one(p, &first);
	wp_world_expect_cold(p->w, "m2");
	wp_world_expect_pull(p->w, "m2");
	assert_int_equal(wp_world_int(p->w, "HEXISTS " WP_P "cold " WP_BOB), 1);

	ack_one(p, &second);
	wp_world_expect_cold(p->w, "");
	/* Nobody waits for the third step: ask until it is there. */
	while (wp_world_int(p->w, "HEXISTS " WP_P "cold " WP_BOB) == 1)
		ev_run(p->loop, EVRUN_ONCE);
}

static void ids_that_cannot_be_ours_are_acked_at_once(void **state)
{
	struct program *p = *state;
	struct wp_msgid id = wp_world_deliver(p->w, "m1");
	struct ack ack;

	id.partition++;
	assert_int_equal(begin(p, &ack, naming(&id)), WP_OK);
	assert_int_equal(ack.done, 1);
	assert_true(ack.is_done);
	assert_int_equal(begin(p, &ack, "{\"messageIds\":[]}"), WP_OK);
	assert_int_equal(ack.done, 1);
	wp_world_expect_pull(p->w, "m1");
}

static void what_is_no_ack_deletes_nothing(void **state)
{
	struct program *p = *state;
	struct ack ack;

	assert_int_equal(begin(p, &ack, "{}"), WP_ERR_INVAL);
	assert_int_equal(begin(p, &ack, "{\"messageIds\":[\"x\"]}"),
			 WP_ERR_INVAL);
	assert_int_equal(ack.done, 0);
	assert_int_equal(p->live.inflight, 0);
}

static void one_user_cannot_have_everything_unanswered(void **state)
{
	struct program *p = *state;
	struct wp_msgid id = wp_world_deliver(p->w, "m1");
	size_t *of_bob = &p->live.inflight_of[p->bob->hash];
	struct ack ack;

	*of_bob = WP_INFLIGHT_USER_MAX;
	assert_int_equal(begin(p, &ack, naming(&id)), WP_ERR_FULL);
	assert_int_equal(ack.done, 0);
	wp_world_expect_pull(p->w, "m1");

	*of_bob = 0;
	ack_one(p, &id);
}

static void an_ack_whose_answer_is_lost_is_not_called_done(void **state)
{
	struct program *p = *state;
	struct wp_msgid id = wp_world_deliver(p->w, "m1");
	struct ack ack;

	assert_int_equal(begin(p, &ack, naming(&id)), WP_OK);
	program_lose_redis(p);
	program_run_until(p, &ack.done);
	assert_false(ack.is_done);
	assert_int_equal(p->live.inflight, 0);

	assert_int_equal(begin(p, &ack, naming(&id)), WP_ERR_UNAVAIL);
	assert_int_equal(ack.done, 0);
	assert_int_equal(p->live.inflight, 0);
	program_await_redis(p);
	ack_one(p, &id);
	wp_world_expect_pull(p->w, "");
}

static void an_ack_that_the_store_cannot_take_is_not_called_done(void **state)
{
	struct program *p = *state;
	struct wp_msgid id = wp_world_deliver(p->w, "m1");
	struct ack ack;

	assert_int_equal(wp_world_migrate(p->w, NULL), WP_OK);
	/* Another deployment's, as the store's thread sees it. */
	wp_world_run(p->w, "HSET " WP_META_KEY " " WP_META_STORE " %0*d",
		     WP_STORE_ID_LEN, 7);
	assert_int_equal(begin(p, &ack, naming(&id)), WP_OK);
	program_run_until(p, &ack.done);
	assert_false(ack.is_done);
	wp_world_expect_cold(p->w, "m1");
}

#define TEST(name) \
	cmocka_unit_test_setup_teardown(name, program_setup, program_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(what_waits_in_hot_is_deleted_there),
		TEST(what_waits_in_cold_is_deleted_there),
		TEST(ids_that_cannot_be_ours_are_acked_at_once),
		TEST(what_is_no_ack_deletes_nothing),
		TEST(one_user_cannot_have_everything_unanswered),
		TEST(an_ack_whose_answer_is_lost_is_not_called_done),
		TEST(an_ack_that_the_store_cannot_take_is_not_called_done),
	};

	if (!wp_test_redis_present())
		return WP_TEST_SKIPPED;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
