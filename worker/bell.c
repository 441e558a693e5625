/*
 * bell.c - reading lists of partitions.
 */
#include "worker/bell.h"

#include <string.h>

/* The number that text begins with, below partitions; false if there is none.
 * *at is moved behind it. */
static bool read_number(const char *text, size_t len, size_t *at,
			uint32_t partitions, uint32_t *out)
{
	uint64_t value = 0;
	size_t first = *at;

	while (*at < len && text[*at] >= '0' && text[*at] <= '9') {
		value = value * 10 + (uint64_t)(text[(*at)++] - '0');
		if (value >= partitions)
			return false;
	}
	*out = (uint32_t)value;
	return *at > first;
}

bool wp_bell_read(struct wp_bell *out, const char *text, size_t len,
		  uint32_t partitions)
{
	static const char due[] = "due ";
	size_t at = sizeof(due) - 1;

	out->n = 0;
	out->is_due = len > at && memcmp(text, due, at) == 0;
	if (!out->is_due)
		at = 0;
	while (out->n < WP_BELL_MAX && read_number(text, len, &at, partitions,
						   &out->partitions[out->n])) {
		out->n++;
		if (at == len)
			return true;
		if (out->is_due || text[at++] != ',')
			break;
	}
	out->n = 0;
	return false;
}
