/*
 * A token from a stranger: bounded, and whoever it names has a sound name; and
 * what a provider says of a logout.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "lib/auth/claims.h"
#include "lib/auth/token_cache.h"
#include "lib/base/buf.h"
#include "lib/base/digest.h"
#include "lib/base/encode.h"

#define NOW INT64_C(1795225140)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static char secret[] = "a secret for nothing but fuzzing";

static struct wp_auth *make_auth(void)
{
	static char empty[] = "", waypost[] = "waypost";
	static char handle[] = "handle", sub[] = "sub";
	static char *claims[] = { handle, sub, NULL };
	struct wp_conf conf = { 0 };
	struct wp_auth *auth = NULL;

	conf.auth.jwt_secret = secret;
	conf.auth.jwt_secret_previous = empty;
	conf.auth.issuer = empty;
	conf.auth.audience = waypost;
	conf.auth.identity_claims.items = claims;
	conf.auth.identity_claims.n = 2;
	conf.auth.leeway_seconds = 30;
	conf.auth.max_token_bytes = 8192;
	if (wp_auth_new(&auth, &conf, NULL) != WP_OK)
		abort();
	return auth;
}

static void judge(const struct wp_auth *auth, const char *token, size_t len)
{
	struct wp_identity id;
	struct wp_urn again;
	struct wp_error err;
	enum wp_err rc = wp_auth_verify(auth, &(struct wp_token){ token, len },
					NOW, &id, &err);

	if (rc != WP_OK && (rc != WP_ERR_DENIED || err.msg[0] == '\0'))
		abort();
	if (rc == WP_OK &&
	    (wp_urn_parse(&again, id.user.text, id.user.len, NULL) != WP_OK ||
	     memcmp(&again, &id.user, sizeof(again)) != 0))
		abort();
}

/* Who remembers must say the same, the first time and the second. */
static void judge_remembered(const struct wp_auth *auth, const char *text,
			     size_t len)
{
	static struct wp_token_cache *cache; /* as long as auth */
	const struct wp_token token = { text, len };
	struct wp_identity want, got;
	struct wp_error err;
	enum wp_err rc = wp_auth_verify(auth, &token, NOW, &want, &err);

	if (cache == NULL && wp_token_cache_new(&cache, auth, NULL) != WP_OK)
		abort();
	for (int i = 0; i < 2; i++)
		if (wp_token_cache_verify(cache, &token, NOW, &got, &err) !=
			    rc ||
		    (rc == WP_OK && memcmp(&got, &want, sizeof(got)) != 0))
			abort();
}

static void add_part(struct wp_buf *out, const void *data, size_t len)
{
	char *room = wp_buf_reserve(out, wp_base64_encoded_len(len));

	if (room == NULL)
		abort();
	out->len += wp_base64url_encode(data, len, room);
}

/* Header and payload, with a NUL between them, under a sound signature. */
static void judge_signed(const struct wp_auth *auth, const uint8_t *data,
			 size_t size)
{
	const uint8_t *nul = size > 0 ? memchr(data, 0, size) : NULL;
	uint8_t mac[WP_SHA256_LEN];
	struct wp_buf token;

	if (nul == NULL)
		return;
	wp_buf_init(&token, 0);
	add_part(&token, data, (size_t)(nul - data));
	wp_buf_add_char(&token, '.');
	add_part(&token, nul + 1, size - (size_t)(nul - data) - 1);
	wp_hmac_sha256(secret, strlen(secret), token.data, token.len, mac);
	wp_buf_add_char(&token, '.');
	add_part(&token, mac, sizeof(mac));
	judge(auth, token.data, token.len);
	judge_remembered(auth, token.data, token.len);
	wp_buf_release(&token);
}

/* The payload of a logout token whose signature was good. */
static void judge_logout(const uint8_t *data, size_t size)
{
	static const struct wp_claim_rules rules = {
		.issuer = "https://id.example",
		.audience = "app",
		.leeway_s = 30,
	};
	char *payload = malloc(size > 0 ? size : 1); /* exactly, for ASan */
	struct wp_logout says = { .issuer = 1 };
	struct wp_denial why = { 0 };
	enum wp_err rc;

	if (payload == NULL)
		return;
	memcpy(payload, data, size);
	rc = wp_logout_read(
		&says,
		&(struct wp_opened){ .payload = payload, .payload_len = size },
		&rules, NOW, &why);
	if (rc == WP_OK ? says.n < 1 || says.n > WP_LOGOUT_KEYS_MAX ||
				  !wp_revoked_key_is_sound(&says.keys[0])
			: rc != WP_ERR_DENIED || why.sentence == NULL)
		abort();
	free(payload);
}

/* A payload by a key of accounts.issuer, and by one of somebody else. */
static void judge_payload(const uint8_t *data, size_t size)
{
	static char sub[] = "sub";
	static char *names[] = { sub, NULL };
	const struct wp_conf_list claims = { .items = names, .n = 1 };
	struct wp_claim_rules rules = {
		.issuer = "",
		.audience = "",
		.identity_claims = &claims,
		.device_claim = "device_id",
		.leeway_s = 30,
		.ns = "sm",
	};

	for (int i = 0; i < 2; i++) {
		struct wp_identity id = { 0 };
		struct wp_denial why = { 0 };
		enum wp_err rc;

		rules.is_own = i == 1;
		rc = wp_claims_read((const char *)data, size, &rules, NOW, &id,
				    &why);
		if (rc != WP_OK &&
		    (rc != WP_ERR_DENIED || why.sentence[0] == '\0'))
			abort();
		/* Of a session are those of our own, and all of these. */
		if (id.own.is_set != (rc == WP_OK && rules.is_own))
			abort();
		if (rc == WP_OK &&
		    strncmp(id.user.text, "urn:sm:", strlen("urn:sm:")) != 0)
			abort();
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct wp_auth *auth; /* keys are parsed once, as in a server */
	struct wp_token token;
	char *value;

	if (auth == NULL)
		auth = make_auth();
	judge(auth, (const char *)data, size);
	judge_remembered(auth, (const char *)data, size);
	judge_signed(auth, data, size);
	judge_logout(data, size);
	judge_payload(data, size);

	value = malloc(size + 1);
	if (value == NULL)
		return 0;
	memcpy(value, data, size);
	value[size] = '\0';
	if (wp_auth_bearer(value, &token, NULL) == WP_OK &&
	    (token.len == 0 || token.text + token.len > value + size))
		abort();
	free(value);
	return 0;
}
