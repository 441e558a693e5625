/* What can never be meant is refused, and nobody is told why. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "lib/push/endpoint.h"

static const uint16_t ports[] = { 443, 8443 };
static const struct wp_endpoint_rules any = {
	.is_any_host = true,
	.ports = ports,
	.n_ports = 2,
};

static enum wp_err check(const char *text)
{
	struct wp_error err = { 0 };
	enum wp_err rc = wp_push_endpoint_check(text, strlen(text), &any, &err);

	if (rc == WP_ERR_DENIED)
		assert_string_equal(err.msg, "push messages are not sent to "
					     "this endpoint");
	else if (rc != WP_OK)
		assert_non_null(strstr(err.msg, "must"));
	return rc;
}

static void assert_all(const char *const *texts, enum wp_err wanted)
{
	for (; *texts != NULL; texts++)
		if (check(*texts) != wanted)
			fail_msg("%s: %d, not %d", *texts, (int)check(*texts),
				 (int)wanted);
}

static void hosts_of_the_internet_may_be_called(void **state)
{
	static const char *const texts[] = {
		"https://push.example",
		"https://push.example/",
		"https://push.example?x=y",
		"https://push.example:443/a/b?c=d&e=%20",
		"https://push.example:8443/x",
		"HTTPS://PUSH.Example/x",
		"https://a-b.c1.example/@:x",
		"https://xn--bcher-kva.example/",
		"https://1.example/",
		"https://127.0.0.1.example/",
		"https://local.example/",
		"https://notlocal.notlan/",
		NULL,
	};

	(void)state;

	assert_all(texts, WP_OK);
}

static void what_is_no_such_url_is_told(void **state)
{
	static const char *const texts[] = {
		"",
		"https:",
		"https://",
		"https:///x",
		"https://?x",
		"http://push.example/",
		"httpsx://push.example/",
		"ftp://push.example/",
		"push.example/x",
		"https:\\\\push.example",
		"https://u@push.example/",
		"https://u:p@push.example/",
		"https://push.example@10.0.0.1/",
		"https://push.example/#x",
		"https://push.example/a b",
		"https://push.example/\r\nHost: x",
		"https://push.example/\x7f",
		"https://push.example/\xc3\xa4",
		"https://push.example\\@x.example/",
		"https://push.example:/",
		"https://push.example:0/",
		"https://push.example:65536/",
		"https://push.example:4x3/",
		"https://push.example:-1/",
		"https://push.example:443:443/",
		"https://[::1/",
		"https://[::1]x/",
		NULL,
	};

	(void)state;

	assert_all(texts, WP_ERR_INVAL);
}

static void addresses_in_any_notation_are_not_called(void **state)
{
	static const char *const texts[] = {
		"https://127.0.0.1/",     "https://8.8.8.8/",
		"https://2130706433/",    "https://127.1/",
		"https://0177.0.0.1/",    "https://0x7f.0.0.1/",
		"https://0x7f000001/",    "https://1.2.3.0x4/",
		"https://a.0x/",          "https://a.0X1/",
		"https://x.example.9/",   "https://[::1]/",
		"https://[2001:db8::1]/", "https://[::ffff:1.2.3.4]:443/",
		"https://127.0.0.1./",    NULL,
	};

	(void)state;

	assert_all(texts, WP_ERR_DENIED);
}

static void names_of_somebodys_own_network_are_not_called(void **state)
{
	static const char *const texts[] = {
		"https://localhost/",
		"https://LOCALHOST/",
		"https://a.localhost/",
		"https://redis/",
		"https://printer.local/",
		"https://metadata.google.internal/",
		"https://a.LAN/",
		"https://nas.home/",
		"https://nas.home.arpa/",
		"https://home.arpa/",
		"https://abc.onion/",
		"https://push.example./",
		"https://.push.example/",
		"https://push..example/",
		"https://-push.example/",
		"https://push-.example/",
		"https://pu_sh.example/",
		"https://push%2eexample.com/",
		NULL,
	};

	(void)state;

	assert_all(texts, WP_ERR_DENIED);
}

static void other_ports_are_not_called(void **state)
{
	static const char *const texts[] = {
		"https://push.example:22/",
		"https://push.example:80/",
		"https://push.example:65535/",
		NULL,
	};

	(void)state;

	assert_all(texts, WP_ERR_DENIED);
}

static void only_listed_hosts_are_called(void **state)
{
	static char one[] = "push.example", below[] = "*.services.example";
	static char *const hosts[] = { one, below };
	const struct wp_endpoint_rules rules = {
		.hosts = hosts,
		.n_hosts = 2,
		.ports = ports,
		.n_ports = 2,
	};
	static const struct {
		const char *text;
		enum wp_err wanted;
	} cases[] = {
		{ "https://push.example/", WP_OK },
		{ "https://PUSH.EXAMPLE/", WP_OK },
		{ "https://a.services.example/", WP_OK },
		{ "https://a.b.services.EXAMPLE/", WP_OK },
		{ "https://services.example/", WP_ERR_DENIED },
		{ "https://xservices.example/", WP_ERR_DENIED },
		{ "https://a.push.example/", WP_ERR_DENIED },
		{ "https://push.example.org/", WP_ERR_DENIED },
		{ "https://other.example/?push.example", WP_ERR_DENIED },
	};

	(void)state;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_int_equal(wp_push_endpoint_check(cases[i].text,
							strlen(cases[i].text),
							&rules, NULL),
				 cases[i].wanted);
}

static void no_host_is_called_where_none_is_listed(void **state)
{
	const struct wp_endpoint_rules rules = { .ports = ports, .n_ports = 2 };
	static const char good[] = "https://a.example/";

	(void)state;

	assert_int_equal(
		wp_push_endpoint_check(good, strlen(good), &rules, NULL),
		WP_ERR_DENIED);
}

/* Also in a list that names any: it is about hosts of the internet. */
static void a_star_allows_any_host_that_is_one(void **state)
{
	static char star[] = "*";
	static char *const hosts[] = { star };
	const struct wp_endpoint_rules rules = {
		.hosts = hosts,
		.n_hosts = 1,
		.ports = ports,
		.n_ports = 2,
	};
	static const char good[] = "https://a.example/";
	static const char bad[] = "https://10.0.0.1/";

	(void)state;

	assert_int_equal(
		wp_push_endpoint_check(good, strlen(good), &rules, NULL),
		WP_OK);
	assert_int_equal(wp_push_endpoint_check(bad, strlen(bad), &rules, NULL),
			 WP_ERR_DENIED);
}

static void the_longest_is_2048_bytes(void **state)
{
	static const char head[] = "https://push.example/";
	char text[WP_ENDPOINT_MAX + 1];

	(void)state;

	memset(text, 'a', sizeof(text));
	memcpy(text, head, sizeof(head) - 1);
	assert_int_equal(
		wp_push_endpoint_check(text, WP_ENDPOINT_MAX, &any, NULL),
		WP_OK);
	assert_int_equal(wp_push_endpoint_check(text, sizeof(text), &any, NULL),
			 WP_ERR_INVAL);
}

static void names_have_bounds(void **state)
{
	char text[512];

	(void)state;

	/* 63 of a label, 64 */
	(void)snprintf(text, sizeof(text), "https://%063d.example/", 0);
	assert_int_equal(check(text), WP_OK);
	(void)snprintf(text, sizeof(text), "https://%064d.example/", 0);
	assert_int_equal(check(text), WP_ERR_DENIED);
	/* 253 of a name, 254 */
	(void)snprintf(text, sizeof(text),
		       "https://%063d.%063d.%063d.%053d.example/", 0, 0, 0, 0);
	assert_int_equal(check(text), WP_OK);
	(void)snprintf(text, sizeof(text),
		       "https://%063d.%063d.%063d.%054d.example/", 0, 0, 0, 0);
	assert_int_equal(check(text), WP_ERR_DENIED);
}

static void rules_are_names_of_hosts(void **state)
{
	(void)state;

	assert_true(wp_push_host_rule_ok("*"));
	assert_true(wp_push_host_rule_ok("push.example"));
	assert_true(wp_push_host_rule_ok("*.push.example"));
	assert_false(wp_push_host_rule_ok(""));
	assert_false(wp_push_host_rule_ok("*.example"));
	assert_false(wp_push_host_rule_ok("**"));
	assert_false(wp_push_host_rule_ok("p*.example"));
	assert_false(wp_push_host_rule_ok("https://push.example"));
	assert_false(wp_push_host_rule_ok("push.example:443"));
	assert_false(wp_push_host_rule_ok("10.0.0.1"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(hosts_of_the_internet_may_be_called),
		cmocka_unit_test(what_is_no_such_url_is_told),
		cmocka_unit_test(addresses_in_any_notation_are_not_called),
		cmocka_unit_test(names_of_somebodys_own_network_are_not_called),
		cmocka_unit_test(other_ports_are_not_called),
		cmocka_unit_test(only_listed_hosts_are_called),
		cmocka_unit_test(no_host_is_called_where_none_is_listed),
		cmocka_unit_test(a_star_allows_any_host_that_is_one),
		cmocka_unit_test(the_longest_is_2048_bytes),
		cmocka_unit_test(names_have_bounds),
		cmocka_unit_test(rules_are_names_of_hosts),
	};

	return cmocka_run_group_tests_name("endpoint", tests, NULL, NULL);
}
