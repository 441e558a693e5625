/*
 * sqlite_db.c - statements and transactions of one SQLite connection.
 *
 * Knows every SQL text that runs after the schema is there. Knows nothing of
 * what an operation is made of.
 */
#include "lib/store/sqlite_db.h"

#include <stddef.h>

static const char *const texts[WP_SQL_COUNT] = {
	[WP_SQL_BEGIN_READ] = "BEGIN",
	/* Take the lock now: a later upgrade could fail half-way. */
	[WP_SQL_BEGIN_WRITE] = "BEGIN IMMEDIATE",
	[WP_SQL_COMMIT] = "COMMIT",
	[WP_SQL_ROLLBACK] = "ROLLBACK",
	/* A part of a transaction that can be undone alone. */
	[WP_SQL_PART] = "SAVEPOINT part",
	[WP_SQL_PART_KEEP] = "RELEASE part",
	[WP_SQL_PART_UNDO] = "ROLLBACK TO part",
	[WP_SQL_VERSION] = "SELECT (SELECT max(epoch) FROM life), "
			   "(SELECT ver FROM box WHERE urn = ?1)",
	[WP_SQL_EPOCH] = "SELECT max(epoch) FROM life",
	[WP_SQL_LIFE_KNOWN] = "SELECT 1 FROM life WHERE run_id = ?1",
	[WP_SQL_LIFE_ADD] = "INSERT INTO life (run_id) VALUES (?1) "
			    "ON CONFLICT DO NOTHING",
	[WP_SQL_LIFE_PAST] = "SELECT 1 FROM life WHERE run_id = ?1 "
			     "AND epoch < (SELECT max(epoch) FROM life)",
	/* The old row goes; the new one has an epoch that was never used. */
	[WP_SQL_LIFE_RETURN] = "INSERT OR REPLACE INTO life (run_id) "
			       "SELECT run_id FROM life WHERE run_id = ?1 "
			       "AND epoch < (SELECT max(epoch) FROM life)",
	[WP_SQL_BOX_FIRST] = "INSERT INTO box (urn, partition, ver) "
			     "VALUES (?1, ?2, 1) ON CONFLICT DO NOTHING",
	[WP_SQL_BOX_NEXT] = "UPDATE box SET ver = ver + 1 "
			    "WHERE urn = ?1 AND ver = ?2",
	[WP_SQL_BOX_BUMP] = "INSERT INTO box (urn, partition, ver) "
			    "VALUES (?1, ?2, 1) "
			    "ON CONFLICT (urn) DO UPDATE SET ver = ver + 1",
	[WP_SQL_BOX_RESIZE] = "UPDATE box SET n = n + ?2, bytes = bytes + ?3 "
			      "WHERE urn = ?1 RETURNING ver, n, bytes",
	[WP_SQL_BOX_SIZE] = "SELECT ver, n, bytes FROM box WHERE urn = ?1",
	[WP_SQL_MSG_INSERT] =
		"INSERT INTO msg (urn, band, ms, seq, expires_ms, json) "
		"VALUES (?1, ?2, ?3, ?4, ?5, ?6) ON CONFLICT DO NOTHING",
	[WP_SQL_MSG_SAME] =
		"SELECT expires_ms = ?5 AND json = ?6 FROM msg "
		"WHERE urn = ?1 AND band = ?2 AND ms = ?3 AND seq = ?4",
	[WP_SQL_MSG_DELETE] =
		"DELETE FROM msg "
		"WHERE urn = ?1 AND band = ?2 AND ms = ?3 AND seq = ?4 "
		"RETURNING length(json)",
	[WP_SQL_MSG_EXPIRE] = "DELETE FROM msg WHERE (urn, band, ms, seq) IN "
			      "(SELECT urn, band, ms, seq FROM msg "
			      "WHERE urn = ?1 AND expires_ms <= ?2 LIMIT ?3) "
			      "RETURNING length(json)",
	[WP_SQL_MSG_ANY] = "SELECT 1 FROM msg WHERE urn = ?1 LIMIT 1",
	[WP_SQL_MSG_READ] = "SELECT ms, seq, expires_ms, json FROM msg "
			    "WHERE urn = ?1 AND band = ?2 "
			    "AND (ms, seq) > (?3, ?4) AND expires_ms > ?5 "
			    "ORDER BY ms, seq",
	[WP_SQL_TOP_RAISE] =
		"INSERT INTO top (partition, ms, seq) VALUES (?1, ?2, ?3) "
		"ON CONFLICT (partition) DO UPDATE "
		"SET ms = excluded.ms, seq = excluded.seq "
		"WHERE (excluded.ms, excluded.seq) > (top.ms, top.seq)",
	[WP_SQL_TOP] = "SELECT ms, seq FROM top WHERE partition = ?1",
	/* Empty mailboxes are rows as well: whoever asks counts them. */
	[WP_SQL_USERS] = "SELECT urn, partition, EXISTS "
			 "(SELECT 1 FROM msg WHERE msg.urn = box.urn), 0 "
			 "FROM box WHERE partition = ?1 AND urn > ?2 "
			 "ORDER BY urn",
	[WP_SQL_EXPIRED_USERS] =
		"SELECT msg.urn, box.partition, 1, msg.expires_ms "
		"FROM msg INDEXED BY msg_expiry "
		"CROSS JOIN box ON box.urn = msg.urn "
		"WHERE msg.expires_ms <= ?1 "
		"AND (msg.expires_ms, msg.urn) > (?2, ?3) "
		"ORDER BY msg.expires_ms, msg.urn",
	[WP_SQL_NOTE] = "SELECT value FROM note WHERE name = ?1",
	[WP_SQL_NOTE_SWAP] =
		"INSERT INTO note (name, value) SELECT ?1, ?3 WHERE ?2 = "
		"coalesce((SELECT value FROM note WHERE name = ?1), '') "
		"ON CONFLICT (name) DO UPDATE SET value = excluded.value",
};

const char *wp_sqlite_text(enum wp_sqlite_sql sql)
{
	return texts[sql];
}

static enum wp_err prepare_all(struct wp_sqlite_db *db, struct wp_error *err)
{
	for (int i = 0; i < WP_SQL_COUNT; i++) {
		int rc = sqlite3_prepare_v3(db->file.handle, texts[i], -1,
					    SQLITE_PREPARE_PERSISTENT,
					    &db->statements[i], NULL);

		if (rc != SQLITE_OK)
			return wp_sqlite_fail(&db->file, rc, err);
	}
	return WP_OK;
}

enum wp_err wp_sqlite_open(struct wp_sqlite_db *db, bool may_create,
			   struct wp_error *err)
{
	enum wp_err rc = wp_sqlite_file_open(&db->file, may_create, err);

	if (rc == WP_OK)
		rc = prepare_all(db, err);
	if (rc != WP_OK)
		wp_sqlite_file_close(&db->file);
	return rc;
}

enum wp_err wp_sqlite_ready(struct wp_sqlite_db *db, struct wp_error *err)
{
	if (db->file.handle != NULL || wp_sqlite_open(db, false, err) == WP_OK)
		return WP_OK;
	return WP_ERR_UNAVAIL;
}

sqlite3_stmt *wp_sqlite_get(struct wp_sqlite_db *db, enum wp_sqlite_sql sql)
{
	sqlite3_stmt *statement = db->statements[sql];

	/* Repeats the error of the last run, which was reported then. */
	(void)sqlite3_reset(statement);
	return statement;
}

sqlite3_stmt *wp_sqlite_of_box(struct wp_sqlite_db *db, enum wp_sqlite_sql sql,
			       const struct wp_box *box)
{
	sqlite3_stmt *statement = wp_sqlite_get(db, sql);

	/* Binding in place cannot fail: the indexes are right. */
	(void)sqlite3_bind_text(statement, 1, box->text, box->len,
				SQLITE_STATIC);
	return statement;
}

sqlite3_stmt *wp_sqlite_of_entry(struct wp_sqlite_db *db,
				 enum wp_sqlite_sql sql,
				 const struct wp_box *box, int band,
				 const struct wp_entry_id *entry)
{
	sqlite3_stmt *statement = wp_sqlite_of_box(db, sql, box);

	(void)sqlite3_bind_int(statement, 2, band);
	(void)sqlite3_bind_int64(statement, 3, (int64_t)entry->ms);
	(void)sqlite3_bind_int64(statement, 4, (int64_t)entry->seq);
	return statement;
}

enum wp_err wp_sqlite_told(struct wp_sqlite_db *db, sqlite3_stmt *statement,
			   int rc, struct wp_error *err)
{
	(void)sqlite3_reset(statement);
	(void)sqlite3_clear_bindings(statement);
	return rc == SQLITE_ROW || rc == SQLITE_DONE
		       ? WP_OK
		       : wp_sqlite_fail(&db->file, rc, err);
}

enum wp_err wp_sqlite_run(struct wp_sqlite_db *db, sqlite3_stmt *statement,
			  struct wp_error *err)
{
	return wp_sqlite_told(db, statement, sqlite3_step(statement), err);
}

enum wp_err wp_sqlite_begin(struct wp_sqlite_db *db, bool is_write,
			    struct wp_error *err)
{
	enum wp_err rc = wp_sqlite_ready(db, err);

	if (rc != WP_OK)
		return rc;
	return wp_sqlite_run(db,
			     wp_sqlite_get(db, is_write ? WP_SQL_BEGIN_WRITE
							: WP_SQL_BEGIN_READ),
			     err);
}

/* Roll back; a connection that cannot is closed, which does it too. */
static void roll_back(struct wp_sqlite_db *db)
{
	sqlite3 *handle = db->file.handle;

	if (handle == NULL || sqlite3_get_autocommit(handle) != 0)
		return;
	if (wp_sqlite_run(db, wp_sqlite_get(db, WP_SQL_ROLLBACK), NULL) !=
		    WP_OK ||
	    sqlite3_get_autocommit(handle) == 0)
		wp_sqlite_file_close(&db->file);
}

enum wp_err wp_sqlite_end(struct wp_sqlite_db *db, enum wp_err rc,
			  struct wp_error *err)
{
	if (rc == WP_OK)
		rc = wp_sqlite_run(db, wp_sqlite_get(db, WP_SQL_COMMIT), err);
	if (rc != WP_OK)
		roll_back(db);
	return rc;
}
