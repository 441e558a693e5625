/*
 * dlq.c - the dead-letter scripts, called and heard.
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
	QUEUE_MAX = sizeof("65535"),
	/* A hot queue beyond these is not rebuilt for one dead letter. */
	REBUILD_ENTRIES = 10000,
	REBUILD_BYTES = 64 * 1024 * 1024,
	PIPELINE = 256, /* commands in flight while queues are counted */
	PARTITION_MAX = 65535,
	PARTITION_DIGITS = 5,
	KEY_MAX = 40, /* of Redis: "wp:{65535}:dlq" */
	ENTRY_AFTER_MAX = WP_ENTRY_ID_MAX + 1,
	IDEMPOTENCY_MAX = sizeof("inbox:dlq:") + WP_ENTRY_ID_MAX,
};

static const char inbox_name[] = "inbox";

static void format_queue(const struct wp_dlq_queue *queue, char text[QUEUE_MAX])
{
	if (queue->is_inbox)
		(void)snprintf(text, QUEUE_MAX, "%s", inbox_name);
	else
		(void)snprintf(text, QUEUE_MAX, "%" PRIu32, queue->partition);
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
	char queue[QUEUE_MAX];
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
	wp_cmd_init(cmd);
	wp_cmd_script_key(cmd, script, key);
}

static enum wp_err no_answer(struct wp_error *err)
{
	return wp_error_set(err, WP_ERR_PROTO,
			    "Redis gave no usable answer about dead letters");
}

static enum wp_err is_gone(struct wp_error *err)
{
	return wp_error_set(err, WP_ERR_NOTFOUND, "%s",
			    wp_dlq_outcome_text(WP_DLQ_GONE));
}

/* Send cmd and release it. The answer is the caller's. */
static enum wp_err ask(struct wp_redis *redis, struct wp_cmd *cmd,
		       struct wp_reply **reply_out, struct wp_error *err)
{
	enum wp_err rc = wp_redis_do(redis, cmd, reply_out, err);

	wp_cmd_release(cmd);
	return rc == WP_OK ? wp_reply_accept(reply_out, err) : rc;
}

/* ---- queues ---- */

static void begin_plain(struct wp_cmd *cmd, const char *command,
			const struct wp_dlq_queue *queue)
{
	char key[KEY_MAX];

	stream_of(queue, key);
	wp_cmd_init(cmd);
	wp_cmd_str(cmd, command);
	wp_cmd_str(cmd, key);
}

struct some {
	size_t from, to;
};

/* Count some queues at once; *kept of all so far stay. */
static enum wp_err keep_some(struct wp_redis *redis,
			     struct wp_dlq_queue *queues,
			     const struct some *some, size_t *kept,
			     struct wp_error *err)
{
	enum wp_err rc = WP_OK;

	for (size_t i = some->from; i < some->to && rc == WP_OK; i++) {
		struct wp_cmd cmd;

		begin_plain(&cmd, "XLEN", &queues[i]);
		rc = wp_redis_append(redis, &cmd, err);
		wp_cmd_release(&cmd);
	}
	for (size_t i = some->from; i < some->to && rc == WP_OK; i++) {
		struct wp_reply *reply = NULL;

		rc = wp_redis_take(redis, &reply, err);
		if (rc == WP_OK)
			rc = wp_reply_accept(&reply, err);
		if (rc == WP_OK && wp_reply_int(reply) > 0)
			queues[(*kept)++] = queues[i];
		wp_reply_free(&reply);
	}
	return rc;
}

enum wp_err wp_dlq_keep_full(struct wp_redis *redis,
			     struct wp_dlq_queue *queues, size_t *n,
			     struct wp_error *err)
{
	enum wp_err rc = WP_OK;
	size_t kept = 0;

	for (size_t i = 0; i < *n && rc == WP_OK; i += PIPELINE) {
		struct some some = {
			.from = i,
			.to = *n - i > PIPELINE ? i + PIPELINE : *n,
		};

		rc = keep_some(redis, queues, &some, &kept, err);
	}
	*n = kept;
	return rc;
}

enum wp_err wp_dlq_last(struct wp_redis *redis,
			const struct wp_dlq_queue *queue,
			struct wp_entry_id *out, struct wp_error *err)
{
	struct wp_reply *reply = NULL;
	const struct wp_reply *id;
	struct wp_cmd cmd;
	enum wp_err rc;

	begin_plain(&cmd, "XREVRANGE", queue);
	wp_cmd_str(&cmd, "+");
	wp_cmd_str(&cmd, "-");
	wp_cmd_str(&cmd, "COUNT");
	wp_cmd_int(&cmd, 1);
	rc = ask(redis, &cmd, &reply, err);
	if (rc != WP_OK)
		return rc;
	id = wp_reply_at(wp_reply_at(reply, 0), 0);
	if (wp_reply_type(reply) == WP_REPLY_ARRAY &&
	    wp_reply_count(reply) == 0)
		rc = wp_error_set(err, WP_ERR_NOTFOUND, "the queue is empty");
	else if (!wp_entry_id_parse(out, wp_reply_str(id), wp_reply_len(id)))
		rc = no_answer(err);
	wp_reply_free(&reply);
	return rc;
}

/* ---- letters ---- */

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

static enum wp_err read_row(const struct wp_reply *row,
			    const struct wp_dlq_queue *queue,
			    struct wp_dlq_letter *out)
{
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

/* Send a call of dlq_list and read its rows into page. */
static enum wp_err list(struct wp_redis *redis, struct wp_cmd *cmd,
			struct wp_dlq_page *page, struct wp_error *err)
{
	struct wp_reply *reply = NULL;
	enum wp_err rc = ask(redis, cmd, &reply, err);
	size_t n = wp_reply_count(reply);

	for (page->n = 0; rc == WP_OK && page->n < n; page->n++)
		if (page->n == page->max ||
		    read_row(wp_reply_at(reply, page->n), page->queue,
			     &page->letters[page->n]) != WP_OK) {
			rc = no_answer(err);
			break;
		}
	wp_reply_free(&reply);
	return rc;
}

enum wp_err wp_dlq_list(struct wp_redis *redis, struct wp_dlq_page *page,
			struct wp_error *err)
{
	char from[ENTRY_AFTER_MAX] = "-";
	struct wp_cmd cmd;

	assert(page->max >= 1 && page->max <= WP_DLQ_PAGE_MAX);
	if (page->after != NULL) {
		from[0] = '(';
		wp_entry_id_format(page->after, from + 1);
	}
	begin(&cmd, WP_SCRIPT_DLQ_LIST, page->queue);
	wp_cmd_str(&cmd, from);
	if (page->up_to != NULL)
		add_entry(&cmd, page->up_to);
	else
		wp_cmd_str(&cmd, "+");
	wp_cmd_int(&cmd, (int64_t)page->max);
	return list(redis, &cmd, page, err);
}

enum wp_err wp_dlq_find(struct wp_redis *redis, const struct wp_dlq_id *id,
			struct wp_dlq_letter *out, struct wp_error *err)
{
	struct wp_dlq_page page = {
		.queue = &id->queue,
		.letters = out,
		.max = 1,
	};
	struct wp_cmd cmd;
	enum wp_err rc;

	begin(&cmd, WP_SCRIPT_DLQ_LIST, &id->queue);
	add_entry(&cmd, &id->entry);
	add_entry(&cmd, &id->entry);
	wp_cmd_int(&cmd, 1);
	rc = list(redis, &cmd, &page, err);
	return rc == WP_OK && page.n == 0 ? is_gone(err) : rc;
}

/* A letter of either kind, whole. Borrowed from the answer; NULL: not there. */
struct content {
	const struct wp_reply *envelope; /* or what was no entry at all */
	const struct wp_reply *key;      /* inbox */
	const struct wp_reply *first_id; /* inbox: the entry it was there */
};

/* *reply_out is what out points into, and the caller's. */
static enum wp_err read_whole(struct wp_redis *redis,
			      const struct wp_dlq_id *id, struct content *out,
			      struct wp_reply **reply_out, struct wp_error *err)
{
	const struct wp_reply *flat;
	struct wp_cmd cmd;
	enum wp_err rc;

	*out = (struct content){ 0 };
	begin_plain(&cmd, "XRANGE", &id->queue);
	add_entry(&cmd, &id->entry);
	add_entry(&cmd, &id->entry);
	rc = ask(redis, &cmd, reply_out, err);
	if (rc != WP_OK)
		return rc;
	flat = wp_reply_at(wp_reply_at(*reply_out, 0), 1);
	if (flat == NULL)
		return is_gone(err);
	for (size_t i = 0; i + 1 < wp_reply_count(flat); i += 2) {
		const struct wp_reply *name = wp_reply_at(flat, i);

		if (wp_reply_is(name, "e") || wp_reply_is(name, "envelope") ||
		    wp_reply_is(name, "m"))
			out->envelope = wp_reply_at(flat, i + 1);
		else if (wp_reply_is(name, "key"))
			out->key = wp_reply_at(flat, i + 1);
		else if (wp_reply_is(name, "id"))
			out->first_id = wp_reply_at(flat, i + 1);
	}
	return WP_OK;
}

enum wp_err wp_dlq_read(struct wp_redis *redis, const struct wp_dlq_id *id,
			struct wp_buf *envelope, struct wp_error *err)
{
	struct wp_reply *reply = NULL;
	struct content content;
	enum wp_err rc = read_whole(redis, id, &content, &reply, err);

	if (rc == WP_OK)
		wp_buf_add(envelope, wp_reply_str(content.envelope),
			   wp_reply_len(content.envelope));
	wp_reply_free(&reply);
	return rc;
}

/* ---- a second chance ---- */

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

static enum wp_err requeue_to_hot(struct wp_redis *redis,
				  const struct wp_dlq_id *id,
				  enum wp_dlq_outcome *out,
				  char why[WP_DLQ_WHY_MAX + 1],
				  struct wp_error *err)
{
	struct wp_reply *reply = NULL;
	unsigned int i = 0;
	struct wp_cmd cmd;
	enum wp_err rc;

	wp_cmd_init(&cmd);
	wp_cmd_script(&cmd, WP_SCRIPT_DLQ_REQUEUE, id->queue.partition);
	add_entry(&cmd, &id->entry);
	wp_cmd_int(&cmd, REBUILD_ENTRIES);
	wp_cmd_int(&cmd, REBUILD_BYTES);
	rc = ask(redis, &cmd, &reply, err);
	if (rc != WP_OK)
		return rc;
	while (i < WP_DLQ_OUTCOMES &&
	       !wp_reply_is(wp_reply_at(reply, 0), outcomes[i].word))
		i++;
	if (i < WP_DLQ_OUTCOMES)
		*out = (enum wp_dlq_outcome)i;
	else
		rc = wp_error_set(err, WP_ERR_UNAVAIL,
				  "Redis gave no usable answer to dlq_requeue");
	(void)snprintf(why, WP_DLQ_WHY_MAX + 1, "%s",
		       wp_reply_str(wp_reply_at(reply, 1)));
	wp_reply_free(&reply);
	return rc;
}

/*
 * The key that the inbox' reader makes for an entry without one. Two letters
 * of one entry, left by a reader that died in between, share it.
 */
static void make_key(const struct wp_dlq_id *id, const struct content *content,
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

static enum wp_err hand_in(struct wp_redis *redis, const struct wp_dlq_id *id,
			   const struct content *content, struct wp_error *err)
{
	struct wp_reply *reply = NULL;
	char key[IDEMPOTENCY_MAX];
	struct wp_cmd cmd;
	enum wp_err rc;

	wp_cmd_init(&cmd);
	wp_cmd_str(&cmd, "XADD");
	wp_cmd_str(&cmd, WP_INBOX_KEY);
	wp_cmd_str(&cmd, "*");
	wp_cmd_str(&cmd, "envelope");
	wp_cmd_add(&cmd, wp_reply_str(content->envelope),
		   wp_reply_len(content->envelope));
	wp_cmd_str(&cmd, "key");
	if (content->key != NULL) {
		wp_cmd_add(&cmd, wp_reply_str(content->key),
			   wp_reply_len(content->key));
	} else {
		make_key(id, content, key);
		wp_cmd_str(&cmd, key);
	}
	rc = ask(redis, &cmd, &reply, err);
	wp_reply_free(&reply);
	return rc;
}

/* Hand it in where it came from; only then may it go from the dead letters. */
static enum wp_err requeue_to_inbox(struct wp_redis *redis,
				    const struct wp_dlq_id *id,
				    enum wp_dlq_outcome *out,
				    struct wp_error *err)
{
	const struct wp_dlq_letter letter = { .id = *id };
	struct wp_reply *reply = NULL;
	struct content content;
	int64_t dropped = 0;
	enum wp_err rc = read_whole(redis, id, &content, &reply, err);

	if (rc == WP_ERR_NOTFOUND) {
		*out = WP_DLQ_GONE;
		rc = WP_OK;
	} else if (rc == WP_OK && content.envelope == NULL) {
		*out = WP_DLQ_BROKEN;
	} else if (rc == WP_OK) {
		*out = WP_DLQ_REQUEUED;
		rc = hand_in(redis, id, &content, err);
		if (rc == WP_OK)
			rc = wp_dlq_drop(redis, &letter, 1, &dropped, err);
	}
	wp_reply_free(&reply);
	return rc;
}

enum wp_err wp_dlq_requeue(struct wp_redis *redis, const struct wp_dlq_id *id,
			   enum wp_dlq_outcome *out,
			   char why[WP_DLQ_WHY_MAX + 1], struct wp_error *err)
{
	why[0] = '\0';
	return id->queue.is_inbox ? requeue_to_inbox(redis, id, out, err)
				  : requeue_to_hot(redis, id, out, why, err);
}

enum wp_err wp_dlq_drop(struct wp_redis *redis,
			const struct wp_dlq_letter *letters, size_t n,
			int64_t *dropped, struct wp_error *err)
{
	struct wp_reply *reply = NULL;
	struct wp_cmd cmd;
	enum wp_err rc;

	begin(&cmd, WP_SCRIPT_DLQ_DROP, &letters[0].id.queue);
	for (size_t i = 0; i < n; i++)
		add_entry(&cmd, &letters[i].id.entry);
	rc = ask(redis, &cmd, &reply, err);
	if (rc == WP_OK)
		*dropped += wp_reply_int(reply);
	wp_reply_free(&reply);
	return rc;
}
