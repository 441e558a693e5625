/*
 * notification.h - from what a backend published to what a client reads.
 */
#ifndef WP_WS_NOTIFICATION_H
#define WP_WS_NOTIFICATION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/base/buf.h"
#include "lib/base/json.h"

/* Backends nest deeper than envelopes do; this much is still bounded. */
enum { WP_NOTIFICATION_DEPTH = 64 };

struct wp_notification {
	struct wp_json_slice type;    /* with its quotes */
	struct wp_json_slice payload; /* any value, its exact text */
};

/*
 * Read {"type":string,"payload":any}; other members are ignored, an absent
 * payload reads as null.
 *
 * out:      points into data, which need not be terminated
 * Returns:  false when data is no such object
 */
bool wp_notification_read(struct wp_notification *out, const char *data,
			  size_t len);

/* Append the frame's text: type and payload unchanged, and a timestamp. */
void wp_notification_write(const struct wp_notification *notification,
			   int64_t now_ms, struct wp_buf *out);

#endif /* WP_WS_NOTIFICATION_H */
