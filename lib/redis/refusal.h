/*
 * refusal.h - error replies that say: nothing was done.
 *
 * Redis refuses some commands before it executes them, for reasons that have
 * nothing to do with what was asked (a full memory, a role, a password). Such
 * an answer is certain; every other error of a script is not.
 */
#ifndef WP_LIB_REDIS_REFUSAL_H
#define WP_LIB_REDIS_REFUSAL_H

#include <stdbool.h>

#include "lib/redis/reply.h"

/* Did Redis refuse to begin? NULL and replies that are no errors: false. */
bool wp_reply_is_refusal(const struct wp_reply *reply);

/*
 * Is it a refusal that means that this connection is beyond use? Another one
 * may be better: it loads the scripts, says the password, finds the master.
 */
bool wp_reply_is_loss(const struct wp_reply *reply);

#endif /* WP_LIB_REDIS_REFUSAL_H */
