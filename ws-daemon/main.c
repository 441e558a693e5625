/*
 * waypost-ws: hold WebSocket connections, tell Redis who is here, and poke
 * them.
 *
 * Life: read the settings; raise the descriptor limit; listen (or take the
 * socket that systemd hands over); answer 503 until Redis was found fit and has
 * registered us; serve. SIGHUP reads the settings again and takes limits,
 * origins, keys and the log level from them; a bad file changes nothing.
 * SIGTERM and SIGINT take the socket's name away and close it, close everybody
 * with 1012, take them offline with a grace period and exit within
 * websocket.drain_ms; a second one exits at once. Either way with 0: it was
 * asked to.
 *
 * Holds no durable state: after kill -9 the reaper takes our users offline.
 */
#include <signal.h>
#include <unistd.h>

#include <ev.h>

#include "lib/auth/token.h"
#include "lib/base/log.h"
#include "lib/mailbox/deployment.h"
#include "lib/mailbox/scripts.h"
#include "lib/redis/client.h"
#include "lib/sys/listen.h"
#include "lib/sys/program.h"
#include "lib/sys/sections/sections.h"
#include "lib/sys/systemd.h"
#include "ws-daemon/first_look.h"
#include "ws-daemon/metrics.h"
#include "ws-daemon/server.h"

enum { SPARE_DESCRIPTORS = 64 }; /* Redis, store, log, listening socket */

static const struct wp_conf_section *const sections[] = { &wp_conf_log,
							  &wp_conf_redis,
							  &wp_conf_mailbox,
							  &wp_conf_tokens,
							  &wp_conf_store_secret,
							  &wp_conf_cors,
							  &wp_conf_websocket,
							  &wp_conf_beat,
							  &wp_conf_presence,
							  &wp_conf_push,
							  &wp_conf_store,
							  &wp_conf_sqlite,
							  NULL };

static const struct wp_conf_program about = {
	.name = "waypost-ws",
	.summary = "Holds WebSocket connections and pokes their users.",
	.known = wp_conf_sections,
	.sections = sections,
	.is_service = true,
};

struct daemon {
	struct wp_program program;
	struct wp_conf first; /* Redis and the store are reached with it */
	struct wp_conf now;   /* a reload puts its settings here; else empty */
	struct wp_auth *auth;
	struct wp_metrics *metrics;
	struct wp_server *server;
	struct wp_log log;
	struct ev_loop *loop;
	struct wp_listener listener;
	bool is_inherited;
	bool is_notified;

	ev_signal on_term;
	ev_signal on_int;
	ev_signal on_hup;
	ev_timer drain_timer;
	struct wp_first_look *look; /* owned */
	bool has_failed;
	struct wp_error err;
};

/* From now, however long this callback has taken already. */
static void start_timer(struct daemon *d, ev_timer *timer, int64_t ms)
{
	ev_now_update(d->loop);
	ev_timer_set(timer, (double)ms / 1e3, 0.);
	ev_timer_start(d->loop, timer);
}

static void give_up(struct daemon *d, const struct wp_error *err)
{
	d->has_failed = true;
	d->err = *err;
	ev_break(d->loop, EVBREAK_ALL);
}

/* Register as soon as Redis is there; a Redis that is unfit ends us. */
static void on_looked(void *ctx, enum wp_err result,
		      const struct wp_error *said)
{
	struct daemon *d = ctx;
	struct wp_error err = *said;

	if (result == WP_OK)
		result = wp_server_start(d->server, &err);
	if (result != WP_OK)
		give_up(d, &err);
}

static enum wp_err begin_look(struct daemon *d, struct wp_error *err)
{
	const struct wp_first_look_setup setup = {
		.loop = d->loop,
		.conf = &d->first,
		.done = on_looked,
		.ctx = d,
	};

	d->look = wp_first_look_begin(&setup);
	return d->look != NULL
		       ? WP_OK
		       : wp_error_set(err, WP_ERR_NOMEM, "out of memory");
}

static void on_live(void *ctx)
{
	struct daemon *d = ctx;

	if (!d->is_notified)
		wp_sd_notify("READY=1");
	d->is_notified = true;
}

static void on_stopped(void *ctx)
{
	struct daemon *d = ctx;

	ev_break(d->loop, EVBREAK_ALL);
}

/*
 * Without waiting for anybody: not for peers, nor for threads that talk to a
 * Redis or a disk that is silent. Nothing durable is here that could be lost.
 */
static _Noreturn void exit_at_once(struct daemon *d, int status)
{
	wp_listen_close(&d->listener);
	_exit(status);
}

static void on_drain_over(struct ev_loop *loop, ev_timer *timer, int events)
{
	struct daemon *d = timer->data;

	(void)loop;
	(void)events;
	wp_log(&d->log, WP_LOG_WARN, "connections were left behind",
	       wp_int("sockets",
		      (int64_t)wp_server_state(d->server).n_sockets));
	exit_at_once(d, WP_EXIT_DONE);
}

static void on_stop(struct ev_loop *loop, ev_signal *sig, int events)
{
	struct daemon *d = sig->data;

	(void)loop;
	(void)events;
	if (wp_server_state(d->server).is_stopping) {
		wp_log_plain(&d->log, WP_LOG_WARN, "stopped at once");
		exit_at_once(d, WP_EXIT_DONE);
	}
	wp_log(&d->log, WP_LOG_INFO, "stopping",
	       wp_int("connections",
		      (int64_t)wp_server_state(d->server).n_open));
	wp_sd_notify("STOPPING=1");
	/* If it cannot yet, main() asks again. */
	(void)wp_first_look_end(&d->look);
	start_timer(d, &d->drain_timer, wp_server_state(d->server).drain_ms);
	/* In this order a newcomer is refused at once, or a successor's, who
	 * may use the name from now on. A socket that we were given stays. */
	wp_listen_unlink(&d->listener);
	wp_server_stop(d->server, !d->is_inherited);
	wp_listen_close(&d->listener);
}

static enum wp_err make_auth(void *ctx, const struct wp_conf *next,
			     struct wp_error *err)
{
	struct wp_auth **auth = ctx;

	return wp_auth_new(auth, next, err);
}

/* Read, check, and only then swap: a bad file changes nothing. */
static void reload(struct daemon *d)
{
	struct wp_conf conf, old_conf = d->now;
	struct wp_auth *auth = NULL, *old_auth = d->auth;

	if (!wp_program_reload(&d->program, &d->first, &conf, make_auth, &auth))
		return;
	d->now = conf;
	d->auth = auth;
	wp_server_use(d->server, &d->now, d->auth);
	wp_auth_free(&old_auth);
	wp_conf_release(&old_conf);
	wp_log_plain(&d->log, WP_LOG_INFO, "settings reloaded");
}

static void on_reload(struct ev_loop *loop, ev_signal *sig, int events)
{
	struct daemon *d = sig->data;

	(void)loop;
	(void)events;
	/* To systemd one that was never READY is starting, not reloading. */
	if (d->is_notified)
		wp_sd_notify("RELOADING=1");
	reload(d);
	if (d->is_notified)
		wp_sd_notify("READY=1");
}

static void watch_signals(struct daemon *d)
{
	ev_signal_init(&d->on_term, on_stop, SIGTERM);
	ev_signal_init(&d->on_int, on_stop, SIGINT);
	ev_signal_init(&d->on_hup, on_reload, SIGHUP);
	d->on_term.data = d;
	d->on_int.data = d;
	d->on_hup.data = d;
	ev_signal_start(d->loop, &d->on_term);
	ev_signal_start(d->loop, &d->on_int);
	ev_signal_start(d->loop, &d->on_hup);
	wp_program_take_reload();
}

/* Every connection is a descriptor: take all that we may have. */
static void raise_descriptor_limit(struct daemon *d)
{
	int64_t wanted = d->first.websocket.max_connections + SPARE_DESCRIPTORS;
	uint64_t limit = wp_program_raise_descriptors();

	if (limit < (uint64_t)wanted)
		wp_log(&d->log, WP_LOG_WARN,
		       "websocket.max_connections does not fit the descriptor "
		       "limit",
		       wp_int("descriptors", (int64_t)limit),
		       wp_int("wanted", wanted));
}

/* For --check: blocking, and changing nothing. */
static enum wp_err look_at_deployment(void *ctx, struct wp_error *err)
{
	struct daemon *d = ctx;
	struct wp_redis *redis = NULL;
	enum wp_err rc = wp_redis_new(&redis, &d->first, &wp_scripts, err);

	if (rc == WP_OK)
		rc = wp_deployment_look(redis, &d->first, &d->log, err);
	wp_redis_free(&redis);
	return rc;
}

static enum wp_err check(struct daemon *d, struct wp_error *err)
{
	const struct wp_program_look look = {
		.key = "websocket.listen",
		.address = d->first.websocket.listen,
		.look = look_at_deployment,
		.ctx = d,
		.fine = "settings, keys, Redis and the store are in order",
	};

	return wp_program_check(&d->program, &look, err);
}

static enum wp_err listen_somewhere(struct daemon *d, struct wp_error *err)
{
	d->listener.fd = wp_sd_take_socket();
	d->is_inherited = d->listener.fd != -1;
	if (d->is_inherited)
		return WP_OK;
	if (d->first.websocket.listen[0] == '\0')
		return wp_error_set(err, WP_ERR_INVAL,
				    "there is nothing to listen on: set "
				    "websocket.listen, or start it from "
				    "systemd");
	return wp_listen(d->first.websocket.listen, &d->listener, err);
}

static enum wp_err serve(struct daemon *d, struct wp_error *err)
{
	struct wp_server_setup setup = {
		.loop = d->loop,
		.conf = &d->first,
		.auth = d->auth,
		.metrics = d->metrics,
		.fd = d->listener.fd,
		.on_live = on_live,
		.on_stopped = on_stopped,
		.ctx = d,
	};
	enum wp_err rc = wp_server_new(&d->server, &setup, err);

	if (rc != WP_OK)
		return rc;
	watch_signals(d);
	ev_timer_init(&d->drain_timer, on_drain_over, 0., 0.);
	d->drain_timer.data = d;
	wp_log(&d->log, WP_LOG_INFO, "started", wp_str("version", wp_version),
	       wp_str("listen", d->is_inherited ? "(inherited)"
						: d->first.websocket.listen));
	rc = begin_look(d, err);
	if (rc != WP_OK)
		return rc;
	ev_run(d->loop, 0);
	wp_log_plain(&d->log, WP_LOG_INFO, "stopped");
	if (!d->has_failed)
		return WP_OK;
	*err = d->err;
	return d->err.code;
}

static enum wp_err run(struct daemon *d, struct wp_error *err)
{
	enum wp_err rc = wp_program_load(&d->program, &d->first, err);

	if (rc != WP_OK || d->program.is_over)
		return rc;
	rc = wp_auth_new(&d->auth, &d->first, err);
	if (rc != WP_OK)
		return rc;
	if (d->program.is_check)
		return check(d, err);
	raise_descriptor_limit(d);
	rc = wp_ws_metrics_new(&d->metrics, err);
	if (rc != WP_OK)
		return rc;
	d->loop = ev_loop_new(EVFLAG_AUTO);
	if (d->loop == NULL)
		return wp_error_set(err, WP_ERR_SYS,
				    "no event loop can be made");
	rc = listen_somewhere(d, err);
	if (rc != WP_OK)
		return rc;
	return serve(d, err);
}

static void release(struct daemon *d)
{
	wp_server_free(&d->server);
	wp_listen_close(&d->listener);
	if (d->loop != NULL)
		ev_loop_destroy(d->loop);
	wp_metrics_free(&d->metrics);
	wp_auth_free(&d->auth);
	wp_conf_release(&d->now);
	wp_conf_release(&d->first);
}

int main(int argc, char **argv)
{
	struct daemon d = { .listener = WP_LISTENER_NONE };
	struct wp_error err = { 0 };
	int status;

	if (!wp_program_begin(&d.program, &about, argc, argv))
		return WP_EXIT_FAILED;
	status = wp_program_end(&d.program, run(&d, &err), &err);
	/* It reads the settings, and may have to wait for a silent Redis. */
	if (!wp_first_look_end(&d.look))
		exit_at_once(&d, status);
	release(&d);
	return status;
}
