/*
 * sqlite_db.h - one connection to a SQLite file; private to lib/store/sqlite*.
 *
 * What every operation needs: statements prepared once, and a transaction that
 * is either committed or has never been. After an error that leaves any doubt
 * the connection is closed, and the next call opens it again.
 */
#ifndef WP_LIB_STORE_SQLITE_DB_H
#define WP_LIB_STORE_SQLITE_DB_H

#include <stdbool.h>

#include <sqlite3.h>

#include "lib/base/err.h"
#include "lib/name/box.h"
#include "lib/name/msgid.h"
#include "lib/store/sqlite_file.h"

enum wp_sqlite_sql {
	WP_SQL_BEGIN_READ,
	WP_SQL_BEGIN_WRITE,
	WP_SQL_COMMIT,
	WP_SQL_ROLLBACK,
	WP_SQL_PART,
	WP_SQL_PART_KEEP,
	WP_SQL_PART_UNDO,
	WP_SQL_VERSION,
	WP_SQL_EPOCH,
	WP_SQL_LIFE_KNOWN,
	WP_SQL_LIFE_ADD,
	WP_SQL_LIFE_PAST,
	WP_SQL_LIFE_RETURN,
	WP_SQL_BOX_FIRST,
	WP_SQL_BOX_NEXT,
	WP_SQL_BOX_BUMP,
	WP_SQL_BOX_RESIZE,
	WP_SQL_BOX_SIZE,
	WP_SQL_MSG_INSERT,
	WP_SQL_MSG_SAME,
	WP_SQL_MSG_DELETE,
	WP_SQL_MSG_EXPIRE,
	WP_SQL_MSG_ANY,
	WP_SQL_MSG_READ,
	WP_SQL_TOP_RAISE,
	WP_SQL_TOP,
	WP_SQL_USERS,
	WP_SQL_EXPIRED_USERS,
	WP_SQL_NOTE,
	WP_SQL_NOTE_SWAP,
	WP_SQL_COUNT
};

struct wp_sqlite_db {
	struct wp_sqlite_file file;
	sqlite3_stmt *statements[WP_SQL_COUNT]; /* while the file is open */
};

/* wp_sqlite_file_open(), statements and all. Errors: as wp_store_open() */
enum wp_err wp_sqlite_open(struct wp_sqlite_db *db, bool may_create,
			   struct wp_error *err) WP_MUST_USE;

/*
 * Be open, after an earlier error too. What is not inside a transaction begins
 * with it.
 *
 * Errors:  WP_ERR_UNAVAIL
 */
enum wp_err wp_sqlite_ready(struct wp_sqlite_db *db,
			    struct wp_error *err) WP_MUST_USE;

/* Its SQL. */
const char *wp_sqlite_text(enum wp_sqlite_sql sql);
/*
 * A prepared statement, reset. Its parameters borrow until wp_sqlite_told() or
 * wp_sqlite_run().
 */
sqlite3_stmt *wp_sqlite_get(struct wp_sqlite_db *db, enum wp_sqlite_sql sql);
/* The same with the mailbox as ?1. */
sqlite3_stmt *wp_sqlite_of_box(struct wp_sqlite_db *db, enum wp_sqlite_sql sql,
			       const struct wp_box *box);
/* The same with band, ms and seq as ?2 to ?4. */
sqlite3_stmt *wp_sqlite_of_entry(struct wp_sqlite_db *db,
				 enum wp_sqlite_sql sql,
				 const struct wp_box *box, int band,
				 const struct wp_entry_id *entry);

/*
 * End of using a statement whose last step said rc: nothing stays locked or
 * bound. A row and the end of rows are both WP_OK.
 */
enum wp_err wp_sqlite_told(struct wp_sqlite_db *db, sqlite3_stmt *statement,
			   int rc, struct wp_error *err) WP_MUST_USE;
/* Step once and end: for what gives no rows, or whose row says nothing. */
enum wp_err wp_sqlite_run(struct wp_sqlite_db *db, sqlite3_stmt *statement,
			  struct wp_error *err) WP_MUST_USE;

/* BEGIN IMMEDIATE, or a read snapshot. */
enum wp_err wp_sqlite_begin(struct wp_sqlite_db *db, bool is_write,
			    struct wp_error *err) WP_MUST_USE;
/*
 * Commit when rc is WP_OK, else roll back and return rc. When the commit fails
 * the outcome is unknown and the answer is WP_ERR_UNAVAIL.
 */
enum wp_err wp_sqlite_end(struct wp_sqlite_db *db, enum wp_err rc,
			  struct wp_error *err) WP_MUST_USE;

#endif /* WP_LIB_STORE_SQLITE_DB_H */
