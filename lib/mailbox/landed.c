/*
 * landed.c - words of a call of landed.lua, and its answers.
 *
 * Knows the argument order of the script and nothing about when to call it.
 */
#include "lib/mailbox/landed.h"

#include <assert.h>

#include "lib/mailbox/push.h"
#include "lib/mailbox/scripts.h"

size_t wp_landed_part_end(const struct wp_store_append *appends, size_t n,
			  size_t from)
{
	uint32_t partition = appends[from].box->partition;
	size_t ids = 0;
	size_t i;

	for (i = from; i < n && i - from < WP_LANDED_USERS_MAX; i++) {
		ids += appends[i].n;
		if (appends[i].box->partition != partition ||
		    (ids > WP_LANDED_IDS_MAX && i > from))
			break;
	}
	return i;
}

static void add_id(struct wp_cmd *cmd, const struct wp_entry_id *id)
{
	char text[WP_ENTRY_ID_MAX];

	wp_entry_id_format(id, text);
	wp_cmd_str(cmd, text);
}

static void add_user(struct wp_cmd *cmd, const struct wp_store_append *append)
{
	const struct wp_store_row *rows = append->rows;
	const struct wp_entry_id *highest = &rows[0].entry;
	int64_t until_ms = rows[0].expires_ms;
	int64_t sum = 0;
	bool is_high = false;

	assert(append->n > 0 && append->n <= WP_LANDED_IDS_MAX);
	for (size_t i = 0; i < append->n; i++) {
		sum += (int64_t)rows[i].json_len;
		if (wp_entry_id_cmp(&rows[i].entry, highest) > 0)
			highest = &rows[i].entry;
		if (rows[i].expires_ms > until_ms)
			until_ms = rows[i].expires_ms;
		is_high |= rows[i].band == WP_BAND_HIGH;
	}
	wp_cmd_add(cmd, append->box->text, append->box->len);
	wp_cmd_int(cmd, append->size.version);
	wp_cmd_int(cmd, append->size.n);
	wp_cmd_int(cmd, append->size.bytes);
	wp_cmd_int(cmd, sum);
	add_id(cmd, highest);
	wp_cmd_int(cmd, until_ms);
	wp_cmd_str(cmd, is_high ? "1" : "0");
	wp_cmd_int(cmd, (int64_t)append->n);
	for (size_t i = 0; i < append->n; i++)
		add_id(cmd, &rows[i].entry);
}

void wp_landed_build(struct wp_cmd *cmd, const struct wp_conf *conf,
		     const struct wp_store_append *appends, size_t n)
{
	size_t parts = 0;
	size_t end;

	for (size_t i = 0; i < n; i = wp_landed_part_end(appends, n, i))
		parts++;
	wp_cmd_script_of(cmd, WP_SCRIPT_LANDED, parts);
	for (size_t i = 0; i < n; i = wp_landed_part_end(appends, n, i))
		wp_cmd_prefix(cmd, appends[i].box->partition);
	wp_push_add(cmd, conf);
	for (size_t i = 0; i < n; i = end) {
		end = wp_landed_part_end(appends, n, i);
		wp_cmd_int(cmd, (int64_t)(end - i));
		for (size_t k = i; k < end; k++)
			add_user(cmd, &appends[k]);
	}
}

enum wp_err wp_landed_parse(const struct wp_reply *reply, size_t part,
			    struct wp_landed *out, struct wp_error *err)
{
	const struct wp_reply *answer = wp_reply_at(reply, part);
	const char *why = wp_reply_str(wp_reply_at(answer, 1));

	*out = (struct wp_landed){ 0 };
	if (wp_reply_is(wp_reply_at(answer, 0), "ok")) {
		out->gone = wp_reply_int(wp_reply_at(answer, 1));
		out->left = wp_reply_int(wp_reply_at(answer, 2));
		out->now_ms = wp_reply_int(wp_reply_at(answer, 3));
		return WP_OK;
	}
	if (wp_reply_type(reply) == WP_REPLY_ERROR)
		why = wp_reply_str(reply);
	return wp_error_set(err, WP_ERR_PROTO,
			    "Redis does not take out of ingress what is on "
			    "disk: %.120s",
			    why);
}
