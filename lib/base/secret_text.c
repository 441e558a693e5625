/*
 * secret_text.c - see secret_text.h.
 */
#include "lib/base/secret_text.h"

#include <string.h>

const char *wp_secret_text_trim(const char *text, size_t *len)
{
	if (*len > 0 && text[*len - 1] == '\n')
		(*len)--;
	if (*len > 0 && text[*len - 1] == '\r')
		(*len)--;
	if (*len == 0)
		return "is empty";
	/* Its other half would count nowhere. */
	if (memchr(text, '\0', *len) != NULL)
		return "must not hold a NUL byte";
	return NULL;
}
