/*
 * kind_bus.h - services of the operator's own: what one that sends pushes
 * itself is told on the bus, and what others may hear as an event. Pure.
 *
 * Neither has a sender, a message, its id or a device's token in it.
 */
#ifndef WP_NOTIFIER_KIND_BUS_H
#define WP_NOTIFIER_KIND_BUS_H

#include "lib/base/buf.h"
#include "lib/bus/bus.h"
#include "notifier/provider/kind.h"
#include "notifier/provider/verdict.h"

/* Where events are published. */
#define WP_EVENT_CHANNEL "wp:offline"

/*
 * Append a NotificationRequest (ProtoJSON) in the wrapper of the bus
 * (lib/bus/bus.h), as the services that Waypost came from have them on their
 * topic push-notifications.
 *
 * user:  the URN of who is to be told
 */
void wp_kind_bus_body(struct wp_buf *out, const char *user,
		      const struct wp_push *push);

/*
 * Append an event: {"type":"offline_notification","user","platforms","waiting",
 * "id"}.
 *
 * platforms:  of the user's devices, as a JSON array
 */
void wp_kind_event_body(struct wp_buf *out, const char *user,
			const char *platforms, const struct wp_push *push);

/* end, word: as struct wp_bus_message is told them */
void wp_kind_bus_judge(enum wp_bus_end end, const char *word,
		       struct wp_judgement *out);

#endif /* WP_NOTIFIER_KIND_BUS_H */
