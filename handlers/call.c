/*
 * call.c - what several handlers do alike.
 */
#include "handlers/call.h"

#include "lib/base/json.h"

bool wp_call_read_json(struct wp_call *call, size_t max_bytes)
{
	struct wp_error err;

	if (wp_req_has_two_types(call->req)) {
		wp_resp_error(call->resp, 400, "bad_request",
			      "the Content-Type header is given twice");
		return false;
	}
	if (!wp_req_is_json(call->req)) {
		wp_resp_error(call->resp, 415, "unsupported_media_type",
			      "the body must be sent as Content-Type: "
			      "application/json, in UTF-8");
		return false;
	}
	switch (wp_req_read_body(call->req, max_bytes, &call->ctx->body,
				 &err)) {
	case WP_OK:
		return true;
	case WP_ERR_FULL:
		wp_resp_error(call->resp, 413, "payload_too_large", err.msg);
		return false;
	case WP_ERR_INVAL:
		wp_resp_error(call->resp, 400, "bad_request", err.msg);
		return false;
	default:
		wp_resp_internal(call->resp);
		return false;
	}
}

const char *wp_bad_json_code(const char *data, size_t len, const char *code)
{
	return wp_json_is_valid(data, len) ? code : "invalid_json";
}

void wp_call_bad_body(struct wp_call *call, const char *code,
		      const char *sentence)
{
	const struct wp_buf *body = &call->ctx->body;

	wp_resp_error(call->resp, 400,
		      wp_bad_json_code(body->data, body->len, code), sentence);
}
