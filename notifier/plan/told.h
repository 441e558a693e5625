/*
 * told.h - what one device has been told of, as it is kept in a field of
 * pushed:<urn> between two looks at a mailbox. Pure.
 */
#ifndef WP_NOTIFIER_TOLD_H
#define WP_NOTIFIER_TOLD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/name/msgid.h"

enum { WP_TOLD_TEXT_MAX = 100 };

/* All zero: nothing yet. Times are ms since 1970, by Redis' clock. */
struct wp_told {
	struct wp_entry_id id; /* up to here it was told, or that was tried */
	int64_t at_ms;         /* of the last push that was accepted; 0: none */
	uint32_t step;         /* pushes accepted since a sign of life */
	uint32_t tries;        /* that failed for id; 0: it was told */
	/* Not before: after a failure; or (tries is 0) wp_told_held(). */
	int64_t next_ms;
};

/* "<id> <at> <step> <tries> <next>" */
void wp_told_format(const struct wp_told *told, char out[WP_TOLD_TEXT_MAX]);

/* False when text is none; then *out is all zero. */
bool wp_told_parse(struct wp_told *out, const char *text);

/*
 * A push about want was accepted.
 *
 * is_alive:  its user has shown life since the one before
 */
void wp_told_accepted(struct wp_told *told, const struct wp_entry_id *want,
		      bool is_alive, int64_t now_ms);

/* It knows up to want without a push, or is never to be told of it. */
void wp_told_settled(struct wp_told *told, const struct wp_entry_id *want);

/* Of what is newer than id a letter is due then. */
void wp_told_held(struct wp_told *told, int64_t due_ms);

/*
 * A push about want failed, and another may succeed.
 *
 * least_s, seed:  as for wp_ladder_retry_ms()
 * Returns:        false when it was the last try: it counts as told
 */
bool wp_told_failed(struct wp_told *told, const struct wp_entry_id *want,
		    int64_t least_s, int64_t now_ms, uint32_t seed);

#endif /* WP_NOTIFIER_TOLD_H */
