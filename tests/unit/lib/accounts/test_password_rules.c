/* Every rule refuses what it is there for, and says which rule it was. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "lib/accounts/password_rules.h"

static struct wp_username bob = { .len = 3, .text = "bob" };

static enum wp_err judge_bytes(const char *text, size_t len,
			       struct wp_error *err)
{
	const struct wp_password_rules rules = { .min_chars = 15,
						 .name = &bob };

	*err = (struct wp_error){ 0 };
	return wp_password_rules_check(&rules, text, len, err);
}

static void good(const char *text)
{
	struct wp_error err;

	if (judge_bytes(text, strlen(text), &err) != WP_OK)
		fail_msg("\"%s\" was refused: %s", text, err.msg);
}

static void bad(const char *text, const char *rule)
{
	struct wp_error err;

	if (judge_bytes(text, strlen(text), &err) != WP_ERR_INVAL)
		fail_msg("\"%s\" was let through", text);
	if (strstr(err.msg, rule) == NULL)
		fail_msg("\"%s\" was refused for another reason: %s", text,
			 err.msg);
}

static void ordinary_ones_are_good(void **state)
{
	(void)state;
	good("correct horse battery staple");
	good("pa55word is long enough");
	good("Tr0ub4dor&3 and more");
	good("\xd0\xba\xd0\xbe\xd1\x80\xd0\xbe\xd0\xb2\xd0\xb0 "
	     "\xd0\xbc\xd1\x8b\xd1\x87\xd0\xb8\xd1\x82 "
	     "\xd0\xb3\xd1\x80\xd0\xbe\xd0\xbc\xd0\xba\xd0\xbe");
	good("               a bcd");
}

static void length_counts_characters(void **state)
{
	struct wp_error err;
	char text[4097];
	size_t len = 0;

	(void)state;
	bad("fourteen chars", "at least 15");
	good("fifteen  chars.");
	/* 14 characters of 28 bytes. */
	bad("\xc3\xa4\xc3\xb6\xc3\xbc\xc3\x9f\xc3\xa1\xc3\xa9\xc3\xad"
	    "\xc3\xb3\xc3\xba\xc3\xa0\xc3\xa8\xc3\xac\xc3\xb2\xc3\xb9",
	    "at least 15");
	/* 1024 of four bytes each, and one more. */
	for (int i = 0; i < 1024; i++, len += 4)
		memcpy(text + len,
		       i % 3 != 0 ? "\xf0\x9f\x98\x80" : "\xf0\x9f\x98\x81", 4);
	memcpy(text, "\xf0\x9f\x98\x82\xf0\x9f\x98\x83\xf0\x9f\x98\x84", 12);
	assert_int_equal(judge_bytes(text, len, &err), WP_OK);
	assert_int_equal(judge_bytes(text, len + 1, &err), WP_ERR_INVAL);
	/* 1025 characters that are fewer bytes. */
	for (int i = 0; i < 1025; i++)
		text[i] = (char)('a' + i * i % 23);
	assert_int_equal(judge_bytes(text, 1024, &err), WP_OK);
	assert_int_equal(judge_bytes(text, 1025, &err), WP_ERR_INVAL);
	assert_non_null(strstr(err.msg, "at most 1024"));
}

/* bcrypt would have cut it off at 72. */
static void every_byte_counts(void **state)
{
	char text[74];
	struct wp_error err;

	(void)state;
	for (size_t i = 0; i < 73; i++)
		text[i] = (char)('!' + (i * i + 3 * i) % 61);
	assert_int_equal(judge_bytes(text, 73, &err), WP_OK);
}

static void any_character_will_do_and_only_characters(void **state)
{
	struct wp_error err;

	(void)state;
	assert_int_equal(judge_bytes("with a \0 in it, ok", 18, &err), WP_OK);
	bad("fifteen chars \xff or so", "UTF-8");
	bad("a surrogate \xed\xa0\x80 of CESU", "UTF-8");
	bad("a long form \xc0\xaf of slash", "UTF-8");
	bad("cut off at the end \xe2\x82", "UTF-8");
}

static void few_different_ones_are_refused(void **state)
{
	(void)state;
	bad("aaaaaaaaaaaaaaaaaaa", "5 different");
	bad("abbabcdabbabdacbadc", "5 different");
	bad("aAbBcCdDaAbBcCdDbaab", "5 different");
	good("abbabcdabbabdacbade");
}

static void a_part_again_and_again_is_refused(void **state)
{
	(void)state;
	bad("abcdeabcdeabcde", "again and again");
	bad("passwordpassword", "again and again");
	bad("PasswordpASSWORDpass", "again and again");
	/* As a whole: with an end of its own it is more than that. */
	good("abcdeabcdeabcdef");
}

static void a_part_that_would_do_alone_may_be_repeated(void **state)
{
	(void)state;
	good("correct horse bcorrect horse b");
	bad("correct horse correct horse ", "again and again");
}

static void sequences_are_refused(void **state)
{
	static const char *const sequences[] = {
		"abcdefghijklmnopqrstuvwxyz",
		"mlkjihgfedcbazyxwv",
		"123456789012345",
		"987654321098765",
		"0123456789abcdef",
		"qwertyuiopasdfghjkl",
		"QWERTZUIOPASDFGHJKL",
		"azertyuiopqsdfghjklm",
		"lkjhgfdsapoiuytrewq",
		"1234567890qwertyuiop",
		"mnbvcxzlkjhgfdsa",
		"\xd0\xb0\xd0\xb1\xd0\xb2\xd0\xb3\xd0\xb4\xd0\xb5\xd0\xb6"
		"\xd0\xb7\xd0\xb8\xd0\xb9\xd0\xba\xd0\xbb\xd0\xbc\xd0\xbd"
		"\xd0\xbe",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(sequences) / sizeof(sequences[0]); i++)
		bad(sequences[i], "sequence");
	/* As a whole: there is more to this. */
	good("abcdefghijklmnx");
	good("abcdefghgfedcbabcdefi");
}

static void little_besides_the_name_is_refused(void **state)
{
	(void)state;
	bob = (struct wp_username){ .len = 9, .text = "alexandra" };
	bad("alexandra123456", "besides the user name");
	bad("1984-Alexandra!", "besides the user name");
	bad("alexandraalexandra-7x!q", "besides the user name");
	good("alexandra 12345678");
	good("alexandr the great one");
	bob = (struct wp_username){ .len = 3, .text = "bob" };
}

static void known_ones_are_refused(void **state)
{
	struct wp_blocklist *list = NULL;
	struct wp_password_rules rules = { .min_chars = 15, .name = &bob };
	struct wp_error err = { 0 };
	char dir[64], path[96];
	FILE *file;

	(void)state;
	(void)snprintf(dir, sizeof(dir), "%.40s/wp-rules-XXXXXX",
		       getenv("TMPDIR") != NULL ? getenv("TMPDIR") : "/tmp");
	assert_non_null(mkdtemp(dir));
	(void)snprintf(path, sizeof(path), "%s/list", dir);
	file = fopen(path, "we");
	assert_non_null(file);
	assert_true(fputs("correct horse battery staple\n"
			  "thisisapassword\n",
			  file) >= 0);
	assert_int_equal(fclose(file), 0);
	assert_int_equal(chmod(path, 0600), 0);
	assert_int_equal(wp_blocklist_open(&list, path, &err), WP_OK);
	rules.blocklist = list;
#define JUDGE(text) \
	wp_password_rules_check(&rules, text, sizeof(text) - 1, &err)
	assert_int_equal(JUDGE("Correct Horse Battery Staple"), WP_ERR_INVAL);
	assert_non_null(strstr(err.msg, "list of known"));
	assert_int_equal(JUDGE("ThisIsAPassword2026"), WP_ERR_INVAL);
	assert_int_equal(JUDGE("ThisIsAPassword2026!"), WP_OK);
	assert_int_equal(JUDGE("5ThisIsAPassword"), WP_OK);
	/* What cannot be looked up is not let through. */
	assert_int_equal(truncate(path, 0), 0);
	assert_int_equal(JUDGE("any other will do"), WP_ERR_UNAVAIL);
#undef JUDGE
	wp_blocklist_close(&list);
	(void)unlink(path);
	(void)rmdir(dir);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ordinary_ones_are_good),
		cmocka_unit_test(length_counts_characters),
		cmocka_unit_test(every_byte_counts),
		cmocka_unit_test(any_character_will_do_and_only_characters),
		cmocka_unit_test(few_different_ones_are_refused),
		cmocka_unit_test(a_part_again_and_again_is_refused),
		cmocka_unit_test(a_part_that_would_do_alone_may_be_repeated),
		cmocka_unit_test(sequences_are_refused),
		cmocka_unit_test(little_besides_the_name_is_refused),
		cmocka_unit_test(known_ones_are_refused),
	};

	return cmocka_run_group_tests_name("password rules", tests, NULL, NULL);
}
