/*
 * conf_table.c - every key of the configuration, once.
 *
 * Knows names, defaults, bounds and what to tell an operator. Knows nothing
 * about where values come from. web-config/waypost.yaml shows the same keys in
 * the same order; a test holds them together.
 */
#include "lib/sys/conf_table.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#define AT(member) .offset = offsetof(struct wp_conf, member)

/* In the order of the enums that they stand for. */
static const char *const run_modes[] = { "local", "production", NULL };
static const char *const log_levels[] = { "error", "warn", "info", "debug",
					  NULL };
static const char *const visibilities[] = { "all", "self", "none", NULL };
static const char *const backends[] = { "sqlite", NULL };

const struct wp_conf_key wp_conf_keys[] = {
	{ "run_mode", AT(run_mode), .type = WP_CONF_ENUM, .words = run_modes,
	  .preset = "local",
	  .help = "production demands real secrets and a safe Redis" },

	{ "log.level", AT(log.level), .type = WP_CONF_ENUM, .words = log_levels,
	  .preset = "info", .alias = "LOG_LEVEL", .is_reloadable = true,
	  .help = "how much is logged, as JSON lines on standard error" },

	{ "redis.address", AT(redis.address), .type = WP_CONF_STRING,
	  .preset = "127.0.0.1:6379", .alias = "REDIS_ADDR",
	  .help = "unix:/path or host:port" },
	{ "redis.username", AT(redis.username), .type = WP_CONF_STRING,
	  .preset = "", .help = "the ACL user; empty for the default user" },
	{ "redis.password", AT(redis.password), .type = WP_CONF_SECRET,
	  .alias = "REDIS_PASSWORD", .help = "the password of that user" },
	{ "redis.database", AT(redis.database), .type = WP_CONF_INT,
	  .preset = "0", .min = 0, .max = 65535,
	  .help = "the number of the database" },
	{ "redis.connect_timeout_ms", AT(redis.connect_timeout_ms),
	  .type = WP_CONF_INT, .preset = "2000", .min = 100, .max = 60000,
	  .unit = "ms", .help = "how long a connect may take" },
	{ "redis.command_timeout_ms", AT(redis.command_timeout_ms),
	  .type = WP_CONF_INT, .preset = "5000", .min = 100, .max = 600000,
	  .unit = "ms", .help = "how long an answer may take" },
	{ "redis.memory_high_percent", AT(redis.memory_high_percent),
	  .type = WP_CONF_INT, .preset = "80", .min = 1, .max = 100,
	  .unit = "%", .help = "share of maxmemory above which sends get 503" },

	{ "mailbox.partitions", AT(mailbox.partitions), .type = WP_CONF_INT,
	  .preset = "64", .min = 1, .max = 65536,
	  .help = "fixed when a deployment is first started" },
	{ "mailbox.max_envelope_bytes", AT(mailbox.max_envelope_bytes),
	  .type = WP_CONF_INT, .preset = "262144", .min = 1024, .max = 4194304,
	  .unit = "bytes", .is_reloadable = true,
	  .help = "a larger envelope gets 413" },
	{ "mailbox.ingress_high_mark", AT(mailbox.ingress_high_mark),
	  .type = WP_CONF_INT, .preset = "10000", .min = 1, .max = 10000000,
	  .unit = "entries", .is_reloadable = true,
	  .help = "unrouted messages of one partition before sends get 503" },
	{ "mailbox.max_waiting", AT(mailbox.max_waiting), .type = WP_CONF_INT,
	  .preset = "10000", .min = 1, .max = 100000000, .unit = "messages",
	  .is_reloadable = true,
	  .help = "what may wait for one user before their senders get 507" },
	{ "mailbox.max_waiting_bytes", AT(mailbox.max_waiting_bytes),
	  .type = WP_CONF_INT, .preset = "67108864", .min = 1024,
	  .max = 1099511627776, .unit = "bytes", .is_reloadable = true,
	  .help = "the same in bytes of their envelopes" },
	{ "mailbox.max_rejected", AT(mailbox.max_rejected), .type = WP_CONF_INT,
	  .preset = "10000", .min = 1, .max = 10000000, .unit = "entries",
	  .is_reloadable = true,
	  .help = "refused entries of wp:inbox that are kept; the oldest "
		  "goes" },
	{ "mailbox.max_rejected_bytes", AT(mailbox.max_rejected_bytes),
	  .type = WP_CONF_INT, .preset = "16777216", .min = 65536,
	  .max = 1099511627776, .unit = "bytes", .is_reloadable = true,
	  .help = "the same in bytes of Redis' memory" },
	{ "mailbox.max_expiry_seconds", AT(mailbox.max_expiry_seconds),
	  .type = WP_CONF_INT, .preset = "2592000", .min = 1, .max = 315360000,
	  .unit = "s", .is_reloadable = true,
	  .help = "how long a message is kept, and the most one may ask for" },
	{ "mailbox.max_tries", AT(mailbox.max_tries), .type = WP_CONF_INT,
	  .preset = "5", .min = 1, .max = 1000, .is_reloadable = true,
	  .help = "attempts to route an entry before it is dead-lettered" },
	{ "mailbox.idempotency_hours", AT(mailbox.idempotency_hours),
	  .type = WP_CONF_INT, .preset = "24", .min = 1, .max = 168,
	  .unit = "h", .is_reloadable = true,
	  .help = "how long an Idempotency-Key is remembered" },

	{ "auth.jwt_secret", AT(auth.jwt_secret), .type = WP_CONF_SECRET,
	  .alias = "JWT_SECRET", .is_reloadable = true,
	  .help = "verifies HS256 tokens; 32 bytes or more, no comma" },
	{ "auth.jwt_secret_previous", AT(auth.jwt_secret_previous),
	  .type = WP_CONF_SECRET, .alias = "JWT_SECRET_PREVIOUS",
	  .is_reloadable = true,
	  .help = "older secrets that still verify, separated by commas; "
		  "each 32 bytes or more" },
	{ "auth.public_key_files", AT(auth.public_key_files),
	  .type = WP_CONF_LIST, .preset = "", .min = 0, .max = WP_CONF_LIST_MAX,
	  .is_reloadable = true,
	  .help = "PEM files, by absolute paths: RSA (RS256) or EC P-256 "
		  "(ES256) public keys" },
	{ "auth.store_secret", AT(auth.store_secret), .type = WP_CONF_SECRET,
	  .alias = "STORE_SECRET",
	  .help = "keys the HMACs of what is stored; the same everywhere; in "
		  "local mode it may be kept beside the database" },
	{ "auth.identity_claims", AT(auth.identity_claims),
	  .type = WP_CONF_LIST, .preset = "handle,sub", .min = 1, .max = 16,
	  .is_reloadable = true,
	  .help = "the first of these claims that a token has is the caller" },
	{ "auth.issuer", AT(auth.issuer), .type = WP_CONF_STRING, .preset = "",
	  .is_reloadable = true,
	  .help = "what iss must be; empty accepts any" },
	{ "auth.audience", AT(auth.audience), .type = WP_CONF_STRING,
	  .preset = "", .is_reloadable = true,
	  .help = "what aud must contain; empty accepts any" },
	{ "auth.leeway_seconds", AT(auth.leeway_seconds), .type = WP_CONF_INT,
	  .preset = "30", .min = 0, .max = 600, .unit = "s",
	  .is_reloadable = true,
	  .help = "how far the clock of the issuer may be off" },
	{ "auth.max_token_bytes", AT(auth.max_token_bytes), .type = WP_CONF_INT,
	  .preset = "8192", .min = 256, .max = 65536, .unit = "bytes",
	  .is_reloadable = true, .help = "a longer token is refused unread" },

	{ "cors.allowed_origins", AT(cors.allowed_origins),
	  .type = WP_CONF_LIST, .preset = "", .min = 0, .max = WP_CONF_LIST_MAX,
	  .alias = "CORS_ALLOWED_ORIGINS", .is_reloadable = true,
	  .help = "exact origins of browser clients, https://app.example" },
	{ "cors.allow_credentials", AT(cors.allow_credentials),
	  .type = WP_CONF_BOOL, .preset = "true", .is_reloadable = true,
	  .help = "let browsers send cookies and Authorization" },
	{ "cors.max_age_seconds", AT(cors.max_age_seconds), .type = WP_CONF_INT,
	  .preset = "600", .min = 0, .max = 86400, .unit = "s",
	  .is_reloadable = true,
	  .help = "how long a browser may remember a preflight" },

	{ "handlers.listen", AT(handlers.listen), .type = WP_CONF_STRING,
	  .preset = "",
	  .help = "unix:/path or host:port; empty: the socket that was "
		  "handed over, or plain CGI" },
	{ "handlers.processes", AT(handlers.processes), .type = WP_CONF_INT,
	  .preset = "2", .min = 1, .max = 64, .is_reloadable = true,
	  .help = "children" },
	{ "handlers.threads", AT(handlers.threads), .type = WP_CONF_INT,
	  .preset = "16", .min = 1, .max = 1024, .is_reloadable = true,
	  .help = "requests that one child serves at a time" },
	{ "handlers.max_batch_bytes", AT(handlers.max_batch_bytes),
	  .type = WP_CONF_INT, .preset = "4194304", .min = 1024,
	  .max = 67108864, .unit = "bytes", .is_reloadable = true,
	  .help = "a larger body of a batch gets 413" },
	{ "handlers.drain_ms", AT(handlers.drain_ms), .type = WP_CONF_INT,
	  .preset = "10000", .min = 0, .max = 600000, .unit = "ms",
	  .is_reloadable = true,
	  .help = "how long a stop waits for requests under way" },

	{ "worker.metrics_listen", AT(worker.metrics_listen),
	  .type = WP_CONF_STRING, .preset = "",
	  .help = "unix:/path or host:port for GET /metrics; empty: none" },
	{ "worker.lease_ms", AT(worker.lease_ms), .type = WP_CONF_INT,
	  .preset = "3000", .min = 100, .max = 600000, .unit = "ms",
	  .is_reloadable = true,
	  .help = "how long a partition waits for a worker that died" },
	{ "worker.tick_ms", AT(worker.tick_ms), .type = WP_CONF_INT,
	  .preset = "500", .min = 10, .max = 60000, .unit = "ms",
	  .is_reloadable = true, .help = "how often leases are looked after" },
	{ "worker.batch_entries", AT(worker.batch_entries), .type = WP_CONF_INT,
	  .preset = "256", .min = 1, .max = 10000, .unit = "entries",
	  .is_reloadable = true, .help = "what one run of route.lua may take" },
	{ "worker.reap_after_ms", AT(worker.reap_after_ms), .type = WP_CONF_INT,
	  .preset = "9000", .min = 200, .max = 600000, .unit = "ms",
	  .is_reloadable = true,
	  .help = "how long a daemon may be silent before its users are "
		  "offline" },
	{ "worker.sweep_interval_ms", AT(worker.sweep_interval_ms),
	  .type = WP_CONF_INT, .preset = "10000", .min = 100, .max = 3600000,
	  .unit = "ms", .is_reloadable = true,
	  .help = "how often expired messages are deleted" },
	{ "worker.audit_keys_per_second", AT(worker.audit_keys_per_second),
	  .type = WP_CONF_INT, .preset = "2000", .min = 0, .max = 1000000,
	  .unit = "keys/s", .is_reloadable = true,
	  .help = "how fast what should never be is looked for; 0: not" },
	{ "worker.drain_ms", AT(worker.drain_ms), .type = WP_CONF_INT,
	  .preset = "5000", .min = 0, .max = 600000, .unit = "ms",
	  .is_reloadable = true,
	  .help = "how long a stop waits for work under way" },

	{ "websocket.listen", AT(websocket.listen), .type = WP_CONF_STRING,
	  .preset = "tcp:127.0.0.1:8083",
	  .help = "unix:/path or tcp:host:port; empty: the socket that was "
		  "handed over" },
	{ "websocket.query_token", AT(websocket.query_token),
	  .type = WP_CONF_BOOL, .preset = "true", .is_reloadable = true,
	  .help = "accept ?token=; in production the default is false" },
	{ "websocket.cookie_name", AT(websocket.cookie_name),
	  .type = WP_CONF_STRING, .preset = "", .is_reloadable = true,
	  .help = "the cookie that may hold a token; empty: none" },
	{ "websocket.max_connections", AT(websocket.max_connections),
	  .type = WP_CONF_INT, .preset = "10000", .min = 1, .max = 1000000,
	  .is_reloadable = true,
	  .help = "connections of one daemon; more get 503" },
	{ "websocket.max_connections_per_user",
	  AT(websocket.max_connections_per_user), .type = WP_CONF_INT,
	  .preset = "20", .min = 1, .max = 10000, .is_reloadable = true,
	  .help = "one more closes the user's oldest with 4409" },
	{ "websocket.max_message_bytes", AT(websocket.max_message_bytes),
	  .type = WP_CONF_INT, .preset = "0", .min = 0, .max = 16777216,
	  .unit = "bytes", .is_reloadable = true,
	  .help = "of one message; 0: max_envelope_bytes and 4 KiB" },
	{ "websocket.max_queue_bytes", AT(websocket.max_queue_bytes),
	  .type = WP_CONF_INT, .preset = "1048576", .min = 1024,
	  .max = 67108864, .unit = "bytes", .is_reloadable = true,
	  .help = "what may wait for a slow reader before 1013" },
	{ "websocket.ping_interval_ms", AT(websocket.ping_interval_ms),
	  .type = WP_CONF_INT, .preset = "30000", .min = 100, .max = 3600000,
	  .unit = "ms", .is_reloadable = true,
	  .help = "how often a silent peer is pinged" },
	{ "websocket.idle_timeout_ms", AT(websocket.idle_timeout_ms),
	  .type = WP_CONF_INT, .preset = "60000", .min = 200, .max = 7200000,
	  .unit = "ms", .is_reloadable = true,
	  .help = "a peer silent for so long is dropped" },
	{ "websocket.handshake_timeout_ms", AT(websocket.handshake_timeout_ms),
	  .type = WP_CONF_INT, .preset = "10000", .min = 100, .max = 600000,
	  .unit = "ms", .is_reloadable = true,
	  .help = "how long the HTTP request may take to arrive" },
	{ "websocket.heartbeat_ms", AT(websocket.heartbeat_ms),
	  .type = WP_CONF_INT, .preset = "3000", .min = 100, .max = 60000,
	  .unit = "ms", .help = "how late a lost poke may be at most" },
	{ "websocket.grace_ms", AT(websocket.grace_ms), .type = WP_CONF_INT,
	  .preset = "5000", .min = 0, .max = 600000, .unit = "ms",
	  .is_reloadable = true,
	  .help = "from a clean close to migration and push; the same for "
		  "daemons and workers" },
	{ "websocket.drain_ms", AT(websocket.drain_ms), .type = WP_CONF_INT,
	  .preset = "5000", .min = 0, .max = 600000, .unit = "ms",
	  .is_reloadable = true,
	  .help = "how long a stop waits for queued frames" },

	{ "presence.visibility", AT(presence.visibility), .type = WP_CONF_ENUM,
	  .words = visibilities, .preset = "all", .is_reloadable = true,
	  .help = "whose presence a caller may ask for" },

	{ "push.enabled", AT(push.enabled), .type = WP_CONF_BOOL,
	  .preset = "false", .is_reloadable = true,
	  .help = "write notification commands about absent users" },
	{ "push.max_commands", AT(push.max_commands), .type = WP_CONF_INT,
	  .preset = "10000", .min = 1, .max = 100000000, .unit = "commands",
	  .is_reloadable = true,
	  .help = "about how many are kept that nobody has read" },

	{ "store.backend", AT(store.backend), .type = WP_CONF_STRING,
	  .words = backends, .preset = "sqlite",
	  .help = "where messages of absent users wait" },
	{ "store.sqlite_path", AT(store.sqlite_path), .type = WP_CONF_STRING,
	  .preset = "waypost.db",
	  .help = "the database file; all programs on one host; in production "
		  "the default is /var/lib/waypost/waypost.db" },
	{ "store.busy_timeout_ms", AT(store.busy_timeout_ms),
	  .type = WP_CONF_INT, .preset = "2000", .min = 0, .max = 60000,
	  .unit = "ms", .help = "how long a write waits for another one" },
};

const size_t wp_conf_keys_n = sizeof(wp_conf_keys) / sizeof(wp_conf_keys[0]);

_Static_assert(sizeof(wp_conf_keys) / sizeof(wp_conf_keys[0]) <=
		       WP_CONF_KEYS_MAX,
	       "raise WP_CONF_KEYS_MAX");

const struct wp_conf_key *wp_conf_find(const char *name, size_t len,
				       bool *is_path_out)
{
	static const char suffix[] = "_file";
	size_t i;

	for (i = 0; i < wp_conf_keys_n; i++) {
		const struct wp_conf_key *key = &wp_conf_keys[i];
		size_t n = strlen(key->name);

		if (len < n || memcmp(key->name, name, n) != 0)
			continue;
		*is_path_out = len > n;
		if (len == n)
			return key;
		if (key->type == WP_CONF_SECRET &&
		    len == n + sizeof(suffix) - 1 &&
		    memcmp(name + n, suffix, sizeof(suffix) - 1) == 0)
			return key;
	}
	return NULL;
}

bool wp_conf_uses(const struct wp_conf_program *program,
		  const struct wp_conf_key *key)
{
	const char *dot = strchr(key->name, '.');
	size_t section = dot == NULL ? 0 : (size_t)(dot - key->name);
	const char *p = program->sections;

	if (section == 0)
		return true;
	while (*p != '\0') {
		size_t len = strcspn(p, ",");

		if ((len == section || len == strlen(key->name)) &&
		    memcmp(p, key->name, len) == 0)
			return true;
		p += len + (p[len] == ',');
	}
	return false;
}

bool wp_conf_uses_name(const struct wp_conf_program *program, const char *name)
{
	bool is_path;

	return wp_conf_uses(program,
			    wp_conf_find(name, strlen(name), &is_path));
}

void wp_conf_env_name(const struct wp_conf_key *key, const char *suffix,
		      char out[WP_CONF_NAME_MAX])
{
	char *p;

	snprintf(out, WP_CONF_NAME_MAX, "WAYPOST_%s%s", key->name, suffix);
	for (p = out; *p != '\0'; p++)
		*p = (char)(*p == '.' ? '_' : toupper((unsigned char)*p));
}
