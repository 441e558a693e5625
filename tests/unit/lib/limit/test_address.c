/* Whose an address is, and whether all are one. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "lib/limit/address.h"

enum { HOUR_MS = 3600000 };

static struct wp_address read_good(const char *text)
{
	struct wp_address address;

	if (!wp_address_read(&address, text))
		fail_msg("%s is no address", text);
	return address;
}

static bool are_one(const char *a, const char *b)
{
	const struct wp_address one = read_good(a), other = read_good(b);

	return one.len == other.len &&
	       memcmp(one.bytes, other.bytes, one.len) == 0;
}

static void one_of_ipv4_is_somebody_s_and_a_64_of_ipv6(void **state)
{
	(void)state;

	assert_true(are_one("192.0.2.1", "192.0.2.1"));
	assert_false(are_one("192.0.2.1", "192.0.2.2"));
	assert_true(are_one("2001:db8::1", "2001:DB8:0:0:ffff::"));
	assert_false(are_one("2001:db8::1", "2001:db8:0:1::1"));
	assert_true(are_one("::ffff:192.0.2.1", "192.0.2.1"));
	assert_false(are_one("::ffff:192.0.2.1", "::1"));
}

static void whose_net_it_is_is_known(void **state)
{
	static const struct {
		const char *text;
		bool is_private;
		bool is_loopback;
	} cases[] = {
		{ "127.0.0.1", true, true },
		{ "127.255.0.1", true, true },
		{ "128.0.0.1", false, false },
		{ "126.9.9.9", false, false },
		{ "10.1.2.3", true, false },
		{ "11.0.0.1", false, false },
		{ "172.15.0.1", false, false },
		{ "172.16.0.1", true, false },
		{ "172.31.9.9", true, false },
		{ "172.32.0.1", false, false },
		{ "192.168.9.9", true, false },
		{ "192.169.0.1", false, false },
		{ "169.254.1.1", true, false },
		{ "100.63.0.1", false, false },
		{ "100.64.0.1", true, false },
		{ "100.127.0.1", true, false },
		{ "100.128.0.1", false, false },
		{ "::1", true, true },
		{ "::2", false, false },
		{ "fd00::1", true, false },
		{ "fc00::1", true, false },
		{ "fe00::1", false, false },
		{ "fe80::1", true, false },
		{ "febf::1", true, false },
		{ "fec0::1", false, false },
		{ "2001:db8::1", false, false },
		{ "::ffff:10.0.0.1", true, false },
		{ "::ffff:127.0.0.1", true, true },
	};

	(void)state;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const struct wp_address address = read_good(cases[i].text);

		if (address.is_private != cases[i].is_private ||
		    address.is_loopback != cases[i].is_loopback)
			fail_msg("%s", cases[i].text);
	}
}

static void whatever_else_is_none(void **state)
{
	static const char *const bad[] = {
		"",
		"unix:",
		"localhost",
		"1",
		"1.2.3",
		"1.2.3.4.5",
		"1.2.3.256",
		"1.2.3.4 ",
		" 1.2.3.4",
		"1.2.3.4:80",
		"[::1]",
		":::",
		"fe80::1%eth0",
		"::ffff:1.2.3.400",
		"0x7f.1.1.1",
	};
	struct wp_address address;

	(void)state;

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		if (wp_address_read(&address, bad[i]))
			fail_msg("%s", bad[i]);
	assert_false(wp_address_read(&address, NULL));
}

static void the_last_that_was_forwarded_is_taken(void **state)
{
	static const struct {
		const char *text;
		const char *last; /* NULL: it is none */
		size_t left;
	} cases[] = {
		{ "192.0.2.1", "192.0.2.1", 0 },
		{ "a, b,192.0.2.1", "192.0.2.1", 4 },
		{ "9.9.9.9,\t 2001:db8::1 ", "2001:db8::1", 7 },
		{ ",192.0.2.1", "192.0.2.1", 0 },
		{ "192.0.2.1,", NULL, 9 },
		{ "192.0.2.1, unknown", NULL, 9 },
		{ "192.0.2.1:80", NULL, 0 },
		{ "", NULL, 0 },
		{ "0000:0000:0000:0000:0000:0000:0000:0000:0000:000", NULL, 0 },
	};
	struct wp_address address;

	(void)state;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		size_t len = strlen(cases[i].text);
		bool is_good =
			wp_address_forwarded(&address, cases[i].text, &len);

		if (is_good != (cases[i].last != NULL) || len != cases[i].left)
			fail_msg("%s: %zu", cases[i].text, len);
		if (is_good) {
			const struct wp_address want = read_good(cases[i].last);

			assert_memory_equal(want.bytes, address.bytes,
					    sizeof(want.bytes));
		}
	}
}

static void a_net_has_what_begins_like_it(void **state)
{
	static const struct {
		const char *net;
		const char *address;
		bool has;
	} cases[] = {
		{ "192.0.2.1", "192.0.2.1", true },
		{ "192.0.2.1", "192.0.2.2", false },
		{ "192.0.2.0/24", "192.0.2.255", true },
		{ "192.0.2.0/24", "192.0.3.0", false },
		{ "10.0.0.0/9", "10.127.1.1", true },
		{ "10.0.0.0/9", "10.128.0.0", false },
		{ "0.0.0.0/0", "9.9.9.9", true },
		{ "0.0.0.0/0", "::1", false },
		{ "2001:db8::/33", "2001:db8:7fff::1", true },
		{ "2001:db8::/33", "2001:db8:8000::1", false },
		{ "2001:db8::1", "2001:db8::2", false },
		{ "::ffff:10.0.0.0/8", "10.9.9.9", true },
	};
	static const char *const bad[] = {
		"",
		"/8",
		"10.0.0.0/",
		"10.0.0.0/33",
		"10.0.0.0/8 ",
		"x/8",
		"10.0.0.0/-1",
		"::/129",
		"::/99999999999999999999",
		"10.0.0.0/8/8",
	};
	struct wp_net net;

	(void)state;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const struct wp_address address = read_good(cases[i].address);

		if (!wp_net_read(&net, cases[i].net) ||
		    wp_net_has(&net, &address) != cases[i].has)
			fail_msg("%s, %s", cases[i].net, cases[i].address);
	}
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		if (wp_net_read(&net, bad[i]))
			fail_msg("%s", bad[i]);
}

/* How often is it told when so many of 2000 requests have one address? */
static int told(const char *one, uint32_t per_mille)
{
	const struct wp_address proxy = read_good(one),
				client = read_good("192.0.2.1"),
				other = read_good("10.9.9.9");
	struct wp_alike alike = { 0 };
	int n = 0;

	for (uint32_t i = 0; i < 2000; i++) {
		/* The others come evenly. */
		bool is_other =
			(i * (1000 - per_mille)) % 1000 < 1000 - per_mille;

		n += wp_alike_note(&alike,
				   !is_other    ? &proxy
				   : i % 2 == 0 ? &client
						: &other,
				   5);
	}
	return n;
}

static void all_who_look_like_one_are_told_once(void **state)
{
	(void)state;

	assert_int_equal(told("10.0.0.1", 1000), 1);
	assert_int_equal(told("10.0.0.1", 950), 1);
	assert_int_equal(told("fd00::1", 1000), 1);
	assert_int_equal(told("10.0.0.1", 800), 0);
	assert_int_equal(told("10.0.0.1", 500), 0);
	/* One client of the Internet may well be busy. */
	assert_int_equal(told("198.51.100.1", 1000), 0);
}

static void each_hour_is_judged_anew(void **state)
{
	const struct wp_address proxy = read_good("10.0.0.1");
	struct wp_alike alike = { 0 };
	int n = 0;

	(void)state;

	for (int i = 0; i < 999; i++)
		n += wp_alike_note(&alike, &proxy, HOUR_MS - 1);
	assert_int_equal(n, 0);
	for (int i = 0; i < 5000; i++)
		n += wp_alike_note(&alike, &proxy, HOUR_MS);
	assert_int_equal(n, 1);
	for (int i = 0; i < 5000; i++)
		n += wp_alike_note(&alike, &proxy, 2 * HOUR_MS);
	assert_int_equal(n, 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_of_ipv4_is_somebody_s_and_a_64_of_ipv6),
		cmocka_unit_test(whose_net_it_is_is_known),
		cmocka_unit_test(whatever_else_is_none),
		cmocka_unit_test(the_last_that_was_forwarded_is_taken),
		cmocka_unit_test(a_net_has_what_begins_like_it),
		cmocka_unit_test(all_who_look_like_one_are_told_once),
		cmocka_unit_test(each_hour_is_judged_anew),
	};

	return cmocka_run_group_tests_name("address", tests, NULL, NULL);
}
