/* service.c - names, and platforms as clients call them. */
#include "notifier/service.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static const char *const names[] = { "android", "ios", "web" };

enum { NAMES = sizeof(names) / sizeof(names[0]) };

void wp_service_name(char out[WP_SERVICE_NAME_MAX + 1], enum wp_push_kind kind,
		     uint32_t partition)
{
	(void)snprintf(out, WP_SERVICE_NAME_MAX + 1, "*%s.%" PRIu32,
		       wp_push_kind_name(kind), partition);
}

void wp_platforms_add(struct wp_platforms *platforms,
		      const struct wp_push_row *row)
{
	const char *name = row->platform;

	if (name[0] == '\0' &&
	    strcmp(row->kind, wp_push_kind_name(WP_PUSH_WEB)) == 0)
		name = "web";
	else if (name[0] == '\0' &&
		 strcmp(row->kind, wp_push_kind_name(WP_PUSH_APNS)) == 0)
		name = "ios";
	for (unsigned int i = 0; i < NAMES; i++)
		if (strcmp(names[i], name) == 0)
			platforms->set |= 1U << i;
}

void wp_platforms_write(const struct wp_platforms *platforms,
			struct wp_buf *out)
{
	const char *comma = "";

	wp_buf_add_char(out, '[');
	for (unsigned int i = 0; i < NAMES; i++) {
		if ((platforms->set & 1U << i) == 0)
			continue;
		wp_buf_printf(out, "%s\"%s\"", comma, names[i]);
		comma = ",";
	}
	wp_buf_add_char(out, ']');
}
