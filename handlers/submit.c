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

enum {
	CANONICAL_SLACK = 512, /* names, priority, padding of one envelope */
	MS_PER_S = 1000,
};

static const struct wp_send_verdict verdicts[] = {
	[WP_SEND_CONFLICT] = { 409, "idempotency_conflict",
			       "this Idempotency-Key was used with another "
			       "envelope or expiry" },
	[WP_SEND_FULL] = { 507, "mailbox_full",
			   "the message was not accepted, too much waits for "
			   "the recipient already" },
	[WP_SEND_OVERLOADED] = { 503, "overloaded",
				 "the message was not accepted, the service is "
				 "overloaded; repeat later" },
	[WP_SEND_UNKNOWN] = { 503, "unavailable",
			      "the outcome is unknown; repeat with the same "
			      "Idempotency-Key" },
};

const struct wp_send_verdict *wp_send_verdict(enum wp_send_status status)
{
	return &verdicts[status];
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

enum wp_err wp_submit(struct wp_call *call, const struct wp_send_item *items,
		      size_t n, struct wp_send_result *results)
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

bool wp_submit_expiry(struct wp_call *call, int64_t *expires_in_ms_out)
{
	static const char name[] = "expiresInSeconds";
	int64_t max = call->ctx->conf->mailbox.max_expiry_seconds;
	int64_t seconds = max;
	struct wp_text text = { 0 };
	struct wp_error err;
	enum wp_err rc;

	rc = wp_query_get(&call->req->query, name, &call->ctx->arena, &text,
			  &err);
	if (rc == WP_OK && (!wp_query_integer(&text, &seconds) || seconds < 1 ||
			    seconds > max))
		rc = wp_error_set(&err, WP_ERR_INVAL,
				  "%s must be an integer from 1 to %lld", name,
				  (long long)max);
	if (rc == WP_ERR_NOMEM) {
		wp_resp_internal(call->resp);
		return false;
	}
	if (rc == WP_ERR_INVAL) {
		wp_resp_error(call->resp, 400, "bad_request", err.msg);
		return false;
	}
	*expires_in_ms_out = seconds * MS_PER_S;
	return true;
}

bool wp_submit_key(struct wp_call *call, const char **key_out, size_t *len_out)
{
	size_t count;
	const char *key =
		wp_req_param(call->req, "HTTP_IDEMPOTENCY_KEY", &count);

	*key_out = key;
	*len_out = key == NULL ? 0 : strlen(key);
	if (key == NULL)
		return true;
	/* lighttpd joins several into one: a key never looks like that. */
	if (strstr(key, ", ") != NULL)
		count++;
	if (count == 1 && wp_idempotency_key_is_valid(key, *len_out))
		return true;
	wp_resp_error(call->resp, 400, "bad_request",
		      count > 1 ? "the Idempotency-Key header is given more "
				  "than once, or holds a comma and a blank"
				: "Idempotency-Key must be 1 to 128 printable "
				  "ASCII characters");
	return false;
}

size_t wp_submit_canonical_max(size_t len, size_t n)
{
	return len + n * CANONICAL_SLACK;
}
