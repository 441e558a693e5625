/*
 * table.c - pages, and the list of them, which is doubled.
 */
#include "lib/base/table.h"

#include <stdlib.h>

/* Of the list of pages: it has room for a power of two. */
static bool has_room(struct wp_table *table, size_t n_pages)
{
	void **pages;

	if ((n_pages & (n_pages - 1)) != 0)
		return true;
	pages = realloc(table->pages,
			(n_pages == 0 ? 1 : n_pages * 2) * sizeof(*pages));
	if (pages == NULL)
		return false;
	table->pages = pages;
	return true;
}

bool wp_table_grow(struct wp_table *table, size_t n)
{
	while (table->n < n) {
		size_t n_pages = table->n / WP_TABLE_PAGE;
		void *page;

		if (!has_room(table, n_pages))
			return false;
		page = calloc(WP_TABLE_PAGE, sizeof(void *));
		if (page == NULL)
			return false;
		table->pages[n_pages] = page;
		table->n += WP_TABLE_PAGE;
	}
	return true;
}

void wp_table_release(struct wp_table *table)
{
	for (size_t i = 0; i < table->n / WP_TABLE_PAGE; i++)
		free(table->pages[i]);
	free(table->pages);
	*table = (struct wp_table){ 0 };
}
