/*
 * device_json.c - see device_json.h.
 */
#include "lib/store/device_json.h"

#include <string.h>

#include "lib/base/clock.h"
#include "lib/base/encode.h"

enum {
	MS_PER_S = 1000,
	S_PER_DAY = 86400,
	SECONDS_END = 19, /* "2026-11-30T15:12:00" */
	DAY_END = 10,     /* "2026-11-30" */
};

/* A member, unless there is nothing to say. */
static void add_text(struct wp_buf *out, const char *name, const char *value)
{
	if (value[0] == '\0')
		return;
	wp_buf_printf(out, ",\"%s\":", name);
	wp_buf_add_json(out, value, strlen(value));
}

static void add_time(struct wp_buf *out, int64_t at_s, int end)
{
	char text[WP_RFC3339_LEN];

	wp_rfc3339(at_s * MS_PER_S, text);
	wp_buf_printf(out, "\"%.*s", end, text);
}

static void add_day(struct wp_buf *out, int64_t day)
{
	add_time(out, day * S_PER_DAY, DAY_END);
	wp_buf_add_char(out, '"');
}

const char *wp_device_state(const struct wp_push_row *row)
{
	switch (row->state) {
	case WP_PUSH_SUSPECT:
		return "suspect";
	case WP_PUSH_GONE:
		return "gone";
	case WP_PUSH_UNVERIFIED:
		return "unverified";
	default:
		return "active";
	}
}

void wp_device_add_json(struct wp_buf *out, const struct wp_push_row *row)
{
	char id[WP_DEVICE_ID_TEXT_LEN + 1];

	id[wp_base64url_encode(row->id, WP_PUSH_ID_LEN, id)] = '\0';
	wp_buf_printf(out, "{\"id\":\"%s\"", id);
	add_text(out, "kind", row->kind);
	add_text(out, "app", row->app);
	add_text(out, "name", row->name);
	add_text(out, "deviceId", row->device);
	add_text(out, "platform", row->platform);
	wp_buf_add_str(out, ",\"createdAt\":");
	add_time(out, row->registered_s, SECONDS_END);
	wp_buf_add_str(out, "Z\",\"refreshedDay\":");
	add_day(out, row->refreshed_day);
	add_text(out, "state", wp_device_state(row));
	add_text(out, "reason", row->reason);
	if (row->result != WP_PUSH_NO_RESULT) {
		wp_buf_add_str(out, ",\"lastResult\":{\"day\":");
		add_day(out, row->result_day);
		wp_buf_printf(out, ",\"result\":\"%s\"}",
			      row->result == WP_PUSH_ACCEPTED ? "accepted"
							      : "failed");
	}
	wp_buf_add_char(out, '}');
}

bool wp_device_id_read(const char *text, size_t len,
		       uint8_t out[WP_PUSH_ID_LEN])
{
	uint8_t bytes[WP_DEVICE_ID_TEXT_LEN]; /* decoding never grows */
	size_t n = 0;

	if (len != WP_DEVICE_ID_TEXT_LEN ||
	    !wp_base64url_decode(text, len, bytes, &n) || n != WP_PUSH_ID_LEN)
		return false;
	memcpy(out, bytes, WP_PUSH_ID_LEN);
	return true;
}
