/*
 * fetch.h - transfers on an event loop: a pool of connections that requests to
 * one host share. No host waits for another; of a few dozen that have nothing
 * to do connections are kept.
 *
 * Who must not share a connection (two teams of APNs, or what was refused on
 * one) has a pool of their own, or renews it.
 */
#ifndef WP_LIB_NET_FETCH_H
#define WP_LIB_NET_FETCH_H

#include <stddef.h>

#include "lib/base/err.h"
#include "lib/net/transfer.h"

struct ev_loop;
struct wp_fetch_pool;

/*
 * rules:      as for wp_transfers_new(); text is copied
 * Ownership:  the caller's; end with wp_fetch_pool_free(). NULL: out of memory
 * Threads:    that of the loop
 */
struct wp_fetch_pool *
wp_fetch_pool_new(struct ev_loop *loop,
		  const struct wp_transfer_rules *rules) WP_MUST_USE;

/*
 * Ends all that is under way; nobody is told. Not from on_end of one of its
 * own. NULL-safe.
 */
void wp_fetch_pool_free(struct wp_fetch_pool **pool);

/*
 * Begin, as wp_transfers_begin(); on_end is told from the loop. What is beyond
 * the connections and streams that there may be to its host waits in libcurl,
 * and its time runs: never begin more than the other side is to work on at
 * once.
 */
enum wp_err wp_fetch_begin(struct wp_fetch_pool *pool,
			   const struct wp_transfer_request *request,
			   wp_transfer_fn on_end, void *ctx,
			   struct wp_error *err) WP_MUST_USE;

/*
 * Use none of today's connections for what begins from now on. What is under
 * way on them ends there. May be called in on_end.
 */
void wp_fetch_renew(struct wp_fetch_pool *pool);

/* How many are under way, on whatever connections. */
size_t wp_fetch_running(const struct wp_fetch_pool *pool);

#endif /* WP_LIB_NET_FETCH_H */
