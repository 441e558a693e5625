/*
 * sqlite_rows.h - the file of accounts, as its two halves sqlite_accounts.c and
 * sqlite_sessions.c see it; private to lib/accounts/sqlite*.
 */
#ifndef WP_LIB_ACCOUNTS_SQLITE_ROWS_H
#define WP_LIB_ACCOUNTS_SQLITE_ROWS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <sqlite3.h>

#include "lib/accounts/accounts.h"
#include "lib/sqlite/db.h"

/* The statements. */
enum wp_accounts_sql {
	WP_ROWS_ID,
	WP_ROWS_PEPPER,
	WP_ROWS_PEPPER_FIRST,
	WP_ROWS_PEPPER_PROVED,
	WP_ROWS_CREATE,
	WP_ROWS_FIND,
	WP_ROWS_LIST,
	WP_ROWS_SET_PASSWORD,
	WP_ROWS_REHASH,
	WP_ROWS_SET_RECOVERY,
	WP_ROWS_SET_STATE,
	WP_ROWS_SESSION_ADD,
	WP_ROWS_SESSION_END_DEVICE,
	WP_ROWS_SESSION_END_OLD,
	WP_ROWS_SESSION_END_OTHERS,
	WP_ROWS_SESSION_FIND,
	WP_ROWS_SESSION_SEEN,
	WP_ROWS_SESSION_REMOVE,
	WP_ROWS_SESSIONS,
	WP_ROWS_COUNT
};

struct wp_accounts {
	struct wp_sqlite db;
	char pepper[WP_PEPPER_MARK_LEN + 1]; /* in use; "": not said */
	bool is_pepper_noted;                /* once it is known to be */
};

/*
 * Be open, after an earlier error too.
 *
 * accounts:  may be NULL
 * Errors:    WP_ERR_UNAVAIL
 */
enum wp_err wp_rows_be_open(struct wp_accounts *accounts,
			    struct wp_error *err) WP_MUST_USE;

/* Bind what must stay until the statement has run. */
void wp_rows_bind_name(sqlite3_stmt *statement, int index,
		       const struct wp_username *name);
/* data: NULL is SQL's NULL */
void wp_rows_bind_blob(sqlite3_stmt *statement, int index, const uint8_t *data,
		       int len);

/* Read a column of exactly len bytes; false when it has others. */
bool wp_rows_read_blob(sqlite3_stmt *statement, int index, uint8_t *out,
		       size_t len) WP_MUST_USE;
/* Read a text, with NUL; false when there is none, or no room for it. */
bool wp_rows_read_text(sqlite3_stmt *statement, int index, char *out,
		       size_t room) WP_MUST_USE;

/* Say that there is a row that nobody here has written. */
enum wp_err wp_rows_damaged(struct wp_error *err);
/* Say that what was found is something else by now. */
enum wp_err wp_rows_stale(struct wp_error *err);

/*
 * Run a write that must change what was found.
 * Errors: WP_ERR_STALE, WP_ERR_UNAVAIL
 */
enum wp_err wp_rows_run_found(struct wp_accounts *accounts,
			      sqlite3_stmt *statement,
			      struct wp_error *err) WP_MUST_USE;
/* Run a statement that deletes sessions and gives the sid of each. */
enum wp_err wp_rows_run_end(struct wp_accounts *accounts,
			    sqlite3_stmt *statement, struct wp_ended *ended,
			    struct wp_error *err) WP_MUST_USE;
/* Delete the sessions of a user but one; keep_sid NULL: all. */
enum wp_err wp_rows_end_others(struct wp_accounts *accounts,
			       const struct wp_username *name,
			       const uint8_t *keep_sid, struct wp_ended *ended,
			       struct wp_error *err) WP_MUST_USE;
/* Begin one that writes, and may end sessions: none has ended yet. */
enum wp_err wp_rows_begin(struct wp_accounts *accounts, struct wp_ended *ended,
			  struct wp_error *err) WP_MUST_USE;
/* End a transaction: what was not committed has ended nothing. */
enum wp_err wp_rows_finish(struct wp_accounts *accounts, enum wp_err rc,
			   struct wp_ended *ended,
			   struct wp_error *err) WP_MUST_USE;

#endif /* WP_LIB_ACCOUNTS_SQLITE_ROWS_H */
