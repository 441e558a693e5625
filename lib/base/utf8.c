/*
 * utf8.c - RFC 3629 section 4 as a state of three bytes.
 *
 * Knows which byte may follow which. Knows nothing about characters: it never
 * decodes, so there is no code point to get wrong.
 */
#include "lib/base/utf8.h"

#include <string.h>

#define HIGH_BITS UINT64_C(0x8080808080808080)

enum { TAIL_MIN = 0x80, TAIL_MAX = 0xbf };

void wp_utf8_init(struct wp_utf8 *state)
{
	*state = (struct wp_utf8){ .lower = TAIL_MIN, .upper = TAIL_MAX };
}

/* Set what must follow this first byte; false when none may be first. */
static bool begin(struct wp_utf8 *state, uint8_t byte)
{
	state->lower = TAIL_MIN;
	state->upper = TAIL_MAX;
	if (byte < 0x80) {
		state->need = 0;
	} else if (byte >= 0xc2 && byte <= 0xdf) { /* C0, C1 are overlong */
		state->need = 1;
	} else if (byte >= 0xe0 && byte <= 0xef) {
		state->need = 2;
		if (byte == 0xe0)
			state->lower = 0xa0; /* overlong below */
		else if (byte == 0xed)
			state->upper = 0x9f; /* surrogates above */
	} else if (byte >= 0xf0 && byte <= 0xf4) {
		state->need = 3;
		if (byte == 0xf0)
			state->lower = 0x90; /* overlong below */
		else if (byte == 0xf4)
			state->upper = 0x8f; /* U+10FFFF is the last one */
	} else {
		return false;
	}
	return true;
}

/* How many of the len bytes at data are ASCII before the first that is not. */
static size_t ascii_prefix(const uint8_t *data, size_t len)
{
	size_t i = 0;
	uint64_t word;

	for (; len - i >= sizeof(word); i += sizeof(word)) {
		memcpy(&word, data + i, sizeof(word));
		if ((word & HIGH_BITS) != 0)
			break;
	}
	while (i < len && data[i] < 0x80)
		i++;
	return i;
}

bool wp_utf8_feed(struct wp_utf8 *state, const void *data, size_t len)
{
	const uint8_t *bytes = data;
	size_t i = 0;

	while (i < len) {
		if (state->need == 0) {
			i += ascii_prefix(bytes + i, len - i);
			if (i < len && !begin(state, bytes[i++]))
				return false;
			continue;
		}
		if (bytes[i] < state->lower || bytes[i] > state->upper)
			return false;
		state->need--;
		state->lower = TAIL_MIN;
		state->upper = TAIL_MAX;
		i++;
	}
	return true;
}

bool wp_utf8_is_complete(const struct wp_utf8 *state)
{
	return state->need == 0;
}

bool wp_utf8_is_valid(const void *data, size_t len)
{
	struct wp_utf8 state;

	wp_utf8_init(&state);
	return wp_utf8_feed(&state, data, len) && wp_utf8_is_complete(&state);
}
