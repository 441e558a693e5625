/* notifier.c - what waypost-notifier is told, besides the section push. */
#include "lib/sys/sections/sections.h"

/* In the order of enum wp_push_mode. */
static const char *const modes[] = { "log", "live", NULL };

static const struct wp_conf_key push_keys[] = {
	{ "push.mode", WP_CONF_AT(push.mode), .type = WP_CONF_ENUM,
	  .words = modes, .preset = "log", .in_production = "live",
	  .is_reloadable = true,
	  .help = "live: ask providers; log: write a line of the log instead; "
		  "in production the default is live" },
	{ "push.poll_ms", WP_CONF_AT(push.poll_ms), .type = WP_CONF_INT,
	  .preset = "250", .min = 10, .max = 60000, .unit = "ms",
	  .is_reloadable = true,
	  .help = "how often is looked for who is to be told something" },
	{ "push.claim_ms", WP_CONF_AT(push.claim_ms), .type = WP_CONF_INT,
	  .preset = "60000", .min = 500, .max = 600000, .unit = "ms",
	  .is_reloadable = true,
	  .help = "after how long somebody whom a notifier was about to tell, "
		  "and died, is told by another; at least 45000 when live" },
	{ "push.token_days", WP_CONF_AT(push.token_days), .type = WP_CONF_INT,
	  .preset = "270", .min = 1, .max = 3650, .unit = "days",
	  .is_reloadable = true,
	  .help = "a device that has not registered again for so long is "
		  "deleted" },
};

static const struct wp_conf_key keys[] = {
	{ "notifier.metrics_listen", WP_CONF_AT(notifier.metrics_listen),
	  .type = WP_CONF_STRING, .preset = "",
	  .help = "unix:/path or host:port for GET /metrics; empty: none" },
	{ "notifier.drain_ms", WP_CONF_AT(notifier.drain_ms),
	  .type = WP_CONF_INT, .preset = "5000", .min = 0, .max = 600000,
	  .unit = "ms", .is_reloadable = true,
	  .help = "how long a stop waits for pushes under way" },
};

/*
 * A request begins within two thirds of its claim (notifier/errand.h) and takes
 * 15 s at most, so that it is over before anybody else begins one.
 */
static enum wp_err check_claim(const struct wp_conf *conf, bool is_used,
			       struct wp_error *err)
{
	enum { LIVE_MIN_MS = 45000 };

	(void)is_used;
	if (conf->push.mode == WP_PUSH_LIVE &&
	    conf->push.claim_ms < LIVE_MIN_MS)
		return wp_conf_broken(err, "push.claim_ms",
				      "must be at least 45000 when push.mode "
				      "is live");
	return WP_OK;
}

static enum wp_err check_listen(const struct wp_conf *conf, bool is_used,
				struct wp_error *err)
{
	return wp_conf_check_listen(
		"notifier.metrics_listen",
		is_used ? conf->notifier.metrics_listen : "", err);
}

static const wp_conf_rule_fn push_rules[] = { check_claim, NULL };
static const wp_conf_rule_fn rules[] = { check_listen, NULL };

const struct wp_conf_section wp_conf_push_out =
	WP_CONF_SECTION("push", push_keys, push_rules);
const struct wp_conf_section wp_conf_notifier =
	WP_CONF_SECTION("notifier", keys, rules);
