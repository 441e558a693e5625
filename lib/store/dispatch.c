/*
 * dispatch.c - store.h: find the backend that the settings name, and hand
 * calls to it.
 *
 * Knows the list of backends. Knows nothing about rows or versions. A file of
 * its own, because every backend knows store.h and this one knows them all.
 */
#include "lib/store/store.h"

#include <assert.h>
#include <string.h>

#include "lib/base/random.h"
#include "lib/store/backend.h"

static const struct wp_store_backend *const backends[] = {
	&wp_store_sqlite,
};

/* NULL and a sentence when the settings name none that is there. */
static const struct wp_store_backend *find(const struct wp_conf *conf,
					   struct wp_error *err)
{
	const char *name = conf->store.backend;

	for (size_t i = 0; i < sizeof(backends) / sizeof(backends[0]); i++)
		if (strcmp(backends[i]->name, name) == 0)
			return backends[i];
	wp_error_set(err, WP_ERR_INVAL,
		     "store.backend: there is no backend \"%.60s\"", name);
	return NULL;
}

enum wp_err wp_store_open(struct wp_store **out, const struct wp_conf *conf,
			  struct wp_error *err)
{
	const struct wp_store_backend *backend = find(conf, err);

	*out = NULL;
	return backend != NULL ? backend->open(out, conf, true, err)
			       : WP_ERR_INVAL;
}

enum wp_err wp_store_open_existing(struct wp_store **out,
				   const struct wp_conf *conf,
				   struct wp_error *err)
{
	const struct wp_store_backend *backend = find(conf, err);

	*out = NULL;
	return backend != NULL ? backend->open(out, conf, false, err)
			       : WP_ERR_INVAL;
}

enum wp_err wp_store_look(struct wp_store_look *out, const struct wp_conf *conf,
			  struct wp_error *err)
{
	const struct wp_store_backend *backend = find(conf, err);

	*out = (struct wp_store_look){ 0 };
	return backend != NULL ? backend->look(out, conf, err) : WP_ERR_INVAL;
}

enum wp_err wp_store_tables(const struct wp_conf *conf, int64_t *version_out,
			    int64_t *newest_out, struct wp_error *err)
{
	const struct wp_store_backend *backend = find(conf, err);

	return backend != NULL
		       ? backend->tables(conf, version_out, newest_out, err)
		       : WP_ERR_INVAL;
}

enum wp_err wp_store_upgrade(const struct wp_conf *conf, struct wp_error *err)
{
	const struct wp_store_backend *backend = find(conf, err);

	return backend != NULL ? backend->upgrade(conf, err) : WP_ERR_INVAL;
}

enum wp_err wp_store_copy(const struct wp_conf *conf, const char *to,
			  struct wp_error *err)
{
	const struct wp_store_backend *backend = find(conf, err);

	return backend != NULL ? backend->copy(conf, to, err) : WP_ERR_INVAL;
}

enum wp_err wp_store_verify(struct wp_store_look *out,
			    const struct wp_conf *conf, const char *copy,
			    struct wp_error *err)
{
	const struct wp_store_backend *backend = find(conf, err);

	*out = (struct wp_store_look){ 0 };
	return backend != NULL ? backend->verify(out, conf, copy, err)
			       : WP_ERR_INVAL;
}

void wp_store_where(const struct wp_conf *conf,
		    char text[WP_STORE_WHERE_MAX + 1])
{
	const struct wp_store_backend *backend = find(conf, NULL);

	text[0] = '\0';
	if (backend != NULL)
		backend->where(conf, text, WP_STORE_WHERE_MAX + 1);
}

static enum wp_err read_id(struct wp_store *store, char id[WP_STORE_ID_LEN + 1],
			   struct wp_error *err)
{
	char note[WP_STORE_NOTE_MAX + 1];
	enum wp_err rc = wp_store_note(store, WP_STORE_NOTE_ID, note, err);
	size_t len;

	if (rc != WP_OK)
		return rc;
	len = strlen(note);
	if (len != 0 && len != WP_STORE_ID_LEN)
		return wp_error_set(err, WP_ERR_UNAVAIL,
				    "the cold store has a bad id");
	memcpy(id, note, len + 1);
	return WP_OK;
}

enum wp_err wp_store_id(struct wp_store *store, char id[WP_STORE_ID_LEN + 1],
			struct wp_error *err)
{
	char made[WP_STORE_ID_LEN + 1];
	enum wp_err rc = read_id(store, id, err);

	if (rc != WP_OK || id[0] != '\0')
		return rc;
	wp_random_hex(made, WP_STORE_ID_LEN / 2);
	rc = wp_store_note_swap(store, WP_STORE_NOTE_ID, "", made, err);
	/* Stale: another program was first, and its id is as good. */
	if (rc == WP_OK || rc == WP_ERR_STALE)
		rc = read_id(store, id, err);
	return rc;
}

enum wp_err wp_store_has_life(struct wp_store *store, bool *has_life_out,
			      struct wp_error *err)
{
	int64_t epoch = 0;
	enum wp_err rc = wp_store_epoch(store, &epoch, err);

	*has_life_out = epoch > 0;
	return rc;
}

enum wp_err wp_store_epoch(struct wp_store *store, int64_t *epoch_out,
			   struct wp_error *err)
{
	return store->backend->epoch(store, epoch_out, err);
}

void wp_store_close(struct wp_store **store)
{
	if (store == NULL || *store == NULL)
		return;
	(*store)->backend->close(*store);
	*store = NULL;
}

/* A mailbox without cold rows must not suffer from a store that is away. */
static enum wp_err not_open(struct wp_error *err)
{
	return wp_error_set(err, WP_ERR_UNAVAIL, "the cold store is not open");
}

enum wp_err wp_store_version(struct wp_store *store, const struct wp_box *box,
			     int64_t *version_out, struct wp_error *err)
{
	return store->backend->version(store, box, version_out, err);
}

enum wp_err wp_store_fence(struct wp_store *store, const char *life,
			   struct wp_error *err)
{
	return store->backend->fence(store, life, err);
}

enum wp_err wp_store_is_past(struct wp_store *store, const char *life,
			     bool *is_past_out, struct wp_error *err)
{
	return store->backend->is_past(store, life, is_past_out, err);
}

enum wp_err wp_store_return(struct wp_store *store, const char *life,
			    struct wp_error *err)
{
	return store->backend->return_to(store, life, err);
}

enum wp_err wp_store_note(struct wp_store *store, const char *name,
			  char value[WP_STORE_NOTE_MAX + 1],
			  struct wp_error *err)
{
	return store->backend->note(store, name, value, err);
}

enum wp_err wp_store_note_swap(struct wp_store *store, const char *name,
			       const char *was, const char *value,
			       struct wp_error *err)
{
	assert(strlen(value) <= WP_STORE_NOTE_MAX);
	return store->backend->note_swap(store, name, was, value, err);
}

int64_t wp_store_bytes(const struct wp_conf *conf)
{
	const struct wp_store_backend *backend = find(conf, NULL);

	return backend != NULL ? backend->bytes(conf) : 0;
}

enum wp_err wp_store_append(struct wp_store *store,
			    struct wp_store_append *appends, size_t n,
			    struct wp_error *err)
{
	assert(n <= WP_STORE_APPENDS_MAX);
	for (size_t i = 0; i < n; i++)
		assert(appends[i].n <= WP_STORE_ROWS_MAX);
	return store->backend->append(store, appends, n, err);
}

enum wp_err wp_store_ack(struct wp_store *store, struct wp_store_ack *ack,
			 struct wp_error *err)
{
	return store != NULL ? store->backend->ack(store, ack, err)
			     : not_open(err);
}

enum wp_err wp_store_expire(struct wp_store *store,
			    struct wp_store_expire *expire,
			    struct wp_error *err)
{
	return store->backend->expire(store, expire, err);
}

enum wp_err wp_store_read(struct wp_store *store,
			  const struct wp_store_read *read,
			  struct wp_error *err)
{
	return store != NULL ? store->backend->read(store, read, err)
			     : not_open(err);
}

enum wp_err wp_store_top(struct wp_store *store, uint32_t partition,
			 struct wp_entry_id *top_out, struct wp_error *err)
{
	return store->backend->top(store, partition, top_out, err);
}

enum wp_err wp_store_users(struct wp_store *store, uint32_t partition,
			   const struct wp_store_walk *walk,
			   struct wp_error *err)
{
	return store->backend->users(store, partition, walk, err);
}

enum wp_err wp_store_expired_users(struct wp_store *store, int64_t now_ms,
				   const struct wp_store_walk *walk,
				   struct wp_error *err)
{
	return store->backend->expired_users(store, now_ms, walk, err);
}

int64_t wp_store_refused(const struct wp_store *store)
{
	return store->refused;
}

enum wp_err wp_store_size(struct wp_store *store, const struct wp_box *box,
			  struct wp_store_size *size_out, struct wp_error *err)
{
	return store->backend->size(store, box, size_out, err);
}
