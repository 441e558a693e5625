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
#include "lib/name/urn.h"
#include "lib/redis/async.h"

/* "<prefix><rest>", and rest need not be terminated. */
struct wp_channel {
	const char *prefix;
	const char *rest;
	size_t len; /* of rest */
};

struct wp_feed {
	struct wp_aredis *redis;
	struct wp_feed_hooks hooks;
	char channel[WP_POKE_CHANNEL_MAX + 1]; /* "" when none is subscribed */
	/* What is subscribed for topics, in the order of the setting. */
	char topics[WP_TOPICS_MAX][WP_TOPIC_PATTERN_MAX + 1];
	size_t n_topics;
	bool has_common; /* the channels that are not of an incarnation */
	bool is_per_user;
	/* Answers come in the order of the requests, one for each. */
	uint64_t n_asked;
	uint64_t n_answered;
	uint64_t first;   /* request of the last wp_feed_listen() */
	uint64_t last;    /* likewise */
	uint64_t refused; /* the last request that was, by its number; 0 none */
	uint64_t n_received;
};

static void forget_subscriptions(struct wp_feed *feed)
{
	feed->channel[0] = '\0';
	feed->has_common = false;
	feed->n_answered = feed->n_asked;
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

static bool is_text(const char *data, size_t len, const char *text)
{
	return len == strlen(text) && memcmp(data, text, len) == 0;
}

static void take_notification(const struct wp_feed *feed,
			      const struct wp_pushed *message)
{
	size_t len = message->channel_len;
	const char *who = wp_poke_notified(message->channel, &len);

	if (who != NULL)
		feed->hooks.notification.fn(feed->hooks.notification.ctx, who,
					    len, message->data, message->len);
}

_Static_assert((int)WP_AREDIS_COMING_MAX <= (int)WP_HUB_NAMES_MAX,
	       "one look for all that come at once");

static void feed_on_coming(void *ctx, const struct wp_pushed *messages,
			   size_t n)
{
	const struct wp_feed *feed = ctx;
	struct wp_hub_name who[WP_AREDIS_COMING_MAX];
	size_t n_who = 0;

	if (feed->hooks.notification.ahead == NULL)
		return;
	for (size_t i = 0; i < n; i++) {
		size_t len = messages[i].channel_len;
		const char *text = wp_poke_notified(messages[i].channel, &len);

		if (text != NULL)
			who[n_who++] = (struct wp_hub_name){ text, len };
	}
	feed->hooks.notification.ahead(feed->hooks.notification.ctx, who,
				       n_who);
}

static void take_topic(const struct wp_feed *feed,
		       const struct wp_pushed *message)
{
	size_t i = 0;

	while (i < feed->n_topics &&
	       !is_text(message->pattern, message->pattern_len,
			feed->topics[i]))
		i++;
	if (i < feed->n_topics)
		feed->hooks.topic.fn(feed->hooks.topic.ctx, i, message->channel,
				     message->channel_len, message->data,
				     message->len);
}

static void feed_on_message(void *ctx, const struct wp_pushed *message)
{
	struct wp_feed *feed = ctx;

	feed->n_received++;
	if (message->pattern != NULL) {
		if (is_text(message->pattern, message->pattern_len,
			    WP_NOTIFICATION_CHANNELS))
			take_notification(feed, message);
		else
			take_topic(feed, message);
		return;
	}
	if (is_text(message->channel, message->channel_len,
		    WP_REVOKE_CHANNEL)) {
		if (feed->hooks.revocation.fn != NULL)
			feed->hooks.revocation.fn(feed->hooks.revocation.ctx,
						  false);
		return;
	}
	if (is_text(message->channel, message->channel_len, feed->channel))
		wp_poke_read(message->data, message->len, feed->hooks.on_poke,
			     feed->hooks.ctx);
	else
		/* What is still under way for an incarnation of before says
		 * nothing, and is for nobody. */
		take_notification(feed, message);
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
			   .on_coming = feed_on_coming,
			   .ctx = feed },
	};
	enum wp_err rc;

	if (feed == NULL)
		return wp_error_set(err, WP_ERR_NOMEM, "out of memory");
	feed->hooks = *hooks;
	feed->is_per_user = conf->websocket.feed_mode == WP_FEED_PER_USER;
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
		return;
	}
	if (feed->n_answered == feed->last && feed->refused < feed->first)
		feed->hooks.on_listening(feed->hooks.ctx);
	if (feed->hooks.on_answered != NULL)
		feed->hooks.on_answered(feed->hooks.ctx);
}

static void on_common_subscribed(void *ctx, const struct wp_reply *reply)
{
	struct wp_feed *feed = ctx;

	if (reply != NULL && wp_reply_type(reply) == WP_REPLY_ERROR)
		feed->has_common = false; /* to be asked for again */
	on_subscribed(ctx, reply);
}

/* fn: NULL for who gives up a channel, which nobody waits for */
static enum wp_err ask(struct wp_feed *feed, const char *verb,
		       const struct wp_channel *channel, wp_reply_fn fn)
{
	struct wp_cmd cmd;
	enum wp_err rc;

	wp_cmd_init(&cmd);
	wp_cmd_str(&cmd, verb);
	wp_cmd_join(&cmd, channel->prefix, strlen(channel->prefix),
		    channel->rest, channel->len);
	rc = wp_aredis_subscribe(feed->redis, &cmd, fn, feed);
	wp_cmd_release(&cmd);
	if (rc == WP_OK && fn != NULL)
		feed->n_asked++;
	return rc;
}

static enum wp_err subscribe(struct wp_feed *feed, const char *verb,
			     const char *name, wp_reply_fn fn)
{
	const struct wp_channel channel = { .prefix = name, .rest = "" };

	return ask(feed, verb, &channel, fn);
}

/* That of nobody is of no use, but tells whether we may hear any. */
static enum wp_err subscribe_notifications(struct wp_feed *feed)
{
	return feed->is_per_user
		       ? subscribe(feed, "SUBSCRIBE", WP_NOTIFICATION_CHANNEL,
				   on_common_subscribed)
		       : subscribe(feed, "PSUBSCRIBE", WP_NOTIFICATION_CHANNELS,
				   on_common_subscribed);
}

static enum wp_err subscribe_common(struct wp_feed *feed)
{
	enum wp_err rc = subscribe_notifications(feed);

	if (rc == WP_OK)
		rc = subscribe(feed, "SUBSCRIBE", WP_REVOKE_CHANNEL,
			       on_common_subscribed);
	for (size_t i = 0; rc == WP_OK && i < feed->n_topics; i++)
		rc = subscribe(feed, "PSUBSCRIBE", feed->topics[i],
			       on_common_subscribed);
	feed->has_common = rc == WP_OK;
	return rc;
}

enum wp_err wp_feed_listen(struct wp_feed *feed, const char *incarnation)
{
	char before[WP_POKE_CHANNEL_MAX + 1];
	enum wp_err rc;

	memcpy(before, feed->channel, sizeof(before));
	wp_poke_channel(feed->channel, incarnation);
	feed->first = feed->n_asked + 1;
	rc = subscribe(feed, "SUBSCRIBE", feed->channel, on_subscribed);
	if (rc != WP_OK)
		goto out;
	if (!feed->has_common) {
		rc = subscribe_common(feed);
		if (rc != WP_OK)
			goto out;
	}
	feed->last = feed->n_asked;
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

/* For each channel that a back end may publish to for this user. */
static enum wp_err ask_for_user(struct wp_feed *feed, const char *verb,
				const char *urn, size_t len, wp_reply_fn fn)
{
	struct wp_channel channel = {
		.prefix = WP_NOTIFICATION_CHANNEL,
		.rest = urn,
		.len = len,
	};
	enum wp_err rc = ask(feed, verb, &channel, fn);

	channel.rest = wp_urn_legacy(urn, &channel.len);
	return rc == WP_OK && channel.rest != NULL
		       ? ask(feed, verb, &channel, fn)
		       : rc;
}

enum wp_err wp_feed_hear(struct wp_feed *feed, const char *urn, size_t len)
{
	return ask_for_user(feed, "SUBSCRIBE", urn, len, on_subscribed);
}

void wp_feed_unhear(struct wp_feed *feed, const char *urn, size_t len)
{
	enum wp_err rc = ask_for_user(feed, "UNSUBSCRIBE", urn, len, NULL);

	/* What is heard for who is not here is for nobody. */
	(void)rc;
}

uint64_t wp_feed_asked(const struct wp_feed *feed)
{
	return feed->n_asked;
}

uint64_t wp_feed_answered(const struct wp_feed *feed)
{
	return feed->n_answered;
}

void wp_feed_write_rights(const struct wp_feed *feed, struct wp_buf *out)
{
	wp_buf_add_str(out, WP_POKE_ACL);
	/* Of a pattern Redis wants the very pattern. */
	for (size_t i = 0; i < feed->n_topics; i++)
		wp_buf_printf(out, ", &%s", feed->topics[i]);
}

uint64_t wp_feed_received(const struct wp_feed *feed)
{
	return feed->n_received;
}

void wp_feed_reset(struct wp_feed *feed)
{
	wp_aredis_reset(feed->redis);
}
