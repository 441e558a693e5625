/*
 * refresh_in.h - the refresh token of a request: in its body, or a cookie.
 */
#ifndef WP_HANDLERS_ACCOUNTS_REFRESH_IN_H
#define WP_HANDLERS_ACCOUNTS_REFRESH_IN_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/mailbox/session.h"

#include "handlers/request/call.h"

struct wp_refresh_in {
	bool is_there; /* false: the body has none, nor is there a cookie */
	bool in_cookie;
	struct wp_session_ref session;
	uint8_t sid[WP_SESSION_LEN];
	int64_t generation;
};

/*
 * Read the body, {"refreshToken"?}, and the token. False when call->resp holds
 * the error: a body that is none, a cookie of another page, 401 session_ended
 * for a token that we never gave.
 */
bool wp_refresh_in_read(struct wp_call *call, struct wp_refresh_in *out);

/* 401 session_ended, and the cookie goes. */
bool wp_refresh_in_ended(struct wp_call *call, const struct wp_refresh_in *in);

#endif /* WP_HANDLERS_ACCOUNTS_REFRESH_IN_H */
