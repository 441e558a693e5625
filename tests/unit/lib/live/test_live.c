/* One user's part of what may wait, and everybody's together. The linker hands
 * the calls to Redis over: they wait here until they are answered. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "lib/live/live.h"
#include "lib/redis/async.h"
#include "lib/sys/sections/sections.h"

enum { BYTES = 100000, CALLS = 1024, USER = 7, OTHER = 8 };

static struct wp_live live;
static struct wp_conf conf;

/* ---- Redis ---- */

static struct {
	wp_reply_fn fn;
	void *ctx;
} waiting[CALLS];
static size_t n_waiting;

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
	return "0123456789012345678901234567890123456789";
}

enum wp_err __wrap_wp_aredis_do(struct wp_aredis *redis,
				const struct wp_cmd *cmd, wp_reply_fn fn,
				void *ctx)
{
	(void)redis;
	(void)cmd;
	assert_true(n_waiting < CALLS);
	waiting[n_waiting].fn = fn;
	waiting[n_waiting++].ctx = ctx;
	return WP_OK;
}

/* All are lost. */
static void answer_all(void)
{
	for (size_t i = 0; i < n_waiting; i++)
		waiting[i].fn(waiting[i].ctx, NULL);
	n_waiting = 0;
}

/* ---- sends ---- */

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
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	answer_all();
	wp_conf_release(&conf);
	return 0;
}

static void on_sent(struct wp_live_send *send,
		    const struct wp_send_result *result)
{
	assert_int_equal(result->status, WP_SEND_UNKNOWN);
	free(send);
}

/* A send of so many bytes, which is a multiple of 4. */
static bool send_one(uint32_t hash, size_t bytes)
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

/* ---- tests ---- */

static void one_user_takes_a_part_only(void **state)
{
	size_t each = cost_of(BYTES);
	size_t taken = each + fill(USER);

	(void)state;
	assert_in_range(each, BYTES + WP_INFLIGHT_CALL_COST, BYTES * 102 / 100);
	assert_int_equal(taken, n_waiting * each);
	assert_true(taken <= WP_INFLIGHT_USER_MAX);
	assert_true(taken > WP_INFLIGHT_USER_MAX - each);
	/* A smaller one still fits, and everybody else's. */
	assert_true(send_one(USER, 8));
	assert_true(send_one(OTHER, BYTES));
}

static void all_together_stay_within_the_bound(void **state)
{
	size_t each = cost_of(BYTES);

	(void)state;
	for (uint32_t hash = 0; hash < 10; hash++)
		(void)fill(hash);
	assert_int_equal(live.inflight, n_waiting * each);
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
		TEST(one_user_takes_a_part_only),
		TEST(all_together_stay_within_the_bound),
		TEST(what_is_answered_makes_room),
		TEST(what_just_fits_is_taken),
	};

	return cmocka_run_group_tests_name("live", tests, NULL, NULL);
}
