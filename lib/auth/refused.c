/* refused.c - the names of the reasons. */
#include "lib/auth/refused.h"

const char *wp_refused_name(enum wp_refused reason)
{
#define NAME(number, name) [number] = (name),
	static const char *const names[] = { WP_REFUSED_REASONS(NAME) };
#undef NAME

	return names[reason];
}
