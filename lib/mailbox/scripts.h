/*
 * scripts.h - the Lua scripts that are Waypost's only way to change the
 * keyspace of a mailbox, and of the sessions of its user.
 *
 * Sources are lib/mailbox/scripts/<name>.lua, embedded at build time with their
 * "-- include" lines replaced by the parts that they share. Each takes the
 * partition's prefix "wp:{<p>}:" as KEYS[1] and makes every other key from it,
 * so a call touches one hash slot (Redis Cluster) and Lua sees all of a user's
 * state at one instant; send, route, connect, landed, push_look and census take
 * several partitions, and dlq_*, inbox_*, ready, revoke and workers keys that
 * are of none.
 */
#ifndef WP_LIB_MAILBOX_SCRIPTS_H
#define WP_LIB_MAILBOX_SCRIPTS_H

#include <stdint.h>

#include "lib/base/err.h"
#include "lib/redis/cmd.h"
#include "lib/redis/reply.h"

/* One per file in lib/mailbox/scripts, in alphabetical order. */
enum wp_script {
	WP_SCRIPT_ACK,
	WP_SCRIPT_ALIVE,
	WP_SCRIPT_AUDIT,
	WP_SCRIPT_CENSUS,
	WP_SCRIPT_COLD_SIZE,
	WP_SCRIPT_CONNECT,
	WP_SCRIPT_DISCONNECT,
	WP_SCRIPT_DLQ_DROP,
	WP_SCRIPT_DLQ_LIST,
	WP_SCRIPT_DLQ_REQUEUE,
	WP_SCRIPT_GATE_OPEN,
	WP_SCRIPT_GLANCE,
	WP_SCRIPT_HEARTBEAT,
	WP_SCRIPT_HINT_CLEAR,
	WP_SCRIPT_HINT_SET,
	WP_SCRIPT_INBOX_BURY,
	WP_SCRIPT_INBOX_READ,
	WP_SCRIPT_INGRESS_RAISE,
	WP_SCRIPT_INSPECT,
	WP_SCRIPT_INVITE_PUT,
	WP_SCRIPT_INVITE_TAKE,
	WP_SCRIPT_JOIN,
	WP_SCRIPT_LANDED,
	WP_SCRIPT_LEASE_ACQUIRE,
	WP_SCRIPT_LEASE_RELEASE,
	WP_SCRIPT_LEASE_RENEW,
	WP_SCRIPT_LEAVE,
	WP_SCRIPT_LIMIT,
	WP_SCRIPT_LOGIN_BEGIN,
	WP_SCRIPT_MIGRATE_DUE,
	WP_SCRIPT_MIGRATE_LATER,
	WP_SCRIPT_PREPARE,
	WP_SCRIPT_PRESENCE,
	WP_SCRIPT_PUSH_CHECK,
	WP_SCRIPT_PUSH_DONE,
	WP_SCRIPT_PUSH_FORWARD,
	WP_SCRIPT_PUSH_LOOK,
	WP_SCRIPT_PUSH_TAKE,
	WP_SCRIPT_PUSH_WAKE,
	WP_SCRIPT_READY,
	WP_SCRIPT_REAP,
	WP_SCRIPT_RESET_TAKE,
	WP_SCRIPT_REVOKE,
	WP_SCRIPT_ROUTE,
	WP_SCRIPT_SEND,
	WP_SCRIPT_SESSION_CLOSE,
	WP_SCRIPT_SESSION_END,
	WP_SCRIPT_SESSION_REFRESH,
	WP_SCRIPT_SESSION_SEEN,
	WP_SCRIPT_SESSION_SETTLE,
	WP_SCRIPT_SIZED,
	WP_SCRIPT_SWEEP,
	WP_SCRIPT_TRIM,
	WP_SCRIPT_WORKERS,
	WP_SCRIPT_COUNT
};

/* All of them by number, for whoever makes a client. Made at build time. */
extern const struct wp_script_set wp_scripts;

/* Clear cmd and begin EVALSHA <sha> 1 wp:{partition}: */
void wp_cmd_script(struct wp_cmd *cmd, enum wp_script script,
		   uint32_t partition);
/* The same behind the commands of a group that were ended. */
void wp_cmd_script_next(struct wp_cmd *cmd, enum wp_script script,
			uint32_t partition);

/*
 * Clear cmd and begin EVALSHA <sha> <n>, for n partitions; wp_cmd_prefix() of
 * each is to follow. In a Redis Cluster they must be of one slot: the caller
 * decides what goes together.
 */
void wp_cmd_script_of(struct wp_cmd *cmd, enum wp_script script, size_t n);
void wp_cmd_prefix(struct wp_cmd *cmd, uint32_t partition);

/* Clear cmd and begin EVALSHA <sha> 1 <key>, for keys outside partitions. */
void wp_cmd_script_key(struct wp_cmd *cmd, enum wp_script script,
		       const char *key);

/*
 * What most of them answer: WP_OK for {"ok"} or 1; WP_ERR_STALE for {"lost"},
 * {"busy"} or 0: it is not the caller's, or not any more; else WP_ERR_UNAVAIL.
 */
enum wp_err wp_script_done(const struct wp_reply *reply) WP_MUST_USE;

/*
 * Clear cmd and begin a plain command about a key of a partition: name is what
 * is behind the "}:", 15 characters at most.
 */
void wp_cmd_key(struct wp_cmd *cmd, const char *command, uint32_t partition,
		const char *name);

#endif /* WP_LIB_MAILBOX_SCRIPTS_H */
