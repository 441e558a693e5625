/*
 * session_seen.h - who shows an access token of ours has got the refresh token
 * that came with it: Redis is told, so that the one before it is good no longer
 * (docs/architecture.md "Sessions").
 *
 * Sent beside what else goes to Redis, and nobody waits for it. Where it is
 * lost, the parent of that token stays good until the next one shows up, or is
 * presented itself: that is late to find a thief, and shuts nobody out.
 *
 * Threads: the loop's.
 */
#ifndef WP_LIB_LIVE_SESSION_SEEN_H
#define WP_LIB_LIVE_SESSION_SEEN_H

#include <stdint.h>

#include "lib/auth/identity.h"
#include "lib/base/err.h"
#include "lib/redis/cmd.h"
#include "lib/redis/reply.h"

/* How Redis is told. Borrowed for the call. */
struct wp_seen_way {
	uint32_t partitions; /* of the deployment */
	/* As wp_aredis_do(), with ctx. */
	enum wp_err (*call)(void *ctx, const struct wp_cmd *cmd, wp_reply_fn fn,
			    void *fn_ctx);
	void *ctx;
};

/*
 * who:  of a token that was let in; nothing happens unless it is of a session
 *       of ours
 */
void wp_session_seen(const struct wp_identity *who,
		     const struct wp_seen_way *way);

#endif /* WP_LIB_LIVE_SESSION_SEEN_H */
