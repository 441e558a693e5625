/* Keys of back ends: which lines are keys, and who is let in by one. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/auth/apikey.h"
#include "lib/auth/scope.h"
#include "lib/base/encode.h"

#define NOW INT64_C(1795225140) /* 2026-11-21T01:39:00Z */
#define DIGEST \
	"0123456789abcdef0123456789abcdef0123456789abcdef0123456789ABCDEF"
#define LINE "abcdefghij:" DIGEST ":send:-:billing\n"

static enum wp_err read_text(const char *text, struct wp_apikeys **out,
			     struct wp_error *err)
{
	struct wp_buf buf;
	enum wp_err rc;

	wp_buf_init(&buf, 0);
	wp_buf_add_str(&buf, text);
	rc = wp_apikeys_new(out, &buf, err);
	wp_buf_release(&buf);
	return rc;
}

/* It is a file of so many keys. */
static void expect_keys(const char *text, size_t n)
{
	struct wp_apikeys *keys = NULL;
	struct wp_error err = { 0 };

	if (read_text(text, &keys, &err) != WP_OK)
		fail_msg("%s: %s", text, err.msg);
	assert_int_equal(wp_apikeys_count(keys), n);
	wp_apikeys_free(&keys);
	assert_null(keys);
}

static void expect_bad(const char *text, const char *sentence)
{
	struct wp_apikeys *keys = NULL;
	struct wp_error err = { 0 };

	if (read_text(text, &keys, &err) != WP_ERR_INVAL)
		fail_msg("accepted: %s", text);
	assert_null(keys);
	if (strstr(err.msg, sentence) == NULL)
		fail_msg("%s: '%s' lacks '%s'", text, err.msg, sentence);
	/* What stands in the file is nobody's to read in a log. */
	assert_null(strstr(err.msg, "0123456789"));
}

static void lines_are_keys_comments_or_empty(void **state)
{
	(void)state;
	expect_keys("", 0);
	expect_keys("\n\n# a comment: with:colons:and:more:of:them\n", 0);
	expect_keys(LINE, 1);
	expect_keys("#\n" LINE "\nabcdefghik:" DIGEST
		    ":send,notify,presence:2027-01-31:a.b-c_9\n",
		    2);
}

static void a_line_that_is_no_key_is_named_by_its_number(void **state)
{
	static const struct {
		const char *line;
		const char *sentence;
	} cases[] = {
		{ "abcdefghij\n", "must be <id>" },
		{ "abcdefghij:" DIGEST ":send:-\n", "must be <id>" },
		{ "abcdefghij:" DIGEST ":send:-:a:b\n", "must be <id>" },
		{ " \n", "must be <id>" },
		{ " " LINE, "the id" },
		{ "abcdefghi:" DIGEST ":send:-:billing\n", "the id" },
		{ "abcdefghijk:" DIGEST ":send:-:billing\n", "the id" },
		{ "ABCDEFGHIJ:" DIGEST ":send:-:billing\n", "the id" },
		{ "abcde_ghij:" DIGEST ":send:-:billing\n", "the id" },
		{ "abcdefghij:" DIGEST "0:send:-:billing\n", "the SHA-256" },
		{ "abcdefghij:x:send:-:billing\n", "the SHA-256" },
		{ "abcdefghij:" DIGEST "::-:billing\n", "the scopes" },
		{ "abcdefghij:" DIGEST ":all:-:billing\n", "the scopes" },
		{ "abcdefghij:" DIGEST ":send,:-:billing\n", "the scopes" },
		{ "abcdefghij:" DIGEST ":,send:-:billing\n", "the scopes" },
		{ "abcdefghij:" DIGEST ":send,send:-:billing\n", "the scopes" },
		{ "abcdefghij:" DIGEST ":send, notify:-:billing\n",
		  "the scopes" },
		{ "abcdefghij:" DIGEST ":SEND:-:billing\n", "the scopes" },
		{ "abcdefghij:" DIGEST ":send::billing\n", "the last day" },
		{ "abcdefghij:" DIGEST ":send:--:billing\n", "the last day" },
		{ "abcdefghij:" DIGEST ":send:2027-1-31:billing\n",
		  "the last day" },
		{ "abcdefghij:" DIGEST ":send:2027-02-29:billing\n",
		  "the last day" },
		{ "abcdefghij:" DIGEST ":send:-:\n", "the name" },
		{ "abcdefghij:" DIGEST ":send:-:Billing\n", "the name" },
		{ "abcdefghij:" DIGEST ":send:-:.billing\n", "the name" },
		{ "abcdefghij:" DIGEST ":send:-:bill ing\n", "the name" },
		{ "abcdefghij:" DIGEST ":send:-:billing\r\n", "the name" },
		{ "abcdefghij:" DIGEST ":send:-:b\xc3\xa4\n", "the name" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char text[512], sentence[64];

		(void)snprintf(text, sizeof(text), "# one\n\n%s",
			       cases[i].line);
		(void)snprintf(sentence, sizeof(sentence), "line 3: %s",
			       cases[i].sentence);
		expect_bad(text, sentence);
	}
}

/* Whoever writes in place may be seen half-way. */
static void a_file_that_was_cut_off_is_refused(void **state)
{
	static const char whole[] =
		LINE "abcdefghik"
		     ":" DIGEST ":send,notify:2027-01-31:other\n";
	char text[sizeof(whole)];

	(void)state;
	for (size_t len = 0; len < sizeof(whole) - 1; len++) {
		memcpy(text, whole, len);
		text[len] = '\0';
		if (len == 0 || len == strlen(LINE))
			expect_keys(text, len != 0);
		else
			expect_bad(text, "has no end");
	}
	expect_keys(whole, 2);
}

static void a_nul_byte_is_no_end(void **state)
{
	struct wp_apikeys *keys = NULL;
	struct wp_error err = { 0 };
	struct wp_buf text;

	(void)state;
	wp_buf_init(&text, 0);
	wp_buf_add_str(&text, "abcdefghij:" DIGEST ":send:-:billing");
	wp_buf_add(&text, "\0\n", 2);
	assert_int_equal(wp_apikeys_new(&keys, &text, &err), WP_ERR_INVAL);
	assert_non_null(strstr(err.msg, "line 1: the name"));
	wp_buf_release(&text);
}

static void names_have_a_longest(void **state)
{
	char name[WP_APIKEY_NAME_MAX + 2];
	char text[512];

	(void)state;
	memset(name, 'a', sizeof(name));
	name[WP_APIKEY_NAME_MAX + 1] = '\0';
	(void)snprintf(text, sizeof(text), "abcdefghij:%s:send:-:%s\n", DIGEST,
		       name);
	expect_bad(text, "the name");
	name[WP_APIKEY_NAME_MAX] = '\0';
	(void)snprintf(text, sizeof(text), "abcdefghij:%s:send:-:%s\n", DIGEST,
		       name);
	expect_keys(text, 1);
}

static void an_id_is_one_keys(void **state)
{
	(void)state;
	expect_bad(LINE LINE, "two keys with the id abcdefghij");
	/* A name is not: so a new key takes the place of an old one. */
	expect_keys(LINE "abcdefghik:" DIGEST ":send:-:billing\n", 2);
}

static void there_is_a_most(void **state)
{
	struct wp_apikeys *keys = NULL;
	struct wp_error err = { 0 };
	struct wp_buf text;

	(void)state;
	wp_buf_init(&text, 0);
	for (int i = 0; i < WP_APIKEYS_MAX; i++)
		wp_buf_printf(&text, "%010d:%s:send:-:billing\n", i, DIGEST);
	assert_int_equal(wp_apikeys_new(&keys, &text, &err), WP_OK);
	assert_int_equal(wp_apikeys_count(keys), WP_APIKEYS_MAX);
	wp_apikeys_free(&keys);

	wp_buf_add_str(&text, LINE);
	assert_int_equal(wp_apikeys_new(&keys, &text, &err), WP_ERR_INVAL);
	assert_string_equal(err.msg, "has more than 4096 keys");
	wp_buf_release(&text);
}

static void days_are_days(void **state)
{
	static const char *const days[] = { "1970-01-01", "2000-02-29",
					    "2026-11-21", "2027-12-31",
					    "9999-12-31" };
	static const char *const none[] = {
		"",           "-",          "1969-12-31", "2027-13-01",
		"2027-00-01", "2027-01-00", "2027-01-32", "2027-04-31",
		"2100-02-29", "2027/01/31", "2027-01-1",  "2027-01-311",
		"+027-01-31", "2027- 1-31", "2027-01-3x", "20270131--",
	};
	int64_t expires_s;

	(void)state;
	for (size_t i = 0; i < sizeof(days) / sizeof(days[0]); i++) {
		char text[WP_APIKEY_DAY_LEN + 1];

		assert_true(wp_apikey_day_read(days[i], strlen(days[i]),
					       &expires_s));
		wp_apikey_day_write(text, expires_s);
		assert_string_equal(text, days[i]);
	}
	for (size_t i = 0; i < sizeof(none) / sizeof(none[0]); i++)
		assert_false(wp_apikey_day_read(none[i], strlen(none[i]),
						&expires_s));
	/* The day after has begun. */
	assert_true(wp_apikey_day_read("1970-01-01", 10, &expires_s));
	assert_int_equal(expires_s, 24 * 3600);
}

static void what_is_written_is_read_again(void **state)
{
	static const char text[] =
		"abcdefghij:"
		"0123456789abcdef0123456789abcdef0123456789abcdef"
		"0123456789abcdef:send,notify,presence:2027-01-31:billing\n";
	struct wp_apikey key;
	struct wp_buf in, out;
	size_t pos = 0, start = 77;

	(void)state;
	wp_buf_init(&in, 0);
	wp_buf_init(&out, 0);
	wp_buf_add_str(&in, "# before\n");
	wp_buf_add_str(&in, text);
	assert_int_equal(wp_apikey_next(&in, &pos, &start, &key, NULL), WP_OK);
	assert_int_equal(start, strlen("# before\n"));
	assert_int_equal(pos, in.len);
	assert_int_equal(key.scopes,
			 WP_SCOPE_SEND | WP_SCOPE_NOTIFY | WP_SCOPE_PRESENCE);
	wp_apikey_write(&out, &key);
	assert_string_equal(out.data, text);
	assert_int_equal(wp_apikey_next(&in, &pos, &start, &key, NULL),
			 WP_ERR_NOTFOUND);
	wp_buf_release(&in);
	wp_buf_release(&out);
}

/* ---- who is let in ---- */

struct stage {
	struct wp_apikey key;
	char text[WP_APIKEY_LEN + 1];
	struct wp_apikeys *keys;
};

/* One made key between others. */
static void begin(struct stage *stage, const char *day)
{
	struct wp_buf file;

	wp_apikey_make(&stage->key, stage->text);
	(void)snprintf(stage->key.name, sizeof(stage->key.name), "billing");
	stage->key.scopes = WP_SCOPE_NOTIFY;
	stage->key.expires_s = WP_APIKEY_FOR_EVER;
	if (day != NULL)
		assert_true(wp_apikey_day_read(day, strlen(day),
					       &stage->key.expires_s));
	wp_buf_init(&file, 0);
	wp_buf_add_str(&file, "zzzzzzzzzz:" DIGEST ":send:-:z\n");
	wp_apikey_write(&file, &stage->key);
	wp_buf_add_str(&file, "0000000000:" DIGEST ":send:-:a\n");
	assert_int_equal(wp_apikeys_new(&stage->keys, &file, NULL), WP_OK);
	wp_buf_release(&file);
}

static enum wp_err verify(const struct stage *stage, const char *text,
			  size_t len, int64_t now_s)
{
	const struct wp_token token = { text, len };
	struct wp_error err = { 0 };
	struct wp_identity who;
	enum wp_err rc =
		wp_apikeys_verify(stage->keys, &token, now_s, &who, &err);

	if (rc != WP_OK)
		assert_string_equal(err.msg,
				    "the key is unknown, or has expired");
	return rc;
}

static void who_shows_a_key_is_a_service(void **state)
{
	struct wp_identity who;
	struct stage stage;

	(void)state;
	begin(&stage, NULL);
	memset(&who, 'x', sizeof(who));
	assert_int_equal(wp_apikeys_verify(stage.keys,
					   &(struct wp_token){ stage.text,
							       WP_APIKEY_LEN },
					   NOW, &who, NULL),
			 WP_OK);
	assert_string_equal(who.user.text, "urn:waypost:service:billing");
	assert_int_equal(who.user.len, strlen(who.user.text));
	assert_int_equal(who.kind, WP_KIND_KEY);
	assert_int_equal(who.scopes, WP_SCOPE_NOTIFY);
	assert_true(who.expires_s == WP_APIKEY_FOR_EVER);
	wp_apikeys_free(&stage.keys);
}

static void nearly_the_key_is_none(void **state)
{
	struct stage stage;

	(void)state;
	begin(&stage, NULL);
	assert_int_equal(verify(&stage, stage.text, WP_APIKEY_LEN, NOW), WP_OK);
	for (size_t i = 0; i < WP_APIKEY_LEN; i++) {
		char was = stage.text[i];

		stage.text[i] = was == 'a' ? 'b' : 'a';
		assert_int_equal(verify(&stage, stage.text, WP_APIKEY_LEN, NOW),
				 WP_ERR_DENIED);
		stage.text[i] = '\0';
		assert_int_equal(verify(&stage, stage.text, WP_APIKEY_LEN, NOW),
				 WP_ERR_DENIED);
		stage.text[i] = was;
	}
	for (size_t n = 0; n < WP_APIKEY_LEN; n++) {
		assert_int_equal(verify(&stage, stage.text, n, NOW),
				 WP_ERR_DENIED);
		assert_int_equal(
			verify(&stage, stage.text + n, WP_APIKEY_LEN - n, NOW),
			n == 0 ? WP_OK : WP_ERR_DENIED);
	}
	/* Its terminator counts as a byte too many. */
	assert_int_equal(verify(&stage, stage.text, WP_APIKEY_LEN + 1, NOW),
			 WP_ERR_DENIED);
	assert_int_equal(verify(&stage, NULL, 0, NOW), WP_ERR_DENIED);
	wp_apikeys_free(&stage.keys);
}

/* The digest in the file is not what has to be shown. */
static void who_has_read_the_file_is_not_let_in(void **state)
{
	char text[WP_APIKEY_LEN + 1], hex[2 * WP_SHA256_LEN + 1];
	struct stage stage;

	(void)state;
	begin(&stage, NULL);
	wp_hex_write(hex, stage.key.digest, sizeof(stage.key.digest));
	(void)snprintf(text, sizeof(text), "wpk_%s_%.*s", stage.key.id,
		       WP_APIKEY_SECRET_LEN, hex);
	assert_int_equal(verify(&stage, text, WP_APIKEY_LEN, NOW),
			 WP_ERR_DENIED);
	wp_apikeys_free(&stage.keys);
}

static void a_key_is_good_to_the_end_of_its_last_day(void **state)
{
	const int64_t midnight = INT64_C(1795305600); /* after the 21st */
	struct stage stage;

	(void)state;
	begin(&stage, "2026-11-21");
	assert_int_equal(stage.key.expires_s, midnight);
	assert_int_equal(
		verify(&stage, stage.text, WP_APIKEY_LEN, midnight - 1), WP_OK);
	assert_int_equal(verify(&stage, stage.text, WP_APIKEY_LEN, midnight),
			 WP_ERR_DENIED);
	wp_apikeys_free(&stage.keys);
}

static void no_two_keys_are_the_same(void **state)
{
	char a[WP_APIKEY_LEN + 1], b[WP_APIKEY_LEN + 1];
	struct wp_apikey one, other;

	(void)state;
	wp_apikey_make(&one, a);
	wp_apikey_make(&other, b);
	assert_true(wp_apikey_id_is_valid(one.id, strlen(one.id)));
	assert_int_equal(strlen(a), WP_APIKEY_LEN);
	assert_string_not_equal(one.id, other.id);
	assert_string_not_equal(a + 15, b + 15);
	assert_memory_not_equal(one.digest, other.digest, WP_SHA256_LEN);
}

static void a_token_is_not_meant_to_be_a_key(void **state)
{
	static const char *const others[] = { "", "wpk", "WPK_a", "a.b.c",
					      "eyJhbGciOiJIUzI1NiJ9.e30.x" };

	(void)state;
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
		assert_false(wp_apikey_is_meant(
			&(struct wp_token){ others[i], strlen(others[i]) }));
	assert_false(wp_apikey_is_meant(&(struct wp_token){ NULL, 0 }));
	assert_true(wp_apikey_is_meant(&(struct wp_token){ "wpk_", 4 }));
}

static void scopes_are_written_in_one_order(void **state)
{
	unsigned int set = WP_SCOPE_NONE;
	struct wp_buf text;

	(void)state;
	assert_true(wp_scopes_read("presence,send", 13, &set));
	assert_int_equal(set, WP_SCOPE_SEND | WP_SCOPE_PRESENCE);
	wp_buf_init(&text, 0);
	wp_scopes_add(&text, set);
	assert_string_equal(text.data, "send,presence");
	wp_buf_release(&text);
	assert_string_equal(wp_scope_name(WP_SCOPE_NOTIFY), "notify");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lines_are_keys_comments_or_empty),
		cmocka_unit_test(a_line_that_is_no_key_is_named_by_its_number),
		cmocka_unit_test(a_file_that_was_cut_off_is_refused),
		cmocka_unit_test(a_nul_byte_is_no_end),
		cmocka_unit_test(names_have_a_longest),
		cmocka_unit_test(an_id_is_one_keys),
		cmocka_unit_test(there_is_a_most),
		cmocka_unit_test(days_are_days),
		cmocka_unit_test(what_is_written_is_read_again),
		cmocka_unit_test(who_shows_a_key_is_a_service),
		cmocka_unit_test(nearly_the_key_is_none),
		cmocka_unit_test(who_has_read_the_file_is_not_let_in),
		cmocka_unit_test(a_key_is_good_to_the_end_of_its_last_day),
		cmocka_unit_test(no_two_keys_are_the_same),
		cmocka_unit_test(a_token_is_not_meant_to_be_a_key),
		cmocka_unit_test(scopes_are_written_in_one_order),
	};

	return cmocka_run_group_tests_name("apikey", tests, NULL, NULL);
}
