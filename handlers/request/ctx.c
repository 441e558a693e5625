/*
 * ctx.c - making a process' belongings, and freeing them in the order that they
 * need.
 */
#include "handlers/request/ctx.h"

#include <ev.h>

#include "lib/base/clock.h"

#include "handlers/request/metrics.h"
#include "handlers/request/revoked.h"

enum { LOG_INTERVAL_MS = 1000 };

void wp_shared_init(struct wp_shared *shared, const struct wp_conf *conf,
		    struct wp_auth *auth, struct wp_apikey_file *apikeys,
		    struct wp_metrics *metrics)
{
	*shared = (struct wp_shared){
		.conf = conf,
		.auth = auth,
		.apikeys = apikeys,
		.metrics = metrics,
	};
	if (auth != NULL) {
		const struct wp_auth_counts counts =
			wp_handlers_auth_counts(metrics);

		wp_auth_count(auth, &counts);
	}
}

static enum wp_err open_store(struct wp_ctx *ctx, struct wp_error *err)
{
	int64_t threads = ctx->conf->handlers.threads;
	const struct wp_store_setup setup = {
		.loop = ctx->loop,
		.conf = ctx->conf,
		.threads = threads > 0 ? (size_t)threads : 1,
		.store_id = ctx->shared->store_id,
	};

	return wp_store_thread_start(&ctx->store, &setup, err);
}

static enum wp_err open_desk(struct wp_ctx *ctx, struct wp_error *err)
{
	const struct wp_conf *conf = ctx->conf;
	const struct wp_account_desk_setup setup = {
		.loop = ctx->loop,
		.path = conf->accounts.sqlite_path,
		.blocklist_file = conf->accounts.blocklist_file,
		.store_secret = conf->auth.store_secret,
		.cost = { (uint32_t)conf->accounts.argon2_memory_kib,
			  (uint32_t)conf->accounts.argon2_passes },
		.slots = (size_t)conf->accounts.hash_slots,
		.conf = conf,
	};

	if (!conf->accounts.enabled)
		return WP_OK;
	return wp_account_desk_new(&ctx->desk, &setup, err);
}

/* ---- how gathered sends reach Redis ---- */

static void target(void *ctx_, struct wp_send_target *out)
{
	const struct wp_ctx *ctx = ctx_;

	*out = (struct wp_send_target){
		.conf = ctx->conf,
		.run_id = wp_backend_run_id(ctx->backend, WP_LINE_SHORT),
		.memory_percent = wp_backend_memory_percent(ctx->backend),
	};
}

static enum wp_err call(void *ctx_, const struct wp_cmd *cmd, wp_reply_fn fn,
			void *fn_ctx)
{
	const struct wp_ctx *ctx = ctx_;
	enum wp_err rc =
		wp_backend_do(ctx->backend, WP_LINE_SHORT, cmd, fn, fn_ctx);

	if (rc == WP_OK)
		wp_metric_add(ctx->shared->metrics, WP_H_SEND_CALLS, 1);
	return rc;
}

static void lost(void *ctx)
{
	wp_ctx_log_failure(ctx, "send", "the connection to Redis was lost");
}

static enum wp_err make_gather(struct wp_ctx *ctx, struct wp_error *err)
{
	const struct wp_gather_hooks hooks = {
		.target = target,
		.call = call,
		.lost = lost,
		.ctx = ctx,
	};

	return wp_gather_new(&ctx->gather, ctx->loop, &hooks, err);
}

/* ---- what was revoked ---- */

static void unreadable(void *ctx, const char *why)
{
	wp_ctx_log_failure(ctx, "revoked", why);
}

static enum wp_err make_revocations(struct wp_ctx *ctx, struct wp_error *err)
{
	const struct wp_revocations_setup setup = {
		.backend = ctx->backend,
		.metrics = ctx->shared->metrics,
		.on_failure = unreadable,
		.ctx = ctx,
	};

	return wp_revocations_new(&ctx->revocations, &setup, err);
}

/* ---- limits ---- */

static enum wp_err pay(void *ctx_, const struct wp_cmd *cmd, wp_reply_fn fn,
		       void *fn_ctx)
{
	const struct wp_ctx *ctx = ctx_;

	return wp_backend_do(ctx->backend, WP_LINE_SHORT, cmd, fn, fn_ctx);
}

static enum wp_err make_limiter(struct wp_ctx *ctx, struct wp_error *err)
{
	const struct wp_conf *conf = ctx->conf;
	struct wp_limit_rates rates;
	const struct wp_limiter_setup setup = {
		.rates = &rates,
		.secret = conf->auth.store_secret,
		.call = pay,
		.ctx = ctx,
		.metrics = ctx->shared->metrics,
		.limited = WP_H_LIMITED,
		.errors = WP_H_LIMIT_ERRORS,
	};
	enum wp_err rc = wp_limit_rates_read(&rates, conf->limits.rates.items,
					     conf->limits.rates.n, err);

	return rc == WP_OK ? wp_limiter_new(&ctx->limiter, &setup, err) : rc;
}

/* ---- making, freeing ---- */

enum wp_err wp_ctx_init(struct wp_ctx *ctx, struct wp_shared *shared,
			struct wp_error *err)
{
	struct wp_backend_setup setup = { .conf = shared->conf,
					  .metrics = shared->metrics };
	enum wp_err rc;

	*ctx = (struct wp_ctx){ .shared = shared, .conf = shared->conf };
	wp_cmd_init(&ctx->cmd);
	ctx->loop = ev_loop_new(EVFLAG_AUTO);
	if (ctx->loop == NULL)
		return wp_error_set(err, WP_ERR_SYS, "there is no event loop");
	/* What a parent knows of issuers is as old as itself. */
	if (shared->auth != NULL) /* in a test of something else */
		wp_auth_look(shared->auth, wp_mono_ms());
	rc = wp_token_cache_new(&ctx->tokens, shared->auth, err);
	if (rc == WP_OK)
		rc = wp_sessions_init(&ctx->sessions, shared->conf, err);
	if (rc == WP_OK)
		rc = wp_push_init(&ctx->push, shared->conf, err);
	if (rc == WP_OK)
		rc = wp_key_wait_new(&ctx->key_wait, ctx->loop, shared->auth,
				     err);
	if (rc == WP_OK)
		rc = open_store(ctx, err);
	if (rc == WP_OK)
		rc = open_desk(ctx, err);
	if (rc != WP_OK)
		return rc;
	setup.loop = ctx->loop;
	setup.store = ctx->store;
	rc = wp_backend_new(&ctx->backend, &setup, err);
	if (rc == WP_OK)
		rc = make_revocations(ctx, err);
	if (rc == WP_OK)
		rc = make_limiter(ctx, err);
	return rc == WP_OK ? make_gather(ctx, err) : rc;
}

void wp_ctx_release(struct wp_ctx *ctx)
{
	if (ctx == NULL)
		return;
	wp_store_thread_stop(&ctx->store);
	wp_account_desk_free(&ctx->desk);
	/* Who is told no may still look at Redis, and what is under way is
	 * lost with it. */
	wp_gather_stop(ctx->gather);
	wp_backend_free(&ctx->backend);
	wp_gather_free(&ctx->gather);
	wp_revocations_free(&ctx->revocations);
	wp_limiter_free(&ctx->limiter);
	wp_key_wait_free(&ctx->key_wait);
	wp_push_release(&ctx->push);
	wp_sessions_release(&ctx->sessions);
	wp_token_cache_free(&ctx->tokens);
	wp_cmd_release(&ctx->cmd);
	if (ctx->loop != NULL)
		ev_loop_destroy(ctx->loop);
	ctx->loop = NULL;
}

void wp_ctx_log_failure(struct wp_ctx *ctx, const char *operation,
			const char *why)
{
	uint32_t suppressed;

	if (wp_log_allow(&ctx->log_limit, wp_mono_ms(), LOG_INTERVAL_MS,
			 &suppressed))
		wp_log(&ctx->log, WP_LOG_WARN, "redis or cold store failed",
		       wp_str("operation", operation), wp_str("error", why),
		       wp_int("suppressed", suppressed));
}
