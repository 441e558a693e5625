/*
 * handle_ack.c - POST /api/messages/ack: the client has these messages.
 *
 * 204 means that no pull that starts from now on returns them. All ids are
 * read before the first is deleted.
 */
#include "handlers/call.h"

#include "lib/mailbox/ack.h"
#include "lib/name/box.h"

#include "handlers/metrics.h"

/* A thousand ids fit, even with every character written as an escape. */
enum { BODY_MAX = 256 * 1024 };

static bool read_ids(struct wp_call *call, struct wp_ack_ids *ids,
		     uint32_t partition)
{
	const struct wp_buf *body = &call->ctx->body;
	struct wp_error err;
	enum wp_err rc;

	if (!wp_call_read_json(call, BODY_MAX))
		return false;
	rc = wp_ack_ids_read(ids, body->data, body->len, partition, &err);
	if (rc == WP_ERR_INVAL)
		wp_call_bad_body(call, "invalid_ack", err.msg);
	else if (rc != WP_OK)
		wp_resp_internal(call->resp);
	return rc == WP_OK;
}

static enum wp_err ack(struct wp_ctx *ctx, const struct wp_box *box,
		       const struct wp_ack_ids *ids)
{
	struct wp_error err;

	if (wp_ctx_redis(ctx, &err) != WP_OK)
		return WP_ERR_UNAVAIL;
	if (wp_ack(ctx->redis, wp_ctx_store_or_null(ctx), box, ids, &err) ==
	    WP_OK)
		return WP_OK;
	wp_ctx_log_failure(ctx, "ack", &err);
	return WP_ERR_UNAVAIL;
}

void wp_handle_ack(struct wp_call *call)
{
	struct wp_ctx *ctx = call->ctx;
	struct wp_ack_ids ids = { 0 };
	struct wp_box box;

	wp_box_of(&box, &call->caller.user,
		  (uint32_t)ctx->conf->mailbox.partitions);
	if (!read_ids(call, &ids, box.partition))
		return;
	/* Of nothing that is ours, nothing needs to be asked. */
	if (ids.n > 0 && ack(ctx, &box, &ids) != WP_OK) {
		wp_resp_unavailable(call->resp,
				    "the outcome is unknown; repeat the ack");
	} else {
		wp_resp_empty(call->resp, 204);
		wp_metric_add(ctx->shared->metrics, WP_H_ACKED, (int64_t)ids.n);
	}
	wp_ack_ids_release(&ids);
}
