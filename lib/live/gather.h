/*
 * gather.h - sends go together: what is submitted while the loop turns, and
 * while Redis works on what went before, goes out as one call of send.lua. A
 * call costs more than what is in it, so many sends in one cost a fraction.
 *
 * A send that finds nothing under way goes out in its own turn of the loop.
 * Those of one caller, and of callers one after the other, keep their order in
 * a partition; the sends of one caller to one partition are in one call, so
 * that those for one recipient fail alike. In one call that is so for those of
 * different callers too: full and overloaded are verdicts about a recipient. A
 * caller with many sends takes turns with the others.
 *
 * Nothing is sent twice. A lost call leaves its sends unknown; what still
 * waited then, or for too long, was not sent, and is told so (with a key it may
 * be the repeat of one that was: unknown). What goes wrong with a whole call
 * goes wrong for all in it, so a call has bounds.
 *
 * Threads: the loop's. Callbacks may call wp_gather_submit().
 */
#ifndef WP_LIB_LIVE_GATHER_H
#define WP_LIB_LIVE_GATHER_H

#include <stddef.h>
#include <stdint.h>

#include "lib/base/err.h"
#include "lib/mailbox/submit.h"
#include "lib/redis/cmd.h"
#include "lib/redis/reply.h"

struct ev_loop;
struct wp_gather;

enum {
	/* Under way. With one, Redis would be idle between an answer and the
	 * next call; with more, fewer sends go together. */
	WP_GATHER_CALLS = 2,
	/* Of one call. While it runs, Redis serves nobody else. */
	WP_GATHER_CALL_MAX = 100, /* sends */
	WP_GATHER_CALL_BYTES =
		256 * 1024, /* of envelopes; a larger one: alone */
	/* Of one caller, before it is the next one's turn. */
	WP_GATHER_TURN_MAX = 25,
	/* What waits to be sent. */
	WP_GATHER_WAITING_MAX = 16384, /* sends */
	WP_GATHER_WAITING_BYTES = 64 * 1024 * 1024,
};

/* How Redis is reached; called with ctx. */
struct wp_gather_hooks {
	/* What is known of it now. Its conf's redis.command_timeout_ms is also
	 * how long a send may wait to be sent. */
	void (*target)(void *ctx, struct wp_send_target *out);
	/* As wp_aredis_do(); from an ev_prepare watcher. */
	enum wp_err (*call)(void *ctx, const struct wp_cmd *cmd, wp_reply_fn fn,
			    void *fn_ctx);
	/* The connection was lost with a call. */
	void (*lost)(void *ctx);
	void *ctx;
};

/* Sends of one caller; the caller's memory, which stays until done. */
struct wp_sends {
	/* 1 to 100, not refused; those of one partition lie together. */
	const struct wp_submission *const *list;
	size_t n;
	struct wp_send_result *results; /* of each */
	/* There are results; it may free sends. */
	void (*done)(struct wp_sends *sends);

	struct wp_sends *next; /* the rest is the gatherer's */
	size_t at;             /* those before it need no more to be sent */
	size_t n_due;          /* parts that are not answered */
	uint64_t since_ms;
};

/*
 * Ownership:  the caller's; end with wp_gather_free()
 * Errors:     WP_ERR_NOMEM
 */
enum wp_err wp_gather_new(struct wp_gather **out, struct ev_loop *loop,
			  const struct wp_gather_hooks *hooks,
			  struct wp_error *err) WP_MUST_USE;
/* What waits is told that it was not sent, and so is what is submitted from
 * now on, by an error. Idempotent, NULL-safe. */
void wp_gather_stop(struct wp_gather *gather);
/* No call may be under way: free the connection first. NULL-safe. */
void wp_gather_free(struct wp_gather **gather);

/*
 * Send them soon; done will run once, and has not yet when this returns.
 *
 * sends:   list, n, results and done are set
 * Errors:  done does not run, and nothing was sent.
 *          WP_ERR_FULL     more would wait than may
 *          WP_ERR_UNAVAIL  Redis was found to be gone this moment
 */
enum wp_err wp_gather_submit(struct wp_gather *gather,
			     struct wp_sends *sends) WP_MUST_USE;

#endif /* WP_LIB_LIVE_GATHER_H */
