/*
 * dlq.h - dead letters: what could not be routed, kept until an operator
 * decides (docs/operations.md "Dead letters").
 *
 * Each partition has a queue of them, and so has the inbox of trusted
 * producers. A dead letter is named "<partition>/<entry>" or "inbox/<entry>";
 * that name is not the id of its message, which it has had since it was
 * accepted and keeps when it is requeued.
 *
 * All that asks Redis waits for it. Errors of all:
 *   WP_ERR_UNAVAIL  no answer, or Redis refuses, with its sentence
 *   WP_ERR_PROTO    what is there is no queue of dead letters
 */
#ifndef WP_LIB_MAILBOX_DLQ_H
#define WP_LIB_MAILBOX_DLQ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/base/buf.h"
#include "lib/base/err.h"
#include "lib/name/msgid.h"
#include "lib/name/urn.h"
#include "lib/redis/client.h"

enum {
	WP_DLQ_ID_MAX = sizeof("65535/") + WP_ENTRY_ID_MAX - 1, /* with NUL */
	WP_DLQ_REASON_MAX = 255,
	WP_DLQ_WHY_MAX = 77,
	/* Letters of one list or drop call. Redis has to look at what is
	 * sealed in them as well, and everybody waits. */
	WP_DLQ_PAGE_MAX = 32,
};

/* Where dead letters wait. */
struct wp_dlq_queue {
	bool is_inbox;
	uint32_t partition; /* when not the inbox's */
};

struct wp_dlq_id {
	struct wp_dlq_queue queue;
	struct wp_entry_id entry;
};

/* "7" or "inbox", and "7/1700000000000-0". */
bool wp_dlq_queue_parse(struct wp_dlq_queue *out, const char *text, size_t len);
void wp_dlq_id_format(const struct wp_dlq_id *id, char text[WP_DLQ_ID_MAX]);
bool wp_dlq_id_parse(struct wp_dlq_id *out, const char *text, size_t len);

/* Everything about a dead letter but what is sealed in it. Plain data. */
struct wp_dlq_letter {
	struct wp_dlq_id id;
	struct wp_msgid msgid;
	int64_t tries;
	int64_t died_ms;    /* by Redis' clock */
	int64_t expires_ms; /* 0 unknown */
	size_t envelope_bytes;
	bool has_msgid; /* never in the inbox: not accepted yet */
	bool has_key;   /* inbox: the producer gave an idempotency key */
	bool is_ephemeral;
	char reason[WP_DLQ_REASON_MAX + 1]; /* printable ASCII */
	char recipient[WP_URN_MAX + 1];     /* the same; "" unknown */
};

/* Keep those of n queues that hold letters, in their order; *n: how many. */
enum wp_err wp_dlq_keep_full(struct wp_redis *redis,
			     struct wp_dlq_queue *queues, size_t *n,
			     struct wp_error *err) WP_MUST_USE;

/*
 * The last letter of a queue. Ids only rise, so whatever dies later is behind
 * it; the clock cannot tell that, it may go back and ids do not.
 *
 * Errors: also WP_ERR_NOTFOUND  the queue is empty
 */
enum wp_err wp_dlq_last(struct wp_redis *redis,
			const struct wp_dlq_queue *queue,
			struct wp_entry_id *out,
			struct wp_error *err) WP_MUST_USE;

/* A part of a queue; all is the caller's. */
struct wp_dlq_page {
	const struct wp_dlq_queue *queue;
	const struct wp_entry_id *after; /* NULL: from the oldest */
	const struct wp_entry_id *up_to; /* NULL: to the newest */
	struct wp_dlq_letter *letters;   /* room for max */
	size_t max;                      /* at most WP_DLQ_PAGE_MAX */
	size_t n;                        /* read */
};
/* Read up to max letters of a queue into page, the oldest first. */
enum wp_err wp_dlq_list(struct wp_redis *redis, struct wp_dlq_page *page,
			struct wp_error *err) WP_MUST_USE;
/* The one letter of this name. Errors: also WP_ERR_NOTFOUND. */
enum wp_err wp_dlq_find(struct wp_redis *redis, const struct wp_dlq_id *id,
			struct wp_dlq_letter *out,
			struct wp_error *err) WP_MUST_USE;
/*
 * Append its envelope, nothing when it has none: the only call that brings it
 * along.
 *
 * Errors: also WP_ERR_NOTFOUND
 */
enum wp_err wp_dlq_read(struct wp_redis *redis, const struct wp_dlq_id *id,
			struct wp_buf *envelope,
			struct wp_error *err) WP_MUST_USE;

enum wp_dlq_outcome {
	WP_DLQ_REQUEUED,
	WP_DLQ_GONE,    /* there is no such dead letter (any more) */
	WP_DLQ_EXPIRED, /* nobody would be shown it */
	WP_DLQ_ABSENT,  /* ephemeral, and its recipient is offline */
	WP_DLQ_BROKEN,  /* it cannot be delivered as it is */
	WP_DLQ_LONG,    /* the hot queue is too long to be rebuilt now */
	WP_DLQ_OUTCOMES
};
/* A sentence without a full stop, for operators. */
const char *wp_dlq_outcome_text(enum wp_dlq_outcome outcome);

/*
 * Give a letter its second chance: one of a partition is delivered under the id
 * it was accepted with; one of the inbox is handed in again with its key, or
 * with the one that its first entry stood for. Doing it again is harmless, also
 * after an error.
 *
 * why:  what is broken; "" when there is no more to say than the outcome does
 */
enum wp_err wp_dlq_requeue(struct wp_redis *redis, const struct wp_dlq_id *id,
			   enum wp_dlq_outcome *out,
			   char why[WP_DLQ_WHY_MAX + 1],
			   struct wp_error *err) WP_MUST_USE;

/*
 * Throw n letters of one queue away.
 *
 * *dropped:  raised by how many were there
 */
enum wp_err wp_dlq_drop(struct wp_redis *redis,
			const struct wp_dlq_letter *letters, size_t n,
			int64_t *dropped, struct wp_error *err) WP_MUST_USE;

#endif /* WP_LIB_MAILBOX_DLQ_H */
