/* However a text is cut into pieces, the verdict is the same. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <string.h>

#include <cmocka.h>

#include "lib/base/utf8.h"

struct sample {
	const char *text;
	size_t len;
};

#define SAMPLE(literal)                      \
	{                                    \
		literal, sizeof(literal) - 1 \
	}

static const struct sample good[] = {
	SAMPLE(""),
	SAMPLE("plain ASCII, long enough for the eight at a time"),
	SAMPLE("\x00\x7f"),
	SAMPLE("\xc2\x80\xdf\xbf"),
	SAMPLE("\xe0\xa0\x80\xed\x9f\xbf\xee\x80\x80\xef\xbf\xbf"),
	SAMPLE("\xf0\x90\x80\x80\xf4\x8f\xbf\xbf"),
	SAMPLE("a\xc3\xa9"
	       "bcdefgh\xe2\x82\xac"
	       "ijklmnopq\xf0\x9f\x98\x80z"),
};

/* Each is wrong at its very end or lacks its end. */
static const struct sample bad[] = {
	SAMPLE("\x80"),         SAMPLE("\xbf"),
	SAMPLE("\xc0"),         SAMPLE("\xc1"),
	SAMPLE("\xf5"),         SAMPLE("\xff"),
	SAMPLE("\xc2\x7f"),     SAMPLE("\xc2\xc0"),
	SAMPLE("\xe0\x9f"),     SAMPLE("\xed\xa0"),
	SAMPLE("\xf0\x8f"),     SAMPLE("\xf4\x90"),
	SAMPLE("\xe1\x80\x7f"), SAMPLE("\xf1\x80\x80\xc0"),
	SAMPLE("abcdefgh\xfe"), SAMPLE("\xc3\xa9\xa9"),
};

static const struct sample unfinished[] = {
	SAMPLE("\xc2"),
	SAMPLE("\xe1\x80"),
	SAMPLE("\xf1\x80\x80"),
	SAMPLE("abcdefghij\xe2\x82"),
};

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static void good_texts_pass_whatever_the_pieces(void **state)
{
	size_t i, cut;

	(void)state;
	for (i = 0; i < COUNT(good); i++) {
		assert_true(wp_utf8_is_valid(good[i].text, good[i].len));
		for (cut = 0; cut <= good[i].len; cut++) {
			struct wp_utf8 utf8;

			wp_utf8_init(&utf8);
			assert_true(wp_utf8_feed(&utf8, good[i].text, cut));
			assert_true(wp_utf8_feed(&utf8, good[i].text + cut,
						 good[i].len - cut));
			assert_true(wp_utf8_is_complete(&utf8));
		}
	}
}

static void bad_texts_fail_at_their_first_bad_byte(void **state)
{
	size_t i, cut;

	(void)state;
	for (i = 0; i < COUNT(bad); i++) {
		struct wp_utf8 utf8;

		assert_false(wp_utf8_is_valid(bad[i].text, bad[i].len));
		for (cut = 0; cut < bad[i].len; cut++) {
			wp_utf8_init(&utf8);
			assert_true(wp_utf8_feed(&utf8, bad[i].text, cut));
			assert_false(wp_utf8_feed(&utf8, bad[i].text + cut,
						  bad[i].len - cut));
		}
	}
}

static void unfinished_texts_are_incomplete_but_not_wrong(void **state)
{
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(unfinished); i++) {
		struct wp_utf8 utf8;

		wp_utf8_init(&utf8);
		assert_true(wp_utf8_feed(&utf8, unfinished[i].text,
					 unfinished[i].len));
		assert_false(wp_utf8_is_complete(&utf8));
		assert_false(wp_utf8_is_valid(unfinished[i].text,
					      unfinished[i].len));
	}
}

/* Decode by arithmetic, the other way to define it; 0 when it is none. */
static size_t reference_len(const unsigned char *b, size_t len)
{
	static const uint32_t least[] = { 0, 0, 0x80, 0x800, 0x10000 };
	uint32_t code;
	size_t n, i;

	if (b[0] < 0x80)
		return 1;
	n = b[0] >= 0xf0 ? 4 : b[0] >= 0xe0 ? 3 : b[0] >= 0xc0 ? 2 : 0;
	if (n == 0 || b[0] > 0xf7 || len < n)
		return 0;
	code = b[0] & (0x7fU >> n);
	for (i = 1; i < n; i++) {
		if ((b[i] & 0xc0) != 0x80)
			return 0;
		code = code << 6 | (b[i] & 0x3f);
	}
	if (code < least[n] || code > 0x10ffff ||
	    (code >= 0xd800 && code <= 0xdfff))
		return 0;
	return n;
}

static void every_start_of_four_bytes_agrees_with_decoding(void **state)
{
	static const unsigned char tails[] = { 0x00, 0x41, 0x7f, 0x80,
					       0x8f, 0x90, 0x9f, 0xa0,
					       0xbf, 0xc0, 0xe0, 0xff };
	unsigned a, b;
	size_t c, d;

	(void)state;
	for (a = 0; a < 256; a++)
		for (b = 0; b < 256; b++)
			for (c = 0; c < sizeof(tails); c++)
				for (d = 0; d < sizeof(tails); d++) {
					const unsigned char bytes[4] = {
						(unsigned char)a,
						(unsigned char)b, tails[c],
						tails[d]
					};
					size_t at = 0, n = 1;

					while (at < 4 && n > 0) {
						n = reference_len(bytes + at,
								  4 - at);
						at += n;
					}
					if (wp_utf8_is_valid(bytes, 4) !=
					    (n > 0))
						fail_msg("%02x %02x %02x %02x",
							 a, b, tails[c],
							 tails[d]);
				}
}

static void no_bytes_change_nothing(void **state)
{
	struct wp_utf8 utf8;

	(void)state;
	wp_utf8_init(&utf8);
	assert_true(wp_utf8_feed(&utf8, NULL, 0));
	assert_true(wp_utf8_is_complete(&utf8));
	assert_true(wp_utf8_feed(&utf8, "\xe2\x82", 2));
	assert_true(wp_utf8_feed(&utf8, NULL, 0));
	assert_false(wp_utf8_is_complete(&utf8));
	assert_true(wp_utf8_feed(&utf8, "\xac", 1));
	assert_true(wp_utf8_is_complete(&utf8));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(good_texts_pass_whatever_the_pieces),
		cmocka_unit_test(bad_texts_fail_at_their_first_bad_byte),
		cmocka_unit_test(unfinished_texts_are_incomplete_but_not_wrong),
		cmocka_unit_test(
			every_start_of_four_bytes_agrees_with_decoding),
		cmocka_unit_test(no_bytes_change_nothing),
	};

	return cmocka_run_group_tests_name("utf8", tests, NULL, NULL);
}
