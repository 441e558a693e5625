/* notifier.c - what waypost-notifier is told, besides the section push. */
#include "lib/sys/sections/sections.h"

#include <string.h>
#include <strings.h>

#include "lib/limit/address.h"
#include "lib/push/rates.h"

enum { NETWORKS_MAX = 32 };

/* In the order of enum wp_push_mode. */
static const char *const modes[] = { "log", "live", NULL };

static const struct wp_conf_key push_keys[] = {
	{ "push.mode", WP_CONF_AT(push.mode), .type = WP_CONF_ENUM,
	  .words = modes, .preset = "log", .in_production = "live",
	  .is_reloadable = true,
	  .help = "live: ask providers; log: write a line of the log instead; "
		  "in production the default is live" },
	{ "push.web_event", WP_CONF_AT(push.web_event), .type = WP_CONF_BOOL,
	  .preset = "false", .is_reloadable = true,
	  .help = "say on the channel wp:offline of Redis who is told that "
		  "something waits, for services with channels of their own" },
	{ "push.poll_ms", WP_CONF_AT(push.poll_ms), .type = WP_CONF_INT,
	  .preset = "250", .min = 10, .max = 60000, .unit = "ms",
	  .is_reloadable = true,
	  .help = "how often is looked for who is to be told something" },
	{ "push.claim_ms", WP_CONF_AT(push.claim_ms), .type = WP_CONF_INT,
	  .preset = "60000", .min = 500, .max = 600000, .unit = "ms",
	  .is_reloadable = true,
	  .help = "after how long somebody whom a notifier was about to tell, "
		  "and died, is told by another; at least thrice "
		  "push.timeout_ms" },
	{ "push.timeout_ms", WP_CONF_AT(push.timeout_ms), .type = WP_CONF_INT,
	  .preset = "15000", .min = 500, .max = 60000, .unit = "ms",
	  .is_reloadable = true,
	  .help = "how long one request to a provider may take" },
	{ "push.token_days", WP_CONF_AT(push.token_days), .type = WP_CONF_INT,
	  .preset = "270", .min = 1, .max = 3650, .unit = "days",
	  .is_reloadable = true,
	  .help = "a device that has not registered again for so long is "
		  "deleted" },
	{ "push.ttl_seconds", WP_CONF_AT(push.ttl_seconds), .type = WP_CONF_INT,
	  .preset = "2419200", .min = 60, .max = 2419200, .unit = "s",
	  .is_reloadable = true,
	  .help = "how long a provider keeps a push for a device that cannot "
		  "be reached" },
	{ "push.rates", WP_CONF_AT(push.rates), .type = WP_CONF_LIST,
	  .preset = "", .min = 0, .max = WP_PUSH_LANES, .is_reloadable = true,
	  .help = "how fast a provider is asked, over the presets: "
		  "<name>=<requests a second>/<at once>, of fcm, apns, web, "
		  "webhook, smtp, bus; for each app, of web and webhook each "
		  "host" },
	{ "push.vapid_subject", WP_CONF_AT(push.vapid_subject),
	  .type = WP_CONF_STRING, .preset = "", .is_reloadable = true,
	  .help = "whom push services of browsers may turn to, mailto:… or "
		  "https://… (RFC 8292); needed with push.vapid_key when "
		  "live" },
	{ "push.allow_networks", WP_CONF_AT(push.allow_networks),
	  .type = WP_CONF_LIST, .preset = "", .min = 0, .max = NETWORKS_MAX,
	  .is_reloadable = true,
	  .help = "addresses and nets where endpoints of users may be "
		  "although they are not public, as 192.0.2.0/24" },
	{ "push.proxy", WP_CONF_AT(push.proxy), .type = WP_CONF_STRING,
	  .preset = "", .is_reloadable = true,
	  .help = "a proxy that providers are asked by: http://host:port or "
		  "https://host:port; where it connects to, it must judge "
		  "itself" },
	{ "push.ca_file", WP_CONF_AT(push.ca_file), .type = WP_CONF_STRING,
	  .preset = "", .is_reloadable = true,
	  .help = "who signs certificates of providers, as a file of PEMs; "
		  "empty: whom the system trusts" },
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
 * A request begins within two thirds of its claim (notifier/errand.h), and is
 * over before anybody else begins one.
 */
static enum wp_err check_claim(const struct wp_conf *conf, bool is_used,
			       struct wp_error *err)
{
	enum { REQUESTS_A_CLAIM = 3 };

	(void)is_used;
	if (conf->push.mode == WP_PUSH_LIVE &&
	    conf->push.claim_ms < REQUESTS_A_CLAIM * conf->push.timeout_ms)
		return wp_conf_broken(err, "push.claim_ms",
				      "must be at least thrice "
				      "push.timeout_ms when push.mode is live");
	return WP_OK;
}

static enum wp_err check_listen(const struct wp_conf *conf, bool is_used,
				struct wp_error *err)
{
	return wp_conf_check_listen(
		"notifier.metrics_listen",
		is_used ? conf->notifier.metrics_listen : "", err);
}

static enum wp_err check_rates(const struct wp_conf *conf, bool is_used,
			       struct wp_error *err)
{
	struct wp_push_rates rates;

	(void)is_used;
	if (wp_push_rates_read(&rates, conf->push.rates.items,
			       conf->push.rates.n))
		return WP_OK;
	return wp_conf_broken(err, "push.rates",
			      "each must be <name>=<1 to 100000>/<1 to "
			      "10000>, of fcm, apns, web, webhook, smtp, bus");
}

static enum wp_err check_networks(const struct wp_conf *conf, bool is_used,
				  struct wp_error *err)
{
	const struct wp_conf_list *list = &conf->push.allow_networks;
	struct wp_net net;

	(void)is_used;
	for (size_t i = 0; i < list->n; i++)
		if (!wp_net_read(&net, list->items[i]))
			return wp_conf_broken(err, "push.allow_networks",
					      "each must be an address or a "
					      "net, as 192.0.2.0/24");
	return WP_OK;
}

/* Does it begin so, and go on with what has neither blank nor quote? */
static bool is_behind(const char *text, const char *prefix)
{
	size_t len = strlen(prefix);

	return strncasecmp(text, prefix, len) == 0 && text[len] != '\0' &&
	       strpbrk(text, " \t\r\n\"\\") == NULL;
}

static enum wp_err check_texts(const struct wp_conf *conf, bool is_used,
			       struct wp_error *err)
{
	const char *subject = conf->push.vapid_subject;
	const char *proxy = conf->push.proxy;

	(void)is_used;
	if (subject[0] != '\0' && !is_behind(subject, "mailto:") &&
	    !is_behind(subject, "https://"))
		return wp_conf_broken(err, "push.vapid_subject",
				      "must begin with mailto: or https://");
	if (proxy[0] != '\0' && !is_behind(proxy, "http://") &&
	    !is_behind(proxy, "https://"))
		return wp_conf_broken(err, "push.proxy",
				      "must begin with http:// or https://");
	return WP_OK;
}

static const wp_conf_rule_fn push_rules[] = { check_claim, check_rates,
					      check_networks, check_texts,
					      NULL };
static const wp_conf_rule_fn rules[] = { check_listen, NULL };

const struct wp_conf_section wp_conf_push_out =
	WP_CONF_SECTION("push", push_keys, push_rules);
const struct wp_conf_section wp_conf_notifier =
	WP_CONF_SECTION("notifier", keys, rules);
