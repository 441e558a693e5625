/*
 * Any endpoint: who is let through is https at a name of the DNS with a dot,
 * and what is read of it as a URL by hand is what is called.
 */
#include <ctype.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "lib/push/endpoint.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void need(int is_so)
{
	if (!is_so)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const uint16_t ports[] = { 443 };
	const struct wp_endpoint_rules rules = { .is_any_host = true,
						 .ports = ports,
						 .n_ports = 1 };
	const char *text = (const char *)data;
	struct wp_error err = { 0 };
	enum wp_err rc = wp_push_endpoint_check(text, size, &rules, &err);
	size_t at = 8, dots = 0;

	if (rc != WP_OK) {
		need((rc == WP_ERR_INVAL || rc == WP_ERR_DENIED) &&
		     err.msg[0] != '\0');
		return 0;
	}
	need(size > at && size <= WP_ENDPOINT_MAX);
	for (size_t i = 0; i < size; i++)
		need(data[i] > 0x20 && data[i] < 0x7f && data[i] != '#' &&
		     data[i] != '\\');
	while (at < size && strchr(":/?", text[at]) == NULL) {
		need(isalnum(data[at]) || text[at] == '-' || text[at] == '.');
		dots += text[at] == '.';
		at++;
	}
	need(dots > 0 && text[8] != '.' && text[at - 1] != '.');
	if (at < size && text[at] == ':')
		need(at + 4 <= size && memcmp(text + at, ":443", 4) == 0 &&
		     (at + 4 == size || strchr("/?", text[at + 4]) != NULL));
	return 0;
}
