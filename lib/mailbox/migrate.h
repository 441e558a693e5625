/*
 * migrate.h - moving waiting messages of absent users from hot to cold
 * (docs/architecture.md "Migrating").
 *
 * A turn moves one chunk of each of its users, so nobody who is sent to without
 * end keeps the others waiting, and all of them wait for the disk together.
 */
#ifndef WP_LIB_MAILBOX_MIGRATE_H
#define WP_LIB_MAILBOX_MIGRATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/base/err.h"
#include "lib/mailbox/partition.h"
#include "lib/name/box.h"
#include "lib/redis/client.h"
#include "lib/redis/cmd.h"
#include "lib/redis/reply.h"
#include "lib/store/store.h"

enum {
	WP_MIGRATE_MAX_BYTES = 4 * 1024 * 1024,
	WP_MIGRATE_MAX_USERS = 64, /* <= WP_STORE_APPENDS_MAX */
	WP_MIGRATE_WAIT = 1,
	WP_MIGRATE_FIRST_DUE = 2,
};

/*
 * Who is due? The answer is "ok", then for how long nobody is (-1: no mark is
 * there), then users from WP_MIGRATE_FIRST_DUE on, or "lost".
 *
 * grace_ms: the longest that a daemon puts a migration off; a mark further
 *           ahead counts as due (websocket.grace_ms)
 */
void wp_migrate_due_build(struct wp_cmd *cmd, const struct wp_lease *lease,
			  int64_t max_users, int64_t grace_ms);

/*
 * Put a user's mark behind those of everybody who is due by then.
 *
 * delay_ms: at most the grace, or the mark would count as due at once
 */
void wp_migrate_later_build(struct wp_cmd *cmd, const struct wp_lease *lease,
			    int64_t delay_ms, const char *urn, size_t len);

struct wp_migrate_ctx {
	struct wp_redis *redis;
	struct wp_store *store;
	int64_t lease_ms;
	int64_t max_envelope; /* bytes of the longest that is accepted */
	/* Called before each step with its name ("M1"…"M4", and "M2b" before
	 * the hot queue is read); may be NULL. */
	void (*on_step)(void *ctx, const char *step);
	void *on_step_ctx;
};

/* One user in a turn. */
struct wp_migrate_user {
	struct wp_box box;
	const char *owner; /* borrowed */

	/* What became of it. */
	int64_t moved; /* rows committed to the cold store */
	bool is_done;  /* nothing is left, or the user is online again */
	/*
	 * WP_OK, or
	 * WP_ERR_STALE     the lease is lost
	 * WP_ERR_CONFLICT  the cold store has another message under an id: the
	 *                  partition's migration must stop (bug or damage)
	 * WP_ERR_PROTO     this user cannot be moved now: a key that is
	 *                  something else, a mailbox that changes all the time
	 * WP_ERR_UNAVAIL   as the turn
	 */
	struct wp_error err;
};

/*
 * Move one chunk of each user. What all take together is bounded by what one
 * chunk may be, but for at least a message of each. A mark stays until nothing
 * is left; whoever has more goes to the end of the line of his partition.
 *
 * users:   n <= WP_MIGRATE_MAX_USERS, no user twice
 * Errors:  WP_ERR_UNAVAIL  Redis or the cold store; the users whose chunk is
 *                          not complete say so as well
 *          WP_ERR_NOMEM    nothing was done
 */
enum wp_err wp_migrate_turn(const struct wp_migrate_ctx *ctx,
			    struct wp_migrate_user *users, size_t n,
			    struct wp_error *err) WP_MUST_USE;

/*
 * The same in parts, in this order, so that turns overlap: while the store
 * writes one, Redis trims the one before. Redis answers in order, so nothing
 * else is asked on its connection while trims are not heard. No user may be in
 * two turns at a time.
 *
 *   begin  reads the versions, and takes the copies (M1, M2)
 *   store  writes them (M3)
 *   trim   copies again whose mailbox has changed meanwhile, and asks Redis to
 *          trim (M4)
 *   hear   waits for that
 *   end    at any time; the connection is closed if something was to be heard
 *
 * Borrows ctx and users until the end. Errors: as wp_migrate_turn(); then only
 * end makes sense. When Redis was the cause, the connection is closed, and what
 * other turns have asked on it is lost as well.
 */
struct wp_migration;
enum wp_err wp_migration_begin(struct wp_migration **out,
			       const struct wp_migrate_ctx *ctx,
			       struct wp_migrate_user *users, size_t n,
			       struct wp_error *err) WP_MUST_USE;
enum wp_err wp_migration_store(struct wp_migration *turn,
			       struct wp_error *err) WP_MUST_USE;
enum wp_err wp_migration_trim(struct wp_migration *turn,
			      struct wp_error *err) WP_MUST_USE;
enum wp_err wp_migration_hear(struct wp_migration *turn,
			      struct wp_error *err) WP_MUST_USE;
void wp_migration_end(struct wp_migration **turn);

#endif /* WP_LIB_MAILBOX_MIGRATE_H */
