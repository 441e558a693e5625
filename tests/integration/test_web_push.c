/*
 * What we send to a browser, read by the libraries of strangers: http_ece and
 * jose (make tests-provider).
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "lib/auth/ece.h"
#include "lib/auth/signing_key.h"
#include "lib/auth/vapid.h"
#include "lib/base/encode.h"
#include "lib/base/random.h"
#include "tests/support/node_child.h"

enum { MESSAGES = 500, LONGEST = 3000 };

static const char origin[] = "https://push.example:8443";
static const char script[] = "build/oidc/receive.mjs";

/* The text of a member, up to its quote; "" when it is not there. */
static void member(const char *json, const char *name, char *out, size_t len)
{
	const char *at = strstr(json, name);
	size_t n;

	out[0] = '\0';
	if (at == NULL)
		return;
	at += strlen(name);
	n = strcspn(at, "\"");
	assert_true(n < len);
	memcpy(out, at, n);
	out[n] = '\0';
}

static void be_subscribed(const char *json, struct wp_ece_receiver *out)
{
	char text[128];
	size_t len;

	member(json, "\"p256dh\":\"", text, sizeof(text));
	assert_true(wp_base64url_decode(text, strlen(text), out->point, &len));
	assert_int_equal(len, sizeof(out->point));
	member(json, "\"auth\":\"", text, sizeof(text));
	assert_true(wp_base64url_decode(text, strlen(text), out->auth, &len));
	assert_int_equal(len, sizeof(out->auth));
}

static void make_vapid(struct wp_vapid *out)
{
	struct wp_signing_public about;
	struct wp_error err = { 0 };
	struct wp_buf pem;

	wp_buf_init(&pem, 0);
	assert_int_equal(wp_signing_make(WP_SIGN_ES256, &pem, &about, &err),
			 WP_OK);
	assert_int_equal(wp_vapid_open(out, pem.data, pem.len, &err), WP_OK);
	wp_signing_forget(&pem);
}

/* Send data, and see that it is read as it is. */
static void send_one(struct node_child *browser,
		     const struct wp_ece_receiver *receiver,
		     const char *authorization, const void *data, size_t len)
{
	const struct wp_ece_message message = { .data = data,
						.len = len,
						.padded = 256 };
	struct wp_error err = { 0 };
	struct wp_ece_sender sender;
	struct wp_buf body, text, wanted;

	wp_buf_init(&body, 0);
	wp_buf_init(&text, 0);
	wp_buf_init(&wanted, 0);
	assert_int_equal(wp_ece_sender_make(&sender, &err), WP_OK);
	assert_int_equal(
		wp_ece_encrypt(receiver, &sender, &message, &body, &err),
		WP_OK);
	wp_buf_add_base64(&text, body.data, body.len);
	node_child_ask(browser,
		       "{\"body\":\"%s\",\"authorization\":\"%s\","
		       "\"origin\":\"%s\"}",
		       text.data, authorization, origin);
	wp_buf_add_str(&wanted, "{\"text\":\"");
	wp_buf_add_base64(&wanted, data, len);
	wp_buf_add_str(&wanted, "\",\"claims\":{");
	if (strncmp(browser->line, wanted.data, wanted.len) != 0)
		fail_msg("%zu bytes: %.200s", len, browser->line);
	wp_buf_release(&body);
	wp_buf_release(&text);
	wp_buf_release(&wanted);
}

static void want_stranger(void)
{
	if (!node_child_can_be())
		skip();
	if (access("build/oidc/node_modules/http_ece", R_OK) != 0 ||
	    access(script, R_OK) != 0) {
		print_message("SKIPPED: npm's http_ece is not installed; make "
			      "tests-provider does it\n");
		skip();
	}
}

static void what_is_sent_is_read_and_from_us(void **state)
{
	const struct wp_vapid_claims claims = {
		.origin = origin,
		.subject = "mailto:ops@waypost.example",
		.now_s = (int64_t)time(NULL),
	};
	struct node_child *browser;
	struct wp_ece_receiver receiver;
	struct wp_error err = { 0 };
	struct wp_buf authorization;
	struct wp_vapid vapid;
	char data[LONGEST];

	(void)state;
	want_stranger();
	browser = calloc(1, sizeof(*browser));
	assert_non_null(browser);
	wp_buf_init(&authorization, 0);
	make_vapid(&vapid);
	assert_int_equal(wp_vapid_sign(&vapid, &claims, &authorization, &err),
			 WP_OK);
	node_child_begin(browser, script, "");
	be_subscribed(browser->line, &receiver);
	for (int i = 0; i < MESSAGES; i++) {
		size_t len = wp_random_below(i % 2 == 0 ? 300 : LONGEST);

		wp_random_bytes(data, len);
		send_one(browser, &receiver, authorization.data, data, len);
	}
	assert_non_null(strstr(browser->line,
			       "\"sub\":\"mailto:ops@waypost.example\""));
	assert_non_null(
		strstr(browser->line, "\"aud\":\"https://push.example:8443\""));
	node_child_end(browser);
	wp_vapid_release(&vapid);
	wp_buf_release(&authorization);
	free(browser);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_sent_is_read_and_from_us),
	};

	return cmocka_run_group_tests_name("web push", tests, NULL, NULL);
}
