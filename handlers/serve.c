/*
 * serve.c - the order in which a request may fail: path, method, caller, and
 * only then what the handler finds.
 *
 * The log line has neither path nor query, neither caller nor message: nothing
 * that joins a sender with a message (ARCHITECTURE 4.10).
 */
#include "handlers/serve.h"

#include "lib/base/clock.h"

#include "handlers/auth.h"
#include "handlers/handle.h"
#include "handlers/route.h"

static void answer(struct wp_call *call, const struct wp_http_route *route)
{
	struct wp_error err;

	if (route == NULL) {
		wp_resp_error(call->resp, 404, "not_found",
			      "there is nothing at this path");
		return;
	}
	if (call->req->method == WP_METHOD_OPTIONS) {
		call->resp->allow = route->allow;
		wp_handle_options(call);
		return;
	}
	if (!wp_http_route_takes(route, call->req->method)) {
		wp_resp_error(call->resp, 405, "method_not_allowed",
			      "the method is not allowed here; see Allow");
		call->resp->allow = route->allow;
		return;
	}
	if (route->needs_token &&
	    wp_authenticate(call->ctx->shared->auth, call->req, &call->caller,
			    &err) != WP_OK) {
		wp_resp_error(call->resp, 401, "unauthorized", err.msg);
		return;
	}
	route->handle(call);
}

static void record(const struct wp_call *call,
		   const struct wp_http_route *route, uint64_t duration_us)
{
	struct wp_metrics *metrics = call->ctx->shared->metrics;
	bool is_probe = route != NULL && route->is_probe;

	wp_handlers_metrics_request(
		metrics, route == NULL ? WP_ROUTE_ID_NONE : route->id,
		call->resp->status, duration_us);
	wp_log(&call->ctx->log, is_probe ? WP_LOG_DEBUG : WP_LOG_INFO,
	       "request", wp_str("request_id", call->req->id),
	       wp_str("route", route == NULL ? "none" : route->name),
	       wp_str("method", wp_method_name(call->req->method)),
	       wp_int("status", call->resp->status),
	       wp_int("duration_us", (int64_t)duration_us));
}

bool wp_serve_is_work(struct wp_shared *shared, struct wp_io *io)
{
	const struct wp_http_route *route;
	struct wp_req req;

	wp_req_begin(&req, io);
	route = wp_http_route_find(&req.path);
	if (route == NULL || route->is_light ||
	    !wp_http_route_takes(route, req.method))
		return false;
	return route->id != WP_ROUTE_ID_READYZ ||
	       !wp_ready_is_known(&shared->ready, wp_mono_ms());
}

static void serve(struct wp_ctx *ctx, struct wp_io *io, bool is_full)
{
	uint64_t start_us = wp_mono_us();
	const struct wp_http_route *route;
	struct wp_req req;
	struct wp_call call = { .ctx = ctx, .req = &req, .resp = &ctx->resp };

	wp_req_init(&req, io);
	route = wp_http_route_find(&req.path);
	if (is_full)
		wp_resp_unavailable(call.resp, "too many requests wait here; "
					       "repeat later");
	else
		answer(&call, route);
	/* That the peer has gone meanwhile changes nothing any more. */
	(void)wp_resp_write(call.resp, &req, ctx->conf);
	record(&call, route, wp_mono_us() - start_us);
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
