/*
 * reply.h - what Redis answered, without hiredis types.
 *
 * A reply is borrowed from whoever got it: valid until wp_reply_free() for the
 * blocking client, until the callback returns for the event-driven one.
 */
#ifndef WP_LIB_REDIS_REPLY_H
#define WP_LIB_REDIS_REPLY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/base/err.h"

enum wp_reply_type {
	WP_REPLY_NIL,
	WP_REPLY_INT,
	WP_REPLY_STR, /* bulk string or status */
	WP_REPLY_ARRAY,
	WP_REPLY_ERROR,
};

struct wp_reply; /* a redisReply in disguise */

/* Somebody waits for an answer; what NULL means, the waiting one knows. */
typedef void (*wp_reply_fn)(void *ctx, const struct wp_reply *reply);

enum wp_reply_type wp_reply_type(const struct wp_reply *reply);
/* Value of an integer, or of a string that is a decimal number; else 0. */
int64_t wp_reply_int(const struct wp_reply *reply);
/* Bytes of a string or error; "" for other types. NUL-terminated. */
const char *wp_reply_str(const struct wp_reply *reply);
size_t wp_reply_len(const struct wp_reply *reply);
/* Elements of an array; 0 for other types. */
size_t wp_reply_count(const struct wp_reply *reply);
/* Element i < count; NULL when there is none. All of the above take NULL. */
const struct wp_reply *wp_reply_at(const struct wp_reply *reply, size_t i);
/* A string or status that equals text. */
bool wp_reply_is(const struct wp_reply *reply, const char *text);
/* An error reply that starts with this word: "OOM", "NOSCRIPT". */
bool wp_reply_is_error(const struct wp_reply *reply, const char *word);

/*
 * Error replies that say: nothing was done. Redis refuses some commands before
 * it executes them, for reasons that have nothing to do with what was asked (a
 * full memory, a role, a password). Such an answer is certain; every other
 * error of a script is not.
 */

/* Did Redis refuse to begin? NULL and replies that are no errors: false. */
bool wp_reply_is_refusal(const struct wp_reply *reply);

/*
 * Is it a refusal that means that this connection is beyond use? Another one
 * may be better: it loads the scripts, says the password, finds the master.
 */
bool wp_reply_is_loss(const struct wp_reply *reply);

/* A published message, in place of an answer? Of a subscribed connection. */
bool wp_reply_is_push(const struct wp_reply *reply);

/*
 * Make an error of an error reply, and free it: for an operator to read. Other
 * replies stay as they are.
 *
 * Errors:  WP_ERR_UNAVAIL  with the sentence of Redis, cut
 */
enum wp_err wp_reply_accept(struct wp_reply **reply,
			    struct wp_error *err) WP_MUST_USE;

/*
 * An array of n answers that are still to come, or NULL when memory is
 * exhausted. The caller owns it, and what was put in it is its own.
 */
struct wp_reply *wp_reply_group(size_t n);
void wp_reply_group_put(struct wp_reply *group, size_t i,
			struct wp_reply *reply);

/* For replies that the caller owns. Sets *reply to NULL. NULL-safe. */
void wp_reply_free(struct wp_reply **reply);

#endif /* WP_LIB_REDIS_REPLY_H */
