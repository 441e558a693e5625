/*
 * conf_reload.c - what a program that runs can take over from settings that
 * were read anew.
 *
 * The one place that decides it, for all programs: a key that is not marked
 * reloadable in the table has to be what it was.
 */
#include "lib/sys/conf_table.h"

#include <string.h>

enum { NAMES_MAX = 150 }; /* bytes of a sentence */

static bool is_same_list(const struct wp_conf_list *a,
			 const struct wp_conf_list *b)
{
	if (a->n != b->n)
		return false;
	for (size_t i = 0; i < a->n; i++)
		if (strcmp(a->items[i], b->items[i]) != 0)
			return false;
	return true;
}

static bool is_same(const struct wp_conf_key *key, const void *a, const void *b)
{
	switch (key->type) {
	case WP_CONF_INT:
	case WP_CONF_ENUM:
		return *(const int64_t *)a == *(const int64_t *)b;
	case WP_CONF_BOOL:
		return *(const bool *)a == *(const bool *)b;
	case WP_CONF_STRING:
	case WP_CONF_SECRET:
		return strcmp(*(char *const *)a, *(char *const *)b) == 0;
	case WP_CONF_LIST:
		return is_same_list(a, b);
	}
	return false;
}

enum wp_err wp_conf_check_reload(const struct wp_conf *now,
				 const struct wp_conf *next,
				 struct wp_error *err)
{
	enum wp_err rc = WP_OK;
	struct wp_buf names;
	size_t left_out = 0;
	size_t i;

	wp_buf_init(&names, 0);
	for (i = 0; i < wp_conf_keys_n; i++) {
		const struct wp_conf_key *key = &wp_conf_keys[i];

		if (key->is_reloadable || is_same(key, wp_conf_peek(now, key),
						  wp_conf_peek(next, key)))
			continue;
		if (names.len + strlen(key->name) > NAMES_MAX)
			left_out++;
		else
			wp_buf_printf(&names, "%s%s", names.len > 0 ? ", " : "",
				      key->name);
	}
	if (left_out > 0)
		wp_buf_printf(&names, " and %zu more", left_out);
	if (names.failed)
		rc = wp_error_set(err, WP_ERR_NOMEM, "out of memory");
	else if (names.len > 0)
		rc = wp_error_set(err, WP_ERR_INVAL,
				  "%s: cannot be changed by a reload; "
				  "restart all programs, or change it back",
				  names.data);
	wp_buf_release(&names);
	return rc;
}
