/* The value of an entry: what is written is read, and nothing else. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "lib/mailbox/entry.h"
#include "tests/support/boxes.h"

enum { PARTITION = 7 };

#define BOB "urn:sm:user:bob"

static void what_is_written_is_read(void **state)
{
	static const struct {
		enum wp_band band;
		bool is_ephemeral;
	} cases[] = { { WP_BAND_STANDARD, false },
		      { WP_BAND_HIGH, false },
		      { WP_BAND_STANDARD, true },
		      { WP_BAND_HIGH, true } };
	const struct wp_box bob = wp_test_box(PARTITION, BOB);

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char value[WP_ENTRY_HEAD_MAX + 2];
		struct wp_entry entry;
		size_t len = wp_entry_head(value, &bob, cases[i].band,
					   cases[i].is_ephemeral);

		assert_int_equal(len, WP_ENTRY_HEAD + strlen(BOB));
		memcpy(value + len, "{}", 2);
		assert_true(wp_entry_read(&entry, value, len + 2));
		assert_int_equal(entry.band, cases[i].band);
		assert_int_equal(entry.is_ephemeral, cases[i].is_ephemeral);
		assert_int_equal(entry.urn_len, strlen(BOB));
		assert_memory_equal(entry.urn, BOB, strlen(BOB));
		assert_int_equal(entry.envelope_len, 2);
		assert_memory_equal(entry.envelope, "{}", 2);
	}
}

static void the_longest_name_fits(void **state)
{
	char name[WP_BOX_MAX + 1], value[WP_ENTRY_HEAD_MAX + 1];
	struct wp_entry entry;
	struct wp_box box;
	size_t len;

	(void)state;
	memset(name, 'x', WP_BOX_MAX);
	name[WP_BOX_MAX] = '\0';
	memcpy(name, "urn:a:b:", 8);
	assert_int_equal(wp_box_reread(&box, PARTITION, name, WP_BOX_MAX),
			 WP_OK);
	len = wp_entry_head(value, &box, WP_BAND_STANDARD, false);
	assert_int_equal(len, WP_ENTRY_HEAD_MAX);
	value[len] = 'e';
	assert_true(wp_entry_read(&entry, value, len + 1));
	assert_int_equal(entry.urn_len, WP_BOX_MAX);
	assert_int_equal(entry.envelope_len, 1);
}

/* Room is made for the name of a device, which nobody writes yet. */
static void a_device_is_passed_over(void **state)
{
	static const char value[] = "\1\0\3\2rrrrrrrrurnd1{}";
	struct wp_entry entry;

	(void)state;
	assert_true(wp_entry_read(&entry, value, sizeof(value) - 1));
	assert_int_equal(entry.urn_len, 3);
	assert_memory_equal(entry.urn, "urn", 3);
	assert_int_equal(entry.envelope_len, 2);
	assert_memory_equal(entry.envelope, "{}", 2);
}

/* Nothing behind the end is looked at: each is in memory of its own. */
static void nothing_else_is_an_entry(void **state)
{
	static const struct {
		const char *text;
		size_t len;
	} cases[] = {
		{ "", 0 },
		{ "\1", 1 },
		{ "\1\0\1\0rrrrrrrru", 13 },
		{ "\1\0\1\1rrrrrrrrud", 14 },
		{ "\1\0\0\0rrrrrrrre", 13 },
		{ "\1\0\377\377rrrrrrrrue", 14 },
		{ "\2\0\1\0rrrrrrrrue", 14 },
		{ "{\"recipientId\":\"urn:sm:user:bob\"}", 33 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char *value = malloc(cases[i].len > 0 ? cases[i].len : 1);
		struct wp_entry entry;

		assert_non_null(value);
		memcpy(value, cases[i].text, cases[i].len);
		assert_false(wp_entry_read(&entry, value, cases[i].len));
		free(value);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_written_is_read),
		cmocka_unit_test(the_longest_name_fits),
		cmocka_unit_test(a_device_is_passed_over),
		cmocka_unit_test(nothing_else_is_an_entry),
	};

	return cmocka_run_group_tests_name("entry", tests, NULL, NULL);
}
