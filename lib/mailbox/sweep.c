/*
 * sweep.c - words of sweep.lua's call, and what its answer means.
 *
 * When it may be called at all is the worker's business.
 */
#include "lib/mailbox/sweep.h"

#include "lib/mailbox/scripts.h"

/* What one call looks at: a few milliseconds of Redis' time. */
enum {
	USERS_MAX = 200,
	ENTRIES_MAX = 1000,
	BYTES_MAX = 1024 * 1024,
};

void wp_sweep_build(struct wp_cmd *cmd, const struct wp_lease *lease,
		    int64_t now_ms)
{
	wp_cmd_script(cmd, WP_SCRIPT_SWEEP, lease->partition);
	wp_cmd_str(cmd, lease->owner);
	wp_cmd_int(cmd, lease->ms);
	wp_cmd_int(cmd, USERS_MAX);
	wp_cmd_int(cmd, ENTRIES_MAX);
	wp_cmd_int(cmd, BYTES_MAX);
	wp_cmd_int(cmd, now_ms);
}

/* {"ok", deleted, more} */
enum { SWEEP_ANSWER_LEN = 3 };

enum wp_err wp_sweep_parse(const struct wp_reply *reply, int64_t *deleted_out,
			   bool *more_out)
{
	const struct wp_reply *status = wp_reply_at(reply, 0);

	*deleted_out = 0;
	*more_out = false;
	if (wp_reply_is(status, "lost"))
		return WP_ERR_STALE;
	if (!wp_reply_is(status, "ok") ||
	    wp_reply_count(reply) != SWEEP_ANSWER_LEN)
		return WP_ERR_UNAVAIL;
	*deleted_out = wp_reply_int(wp_reply_at(reply, 1));
	*more_out = wp_reply_int(wp_reply_at(reply, 2)) == 1;
	return WP_OK;
}
