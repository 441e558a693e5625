/*
 * ack_ids.c - reading {"messageIds":[…]}, the body of an ack.
 *
 * All or nothing: one id that is no UUID, and nothing must be deleted. Ids
 * that cannot be this user's are unknown ids, and those are ignored.
 */
#include "lib/mailbox/ack.h"

#include <stdlib.h>
#include <string.h>

#include "lib/base/buf.h"
#include "lib/base/json.h"

static const char not_an_array[] = "messageIds must be an array of strings";
static const char not_an_id[] = "every element of messageIds must be a UUID";

void wp_ack_ids_release(struct wp_ack_ids *ids)
{
	if (ids == NULL)
		return;
	free(ids->ids);
	*ids = (struct wp_ack_ids){ 0 };
}

static enum wp_msgid_kind parse_slice(const struct wp_json_slice *slice,
				      struct wp_msgid *id)
{
	enum wp_msgid_kind kind = WP_MSGID_NONE;
	struct wp_buf text;

	if (!slice->has_escapes)
		return wp_msgid_parse(id, slice->data, slice->len);
	/* The ceiling stops a text that is too long to be an id. */
	wp_buf_init(&text, WP_MSGID_LEN);
	wp_json_decode(slice, &text);
	if (!text.failed)
		kind = wp_msgid_parse(id, text.data, text.len);
	wp_buf_release(&text);
	return kind;
}

static void read_id(struct wp_json *js, struct wp_ack_ids *out,
		    uint32_t partition)
{
	struct wp_json_slice slice = { 0 };
	struct wp_msgid id = { 0 };
	enum wp_msgid_kind kind;

	if (wp_json_peek(js) != WP_JSON_STRING) {
		wp_json_fail(js, not_an_array);
		return;
	}
	if (!wp_json_string(js, &slice))
		return;
	kind = parse_slice(&slice, &id);
	if (kind == WP_MSGID_NONE)
		wp_json_fail(js, not_an_id);
	else if (kind == WP_MSGID_OURS && id.partition == partition)
		out->ids[out->n++] = id;
}

static void read_ids(struct wp_json *js, struct wp_ack_ids *out,
		     uint32_t partition)
{
	size_t n = 0;

	if (wp_json_peek(js) != WP_JSON_ARRAY) {
		wp_json_fail(js, not_an_array);
		return;
	}
	wp_json_array_begin(js);
	while (wp_json_array_next(js)) {
		if (n++ == WP_ACK_MAX)
			wp_json_fail(js, "messageIds has more than 1000 "
					 "elements");
		else
			read_id(js, out, partition);
	}
}

static void read_body(struct wp_json *js, struct wp_ack_ids *out,
		      uint32_t partition)
{
	struct wp_json_key key;
	bool is_seen = false;

	wp_json_object_begin(js);
	while (wp_json_object_next(js, &key)) {
		if (!wp_json_key_is(&key, "messageIds")) {
			wp_json_skip(js, NULL);
		} else if (is_seen) {
			wp_json_fail(js, "messageIds is given twice");
		} else {
			is_seen = true;
			read_ids(js, out, partition);
		}
	}
	wp_json_end(js);
	if (js->err == NULL && !is_seen)
		wp_json_fail(js, "messageIds is missing");
}

enum wp_err wp_ack_ids_read(struct wp_ack_ids *out, const char *json,
			    size_t len, uint32_t partition,
			    struct wp_error *err)
{
	struct wp_json js;

	*out = (struct wp_ack_ids){ 0 };
	out->ids = calloc(WP_ACK_MAX, sizeof(*out->ids));
	if (out->ids == NULL)
		return wp_error_set(err, WP_ERR_NOMEM, "out of memory");
	wp_json_init(&js, json, len);
	read_body(&js, out, partition);
	if (js.err != NULL) {
		wp_ack_ids_release(out);
		return wp_error_set(err, WP_ERR_INVAL, "%s", js.err);
	}
	return WP_OK;
}
