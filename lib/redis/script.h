/*
 * script.h - the Lua scripts that are Waypost's only way to change the keyspace
 * of a mailbox, and how a call of one is written down.
 *
 * Sources are lib/mailbox/scripts/<name>.lua, embedded at build time with their
 * "-- include" lines replaced by the parts that they share. Each takes the
 * partition's prefix "wp:{<p>}:" as KEYS[1] and makes every other key from it,
 * so a call touches one hash slot (Redis Cluster) and Lua sees all of a user's
 * state at one instant.
 */
#ifndef WP_LIB_REDIS_SCRIPT_H
#define WP_LIB_REDIS_SCRIPT_H

#include <stddef.h>
#include <stdint.h>

#include "lib/base/err.h"

/* One per file in lib/mailbox/scripts, in alphabetical order. */
enum wp_script {
	WP_SCRIPT_ACK,
	WP_SCRIPT_AUDIT,
	WP_SCRIPT_COLD_SIZE,
	WP_SCRIPT_CONNECT,
	WP_SCRIPT_DISCONNECT,
	WP_SCRIPT_DLQ_DROP,
	WP_SCRIPT_DLQ_LIST,
	WP_SCRIPT_DLQ_REQUEUE,
	WP_SCRIPT_GATE_OPEN,
	WP_SCRIPT_HEARTBEAT,
	WP_SCRIPT_HINT_CLEAR,
	WP_SCRIPT_HINT_SET,
	WP_SCRIPT_INBOX_BURY,
	WP_SCRIPT_INBOX_READ,
	WP_SCRIPT_INGRESS_RAISE,
	WP_SCRIPT_JOIN,
	WP_SCRIPT_LEASE_ACQUIRE,
	WP_SCRIPT_LEASE_RELEASE,
	WP_SCRIPT_LEASE_RENEW,
	WP_SCRIPT_LEAVE,
	WP_SCRIPT_MIGRATE_DUE,
	WP_SCRIPT_MIGRATE_LATER,
	WP_SCRIPT_PREPARE,
	WP_SCRIPT_PRESENCE,
	WP_SCRIPT_PULL,
	WP_SCRIPT_READY,
	WP_SCRIPT_REAP,
	WP_SCRIPT_ROUTE,
	WP_SCRIPT_SEND,
	WP_SCRIPT_SWEEP,
	WP_SCRIPT_TRIM,
	WP_SCRIPT_WORKERS,
	WP_SCRIPT_COUNT
};

struct wp_script_source {
	const char *name; /* "send" */
	const char *text; /* NUL-terminated Lua */
	size_t len;
	char sha1[41]; /* lower-case hex, what EVALSHA wants */
};

/* All sources, made at build time; use wp_script_source(). */
extern const struct wp_script_source wp_script_sources[WP_SCRIPT_COUNT];

/* The source of a script; constant after start. Threads: any. */
const struct wp_script_source *wp_script_source(enum wp_script script);

/* Which script has this name (a word in a test or trace); COUNT if none. */
enum wp_script wp_script_by_name(const char *name);

/*
 * A command on its way to Redis: words with lengths, binary-safe. The words are
 * copied into one growing block, so the caller's memory need not stay.
 */
struct wp_cmd {
	char *block; /* all words, one after the other */
	size_t block_len;
	size_t block_cap;
	size_t *lens; /* length of each word */
	size_t n;
	size_t cap;
	int failed; /* memory ran out; sending it is WP_ERR_NOMEM */
};

void wp_cmd_init(struct wp_cmd *cmd);
void wp_cmd_release(struct wp_cmd *cmd);
/* Empty it, keep the memory. */
void wp_cmd_clear(struct wp_cmd *cmd);
void wp_cmd_add(struct wp_cmd *cmd, const void *data, size_t len);
void wp_cmd_str(struct wp_cmd *cmd, const char *text);
void wp_cmd_int(struct wp_cmd *cmd, int64_t value);

/* Clear cmd and begin EVALSHA <sha> 1 wp:{partition}: */
void wp_cmd_script(struct wp_cmd *cmd, enum wp_script script,
		   uint32_t partition);

/* Clear cmd and begin EVALSHA <sha> 1 <key>, for keys outside partitions. */
void wp_cmd_script_key(struct wp_cmd *cmd, enum wp_script script,
		       const char *key);

#endif /* WP_LIB_REDIS_SCRIPT_H */
