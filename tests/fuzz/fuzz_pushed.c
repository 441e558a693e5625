/*
 * Any bytes on a subscribed connection: nothing is read beyond them, what is
 * read lies in them, and says the same when it is said again. What is a part
 * stays none when bytes are taken off it.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/redis/pushed.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void need(int is_so)
{
	if (!is_so)
		abort();
}

static size_t add(char *out, const char *text, size_t len)
{
	int at = sprintf(out, "$%zu\r\n", len);

	memcpy(out + at, text, len);
	memcpy(out + at + len, "\r\n", 2);
	return (size_t)at + len + 2;
}

/* It is what it was made of, but for zeros before a length. */
static void check_again(const struct wp_pushed *m, size_t used)
{
	char *again = malloc(used + 64);
	struct wp_pushed second;
	size_t len;
	size_t at;

	need(again != NULL);
	at = (size_t)sprintf(again, "%s",
			     m->pattern != NULL ? "*4\r\n$8\r\npmessage\r\n"
						: "*3\r\n$7\r\nmessage\r\n");
	if (m->pattern != NULL)
		at += add(again + at, m->pattern, m->pattern_len);
	at += add(again + at, m->channel, m->channel_len);
	at += add(again + at, m->data, m->len);
	need(at <= used);
	need(wp_pushed_read(&second, again, at, &len) == WP_PUSHED_ONE);
	need(len == at && second.len == m->len &&
	     memcmp(second.data, m->data, m->len) == 0);
	free(again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = malloc(size > 0 ? size : 1);
	struct wp_pushed m;
	size_t used = 0;
	enum wp_pushed_read rc;

	need(text != NULL);
	memcpy(text, data, size);
	rc = wp_pushed_read(&m, text, size, &used);
	need(used <= size);
	if (rc == WP_PUSHED_ONE) {
		need(m.data + m.len + 2 == text + used);
		check_again(&m, used);
	}
	if (rc != WP_PUSHED_OTHER && size > 0)
		need(wp_pushed_read(&m, text, used > 0 ? used - 1 : 0, &used) ==
		     WP_PUSHED_PART);
	free(text);
	return 0;
}
