/* Who asks for JSON gets it; who asks for anything or for nothing does not. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "lib/http/accept.h"

static bool wants_json(const char *value)
{
	/* Exactly these bytes: the sanitizer sees a read past the end. */
	size_t len = strlen(value);
	char *exact = malloc(len > 0 ? len : 1);
	bool result;

	assert_non_null(exact);
	memcpy(exact, value, len);
	result = wp_accept_wants_json((struct wp_text){ exact, len });
	free(exact);
	return result;
}

static void json_is_for_who_names_it(void **state)
{
	static const char *const rows[] = {
		"application/json",
		"Application/JSON",
		"application/json;q=0.001",
		"application/json; charset=utf-8; Q=1.000",
		"application/json, */*",
		"application/json, text/plain, */*", /* axios */
		"text/plain;q=0.5,application/json;q=0.5",
		"text/html,application/json;q=0.9,*/*;q=0.8",
		"text/plain;q=0, application/json;q=0.1",
		" ,\t,application/json\t;\tq=0.3 , ",
		"text/plain;q=bad,application/json;q=0.1",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (!wants_json(rows[i]))
			fail_msg("refused: %s", rows[i]);
}

static void everybody_else_gets_the_default(void **state)
{
	static const char *const rows[] = {
		"",
		"*/*",
		"application/*",
		"text/plain",
		"application/jsonx",
		"application/json-seq, */*",
		"application/json;q=0",
		"application/json;q=0.000",
		"application/json;q=0.0001",
		"application/json;q=1.001",
		"application/json;q=2",
		"application/json;q=-1",
		"application/json;q=.5",
		"application/json;q=",
		"application/json;q=0.5x",
		"application/json;q=0.5, text/plain",
		"application/json;q=0.5, text/*;q=0.6",
		"application/json;q=0.5, */*;q=0.6",
		/* Prometheus */
		"application/openmetrics-text;version=1.0.0;q=0.8,"
		"text/plain;version=0.0.4;q=0.5,*/*;q=0.1",
		";;;",
		",,,",
	};

	(void)state;
	assert_false(wp_accept_wants_json((struct wp_text){ 0 }));
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (wants_json(rows[i]))
			fail_msg("taken: %s", rows[i]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(json_is_for_who_names_it),
		cmocka_unit_test(everybody_else_gets_the_default),
	};

	return cmocka_run_group_tests_name("accept", tests, NULL, NULL);
}
