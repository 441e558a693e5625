/*
 * handle_send.c - POST /api/send: one envelope, accepted or not.
 *
 * 202 is said only after Redis said yes (ARCHITECTURE 4.1).
 */
#include "handlers/call.h"

#include "lib/mailbox/envelope.h"
#include "lib/mailbox/send.h"
#include "lib/name/msgid.h"

#include "handlers/submit.h"

static bool read_envelope(struct wp_call *call, struct wp_envelope *envelope)
{
	struct wp_ctx *ctx = call->ctx;
	const struct wp_envelope_text text = {
		.data = ctx->body.data,
		.len = ctx->body.len,
		.partitions = (uint32_t)ctx->conf->mailbox.partitions,
	};
	struct wp_error err;

	ctx->scratch.max_bytes = wp_submit_canonical_max(ctx->body.len, 1);
	switch (wp_envelope_read(envelope, &text, &ctx->scratch, &err)) {
	case WP_OK:
		return true;
	case WP_ERR_INVAL:
		wp_call_bad_body(call, "invalid_envelope", err.msg);
		return false;
	case WP_ERR_FULL:
		wp_resp_error(call->resp, 413, "payload_too_large", err.msg);
		return false;
	default:
		wp_resp_internal(call->resp);
		return false;
	}
}

static void respond(struct wp_call *call, const struct wp_send_result *result)
{
	char id[WP_MSGID_LEN + 1];

	if (result->status != WP_SEND_ACCEPTED) {
		const struct wp_send_verdict *verdict =
			wp_send_verdict(result->status);

		wp_resp_error(call->resp, verdict->status, verdict->code,
			      verdict->sentence);
		return;
	}
	wp_msgid_format(&result->id, id);
	wp_resp_json(call->resp, 202);
	wp_buf_printf(&call->resp->body, "{\"id\":\"%s\"}", id);
}

void wp_handle_send(struct wp_call *call)
{
	struct wp_ctx *ctx = call->ctx;
	struct wp_envelope envelope;
	struct wp_send_item item = { .envelope = &envelope };
	struct wp_send_result result;
	const char *key;
	size_t key_len;

	if (!wp_call_read_json(call,
			       (size_t)ctx->conf->mailbox.max_envelope_bytes) ||
	    !wp_submit_key(call, &key, &key_len) ||
	    !wp_submit_expiry(call, &item.expires_in_ms) ||
	    !read_envelope(call, &envelope))
		return;
	item.json = ctx->scratch.data;
	item.json_len = ctx->scratch.len;
	if (key != NULL)
		wp_send_set_key(&item, ctx->conf->auth.store_secret,
				call->caller.user.text, key, key_len);
	if (wp_submit(call, &item, 1, &result) == WP_OK)
		respond(call, &result);
}
