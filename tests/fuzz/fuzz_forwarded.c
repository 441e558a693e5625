/* X-Forwarded-For, and nets of trusted proxies: an address or none, and never
 * another one because of what stands before it. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "lib/limit/address.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void need(int claim)
{
	if (!claim)
		abort();
}

static void check_sound(const struct wp_address *address, bool is_one)
{
	if (!is_one) {
		need(address->len == 0);
		return;
	}
	need(address->bytes[0] == 4 || address->bytes[0] == 6);
	need(address->len <= WP_ADDRESS_PREFIX_MAX);
	need(!address->is_loopback || address->is_private);
}

/* The last element, again, with nothing before it. */
static void check_last(const char *text, size_t before, size_t end,
		       const struct wp_address *found, bool is_one)
{
	size_t from = before < end && text[before] == ',' ? before + 1 : 0;
	struct wp_address alone;
	size_t len = end - from;

	need(wp_address_forwarded(&alone, text + from, &len) == is_one);
	need(len == 0 && memcmp(&alone, found, sizeof(alone)) == 0);
}

/* From the last element to the first, as who trusts several proxies does. */
static void check_elements(const char *text, size_t size)
{
	size_t end = size;

	while (end > 0) {
		struct wp_address address;
		size_t before = end;
		bool is_one = wp_address_forwarded(&address, text, &before);

		need(before < end);
		check_sound(&address, is_one);
		check_last(text, before, end, &address, is_one);
		end = before;
	}
}

static void check_net(const char *text)
{
	struct wp_address address;
	struct wp_net net;
	bool is_one = wp_address_read(&address, text);

	check_sound(&address, is_one);
	if (!wp_net_read(&net, text))
		return;
	need(net.bits <= (net.address.bytes[0] == 4 ? 32 : 128));
	need(wp_net_has(&net, &net.address));
	if (is_one)
		need(wp_net_has(&net, &address));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	/* Exactly as long, so that a read beyond it is seen. */
	char *text = malloc(size > 0 ? size : 1);
	char *line = malloc(size + 1);

	need(text != NULL && line != NULL);
	memcpy(text, data, size);
	memcpy(line, data, size);
	line[size] = '\0';
	check_elements(text, size);
	check_net(line);
	free(line);
	free(text);
	return 0;
}
