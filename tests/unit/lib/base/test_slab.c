/* Objects of a slab are zeroed and apart, and their memory is given back. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include <cmocka.h>

#include "lib/base/slab.h"

enum { MANY = 1000, PAGE = 4096 };

static void fill(struct wp_slab *slab, unsigned char **objects)
{
	for (size_t i = 0; i < MANY; i++) {
		objects[i] = wp_slab_alloc(slab);
		assert_non_null(objects[i]);
		assert_int_equal((uintptr_t)objects[i] % 8, 0);
		for (size_t k = 0; k < slab->size; k++)
			assert_int_equal(objects[i][k], 0);
		memset(objects[i], (int)(i % 251) + 1, slab->size);
	}
	for (size_t i = 0; i < MANY; i++)
		for (size_t k = 0; k < slab->size; k++)
			assert_int_equal(objects[i][k], i % 251 + 1);
}

static void objects_are_zeroed_aligned_and_apart(void **state)
{
	static const size_t sizes[] = { 1, 32, 51, 168, 1000, 1024 };
	unsigned char *objects[MANY];

	(void)state;
	for (size_t s = 0; s < sizeof(sizes) / sizeof(sizes[0]); s++) {
		struct wp_slab slab;

		wp_slab_init(&slab, sizes[s]);
		assert_true(slab.size >= sizes[s]);
		fill(&slab, objects);
		for (size_t i = 0; i < MANY; i++)
			wp_slab_free(&slab, objects[i]);
		assert_int_equal(slab.n, 0);
		fill(&slab, objects); /* again, in what was used */
		for (size_t i = MANY; i-- > 0;)
			wp_slab_free(&slab, objects[i]);
		wp_slab_release(&slab);
	}
}

static int by_address(const void *a, const void *b)
{
	uintptr_t x = *(const uintptr_t *)a;
	uintptr_t y = *(const uintptr_t *)b;

	return x < y ? -1 : x > y;
}

/* How many chunks do these lie in? Sorts them. */
static size_t chunks_of(unsigned char **objects, size_t n)
{
	size_t chunks = 0;

	qsort(objects, n, sizeof(*objects), by_address);
	for (size_t i = 0; i < n; i++)
		chunks += i == 0 ||
			  (uintptr_t)objects[i] / WP_SLAB_CHUNK !=
				  (uintptr_t)objects[i - 1] / WP_SLAB_CHUNK;
	return chunks;
}

static void what_is_vacant_is_taken_before_more_memory_is(void **state)
{
	unsigned char *objects[MANY];
	struct wp_slab slab;
	size_t chunks;

	(void)state;
	wp_slab_init(&slab, 40);
	fill(&slab, objects);
	chunks = chunks_of(objects, MANY);
	assert_int_equal(chunks, (MANY + slab.per_chunk - 1) / slab.per_chunk);
	for (size_t i = 0; i < MANY; i += 3)
		wp_slab_free(&slab, objects[i]);
	for (size_t i = 0; i < MANY; i += 3)
		objects[i] = wp_slab_alloc(&slab);
	assert_int_equal(chunks_of(objects, MANY), chunks);
	for (size_t i = 0; i < MANY; i++)
		wp_slab_free(&slab, objects[i]);
	wp_slab_release(&slab);
}

/* Is the memory of an object still there? */
static bool is_there(unsigned char *object)
{
	return msync(object - (uintptr_t)object % PAGE, PAGE, MS_ASYNC) == 0;
}

static void memory_is_given_back(void **state)
{
	unsigned char *objects[MANY];
	struct wp_slab slab;
	size_t kept = 0;

	(void)state;
	wp_slab_init(&slab, 168);
	fill(&slab, objects);
	for (size_t i = 0; i < MANY; i++)
		assert_true(is_there(objects[i]));
	for (size_t i = 0; i < MANY; i++)
		wp_slab_free(&slab, objects[i]);
	/* But for a chunk. */
	for (size_t i = 0; i < MANY; i++)
		kept += is_there(objects[i]);
	assert_in_range(kept, 1, slab.per_chunk);
	wp_slab_release(&slab);
	for (size_t i = 0; i < MANY; i++)
		assert_false(is_there(objects[i]));
}

static void nothing_can_be_freed(void **state)
{
	struct wp_slab slab;

	(void)state;
	wp_slab_init(&slab, 64);
	wp_slab_free(&slab, NULL);
	assert_int_equal(slab.n, 0);
	wp_slab_release(&slab);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(objects_are_zeroed_aligned_and_apart),
		cmocka_unit_test(what_is_vacant_is_taken_before_more_memory_is),
		cmocka_unit_test(memory_is_given_back),
		cmocka_unit_test(nothing_can_be_freed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
