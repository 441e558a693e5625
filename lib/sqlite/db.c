/*
 * db.c - statements that are prepared once, and transactions around them.
 */
#include "lib/sqlite/db.h"

#include <stdlib.h>
#include <string.h>

/* Behind those of the database. */
enum { OWN_BEGIN_READ, OWN_BEGIN_WRITE, OWN_COMMIT, OWN_ROLLBACK, OWN_COUNT };

static const char *const own_texts[OWN_COUNT] = {
	[OWN_BEGIN_READ] = "BEGIN",
	/* Take the lock now: a later upgrade could fail half-way. */
	[OWN_BEGIN_WRITE] = "BEGIN IMMEDIATE",
	[OWN_COMMIT] = "COMMIT",
	[OWN_ROLLBACK] = "ROLLBACK",
};

static enum wp_err prepare_all(struct wp_sqlite *db, struct wp_error *err)
{
	for (size_t i = 0; i < db->n + OWN_COUNT; i++) {
		const char *text =
			i < db->n ? db->texts[i] : own_texts[i - db->n];
		int rc = sqlite3_prepare_v3(db->file.handle, text, -1,
					    SQLITE_PREPARE_PERSISTENT,
					    &db->statements[i], NULL);

		if (rc != SQLITE_OK)
			return wp_sqlite_fail(&db->file, rc, err);
	}
	return WP_OK;
}

/* The file, statements and all. */
static enum wp_err open_all(struct wp_sqlite *db, bool may_create,
			    struct wp_error *err)
{
	enum wp_err rc = wp_sqlite_file_open(&db->file, may_create, err);

	if (rc == WP_OK)
		rc = prepare_all(db, err);
	if (rc != WP_OK)
		wp_sqlite_file_close(&db->file);
	return rc;
}

enum wp_err wp_sqlite_open(struct wp_sqlite *db,
			   const struct wp_sqlite_setup *setup,
			   struct wp_error *err)
{
	enum wp_err rc = WP_ERR_UNAVAIL;

	*db = (struct wp_sqlite){
		.file = { .kind = setup->kind,
			  .path = strdup(setup->path),
			  .busy_timeout_ms = setup->busy_timeout_ms },
		.texts = setup->texts,
		.n = setup->n,
		.statements =
			calloc(setup->n + OWN_COUNT, sizeof(sqlite3_stmt *)),
	};
	if (db->file.path == NULL || db->statements == NULL)
		wp_error_set(err, rc, "out of memory");
	else
		rc = open_all(db, setup->may_create, err);
	if (rc != WP_OK)
		wp_sqlite_close(db);
	return rc;
}

void wp_sqlite_close(struct wp_sqlite *db)
{
	wp_sqlite_file_close(&db->file);
	free(db->file.path);
	free(db->statements);
	*db = (struct wp_sqlite){ 0 };
}

enum wp_err wp_sqlite_be_open(struct wp_sqlite *db, struct wp_error *err)
{
	if (db->file.handle != NULL || open_all(db, false, err) == WP_OK)
		return WP_OK;
	return WP_ERR_UNAVAIL;
}

sqlite3_stmt *wp_sqlite_get(struct wp_sqlite *db, size_t number)
{
	sqlite3_stmt *statement = db->statements[number];

	/* Repeats the error of the last run, which was reported then. */
	(void)sqlite3_reset(statement);
	return statement;
}

enum wp_err wp_sqlite_told(struct wp_sqlite *db, sqlite3_stmt *statement,
			   int rc, struct wp_error *err)
{
	(void)sqlite3_reset(statement);
	(void)sqlite3_clear_bindings(statement);
	return rc == SQLITE_ROW || rc == SQLITE_DONE
		       ? WP_OK
		       : wp_sqlite_fail(&db->file, rc, err);
}

enum wp_err wp_sqlite_run(struct wp_sqlite *db, sqlite3_stmt *statement,
			  struct wp_error *err)
{
	return wp_sqlite_told(db, statement, sqlite3_step(statement), err);
}

static sqlite3_stmt *own(struct wp_sqlite *db, size_t number)
{
	return wp_sqlite_get(db, db->n + number);
}

enum wp_err wp_sqlite_begin(struct wp_sqlite *db, bool is_write,
			    struct wp_error *err)
{
	enum wp_err rc = wp_sqlite_be_open(db, err);

	if (rc != WP_OK)
		return rc;
	return wp_sqlite_run(
		db, own(db, is_write ? OWN_BEGIN_WRITE : OWN_BEGIN_READ), err);
}

/* Roll back; a connection that cannot is closed, which does it too. */
static void roll_back(struct wp_sqlite *db)
{
	sqlite3 *handle = db->file.handle;

	if (handle == NULL || sqlite3_get_autocommit(handle) != 0)
		return;
	if (wp_sqlite_run(db, own(db, OWN_ROLLBACK), NULL) != WP_OK ||
	    sqlite3_get_autocommit(handle) == 0)
		wp_sqlite_file_close(&db->file);
}

enum wp_err wp_sqlite_end(struct wp_sqlite *db, enum wp_err rc,
			  struct wp_error *err)
{
	if (rc == WP_OK)
		rc = wp_sqlite_run(db, own(db, OWN_COMMIT), err);
	if (rc != WP_OK)
		roll_back(db);
	return rc;
}
