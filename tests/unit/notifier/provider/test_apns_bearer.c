/*
 * The token by which Apple knows us: one for all, whatever Redis does. Redis
 * here is one key of ours, and answers when a test says so.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <hiredis/hiredis.h>

#include "lib/auth/jwt_sign.h"
#include "lib/auth/signing_key.h"
#include "notifier/provider/apns_bearer.h"

enum { NOW_S = 1796076000, ASKED_MAX = 64, VALUE_MAX = 2048, MINUTE = 60 };

static const char key_name[] = "wp:push:apns:TEAM567890:KEY4567890";

static struct wp_bearer_now now;
static struct wp_own_key seal_key;
static struct wp_buf pem;

static void pass(int64_t seconds)
{
	now.wall_s += seconds;
	now.mono_ms += (uint64_t)seconds * 1000;
}

static unsigned int signed_ever;

enum wp_err __real_wp_jwt_sign(const struct wp_jwt_sign *what,
			       struct wp_buf *out, struct wp_error *err);
enum wp_err __wrap_wp_jwt_sign(const struct wp_jwt_sign *what,
			       struct wp_buf *out, struct wp_error *err);
enum wp_err __wrap_wp_jwt_sign(const struct wp_jwt_sign *what,
			       struct wp_buf *out, struct wp_error *err)
{
	signed_ever++;
	return __real_wp_jwt_sign(what, out, err);
}

/* ---- Redis ---- */

struct asked {
	struct wp_cmd cmd;
	wp_reply_fn fn;
	void *ctx;
};

static struct asked asked[ASKED_MAX];
static size_t n_asked;
static bool is_down;
static char value[VALUE_MAX];
static size_t value_len; /* 0: there is none */
static bool is_no_text;  /* it is of another type */
static uint64_t lapses_ms;

static enum wp_err on_redis(void *redis_ctx, const struct wp_cmd *cmd,
			    wp_reply_fn fn, void *ctx)
{
	struct asked *one = &asked[n_asked];

	assert_ptr_equal(redis_ctx, &asked);
	if (is_down)
		return WP_ERR_UNAVAIL;
	assert_true(n_asked < ASKED_MAX);
	n_asked++;
	wp_cmd_init(&one->cmd);
	for (size_t i = 0; i < cmd->n; i++) {
		size_t len;
		const char *word = wp_cmd_word(cmd, i, &len);

		wp_cmd_add(&one->cmd, word, len);
	}
	one->fn = fn;
	one->ctx = ctx;
	return WP_OK;
}

static bool word_is(const struct asked *one, size_t i, const char *text)
{
	size_t len;
	const char *word = wp_cmd_word(&one->cmd, i, &len);

	return len == strlen(text) && memcmp(word, text, len) == 0;
}

static void do_set(const struct asked *one, struct redisReply *reply)
{
	static char ok[] = "OK";
	const char *word;
	size_t len;

	assert_true(one->cmd.n == 5 || one->cmd.n == 6);
	assert_true(word_is(one, 3, "EX"));
	assert_true(one->cmd.n == 5 || word_is(one, 5, "NX"));
	if (one->cmd.n == 6 && value_len > 0)
		return;
	word = wp_cmd_word(&one->cmd, 4, &len);
	lapses_ms = now.mono_ms + strtoull(word, NULL, 10) * 1000;
	assert_in_range(lapses_ms - now.mono_ms, 1000,
			WP_BEARER_SHARED_S * 1000);
	word = wp_cmd_word(&one->cmd, 2, &len);
	assert_true(len <= sizeof(value));
	memcpy(value, word, len);
	value_len = len;
	is_no_text = false;
	*reply = (struct redisReply){ .type = REDIS_REPLY_STATUS,
				      .str = ok,
				      .len = 2 };
}

/* The oldest question is answered; is_lost: by nothing. */
static void serve_one(bool is_lost)
{
	struct asked one = asked[0];
	static char wrong[] = "WRONGTYPE Operation against a key";
	struct redisReply reply = { .type = REDIS_REPLY_NIL };

	assert_true(n_asked > 0);
	memmove(asked, asked + 1, --n_asked * sizeof(asked[0]));
	assert_true(word_is(&one, 1, key_name));
	if (value_len > 0 && now.mono_ms >= lapses_ms)
		value_len = 0;
	if (word_is(&one, 0, "SET"))
		do_set(&one, &reply);
	else if (is_no_text)
		reply = (struct redisReply){ .type = REDIS_REPLY_ERROR,
					     .str = wrong,
					     .len = sizeof(wrong) - 1 };
	else if (value_len > 0)
		reply = (struct redisReply){ .type = REDIS_REPLY_STRING,
					     .str = value,
					     .len = value_len };
	wp_cmd_release(&one.cmd);
	one.fn(one.ctx, is_lost ? NULL : (const struct wp_reply *)&reply);
}

static void serve(void)
{
	while (n_asked > 0)
		serve_one(false);
}

static void lose(void)
{
	while (n_asked > 0)
		serve_one(true);
}

static void put_junk(void)
{
	value_len = (size_t)snprintf(value, sizeof(value),
				     "\001nothing of ours, and long enough "
				     "for a version, a nonce and a tag");
	lapses_ms = UINT64_MAX;
}

/* ---- notifiers ---- */

static unsigned int settled;

static void on_settled(void *ctx)
{
	assert_ptr_equal(ctx, &settled);
	settled++;
}

static struct wp_apns_bearer *notifier_by(const struct wp_own_key *seal,
					  const struct wp_buf *file)
{
	const struct wp_apns_bearer_setup setup = {
		.team = "TEAM567890",
		.key = "KEY4567890",
		.pem = file->data,
		.pem_len = file->len,
		.seal = seal,
		.redis = on_redis,
		.redis_ctx = &asked,
		.on_settled = on_settled,
		.ctx = &settled,
	};
	struct wp_apns_bearer *bearer = wp_apns_bearer_new(&setup);

	assert_non_null(bearer);
	return bearer;
}

static struct wp_apns_bearer *notifier(const struct wp_own_key *seal)
{
	return notifier_by(seal, &pem);
}

static struct wp_apns_bearer *a, *b;

static int begin(void **state)
{
	(void)state;
	now = (struct wp_bearer_now){ .wall_s = NOW_S, .mono_ms = 5000 };
	signed_ever = 0;
	settled = 0;
	value_len = 0;
	is_no_text = false;
	is_down = false;
	a = notifier(&seal_key);
	b = notifier(&seal_key);
	return 0;
}

static int end(void **state)
{
	(void)state;
	wp_apns_bearer_free(&a);
	wp_apns_bearer_free(&b);
	serve(); /* to nobody */
	return 0;
}

static bool has_none(struct wp_apns_bearer *bearer)
{
	struct wp_bearer_grant grant;

	return !wp_apns_bearer_get(bearer, &now, &grant);
}

/* Kept until the next call but three. */
static const char *text_of(struct wp_apns_bearer *bearer)
{
	static char texts[4][1024];
	static unsigned int turn;
	struct wp_bearer_grant grant;
	char *text = texts[turn++ % 4];

	assert_true(wp_apns_bearer_get(bearer, &now, &grant));
	assert_in_range(grant.age_s, 0, WP_BEARER_SPENT_S - 1);
	(void)snprintf(text, sizeof(texts[0]), "%s", grant.text);
	return text;
}

static uint64_t number_of(struct wp_apns_bearer *bearer)
{
	struct wp_bearer_grant grant;

	assert_true(wp_apns_bearer_get(bearer, &now, &grant));
	return grant.number;
}

static void all_share_one_and_change_it_together(void **state)
{
	char last[1024];
	unsigned int changes = 0;

	(void)state;
	assert_true(has_none(a));
	assert_true(has_none(b));
	assert_true(wp_apns_bearer_is_coming(a));
	serve();
	assert_int_equal(settled, 2);
	(void)snprintf(last, sizeof(last), "%s", text_of(a));
	/* Both had asked before either had answered. */
	assert_int_equal(signed_ever, 2);
	for (int64_t i = 0; i < 60 * MINUTE; i++) {
		const char *one = text_of(a);

		serve();
		one = text_of(a);
		(void)text_of(b);
		serve();
		assert_string_equal(one, text_of(b));
		if (strcmp(one, last) != 0)
			changes++;
		(void)snprintf(last, sizeof(last), "%s", one);
		pass(1);
	}
	assert_int_equal(changes, 1);
	/* And whoever is second signs nothing. */
	assert_int_equal(signed_ever, 3);
}

static void of_two_at_once_one_is_first(void **state)
{
	(void)state;
	assert_true(has_none(a));
	assert_true(has_none(b));
	serve_one(false); /* a finds nothing */
	serve_one(false); /* and so does b */
	serve_one(false); /* a puts his there */
	assert_false(wp_apns_bearer_is_coming(a));
	assert_true(wp_apns_bearer_is_coming(b));
	serve();
	assert_string_equal(text_of(a), text_of(b));
	assert_int_equal(settled, 2);
}

static void what_lies_there_is_sealed_and_of_one_team(void **state)
{
	struct wp_own_key other = seal_key;

	(void)state;
	assert_true(has_none(a));
	serve();
	assert_null(memmem(value, value_len, "eyJ", 3));
	assert_null(memmem(value, value_len, text_of(a), 20));
	other.bytes[0] ^= 1;
	wp_apns_bearer_free(&b);
	b = notifier(&other);
	assert_true(has_none(b));
	serve();
	assert_string_not_equal(text_of(a), text_of(b));
}

/* An operator who took the wrong file does not have to wait. */
static void that_of_another_private_key_is_none(void **state)
{
	struct wp_signing_public about;
	struct wp_buf other;

	(void)state;
	wp_buf_init(&other, 0);
	assert_int_equal(wp_signing_make(WP_SIGN_ES256, &other, &about, NULL),
			 WP_OK);
	assert_true(has_none(a));
	serve();
	wp_apns_bearer_free(&b);
	b = notifier_by(&seal_key, &other);
	assert_true(has_none(b));
	serve();
	assert_string_not_equal(text_of(a), text_of(b));
	wp_apns_bearer_free(&b);
	wp_signing_forget(&other);
}

static void alone_it_is_made_at_once_and_not_often(void **state)
{
	char first[1024];

	(void)state;
	is_down = true;
	(void)snprintf(first, sizeof(first), "%s", text_of(a));
	/* Who asks hears it, and nobody else waits. */
	assert_int_equal(settled, 0);
	for (int64_t i = 0; i < 55 * MINUTE; i++) {
		assert_string_equal(text_of(a), first);
		pass(1);
	}
	assert_int_equal(signed_ever, 1);
	(void)text_of(a);
	assert_int_equal(signed_ever, 2);
}

static void back_again_it_is_shared(void **state)
{
	char alone[1024];

	(void)state;
	is_down = true;
	(void)snprintf(alone, sizeof(alone), "%s", text_of(a));
	is_down = false;
	pass(30 * MINUTE);
	(void)text_of(a);
	serve();
	assert_string_equal(text_of(a), alone);
	assert_int_equal(lapses_ms - now.mono_ms, 15 * MINUTE * 1000);
	assert_true(has_none(b));
	serve();
	assert_string_equal(text_of(b), alone);
	assert_int_equal(signed_ever, 1);
}

static void back_again_another_ones_is_used(void **state)
{
	(void)state;
	is_down = true;
	(void)text_of(a);
	is_down = false;
	assert_true(has_none(b));
	serve();
	/* It asks as soon as that may have an answer. */
	(void)text_of(a);
	assert_int_equal(n_asked, 0);
	pass(WP_BEARER_AGAIN_MS / 1000);
	(void)text_of(a);
	assert_int_equal(n_asked, 1);
	serve();
	assert_string_equal(text_of(a), text_of(b));
	assert_int_equal(signed_ever, 2);
}

static void an_answer_that_is_lost_leaves_our_own(void **state)
{
	char own[1024];

	(void)state;
	assert_true(has_none(a));
	lose();
	assert_int_equal(settled, 1);
	(void)snprintf(own, sizeof(own), "%s", text_of(a));
	/* What was put there may be there. */
	assert_true(has_none(b));
	serve_one(false);
	serve_one(true);
	assert_int_equal(settled, 2);
	pass(WP_BEARER_AGAIN_MS / 1000);
	(void)text_of(a);
	serve();
	assert_string_equal(text_of(a), text_of(b));
	assert_int_equal(signed_ever, 2);
}

/* And Redis goes before it is read: better ours than none. */
static void who_was_second_has_his_own_if_need_be(void **state)
{
	(void)state;
	assert_true(has_none(a));
	assert_true(has_none(b));
	serve_one(false);
	serve_one(false);
	serve_one(false);
	serve_one(false); /* b was second */
	serve_one(true);
	assert_string_not_equal(text_of(a), text_of(b));
	pass(WP_BEARER_AGAIN_MS / 1000);
	(void)text_of(b);
	serve();
	assert_string_equal(text_of(a), text_of(b));
	/* Once more, and what was first has lapsed meanwhile. */
	pass(45 * MINUTE);
	(void)text_of(a);
	(void)text_of(b);
	serve_one(false);
	serve_one(false);
	serve_one(false);
	serve_one(false);
	value_len = 0;
	serve();
	assert_int_not_equal(value_len, 0);
	(void)text_of(b);
	assert_int_equal(signed_ever, 4);
}

static void an_old_one_is_shared_no_more(void **state)
{
	char first[1024];

	(void)state;
	is_down = true;
	(void)snprintf(first, sizeof(first), "%s", text_of(a));
	is_down = false;
	pass(45 * MINUTE);
	assert_string_equal(text_of(a), first);
	serve();
	assert_string_not_equal(text_of(a), first);
	assert_int_equal(lapses_ms - now.mono_ms, 45 * MINUTE * 1000);
}

static void what_does_not_open_is_replaced_once(void **state)
{
	(void)state;
	put_junk();
	assert_true(has_none(a));
	serve();
	assert_true(has_none(b));
	serve();
	assert_string_equal(text_of(a), text_of(b));
	assert_int_equal(signed_ever, 1);
}

static void so_is_a_key_of_another_type(void **state)
{
	(void)state;
	is_no_text = true;
	assert_true(has_none(a));
	serve();
	assert_true(has_none(b));
	serve();
	assert_string_equal(text_of(a), text_of(b));
	assert_int_equal(signed_ever, 1);
}

/* Somebody with another secret puts his there, over and over. */
static void junk_that_comes_back_has_nobody_sign_all_the_time(void **state)
{
	(void)state;
	for (int64_t i = 0; i < 20 * MINUTE; i++) {
		put_junk();
		(void)has_none(a);
		serve();
		(void)text_of(a);
		pass(1);
	}
	assert_int_equal(signed_ever, 1);
}

static void an_expired_one_is_replaced_for_all(void **state)
{
	char first[1024], old[VALUE_MAX];
	size_t old_len;
	uint64_t number;

	(void)state;
	assert_true(has_none(a));
	serve();
	assert_true(has_none(b));
	serve();
	(void)snprintf(first, sizeof(first), "%s", text_of(a));
	memcpy(old, value, old_len = value_len);
	number = number_of(a);

	/* A young one has not. */
	pass(20 * MINUTE - 1);
	wp_apns_bearer_renew(a, &now, number);
	assert_string_equal(text_of(a), first);
	assert_int_equal(n_asked, 0);

	pass(1);
	wp_apns_bearer_renew(a, &now, number);
	assert_true(has_none(a));
	serve();
	assert_string_not_equal(text_of(a), first);
	assert_int_equal(wp_apns_bearer_age_s(a, &now, number_of(a)), 0);
	assert_int_equal(wp_apns_bearer_age_s(a, &now, number),
			 WP_BEARER_SPENT_S);
	assert_int_equal(wp_apns_bearer_wait_ms(a, &now), 0);
	wp_apns_bearer_renew(a, &now, number); /* who hears it late */
	assert_int_equal(n_asked, 0);
	wp_apns_bearer_renew(b, &now, number_of(b));
	assert_true(has_none(b));
	serve();
	assert_string_equal(text_of(a), text_of(b));
	assert_int_equal(signed_ever, 2);

	/* A Redis that forgot. */
	memcpy(value, old, value_len = old_len);
	pass(45 * MINUTE);
	lapses_ms = UINT64_MAX;
	(void)text_of(a);
	serve();
	assert_string_not_equal(text_of(a), first);
}

static void nothing_is_made_within_twenty_minutes(void **state)
{
	(void)state;
	is_down = true;
	(void)text_of(a);
	is_down = false;
	pass(5 * MINUTE);
	/* Another one's, which is old. */
	now.wall_s -= 21 * MINUTE;
	assert_true(has_none(b));
	serve();
	now.wall_s += 21 * MINUTE;
	(void)text_of(a);
	serve();
	assert_string_equal(text_of(a), text_of(b));
	wp_apns_bearer_renew(a, &now, number_of(a));
	assert_int_equal(wp_apns_bearer_wait_ms(a, &now), 0);
	serve();
	assert_true(has_none(a));
	pass(1);
	assert_int_equal(wp_apns_bearer_wait_ms(a, &now),
			 WP_BEARER_AGAIN_MS - 1000);
	pass(9);
	assert_int_equal(wp_apns_bearer_wait_ms(a, &now), 0);
	assert_true(has_none(a));
	serve();
	assert_int_equal(signed_ever, 2);
	pass(15 * MINUTE);
	assert_true(has_none(a));
	serve();
	(void)text_of(a);
	assert_int_equal(signed_ever, 3);
}

static void a_clock_that_is_put_lets_none_live_longer(void **state)
{
	char first[1024];
	uint64_t number;

	(void)state;
	assert_true(has_none(a));
	serve();
	(void)snprintf(first, sizeof(first), "%s", text_of(a));
	number = number_of(a);
	now.wall_s -= 86400;
	/* It lapses late, and is read once more. */
	lapses_ms = UINT64_MAX;
	pass(46 * MINUTE);
	(void)text_of(a);
	serve();
	assert_int_equal(number_of(a), number);
	pass(9 * MINUTE);
	is_down = true;
	assert_string_not_equal(text_of(a), first);
	/* And whoever made one while his clock was ahead. */
	is_down = false;
	assert_true(has_none(b));
	serve();
	now.wall_s -= 86400;
	pass(20 * MINUTE);
	wp_apns_bearer_free(&a);
	a = notifier(&seal_key);
	assert_true(has_none(a));
	serve();
	assert_string_equal(text_of(a), text_of(b));
}

static void who_has_gone_hears_nothing(void **state)
{
	(void)state;
	assert_true(has_none(a));
	wp_apns_bearer_free(&a);
	serve();
	assert_true(has_none(b));
	serve_one(false);
	wp_apns_bearer_free(&b);
	serve();
	assert_int_equal(settled, 0);
	assert_int_equal(n_asked, 0);
}

static int make_keys(void **state)
{
	struct wp_signing_public about;
	struct wp_error err = { 0 };

	(void)state;
	wp_own_key_make(&seal_key, "a secret of the store, long enough",
			WP_BEARER_PURPOSE);
	wp_buf_init(&pem, 0);
	return wp_signing_make(WP_SIGN_ES256, &pem, &about, &err) == WP_OK ? 0
									   : -1;
}

static int forget_keys(void **state)
{
	(void)state;
	wp_signing_forget(&pem);
	return 0;
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)
	const struct CMUnitTest tests[] = {
		TEST(all_share_one_and_change_it_together),
		TEST(of_two_at_once_one_is_first),
		TEST(what_lies_there_is_sealed_and_of_one_team),
		TEST(that_of_another_private_key_is_none),
		TEST(alone_it_is_made_at_once_and_not_often),
		TEST(back_again_it_is_shared),
		TEST(back_again_another_ones_is_used),
		TEST(an_answer_that_is_lost_leaves_our_own),
		TEST(who_was_second_has_his_own_if_need_be),
		TEST(an_old_one_is_shared_no_more),
		TEST(what_does_not_open_is_replaced_once),
		TEST(so_is_a_key_of_another_type),
		TEST(junk_that_comes_back_has_nobody_sign_all_the_time),
		TEST(an_expired_one_is_replaced_for_all),
		TEST(nothing_is_made_within_twenty_minutes),
		TEST(a_clock_that_is_put_lets_none_live_longer),
		TEST(who_has_gone_hears_nothing),
	};

	return cmocka_run_group_tests_name("apns bearer", tests, make_keys,
					   forget_keys);
}
