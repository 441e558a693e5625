/*
 * redis_copy.c - redis-cli, redis-check-rdb and redis-server, each for what
 * nobody else does: the stream that a replica is given, the format of a copy,
 * and that of append-only files.
 *
 * A Redis with appendonly yes reads append-only files and nothing else. So a
 * copy is read by one without, which is told to have some then.
 */
#include "tools/waypost/copies/redis_copy.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "lib/mailbox/deployment.h"
#include "lib/mailbox/scripts.h"
#include "lib/redis/client.h"
#include "lib/redis/info.h"
#include "tools/waypost/copies/files.h"
#include "tools/waypost/copies/tool.h"

enum { MODE = 0700, COPY_MODE = 0600, POLL_NS = 20000000 };

#define AOF_FOLDER "appendonlydir"
#define STAGE "waypost-restore"
#define STAGE_SOCKET "redis.sock"

static enum wp_err no_memory(struct wp_error *err)
{
	return wp_error_set(err, WP_ERR_NOMEM, "out of memory");
}

/* ---- making a copy ---- */

enum wp_err wp_redis_copy(const struct wp_conf *conf, const char *to,
			  struct wp_error *err)
{
	enum { WORDS_MAX = 12 };
	const char *argv[WORDS_MAX] = { "redis-cli" };
	struct wp_tool_how how = { .argv = argv };
	char host[WP_REDIS_HOST_MAX + 1];
	char port[sizeof("65535")];
	struct wp_buf said;
	size_t n = 1;
	int number;
	enum wp_err rc = wp_redis_where(conf, host, &number, err);

	if (rc != WP_OK)
		return rc;
	(void)snprintf(port, sizeof(port), "%d", number);
	argv[n++] = number == 0 ? "-s" : "-h";
	argv[n++] = host;
	if (number != 0) {
		argv[n++] = "-p";
		argv[n++] = port;
	}
	if (conf->redis.username[0] != '\0') {
		argv[n++] = "--user";
		argv[n++] = conf->redis.username;
	}
	/* Others see the words of a command, but not its environment. */
	if (conf->redis.password[0] != '\0') {
		how.variable = "REDISCLI_AUTH";
		how.value = conf->redis.password;
	}
	argv[n++] = "--rdb";
	argv[n] = to;
	wp_buf_init(&said, 0);
	rc = wp_tool_run(&how, &said, err);
	wp_buf_release(&said);
	return rc;
}

static bool starts_with(const char *text, const char *word)
{
	return strncmp(text, word, strlen(word)) == 0;
}

/* What stands behind a number, or NULL: there is none that fits. */
static const char *read_number(const char *text, int64_t *out)
{
	char *end;

	errno = 0;
	*out = strtoll(text, &end, 10);
	return end == text || errno != 0 ? NULL : end;
}

/* The number before the word, in a line "[info] 12 keys read". */
static bool find_count(const struct wp_buf *said, const char *word,
		       int64_t *out)
{
	const char *at = said->len > 0 ? strstr(said->data, word) : NULL;
	const char *line;

	if (at == NULL)
		return false;
	for (line = at; line > said->data && line[-1] != '\n';)
		line--;
	return starts_with(line, "[info] ") &&
	       read_number(line + strlen("[info] "), out) != NULL;
}

enum wp_err wp_redis_copy_count(const char *path, struct wp_copy_set *set,
				struct wp_error *err)
{
	const char *const argv[] = { "redis-check-rdb", path, NULL };
	const struct wp_tool_how how = { .argv = argv };
	struct wp_buf said;
	enum wp_err rc;

	wp_buf_init(&said, 0);
	rc = wp_tool_run(&how, &said, err);
	if (rc == WP_OK && (!find_count(&said, " keys read", &set->keys) ||
			    !find_count(&said, " expires\n", &set->expires)))
		rc = wp_error_set(err, WP_ERR_UNAVAIL,
				  "redis-check-rdb does not say how many keys "
				  "%.150s has",
				  path);
	wp_buf_release(&said);
	return rc;
}

/* ---- a Redis of our own ---- */

/* What is made on the way; all owned. */
struct stage {
	char *folder;
	char *copy;
	char *socket;
	char *made;   /* append-only files */
	char *target; /* where they go */
	struct stat owner;
	struct wp_conf conf; /* as of the caller, but for the address */
	struct wp_redis *redis;
	struct wp_tool server;
};

static enum wp_err name_stage(struct stage *stage, const char *folder,
			      struct wp_error *err)
{
	stage->folder = wp_files_path(folder, STAGE);
	stage->target = wp_files_path(folder, AOF_FOLDER);
	if (stage->folder == NULL || stage->target == NULL)
		return no_memory(err);
	stage->copy = wp_files_path(stage->folder, WP_COPY_REDIS);
	stage->made = wp_files_path(stage->folder, AOF_FOLDER);
	stage->socket = wp_files_path(stage->folder, STAGE_SOCKET);
	if (stage->copy == NULL || stage->made == NULL || stage->socket == NULL)
		return no_memory(err);
	if (strlen(stage->socket) >=
	    sizeof(((struct sockaddr_un *)0)->sun_path))
		return wp_error_set(err, WP_ERR_INVAL,
				    "%.200s is too long a path for a socket",
				    stage->socket);
	return WP_OK;
}

/* A file of ours in there, of the owner of Redis' folder. */
static enum wp_err bring_copy(struct stage *stage, const char *copy,
			      struct wp_error *err)
{
	enum wp_err rc;

	if (mkdir(stage->folder, MODE) == -1)
		return wp_error_sys(err, "%.200s", stage->folder);
	rc = wp_files_make(stage->copy, err);
	if (rc == WP_OK)
		rc = wp_files_fill(copy, stage->copy, err);
	if (rc == WP_OK)
		rc = wp_files_give(stage->copy, stage->owner.st_uid,
				   stage->owner.st_gid, COPY_MODE, err);
	return rc == WP_OK ? wp_files_give(stage->folder, stage->owner.st_uid,
					   stage->owner.st_gid, MODE, err)
			   : rc;
}

static enum wp_err start_server(struct stage *stage, struct wp_error *err)
{
	const char *const argv[] = {
		"redis-server", "--port",      "0",
		"--unixsocket", stage->socket, "--unixsocketperm",
		"700",          "--dir",       stage->folder,
		"--dbfilename", WP_COPY_REDIS, "--appendonly",
		"no",           "--save",      "",
		"--databases",  "65536", /* as many as redis.database may say */
		"--loglevel",   "warning",     NULL,
	};
	const struct wp_tool_how how = {
		.argv = argv,
		.is_other = geteuid() == 0,
		.uid = stage->owner.st_uid,
		.gid = stage->owner.st_gid,
	};

	return wp_tool_start(&stage->server, &how, err);
}

static enum wp_err end_of_server(struct stage *stage, struct wp_error *err)
{
	struct wp_buf said;
	enum wp_err rc;

	wp_buf_init(&said, 0);
	rc = wp_tool_wait(&stage->server, "redis-server", &said, err);
	wp_buf_release(&said);
	return rc;
}

static void pause_a_moment(void)
{
	const struct timespec pause = { .tv_nsec = POLL_NS };

	(void)nanosleep(&pause, NULL);
}

/* As long as it takes to read the copy. */
static enum wp_err await_server(struct stage *stage, struct wp_error *err)
{
	enum wp_err rc = wp_redis_connect(stage->redis, err);

	while (rc == WP_ERR_UNAVAIL) {
		if (!wp_tool_runs(&stage->server)) {
			rc = end_of_server(stage, err);
			return rc != WP_OK ? rc
					   : wp_error_set(err, WP_ERR_UNAVAIL,
							  "redis-server ended");
		}
		pause_a_moment();
		rc = wp_redis_connect(stage->redis, err);
	}
	return rc;
}

static enum wp_err ask(struct stage *stage, const char *const *words,
		       struct wp_reply **reply_out, struct wp_error *err)
{
	struct wp_cmd cmd;
	enum wp_err rc;

	wp_cmd_init(&cmd);
	for (; *words != NULL; words++)
		wp_cmd_str(&cmd, *words);
	rc = wp_redis_do(stage->redis, &cmd, reply_out, err);
	wp_cmd_release(&cmd);
	return rc == WP_OK ? wp_reply_accept(reply_out, err) : rc;
}

/* A number behind this word; *text is behind it then. */
static bool read_behind(const char **text, const char *word, int64_t *out)
{
	const char *end = starts_with(*text, word)
				  ? read_number(*text + strlen(word), out)
				  : NULL;

	if (end == NULL)
		return false;
	*text = end;
	return true;
}

/* Keys of all databases, and those among them that end by themselves. */
static void count_keys(const struct wp_reply *info, int64_t *keys,
		       int64_t *expires)
{
	const char *line = wp_reply_str(info);

	*keys = 0;
	*expires = 0;
	while ((line = strstr(line, "\ndb")) != NULL) {
		int64_t number, all, ending;

		line += strlen("\ndb");
		if (!read_behind(&line, "", &number) ||
		    !read_behind(&line, ":keys=", &all) ||
		    !read_behind(&line, ",expires=", &ending))
			continue;
		*keys += all;
		*expires += ending;
	}
}

/* What ends by itself may have done so since; all else must be there. */
static enum wp_err compare(struct stage *stage, const struct wp_copy_set *set,
			   struct wp_error *err)
{
	static const char *const info[] = { "INFO", "keyspace", NULL };
	static const char *const store[] = { "HGET", WP_META_KEY, WP_META_STORE,
					     NULL };
	struct wp_reply *reply = NULL;
	int64_t keys = 0, expires = 0;
	enum wp_err rc = ask(stage, info, &reply, err);

	if (rc == WP_OK)
		count_keys(reply, &keys, &expires);
	wp_reply_free(&reply);
	if (rc == WP_OK && keys - expires != set->keys - set->expires)
		return wp_error_set(err, WP_ERR_INVAL,
				    "Redis has %" PRId64 " lasting keys, and "
				    "the copy %" PRId64,
				    keys - expires, set->keys - set->expires);
	if (rc == WP_OK)
		rc = ask(stage, store, &reply, err);
	if (rc == WP_OK && !wp_reply_is(reply, set->store))
		rc = wp_error_set(err, WP_ERR_INVAL,
				  "the copy of Redis is of another deployment "
				  "than that of the store");
	wp_reply_free(&reply);
	return rc;
}

static bool says(const struct wp_reply *info, const char *key,
		 const char *wanted)
{
	size_t len = 0;
	const char *value = wp_info_find(info, key, &len);

	return value != NULL && len == strlen(wanted) &&
	       memcmp(value, wanted, len) == 0;
}

static enum wp_err write_aof(struct stage *stage, struct wp_error *err)
{
	static const char *const begin[] = { "CONFIG", "SET", "appendonly",
					     "yes", NULL };
	static const char *const info[] = { "INFO", "persistence", NULL };
	struct wp_reply *reply = NULL;
	bool is_over = false;
	enum wp_err rc = ask(stage, begin, &reply, err);

	wp_reply_free(&reply);
	while (rc == WP_OK && !is_over) {
		pause_a_moment();
		rc = ask(stage, info, &reply, err);
		is_over = rc == WP_OK &&
			  says(reply, "aof_rewrite_in_progress", "0") &&
			  says(reply, "aof_rewrite_scheduled", "0");
		if (is_over &&
		    !(says(reply, "aof_enabled", "1") &&
		      says(reply, "aof_last_bgrewrite_status", "ok")))
			rc = wp_error_set(err, WP_ERR_UNAVAIL,
					  "redis-server could not write "
					  "append-only files; is the disk "
					  "full?");
		wp_reply_free(&reply);
	}
	return rc;
}

/* Its answer is that it is gone; its status says whether all is on disk. */
static enum wp_err shut_down(struct stage *stage, struct wp_error *err)
{
	static const char *const words[] = { "SHUTDOWN", "NOSAVE", NULL };
	struct wp_reply *reply = NULL;
	enum wp_err rc = ask(stage, words, &reply, err);

	if (rc == WP_OK) {
		wp_reply_free(&reply);
		return wp_error_set(err, WP_ERR_UNAVAIL,
				    "redis-server does not end");
	}
	return end_of_server(stage, err);
}

static enum wp_err convert(struct stage *stage, const struct wp_copy_set *set,
			   struct wp_error *err)
{
	enum wp_err rc = start_server(stage, err);

	if (rc == WP_OK)
		rc = await_server(stage, err);
	if (rc == WP_OK)
		rc = compare(stage, set, err);
	if (rc == WP_OK)
		rc = write_aof(stage, err);
	return rc == WP_OK ? shut_down(stage, err) : rc;
}

static void clear_stage(struct stage *stage)
{
	wp_redis_free(&stage->redis);
	wp_tool_stop(&stage->server);
	if (stage->copy != NULL)
		(void)unlink(stage->copy);
	if (stage->socket != NULL)
		(void)unlink(stage->socket);
	if (stage->made != NULL)
		wp_files_remove_folder(stage->made);
	if (stage->folder != NULL)
		(void)rmdir(stage->folder);
	free(stage->folder);
	free(stage->copy);
	free(stage->socket);
	free(stage->made);
	free(stage->target);
	free(stage->conf.redis.address);
}

enum wp_err wp_redis_copy_fits(const char *folder, struct wp_error *err)
{
	static const char *const names[] = { AOF_FOLDER, "appendonly.aof",
					     WP_COPY_REDIS, STAGE };
	struct stat st;

	if (stat(folder, &st) == -1)
		return wp_error_sys(err, "%.200s", folder);
	if (!S_ISDIR(st.st_mode))
		return wp_error_set(err, WP_ERR_INVAL, "%.200s is no folder",
				    folder);
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		char *path = wp_files_path(folder, names[i]);
		bool is_there = path == NULL || lstat(path, &st) == 0;

		free(path);
		if (is_there)
			return wp_error_set(err, WP_ERR_CONFLICT,
					    "%.180s/%s is in the way; stop "
					    "Redis, and move it to another "
					    "place",
					    folder, names[i]);
	}
	return WP_OK;
}

enum wp_err wp_redis_copy_restore(const struct wp_conf *conf, const char *copy,
				  const char *folder,
				  const struct wp_copy_set *set,
				  struct wp_error *err)
{
	static char none[] = "";
	struct stage stage = { .conf = *conf, .server = WP_TOOL_NONE };
	enum wp_err rc = wp_redis_copy_fits(folder, err);

	if (rc != WP_OK)
		return rc;
	stage.conf.redis.username = none;
	stage.conf.redis.password = none;
	stage.conf.redis.address = NULL;
	rc = name_stage(&stage, folder, err);
	if (rc == WP_OK && stat(folder, &stage.owner) == -1)
		rc = wp_error_sys(err, "%.200s", folder);
	if (rc == WP_OK && asprintf(&stage.conf.redis.address, "unix:%s",
				    stage.socket) == -1) {
		stage.conf.redis.address = NULL;
		rc = no_memory(err);
	}
	if (rc == WP_OK)
		rc = bring_copy(&stage, copy, err);
	if (rc == WP_OK)
		rc = wp_redis_new(&stage.redis, &stage.conf, &wp_scripts, err);
	if (rc == WP_OK)
		rc = convert(&stage, set, err);
	if (rc == WP_OK && rename(stage.made, stage.target) == -1)
		rc = wp_error_sys(err, "%.200s", stage.target);
	if (rc == WP_OK)
		rc = wp_files_sync(folder, err);
	clear_stage(&stage);
	return rc;
}
