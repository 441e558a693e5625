/* Connections over a socket pair: what is taken up when, and in what order. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "lib/name/msgid.h"
#include "tests/support/ws/ws_world.h"

enum { READ_MAX = 1 << 20, FRAMES_PER_TURN = 256 };

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

/* ---- the client's end ---- */

static void add_send(struct wp_buf *out, int ref)
{
	char text[256];

	snprintf(text, sizeof(text),
		 "{\"type\":\"send\",\"ref\":%d,\"envelope\":{\"recipientId\":"
		 "\"bob\",\"encryptedData\":\"eA==\"}}",
		 ref);
	ws_text_add(out, text);
}

static void write_all(int peer, const char *data, size_t len)
{
	assert_int_equal(send(peer, data, len, MSG_NOSIGNAL), (ssize_t)len);
}

/* All that has come, as a string that the next call overwrites. */
static const char *read_all(int peer, size_t *len_out)
{
	static char text[READ_MAX + 1];
	size_t len = 0;
	ssize_t n;

	while ((n = recv(peer, text + len, READ_MAX - len, MSG_DONTWAIT)) > 0)
		len += (size_t)n;
	text[len] = '\0';
	if (len_out != NULL)
		*len_out = len;
	return text;
}

/* The same, for a socket that takes little at a time. */
static const char *read_in_turns(struct ws_world *w, int peer, size_t *len_out)
{
	static char all[READ_MAX + 1];
	size_t len = 0;
	size_t n;

	do {
		const char *piece;

		ws_world_settle(w);
		piece = read_all(peer, &n);
		memcpy(all + len, piece, n);
		len += n;
	} while (n > 0);
	all[len] = '\0';
	*len_out = len;
	return all;
}

static size_t count(const char *text, size_t len, const char *what)
{
	size_t n = 0;
	const char *at = text;

	while ((at = memmem(at, len - (size_t)(at - text), what,
			    strlen(what))) != NULL) {
		at++;
		n++;
	}
	return n;
}

/* Every send was answered, and in the order of their refs from first on. */
static void assert_order(const char *text, size_t len, int first, int n)
{
	const char *at = text;

	for (int i = first; i < first + n; i++) {
		char what[32];

		snprintf(what, sizeof(what), "\"ref\":%d,", i);
		at = memmem(at, len - (size_t)(at - text), what, strlen(what));
		assert_non_null(at);
	}
	assert_int_equal(count(text, len, "\"ref\":"), n);
}

static bool is_at_end(int peer)
{
	char byte;

	return recv(peer, &byte, 1, MSG_DONTWAIT | MSG_PEEK) == 0;
}

/* Answer one command after the other until none is left. */
static void answer_all(struct ws_world *w)
{
	do {
		ws_world_settle(w);
	} while (ws_world_answer());
}

static struct wp_conn *open_quiet(struct ws_world *w, int *peer)
{
	struct wp_conn *conn = ws_world_open(w, "urn:sm:user:ann", peer);

	assert_non_null(strstr(read_all(*peer, NULL), "connected"));
	return conn;
}

/* ---- tests ---- */

static void no_more_than_32_frames_are_unanswered(void **state)
{
	struct ws_world *w = *state;
	int peer;
	struct wp_conn *conn = open_quiet(w, &peer);
	struct wp_buf out;
	size_t len;
	const char *text;

	wp_buf_init(&out, 0);
	for (int i = 0; i < 40; i++)
		add_send(&out, i);
	write_all(peer, out.data, out.len);
	ws_world_settle(w);
	assert_int_equal(ws_world_waiting(), WP_SESSION_UNANSWERED_MAX);
	assert_int_equal(conn->session.n_unanswered, WP_SESSION_UNANSWERED_MAX);

	/* One answer lets one more in, and nothing overtakes. */
	assert_true(ws_world_answer());
	ws_world_settle(w);
	assert_int_equal(ws_world_waiting(), WP_SESSION_UNANSWERED_MAX);
	answer_all(w);
	text = read_all(peer, &len);
	assert_order(text, len, 0, 40);

	/* And the socket is read again. */
	wp_buf_clear(&out);
	add_send(&out, 40);
	write_all(peer, out.data, out.len);
	answer_all(w);
	text = read_all(peer, &len);
	assert_order(text, len, 40, 1);
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

	(void)open_quiet(w, &peer);
	wp_buf_init(&out, 0);
	for (int i = 0; i < 100; i++) {
		wp_buf_clear(&out);
		add_send(&out, i);
		write_all(peer, out.data, out.len);
		ws_world_settle(w);
		assert_true(ws_world_waiting() <= WP_SESSION_UNANSWERED_MAX);
	}
	answer_all(w);
	text = read_all(peer, &len);
	assert_order(text, len, 0, 100);
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

		(void)open_quiet(w, &peer);
		wp_buf_init(&out, 0);
		for (int i = 0; i < 40; i++) {
			if (i == where)
				ws_text_add(&out, ack_nothing);
			add_send(&out, i);
			if (where == 40)
				ws_text_add(&out, ack_foreign);
		}
		write_all(peer, out.data, out.len);
		answer_all(w);
		text = read_all(peer, &len);
		assert_order(text, len, 0, 40);
		assert_int_equal(count(text, len, "\"acked\""),
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
		add_send(out, i);
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
	const char *text = read_all(peer, &len);

	assert_order(text, len, 0, 36);
	assert_int_equal(count(text, len, "\"acked\""), 8 + 3);
	assert_int_equal(count(text, len, "\"pong\""), 6);
	assert_int_equal(count(text, len, "unknown_type"), 4);
}

static void mix_may_be_split_anywhere(void **state)
{
	struct ws_world *w = *state;
	struct wp_buf out;

	wp_buf_init(&out, 0);
	add_mix(&out);
	for (size_t cut = 0; cut <= out.len; cut++) {
		int peer;

		(void)open_quiet(w, &peer);
		write_all(peer, out.data, cut);
		ws_world_settle(w);
		if (cut % 3 == 0) /* sometimes an answer comes between */
			ws_world_answer();
		write_all(peer, out.data + cut, out.len - cut);
		answer_all(w);
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

		(void)open_quiet(w, &peer);
		for (size_t at = 0; at < out.len; at += piece) {
			size_t left = out.len - at;

			write_all(peer, out.data + at,
				  left < piece ? left : piece);
			ws_world_turn(w);
			if (at % 100 == 0)
				ws_world_answer();
		}
		answer_all(w);
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

	(void)open_quiet(w, &flooder);
	(void)open_quiet(w, &other);
	wp_buf_init(&out, 0);
	for (int i = 0; i < 4 * FRAMES_PER_TURN; i++)
		ws_text_add(&out, json_ping);
	write_all(flooder, out.data, out.len);
	wp_buf_clear(&out);
	ws_text_add(&out, json_ping);
	write_all(other, out.data, out.len);

	ws_world_turn(w);
	text = read_all(other, &len);
	assert_int_equal(count(text, len, "pong"), 1);
	text = read_all(flooder, &len);
	assert_int_equal(count(text, len, "pong"), FRAMES_PER_TURN);

	/* The rest needs no new input, and then the loop may sleep. */
	ws_world_settle(w);
	text = read_all(flooder, &len);
	assert_int_equal(count(text, len, "pong"), 3 * FRAMES_PER_TURN);
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
	struct wp_conn *conn = open_quiet(w, &peer);
	struct wp_buf out;

	wp_buf_init(&out, 0);
	for (int i = 0; i < 40; i++)
		add_send(&out, i);
	ws_frame_add(&out, WP_WS_CLOSE, "\x03\xe8", 2);
	write_all(peer, out.data, out.len);
	ws_world_settle(w);
	wp_conn_close(conn, WP_CLOSE_REPLACED, WP_M_CLOSE_REPLACED);
	ws_world_settle(w);

	assert_memory_equal(read_all(peer, NULL), "\x88\x02\x11\x39", 4);
	assert_true(is_at_end(peer));
	answer_all(w); /* they find nobody */
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

	(void)open_quiet(w, &peer);
	wp_buf_init(&out, 0);
	for (int i = 0; i < 80; i++)
		add_send(&out, i);
	write_all(peer, out.data, out.len);
	ws_world_settle(w);
	close(peer);
	answer_all(w);
	assert_int_equal(w->parts->n_sockets, 0);
	assert_int_equal(ws_world_waiting(), 0);
	wp_buf_release(&out);
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
		write_all(peer, out.data, out.len);
		text = read_in_turns(w, peer, &n);
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

	text = read_all(peer, &len);
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

	text = read_in_turns(w, peer, &len);
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

		(void)open_quiet(w, &peer);
		write_all(peer, cases[i / 4].frame, cases[i / 4].len);
		write_all(peer, garbage, behind[i % 4]);
		ws_world_settle(w);

		text = read_all(peer, &len);
		assert_int_equal(len, 4);
		assert_memory_equal(text, cases[i / 4].close, 4);
		assert_true(is_at_end(peer));

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
		conn = open_quiet(w, &peer);
		wp_conn_close(conn, WP_CLOSE_RESTART, WP_M_CLOSE_SHUTDOWN);
		ws_world_settle(w);
		assert_memory_equal(read_all(peer, NULL), "\x88\x02\x03\xf4",
				    4);
		assert_false(is_at_end(peer));
		ws_world_pass(w, WP_CLOSE_WAIT_MS - 2 * WP_TICK_MS);
		assert_false(is_at_end(peer));

		wp_buf_clear(&out);
		ws_text_add(&out, json_ping);
		if (answers == 1)
			ws_frame_add(&out, WP_WS_CLOSE, "\x03\xf4", 2);
		else if (answers == 2) /* what it sends now is no protocol */
			wp_buf_add(&out, "\xff\xff", 2);
		write_all(peer, out.data, out.len);
		ws_world_settle(w);
		assert_int_equal(is_at_end(peer), answers > 0);
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
	(void)open_quiet(w, &peer);
	ws_text_add(&out, json_ping);
	ws_frame_add(&out, WP_WS_CLOSE, "\x03\xe8", 2);
	ws_text_add(&out, json_ping); /* against the rules, and of no effect */
	write_all(peer, out.data, out.len);
	ws_world_settle(w);

	assert_string_equal(read_all(peer, NULL),
			    "\x81\x0f{\"type\":\"pong\"}\x88\x02\x03\xe8");
	assert_true(is_at_end(peer));
	wp_buf_release(&out);
	close(peer);
	ws_world_settle(w);
	assert_int_equal(w->parts->n_sockets, 0);
}

/* As after a SIGSTOP: time has gone by, and what came is unread. */
static void what_came_in_time_is_read_before_silence_is_judged(void **state)
{
	struct ws_world *w = *state;
	int64_t idle_ms = w->conf.websocket.idle_timeout_ms;
	struct wp_buf out;
	int talker, silent;

	(void)open_quiet(w, &talker);
	(void)open_quiet(w, &silent);
	wp_buf_init(&out, 0);
	ws_text_add(&out, json_ping);
	for (int i = 0; i < 3; i++) {
		write_all(talker, out.data, out.len);
		ws_world_pass(w, 2 * idle_ms);
		assert_non_null(strstr(read_all(talker, NULL), "pong"));
		assert_false(is_at_end(talker));
	}
	(void)read_all(silent, NULL);
	assert_true(is_at_end(silent));
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

	(void)open_quiet(w, &peer);
	wp_buf_init(&out, 0);
	for (int i = 0; i < 40; i++)
		add_send(&out, i);
	write_all(peer, out.data, out.len);
	ws_world_settle(w);
	write_all(peer, out.data, out.len); /* stays in the socket */
	for (int i = 0; i < 5; i++)
		ws_world_pass(w, idle_ms + WP_TICK_MS);
	answer_all(w);
	text = read_all(peer, &len);
	assert_int_equal(count(text, len, "\"ref\":"), 80);
	assert_false(is_at_end(peer));
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
		(void)open_quiet(w, &peer);
		(void)open_quiet(w, &silent);
		for (int64_t ms = 0; ms < 20000; ms += times[i][2]) {
			size_t len;
			const char *text;

			ws_world_pass(w, times[i][2]);
			assert_false(is_at_end(peer));
			text = read_all(peer, &len);
			if (count(text, len, "\x89") == 0)
				continue;
			write_all(peer, pong.data, pong.len);
			ws_world_settle(w);
			asked++;
		}
		assert_true(asked > 3);
		(void)read_all(silent, NULL);
		assert_true(is_at_end(silent));
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
	conn = open_quiet(w, peer);
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
		write_all(peer, out.data, out.len);
		ws_world_settle(w);
	}
	assert_int_equal(conn->session.state, WP_SESSION_CLOSING);
	text = read_in_turns(w, peer, &len);
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

	conn = open_quiet(w, &peer);
	wp_buf_init(&out, 0);
	ws_text_add(&out, "{\"type\":\"ping\",\"x\":\"\"}");
	out.data[0] = '\x01'; /* not the last fragment */
	write_all(peer, out.data, out.len);
	wp_buf_clear(&out);
	ws_frame_add(&out, WP_WS_PONG, "", 0);
	while (conn->session.state == WP_SESSION_OPEN) {
		write_all(peer, out.data, out.len);
		ws_world_pass(w, step_ms);
		assert_true(++steps < 10);
	}
	assert_true(steps >= 4);
	text = read_all(peer, &len);
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

	conn = open_quiet(w, &peer);
	wp_buf_init(&out, 0);
	ws_text_add(&out, json_ping);
	write_all(peer, out.data, out.len / 2);
	for (int i = 0; i < 40; i++) {
		ws_world_pass(w, step_ms);
		assert_true(wp_session_is_holding(&conn->session));
		write_all(peer, out.data + out.len / 2, out.len - out.len / 2);
		write_all(peer, out.data, out.len / 2);
		ws_world_settle(w);
		text = read_all(peer, &len);
		assert_int_equal(count(text, len, "pong"), 1);
	}
	/* And when the last has ended nothing is kept of it. */
	write_all(peer, out.data + out.len / 2, out.len - out.len / 2);
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

	conn = open_quiet(w, &peer);
	wp_buf_init(&out, 0);
	ws_text_add(&out, json_ping);
	out.data[0] = '\x01'; /* not the last fragment */
	write_all(peer, out.data, out.len);
	wp_buf_clear(&out);
	for (int i = 0; i < 4 * FRAMES_PER_TURN; i++)
		ws_frame_add(&out, WP_WS_PONG, "", 0);
	while (conn->session.state == WP_SESSION_OPEN) {
		write_all(peer, out.data, out.len);
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

	conn = open_quiet(w, &peer);
	wp_buf_init(&out, 0);
	ws_frame_add(&out, WP_WS_PONG, "0123456789", 10);
	write_all(peer, out.data, out.len / 2);
	for (int i = 0; i < 40; i++) {
		ws_world_pass(w, step_ms);
		assert_true(wp_session_is_holding(&conn->session));
		write_all(peer, out.data + out.len / 2, out.len - out.len / 2);
		write_all(peer, out.data, out.len / 2);
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
	struct wp_conn *conn = open_quiet(w, &peer);

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

/* Frames of one user over as many connections as it takes, all unanswered. */
static size_t flood_unanswered(struct ws_world *w, const char *frame, int *peer,
			       size_t n_peers)
{
	struct wp_buf out;
	size_t refused = 0;

	wp_buf_init(&out, 0);
	ws_text_add(&out, frame);
	for (size_t i = 0; i < n_peers; i++) {
		size_t len;
		const char *text;

		(void)open_quiet(w, &peer[i]);
		for (int k = 0; k < WP_SESSION_UNANSWERED_MAX; k++) {
			write_all(peer[i], out.data, out.len);
			ws_world_settle(w);
		}
		text = read_all(peer[i], &len);
		refused += count(text, len, "\"overloaded\"");
	}
	wp_buf_release(&out);
	return refused;
}

static void assert_user_has_a_part(struct ws_world *w, const char *frame,
				   int *peers, size_t n_peers)
{
	size_t refused = flood_unanswered(w, frame, peers, n_peers);
	size_t waiting = ws_world_waiting();
	struct wp_conn *conn;
	struct wp_buf out;
	int other;

	assert_true(refused > 0);
	assert_int_equal(refused + waiting,
			 n_peers * WP_SESSION_UNANSWERED_MAX);
	assert_true(w->parts->live.inflight.total <= WP_INFLIGHT_USER_MAX);
	assert_true(waiting * strlen(frame) > WP_INFLIGHT_USER_MAX / 3);

	/* Others go on, and their connections need not be old. */
	conn = ws_world_open(w, "urn:sm:user:bob", &other);
	wp_buf_init(&out, 0);
	add_send(&out, 1);
	write_all(other, out.data, out.len);
	ws_world_settle(w);
	assert_int_equal(conn->session.n_unanswered, 1);

	/* To leave does not make room, answers do. */
	for (size_t i = 0; i < n_peers; i++)
		close(peers[i]);
	ws_world_settle(w);
	assert_true(w->parts->live.inflight.total > WP_INFLIGHT_USER_MAX / 3);
	answer_all(w);
	assert_int_equal(w->parts->live.inflight.total, 0);
	wp_buf_release(&out);
	close(other);
	ws_world_settle(w);
}

static void unanswered_sends_of_one_user_are_bounded(void **state)
{
	enum { BASE64 = 100000, PEERS = 7 };
	struct wp_buf frame;
	int peers[PEERS];

	wp_buf_init(&frame, 0);
	wp_buf_add_str(&frame, "{\"type\":\"send\",\"envelope\":{"
			       "\"recipientId\":\"bob\","
			       "\"encryptedData\":\"");
	for (int i = 0; i < BASE64; i++)
		wp_buf_add_char(&frame, 'A');
	wp_buf_add_str(&frame, "\"}}");
	wp_buf_add_char(&frame, '\0');
	assert_user_has_a_part(*state, frame.data, peers, PEERS);
	wp_buf_release(&frame);
}

static void unanswered_acks_of_one_user_are_bounded(void **state)
{
	enum { PEERS = 12 };
	struct ws_world *w = *state;
	struct wp_msgid id = { .entry = { .ms = 1700000000000 } };
	struct wp_urn urn;
	struct wp_box box;
	struct wp_buf frame;
	int peers[PEERS];

	assert_int_equal(wp_urn_parse(&urn, "urn:sm:user:ann", 15, NULL),
			 WP_OK);
	wp_box_of(&box, &urn, w->parts->partitions);
	id.partition = (uint16_t)box.partition;
	wp_buf_init(&frame, 0);
	wp_buf_add_str(&frame, "{\"type\":\"ack\",\"messageIds\":[");
	for (int i = 0; i < 1000; i++) {
		char text[WP_MSGID_LEN + 1];

		id.entry.seq = (uint64_t)i;
		wp_msgid_format(&id, text);
		wp_buf_printf(&frame, "%s\"%s\"", i == 0 ? "" : ",", text);
	}
	wp_buf_add_str(&frame, "]}");
	wp_buf_add_char(&frame, '\0');
	assert_user_has_a_part(w, frame.data, peers, PEERS);
	wp_buf_release(&frame);
}

static void server_that_ends_during_the_pause_lets_go(void **state)
{
	struct ws_world *w = *state;
	int peer;
	struct wp_buf out;

	(void)open_quiet(w, &peer);
	wp_buf_init(&out, 0);
	for (int i = 0; i < 80; i++)
		add_send(&out, i);
	write_all(peer, out.data, out.len);
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
			unanswered_sends_of_one_user_are_bounded, setup,
			teardown),
		cmocka_unit_test_setup_teardown(
			unanswered_acks_of_one_user_are_bounded, setup,
			teardown),
		cmocka_unit_test_setup_teardown(
			server_that_ends_during_the_pause_lets_go, setup,
			teardown),
	};

	return cmocka_run_group_tests_name("conn", tests, NULL, NULL);
}
