/*
 * handle_admin_revoke.c - POST /api/admin/revoke: a back end says whose tokens
 * are good no longer.
 *
 * 204 when Redis has it; who is let in is judged by that from then on
 * (docs/architecture.md "Revocation"). Anything else may be repeated: what was
 * revoked twice is revoked.
 */
#include "handlers/call.h"

#include "lib/auth/revoke_order.h"

#include "handlers/revoke.h"

/* Read the body; false when call->resp holds the error. */
static bool read_order(struct wp_call *call, struct wp_revoked_key *key)
{
	struct wp_error err;

	if (!wp_call_read_json(call, WP_ADMIN_BODY_MAX))
		return false;
	switch (wp_revoke_order_read(key, call->body.data, call->body.len,
				     &err)) {
	case WP_OK:
		return true;
	case WP_ERR_INVAL:
		wp_call_bad_body(call, "bad_request", err.msg);
		return false;
	default:
		wp_resp_internal(&call->resp);
		return false;
	}
}

bool wp_handle_admin_revoke(struct wp_call *call)
{
	struct wp_revoke_order *order =
		wp_arena_alloc(&call->arena, sizeof(*order));

	if (order == NULL) {
		wp_resp_internal(&call->resp);
		return true;
	}
	*order = (struct wp_revoke_order){ .n = 1, .status = 204 };
	return read_order(call, &order->keys[0]) ? wp_call_revoke(call, order)
						 : true;
}
