/*
 * letter.c - a dead letter in words and in JSON.
 *
 * Knows no recipient and no envelope: whoever may show them adds them.
 */
#include "tools/waypost/letter.h"

#include <inttypes.h>
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

void wp_cli_add_member(struct wp_buf *out, const char *name, const char *text)
{
	wp_buf_printf(out, ",\"%s\":", name);
	if (text[0] == '\0')
		wp_buf_add_str(out, "null");
	else
		wp_buf_add_json(out, text, strlen(text));
}

void wp_cli_add_json(struct wp_buf *out, const struct wp_dlq_letter *letter)
{
	char id[WP_DLQ_ID_MAX];
	char msgid[WP_MSGID_LEN + 1];
	char died[WP_RFC3339_LEN];

	wp_dlq_id_format(&letter->id, id);
	wp_cli_msgid_text(letter, msgid);
	wp_cli_time_text(letter->died_ms, died);
	wp_buf_printf(out, "{\"id\":\"%s\"", id);
	wp_cli_add_member(out, "messageId", msgid);
	wp_cli_add_member(out, "reason", letter->reason);
	wp_buf_printf(out, ",\"tries\":%" PRId64, letter->tries);
	wp_cli_add_member(out, "time", died);
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
