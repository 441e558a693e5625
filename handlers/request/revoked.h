/*
 * revoked.h - is a caller's token good still? (docs/architecture.md
 * "Revocation")
 *
 * A process has a table of what was revoked, and reads on while it is asked:
 * when it was read more than a second ago. Nobody is judged by one that was
 * read more than two seconds before he came; who finds no better one waits
 * until there is.
 *
 * Threads: the loop's.
 */
#ifndef WP_HANDLERS_REQUEST_REVOKED_H
#define WP_HANDLERS_REQUEST_REVOKED_H

#include <stdint.h>

#include "lib/auth/identity.h"
#include "lib/base/err.h"
#include "lib/metrics/metrics.h"

#include "handlers/request/backend.h"

struct wp_revocations;

enum {
	WP_REVOKED_READ_MS = 1000, /* older: read on */
	WP_REVOKED_AGE_MAX_MS = 2000,
};

/* All pointers are borrowed and outlive the revocations, but for the backend,
 * which is freed before. */
struct wp_revocations_setup {
	struct wp_backend *backend;
	struct wp_metrics *metrics; /* or NULL */
	/* They cannot be read, and why: to be logged. */
	void (*on_failure)(void *ctx, const char *why);
	void *ctx;
};

/*
 * Ownership:  the caller's; end with wp_revocations_free()
 * Errors:     WP_ERR_NOMEM
 */
enum wp_err wp_revocations_new(struct wp_revocations **out,
			       const struct wp_revocations_setup *setup,
			       struct wp_error *err) WP_MUST_USE;
/* Nobody may wait any more. NULL-safe. */
void wp_revocations_free(struct wp_revocations **revocations);

enum wp_judgement {
	WP_TOKEN_GOOD,
	WP_TOKEN_REVOKED,
	WP_TOKEN_UNKNOWN, /* what was revoked cannot be read now */
	WP_TOKEN_LATER,   /* go() will be called with one of the others */
};

/* Who is to be judged. The caller's memory until then. */
struct wp_judged {
	const struct wp_identity *who;
	uint64_t came_us; /* monotonic */
	void (*go)(struct wp_judged *judged, enum wp_judgement judgement);
	struct wp_judged *next; /* private */
};

enum wp_judgement wp_revocations_judge(struct wp_revocations *revocations,
				       struct wp_judged *judged);

/*
 * What is known without waiting: GOOD, REVOKED, or UNKNOWN, and then
 * wp_revocations_judge() will say more. Reads on when that is due.
 *
 * came_us:  monotonic, when who asked
 */
enum wp_judgement wp_revocations_look(struct wp_revocations *revocations,
				      const struct wp_identity *who,
				      uint64_t came_us);

/* For tests: as if what is known had been read at this time. */
void wp_revocations_trust(struct wp_revocations *revocations, uint64_t at_ms);

#endif /* WP_HANDLERS_REQUEST_REVOKED_H */
