/* Offers of permessage-deflate: which is taken, and what is answered. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "ws-daemon/wire/extension.h"

#define NONE ""
#define TAKEN                                              \
	"\r\nSec-WebSocket-Extensions: permessage-deflate" \
	"; server_no_context_takeover; client_no_context_takeover"

/* What the 101 says about these lines of a request's head. */
static void expect(const char *lines, const char *answer)
{
	char text[1024];
	struct wp_head head;
	struct wp_extension chosen;
	struct wp_buf out;
	unsigned status = 0;
	int len =
		snprintf(text, sizeof(text), "GET / HTTP/1.1\r\n%s\r\n", lines);

	assert_int_equal(wp_head_parse(&head, text, (size_t)len, &status),
			 WP_HEAD_OK);
	chosen = wp_extension_choose(&head);
	wp_buf_init(&out, 0);
	wp_extension_add(&out, &chosen);
	wp_buf_add_char(&out, '\0');
	assert_string_equal(out.data, answer);
	wp_buf_release(&out);
}

static void expect_offer(const char *offer, const char *answer)
{
	char lines[640];

	snprintf(lines, sizeof(lines), "Sec-WebSocket-Extensions: %s\r\n",
		 offer);
	expect(lines, answer);
}

static void a_plain_offer_is_taken(void **state)
{
	(void)state;
	expect("Host: h\r\n", NONE);
	expect_offer("permessage-deflate", TAKEN);
	expect_offer("PerMessage-Deflate", TAKEN);
	expect_offer("permessage-deflate; client_max_window_bits", TAKEN);
	expect_offer("permessage-deflate;client_max_window_bits=8", TAKEN);
	expect_offer("permessage-deflate ;\tserver_no_context_takeover ; "
		     "client_no_context_takeover",
		     TAKEN);
	expect_offer("x-other; a=\"b, c\", permessage-deflate", TAKEN);
	expect("Sec-WebSocket-Extensions: x-other\r\n"
	       "Sec-WebSocket-Extensions: permessage-deflate\r\n",
	       TAKEN);
}

static void a_window_that_is_asked_for_is_answered(void **state)
{
	(void)state;
	expect_offer("permessage-deflate; server_max_window_bits=9",
		     TAKEN "; server_max_window_bits=9");
	expect_offer("permessage-deflate; server_max_window_bits=15",
		     TAKEN "; server_max_window_bits=15");
	expect_offer("permessage-deflate; server_max_window_bits = \"10\"",
		     TAKEN "; server_max_window_bits=10");
}

static void what_cannot_be_met_is_passed_over(void **state)
{
	static const char *const bad[] = {
		"",
		",",
		";",
		"permessage-deflat",
		"permessage-deflate;",
		"permessage-deflate; unknown",
		"permessage-deflate; server_no_context_takeover=1",
		"permessage-deflate; client_no_context_takeover=",
		"permessage-deflate; server_no_context_takeover"
		"; server_no_context_takeover",
		"permessage-deflate; client_max_window_bits"
		"; client_max_window_bits=9",
		"permessage-deflate; server_max_window_bits",
		"permessage-deflate; server_max_window_bits=",
		"permessage-deflate; server_max_window_bits=\"\"",
		"permessage-deflate; server_max_window_bits=\"",
		"permessage-deflate; server_max_window_bits=8",
		"permessage-deflate; server_max_window_bits=16",
		"permessage-deflate; server_max_window_bits=09",
		"permessage-deflate; server_max_window_bits=+9",
		"permessage-deflate; server_max_window_bits=1 0",
		"permessage-deflate; server_max_window_bits=4294967305",
		"permessage-deflate; client_max_window_bits=7",
		"permessage-deflate; client_max_window_bits=16",
		"permessage-deflate; client_max_window_bits=",
		"permessage-deflate; x=\", permessage-deflate, \"",
		"x-webkit-deflate-frame",
	};
	char both[512];

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		expect_offer(bad[i], NONE);
		/* The next one is looked at all the same. */
		snprintf(both, sizeof(both),
			 "%s, permessage-deflate; server_max_window_bits=12",
			 bad[i]);
		if (strcmp(bad[i],
			   "permessage-deflate; server_max_window_bits=\"") !=
		    0)
			expect_offer(both, TAKEN "; server_max_window_bits=12");
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_plain_offer_is_taken),
		cmocka_unit_test(a_window_that_is_asked_for_is_answered),
		cmocka_unit_test(what_cannot_be_met_is_passed_over),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
