/*
 * notification.h - what a back end tells the clients of a user who are
 * connected just now: {"type","payload"}, published on user_noti:<user>, which
 * every daemon hears. It is no message: nobody keeps it, and whoever is not
 * connected does not get it.
 */
#ifndef WP_LIB_MAILBOX_NOTIFICATION_H
#define WP_LIB_MAILBOX_NOTIFICATION_H

#include <stddef.h>

#include "lib/base/buf.h"
#include "lib/base/err.h"
#include "lib/base/json.h"
#include "lib/name/urn.h"
#include "lib/redis/cmd.h"

enum {
	/* Back ends nest deeper than envelopes do; this is still a bound. */
	WP_NOTIFICATION_DEPTH_MAX = 64,
	WP_NOTIFICATION_TYPE_MAX = 128, /* as it is written, in bytes */
	WP_NOTIFICATION_PAYLOAD_MAX = 32 * 1024,
};

/* Slices are borrowed from what it was read from. */
struct wp_notification {
	struct wp_urn user;
	struct wp_json_slice type;    /* a string, with its quotes */
	struct wp_json_slice payload; /* any value, its exact text */
};

/*
 * Begin to read JSON that has a notification in it. It has to be JSON by its
 * grammar, no more: JavaScript writes half a surrogate pair when it cuts an
 * emoji.
 */
void wp_notification_json(struct wp_json *js, const char *data, size_t len);

/*
 * Read {"user","type","payload"}, each once; other members are ignored, an
 * absent payload is null.
 *
 * data:    len bytes of any kind
 * Errors:  WP_ERR_PROTO  it is no JSON
 *          WP_ERR_INVAL  it is no notification
 *          WP_ERR_FULL   the payload is too long
 *          err.msg is for the developer, and quotes nothing
 */
enum wp_err wp_notification_read(struct wp_notification *out, const char *data,
				 size_t len, struct wp_error *err) WP_MUST_USE;

/*
 * Write the command that publishes it.
 *
 * scratch:  is emptied; failed when there was no memory
 */
void wp_notification_build(struct wp_cmd *cmd,
			   const struct wp_notification *notification,
			   struct wp_buf *scratch);

#endif /* WP_LIB_MAILBOX_NOTIFICATION_H */
