/*
 * waypost-worker: route accepted messages, move those of absent users to disk,
 * take the users of dead daemons offline, read the inbox.
 *
 * Life: read the settings; see that the cold store could be opened; start the
 * metrics listener and two threads, say READY, and wait for signals. A Redis
 * that is not there is waited for; one that is unfit ends us. SIGHUP reads the
 * settings again and, if they are good, ends both threads and starts them anew
 * with these; bad ones change nothing. SIGTERM and SIGINT give all partitions
 * back and exit within worker.drain_ms; a second one exits at once. Either way
 * with 0: it was asked to.
 *
 * Holds no durable state: kill -9 costs a delay of one lease.
 */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#include "lib/base/clock.h"
#include "lib/base/log.h"
#include "lib/mailbox/deployment.h"
#include "lib/mailbox/scripts.h"
#include "lib/metrics/exporter.h"
#include "lib/redis/client.h"
#include "lib/store/store.h"
#include "lib/sys/program.h"
#include "lib/sys/sections/sections.h"
#include "lib/sys/systemd.h"
#include "worker/cold_thread.h"
#include "worker/handover.h"
#include "worker/hot_thread.h"
#include "worker/metrics.h"

static const struct wp_conf_section *const sections[] = {
	&wp_conf_log,     &wp_conf_redis,
	&wp_conf_mailbox, &wp_conf_store_secret,
	&wp_conf_worker,  &wp_conf_beat,
	&wp_conf_push,    &wp_conf_store,
	&wp_conf_sqlite,  NULL
};

static const struct wp_conf_program about = {
	.name = "waypost-worker",
	.summary = "Routes messages and moves those of absent users to disk.",
	.known = wp_conf_sections,
	.sections = sections,
	.is_service = true,
};

/* How a thread tells main() that it has ended. */
enum { THREAD_ENDED = SIGUSR1 };

struct process {
	struct wp_program program;
	struct wp_conf conf; /* the threads run with it */
	/* Around its store secret, which the hot thread may make. */
	pthread_mutex_t secret;
	struct wp_conf next; /* is_reloading: they will; else empty */
	bool is_reloading;
	struct wp_log log;
	sigset_t signals; /* blocked everywhere, taken by main() */
	struct wp_metrics *metrics;
	struct wp_exporter *exporter;
	/* For as long as one set of settings is in force; else NULL. */
	struct wp_table *table; /* between the threads, as is the next one */
	struct wp_handover *handover;
	struct wp_hot_thread *hot;
	struct wp_cold_thread *cold;
	struct wp_sd_life life;
	uint64_t pulse_ms; /* when the manager is to hear of us again */
	bool is_stuck;     /* one of the threads, and that was told */
	bool is_stopping;
	uint64_t end_ms; /* when stopping: at the latest */
};

/* The threads inherit the mask: signals reach sigtimedwait() only. */
static void block_signals(struct process *p)
{
	sigemptyset(&p->signals);
	sigaddset(&p->signals, SIGTERM);
	sigaddset(&p->signals, SIGINT);
	sigaddset(&p->signals, SIGHUP);
	sigaddset(&p->signals, THREAD_ENDED);
	(void)pthread_sigmask(SIG_BLOCK, &p->signals, NULL);
}

static void on_thread_end(void *ctx)
{
	(void)ctx;
	(void)kill(getpid(), THREAD_ENDED);
}

static enum wp_err on_joined(void *ctx, struct wp_error *err)
{
	struct process *p = ctx;
	enum wp_err rc;

	(void)pthread_mutex_lock(&p->secret);
	rc = wp_conf_keep_store_secret(&p->conf, err);
	(void)pthread_mutex_unlock(&p->secret);
	return rc;
}

/* ---- the threads ---- */

/* What was started is join_threads()'s to end, also on error. */
static enum wp_err start_threads(struct process *p, struct wp_error *err)
{
	struct wp_worker_setup setup = {
		.conf = &p->conf,
		.metrics = p->metrics,
		.on_end = on_thread_end,
		.on_joined = on_joined,
		.ctx = p,
	};
	enum wp_err rc;

	rc = wp_table_new(&p->table, (uint32_t)p->conf.mailbox.partitions, err);
	if (rc == WP_OK)
		rc = wp_handover_new(&p->handover, p->table, err);
	setup.table = p->table;
	setup.handover = p->handover;
	if (rc == WP_OK)
		rc = wp_cold_thread_start(&p->cold, &setup, err);
	if (rc == WP_OK)
		rc = wp_hot_thread_start(&p->hot, &setup, err);
	return rc;
}

/* Tell both to give everything back and end. */
static void stop_threads(struct process *p)
{
	if (p->table != NULL)
		wp_table_stop(p->table);
}

/* The hot one ends by itself when Redis is unfit, and takes the other along. */
static bool have_ended(struct process *p)
{
	if (!wp_hot_thread_has_ended(p->hot))
		return false;
	stop_threads(p);
	return wp_cold_thread_has_ended(p->cold);
}

/* Stop them and wait. WP_OK, or why the hot one had to end by itself. */
static enum wp_err join_threads(struct process *p, struct wp_error *err)
{
	enum wp_err rc;

	stop_threads(p);
	rc = wp_hot_thread_join(&p->hot, err);
	wp_cold_thread_join(&p->cold);
	wp_handover_free(&p->handover);
	wp_table_free(&p->table);
	return rc;
}

/* ---- before they start ---- */

/*
 * A store that can never be opened is told now; a locked one comes back. It is
 * made when Redis has said that there is none yet.
 */
static enum wp_err look_at_store(const struct process *p, struct wp_error *err)
{
	struct wp_store_look look;
	enum wp_err rc = wp_store_look(&look, &p->conf, err);

	if (rc != WP_ERR_UNAVAIL)
		return rc;
	wp_log(&p->log, WP_LOG_WARN, "cold store is not there yet",
	       wp_str("error", err->msg));
	return WP_OK;
}

static enum wp_err look_at_deployment(void *ctx, struct wp_error *err)
{
	const struct process *p = ctx;
	struct wp_redis *redis = NULL;
	enum wp_err rc = wp_redis_new(&redis, &p->conf, &wp_scripts, err);

	if (rc == WP_OK)
		rc = wp_deployment_look(redis, &p->conf, &p->log, err);
	wp_redis_free(&redis);
	return rc;
}

static struct wp_program_look what_to_look_at(struct process *p)
{
	return (struct wp_program_look){
		.key = "worker.metrics_listen",
		.address = p->conf.worker.metrics_listen,
		.look = look_at_deployment,
		.ctx = p,
		.fine = "settings, Redis and the store are in order",
	};
}

static enum wp_err check(struct process *p, struct wp_error *err)
{
	const struct wp_program_look look = what_to_look_at(p);

	return wp_program_check(&p->program, &look, err);
}

/* ---- the manager ---- */

/* Does one of the threads not get on? Then the watchdog has to hear nothing. */
static bool is_stuck(struct process *p)
{
	uint64_t limit_ms = p->life.watchdog_ms;
	bool was_stuck = p->is_stuck;

	p->is_stuck = limit_ms > 0 && wp_table_is_stuck(p->table, limit_ms);
	if (p->is_stuck && !was_stuck)
		wp_log(&p->log, WP_LOG_ERROR, "a thread does not get on",
		       wp_int("ms", (int64_t)limit_ms));
	return p->is_stuck;
}

static void pulse(struct process *p)
{
	bool is_up = wp_metric_get(p->metrics, WP_WM_REDIS_UP) != 0;
	char work[64];

	p->pulse_ms = wp_mono_ms() + p->life.pulse_ms;
	if (is_stuck(p))
		return;
	(void)snprintf(
		work, sizeof(work), "%lld of %lld partitions, %lld workers",
		(long long)wp_metric_get(p->metrics, WP_WM_PARTITIONS_OWNED),
		(long long)p->conf.mailbox.partitions,
		(long long)wp_metric_get(p->metrics, WP_WM_PEERS));
	wp_sd_pulse(&p->life, is_up ? NULL : p->conf.redis.address, work);
}

/* ---- signals ---- */

/* The threads end, and serve() starts them again with what was read here. */
static void begin_reload(struct process *p)
{
	struct wp_conf conf = { 0 };
	bool is_fit;

	if (p->is_stopping)
		return;
	wp_sd_notify("RELOADING=1");
	/* Redis and the store are the same then, and need no look. */
	(void)pthread_mutex_lock(&p->secret);
	is_fit = wp_program_reload(&p->program, &p->conf, &conf, NULL, NULL);
	(void)pthread_mutex_unlock(&p->secret);
	if (!is_fit) {
		/* Else the reload before it is under way, and says so. */
		if (!p->is_reloading)
			wp_sd_notify("READY=1");
		return;
	}
	/* A second signal before the threads have ended: the newest counts. */
	wp_conf_release(&p->next);
	p->next = conf;
	p->is_reloading = true;
	stop_threads(p);
}

/* Nothing that was begun is lost; there is nothing to tidy but a name. */
static _Noreturn void exit_at_once(struct process *p)
{
	wp_exporter_unlink(p->exporter);
	_exit(WP_EXIT_DONE);
}

static void stop(struct process *p)
{
	if (p->is_stopping) {
		wp_log_plain(&p->log, WP_LOG_WARN, "stopped at once");
		exit_at_once(p);
	}
	p->is_stopping = true;
	p->end_ms = wp_mono_ms() + (uint64_t)p->conf.worker.drain_ms;
	wp_log_plain(&p->log, WP_LOG_INFO, "stopping");
	wp_sd_notify("STOPPING=1");
	stop_threads(p);
}

/* When next_signal() has to return in any case; UINT64_MAX: never. */
static uint64_t wake_ms(const struct process *p)
{
	if (p->is_stopping)
		return p->end_ms;
	return p->life.pulse_ms > 0 ? p->pulse_ms : UINT64_MAX;
}

/* The next signal; 0 when it is time for something else. */
static int next_signal(const struct process *p)
{
	uint64_t now_ms = wp_mono_ms();
	uint64_t at_ms = wake_ms(p);
	uint64_t left_ms = now_ms < at_ms ? at_ms - now_ms : 0;
	const struct timespec left = {
		.tv_sec = (time_t)(left_ms / 1000),
		.tv_nsec = (long)(left_ms % 1000) * 1000000L,
	};
	int signo = at_ms == UINT64_MAX
			    ? sigwaitinfo(&p->signals, NULL)
			    : sigtimedwait(&p->signals, NULL, &left);

	if (signo == -1) /* EINTR: look again */
		return errno == EAGAIN ? 0 : THREAD_ENDED;
	return signo;
}

/* Take signals until both threads have ended. */
static void await_threads(struct process *p)
{
	while (!have_ended(p)) {
		switch (next_signal(p)) {
		case SIGHUP:
			begin_reload(p);
			break;
		case SIGTERM:
		case SIGINT:
			stop(p);
			break;
		case 0:
			if (!p->is_stopping) {
				pulse(p);
				break;
			}
			wp_log_plain(&p->log, WP_LOG_WARN,
				     "work under way was left behind");
			exit_at_once(p);
		default: /* THREAD_ENDED: look again */
			break;
		}
	}
}

static enum wp_err finish_reload(struct process *p, struct wp_error *err)
{
	enum wp_err rc = join_threads(p, err);

	p->is_reloading = false;
	if (rc != WP_OK)
		return rc;
	wp_conf_release(&p->conf);
	p->conf = p->next;
	p->next = (struct wp_conf){ 0 };
	rc = start_threads(p, err);
	if (rc == WP_OK) {
		wp_sd_notify("READY=1");
		wp_log_plain(&p->log, WP_LOG_INFO, "settings reloaded");
	}
	return rc;
}

static enum wp_err serve(struct process *p, struct wp_error *err)
{
	enum wp_err rc = WP_OK;

	do {
		await_threads(p);
		if (!p->is_reloading || p->is_stopping)
			return join_threads(p, err);
		rc = finish_reload(p, err);
	} while (rc == WP_OK);
	return rc;
}

static enum wp_err start_metrics(struct process *p, struct wp_error *err)
{
	struct wp_exporter_setup setup = {
		.program = about.name,
		.address = p->conf.worker.metrics_listen,
	};
	enum wp_err rc = wp_worker_metrics_new(&p->metrics, err);

	setup.metrics = p->metrics;
	p->program.has_listened = true;
	return rc == WP_OK && setup.address[0] != '\0'
		       ? wp_exporter_start(&p->exporter, &setup, err)
		       : rc;
}

static enum wp_err start(struct process *p, struct wp_error *err)
{
	enum wp_err rc = look_at_store(p, err);

	if (rc == WP_OK)
		rc = start_metrics(p, err);
	if (rc == WP_OK)
		rc = start_threads(p, err);
	return rc;
}

static enum wp_err run(struct process *p, struct wp_error *err)
{
	enum wp_err rc = wp_program_load(&p->program, &p->conf, err);

	if (rc != WP_OK || p->program.is_over)
		return rc;
	if (p->program.is_ping)
		return wp_program_ping_metrics(
			&p->program, "worker.metrics_listen",
			p->conf.worker.metrics_listen, err);
	block_signals(p);
	if (p->program.is_check)
		return check(p, err);
	rc = start(p, err);
	if (rc == WP_OK) {
		wp_log(&p->log, WP_LOG_INFO, "started",
		       wp_str("version", wp_version),
		       wp_int("partitions", p->conf.mailbox.partitions));
		/* Redis may be away for hours; the start is over before. */
		wp_sd_notify("READY=1");
		wp_sd_life_begin(&p->life);
		pulse(p);
		rc = serve(p, err);
		wp_log_plain(&p->log, WP_LOG_INFO, "stopped");
	}
	return rc;
}

static void release(struct process *p)
{
	(void)join_threads(p, NULL);
	wp_exporter_stop(&p->exporter);
	wp_metrics_free(&p->metrics);
	wp_conf_release(&p->next);
	wp_conf_release(&p->conf);
}

int main(int argc, char **argv)
{
	struct process p = { .secret = PTHREAD_MUTEX_INITIALIZER };
	struct wp_program_look look;
	struct wp_error err = { 0 };
	enum wp_err rc;

	if (!wp_program_begin(&p.program, &about, argc, argv))
		return WP_EXIT_FAILED;
	rc = run(&p, &err);
	look = what_to_look_at(&p);
	wp_program_look_further(&p.program, &p.conf, &look, rc, &err);
	release(&p);
	return wp_program_end(&p.program, rc, &err);
}
