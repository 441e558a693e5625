/*
 * listen_address.h - between the files of lib/sys only: what the text of a
 * listening address says, before any socket is made.
 */
#ifndef WP_LIB_SYS_LISTEN_ADDRESS_H
#define WP_LIB_SYS_LISTEN_ADDRESS_H

#include <stdbool.h>

#include "lib/base/err.h"

enum {
	WP_LISTEN_PATH_MAX = 107, /* sun_path holds 108 bytes */
	WP_LISTEN_HOST_MAX = 253, /* RFC 1035 section 2.3.4, without the dot */
};

struct wp_listen_address {
	bool is_unix;
	char path[WP_LISTEN_PATH_MAX + 1];
	char host[WP_LISTEN_HOST_MAX + 1]; /* "" for every address */
	char port[sizeof("65535")];        /* digits; "0": any free one */
};

/* The forms that wp_listen() documents. Errors: WP_ERR_INVAL */
enum wp_err wp_listen_parse(struct wp_listen_address *out, const char *text,
			    struct wp_error *err) WP_MUST_USE;

#endif /* WP_LIB_SYS_LISTEN_ADDRESS_H */
