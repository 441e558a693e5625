/*
 * notifications.h - forward what a backend published to whoever it is for. No
 * messages: nobody keeps them.
 */
#ifndef WP_WS_NOTIFICATIONS_H
#define WP_WS_NOTIFICATIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/base/buf.h"

/* Backends nest deeper than envelopes do; this much is still bounded. */
enum { WP_NOTIFICATION_DEPTH = 64 };

/*
 * Append the frame for {"type":string,"payload":any}: both unchanged, and a
 * timestamp. Other members are ignored, an absent payload reads as null.
 *
 * Returns:  false when data is no such object; out is left alone then
 */
bool wp_notification_frame(const char *data, size_t len, int64_t now_ms,
			   struct wp_buf *out);

/* Hook of the registrar, ctx is a struct wp_parts: send data to every
 * connection of who, or drop it. Both need not be terminated. */
void wp_notification_deliver(void *ctx, const char *who, size_t who_len,
			     const char *data, size_t len);

#endif /* WP_WS_NOTIFICATIONS_H */
