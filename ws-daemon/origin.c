/*
 * origin.c - compare an Origin with a list, and with where the request went.
 *
 * The request's own origin is its scheme, which only the web server in front
 * knows (X-Forwarded-Proto), and its Host. A page cannot set either.
 */
#include "ws-daemon/origin.h"

#include <stdio.h>
#include <string.h>

#include "lib/http/origin.h"

enum { ORIGIN_MAX = 512 };

static bool is_secure(const struct wp_head *head)
{
	struct wp_text proto = wp_head_field(head, "X-Forwarded-Proto");
	const char *comma;

	if (proto.data == NULL)
		return false;
	/* The first of a list is what the client spoke. */
	comma = memchr(proto.data, ',', proto.len);
	if (comma != NULL)
		proto.len = (size_t)(comma - proto.data);
	return wp_text_is_word(&proto, "https") ||
	       wp_text_is_word(&proto, "wss");
}

static bool ends_with(const struct wp_text *text, const char *tail)
{
	size_t len = strlen(tail);

	return text->len > len &&
	       memcmp(text->data + text->len - len, tail, len) == 0;
}

static bool is_own(const struct wp_head *head, const struct wp_text *origin)
{
	struct wp_text host = wp_head_field(head, "Host");
	bool secure = is_secure(head);
	const char *port = secure ? ":443" : ":80";
	char own[ORIGIN_MAX];
	int n;

	if (host.data == NULL || host.len == 0 || host.len > ORIGIN_MAX / 2)
		return false;
	/* An origin leaves out the port that its scheme implies. */
	if (ends_with(&host, port))
		host.len -= strlen(port);
	n = snprintf(own, sizeof(own), "%s://%.*s", secure ? "https" : "http",
		     (int)host.len, host.data);
	return n > 0 && wp_origin_is(origin->data, origin->len, own);
}

enum wp_origin wp_origin_judge(const struct wp_head *head,
			       const struct wp_text *origin,
			       const struct wp_conf_list *allowed)
{
	enum wp_origin_match match;

	if (origin->data == NULL)
		return WP_ORIGIN_ABSENT;
	if (wp_head_count(head, "Origin") > 1)
		return WP_ORIGIN_FOREIGN;
	match = wp_origin_find(allowed, origin->data, origin->len);
	if (match == WP_ORIGIN_BY_NAME || is_own(head, origin))
		return WP_ORIGIN_TRUSTED;
	return match == WP_ORIGIN_BY_STAR ? WP_ORIGIN_ANY : WP_ORIGIN_FOREIGN;
}
