/*
 * batch.c - one bad element does not stop the others; a bad frame around them
 * does.
 */
#include "handlers/batch.h"

static void split_array(struct wp_json *js, struct wp_json_slice *slices,
			size_t *n_out)
{
	if (wp_json_peek(js) != WP_JSON_ARRAY) {
		wp_json_fail(js, "envelopes must be an array");
		return;
	}
	wp_json_array_begin(js);
	while (wp_json_array_next(js)) {
		if (*n_out == WP_BATCH_MAX) {
			wp_json_fail(js, "envelopes has more than 100 "
					 "elements");
			return;
		}
		if (wp_json_raw(js, &slices[*n_out]))
			(*n_out)++;
	}
	if (js->err == NULL && *n_out == 0)
		wp_json_fail(js, "envelopes has no elements");
}

enum wp_err wp_batch_split(const char *data, size_t len,
			   struct wp_json_slice *slices, size_t *n_out,
			   struct wp_error *err)
{
	struct wp_json_key key;
	struct wp_json js;
	bool is_seen = false;

	*n_out = 0;
	wp_json_init(&js, data, len);
	wp_json_object_begin(&js);
	while (wp_json_object_next(&js, &key)) {
		if (!wp_json_key_is(&key, "envelopes")) {
			wp_json_skip(&js, NULL);
		} else if (is_seen) {
			wp_json_fail(&js, "envelopes is given twice");
		} else {
			is_seen = true;
			split_array(&js, slices, n_out);
		}
	}
	wp_json_end(&js);
	if (js.err == NULL && !is_seen)
		wp_json_fail(&js, "envelopes is missing");
	if (js.err != NULL)
		return wp_error_set(err, WP_ERR_INVAL, "%s", js.err);
	return WP_OK;
}
