/* Addresses: what is out there, and what only who is inside can reach. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>

#include "lib/net/reach.h"

static void expect(enum wp_reach reach, const char *const *texts)
{
	for (; *texts != NULL; texts++)
		if (wp_reach_of_text(*texts) != reach)
			fail_msg("%s is %s, not %s", *texts,
				 wp_reach_name(wp_reach_of_text(*texts)),
				 wp_reach_name(reach));
}

static void what_is_out_there_is_public(void **state)
{
	static const char *const texts[] = {
		"1.1.1.1",
		"9.255.255.255",
		"11.0.0.0",
		"100.63.255.255",
		"100.128.0.0",
		"126.255.255.255",
		"128.0.0.0",
		"169.253.255.255",
		"172.15.255.255",
		"172.32.0.0",
		"192.167.255.255",
		"192.169.0.0",
		"223.255.255.255",
		"2606:4700::1111",
		"2a00::1",
		"2001:4860::8888",
		"::ffff:1.1.1.1",
		"64:ff9b::1.1.1.1",
		NULL,
	};

	(void)state;
	expect(WP_REACH_PUBLIC, texts);
}

static void what_only_an_inside_reaches_is_not(void **state)
{
	static const char *const private[] = {
		"10.0.0.0",        "10.255.255.255",  "172.16.0.1",
		"172.31.255.255",  "192.168.1.1",     "100.64.0.1",
		"100.127.255.255", "fc00::1",         "fdff::1",
		"fec0::1",         "::ffff:10.0.0.1", "64:ff9b::10.0.0.1",
		"2002:a00:1::",    "::10.0.0.1",      NULL,
	};
	static const char *const loopback[] = {
		"127.0.0.1",
		"127.255.255.255",
		"0.0.0.0",
		"0.1.2.3",
		"::1",
		"::",
		"::ffff:127.0.0.1",
		"::ffff:0.0.0.0",
		"::127.0.0.1",
		"64:ff9b::127.0.0.1",
		"2002:7f00:1::",
		NULL,
	};
	static const char *const link[] = {
		"169.254.169.254",        "169.254.0.1", "fe80::1", "febf::1",
		"::ffff:169.254.169.254", NULL,
	};

	(void)state;
	expect(WP_REACH_PRIVATE, private);
	expect(WP_REACH_LOOPBACK, loopback);
	expect(WP_REACH_LINK, link);
}

static void what_is_nobodys_host_is_special(void **state)
{
	static const char *const texts[] = {
		"192.0.0.1",       "192.0.2.1",    "198.18.0.1",
		"198.19.255.255",  "198.51.100.1", "203.0.113.1",
		"224.0.0.1",       "239.1.1.1",    "240.0.0.1",
		"255.255.255.255", "2001:db8::1",  "2001::1",
		"3fff::1",         "ff02::1",      "64:ff9b:1::1",
		"100::1",          "4000::1",      "",
		"example.org",     "127.1",        NULL,
	};

	(void)state;
	expect(WP_REACH_SPECIAL, texts);
}

static void an_address_of_a_socket_is_the_same(void **state)
{
	struct sockaddr_in v4 = { .sin_family = AF_INET };
	struct sockaddr_in6 v6 = { .sin6_family = AF_INET6 };
	const struct sockaddr_storage unix_one = { .ss_family = AF_UNIX };
	struct sockaddr_storage any;

	(void)state;
	assert_int_equal(inet_pton(AF_INET, "10.1.2.3", &v4.sin_addr), 1);
	assert_int_equal(inet_pton(AF_INET6, "::1", &v6.sin6_addr), 1);

	memcpy(&any, &v4, sizeof(v4));
	assert_int_equal(wp_reach_of((struct sockaddr *)&any, sizeof(v4)),
			 WP_REACH_PRIVATE);
	assert_int_equal(wp_reach_of((struct sockaddr *)&any, sizeof(v4) - 1),
			 WP_REACH_SPECIAL);
	memcpy(&any, &v6, sizeof(v6));
	assert_int_equal(wp_reach_of((struct sockaddr *)&any, sizeof(v6)),
			 WP_REACH_LOOPBACK);
	any = unix_one;
	assert_int_equal(wp_reach_of((struct sockaddr *)&any, sizeof(any)),
			 WP_REACH_SPECIAL);
}

static bool may(const char *text, const struct wp_net *nets, size_t n)
{
	struct sockaddr_in v4 = { .sin_family = AF_INET };
	struct sockaddr_in6 v6 = { .sin6_family = AF_INET6 };

	if (inet_pton(AF_INET, text, &v4.sin_addr) == 1)
		return wp_reach_may((struct sockaddr *)&v4, sizeof(v4), nets,
				    n);
	assert_int_equal(inet_pton(AF_INET6, text, &v6.sin6_addr), 1);
	return wp_reach_may((struct sockaddr *)&v6, sizeof(v6), nets, n);
}

static void a_stranger_may_name_what_is_out_there(void **state)
{
	static const char *const yes[] = {
		"1.1.1.1",
		"2606:4700::1111",
		"::ffff:1.1.1.1",
		"64:ff9b::1.1.1.1",
	};
	/* Both ends of each net that it may not be in. */
	static const char *const no[] = {
		"0.0.0.0",
		"0.255.255.255",
		"10.0.0.0",
		"10.255.255.255",
		"100.64.0.0",
		"100.127.255.255",
		"127.0.0.0",
		"127.255.255.255",
		"169.254.0.0",
		"169.254.255.255",
		"172.16.0.0",
		"172.31.255.255",
		"192.0.0.0",
		"192.0.0.255",
		"192.0.2.0",
		"192.0.2.255",
		"192.88.99.0",
		"192.88.99.255",
		"192.168.0.0",
		"192.168.255.255",
		"198.18.0.0",
		"198.19.255.255",
		"198.51.100.0",
		"198.51.100.255",
		"203.0.113.0",
		"203.0.113.255",
		"224.0.0.0",
		"255.255.255.255",
		"::",
		"::1",
		"::1.1.1.1",
		"1fff:ffff::1",
		"4000::",
		"2001::",
		"2001:1ff::1",
		"2001:db8::1",
		"2002:101:101::1",
		"2002:a00:1::1",
		"3fff::",
		"3fff:fff::1",
		"fc00::1",
		"fe80::1",
		"ff02::1",
		"::ffff:127.0.0.1",
		"::ffff:10.0.0.1",
		"64:ff9b::169.254.169.254",
		"64:ff9b:1::1",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(yes) / sizeof(yes[0]); i++)
		if (!may(yes[i], NULL, 0))
			fail_msg("%s", yes[i]);
	for (size_t i = 0; i < sizeof(no) / sizeof(no[0]); i++)
		if (may(no[i], NULL, 0))
			fail_msg("%s", no[i]);
}

static void an_operator_excepts_nets_of_his(void **state)
{
	const struct sockaddr_storage unix_one = { .ss_family = AF_UNIX };
	struct wp_net nets[2];

	(void)state;
	assert_true(wp_net_read(&nets[0], "10.1.0.0/16"));
	assert_true(wp_net_read(&nets[1], "fd00:1::/32"));
	assert_true(may("10.1.2.3", nets, 2));
	assert_true(may("::ffff:10.1.2.3", nets, 2));
	assert_true(may("fd00:1::5", nets, 2));
	assert_true(may("1.1.1.1", nets, 2));
	assert_false(may("10.2.0.0", nets, 2));
	assert_false(may("fd00:2::5", nets, 2));
	assert_false(may("127.0.0.1", nets, 2));
	assert_false(wp_reach_may((const struct sockaddr *)&unix_one,
				  sizeof(unix_one), nets, 2));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_out_there_is_public),
		cmocka_unit_test(what_only_an_inside_reaches_is_not),
		cmocka_unit_test(what_is_nobodys_host_is_special),
		cmocka_unit_test(an_address_of_a_socket_is_the_same),
		cmocka_unit_test(a_stranger_may_name_what_is_out_there),
		cmocka_unit_test(an_operator_excepts_nets_of_his),
	};

	return cmocka_run_group_tests_name("lib/net/reach", tests, NULL, NULL);
}
