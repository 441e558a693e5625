/* Discovery documents: where they are, and what of one is believed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "keys/discover.h"

static void expect_urls(const char *issuer, const char *openid,
			const char *oauth)
{
	struct wp_error err = { 0 };
	struct wp_discover where;

	assert_int_equal(wp_discover_init(&where, issuer, &err), WP_OK);
	assert_string_equal(where.openid, openid);
	assert_string_equal(where.oauth, oauth);
}

static void both_documents_are_where_their_standards_say(void **state)
{
	(void)state;
	expect_urls(
		"https://id.example",
		"https://id.example/.well-known/openid-configuration",
		"https://id.example/.well-known/oauth-authorization-server");
	expect_urls(
		"https://id.example/",
		"https://id.example/.well-known/openid-configuration",
		"https://id.example/.well-known/oauth-authorization-server");
	expect_urls("https://id.example:8443/realms/a",
		    "https://id.example:8443/realms/a/.well-known/"
		    "openid-configuration",
		    "https://id.example:8443/.well-known/"
		    "oauth-authorization-server/realms/a");
	expect_urls("https://[::1]:1/x/",
		    "https://[::1]:1/x/.well-known/openid-configuration",
		    "https://[::1]:1/.well-known/oauth-authorization-server/x");
}

static void what_is_no_url_of_an_issuer_is_refused(void **state)
{
	static const char *const texts[] = {
		"",
		"id.example",
		"ftp://id.example",
		"https://",
		"https://id.example/?a=b",
		"https://id.example/#a",
		"https://user@id.example/",
		"https://id.example/a b",
		"https://id.example/\xc3\xa9",
		"https://id.example\\@evil.example/",
		"javascript:alert(1)",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		struct wp_error err = { 0 };
		struct wp_discover where;

		if (wp_discover_init(&where, texts[i], &err) != WP_ERR_INVAL)
			fail_msg("%s is accepted", texts[i]);
	}
}

#define ISSUER "https://id.example/a"
#define KEYS "https://id.example/a/jwks"

static void expect_good(const char *text, const char *issuer, const char *url)
{
	char keys[WP_URL_MAX + 1] = "";
	struct wp_error err = { 0 };

	if (wp_discover_read(text, strlen(text), issuer, keys, &err) != WP_OK)
		fail_msg("%s: %s", text, err.msg);
	assert_string_equal(keys, url);
}

static void expect_bad(const char *text, size_t len, const char *why)
{
	char keys[WP_URL_MAX + 1] = "";
	struct wp_error err = { 0 };

	if (wp_discover_read(text, len, ISSUER, keys, &err) != WP_ERR_PROTO)
		fail_msg("%s is accepted", text);
	if (strstr(err.msg, why) == NULL)
		fail_msg("%s: '%s' lacks '%s'", text, err.msg, why);
	assert_string_equal(keys, "");
}

static void a_document_names_the_url_of_the_keys(void **state)
{
	(void)state;
	expect_good("{\"issuer\":\"" ISSUER "\",\"jwks_uri\":\"" KEYS "\"}",
		    ISSUER, KEYS);
	expect_good(" {\"a\":[{\"b\":{}}],\"jwks_uri\":\"https:\\/\\/"
		    "k.example\\/?x=y\",\"issuer\":\"" ISSUER "\"} ",
		    ISSUER, "https://k.example/?x=y");
	expect_good("{\"issuer\":\"http://127.0.0.1:1\",\"jwks_uri\":"
		    "\"http://127.0.0.1:1/k\"}",
		    "http://127.0.0.1:1", "http://127.0.0.1:1/k");
}

static void a_document_of_somebody_else_is_refused(void **state)
{
	static const char *const texts[] = {
		"{}",
		"{\"issuer\":\"https://id.example/a/\",\"jwks_uri\":\"" KEYS
		"\"}",
		"{\"issuer\":\"https://ID.example/a\",\"jwks_uri\":\"" KEYS
		"\"}",
		"{\"issuer\":\"" ISSUER "\\u0000\",\"jwks_uri\":\"" KEYS "\"}",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		expect_bad(texts[i], strlen(texts[i]), "of another issuer");
}

static void keys_are_where_they_can_be_believed(void **state)
{
	static const char *const urls[] = {
		"http://id.example/jwks",
		"http://127.0.0.1/jwks",
		"HTTP://id.example/jwks",
		"file:///etc/passwd",
		"gopher://id.example/",
		"https:/id.example/jwks",
		"https:///id.example/jwks",
		"/jwks",
		"jwks",
		"https://u:p@id.example/",
		"https://id.example/#x",
		"https://id.example/a b",
		"https://id.example\\\\@x",
		"",
		"https://id.example/\\u0001",
		"//id.example/jwks",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(urls) / sizeof(urls[0]); i++) {
		char text[256];

		(void)snprintf(text, sizeof(text),
			       "{\"issuer\":\"" ISSUER
			       "\",\"jwks_uri\":\"%s\"}",
			       urls[i]);
		expect_bad(text, strlen(text), "jwks_uri");
	}
	expect_bad("{\"issuer\":\"" ISSUER "\"}",
		   sizeof("{\"issuer\":\"" ISSUER "\"}") - 1, "no jwks_uri");
}

static void too_long_a_url_is_refused(void **state)
{
	char text[WP_URL_MAX + 128];
	char url[WP_URL_MAX + 2];

	(void)state;
	memset(url, 'x', sizeof(url));
	memcpy(url, "https://k/", 10);
	url[WP_URL_MAX + 1] = '\0';
	(void)snprintf(text, sizeof(text),
		       "{\"issuer\":\"" ISSUER "\",\"jwks_uri\":\"%s\"}", url);
	expect_bad(text, strlen(text), "jwks_uri");
	url[WP_URL_MAX] = '\0';
	(void)snprintf(text, sizeof(text),
		       "{\"issuer\":\"" ISSUER "\",\"jwks_uri\":\"%s\"}", url);
	expect_good(text, ISSUER, url);
}

static void what_is_no_json_is_refused(void **state)
{
	static const char *const texts[] = {
		"",
		"<html>",
		"[]",
		"\"x\"",
		"{\"issuer\":\"" ISSUER "\",\"jwks_uri\":\"" KEYS "\"",
		"{\"issuer\":\"" ISSUER "\",\"jwks_uri\":\"" KEYS "\",}",
		"{\"issuer\":\"" ISSUER "\",\"jwks_uri\":\"" KEYS "\"}x",
		"{'issuer':\"" ISSUER "\",\"jwks_uri\":\"" KEYS "\"}",
		"{\"issuer\":\"" ISSUER "\",\"jwks_uri\":\"" KEYS
		"\",\"x\":\"\xff\"}",
		"{\"issuer\":[\"" ISSUER "\"],\"jwks_uri\":\"" KEYS "\"}",
		"{\"issuer\":\"" ISSUER "\",\"issuer\":\"" ISSUER
		"\",\"jwks_uri\":\"" KEYS "\"}",
		"{\"issuer\":\"" ISSUER "\",\"jwks_uri\":null}",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		expect_bad(texts[i], strlen(texts[i]),
			   "the discovery document");
	expect_bad("{\"issuer\":\"\0\"}", 14, "the discovery document");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(both_documents_are_where_their_standards_say),
		cmocka_unit_test(what_is_no_url_of_an_issuer_is_refused),
		cmocka_unit_test(a_document_names_the_url_of_the_keys),
		cmocka_unit_test(a_document_of_somebody_else_is_refused),
		cmocka_unit_test(keys_are_where_they_can_be_believed),
		cmocka_unit_test(too_long_a_url_is_refused),
		cmocka_unit_test(what_is_no_json_is_refused),
	};

	return cmocka_run_group_tests_name("keys/discover", tests, NULL, NULL);
}
