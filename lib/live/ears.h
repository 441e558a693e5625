/*
 * ears.h - with websocket.feed_mode per-user: who is heard on channels of his
 * own, and who waits until he is.
 *
 * Redis is asked when a connection comes to a user whom nobody hears yet, and
 * again when the connection is registered, which it is anew behind each loss:
 * so the channels of many users come back at the pace of their registrations.
 * Whoever may be told that he is here may also be heard.
 *
 * Without a feed everybody is heard as it is, and nothing is done here.
 */
#ifndef WP_LIB_LIVE_EARS_H
#define WP_LIB_LIVE_EARS_H

#include <stddef.h>
#include <stdint.h>

#include "lib/live/feed.h"
#include "lib/live/hub.h"

struct wp_ears_hooks {
	/* What was published for member's user from now on is heard. */
	void (*on_heard)(void *ctx, struct wp_member *member, int64_t pending);
	/* Whether it is cannot be known now. */
	void (*on_unheard)(void *ctx, struct wp_member *member);
	void *ctx;
};

/* Somebody who is registered and waits; Redis answers in order. */
struct wp_ears_waiter {
	uint64_t number;  /* of the member */
	uint64_t request; /* of the feed, that has to be answered */
	int64_t pending;  /* for the hook */
};

struct wp_ears {
	struct wp_hub *hub;
	struct wp_feed *feed; /* NULL: nobody needs an ear of his own */
	struct wp_ears_hooks hooks;
	struct wp_ears_waiter *waiters; /* owned; first in, first out */
	size_t head;
	size_t n; /* behind head */
	size_t cap;
};

/* All is borrowed. End with wp_ears_release(), which calls nobody. */
void wp_ears_init(struct wp_ears *ears, struct wp_hub *hub,
		  const struct wp_ears_hooks *hooks);
void wp_ears_release(struct wp_ears *ears);

/* member has joined its user, or is about to leave it. */
void wp_ears_open(struct wp_ears *ears, const struct wp_member *member);
void wp_ears_close(struct wp_ears *ears, const struct wp_member *member);

/* Call one of the hooks for member, now or when Redis has answered; none when
 * it leaves before. pending: for on_heard */
void wp_ears_await(struct wp_ears *ears, struct wp_member *member,
		   int64_t pending);

/* The feed has got an answer. */
void wp_ears_answered(struct wp_ears *ears);
/* Whoever waits is told that he is not heard. */
void wp_ears_give_up(struct wp_ears *ears);
/* The feed is deaf: nobody is heard who is not asked for again. */
void wp_ears_forget(struct wp_ears *ears);

#endif /* WP_LIB_LIVE_EARS_H */
