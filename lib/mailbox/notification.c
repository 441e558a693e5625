/*
 * notification.c - what a back end hands over, and what is published of it.
 *
 * Type and payload become parts of a frame, byte for byte; what they mean is
 * not our affair. A member that is given twice is refused: whoever reads the
 * other one would see another user, or another payload.
 */
#include "lib/mailbox/notification.h"

#include <stdbool.h>

#include "lib/mailbox/presence.h"

enum { USER, TYPE, PAYLOAD, MEMBERS };

static const char *const names[MEMBERS] = {
	[USER] = "user",
	[TYPE] = "type",
	[PAYLOAD] = "payload",
};

void wp_notification_json(struct wp_json *js, const char *data, size_t len)
{
	wp_json_init(js, data, len);
	js->max_depth = WP_NOTIFICATION_DEPTH_MAX;
	js->allows_half_pairs = true;
}

static enum wp_err invalid(struct wp_error *err, const char *sentence)
{
	return wp_error_set(err, WP_ERR_INVAL, "%s", sentence);
}

/*
 * Find the members: each one's exact text, len 0 when it is not there.
 *
 * Errors:  WP_ERR_PROTO, WP_ERR_INVAL
 */
static enum wp_err find(struct wp_json_slice found[MEMBERS], const char *data,
			size_t len, struct wp_error *err)
{
	struct wp_json_slice key, value;
	bool is_twice = false;
	struct wp_json js;

	wp_notification_json(&js, data, len);
	if (wp_json_peek(&js) != WP_JSON_OBJECT) {
		wp_json_skip(&js, NULL);
		wp_json_end(&js);
		if (js.err == NULL)
			return invalid(err, "the body must be an object");
	}
	wp_json_object_begin(&js);
	while (wp_json_object_next(&js, &key)) {
		if (!wp_json_skip(&js, &value))
			break;
		for (size_t i = 0; i < MEMBERS; i++) {
			if (!wp_json_slice_is(&key, names[i]))
				continue;
			is_twice = is_twice || found[i].len > 0;
			found[i] = value;
		}
	}
	wp_json_end(&js);
	if (js.err != NULL)
		return wp_error_set(err, WP_ERR_PROTO, "%s", js.err);
	return is_twice ? invalid(err, "user, type or payload is given twice")
			: WP_OK;
}

static bool is_string(const struct wp_json_slice *value)
{
	return value->len > 0 && value->data[0] == '"';
}

static enum wp_err read_user(struct wp_urn *out,
			     const struct wp_json_slice *value,
			     struct wp_error *err)
{
	char memory[WP_URN_MAX + 2];
	/* Borrowed memory and a ceiling below it: see the head of buf.c. */
	struct wp_buf text = { .data = memory,
			       .cap = sizeof(memory),
			       .max_bytes = WP_URN_MAX };
	struct wp_json_slice raw;
	struct wp_error why;
	struct wp_json js;

	if (!is_string(value))
		return invalid(err, "user must be a URN");
	wp_notification_json(&js, value->data, value->len);
	(void)wp_json_string(&js, &raw);
	wp_json_decode(&raw, &text);
	if (text.failed)
		return invalid(err, "user: a URN has at most 255 bytes");
	if (wp_urn_parse(out, memory, text.len, &why) != WP_OK)
		return wp_error_set(err, WP_ERR_INVAL, "user: %s", why.msg);
	return WP_OK;
}

enum wp_err wp_notification_read(struct wp_notification *out, const char *data,
				 size_t len, struct wp_error *err)
{
	enum { QUOTES = 2 };
	struct wp_json_slice found[MEMBERS] = { { 0 } };
	enum wp_err rc = find(found, data, len, err);

	if (rc == WP_OK)
		rc = read_user(&out->user, &found[USER], err);
	if (rc != WP_OK)
		return rc;
	if (!is_string(&found[TYPE]) || found[TYPE].len == QUOTES ||
	    found[TYPE].len > WP_NOTIFICATION_TYPE_MAX + QUOTES)
		return invalid(err, "type must be a string of 1 to 128 bytes");
	if (found[PAYLOAD].len > WP_NOTIFICATION_PAYLOAD_MAX)
		return wp_error_set(err, WP_ERR_FULL,
				    "the payload has more than %d bytes",
				    WP_NOTIFICATION_PAYLOAD_MAX);
	out->type = found[TYPE];
	out->payload = found[PAYLOAD];
	if (out->payload.len == 0)
		out->payload =
			(struct wp_json_slice){ .data = "null", .len = 4 };
	return WP_OK;
}

void wp_notification_build(struct wp_cmd *cmd,
			   const struct wp_notification *notification,
			   struct wp_buf *scratch)
{
	wp_buf_clear(scratch);
	wp_buf_add_str(scratch, "{\"type\":");
	wp_buf_add(scratch, notification->type.data, notification->type.len);
	wp_buf_add_str(scratch, ",\"payload\":");
	wp_buf_add(scratch, notification->payload.data,
		   notification->payload.len);
	wp_buf_add_char(scratch, '}');

	wp_cmd_clear(cmd);
	wp_cmd_str(cmd, "PUBLISH");
	wp_cmd_join(cmd, WP_NOTIFICATION_CHANNEL,
		    sizeof(WP_NOTIFICATION_CHANNEL) - 1,
		    notification->user.text, notification->user.len);
	wp_cmd_add(cmd, scratch->data, scratch->len);
}
