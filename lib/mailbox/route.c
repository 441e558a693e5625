/*
 * route.c - words of route.lua's call, and what its answer means.
 *
 * The routing itself happens inside Redis; when to call, and how often after a
 * fault, is the worker's business.
 */
#include "lib/mailbox/route.h"

#include "lib/mailbox/push.h"
#include "lib/mailbox/scripts.h"
#include "lib/redis/reply.h"

void wp_route_build(struct wp_cmd *cmd, const struct wp_conf *conf,
		    const struct wp_lease *lease, const char *run_id,
		    bool is_careful)
{
	wp_cmd_script(cmd, WP_SCRIPT_ROUTE, lease->partition);
	wp_cmd_str(cmd, lease->owner);
	wp_cmd_str(cmd, run_id);
	wp_cmd_int(cmd, lease->ms);
	wp_cmd_int(cmd, is_careful ? 1 : conf->worker.batch_entries);
	wp_cmd_int(cmd, WP_ROUTE_MAX_BYTES);
	wp_cmd_int(cmd, conf->mailbox.max_tries);
	wp_cmd_str(cmd, is_careful ? "1" : "0");
	wp_push_add(cmd, conf);
}

/* {"ok", routed, dropped, dead, held, left, error} */
enum { ROUTE_ANSWER_LEN = 7 };

static void read_counts(const struct wp_reply *reply,
			struct wp_route_result *out)
{
	out->routed = wp_reply_int(wp_reply_at(reply, 1));
	out->dropped = wp_reply_int(wp_reply_at(reply, 2));
	out->dead = wp_reply_int(wp_reply_at(reply, 3));
	out->held = wp_reply_int(wp_reply_at(reply, 4));
	out->left = wp_reply_int(wp_reply_at(reply, 5));
	out->error = wp_reply_str(wp_reply_at(reply, 6));
}

enum wp_err wp_route_parse(const struct wp_reply *reply,
			   struct wp_route_result *out)
{
	const struct wp_reply *status = wp_reply_at(reply, 0);

	*out = (struct wp_route_result){ .error = "" };
	if (wp_reply_type(reply) == WP_REPLY_ERROR) {
		if (wp_reply_is_refusal(reply))
			return WP_ERR_UNAVAIL;
		out->status = WP_ROUTE_FAULT;
		out->error = wp_reply_str(reply);
		return WP_OK;
	}
	if (wp_reply_is(status, "lost")) {
		out->status = WP_ROUTE_LOST;
		return WP_OK;
	}
	if (wp_reply_is(status, "gate")) {
		out->status = WP_ROUTE_GATE;
		return WP_OK;
	}
	if (!wp_reply_is(status, "ok") ||
	    wp_reply_count(reply) != ROUTE_ANSWER_LEN)
		return WP_ERR_UNAVAIL;
	out->status = WP_ROUTE_OK;
	read_counts(reply, out);
	return WP_OK;
}
