/*
 * message.c - reference-counted bytes for the wire.
 *
 * Knows the layout of a server's frame. Knows nothing about sockets or JSON.
 * One thread: counts are plain integers.
 */
#include "ws-daemon/message.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

static struct wp_message *message_new(size_t len)
{
	struct wp_message *message;

	if (len > UINT32_MAX)
		return NULL;
	message = malloc(sizeof(*message) + len);
	if (message == NULL)
		return NULL;
	message->refs = 1;
	message->len = (uint32_t)len;
	message->is_poke = false;
	message->is_http = false;
	return message;
}

struct wp_message *wp_message_http(const void *data, size_t len)
{
	struct wp_message *message = message_new(len);

	if (message == NULL)
		return NULL;
	message->is_http = true;
	memcpy(message->data, data, len);
	return message;
}

struct wp_message *wp_message_frame(enum wp_ws_opcode opcode,
				    const void *payload, size_t len)
{
	uint8_t header[WP_WS_HEADER_MAX];
	size_t header_len = wp_ws_frame_header(header, opcode, len);
	struct wp_message *message = message_new(header_len + len);

	if (message == NULL)
		return NULL;
	memcpy(message->data, header, header_len);
	if (len > 0)
		memcpy(message->data + header_len, payload, len);
	return message;
}

struct wp_message *wp_message_close(uint16_t code)
{
	uint8_t payload[] = { (uint8_t)(code >> 8), (uint8_t)(code & 0xFF) };

	if (code == WP_CLOSE_NO_STATUS)
		return wp_message_frame(WP_WS_CLOSE, "", 0);
	return wp_message_frame(WP_WS_CLOSE, payload, sizeof(payload));
}

struct wp_message *wp_message_ref(struct wp_message *message)
{
	assert(message->refs > 0 && message->refs < UINT32_MAX);
	message->refs++;
	return message;
}

void wp_message_unref(struct wp_message **message)
{
	struct wp_message *m = *message;

	*message = NULL;
	if (m == NULL)
		return;
	assert(m->refs > 0);
	if (--m->refs == 0)
		free(m);
}
