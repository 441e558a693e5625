/* worker.c - what waypost-worker is told. */
#include "lib/sys/sections/sections.h"

static const struct wp_conf_key keys[] = {
	{ "worker.metrics_listen", WP_CONF_AT(worker.metrics_listen),
	  .type = WP_CONF_STRING, .preset = "",
	  .help = "unix:/path or host:port for GET /metrics; empty: none" },
	{ "worker.lease_ms", WP_CONF_AT(worker.lease_ms), .type = WP_CONF_INT,
	  .preset = "3000", .min = 100, .max = 600000, .unit = "ms",
	  .is_reloadable = true,
	  .help = "how long a partition waits for a worker that died" },
	{ "worker.tick_ms", WP_CONF_AT(worker.tick_ms), .type = WP_CONF_INT,
	  .preset = "500", .min = 10, .max = 60000, .unit = "ms",
	  .is_reloadable = true, .help = "how often leases are looked after" },
	{ "worker.batch_entries", WP_CONF_AT(worker.batch_entries),
	  .type = WP_CONF_INT, .preset = "256", .min = 1, .max = 10000,
	  .unit = "entries", .is_reloadable = true,
	  .help = "what one run of route.lua may take" },
	{ "worker.reap_after_ms", WP_CONF_AT(worker.reap_after_ms),
	  .type = WP_CONF_INT, .preset = "9000", .min = 200, .max = 600000,
	  .unit = "ms", .is_reloadable = true,
	  .help = "how long a daemon may be silent before its users are "
		  "offline" },
	{ "worker.sweep_interval_ms", WP_CONF_AT(worker.sweep_interval_ms),
	  .type = WP_CONF_INT, .preset = "10000", .min = 100, .max = 3600000,
	  .unit = "ms", .is_reloadable = true,
	  .help = "how often expired messages are deleted" },
	{ "worker.audit_keys_per_second",
	  WP_CONF_AT(worker.audit_keys_per_second), .type = WP_CONF_INT,
	  .preset = "2000", .min = 0, .max = 1000000, .unit = "keys/s",
	  .is_reloadable = true,
	  .help = "how fast what should never be is looked for; 0: not" },
	{ "worker.drain_ms", WP_CONF_AT(worker.drain_ms), .type = WP_CONF_INT,
	  .preset = "5000", .min = 0, .max = 600000, .unit = "ms",
	  .is_reloadable = true,
	  .help = "how long a stop waits for work under way" },
};

static enum wp_err check_lease(const struct wp_conf *conf, bool is_used,
			       struct wp_error *err)
{
	(void)is_used;
	if (conf->worker.tick_ms >= conf->worker.lease_ms)
		return wp_conf_broken(
			err, "worker.tick_ms",
			"must be below worker.lease_ms, or every lease "
			"lapses");
	return WP_OK;
}

static enum wp_err check_listen(const struct wp_conf *conf, bool is_used,
				struct wp_error *err)
{
	return wp_conf_check_listen("worker.metrics_listen",
				    is_used ? conf->worker.metrics_listen : "",
				    err);
}

static const wp_conf_rule_fn rules[] = { check_lease, check_listen, NULL };

const struct wp_conf_section wp_conf_worker =
	WP_CONF_SECTION("worker", keys, rules);
