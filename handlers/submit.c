/*
 * submit.c - the way of envelopes into Redis.
 *
 * Knows when something is certain (nothing was sent) and when it is not: once
 * a call is under way and no answer comes, its outcome is unknown and the
 * client must be told so.
 */
#include "handlers/submit.h"

#include <string.h>

#include "lib/http/query.h"
#include "lib/redis/client.h"

#include "handlers/metrics.h"

void wp_call_refuse(struct wp_call *call, const struct wp_refusal *refusal)
{
	static const struct {
		const char *code;
		unsigned int status;
	} statuses[] = {
		{ "payload_too_large", 413 }, { "idempotency_conflict", 409 },
		{ "mailbox_full", 507 },      { "overloaded", 503 },
		{ "unavailable", 503 },
	};
	unsigned int status = 400;

	for (size_t i = 0; i < sizeof(statuses) / sizeof(statuses[0]); i++)
		if (strcmp(refusal->code, statuses[i].code) == 0)
			status = statuses[i].status;
	wp_resp_error(call->resp, status, refusal->code, refusal->sentence);
}

static void count(struct wp_metrics *metrics,
		  const struct wp_send_result *results, size_t n)
{
	static const size_t metric_of[] = {
		[WP_SEND_ACCEPTED] = WP_H_SEND_ACCEPTED,
		[WP_SEND_CONFLICT] = WP_H_SEND_CONFLICT,
		[WP_SEND_FULL] = WP_H_SEND_FULL,
		[WP_SEND_OVERLOADED] = WP_H_SEND_OVERLOADED,
		[WP_SEND_UNKNOWN] = WP_H_SEND_UNKNOWN,
	};

	for (size_t i = 0; i < n; i++)
		wp_metric_add(metrics, metric_of[results[i].status], 1);
}

/* How many items, from the first on, share a partition? */
static size_t run_len(const struct wp_send_item *items, size_t n)
{
	size_t len = 1;

	while (len < n && items[len].envelope->recipient.partition ==
				  items[0].envelope->recipient.partition)
		len++;
	return len;
}

/* Queue every call. Nothing leaves before the first answer is asked for. */
static enum wp_err append_all(struct wp_ctx *ctx,
			      const struct wp_send_item *items, size_t n,
			      struct wp_error *err)
{
	/* The question may cost the connection, and with it the run_id. */
	unsigned int percent = wp_redis_memory_percent(ctx->redis);
	const struct wp_send_target target = {
		.conf = ctx->conf,
		.run_id = wp_redis_run_id(ctx->redis),
		.memory_percent = percent,
	};
	enum wp_err rc = WP_OK;
	size_t len;

	for (size_t at = 0; rc == WP_OK && at < n; at += len) {
		len = run_len(items + at, n - at);
		wp_send_build(&ctx->cmd, &target, items + at, len);
		rc = wp_redis_append(ctx->redis, &ctx->cmd, err);
	}
	/* The first call would go to another Redis than it was built for. */
	if (rc == WP_OK && ctx->fit_epoch != wp_redis_epoch(ctx->redis))
		rc = wp_error_set(err, WP_ERR_UNAVAIL,
				  "the connection to Redis was replaced");
	if (rc != WP_OK)
		wp_redis_disconnect(ctx->redis);
	return rc;
}

static void take_all(struct wp_ctx *ctx, const struct wp_send_item *items,
		     size_t n, struct wp_send_result *results)
{
	struct wp_error err;
	size_t len;

	for (size_t at = 0; at < n; at += len) {
		struct wp_reply *reply = NULL;

		len = run_len(items + at, n - at);
		if (wp_redis_take(ctx->redis, &reply, &err) != WP_OK)
			wp_ctx_log_failure(ctx, "send", &err);
		wp_send_parse(reply, items + at, len, results + at);
		wp_reply_free(&reply);
	}
}

enum wp_err wp_call_submit(struct wp_call *call,
			   const struct wp_send_item *items, size_t n,
			   struct wp_send_result *results)
{
	struct wp_ctx *ctx = call->ctx;
	struct wp_error err;
	enum wp_err rc;

	rc = wp_ctx_redis(ctx, &err);
	if (rc == WP_OK)
		rc = append_all(ctx, items, n, &err);
	if (rc == WP_ERR_NOMEM) {
		wp_resp_internal(call->resp);
		return rc;
	}
	if (rc != WP_OK) {
		wp_resp_unavailable(call->resp,
				    "Redis cannot be reached; repeat later");
		return WP_ERR_UNAVAIL;
	}
	take_all(ctx, items, n, results);
	count(ctx->shared->metrics, results, n);
	wp_resp_header(call->resp, "X-Durability",
		       wp_redis_durability(ctx->redis));
	return WP_OK;
}

/* ?expiresInSeconds=; false when call->resp holds the error. */
static bool read_expiry(struct wp_call *call, struct wp_submit_options *options)
{
	struct wp_text text = { 0 };
	struct wp_error err;

	switch (wp_query_get(&call->req->query, "expiresInSeconds",
			     &call->ctx->arena, &text, &err)) {
	case WP_OK:
		options->has_expiry = true;
		if (!wp_query_integer(&text, &options->expires_s))
			options->expires_s = 0;
		return true;
	case WP_ERR_NOMEM:
		wp_resp_internal(call->resp);
		return false;
	case WP_ERR_INVAL:
		wp_resp_error(call->resp, 400, "bad_request", err.msg);
		return false;
	default: /* there is none */
		return true;
	}
}

/* The Idempotency-Key header; false when call->resp holds the error. */
static bool read_key(struct wp_call *call, struct wp_submit_options *options)
{
	size_t count;
	const char *key =
		wp_req_param(call->req, "HTTP_IDEMPOTENCY_KEY", &count);

	if (key == NULL)
		return true;
	options->key = key;
	options->key_len = strlen(key);
	/* lighttpd joins several into one: a key never looks like that. */
	if (count == 1 && strstr(key, ", ") == NULL)
		return true;
	wp_resp_error(call->resp, 400, "bad_request",
		      "the Idempotency-Key header is given more than once, or "
		      "holds a comma and a blank");
	return false;
}

bool wp_call_submit_options(struct wp_call *call,
			    struct wp_submit_options *options)
{
	*options = (struct wp_submit_options){
		.sender = call->caller.user.text,
	};
	return read_key(call, options) && read_expiry(call, options);
}
