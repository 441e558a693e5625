/*
 * address.c - families, nets, and a vote among addresses.
 */
#include "lib/limit/address.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>

enum {
	V4 = 4,
	V6 = 6,
	V4_BYTES = 4,
	V6_BYTES = 16,
	V6_BITS = 128,
	V6_NET_BYTES = 8,
	MAPPED_BYTES = 12, /* of ::ffff:0:0/96 */
	LEAST = 1000,      /* requests */
	MS_PER_HOUR = 3600 * 1000,
};

/* Are the first bits of both the same? */
static bool are_alike(const uint8_t *a, const uint8_t *b, unsigned int bits)
{
	unsigned int rest = bits % 8;

	if (memcmp(a, b, bits / 8) != 0)
		return false;
	return rest == 0 || (a[bits / 8] ^ b[bits / 8]) >> (8 - rest) == 0;
}

static void set_v4(struct wp_address *out, const uint8_t *bytes)
{
	static const struct {
		uint8_t bytes[V4_BYTES];
		unsigned int bits;
	} private[] = {
		{ { 10 }, 8 },        { { 172, 16 }, 12 }, { { 192, 168 }, 16 },
		{ { 169, 254 }, 16 }, { { 100, 64 }, 10 }, { { 127 }, 8 },
	};

	out->bytes[0] = V4;
	memcpy(out->bytes + 1, bytes, V4_BYTES);
	out->len = 1 + V4_BYTES;
	out->is_loopback = bytes[0] == 127;
	for (size_t i = 0; i < sizeof(private) / sizeof(private[0]); i++)
		out->is_private =
			out->is_private ||
			are_alike(bytes, private[i].bytes, private[i].bits);
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
	out->bytes[0] = V6;
	memcpy(out->bytes + 1, bytes, V6_BYTES);
	out->len = 1 + V6_NET_BYTES;
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

bool wp_address_of(struct wp_address *out, const struct sockaddr *peer)
{
	struct sockaddr_in v4;
	struct sockaddr_in6 v6;

	*out = (struct wp_address){ 0 };
	if (peer->sa_family == AF_INET) {
		memcpy(&v4, peer, sizeof(v4));
		set_v4(out, (const uint8_t *)&v4.sin_addr);
	} else if (peer->sa_family == AF_INET6) {
		memcpy(&v6, peer, sizeof(v6));
		set_v6(out, &v6.sin6_addr);
	}
	return out->len > 0;
}

bool wp_address_forwarded(struct wp_address *out, const char *text, size_t *len)
{
	char last[INET6_ADDRSTRLEN];
	size_t n = *len;
	const char *from;

	*out = (struct wp_address){ 0 };
	*len = 0;
	if (text == NULL)
		return false;
	from = memrchr(text, ',', n);
	if (from != NULL)
		*len = (size_t)(from - text);
	from = from == NULL ? text : from + 1;
	n -= (size_t)(from - text);
	while (n > 0 && (*from == ' ' || *from == '\t')) {
		from++;
		n--;
	}
	while (n > 0 && (from[n - 1] == ' ' || from[n - 1] == '\t'))
		n--;
	if (n >= sizeof(last))
		return false;
	memcpy(last, from, n);
	last[n] = '\0';
	return wp_address_read(out, last);
}

static unsigned int bits_of(const struct wp_address *address)
{
	return 8 * (address->bytes[0] == V4 ? V4_BYTES : V6_BYTES);
}

bool wp_net_read(struct wp_net *out, const char *text)
{
	char address[INET6_ADDRSTRLEN];
	size_t len = strcspn(text, "/");
	const char *p = text + len;

	if (len >= sizeof(address))
		return false;
	memcpy(address, text, len);
	address[len] = '\0';
	if (!wp_address_read(&out->address, address))
		return false;
	out->bits = bits_of(&out->address);
	if (*p == '\0')
		return true;
	out->bits = 0;
	for (p++; *p >= '0' && *p <= '9' && out->bits <= V6_BITS; p++)
		out->bits = out->bits * 10 + (unsigned int)(*p - '0');
	return *p == '\0' && p[-1] != '/' &&
	       out->bits <= bits_of(&out->address);
}

bool wp_net_has(const struct wp_net *net, const struct wp_address *address)
{
	return net->address.bytes[0] == address->bytes[0] &&
	       are_alike(net->address.bytes + 1, address->bytes + 1, net->bits);
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
		memcpy(alike->prefix, address->bytes, sizeof(alike->prefix));
	if (memcmp(alike->prefix, address->bytes, sizeof(alike->prefix)) == 0)
		alike->votes++;
	else
		alike->votes--;
	alike->is_told =
		address->is_private && alike->n >= LEAST &&
		(uint64_t)alike->votes * 10 >= (uint64_t)alike->n * 8 &&
		memcmp(alike->prefix, address->bytes, sizeof(alike->prefix)) ==
			0;
	return alike->is_told;
}
