/*
 * cookie.h - the refresh token of a page, where its scripts cannot read it.
 *
 * A browser sends a cookie with whatever any page makes it ask. So it counts
 * only with an Origin that is our own or listed (RFC 6265 section 8.2); besides
 * it is SameSite=Strict.
 */
#ifndef WP_HANDLERS_ACCOUNTS_COOKIE_H
#define WP_HANDLERS_ACCOUNTS_COOKIE_H

#include <stdbool.h>

#include "lib/http/head.h"

#include "handlers/request/call.h"

enum wp_cookie_status {
	WP_COOKIE_NONE,
	WP_COOKIE_FOREIGN, /* some page's, which may not send it */
	WP_COOKIE_OK,
};

/* The refresh token that came as a cookie; borrowed from the request. */
enum wp_cookie_status wp_cookie_read(struct wp_call *call, struct wp_text *out);

/*
 * Give one, which the browser keeps for max_age_s seconds; 0 takes it away.
 * Behind the beginning of an answer: an error after it forgets it.
 *
 * token:  without what a cookie may not hold
 */
void wp_cookie_set(struct wp_call *call, const char *token, int64_t max_age_s);

#endif /* WP_HANDLERS_ACCOUNTS_COOKIE_H */
