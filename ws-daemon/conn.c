/*
 * conn.c - the life of a connection: its states and its deadlines.
 *
 * Reading and writing are in conn_io.c, the request in admit.c, the client's
 * frames in frames_in.c.
 */
#include "ws-daemon/conn.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/base/clock.h"
#include "lib/base/random.h"
#include "ws-daemon/wire/http_answer.h"

static uint32_t earlier(uint32_t a, uint32_t b)
{
	return a < b ? a : b;
}

/*
 * When silence becomes too long; of a peer with a full queue, when it has taken
 * nothing for too long, whatever it says. Nobody is dropped unasked, not even
 * when we were late with the question: there is always time for an answer.
 */
static uint32_t end_of_patience(const struct wp_conn *conn)
{
	const struct wp_conf *conf = conn->server->conf;
	int64_t idle_ms = conf->websocket.idle_timeout_ms;
	int64_t answer_ms = idle_ms - conf->websocket.ping_interval_ms;
	uint32_t end = conn->heard + wp_server_ticks(idle_ms);
	uint32_t answer = conn->asked + wp_server_ticks(answer_ms);

	if (conn->is_blocked)
		return conn->moved + wp_server_ticks(idle_ms);
	return conn->is_asked && answer > end ? answer : end;
}

/* A message that has begun has as long as silence has. */
static bool is_too_long_in_coming(const struct wp_conn *conn)
{
	int64_t idle_ms = conn->server->conf->websocket.idle_timeout_ms;

	return conn->is_holding &&
	       conn->server->tick >= conn->begun + wp_server_ticks(idle_ms);
}

void wp_conn_schedule(struct wp_conn *conn)
{
	uint32_t tick = conn->due;

	if (conn->state == WP_CONN_OPEN)
		tick = earlier(end_of_patience(conn),
			       earlier(conn->due, conn->expires));
	wp_wheel_set(conn->server->wheel, &conn->timer, tick);
}

void wp_conn_limit(struct wp_conn *conn, int64_t ms)
{
	conn->due = conn->server->tick + wp_server_ticks(ms);
	wp_conn_schedule(conn);
}

void wp_conn_accept(struct wp_server *server, int fd)
{
	struct wp_conn *conn = calloc(1, sizeof(*conn));

	if (conn == NULL || wp_hub_add(server->hub, &conn->member) != WP_OK) {
		free(conn);
		close(fd);
		return;
	}
	conn->server = server;
	conn->state = WP_CONN_HEAD;
	ev_io_init(&conn->io, wp_conn_on_io, fd, EV_READ);
	ev_io_start(server->loop, &conn->io);
	server->n_sockets++;
	wp_conn_limit(conn, server->conf->websocket.handshake_timeout_ms);
}

void wp_conn_free_stash(struct wp_conn *conn)
{
	if (conn->stash == NULL)
		return;
	wp_buf_release(&conn->stash->input);
	wp_buf_release(&conn->stash->response);
	free(conn->stash);
	conn->stash = NULL;
}

void wp_conn_free(struct wp_conn *conn)
{
	struct wp_server *server = conn->server;

	ev_io_stop(server->loop, &conn->io);
	close(conn->io.fd);
	wp_wheel_clear(&conn->timer);
	wp_hub_remove(server->hub, &conn->member);
	wp_outbox_free(&conn->outbox);
	wp_ws_reader_release(&conn->reader);
	wp_conn_free_stash(conn);
	free(conn->member.chat);
	free(conn);
	server->n_sockets--;
}

struct wp_conn *wp_conn_find_open(struct wp_server *server, uint64_t number)
{
	struct wp_member *member = wp_hub_find(server->hub, number);
	struct wp_conn *conn = member == NULL ? NULL : wp_conn_of(member);

	return conn != NULL && conn->state == WP_CONN_OPEN ? conn : NULL;
}

struct wp_stash *wp_conn_stash(struct wp_conn *conn)
{
	if (conn->stash == NULL) {
		conn->stash = calloc(1, sizeof(*conn->stash));
		if (conn->stash == NULL)
			return NULL;
		wp_buf_init(&conn->stash->input, 0);
		wp_buf_init(&conn->stash->response, 0);
	}
	return conn->stash;
}

static void log_debug(const struct wp_conn *conn, const char *event)
{
	struct wp_log log = { .component = "conn" };

	snprintf(log.peer, sizeof(log.peer), "%" PRIu64, conn->member.number);
	wp_log_plain(&log, WP_LOG_DEBUG, event);
}

/* Presence ends with the state, not with the socket. */
static void leave(struct wp_conn *conn, bool is_clean)
{
	struct wp_server *server = conn->server;
	int64_t grace_ms = is_clean ? server->conf->websocket.grace_ms : 0;

	if (conn->is_admitted) {
		conn->is_admitted = false;
		server->n_admitted--;
	}
	if (conn->state == WP_CONN_OPEN) {
		server->n_open--;
		log_debug(conn, "closed");
	}
	if (conn->member.user == NULL)
		return;
	wp_registrar_remove(server->registrar, &conn->member, grace_ms);
	wp_hub_leave(server->hub, &conn->member);
}

void wp_conn_register(struct wp_conn *conn, const struct wp_urn *user,
		      int64_t expires_s)
{
	struct wp_server *server = conn->server;

	if (wp_hub_join(server->hub, &conn->member, user) != WP_OK) {
		wp_conn_refuse(conn, 503, "unavailable",
			       "the server is out of memory",
			       WP_M_REJECT_UNAVAILABLE);
		return;
	}
	conn->stash->expires_s = expires_s;
	conn->state = WP_CONN_REGISTERING;
	wp_registrar_add(server->registrar, &conn->member);
}

/* A token that only lives by the leeway gets the whole of it. */
static uint32_t expiry_tick(const struct wp_conn *conn)
{
	const struct wp_server *server = conn->server;
	int64_t left_s = conn->stash->expires_s - wp_wall_ms() / 1000;
	int64_t most_s = INT32_MAX / 1000 * WP_TICK_MS;

	if (left_s <= 0)
		left_s += server->conf->auth.leeway_seconds;
	if (left_s > most_s)
		left_s = most_s;
	return server->tick + wp_server_ticks(left_s * 1000);
}

static void begin_open(struct wp_conn *conn)
{
	struct wp_server *server = conn->server;
	uint32_t interval =
		wp_server_ticks(server->conf->websocket.ping_interval_ms);

	conn->expires = expiry_tick(conn);
	wp_conn_heard(conn);
	/* Who came together need not be pinged together. */
	conn->due = server->tick + interval - wp_random_below(interval / 2 + 1);
	wp_ws_reader_init(&conn->reader, wp_conf_max_ws_message(server->conf));
	conn->state = WP_CONN_OPEN;
	server->n_open++;
	wp_metric_add(server->metrics, WP_M_CONNECTS, 1);
	log_debug(conn, "open");
	wp_conn_schedule(conn);
}

static void send_connected(struct wp_conn *conn, int64_t pending)
{
	struct wp_server *server = conn->server;
	const struct wp_user *user = conn->member.user;
	struct wp_buf *buf = &server->scratch;
	char name[WP_CONNECTION_MAX + 1];

	wp_registrar_name(server->registrar, &conn->member, name);
	wp_buf_printf(buf, "{\"type\":\"connected\",\"connectionId\":\"%s\",",
		      name);
	wp_buf_add_str(buf, "\"user\":");
	wp_buf_add_json(buf, user->text, user->len);
	wp_buf_printf(buf, ",\"pending\":%" PRId64 "}", pending);
	wp_conn_send_scratch(conn);
}

static enum wp_err queue_response(struct wp_conn *conn,
				  const struct wp_buf *response)
{
	struct wp_message *message = NULL;
	enum wp_err rc;

	if (!response->failed)
		message = wp_message_http(response->data, response->len);
	rc = wp_conn_queue_always(conn, message);
	wp_message_unref(&message);
	return rc;
}

void wp_conn_on_registered(struct wp_conn *conn, int64_t pending)
{
	bool is_poke_owed = conn->is_poke_owed || pending > 0;

	if (conn->state == WP_CONN_OPEN) { /* again, after a resync */
		if (pending > 0)
			wp_pokes_later(conn->server->pokes, &conn->member);
		return;
	}
	if (conn->state != WP_CONN_REGISTERING)
		return;
	begin_open(conn);
	if (queue_response(conn, &conn->stash->response) != WP_OK) {
		wp_conn_drop(conn, WP_M_CLOSE_INTERNAL);
		return;
	}
	wp_buf_release(&conn->stash->response);
	send_connected(conn, pending);
	conn->is_poke_owed = false;
	if (is_poke_owed)
		wp_conn_poke(conn);
	if (conn->is_replaced)
		wp_conn_replace(conn);
}

void wp_conn_on_refused(struct wp_conn *conn)
{
	if (conn->state == WP_CONN_REGISTERING)
		wp_conn_refuse(conn, 503, "unavailable",
			       "presence cannot be registered now",
			       WP_M_REJECT_UNAVAILABLE);
}

/* With these bytes instead of an upgrade, and close. */
static void respond(struct wp_conn *conn, const struct wp_buf *response)
{
	leave(conn, true);
	conn->state = WP_CONN_ANSWERED;
	conn->is_last_sent = true;
	if (queue_response(conn, response) != WP_OK) {
		wp_conn_drop(conn, WP_M_CLOSE_INTERNAL);
		return;
	}
	wp_conn_limit(conn, WP_CLOSE_WAIT_MS);
}

static const char *request_id_of(const struct wp_conn *conn)
{
	return conn->stash == NULL ? NULL : conn->stash->request_id;
}

void wp_conn_refuse(struct wp_conn *conn, unsigned status, const char *code,
		    const char *sentence, enum wp_ws_metric why)
{
	struct wp_buf response;

	if (conn->state >= WP_CONN_OPEN)
		return;
	wp_metric_add(conn->server->metrics, why, 1);
	wp_buf_init(&response, 0);
	wp_http_answer_error(&response, request_id_of(conn), status, code,
			     sentence);
	respond(conn, &response);
	wp_buf_release(&response);
}

void wp_conn_show(struct wp_conn *conn, const char *type, const char *body,
		  bool with_body)
{
	struct wp_buf response;

	if (conn->state >= WP_CONN_OPEN)
		return;
	wp_buf_init(&response, 0);
	wp_http_answer_ok(&response, request_id_of(conn), type, body,
			  with_body);
	respond(conn, &response);
	wp_buf_release(&response);
}

/* The close frame goes behind what is begun, before what is not. */
static enum wp_err queue_close(struct wp_conn *conn, uint16_t code)
{
	struct wp_message *message = wp_message_close(code);
	enum wp_err rc;

	if (conn->outbox != NULL && code == WP_CLOSE_TRY_LATER)
		wp_outbox_drop_unsent(conn->outbox);
	rc = wp_conn_queue_always(conn, message);
	wp_message_unref(&message);
	return rc;
}

void wp_conn_close(struct wp_conn *conn, uint16_t code, enum wp_ws_metric why)
{
	struct wp_server *server = conn->server;

	if (conn->state < WP_CONN_OPEN) {
		wp_conn_refuse(conn, 503, "unavailable",
			       "the server is shutting down",
			       WP_M_REJECT_UNAVAILABLE);
		return;
	}
	if (conn->state != WP_CONN_OPEN)
		return;
	wp_metric_add(server->metrics, why, 1);
	leave(conn, true);
	conn->state = WP_CONN_CLOSING;
	if (queue_close(conn, code) != WP_OK) {
		wp_conn_drop(conn, why);
		return;
	}
	wp_conn_limit(conn, WP_CLOSE_WAIT_MS);
}

void wp_conn_fail(struct wp_conn *conn, uint16_t code)
{
	wp_conn_close(conn, code, WP_M_CLOSE_PROTOCOL);
	conn->is_last_sent = true;
}

void wp_conn_replace(struct wp_conn *conn)
{
	/* Redis has registered it, or nobody could evict it: the answer that
	 * says so is on its way. */
	if (conn->state < WP_CONN_OPEN)
		conn->is_replaced = true;
	else
		wp_conn_close(conn, WP_CLOSE_REPLACED, WP_M_CLOSE_REPLACED);
}

void wp_conn_drop(struct wp_conn *conn, enum wp_ws_metric why)
{
	struct wp_server *server = conn->server;

	if (conn->state == WP_CONN_DEAD)
		return;
	if (conn->state == WP_CONN_OPEN)
		wp_metric_add(server->metrics, why, 1);
	leave(conn, false);
	conn->state = WP_CONN_DEAD;
	ev_io_stop(server->loop, &conn->io);
	wp_wheel_clear(&conn->timer);
	wp_server_mark(server, conn);
}

static void ask(struct wp_conn *conn)
{
	struct wp_server *server = conn->server;

	conn->due = server->tick +
		    wp_server_ticks(server->conf->websocket.ping_interval_ms);
	/* Behind a queue it would be late and prove nothing. */
	if (conn->is_blocked)
		return;
	if (!conn->is_asked)
		conn->asked = server->tick;
	conn->is_asked = true;
	wp_conn_send(conn, server->ping);
}

static void judge_open(struct wp_conn *conn)
{
	struct wp_server *server = conn->server;
	bool is_silent = server->tick >= end_of_patience(conn);

	if (server->tick >= conn->expires) {
		wp_conn_close(conn, WP_CLOSE_TOKEN_EXPIRED, WP_M_CLOSE_EXPIRED);
		return;
	}
	if (is_silent && conn->is_blocked) {
		wp_conn_close(conn, WP_CLOSE_TRY_LATER, WP_M_CLOSE_SLOW);
		return;
	}
	if (is_silent && conn->is_asked) {
		wp_conn_drop(conn, WP_M_CLOSE_IDLE);
		return;
	}
	if (is_too_long_in_coming(conn)) {
		wp_conn_close(conn, WP_CLOSE_POLICY, WP_M_CLOSE_IDLE);
		return;
	}
	if (is_silent || server->tick >= conn->due)
		ask(conn);
	if (conn->state == WP_CONN_OPEN)
		wp_conn_schedule(conn);
}

void wp_conn_on_tick(struct wp_conn *conn)
{
	conn->is_due = true;
	wp_server_mark(conn->server, conn);
}

void wp_conn_judge_time(struct wp_conn *conn)
{
	if (conn->state == WP_CONN_DEAD)
		return;
	if (conn->state == WP_CONN_OPEN) {
		judge_open(conn);
		return;
	}
	if (conn->server->tick < conn->due) {
		wp_conn_schedule(conn);
		return;
	}
	if (conn->state == WP_CONN_HEAD)
		wp_conn_refuse(conn, 408, "request_timeout",
			       "the request did not come in time",
			       WP_M_REJECT_TIMEOUT);
	else if (conn->state == WP_CONN_ASKING ||
		 conn->state == WP_CONN_REGISTERING)
		wp_conn_refuse(conn, 503, "unavailable",
			       "presence could not be registered in time",
			       WP_M_REJECT_UNAVAILABLE);
	else
		wp_conn_drop(conn, WP_M_CLOSE_LOST);
}
