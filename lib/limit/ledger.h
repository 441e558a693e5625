/*
 * ledger.h - what everybody has spent lately, as this process knows it.
 *
 * Each caller has a bucket per class (a GCRA: one number, the time at which it
 * is full again). Units are taken out of it here, without asking anybody. Of a
 * class that all processes share, what was taken is summed up, and each time
 * the sum has reached the credit of the class it is paid: Redis adds it to the
 * one bucket of all processes, and its answer, how far that is from full,
 * corrects the one here. So
 *
 * - one call in `credit` goes to Redis, and nothing is ever waited for;
 * - whoever is refused is refused here, until the time that was told;
 * - over long, all that was taken is paid: the rate is that of the class, and
 *   each process is ahead of it by less than two credits, one that is owed
 *   and one that is not paid yet. A sum that does not grow
 *   to a credit in five windows (the time that fills a bucket) is forgotten,
 *   which is less than a hundredth of the rate;
 * - who keeps to the rate is never refused: no bucket here is emptier than one
 *   that sees everything, because a sum is paid as of when its first unit was
 *   taken, and an answer holds as of when it was asked for.
 *
 * Whoever takes units is served while one is left: what is taken beyond that (a
 * batch) is owed, and what follows is refused until it is paid.
 *
 * An entry that gives way to others forgets less than a credit that was not
 * paid yet, and what this process was told.
 *
 * Threads: of one thread. Times: nanoseconds of the monotonic clock.
 */
#ifndef WP_LIB_LIMIT_LEDGER_H
#define WP_LIB_LIMIT_LEDGER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/base/err.h"

#include "lib/limit/rates.h"

struct wp_ledger;

enum { WP_LEDGER_ENTRIES = 65536 }; /* of 32 bytes */

/* Errors: WP_ERR_NOMEM. Ownership: end with wp_ledger_free() */
enum wp_err wp_ledger_new(struct wp_ledger **out,
			  const struct wp_limit_rates *rates,
			  struct wp_error *err) WP_MUST_USE;
void wp_ledger_free(struct wp_ledger **ledger); /* NULL-safe */

/* Go by these from now on; what was spent stays spent. */
void wp_ledger_use(struct wp_ledger *ledger,
		   const struct wp_limit_rates *rates);
const struct wp_limit_rate *wp_ledger_rate(const struct wp_ledger *ledger,
					   enum wp_limit_class class);

/* Whose bucket: a class, and somebody by any bytes. Of this ledger only. */
uint64_t wp_ledger_key(const struct wp_ledger *ledger,
		       enum wp_limit_class class, const void *who, size_t len);

struct wp_ledger_verdict {
	bool is_refused;
	int64_t wait_ns; /* refused: until then */
	int64_t left;    /* units, not below 0 */
	int64_t full_ns; /* in which the bucket gets full again */
	/* To be paid now, for it is not summed up any more; 0: nothing. */
	int64_t due;
	int64_t due_age_ns; /* the time since its first unit */
};

/* Is anything left for key? Nothing is taken. */
void wp_ledger_look(struct wp_ledger *ledger, enum wp_limit_class class,
		    uint64_t key, int64_t now_ns,
		    struct wp_ledger_verdict *out);

/* Take units, if anything is left. n: 1 to 1000 */
void wp_ledger_take(struct wp_ledger *ledger, enum wp_limit_class class,
		    uint64_t key, int64_t n, int64_t now_ns,
		    struct wp_ledger_verdict *out);

/* Take units in any case: whoever needs them has had some, and is served. */
void wp_ledger_owe(struct wp_ledger *ledger, enum wp_limit_class class,
		   uint64_t key, int64_t n, int64_t now_ns,
		   struct wp_ledger_verdict *out);

/*
 * A payment was answered.
 *
 * asked_ns:  when it was made
 * ahead_ns:  how far the bucket of all processes was from full
 */
void wp_ledger_told(struct wp_ledger *ledger, enum wp_limit_class class,
		    uint64_t key, int64_t asked_ns, int64_t ahead_ns);

#endif /* WP_LIB_LIMIT_LEDGER_H */
