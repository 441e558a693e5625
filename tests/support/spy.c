/*
 * spy.c - a cold store that passes calls on, or fails them as it is told.
 */
#include "tests/support/spy.h"

#include <string.h>

static bool is(const char *name, const char *operation)
{
	return name != NULL && strcmp(name, operation) == 0;
}

/* Before a call: tell the test, and say whether to go on. */
static enum wp_err begin(struct wp_spy *spy, const char *operation,
			 struct wp_error *err)
{
	spy->calls++;
	if (spy->on_call != NULL)
		spy->on_call(spy->ctx, operation);
	if (is(spy->refuse, operation))
		return wp_error_set(err, WP_ERR_UNAVAIL, "refused by the spy");
	return WP_OK;
}

static enum wp_err end(const struct wp_spy *spy, const char *operation,
		       enum wp_err rc, struct wp_error *err)
{
	if (is(spy->lose, operation))
		return wp_error_set(err, WP_ERR_UNAVAIL, "lost by the spy");
	return rc;
}

static struct wp_spy *spy_of(struct wp_store *store)
{
	return (struct wp_spy *)store;
}

static enum wp_err spy_version(struct wp_store *store, const struct wp_box *box,
			       int64_t *version_out, struct wp_error *err)
{
	struct wp_spy *spy = spy_of(store);
	enum wp_err rc = begin(spy, "version", err);

	if (rc == WP_OK)
		rc = wp_store_version(spy->real, box, version_out, err);
	return end(spy, "version", rc, err);
}

static enum wp_err spy_fence(struct wp_store *store, const char *life,
			     struct wp_error *err)
{
	struct wp_spy *spy = spy_of(store);
	enum wp_err rc = begin(spy, "fence", err);

	if (rc == WP_OK)
		rc = wp_store_fence(spy->real, life, err);
	return end(spy, "fence", rc, err);
}

static enum wp_err spy_epoch(struct wp_store *store, int64_t *epoch_out,
			     struct wp_error *err)
{
	struct wp_spy *spy = spy_of(store);
	enum wp_err rc = begin(spy, "epoch", err);

	if (rc == WP_OK)
		rc = wp_store_epoch(spy->real, epoch_out, err);
	return end(spy, "epoch", rc, err);
}

static enum wp_err spy_note(struct wp_store *store, const char *name,
			    char value[WP_STORE_NOTE_MAX + 1],
			    struct wp_error *err)
{
	struct wp_spy *spy = spy_of(store);
	enum wp_err rc = begin(spy, "note", err);

	if (rc == WP_OK)
		rc = wp_store_note(spy->real, name, value, err);
	return end(spy, "note", rc, err);
}

static enum wp_err spy_note_swap(struct wp_store *store, const char *name,
				 const char *was, const char *value,
				 struct wp_error *err)
{
	struct wp_spy *spy = spy_of(store);
	enum wp_err rc = begin(spy, "note_swap", err);

	if (rc == WP_OK)
		rc = wp_store_note_swap(spy->real, name, was, value, err);
	return end(spy, "note_swap", rc, err);
}

static enum wp_err spy_is_past(struct wp_store *store, const char *life,
			       bool *is_past_out, struct wp_error *err)
{
	struct wp_spy *spy = spy_of(store);
	enum wp_err rc = begin(spy, "is_past", err);

	if (rc == WP_OK)
		rc = wp_store_is_past(spy->real, life, is_past_out, err);
	return end(spy, "is_past", rc, err);
}

static enum wp_err spy_return(struct wp_store *store, const char *life,
			      struct wp_error *err)
{
	struct wp_spy *spy = spy_of(store);
	enum wp_err rc = begin(spy, "return", err);

	if (rc == WP_OK)
		rc = wp_store_return(spy->real, life, err);
	return end(spy, "return", rc, err);
}

static enum wp_err spy_append(struct wp_store *store,
			      struct wp_store_append *appends, size_t n,
			      struct wp_error *err)
{
	struct wp_spy *spy = spy_of(store);
	enum wp_err rc = begin(spy, "append", err);

	if (rc == WP_OK)
		rc = wp_store_append(spy->real, appends, n, err);
	return end(spy, "append", rc, err);
}

static enum wp_err spy_ack(struct wp_store *store, struct wp_store_ack *ack,
			   struct wp_error *err)
{
	struct wp_spy *spy = spy_of(store);
	enum wp_err rc = begin(spy, "ack", err);

	if (rc == WP_OK)
		rc = wp_store_ack(spy->real, ack, err);
	return end(spy, "ack", rc, err);
}

static enum wp_err spy_expire(struct wp_store *store,
			      struct wp_store_expire *expire,
			      struct wp_error *err)
{
	struct wp_spy *spy = spy_of(store);
	enum wp_err rc = begin(spy, "expire", err);

	if (rc == WP_OK)
		rc = wp_store_expire(spy->real, expire, err);
	return end(spy, "expire", rc, err);
}

static enum wp_err spy_expired_users(struct wp_store *store, int64_t now_ms,
				     const struct wp_store_walk *walk,
				     struct wp_error *err)
{
	struct wp_spy *spy = spy_of(store);
	enum wp_err rc = begin(spy, "expired_users", err);

	if (rc == WP_OK)
		rc = wp_store_expired_users(spy->real, now_ms, walk, err);
	spy->base.refused = wp_store_refused(spy->real);
	return end(spy, "expired_users", rc, err);
}

static enum wp_err spy_users(struct wp_store *store, uint32_t partition,
			     const struct wp_store_walk *walk,
			     struct wp_error *err)
{
	struct wp_spy *spy = spy_of(store);
	enum wp_err rc = begin(spy, "users", err);

	if (rc == WP_OK)
		rc = wp_store_users(spy->real, partition, walk, err);
	spy->base.refused = wp_store_refused(spy->real);
	return end(spy, "users", rc, err);
}

static enum wp_err spy_top(struct wp_store *store, uint32_t partition,
			   struct wp_entry_id *top_out, struct wp_error *err)
{
	struct wp_spy *spy = spy_of(store);
	enum wp_err rc = begin(spy, "top", err);

	if (rc == WP_OK)
		rc = wp_store_top(spy->real, partition, top_out, err);
	return end(spy, "top", rc, err);
}

static enum wp_err spy_size(struct wp_store *store, const struct wp_box *box,
			    struct wp_store_size *size_out,
			    struct wp_error *err)
{
	struct wp_spy *spy = spy_of(store);
	enum wp_err rc = begin(spy, "size", err);

	if (rc == WP_OK)
		rc = wp_store_size(spy->real, box, size_out, err);
	return end(spy, "size", rc, err);
}

static enum wp_err spy_read(struct wp_store *store,
			    const struct wp_store_read *read,
			    struct wp_error *err)
{
	struct wp_spy *spy = spy_of(store);
	enum wp_err rc = begin(spy, "read", err);

	if (rc == WP_OK)
		rc = wp_store_read(spy->real, read, err);
	return end(spy, "read", rc, err);
}

static const struct wp_store_backend spy_backend = {
	.name = "spy",
	.version = spy_version,
	.epoch = spy_epoch,
	.fence = spy_fence,
	.is_past = spy_is_past,
	.return_to = spy_return,
	.note = spy_note,
	.note_swap = spy_note_swap,
	.append = spy_append,
	.ack = spy_ack,
	.read = spy_read,
	.top = spy_top,
	.users = spy_users,
	.expire = spy_expire,
	.expired_users = spy_expired_users,
	.size = spy_size,
};

void wp_spy_init(struct wp_spy *spy, struct wp_store *real)
{
	*spy = (struct wp_spy){
		.base.backend = &spy_backend,
		.real = real,
	};
}
