/*
 * FastCGI without a socket: what is handed out and written, however it is cut;
 * and the same bytes through libfcgi, which must see the same request.
 */
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
#include <fcgiapp.h>

#include "handlers/wire/fcgi.h"

enum { MAX_BODY = 1000, ID = 0x0102 };
enum {
	BEGIN = 1,
	ABORT = 2,
	END = 3,
	PARAMS = 4,
	STDIN = 5,
	STDOUT = 6,
	DATA = 8,
	GET_VALUES = 9,
	RESULT = 10,
	UNKNOWN = 11
};
enum { KEEP = 1 };

/* ---- what a web server writes ---- */

static void record(struct wp_buf *out, int type, int id, const void *data,
		   size_t len)
{
	/* libfcgi takes none behind a begin, and no web server sends any. */
	size_t padding = type == BEGIN ? 0 : len % 3;
	const uint8_t header[] = { 1,
				   (uint8_t)type,
				   (uint8_t)(id >> 8),
				   (uint8_t)id,
				   (uint8_t)(len >> 8),
				   (uint8_t)len,
				   (uint8_t)padding,
				   0 };

	wp_buf_add(out, header, sizeof(header));
	wp_buf_add(out, data, len);
	wp_buf_add(out, "???", padding);
}

static void begin(struct wp_buf *out, int id, int role, int flags)
{
	const uint8_t content[8] = { 0, (uint8_t)role, (uint8_t)flags };

	record(out, BEGIN, id, content, sizeof(content));
}

static void pair(struct wp_buf *out, const char *name, const char *value)
{
	size_t lens[] = { strlen(name), strlen(value) };

	for (size_t i = 0; i < 2; i++) {
		if (lens[i] < 128) {
			wp_buf_add_char(out, (char)lens[i]);
		} else {
			const uint8_t len[] = { (uint8_t)(lens[i] >> 24 | 0x80),
						(uint8_t)(lens[i] >> 16),
						(uint8_t)(lens[i] >> 8),
						(uint8_t)lens[i] };

			wp_buf_add(out, len, sizeof(len));
		}
	}
	wp_buf_add_str(out, name);
	wp_buf_add_str(out, value);
}

/* A whole POST: parameters in two records, the body in two. */
static void post(struct wp_buf *out, int flags, const char *body)
{
	struct wp_buf params;
	char large[200];
	size_t half, len = strlen(body);

	memset(large, 'v', sizeof(large) - 1);
	large[sizeof(large) - 1] = '\0';
	wp_buf_init(&params, 0);
	pair(&params, "REQUEST_METHOD", "POST");
	pair(&params, "EMPTY", "");
	pair(&params, "HTTP_X", large);
	pair(&params, "HTTP_X", "again");
	half = params.len / 2;
	begin(out, ID, 1, flags);
	record(out, PARAMS, ID, params.data, half);
	record(out, PARAMS, ID, params.data + half, params.len - half);
	record(out, PARAMS, ID, "", 0);
	if (len > 1)
		record(out, STDIN, ID, body, len / 2);
	if (len > 0)
		record(out, STDIN, ID, body + len / 2, len - len / 2);
	record(out, STDIN, ID, "", 0);
	wp_buf_release(&params);
}

/* ---- the owner ---- */

struct owner {
	struct wp_fcgi_room room;
	struct wp_fcgi fcgi;
	struct wp_buf in;  /* to be fed */
	struct wp_buf log; /* what was handed out, as text */
	struct wp_buf out; /* what was written */
	bool is_lazy;      /* does not answer by itself */
};

static void set_up(struct owner *o)
{
	*o = (struct owner){ .room = { .max_body = MAX_BODY,
				       .max = 1024 * 1024 } };
	wp_fcgi_init(&o->fcgi, &o->room);
	wp_buf_init(&o->in, 0);
	wp_buf_init(&o->log, 0);
	wp_buf_init(&o->out, 0);
}

static void tear_down(struct owner *o)
{
	wp_fcgi_release(&o->fcgi);
	assert_int_equal(o->room.held, 0);
	wp_buf_release(&o->in);
	wp_buf_release(&o->log);
	wp_buf_release(&o->out);
}

static void write_out(struct owner *o)
{
	size_t len;
	const char *data = wp_fcgi_unsent(&o->fcgi, &len);

	wp_buf_add(&o->out, data, len);
	wp_fcgi_sent(&o->fcgi, len);
}

static void answer(struct owner *o, const char *text)
{
	struct wp_buf head, body;

	wp_buf_init(&head, 0);
	wp_buf_init(&body, 0);
	wp_buf_add_str(&head, "Status: 200\r\n\r\n");
	wp_buf_add_str(&body, text);
	wp_fcgi_answer(&o->fcgi, &head, &body);
	wp_buf_release(&head);
	wp_buf_release(&body);
}

static void note(struct owner *o)
{
	const struct wp_fcgi *fcgi = &o->fcgi;

	wp_buf_printf(&o->log, "problem %d", (int)fcgi->problem);
	for (size_t i = 0; fcgi->params[i] != NULL; i++)
		wp_buf_printf(&o->log, " %s", fcgi->params[i]);
	wp_buf_printf(&o->log, " body %.*s;", (int)fcgi->body.len,
		      fcgi->body.len > 0 ? fcgi->body.data : "");
}

static void take_events(struct owner *o)
{
	while (!o->is_lazy && o->fcgi.state == WP_FCGI_ASKED) {
		note(o);
		answer(o, "hello");
	}
	write_out(o);
}

static void feed(struct owner *o, const void *data, size_t len)
{
	/* At the end of its own memory, so that a read behind it is seen. */
	char *copy = malloc(len == 0 ? 1 : len);

	assert_non_null(copy);
	memcpy(copy, data, len);
	wp_fcgi_feed(&o->fcgi, copy, len);
	free(copy);
	take_events(o);
}

static void feed_all(struct owner *o)
{
	feed(o, o->in.data, o->in.len);
}

/* The next record that was written; the content's length, -1 at the end. */
static int next_record(const struct wp_buf *out, size_t *at, int *type_out)
{
	const uint8_t *p = (const uint8_t *)out->data + *at;
	int len;

	if (*at == out->len)
		return -1;
	assert_true(out->len - *at >= 8);
	len = p[4] << 8 | p[5];
	assert_true(out->len - *at >= 8u + (size_t)len + p[6]);
	*type_out = p[1];
	*at += 8u + (size_t)len + p[6];
	return len;
}

static const char expected_request[] =
	"problem 0 REQUEST_METHOD=POST EMPTY= HTTP_X="
	"vvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvv"
	"vv"
	"vvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvv"
	"vv"
	"vvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvv HTTP_X=again "
	"body {\"a\":1};";

static void assert_log(struct owner *o, const char *expected)
{
	wp_buf_add(&o->log, "", 0);
	assert_string_equal(o->log.data == NULL ? "" : o->log.data, expected);
}

/* ---- tests ---- */

static void a_request_is_handed_out_whole(void **state)
{
	struct owner o;

	(void)state;
	set_up(&o);
	post(&o.in, KEEP, "{\"a\":1}");
	feed_all(&o);
	assert_log(&o, expected_request);
	assert_int_equal(o.fcgi.state, WP_FCGI_IDLE);
	assert_int_equal(wp_fcgi_wants(&o.fcgi), WP_FCGI_READ);
	tear_down(&o);
}

static void where_it_is_cut_makes_no_difference(void **state)
{
	struct owner whole;

	(void)state;
	set_up(&whole);
	post(&whole.in, KEEP, "{\"a\":1}");
	post(&whole.in, 0, "");
	feed_all(&whole);
	assert_int_equal(wp_fcgi_wants(&whole.fcgi), WP_FCGI_END);
	for (size_t cut = 0; cut <= whole.in.len; cut++) {
		struct owner o;

		set_up(&o);
		feed(&o, whole.in.data, cut);
		feed(&o, whole.in.data + cut, whole.in.len - cut);
		assert_log(&o, whole.log.data);
		assert_int_equal(o.out.len, whole.out.len);
		assert_memory_equal(o.out.data, whole.out.data, o.out.len);
		tear_down(&o);
	}
	tear_down(&whole);
}

static void byte_by_byte(void **state)
{
	struct owner o;

	(void)state;
	set_up(&o);
	post(&o.in, KEEP, "{\"a\":1}");
	for (size_t i = 0; i < o.in.len; i++)
		feed(&o, o.in.data + i, 1);
	assert_log(&o, expected_request);
	tear_down(&o);
}

static void an_answer_is_stdout_and_an_end(void **state)
{
	struct owner o;
	size_t at = 0;
	int type = 0;

	(void)state;
	set_up(&o);
	post(&o.in, KEEP, "x");
	feed_all(&o);
	assert_int_equal(next_record(&o.out, &at, &type), 15);
	assert_int_equal(type, STDOUT);
	assert_int_equal(next_record(&o.out, &at, &type), 5);
	assert_int_equal(type, STDOUT);
	assert_int_equal(next_record(&o.out, &at, &type), 0);
	assert_int_equal(type, STDOUT);
	assert_int_equal(next_record(&o.out, &at, &type), 8);
	assert_int_equal(type, END);
	assert_int_equal(next_record(&o.out, &at, &type), -1);
	tear_down(&o);
}

static void a_long_answer_takes_several_records(void **state)
{
	enum { LEN = 200000 };
	char *text = malloc(LEN + 1);
	struct owner o;
	size_t at = 0, sum = 0;
	int len, type = 0;

	(void)state;
	assert_non_null(text);
	memset(text, 'x', LEN);
	text[LEN] = '\0';
	set_up(&o);
	o.is_lazy = true;
	post(&o.in, 0, "x");
	feed_all(&o);
	answer(&o, text);
	assert_int_equal(wp_fcgi_wants(&o.fcgi), WP_FCGI_WRITE);
	write_out(&o);
	while ((len = next_record(&o.out, &at, &type)) != -1)
		sum += type == STDOUT ? (size_t)len : 0;
	assert_int_equal(sum, LEN + 15);
	assert_int_equal(wp_fcgi_wants(&o.fcgi), WP_FCGI_END);
	free(text);
	tear_down(&o);
}

static void nothing_is_read_while_one_is_asked(void **state)
{
	struct owner o;

	(void)state;
	set_up(&o);
	o.is_lazy = true;
	post(&o.in, KEEP, "x");
	feed_all(&o);
	assert_int_equal(o.fcgi.state, WP_FCGI_ASKED);
	assert_int_equal(wp_fcgi_wants(&o.fcgi), 0);
	answer(&o, "y");
	assert_int_equal(wp_fcgi_wants(&o.fcgi), WP_FCGI_READ | WP_FCGI_WRITE);
	tear_down(&o);
}

static void a_stop_ends_the_idle_now_and_others_with_their_answer(void **state)
{
	/* The end of a request, and a record that asks nothing. */
	static const uint8_t last[] = { 1, 3, 1, 2, 0, 8,  0, 0, 0, 0, 0, 0,
					0, 0, 0, 0, 1, 10, 0, 0, 0, 0, 0, 0 };
	struct owner o;

	(void)state;
	set_up(&o);
	wp_fcgi_stop(&o.fcgi);
	assert_int_equal(wp_fcgi_wants(&o.fcgi), WP_FCGI_END);
	tear_down(&o);

	set_up(&o);
	o.is_lazy = true;
	post(&o.in, KEEP, "x");
	feed_all(&o);
	wp_fcgi_stop(&o.fcgi);
	assert_int_equal(o.fcgi.state, WP_FCGI_ASKED);
	answer(&o, "y");
	write_out(&o);
	assert_int_equal(wp_fcgi_wants(&o.fcgi), WP_FCGI_END);
	/* So that nginx does not use it again before it sees that it ends. */
	assert_true(o.out.len > sizeof(last));
	assert_memory_equal(o.out.data + o.out.len - sizeof(last), last,
			    sizeof(last));
	tear_down(&o);
}

static void lengths_that_lie_are_no_fastcgi(void **state)
{
	static const struct {
		const char *bytes;
		size_t len;
	} cases[] = {
		/* the one that makes libfcgi abort */
		{ "\xc0\0\0\0\xbf\xff\xff\xff"
		  "ab",
		  10 },
		{ "\x05\x05"
		  "abc",
		  5 },
		{ "\x01\x7f"
		  "abc",
		  5 },
		{ "\x80\0\0", 3 },
		{ "\x01", 1 },
		{ "\xff\xff\xff\xff\xff\xff\xff\xff", 8 },
		{ "\x03\x01"
		  "a\0bc",
		  6 },
		{ "\x01\x03"
		  "ab\0c",
		  6 },
		{ "\x03\x01"
		  "a=bc",
		  6 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct owner o;

		set_up(&o);
		begin(&o.in, ID, 1, KEEP);
		record(&o.in, PARAMS, ID, cases[i].bytes, cases[i].len);
		record(&o.in, PARAMS, ID, "", 0);
		record(&o.in, STDIN, ID, "", 0);
		feed_all(&o);
		assert_log(&o, "");
		assert_int_equal(wp_fcgi_wants(&o.fcgi), WP_FCGI_END);
		tear_down(&o);
	}
}

static void what_is_too_long_is_asked_at_once(void **state)
{
	char *large = malloc(WP_FCGI_PARAMS_MAX);
	struct owner o;

	(void)state;
	assert_non_null(large);
	memset(large, 'x', WP_FCGI_PARAMS_MAX);
	/* the body */
	set_up(&o);
	begin(&o.in, ID, 1, KEEP);
	record(&o.in, PARAMS, ID, "\1\1AB", 4);
	record(&o.in, PARAMS, ID, "", 0);
	record(&o.in, STDIN, ID, large, MAX_BODY);
	feed_all(&o);
	assert_int_equal(o.fcgi.state, WP_FCGI_BODY);
	wp_buf_clear(&o.in);
	record(&o.in, STDIN, ID, "x", 1);
	feed_all(&o);
	assert_log(&o, "problem 2 A=B body ;");
	/* the rest is read and forgotten, then comes the next request */
	assert_int_equal(o.fcgi.state, WP_FCGI_REST);
	wp_buf_clear(&o.in);
	record(&o.in, STDIN, ID, large, 60000);
	record(&o.in, STDIN, ID, "", 0);
	feed_all(&o);
	assert_int_equal(o.fcgi.state, WP_FCGI_IDLE);
	assert_int_equal(o.room.held, 0);
	tear_down(&o);
	/* the head */
	set_up(&o);
	begin(&o.in, ID, 1, KEEP);
	for (size_t sum = 0; sum <= WP_FCGI_PARAMS_MAX; sum += 65535)
		record(&o.in, PARAMS, ID, large, 65535);
	feed_all(&o);
	assert_log(&o, "problem 1 body ;");
	wp_buf_clear(&o.in);
	record(&o.in, PARAMS, ID, "", 0);
	record(&o.in, STDIN, ID, "", 0);
	feed_all(&o);
	assert_int_equal(o.fcgi.state, WP_FCGI_IDLE);
	tear_down(&o);
	free(large);
}

static void what_others_hold_is_not_there(void **state)
{
	struct owner o;

	(void)state;
	set_up(&o);
	o.room.held = o.room.max - 150;
	begin(&o.in, ID, 1, 0);
	record(&o.in, PARAMS, ID, "\1\1AB", 4);
	record(&o.in, PARAMS, ID, "", 0);
	record(&o.in, STDIN, ID,
	       "0123456789012345678901234567890123456789"
	       "0123456789012345678901234567890123456789",
	       80);
	feed_all(&o);
	assert_log(&o, "problem 3 A=B body ;");
	assert_int_equal(o.room.held, o.room.max - 150);
	/* it is heard out before the end */
	assert_int_equal(wp_fcgi_wants(&o.fcgi), WP_FCGI_READ);
	wp_buf_clear(&o.in);
	record(&o.in, STDIN, ID, "", 0);
	feed_all(&o);
	assert_int_equal(wp_fcgi_wants(&o.fcgi), WP_FCGI_END);
	o.room.held = 0;
	tear_down(&o);
}

static void one_request_at_a_time(void **state)
{
	struct owner o;
	size_t at = 0;
	int type = 0;

	(void)state;
	set_up(&o);
	begin(&o.in, ID, 1, KEEP);
	begin(&o.in, 7, 1, KEEP);
	record(&o.in, PARAMS, 7, "\1\1XY", 4);
	record(&o.in, PARAMS, ID, "\1\1AB", 4);
	record(&o.in, PARAMS, ID, "", 0);
	record(&o.in, STDIN, 7, "other", 5);
	record(&o.in, STDIN, ID, "", 0);
	feed_all(&o);
	assert_log(&o, "problem 0 A=B body ;");
	assert_int_equal(next_record(&o.out, &at, &type), 8);
	assert_int_equal(type, END);
	assert_int_equal(o.out.data[3], 7);
	assert_int_equal(o.out.data[12], 1); /* FCGI_CANT_MPX_CONN */
	tear_down(&o);
}

static void what_is_no_request_of_ours_is_told(void **state)
{
	struct owner o;
	size_t at = 0;
	int type = 0;

	(void)state;
	set_up(&o);
	begin(&o.in, ID, 2, KEEP); /* an authorizer */
	record(&o.in, GET_VALUES, 0, "\x0f\0FCGI_MPXS_CONNS", 17);
	record(&o.in, GET_VALUES, 0, "\x0e\0FCGI_MAX_CONNS", 16);
	record(&o.in, 77, 0, "??", 2);
	record(&o.in, DATA, ID, "??", 2);
	record(&o.in, 77, ID, "??", 2);
	feed_all(&o);
	assert_int_equal(next_record(&o.out, &at, &type), 8);
	assert_int_equal(type, END);
	assert_int_equal(o.out.data[12], 3); /* FCGI_UNKNOWN_ROLE */
	assert_int_equal(next_record(&o.out, &at, &type), 18);
	assert_int_equal(type, RESULT);
	assert_memory_equal(o.out.data + 24, "\x0f\1FCGI_MPXS_CONNS0", 18);
	assert_int_equal(next_record(&o.out, &at, &type), 0);
	assert_int_equal(type, RESULT);
	assert_int_equal(next_record(&o.out, &at, &type), 8);
	assert_int_equal(type, UNKNOWN);
	assert_int_equal(next_record(&o.out, &at, &type), -1);
	assert_int_equal(o.fcgi.state, WP_FCGI_IDLE);
	tear_down(&o);
}

static void an_abort_is_the_end_of_a_request(void **state)
{
	struct owner o;

	(void)state;
	set_up(&o);
	begin(&o.in, ID, 1, KEEP);
	record(&o.in, PARAMS, ID, "\1\1AB", 4);
	record(&o.in, ABORT, ID, "", 0);
	post(&o.in, KEEP, "{\"a\":1}");
	feed_all(&o);
	assert_log(&o, expected_request);
	assert_int_equal(o.fcgi.state, WP_FCGI_IDLE);
	tear_down(&o);
}

/* How many records of this type were written? */
static int count_records(const struct wp_buf *out, int type)
{
	size_t at = 0;
	int n = 0, seen;

	while (next_record(out, &at, &seen) != -1)
		n += seen == type;
	return n;
}

/* It was answered before its body had ended, and that it has not heard yet. */
static void an_abort_of_what_was_answered_says_nothing(void **state)
{
	static const char large[MAX_BODY + 1];
	struct owner o;

	(void)state;
	set_up(&o);
	begin(&o.in, ID, 1, KEEP);
	record(&o.in, PARAMS, ID, "\1\1AB", 4);
	record(&o.in, PARAMS, ID, "", 0);
	record(&o.in, STDIN, ID, large, sizeof(large));
	feed_all(&o);
	assert_int_equal(o.fcgi.state, WP_FCGI_REST);
	assert_int_equal(count_records(&o.out, END), 1);

	wp_buf_clear(&o.in);
	record(&o.in, ABORT, ID, "", 0);
	feed_all(&o);
	assert_int_equal(o.fcgi.state, WP_FCGI_IDLE);
	assert_int_equal(count_records(&o.out, END), 1);
	tear_down(&o);
}

static void records_out_of_place_end_it(void **state)
{
	struct owner o;

	(void)state;
	/* a body before its parameters ended */
	set_up(&o);
	begin(&o.in, ID, 1, KEEP);
	record(&o.in, STDIN, ID, "", 0);
	feed_all(&o);
	assert_int_equal(wp_fcgi_wants(&o.fcgi), WP_FCGI_END);
	tear_down(&o);
	/* another protocol */
	set_up(&o);
	wp_buf_add_str(&o.in, "GET / HTTP/1.1\r\n\r\n");
	feed_all(&o);
	assert_int_equal(wp_fcgi_wants(&o.fcgi), WP_FCGI_END);
	tear_down(&o);
	/* a begin of the wrong length */
	set_up(&o);
	record(&o.in, BEGIN, ID, "\0\1\1", 3);
	feed_all(&o);
	assert_int_equal(wp_fcgi_wants(&o.fcgi), WP_FCGI_END);
	tear_down(&o);
	/* parameters of nobody are nobody's */
	set_up(&o);
	record(&o.in, PARAMS, ID, "\1\1AB", 4);
	record(&o.in, STDIN, ID, "", 0);
	post(&o.in, KEEP, "{\"a\":1}");
	feed_all(&o);
	assert_log(&o, expected_request);
	tear_down(&o);
}

static void questions_without_end_wait_for_their_answers(void **state)
{
	struct owner o;
	size_t len;

	(void)state;
	set_up(&o);
	for (size_t i = 0; i < WP_FCGI_UNREAD_MAX / 16; i++)
		record(&o.in, 77, 0, "", 0);
	wp_fcgi_feed(&o.fcgi, o.in.data, o.in.len);
	assert_int_equal(wp_fcgi_wants(&o.fcgi), WP_FCGI_WRITE);
	(void)wp_fcgi_unsent(&o.fcgi, &len);
	assert_int_equal(len, WP_FCGI_UNREAD_MAX);
	wp_fcgi_sent(&o.fcgi, 1);
	assert_int_equal(wp_fcgi_wants(&o.fcgi), WP_FCGI_READ | WP_FCGI_WRITE);
	tear_down(&o);
}

/* What was sent is not kept, though something always is to be sent. */
static void who_leaves_the_last_byte_costs_no_memory(void **state)
{
	enum { QUESTIONS = 10000, LITTLE = 1024 };
	struct owner o;
	size_t len;

	(void)state;
	set_up(&o);
	record(&o.in, 77, 0, "", 0);
	for (size_t i = 0; i < QUESTIONS; i++) {
		wp_fcgi_feed(&o.fcgi, o.in.data, o.in.len);
		(void)wp_fcgi_unsent(&o.fcgi, &len);
		wp_fcgi_sent(&o.fcgi, len - 1);
		assert_in_range(o.fcgi.out.cap, 0, LITTLE);
	}
	tear_down(&o);
}

/* The answers to requests that came together are bounded all together. */
static void who_does_not_read_is_not_asked_for_more(void **state)
{
	struct owner o;
	char *large = malloc(WP_FCGI_UNREAD_MAX + 1);
	size_t len;

	(void)state;
	assert_non_null(large);
	memset(large, 'x', WP_FCGI_UNREAD_MAX);
	large[WP_FCGI_UNREAD_MAX] = '\0';
	set_up(&o);
	o.is_lazy = true;
	post(&o.in, KEEP, "{\"a\":1}");
	post(&o.in, KEEP, "{\"a\":1}");
	wp_fcgi_feed(&o.fcgi, o.in.data, o.in.len);
	assert_int_equal(o.fcgi.state, WP_FCGI_ASKED);
	answer(&o, large);
	assert_int_equal(o.fcgi.state, WP_FCGI_IDLE);
	assert_int_equal(wp_fcgi_wants(&o.fcgi), WP_FCGI_WRITE);

	(void)wp_fcgi_unsent(&o.fcgi, &len);
	wp_fcgi_sent(&o.fcgi, len - WP_FCGI_UNREAD_MAX);
	assert_int_equal(wp_fcgi_wants(&o.fcgi), WP_FCGI_WRITE);
	wp_fcgi_sent(&o.fcgi, 1);
	assert_int_equal(o.fcgi.state, WP_FCGI_ASKED);
	answer(&o, "");
	assert_int_equal(o.fcgi.state, WP_FCGI_IDLE);
	tear_down(&o);
	free(large);
}

/* The library reads the bytes that were written for us, and sees the same. */
static void libfcgi_sees_the_same(void **state)
{
	struct owner o;
	FCGX_Request request;
	char body[64];
	int fds[2], n;

	(void)state;
	set_up(&o);
	o.is_lazy = true;
	post(&o.in, KEEP, "{\"a\":1}");
	feed_all(&o);
	assert_int_equal(FCGX_Init(), 0);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
	assert_int_equal(write(fds[0], o.in.data, o.in.len), o.in.len);
	assert_int_equal(FCGX_InitRequest(&request, -1, 0), 0);
	request.ipcFd = fds[1];
	request.keepConnection = 1;
	assert_int_equal(FCGX_Accept_r(&request), 0);
	/* It puts FCGI_ROLE in front. */
	for (size_t i = 0; o.fcgi.params[i] != NULL; i++)
		assert_string_equal(request.envp[i + 1], o.fcgi.params[i]);
	n = FCGX_GetStr(body, sizeof(body), request.in);
	assert_int_equal(n, o.fcgi.body.len);
	assert_memory_equal(body, o.fcgi.body.data, (size_t)n);
	FCGX_Free(&request, 0);
	close(fds[0]);
	close(fds[1]);
	answer(&o, "");
	tear_down(&o);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_request_is_handed_out_whole),
		cmocka_unit_test(where_it_is_cut_makes_no_difference),
		cmocka_unit_test(byte_by_byte),
		cmocka_unit_test(an_answer_is_stdout_and_an_end),
		cmocka_unit_test(a_long_answer_takes_several_records),
		cmocka_unit_test(nothing_is_read_while_one_is_asked),
		cmocka_unit_test(
			a_stop_ends_the_idle_now_and_others_with_their_answer),
		cmocka_unit_test(lengths_that_lie_are_no_fastcgi),
		cmocka_unit_test(what_is_too_long_is_asked_at_once),
		cmocka_unit_test(what_others_hold_is_not_there),
		cmocka_unit_test(one_request_at_a_time),
		cmocka_unit_test(what_is_no_request_of_ours_is_told),
		cmocka_unit_test(an_abort_is_the_end_of_a_request),
		cmocka_unit_test(an_abort_of_what_was_answered_says_nothing),
		cmocka_unit_test(records_out_of_place_end_it),
		cmocka_unit_test(questions_without_end_wait_for_their_answers),
		cmocka_unit_test(who_leaves_the_last_byte_costs_no_memory),
		cmocka_unit_test(who_does_not_read_is_not_asked_for_more),
		cmocka_unit_test(libfcgi_sees_the_same),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
