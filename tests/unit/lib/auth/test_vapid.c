/* Who we are for push services: which keys are taken, and what is said of them.
 * That a stranger verifies it is tests/integration/test_web_push.c. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "lib/auth/ece.h"
#include "lib/auth/signing_key.h"
#include "lib/auth/vapid.h"
#include "lib/base/digest.h"
#include "lib/base/encode.h"

static enum wp_err open_made(enum wp_sign_alg alg, struct wp_vapid *out,
			     struct wp_error *err)
{
	struct wp_signing_public about;
	struct wp_buf pem;
	enum wp_err rc;

	wp_buf_init(&pem, 0);
	assert_int_equal(wp_signing_make(alg, &pem, &about, err), WP_OK);
	rc = wp_vapid_open(out, pem.data, pem.len, err);
	wp_signing_forget(&pem);
	return rc;
}

static void a_key_has_a_public_half_and_a_print(void **state)
{
	uint8_t point[WP_ECE_POINT_LEN + 2], digest[WP_SHA256_LEN];
	struct wp_error err = { 0 };
	struct wp_vapid vapid;
	size_t len;

	(void)state;
	assert_int_equal(open_made(WP_SIGN_ES256, &vapid, &err), WP_OK);
	assert_int_equal(strlen(vapid.public), WP_VAPID_PUBLIC_LEN);
	assert_true(wp_base64url_decode(vapid.public, WP_VAPID_PUBLIC_LEN,
					point, &len));
	assert_true(wp_ece_is_point(point, len));
	wp_sha256(point, len, digest);
	assert_memory_equal(vapid.print, digest, WP_VAPID_PRINT_LEN);
	wp_vapid_release(&vapid);
}

static void other_keys_are_refused(void **state)
{
	static const char garbage[] = "-----BEGIN PRIVATE KEY-----\nsecret-x\n";
	struct wp_error err = { 0 };
	struct wp_vapid vapid;

	(void)state;
	assert_int_equal(open_made(WP_SIGN_RS256, &vapid, &err), WP_ERR_INVAL);
	assert_non_null(strstr(err.msg, "P-256"));
	wp_vapid_release(&vapid);
	assert_int_equal(
		wp_vapid_open(&vapid, garbage, sizeof(garbage) - 1, &err),
		WP_ERR_INVAL);
	assert_null(strstr(err.msg, "secret"));
	wp_vapid_release(&vapid);
}

static void a_token_says_for_whom_and_how_long(void **state)
{
	const struct wp_vapid_claims claims = {
		.origin = "https://push.example",
		.subject = "mailto:\"ops\"@waypost.example",
		.now_s = 1796076000,
	};
	struct wp_error err = { 0 };
	struct wp_vapid vapid;
	struct wp_buf out, wanted;
	const char *dot;
	char text[512];
	size_t len;

	(void)state;
	wp_buf_init(&out, 0);
	wp_buf_init(&wanted, 0);
	assert_int_equal(open_made(WP_SIGN_ES256, &vapid, &err), WP_OK);
	assert_int_equal(wp_vapid_sign(&vapid, &claims, &out, &err), WP_OK);
	assert_memory_equal(out.data, "vapid t=", 8);
	wp_buf_printf(&wanted, ", k=%s", vapid.public);
	assert_string_equal(strchr(out.data, ','), wanted.data);
	dot = strchr(out.data, '.') + 1;
	assert_true(wp_base64url_decode(dot, strcspn(dot, "."), text, &len));
	text[len] = '\0';
	assert_non_null(strstr(text, "\"aud\":\"https://push.example\""));
	assert_non_null(strstr(text, "\"exp\":1796119200"));
	assert_non_null(strstr(text, "\"sub\":\"mailto:\\\"ops\\\"@"));
	wp_vapid_release(&vapid);
	wp_buf_release(&out);
	wp_buf_release(&wanted);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_key_has_a_public_half_and_a_print),
		cmocka_unit_test(other_keys_are_refused),
		cmocka_unit_test(a_token_says_for_whom_and_how_long),
	};

	return cmocka_run_group_tests_name("lib/auth/vapid", tests, NULL, NULL);
}
