/*
 * ack.h - deleting messages, in the three steps of docs/architecture.md
 * "Acknowledging".
 *
 * The handlers run wp_ack(); the daemon drives the same steps itself
 * (lib/live/live.c) because its loop must not wait for the cold store.
 */
#ifndef WP_LIB_MAILBOX_ACK_H
#define WP_LIB_MAILBOX_ACK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/base/err.h"
#include "lib/metrics/metrics.h"
#include "lib/name/box.h"
#include "lib/name/msgid.h"
#include "lib/redis/client.h"
#include "lib/redis/cmd.h"
#include "lib/redis/reply.h"
#include "lib/store/store.h"

enum { WP_ACK_MAX = 1000 };

/* Ids of one user, decoded, of the user's own partition. */
struct wp_ack_ids {
	struct wp_msgid *ids; /* owned */
	size_t n;
};
void wp_ack_ids_release(struct wp_ack_ids *ids);

/*
 * Read {"messageIds":[…]} (other members are ignored). What out holds then
 * takes less memory than the text, but for a small constant.
 *
 * Ids of other partitions, and UUIDs that are not ours, are left out: they are
 * unknown ids, and those are ignored.
 * Errors:  WP_ERR_INVAL  with a sentence: not JSON, no array, more than 1000,
 *                        or an id that is no UUID; nothing must be deleted then
 */
enum wp_err wp_ack_ids_read(struct wp_ack_ids *out, const char *json,
			    size_t len, uint32_t partition,
			    struct wp_error *err) WP_MUST_USE;

enum { WP_TOKEN_MAX = 63 };

/* What is to be done next, and what to tell wp_ack_walk of it. */
enum wp_ack_step {
	WP_ACK_HOT,    /* send wp_ack_ask(); the answer to wp_ack_told() */
	WP_ACK_COLD,   /* wp_store_ack(&cold); its outcome to wp_ack_stored() */
	WP_ACK_HINT,   /* send wp_ack_ask(); whatever comes of it, it is done */
	WP_ACK_DONE,   /* a pull that starts from now on returns none of them */
	WP_ACK_FAILED, /* unknown; the whole ack is to be repeated */
};

/*
 * A histogram of the time from acceptance to ack, both by Redis' clock. Told of
 * acks that found all they named in hot: an id that a client has made up says
 * no time, one that comes again was told of, and how long somebody was away
 * tells nothing of how fast messages are. Plain data.
 */
struct wp_ack_waits {
	struct wp_metrics *metrics; /* NULL: nobody wants to know */
	size_t index;
};

/* One ack on its way through the steps, whoever carries it. */
struct wp_ack_walk {
	enum wp_ack_step step;
	struct wp_store_ack cold;
	struct wp_ack_waits waits; /* to be set once it has begun */
	bool may_clear;            /* the gate was open, and a token seen */
	char token[WP_TOKEN_MAX + 1];
};

/*
 * Begin. Without any ids nothing is deleted, and from the step that follows can
 * be told whether there is a hint: WP_ACK_DONE when there surely is none.
 *
 * Ownership:  box and ids are borrowed by the walk, which puts ids in order
 */
void wp_ack_begin(struct wp_ack_walk *walk, const struct wp_box *box,
		  const struct wp_ack_ids *ids);
/*
 * Write the call of WP_ACK_HOT or WP_ACK_HINT. The last clears the hint, if it
 * is still the one that was seen, when nothing is left and that is allowed;
 * else it notes what is left, for the quota.
 *
 * run_id:  of the Redis that the call will go to; for the hint, of the one that
 *          told of it
 */
void wp_ack_ask(const struct wp_ack_walk *walk, const char *run_id,
		struct wp_cmd *cmd);
/*
 * Hear what WP_ACK_HOT said.
 *
 * reply:     NULL when none came
 * is_other:  another Redis answered than the one whose run_id was sent along
 */
void wp_ack_told(struct wp_ack_walk *walk, const struct wp_reply *reply,
		 bool is_other);
void wp_ack_stored(struct wp_ack_walk *walk, enum wp_err outcome);

/*
 * All steps with blocking clients. WP_OK means 204 may be sent: a pull that
 * starts from now on never returns these ids. A failed step 3 is not an error.
 *
 * store:   asked only when the hint says so; NULL when it could not be opened
 * ids:     may be empty; then nothing is done
 * Errors:  WP_ERR_UNAVAIL  unknown outcome; the caller repeats the whole ack
 */
enum wp_err wp_ack(struct wp_redis *redis, struct wp_store *store,
		   const struct wp_box *box, const struct wp_ack_ids *ids,
		   struct wp_error *err) WP_MUST_USE;

/*
 * The same steps with expired rows in place of ids, whatever the hint says:
 * nothing in hot is touched, and the hint goes when no row is left. At most
 * WP_EXPIRE_MAX_TURNS transactions: more rows wait for another call.
 *
 * expire:  deleted is what all of them deleted, also when it ends with an error
 * Errors:  WP_ERR_UNAVAIL  the caller repeats it some other time
 */
enum { WP_EXPIRE_MAX_TURNS = 4 };
enum wp_err wp_ack_expired(struct wp_redis *redis, struct wp_store *store,
			   struct wp_store_expire *expire,
			   struct wp_error *err) WP_MUST_USE;

#endif /* WP_LIB_MAILBOX_ACK_H */
