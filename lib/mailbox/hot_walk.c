/*
 * hot_walk.c - asking for entries, hint and gate, and reading what Redis says.
 *
 * Plain commands, for a script would make a table of each entry and a string of
 * each envelope. No transaction either: a full Redis refuses those. The order
 * is what counts, hot before hint.
 */
#include "lib/mailbox/hot_walk.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/mailbox/entry.h"
#include "lib/mailbox/scripts.h"

enum {
	/* Of the longest envelopes as many as a page may have; but where a few
	 * may be very long, most are not. */
	SLICE_MIN = 4,
	SLICE_MAX = 16,
	/* At a time, where the expired are to be passed over. */
	SKIP = 256,
	KEY_MAX = 40 + WP_BOX_MAX,
	NUMBER_MAX = 24,
	/* Of an entry in hot: x, expiry, m, all the rest. */
	EXPIRY_AT = 1,
	M_AT = 3,
};

void wp_hot_walk_begin(struct wp_hot_walk *walk,
		       const struct wp_hot_bounds *bounds,
		       const struct wp_box *box,
		       const struct wp_band_from from[WP_BANDS],
		       struct wp_arena *arena)
{
	size_t slice = bounds->max_envelope == 0
			       ? SLICE_MAX
			       : WP_PULL_MAX_BYTES / bounds->max_envelope;

	if (slice < SLICE_MIN)
		slice = SLICE_MIN;
	if (slice > SLICE_MAX)
		slice = SLICE_MAX;
	*walk = (struct wp_hot_walk){
		.box = box,
		.bounds = *bounds,
		.arena = arena,
		.slice = slice,
		.most = slice,
	};
	for (size_t band = 0; band < WP_BANDS; band++)
		walk->places[band] = (struct wp_hot_place){
			.is_done = from[band].is_skipped,
			.has_after = from[band].has_after,
			.after = from[band].after,
		};
}

bool wp_hot_walk_is_done(const struct wp_hot_walk *walk)
{
	return walk->places[WP_BAND_HIGH].is_done &&
	       walk->places[WP_BAND_STANDARD].is_done;
}

/* ---- asking ---- */

/* The first word of a command, and the key that it is about. */
static void add_key(struct wp_cmd *cmd, const char *command,
		    const struct wp_box *box, const char *name)
{
	char key[KEY_MAX];

	(void)snprintf(key, sizeof(key), "wp:{%" PRIu32 "}:%s", box->partition,
		       name);
	wp_cmd_str(cmd, command);
	wp_cmd_str(cmd, key);
}

/* The same for a key that ends with the user's name. */
static void add_own_key(struct wp_cmd *cmd, const char *command,
			const struct wp_box *box, const char *name)
{
	char key[KEY_MAX];

	(void)snprintf(key, sizeof(key), "wp:{%" PRIu32 "}:%s%s",
		       box->partition, name, box->text);
	wp_cmd_str(cmd, command);
	wp_cmd_str(cmd, key);
}

static void ask_field(struct wp_cmd *cmd, const struct wp_box *box,
		      const char *hash)
{
	add_key(cmd, "HGET", box, hash);
	wp_cmd_add(cmd, box->text, box->len);
	wp_cmd_end(cmd);
}

static const char *hot_name(enum wp_band band)
{
	return band == WP_BAND_HIGH ? "hot!:" : "hot:";
}

/* Rows before those of a band on the page, and of it. */
static size_t rows_until(const struct wp_hot_walk *walk, enum wp_band band)
{
	size_t n = walk->lanes[WP_BAND_HIGH].n;

	if (band == WP_BAND_STANDARD)
		n += walk->lanes[WP_BAND_STANDARD].n;
	return n;
}

static size_t bytes_until(const struct wp_hot_walk *walk, enum wp_band band)
{
	size_t bytes = walk->bytes[WP_BAND_HIGH];

	if (band == WP_BAND_STANDARD)
		bytes += walk->bytes[WP_BAND_STANDARD];
	return bytes;
}

/* What fills the page, and one more, that tells whether there is more. */
static size_t count_of(const struct wp_hot_walk *walk, enum wp_band band)
{
	size_t rows = rows_until(walk, band);
	size_t n = rows < walk->bounds.rows ? walk->bounds.rows - rows + 1 : 1;

	if (walk->has_expired && n < SKIP)
		n = SKIP;
	return n < walk->most ? n : walk->most;
}

static void ask_band(struct wp_hot_walk *walk, enum wp_band band,
		     struct wp_cmd *cmd)
{
	struct wp_hot_place *place = &walk->places[band];
	char from[1 + WP_ENTRY_ID_MAX] = "-";

	if (place->has_after) {
		from[0] = '(';
		wp_entry_id_format(&place->after, from + 1);
	}
	place->asked = count_of(walk, band);
	add_own_key(cmd, "XRANGE", walk->box, hot_name(band));
	wp_cmd_str(cmd, from);
	wp_cmd_str(cmd, "+");
	wp_cmd_str(cmd, "COUNT");
	wp_cmd_int(cmd, (int64_t)place->asked);
	wp_cmd_end(cmd);
}

static void add_members(const struct wp_hot_walk *walk, enum wp_band band,
			struct wp_cmd *cmd)
{
	const struct wp_pull_lane *lane = &walk->lanes[band];
	char text[1 + WP_ENTRY_ID_MAX] = "!";

	for (size_t i = 0; i < lane->n; i++) {
		wp_entry_id_format(&lane->rows[i].entry, text + 1);
		wp_cmd_str(cmd, band == WP_BAND_HIGH ? text : text + 1);
	}
}

/*
 * Is anything alive beside what is known? Before this look at the bands: what
 * comes in between is not known, and need not be. Asked ever more rarely, for
 * it may be in vain: a walk takes at most twice the looks that it needs.
 */
static void ask_alive(struct wp_hot_walk *walk, struct wp_cmd *cmd)
{
	walk->ask_at = 2 * walk->looks + 1;
	wp_cmd_script(cmd, WP_SCRIPT_ALIVE, walk->box->partition);
	wp_cmd_add(cmd, walk->box->text, walk->box->len);
	add_members(walk, WP_BAND_HIGH, cmd);
	add_members(walk, WP_BAND_STANDARD, cmd);
	wp_cmd_end(cmd);
}

void wp_hot_walk_ask(struct wp_hot_walk *walk, const char *run_id,
		     struct wp_cmd *cmd)
{
	(void)snprintf(walk->run_id, sizeof(walk->run_id), "%s", run_id);
	wp_cmd_clear(cmd);
	walk->is_asking = walk->has_expired && walk->looks >= walk->ask_at;
	if (walk->is_asking)
		ask_alive(walk, cmd);
	wp_cmd_str(cmd, "TIME");
	wp_cmd_end(cmd);
	for (int band = WP_BAND_HIGH; band >= WP_BAND_STANDARD; band--)
		if (!walk->places[band].is_done)
			ask_band(walk, (enum wp_band)band, cmd);
	ask_field(cmd, walk->box, "waits");
	/* Never before hot; and the gate before the hint: where it is open, all
	 * hints are set. */
	add_key(cmd, "GET", walk->box, "gate");
	wp_cmd_end(cmd);
	ask_field(cmd, walk->box, "cold");
}

/* ---- hearing ---- */

/* The answers of a group, one after the other. */
struct answers {
	const struct wp_reply *reply;
	size_t at;
};

static const struct wp_reply *next(struct answers *answers)
{
	return wp_reply_at(answers->reply, answers->at++);
}

static enum wp_err unusable(struct wp_error *err)
{
	return wp_error_set(err, WP_ERR_UNAVAIL,
			    "Redis gave no usable answer to a pull");
}

static enum wp_err out_of_memory(struct wp_error *err)
{
	(void)wp_error_set(err, WP_ERR_UNAVAIL, "out of memory for a page");
	return WP_ERR_UNAVAIL;
}

/* Of an entry, without its id. False when it is none of ours. */
static bool read_fields(const struct wp_reply *reply, struct wp_entry *entry,
			int64_t *expires_ms)
{
	const struct wp_reply *fields = wp_reply_at(reply, 1);
	const struct wp_reply *m = wp_reply_at(fields, M_AT);

	*expires_ms = wp_reply_int(wp_reply_at(fields, EXPIRY_AT));
	return wp_entry_read(entry, wp_reply_str(m), wp_reply_len(m));
}

/* Does one more row of this length fit? The first one always does. */
static bool has_room(const struct wp_hot_walk *walk, enum wp_band band,
		     size_t len)
{
	size_t rows = rows_until(walk, band);

	return rows == 0 ||
	       (rows < walk->bounds.rows &&
		bytes_until(walk, band) + len <= walk->bounds.bytes);
}

static enum wp_err add_row(struct wp_hot_walk *walk, enum wp_band band,
			   const struct wp_entry_id *id,
			   const struct wp_entry *entry, struct wp_error *err)
{
	struct wp_pull_lane *lane = &walk->lanes[band];
	struct wp_pull_row *row;

	if (lane->rows == NULL)
		lane->rows = wp_arena_alloc(
			walk->arena, walk->bounds.rows * sizeof(*lane->rows));
	if (lane->rows == NULL)
		return out_of_memory(err);
	row = &lane->rows[lane->n];
	row->entry = *id;
	row->json_len = entry->envelope_len;
	row->json = wp_arena_copy(walk->arena, entry->envelope, row->json_len);
	if (row->json == NULL)
		return out_of_memory(err);
	walk->bytes[band] += row->json_len;
	lane->n++;
	return WP_OK;
}

static enum wp_err read_entry(struct wp_hot_walk *walk, enum wp_band band,
			      const struct wp_reply *reply,
			      struct wp_error *err)
{
	const struct wp_reply *id = wp_reply_at(reply, 0);
	struct wp_hot_place *place = &walk->places[band];
	struct wp_entry entry;
	int64_t expires_ms;

	if (!wp_entry_id_parse(&place->after, wp_reply_str(id),
			       wp_reply_len(id)) ||
	    !read_fields(reply, &entry, &expires_ms))
		return wp_error_set(err, WP_ERR_UNAVAIL,
				    "a hot queue holds a bad entry");
	place->has_after = true;
	if (expires_ms <= walk->now_ms) {
		walk->has_expired = true;
		return WP_OK;
	}
	if (!has_room(walk, band, entry.envelope_len)) {
		walk->lanes[band].more = true;
		return WP_OK;
	}
	return add_row(walk, band, &place->after, &entry, err);
}

static enum wp_err read_band(struct wp_hot_walk *walk, enum wp_band band,
			     const struct wp_reply *entries,
			     struct wp_error *err)
{
	struct wp_hot_place *place = &walk->places[band];
	const struct wp_pull_lane *lane = &walk->lanes[band];
	size_t n = wp_reply_count(entries);
	enum wp_err rc = WP_OK;

	if (wp_reply_type(entries) != WP_REPLY_ARRAY || n > place->asked)
		return unusable(err);
	for (size_t i = 0; rc == WP_OK && !lane->more && i < n; i++)
		rc = read_entry(walk, band, wp_reply_at(entries, i), err);
	place->is_done = n < place->asked || lane->more;
	return rc;
}

/*
 * "<messages> <bytes>" that wait in ingress and hot: all of them may be asked
 * for at once when they are no longer than a page. It may be missing or foreign
 * (then nothing is known), and tells nothing of what comes later.
 */
static void read_waits(struct wp_hot_walk *walk, const struct wp_reply *waits)
{
	char *end = NULL;
	uint64_t n = strtoull(wp_reply_str(waits), &end, 10);

	walk->most = walk->slice;
	if (wp_reply_type(waits) == WP_REPLY_STR && *end == ' ' &&
	    strtoull(end, NULL, 10) <= walk->bounds.bytes && n > walk->slice)
		walk->most = n < SIZE_MAX ? (size_t)n : SIZE_MAX;
}

/* Hint and gate; false when they are no answer. */
static bool read_hint(struct wp_hot_walk *walk, struct answers *answers)
{
	const struct wp_reply *gate = next(answers);
	const struct wp_reply *cold = next(answers);

	if (wp_reply_type(gate) == WP_REPLY_ERROR ||
	    wp_reply_type(cold) == WP_REPLY_ERROR)
		return false;
	walk->ask_cold |= !wp_reply_is(gate, walk->run_id) ||
			  wp_reply_type(cold) != WP_REPLY_NIL;
	return true;
}

static bool read_time(struct wp_hot_walk *walk, const struct wp_reply *time)
{
	walk->now_ms = wp_reply_int(wp_reply_at(time, 0)) * 1000 +
		       wp_reply_int(wp_reply_at(time, 1)) / 1000;
	return wp_reply_count(time) == 2;
}

enum wp_err wp_hot_walk_told(struct wp_hot_walk *walk,
			     const struct wp_reply *reply, struct wp_error *err)
{
	struct answers answers = { .reply = reply };
	struct wp_hot_place *standard = &walk->places[WP_BAND_STANDARD];
	struct wp_hot_place *high = &walk->places[WP_BAND_HIGH];
	bool is_all_known = false;
	enum wp_err rc = WP_OK;

	if (walk->is_asking) {
		const struct wp_reply *alive = next(&answers);

		is_all_known = wp_reply_type(alive) == WP_REPLY_INT &&
			       wp_reply_int(alive) == 0;
	}
	if (!read_time(walk, next(&answers)))
		return unusable(err);
	if (!high->is_done)
		rc = read_band(walk, WP_BAND_HIGH, next(&answers), err);
	if (rc == WP_OK && !standard->is_done)
		rc = read_band(walk, WP_BAND_STANDARD, next(&answers), err);
	if (rc != WP_OK)
		return rc;
	read_waits(walk, next(&answers));
	if (!read_hint(walk, &answers) || answers.at != wp_reply_count(reply))
		return unusable(err);
	walk->looks++;
	if (is_all_known)
		high->is_done = standard->is_done = true;
	/* Standard comes after all of high, on whichever page that ends. */
	if (walk->lanes[WP_BAND_HIGH].more)
		standard->is_done = true;
	return WP_OK;
}
