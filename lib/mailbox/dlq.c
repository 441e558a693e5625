/*
 * dlq.c - words of the dead-letter scripts' calls, and what their answers mean.
 *
 * Everything read here was written by somebody who got something wrong: no
 * field is trusted to be there, or to be printable.
 */
#include "lib/mailbox/dlq.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "lib/mailbox/inbox.h"
#include "lib/mailbox/scripts.h"

enum {
	PARTITION_MAX = 65535,
	PARTITION_DIGITS = 5,
	KEY_MAX = 40, /* of Redis: "wp:{65535}:dlq" */
	ENTRY_AFTER_MAX = WP_ENTRY_ID_MAX + 1,
	IDEMPOTENCY_MAX = sizeof("inbox:dlq:") + WP_ENTRY_ID_MAX,
};

static const char inbox_name[] = "inbox";

static void format_queue(const struct wp_dlq_queue *queue,
			 char text[WP_DLQ_QUEUE_MAX])
{
	if (queue->is_inbox)
		(void)snprintf(text, WP_DLQ_QUEUE_MAX, "%s", inbox_name);
	else
		(void)snprintf(text, WP_DLQ_QUEUE_MAX, "%" PRIu32,
			       queue->partition);
}

bool wp_dlq_queue_parse(struct wp_dlq_queue *out, const char *text, size_t len)
{
	uint32_t partition = 0;

	*out = (struct wp_dlq_queue){ 0 };
	if (len == sizeof(inbox_name) - 1 &&
	    memcmp(text, inbox_name, len) == 0) {
		out->is_inbox = true;
		return true;
	}
	if (len < 1 || len > PARTITION_DIGITS)
		return false;
	for (size_t i = 0; i < len; i++) {
		if (text[i] < '0' || text[i] > '9')
			return false;
		partition = partition * 10 + (uint32_t)(text[i] - '0');
	}
	out->partition = partition;
	return partition <= PARTITION_MAX;
}

void wp_dlq_id_format(const struct wp_dlq_id *id, char text[WP_DLQ_ID_MAX])
{
	char queue[WP_DLQ_QUEUE_MAX];
	char entry[WP_ENTRY_ID_MAX];

	format_queue(&id->queue, queue);
	wp_entry_id_format(&id->entry, entry);
	(void)snprintf(text, WP_DLQ_ID_MAX, "%s/%s", queue, entry);
}

bool wp_dlq_id_parse(struct wp_dlq_id *out, const char *text, size_t len)
{
	const char *slash = memchr(text, '/', len);
	size_t before;

	if (slash == NULL)
		return false;
	before = (size_t)(slash - text);
	return wp_dlq_queue_parse(&out->queue, text, before) &&
	       wp_entry_id_parse(&out->entry, slash + 1, len - before - 1);
}

static void stream_of(const struct wp_dlq_queue *queue, char key[KEY_MAX])
{
	if (queue->is_inbox)
		(void)snprintf(key, KEY_MAX, "%s:dlq", WP_INBOX_KEY);
	else
		(void)snprintf(key, KEY_MAX, "wp:{%" PRIu32 "}:dlq",
			       queue->partition);
}

static void add_entry(struct wp_cmd *cmd, const struct wp_entry_id *entry)
{
	char text[WP_ENTRY_ID_MAX];

	wp_entry_id_format(entry, text);
	wp_cmd_str(cmd, text);
}

static void begin(struct wp_cmd *cmd, enum wp_script script,
		  const struct wp_dlq_queue *queue)
{
	char key[KEY_MAX];

	stream_of(queue, key);
	wp_cmd_script_key(cmd, script, key);
}

void wp_dlq_count_build(struct wp_cmd *cmd, const struct wp_dlq_queue *queue)
{
	char key[KEY_MAX];

	stream_of(queue, key);
	wp_cmd_clear(cmd);
	wp_cmd_str(cmd, "XLEN");
	wp_cmd_str(cmd, key);
}

void wp_dlq_last_build(struct wp_cmd *cmd, const struct wp_dlq_queue *queue)
{
	char key[KEY_MAX];

	stream_of(queue, key);
	wp_cmd_clear(cmd);
	wp_cmd_str(cmd, "XREVRANGE");
	wp_cmd_str(cmd, key);
	wp_cmd_str(cmd, "+");
	wp_cmd_str(cmd, "-");
	wp_cmd_str(cmd, "COUNT");
	wp_cmd_int(cmd, 1);
}

enum wp_err wp_dlq_last_parse(const struct wp_reply *reply,
			      struct wp_entry_id *out)
{
	const struct wp_reply *id = wp_reply_at(wp_reply_at(reply, 0), 0);

	if (wp_reply_type(reply) != WP_REPLY_ARRAY)
		return WP_ERR_PROTO;
	if (wp_reply_count(reply) == 0)
		return WP_ERR_NOTFOUND;
	return wp_entry_id_parse(out, wp_reply_str(id), wp_reply_len(id))
		       ? WP_OK
		       : WP_ERR_PROTO;
}

void wp_dlq_list_build(struct wp_cmd *cmd, const struct wp_dlq_queue *queue,
		       const struct wp_entry_id *after,
		       const struct wp_entry_id *up_to, size_t max)
{
	char from[ENTRY_AFTER_MAX] = "-";

	assert(max >= 1 && max <= WP_DLQ_PAGE_MAX);
	if (after != NULL) {
		from[0] = '(';
		wp_entry_id_format(after, from + 1);
	}
	begin(cmd, WP_SCRIPT_DLQ_LIST, queue);
	wp_cmd_str(cmd, from);
	if (up_to != NULL)
		add_entry(cmd, up_to);
	else
		wp_cmd_str(cmd, "+");
	wp_cmd_int(cmd, (int64_t)max);
}

void wp_dlq_find_build(struct wp_cmd *cmd, const struct wp_dlq_id *id)
{
	begin(cmd, WP_SCRIPT_DLQ_LIST, &id->queue);
	add_entry(cmd, &id->entry);
	add_entry(cmd, &id->entry);
	wp_cmd_int(cmd, 1);
}

size_t wp_dlq_list_count(const struct wp_reply *reply)
{
	return wp_reply_count(reply);
}

/* It goes to terminals: what is no printable ASCII becomes '?'. */
static void copy_text(char *out, size_t size, const struct wp_reply *text)
{
	const char *from = wp_reply_str(text);
	size_t len = wp_reply_len(text);
	size_t i;

	for (i = 0; i < len && i < size - 1; i++) {
		out[i] = from[i];
		if (out[i] < 0x20 || out[i] > 0x7e)
			out[i] = '?';
	}
	out[i] = '\0';
}

/* Where the words of a row are: see dlq_list.lua. */
enum row {
	ROW_ENTRY,
	ROW_ID,
	ROW_REASON,
	ROW_TRIES,
	ROW_AT,
	ROW_RECIPIENT,
	ROW_BAND,
	ROW_FLAGS,
	ROW_EXPIRY,
	ROW_BYTES,
	ROW_HAS_KEY,
	ROW_WORDS
};

/* The public id needs a place and a band; damage may have taken either. */
static void read_msgid(const struct wp_reply *row, struct wp_dlq_letter *out)
{
	const struct wp_reply *id = wp_reply_at(row, ROW_ID);
	const struct wp_reply *band = wp_reply_at(row, ROW_BAND);
	bool is_high = wp_reply_is(band, "1");

	if (out->id.queue.is_inbox || (!is_high && !wp_reply_is(band, "0")))
		return;
	out->has_msgid = wp_entry_id_parse(&out->msgid.entry, wp_reply_str(id),
					   wp_reply_len(id));
	out->msgid.partition = (uint16_t)out->id.queue.partition;
	out->msgid.band = is_high ? WP_BAND_HIGH : WP_BAND_STANDARD;
}

enum wp_err wp_dlq_list_at(const struct wp_reply *reply, size_t i,
			   const struct wp_dlq_queue *queue,
			   struct wp_dlq_letter *out)
{
	const struct wp_reply *row = wp_reply_at(reply, i);
	const struct wp_reply *entry = wp_reply_at(row, ROW_ENTRY);

	*out = (struct wp_dlq_letter){ .id.queue = *queue };
	if (wp_reply_count(row) != ROW_WORDS ||
	    !wp_entry_id_parse(&out->id.entry, wp_reply_str(entry),
			       wp_reply_len(entry)))
		return WP_ERR_PROTO;
	read_msgid(row, out);
	copy_text(out->reason, sizeof(out->reason),
		  wp_reply_at(row, ROW_REASON));
	copy_text(out->recipient, sizeof(out->recipient),
		  wp_reply_at(row, ROW_RECIPIENT));
	out->tries = wp_reply_int(wp_reply_at(row, ROW_TRIES));
	out->died_ms = wp_reply_int(wp_reply_at(row, ROW_AT));
	if (out->died_ms <= 0)
		out->died_ms = (int64_t)out->id.entry.ms;
	out->is_ephemeral =
		strchr(wp_reply_str(wp_reply_at(row, ROW_FLAGS)), 'e') != NULL;
	out->expires_ms = wp_reply_int(wp_reply_at(row, ROW_EXPIRY));
	out->envelope_bytes = (size_t)wp_reply_int(wp_reply_at(row, ROW_BYTES));
	out->has_key = wp_reply_int(wp_reply_at(row, ROW_HAS_KEY)) == 1;
	return WP_OK;
}

void wp_dlq_read_build(struct wp_cmd *cmd, const struct wp_dlq_id *id)
{
	char key[KEY_MAX];

	stream_of(&id->queue, key);
	wp_cmd_clear(cmd);
	wp_cmd_str(cmd, "XRANGE");
	wp_cmd_str(cmd, key);
	add_entry(cmd, &id->entry);
	add_entry(cmd, &id->entry);
}

enum wp_err wp_dlq_read_parse(const struct wp_reply *reply,
			      struct wp_dlq_content *out)
{
	const struct wp_reply *flat = wp_reply_at(wp_reply_at(reply, 0), 1);

	*out = (struct wp_dlq_content){ 0 };
	if (flat == NULL)
		return WP_ERR_NOTFOUND;
	for (size_t i = 0; i + 1 < wp_reply_count(flat); i += 2) {
		const struct wp_reply *name = wp_reply_at(flat, i);

		if (wp_reply_is(name, "e") || wp_reply_is(name, "envelope"))
			out->envelope = wp_reply_at(flat, i + 1);
		else if (wp_reply_is(name, "key"))
			out->key = wp_reply_at(flat, i + 1);
		else if (wp_reply_is(name, "id"))
			out->first_id = wp_reply_at(flat, i + 1);
	}
	return WP_OK;
}

static const struct {
	const char *word;
	const char *text;
} outcomes[WP_DLQ_OUTCOMES] = {
	[WP_DLQ_REQUEUED] = { "ok", "requeued" },
	[WP_DLQ_GONE] = { "gone", "there is no such dead letter" },
	[WP_DLQ_EXPIRED] = { "expired",
			     "it has expired and would not be delivered; it "
			     "can only be dropped" },
	[WP_DLQ_ABSENT] = { "absent",
			    "it is ephemeral and its recipient is offline" },
	[WP_DLQ_BROKEN] = { "broken", "it cannot be delivered" },
	[WP_DLQ_LONG] = { "long",
			  "too much waits in its recipient's queue to make "
			  "room for it; try again later" },
};

const char *wp_dlq_outcome_text(enum wp_dlq_outcome outcome)
{
	assert((unsigned int)outcome < WP_DLQ_OUTCOMES);
	return outcomes[outcome].text;
}

void wp_dlq_requeue_build(struct wp_cmd *cmd, const struct wp_dlq_id *id)
{
	assert(!id->queue.is_inbox);
	wp_cmd_script(cmd, WP_SCRIPT_DLQ_REQUEUE, id->queue.partition);
	add_entry(cmd, &id->entry);
	wp_cmd_int(cmd, WP_DLQ_REBUILD_ENTRIES);
	wp_cmd_int(cmd, WP_DLQ_REBUILD_BYTES);
}

enum wp_err wp_dlq_requeue_parse(const struct wp_reply *reply,
				 enum wp_dlq_outcome *out, const char **why_out)
{
	*why_out = wp_reply_str(wp_reply_at(reply, 1));
	for (unsigned int i = 0; i < WP_DLQ_OUTCOMES; i++) {
		if (wp_reply_is(wp_reply_at(reply, 0), outcomes[i].word)) {
			*out = (enum wp_dlq_outcome)i;
			return WP_OK;
		}
	}
	return WP_ERR_UNAVAIL;
}

/*
 * The key that the inbox' reader makes for an entry without one. Two letters
 * of one entry, left by a reader that died in between, share it.
 */
static void make_key(const struct wp_dlq_id *id,
		     const struct wp_dlq_content *content,
		     char key[IDEMPOTENCY_MAX])
{
	const struct wp_reply *first = content->first_id;
	struct wp_entry_id entry;
	char text[WP_ENTRY_ID_MAX];
	bool is_known = wp_entry_id_parse(&entry, wp_reply_str(first),
					  wp_reply_len(first));

	wp_entry_id_format(is_known ? &entry : &id->entry, text);
	(void)snprintf(key, IDEMPOTENCY_MAX, "inbox:%s%s",
		       is_known ? "" : "dlq:", text);
}

void wp_dlq_inbox_build(struct wp_cmd *cmd, const struct wp_dlq_id *id,
			const struct wp_dlq_content *content)
{
	char key[IDEMPOTENCY_MAX];

	assert(id->queue.is_inbox && content->envelope != NULL);
	wp_cmd_clear(cmd);
	wp_cmd_str(cmd, "XADD");
	wp_cmd_str(cmd, WP_INBOX_KEY);
	wp_cmd_str(cmd, "*");
	wp_cmd_str(cmd, "envelope");
	wp_cmd_add(cmd, wp_reply_str(content->envelope),
		   wp_reply_len(content->envelope));
	wp_cmd_str(cmd, "key");
	if (content->key != NULL) {
		wp_cmd_add(cmd, wp_reply_str(content->key),
			   wp_reply_len(content->key));
		return;
	}
	make_key(id, content, key);
	wp_cmd_str(cmd, key);
}

void wp_dlq_drop_begin(struct wp_cmd *cmd, const struct wp_dlq_queue *queue)
{
	begin(cmd, WP_SCRIPT_DLQ_DROP, queue);
}

void wp_dlq_drop_add(struct wp_cmd *cmd, const struct wp_entry_id *entry)
{
	add_entry(cmd, entry);
}
