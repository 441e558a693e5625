/*
 * Any bytes as JSON: no crash, no read out of bounds, and what the scanner
 * accepts, json-c in its strict mode accepts too.
 */
#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <json-c/json.h>

#include "lib/base/json.h"
#include "lib/base/utf8.h"

/* Read a value by type, as callers do, in place of skipping it. */
static void walk(struct wp_json *js, struct wp_buf *scratch)
{
	struct wp_json_slice slice;
	struct wp_json_slice key;
	int64_t number;
	bool flag;

	switch (wp_json_peek(js)) {
	case WP_JSON_OBJECT:
		wp_json_object_begin(js);
		while (wp_json_object_next(js, &key)) {
			wp_buf_clear(scratch);
			wp_json_decode(&key, scratch);
			assert(wp_utf8_is_valid(scratch->data, scratch->len));
			if (memchr(scratch->data, '\0', scratch->len) == NULL)
				assert(wp_json_slice_is(&key, scratch->data));
			walk(js, scratch);
		}
		break;
	case WP_JSON_ARRAY:
		wp_json_array_begin(js);
		while (wp_json_array_next(js))
			walk(js, scratch);
		break;
	case WP_JSON_STRING:
		if (!wp_json_string(js, &slice))
			break;
		wp_buf_clear(scratch);
		wp_json_decode(&slice, scratch);
		assert(wp_utf8_is_valid(scratch->data, scratch->len));
		assert(scratch->len <= slice.len);
		wp_json_integer(&slice, INT64_MIN, INT64_MAX, &number);
		break;
	case WP_JSON_NUMBER:
		if (wp_json_number(js, &slice))
			wp_json_integer(&slice, INT32_MIN, INT32_MAX, &number);
		break;
	case WP_JSON_BOOL:
		wp_json_bool(js, &flag);
		break;
	case WP_JSON_NULL:
		wp_json_null(js);
		break;
	case WP_JSON_NONE:
		wp_json_skip(js, NULL);
		break;
	}
}

/* json-c wants a NUL to know that a number has ended. */
static bool json_c_accepts(const char *text, size_t len)
{
	struct json_tokener *tokener = json_tokener_new();
	struct json_object *object;
	bool ok;

	assert(tokener != NULL);
	json_tokener_set_flags(tokener, JSON_TOKENER_STRICT |
						JSON_TOKENER_VALIDATE_UTF8);
	object = json_tokener_parse_ex(tokener, text, (int)len + 1);
	ok = json_tokener_get_error(tokener) == json_tokener_success;
	json_object_put(object);
	json_tokener_free(tokener);
	return ok;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct wp_json skipper, walker;
	struct wp_json_slice raw;
	struct wp_buf scratch;
	bool ok;

	wp_buf_init(&scratch, 0);
	wp_json_init(&skipper, (const char *)data, size);
	ok = wp_json_skip(&skipper, &raw) && wp_json_end(&skipper);
	assert(ok == (skipper.err == NULL));
	assert(skipper.pos <= size);

	/* Both ways of reading come to the same verdict. */
	wp_json_init(&walker, (const char *)data, size);
	walk(&walker, &scratch);
	assert(wp_json_end(&walker) == ok);

	if (ok) {
		assert(raw.data >= (const char *)data);
		assert(raw.data + raw.len <= (const char *)data + size);
		wp_buf_clear(&scratch);
		wp_buf_add(&scratch, data, size);
		assert(json_c_accepts(scratch.data, scratch.len));
	}
	wp_buf_release(&scratch);
	return 0;
}
