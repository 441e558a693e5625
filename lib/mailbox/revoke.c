/*
 * revoke.c - words of a call of revoke.lua, and the entries of its stream.
 */
#include "lib/mailbox/revoke.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "lib/base/clock.h"
#include "lib/base/encode.h"
#include "lib/mailbox/scripts.h"

#define STREAM "wp:revoked"

enum {
	KEY_DIGITS = 2 * WP_REVOKED_KEY_BYTES,
	PAGE = 1000, /* entries of an answer: about 1 ms of Redis */
	FIELDS = 6,  /* h, b, x, and their values */
	MS_PER_S = 1000,
};

/* The end of year 9999. */
#define TIME_MAX_S INT64_C(253402300799)

/* ---- saying ---- */

/* The caller's clock, and the keys: all but how long, and until when. */
static void add_keys(struct wp_cmd *cmd, const struct wp_revoked_key *keys,
		     size_t n)
{
	char text[KEY_DIGITS + 1];

	assert(n > 0 && n <= WP_REVOKE_MAX);
	wp_cmd_int(cmd, wp_wall_ms() / MS_PER_S);
	for (size_t i = 0; i < n; i++) {
		wp_hex_write(text, keys[i].bytes, sizeof(keys[i].bytes));
		wp_cmd_add(cmd, text, KEY_DIGITS);
	}
}

void wp_revoke_build(struct wp_cmd *cmd, const struct wp_revoked_key *keys,
		     size_t n, int64_t keep_s)
{
	wp_cmd_script_key(cmd, WP_SCRIPT_REVOKE, STREAM);
	wp_cmd_int(cmd, keep_s);
	wp_cmd_str(cmd, "");
	add_keys(cmd, keys, n);
}

void wp_revoke_until_build(struct wp_cmd *cmd,
			   const struct wp_revoked_key *keys, size_t n,
			   const struct wp_revoke_until *when)
{
	wp_cmd_script_key(cmd, WP_SCRIPT_REVOKE, STREAM);
	wp_cmd_int(cmd, when->keep_s);
	wp_cmd_int(cmd, when->until_s);
	add_keys(cmd, keys, n);
}

enum wp_err wp_revoke_parse(const struct wp_reply *reply)
{
	return wp_reply_type(reply) == WP_REPLY_INT && wp_reply_int(reply) > 0
		       ? WP_OK
		       : WP_ERR_UNAVAIL;
}

/* ---- hearing ---- */

void wp_revoke_read_begin(struct wp_revoke_reader *reader, const char *run_id,
			  uint64_t now_ms)
{
	assert(!reader->is_reading);
	reader->is_reading = true;
	reader->begun_ms = now_ms;
	if (strcmp(reader->run_id, run_id) == 0)
		return;
	(void)snprintf(reader->run_id, sizeof(reader->run_id), "%s", run_id);
	reader->seen = (struct wp_entry_id){ 0 };
}

void wp_revoke_read_build(const struct wp_revoke_reader *reader,
			  struct wp_cmd *cmd)
{
	char id[WP_ENTRY_ID_MAX];

	wp_entry_id_format(&reader->seen, id);
	wp_cmd_clear(cmd);
	wp_cmd_str(cmd, "XREAD");
	wp_cmd_str(cmd, "COUNT");
	wp_cmd_int(cmd, PAGE);
	wp_cmd_str(cmd, "STREAMS");
	wp_cmd_str(cmd, STREAM);
	wp_cmd_str(cmd, id);
}

static bool read_key(const struct wp_reply *text, struct wp_revoked_key *out)
{
	return wp_hex_read(wp_reply_str(text), wp_reply_len(text), out->bytes,
			   sizeof(out->bytes)) &&
	       wp_revoked_key_is_sound(out);
}

static bool read_fields(const struct wp_reply *fields,
			struct wp_revocation *out)
{
	if (wp_reply_count(fields) != FIELDS ||
	    !wp_reply_is(wp_reply_at(fields, 0), "h") ||
	    !wp_reply_is(wp_reply_at(fields, 2), "b") ||
	    !wp_reply_is(wp_reply_at(fields, 4), "x"))
		return false;
	out->at_s = wp_reply_int(wp_reply_at(fields, 3));
	out->forget_s = wp_reply_int(wp_reply_at(fields, 5));
	return out->at_s >= 0 && out->at_s <= TIME_MAX_S &&
	       out->forget_s >= 0 && out->forget_s <= TIME_MAX_S &&
	       read_key(wp_reply_at(fields, 1), &out->key);
}

/* False when it is no entry of a stream. */
static bool take_entry(struct wp_revoke_reader *reader,
		       const struct wp_reply *entry, int64_t now_s)
{
	const struct wp_reply *id = wp_reply_at(entry, 0);
	struct wp_revocation revocation = { 0 };

	if (!wp_entry_id_parse(&reader->seen, wp_reply_str(id),
			       wp_reply_len(id)))
		return false;
	reader->n_heard++;
	if (read_fields(wp_reply_at(entry, 1), &revocation))
		wp_revoked_add(reader->table, &revocation, now_s);
	return true;
}

static enum wp_revoke_step end(struct wp_revoke_reader *reader, bool is_done)
{
	reader->is_reading = false;
	if (!is_done)
		return WP_REVOKE_FAILED;
	reader->has_read = true;
	reader->fresh_ms = reader->begun_ms;
	return WP_REVOKE_DONE;
}

enum wp_revoke_step wp_revoke_read_told(struct wp_revoke_reader *reader,
					const struct wp_reply *reply,
					int64_t now_s)
{
	/* Of the one stream that was asked for, its name and entries. */
	const struct wp_reply *entries = wp_reply_at(wp_reply_at(reply, 0), 1);
	size_t n = wp_reply_count(entries);

	assert(reader->is_reading);
	if (reply == NULL)
		return end(reader, false);
	if (wp_reply_type(reply) == WP_REPLY_NIL)
		return end(reader, true); /* there is nothing new */
	for (size_t i = 0; i < n; i++)
		if (!take_entry(reader, wp_reply_at(entries, i), now_s))
			return end(reader, false);
	if (n == 0)
		return end(reader, false);
	return n < PAGE ? end(reader, true) : WP_REVOKE_AGAIN;
}

void wp_revoke_read_trust(struct wp_revoke_reader *reader, uint64_t at_ms)
{
	reader->has_read = true;
	reader->fresh_ms = at_ms;
}

bool wp_revoke_is_fresh(const struct wp_revoke_reader *reader, uint64_t at_ms,
			uint64_t max_age_ms)
{
	return reader->has_read && at_ms <= reader->fresh_ms + max_age_ms;
}
