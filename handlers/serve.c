/*
 * serve.c - the order in which a request may fail: path, method, caller, and
 * only then what the handler finds.
 *
 * The log line has neither path nor query, neither caller nor message: nothing
 * that joins a sender with a message (docs/architecture.md "Privacy").
 */
#include "handlers/serve.h"

#include "lib/base/clock.h"

#include "handlers/call.h"
#include "handlers/endpoints.h"
#include "handlers/metrics.h"

enum scope { SCOPE_USER, SCOPE_PROBE };
enum limit { LIMIT_WORK, LIMIT_NONE, LIMIT_LOOK };

/* A row of the table, as it is looked up. */
struct endpoint {
	const char *name;
	const char *path;
	const char *alias;
	void (*handle)(struct wp_call *call);
	enum wp_endpoint_id id;
	unsigned int methods;
	enum scope scope;
	enum limit limit;
};

#define ROW(name_, path_, alias_, methods_, scope_, limit_) \
	{ .id = WP_ENDPOINT_##name_,                        \
	  .name = #name_,                                   \
	  .path = (path_),                                  \
	  .alias = (alias_),                                \
	  .methods = (methods_),                            \
	  .scope = SCOPE_##scope_,                          \
	  .limit = LIMIT_##limit_,                          \
	  .handle = wp_handle_##name_ },

static const struct endpoint endpoints[] = { WP_ENDPOINTS(ROW) };

static bool is_path(const struct wp_text *path, const char *wanted)
{
	return wanted != NULL && wp_text_is(path, wanted);
}

/* The endpoint of exactly this path; NULL when nothing is there. */
static const struct endpoint *find(const struct wp_text *path)
{
	for (size_t i = 0; i < sizeof(endpoints) / sizeof(endpoints[0]); i++)
		if (is_path(path, endpoints[i].path) ||
		    is_path(path, endpoints[i].alias))
			return &endpoints[i];
	return NULL;
}

/*
 * Read the caller from the one Authorization header. Several are refused,
 * because the web server, a proxy before it and we might each believe another
 * one. nginx hands them over one by one, lighttpd joined by a comma, which
 * wp_auth_bearer() refuses.
 *
 * Errors:  WP_ERR_DENIED  always; err->msg is for the developer and quotes
 *          nothing of the header
 */
static enum wp_err authenticate(struct wp_call *call, struct wp_error *err)
{
	struct wp_token token;
	const char *value;
	size_t count;
	enum wp_err rc;

	value = wp_req_param(call->req, "HTTP_AUTHORIZATION", &count);
	if (count == 0)
		return wp_error_set(err, WP_ERR_DENIED,
				    "the header Authorization: Bearer <token> "
				    "is missing");
	if (count > 1)
		return wp_error_set(err, WP_ERR_DENIED,
				    "the Authorization header is given more "
				    "than once");
	rc = wp_auth_bearer(value, &token, err);
	if (rc != WP_OK)
		return rc;
	return wp_auth_verify(call->ctx->shared->auth, &token,
			      wp_wall_ms() / 1000, &call->caller, err);
}

static void answer(struct wp_call *call, const struct endpoint *endpoint)
{
	struct wp_error err;

	if (endpoint == NULL) {
		wp_resp_error(call->resp, 404, "not_found",
			      "there is nothing at this path");
		return;
	}
	/*
	 * A browser sends it without a token before it sends the real request;
	 * what else it wants to know is added to every answer (resp.c).
	 */
	if (call->req->method == WP_OPTIONS) {
		wp_resp_empty(call->resp, 204);
		call->resp->methods = endpoint->methods | WP_OPTIONS;
		return;
	}
	if ((call->req->method & endpoint->methods) == 0) {
		wp_resp_error(call->resp, 405, "method_not_allowed",
			      "the method is not allowed here; see Allow");
		call->resp->methods = endpoint->methods | WP_OPTIONS;
		return;
	}
	if (endpoint->scope == SCOPE_USER &&
	    authenticate(call, &err) != WP_OK) {
		wp_resp_error(call->resp, 401, "unauthorized", err.msg);
		return;
	}
	endpoint->handle(call);
}

static void record(const struct wp_call *call, const struct endpoint *endpoint,
		   uint64_t duration_us)
{
	bool is_probe = endpoint != NULL && endpoint->scope == SCOPE_PROBE;

	wp_handlers_metrics_request(call->ctx->shared->metrics,
				    endpoint == NULL ? WP_ENDPOINT_none
						     : endpoint->id,
				    call->resp->status, duration_us);
	wp_log(&call->ctx->log, is_probe ? WP_LOG_DEBUG : WP_LOG_INFO,
	       "request", wp_str("request_id", call->req->id),
	       wp_str("route", endpoint == NULL ? "none" : endpoint->name),
	       wp_str("method", wp_method_name(call->req->method)),
	       wp_int("status", call->resp->status),
	       wp_int("duration_us", (int64_t)duration_us));
}

bool wp_serve_is_work(struct wp_shared *shared, struct wp_io *io)
{
	const struct endpoint *endpoint;
	struct wp_req req;

	wp_req_begin(&req, io);
	endpoint = find(&req.path);
	if (endpoint == NULL || (req.method & endpoint->methods) == 0)
		return false;
	switch (endpoint->limit) {
	case LIMIT_NONE:
		return false;
	case LIMIT_LOOK:
		return !wp_ready_is_known(&shared->ready, wp_mono_ms());
	default:
		return true;
	}
}

static void serve(struct wp_ctx *ctx, struct wp_io *io, bool is_full)
{
	uint64_t start_us = wp_mono_us();
	const struct endpoint *endpoint;
	struct wp_req req;
	struct wp_call call = { .ctx = ctx, .req = &req, .resp = &ctx->resp };

	wp_req_init(&req, io);
	endpoint = find(&req.path);
	if (is_full)
		wp_resp_unavailable(call.resp, "too many requests wait here; "
					       "repeat later");
	else
		answer(&call, endpoint);
	/* That the peer has gone meanwhile changes nothing any more. */
	(void)wp_resp_write(call.resp, &req, ctx->conf);
	record(&call, endpoint, wp_mono_us() - start_us);
	wp_ctx_reset(ctx);
}

void wp_serve(struct wp_ctx *ctx, struct wp_io *io)
{
	serve(ctx, io, false);
}

void wp_serve_full(struct wp_ctx *ctx, struct wp_io *io)
{
	serve(ctx, io, true);
}
