/*
 * reach.h - what kind of place a network address is: out there, or one that
 * only who is inside can reach.
 *
 * A document that somebody else wrote names a URL, and we go there from inside:
 * without a look at the address such a document could have us ask our own
 * machine, its neighbours or the cloud's metadata service. So one that came
 * from out there leads out there, or to the kind of place that it came from.
 */
#ifndef WP_LIB_NET_REACH_H
#define WP_LIB_NET_REACH_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/socket.h>

#include "lib/limit/address.h"

enum wp_reach {
	WP_REACH_PUBLIC = 1 << 0,
	WP_REACH_PRIVATE = 1 << 1,  /* RFC 1918, RFC 4193, RFC 6598 */
	WP_REACH_LINK = 1 << 2,     /* RFC 3927: metadata services */
	WP_REACH_LOOPBACK = 1 << 3, /* also "this host": 0.0.0.0 and :: */
	WP_REACH_SPECIAL = 1 << 4,  /* all else that is nobody's host */
};

/* Any combination of them. */
enum { WP_REACH_ANYWHERE = (1 << 5) - 1 };

/*
 * An address that holds an IPv4 address is that (mapped, NAT64, 6to4). What is
 * neither IPv4 nor IPv6, or too short, is SPECIAL.
 *
 * Source:  the IANA special-purpose address registries (RFC 6890)
 */
enum wp_reach wp_reach_of(const struct sockaddr *address, socklen_t len);

/*
 * May what a stranger named be connected to there? Only what is PUBLIC, and
 * said so straight: an address of IPv6 that only wraps one of IPv4 by a way
 * that nobody uses any more (6to4, IPv4-compatible) may not, whatever is in it.
 * Or what is in one of the operator's nets.
 */
bool wp_reach_may(const struct sockaddr *address, socklen_t len,
		  const struct wp_net *nets, size_t n);

/* As wp_reach_of(), for the text of a numeric address. */
enum wp_reach wp_reach_of_text(const char *text);

/* "public", "private", … */
const char *wp_reach_name(enum wp_reach reach);

#endif /* WP_LIB_NET_REACH_H */
