/*
 * teller.h - telling Redis of connections while an incarnation lasts: who came,
 * what changed, who went; and all of them again when the next one begins.
 *
 * What is to be told while the loop turns, and while Redis works on what went
 * before, goes out as one call of connect.lua: thousands come back at once
 * after a loss, and a call costs more than what is in it.
 *
 * An answer finds its connection by number, or finds that it is gone, and says
 * nothing once its incarnation is over.
 */
#ifndef WP_LIB_LIVE_TELLER_H
#define WP_LIB_LIVE_TELLER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/base/err.h"
#include "lib/live/hub.h"
#include "lib/mailbox/presence.h"
#include "lib/redis/async.h"
#include "lib/sys/conf.h"

struct ev_loop;
struct wp_teller;

enum {
	/* Connections of one call. While it runs, Redis serves nobody else. */
	WP_TELLER_CALL_MAX = 64,
	/* Calls under way, but for those that a disconnect must not overtake.
	 * The more there are, the fewer connections go together, and Redis does
	 * not wait for us: it has other work. */
	WP_TELLER_CALLS = 1,
};

/* One unbroken time of being registered. */
struct wp_incarnation {
	char name[WP_INCARNATION_MAX + 1];
	uint32_t epoch; /* rises with each; 0: there was none */
};

struct wp_teller_hooks {
	/* As those of a registrar (lib/live/registrar.h). */
	void (*on_registered)(void *ctx, struct wp_member *member,
			      int64_t pending);
	void (*on_refused)(void *ctx, struct wp_member *member);
	/* This incarnation was reaped. */
	void (*on_gone)(void *ctx);
	/* Redis refuses what it is worth nothing without. */
	void (*on_useless)(void *ctx, const char *what,
			   const struct wp_reply *reply);
	/* Less is under way than was. */
	void (*on_progress)(void *ctx);
	const char *(*chat)(void *ctx, const struct wp_member *member);
	void *ctx;
};

/* What a reload may change. */
struct wp_teller_rules {
	/* The current one: of it the teller takes what push keeps, and
	 * wp_live_use() all that the rest of the program goes by. */
	const struct wp_conf *conf;
	int64_t max_per_user; /* connections; the oldest gives way */
	/* Until messages of one that is lost without a goodbye migrate. */
	int64_t grace_ms;
};

/* All pointers are borrowed and outlive the teller. */
struct wp_teller_setup {
	struct ev_loop *loop;
	struct wp_hub *hub;
	const struct wp_incarnation *now; /* the present one, or the last */
	uint32_t partitions;
	const char *protocol; /* of the connections: "ws" */
	struct wp_teller_rules rules;
	struct wp_teller_hooks hooks;
};

/* Errors: WP_ERR_NOMEM. End with wp_teller_free(), behind the connection. */
enum wp_err wp_teller_new(struct wp_teller **out,
			  const struct wp_teller_setup *setup,
			  struct wp_error *err) WP_MUST_USE;
void wp_teller_free(struct wp_teller **teller);

/* Go by these from now on (reload). */
void wp_teller_use(struct wp_teller *teller,
		   const struct wp_teller_rules *rules);

/* The present incarnation is live on this connection, which is borrowed until
 * wp_teller_suspend(): tell of everybody. */
void wp_teller_resume(struct wp_teller *teller, struct wp_aredis *redis);
/* It has ended: what was not sent is refused. Idempotent. */
void wp_teller_suspend(struct wp_teller *teller);

/* As wp_registrar_add(), _update() and _remove(); nothing happens to the latter
 * two while suspended. */
void wp_teller_add(struct wp_teller *teller, struct wp_member *member);
void wp_teller_update(struct wp_teller *teller, struct wp_member *member);
void wp_teller_remove(struct wp_teller *teller, struct wp_member *member,
		      int64_t grace_ms);

/* It is time to try again what was refused. */
void wp_teller_retry(struct wp_teller *teller);

/* Has the present incarnation joined the partition? */
bool wp_teller_has_joined(const struct wp_teller *teller, uint32_t partition);

/* Is something to be told, or told and not answered? What was refused and waits
 * for another try does not count. */
bool wp_teller_is_busy(const struct wp_teller *teller);

#endif /* WP_LIB_LIVE_TELLER_H */
