/* Sealed bytes must come out as they went in, and bad text never at all. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "lib/base/encode.h"

static uint64_t next_random(uint64_t *seed)
{
	*seed ^= *seed << 13;
	*seed ^= *seed >> 7;
	*seed ^= *seed << 17;
	return *seed;
}

static void the_vectors_of_rfc_4648_hold(void **state)
{
	static const char *const vectors[][2] = {
		{ "", "" },
		{ "f", "Zg==" },
		{ "fo", "Zm8=" },
		{ "foo", "Zm9v" },
		{ "foob", "Zm9vYg==" },
		{ "fooba", "Zm9vYmE=" },
		{ "foobar", "Zm9vYmFy" },
	};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(vectors) / sizeof(vectors[0]); i++) {
		const char *plain = vectors[i][0], *coded = vectors[i][1];
		char out[16];
		size_t len;

		len = wp_base64_encode(plain, strlen(plain), out);
		assert_int_equal(len, strlen(coded));
		assert_int_equal(len, wp_base64_encoded_len(strlen(plain)));
		assert_memory_equal(out, coded, len);
		assert_true(wp_base64_decode(coded, strlen(coded), out, &len));
		assert_int_equal(len, strlen(plain));
		assert_memory_equal(out, plain, len);
	}
}

static void url_form_has_its_own_digits_and_no_padding(void **state)
{
	char out[8];

	(void)state;
	assert_int_equal(wp_base64url_encode("\xfb\xff", 2, out), 3);
	assert_memory_equal(out, "-_8", 3);
	assert_int_equal(wp_base64_encode("\xfb\xff", 2, out), 4);
	assert_memory_equal(out, "+/8=", 4);
}

static bool decodes(const char *text)
{
	char out[64];
	size_t len;

	return wp_base64_decode(text, strlen(text), out, &len);
}

static void either_alphabet_padded_or_not_is_read(void **state)
{
	static const char *const same[] = { "+/8=", "+/8",  "-_8=", "-_8",
					    "+_8",  "-/8=", "+/9" /* stray */ };
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(same) / sizeof(same[0]); i++) {
		char out[8];
		size_t len;

		assert_true(
			wp_base64_decode(same[i], strlen(same[i]), out, &len));
		assert_int_equal(len, 2);
		assert_memory_equal(out, "\xfb\xff", 2);
	}
}

static void broken_text_is_refused(void **state)
{
	static const char *const broken[] = {
		"A",      "AAAAA", "=",    "==",         "====",
		"A===",   "A=",    "AA=",  "AAA==",      "AAAA=",
		"AAAA==", "AA=A",  "=AAA", "AA==AA==",   "A A=",
		"AA\nA",  "AA.A",  "AAA!", "\xc3\xa9zz",
	};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(broken) / sizeof(broken[0]); i++)
		if (decodes(broken[i]))
			fail_msg("accepted: %s", broken[i]);
}

static void every_byte_outside_the_alphabets_is_refused(void **state)
{
	static const char allowed[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
		"0123456789+/-_";
	unsigned c;
	size_t at;

	(void)state;
	for (c = 0; c < 256; c++) {
		bool is_digit = c != 0 && strchr(allowed, (int)c) != NULL;

		/* More than eight: these are looked at together. */
		for (at = 0; at < 15; at++) {
			char text[16] = "AAAAAAAAAAAAAAA", out[16];
			size_t len;

			text[at] = (char)c;
			assert_int_equal(wp_base64_decode(text, 15, out, &len),
					 is_digit);
			assert_int_equal(
				wp_base64_normalize(text, 15, out, &len),
				is_digit);
		}
	}
}

static void jose_form_is_strict(void **state)
{
	static const char *const broken[] = { "-_8=", "+_8", "-/8", "-_9",
					      "Zh",   "A",   "Z g", "AAAA=" };
	char out[8];
	size_t i, len;

	(void)state;
	assert_true(wp_base64url_decode("-_8", 3, out, &len));
	assert_int_equal(len, 2);
	assert_memory_equal(out, "\xfb\xff", 2);
	assert_true(wp_base64url_decode("", 0, out, &len));
	assert_int_equal(len, 0);
	for (i = 0; i < sizeof(broken) / sizeof(broken[0]); i++)
		if (wp_base64url_decode(broken[i], strlen(broken[i]), out,
					&len))
			fail_msg("accepted: %s", broken[i]);
}

static void random_bytes_survive_both_forms_in_place(void **state)
{
	uint64_t seed = 4648;
	int round;

	(void)state;
	for (round = 0; round < 5000; round++) {
		char bytes[60], text[80], back[80];
		size_t len = next_random(&seed) % (sizeof(bytes) + 1);
		size_t i, text_len, back_len;

		for (i = 0; i < len; i++)
			bytes[i] = (char)(next_random(&seed) >> 24);

		text_len = wp_base64_encode(bytes, len, text);
		assert_true(wp_base64_decoded_max(text_len) >= len);
		assert_true(wp_base64_decode(text, text_len, text, &back_len));
		assert_int_equal(back_len, len);
		assert_memory_equal(text, bytes, len);

		text_len = wp_base64url_encode(bytes, len, text);
		assert_true(
			wp_base64url_decode(text, text_len, back, &back_len));
		assert_int_equal(back_len, len);
		assert_memory_equal(back, bytes, len);
	}
}

/* The definition of normalize is: decode, then encode. */
static void normalizing_is_decoding_and_encoding(void **state)
{
	static const char digits[] = "ABab01+/-_=yz89!";
	uint64_t seed = 64;
	int round, accepted = 0;

	(void)state;
	for (round = 0; round < 200000; round++) {
		char text[48], got[52], bytes[48], want[52];
		size_t len = next_random(&seed) % 44;
		size_t i, got_len, n, want_len;
		bool ok;

		for (i = 0; i < len; i++)
			text[i] = digits[(next_random(&seed) >> 20) %
					 (i + 2 < len ? 10 : 16)];
		ok = wp_base64_decode(text, len, bytes, &n);
		assert_int_equal(wp_base64_normalize(text, len, got, &got_len),
				 ok);
		if (!ok)
			continue;
		accepted++;
		want_len = wp_base64_encode(bytes, n, want);
		assert_int_equal(got_len, want_len);
		assert_memory_equal(got, want, want_len);
		assert_true(wp_base64_normalize(want, want_len, want, &n));
		assert_int_equal(n, want_len);
		assert_memory_equal(got, want, want_len);
	}
	assert_true(accepted > 10000);
}

/* ---- hexadecimal ---- */

static void every_byte_is_one_digit_or_none(void **state)
{
	static const char digits[] = "0123456789abcdefABCDEF";
	int c;

	(void)state;
	for (c = 0; c < 256; c++) {
		const char *at = c == 0 ? NULL : strchr(digits, c);
		int want = at == NULL ? -1 : (int)(at - digits);

		assert_int_equal(wp_hex_value((char)c),
				 want > 15 ? want - 6 : want);
	}
}

static void a_value_and_its_digit_mean_the_same(void **state)
{
	unsigned int value;

	(void)state;
	for (value = 0; value < 16; value++)
		assert_int_equal(wp_hex_value(wp_hex_digit(value)), value);
	assert_int_equal(wp_hex_digit(0xfa), 'a'); /* its low half only */
}

static void a_row_is_lower_case_and_ends(void **state)
{
	static const uint8_t bytes[] = { 0x00, 0x7f, 0x80, 0xff, 0xa5 };
	char text[2 * sizeof(bytes) + 2];

	(void)state;
	memset(text, 'x', sizeof(text));

	wp_hex_write(text, bytes, sizeof(bytes));

	assert_string_equal(text, "007f80ffa5");
	assert_int_equal(text[sizeof(text) - 1], 'x');
	wp_hex_write(text, bytes, 0);
	assert_string_equal(text, "");
}

static void decimals_are_what_printf_writes(void **state)
{
	static const int64_t values[] = { 0,  7,         10,        1234567890,
					  -1, INT64_MAX, INT64_MIN, -90 };

	(void)state;
	for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
		char got[WP_DECIMAL_MAX + 1], want[32];

		memset(got, 'x', sizeof(got));
		(void)snprintf(want, sizeof(want), "%" PRId64, values[i]);
		assert_int_equal(wp_decimal_write(got, values[i]),
				 strlen(want));
		assert_string_equal(got, want);
		assert_int_equal(got[WP_DECIMAL_MAX], 'x');
	}
}

static void hex_is_read_whole_or_not_at_all(void **state)
{
	static const char *const bad[] = { "",       "00fF1", "00fF1g",
					   "00fF1 ", "00fF",  "00fF1a2b",
					   "0x00fF" };
	uint8_t bytes[3];

	(void)state;
	assert_true(wp_hex_read("00fF1a", 6, bytes, sizeof(bytes)));
	assert_memory_equal(bytes, "\x00\xff\x1a", sizeof(bytes));
	assert_true(wp_hex_read("", 0, bytes, 0));
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_false(wp_hex_read(bad[i], strlen(bad[i]), bytes,
					 sizeof(bytes)));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(hex_is_read_whole_or_not_at_all),
		cmocka_unit_test(the_vectors_of_rfc_4648_hold),
		cmocka_unit_test(url_form_has_its_own_digits_and_no_padding),
		cmocka_unit_test(either_alphabet_padded_or_not_is_read),
		cmocka_unit_test(broken_text_is_refused),
		cmocka_unit_test(every_byte_outside_the_alphabets_is_refused),
		cmocka_unit_test(jose_form_is_strict),
		cmocka_unit_test(random_bytes_survive_both_forms_in_place),
		cmocka_unit_test(normalizing_is_decoding_and_encoding),
		cmocka_unit_test(every_byte_is_one_digit_or_none),
		cmocka_unit_test(a_value_and_its_digit_mean_the_same),
		cmocka_unit_test(a_row_is_lower_case_and_ends),
		cmocka_unit_test(decimals_are_what_printf_writes),
	};

	return cmocka_run_group_tests_name("encode", tests, NULL, NULL);
}
