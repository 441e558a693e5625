/*
 * handle_health.c - GET /healthz, /readyz and /metrics: for load balancers and
 * monitoring, without a token.
 *
 * Healthy means that this process answers. Ready means that a send would be
 * accepted and a pull answered: Redis, the cold store, and a worker that has
 * opened the gates of the partitions since Redis was started (ARCHITECTURE
 * 4.7).
 */
#include "handlers/handle.h"

#include <stdio.h>
#include <string.h>

#include "lib/mailbox/msgid.h"
#include "lib/mailbox/partition.h"
#include "lib/redis/client.h"

enum { GATES_MAX = 1024 }; /* asked for by one probe */

void wp_handle_healthz(struct wp_call *call)
{
	wp_resp_text(call->resp, 200, "OK");
}

static enum wp_err append_gates(struct wp_ctx *ctx, uint32_t n,
				struct wp_error *err)
{
	char prefix[WP_PREFIX_MAX];
	char key[WP_PREFIX_MAX + sizeof("gate")];

	for (uint32_t p = 0; p < n; p++) {
		enum wp_err rc;

		wp_partition_prefix(prefix, p);
		(void)snprintf(key, sizeof(key), "%sgate", prefix);
		wp_cmd_clear(&ctx->cmd);
		wp_cmd_str(&ctx->cmd, "GET");
		wp_cmd_str(&ctx->cmd, key);
		rc = wp_redis_append(ctx->redis, &ctx->cmd, err);
		if (rc != WP_OK)
			return rc;
	}
	return WP_OK;
}

static enum wp_err take_gates(struct wp_ctx *ctx, uint32_t n,
			      uint32_t *closed_out, struct wp_error *err)
{
	for (uint32_t p = 0; p < n; p++) {
		struct wp_reply *reply = NULL;
		enum wp_err rc = wp_redis_take(ctx->redis, &reply, err);

		if (rc != WP_OK)
			return rc;
		*closed_out += !wp_reply_is(reply, wp_redis_run_id(ctx->redis));
		wp_reply_free(&reply);
	}
	return WP_OK;
}

static enum wp_err check_gates(struct wp_ctx *ctx, struct wp_error *err)
{
	int64_t partitions = ctx->conf->mailbox.partitions;
	uint32_t n = partitions > GATES_MAX ? GATES_MAX : (uint32_t)partitions;
	uint32_t closed = 0;
	enum wp_err rc = append_gates(ctx, n, err);

	if (rc == WP_OK)
		rc = take_gates(ctx, n, &closed, err);
	if (rc != WP_OK) {
		wp_redis_disconnect(ctx->redis);
		wp_ctx_log_failure(ctx, "readyz", err);
		return wp_error_set(err, rc, "Redis does not answer");
	}
	if (closed > 0)
		return wp_error_set(err, WP_ERR_UNAVAIL,
				    "%u of %u partitions were not reconciled "
				    "yet; is waypost-worker running?",
				    closed, n);
	return WP_OK;
}

static enum wp_err check_ready(struct wp_ctx *ctx, struct wp_error *err)
{
	struct wp_entry_id top;

	/* What exactly is wrong is in the log; anybody may ask here. */
	if (wp_ctx_redis(ctx, err) != WP_OK)
		return wp_error_set(err, WP_ERR_UNAVAIL,
				    "Redis cannot be used");
	if (wp_ctx_store(ctx, err) != WP_OK)
		return wp_error_set(err, WP_ERR_UNAVAIL,
				    "the cold store cannot be opened");
	if (wp_store_top(ctx->store, 0, &top, err) != WP_OK) {
		wp_ctx_log_failure(ctx, "readyz", err);
		return wp_error_set(err, WP_ERR_UNAVAIL,
				    "the cold store does not answer");
	}
	return check_gates(ctx, err);
}

void wp_handle_readyz(struct wp_call *call)
{
	struct wp_error err;

	if (check_ready(call->ctx, &err) == WP_OK)
		wp_resp_text(call->resp, 200, "READY");
	else
		wp_resp_error(call->resp, 503, "not_ready", err.msg);
}

void wp_handle_metrics(struct wp_call *call)
{
	static const char type[] = "text/plain; version=0.0.4; charset=utf-8";

	wp_resp_text(call->resp, 200, "");
	call->resp->type = type;
	if (call->ctx->shared->metrics != NULL)
		wp_metrics_write(call->ctx->shared->metrics, &call->resp->body);
}
