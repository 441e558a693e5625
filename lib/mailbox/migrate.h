/*
 * migrate.h - moving one user's waiting messages from hot to cold, step by step
 * (ARCHITECTURE 4.3). wp_migrate_user() is the whole walk; the steps are public
 * so that tests can stop between them.
 */
#ifndef WP_LIB_MAILBOX_MIGRATE_H
#define WP_LIB_MAILBOX_MIGRATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/base/err.h"
#include "lib/mailbox/urn.h"
#include "lib/redis/client.h"
#include "lib/redis/reply.h"
#include "lib/redis/script.h"
#include "lib/store/store.h"

enum { WP_MIGRATE_MAX_ROWS = 1000, WP_MIGRATE_MAX_BYTES = 4 * 1024 * 1024 };

/*
 * grace_ms: the longest that a daemon puts a migration off; a mark further
 *           ahead counts as due (websocket.grace_ms)
 */
void wp_migrate_due_build(struct wp_cmd *cmd, uint32_t partition,
			  const char *owner, int64_t max_users,
			  int64_t grace_ms);

struct wp_migrate_ctx {
	struct wp_redis *redis;
	struct wp_store *store;
	uint32_t partition;
	const char *owner; /* borrowed */
	int64_t lease_ms;
	/* Called before each step with its name ("M1"…"M4"); may be NULL. */
	void (*on_step)(void *ctx, const char *step);
	void *on_step_ctx;
};

/*
 * Move everything that is due of one user, chunk by chunk, until the hot queues
 * are empty, the user is online again, or the lease is lost.
 *
 * *moved_out: rows committed to the cold store
 * Errors:  WP_ERR_STALE     the lease is lost
 *          WP_ERR_UNAVAIL   Redis or the cold store; the mark stays
 *          WP_ERR_CONFLICT  the cold store has another message under an id:
 *                           the partition's migration must stop (bug or damage)
 */
enum wp_err wp_migrate_user(const struct wp_migrate_ctx *ctx,
			    const struct wp_urn *user, int64_t *moved_out,
			    struct wp_error *err) WP_MUST_USE;

#endif /* WP_LIB_MAILBOX_MIGRATE_H */
