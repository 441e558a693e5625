/* address.c - see address.h. */
#include "lib/push/address.h"

#include <string.h>

#include "lib/push/endpoint.h"

enum { LOCAL_MAX = 64 };

static const char local[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
			    "abcdefghijklmnopqrstuvwxyz"
			    "0123456789._%+-";

bool wp_push_address_ok(const char *text)
{
	size_t len = strlen(text), at = strspn(text, local);

	return len <= WP_ADDRESS_MAX && at > 0 && at <= LOCAL_MAX &&
	       text[at] == '@' && wp_push_host_ok(text + at + 1, len - at - 1);
}

void wp_push_address_settle(char *text)
{
	for (char *c = strchr(text, '@'); *c != '\0'; c++)
		if (*c >= 'A' && *c <= 'Z')
			*c = (char)(*c - 'A' + 'a');
}
