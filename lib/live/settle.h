/*
 * settle.h - delete what a client has acked, in the three steps of
 * lib/mailbox/ack.h and without ever waiting.
 *
 * Step 1 is a script on the command connection, step 2 a job for the store
 * thread when the hint says so, step 3 a script that nobody waits for.
 */
#ifndef WP_LIB_LIVE_SETTLE_H
#define WP_LIB_LIVE_SETTLE_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/base/err.h"
#include "lib/base/json.h"
#include "lib/live/live.h"
#include "lib/mailbox/ack.h"

/* One ack on its way. The caller's memory, which stays until `done`. */
struct wp_settle {
	struct wp_store_job job; /* first: the store thread knows only this */
	struct wp_live *live;
	struct wp_box box;
	struct wp_ack_ids ids;
	struct wp_ack_walk walk;
	struct wp_charge charge;
	/* true: deleted in both tiers; false: unknown, to be repeated */
	void (*done)(struct wp_settle *settle, bool is_done);
};

/*
 * Begin an ack of this user; done will run once, and may have run when this
 * returns WP_OK. It may free settle.
 *
 * settle:  all zero but for live and done
 * text:    {"messageIds":[…]}, not needed afterwards
 * Errors:  done does not run, and nothing was deleted.
 *          WP_ERR_INVAL    text is no such thing; err has a sentence
 *          WP_ERR_NOMEM
 *          WP_ERR_FULL     too much is unanswered, by this user or by all
 *          WP_ERR_UNAVAIL  Redis cannot be reached
 */
enum wp_err wp_settle_begin(struct wp_settle *settle,
			    const struct wp_user *user,
			    const struct wp_json_slice *text,
			    struct wp_error *err) WP_MUST_USE;

#endif /* WP_LIB_LIVE_SETTLE_H */
