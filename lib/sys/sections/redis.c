/* redis.c - how Redis is reached. */
#include "lib/sys/sections/sections.h"

static const char *const durabilities[] = { "fsync", "memory", NULL };

static const struct wp_conf_key keys[] = {
	{ "redis.address", WP_CONF_AT(redis.address), .type = WP_CONF_STRING,
	  .preset = "127.0.0.1:6379", .alias = "REDIS_ADDR",
	  .help = "unix:/path or host:port" },
	{ "redis.username", WP_CONF_AT(redis.username), .type = WP_CONF_STRING,
	  .preset = "", .help = "the ACL user; empty for the default user" },
	{ "redis.password", WP_CONF_AT(redis.password), .type = WP_CONF_SECRET,
	  .alias = "REDIS_PASSWORD", .help = "the password of that user" },
	{ "redis.database", WP_CONF_AT(redis.database), .type = WP_CONF_INT,
	  .preset = "0", .min = 0, .max = 65535,
	  .help = "the number of the database" },
	{ "redis.connect_timeout_ms", WP_CONF_AT(redis.connect_timeout_ms),
	  .type = WP_CONF_INT, .preset = "2000", .min = 100, .max = 60000,
	  .unit = "ms", .help = "how long a connect may take" },
	{ "redis.command_timeout_ms", WP_CONF_AT(redis.command_timeout_ms),
	  .type = WP_CONF_INT, .preset = "5000", .min = 100, .max = 600000,
	  .unit = "ms", .help = "how long an answer may take" },
	{ "redis.memory_high_percent", WP_CONF_AT(redis.memory_high_percent),
	  .type = WP_CONF_INT, .preset = "80", .min = 1, .max = 100,
	  .unit = "%", .help = "share of maxmemory above which sends get 503" },
	{ "redis.durability", WP_CONF_AT(redis.durability),
	  .type = WP_CONF_ENUM, .words = durabilities, .preset = "fsync",
	  .help = "what X-Durability is meant to say; with memory nobody is "
		  "warned of appendfsync everysec" },
};

static enum wp_err check_address(const struct wp_conf *conf, bool is_used,
				 struct wp_error *err)
{
	(void)is_used;
	if (conf->redis.address[0] == '\0')
		return wp_conf_broken(err, "redis.address",
				      "must be unix:/path or host:port");
	return WP_OK;
}

static const wp_conf_rule_fn rules[] = { check_address, NULL };

const struct wp_conf_section wp_conf_redis =
	WP_CONF_SECTION("redis", keys, rules);
