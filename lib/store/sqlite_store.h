/*
 * sqlite_store.h - an open store of SQLite; private to lib/store/sqlite*.
 */
#ifndef WP_LIB_STORE_SQLITE_STORE_H
#define WP_LIB_STORE_SQLITE_STORE_H

#include "lib/sqlite/db.h"
#include "lib/store/backend.h"

struct wp_sqlite_store {
	struct wp_store base; /* first: it is a store */
	struct wp_sqlite db;
};

static inline struct wp_sqlite *wp_sqlite_db_of(struct wp_store *store)
{
	return &((struct wp_sqlite_store *)store)->db;
}

#endif /* WP_LIB_STORE_SQLITE_STORE_H */
