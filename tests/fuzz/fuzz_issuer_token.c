/* A token of an issuer, or of our own, signed by who may, so that what is in it
 * is read: it names somebody of its own namespace, or nobody; and a session of
 * ours when it is ours, and never else. */
#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <openssl/core_names.h>
#include <openssl/ecdsa.h>
#include <openssl/evp.h>

#include "lib/auth/token.h"
#include "lib/base/buf.h"
#include "lib/base/clock.h"
#include "lib/base/encode.h"
#include "lib/http/head.h"
#include "tests/support/key_files.h"

#define ISSUER "https://id.example/one"
#define OTHER "https://id.example/two"
#define OWN "waypost"
#define FOREIGN "\"iss\":\"" ISSUER "\",\"aud\":\"app\",\"sub\":\"ann\""
#define OURS                                                 \
	"\"iss\":\"" OWN "\",\"aud\":[\"waypost\"],\"sub\":" \
	"\"urn:sm:user:ann\""
#define SESSION ",\"sid\":\"00112233445566778899aabbccddeeff\",\"gen\":7"

enum {
	NUMBER_LEN = 32, /* of both curves */
	POINT_LEN = 1 + 2 * NUMBER_LEN,
	SIGNATURE_LEN = 2 * NUMBER_LEN,
	DER_MAX = 80,
	LIFE_S = 600,
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static char folder[] = "/tmp/wp-fuzz-keys-XXXXXX";
static struct wp_auth *auth; /* keys are read once, as in a server */
static int64_t now_s;

/* Who signs, with a key that is called "a". */
struct signer {
	const char *issuer;
	const char *header;
	EVP_PKEY *key;
};
static struct signer foreign = {
	.issuer = ISSUER,
	.header = "{\"alg\":\"EdDSA\",\"kid\":\"a\"}",
};
/* What waypost-keys makes. */
static struct signer own = {
	.issuer = OWN,
	.header = "{\"alg\":\"ES256\",\"kid\":\"a\"}",
};

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

static void put_key(const struct signer *signer)
{
	uint8_t public[POINT_LEN];
	size_t len = sizeof(public);
	char path[PATH_MAX];
	struct wp_buf text;

	wp_buf_init(&text, 0);
	if (signer == &foreign) {
		need(EVP_PKEY_get_raw_public_key(signer->key, public, &len) ==
		     1);
		wp_buf_add_str(&text, "{\"kty\":\"OKP\",\"crv\":\"Ed25519\","
				      "\"kid\":\"a\",\"x\":\"");
		add_part(&text, public, NUMBER_LEN);
	} else {
		need(EVP_PKEY_get_octet_string_param(
			     signer->key, OSSL_PKEY_PARAM_PUB_KEY, public,
			     sizeof(public), &len) == 1 &&
		     len == POINT_LEN);
		wp_buf_add_str(&text, "{\"kty\":\"EC\",\"crv\":\"P-256\","
				      "\"kid\":\"a\",\"x\":\"");
		add_part(&text, public + 1, NUMBER_LEN);
		wp_buf_add_str(&text, "\",\"y\":\"");
		add_part(&text, public + 1 + NUMBER_LEN, NUMBER_LEN);
	}
	wp_buf_add_str(&text, "\"}");
	key_files_path(path, folder, signer->issuer);
	key_files_put(path, signer->issuer, now_s * 1000, text.data, 0640);
	wp_buf_release(&text);
}

/* It has been read. */
static void remove_key(const struct signer *signer)
{
	char path[PATH_MAX];

	key_files_path(path, folder, signer->issuer);
	need(unlink(path) == 0);
}

static void begin(void)
{
	static char one[] = ISSUER " aud=app ns=corp", two[] = OTHER " ns=two";
	static char handle[] = "handle", sub[] = "sub", device[] = "device_id";
	static char empty[] = "", name[] = OWN;
	static char *claims[] = { handle, sub, NULL };
	static char *issuers[] = { one, two, NULL };
	struct wp_conf conf = { 0 };

	now_s = wp_wall_ms() / 1000;
	foreign.key = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
	own.key = EVP_EC_gen("P-256");
	need(foreign.key != NULL && own.key != NULL);
	need(mkdtemp(folder) != NULL);
	put_key(&foreign);
	put_key(&own);
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
	conf.accounts.enabled = true;
	conf.accounts.issuer = name;
	need(wp_auth_new(&auth, &conf, NULL) == WP_OK);
	wp_auth_look(auth, 1000000);
	remove_key(&foreign);
	remove_key(&own);
	need(rmdir(folder) == 0);
	need(wp_auth_has_keys(auth));
}

/* ---- tokens ---- */

static enum wp_err judge(const char *token, size_t len)
{
	static const char corp[] = "urn:corp:", sm[] = "urn:sm:";
	struct wp_identity id;
	struct wp_urn again;
	struct wp_error err = { 0 };
	enum wp_err rc = wp_auth_verify(auth, &(struct wp_token){ token, len },
					now_s, &id, &err);

	need(rc == WP_OK || err.msg[0] != '\0');
	if (rc != WP_OK)
		return rc;
	/* Only the first, and our own, have a key. */
	need(id.issuer == 1 || id.issuer == 3);
	need(id.kind == WP_KIND_USER && id.own.is_set == (id.issuer == 3));
	need(id.issuer == 1 ? strncmp(id.user.text, corp, sizeof(corp) - 1) == 0
			    : strncmp(id.user.text, sm, sizeof(sm) - 1) == 0);
	need(wp_urn_parse(&again, id.user.text, id.user.len, NULL) == WP_OK);
	need(memcmp(&again, &id.user, sizeof(again)) == 0);
	need(id.issued_s > 0 && id.expires_s + 30 > now_s);
	need(memchr(id.device, '\0', sizeof(id.device)) != NULL);
	return rc;
}

/* As tokens have it: two numbers. */
static void unpack(const uint8_t *der, size_t len, uint8_t out[SIGNATURE_LEN])
{
	ECDSA_SIG *pair = d2i_ECDSA_SIG(NULL, &der, (long)len);

	need(pair != NULL);
	need(BN_bn2binpad(ECDSA_SIG_get0_r(pair), out, NUMBER_LEN) > 0);
	need(BN_bn2binpad(ECDSA_SIG_get0_s(pair), out + NUMBER_LEN,
			  NUMBER_LEN) > 0);
	ECDSA_SIG_free(pair);
}

static void sign(const struct signer *signer, const struct wp_buf *text,
		 uint8_t out[SIGNATURE_LEN])
{
	bool is_ec = signer == &own;
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	uint8_t signature[DER_MAX];
	size_t len = sizeof(signature);

	need(EVP_DigestSignInit(ctx, NULL, is_ec ? EVP_sha256() : NULL, NULL,
				signer->key) == 1);
	need(EVP_DigestSign(ctx, signature, &len,
			    (const unsigned char *)text->data, text->len) == 1);
	EVP_MD_CTX_free(ctx);
	if (is_ec)
		unpack(signature, len, out);
	else
		memcpy(out, signature, SIGNATURE_LEN);
}

/* header: NULL for that of the signer */
static enum wp_err judge_signed(const struct signer *signer,
				const struct wp_text *header,
				const struct wp_text *payload)
{
	uint8_t signature[SIGNATURE_LEN];
	struct wp_buf token;
	enum wp_err rc;

	wp_buf_init(&token, 0);
	if (header == NULL)
		add_part(&token, signer->header, strlen(signer->header));
	else
		add_part(&token, header->data, header->len);
	wp_buf_add_char(&token, '.');
	add_part(&token, payload->data, payload->len);
	sign(signer, &token, signature);
	wp_buf_add_char(&token, '.');
	add_part(&token, signature, sizeof(signature));
	rc = judge(token.data, token.len);
	wp_buf_release(&token);
	return rc;
}

/*
 * Further members of a payload that is sound but for them.
 * begins: those that tell whose it is, without the bracket
 */
static enum wp_err judge_members(const struct signer *signer,
				 const char *begins, const void *data,
				 size_t size)
{
	struct wp_buf payload;
	enum wp_err rc;

	wp_buf_init(&payload, 0);
	wp_buf_printf(&payload, "{%s,\"iat\":%lld,\"exp\":%lld", begins,
		      (long long)now_s, (long long)now_s + LIFE_S);
	wp_buf_add(&payload, data, size);
	wp_buf_add_char(&payload, '}');
	rc = judge_signed(signer, NULL,
			  &(struct wp_text){ payload.data, payload.len });
	wp_buf_release(&payload);
	return rc;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const uint8_t *nul = size > 0 ? memchr(data, 0, size) : NULL;

	if (auth == NULL) {
		begin();
		/* Else all of this would be about nothing. */
		need(judge_members(&foreign, FOREIGN, "", 0) == WP_OK);
		need(judge_members(&own, OURS SESSION, "", 0) == WP_OK);
		need(judge_members(&own, OURS, "", 0) == WP_ERR_DENIED);
	}
	judge((const char *)data, size);
	judge_members(&foreign, FOREIGN, data, size);
	judge_members(&own, OURS, data, size);
	judge_members(&own, OURS SESSION, data, size);
	if (nul != NULL) {
		const char *text = (const char *)data;
		const size_t len = (size_t)(nul - data);
		const struct wp_text header = { text, len };
		const struct wp_text payload = { text + len + 1,
						 size - len - 1 };

		judge_signed(&foreign, &header, &payload);
		judge_signed(&own, &header, &payload);
	}
	return 0;
}
