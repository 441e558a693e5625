/*
 * registrar.h - telling Redis who is connected here (docs/architecture.md
 * "Presence").
 *
 * An incarnation is one unbroken time of being registered. It ends when either
 * Redis connection is lost, when a heartbeat is told `gone`, is refused or
 * stays unanswered; then a new one is taken: its channel is subscribed and
 * confirmed first, then every connection is registered again and poked if
 * something waits for it. The old one is left to the reaper.
 *
 * All commands of this daemon travel one Redis connection, in order.
 */
#ifndef WP_LIB_LIVE_REGISTRAR_H
#define WP_LIB_LIVE_REGISTRAR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/base/err.h"
#include "lib/live/feed.h"
#include "lib/live/hub.h"
#include "lib/live/teller.h"
#include "lib/redis/async.h"
#include "lib/sys/conf.h"

struct wp_registrar;

struct wp_registrar_hooks {
	/*
	 * Redis knows this connection now: at first, and again after a resync.
	 * pending is a lower bound of what waits, 0 only when nothing does.
	 */
	void (*on_registered)(void *ctx, struct wp_member *member,
			      int64_t pending);
	/* It could not be registered; tried again with the next heartbeat. */
	void (*on_refused)(void *ctx, struct wp_member *member);
	/* The user has too many connections and this is the oldest. */
	void (*on_kick)(void *ctx, struct wp_member *member);
	/* What others may know of it, printable and without tabs: the chat that
	 * is open there, or NULL; borrowed for the call. A change is told with
	 * wp_registrar_update(). No hook: nobody has one. */
	const char *(*chat)(void *ctx, const struct wp_member *member);
	/* Registration works now, for the first time or again. */
	void (*on_live)(void *ctx);
	/* wp_registrar_stop() has come to its end. */
	void (*on_stopped)(void *ctx);
	void *ctx;
	struct wp_notification_hook notification; /* to whoever it is for */
	struct wp_topic_hook topic;
	struct wp_revocation_hook revocation; /* the revoker's */
};

/* All pointers are borrowed and outlive the registrar. */
struct wp_registrar_setup {
	struct ev_loop *loop;
	const struct wp_conf *conf; /* Redis is reached with this one */
	struct wp_hub *hub;
	const char *protocol; /* of the connections, as others read it: "ws" */
	int64_t heartbeat_ms;
	struct wp_teller_rules rules;
	struct wp_live_counts counts;
	struct wp_registrar_hooks hooks;
};

/* Does not connect. */
enum wp_err wp_registrar_new(struct wp_registrar **out,
			     const struct wp_registrar_setup *setup,
			     struct wp_error *err) WP_MUST_USE;
void wp_registrar_free(struct wp_registrar **registrar);

/* Connect and take the first incarnation as soon as Redis lets us. */
enum wp_err wp_registrar_start(struct wp_registrar *registrar,
			       struct wp_error *err) WP_MUST_USE;

/* Go by these from now on (reload). */
void wp_registrar_use(struct wp_registrar *registrar,
		      const struct wp_teller_rules *rules);

/* New connections can be registered now. */
bool wp_registrar_is_live(const struct wp_registrar *registrar);

/* Is a connection to be told of, or told and not answered? */
bool wp_registrar_is_busy(const struct wp_registrar *registrar);

/* The connection that carries commands; NULL before the start. */
struct wp_aredis *wp_registrar_redis(const struct wp_registrar *registrar);

/* "<incarnation>.<number>" as Redis knows member now. */
void wp_registrar_name(const struct wp_registrar *registrar,
		       const struct wp_member *member,
		       char out[WP_CONNECTION_MAX + 1]);

/* member has joined its user in the hub; on_registered or on_refused follows,
 * perhaps only after a resync. */
void wp_registrar_add(struct wp_registrar *registrar, struct wp_member *member);
/* What is told of member changed. One call per member is under way at a time;
 * what changes meanwhile is told when it is answered, the newest only. */
void wp_registrar_update(struct wp_registrar *registrar,
			 struct wp_member *member);
/* member is about to leave the hub. grace_ms: until its messages migrate. */
void wp_registrar_remove(struct wp_registrar *registrar,
			 struct wp_member *member, int64_t grace_ms);

/*
 * No more connections come: when all disconnects are answered, leave the
 * partitions, then call on_stopped. At once when Redis is away.
 */
void wp_registrar_stop(struct wp_registrar *registrar);

#endif /* WP_LIB_LIVE_REGISTRAR_H */
