/*
 * sqlite_write.h - append, ack and expire on a SQLite connection; private to
 * lib/store.
 *
 * They mean what their namesakes in store.h say.
 */
#ifndef WP_LIB_STORE_SQLITE_WRITE_H
#define WP_LIB_STORE_SQLITE_WRITE_H

#include "lib/store/sqlite_db.h"
#include "lib/store/store.h"

/* Read ver, n and bytes from the row that statement stands at. */
void wp_sqlite_read_size(sqlite3_stmt *statement,
			 struct wp_store_size *size_out);

/*
 * A version as callers see it: the epoch of Redis' present life above the bits
 * of the mailbox' own version.
 */
int64_t wp_sqlite_join_version(int64_t epoch, int64_t ver);

/* One of the WP_SQL_LIFE_… that select: is there such a row? */
enum wp_err wp_sqlite_ask_life(struct wp_sqlite_db *db, enum wp_sqlite_sql sql,
			       const char *life, bool *answer_out,
			       struct wp_error *err) WP_MUST_USE;
enum wp_err wp_sqlite_fence(struct wp_sqlite_db *db, const char *life,
			    struct wp_error *err) WP_MUST_USE;
enum wp_err wp_sqlite_return(struct wp_sqlite_db *db, const char *life,
			     struct wp_error *err) WP_MUST_USE;
enum wp_err wp_sqlite_note_swap(struct wp_sqlite_db *db, const char *name,
				const char *was, const char *value,
				struct wp_error *err) WP_MUST_USE;
enum wp_err wp_sqlite_append_many(struct wp_sqlite_db *db,
				  struct wp_store_append *appends, size_t n,
				  struct wp_error *err) WP_MUST_USE;

enum wp_err wp_sqlite_ack(struct wp_sqlite_db *db, uint32_t partition,
			  const struct wp_urn *user, const struct wp_msgid *ids,
			  size_t n, bool *empty_out,
			  struct wp_store_size *size_out,
			  struct wp_error *err) WP_MUST_USE;

enum wp_err wp_sqlite_expire(struct wp_sqlite_db *db, uint32_t partition,
			     const struct wp_urn *user, int64_t now_ms,
			     int64_t *deleted_out, bool *empty_out,
			     struct wp_store_size *size_out,
			     struct wp_error *err) WP_MUST_USE;

#endif /* WP_LIB_STORE_SQLITE_WRITE_H */
