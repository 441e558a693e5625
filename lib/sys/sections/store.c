/*
 * store.c - the section store: which backend, and a table per backend, whose
 * rules hold only when it was chosen.
 */
#include "lib/sys/sections/sections.h"

#include <string.h>

static const char *const backends[] = { "sqlite", NULL };

static const struct wp_conf_key keys[] = {
	{ "store.backend", WP_CONF_AT(store.backend), .type = WP_CONF_STRING,
	  .words = backends, .preset = "sqlite",
	  .help = "where messages of absent users wait" },
};

const struct wp_conf_section wp_conf_store =
	WP_CONF_SECTION("store", keys, NULL);

/* ---- sqlite ---- */

static const struct wp_conf_key sqlite_keys[] = {
	{ "store.sqlite_path", WP_CONF_AT(store.sqlite_path),
	  .type = WP_CONF_STRING, .preset = "waypost.db",
	  .in_production = "/var/lib/waypost/waypost.db",
	  .help = "the database file; all programs on one host; in production "
		  "the default is /var/lib/waypost/waypost.db" },
	{ "store.busy_timeout_ms", WP_CONF_AT(store.busy_timeout_ms),
	  .type = WP_CONF_INT, .preset = "2000", .min = 0, .max = 60000,
	  .unit = "ms", .help = "how long a write waits for another one" },
};

static enum wp_err check_path(const struct wp_conf *conf, bool is_used,
			      struct wp_error *err)
{
	const char *path = conf->store.sqlite_path;

	(void)is_used;
	if (strcmp(conf->store.backend, "sqlite") != 0)
		return WP_OK;
	if (path[0] == '\0')
		return wp_conf_broken(err, "store.sqlite_path",
				      "must name a file");
	/*
	 * Else each program would use the folder that it happens to start in.
	 */
	if (conf->run_mode == WP_RUN_PRODUCTION && path[0] != '/')
		return wp_conf_broken(err, "store.sqlite_path",
				      "must be an absolute path in production");
	return WP_OK;
}

static const wp_conf_rule_fn sqlite_rules[] = { check_path, NULL };

const struct wp_conf_section wp_conf_sqlite =
	WP_CONF_SECTION("store", sqlite_keys, sqlite_rules);
