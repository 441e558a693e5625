/* See ws_world.h. */
#include "tests/support/ws/ws_world.h"

#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <ev.h>

#include "lib/base/clock.h"
#include "lib/redis/async.h"
#include "lib/sys/conf_table.h"
#include "ws-daemon/metrics.h"

enum { HOUR_S = 3600, TURNS_MAX = 100000 };

static void need(bool is_so)
{
	if (!is_so)
		abort();
}

/* ---- Redis ---- */

struct waiting {
	struct waiting *next;
	wp_reply_fn fn;
	void *ctx;
};

static struct waiting *head;
static struct waiting **tail = &head;
static size_t n_waiting;

struct wp_aredis *
__wrap_wp_registrar_redis(const struct wp_registrar *registrar);
bool __wrap_wp_aredis_is_ready(const struct wp_aredis *redis);
const char *__wrap_wp_aredis_run_id(const struct wp_aredis *redis);
enum wp_err __wrap_wp_aredis_do(struct wp_aredis *redis,
				const struct wp_cmd *cmd, wp_reply_fn fn,
				void *ctx);

struct wp_aredis *
__wrap_wp_registrar_redis(const struct wp_registrar *registrar)
{
	static max_align_t nothing; /* never looked into */

	(void)registrar;
	return (struct wp_aredis *)&nothing;
}

bool __wrap_wp_aredis_is_ready(const struct wp_aredis *redis)
{
	return redis != NULL;
}

const char *__wrap_wp_aredis_run_id(const struct wp_aredis *redis)
{
	(void)redis;
	return "0123456789012345678901234567890123456789";
}

enum wp_err __wrap_wp_aredis_do(struct wp_aredis *redis,
				const struct wp_cmd *cmd, wp_reply_fn fn,
				void *ctx)
{
	struct waiting *call;

	(void)redis;
	(void)cmd;
	if (fn == NULL)
		return WP_OK;
	call = malloc(sizeof(*call));
	need(call != NULL);
	*call = (struct waiting){ .fn = fn, .ctx = ctx };
	*tail = call;
	tail = &call->next;
	n_waiting++;
	return WP_OK;
}

size_t ws_world_waiting(void)
{
	return n_waiting;
}

bool ws_world_answer(void)
{
	struct waiting *call = head;

	if (call == NULL)
		return false;
	head = call->next;
	if (head == NULL)
		tail = &head;
	n_waiting--;
	call->fn(call->ctx, NULL);
	free(call);
	return true;
}

/* ---- the server ---- */

static void on_nothing(void *ctx)
{
	(void)ctx;
}

void ws_world_start(struct ws_world *w)
{
	struct wp_server_setup setup = { .on_live = on_nothing,
					 .on_stopped = on_nothing };

	memset(w, 0, sizeof(*w));
	for (size_t i = 0; i < wp_conf_keys_n; i++) {
		const char *text = wp_conf_keys[i].preset;

		need(wp_conf_set(&w->conf, &wp_conf_keys[i],
				 text == NULL ? "" : text, NULL) == WP_OK);
	}
	w->loop = ev_loop_new(EVFLAG_AUTO);
	w->listen_fd = socket(AF_UNIX, SOCK_STREAM, 0);
	need(w->loop != NULL && w->listen_fd != -1 &&
	     wp_ws_metrics_new(&w->metrics, NULL) == WP_OK);
	setup.loop = w->loop;
	setup.conf = &w->conf;
	setup.metrics = w->metrics;
	setup.fd = w->listen_fd;
	need(wp_server_new(&w->server, &setup, NULL) == WP_OK);
	/* Nobody connects there. */
	ev_io_stop(w->loop, &w->server->accept_io);
	ev_timer_stop(w->loop, &w->server->live.overload.timer);
}

void ws_world_stop(struct ws_world *w)
{
	while (ws_world_answer())
		;
	wp_server_free(&w->server);
	while (ws_world_answer())
		;
	wp_metrics_free(&w->metrics);
	wp_conf_release(&w->conf);
	ev_loop_destroy(w->loop);
	close(w->listen_fd);
}

static struct wp_conn *newest(const struct wp_server *server)
{
	struct wp_member *found = NULL;

	for (size_t i = 0; i < wp_hub_slots(server->hub); i++) {
		struct wp_member *member = wp_hub_at(server->hub, i);

		if (member != NULL && member->user == NULL &&
		    (found == NULL || member->number > found->number))
			found = member;
	}
	need(found != NULL);
	return wp_conn_of(found);
}

static void add_response(struct wp_buf *out, size_t len)
{
	wp_buf_add_str(out, "HTTP/1.1 101 Yes\r\nX: ");
	while (out->len + 4 < len)
		wp_buf_add_char(out, 'x');
	wp_buf_add_str(out, "\r\n\r\n");
}

struct wp_conn *ws_world_open(struct ws_world *w, const char *user,
			      int *peer_out)
{
	struct wp_conn *conn;
	struct wp_urn urn;
	int pair[2];

	need(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair) == 0);
	need(w->send_buffer == 0 ||
	     setsockopt(pair[0], SOL_SOCKET, SO_SNDBUF, &w->send_buffer,
			sizeof(w->send_buffer)) == 0);
	wp_conn_accept(w->server, pair[0]);
	conn = newest(w->server);
	need(wp_conn_stash(conn) != NULL &&
	     wp_urn_parse(&urn, user, strlen(user), NULL) == WP_OK &&
	     wp_hub_join(w->server->hub, &conn->member, &urn) == WP_OK);
	conn->stash->expires_s = wp_wall_ms() / 1000 + HOUR_S;
	add_response(&conn->stash->response, w->response_bytes);
	conn->state = WP_CONN_REGISTERING;
	conn->is_admitted = true;
	w->server->n_admitted++;
	if (w->is_replaced)
		wp_conn_replace(conn);
	wp_conn_on_registered(conn, 0);
	ws_world_settle(w);
	*peer_out = pair[1];
	return conn;
}

void ws_world_turn(struct ws_world *w)
{
	ev_run(w->loop, EVRUN_NOWAIT);
}

static bool is_busy(const struct ws_world *w)
{
	return w->server->marked != NULL || ev_is_active(&w->server->more) ||
	       ev_pending_count(w->loop) > 0;
}

void ws_world_settle(struct ws_world *w)
{
	int turns = 0;

	/* One more behind the last: what it wrote may be readable here. */
	do {
		ws_world_turn(w);
		need(++turns < TURNS_MAX);
	} while (is_busy(w));
	ws_world_turn(w);
}

void ws_world_pass(struct ws_world *w, int64_t ms)
{
	w->server->start_ms -= (uint64_t)ms;
	ev_feed_event(w->loop, &w->server->tick_timer, EV_TIMER);
	ws_world_settle(w);
}
