/*
 * endpoint.h - where a stranger asks to be called: may that be, as far as its
 * name says?
 *
 * A name says little: it may lead anywhere, and elsewhere tomorrow. So whoever
 * calls looks at the address that it really connects to; what is refused here
 * is what can never be meant.
 */
#ifndef WP_LIB_PUSH_ENDPOINT_H
#define WP_LIB_PUSH_ENDPOINT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/base/err.h"

enum { WP_ENDPOINT_MAX = 2048 };

/* Borrowed. */
struct wp_endpoint_rules {
	bool is_any_host; /* of the internet; else one of these: */
	/* "push.example", "*.push.example" for all below it, "*" for any */
	char *const *hosts;
	size_t n_hosts;
	const uint16_t *ports;
	size_t n_ports;
};

/*
 * Is text the URL of an endpoint, and one of those?
 *
 * Errors:  WP_ERR_INVAL   it is none: err->msg is what must be, to stand behind
 *                         the name of a member
 *          WP_ERR_DENIED  it is, but not of those; for whatever reason, which
 *                         is not told: who asks for the inside of a network
 *                         learns nothing of it
 * Source:  RFC 3986; which hosts are addresses: the WHATWG URL standard, "ends
 *          in a number", as resolvers read them
 */
enum wp_err wp_push_endpoint_check(const char *text, size_t len,
				   const struct wp_endpoint_rules *rules,
				   struct wp_error *err) WP_MUST_USE;

/* Is it a name of the DNS with a dot in it, and no address in any notation? */
bool wp_push_host_ok(const char *host, size_t len);

/* Is it a form of a host that rules may have? */
bool wp_push_host_rule_ok(const char *rule);

#endif /* WP_LIB_PUSH_ENDPOINT_H */
