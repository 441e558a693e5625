/*
 * handle_health.c - GET /healthz, /readyz and /metrics: for load balancers and
 * monitoring, without a token.
 *
 * Healthy means that this process answers. Ready means that a send would be
 * accepted and a pull answered: a Redis that takes writes, the cold store, and
 * a worker that has opened the gates of the partitions since Redis was started
 * (docs/architecture.md "After Redis lost its memory"). It is found out at most
 * once a second and process.
 */
#include "handlers/call.h"

#include <string.h>

#include "lib/base/clock.h"
#include "lib/mailbox/scripts.h"
#include "lib/name/msgid.h"
#include "lib/redis/client.h"
#include "lib/redis/info.h"

void wp_handle_healthz(struct wp_call *call)
{
	wp_resp_text(call->resp, 200, "OK");
}

/* What exactly is wrong is in the log; others than we may read the answer. */
static enum wp_err fail(struct wp_ctx *ctx, const char *sentence,
			struct wp_error *err)
{
	wp_ctx_log_failure(ctx, "readyz", err);
	return wp_error_set(err, WP_ERR_UNAVAIL, "%s", sentence);
}

/* Would a send be taken? */
static enum wp_err check_writes(struct wp_ctx *ctx, struct wp_error *err)
{
	struct wp_reply *reply = NULL;
	enum wp_err rc;

	if (wp_memory_is_high(ctx->conf, wp_redis_memory_percent(ctx->redis)))
		return wp_error_set(err, WP_ERR_UNAVAIL,
				    "Redis is at its memory mark and takes no "
				    "messages");
	wp_cmd_script_key(&ctx->cmd, WP_SCRIPT_READY, "wp:meta");
	rc = wp_redis_do(ctx->redis, &ctx->cmd, &reply, err);
	if (rc == WP_OK && !wp_reply_is(reply, "ok"))
		rc = wp_error_set(err, WP_ERR_UNAVAIL, "Redis says %.120s",
				  wp_reply_str(reply));
	wp_reply_free(&reply);
	return rc == WP_OK ? rc : fail(ctx, "Redis takes no messages", err);
}

static enum wp_err check_store(struct wp_ctx *ctx, struct wp_error *err)
{
	struct wp_entry_id top;

	if (wp_ctx_store(ctx, err) != WP_OK)
		return wp_error_set(err, WP_ERR_UNAVAIL,
				    "the cold store cannot be opened");
	if (wp_store_top(ctx->store, 0, &top, err) != WP_OK)
		return fail(ctx, "the cold store does not answer", err);
	return WP_OK;
}

static enum wp_err check_gates(struct wp_ctx *ctx, struct wp_error *err)
{
	uint32_t n = (uint32_t)ctx->conf->mailbox.partitions;
	enum wp_err rc = wp_gate_watch_look(&ctx->shared->ready.gates,
					    ctx->redis, &ctx->cmd, n, err);

	if (rc != WP_OK && wp_redis_fd(ctx->redis) == -1)
		return fail(ctx, "Redis does not answer", err);
	return rc;
}

static enum wp_err check_ready(struct wp_ctx *ctx, struct wp_error *err)
{
	enum wp_err rc;

	if (wp_ctx_redis(ctx, err) != WP_OK)
		return wp_error_set(err, WP_ERR_UNAVAIL,
				    "Redis cannot be used");
	rc = check_writes(ctx, err);
	if (rc == WP_OK)
		rc = check_store(ctx, err);
	return rc == WP_OK ? check_gates(ctx, err) : rc;
}

void wp_handle_readyz(struct wp_call *call)
{
	struct wp_ready *ready = &call->ctx->shared->ready;
	struct wp_error verdict = { 0 };

	if (!wp_ready_recall(ready, wp_mono_ms(), &verdict)) {
		if (check_ready(call->ctx, &verdict) == WP_OK)
			verdict = (struct wp_error){ 0 };
		wp_ready_note(ready, wp_mono_ms(), &verdict);
	}
	if (verdict.code == WP_OK)
		wp_resp_text(call->resp, 200, "READY");
	else
		wp_resp_error(call->resp, 503, "not_ready", verdict.msg);
}

void wp_handle_metrics(struct wp_call *call)
{
	static const char type[] = "text/plain; version=0.0.4; charset=utf-8";

	wp_resp_text(call->resp, 200, "");
	call->resp->type = type;
	if (call->ctx->shared->metrics != NULL)
		wp_metrics_write(call->ctx->shared->metrics, &call->resp->body);
}
