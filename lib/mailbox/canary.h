/*
 * canary.h - users that nobody is, who get messages to see whether messages get
 * through.
 */
#ifndef WP_LIB_MAILBOX_CANARY_H
#define WP_LIB_MAILBOX_CANARY_H

#include <stdbool.h>
#include <stddef.h>

#include "lib/base/buf.h"
#include "lib/name/urn.h"

/*
 * A new one. It is of the namespace that our own accounts may be of, but of
 * another type, and 128 random bits: nobody is called so, and nobody who does
 * not see it can write to it.
 */
void wp_canary_name(struct wp_urn *out);

/* Does this begin as their names do? */
bool wp_canary_is_name(const char *text, size_t len);

/*
 * Append an envelope with random bytes for it, as docs/openapi.yaml
 * "SecureEnvelope".
 *
 * data:          cleared; gets what is in it as encryptedData
 * is_ephemeral:  it may vanish when its recipient is not connected
 */
void wp_canary_envelope(struct wp_buf *out, const char *recipient, size_t len,
			bool is_ephemeral, struct wp_buf *data);

#endif /* WP_LIB_MAILBOX_CANARY_H */
