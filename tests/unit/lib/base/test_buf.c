/* One ceiling, one flag: whatever is appended, the owner asks only once. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "lib/base/buf.h"
#include "lib/base/json.h"
#include "lib/base/utf8.h"

static uint64_t next_random(uint64_t *seed)
{
	*seed ^= *seed << 13;
	*seed ^= *seed >> 7;
	*seed ^= *seed << 17;
	return *seed;
}

static void appends_keep_order_and_a_nul_behind(void **state)
{
	struct wp_buf buf;

	(void)state;
	wp_buf_init(&buf, 0);
	assert_null(buf.data);
	wp_buf_add_str(&buf, "ab");
	wp_buf_add_char(&buf, 'c');
	wp_buf_printf(&buf, "%d%s", 12, "x");
	wp_buf_add_int(&buf, -34);
	wp_buf_add(&buf, "\0z", 2);
	assert_false(buf.failed);
	assert_int_equal(buf.len, 11);
	assert_memory_equal(buf.data, "abc12x-34\0z", 12);
	wp_buf_release(&buf);
	assert_null(buf.data);
	assert_int_equal(buf.len, 0);
	wp_buf_release(&buf);
	wp_buf_release(NULL);
}

static void nothing_appended_is_still_a_text(void **state)
{
	struct wp_buf buf;

	(void)state;
	wp_buf_init(&buf, 0);
	wp_buf_add(&buf, NULL, 0);
	assert_false(buf.failed);
	assert_string_equal(buf.data, "");
	wp_buf_release(&buf);
}

static void growth_keeps_every_byte(void **state)
{
	struct wp_buf buf;
	size_t i;

	(void)state;
	wp_buf_init(&buf, 0);
	for (i = 0; i < 100000; i++)
		wp_buf_add_char(&buf, (char)('a' + i % 26));
	assert_int_equal(buf.len, 100000);
	assert_int_equal(strlen(buf.data), 100000);
	for (i = 0; i < buf.len; i++)
		assert_int_equal(buf.data[i], 'a' + i % 26);
	wp_buf_release(&buf);
}

static void the_ceiling_itself_fits_and_one_more_does_not(void **state)
{
	struct wp_buf buf;

	(void)state;
	wp_buf_init(&buf, 8);
	wp_buf_add_str(&buf, "12345678");
	assert_false(buf.failed);
	wp_buf_add_char(&buf, '9');
	assert_true(buf.failed);
	assert_string_equal(buf.data, "12345678");
	wp_buf_release(&buf);
}

static void after_a_failure_nothing_more_is_appended(void **state)
{
	struct wp_buf buf;

	(void)state;
	wp_buf_init(&buf, 4);
	wp_buf_add_str(&buf, "ab");
	wp_buf_add_str(&buf, "too long");
	wp_buf_add_str(&buf, "c");
	wp_buf_printf(&buf, "%d", 1);
	wp_buf_add_json(&buf, "", 0);
	wp_buf_add_base64(&buf, "", 0);
	assert_null(wp_buf_reserve(&buf, 0));
	assert_true(buf.failed);
	assert_string_equal(buf.data, "ab");
	wp_buf_clear(&buf);
	assert_false(buf.failed);
	assert_string_equal(buf.data, "");
	wp_buf_add_str(&buf, "cd");
	assert_string_equal(buf.data, "cd");
	wp_buf_release(&buf);
	assert_int_equal(buf.max_bytes, 4);
}

static void absurd_lengths_fail_before_any_arithmetic_wraps(void **state)
{
	const size_t lens[] = { SIZE_MAX, SIZE_MAX - 1, SIZE_MAX / 2,
				(size_t)PTRDIFF_MAX };
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(lens) / sizeof(lens[0]); i++) {
		struct wp_buf buf;

		wp_buf_init(&buf, 0);
		wp_buf_add_str(&buf, "x");
		assert_null(wp_buf_reserve(&buf, lens[i]));
		assert_true(buf.failed);
		assert_string_equal(buf.data, "x");
		wp_buf_release(&buf);
	}
}

static void reserved_room_may_be_used_in_part(void **state)
{
	struct wp_buf buf;
	char *room;

	(void)state;
	wp_buf_init(&buf, 0);
	wp_buf_add_str(&buf, "ab");
	room = wp_buf_reserve(&buf, 100);
	assert_non_null(room);
	assert_ptr_equal(room, buf.data + 2);
	assert_int_equal(buf.len, 2);
	memcpy(room, "cd", 2);
	buf.len += 2;
	wp_buf_add_str(&buf, "e");
	assert_string_equal(buf.data, "abcde");
	room = wp_buf_reserve(&buf, 3);
	assert_non_null(room);
	memcpy(room, "xyz", 3);
	buf.len += 3;
	assert_string_equal(buf.data, "abcdexyz");
	wp_buf_release(&buf);
}

static void consume_drops_the_front(void **state)
{
	struct wp_buf buf;

	(void)state;
	wp_buf_init(&buf, 0);
	wp_buf_consume(&buf, 0);
	wp_buf_add_str(&buf, "abcdef");
	wp_buf_consume(&buf, 2);
	assert_string_equal(buf.data, "cdef");
	wp_buf_consume(&buf, 4);
	assert_int_equal(buf.len, 0);
	assert_string_equal(buf.data, "");
	wp_buf_release(&buf);
}

static void json_is(const char *text, size_t len, const char *want)
{
	struct wp_buf buf;

	wp_buf_init(&buf, 0);
	wp_buf_add_json(&buf, text, len);
	assert_string_equal(buf.data, want);
	wp_buf_release(&buf);
}

static void json_escapes_what_it_must_and_nothing_else(void **state)
{
	(void)state;
	json_is("", 0, "\"\"");
	json_is("a/b <&>\x7f", 8, "\"a/b <&>\x7f\"");
	json_is("\"\\", 2, "\"\\\"\\\\\"");
	json_is("\0\n\x1f", 3, "\"\\u0000\\u000a\\u001f\"");
	json_is("\xc3\xa9\xf0\x9f\x98\x80", 6, "\"\xc3\xa9\xf0\x9f\x98\x80\"");
}

static void json_replaces_bytes_that_are_no_utf8(void **state)
{
	(void)state;
	json_is("a\xff"
		"b",
		3,
		"\"a\xef\xbf\xbd"
		"b\"");
	json_is("\xc3", 1, "\"\xef\xbf\xbd\"");
	/* A surrogate: three bytes, none of which is a character. */
	json_is("\xed\xa0\x80", 3, "\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\"");
	/* Good characters beside bad bytes stay. */
	json_is("\xc3\xa9\xff\xc3\xa9", 5, "\"\xc3\xa9\xef\xbf\xbd\xc3\xa9\"");
}

static void whatever_the_bytes_the_json_string_is_valid(void **state)
{
	uint64_t seed = 20261121;
	struct wp_buf buf, back;
	int round;

	(void)state;
	wp_buf_init(&buf, 0);
	wp_buf_init(&back, 0);
	for (round = 0; round < 20000; round++) {
		struct wp_json_slice slice;
		struct wp_json js;
		char bytes[24];
		size_t len = next_random(&seed) % (sizeof(bytes) + 1);
		size_t i;

		for (i = 0; i < len; i++)
			bytes[i] = (char)(next_random(&seed) >> 24);
		wp_buf_clear(&buf);
		wp_buf_clear(&back);
		wp_buf_add_json(&buf, bytes, len);
		wp_json_init(&js, buf.data, buf.len);
		assert_true(wp_json_string(&js, &slice));
		assert_true(wp_json_end(&js));
		wp_json_decode(&slice, &back);
		if (wp_utf8_is_valid(bytes, len)) {
			assert_int_equal(back.len, len);
			assert_memory_equal(back.data, bytes, len);
		}
	}
	wp_buf_release(&buf);
	wp_buf_release(&back);
}

static void base64_is_appended_with_padding(void **state)
{
	struct wp_buf buf;

	(void)state;
	wp_buf_init(&buf, 0);
	wp_buf_add_str(&buf, "x=");
	wp_buf_add_base64(&buf, "\xfb\xff", 2);
	assert_string_equal(buf.data, "x=+/8=");
	wp_buf_add_base64(&buf, "", 0);
	assert_string_equal(buf.data, "x=+/8=");
	wp_buf_add_base64(&buf, "x", SIZE_MAX);
	assert_true(buf.failed);
	wp_buf_release(&buf);
}

static void borrowed_memory_below_its_ceiling_is_never_replaced(void **state)
{
	char memory[16];
	struct wp_buf buf = { .data = memory,
			      .cap = sizeof(memory),
			      .max_bytes = sizeof(memory) - 1 };

	(void)state;
	wp_buf_add_str(&buf, "123456789012345");
	assert_false(buf.failed);
	assert_ptr_equal(buf.data, memory);
	wp_buf_add_char(&buf, '6');
	assert_true(buf.failed);
	assert_ptr_equal(buf.data, memory);
	assert_string_equal(memory, "123456789012345");
}

/* Is there nothing but zeroes from at on? */
static bool is_wiped(const struct wp_buf *buf, size_t at)
{
	while (at < buf->cap && buf->data[at] == 0)
		at++;
	return at == buf->cap;
}

static void what_is_secret_is_wiped_with_what_was_cut_off(void **state)
{
	struct wp_buf buf;

	(void)state;
	wp_buf_init(&buf, 0);
	buf.is_secret = true;
	/* It grows, and more than once. */
	for (int i = 0; i < 100; i++)
		wp_buf_add_str(&buf, "secret");
	assert_int_equal(buf.len, 600);
	for (int i = 0; i < 100; i++)
		assert_memory_equal(buf.data + 6 * i, "secret", 6);
	wp_buf_consume(&buf, 570);
	assert_string_equal(buf.data, "secretsecretsecretsecretsecret");
	assert_true(is_wiped(&buf, 30));
	buf.len = 6;
	wp_buf_clear(&buf);
	assert_true(is_wiped(&buf, 0));
	wp_buf_add_str(&buf, "secret");
	wp_buf_release(&buf);
	assert_true(buf.is_secret);
}

/* It is written in place, where a text that is not fits, too. */
static void a_secret_needs_no_more_room_than_others(void **state)
{
	struct wp_buf buf;

	(void)state;
	wp_buf_init(&buf, 6);
	buf.is_secret = true;
	wp_buf_printf(&buf, "%s", "sec");
	wp_buf_printf(&buf, "%s", "ret");
	assert_false(buf.failed);
	assert_string_equal(buf.data, "secret");
	wp_buf_consume(&buf, 3);
	wp_buf_printf(&buf, "%s", "long");
	assert_true(buf.failed);
	assert_string_equal(buf.data, "ret");
	assert_true(is_wiped(&buf, 3));
	wp_buf_release(&buf);
}

static void what_is_not_is_not(void **state)
{
	struct wp_buf buf;

	(void)state;
	wp_buf_init(&buf, 0);
	wp_buf_add_str(&buf, "public");
	wp_buf_clear(&buf);
	assert_string_equal(buf.data + 1, "ublic");
	wp_buf_release(&buf);
	assert_false(buf.is_secret);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(appends_keep_order_and_a_nul_behind),
		cmocka_unit_test(nothing_appended_is_still_a_text),
		cmocka_unit_test(growth_keeps_every_byte),
		cmocka_unit_test(the_ceiling_itself_fits_and_one_more_does_not),
		cmocka_unit_test(after_a_failure_nothing_more_is_appended),
		cmocka_unit_test(
			absurd_lengths_fail_before_any_arithmetic_wraps),
		cmocka_unit_test(reserved_room_may_be_used_in_part),
		cmocka_unit_test(consume_drops_the_front),
		cmocka_unit_test(json_escapes_what_it_must_and_nothing_else),
		cmocka_unit_test(json_replaces_bytes_that_are_no_utf8),
		cmocka_unit_test(whatever_the_bytes_the_json_string_is_valid),
		cmocka_unit_test(base64_is_appended_with_padding),
		cmocka_unit_test(
			borrowed_memory_below_its_ceiling_is_never_replaced),
		cmocka_unit_test(what_is_secret_is_wiped_with_what_was_cut_off),
		cmocka_unit_test(a_secret_needs_no_more_room_than_others),
		cmocka_unit_test(what_is_not_is_not),
	};

	return cmocka_run_group_tests_name("buf", tests, NULL, NULL);
}
