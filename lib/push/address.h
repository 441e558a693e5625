/*
 * address.h - addresses of e-mail that letters go to.
 */
#ifndef WP_LIB_PUSH_ADDRESS_H
#define WP_LIB_PUSH_ADDRESS_H

#include <stdbool.h>

enum { WP_ADDRESS_MAX = 254 }; /* bytes (RFC 5321 section 4.5.3.1.3) */

/*
 * Is text an address: 1 to 64 of A-Z a-z 0-9 . _ % + -, an @, and the name of a
 * host? That is less than RFC 5321 has, and nothing in it means anything in a
 * header or a command.
 */
bool wp_push_address_ok(const char *text);

/* The host in small letters, in place: so two that are the same look so. text
 * is an address. */
void wp_push_address_settle(char *text);

#endif /* WP_LIB_PUSH_ADDRESS_H */
