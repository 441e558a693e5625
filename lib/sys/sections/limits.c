/* limits.c - how fast callers may go. What the classes are: lib/limit. */
#include "lib/sys/sections/sections.h"

#include "lib/limit/address.h"
#include "lib/limit/rates.h"

static const struct wp_conf_key keys[] = {
	{ "limits.rates", WP_CONF_AT(limits.rates), .type = WP_CONF_LIST,
	  .preset = "", .min = 0, .max = WP_CONF_LIST_MAX,
	  .is_reloadable = true,
	  .help = "<class>=<rate a second>/<burst>, or <class>=off, where the "
		  "presets do not suit" },
	{ "limits.trusted_proxies", WP_CONF_AT(limits.trusted_proxies),
	  .type = WP_CONF_LIST, .preset = "", .min = 0, .max = WP_CONF_LIST_MAX,
	  .is_reloadable = true,
	  .help = "whose X-Forwarded-For the daemon believes, besides its "
		  "own host's: addresses, or nets as 192.0.2.0/24" },
};

static enum wp_err check_rates(const struct wp_conf *conf, bool is_used,
			       struct wp_error *err)
{
	const struct wp_conf_list *list = &conf->limits.rates;
	struct wp_limit_rates rates;
	struct wp_error why = { 0 };

	(void)is_used;
	if (wp_limit_rates_read(&rates, list->items, list->n, &why) != WP_OK)
		return wp_conf_broken(err, "limits.rates", why.msg);
	return WP_OK;
}

static enum wp_err check_proxies(const struct wp_conf *conf, bool is_used,
				 struct wp_error *err)
{
	const struct wp_conf_list *list = &conf->limits.trusted_proxies;

	(void)is_used;
	for (size_t i = 0; i < list->n; i++) {
		struct wp_net net;

		if (!wp_net_read(&net, list->items[i]))
			return wp_conf_broken(
				err, "limits.trusted_proxies",
				"each must be an address, or a net as "
				"192.0.2.0/24");
	}
	return WP_OK;
}

static const wp_conf_rule_fn rules[] = { check_rates, check_proxies, NULL };

const struct wp_conf_section wp_conf_limits =
	WP_CONF_SECTION("limits", keys, rules);
