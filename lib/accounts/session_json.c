/*
 * session_json.c - see session_json.h.
 */
#include "lib/accounts/session_json.h"

#include <string.h>

#include "lib/base/clock.h"
#include "lib/base/encode.h"

enum { DAY_S = 86400, MS_PER_S = 1000 };

void wp_session_created(const struct wp_account_session *session,
			char text[WP_SESSION_SECOND_LEN])
{
	char whole[WP_RFC3339_LEN];

	wp_rfc3339(session->created_s * MS_PER_S, whole);
	memcpy(text, whole, WP_SESSION_SECOND_LEN - 2);
	memcpy(text + WP_SESSION_SECOND_LEN - 2, "Z", 2);
}

void wp_session_used(const struct wp_account_session *session,
		     char text[WP_SESSION_DAY_LEN])
{
	char whole[WP_RFC3339_LEN];

	wp_rfc3339(session->seen_day * DAY_S * MS_PER_S, whole);
	memcpy(text, whole, WP_SESSION_DAY_LEN - 1);
	text[WP_SESSION_DAY_LEN - 1] = '\0';
}

static void add_text(struct wp_buf *out, const char *name, const char *value)
{
	wp_buf_printf(out, "\"%s\":", name);
	wp_buf_add_json(out, value, strlen(value));
	wp_buf_add_char(out, ',');
}

void wp_session_add_json(struct wp_buf *out,
			 const struct wp_account_session *session)
{
	char created[WP_SESSION_SECOND_LEN];
	char used[WP_SESSION_DAY_LEN];
	char id[2 * WP_SID_LEN + 1];

	wp_hex_write(id, session->sid, WP_SID_LEN);
	wp_session_created(session, created);
	wp_session_used(session, used);
	add_text(out, "id", id);
	add_text(out, "deviceId", session->device);
	add_text(out, "deviceName", session->device_name);
	add_text(out, "createdAt", created);
	wp_buf_printf(out, "\"lastUsedDay\":\"%s\"", used);
}
