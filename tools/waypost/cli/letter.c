/*
 * letter.c - a dead letter in words and in JSON.
 *
 * Knows no recipient and no envelope: whoever may show them adds them.
 */
#include "tools/waypost/cli/letter.h"

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
