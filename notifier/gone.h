/*
 * gone.h - telling those who are connected that a device of theirs is of no use
 * any more, so that a client gets itself another token at once, and not only at
 * its next start: a notification like those of back ends
 * (lib/mailbox/notification.h, docs/websocket.md "Server to client").
 *
 * Threads: the loop's.
 */
#ifndef WP_NOTIFIER_GONE_H
#define WP_NOTIFIER_GONE_H

#include "lib/name/urn.h"
#include "notifier/redis.h"

/*
 * At most once: whoever does not hear it finds it in the list of his devices,
 * and is refused when he registers that token again.
 *
 * device:  its id as text
 * reason:  a provider's word, or ours; "": none is known
 */
void wp_gone_tell(struct wp_judged *redis, const struct wp_urn *user,
		  const char *device, const char *reason);

#endif /* WP_NOTIFIER_GONE_H */
