/*
 * inbox.h - envelopes that trusted programs hand over through wp:inbox: what is
 * read, what becomes of an entry, and the letter about one that is refused.
 *
 * Judged by the rules that hold for everybody's sends (submit.h). An entry's
 * own id is its idempotency key unless the producer gave one, so that reading
 * it twice accepts it once. Builds and judges; the caller talks to Redis.
 */
#ifndef WP_LIB_MAILBOX_INBOX_H
#define WP_LIB_MAILBOX_INBOX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/base/buf.h"
#include "lib/mailbox/sent.h"
#include "lib/mailbox/submit.h"
#include "lib/redis/cmd.h"
#include "lib/redis/reply.h"
#include "lib/sys/conf.h"

#define WP_INBOX_KEY "wp:inbox"

/* How much is read at once: entries, and bytes with one envelope more. */
enum { WP_INBOX_BATCH = 64, WP_INBOX_BYTES = 1024 * 1024 };

/* An entry as it came. Borrowed; texts end with NUL; NULL: not there. */
struct wp_inbox_entry {
	const char *id;
	size_t id_len;
	const char *envelope;
	size_t envelope_len;
	bool is_too_big; /* which is why there is no envelope */
	const char *key;
	size_t key_len;
};

enum wp_fate {
	WP_FATE_SEND,   /* valid, outcome not known yet */
	WP_FATE_KEEP,   /* try again later */
	WP_FATE_ACCEPT, /* accepted: to be removed */
	WP_FATE_REJECT, /* never will be: to be buried */
};

/* Must not move: submission points into it. */
struct wp_inbox_item {
	struct wp_inbox_entry entry;
	enum wp_fate fate;
	enum wp_sent sent; /* of one that is accepted or rejected */
	/* Of one that is rejected the reason, without anything from it. */
	struct wp_submission submission;
	bool has_recipient; /* it was read: submission says for whom it is */
	struct wp_buf json; /* canonical; owned */
};

/* Ask for what lies behind entry after, or at the head when that is "". */
void wp_inbox_read_build(struct wp_cmd *cmd, const struct wp_conf *conf,
			 const char *after);
/* How many entries an answer has, WP_INBOX_BATCH at most; *is_more_out: others
 * are behind them. */
size_t wp_inbox_read_parse(const struct wp_reply *reply, bool *is_more_out);
/* Number i of them; points into the answer. */
struct wp_inbox_entry wp_inbox_entry(const struct wp_reply *reply, size_t i);

/*
 * Judge an entry: the fate is SEND or REJECT.
 *
 * Ownership:  end with wp_inbox_item_release(), also on error
 * Errors:     WP_ERR_NOMEM
 */
enum wp_err wp_inbox_judge(struct wp_inbox_item *item,
			   const struct wp_inbox_entry *entry,
			   const struct wp_conf *conf) WP_MUST_USE;
void wp_inbox_item_release(struct wp_inbox_item *item);

/* What send.lua's verdict makes of it. */
void wp_inbox_hear(struct wp_inbox_item *item,
		   const struct wp_send_result *result);

/*
 * Write the letter about a rejected item to wp:inbox:dlq, without what is too
 * long for that. The answer is a number: of older ones that gave way.
 */
void wp_inbox_bury_build(struct wp_cmd *cmd, const struct wp_conf *conf,
			 const struct wp_inbox_item *item, int64_t now_ms);

#endif /* WP_LIB_MAILBOX_INBOX_H */
