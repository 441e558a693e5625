/*
 * client.h - the blocking Redis client, for whoever may wait: all but the loop
 * of the daemon.
 *
 * Connects on demand. On every connect it authenticates, selects the database,
 * learns run_id and durability, loads all scripts and sees every one of them
 * answered before anything else is sent. Any I/O error, protocol error or
 * NOSCRIPT closes the connection: what was in flight has an unknown outcome
 * (WP_ERR_UNAVAIL) and the next call connects anew, at once the first time and
 * then no more often than its backoff allows.
 *
 * Threads: a client belongs to one thread.
 */
#ifndef WP_LIB_REDIS_CLIENT_H
#define WP_LIB_REDIS_CLIENT_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/base/err.h"
#include "lib/redis/cmd.h"
#include "lib/redis/reply.h"
#include "lib/sys/conf.h"

struct wp_redis;

/*
 * conf and scripts are borrowed and must outlive the client. Does not connect.
 */
enum wp_err wp_redis_new(struct wp_redis **out, const struct wp_conf *conf,
			 const struct wp_script_set *scripts,
			 struct wp_error *err) WP_MUST_USE;
void wp_redis_free(struct wp_redis **redis);

/*
 * Where is the Redis of the settings? For another client of Redis.
 *
 * *port_out:  0: host is the path of a socket
 * Errors:     WP_ERR_INVAL  redis.address is none
 */
enum { WP_REDIS_HOST_MAX = 255 };
enum wp_err wp_redis_where(const struct wp_conf *conf,
			   char host[WP_REDIS_HOST_MAX + 1], int *port_out,
			   struct wp_error *err) WP_MUST_USE;

/*
 * Be connected, or say why not.
 *
 * Errors:  WP_ERR_UNAVAIL  refused, timed out, loading, or backing off
 *          WP_ERR_DENIED   wrong password or user
 *          WP_ERR_INVAL    it cannot run our scripts: older than Redis 7
 */
enum wp_err wp_redis_connect(struct wp_redis *redis,
			     struct wp_error *err) WP_MUST_USE;

/* Drop the connection, if any; the next call connects again. */
void wp_redis_disconnect(struct wp_redis *redis);

/* Rises with each connection made: a changed value means state was lost. */
uint64_t wp_redis_epoch(const struct wp_redis *redis);

/* run_id of the server (40 hex digits), "" while not connected. */
const char *wp_redis_run_id(const struct wp_redis *redis);

/*
 * What X-Durability says of a write answered here: "fsync" or "memory". As of
 * the connection, or of wp_redis_memory_percent().
 */
const char *wp_redis_durability(const struct wp_redis *redis);

/* The descriptor for poll(2), -1 while not connected. */
int wp_redis_fd(const struct wp_redis *redis);

/*
 * Send one command, or one group, and wait for its answer: of a group an array
 * of all of theirs.
 *
 * *reply_out: the caller's, end with wp_reply_free(). An error reply from Redis
 *             (OOM, WRONGTYPE…) is WP_OK with an error reply, except those that
 *             mean a loss (wp_reply_is_loss()), which are WP_ERR_UNAVAIL
 * Errors:     WP_ERR_UNAVAIL  outcome unknown. Also once, with nothing sent,
 *                             when another run of Redis answers than at the
 *                             last connect: the command may carry the run_id
 *                             of before
 *             WP_ERR_NOMEM    nothing was sent
 */
enum wp_err wp_redis_do(struct wp_redis *redis, const struct wp_cmd *cmd,
			struct wp_reply **reply_out,
			struct wp_error *err) WP_MUST_USE;

/*
 * Pipelining: append any number of commands, no groups, then take their answers
 * in the same order. After an error the rest of the pipeline is lost as well.
 */
enum wp_err wp_redis_append(struct wp_redis *redis, const struct wp_cmd *cmd,
			    struct wp_error *err) WP_MUST_USE;
enum wp_err wp_redis_take(struct wp_redis *redis, struct wp_reply **reply_out,
			  struct wp_error *err) WP_MUST_USE;
/*
 * Send what was appended without waiting for an answer, so that Redis works on
 * it while the caller does something else. Errors: WP_ERR_UNAVAIL
 */
enum wp_err wp_redis_flush(struct wp_redis *redis,
			   struct wp_error *err) WP_MUST_USE;

/*
 * Wait up to timeout_ms for a pushed message on a subscribed connection
 * (SUBSCRIBE was sent with wp_redis_do()).
 *
 * Errors:  WP_ERR_NOTFOUND  nothing came in time; WP_ERR_UNAVAIL  disconnected
 */
enum wp_err wp_redis_wait(struct wp_redis *redis, int timeout_ms,
			  struct wp_reply **reply_out,
			  struct wp_error *err) WP_MUST_USE;

/*
 * Used memory as per cent of maxmemory, sampled at most once a second on this
 * connection; 0 when maxmemory is unlimited or unknown. The sample also renews
 * the durability, and drops the connection to what has become a replica.
 */
unsigned wp_redis_memory_percent(struct wp_redis *redis);

#endif /* WP_LIB_REDIS_CLIENT_H */
