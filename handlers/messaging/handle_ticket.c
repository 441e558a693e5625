/*
 * handle_ticket.c - POST /api/ticket: something a browser may put into a URL,
 * good for one connection within 30 seconds.
 */
#include "handlers/request/call.h"

#include "lib/mailbox/ticket.h"
#include "lib/redis/info.h"

struct ticket {
	char text[WP_TICKET_LEN + 1];
};

static bool fail(struct wp_call *call)
{
	wp_resp_unavailable(&call->resp, "no ticket can be made now; "
					 "repeat later");
	return true;
}

/* Past the mark, or Redis refused to write. */
static bool overload(struct wp_call *call)
{
	wp_resp_error(&call->resp, 503, "overloaded",
		      "no ticket can be made now; repeat later");
	return true;
}

static void on_stored(void *ctx, const struct wp_reply *reply)
{
	struct wp_call *call = ctx;
	const struct ticket *ticket = call->state;

	if (reply == NULL) {
		wp_ctx_log_failure(call->ctx, "ticket",
				   "the connection to Redis was lost");
		(void)fail(call);
	} else if (wp_reply_is(reply, "OK")) {
		wp_resp_json(&call->resp, 201);
		wp_buf_printf(&call->resp.body,
			      "{\"ticket\":\"%s\",\"expiresInSeconds\":%d}",
			      ticket->text, WP_TICKET_TTL_S);
	} else {
		(void)overload(call);
	}
	wp_call_end(call);
}

/*
 * Nothing is added to Redis past the mark: the room above it is for routing and
 * acks, and anybody may ask for any number of tickets.
 */
static bool store(struct wp_call *call, bool is_up)
{
	struct wp_ctx *ctx = call->ctx;
	struct ticket *ticket = call->state;

	if (!is_up)
		return fail(call);
	if (wp_memory_is_high(ctx->conf,
			      wp_backend_memory_percent(ctx->backend)))
		return overload(call);
	wp_ticket_issue(&ctx->cmd, ticket->text, &call->caller);
	if (wp_backend_do(ctx->backend, WP_LINE_SHORT, &ctx->cmd, on_stored,
			  call) != WP_OK)
		return fail(call);
	return false;
}

bool wp_handle_ticket(struct wp_call *call)
{
	wp_call_be_secret(call);
	call->state = wp_arena_alloc(&call->arena, sizeof(struct ticket));
	if (call->state == NULL) {
		wp_resp_internal(&call->resp);
		return true;
	}
	return wp_call_redis(call, WP_LINE_SHORT, store);
}
