/*
 * A key set, or the file of one, from anywhere: bounded; what is read as one is
 * JSON for json-c as well, and each key in it is what json-c sees there.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <json-c/json.h>

#include "lib/auth/key_file.h"
#include "lib/base/buf.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool is_true)
{
	if (!is_true)
		abort();
}

/* json-c wants a NUL to know that a number has ended. */
static struct json_object *parse(const char *data, size_t len)
{
	struct json_tokener *tokener = json_tokener_new_ex(80);
	struct json_object *object;
	char *text = malloc(len + 1);

	must(tokener != NULL && text != NULL);
	memcpy(text, data, len);
	text[len] = '\0';
	json_tokener_set_flags(tokener, JSON_TOKENER_STRICT |
						JSON_TOKENER_VALIDATE_UTF8);
	object = json_tokener_parse_ex(tokener, text, (int)len + 1);
	must(json_tokener_get_error(tokener) == json_tokener_success);
	json_tokener_free(tokener);
	free(text);
	return object;
}

static const char *text_of(struct json_object *object, const char *name)
{
	struct json_object *member = NULL;

	if (!json_object_object_get_ex(object, name, &member))
		return NULL;
	must(json_object_is_type(member, json_type_string));
	return json_object_get_string(member);
}

static void judge_key(const struct wp_jwk *key)
{
	static const char *const secrets[] = { "d",  "p",  "q",   "dp",
					       "dq", "qi", "oth", "k" };
	struct json_object *object = parse(key->raw.data, key->raw.len);
	struct json_object *kid = NULL;
	const char *kty = text_of(object, "kty");
	const char *use = text_of(object, "use");

	must(kty != NULL && (use == NULL || strcmp(use, "sig") == 0));
	switch (key->verifier.alg) {
	case WP_ALG_RS256:
	case WP_ALG_PS256:
		must(strcmp(kty, "RSA") == 0);
		break;
	case WP_ALG_ES256:
		must(strcmp(kty, "EC") == 0);
		break;
	case WP_ALG_EDDSA:
		must(strcmp(kty, "OKP") == 0);
		break;
	default:
		abort();
	}
	for (size_t i = 0; i < sizeof(secrets) / sizeof(secrets[0]); i++)
		must(!json_object_object_get_ex(object, secrets[i], NULL));
	must(json_object_object_get_ex(object, "kid", &kid) ==
	     (key->kid != NULL));
	must(kid == NULL ||
	     ((size_t)json_object_get_string_len(kid) == key->kid_len &&
	      memcmp(json_object_get_string(kid), key->kid, key->kid_len) ==
		      0));
	json_object_put(object);
}

static void judge_set(const struct wp_jwks *jwks)
{
	must(jwks->n <= WP_JWKS_KEYS_MAX);
	for (size_t i = 0; i < jwks->n; i++) {
		const struct wp_jwk *key = &jwks->keys[i];
		/* As it would stand in a token's header. */
		struct wp_json_slice kid = { .data = key->kid,
					     .len = key->kid_len };
		const struct wp_jwk *found;

		judge_key(key);
		found = wp_jwks_find(jwks, key->verifier.alg,
				     key->kid == NULL ? NULL : &kid);
		must(key->kid == NULL ? found == NULL || found->kid == NULL ||
						jwks->n > 1
				      : found == key);
		must(!wp_verifier_check(
			&key->verifier,
			&(struct wp_signed){ "x", 1, (const uint8_t *)"yz",
					     2 }));
	}
}

static void judge(const char *text, size_t size)
{
	struct wp_jwks *jwks = NULL;
	struct wp_key_file file;

	if (wp_jwks_read(&jwks, text, size, NULL) == WP_OK) {
		json_object_put(parse(text, size));
		judge_set(jwks);
	}
	if (wp_key_file_parse(&file, text, size, NULL) == WP_OK) {
		must(file.issuer != NULL && file.jwks_uri != NULL &&
		     file.etag != NULL && file.fetched_ms > 0);
		must(jwks != NULL && file.jwks->n == jwks->n);
	}
	wp_key_file_release(&file);
	wp_jwks_free(&jwks);
}

/* The bytes as further members of keys that are sound without them. */
static void judge_members(const char *text, size_t size)
{
	static const char *const heads[] = {
		"{\"issuer\":\"i\",\"fetched_ms\":1,\"keys\":[{\"kty\":"
		"\"OKP\",\"crv\":\"Ed25519\",\"x\":"
		"\"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo\"",
		"{\"keys\":[{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":"
		"\"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU\",\"y\":"
		"\"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0\"",
	};
	struct wp_buf set;

	for (size_t i = 0; i < sizeof(heads) / sizeof(heads[0]); i++) {
		wp_buf_init(&set, 0);
		wp_buf_add_str(&set, heads[i]);
		wp_buf_add(&set, text, size);
		wp_buf_add_str(&set, "}]}");
		must(!set.failed);
		judge(set.data, set.len);
		wp_buf_release(&set);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	judge((const char *)data, size);
	judge_members((const char *)data, size);
	return 0;
}
