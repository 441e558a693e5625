/*
 * db.h - one connection to a SQLite database of ours: its prepared statements
 * and its transactions.
 *
 * After an error that leaves any doubt the connection is closed, and the next
 * call opens it again; all that was prepared is prepared again then.
 *
 * Threads: a connection belongs to one thread; open one per thread, after fork.
 */
#ifndef WP_LIB_SQLITE_DB_H
#define WP_LIB_SQLITE_DB_H

#include <stdbool.h>
#include <stddef.h>

#include <sqlite3.h>

#include "lib/base/err.h"
#include "lib/sqlite/file.h"

struct wp_sqlite {
	struct wp_sqlite_file file;
	const char *const *texts;  /* SQL of the statements, by number */
	size_t n;                  /* of them */
	sqlite3_stmt **statements; /* owned; good while the file is open */
};

/*
 * Open, and create what is missing if that may be.
 *
 * texts:      n of them; constant, they live as long as db
 * path:       copied
 * Ownership:  db is the caller's, zeroed; end with wp_sqlite_close() when the
 *             answer was WP_OK
 * Errors:     as wp_sqlite_file_open(); WP_ERR_UNAVAIL for want of memory
 */
struct wp_sqlite_setup {
	const struct wp_sqlite_kind *kind;
	const char *const *texts;
	size_t n;
	const char *path;
	int busy_timeout_ms;
	bool may_create;
};
enum wp_err wp_sqlite_open(struct wp_sqlite *db,
			   const struct wp_sqlite_setup *setup,
			   struct wp_error *err) WP_MUST_USE;
/* Also of what was never opened. */
void wp_sqlite_close(struct wp_sqlite *db);

/*
 * Be open, after an earlier error too. What is not inside a transaction begins
 * with it.
 *
 * Errors:  WP_ERR_UNAVAIL
 */
enum wp_err wp_sqlite_be_open(struct wp_sqlite *db,
			      struct wp_error *err) WP_MUST_USE;

/*
 * A prepared statement, reset. Its parameters borrow until wp_sqlite_told() or
 * wp_sqlite_run().
 */
sqlite3_stmt *wp_sqlite_get(struct wp_sqlite *db, size_t number);

/*
 * End of using a statement whose last step said rc: nothing stays locked or
 * bound. A row and the end of rows are both WP_OK.
 */
enum wp_err wp_sqlite_told(struct wp_sqlite *db, sqlite3_stmt *statement,
			   int rc, struct wp_error *err) WP_MUST_USE;

/* Step once and end: for what gives no rows, or whose row says nothing. */
enum wp_err wp_sqlite_run(struct wp_sqlite *db, sqlite3_stmt *statement,
			  struct wp_error *err) WP_MUST_USE;

/* BEGIN IMMEDIATE, or a read snapshot; opens what is closed. */
enum wp_err wp_sqlite_begin(struct wp_sqlite *db, bool is_write,
			    struct wp_error *err) WP_MUST_USE;

/*
 * Commit when rc is WP_OK, else roll back and return rc. When the commit fails
 * the outcome is unknown and the answer is WP_ERR_UNAVAIL.
 */
enum wp_err wp_sqlite_end(struct wp_sqlite *db, enum wp_err rc,
			  struct wp_error *err) WP_MUST_USE;

#endif /* WP_LIB_SQLITE_DB_H */
