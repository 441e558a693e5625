/*
 * auth.c - the section auth: what verifies tokens, the keys of back ends and of
 * issuers, and the secret of what is stored. Tables of their own, because a
 * worker must have the last and never the first, the command line the keys of
 * back ends only, and who fetches keys none of the secrets.
 */
#include "lib/sys/sections/sections.h"

#include <string.h>

#include "lib/sys/issuers.h"

enum { SECRET_MIN_BYTES = 32 };

static const struct wp_conf_key token_keys[] = {
	{ "auth.jwt_secret", WP_CONF_AT(auth.jwt_secret),
	  .type = WP_CONF_SECRET, .alias = "JWT_SECRET", .is_reloadable = true,
	  .help = "verifies HS256 tokens; 32 bytes or more, no comma" },
	{ "auth.jwt_secret_previous", WP_CONF_AT(auth.jwt_secret_previous),
	  .type = WP_CONF_SECRET, .alias = "JWT_SECRET_PREVIOUS",
	  .is_reloadable = true,
	  .help = "older secrets that still verify, separated by commas; "
		  "each 32 bytes or more" },
	{ "auth.public_key_files", WP_CONF_AT(auth.public_key_files),
	  .type = WP_CONF_LIST, .preset = "", .min = 0, .max = WP_CONF_LIST_MAX,
	  .is_reloadable = true,
	  .help = "PEM files, by absolute paths: RSA (RS256), EC P-256 "
		  "(ES256) or Ed25519 (EdDSA) public keys" },
	{ "auth.identity_claims", WP_CONF_AT(auth.identity_claims),
	  .type = WP_CONF_LIST, .preset = "handle,sub", .min = 1, .max = 16,
	  .is_reloadable = true,
	  .help = "the first of these claims that a token has is the caller" },
	{ "auth.issuer", WP_CONF_AT(auth.issuer), .type = WP_CONF_STRING,
	  .preset = "", .is_reloadable = true,
	  .help = "what iss must be; empty accepts any" },
	{ "auth.audience", WP_CONF_AT(auth.audience), .type = WP_CONF_STRING,
	  .preset = "", .is_reloadable = true,
	  .help = "what aud must contain; empty accepts any" },
	{ "auth.leeway_seconds", WP_CONF_AT(auth.leeway_seconds),
	  .type = WP_CONF_INT, .preset = "30", .min = 0, .max = 600,
	  .unit = "s", .is_reloadable = true,
	  .help = "how far the clock of the issuer may be off" },
	{ "auth.max_token_bytes", WP_CONF_AT(auth.max_token_bytes),
	  .type = WP_CONF_INT, .preset = "8192", .min = 256, .max = 65536,
	  .unit = "bytes", .is_reloadable = true,
	  .help = "a longer token is refused unread" },
	{ "auth.device_claim", WP_CONF_AT(auth.device_claim),
	  .type = WP_CONF_STRING, .preset = "device_id", .is_reloadable = true,
	  .help = "the claim that names the caller's device; empty for none" },
};

static const struct wp_conf_key issuer_keys[] = {
	{ "auth.issuers", WP_CONF_AT(auth.issuers), .type = WP_CONF_LIST,
	  .preset = "", .min = 0, .max = WP_ISSUERS_MAX, .is_reloadable = true,
	  .help = "identity providers: <issuer URL> [aud=… ns=… urns=any "
		  "claims=… jwks=…]" },
	{ "auth.key_dir", WP_CONF_AT(auth.key_dir), .type = WP_CONF_STRING,
	  .preset = "waypost.keys", .in_production = "/var/lib/waypost/keys",
	  .help = "the folder with the keys of issuers; in production the "
		  "default is /var/lib/waypost/keys" },
	{ "auth.key_max_age_hours", WP_CONF_AT(auth.key_max_age_hours),
	  .type = WP_CONF_INT, .preset = "24", .min = 1, .max = 720,
	  .unit = "h", .is_reloadable = true,
	  .help = "how long keys verify that could not be fetched again" },
};

static const struct wp_conf_key api_keys_keys[] = {
	{ "auth.api_keys_file", WP_CONF_AT(auth.api_keys_file),
	  .type = WP_CONF_STRING, .preset = "", .is_reloadable = true,
	  .help = "keys of back ends, by an absolute path; `waypost key` "
		  "makes them; empty: none" },
};

static const struct wp_conf_key store_secret_keys[] = {
	{ "auth.store_secret", WP_CONF_AT(auth.store_secret),
	  .type = WP_CONF_SECRET, .alias = "STORE_SECRET",
	  .help = "keys the HMACs of what is stored; the same everywhere; in "
		  "local mode it may be kept beside the database" },
};

static enum wp_err check_token_secret(const struct wp_conf *conf, bool is_used,
				      struct wp_error *err)
{
	size_t len = strlen(conf->auth.jwt_secret);

	if (is_used && conf->run_mode == WP_RUN_PRODUCTION && len > 0 &&
	    len < SECRET_MIN_BYTES)
		return wp_conf_broken(
			err, "auth.jwt_secret",
			"must have 32 bytes or more in production");
	return WP_OK;
}

/*
 * A name from the folder that a program happens to start in; or, from the
 * environment, the rest of a name that has a comma in it.
 */
static enum wp_err check_key_files(const struct wp_conf *conf, bool is_used,
				   struct wp_error *err)
{
	const struct wp_conf_list *files = &conf->auth.public_key_files;

	(void)is_used;
	for (size_t i = 0; i < files->n; i++)
		if (files->items[i][0] != '/')
			return wp_conf_broken(
				err, "auth.public_key_files",
				"each must be an absolute path; a comma "
				"separates them");
	return WP_OK;
}

static enum wp_err check_api_keys(const struct wp_conf *conf, bool is_used,
				  struct wp_error *err)
{
	const char *path = conf->auth.api_keys_file;

	(void)is_used;
	if (path[0] != '\0' && path[0] != '/')
		return wp_conf_broken(err, "auth.api_keys_file",
				      "must be an absolute path");
	return WP_OK;
}

static enum wp_err check_issuers(const struct wp_conf *conf, bool is_used,
				 struct wp_error *err)
{
	struct wp_issuers *issuers = NULL;
	enum wp_err rc = wp_issuers_new(&issuers, conf, err);

	(void)is_used;
	wp_issuers_free(&issuers);
	return rc;
}

static enum wp_err check_key_dir(const struct wp_conf *conf, bool is_used,
				 struct wp_error *err)
{
	(void)is_used;
	if (conf->auth.key_dir[0] == '\0')
		return wp_conf_broken(err, "auth.key_dir",
				      "must name a folder");
	/* As of store.sqlite_path. */
	if (conf->run_mode == WP_RUN_PRODUCTION && conf->auth.key_dir[0] != '/')
		return wp_conf_broken(err, "auth.key_dir",
				      "must be an absolute path in production");
	return WP_OK;
}

/* Is text one of a comma list, blanks around it aside? */
static bool is_in_list(const char *list, const char *text)
{
	static const char blanks[] = " \t\r\n";
	size_t want = strlen(text);
	const char *p = list;

	for (;;) {
		const char *item = p + strspn(p, blanks);
		size_t len = strcspn(p, ",");
		size_t lead = (size_t)(item - p);

		if (lead + want <= len && memcmp(item, text, want) == 0 &&
		    lead + want + strspn(item + want, blanks) == len)
			return true;
		if (p[len] == '\0')
			return false;
		p += len + 1;
	}
}

static enum wp_err check_store_secret(const struct wp_conf *conf, bool is_used,
				      struct wp_error *err)
{
	static const char name[] = "auth.store_secret";

	if (!is_used || conf->run_mode != WP_RUN_PRODUCTION)
		return WP_OK;
	if (conf->auth.store_secret[0] == '\0')
		return wp_conf_broken(
			err, name,
			"is required in production; set STORE_SECRET or "
			"auth.store_secret_file");
	if (strlen(conf->auth.store_secret) < SECRET_MIN_BYTES)
		return wp_conf_broken(
			err, name, "must have 32 bytes or more in production");
	/* Whoever issues tokens must not know what is stored, and the other
	 * way round; and only one of the two is ever rotated. */
	if (strcmp(conf->auth.store_secret, conf->auth.jwt_secret) == 0 ||
	    is_in_list(conf->auth.jwt_secret_previous, conf->auth.store_secret))
		return wp_conf_broken(
			err, name,
			"must not be the secret of tokens; make another "
			"one");
	return WP_OK;
}

/*
 * A program that starts makes files, so this is found before. Blank texts are
 * judged by who reads the keys.
 */
static enum wp_err check_any_key(const struct wp_conf *conf, bool is_used,
				 struct wp_error *err)
{
	if (!is_used || conf->auth.jwt_secret[0] != '\0' ||
	    conf->auth.jwt_secret_previous[0] != '\0' ||
	    conf->auth.public_key_files.n > 0 || conf->auth.issuers.n > 0 ||
	    conf->accounts.enabled)
		return WP_OK;
	return wp_conf_broken(err, "auth.jwt_secret",
			      "no key verifies tokens; set JWT_SECRET, "
			      "auth.jwt_secret_file, auth.public_key_files, "
			      "auth.issuers or accounts.enabled");
}

static const wp_conf_rule_fn token_rules[] = { check_token_secret,
					       check_key_files, check_any_key,
					       NULL };
static const wp_conf_rule_fn api_keys_rules[] = { check_api_keys, NULL };
static const wp_conf_rule_fn issuer_rules[] = { check_issuers, check_key_dir,
						NULL };
static const wp_conf_rule_fn store_secret_rules[] = { check_store_secret,
						      NULL };

const struct wp_conf_section wp_conf_tokens =
	WP_CONF_SECTION("auth", token_keys, token_rules);
const struct wp_conf_section wp_conf_api_keys =
	WP_CONF_SECTION("auth", api_keys_keys, api_keys_rules);
const struct wp_conf_section wp_conf_issuers =
	WP_CONF_SECTION("auth", issuer_keys, issuer_rules);
const struct wp_conf_section wp_conf_store_secret =
	WP_CONF_SECTION("auth", store_secret_keys, store_secret_rules);
