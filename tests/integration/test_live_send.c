/*
 * Sends as programs with connections make them: without waiting, with a real
 * Redis.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/support/live/program.h"
#include "tests/support/test_redis.h"

enum { TEXT_SIZE = 256 };

/* One send, and what came of it. */
struct send {
	struct wp_live_send call; /* first */
	struct wp_refusal refusal;
	struct wp_send_result result;
	int done;
};

static void on_sent(struct wp_live_send *call,
		    const struct wp_send_result *result)
{
	struct send *send = (struct send *)call;

	send->done++;
	send->result = *result;
}

/* To somebody in the partition that is open. */
static const char *envelope(void)
{
	static char text[TEXT_SIZE];
	struct wp_box box = { 0 };
	struct wp_urn urn;
	char name[32];

	for (int i = 0; i == 0 || box.partition != WP_WORLD_PARTITION; i++) {
		(void)snprintf(name, sizeof(name), "urn:sm:user:u%d", i);
		assert_int_equal(wp_urn_parse(&urn, name, strlen(name), NULL),
				 WP_OK);
		wp_box_of(&box, &urn, WP_TEST_PARTITIONS);
	}
	(void)snprintf(text, sizeof(text),
		       "{\"recipientId\":\"%s\",\"encryptedData\":\"AAEC\"}",
		       name);
	return text;
}

/* key: NULL for none */
static bool begin(struct program *p, struct send *send, const char *text,
		  const char *key)
{
	/* Both are gone when it returns. */
	char *text_copy = strdup(text);
	char *key_copy = key == NULL ? NULL : strdup(key);
	const struct wp_envelope_text what = { .data = text_copy,
					       .len = strlen(text) };
	const struct wp_submit_options options = {
		.sender = "somebody else",
		.key = key_copy,
		.key_len = key == NULL ? 0 : strlen(key),
	};
	size_t before = p->live.inflight;
	bool is_begun;

	*send = (struct send){
		.call = { .live = &p->live, .done = on_sent },
	};
	is_begun = wp_live_send_begin(&send->call, p->bob, &options, &what,
				      &send->refusal);
	assert_int_equal(send->done, 0);
	assert_true(is_begun || p->live.inflight == before);
	free(key_copy);
	free(text_copy);
	return is_begun;
}

static void finish(struct program *p, struct send *send)
{
	assert_true(p->live.inflight > 0);
	program_run_until(p, &send->done);
	assert_int_equal(send->done, 1);
	assert_int_equal(p->live.inflight, 0);
}

static void a_send_is_accepted_and_has_an_id(void **state)
{
	struct program *p = *state;
	struct send send;

	assert_true(begin(p, &send, envelope(), NULL));
	finish(p, &send);
	assert_int_equal(send.result.status, WP_SEND_ACCEPTED);
}

static void a_repeat_with_its_key_has_the_same_id(void **state)
{
	struct program *p = *state;
	struct send first;
	struct send again;

	assert_true(begin(p, &first, envelope(), "k"));
	finish(p, &first);
	assert_true(begin(p, &again, envelope(), "k"));
	finish(p, &again);
	assert_int_equal(first.result.status, WP_SEND_ACCEPTED);
	assert_int_equal(again.result.status, WP_SEND_ACCEPTED);
	assert_memory_equal(&first.result.id, &again.result.id,
			    sizeof(first.result.id));
}

static void two_at_once_are_answered_in_their_order(void **state)
{
	struct program *p = *state;
	struct send first;
	struct send second;

	assert_true(begin(p, &first, envelope(), NULL));
	assert_true(begin(p, &second, envelope(), NULL));
	program_run_until(p, &second.done);
	assert_int_equal(first.done, 1);
	assert_true(wp_entry_id_cmp(&first.result.id.entry,
				    &second.result.id.entry) < 0);
}

static void what_is_no_envelope_goes_nowhere(void **state)
{
	struct program *p = *state;
	struct send send;

	assert_false(begin(p, &send, "{", NULL));
	assert_string_equal(send.refusal.code, "invalid_json");
	assert_false(begin(p, &send, "{}", NULL));
	assert_string_equal(send.refusal.code, "invalid_envelope");
	assert_false(begin(p, &send, envelope(), ""));
	assert_string_equal(send.refusal.code, "bad_request");
}

static void too_much_on_its_way_is_turned_away(void **state)
{
	struct program *p = *state;
	size_t *of_bob = &p->live.inflight_of[p->bob->hash];
	struct send send;

	*of_bob = WP_INFLIGHT_USER_MAX;
	assert_false(begin(p, &send, envelope(), NULL));
	assert_string_equal(send.refusal.code, "overloaded");
	/* It may be the repeat of one that was accepted. */
	assert_false(begin(p, &send, envelope(), "k"));
	assert_string_equal(send.refusal.code, "unavailable");
	*of_bob = 0;
}

static void a_full_redis_takes_nothing_more(void **state)
{
	struct program *p = *state;
	struct send send;

	p->live.memory_percent = 100;
	assert_true(begin(p, &send, envelope(), NULL));
	finish(p, &send);
	assert_int_equal(send.result.status, WP_SEND_OVERLOADED);
}

static void a_send_whose_answer_is_lost_is_unknown(void **state)
{
	struct program *p = *state;
	struct send send;

	/* It takes the send, and does nothing with it. */
	wp_world_run(p->w, "CLIENT PAUSE 60000 WRITE");
	assert_true(begin(p, &send, envelope(), NULL));
	ev_run(p->loop, EVRUN_NOWAIT);
	program_lose_redis(p);
	program_run_until(p, &send.done);
	assert_int_equal(send.result.status, WP_SEND_UNKNOWN);
	assert_int_equal(p->live.inflight, 0);
	wp_world_run(p->w, "CLIENT UNPAUSE");

	assert_false(begin(p, &send, envelope(), NULL));
	assert_string_equal(send.refusal.code, "unavailable");
	program_await_redis(p);
	assert_true(begin(p, &send, envelope(), NULL));
	finish(p, &send);
	assert_int_equal(send.result.status, WP_SEND_ACCEPTED);
}

static void a_send_that_did_not_set_out_is_told_so(void **state)
{
	struct program *p = *state;
	struct send keyed;
	struct send send;

	assert_true(begin(p, &send, envelope(), NULL));
	assert_true(begin(p, &keyed, envelope(), "k"));
	program_lose_redis(p);
	program_run_until(p, &keyed.done);
	assert_int_equal(send.done, 1);
	assert_int_equal(send.result.status, WP_SEND_OVERLOADED);
	/* It may be the repeat of one that was accepted. */
	assert_int_equal(keyed.result.status, WP_SEND_UNKNOWN);
	assert_int_equal(p->live.inflight, 0);
}

enum { MANY = 50 };

static void sends_of_one_turn_are_one_call(void **state)
{
	struct program *p = *state;
	struct send *sends = calloc(MANY, sizeof(*sends));
	struct wp_reply *reply;
	const char *calls;

	assert_non_null(sends);
	wp_world_run(p->w, "CONFIG RESETSTAT");
	for (int i = 0; i < MANY; i++)
		assert_true(begin(p, &sends[i], envelope(), NULL));
	program_run_until(p, &sends[MANY - 1].done);
	for (int i = 0; i < MANY; i++) {
		assert_int_equal(sends[i].done, 1);
		assert_int_equal(sends[i].result.status, WP_SEND_ACCEPTED);
		assert_true(i == 0 ||
			    wp_entry_id_cmp(&sends[i - 1].result.id.entry,
					    &sends[i].result.id.entry) < 0);
	}
	assert_int_equal(p->live.inflight, 0);

	reply = wp_world_cmd(p->w, "INFO commandstats");
	calls = strstr(wp_reply_str(reply), "cmdstat_evalsha:calls=");
	assert_non_null(calls);
	/* One, and heartbeats. */
	assert_in_range(strtoll(strchr(calls, '=') + 1, NULL, 10), 1, MANY / 5);
	wp_reply_free(&reply);
	free(sends);
}

#define TEST(name) \
	cmocka_unit_test_setup_teardown(name, program_setup, program_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_send_is_accepted_and_has_an_id),
		TEST(a_repeat_with_its_key_has_the_same_id),
		TEST(two_at_once_are_answered_in_their_order),
		TEST(what_is_no_envelope_goes_nowhere),
		TEST(too_much_on_its_way_is_turned_away),
		TEST(a_full_redis_takes_nothing_more),
		TEST(a_send_whose_answer_is_lost_is_unknown),
		TEST(a_send_that_did_not_set_out_is_told_so),
		TEST(sends_of_one_turn_are_one_call),
	};

	if (!wp_test_redis_present())
		return WP_TEST_SKIPPED;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
