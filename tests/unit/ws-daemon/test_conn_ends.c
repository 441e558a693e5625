/* The first words and the last ones of a connection, over a socket pair. */
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

/* The 101 echoes a lone token, and tokens may be long. */
static void response_may_be_longer_than_the_queue(void **state)
{
	struct ws_world *w = *state;

	w->conf.websocket.max_queue_bytes = 1024;
	w->send_buffer = 1; /* the kernel's least: a few KB */
	for (size_t len = 900; len < 20000; len = len * 5 / 4) {
		struct wp_buf out;
		struct wp_conn *conn;
		const char *text, *end;
		size_t n;
		int peer;

		w->response_bytes = len;
		conn = ws_world_open(w, "urn:sm:user:ann", &peer);
		assert_int_equal(conn->session.state, WP_SESSION_OPEN);
		wp_buf_init(&out, 0);
		ws_text_add(&out, json_ping);
		ws_write_all(peer, out.data, out.len);
		text = ws_read_in_turns(w, peer, &n);
		end = strstr(text, "\r\n\r\n");
		assert_non_null(end);
		assert_int_equal(end + 4 - text, len);
		assert_non_null(strstr(end, "connected"));
		assert_non_null(strstr(end, "pong"));
		wp_buf_release(&out);
		close(peer);
		ws_world_settle(w);
	}
}

/* The word that it gives way may overtake the answer to its own connect. */
static void replaced_before_it_is_open_it_is_told_behind_its_101(void **state)
{
	static const char close_frame[] = "\x88\x02\x11\x39"; /* 4409 */
	struct ws_world *w = *state;
	const char *text;
	struct wp_conn *conn;
	size_t len;
	int peer;

	w->is_replaced = true;
	conn = ws_world_open(w, "urn:sm:user:ann", &peer);
	assert_int_equal(conn->session.state, WP_SESSION_CLOSING);

	text = ws_read_all(peer, &len);
	assert_memory_equal(text, "HTTP/1.1 101 ", 13);
	assert_non_null(strstr(text, "connected"));
	assert_true(len > 4);
	assert_memory_equal(text + len - 4, close_frame, 4);
	close(peer);
	ws_world_settle(w);
}

static void close_does_not_overtake_the_response(void **state)
{
	struct ws_world *w = *state;
	const char *text;
	struct wp_conn *conn;
	size_t len;
	int peer;

	w->conf.websocket.max_queue_bytes = 1024;
	w->send_buffer = 1;
	w->response_bytes = 100000;
	conn = ws_world_open(w, "urn:sm:user:ann", &peer);
	assert_true(conn->patience.is_blocked);
	for (int i = 0; i < 100; i++) /* too much for the queue */
		wp_conn_send(conn, w->parts->ping);
	assert_int_equal(conn->session.state, WP_SESSION_CLOSING);

	text = ws_read_in_turns(w, peer, &len);
	assert_int_equal(len, 100000 + 4);
	assert_memory_equal(text + 100000, "\x88\x02\x03\xf5", 4);
	close(peer);
	ws_world_settle(w);
}

/* Whatever it sent behind, and although it does nothing any more. */
static void peer_that_breaks_the_protocol_is_told_and_left(void **state)
{
	static const struct {
		const char *frame;
		size_t len;
		const char *close;
	} cases[] = {
		{ "\xc1\x80....", 6, "\x88\x02\x03\xea" },
		{ "\x81\x02{}", 4, "\x88\x02\x03\xea" },
		{ "\x83\x80....", 6, "\x88\x02\x03\xea" },
		{ "\x82\x80....", 6, "\x88\x02\x03\xeb" },
		{ "\x81\x81\0\0\0\0\xff", 7, "\x88\x02\x03\xef" },
		{ "\x81\xff\0\xff\0\0\0\0\0\0....", 14, "\x88\x02\x03\xf1" },
	};
	static const size_t behind[] = { 0, 1, 5000, 150000 };
	static char garbage[150000];
	struct ws_world *w = *state;

	for (size_t i = 0; i < 4 * sizeof(cases) / sizeof(cases[0]); i++) {
		const char *text;
		size_t len;
		int peer;

		(void)ws_open_quiet(w, &peer);
		ws_write_all(peer, cases[i / 4].frame, cases[i / 4].len);
		ws_write_all(peer, garbage, behind[i % 4]);
		ws_world_settle(w);

		text = ws_read_all(peer, &len);
		assert_int_equal(len, 4);
		assert_memory_equal(text, cases[i / 4].close, 4);
		assert_true(ws_is_at_end(peer));

		/* Nor is it borne for long. */
		assert_int_equal(w->parts->n_sockets, 1);
		assert_int_equal(w->parts->n_open, 0);
		ws_world_pass(w, WP_CLOSE_DRAIN_MS + 2 * WP_TICK_MS);
		assert_int_equal(w->parts->n_sockets, 0);
		close(peer);
	}
}

static void close_of_ours_waits_for_the_answer(void **state)
{
	struct ws_world *w = *state;
	struct wp_buf out;
	struct wp_conn *conn;
	int peer;

	wp_buf_init(&out, 0);
	for (int answers = 0; answers < 3; answers++) {
		conn = ws_open_quiet(w, &peer);
		wp_conn_close(conn, WP_CLOSE_RESTART, WP_M_CLOSE_SHUTDOWN);
		ws_world_settle(w);
		assert_memory_equal(ws_read_all(peer, NULL), "\x88\x02\x03\xf4",
				    4);
		assert_false(ws_is_at_end(peer));
		ws_world_pass(w, WP_CLOSE_WAIT_MS - 2 * WP_TICK_MS);
		assert_false(ws_is_at_end(peer));

		wp_buf_clear(&out);
		ws_text_add(&out, json_ping);
		if (answers == 1)
			ws_frame_add(&out, WP_WS_CLOSE, "\x03\xf4", 2);
		else if (answers == 2) /* what it sends now is no protocol */
			wp_buf_add(&out, "\xff\xff", 2);
		ws_write_all(peer, out.data, out.len);
		ws_world_settle(w);
		assert_int_equal(ws_is_at_end(peer), answers > 0);
		ws_world_pass(w, 4 * WP_TICK_MS);
		assert_int_equal(w->parts->n_sockets, answers > 0 ? 1 : 0);
		close(peer);
		ws_world_settle(w);
		assert_int_equal(w->parts->n_sockets, 0);
	}
	wp_buf_release(&out);
}

static void close_of_the_peer_is_answered_and_the_end(void **state)
{
	struct ws_world *w = *state;
	struct wp_buf out;
	int peer;

	wp_buf_init(&out, 0);
	(void)ws_open_quiet(w, &peer);
	ws_text_add(&out, json_ping);
	ws_frame_add(&out, WP_WS_CLOSE, "\x03\xe8", 2);
	ws_text_add(&out, json_ping); /* against the rules, and of no effect */
	ws_write_all(peer, out.data, out.len);
	ws_world_settle(w);

	assert_string_equal(ws_read_all(peer, NULL),
			    "\x81\x0f{\"type\":\"pong\"}\x88\x02\x03\xe8");
	assert_true(ws_is_at_end(peer));
	wp_buf_release(&out);
	close(peer);
	ws_world_settle(w);
	assert_int_equal(w->parts->n_sockets, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			response_may_be_longer_than_the_queue, setup, teardown),
		cmocka_unit_test_setup_teardown(
			replaced_before_it_is_open_it_is_told_behind_its_101,
			setup, teardown),
		cmocka_unit_test_setup_teardown(
			close_does_not_overtake_the_response, setup, teardown),
		cmocka_unit_test_setup_teardown(
			peer_that_breaks_the_protocol_is_told_and_left, setup,
			teardown),
		cmocka_unit_test_setup_teardown(
			close_of_ours_waits_for_the_answer, setup, teardown),
		cmocka_unit_test_setup_teardown(
			close_of_the_peer_is_answered_and_the_end, setup,
			teardown),
	};

	return cmocka_run_group_tests_name("conn_ends", tests, NULL, NULL);
}
