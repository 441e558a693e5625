/*
 * group.h - bringing together what lies in the same partition, so that one
 * script call can serve all of it.
 */
#ifndef WP_HANDLERS_GROUP_H
#define WP_HANDLERS_GROUP_H

#include <stddef.h>
#include <stdint.h>

/* Elements of one request: a batch, or a list of users. */
enum { WP_GROUP_MAX = 100 };

/*
 * Fill order with 0..n-1, sorted by partition; inside a partition as given.
 *
 * partitions:  of each element, n <= WP_GROUP_MAX
 */
void wp_group(const uint32_t *partitions, size_t n, size_t *order);

/* How many elements from start on share a partition; start < n. */
size_t wp_group_len(const uint32_t *partitions, const size_t *order,
		    size_t start, size_t n);

#endif /* WP_HANDLERS_GROUP_H */
