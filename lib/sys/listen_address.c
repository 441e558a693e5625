/*
 * listen_address.c - "unix:/path", "tcp:host:port" and their short forms.
 *
 * Knows the grammar. Resolves no names and opens nothing, so that --check can
 * judge an address anywhere.
 */
#include "lib/sys/listen_address.h"

#include <stdlib.h>
#include <string.h>

enum { PORT_MAX = 65535 };

static enum wp_err bad(struct wp_error *err, const char *text, const char *why)
{
	return wp_error_set(err, WP_ERR_INVAL, "address \"%.100s\" %s", text,
			    why);
}

static enum wp_err parse_port(struct wp_listen_address *out, const char *port)
{
	size_t len = strlen(port);

	if (len == 0 || len >= sizeof(out->port) ||
	    strspn(port, "0123456789") != len ||
	    strtol(port, NULL, 10) > PORT_MAX)
		return WP_ERR_INVAL;
	memcpy(out->port, port, len + 1);
	return WP_OK;
}

enum wp_err wp_listen_parse(struct wp_listen_address *out, const char *text,
			    struct wp_error *err)
{
	const char *host = text;
	const char *colon;
	size_t len;

	memset(out, 0, sizeof(*out));
	if (strncmp(text, "unix:", 5) == 0) {
		len = strlen(text + 5);
		if (text[5] != '/')
			return bad(err, text, "needs an absolute path");
		if (len > WP_LISTEN_PATH_MAX)
			return bad(err, text, "has a path over 107 bytes");
		out->is_unix = true;
		memcpy(out->path, text + 5, len + 1);
		return WP_OK;
	}
	if (strncmp(text, "tcp:", 4) == 0)
		host = text + 4;

	colon = strrchr(host, ':');
	if (colon == NULL || parse_port(out, colon + 1) != WP_OK)
		return bad(err, text,
			   "is not unix:/path or host:port with a port up to "
			   "65535");
	len = (size_t)(colon - host);
	if (len >= 2 && host[0] == '[' && host[len - 1] == ']') {
		host++;
		len -= 2;
		if (len == 0)
			return bad(err, text, "has nothing between [ and ]");
	} else if (memchr(host, ':', len) != NULL) {
		return bad(err, text, "needs [ and ] around an IPv6 address");
	}
	if (len > WP_LISTEN_HOST_MAX || memchr(host, '/', len) != NULL)
		return bad(err, text, "has no valid host");
	memcpy(out->host, host, len);
	return WP_OK;
}
