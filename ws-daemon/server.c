/*
 * server.c - make the parts, wire them up, accept.
 *
 * This is the one place that knows all of them: what lib/live and a connection
 * want to tell goes to where it is dealt with from here.
 */
#include "ws-daemon/server.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <sys/socket.h>

#include <ev.h>

#include "lib/base/clock.h"
#include "lib/base/log.h"
#include "lib/live/consumer.h"

#include "ws-daemon/admit.h"
#include "ws-daemon/canary.h"
#include "ws-daemon/conn.h"
#include "ws-daemon/deliver.h"
#include "ws-daemon/drain.h"
#include "ws-daemon/frames_in.h"
#include "ws-daemon/gauges.h"
#include "ws-daemon/heap.h"
#include "ws-daemon/notifications.h"

enum {
	ACCEPTS_PER_TURN = 64,
	ACCEPT_PAUSE_MS = 200,
	/* Sockets beyond max_connections: requests that are being refused. */
	SPARE_SOCKETS = 1024,
	/* Who has so many more than another process leaves the next to it, for
	 * a moment: it may hang. */
	SHARE_SLACK = 16,
	SHARE_PAUSE_MS = 5,
};

struct wp_server {
	struct wp_parts parts; /* first: it is what hooks are given */
	int fd;
	bool is_tcp;
	ev_io accept_io;
	ev_timer accept_timer;      /* pause after descriptors ran out */
	const struct wp_seat *seat; /* borrowed; NULL: nobody is beside us */
	bool has_waited;            /* for others to come; not for room */
	struct wp_heap heap;
	bool has_left;    /* presence is told */
	bool is_finished; /* on_stopped has run */
	void (*on_live)(void *ctx);
	void (*on_stopped)(void *ctx);
	void *ctx;
};

static const char poke_text[] = "{\"type\":\"poke\"}";

static void on_open(struct wp_conn *conn)
{
	if (conn->parts->drain != NULL)
		wp_drain_tell_late(conn->parts->drain, conn);
}

static const struct wp_conn_upcalls upcalls = {
	.on_request = wp_admit_request,
	.on_open = on_open,
	.on_text = wp_frames_in,
	.on_left = wp_admit_left,
};

static struct ev_loop *loop_of(const struct wp_server *server)
{
	return server->parts.turn.loop;
}

/* ---- accepting ---- */

static void pause_for(struct wp_server *server, int ms)
{
	ev_io_stop(loop_of(server), &server->accept_io);
	ev_timer_stop(loop_of(server), &server->accept_timer);
	ev_timer_set(&server->accept_timer, ms / 1e3, 0.);
	ev_timer_start(loop_of(server), &server->accept_timer);
}

static void pause_accept(struct wp_server *server)
{
	wp_metric_add(server->parts.metrics, WP_M_ACCEPT_PAUSES, 1);
	pause_for(server, ACCEPT_PAUSE_MS);
}

static void tell_share(const struct wp_server *server)
{
	if (server->seat != NULL && !server->parts.is_stopping)
		wp_share_set(server->seat, server->parts.n_sockets);
}

/* False when nobody waits, or there is no room. */
static bool accept_one(struct wp_server *server)
{
	size_t most =
		(size_t)server->parts.live.conf->websocket.max_connections +
		SPARE_SOCKETS;
	int one = 1;
	int fd;

	if (server->parts.n_sockets >= most) {
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
	if (server->is_tcp)
		(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one,
				 sizeof(one));
	wp_conn_accept(&server->parts, fd);
	tell_share(server);
	return true;
}

/* Is the next one another process', if it takes it? */
static bool is_for_others(const struct wp_server *server)
{
	return server->seat != NULL &&
	       wp_share_is_ahead(server->seat, SHARE_SLACK);
}

static void on_acceptable(struct ev_loop *loop, ev_io *io, int events)
{
	struct wp_server *server = io->data;

	(void)loop;
	(void)events;
	for (int i = 0; i < ACCEPTS_PER_TURN; i++) {
		if (is_for_others(server)) {
			server->has_waited = true;
			pause_for(server, SHARE_PAUSE_MS);
			return;
		}
		if (!accept_one(server))
			return;
	}
}

static void on_accept_pause_over(struct ev_loop *loop, ev_timer *timer,
				 int events)
{
	struct wp_server *server = timer->data;
	/* Whom the others have left there in that time: some, not all. */
	int most = server->has_waited ? SHARE_SLACK : 0;

	(void)events;
	server->has_waited = false;
	if (server->parts.is_stopping)
		return;
	ev_io_start(loop, &server->accept_io);
	while (most-- > 0 && accept_one(server))
		continue;
}

/* ---- the end ---- */

/* Who is still here has had his time. */
static void close_all(void *ctx)
{
	struct wp_parts *parts = ctx;

	wp_drain_free(&parts->drain);
	for (size_t i = 0; i < wp_hub_slots(parts->live.hub); i++) {
		struct wp_member *member = wp_hub_at(parts->live.hub, i);

		if (member != NULL)
			wp_conn_close(wp_conn_of(member), WP_CLOSE_RESTART,
				      WP_M_CLOSE_SHUTDOWN);
	}
	wp_registrar_stop(parts->live.registrar);
}

static void finish_stop(struct wp_server *server)
{
	if (server->parts.drain != NULL && server->parts.n_sockets == 0)
		close_all(&server->parts);
	/* A job of the store may wait for a lock; the loop must not. */
	if (server->is_finished || !server->has_left ||
	    server->parts.n_sockets > 0 ||
	    !wp_store_thread_is_idle(server->parts.live.store))
		return;
	server->is_finished = true;
	server->on_stopped(server->ctx);
}

static void on_turn_end(void *ctx)
{
	struct wp_server *server = ctx;

	wp_heap_look(&server->heap, server->parts.n_sockets,
		     wp_registrar_is_busy(server->parts.live.registrar));
	wp_log_flush(); /* of lines about requests */
	/* Nobody asks this process. */
	if (server->seat != NULL)
		wp_gauges_note(&server->parts);
	tell_share(server);
	finish_stop(server);
}

static void on_live(void *ctx)
{
	const struct wp_server *server = ctx;

	if (server->on_live != NULL)
		server->on_live(server->ctx);
}

/* ---- whose member is it? ---- */

/* Hooks are told of members; but for the canary they are connections. */

static bool is_canary(const struct wp_parts *parts,
		      const struct wp_member *member)
{
	return wp_ws_canary_is(parts->canary, member);
}

static void on_registered(void *ctx, struct wp_member *member, int64_t pending)
{
	struct wp_parts *parts = ctx;

	if (is_canary(parts, member))
		wp_ws_canary_on_registered(parts->canary, pending);
	else
		wp_admit_on_registered(parts, member, pending);
}

static void on_refused(void *ctx, struct wp_member *member)
{
	/* The canary is told of again, with a heartbeat. */
	if (!is_canary(ctx, member))
		wp_admit_on_refused(ctx, member);
}

static void on_kick(void *ctx, struct wp_member *member)
{
	if (!is_canary(ctx, member))
		wp_conn_on_kick(ctx, member);
}

static const char *chat_of(void *ctx, const struct wp_member *member)
{
	const struct wp_conn *conn = (const struct wp_conn *)member;

	return is_canary(ctx, member) || conn->extra == NULL
		       ? NULL
		       : conn->extra->chat;
}

static void on_revoked(void *ctx, struct wp_member *member)
{
	if (!is_canary(ctx, member))
		wp_conn_on_revoked(ctx, member);
}

static void on_poke(void *ctx, struct wp_member *member)
{
	struct wp_parts *parts = ctx;

	if (is_canary(parts, member))
		wp_ws_canary_on_poke(parts->canary);
	else
		wp_conn_on_poke(parts, member);
}

/* ---- presence ---- */

static void on_left(void *ctx)
{
	struct wp_server *server = ctx;

	server->has_left = true;
	finish_stop(server);
}

/* ---- making ---- */

static struct wp_teller_rules rules_of(const struct wp_conf *conf)
{
	return (struct wp_teller_rules){
		.conf = conf,
		.max_per_user = conf->websocket.max_connections_per_user,
		.grace_ms = conf->websocket.grace_ms,
	};
}

static enum wp_err make_live(struct wp_parts *parts, const struct wp_conf *conf,
			     struct wp_error *err)
{
	const struct wp_registrar_setup setup = {
		.loop = parts->turn.loop,
		.conf = conf,
		.protocol = "ws",
		.heartbeat_ms = conf->websocket.heartbeat_ms,
		.rules = rules_of(conf),
		.counts = { .metrics = parts->metrics,
			    .is_live = WP_M_REDIS_UP,
			    .resyncs = WP_M_RESYNCS,
			    .heartbeats = WP_M_HEARTBEATS,
			    .coalesced = WP_M_POKES_COALESCED },
		.hooks = { .on_registered = on_registered,
			   .on_refused = on_refused,
			   .on_kick = on_kick,
			   .chat = chat_of,
			   .on_live = on_live,
			   .on_stopped = on_left,
			   .ctx = parts,
			   .notification = { wp_notification_deliver,
					     wp_notification_ahead, parts },
			   .topic = { wp_topic_deliver, parts } },
	};

	const struct wp_live_hooks hooks = {
		.on_poke = on_poke,
		.on_revoked = on_revoked,
		.waits = { .metrics = parts->metrics,
			   .index = WP_M_DELIVERY_SECONDS },
	};

	return wp_live_init(&parts->live, &setup, &hooks, err);
}

static void use_auth(struct wp_parts *parts, struct wp_auth *auth)
{
	const struct wp_auth_counts counts = {
		.metrics = parts->metrics,
		.refused = WP_M_AUTH_REFUSED,
	};

	parts->auth = auth;
	if (auth == NULL)
		return; /* in a test of something else */
	wp_auth_count(auth, &counts);
	wp_auth_look(auth, wp_mono_ms());
}

/* ---- limits ---- */

static enum wp_err pay(void *ctx, const struct wp_cmd *cmd, wp_reply_fn fn,
		       void *fn_ctx)
{
	const struct wp_parts *parts = ctx;
	struct wp_aredis *redis = wp_registrar_redis(parts->live.registrar);

	return redis == NULL || !wp_aredis_is_ready(redis)
		       ? WP_ERR_UNAVAIL
		       : wp_aredis_do(redis, cmd, fn, fn_ctx);
}

static enum wp_err read_rates(const struct wp_conf *conf,
			      struct wp_limit_rates *out, struct wp_error *err)
{
	return wp_limit_rates_read(out, conf->limits.rates.items,
				   conf->limits.rates.n, err);
}

static enum wp_err make_limiter(struct wp_parts *parts,
				const struct wp_conf *conf,
				struct wp_error *err)
{
	struct wp_limit_rates rates;
	const struct wp_limiter_setup setup = {
		.rates = &rates,
		.secret = conf->auth.store_secret,
		.call = pay,
		.ctx = parts,
		.metrics = parts->metrics,
		.limited = WP_M_LIMITED,
		.errors = WP_M_LIMIT_ERRORS,
	};
	enum wp_err rc = read_rates(conf, &rates, err);

	parts->frames = rates.of[WP_LIMIT_FRAMES];
	return rc == WP_OK ? wp_limiter_new(&parts->limiter, &setup, err) : rc;
}

static enum wp_err read_topics(struct wp_parts *parts,
			       const struct wp_conf *conf, struct wp_error *err)
{
	const struct wp_conf_list *topics = &conf->websocket.topics;
	enum wp_err rc = WP_OK;

	for (size_t i = 0; rc == WP_OK && i < topics->n; i++) {
		rc = wp_topic_read(&parts->topics[i], topics->items[i], err);
		parts->n_topics++;
	}
	return rc;
}

static enum wp_err make_parts(struct wp_server *server,
			      const struct wp_server_setup *setup,
			      struct wp_error *err)
{
	struct wp_parts *parts = &server->parts;

	enum wp_err rc;

	wp_turn_init(&parts->turn, setup->loop, wp_conn_on_turn, on_turn_end,
		     server);
	rc = wp_poller_init(&parts->poller, setup->loop, wp_conn_on_socket,
			    err);
	if (rc != WP_OK)
		return rc;
	parts->metrics = setup->metrics;
	use_auth(parts, setup->auth);
	parts->upcalls = &upcalls;
	wp_slab_init(&parts->conns, sizeof(struct wp_conn));
	wp_buf_init(&parts->scratch, 0);
	parts->input = malloc(WP_INPUT_BYTES);
	parts->poke =
		wp_message_frame(WP_WS_TEXT, poke_text, sizeof(poke_text) - 1);
	parts->ping = wp_message_frame(WP_WS_PING, "", 0);
	parts->deflate = wp_deflate_new();
	parts->canary = wp_ws_canary_new(parts);
	if (parts->input == NULL || parts->poke == NULL ||
	    parts->ping == NULL || parts->deflate == NULL ||
	    parts->canary == NULL)
		return wp_error_set(err, WP_ERR_NOMEM, "out of memory");
	parts->poke->is_poke = true;
	rc = read_topics(parts, setup->conf, err);
	if (rc == WP_OK)
		rc = wp_deliver_init(parts, err);
	if (rc == WP_OK)
		rc = wp_key_wait_new(&parts->key_wait, setup->loop, setup->auth,
				     err);
	if (rc == WP_OK)
		rc = make_limiter(parts, setup->conf, err);
	return rc == WP_OK ? make_live(parts, setup->conf, err) : rc;
}

/* A unix socket has no delay that TCP_NODELAY would take away. */
static bool is_tcp(int fd)
{
	struct sockaddr_storage address = { 0 };
	socklen_t len = sizeof(address);

	return getsockname(fd, (struct sockaddr *)&address, &len) == 0 &&
	       address.ss_family != AF_UNIX;
}

static void start_watchers(struct wp_server *server)
{
	wp_heap_init(&server->heap, loop_of(server));
	ev_timer_init(&server->accept_timer, on_accept_pause_over, 0., 0.);
	server->accept_timer.data = server;
	ev_io_init(&server->accept_io, on_acceptable, server->fd, EV_READ);
	server->accept_io.data = server;
}

enum wp_err wp_server_new(struct wp_server **out,
			  const struct wp_server_setup *setup,
			  struct wp_error *err)
{
	struct wp_server *server = calloc(1, sizeof(*server));
	enum wp_err rc;

	if (server == NULL)
		return wp_error_set(err, WP_ERR_NOMEM, "out of memory");
	server->fd = setup->fd;
	server->is_tcp = is_tcp(setup->fd);
	server->seat = setup->seat;
	server->on_live = setup->on_live;
	server->on_stopped = setup->on_stopped;
	server->ctx = setup->ctx;
	rc = make_parts(server, setup, err);
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

static void drop_all(struct wp_parts *parts)
{
	for (size_t i = 0; i < wp_hub_slots(parts->live.hub); i++) {
		struct wp_member *member = wp_hub_at(parts->live.hub, i);

		if (member != NULL)
			wp_conn_drop(wp_conn_of(member), WP_M_CLOSE_SHUTDOWN);
	}
	wp_turn_run(&parts->turn);
}

void wp_server_free(struct wp_server **server)
{
	struct wp_server *s = *server;
	struct wp_parts *parts;

	*server = NULL;
	if (s == NULL)
		return;
	parts = &s->parts;
	wp_drain_free(&parts->drain);
	/* What walks over members from here on meets connections only. */
	wp_ws_canary_leave(parts->canary);
	if (parts->live.registrar != NULL)
		drop_all(parts);
	/* Pending callbacks run now and find their connections gone. */
	wp_live_release(&parts->live);
	wp_consumers_free(&parts->consumers);
	wp_ws_canary_free(&parts->canary);
	wp_key_wait_free(&parts->key_wait);
	wp_limiter_free(&parts->limiter);
	ev_timer_stop(loop_of(s), &s->accept_timer);
	ev_io_stop(loop_of(s), &s->accept_io);
	wp_heap_release(&s->heap);
	wp_slab_release(&parts->conns);
	wp_poller_release(&parts->poller);
	wp_turn_release(&parts->turn);
	wp_deflate_free(&parts->deflate);
	wp_message_unref(&parts->poke);
	wp_message_unref(&parts->ping);
	wp_buf_release(&parts->scratch);
	free(parts->input);
	free(s);
}

enum wp_err wp_server_start(struct wp_server *server, struct wp_error *err)
{
	const struct wp_conf *conf = server->parts.live.conf;

	wp_limiter_set_secret(server->parts.limiter, conf->auth.store_secret);
	if (!server->parts.is_stopping)
		wp_ws_canary_use(server->parts.canary);
	return wp_registrar_start(server->parts.live.registrar, err);
}

void wp_server_open(struct wp_server *server)
{
	if (server->parts.is_stopping)
		return;
	tell_share(server);
	ev_io_start(loop_of(server), &server->accept_io);
}

void wp_server_use(struct wp_server *server, const struct wp_conf *conf,
		   struct wp_auth *auth)
{
	const struct wp_teller_rules rules = rules_of(conf);
	struct wp_limit_rates rates;

	/* They were judged with the rest of conf. */
	if (read_rates(conf, &rates, NULL) == WP_OK) {
		wp_limiter_use(server->parts.limiter, &rates);
		server->parts.frames = rates.of[WP_LIMIT_FRAMES];
	}
	use_auth(&server->parts, auth);
	wp_key_wait_use(server->parts.key_wait, auth);
	wp_live_use(&server->parts.live, &rules);
	if (!server->parts.is_stopping)
		wp_ws_canary_use(server->parts.canary);
}

void wp_server_stop(struct wp_server *server, bool takes_queue)
{
	struct wp_parts *parts = &server->parts;
	const struct wp_drain_setup drain = {
		.parts = parts,
		.spread_ms = parts->live.conf->websocket.drain_ms,
		.on_over = close_all,
		.ctx = parts,
	};

	if (parts->is_stopping)
		return;
	parts->is_stopping = true;
	wp_ws_canary_leave(parts->canary);
	/* Nobody new can come in, so this ends. */
	while (takes_queue && accept_one(server))
		continue;
	ev_io_stop(loop_of(server), &server->accept_io);
	ev_timer_stop(loop_of(server), &server->accept_timer);
	if (server->seat != NULL)
		wp_share_leave(server->seat);
	if (drain.spread_ms == 0 || parts->n_sockets == 0 ||
	    wp_drain_new(&parts->drain, &drain) != WP_OK)
		close_all(parts);
}

int64_t wp_server_stop_ms(const struct wp_conf *conf)
{
	int64_t drain_ms = conf->websocket.drain_ms;

	/* With 0 nobody is waited for. */
	return drain_ms == 0 ? 0
			     : drain_ms + wp_drain_linger_ms(drain_ms) +
				       WP_CLOSE_WAIT_MS;
}

struct wp_server_state wp_server_state(const struct wp_server *server)
{
	return (struct wp_server_state){
		.n_sockets = server->parts.n_sockets,
		.n_open = server->parts.n_open,
		.is_stopping = server->parts.is_stopping,
		.stop_ms = wp_server_stop_ms(server->parts.live.conf),
	};
}

struct wp_parts *wp_server_parts(struct wp_server *server)
{
	return &server->parts;
}
