/*
 * revoker.h - ends connections whose tokens are good no longer
 * (docs/architecture.md "Revocation").
 *
 * Reads what was revoked: when Redis has us, when somebody says that there is
 * something, a moment later so that many are read together, and every two
 * seconds as the guarantee. Then all connections are looked at, in slices, so
 * that nobody waits for it.
 *
 * Threads: the loop's.
 */
#ifndef WP_LIB_LIVE_REVOKER_H
#define WP_LIB_LIVE_REVOKER_H

#include <stdbool.h>
#include <stddef.h>

#include "lib/auth/identity.h"
#include "lib/base/err.h"
#include "lib/live/hub.h"

struct ev_loop;
struct wp_registrar;
struct wp_revoker;

enum {
	WP_REVOKER_READ_MS = 2000,   /* at least so often */
	WP_REVOKER_GATHER_MS = 100,  /* what comes by then is read together */
	WP_REVOKER_SLICE = 1024,     /* slots that are looked at in a turn */
	WP_REVOKER_SLICE_ENDS = 128, /* or connections that end in it */
	WP_REVOKER_SLICE_MS = 2,     /* from one slice to the next */
};

struct wp_revoker_setup {
	struct ev_loop *loop;
	struct wp_hub *hub;
	/* The token of this connection is good no longer: end it. May come
	 * again for one that goes on. */
	wp_member_fn on_revoked;
	void *ctx;
};

/*
 * Ownership:  what setup points to is borrowed and outlives the revoker. The
 *             caller's; end with wp_revoker_free()
 * Errors:     WP_ERR_NOMEM
 */
enum wp_err wp_revoker_new(struct wp_revoker **out,
			   const struct wp_revoker_setup *setup,
			   struct wp_error *err) WP_MUST_USE;
/* Nothing follows any more; before the registrar is freed, which owes an
 * answer, perhaps. NULL-safe. */
void wp_revoker_stop(struct wp_revoker *revoker);
/* After that. NULL-safe. */
void wp_revoker_free(struct wp_revoker **revoker);

/* Read over the connection of this registrar from now on. Once. */
void wp_revoker_start(struct wp_revoker *revoker,
		      const struct wp_registrar *registrar);

/* For the registrar; ctx is a revoker. There may be something to read; is_new:
 * Redis has us anew, so do it at once. */
void wp_revoker_hear(void *ctx, bool is_new);

/* Is the token that this was read from good no longer, by what is known? */
bool wp_revoker_knows(const struct wp_revoker *revoker,
		      const struct wp_identity *who);

/* Entries of the table that are not to be forgotten yet. */
size_t wp_revoker_count(const struct wp_revoker *revoker);
/* How many of those had to leave a full table so far. */
uint64_t wp_revoker_evicted(const struct wp_revoker *revoker);

#endif /* WP_LIB_LIVE_REVOKER_H */
