/*
 * test_redis.h - what integration tests need of Redis: the server that the
 * runner started for them, a second one to kill, and raw commands.
 */
#ifndef WP_TESTS_SUPPORT_TEST_REDIS_H
#define WP_TESTS_SUPPORT_TEST_REDIS_H

#include <stdbool.h>
#include <sys/types.h>

#include "lib/redis/client.h"
#include "lib/redis/reply.h"
#include "lib/sys/conf.h"

/*
 * What main() returns when the runner gave no Redis: "skipped", not "passed".
 */
enum { WP_TEST_SKIPPED = 77, WP_TEST_PARTITIONS = 8 };

/*
 * Is there a Redis to test with? Otherwise says so loudly on standard error.
 * Also ignores SIGPIPE, as every program of ours does.
 */
bool wp_test_redis_present(void);

/* WAYPOST_TEST_DIR: an empty directory of this test program. */
const char *wp_test_dir(void);

/*
 * Settings of a test: local mode, the runner's Redis (or the one whose socket
 * is at path, if that is not NULL), sane limits, 8 partitions, secrets of no
 * worth, a SQLite path in the test's directory. Nothing in it is to be freed;
 * valid until the next call with a path.
 */
void wp_test_conf(struct wp_conf *conf, const char *path);

/* A client that is connected; aborts the test if that fails. */
struct wp_redis *wp_test_redis(const struct wp_conf *conf);

/*
 * Send words (a list that NULL ends) and return the answer, the caller's; NULL
 * when there was none.
 */
struct wp_reply *wp_test_cmd(struct wp_redis *redis, const char *word, ...)
	__attribute__((sentinel));
/* The same when the answer does not matter, but there must be one. */
void wp_test_run(struct wp_redis *redis, const char *word, ...)
	__attribute__((sentinel));

/* A Redis of one's own, for tests that kill it. */
struct wp_test_server {
	pid_t pid; /* 0 = not running */
	char dir[80];
	char path[100]; /* of the socket */
};

/*
 * Start a server with its data in <WAYPOST_TEST_DIR>/<name>, with everything
 * on disk before it is answered. Starting it again finds the data. options: a
 * NULL-terminated list of further words of its command line, or NULL.
 */
void wp_test_server_start(struct wp_test_server *server, const char *name,
			  const char *const *options);

/* The same without waiting until it is up, which it may never be. */
void wp_test_server_spawn(struct wp_test_server *server, const char *name,
			  const char *const *options);

/* Send a signal and, unless it is SIGSTOP or SIGCONT, see it die. */
void wp_test_server_kill(struct wp_test_server *server, int signo);

#endif /* WP_TESTS_SUPPORT_TEST_REDIS_H */
