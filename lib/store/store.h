/*
 * store.h - the cold store: where messages of absent users wait, on disk.
 *
 * One interface, several backends. A mailbox has a row box(urn, ver): the
 * version is the fence that makes late, stalled or overlapping migrators
 * harmless (docs/architecture.md "Migrating", docs/architecture.md
 * "Acknowledging"). "No row" counts as version 0; rows of box are never deleted
 * and versions never go back. Every backend passes the contract test in
 * tests/support/store_contract.c unchanged.
 *
 * Threads: an opened store belongs to one thread; open one per thread, after
 * fork. Any number of processes may have the same store open.
 */
#ifndef WP_LIB_STORE_STORE_H
#define WP_LIB_STORE_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/base/err.h"
#include "lib/name/box.h"
#include "lib/name/msgid.h"
#include "lib/sys/conf.h"

struct wp_store;

enum { WP_STORE_ID_LEN = 32 };

/*
 * Open, and create what is missing. SQLite: WAL, synchronous=FULL, mode 0640.
 *
 * Errors:  WP_ERR_INVAL    unknown backend, or the path cannot be used, or its
 *                          tables are of another release: wp_store_upgrade()
 *          WP_ERR_UNAVAIL  locked or out of order; try again later
 */
enum wp_err wp_store_open(struct wp_store **out, const struct wp_conf *conf,
			  struct wp_error *err) WP_MUST_USE;
/*
 * The same, but what is missing is an error: this deployment has a store, and
 * an empty one in its place would hide what is in it.
 */
enum wp_err wp_store_open_existing(struct wp_store **out,
				   const struct wp_conf *conf,
				   struct wp_error *err) WP_MUST_USE;
void wp_store_close(struct wp_store **store);

struct wp_store_look {
	bool is_there;                /* else wp_store_open() would make it */
	bool has_life;                /* it has served a Redis */
	char id[WP_STORE_ID_LEN + 1]; /* "" while it has none */
};
/*
 * Could the store be opened, and which one is it? Makes and changes nothing.
 *
 * Errors:  as wp_store_open()
 * Threads: only while this process has no store open (SQLite's locks)
 */
enum wp_err wp_store_look(struct wp_store_look *out, const struct wp_conf *conf,
			  struct wp_error *err) WP_MUST_USE;

/*
 * Which version do the tables of the store have (0: there is none yet), and
 * which one does this release know? Makes and changes nothing.
 *
 * Errors:  as wp_store_look(), but that they are too old is none
 * Threads: as wp_store_look()
 */
enum wp_err wp_store_tables(const struct wp_conf *conf, int64_t *version_out,
			    int64_t *newest_out,
			    struct wp_error *err) WP_MUST_USE;

/*
 * Bring the tables up to date. The release before refuses them from now on.
 *
 * Errors:  as wp_store_open_existing(); then nothing has changed
 */
enum wp_err wp_store_upgrade(const struct wp_conf *conf,
			     struct wp_error *err) WP_MUST_USE;

/*
 * Copy the store of the settings as it is in one moment of this call, while
 * programs use it.
 *
 * to:      an empty file of ours; of no use after an error. The caller brings
 *          it to the disk
 * Errors:  as wp_store_open_existing()
 * Threads: as wp_store_look()
 */
enum wp_err wp_store_copy(const struct wp_conf *conf, const char *to,
			  struct wp_error *err) WP_MUST_USE;

/*
 * Read all of a copy: is it whole, and of which store?
 *
 * out:     as of wp_store_look()
 * Errors:  WP_ERR_INVAL, WP_ERR_UNAVAIL  it is no good; err.msg says why
 */
enum wp_err wp_store_verify(struct wp_store_look *out,
			    const struct wp_conf *conf, const char *copy,
			    struct wp_error *err) WP_MUST_USE;

/*
 * Where the settings say that it is, to begin a sentence with: the setting and
 * what it says. Longer ones are cut.
 */
enum { WP_STORE_WHERE_MAX = 127 };
void wp_store_where(const struct wp_conf *conf,
		    char text[WP_STORE_WHERE_MAX + 1]);

/* What it takes on disk; 0 when that is not known. Threads: any. */
int64_t wp_store_bytes(const struct wp_conf *conf);

/*
 * Who this store is: a random name for its whole life, made by the first who
 * asks. Two files with one id are one store and its copy.
 *
 * Errors: WP_ERR_UNAVAIL
 */
enum wp_err wp_store_id(struct wp_store *store, char id[WP_STORE_ID_LEN + 1],
			struct wp_error *err) WP_MUST_USE;

/* Has it served a Redis (wp_store_fence)? Errors: WP_ERR_UNAVAIL */
enum wp_err wp_store_has_life(struct wp_store *store, bool *has_life_out,
			      struct wp_error *err) WP_MUST_USE;

/*
 * Number of the present life of Redis, 0 before the first; it rises with each
 * fence and never goes back. Errors: WP_ERR_UNAVAIL
 */
enum wp_err wp_store_epoch(struct wp_store *store, int64_t *epoch_out,
			   struct wp_error *err) WP_MUST_USE;

/*
 * A version is the epoch above how often its mailbox has changed: 2^40 changes
 * of one mailbox, 2^23 lives of Redis. Both only rise, so a version that the
 * store has in any moment, it has had since both parts were read.
 *
 * number: as of struct wp_store_size; 0 where there is no row
 */
enum { WP_STORE_NUMBER_BITS = 40 };
static inline int64_t wp_store_version_of(int64_t epoch, int64_t number)
{
	return (int64_t)((uint64_t)epoch << WP_STORE_NUMBER_BITS) | number;
}

/* How often the mailbox has changed, of a version of it. */
static inline int64_t wp_store_number_of(int64_t version)
{
	return version & ((INT64_C(1) << WP_STORE_NUMBER_BITS) - 1);
}

/*
 * Version of a mailbox, for one append. It changes with every append, ack,
 * expiry and fence.
 *
 * Errors: WP_ERR_UNAVAIL
 */
enum wp_err wp_store_version(struct wp_store *store, const struct wp_box *box,
			     int64_t *version_out,
			     struct wp_error *err) WP_MUST_USE;

/*
 * The first step of reconciling partitions with a Redis that was started anew:
 * no version that was read before is good for an append any more. Else a
 * migrator that took its copy, stalled, and wakes up after the reconciliation
 * would append rows that no hint tells of (tests/model: F1 to F4).
 *
 * life:    run_id of Redis; a life that is known already changes nothing
 * Errors:  WP_ERR_UNAVAIL
 */
enum wp_err wp_store_fence(struct wp_store *store, const char *life,
			   struct wp_error *err) WP_MUST_USE;

/*
 * Is this a life that was left for another one since, as when an operator goes
 * to another Redis and back? What it knows of the store is out of date.
 *
 * Errors: WP_ERR_UNAVAIL
 */
enum wp_err wp_store_is_past(struct wp_store *store, const char *life,
			     bool *is_past_out,
			     struct wp_error *err) WP_MUST_USE;

/* Make a past life the present one again, with a fence as for a new one. */
enum wp_err wp_store_return(struct wp_store *store, const char *life,
			    struct wp_error *err) WP_MUST_USE;

/*
 * Notes: short texts about the deployment as a whole, by name, for all programs
 * that use this store. "" is a note that nobody has written.
 *
 * The store's own note "made" is "empty" when it was made without any messages,
 * "adopted" when it was given to a deployment that had another one before, and
 * "" when nothing is known: it comes from an earlier release.
 *
 * Errors: WP_ERR_UNAVAIL
 */
#define WP_STORE_NOTE_MADE "made"
#define WP_STORE_NOTE_ID "id" /* see wp_store_id() */
enum { WP_STORE_NOTE_MAX = 255 };
enum wp_err wp_store_note(struct wp_store *store, const char *name,
			  char value[WP_STORE_NOTE_MAX + 1],
			  struct wp_error *err) WP_MUST_USE;
/*
 * Write a note if it still says `was`.
 *
 * Errors:  WP_ERR_STALE    it says something else; nothing was written
 *          WP_ERR_UNAVAIL  read it again
 */
enum wp_err wp_store_note_swap(struct wp_store *store, const char *name,
			       const char *was, const char *value,
			       struct wp_error *err) WP_MUST_USE;

/*
 * What a mailbox holds on disk, as of one version of it: the newer version is
 * the truer size. All zero when there is no row of it.
 */
struct wp_store_size {
	int64_t version; /* its number alone, without the epoch */
	int64_t n;       /* rows */
	int64_t bytes;   /* of their json */
};
enum wp_err wp_store_size(struct wp_store *store, const struct wp_box *box,
			  struct wp_store_size *size_out,
			  struct wp_error *err) WP_MUST_USE;

/* One stored message. json is borrowed as each function says. */
struct wp_store_row {
	struct wp_entry_id entry;
	enum wp_band band;
	int64_t expires_ms;
	const char *json;
	size_t json_len;
};

enum { WP_STORE_ROWS_MAX = 1000, WP_STORE_APPENDS_MAX = 512 };
struct wp_store_append {
	const struct wp_box *box; /* borrowed, as are rows */
	int64_t version;          /* that it must still have */
	const struct wp_store_row *rows;
	size_t n;                  /* <= WP_STORE_ROWS_MAX, may be 0 */
	struct wp_store_size size; /* out: what is stored now */
	int64_t version_now;       /* out, of a stale one: what it is */
	struct wp_error err;       /* out: what became of this one */
};
/*
 * Append to many mailboxes in one transaction, so that the disk is waited for
 * once. Of each: bump the version if it still is `version`, insert the rows. A
 * row that is there already with the same content is left alone, and without
 * any rows the version is bumped anyway.
 *
 * Each one's outcome is its own, and the others are written with or without it.
 * Its err is WP_OK, or nothing of it was written:
 * WP_ERR_STALE     the version is another one, version_now
 * WP_ERR_CONFLICT  a row with that id differs
 *
 * appends: n <= WP_STORE_APPENDS_MAX, each of another mailbox; those of one
 *          partition best stand together
 * Errors:  WP_ERR_UNAVAIL  nothing is known of any of them; read the versions
 *                          again
 */
enum wp_err wp_store_append(struct wp_store *store,
			    struct wp_store_append *appends, size_t n,
			    struct wp_error *err) WP_MUST_USE;

/* What an ack or an expiry leaves of a mailbox. */
struct wp_store_rest {
	bool is_empty; /* there is no row */
	struct wp_store_size size;
};

struct wp_store_ack {
	const struct wp_box *box; /* borrowed, as are ids */
	const struct wp_msgid *ids;
	size_t n;
	struct wp_store_rest rest; /* out */
};
/*
 * One transaction: bump the version first and always (insert it if missing),
 * delete the ids, see whether any row of the mailbox is left.
 *
 * store:   NULL when it could not be opened: WP_ERR_UNAVAIL
 * ids:     n >= 0; ids that are not there are ignored
 */
enum wp_err wp_store_ack(struct wp_store *store, struct wp_store_ack *ack,
			 struct wp_error *err) WP_MUST_USE;

enum { WP_EXPIRE_MAX_ROWS = 1000 };
struct wp_store_expire {
	const struct wp_box *box; /* borrowed */
	int64_t now_ms;
	int64_t deleted; /* out: WP_EXPIRE_MAX_ROWS when there may be more */
	struct wp_store_rest rest; /* out */
};
/*
 * One transaction like an ack: bump the version first and always, delete up to
 * WP_EXPIRE_MAX_ROWS rows that expired at now_ms or before, see whether any row
 * of the mailbox is left.
 */
enum wp_err wp_store_expire(struct wp_store *store,
			    struct wp_store_expire *expire,
			    struct wp_error *err) WP_MUST_USE;

struct wp_store_read {
	const struct wp_box *box; /* borrowed */
	struct wp_band_from from[WP_BANDS];
	int64_t now_ms;
	bool (*on_row)(void *ctx, const struct wp_store_row *row);
	void *ctx;
};
/*
 * Walk both bands in one read snapshot, high before standard, oldest first,
 * skipping what expired before now_ms.
 *
 * store:   NULL when it could not be opened: WP_ERR_UNAVAIL
 * from:    per band where to go on (exclusive)
 * on_row:  return false to end this band; row->json is borrowed for the call
 * Errors:  WP_ERR_UNAVAIL; WP_ERR_NOMEM when on_row ran out (it sets a flag of
 *          its own and returns false)
 */
enum wp_err wp_store_read(struct wp_store *store,
			  const struct wp_store_read *read,
			  struct wp_error *err) WP_MUST_USE;

/*
 * Highest id ever stored for a partition, also when acked since; {0,0} if none.
 */
enum wp_err wp_store_top(struct wp_store *store, uint32_t partition,
			 struct wp_entry_id *top_out,
			 struct wp_error *err) WP_MUST_USE;

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

/*
 * Mailboxes of a partition that have rows, in the order of their names; those
 * that are empty are looked at as well.
 */
enum wp_err wp_store_users(struct wp_store *store, uint32_t partition,
			   const struct wp_store_walk *walk,
			   struct wp_error *err) WP_MUST_USE;

/*
 * Mailboxes, of all partitions, that have rows that expired at now_ms or
 * before, the earliest first; one comes once for each time that something in it
 * expired. What is looked at are rows.
 */
enum wp_err wp_store_expired_users(struct wp_store *store, int64_t now_ms,
				   const struct wp_store_walk *walk,
				   struct wp_error *err) WP_MUST_USE;

/*
 * How many mailboxes the walks of this store have passed over since it was
 * opened: damage, or rows of another release. Their messages stay where they
 * are.
 */
int64_t wp_store_refused(const struct wp_store *store);

#endif /* WP_LIB_STORE_STORE_H */
