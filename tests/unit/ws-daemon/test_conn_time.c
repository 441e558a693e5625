/* How long connections are borne with, over a socket pair. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/support/ws/ws_client.h"

enum { FRAMES_PER_TURN = 256 };

static const char json_ping[] = "{\"type\":\"ping\"}";

static int setup(void **state)
{
	static struct ws_world world;

	ws_world_start(&world);
	*state = &world;
	return 0;
}

static int teardown(void **state)
{
	ws_world_stop(*state);
	return 0;
}

/* As after a SIGSTOP: time has gone by, and what came is unread. */
static void what_came_in_time_is_read_before_silence_is_judged(void **state)
{
	struct ws_world *w = *state;
	int64_t idle_ms = w->conf.websocket.idle_timeout_ms;
	struct wp_buf out;
	int talker, silent;

	(void)ws_open_quiet(w, &talker);
	(void)ws_open_quiet(w, &silent);
	wp_buf_init(&out, 0);
	ws_text_add(&out, json_ping);
	for (int i = 0; i < 3; i++) {
		ws_write_all(talker, out.data, out.len);
		ws_world_pass(w, 2 * idle_ms);
		assert_non_null(strstr(ws_read_all(talker, NULL), "pong"));
		assert_false(ws_is_at_end(talker));
	}
	(void)ws_read_all(silent, NULL);
	assert_true(ws_is_at_end(silent));
	assert_int_equal(w->parts->n_sockets, 1);
	wp_buf_release(&out);
	close(talker);
	close(silent);
	ws_world_settle(w);
}

static void pause_of_ours_is_no_silence_of_the_peer(void **state)
{
	struct ws_world *w = *state;
	int64_t idle_ms = w->conf.websocket.idle_timeout_ms;
	struct wp_buf out;
	size_t len;
	const char *text;
	int peer;

	(void)ws_open_quiet(w, &peer);
	wp_buf_init(&out, 0);
	for (int i = 0; i < 40; i++)
		ws_add_send(&out, i);
	ws_write_all(peer, out.data, out.len);
	ws_world_settle(w);
	ws_write_all(peer, out.data, out.len); /* stays in the socket */
	for (int i = 0; i < 5; i++)
		ws_world_pass(w, idle_ms + WP_TICK_MS);
	ws_answer_all(w);
	text = ws_read_all(peer, &len);
	assert_int_equal(ws_count(text, len, "\"ref\":"), 80);
	assert_false(ws_is_at_end(peer));
	wp_buf_release(&out);
	close(peer);
	ws_world_settle(w);
}

/* Whatever the two settings are, and however late we are. */
static void peer_that_answers_pings_stays(void **state)
{
	static const int64_t times[][3] = {
		{ 100, 200, 100 },  { 100, 101, 100 },   { 110, 200, 100 },
		{ 150, 190, 100 },  { 100, 200, 250 },   { 100, 200, 1000 },
		{ 110, 200, 5000 }, { 1000, 1001, 300 }, { 1000, 3000, 100 },
	};
	struct ws_world *w = *state;
	struct wp_buf pong;

	wp_buf_init(&pong, 0);
	ws_frame_add(&pong, WP_WS_PONG, "", 0);
	for (size_t i = 0; i < sizeof(times) / sizeof(times[0]); i++) {
		int peer, silent;
		size_t asked = 0;

		w->conf.websocket.ping_interval_ms = times[i][0];
		w->conf.websocket.idle_timeout_ms = times[i][1];
		(void)ws_open_quiet(w, &peer);
		(void)ws_open_quiet(w, &silent);
		for (int64_t ms = 0; ms < 20000; ms += times[i][2]) {
			size_t len;
			const char *text;

			ws_world_pass(w, times[i][2]);
			assert_false(ws_is_at_end(peer));
			text = ws_read_all(peer, &len);
			if (ws_count(text, len, "\x89") == 0)
				continue;
			ws_write_all(peer, pong.data, pong.len);
			ws_world_settle(w);
			asked++;
		}
		assert_true(asked > 3);
		(void)ws_read_all(silent, NULL);
		assert_true(ws_is_at_end(silent));
		close(peer);
		close(silent);
		ws_world_settle(w);
	}
	wp_buf_release(&pong);
}

static struct wp_conn *open_and_fill(struct ws_world *w, int *peer)
{
	struct wp_conn *conn;

	w->send_buffer = 1; /* the kernel's least: a few KB */
	conn = ws_open_quiet(w, peer);
	while (!conn->patience.is_blocked) {
		wp_conn_send(conn, w->parts->ping);
		ws_world_settle(w);
	}
	return conn;
}

/* Talking does not help: what waits for it costs memory. */
static void peer_that_takes_nothing_is_told_that_it_is_slow(void **state)
{
	struct ws_world *w = *state;
	int64_t idle_ms = w->conf.websocket.idle_timeout_ms;
	struct wp_buf out;
	const char *text;
	size_t len;
	int peer;
	struct wp_conn *conn = open_and_fill(w, &peer);

	wp_buf_init(&out, 0);
	ws_text_add(&out, json_ping);
	for (int i = 0; i < 3; i++) {
		assert_int_equal(conn->session.state, WP_SESSION_OPEN);
		ws_world_pass(w, idle_ms / 2);
		ws_write_all(peer, out.data, out.len);
		ws_world_settle(w);
	}
	assert_int_equal(conn->session.state, WP_SESSION_CLOSING);
	text = ws_read_in_turns(w, peer, &len);
	assert_memory_equal(text + len - 4, "\x88\x02\x03\xf5", 4);
	wp_buf_release(&out);
	close(peer);
	ws_world_settle(w);
}

static void slow_peer_that_goes_on_reading_stays(void **state)
{
	struct ws_world *w = *state;
	int64_t idle_ms = w->conf.websocket.idle_timeout_ms;
	struct wp_message *much;
	char *payload = calloc(1, 500000);
	char piece[4096];
	int peer;
	struct wp_conn *conn = open_and_fill(w, &peer);

	assert_non_null(payload);
	much = wp_message_frame(WP_WS_TEXT, payload, 500000);
	assert_non_null(much);
	wp_conn_send(conn, much);
	for (int i = 0; i < 40; i++) {
		assert_true(conn->patience.is_blocked);
		ws_world_pass(w, idle_ms - 2 * WP_TICK_MS);
		while (recv(peer, piece, sizeof(piece), MSG_DONTWAIT) > 0)
			;
		ws_world_settle(w);
		assert_int_equal(conn->session.state, WP_SESSION_OPEN);
	}
	wp_message_unref(&much);
	free(payload);
	close(peer);
	ws_world_settle(w);
}

/* However lively its client is: a part of a message costs memory. */
static void message_that_does_not_end_is_not_kept_for_ever(void **state)
{
	struct ws_world *w = *state;
	int64_t step_ms = w->conf.websocket.idle_timeout_ms / 4;
	struct wp_buf out;
	struct wp_conn *conn;
	const char *text;
	size_t len;
	int peer, steps = 0;

	conn = ws_open_quiet(w, &peer);
	wp_buf_init(&out, 0);
	ws_text_add(&out, "{\"type\":\"ping\",\"x\":\"\"}");
	out.data[0] = '\x01'; /* not the last fragment */
	ws_write_all(peer, out.data, out.len);
	wp_buf_clear(&out);
	ws_frame_add(&out, WP_WS_PONG, "", 0);
	while (conn->session.state == WP_SESSION_OPEN) {
		ws_write_all(peer, out.data, out.len);
		ws_world_pass(w, step_ms);
		assert_true(++steps < 10);
	}
	assert_true(steps >= 4);
	text = ws_read_all(peer, &len);
	assert_memory_equal(text + len - 4, "\x88\x02\x03\xf0", 4);
	wp_buf_release(&out);
	close(peer);
	ws_world_settle(w);
}

/* Each turn ends in the middle of one, and it is never the same. */
static void messages_in_a_row_are_no_endless_one(void **state)
{
	struct ws_world *w = *state;
	int64_t step_ms = w->conf.websocket.idle_timeout_ms / 4;
	struct wp_buf out;
	struct wp_conn *conn;
	const char *text;
	size_t len;
	int peer;

	conn = ws_open_quiet(w, &peer);
	wp_buf_init(&out, 0);
	ws_text_add(&out, json_ping);
	ws_write_all(peer, out.data, out.len / 2);
	for (int i = 0; i < 40; i++) {
		ws_world_pass(w, step_ms);
		assert_true(wp_session_is_holding(&conn->session));
		ws_write_all(peer, out.data + out.len / 2,
			     out.len - out.len / 2);
		ws_write_all(peer, out.data, out.len / 2);
		ws_world_settle(w);
		text = ws_read_all(peer, &len);
		assert_int_equal(ws_count(text, len, "pong"), 1);
	}
	/* And when the last has ended nothing is kept of it. */
	ws_write_all(peer, out.data + out.len / 2, out.len - out.len / 2);
	ws_world_settle(w);
	assert_false(wp_session_is_holding(&conn->session));
	assert_int_equal(conn->session.state, WP_SESSION_OPEN);
	wp_buf_release(&out);
	close(peer);
	ws_world_settle(w);
}

/* It holds a part of a message back behind many small frames. */
static void message_behind_floods_is_not_kept_for_ever(void **state)
{
	struct ws_world *w = *state;
	int64_t step_ms = w->conf.websocket.idle_timeout_ms / 4;
	struct wp_buf out;
	struct wp_conn *conn;
	int peer, steps = 0;

	conn = ws_open_quiet(w, &peer);
	wp_buf_init(&out, 0);
	ws_text_add(&out, json_ping);
	out.data[0] = '\x01'; /* not the last fragment */
	ws_write_all(peer, out.data, out.len);
	wp_buf_clear(&out);
	for (int i = 0; i < 4 * FRAMES_PER_TURN; i++)
		ws_frame_add(&out, WP_WS_PONG, "", 0);
	while (conn->session.state == WP_SESSION_OPEN) {
		ws_write_all(peer, out.data, out.len);
		ws_world_pass(w, step_ms);
		assert_true(++steps < 10);
	}
	assert_true(steps >= 4);
	wp_buf_release(&out);
	close(peer);
	ws_world_settle(w);
}

/* Each turn ends in the middle of one, and it is never the same. */
static void control_frames_in_a_row_are_no_endless_message(void **state)
{
	struct ws_world *w = *state;
	int64_t step_ms = w->conf.websocket.idle_timeout_ms / 4;
	struct wp_buf out;
	struct wp_conn *conn;
	int peer;

	conn = ws_open_quiet(w, &peer);
	wp_buf_init(&out, 0);
	ws_frame_add(&out, WP_WS_PONG, "0123456789", 10);
	ws_write_all(peer, out.data, out.len / 2);
	for (int i = 0; i < 40; i++) {
		ws_world_pass(w, step_ms);
		assert_true(wp_session_is_holding(&conn->session));
		ws_write_all(peer, out.data + out.len / 2,
			     out.len - out.len / 2);
		ws_write_all(peer, out.data, out.len / 2);
		ws_world_settle(w);
		assert_int_equal(conn->session.state, WP_SESSION_OPEN);
	}
	wp_buf_release(&out);
	close(peer);
	ws_world_settle(w);
}

/*
 * The kernel calls a socket writable when most of its buffer is free; who takes
 * less than that in the time goes on reading all the same.
 */
static void peer_that_reads_a_little_at_a_time_stays(void **state)
{
	enum { MUCH = 1000000, LITTLE = 40000 };
	struct ws_world *w = *state;
	int64_t step_ms = w->conf.websocket.idle_timeout_ms / 2;
	struct wp_message *much;
	char *payload = calloc(1, MUCH);
	char piece[LITTLE];
	int peer;
	struct wp_conn *conn = ws_open_quiet(w, &peer);

	assert_non_null(payload);
	much = wp_message_frame(WP_WS_TEXT, payload, MUCH);
	assert_non_null(much);
	wp_conn_send(conn, much);
	ws_world_settle(w);
	for (int i = 0; i < 15; i++) {
		assert_true(conn->patience.is_blocked);
		assert_true(recv(peer, piece, LITTLE, MSG_DONTWAIT) > 0);
		ws_world_pass(w, step_ms);
		assert_int_equal(conn->session.state, WP_SESSION_OPEN);
	}
	wp_message_unref(&much);
	free(payload);
	close(peer);
	ws_world_settle(w);
}

/* Who has to go while frames wait behind unanswered ones is still listened to:
 * its close frame and its end are taken at once, not when patience ends. */
static void token_that_ends_in_a_pause_leaves_the_peer_heard(void **state)
{
	struct ws_world *w = *state;
	struct wp_buf out;
	struct wp_conn *conn;
	int peer;

	conn = ws_open_quiet(w, &peer);
	wp_buf_init(&out, 0);
	for (int i = 0; i < WP_SESSION_UNANSWERED_MAX + 8; i++)
		ws_add_send(&out, i);
	ws_write_all(peer, out.data, out.len);
	ws_world_settle(w);
	assert_int_equal(conn->session.n_unanswered, WP_SESSION_UNANSWERED_MAX);

	conn->patience.expires = w->parts->turn.now + 1;
	/* Nobody is looked at later, wherever the first ping is drawn. */
	ws_world_pass(w, w->conf.websocket.ping_interval_ms + WP_TICK_MS);
	ws_world_settle(w);
	assert_int_equal(conn->session.state, WP_SESSION_CLOSING);
	assert_int_equal(w->parts->n_sockets, 1);
	close(peer);
	ws_world_settle(w);
	assert_int_equal(w->parts->n_sockets, 0);
	wp_buf_release(&out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			what_came_in_time_is_read_before_silence_is_judged,
			setup, teardown),
		cmocka_unit_test_setup_teardown(
			pause_of_ours_is_no_silence_of_the_peer, setup,
			teardown),
		cmocka_unit_test_setup_teardown(peer_that_answers_pings_stays,
						setup, teardown),
		cmocka_unit_test_setup_teardown(
			peer_that_takes_nothing_is_told_that_it_is_slow, setup,
			teardown),
		cmocka_unit_test_setup_teardown(
			slow_peer_that_goes_on_reading_stays, setup, teardown),
		cmocka_unit_test_setup_teardown(
			message_that_does_not_end_is_not_kept_for_ever, setup,
			teardown),
		cmocka_unit_test_setup_teardown(
			messages_in_a_row_are_no_endless_one, setup, teardown),
		cmocka_unit_test_setup_teardown(
			message_behind_floods_is_not_kept_for_ever, setup,
			teardown),
		cmocka_unit_test_setup_teardown(
			control_frames_in_a_row_are_no_endless_message, setup,
			teardown),
		cmocka_unit_test_setup_teardown(
			peer_that_reads_a_little_at_a_time_stays, setup,
			teardown),
		cmocka_unit_test_setup_teardown(
			token_that_ends_in_a_pause_leaves_the_peer_heard, setup,
			teardown),
	};

	return cmocka_run_group_tests_name("conn_time", tests, NULL, NULL);
}
