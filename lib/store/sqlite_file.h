/*
 * sqlite_file.h - the file of a SQLite cold store, and a connection to it;
 * private to lib/store/sqlite*.
 */
#ifndef WP_LIB_STORE_SQLITE_FILE_H
#define WP_LIB_STORE_SQLITE_FILE_H

#include <stdbool.h>

#include <sqlite3.h>

#include "lib/base/err.h"
#include "lib/store/store.h"
#include "lib/sys/conf.h"

struct wp_sqlite_file {
	char *path; /* the owner's */
	int busy_timeout_ms;
	sqlite3 *handle; /* NULL while closed */
};

/*
 * Open a file of ours, and bring its tables up to date. Without may_create it
 * must exist: a file that vanished is not made anew, or versions would go back.
 *
 * Errors:  as wp_store_open(); then it is closed
 */
enum wp_err wp_sqlite_file_open(struct wp_sqlite_file *file, bool may_create,
				struct wp_error *err) WP_MUST_USE;
/* Close if open, with all statements that are prepared on it. */
void wp_sqlite_file_close(struct wp_sqlite_file *file);

/*
 * Say what SQLite's code rc means: WP_ERR_UNAVAIL with a sentence without any
 * data in it. Closes the connection when its state is in doubt.
 */
enum wp_err wp_sqlite_fail(struct wp_sqlite_file *file, int rc,
			   struct wp_error *err);

/* wp_store_look() for the file that conf names. */
enum wp_err wp_sqlite_look(struct wp_store_look *out,
			   const struct wp_conf *conf,
			   struct wp_error *err) WP_MUST_USE;

#endif /* WP_LIB_STORE_SQLITE_FILE_H */
