/*
 * inbox.c - accept and forget; or bury.
 *
 * The items of one partition travel in one call, so that when one for a
 * recipient is refused the later ones are refused with it. Everything is safe
 * to repeat. Contents never reach a log.
 */
#include "worker/inbox.h"

#include <stdlib.h>
#include <string.h>

#include "lib/base/clock.h"
#include "worker/inbox_item.h"
#include "worker/metrics.h"
#include "worker/pipe.h"

enum {
	BATCH = 64,
	POLL_MS = 100,
	RETRY_MS = 250, /* something is overloaded */
	LOG_INTERVAL_MS = 5000,
};

#define DLQ_KEY WP_INBOX_KEY ":dlq"

enum wp_err wp_inbox_init(struct wp_inbox *inbox, struct wp_worker *w,
			  struct wp_error *err)
{
	*inbox = (struct wp_inbox){ .w = w };
	inbox->items = calloc(BATCH, sizeof(*inbox->items));
	if (inbox->items == NULL)
		return wp_error_set(err, WP_ERR_NOMEM, "out of memory");
	return WP_OK;
}

static void clear(struct wp_inbox *inbox)
{
	for (size_t i = 0; i < inbox->n; i++)
		wp_inbox_item_release(&inbox->items[i]);
	inbox->n = 0;
}

void wp_inbox_release(struct wp_inbox *inbox)
{
	if (inbox->items != NULL)
		clear(inbox);
	free(inbox->items);
	inbox->items = NULL;
}

/* ---- reading ---- */

static enum wp_err read_batch(struct wp_inbox *inbox, struct wp_reply **reply,
			      struct wp_error *err)
{
	struct wp_worker *w = inbox->w;
	enum wp_err rc;

	wp_cmd_clear(&w->cmd);
	wp_cmd_str(&w->cmd, "XRANGE");
	wp_cmd_str(&w->cmd, WP_INBOX_KEY);
	wp_cmd_str(&w->cmd, "-");
	wp_cmd_str(&w->cmd, "+");
	wp_cmd_str(&w->cmd, "COUNT");
	wp_cmd_int(&w->cmd, BATCH);
	rc = wp_redis_do(w->redis, &w->cmd, reply, err);
	if (rc != WP_OK)
		return rc;
	if (wp_reply_type(*reply) != WP_REPLY_ARRAY)
		return wp_error_set(err, WP_ERR_UNAVAIL,
				    "Redis refuses to read " WP_INBOX_KEY
				    ": %.120s",
				    wp_reply_str(*reply));
	for (size_t i = 0;
	     rc == WP_OK && i < wp_reply_count(*reply) && i < BATCH; i++)
		/* A gap would let later ones overtake: all or none. */
		rc = wp_inbox_item_read(&inbox->items[inbox->n++],
					wp_reply_at(*reply, i), w->conf);
	return rc;
}

/* ---- sending ---- */

/* Items by partition; order inside a partition is that of the inbox. */
struct sending {
	struct wp_inbox *inbox;
	struct wp_send_target target;
	uint32_t partitions[BATCH];
	size_t n;
};

static size_t gather(const struct wp_inbox *inbox, uint32_t partition,
		     struct wp_send_item out[BATCH],
		     struct wp_inbox_item *items[BATCH])
{
	size_t n = 0;

	for (size_t i = 0; i < inbox->n; i++) {
		struct wp_inbox_item *item = &inbox->items[i];

		if (item->fate != WP_FATE_SEND || item->partition != partition)
			continue;
		out[n] = item->send;
		items[n++] = item;
	}
	return n;
}

static void ask_send(void *ctx, size_t i, struct wp_cmd *cmd)
{
	const struct sending *sending = ctx;
	struct wp_send_item send[BATCH];
	struct wp_inbox_item *items[BATCH];
	size_t n = gather(sending->inbox, sending->partitions[i], send, items);

	wp_send_build(cmd, &sending->target, sending->partitions[i], send, n);
}

static void hear_send(void *ctx, size_t i, const struct wp_reply *reply)
{
	const struct sending *sending = ctx;
	struct wp_send_result results[BATCH];
	struct wp_send_item send[BATCH];
	struct wp_inbox_item *items[BATCH];
	size_t n = gather(sending->inbox, sending->partitions[i], send, items);

	wp_send_parse(reply, sending->partitions[i], send, n, results);
	for (size_t k = 0; k < n; k++) {
		if (results[k].status == WP_SEND_ACCEPTED)
			items[k]->fate = WP_FATE_ACCEPT;
		else if (results[k].status == WP_SEND_CONFLICT)
			wp_inbox_item_reject(items[k],
					     "the key was used with another "
					     "envelope");
		else if (results[k].status == WP_SEND_FULL)
			/* One full mailbox must not stop everybody else. */
			wp_inbox_item_reject(items[k], "too much waits for the "
						       "recipient");
		else
			items[k]->fate = WP_FATE_KEEP;
	}
}

static void list_partitions(struct sending *sending)
{
	const struct wp_inbox *inbox = sending->inbox;

	for (size_t i = 0; i < inbox->n; i++) {
		uint32_t partition = inbox->items[i].partition;
		size_t k = 0;

		if (inbox->items[i].fate != WP_FATE_SEND)
			continue;
		while (k < sending->n && sending->partitions[k] != partition)
			k++;
		sending->partitions[k] = partition;
		sending->n += k == sending->n;
	}
}

static enum wp_err send_all(struct wp_inbox *inbox, struct wp_error *err)
{
	struct wp_worker *w = inbox->w;
	/* The question may cost the connection, and with it the run_id. */
	unsigned int percent = wp_redis_memory_percent(w->redis);
	struct sending sending = {
		.inbox = inbox,
		.target = { .conf = w->conf,
			    .run_id = wp_redis_run_id(w->redis),
			    .memory_percent = percent },
	};

	list_partitions(&sending);
	return wp_pipe(w->redis, sending.n, ask_send, hear_send, &sending, err);
}

/* ---- forgetting ---- */

static void add_reply(struct wp_cmd *cmd, const char *name,
		      const struct wp_reply *value)
{
	wp_cmd_str(cmd, name);
	wp_cmd_add(cmd, wp_reply_str(value), wp_reply_len(value));
}

/* What a letter takes beside the texts in it, at most. */
enum { LETTER_OVERHEAD = 1024 };

static void build_letter(struct wp_worker *w, const struct wp_inbox_item *item)
{
	int64_t max_bytes = w->conf->mailbox.max_rejected_bytes;
	int64_t bytes = (int64_t)(wp_reply_len(item->raw) +
				  wp_reply_len(item->key) + LETTER_OVERHEAD);
	bool is_kept_whole = bytes <= max_bytes;

	wp_cmd_script_key(&w->cmd, WP_SCRIPT_INBOX_BURY, DLQ_KEY);
	wp_cmd_int(&w->cmd, w->conf->mailbox.max_rejected);
	wp_cmd_int(&w->cmd, max_bytes);
	wp_cmd_int(&w->cmd, is_kept_whole ? bytes : LETTER_OVERHEAD);
	add_reply(&w->cmd, "id", item->id);
	wp_cmd_str(&w->cmd, "reason");
	wp_cmd_str(&w->cmd, item->reason);
	wp_cmd_str(&w->cmd, "tries");
	wp_cmd_int(&w->cmd, 1);
	wp_cmd_str(&w->cmd, "at");
	wp_cmd_int(&w->cmd, wp_wall_ms());
	if (item->raw != NULL && is_kept_whole)
		add_reply(&w->cmd, "envelope", item->raw);
	if (item->key != NULL && is_kept_whole)
		add_reply(&w->cmd, "key", item->key);
}

static void tell_rejected(struct wp_inbox *inbox,
			  const struct wp_inbox_item *item, int64_t dropped)
{
	struct wp_worker *w = inbox->w;
	uint32_t suppressed;

	wp_metric_add(w->metrics, WP_WM_INBOX_REJECTED, 1);
	wp_metric_add(w->metrics, WP_WM_INBOX_DROPPED, dropped);
	if (wp_log_allow(&inbox->limit, wp_mono_ms(), LOG_INTERVAL_MS,
			 &suppressed))
		wp_log(&w->log, WP_LOG_WARN, "inbox entry rejected",
		       wp_str("reason", item->reason),
		       wp_int("older_dropped", dropped),
		       wp_int("suppressed", suppressed));
}

static enum wp_err bury(struct wp_inbox *inbox, struct wp_inbox_item *item,
			struct wp_error *err)
{
	struct wp_worker *w = inbox->w;
	struct wp_reply *reply = NULL;
	enum wp_err rc;

	build_letter(w, item);
	rc = wp_redis_do(w->redis, &w->cmd, &reply, err);
	/* A full Redis takes nothing: the entry stays where it is. */
	if (rc == WP_OK && wp_reply_type(reply) != WP_REPLY_INT)
		item->fate = WP_FATE_KEEP;
	else if (rc == WP_OK)
		tell_rejected(inbox, item, wp_reply_int(reply));
	wp_reply_free(&reply);
	return rc;
}

static enum wp_err remove_done(struct wp_inbox *inbox, struct wp_error *err)
{
	struct wp_worker *w = inbox->w;
	struct wp_reply *reply = NULL;
	int64_t accepted = 0, n = 0;
	enum wp_err rc;

	wp_cmd_clear(&w->cmd);
	wp_cmd_str(&w->cmd, "XDEL");
	wp_cmd_str(&w->cmd, WP_INBOX_KEY);
	for (size_t i = 0; i < inbox->n; i++) {
		const struct wp_inbox_item *item = &inbox->items[i];

		if (item->fate != WP_FATE_ACCEPT &&
		    item->fate != WP_FATE_REJECT)
			continue;
		wp_cmd_add(&w->cmd, wp_reply_str(item->id),
			   wp_reply_len(item->id));
		accepted += item->fate == WP_FATE_ACCEPT;
		n++;
	}
	if (n == 0)
		return WP_OK;
	rc = wp_redis_do(w->redis, &w->cmd, &reply, err);
	if (rc == WP_OK)
		wp_metric_add(w->metrics, WP_WM_INBOX_ACCEPTED, accepted);
	wp_reply_free(&reply);
	return rc;
}

static enum wp_err finish(struct wp_inbox *inbox, struct wp_error *err)
{
	enum wp_err rc = WP_OK;

	for (size_t i = 0; i < inbox->n && rc == WP_OK; i++)
		if (inbox->items[i].fate == WP_FATE_REJECT)
			rc = bury(inbox, &inbox->items[i], err);
	return rc == WP_OK ? remove_done(inbox, err) : rc;
}

static bool is_all_done(const struct wp_inbox *inbox)
{
	for (size_t i = 0; i < inbox->n; i++)
		if (inbox->items[i].fate == WP_FATE_SEND ||
		    inbox->items[i].fate == WP_FATE_KEEP)
			return false;
	return true;
}

enum wp_err wp_inbox_step(struct wp_inbox *inbox, struct wp_error *err)
{
	struct wp_reply *reply = NULL;
	uint64_t now_ms = wp_mono_ms();
	enum wp_err rc;

	inbox->next_ms = now_ms + RETRY_MS;
	rc = read_batch(inbox, &reply, err);
	if (rc == WP_OK)
		rc = send_all(inbox, err);
	if (rc == WP_OK)
		rc = finish(inbox, err);
	if (rc == WP_OK && is_all_done(inbox))
		inbox->next_ms = inbox->n == BATCH ? now_ms : now_ms + POLL_MS;
	clear(inbox);
	wp_reply_free(&reply);
	return rc;
}
