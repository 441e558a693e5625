/*
 * waypost-ws: hold WebSocket connections, tell Redis who is here, and poke
 * them.
 *
 * Life: read the settings; raise the descriptor limit; listen (or take the
 * socket that systemd hands over), and say READY; answer 503 until Redis was
 * found fit and has registered us; serve. SIGHUP reads the settings again and
 * takes limits, origins, keys and the log level from them; a bad file changes
 * nothing.
 * SIGTERM and SIGINT take the socket's name away and close it, move everybody
 * away over websocket.drain_ms, take them offline with a grace period and exit;
 * a second one exits at once. Either way with 0: it was asked to.
 *
 * Holds no durable state: after kill -9 the reaper takes our users offline.
 */
#include <malloc.h>
#include <signal.h>
#include <stdio.h>
#include <unistd.h>

#include <ev.h>

#include "lib/auth/token.h"
#include "lib/base/backoff.h"
#include "lib/base/log.h"
#include "lib/mailbox/deployment.h"
#include "lib/mailbox/scripts.h"
#include "lib/redis/client.h"
#include "lib/sys/listen.h"
#include "lib/sys/program.h"
#include "lib/sys/sections/sections.h"
#include "lib/sys/systemd.h"
#include "lib/sys/thread.h"
#include "ws-daemon/metrics.h"
#include "ws-daemon/monitor.h"
#include "ws-daemon/server.h"

enum {
	LARGE_BYTES = 128 * 1024, /* buffers that go back at once */
	SPARE_DESCRIPTORS = 64,   /* Redis, store, log, listening socket */
	LOOK_AGAIN_FIRST_MS = 200,
	LOOK_AGAIN_CAP_MS = 3000,
};

static const struct wp_conf_section *const sections[] = { &wp_conf_log,
							  &wp_conf_log_requests,
							  &wp_conf_redis,
							  &wp_conf_mailbox,
							  &wp_conf_tokens,
							  &wp_conf_issuers,
							  &wp_conf_store_secret,
							  &wp_conf_accounts,
							  &wp_conf_cors,
							  &wp_conf_websocket,
							  &wp_conf_beat,
							  &wp_conf_presence,
							  &wp_conf_limits,
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

static const char group_key[] = "websocket.socket_group";

/*
 * Before anything depends on the deployment: is it ours, is its Redis fit?
 * Again and again while Redis is away. A Redis may accept and then say nothing
 * for seconds; the loop must answer probes and signals all that time, so a
 * thread asks, and the answer comes back to the loop.
 */
struct first_look {
	struct wp_backoff backoff;
	ev_timer again;
	ev_async answered;
	struct wp_thread thread;
	bool is_begun;
	bool is_talking; /* the thread was started, and is not joined */
	bool is_ended;

	enum wp_err result; /* the thread's while it talks */
	struct wp_error err;
};

struct daemon {
	struct wp_program program;
	struct wp_conf first; /* Redis and the store are reached with it */
	struct wp_conf now;   /* a reload puts its settings here; else empty */
	struct wp_auth *auth;
	struct wp_metrics *metrics;
	struct wp_server *server;
	struct wp_monitor *monitor; /* NULL: none */
	struct wp_log log;
	struct ev_loop *loop;
	struct wp_listener listener;
	bool is_inherited;

	ev_signal on_term;
	ev_signal on_int;
	ev_signal on_hup;
	ev_timer drain_timer;
	struct wp_sd_life life;
	ev_timer pulse_timer;
	struct first_look look;
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

/* ---- the first look ---- */

/* Register as soon as Redis is there; a Redis that is unfit ends us. */
static void on_looked(struct daemon *d)
{
	struct wp_error err = d->look.err;
	enum wp_err rc = d->look.result;

	if (rc == WP_OK)
		rc = wp_conf_keep_store_secret(&d->first, &err);
	/* A reload may have come before there was one. */
	if (rc == WP_OK && d->now.known != NULL)
		rc = wp_conf_keep_store_secret(&d->now, &err);
	if (rc == WP_OK)
		rc = wp_server_start(d->server, &err);
	if (rc != WP_OK)
		give_up(d, &err);
}

/* The blocking talk itself, on its thread. */
static enum wp_err join(const struct wp_conf *conf, struct wp_error *err)
{
	const struct wp_log log = { 0 };
	char store_id[WP_STORE_ID_LEN + 1];
	struct wp_redis *redis = NULL;
	enum wp_err rc = wp_redis_new(&redis, conf, &wp_scripts, err);

	if (rc == WP_OK)
		rc = wp_deployment_join(redis, conf, &log, store_id, err);
	wp_redis_free(&redis);
	return rc;
}

static void run_look(void *ctx)
{
	struct daemon *d = ctx;

	d->look.result = join(&d->first, &d->look.err);
	ev_async_send(d->loop, &d->look.answered);
}

static void finish_talk(struct daemon *d)
{
	ev_async_stop(d->loop, &d->look.answered);
	/* It has nothing left to do but to end. */
	wp_thread_join(&d->look.thread);
	d->look.is_talking = false;
}

static void look_again(struct daemon *d)
{
	uint32_t wait_ms = wp_backoff_next_ms(&d->look.backoff);

	wp_log(&d->log, WP_LOG_WARN, "redis is not there yet",
	       wp_str("error", d->look.err.msg), wp_int("retry_ms", wait_ms));
	start_timer(d, &d->look.again, wait_ms);
}

static void on_answered(struct ev_loop *loop, ev_async *async, int events)
{
	struct daemon *d = async->data;

	(void)loop;
	(void)events;
	finish_talk(d);
	if (d->look.is_ended)
		return;
	if (d->look.result == WP_ERR_UNAVAIL)
		look_again(d);
	else
		on_looked(d);
}

static void on_again(struct ev_loop *loop, ev_timer *timer, int events)
{
	struct daemon *d = timer->data;
	struct first_look *look = &d->look;
	const struct wp_thread_job job = { .run = run_look, .ctx = d };

	(void)events;
	look->err = (struct wp_error){ 0 };
	look->thread = (struct wp_thread){ 0 };
	ev_async_start(loop, &look->answered);
	if (wp_thread_start(&look->thread, &job, NULL) == WP_OK) {
		look->is_talking = true;
		return;
	}
	ev_async_stop(loop, &look->answered);
	look->result = wp_error_set(&look->err, WP_ERR_SYS,
				    "no thread to look at Redis with");
	on_looked(d);
}

/* With the first turn of the loop. */
static void begin_look(struct daemon *d)
{
	struct first_look *look = &d->look;

	look->is_begun = true;
	wp_backoff_init(&look->backoff, LOOK_AGAIN_FIRST_MS, LOOK_AGAIN_CAP_MS);
	ev_async_init(&look->answered, on_answered);
	look->answered.data = d;
	ev_timer_init(&look->again, on_again, 0., 0.);
	look->again.data = d;
	ev_timer_start(d->loop, &look->again);
}

/*
 * Nothing follows from the look any more. Idempotent.
 *
 * Returns:  false when the thread still talks to a Redis that may be silent for
 *           long. It needs *d, and may be ended again later; who does not wait
 *           ends the process by _exit()
 */
static bool end_look(struct daemon *d)
{
	struct first_look *look = &d->look;

	if (!look->is_begun)
		return true;
	look->is_ended = true;
	ev_timer_stop(d->loop, &look->again);
	if (look->is_talking && !wp_thread_has_ended(&look->thread))
		return false;
	if (look->is_talking)
		finish_talk(d);
	return true;
}

/* ---- serving, and stopping ---- */

static void pulse(struct daemon *d)
{
	bool is_up = wp_metric_get(d->metrics, WP_M_REDIS_UP) != 0;
	char work[32];

	(void)snprintf(work, sizeof(work), "%zu connections",
		       wp_server_state(d->server).n_open);
	wp_sd_pulse(&d->life, is_up ? NULL : d->first.redis.address, work);
}

static void on_pulse(struct ev_loop *loop, ev_timer *timer, int events)
{
	(void)loop;
	(void)events;
	pulse(timer->data);
}

/* We listen. Redis may be away for hours, and clients are told so. */
static void tell_ready(struct daemon *d)
{
	double every_s;

	wp_sd_notify("READY=1");
	wp_sd_life_begin(&d->life);
	pulse(d);
	every_s = (double)d->life.pulse_ms / 1e3;
	ev_timer_init(&d->pulse_timer, on_pulse, every_s, every_s);
	d->pulse_timer.data = d;
	if (d->life.pulse_ms > 0)
		ev_timer_start(d->loop, &d->pulse_timer);
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
	wp_monitor_close(&d->monitor);
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
	(void)end_look(d);
	start_timer(d, &d->drain_timer, wp_server_state(d->server).stop_ms);
	/* In this order a newcomer is refused at once, or a successor's, who
	 * may use the name from now on. A socket that we were given stays. */
	wp_listen_unlink(&d->listener);
	wp_server_stop(d->server, !d->is_inherited);
	wp_monitor_close(&d->monitor);
	wp_listen_close(&d->listener);
}

/* ---- settings ---- */

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
	wp_sd_notify("RELOADING=1");
	reload(d);
	wp_sd_notify("READY=1");
}

/* ---- life ---- */

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

static enum wp_err ping(const struct daemon *d, struct wp_error *err)
{
	static const char request[] = WP_PING_GET("/healthz");
	const struct wp_program_ping ping = {
		.key = "websocket.listen",
		.address = d->first.websocket.listen,
		.request = request,
		.len = sizeof(request) - 1,
		.answer = WP_PING_OK,
	};

	/* Of one that was handed over nobody knows where it is. */
	if (ping.address[0] == '\0')
		return wp_program_ping_metrics(
			&d->program, "websocket.metrics_listen",
			d->first.websocket.metrics_listen, err);
	return wp_program_ping(&d->program, &ping, err);
}

static struct wp_program_look what_to_look_at(struct daemon *d)
{
	return (struct wp_program_look){
		.key = "websocket.listen",
		.address = d->first.websocket.listen,
		.metrics_key = "websocket.metrics_listen",
		.metrics_address = d->first.websocket.metrics_listen,
		.group_key = group_key,
		.group = d->first.websocket.socket_group,
		.look = look_at_deployment,
		.ctx = d,
		.fine = "settings, keys, Redis and the store are in order",
	};
}

static enum wp_err check(struct daemon *d, struct wp_error *err)
{
	const struct wp_program_look look = what_to_look_at(d);

	return wp_program_check(&d->program, &look, err);
}

static enum wp_err listen_somewhere(struct daemon *d, struct wp_error *err)
{
	const char *address = d->first.websocket.listen;
	const char *group = d->first.websocket.socket_group;
	enum wp_err rc;

	d->program.has_listened = true;
	d->listener.fd = wp_sd_take_socket();
	d->is_inherited = d->listener.fd != -1;
	if (d->is_inherited)
		return WP_OK;
	if (address[0] == '\0')
		return wp_error_set(err, WP_ERR_INVAL,
				    "there is nothing to listen on: set "
				    "websocket.listen, or start it from "
				    "systemd");
	rc = wp_program_look_group(group_key, address, group, err);
	return rc == WP_OK ? wp_listen_group(address, group, &d->listener, err)
			   : rc;
}

static enum wp_err serve(struct daemon *d, struct wp_error *err)
{
	struct wp_server_setup setup = {
		.loop = d->loop,
		.conf = &d->first,
		.auth = d->auth,
		.metrics = d->metrics,
		.fd = d->listener.fd,
		.on_stopped = on_stopped,
		.ctx = d,
	};
	enum wp_err rc = wp_server_new(&d->server, &setup, err);

	if (rc == WP_OK && d->first.websocket.metrics_listen[0] != '\0')
		rc = wp_monitor_open(&d->monitor, wp_server_parts(d->server),
				     about.name,
				     d->first.websocket.metrics_listen, err);
	if (rc != WP_OK)
		return rc;
	watch_signals(d);
	ev_timer_init(&d->drain_timer, on_drain_over, 0., 0.);
	d->drain_timer.data = d;
	wp_log(&d->log, WP_LOG_INFO, "started", wp_str("version", wp_version),
	       wp_str("listen", d->is_inherited ? "(inherited)"
						: d->first.websocket.listen));
	begin_look(d);
	tell_ready(d);
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
	if (d->program.is_ping)
		return ping(d, err);
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
	wp_monitor_close(&d->monitor);
	wp_server_free(&d->server);
	wp_listen_close(&d->listener);
	if (d->loop != NULL)
		ev_loop_destroy(d->loop);
	wp_metrics_free(&d->metrics);
	wp_auth_free(&d->auth);
	wp_conf_release(&d->now);
	wp_conf_release(&d->first);
}

/*
 * Large buffers are for moments: thousands who leave together, a page. By
 * itself malloc() takes them from the heap once it has seen a few, where they
 * leave holes behind that stay resident. Elsewhere than in glibc it is better.
 */
static void return_large_buffers(void)
{
#ifdef M_MMAP_THRESHOLD
	(void)mallopt(M_MMAP_THRESHOLD, LARGE_BYTES);
#endif
}

int main(int argc, char **argv)
{
	struct daemon d = { .listener = WP_LISTENER_NONE };
	struct wp_program_look look;
	struct wp_error err = { 0 };
	enum wp_err rc;
	int status;

	return_large_buffers();
	if (!wp_program_begin(&d.program, &about, argc, argv))
		return WP_EXIT_FAILED;
	rc = run(&d, &err);
	look = what_to_look_at(&d);
	wp_program_look_further(&d.program, &d.first, &look, rc, &err);
	status = wp_program_end(&d.program, rc, &err);
	/* It reads the settings, and may have to wait for a silent Redis. */
	if (!end_look(&d))
		exit_at_once(&d, status);
	release(&d);
	return status;
}
