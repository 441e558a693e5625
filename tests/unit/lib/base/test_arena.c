/* A request's memory is bounded, clean, and gone with the request. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <stdalign.h>
#include <string.h>

#include <cmocka.h>

#include "lib/base/arena.h"

static void pieces_are_zeroed_aligned_and_apart(void **state)
{
	unsigned char *pieces[64];
	struct wp_arena arena;
	size_t i, j;

	(void)state;
	wp_arena_init(&arena, 1 << 20);
	for (i = 0; i < 64; i++) {
		pieces[i] = wp_arena_alloc(&arena, i * 37);
		assert_non_null(pieces[i]);
		assert_int_equal((uintptr_t)pieces[i] % alignof(max_align_t),
				 0);
		for (j = 0; j < i * 37; j++)
			assert_int_equal(pieces[i][j], 0);
		memset(pieces[i], (int)i + 1, i * 37);
	}
	for (i = 0; i < 64; i++)
		for (j = 0; j < i * 37; j++)
			assert_int_equal(pieces[i][j], i + 1);
	wp_arena_release(&arena);
}

static void the_bound_is_reached_and_not_passed(void **state)
{
	struct wp_arena arena;

	(void)state;
	wp_arena_init(&arena, 1024);
	assert_non_null(wp_arena_alloc(&arena, 1000));
	assert_null(wp_arena_alloc(&arena, 100));
	assert_non_null(wp_arena_alloc(&arena, 16));
	assert_null(wp_arena_alloc(&arena, 1));
	wp_arena_release(&arena);
	assert_null(wp_arena_alloc(&arena, 1025));
	assert_null(wp_arena_alloc(&arena, SIZE_MAX));
	assert_null(wp_arena_copy(&arena, "", SIZE_MAX));
	assert_non_null(wp_arena_alloc(&arena, 1024));
	wp_arena_release(&arena);
}

static void a_bound_that_is_no_multiple_is_still_usable(void **state)
{
	struct wp_arena arena;

	(void)state;
	wp_arena_init(&arena, 1000);
	assert_non_null(wp_arena_alloc(&arena, 1000));
	wp_arena_release(&arena);
}

static void reset_keeps_one_block_and_hands_it_out_clean(void **state)
{
	struct wp_arena arena;
	unsigned char *first, *again;
	size_t i;

	(void)state;
	wp_arena_init(&arena, 1 << 20);
	first = wp_arena_alloc(&arena, 64);
	assert_non_null(first);
	memset(first, 0xaa, 64);
	for (i = 0; i < 50; i++)
		assert_non_null(wp_arena_alloc(&arena, 10000));
	wp_arena_reset(&arena);
	assert_int_equal(arena.used, 0);
	again = wp_arena_alloc(&arena, 64);
	assert_ptr_equal(again, first);
	for (i = 0; i < 64; i++)
		assert_int_equal(again[i], 0);
	wp_arena_release(&arena);
	assert_null(arena.head);
	wp_arena_reset(&arena);
	wp_arena_release(NULL);
}

static void a_reset_gives_the_whole_bound_back(void **state)
{
	struct wp_arena arena;
	int round;

	(void)state;
	wp_arena_init(&arena, 100000);
	for (round = 0; round < 10; round++) {
		assert_non_null(wp_arena_alloc(&arena, 60000));
		assert_null(wp_arena_alloc(&arena, 60000));
		wp_arena_reset(&arena);
	}
	wp_arena_release(&arena);
}

static void a_copy_ends_in_nul_and_may_be_empty(void **state)
{
	struct wp_arena arena;

	(void)state;
	wp_arena_init(&arena, 4096);
	assert_string_equal(wp_arena_copy(&arena, "abcdef", 3), "abc");
	assert_string_equal(wp_arena_copy(&arena, NULL, 0), "");
	assert_memory_equal(wp_arena_copy(&arena, "a\0b", 3), "a\0b", 4);
	wp_arena_release(&arena);
}

static void what_is_secret_is_wiped_by_a_reset(void **state)
{
	static const char zeroes[6];
	struct wp_arena arena;
	const char *copy;

	(void)state;
	wp_arena_init(&arena, 100000);
	arena.is_secret = true;
	copy = wp_arena_copy(&arena, "secret", 6);
	/* Another block, which is freed. */
	assert_non_null(wp_arena_alloc(&arena, 60000));
	wp_arena_reset(&arena);
	assert_memory_equal(copy, zeroes, 6);
	wp_arena_release(&arena);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(pieces_are_zeroed_aligned_and_apart),
		cmocka_unit_test(the_bound_is_reached_and_not_passed),
		cmocka_unit_test(a_bound_that_is_no_multiple_is_still_usable),
		cmocka_unit_test(reset_keeps_one_block_and_hands_it_out_clean),
		cmocka_unit_test(a_reset_gives_the_whole_bound_back),
		cmocka_unit_test(a_copy_ends_in_nul_and_may_be_empty),
		cmocka_unit_test(what_is_secret_is_wiped_by_a_reset),
	};

	return cmocka_run_group_tests_name("arena", tests, NULL, NULL);
}
