/*
 * sqlite_schema.h - the tables of a SQLite cold store; private to
 * lib/store/sqlite*.
 */
#ifndef WP_LIB_STORE_SQLITE_SCHEMA_H
#define WP_LIB_STORE_SQLITE_SCHEMA_H

#include "lib/base/err.h"
#include "lib/sqlite/file.h"
#include "lib/store/store.h"
#include "lib/sys/conf.h"

extern const struct wp_sqlite_kind wp_store_sqlite_kind;

/* wp_store_look() for the file that conf names. */
enum wp_err wp_store_sqlite_look(struct wp_store_look *out,
				 const struct wp_conf *conf,
				 struct wp_error *err) WP_MUST_USE;

/* wp_store_tables() and wp_store_upgrade() likewise. */
enum wp_err wp_store_sqlite_tables(const struct wp_conf *conf,
				   int64_t *version_out, int64_t *newest_out,
				   struct wp_error *err) WP_MUST_USE;
enum wp_err wp_store_sqlite_upgrade(const struct wp_conf *conf,
				    struct wp_error *err) WP_MUST_USE;

/* wp_store_copy() and wp_store_verify() likewise. */
enum wp_err wp_store_sqlite_copy(const struct wp_conf *conf, const char *to,
				 struct wp_error *err) WP_MUST_USE;
enum wp_err wp_store_sqlite_verify(struct wp_store_look *out,
				   const struct wp_conf *conf, const char *copy,
				   struct wp_error *err) WP_MUST_USE;

#endif /* WP_LIB_STORE_SQLITE_SCHEMA_H */
