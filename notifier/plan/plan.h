/*
 * plan.h - what each device of a user is sent now, and when to look again.
 * Pure: what is told decides, and the same is decided each time.
 *
 * The rules, for each device; the first that fits:
 *
 *  1. It can get nothing (gone, not verified)           nothing
 *  2. Nothing waits any more, and it showed something   clear, if it can
 *  3. It is connected, and somebody is using it         nothing; it knows
 *  4. It was told already                               nothing
 *  5. Its user is muted                                 later
 *     Its user wants no alerts of a band                nothing or badge
 *  6. Quiet hours                                       later, and then quiet
 *  7. A letter: not before the first of what waits       later
 *     for it is so old, and once a day without life
 *  8. The ladder, or a try that failed                  later
 *     (but not the try, if an operator says that it works now)
 *  9. Its provider is to be left alone                  later
 * 10. Its provider has enough to do                     a little later
 * 11. Else                                              alert
 *
 * A push that its user asked for, to see whether it works, skips 2 to 8; what
 * is sent by any rule has to pass 9 and 10.
 */
#ifndef WP_NOTIFIER_PLAN_H
#define WP_NOTIFIER_PLAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/name/msgid.h"
#include "lib/push/kind.h"
#include "lib/push/prefs.h"
#include "notifier/plan/told.h"

enum {
	/* How far ahead the next look is at most. */
	WP_PLAN_AHEAD_MS = 25 * 3600 * 1000,
	/* A slot of a provider that is so near is waited for. */
	WP_PLAN_SLOT_MS = 500,
	WP_PLAN_MAIL_MS = 24 * 3600 * 1000,
};

enum wp_plan_action {
	WP_PLAN_NOTHING,
	WP_PLAN_ALERT,
	WP_PLAN_QUIET, /* an alert without a sound */
	WP_PLAN_BADGE, /* the number that waits, and nothing else */
	WP_PLAN_CLEAR, /* nothing waits any more */
};

/* What a mailbox was claimed for. */
enum wp_plan_what {
	WP_PLAN_TELL, /* something waits that not all devices know of */
	WP_PLAN_WIPE, /* nothing waits, and devices may show that it does */
	WP_PLAN_ONCE, /* neither, only what its user asked for */
};

/* What is known of a mailbox that was claimed. Times: ms since 1970 by Redis'
 * clock. */
struct wp_plan_claim {
	enum wp_plan_what what;
	struct wp_entry_id want; /* the highest id that is to be told */
	bool is_high;            /* the high band is among what waits */
	bool is_online;
	int64_t seen_ms;    /* of the last disconnect; 0: not known */
	int64_t touched_ms; /* of the last ack; 0: not known */
	int64_t now_ms;
	uint32_t seed; /* of this claim, so that it is decided the same again */
};

struct wp_plan_device {
	enum wp_push_kind kind;
	bool is_usable;  /* active or suspect */
	bool is_in_use;  /* a connection of it is open, and not idle */
	bool has_badge;  /* shows a number */
	bool is_asked;   /* for a push, to see whether it works */
	bool is_resumed; /* an operator says that it works since a try failed */
	int64_t reopen_ms; /* its provider is left alone until then, or 0 */
	int64_t slot_ms;   /* from now, its provider has a slot for it */
	struct wp_told told;
};

struct wp_plan_step {
	enum wp_plan_action action;
	/* It needs no push to know up to want: wp_told_settled(). */
	bool is_settled;
	int64_t next_ms; /* when to look at it again; 0: no need to */
	/* A letter is due then, whatever comes meanwhile: wp_told_held(). 0:
	 * there is nothing to note. */
	int64_t held_ms;
};

/* The operator's part. */
struct wp_plan_rules {
	int64_t mail_after_ms; /* push.email_after_seconds */
};

/*
 * Decide for n devices of one user.
 *
 * steps:    gets n
 * Returns:  the earliest next_ms among them, or 0; above now_ms and at most
 *           WP_PLAN_AHEAD_MS ahead
 */
int64_t wp_plan(const struct wp_plan_claim *claim, const struct wp_prefs *prefs,
		const struct wp_plan_rules *rules,
		const struct wp_plan_device *devices, size_t n,
		struct wp_plan_step *steps);

/* Has its user shown life since the last push? */
bool wp_plan_is_alive(const struct wp_plan_claim *claim,
		      const struct wp_told *told);

/* So much of a claim's and a place's chance, below bound > 0. */
uint32_t wp_plan_chance(uint32_t seed, uint32_t place, uint32_t bound);

#endif /* WP_NOTIFIER_PLAN_H */
