/*
 * ws_bytes.h - frames as a client writes them.
 */
#ifndef WP_TESTS_SUPPORT_WS_BYTES_H
#define WP_TESTS_SUPPORT_WS_BYTES_H

#include <stddef.h>

#include "lib/base/buf.h"
#include "ws-daemon/wire/frame.h"

/* Append a masked frame to out. */
void ws_frame_add(struct wp_buf *out, enum wp_ws_opcode opcode,
		  const void *payload, size_t len);
void ws_text_add(struct wp_buf *out, const char *text);

#endif /* WP_TESTS_SUPPORT_WS_BYTES_H */
