/*
 * program.c - the frame of a program. What is in it is the program's own.
 */
#include "lib/sys/program.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "lib/base/log.h"
#include "lib/sys/listen.h"
#include "lib/sys/ping.h"

static void mask_reload(int how)
{
	sigset_t signals;

	sigemptyset(&signals);
	sigaddset(&signals, SIGHUP);
	(void)pthread_sigmask(how, &signals, NULL);
}

static bool fill_descriptors(void)
{
	for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++) {
		if (fcntl(fd, F_GETFD) != -1 || errno != EBADF)
			continue;
		/* The lowest that is free is this one. */
		if (open("/dev/null", O_RDWR) != fd)
			return false;
	}
	return true;
}

bool wp_program_begin(struct wp_program *program,
		      const struct wp_conf_program *about, int argc,
		      char **argv)
{
	*program = (struct wp_program){
		.about = about,
		.argc = argc,
		.argv = argv,
	};
	if (!fill_descriptors())
		return false;
	if (about->is_service)
		mask_reload(SIG_BLOCK);
	(void)signal(SIGPIPE, SIG_IGN);
	return true;
}

/*
 * Say, as the first line of a log, that nobody has said what this program is to
 * do: no file and no WAYPOST_RUN_MODE, so that defaults of local mode hold.
 */
static void warn_unset(const struct wp_conf *conf)
{
	const char *mode = getenv("WAYPOST_RUN_MODE");

	if (conf->has_file || (mode != NULL && mode[0] != '\0'))
		return;
	wp_log(NULL, WP_LOG_WARN,
	       "no configuration file was found; this is local mode, for one "
	       "machine, and no production",
	       wp_str("path", WP_CONF_DEFAULT_PATH));
}

/* A file of before is no reason not to start. */
static void warn_ignored(const struct wp_conf *conf)
{
	if (conf->push.max_commands != 0)
		wp_log(NULL, WP_LOG_WARN, "a setting is ignored",
		       wp_str("setting", "push.max_commands"));
}

enum wp_err wp_program_load(struct wp_program *program, struct wp_conf *conf,
			    struct wp_error *err)
{
	const struct wp_conf_source source = {
		.program = program->about,
		.argc = program->argc,
		.argv = program->argv,
		.faults = &program->faults,
		.look = program->look,
		.look_ctx = program->look_ctx,
	};
	enum wp_conf_action action = WP_CONF_RUN;
	enum wp_err rc = wp_conf_load(conf, &source, &action, err);

	program->is_over = action == WP_CONF_EXIT_OK;
	program->is_check = action == WP_CONF_CHECK;
	program->is_ping = action == WP_CONF_PING;
	if (rc != WP_OK || program->is_over)
		return rc;
	wp_log_setup(program->about->name, conf->log.level);
	if (program->about->is_service && !program->is_ping) {
		warn_unset(conf);
		warn_ignored(conf);
	}
	return WP_OK;
}

enum wp_err wp_program_look_group(const char *key, const char *address,
				  const char *group, struct wp_error *err)
{
	struct wp_error found = { 0 };
	enum wp_err rc = WP_OK;

	if (strncmp(address, "unix:", 5) == 0)
		rc = wp_listen_look_group(group, &found);
	return rc == WP_OK
		       ? WP_OK
		       : wp_error_set(err, rc, "%s: %.200s", key, found.msg);
}

static enum wp_err look_at_address(const char *key, const char *address,
				   struct wp_error *err)
{
	struct wp_error found = { 0 };
	enum wp_err rc = WP_OK;

	if (address[0] != '\0')
		rc = wp_listen_look(address, &found);
	if (rc == WP_ERR_CONFLICT) {
		wp_log(NULL, WP_LOG_WARN, "an address is in use, by us or not",
		       wp_str("setting", key), wp_str("error", found.msg));
		return WP_OK;
	}
	if (rc != WP_OK)
		wp_error_set(err, rc, "%s: %.200s", key, found.msg);
	return rc;
}

static void look_at_addresses(struct wp_program *program,
			      const struct wp_program_look *look,
			      enum wp_err *rc, struct wp_error *err)
{
	struct wp_error why = { 0 };
	enum wp_err one = look_at_address(look->key, look->address, &why);

	wp_faults_note(&program->faults, one, &why, rc, err);
	if (look->group_key != NULL) {
		one = wp_program_look_group(look->group_key, look->address,
					    look->group, &why);
		wp_faults_note(&program->faults, one, &why, rc, err);
	}
	if (look->metrics_key != NULL) {
		one = look_at_address(look->metrics_key, look->metrics_address,
				      &why);
		wp_faults_note(&program->faults, one, &why, rc, err);
	}
}

enum wp_err wp_program_check(struct wp_program *program,
			     const struct wp_program_look *look,
			     struct wp_error *err)
{
	struct wp_error why = { 0 };
	enum wp_err rc = WP_OK, one;

	program->has_looked = true;
	look_at_addresses(program, look, &rc, err);
	one = look->look(look->ctx, &why);
	wp_faults_note(&program->faults, one, &why, &rc, err);
	if (rc == WP_OK)
		printf("%s: %s\n", program->about->name, look->fine);
	return rc;
}

void wp_program_look_further(struct wp_program *program,
			     const struct wp_conf *conf,
			     const struct wp_program_look *look, enum wp_err rc,
			     const struct wp_error *err)
{
	struct wp_error why = { 0 };
	enum wp_err first = WP_OK, one;

	if ((rc != WP_ERR_INVAL && rc != WP_ERR_SYS) || !conf->is_read ||
	    program->has_looked || program->is_over || program->is_ping)
		return;
	/* It stands before what follows, whoever has found it. */
	wp_faults_note(&program->faults, rc, err, &first, NULL);
	if (!program->has_listened)
		look_at_addresses(program, look, &first, NULL);
	one = look->look(look->ctx, &why);
	wp_faults_note(&program->faults, one, &why, &first, NULL);
}

enum wp_err wp_program_ping(const struct wp_program *program,
			    const struct wp_program_ping *ping,
			    struct wp_error *err)
{
	struct wp_error why = { 0 };
	enum wp_err rc;

	if (ping->address[0] == '\0')
		return wp_error_set(err, WP_ERR_INVAL,
				    "%s: there is no address to ask at",
				    ping->key);
	rc = wp_ping(ping->address, ping->request, ping->len, ping->answer,
		     &why);
	if (rc != WP_OK)
		return wp_error_set(err, rc, "%s: %.200s", ping->key, why.msg);
	printf("%s: it answers\n", program->about->name);
	return WP_OK;
}

enum wp_err wp_program_ping_metrics(const struct wp_program *program,
				    const char *key, const char *address,
				    struct wp_error *err)
{
	static const char request[] = WP_PING_GET("/metrics");
	const struct wp_program_ping ping = {
		.key = key,
		.address = address,
		.request = request,
		.len = sizeof(request) - 1,
		.answer = WP_PING_OK,
	};

	return wp_program_ping(program, &ping, err);
}

bool wp_program_reload(const struct wp_program *program,
		       const struct wp_conf *now, struct wp_conf *next,
		       wp_program_fit_fn fit, void *ctx)
{
	/* What is noted is told when the program ends; this does not end it. */
	const struct wp_conf_source source = {
		.program = program->about,
		.argc = program->argc,
		.argv = program->argv,
	};
	struct wp_error err = { 0 };
	enum wp_conf_action action;
	enum wp_err rc = wp_conf_load(next, &source, &action, &err);

	if (rc == WP_OK)
		rc = wp_conf_check_reload(now, next, &err);
	if (rc == WP_OK && fit != NULL)
		rc = fit(ctx, next, &err);
	if (rc != WP_OK) {
		wp_log(NULL, WP_LOG_ERROR, "reload refused, nothing changed",
		       wp_str("error", err.msg));
		wp_conf_release(next);
		return false;
	}
	wp_log_set_level(next->log.level);
	return true;
}

void wp_program_take_reload(void)
{
	mask_reload(SIG_UNBLOCK);
}

uint64_t wp_program_raise_descriptors(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) == -1)
		return UINT64_MAX; /* unknown is no reason to refuse */
	if (limit.rlim_cur != limit.rlim_max) {
		const struct rlimit raised = { limit.rlim_max, limit.rlim_max };

		if (setrlimit(RLIMIT_NOFILE, &raised) == 0)
			limit = raised;
	}
	return limit.rlim_cur == RLIM_INFINITY ? UINT64_MAX : limit.rlim_cur;
}

/* Write all to standard error, one line each, and err if it is none of them. */
static void print_faults(const struct wp_faults *faults, const char *program,
			 const struct wp_error *err)
{
	size_t n = faults->n < WP_FAULTS_MAX ? faults->n : WP_FAULTS_MAX;
	const char *priority = wp_log_priority(WP_LOG_ERROR);
	bool has_err = false;

	for (size_t i = 0; i < n; i++) {
		fprintf(stderr, "%s%s: %s\n", priority, program,
			faults->list[i].msg);
		has_err |= strcmp(faults->list[i].msg, err->msg) == 0;
	}
	if (faults->n > n)
		fprintf(stderr, "%s%s: and %zu more\n", priority, program,
			faults->n - n);
	if (!has_err)
		fprintf(stderr, "%s%s: %s\n", priority, program, err->msg);
}

int wp_program_end(const struct wp_program *program, enum wp_err rc,
		   const struct wp_error *err)
{
	if (rc == WP_OK)
		return WP_EXIT_DONE;
	print_faults(&program->faults, program->about->name, err);
	return WP_EXIT_FAILED;
}
