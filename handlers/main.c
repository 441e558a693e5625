/*
 * waypost-handlers: the HTTP side of Waypost, behind nginx or lighttpd.
 *
 * Started by systemd, by `make run`, or by the web server itself. Listens where
 * handlers.listen says, else on a socket handed over (systemd, or descriptor 0
 * as FastCGI programs get it), and forks N processes of M threads; or answers
 * the one request of a plain CGI call and ends. Holds no state: whatever was
 * not answered yet is repeated by the client with its Idempotency-Key.
 *
 * SIGTERM: finish what was begun, at most handlers.drain_ms. SIGHUP: read the
 * configuration again, and replace the processes one by one.
 */
#include <assert.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/auth/token.h"
#include "lib/base/log.h"
#include "lib/mailbox/deployment.h"
#include "lib/redis/client.h"
#include "lib/sys/conf.h"
#include "lib/sys/descriptors.h"
#include "lib/sys/listen.h"
#include "lib/sys/reload.h"

#include "handlers/cgi_io.h"
#include "handlers/child.h"
#include "handlers/ctx.h"
#include "handlers/metrics.h"
#include "handlers/pool.h"
#include "handlers/serve.h"

static const struct wp_conf_flag flags[] = {
	{ "--listen", "handlers.listen" },
	{ "--processes", "handlers.processes" },
	{ "--threads", "handlers.threads" },
	{ NULL, NULL },
};

static struct wp_faults faults; /* of a start or --check */

static const struct wp_conf_program program = {
	.name = "waypost-handlers",
	.summary = "Answers Waypost's HTTP requests over FastCGI or CGI.",
	.sections = "run_mode,log,redis,mailbox,auth,cors,handlers,presence,"
		    "store",
	.faults = &faults,
	.is_service = true,
	.flags = flags,
};

/* A configuration and what was made from it. */
struct setup {
	struct wp_conf conf;
	struct wp_auth *auth; /* owned */
	struct wp_shared shared;
};

struct program_state {
	bool is_cgi;
	int argc;
	char **argv;
	struct setup *setup;         /* owned */
	struct wp_metrics *metrics;  /* owned */
	struct wp_listener listener; /* none when it was handed over */
};

static void free_setup(struct setup **setup)
{
	if (*setup == NULL)
		return;
	wp_auth_free(&(*setup)->auth);
	wp_conf_release(&(*setup)->conf);
	free(*setup);
	*setup = NULL;
}

static enum wp_err load(struct setup **out, const struct program_state *state,
			enum wp_conf_action *action_out, struct wp_error *err)
{
	struct setup *setup = calloc(1, sizeof(*setup));
	enum wp_err rc;

	*out = NULL;
	if (setup == NULL) {
		wp_error_set(err, WP_ERR_NOMEM, "memory is exhausted");
		return WP_ERR_NOMEM;
	}
	if (state->setup == NULL)
		rc = wp_conf_load(&setup->conf, &program, state->argc,
				  state->argv, action_out, err);
	else
		rc = wp_conf_load_again(&setup->conf, &state->setup->conf,
					&program, state->argc, state->argv,
					err);
	if (rc == WP_OK && *action_out != WP_CONF_EXIT_OK)
		rc = wp_auth_new(&setup->auth, &setup->conf, err);
	if (rc != WP_OK) {
		free_setup(&setup);
		return rc;
	}
	wp_shared_init(&setup->shared, &setup->conf, setup->auth,
		       state->metrics);
	*out = setup;
	return WP_OK;
}

/*
 * Are Redis and the store fit, and ours? A Redis that is down may come up
 * later, and is looked at then; what is unfit stops the start.
 */
static enum wp_err check_deployment(struct setup *setup, bool is_start,
				    struct wp_error *err)
{
	struct wp_shared *shared = &setup->shared;
	struct wp_ctx ctx;
	enum wp_err rc = wp_ctx_init(&ctx, shared, err);

	if (rc == WP_OK && is_start)
		rc = wp_deployment_join(ctx.redis, &setup->conf, &ctx.log,
					shared->store_id, err);
	else if (rc == WP_OK)
		rc = wp_deployment_look(ctx.redis, &setup->conf, &ctx.log, err);
	wp_ctx_release(&ctx);
	return rc;
}

/* Does what a process may have open fit the limit of the host? */
static enum wp_err check_descriptors(const struct wp_conf *conf,
				     struct wp_error *err)
{
	uint64_t wanted = wp_child_descriptors(conf);
	uint64_t limit = wp_descriptors_raise();

	if (limit >= wanted)
		return WP_OK;
	return wp_error_set(err, WP_ERR_INVAL,
			    "handlers.threads: %lld threads need %llu file "
			    "descriptors and the limit is %llu; lower one or "
			    "raise the other (LimitNOFILE=, ulimit -n)",
			    (long long)conf->handlers.threads,
			    (unsigned long long)wanted,
			    (unsigned long long)limit);
}

static enum wp_err check(struct setup *setup, struct wp_error *err)
{
	struct wp_error why = { 0 };
	enum wp_err rc = check_descriptors(&setup->conf, err);
	enum wp_err one;

	wp_listen_check("handlers.listen", setup->conf.handlers.listen, NULL,
			&faults, &rc, err);
	one = check_deployment(setup, false, &why);
	if (rc == WP_OK && one != WP_OK) {
		rc = one;
		*err = why;
	}
	if (rc == WP_OK)
		printf("%s: configuration, keys, Redis and cold store are "
		       "fine\n",
		       program.name);
	return rc;
}

/* Read the settings, and find out whether processes could serve with them. */
static enum wp_err load_next(struct setup **out,
			     const struct program_state *state,
			     struct wp_error *err)
{
	enum wp_conf_action action = WP_CONF_RUN;
	/* What Redis and the store depend on is the same then. */
	enum wp_err rc = load(out, state, &action, err);

	if (rc != WP_OK)
		return rc;
	rc = check_descriptors(&(*out)->conf, err);
	if (rc != WP_OK)
		free_setup(out);
	return rc;
}

static struct wp_shared *on_reload(void *ctx)
{
	struct program_state *state = ctx;
	struct wp_error err = { 0 };
	struct setup *setup;

	if (load_next(&setup, state, &err) != WP_OK) {
		wp_log(NULL, WP_LOG_ERROR, "reload refused, nothing changed",
		       wp_str("error", err.msg));
		return NULL;
	}
	assert(state->setup != NULL);
	/* Redis and the store are the same, and so is what is known of them. */
	memcpy(setup->shared.store_id, state->setup->shared.store_id,
	       sizeof(setup->shared.store_id));
	/* Processes that run have copies of their own. */
	free_setup(&state->setup);
	state->setup = setup;
	wp_log_set_level((enum wp_log_level)setup->conf.log.level);
	return &setup->shared;
}

static void on_stop(void *ctx)
{
	struct program_state *state = ctx;

	/*
	 * Better no socket at all than one that nobody will answer. Once only:
	 * by the end of the drain the name may be somebody else's.
	 */
	wp_listen_unlink(&state->listener);
}

/* Find or make the listening socket; *fd_out -1 when this is a CGI call. */
static enum wp_err find_socket(struct program_state *state, int *fd_out,
			       struct wp_error *err)
{
	const char *address = state->setup->conf.handlers.listen;
	enum wp_err rc;

	if (state->is_cgi)
		return WP_OK;
	if (address[0] != '\0') {
		rc = wp_listen(address, &state->listener, err);
		if (rc != WP_OK)
			return rc;
		*fd_out = state->listener.fd;
		return WP_OK;
	}
	*fd_out = wp_listen_inherited();
	if (*fd_out == -1 && wp_listen_is_listening(STDIN_FILENO))
		*fd_out = STDIN_FILENO;
	if (*fd_out == -1)
		return wp_error_set(
			err, WP_ERR_INVAL,
			"there is nothing to listen on: set handlers.listen "
			"(or --listen unix:/path), or start it from systemd "
			"or a web server");
	return WP_OK;
}

static enum wp_err serve_cgi(struct setup *setup, struct wp_error *err)
{
	struct wp_cgi cgi;
	struct wp_ctx ctx;
	enum wp_err rc = wp_ctx_init(&ctx, &setup->shared, err);

	if (rc == WP_OK) {
		wp_cgi_init(&cgi);
		wp_serve(&ctx, &cgi.io);
	}
	wp_ctx_release(&ctx);
	return rc;
}

static enum wp_err serve_fcgi(struct program_state *state, int listen_fd,
			      struct wp_error *err)
{
	const struct wp_pool_hooks hooks = { on_reload, on_stop, state };
	enum wp_err rc = check_descriptors(&state->setup->conf, err);

	if (rc != WP_OK)
		return rc;
	rc = check_deployment(state->setup, true, err);
	if (rc == WP_ERR_UNAVAIL)
		wp_log(NULL, WP_LOG_WARN,
		       "Redis cannot be asked; starting without it",
		       wp_str("error", err->msg));
	else if (rc != WP_OK)
		return rc;
	return wp_pool_run(&state->setup->shared, listen_fd, &hooks, err);
}

static enum wp_err run(struct program_state *state, struct wp_error *err)
{
	enum wp_conf_action action = WP_CONF_RUN;
	int listen_fd = -1;
	enum wp_err rc;

	rc = wp_handlers_metrics_new(&state->metrics, err);
	if (rc == WP_OK)
		rc = load(&state->setup, state, &action, err);
	if (rc != WP_OK || action == WP_CONF_EXIT_OK)
		return rc;
	wp_log_setup(program.name,
		     (enum wp_log_level)state->setup->conf.log.level);
	wp_conf_warn_unset(&state->setup->conf);
	if (action == WP_CONF_CHECK)
		return check(state->setup, err);
	rc = find_socket(state, &listen_fd, err);
	if (rc != WP_OK)
		return rc;
	if (listen_fd == -1)
		return serve_cgi(state->setup, err);
	rc = serve_fcgi(state, listen_fd, err);
	on_stop(state);
	close(listen_fd);
	return rc;
}

/*
 * Is this a CGI call? Its query may have become arguments (RFC 3875 section
 * 4.4), and nobody's query is to be taken for options.
 */
static bool is_cgi_call(void)
{
	return getenv("GATEWAY_INTERFACE") != NULL &&
	       getenv("REQUEST_METHOD") != NULL &&
	       !wp_listen_is_listening(STDIN_FILENO);
}

int main(int argc, char **argv)
{
	struct program_state state = {
		.argc = argc,
		.argv = argv,
		.listener = WP_LISTENER_NONE,
	};
	struct wp_error err = { 0 };
	enum wp_err rc;

	if (!wp_descriptors_begin())
		return EXIT_FAILURE;
	wp_reload_hold();
	state.is_cgi = is_cgi_call();
	if (state.is_cgi)
		state.argc = 1;
	/* A peer that is gone is an answer of write(2), not a death. */
	(void)signal(SIGPIPE, SIG_IGN);
	rc = run(&state, &err);
	if (rc != WP_OK)
		wp_faults_print(&faults, program.name, &err);
	free_setup(&state.setup);
	wp_metrics_free(&state.metrics);
	return rc == WP_OK ? EXIT_SUCCESS : EXIT_FAILURE;
}
