/*
 * waypost-notifier: tell people who are away that something waits for them.
 *
 * Life: read the settings; start the metrics listener, a thread for the store
 * and the connection to Redis; say READY; take what is due and tell. A Redis
 * that is not there is waited for; one that is unfit ends us. SIGHUP reads the
 * settings again; bad ones change nothing. SIGTERM and SIGINT give back what
 * was not begun, and exit within notifier.drain_ms; a second one exits at once.
 * Either way with 0: it was asked to.
 *
 * Holds no durable state: what a killed one was about to tell is told by
 * another after push.claim_ms.
 */
#include <signal.h>
#include <stdio.h>
#include <unistd.h>

#include <ev.h>

#include "lib/base/log.h"
#include "lib/mailbox/deployment.h"
#include "lib/mailbox/scripts.h"
#include "lib/metrics/exporter.h"
#include "lib/redis/client.h"
#include "lib/sys/program.h"
#include "lib/sys/sections/sections.h"
#include "lib/sys/systemd.h"
#include "notifier/metrics.h"
#include "notifier/notifier.h"
#include "notifier/plan/quiet.h"

static const struct wp_conf_section *const sections[] = { &wp_conf_log,
							  &wp_conf_redis,
							  &wp_conf_mailbox,
							  &wp_conf_store_secret,
							  &wp_conf_push,
							  &wp_conf_push_devices,
							  &wp_conf_push_out,
							  &wp_conf_push_mail,
							  &wp_conf_notifier,
							  &wp_conf_bus,
							  &wp_conf_store,
							  &wp_conf_sqlite,
							  NULL };

static const struct wp_conf_program about = {
	.name = "waypost-notifier",
	.summary = "Tells people who are away that something waits for them.",
	.known = wp_conf_sections,
	.sections = sections,
	.is_service = true,
};

struct process {
	struct wp_program program;
	struct wp_conf first; /* Redis and the store are reached with it */
	struct wp_conf now;   /* a reload puts its settings here; else empty */
	const struct wp_conf *conf; /* the one of both that is in force */
	struct wp_metrics *metrics;
	struct wp_exporter *exporter;
	struct wp_notifier *notifier;
	struct wp_log log;
	struct ev_loop *loop;
	ev_signal on_term;
	ev_signal on_int;
	ev_signal on_hup;
	ev_timer drain_timer;
	struct wp_sd_life life;
	ev_timer pulse_timer;
	bool is_stopping;
	bool has_failed;
	struct wp_error err;
};

/* ---- what the notifier says ---- */

static void on_unfit(void *ctx, const struct wp_error *err)
{
	struct process *p = ctx;

	p->has_failed = true;
	p->err = *err;
	ev_break(p->loop, EVBREAK_ALL);
}

static void on_stopped(void *ctx)
{
	struct process *p = ctx;

	ev_break(p->loop, EVBREAK_ALL);
}

/* ---- signals ---- */

/* What was claimed lapses; there is nothing to tidy but a name. */
static _Noreturn void exit_at_once(struct process *p, int status)
{
	wp_exporter_unlink(p->exporter);
	_exit(status);
}

static void on_drain_over(struct ev_loop *loop, ev_timer *timer, int events)
{
	struct process *p = timer->data;

	(void)loop;
	(void)events;
	wp_log_plain(&p->log, WP_LOG_WARN, "work under way was left behind");
	exit_at_once(p, WP_EXIT_DONE);
}

static void on_stop(struct ev_loop *loop, ev_signal *sig, int events)
{
	struct process *p = sig->data;

	(void)events;
	if (p->is_stopping) {
		wp_log_plain(&p->log, WP_LOG_WARN, "stopped at once");
		exit_at_once(p, WP_EXIT_DONE);
	}
	p->is_stopping = true;
	wp_log_plain(&p->log, WP_LOG_INFO, "stopping");
	wp_sd_notify("STOPPING=1");
	ev_now_update(loop);
	ev_timer_set(&p->drain_timer, (double)p->conf->notifier.drain_ms / 1e3,
		     0.);
	ev_timer_start(loop, &p->drain_timer);
	wp_notifier_stop(p->notifier);
}

static enum wp_err fit(void *ctx, const struct wp_conf *next,
		       struct wp_error *err)
{
	(void)ctx;
	return wp_notifier_check(next, err);
}

static void warn_of_settings(const struct process *p)
{
	if (p->conf->push.enabled && p->conf->push.mode == WP_PUSH_LOG &&
	    (p->conf->bus.push != WP_BUS_NONE || p->conf->push.web_event))
		wp_log_plain(&p->log, WP_LOG_WARN,
			     "with push.mode: log services hear nothing, "
			     "whatever bus.push and push.web_event say");
	if (p->conf->push.proxy[0] != '\0')
		wp_log_plain(&p->log, WP_LOG_WARN,
			     "by push.proxy it is the proxy that has to refuse "
			     "endpoints of users inside the network");
}

/* Read, check, and only then swap: a bad file changes nothing. */
static void reload(struct process *p)
{
	struct wp_conf next, old = p->now;

	if (!wp_program_reload(&p->program, &p->first, &next, fit, NULL))
		return;
	p->now = next;
	p->conf = &p->now;
	wp_notifier_use(p->notifier, p->conf);
	wp_conf_release(&old);
	wp_log_plain(&p->log, WP_LOG_INFO, "settings reloaded");
	warn_of_settings(p);
}

static void on_reload(struct ev_loop *loop, ev_signal *sig, int events)
{
	struct process *p = sig->data;

	(void)loop;
	(void)events;
	wp_sd_notify("RELOADING=1");
	reload(p);
	wp_sd_notify("READY=1");
}

static void watch_signals(struct process *p)
{
	ev_signal_init(&p->on_term, on_stop, SIGTERM);
	ev_signal_init(&p->on_int, on_stop, SIGINT);
	ev_signal_init(&p->on_hup, on_reload, SIGHUP);
	p->on_term.data = p;
	p->on_int.data = p;
	p->on_hup.data = p;
	ev_signal_start(p->loop, &p->on_term);
	ev_signal_start(p->loop, &p->on_int);
	ev_signal_start(p->loop, &p->on_hup);
	wp_program_take_reload();
}

/* ---- life ---- */

/* For --check: blocking, and changing nothing. */
static enum wp_err look(void *ctx, struct wp_error *err)
{
	struct process *p = ctx;
	struct wp_redis *redis = NULL;
	struct wp_error why = { 0 };
	enum wp_err rc = WP_OK;
	enum wp_err one = wp_notifier_check(&p->first, &why);

	wp_faults_note(p->first.faults, one, &why, &rc, err);
	one = wp_redis_new(&redis, &p->first, &wp_scripts, &why);
	if (one == WP_OK)
		one = wp_deployment_look(redis, &p->first, &p->log, &why);
	wp_redis_free(&redis);
	/* It has noted all that it found. */
	wp_faults_note(NULL, one, &why, &rc, err);
	return rc;
}

static struct wp_program_look what_to_look_at(struct process *p)
{
	return (struct wp_program_look){
		.key = "notifier.metrics_listen",
		.address = p->first.notifier.metrics_listen,
		.look = look,
		.ctx = p,
		.fine = "settings, Redis and the store are in order",
	};
}

static enum wp_err check(struct process *p, struct wp_error *err)
{
	const struct wp_program_look what = what_to_look_at(p);

	return wp_program_check(&p->program, &what, err);
}

static enum wp_err start(struct process *p, struct wp_error *err)
{
	const struct wp_exporter_setup door = {
		.program = about.name,
		.address = p->first.notifier.metrics_listen,
		.metrics = p->metrics,
	};
	const struct wp_notifier_setup setup = {
		.loop = p->loop,
		.conf = &p->first,
		.metrics = p->metrics,
		.on_unfit = on_unfit,
		.on_stopped = on_stopped,
		.ctx = p,
	};
	enum wp_err rc = WP_OK;

	p->program.has_listened = true;
	if (door.address[0] != '\0')
		rc = wp_exporter_start(&p->exporter, &door, err);
	return rc == WP_OK ? wp_notifier_new(&p->notifier, &setup, err) : rc;
}

static void pulse(struct process *p)
{
	bool is_up = wp_notifier_is_up(p->notifier);
	char work[64];

	(void)snprintf(work, sizeof(work), "%lld users due, %lld claimed",
		       (long long)wp_metric_get(p->metrics, WP_NM_DUE),
		       (long long)wp_metric_get(p->metrics, WP_NM_CLAIMED));
	wp_sd_pulse(&p->life, is_up ? NULL : p->first.redis.address, work);
}

static void on_pulse(struct ev_loop *loop, ev_timer *timer, int events)
{
	(void)loop;
	(void)events;
	pulse(timer->data);
}

/* Redis may be away for hours; the start is over before. */
static void tell_ready(struct process *p)
{
	double every_s;

	wp_sd_notify("READY=1");
	wp_sd_life_begin(&p->life);
	pulse(p);
	every_s = (double)p->life.pulse_ms / 1e3;
	ev_timer_init(&p->pulse_timer, on_pulse, every_s, every_s);
	p->pulse_timer.data = p;
	if (p->life.pulse_ms > 0)
		ev_timer_start(p->loop, &p->pulse_timer);
}

static const char *mode_of(const struct wp_conf *conf)
{
	if (!conf->push.enabled)
		return "off";
	return conf->push.mode == WP_PUSH_LIVE ? "live" : "log";
}

static enum wp_err serve(struct process *p, struct wp_error *err)
{
	watch_signals(p);
	ev_timer_init(&p->drain_timer, on_drain_over, 0., 0.);
	p->drain_timer.data = p;
	wp_log(&p->log, WP_LOG_INFO, "started", wp_str("version", wp_version),
	       wp_int("partitions", p->first.mailbox.partitions),
	       wp_str("mode", mode_of(&p->first)));
	warn_of_settings(p);
	tell_ready(p);
	ev_run(p->loop, 0);
	wp_log_plain(&p->log, WP_LOG_INFO, "stopped");
	if (!p->has_failed)
		return WP_OK;
	*err = p->err;
	return p->err.code;
}

static enum wp_err run(struct process *p, struct wp_error *err)
{
	enum wp_err rc = wp_program_load(&p->program, &p->first, err);

	if (rc != WP_OK || p->program.is_over)
		return rc;
	if (p->program.is_ping)
		return wp_program_ping_metrics(
			&p->program, "notifier.metrics_listen",
			p->first.notifier.metrics_listen, err);
	if (p->program.is_check)
		return check(p, err);
	rc = wp_notifier_check(&p->first, err);
	if (rc == WP_OK)
		rc = wp_notifier_metrics_new(&p->metrics, err);
	if (rc != WP_OK)
		return rc;
	p->loop = ev_loop_new(EVFLAG_AUTO);
	if (p->loop == NULL)
		return wp_error_set(err, WP_ERR_SYS,
				    "no event loop can be made");
	rc = start(p, err);
	return rc == WP_OK ? serve(p, err) : rc;
}

static void release(struct process *p)
{
	wp_notifier_free(&p->notifier);
	wp_exporter_stop(&p->exporter);
	if (p->loop != NULL)
		ev_loop_destroy(p->loop);
	wp_metrics_free(&p->metrics);
	wp_conf_release(&p->now);
	wp_conf_release(&p->first);
}

int main(int argc, char **argv)
{
	struct process p = { 0 };
	struct wp_program_look what;
	struct wp_error err = { 0 };
	enum wp_err rc;
	int status;

	if (!wp_program_begin(&p.program, &about, argc, argv))
		return WP_EXIT_FAILED;
	p.conf = &p.first;
	wp_quiet_init();
	rc = run(&p, &err);
	what = what_to_look_at(&p);
	wp_program_look_further(&p.program, &p.first, &what, rc, &err);
	status = wp_program_end(&p.program, rc, &err);
	/* A thread may talk to a Redis or a disk that is silent. */
	if (p.notifier != NULL && !wp_notifier_is_idle(p.notifier))
		exit_at_once(&p, status);
	release(&p);
	return status;
}
