/* revocation.c - how long it is remembered that tokens are good no longer. */
#include "lib/sys/sections/sections.h"

static const struct wp_conf_key keys[] = {
	{ "auth.revocation_hours", WP_CONF_AT(auth.revocation_hours),
	  .type = WP_CONF_INT, .preset = "24", .min = 1, .max = 168,
	  .unit = "hours", .is_reloadable = true,
	  .help = "how long a revocation is remembered: no shorter than tokens "
		  "are valid" },
};

const struct wp_conf_section wp_conf_revocation =
	WP_CONF_SECTION("auth", keys, NULL);
