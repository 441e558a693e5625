/*
 * backend.h - what a cold store backend implements; private to lib/store.
 *
 * Functions mean what their namesakes in store.h and push.h say.
 */
#ifndef WP_LIB_STORE_BACKEND_H
#define WP_LIB_STORE_BACKEND_H

#include "lib/store/push.h"
#include "lib/store/store.h"
#include "lib/sys/conf.h"

/* As push.h says. */
struct wp_push_backend {
	enum wp_err (*put)(struct wp_store *store, struct wp_push_put *put,
			   struct wp_error *err);
	enum wp_err (*list)(struct wp_store *store,
			    const struct wp_push_list *list,
			    struct wp_error *err);
	enum wp_err (*verify)(struct wp_store *store,
			      const struct wp_push_verify *verify,
			      struct wp_error *err);
	enum wp_err (*remove)(struct wp_store *store,
			      const struct wp_push_which *which,
			      struct wp_error *err);
	enum wp_err (*end)(struct wp_store *store,
			   const struct wp_push_end *ends, size_t n,
			   int64_t now_s, struct wp_error *err);
	enum wp_err (*mark)(struct wp_store *store,
			    const struct wp_push_mark *mark,
			    struct wp_error *err);
	enum wp_err (*results)(struct wp_store *store,
			       const struct wp_push_outcome *outcomes, size_t n,
			       struct wp_error *err);
	enum wp_err (*expire)(struct wp_store *store,
			      struct wp_push_expire *expire,
			      struct wp_error *err);
	enum wp_err (*prefs)(struct wp_store *store, const struct wp_urn *user,
			     struct wp_buf *out, struct wp_error *err);
	enum wp_err (*prefs_put)(struct wp_store *store,
				 const struct wp_urn *user, const char *json,
				 size_t len, int64_t now_s,
				 struct wp_error *err);
};

struct wp_store_backend {
	const char *name; /* value of store.backend */
	enum wp_err (*open)(struct wp_store **out, const struct wp_conf *conf,
			    bool may_create, struct wp_error *err);
	enum wp_err (*look)(struct wp_store_look *out,
			    const struct wp_conf *conf, struct wp_error *err);
	enum wp_err (*tables)(const struct wp_conf *conf, int64_t *version_out,
			      int64_t *newest_out, struct wp_error *err);
	enum wp_err (*upgrade)(const struct wp_conf *conf,
			       struct wp_error *err);
	enum wp_err (*copy)(const struct wp_conf *conf, const char *to,
			    struct wp_error *err);
	enum wp_err (*verify)(struct wp_store_look *out,
			      const struct wp_conf *conf, const char *copy,
			      struct wp_error *err);
	void (*where)(const struct wp_conf *conf, char *text, size_t room);
	int64_t (*bytes)(const struct wp_conf *conf);
	void (*close)(struct wp_store *store);
	enum wp_err (*version)(struct wp_store *store, const struct wp_box *box,
			       int64_t *version_out, struct wp_error *err);
	enum wp_err (*fence)(struct wp_store *store, const char *life,
			     struct wp_error *err);
	enum wp_err (*is_past)(struct wp_store *store, const char *life,
			       bool *is_past_out, struct wp_error *err);
	enum wp_err (*return_to)(struct wp_store *store, const char *life,
				 struct wp_error *err);
	enum wp_err (*epoch)(struct wp_store *store, int64_t *epoch_out,
			     struct wp_error *err);
	enum wp_err (*note)(struct wp_store *store, const char *name,
			    char value[WP_STORE_NOTE_MAX + 1],
			    struct wp_error *err);
	enum wp_err (*note_swap)(struct wp_store *store, const char *name,
				 const char *was, const char *value,
				 struct wp_error *err);
	enum wp_err (*append)(struct wp_store *store,
			      struct wp_store_append *appends, size_t n,
			      struct wp_error *err);
	enum wp_err (*ack)(struct wp_store *store, struct wp_store_ack *ack,
			   struct wp_error *err);
	enum wp_err (*expire)(struct wp_store *store,
			      struct wp_store_expire *expire,
			      struct wp_error *err);
	enum wp_err (*read)(struct wp_store *store,
			    const struct wp_store_read *read,
			    struct wp_error *err);
	enum wp_err (*top)(struct wp_store *store, uint32_t partition,
			   struct wp_entry_id *top_out, struct wp_error *err);
	enum wp_err (*users)(struct wp_store *store, uint32_t partition,
			     const struct wp_store_walk *walk,
			     struct wp_error *err);
	enum wp_err (*expired_users)(struct wp_store *store, int64_t now_ms,
				     const struct wp_store_walk *walk,
				     struct wp_error *err);
	enum wp_err (*size)(struct wp_store *store, const struct wp_box *box,
			    struct wp_store_size *size_out,
			    struct wp_error *err);
	const struct wp_push_backend *push;
};

/* First member of every backend's own store struct. */
struct wp_store {
	const struct wp_store_backend *backend;
	int64_t refused; /* for wp_store_refused() */
};

extern const struct wp_store_backend wp_store_sqlite;

#endif /* WP_LIB_STORE_BACKEND_H */
