/*
 * letter.c - a dead letter in words and in JSON.
 *
 * Knows no recipient and no envelope: whoever may show them adds them.
 */
#include "tools/waypost/letter.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

void wp_cli_msgid_text(const struct wp_dlq_letter *letter,
		       char text[WP_MSGID_LEN + 1])
{
	text[0] = '\0';
	if (letter->has_msgid)
		wp_msgid_format(&letter->msgid, text);
}

/* Times outside of what RFC 3339 can say were written by nobody sane. */
void wp_cli_time_text(int64_t wall_ms, char text[WP_RFC3339_LEN])
{
	const int64_t end_of_time_ms = INT64_C(253402300799999);

	if (wall_ms > 0 && wall_ms <= end_of_time_ms)
		wp_rfc3339(wall_ms, text);
	else
		(void)snprintf(text, WP_RFC3339_LEN, "unknown");
}

void wp_cli_add_word(struct wp_buf *out, const char *text, size_t len,
		     int width)
{
	if (len == 0)
		wp_buf_add_char(out, '-');
	for (size_t i = 0; i < len; i++) {
		bool is_plain = text[i] > 0x20 && text[i] < 0x7f;

		wp_buf_add(out, is_plain ? &text[i] : "?", 1);
	}
	for (int i = len > 0 ? (int)len : 1; i < width; i++)
		wp_buf_add_char(out, ' ');
}

struct json_object *wp_cli_text(const char *text, size_t len)
{
	struct json_object *object = NULL;
	struct wp_buf json;

	/* Ours makes UTF-8 of anything; json-c takes bytes as they are. */
	wp_buf_init(&json, 0);
	wp_buf_add_json(&json, text, len);
	if (!json.failed)
		object = json_tokener_parse(json.data);
	wp_buf_release(&json);
	return object;
}

static void give_up(struct json_object **object)
{
	json_object_put(*object);
	*object = NULL;
}

void wp_cli_add(struct json_object **object, const char *name,
		struct json_object *value)
{
	if (value == NULL)
		give_up(object);
	if (*object != NULL &&
	    json_object_object_add(*object, name, value) == 0)
		return;
	json_object_put(value);
	give_up(object);
}

void wp_cli_add_text(struct json_object **object, const char *name,
		     const char *text)
{
	if (text[0] != '\0')
		wp_cli_add(object, name, wp_cli_text(text, strlen(text)));
	else if (*object != NULL && /* json-c's null is no object */
		 json_object_object_add(*object, name, NULL) != 0)
		give_up(object);
}

struct json_object *wp_cli_object(const struct wp_dlq_letter *letter)
{
	struct json_object *object = json_object_new_object();
	char id[WP_DLQ_ID_MAX];
	char msgid[WP_MSGID_LEN + 1];
	char died[WP_RFC3339_LEN];

	wp_dlq_id_format(&letter->id, id);
	wp_cli_msgid_text(letter, msgid);
	wp_cli_time_text(letter->died_ms, died);
	wp_cli_add_text(&object, "id", id);
	wp_cli_add_text(&object, "messageId", msgid);
	wp_cli_add_text(&object, "reason", letter->reason);
	wp_cli_add(&object, "tries", json_object_new_int64(letter->tries));
	wp_cli_add_text(&object, "time", died);
	return object;
}

/*
 * Does text say all of object? json-c leaves out what it has no memory for, and
 * goes on.
 */
static bool is_whole(const char *text, struct json_object *object)
{
	struct json_object *read = json_tokener_parse(text);
	bool is_same = read != NULL && json_object_equal(read, object) != 0;

	json_object_put(read);
	return is_same;
}

void wp_cli_put_object(struct wp_buf *out, struct json_object **object)
{
	const char *text = NULL;

	if (*object != NULL)
		text = json_object_to_json_string_ext(
			*object, JSON_C_TO_STRING_PLAIN |
					 JSON_C_TO_STRING_NOSLASHESCAPE);
	if (text != NULL && is_whole(text, *object))
		wp_buf_add_str(out, text);
	else
		out->failed = true;
	give_up(object);
}

enum wp_err wp_cli_put_out(struct wp_buf *out, struct wp_error *err)
{
	enum wp_err rc = WP_OK;

	if (out->failed)
		rc = wp_error_set(err, WP_ERR_NOMEM, "out of memory");
	else if (out->len > 0 &&
		 fwrite(out->data, 1, out->len, stdout) != out->len)
		rc = wp_error_sys(err, "standard output");
	wp_buf_release(out);
	return rc;
}
