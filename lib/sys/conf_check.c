/*
 * conf_check.c - what only shows when several keys are seen together.
 *
 * Bounds of a single key are in the table. Whether a file, a key or a server
 * exists is for the program that uses it to find out.
 */
#include "lib/sys/conf_table.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/sys/listen_address.h"

enum { SECRET_MIN_BYTES = 32 };

static enum wp_err bad(struct wp_error *err, const char *name,
		       const char *sentence)
{
	return wp_error_set(err, WP_ERR_INVAL, "%s: %s", name, sentence);
}

/* What is else the default of key in production. */
static enum wp_err set_unset(struct wp_conf_load *load, const char *name,
			     const char *text, struct wp_error *err)
{
	bool is_path;
	const struct wp_conf_key *key =
		wp_conf_find(name, strlen(name), &is_path);

	if (load->is_set[wp_conf_index(key)])
		return WP_OK;
	return wp_conf_set(load->conf, key, text, err);
}

enum wp_err wp_conf_derive(struct wp_conf_load *load, struct wp_error *err)
{
	struct wp_conf *conf = load->conf;
	enum wp_err rc = WP_OK;

	if (conf->run_mode == WP_RUN_PRODUCTION) {
		/* A URL ends up in the logs of web servers; be asked for that
		 * risk. */
		rc = set_unset(load, "websocket.query_token", "false", err);
		if (rc == WP_OK)
			rc = set_unset(load, "store.sqlite_path",
				       "/var/lib/waypost/waypost.db", err);
	}
	return rc;
}

/* scheme://host[:port], as browsers write it: RFC 6454 section 6.2. */
static bool is_origin(const char *text)
{
	const char *host = strstr(text, "://");

	if (host == NULL || host == text || host[3] == '\0')
		return false;
	return strpbrk(host + 3, "/?#@ ,*") == NULL &&
	       strpbrk(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZ") == NULL;
}

static enum wp_err check_origins(const struct wp_conf *conf,
				 struct wp_error *err)
{
	static const char name[] = "cors.allowed_origins";
	const struct wp_conf_list *origins = &conf->cors.allowed_origins;
	size_t i;

	for (i = 0; i < origins->n; i++) {
		if (strcmp(origins->items[i], "*") == 0) {
			if (conf->cors.allow_credentials)
				return bad(err, name,
					   "* cannot be combined with "
					   "cors.allow_credentials");
		} else if (!is_origin(origins->items[i])) {
			return bad(err, name,
				   "each must be scheme://host or "
				   "scheme://host:port in lower case, "
				   "without a path");
		}
	}
	return WP_OK;
}

static enum wp_err check_listen(const struct wp_conf_program *program,
				const char *name, const char *address,
				struct wp_error *err)
{
	struct wp_listen_address parsed;
	struct wp_error why;

	if (address[0] == '\0' || !wp_conf_uses_name(program, name) ||
	    wp_listen_parse(&parsed, address, &why) == WP_OK)
		return WP_OK;
	return bad(err, name, why.msg);
}

static enum wp_err check_path(const struct wp_conf *conf, struct wp_error *err)
{
	if (conf->store.sqlite_path[0] == '\0')
		return bad(err, "store.sqlite_path", "must name a file");
	/* Else each program would use the folder that it happens to start in.
	 */
	if (conf->run_mode == WP_RUN_PRODUCTION &&
	    conf->store.sqlite_path[0] != '/')
		return bad(err, "store.sqlite_path",
			   "must be an absolute path in production");
	return WP_OK;
}

/*
 * A name from the folder that a program happens to start in; or, from the
 * environment, the rest of a name that has a comma in it.
 */
static enum wp_err check_key_files(const struct wp_conf *conf,
				   struct wp_error *err)
{
	const struct wp_conf_list *files = &conf->auth.public_key_files;

	for (size_t i = 0; i < files->n; i++)
		if (files->items[i][0] != '/')
			return bad(err, "auth.public_key_files",
				   "each must be an absolute path; a comma "
				   "separates them");
	return WP_OK;
}

static enum wp_err check_quota(const struct wp_conf *conf, struct wp_error *err)
{
	if (conf->mailbox.max_waiting_bytes < conf->mailbox.max_envelope_bytes)
		return bad(err, "mailbox.max_waiting_bytes",
			   "must not be below mailbox.max_envelope_bytes, or "
			   "some envelopes never fit");
	return WP_OK;
}

static enum wp_err check_times(const struct wp_conf *conf, struct wp_error *err)
{
	if (conf->worker.tick_ms >= conf->worker.lease_ms)
		return bad(err, "worker.tick_ms",
			   "must be below worker.lease_ms, or every lease "
			   "lapses");
	if (conf->worker.reap_after_ms < 2 * conf->websocket.heartbeat_ms)
		return bad(err, "worker.reap_after_ms",
			   "must be twice websocket.heartbeat_ms or more, or "
			   "living daemons are reaped");
	if (conf->websocket.ping_interval_ms >= conf->websocket.idle_timeout_ms)
		return bad(err, "websocket.ping_interval_ms",
			   "must be below websocket.idle_timeout_ms, or silent "
			   "peers are dropped unasked");
	return WP_OK;
}

/* What a cookie may be called: a token of RFC 9110 section 5.6.2. */
static enum wp_err check_cookie(const struct wp_conf *conf,
				struct wp_error *err)
{
	static const char allowed[] = "abcdefghijklmnopqrstuvwxyz"
				      "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
				      "0123456789!#$%&'*+-.^_`|~";
	const char *name = conf->websocket.cookie_name;

	if (name[strspn(name, allowed)] != '\0')
		return bad(err, "websocket.cookie_name",
			   "has a character that no cookie's name has");
	return WP_OK;
}

/* Is text one of a comma list, blanks around it aside? */
static bool is_in_list(const char *list, const char *text)
{
	static const char blanks[] = " \t\r\n";
	size_t want = strlen(text);
	const char *p = list;

	for (;;) {
		const char *item = p + strspn(p, blanks);
		size_t len = strcspn(p, ",");
		size_t lead = (size_t)(item - p);

		if (lead + want <= len && memcmp(item, text, want) == 0 &&
		    lead + want + strspn(item + want, blanks) == len)
			return true;
		if (p[len] == '\0')
			return false;
		p += len + 1;
	}
}

static enum wp_err check_token_secret(const struct wp_conf *conf,
				      const struct wp_conf_program *program,
				      struct wp_error *err)
{
	size_t len = strlen(conf->auth.jwt_secret);

	if (conf->run_mode == WP_RUN_PRODUCTION && len > 0 &&
	    len < SECRET_MIN_BYTES &&
	    wp_conf_uses_name(program, "auth.jwt_secret"))
		return bad(err, "auth.jwt_secret",
			   "must have 32 bytes or more in production");
	return WP_OK;
}

static enum wp_err check_store_secret(const struct wp_conf *conf,
				      const struct wp_conf_program *program,
				      struct wp_error *err)
{
	if (conf->run_mode != WP_RUN_PRODUCTION ||
	    !wp_conf_uses_name(program, "auth.store_secret"))
		return WP_OK;
	if (conf->auth.store_secret[0] == '\0')
		return bad(err, "auth.store_secret",
			   "is required in production; set STORE_SECRET or "
			   "auth.store_secret_file");
	if (strlen(conf->auth.store_secret) < SECRET_MIN_BYTES)
		return bad(err, "auth.store_secret",
			   "must have 32 bytes or more in production");
	/* Whoever issues tokens must not know what is stored, and the other
	 * way round; and only one of the two is ever rotated. */
	if (strcmp(conf->auth.store_secret, conf->auth.jwt_secret) == 0 ||
	    is_in_list(conf->auth.jwt_secret_previous, conf->auth.store_secret))
		return bad(err, "auth.store_secret",
			   "must not be the secret of tokens; make another "
			   "one");
	return WP_OK;
}

/*
 * A root that serves strangers is a risk, and leaves files behind that the
 * right user cannot open.
 */
static enum wp_err check_user(const struct wp_conf *conf,
			      const struct wp_conf_program *program,
			      struct wp_error *err)
{
	const char *allow = getenv("WAYPOST_ALLOW_ROOT");

	if (!program->is_service || conf->run_mode != WP_RUN_PRODUCTION ||
	    geteuid() != 0 || (allow != NULL && strcmp(allow, "1") == 0))
		return WP_OK;
	return wp_error_set(err, WP_ERR_INVAL,
			    "root does not run %s in production; start it as "
			    "user waypost, or set WAYPOST_ALLOW_ROOT=1",
			    program->name);
}

static enum wp_err check_redis_address(const struct wp_conf *conf,
				       struct wp_error *err)
{
	if (conf->redis.address[0] == '\0')
		return bad(err, "redis.address",
			   "must be unix:/path or host:port");
	return WP_OK;
}

void wp_conf_check(const struct wp_conf *conf,
		   const struct wp_conf_program *program, enum wp_err *rc,
		   struct wp_error *err)
{
	static enum wp_err (*const rules[])(const struct wp_conf *conf,
					    struct wp_error *err) = {
		check_origins, check_key_files,     check_quota, check_times,
		check_cookie,  check_redis_address, check_path,
	};
	static const char *const listens[] = { "handlers.listen",
					       "worker.metrics_listen",
					       "websocket.listen" };
	const char *const addresses[] = { conf->handlers.listen,
					  conf->worker.metrics_listen,
					  conf->websocket.listen };
	struct wp_error why = { 0 };
	enum wp_err one = check_user(conf, program, &why);

	wp_faults_note(conf->faults, one, &why, rc, err);
	one = check_store_secret(conf, program, &why);
	wp_faults_note(conf->faults, one, &why, rc, err);
	one = check_token_secret(conf, program, &why);
	wp_faults_note(conf->faults, one, &why, rc, err);
	for (size_t i = 0; i < sizeof(rules) / sizeof(rules[0]); i++) {
		one = rules[i](conf, &why);
		wp_faults_note(conf->faults, one, &why, rc, err);
	}
	for (size_t i = 0; i < sizeof(listens) / sizeof(listens[0]); i++) {
		one = check_listen(program, listens[i], addresses[i], &why);
		wp_faults_note(conf->faults, one, &why, rc, err);
	}
}
