/*
 * instance.c - one process that holds connections: its loop, from the first
 * look at Redis to the last goodbye.
 *
 * It is all of the program, or one of several under a parent (pool.c). The
 * manager is told by whoever has no parent; who has one beats for it, and
 * leaves the name of the socket and the door of the metrics to it.
 */
#include "ws-daemon/instance.h"

#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <ev.h>

#include "lib/base/backoff.h"
#include "lib/base/log.h"
#include "lib/mailbox/deployment.h"
#include "lib/mailbox/scripts.h"
#include "lib/redis/client.h"
#include "lib/sys/heir.h"
#include "lib/sys/systemd.h"
#include "lib/sys/thread.h"
#include "ws-daemon/metrics.h"
#include "ws-daemon/monitor.h"
#include "ws-daemon/server.h"

enum {
	LOOK_AGAIN_FIRST_MS = 200,
	LOOK_AGAIN_CAP_MS = 3000,
	/* Who comes while Redis is silent is told so after that. */
	OPEN_AT_LATEST_MS = 1000,
};

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

struct wp_instance {
	struct wp_daemon *daemon;     /* borrowed */
	const struct wp_place *place; /* borrowed; NULL: without a parent */
	struct wp_server *server;
	struct wp_monitor *monitor; /* NULL: none */
	struct wp_log log;
	struct ev_loop *loop;

	ev_signal on_term;
	ev_signal on_int;
	ev_signal on_hup;
	ev_signal on_usr2;
	struct wp_successor successor;
	ev_io heard;   /* of the successor; active while it starts */
	bool has_gone; /* to the successor */
	ev_timer drain_timer;
	ev_timer open_timer;
	bool is_open; /* newcomers are let in */
	struct wp_sd_life life;
	ev_timer pulse_timer;
	struct first_look look;
	bool has_failed;
	struct wp_error err;
};

/* From now, however long this callback has taken already. */
static void start_timer(struct wp_instance *d, ev_timer *timer, int64_t ms)
{
	ev_timer_stop(d->loop, timer);
	ev_now_update(d->loop);
	ev_timer_set(timer, (double)ms / 1e3, 0.);
	ev_timer_start(d->loop, timer);
}

static void give_up(struct wp_instance *d, const struct wp_error *err)
{
	d->has_failed = true;
	d->err = *err;
	ev_break(d->loop, EVBREAK_ALL);
}

/* ---- letting in ---- */

/* Who comes before anybody could be registered would be sent away again. */
static void open_door(struct wp_instance *d)
{
	/* Whoever waits for us is not to rely on one that ends. */
	if (d->is_open || wp_server_state(d->server).is_stopping)
		return;
	d->is_open = true;
	ev_timer_stop(d->loop, &d->open_timer);
	wp_server_open(d->server);
	if (d->place != NULL)
		wp_procs_tell_ready(d->place);
	else
		wp_listen_take_over();
}

static void on_live(void *ctx)
{
	open_door(ctx);
}

/* Whoever waits for us serves meanwhile, and has clients to lose. */
static void open_door_soon(struct wp_instance *d)
{
	if (!d->is_open && wp_heir_is_awaited())
		start_timer(d, &d->open_timer, OPEN_AT_LATEST_MS);
	else
		open_door(d);
}

static void on_open_time(struct ev_loop *loop, ev_timer *timer, int events)
{
	(void)loop;
	(void)events;
	open_door_soon(timer->data);
}

/* ---- the first look ---- */

/* Register as soon as Redis is there; a Redis that is unfit ends us. */
static void on_looked(struct wp_instance *d)
{
	struct wp_error err = d->look.err;
	enum wp_err rc = d->look.result;

	if (rc == WP_OK)
		rc = wp_conf_keep_store_secret(&d->daemon->first, &err);
	/* A reload may have come before there was one. */
	if (rc == WP_OK && d->daemon->now.known != NULL)
		rc = wp_conf_keep_store_secret(&d->daemon->now, &err);
	if (rc == WP_OK)
		rc = wp_server_start(d->server, &err);
	if (rc != WP_OK)
		give_up(d, &err);
	else if (d->place != NULL)
		wp_procs_tell_fit(d->place);
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
	struct wp_instance *d = ctx;

	d->look.result = join(&d->daemon->first, &d->look.err);
	ev_async_send(d->loop, &d->look.answered);
}

static void finish_talk(struct wp_instance *d)
{
	ev_async_stop(d->loop, &d->look.answered);
	/* It has nothing left to do but to end. */
	wp_thread_join(&d->look.thread);
	d->look.is_talking = false;
}

static void look_again(struct wp_instance *d)
{
	uint32_t wait_ms = wp_backoff_next_ms(&d->look.backoff);

	wp_log(&d->log, WP_LOG_WARN, "redis is not there yet",
	       wp_str("error", d->look.err.msg), wp_int("retry_ms", wait_ms));
	start_timer(d, &d->look.again, wait_ms);
	open_door_soon(d);
}

static void on_answered(struct ev_loop *loop, ev_async *async, int events)
{
	struct wp_instance *d = async->data;

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
	struct wp_instance *d = timer->data;
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
static void begin_look(struct wp_instance *d)
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
static bool end_look(struct wp_instance *d)
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

/* Of a process that has a parent no manager hears. */
static void notify(const struct wp_instance *d, const char *state)
{
	if (d->place == NULL)
		wp_sd_notify(state);
}

static void pulse(struct wp_instance *d)
{
	bool is_up = wp_metric_get(d->daemon->metrics, WP_M_REDIS_UP) != 0;
	char work[32];

	(void)snprintf(work, sizeof(work), "%zu connections",
		       wp_server_state(d->server).n_open);
	wp_sd_pulse(&d->life, is_up ? NULL : d->daemon->first.redis.address,
		    work);
}

static void on_pulse(struct ev_loop *loop, ev_timer *timer, int events)
{
	struct wp_instance *d = timer->data;

	(void)loop;
	(void)events;
	if (d->place != NULL)
		wp_share_beat(&d->place->seat);
	else
		pulse(d);
}

/*
 * We listen. Redis may be away for hours, and clients are told so. READY is for
 * whoever waits for the socket, which is there.
 */
static void begin_pulse(struct wp_instance *d)
{
	uint32_t every_ms;

	notify(d, "READY=1");
	if (d->place == NULL) {
		wp_sd_life_begin(&d->life);
		pulse(d);
	}
	every_ms = d->place == NULL ? d->life.pulse_ms : d->place->beat_ms;
	ev_timer_init(&d->pulse_timer, on_pulse, (double)every_ms / 1e3,
		      (double)every_ms / 1e3);
	d->pulse_timer.data = d;
	if (every_ms > 0)
		ev_timer_start(d->loop, &d->pulse_timer);
}

static void on_stopped(void *ctx)
{
	struct wp_instance *d = ctx;

	ev_break(d->loop, EVBREAK_ALL);
}

/*
 * Without waiting for anybody: not for peers, nor for threads that talk to a
 * Redis or a disk that is silent. Nothing durable is here that could be lost.
 */
static _Noreturn void exit_at_once(struct wp_instance *d, int status)
{
	wp_listen_close(&d->daemon->listener);
	wp_monitor_close(&d->monitor);
	_exit(status);
}

static void on_drain_over(struct ev_loop *loop, ev_timer *timer, int events)
{
	struct wp_instance *d = timer->data;

	(void)loop;
	(void)events;
	wp_log(&d->log, WP_LOG_WARN, "connections were left behind",
	       wp_int("sockets",
		      (int64_t)wp_server_state(d->server).n_sockets));
	exit_at_once(d, WP_EXIT_DONE);
}

/* Does the socket go on without us? */
static bool is_socket_anothers(const struct wp_instance *d)
{
	bool has_gone = d->place == NULL
				? d->has_gone
				: wp_share_is_handed_on(d->place->seat.share);

	return has_gone || d->daemon->is_inherited || wp_heir_is_awaited();
}

/* Nobody new is for us; who is here is moved away. */
static void begin_stop(struct wp_instance *d)
{
	wp_log(&d->log, WP_LOG_INFO, "stopping",
	       wp_int("connections",
		      (int64_t)wp_server_state(d->server).n_open));
	/* If it cannot yet, whoever ends us asks again. */
	(void)end_look(d);
	ev_timer_stop(d->loop, &d->open_timer);
	start_timer(d, &d->drain_timer, wp_server_state(d->server).stop_ms);
	/* In this order a newcomer is refused at once, or a successor's, who
	 * may use the name from now on. A socket that we were given stays, and
	 * so does one that we have given, or have not taken over yet. */
	wp_listen_unlink(&d->daemon->listener);
	wp_server_stop(d->server, !is_socket_anothers(d));
	wp_monitor_close(&d->monitor);
	wp_listen_close(&d->daemon->listener);
}

static void on_stop(struct ev_loop *loop, ev_signal *sig, int events)
{
	struct wp_instance *d = sig->data;

	(void)loop;
	(void)events;
	/* A manager may tell all of us, and the parent as well: it does not
	 * wait longer when it is told again. */
	if (d->place != NULL && wp_server_state(d->server).is_stopping)
		return;
	if (wp_server_state(d->server).is_stopping) {
		wp_log_plain(&d->log, WP_LOG_WARN, "stopped at once");
		exit_at_once(d, WP_EXIT_DONE);
	}
	ev_io_stop(d->loop, &d->heard);
	wp_successor_cancel(&d->successor);
	notify(d, "STOPPING=1");
	begin_stop(d);
}

/* ---- a successor ---- */

static void on_heard(struct ev_loop *loop, ev_io *io, int events)
{
	struct wp_instance *d = io->data;
	enum wp_succession what = wp_successor_hear(&d->successor);

	(void)events;
	if (what == WP_SUCCESSION_WAITS)
		return;
	ev_io_stop(loop, io);
	if (what == WP_SUCCESSION_OVER)
		return;
	d->has_gone = true;
	ev_timer_stop(loop, &d->pulse_timer);
	wp_daemon_give_up(d->daemon, &d->successor);
	if (d->monitor != NULL)
		wp_monitor_give_up(d->monitor);
	begin_stop(d);
}

static void on_succeed(struct ev_loop *loop, ev_signal *sig, int events)
{
	struct wp_instance *d = sig->data;
	struct wp_heir_socket metrics;

	(void)events;
	/* Who would take over from us while we take over ourselves: nobody
	 * could say who is left. */
	if (wp_server_state(d->server).is_stopping || d->successor.pid != 0 ||
	    wp_heir_is_awaited())
		return;
	if (d->monitor != NULL)
		metrics = wp_monitor_hand(d->monitor);
	if (!wp_daemon_succeed(d->daemon, d->monitor == NULL ? NULL : &metrics,
			       &d->successor))
		return;
	ev_io_set(&d->heard, d->successor.ready_fd, EV_READ);
	ev_io_start(loop, &d->heard);
}

/* ---- settings ---- */

static void use(void *ctx)
{
	struct wp_instance *d = ctx;

	wp_server_use(d->server, wp_daemon_conf(d->daemon), d->daemon->auth);
}

static void on_reload(struct ev_loop *loop, ev_signal *sig, int events)
{
	struct wp_instance *d = sig->data;

	(void)loop;
	(void)events;
	notify(d, "RELOADING=1");
	if (wp_daemon_reload(d->daemon, use, d))
		wp_log_plain(&d->log, WP_LOG_INFO, "settings reloaded");
	notify(d, "READY=1");
}

/* ---- life ---- */

/* The parent has it blocked until somebody waits for it. */
static void let_in(int signo)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, signo);
	(void)pthread_sigmask(SIG_UNBLOCK, &set, NULL);
}

/* Those that no parent takes for us. */
static void watch_own_signals(struct wp_instance *d)
{
	ev_signal_init(&d->on_int, on_stop, SIGINT);
	ev_signal_init(&d->on_usr2, on_succeed, SIGUSR2);
	d->on_int.data = d;
	d->on_usr2.data = d;
	ev_signal_start(d->loop, &d->on_int);
	ev_signal_start(d->loop, &d->on_usr2);
}

static void watch_signals(struct wp_instance *d)
{
	ev_signal_init(&d->on_term, on_stop, SIGTERM);
	ev_signal_init(&d->on_hup, on_reload, SIGHUP);
	d->on_term.data = d;
	d->on_hup.data = d;
	ev_signal_start(d->loop, &d->on_term);
	ev_signal_start(d->loop, &d->on_hup);
	ev_init(&d->heard, on_heard);
	d->heard.data = d;
	/* From a terminal all get it, and then SIGTERM by the parent. */
	if (d->place != NULL)
		let_in(SIGTERM);
	else
		watch_own_signals(d);
	wp_program_take_reload();
}

static enum wp_err make(struct wp_instance *d, struct wp_error *err)
{
	struct wp_daemon *daemon = d->daemon;
	const struct wp_server_setup setup = {
		.loop = d->loop,
		.conf = &daemon->first,
		.auth = daemon->auth,
		.metrics = daemon->metrics,
		.fd = daemon->listener.fd,
		.seat = d->place == NULL ? NULL : &d->place->seat,
		.on_live = on_live,
		.on_stopped = on_stopped,
		.ctx = d,
	};
	const char *address = daemon->first.websocket.metrics_listen;
	enum wp_err rc = wp_server_new(&d->server, &setup, err);

	/* A reload came before this process. */
	if (rc == WP_OK && daemon->now.known != NULL)
		wp_server_use(d->server, &daemon->now, daemon->auth);
	if (rc == WP_OK && d->place == NULL && address[0] != '\0')
		rc = wp_monitor_open(&d->monitor, wp_server_parts(d->server),
				     daemon->program.about->name, address, err);
	return rc;
}

enum wp_err wp_instance_run(struct wp_instance **out, struct wp_daemon *daemon,
			    const struct wp_place *place, struct wp_error *err)
{
	struct wp_instance *d = calloc(1, sizeof(*d));
	enum wp_err rc;

	if (d == NULL)
		return wp_error_set(err, WP_ERR_NOMEM, "memory is exhausted");
	*out = d;
	d->daemon = daemon;
	d->place = place;
	d->loop = ev_loop_new(EVFLAG_AUTO);
	if (d->loop == NULL)
		return wp_error_set(err, WP_ERR_SYS,
				    "no event loop can be made");
	rc = make(d, err);
	if (rc != WP_OK)
		return rc;
	watch_signals(d);
	ev_timer_init(&d->drain_timer, on_drain_over, 0., 0.);
	d->drain_timer.data = d;
	ev_timer_init(&d->open_timer, on_open_time, 0., 0.);
	d->open_timer.data = d;
	start_timer(d, &d->open_timer, OPEN_AT_LATEST_MS);
	begin_look(d);
	begin_pulse(d);
	ev_run(d->loop, 0);
	if (!d->has_failed)
		return WP_OK;
	*err = d->err;
	return d->err.code;
}

bool wp_instance_end(struct wp_instance **instance)
{
	struct wp_instance *d = *instance;

	if (d == NULL)
		return true;
	if (!end_look(d))
		return false;
	wp_monitor_close(&d->monitor);
	wp_server_free(&d->server);
	if (d->loop != NULL)
		ev_loop_destroy(d->loop);
	free(d);
	*instance = NULL;
	return true;
}

void wp_instance_leave(struct wp_instance *instance, int status)
{
	exit_at_once(instance, status);
}
