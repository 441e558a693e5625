/* cors.c - which web pages may ask. */
#include "lib/sys/sections/sections.h"

#include <string.h>

static const struct wp_conf_key keys[] = {
	{ "cors.allowed_origins", WP_CONF_AT(cors.allowed_origins),
	  .type = WP_CONF_LIST, .preset = "", .min = 0, .max = WP_CONF_LIST_MAX,
	  .alias = "CORS_ALLOWED_ORIGINS", .is_reloadable = true,
	  .help = "exact origins of browser clients, https://app.example" },
	{ "cors.allow_credentials", WP_CONF_AT(cors.allow_credentials),
	  .type = WP_CONF_BOOL, .preset = "true", .is_reloadable = true,
	  .help = "let browsers send cookies and Authorization" },
	{ "cors.max_age_seconds", WP_CONF_AT(cors.max_age_seconds),
	  .type = WP_CONF_INT, .preset = "600", .min = 0, .max = 86400,
	  .unit = "s", .is_reloadable = true,
	  .help = "how long a browser may remember a preflight" },
};

static bool is_origin(const char *text)
{
	size_t len = wp_conf_origin_len(text);

	return len > 0 && text[len] == '\0';
}

static enum wp_err check_origins(const struct wp_conf *conf, bool is_used,
				 struct wp_error *err)
{
	static const char name[] = "cors.allowed_origins";
	const struct wp_conf_list *origins = &conf->cors.allowed_origins;
	size_t i;

	(void)is_used;
	for (i = 0; i < origins->n; i++) {
		if (strcmp(origins->items[i], "*") == 0) {
			if (conf->cors.allow_credentials)
				return wp_conf_broken(
					err, name,
					"* cannot be combined with "
					"cors.allow_credentials");
		} else if (!is_origin(origins->items[i])) {
			return wp_conf_broken(
				err, name,
				"each must be scheme://host or "
				"scheme://host:port in lower case, "
				"without a path");
		}
	}
	return WP_OK;
}

static const wp_conf_rule_fn rules[] = { check_origins, NULL };

const struct wp_conf_section wp_conf_cors =
	WP_CONF_SECTION("cors", keys, rules);
