/*
 * conn_io.c - bytes in, bytes out.
 *
 * Every read goes to the server's one input buffer; only what may not be taken
 * up yet is kept. Writes are gathered over one turn of the loop and go out
 * together; a queue outlives the turn only when the socket takes no more.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include "ws-daemon/admit.h"
#include "ws-daemon/conn.h"
#include "ws-daemon/frames_in.h"

enum {
	GATHER_MAX = 64,
	/* A client that sends many small frames shares the loop with others. */
	FRAMES_PER_TURN = 256,
};

static bool has_rest(const struct wp_conn *conn)
{
	return conn->stash != NULL && conn->stash->input.len > 0;
}

static bool may_take_up(const struct wp_conn *conn)
{
	return conn->state == WP_CONN_OPEN &&
	       conn->n_unanswered < WP_CONN_UNANSWERED_MAX;
}

/* May more be read? Not before we know what to do with it. */
static bool wants_input(const struct wp_conn *conn)
{
	switch ((enum wp_conn_state)conn->state) {
	case WP_CONN_HEAD:
	case WP_CONN_ANSWERED:
	case WP_CONN_CLOSING:
		return true;
	case WP_CONN_OPEN:
		return may_take_up(conn) && !has_rest(conn);
	case WP_CONN_ASKING:
	case WP_CONN_REGISTERING:
	case WP_CONN_DEAD:
		break;
	}
	return false;
}

static void watch(struct wp_conn *conn)
{
	struct ev_loop *loop = conn->server->loop;
	int events = (wants_input(conn) ? EV_READ : 0) |
		     (conn->is_blocked ? EV_WRITE : 0);

	if (ev_is_active(&conn->io) &&
	    (conn->io.events & (EV_READ | EV_WRITE)) == events)
		return;
	ev_io_stop(loop, &conn->io);
	if (events == 0 || conn->state == WP_CONN_DEAD)
		return;
	ev_io_set(&conn->io, conn->io.fd, events);
	ev_io_start(loop, &conn->io);
}

/*
 * All is out. Behind the last bytes, say that we are done and let the peer
 * close: to close with input unread would reset the connection, and what we
 * sent might be lost with it.
 */
static void on_drained(struct wp_conn *conn)
{
	wp_outbox_free(&conn->outbox);
	if (!conn->is_last_sent || conn->is_half_closed)
		return;
	conn->is_half_closed = true;
	shutdown(conn->io.fd, SHUT_WR);
	if (conn->state == WP_CONN_CLOSING)
		wp_conn_limit(conn, WP_CLOSE_DRAIN_MS);
}

static void unblock(struct wp_conn *conn)
{
	conn->is_blocked = false;
	wp_conn_heard(conn); /* it reads, and was not pinged */
}

/*
 * Send as far as the socket takes it, even if it took no more a moment ago: the
 * kernel tells of room only when a good part of its buffer is free, and who
 * reads less than that in the time reads all the same.
 */
static void try_to_send(struct wp_conn *conn)
{
	struct iovec iov[GATHER_MAX];
	struct msghdr msg = { .msg_iov = iov };

	while (conn->state != WP_CONN_DEAD) {
		ssize_t n;

		if (conn->outbox == NULL || wp_outbox_is_empty(conn->outbox)) {
			on_drained(conn);
			return;
		}
		msg.msg_iovlen =
			wp_outbox_gather(conn->outbox, iov, GATHER_MAX);
		n = sendmsg(conn->io.fd, &msg, MSG_NOSIGNAL | MSG_DONTWAIT);
		if (n == -1 && errno == EINTR)
			continue;
		if (n == -1 && (errno == EAGAIN || errno == EWOULDBLOCK)) {
			if (!conn->is_blocked)
				conn->moved = conn->server->tick;
			conn->is_blocked = true;
			return;
		}
		if (n == -1) {
			wp_conn_drop(conn, WP_M_CLOSE_LOST);
			return;
		}
		if (conn->is_blocked)
			unblock(conn);
		wp_outbox_advance(conn->outbox, (size_t)n);
	}
}

static void flush(struct wp_conn *conn)
{
	if (!conn->is_blocked)
		try_to_send(conn);
}

static bool has_outbox(struct wp_conn *conn)
{
	if (conn->outbox == NULL)
		conn->outbox = wp_outbox_new();
	return conn->outbox != NULL;
}

static enum wp_err queue(struct wp_conn *conn, struct wp_message *message)
{
	int64_t max = conn->server->conf->websocket.max_queue_bytes;

	return has_outbox(conn)
		       ? wp_outbox_push(conn->outbox, message, (size_t)max)
		       : WP_ERR_NOMEM;
}

enum wp_err wp_conn_queue_always(struct wp_conn *conn,
				 struct wp_message *message)
{
	enum wp_err rc = WP_ERR_NOMEM;

	if (message != NULL && has_outbox(conn))
		rc = wp_outbox_push_always(conn->outbox, message);
	wp_server_mark(conn->server, conn);
	return rc;
}

void wp_conn_send(struct wp_conn *conn, struct wp_message *message)
{
	enum wp_err rc;

	if (conn->state != WP_CONN_OPEN)
		return;
	rc = queue(conn, message);
	if (rc == WP_ERR_FULL) {
		/* Perhaps it is not the peer who is slow. */
		try_to_send(conn);
		if (conn->state != WP_CONN_OPEN)
			return;
		rc = queue(conn, message);
	}
	if (rc == WP_ERR_FULL) {
		wp_conn_close(conn, WP_CLOSE_TRY_LATER, WP_M_CLOSE_SLOW);
		return;
	}
	if (rc != WP_OK) {
		wp_conn_drop(conn, WP_M_CLOSE_INTERNAL);
		return;
	}
	wp_metric_add(conn->server->metrics, WP_M_FRAMES_OUT, 1);
	wp_server_mark(conn->server, conn);
}

void wp_conn_send_scratch(struct wp_conn *conn)
{
	struct wp_buf *buf = &conn->server->scratch;
	struct wp_message *message = NULL;

	if (!buf->failed)
		message = wp_message_frame(WP_WS_TEXT, buf->data, buf->len);
	wp_buf_clear(buf);
	if (message == NULL)
		wp_conn_drop(conn, WP_M_CLOSE_INTERNAL);
	else
		wp_conn_send(conn, message);
	wp_message_unref(&message);
}

void wp_conn_answer_scratch(struct wp_conn *conn)
{
	conn->n_unanswered--;
	wp_conn_send_scratch(conn);
}

void wp_conn_poke(struct wp_conn *conn)
{
	struct wp_server *server = conn->server;

	if (conn->state == WP_CONN_REGISTERING)
		conn->is_poke_owed = true;
	if (conn->state != WP_CONN_OPEN)
		return;
	if (conn->outbox != NULL && wp_outbox_has_poke(conn->outbox)) {
		wp_metric_add(server->metrics, WP_M_POKES_COALESCED, 1);
		return;
	}
	wp_metric_add(server->metrics, WP_M_POKES_SENT, 1);
	wp_conn_send(conn, server->poke);
}

static void on_peer_close(struct wp_conn *conn, uint16_t code)
{
	wp_conn_close(conn, code, WP_M_CLOSE_PEER);
	conn->is_last_sent = true;
}

static void on_event(struct wp_conn *conn, const struct wp_ws_event *event)
{
	struct wp_message *pong;

	if (event->type != WP_WS_EVENT_NONE)
		wp_metric_add(conn->server->metrics, WP_M_FRAMES_IN, 1);
	switch (event->type) {
	case WP_WS_EVENT_TEXT:
		wp_frames_in(conn, event->data, event->len);
		break;
	case WP_WS_EVENT_PING:
		pong = wp_message_frame(WP_WS_PONG, event->data, event->len);
		if (pong != NULL)
			wp_conn_send(conn, pong);
		wp_message_unref(&pong);
		break;
	case WP_WS_EVENT_CLOSE:
		on_peer_close(conn, event->code);
		break;
	case WP_WS_EVENT_ERROR:
		wp_conn_fail(conn, event->code);
		break;
	case WP_WS_EVENT_PONG:
	case WP_WS_EVENT_NONE:
		break;
	}
	/* What has ended with it is no part of what comes next. */
	wp_ws_reader_done(&conn->reader);
	if (!wp_ws_reader_is_holding(&conn->reader))
		conn->is_holding = false;
}

/* Only the peer's close frame is of interest now, or that none can come. */
static void take_up_closing(struct wp_conn *conn, uint8_t *data, size_t len)
{
	size_t at = 0;

	while (at < len && !conn->is_last_sent) {
		struct wp_ws_event event;

		at += wp_ws_reader_feed(&conn->reader, data + at, len - at,
					&event);
		conn->is_last_sent = event.type == WP_WS_EVENT_CLOSE ||
				     event.type == WP_WS_EVENT_ERROR;
	}
}

/* Take up frames as long as that is allowed; returns the bytes of these. */
static size_t take_up(struct wp_conn *conn, uint8_t *data, size_t len,
		      int *budget)
{
	size_t at = 0;

	while (at < len && may_take_up(conn) && *budget > 0) {
		struct wp_ws_event event;

		at += wp_ws_reader_feed(&conn->reader, data + at, len - at,
					&event);
		on_event(conn, &event);
		(*budget)--;
	}
	if (conn->state == WP_CONN_OPEN)
		return at;
	if (conn->state == WP_CONN_CLOSING)
		take_up_closing(conn, data + at, len - at);
	return len;
}

static void take_up_rest(struct wp_conn *conn, int *budget)
{
	bool is_time = may_take_up(conn) || conn->state == WP_CONN_CLOSING;
	struct wp_buf rest;

	if (!is_time || !has_rest(conn))
		return;
	/* In our hands, whatever the frames do to the connection. */
	rest = conn->stash->input;
	wp_buf_init(&conn->stash->input, 0);
	wp_buf_consume(&rest,
		       take_up(conn, (uint8_t *)rest.data, rest.len, budget));
	if (rest.len > 0)
		conn->stash->input = rest;
	else
		wp_buf_release(&rest);
}

/* A part of a message costs memory for as long as the rest does not come. */
static void note_begun(struct wp_conn *conn)
{
	bool is_holding;

	wp_ws_reader_done(&conn->reader);
	is_holding = wp_ws_reader_is_holding(&conn->reader);
	if (is_holding && !conn->is_holding)
		conn->begun = conn->server->tick;
	conn->is_holding = is_holding;
}

/* For later: too much is unanswered, or others have to have their turn. */
static void keep_rest(struct wp_conn *conn, const uint8_t *rest, size_t len)
{
	struct wp_stash *stash = wp_conn_stash(conn);

	if (stash == NULL) {
		wp_conn_drop(conn, WP_M_CLOSE_INTERNAL);
		return;
	}
	wp_buf_add(&stash->input, rest, len);
	if (stash->input.failed)
		wp_conn_drop(conn, WP_M_CLOSE_INTERNAL);
}

static void on_input(struct wp_conn *conn, uint8_t *data, size_t len,
		     int *budget)
{
	size_t n;

	switch ((enum wp_conn_state)conn->state) {
	case WP_CONN_HEAD:
		wp_admit_input(conn, (const char *)data, len);
		break;
	case WP_CONN_OPEN:
		wp_conn_heard(conn);
		n = take_up(conn, data, len, budget);
		if (n < len)
			keep_rest(conn, data + n, len - n);
		break;
	case WP_CONN_CLOSING:
		take_up_closing(conn, data, len);
		break;
	case WP_CONN_ASKING:
	case WP_CONN_REGISTERING:
	case WP_CONN_ANSWERED:
	case WP_CONN_DEAD:
		break; /* nobody listens any more */
	}
}

static void read_some(struct wp_conn *conn, int *budget)
{
	uint8_t *input = conn->server->input;
	ssize_t n = recv(conn->io.fd, input, WP_INPUT_BYTES, MSG_DONTWAIT);

	if (n == -1 &&
	    (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR))
		return;
	if (n <= 0)
		wp_conn_drop(conn, WP_M_CLOSE_LOST);
	else
		on_input(conn, input, (size_t)n, budget);
}

static void take_input(struct wp_conn *conn)
{
	int budget = FRAMES_PER_TURN;

	take_up_rest(conn, &budget);
	if (!wants_input(conn))
		wp_conn_heard(conn); /* our pause is no silence of the peer */
	else if (conn->is_readable || conn->is_due)
		read_some(conn, &budget);
	conn->is_readable = false; /* if it is still so, we are told again */
	note_begun(conn);
	if (conn->state == WP_CONN_OPEN && !has_rest(conn))
		wp_conn_free_stash(conn);
}

bool wp_conn_turn(struct wp_conn *conn)
{
	take_input(conn);
	if (conn->is_due) {
		conn->is_due = false;
		if (conn->is_blocked)
			try_to_send(conn);
		wp_conn_judge_time(conn);
	}
	flush(conn);
	watch(conn);
	return may_take_up(conn) && has_rest(conn);
}

void wp_conn_on_io(struct ev_loop *loop, ev_io *io, int events)
{
	struct wp_conn *conn =
		(struct wp_conn *)((char *)io - offsetof(struct wp_conn, io));

	(void)loop;
	if ((events & EV_WRITE) != 0)
		unblock(conn);
	if ((events & EV_READ) != 0)
		conn->is_readable = true;
	wp_server_mark(conn->server, conn);
}
