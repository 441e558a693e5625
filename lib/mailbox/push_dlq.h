/*
 * push_dlq.h - wp:push:dlq, what was given up about devices: a push that its
 * provider will never take, or has not taken for too long. Nobody repeats it;
 * it is there to be seen (docs/operations.md "Metrics").
 *
 * It says of which device, and not whose that is.
 */
#ifndef WP_LIB_MAILBOX_PUSH_DLQ_H
#define WP_LIB_MAILBOX_PUSH_DLQ_H

#include <stdint.h>

#include "lib/push/kind.h"
#include "lib/redis/cmd.h"

#define WP_PUSH_DLQ_KEY "wp:push:dlq"

/* So many stay, or some more: the oldest go in blocks. */
enum { WP_PUSH_DLQ_MAX = 10000 };

/* Text is borrowed. */
struct wp_push_letter {
	const char *device; /* its id as text */
	uint32_t partition; /* of its user */
	enum wp_push_kind kind;
	const char *app;
	const char *reason; /* a provider's word, or ours */
	int64_t tries;
	int64_t at_ms; /* when it was given up, since 1970 */
};

/* Source: redis.io XADD, MAXLEN ~ */
void wp_push_letter_build(struct wp_cmd *cmd,
			  const struct wp_push_letter *letter);

#endif /* WP_LIB_MAILBOX_PUSH_DLQ_H */
