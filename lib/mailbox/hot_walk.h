/*
 * hot_walk.h - what a page needs of a user's hot queue and hint
 * (docs/architecture.md "Pulling").
 *
 * One or several looks, each a group of commands: the entries of both bands
 * from where the look before stopped, then hint and gate. Every place is looked
 * at once, and the hint read after that: an entry that has left hot before its
 * place was looked at had set the hint before, and one that leaves after is
 * seen. It may be that others are served in between.
 *
 * A look holds up everybody, so it is bounded by what it takes, not by what it
 * finds: of each band a slice of entries, or more when all that waits for the
 * user is known to be short.
 *
 * What has expired is skipped, by the clock of the same look. Where there is
 * some, the index is asked now and then whether anything else is alive.
 */
#ifndef WP_LIB_MAILBOX_HOT_WALK_H
#define WP_LIB_MAILBOX_HOT_WALK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/base/arena.h"
#include "lib/base/err.h"
#include "lib/name/box.h"
#include "lib/name/msgid.h"
#include "lib/redis/cmd.h"
#include "lib/redis/reply.h"

/* Bytes of envelopes on a page. */
enum { WP_PULL_MAX_BYTES = 4 * 1024 * 1024 };
enum { WP_HOT_RUN_ID_MAX = 63 };

/* A message as read; json is borrowed from whoever read it. */
struct wp_pull_row {
	struct wp_entry_id entry;
	const char *json;
	size_t json_len;
};

/* What one tier knows of one band, oldest first. */
struct wp_pull_lane {
	struct wp_pull_row *rows;
	size_t n;
	bool more; /* live entries follow the last row */
};

/* Of one band: how far it was looked at. */
struct wp_hot_place {
	bool is_done;
	bool has_after; /* or else from the start */
	struct wp_entry_id after;
	size_t asked; /* entries, by the look under way */
};

/* What a page may have. */
struct wp_hot_bounds {
	size_t max_envelope; /* bytes of the longest that is accepted */
	size_t rows;         /* > 0 */
	size_t bytes;        /* of envelopes, 1 to WP_PULL_MAX_BYTES; one that
				is longer goes alone */
};

struct wp_hot_walk {
	const struct wp_box *box; /* borrowed */
	struct wp_hot_bounds bounds;
	struct wp_arena *arena; /* borrowed: for rows and their texts */
	char run_id[WP_HOT_RUN_ID_MAX + 1];

	/* Indexed by band. */
	struct wp_hot_place places[WP_BANDS];
	struct wp_pull_lane lanes[WP_BANDS];
	size_t bytes[WP_BANDS];

	bool ask_cold;
	int64_t now_ms; /* of the last look */

	size_t slice;     /* entries of a band that may be asked for blindly */
	size_t most;      /* that the next look may ask for */
	size_t looks;     /* that were answered */
	bool has_expired; /* something that has expired was seen */
	bool is_asking;   /* the look under way asks whether others live */
	size_t ask_at;    /* looks behind which it is asked again */
};

/*
 * Begin where each band is to go on.
 *
 * Ownership:  box and arena are borrowed and outlive the walk
 */
void wp_hot_walk_begin(struct wp_hot_walk *walk,
		       const struct wp_hot_bounds *bounds,
		       const struct wp_box *box,
		       const struct wp_band_from from[WP_BANDS],
		       struct wp_arena *arena);

/* Write the next look. run_id: of the Redis that it will go to */
void wp_hot_walk_ask(struct wp_hot_walk *walk, const char *run_id,
		     struct wp_cmd *cmd);
/*
 * Hear what came. Rows are copied.
 *
 * reply:   NULL when none came
 * Errors:  WP_ERR_UNAVAIL  nothing of the walk may be used any more
 */
enum wp_err wp_hot_walk_told(struct wp_hot_walk *walk,
			     const struct wp_reply *reply,
			     struct wp_error *err) WP_MUST_USE;
/* Is there no other look to come? */
bool wp_hot_walk_is_done(const struct wp_hot_walk *walk);

#endif /* WP_LIB_MAILBOX_HOT_WALK_H */
