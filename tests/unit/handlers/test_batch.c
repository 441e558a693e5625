/* A bad element costs itself; a bad frame costs the batch. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "handlers/batch.h"

#include "tests/unit/handlers/fake.h"

static enum wp_err split(const char *body, struct wp_json_slice *slices,
			 size_t *n_out)
{
	return wp_batch_split(body, strlen(body), slices, n_out, NULL);
}

static void elements_are_cut_out_as_they_are(void **state)
{
	struct wp_json_slice slices[WP_BATCH_MAX];
	size_t n;

	(void)state;

	assert_int_equal(split("{\"x\":[1], \"envelopes\" : [ {\"a\":1} , 5,"
			       "\"t\" ] }",
			       slices, &n),
			 WP_OK);

	assert_int_equal(n, 3);
	assert_int_equal(slices[0].len, 7);
	assert_memory_equal(slices[0].data, "{\"a\":1}", 7);
	assert_memory_equal(slices[1].data, "5", slices[1].len);
}

static void bad_frames_are_refused(void **state)
{
	static const char *const bodies[] = {
		"",
		"[]",
		"null",
		"{}",
		"{\"envelopes\":null}",
		"{\"envelopes\":{}}",
		"{\"envelopes\":[]}",
		"{\"envelopes\":[{}]",
		"{\"envelopes\":[{}]}x",
		"{\"envelopes\":[{},]}",
		"{\"envelopes\":[{]}",
		"{\"envelopes\":[{}],\"envelopes\":[{}]}",
		/* 65 brackets where 64 may be */
		"{\"envelopes\":["
		"[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[["
		"[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[["
		"]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]"
		"]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]}",
	};
	struct wp_json_slice slices[WP_BATCH_MAX];
	size_t n;

	(void)state;
	for (size_t i = 0; i < sizeof(bodies) / sizeof(bodies[0]); i++)
		assert_int_equal(split(bodies[i], slices, &n), WP_ERR_INVAL);
}

static void a_hundred_elements_are_fine_and_one_more_is_not(void **state)
{
	struct wp_json_slice slices[WP_BATCH_MAX];
	struct wp_buf body;
	size_t n;

	(void)state;
	wp_buf_init(&body, 0);
	wp_buf_add_str(&body, "{\"envelopes\":[0");
	for (int i = 1; i < WP_BATCH_MAX; i++)
		wp_buf_add_str(&body, ",0");

	wp_buf_add_str(&body, "]}");
	assert_int_equal(split(body.data, slices, &n), WP_OK);
	assert_int_equal(n, WP_BATCH_MAX);

	body.len -= 2;
	wp_buf_add_str(&body, ",0]}");
	assert_int_equal(split(body.data, slices, &n), WP_ERR_INVAL);
	wp_buf_release(&body);
}

static struct wp_json_slice slice_of(const char *text)
{
	return (struct wp_json_slice){ .data = text, .len = strlen(text) };
}

static struct wp_conf conf_with(size_t max_envelope_bytes)
{
	return (struct wp_conf){
		.mailbox = { .partitions = 8,
			     .max_envelope_bytes =
				     (int64_t)max_envelope_bytes },
	};
}

static void a_bad_element_leaves_no_trace_before_the_next(void **state)
{
	const struct wp_json_slice bad =
		slice_of("{\"recipientId\":\"bob\",\"encryptedData\":\"*\"}");
	const struct wp_json_slice good =
		slice_of("{\"recipientId\":\"bob\",\"encryptedData\":\"aGk=\","
			 "\"idempotencyKey\":\"k\"}");
	const struct wp_conf conf = conf_with(1000);
	struct wp_batch_element element;
	struct wp_buf json;

	(void)state;
	wp_buf_init(&json, 0);

	assert_int_equal(wp_batch_read(&element, &bad, &conf, &json), WP_OK);
	assert_string_equal(element.code, "invalid_envelope");
	assert_true(element.sentence[0] != '\0');
	assert_int_equal(json.len, 0);

	assert_int_equal(wp_batch_read(&element, &good, &conf, &json), WP_OK);
	assert_null(element.code);
	assert_int_equal(element.json_at, 0);
	assert_int_equal(element.json_len, json.len);
	assert_string_equal(element.envelope.idempotency_key, "k");
	wp_buf_release(&json);
}

static void an_element_has_the_limit_of_an_envelope(void **state)
{
	const struct wp_json_slice slice = slice_of(
		"{\"recipientId\":\"bob\",\"encryptedData\":\"aGk=\"}");
	struct wp_conf conf = conf_with(slice.len);
	struct wp_batch_element element;
	struct wp_buf json;

	(void)state;
	wp_buf_init(&json, 0);

	assert_int_equal(wp_batch_read(&element, &slice, &conf, &json), WP_OK);
	assert_null(element.code);
	conf = conf_with(slice.len - 1);
	assert_int_equal(wp_batch_read(&element, &slice, &conf, &json), WP_OK);
	assert_string_equal(element.code, "payload_too_large");
	wp_buf_release(&json);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(elements_are_cut_out_as_they_are),
		cmocka_unit_test(bad_frames_are_refused),
		cmocka_unit_test(
			a_hundred_elements_are_fine_and_one_more_is_not),
		cmocka_unit_test(a_bad_element_leaves_no_trace_before_the_next),
		cmocka_unit_test(an_element_has_the_limit_of_an_envelope),
	};

	return cmocka_run_group_tests_name("batch", tests, NULL, NULL);
}
