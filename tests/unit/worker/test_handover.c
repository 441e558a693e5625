/* What one thread puts the other takes, within bounds, and nothing is freed
 * twice or never. */
#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "worker/handover.h"

enum { PARTITIONS = 8, MANY = 3000, LONG_MS = 20000, AT_ONCE = 512 };
enum { WAIT_MS = 1000 };

struct fixture {
	struct wp_table *table;
	struct wp_handover *handover;
};

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	assert_non_null(f);
	assert_int_equal(wp_table_new(&f->table, PARTITIONS, NULL), WP_OK);
	assert_int_equal(wp_handover_new(&f->handover, f->table, NULL), WP_OK);
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	wp_handover_free(&f->handover);
	wp_table_free(&f->table);
	free(f);
	return 0;
}

static struct wp_batch *batch_of(size_t users, size_t rows, size_t bytes)
{
	struct wp_batch *batch = calloc(1, sizeof(*batch));

	assert_non_null(batch);
	batch->n_users = users;
	batch->n_rows = rows;
	batch->bytes = bytes;
	return batch;
}

static struct wp_batch *put(struct fixture *f, size_t users, size_t rows,
			    size_t bytes)
{
	struct wp_batch *batch = batch_of(users, rows, bytes);

	assert_true(wp_handover_put(f->handover, batch));
	return batch;
}

static void batches_come_and_go_in_order(void **state)
{
	struct fixture *f = *state;
	struct wp_batch *one = put(f, 1, 1, 9);
	struct wp_batch *two = put(f, 1, 1, 9);
	struct wp_batch *taken[3] = { NULL };

	assert_null(wp_handover_hear(f->handover));
	assert_int_equal(wp_handover_take(f->handover, taken, 3), 2);
	assert_ptr_equal(taken[0], one);
	assert_ptr_equal(taken[1], two);
	assert_int_equal(wp_handover_take(f->handover, taken, 3), 0);
	wp_handover_give_back(f->handover, two);
	wp_handover_give_back(f->handover, one);
	assert_ptr_equal(wp_handover_hear(f->handover), two);
	assert_ptr_equal(wp_handover_hear(f->handover), one);
	assert_null(wp_handover_hear(f->handover));
	free(one);
	free(two);
}

/* What was taken and is not heard counts as well. */
static void there_is_a_bound_until_it_is_heard(void **state)
{
	struct fixture *f = *state;
	struct wp_batch *more = batch_of(1, 1, 1);
	struct wp_batch *taken[1];
	struct wp_batch *full = put(f, 1, WP_HANDOVER_ROWS_MAX, 9);

	assert_false(wp_handover_put(f->handover, more));
	assert_int_equal(wp_handover_take(f->handover, taken, 1), 1);
	assert_false(wp_handover_put(f->handover, more));
	wp_handover_give_back(f->handover, full);
	assert_false(wp_handover_put(f->handover, more));
	free(wp_handover_hear(f->handover));
	more->bytes = WP_HANDOVER_BYTES_MAX;
	assert_true(wp_handover_put(f->handover, more));
	full = batch_of(1, 1, 1);
	assert_false(wp_handover_put(f->handover, full));
	wp_handover_forget(f->handover, more);
	assert_true(wp_handover_put(f->handover, full));
}

static void what_is_taken_at_once_fits_one_append(void **state)
{
	struct fixture *f = *state;
	struct wp_batch *taken[4];

	(void)put(f, WP_STORE_APPENDS_MAX - 1, 1, 1);
	(void)put(f, 2, 2, 1);
	assert_int_equal(wp_handover_take(f->handover, taken, 4), 1);
	/* The other one is not forgotten. */
	assert_true(wp_table_wait_due(f->table, WAIT_MS, WAIT_MS));
	wp_handover_give_back(f->handover, taken[0]);
	(void)put(f, 2, WP_STORE_ROWS_MAX - 1, 1);
	assert_int_equal(wp_handover_take(f->handover, taken, 4), 1);
	wp_handover_give_back(f->handover, taken[0]);
	(void)put(f, 1, 1, 5 * 1024 * 1024);
	assert_int_equal(wp_handover_take(f->handover, taken, 4), 1);
	wp_handover_give_back(f->handover, taken[0]);
	/* One alone goes, whatever it weighs. */
	assert_int_equal(wp_handover_take(f->handover, taken, 4), 1);
	wp_handover_give_back(f->handover, taken[0]);
	(void)put(f, 1, 1, 1);
	(void)put(f, 1, 1, 1);
	assert_int_equal(wp_handover_take(f->handover, taken, 1), 1);
	wp_handover_give_back(f->handover, taken[0]);
	for (int i = 0; i < 5; i++)
		free(wp_handover_hear(f->handover));
}

/* Sanitizers see to it that each is freed once. */
static void what_is_forgotten_is_never_heard(void **state)
{
	struct fixture *f = *state;
	struct wp_batch *taken[1];
	struct wp_batch *waiting, *done;

	(void)put(f, 1, 1, 1);
	assert_int_equal(wp_handover_take(f->handover, taken, 1), 1);
	wp_handover_forget(f->handover, taken[0]);
	done = put(f, 1, 1, 1);
	waiting = put(f, 1, 1, 1);
	wp_handover_give_back(f->handover, taken[0]);
	assert_null(wp_handover_hear(f->handover));
	assert_int_equal(wp_handover_take(f->handover, taken, 1), 1);
	assert_ptr_equal(taken[0], done);
	wp_handover_give_back(f->handover, done);
	wp_handover_forget(f->handover, done);
	wp_handover_forget(f->handover, waiting);
	assert_null(wp_handover_hear(f->handover));
	assert_int_equal(wp_handover_take(f->handover, taken, 1), 0);
	/* All room is there again, and the lists are whole. */
	(void)put(f, 1, WP_HANDOVER_ROWS_MAX, WP_HANDOVER_BYTES_MAX);
	assert_int_equal(wp_handover_take(f->handover, taken, 1), 1);
	wp_handover_give_back(f->handover, taken[0]);
	free(wp_handover_hear(f->handover));
}

static void nothing_goes_before_the_store_has_spoken(void **state)
{
	struct fixture *f = *state;
	int64_t epoch = 0;

	assert_false(wp_handover_may(f->handover, &epoch));
	wp_handover_set_epoch(f->handover, 7);
	assert_true(wp_handover_may(f->handover, &epoch));
	assert_int_equal(epoch, 7);
	wp_handover_set_good(f->handover, false);
	wp_handover_set_epoch(f->handover, 8);
	assert_false(wp_handover_may(f->handover, &epoch));
	wp_handover_set_good(f->handover, true);
	assert_true(wp_handover_may(f->handover, &epoch));
	assert_int_equal(epoch, 8);
}

static bool is_readable(struct fixture *f)
{
	struct pollfd fd = { .fd = wp_table_event_fd(f->table),
			     .events = POLLIN };

	return poll(&fd, 1, 0) == 1;
}

static void both_threads_are_woken(void **state)
{
	struct fixture *f = *state;
	struct wp_batch *taken[1];

	(void)put(f, 1, 1, 1);
	assert_true(wp_table_wait_due(f->table, LONG_MS, LONG_MS));
	assert_int_equal(wp_handover_take(f->handover, taken, 1), 1);
	/* Nothing is left: only the time ends it. */
	assert_false(wp_table_wait_due(f->table, 0, 1));
	assert_false(is_readable(f));
	wp_handover_give_back(f->handover, taken[0]);
	assert_true(is_readable(f));
	free(wp_handover_hear(f->handover));
}

/* Gives back all of them, each after those before it. */
static void *take_all(void *ctx)
{
	struct fixture *f = ctx;
	struct wp_batch *taken[AT_ONCE];

	while (!wp_table_is_stopping(f->table)) {
		size_t n;

		(void)wp_table_wait_due(f->table, LONG_MS, LONG_MS);
		n = wp_handover_take(f->handover, taken, AT_ONCE);
		for (size_t i = 0; i < n; i++) {
			taken[i]->outcome = WP_BATCH_LANDED;
			taken[i]->left = (int64_t)taken[i]->n_rows;
			wp_handover_give_back(f->handover, taken[i]);
		}
		wp_handover_set_epoch(f->handover, 1);
	}
	return NULL;
}

/* Every seventh is forgotten, wherever it is by then. */
static void two_threads_do_not_get_in_each_others_way(void **state)
{
	struct fixture *f = *state;
	size_t under_way = 0, heard = 0;
	pthread_t cold;
	int64_t epoch;

	assert_int_equal(pthread_create(&cold, NULL, take_all, f), 0);
	for (size_t sent = 0; sent < MANY || under_way > 0;) {
		struct wp_batch *batch;

		if (sent < MANY && under_way < AT_ONCE) {
			batch = put(f, 1, 1, 1);
			under_way += sent % 7 != 0;
			if (sent++ % 7 == 0)
				wp_handover_forget(f->handover, batch);
		}
		while ((batch = wp_handover_hear(f->handover)) != NULL) {
			assert_int_equal(batch->outcome, WP_BATCH_LANDED);
			assert_int_equal(batch->left, 1);
			free(batch);
			under_way--;
			heard++;
		}
		(void)wp_handover_may(f->handover, &epoch);
	}
	wp_table_stop(f->table);
	assert_int_equal(pthread_join(cold, NULL), 0);
	assert_int_equal(heard, MANY - (MANY + 6) / 7);
	assert_true(wp_handover_may(f->handover, &epoch));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(batches_come_and_go_in_order),
		TEST(there_is_a_bound_until_it_is_heard),
		TEST(what_is_taken_at_once_fits_one_append),
		TEST(what_is_forgotten_is_never_heard),
		TEST(nothing_goes_before_the_store_has_spoken),
		TEST(both_threads_are_woken),
		TEST(two_threads_do_not_get_in_each_others_way),
	};

	return cmocka_run_group_tests_name("handover", tests, NULL, NULL);
}
