/* presence.c - who may know who is here. */
#include "lib/sys/sections/sections.h"

/* In the order of enum wp_visibility. */
static const char *const visibilities[] = { "all", "self", "none", NULL };

static const struct wp_conf_key keys[] = {
	{ "presence.visibility", WP_CONF_AT(presence.visibility),
	  .type = WP_CONF_ENUM, .words = visibilities, .preset = "all",
	  .is_reloadable = true,
	  .help = "whose presence a caller may ask for" },
};

const struct wp_conf_section wp_conf_presence =
	WP_CONF_SECTION("presence", keys, NULL);
