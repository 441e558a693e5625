/*
 * telling.h - a claimed box whose devices are known: decide who is told what,
 * have it delivered, and gather what there is to remember of it.
 *
 * Deliveries of several devices are under way at once; who is slow holds up the
 * answer to this claim, and nobody else's.
 *
 * Threads: the loop's.
 */
#ifndef WP_NOTIFIER_TELLING_H
#define WP_NOTIFIER_TELLING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/base/err.h"
#include "lib/mailbox/push.h"
#include "lib/metrics/metrics.h"
#include "notifier/claimed.h"
#include "notifier/dead_letters.h"
#include "notifier/deliver.h"
#include "notifier/lookup.h"
#include "notifier/notes.h"
#include "notifier/plan/plan.h"

enum {
	/* While one device of a user waits for its provider, one looks so often
	 * whether there is something new for the others. */
	WP_TELLING_WATCH_MS = 60 * 1000,
};

struct wp_telling_setup {
	struct wp_deliveries *deliveries;
	const struct wp_dead_letters *dead_letters;
	struct wp_metrics *metrics;
	struct wp_plan_rules rules;
};

struct wp_telling_one;

/* All zero is one that has not begun. */
struct wp_telling {
	/* The rest is private. */
	const struct wp_telling_setup *setup;
	const struct wp_claimed *of;
	const struct wp_lookup *lookup;
	struct wp_plan_claim claim;
	struct wp_telling_one *each; /* owned; a target each */
	size_t under_way;
	bool is_called_off;
	bool is_crowded;
	bool is_shown;   /* devices may show that something waits */
	bool once_waits; /* what was asked for could not be done */
	int64_t next_ms; /* when to look again; 0: no need to */
	void (*on_end)(void *ctx);
	void *ctx;
};

/* The box, and what was found of its user. Borrowed until the release. */
struct wp_telling_what {
	const struct wp_claimed *of;
	const struct wp_lookup *lookup;
	uint64_t good_until_ms; /* by wp_mono_ms(): nothing begins behind it */
};

/*
 * Decide, and begin to deliver.
 *
 * setup:    borrowed until the release
 * on_end:   when all has ended that was under way behind this call, once, from
 *           the loop
 * Returns:  false when memory is exhausted: then nothing has begun
 */
bool wp_telling_begin(struct wp_telling *telling,
		      const struct wp_telling_setup *setup,
		      const struct wp_telling_what *what,
		      void (*on_end)(void *ctx), void *ctx) WP_MUST_USE;

/* Is anything under way? */
bool wp_telling_is_busy(const struct wp_telling *telling);
/* Begin nothing any more; what is under way ends. */
void wp_telling_call_off(struct wp_telling *telling);

/* Was a device put off for want of a slot? */
bool wp_telling_was_crowded(const struct wp_telling *telling);

/*
 * What is to be answered when nothing is under way: next, what waits, and
 * fields, which are in notes.
 *
 * notes:    gets it; to be released also on false
 * Returns:  false when memory is exhausted
 */
bool wp_telling_answer(const struct wp_telling *telling,
		       struct wp_push_done *done,
		       struct wp_notes *notes) WP_MUST_USE;

/* Nothing is under way, or nobody will tell what becomes of it. */
void wp_telling_release(struct wp_telling *telling);

#endif /* WP_NOTIFIER_TELLING_H */
