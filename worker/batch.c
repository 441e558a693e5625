/*
 * batch.c - one block of memory for a batch: itself, users, rows, envelopes.
 */
#include "worker/batch.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A power of two, so that at most half of it is in use. */
enum { SLOTS = 1024 };

_Static_assert((int)SLOTS >= 2 * (int)WP_BATCH_ROWS_MAX, "there is a free one");

/* One answer, looked through before it is copied. */
struct draft {
	const struct wp_batch_source *source;
	struct wp_route_row rows[WP_BATCH_ROWS_MAX]; /* that are taken */
	size_t of[WP_BATCH_ROWS_MAX];                /* user of each */
	size_t n;
	size_t first[WP_BATCH_ROWS_MAX]; /* row of each user */
	size_t count[WP_BATCH_ROWS_MAX];
	size_t n_users;
	uint16_t slots[SLOTS]; /* user + 1 */
	size_t text;           /* bytes of envelopes */
};

static size_t slot_of(const char *urn, size_t len)
{
	uint32_t hash = 2166136261U; /* FNV-1a; whoever makes it full is few */

	for (size_t i = 0; i < len; i++)
		hash = (hash ^ (unsigned char)urn[i]) * 16777619U;
	return hash % SLOTS;
}

static bool is_urn(const struct wp_route_row *row, const char *urn, size_t len)
{
	return row->urn_len == len && memcmp(row->urn, urn, len) == 0;
}

/* The user of a row, an old one or a new one. */
static size_t user_of(struct draft *draft, const struct wp_route_row *row)
{
	size_t slot = slot_of(row->urn, row->urn_len);

	for (; draft->slots[slot] != 0; slot = (slot + 1) % SLOTS) {
		size_t user = draft->slots[slot] - 1U;

		if (is_urn(&draft->rows[draft->first[user]], row->urn,
			   row->urn_len))
			return user;
	}
	draft->slots[slot] = (uint16_t)(draft->n_users + 1);
	draft->first[draft->n_users] = draft->n;
	draft->count[draft->n_users] = 0;
	return draft->n_users++;
}

static enum wp_err read_rows(struct draft *draft, struct wp_error *err)
{
	const struct wp_batch_source *source = draft->source;
	const struct wp_route_result *result = source->result;

	/* Newer ones than fit wait for the next batch. */
	for (size_t i = 0; i < result->rows && draft->n < WP_BATCH_ROWS_MAX;
	     i++) {
		struct wp_route_row *row = &draft->rows[draft->n];
		size_t user;

		if (!wp_route_row(result->reply, i, row) ||
		    row->urn_len > WP_BOX_MAX)
			return wp_error_set(err, WP_ERR_PROTO,
					    "what was handed over is none of "
					    "our messages");
		if (source->is_left_out(source->ctx, row->urn, row->urn_len))
			continue;
		user = user_of(draft, row);
		draft->of[draft->n++] = user;
		draft->count[user]++;
		draft->text += row->envelope_len;
	}
	return WP_OK;
}

/* The parts of a block, one behind the other. */
struct block {
	struct wp_batch *batch;
	struct wp_store_row *rows;
	char *text;
};

static bool allocate(const struct draft *draft, struct block *out)
{
	size_t head = sizeof(struct wp_batch);
	size_t users = draft->n_users * sizeof(struct wp_batch_user);
	size_t rows = draft->n * sizeof(struct wp_store_row);
	size_t bytes = head + users + rows + draft->text;
	char *memory = calloc(1, bytes);

	if (memory == NULL)
		return false;
	/* Sizes of structs are multiples of what each of them is aligned to,
	 * and all of these have pointers. */
	out->batch = (struct wp_batch *)(void *)memory;
	out->batch->users = (struct wp_batch_user *)(void *)(memory + head);
	out->rows = (struct wp_store_row *)(void *)(memory + head + users);
	out->text = memory + head + users + rows;
	out->batch->bytes = bytes;
	return true;
}

static enum wp_err add_users(const struct draft *draft, struct block *block,
			     struct wp_store_row **next, struct wp_error *err)
{
	struct wp_store_row *rows = block->rows;

	for (size_t i = 0; i < draft->n_users; i++) {
		const struct wp_route_row *row = &draft->rows[draft->first[i]];
		struct wp_batch_user *user = &block->batch->users[i];

		if (wp_box_reread(&user->box, draft->source->owned->partition,
				  row->urn, row->urn_len) != WP_OK)
			return wp_error_set(err, WP_ERR_PROTO,
					    "a message was handed over that is "
					    "for nobody");
		user->number = row->version;
		user->rows = rows;
		user->n = draft->count[i];
		next[i] = rows;
		rows += user->n;
	}
	return WP_OK;
}

/* In the order of the answer, which is that of ids in each band of a user. */
static void add_rows(const struct draft *draft, struct block *block,
		     struct wp_store_row **next)
{
	for (size_t i = 0; i < draft->n; i++) {
		const struct wp_route_row *row = &draft->rows[i];

		if (row->envelope_len > 0)
			memcpy(block->text, row->envelope, row->envelope_len);
		*next[draft->of[i]]++ = (struct wp_store_row){
			.entry = row->id,
			.band = row->is_high ? WP_BAND_HIGH : WP_BAND_STANDARD,
			.expires_ms = row->expires_ms,
			.json = block->text,
			.json_len = row->envelope_len,
		};
		block->text += row->envelope_len;
	}
}

static enum wp_err copy(const struct draft *draft, struct wp_batch **out,
			struct wp_error *err)
{
	const struct wp_batch_source *source = draft->source;
	struct wp_store_row *next[WP_BATCH_ROWS_MAX];
	struct block block;
	enum wp_err rc;

	if (!allocate(draft, &block))
		return wp_error_set(err, WP_ERR_NOMEM, "out of memory");
	block.batch->partition = source->owned->partition;
	block.batch->epoch = source->epoch;
	block.batch->since_ms = source->now_ms;
	block.batch->n_users = draft->n_users;
	block.batch->n_rows = draft->n;
	(void)snprintf(block.batch->owner, sizeof(block.batch->owner), "%s",
		       source->owned->owner);
	(void)snprintf(block.batch->run_id, sizeof(block.batch->run_id), "%s",
		       source->run_id);
	rc = add_users(draft, &block, next, err);
	if (rc != WP_OK) {
		free(block.batch);
		return rc;
	}
	add_rows(draft, &block, next);
	*out = block.batch;
	return WP_OK;
}

enum wp_err wp_batch_make(struct wp_batch **out,
			  const struct wp_batch_source *source,
			  struct wp_error *err)
{
	struct draft *draft = malloc(sizeof(*draft));
	enum wp_err rc;

	*out = NULL;
	if (draft == NULL)
		return wp_error_set(err, WP_ERR_NOMEM, "out of memory");
	/* The rest, which is long, is written before it is read. */
	draft->source = source;
	draft->n = 0;
	draft->n_users = 0;
	draft->text = 0;
	memset(draft->slots, 0, sizeof(draft->slots));
	rc = read_rows(draft, err);
	if (rc == WP_OK && draft->n > 0)
		rc = copy(draft, out, err);
	free(draft);
	return rc;
}

bool wp_batch_has(const struct wp_batch *batch, const char *urn, size_t len)
{
	for (size_t i = 0; i < batch->n_users; i++)
		if (batch->users[i].box.len == len &&
		    memcmp(batch->users[i].box.text, urn, len) == 0)
			return true;
	return false;
}
