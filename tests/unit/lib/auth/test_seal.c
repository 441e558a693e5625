/* What was sealed opens where it was sealed, whole, and nowhere else. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "lib/auth/seal.h"

enum { ROOM = 256 };

static const char text[] = "a token that is worth something";
static const struct wp_seal_place place = { "row 1", 5 };

static struct wp_own_key key_of(const char *secret, const char *purpose)
{
	struct wp_own_key key;

	wp_own_key_make(&key, secret, purpose);
	return key;
}

static struct wp_own_key right_key(void)
{
	return key_of("the secret of the store", "a test, version 1");
}

/* Seal the text; returns how long it is then. */
static size_t seal(uint8_t out[ROOM])
{
	const struct wp_own_key key = right_key();

	assert_int_equal(wp_seal(&key, &place, text, sizeof(text), out), WP_OK);
	return sizeof(text) + WP_SEAL_EXTRA;
}

/* Nothing of it is let out. */
static void assert_stays_shut(const struct wp_own_key *key,
			      const struct wp_seal_place *beside,
			      const uint8_t *sealed, size_t len)
{
	uint8_t out[ROOM];
	size_t out_len = 1;

	memset(out, 0, sizeof(out));
	assert_int_equal(wp_seal_open(key, beside, sealed, len, out, &out_len),
			 WP_ERR_DENIED);
	assert_int_equal(out_len, 0);
	for (size_t i = 0; i < sizeof(out); i++)
		assert_int_equal(out[i], 0);
}

static void what_was_sealed_opens(void **state)
{
	const struct wp_own_key key = right_key();
	uint8_t sealed[ROOM], out[ROOM];
	size_t len = seal(sealed), out_len = 0;

	(void)state;

	assert_int_equal(wp_seal_open(&key, &place, sealed, len, out, &out_len),
			 WP_OK);
	assert_int_equal(out_len, sizeof(text));
	assert_memory_equal(out, text, sizeof(text));
}

static void an_empty_text_is_one(void **state)
{
	const struct wp_own_key key = right_key();
	uint8_t sealed[ROOM], out[ROOM];
	size_t out_len = 1;

	(void)state;

	assert_int_equal(wp_seal(&key, &place, "", 0, sealed), WP_OK);
	assert_int_equal(wp_seal_open(&key, &place, sealed, WP_SEAL_EXTRA, out,
				      &out_len),
			 WP_OK);
	assert_int_equal(out_len, 0);
}

/* Who has both sees that, and not that both are of one text. */
static void the_same_text_is_sealed_in_another_way_each_time(void **state)
{
	uint8_t one[ROOM], other[ROOM];
	size_t len = seal(one);

	(void)state;

	assert_int_equal(seal(other), len);
	assert_int_equal(one[0], other[0]);
	assert_memory_not_equal(one + 1, other + 1, 12);
	assert_memory_not_equal(one + 13, other + 13, len - 13);
}

static void nothing_of_the_text_can_be_seen(void **state)
{
	uint8_t sealed[ROOM];
	size_t len = seal(sealed);

	(void)state;

	for (size_t n = 4; n <= sizeof(text); n++)
		assert_null(memmem(sealed, len, text, n));
}

static void another_secret_purpose_or_place_opens_nothing(void **state)
{
	const struct wp_own_key right = right_key();
	const struct wp_own_key keys[] = {
		key_of("another secret", "a test, version 1"),
		key_of("the secret of the store", "a test, version 2"),
	};
	const struct wp_seal_place places[] = {
		{ "row 2", 5 },
		{ "row 1", 4 },
		{ "row 1", 6 },
		{ "", 0 },
	};
	uint8_t sealed[ROOM];
	size_t len = seal(sealed);

	(void)state;

	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
		assert_stays_shut(&keys[i], &place, sealed, len);
	for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++)
		assert_stays_shut(&right, &places[i], sealed, len);
}

static void any_flipped_bit_shuts_it(void **state)
{
	const struct wp_own_key key = right_key();
	uint8_t sealed[ROOM];
	size_t len = seal(sealed);

	(void)state;

	for (size_t i = 0; i < 8 * len; i++) {
		sealed[i / 8] ^= (uint8_t)(1U << i % 8);
		assert_stays_shut(&key, &place, sealed, len);
		sealed[i / 8] ^= (uint8_t)(1U << i % 8);
	}
}

static void another_length_shuts_it(void **state)
{
	const struct wp_own_key key = right_key();
	uint8_t sealed[ROOM] = { 0 };
	size_t len = seal(sealed);

	(void)state;

	for (size_t n = 0; n < ROOM; n++)
		if (n != len)
			assert_stays_shut(&key, &place, sealed, n);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_was_sealed_opens),
		cmocka_unit_test(an_empty_text_is_one),
		cmocka_unit_test(
			the_same_text_is_sealed_in_another_way_each_time),
		cmocka_unit_test(nothing_of_the_text_can_be_seen),
		cmocka_unit_test(another_secret_purpose_or_place_opens_nothing),
		cmocka_unit_test(any_flipped_bit_shuts_it),
		cmocka_unit_test(another_length_shuts_it),
	};

	return cmocka_run_group_tests_name("seal", tests, NULL, NULL);
}
