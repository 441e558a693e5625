/* A client's bytes, cut at random: no crash, and cuts change nothing. */
#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "ws-daemon/wire/frame.h"

enum { MAX_MESSAGE = 4096, WIRE_MAX = MAX_MESSAGE + MAX_MESSAGE / 8 + 64 };

/* Fold what comes out into one number, feeding pieces of `step` bytes. */
static uint64_t digest(const uint8_t *data, size_t size, size_t step,
		       bool may_deflate)
{
	struct wp_ws_reader reader = { 0 };
	uint64_t sum = 14695981039346656037u;
	size_t at = 0;

	while (at < size) {
		size_t len = size - at < step ? size - at : step;
		uint8_t *piece = malloc(len);
		size_t used = 0;

		assert(piece != NULL);
		memcpy(piece, data + at, len);
		while (used < len) {
			struct wp_ws_event event;

			used += wp_ws_reader_feed(&reader, MAX_MESSAGE,
						  may_deflate, piece + used,
						  len - used, &event);
			assert(event.len <= WIRE_MAX);
			if (event.type == WP_WS_EVENT_NONE)
				continue;
			sum = (sum ^ event.type ^ event.code) * 1099511628211u;
			for (size_t i = 0; i < event.len; i++)
				sum = (sum ^ (uint8_t)event.data[i]) *
				      1099511628211u;
			if (event.type >= WP_WS_EVENT_CLOSE) {
				free(piece);
				goto out;
			}
		}
		free(piece);
		at += len;
	}
out:
	wp_ws_reader_release(&reader);
	return sum;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	size_t step = size > 0 ? (size_t)data[0] % 31 + 1 : 1;

	for (int deflate = 0; deflate < 2; deflate++)
		assert(digest(data, size, size + 1, deflate != 0) ==
		       digest(data, size, step, deflate != 0));
	return 0;
}
