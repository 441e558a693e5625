/*
 * apikey.h - keys of back ends, which are no users: what the file of keys says,
 * and who shows one of them.
 *
 * A key is wpk_<id>_<secret>. The file has a line for each, with the SHA-256 of
 * the secret's 43 characters: as it has 256 random bits, nothing slower is
 * needed, and who reads the file cannot use it.
 *
 *	<id>:<sha256, hex>:<scope,scope>:<last day, or ->:<name>
 *
 * The day is the last on which the key is good, in UTC. Empty lines and those
 * that begin with # say nothing. Several keys may have one name, so that a new
 * one can take the place of an old one without a gap.
 */
#ifndef WP_LIB_AUTH_APIKEY_H
#define WP_LIB_AUTH_APIKEY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/auth/token.h"
#include "lib/base/buf.h"
#include "lib/base/digest.h"
#include "lib/base/err.h"

enum {
	WP_APIKEY_ID_LEN = 10,
	WP_APIKEY_SECRET_LEN = 43, /* base64url of 32 bytes */
	WP_APIKEY_LEN = 4 + WP_APIKEY_ID_LEN + 1 + WP_APIKEY_SECRET_LEN,
	WP_APIKEY_NAME_MAX = 64,
	WP_APIKEY_DAY_LEN = 10, /* "2027-01-31" */
	WP_APIKEYS_MAX = 4096,  /* of a file */
};

/* expires_s of a key that has no last day. */
#define WP_APIKEY_FOR_EVER INT64_MAX

/* A line of the file. */
struct wp_apikey {
	char id[WP_APIKEY_ID_LEN + 1];
	char name[WP_APIKEY_NAME_MAX + 1];
	uint8_t digest[WP_SHA256_LEN]; /* of the secret */
	unsigned int scopes;           /* enum wp_scope */
	int64_t expires_s;             /* from then on it is good no more */
};

/*
 * Make a new key: id and digest of out are set.
 *
 * text:  gets what its owner has to show; the one copy that there is, to be
 *        wiped by who has shown it
 */
void wp_apikey_make(struct wp_apikey *out, char text[WP_APIKEY_LEN + 1]);

/* May somebody be called so? [a-z0-9][a-z0-9._-]*, at most 64 of them. */
bool wp_apikey_name_is_valid(const char *text, size_t len);

/* Is text written as an id? That a key has it is another matter. */
bool wp_apikey_id_is_valid(const char *text, size_t len);

/*
 * Read the last day of a key: "2027-01-31", of the years 1970 to 9999.
 *
 * Returns:  false when there is no such day
 */
bool wp_apikey_day_read(const char *text, size_t len, int64_t *expires_s_out);

/* The same day as text; "-" when there is none. */
void wp_apikey_day_write(char text[WP_APIKEY_DAY_LEN + 1], int64_t expires_s);

/*
 * Step through the text of a file.
 *
 * pos:      begins as 0; where the next line begins
 * Returns:  WP_OK            out has the key of the next line that has one,
 *                            which began at *start_out (may be NULL)
 *           WP_ERR_NOTFOUND  there is none any more
 * Errors:   WP_ERR_INVAL     err.msg is "line 3: …", and quotes nothing of it
 */
enum wp_err wp_apikey_next(const struct wp_buf *text, size_t *pos,
			   size_t *start_out, struct wp_apikey *out,
			   struct wp_error *err) WP_MUST_USE;

/* Append the line of a key. */
void wp_apikey_write(struct wp_buf *out, const struct wp_apikey *key);

/* All keys of a file; immutable. */
struct wp_apikeys;

/*
 * Read the text of a file. A last line without its end is one that was cut off,
 * and refused.
 *
 * Ownership:  the caller's; end with wp_apikeys_free()
 * Errors:     WP_ERR_INVAL  as wp_apikey_next(), an id that is there twice, or
 *                           more than WP_APIKEYS_MAX keys
 *             WP_ERR_NOMEM
 */
enum wp_err wp_apikeys_new(struct wp_apikeys **out, const struct wp_buf *text,
			   struct wp_error *err) WP_MUST_USE;
void wp_apikeys_free(struct wp_apikeys **keys);

size_t wp_apikeys_count(const struct wp_apikeys *keys);

/* Is this meant to be a key, and no token? No JWT begins like that. */
bool wp_apikey_is_meant(const struct wp_token *token);

/*
 * Whose key is it? The caller is urn:waypost:service:<name>, with the scopes of
 * the key.
 *
 * now_s:   wall clock, seconds since 1970
 * Errors:  WP_ERR_DENIED  unknown, wrong or expired: always the same sentence,
 *                         after the same work
 */
enum wp_err wp_apikeys_verify(const struct wp_apikeys *keys,
			      const struct wp_token *token, int64_t now_s,
			      struct wp_identity *out,
			      struct wp_error *err) WP_MUST_USE;

#endif /* WP_LIB_AUTH_APIKEY_H */
