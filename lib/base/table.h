/*
 * table.h - an array of pointers, or of what has their size, that grows by
 * pages: nothing moves, and what it outgrows leaves no hole in memory.
 */
#ifndef WP_LIB_BASE_TABLE_H
#define WP_LIB_BASE_TABLE_H

#include <stdbool.h>
#include <stddef.h>

#include "lib/base/err.h"

enum { WP_TABLE_PAGE = 512 }; /* items */

/* Begins all zero, and empty. Private but for n. */
struct wp_table {
	void **pages; /* owned, and so is each */
	size_t n;     /* items; whole pages */
};

/*
 * Have at least n items; those that are new are zeroed. False without memory:
 * then it is as it was, or larger.
 */
bool wp_table_grow(struct wp_table *table, size_t n) WP_MUST_USE;
/* Be empty. */
void wp_table_release(struct wp_table *table);

/* Where item i < n is, until the release. */
static inline void *wp_table_at(const struct wp_table *table, size_t i)
{
	return (char *)table->pages[i / WP_TABLE_PAGE] +
	       i % WP_TABLE_PAGE * sizeof(void *);
}

#endif /* WP_LIB_BASE_TABLE_H */
