/*
 * call.h - a request on its way through the handler of its endpoint. Each
 * handler has one function, wp_handle_<name>().
 *
 * A handler reads call->req, decides, and leaves a complete answer in
 * call->resp. It writes nothing to the peer and holds nothing when it returns.
 */
#ifndef WP_HANDLERS_CALL_H
#define WP_HANDLERS_CALL_H

#include "lib/auth/token.h"

#include "handlers/ctx.h"
#include "handlers/endpoints.h"
#include "handlers/req.h"
#include "handlers/resp.h"

struct wp_call {
	struct wp_ctx *ctx;
	const struct wp_req *req;
	struct wp_resp *resp;
	struct wp_identity caller; /* set when the scope is WP_SCOPE_USER */
};

#define WP_ENDPOINT_HANDLER(name, ...) \
	void wp_handle_##name(struct wp_call *call);
WP_ENDPOINTS(WP_ENDPOINT_HANDLER)
#undef WP_ENDPOINT_HANDLER

/*
 * What handlers with a JSON body do first: look at its type, read it into
 * ctx->body. False when call->resp holds the error.
 */
bool wp_call_read_json(struct wp_call *call, size_t max_bytes);

/*
 * Answer 400 for a body that was refused: invalid_json when it is no JSON at
 * all, else code.
 */
void wp_call_bad_body(struct wp_call *call, const char *code,
		      const char *sentence);

#endif /* WP_HANDLERS_CALL_H */
