/*
 * notifications.h - forward what a backend published to whoever it is for. No
 * messages: nobody keeps them.
 */
#ifndef WP_WS_NOTIFICATIONS_H
#define WP_WS_NOTIFICATIONS_H

#include <stddef.h>

/* Hook of the registrar, ctx is a struct wp_parts: send data to every
 * connection of who, or drop it. Both need not be terminated. */
void wp_notification_deliver(void *ctx, const char *who, size_t who_len,
			     const char *data, size_t len);

#endif /* WP_WS_NOTIFICATIONS_H */
