/*
 * accounts_file.c - of the section accounts: where they are, and what is asked
 * of their passwords.
 */
#include "lib/sys/sections/sections.h"

#include <string.h>

static const struct wp_conf_key keys[] = {
	{ "accounts.sqlite_path", WP_CONF_AT(accounts.sqlite_path),
	  .type = WP_CONF_STRING, .preset = "accounts.db",
	  .in_production = "/var/lib/waypost/accounts.db",
	  .help = "the file of accounts, all programs on one host; in "
		  "production the default is /var/lib/waypost/accounts.db" },
	{ "accounts.min_password_length",
	  WP_CONF_AT(accounts.min_password_length), .type = WP_CONF_INT,
	  .preset = "15", .min = 8, .max = 128, .unit = "characters",
	  .is_reloadable = true,
	  .help = "of new passwords; 15, because nothing else is asked" },
	{ "accounts.blocklist_file", WP_CONF_AT(accounts.blocklist_file),
	  .type = WP_CONF_STRING, .preset = "", .is_reloadable = true,
	  .help = "passwords that nobody may set: lines in lower case, sorted "
		  "by LC_ALL=C sort" },
	{ "accounts.argon2_memory_kib", WP_CONF_AT(accounts.argon2_memory_kib),
	  .type = WP_CONF_INT, .preset = "19456", .min = 7168, .max = 1048576,
	  .unit = "KiB", .is_reloadable = true,
	  .help = "that one hash of a password takes" },
	{ "accounts.argon2_passes", WP_CONF_AT(accounts.argon2_passes),
	  .type = WP_CONF_INT, .preset = "2", .min = 1, .max = 64,
	  .is_reloadable = true, .help = "over that memory" },
	{ "accounts.hash_slots", WP_CONF_AT(accounts.hash_slots),
	  .type = WP_CONF_INT, .preset = "0", .min = 0, .max = 16,
	  .is_reloadable = true,
	  .help = "hashes at a time on this host; 0: half of the cores, 1 to "
		  "4" },
};

static enum wp_err check_path(const struct wp_conf *conf, bool is_used,
			      struct wp_error *err)
{
	static const char name[] = "accounts.sqlite_path";
	const char *path = conf->accounts.sqlite_path;

	(void)is_used;
	if (path[0] == '\0')
		return wp_conf_broken(err, name, "must name a file");
	if (conf->run_mode == WP_RUN_PRODUCTION && path[0] != '/')
		return wp_conf_broken(err, name,
				      "must be an absolute path in production");
	if (strcmp(path, conf->store.sqlite_path) == 0)
		return wp_conf_broken(err, name,
				      "must not be the file of the cold store");
	return WP_OK;
}

static enum wp_err check_blocklist(const struct wp_conf *conf, bool is_used,
				   struct wp_error *err)
{
	const char *path = conf->accounts.blocklist_file;

	(void)is_used;
	if (path[0] != '\0' && path[0] != '/')
		return wp_conf_broken(err, "accounts.blocklist_file",
				      "must be an absolute path");
	return WP_OK;
}

static const wp_conf_rule_fn rules[] = { check_path, check_blocklist, NULL };

const struct wp_conf_section wp_conf_accounts_file =
	WP_CONF_SECTION("accounts", keys, rules);

/* ---- who may come ---- */

/* In the order of enum wp_registration. */
static const char *const registrations[] = { "closed", "invite", "open", NULL };

static const struct wp_conf_key registration_keys[] = {
	{ "accounts.registration", WP_CONF_AT(accounts.registration),
	  .type = WP_CONF_ENUM, .words = registrations, .preset = "open",
	  .in_production = "closed", .is_reloadable = true,
	  .help = "who may make an account: nobody, who has an invite, or "
		  "anybody; closed by default in production" },
	{ "accounts.log_addresses", WP_CONF_AT(accounts.log_addresses),
	  .type = WP_CONF_BOOL, .preset = "false", .is_reloadable = true,
	  .help = "log the addresses of those who log in and fail to, for what "
		  "shuts addresses out" },
};

static enum wp_err check_open(const struct wp_conf *conf, bool is_used,
			      struct wp_error *err)
{
	(void)is_used;
	if (conf->run_mode == WP_RUN_PRODUCTION && conf->accounts.enabled &&
	    conf->accounts.registration == WP_REGISTRATION_OPEN &&
	    conf->accounts.blocklist_file[0] == '\0')
		return wp_conf_broken(err, "accounts.registration",
				      "open needs accounts.blocklist_file in "
				      "production");
	return WP_OK;
}

static const wp_conf_rule_fn registration_rules[] = { check_open, NULL };

const struct wp_conf_section wp_conf_registration =
	WP_CONF_SECTION("accounts", registration_keys, registration_rules);
