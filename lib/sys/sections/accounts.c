/*
 * accounts.c - the section accounts: users of our own, and the tokens that we
 * sign for them.
 */
#include "lib/sys/sections/sections.h"

/* In the order of enum wp_sign_alg. */
static const char *const algorithms[] = { "ES256", "RS256", NULL };

static const struct wp_conf_key keys[] = {
	{ "accounts.enabled", WP_CONF_AT(accounts.enabled),
	  .type = WP_CONF_BOOL, .preset = "true", .in_production = "false",
	  .help = "there are accounts, sessions and tokens of our own, and "
		  "waypost-keys makes keys that sign these; in production the "
		  "default is false" },
	{ "accounts.issuer", WP_CONF_AT(accounts.issuer),
	  .type = WP_CONF_STRING, .preset = "waypost",
	  .help = "what iss is in these tokens" },
	{ "accounts.signing_algorithm", WP_CONF_AT(accounts.signing_algorithm),
	  .type = WP_CONF_ENUM, .words = algorithms, .preset = "ES256",
	  .is_reloadable = true,
	  .help = "what the next key is for: ES256, or RS256 for services that "
		  "know nothing else" },
	{ "accounts.key_rotation_days", WP_CONF_AT(accounts.key_rotation_days),
	  .type = WP_CONF_INT, .preset = "30", .min = 0, .max = 3650,
	  .unit = "days", .is_reloadable = true,
	  .help = "how old a key is when the next one is made; 0: never, for "
		  "several hosts that are given the same files" },
};

static enum wp_err check_issuer(const struct wp_conf *conf, bool is_used,
				struct wp_error *err)
{
	(void)is_used;
	if (conf->accounts.issuer[0] == '\0')
		return wp_conf_broken(err, "accounts.issuer",
				      "must not be empty");
	return WP_OK;
}

static const wp_conf_rule_fn rules[] = { check_issuer, NULL };

const struct wp_conf_section wp_conf_accounts =
	WP_CONF_SECTION("accounts", keys, rules);
