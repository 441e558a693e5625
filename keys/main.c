/*
 * waypost-keys: fetch the keys of identity providers, and make those that sign
 * our own tokens.
 *
 * Life: become the only one that writes in auth.key_dir; then a loop of
 * fetches, datagrams and signals. What it writes are whole files, which the
 * others read, so that it may be killed at any moment and be away for hours.
 * SIGHUP reads the settings again, SIGUSR1 makes a new signing key, SIGTERM
 * ends it at once. With neither issuers nor accounts there is nothing to do,
 * and it ends.
 */
#include <signal.h>
#include <stdio.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "keys/metrics.h"
#include "keys/service.h"
#include "keys/wanted.h"
#include "lib/base/clock.h"
#include "lib/base/log.h"
#include "lib/metrics/exporter.h"
#include "lib/sys/program.h"
#include "lib/sys/sections/sections.h"
#include "lib/sys/systemd.h"

/* So many datagrams before others have their turn. */
enum { HEAR_MAX = 256 };

static const struct wp_conf_section *const sections[] = {
	&wp_conf_log,      &wp_conf_issuers, &wp_conf_key_fetch,
	&wp_conf_accounts, &wp_conf_keys,    NULL
};

static const struct wp_conf_program about = {
	.name = "waypost-keys",
	.summary = "Fetches the keys of identity providers, and makes those "
		   "that sign tokens of our own.",
	.known = wp_conf_sections,
	.sections = sections,
	.is_service = true,
};

struct process {
	struct wp_program program;
	struct wp_conf conf;
	struct wp_metrics *metrics;
	struct wp_exporter *exporter;
	struct wp_folder folder; /* ours until the end */
	int wanted;              /* keys.sock */
	int signals;
	struct wp_service *service;
	struct wp_sd_life life;
	uint64_t pulse_ms; /* when the manager is to hear of us; or never */
	bool is_stopping;
};

/* ---- before it begins ---- */

static enum wp_err take_signals(struct process *p, struct wp_error *err)
{
	sigset_t signals;

	sigemptyset(&signals);
	sigaddset(&signals, SIGTERM);
	sigaddset(&signals, SIGINT);
	sigaddset(&signals, SIGHUP);
	sigaddset(&signals, SIGUSR1);
	(void)pthread_sigmask(SIG_BLOCK, &signals, NULL);
	p->signals = signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK);
	return p->signals == -1 ? wp_error_sys(err, "signalfd") : WP_OK;
}

static enum wp_err new_service(struct wp_service **out, struct process *p,
			       const struct wp_conf *conf, struct wp_error *err)
{
	const struct wp_service_setup setup = {
		.conf = conf,
		.folder = &p->folder,
		.metrics = p->metrics,
	};

	return wp_service_new(out, &setup, err);
}

/* A folder that is not there yet is made at the start. */
static enum wp_err look(void *ctx, struct wp_error *err)
{
	struct process *p = ctx;
	enum wp_err rc = wp_folder_open(&p->folder, p->conf.auth.key_dir, err);

	if (rc == WP_ERR_NOTFOUND)
		rc = WP_OK;
	if (rc == WP_OK)
		rc = new_service(&p->service, p, &p->conf, err);
	return rc;
}

static struct wp_program_look what_to_look_at(struct process *p)
{
	return (struct wp_program_look){
		.key = "keys.metrics_listen",
		.address = p->conf.keys.metrics_listen,
		.look = look,
		.ctx = p,
		.fine = "settings and the folder of keys are in order",
	};
}

static enum wp_err check(struct process *p, struct wp_error *err)
{
	const struct wp_program_look what = what_to_look_at(p);

	return wp_program_check(&p->program, &what, err);
}

static enum wp_err listen_for_metrics(struct process *p, struct wp_error *err)
{
	const struct wp_exporter_setup setup = {
		.program = about.name,
		.address = p->conf.keys.metrics_listen,
		.metrics = p->metrics,
	};

	return setup.address[0] == '\0'
		       ? WP_OK
		       : wp_exporter_start(&p->exporter, &setup, err);
}

static enum wp_err start(struct process *p, struct wp_error *err)
{
	enum wp_err rc = wp_folder_own(&p->folder, p->conf.auth.key_dir,
				       "keys.lock", err);

	if (rc == WP_OK)
		rc = wp_keys_metrics_new(&p->metrics, err);
	if (rc == WP_OK)
		rc = new_service(&p->service, p, &p->conf, err);
	if (rc == WP_OK)
		rc = wp_wanted_open(&p->wanted, &p->folder, err);
	if (rc == WP_OK)
		rc = listen_for_metrics(p, err);
	return rc;
}

/* ---- while it runs ---- */

static enum wp_err fit(void *ctx, const struct wp_conf *next,
		       struct wp_error *err)
{
	(void)ctx;
	return wp_service_check(next, err);
}

static enum wp_err reload(struct process *p, struct wp_error *err)
{
	struct wp_conf next = { 0 };
	enum wp_err rc = WP_OK;
	bool is_taken;

	wp_sd_notify("RELOADING=1");
	is_taken = wp_program_reload(&p->program, &p->conf, &next, fit, NULL);
	if (is_taken) {
		/* It borrows the settings, which move once more. */
		wp_service_free(&p->service);
		wp_conf_release(&p->conf);
		p->conf = next;
		rc = new_service(&p->service, p, &p->conf, err);
	}
	if (rc != WP_OK)
		return rc;
	wp_sd_notify("READY=1");
	if (is_taken)
		wp_log_plain(NULL, WP_LOG_INFO, "settings reloaded");
	return WP_OK;
}

static enum wp_err on_signal(struct process *p, uint32_t number,
			     struct wp_error *err)
{
	switch (number) {
	case SIGHUP:
		return reload(p, err);
	case SIGUSR1:
		wp_service_rotate(p->service);
		break;
	default:
		p->is_stopping = true;
		break;
	}
	return WP_OK;
}

static enum wp_err hear_signals(struct process *p, struct wp_error *err)
{
	struct signalfd_siginfo info;
	enum wp_err rc = WP_OK;

	while (rc == WP_OK && !p->is_stopping &&
	       read(p->signals, &info, sizeof(info)) == (ssize_t)sizeof(info))
		rc = on_signal(p, info.ssi_signo, err);
	return rc;
}

static void hear_wanted(struct process *p)
{
	char id[WP_ISSUER_ID_LEN + 1];

	for (int i = 0; i < HEAR_MAX && wp_wanted_next(p->wanted, id); i++)
		wp_service_want(p->service, id);
}

static void pulse(struct process *p)
{
	uint64_t now_ms = wp_mono_ms();
	char work[64];

	if (now_ms < p->pulse_ms)
		return;
	p->pulse_ms = now_ms + p->life.pulse_ms;
	(void)snprintf(work, sizeof(work), "%lld issuers, %lld failing",
		       (long long)wp_metric_get(p->metrics, WP_KM_ISSUERS),
		       (long long)wp_metric_get(p->metrics, WP_KM_FAILING));
	wp_sd_pulse(&p->life, NULL, work);
}

static enum wp_err serve(struct process *p, struct wp_error *err)
{
	const int fds[] = { p->signals, p->wanted };
	enum wp_err rc = WP_OK;

	wp_sd_life_begin(&p->life);
	if (p->life.pulse_ms == 0)
		p->pulse_ms = UINT64_MAX;
	while (rc == WP_OK && !p->is_stopping) {
		pulse(p);
		hear_wanted(p);
		wp_service_run(p->service);
		wp_service_wait(p->service, fds, 2, p->pulse_ms);
		rc = hear_signals(p, err);
	}
	return rc;
}

static enum wp_err run(struct process *p, struct wp_error *err)
{
	enum wp_err rc = wp_program_load(&p->program, &p->conf, err);

	if (rc != WP_OK || p->program.is_over)
		return rc;
	if (p->program.is_ping)
		return wp_program_ping_metrics(
			&p->program, "keys.metrics_listen",
			p->conf.keys.metrics_listen, err);
	if (p->program.is_check)
		return check(p, err);
	if (!wp_service_has_work(&p->conf)) {
		wp_log_plain(NULL, WP_LOG_INFO,
			     "nothing to do: auth.issuers is empty and "
			     "accounts.enabled is false");
		return WP_OK;
	}
	/* It has no one to ask: what the start finds is all. */
	p->program.has_looked = true;
	rc = take_signals(p, err);
	if (rc == WP_OK)
		rc = start(p, err);
	if (rc != WP_OK)
		return rc;
	wp_log(NULL, WP_LOG_INFO, "started", wp_str("version", wp_version),
	       wp_int("issuers", (int64_t)p->conf.auth.issuers.n));
	wp_sd_notify("READY=1");
	rc = serve(p, err);
	wp_sd_notify("STOPPING=1");
	wp_log_plain(NULL, WP_LOG_INFO, "stopped");
	return rc;
}

static void release(struct process *p)
{
	wp_exporter_stop(&p->exporter);
	wp_wanted_close(&p->wanted, &p->folder);
	wp_service_free(&p->service);
	wp_metrics_free(&p->metrics);
	wp_folder_close(&p->folder);
	if (p->signals != -1)
		close(p->signals);
	wp_conf_release(&p->conf);
}

int main(int argc, char **argv)
{
	struct process p = {
		.folder = WP_FOLDER_NONE,
		.wanted = -1,
		.signals = -1,
	};
	struct wp_program_look what;
	struct wp_error err = { 0 };
	enum wp_err rc;

	if (!wp_program_begin(&p.program, &about, argc, argv))
		return WP_EXIT_FAILED;
	rc = run(&p, &err);
	what = what_to_look_at(&p);
	wp_program_look_further(&p.program, &p.conf, &what, rc, &err);
	release(&p);
	return wp_program_end(&p.program, rc, &err);
}
