/*
 * Processes see each other's numbers, also those of processes forked later.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "lib/procs/share.h"

static int set_up(void **state)
{
	struct wp_share *share;

	if (wp_share_new(&share, NULL) != WP_OK)
		return -1;
	*state = share;
	return 0;
}

static int tear_down(void **state)
{
	struct wp_share *share = *state;

	wp_share_free(&share);
	wp_share_free(&share);
	return 0;
}

static void who_is_alone_is_not_ahead(void **state)
{
	const struct wp_seat seat = { *state, 7 };

	assert_false(wp_share_is_ahead(&seat, 0));
	wp_share_set(&seat, 1000);
	assert_false(wp_share_is_ahead(&seat, 0));
}

static void ahead_begins_beyond_the_slack(void **state)
{
	const struct wp_seat one = { *state, 0 };
	const struct wp_seat other = { *state, WP_SHARE_ROWS - 1 };

	wp_share_set(&one, 2);
	wp_share_set(&other, 0);
	assert_false(wp_share_is_ahead(&one, 2));
	assert_true(wp_share_is_ahead(&one, 1));
	assert_false(wp_share_is_ahead(&other, 0));
}

static void who_has_left_is_not_waited_for(void **state)
{
	const struct wp_seat one = { *state, 0 };
	const struct wp_seat other = { *state, 1 };

	wp_share_set(&one, 9);
	wp_share_set(&other, 0);
	assert_true(wp_share_is_ahead(&one, 2));
	wp_share_leave(&other);
	assert_false(wp_share_is_ahead(&one, 2));
}

static void a_process_that_was_forked_writes_for_all(void **state)
{
	const struct wp_seat one = { *state, 0 };
	const struct wp_seat other = { *state, 1 };
	pid_t pid;

	wp_share_set(&one, 3);
	pid = fork();
	assert_int_not_equal(pid, -1);
	if (pid == 0) {
		wp_share_set(&other, 0);
		_exit(0);
	}
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	assert_true(wp_share_is_ahead(&one, 2));
}

static void beats_of_a_seat_are_counted(void **state)
{
	struct wp_share *share = *state;
	const struct wp_seat seat = { share, WP_SHARE_ROWS - 1 };

	assert_int_equal(wp_share_beats(share, WP_SHARE_ROWS - 1), 0);
	wp_share_beat(&seat);
	wp_share_beat(&seat);
	assert_int_equal(wp_share_beats(share, WP_SHARE_ROWS - 1), 2);
	assert_int_equal(wp_share_beats(share, 0), 0);
}

static void the_parent_sees_the_sum(void **state)
{
	const struct wp_seat one = { *state, 3 }, other = { *state, 4 };
	struct wp_share_sum sum;

	wp_share_set(&one, 5);
	wp_share_set_waiting(&one, 2);
	wp_share_set(&other, 7);
	wp_share_set_waiting(&other, 1);
	sum = wp_share_sum(*state);
	assert_int_equal(sum.kept, 12);
	assert_int_equal(sum.waiting, 3);

	wp_share_leave(&other); /* it may have died with them */
	sum = wp_share_sum(*state);
	assert_int_equal(sum.kept, 5);
	assert_int_equal(sum.waiting, 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(who_is_alone_is_not_ahead,
						set_up, tear_down),
		cmocka_unit_test_setup_teardown(ahead_begins_beyond_the_slack,
						set_up, tear_down),
		cmocka_unit_test_setup_teardown(who_has_left_is_not_waited_for,
						set_up, tear_down),
		cmocka_unit_test_setup_teardown(
			a_process_that_was_forked_writes_for_all, set_up,
			tear_down),
		cmocka_unit_test_setup_teardown(the_parent_sees_the_sum, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(beats_of_a_seat_are_counted,
						set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
