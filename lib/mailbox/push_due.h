/*
 * push_due.h - how many mailboxes of a partition are due to be looked at for a
 * push, and since when: for metrics and operators. It claims nobody.
 *
 * Who is claimed has his turn when the claim lapses, and is not due before.
 */
#ifndef WP_LIB_MAILBOX_PUSH_DUE_H
#define WP_LIB_MAILBOX_PUSH_DUE_H

#include <stddef.h>
#include <stdint.h>

#include "lib/base/err.h"
#include "lib/redis/cmd.h"
#include "lib/redis/reply.h"

enum { WP_PUSH_DUE_COMMANDS = 2 }; /* and answers, of a partition */

struct wp_push_due {
	int64_t n;
	int64_t first_ms; /* since when the first of them is; if n > 0 */
};

/*
 * Add the questions about a partition to a group.
 *
 * now_ms:  by Redis' clock
 * Source:  redis.io ZCOUNT, ZRANGEBYSCORE; both O(log N)
 */
void wp_push_due_add(struct wp_cmd *group, uint32_t partition, int64_t now_ms);

/*
 * What was answered to number i of the partitions of a group.
 *
 * Errors:  WP_ERR_UNAVAIL  no or an unusable answer
 */
enum wp_err wp_push_due_parse(const struct wp_reply *answers, size_t i,
			      struct wp_push_due *out) WP_MUST_USE;

#endif /* WP_LIB_MAILBOX_PUSH_DUE_H */
