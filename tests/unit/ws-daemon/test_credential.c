/* Which pages may connect: the list, the request's own origin, nobody else. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "ws-daemon/credential.h"

static enum wp_origin judge(const char *origin, const char *headers,
			    char *allowed)
{
	static char text[1024];
	char *items[] = { allowed, NULL };
	struct wp_conf_list list = { .items = items,
				     .n = allowed == NULL ? 0 : 1 };
	struct wp_head head;
	struct wp_text value;
	unsigned status;
	int len = snprintf(
		text, sizeof(text),
		"GET /connect HTTP/1.1\r\nHost: chat.example\r\n"
		"%s%s%s%s\r\n",
		origin == NULL ? "" : "Origin: ", origin == NULL ? "" : origin,
		origin == NULL ? "" : "\r\n", headers);

	assert_int_equal(wp_head_parse(&head, text, (size_t)len, &status),
			 WP_HEAD_OK);
	value = wp_head_field(&head, "Origin");
	return wp_origin_judge(&head, &value, &list);
}

static char listed[] = "https://app.example";
static char any[] = "*";

static void programs_without_an_origin_may_connect(void **state)
{
	(void)state;

	assert_int_equal(judge(NULL, "", NULL), WP_ORIGIN_ABSENT);
}

static void listed_origins_are_compared_as_a_whole(void **state)
{
	(void)state;

	assert_int_equal(judge("https://app.example", "", listed),
			 WP_ORIGIN_TRUSTED);
	assert_int_equal(judge("https://app.example.evil", "", listed),
			 WP_ORIGIN_FOREIGN);
	assert_int_equal(judge("https://app.exampl", "", listed),
			 WP_ORIGIN_FOREIGN);
	assert_int_equal(judge("http://app.example", "", listed),
			 WP_ORIGIN_FOREIGN);
	assert_int_equal(judge("https://app.example:8443", "", listed),
			 WP_ORIGIN_FOREIGN);
}

static void the_requests_own_origin_is_trusted(void **state)
{
	(void)state;

	assert_int_equal(judge("http://chat.example", "", NULL),
			 WP_ORIGIN_TRUSTED);
	assert_int_equal(judge("https://chat.example", "", NULL),
			 WP_ORIGIN_FOREIGN);
	assert_int_equal(judge("https://chat.example",
			       "X-Forwarded-Proto: https\r\n", NULL),
			 WP_ORIGIN_TRUSTED);
	assert_int_equal(judge("https://chat.example",
			       "X-Forwarded-Proto: https, http\r\n", NULL),
			 WP_ORIGIN_TRUSTED);
	assert_int_equal(judge("http://chat.example",
			       "X-Forwarded-Proto: https\r\n", NULL),
			 WP_ORIGIN_FOREIGN);
	assert_int_equal(judge("http://chat.example:81", "", NULL),
			 WP_ORIGIN_FOREIGN);
}

static void null_is_nobody_even_when_everybody_may(void **state)
{
	(void)state;

	assert_int_equal(judge("null", "", any), WP_ORIGIN_FOREIGN);
	assert_int_equal(judge("https://other", "", any), WP_ORIGIN_ANY);
	assert_int_equal(judge("", "", NULL), WP_ORIGIN_FOREIGN);
}

static void two_origins_are_none(void **state)
{
	(void)state;

	assert_int_equal(judge("https://app.example",
			       "Origin: https://app.example\r\n", listed),
			 WP_ORIGIN_FOREIGN);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(programs_without_an_origin_may_connect),
		cmocka_unit_test(listed_origins_are_compared_as_a_whole),
		cmocka_unit_test(the_requests_own_origin_is_trusted),
		cmocka_unit_test(null_is_nobody_even_when_everybody_may),
		cmocka_unit_test(two_origins_are_none),
	};

	return cmocka_run_group_tests_name("credential", tests, NULL, NULL);
}
