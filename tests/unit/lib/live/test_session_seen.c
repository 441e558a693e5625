/* Redis is told of sessions of ours, and of nobody else's. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "lib/live/session_seen.h"
#include "lib/name/box.h"

enum { PARTITIONS = 64, WORDS = 7 };
/* EVALSHA, script, 1, prefix; then the arguments of session_seen.lua. */
enum { WORD_PREFIX = 3, WORD_SESSION, WORD_GENERATION, WORD_DAY };

static struct {
	size_t n;
	enum wp_err rc;
	char words[WORDS][64];
} redis;

static enum wp_err on_call(void *ctx, const struct wp_cmd *cmd, wp_reply_fn fn,
			   void *fn_ctx)
{
	assert_ptr_equal(ctx, &redis);
	redis.n++;
	for (size_t i = 0; i < WORDS; i++) {
		size_t len;
		const char *word = wp_cmd_word(cmd, i, &len);

		assert_true(len < sizeof(redis.words[0]));
		memcpy(redis.words[i], word, len);
		redis.words[i][len] = '\0';
	}
	if (redis.rc == WP_OK)
		fn(fn_ctx, NULL); /* lost: nobody minds */
	return redis.rc;
}

static void tell(const struct wp_identity *who)
{
	const struct wp_seen_way way = { PARTITIONS, on_call, &redis };

	wp_session_seen(who, &way);
}

static struct wp_identity someone(void)
{
	struct wp_identity who = { .issuer = 1 };

	assert_int_equal(wp_urn_parse(&who.user, "bob", 3, NULL), WP_OK);
	return who;
}

static void a_session_of_ours_is_named_with_its_generation(void **state)
{
	struct wp_identity who = someone();
	struct wp_box box;
	char prefix[32];

	(void)state;
	who.own.is_set = true;
	who.own.generation = 4294967295;
	for (size_t i = 0; i < sizeof(who.own.sid); i++)
		who.own.sid[i] = (uint8_t)(0xf0 + i);
	wp_box_of(&box, &who.user, PARTITIONS);
	snprintf(prefix, sizeof(prefix), "wp:{%u}:", box.partition);
	tell(&who);
	assert_int_equal(redis.n, 1);
	assert_string_equal(redis.words[WORD_PREFIX], prefix);
	assert_string_equal(redis.words[WORD_SESSION],
			    "f0f1f2f3f4f5f6f7f8f9fafbfcfdfeff");
	assert_string_equal(redis.words[WORD_GENERATION], "4294967295");
	assert_string_equal(redis.words[WORD_DAY], "");
	/* Where Redis is not there, it is not told. */
	redis.rc = WP_ERR_UNAVAIL;
	tell(&who);
	assert_int_equal(redis.n, 2);
}

static void of_others_nothing_is_said(void **state)
{
	struct wp_identity who = someone();

	(void)state;
	memset(&redis, 0, sizeof(redis));
	who.own.generation = 3;
	tell(&who);
	who.kind = WP_KIND_KEY;
	tell(&who);
	assert_int_equal(redis.n, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
			a_session_of_ours_is_named_with_its_generation),
		cmocka_unit_test(of_others_nothing_is_said),
	};

	return cmocka_run_group_tests_name("session seen", tests, NULL, NULL);
}
