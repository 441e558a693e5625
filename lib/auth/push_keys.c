/*
 * push_keys.c - see push_keys.h.
 */
#include "lib/auth/push_keys.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include <openssl/crypto.h>

#include "lib/base/digest.h"
#include "lib/base/encode.h"

enum {
	KIND_MAX = 16,
	APP_MAX = 256,
	TOKEN_MAX = 4096,
};

void wp_push_keys_make(struct wp_push_keys *out, const char *store_secret)
{
	wp_own_key_make(&out->name, store_secret, "push token name, version 1");
	wp_own_key_make(&out->seal, store_secret, "push token seal, version 1");
	wp_own_key_make(&out->webhook, store_secret,
			"webhook secret, version 1");
	wp_own_key_make(&out->code, store_secret, "push code, version 1");
	wp_own_key_make(&out->stop, store_secret, "unsubscribe, version 1");
}

void wp_push_keys_forget(struct wp_push_keys *keys)
{
	OPENSSL_cleanse(keys, sizeof(*keys));
}

/* With its NUL, so that no part can end in another place. */
static size_t add_part(char *to, size_t at, const char *text, size_t max)
{
	size_t len = strlen(text);

	assert(len <= max);
	memcpy(to + at, text, len + 1);
	return at + len + 1;
}

void wp_push_name(const struct wp_push_keys *keys, const char *kind,
		  const char *app, const char *token,
		  uint8_t out[WP_PUSH_NAME_LEN])
{
	char text[KIND_MAX + APP_MAX + TOKEN_MAX + 3];
	size_t len = add_part(text, 0, kind, KIND_MAX);

	len = add_part(text, len, app, APP_MAX);
	len = add_part(text, len, token, TOKEN_MAX);
	wp_hmac_sha256(keys->name.bytes, sizeof(keys->name.bytes), text, len,
		       out);
	OPENSSL_cleanse(text, len);
}

void wp_push_mark_of(const struct wp_push_keys *keys, const void *text,
		     size_t len, uint8_t out[WP_PUSH_MARK_LEN])
{
	uint8_t whole[WP_SHA256_LEN];

	wp_hmac_sha256(keys->name.bytes, sizeof(keys->name.bytes), text, len,
		       whole);
	memcpy(out, whole, WP_PUSH_MARK_LEN);
}

/* What it is sealed beside; the name is of a fixed length. */
static struct wp_seal_place
write_place(const struct wp_push_place *place,
	    uint8_t room[WP_PUSH_NAME_LEN + WP_URN_MAX])
{
	memcpy(room, place->name, WP_PUSH_NAME_LEN);
	memcpy(room + WP_PUSH_NAME_LEN, place->user->text, place->user->len);
	return (struct wp_seal_place){
		room,
		(size_t)WP_PUSH_NAME_LEN + place->user->len,
	};
}

enum wp_err wp_push_seal(const struct wp_push_keys *keys,
			 const struct wp_push_place *place, const void *text,
			 size_t len, uint8_t *out)
{
	uint8_t room[WP_PUSH_NAME_LEN + WP_URN_MAX];
	const struct wp_seal_place beside = write_place(place, room);

	return wp_seal(&keys->seal, &beside, text, len, out);
}

enum wp_err wp_push_open(const struct wp_push_keys *keys,
			 const struct wp_push_place *place, const void *sealed,
			 size_t sealed_len, uint8_t *out, size_t *len_out)
{
	uint8_t room[WP_PUSH_NAME_LEN + WP_URN_MAX];
	const struct wp_seal_place beside = write_place(place, room);

	return wp_seal_open(&keys->seal, &beside, sealed, sealed_len, out,
			    len_out);
}

void wp_push_webhook_secret(const struct wp_push_keys *keys, const uint8_t *id,
			    size_t id_len, uint8_t out[WP_PUSH_SECRET_LEN])
{
	uint8_t whole[WP_SHA256_LEN];

	wp_hmac_sha256(keys->webhook.bytes, sizeof(keys->webhook.bytes), id,
		       id_len, whole);
	memcpy(out, whole, WP_PUSH_SECRET_LEN);
	OPENSSL_cleanse(whole, sizeof(whole));
}

void wp_push_code(const struct wp_push_keys *keys, const uint8_t *id,
		  int64_t made_s, char out[WP_PUSH_CODE_LEN + 1])
{
	enum { CODES = 100000000 };
	uint8_t text[WP_PUSH_DEVICE_LEN + sizeof(made_s)];
	uint8_t mac[WP_OWN_MAC_LEN];
	uint64_t number;

	memcpy(text, id, WP_PUSH_DEVICE_LEN);
	memcpy(text + WP_PUSH_DEVICE_LEN, &made_s, sizeof(made_s));
	wp_own_mac(&keys->code, text, sizeof(text), mac);
	memcpy(&number, mac, sizeof(number));
	(void)snprintf(out, WP_PUSH_CODE_LEN + 1, "%08" PRIu64, number % CODES);
	OPENSSL_cleanse(mac, sizeof(mac));
}

bool wp_push_code_is(const struct wp_push_keys *keys, const uint8_t *id,
		     int64_t made_s, const char *text, size_t len)
{
	char right[WP_PUSH_CODE_LEN + 1];
	bool is_right;

	wp_push_code(keys, id, made_s, right);
	is_right = len == WP_PUSH_CODE_LEN &&
		   wp_equal_ct(text, right, WP_PUSH_CODE_LEN);
	OPENSSL_cleanse(right, sizeof(right));
	return is_right;
}

enum { STOP_BYTES = WP_PUSH_DEVICE_LEN + WP_OWN_MAC_LEN };

void wp_push_stop(const struct wp_push_keys *keys, const uint8_t *id,
		  char out[WP_PUSH_STOP_LEN + 1])
{
	uint8_t bytes[STOP_BYTES];

	memcpy(bytes, id, WP_PUSH_DEVICE_LEN);
	wp_own_mac(&keys->stop, id, WP_PUSH_DEVICE_LEN,
		   bytes + WP_PUSH_DEVICE_LEN);
	out[wp_base64url_encode(bytes, sizeof(bytes), out)] = '\0';
}

bool wp_push_stop_read(const struct wp_push_keys *keys, const char *text,
		       size_t len, uint8_t *id)
{
	uint8_t bytes[WP_PUSH_STOP_LEN]; /* decoding never grows */
	size_t n = 0;

	if (len != WP_PUSH_STOP_LEN ||
	    !wp_base64url_decode(text, len, bytes, &n) || n != STOP_BYTES ||
	    !wp_own_mac_is(&keys->stop, bytes, WP_PUSH_DEVICE_LEN,
			   bytes + WP_PUSH_DEVICE_LEN))
		return false;
	memcpy(id, bytes, WP_PUSH_DEVICE_LEN);
	return true;
}
