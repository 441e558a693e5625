/*
 * device_json.h - a device as its user, and an operator, is told of it: never
 * its token, nor where it can be reached.
 */
#ifndef WP_LIB_STORE_DEVICE_JSON_H
#define WP_LIB_STORE_DEVICE_JSON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/base/buf.h"
#include "lib/store/push.h"

enum { WP_DEVICE_ID_TEXT_LEN = 22 }; /* base64url of its id */

/* "active", "suspect", "gone" or "unverified" */
const char *wp_device_state(const struct wp_push_row *row);

/* Append an object. */
void wp_device_add_json(struct wp_buf *out, const struct wp_push_row *row);

/* Read an id again; false when it is none. */
bool wp_device_id_read(const char *text, size_t len,
		       uint8_t out[WP_PUSH_ID_LEN]);

#endif /* WP_LIB_STORE_DEVICE_JSON_H */
