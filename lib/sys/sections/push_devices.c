/*
 * push_devices.c - of the section push, whom a push may reach: what can be
 * registered, and where strangers may have themselves called.
 */
#include "lib/sys/sections/sections.h"

#include <stdlib.h>
#include <string.h>

#include "lib/push/endpoint.h"
#include "lib/sys/push_apps.h"

enum { PORTS_MAX = 16, HOSTS_MAX = 64, PORT_DIGITS = 5, PORT_MAX = 65535 };

static const struct wp_conf_key keys[] = {
	{ "push.apps", WP_CONF_AT(push.apps), .type = WP_CONF_LIST,
	  .preset = "", .min = 0, .max = WP_PUSH_APPS_MAX,
	  .is_reloadable = true,
	  .help = "apps whose devices may register: <app> kind=fcm "
		  "credentials_file=… [style=wake|alert], or <bundle id> "
		  "kind=apns team=… key=… key_file=… "
		  "[env=production|sandbox|auto] [title_key=… body_key=…]" },
	{ "push.max_per_user", WP_CONF_AT(push.max_per_user),
	  .type = WP_CONF_INT, .preset = "20", .min = 1, .max = 100,
	  .unit = "devices", .is_reloadable = true,
	  .help = "how many one user may have; of more, that goes which was "
		  "refreshed longest ago" },
	{ "push.vapid_key", WP_CONF_AT(push.vapid_key), .type = WP_CONF_SECRET,
	  .is_reloadable = true,
	  .help = "who sends to browsers, as a PEM: a private key, EC on "
		  "P-256 (RFC 8292); without it no browser can register" },
	{ "push.web_hosts", WP_CONF_AT(push.web_hosts), .type = WP_CONF_LIST,
	  .preset = "fcm.googleapis.com,*.push.services.mozilla.com,"
		    "*.push.apple.com,*.notify.windows.com",
	  .min = 0, .max = HOSTS_MAX, .is_reloadable = true,
	  .help = "push services of browsers: hosts, *.<domain>, or * for "
		  "any" },
	{ "push.web_ports", WP_CONF_AT(push.web_ports), .type = WP_CONF_LIST,
	  .preset = "443", .min = 1, .max = PORTS_MAX, .is_reloadable = true,
	  .help = "ports at which endpoints of users may be" },
	{ "push.unifiedpush", WP_CONF_AT(push.unifiedpush),
	  .type = WP_CONF_BOOL, .preset = "true", .is_reloadable = true,
	  .help = "devices may register with a push server of their own, at "
		  "any public host" },
	{ "push.user_webhooks", WP_CONF_AT(push.user_webhooks),
	  .type = WP_CONF_BOOL, .preset = "false", .is_reloadable = true,
	  .help = "users may register an endpoint that is called in place of "
		  "a device" },
	{ "push.email", WP_CONF_AT(push.email), .type = WP_CONF_BOOL,
	  .preset = "false", .is_reloadable = true,
	  .help = "users may have themselves told by e-mail" },
};

static enum wp_err check_apps(const struct wp_conf *conf, bool is_used,
			      struct wp_error *err)
{
	struct wp_push_apps *apps = NULL;
	enum wp_err rc = wp_push_apps_new(&apps, conf, err);

	(void)is_used;
	wp_push_apps_free(&apps);
	return rc;
}

static enum wp_err check_hosts(const struct wp_conf *conf, bool is_used,
			       struct wp_error *err)
{
	const struct wp_conf_list *hosts = &conf->push.web_hosts;

	(void)is_used;
	for (size_t i = 0; i < hosts->n; i++)
		if (!wp_push_host_rule_ok(hosts->items[i]))
			return wp_conf_broken(
				err, "push.web_hosts",
				"each must be a host with a dot, *.<domain> "
				"or *");
	return WP_OK;
}

static enum wp_err check_ports(const struct wp_conf *conf, bool is_used,
			       struct wp_error *err)
{
	const struct wp_conf_list *ports = &conf->push.web_ports;

	(void)is_used;
	for (size_t i = 0; i < ports->n; i++) {
		const char *text = ports->items[i];
		size_t len = strlen(text);

		if (len > PORT_DIGITS || strspn(text, "0123456789") != len ||
		    text[0] == '0' || strtol(text, NULL, 10) > PORT_MAX)
			return wp_conf_broken(err, "push.web_ports",
					      "each must be a port, 1 to "
					      "65535");
	}
	return WP_OK;
}

static const wp_conf_rule_fn rules[] = { check_apps, check_hosts, check_ports,
					 NULL };

const struct wp_conf_section wp_conf_push_devices =
	WP_CONF_SECTION("push", keys, rules);
