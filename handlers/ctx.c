/*
 * ctx.c - a thread's belongings, and when they may be used.
 */
#include "handlers/ctx.h"

#include <stdio.h>
#include <string.h>

#include "lib/base/clock.h"
#include "lib/mailbox/deployment.h"
#include "lib/mailbox/scripts.h"

enum {
	ARENA_MAX_BYTES = 1024 * 1024,
	KEEP_BYTES = 128 * 1024, /* of a buffer between two requests */
	LOG_INTERVAL_MS = 1000,
	STORE_RETRY_MS = 500,
};

void wp_shared_init(struct wp_shared *shared, const struct wp_conf *conf,
		    const struct wp_auth *auth, struct wp_metrics *metrics)
{
	*shared = (struct wp_shared){
		.conf = conf,
		.auth = auth,
		.metrics = metrics,
		.lock = PTHREAD_MUTEX_INITIALIZER,
	};
	wp_ready_init(&shared->ready);
}

enum wp_err wp_ctx_init(struct wp_ctx *ctx, struct wp_shared *shared,
			struct wp_error *err)
{
	*ctx = (struct wp_ctx){ .shared = shared, .conf = shared->conf };
	wp_arena_init(&ctx->arena, ARENA_MAX_BYTES);
	wp_buf_init(&ctx->body, 0);
	wp_buf_init(&ctx->scratch, 0);
	wp_resp_init(&ctx->resp);
	wp_cmd_init(&ctx->cmd);
	return wp_redis_new(&ctx->redis, shared->conf, &wp_scripts, err);
}

void wp_ctx_release(struct wp_ctx *ctx)
{
	if (ctx == NULL)
		return;
	wp_store_close(&ctx->store);
	wp_redis_free(&ctx->redis);
	wp_cmd_release(&ctx->cmd);
	wp_resp_release(&ctx->resp);
	wp_buf_release(&ctx->scratch);
	wp_buf_release(&ctx->body);
	wp_arena_release(&ctx->arena);
}

static void forget(struct wp_buf *buf)
{
	if (buf->cap > KEEP_BYTES)
		wp_buf_release(buf);
	wp_buf_clear(buf);
}

void wp_ctx_reset(struct wp_ctx *ctx)
{
	wp_arena_reset(&ctx->arena);
	forget(&ctx->body);
	forget(&ctx->scratch);
	wp_resp_clear(&ctx->resp);
	if (ctx->cmd.words.cap > KEEP_BYTES)
		wp_cmd_release(&ctx->cmd);
	wp_cmd_clear(&ctx->cmd);
}

void wp_ctx_log_failure(struct wp_ctx *ctx, const char *operation,
			const struct wp_error *err)
{
	uint32_t suppressed;

	if (wp_log_allow(&ctx->log_limit, wp_mono_ms(), LOG_INTERVAL_MS,
			 &suppressed))
		wp_log(&ctx->log, WP_LOG_WARN, "redis or cold store failed",
		       wp_str("operation", operation),
		       wp_str("error", err->msg),
		       wp_int("suppressed", suppressed));
}

static void read_store_id(struct wp_shared *shared,
			  char id[WP_STORE_ID_LEN + 1])
{
	pthread_mutex_lock(&shared->lock);
	memcpy(id, shared->store_id, WP_STORE_ID_LEN + 1);
	pthread_mutex_unlock(&shared->lock);
}

static void set_store_id(struct wp_shared *shared, const char *id)
{
	pthread_mutex_lock(&shared->lock);
	memcpy(shared->store_id, id, WP_STORE_ID_LEN + 1);
	pthread_mutex_unlock(&shared->lock);
}

/* A store that is open is the one of shared->store_id. */
static enum wp_err connect_fit(struct wp_ctx *ctx, struct wp_error *err)
{
	char store_id[WP_STORE_ID_LEN + 1];
	enum wp_err rc;

	rc = wp_redis_connect(ctx->redis, err);
	if (rc != WP_OK || ctx->fit_epoch == wp_redis_epoch(ctx->redis))
		return rc;
	read_store_id(ctx->shared, store_id);
	rc = wp_deployment_check(ctx->redis, ctx->conf, store_id, err);
	if (rc == WP_OK)
		ctx->fit_epoch = wp_redis_epoch(ctx->redis);
	return rc;
}

enum wp_err wp_ctx_redis(struct wp_ctx *ctx, struct wp_error *err)
{
	if (connect_fit(ctx, err) == WP_OK)
		return WP_OK;
	wp_ctx_log_failure(ctx, "connect", err);
	return WP_ERR_UNAVAIL;
}

enum wp_err wp_ctx_store(struct wp_ctx *ctx, struct wp_error *err)
{
	char store_id[WP_STORE_ID_LEN + 1];
	uint64_t now_ms;

	if (ctx->store != NULL)
		return WP_OK;
	now_ms = wp_mono_ms();
	if (now_ms < ctx->store_retry_ms)
		return wp_error_set(err, WP_ERR_UNAVAIL,
				    "the cold store could not be opened");
	if (wp_deployment_open(&ctx->store, ctx->redis, ctx->conf, store_id,
			       err) == WP_OK) {
		set_store_id(ctx->shared, store_id);
		return WP_OK;
	}
	ctx->store_retry_ms = now_ms + STORE_RETRY_MS;
	wp_ctx_log_failure(ctx, "open", err);
	return WP_ERR_UNAVAIL;
}

struct wp_store *wp_ctx_store_or_null(struct wp_ctx *ctx)
{
	struct wp_error err;

	return wp_ctx_store(ctx, &err) == WP_OK ? ctx->store : NULL;
}
