/*
 * procs.c - starting, replacing, draining and burying processes.
 *
 * Knows no signals of its own and waits for nothing: the parent's loop
 * (parent.c) says what happened and asks when to come back.
 */
#include "lib/procs/procs.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/base/clock.h"
#include "lib/base/log.h"

enum {
	BACKOFF_MS = 100,
	BACKOFF_CAP_MS = 1000, /* it may be all of them, and nobody answers */
	STABLE_MS = 10000, /* alive for so long: the next death is a new one */
	KILL_GRACE_MS = 2000, /* a process stops by itself within drain_ms */
	NEVER_MS = -1,
};

void wp_procs_init(struct wp_procs *procs)
{
	for (size_t i = 0; i < WP_PROCS_MAX; i++)
		wp_backoff_init(&procs->slots[i].backoff, BACKOFF_MS,
				BACKOFF_CAP_MS);
}

size_t wp_procs_wanted(const struct wp_procs *procs)
{
	if (procs->is_stopping)
		return 0;
	return procs->plan.wanted;
}

/* Whole: it is less than PIPE_BUF (pipe(7)). */
static void tell(const struct wp_place *place, struct wp_news *news)
{
	news->pid = getpid();
	if (write(place->news_fd, news, sizeof(*news)) == -1)
		wp_log(NULL, WP_LOG_WARN, "cannot tell the parent",
		       wp_int("errno", errno));
}

void wp_procs_tell_ready(const struct wp_place *place)
{
	tell(place, &(struct wp_news){ .what = WP_NEWS_READY });
}

void wp_procs_tell_fit(const struct wp_place *place)
{
	tell(place, &(struct wp_news){ .what = WP_NEWS_FIT });
}

void wp_procs_tell_unfit(const struct wp_place *place,
			 const struct wp_error *why)
{
	tell(place, &(struct wp_news){ .what = WP_NEWS_UNFIT, .why = *why });
}

/* In the new process. Does not return. */
static void be_child(const struct wp_procs *procs, pid_t parent, size_t row)
{
	const struct wp_place place = {
		.seat = { .share = procs->share, .row = row },
		.news_fd = procs->news_fd,
		.beat_ms = procs->beat_ms,
	};
	int status;

	/* A parent that was killed must not leave processes behind. */
	if (prctl(PR_SET_PDEATHSIG, SIGTERM) == -1 || getppid() != parent)
		_exit(EXIT_FAILURE);
	for (const int *fd = procs->parent_fds; *fd != -1; fd++)
		close(*fd);
	wp_exporter_forget(procs->exporter);
	wp_metrics_sit(procs->metrics, row);
	status = procs->plan.run(procs->plan.ctx, &place);
	/* After a failed drain calls are still under way: no clean-up then. */
	if (status != EXIT_SUCCESS)
		_exit(status);
	exit(status);
}

static bool is_taken(const struct wp_procs *procs, size_t row)
{
	for (size_t i = 0; i < WP_PROCS_MAX; i++) {
		const struct wp_process_slot *slot = &procs->slots[i];

		if ((slot->current.pid != 0 && slot->current.row == row) ||
		    (slot->old.pid != 0 && slot->old.row == row))
			return true;
	}
	return false;
}

/* There is one: each slot has two processes at most. */
static size_t free_row(const struct wp_procs *procs)
{
	size_t row = 0;

	while (row < WP_SHARE_ROWS - 1 && is_taken(procs, row))
		row++;
	return row;
}

static void start(struct wp_procs *procs, struct wp_process_slot *slot,
		  uint64_t now_ms)
{
	size_t row = free_row(procs);
	pid_t parent = getpid();
	pid_t pid = fork();

	if (pid == 0)
		be_child(procs, parent, row);
	if (pid == -1) {
		wp_log(NULL, WP_LOG_ERROR, "cannot start a process",
		       wp_int("errno", errno));
		slot->start_at_ms = now_ms + wp_backoff_next_ms(&slot->backoff);
		return;
	}
	slot->current = (struct wp_process){
		.pid = pid,
		.row = row,
		.drain_ms = procs->plan.drain_ms,
		.beats = wp_share_beats(procs->share, row),
	};
	slot->is_ready = false;
	slot->generation = procs->generation;
	slot->started_ms = now_ms;
}

/* Tell a process to drain; kill it when its time is over. */
static void send_away(struct wp_process *process, uint64_t now_ms)
{
	if (process->pid == 0)
		return;
	if (!process->is_told) {
		process->is_told = true;
		process->kill_at_ms =
			now_ms + (uint64_t)process->drain_ms + KILL_GRACE_MS;
		/* It may be dead already, but then it is not reaped yet. */
		(void)kill(process->pid, SIGTERM);
	} else if (now_ms >= process->kill_at_ms) {
		process->kill_at_ms = UINT64_MAX;
		(void)kill(process->pid, SIGKILL);
	}
}

static bool is_replacing(const struct wp_procs *procs)
{
	for (size_t i = 0; i < WP_PROCS_MAX; i++)
		if (procs->slots[i].old.pid != 0)
			return true;
	return false;
}

/* One at a time, so that all others go on serving. */
static void replace_outdated(struct wp_procs *procs)
{
	if (is_replacing(procs))
		return;
	for (size_t i = 0; i < wp_procs_wanted(procs); i++) {
		struct wp_process_slot *slot = &procs->slots[i];

		if (slot->current.pid == 0 || slot->current.is_told ||
		    slot->generation == procs->generation)
			continue;
		slot->old = slot->current;
		slot->current = (struct wp_process){ 0 };
		slot->is_ready = false;
		slot->start_at_ms = 0;
		return;
	}
}

static void tend_slot(struct wp_procs *procs, size_t i, uint64_t now_ms)
{
	struct wp_process_slot *slot = &procs->slots[i];
	bool is_wanted = i < wp_procs_wanted(procs);

	if (!is_wanted)
		send_away(&slot->current, now_ms);
	if (!is_wanted || slot->is_ready)
		send_away(&slot->old, now_ms);
	if (is_wanted && slot->current.pid == 0 && now_ms >= slot->start_at_ms)
		start(procs, slot, now_ms);
}

void wp_procs_tend(struct wp_procs *procs)
{
	uint64_t now_ms = wp_mono_ms();

	replace_outdated(procs);
	for (size_t i = 0; i < WP_PROCS_MAX; i++)
		tend_slot(procs, i, now_ms);
}

static void soonest(uint64_t *at_ms, const struct wp_process *process)
{
	if (process->pid != 0 && process->is_told &&
	    process->kill_at_ms < *at_ms)
		*at_ms = process->kill_at_ms;
}

int wp_procs_timeout_ms(const struct wp_procs *procs)
{
	uint64_t now_ms = wp_mono_ms(), at_ms = UINT64_MAX;

	for (size_t i = 0; i < WP_PROCS_MAX; i++) {
		const struct wp_process_slot *slot = &procs->slots[i];

		soonest(&at_ms, &slot->current);
		soonest(&at_ms, &slot->old);
		if (i < wp_procs_wanted(procs) && slot->current.pid == 0 &&
		    slot->start_at_ms < at_ms)
			at_ms = slot->start_at_ms;
	}
	if (at_ms == UINT64_MAX)
		return NEVER_MS;
	return at_ms <= now_ms ? 0 : (int)(at_ms - now_ms);
}

size_t wp_procs_ready(const struct wp_procs *procs)
{
	size_t n = 0;

	for (size_t i = 0; i < WP_PROCS_MAX; i++)
		n += procs->slots[i].is_ready;
	return n;
}

static void count_ready(const struct wp_procs *procs)
{
	wp_metric_set(procs->metrics, procs->ready_metric,
		      (int64_t)wp_procs_ready(procs));
}

/*
 * Looks are counted and not time: whoever stops us all for a while and lets us
 * go on has stopped no process that hangs.
 */
static void listen_to(const struct wp_procs *procs, struct wp_process *process,
		      uint32_t max_missed)
{
	uint32_t beats;

	if (process->pid == 0 || process->is_told)
		return;
	beats = wp_share_beats(procs->share, process->row);
	process->n_missed = beats == process->beats ? process->n_missed + 1 : 0;
	process->beats = beats;
	if (process->n_missed < max_missed)
		return;
	wp_log(NULL, WP_LOG_ERROR, "process does not get on and is killed",
	       wp_int("pid", process->pid));
	(void)kill(process->pid, SIGKILL);
}

void wp_procs_listen(struct wp_procs *procs, uint32_t max_missed)
{
	for (size_t i = 0; i < WP_PROCS_MAX; i++) {
		listen_to(procs, &procs->slots[i].current, max_missed);
		listen_to(procs, &procs->slots[i].old, max_missed);
	}
}

/* A process that was told to end has ended. */
static void on_end(struct wp_procs *procs, struct wp_process *process,
		   int status)
{
	bool is_cut =
		process->kill_at_ms == UINT64_MAX ||
		(WIFEXITED(status) && WEXITSTATUS(status) == WP_PROCS_CUT);

	if (is_cut) {
		wp_log(NULL, WP_LOG_WARN, "process did not drain in time",
		       wp_int("pid", process->pid));
	} else if (procs->unfit.code == WP_OK &&
		   (!WIFEXITED(status) ||
		    WEXITSTATUS(status) != EXIT_SUCCESS)) {
		wp_log(NULL, WP_LOG_ERROR, "process died while it drained",
		       wp_int("pid", process->pid));
		procs->has_failed = true;
	}
	*process = (struct wp_process){ 0 };
}

/* A process ended that nobody had told to. */
static void on_death(struct wp_process *process, int status)
{
	wp_log(NULL, WP_LOG_ERROR, "process died", wp_int("pid", process->pid),
	       wp_int("signal", WIFSIGNALED(status) ? WTERMSIG(status) : 0),
	       wp_int("status", WIFEXITED(status) ? WEXITSTATUS(status) : 0));
	*process = (struct wp_process){ 0 };
}

/* The current process of a slot is gone: when does the next one start? */
static void plan_restart(const struct wp_procs *procs,
			 struct wp_process_slot *slot)
{
	uint64_t now_ms = wp_mono_ms();

	if (now_ms - slot->started_ms >= STABLE_MS)
		wp_backoff_reset(&slot->backoff);
	slot->start_at_ms = now_ms + wp_backoff_next_ms(&slot->backoff);
	wp_metric_add(procs->metrics, procs->restarts_metric, 1);
}

static void bury(struct wp_procs *procs, struct wp_process *process, int status)
{
	const struct wp_seat seat = { .share = procs->share,
				      .row = process->row };

	/* It may have died in them. */
	wp_share_leave(&seat);
	wp_metrics_rise(procs->metrics, process->row);
	if (process->is_told)
		on_end(procs, process, status);
	else
		on_death(process, status);
}

static void on_exit_of(struct wp_procs *procs, pid_t pid, int status)
{
	for (size_t i = 0; i < WP_PROCS_MAX; i++) {
		struct wp_process_slot *slot = &procs->slots[i];

		if (pid == slot->old.pid)
			bury(procs, &slot->old, status);
		if (pid != slot->current.pid)
			continue;
		slot->is_ready = false;
		if (!slot->current.is_told)
			plan_restart(procs, slot);
		bury(procs, &slot->current, status);
	}
}

void wp_procs_reap(struct wp_procs *procs)
{
	int status;
	pid_t pid;

	while ((pid = waitpid(-1, &status, WNOHANG)) > 0)
		on_exit_of(procs, pid, status);
	count_ready(procs);
}

static void set_ready(struct wp_procs *procs, pid_t pid)
{
	for (size_t i = 0; i < WP_PROCS_MAX; i++)
		if (procs->slots[i].current.pid == pid)
			procs->slots[i].is_ready = true;
	count_ready(procs);
}

bool wp_procs_hear(struct wp_procs *procs, const struct wp_news *news)
{
	switch (news->what) {
	case WP_NEWS_READY:
		set_ready(procs, news->pid);
		break;
	case WP_NEWS_FIT:
		procs->is_fit = true;
		break;
	case WP_NEWS_UNFIT:
		if (!procs->is_fit && procs->unfit.code == WP_OK)
			procs->unfit = news->why;
		break;
	}
	return wp_procs_ready(procs) >= wp_procs_wanted(procs);
}

void wp_procs_tell(struct wp_procs *procs, int signo, int64_t drain_ms)
{
	for (size_t i = 0; i < WP_PROCS_MAX; i++) {
		struct wp_process *process = &procs->slots[i].current;

		if (process->pid == 0 || process->is_told)
			continue;
		process->drain_ms = drain_ms;
		(void)kill(process->pid, signo);
	}
}

void wp_procs_replace(struct wp_procs *procs, const struct wp_procs_plan *plan)
{
	procs->plan = *plan;
	procs->generation++;
}

void wp_procs_stop(struct wp_procs *procs)
{
	if (!procs->is_stopping) {
		procs->is_stopping = true;
		procs->has_failed = false;
		return;
	}
	for (size_t i = 0; i < WP_PROCS_MAX; i++) {
		procs->slots[i].current.kill_at_ms = 0;
		procs->slots[i].old.kill_at_ms = 0;
	}
}

static void list(const struct wp_process *process, pid_t *pids, size_t max,
		 size_t *n)
{
	if (process->pid != 0 && *n < max)
		pids[(*n)++] = process->pid;
}

size_t wp_procs_list(const struct wp_procs *procs, pid_t *pids, size_t max)
{
	size_t n = 0;

	for (size_t i = 0; i < WP_PROCS_MAX; i++) {
		list(&procs->slots[i].current, pids, max, &n);
		list(&procs->slots[i].old, pids, max, &n);
	}
	return n;
}

bool wp_procs_is_empty(const struct wp_procs *procs)
{
	for (size_t i = 0; i < WP_PROCS_MAX; i++)
		if (procs->slots[i].current.pid != 0 ||
		    procs->slots[i].old.pid != 0)
			return false;
	return true;
}
