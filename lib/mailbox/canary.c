/*
 * canary.c - what canaries are called, and what they are sent.
 */
#include "lib/mailbox/canary.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "lib/base/random.h"

#define PREFIX "urn:sm:canary:"

enum {
	PREFIX_LEN = sizeof(PREFIX) - 1,
	NAME_BYTES = 16,
	DATA_BYTES = 96,
};

void wp_canary_name(struct wp_urn *out)
{
	memcpy(out->text, PREFIX, PREFIX_LEN);
	wp_random_hex(out->text + PREFIX_LEN, NAME_BYTES);
	out->len = PREFIX_LEN + 2 * NAME_BYTES;
}

bool wp_canary_is_name(const char *text, size_t len)
{
	return len > PREFIX_LEN && memcmp(text, PREFIX, PREFIX_LEN) == 0;
}

void wp_canary_envelope(struct wp_buf *out, const char *recipient, size_t len,
			bool is_ephemeral, struct wp_buf *data)
{
	uint8_t bytes[DATA_BYTES];

	wp_random_bytes(bytes, sizeof(bytes));
	wp_buf_clear(data);
	wp_buf_add_base64(data, bytes, sizeof(bytes));
	if (data->failed) {
		out->failed = true;
		return;
	}
	wp_buf_add_str(out, "{\"recipientId\":");
	wp_buf_add_json(out, recipient, len);
	wp_buf_printf(out, ",\"encryptedData\":\"%s\"%s}", data->data,
		      is_ephemeral ? ",\"isEphemeral\":true" : "");
}
