/*
 * batch.c - one bad element does not stop the others; a bad frame around them
 * does.
 */
#include "handlers/batch.h"

#include <stdio.h>

#include "handlers/call.h"

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

static void refuse(struct wp_batch_element *out, const char *code,
		   const char *sentence)
{
	out->code = code;
	(void)snprintf(out->sentence, sizeof(out->sentence), "%s", sentence);
}

enum wp_err wp_batch_read(struct wp_batch_element *out,
			  const struct wp_json_slice *slice,
			  const struct wp_conf *conf, struct wp_buf *json_out)
{
	const struct wp_envelope_text text = {
		.data = slice->data,
		.len = slice->len,
		.with_key = true,
		.partitions = (uint32_t)conf->mailbox.partitions,
	};
	size_t max_bytes = (size_t)conf->mailbox.max_envelope_bytes;
	struct wp_error err;
	enum wp_err rc;

	out->code = NULL;
	out->json_at = json_out->len;
	out->json_len = 0;
	if (slice->len > max_bytes) {
		(void)wp_error_set(&err, WP_ERR_FULL,
				   "the envelope has more than %zu bytes",
				   max_bytes);
		refuse(out, "payload_too_large", err.msg);
		return WP_OK;
	}
	rc = wp_envelope_read(&out->envelope, &text, json_out, &err);
	if (rc == WP_ERR_NOMEM)
		return rc;
	if (rc == WP_OK)
		out->json_len = json_out->len - out->json_at;
	else
		refuse(out,
		       rc == WP_ERR_FULL
			       ? "payload_too_large"
			       : wp_bad_json_code(slice->data, slice->len,
						  "invalid_envelope"),
		       err.msg);
	return WP_OK;
}
