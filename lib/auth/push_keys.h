/*
 * push_keys.h - what is kept of a token, or of another way to reach a device:
 * sealed, and named by an HMAC, under keys made of auth.store_secret. With
 * another secret nothing opens and nothing is found: devices register again at
 * their next start.
 */
#ifndef WP_LIB_AUTH_PUSH_KEYS_H
#define WP_LIB_AUTH_PUSH_KEYS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/auth/own_key.h"
#include "lib/auth/seal.h"
#include "lib/base/err.h"
#include "lib/name/urn.h"

enum {
	WP_PUSH_NAME_LEN = 32,
	WP_PUSH_MARK_LEN = 8,
	WP_PUSH_SECRET_LEN = 24,
	WP_PUSH_CODE_LEN = 8,    /* digits */
	WP_PUSH_DEVICE_LEN = 16, /* bytes of the id of a device */
	WP_PUSH_STOP_LEN = 43,   /* characters of base64url */
	/* The longest text that is sealed: a token of 4096 characters in JSON,
	 * where each may take two. */
	WP_PUSH_TARGET_MAX = 2 * 4096 + 256,
};

/* Plain data, but secret; end with wp_push_keys_forget(). */
struct wp_push_keys {
	struct wp_own_key name;
	struct wp_own_key seal;
	struct wp_own_key webhook;
	struct wp_own_key code;
	struct wp_own_key stop;
};

void wp_push_keys_make(struct wp_push_keys *out, const char *store_secret);
void wp_push_keys_forget(struct wp_push_keys *keys);

/* The name of a token: the same only for the same kind, app and token. */
void wp_push_name(const struct wp_push_keys *keys, const char *kind,
		  const char *app, const char *token,
		  uint8_t out[WP_PUSH_NAME_LEN]);

/* A mark of a text: two texts that have the same one are the same. */
void wp_push_mark_of(const struct wp_push_keys *keys, const void *text,
		     size_t len, uint8_t out[WP_PUSH_MARK_LEN]);

/* Of whom it is, and which token: it opens beside no others. */
struct wp_push_place {
	const struct wp_urn *user;
	const uint8_t *name; /* WP_PUSH_NAME_LEN bytes */
};
/* As wp_seal(), wp_seal_open(). */
enum wp_err wp_push_seal(const struct wp_push_keys *keys,
			 const struct wp_push_place *place, const void *text,
			 size_t len, uint8_t *out) WP_MUST_USE;
enum wp_err wp_push_open(const struct wp_push_keys *keys,
			 const struct wp_push_place *place, const void *sealed,
			 size_t sealed_len, uint8_t *out,
			 size_t *len_out) WP_MUST_USE;

/*
 * What the calls of a webhook are signed with: it follows from the id of the
 * device, so it is told once and kept nowhere.
 */
void wp_push_webhook_secret(const struct wp_push_keys *keys, const uint8_t *id,
			    size_t id_len, uint8_t out[WP_PUSH_SECRET_LEN]);

/*
 * The code by which a device that was made a code at made_s is verified. It
 * follows from both, and is kept nowhere.
 *
 * id:  WP_PUSH_DEVICE_LEN bytes
 */
void wp_push_code(const struct wp_push_keys *keys, const uint8_t *id,
		  int64_t made_s, char out[WP_PUSH_CODE_LEN + 1]);
/* Is text that code? In constant time. */
bool wp_push_code_is(const struct wp_push_keys *keys, const uint8_t *id,
		     int64_t made_s, const char *text, size_t len);

/*
 * What is in the link that ends a device's letters: its id, and proof that it
 * was we who gave it away (RFC 8058 section 3.1).
 */
void wp_push_stop(const struct wp_push_keys *keys, const uint8_t *id,
		  char out[WP_PUSH_STOP_LEN + 1]);
/* False when it was not; id: gets WP_PUSH_DEVICE_LEN bytes. */
bool wp_push_stop_read(const struct wp_push_keys *keys, const char *text,
		       size_t len, uint8_t *id);

#endif /* WP_LIB_AUTH_PUSH_KEYS_H */
