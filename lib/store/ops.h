/*
 * ops.h - what a cold store holds, is asked and answers: one struct for each
 * operation. What the operations do is told in store.h.
 */
#ifndef WP_LIB_STORE_OPS_H
#define WP_LIB_STORE_OPS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/base/err.h"
#include "lib/name/box.h"
#include "lib/name/msgid.h"

enum { WP_STORE_ID_LEN = 32 };

/* What wp_store_look() found. */
struct wp_store_look {
	bool is_there;                /* else wp_store_open() would make it */
	bool has_life;                /* it has served a Redis */
	char id[WP_STORE_ID_LEN + 1]; /* "" while it has none */
};

/* Names of a store's own notes, and how long any may be: wp_store_note(). */
#define WP_STORE_NOTE_MADE "made"
#define WP_STORE_NOTE_ID "id" /* see wp_store_id() */
enum { WP_STORE_NOTE_MAX = 255 };

/*
 * What a mailbox holds on disk, as of one version of it: the newer version is
 * the truer size.
 */
struct wp_store_size {
	int64_t version;
	int64_t n;     /* rows */
	int64_t bytes; /* of their json */
};

/* One stored message. json is borrowed as each function says. */
struct wp_store_row {
	struct wp_entry_id entry;
	enum wp_band band;
	int64_t expires_ms;
	const char *json;
	size_t json_len;
};

/* See wp_store_append(). */
enum { WP_STORE_ROWS_MAX = 1000, WP_STORE_APPENDS_MAX = 64 };
struct wp_store_append {
	const struct wp_box *box; /* borrowed, as are rows */
	int64_t version;          /* that it must still have */
	const struct wp_store_row *rows;
	size_t n;                  /* <= WP_STORE_ROWS_MAX, may be 0 */
	struct wp_store_size size; /* out: what is stored now */
	struct wp_error err;       /* out: what became of this one */
};

/* What an ack or an expiry leaves of a mailbox. */
struct wp_store_rest {
	bool is_empty; /* there is no row */
	struct wp_store_size size;
};

/* See wp_store_ack(). */
struct wp_store_ack {
	const struct wp_box *box; /* borrowed, as are ids */
	const struct wp_msgid *ids;
	size_t n;
	struct wp_store_rest rest; /* out */
};

/* See wp_store_expire(). */
enum { WP_EXPIRE_MAX_ROWS = 1000 };
struct wp_store_expire {
	const struct wp_box *box; /* borrowed */
	int64_t now_ms;
	int64_t deleted; /* out: WP_EXPIRE_MAX_ROWS when there may be more */
	struct wp_store_rest rest; /* out */
};

/* See wp_store_read(). */
struct wp_store_from {
	bool is_skipped;
	bool has_after;
	struct wp_entry_id after;
};
struct wp_store_read {
	const struct wp_box *box; /* borrowed */
	struct wp_store_from from[2];
	int64_t now_ms;
	bool (*on_row)(void *ctx, const struct wp_store_row *row);
	void *ctx;
};

/*
 * Where a walk stands; {0} is the start. A walk goes on from there with the
 * next call, however much was written meanwhile.
 */
struct wp_store_place {
	bool is_end;
	size_t looked; /* at so many in the last call */
	bool has_after;
	struct wp_box after; /* behind this one */
	int64_t expires_ms;  /* and this time, among expired rows */
};

/*
 * A walk over mailboxes. It looks at no more than max_looked and stops when
 * on_box returns false. One whose name today's rules refuse is passed over:
 * wp_store_refused().
 */
struct wp_store_walk {
	struct wp_store_place *place;
	size_t max_looked;
	bool (*on_box)(void *ctx, const struct wp_box *box);
	void *ctx;
};

#endif /* WP_LIB_STORE_OPS_H */
