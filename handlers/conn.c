/*
 * conn.c - reads, begins calls, writes, ends; each at one place, in the turn.
 */
#include "handlers/conn.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "handlers/serve.h"

enum {
	INPUT_BYTES = 64 * 1024,
	SPARE_CALLS = 32,
	/* What requests that are not answered may hold: so much, and room for
	 * some of the largest. */
	ROOM_BYTES = 128 * 1024 * 1024,
	ROOM_BODIES = 8,
};

/* What its deadline is for. */
enum wait { WAITS_NOT, WAITS_FOR_PEER, WAITS_FOR_REQUEST };

struct wp_conn {
	struct wp_turn_item item; /* first: turn.h knows only this */
	ev_io watcher;            /* its fd is -1 when the peer is gone */
	struct wp_io io;          /* what a call sees of it */
	size_t n_read;            /* of the body, by the call */
	struct wp_conns *conns;
	struct wp_conn *next; /* of all */
	struct wp_conn **link;
	struct wp_call *call; /* not answered yet; NULL: there is none */
	struct wp_fcgi fcgi;
	uint8_t waits; /* enum wait */
	bool is_surplus : 1;
	bool is_readable : 1; /* the socket has something */
	bool is_busy : 1;     /* counted in n_busy */
	bool is_kept : 1;     /* counted in n_kept */
	bool has_moved : 1;   /* bytes came or went in this turn */
};

static struct ev_loop *loop_of(const struct wp_conn *conn)
{
	return conn->conns->ctx->loop;
}

static void mark(struct wp_conn *conn)
{
	wp_turn_mark(&conn->conns->turn, &conn->item);
}

static bool is_broken(const struct wp_conn *conn)
{
	return conn->watcher.fd == -1;
}

/* The peer is gone: nothing more is read or written. Idempotent. */
static void break_off(struct wp_conn *conn)
{
	if (is_broken(conn))
		return;
	ev_io_stop(loop_of(conn), &conn->watcher);
	close(conn->watcher.fd);
	ev_io_set(&conn->watcher, -1, 0);
}

/* ---- what a call sees ---- */

static struct wp_conn *conn_of(struct wp_io *io)
{
	return (struct wp_conn *)((char *)io - offsetof(struct wp_conn, io));
}

static ssize_t read_body(struct wp_io *io, void *data, size_t len)
{
	struct wp_conn *conn = conn_of(io);
	const struct wp_buf *body = &conn->fcgi.body;
	size_t left = body->len - conn->n_read;

	if (len > left)
		len = left;
	if (len > 0)
		memcpy(data, body->data + conn->n_read, len);
	conn->n_read += len;
	return (ssize_t)len;
}

static bool write_answer(struct wp_io *io, const void *data, size_t len)
{
	struct wp_buf *answer = &conn_of(io)->conns->answer;

	wp_buf_add(answer, data, len);
	return !answer->failed;
}

/* While a call is under way nothing is read: an end that came still waits. */
static bool is_awaited(struct wp_io *io)
{
	const struct wp_conn *conn = conn_of(io);
	char byte;

	return !is_broken(conn) &&
	       recv(conn->watcher.fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) != 0;
}

static const struct wp_io_ops io_ops = { read_body, write_answer, is_awaited };

/* ---- calls ---- */

static struct wp_call *take_call(struct wp_conns *conns)
{
	struct wp_call *call = conns->spare;

	if (call == NULL)
		return wp_call_new(conns->ctx);
	conns->spare = call->next;
	conns->n_spare--;
	return call;
}

static void put_call(struct wp_conns *conns, struct wp_call *call)
{
	if (conns->n_spare == SPARE_CALLS) {
		wp_call_free(&call);
		return;
	}
	wp_call_reset(call);
	call->next = conns->spare;
	conns->spare = call;
	conns->n_spare++;
}

/* There is an answer: it becomes bytes of the session. */
static void answer(struct wp_conn *conn, struct wp_call *call)
{
	static const struct wp_buf nothing;
	struct wp_conns *conns = conn->conns;

	conns->answer.is_secret = call->resp.body.is_secret;
	wp_serve_end(call);
	put_call(conns, call);
	/* Who came too early may come again when there is room. */
	if (conns->is_stopping || conn->is_surplus)
		wp_fcgi_stop(&conn->fcgi);
	wp_fcgi_answer(&conn->fcgi, &conns->answer, &nothing);
	if (conns->answer.cap > INPUT_BYTES)
		wp_buf_release(&conns->answer);
	wp_buf_clear(&conns->answer);
	conns->answer.is_secret = false;
}

static void on_call_end(struct wp_call *call)
{
	mark(call->owner);
}

static void begin_call(struct wp_conn *conn)
{
	struct wp_call *call = take_call(conn->conns);

	if (call == NULL) {
		break_off(conn);
		return;
	}
	call->on_end = on_call_end;
	call->owner = conn;
	conn->io.params = conn->fcgi.params;
	conn->n_read = 0;
	if (conn->is_surplus || conn->fcgi.problem == WP_FCGI_NO_ROOM)
		wp_serve_full(call, &conn->io);
	else if (!wp_serve_begin(call, &conn->io)) {
		conn->call = call;
		return;
	}
	answer(conn, call);
}

/* Is there a request that nobody has begun to answer? */
static bool is_asked(const struct wp_conn *conn)
{
	return conn->call == NULL && conn->fcgi.state == WP_FCGI_ASKED &&
	       !is_broken(conn);
}

/* Take up what was asked, one after the other. */
static void take_up(struct wp_conn *conn)
{
	struct wp_call *call = conn->call;

	if (call != NULL && call->is_over) {
		conn->call = NULL;
		answer(conn, call);
	}
	while (is_asked(conn))
		begin_call(conn);
}

/* ---- bytes ---- */

static bool is_nothing_yet(void)
{
	return errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR;
}

static void read_some(struct wp_conn *conn)
{
	uint8_t *input = conn->conns->input;
	ssize_t n;

	if (is_broken(conn) || !conn->is_readable ||
	    (wp_fcgi_wants(&conn->fcgi) & WP_FCGI_READ) == 0)
		return;
	conn->is_readable = false; /* if it is still so, we are told again */
	n = recv(conn->watcher.fd, input, INPUT_BYTES, MSG_DONTWAIT);
	if (n > 0) {
		conn->has_moved = true;
		wp_fcgi_feed(&conn->fcgi, input, (size_t)n);
		/* Who has sent a password may be the last for long. */
		explicit_bzero(input, (size_t)n);
	} else if (n == 0 || !is_nothing_yet()) {
		break_off(conn);
	}
}

static void write_some(struct wp_conn *conn)
{
	while (!is_broken(conn)) {
		size_t len;
		const char *data = wp_fcgi_unsent(&conn->fcgi, &len);
		ssize_t n;

		if (len == 0)
			return;
		n = send(conn->watcher.fd, data, len,
			 MSG_NOSIGNAL | MSG_DONTWAIT);
		if (n == -1 && errno == EINTR)
			continue;
		if (n == -1 && is_nothing_yet())
			return;
		if (n == -1) {
			break_off(conn);
			return;
		}
		conn->has_moved = true;
		wp_fcgi_sent(&conn->fcgi, (size_t)n);
	}
}

/*
 * Watch for what is wanted. Who is watched for reading is so also while a call
 * is under way, until it turns readable: most calls are answered before.
 */
static void watch(struct wp_conn *conn)
{
	unsigned wants = wp_fcgi_wants(&conn->fcgi);
	bool is_active = ev_is_active(&conn->watcher);
	int events = 0;

	if (is_broken(conn))
		return;
	if ((wants & WP_FCGI_READ) != 0 || (is_active && !conn->is_readable))
		events |= EV_READ;
	if ((wants & WP_FCGI_WRITE) != 0)
		events |= EV_WRITE;
	if (is_active && events == conn->watcher.events)
		return;
	ev_io_stop(loop_of(conn), &conn->watcher);
	ev_io_set(&conn->watcher, conn->watcher.fd, events);
	if (events != 0)
		ev_io_start(loop_of(conn), &conn->watcher);
}

/* ---- deadlines ---- */

static enum wait wait_of(const struct wp_conn *conn)
{
	if (wp_fcgi_is_quiet(&conn->fcgi))
		return WAITS_FOR_REQUEST;
	/* That we are slow is nobody else's fault. */
	if (conn->fcgi.state == WP_FCGI_ASKED && conn->fcgi.out.len == 0)
		return WAITS_NOT;
	return WAITS_FOR_PEER;
}

static void schedule(struct wp_conn *conn)
{
	struct wp_turn *turn = &conn->conns->turn;
	enum wait waits = wait_of(conn);

	if (waits == conn->waits && !conn->has_moved)
		return;
	conn->waits = (uint8_t)waits;
	if (waits == WAITS_NOT)
		wp_turn_clear(&conn->item);
	else
		wp_turn_set(turn, &conn->item,
			    turn->now +
				    wp_turn_ticks(waits == WAITS_FOR_PEER
							  ? WP_CONN_PATIENCE_MS
							  : WP_CONN_IDLE_MS));
}

/* ---- the turn ---- */

static void count(struct wp_conn *conn)
{
	bool is_busy = conn->call != NULL ||
		       (!is_broken(conn) && !wp_fcgi_is_quiet(&conn->fcgi));

	if (is_busy && !conn->is_busy)
		conn->conns->n_busy++;
	if (!is_busy && conn->is_busy)
		conn->conns->n_busy--;
	conn->is_busy = is_busy;
	if (conn->fcgi.is_kept && !conn->is_kept) {
		conn->is_kept = true;
		conn->conns->n_kept++;
	}
}

static bool has_ended(const struct wp_conn *conn)
{
	return conn->call == NULL &&
	       (is_broken(conn) ||
		(wp_fcgi_wants(&conn->fcgi) & WP_FCGI_END) != 0);
}

static void free_conn(struct wp_conn *conn)
{
	struct wp_conns *conns = conn->conns;

	break_off(conn);
	wp_turn_clear(&conn->item);
	conns->n_busy -= conn->is_busy;
	conns->n_kept -= conn->is_kept;
	*conn->link = conn->next;
	if (conn->next != NULL)
		conn->next->link = conn->link;
	conns->n--;
	wp_fcgi_release(&conn->fcgi);
	free(conn);
}

static enum wp_turn_next on_turn(struct wp_turn_item *item)
{
	struct wp_conn *conn = (struct wp_conn *)item;
	bool is_due = item->is_due;

	item->is_due = false;
	take_up(conn);    /* what could not be read was behind it */
	write_some(conn); /* who says no more may still listen */
	read_some(conn);
	take_up(conn);
	write_some(conn);
	/* What comes with the deadline is in time. */
	if (is_due && !conn->has_moved)
		break_off(conn);
	if (has_ended(conn)) {
		free_conn(conn);
		return WP_TURN_GONE;
	}
	watch(conn);
	schedule(conn);
	count(conn);
	conn->has_moved = false;
	return is_asked(conn) ? WP_TURN_AGAIN : WP_TURN_DONE;
}

static void on_io(struct ev_loop *loop, ev_io *watcher, int events)
{
	struct wp_conn *conn =
		(struct wp_conn *)((char *)watcher -
				   offsetof(struct wp_conn, watcher));

	(void)loop;
	if ((events & EV_READ) != 0)
		conn->is_readable = true;
	mark(conn);
}

/* ---- all of them ---- */

enum wp_err wp_conns_init(struct wp_conns *conns, struct wp_ctx *ctx,
			  void (*on_end)(void *ctx), void *ctx_of_end,
			  struct wp_error *err)
{
	*conns = (struct wp_conns){ .ctx = ctx };
	wp_buf_init(&conns->answer, 0);
	wp_turn_init(&conns->turn, ctx->loop, on_turn, on_end, ctx_of_end);
	conns->room.max_body = wp_call_body_max(ctx->conf);
	conns->room.max = ROOM_BYTES + ROOM_BODIES * conns->room.max_body;
	conns->input = malloc(INPUT_BYTES);
	if (conns->input == NULL)
		return wp_error_set(err, WP_ERR_NOMEM, "memory is exhausted");
	return WP_OK;
}

void wp_conns_release(struct wp_conns *conns)
{
	struct wp_conn *next;

	for (struct wp_conn *conn = conns->first; conn != NULL; conn = next) {
		next = conn->next;
		assert(conn->call == NULL);
		free_conn(conn);
	}
	while (conns->spare != NULL) {
		struct wp_call *call = conns->spare;

		conns->spare = call->next;
		wp_call_free(&call);
	}
	wp_turn_release(&conns->turn);
	wp_buf_release(&conns->answer);
	free(conns->input);
	conns->input = NULL;
}

void wp_conns_accept(struct wp_conns *conns, int fd, bool is_surplus)
{
	struct wp_conn *conn = calloc(1, sizeof(*conn));

	if (conn == NULL || !wp_turn_reserve(&conns->turn, conns->n + 1)) {
		free(conn);
		close(fd);
		return;
	}
	conn->conns = conns;
	conn->io.ops = &io_ops;
	conn->is_surplus = is_surplus;
	wp_fcgi_init(&conn->fcgi, &conns->room);
	ev_io_init(&conn->watcher, on_io, fd, EV_READ);
	conn->next = conns->first;
	conn->link = &conns->first;
	if (conns->first != NULL)
		conns->first->link = &conn->next;
	conns->first = conn;
	conns->n++;
	/* Most web servers write before we have accepted. */
	conn->is_readable = true;
	mark(conn);
}

void wp_conns_stop(struct wp_conns *conns)
{
	conns->is_stopping = true;
}
