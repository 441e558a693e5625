/*
 * ping.h - ask a program at its own address whether it answers.
 */
#ifndef WP_LIB_SYS_PING_H
#define WP_LIB_SYS_PING_H

#include <stddef.h>

#include "lib/base/err.h"

enum { WP_PING_MS = 3000 };

/*
 * Send request, len bytes, to who listens at address, and read until answer is
 * there. All of it takes WP_PING_MS at most, but for the look-up of a name.
 *
 * Errors:  as wp_listen_connect(); WP_ERR_UNAVAIL. err.msg has the address and
 *          what was wrong
 */
enum wp_err wp_ping(const char *address, const char *request, size_t len,
		    const char *answer, struct wp_error *err) WP_MUST_USE;

#endif /* WP_LIB_SYS_PING_H */
