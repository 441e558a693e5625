/*
 * chunk.c - planning, reading and trimming what a migration takes at a time.
 */
#include "lib/mailbox/chunk.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/mailbox/entry.h"
#include "lib/mailbox/scripts.h"

enum {
	KEY_MAX = 40 + WP_BOX_MAX,
	/* Of the answer of prepare.lua. */
	HIGH_AT = 1,
	STANDARD_AT,
	LAST_AT,
	WAITS_AT,
	/* Of an entry in hot: x, expiry, m, all the rest. */
	EXPIRY_AT = 1,
	M_AT = 3,
};

static const enum wp_band order[] = { WP_BAND_HIGH, WP_BAND_STANDARD };

/* Redis is there, and does not do it for this user. */
static enum wp_err no_answer(struct wp_error *err, const char *what)
{
	return wp_error_set(err, WP_ERR_PROTO,
			    "Redis gave no usable answer to %s", what);
}

static int64_t least(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

/* ---- what there is ---- */

void wp_chunk_prepare_build(struct wp_cmd *cmd, const struct wp_lease *lease,
			    const struct wp_box *box)
{
	wp_cmd_script(cmd, WP_SCRIPT_PREPARE, lease->partition);
	wp_cmd_str(cmd, lease->owner);
	wp_cmd_int(cmd, lease->ms);
	wp_cmd_add(cmd, box->text, box->len);
	wp_hint_token_add(cmd);
}

/* "<n> <bytes>" of ingress and hot together; it may be missing. */
static void read_waits(struct wp_chunk *chunk, const char *text)
{
	char *rest = NULL;

	chunk->entries = strtoll(text, &rest, 10);
	chunk->bytes = *rest == ' ' ? strtoll(rest + 1, NULL, 10) : -1;
	/* A foreign hand may have written anything. */
	if (chunk->entries <= 0 || chunk->bytes < 0 ||
	    chunk->bytes == INT64_MAX)
		chunk->bytes = -1;
}

enum wp_err wp_chunk_prepared(struct wp_chunk *chunk,
			      const struct wp_reply *reply,
			      struct wp_error *err)
{
	const struct wp_reply *status = wp_reply_at(reply, 0);
	const struct wp_reply *last = wp_reply_at(reply, LAST_AT);

	if (wp_reply_is(status, "lost"))
		return wp_error_set(err, WP_ERR_STALE, "the lease is lost");
	chunk->is_none = wp_reply_is(status, "none");
	if (chunk->is_none)
		return WP_OK;
	chunk->waiting[WP_BAND_HIGH] =
		wp_reply_int(wp_reply_at(reply, HIGH_AT));
	chunk->waiting[WP_BAND_STANDARD] =
		wp_reply_int(wp_reply_at(reply, STANDARD_AT));
	if (!wp_reply_is(status, "read") ||
	    chunk->waiting[WP_BAND_HIGH] + chunk->waiting[WP_BAND_STANDARD] <=
		    0)
		return no_answer(err, "prepare");
	chunk->last_ms =
		wp_reply_len(last) > 0 ? wp_reply_int(last) : INT64_MAX;
	read_waits(chunk, wp_reply_str(wp_reply_at(reply, WAITS_AT)));
	return WP_OK;
}

/* ---- how much of it ---- */

int64_t wp_chunk_plan(struct wp_chunk *chunk, const struct wp_chunk_room *room)
{
	bool is_known = chunk->bytes >= 0;
	/* They are as long as all that waits, or nobody knows. */
	int64_t each = is_known ? chunk->bytes / chunk->entries + 1
				: room->longest + 1;
	int64_t left = room->bytes / each;
	int64_t bytes;
	int64_t n = 0;

	if (is_known && chunk->bytes <= room->bytes)
		left = INT64_MAX;
	if (chunk->bytes > room->most)
		left = least(left, room->most / (room->longest + 1));
	if (left < 1)
		left = 1;
	for (size_t i = 0; i < WP_CHUNK_BANDS; i++) {
		int64_t *count = &chunk->count[order[i]];

		*count = least(least(chunk->waiting[order[i]], room->rows),
			       left - n);
		n += *count;
	}
	bytes = n * room->longest;
	return is_known ? least(bytes, chunk->bytes) : bytes;
}

/* ---- reading ---- */

void wp_chunk_read_build(struct wp_cmd *cmd, const struct wp_box *box,
			 const struct wp_chunk *chunk, enum wp_band band)
{
	char key[KEY_MAX];

	(void)snprintf(key, sizeof(key), "wp:{%" PRIu32 "}:%s%s",
		       box->partition,
		       band == WP_BAND_HIGH ? "hot!:" : "hot:", box->text);
	wp_cmd_clear(cmd);
	wp_cmd_str(cmd, "XRANGE");
	wp_cmd_str(cmd, key);
	wp_cmd_str(cmd, "-");
	wp_cmd_str(cmd, "+");
	wp_cmd_str(cmd, "COUNT");
	wp_cmd_int(cmd, chunk->count[band]);
}

void wp_chunk_was_read(struct wp_chunk *chunk, enum wp_band band,
		       struct wp_reply *reply)
{
	wp_reply_free(&chunk->replies[band]);
	chunk->replies[band] = reply;
}

/* Of how many entries there are answers; none must be an error. */
static enum wp_err count_read(const struct wp_chunk *chunk, size_t *n_out,
			      struct wp_error *err)
{
	*n_out = 0;
	for (size_t i = 0; i < WP_CHUNK_BANDS; i++) {
		if (wp_reply_type(chunk->replies[i]) == WP_REPLY_ERROR)
			return no_answer(err, "XRANGE");
		*n_out += wp_reply_count(chunk->replies[i]);
	}
	return WP_OK;
}

/* What an entry says; false when no send has written it. */
static bool read_entry(const struct wp_reply *reply, struct wp_store_row *row,
		       bool *is_ephemeral_out)
{
	const struct wp_reply *id = wp_reply_at(reply, 0);
	const struct wp_reply *fields = wp_reply_at(reply, 1);
	const struct wp_reply *m = wp_reply_at(fields, M_AT);
	struct wp_entry entry;

	if (!wp_entry_id_parse(&row->entry, wp_reply_str(id),
			       wp_reply_len(id)) ||
	    !wp_reply_is(wp_reply_at(fields, EXPIRY_AT - 1), "x") ||
	    !wp_reply_is(wp_reply_at(fields, M_AT - 1), "m") ||
	    !wp_entry_read(&entry, wp_reply_str(m), wp_reply_len(m)))
		return false;
	row->expires_ms = wp_reply_int(wp_reply_at(fields, EXPIRY_AT));
	row->json = entry.envelope;
	row->json_len = entry.envelope_len;
	*is_ephemeral_out = entry.is_ephemeral;
	return true;
}

/*
 * The oldest of a band, up to one that may not be copied. All but the ephemeral
 * are to be stored; what has expired is for the sweeper to delete, who knows
 * whether the clock can be believed.
 */
static enum wp_err finish_band(struct wp_chunk *chunk, enum wp_band band,
			       size_t room, int64_t *bytes_out,
			       struct wp_error *err)
{
	const struct wp_reply *entries = chunk->replies[band];
	bool is_over = false;

	for (size_t i = 0; i < wp_reply_count(entries); i++) {
		struct wp_store_row row = { .band = band };
		bool is_ephemeral = false;

		if (!read_entry(wp_reply_at(entries, i), &row, &is_ephemeral))
			return no_answer(err, "XRANGE");
		*bytes_out += (int64_t)row.json_len;
		is_over |= !is_ephemeral && row.expires_ms > chunk->last_ms;
		if (is_over)
			continue;
		if (is_ephemeral)
			chunk->rows[room - ++chunk->n_ephemeral] = row;
		else
			chunk->rows[chunk->n++] = row;
	}
	return WP_OK;
}

enum wp_err wp_chunk_finish(struct wp_chunk *chunk, int64_t *bytes_out,
			    struct wp_error *err)
{
	size_t n;
	enum wp_err rc = count_read(chunk, &n, err);

	if (rc != WP_OK || n == 0)
		return rc;
	chunk->rows = calloc(n, sizeof(*chunk->rows));
	if (chunk->rows == NULL)
		return wp_error_set(err, WP_ERR_PROTO, "out of memory");
	for (size_t i = 0; i < WP_CHUNK_BANDS && rc == WP_OK; i++)
		rc = finish_band(chunk, order[i], n, bytes_out, err);
	/* Less than there is room for when a band was not taken to its end. */
	if (chunk->n_ephemeral > 0)
		memmove(chunk->rows + chunk->n,
			chunk->rows + n - chunk->n_ephemeral,
			chunk->n_ephemeral * sizeof(*chunk->rows));
	return rc;
}

void wp_chunk_drop_texts(struct wp_chunk *chunk)
{
	for (size_t i = 0; i < WP_CHUNK_BANDS; i++)
		wp_reply_free(&chunk->replies[i]);
	for (size_t i = 0; i < chunk->n + chunk->n_ephemeral; i++)
		chunk->rows[i].json = NULL;
}

/* ---- trimming ---- */

static int64_t count_of(const struct wp_store_row *rows, size_t n,
			enum wp_band band)
{
	int64_t count = 0;

	for (size_t i = 0; i < n; i++)
		count += rows[i].band == band;
	return count;
}

static void add_ids(struct wp_cmd *cmd, const struct wp_store_row *rows,
		    size_t n, enum wp_band band)
{
	for (size_t i = 0; i < n; i++) {
		char id[WP_ENTRY_ID_MAX];

		if (rows[i].band != band)
			continue;
		wp_entry_id_format(&rows[i].entry, id);
		wp_cmd_str(cmd, id);
	}
}

void wp_chunk_trim_build(struct wp_cmd *cmd, const struct wp_box *box,
			 const struct wp_chunk *chunk,
			 const struct wp_store_size *size, bool is_ephemeral)
{
	const struct wp_store_row *rows =
		chunk->rows + (is_ephemeral ? chunk->n : 0);
	size_t n = is_ephemeral ? chunk->n_ephemeral : chunk->n;

	wp_cmd_script(cmd, WP_SCRIPT_TRIM, box->partition);
	wp_cmd_add(cmd, box->text, box->len);
	wp_cmd_int(cmd, size->version);
	wp_cmd_int(cmd, size->n);
	wp_cmd_int(cmd, size->bytes);
	wp_cmd_int(cmd, count_of(rows, n, WP_BAND_STANDARD));
	wp_cmd_int(cmd, is_ephemeral);
	add_ids(cmd, rows, n, WP_BAND_STANDARD);
	add_ids(cmd, rows, n, WP_BAND_HIGH);
}

void wp_chunk_release(struct wp_chunk *chunk)
{
	for (size_t i = 0; i < WP_CHUNK_BANDS; i++)
		wp_reply_free(&chunk->replies[i]);
	free(chunk->rows);
	*chunk = (struct wp_chunk){ 0 };
}
