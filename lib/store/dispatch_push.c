/*
 * dispatch_push.c - push.h: hand calls to the backend of the store. A file of
 * its own, as dispatch.c is.
 */
#include "lib/store/push.h"

#include <assert.h>

#include "lib/store/backend.h"

enum wp_err wp_push_put(struct wp_store *store, struct wp_push_put *put,
			struct wp_error *err)
{
	assert(put->max > 0);
	return store->backend->push->put(store, put, err);
}

enum wp_err wp_push_list(struct wp_store *store,
			 const struct wp_push_list *list, struct wp_error *err)
{
	return store->backend->push->list(store, list, err);
}

enum wp_err wp_push_verify(struct wp_store *store,
			   const struct wp_push_verify *verify,
			   struct wp_error *err)
{
	return store->backend->push->verify(store, verify, err);
}

enum wp_err wp_push_remove(struct wp_store *store,
			   const struct wp_push_which *which,
			   struct wp_error *err)
{
	assert(which->id != NULL ||
	       (which->user != NULL &&
		(which->device != NULL || which->tok != NULL)));
	return store->backend->push->remove(store, which, err);
}

enum wp_err wp_push_end(struct wp_store *store, const struct wp_push_end *ends,
			size_t n, int64_t now_s, struct wp_error *err)
{
	return store->backend->push->end(store, ends, n, now_s, err);
}

enum wp_err wp_push_mark(struct wp_store *store,
			 const struct wp_push_mark *mark, struct wp_error *err)
{
	return store->backend->push->mark(store, mark, err);
}

enum wp_err wp_push_results(struct wp_store *store,
			    const struct wp_push_outcome *outcomes, size_t n,
			    struct wp_error *err)
{
	return store->backend->push->results(store, outcomes, n, err);
}

enum wp_err wp_push_expire(struct wp_store *store,
			   struct wp_push_expire *expire, struct wp_error *err)
{
	return store->backend->push->expire(store, expire, err);
}

enum wp_err wp_push_prefs(struct wp_store *store, const struct wp_urn *user,
			  struct wp_buf *out, struct wp_error *err)
{
	return store->backend->push->prefs(store, user, out, err);
}

enum wp_err wp_push_prefs_put(struct wp_store *store, const struct wp_urn *user,
			      const char *json, size_t len, int64_t now_s,
			      struct wp_error *err)
{
	assert(len <= WP_PUSH_PREFS_MAX);
	return store->backend->push->prefs_put(store, user, json, len, now_s,
					       err);
}
