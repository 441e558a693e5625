/*
 * keyset.h - the keys of all issuers, as they lie in auth.key_dir now.
 *
 * Looks at the files at most once a second, and never waits: another file in
 * the place of one is read then. What is broken or may have been written by
 * others changes nothing and is logged once; what could not be read just now,
 * for want of a descriptor or of memory, is read at the next look; a file that
 * is gone takes its keys with it.
 *
 * Threads: one at a time.
 */
#ifndef WP_LIB_AUTH_KEYSET_H
#define WP_LIB_AUTH_KEYSET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/auth/jwks.h"
#include "lib/base/err.h"
#include "lib/sys/conf.h"
#include "lib/sys/issuers.h"

struct wp_keyset;

/* The socket of waypost-keys in auth.key_dir, for datagrams with an id. */
#define WP_KEYSET_SOCKET "keys.sock"

/*
 * Reads no file yet.
 *
 * Ownership:  the caller's; end with wp_keyset_free()
 * Errors:     as wp_issuers_new()
 */
enum wp_err wp_keyset_new(struct wp_keyset **out, const struct wp_conf *conf,
			  struct wp_error *err) WP_MUST_USE;
void wp_keyset_free(struct wp_keyset **keyset);

/* The issuers, in their order, and us; elsewhere an issuer is its index. */
const struct wp_issuers *wp_keyset_issuers(const struct wp_keyset *keyset);

/*
 * Look at the files, unless that was done within the last second.
 *
 * now_ms:   of wp_mono_ms()
 * wall_ms:  of wp_wall_ms(): are the keys too old by now?
 */
void wp_keyset_look(struct wp_keyset *keyset, uint64_t now_ms, int64_t wall_ms);

/* Look at the file of one, at once. Returns: there was another one */
bool wp_keyset_look_at(struct wp_keyset *keyset, size_t issuer,
		       int64_t wall_ms);

/*
 * Ask waypost-keys for the keys of an issuer; if it is not there, nothing
 * happens. How often it listens is its own business.
 */
void wp_keyset_ask(struct wp_keyset *keyset, size_t issuer);

/* Another number after each change of what verifies. */
uint32_t wp_keyset_generation(const struct wp_keyset *keyset);

/* What is known of an issuer's keys. */
struct wp_keyset_state {
	const struct wp_jwks *jwks; /* NULL: nothing. Until the next look */
	int64_t fetched_ms;         /* wall clock; with jwks */
	bool is_too_old;            /* by auth.key_max_age_hours */
};

struct wp_keyset_state wp_keyset_state(const struct wp_keyset *keyset,
				       size_t issuer);

#endif /* WP_LIB_AUTH_KEYSET_H */
