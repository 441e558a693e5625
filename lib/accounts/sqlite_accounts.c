/*
 * sqlite_accounts.c - accounts in a SQLite file.
 *
 * What is compared is compared in the statement that writes: nobody reads, and
 * then writes over what somebody else has changed meanwhile.
 */
#include "lib/accounts/accounts.h"

#include <string.h>

#include <sqlite3.h>

#include "lib/accounts/sqlite_rows.h"
#include "lib/base/random.h"
#include "lib/name/urn.h"

static void bind_password(sqlite3_stmt *statement, int index,
			  const struct wp_password *password)
{
	(void)sqlite3_bind_int64(statement, index, password->cost.memory_kib);
	(void)sqlite3_bind_int64(statement, index + 1, password->cost.passes);
	wp_rows_bind_blob(statement, index + 2, password->salt,
			  WP_PASSWORD_SALT_LEN);
	wp_rows_bind_blob(statement, index + 3, password->tag,
			  WP_PASSWORD_TAG_LEN);
}

static uint32_t read_u32(sqlite3_stmt *statement, int index)
{
	int64_t value = sqlite3_column_int64(statement, index);

	return value >= 0 && value <= UINT32_MAX ? (uint32_t)value : 0;
}

/* A row of WP_ROWS_FIND, but the name. */
static bool read_account(sqlite3_stmt *statement, struct wp_account *out)
{
	int64_t state = sqlite3_column_int64(statement, 1);
	struct wp_password *password = &out->password;
	bool is_whole =
		wp_rows_read_blob(statement, 0, out->id, sizeof(out->id)) &&
		state >= WP_ACCOUNT_ACTIVE && state <= WP_ACCOUNT_DELETED;

	out->state = (enum wp_account_state)state;
	if (state != WP_ACCOUNT_DELETED) {
		password->cost.memory_kib = read_u32(statement, 2);
		password->cost.passes = read_u32(statement, 3);
		is_whole = is_whole &&
			   wp_rows_read_blob(statement, 4, password->salt,
					     sizeof(password->salt)) &&
			   wp_rows_read_blob(statement, 5, password->tag,
					     sizeof(password->tag));
	}
	out->has_recovery = wp_rows_read_blob(statement, 6, out->recovery,
					      sizeof(out->recovery));
	out->created_s = sqlite3_column_int64(statement, 7);
	out->changed_s = sqlite3_column_int64(statement, 8);
	return is_whole;
}

static bool read_line(sqlite3_stmt *statement, struct wp_account_line *out)
{
	int64_t state = sqlite3_column_int64(statement, 1);
	char name[WP_USERNAME_MAX + 1];

	out->state = (enum wp_account_state)state;
	out->created_s = sqlite3_column_int64(statement, 2);
	return state >= WP_ACCOUNT_ACTIVE && state <= WP_ACCOUNT_DELETED &&
	       wp_rows_read_text(statement, 0, name, sizeof(name)) &&
	       wp_username_read(&out->name, name, strlen(name), NULL) == WP_OK;
}

enum wp_err wp_accounts_list(struct wp_accounts *accounts,
			     const struct wp_username *after,
			     struct wp_account_list *out, struct wp_error *err)
{
	static const struct wp_username nobody;
	enum wp_err rc = wp_rows_be_open(accounts, err);
	sqlite3_stmt *statement;
	bool is_whole = true;
	int step = SQLITE_DONE;

	out->n = 0;
	if (rc != WP_OK)
		return rc;
	statement = wp_sqlite_get(&accounts->db, WP_ROWS_LIST);
	wp_rows_bind_name(statement, 1, after != NULL ? after : &nobody);
	(void)sqlite3_bind_int(statement, 2, WP_ACCOUNT_LIST_MAX);
	while (is_whole && (step = sqlite3_step(statement)) == SQLITE_ROW)
		is_whole = read_line(statement, &out->lines[out->n++]);
	rc = wp_sqlite_told(&accounts->db, statement, step, err);
	return rc == WP_OK && !is_whole ? wp_rows_damaged(err) : rc;
}

enum wp_err wp_accounts_id(struct wp_accounts *accounts,
			   char id[WP_ACCOUNTS_ID_LEN + 1],
			   struct wp_error *err)
{
	enum wp_err rc = wp_rows_be_open(accounts, err);
	sqlite3_stmt *statement;
	bool is_whole;
	int step;

	if (rc != WP_OK)
		return rc;
	statement = wp_sqlite_get(&accounts->db, WP_ROWS_ID);
	step = sqlite3_step(statement);
	is_whole = step == SQLITE_ROW &&
		   wp_rows_read_text(statement, 0, id, WP_ACCOUNTS_ID_LEN + 1);
	rc = wp_sqlite_told(&accounts->db, statement, step, err);
	return rc == WP_OK && !is_whole ? wp_rows_damaged(err) : rc;
}

/* ---- the pepper ---- */

enum wp_err wp_accounts_compare_pepper(const char *noted, const char *mark,
				       struct wp_error *err)
{
	if (noted[0] == '\0' || strcmp(noted, mark) == 0)
		return WP_OK;
	return wp_error_set(err, WP_ERR_INVAL,
			    "auth.store_secret is not the one that the "
			    "passwords in accounts.sqlite_path were hashed "
			    "with; all programs must have the same "
			    "(STORE_SECRET)");
}

/* Compare what is noted with what is in use. */
static enum wp_err compare_pepper(struct wp_accounts *accounts,
				  struct wp_error *err)
{
	sqlite3_stmt *statement = wp_sqlite_get(&accounts->db, WP_ROWS_PEPPER);
	char noted[WP_PEPPER_MARK_LEN + 1] = "";
	int step = sqlite3_step(statement);
	bool is_whole = step != SQLITE_ROW ||
			wp_rows_read_text(statement, 0, noted, sizeof(noted));
	enum wp_err rc = wp_sqlite_told(&accounts->db, statement, step, err);

	if (rc == WP_OK && !is_whole)
		rc = wp_rows_damaged(err);
	if (rc == WP_OK)
		rc = wp_accounts_compare_pepper(noted, accounts->pepper, err);
	accounts->is_pepper_noted |= rc == WP_OK && noted[0] != '\0';
	return rc;
}

enum wp_err wp_accounts_use_pepper(struct wp_accounts *accounts,
				   const char mark[WP_PEPPER_MARK_LEN + 1],
				   struct wp_error *err)
{
	enum wp_err rc = wp_rows_be_open(accounts, err);

	memcpy(accounts->pepper, mark, sizeof(accounts->pepper));
	return rc == WP_OK ? compare_pepper(accounts, err) : rc;
}

static enum wp_err note_pepper(struct wp_accounts *accounts,
			       enum wp_accounts_sql how, struct wp_error *err)
{
	sqlite3_stmt *statement = wp_sqlite_get(&accounts->db, how);

	(void)sqlite3_bind_text(statement, 1, accounts->pepper,
				WP_PEPPER_MARK_LEN, SQLITE_STATIC);
	return wp_sqlite_run(&accounts->db, statement, err);
}

enum wp_err wp_accounts_proved(struct wp_accounts *accounts,
			       struct wp_error *err)
{
	enum wp_err rc;

	if (accounts->is_pepper_noted || accounts->pepper[0] == '\0')
		return WP_OK;
	rc = wp_rows_be_open(accounts, err);
	if (rc == WP_OK)
		rc = note_pepper(accounts, WP_ROWS_PEPPER_PROVED, err);
	accounts->is_pepper_noted = rc == WP_OK;
	return rc;
}

/* An account is about to be made, in a transaction. */
static enum wp_err check_pepper(struct wp_accounts *accounts,
				struct wp_error *err)
{
	enum wp_err rc;

	if (accounts->pepper[0] == '\0')
		return WP_OK;
	rc = note_pepper(accounts, WP_ROWS_PEPPER_FIRST, err);
	if (rc == WP_OK)
		rc = compare_pepper(accounts, err);
	/* It is no answer to who wants an account. */
	return rc == WP_ERR_INVAL ? WP_ERR_UNAVAIL : rc;
}

/* ---- accounts ---- */

static enum wp_err insert(struct wp_accounts *accounts,
			  struct wp_account *account, struct wp_error *err)
{
	enum wp_err rc;
	sqlite3_stmt *statement;
	struct wp_urn urn;

	wp_random_bytes(account->id, sizeof(account->id));
	account->state = WP_ACCOUNT_ACTIVE;
	account->changed_s = account->created_s;
	wp_username_urn(&account->name, &urn);
	statement = wp_sqlite_get(&accounts->db, WP_ROWS_CREATE);
	wp_rows_bind_name(statement, 1, &account->name);
	wp_rows_bind_blob(statement, 2, account->id, WP_ACCOUNT_ID_LEN);
	(void)sqlite3_bind_text(statement, 3, urn.text, urn.len, SQLITE_STATIC);
	bind_password(statement, 4, &account->password);
	wp_rows_bind_blob(statement, 8,
			  account->has_recovery ? account->recovery : NULL,
			  WP_RECOVERY_HASH_LEN);
	(void)sqlite3_bind_int64(statement, 9, account->created_s);
	rc = wp_sqlite_run(&accounts->db, statement, err);
	if (rc == WP_OK && sqlite3_changes(accounts->db.file.handle) == 0)
		rc = wp_error_set(err, WP_ERR_CONFLICT, "the name is taken");
	return rc;
}

enum wp_err wp_accounts_create(struct wp_accounts *accounts,
			       struct wp_account *account, struct wp_error *err)
{
	enum wp_err rc = wp_rows_be_open(accounts, err);

	if (rc == WP_OK)
		rc = wp_sqlite_begin(&accounts->db, true, err);
	if (rc != WP_OK)
		return rc;
	rc = check_pepper(accounts, err);
	if (rc == WP_OK)
		rc = insert(accounts, account, err);
	return wp_sqlite_end(&accounts->db, rc, err);
}

enum wp_err wp_accounts_find(struct wp_accounts *accounts,
			     const struct wp_username *name,
			     struct wp_account *out, struct wp_error *err)
{
	enum wp_err rc = wp_rows_be_open(accounts, err);
	sqlite3_stmt *statement;
	bool is_whole = true;
	int step;

	if (rc != WP_OK)
		return rc;
	*out = (struct wp_account){ .name = *name };
	statement = wp_sqlite_get(&accounts->db, WP_ROWS_FIND);
	wp_rows_bind_name(statement, 1, name);
	step = sqlite3_step(statement);
	if (step == SQLITE_ROW)
		is_whole = read_account(statement, out);
	rc = wp_sqlite_told(&accounts->db, statement, step, err);
	if (rc == WP_OK && step == SQLITE_DONE)
		return wp_error_set(err, WP_ERR_NOTFOUND, "no such account");
	return rc == WP_OK && !is_whole ? wp_rows_damaged(err) : rc;
}

/* A statement on the account as it was found; ?1 and ?2 are bound. */
static sqlite3_stmt *of_found(struct wp_accounts *accounts,
			      enum wp_accounts_sql sql,
			      const struct wp_username *name, int64_t changed_s)
{
	sqlite3_stmt *statement = wp_sqlite_get(&accounts->db, sql);

	wp_rows_bind_name(statement, 1, name);
	(void)sqlite3_bind_int64(statement, 2, changed_s);
	return statement;
}

static enum wp_err write_password(struct wp_accounts *accounts,
				  struct wp_account_change *change,
				  struct wp_error *err)
{
	sqlite3_stmt *statement = of_found(accounts, WP_ROWS_SET_PASSWORD,
					   change->name, change->changed_s);
	enum wp_err rc;
	int step;

	wp_rows_bind_blob(statement, 3, change->recovery_was,
			  WP_RECOVERY_HASH_LEN);
	bind_password(statement, 4, change->password);
	wp_rows_bind_blob(statement, 8, change->recovery, WP_RECOVERY_HASH_LEN);
	(void)sqlite3_bind_int64(statement, 9, change->now_s);
	step = sqlite3_step(statement);
	if (step == SQLITE_ROW) {
		change->changed_now_s = sqlite3_column_int64(statement, 0);
		/* RETURNING is done with that row; one more step ends it. */
		rc = wp_sqlite_told(&accounts->db, statement,
				    sqlite3_step(statement), err);
	} else {
		rc = wp_sqlite_told(&accounts->db, statement, step, err);
		if (rc == WP_OK)
			rc = wp_rows_stale(err);
	}
	return rc;
}

enum wp_err wp_accounts_set_password(struct wp_accounts *accounts,
				     struct wp_account_change *change,
				     struct wp_error *err)
{
	enum wp_err rc = wp_rows_begin(accounts, &change->ended, err);

	if (rc != WP_OK)
		return rc;
	rc = write_password(accounts, change, err);
	if (rc == WP_OK)
		rc = wp_rows_end_others(accounts, change->name,
					change->keep_sid, &change->ended, err);
	return wp_rows_finish(accounts, rc, &change->ended, err);
}

enum wp_err wp_accounts_rehash(struct wp_accounts *accounts,
			       const struct wp_account *account,
			       const struct wp_password *password,
			       struct wp_error *err)
{
	enum wp_err rc = wp_rows_be_open(accounts, err);
	sqlite3_stmt *statement;

	if (rc != WP_OK)
		return rc;
	statement = of_found(accounts, WP_ROWS_REHASH, &account->name,
			     account->changed_s);
	bind_password(statement, 4, password);
	return wp_rows_run_found(accounts, statement, err);
}

enum wp_err wp_accounts_set_recovery(
	struct wp_accounts *accounts, const struct wp_account *account,
	const uint8_t recovery[WP_RECOVERY_HASH_LEN], struct wp_error *err)
{
	enum wp_err rc = wp_rows_be_open(accounts, err);
	sqlite3_stmt *statement;

	if (rc != WP_OK)
		return rc;
	statement = of_found(accounts, WP_ROWS_SET_RECOVERY, &account->name,
			     account->changed_s);
	wp_rows_bind_blob(statement, 8, recovery, WP_RECOVERY_HASH_LEN);
	return wp_rows_run_found(accounts, statement, err);
}

enum wp_err wp_accounts_set_state(struct wp_accounts *accounts,
				  const struct wp_username *name,
				  enum wp_account_state state,
				  struct wp_ended *ended_out,
				  struct wp_error *err)
{
	enum wp_err rc = wp_rows_begin(accounts, ended_out, err);
	sqlite3_stmt *statement;

	if (rc != WP_OK)
		return rc;
	statement = wp_sqlite_get(&accounts->db, WP_ROWS_SET_STATE);
	wp_rows_bind_name(statement, 1, name);
	(void)sqlite3_bind_int(statement, 2, (int)state);
	rc = wp_sqlite_run(&accounts->db, statement, err);
	if (rc == WP_OK && sqlite3_changes(accounts->db.file.handle) == 0)
		rc = wp_error_set(err, WP_ERR_NOTFOUND,
				  "no such account, or it is deleted");
	if (rc == WP_OK && state != WP_ACCOUNT_ACTIVE)
		rc = wp_rows_end_others(accounts, name, NULL, ended_out, err);
	return wp_rows_finish(accounts, rc, ended_out, err);
}
