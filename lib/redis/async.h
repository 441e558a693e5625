/*
 * async.h - the event-driven Redis client of handlers and WebSocket daemon
 * (libev).
 *
 * One object is one connection that reconnects for ever with backoff and jitter
 * (cap 3 s). Like the blocking client it is ready only after AUTH, SELECT, INFO
 * and all SCRIPT LOADs were answered. Commands are answered in order. When the
 * connection dies every pending callback runs exactly once with reply NULL,
 * then on_lost runs; NOSCRIPT on any reply is treated as a lost connection.
 *
 * It also dies when somebody waits, and nothing has come for
 * redis.command_timeout_ms: a server that is slow but answers is waited for.
 *
 * Commands leave when the loop is about to wait, all in one write, behind what
 * ev_prepare watchers queue: those above EV_MINPRI.
 *
 * Threads: everything on the loop's thread. Callbacks may call any function
 * here except wp_aredis_free().
 */
#ifndef WP_LIB_REDIS_ASYNC_H
#define WP_LIB_REDIS_ASYNC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/base/err.h"
#include "lib/redis/cmd.h"
#include "lib/redis/pushed.h"
#include "lib/redis/reply.h"
#include "lib/sys/conf.h"

struct ev_loop;
struct wp_aredis;

/* A server that does not read, or does not answer, costs no more than this. */
enum {
	WP_AREDIS_UNSENT_MAX = 128 * 1024 * 1024, /* bytes */
	WP_AREDIS_PENDING_MAX = 1 << 20,          /* commands; a power of two */
};

typedef void (*wp_aredis_message_fn)(void *ctx,
				     const struct wp_pushed *message);

enum { WP_AREDIS_COMING_MAX = 16 };

struct wp_aredis_hooks {
	void (*on_ready)(void *ctx); /* connected, scripts loaded */
	void (*on_lost)(void *ctx);  /* will reconnect by itself */
	/* It is down, for this reason (borrowed), behind on_lost or because an
	 * attempt failed; the next one begins in so many milliseconds. */
	void (*on_down)(void *ctx, const char *reason, uint32_t retry_ms);
	wp_aredis_message_fn on_message;
	/* These are about to come, 2 to WP_AREDIS_COMING_MAX of them, unless
	 * the connection is dropped meanwhile. NULL: nobody looks ahead. */
	void (*on_coming)(void *ctx, const struct wp_pushed *messages,
			  size_t n);
	void *ctx;
};

/* What a client needs. All it points to but the name must outlive it. */
struct wp_aredis_setup {
	struct ev_loop *loop;
	const struct wp_conf *conf;
	const struct wp_script_set *scripts;
	const char *name; /* for the log and CLIENT LIST */
	struct wp_aredis_hooks hooks;
};

/* Starts connecting. setup itself is not kept. */
enum wp_err wp_aredis_new(struct wp_aredis **out,
			  const struct wp_aredis_setup *setup,
			  struct wp_error *err) WP_MUST_USE;

/* Pending callbacks run with NULL first; on_lost does not run. NULL-safe. */
void wp_aredis_free(struct wp_aredis **redis);

bool wp_aredis_is_ready(const struct wp_aredis *redis);
/* Commands that are queued or sent, and not answered. */
size_t wp_aredis_unanswered(const struct wp_aredis *redis);
const char *wp_aredis_run_id(const struct wp_aredis *redis);

/*
 * Queue one command, or one group, whose answer is an array of all of theirs.
 * fn gets NULL when the connection was lost: the outcome is unknown. fn may be
 * NULL; an error is then logged, now and then.
 *
 * Errors:  WP_ERR_UNAVAIL  not ready; fn will not run
 *          WP_ERR_FULL     with it more than WP_AREDIS_UNSENT_MAX bytes would
 *                          wait to be sent; fn will not run
 *          WP_ERR_NOMEM    not queued, for want of memory or because
 *                          WP_AREDIS_PENDING_MAX wait already; fn will not run
 */
enum wp_err wp_aredis_do(struct wp_aredis *redis, const struct wp_cmd *cmd,
			 wp_reply_fn fn, void *ctx) WP_MUST_USE;

/*
 * (P)SUBSCRIBE or (P)UNSUBSCRIBE; cmd holds verb and channels. Such a
 * connection carries nothing else. fn runs once per channel when Redis
 * confirmed it.
 */
enum wp_err wp_aredis_subscribe(struct wp_aredis *redis,
				const struct wp_cmd *cmd, wp_reply_fn fn,
				void *ctx) WP_MUST_USE;

/* Drop the connection now and reconnect: for half-open sockets. */
void wp_aredis_reset(struct wp_aredis *redis);

#endif /* WP_LIB_REDIS_ASYNC_H */
