/* A bad element costs itself; a bad frame costs the batch. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "lib/base/buf.h"

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

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(elements_are_cut_out_as_they_are),
		cmocka_unit_test(bad_frames_are_refused),
		cmocka_unit_test(
			a_hundred_elements_are_fine_and_one_more_is_not),
	};

	return cmocka_run_group_tests_name("batch", tests, NULL, NULL);
}
