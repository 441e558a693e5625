/*
 * address.c - families and prefixes, and a vote among addresses.
 */
#include "lib/limit/address.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>

enum {
	V4 = 4,
	V6 = 6,
	V4_BYTES = 4,
	V6_BYTES = 8,
	MAPPED_BYTES = 12, /* of ::ffff:0:0/96 */
	LEAST = 1000,      /* requests */
	MS_PER_HOUR = 3600 * 1000,
};

struct net {
	uint8_t address[V4_BYTES];
	uint8_t bits;
};

static bool is_in(const uint8_t *address, const struct net *net)
{
	for (size_t i = 0; i < net->bits; i++) {
		uint8_t mask = (uint8_t)(0x80 >> i % 8);

		if (((address[i / 8] ^ net->address[i / 8]) & mask) != 0)
			return false;
	}
	return true;
}

static void set_v4(struct wp_address *out, const uint8_t *bytes)
{
	static const struct net private[] = {
		{ { 10 }, 8 },        { { 172, 16 }, 12 }, { { 192, 168 }, 16 },
		{ { 169, 254 }, 16 }, { { 100, 64 }, 10 }, { { 127 }, 8 },
	};

	out->prefix[0] = V4;
	memcpy(out->prefix + 1, bytes, V4_BYTES);
	out->len = 1 + V4_BYTES;
	out->is_loopback = bytes[0] == 127;
	for (size_t i = 0; i < sizeof(private) / sizeof(private[0]); i++)
		out->is_private = out->is_private || is_in(bytes, &private[i]);
}

static void set_v6(struct wp_address *out, const struct in6_addr *address)
{
	static const uint8_t mapped[MAPPED_BYTES] = {
		[10] = 0xff, [11] = 0xff
	};
	static const struct in6_addr loopback = IN6ADDR_LOOPBACK_INIT;
	const uint8_t *bytes = address->s6_addr;

	if (memcmp(bytes, mapped, sizeof(mapped)) == 0) {
		set_v4(out, bytes + sizeof(mapped));
		return;
	}
	out->prefix[0] = V6;
	memcpy(out->prefix + 1, bytes, V6_BYTES);
	out->len = 1 + V6_BYTES;
	out->is_loopback = memcmp(bytes, &loopback, sizeof(loopback)) == 0;
	out->is_private = out->is_loopback || (bytes[0] & 0xfe) == 0xfc ||
			  (bytes[0] == 0xfe && (bytes[1] & 0xc0) == 0x80);
}

bool wp_address_read(struct wp_address *out, const char *text)
{
	struct in6_addr v6;
	struct in_addr v4;

	*out = (struct wp_address){ 0 };
	if (text == NULL)
		return false;
	if (inet_pton(AF_INET, text, &v4) == 1)
		set_v4(out, (const uint8_t *)&v4);
	else if (inet_pton(AF_INET6, text, &v6) == 1)
		set_v6(out, &v6);
	return out->len > 0;
}

/*
 * The vote of Boyer and Moore: one that has nine in ten ends up with eight in
 * ten votes at least, and who has those has nine in ten.
 */
bool wp_alike_note(struct wp_alike *alike, const struct wp_address *address,
		   uint64_t now_ms)
{
	uint64_t hour = now_ms / MS_PER_HOUR;

	if (alike->hour != hour)
		*alike = (struct wp_alike){ .hour = hour };
	if (alike->is_told)
		return false;
	alike->n++;
	if (alike->votes == 0)
		memcpy(alike->prefix, address->prefix, sizeof(alike->prefix));
	if (memcmp(alike->prefix, address->prefix, sizeof(alike->prefix)) == 0)
		alike->votes++;
	else
		alike->votes--;
	alike->is_told =
		address->is_private && alike->n >= LEAST &&
		(uint64_t)alike->votes * 10 >= (uint64_t)alike->n * 8 &&
		memcmp(alike->prefix, address->prefix, sizeof(alike->prefix)) ==
			0;
	return alike->is_told;
}
