/*
 * template.c - see template.h.
 */
#include "bench/load/template.h"

#include <string.h>

#include "bench/load/net.h"

struct template template_of(char *text, size_t len)
{
	struct template out = { .text = text, .len = len };
	size_t at = 0;

	while (at < len) {
		const char *hole = memchr(text + at, '#', len - at);
		size_t n = 0;

		if (hole == NULL)
			break;
		if (out.n == TEMPLATE_HOLES_MAX)
			net_die("too many runs of #");
		at = (size_t)(hole - text);
		while (at + n < len && text[at + n] == '#')
			n++;
		out.holes[out.n] = at;
		out.digits[out.n++] = n;
		at += n;
	}
	return out;
}

void template_fill(const struct template *from, char *out, unsigned int number)
{
	memcpy(out, from->text, from->len);
	for (size_t i = 0; i < from->n; i++) {
		unsigned int rest = number;

		for (size_t k = from->digits[i]; k-- > 0; rest /= 10)
			out[from->holes[i] + k] = (char)('0' + rest % 10);
	}
}
