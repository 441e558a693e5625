/*
 * accounts.h - who may log in, and the sessions that outlive Redis.
 *
 * One file on one host, apart from the cold store: a login waits for no
 * migration's write lock, and the file has a mode (0600) and a backup of its
 * own. This header is the interface; lib/accounts/sqlite*.c is what is behind
 * it, and any other backend must pass tests/support/accounts_contract.c.
 *
 * Whoever ends sessions here ends them elsewhere next: what a function says it
 * ended can never be restored, but lives on in Redis until the caller has told
 * that as well.
 *
 * Threads: accounts that are opened belong to one thread; open them once per
 * thread, after fork. Any number of processes may have the same file open.
 */
#ifndef WP_LIB_ACCOUNTS_ACCOUNTS_H
#define WP_LIB_ACCOUNTS_ACCOUNTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/accounts/password.h"
#include "lib/accounts/recovery.h"
#include "lib/accounts/username.h"
#include "lib/base/err.h"
#include "lib/name/session.h"

struct wp_accounts;

enum {
	WP_ACCOUNTS_ID_LEN = 32, /* of the file, in hexadecimal digits */
	WP_ACCOUNT_ID_LEN = 16,
	WP_ACCOUNT_SESSIONS_MAX =
		100,                /* of one account, whatever settings say */
	WP_DEVICE_NAME_MAX = 128,   /* bytes */
	WP_ACCOUNTS_BUSY_MS = 2000, /* so long a write waits for others */
};

/*
 * Open the file, and create what is missing. WAL, synchronous=FULL, mode 0600.
 *
 * path:      copied
 * Errors:    WP_ERR_INVAL    the path cannot be used
 *            WP_ERR_UNAVAIL  locked or out of order; try again later
 */
enum wp_err wp_accounts_open(struct wp_accounts **out, const char *path,
			     int busy_timeout_ms,
			     struct wp_error *err) WP_MUST_USE;
/* NULL-safe. */
void wp_accounts_close(struct wp_accounts **accounts);

/* What the file says to who only looks. Plain data. */
struct wp_accounts_look {
	char id[WP_ACCOUNTS_ID_LEN + 1];     /* "": nothing is there yet */
	char pepper[WP_PEPPER_MARK_LEN + 1]; /* "": it was not noted */
};

/*
 * Could the file be opened? Makes and changes nothing.
 *
 * *out:    zeroed first
 * Errors:  as wp_accounts_open()
 * Threads: only while this process has the file not open (SQLite's locks)
 */
enum wp_err wp_accounts_look(struct wp_accounts_look *out, const char *path,
			     int busy_timeout_ms,
			     struct wp_error *err) WP_MUST_USE;

/*
 * Copy the file as it is in one moment of this call, while programs use it.
 *
 * to:      an empty file of ours; of no use after an error. The caller brings
 *          it to the disk
 * Errors:  as wp_accounts_open(), but nothing is made at `path`
 * Threads: as wp_accounts_look()
 */
enum wp_err wp_accounts_copy(const char *path, int busy_timeout_ms,
			     const char *to, struct wp_error *err) WP_MUST_USE;

/*
 * Read all of a copy: is it whole?
 *
 * Errors:  WP_ERR_INVAL, WP_ERR_UNAVAIL  it is no good; err.msg says why
 */
enum wp_err wp_accounts_verify(const char *copy,
			       struct wp_error *err) WP_MUST_USE;

/*
 * Was the pepper that the file has noted the one with this mark
 * (wp_password_pepper_mark())? noted: "": none was, and any will do.
 *
 * Errors:  WP_ERR_INVAL  it was another one; err.msg says what to change
 */
enum wp_err wp_accounts_compare_pepper(const char *noted, const char *mark,
				       struct wp_error *err) WP_MUST_USE;

/*
 * Passwords are hashed with the pepper of this mark from now on: is that the
 * one of those in the file? It is noted with the first account, in the
 * transaction that makes it; so of two programs that begin at once with two
 * peppers only one makes accounts. A file of an earlier release has noted none,
 * and nobody can tell before a password was right: wp_accounts_proved().
 *
 * Errors:  WP_ERR_INVAL  as wp_accounts_compare_pepper()
 *          WP_ERR_UNAVAIL
 */
enum wp_err wp_accounts_use_pepper(struct wp_accounts *accounts,
				   const char mark[WP_PEPPER_MARK_LEN + 1],
				   struct wp_error *err) WP_MUST_USE;

/*
 * A password of the file was right: note the pepper if none is. Once it is
 * known to be noted this asks nobody. Errors: WP_ERR_UNAVAIL: the next one will
 */
enum wp_err wp_accounts_proved(struct wp_accounts *accounts,
			       struct wp_error *err);

/*
 * Who this file is: a random name for its whole life. Two files with one id are
 * one and its copy. Errors: WP_ERR_UNAVAIL
 */
enum wp_err wp_accounts_id(struct wp_accounts *accounts,
			   char id[WP_ACCOUNTS_ID_LEN + 1],
			   struct wp_error *err) WP_MUST_USE;

enum wp_account_state {
	WP_ACCOUNT_ACTIVE = 0, /* as they stand in the file */
	WP_ACCOUNT_DISABLED = 1,
	WP_ACCOUNT_DELETED = 2, /* for good; nobody else gets the name */
};

/* Plain data. */
struct wp_account {
	struct wp_username name;
	uint8_t id[WP_ACCOUNT_ID_LEN];
	enum wp_account_state state;
	struct wp_password password; /* zeroes once deleted */
	bool has_recovery;
	uint8_t recovery[WP_RECOVERY_HASH_LEN];
	int64_t created_s; /* wall time */
	/* When the password was set, by the clock or later: it rises with each
	 * time, so that it tells one password from the next. */
	int64_t changed_s;
};

/* Sessions that a call has ended. */
struct wp_ended {
	size_t n;
	uint8_t sid[WP_ACCOUNT_SESSIONS_MAX + 1][WP_SID_LEN];
};

/*
 * Make an account: name, password, recovery code and created_s are given, the
 * rest is filled in.
 *
 * Errors:  WP_ERR_CONFLICT  the name is or was somebody's
 *          WP_ERR_UNAVAIL   also when the passwords of others were hashed with
 *                           another pepper than wp_accounts_use_pepper() said
 */
enum wp_err wp_accounts_create(struct wp_accounts *accounts,
			       struct wp_account *account,
			       struct wp_error *err) WP_MUST_USE;

/*
 * Find an account, in whatever state it is.
 *
 * accounts: NULL when they could not be opened: WP_ERR_UNAVAIL
 * Errors:   WP_ERR_NOTFOUND, WP_ERR_UNAVAIL
 */
enum wp_err wp_accounts_find(struct wp_accounts *accounts,
			     const struct wp_username *name,
			     struct wp_account *out,
			     struct wp_error *err) WP_MUST_USE;

enum { WP_ACCOUNT_LIST_MAX = 500 };

/* What a list says of an account. Plain data. */
struct wp_account_line {
	struct wp_username name;
	enum wp_account_state state;
	int64_t created_s; /* wall time */
};
struct wp_account_list {
	size_t n; /* fewer than WP_ACCOUNT_LIST_MAX: there are no more */
	struct wp_account_line lines[WP_ACCOUNT_LIST_MAX];
};
/*
 * The next accounts by their names, in whatever state they are: a page, so that
 * nobody has to hold all of them, or keeps the file from being written.
 *
 * after:   begin behind this name; NULL: at the first
 * Errors:  WP_ERR_UNAVAIL
 */
enum wp_err wp_accounts_list(struct wp_accounts *accounts,
			     const struct wp_username *after,
			     struct wp_account_list *out,
			     struct wp_error *err) WP_MUST_USE;

/* A new password, and what changes with it. All pointers are borrowed. */
struct wp_account_change {
	const struct wp_username *name;
	int64_t changed_s; /* as found: of the password that was verified */
	const struct wp_password *password;
	const uint8_t *recovery_was; /* it must be this; NULL: not asked */
	const uint8_t *recovery;     /* it becomes this; NULL: it stays */
	const uint8_t *keep_sid;     /* this session goes on; NULL: none */
	int64_t now_s;
	int64_t changed_now_s; /* out */
	struct wp_ended ended; /* out: all other sessions */
};
/*
 * Set the password of an active account and end its sessions, in one
 * transaction.
 *
 * Errors:  WP_ERR_STALE    it is another password by now, another code, or the
 *                          account is not active; nothing was written
 *          WP_ERR_UNAVAIL
 */
enum wp_err wp_accounts_set_password(struct wp_accounts *accounts,
				     struct wp_account_change *change,
				     struct wp_error *err) WP_MUST_USE;

/*
 * Keep the same password in another hash, as at another cost. Ends nothing.
 * Errors: as wp_accounts_set_password()
 */
enum wp_err wp_accounts_rehash(struct wp_accounts *accounts,
			       const struct wp_account *account,
			       const struct wp_password *password,
			       struct wp_error *err) WP_MUST_USE;

/*
 * Another recovery code for the account as it was found; the old one is void.
 * Errors: as wp_accounts_set_password()
 */
enum wp_err
wp_accounts_set_recovery(struct wp_accounts *accounts,
			 const struct wp_account *account,
			 const uint8_t recovery[WP_RECOVERY_HASH_LEN],
			 struct wp_error *err) WP_MUST_USE;

/*
 * Put an account into a state. All but active ends its sessions; deleted
 * forgets the password and the code, and stays deleted. May be repeated, for
 * whoever was cut off does not know whether it was done.
 *
 * *ended_out:  zeroed first
 * Errors:      WP_ERR_NOTFOUND  there is none, or it is deleted and shall be
 *                               something else
 *              WP_ERR_UNAVAIL
 */
enum wp_err wp_accounts_set_state(struct wp_accounts *accounts,
				  const struct wp_username *name,
				  enum wp_account_state state,
				  struct wp_ended *ended_out,
				  struct wp_error *err) WP_MUST_USE;

/* ---- sessions ---- */

/* Plain data. */
struct wp_account_session {
	uint8_t sid[WP_SID_LEN];
	struct wp_username name;
	char device[WP_DEVICE_MAX + 1];
	char device_name[WP_DEVICE_NAME_MAX + 1]; /* UTF-8 */
	int64_t created_s;
	int64_t seen_day; /* days since 1970 in UTC */
};

/*
 * Begin a session of who has just proved the password of that time. Ends the
 * session of the same device and, from `max` on, those that were not seen for
 * the longest.
 *
 * changed_s:   of the account as it was found: a login that overtakes a change
 *              of the password must not outlive it
 * max:         1 to WP_ACCOUNT_SESSIONS_MAX
 * *ended_out:  zeroed first
 * Errors:      WP_ERR_STALE    the account is not active, or has another
 *                              password by now; nothing was written
 *              WP_ERR_UNAVAIL
 */
struct wp_session_add {
	const struct wp_account_session *session; /* borrowed */
	int64_t changed_s;
	size_t max;
	struct wp_ended ended; /* out */
};
enum wp_err wp_accounts_session_add(struct wp_accounts *accounts,
				    struct wp_session_add *add,
				    struct wp_error *err) WP_MUST_USE;

/*
 * Find a session, and the account that it is of.
 *
 * account_out:  may be NULL
 * Errors:       WP_ERR_NOTFOUND, WP_ERR_UNAVAIL
 */
enum wp_err wp_accounts_session_find(struct wp_accounts *accounts,
				     const uint8_t sid[WP_SID_LEN],
				     struct wp_account_session *out,
				     struct wp_account *account_out,
				     struct wp_error *err) WP_MUST_USE;

/*
 * Note that it was seen on this day, or a later one.
 * Errors: WP_ERR_NOTFOUND  it has ended; WP_ERR_UNAVAIL
 */
enum wp_err wp_accounts_session_seen(struct wp_accounts *accounts,
				     const uint8_t sid[WP_SID_LEN], int64_t day,
				     struct wp_error *err) WP_MUST_USE;

/*
 * End one session of that user.
 * Errors: WP_ERR_NOTFOUND  there is none of that user; WP_ERR_UNAVAIL
 */
enum wp_err wp_accounts_session_remove(struct wp_accounts *accounts,
				       const struct wp_username *name,
				       const uint8_t sid[WP_SID_LEN],
				       struct wp_error *err) WP_MUST_USE;

/*
 * End all sessions of that user but one.
 *
 * keep_sid:    NULL: none goes on
 * *ended_out:  zeroed first
 * Errors:      WP_ERR_UNAVAIL
 */
enum wp_err wp_accounts_session_remove_all(struct wp_accounts *accounts,
					   const struct wp_username *name,
					   const uint8_t *keep_sid,
					   struct wp_ended *ended_out,
					   struct wp_error *err) WP_MUST_USE;

struct wp_session_list {
	size_t n;
	struct wp_account_session sessions[WP_ACCOUNT_SESSIONS_MAX];
};
/* The sessions of that user, the newest first. Errors: WP_ERR_UNAVAIL */
enum wp_err wp_accounts_sessions(struct wp_accounts *accounts,
				 const struct wp_username *name,
				 struct wp_session_list *out,
				 struct wp_error *err) WP_MUST_USE;

#endif /* WP_LIB_ACCOUNTS_ACCOUNTS_H */
