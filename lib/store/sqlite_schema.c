/*
 * sqlite_schema.c - the tables of a SQLite cold store, as they are and as they
 * were in earlier releases.
 */
#include "lib/store/sqlite_schema.h"

#include <stdlib.h>
#include <string.h>

#include "lib/sqlite/copy.h"

enum {
	SCHEMA_VERSION = 6,
	OLDEST_VERSION = 6, /* statements want what version 5 lacks */
	STORE_MODE = 0640,
};

/* Lives of Redis that were reconciled; the highest epoch is the present one. */
#define LIFE_TABLE                                   \
	"CREATE TABLE life ("                        \
	"  epoch INTEGER PRIMARY KEY AUTOINCREMENT," \
	"  run_id TEXT NOT NULL UNIQUE);"

/* See wp_store_note(). */
#define NOTE_TABLE            \
	"CREATE TABLE note (" \
	"  name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;"

/*
 * A table with rowids, so that messages are written one behind the other, and
 * only their keys into a tree. In a table that is ordered by its key a message
 * of 1 KiB has a page of its own (more than a quarter of a page overflows).
 */
#define MSG_TABLE                                            \
	"CREATE TABLE msg ("                                 \
	"  urn TEXT NOT NULL, band INTEGER NOT NULL,"        \
	"  ms INTEGER NOT NULL, seq INTEGER NOT NULL,"       \
	"  expires_ms INTEGER NOT NULL, json BLOB NOT NULL," \
	"  PRIMARY KEY (urn, band, ms, seq));"               \
	"CREATE INDEX msg_expiry ON msg (expires_ms, urn);"

/*
 * See lib/store/push.h. session, subject and owner are with whom a device ends,
 * issued_s when the token was issued that wrote it; push_end remembers for a
 * while who has ended.
 */
#define PUSH_TABLES                                                   \
	"CREATE TABLE push_token ("                                   \
	"  id BLOB NOT NULL UNIQUE, tok BLOB NOT NULL,"               \
	"  print BLOB NOT NULL, urn TEXT NOT NULL,"                   \
	"  kind INTEGER NOT NULL, app TEXT NOT NULL,"                 \
	"  device TEXT NOT NULL, account TEXT NOT NULL,"              \
	"  name TEXT NOT NULL, platform TEXT NOT NULL,"               \
	"  sealed BLOB, vapid BLOB NOT NULL, flags INTEGER NOT NULL," \
	"  session BLOB, subject BLOB, owner BLOB,"                   \
	"  issued_s INTEGER NOT NULL,"                                \
	"  state INTEGER NOT NULL, reason TEXT NOT NULL,"             \
	"  registered_s INTEGER NOT NULL,"                            \
	"  refreshed_day INTEGER NOT NULL,"                           \
	"  marked_s INTEGER NOT NULL DEFAULT 0,"                      \
	"  result INTEGER NOT NULL DEFAULT 0,"                        \
	"  result_day INTEGER NOT NULL DEFAULT 0,"                    \
	"  UNIQUE (tok, urn));"                                       \
	"CREATE INDEX push_token_urn ON push_token (urn);"            \
	"CREATE INDEX push_token_session ON push_token (session);"    \
	"CREATE INDEX push_token_subject ON push_token (subject);"    \
	"CREATE INDEX push_token_owner ON push_token (owner);"        \
	"CREATE INDEX push_token_refreshed ON push_token"             \
	"  (refreshed_day);"                                          \
	"CREATE INDEX push_token_gone ON push_token (marked_s)"       \
	"  WHERE state = 2;"                                          \
	"CREATE TABLE push_end ("                                     \
	"  owner BLOB PRIMARY KEY, until_s INTEGER NOT NULL,"         \
	"  forget_s INTEGER NOT NULL) WITHOUT ROWID;"                 \
	"CREATE INDEX push_end_forget ON push_end (forget_s);"        \
	"CREATE TABLE push_pref ("                                    \
	"  urn TEXT PRIMARY KEY, json BLOB NOT NULL,"                 \
	"  changed_s INTEGER NOT NULL) WITHOUT ROWID;"

/*
 * What a code must verify: when it was made (it follows from that and is kept
 * nowhere), how often it was guessed at; and how many letters with one were
 * asked for, for an address and by a user, on a day.
 */
#define CODE_TABLES                                                            \
	"ALTER TABLE push_token ADD COLUMN code_s INTEGER NOT NULL DEFAULT 0;" \
	"ALTER TABLE push_token ADD COLUMN tries INTEGER NOT NULL DEFAULT 0;"  \
	"CREATE TABLE push_letter ("                                           \
	"  tok BLOB NOT NULL, urn TEXT NOT NULL, day INTEGER NOT NULL,"        \
	"  n INTEGER NOT NULL, PRIMARY KEY (tok, urn)) WITHOUT ROWID;"         \
	"CREATE INDEX push_letter_urn ON push_letter (urn);"                   \
	"CREATE INDEX push_letter_day ON push_letter (day);"

static const char schema[] =
	"CREATE TABLE box ("
	"  urn TEXT PRIMARY KEY, partition INTEGER NOT NULL,"
	"  ver INTEGER NOT NULL, n INTEGER NOT NULL DEFAULT 0,"
	"  bytes INTEGER NOT NULL DEFAULT 0) WITHOUT ROWID;"
	"CREATE INDEX box_partition ON box (partition, urn);" MSG_TABLE
	"CREATE TABLE top ("
	"  partition INTEGER PRIMARY KEY, ms INTEGER NOT NULL,"
	"  seq INTEGER NOT NULL);" LIFE_TABLE NOTE_TABLE PUSH_TABLES CODE_TABLES
	"INSERT INTO note VALUES ('" WP_STORE_NOTE_MADE "', 'empty');"
	"PRAGMA user_version = 6;";

/* What version 1 lacks: how much a mailbox holds, and what expires when. */
static const char upgrade_1[] =
	"ALTER TABLE box ADD COLUMN n INTEGER NOT NULL DEFAULT 0;"
	"ALTER TABLE box ADD COLUMN bytes INTEGER NOT NULL DEFAULT 0;"
	"UPDATE box SET (n, bytes) ="
	"  (SELECT count(*), coalesce(sum(length(json)), 0)"
	"   FROM msg WHERE msg.urn = box.urn);"
	"CREATE INDEX msg_expiry ON msg (expires_ms);" LIFE_TABLE
	"PRAGMA user_version = 2;";

/* Version 2 lacks notes; how it was made is not known. */
static const char upgrade_2[] = NOTE_TABLE "PRAGMA user_version = 3;";

/* Version 3 keeps messages in the order of their keys. */
static const char upgrade_3[] =
	"DROP INDEX msg_expiry;"
	"ALTER TABLE msg RENAME TO msg_by_key;" MSG_TABLE
	"INSERT INTO msg (urn, band, ms, seq, expires_ms, json)"
	"  SELECT urn, band, ms, seq, expires_ms, json FROM msg_by_key;"
	"DROP TABLE msg_by_key;"
	"PRAGMA user_version = 4;";

/* Version 4 knows no devices. */
static const char upgrade_4[] = PUSH_TABLES "PRAGMA user_version = 5;";

/* Version 5 knows no devices that a code must verify. */
static const char upgrade_5[] = CODE_TABLES "PRAGMA user_version = 6;";

static const char *const steps[SCHEMA_VERSION] = { schema,    upgrade_1,
						   upgrade_2, upgrade_3,
						   upgrade_4, upgrade_5 };

const struct wp_sqlite_kind wp_store_sqlite_kind = {
	.setting = "store.sqlite_path",
	.noun = "the cold store",
	/* Versions would go back. */
	.gone = "is not there, but this deployment has a store; all programs "
		"must use its file",
	.mode = STORE_MODE,
	.version = SCHEMA_VERSION,
	.oldest = OLDEST_VERSION,
	.steps = steps,
};

static enum wp_err read_look(struct wp_sqlite_file *file,
			     struct wp_store_look *out, struct wp_error *err)
{
	char life[sizeof("1")];
	enum wp_err rc;

	rc = wp_sqlite_file_text(file, "SELECT count(*) > 0 FROM life", life,
				 sizeof(life), err);
	out->has_life = rc == WP_OK && life[0] == '1';
	if (rc == WP_OK)
		rc = wp_sqlite_file_text(file,
					 "SELECT value FROM note WHERE name = "
					 "'" WP_STORE_NOTE_ID "'",
					 out->id, sizeof(out->id), err);
	return rc;
}

static enum wp_err look_at(struct wp_store_look *out,
			   const struct wp_conf *conf, const char *path,
			   struct wp_error *err)
{
	struct wp_sqlite_file file = {
		.kind = &wp_store_sqlite_kind,
		.busy_timeout_ms = (int)conf->store.busy_timeout_ms,
		.path = strdup(path),
	};
	int64_t version = 0;
	enum wp_err rc;

	if (file.path == NULL)
		return wp_error_set(err, WP_ERR_UNAVAIL, "out of memory");
	rc = wp_sqlite_file_look(&file, &version, err);
	out->is_there = file.handle != NULL;
	if (out->is_there)
		rc = read_look(&file, out, err);
	wp_sqlite_file_close(&file);
	free(file.path);
	return rc;
}

enum wp_err wp_store_sqlite_look(struct wp_store_look *out,
				 const struct wp_conf *conf,
				 struct wp_error *err)
{
	return look_at(out, conf, conf->store.sqlite_path, err);
}

enum wp_err wp_store_sqlite_copy(const struct wp_conf *conf, const char *to,
				 struct wp_error *err)
{
	return wp_sqlite_copy(&wp_store_sqlite_kind, conf->store.sqlite_path,
			      (int)conf->store.busy_timeout_ms, to, err);
}

enum wp_err wp_store_sqlite_verify(struct wp_store_look *out,
				   const struct wp_conf *conf, const char *copy,
				   struct wp_error *err)
{
	enum wp_err rc = wp_sqlite_verify(&wp_store_sqlite_kind, copy, err);

	return rc == WP_OK ? look_at(out, conf, copy, err) : rc;
}

enum wp_err wp_store_sqlite_tables(const struct wp_conf *conf,
				   int64_t *version_out, int64_t *newest_out,
				   struct wp_error *err)
{
	struct wp_sqlite_file file = {
		.kind = &wp_store_sqlite_kind,
		.busy_timeout_ms = (int)conf->store.busy_timeout_ms,
		.path = conf->store.sqlite_path,
	};
	enum wp_err rc = wp_sqlite_file_look_at_any(&file, version_out, err);

	*newest_out = SCHEMA_VERSION;
	wp_sqlite_file_close(&file);
	return rc;
}

enum wp_err wp_store_sqlite_upgrade(const struct wp_conf *conf,
				    struct wp_error *err)
{
	struct wp_sqlite_file file = {
		.kind = &wp_store_sqlite_kind,
		.busy_timeout_ms = (int)conf->store.busy_timeout_ms,
		.path = conf->store.sqlite_path,
	};

	return wp_sqlite_file_upgrade(&file, err);
}
