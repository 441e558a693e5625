/*
 * call.h - a request on its way through the handler of its endpoint. Each
 * handler has one function, wp_handle_<name>().
 *
 * A handler reads call->req, decides, and leaves a complete answer in
 * call->resp. It writes nothing to the peer and holds nothing when it returns.
 */
#ifndef WP_HANDLERS_CALL_H
#define WP_HANDLERS_CALL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/auth/token.h"

#include "handlers/ctx.h"
#include "handlers/endpoints.h"
#include "handlers/req.h"
#include "handlers/resp.h"

struct wp_call {
	struct wp_ctx *ctx;
	const struct wp_req *req;
	struct wp_resp *resp;
	struct wp_identity caller; /* set when the scope is USER */
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

/* Elements of one request: a batch, or a list of users. */
enum { WP_GROUP_MAX = 100 };

/*
 * Bring together what lies in the same partition, so that one script call can
 * serve all of it: fill order with 0..n-1, sorted by partition; inside a
 * partition as given.
 *
 * partitions:  of each element, n <= WP_GROUP_MAX
 */
void wp_group(const uint32_t *partitions, size_t n, size_t *order);

/* How many elements from start on share a partition; start < n. */
size_t wp_group_len(const uint32_t *partitions, const size_t *order,
		    size_t start, size_t n);

#endif /* WP_HANDLERS_CALL_H */
