/* Whose mailbox: everybody must find it in the same partition. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <string.h>

#include <cmocka.h>

#include "lib/base/crc32c.h"
#include "lib/name/box.h"

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
		uint32_t want = wp_crc32c("urn:sm:user:bob", 15) % p;

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
		cmocka_unit_test(
			the_partition_is_the_crc_of_the_canonical_text),
		cmocka_unit_test(the_name_is_the_urn_whatever_was_there_before),
		cmocka_unit_test(the_longest_urn_has_room),
		cmocka_unit_test(
			a_name_reads_back_into_the_partition_where_it_was),
	};

	return cmocka_run_group_tests_name("box", tests, NULL, NULL);
}
