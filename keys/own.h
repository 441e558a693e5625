/*
 * own.h - the keys that sign our own tokens: made, published as the key set of
 * accounts.issuer, and deleted when nobody needs them any more.
 *
 * Which key signs when is lib/auth/signing.h's. A file that the operator puts
 * into the folder counts as well, and one that is taken away is gone: on
 * several hosts all are given the same.
 */
#ifndef WP_KEYS_OWN_H
#define WP_KEYS_OWN_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/auth/signing.h"
#include "lib/auth/signing_key.h"
#include "lib/base/buf.h"
#include "lib/base/digest.h"
#include "lib/base/err.h"
#include "lib/base/log.h"
#include "lib/sys/conf.h"
#include "lib/sys/folder.h"

struct wp_own {
	const struct wp_conf *conf;     /* borrowed */
	const struct wp_folder *folder; /* borrowed */
	/* As of the last look: names that are there, and fit ones of them. */
	struct wp_signing_ring names;
	struct wp_signing_ring ring;
	enum wp_sign_alg algs[WP_SIGNING_MAX]; /* of those in ring */
	struct wp_buf keys; /* what is to be published: a JSON array */
	uint8_t published[WP_SHA256_LEN]; /* of what was, the last time */
	struct wp_log_limit odd; /* of lines about files that are unfit */
	uint64_t n_made;
};

/* end with wp_own_release() */
void wp_own_init(struct wp_own *own, const struct wp_conf *conf,
		 const struct wp_folder *folder);
void wp_own_release(struct wp_own *own);

/*
 * Look at the folder, make a key when it is time for one, delete what nobody
 * needs.
 *
 * wants_new:     the operator does; refused, with a line of the log, while the
 *                newest one waits for its time
 * *changed_out:  the keys are others than were published
 * Errors:        WP_ERR_SYS, WP_ERR_FULL, WP_ERR_NOMEM: what was before holds
 */
enum wp_err wp_own_look(struct wp_own *own, int64_t now_s, bool wants_new,
			bool *changed_out, struct wp_error *err) WP_MUST_USE;

/* Write the key set of accounts.issuer, as of wall_ms. Errors: WP_ERR_SYS */
enum wp_err wp_own_publish(struct wp_own *own, int64_t wall_ms,
			   struct wp_error *err) WP_MUST_USE;

#endif /* WP_KEYS_OWN_H */
