/* Who gets a place, who waits, in which order, and who is sent away. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <pthread.h>

#include <cmocka.h>

#include "handlers/room.h"

enum { PLACES = 3, THREADS = 8, ROUNDS = 5000 };

static int guests[8];

static void places_first_then_seats_then_nothing(void **state)
{
	struct wp_room *room = wp_room_new(2, 3);

	(void)state;

	assert_true(wp_room_await_place(room, 0));
	assert_int_equal(wp_room_enter(room, &guests[0]), WP_ROOM_WORK);
	assert_int_equal(wp_room_enter(room, &guests[1]), WP_ROOM_WORK);
	assert_false(wp_room_await_place(room, 0));
	/* More rounds than the ring has room for. */
	for (int round = 0; round < 7; round++) {
		for (int i = 2; i < 5; i++)
			assert_int_equal(wp_room_enter(room, &guests[i]),
					 WP_ROOM_WAIT);
		assert_int_equal(wp_room_enter(room, &guests[5]), WP_ROOM_FULL);
		assert_ptr_equal(wp_room_leave(room), &guests[2]);
		assert_int_equal(wp_room_enter(room, &guests[5]), WP_ROOM_WAIT);
		for (int i = 3; i < 6; i++)
			assert_ptr_equal(wp_room_leave(room), &guests[i]);
	}
	assert_null(wp_room_leave(room));
	assert_true(wp_room_await_place(room, 0));
	assert_int_equal(wp_room_enter(room, &guests[0]), WP_ROOM_WORK);
	assert_false(wp_room_await_place(room, 1));
	assert_null(wp_room_leave(room));
	assert_null(wp_room_leave(room));
	wp_room_free(&room);
	assert_null(room);
}

static void without_seats_nobody_waits(void **state)
{
	struct wp_room *room = wp_room_new(1, 0);

	(void)state;

	assert_int_equal(wp_room_enter(room, &guests[0]), WP_ROOM_WORK);
	assert_int_equal(wp_room_enter(room, &guests[1]), WP_ROOM_FULL);
	assert_null(wp_room_leave(room));
	wp_room_free(&room);
}

/* Threads that come and go; each guest must be worked on exactly once. */
struct crowd {
	struct wp_room *room;
	pthread_mutex_t lock;
	unsigned int working, most, done;
};

static void work_on(struct crowd *crowd, int step)
{
	pthread_mutex_lock(&crowd->lock);
	crowd->working += (unsigned int)step;
	crowd->done += step == 1;
	if (crowd->working > crowd->most)
		crowd->most = crowd->working;
	pthread_mutex_unlock(&crowd->lock);
}

static void *come_and_go(void *arg)
{
	struct crowd *crowd = arg;

	for (int i = 0; i < ROUNDS; i++) {
		enum wp_room_way way = wp_room_enter(crowd->room, crowd);

		while (way == WP_ROOM_FULL) {
			(void)wp_room_await_place(crowd->room, 1);
			way = wp_room_enter(crowd->room, crowd);
		}
		if (way == WP_ROOM_WAIT)
			continue;
		do {
			work_on(crowd, 1);
			work_on(crowd, -1);
		} while (wp_room_leave(crowd->room) != NULL);
	}
	return NULL;
}

static void each_guest_is_worked_on_once(void **state)
{
	struct crowd crowd = { .room = wp_room_new(PLACES, 4),
			       .lock = PTHREAD_MUTEX_INITIALIZER };
	pthread_t threads[THREADS];

	(void)state;

	for (int i = 0; i < THREADS; i++)
		assert_int_equal(
			pthread_create(&threads[i], NULL, come_and_go, &crowd),
			0);
	for (int i = 0; i < THREADS; i++)
		assert_int_equal(pthread_join(threads[i], NULL), 0);

	assert_int_equal(crowd.done, THREADS * ROUNDS);
	assert_in_range(crowd.most, 1, PLACES);
	wp_room_free(&crowd.room);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(places_first_then_seats_then_nothing),
		cmocka_unit_test(without_seats_nobody_waits),
		cmocka_unit_test(each_guest_is_worked_on_once),
	};

	return cmocka_run_group_tests_name("room", tests, NULL, NULL);
}
