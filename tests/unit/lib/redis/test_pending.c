/* Who asked first is answered first, however the ring wraps and grows. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "lib/redis/pending.h"

static void push(struct wp_pending_ring *ring, uint64_t number)
{
	const struct wp_pending item = { .sent_ms = number };

	assert_true(wp_pending_reserve(ring));
	wp_pending_push(ring, &item);
}

static void order_survives_wrapping_and_growing(void **state)
{
	struct wp_pending_ring ring = { 0 };
	uint64_t in = 0, out = 0;
	int round, i;

	(void)state;

	/* Three in, two out: the head walks while the ring grows. */
	for (round = 0; round < 500; round++) {
		for (i = 0; i < 3; i++)
			push(&ring, in++);
		for (i = 0; i < 2; i++)
			assert_int_equal(wp_pending_pop(&ring).sent_ms, out++);
	}
	while (ring.n > 0)
		assert_int_equal(wp_pending_pop(&ring).sent_ms, out++);

	assert_int_equal(out, in);
	wp_pending_release(&ring);
}

static void an_empty_ring_has_no_front(void **state)
{
	struct wp_pending_ring ring = { 0 };

	(void)state;
	assert_null(wp_pending_front(&ring));
	push(&ring, 7);
	assert_int_equal(wp_pending_front(&ring)->sent_ms, 7);
	(void)wp_pending_pop(&ring);

	assert_null(wp_pending_front(&ring));

	wp_pending_release(&ring);
	wp_pending_release(&ring);
}

static void the_ring_stops_at_its_bound(void **state)
{
	const struct wp_pending item = { 0 };
	struct wp_pending_ring ring = { 0 };
	size_t i;

	(void)state;
	for (i = 0; i < WP_PENDING_MAX; i++) {
		assert_true(wp_pending_reserve(&ring));
		wp_pending_push(&ring, &item);
	}

	assert_false(wp_pending_reserve(&ring));

	(void)wp_pending_pop(&ring);
	assert_true(wp_pending_reserve(&ring));
	wp_pending_release(&ring);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(order_survives_wrapping_and_growing),
		cmocka_unit_test(an_empty_ring_has_no_front),
		cmocka_unit_test(the_ring_stops_at_its_bound),
	};

	return cmocka_run_group_tests_name("pending", tests, NULL, NULL);
}
