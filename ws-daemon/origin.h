/*
 * origin.h - which web pages may open a socket here (docs/websocket.md
 * "Getting in").
 *
 * A browser sends Origin and cannot be made to lie about it; other programs may
 * leave it out. RFC 6454.
 */
#ifndef WP_WS_ORIGIN_H
#define WP_WS_ORIGIN_H

#include <stdbool.h>

#include "lib/sys/conf.h"
#include "ws-daemon/wire/upgrade.h"

enum wp_origin {
	WP_ORIGIN_ABSENT,  /* no browser */
	WP_ORIGIN_TRUSTED, /* listed by name, or the request's own */
	WP_ORIGIN_ANY,     /* allowed only because everybody is ("*") */
	WP_ORIGIN_FOREIGN,
};

/*
 * Judge the Origin of a request. "null" is always foreign.
 *
 * origin:  its value; data NULL when absent
 * allowed: cors.allowed_origins
 */
enum wp_origin wp_origin_judge(const struct wp_head *head,
			       const struct wp_text *origin,
			       const struct wp_conf_list *allowed);

#endif /* WP_WS_ORIGIN_H */
