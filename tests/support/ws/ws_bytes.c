/* See ws_bytes.h. */
#include "tests/support/ws/ws_bytes.h"

#include <string.h>

void ws_frame_add(struct wp_buf *out, enum wp_ws_opcode opcode,
		  const void *payload, size_t len)
{
	static const uint8_t mask[] = { 0x12, 0x34, 0x56, 0x78 };
	uint8_t header[WP_WS_HEADER_MAX];
	size_t n = wp_ws_frame_header(header, opcode, len);

	header[1] |= 0x80;
	wp_buf_add(out, header, n);
	wp_buf_add(out, mask, sizeof(mask));
	for (size_t i = 0; i < len; i++)
		wp_buf_add_char(out, (char)(((const uint8_t *)payload)[i] ^
					    mask[i % sizeof(mask)]));
}

void ws_text_add(struct wp_buf *out, const char *text)
{
	ws_frame_add(out, WP_WS_TEXT, text, strlen(text));
}
