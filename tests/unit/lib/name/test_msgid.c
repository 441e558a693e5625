/* An id must lead back to its message, and sort as it was accepted. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <string.h>

#include <cmocka.h>

#include "lib/name/msgid.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define MS_MAX ((UINT64_C(1) << 48) - 1)
#define SEQ_MAX ((UINT64_C(1) << 40) - 1)

static uint64_t next_random(uint64_t *seed)
{
	*seed ^= *seed << 13;
	*seed ^= *seed >> 7;
	*seed ^= *seed << 17;
	return *seed;
}

/* Ids of every magnitude, not only huge ones. */
static struct wp_msgid random_id(uint64_t *seed)
{
	uint64_t ms = (next_random(seed) & MS_MAX) >> next_random(seed) % 48;
	uint64_t seq = (next_random(seed) & SEQ_MAX) >> next_random(seed) % 40;

	return (struct wp_msgid){
		.entry = { .ms = ms, .seq = seq },
		.partition = (uint16_t)next_random(seed),
		.band = next_random(seed) & 1,
	};
}

static void the_layout_is_the_documented_one(void **state)
{
	static const struct {
		struct wp_msgid id;
		const char *text;
	} cases[] = {
		{ { { 0, 0 }, 0, WP_BAND_STANDARD },
		  "00000000-0000-7000-8000-000000000000" },
		{ { { MS_MAX, SEQ_MAX }, 65535, WP_BAND_HIGH },
		  "ffffffff-ffff-7fff-bfff-fffffffe0000" },
		{ { { 1, 0 }, 0, WP_BAND_STANDARD },
		  "00000000-0001-7000-8000-000000000000" },
		{ { { 0, 1 }, 0, WP_BAND_STANDARD },
		  "00000000-0000-7000-8000-000400000000" },
		{ { { 0, UINT64_C(1) << 28 }, 0, WP_BAND_STANDARD },
		  "00000000-0000-7001-8000-000000000000" },
		{ { { 0, 0 }, 1, WP_BAND_STANDARD },
		  "00000000-0000-7000-8000-000000040000" },
		{ { { 0, 0 }, 0, WP_BAND_HIGH },
		  "00000000-0000-7000-8000-000000020000" },
	};
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(cases); i++) {
		char text[WP_MSGID_LEN + 1];

		wp_msgid_format(&cases[i].id, text);
		assert_string_equal(text, cases[i].text);
	}
}

static void every_id_reads_back_in_either_case(void **state)
{
	uint64_t seed = 9562;
	int round;

	(void)state;
	for (round = 0; round < 20000; round++) {
		struct wp_msgid id = random_id(&seed), back;
		char text[WP_MSGID_LEN + 1];
		size_t i;

		wp_msgid_format(&id, text);
		for (i = 0; i < WP_MSGID_LEN; i++)
			if (text[i] >= 'a' && next_random(&seed) % 2 == 0)
				text[i] = (char)(text[i] - 'a' + 'A');
		assert_int_equal(wp_msgid_parse(&back, text, WP_MSGID_LEN),
				 WP_MSGID_OURS);
		assert_true(back.entry.ms == id.entry.ms);
		assert_true(back.entry.seq == id.entry.seq);
		assert_int_equal(back.partition, id.partition);
		assert_int_equal(back.band, id.band);
	}
}

static void text_sorts_as_entries_do_within_a_partition_and_band(void **state)
{
	uint64_t seed = 57;
	int round;

	(void)state;
	for (round = 0; round < 20000; round++) {
		struct wp_msgid a = random_id(&seed), b = random_id(&seed);
		char text_a[WP_MSGID_LEN + 1], text_b[WP_MSGID_LEN + 1];
		int by_text, by_entry;

		b.partition = a.partition;
		b.band = a.band;
		if (round % 2 == 0) /* neighbours in time are the hard case */
			b.entry.ms = a.entry.ms;
		wp_msgid_format(&a, text_a);
		wp_msgid_format(&b, text_b);
		by_text = strcmp(text_a, text_b);
		by_entry = wp_entry_id_cmp(&a.entry, &b.entry);
		assert_int_equal(by_text < 0, by_entry < 0);
		assert_int_equal(by_text > 0, by_entry > 0);
	}
}

static void other_uuids_are_foreign(void **state)
{
	static const char *const foreign[] = {
		"6f1c3f0e-2d0a-4a39-9e7c-0c8f4a1b7d10", /* version 4 */
		"00000000-0000-0000-0000-000000000000", /* nil */
		"ffffffff-ffff-ffff-ffff-ffffffffffff", /* max */
		"00000000-0000-7000-0000-000000000000", /* variants */
		"00000000-0000-7000-4000-000000000000",
		"00000000-0000-7000-c000-000000000000",
		"00000000-0000-6000-8000-000000000000", /* versions */
		"00000000-0000-8000-8000-000000000000",
		"00000000-0000-7000-8000-000000000001", /* the zero bits */
		"00000000-0000-7000-8000-000000010000",
	};
	struct wp_msgid id = { .partition = 7 };
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(foreign); i++)
		assert_int_equal(wp_msgid_parse(&id, foreign[i], 36),
				 WP_MSGID_FOREIGN);
	assert_int_equal(id.partition, 7);
}

static void everything_else_is_no_id(void **state)
{
	static const char good[] = "00000000-0000-7000-8000-000000020000";
	struct wp_msgid id;
	size_t at, len;

	(void)state;
	assert_int_equal(wp_msgid_parse(&id, good, 36), WP_MSGID_OURS);
	for (len = 0; len < 36; len++)
		assert_int_equal(wp_msgid_parse(&id, good, len), WP_MSGID_NONE);
	assert_int_equal(wp_msgid_parse(&id, good, 37), WP_MSGID_NONE);
	for (at = 0; at < 36; at++) {
		static const char wrong[] = { 'g', 'G', '/',  ':',   '@',
					      '`', ' ', '\0', '\xff' };
		char text[37];
		size_t i;

		for (i = 0; i < sizeof(wrong); i++) {
			memcpy(text, good, 37);
			text[at] = wrong[i];
			assert_int_equal(wp_msgid_parse(&id, text, 36),
					 WP_MSGID_NONE);
		}
		memcpy(text, good, 37);
		text[at] = text[at] == '-' ? '0' : '-';
		assert_int_equal(wp_msgid_parse(&id, text, 36), WP_MSGID_NONE);
	}
	assert_int_equal(
		wp_msgid_parse(&id, "{0000000-0000-7000-8000-00000000000}", 36),
		WP_MSGID_NONE);
}

static void entry_ids_read_back(void **state)
{
	static const struct wp_entry_id ends[] = {
		{ 0, 0 }, { 0, 1 }, { MS_MAX, SEQ_MAX }, { 1795225140123, 0 }
	};
	uint64_t seed = 1;
	size_t i;

	(void)state;
	for (i = 0; i < 5000; i++) {
		struct wp_entry_id id =
			i < COUNT(ends) ? ends[i] : random_id(&seed).entry;
		struct wp_entry_id back;
		char text[WP_ENTRY_ID_MAX];

		wp_entry_id_format(&id, text);
		assert_true(wp_entry_id_parse(&back, text, strlen(text)));
		assert_int_equal(wp_entry_id_cmp(&id, &back), 0);
	}
}

static void entry_ids_have_one_spelling_and_a_range(void **state)
{
	static const char *const wrong[] = {
		"",
		"-",
		"1",
		"1-",
		"-1",
		"1--1",
		"1-1-1",
		"01-1",
		"1-01",
		"+1-1",
		"1-+1",
		" 1-1",
		"1-1 ",
		"0x1-1",
		"*",
		"1-*",
		"1.0-1",
		"281474976710656-0",
		"0-1099511627776",
		"18446744073709551616-0",
		"99999999999999999999999999999999-0",
		"0-99999999999999999999999999999999",
	};
	struct wp_entry_id id = { 5, 6 };
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(wrong); i++)
		if (wp_entry_id_parse(&id, wrong[i], strlen(wrong[i])))
			fail_msg("accepted: %s", wrong[i]);
	assert_true(id.ms == 5 && id.seq == 6);
	assert_false(wp_entry_id_parse(&id, "1-1\0", 4));
	assert_true(
		wp_entry_id_parse(&id, "281474976710655-1099511627775x", 29));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_layout_is_the_documented_one),
		cmocka_unit_test(every_id_reads_back_in_either_case),
		cmocka_unit_test(
			text_sorts_as_entries_do_within_a_partition_and_band),
		cmocka_unit_test(other_uuids_are_foreign),
		cmocka_unit_test(everything_else_is_no_id),
		cmocka_unit_test(entry_ids_read_back),
		cmocka_unit_test(entry_ids_have_one_spelling_and_a_range),
	};

	return cmocka_run_group_tests_name("msgid", tests, NULL, NULL);
}
