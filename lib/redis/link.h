/*
 * link.h - what both Redis clients need of hiredis: where the server is,
 * opening a socket to it, and queueing a command. Private to lib/redis.
 *
 * Writing to a socket whose peer is gone raises SIGPIPE (hiredis uses
 * write(2)), so every program ignores that signal.
 */
#ifndef WP_LIB_REDIS_LINK_H
#define WP_LIB_REDIS_LINK_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/base/err.h"
#include "lib/redis/cmd.h"

struct redisContext;

enum { WP_LINK_BACKOFF_MS = 50, WP_LINK_BACKOFF_CAP_MS = 3000 };

struct wp_link_addr {
	int port;       /* 0 = a unix socket */
	char host[256]; /* or the socket's path */
};

/*
 * Read unix:/path, /path, host:port, tcp:host:port or redis://host:port; host
 * may be [::1].
 *
 * Errors:  WP_ERR_INVAL  the sentence does not repeat the address: somebody may
 *                        have put a password into it
 */
enum wp_err wp_link_parse(struct wp_link_addr *out, const char *address,
			  struct wp_error *err) WP_MUST_USE;

/*
 * Open a connection: blocking with a timeout, or (timeout_ms < 0) only begin
 * one, whose socket turns writable when it is made or failed. A host name is
 * looked up before this returns, whichever way.
 *
 * Ownership:  *out is the caller's, end with redisFree()
 * Errors:     WP_ERR_UNAVAIL, WP_ERR_NOMEM
 */
enum wp_err wp_link_open(struct redisContext **out,
			 const struct wp_link_addr *addr, int64_t timeout_ms,
			 struct wp_error *err) WP_MUST_USE;

/*
 * Put cmd behind the bytes that wait to be sent.
 *
 * Errors:  WP_ERR_NOMEM  a part of it may wait there: close the link
 */
enum wp_err wp_link_append(struct redisContext *link, const struct wp_cmd *cmd,
			   struct wp_error *err) WP_MUST_USE;

#endif /* WP_LIB_REDIS_LINK_H */
