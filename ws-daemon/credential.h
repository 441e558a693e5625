/*
 * credential.h - who asks: the web page that a request comes from, and where in
 * it the caller's token or ticket is (docs/websocket.md "Getting in").
 *
 * A browser sends Origin and cannot be made to lie about it; other programs may
 * leave it out. RFC 6454.
 */
#ifndef WP_WS_CREDENTIAL_H
#define WP_WS_CREDENTIAL_H

#include "lib/sys/conf.h"
#include "ws-daemon/wire/http.h"

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

enum wp_credential_source {
	WP_CREDENTIAL_NONE,
	WP_CREDENTIAL_JWT,
	WP_CREDENTIAL_TICKET,
	WP_CREDENTIAL_BAD, /* there, and unusable */
};

struct wp_credential {
	enum wp_credential_source source;
	struct wp_text text;      /* into head or buffer; JWT and TICKET */
	const char *sentence;     /* NONE and BAD: what to tell the caller */
	char buffer[WP_HEAD_MAX]; /* a decoded query parameter */
};

/*
 * Look in the order of docs/websocket.md "Getting in". The first carrier that
 * is there counts: when it is bad there is no second try. A cookie is looked at
 * only when origin is trusted by name, because browsers attach cookies to any
 * page's request.
 */
void wp_credential_find(struct wp_credential *out, const struct wp_head *head,
			const struct wp_upgrade *upgrade, enum wp_origin origin,
			const struct wp_conf *conf);

#endif /* WP_WS_CREDENTIAL_H */
