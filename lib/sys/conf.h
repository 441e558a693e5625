/*
 * conf.h - the settings of a deployment: one YAML file for all programs.
 *
 * Precedence: built-in default, then the file, then the environment, then the
 * command line; with environment_names what another service calls them counts
 * where none of these is set. Every key is described once, in sections/. A
 * secret is never taken from the file: it comes from its environment variable
 * or from the file that <key>_file names (mode no wider than 0640 in
 * production).
 *
 * To add a key: a line here, one in its table, one in web-config/waypost.yaml.
 * To add a section: besides, a file in sections/ and its line in all.c; the
 * program that uses it names it.
 */
#ifndef WP_LIB_SYS_CONF_H
#define WP_LIB_SYS_CONF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/base/err.h"
#include "lib/base/log.h"

enum wp_run_mode { WP_RUN_LOCAL, WP_RUN_PRODUCTION };
/* Whose names of settings count in the environment, besides ours. */
enum wp_environment_names {
	WP_NAMES_NONE,
	WP_NAMES_OF_NOTIFICATION_SERVICE,
};
enum wp_durability { WP_DURABILITY_FSYNC, WP_DURABILITY_MEMORY };
enum wp_log_requests {
	WP_REQUESTS_ALL,
	WP_REQUESTS_ERRORS, /* of ours (5xx), and slow ones */
	WP_REQUESTS_NONE,
};
/* How tokens of our own are signed (RFC 7518 section 3.1). */
enum wp_sign_alg { WP_SIGN_ES256, WP_SIGN_RS256 };
enum wp_registration {
	WP_REGISTRATION_CLOSED,
	WP_REGISTRATION_INVITE,
	WP_REGISTRATION_OPEN,
};
enum wp_push_mode {
	WP_PUSH_LOG, /* what would be sent is a line of the log */
	WP_PUSH_LIVE,
};
/* Where a notification service of one's own reads. */
enum wp_bus_push {
	WP_BUS_NONE,
	WP_BUS_REDIS,
};
/* How channels of notifications are subscribed. */
enum wp_feed_mode {
	WP_FEED_PATTERN,  /* all of them at once */
	WP_FEED_PER_USER, /* those of who is connected */
};
enum wp_visibility { WP_VISIBLE_ALL, WP_VISIBLE_SELF, WP_VISIBLE_NONE };

/* A list of words; NULL-terminated, items[n] == NULL. */
struct wp_conf_list {
	char **items;
	size_t n;
};

/* A table of keys; lib/sys/sections/ has them. */
struct wp_conf_section;

struct wp_conf {
	/* The tables of what is below; ends with NULL. */
	const struct wp_conf_section *const *known;
	struct wp_faults *faults; /* of the program that loaded it, or NULL */
	bool has_file;            /* there is a configuration file */
	int file_errno;           /* why it could not be read; 0: it was */
	/* All that was said was taken, be it fit or not, and leads to the Redis
	 * and the store that are meant. */
	bool is_read;
	enum wp_run_mode run_mode; /* WAYPOST_RUN_MODE */
	enum wp_environment_names environment_names;
	char *public_url; /* http(s)://host…; "" = not known */

	struct {
		enum wp_log_level level; /* also LOG_LEVEL */
		enum wp_log_requests requests;
		int64_t slow_ms;   /* so long is slow */
		int64_t sample_ok; /* of so many good ones one has a line */
	} log;

	struct {
		char *address; /* unix:/path or host:port; also REDIS_ADDR */
		char *username;
		char *password; /* secret */
		int64_t database;
		int64_t connect_timeout_ms;
		int64_t command_timeout_ms;
		int64_t memory_high_percent; /* sends get 503 above it */
		/* What 202 is to mean: whether it is worth a warning that it
		 * means less. */
		enum wp_durability durability;
	} redis;

	struct {
		int64_t partitions;
		int64_t max_envelope_bytes;
		int64_t ingress_high_mark; /* entries of one partition */
		int64_t max_waiting;       /* messages of one user */
		int64_t max_waiting_bytes; /* of their envelopes */
		int64_t max_rejected;
		int64_t max_rejected_bytes;
		int64_t max_expiry_seconds; /* default expiry as well */
		int64_t max_tries;          /* before dead-lettering */
		int64_t idempotency_hours;
	} mailbox;

	struct {
		char *jwt_secret;          /* secret; also JWT_SECRET */
		char *jwt_secret_previous; /* secret; comma list */
		struct wp_conf_list public_key_files; /* PEM: RSA or EC P-256 */
		char *store_secret; /* secret; also STORE_SECRET */
		struct wp_conf_list identity_claims;
		char *issuer;
		char *audience;
		int64_t leeway_seconds;
		int64_t max_token_bytes;
		char *api_keys_file; /* "" = back ends have no keys */
		char *device_claim;
		struct wp_conf_list issuers; /* see lib/sys/issuers.h */
		char *key_dir;
		int64_t revocation_hours;
		int64_t key_refresh_seconds;
		char *ca_file; /* "" = the system's CAs */
		int64_t key_max_age_hours;
	} auth;

	struct {
		bool enabled;
		char *issuer; /* what iss is in tokens of our own */
		enum wp_sign_alg signing_algorithm;
		int64_t key_rotation_days; /* 0: never */
		int64_t access_token_seconds;
		int64_t session_idle_days;
		int64_t session_max_days;
		int64_t sessions_per_user;
		enum wp_registration registration;
		bool log_addresses;
		char *sqlite_path;
		int64_t min_password_length;
		char *blocklist_file; /* "" = none */
		int64_t argon2_memory_kib;
		int64_t argon2_passes;
		int64_t hash_slots; /* 0 = half of the cores, 1 to 4 */
	} accounts;

	struct {
		char *metrics_listen; /* "" = no metrics listener */
	} keys;

	struct {
		struct wp_conf_list allowed_origins;
		bool allow_credentials;
		int64_t max_age_seconds;
	} cors;

	struct {
		char *listen;
		char *metrics_listen; /* "" = no metrics listener */
		char *socket_group;   /* "" = as it comes */
		int64_t processes;
		int64_t threads;
		int64_t max_batch_bytes;
		int64_t drain_ms; /* budget of a graceful stop */
	} handlers;

	struct {
		char *metrics_listen; /* "" = no metrics listener */
		int64_t lease_ms;
		int64_t tick_ms; /* how often leases are looked after */
		int64_t batch_entries;
		int64_t reap_after_ms;
		int64_t sweep_interval_ms; /* of expired messages */
		int64_t audit_keys_per_second;
		int64_t drain_ms;
	} worker;

	struct {
		char *listen;
		char *metrics_listen; /* "" = no metrics listener */
		char *socket_group;
		int64_t processes;
		bool query_token;
		char *cookie_name; /* "" = cookies are not looked at */
		int64_t max_connections;
		int64_t max_connections_per_user;
		int64_t max_message_bytes; /* 0 = envelope limit + 4 KiB */
		int64_t max_queue_bytes;   /* per slow connection */
		int64_t inline_window;     /* messages; 0: none is offered */
		int64_t ack_timeout_ms;    /* of what was sent inline */
		bool deflate;              /* permessage-deflate */
		int64_t ping_interval_ms;
		int64_t idle_timeout_ms;
		int64_t handshake_timeout_ms;
		int64_t heartbeat_ms;
		int64_t grace_ms; /* clean close to migration */
		int64_t drain_ms;
		int64_t canary_interval_seconds; /* 0: there is none */
		enum wp_feed_mode feed_mode;
		struct wp_conf_list topics; /* see lib/name/topic.h */
	} websocket;

	struct {
		enum wp_visibility visibility;
	} presence;

	struct {
		struct wp_conf_list rates;           /* see lib/limit/rates.h */
		struct wp_conf_list trusted_proxies; /* of the daemon */
	} limits;

	struct {
		bool enabled; /* somebody takes entries of pushdue */
		int64_t grace_ms;
		int64_t inactive_ms;
		int64_t max_commands;     /* ignored; 0 not set */
		struct wp_conf_list apps; /* see lib/sys/push_apps.h */
		int64_t max_per_user;     /* devices */
		struct wp_conf_list web_hosts;
		struct wp_conf_list web_ports;
		bool unifiedpush;
		bool user_webhooks;
		bool web_event; /* PUBLISH of who is told */
		bool email;
		char *vapid_key; /* secret; a PEM; "" = none */
		enum wp_push_mode mode;
		int64_t poll_ms;     /* how often is looked for who is due */
		int64_t claim_ms;    /* how long who is told is left alone */
		int64_t timeout_ms;  /* of one request */
		int64_t token_days;  /* that nobody has refreshed */
		int64_t ttl_seconds; /* providers keep a push so long */
		struct wp_conf_list rates; /* see lib/push/rates.h */
		char *vapid_subject;       /* mailto: or https:; "" = none */
		char *smtp_url;
		char *smtp_user;
		char *smtp_password; /* secret */
		char *email_from;
		int64_t email_after_seconds;
		char *email_text_file;              /* "" = a text of ours */
		struct wp_conf_list allow_networks; /* see lib/net/reach.h */
		char *proxy;                        /* "" = none */
		char *ca_file;                      /* "" = the system's */
	} push;

	struct {
		char *metrics_listen; /* "" = no metrics listener */
		int64_t drain_ms;     /* budget of a graceful stop */
	} notifier;

	struct {
		enum wp_bus_push push;
		char *redis_push_stream;
		int64_t redis_push_stream_max; /* entries, about */
	} bus;

	struct {
		char *backend; /* "sqlite" */
		char *sqlite_path;
		int64_t busy_timeout_ms;
	} store;
};

/* What the command line asked for. */
enum wp_conf_action {
	WP_CONF_RUN,
	WP_CONF_EXIT_OK, /* --help, --version, --print-config: all printed */
	WP_CONF_CHECK, /* --check: the program checks what it can, then exits */
	WP_CONF_PING,  /* --ping: it asks the one that runs, then exits */
};

/* Command-line options of one program that stand for config keys. */
struct wp_conf_flag {
	const char *flag; /* "--processes" */
	const char *key;  /* "handlers.processes" */
};

/* The file that is read when nobody names one, if it exists. */
#define WP_CONF_DEFAULT_PATH "/etc/waypost/waypost.yaml"

struct wp_conf_program {
	const char *name;    /* "waypost-handlers" */
	const char *summary; /* one sentence for --help */
	/* All that may stand in the file; ends with NULL. */
	const struct wp_conf_section *const *known;
	/*
	 * What it uses, besides run_mode; ends with NULL. --help shows
	 * it, and only secrets in there are read. Sections of the file that it
	 * uses nothing of are other programs' business, who may be of another
	 * version: faults in there are none of its own.
	 */
	const struct wp_conf_section *const *sections;
	bool judges_all; /* but secrets: every section must be in order */
	bool is_service; /* it makes files and sockets while it runs */
	const struct wp_conf_flag *flags; /* ends with flag NULL; may be NULL */
};

/* Looks at what was read, when it is good; see lib/sys/conf_tell.h. */
struct wp_conf_load;
typedef enum wp_err (*wp_conf_look_fn)(void *ctx,
				       const struct wp_conf_load *load,
				       struct wp_error *err);

/* Whose settings are read, and when. */
struct wp_conf_source {
	const struct wp_conf_program *program;
	int argc;
	char **argv;
	/*
	 * Where all that is wrong is noted, each time anew; may be NULL.
	 * Checks of Redis and the store at a start add to it, by conf->faults.
	 */
	struct wp_faults *faults;
	wp_conf_look_fn look; /* may be NULL */
	void *look_ctx;
};

/*
 * Read arguments, file and environment into conf and check every value.
 *
 * Options of every program: --config FILE (else WAYPOST_CONFIG, else
 * /etc/waypost/waypost.yaml if it exists), --check, --print-config, --help,
 * --version, of a service --ping, and the flags of the program.
 *
 * Ownership:  conf is the caller's; end with wp_conf_release(), also on error
 * Errors:     WP_ERR_INVAL  unknown key or flag, wrong type, bad value, or a
 *             missing secret; err.msg has file, line and a sentence
 */
enum wp_err wp_conf_load(struct wp_conf *conf,
			 const struct wp_conf_source *source,
			 enum wp_conf_action *action_out,
			 struct wp_error *err) WP_MUST_USE;

/*
 * The store secret of local mode, when nobody gives one: from a file that the
 * first program makes, named after store.sqlite_path whichever backend is used.
 * It must not follow from the secret of tokens, which is rotated. For who has
 * started: a program that may yet be refused leaves no file behind.
 *
 * Errors:  WP_ERR_INVAL  the file cannot be made or read
 *          WP_ERR_NOMEM
 */
enum wp_err wp_conf_keep_store_secret(struct wp_conf *conf,
				      struct wp_error *err) WP_MUST_USE;

/*
 * May a program that runs with now go on with next? Every key that a reload
 * cannot change must be the same, in every program alike: a deployment of which
 * one half follows a change and the other does not is two.
 *
 * Errors:  WP_ERR_INVAL  err.msg names the keys, and no value
 */
enum wp_err wp_conf_check_reload(const struct wp_conf *now,
				 const struct wp_conf *next,
				 struct wp_error *err) WP_MUST_USE;

/* Free and zero the secrets first. NULL-safe, idempotent. */
void wp_conf_release(struct wp_conf *conf);

/* Effective websocket.max_message_bytes. */
size_t wp_conf_max_ws_message(const struct wp_conf *conf);

/* The version that --version prints, e.g. "0.1.0". */
extern const char wp_version[];

#endif /* WP_LIB_SYS_CONF_H */
