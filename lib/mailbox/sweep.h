/*
 * sweep.h - the call and answer of sweep.lua, and how an operator lets expiry
 * go on after the clock has jumped (docs/architecture.md "Expiry").
 */
#ifndef WP_LIB_MAILBOX_SWEEP_H
#define WP_LIB_MAILBOX_SWEEP_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/base/err.h"
#include "lib/mailbox/partition.h"
#include "lib/redis/cmd.h"
#include "lib/redis/reply.h"

/*
 * Set by "waypost expire --confirm" to "<ms> <random>": at that time by Redis'
 * clock an operator said that the clock was right. Heard once by all workers
 * together; what the clock does afterwards is another matter.
 */
#define WP_EXPIRE_CONFIRM_KEY "wp:expire:confirm"
enum { WP_EXPIRE_CONFIRM_SECONDS = 3600, WP_EXPIRE_CONFIRM_MAX = 63 };

/* now_ms: the time to delete by; see worker/sweep_clock.h */
void wp_sweep_build(struct wp_cmd *cmd, const struct wp_lease *lease,
		    int64_t now_ms);

/*
 * *deleted_out: expired messages that are gone from hot queues
 * *more_out:    the call should be repeated
 * Errors:  WP_ERR_STALE the lease is lost; WP_ERR_UNAVAIL no usable answer
 */
enum wp_err wp_sweep_parse(const struct wp_reply *reply, int64_t *deleted_out,
			   bool *more_out) WP_MUST_USE;

#endif /* WP_LIB_MAILBOX_SWEEP_H */
