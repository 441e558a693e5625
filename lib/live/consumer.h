/*
 * consumer.h - connections that are sent their messages: what lib/delivery
 * wants is read here, a few pages at a time, and who waits for one has it in
 * his turn.
 *
 * What a message looks like on the wire, and what becomes of a connection, is
 * its owner's business.
 *
 * Threads: the loop's.
 */
#ifndef WP_LIB_LIVE_CONSUMER_H
#define WP_LIB_LIVE_CONSUMER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/base/err.h"
#include "lib/live/hub.h"
#include "lib/live/live.h"
#include "lib/live/turn.h"
#include "lib/mailbox/ack.h"
#include "lib/name/msgid.h"

/* Pages that are read at once, and as many more in the cold store: what is read
 * for a connection, and not given to it yet, costs memory. */
enum { WP_CONSUMER_PAGES_MAX = 32 };

struct wp_consumer;  /* a connection */
struct wp_consumers; /* all of a program */

struct wp_consumers_setup {
	struct wp_live *live; /* borrowed, as is turn: the clock */
	const struct wp_turn *turn;
	/*
	 * Put a message on its way. It may end the connection and must not free
	 * its consumer.
	 *
	 * envelope:  borrowed for the call
	 * Returns:   false when it cannot be put on its way
	 */
	bool (*send)(void *ctx, struct wp_member *member,
		     const struct wp_msgid *id, const char *envelope,
		     size_t len);
	/* wp_consumer_deadline() is another one. */
	void (*on_deadline)(void *ctx, struct wp_member *member);
	void *ctx;
};

/* NULL when there is no memory. */
struct wp_consumers *wp_consumers_new(const struct wp_consumers_setup *setup);
/* No consumer may be left. What is being read must have been answered:
 * wp_live_release(). NULL-safe. */
void wp_consumers_free(struct wp_consumers **all);

size_t wp_consumers_count(const struct wp_consumers *all);

struct wp_consumer_rules {
	size_t window; /* messages that are sent and not acked; 1 to 500 */
	size_t bytes;  /* of their envelopes, > 0; a longer one goes alone */
	uint32_t ack_ticks; /* WP_TICK_MS: so long it may ack nothing */
};

/*
 * Begin with nothing sent: poke it when messages wait.
 *
 * member:  borrowed
 * Errors:  NULL when there is no memory
 */
struct wp_consumer *wp_consumer_new(struct wp_consumers *all,
				    struct wp_member *member,
				    const struct wp_consumer_rules *rules);
/* What it is sent no more; a page under way is dropped. NULL-safe. */
void wp_consumer_free(struct wp_consumer **consumer);

/* Something may wait for it. */
void wp_consumer_poke(struct wp_consumer *consumer);
/* It is there: an ack has come, whatever becomes of that. */
void wp_consumer_hear(struct wp_consumer *consumer);
/* These are deleted. */
void wp_consumer_acked(struct wp_consumer *consumer,
		       const struct wp_ack_ids *ids);

/* When wp_consumer_on_time() is to be asked next; UINT32_MAX: never. */
uint32_t wp_consumer_deadline(const struct wp_consumer *consumer);
/*
 * See what the time asks for. To be asked at its deadline, or more often.
 *
 * Returns:  false when it has acked nothing for too long
 */
bool wp_consumer_on_time(struct wp_consumer *consumer) WP_MUST_USE;

#endif /* WP_LIB_LIVE_CONSUMER_H */
