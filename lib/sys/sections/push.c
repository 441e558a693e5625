/* push.c - commands for whoever notifies absent users. */
#include "lib/sys/sections/sections.h"

static const struct wp_conf_key keys[] = {
	{ "push.enabled", WP_CONF_AT(push.enabled), .type = WP_CONF_BOOL,
	  .preset = "false", .is_reloadable = true,
	  .help = "write notification commands about absent users" },
	{ "push.max_commands", WP_CONF_AT(push.max_commands),
	  .type = WP_CONF_INT, .preset = "10000", .min = 1, .max = 100000000,
	  .unit = "commands", .is_reloadable = true,
	  .help = "about how many are kept that nobody has read" },
};

const struct wp_conf_section wp_conf_push = WP_CONF_SECTION("push", keys, NULL);
