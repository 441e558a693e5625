/*
 * serve.c - the order in which a request may fail: the address that it comes
 * from, path, method, caller, the caller's limit, what callers of this kind may
 * do, and only then what the handler finds.
 */
#include "handlers/serve.h"

#include <stddef.h>
#include <string.h>

#include <ev.h>

#include "lib/auth/apikey.h"
#include "lib/auth/apikey_file.h"
#include "lib/base/clock.h"
#include "lib/live/session_seen.h"

#include "handlers/request/endpoints.h"
#include "handlers/request/limit.h"
#include "handlers/request/metrics.h"

enum who { FOR_USERS, FOR_KEYS, FOR_BOTH, FOR_ANYBODY, FOR_PROBES };
enum need { NEED_NONE, NEED_WORK };
enum {
	KEY_WAIT_MS = 1000, /* for a key of the caller's issuer */
	ORIGIN_LOG_MS = 60000,
};

/* A row of the table, as it is looked up. */
struct wp_endpoint {
	const char *name;
	const char *path;
	const char *alias;
	bool (*handle)(struct wp_call *call);
	enum wp_endpoint_id id;
	unsigned int methods;
	enum who who;
	enum wp_scope scope;       /* that a key must have */
	enum wp_limit_class limit; /* of users; of ANYBODY, of the address */
	enum need need;
};

#define WHO_USER .who = FOR_USERS
#define WHO_PROBE .who = FOR_PROBES
#define WHO_ANYBODY .who = FOR_ANYBODY
#define WHO_KEY(scope_) .who = FOR_KEYS, .scope = WP_SCOPE_##scope_
#define WHO_EITHER(scope_) .who = FOR_BOTH, .scope = WP_SCOPE_##scope_

#define ROW(name_, path_, alias_, methods_, who_, limit_, need_) \
	{ .id = WP_ENDPOINT_##name_,                             \
	  .name = #name_,                                        \
	  .path = (path_),                                       \
	  .alias = (alias_),                                     \
	  .methods = (methods_),                                 \
	  WHO_##who_,                                            \
	  .limit = WP_LIMIT_##limit_,                            \
	  .need = NEED_##need_,                                  \
	  .handle = wp_handle_##name_ },

static const struct wp_endpoint endpoints[] = { WP_ENDPOINTS(ROW) };

static bool is_path(const struct wp_text *path, const char *wanted)
{
	return wanted != NULL && wp_text_is(path, wanted);
}

/*
 * The endpoint of exactly this path, of several that which has the method;
 * NULL when nothing is there.
 *
 * *methods_out:  that are allowed at the path
 */
static const struct wp_endpoint *find(const struct wp_req *req,
				      unsigned int *methods_out)
{
	const struct wp_endpoint *found = NULL;

	*methods_out = WP_OPTIONS;
	for (size_t i = 0; i < sizeof(endpoints) / sizeof(endpoints[0]); i++) {
		const struct wp_endpoint *endpoint = &endpoints[i];

		if (!is_path(&req->path, endpoint->path) &&
		    !is_path(&req->path, endpoint->alias))
			continue;
		*methods_out |= endpoint->methods;
		if (found == NULL || (endpoint->methods & req->method) != 0)
			found = endpoint;
	}
	return found;
}

/*
 * Find the token in the one Authorization header. Several are refused, because
 * the web server, a proxy before it and we might each believe another one.
 * nginx hands them over one by one, lighttpd joined by a comma, which
 * wp_auth_bearer() refuses.
 *
 * Errors:  WP_ERR_DENIED  err->msg is for the developer and quotes nothing of
 *                         the header; nor does *reason, for the log
 */
static enum wp_err find_token(const struct wp_call *call, struct wp_token *out,
			      const char **reason, struct wp_error *err)
{
	const char *value;
	size_t count;

	value = wp_req_param(&call->req, "HTTP_AUTHORIZATION", &count);
	*reason =
		count == 0 ? "missing" : wp_refused_name(WP_REFUSED_MALFORMED);
	if (count == 0)
		return wp_error_set(err, WP_ERR_DENIED,
				    "the header Authorization: Bearer <token> "
				    "is missing");
	if (count > 1)
		return wp_error_set(err, WP_ERR_DENIED,
				    "the Authorization header is given more "
				    "than once");
	return wp_auth_bearer(value, out, err);
}

static enum wp_err aside(void *ctx_, const struct wp_cmd *cmd, wp_reply_fn fn,
			 void *fn_ctx)
{
	const struct wp_ctx *ctx = ctx_;

	return wp_backend_do(ctx->backend, WP_LINE_SHORT, cmd, fn, fn_ctx);
}

/* A token that this process did not know was let in. */
static void see(struct wp_call *call)
{
	const struct wp_seen_way way = {
		.partitions = (uint32_t)call->ctx->conf->mailbox.partitions,
		.call = aside,
		.ctx = call->ctx,
	};

	wp_session_seen(&call->caller, &way);
}

/*
 * Whose token is it?
 *
 * Errors:  as wp_auth_verify()
 */
static enum wp_err authenticate(struct wp_call *call,
				const struct wp_token *token,
				struct wp_error *err)
{
	struct wp_shared *shared = call->ctx->shared;
	int64_t now_s = wp_wall_ms() / 1000;
	uint64_t known;
	enum wp_err rc;
	bool is_known;

	if (wp_apikey_is_meant(token))
		return wp_apikey_file_verify(shared->apikeys, token, now_s,
					     &call->caller, err);
	wp_auth_look(shared->auth, wp_mono_ms());
	known = wp_token_cache_hits(call->ctx->tokens);
	rc = wp_token_cache_verify(call->ctx->tokens, token, now_s,
				   &call->caller, err);
	is_known = wp_token_cache_hits(call->ctx->tokens) > known;
	wp_metric_add(shared->metrics,
		      is_known ? WP_H_TOKEN_HITS : WP_H_TOKEN_MISSES, 1);
	if (rc == WP_OK && !is_known)
		see(call);
	return rc;
}

/* May callers of this kind ask? Answers when not. */
static bool is_allowed(struct wp_call *call)
{
	const struct wp_endpoint *endpoint = call->endpoint;
	struct wp_error err;

	if (call->caller.kind == WP_KIND_USER && endpoint->who != FOR_KEYS)
		return true;
	if (call->caller.kind == WP_KIND_KEY && endpoint->who != FOR_USERS &&
	    (call->caller.scopes & endpoint->scope) != 0)
		return true;
	if (call->caller.kind == WP_KIND_USER)
		(void)wp_error_set(&err, WP_ERR_DENIED,
				   "this is for back ends, with a key");
	else if (endpoint->who == FOR_USERS)
		(void)wp_error_set(&err, WP_ERR_DENIED,
				   "this is for users; a key has no mailbox "
				   "and no session");
	else
		(void)wp_error_set(&err, WP_ERR_DENIED,
				   "the key lacks the scope %s",
				   wp_scope_name(endpoint->scope));
	wp_resp_error(&call->resp, 403, "forbidden", err.msg);
	return false;
}

/*
 * Answer 503: too many wait. Nothing was done, and that is said ("overloaded")
 * unless this may be a repeat of what was accepted: a send with a key, a batch,
 * whose elements may have keys, and what could not be read.
 */
static void turn_away(struct wp_call *call)
{
	const struct wp_endpoint *endpoint = call->endpoint;
	size_t n_keys;

	(void)wp_req_param(&call->req, "HTTP_IDEMPOTENCY_KEY", &n_keys);
	wp_resp_error(&call->resp, 503,
		      endpoint == NULL || n_keys > 0 ||
				      endpoint->id == WP_ENDPOINT_send_batch
			      ? "unavailable"
			      : "overloaded",
		      "too many requests wait here; repeat later");
}

static bool is_probe(const struct wp_call *call)
{
	return call->endpoint != NULL && call->endpoint->who == FOR_PROBES;
}

/* It is known who asks. A key has one limit, whatever it is used for. */
static bool let_in(struct wp_call *call)
{
	const struct wp_endpoint *endpoint = call->endpoint;

	if (!wp_limit_caller(call, call->caller.kind == WP_KIND_KEY
					   ? WP_LIMIT_KEY
					   : endpoint->limit))
		return true;
	return is_allowed(call) ? endpoint->handle(call) : true;
}

/*
 * The caller is known; is the token good still? Whoever is known to have been
 * shut out must not use up what others may ask for. What cannot be told now is
 * told before Redis is asked for anything (call.c): what needs no Redis does
 * not wait for it.
 */
static bool admit(struct wp_call *call)
{
	/* Who takes a key away waits for nobody: it is looked up each time. */
	if (call->caller.kind == WP_KIND_KEY)
		return let_in(call);
	switch (wp_revocations_look(call->ctx->revocations, &call->caller,
				    call->start_us)) {
	case WP_TOKEN_REVOKED:
		wp_call_revoked(call);
		return true;
	case WP_TOKEN_GOOD:
		return let_in(call);
	default:
		call->must_judge = true;
		return let_in(call);
	}
}

/* reason: as of wp_resp_unauthorized() */
static bool refuse_caller(struct wp_call *call, enum wp_err rc,
			  const char *reason, const struct wp_error *err)
{
	if (rc == WP_ERR_DENIED)
		wp_resp_unauthorized(&call->resp, reason, err->msg, true);
	else
		wp_resp_error(&call->resp, 503, "identity_unavailable",
			      err->msg);
	return true;
}

/* Another file has come with the keys of the token's issuer, or the end. */
static bool on_keys(struct wp_key_waiter *waiter, bool is_over)
{
	struct wp_call *call =
		(struct wp_call *)((char *)waiter -
				   offsetof(struct wp_call, key_waiter));
	const char *reason;
	struct wp_token token;
	struct wp_error err;
	enum wp_err rc = find_token(call, &token, &reason, &err);

	if (rc == WP_OK) {
		rc = authenticate(call, &token, &err);
		reason = wp_refused_name(call->caller.refused);
	}
	if (rc == WP_ERR_NOTFOUND && !is_over)
		return true;
	if (rc == WP_OK ? admit(call) : refuse_caller(call, rc, reason, &err))
		wp_call_end(call);
	return false;
}

/* Whose token is it? As a handler. */
static bool identify(struct wp_call *call)
{
	const char *reason;
	struct wp_token token;
	struct wp_error err;
	enum wp_err rc = find_token(call, &token, &reason, &err);

	if (rc != WP_OK) {
		wp_resp_unauthorized(&call->resp, reason, err.msg, false);
		return true;
	}
	rc = authenticate(call, &token, &err);
	if (rc == WP_OK)
		return admit(call);
	reason = wp_apikey_is_meant(&token)
			 ? "key"
			 : wp_refused_name(call->caller.refused);
	call->key_waiter.again = on_keys;
	call->key_waiter.is_logout = false;
	if (!wp_limit_from(call, &call->key_waiter.from))
		call->key_waiter.from.len = 0;
	if (rc == WP_ERR_NOTFOUND &&
	    wp_key_wait_add(call->ctx->key_wait, &call->key_waiter,
			    call->caller.issuer, KEY_WAIT_MS))
		return false;
	return refuse_caller(call, rc, reason, &err);
}

/* A page asks whether it may ask. A setting that is forgotten looks to it like
 * a server that is gone. */
static void answer_preflight(struct wp_call *call)
{
	struct wp_ctx *ctx = call->ctx;
	uint32_t suppressed;

	wp_resp_empty(&call->resp, 204);
	call->resp.methods = call->methods;
	if (!wp_resp_is_foreign(&call->req, ctx->conf))
		return;
	wp_resp_error(&call->resp, 403, "origin_not_allowed",
		      "this Origin may not ask; cors.allowed_origins does not "
		      "list it");
	if (wp_log_allow(&ctx->origin_limit, wp_mono_ms(), ORIGIN_LOG_MS,
			 &suppressed))
		wp_log(&ctx->log, WP_LOG_WARN, "an Origin that is not listed",
		       wp_str("setting", "cors.allowed_origins"),
		       wp_int("suppressed", suppressed));
}

/*
 * Look at what is asked for; as a handler. "Too many" is said before the caller
 * is known: that would be work too.
 */
static bool answer(struct wp_call *call)
{
	const struct wp_endpoint *endpoint = call->endpoint;

	if (!is_probe(call) && !wp_limit_begin(call))
		return true;
	if (endpoint == NULL) {
		wp_resp_error(&call->resp, 404, "not_found",
			      "there is nothing at this path");
		return true;
	}
	/*
	 * A browser sends it without a token before it sends the real request;
	 * what else it wants to know is added to every answer (resp.c).
	 */
	if (call->req.method == WP_OPTIONS) {
		answer_preflight(call);
		return true;
	}
	if ((call->req.method & endpoint->methods) == 0) {
		wp_resp_error(&call->resp, 405, "method_not_allowed",
			      "the method is not allowed here; see Allow");
		call->resp.methods = call->methods;
		return true;
	}
	if (endpoint->need == NEED_WORK &&
	    call->ctx->n_waiting >= WP_SERVE_WAITING_MAX) {
		turn_away(call);
		return true;
	}
	if (endpoint->who == FOR_ANYBODY && endpoint->limit != WP_LIMIT_NONE &&
	    !wp_limit_address(call, endpoint->limit))
		return true;
	if (endpoint->who == FOR_PROBES || endpoint->who == FOR_ANYBODY)
		return endpoint->handle(call);
	return identify(call);
}

/* Proxies and we might each believe another one of several. */
static void read_trace(const struct wp_req *req, struct wp_trace *out)
{
	size_t count;
	struct wp_text value = { 0 };

	value.data = wp_req_param(req, "HTTP_TRACEPARENT", &count);
	if (count != 1)
		value.data = NULL;
	else
		value.len = strlen(value.data);
	(void)wp_trace_read(out, &value);
}

static void record(struct wp_call *call, uint64_t end_us)
{
	const struct wp_endpoint *endpoint = call->endpoint;
	struct wp_request_line line = {
		.request_id = call->req.id,
		.door = "http",
		.route = endpoint == NULL ? "none" : endpoint->name,
		.method = wp_method_name(call->req.method),
		.status = call->resp.status,
		.code = call->resp.code,
		.reason = call->resp.reason,
		.bytes = wp_resp_body_bytes(&call->resp, &call->req),
		.start_us = call->start_us,
		.end_us = end_us,
		.is_probe = is_probe(call),
	};

	wp_handlers_metrics_request(call->ctx->shared->metrics,
				    endpoint == NULL ? WP_ENDPOINT_none
						     : endpoint->id,
				    line.status, end_us - call->start_us);
	if (endpoint != NULL && !call->is_counted)
		wp_handlers_metrics_unsent(call->ctx->shared->metrics,
					   endpoint->id, line.status,
					   line.code);
	if (!wp_request_log_wants(&call->ctx->requests, call->ctx->conf, &line))
		return;
	read_trace(&call->req, &line.trace);
	wp_request_log_write(&call->ctx->log, &line);
}

static void begin(struct wp_call *call, struct wp_io *io)
{
	call->start_us = wp_mono_us();
	wp_req_init(&call->req, io, &call->ctx->random);
	call->endpoint = find(&call->req, &call->methods);
	call->limit = WP_LIMIT_NONE;
}

bool wp_serve_begin(struct wp_call *call, struct wp_io *io)
{
	begin(call, io);
	if (answer(call))
		return true;
	call->is_waiting = true;
	call->ctx->n_waiting++;
	return false;
}

void wp_serve_full(struct wp_call *call, struct wp_io *io)
{
	begin(call, io);
	turn_away(call);
}

void wp_serve_end(struct wp_call *call)
{
	if (call->is_waiting)
		call->ctx->n_waiting--;
	if (!is_probe(call))
		wp_limit_end(call);
	/* That the peer has gone meanwhile changes nothing any more. */
	(void)wp_resp_write(&call->resp, &call->req, call->ctx->conf);
	record(call, wp_mono_us());
}

static void on_end(struct wp_call *call)
{
	(void)call; /* is_over is looked at */
}

bool wp_serve(struct wp_ctx *ctx, struct wp_io *io)
{
	struct wp_call *call = wp_call_new(ctx);

	if (call == NULL)
		return false;
	call->on_end = on_end;
	if (!wp_serve_begin(call, io))
		while (!call->is_over)
			ev_run(ctx->loop, EVRUN_ONCE);
	wp_serve_end(call);
	wp_call_free(&call);
	return true;
}
