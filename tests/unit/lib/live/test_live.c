/* One user's part of what may wait, and everybody's together; and in which life
 * of Redis an ack clears a hint. The linker hands the calls to Redis over: they
 * wait here until they are answered. */
#include <malloc.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <hiredis/hiredis.h>

#include "lib/live/live.h"
#include "lib/redis/async.h"
#include "lib/sys/sections/sections.h"

static const char first_life[] = "1111111111111111111111111111111111111111";
static const char second_life[] = "2222222222222222222222222222222222222222";

enum { BYTES = 100000, CALLS = 1024, USER = 7, OTHER = 8 };

static struct wp_live live;
static struct wp_conf conf;

/* ---- Redis ---- */

static struct {
	wp_reply_fn fn;
	void *ctx;
} waiting[CALLS];
static size_t n_waiting;
static const char *run_id;  /* of the Redis that is there */
static struct wp_buf asked; /* the words of the last command */

struct wp_aredis *
__wrap_wp_registrar_redis(const struct wp_registrar *registrar);
bool __wrap_wp_aredis_is_ready(const struct wp_aredis *redis);
const char *__wrap_wp_aredis_run_id(const struct wp_aredis *redis);
enum wp_err __wrap_wp_aredis_do(struct wp_aredis *redis,
				const struct wp_cmd *cmd, wp_reply_fn fn,
				void *ctx);

struct wp_aredis *
__wrap_wp_registrar_redis(const struct wp_registrar *registrar)
{
	static max_align_t nothing; /* never looked into */

	(void)registrar;
	return (struct wp_aredis *)&nothing;
}

bool __wrap_wp_aredis_is_ready(const struct wp_aredis *redis)
{
	return redis != NULL;
}

const char *__wrap_wp_aredis_run_id(const struct wp_aredis *redis)
{
	(void)redis;
	return run_id;
}

enum wp_err __wrap_wp_aredis_do(struct wp_aredis *redis,
				const struct wp_cmd *cmd, wp_reply_fn fn,
				void *ctx)
{
	(void)redis;
	wp_buf_clear(&asked);
	wp_buf_add(&asked, cmd->words.data, cmd->words.len);
	if (fn == NULL)
		return WP_OK;
	assert_true(n_waiting < CALLS);
	waiting[n_waiting].fn = fn;
	waiting[n_waiting++].ctx = ctx;
	return WP_OK;
}

/* ---- sends ---- */

static struct wp_sends *gathered[CALLS];
static size_t n_gathered;

enum wp_err __wrap_wp_gather_submit(struct wp_gather *gather,
				    struct wp_sends *sends);
enum wp_err __wrap_wp_gather_submit(struct wp_gather *gather,
				    struct wp_sends *sends)
{
	(void)gather;
	assert_int_equal(sends->n, 1);
	if (n_gathered == CALLS)
		return WP_ERR_FULL;
	gathered[n_gathered++] = sends;
	return WP_OK;
}

/* All are lost. */
static void answer_all(void)
{
	for (size_t i = 0; i < n_gathered; i++) {
		gathered[i]->results[0].status = WP_SEND_UNKNOWN;
		gathered[i]->done(gathered[i]);
	}
	n_gathered = 0;
}

static int setup(void **state)
{
	const struct wp_conf_program program = { .known = wp_conf_sections };
	struct wp_conf_load load;

	(void)state;
	if (wp_conf_load_begin(&load, &conf, &program, NULL) != WP_OK)
		return -1;
	wp_conf_load_end(&load);
	conf.mailbox.max_envelope_bytes = 2 * BYTES;
	live = (struct wp_live){ .conf = &conf };
	run_id = first_life;
	wp_buf_init(&asked, 0);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	answer_all();
	wp_conf_release(&conf);
	wp_buf_release(&asked);
	return 0;
}

static void on_sent(struct wp_live_send *send,
		    const struct wp_send_result *result)
{
	assert_int_equal(result->status, WP_SEND_UNKNOWN);
	free(send);
}

/* A send of so many bytes, which is a multiple of 4, and of as many that are
 * not passed on as junk says. */
static bool send_with(uint32_t hash, size_t bytes, size_t junk)
{
	struct wp_live_send *send = calloc(1, sizeof(*send));
	struct wp_user *user = calloc(1, sizeof(*user) + 32);
	const struct wp_submit_options options = { 0 };
	struct wp_envelope_text text = { 0 };
	struct wp_refusal refusal = { 0 };
	struct wp_buf json;
	bool is_begun;

	assert_non_null(send);
	assert_non_null(user);
	send->live = &live;
	send->done = on_sent;
	user->hash = hash;
	user->len = (uint8_t)snprintf(user->text, 32, "urn:sm:user:alice");
	wp_buf_init(&json, 0);
	wp_buf_add_str(&json, "{\"recipientId\":\"urn:sm:user:bob\","
			      "\"encryptedData\":\"");
	for (size_t i = 0; i < bytes; i++)
		wp_buf_add_char(&json, 'A');
	wp_buf_add_str(&json, "\",\"junk\":\"");
	for (size_t i = 0; i < junk; i++)
		wp_buf_add_char(&json, 'j');
	wp_buf_add_str(&json, "\"}");
	text.data = json.data;
	text.len = json.len;
	is_begun = wp_live_send_begin(send, user, &options, &text, &refusal);
	if (!is_begun) {
		assert_string_equal(refusal.code, "overloaded");
		free(send);
	}
	wp_buf_release(&json);
	free(user);
	return is_begun;
}

static bool send_one(uint32_t hash, size_t bytes)
{
	return send_with(hash, bytes, 0);
}

/* What one of so many bytes costs. */
static size_t cost_of(size_t bytes)
{
	size_t before = live.inflight;

	assert_true(send_one(USER, bytes));
	return live.inflight - before;
}

static size_t fill(uint32_t hash)
{
	size_t before = live.inflight;

	while (send_one(hash, BYTES))
		;
	return live.inflight - before;
}

/* ---- acks ---- */

static const char *next_life;

/* The store has deleted the last row; Redis may have been replaced since. */
enum wp_err __wrap_wp_store_thread_submit(struct wp_store_thread *thread,
					  struct wp_store_job *job);
enum wp_err __wrap_wp_store_thread_submit(struct wp_store_thread *thread,
					  struct wp_store_job *job)
{
	struct wp_live_ack *ack = (struct wp_live_ack *)job;

	(void)thread;
	run_id = next_life;
	ack->walk.cold.rest.is_empty = true;
	job->done(job, WP_OK);
	return WP_OK;
}

static bool is_acked;

static void on_acked(struct wp_live_ack *ack, bool is_done)
{
	(void)ack;
	is_acked = is_done;
}

/* Answer {gate is open, a token, one deleted, when}. */
static void answer_ack(void)
{
	char token[] = "token";
	struct redisReply open = { .type = REDIS_REPLY_INTEGER, .integer = 1 };
	struct redisReply hint = { .type = REDIS_REPLY_STRING,
				   .str = token,
				   .len = sizeof(token) - 1 };
	struct redisReply *words[] = { &open, &hint, &open, &open };
	struct redisReply reply = { .type = REDIS_REPLY_ARRAY,
				    .elements = 4,
				    .element = words };

	assert_int_equal(n_waiting, 1);
	n_waiting = 0;
	waiting[0].fn(waiting[0].ctx, (const struct wp_reply *)&reply);
}

static bool has_asked(const char *text)
{
	return memmem(asked.data, asked.len, text, strlen(text)) != NULL;
}

/* ---- tests ---- */

/* A token may come again when Redis has lost its memory: docs/architecture.md
 * "Acknowledging". */
static void ack_the_last_one(void)
{
	struct wp_live_ack ack = { .live = &live, .done = on_acked };
	struct wp_user *user = calloc(1, sizeof(*user) + 32);
	struct wp_json_slice text = { 0 };
	struct wp_msgid id = { .entry = { .ms = 1 } };
	char name[WP_MSGID_LEN + 1], json[100];
	struct wp_error err = { 0 };

	assert_non_null(user);
	user->hash = USER;
	user->len = (uint8_t)snprintf(user->text, 32, "urn:sm:user:alice");
	wp_msgid_format(&id, name);
	text.data = json;
	text.len = (size_t)snprintf(json, sizeof(json),
				    "{\"messageIds\":[\"%s\"]}", name);
	is_acked = false;
	assert_int_equal(wp_live_ack_begin(&ack, user, &text, &err), WP_OK);
	assert_false(has_asked("token"));
	answer_ack();
	assert_true(is_acked);
	free(user);
}

static void a_hint_is_cleared_in_the_life_that_told_of_it(void **state)
{
	(void)state;
	next_life = first_life;
	ack_the_last_one();
	assert_true(has_asked("token"));
	assert_true(has_asked(first_life));

	next_life = second_life;
	ack_the_last_one();
	assert_false(has_asked("token"));
	assert_true(has_asked("alice")); /* what is left is noted still */
}

static void one_user_takes_a_part_only(void **state)
{
	size_t each = cost_of(BYTES);
	size_t taken = each + fill(USER);

	(void)state;
	assert_in_range(each, BYTES + WP_INFLIGHT_CALL_COST, BYTES * 103 / 100);
	assert_int_equal(taken, n_gathered * each);
	assert_true(taken <= WP_INFLIGHT_USER_MAX);
	assert_true(taken > WP_INFLIGHT_USER_MAX - each);
	/* A smaller one still fits, and everybody else's. */
	assert_true(send_one(USER, 8));
	assert_true(send_one(OTHER, BYTES));
}

/* Memory is asked for in steps, and what is not passed on leaves room for a
 * step too many. */
static void what_is_held_is_charged(void **state)
{
	static const size_t junk[] = { 0, BYTES / 8, BYTES / 2, BYTES - 200 };

	(void)state;
	for (size_t i = 0; i < sizeof(junk) / sizeof(junk[0]); i++) {
		const struct wp_live_send *send;
		size_t before = live.inflight;

		assert_true(send_with(USER, BYTES, junk[i]));
		send = (const struct wp_live_send *)gathered[n_gathered - 1];
		assert_true(malloc_usable_size(send->json.data) <=
			    live.inflight - before);
	}
}

static void all_together_stay_within_the_bound(void **state)
{
	size_t each = cost_of(BYTES);

	(void)state;
	for (uint32_t hash = 0; hash < 10; hash++)
		(void)fill(hash);
	assert_int_equal(live.inflight, n_gathered * each);
	assert_true(live.inflight <= WP_INFLIGHT_MAX);
	assert_true(live.inflight > WP_INFLIGHT_MAX - each);
}

static void what_is_answered_makes_room(void **state)
{
	size_t taken = fill(USER);

	(void)state;
	answer_all();
	assert_int_equal(live.inflight, 0);
	assert_int_equal(live.inflight_of[USER], 0);
	assert_int_equal(fill(USER), taken);
}

static void what_just_fits_is_taken(void **state)
{
	size_t each = cost_of(BYTES);
	uint32_t hash = UINT32_MAX;
	size_t *of_user = &live.inflight_of[hash % WP_INFLIGHT_SLOTS];

	(void)state;
	*of_user = WP_INFLIGHT_USER_MAX - each + 1;
	assert_false(send_one(hash, BYTES));
	*of_user = WP_INFLIGHT_USER_MAX - WP_INFLIGHT_CALL_COST + 1;
	assert_false(send_one(hash, BYTES));
	*of_user = WP_INFLIGHT_USER_MAX - each;
	assert_true(send_one(hash, BYTES));
	assert_int_equal(*of_user, WP_INFLIGHT_USER_MAX);
	assert_false(send_one(hash, 8));

	live.inflight = WP_INFLIGHT_MAX - each + 1;
	assert_false(send_one(OTHER, BYTES));
	live.inflight = WP_INFLIGHT_MAX - each;
	assert_true(send_one(OTHER, BYTES));
	assert_int_equal(live.inflight, WP_INFLIGHT_MAX);
	assert_false(send_one(OTHER, 8));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_hint_is_cleared_in_the_life_that_told_of_it),
		TEST(one_user_takes_a_part_only),
		TEST(what_is_held_is_charged),
		TEST(all_together_stay_within_the_bound),
		TEST(what_is_answered_makes_room),
		TEST(what_just_fits_is_taken),
	};

	return cmocka_run_group_tests_name("live", tests, NULL, NULL);
}
