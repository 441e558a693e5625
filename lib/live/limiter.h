/*
 * limiter.h - may somebody do this now? Answered at once, out of a ledger
 * (lib/limit/ledger.h); what is to be paid goes to Redis beside what else goes
 * there, and nobody waits for it.
 *
 * Where Redis cannot be paid, or its answer is of no use, nobody is refused for
 * that: it is counted, and each process goes on by what it knows.
 *
 * Threads: the loop's.
 */
#ifndef WP_LIB_LIVE_LIMITER_H
#define WP_LIB_LIVE_LIMITER_H

#include <stddef.h>
#include <stdint.h>

#include "lib/base/err.h"
#include "lib/limit/ledger.h"
#include "lib/limit/rates.h"
#include "lib/metrics/metrics.h"
#include "lib/redis/cmd.h"
#include "lib/redis/reply.h"

struct wp_limiter;

struct wp_limiter_setup {
	const struct wp_limit_rates *rates; /* copied */
	const char *secret;                 /* of what is stored; not kept */
	/* As wp_aredis_do(), with ctx. */
	enum wp_err (*call)(void *ctx, const struct wp_cmd *cmd, wp_reply_fn fn,
			    void *fn_ctx);
	void *ctx;
	/* What is counted, or NULL: who was refused, by class, and payments
	 * that failed. */
	struct wp_metrics *metrics;
	size_t limited; /* of the first class; the others follow */
	size_t errors;
};

/*
 * Ownership:  the caller's; end with wp_limiter_free()
 * Errors:     WP_ERR_NOMEM
 */
enum wp_err wp_limiter_new(struct wp_limiter **out,
			   const struct wp_limiter_setup *setup,
			   struct wp_error *err) WP_MUST_USE;
/* No payment may be under way: free the connection first. NULL-safe. */
void wp_limiter_free(struct wp_limiter **limiter);

/* Another secret; before anything is paid. Not kept. */
void wp_limiter_set_secret(struct wp_limiter *limiter, const char *secret);

/* Go by these from now on (reload). */
void wp_limiter_use(struct wp_limiter *limiter,
		    const struct wp_limit_rates *rates);
const struct wp_limit_rate *wp_limiter_rate(const struct wp_limiter *limiter,
					    enum wp_limit_class class);

/* Borrowed for the call. */
struct wp_limit_who {
	const void *name; /* a URN, or the prefix of an address */
	size_t len;
	uint32_t partition; /* of a URN */
};

/* Is anything left? Nothing is taken; whoever is refused is counted. */
void wp_limiter_look(struct wp_limiter *limiter, enum wp_limit_class class,
		     const struct wp_limit_who *who,
		     struct wp_ledger_verdict *out);
/* Take n units if anything is left; n: 1 to 1000. Refusals are counted. */
void wp_limiter_take(struct wp_limiter *limiter, enum wp_limit_class class,
		     const struct wp_limit_who *who, int64_t n,
		     struct wp_ledger_verdict *out);
/* Take n units in any case. */
void wp_limiter_owe(struct wp_limiter *limiter, enum wp_limit_class class,
		    const struct wp_limit_who *who, int64_t n,
		    struct wp_ledger_verdict *out);

#endif /* WP_LIB_LIVE_LIMITER_H */
