/* Whose mailbox: everybody must find it in the same partition. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <string.h>

#include <cmocka.h>

#include "lib/name/box.h"

/*
 * Of any bytes, seen through a name that they make and as many partitions as a
 * CRC has values, but one.
 */
static uint32_t crc_of(const void *bytes, size_t len)
{
	struct wp_urn urn = { .len = (uint8_t)len };
	struct wp_box box;

	memcpy(urn.text, bytes, len);
	wp_box_of(&box, &urn, UINT32_MAX);
	return box.partition;
}

static void the_check_value_of_the_polynomial_holds(void **state)
{
	(void)state;
	assert_int_equal(crc_of("123456789", 9), 0xE3069283);
	assert_int_equal(crc_of("", 0), 0);
}

static void the_vectors_of_rfc_3720_hold(void **state)
{
	unsigned char bytes[32];
	size_t i;

	(void)state;
	memset(bytes, 0, sizeof(bytes));
	assert_int_equal(crc_of(bytes, sizeof(bytes)), 0x8A9136AA);
	memset(bytes, 0xff, sizeof(bytes));
	assert_int_equal(crc_of(bytes, sizeof(bytes)), 0x62A8AB43);
	for (i = 0; i < sizeof(bytes); i++)
		bytes[i] = (unsigned char)i;
	assert_int_equal(crc_of(bytes, sizeof(bytes)), 0x46DD794E);
	for (i = 0; i < sizeof(bytes); i++)
		bytes[i] = (unsigned char)(31 - i);
	assert_int_equal(crc_of(bytes, sizeof(bytes)), 0x113FDB5C);
}

/* The definition, bit by bit. */
static uint32_t slow_crc(const unsigned char *bytes, size_t len)
{
	uint32_t crc = UINT32_MAX;
	size_t i;
	int bit;

	for (i = 0; i < len; i++) {
		crc ^= bytes[i];
		for (bit = 0; bit < 8; bit++)
			crc = crc >> 1 ^ (crc & 1 ? 0x82F63B78U : 0);
	}
	return ~crc;
}

static void the_table_agrees_with_the_definition(void **state)
{
	unsigned char bytes[2];
	unsigned a, b;

	(void)state;
	for (a = 0; a < 256; a++) {
		for (b = 0; b < 256; b++) {
			bytes[0] = (unsigned char)a;
			bytes[1] = (unsigned char)b;
			assert_int_equal(crc_of(bytes, 2),
					 slow_crc(bytes, 2) % UINT32_MAX);
		}
	}
}

static void the_partition_is_the_crc_of_the_canonical_text(void **state)
{
	struct wp_urn full, legacy;
	struct wp_box box;
	uint32_t p;

	(void)state;
	assert_int_equal(wp_urn_parse(&full, "urn:sm:user:bob", 15, NULL),
			 WP_OK);
	assert_int_equal(wp_urn_parse(&legacy, "bob", 3, NULL), WP_OK);
	for (p = 1; p <= 65536; p *= 4) {
		uint32_t want = crc_of("urn:sm:user:bob", 15) % p;

		wp_box_of(&box, &full, p);
		assert_int_equal(box.partition, want);
		wp_box_of(&box, &legacy, p);
		assert_int_equal(box.partition, want);
	}
}

static void the_name_is_the_urn_whatever_was_there_before(void **state)
{
	struct wp_urn urn;
	struct wp_box box;

	(void)state;
	memset(&box, 'x', sizeof(box));
	assert_int_equal(wp_urn_parse(&urn, "bob", 3, NULL), WP_OK);
	wp_box_of(&box, &urn, 8);
	assert_int_equal(box.len, 15);
	assert_string_equal(box.text, "urn:sm:user:bob");
}

static void the_longest_urn_has_room(void **state)
{
	char text[WP_URN_MAX];
	struct wp_urn urn;
	struct wp_box box;

	(void)state;
	memset(text, 'x', sizeof(text));
	memcpy(text, "urn:a:b:", 8);
	assert_int_equal(wp_urn_parse(&urn, text, sizeof(text), NULL), WP_OK);
	wp_box_of(&box, &urn, 8);
	assert_int_equal(box.len, WP_URN_MAX);
	assert_memory_equal(box.text, text, sizeof(text));
	assert_int_equal(box.text[WP_URN_MAX], '\0');
}

static void a_name_reads_back_into_the_partition_where_it_was(void **state)
{
	struct wp_box box;

	(void)state;
	assert_int_equal(wp_box_reread(&box, 9, "urn:sm:user:amy", 15), WP_OK);
	assert_int_equal(box.partition, 9);
	assert_int_equal(box.len, 15);
	assert_string_equal(box.text, "urn:sm:user:amy");
	/* Nothing that was written is a legacy id. */
	assert_int_equal(wp_box_reread(&box, 9, "amy", 3), WP_ERR_INVAL);
	assert_int_equal(wp_box_reread(&box, 9, "", 0), WP_ERR_INVAL);
	assert_int_equal(wp_box_reread(&box, 9, "urn:sm:user:a b", 15),
			 WP_ERR_INVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_check_value_of_the_polynomial_holds),
		cmocka_unit_test(the_vectors_of_rfc_3720_hold),
		cmocka_unit_test(the_table_agrees_with_the_definition),
		cmocka_unit_test(
			the_partition_is_the_crc_of_the_canonical_text),
		cmocka_unit_test(the_name_is_the_urn_whatever_was_there_before),
		cmocka_unit_test(the_longest_urn_has_room),
		cmocka_unit_test(
			a_name_reads_back_into_the_partition_where_it_was),
	};

	return cmocka_run_group_tests_name("box", tests, NULL, NULL);
}
