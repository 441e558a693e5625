/* What one connection is sent of its mailbox, and when that is read. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "lib/delivery/delivery.h"

enum { WINDOW = 4, BYTES = 100, SMALL = 10 };

static struct wp_delivery delivery;
static struct wp_band_from places[WP_BANDS];

static int begin(void **state)
{
	struct wp_error err;

	(void)state;
	return wp_delivery_init(&delivery, WINDOW, BYTES, &err) == WP_OK ? 0
									 : -1;
}

static int end(void **state)
{
	(void)state;
	wp_delivery_release(&delivery);
	return 0;
}

static bool take(enum wp_band band, uint64_t ms, size_t bytes)
{
	const struct wp_entry_id entry = { .ms = ms };

	return wp_delivery_take(&delivery, band, &entry, bytes);
}

static bool ack(enum wp_band band, uint64_t ms)
{
	const struct wp_entry_id entry = { .ms = ms };

	return wp_delivery_acked(&delivery, band, &entry);
}

static size_t ask(void)
{
	return wp_delivery_ask(&delivery, places);
}

/* A poke, and a page of n small ones of the standard band from first on. */
static void send(uint64_t first, size_t n)
{
	wp_delivery_poke(&delivery);
	assert_true(ask() > 0);
	for (size_t i = 0; i < n; i++)
		assert_true(take(WP_BAND_STANDARD, first + i, SMALL));
	wp_delivery_read(&delivery, false);
}

static void nothing_is_read_without_a_poke(void **state)
{
	(void)state;
	assert_int_equal(ask(), 0);
	wp_delivery_poke(&delivery);
	assert_int_equal(ask(), WINDOW);
	assert_int_equal(ask(), 0);
	wp_delivery_read(&delivery, false);
	assert_int_equal(ask(), 0);
}

static void a_poke_while_a_page_is_read_has_one_of_its_own(void **state)
{
	(void)state;
	wp_delivery_poke(&delivery);
	assert_true(ask() > 0);
	wp_delivery_poke(&delivery);
	assert_int_equal(ask(), 0);
	wp_delivery_read(&delivery, false);
	assert_int_equal(ask(), WINDOW);
}

static void each_band_goes_on_where_it_was(void **state)
{
	(void)state;
	wp_delivery_poke(&delivery);
	assert_true(ask() > 0);
	assert_false(places[WP_BAND_HIGH].has_after);
	assert_false(places[WP_BAND_STANDARD].has_after);
	assert_true(take(WP_BAND_HIGH, 9, SMALL));
	assert_true(take(WP_BAND_STANDARD, 3, SMALL));
	wp_delivery_read(&delivery, true);

	assert_int_equal(ask(), WINDOW - 2);
	assert_int_equal(places[WP_BAND_HIGH].after.ms, 9);
	assert_int_equal(places[WP_BAND_STANDARD].after.ms, 3);
}

static void a_full_window_is_read_for_when_half_is_free(void **state)
{
	(void)state;
	wp_delivery_poke(&delivery);
	assert_int_equal(ask(), WINDOW);
	for (uint64_t ms = 1; ms <= WINDOW; ms++)
		assert_true(take(WP_BAND_STANDARD, ms, SMALL));
	assert_false(take(WP_BAND_STANDARD, WINDOW + 1, SMALL));
	wp_delivery_read(&delivery, false);

	assert_int_equal(ask(), 0);
	assert_true(ack(WP_BAND_STANDARD, 2));
	assert_int_equal(ask(), 0);
	assert_true(ack(WP_BAND_STANDARD, 1));
	assert_int_equal(ask(), WINDOW / 2);
	assert_int_equal(places[WP_BAND_STANDARD].after.ms, WINDOW);
}

/* Whoever acks only when the window is full gets it full. */
static void more_than_half_a_window_is_filled_up(void **state)
{
	(void)state;
	send(1, WINDOW - 1);
	wp_delivery_poke(&delivery);
	assert_int_equal(ask(), 1);
}

static void bytes_bound_the_window_too(void **state)
{
	(void)state;
	wp_delivery_poke(&delivery);
	assert_true(ask() > 0);
	assert_true(take(WP_BAND_STANDARD, 1, 60));
	assert_true(take(WP_BAND_STANDARD, 2, 20));
	assert_false(take(WP_BAND_STANDARD, 3, 50));
	wp_delivery_read(&delivery, false);

	/* The third is not read again before it fits. */
	assert_int_equal(ask(), 0);
	assert_true(ack(WP_BAND_STANDARD, 2));
	assert_int_equal(ask(), 0);
	assert_true(ack(WP_BAND_STANDARD, 1));
	assert_int_equal(ask(), WINDOW);
	assert_int_equal(places[WP_BAND_STANDARD].after.ms, 2);
}

static void an_ack_frees_bytes_for_what_had_no_room(void **state)
{
	(void)state;
	wp_delivery_poke(&delivery);
	assert_true(ask() > 0);
	assert_true(take(WP_BAND_STANDARD, 1, 60));
	assert_true(take(WP_BAND_STANDARD, 2, 20));
	assert_false(take(WP_BAND_STANDARD, 3, 80));
	wp_delivery_read(&delivery, false);
	assert_true(ack(WP_BAND_STANDARD, 1));
	assert_true(ask() > 0);
	assert_true(take(WP_BAND_STANDARD, 3, 80));
	wp_delivery_read(&delivery, false);
}

/* It expired, or somebody else acked it. */
static void what_had_no_room_and_is_gone_holds_nothing_up(void **state)
{
	(void)state;
	wp_delivery_poke(&delivery);
	assert_true(ask() > 0);
	assert_true(take(WP_BAND_STANDARD, 1, 60));
	assert_true(take(WP_BAND_STANDARD, 2, 20));
	assert_false(take(WP_BAND_STANDARD, 3, 80));
	wp_delivery_read(&delivery, false);
	assert_true(ack(WP_BAND_STANDARD, 1));
	assert_true(ask() > 0);
	assert_true(take(WP_BAND_STANDARD, 4, 30));
	wp_delivery_read(&delivery, true);
	assert_true(ask() > 0);
}

static void one_that_is_longer_than_all_goes_alone(void **state)
{
	(void)state;
	wp_delivery_poke(&delivery);
	assert_true(ask() > 0);
	assert_true(take(WP_BAND_STANDARD, 1, 2 * BYTES));
	assert_false(take(WP_BAND_STANDARD, 2, 1));
	wp_delivery_read(&delivery, false);
	assert_int_equal(ask(), 0);
	assert_true(ack(WP_BAND_STANDARD, 1));
	assert_int_equal(ask(), WINDOW);
}

static void a_page_that_failed_comes_again_later(void **state)
{
	static const int64_t waits[] = { 1000, 2000, 4000, 8000, 8000, 8000 };

	(void)state;
	wp_delivery_poke(&delivery);
	for (size_t i = 0; i < sizeof(waits) / sizeof(waits[0]); i++) {
		assert_int_equal(ask(), WINDOW);
		assert_int_equal(wp_delivery_failed(&delivery), waits[i]);
		wp_delivery_poke(&delivery);
		assert_int_equal(ask(), 0);
		wp_delivery_retry(&delivery);
	}
	assert_int_equal(ask(), WINDOW);
	wp_delivery_read(&delivery, true);
	assert_int_equal(ask(), WINDOW);
	assert_int_equal(wp_delivery_failed(&delivery), waits[0]);
	wp_delivery_retry(&delivery);
	/* Without a poke as well. */
	assert_int_equal(ask(), WINDOW);
}

static void an_ack_of_what_is_not_on_its_way_is_told(void **state)
{
	(void)state;
	send(1, 2);
	assert_false(ack(WP_BAND_STANDARD, 3));
	assert_false(ack(WP_BAND_HIGH, 1));
	assert_true(ack(WP_BAND_STANDARD, 1));
	assert_false(ack(WP_BAND_STANDARD, 1));
	assert_true(ack(WP_BAND_STANDARD, 2));
}

/* A dead letter has its old place when it is put back. */
static void what_is_put_back_in_front_is_found_when_all_is_acked(void **state)
{
	(void)state;
	send(5, 1);
	wp_delivery_poke(&delivery);
	assert_true(ask() > 0);
	assert_true(places[WP_BAND_STANDARD].has_after);
	wp_delivery_read(&delivery, false);

	assert_int_equal(ask(), 0);
	assert_true(ack(WP_BAND_STANDARD, 5));
	assert_int_equal(ask(), WINDOW);
	assert_false(places[WP_BAND_STANDARD].has_after);
	wp_delivery_read(&delivery, false);
	/* Once, not for ever. */
	assert_int_equal(ask(), 0);
}

/* Whoever acks at once costs no page but those that were poked for. */
static void an_empty_window_alone_is_no_reason_to_read(void **state)
{
	(void)state;
	for (uint64_t ms = 1; ms < 10; ms++) {
		send(ms, 1);
		assert_false(places[WP_BAND_STANDARD].has_after);
		assert_true(ack(WP_BAND_STANDARD, ms));
		assert_int_equal(ask(), 0);
	}
}

static void an_empty_window_keeps_its_place_while_there_is_more(void **state)
{
	(void)state;
	wp_delivery_poke(&delivery);
	assert_true(ask() > 0);
	assert_true(take(WP_BAND_STANDARD, 7, SMALL));
	wp_delivery_read(&delivery, true);
	assert_true(ack(WP_BAND_STANDARD, 7));
	assert_int_equal(ask(), WINDOW);
	assert_int_equal(places[WP_BAND_STANDARD].after.ms, 7);
	/* And nobody poked meanwhile, so there is nothing in front of it. */
	wp_delivery_read(&delivery, false);
	assert_int_equal(ask(), 0);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(nothing_is_read_without_a_poke),
		CASE(a_poke_while_a_page_is_read_has_one_of_its_own),
		CASE(each_band_goes_on_where_it_was),
		CASE(a_full_window_is_read_for_when_half_is_free),
		CASE(more_than_half_a_window_is_filled_up),
		CASE(bytes_bound_the_window_too),
		CASE(an_ack_frees_bytes_for_what_had_no_room),
		CASE(what_had_no_room_and_is_gone_holds_nothing_up),
		CASE(one_that_is_longer_than_all_goes_alone),
		CASE(a_page_that_failed_comes_again_later),
		CASE(an_ack_of_what_is_not_on_its_way_is_told),
		CASE(what_is_put_back_in_front_is_found_when_all_is_acked),
		CASE(an_empty_window_alone_is_no_reason_to_read),
		CASE(an_empty_window_keeps_its_place_while_there_is_more),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
