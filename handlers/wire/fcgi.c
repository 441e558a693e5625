/*
 * fcgi.c - records to requests and back (FastCGI Specification 1.0, sections 3
 * to 5).
 *
 * Content is taken as it passes by, a record is never held as a whole. The only
 * lengths that are added up are those of names and values, in parameters that
 * are all there, against the end of them.
 */
#include "handlers/wire/fcgi.h"

#include <stdlib.h>
#include <string.h>

enum { VERSION = 1 };

enum type {
	BEGIN_REQUEST = 1,
	ABORT_REQUEST,
	END_REQUEST,
	PARAMS,
	STDIN,
	STDOUT,
	GET_VALUES = 9,
	GET_VALUES_RESULT,
	UNKNOWN_TYPE,
};

enum { ROLE_RESPONDER = 1, KEEP_CONN = 1 };
enum { REQUEST_COMPLETE = 0, CANT_MPX_CONN = 1, UNKNOWN_ROLE = 3 };
enum { BEGIN_LEN = 8, END_LEN = 8, CONTENT_MAX = 65535, ALIGN = 8 };
enum { USUAL_PARAMS = 31 };

void wp_fcgi_init(struct wp_fcgi *fcgi, struct wp_fcgi_room *room)
{
	*fcgi = (struct wp_fcgi){ .room = room };
	wp_buf_init(&fcgi->body, 0);
	wp_buf_init(&fcgi->names, 0);
	wp_buf_init(&fcgi->list, 0);
	wp_buf_init(&fcgi->later, 0);
	wp_buf_init(&fcgi->out, 0);
	/* There are tokens, passwords and messages in what a peer has sent. */
	fcgi->body.is_secret = true;
	fcgi->names.is_secret = true;
	fcgi->later.is_secret = true;
}

static void forget_request(struct wp_fcgi *fcgi)
{
	wp_buf_release(&fcgi->body);
	wp_buf_release(&fcgi->names);
	wp_buf_release(&fcgi->list);
	fcgi->params = NULL;
	fcgi->problem = WP_FCGI_SOUND;
	fcgi->room->held -= fcgi->held;
	fcgi->held = 0;
}

void wp_fcgi_release(struct wp_fcgi *fcgi)
{
	forget_request(fcgi);
	wp_buf_release(&fcgi->later);
	wp_buf_release(&fcgi->out);
	fcgi->state = WP_FCGI_OVER;
}

/* ---- what is written ---- */

/* Who never reads the last byte must not make it grow for ever. */
static void forget_sent(struct wp_fcgi *fcgi)
{
	if (fcgi->sent <= fcgi->out.len / 2)
		return; /* to move it costs more than it saves */
	wp_buf_consume(&fcgi->out, fcgi->sent);
	fcgi->sent = 0;
}

static void add_header(struct wp_fcgi *fcgi, enum type type, uint16_t id,
		       size_t len, size_t padding)
{
	const uint8_t header[WP_FCGI_HEADER_LEN] = {
		VERSION,
		(uint8_t)type,
		(uint8_t)(id >> 8),
		(uint8_t)(id & 0xff),
		(uint8_t)(len >> 8),
		(uint8_t)(len & 0xff),
		(uint8_t)padding,
	};

	forget_sent(fcgi);
	wp_buf_add(&fcgi->out, header, sizeof(header));
}

static void add_end(struct wp_fcgi *fcgi, uint16_t id, uint8_t status)
{
	const uint8_t content[END_LEN] = { [4] = status };

	add_header(fcgi, END_REQUEST, id, sizeof(content), 0);
	wp_buf_add(&fcgi->out, content, sizeof(content));
}

static void add_stdout(struct wp_fcgi *fcgi, const struct wp_buf *text)
{
	static const uint8_t zero[ALIGN];

	for (size_t at = 0; at < text->len;) {
		size_t len = text->len - at;
		size_t padding;

		if (len > CONTENT_MAX)
			len = CONTENT_MAX - CONTENT_MAX % ALIGN;
		padding = (ALIGN - len % ALIGN) % ALIGN;
		add_header(fcgi, STDOUT, fcgi->id, len, padding);
		wp_buf_add(&fcgi->out, text->data + at, len);
		wp_buf_add(&fcgi->out, zero, padding);
		at += len;
	}
}

/* ---- what is read ---- */

/*
 * Take from the room of all. Doubled: a buffer that grows may have twice what
 * it needs.
 */
static bool hold(struct wp_fcgi *fcgi, size_t n)
{
	n *= 2;
	if (n > fcgi->room->max - fcgi->room->held)
		return false;
	fcgi->room->held += n;
	fcgi->held += n;
	return true;
}

/* Hand out what cannot be served, for the owner to say so. */
static void give_up(struct wp_fcgi *fcgi, enum wp_fcgi_problem problem)
{
	static const char *const none = NULL;

	if (problem == WP_FCGI_HEAD_TOO_LONG)
		fcgi->params = &none;
	wp_buf_release(&fcgi->body);
	fcgi->problem = problem;
	fcgi->state = WP_FCGI_ASKED;
}

/* FastCGI 3.4: a length of one byte, or of four with the highest bit set. */
static bool take_length(const uint8_t **at, const uint8_t *end, size_t *out)
{
	const uint8_t *p = *at;

	if (p == end)
		return false;
	if ((p[0] & 0x80) == 0) {
		*out = p[0];
		*at = p + 1;
		return true;
	}
	if (end - p < 4)
		return false;
	*out = (size_t)(p[0] & 0x7f) << 24 | (size_t)p[1] << 16 |
	       (size_t)p[2] << 8 | p[3];
	*at = p + 4;
	return true;
}

/*
 * Turn one pair into text, in place: lengths take two bytes at least, as do the
 * "=" and the NUL. False when it reaches behind the end, or holds what would
 * cut the text short or make another name of it.
 */
static bool take_pair(const uint8_t **at, const uint8_t *end, char **text)
{
	size_t name_len, value_len;
	const uint8_t *name, *value;
	char *to = *text;

	if (!take_length(at, end, &name_len) ||
	    !take_length(at, end, &value_len) ||
	    name_len > (size_t)(end - *at) ||
	    value_len > (size_t)(end - *at) - name_len)
		return false;
	name = *at;
	value = name + name_len;
	if (memchr(name, '\0', name_len + value_len) != NULL ||
	    memchr(name, '=', name_len) != NULL)
		return false;
	memmove(to, name, name_len);
	to[name_len] = '=';
	memmove(to + name_len + 1, value, value_len);
	to[name_len + 1 + value_len] = '\0';
	*text = to + name_len + value_len + 2;
	*at = value + value_len;
	return true;
}

/* Read the parameters, which are all there. */
static bool read_params(struct wp_fcgi *fcgi)
{
	const uint8_t *at = (const uint8_t *)fcgi->names.data;
	/* To NULL nothing may be added, not even nothing. */
	const uint8_t *end = at == NULL ? NULL : at + fcgi->names.len;
	char *text = fcgi->names.data;
	const char *param = NULL;

	/* At once, what a usual request has. */
	if (wp_buf_reserve(&fcgi->list, USUAL_PARAMS * sizeof(param)) == NULL)
		return false;
	while (at != end) {
		param = text;
		if (!take_pair(&at, end, &text))
			return false;
		wp_buf_add(&fcgi->list, &param, sizeof(param));
	}
	param = NULL;
	wp_buf_add(&fcgi->list, &param, sizeof(param));
	fcgi->params = (const char *const *)(void *)fcgi->list.data;
	return !fcgi->list.failed;
}

static void begin(struct wp_fcgi *fcgi, uint16_t id)
{
	unsigned role = (unsigned)fcgi->control[0] << 8 | fcgi->control[1];
	bool is_kept = (fcgi->control[2] & KEEP_CONN) != 0;

	if (fcgi->state != WP_FCGI_IDLE) {
		add_end(fcgi, id, CANT_MPX_CONN);
		return;
	}
	if (role != ROLE_RESPONDER) {
		add_end(fcgi, id, UNKNOWN_ROLE);
		if (!is_kept)
			fcgi->state = WP_FCGI_OVER;
		return;
	}
	fcgi->id = id;
	fcgi->is_kept = is_kept;
	fcgi->is_open = true;
	fcgi->state = WP_FCGI_PARAMS;
}

/* The peer may be busy sending: it is not cut off, but listened to. */
static void end_request(struct wp_fcgi *fcgi)
{
	forget_request(fcgi);
	if (fcgi->is_open)
		fcgi->state = WP_FCGI_REST;
	else
		fcgi->state = fcgi->is_kept ? WP_FCGI_IDLE : WP_FCGI_OVER;
}

/* One that was answered has ended already. */
static void abort_request(struct wp_fcgi *fcgi)
{
	if (fcgi->state != WP_FCGI_REST)
		add_end(fcgi, fcgi->id, REQUEST_COMPLETE);
	fcgi->is_open = false;
	end_request(fcgi);
}

static void add_value(struct wp_fcgi *fcgi, const char *name, char value)
{
	const char lengths[] = { (char)strlen(name), 1 };

	wp_buf_add(&fcgi->out, lengths, sizeof(lengths));
	wp_buf_add_str(&fcgi->out, name);
	wp_buf_add_char(&fcgi->out, value);
}

/*
 * FastCGI 4.1. How many connections and requests there may be is for the web
 * server's configuration to say; we answer what does not depend on it.
 */
static void get_values(struct wp_fcgi *fcgi)
{
	static const char name[] = "FCGI_MPXS_CONNS";
	enum { LEN = 2 + sizeof(name) - 1 + 1 };
	bool is_asked = memmem(fcgi->control, fcgi->n_control, name,
			       sizeof(name) - 1) != NULL;

	add_header(fcgi, GET_VALUES_RESULT, 0, is_asked ? LEN : 0, 0);
	if (is_asked)
		add_value(fcgi, name, '0');
}

/* FastCGI 4.2 */
static void unknown_type(struct wp_fcgi *fcgi, uint8_t type)
{
	const uint8_t content[8] = { type };

	add_header(fcgi, UNKNOWN_TYPE, 0, sizeof(content), 0);
	wp_buf_add(&fcgi->out, content, sizeof(content));
}

static uint16_t record_id(const struct wp_fcgi *fcgi)
{
	return (uint16_t)(fcgi->header[2] << 8 | fcgi->header[3]);
}

static uint16_t record_len(const struct wp_fcgi *fcgi)
{
	return (uint16_t)(fcgi->header[4] << 8 | fcgi->header[5]);
}

static bool is_ours(const struct wp_fcgi *fcgi)
{
	return fcgi->state != WP_FCGI_IDLE && record_id(fcgi) == fcgi->id;
}

static void end_params(struct wp_fcgi *fcgi)
{
	fcgi->state = read_params(fcgi) ? WP_FCGI_BODY : WP_FCGI_OVER;
}

static void end_body(struct wp_fcgi *fcgi)
{
	fcgi->is_open = false;
	if (fcgi->state == WP_FCGI_REST)
		fcgi->state = fcgi->is_kept ? WP_FCGI_IDLE : WP_FCGI_OVER;
	else if (fcgi->state == WP_FCGI_BODY)
		fcgi->state = WP_FCGI_ASKED;
	else
		fcgi->state = WP_FCGI_OVER; /* before the parameters ended */
}

/* A record of the request under way has ended. */
static void end_of_ours(struct wp_fcgi *fcgi)
{
	bool is_empty = record_len(fcgi) == 0;

	switch (fcgi->header[1]) {
	case ABORT_REQUEST:
		abort_request(fcgi);
		break;
	case PARAMS:
		if (fcgi->state == WP_FCGI_PARAMS && is_empty)
			end_params(fcgi);
		break;
	case STDIN:
		if (is_empty)
			end_body(fcgi);
		break;
	default: /* a type of other roles; as 3.3 wants it, ignored */
		break;
	}
}

static void end_record(struct wp_fcgi *fcgi)
{
	uint16_t id = record_id(fcgi);
	uint8_t type = fcgi->header[1];

	fcgi->n_header = 0;
	if (id == 0 && type == GET_VALUES)
		get_values(fcgi);
	else if (id == 0)
		unknown_type(fcgi, type);
	else if (type == BEGIN_REQUEST && fcgi->n_control == BEGIN_LEN)
		begin(fcgi, id);
	else if (type == BEGIN_REQUEST)
		fcgi->state = WP_FCGI_OVER;
	else if (is_ours(fcgi))
		end_of_ours(fcgi);
}

static void take_params(struct wp_fcgi *fcgi, const void *data, size_t len)
{
	if (len > WP_FCGI_PARAMS_MAX - fcgi->names.len) {
		give_up(fcgi, WP_FCGI_HEAD_TOO_LONG);
	} else if (!hold(fcgi, len)) {
		fcgi->names.len = 0;
		give_up(fcgi, WP_FCGI_HEAD_TOO_LONG);
		fcgi->problem = WP_FCGI_NO_ROOM;
	} else {
		wp_buf_add(&fcgi->names, data, len);
	}
}

static void take_body(struct wp_fcgi *fcgi, const void *data, size_t len)
{
	if (len > fcgi->room->max_body - fcgi->body.len)
		give_up(fcgi, WP_FCGI_BODY_TOO_LONG);
	else if (!hold(fcgi, len))
		give_up(fcgi, WP_FCGI_NO_ROOM);
	else
		wp_buf_add(&fcgi->body, data, len);
}

static void take_control(struct wp_fcgi *fcgi, const void *data, size_t len)
{
	size_t room = sizeof(fcgi->control) - fcgi->n_control;

	/* What is longer than any of ours means nothing to us. */
	if (len > room)
		len = room;
	memcpy(fcgi->control + fcgi->n_control, data, len);
	fcgi->n_control = (uint16_t)(fcgi->n_control + len);
}

static void take_content(struct wp_fcgi *fcgi, const void *data, size_t len)
{
	uint8_t type = fcgi->header[1];

	if (record_id(fcgi) == 0 || type == BEGIN_REQUEST)
		take_control(fcgi, data, len);
	else if (!is_ours(fcgi))
		return;
	else if (type == PARAMS && fcgi->state == WP_FCGI_PARAMS)
		take_params(fcgi, data, len);
	else if (type == STDIN && fcgi->state == WP_FCGI_BODY)
		take_body(fcgi, data, len);
}

static void begin_record(struct wp_fcgi *fcgi)
{
	fcgi->left = record_len(fcgi);
	fcgi->padding = fcgi->header[6];
	fcgi->n_control = 0;
	if (fcgi->header[0] != VERSION)
		fcgi->state = WP_FCGI_OVER;
}

/* Take up the next piece of a record; returns how long it was. */
static size_t take_piece(struct wp_fcgi *fcgi, const uint8_t *data, size_t len)
{
	size_t n;

	if (fcgi->n_header < WP_FCGI_HEADER_LEN) {
		n = (size_t)WP_FCGI_HEADER_LEN - fcgi->n_header;
		n = len < n ? len : n;
		memcpy(fcgi->header + fcgi->n_header, data, n);
		fcgi->n_header = (uint16_t)(fcgi->n_header + n);
		if (fcgi->n_header < WP_FCGI_HEADER_LEN)
			return n;
		begin_record(fcgi);
	} else if (fcgi->left > 0) {
		n = len < fcgi->left ? len : fcgi->left;
		fcgi->left = (uint16_t)(fcgi->left - n);
		take_content(fcgi, data, n);
	} else {
		n = len < fcgi->padding ? len : fcgi->padding;
		fcgi->padding = (uint8_t)(fcgi->padding - n);
	}
	if (fcgi->left == 0 && fcgi->padding == 0 &&
	    fcgi->state != WP_FCGI_OVER)
		end_record(fcgi);
	return n;
}

static void check_memory(struct wp_fcgi *fcgi)
{
	if (fcgi->names.failed || fcgi->body.failed || fcgi->later.failed ||
	    fcgi->out.failed)
		fcgi->state = WP_FCGI_OVER;
}

void wp_fcgi_feed(struct wp_fcgi *fcgi, const void *data, size_t len)
{
	const uint8_t *at = data;

	while (len > 0 && fcgi->state != WP_FCGI_ASKED &&
	       fcgi->state != WP_FCGI_OVER) {
		size_t n = take_piece(fcgi, at, len);

		at += n;
		len -= n;
	}
	if (fcgi->state == WP_FCGI_ASKED)
		wp_buf_add(&fcgi->later, at, len);
	check_memory(fcgi);
}

static size_t count_unsent(const struct wp_fcgi *fcgi)
{
	return fcgi->out.len - fcgi->sent;
}

/*
 * Take up what came behind a request; but who asks many at once and does not
 * read the answers waits for the next one.
 */
static void take_later(struct wp_fcgi *fcgi)
{
	struct wp_buf later = fcgi->later;

	if (later.len == 0 || count_unsent(fcgi) >= WP_FCGI_UNREAD_MAX)
		return;
	wp_buf_init(&fcgi->later, 0);
	fcgi->later.is_secret = true;
	wp_fcgi_feed(fcgi, later.data, later.len);
	wp_buf_release(&later);
}

/* Records around a text of so many bytes, and the end of a request. */
static size_t answer_len(size_t len)
{
	size_t records = len / (CONTENT_MAX - CONTENT_MAX % ALIGN) + 3;

	return len + records * (WP_FCGI_HEADER_LEN + ALIGN) + END_LEN;
}

void wp_fcgi_answer(struct wp_fcgi *fcgi, const struct wp_buf *head,
		    const struct wp_buf *body)
{
	fcgi->out.is_secret |= head->is_secret || body->is_secret;
	/* In one piece of memory at once. */
	if (wp_buf_reserve(&fcgi->out, answer_len(head->len) +
					       answer_len(body->len)) == NULL) {
		fcgi->state = WP_FCGI_OVER;
		return;
	}
	add_stdout(fcgi, head);
	add_stdout(fcgi, body);
	add_header(fcgi, STDOUT, fcgi->id, 0, 0);
	add_end(fcgi, fcgi->id, REQUEST_COMPLETE);
	/*
	 * Between this and the end of the connection there is a moment in which
	 * nginx would send the next request on it, and have it fail. Nginx does
	 * not keep a connection on which something stands behind the end of a
	 * request; this one means nothing to anybody.
	 */
	if (fcgi->is_last)
		add_header(fcgi, GET_VALUES_RESULT, 0, 0, 0);
	end_request(fcgi);
	take_later(fcgi);
}

bool wp_fcgi_is_quiet(const struct wp_fcgi *fcgi)
{
	return fcgi->state == WP_FCGI_IDLE && fcgi->n_header == 0 &&
	       fcgi->out.len == 0;
}

void wp_fcgi_stop(struct wp_fcgi *fcgi)
{
	fcgi->is_last |= fcgi->is_kept;
	fcgi->is_kept = false;
	if (fcgi->state == WP_FCGI_IDLE)
		fcgi->state = WP_FCGI_OVER;
}

const char *wp_fcgi_unsent(const struct wp_fcgi *fcgi, size_t *len_out)
{
	*len_out = count_unsent(fcgi);
	return *len_out == 0 ? NULL : fcgi->out.data + fcgi->sent;
}

void wp_fcgi_sent(struct wp_fcgi *fcgi, size_t n)
{
	fcgi->sent += n;
	if (fcgi->sent == fcgi->out.len) {
		fcgi->sent = 0;
		wp_buf_release(&fcgi->out);
		fcgi->out.is_secret = false;
	}
	if (fcgi->state != WP_FCGI_ASKED)
		take_later(fcgi);
}

unsigned wp_fcgi_wants(const struct wp_fcgi *fcgi)
{
	size_t unsent = count_unsent(fcgi);
	unsigned wants = unsent > 0 ? WP_FCGI_WRITE : 0;

	if (fcgi->state == WP_FCGI_OVER)
		return unsent > 0 ? WP_FCGI_WRITE : WP_FCGI_END;
	if (fcgi->state != WP_FCGI_ASKED && unsent < WP_FCGI_UNREAD_MAX)
		wants |= WP_FCGI_READ;
	return wants;
}

const char wp_fcgi_health[WP_FCGI_HEALTH_BYTES] =
	"\1\1\0\1\0\10\0\0" /* begin, 8 bytes */
	"\0\1\0\0\0\0\0\0"  /* responder, not kept */
	"\1\4\0\1\0\50\0\0" /* parameters, 40 bytes */
	"\16\3REQUEST_METHODGET"
	"\13\10REQUEST_URI/healthz"
	"\1\4\0\1\0\0\0\0" /* end of parameters */
	"\1\5\0\1\0\0\0";  /* end of the body; its NUL is a part */
