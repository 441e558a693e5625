/* When what a crowd has left behind is given back to the system. */
#include <malloc.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "ws-daemon/heap.h"

static size_t free_bytes;
static int n_counts;
static int n_trims;

int __wrap_malloc_trim(size_t pad);
struct mallinfo2 __wrap_mallinfo2(void);

int __wrap_malloc_trim(size_t pad)
{
	(void)pad;
	n_trims++;
	return 1;
}

struct mallinfo2 __wrap_mallinfo2(void)
{
	n_counts++;
	return (struct mallinfo2){ .fordblks = free_bytes };
}

static struct wp_heap heap;

static int setup(void **state)
{
	*state = ev_loop_new(EVFLAG_AUTO);
	wp_heap_init(&heap, *state);
	free_bytes = 0;
	n_counts = 0;
	n_trims = 0;
	return *state == NULL ? -1 : 0;
}

static int teardown(void **state)
{
	wp_heap_release(&heap);
	ev_loop_destroy(*state);
	return 0;
}

static void crowd_comes_and_goes(size_t n)
{
	wp_heap_look(&heap, n, false);
	wp_heap_look(&heap, 0, false);
}

static void work_for(long us)
{
	struct timespec since;
	struct timespec now;

	(void)clock_gettime(CLOCK_THREAD_CPUTIME_ID, &since);
	do
		(void)clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
	while ((now.tv_sec - since.tv_sec) * 1000000 +
		       (now.tv_nsec - since.tv_nsec) / 1000 <=
	       us);
}

static void what_little_is_left_goes_at_once(void **state)
{
	(void)state;
	free_bytes = WP_HEAP_AT_ONCE;
	crowd_comes_and_goes(WP_HEAP_CROWD - 1);
	assert_int_equal(n_trims, 0);
	crowd_comes_and_goes(WP_HEAP_CROWD);
	assert_int_equal(n_trims, 1);
	assert_false(ev_is_active(&heap.idle));
	/* Nobody has come since. */
	wp_heap_look(&heap, 0, false);
	assert_int_equal(n_trims, 1);
	/* In two steps, and again. */
	wp_heap_look(&heap, 2 * WP_HEAP_CROWD, false);
	wp_heap_look(&heap, WP_HEAP_CROWD, false);
	wp_heap_look(&heap, 1, false);
	assert_int_equal(n_trims, 2);
	wp_heap_look(&heap, 0, false);
	assert_int_equal(n_trims, 3);
}

static void nothing_goes_before_all_are_forgotten(void **state)
{
	(void)state;
	wp_heap_look(&heap, WP_HEAP_CROWD, false);
	wp_heap_look(&heap, 0, true);
	assert_int_equal(n_trims, 0);
	wp_heap_look(&heap, 0, false);
	assert_int_equal(n_trims, 1);
}

static void much_goes_when_there_is_nothing_to_do(void **state)
{
	struct ev_loop *loop = *state;

	free_bytes = WP_HEAP_AT_ONCE + 1;
	crowd_comes_and_goes(WP_HEAP_CROWD);
	assert_int_equal(n_trims, 0);
	assert_true(ev_is_active(&heap.idle));

	work_for(WP_HEAP_IDLE_US);
	ev_invoke(loop, &heap.idle, EV_TIMER);
	assert_int_equal(n_trims, 0);
	/* More who leave do not begin the wait anew, and what is free is not
	 * counted again. */
	crowd_comes_and_goes(WP_HEAP_CROWD);
	assert_int_equal(n_counts, 1);
	assert_true(ev_is_active(&heap.idle));

	ev_invoke(loop, &heap.idle, EV_TIMER);
	assert_int_equal(n_trims, 1);
	assert_false(ev_is_active(&heap.idle));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(what_little_is_left_goes_at_once),
		TEST(nothing_goes_before_all_are_forgotten),
		TEST(much_goes_when_there_is_nothing_to_do),
	};

	return cmocka_run_group_tests_name("heap", tests, NULL, NULL);
}
