/*
 * websocket.c - the section websocket: what waypost-ws is told, and what
 * daemons and workers must agree about.
 */
#include "lib/sys/sections/sections.h"

#include <string.h>

#include "lib/name/topic.h"

static const char *const feed_modes[] = { "pattern", "per-user", NULL };

static const struct wp_conf_key keys[] = {
	{ "websocket.listen", WP_CONF_AT(websocket.listen),
	  .type = WP_CONF_STRING, .preset = "tcp:127.0.0.1:8083",
	  .help = "unix:/path or tcp:host:port; empty: the socket that was "
		  "handed over" },
	{ "websocket.metrics_listen", WP_CONF_AT(websocket.metrics_listen),
	  .type = WP_CONF_STRING, .preset = "",
	  .help = "unix:/path or host:port for GET /metrics; empty: none" },
	{ "websocket.socket_group", WP_CONF_AT(websocket.socket_group),
	  .type = WP_CONF_STRING, .preset = "",
	  .help = "group of a unix socket that is made here, such as the web "
		  "server's: www-data" },
	{ "websocket.processes", WP_CONF_AT(websocket.processes),
	  .type = WP_CONF_INT, .preset = "1", .min = 1, .max = 64,
	  .help = "that share the socket; one for each core that is to serve" },
	{ "websocket.query_token", WP_CONF_AT(websocket.query_token),
	  .type = WP_CONF_BOOL, .preset = "true",
	  /* A URL ends up in the logs of web servers: be asked for that. */
	  .in_production = "false", .is_reloadable = true,
	  .help = "accept ?token=; in production the default is false" },
	{ "websocket.cookie_name", WP_CONF_AT(websocket.cookie_name),
	  .type = WP_CONF_STRING, .preset = "", .is_reloadable = true,
	  .help = "the cookie that may hold a token; empty: none" },
	{ "websocket.max_connections", WP_CONF_AT(websocket.max_connections),
	  .type = WP_CONF_INT, .preset = "10000", .min = 1, .max = 1000000,
	  .is_reloadable = true,
	  .help = "connections of one process; more get 503" },
	{ "websocket.max_connections_per_user",
	  WP_CONF_AT(websocket.max_connections_per_user), .type = WP_CONF_INT,
	  .preset = "20", .min = 1, .max = 10000, .is_reloadable = true,
	  .help = "one more closes the user's oldest with 4409" },
	{ "websocket.max_message_bytes",
	  WP_CONF_AT(websocket.max_message_bytes), .type = WP_CONF_INT,
	  .preset = "0", .min = 0, .max = 16777216, .unit = "bytes",
	  .is_reloadable = true,
	  .help = "of one message; 0: max_envelope_bytes and 4 KiB" },
	{ "websocket.max_queue_bytes", WP_CONF_AT(websocket.max_queue_bytes),
	  .type = WP_CONF_INT, .preset = "1048576", .min = 1024,
	  .max = 67108864, .unit = "bytes", .is_reloadable = true,
	  .help = "what may wait for a slow reader before 1013" },
	{ "websocket.inline_window", WP_CONF_AT(websocket.inline_window),
	  .type = WP_CONF_INT, .preset = "64", .min = 0, .max = 500,
	  .unit = "messages", .is_reloadable = true,
	  .help = "sent and not acked, where a client asks for messages in "
		  "place of pokes; 0: it gets pokes" },
	{ "websocket.ack_timeout_ms", WP_CONF_AT(websocket.ack_timeout_ms),
	  .type = WP_CONF_INT, .preset = "300000", .min = 1000, .max = 86400000,
	  .unit = "ms", .is_reloadable = true,
	  .help = "who was sent messages and acks nothing for so long is "
		  "closed with 1013" },
	{ "websocket.deflate", WP_CONF_AT(websocket.deflate),
	  .type = WP_CONF_BOOL, .preset = "false", .is_reloadable = true,
	  .help = "permessage-deflate for clients that offer it" },
	{ "websocket.ping_interval_ms", WP_CONF_AT(websocket.ping_interval_ms),
	  .type = WP_CONF_INT, .preset = "30000", .min = 100, .max = 3600000,
	  .unit = "ms", .is_reloadable = true,
	  .help = "how often a silent peer is pinged" },
	{ "websocket.idle_timeout_ms", WP_CONF_AT(websocket.idle_timeout_ms),
	  .type = WP_CONF_INT, .preset = "60000", .min = 200, .max = 7200000,
	  .unit = "ms", .is_reloadable = true,
	  .help = "a peer silent for so long is dropped" },
	{ "websocket.handshake_timeout_ms",
	  WP_CONF_AT(websocket.handshake_timeout_ms), .type = WP_CONF_INT,
	  .preset = "10000", .min = 100, .max = 600000, .unit = "ms",
	  .is_reloadable = true,
	  .help = "how long the HTTP request may take to arrive" },
	{ "websocket.drain_ms", WP_CONF_AT(websocket.drain_ms),
	  .type = WP_CONF_INT, .preset = "5000", .min = 0, .max = 600000,
	  .unit = "ms", .is_reloadable = true,
	  .help = "over what time a stop moves clients away; 0: at once" },
	{ "websocket.canary_interval_seconds",
	  WP_CONF_AT(websocket.canary_interval_seconds), .type = WP_CONF_INT,
	  .preset = "10", .min = 0, .max = 3600, .unit = "s",
	  .is_reloadable = true,
	  .help = "how often a process sends itself something to see whether "
		  "it comes back; 0: never" },
	{ "websocket.feed_mode", WP_CONF_AT(websocket.feed_mode),
	  .type = WP_CONF_ENUM, .words = feed_modes, .preset = "pattern",
	  .help = "subscribe to all of user_noti:* at once, or to the channels "
		  "of each user who is connected" },
	{ "websocket.topics", WP_CONF_AT(websocket.topics),
	  .type = WP_CONF_LIST, .preset = "", .min = 0, .max = WP_TOPICS_MAX,
	  .help = "channels of Redis besides user_noti:<user>, such as "
		  "project:{projectId}:{user}" },
};

static const struct wp_conf_key beat_keys[] = {
	{ "websocket.heartbeat_ms", WP_CONF_AT(websocket.heartbeat_ms),
	  .type = WP_CONF_INT, .preset = "3000", .min = 100, .max = 60000,
	  .unit = "ms", .help = "how late a lost poke may be at most" },
	{ "websocket.grace_ms", WP_CONF_AT(websocket.grace_ms),
	  .type = WP_CONF_INT, .preset = "5000", .min = 0, .max = 600000,
	  .unit = "ms", .is_reloadable = true,
	  .help = "from a clean close to migration and push; the same for "
		  "daemons and workers" },
};

static enum wp_err check_idle(const struct wp_conf *conf, bool is_used,
			      struct wp_error *err)
{
	(void)is_used;
	if (conf->websocket.ping_interval_ms >= conf->websocket.idle_timeout_ms)
		return wp_conf_broken(
			err, "websocket.ping_interval_ms",
			"must be below websocket.idle_timeout_ms, or silent "
			"peers are dropped unasked");
	return WP_OK;
}

/* What a cookie may be called: a token of RFC 9110 section 5.6.2. */
static enum wp_err check_cookie(const struct wp_conf *conf, bool is_used,
				struct wp_error *err)
{
	static const char allowed[] = "abcdefghijklmnopqrstuvwxyz"
				      "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
				      "0123456789!#$%&'*+-.^_`|~";
	const char *name = conf->websocket.cookie_name;

	(void)is_used;
	if (name[strspn(name, allowed)] != '\0')
		return wp_conf_broken(
			err, "websocket.cookie_name",
			"has a character that no cookie's name has");
	return WP_OK;
}

static enum wp_err check_listen(const struct wp_conf *conf, bool is_used,
				struct wp_error *err)
{
	return wp_conf_check_listen("websocket.listen",
				    is_used ? conf->websocket.listen : "", err);
}

static enum wp_err check_metrics(const struct wp_conf *conf, bool is_used,
				 struct wp_error *err)
{
	return wp_conf_check_listen(
		"websocket.metrics_listen",
		is_used ? conf->websocket.metrics_listen : "", err);
}

/* Redis would bring what two patterns say alike twice. */
static enum wp_err check_topics(const struct wp_conf *conf, bool is_used,
				struct wp_error *err)
{
	const struct wp_conf_list *topics = &conf->websocket.topics;
	char globs[WP_TOPICS_MAX][WP_TOPIC_PATTERN_MAX + 1];
	struct wp_topic topic;
	struct wp_error why;

	(void)is_used;
	for (size_t i = 0; i < topics->n; i++) {
		if (wp_topic_read(&topic, topics->items[i], &why) != WP_OK)
			return wp_conf_broken(err, "websocket.topics", why.msg);
		wp_topic_glob(&topic, globs[i]);
		for (size_t j = 0; j < i; j++)
			if (strcmp(globs[i], globs[j]) == 0)
				return wp_conf_broken(
					err, "websocket.topics",
					"two patterns are of the same "
					"channels");
	}
	return WP_OK;
}

static enum wp_err check_beat(const struct wp_conf *conf, bool is_used,
			      struct wp_error *err)
{
	(void)is_used;
	if (conf->worker.reap_after_ms < 2 * conf->websocket.heartbeat_ms)
		return wp_conf_broken(
			err, "worker.reap_after_ms",
			"must be twice websocket.heartbeat_ms or more, or "
			"living daemons are reaped");
	return WP_OK;
}

static const wp_conf_rule_fn rules[] = { check_idle,   check_cookie,
					 check_listen, check_metrics,
					 check_topics, NULL };
static const wp_conf_rule_fn beat_rules[] = { check_beat, NULL };

const struct wp_conf_section wp_conf_websocket =
	WP_CONF_SECTION("websocket", keys, rules);
const struct wp_conf_section wp_conf_beat =
	WP_CONF_SECTION("websocket", beat_keys, beat_rules);
