/*
 * ctx.h - what a thread needs to answer requests, and what threads share.
 *
 * A thread works on one request at a time, so its memory, its connection to
 * Redis and its store serve one request after the other.
 */
#ifndef WP_HANDLERS_CTX_H
#define WP_HANDLERS_CTX_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "lib/auth/token.h"
#include "lib/base/arena.h"
#include "lib/base/buf.h"
#include "lib/base/err.h"
#include "lib/base/log.h"
#include "lib/metrics/metrics.h"
#include "lib/redis/client.h"
#include "lib/redis/cmd.h"
#include "lib/store/store.h"
#include "lib/sys/conf.h"

#include "handlers/ready.h"
#include "handlers/resp.h"

/* One per process. conf and auth are borrowed and constant; metrics: or NULL */
struct wp_shared {
	const struct wp_conf *conf;
	const struct wp_auth *auth;
	struct wp_metrics *metrics;
	struct wp_ready ready;
	pthread_mutex_t lock;
	char store_id[WP_STORE_ID_LEN + 1]; /* "" until it was open once */
};

struct wp_ctx {
	struct wp_shared *shared;
	const struct wp_conf *conf;
	struct wp_redis *redis;  /* owned; use wp_ctx_redis() */
	struct wp_store *store;  /* owned; NULL until wp_ctx_store() */
	uint64_t store_retry_ms; /* not before, after it could not be opened */
	uint64_t fit_epoch;      /* connection to Redis that was found fit */
	struct wp_arena arena;   /* of the request */
	struct wp_buf body;      /* of the request */
	struct wp_buf scratch;   /* of the request */
	struct wp_resp resp;
	struct wp_cmd cmd;
	struct wp_log log;
	struct wp_log_limit log_limit;
};

void wp_shared_init(struct wp_shared *shared, const struct wp_conf *conf,
		    const struct wp_auth *auth, struct wp_metrics *metrics);

/*
 * Make ctx ready; connects to nothing.
 *
 * Ownership:  the caller's; end with wp_ctx_release(), also after an error
 * Errors:     as wp_redis_new()
 */
enum wp_err wp_ctx_init(struct wp_ctx *ctx, struct wp_shared *shared,
			struct wp_error *err) WP_MUST_USE;
void wp_ctx_release(struct wp_ctx *ctx);

/* The request is over: forget what was its. */
void wp_ctx_reset(struct wp_ctx *ctx);

/*
 * Be connected to a Redis that is fit, and is the one of this deployment and of
 * its store. Each new connection is checked.
 *
 * Errors:  WP_ERR_UNAVAIL  it is down or unfit; logged, nothing was sent
 */
enum wp_err wp_ctx_redis(struct wp_ctx *ctx, struct wp_error *err) WP_MUST_USE;

/*
 * Have ctx->store open, after wp_ctx_redis(). Errors: WP_ERR_UNAVAIL; logged.
 */
enum wp_err wp_ctx_store(struct wp_ctx *ctx, struct wp_error *err) WP_MUST_USE;

/*
 * The cold store, or NULL while it cannot be opened: only who has rows there
 * needs it, and finds out when it is asked.
 */
struct wp_store *wp_ctx_store_or_null(struct wp_ctx *ctx);

/*
 * Say, at most once a second and thread, that Redis or the cold store failed.
 *
 * operation:  what was being done: "send", "connect"
 */
void wp_ctx_log_failure(struct wp_ctx *ctx, const char *operation,
			const struct wp_error *err);

#endif /* WP_HANDLERS_CTX_H */
