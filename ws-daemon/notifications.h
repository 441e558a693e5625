/*
 * notifications.h - forward what a backend published to whoever it is for. No
 * messages: nobody keeps them.
 */
#ifndef WP_WS_NOTIFICATIONS_H
#define WP_WS_NOTIFICATIONS_H

#include <stddef.h>

#include "lib/live/hub.h"

/* Hook of the registrar, ctx is a struct wp_parts: send data to every
 * connection of who, or drop it. Both need not be terminated. */
void wp_notification_deliver(void *ctx, const char *who, size_t who_len,
			     const char *data, size_t len);

/* Hook of the registrar: these are about to be told something. */
void wp_notification_ahead(void *ctx, const struct wp_hub_name *who, size_t n);

/*
 * As wp_notification_deliver() for a channel of websocket.topics, by its number
 * there: to those connections of its user that ask for this one, or for all.
 * What has no type is passed on as it is.
 */
void wp_topic_deliver(void *ctx, size_t topic, const char *channel,
		      size_t channel_len, const char *data, size_t len);

#endif /* WP_WS_NOTIFICATIONS_H */
