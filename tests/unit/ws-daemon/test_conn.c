/* Connections over a socket pair: what is taken up when, and in what order. */
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

/* A connection that is idle has this and a user, and nothing else. What is used
 * by few goes to ws-daemon/extra.h. */
_Static_assert(sizeof(struct wp_conn) <= 192, "a connection has grown");

static const char ack_nothing[] = "{\"type\":\"ack\",\"messageIds\":[]}";
/* No partition of ours has these. */
static const char ack_foreign[] = "{\"type\":\"ack\",\"messageIds\":"
				  "[\"0190a3c1-7e2b-7f4a-8c3d-1b2a3c4d5e6f\"]}";
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

static void no_more_than_32_frames_are_unanswered(void **state)
{
	struct ws_world *w = *state;
	int peer;
	struct wp_conn *conn = ws_open_quiet(w, &peer);
	struct wp_buf out;
	size_t len;
	const char *text;

	wp_buf_init(&out, 0);
	for (int i = 0; i < 40; i++)
		ws_add_send(&out, i);
	ws_write_all(peer, out.data, out.len);
	ws_world_settle(w);
	assert_int_equal(ws_world_waiting(), WP_SESSION_UNANSWERED_MAX);
	assert_int_equal(conn->session.n_unanswered, WP_SESSION_UNANSWERED_MAX);

	/* One answer lets one more in, and nothing overtakes. */
	assert_true(ws_world_answer());
	ws_world_settle(w);
	assert_int_equal(ws_world_waiting(), WP_SESSION_UNANSWERED_MAX);
	ws_answer_all(w);
	text = ws_read_all(peer, &len);
	ws_assert_order(text, len, 0, 40);

	/* And the socket is read again. */
	wp_buf_clear(&out);
	ws_add_send(&out, 40);
	ws_write_all(peer, out.data, out.len);
	ws_answer_all(w);
	text = ws_read_all(peer, &len);
	ws_assert_order(text, len, 40, 1);
	wp_buf_release(&out);
	close(peer);
	ws_world_settle(w);
}

static void what_comes_during_the_pause_is_taken_up_behind_it(void **state)
{
	struct ws_world *w = *state;
	int peer;
	struct wp_buf out;
	size_t len;
	const char *text;

	(void)ws_open_quiet(w, &peer);
	wp_buf_init(&out, 0);
	for (int i = 0; i < 100; i++) {
		wp_buf_clear(&out);
		ws_add_send(&out, i);
		ws_write_all(peer, out.data, out.len);
		ws_world_settle(w);
		assert_true(ws_world_waiting() <= WP_SESSION_UNANSWERED_MAX);
	}
	ws_answer_all(w);
	text = ws_read_all(peer, &len);
	ws_assert_order(text, len, 0, 100);
	wp_buf_release(&out);
	close(peer);
	ws_world_settle(w);
}

/* An ack of nothing is answered from inside its own frame. */
static void answer_at_once_does_not_take_up_more(void **state)
{
	struct ws_world *w = *state;

	for (int where = 0; where <= 40; where++) {
		struct wp_buf out;
		const char *text;
		size_t len;
		int peer;

		(void)ws_open_quiet(w, &peer);
		wp_buf_init(&out, 0);
		for (int i = 0; i < 40; i++) {
			if (i == where)
				ws_text_add(&out, ack_nothing);
			ws_add_send(&out, i);
			if (where == 40)
				ws_text_add(&out, ack_foreign);
		}
		ws_write_all(peer, out.data, out.len);
		ws_answer_all(w);
		text = ws_read_all(peer, &len);
		ws_assert_order(text, len, 0, 40);
		assert_int_equal(ws_count(text, len, "\"acked\""),
				 where == 40 ? 40 : 1);
		wp_buf_release(&out);
		close(peer);
		ws_world_settle(w);
	}
}

/* All kinds of frames, of which 36 wait for answers. */
static void add_mix(struct wp_buf *out)
{
	for (int i = 0; i < 36; i++) {
		ws_add_send(out, i);
		if (i % 5 == 0)
			ws_text_add(out, ack_nothing);
		if (i % 7 == 0)
			ws_text_add(out, json_ping);
		if (i % 9 == 0)
			ws_text_add(out, "{\"type\":\"else\"}");
		if (i % 11 == 0)
			ws_text_add(out,
				    "{\"type\":\"chat\",\"chatId\":\"c\"}");
		if (i % 13 == 0)
			ws_frame_add(out, WP_WS_PING, "x", 1);
		if (i % 17 == 0)
			ws_text_add(out, ack_foreign);
	}
}

static void assert_mix_answered(int peer)
{
	size_t len;
	const char *text = ws_read_all(peer, &len);

	ws_assert_order(text, len, 0, 36);
	assert_int_equal(ws_count(text, len, "\"acked\""), 8 + 3);
	assert_int_equal(ws_count(text, len, "\"pong\""), 6);
	assert_int_equal(ws_count(text, len, "unknown_type"), 4);
}

static void mix_may_be_split_anywhere(void **state)
{
	struct ws_world *w = *state;
	struct wp_buf out;

	wp_buf_init(&out, 0);
	add_mix(&out);
	for (size_t cut = 0; cut <= out.len; cut++) {
		int peer;

		(void)ws_open_quiet(w, &peer);
		ws_write_all(peer, out.data, cut);
		ws_world_settle(w);
		if (cut % 3 == 0) /* sometimes an answer comes between */
			ws_world_answer();
		ws_write_all(peer, out.data + cut, out.len - cut);
		ws_answer_all(w);
		assert_mix_answered(peer);
		close(peer);
		ws_world_settle(w);
	}
	wp_buf_release(&out);
}

static void mix_may_come_in_pieces(void **state)
{
	struct ws_world *w = *state;
	struct wp_buf out;

	wp_buf_init(&out, 0);
	add_mix(&out);
	for (size_t piece = 1; piece < 300; piece = piece * 2 + 1) {
		int peer;

		(void)ws_open_quiet(w, &peer);
		for (size_t at = 0; at < out.len; at += piece) {
			size_t left = out.len - at;

			ws_write_all(peer, out.data + at,
				     left < piece ? left : piece);
			ws_world_turn(w);
			if (at % 100 == 0)
				ws_world_answer();
		}
		ws_answer_all(w);
		assert_mix_answered(peer);
		close(peer);
		ws_world_settle(w);
	}
	wp_buf_release(&out);
}

static void flood_of_small_frames_leaves_the_turn_to_others(void **state)
{
	struct ws_world *w = *state;
	int flooder, other;
	struct wp_buf out;
	size_t len;
	const char *text;

	(void)ws_open_quiet(w, &flooder);
	(void)ws_open_quiet(w, &other);
	wp_buf_init(&out, 0);
	for (int i = 0; i < 4 * FRAMES_PER_TURN; i++)
		ws_text_add(&out, json_ping);
	ws_write_all(flooder, out.data, out.len);
	wp_buf_clear(&out);
	ws_text_add(&out, json_ping);
	ws_write_all(other, out.data, out.len);

	ws_world_turn(w);
	text = ws_read_all(other, &len);
	assert_int_equal(ws_count(text, len, "pong"), 1);
	text = ws_read_all(flooder, &len);
	assert_int_equal(ws_count(text, len, "pong"), FRAMES_PER_TURN);

	/* The rest needs no new input, and then the loop may sleep. */
	ws_world_settle(w);
	text = ws_read_all(flooder, &len);
	assert_int_equal(ws_count(text, len, "pong"), 3 * FRAMES_PER_TURN);
	assert_false(ev_is_active(&w->parts->turn.more));
	wp_buf_release(&out);
	close(flooder);
	close(other);
	ws_world_settle(w);
}

/* The peer's close frame may be among what was not taken up yet. */
static void close_while_paused_finds_the_close_that_waits(void **state)
{
	struct ws_world *w = *state;
	int peer;
	struct wp_conn *conn = ws_open_quiet(w, &peer);
	struct wp_buf out;

	wp_buf_init(&out, 0);
	for (int i = 0; i < 40; i++)
		ws_add_send(&out, i);
	ws_frame_add(&out, WP_WS_CLOSE, "\x03\xe8", 2);
	ws_write_all(peer, out.data, out.len);
	ws_world_settle(w);
	wp_conn_close(conn, WP_CLOSE_REPLACED, WP_M_CLOSE_REPLACED);
	ws_world_settle(w);

	assert_memory_equal(ws_read_all(peer, NULL), "\x88\x02\x11\x39", 4);
	assert_true(ws_is_at_end(peer));
	ws_answer_all(w); /* they find nobody */
	wp_buf_release(&out);
	close(peer);
	ws_world_settle(w);
	assert_int_equal(w->parts->n_sockets, 0);
}

static void peer_that_leaves_during_the_pause_is_noticed(void **state)
{
	struct ws_world *w = *state;
	int peer;
	struct wp_buf out;

	(void)ws_open_quiet(w, &peer);
	wp_buf_init(&out, 0);
	for (int i = 0; i < 80; i++)
		ws_add_send(&out, i);
	ws_write_all(peer, out.data, out.len);
	ws_world_settle(w);
	close(peer);
	ws_answer_all(w);
	assert_int_equal(w->parts->n_sockets, 0);
	assert_int_equal(ws_world_waiting(), 0);
	wp_buf_release(&out);
}

static void server_that_ends_during_the_pause_lets_go(void **state)
{
	struct ws_world *w = *state;
	int peer;
	struct wp_buf out;

	(void)ws_open_quiet(w, &peer);
	wp_buf_init(&out, 0);
	for (int i = 0; i < 80; i++)
		ws_add_send(&out, i);
	ws_write_all(peer, out.data, out.len);
	ws_world_settle(w);
	wp_buf_release(&out);
	close(peer); /* teardown drops the rest */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			no_more_than_32_frames_are_unanswered, setup, teardown),
		cmocka_unit_test_setup_teardown(
			what_comes_during_the_pause_is_taken_up_behind_it,
			setup, teardown),
		cmocka_unit_test_setup_teardown(
			answer_at_once_does_not_take_up_more, setup, teardown),
		cmocka_unit_test_setup_teardown(mix_may_be_split_anywhere,
						setup, teardown),
		cmocka_unit_test_setup_teardown(mix_may_come_in_pieces, setup,
						teardown),
		cmocka_unit_test_setup_teardown(
			flood_of_small_frames_leaves_the_turn_to_others, setup,
			teardown),
		cmocka_unit_test_setup_teardown(
			close_while_paused_finds_the_close_that_waits, setup,
			teardown),
		cmocka_unit_test_setup_teardown(
			peer_that_leaves_during_the_pause_is_noticed, setup,
			teardown),
		cmocka_unit_test_setup_teardown(
			server_that_ends_during_the_pause_lets_go, setup,
			teardown),
	};

	return cmocka_run_group_tests_name("conn", tests, NULL, NULL);
}
