/*
 * feed.h - the daemon's ear: one subscribed Redis connection.
 *
 * It hears the channel of the current incarnation (pokes, kicks, our own
 * nonces), every channel of notifications or those that it is asked to hear,
 * and that of revocations. It knows when it is deaf, and nothing of who is
 * connected.
 */
#ifndef WP_LIB_LIVE_FEED_H
#define WP_LIB_LIVE_FEED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/base/buf.h"
#include "lib/base/err.h"
#include "lib/live/hub.h"
#include "lib/mailbox/presence.h"
#include "lib/redis/reply.h"
#include "lib/sys/conf.h"

struct ev_loop;
struct wp_feed;

/* What a backend says to a user; texts are borrowed and not terminated. */
struct wp_notification_hook {
	void (*fn)(void *ctx, const char *who, size_t who_len, const char *data,
		   size_t len);
	/* For n of them, at most WP_HUB_NAMES_MAX, fn is about to be called.
	 * NULL: nobody looks ahead. */
	void (*ahead)(void *ctx, const struct wp_hub_name *who, size_t n);
	void *ctx;
};

/* The same on a channel of websocket.topics, by its number there. */
struct wp_topic_hook {
	void (*fn)(void *ctx, size_t topic, const char *channel,
		   size_t channel_len, const char *data, size_t len);
	void *ctx; /* fn NULL: topics are not listened to */
};

/* There may be something new to read in the stream of what was revoked. */
struct wp_revocation_hook {
	/* is_new: in a life of Redis that nothing was read in yet, perhaps */
	void (*fn)(void *ctx, bool is_new); /* or NULL */
	void *ctx;
};

struct wp_feed_hooks {
	void (*on_ready)(void *ctx); /* wp_feed_listen() works now */
	void (*on_lost)(void *ctx);  /* deaf until ready and listening again */
	/* Redis confirmed everything that the last wp_feed_listen() asked. */
	void (*on_listening)(void *ctx);
	/* One more request was answered (wp_feed_answered()). NULL: nobody
	 * asks. */
	void (*on_answered)(void *ctx);
	/*
	 * Redis refuses a channel: deaf until wp_feed_listen() is called again.
	 */
	void (*on_refused)(void *ctx, const struct wp_reply *reply);
	void (*on_poke)(void *ctx, const struct wp_poke *poke);
	void *ctx;
	struct wp_notification_hook notification;
	struct wp_topic_hook topic;
	struct wp_revocation_hook revocation;
};

/* conf, loop and hooks->ctx must outlive the feed. Starts connecting. */
enum wp_err wp_feed_new(struct wp_feed **out, struct ev_loop *loop,
			const struct wp_conf *conf,
			const struct wp_feed_hooks *hooks,
			struct wp_error *err) WP_MUST_USE;
void wp_feed_free(struct wp_feed **feed);

bool wp_feed_is_ready(const struct wp_feed *feed);

/*
 * Subscribe to the channel of incarnation, drop that of the one before, and
 * keep notifications and revocations subscribed.
 *
 * Errors:  WP_ERR_UNAVAIL  not ready, or lost meanwhile: wait for on_ready
 */
enum wp_err wp_feed_listen(struct wp_feed *feed,
			   const char *incarnation) WP_MUST_USE;

/*
 * With websocket.feed_mode per-user: hear the notifications of this user, by
 * both names that its channel may have, until the feed is lost; and: no more.
 *
 * urn:     len bytes, canonical
 * Errors:  WP_ERR_UNAVAIL  not ready
 *          WP_ERR_FULL, WP_ERR_NOMEM
 *          one of the names may have been asked for; asking again is harmless
 */
enum wp_err wp_feed_hear(struct wp_feed *feed, const char *urn,
			 size_t len) WP_MUST_USE;
void wp_feed_unhear(struct wp_feed *feed, const char *urn, size_t len);

/* The number of the last request, and of the last that Redis has answered.
 * What the connection was lost with counts as answered. */
uint64_t wp_feed_asked(const struct wp_feed *feed);
uint64_t wp_feed_answered(const struct wp_feed *feed);

/* Append what an ACL user needs to hear all of it: "&wp:*, …". */
void wp_feed_write_rights(const struct wp_feed *feed, struct wp_buf *out);

/* Messages received so far: a feed that is busy is not half-open. */
uint64_t wp_feed_received(const struct wp_feed *feed);

/* The subscription seems half-open: connect anew. on_lost follows. */
void wp_feed_reset(struct wp_feed *feed);

#endif /* WP_LIB_LIVE_FEED_H */
