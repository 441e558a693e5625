/*
 * keys.c - secrets and PEM files turned into keys, once; and did one of them
 * sign this?
 */
#include "lib/auth/keys.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

enum {
	SECRET_MIN_BYTES = 32, /* RFC 7518 section 3.2 */
};

/* A secret, and the setting that it comes from. */
struct secret {
	const char *text;
	size_t len;
	const char *setting;
};

/* How many keys one deployment may have, all kinds together. */
enum { KEYS_MAX = 64 };

struct wp_keys {
	struct wp_verifier keys[KEYS_MAX];
	size_t n;
};

static const char blanks[] = " \t\r\n";

static enum wp_err add(struct wp_keys *keys, const struct wp_verifier *key,
		       struct wp_error *err)
{
	if (keys->n == KEYS_MAX)
		return wp_error_set(err, WP_ERR_INVAL,
				    "auth: more than %d keys", KEYS_MAX);
	keys->keys[keys->n++] = *key;
	return WP_OK;
}

static enum wp_err check_secret(const struct wp_conf *conf,
				const struct secret *secret,
				struct wp_error *err)
{
	static const char pem[] = "-----BEGIN";

	/* Whoever knows the public key could sign with it as a secret. */
	if (secret->len >= sizeof(pem) - 1 &&
	    memcmp(secret->text, pem, sizeof(pem) - 1) == 0)
		return wp_error_set(err, WP_ERR_INVAL,
				    "%s: this is a PEM key, no secret; name "
				    "its file in auth.public_key_files",
				    secret->setting);
	if (conf->run_mode == WP_RUN_PRODUCTION &&
	    secret->len < SECRET_MIN_BYTES)
		return wp_error_set(err, WP_ERR_INVAL,
				    "%s: must have %d bytes or more in "
				    "production",
				    secret->setting, SECRET_MIN_BYTES);
	return WP_OK;
}

/*
 * A secret moves into the list of previous ones one day. There a comma would
 * make two of it, the second as short as chance has it, and blanks around it
 * would be lost.
 */
static enum wp_err check_can_be_listed(const char *text, struct wp_error *err)
{
	size_t len = strlen(text);

	if (strchr(text, ',') != NULL)
		return wp_error_set(err, WP_ERR_INVAL,
				    "auth.jwt_secret: must not hold a comma, "
				    "which separates previous secrets; make "
				    "another one");
	if (strchr(blanks, text[0]) != NULL ||
	    strchr(blanks, text[len - 1]) != NULL)
		return wp_error_set(err, WP_ERR_INVAL,
				    "auth.jwt_secret: must not begin or end "
				    "with a blank");
	return WP_OK;
}

static enum wp_err add_secret(struct wp_keys *keys, const struct wp_conf *conf,
			      const struct secret *secret, struct wp_error *err)
{
	struct wp_verifier key = { 0 };
	enum wp_err rc = check_secret(conf, secret, err);

	if (rc == WP_OK && wp_verifier_of_secret(&key, secret->text,
						 secret->len, NULL) != WP_OK)
		rc = wp_error_set(err, WP_ERR_NOMEM,
				  "%s: the key cannot be set up",
				  secret->setting);
	if (rc == WP_OK)
		rc = add(keys, &key, err);
	if (rc != WP_OK)
		wp_verifier_release(&key);
	return rc;
}

/*
 * Every non-blank element of a comma list, trimmed. A short one is a piece of
 * a secret that held a comma, in local mode as well: anybody could guess it.
 */
static enum wp_err add_secrets(struct wp_keys *keys, const struct wp_conf *conf,
			       const char *list, const char *setting,
			       struct wp_error *err)
{
	const char *p = list;

	for (;;) {
		size_t len = strcspn(p, ",");
		size_t lead = strspn(p, blanks);
		size_t end = len;
		enum wp_err rc = WP_OK;

		while (end > lead && strchr(blanks, p[end - 1]) != NULL)
			end--;
		if (lead < end && end - lead < SECRET_MIN_BYTES)
			rc = wp_error_set(err, WP_ERR_INVAL,
					  "%s: each must have %d bytes or "
					  "more; a comma separates them",
					  setting, SECRET_MIN_BYTES);
		else if (lead < end)
			rc = add_secret(keys, conf,
					&(struct secret){ p + lead, end - lead,
							  setting },
					err);
		if (rc != WP_OK || p[len] == '\0')
			return rc;
		p += len + 1;
	}
}

static enum wp_err bad_file(struct wp_error *err, const char *path,
			    const char *why)
{
	return wp_error_set(err, WP_ERR_INVAL, "auth.public_key_files: %s %s",
			    path, why);
}

/* Takes pkey, whatever the result. */
static enum wp_err add_public_key(struct wp_keys *keys, const char *path,
				  EVP_PKEY *pkey, struct wp_error *err)
{
	struct wp_verifier key = { 0 };
	struct wp_error why = { 0 };
	enum wp_err rc = wp_verifier_of_key(&key, WP_ALG_NONE, pkey, &why);

	if (rc != WP_OK) {
		EVP_PKEY_free(pkey);
		return wp_error_set(err, rc,
				    "auth.public_key_files: %s holds %s", path,
				    why.msg);
	}
	rc = add(keys, &key, err);
	if (rc != WP_OK)
		wp_verifier_release(&key);
	return rc;
}

/* Read one PEM block that is left in bio; *more_out: there was one. */
static enum wp_err add_block(struct wp_keys *keys, const char *path, BIO *bio,
			     bool *more_out, struct wp_error *err)
{
	static const char unreadable[] = "holds a PEM block that cannot be "
					 "read";
	enum wp_err rc = WP_ERR_INVAL;
	unsigned char *data = NULL;
	const unsigned char *end;
	EVP_PKEY *pkey = NULL;
	char *header = NULL;
	char *name = NULL;
	long len = 0;

	*more_out = PEM_read_bio(bio, &name, &header, &data, &len) == 1;
	if (!*more_out) {
		/* The end of the file is the one reason that is no fault. */
		if (ERR_GET_REASON(ERR_peek_last_error()) ==
		    PEM_R_NO_START_LINE)
			return WP_OK;
		return bad_file(err, path, unreadable);
	}
	if (strcmp(name, PEM_STRING_PUBLIC) != 0) {
		bad_file(err, path, "holds something else than PUBLIC KEYs");
		goto out;
	}
	end = data;
	pkey = d2i_PUBKEY(NULL, &end, len);
	if (pkey == NULL || end != data + len) {
		bad_file(err, path, unreadable);
		goto out;
	}
	rc = add_public_key(keys, path, pkey, err);
	pkey = NULL; /* taken, whatever rc is */
out:
	EVP_PKEY_free(pkey);
	OPENSSL_free(data);
	OPENSSL_free(header);
	OPENSSL_free(name);
	return rc;
}

/* All public keys of one file, so that a key can be rotated within it. */
static enum wp_err add_file(struct wp_keys *keys, const char *path,
			    struct wp_error *err)
{
	BIO *bio = BIO_new_file(path, "re");
	size_t before = keys->n;
	enum wp_err rc = WP_OK;
	bool more = true;

	if (bio == NULL)
		rc = wp_error_set(err, WP_ERR_INVAL,
				  "auth.public_key_files: %s cannot be read: "
				  "%s",
				  path, strerror(errno));
	while (rc == WP_OK && more)
		rc = add_block(keys, path, bio, &more, err);
	if (rc == WP_OK && keys->n == before)
		rc = bad_file(err, path, "holds no public key");
	BIO_free(bio);
	ERR_clear_error();
	return rc;
}

static enum wp_err add_all(struct wp_keys *keys, const struct wp_conf *conf,
			   struct wp_error *err)
{
	const struct wp_conf_list *files = &conf->auth.public_key_files;
	const char *secret = conf->auth.jwt_secret;
	const char *previous = conf->auth.jwt_secret_previous;
	enum wp_err rc = WP_OK;
	size_t i;

	if (secret != NULL && secret[0] != '\0') {
		rc = check_can_be_listed(secret, err);
		if (rc == WP_OK)
			rc = add_secret(keys, conf,
					&(struct secret){ secret,
							  strlen(secret),
							  "auth.jwt_secret" },
					err);
	}
	if (rc == WP_OK && previous != NULL)
		rc = add_secrets(keys, conf, previous,
				 "auth.jwt_secret_previous", err);
	for (i = 0; rc == WP_OK && i < files->n; i++)
		rc = add_file(keys, files->items[i], err);
	if (rc == WP_OK && keys->n == 0 && conf->auth.issuers.n == 0 &&
	    !conf->accounts.enabled)
		rc = wp_error_set(err, WP_ERR_INVAL,
				  "auth.jwt_secret: no key verifies tokens; "
				  "set JWT_SECRET, auth.jwt_secret_file, "
				  "auth.public_key_files, auth.issuers or "
				  "accounts.enabled");
	return rc;
}

enum wp_err wp_keys_new(struct wp_keys **out, const struct wp_conf *conf,
			struct wp_error *err)
{
	struct wp_keys *keys = calloc(1, sizeof(*keys));
	enum wp_err rc = WP_ERR_NOMEM;

	if (keys == NULL)
		wp_error_set(err, rc, "out of memory");
	else
		rc = add_all(keys, conf, err);
	if (rc == WP_OK) {
		*out = keys;
		keys = NULL;
	}
	wp_keys_free(&keys);
	return rc;
}

void wp_keys_free(struct wp_keys **keys)
{
	size_t i;

	if (keys == NULL || *keys == NULL)
		return;
	for (i = 0; i < (*keys)->n; i++)
		wp_verifier_release(&(*keys)->keys[i]);
	free(*keys);
	*keys = NULL;
}

/* ---- verifying ---- */

size_t wp_keys_count(const struct wp_keys *keys)
{
	return keys->n;
}

bool wp_keys_have(const struct wp_keys *keys, enum wp_alg alg)
{
	size_t i;

	for (i = 0; i < keys->n; i++)
		if (keys->keys[i].alg == alg)
			return true;
	return false;
}

bool wp_keys_verify(const struct wp_keys *keys, enum wp_alg alg,
		    const struct wp_signed *what)
{
	bool is_good = false;
	size_t i;

	for (i = 0; i < keys->n && !is_good; i++)
		is_good = keys->keys[i].alg == alg &&
			  wp_verifier_check(&keys->keys[i], what);
	return is_good;
}
