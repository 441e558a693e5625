/*
 * random.c - getrandom(2) in the shapes that callers need.
 *
 * Knows the system call. Keeps no state of its own, so it is safe in every
 * thread and after fork(); a pool is its owner's.
 */
#include "lib/base/random.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/types.h>

#include "lib/base/encode.h"

enum { HEX_CHUNK = 32 };

void wp_random_bytes(void *data, size_t len)
{
	unsigned char *bytes = data;

	while (len > 0) {
		ssize_t n = getrandom(bytes, len, 0);

		if (n == -1 && errno == EINTR)
			continue;
		/* Guessable ids and tokens are worse than no service. */
		if (n <= 0)
			abort();
		bytes += n;
		len -= (size_t)n;
	}
}

void wp_random_hex(char *text, size_t bytes)
{
	unsigned char chunk[HEX_CHUNK];

	while (bytes > 0) {
		size_t n = bytes < sizeof(chunk) ? bytes : sizeof(chunk);

		wp_random_bytes(chunk, n);
		wp_hex_write(text, chunk, n);
		text += 2 * n;
		bytes -= n;
	}
	*text = '\0';
}

void wp_random_take(struct wp_random_pool *pool, void *data, size_t len)
{
	assert(len <= sizeof(pool->bytes));
	if (len > pool->n_left) {
		wp_random_bytes(pool->bytes, sizeof(pool->bytes));
		pool->n_left = sizeof(pool->bytes);
	}
	pool->n_left -= len;
	memcpy(data, pool->bytes + pool->n_left, len);
}

uint32_t wp_random_below(uint32_t bound)
{
	uint32_t limit;
	uint32_t value;

	assert(bound > 0);
	/* Drop what would make the low results likelier than the others. */
	limit = UINT32_MAX - UINT32_MAX % bound;
	do
		wp_random_bytes(&value, sizeof(value));
	while (value >= limit);
	return value % bound;
}
