/*
 * audit.h - calls and answers of audit.lua: repairing what should never be.
 */
#ifndef WP_LIB_MAILBOX_AUDIT_H
#define WP_LIB_MAILBOX_AUDIT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/base/err.h"
#include "lib/redis/cmd.h"
#include "lib/redis/reply.h"

enum wp_repair {
	WP_REPAIR_CONNECTION,  /* of an incarnation that is gone */
	WP_REPAIR_MARK,        /* waiting, offline, and not to be migrated */
	WP_REPAIR_EXPIRY,      /* waiting, and never to be swept */
	WP_REPAIR_STREAM,      /* an empty queue */
	WP_REPAIR_INCARNATION, /* what a dead one left */
	WP_REPAIR_COUNT
};

/* What a key of the keyspace asks to have looked at. */
struct wp_audit_target {
	uint32_t partition;
	bool is_user;     /* else an incarnation */
	const char *name; /* borrowed from the key */
	size_t len;
};

/* False for keys that nothing can be wrong with. */
bool wp_audit_target(const char *key, size_t len, struct wp_audit_target *out);

void wp_audit_build(struct wp_cmd *cmd, const struct wp_audit_target *target);

/* Errors: WP_ERR_UNAVAIL no usable answer */
enum wp_err wp_audit_parse(const struct wp_reply *reply, bool *more_out,
			   int64_t repairs[WP_REPAIR_COUNT]) WP_MUST_USE;

#endif /* WP_LIB_MAILBOX_AUDIT_H */
