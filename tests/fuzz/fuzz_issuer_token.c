/* A token of an issuer, signed by the issuer, so that what is in it is read:
 * it names somebody of its own namespace, or nobody. */
#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <openssl/evp.h>

#include "lib/auth/token.h"
#include "lib/base/buf.h"
#include "lib/base/clock.h"
#include "lib/base/encode.h"
#include "tests/support/key_files.h"

#define ISSUER "https://id.example/one"
#define OTHER "https://id.example/two"
#define HEADER "{\"alg\":\"EdDSA\",\"kid\":\"a\"}"

enum { KEY_LEN = 32, SIGNATURE_LEN = 64, LIFE_S = 600 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static char folder[] = "/tmp/wp-fuzz-keys-XXXXXX";
static struct wp_auth *auth; /* keys are read once, as in a server */
static EVP_PKEY *key;
static int64_t now_s;

static void need(int claim)
{
	if (!claim)
		abort();
}

static void add_part(struct wp_buf *out, const void *data, size_t len)
{
	char *room = wp_buf_reserve(out, wp_base64_encoded_len(len));

	need(room != NULL);
	out->len += wp_base64url_encode(data, len, room);
	out->data[out->len] = '\0';
}

/* ---- what a server has ---- */

static void put_key(const char *path)
{
	uint8_t public[KEY_LEN];
	size_t len = sizeof(public);
	struct wp_buf text;

	need(EVP_PKEY_get_raw_public_key(key, public, &len) == 1);
	wp_buf_init(&text, 0);
	wp_buf_add_str(&text, "{\"kty\":\"OKP\",\"crv\":\"Ed25519\","
			      "\"kid\":\"a\",\"x\":\"");
	add_part(&text, public, len);
	wp_buf_add_str(&text, "\"}");
	key_files_put(path, ISSUER, now_s * 1000, text.data, 0640);
	wp_buf_release(&text);
}

static void begin(void)
{
	static char one[] = ISSUER " aud=app ns=corp", two[] = OTHER " ns=two";
	static char handle[] = "handle", sub[] = "sub", device[] = "device_id";
	static char empty[] = "";
	static char *claims[] = { handle, sub, NULL };
	static char *issuers[] = { one, two, NULL };
	struct wp_conf conf = { 0 };
	char path[PATH_MAX];

	now_s = wp_wall_ms() / 1000;
	key = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
	need(key != NULL && mkdtemp(folder) != NULL);
	key_files_path(path, folder, ISSUER);
	put_key(path);
	conf.auth.jwt_secret = empty;
	conf.auth.jwt_secret_previous = empty;
	conf.auth.identity_claims.items = claims;
	conf.auth.identity_claims.n = 2;
	conf.auth.issuer = empty;
	conf.auth.audience = empty;
	conf.auth.device_claim = device;
	conf.auth.leeway_seconds = 30;
	conf.auth.max_token_bytes = 8192;
	conf.auth.issuers.items = issuers;
	conf.auth.issuers.n = 2;
	conf.auth.key_dir = folder;
	conf.auth.key_max_age_hours = 24;
	need(wp_auth_new(&auth, &conf, NULL) == WP_OK);
	wp_auth_look(auth, 1000000);
	/* They have been read. */
	need(unlink(path) == 0 && rmdir(folder) == 0);
	need(wp_auth_has_keys(auth));
}

/* ---- tokens ---- */

static enum wp_err judge(const char *token, size_t len)
{
	static const char ns[] = "urn:corp:";
	struct wp_identity id;
	struct wp_urn again;
	struct wp_error err = { 0 };
	enum wp_err rc = wp_auth_verify(auth, &(struct wp_token){ token, len },
					now_s, &id, &err);

	need(rc == WP_OK || err.msg[0] != '\0');
	if (rc != WP_OK)
		return rc;
	/* Only the first has a key. */
	need(id.issuer == 1 && id.kind == WP_KIND_USER && !id.own.is_set);
	need(strncmp(id.user.text, ns, sizeof(ns) - 1) == 0);
	need(wp_urn_parse(&again, id.user.text, id.user.len, NULL) == WP_OK);
	need(memcmp(&again, &id.user, sizeof(again)) == 0);
	need(id.issued_s > 0 && id.expires_s + 30 > now_s);
	need(memchr(id.device, '\0', sizeof(id.device)) != NULL);
	return rc;
}

static enum wp_err judge_signed(const void *header, size_t header_len,
				const void *payload, size_t payload_len)
{
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	uint8_t signature[SIGNATURE_LEN];
	size_t len = sizeof(signature);
	struct wp_buf token;
	enum wp_err rc;

	wp_buf_init(&token, 0);
	add_part(&token, header, header_len);
	wp_buf_add_char(&token, '.');
	add_part(&token, payload, payload_len);
	need(EVP_DigestSignInit(ctx, NULL, NULL, NULL, key) == 1);
	need(EVP_DigestSign(ctx, signature, &len,
			    (const unsigned char *)token.data, token.len) == 1);
	EVP_MD_CTX_free(ctx);
	wp_buf_add_char(&token, '.');
	add_part(&token, signature, len);
	rc = judge(token.data, token.len);
	wp_buf_release(&token);
	return rc;
}

/* Further members of a payload that is sound but for them. */
static enum wp_err judge_members(const void *data, size_t size)
{
	struct wp_buf payload;
	enum wp_err rc;

	wp_buf_init(&payload, 0);
	wp_buf_printf(&payload,
		      "{\"iss\":\"" ISSUER "\",\"aud\":\"app\",\"iat\":%lld,"
		      "\"exp\":%lld,\"sub\":\"ann\"",
		      (long long)now_s, (long long)now_s + LIFE_S);
	wp_buf_add(&payload, data, size);
	wp_buf_add_char(&payload, '}');
	rc = judge_signed(HEADER, strlen(HEADER), payload.data, payload.len);
	wp_buf_release(&payload);
	return rc;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const uint8_t *nul = size > 0 ? memchr(data, 0, size) : NULL;

	if (auth == NULL) {
		begin();
		/* Else all of this would be about nothing. */
		need(judge_members("", 0) == WP_OK);
	}
	judge((const char *)data, size);
	judge_members(data, size);
	if (nul != NULL)
		judge_signed(data, (size_t)(nul - data), nul + 1,
			     size - (size_t)(nul - data) - 1);
	return 0;
}
