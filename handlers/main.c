/*
 * waypost-handlers: the HTTP side of Waypost, behind nginx or lighttpd.
 *
 * Started by systemd, by `make run`, or by the web server itself. Listens where
 * handlers.listen says, else on a socket handed over (systemd, or descriptor 0
 * as FastCGI programs get it), and forks N processes, an event loop each; or
 * answers the one request of a plain CGI call and ends. Holds no state: what
 * was not answered yet is repeated by the client with its Idempotency-Key.
 *
 * SIGTERM: finish what was begun, at most handlers.drain_ms. SIGHUP: read the
 * configuration again, and replace the processes one by one.
 */
#include <assert.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/accounts/accounts.h"
#include "lib/accounts/blocklist.h"
#include "lib/accounts/hash_gate.h"
#include "lib/auth/apikey_file.h"
#include "lib/auth/token.h"
#include "lib/base/log.h"
#include "lib/mailbox/deployment.h"
#include "lib/mailbox/scripts.h"
#include "lib/redis/client.h"
#include "lib/sys/listen.h"
#include "lib/sys/program.h"
#include "lib/sys/sections/sections.h"
#include "lib/sys/systemd.h"

#include "handlers/child.h"
#include "handlers/pool.h"
#include "handlers/request/ctx.h"
#include "handlers/request/metrics.h"
#include "handlers/serve.h"
#include "handlers/wire/fcgi.h"

static const struct wp_conf_flag flags[] = {
	{ "--listen", "handlers.listen" },
	{ "--processes", "handlers.processes" },
	{ "--threads", "handlers.threads" },
	{ NULL, NULL },
};

static const struct wp_conf_section *const sections[] = {
	&wp_conf_log,
	&wp_conf_log_requests,
	&wp_conf_redis,
	&wp_conf_mailbox,
	&wp_conf_tokens,
	&wp_conf_api_keys,
	&wp_conf_store_secret,
	&wp_conf_accounts,
	&wp_conf_accounts_file,
	&wp_conf_accounts_sessions,
	&wp_conf_registration,
	&wp_conf_issuers,
	&wp_conf_cors,
	&wp_conf_handlers,
	&wp_conf_presence,
	&wp_conf_limits,
	&wp_conf_push,
	&wp_conf_push_devices,
	&wp_conf_store,
	&wp_conf_sqlite,
	NULL
};

static const struct wp_conf_program about = {
	.name = "waypost-handlers",
	.summary = "Answers Waypost's HTTP requests over FastCGI or CGI.",
	.known = wp_conf_sections,
	.sections = sections,
	.is_service = true,
	.flags = flags,
};

static const char group_key[] = "handlers.socket_group";

/* A configuration and what was made from it. */
struct setup {
	struct wp_conf conf;
	struct wp_auth *auth;           /* owned */
	struct wp_apikey_file *apikeys; /* owned */
	struct wp_accounts_look file;   /* when we started, or for --check */
	bool knows_file;
	struct wp_shared shared;
};

struct program_state {
	struct wp_program program;
	bool is_cgi;
	struct setup *setup;        /* owned */
	struct wp_metrics *metrics; /* owned */
	struct wp_listener
		listener; /* without a name when it was handed over */
};

static void free_setup(struct setup **setup)
{
	if (*setup == NULL)
		return;
	wp_apikey_file_free(&(*setup)->apikeys);
	wp_auth_free(&(*setup)->auth);
	wp_conf_release(&(*setup)->conf);
	free(*setup);
	*setup = NULL;
}

/* Could processes register devices with these settings? */
static enum wp_err check_push(const struct wp_conf *conf, struct wp_error *err)
{
	struct wp_push push;
	enum wp_err rc = wp_push_init(&push, conf, err);

	wp_push_release(&push);
	return rc;
}

/* Who may call: what verifies tokens, and the keys of back ends. */
static enum wp_err load_auth(struct setup *setup, const struct wp_conf *conf,
			     struct wp_error *err)
{
	enum wp_err rc = wp_auth_new(&setup->auth, conf, err);

	return rc == WP_OK ? wp_apikey_file_new(&setup->apikeys,
						conf->auth.api_keys_file, err)
			   : rc;
}

static enum wp_err load(struct program_state *state, struct wp_error *err)
{
	struct setup *setup = calloc(1, sizeof(*setup));
	enum wp_err rc;

	if (setup == NULL)
		return wp_error_set(err, WP_ERR_NOMEM, "memory is exhausted");
	state->setup = setup;
	rc = wp_program_load(&state->program, &setup->conf, err);
	if (rc != WP_OK || state->program.is_over || state->program.is_ping)
		return rc;
	rc = load_auth(setup, &setup->conf, err);
	if (rc == WP_OK)
		rc = check_push(&setup->conf, err);
	wp_shared_init(&setup->shared, &setup->conf, setup->auth,
		       setup->apikeys, state->metrics);
	return rc;
}

/* Is the file of accounts one that our secret is good for? */
static enum wp_err compare_pepper(const struct wp_conf *conf,
				  const struct wp_accounts_look *file,
				  struct wp_error *err)
{
	struct wp_password_pepper pepper;
	char mark[WP_PEPPER_MARK_LEN + 1];

	wp_password_pepper(&pepper, conf->auth.store_secret);
	wp_password_pepper_mark(&pepper, mark);
	explicit_bzero(&pepper, sizeof(pepper));
	return wp_accounts_compare_pepper(file->pepper, mark, err);
}

/*
 * Could processes open what accounts need? Makes and changes nothing. What the
 * file says is in setup->file then, unless it is locked.
 */
static enum wp_err check_accounts(struct setup *setup,
				  const struct wp_conf *conf,
				  struct wp_error *err)
{
	struct wp_blocklist *list = NULL;
	enum wp_err rc;

	if (!conf->accounts.enabled)
		return WP_OK;
	rc = wp_accounts_look(&setup->file, conf->accounts.sqlite_path,
			      WP_ACCOUNTS_BUSY_MS, err);
	setup->knows_file = rc == WP_OK;
	/* Of a secret that is missing that has been said. */
	if (rc == WP_OK && (conf->run_mode != WP_RUN_PRODUCTION ||
			    conf->auth.store_secret[0] != '\0'))
		rc = compare_pepper(conf, &setup->file, err);
	/* One that is locked comes back. */
	if (rc == WP_OK || rc == WP_ERR_UNAVAIL)
		rc = wp_blocklist_open(&list, conf->accounts.blocklist_file,
				       err);
	wp_blocklist_close(&list);
	return rc;
}

/*
 * Are Redis, the store and the file of accounts fit, and ours? A Redis that is
 * down may come up later, and is looked at then; what is unfit stops the start.
 */
static enum wp_err check_deployment(struct setup *setup, bool is_start,
				    struct wp_error *err)
{
	const struct wp_conf *conf = &setup->conf;
	const struct wp_log log = { 0 };
	struct wp_redis *redis = NULL;
	enum wp_err rc = wp_redis_new(&redis, conf, &wp_scripts, err);

	if (rc == WP_OK && is_start)
		rc = wp_deployment_join(redis, conf, &log,
					setup->shared.store_id, err);
	else if (rc == WP_OK)
		rc = wp_deployment_look(redis, conf, &log, err);
	if (rc == WP_OK && setup->knows_file)
		rc = wp_deployment_look_accounts(
			redis, conf->accounts.sqlite_path, setup->file.id, err);
	wp_redis_free(&redis);
	return rc;
}

/* Does what a process may have open fit the limit of the host? */
static enum wp_err check_descriptors(const struct wp_conf *conf,
				     struct wp_error *err)
{
	uint64_t wanted = wp_child_descriptors(conf);
	uint64_t limit = wp_program_raise_descriptors();

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

/* A flood of logins must leave something for messages. */
static void judge_hashing(const struct wp_conf *conf)
{
	struct wp_hash_load load;
	const char *problem;

	if (!conf->accounts.enabled)
		return;
	wp_hash_load_here(&load, (size_t)conf->accounts.hash_slots,
			  conf->accounts.argon2_memory_kib);
	problem = wp_hash_load_problem(&load);
	if (problem != NULL)
		wp_log(NULL, WP_LOG_WARN, problem,
		       wp_int("slots", (int64_t)load.slots),
		       wp_int("memory_kib", load.memory_kib));
}

static enum wp_err look_around(void *ctx, struct wp_error *err)
{
	struct setup *setup = ctx;
	struct wp_faults *faults = setup->conf.faults;
	struct wp_error why = { 0 };
	enum wp_err rc = check_descriptors(&setup->conf, err);
	enum wp_err one = check_accounts(setup, &setup->conf, &why);

	wp_faults_note(faults, one, &why, &rc, err);
	one = check_deployment(setup, false, &why);
	if (rc == WP_OK && one != WP_OK) {
		rc = one;
		*err = why;
	}
	judge_hashing(&setup->conf);
	return rc;
}

static enum wp_err ping(const struct program_state *state, struct wp_error *err)
{
	const struct wp_program_ping ping = {
		.key = "handlers.listen",
		.address = state->setup->conf.handlers.listen,
		.request = wp_fcgi_health,
		.len = WP_FCGI_HEALTH_BYTES,
		.answer = "Status: 200",
	};

	/* Of one that was handed over nobody knows where it is. */
	if (ping.address[0] == '\0')
		return wp_program_ping_metrics(
			&state->program, "handlers.metrics_listen",
			state->setup->conf.handlers.metrics_listen, err);
	return wp_program_ping(&state->program, &ping, err);
}

static struct wp_program_look what_to_look_at(struct program_state *state)
{
	return (struct wp_program_look){
		.key = "handlers.listen",
		.address = state->setup->conf.handlers.listen,
		.metrics_key = "handlers.metrics_listen",
		.metrics_address = state->setup->conf.handlers.metrics_listen,
		.group_key = group_key,
		.group = state->setup->conf.handlers.socket_group,
		.look = look_around,
		.ctx = state->setup,
		.fine = "settings, keys, Redis and the store are in order",
	};
}

static enum wp_err check(struct program_state *state, struct wp_error *err)
{
	const struct wp_program_look look = what_to_look_at(state);

	return wp_program_check(&state->program, &look, err);
}

/* Could processes serve with these settings? What Redis needs is the same. */
static enum wp_err fit(void *ctx, const struct wp_conf *next,
		       struct wp_error *err)
{
	struct setup *setup = ctx;
	enum wp_err rc = load_auth(setup, next, err);

	if (rc == WP_OK)
		rc = check_push(next, err);
	if (rc == WP_OK)
		rc = check_descriptors(next, err);
	return rc == WP_OK ? check_accounts(setup, next, err) : rc;
}

static struct wp_shared *on_reload(void *ctx)
{
	struct program_state *state = ctx;
	struct setup *setup = calloc(1, sizeof(*setup));

	assert(state->setup != NULL);
	if (setup == NULL) {
		wp_log_plain(NULL, WP_LOG_ERROR,
			     "reload refused, memory is exhausted");
		return NULL;
	}
	if (!wp_program_reload(&state->program, &state->setup->conf,
			       &setup->conf, fit, setup)) {
		free_setup(&setup);
		return NULL;
	}
	wp_shared_init(&setup->shared, &setup->conf, setup->auth,
		       setup->apikeys, state->metrics);
	/* Redis and the store are the same, and so is what is known of them. */
	memcpy(setup->shared.store_id, state->setup->shared.store_id,
	       sizeof(setup->shared.store_id));
	/* Processes that run have copies of their own. */
	free_setup(&state->setup);
	state->setup = setup;
	return &setup->shared;
}

static void on_stop(void *ctx)
{
	struct program_state *state = ctx;

	/*
	 * Better no socket at all than one that nobody will answer. Once only:
	 * by the end of the drain the name may be somebody else's. Processes
	 * have copies, and close them when nobody waits there.
	 */
	wp_listen_close(&state->listener);
}

/* As a web server gives it: descriptor 0, which nobody else is to get then. */
static int take_stdin(void)
{
	int fd, nothing;

	if (!wp_listen_is_listening(STDIN_FILENO))
		return -1;
	fd = fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
	nothing = open("/dev/null", O_RDWR | O_CLOEXEC);
	if (nothing != -1) {
		(void)dup2(nothing, STDIN_FILENO);
		close(nothing);
	}
	return fd;
}

/* Find or make the listening socket; there is none when this is a CGI call. */
static enum wp_err find_socket(struct program_state *state,
			       struct wp_error *err)
{
	const char *address = state->setup->conf.handlers.listen;
	const char *group = state->setup->conf.handlers.socket_group;
	enum wp_err rc;

	state->program.has_listened = true;
	if (state->is_cgi)
		return WP_OK;
	if (address[0] != '\0') {
		rc = wp_program_look_group(group_key, address, group, err);
		return rc == WP_OK ? wp_listen_group(address, group,
						     &state->listener, err)
				   : rc;
	}
	state->listener.fd = wp_sd_take_socket();
	if (state->listener.fd == -1)
		state->listener.fd = take_stdin();
	if (state->listener.fd == -1)
		return wp_error_set(
			err, WP_ERR_INVAL,
			"there is nothing to listen on: set handlers.listen "
			"(or --listen unix:/path), or start it from systemd "
			"or a web server");
	return WP_OK;
}

static enum wp_err serve_cgi(struct setup *setup, struct wp_error *err)
{
	struct wp_io io;
	struct wp_ctx ctx;
	enum wp_err rc = wp_conf_keep_store_secret(&setup->conf, err);

	if (rc != WP_OK)
		return rc;
	rc = wp_ctx_init(&ctx, &setup->shared, err);
	wp_io_cgi(&io);
	if (rc == WP_OK && !wp_serve(&ctx, &io))
		rc = wp_error_set(err, WP_ERR_NOMEM, "memory is exhausted");
	wp_ctx_release(&ctx);
	return rc;
}

static enum wp_err serve_fcgi(struct program_state *state, struct wp_error *err)
{
	const struct wp_pool_hooks hooks = { on_reload, on_stop, state };
	enum wp_err rc = check_descriptors(&state->setup->conf, err);

	if (rc == WP_OK)
		rc = check_accounts(state->setup, &state->setup->conf, err);
	if (rc != WP_OK)
		return rc;
	rc = check_deployment(state->setup, true, err);
	if (rc == WP_ERR_UNAVAIL)
		wp_log(NULL, WP_LOG_WARN,
		       "Redis cannot be asked; starting without it",
		       wp_str("error", err->msg));
	else if (rc != WP_OK)
		return rc;
	rc = wp_conf_keep_store_secret(&state->setup->conf, err);
	return rc == WP_OK ? wp_pool_run(&state->setup->shared,
					 state->listener.fd, &hooks, err)
			   : rc;
}

static enum wp_err run(struct program_state *state, struct wp_error *err)
{
	enum wp_err rc;

	rc = wp_handlers_metrics_new(&state->metrics, err);
	if (rc == WP_OK)
		rc = load(state, err);
	if (rc != WP_OK || state->program.is_over)
		return rc;
	if (state->program.is_ping)
		return ping(state, err);
	if (state->program.is_check)
		return check(state, err);
	rc = find_socket(state, err);
	if (rc != WP_OK)
		return rc;
	if (state->is_cgi)
		return serve_cgi(state->setup, err);
	rc = serve_fcgi(state, err);
	on_stop(state);
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
	struct program_state state = { .listener = WP_LISTENER_NONE };
	struct wp_program_look look;
	struct wp_error err = { 0 };
	enum wp_err rc;
	int status;

	if (!wp_program_begin(&state.program, &about, argc, argv))
		return WP_EXIT_FAILED;
	state.is_cgi = is_cgi_call();
	if (state.is_cgi)
		state.program.argc = 1;
	rc = run(&state, &err);
	if (state.setup != NULL && !state.is_cgi) {
		look = what_to_look_at(&state);
		wp_program_look_further(&state.program, &state.setup->conf,
					&look, rc, &err);
	}
	status = wp_program_end(&state.program, rc, &err);
	free_setup(&state.setup);
	wp_metrics_free(&state.metrics);
	return status;
}
