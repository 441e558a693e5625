/*
 * handle.h - the endpoints. Each has a file of its own and one function.
 *
 * A handler reads call->req, decides, and leaves a complete answer in
 * call->resp. It writes nothing to the peer and holds nothing when it returns.
 */
#ifndef WP_HANDLERS_HANDLE_H
#define WP_HANDLERS_HANDLE_H

#include "lib/auth/token.h"

#include "handlers/ctx.h"
#include "handlers/req.h"
#include "handlers/resp.h"

/* One request on its way. */
struct wp_call {
	struct wp_ctx *ctx;
	const struct wp_req *req;
	struct wp_resp *resp;
	struct wp_identity caller; /* set when the route needs a token */
};

typedef void (*wp_handle_fn)(struct wp_call *call);

void wp_handle_send(struct wp_call *call);
void wp_handle_send_batch(struct wp_call *call);
void wp_handle_messages(struct wp_call *call);
void wp_handle_ack(struct wp_call *call);
void wp_handle_presence(struct wp_call *call);
void wp_handle_ticket(struct wp_call *call);
void wp_handle_healthz(struct wp_call *call);
void wp_handle_readyz(struct wp_call *call);
void wp_handle_metrics(struct wp_call *call);

/* OPTIONS, on every path that has a route; call->resp->allow is set. */
void wp_handle_options(struct wp_call *call);

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
/* The same question for a part of a body. */
const char *wp_bad_json_code(const char *data, size_t len, const char *code);

#endif /* WP_HANDLERS_HANDLE_H */
