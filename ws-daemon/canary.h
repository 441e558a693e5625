/*
 * canary.h - does this process still do what it is there for?
 *
 * It has a user of its own, whom nobody else is (lib/mailbox/canary.h), and
 * sends him a notification and a message each few seconds. The first goes out
 * on his channel and comes back as from any back end; the second is accepted by
 * Redis, routed by a worker, poked, read in his mailbox and acked. How long
 * that takes is measured; when nothing comes back any more /readyz says so.
 *
 * Its user is a member of the hub like those of connections, without being one:
 * wp_conn_of() is not for it, so whoever is given a member by the hub or the
 * registrar asks first. It is there from wp_ws_canary_use() to
 * wp_ws_canary_leave(), and walks over all members come before or after that.
 *
 * What it leaves in Redis is bounded: a connection, and one message at a time,
 * which expires, is for nobody who is away (ephemeral), and is deleted before
 * the next one is sent. No device is told of it, and the cold store not asked.
 *
 * Threads: the loop's.
 */
#ifndef WP_WS_CANARY_H
#define WP_WS_CANARY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "ws-daemon/parts.h"

struct wp_ws_canary;

/* NULL when memory is exhausted. parts are borrowed and outlive it. */
struct wp_ws_canary *wp_ws_canary_new(struct wp_parts *parts) WP_MUST_USE;
/* Behind wp_ws_canary_leave(), and when Redis has answered all. NULL-safe. */
void wp_ws_canary_free(struct wp_ws_canary **canary);

/* Go by the settings of parts from now on: come, stay or leave. */
void wp_ws_canary_use(struct wp_ws_canary *canary);
/* Leave the hub; nothing is sent any more. Idempotent, NULL-safe. */
void wp_ws_canary_leave(struct wp_ws_canary *canary);

/* Is this its member? canary may be NULL: then it is not. */
bool wp_ws_canary_is(const struct wp_ws_canary *canary,
		     const struct wp_member *member);
/* Redis knows it, and pending messages wait; it is poked. */
void wp_ws_canary_on_registered(struct wp_ws_canary *canary, int64_t pending);
void wp_ws_canary_on_poke(struct wp_ws_canary *canary);
/*
 * Something was published for user.
 *
 * Returns:  false when that is somebody else; canary may be NULL
 */
bool wp_ws_canary_hears(struct wp_ws_canary *canary, const struct wp_user *user,
			const char *data, size_t len);

/* Users with a connection here: all of the hub but the canary. */
size_t wp_ws_users(const struct wp_parts *parts);

/*
 * Why nothing should come this way any more: a sentence, constant; NULL when
 * all is well, as far as is known. While presence cannot be told that is not
 * known. NULL-safe.
 */
const char *wp_ws_canary_problem(const struct wp_ws_canary *canary);
/* Set the gauges to what is now. NULL-safe. */
void wp_ws_canary_note(const struct wp_ws_canary *canary);

#endif /* WP_WS_CANARY_H */
