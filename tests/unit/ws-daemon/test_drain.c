/* Everybody is moved away, evenly, and served until then. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>
#include <ev.h>

#include "tests/support/ws/ws_client.h"
#include "ws-daemon/drain.h"

enum { CLIENTS = 4, SPREAD_MS = 1000, STEP_MS = SPREAD_MS / CLIENTS };

static const char close_frame[] = "\x88\x02\x03\xf4"; /* 1012 */

struct stage {
	struct ws_world world;
	struct wp_conn *conns[CLIENTS];
	int peers[CLIENTS];
	bool is_closed[CLIENTS];
};

static int setup(void **state)
{
	static struct stage stage;

	memset(&stage, 0, sizeof(stage));
	ws_world_start(&stage.world);
	stage.world.conf.websocket.drain_ms = SPREAD_MS;
	for (size_t i = 0; i < CLIENTS; i++)
		stage.conns[i] = ws_open_quiet(&stage.world, &stage.peers[i]);
	*state = &stage;
	return 0;
}

static int teardown(void **state)
{
	struct stage *stage = *state;

	for (size_t i = 0; i < CLIENTS; i++)
		close(stage->peers[i]);
	ws_world_stop(&stage->world);
	return 0;
}

static void stop(struct stage *stage)
{
	wp_server_stop(stage->world.server, false);
	ws_world_settle(&stage->world);
}

/* A step of the drain comes with time that really goes by. */
static void read_until_closed(struct stage *stage, size_t i)
{
	while (!stage->is_closed[i]) {
		size_t len;
		const char *text = ws_read_all(stage->peers[i], &len);

		stage->is_closed[i] = ws_count(text, len, close_frame) == 1;
		if (!stage->is_closed[i])
			ev_run(stage->world.loop, EVRUN_ONCE);
		ws_world_settle(&stage->world);
	}
}

static void assert_still_open(const struct stage *stage, size_t first)
{
	for (size_t i = first; i < CLIENTS; i++)
		assert_int_equal(stage->conns[i]->session.state,
				 WP_SESSION_OPEN);
}

static void each_is_told_its_time_and_closed_behind_it(void **state)
{
	struct stage *stage = *state;

	stop(stage);
	for (size_t i = 0; i < CLIENTS; i++) {
		char wanted[64];
		size_t len;
		const char *text = ws_read_all(stage->peers[i], &len);

		(void)snprintf(wanted, sizeof(wanted),
			       "{\"type\":\"reconnect\",\"afterMs\":%zu}",
			       i * STEP_MS);
		assert_int_equal(ws_count(text, len, wanted), 1);
		assert_int_equal(ws_count(text, len, close_frame), 0);
	}
	assert_still_open(stage, 0);
	ws_world_pass(&stage->world, wp_drain_linger_ms(SPREAD_MS) + 20);
	for (size_t i = 0; i < CLIENTS; i++) {
		read_until_closed(stage, i);
		assert_still_open(stage, i + 1);
		ws_world_pass(&stage->world, STEP_MS);
	}
}

static void poke_reaches_who_is_not_moved_yet(void **state)
{
	struct stage *stage = *state;
	size_t len;
	const char *text;

	stop(stage);
	(void)ws_read_all(stage->peers[CLIENTS - 1], &len);

	wp_conn_on_poke(NULL, &stage->conns[CLIENTS - 1]->member);
	ws_world_settle(&stage->world);

	text = ws_read_all(stage->peers[CLIENTS - 1], &len);
	assert_int_equal(ws_count(text, len, "poke"), 1);
}

static void it_ends_with_the_last_who_leaves(void **state)
{
	struct stage *stage = *state;

	stop(stage);
	for (size_t i = 0; i < CLIENTS; i++) {
		assert_non_null(stage->world.parts->drain);
		wp_conn_drop(stage->conns[i], WP_M_CLOSE_LOST);
		ws_world_settle(&stage->world);
	}

	assert_null(stage->world.parts->drain);
}

static void who_leaves_makes_no_other_go_sooner(void **state)
{
	struct stage *stage = *state;

	stop(stage);
	wp_conn_drop(stage->conns[1], WP_M_CLOSE_LOST);
	ws_world_settle(&stage->world);
	ws_world_pass(&stage->world,
		      wp_drain_linger_ms(SPREAD_MS) + STEP_MS + 20);

	read_until_closed(stage, 0);

	assert_still_open(stage, 2);
}

static void latecomer_is_told_a_time_that_is_left(void **state)
{
	static const char frame[] = "{\"type\":\"reconnect\",\"afterMs\":";
	struct stage *stage = *state;
	struct wp_conn *conn;
	int late_ms, peer;
	const char *text;
	size_t len;

	stop(stage);
	ws_world_pass(&stage->world, SPREAD_MS - 1);
	conn = ws_open_quiet(&stage->world, &peer);

	wp_drain_tell_late(stage->world.parts->drain, conn);
	ws_world_settle(&stage->world);

	text = ws_read_all(peer, &len);
	assert_int_equal(ws_count(text, len, frame), 1);
	assert_int_equal(
		sscanf(strstr(text, frame) + strlen(frame), "%d", &late_ms), 1);
	assert_in_range(late_ms, 0, 1);
	close(peer);
}

static void nobody_is_told_when_there_is_no_time(void **state)
{
	struct stage *stage = *state;

	stage->world.conf.websocket.drain_ms = 0;
	stop(stage);

	for (size_t i = 0; i < CLIENTS; i++) {
		size_t len;
		const char *text = ws_read_all(stage->peers[i], &len);

		assert_int_equal(ws_count(text, len, "reconnect"), 0);
		assert_int_equal(ws_count(text, len, close_frame), 1);
	}
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(each_is_told_its_time_and_closed_behind_it),
		TEST(poke_reaches_who_is_not_moved_yet),
		TEST(it_ends_with_the_last_who_leaves),
		TEST(who_leaves_makes_no_other_go_sooner),
		TEST(latecomer_is_told_a_time_that_is_left),
		TEST(nobody_is_told_when_there_is_no_time),
	};

	return cmocka_run_group_tests_name("drain", tests, NULL, NULL);
}
