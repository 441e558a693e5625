/*
 * accounts_sessions.c - of the section accounts: how long what a login gave is
 * good for.
 */
#include "lib/sys/sections/sections.h"

static const struct wp_conf_key keys[] = {
	{ "accounts.access_token_seconds",
	  WP_CONF_AT(accounts.access_token_seconds), .type = WP_CONF_INT,
	  .preset = "600", .min = 60, .max = 86400, .unit = "seconds",
	  .is_reloadable = true,
	  .help = "how long an access token of our own is good for" },
	{ "accounts.session_idle_days", WP_CONF_AT(accounts.session_idle_days),
	  .type = WP_CONF_INT, .preset = "30", .min = 1, .max = 3650,
	  .unit = "days", .is_reloadable = true,
	  .help = "a session that is not used for so long ends" },
	{ "accounts.session_max_days", WP_CONF_AT(accounts.session_max_days),
	  .type = WP_CONF_INT, .preset = "180", .min = 1, .max = 3650,
	  .unit = "days", .is_reloadable = true,
	  .help = "a session ends then, though it is in use" },
	{ "accounts.sessions_per_user", WP_CONF_AT(accounts.sessions_per_user),
	  .type = WP_CONF_INT, .preset = "50", .min = 1, .max = 100,
	  .is_reloadable = true,
	  .help = "one more ends the one that was not used for the longest" },
};

static const wp_conf_rule_fn rules[] = { NULL };

const struct wp_conf_section wp_conf_accounts_sessions =
	WP_CONF_SECTION("accounts", keys, rules);
