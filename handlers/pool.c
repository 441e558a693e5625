/*
 * pool.c - the parent's loop: signals, and what processes report.
 *
 * The way of a SIGTERM: here it is read (on_signal), main.c takes away the name
 * of the socket (on_stop), procs.c tells the processes and later kills who is
 * late, child.c finishes what was begun in each and exits, and procs.c buries
 * them; the loop ends when none is left.
 */
#include "handlers/pool.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "lib/base/clock.h"
#include "lib/base/log.h"
#include "lib/sys/systemd.h"

#include "handlers/monitor.h"
#include "handlers/procs.h"

struct pool {
	const struct wp_pool_hooks *hooks;
	struct wp_procs procs;
	struct wp_share *share;
	int signal_fd;
	int ready_read;
	int ready_write;
	int parent_fds[3]; /* no business of the processes; ends with -1 */
	bool is_announced; /* READY=1 was said */
	struct wp_sd_life life;
	uint64_t pulse_ms; /* when processes and the manager are seen to */
};

/* Processes that hang end here; we are what the manager has to look at. */
static void pulse(struct pool *pool)
{
	const struct wp_sd_life *life = &pool->life;
	uint64_t now_ms = wp_mono_ms();
	char work[64];

	if (now_ms < pool->pulse_ms)
		return;
	pool->pulse_ms = now_ms + life->pulse_ms;
	if (life->watchdog_ms > 0)
		wp_procs_listen(&pool->procs,
				life->watchdog_ms / life->pulse_ms);
	(void)snprintf(work, sizeof(work), "%zu of %zu processes are ready",
		       wp_procs_ready(&pool->procs),
		       wp_procs_wanted(&pool->procs));
	wp_sd_pulse(&pool->life, NULL, work);
}

/* Until processes or the manager are to be seen to; -1: for ever. */
static int timeout_ms(const struct pool *pool)
{
	int procs_ms = wp_procs_timeout_ms(&pool->procs);
	uint64_t now_ms = wp_mono_ms();
	int pulse_ms;

	if (pool->life.pulse_ms == 0)
		return procs_ms;
	pulse_ms = now_ms < pool->pulse_ms ? (int)(pool->pulse_ms - now_ms) : 0;
	return procs_ms == -1 || pulse_ms < procs_ms ? pulse_ms : procs_ms;
}

static void reload(struct pool *pool)
{
	struct wp_shared *shared;

	/* To the manager who was never READY is starting, not reloading. */
	if (pool->is_announced)
		wp_sd_notify("RELOADING=1");
	shared = pool->hooks->on_reload(pool->hooks->ctx);
	if (shared != NULL) {
		wp_procs_replace(&pool->procs, shared);
		wp_log(NULL, WP_LOG_INFO, "settings reloaded",
		       wp_int("processes",
			      (int64_t)wp_procs_wanted(&pool->procs)));
	}
	if (pool->is_announced)
		wp_sd_notify("READY=1");
}

static void stop(struct pool *pool)
{
	if (!pool->procs.is_stopping) {
		wp_log_plain(NULL, WP_LOG_INFO, "stopping");
		wp_sd_notify("STOPPING=1");
		pool->hooks->on_stop(pool->hooks->ctx);
		/* A successor may want the address. */
		wp_exporter_stop(&pool->procs.exporter);
	}
	wp_procs_stop(&pool->procs);
}

static void on_signal(struct pool *pool)
{
	struct signalfd_siginfo info;

	if (read(pool->signal_fd, &info, sizeof(info)) != sizeof(info))
		return;
	switch (info.ssi_signo) {
	case SIGHUP:
		if (!pool->procs.is_stopping)
			reload(pool);
		break;
	case SIGTERM:
	case SIGINT:
		/* Who has died before the stop was not cut short by it. */
		wp_procs_reap(&pool->procs);
		stop(pool);
		break;
	default:
		wp_procs_reap(&pool->procs);
		break;
	}
}

static void on_ready(struct pool *pool)
{
	pid_t pid;

	if (read(pool->ready_read, &pid, sizeof(pid)) != sizeof(pid))
		return;
	if (!wp_procs_set_ready(&pool->procs, pid) || pool->is_announced ||
	    pool->procs.is_stopping)
		return;
	pool->is_announced = true;
	wp_log(NULL, WP_LOG_INFO, "ready",
	       wp_int("processes", (int64_t)wp_procs_wanted(&pool->procs)),
	       wp_int("threads", pool->procs.shared->conf->handlers.threads));
	wp_sd_notify("READY=1");
	/* Nobody is to read for seconds that none is. */
	if (pool->life.pulse_ms > 0)
		pool->pulse_ms = 0;
}

static void loop(struct pool *pool)
{
	struct pollfd fds[] = {
		{ .fd = pool->signal_fd, .events = POLLIN },
		{ .fd = pool->ready_read, .events = POLLIN },
		{ .events = POLLIN },
	};

	for (;;) {
		struct wp_exporter *exporter = pool->procs.exporter;

		pulse(pool);
		/* poll() skips negative descriptors. */
		fds[2].fd = exporter == NULL ? -1 : wp_exporter_fd(exporter);
		wp_procs_tend(&pool->procs);
		if (pool->procs.is_stopping && wp_procs_is_empty(&pool->procs))
			return;
		if (poll(fds, sizeof(fds) / sizeof(fds[0]), timeout_ms(pool)) <=
		    0)
			continue;
		if (fds[2].revents != 0)
			wp_exporter_turn(exporter);
		if (fds[1].revents != 0)
			on_ready(pool);
		if (fds[0].revents != 0)
			on_signal(pool);
	}
}

static enum wp_err open_pool(struct pool *pool, int listen_fd,
			     struct wp_error *err)
{
	int flags = fcntl(listen_fd, F_GETFL);
	sigset_t signals;
	int ready[2];

	/* Several threads may be woken for one connection; one gets it. */
	if (flags == -1 || fcntl(listen_fd, F_SETFL, flags | O_NONBLOCK) == -1)
		return wp_error_sys(err, "the listening socket");
	sigemptyset(&signals);
	sigaddset(&signals, SIGTERM);
	sigaddset(&signals, SIGINT);
	sigaddset(&signals, SIGHUP);
	sigaddset(&signals, SIGCHLD);
	/* Inherited by the processes: none of them dies by a stray signal. */
	if (sigprocmask(SIG_BLOCK, &signals, NULL) == -1)
		return wp_error_sys(err, "sigprocmask");
	pool->signal_fd = signalfd(-1, &signals, SFD_CLOEXEC);
	if (pool->signal_fd == -1)
		return wp_error_sys(err, "signalfd");
	if (pipe2(ready, O_CLOEXEC) == -1)
		return wp_error_sys(err, "pipe");
	pool->ready_read = ready[0];
	pool->ready_write = ready[1];
	pool->parent_fds[0] = pool->signal_fd;
	pool->parent_fds[1] = pool->ready_read;
	pool->parent_fds[2] = -1;
	return wp_share_new(&pool->share, err);
}

static void close_pool(struct pool *pool)
{
	if (pool->signal_fd != -1)
		close(pool->signal_fd);
	if (pool->ready_read != -1)
		close(pool->ready_read);
	if (pool->ready_write != -1)
		close(pool->ready_write);
	wp_share_free(&pool->share);
}

enum wp_err wp_pool_run(struct wp_shared *shared, int listen_fd,
			const struct wp_pool_hooks *hooks, struct wp_error *err)
{
	struct pool pool = {
		.hooks = hooks,
		.signal_fd = -1,
		.ready_read = -1,
		.ready_write = -1,
	};
	enum wp_err rc = open_pool(&pool, listen_fd, err);

	if (rc != WP_OK)
		goto out;
	pool.procs.shared = shared;
	pool.procs.listen_fd = listen_fd;
	pool.procs.ready_fd = pool.ready_write;
	pool.procs.parent_fds = pool.parent_fds;
	pool.procs.share = pool.share;
	wp_sd_life_begin(&pool.life);
	pool.procs.beat_ms = pool.life.watchdog_ms > 0 ? pool.life.pulse_ms : 0;
	pool.pulse_ms = pool.life.pulse_ms > 0 ? 0 : UINT64_MAX;
	wp_procs_init(&pool.procs);
	rc = wp_procs_monitor(&pool.procs.exporter, &pool.procs, err);
	if (rc != WP_OK)
		goto out;
	loop(&pool);
	if (pool.procs.has_failed)
		rc = wp_error_set(err, WP_ERR_UNAVAIL,
				  "a process died while it drained");
out:
	wp_exporter_stop(&pool.procs.exporter);
	close_pool(&pool);
	return rc;
}
