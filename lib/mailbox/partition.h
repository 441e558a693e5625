/*
 * partition.h - owning partitions and opening their gates (docs/architecture.md
 * "Ownership", docs/architecture.md "After Redis lost its memory"): calls and
 * answers of lease_*, workers, ingress_raise, hint_set and gate_open.
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

enum {
	WP_WORKER_ID_LEN = 32, /* hex digits of a random worker id */
	WP_OWNER_MAX = 63,     /* "<token>:<worker>" */
};

/* KEYS[1] of the lease that lets one worker read wp:inbox. */
#define WP_INBOX_LEASE "wp:{inbox}:"
#define WP_WORKERS_KEY "wp:workers"
/* Doorbell of a worker: "wp:bell:<worker id>"; the message is a partition. */
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
void wp_lease_renew_build(struct wp_cmd *cmd, const char *prefix,
			  const char *value, int64_t lease_ms);
/* WP_OK renewed or released; WP_ERR_STALE not ours; WP_ERR_UNAVAIL. */
enum wp_err wp_lease_parse(const struct wp_reply *reply) WP_MUST_USE;
void wp_lease_release_build(struct wp_cmd *cmd, const char *prefix,
			    const char *value);

/* Announce worker (or leave); the answer is an array of worker ids, sorted. */
void wp_workers_build(struct wp_cmd *cmd, const char *worker, int64_t ttl_ms,
		      bool is_leaving);

void wp_ingress_raise_build(struct wp_cmd *cmd, const struct wp_lease *lease,
			    const struct wp_entry_id *floor);
/* Then names of mailboxes. */
void wp_hint_set_begin(struct wp_cmd *cmd, const struct wp_lease *lease);
void wp_gate_open_build(struct wp_cmd *cmd, const struct wp_lease *lease,
			const char *run_id);
/* For the three above: WP_OK, WP_ERR_STALE (lost), WP_ERR_UNAVAIL. */
enum wp_err wp_guarded_parse(const struct wp_reply *reply) WP_MUST_USE;

/* Note sizes of mailboxes in the cold store, for the quota; then add users. */
void wp_cold_size_begin(struct wp_cmd *cmd, uint32_t partition);
void wp_cold_size_add(struct wp_cmd *cmd, const struct wp_box *box,
		      const struct wp_store_size *size);

#endif /* WP_LIB_MAILBOX_PARTITION_H */
