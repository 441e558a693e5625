/*
 * ack.h - deleting messages, in the three steps of docs/architecture.md
 * "Acknowledging".
 *
 * The handlers run wp_ack(); the daemon runs the steps itself because its loop
 * must not wait for the cold store.
 */
#ifndef WP_LIB_MAILBOX_ACK_H
#define WP_LIB_MAILBOX_ACK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/base/err.h"
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
 * Read {"messageIds":[…]} (other members are ignored).
 *
 * Ids of other partitions, and UUIDs that are not ours, are left out: they are
 * unknown ids, and those are ignored.
 * Errors:  WP_ERR_INVAL  with a sentence: not JSON, no array, more than 1000,
 *                        or an id that is no UUID; nothing must be deleted then
 */
enum wp_err wp_ack_ids_read(struct wp_ack_ids *out, const char *json,
			    size_t len, uint32_t partition,
			    struct wp_error *err) WP_MUST_USE;

/* Step 1: delete from the hot queue, learn the hint. */
void wp_ack_build(struct wp_cmd *cmd, const char *run_id,
		  const struct wp_box *box, const struct wp_ack_ids *ids);

enum { WP_TOKEN_MAX = 63 };
struct wp_ack_hint {
	bool ask_cold;  /* step 2 is needed */
	bool may_clear; /* step 3 is allowed: gate open and a token seen */
	char token[WP_TOKEN_MAX + 1];
	int64_t deleted; /* from the hot queue */
};
/* Errors: WP_ERR_UNAVAIL no usable answer (reply may be NULL). */
enum wp_err wp_ack_parse(const struct wp_reply *reply,
			 struct wp_ack_hint *out) WP_MUST_USE;

/*
 * Step 3, after step 2, which is wp_store_ack(): clear the hint, if it is still
 * this one, when nothing is left and that is allowed; else note what is left,
 * for the quota.
 */
void wp_ack_settle_build(struct wp_cmd *cmd, const char *run_id,
			 const struct wp_box *box,
			 const struct wp_ack_hint *hint,
			 const struct wp_store_rest *rest);

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
