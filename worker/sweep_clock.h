/*
 * sweep_clock.h - by what time may expired messages be deleted, whatever the
 * wall clock does (docs/architecture.md "Expiry")?
 *
 * A message that was accepted when the clock said w, for d, carries w + d. So
 * it has lived for d of real time when the clock, *as it went then*, would say
 * so: w + real time passed since. The clock says more after it was set ahead,
 * and of a message that was accepted while it was behind. The least of what the
 * clock said, each look carried on by the real time since, over the longest
 * that any message lives, is therefore a time by which nothing can be deleted
 * too early. It follows the clock back at once, and ahead at the rate of real
 * time, or after that longest life, or when somebody says that the clock is
 * right.
 *
 * Real time is what a clock that nobody can set has counted: how old the host
 * is. Where nothing counted, as while it was off, none is taken to have passed;
 * nor between looks from two hosts, whose ages do not compare. (To take what
 * each process has counted by itself is wrong: one that began later knows of
 * less, and what it saw of the clock would be carried on for longer than it
 * was. tests/model/clock.c finds that.)
 *
 * All processes share one record, in a note of the cold store: none begins with
 * trust of its own. Knows neither Redis, nor the store, nor time itself.
 */
#ifndef WP_WORKER_SWEEP_CLOCK_H
#define WP_WORKER_SWEEP_CLOCK_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/base/clock.h"
#include "lib/mailbox/partition.h"

/* What is known of the clock by all. */
struct wp_sweep_clock {
	int64_t real_ms; /* real time counted since the record was begun */
	/*
	 * The least of (wall - real) in this period and in the one before. A
	 * period is as long as the longest life of a message.
	 */
	int64_t skew_ms;
	int64_t skew_before_ms;
	int64_t since_ms;   /* when this period began, in real_ms */
	int64_t longest_ms; /* how long a period is; it never shrinks */
	/* Who looked last: the life of a host, and its age then. */
	char boot[WP_BOOT_ID_LEN];
	int64_t boot_ms;
	/* The confirmation that was heard last. */
	char word[WP_EXPIRE_CONFIRM_MAX + 1];
};

/* What one process sees when it looks. */
struct wp_sweep_look {
	int64_t wall_ms; /* Redis' clock */
	const char *boot;
	int64_t boot_ms;
	int64_t longest_ms; /* mailbox.max_expiry_seconds */
	const char *word;   /* WP_EXPIRE_CONFIRM_KEY, "" when there is none */
};

/* From here on an operator is told that expiry is late. */
enum { WP_SWEEP_TELL_MS = 600 * 1000 };

/* Nothing may be deleted: it is not known what the clock was before. */
#define WP_SWEEP_UNKNOWN INT64_MIN

/*
 * A first record. is_new: no message was accepted before it is; otherwise the
 * clock may have said anything when those were.
 */
void wp_sweep_clock_begin(struct wp_sweep_clock *clock, bool is_new);

/* Take a look. Returns the time to delete by, or WP_SWEEP_UNKNOWN. */
int64_t wp_sweep_clock_look(struct wp_sweep_clock *clock,
			    const struct wp_sweep_look *look);

/*
 * Must others see this before anything is deleted by it? Real time alone may
 * wait for a while: what is not written is not taken to have passed.
 */
bool wp_sweep_clock_is_news(const struct wp_sweep_clock *before,
			    const struct wp_sweep_clock *after);

/* The record as text, and back; false when it is none. */
enum { WP_SWEEP_CLOCK_TEXT = 256 };
void wp_sweep_clock_print(const struct wp_sweep_clock *clock,
			  char text[WP_SWEEP_CLOCK_TEXT]);
bool wp_sweep_clock_parse(struct wp_sweep_clock *clock, const char *text);

#endif /* WP_WORKER_SWEEP_CLOCK_H */
