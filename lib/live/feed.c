/*
 * feed.c - subscriptions, and what comes in on them.
 */
#include "lib/live/feed.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "lib/mailbox/revoke.h"
#include "lib/mailbox/scripts.h"
#include "lib/name/topic.h"
#include "lib/redis/async.h"

struct wp_feed {
	struct wp_aredis *redis;
	struct wp_feed_hooks hooks;
	char channel[WP_POKE_CHANNEL_MAX + 1]; /* "" when none is subscribed */
	/* What is subscribed for topics, in the order of the setting. */
	char topics[WP_TOPICS_MAX][WP_TOPIC_PATTERN_MAX + 1];
	size_t n_topics;
	bool has_common; /* the channels that are not of an incarnation */
	/* Answers come in the order of the requests. */
	uint32_t n_asked;
	uint32_t n_answered;
	uint32_t first;   /* request of the last wp_feed_listen() */
	uint32_t refused; /* the last request that was, by its number; 0 none */
	uint64_t n_received;
};

static void forget_subscriptions(struct wp_feed *feed)
{
	feed->channel[0] = '\0';
	feed->has_common = false;
	feed->n_asked = 0;
	feed->n_answered = 0;
	feed->refused = 0;
	feed->first = 0;
}

static void feed_on_ready(void *ctx)
{
	struct wp_feed *feed = ctx;

	forget_subscriptions(feed);
	feed->hooks.on_ready(feed->hooks.ctx);
}

static void feed_on_lost(void *ctx)
{
	struct wp_feed *feed = ctx;

	forget_subscriptions(feed);
	feed->hooks.on_lost(feed->hooks.ctx);
}

static void take_notification(const struct wp_feed *feed,
			      const struct wp_reply *channel,
			      const struct wp_reply *data)
{
	size_t len = wp_reply_len(channel);
	const char *who = wp_poke_notified(wp_reply_str(channel), &len);

	if (who != NULL)
		feed->hooks.notification.fn(feed->hooks.notification.ctx, who,
					    len, wp_reply_str(data),
					    wp_reply_len(data));
}

static void take_topic(const struct wp_feed *feed, const char *pattern,
		       const struct wp_reply *channel,
		       const struct wp_reply *data)
{
	size_t i = 0;

	while (i < feed->n_topics && strcmp(pattern, feed->topics[i]) != 0)
		i++;
	if (i < feed->n_topics)
		feed->hooks.topic.fn(feed->hooks.topic.ctx, i,
				     wp_reply_str(channel),
				     wp_reply_len(channel), wp_reply_str(data),
				     wp_reply_len(data));
}

static void feed_on_message(void *ctx, const char *pattern,
			    const struct wp_reply *channel,
			    const struct wp_reply *data)
{
	struct wp_feed *feed = ctx;

	feed->n_received++;
	if (pattern != NULL) {
		if (strcmp(pattern, WP_NOTIFICATION_CHANNELS) == 0)
			take_notification(feed, channel, data);
		else
			take_topic(feed, pattern, channel, data);
		return;
	}
	if (wp_reply_is(channel, WP_REVOKE_CHANNEL)) {
		if (feed->hooks.revocation.fn != NULL)
			feed->hooks.revocation.fn(feed->hooks.revocation.ctx,
						  false);
		return;
	}
	/* What is still under way for an incarnation of before says nothing. */
	if (!wp_reply_is(channel, feed->channel))
		return;
	wp_poke_read(wp_reply_str(data), wp_reply_len(data),
		     feed->hooks.on_poke, feed->hooks.ctx);
}

static enum wp_err read_topics(struct wp_feed *feed, const struct wp_conf *conf,
			       struct wp_error *err)
{
	const struct wp_conf_list *topics = &conf->websocket.topics;
	struct wp_topic topic;
	enum wp_err rc = WP_OK;

	if (feed->hooks.topic.fn == NULL)
		return WP_OK;
	for (size_t i = 0; rc == WP_OK && i < topics->n; i++) {
		rc = wp_topic_read(&topic, topics->items[i], err);
		if (rc == WP_OK)
			wp_topic_glob(&topic, feed->topics[feed->n_topics++]);
	}
	return rc;
}

enum wp_err wp_feed_new(struct wp_feed **out, struct ev_loop *loop,
			const struct wp_conf *conf,
			const struct wp_feed_hooks *hooks, struct wp_error *err)
{
	struct wp_feed *feed = calloc(1, sizeof(*feed));
	const struct wp_aredis_setup setup = {
		.loop = loop,
		.conf = conf,
		.scripts = &wp_scripts,
		.name = "feed",
		.hooks = { .on_ready = feed_on_ready,
			   .on_lost = feed_on_lost,
			   .on_message = feed_on_message,
			   .ctx = feed },
	};
	enum wp_err rc;

	if (feed == NULL)
		return wp_error_set(err, WP_ERR_NOMEM, "out of memory");
	feed->hooks = *hooks;
	rc = read_topics(feed, conf, err);
	if (rc == WP_OK)
		rc = wp_aredis_new(&feed->redis, &setup, err);
	if (rc != WP_OK) {
		free(feed);
		return rc;
	}
	*out = feed;
	return WP_OK;
}

void wp_feed_free(struct wp_feed **feed)
{
	struct wp_feed *f = *feed;

	*feed = NULL;
	if (f == NULL)
		return;
	wp_aredis_free(&f->redis);
	free(f);
}

bool wp_feed_is_ready(const struct wp_feed *feed)
{
	return wp_aredis_is_ready(feed->redis);
}

/* NULL means lost: feed_on_lost() starts the count again. */
static void on_subscribed(void *ctx, const struct wp_reply *reply)
{
	struct wp_feed *feed = ctx;

	if (reply == NULL)
		return;
	feed->n_answered++;
	if (wp_reply_type(reply) == WP_REPLY_ERROR) {
		feed->refused = feed->n_answered;
		feed->hooks.on_refused(feed->hooks.ctx, reply);
	} else if (feed->n_answered == feed->n_asked &&
		   feed->refused < feed->first) {
		feed->hooks.on_listening(feed->hooks.ctx);
	}
}

static void on_common_subscribed(void *ctx, const struct wp_reply *reply)
{
	struct wp_feed *feed = ctx;

	if (reply != NULL && wp_reply_type(reply) == WP_REPLY_ERROR)
		feed->has_common = false; /* to be asked for again */
	on_subscribed(ctx, reply);
}

static enum wp_err subscribe(struct wp_feed *feed, const char *verb,
			     const char *channel, wp_reply_fn fn)
{
	struct wp_cmd cmd;
	enum wp_err rc;

	wp_cmd_init(&cmd);
	wp_cmd_str(&cmd, verb);
	wp_cmd_str(&cmd, channel);
	rc = wp_aredis_subscribe(feed->redis, &cmd, fn, feed);
	wp_cmd_release(&cmd);
	return rc;
}

static enum wp_err subscribe_common(struct wp_feed *feed)
{
	enum wp_err rc = subscribe(feed, "PSUBSCRIBE", WP_NOTIFICATION_CHANNELS,
				   on_common_subscribed);

	if (rc != WP_OK)
		return rc;
	feed->n_asked++;
	rc = subscribe(feed, "SUBSCRIBE", WP_REVOKE_CHANNEL,
		       on_common_subscribed);
	if (rc != WP_OK)
		return rc;
	feed->n_asked++;
	for (size_t i = 0; i < feed->n_topics; i++) {
		rc = subscribe(feed, "PSUBSCRIBE", feed->topics[i],
			       on_common_subscribed);
		if (rc != WP_OK)
			return rc;
		feed->n_asked++;
	}
	feed->has_common = true;
	return WP_OK;
}

enum wp_err wp_feed_listen(struct wp_feed *feed, const char *incarnation)
{
	char before[WP_POKE_CHANNEL_MAX + 1];
	enum wp_err rc;

	memcpy(before, feed->channel, sizeof(before));
	wp_poke_channel(feed->channel, incarnation);
	rc = subscribe(feed, "SUBSCRIBE", feed->channel, on_subscribed);
	if (rc != WP_OK)
		goto out;
	feed->n_asked++;
	feed->first = feed->n_asked;
	if (!feed->has_common) {
		rc = subscribe_common(feed);
		if (rc != WP_OK)
			goto out;
	}
	/* Behind the new one: a connection with no channel left leaves
	 * subscriber mode. */
	if (before[0] != '\0')
		rc = subscribe(feed, "UNSUBSCRIBE", before, NULL);
out:
	if (rc != WP_OK) {
		feed->channel[0] = '\0';
		wp_aredis_reset(feed->redis); /* all or nothing */
	}
	return rc;
}

uint64_t wp_feed_received(const struct wp_feed *feed)
{
	return feed->n_received;
}

void wp_feed_reset(struct wp_feed *feed)
{
	wp_aredis_reset(feed->redis);
}
