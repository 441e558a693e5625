/*
 * handle_send.c - POST /api/send: one envelope, accepted or not.
 *
 * 202 is said only after Redis said yes (docs/architecture.md "Accepting").
 */
#include "handlers/call.h"

#include "lib/name/msgid.h"

#include "handlers/submit.h"

static void respond(struct wp_call *call, const struct wp_send_result *result)
{
	char id[WP_MSGID_LEN + 1];

	if (result->status != WP_SEND_ACCEPTED) {
		wp_call_refuse(call, wp_submit_verdict(result->status));
		return;
	}
	wp_msgid_format(&result->id, id);
	wp_resp_json(call->resp, 202);
	wp_buf_printf(&call->resp->body, "{\"id\":\"%s\"}", id);
}

void wp_handle_send(struct wp_call *call)
{
	struct wp_ctx *ctx = call->ctx;
	struct wp_submission submission;
	struct wp_submit_options options;
	struct wp_envelope_text text;
	struct wp_send_item item;
	struct wp_send_result result;

	if (!wp_call_read_json(call,
			       (size_t)ctx->conf->mailbox.max_envelope_bytes) ||
	    !wp_call_submit_options(call, &options))
		return;
	text = (struct wp_envelope_text){ .data = ctx->body.data,
					  .len = ctx->body.len };
	ctx->scratch.max_bytes = wp_submit_canonical_max(text.len, 1);
	if (wp_submit_read(&submission, &options, &text, ctx->conf,
			   &ctx->scratch) != WP_OK) {
		wp_resp_internal(call->resp);
		return;
	}
	if (submission.refusal.code != NULL) {
		wp_call_refuse(call, &submission.refusal);
		return;
	}
	wp_submit_item(&item, &submission, &options, ctx->conf, &ctx->scratch);
	if (wp_call_submit(call, &item, 1, &result) == WP_OK)
		respond(call, &result);
}
