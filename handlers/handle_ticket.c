/*
 * handle_ticket.c - POST /api/ticket: something a browser may put into a URL,
 * good for one connection within 30 seconds.
 */
#include "handlers/call.h"

#include "lib/mailbox/ticket.h"
#include "lib/redis/client.h"
#include "lib/redis/info.h"

/*
 * *reply_out stays NULL where nothing may be added to Redis: the room above the
 * mark is for routing and acks, and anybody may ask for any number of tickets.
 */
static enum wp_err store(struct wp_ctx *ctx, struct wp_reply **reply_out,
			 struct wp_error *err)
{
	enum wp_err rc = wp_ctx_redis(ctx, err);

	if (rc != WP_OK ||
	    wp_memory_is_high(ctx->conf, wp_redis_memory_percent(ctx->redis)))
		return rc;
	rc = wp_redis_do(ctx->redis, &ctx->cmd, reply_out, err);
	if (rc != WP_OK)
		wp_ctx_log_failure(ctx, "ticket", err);
	return rc;
}

void wp_handle_ticket(struct wp_call *call)
{
	char ticket[WP_TICKET_LEN + 1];
	struct wp_reply *reply = NULL;
	struct wp_error err;

	wp_ticket_issue(&call->ctx->cmd, ticket, &call->caller.user,
			call->caller.expires_s);
	if (store(call->ctx, &reply, &err) != WP_OK) {
		wp_resp_unavailable(call->resp, "no ticket can be made now; "
						"repeat later");
	} else if (wp_reply_is(reply, "OK")) {
		wp_resp_json(call->resp, 201);
		wp_buf_printf(&call->resp->body,
			      "{\"ticket\":\"%s\",\"expiresInSeconds\":%d}",
			      ticket, WP_TICKET_TTL_S);
	} else {
		/* Past the mark, or Redis refused to write. */
		wp_resp_error(call->resp, 503, "overloaded",
			      "no ticket can be made now; repeat later");
	}
	wp_reply_free(&reply);
}
