/*
 * ctx.h - what the requests of a process share: its loop, Redis, the cold
 * store, and what is known of both.
 *
 * Threads: the loop's.
 */
#ifndef WP_HANDLERS_REQUEST_CTX_H
#define WP_HANDLERS_REQUEST_CTX_H

#include <stddef.h>
#include <stdint.h>

#include "lib/auth/apikey_file.h"
#include "lib/auth/token.h"
#include "lib/auth/token_cache.h"
#include "lib/base/err.h"
#include "lib/base/log.h"
#include "lib/base/random.h"
#include "lib/http/request_log.h"
#include "lib/limit/address.h"
#include "lib/live/account_desk.h"
#include "lib/live/gather.h"
#include "lib/live/key_wait.h"
#include "lib/live/limiter.h"
#include "lib/live/store_thread.h"
#include "lib/metrics/metrics.h"
#include "lib/redis/cmd.h"
#include "lib/store/store.h"
#include "lib/sys/conf.h"

#include "handlers/request/backend.h"
#include "handlers/request/push.h"
#include "handlers/request/ready.h"
#include "handlers/request/signing.h"

struct ev_loop;
struct wp_revocations;

/*
 * Of the program, and borrowed. conf and auth are constant; of the keys each
 * process has its copy, which it brings up to date; metrics: or NULL
 */
struct wp_shared {
	const struct wp_conf *conf;
	struct wp_auth *auth; /* each process has its own copy */
	struct wp_apikey_file *apikeys;
	struct wp_metrics *metrics;
	char store_id[WP_STORE_ID_LEN + 1]; /* "" until it was open once */
};

struct wp_ctx {
	struct wp_shared *shared;
	const struct wp_conf *conf;
	struct ev_loop *loop;               /* owned */
	struct wp_store_thread *store;      /* owned */
	struct wp_account_desk *desk;       /* owned; NULL: accounts are off */
	struct wp_sessions sessions;        /* owned */
	struct wp_push push;                /* owned */
	struct wp_backend *backend;         /* owned */
	struct wp_gather *gather;           /* owned: sends of all requests */
	struct wp_token_cache *tokens;      /* owned */
	struct wp_revocations *revocations; /* owned */
	struct wp_limiter *limiter;         /* owned */
	struct wp_alike alike;
	struct wp_key_wait *key_wait; /* owned: whose keys are not known */
	struct wp_ready ready;
	struct wp_random_pool random; /* for the ids of requests */
	size_t n_waiting;  /* calls that wait for Redis or the store */
	struct wp_cmd cmd; /* of one function at a time: clear it, send it */
	struct wp_log log;
	struct wp_log_limit log_limit;
	struct wp_request_log requests;
	struct wp_log_limit attempt_limit; /* of account_log.h */
	struct wp_log_limit origin_limit;
};

void wp_shared_init(struct wp_shared *shared, const struct wp_conf *conf,
		    struct wp_auth *auth, struct wp_apikey_file *apikeys,
		    struct wp_metrics *metrics);

/*
 * Make ctx ready, with handlers.threads threads for the store; begins to
 * connect to Redis. In the process that will use it: loops and threads do not
 * survive a fork().
 *
 * Ownership:  the caller's; end with wp_ctx_release(), also after an error
 * Errors:     as wp_store_thread_start(), wp_backend_new(), wp_gather_new(),
 *             wp_limiter_new(), wp_token_cache_new(), wp_revocations_new(),
 *             wp_account_desk_new(), wp_sessions_init(), wp_push_init()
 */
enum wp_err wp_ctx_init(struct wp_ctx *ctx, struct wp_shared *shared,
			struct wp_error *err) WP_MUST_USE;
/* Whatever waits for Redis or the store has its answer before this returns. */
void wp_ctx_release(struct wp_ctx *ctx);

/*
 * Say, at most once a second and process, that Redis or the cold store failed.
 *
 * operation:  what was being done: "send", "connect"
 */
void wp_ctx_log_failure(struct wp_ctx *ctx, const char *operation,
			const char *why);

#endif /* WP_HANDLERS_REQUEST_CTX_H */
