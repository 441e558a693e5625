/*
 * child.c - one event loop: accept, and stop when told.
 *
 * Connections that a web server keeps stay where they were accepted, so who has
 * more of them than another process leaves the next one to it, for a moment. In
 * a crowd nobody does.
 */
#include "handlers/child.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include <ev.h>

#include "lib/auth/apikey_file.h"
#include "lib/base/log.h"
#include "lib/sys/program.h"

#include "handlers/conn.h"

enum {
	ACCEPT_PAUSE_MS = 100, /* when there is no room for one more */
	/* Connections that wait already when the stop comes are still served,
	 * but others may go on coming. */
	LAST_CONNECTIONS = 1024,
	CONNECTIONS_MAX = 65536,
	SURPLUS_MAX = 512,  /* that are told why not */
	CROWD = 128,        /* kept connections of a process */
	SHARE_SLACK = 2,    /* so many more than others are nothing */
	SHARE_PAUSE_MS = 1, /* for others to take what is left to them */
	KEYS_S = 1,         /* between looks at a file of keys */
	MS_PER_S = 1000,
};

/* A store of two files and Redis; the loop, Redis and what was inherited. */
enum { THREAD_DESCRIPTORS = 6, OWN_DESCRIPTORS = 32, FEW_CONNECTIONS = 32 };

struct child {
	struct wp_ctx ctx;
	struct wp_conns conns;
	const struct wp_seat *seat;
	int listen_fd;
	size_t max; /* connections; beyond it they are surplus */
	size_t max_surplus;
	bool has_waited; /* for others to come; not for room */
	ev_io acceptable;
	ev_timer pause;
	ev_signal term;
	ev_timer drained; /* runs while it stops: time is over */
	ev_timer keys;
	ev_timer beat;
};

/* ---- accepting ---- */

static bool is_shortage(int error)
{
	return error == EMFILE || error == ENFILE || error == ENOBUFS ||
	       error == ENOMEM;
}

static void pause_accept(struct child *child, size_t ms)
{
	ev_io_stop(child->ctx.loop, &child->acceptable);
	ev_timer_stop(child->ctx.loop, &child->pause);
	ev_timer_set(&child->pause, (double)ms / MS_PER_S, 0.);
	ev_timer_start(child->ctx.loop, &child->pause);
}

/* False when nobody waits, or there is no room. */
static bool accept_one(struct child *child)
{
	int fd;

	if (child->conns.n >= child->max + child->max_surplus) {
		pause_accept(child, ACCEPT_PAUSE_MS);
		return false;
	}
	fd = accept4(child->listen_fd, NULL, NULL,
		     SOCK_CLOEXEC | SOCK_NONBLOCK);
	if (fd == -1) {
		if (is_shortage(errno))
			pause_accept(child, ACCEPT_PAUSE_MS);
		return false;
	}
	wp_conns_accept(&child->conns, fd, child->conns.n >= child->max);
	return true;
}

/* Is the next one somebody else's, if he takes it? */
static bool is_for_others(const struct child *child)
{
	return child->conns.n_kept < CROWD &&
	       wp_share_is_ahead(child->seat, SHARE_SLACK);
}

static void on_acceptable(struct ev_loop *loop, ev_io *io, int events)
{
	struct child *child = io->data;

	(void)loop;
	(void)events;
	if (is_for_others(child)) {
		child->has_waited = true;
		pause_accept(child, SHARE_PAUSE_MS);
		return;
	}
	(void)accept_one(child);
}

static void on_pause_over(struct ev_loop *loop, ev_timer *timer, int events)
{
	struct child *child = timer->data;
	bool has_waited = child->has_waited;

	(void)events;
	child->has_waited = false;
	if (child->conns.is_stopping)
		return;
	ev_io_start(loop, &child->acceptable);
	/* Whom the others have left there in that time, if they have. */
	if (has_waited)
		(void)accept_one(child);
}

/* ---- the end ---- */

static void on_turn_end(void *ctx)
{
	struct child *child = ctx;

	wp_share_set_waiting(child->seat, child->ctx.n_waiting);
	if (!child->conns.is_stopping)
		wp_share_set(child->seat, child->conns.n_kept);
	else if (child->conns.n == 0)
		ev_break(child->ctx.loop, EVBREAK_ALL);
	wp_log_flush();
}

static void on_drained(struct ev_loop *loop, ev_timer *timer, int events)
{
	(void)timer;
	(void)events;
	ev_break(loop, EVBREAK_ALL);
}

static void on_term(struct ev_loop *loop, ev_signal *signal, int events)
{
	struct child *child = signal->data;
	double drain_s = (double)child->ctx.conf->handlers.drain_ms / MS_PER_S;
	int last = LAST_CONNECTIONS;

	(void)events;
	if (child->conns.is_stopping)
		return;
	/* Perhaps nobody else will. */
	while (last-- > 0 && accept_one(child))
		continue;
	ev_io_stop(loop, &child->acceptable);
	ev_timer_stop(loop, &child->pause);
	/* Or whoever comes would wait until the last of us has ended. */
	close(child->listen_fd);
	wp_conns_stop(&child->conns);
	wp_share_leave(child->seat);
	ev_timer_set(&child->drained, drain_s, 0.);
	ev_timer_start(loop, &child->drained);
}

/* ---- what changes beside it ---- */

/* A file of keys that is broken is told of before somebody shows one. */
static void on_keys(struct ev_loop *loop, ev_timer *timer, int events)
{
	struct child *child = timer->data;

	(void)loop;
	(void)events;
	wp_apikey_file_look(child->ctx.shared->apikeys);
}

static void on_beat(struct ev_loop *loop, ev_timer *timer, int events)
{
	const struct child *child = timer->data;

	(void)loop;
	(void)events;
	wp_share_beat(child->seat);
}

/* ---- making ---- */

uint64_t wp_child_descriptors(const struct wp_conf *conf)
{
	uint64_t desk = conf->accounts.enabled
				? wp_account_desk_descriptors(
					  (size_t)conf->accounts.hash_slots)
				: 0;

	return (uint64_t)conf->handlers.threads * THREAD_DESCRIPTORS + desk +
	       OWN_DESCRIPTORS + FEW_CONNECTIONS;
}

/* Of what the host lets us have: the most connections, and a margin. */
static void set_limits(struct child *child)
{
	uint64_t limit = wp_program_raise_descriptors();
	uint64_t own = wp_child_descriptors(child->ctx.conf) - FEW_CONNECTIONS;
	uint64_t left =
		limit > own + FEW_CONNECTIONS ? limit - own : FEW_CONNECTIONS;

	if (left > CONNECTIONS_MAX)
		left = CONNECTIONS_MAX;
	child->max_surplus = left / 4 < SURPLUS_MAX ? left / 4 : SURPLUS_MAX;
	child->max = left - child->max_surplus;
}

static void init_timers(struct child *child, uint32_t beat_ms)
{
	double beat_s = (double)beat_ms / MS_PER_S;

	ev_timer_init(&child->pause, on_pause_over, 0., 0.);
	child->pause.data = child;
	ev_timer_init(&child->drained, on_drained, 0., 0.);
	child->drained.data = child;
	ev_timer_init(&child->keys, on_keys, (double)KEYS_S, (double)KEYS_S);
	child->keys.data = child;
	ev_timer_init(&child->beat, on_beat, 0., beat_s);
	child->beat.data = child;
}

static void init_watchers(struct child *child)
{
	ev_io_init(&child->acceptable, on_acceptable, child->listen_fd,
		   EV_READ);
	child->acceptable.data = child;
	ev_signal_init(&child->term, on_term, SIGTERM);
	child->term.data = child;
}

/* It was blocked until somebody waits for it. */
static void let_in(int signo)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, signo);
	(void)pthread_sigmask(SIG_UNBLOCK, &set, NULL);
}

static enum wp_err begin(struct child *child,
			 const struct wp_child_setup *setup,
			 struct wp_error *err)
{
	enum wp_err rc = wp_ctx_init(&child->ctx, setup->shared, err);

	if (rc == WP_OK)
		rc = wp_conns_init(&child->conns, &child->ctx, on_turn_end,
				   child, err);
	if (rc != WP_OK)
		return rc;
	set_limits(child);
	init_timers(child, setup->place->beat_ms);
	init_watchers(child);
	ev_signal_start(child->ctx.loop, &child->term);
	let_in(SIGTERM);
	ev_io_start(child->ctx.loop, &child->acceptable);
	ev_timer_start(child->ctx.loop, &child->keys);
	if (setup->place->beat_ms > 0)
		ev_timer_start(child->ctx.loop, &child->beat);
	wp_share_set(child->seat, 0);
	return WP_OK;
}

static void end(struct child *child)
{
	if (child->ctx.loop != NULL) {
		ev_signal_stop(child->ctx.loop, &child->term);
		ev_io_stop(child->ctx.loop, &child->acceptable);
		ev_timer_stop(child->ctx.loop, &child->pause);
		ev_timer_stop(child->ctx.loop, &child->drained);
		ev_timer_stop(child->ctx.loop, &child->keys);
		ev_timer_stop(child->ctx.loop, &child->beat);
	}
	wp_conns_release(&child->conns);
	wp_ctx_release(&child->ctx);
}

int wp_child_run(const struct wp_child_setup *setup)
{
	struct child *child = calloc(1, sizeof(*child));
	struct wp_error err = { 0 };

	if (child == NULL)
		return EXIT_FAILURE;
	child->listen_fd = setup->listen_fd;
	child->seat = &setup->place->seat;
	if (begin(child, setup, &err) != WP_OK) {
		wp_log(NULL, WP_LOG_ERROR, "process cannot start",
		       wp_str("error", err.msg));
		end(child);
		free(child);
		return EXIT_FAILURE;
	}
	wp_procs_tell_ready(setup->place);
	ev_run(child->ctx.loop, 0);
	/*
	 * Calls that are under way use all of it: leave it alone. In the turn
	 * in which time was over some may have begun.
	 */
	if (child->conns.n_busy > 0) {
		wp_log_flush();
		return WP_PROCS_CUT;
	}
	end(child);
	free(child);
	return EXIT_SUCCESS;
}
