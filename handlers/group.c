/*
 * group.c - a stable insertion sort; n is small and bounded.
 */
#include "handlers/group.h"

#include <assert.h>

void wp_group(const uint32_t *partitions, size_t n, size_t *order)
{
	assert(n <= WP_GROUP_MAX);
	for (size_t i = 0; i < n; i++) {
		size_t at = i;

		while (at > 0 && partitions[order[at - 1]] > partitions[i]) {
			order[at] = order[at - 1];
			at--;
		}
		order[at] = i;
	}
}

size_t wp_group_len(const uint32_t *partitions, const size_t *order,
		    size_t start, size_t n)
{
	size_t end = start + 1;

	while (end < n && partitions[order[end]] == partitions[order[start]])
		end++;
	return end - start;
}
