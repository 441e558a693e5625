/*
 * all.c - the list of all sections, and those that every program uses.
 *
 * One who adds a section adds a line here. A program takes from the list what
 * it uses; what others use it leaves to them, and knows by its name.
 */
#include "lib/sys/sections/sections.h"

#include <string.h>

/* In the order of the enums that they stand for. */
static const char *const run_modes[] = { "local", "production", NULL };
static const char *const environment_names[] = { "none", "notification-service",
						 NULL };
static const char *const log_levels[] = { "error", "warn", "info", "debug",
					  NULL };

static const char *const log_requests[] = { "all", "errors", "none", NULL };

static const struct wp_conf_key general_keys[] = {
	{ "run_mode", WP_CONF_AT(run_mode), .type = WP_CONF_ENUM,
	  .words = run_modes, .preset = "local",
	  .help = "production demands real secrets and a safe Redis" },
	{ "environment_names", WP_CONF_AT(environment_names),
	  .type = WP_CONF_ENUM, .words = environment_names, .preset = "none",
	  .help = "whose names count in the environment as well: "
		  "docs/from-notification-service.md" },
	{ "public_url", WP_CONF_AT(public_url), .type = WP_CONF_STRING,
	  .preset = "", .is_reloadable = true,
	  .help = "where clients reach this deployment: https://host, perhaps "
		  "with a port and a path; pages from there may ask like "
		  "those of cors.allowed_origins" },
};

static const struct wp_conf_key log_keys[] = {
	{ "log.level", WP_CONF_AT(log.level), .type = WP_CONF_ENUM,
	  .words = log_levels, .preset = "info", .alias = "LOG_LEVEL",
	  .is_reloadable = true,
	  .help = "how much is logged, as JSON lines on standard error" },
};

static const struct wp_conf_key log_requests_keys[] = {
	{ "log.requests", WP_CONF_AT(log.requests), .type = WP_CONF_ENUM,
	  .words = log_requests, .preset = "errors", .is_reloadable = true,
	  .help = "which requests have a line at info; errors: those answered "
		  "5xx and slow ones, one of a kind a second" },
	{ "log.slow_ms", WP_CONF_AT(log.slow_ms), .type = WP_CONF_INT,
	  .preset = "1000", .min = 1, .max = 600000, .unit = "ms",
	  .is_reloadable = true,
	  .help = "from when on a request is a slow one" },
	{ "log.sample_ok", WP_CONF_AT(log.sample_ok), .type = WP_CONF_INT,
	  .preset = "1", .min = 1, .max = 1000000, .is_reloadable = true,
	  .help = "with log.requests all: of so many that were neither refused "
		  "nor slow one has a line" },
};

static enum wp_err check_public_url(const struct wp_conf *conf, bool is_used,
				    struct wp_error *err)
{
	const char *url = conf->public_url;
	bool is_web = strncmp(url, "https://", 8) == 0 ||
		      strncmp(url, "http://", 7) == 0;

	(void)is_used;
	if (url[0] == '\0' || (is_web && wp_conf_origin_len(url) > 0 &&
			       strpbrk(url, " ?#\\\"<>") == NULL))
		return WP_OK;
	return wp_conf_broken(err, "public_url",
			      "must be https://host, perhaps with a port and a "
			      "path, and the host in lower case");
}

static const wp_conf_rule_fn general_rules[] = { check_public_url, NULL };

static const struct wp_conf_section general =
	WP_CONF_SECTION("", general_keys, general_rules);
const struct wp_conf_section wp_conf_log =
	WP_CONF_SECTION("log", log_keys, NULL);
const struct wp_conf_section wp_conf_log_requests =
	WP_CONF_SECTION("log", log_requests_keys, NULL);

const struct wp_conf_section *const wp_conf_sections[] = {
	&general,
	&wp_conf_log,
	&wp_conf_log_requests,
	&wp_conf_redis,
	&wp_conf_mailbox,
	&wp_conf_tokens,
	&wp_conf_issuers,
	&wp_conf_api_keys,
	&wp_conf_store_secret,
	&wp_conf_revocation,
	&wp_conf_key_fetch,
	&wp_conf_accounts,
	&wp_conf_accounts_sessions,
	&wp_conf_accounts_file,
	&wp_conf_registration,
	&wp_conf_keys,
	&wp_conf_cors,
	&wp_conf_handlers,
	&wp_conf_worker,
	&wp_conf_websocket,
	&wp_conf_beat,
	&wp_conf_presence,
	&wp_conf_limits,
	&wp_conf_push,
	&wp_conf_push_devices,
	&wp_conf_push_out,
	&wp_conf_push_mail,
	&wp_conf_notifier,
	&wp_conf_bus,
	&wp_conf_store,
	&wp_conf_sqlite,
	NULL,
};
