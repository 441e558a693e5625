/*
 * sqlite_db.h - one connection to a SQLite file; private to lib/store/sqlite*.
 *
 * What every operation needs: statements prepared once, a transaction that is
 * either committed or has never been, and one way to say what went wrong. After
 * an error that leaves any doubt the connection is closed, and the next call
 * opens it again.
 */
#ifndef WP_LIB_STORE_SQLITE_DB_H
#define WP_LIB_STORE_SQLITE_DB_H

#include <stdbool.h>
#include <stdint.h>

#include <sqlite3.h>

#include "lib/base/err.h"
#include "lib/name/msgid.h"
#include "lib/name/urn.h"
#include "lib/store/store.h"

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
	char *path; /* owned */
	int busy_timeout_ms;
	sqlite3 *handle; /* NULL while closed */
	sqlite3_stmt *statements[WP_SQL_COUNT];
};

/* Make or open the file; sqlite_schema.c. Errors: as wp_store_open(). */
enum wp_err wp_sqlite_db_create(struct wp_sqlite_db *db,
				struct wp_error *err) WP_MUST_USE;
/*
 * Open a file that must exist and be one of ours, statements and all. A file
 * that vanished is not made anew: versions would go back.
 */
enum wp_err wp_sqlite_db_open(struct wp_sqlite_db *db,
			      struct wp_error *err) WP_MUST_USE;
/* wp_store_look() for the file at path; sqlite_look.c. */
enum wp_err wp_sqlite_look(struct wp_store_look *out, const char *path,
			   int busy_timeout_ms,
			   struct wp_error *err) WP_MUST_USE;
/* Is the folder of the file one for a database? Errors: WP_ERR_INVAL */
enum wp_err wp_sqlite_check_folder(const char *path,
				   struct wp_error *err) WP_MUST_USE;
/*
 * The open database is a store of ours, of *version_out, or empty (0).
 *
 * Errors:  WP_ERR_INVAL    it is something else
 *          WP_ERR_UNAVAIL  it cannot be read
 */
enum wp_err wp_sqlite_check_is_ours(struct wp_sqlite_db *db,
				    int64_t *version_out,
				    struct wp_error *err) WP_MUST_USE;
/* A sentence about store.sqlite_path. Returns WP_ERR_INVAL. */
enum wp_err wp_sqlite_refuse(const char *path, const char *why,
			     struct wp_error *err);
/* Close if open. The path stays. */
void wp_sqlite_db_close(struct wp_sqlite_db *db);

/* Is this kind of file system (statfs f_type) shared between machines? */
bool wp_sqlite_is_network_fs(uint64_t type);

/* Be open, after an earlier error too. Every operation begins with it. */
enum wp_err wp_sqlite_ready(struct wp_sqlite_db *db,
			    struct wp_error *err) WP_MUST_USE;

/* Its SQL. */
const char *wp_sqlite_text(enum wp_sqlite_sql sql);
/*
 * A prepared statement, reset. Its parameters borrow until wp_sqlite_done().
 */
sqlite3_stmt *wp_sqlite_get(struct wp_sqlite_db *db, enum wp_sqlite_sql sql);
/* The same with the user as ?1. */
sqlite3_stmt *wp_sqlite_of_user(struct wp_sqlite_db *db, enum wp_sqlite_sql sql,
				const struct wp_urn *user);
/* The same with band, ms and seq as ?2 to ?4. */
sqlite3_stmt *wp_sqlite_of_entry(struct wp_sqlite_db *db,
				 enum wp_sqlite_sql sql,
				 const struct wp_urn *user, int band,
				 const struct wp_entry_id *entry);
/* End of using it: nothing stays locked or bound. NULL-safe. */
void wp_sqlite_done(sqlite3_stmt *statement);

/* Run a statement that gives no rows. Returns SQLite's code, SQLITE_DONE. */
int wp_sqlite_run(sqlite3_stmt *statement) WP_MUST_USE;

/*
 * Say what SQLite's code rc means: WP_ERR_UNAVAIL with a sentence without any
 * data in it. Closes the connection when its state is in doubt.
 */
enum wp_err wp_sqlite_fail(struct wp_sqlite_db *db, int rc,
			   struct wp_error *err);

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
