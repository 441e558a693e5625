/* A deflated message from a stranger: bounded, and text or refused. */
#include <assert.h>
#include <stdint.h>
#include <stdlib.h>

#include "lib/base/utf8.h"
#include "ws-daemon/wire/deflate.h"

enum { MAX_MESSAGE = 4096 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct wp_deflate *deflate;
	size_t before;

	if (deflate == NULL)
		deflate = wp_deflate_new();
	assert(deflate != NULL);
	before = wp_deflate_inflated(deflate);
	/* Twice: nothing is left of the first. */
	for (int i = 0; i < 2; i++) {
		const char *text = (const char *)data;
		size_t len = size;
		enum wp_ws_close code =
			wp_deflate_inflate(deflate, MAX_MESSAGE, &text, &len);

		assert(code == 0 || code == WP_CLOSE_TOO_BIG ||
		       code == WP_CLOSE_BAD_DATA);
		assert(code != 0 ||
		       (len <= MAX_MESSAGE &&
			wp_utf8_is_valid((const uint8_t *)text, len)));
	}
	assert(wp_deflate_inflated(deflate) - before <= 2 * (MAX_MESSAGE + 1));
	return 0;
}
