/* Which requests have a line, and what is in it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <string.h>

#include <cmocka.h>

#include "lib/http/request_log.h"
#include "tests/support/said.h"

enum { SLOW_US = 1000000 };

static struct wp_conf conf;
static struct wp_request_log requests;

static int set_up(void **state)
{
	(void)state;
	conf = (struct wp_conf){ 0 };
	conf.log.requests = WP_REQUESTS_ALL;
	conf.log.slow_ms = SLOW_US / 1000;
	conf.log.sample_ok = 1;
	requests = (struct wp_request_log){ 0 };
	return 0;
}

static struct wp_request_line line_of(unsigned int status)
{
	return (struct wp_request_line){
		.request_id = "r-1",
		.door = "http",
		.route = "send",
		.method = "POST",
		.status = status,
		.bytes = 7,
		.start_us = SLOW_US,
		.end_us = SLOW_US + 5,
	};
}

/* How many had none before it; -1: it has none either. */
static int wants(struct wp_request_line line)
{
	return wp_request_log_wants(&requests, &conf, &line)
		       ? (int)line.suppressed
		       : -1;
}

static void of_so_many_good_ones_one_has_a_line(void **state)
{
	struct wp_request_line slow = line_of(204);
	struct wp_request_line probe = line_of(200);

	(void)state;
	slow.end_us = slow.start_us + SLOW_US;
	probe.is_probe = true;
	conf.log.sample_ok = 3;
	assert_int_equal(wants(line_of(202)), 0);
	assert_int_equal(wants(line_of(202)), -1);
	/* What is no good one has a line, and is none of the three. */
	assert_int_equal(wants(line_of(400)), 0);
	assert_int_equal(wants(line_of(503)), 0);
	assert_int_equal(wants(slow), 0);
	assert_int_equal(wants(probe), 0);
	assert_int_equal(wants(line_of(399)), -1);
	assert_int_equal(wants(line_of(101)), 2);
	assert_int_equal(wants(line_of(202)), -1);

	conf.log.sample_ok = 1; /* a reload */
	assert_int_equal(wants(line_of(202)), 1);
	assert_int_equal(wants(line_of(202)), 0);
}

static const char *written(const struct wp_request_line *line)
{
	static struct said said;

	said_begin(&said, WP_LOG_INFO);
	wp_request_log_write(NULL, line);
	return said_end(&said);
}

static void a_good_one_has_no_code_no_reason_and_no_trace(void **state)
{
	struct wp_request_line line = line_of(202);
	const char *text = written(&line);

	(void)state;
	assert_non_null(strstr(text,
			       "\"msg\":\"request\",\"request_id\":\"r-1\","
			       "\"door\":\"http\",\"route\":\"send\","
			       "\"method\":\"POST\",\"status\":202,"
			       "\"duration_us\":5,\"bytes\":7,"
			       "\"suppressed\":0}\n"));
}

static void one_that_was_refused_says_why(void **state)
{
	struct wp_request_line line = line_of(401);
	const char *text;

	(void)state;
	line.code = "unauthorized";
	line.reason = "expired";
	line.suppressed = 4;
	memset(line.trace.trace_id, 'a', WP_TRACE_ID_LEN);
	memset(line.trace.parent_id, 'b', WP_PARENT_ID_LEN);
	text = written(&line);
	assert_non_null(strstr(
		text, "\"code\":\"unauthorized\",\"reason\":\"expired\","
		      "\"trace_id\":\"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\","
		      "\"parent_id\":\"bbbbbbbbbbbbbbbb\","
		      "\"suppressed\":4}\n"));
}

static void a_probe_has_none_at_info(void **state)
{
	struct wp_request_line line = line_of(200);

	(void)state;
	line.is_probe = true;
	assert_string_equal(written(&line), "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(of_so_many_good_ones_one_has_a_line,
				       set_up),
		cmocka_unit_test(a_good_one_has_no_code_no_reason_and_no_trace),
		cmocka_unit_test(one_that_was_refused_says_why),
		cmocka_unit_test(a_probe_has_none_at_info),
	};

	return cmocka_run_group_tests_name("request_log", tests, NULL, NULL);
}
