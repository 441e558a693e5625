/*
 * file.h - a SQLite database of ours as a file: where it may lie, who may read
 * it, which tables are in it, and what an error leaves of a connection.
 *
 * What is in the tables is a matter of whoever describes the database in a
 * struct wp_sqlite_kind. Statements and transactions: lib/sqlite/db.h.
 */
#ifndef WP_LIB_SQLITE_FILE_H
#define WP_LIB_SQLITE_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include <sqlite3.h>

#include "lib/base/err.h"

/* What a database is for. Constant, and lives as long as the program. */
struct wp_sqlite_kind {
	const char *setting; /* that names the file: sentences begin with it */
	const char *noun;    /* "the cold store", for sentences */
	const char *gone;    /* why a file that is not there is not made anew */
	mode_t mode;         /* of the file; SQLite gives it to those beside */
	mode_t too_open;     /* bits that the file of an earlier start must not
				have; 0 does not care */
	int32_t application_id; /* in the file: tells kinds apart */
	int32_t version;        /* of its tables, at least 1 */
	int32_t oldest;         /* version that serves as it is */
	/*
	 * SQL: steps[0] makes the tables of an empty file, at `version`;
	 * steps[v] makes those of version v into v + 1. Each ends with PRAGMA
	 * user_version; steps[0] sets application_id as well, if that is not 0.
	 */
	const char *const *steps;
};

struct wp_sqlite_checkpoints;

struct wp_sqlite_file {
	const struct wp_sqlite_kind *kind;
	char *path; /* the owner's */
	int busy_timeout_ms;
	sqlite3 *handle;                           /* NULL while closed */
	struct wp_sqlite_checkpoints *checkpoints; /* of who may write */
};

/*
 * Open a file of its kind; WAL, synchronous=FULL. Without may_create it must
 * exist: a file that vanished is not made anew. Tables of an earlier release
 * stay as they are, so that it can come back: wp_sqlite_file_upgrade(). Its
 * checkpoints are those of lib/sqlite/checkpoint.h.
 *
 * Errors:  WP_ERR_INVAL    the path cannot be used, or the tables are of a
 *                          newer release, or of one that is too old
 *          WP_ERR_UNAVAIL  locked or out of order; try again later.
 *          Then it is closed
 */
enum wp_err wp_sqlite_file_open(struct wp_sqlite_file *file, bool may_create,
				struct wp_error *err) WP_MUST_USE;

/*
 * Bring its tables up to date and close it. The release before refuses the file
 * from now on. Others may have it open meanwhile.
 *
 * Errors:  as wp_sqlite_file_open(); then it is as it was
 */
enum wp_err wp_sqlite_file_upgrade(struct wp_sqlite_file *file,
				   struct wp_error *err) WP_MUST_USE;

/* Close if open, with all statements that are prepared on it. */
void wp_sqlite_file_close(struct wp_sqlite_file *file);

/*
 * Say what SQLite's code rc means: WP_ERR_UNAVAIL with a sentence without any
 * data in it. Closes the connection when its state is in doubt.
 */
enum wp_err wp_sqlite_fail(struct wp_sqlite_file *file, int rc,
			   struct wp_error *err);

/*
 * Could the file be opened? Leaves it open for reading only, if it is there and
 * not empty; makes and changes nothing.
 *
 * *version_out:  of its tables; 0 when there are none, and it is not open
 * Errors:        as wp_sqlite_file_open(); then it is closed
 * Threads:       only while this process has the file not open otherwise
 *                (SQLite's locks)
 */
enum wp_err wp_sqlite_file_look(struct wp_sqlite_file *file,
				int64_t *version_out,
				struct wp_error *err) WP_MUST_USE;

/* The same, but tables that are too old are none of its business. */
enum wp_err wp_sqlite_file_look_at_any(struct wp_sqlite_file *file,
				       int64_t *version_out,
				       struct wp_error *err) WP_MUST_USE;

/* The first column of the first row as text; "" when there is none. */
enum wp_err wp_sqlite_file_text(struct wp_sqlite_file *file, const char *sql,
				char *out, size_t room,
				struct wp_error *err) WP_MUST_USE;

#endif /* WP_LIB_SQLITE_FILE_H */
