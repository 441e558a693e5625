/*
 * copy.h - a copy of a SQLite database of ours while programs use it, and
 * whether one is whole.
 */
#ifndef WP_LIB_SQLITE_COPY_H
#define WP_LIB_SQLITE_COPY_H

#include "lib/base/err.h"
#include "lib/sqlite/file.h"

/*
 * Copy the database as it is in one moment of this call. Others read and write
 * it meanwhile; its log cannot be cut back before this ends.
 *
 * path, to:  of the database, and of an empty file that nobody else uses
 * Errors:    as wp_sqlite_file_open(); what is in `to` then is of no use. It is
 *            the caller's to bring to the disk
 * Threads:   as wp_sqlite_file_look()
 * Source:    sqlite.org/backup.html: in one step, so that a write by another
 *            process does not begin it anew
 */
enum wp_err wp_sqlite_copy(const struct wp_sqlite_kind *kind, const char *path,
			   int busy_timeout_ms, const char *to,
			   struct wp_error *err) WP_MUST_USE;

/*
 * Read all of a database that nobody has open: is it one of this kind, and in
 * itself as it should be?
 *
 * Errors:  WP_ERR_INVAL, WP_ERR_UNAVAIL  it is not; err.msg says why
 * Source:  sqlite.org/pragma.html#pragma_quick_check
 */
enum wp_err wp_sqlite_verify(const struct wp_sqlite_kind *kind,
			     const char *path,
			     struct wp_error *err) WP_MUST_USE;

#endif /* WP_LIB_SQLITE_COPY_H */
