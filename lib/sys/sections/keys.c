/* keys.c - what waypost-keys is told, besides what it shares with others. */
#include "lib/sys/sections/sections.h"

static const struct wp_conf_key fetch_keys[] = {
	{ "auth.key_refresh_seconds", WP_CONF_AT(auth.key_refresh_seconds),
	  .type = WP_CONF_INT, .preset = "900", .min = 1, .max = 86400,
	  .unit = "s", .is_reloadable = true,
	  .help = "how often the keys of issuers are fetched; a max-age of "
		  "theirs from 300 to 3600 wins" },
	{ "auth.ca_file", WP_CONF_AT(auth.ca_file), .type = WP_CONF_STRING,
	  .preset = "", .is_reloadable = true,
	  .help = "PEM file of who signs the issuers' certificates; empty: "
		  "whom the system trusts" },
};

static const struct wp_conf_key keys[] = {
	{ "keys.metrics_listen", WP_CONF_AT(keys.metrics_listen),
	  .type = WP_CONF_STRING, .preset = "",
	  .help = "unix:/path or host:port for GET /metrics; empty: none" },
};

static enum wp_err check_ca_file(const struct wp_conf *conf, bool is_used,
				 struct wp_error *err)
{
	const char *path = conf->auth.ca_file;

	(void)is_used;
	if (path[0] != '\0' && path[0] != '/')
		return wp_conf_broken(err, "auth.ca_file",
				      "must be an absolute path");
	return WP_OK;
}

static enum wp_err check_listen(const struct wp_conf *conf, bool is_used,
				struct wp_error *err)
{
	return wp_conf_check_listen("keys.metrics_listen",
				    is_used ? conf->keys.metrics_listen : "",
				    err);
}

static const wp_conf_rule_fn fetch_rules[] = { check_ca_file, NULL };
static const wp_conf_rule_fn rules[] = { check_listen, NULL };

const struct wp_conf_section wp_conf_key_fetch =
	WP_CONF_SECTION("auth", fetch_keys, fetch_rules);
const struct wp_conf_section wp_conf_keys =
	WP_CONF_SECTION("keys", keys, rules);
