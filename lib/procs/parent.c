/*
 * parent.c - the parent's loop: signals, and what processes report.
 *
 * The way of a SIGTERM: here it is read (on_signal), the program takes away the
 * name of the socket (on_stop), procs.c tells the processes and later kills who
 * is late, each finishes what was begun in it and exits, and procs.c buries
 * them; the loop ends when none is left.
 */
#include "lib/procs/parent.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "lib/base/clock.h"
#include "lib/base/log.h"
#include "lib/metrics/exporter.h"
#include "lib/sys/systemd.h"

struct parent {
	const struct wp_parent_setup *setup;
	struct wp_procs procs;
	struct wp_share *share;
	int signal_fd;
	int news_read;
	int news_write;
	int parent_fds[3]; /* no business of the processes; ends with -1 */
	bool is_announced; /* READY=1 was said */
	struct wp_successor successor;
	bool has_gone; /* to the successor */
	struct wp_sd_life life;
	uint64_t pulse_ms; /* when processes and the manager are seen to */
};

/* Processes that hang end here; we are what the manager has to look at. */
static void pulse(struct parent *parent)
{
	const struct wp_sd_life *life = &parent->life;
	uint64_t now_ms = wp_mono_ms();
	const char *redis = NULL;
	char work[64];

	if (now_ms < parent->pulse_ms)
		return;
	parent->pulse_ms = now_ms + life->pulse_ms;
	if (life->watchdog_ms > 0)
		wp_procs_listen(&parent->procs,
				life->watchdog_ms / life->pulse_ms);
	if (parent->setup->status != NULL)
		redis = parent->setup->status(parent->setup->ctx, work,
					      sizeof(work));
	else
		(void)snprintf(work, sizeof(work),
			       "%zu of %zu processes are ready",
			       wp_procs_ready(&parent->procs),
			       wp_procs_wanted(&parent->procs));
	wp_sd_pulse(&parent->life, redis, work);
}

/* Until processes or the manager are to be seen to; -1: for ever. */
static int timeout_ms(const struct parent *parent)
{
	int procs_ms = wp_procs_timeout_ms(&parent->procs);
	uint64_t now_ms = wp_mono_ms();
	int pulse_ms;

	if (parent->life.pulse_ms == 0)
		return procs_ms;
	pulse_ms = now_ms < parent->pulse_ms ? (int)(parent->pulse_ms - now_ms)
					     : 0;
	return procs_ms == -1 || pulse_ms < procs_ms ? pulse_ms : procs_ms;
}

static void reload(struct parent *parent)
{
	/* To the manager who was never READY is starting, not reloading. */
	if (parent->is_announced)
		wp_sd_notify("RELOADING=1");
	if (parent->setup->on_reload(parent->setup->ctx, &parent->procs))
		wp_log(NULL, WP_LOG_INFO, "settings reloaded",
		       wp_int("processes",
			      (int64_t)wp_procs_wanted(&parent->procs)));
	if (parent->is_announced)
		wp_sd_notify("READY=1");
}

static void stop(struct parent *parent)
{
	if (!parent->procs.is_stopping) {
		wp_log_plain(NULL, WP_LOG_INFO, "stopping");
		wp_successor_cancel(&parent->successor);
		if (!parent->has_gone)
			wp_sd_notify("STOPPING=1");
		parent->setup->on_stop(parent->setup->ctx);
		/* A successor may want the address. */
		wp_exporter_stop(&parent->procs.exporter);
	}
	wp_procs_stop(&parent->procs);
}

static void succeed(struct parent *parent)
{
	struct wp_exporter *exporter = parent->procs.exporter;
	struct wp_heir_socket metrics;

	/* Who would take over from us while we take over ourselves: nobody
	 * could say who is left. */
	if (parent->setup->on_succeed == NULL || parent->procs.is_stopping ||
	    parent->successor.pid != 0 || wp_heir_is_awaited())
		return;
	if (exporter != NULL)
		metrics = wp_exporter_hand(exporter);
	(void)!parent->setup->on_succeed(parent->setup->ctx,
					 exporter == NULL ? NULL : &metrics,
					 &parent->successor);
}

static void on_successor(struct parent *parent)
{
	if (wp_successor_hear(&parent->successor) != WP_SUCCESSION_TAKEN)
		return;
	parent->has_gone = true;
	wp_share_hand_on(parent->share);
	parent->life.pulse_ms = 0;
	parent->pulse_ms = UINT64_MAX;
	parent->setup->on_taken(parent->setup->ctx, &parent->successor);
	if (parent->procs.exporter != NULL)
		wp_exporter_give_up(parent->procs.exporter);
	stop(parent);
}

static void on_signal(struct parent *parent)
{
	struct signalfd_siginfo info;

	if (read(parent->signal_fd, &info, sizeof(info)) != sizeof(info))
		return;
	switch (info.ssi_signo) {
	case SIGHUP:
		if (!parent->procs.is_stopping)
			reload(parent);
		break;
	case SIGUSR2:
		succeed(parent);
		break;
	case SIGTERM:
	case SIGINT:
		/* Who has died before the stop was not cut short by it. */
		wp_procs_reap(&parent->procs);
		stop(parent);
		break;
	default:
		wp_procs_reap(&parent->procs);
		break;
	}
}

static void on_news(struct parent *parent)
{
	struct wp_procs *procs = &parent->procs;
	struct wp_news news;
	bool are_all_ready;

	if (read(parent->news_read, &news, sizeof(news)) != sizeof(news))
		return;
	are_all_ready = wp_procs_hear(procs, &news);
	if (procs->unfit.code != WP_OK && !procs->is_stopping)
		stop(parent);
	if (!are_all_ready || parent->is_announced || procs->is_stopping)
		return;
	parent->is_announced = true;
	parent->setup->on_ready(parent->setup->ctx);
	wp_sd_notify("READY=1");
	/* Nobody is to read for seconds that none is. */
	if (parent->life.pulse_ms > 0)
		parent->pulse_ms = 0;
}

static void loop(struct parent *parent)
{
	struct pollfd fds[] = {
		{ .fd = parent->signal_fd, .events = POLLIN },
		{ .fd = parent->news_read, .events = POLLIN },
		{ .events = POLLIN },
		{ .events = POLLIN },
	};

	for (;;) {
		struct wp_exporter *exporter = parent->procs.exporter;

		pulse(parent);
		/* poll() skips negative descriptors. */
		fds[2].fd = exporter == NULL ? -1 : wp_exporter_fd(exporter);
		fds[3].fd = parent->successor.pid == 0
				    ? -1
				    : parent->successor.ready_fd;
		wp_procs_tend(&parent->procs);
		if (parent->procs.is_stopping &&
		    wp_procs_is_empty(&parent->procs))
			return;
		if (poll(fds, sizeof(fds) / sizeof(fds[0]),
			 timeout_ms(parent)) <= 0)
			continue;
		if (fds[2].revents != 0)
			wp_exporter_turn(exporter);
		if (fds[3].revents != 0)
			on_successor(parent);
		if (fds[1].revents != 0)
			on_news(parent);
		if (fds[0].revents != 0)
			on_signal(parent);
	}
}

static enum wp_err open_parent(struct parent *parent, struct wp_error *err)
{
	int listen_fd = parent->setup->listen_fd;
	int flags = fcntl(listen_fd, F_GETFL);
	sigset_t signals;
	int news[2];

	/* Several threads may be woken for one connection; one gets it. */
	if (flags == -1 || fcntl(listen_fd, F_SETFL, flags | O_NONBLOCK) == -1)
		return wp_error_sys(err, "the listening socket");
	sigemptyset(&signals);
	sigaddset(&signals, SIGTERM);
	sigaddset(&signals, SIGINT);
	sigaddset(&signals, SIGHUP);
	sigaddset(&signals, SIGUSR2);
	sigaddset(&signals, SIGCHLD);
	/* Inherited by the processes: none of them dies by a stray signal. */
	if (sigprocmask(SIG_BLOCK, &signals, NULL) == -1)
		return wp_error_sys(err, "sigprocmask");
	parent->signal_fd = signalfd(-1, &signals, SFD_CLOEXEC);
	if (parent->signal_fd == -1)
		return wp_error_sys(err, "signalfd");
	if (pipe2(news, O_CLOEXEC) == -1)
		return wp_error_sys(err, "pipe");
	parent->news_read = news[0];
	parent->news_write = news[1];
	parent->parent_fds[0] = parent->signal_fd;
	parent->parent_fds[1] = parent->news_read;
	parent->parent_fds[2] = -1;
	return wp_share_new(&parent->share, err);
}

static void close_parent(struct parent *parent)
{
	if (parent->signal_fd != -1)
		close(parent->signal_fd);
	if (parent->news_read != -1)
		close(parent->news_read);
	if (parent->news_write != -1)
		close(parent->news_write);
	wp_share_free(&parent->share);
}

static void prepare(void *ctx, struct wp_buf *out)
{
	struct parent *parent = ctx;

	parent->setup->prepare(parent->setup->ctx, &parent->procs, out);
}

static size_t children(void *ctx, pid_t *pids, size_t max)
{
	const struct parent *parent = ctx;

	return wp_procs_list(&parent->procs, pids, max);
}

static enum wp_err open_metrics(struct parent *parent, struct wp_error *err)
{
	const struct wp_parent_setup *setup = parent->setup;
	const struct wp_exporter_setup exporter = {
		.program = setup->program,
		.address = setup->metrics_address,
		.metrics = setup->metrics,
		.prepare = prepare,
		.children = children,
		.pages = setup->pages,
		.pages_ctx = setup->pages_ctx,
		.ctx = parent,
	};

	return setup->metrics_address[0] == '\0'
		       ? WP_OK
		       : wp_exporter_open(&parent->procs.exporter, &exporter,
					  err);
}

enum wp_err wp_parent_run(const struct wp_parent_setup *setup,
			  struct wp_error *err)
{
	struct parent parent = {
		.setup = setup,
		.signal_fd = -1,
		.news_read = -1,
		.news_write = -1,
	};
	enum wp_err rc = open_parent(&parent, err);

	if (rc != WP_OK)
		goto out;
	parent.procs.plan = setup->plan;
	parent.procs.news_fd = parent.news_write;
	parent.procs.parent_fds = parent.parent_fds;
	parent.procs.share = parent.share;
	parent.procs.metrics = setup->metrics;
	parent.procs.ready_metric = setup->ready_metric;
	parent.procs.restarts_metric = setup->restarts_metric;
	wp_sd_life_begin(&parent.life);
	parent.procs.beat_ms =
		parent.life.watchdog_ms > 0 ? parent.life.pulse_ms : 0;
	parent.pulse_ms = parent.life.pulse_ms > 0 ? 0 : UINT64_MAX;
	wp_procs_init(&parent.procs);
	rc = open_metrics(&parent, err);
	if (rc != WP_OK)
		goto out;
	loop(&parent);
	if (parent.procs.unfit.code != WP_OK) {
		rc = parent.procs.unfit.code;
		*err = parent.procs.unfit;
	} else if (parent.procs.has_failed) {
		rc = wp_error_set(err, WP_ERR_UNAVAIL,
				  "a process died while it drained");
	}
out:
	wp_exporter_stop(&parent.procs.exporter);
	close_parent(&parent);
	return rc;
}
