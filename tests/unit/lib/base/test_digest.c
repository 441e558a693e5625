/* Known answers: FIPS 180-4 examples, RFC 4231, RFC 6455 section 1.3. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "lib/base/digest.h"

static void assert_hex(const uint8_t *bytes, size_t len, const char *expected)
{
	char hex[2 * WP_SHA256_LEN + 1];

	for (size_t i = 0; i < len; i++)
		snprintf(hex + 2 * i, 3, "%02x", bytes[i]);
	assert_string_equal(hex, expected);
}

static void sha1_gives_the_accept_key_of_the_rfc(void **state)
{
	static const char text[] = "dGhlIHNhbXBsZSBub25jZQ=="
				   "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
	uint8_t out[WP_SHA1_LEN];

	(void)state;
	wp_sha1(text, strlen(text), out);
	assert_hex(out, sizeof(out),
		   "b37a4f2cc0624f1690f64606cf385945b2bec4ea");
}

static void sha256_gives_the_published_answers(void **state)
{
	uint8_t out[WP_SHA256_LEN];

	(void)state;
	wp_sha256("abc", 3, out);
	assert_hex(out, sizeof(out),
		   "ba7816bf8f01cfea414140de5dae2223"
		   "b00361a396177a9cb410ff61f20015ad");
	wp_sha256("", 0, out);
	assert_hex(out, sizeof(out),
		   "e3b0c44298fc1c149afbf4c8996fb924"
		   "27ae41e4649b934ca495991b7852b855");
}

static void hmac_gives_the_published_answers(void **state)
{
	uint8_t key[131], out[WP_SHA256_LEN];
	static const char long_key[] = "Test Using Larger Than Block-Size Key "
				       "- Hash Key First";

	(void)state;
	wp_hmac_sha256("Jefe", 4, "what do ya want for nothing?", 28, out);
	assert_hex(out, sizeof(out),
		   "5bdcc146bf60754e6a042426089575c7"
		   "5a003f089d2739839dec58b964ec3843");
	memset(key, 0xaa, sizeof(key));
	wp_hmac_sha256(key, sizeof(key), long_key, strlen(long_key), out);
	assert_hex(out, sizeof(out),
		   "60e431591ee0b67f0d8a26aacbf5b77f"
		   "8e0bc6213728c5140546040f0ee37f54");
	/* Empty key, empty text: as OpenSSL's and Python's hmac say. */
	wp_hmac_sha256(NULL, 0, "", 0, out);
	assert_hex(out, sizeof(out),
		   "b613679a0814d9ec772f95d778c35fc5"
		   "ff1697c493715653c6c712144292c5ad");
}

static void comparing_sees_every_byte(void **state)
{
	uint8_t a[32] = { 0 }, b[32] = { 0 };

	(void)state;
	assert_true(wp_equal_ct(a, b, sizeof(a)));
	for (size_t i = 0; i < sizeof(a); i++) {
		b[i] = 1;
		assert_false(wp_equal_ct(a, b, sizeof(a)));
		b[i] = 0;
	}
	assert_true(wp_equal_ct(a, b, 0));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sha1_gives_the_accept_key_of_the_rfc),
		cmocka_unit_test(sha256_gives_the_published_answers),
		cmocka_unit_test(hmac_gives_the_published_answers),
		cmocka_unit_test(comparing_sees_every_byte),
	};

	return cmocka_run_group_tests_name("digest", tests, NULL, NULL);
}
