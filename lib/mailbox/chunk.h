/*
 * chunk.h - what a migration takes of one mailbox at a time: how much that may
 * be, reading it from the hot queue, and having it deleted there when it is on
 * disk. The order of the steps, and what makes it right, is migrate.c's.
 *
 * Entries are read by plain commands: a script would make tables of them, and a
 * string of each envelope. Redis cannot stop at a number of bytes then, so how
 * many entries are asked for is planned from what prepare.lua says of all that
 * waits.
 */
#ifndef WP_LIB_MAILBOX_CHUNK_H
#define WP_LIB_MAILBOX_CHUNK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/base/err.h"
#include "lib/mailbox/partition.h"
#include "lib/name/box.h"
#include "lib/redis/cmd.h"
#include "lib/redis/reply.h"
#include "lib/store/store.h"

enum { WP_CHUNK_BANDS = 2 };

struct wp_chunk {
	/* As prepare.lua found it. Indexed by band. */
	bool is_none; /* nothing to move: the mark is gone */
	int64_t waiting[WP_CHUNK_BANDS];
	int64_t last_ms; /* what expires later is left out */
	int64_t bytes;   /* of all that waits, or -1 */
	int64_t entries; /* they are of */

	/* What is asked for, and what came. */
	int64_t count[WP_CHUNK_BANDS];
	struct wp_reply *replies[WP_CHUNK_BANDS]; /* owned */

	/* The oldest of each band. To be stored are the first n. */
	struct wp_store_row *rows; /* owned; texts are in replies */
	size_t n;
	size_t n_ephemeral; /* behind them */
};

/* What one chunk may take. */
struct wp_chunk_room {
	int64_t rows;    /* of each band */
	int64_t bytes;   /* as far as can be known */
	int64_t most;    /* bytes, even if the longest ones come first */
	int64_t longest; /* bytes of an envelope; a bound */
};

/* Ask for the hint, and what there is. */
void wp_chunk_prepare_build(struct wp_cmd *cmd, const struct wp_lease *lease,
			    const struct wp_box *box);
/*
 * Errors:  WP_ERR_STALE  the lease is lost
 *          WP_ERR_PROTO  no usable answer
 */
enum wp_err wp_chunk_prepared(struct wp_chunk *chunk,
			      const struct wp_reply *reply,
			      struct wp_error *err) WP_MUST_USE;

/*
 * Decide how many entries to ask for, at least one.
 *
 * Returns:  how many bytes they have at most, unless longer ones come meanwhile
 */
int64_t wp_chunk_plan(struct wp_chunk *chunk, const struct wp_chunk_room *room);

/* Ask for the entries of a band, of which some must be planned. */
void wp_chunk_read_build(struct wp_cmd *cmd, const struct wp_box *box,
			 const struct wp_chunk *chunk, enum wp_band band);
/* Take the answer. */
void wp_chunk_was_read(struct wp_chunk *chunk, enum wp_band band,
		       struct wp_reply *reply);
/*
 * All that was asked for is there: make rows of it. None at all means that what
 * waits has changed since it was prepared.
 *
 * *bytes_out: added to it are those of all envelopes that came, whatever is to
 *             become of them: they are held
 * Errors:     WP_ERR_PROTO  entries that no send has written, or no memory
 */
enum wp_err wp_chunk_finish(struct wp_chunk *chunk, int64_t *bytes_out,
			    struct wp_error *err) WP_MUST_USE;

/* Rows are stored: only what a trim needs is kept. */
void wp_chunk_drop_texts(struct wp_chunk *chunk);
/*
 * Have exactly these deleted: those to be stored, or the ephemeral ones, of
 * which there must be some.
 *
 * size: of the mailbox in the store now
 */
void wp_chunk_trim_build(struct wp_cmd *cmd, const struct wp_box *box,
			 const struct wp_chunk *chunk,
			 const struct wp_store_size *size, bool is_ephemeral);

void wp_chunk_release(struct wp_chunk *chunk);

#endif /* WP_LIB_MAILBOX_CHUNK_H */
