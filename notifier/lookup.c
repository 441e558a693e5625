/*
 * lookup.c - one job at a time, of as many questions as have come meanwhile.
 */
#include "notifier/lookup.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/buf.h"
#include "lib/base/encode.h"

struct wp_lookups {
	struct wp_store_job job; /* first: the thread knows only this */
	struct wp_lookups_setup setup;
	bool is_busy; /* the job is the thread's */
	bool is_ended;
	struct wp_lookup *asked[WP_LOOKUPS_AT_ONCE];
	size_t n;
	struct wp_lookup *first; /* added, in their order */
	struct wp_lookup **last;
};

/* ---- on the store's thread ---- */

struct finding {
	struct wp_lookup *lookup;
	bool is_short; /* of memory */
};

static void on_row(void *ctx, const struct wp_push_row *row)
{
	struct finding *finding = ctx;
	struct wp_lookup *lookup = finding->lookup;
	struct wp_target *more, *target;
	enum wp_push_kind kind;

	if (row->state == WP_PUSH_GONE || finding->is_short ||
	    !wp_push_kind_named(row->kind, &kind))
		return;
	more = realloc(lookup->targets, (lookup->n + 1) * sizeof(*more));
	if (more == NULL) {
		finding->is_short = true;
		return;
	}
	lookup->targets = more;
	target = &more[lookup->n];
	*target = (struct wp_target){
		.user = &lookup->user,
		.kind = kind,
		.device = strdup(row->device),
		.flags = row->flags,
		.registered_s = row->registered_s,
		.result = row->result,
		.result_day = row->result_day,
	};
	if (target->device == NULL) {
		finding->is_short = true;
		return;
	}
	lookup->n++;
	memcpy(target->id, row->id, sizeof(target->id));
	(void)wp_base64url_encode(row->id, sizeof(row->id), target->name);
}

/* Who has said nothing, or what nobody can read, has what holds for all. */
static enum wp_err read_prefs(struct wp_store *store, struct wp_lookup *lookup,
			      struct wp_error *err)
{
	struct wp_buf json;
	enum wp_err rc;

	wp_buf_init(&json, WP_PUSH_PREFS_MAX);
	rc = wp_push_prefs(store, &lookup->user, &json, err);
	if (rc == WP_OK && json.failed)
		rc = wp_error_set(err, WP_ERR_NOMEM, "out of memory");
	if (rc == WP_ERR_NOTFOUND ||
	    (rc == WP_OK && wp_prefs_read(&lookup->prefs, json.data, json.len,
					  NULL) != WP_OK)) {
		wp_prefs_init(&lookup->prefs);
		rc = WP_OK;
	}
	wp_buf_release(&json);
	return rc;
}

static enum wp_err look_up(struct wp_store *store, struct wp_lookup *lookup,
			   struct wp_error *err)
{
	struct finding finding = { .lookup = lookup };
	const struct wp_push_list list = {
		.user = &lookup->user,
		.on_row = on_row,
		.ctx = &finding,
	};
	enum wp_err rc = wp_push_list(store, &list, err);

	if (rc == WP_OK && finding.is_short)
		rc = wp_error_set(err, WP_ERR_NOMEM, "out of memory");
	if (rc == WP_OK && lookup->n > 0)
		rc = read_prefs(store, lookup, err);
	return rc;
}

/* The first that fails is not the last. */
static enum wp_err run(struct wp_store_job *job, struct wp_store *store,
		       struct wp_error *err)
{
	struct wp_lookups *lookups = (struct wp_lookups *)job;
	enum wp_err rc = WP_OK;

	for (size_t i = 0; rc == WP_OK && i < lookups->n; i++) {
		rc = look_up(store, lookups->asked[i], err);
		lookups->asked[i]->result = rc;
	}
	return rc;
}

/* ---- on the loop's ---- */

static void on_done(struct wp_store_job *job, enum wp_err result)
{
	struct wp_lookups *lookups = (struct wp_lookups *)job;
	size_t n = lookups->n;

	lookups->is_busy = false;
	lookups->n = 0;
	for (size_t i = 0; i < n; i++)
		lookups->setup.on_found(lookups->setup.ctx, lookups->asked[i]);
	lookups->setup.on_job(lookups->setup.ctx, result);
	wp_lookups_go(lookups);
}

enum wp_err wp_lookups_new(struct wp_lookups **out,
			   const struct wp_lookups_setup *setup,
			   struct wp_error *err)
{
	struct wp_lookups *lookups = calloc(1, sizeof(*lookups));

	if (lookups == NULL)
		return wp_error_set(err, WP_ERR_NOMEM, "out of memory");
	lookups->setup = *setup;
	lookups->last = &lookups->first;
	lookups->job.run = run;
	lookups->job.done = on_done;
	*out = lookups;
	return WP_OK;
}

void wp_lookups_free(struct wp_lookups **lookups)
{
	free(*lookups);
	*lookups = NULL;
}

void wp_lookups_add(struct wp_lookups *lookups, struct wp_lookup *lookup)
{
	lookup->result = WP_ERR_UNAVAIL;
	lookup->next = NULL;
	*lookups->last = lookup;
	lookups->last = &lookup->next;
}

bool wp_lookups_remove(struct wp_lookups *lookups, struct wp_lookup *lookup)
{
	struct wp_lookup **link = &lookups->first;

	while (*link != NULL && *link != lookup)
		link = &(*link)->next;
	if (*link == NULL)
		return false;
	*link = lookup->next;
	if (lookups->last == &lookup->next)
		lookups->last = link;
	return true;
}

void wp_lookups_go(struct wp_lookups *lookups)
{
	struct wp_lookup *lookup;

	if (lookups->is_busy || lookups->is_ended)
		return;
	while (lookups->n < WP_LOOKUPS_AT_ONCE &&
	       (lookup = lookups->first) != NULL) {
		lookups->first = lookup->next;
		if (lookups->first == NULL)
			lookups->last = &lookups->first;
		lookups->asked[lookups->n++] = lookup;
	}
	if (lookups->n == 0)
		return;
	lookups->is_busy = true;
	if (wp_store_thread_submit(lookups->setup.store, &lookups->job) !=
	    WP_OK)
		on_done(&lookups->job, WP_ERR_FULL);
}

void wp_lookups_end(struct wp_lookups *lookups)
{
	lookups->is_ended = true;
}

void wp_lookup_release(struct wp_lookup *lookup)
{
	for (size_t i = 0; i < lookup->n; i++)
		free(lookup->targets[i].device);
	free(lookup->targets);
	lookup->targets = NULL;
	lookup->n = 0;
}
