/*
 * async_impl.h - the inside of an event-driven client, shared by async.c (its
 * life) and async_io.c (its socket). Private to those two.
 */
#ifndef WP_LIB_REDIS_ASYNC_IMPL_H
#define WP_LIB_REDIS_ASYNC_IMPL_H

#include <stdbool.h>
#include <stdint.h>

#include <ev.h>

#include "lib/base/backoff.h"
#include "lib/base/log.h"
#include "lib/redis/async.h"
#include "lib/redis/handshake.h"
#include "lib/redis/link.h"
#include "lib/redis/pending.h"

enum wp_aredis_state {
	WP_AREDIS_DOWN,    /* waits for the timer to connect */
	WP_AREDIS_DIALING, /* the socket is not connected yet */
	WP_AREDIS_SHAKING, /* connected; the handshake is under way */
	WP_AREDIS_READY,
	WP_AREDIS_LOST, /* closed; callbacks are to be told by the timer */
};

enum { WP_AREDIS_LOG_INTERVAL_MS = 10000 };

struct wp_aredis {
	struct ev_loop *loop;                /* borrowed */
	const struct wp_conf *conf;          /* borrowed */
	const struct wp_script_set *scripts; /* borrowed */
	struct wp_aredis_hooks hooks;
	struct wp_log log;
	struct wp_log_limit log_limit;
	struct wp_log_limit refusal_limit;
	char *name;
	struct wp_link_addr addr;

	enum wp_aredis_state state;
	struct redisContext *link; /* NULL in DOWN and LOST */
	struct wp_handshake hs;
	bool is_subscriber; /* has sent a (P)SUBSCRIBE */
	bool was_ready;     /* on_ready ran, on_lost has not */
	struct wp_backoff backoff;

	struct wp_pending_ring pending;
	struct wp_buf out; /* bytes to be sent; those before sent are out */
	size_t sent;

	unsigned int depth; /* calls out to the owner under way */
	bool is_doomed;     /* freed in one of them */

	struct ev_io readable;
	struct ev_io writable;   /* while dialing, or the socket is full */
	struct ev_prepare flush; /* active while bytes wait to be sent */
	struct ev_timer timer;   /* what for depends on the state */
	uint64_t deadline_ms;    /* of the timer */
};

/* ---- async.c ---- */

/*
 * (Re)start the timer. The loop's own time may be old when a callback took
 * long, so its callback compares with deadline_ms and does not trust its call.
 */
void wp_aredis_arm(struct wp_aredis *redis, int64_t delay_ms);

/*
 * The connection is of no use any more, for this reason: close it at once,
 * tell everybody from the loop. Nothing happens when it is down already.
 */
void wp_aredis_drop(struct wp_aredis *redis, const char *reason);

/* Around every call of the owner's code: it may free us. */
void wp_aredis_enter(struct wp_aredis *redis);
/* False when redis is gone; nothing of it may be touched then. */
bool wp_aredis_leave(struct wp_aredis *redis);

/* ---- async_io.c ---- */

void wp_aredis_io_init(struct wp_aredis *redis);
/* Stop all watchers, close the socket. Idempotent. */
void wp_aredis_close(struct wp_aredis *redis);
/* Begin to connect. */
void wp_aredis_dial(struct wp_aredis *redis);
/* Queue bytes; they leave when the loop is about to wait. Errors: WP_ERR_FULL,
 * WP_ERR_NOMEM. */
enum wp_err wp_aredis_append(struct wp_aredis *redis,
			     const struct wp_cmd *cmd) WP_MUST_USE;
/* Is there more to read? */
bool wp_aredis_has_input(const struct wp_aredis *redis);
/* Read once and hand out every complete answer. False: redis is gone. */
bool wp_aredis_receive(struct wp_aredis *redis);

#endif /* WP_LIB_REDIS_ASYNC_IMPL_H */
