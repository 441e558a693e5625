/*
 * message.h - bytes for the wire, built once and shared by reference.
 *
 * A notification to a user with five connections is one allocation and five
 * pointers. Messages never change after they were made.
 */
#ifndef WP_WS_MESSAGE_H
#define WP_WS_MESSAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "ws-daemon/frame.h"

struct wp_message {
	uint32_t refs;
	uint32_t len;
	bool is_poke; /* one waiting poke is as good as two */
	bool is_http; /* no frame: the bound for frames is not its own */
	uint8_t data[];
};

/* An HTTP response as it is; NULL when memory is exhausted. */
struct wp_message *wp_message_http(const void *data, size_t len);

/*
 * One whole WebSocket frame, unmasked as servers send (RFC 6455 section 5.1).
 *
 * Returns:  a message with one reference, or NULL when memory is exhausted
 */
struct wp_message *wp_message_frame(enum wp_ws_opcode opcode,
				    const void *payload, size_t len);

/* A close frame with this code and no reason; empty for WP_CLOSE_NO_STATUS. */
struct wp_message *wp_message_close(uint16_t code);

struct wp_message *wp_message_ref(struct wp_message *message);

/* Give one reference back and set *message to NULL. NULL-safe. */
void wp_message_unref(struct wp_message **message);

#endif /* WP_WS_MESSAGE_H */
