/*
 * reach.c - the registries of special addresses, as far as they matter here. Of
 * IPv6 only what is given out (2000::/3) is public, so that what is new is not.
 */
#include "lib/net/reach.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdint.h>
#include <string.h>

struct range4 {
	uint32_t net;
	unsigned int bits;
	enum wp_reach reach;
};

/* RFC 6890, and the sections of it that have been replaced since. */
static const struct range4 ranges4[] = {
	{ 0x00000000, 8, WP_REACH_LOOPBACK }, /* connect(2) goes to us */
	{ 0x7f000000, 8, WP_REACH_LOOPBACK }, /* 127.0.0.0/8 */
	{ 0x0a000000, 8, WP_REACH_PRIVATE },  /* 10.0.0.0/8 */
	{ 0xac100000, 12, WP_REACH_PRIVATE }, /* 172.16.0.0/12 */
	{ 0xc0a80000, 16, WP_REACH_PRIVATE }, /* 192.168.0.0/16 */
	{ 0x64400000, 10, WP_REACH_PRIVATE }, /* 100.64.0.0/10 */
	{ 0xa9fe0000, 16, WP_REACH_LINK },    /* 169.254.0.0/16 */
	{ 0xc0000000, 24, WP_REACH_SPECIAL }, /* 192.0.0.0/24 */
	{ 0xc0000200, 24, WP_REACH_SPECIAL }, /* 192.0.2.0/24 */
	{ 0xc0586300, 24, WP_REACH_SPECIAL }, /* 192.88.99.0/24 */
	{ 0xc6120000, 15, WP_REACH_SPECIAL }, /* 198.18.0.0/15 */
	{ 0xc6336400, 24, WP_REACH_SPECIAL }, /* 198.51.100.0/24 */
	{ 0xcb007100, 24, WP_REACH_SPECIAL }, /* 203.0.113.0/24 */
	{ 0xe0000000, 3, WP_REACH_SPECIAL },  /* 224.0.0.0 and all above */
};

struct range6 {
	uint8_t net[16];
	unsigned int bits;
	enum wp_reach reach;
	int ipv4_at; /* there is an IPv4 address here; -1: none */
};

static const struct range6 ranges6[] = {
	{ { 0 }, 128, WP_REACH_LOOPBACK, -1 },              /* :: */
	{ { [15] = 1 }, 128, WP_REACH_LOOPBACK, -1 },       /* ::1 */
	{ { [10] = 0xff, 0xff }, 96, WP_REACH_PUBLIC, 12 }, /* ::ffff:0:0/96 */
	{ { 0 }, 96, WP_REACH_PUBLIC, 12 },                 /* ::a.b.c.d */
	{ { 0x00, 0x64, 0xff, 0x9b }, 96, WP_REACH_PUBLIC, 12 }, /* NAT64 */
	{ { 0x20, 0x02 }, 16, WP_REACH_PUBLIC, 2 },              /* 2002::/16 */
	{ { 0x20, 0x01 }, 23, WP_REACH_SPECIAL, -1 },            /* 2001::/23 */
	{ { 0x20, 0x01, 0x0d, 0xb8 }, 32, WP_REACH_SPECIAL, -1 },
	{ { 0x3f, 0xff }, 20, WP_REACH_SPECIAL, -1 }, /* 3fff::/20 */
	{ { 0xfc }, 7, WP_REACH_PRIVATE, -1 },        /* fc00::/7 */
	{ { 0xfe, 0xc0 }, 10, WP_REACH_PRIVATE, -1 }, /* fec0::/10 */
	{ { 0xfe, 0x80 }, 10, WP_REACH_LINK, -1 },    /* fe80::/10 */
	{ { 0x20 }, 3, WP_REACH_PUBLIC, -1 },         /* 2000::/3 */
};

static enum wp_reach reach_of_ipv4(uint32_t address)
{
	for (size_t i = 0; i < sizeof(ranges4) / sizeof(ranges4[0]); i++) {
		unsigned int shift = 32 - ranges4[i].bits;

		if (address >> shift == ranges4[i].net >> shift)
			return ranges4[i].reach;
	}
	return WP_REACH_PUBLIC;
}

static bool is_in(const uint8_t address[16], const struct range6 *range)
{
	unsigned int whole = range->bits / 8;
	unsigned int shift = 8 - range->bits % 8;

	if (memcmp(address, range->net, whole) != 0)
		return false;
	return shift == 8 ||
	       address[whole] >> shift == range->net[whole] >> shift;
}

static enum wp_reach reach_of_ipv6(const uint8_t address[16])
{
	for (size_t i = 0; i < sizeof(ranges6) / sizeof(ranges6[0]); i++) {
		uint32_t ipv4;

		if (!is_in(address, &ranges6[i]))
			continue;
		if (ranges6[i].ipv4_at < 0)
			return ranges6[i].reach;
		memcpy(&ipv4, address + ranges6[i].ipv4_at, sizeof(ipv4));
		return reach_of_ipv4(ntohl(ipv4));
	}
	return WP_REACH_SPECIAL;
}

enum wp_reach wp_reach_of(const struct sockaddr *address, socklen_t len)
{
	struct sockaddr_in v4;
	struct sockaddr_in6 v6;

	if (len >= sizeof(v4) && address->sa_family == AF_INET) {
		memcpy(&v4, address, sizeof(v4));
		return reach_of_ipv4(ntohl(v4.sin_addr.s_addr));
	}
	if (len >= sizeof(v6) && address->sa_family == AF_INET6) {
		memcpy(&v6, address, sizeof(v6));
		return reach_of_ipv6(v6.sin6_addr.s6_addr);
	}
	return WP_REACH_SPECIAL;
}

/* RFC 4291 section 2.5.5.1, RFC 7526: no host out there is reached so. */
static bool is_retired_form(const struct sockaddr *address, socklen_t len)
{
	static const uint8_t compatible[12] = { 0 };
	struct sockaddr_in6 v6;

	if (len < sizeof(v6) || address->sa_family != AF_INET6)
		return false;
	memcpy(&v6, address, sizeof(v6));
	return memcmp(v6.sin6_addr.s6_addr, compatible, sizeof(compatible)) ==
		       0 ||
	       (v6.sin6_addr.s6_addr[0] == 0x20 &&
		v6.sin6_addr.s6_addr[1] == 0x02);
}

bool wp_reach_may(const struct sockaddr *address, socklen_t len,
		  const struct wp_net *nets, size_t n)
{
	struct wp_address known;

	if (wp_reach_of(address, len) == WP_REACH_PUBLIC &&
	    !is_retired_form(address, len))
		return true;
	if (n == 0 || !wp_address_of(&known, address))
		return false;
	for (size_t i = 0; i < n; i++)
		if (wp_net_has(&nets[i], &known))
			return true;
	return false;
}

enum wp_reach wp_reach_of_text(const char *text)
{
	struct in_addr v4;
	struct in6_addr v6;

	if (inet_pton(AF_INET, text, &v4) == 1)
		return reach_of_ipv4(ntohl(v4.s_addr));
	if (inet_pton(AF_INET6, text, &v6) == 1)
		return reach_of_ipv6(v6.s6_addr);
	return WP_REACH_SPECIAL;
}

const char *wp_reach_name(enum wp_reach reach)
{
	switch (reach) {
	case WP_REACH_PUBLIC:
		return "public";
	case WP_REACH_PRIVATE:
		return "private";
	case WP_REACH_LINK:
		return "link-local";
	case WP_REACH_LOOPBACK:
		return "loopback";
	case WP_REACH_SPECIAL:
		break;
	}
	return "special";
}
