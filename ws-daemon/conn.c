/*
 * conn.c - descriptor and deadlines of a connection.
 *
 * Every read goes to the one input buffer that all share; only what may not be
 * taken up yet is kept. Writes are gathered over one turn of the loop and go
 * out together; a queue outlives the turn only when the socket takes no more.
 */
#include "ws-daemon/conn.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lib/base/clock.h"
#include "lib/base/digest.h"
#include "lib/base/random.h"
#include "lib/limit/bucket.h"
#include "lib/live/consumer.h"
#include "ws-daemon/wire/http.h"

enum {
	GATHER_MAX = 64,
	/* A client that sends many small frames shares the loop with others. */
	FRAMES_PER_TURN = 256,
	/* And so does one whose small frames become large. */
	INFLATED_PER_TURN = 256 * 1024,
	WARNING_TICKS = 60 * 1000 / WP_TICK_MS, /* before its token ends */
	NS_PER_MS = 1000000,
};

static uint32_t now_of(const struct wp_conn *conn)
{
	return conn->parts->turn.now;
}

static bool is_open(const struct wp_conn *conn)
{
	return conn->session.state == WP_SESSION_OPEN;
}

static void mark(struct wp_conn *conn)
{
	wp_turn_mark(&conn->parts->turn, &conn->item);
}

static void count(const struct wp_conn *conn, size_t metric)
{
	wp_metric_add(conn->parts->metrics, metric, 1);
}

/* Has it been too fast? Whoever is not open any more is heard to the end. */
static bool is_paused(const struct wp_conn *conn)
{
	return conn->is_paused && is_open(conn);
}

/* Of their bucket. */
static int64_t frames_now(const struct wp_conn *conn)
{
	return (int64_t)now_of(conn) * WP_TICK_MS * NS_PER_MS;
}

/* ---- deadlines ---- */

static struct wp_patience_limits limits_of(const struct wp_conn *conn)
{
	const struct wp_conf *conf = conn->parts->live.conf;
	int64_t idle_ms = conf->websocket.idle_timeout_ms;
	int64_t interval_ms = conf->websocket.ping_interval_ms;

	return (struct wp_patience_limits){
		.idle = wp_turn_ticks(idle_ms),
		.interval = wp_turn_ticks(interval_ms),
		.answer = wp_turn_ticks(idle_ms - interval_ms),
	};
}

/* Set the timer to the earliest deadline. */
static void schedule(struct wp_conn *conn)
{
	const struct wp_patience_limits limits = limits_of(conn);
	struct wp_consumer *consumer = wp_conn_consumer(conn);
	uint32_t tick = conn->patience.due;

	if (is_open(conn)) {
		tick = wp_patience_deadline(&conn->patience, &limits);
		/* One that is closed for it is not asked again. */
		if (consumer != NULL && wp_consumer_deadline(consumer) < tick)
			tick = wp_consumer_deadline(consumer);
	}
	/* The next tick gives some frames back, or one after it does. */
	if (is_paused(conn) && tick > now_of(conn) + 1)
		tick = now_of(conn) + 1;
	wp_turn_set(&conn->parts->turn, &conn->item, tick);
}

void wp_conn_reschedule(struct wp_conn *conn)
{
	if (is_open(conn))
		schedule(conn);
}

/* Bear with it, which is not open, for so long. */
static void limit(struct wp_conn *conn, int64_t ms)
{
	conn->patience.due = now_of(conn) + wp_turn_ticks(ms);
	schedule(conn);
}

/* ---- begin and end ---- */

void wp_conn_on_socket(void *owner, unsigned events)
{
	struct wp_conn *conn = owner;

	if ((events & WP_POLL_ROOM) != 0)
		wp_patience_unblock(&conn->patience, now_of(conn));
	if ((events & WP_POLL_INPUT) != 0)
		conn->is_readable = true;
	if ((events & WP_POLL_HANGUP) != 0)
		conn->is_hung_up = true;
	mark(conn);
}

static void free_admission(struct wp_conn *conn)
{
	struct wp_admission *admission = wp_conn_admission(conn);

	if (admission == NULL)
		return;
	wp_buf_release(&admission->response);
	if (admission->token != NULL)
		explicit_bzero(admission->token, admission->token_len);
	free(admission->token);
	free(admission);
	conn->extra->admission = NULL;
	wp_extra_tidy(&conn->extra);
}

static void count_queued(struct wp_conn *conn, size_t n)
{
	struct wp_extra *extra =
		n > 0 ? wp_extra_need(&conn->extra) : conn->extra;

	if (extra == NULL)
		return; /* nothing was counted, nor can it be */
	conn->parts->n_queued += n - extra->n_queued;
	extra->n_queued = (uint32_t)n; /* max_queue_bytes is less */
	if (n == 0)
		wp_extra_tidy(&conn->extra);
}

static void free_conn(struct wp_conn *conn)
{
	struct wp_parts *parts = conn->parts;

	count_queued(conn, 0);
	close(conn->fd);
	wp_turn_clear(&conn->item);
	wp_hub_remove(parts->live.hub, &conn->member);
	wp_session_release(&conn->session);
	free_admission(conn);
	wp_extra_free(&conn->extra);
	wp_slab_free(&parts->conns, conn);
	parts->n_sockets--;
}

void wp_conn_accept(struct wp_parts *parts, int fd)
{
	struct wp_conn *conn = wp_slab_alloc(&parts->conns);

	if (conn == NULL ||
	    !wp_turn_reserve(&parts->turn, parts->n_sockets + 1) ||
	    wp_hub_add(parts->live.hub, &conn->member) != WP_OK) {
		wp_slab_free(&parts->conns, conn);
		close(fd);
		return;
	}
	conn->parts = parts;
	conn->fd = fd;
	parts->n_sockets++;
	if (!wp_poller_add(&parts->poller, fd, conn)) {
		free_conn(conn);
		return;
	}
	limit(conn, parts->live.conf->websocket.handshake_timeout_ms);
	/* Most send their request at once. */
	conn->is_readable = true;
	mark(conn);
}

struct wp_conn *wp_conn_find_open(const struct wp_parts *parts, uint64_t number)
{
	struct wp_member *member = wp_hub_find(parts->live.hub, number);
	struct wp_conn *conn = member == NULL ? NULL : wp_conn_of(member);

	return conn != NULL && is_open(conn) ? conn : NULL;
}

static void log_debug(const struct wp_conn *conn, const char *event)
{
	struct wp_log log = { .component = "conn" };

	snprintf(log.peer, sizeof(log.peer), "%" PRIu64, conn->member.number);
	wp_log_plain(&log, WP_LOG_DEBUG, event);
}

static void leave(struct wp_conn *conn, bool is_clean)
{
	if (is_open(conn)) {
		conn->parts->n_open--;
		log_debug(conn, "closed");
	}
	conn->parts->upcalls->on_left(conn, is_clean);
}

void wp_conn_drop(struct wp_conn *conn, enum wp_ws_metric why)
{
	if (conn->session.state == WP_SESSION_OVER)
		return;
	if (is_open(conn))
		count(conn, why);
	leave(conn, false);
	wp_session_end(&conn->session);
	wp_turn_clear(&conn->item);
	mark(conn);
}

/* With these bytes instead of an upgrade, and close. code: or NULL */
static void respond(struct wp_conn *conn, const struct wp_buf *response,
		    unsigned status, const char *code)
{
	/* What never became a request has no line. */
	if (wp_conn_admission(conn) != NULL)
		wp_request_end(&wp_conn_admission(conn)->request, conn->parts,
			       status, code, response);
	leave(conn, true);
	free_admission(conn);
	if (wp_session_respond(&conn->session, response) != WP_OK) {
		wp_conn_drop(conn, WP_M_CLOSE_INTERNAL);
		return;
	}
	mark(conn);
	limit(conn, WP_CLOSE_WAIT_MS);
}

static const char *request_id_of(const struct wp_conn *conn)
{
	return wp_conn_admission(conn) == NULL
		       ? NULL
		       : wp_conn_admission(conn)->request.request_id;
}

void wp_conn_refuse(struct wp_conn *conn, unsigned status, const char *code,
		    const char *sentence, enum wp_ws_metric why)
{
	struct wp_buf response;

	if (conn->session.state >= WP_SESSION_OPEN)
		return;
	count(conn, why);
	wp_buf_init(&response, 0);
	wp_http_answer_error(&response, request_id_of(conn), status, code,
			     sentence);
	respond(conn, &response, status, code);
	wp_buf_release(&response);
}

void wp_conn_limit(struct wp_conn *conn, int64_t wait_ns)
{
	struct wp_buf response;

	if (conn->session.state >= WP_SESSION_OPEN)
		return;
	count(conn, WP_M_REJECT_LIMIT);
	wp_buf_init(&response, 0);
	wp_http_answer_limited(&response, request_id_of(conn),
			       wp_http_retry_in_s(wait_ns));
	respond(conn, &response, 429, "rate_limited");
	wp_buf_release(&response);
}

void wp_conn_show(struct wp_conn *conn, const char *type, const char *body,
		  bool with_body)
{
	struct wp_buf response;

	if (conn->session.state >= WP_SESSION_OPEN)
		return;
	wp_buf_init(&response, 0);
	wp_http_answer_ok(&response, request_id_of(conn), type, body,
			  with_body);
	respond(conn, &response, 200, NULL);
	wp_buf_release(&response);
}

int64_t wp_conn_left_s(const struct wp_conn *conn, int64_t expires_s)
{
	int64_t left_s = expires_s - wp_wall_ms() / 1000;

	if (left_s <= 0)
		left_s += conn->parts->live.conf->auth.leeway_seconds;
	/* Who was let in at its last moment. */
	return left_s > 0 ? left_s : 1;
}

/* Its token ends in so many seconds. */
static void set_expiry(struct wp_conn *conn, int64_t left_s)
{
	int64_t most_s = INT32_MAX / 1000 * WP_TICK_MS;
	uint32_t ticks;

	if (left_s > most_s)
		left_s = most_s;
	ticks = wp_turn_ticks(left_s * 1000);
	conn->patience.expires = now_of(conn) + ticks;
	conn->patience.warns_before =
		(uint16_t)(ticks / 2 < WARNING_TICKS ? ticks / 2
						     : WARNING_TICKS);
}

uint64_t wp_conn_device(const struct wp_identity *caller)
{
	uint8_t hash[WP_SHA256_LEN];
	uint64_t device = 0;

	if (caller->device[0] == '\0')
		return 0;
	wp_sha256(caller->device, strlen(caller->device), hash);
	memcpy(&device, hash, sizeof(device));
	return device;
}

int64_t wp_conn_renew(struct wp_conn *conn, const struct wp_identity *caller)
{
	int64_t left_s = wp_conn_left_s(conn, caller->expires_s);

	wp_revoked_mark(&conn->member.marks, caller);
	set_expiry(conn, left_s);
	schedule(conn);
	return left_s;
}

static void begin_patience(struct wp_conn *conn)
{
	uint32_t interval = limits_of(conn).interval;

	set_expiry(conn,
		   wp_conn_left_s(conn, wp_conn_admission(conn)->expires_s));
	wp_patience_hear(&conn->patience, now_of(conn));
	/* Who came together need not be pinged together. */
	conn->patience.due =
		now_of(conn) + interval - wp_random_below(interval / 2 + 1);
}

void wp_conn_open(struct wp_conn *conn)
{
	struct wp_parts *parts = conn->parts;
	enum wp_err rc;

	wp_request_end(&wp_conn_admission(conn)->request, parts, 101, NULL,
		       &wp_conn_admission(conn)->response);
	begin_patience(conn);
	rc = wp_session_open(&conn->session, &wp_conn_admission(conn)->response,
			     wp_conf_max_ws_message(parts->live.conf),
			     wp_conn_admission(conn)->deflate_bits);
	free_admission(conn);
	parts->n_open++;
	count(conn, WP_M_CONNECTS);
	log_debug(conn, "open");
	if (rc != WP_OK)
		wp_conn_drop(conn, WP_M_CLOSE_INTERNAL);
	else
		schedule(conn);
	wp_conn_send_scratch(conn);
	if (parts->upcalls->on_open != NULL)
		parts->upcalls->on_open(conn);
	if (conn->is_poke_owed)
		wp_conn_on_poke(NULL, &conn->member);
	if (conn->is_replaced)
		wp_conn_on_kick(NULL, &conn->member);
	conn->is_poke_owed = false;
}

static void end_with(struct wp_conn *conn, uint16_t code, enum wp_ws_metric why,
		     enum wp_err (*end)(struct wp_session *session,
					uint16_t code))
{
	count(conn, why);
	leave(conn, true);
	if (end(&conn->session, code) != WP_OK) {
		wp_conn_drop(conn, why);
		return;
	}
	mark(conn);
	limit(conn, WP_CLOSE_WAIT_MS);
}

void wp_conn_close(struct wp_conn *conn, uint16_t code, enum wp_ws_metric why)
{
	if (is_open(conn))
		end_with(conn, code, why, wp_session_close);
	else
		wp_conn_refuse(conn, 503, "unavailable",
			       "the server is shutting down",
			       WP_M_REJECT_UNAVAILABLE);
}

void wp_conn_on_kick(void *ctx, struct wp_member *member)
{
	struct wp_conn *conn = wp_conn_of(member);

	(void)ctx;
	/* Redis has registered it, or nobody could evict it: the answer that
	 * says so is on its way. */
	if (conn->session.state < WP_SESSION_OPEN)
		conn->is_replaced = true;
	else if (is_open(conn))
		wp_conn_close(conn, WP_CLOSE_REPLACED, WP_M_CLOSE_REPLACED);
}

void wp_conn_on_revoked(void *ctx, struct wp_member *member)
{
	struct wp_conn *conn = wp_conn_of(member);

	(void)ctx;
	if (is_open(conn)) {
		wp_conn_close(conn, WP_CLOSE_REVOKED, WP_M_CLOSE_REVOKED);
		return;
	}
	wp_metric_add(conn->parts->metrics,
		      WP_M_AUTH_REFUSED + WP_REFUSED_REVOKED, 1);
	if (wp_conn_admission(conn) != NULL)
		wp_conn_admission(conn)->request.reason =
			wp_refused_name(WP_REFUSED_REVOKED);
	wp_conn_refuse(conn, 401, "token_revoked",
		       "the session has ended; log in again",
		       WP_M_REJECT_REVOKED);
}

/* ---- out ---- */

/*
 * All is out. Behind the last bytes, say that we are done and let the peer
 * close: to close with input unread would reset the connection, and what we
 * sent might be lost with it.
 */
static void on_drained(struct wp_conn *conn)
{
	if ((wp_session_wants(&conn->session) & WP_SESSION_END) == 0 ||
	    conn->is_half_closed)
		return;
	conn->is_half_closed = true;
	shutdown(conn->fd, SHUT_WR);
	if (conn->session.state == WP_SESSION_CLOSING)
		limit(conn, WP_CLOSE_DRAIN_MS);
}

/* One system call; as send(). */
static ssize_t send_gathered(const struct wp_conn *conn)
{
	struct iovec iov[GATHER_MAX];
	struct msghdr msg = { .msg_iov = iov };

	msg.msg_iovlen = wp_session_gather(&conn->session, iov, GATHER_MAX);
	/* The usual one, and cheaper: the kernel reads no list. */
	if (msg.msg_iovlen == 1)
		return send(conn->fd, iov[0].iov_base, iov[0].iov_len,
			    MSG_NOSIGNAL | MSG_DONTWAIT);
	return sendmsg(conn->fd, &msg, MSG_NOSIGNAL | MSG_DONTWAIT);
}

/*
 * Send as far as the socket takes it, even if it took no more a moment ago: the
 * kernel tells of room only when a good part of its buffer is free, and who
 * reads less than that in the time reads all the same.
 */
static void try_to_send(struct wp_conn *conn)
{
	while ((wp_session_wants(&conn->session) & WP_SESSION_WRITE) != 0) {
		ssize_t n;

		n = send_gathered(conn);
		if (n == -1 && errno == EINTR)
			continue;
		if (n == -1 && (errno == EAGAIN || errno == EWOULDBLOCK)) {
			wp_patience_block(&conn->patience, now_of(conn));
			return;
		}
		if (n == -1) {
			wp_conn_drop(conn, WP_M_CLOSE_LOST);
			return;
		}
		wp_patience_unblock(&conn->patience, now_of(conn));
		if (wp_session_sent(&conn->session, (size_t)n) != WP_OK) {
			wp_conn_drop(conn, WP_M_CLOSE_INTERNAL);
			return;
		}
	}
	on_drained(conn);
}

static enum wp_err queue(struct wp_conn *conn, struct wp_message *message)
{
	const struct wp_conf *conf = conn->parts->live.conf;
	int64_t max = conf->websocket.max_queue_bytes;

	/* The longest envelope has to go out, too. */
	if (wp_conn_consumer(conn) != NULL)
		max += conf->mailbox.max_envelope_bytes;
	return wp_session_send(&conn->session, message, (size_t)max);
}

/* In the form that goes out. */
static void send_form(struct wp_conn *conn, struct wp_message *message)
{
	enum wp_err rc;

	rc = queue(conn, message);
	if (rc == WP_ERR_FULL) {
		/* Perhaps it is not the peer who is slow. */
		try_to_send(conn);
		if (!is_open(conn))
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
	count(conn, WP_M_FRAMES_OUT);
	mark(conn);
}

void wp_conn_send(struct wp_conn *conn, struct wp_message *message)
{
	struct wp_message *form;

	if (!is_open(conn))
		return;
	form = wp_deflate_message(conn->parts->deflate, message,
				  conn->session.deflate_bits);
	send_form(conn, form);
	wp_message_unref(&form);
}

/* Takes message, which may be NULL: there was no memory for it. */
static void send_made(struct wp_conn *conn, struct wp_message *message)
{
	if (message == NULL)
		wp_conn_drop(conn, WP_M_CLOSE_INTERNAL);
	else
		wp_conn_send(conn, message);
	wp_message_unref(&message);
}

void wp_conn_send_scratch(struct wp_conn *conn)
{
	struct wp_buf *buf = &conn->parts->scratch;
	struct wp_message *message = NULL;

	if (!buf->failed)
		message = wp_message_frame(WP_WS_TEXT, buf->data, buf->len);
	wp_buf_clear(buf);
	send_made(conn, message);
}

void wp_conn_on_poke(void *ctx, struct wp_member *member)
{
	struct wp_conn *conn = wp_conn_of(member);

	(void)ctx;
	if (conn->session.state == WP_SESSION_ASKED)
		conn->is_poke_owed = true;
	if (!is_open(conn))
		return;
	if (wp_conn_consumer(conn) != NULL) {
		wp_consumer_poke(wp_conn_consumer(conn));
		return;
	}
	if (wp_session_has_poke(&conn->session)) {
		count(conn, WP_M_POKES_COALESCED);
		return;
	}
	count(conn, WP_M_POKES_SENT);
	wp_conn_send(conn, conn->parts->poke);
}

/* ---- in ---- */

static void on_request(struct wp_conn *conn, const struct wp_head *head)
{
	struct wp_extra *extra = wp_extra_need(&conn->extra);

	if (extra != NULL)
		extra->admission = calloc(1, sizeof(*extra->admission));
	if (extra == NULL || extra->admission == NULL) {
		wp_conn_drop(conn, WP_M_CLOSE_INTERNAL);
		return;
	}
	wp_buf_init(&extra->admission->response, 0);
	wp_request_begin(&extra->admission->request, head);
	conn->parts->upcalls->on_request(conn, head);
}

static void on_bad_request(struct wp_conn *conn, unsigned status)
{
	if (status == 431)
		wp_conn_refuse(conn, 431, "headers_too_large",
			       "the request's header is too large",
			       WP_M_REJECT_BAD_REQUEST);
	else if (status == 505)
		wp_conn_refuse(conn, 505, "version_not_supported",
			       "only HTTP/1.1 is spoken here",
			       WP_M_REJECT_BAD_REQUEST);
	else
		wp_conn_refuse(conn, 400, "bad_request",
			       "the request is malformed",
			       WP_M_REJECT_BAD_REQUEST);
}

static void on_text(struct wp_conn *conn, const struct wp_session_event *event)
{
	const char *text = event->data;
	size_t len = event->len;
	enum wp_ws_close code = 0;

	if (event->is_deflated)
		code = wp_deflate_inflate(conn->parts->deflate,
					  conn->session.max_message, &text,
					  &len);
	if (code == 0)
		conn->parts->upcalls->on_text(conn, text, len);
	else
		end_with(conn, (uint16_t)code, WP_M_CLOSE_PROTOCOL,
			 wp_session_fail);
}

static void on_event(struct wp_conn *conn, const struct wp_session_event *event)
{
	if (event->type >= WP_SESSION_TEXT)
		count(conn, WP_M_FRAMES_IN);
	switch (event->type) {
	case WP_SESSION_REQUEST:
		on_request(conn, &event->head);
		break;
	case WP_SESSION_BAD_REQUEST:
		on_bad_request(conn, event->status);
		break;
	case WP_SESSION_TEXT:
		on_text(conn, event);
		break;
	case WP_SESSION_PING:
		send_made(conn, wp_message_frame(WP_WS_PONG, event->data,
						 event->len));
		break;
	case WP_SESSION_LEAVE:
		end_with(conn, event->code, WP_M_CLOSE_PEER, wp_session_fail);
		break;
	case WP_SESSION_BROKEN:
		end_with(conn, event->code, WP_M_CLOSE_PROTOCOL,
			 wp_session_fail);
		break;
	case WP_SESSION_PONG:
		break;
	}
}

/* A part of a message costs memory for as long as the rest does not come; what
 * has ended is no part of what comes next. */
static void note_holding(struct wp_conn *conn)
{
	wp_patience_hold(&conn->patience, wp_session_is_holding(&conn->session),
			 now_of(conn));
}

/* Pull events as far as that is allowed; the budget is for frames. */
static void take_up(struct wp_conn *conn, int *budget)
{
	const struct wp_deflate *deflate = conn->parts->deflate;
	size_t before = wp_deflate_inflated(deflate);
	struct wp_session_event event;

	while (((*budget > 0 &&
		 wp_deflate_inflated(deflate) - before < INFLATED_PER_TURN) ||
		!is_open(conn)) &&
	       wp_session_next(&conn->session, &event)) {
		on_event(conn, &event);
		note_holding(conn);
		(*budget)--;
	}
}

static void read_some(struct wp_conn *conn)
{
	uint8_t *input = conn->parts->input;
	ssize_t n = recv(conn->fd, input, WP_INPUT_BYTES, MSG_DONTWAIT);

	if (n == -1 && errno == EINTR)
		return;
	/* Of what comes from now on we are told. */
	conn->is_readable = n == WP_INPUT_BYTES || (n > 0 && conn->is_hung_up);
	if (n == -1 && (errno == EAGAIN || errno == EWOULDBLOCK))
		return;
	if (n <= 0) {
		wp_conn_drop(conn, WP_M_CLOSE_LOST);
		return;
	}
	if (is_open(conn))
		wp_patience_hear(&conn->patience, now_of(conn));
	if (wp_session_feed(&conn->session, input, (size_t)n) != WP_OK)
		wp_conn_drop(conn, WP_M_CLOSE_INTERNAL);
}

/* How many frames may be taken up now, of a fair share of the turn? */
static int budget_of(const struct wp_conn *conn)
{
	const struct wp_limit_rate *rate = &conn->parts->frames;
	int64_t full_at = conn->extra == NULL ? 0 : conn->extra->frames_full_at;
	int64_t left = FRAMES_PER_TURN;

	if (is_open(conn) && rate->unit_ns != 0)
		left = wp_bucket_left(
			rate, wp_bucket_ahead(full_at, frames_now(conn)));
	return left < FRAMES_PER_TURN ? (int)left : FRAMES_PER_TURN;
}

/* n frames were. With the last that may be, the pause begins: no frame is
 * lost, and nothing said; who sends on finds the socket full. */
static void charge_frames(struct wp_conn *conn, int n)
{
	const struct wp_limit_rate *rate = &conn->parts->frames;
	bool was_paused = conn->is_paused;

	if (rate->unit_ns != 0 && n > 0) {
		struct wp_extra *extra = wp_extra_need(&conn->extra);

		if (extra == NULL) {
			wp_conn_drop(conn, WP_M_CLOSE_INTERNAL);
			return;
		}
		extra->frames_full_at = wp_bucket_take(
			rate, extra->frames_full_at, n, frames_now(conn));
	}
	conn->is_paused = is_open(conn) && budget_of(conn) == 0;
	if (conn->is_paused == was_paused)
		return;
	if (conn->is_paused)
		count(conn, WP_M_LIMITED + WP_LIMIT_FRAMES);
	if (is_open(conn))
		schedule(conn);
}

static void take_input(struct wp_conn *conn)
{
	bool was_open = is_open(conn);
	int share = budget_of(conn);
	int budget = share;

	take_up(conn, &budget);
	if ((wp_session_wants(&conn->session) & WP_SESSION_READ) == 0 ||
	    share == 0) {
		/* Our pause is no silence of the peer. */
		wp_patience_hear(&conn->patience, now_of(conn));
	} else if (conn->is_readable || conn->item.is_due) {
		read_some(conn);
		take_up(conn, &budget);
	}
	if (was_open)
		charge_frames(conn, share - budget);
	if (wp_session_keep(&conn->session) != WP_OK)
		wp_conn_drop(conn, WP_M_CLOSE_INTERNAL);
	note_holding(conn);
}

/* ---- the turn ---- */

static void send_warning(struct wp_conn *conn)
{
	uint32_t left = conn->patience.expires - now_of(conn);

	wp_buf_printf(&conn->parts->scratch,
		      "{\"type\":\"expiring\",\"inSeconds\":%" PRIu32 "}",
		      (left * WP_TICK_MS + 500) / 1000);
	wp_conn_send_scratch(conn);
}

static void judge_open(struct wp_conn *conn)
{
	const struct wp_patience_limits limits = limits_of(conn);

	switch (wp_patience_judge(&conn->patience, &limits, now_of(conn))) {
	case WP_PATIENCE_FINE:
		break;
	case WP_PATIENCE_PING:
		wp_conn_send(conn, conn->parts->ping);
		break;
	case WP_PATIENCE_SILENT:
		wp_conn_drop(conn, WP_M_CLOSE_IDLE);
		break;
	case WP_PATIENCE_SLOW:
		wp_conn_close(conn, WP_CLOSE_TRY_LATER, WP_M_CLOSE_SLOW);
		break;
	case WP_PATIENCE_ENDLESS:
		wp_conn_close(conn, WP_CLOSE_POLICY, WP_M_CLOSE_IDLE);
		break;
	case WP_PATIENCE_EXPIRING:
		send_warning(conn);
		break;
	case WP_PATIENCE_EXPIRED:
		wp_conn_close(conn, WP_CLOSE_TOKEN_EXPIRED, WP_M_CLOSE_EXPIRED);
		break;
	}
	if (is_open(conn) && wp_conn_consumer(conn) != NULL &&
	    !wp_consumer_on_time(wp_conn_consumer(conn)))
		wp_conn_close(conn, WP_CLOSE_TRY_LATER, WP_M_CLOSE_UNACKED);
	if (is_open(conn))
		schedule(conn);
}

/* Behind the reading: what came in time but was not read in time, because we
 * were stopped or busy, counts. */
static void judge_time(struct wp_conn *conn)
{
	if (is_open(conn)) {
		judge_open(conn);
		return;
	}
	if (now_of(conn) < conn->patience.due) {
		schedule(conn);
		return;
	}
	if (conn->session.state == WP_SESSION_HEAD)
		wp_conn_refuse(conn, 408, "request_timeout",
			       "the request did not come in time",
			       WP_M_REJECT_TIMEOUT);
	else if (conn->session.state == WP_SESSION_ASKED)
		wp_conn_refuse(conn, 503, "unavailable",
			       "presence could not be registered in time",
			       WP_M_REJECT_UNAVAILABLE);
	else
		wp_conn_drop(conn, WP_M_CLOSE_LOST);
}

/* Be told of room when there is none, and only then. */
static void watch_room(struct wp_conn *conn)
{
	bool is_wanted = conn->patience.is_blocked;

	if (conn->is_room_watched == is_wanted)
		return;
	conn->is_room_watched = is_wanted;
	if (!wp_poller_watch_room(&conn->parts->poller, conn->fd, conn,
				  is_wanted))
		wp_conn_drop(conn, WP_M_CLOSE_INTERNAL);
}

static bool may_read(const struct wp_conn *conn)
{
	return conn->is_readable && !is_paused(conn) &&
	       (wp_session_wants(&conn->session) & WP_SESSION_READ) != 0;
}

/* Is it marked for nothing but what goes out? */
static bool has_no_input(const struct wp_conn *conn)
{
	return is_open(conn) && conn->session.left == 0 && !conn->is_readable &&
	       !conn->item.is_due;
}

/* Take up input as far as it may be now and as a fair share of the turn allows,
 * judge the deadline that has come, send what waits. */
static void take_turn(struct wp_conn *conn)
{
	if (!has_no_input(conn))
		take_input(conn);
	if (conn->item.is_due && conn->patience.is_blocked)
		try_to_send(conn);
	if (conn->item.is_due && conn->session.state != WP_SESSION_OVER)
		judge_time(conn);
	conn->item.is_due = false;
	if (!conn->patience.is_blocked)
		try_to_send(conn);
	if (conn->session.state != WP_SESSION_OVER)
		watch_room(conn);
}

enum wp_turn_next wp_conn_on_turn(struct wp_turn_item *item)
{
	struct wp_conn *conn =
		(struct wp_conn *)((char *)item -
				   offsetof(struct wp_conn, item));

	if (conn->session.state != WP_SESSION_OVER)
		take_turn(conn);
	if (conn->session.state == WP_SESSION_OVER) {
		free_conn(conn);
		return WP_TURN_GONE;
	}
	count_queued(conn, wp_session_queued(&conn->session));
	/* What is left could be taken up at once. */
	return (wp_session_has_more(&conn->session) && !is_paused(conn)) ||
			       may_read(conn)
		       ? WP_TURN_AGAIN
		       : WP_TURN_DONE;
}
