/*
 * link.h - how both Redis clients get through to a server: where it is, a
 * socket to it, and the handshake, which is what is said before anything else:
 * AUTH, SELECT, INFO, CONFIG GET and every script. Private to lib/redis.
 *
 * Writing to a socket whose peer is gone raises SIGPIPE (hiredis uses
 * write(2)), so every program ignores that signal.
 */
#ifndef WP_LIB_REDIS_LINK_H
#define WP_LIB_REDIS_LINK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/base/err.h"
#include "lib/redis/cmd.h"
#include "lib/redis/reply.h"
#include "lib/sys/conf.h"

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

enum { WP_RUN_ID_LEN = 40 };

/*
 * Does no I/O: take commands with next() until it has no more, send them, hand
 * every answer to answer() in order, and again, until is_done().
 */
struct wp_handshake {
	const struct wp_conf *conf;
	const struct wp_script_set *scripts;
	const char *name;  /* of the connection; NULL or "" = none */
	unsigned int next; /* first step not yet sent */
	unsigned int due;  /* first step not yet answered */
	bool is_missing[WP_SCRIPT_SET_MAX];
	char run_id[WP_RUN_ID_LEN + 1];
	bool is_fsync; /* a write is on disk before it is answered */
};

/* All but hs is borrowed until the handshake is done. */
void wp_handshake_begin(struct wp_handshake *hs, const struct wp_conf *conf,
			const struct wp_script_set *scripts, const char *name);

/* Write the next command into cmd; false when there is none to send now. */
bool wp_handshake_next(struct wp_handshake *hs, struct wp_cmd *cmd);

/* Commands were sent that are not answered yet. */
bool wp_handshake_is_waiting(const struct wp_handshake *hs);
bool wp_handshake_is_done(const struct wp_handshake *hs);

/*
 * Errors:  WP_ERR_DENIED   wrong password or user, or a command is forbidden
 *          WP_ERR_INVAL    not a Redis that can run our scripts
 *          WP_ERR_UNAVAIL  loading, full of clients, a replica, …
 */
enum wp_err wp_handshake_answer(struct wp_handshake *hs,
				const struct wp_reply *reply,
				struct wp_error *err) WP_MUST_USE;

#endif /* WP_LIB_REDIS_LINK_H */
