/* What few need is there for them, and for nobody else. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/support/ws/ws_client.h"

static void it_goes_when_there_is_nothing_in_it(void **state)
{
	struct wp_extra *extra = NULL;
	struct wp_extra *same;

	(void)state;
	wp_extra_tidy(&extra);
	same = wp_extra_need(&extra);
	assert_non_null(same);
	assert_ptr_equal(wp_extra_need(&extra), same);
	extra->n_queued = 1;
	wp_extra_tidy(&extra);
	assert_ptr_equal(extra, same);
	extra->n_queued = 0;
	extra->refill_at = 1;
	wp_extra_tidy(&extra);
	assert_ptr_equal(extra, same);
	extra->refill_at = 0;
	extra->frames_full_at = 1;
	wp_extra_tidy(&extra);
	assert_ptr_equal(extra, same);
	extra->frames_full_at = 0;
	wp_extra_tidy(&extra);
	assert_null(extra);
}

static void who_is_idle_has_none(void **state)
{
	static struct ws_world w;
	const struct wp_limit_rate rate = { .burst = 4, .unit_ns = 1000 };
	static const char ping[] = "\x89\x80"
				   "abcd";
	struct wp_conn *conn;
	int peer;

	(void)state;
	ws_world_start(&w);
	conn = ws_open_quiet(&w, &peer);
	assert_null(conn->extra);
	assert_null(wp_conn_admission(conn));
	assert_null(wp_conn_consumer(conn));

	/* Who sends has a bucket, where there is a limit. */
	ws_write_all(peer, ping, sizeof(ping) - 1);
	ws_world_settle(&w);
	assert_null(conn->extra);
	w.parts->frames = rate;
	ws_write_all(peer, ping, sizeof(ping) - 1);
	ws_world_settle(&w);
	assert_non_null(conn->extra);
	assert_true(conn->extra->frames_full_at > 0);
	close(peer);
	ws_world_stop(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(it_goes_when_there_is_nothing_in_it),
		cmocka_unit_test(who_is_idle_has_none),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
