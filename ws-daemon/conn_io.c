/*
 * conn_io.c - bytes in, bytes out.
 *
 * Every read goes to the server's one input buffer; only what cannot be
 * understood yet is kept. Writes are gathered over one turn of the loop and go
 * out together; a queue outlives the turn only when the socket takes no more.
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

enum { GATHER_MAX = 64 };

void wp_conn_watch(struct wp_conn *conn)
{
	struct ev_loop *loop = conn->server->loop;
	int events = (conn->is_paused ? 0 : EV_READ) |
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

static void set_blocked(struct wp_conn *conn, bool is_blocked)
{
	conn->is_blocked = is_blocked;
	wp_conn_watch(conn);
}

/* All is out. */
static void on_drained(struct wp_conn *conn)
{
	wp_outbox_free(&conn->outbox);
	if (conn->is_blocked)
		set_blocked(conn, false);
	if (!conn->is_last_sent || conn->is_half_closed)
		return;
	if (conn->state == WP_CONN_CLOSING) {
		wp_conn_drop(conn, WP_M_CLOSE_PEER);
		return;
	}
	/* Closing with unread input would reset the connection, and the
	 * response with it: say that we are done and let the peer close. */
	conn->is_half_closed = true;
	shutdown(conn->io.fd, SHUT_WR);
}

void wp_conn_flush(struct wp_conn *conn)
{
	struct iovec iov[GATHER_MAX];
	struct msghdr msg = { .msg_iov = iov };

	while (conn->state != WP_CONN_DEAD && conn->outbox != NULL) {
		ssize_t n;

		if (wp_outbox_is_empty(conn->outbox)) {
			on_drained(conn);
			return;
		}
		msg.msg_iovlen =
			wp_outbox_gather(conn->outbox, iov, GATHER_MAX);
		n = sendmsg(conn->io.fd, &msg, MSG_NOSIGNAL | MSG_DONTWAIT);
		if (n == -1 && errno == EINTR)
			continue;
		if (n == -1 && (errno == EAGAIN || errno == EWOULDBLOCK)) {
			set_blocked(conn, true);
			return;
		}
		if (n == -1) {
			wp_conn_drop(conn, WP_M_CLOSE_LOST);
			return;
		}
		wp_outbox_advance(conn->outbox, (size_t)n);
	}
}

static enum wp_err queue(struct wp_conn *conn, struct wp_message *message)
{
	int64_t max = conn->server->conf->websocket.max_queue_bytes;

	if (conn->outbox == NULL)
		conn->outbox = wp_outbox_new((size_t)max);
	if (conn->outbox == NULL)
		return WP_ERR_NOMEM;
	return wp_outbox_push(conn->outbox, message);
}

void wp_conn_send(struct wp_conn *conn, struct wp_message *message)
{
	enum wp_err rc;

	if (conn->state != WP_CONN_OPEN)
		return;
	rc = queue(conn, message);
	if (rc == WP_ERR_FULL && !conn->is_blocked) {
		/* Perhaps it is not the peer who is slow. */
		wp_conn_flush(conn);
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
	if (!conn->is_blocked)
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
	if (conn->state == WP_CONN_OPEN && conn->is_paused)
		wp_conn_resume(conn);
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
		wp_conn_close(conn, event->code, WP_M_CLOSE_PROTOCOL);
		break;
	case WP_WS_EVENT_PONG:
	case WP_WS_EVENT_NONE:
		break;
	}
}

/* Understand as much as may be now; returns how much that was. */
static size_t feed(struct wp_conn *conn, uint8_t *data, size_t len)
{
	size_t at = 0;

	while (at < len && conn->state == WP_CONN_OPEN &&
	       conn->n_unanswered < WP_CONN_UNANSWERED_MAX) {
		struct wp_ws_event event;

		at += wp_ws_reader_feed(&conn->reader, data + at, len - at,
					&event);
		on_event(conn, &event);
	}
	return at;
}

/* Only the peer's close frame is of interest now. */
static void feed_closing(struct wp_conn *conn, uint8_t *data, size_t len)
{
	size_t at = 0;

	while (at < len && !conn->reader.is_failed) {
		struct wp_ws_event event;

		at += wp_ws_reader_feed(&conn->reader, data + at, len - at,
					&event);
		if (event.type == WP_WS_EVENT_ERROR)
			return;
		if (event.type != WP_WS_EVENT_CLOSE)
			continue;
		conn->is_last_sent = true;
		if (conn->outbox == NULL)
			wp_conn_drop(conn, WP_M_CLOSE_PEER);
		return;
	}
}

/* Too many frames are unanswered: keep the rest and stop reading. */
static void pause_with(struct wp_conn *conn, const uint8_t *rest, size_t len)
{
	struct wp_stash *stash = wp_conn_stash(conn);

	if (stash == NULL) {
		wp_conn_drop(conn, WP_M_CLOSE_INTERNAL);
		return;
	}
	wp_buf_add(&stash->input, rest, len);
	if (stash->input.failed) {
		wp_conn_drop(conn, WP_M_CLOSE_INTERNAL);
		return;
	}
	conn->is_paused = true;
	wp_conn_watch(conn);
}

void wp_conn_resume(struct wp_conn *conn)
{
	struct wp_stash *stash = conn->stash;

	if (stash != NULL && stash->input.len > 0) {
		/* on_event() may close, and closing frees the stash. */
		struct wp_buf input = stash->input;
		size_t n;

		wp_buf_init(&stash->input, 0);
		n = feed(conn, (uint8_t *)input.data, input.len);
		if (conn->state == WP_CONN_OPEN && n < input.len) {
			wp_buf_consume(&input, n);
			conn->stash->input = input;
			return; /* paused as before */
		}
		wp_buf_release(&input);
	}
	if (conn->state != WP_CONN_OPEN)
		return;
	if (conn->stash != NULL) {
		wp_buf_release(&conn->stash->input);
		wp_buf_release(&conn->stash->response);
		free(conn->stash);
		conn->stash = NULL;
	}
	conn->is_paused = conn->n_unanswered >= WP_CONN_UNANSWERED_MAX;
	wp_conn_watch(conn);
}

static void on_input(struct wp_conn *conn, uint8_t *data, size_t len)
{
	size_t n;

	switch ((enum wp_conn_state)conn->state) {
	case WP_CONN_HEAD:
		wp_admit_input(conn, (const char *)data, len);
		break;
	case WP_CONN_OPEN:
		conn->heard = conn->server->tick;
		n = feed(conn, data, len);
		if (conn->state == WP_CONN_OPEN &&
		    conn->n_unanswered >= WP_CONN_UNANSWERED_MAX)
			pause_with(conn, data + n, len - n);
		break;
	case WP_CONN_CLOSING:
		feed_closing(conn, data, len);
		break;
	case WP_CONN_ASKING:
	case WP_CONN_REGISTERING:
	case WP_CONN_ANSWERED:
	case WP_CONN_DEAD:
		break; /* nobody listens any more */
	}
}

static void on_readable(struct wp_conn *conn)
{
	uint8_t *input = conn->server->input;
	ssize_t n = recv(conn->io.fd, input, WP_INPUT_BYTES, MSG_DONTWAIT);

	if (n == -1 &&
	    (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR))
		return;
	if (n <= 0)
		wp_conn_drop(conn, WP_M_CLOSE_LOST);
	else
		on_input(conn, input, (size_t)n);
}

void wp_conn_on_io(struct ev_loop *loop, ev_io *io, int events)
{
	struct wp_conn *conn =
		(struct wp_conn *)((char *)io - offsetof(struct wp_conn, io));

	(void)loop;
	if ((events & EV_WRITE) != 0)
		wp_conn_flush(conn);
	if ((events & EV_READ) != 0 && conn->state != WP_CONN_DEAD &&
	    !conn->is_paused)
		on_readable(conn);
}
