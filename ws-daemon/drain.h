/*
 * drain.h - moving everybody to whoever serves after us, evenly over a time.
 *
 * Each open connection is told once when it is to connect again, and closed
 * with 1012 a moment after that unless it has left by itself. Until then it is
 * served as ever. Whoever opens meanwhile is told as well.
 */
#ifndef WP_WS_DRAIN_H
#define WP_WS_DRAIN_H

#include <stdint.h>

#include "lib/base/err.h"
#include "ws-daemon/conn.h"

struct wp_drain;

struct wp_drain_setup {
	struct wp_parts *parts; /* borrowed; nobody new is accepted any more */
	int64_t spread_ms;      /* > 0 */
	/* Everybody's time is over. Those who came late are still there. */
	void (*on_over)(void *ctx);
	void *ctx;
};

/*
 * Tell everybody, and begin.
 *
 * Ownership:  the caller's; end with wp_drain_free()
 * Errors:     WP_ERR_NOMEM  nobody was told
 * Threads:    the loop's; on_over runs from a timer of it, once
 */
enum wp_err wp_drain_new(struct wp_drain **out,
			 const struct wp_drain_setup *setup) WP_MUST_USE;
/* on_over does not run any more. May be called from it. NULL-safe. */
void wp_drain_free(struct wp_drain **drain);

/* This connection has opened since. */
void wp_drain_tell_late(const struct wp_drain *drain, struct wp_conn *conn);

/* How much longer than spread_ms it takes until on_over, at most. */
int64_t wp_drain_linger_ms(int64_t spread_ms);

#endif /* WP_WS_DRAIN_H */
