/*
 * signing.h - our own signing keys: which there are, which of them signs, and
 * how long each is published.
 *
 * A key is a file in auth.key_dir, sign-<created_s>-<kid>.pem, and its name
 * says all that decides: so whoever signs and whoever publishes agree without
 * talking. waypost-keys makes and deletes the files; what is in them is
 * signing_key.h's.
 *
 * A new key is published at once and signs WP_SIGNING_LEAD_S later: by then
 * everybody who remembers a key set has asked again. The first one has nobody
 * to wait for. It stays published until WP_SIGNING_STAY_S after its successor
 * began to sign, which is longer than any token lives.
 */
#ifndef WP_LIB_AUTH_SIGNING_H
#define WP_LIB_AUTH_SIGNING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/base/err.h"

enum {
	WP_SIGNING_KID_LEN = 16, /* hex digits */
	/* As many as a key set may have; more than there ever are. */
	WP_SIGNING_MAX = 64,
	WP_SIGNING_LEAD_S = 3600,
	WP_SIGNING_STAY_S = 2 * 86400,
};

/* Room for any name, its NUL included. */
enum { WP_SIGNING_NAME_MAX = sizeof("sign-9223372036854775807-.pem") + 16 };

struct wp_signing_key {
	int64_t created_s; /* Unix time, > 0 */
	char kid[WP_SIGNING_KID_LEN + 1];
};

/* Oldest first; of two of one second the lower kid. */
struct wp_signing_ring {
	size_t n;
	struct wp_signing_key keys[WP_SIGNING_MAX];
};

/* Is name one of ours? Then *out is what it says. */
bool wp_signing_parse(const char *name, struct wp_signing_key *out);

void wp_signing_name(const struct wp_signing_key *key,
		     char name[WP_SIGNING_NAME_MAX]);

/* Put key into its place. Returns: false when the ring is full */
bool wp_signing_add(struct wp_signing_ring *ring,
		    const struct wp_signing_key *key);

/*
 * Read the names in a folder.
 *
 * dir_fd:   of the folder; stays the caller's, and where it was
 * Errors:   WP_ERR_SYS   it cannot be read
 *           WP_ERR_FULL  there are more than WP_SIGNING_MAX
 */
enum wp_err wp_signing_read(struct wp_signing_ring *out, int dir_fd,
			    struct wp_error *err) WP_MUST_USE;

/*
 * Is it of a time that is far off? Then it was made, and published, before now,
 * while the clock was ahead.
 */
bool wp_signing_is_ahead(const struct wp_signing_key *key, int64_t now_s);

/*
 * The key that signs at now_s: the newest that is old enough, else one that is
 * ahead, for everybody has known it for longer, else the oldest.
 *
 * Returns:  its index; ring->n when there is none
 */
size_t wp_signing_current(const struct wp_signing_ring *ring, int64_t now_s);

/*
 * Until when key i is published.
 *
 * Returns:  Unix time; INT64_MAX while it has no successor
 */
int64_t wp_signing_ends_s(const struct wp_signing_ring *ring, size_t i);

#endif /* WP_LIB_AUTH_SIGNING_H */
