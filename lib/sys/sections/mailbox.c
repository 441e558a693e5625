/* mailbox.c - what a mailbox may hold, and for how long. */
#include "lib/sys/sections/sections.h"

static const struct wp_conf_key keys[] = {
	{ "mailbox.partitions", WP_CONF_AT(mailbox.partitions),
	  .type = WP_CONF_INT, .preset = "64", .min = 1, .max = 65536,
	  .help = "fixed when a deployment is first started" },
	{ "mailbox.max_envelope_bytes", WP_CONF_AT(mailbox.max_envelope_bytes),
	  .type = WP_CONF_INT, .preset = "262144", .min = 1024, .max = 4194304,
	  .unit = "bytes", .is_reloadable = true,
	  .help = "a larger envelope gets 413" },
	{ "mailbox.ingress_high_mark", WP_CONF_AT(mailbox.ingress_high_mark),
	  .type = WP_CONF_INT, .preset = "10000", .min = 1, .max = 10000000,
	  .unit = "entries", .is_reloadable = true,
	  .help = "unrouted messages of one partition before sends get 503" },
	{ "mailbox.max_waiting", WP_CONF_AT(mailbox.max_waiting),
	  .type = WP_CONF_INT, .preset = "10000", .min = 1, .max = 100000000,
	  .unit = "messages", .is_reloadable = true,
	  .help = "what may wait for one user before their senders get 507" },
	{ "mailbox.max_waiting_bytes", WP_CONF_AT(mailbox.max_waiting_bytes),
	  .type = WP_CONF_INT, .preset = "67108864", .min = 1024,
	  .max = 1099511627776, .unit = "bytes", .is_reloadable = true,
	  .help = "the same in bytes of their envelopes" },
	{ "mailbox.max_rejected", WP_CONF_AT(mailbox.max_rejected),
	  .type = WP_CONF_INT, .preset = "10000", .min = 1, .max = 10000000,
	  .unit = "entries", .is_reloadable = true,
	  .help = "refused entries of wp:inbox that are kept; the oldest "
		  "goes" },
	{ "mailbox.max_rejected_bytes", WP_CONF_AT(mailbox.max_rejected_bytes),
	  .type = WP_CONF_INT, .preset = "16777216", .min = 65536,
	  .max = 1099511627776, .unit = "bytes", .is_reloadable = true,
	  .help = "the same in bytes of Redis' memory" },
	{ "mailbox.max_expiry_seconds", WP_CONF_AT(mailbox.max_expiry_seconds),
	  .type = WP_CONF_INT, .preset = "2592000", .min = 1, .max = 315360000,
	  .unit = "s", .is_reloadable = true,
	  .help = "how long a message is kept, and the most one may ask for" },
	{ "mailbox.max_tries", WP_CONF_AT(mailbox.max_tries),
	  .type = WP_CONF_INT, .preset = "5", .min = 1, .max = 1000,
	  .is_reloadable = true,
	  .help = "attempts to route an entry before it is dead-lettered" },
	{ "mailbox.idempotency_hours", WP_CONF_AT(mailbox.idempotency_hours),
	  .type = WP_CONF_INT, .preset = "24", .min = 1, .max = 168,
	  .unit = "h", .is_reloadable = true,
	  .help = "how long an Idempotency-Key is remembered" },
};

static enum wp_err check_quota(const struct wp_conf *conf, bool is_used,
			       struct wp_error *err)
{
	(void)is_used;
	if (conf->mailbox.max_waiting_bytes < conf->mailbox.max_envelope_bytes)
		return wp_conf_broken(
			err, "mailbox.max_waiting_bytes",
			"must not be below mailbox.max_envelope_bytes, or "
			"some envelopes never fit");
	return WP_OK;
}

static const wp_conf_rule_fn rules[] = { check_quota, NULL };

const struct wp_conf_section wp_conf_mailbox =
	WP_CONF_SECTION("mailbox", keys, rules);
