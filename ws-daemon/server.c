/*
 * server.c - accept, and what happens once per turn of the loop.
 *
 * A turn: callbacks queue and mark; behind them all, marked connections read
 * and write, and those that ended are freed. So nothing is read or freed under
 * a callback's feet, and a burst for one socket is one system call.
 */
#include "ws-daemon/server.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "lib/base/clock.h"
#include "ws-daemon/conn.h"

enum {
	ACCEPTS_PER_TURN = 64,
	ACCEPT_PAUSE_MS = 200,
	/* Sockets beyond max_connections: requests that are being refused. */
	SPARE_SOCKETS = 1024,
};

static const char poke_text[] = "{\"type\":\"poke\"}";

uint32_t wp_server_ticks(int64_t ms)
{
	int64_t ticks = (ms + WP_TICK_MS - 1) / WP_TICK_MS;

	/* The tick that we are in is nearly over, perhaps. */
	return (uint32_t)(ticks < 1 ? 1 : ticks) + 1;
}

static void update_tick(struct wp_server *server)
{
	server->tick =
		(uint32_t)((wp_mono_ms() - server->start_ms) / WP_TICK_MS);
}

void wp_server_mark(struct wp_server *server, struct wp_conn *conn)
{
	if (conn->is_marked)
		return;
	conn->is_marked = true;
	conn->next_marked = server->marked;
	server->marked = conn;
}

/*
 * A connection stays marked in its own turn: what it does to itself there needs
 * no second one. Who has input left gets its next share in the next turn, which
 * then comes at once.
 */
static void look_after_marked(struct wp_server *server)
{
	struct wp_conn *again = NULL;

	while (server->marked != NULL) {
		struct wp_conn *conn = server->marked;
		bool has_more = false;

		server->marked = conn->next_marked;
		if (conn->state != WP_CONN_DEAD)
			has_more = wp_conn_turn(conn);
		if (conn->state == WP_CONN_DEAD) {
			wp_conn_free(conn);
		} else if (has_more) {
			conn->next_marked = again;
			again = conn;
		} else {
			conn->is_marked = false;
		}
	}
	server->marked = again;
	if (again != NULL)
		ev_idle_start(server->loop, &server->more);
	else
		ev_idle_stop(server->loop, &server->more);
}

static void finish_stop(struct wp_server *server)
{
	/* A job of the store may wait for a lock; the loop must not. */
	if (server->is_finished || !server->has_left || server->n_sockets > 0 ||
	    !wp_store_thread_is_idle(server->store))
		return;
	server->is_finished = true;
	server->on_stopped(server->ctx);
}

static void on_more(struct ev_loop *loop, ev_idle *idle, int events)
{
	(void)loop;
	(void)idle;
	(void)events; /* being active is all it is for */
}

static void on_turn_end(struct ev_loop *loop, ev_check *check, int events)
{
	struct wp_server *server = check->data;

	(void)loop;
	(void)events;
	look_after_marked(server);
	finish_stop(server);
}

static void pause_accept(struct wp_server *server)
{
	wp_metric_add(server->metrics, WP_M_ACCEPT_PAUSES, 1);
	ev_io_stop(server->loop, &server->accept_io);
	ev_timer_stop(server->loop, &server->accept_timer);
	ev_timer_set(&server->accept_timer, ACCEPT_PAUSE_MS / 1e3, 0.);
	ev_timer_start(server->loop, &server->accept_timer);
}

static void on_accept_pause_over(struct ev_loop *loop, ev_timer *timer,
				 int events)
{
	struct wp_server *server = timer->data;

	(void)events;
	if (!server->is_stopping)
		ev_io_start(loop, &server->accept_io);
}

/* False when nobody waits, or there is no room. */
static bool accept_one(struct wp_server *server)
{
	size_t most =
		(size_t)server->conf->websocket.max_connections + SPARE_SOCKETS;
	int one = 1;
	int fd;

	if (server->n_sockets >= most) {
		pause_accept(server);
		return false;
	}
	fd = accept4(server->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
	if (fd == -1) {
		/* Descriptors or memory ran out: accepting again at once would
		 * only spin. */
		if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS ||
		    errno == ENOMEM)
			pause_accept(server);
		return false;
	}
	/* Fails on a unix socket, which has no such delay. */
	(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	wp_conn_accept(server, fd);
	return true;
}

static void on_acceptable(struct ev_loop *loop, ev_io *io, int events)
{
	(void)loop;
	(void)events;
	for (int i = 0; i < ACCEPTS_PER_TURN; i++)
		if (!accept_one(io->data))
			return;
}

static void on_timer(void *ctx, struct wp_timer *timer)
{
	struct wp_conn *conn =
		(struct wp_conn *)((char *)timer -
				   offsetof(struct wp_conn, timer));

	(void)ctx;
	wp_conn_on_tick(conn);
}

static void on_tick(struct ev_loop *loop, ev_timer *timer, int events)
{
	struct wp_server *server = timer->data;

	(void)loop;
	(void)events;
	update_tick(server);
	wp_wheel_advance(server->wheel, server->tick, on_timer, NULL);
}

/* The registrar and the pokes know members; here they become connections. */
static void on_poke(void *ctx, struct wp_member *member)
{
	(void)ctx;
	wp_conn_poke(wp_conn_of(member));
}

static void on_registered(void *ctx, struct wp_member *member, int64_t pending)
{
	(void)ctx;
	wp_conn_on_registered(wp_conn_of(member), pending);
}

static void on_refused(void *ctx, struct wp_member *member)
{
	(void)ctx;
	wp_conn_on_refused(wp_conn_of(member));
}

static void on_kick(void *ctx, struct wp_member *member)
{
	(void)ctx;
	wp_conn_replace(wp_conn_of(member));
}

static void on_notification(void *ctx, const char *who, size_t who_len,
			    const char *data, size_t len)
{
	wp_server_notify(ctx, who, who_len, data, len);
}

static void on_live(void *ctx)
{
	struct wp_server *server = ctx;

	server->on_live(server->ctx);
}

static void on_left(void *ctx)
{
	struct wp_server *server = ctx;

	server->has_left = true;
	finish_stop(server);
}

static struct wp_registrar_rules rules_of(const struct wp_conf *conf)
{
	return (struct wp_registrar_rules){
		.conf = conf,
		.max_per_user = conf->websocket.max_connections_per_user,
		.grace_ms = conf->websocket.grace_ms,
	};
}

static enum wp_err make_registrar(struct wp_server *server,
				  const struct wp_live_counts *counts,
				  struct wp_error *err)
{
	const struct wp_registrar_setup setup = {
		.loop = server->loop,
		.conf = server->conf,
		.hub = server->hub,
		.pokes = server->pokes,
		.protocol = "ws",
		.heartbeat_ms = server->conf->websocket.heartbeat_ms,
		.rules = rules_of(server->conf),
		.counts = *counts,
		.hooks = { .on_registered = on_registered,
			   .on_refused = on_refused,
			   .on_kick = on_kick,
			   .on_live = on_live,
			   .on_stopped = on_left,
			   .ctx = server,
			   .notification = { on_notification, server } },
	};

	return wp_registrar_new(&server->registrar, &setup, err);
}

static enum wp_err make_parts(struct wp_server *server, struct wp_error *err)
{
	const struct wp_live_counts counts = {
		.metrics = server->metrics,
		.is_live = WP_M_REDIS_UP,
		.resyncs = WP_M_RESYNCS,
		.heartbeats = WP_M_HEARTBEATS,
		.coalesced = WP_M_POKES_COALESCED,
	};
	enum wp_err rc;

	server->hub = wp_hub_new(server->partitions);
	server->wheel = wp_wheel_new(0);
	server->input = malloc(WP_INPUT_BYTES);
	server->poke =
		wp_message_frame(WP_WS_TEXT, poke_text, sizeof(poke_text) - 1);
	server->ping = wp_message_frame(WP_WS_PING, "", 0);
	if (server->hub == NULL || server->wheel == NULL ||
	    server->input == NULL || server->poke == NULL ||
	    server->ping == NULL)
		return wp_error_set(err, WP_ERR_NOMEM, "out of memory");
	server->poke->is_poke = true;
	server->pokes = wp_pokes_new(server->loop, server->hub, &counts,
				     on_poke, server);
	if (server->pokes == NULL)
		return wp_error_set(err, WP_ERR_NOMEM, "out of memory");
	rc = wp_store_thread_start(&server->store, server->loop, server->conf,
				   err);
	if (rc != WP_OK)
		return rc;
	rc = make_registrar(server, &counts, err);
	server->live.conf = server->conf;
	server->live.registrar = server->registrar;
	server->live.store = server->store;
	return rc;
}

static void start_watchers(struct wp_server *server)
{
	/* At the lowest priority it runs behind all events of its turn, and
	 * before Redis' clients write what ended connections gave them. */
	ev_check_init(&server->turn_end, on_turn_end);
	ev_set_priority(&server->turn_end, EV_MINPRI);
	server->turn_end.data = server;
	ev_check_start(server->loop, &server->turn_end);
	ev_idle_init(&server->more, on_more);
	ev_timer_init(&server->tick_timer, on_tick, WP_TICK_MS / 1e3,
		      WP_TICK_MS / 1e3);
	server->tick_timer.data = server;
	ev_timer_start(server->loop, &server->tick_timer);
	ev_timer_init(&server->accept_timer, on_accept_pause_over, 0., 0.);
	server->accept_timer.data = server;
	ev_io_init(&server->accept_io, on_acceptable, server->fd, EV_READ);
	server->accept_io.data = server;
	ev_io_start(server->loop, &server->accept_io);
	wp_overload_start(&server->live.overload, server->loop,
			  server->registrar);
}

enum wp_err wp_server_new(struct wp_server **out,
			  const struct wp_server_setup *setup,
			  struct wp_error *err)
{
	struct wp_server *server = calloc(1, sizeof(*server));
	enum wp_err rc;

	if (server == NULL)
		return wp_error_set(err, WP_ERR_NOMEM, "out of memory");
	server->loop = setup->loop;
	server->conf = setup->conf;
	server->auth = setup->auth;
	server->metrics = setup->metrics;
	server->fd = setup->fd;
	server->on_live = setup->on_live;
	server->on_stopped = setup->on_stopped;
	server->ctx = setup->ctx;
	server->log.component = "server";
	server->partitions = (uint32_t)setup->conf->mailbox.partitions;
	server->start_ms = wp_mono_ms();
	wp_buf_init(&server->scratch, 0);
	rc = make_parts(server, err);
	if (rc == WP_OK && fcntl(server->fd, F_SETFL, O_NONBLOCK) == -1)
		rc = wp_error_sys(err, "the listening socket");
	if (rc != WP_OK) {
		wp_server_free(&server);
		return rc;
	}
	start_watchers(server);
	*out = server;
	return WP_OK;
}

static void drop_all(struct wp_server *server)
{
	for (size_t i = 0; i < wp_hub_slots(server->hub); i++) {
		struct wp_member *member = wp_hub_at(server->hub, i);

		if (member != NULL)
			wp_conn_drop(wp_conn_of(member), WP_M_CLOSE_SHUTDOWN);
	}
	look_after_marked(server);
}

void wp_server_free(struct wp_server **server)
{
	struct wp_server *s = *server;

	*server = NULL;
	if (s == NULL)
		return;
	if (s->registrar != NULL)
		drop_all(s);
	/* Pending callbacks run now and find their connections gone. */
	wp_store_thread_stop(&s->store);
	wp_overload_stop(&s->live.overload);
	wp_registrar_free(&s->registrar);
	wp_pokes_free(&s->pokes);
	ev_check_stop(s->loop, &s->turn_end);
	ev_idle_stop(s->loop, &s->more);
	ev_timer_stop(s->loop, &s->tick_timer);
	ev_timer_stop(s->loop, &s->accept_timer);
	ev_io_stop(s->loop, &s->accept_io);
	wp_hub_free(&s->hub);
	wp_wheel_free(&s->wheel);
	wp_message_unref(&s->poke);
	wp_message_unref(&s->ping);
	wp_buf_release(&s->scratch);
	free(s->input);
	free(s);
}

void wp_server_use(struct wp_server *server, const struct wp_conf *conf,
		   const struct wp_auth *auth)
{
	const struct wp_registrar_rules rules = rules_of(conf);

	server->conf = conf;
	server->live.conf = conf;
	server->auth = auth;
	wp_registrar_use(server->registrar, &rules);
}

void wp_server_stop(struct wp_server *server, bool takes_queue)
{
	if (server->is_stopping)
		return;
	server->is_stopping = true;
	/* Nobody new can come in, so this ends. */
	while (takes_queue && accept_one(server))
		continue;
	ev_io_stop(server->loop, &server->accept_io);
	ev_timer_stop(server->loop, &server->accept_timer);
	for (size_t i = 0; i < wp_hub_slots(server->hub); i++) {
		struct wp_member *member = wp_hub_at(server->hub, i);

		if (member != NULL)
			wp_conn_close(wp_conn_of(member), WP_CLOSE_RESTART,
				      WP_M_CLOSE_SHUTDOWN);
	}
	wp_registrar_stop(server->registrar);
}
