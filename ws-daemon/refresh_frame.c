/*
 * refresh_frame.c - one token in place of another, of the same caller.
 *
 * Verifying costs as much as it does at the door, so it has a bucket of its
 * own.
 */
#include "ws-daemon/refresh_frame.h"

#include <inttypes.h>
#include <string.h>

#include "lib/auth/revoked.h"
#include "lib/auth/token.h"
#include "lib/base/clock.h"

enum {
	BUCKET = 3,
	REFILL_TICKS = 10 * 1000 / WP_TICK_MS, /* for one more */
	ESCAPED = 6,                           /* characters for one, at most */
};

static void refuse(struct wp_conn *conn, const struct wp_client_frame *frame,
		   const char *code, const char *sentence)
{
	wp_metric_add(conn->parts->metrics, WP_M_REFRESH_REFUSED, 1);
	wp_frame_error(&conn->parts->scratch, &frame->ref, code, sentence);
	wp_conn_send_scratch(conn);
}

/* refill_at is when the bucket will be full again. */
static bool take_drop(struct wp_extra *extra, uint32_t now)
{
	uint32_t full_at = extra->refill_at > now ? extra->refill_at : now;

	if (full_at - now > (BUCKET - 1) * REFILL_TICKS)
		return false;
	extra->refill_at = full_at + REFILL_TICKS;
	return true;
}

/* Verify what the frame has; *caller is whose it is. Answers when it is bad. */
static bool read_caller(struct wp_conn *conn,
			const struct wp_client_frame *frame,
			struct wp_identity *caller)
{
	struct wp_parts *parts = conn->parts;
	struct wp_error err = { 0 };
	struct wp_token token;
	struct wp_buf text;
	enum wp_err rc;

	wp_auth_look(parts->auth, wp_mono_ms());
	wp_buf_init(&text,
		    ESCAPED * (size_t)parts->live.conf->auth.max_token_bytes);
	wp_json_decode(&frame->token, &text);
	token = (struct wp_token){ .text = text.data, .len = text.len };
	rc = text.failed ? wp_error_set(&err, WP_ERR_DENIED,
					"the token is too long")
			 : wp_auth_verify(parts->auth, &token,
					  wp_wall_ms() / 1000, caller, &err);
	if (text.data != NULL)
		explicit_bzero(text.data, text.len);
	wp_buf_release(&text);
	/* The connection lives on, so there is time to come again. */
	if (rc == WP_ERR_NOTFOUND)
		wp_auth_ask(parts->auth, caller->issuer);
	if (rc != WP_OK)
		refuse(conn, frame,
		       rc == WP_ERR_DENIED ? "unauthorized"
					   : "identity_unavailable",
		       err.msg);
	return rc == WP_OK;
}

static bool is_same(const struct wp_conn *conn,
		    const struct wp_identity *caller)
{
	const struct wp_user *user = conn->member.user;
	struct wp_revoked_marks marks;

	wp_revoked_mark(&marks, caller);
	return user->len == caller->user.len &&
	       memcmp(user->text, caller->user.text, user->len) == 0 &&
	       wp_revoked_is_same_subject(&marks, &conn->member.marks) &&
	       wp_conn_device(caller) == conn->device;
}

void wp_refresh_frame(struct wp_conn *conn, const struct wp_client_frame *frame)
{
	struct wp_extra *extra = wp_extra_need(&conn->extra);
	struct wp_identity caller;
	int64_t left_s;

	if (extra == NULL) {
		refuse(conn, frame, "unavailable",
		       "the server is out of memory");
		return;
	}
	if (!take_drop(extra, conn->parts->turn.now)) {
		refuse(conn, frame, "rate_limited",
		       "one refresh in 10 seconds is enough");
		return;
	}
	if (frame->token.data == NULL) {
		refuse(conn, frame, "bad_request", "token is missing");
		return;
	}
	if (!read_caller(conn, frame, &caller))
		return;
	if (!is_same(conn, &caller)) {
		refuse(conn, frame, "forbidden",
		       "the token is of another user, issuer or device; "
		       "connect with it");
		return;
	}
	if (wp_revoker_knows(conn->parts->live.revoker, &caller)) {
		wp_metric_add(conn->parts->metrics,
			      WP_M_AUTH_REFUSED + WP_REFUSED_REVOKED, 1);
		refuse(conn, frame, "token_revoked",
		       "the session has ended; log in again");
		return;
	}
	wp_live_seen(&conn->parts->live, &caller);
	wp_metric_add(conn->parts->metrics, WP_M_REFRESHED, 1);
	left_s = wp_conn_renew(conn, &caller);
	wp_frame_reply(&conn->parts->scratch, "refreshed", &frame->ref);
	wp_buf_printf(&conn->parts->scratch,
		      ",\"expiresInSeconds\":%" PRId64 "}", left_s);
	wp_conn_send_scratch(conn);
}
