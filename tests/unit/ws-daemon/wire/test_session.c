/*
 * A whole connection without a socket: what comes out when, however it is cut.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/support/ws/ws_bytes.h"
#include "ws-daemon/wire/session.h"

enum {
	MAX_MESSAGE = 4096,
	MAX_QUEUE = 65536,
	FULL = WP_SESSION_UNANSWERED_MAX
};

static const char head_text[] = "GET /connect HTTP/1.1\r\n"
				"Host: h\r\n"
				"\r\n";
static const char response_text[] = "HTTP/1.1 101 Yes\r\n\r\n";

/* ---- an owner, which answers what a script says ---- */

struct owner {
	struct wp_session session;
	struct wp_buf seen; /* the events, one letter each, and their data */
	struct wp_buf out;  /* what was written */
	size_t n_asked;
	size_t n_events;
	uint8_t deflate_bits;
};

static void begin(struct owner *o)
{
	*o = (struct owner){ 0 };
	wp_buf_init(&o->seen, 0);
	wp_buf_init(&o->out, 0);
}

static void end(struct owner *o)
{
	wp_session_release(&o->session);
	wp_buf_release(&o->seen);
	wp_buf_release(&o->out);
}

static void open_it(struct owner *o)
{
	struct wp_buf response;

	wp_buf_init(&response, 0);
	wp_buf_add_str(&response, response_text);
	assert_int_equal(wp_session_open(&o->session, &response, MAX_MESSAGE,
					 o->deflate_bits),
			 WP_OK);
	wp_buf_release(&response);
}

static void send_text(struct owner *o, const char *text, size_t len)
{
	struct wp_message *message = wp_message_frame(WP_WS_TEXT, text, len);

	assert_non_null(message);
	if (o->session.state == WP_SESSION_OPEN)
		assert_int_equal(
			wp_session_send(&o->session, message, MAX_QUEUE),
			WP_OK);
	wp_message_unref(&message);
}

/* "ask…" is answered later, "now…" from inside its own event. */
static void on_text(struct owner *o, const char *text, size_t len)
{
	assert_true(o->session.n_unanswered < FULL);
	if (len >= 3 && memcmp(text, "ask", 3) == 0) {
		wp_session_ask(&o->session);
		o->n_asked++;
	} else if (len >= 3 && memcmp(text, "now", 3) == 0) {
		wp_session_ask(&o->session);
		wp_session_answer(&o->session);
		send_text(o, "acked", 5);
	} else {
		send_text(o, text, len);
	}
}

static void on_event(struct owner *o, const struct wp_session_event *event)
{
	static const char letters[] = "rbtpPlx";
	struct wp_message *pong;

	o->n_events++;
	wp_buf_add_char(&o->seen, letters[event->type]);
	switch (event->type) {
	case WP_SESSION_REQUEST:
		wp_buf_add(&o->seen, event->head.path.data,
			   event->head.path.len);
		open_it(o);
		break;
	case WP_SESSION_BAD_REQUEST:
		wp_buf_printf(&o->seen, "%u", event->status);
		break;
	case WP_SESSION_TEXT:
		wp_buf_add(&o->seen, event->data, event->len);
		on_text(o, event->data, event->len);
		break;
	case WP_SESSION_PING:
		pong = wp_message_frame(WP_WS_PONG, event->data, event->len);
		assert_int_equal(wp_session_send(&o->session, pong, MAX_QUEUE),
				 WP_OK);
		wp_message_unref(&pong);
		break;
	case WP_SESSION_LEAVE:
	case WP_SESSION_BROKEN:
		wp_buf_printf(&o->seen, "%u", event->code);
		assert_int_equal(wp_session_fail(&o->session, event->code),
				 WP_OK);
		break;
	case WP_SESSION_PONG:
		break;
	}
}

/* The end of a turn. */
static void turn(struct owner *o)
{
	struct wp_session_event event;

	while (wp_session_next(&o->session, &event))
		on_event(o, &event);
	assert_int_equal(wp_session_keep(&o->session), WP_OK);
}

/* Write what waits, in bites of a changing size. */
static void write_out(struct owner *o, size_t bite)
{
	while ((wp_session_wants(&o->session) & WP_SESSION_WRITE) != 0) {
		struct iovec iov[3];
		size_t n = wp_session_gather(&o->session, iov, 3);
		size_t len = 0;

		assert_true(n > 0);
		for (size_t i = 0; i < n && len < bite; i++) {
			size_t piece = iov[i].iov_len < bite - len
					       ? iov[i].iov_len
					       : bite - len;

			wp_buf_add(&o->out, iov[i].iov_base, piece);
			len += piece;
		}
		assert_int_equal(wp_session_sent(&o->session, len), WP_OK);
	}
}

/* What a socket would give: only while it is wanted, from memory that is gone
 * afterwards. Returns what was taken. */
static size_t give(struct owner *o, const char *data, size_t len)
{
	uint8_t *copy;

	if ((wp_session_wants(&o->session) & WP_SESSION_READ) == 0)
		return 0;
	copy = malloc(len == 0 ? 1 : len);
	assert_non_null(copy);
	memcpy(copy, data, len);
	assert_int_equal(wp_session_feed(&o->session, copy, len), WP_OK);
	turn(o);
	memset(copy, 0xAA, len);
	free(copy);
	return len;
}

static bool answer_one(struct owner *o)
{
	if (o->n_asked == 0)
		return false;
	o->n_asked--;
	wp_session_answer(&o->session);
	send_text(o, "answer", 6);
	return true;
}

/* Give all of it in pieces, answering when nothing is wanted. */
static void play(struct owner *o, const char *data, size_t len, size_t piece)
{
	size_t at = 0;

	while (at < len) {
		size_t n = len - at < piece ? len - at : piece;
		size_t taken = give(o, data + at, n);

		if (taken == 0) {
			assert_true(answer_one(o));
			turn(o);
		}
		at += taken;
	}
	while (answer_one(o))
		turn(o);
	write_out(o, 7);
}

static void assert_seen(const struct owner *o, const char *text)
{
	assert_int_equal(o->seen.len, strlen(text));
	assert_memory_equal(o->seen.data, text, o->seen.len);
}

/* ---- a conversation ---- */

/* Of everything something, and more of what is answered late than may be. */
static void add_conversation(struct wp_buf *out)
{
	char text[32];

	wp_buf_add_str(out, head_text);
	for (int i = 0; i < FULL + 8; i++) {
		snprintf(text, sizeof(text), "ask%d", i);
		ws_text_add(out, text);
		if (i % 5 == 0)
			ws_text_add(out, "now");
		if (i % 7 == 0)
			ws_frame_add(out, WP_WS_PING, "x", 1);
		if (i % 9 == 0)
			ws_text_add(out, "echo");
		if (i % 11 == 0)
			ws_frame_add(out, WP_WS_PONG, "", 0);
		if (i == 20) { /* a message in two pieces, a ping between */
			size_t at = out->len;

			ws_text_add(out, "first ");
			out->data[at] = '\x01';
			ws_frame_add(out, WP_WS_PING, "y", 1);
			ws_frame_add(out, WP_WS_CONTINUATION, "second", 6);
		}
	}
	ws_frame_add(out, WP_WS_CLOSE, "\x03\xe8", 2);
	ws_text_add(out, "never seen");
}

/* How it looks in one piece. */
static void add_expected(struct wp_buf *seen)
{
	char text[32];

	wp_buf_add_str(seen, "r/connect");
	for (int i = 0; i < FULL + 8; i++) {
		snprintf(text, sizeof(text), "task%d", i);
		wp_buf_add_str(seen, text);
		if (i % 5 == 0)
			wp_buf_add_str(seen, "tnow");
		if (i % 7 == 0)
			wp_buf_add_str(seen, "p");
		if (i % 9 == 0)
			wp_buf_add_str(seen, "techo");
		if (i % 11 == 0)
			wp_buf_add_str(seen, "P");
		if (i == 20)
			wp_buf_add_str(seen, "ptfirst second");
	}
	wp_buf_add_str(seen, "l1000");
}

static size_t count(const struct wp_buf *buf, const char *what)
{
	const char *at = buf->data;
	size_t n = 0;

	while ((at = memmem(at, buf->len - (size_t)(at - buf->data), what,
			    strlen(what))) != NULL) {
		at++;
		n++;
	}
	return n;
}

static void assert_conversed(struct owner *o)
{
	struct wp_buf expected;

	wp_buf_init(&expected, 0);
	add_expected(&expected);
	assert_int_equal(o->seen.len, expected.len);
	assert_memory_equal(o->seen.data, expected.data, expected.len);
	wp_buf_release(&expected);

	assert_memory_equal(o->out.data, response_text, strlen(response_text));
	assert_int_equal(count(&o->out, "acked"), 8);
	/* The last 32 may be answered behind the close, and then are not. */
	assert_true(count(&o->out, "answer") >= 8);
	assert_int_equal(count(&o->out, "echo"), 5);
	assert_int_equal(count(&o->out, "\x8a\x01x"), 6);
	assert_memory_equal(o->out.data + o->out.len - 4, "\x88\x02\x03\xe8",
			    4);
	assert_int_equal(o->session.state, WP_SESSION_CLOSING);
	assert_int_equal(wp_session_wants(&o->session),
			 WP_SESSION_READ | WP_SESSION_END);
}

static void conversation_is_the_same_in_pieces_of_any_size(void **state)
{
	struct wp_buf in;

	(void)state;
	wp_buf_init(&in, 0);
	add_conversation(&in);
	for (size_t piece = 1; piece <= in.len; piece += piece < 80 ? 1 : 37) {
		struct owner o;

		begin(&o);
		play(&o, in.data, in.len, piece);
		assert_conversed(&o);
		end(&o);
	}
	wp_buf_release(&in);
}

static void conversation_may_be_cut_anywhere(void **state)
{
	struct wp_buf in;

	(void)state;
	wp_buf_init(&in, 0);
	add_conversation(&in);
	for (size_t cut = 0; cut <= in.len; cut++) {
		struct owner o;

		begin(&o);
		assert_int_equal(give(&o, in.data, cut), cut);
		if (cut % 3 == 0) { /* sometimes an answer comes between */
			(void)answer_one(&o);
			turn(&o);
		}
		write_out(&o, 1 + cut % 50);
		play(&o, in.data + cut, in.len - cut, in.len);
		assert_conversed(&o);
		end(&o);
	}
	wp_buf_release(&in);
}

/* ---- the pause ---- */

static void begin_open(struct owner *o)
{
	begin(o);
	assert_int_equal(give(o, head_text, strlen(head_text)),
			 strlen(head_text));
	write_out(o, 1000);
	assert_int_equal(o->session.state, WP_SESSION_OPEN);
	wp_buf_clear(&o->seen);
	wp_buf_clear(&o->out);
	o->n_events = 0;
}

static void give_all(struct owner *o, const struct wp_buf *in)
{
	assert_int_equal(give(o, in->data, in->len), in->len);
}

static void no_event_comes_while_32_are_unanswered(void **state)
{
	struct owner o;
	struct wp_buf in;

	(void)state;
	begin_open(&o);
	wp_buf_init(&in, 0);
	for (int i = 0; i < FULL + 8; i++)
		ws_text_add(&in, "ask");
	ws_frame_add(&in, WP_WS_PING, "x", 1);
	give_all(&o, &in);
	assert_int_equal(o.n_events, FULL);
	assert_int_equal(wp_session_wants(&o.session), 0);
	assert_false(wp_session_has_more(&o.session));

	/* Each answer makes room for one, when the owner asks, no sooner. */
	for (size_t i = 1; i <= 8; i++) {
		assert_true(answer_one(&o));
		assert_int_equal(o.n_events, FULL + i - 1);
		assert_true(wp_session_has_more(&o.session));
		turn(&o);
		assert_int_equal(o.n_events, FULL + i);
	}
	assert_int_equal(wp_session_wants(&o.session), WP_SESSION_WRITE);
	assert_true(answer_one(&o));
	turn(&o);
	assert_int_equal(o.n_events, FULL + 9);
	assert_int_equal(wp_session_wants(&o.session),
			 WP_SESSION_READ | WP_SESSION_WRITE);
	wp_buf_release(&in);
	end(&o);
}

/* Nor is more read, although all that was read is taken up. */
static void nothing_is_read_while_32_are_unanswered(void **state)
{
	struct owner o;
	struct wp_buf in;

	(void)state;
	begin_open(&o);
	wp_buf_init(&in, 0);
	ws_text_add(&in, "ask");
	for (int i = 0; i < FULL; i++) {
		assert_int_equal(wp_session_wants(&o.session), WP_SESSION_READ);
		give_all(&o, &in);
	}
	assert_int_equal(wp_session_wants(&o.session), 0);
	assert_false(wp_session_has_more(&o.session));
	assert_true(answer_one(&o));
	assert_int_equal(wp_session_wants(&o.session),
			 WP_SESSION_READ | WP_SESSION_WRITE);
	wp_buf_release(&in);
	end(&o);
}

/* It is counted and counted out again within its own event. */
static void what_is_answered_at_once_does_not_pause(void **state)
{
	(void)state;
	for (int where = 0; where <= FULL; where++) {
		struct owner o;
		struct wp_buf in;

		begin_open(&o);
		wp_buf_init(&in, 0);
		for (int i = 0; i <= FULL; i++) {
			if (i == where)
				for (int k = 0; k < 100; k++)
					ws_text_add(&in, "now");
			ws_text_add(&in, "ask");
		}
		give_all(&o, &in);
		/* Behind the 32nd it waits like all others. */
		assert_int_equal(o.n_events, where == FULL ? FULL : FULL + 100);
		assert_true(answer_one(&o));
		turn(&o);
		assert_int_equal(o.n_events, FULL + 101);
		wp_buf_release(&in);
		end(&o);
	}
}

static void close_in_the_pause_finds_the_close_that_waits(void **state)
{
	struct owner o;
	struct wp_buf in;

	(void)state;
	begin_open(&o);
	wp_buf_init(&in, 0);
	for (int i = 0; i < FULL + 8; i++)
		ws_text_add(&in, "ask");
	ws_frame_add(&in, WP_WS_CLOSE, "\x03\xe8", 2);
	give_all(&o, &in);
	assert_int_equal(wp_session_close(&o.session, WP_CLOSE_REPLACED),
			 WP_OK);
	/* The owner may be past its look at the input. */
	assert_true(wp_session_has_more(&o.session));
	turn(&o);
	assert_int_equal(o.n_events, FULL);
	assert_false(wp_session_has_more(&o.session));
	write_out(&o, 1);
	assert_int_equal(o.out.len, 4);
	assert_memory_equal(o.out.data, "\x88\x02\x11\x39", 4);
	assert_int_equal(wp_session_wants(&o.session),
			 WP_SESSION_READ | WP_SESSION_END);
	while (o.n_asked-- > 0) /* answers to nobody are counted all the same */
		wp_session_answer(&o.session);
	wp_buf_release(&in);
	end(&o);
}

/* ---- ends ---- */

static void our_close_waits_for_the_peers(void **state)
{
	static const struct {
		const char *frame;
		size_t len;
		bool is_end;
	} cases[] = {
		{ "", 0, false },
		{ "\x81\x81\0\0\0\0x", 7, false },
		{ "\x89\x80\0\0\0\0", 6, false },
		{ "\x88\x80\0\0\0\0", 6, true },
		{ "\x88\x82\0\0\0\0\x03\xe8", 8, true },
		{ "\xff\xff", 2, true }, /* what it sends now is no protocol */
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		for (size_t cut = 0; cut <= cases[i].len; cut++) {
			struct owner o;

			begin_open(&o);
			assert_int_equal(
				wp_session_close(&o.session, WP_CLOSE_RESTART),
				WP_OK);
			write_out(&o, 100);
			assert_int_equal(wp_session_wants(&o.session),
					 WP_SESSION_READ);
			(void)give(&o, cases[i].frame, cut);
			(void)give(&o, cases[i].frame + cut,
				   cases[i].len - cut);
			assert_int_equal(
				wp_session_wants(&o.session),
				WP_SESSION_READ |
					(cases[i].is_end ? WP_SESSION_END : 0));
			assert_int_equal(o.n_events, 0);
			/* Whatever comes now is nobody's. */
			(void)give(&o, "\xff\xff\xff\xff", 4);
			end(&o);
		}
	}
}

static void peer_that_breaks_the_protocol_is_told_and_left(void **state)
{
	static const struct {
		const char *frame;
		size_t len;
		const char *close;
	} cases[] = {
		{ "\xc1\x80....", 6, "\x88\x02\x03\xea" },
		{ "\x81\x02{}", 4, "\x88\x02\x03\xea" },
		{ "\x82\x80....", 6, "\x88\x02\x03\xeb" },
		{ "\x81\x81\0\0\0\0\xff", 7, "\x88\x02\x03\xef" },
		{ "\x81\xff\0\xff\0\0\0\0\0\0....", 14, "\x88\x02\x03\xf1" },
	};
	static char garbage[5000];

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		for (size_t cut = 0; cut <= cases[i].len; cut++) {
			struct owner o;

			begin_open(&o);
			(void)give(&o, cases[i].frame, cut);
			(void)give(&o, cases[i].frame + cut,
				   cases[i].len - cut);
			(void)give(&o, garbage, sizeof(garbage));
			assert_int_equal(o.n_events, 1);
			write_out(&o, 100);
			assert_int_equal(o.out.len, 4);
			assert_memory_equal(o.out.data, cases[i].close, 4);
			assert_int_equal(wp_session_wants(&o.session),
					 WP_SESSION_READ | WP_SESSION_END);
			end(&o);
		}
	}
}

/* It is nobody's, and does not keep the socket from being read to its end. */
static void what_lies_behind_the_last_frame_is_dropped(void **state)
{
	static const struct {
		const char *in;
		size_t len;
		bool is_ours; /* the close comes first from us */
	} cases[] = {
		{ "\x88\x80\0\0\0\0 behind", 13, false },
		{ "\x88\x80\0\0\0\0 behind", 13, true },
		{ "\xff\xff behind", 9, false },
		{ "\xff\xff behind", 9, true },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct owner o;

		begin_open(&o);
		if (cases[i].is_ours)
			assert_int_equal(
				wp_session_close(&o.session, WP_CLOSE_RESTART),
				WP_OK);
		assert_int_equal(give(&o, cases[i].in, cases[i].len),
				 cases[i].len);
		assert_false(o.session.is_kept);
		write_out(&o, 100);
		assert_int_equal(wp_session_wants(&o.session),
				 WP_SESSION_READ | WP_SESSION_END);
		end(&o);
	}
}

static void slow_peer_is_told_in_place_of_what_waits(void **state)
{
	struct owner o;
	struct wp_message *message =
		wp_message_frame(WP_WS_TEXT, "12345678", 8);
	enum { COST = 2 + 8 + WP_OUTBOX_ENTRY_COST };

	(void)state;
	begin_open(&o);
	assert_int_equal(wp_session_send(&o.session, message, 2 * COST), WP_OK);
	assert_int_equal(wp_session_send(&o.session, message, 2 * COST), WP_OK);
	assert_int_equal(wp_session_send(&o.session, message, 2 * COST),
			 WP_ERR_FULL);
	/* The first is begun. */
	assert_int_equal(wp_session_sent(&o.session, 3), WP_OK);
	assert_int_equal(wp_session_close(&o.session, WP_CLOSE_TRY_LATER),
			 WP_OK);
	write_out(&o, 2);
	assert_int_equal(o.out.len, 7 + 4);
	assert_memory_equal(o.out.data, "2345678\x88\x02\x03\xf5", 11);
	wp_message_unref(&message);
	end(&o);
}

/* One that waits alone keeps to the same rules as a queue of them. */
static void a_message_alone_needs_no_outbox(void **state)
{
	enum { COST = 2 + 8 + WP_OUTBOX_ENTRY_COST };
	struct owner o;
	struct wp_message *message =
		wp_message_frame(WP_WS_TEXT, "12345678", 8);

	(void)state;
	begin_open(&o);
	assert_int_equal(wp_session_send(&o.session, message, COST - 1),
			 WP_ERR_FULL);
	assert_int_equal(wp_session_wants(&o.session), WP_SESSION_READ);
	assert_int_equal(wp_session_send(&o.session, message, COST), WP_OK);
	assert_true(o.session.has_only);
	assert_int_equal(wp_session_send(&o.session, message, COST),
			 WP_ERR_FULL);
	write_out(&o, 100);
	assert_null(o.session.outbox);

	/* Begun, it is known how far, and others come behind it. */
	for (size_t bite = 1; bite < 10; bite++) {
		struct wp_buf *out = &o.out;

		wp_buf_clear(out);
		assert_int_equal(wp_session_send(&o.session, message, COST),
				 WP_OK);
		assert_int_equal(wp_session_sent(&o.session, bite), WP_OK);
		send_text(&o, "x", 1);
		write_out(&o, 4);
		assert_int_equal(out->len, 10 - bite + 3);
		assert_memory_equal(out->data + out->len - 3, "\x81\x01x", 3);
		assert_memory_equal(out->data + out->len - 4, "8", 1);
		assert_null(o.session.outbox);
	}

	/* Not begun, it gives way to the close frame of a slow peer. */
	wp_buf_clear(&o.out);
	assert_int_equal(wp_session_send(&o.session, message, COST), WP_OK);
	assert_int_equal(wp_session_close(&o.session, WP_CLOSE_TRY_LATER),
			 WP_OK);
	write_out(&o, 100);
	assert_int_equal(o.out.len, 4);
	assert_memory_equal(o.out.data, "\x88\x02\x03\xf5", 4);
	wp_message_unref(&message);
	end(&o);
}

/* The peer could not read the close frame without it. */
static void a_response_alone_gives_way_to_nothing(void **state)
{
	struct owner o;

	(void)state;
	begin(&o);
	o.session.state = WP_SESSION_ASKED;
	open_it(&o);
	assert_true(o.session.has_only);
	assert_int_equal(wp_session_close(&o.session, WP_CLOSE_TRY_LATER),
			 WP_OK);
	write_out(&o, 100);
	assert_memory_equal(o.out.data, "HTTP", 4);
	assert_memory_equal(o.out.data + o.out.len - 4, "\x88\x02\x03\xf5", 4);
	end(&o);
}

static void nothing_is_wanted_when_it_is_over(void **state)
{
	struct owner o;

	(void)state;
	begin_open(&o);
	send_text(&o, "x", 1);
	wp_session_end(&o.session);
	assert_int_equal(wp_session_wants(&o.session), 0);
	turn(&o);
	end(&o);
}

/* ---- the request ---- */

static void response_is_the_last(void **state)
{
	struct owner o;
	struct wp_session_event event;
	struct wp_buf response;
	uint8_t head[sizeof(head_text)];

	(void)state;
	begin(&o);
	memcpy(head, head_text, sizeof(head_text));
	assert_int_equal(wp_session_feed(&o.session, head, strlen(head_text)),
			 WP_OK);
	assert_true(wp_session_next(&o.session, &event));
	assert_int_equal(event.type, WP_SESSION_REQUEST);
	assert_int_equal(wp_session_wants(&o.session), 0);
	assert_false(wp_session_next(&o.session, &event));

	wp_buf_init(&response, 0);
	wp_buf_add_str(&response, "HTTP/1.1 404 No\r\n\r\n");
	assert_int_equal(wp_session_respond(&o.session, &response), WP_OK);
	assert_int_equal(wp_session_wants(&o.session),
			 WP_SESSION_READ | WP_SESSION_WRITE);
	(void)give(&o, head_text, strlen(head_text)); /* for nobody */
	write_out(&o, 5);
	assert_int_equal(o.out.len, response.len);
	assert_int_equal(wp_session_wants(&o.session),
			 WP_SESSION_READ | WP_SESSION_END);
	assert_int_equal(o.n_events, 0);
	wp_buf_release(&response);
	end(&o);
}

static void response_that_could_not_be_built_is_said(void **state)
{
	struct owner o;
	struct wp_buf response = { .failed = true };

	(void)state;
	begin(&o);
	assert_int_equal(wp_session_respond(&o.session, &response),
			 WP_ERR_NOMEM);
	assert_int_equal(o.session.state, WP_SESSION_ANSWERED);
	end(&o);
}

static void bad_request_may_be_cut_anywhere(void **state)
{
	static const char text[] = "GET /connect HTTP/1.1\r\nbad line\r\n\r\n";

	(void)state;
	for (size_t cut = 0; cut < sizeof(text); cut++) {
		struct owner o;

		begin(&o);
		(void)give(&o, text, cut);
		(void)give(&o, text + cut,
			   strlen(text) < cut ? 0 : strlen(text) - cut);
		assert_seen(&o, "b400");
		end(&o);
	}
}

static void endless_head_is_refused_when_it_is_too_long(void **state)
{
	struct owner o;
	size_t n = 0;

	(void)state;
	begin(&o);
	while (o.seen.len == 0) {
		assert_int_equal(give(&o, "x", 1), 1);
		n++;
	}
	assert_seen(&o, "b431");
	assert_int_equal(n, WP_HEAD_MAX + 1);
	end(&o);
}

/* Frames in the same packet as the head, the answer to which comes later. */
static void frames_behind_the_head_wait_for_the_upgrade(void **state)
{
	struct owner o;
	struct wp_session_event event;
	struct wp_buf in;

	(void)state;
	begin(&o);
	wp_buf_init(&in, 0);
	wp_buf_add_str(&in, head_text);
	ws_text_add(&in, "echo");
	assert_int_equal(
		wp_session_feed(&o.session, (uint8_t *)in.data, in.len), WP_OK);
	assert_true(wp_session_next(&o.session, &event));
	assert_false(wp_session_next(&o.session, &event));
	assert_int_equal(wp_session_keep(&o.session), WP_OK);
	wp_buf_clear(&in);
	assert_int_equal(wp_session_wants(&o.session), 0);

	open_it(&o);
	assert_true(wp_session_has_more(&o.session));
	turn(&o);
	assert_seen(&o, "techo");
	write_out(&o, 1000);
	assert_int_equal(o.out.len, strlen(response_text) + 2 + 4);
	wp_buf_release(&in);
	end(&o);
}

/* ---- what is kept ---- */

static void memory_is_held_only_for_what_has_begun(void **state)
{
	struct owner o;
	struct wp_buf in;

	(void)state;
	begin_open(&o);
	wp_buf_init(&in, 0);
	ws_text_add(&in, "echo");
	for (int i = 0; i < 3; i++) {
		for (size_t at = 0; at < in.len; at++) {
			assert_int_equal(give(&o, in.data + at, 1), 1);
			assert_int_equal(wp_session_is_holding(&o.session),
					 at + 1 < in.len);
			assert_false(o.session.is_kept);
		}
	}
	assert_int_equal(o.n_events, 3);
	wp_buf_release(&in);
	end(&o);
}

static void poke_is_known_until_it_is_out(void **state)
{
	struct owner o;
	struct wp_message *poke = wp_message_frame(WP_WS_TEXT, "poke", 4);

	(void)state;
	begin_open(&o);
	poke->is_poke = true;
	assert_false(wp_session_has_poke(&o.session));
	assert_int_equal(wp_session_send(&o.session, poke, MAX_QUEUE), WP_OK);
	assert_true(wp_session_has_poke(&o.session));
	assert_int_equal(wp_session_sent(&o.session, 5), WP_OK);
	assert_true(wp_session_has_poke(&o.session));
	assert_int_equal(wp_session_sent(&o.session, 1), WP_OK);
	assert_false(wp_session_has_poke(&o.session));
	assert_null(o.session.outbox);
	wp_message_unref(&poke);
	end(&o);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
			conversation_is_the_same_in_pieces_of_any_size),
		cmocka_unit_test(conversation_may_be_cut_anywhere),
		cmocka_unit_test(no_event_comes_while_32_are_unanswered),
		cmocka_unit_test(nothing_is_read_while_32_are_unanswered),
		cmocka_unit_test(what_is_answered_at_once_does_not_pause),
		cmocka_unit_test(close_in_the_pause_finds_the_close_that_waits),
		cmocka_unit_test(our_close_waits_for_the_peers),
		cmocka_unit_test(
			peer_that_breaks_the_protocol_is_told_and_left),
		cmocka_unit_test(what_lies_behind_the_last_frame_is_dropped),
		cmocka_unit_test(slow_peer_is_told_in_place_of_what_waits),
		cmocka_unit_test(a_message_alone_needs_no_outbox),
		cmocka_unit_test(a_response_alone_gives_way_to_nothing),
		cmocka_unit_test(nothing_is_wanted_when_it_is_over),
		cmocka_unit_test(response_is_the_last),
		cmocka_unit_test(response_that_could_not_be_built_is_said),
		cmocka_unit_test(bad_request_may_be_cut_anywhere),
		cmocka_unit_test(endless_head_is_refused_when_it_is_too_long),
		cmocka_unit_test(frames_behind_the_head_wait_for_the_upgrade),
		cmocka_unit_test(memory_is_held_only_for_what_has_begun),
		cmocka_unit_test(poke_is_known_until_it_is_out),
	};

	return cmocka_run_group_tests_name("session", tests, NULL, NULL);
}
