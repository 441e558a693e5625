/*
 * handover.c - two lists under one lock: what waits to be taken, and what was
 * given back.
 */
#include "worker/handover.h"

#include <pthread.h>
#include <stdlib.h>

enum { BYTES_AT_ONCE = 4 * 1024 * 1024 };

_Static_assert((int)WP_BATCH_ROWS_MAX <= (int)WP_STORE_APPENDS_MAX &&
		       (int)WP_BATCH_ROWS_MAX <= (int)WP_STORE_ROWS_MAX,
	       "a batch is part of one append");

struct list {
	struct wp_batch *first;
	struct wp_batch **end; /* where the next one is put */
};

struct wp_handover {
	pthread_mutex_t lock;
	struct wp_table *table; /* borrowed */
	struct list waiting;
	struct list done;
	size_t rows; /* of all that is not heard */
	size_t bytes;
	bool is_known; /* the epoch */
	bool is_good;
	int64_t epoch;
};

static void list_init(struct list *list)
{
	list->first = NULL;
	list->end = &list->first;
}

static void list_add(struct list *list, struct wp_batch *batch)
{
	batch->next = NULL;
	*list->end = batch;
	list->end = &batch->next;
}

static struct wp_batch *list_pop(struct list *list)
{
	struct wp_batch *batch = list->first;

	if (batch != NULL) {
		list->first = batch->next;
		if (list->first == NULL)
			list->end = &list->first;
		batch->next = NULL;
	}
	return batch;
}

static bool list_remove(struct list *list, const struct wp_batch *batch)
{
	struct wp_batch **at = &list->first;

	while (*at != NULL && *at != batch)
		at = &(*at)->next;
	if (*at == NULL)
		return false;
	*at = batch->next;
	if (*at == NULL)
		list->end = at;
	return true;
}

enum wp_err wp_handover_new(struct wp_handover **out, struct wp_table *table,
			    struct wp_error *err)
{
	struct wp_handover *handover = calloc(1, sizeof(*handover));

	*out = handover;
	if (handover == NULL)
		return wp_error_set(err, WP_ERR_NOMEM, "out of memory");
	pthread_mutex_init(&handover->lock, NULL);
	handover->table = table;
	handover->is_good = true; /* as soon as it has said anything */
	list_init(&handover->waiting);
	list_init(&handover->done);
	return WP_OK;
}

void wp_handover_free(struct wp_handover **handover)
{
	struct wp_handover *h = *handover;
	struct wp_batch *batch;

	if (h == NULL)
		return;
	while ((batch = list_pop(&h->waiting)) != NULL)
		free(batch);
	while ((batch = list_pop(&h->done)) != NULL)
		free(batch);
	pthread_mutex_destroy(&h->lock);
	free(h);
	*handover = NULL;
}

/* It is not in here any more; with the lock. */
static void uncount(struct wp_handover *h, const struct wp_batch *batch)
{
	h->rows -= batch->n_rows;
	h->bytes -= batch->bytes;
}

/* ---- the hot thread ---- */

bool wp_handover_may(struct wp_handover *handover, int64_t *epoch_out)
{
	bool may;

	pthread_mutex_lock(&handover->lock);
	may = handover->is_known && handover->is_good;
	*epoch_out = handover->epoch;
	pthread_mutex_unlock(&handover->lock);
	return may;
}

bool wp_handover_put(struct wp_handover *handover, struct wp_batch *batch)
{
	bool has_room;

	pthread_mutex_lock(&handover->lock);
	has_room = handover->rows + batch->n_rows <= WP_HANDOVER_ROWS_MAX &&
		   handover->bytes + batch->bytes <= WP_HANDOVER_BYTES_MAX;
	if (has_room) {
		handover->rows += batch->n_rows;
		handover->bytes += batch->bytes;
		list_add(&handover->waiting, batch);
	}
	pthread_mutex_unlock(&handover->lock);
	if (has_room)
		wp_table_set_rows(handover->table, true);
	return has_room;
}

struct wp_batch *wp_handover_hear(struct wp_handover *handover)
{
	struct wp_batch *batch;

	pthread_mutex_lock(&handover->lock);
	batch = list_pop(&handover->done);
	if (batch != NULL)
		uncount(handover, batch);
	pthread_mutex_unlock(&handover->lock);
	return batch;
}

void wp_handover_forget(struct wp_handover *handover, struct wp_batch *batch)
{
	bool is_ours;

	pthread_mutex_lock(&handover->lock);
	is_ours = list_remove(&handover->waiting, batch) ||
		  list_remove(&handover->done, batch);
	if (is_ours)
		uncount(handover, batch);
	else
		batch->is_forgotten = true;
	pthread_mutex_unlock(&handover->lock);
	if (is_ours)
		free(batch);
}

/* ---- the cold thread ---- */

size_t wp_handover_take(struct wp_handover *handover, struct wp_batch **out,
			size_t max)
{
	size_t users = 0, rows = 0, bytes = 0;
	size_t n = 0;
	bool is_more;

	/* Before the look: what comes after it rings again. */
	wp_table_set_rows(handover->table, false);
	pthread_mutex_lock(&handover->lock);
	while (n < max && handover->waiting.first != NULL) {
		const struct wp_batch *batch = handover->waiting.first;

		users += batch->n_users;
		rows += batch->n_rows;
		bytes += batch->bytes;
		if (n > 0 &&
		    (users > WP_STORE_APPENDS_MAX || rows > WP_STORE_ROWS_MAX ||
		     bytes > BYTES_AT_ONCE))
			break;
		out[n++] = list_pop(&handover->waiting);
	}
	is_more = handover->waiting.first != NULL;
	pthread_mutex_unlock(&handover->lock);
	if (is_more)
		wp_table_set_rows(handover->table, true);
	return n;
}

void wp_handover_give_back(struct wp_handover *handover, struct wp_batch *batch)
{
	bool is_forgotten;

	pthread_mutex_lock(&handover->lock);
	is_forgotten = batch->is_forgotten;
	if (is_forgotten)
		uncount(handover, batch);
	else
		list_add(&handover->done, batch);
	pthread_mutex_unlock(&handover->lock);
	if (is_forgotten)
		free(batch);
	else
		wp_table_ring(handover->table);
}

void wp_handover_set_epoch(struct wp_handover *handover, int64_t epoch)
{
	pthread_mutex_lock(&handover->lock);
	handover->epoch = epoch;
	handover->is_known = true;
	pthread_mutex_unlock(&handover->lock);
}

void wp_handover_set_good(struct wp_handover *handover, bool is_good)
{
	pthread_mutex_lock(&handover->lock);
	handover->is_good = is_good;
	pthread_mutex_unlock(&handover->lock);
}
