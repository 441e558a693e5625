/*
 * dlq.h - dead letters: what could not be routed, kept until an operator
 * decides (docs/operations.md "Dead letters").
 *
 * Each partition has a queue of them, and so has the inbox of trusted
 * producers. A dead letter is named "<partition>/<entry>" or "inbox/<entry>";
 * that name is not the id of its message, which it has had since it was
 * accepted and keeps when it is requeued.
 */
#ifndef WP_LIB_MAILBOX_DLQ_H
#define WP_LIB_MAILBOX_DLQ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/base/err.h"
#include "lib/name/msgid.h"
#include "lib/name/urn.h"
#include "lib/redis/cmd.h"
#include "lib/redis/reply.h"

enum {
	WP_DLQ_QUEUE_MAX = 8,                                   /* "65535" */
	WP_DLQ_ID_MAX = WP_DLQ_QUEUE_MAX + 1 + WP_ENTRY_ID_MAX, /* with NUL */
	WP_DLQ_REASON_MAX = 255,
	/* Letters of one list or drop call. Redis has to look at what is
	 * sealed in them as well, and everybody waits. */
	WP_DLQ_PAGE_MAX = 32,
	/* A hot queue beyond these is not rebuilt for one dead letter. */
	WP_DLQ_REBUILD_ENTRIES = 10000,
	WP_DLQ_REBUILD_BYTES = 64 * 1024 * 1024,
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

/* XLEN of a queue. */
void wp_dlq_count_build(struct wp_cmd *cmd, const struct wp_dlq_queue *queue);

/*
 * The last letter of a queue. Ids only rise, so whatever dies later is behind
 * it; the clock cannot tell that, it may go back and ids do not.
 *
 * Errors: WP_ERR_NOTFOUND  the queue is empty
 *         WP_ERR_PROTO     no usable answer
 */
void wp_dlq_last_build(struct wp_cmd *cmd, const struct wp_dlq_queue *queue);
enum wp_err wp_dlq_last_parse(const struct wp_reply *reply,
			      struct wp_entry_id *out) WP_MUST_USE;

/*
 * The oldest letters of a queue behind one (after; NULL: from the start) up to
 * one (up_to; NULL: to the end). max is at most WP_DLQ_PAGE_MAX.
 */
void wp_dlq_list_build(struct wp_cmd *cmd, const struct wp_dlq_queue *queue,
		       const struct wp_entry_id *after,
		       const struct wp_entry_id *up_to, size_t max);
/* The one letter of this name; the answer is a list of one or none. */
void wp_dlq_find_build(struct wp_cmd *cmd, const struct wp_dlq_id *id);
/* How many letters an answer to the two above holds; 0 for errors as well. */
size_t wp_dlq_list_count(const struct wp_reply *reply);
/*
 * Letter i < count. Errors: WP_ERR_PROTO when it is no row of dlq_list.
 */
enum wp_err wp_dlq_list_at(const struct wp_reply *reply, size_t i,
			   const struct wp_dlq_queue *queue,
			   struct wp_dlq_letter *out) WP_MUST_USE;

/* Read a letter whole: the only call that brings the envelope along. */
void wp_dlq_read_build(struct wp_cmd *cmd, const struct wp_dlq_id *id);
struct wp_dlq_content {
	const struct wp_reply *envelope; /* borrowed; NULL when it has none */
	const struct wp_reply *key;      /* inbox; likewise */
	const struct wp_reply *first_id; /* inbox: the entry it was there */
};
/* Errors: WP_ERR_NOTFOUND there is no such letter. */
enum wp_err wp_dlq_read_parse(const struct wp_reply *reply,
			      struct wp_dlq_content *out) WP_MUST_USE;

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

/* Deliver a letter of a partition under the id it was accepted with. */
void wp_dlq_requeue_build(struct wp_cmd *cmd, const struct wp_dlq_id *id);
/*
 * *why_out: what is broken; borrowed from reply, "" when there is no more to
 *           say than the outcome does
 * Errors:   WP_ERR_UNAVAIL  no answer or an error: the letter is still there,
 *           or is delivered; doing it again is harmless
 */
enum wp_err wp_dlq_requeue_parse(const struct wp_reply *reply,
				 enum wp_dlq_outcome *out,
				 const char **why_out) WP_MUST_USE;

/*
 * Hand a letter of the inbox in again, with its key. One without a key gets the
 * one that its first entry stood for, so that doing it again is harmless. The
 * letter must be dropped when this was answered with an id. content->envelope
 * must not be NULL.
 */
void wp_dlq_inbox_build(struct wp_cmd *cmd, const struct wp_dlq_id *id,
			const struct wp_dlq_content *content);

/* Throw letters of one queue away; the answer says how many were there. */
void wp_dlq_drop_begin(struct wp_cmd *cmd, const struct wp_dlq_queue *queue);
void wp_dlq_drop_add(struct wp_cmd *cmd, const struct wp_entry_id *entry);

#endif /* WP_LIB_MAILBOX_DLQ_H */
