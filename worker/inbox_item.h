/*
 * inbox_item.h - one entry of wp:inbox, from its fields to a call of send.lua.
 */
#ifndef WP_WORKER_INBOX_ITEM_H
#define WP_WORKER_INBOX_ITEM_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/mailbox/envelope.h"
#include "lib/mailbox/send.h"
#include "lib/redis/reply.h"
#include "lib/sys/conf.h"

enum wp_fate {
	WP_FATE_SEND,   /* valid, outcome not known yet */
	WP_FATE_KEEP,   /* try again later */
	WP_FATE_ACCEPT, /* accepted: to be removed */
	WP_FATE_REJECT, /* never will be: to be buried */
};

/* Pointers go into the reply of inbox_read, and into the item itself. */
struct wp_inbox_item {
	const struct wp_reply *id;
	const struct wp_reply *raw; /* the envelope as it came, or NULL */
	bool is_too_big;            /* which is why raw is NULL */
	const struct wp_reply *key; /* or NULL */
	enum wp_fate fate;
	char reason[128];
	struct wp_envelope envelope;
	struct wp_buf json; /* canonical; owned */
	struct wp_send_item send;
};

/*
 * Read one entry of inbox_read.lua's answer and judge it. The fate is SEND or
 * REJECT.
 *
 * Ownership:  end with wp_inbox_item_release(), also on error
 * Errors:     WP_ERR_NOMEM
 */
enum wp_err wp_inbox_item_read(struct wp_inbox_item *item,
			       const struct wp_reply *entry,
			       const struct wp_conf *conf) WP_MUST_USE;
void wp_inbox_item_release(struct wp_inbox_item *item);

/* It never will be accepted: a sentence without anything from the entry. */
void wp_inbox_item_reject(struct wp_inbox_item *item, const char *reason);

#endif /* WP_WORKER_INBOX_ITEM_H */
