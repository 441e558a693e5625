/*
 * address.h - whose is an address? One of IPv4 is somebody's; of IPv6 it is the
 * /64, in which one host may take any.
 */
#ifndef WP_LIB_LIMIT_ADDRESS_H
#define WP_LIB_LIMIT_ADDRESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { WP_ADDRESS_PREFIX_MAX = 9 }; /* the family, and 4 or 8 bytes */

struct wp_address {
	uint8_t prefix[WP_ADDRESS_PREFIX_MAX];
	size_t len;
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
