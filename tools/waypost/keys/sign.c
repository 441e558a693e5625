/*
 * sign.c - see sign.h.
 */
#include "tools/waypost/keys/sign.h"

#include <string.h>

#include <json-c/json.h>

#include "lib/auth/issue.h"
#include "lib/auth/jwt_sign.h"
#include "lib/base/clock.h"
#include "lib/mailbox/session.h"
#include "lib/name/box.h"
#include "lib/name/urn.h"

enum { MS_PER_S = 1000 };

static enum wp_err out_of_memory(struct wp_error *err)
{
	return wp_error_set(err, WP_ERR_NOMEM, "out of memory");
}

/* ---- with the secret ---- */

/* *value is taken, whatever comes of it. */
static bool add(struct json_object *claims, const char *name,
		struct json_object *value)
{
	if (value != NULL && json_object_object_add(claims, name, value) == 0)
		return true;
	json_object_put(value);
	return false;
}

/* Which claim is the caller: sub where the settings look at it. */
static const char *caller_claim(const struct wp_conf *conf)
{
	const struct wp_conf_list *names = &conf->auth.identity_claims;

	for (size_t i = 0; i < names->n; i++)
		if (strcmp(names->items[i], "sub") == 0)
			return "sub";
	return names->items[0];
}

static enum wp_err add_asked(struct json_object *claims,
			     const struct wp_cli_sign *what,
			     struct wp_error *err)
{
	enum { NAME_MAX_SHOWN = 40 };

	for (size_t i = 0; i < what->n_claims; i++) {
		const char *equals = strchr(what->claims[i], '=');
		size_t len = (size_t)(equals - what->claims[i]);
		char name[NAME_MAX_SHOWN + 1];

		if (len >= sizeof(name))
			return wp_error_set(err, WP_ERR_INVAL,
					    "--claim: a name has 40 bytes at "
					    "most");
		memcpy(name, what->claims[i], len);
		name[len] = '\0';
		if (json_object_object_get_ex(claims, name, NULL))
			return wp_error_set(err, WP_ERR_INVAL,
					    "--claim: %s is set already", name);
		if (!add(claims, name, json_object_new_string(equals + 1)))
			return out_of_memory(err);
	}
	return WP_OK;
}

static bool add_ours(struct json_object *claims, const struct wp_conf *conf,
		     const struct wp_cli_sign *what)
{
	int64_t now_s = wp_wall_ms() / MS_PER_S;
	const char *issuer = conf->auth.issuer;
	const char *audience = conf->auth.audience;

	return add(claims, caller_claim(conf),
		   json_object_new_string(what->sub)) &&
	       add(claims, "iat", json_object_new_int64(now_s)) &&
	       add(claims, "exp", json_object_new_int64(now_s + what->for_s)) &&
	       (issuer[0] == '\0' ||
		add(claims, "iss", json_object_new_string(issuer))) &&
	       (audience[0] == '\0' ||
		add(claims, "aud", json_object_new_string(audience)));
}

static enum wp_err sign_by_secret(const struct wp_conf *conf,
				  const struct wp_cli_sign *what,
				  struct wp_buf *out, struct wp_error *err)
{
	struct json_object *claims = json_object_new_object();
	enum wp_err rc;

	if (claims == NULL || !add_ours(claims, conf, what))
		rc = out_of_memory(err);
	else
		rc = add_asked(claims, what, err);
	if (rc == WP_OK)
		rc = wp_jwt_sign_secret(conf->auth.jwt_secret,
					json_object_to_json_string_ext(
						claims, JSON_C_TO_STRING_PLAIN),
					out, err);
	json_object_put(claims);
	return rc;
}

/* ---- with the key of our accounts ---- */

static enum wp_err sign_by_key(const struct wp_conf *conf,
			       const struct wp_cli_sign *what,
			       const struct wp_urn *user, struct wp_buf *out,
			       struct wp_error *err)
{
	const struct wp_signer_conf signs = {
		.key_dir = conf->auth.key_dir,
		.name = conf->accounts.issuer,
		.lifetime_s = what->for_s,
	};
	struct wp_signer *signer = NULL;
	struct wp_session_ref session;
	struct wp_box box;
	const struct wp_issue issue = { .user = user,
					.session = session.id,
					.device = "waypost" };
	enum wp_err rc;

	if (what->n_claims > 0)
		return wp_error_set(err, WP_ERR_INVAL,
				    "--claim: tokens of accounts have no "
				    "other claims; it needs JWT_SECRET");
	wp_box_of(&box, user, 1); /* it lies nowhere */
	wp_session_ref_make(&session, &box);
	signer = wp_signer_new(&signs);
	rc = signer == NULL ? out_of_memory(err)
			    : wp_signer_sign(signer, wp_wall_ms() / MS_PER_S,
					     &issue, out, err);
	wp_signer_free(&signer);
	return rc;
}

enum wp_err wp_cli_sign(const struct wp_conf *conf,
			const struct wp_cli_sign *what, struct wp_buf *out,
			struct wp_error *err)
{
	struct wp_urn user;
	enum wp_err rc = wp_urn_parse(&user, what->sub, strlen(what->sub), err);

	if (rc != WP_OK)
		return rc;
	if (conf->auth.jwt_secret[0] != '\0')
		return sign_by_secret(conf, what, out, err);
	if (conf->accounts.enabled)
		return sign_by_key(conf, what, &user, out, err);
	return wp_error_set(err, WP_ERR_NOTFOUND,
			    "nothing here signs tokens: there is neither "
			    "auth.jwt_secret nor accounts.enabled");
}
