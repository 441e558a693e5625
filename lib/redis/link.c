/*
 * link.c - finding the server, opening a socket, and what is said first.
 *
 * Of the handshake everything up to SCRIPT EXISTS is one round of pipelined
 * commands; a second one loads what is missing. A step that does not apply is
 * skipped alike when sending and when answers come.
 */
#include "lib/redis/link.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <sys/un.h>

#include <hiredis/hiredis.h>

#include "lib/redis/info.h"

enum {
	PORT_MAX = 65535,
	/* hiredis copies a path without checking that it fits. */
	PATH_MAX_LEN = sizeof(((struct sockaddr_un *)0)->sun_path) - 1,
	NAME_MAX_LEN = 64,
	MIN_MAJOR_VERSION = 7,
};

static enum wp_err bad_address(struct wp_error *err, const char *why)
{
	return wp_error_set(err, WP_ERR_INVAL,
			    "redis.address %s; write unix:/path or host:port",
			    why);
}

static enum wp_err parse_path(struct wp_link_addr *out, const char *path,
			      struct wp_error *err)
{
	size_t len = strlen(path);

	if (path[0] != '/')
		return bad_address(err, "needs an absolute path after unix:");
	if (len > PATH_MAX_LEN)
		return bad_address(err, "has a path over 107 bytes");
	out->port = 0;
	memcpy(out->host, path, len + 1);
	return WP_OK;
}

static enum wp_err parse_host(struct wp_link_addr *out, const char *text,
			      struct wp_error *err)
{
	const char *colon = strrchr(text, ':');
	size_t len;
	long port;
	char *end;

	if (strchr(text, '@') != NULL)
		return bad_address(err, "must not hold a user or password");
	if (colon == NULL || colon[1] < '0' || colon[1] > '9')
		return bad_address(err, "has no port");
	port = strtol(colon + 1, &end, 10);
	if (*end != '\0' || port < 1 || port > PORT_MAX)
		return bad_address(err, "has no valid port");
	len = (size_t)(colon - text);
	if (len >= 2 && text[0] == '[' && text[len - 1] == ']') {
		text++;
		len -= 2;
	}
	if (len == 0 || len >= sizeof(out->host) ||
	    memchr(text, '/', len) != NULL)
		return bad_address(err, "has no valid host");
	memcpy(out->host, text, len);
	out->host[len] = '\0';
	out->port = (int)port;
	return WP_OK;
}

enum wp_err wp_link_parse(struct wp_link_addr *out, const char *address,
			  struct wp_error *err)
{
	static const char *const schemes[] = { "tcp:", "redis://" };
	size_t i;

	if (address == NULL || address[0] == '\0')
		return bad_address(err, "is not set");
	if (address[0] == '/')
		return parse_path(out, address, err);
	if (strncmp(address, "unix:", 5) == 0)
		return parse_path(out, address + 5, err);
	if (strncmp(address, "rediss:", 7) == 0)
		return bad_address(err, "asks for TLS, which needs a tunnel");
	for (i = 0; i < sizeof(schemes) / sizeof(schemes[0]); i++)
		if (strncmp(address, schemes[i], strlen(schemes[i])) == 0)
			address += strlen(schemes[i]);
	return parse_host(out, address, err);
}

static struct redisContext *open_raw(const struct wp_link_addr *addr,
				     int64_t timeout_ms)
{
	struct timeval tv = { .tv_sec = timeout_ms / 1000,
			      .tv_usec = timeout_ms % 1000 * 1000 };

	if (timeout_ms < 0)
		return addr->port == 0
			       ? redisConnectUnixNonBlock(addr->host)
			       : redisConnectNonBlock(addr->host, addr->port);
	return addr->port == 0
		       ? redisConnectUnixWithTimeout(addr->host, tv)
		       : redisConnectWithTimeout(addr->host, addr->port, tv);
}

enum wp_err wp_link_open(struct redisContext **out,
			 const struct wp_link_addr *addr, int64_t timeout_ms,
			 struct wp_error *err)
{
	struct redisContext *link = open_raw(addr, timeout_ms);
	int flags;

	if (link == NULL)
		return wp_error_set(err, WP_ERR_NOMEM,
				    "no memory for a connection to Redis");
	if (link->err != 0) {
		if (addr->port == 0)
			wp_error_set(
				err, WP_ERR_UNAVAIL,
				"redis.address: cannot connect to Redis at "
				"unix:%.110s: %.90s",
				addr->host, link->errstr);
		else
			wp_error_set(
				err, WP_ERR_UNAVAIL,
				"redis.address: cannot connect to Redis at "
				"%.110s:%d: %.90s",
				addr->host, addr->port, link->errstr);
		redisFree(link);
		return WP_ERR_UNAVAIL;
	}
	/* A program that starts another must not hand this socket to it. */
	flags = fcntl(link->fd, F_GETFD);
	if (flags != -1)
		(void)fcntl(link->fd, F_SETFD, flags | FD_CLOEXEC);
	if (addr->port != 0)
		(void)redisEnableKeepAlive(link); /* a help, not a need */
	link->err = 0;
	*out = link;
	return WP_OK;
}

/* ---- the handshake ---- */

enum {
	STEP_AUTH,
	STEP_SELECT,
	STEP_NAME,
	STEP_SERVER,
	STEP_ROLE,
	STEP_DURABILITY,
	STEP_EXISTS,
	STEP_LOAD, /* plus the number of the script */
};

static bool applies(const struct wp_handshake *hs, unsigned int step)
{
	const char *password = hs->conf->redis.password;

	switch (step) {
	case STEP_AUTH:
		return password != NULL && password[0] != '\0';
	case STEP_SELECT:
		return hs->conf->redis.database != 0;
	case STEP_NAME:
	case STEP_SERVER:
	case STEP_ROLE:
	case STEP_DURABILITY:
	case STEP_EXISTS:
		return true;
	default:
		return hs->is_missing[step - STEP_LOAD];
	}
}

static unsigned int end_of(const struct wp_handshake *hs)
{
	return STEP_LOAD + (unsigned int)hs->scripts->n;
}

/* The first step from this one on that applies, or the end. */
static unsigned int skip(const struct wp_handshake *hs, unsigned int step)
{
	while (step < end_of(hs) && !applies(hs, step))
		step++;
	return step;
}

void wp_handshake_begin(struct wp_handshake *hs, const struct wp_conf *conf,
			const struct wp_script_set *scripts, const char *name)
{
	assert(scripts->n <= WP_SCRIPT_SET_MAX);
	memset(hs, 0, sizeof(*hs));
	hs->conf = conf;
	hs->scripts = scripts;
	hs->name = name;
}

bool wp_handshake_is_waiting(const struct wp_handshake *hs)
{
	return skip(hs, hs->due) < hs->next;
}

bool wp_handshake_is_done(const struct wp_handshake *hs)
{
	return skip(hs, hs->due) == end_of(hs);
}

static void write_auth(struct wp_cmd *cmd, const struct wp_conf *conf)
{
	wp_cmd_str(cmd, "AUTH");
	if (conf->redis.username != NULL && conf->redis.username[0] != '\0')
		wp_cmd_str(cmd, conf->redis.username);
	wp_cmd_str(cmd, conf->redis.password);
}

/* "waypost-ws@0.1.0/feed": whoever looks at a deployment (CLIENT LIST) sees
 * which programs it has, and in which versions. */
static void write_name(struct wp_cmd *cmd, const char *name)
{
	char text[NAME_MAX_LEN];
	bool has_name = name != NULL && name[0] != '\0';

	(void)snprintf(text, sizeof(text), "%.31s@%.15s%s%.15s",
		       program_invocation_short_name, wp_version,
		       has_name ? "/" : "", has_name ? name : "");
	/* Redis refuses all else: CLIENT SETNAME. */
	for (char *at = text; *at != '\0'; at++)
		if (*at < '!' || *at > '~')
			*at = '?';
	wp_cmd_str(cmd, "CLIENT");
	wp_cmd_str(cmd, "SETNAME");
	wp_cmd_str(cmd, text);
}

static void write_exists(struct wp_cmd *cmd,
			 const struct wp_script_set *scripts)
{
	size_t i;

	wp_cmd_str(cmd, "SCRIPT");
	wp_cmd_str(cmd, "EXISTS");
	for (i = 0; i < scripts->n; i++)
		wp_cmd_str(cmd, scripts->list[i].sha1);
}

static void write_load(struct wp_cmd *cmd,
		       const struct wp_script_source *source)
{
	wp_cmd_str(cmd, "SCRIPT");
	wp_cmd_str(cmd, "LOAD");
	wp_cmd_add(cmd, source->text, source->len);
}

bool wp_handshake_next(struct wp_handshake *hs, struct wp_cmd *cmd)
{
	unsigned int step = skip(hs, hs->next);

	/* Until SCRIPT EXISTS is answered no script counts as missing. */
	if (step == end_of(hs))
		return false;
	wp_cmd_clear(cmd);
	switch (step) {
	case STEP_AUTH:
		write_auth(cmd, hs->conf);
		break;
	case STEP_SELECT:
		wp_cmd_str(cmd, "SELECT");
		wp_cmd_int(cmd, hs->conf->redis.database);
		break;
	case STEP_NAME:
		write_name(cmd, hs->name);
		break;
	case STEP_SERVER:
		wp_cmd_str(cmd, "INFO");
		wp_cmd_str(cmd, "server");
		break;
	case STEP_ROLE:
		wp_cmd_str(cmd, "INFO");
		wp_cmd_str(cmd, "replication");
		break;
	case STEP_DURABILITY:
		wp_durability_ask(cmd);
		break;
	case STEP_EXISTS:
		write_exists(cmd, hs->scripts);
		break;
	default:
		write_load(cmd, &hs->scripts->list[step - STEP_LOAD]);
		break;
	}
	hs->next = step + 1;
	return true;
}

/* What to change when Redis does not let us in; "" for any other error. */
static const char *credential_of(const struct wp_reply *reply)
{
	if (wp_reply_is_error(reply, "NOPERM"))
		return "redis.username: ";
	if (wp_reply_is_error(reply, "WRONGPASS") ||
	    wp_reply_is_error(reply, "NOAUTH") ||
	    strncmp(wp_reply_str(reply), "ERR AUTH ", 9) == 0)
		return "redis.password: ";
	return "";
}

/* What an error, or an answer of the wrong shape, means for the connection. */
static enum wp_err refuse(const struct wp_reply *reply, const char *command,
			  struct wp_error *err)
{
	enum wp_err rc = WP_ERR_UNAVAIL;
	const char *setting;

	if (wp_reply_type(reply) != WP_REPLY_ERROR)
		return wp_error_set(err, rc, "Redis' answer to %s is unusable",
				    command);
	setting = credential_of(reply);
	if (setting[0] != '\0')
		rc = WP_ERR_DENIED;
	return wp_error_set(err, rc, "%sRedis refuses %s: %.160s", setting,
			    command, wp_reply_str(reply));
}

static enum wp_err see_server(struct wp_handshake *hs,
			      const struct wp_reply *reply,
			      struct wp_error *err)
{
	size_t version_len = 0, id_len = 0;
	const char *version, *id;

	version = wp_info_find(reply, "redis_version", &version_len);
	id = wp_info_find(reply, "run_id", &id_len);
	if (version == NULL || id == NULL || id_len != WP_RUN_ID_LEN)
		return refuse(reply, "INFO", err);
	/* The number ends at the first dot. */
	if (strtoul(version, NULL, 10) < MIN_MAJOR_VERSION)
		return wp_error_set(err, WP_ERR_INVAL,
				    "Redis is version %.*s, but Waypost needs "
				    "%d.0 or newer",
				    version_len > 32 ? 32 : (int)version_len,
				    version, MIN_MAJOR_VERSION);
	memcpy(hs->run_id, id, WP_RUN_ID_LEN);
	hs->run_id[WP_RUN_ID_LEN] = '\0';
	return WP_OK;
}

/* Whatever a replica took would be thrown away by its master. */
static enum wp_err see_role(const struct wp_reply *reply, struct wp_error *err)
{
	if (wp_role_is_replica(reply))
		return wp_error_set(err, WP_ERR_UNAVAIL,
				    "Redis is a replica; set redis.address to "
				    "its master");
	return WP_OK;
}

static enum wp_err see_exists(struct wp_handshake *hs,
			      const struct wp_reply *reply,
			      struct wp_error *err)
{
	size_t i;

	if (wp_reply_count(reply) != hs->scripts->n)
		return refuse(reply, "SCRIPT EXISTS", err);
	for (i = 0; i < hs->scripts->n; i++)
		hs->is_missing[i] = wp_reply_int(wp_reply_at(reply, i)) != 1;
	return WP_OK;
}

static enum wp_err see_load(const struct wp_script_source *source,
			    const struct wp_reply *reply, struct wp_error *err)
{
	if (wp_reply_is(reply, source->sha1))
		return WP_OK;
	if (wp_reply_is_error(reply, "ERR"))
		return wp_error_set(err, WP_ERR_INVAL,
				    "Redis cannot take script %s: %.120s",
				    source->name, wp_reply_str(reply));
	return refuse(reply, "SCRIPT LOAD", err);
}

enum wp_err wp_handshake_answer(struct wp_handshake *hs,
				const struct wp_reply *reply,
				struct wp_error *err)
{
	unsigned int step = skip(hs, hs->due);

	assert(step < hs->next);
	hs->due = step + 1;
	switch (step) {
	case STEP_AUTH:
		return wp_reply_is(reply, "OK") ? WP_OK
						: refuse(reply, "AUTH", err);
	case STEP_SELECT:
		return wp_reply_is(reply, "OK") ? WP_OK
						: refuse(reply, "SELECT", err);
	case STEP_NAME:
		return WP_OK; /* a name is a courtesy */
	case STEP_SERVER:
		return see_server(hs, reply, err);
	case STEP_ROLE:
		return see_role(reply, err);
	case STEP_DURABILITY:
		hs->is_fsync = wp_durability_is_fsync(reply);
		return WP_OK;
	case STEP_EXISTS:
		return see_exists(hs, reply, err);
	default:
		return see_load(&hs->scripts->list[step - STEP_LOAD], reply,
				err);
	}
}
