/*
 * envelope.h - SecureEnvelope: read from strangers, written canonically.
 *
 * ProtoJSON as docs/openapi.yaml "SecureEnvelope" lists it. Unknown fields are
 * dropped, so that no sender identity rides along; known ones are validated and
 * written again: camelCase, standard padded base64, priority always,
 * isEphemeral only if true.
 */
#ifndef WP_LIB_MAILBOX_ENVELOPE_H
#define WP_LIB_MAILBOX_ENVELOPE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/base/buf.h"
#include "lib/base/err.h"
#include "lib/base/json.h"
#include "lib/name/box.h"
#include "lib/name/msgid.h"

enum { WP_PRIORITY_HIGH = 5 }; /* from here on the high band */
enum { WP_IDEMPOTENCY_KEY_MAX = 128 };

struct wp_envelope {
	struct wp_box recipient;
	enum wp_band band;
	bool is_ephemeral;
	/* Element of a batch or frame only; "" when absent (then len 0). */
	char idempotency_key[WP_IDEMPOTENCY_KEY_MAX + 1];
	size_t idempotency_key_len;
};

/* What an envelope is read from. */
struct wp_envelope_text {
	const char *data; /* nothing but white space may follow the object */
	size_t len;
	/*
	 * Also accept a member idempotencyKey / idempotency_key (batch
	 * elements); without it that name is an unknown field.
	 */
	bool with_key;
	uint32_t partitions; /* of the deployment, > 0 */
};

/*
 * Read one envelope and append its canonical form to json_out.
 *
 * Errors:    WP_ERR_INVAL  err.msg is a sentence for the developer who sent it;
 *                          it never quotes the input
 *            WP_ERR_FULL   json_out reached its ceiling; WP_ERR_NOMEM
 */
enum wp_err wp_envelope_read(struct wp_envelope *out,
			     const struct wp_envelope_text *text,
			     struct wp_buf *json_out,
			     struct wp_error *err) WP_MUST_USE;

/* 1 to 128 printable ASCII characters (0x20-0x7E)? */
bool wp_idempotency_key_is_valid(const char *key, size_t len);

#endif /* WP_LIB_MAILBOX_ENVELOPE_H */
