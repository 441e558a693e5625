/*
 * endpoint.c - see endpoint.h.
 */
#include "lib/push/endpoint.h"

#include <string.h>
#include <strings.h>

enum { HOST_MAX = 253, LABEL_MAX = 63, PORT_MAX = 65535, HTTPS_PORT = 443 };

static const char scheme[] = "https://";

/* Names that lead nowhere, or into somebody's own network (RFC 6761, 8375,
 * 7686), and those below them. */
static const char *const inside[] = {
	"localhost", "local", "internal", "lan", "home", "onion", "home.arpa",
};

struct piece {
	const char *at;
	size_t len;
};

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static bool is_letter(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

/* What RFC 3986 has in a URL; a fragment is not for who is called. */
static bool is_url_char(char c)
{
	return c > 0x20 && c < 0x7f && strchr("\"<>\\^`{|}#", c) == NULL;
}

static enum wp_err malformed(struct wp_error *err, const char *what)
{
	return wp_error_set(err, WP_ERR_INVAL, "%s", what);
}

static enum wp_err not_allowed(struct wp_error *err)
{
	return wp_error_set(err, WP_ERR_DENIED,
			    "push messages are not sent to this endpoint");
}

/* ---- a URL ---- */

/* A colon and digits, or nothing; false when it is something else. */
static bool read_port(const struct piece *piece, unsigned int *out)
{
	*out = piece->len == 0 ? HTTPS_PORT : 0;
	if (piece->len == 0)
		return true;
	if (piece->at[0] != ':' || piece->len == 1 || piece->len > 6)
		return false;
	for (size_t i = 1; i < piece->len; i++) {
		if (!is_digit(piece->at[i]))
			return false;
		*out = *out * 10 + (unsigned int)(piece->at[i] - '0');
	}
	return *out > 0 && *out <= PORT_MAX;
}

static enum wp_err take_apart(const char *text, size_t len, struct piece *host,
			      unsigned int *port, struct wp_error *err)
{
	static const char must_be[] =
		"must be the URL of an endpoint: https://, a host, and "
		"neither a user nor a fragment";
	const size_t scheme_len = sizeof(scheme) - 1;
	struct piece authority, rest;

	if (len > WP_ENDPOINT_MAX)
		return malformed(err, "must not be over 2048 bytes");
	if (len <= scheme_len || strncasecmp(text, scheme, scheme_len) != 0)
		return malformed(err, must_be);
	for (size_t i = 0; i < len; i++)
		if (!is_url_char(text[i]))
			return malformed(err, must_be);
	authority.at = text + scheme_len;
	authority.len = 0;
	while (scheme_len + authority.len < len &&
	       authority.at[authority.len] != '/' &&
	       authority.at[authority.len] != '?')
		authority.len++;
	if (memchr(authority.at, '@', authority.len) != NULL)
		return malformed(err, must_be);
	host->at = authority.at;
	host->len = 0;
	if (authority.len > 0 && authority.at[0] == '[') {
		const char *end = memchr(authority.at, ']', authority.len);

		host->len = end == NULL ? 0 : (size_t)(end + 1 - authority.at);
	} else {
		while (host->len < authority.len && host->at[host->len] != ':')
			host->len++;
	}
	rest.at = authority.at + host->len;
	rest.len = authority.len - host->len;
	if (host->len == 0 || !read_port(&rest, port))
		return malformed(err, must_be);
	return WP_OK;
}

/* ---- a host ---- */

static bool is_label(const char *at, size_t len)
{
	if (len == 0 || len > LABEL_MAX || at[0] == '-' || at[len - 1] == '-')
		return false;
	for (size_t i = 0; i < len; i++)
		if (!is_letter(at[i]) && !is_digit(at[i]) && at[i] != '-')
			return false;
	return true;
}

/* Would a resolver take it for a number, and so the host for an address? */
static bool is_number(const char *at, size_t len)
{
	if (len > 1 && at[0] == '0' && (at[1] == 'x' || at[1] == 'X'))
		return true;
	for (size_t i = 0; i < len; i++)
		if (!is_digit(at[i]))
			return false;
	return true;
}

/* A name of the DNS with a dot in it, whose last label is no number. */
static bool is_name(const struct piece *host)
{
	size_t from = 0, n = 0;

	if (host->len > HOST_MAX)
		return false;
	for (size_t i = 0; i <= host->len; i++) {
		if (i < host->len && host->at[i] != '.')
			continue;
		if (!is_label(host->at + from, i - from))
			return false;
		if (i == host->len && is_number(host->at + from, i - from))
			return false;
		from = i + 1;
		n++;
	}
	return n >= 2;
}

/* Is it that name, or one below it? */
static bool is_below(const struct piece *host, const char *name)
{
	size_t len = strlen(name);

	return host->len > len && host->at[host->len - len - 1] == '.' &&
	       strncasecmp(host->at + host->len - len, name, len) == 0;
}

static bool is_same(const struct piece *host, const char *name)
{
	return host->len == strlen(name) &&
	       strncasecmp(host->at, name, host->len) == 0;
}

static bool is_inside(const struct piece *host)
{
	for (size_t i = 0; i < sizeof(inside) / sizeof(inside[0]); i++)
		if (is_same(host, inside[i]) || is_below(host, inside[i]))
			return true;
	return false;
}

static bool fits(const struct piece *host, const char *rule)
{
	if (strcmp(rule, "*") == 0)
		return true;
	return strncmp(rule, "*.", 2) == 0 ? is_below(host, rule + 2)
					   : is_same(host, rule);
}

static bool is_listed(const struct piece *host,
		      const struct wp_endpoint_rules *rules)
{
	if (rules->is_any_host)
		return true;
	for (size_t i = 0; i < rules->n_hosts; i++)
		if (fits(host, rules->hosts[i]))
			return true;
	return false;
}

static bool is_port_listed(unsigned int port,
			   const struct wp_endpoint_rules *rules)
{
	for (size_t i = 0; i < rules->n_ports; i++)
		if (rules->ports[i] == port)
			return true;
	return false;
}

enum wp_err wp_push_endpoint_check(const char *text, size_t len,
				   const struct wp_endpoint_rules *rules,
				   struct wp_error *err)
{
	unsigned int port = 0;
	struct piece host = { 0 };
	enum wp_err rc = take_apart(text, len, &host, &port, err);

	if (rc != WP_OK)
		return rc;
	if (!is_name(&host) || is_inside(&host) || !is_listed(&host, rules) ||
	    !is_port_listed(port, rules))
		return not_allowed(err);
	return WP_OK;
}

bool wp_push_host_ok(const char *host, size_t len)
{
	const struct piece piece = { host, len };

	return is_name(&piece);
}

bool wp_push_host_rule_ok(const char *rule)
{
	struct piece host = { rule, strlen(rule) };

	if (strcmp(rule, "*") == 0)
		return true;
	if (strncmp(rule, "*.", 2) == 0) {
		host.at += 2;
		host.len -= 2;
	}
	return is_name(&host);
}
