/* handlers.c - what waypost-handlers is told. */
#include "lib/sys/sections/sections.h"

static const struct wp_conf_key keys[] = {
	{ "handlers.listen", WP_CONF_AT(handlers.listen),
	  .type = WP_CONF_STRING, .preset = "",
	  .help = "unix:/path or host:port; empty: the socket that was "
		  "handed over, or plain CGI" },
	{ "handlers.metrics_listen", WP_CONF_AT(handlers.metrics_listen),
	  .type = WP_CONF_STRING, .preset = "",
	  .help = "unix:/path or host:port for GET /metrics; empty: none" },
	{ "handlers.socket_group", WP_CONF_AT(handlers.socket_group),
	  .type = WP_CONF_STRING, .preset = "",
	  .help = "group of a unix socket that is made here, such as the web "
		  "server's: www-data" },
	{ "handlers.processes", WP_CONF_AT(handlers.processes),
	  .type = WP_CONF_INT, .preset = "2", .min = 1, .max = 64,
	  .is_reloadable = true, .help = "children" },
	{ "handlers.threads", WP_CONF_AT(handlers.threads), .type = WP_CONF_INT,
	  .preset = "4", .min = 1, .max = 1024, .is_reloadable = true,
	  .help = "of one child, for the cold store" },
	{ "handlers.max_batch_bytes", WP_CONF_AT(handlers.max_batch_bytes),
	  .type = WP_CONF_INT, .preset = "4194304", .min = 1024,
	  .max = 67108864, .unit = "bytes", .is_reloadable = true,
	  .help = "a larger body of a batch gets 413" },
	{ "handlers.drain_ms", WP_CONF_AT(handlers.drain_ms),
	  .type = WP_CONF_INT, .preset = "10000", .min = 0, .max = 600000,
	  .unit = "ms", .is_reloadable = true,
	  .help = "how long a stop waits for requests under way" },
};

static enum wp_err check_listen(const struct wp_conf *conf, bool is_used,
				struct wp_error *err)
{
	return wp_conf_check_listen("handlers.listen",
				    is_used ? conf->handlers.listen : "", err);
}

static enum wp_err check_metrics(const struct wp_conf *conf, bool is_used,
				 struct wp_error *err)
{
	return wp_conf_check_listen(
		"handlers.metrics_listen",
		is_used ? conf->handlers.metrics_listen : "", err);
}

static const wp_conf_rule_fn rules[] = { check_listen, check_metrics, NULL };

const struct wp_conf_section wp_conf_handlers =
	WP_CONF_SECTION("handlers", keys, rules);
