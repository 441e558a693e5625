/*
 * partition.h - owning partitions, and what only their owner does: opening the
 * gate (docs/architecture.md "After Redis lost its memory"), reaping, sweeping
 * out and repairing; routing has route.h. Calls and answers of the scripts for
 * it; when to call them is the worker's business.
 */
#ifndef WP_LIB_MAILBOX_PARTITION_H
#define WP_LIB_MAILBOX_PARTITION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/base/err.h"
#include "lib/name/box.h"
#include "lib/name/msgid.h"
#include "lib/redis/cmd.h"
#include "lib/redis/reply.h"
#include "lib/store/store.h"
#include "lib/sys/conf.h"

enum {
	WP_WORKER_ID_LEN = 32, /* hex digits of a random worker id */
	WP_OWNER_MAX = 63,     /* "<token>:<worker>" */
};

/* KEYS[1] of the lease that lets one worker read wp:inbox. */
#define WP_INBOX_LEASE "wp:{inbox}:"
#define WP_WORKERS_KEY "wp:workers"
/* Doorbell of a worker: "wp:bell:<worker id>"; see worker/bell.h */
#define WP_BELL_PREFIX "wp:bell:"

/* prefix: "wp:{p}:" text of a partition, for lease calls. */
enum { WP_PREFIX_MAX = 16 };
void wp_partition_prefix(char text[WP_PREFIX_MAX], uint32_t partition);

/*
 * A lease of a partition, as the scripts that need one are told of it: they do
 * nothing when the owner is another by now.
 */
struct wp_lease {
	uint32_t partition;
	const char *owner; /* "<token>:<worker>"; borrowed */
	int64_t ms;        /* how long it lasts when a script renews it */
};

void wp_lease_acquire_build(struct wp_cmd *cmd, const char *prefix,
			    const char *worker, int64_t lease_ms);
/* *held: somebody has it; value: theirs or now ours. */
enum wp_err wp_lease_acquire_parse(const struct wp_reply *reply, bool *held_out,
				   char value[WP_OWNER_MAX + 1]) WP_MUST_USE;
/* The two: wp_script_done(), WP_ERR_STALE when it is not ours. */
void wp_lease_renew_build(struct wp_cmd *cmd, const char *prefix,
			  const char *value, int64_t lease_ms);
void wp_lease_release_build(struct wp_cmd *cmd, const char *prefix,
			    const char *value);

/* Announce worker (or leave); the answer is an array of worker ids, sorted. */
void wp_workers_build(struct wp_cmd *cmd, const char *worker, int64_t ttl_ms,
		      bool is_leaving);

/*
 * Add a token that no hint has had before, to a call that sets hints. Made anew
 * for each call: one that is asked again because its outcome is not known must
 * set another, or the ack of somebody who saw the first could clear it.
 */
void wp_hint_token_add(struct wp_cmd *cmd);

/* The three: wp_script_done(), WP_ERR_STALE when the lease is lost. */
void wp_ingress_raise_build(struct wp_cmd *cmd, const struct wp_lease *lease,
			    const struct wp_entry_id *floor);
/* Then names of mailboxes. */
void wp_hint_set_begin(struct wp_cmd *cmd, const struct wp_lease *lease);
void wp_gate_open_build(struct wp_cmd *cmd, const struct wp_lease *lease,
			const char *run_id);

/* The quota knows all sizes again. wp_script_done(), as above. */
void wp_sized_build(struct wp_cmd *cmd, const struct wp_lease *lease);

/* Ask whether the gate is open for this run_id, and sizes are missing behind
 * it. */
void wp_gate_ask_build(struct wp_cmd *cmd, uint32_t partition);
struct wp_gate {
	bool is_open;
	bool is_unsized;
};
void wp_gate_ask_parse(const struct wp_reply *reply, const char *run_id,
		       struct wp_gate *out);

/* Note sizes of mailboxes in the cold store, for the quota; then add users.
 * Needs no lease. */
void wp_cold_size_begin(struct wp_cmd *cmd, uint32_t partition);
void wp_cold_size_add(struct wp_cmd *cmd, const struct wp_box *box,
		      const struct wp_store_size *size);

/* ---- reaping ---- */

/* Reaping what an incarnation left that has stood still at this counter. */
void wp_reap_build(struct wp_cmd *cmd, const struct wp_conf *conf,
		   const struct wp_lease *lease, const char *incarnation,
		   const char *counter);
enum wp_reap_status {
	WP_REAP_DONE,
	WP_REAP_MORE,
	WP_REAP_ALIVE,
	WP_REAP_LOST,    /* not the owner any more */
	WP_REAP_REFUSED, /* no usable answer */
};
/* *removed_out: connections, by this call */
enum wp_reap_status wp_reap_parse(const struct wp_reply *reply,
				  int64_t *removed_out);

/* ---- sweeping (docs/architecture.md "Expiry") ---- */

/*
 * Set by "waypost expire --confirm" to "<ms> <random>": at that time by Redis'
 * clock an operator said that the clock was right. Heard once by all workers
 * together; what the clock does afterwards is another matter.
 */
#define WP_EXPIRE_CONFIRM_KEY "wp:expire:confirm"
enum { WP_EXPIRE_CONFIRM_SECONDS = 3600, WP_EXPIRE_CONFIRM_MAX = 63 };

/* now_ms: the time to delete by; see worker/sweep_clock.h */
void wp_sweep_build(struct wp_cmd *cmd, const struct wp_lease *lease,
		    int64_t now_ms);

/*
 * *deleted_out: expired messages that are gone from hot queues
 * *more_out:    the call should be repeated
 * Errors:  WP_ERR_STALE the lease is lost; WP_ERR_UNAVAIL no usable answer
 */
enum wp_err wp_sweep_parse(const struct wp_reply *reply, int64_t *deleted_out,
			   bool *more_out) WP_MUST_USE;

/* ---- repairing what should never be ---- */

enum wp_repair {
	WP_REPAIR_CONNECTION,  /* of an incarnation that is gone */
	WP_REPAIR_MARK,        /* waiting, offline, and not to be migrated */
	WP_REPAIR_EXPIRY,      /* waiting, and never to be swept */
	WP_REPAIR_STREAM,      /* an empty queue */
	WP_REPAIR_INCARNATION, /* what a dead one left */
	WP_REPAIR_PUSH,        /* waiting, offline, and nobody is to tell */
	WP_REPAIR_COUNT
};

enum wp_audit_kind {
	WP_AUDIT_USER,
	WP_AUDIT_TOLD, /* a user, only for what he was to be told of */
	WP_AUDIT_INCARNATION,
	WP_AUDIT_PUSH, /* what a partition has of no single user for pushes */
};

/* What a key of the keyspace asks to have looked at. */
struct wp_audit_target {
	uint32_t partition;
	enum wp_audit_kind kind;
	const char *name; /* borrowed from the key */
	size_t len;
};

/* False for keys that nothing can be wrong with. */
bool wp_audit_target(const char *key, size_t len, struct wp_audit_target *out);

/* run_id: of the Redis that is asked */
void wp_audit_build(struct wp_cmd *cmd, const struct wp_conf *conf,
		    const char *run_id, const struct wp_audit_target *target);

/* Errors: WP_ERR_UNAVAIL no usable answer */
enum wp_err wp_audit_parse(const struct wp_reply *reply, bool *more_out,
			   int64_t repairs[WP_REPAIR_COUNT]) WP_MUST_USE;

#endif /* WP_LIB_MAILBOX_PARTITION_H */
