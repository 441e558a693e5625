/* push.c - who is told that something waits, and when. */
#include "lib/sys/sections/sections.h"

static const struct wp_conf_key keys[] = {
	{ "push.enabled", WP_CONF_AT(push.enabled), .type = WP_CONF_BOOL,
	  .preset = "true", .in_production = "false", .is_reloadable = true,
	  .help = "have absent users told that something waits; in "
		  "production the default is false" },
	{ "push.grace_ms", WP_CONF_AT(push.grace_ms), .type = WP_CONF_INT,
	  .preset = "1000", .max = 600000, .unit = "ms", .is_reloadable = true,
	  .help = "from a message to a push; what comes together is one" },
	{ "push.inactive_ms", WP_CONF_AT(push.inactive_ms), .type = WP_CONF_INT,
	  .preset = "60000", .min = 1000, .max = 86400000, .unit = "ms",
	  .is_reloadable = true,
	  .help = "who is online and fetches nothing for so long is told" },
	{ "push.max_commands", WP_CONF_AT(push.max_commands),
	  .type = WP_CONF_INT, .preset = "0", .max = 100000000,
	  .is_reloadable = true,
	  .help = "ignored: an entry for each user is all there is" },
};

const struct wp_conf_section wp_conf_push = WP_CONF_SECTION("push", keys, NULL);
