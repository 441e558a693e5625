/*
 * client.c - one blocking connection to Redis and the rules for losing it.
 *
 * Knows when to connect, how many answers are due and when a connection is
 * beyond use. Knows nothing about mailboxes, and never sleeps: while it is
 * backing off it says so and returns.
 */
#include "lib/redis/client.h"

#include <assert.h>
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <sys/time.h>

#include <hiredis/hiredis.h>

#include "lib/base/backoff.h"
#include "lib/base/clock.h"
#include "lib/redis/info.h"
#include "lib/redis/link.h"

enum {
	IDLE_CHECK_MS = 50, /* look for a hang-up after this much silence */
	SAMPLE_MS = 1000,
};

struct wp_redis {
	const struct wp_conf *conf;          /* borrowed */
	const struct wp_script_set *scripts; /* borrowed */
	struct wp_link_addr addr;
	struct redisContext *link; /* NULL while not connected */
	struct wp_handshake hs;    /* of this connection */
	size_t due;                /* answers not taken yet */
	uint64_t epoch;
	uint64_t used_ms; /* when the server was last heard */
	bool is_subscribed;

	/* Trouble after a time that went well is retried once at once. */
	bool has_free_retry;
	struct wp_backoff backoff;
	uint64_t next_try_ms;

	/* Sampled: of now, as far as a second allows. */
	unsigned int memory_percent;
	uint64_t sample_ms; /* 0 = no sample on this connection */
};

enum wp_err wp_redis_new(struct wp_redis **out, const struct wp_conf *conf,
			 const struct wp_script_set *scripts,
			 struct wp_error *err)
{
	struct wp_link_addr addr;
	struct wp_redis *redis;
	enum wp_err rc;

	rc = wp_link_parse(&addr, conf->redis.address, err);
	if (rc != WP_OK)
		return rc;
	redis = calloc(1, sizeof(*redis));
	if (redis == NULL)
		return wp_error_set(err, WP_ERR_NOMEM,
				    "no memory for a Redis client");
	redis->conf = conf;
	redis->scripts = scripts;
	redis->addr = addr;
	redis->has_free_retry = true;
	wp_backoff_init(&redis->backoff, WP_LINK_BACKOFF_MS,
			WP_LINK_BACKOFF_CAP_MS);
	*out = redis;
	return WP_OK;
}

void wp_redis_free(struct wp_redis **redis)
{
	if (redis == NULL || *redis == NULL)
		return;
	wp_redis_disconnect(*redis);
	free(*redis);
	*redis = NULL;
}

void wp_redis_disconnect(struct wp_redis *redis)
{
	if (redis->link != NULL)
		redisFree(redis->link);
	redis->link = NULL;
	redis->due = 0;
	redis->is_subscribed = false;
	redis->sample_ms = 0;
}

/* Drop the connection and decide when the next one may be tried. */
static void lose(struct wp_redis *redis)
{
	wp_redis_disconnect(redis);
	redis->next_try_ms = wp_mono_ms();
	if (!redis->has_free_retry)
		redis->next_try_ms += wp_backoff_next_ms(&redis->backoff);
	redis->has_free_retry = false;
}

/* The server was heard: whatever comes next is a new trouble. */
static void heard(struct wp_redis *redis)
{
	redis->has_free_retry = true;
	redis->used_ms = wp_mono_ms();
	wp_backoff_reset(&redis->backoff);
}

static enum wp_err lose_by_io(struct wp_redis *redis, struct wp_error *err)
{
	const struct redisContext *link = redis->link;

	if (link->err == REDIS_ERR_IO && errno == EAGAIN)
		wp_error_set(err, WP_ERR_UNAVAIL,
			     "Redis did not answer within %lld ms",
			     (long long)redis->conf->redis.command_timeout_ms);
	else
		wp_error_set(err, WP_ERR_UNAVAIL,
			     "the connection to Redis broke: %.120s",
			     link->errstr);
	lose(redis);
	return WP_ERR_UNAVAIL;
}

/*
 * Put cmd behind the bytes that wait to be sent.
 *
 * Errors:  WP_ERR_NOMEM  a part of it may wait there: close the link
 */
static enum wp_err queue(struct redisContext *link, const struct wp_cmd *cmd,
			 struct wp_error *err)
{
	char head[WP_CMD_HEAD_MAX];
	size_t len = wp_cmd_head(cmd, head);

	if (cmd->words.failed ||
	    redisAppendFormattedCommand(link, head, len) != REDIS_OK ||
	    redisAppendFormattedCommand(link, cmd->words.data,
					cmd->words.len) != REDIS_OK)
		return wp_error_set(err, WP_ERR_NOMEM,
				    "no memory for a Redis command");
	return WP_OK;
}

/* Send everything that the handshake wants to say now; take all answers. */
static enum wp_err shake_round(struct redisContext *link,
			       struct wp_handshake *hs, struct wp_error *err)
{
	struct wp_cmd cmd;
	void *reply = NULL;
	enum wp_err rc = WP_OK;

	wp_cmd_init(&cmd);
	while (rc == WP_OK && wp_handshake_next(hs, &cmd))
		rc = queue(link, &cmd, err);
	wp_cmd_wipe(&cmd); /* the password went through it */
	while (rc == WP_OK && wp_handshake_is_waiting(hs)) {
		if (redisGetReply(link, &reply) != REDIS_OK)
			return wp_error_set(err, WP_ERR_UNAVAIL,
					    "Redis went away while connecting: "
					    "%.120s",
					    link->errstr);
		rc = wp_handshake_answer(hs, reply, err);
		freeReplyObject(reply);
	}
	return rc;
}

static enum wp_err connect_now(struct wp_redis *redis, struct wp_error *err)
{
	int64_t timeout_ms = redis->conf->redis.command_timeout_ms;
	struct timeval tv = { .tv_sec = timeout_ms / 1000,
			      .tv_usec = timeout_ms % 1000 * 1000 };
	struct redisContext *link = NULL;
	enum wp_err rc;

	rc = wp_link_open(&link, &redis->addr,
			  redis->conf->redis.connect_timeout_ms, err);
	if (rc != WP_OK)
		goto out;
	if (redisSetTimeout(link, tv) != REDIS_OK) {
		rc = wp_error_set(err, WP_ERR_UNAVAIL,
				  "cannot set a timeout for Redis: %.120s",
				  link->errstr);
		goto out;
	}
	wp_handshake_begin(&redis->hs, redis->conf, redis->scripts, NULL);
	while (rc == WP_OK && !wp_handshake_is_done(&redis->hs))
		rc = shake_round(link, &redis->hs, err);
	if (rc != WP_OK)
		goto out;

	redis->link = link;
	link = NULL;
	redis->epoch++;
	redis->used_ms = wp_mono_ms();
out:
	if (link != NULL)
		redisFree(link);
	return rc;
}

/*
 * Nothing is in flight: has the server hung up meanwhile? To learn it now loses
 * nothing; to learn it from a command leaves that command's outcome unknown.
 */
static void drop_if_hung_up(struct wp_redis *redis)
{
	char byte;
	ssize_t n;

	if (redis->link == NULL || redis->due > 0 ||
	    wp_mono_ms() - redis->used_ms < IDLE_CHECK_MS)
		return;
	n = recv(redis->link->fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT);
	if (n == 0 || (n == -1 && errno != EAGAIN && errno != EINTR))
		lose(redis);
}

enum wp_err wp_redis_where(const struct wp_conf *conf,
			   char host[WP_REDIS_HOST_MAX + 1], int *port_out,
			   struct wp_error *err)
{
	struct wp_link_addr addr;
	enum wp_err rc = wp_link_parse(&addr, conf->redis.address, err);

	if (rc != WP_OK)
		return rc;
	memcpy(host, addr.host, sizeof(addr.host));
	*port_out = addr.port;
	return WP_OK;
}

enum wp_err wp_redis_connect(struct wp_redis *redis, struct wp_error *err)
{
	uint64_t now_ms;
	enum wp_err rc;

	drop_if_hung_up(redis);
	if (redis->link != NULL)
		return WP_OK;
	now_ms = wp_mono_ms();
	if (now_ms < redis->next_try_ms)
		return wp_error_set(
			err, WP_ERR_UNAVAIL,
			"Redis is down; it is tried again in %llu ms",
			(unsigned long long)(redis->next_try_ms - now_ms));
	rc = connect_now(redis, err);
	if (rc != WP_OK)
		lose(redis);
	return rc;
}

static bool is_subscribe(const struct wp_cmd *cmd)
{
	static const char *const verbs[] = { "SUBSCRIBE", "PSUBSCRIBE" };
	const char *verb;
	size_t i, len;

	if (cmd->n == 0 || cmd->n_ended > 0)
		return false;
	verb = wp_cmd_word(cmd, 0, &len);
	for (i = 0; i < sizeof(verbs) / sizeof(verbs[0]); i++)
		if (len == strlen(verbs[i]) &&
		    strncasecmp(verb, verbs[i], len) == 0)
			return true;
	return false;
}

/*
 * Be connected to the Redis that the command was written for: it may carry the
 * run_id of the connection before, and a gate that survived a restart would
 * believe it although the partition is not reconciled yet (docs/architecture.md
 * "After Redis lost its memory").
 */
static enum wp_err connect_as_before(struct wp_redis *redis,
				     struct wp_error *err)
{
	char before[sizeof(redis->hs.run_id)];
	enum wp_err rc;

	memcpy(before, redis->hs.run_id, sizeof(before));
	rc = wp_redis_connect(redis, err);
	if (rc != WP_OK)
		return rc == WP_ERR_NOMEM ? rc : WP_ERR_UNAVAIL;
	if (before[0] != '\0' && strcmp(before, redis->hs.run_id) != 0)
		return wp_error_set(err, WP_ERR_UNAVAIL,
				    "Redis was restarted meanwhile");
	return WP_OK;
}

static enum wp_err append(struct wp_redis *redis, const struct wp_cmd *cmd,
			  struct wp_error *err)
{
	enum wp_err rc;

	if (cmd->words.failed)
		return wp_error_set(err, WP_ERR_NOMEM,
				    "no memory for a Redis command");
	rc = connect_as_before(redis, err);
	if (rc != WP_OK)
		return rc;
	rc = queue(redis->link, cmd, err);
	if (rc != WP_OK) {
		lose(redis);
		return rc;
	}
	redis->due += cmd->n_ended > 0 ? cmd->n_ended : 1;
	redis->is_subscribed |= is_subscribe(cmd);
	return WP_OK;
}

enum wp_err wp_redis_append(struct wp_redis *redis, const struct wp_cmd *cmd,
			    struct wp_error *err)
{
	assert(cmd->n_ended == 0);
	return append(redis, cmd, err);
}

enum wp_err wp_redis_flush(struct wp_redis *redis, struct wp_error *err)
{
	int is_done = 0;

	if (redis->link == NULL)
		return wp_error_set(err, WP_ERR_UNAVAIL,
				    "not connected to Redis");
	while (!is_done)
		if (redisBufferWrite(redis->link, &is_done) != REDIS_OK)
			return lose_by_io(redis, err);
	return WP_OK;
}

enum wp_err wp_redis_take(struct wp_redis *redis, struct wp_reply **reply_out,
			  struct wp_error *err)
{
	struct wp_reply *reply = NULL;
	void *raw = NULL;

	*reply_out = NULL;
	if (redis->link == NULL || redis->due == 0)
		return wp_error_set(err, WP_ERR_UNAVAIL,
				    "the connection to Redis was lost before");
	/*
	 * A message may come before the answer to a further SUBSCRIBE. It is
	 * dropped: Pub/Sub promises nothing, and its users do not rely on it.
	 */
	do {
		wp_reply_free(&reply);
		if (redisGetReply(redis->link, &raw) != REDIS_OK)
			return lose_by_io(redis, err);
		reply = raw;
	} while (redis->is_subscribed && wp_reply_is_push(reply));
	redis->due--;
	heard(redis);
	if (wp_reply_is_loss(reply)) {
		wp_error_set(err, WP_ERR_UNAVAIL, "Redis is not ready: %.120s",
			     wp_reply_str(reply));
		wp_reply_free(&reply);
		lose(redis);
		return WP_ERR_UNAVAIL;
	}
	*reply_out = reply;
	return WP_OK;
}

/* What is not taken is left to wp_redis_do(). */
static enum wp_err take_group(struct wp_redis *redis, size_t n,
			      struct wp_reply **out, struct wp_error *err)
{
	struct wp_reply *group = wp_reply_group(n);
	enum wp_err rc = WP_OK;

	if (group == NULL)
		return wp_error_set(err, WP_ERR_UNAVAIL,
				    "no memory for answers of Redis");
	for (size_t i = 0; rc == WP_OK && i < n; i++) {
		struct wp_reply *reply = NULL;

		rc = wp_redis_take(redis, &reply, err);
		wp_reply_group_put(group, i, reply);
	}
	if (rc == WP_OK)
		*out = group;
	else
		wp_reply_free(&group);
	return rc;
}

enum wp_err wp_redis_do(struct wp_redis *redis, const struct wp_cmd *cmd,
			struct wp_reply **reply_out, struct wp_error *err)
{
	enum wp_err rc;

	*reply_out = NULL;
	/* An abandoned pipeline: its answers must not pass for this one's. */
	while (redis->due > 0) {
		struct wp_reply *stale = NULL;

		if (wp_redis_take(redis, &stale, NULL) == WP_OK)
			wp_reply_free(&stale);
	}
	rc = append(redis, cmd, err);
	if (rc == WP_OK && cmd->n_ended > 0)
		rc = take_group(redis, cmd->n_ended, reply_out, err);
	else if (rc == WP_OK)
		rc = wp_redis_take(redis, reply_out, err);
	return rc;
}

enum wp_err wp_redis_wait(struct wp_redis *redis, int timeout_ms,
			  struct wp_reply **reply_out, struct wp_error *err)
{
	uint64_t end_ms =
		wp_mono_ms() + (uint64_t)(timeout_ms < 0 ? 0 : timeout_ms);
	void *raw = NULL;

	*reply_out = NULL;
	if (redis->link == NULL)
		return wp_error_set(err, WP_ERR_UNAVAIL,
				    "not connected to Redis");
	for (;;) {
		struct pollfd pfd = { .fd = redis->link->fd, .events = POLLIN };
		uint64_t now_ms;
		int n;

		if (redisGetReplyFromReader(redis->link, &raw) != REDIS_OK)
			return lose_by_io(redis, err);
		if (raw != NULL)
			break;
		now_ms = wp_mono_ms();
		n = poll(&pfd, 1,
			 timeout_ms < 0     ? -1
			 : now_ms >= end_ms ? 0
					    : (int)(end_ms - now_ms));
		/* A signal ends the wait early, so that a stop is noticed. */
		if (n == 0 || (n == -1 && errno == EINTR))
			return WP_ERR_NOTFOUND;
		if (n == -1) {
			lose(redis);
			return wp_error_set(err, WP_ERR_UNAVAIL,
					    "cannot wait for Redis");
		}
		if (redisBufferRead(redis->link) != REDIS_OK)
			return lose_by_io(redis, err);
	}
	heard(redis);
	*reply_out = raw;
	return WP_OK;
}

/* Queue what a sample asks. */
static enum wp_err append_sample(struct wp_redis *redis)
{
	static const char *const sections[] = { "memory", "replication" };
	struct wp_cmd cmd;
	enum wp_err rc = WP_OK;

	wp_cmd_init(&cmd);
	for (size_t i = 0; rc == WP_OK && i < 2; i++) {
		wp_cmd_clear(&cmd);
		wp_cmd_str(&cmd, "INFO");
		wp_cmd_str(&cmd, sections[i]);
		rc = wp_redis_append(redis, &cmd, NULL);
	}
	wp_cmd_clear(&cmd);
	wp_durability_ask(&cmd);
	if (rc == WP_OK)
		rc = wp_redis_append(redis, &cmd, NULL);
	wp_cmd_release(&cmd);
	return rc;
}

static enum wp_err take_sample(struct wp_redis *redis)
{
	struct wp_reply *memory = NULL, *role = NULL, *durability = NULL;
	enum wp_err rc = wp_redis_take(redis, &memory, NULL);

	if (rc == WP_OK)
		rc = wp_redis_take(redis, &role, NULL);
	if (rc == WP_OK)
		rc = wp_redis_take(redis, &durability, NULL);
	if (rc == WP_OK && wp_role_is_replica(role))
		rc = WP_ERR_UNAVAIL;
	if (rc == WP_OK) {
		redis->memory_percent = wp_memory_percent(memory);
		redis->hs.is_fsync = wp_durability_is_fsync(durability);
	}
	wp_reply_free(&memory);
	wp_reply_free(&role);
	wp_reply_free(&durability);
	return rc;
}

unsigned int wp_redis_memory_percent(struct wp_redis *redis)
{
	uint64_t now_ms = wp_mono_ms();
	enum wp_err rc;

	/* In the middle of a pipeline there is no place for a question. */
	if (redis->due > 0 || redis->is_subscribed ||
	    (redis->sample_ms != 0 && now_ms - redis->sample_ms < SAMPLE_MS))
		return redis->memory_percent;
	redis->memory_percent = 0;
	rc = append_sample(redis);
	if (rc == WP_OK)
		rc = take_sample(redis);
	if (rc == WP_OK)
		redis->sample_ms = now_ms;
	else if (redis->link != NULL)
		lose(redis); /* answers under way would pass for others */
	return redis->memory_percent;
}

uint64_t wp_redis_epoch(const struct wp_redis *redis)
{
	return redis->epoch;
}

const char *wp_redis_run_id(const struct wp_redis *redis)
{
	return redis->link == NULL ? "" : redis->hs.run_id;
}

const char *wp_redis_durability(const struct wp_redis *redis)
{
	return redis->link != NULL && redis->hs.is_fsync ? "fsync" : "memory";
}

int wp_redis_fd(const struct wp_redis *redis)
{
	return redis->link == NULL ? -1 : redis->link->fd;
}
