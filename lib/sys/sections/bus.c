/* bus.c - services of the operator's own, beside those that devices have. */
#include "lib/sys/sections/sections.h"

#include <string.h>

enum { STREAM_MAX = 200 };

/* In the order of enum wp_bus_push. */
static const char *const pushes[] = { "none", "redis", NULL };

static const struct wp_conf_key keys[] = {
	{ "bus.push", WP_CONF_AT(bus.push), .type = WP_CONF_ENUM,
	  .words = pushes, .preset = "none", .is_reloadable = true,
	  .help = "redis: whoever is to be told is an entry of a stream of "
		  "Redis as well, for a notification service of one's own; "
		  "needs push.enabled" },
	{ "bus.redis_push_stream", WP_CONF_AT(bus.redis_push_stream),
	  .type = WP_CONF_STRING, .preset = "wp:push", .is_reloadable = true,
	  .help = "the key of that stream" },
	{ "bus.redis_push_stream_max", WP_CONF_AT(bus.redis_push_stream_max),
	  .type = WP_CONF_INT, .preset = "100000", .min = 100, .max = 100000000,
	  .unit = "entries", .is_reloadable = true,
	  .help = "how many it keeps, about; of more the oldest go, read or "
		  "not" },
};

/* What begins as our keys do is ours, or will be. */
static enum wp_err check_stream(const struct wp_conf *conf, bool is_used,
				struct wp_error *err)
{
	const char *key = conf->bus.redis_push_stream;
	size_t len = strlen(key);

	(void)is_used;
	for (size_t i = 0; i < len; i++)
		if (key[i] <= ' ' || key[i] > '~')
			len = 0;
	if (len == 0 || len > STREAM_MAX)
		return wp_conf_broken(err, "bus.redis_push_stream",
				      "must be 1 to 200 printable characters "
				      "of ASCII without blanks");
	if (strncmp(key, "wp:", strlen("wp:")) == 0 &&
	    strcmp(key, "wp:push") != 0)
		return wp_conf_broken(err, "bus.redis_push_stream",
				      "keys that begin with wp: belong to "
				      "Waypost, except wp:push");
	return WP_OK;
}

static const wp_conf_rule_fn rules[] = { check_stream, NULL };

const struct wp_conf_section wp_conf_bus = WP_CONF_SECTION("bus", keys, rules);
