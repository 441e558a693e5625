/*
 * handshake.h - what is said on a new connection before anything else: AUTH,
 * SELECT, INFO, CONFIG GET and every script. Private to lib/redis.
 *
 * Does no I/O, so the blocking and the event-driven client share it: take
 * commands with next() until it has no more, send them, hand every answer to
 * answer() in order, and again, until is_done().
 */
#ifndef WP_LIB_REDIS_HANDSHAKE_H
#define WP_LIB_REDIS_HANDSHAKE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/base/err.h"
#include "lib/redis/cmd.h"
#include "lib/redis/reply.h"
#include "lib/sys/conf.h"

enum { WP_RUN_ID_LEN = 40 };

struct wp_handshake {
	const struct wp_conf *conf;
	const struct wp_script_set *scripts;
	const char *name;  /* for CLIENT LIST; NULL or "" = none */
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

#endif /* WP_LIB_REDIS_HANDSHAKE_H */
