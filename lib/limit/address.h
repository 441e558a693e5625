/*
 * address.h - whose is an address? One of IPv4 is somebody's; of IPv6 it is the
 * /64, in which one host may take any.
 */
#ifndef WP_LIB_LIMIT_ADDRESS_H
#define WP_LIB_LIMIT_ADDRESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct sockaddr;

enum { WP_ADDRESS_MAX = 17, WP_ADDRESS_PREFIX_MAX = 9 };

struct wp_address {
	uint8_t bytes[WP_ADDRESS_MAX]; /* the family, 4 or 6; 4 or 16 bytes */
	size_t len; /* of the prefix, family included: whose it is */
	bool is_loopback;
	/* Nobody on the Internet has it: that of a proxy, or of one's own net
	 * (RFC 1918, 3927, 4193, 4291, 6598); or loopback. */
	bool is_private;
};

/*
 * Read what REMOTE_ADDR says. An IPv4 address in IPv6 (::ffff:192.0.2.1) is
 * one of IPv4.
 *
 * text:     NUL-terminated, or NULL
 * Returns:  false when it is no address: "", "unix:"
 */
bool wp_address_read(struct wp_address *out, const char *text);

/* The same of a peer; false when it has none (a unix socket). */
bool wp_address_of(struct wp_address *out, const struct sockaddr *peer);

/*
 * The last element of X-Forwarded-For: what the web server that is next to us
 * says of its peer.
 *
 * text:     *len bytes, not terminated; NULL when there is no such field
 * *len:     gets what is left before it and its comma; 0: nothing
 * Returns:  false when it is no address
 */
bool wp_address_forwarded(struct wp_address *out, const char *text,
			  size_t *len);

/* A net: an address, or "192.0.2.0/24". */
struct wp_net {
	struct wp_address address;
	unsigned int bits; /* of the address, without the family */
};

/* False when text is none. */
bool wp_net_read(struct wp_net *out, const char *text);
bool wp_net_has(const struct wp_net *net, const struct wp_address *address);

/*
 * Do all clients look like one? So they do when a proxy stands before the web
 * server and nobody told it. All zero is a new one.
 */
struct wp_alike {
	uint8_t prefix[WP_ADDRESS_PREFIX_MAX];
	bool is_told;
	uint32_t n;     /* requests of this hour */
	uint32_t votes; /* for prefix: those of others are taken off */
	uint64_t hour;
};

/*
 * A request came from address. Returns: true once an hour at most, when more
 * than nine in ten of at least 1000 had one private address.
 */
bool wp_alike_note(struct wp_alike *alike, const struct wp_address *address,
		   uint64_t now_ms);

#endif /* WP_LIB_LIMIT_ADDRESS_H */
