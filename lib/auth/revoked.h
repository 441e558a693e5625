/*
 * revoked.h - who is not to be let in any more, though a token says otherwise.
 *
 * A token proves what was true when it was issued. What has changed since is in
 * this table: an entry is about a user, a subject of an issuer, or one of its
 * sessions, and holds for tokens that were issued up to then; a session never
 * begins anew, so its entry holds for all. Where a session ends whose tokens
 * may not name it, an entry is about what a subject has without a session. A
 * token that does not say when it was issued counts as older than any entry.
 *
 * Does no I/O. Where the entries come from: lib/mailbox/revoke.h.
 *
 * Threads: one at a time.
 */
#ifndef WP_LIB_AUTH_REVOKED_H
#define WP_LIB_AUTH_REVOKED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/auth/identity.h"
#include "lib/base/err.h"
#include "lib/name/urn.h"

enum {
	WP_REVOKED_MAX = 65536, /* entries: 2.5 MiB of memory, once in use */
	WP_REVOKED_KEY_BYTES = 16,
};

/*
 * Whom an entry is about: the first byte says of what kind it is, the others
 * are of a hash, so neither the table nor who reads it knows names.
 */
struct wp_revoked_key {
	uint8_t bytes[WP_REVOKED_KEY_BYTES];
};

/* Everything of a user, whoever issued it. */
void wp_revoked_key_user(struct wp_revoked_key *out, const struct wp_urn *user);
/* A subject or a session; hash: as in struct wp_identity, and not zero. */
void wp_revoked_key_subject(struct wp_revoked_key *out,
			    const uint8_t hash[WP_NAME_HASH_LEN]);
void wp_revoked_key_session(struct wp_revoked_key *out,
			    const uint8_t hash[WP_NAME_HASH_LEN]);
/* Of a subject what names no session; hash: the subject's. */
void wp_revoked_key_bare(struct wp_revoked_key *out,
			 const uint8_t hash[WP_NAME_HASH_LEN]);

/*
 * When the last token was issued that ends with it, if it ends at this time:
 * INT64_MAX for a session, which never begins anew, whatever a clock says.
 */
int64_t wp_revoked_key_until(const struct wp_revoked_key *key, int64_t at_s);

/* Is it of a kind that is known here? */
bool wp_revoked_key_is_sound(const struct wp_revoked_key *key);

/* Times in seconds since 1970. */
struct wp_revocation {
	struct wp_revoked_key key;
	int64_t at_s;     /* when: what was issued later is another matter */
	int64_t forget_s; /* from then on no such token is alive */
};

struct wp_revoked;

/*
 * Ownership:  the caller's; end with wp_revoked_free()
 * Errors:     WP_ERR_NOMEM
 */
enum wp_err wp_revoked_new(struct wp_revoked **out,
			   struct wp_error *err) WP_MUST_USE;
/* NULL-safe. */
void wp_revoked_free(struct wp_revoked **revoked);

/*
 * Add an entry; one of the same key becomes one with it. One that is to be
 * forgotten by now is kept all the same: it comes once only, and a clock that
 * is ahead now may be right later. Where there is no room such ones go; if that
 * is not enough the oldest go, and until they were to be forgotten whoever has
 * a token from before, of which they may have been, is refused: better all of
 * them than none. A token that names no session is not refused because sessions
 * had to go.
 */
void wp_revoked_add(struct wp_revoked *revoked,
		    const struct wp_revocation *revocation, int64_t now_s);

/* Does an entry hold for the token that this was read from? */
bool wp_revoked_has(const struct wp_revoked *revoked,
		    const struct wp_identity *who, int64_t now_s);

/* So much of a hash tells apart: a full table and 100,000 connections meet by
 * chance once in 40,000 times. */
enum { WP_REVOKED_MARK_BYTES = 6 };

/* What a connection keeps of its token, to be judged again later. */
struct wp_revoked_marks {
	/* Of each hash the beginning; all zero: none */
	uint8_t user[WP_REVOKED_MARK_BYTES];
	uint8_t subject[WP_REVOKED_MARK_BYTES];
	uint8_t session[WP_REVOKED_MARK_BYTES];
	uint32_t issued_s; /* 0: it does not say; what is later is as this is */
};

void wp_revoked_mark(struct wp_revoked_marks *out,
		     const struct wp_identity *who);
/* Are two of the same subject? */
bool wp_revoked_is_same_subject(const struct wp_revoked_marks *a,
				const struct wp_revoked_marks *b);
/* The same by its marks. */
bool wp_revoked_has_marks(const struct wp_revoked *revoked,
			  const struct wp_revoked_marks *marks, int64_t now_s);

/* Entries, also those that are to be forgotten and are not yet. */
size_t wp_revoked_count(const struct wp_revoked *revoked);
/* Entries that had to go though they were not to be forgotten yet, so far. */
uint64_t wp_revoked_evicted(const struct wp_revoked *revoked);
/* Entries that are not to be forgotten yet; looks at all of them. */
size_t wp_revoked_alive(const struct wp_revoked *revoked, int64_t now_s);

#endif /* WP_LIB_AUTH_REVOKED_H */
