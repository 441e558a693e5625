/*
 * inbox.c - accept and forget; or bury.
 *
 * The items of one partition travel in one call, so that when one for a
 * recipient is refused the later ones are refused with it. Everything is safe
 * to repeat. Contents never reach a log.
 */
#include "worker/inbox.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/clock.h"
#include "lib/mailbox/scripts.h"
#include "worker/inbox_item.h"
#include "worker/metrics.h"

enum {
	BATCH = 64,
	SLICE_BYTES = 1024 * 1024, /* and one envelope more */
	POLL_MS = 100,
	RETRY_MS = 250, /* something is overloaded */
	REFUSED_MS = 1000,
	REFUSED_LOG_MS = 60000,
	LOG_INTERVAL_MS = 5000,
};

#define DLQ_KEY WP_INBOX_KEY ":dlq"

enum wp_err wp_inbox_init(struct wp_inbox *inbox, struct wp_worker *w,
			  struct wp_error *err)
{
	*inbox = (struct wp_inbox){ .w = w };
	inbox->items = calloc(BATCH, sizeof(*inbox->items));
	inbox->is_stuck = calloc((size_t)w->conf->mailbox.partitions,
				 sizeof(*inbox->is_stuck));
	if (inbox->items == NULL || inbox->is_stuck == NULL)
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
	free(inbox->is_stuck);
	inbox->is_stuck = NULL;
}

/* ---- reading ---- */

/* From the head again: what was stuck is tried again. */
static void begin_pass(struct wp_inbox *inbox)
{
	inbox->after[0] = '\0';
	inbox->pass_ms = wp_mono_ms();
	inbox->has_stuck = false;
	memset(inbox->is_stuck, 0,
	       (size_t)inbox->w->conf->mailbox.partitions *
		       sizeof(*inbox->is_stuck));
}

/* An answer about this one key says nothing about Redis. */
static void on_refused(struct wp_inbox *inbox, const struct wp_reply *reply)
{
	struct wp_worker *w = inbox->w;
	uint32_t suppressed;

	inbox->next_ms = wp_mono_ms() + REFUSED_MS;
	if (wp_log_allow(&inbox->refused_limit, wp_mono_ms(), REFUSED_LOG_MS,
			 &suppressed))
		wp_log(&w->log, WP_LOG_WARN,
		       "redis refuses to read " WP_INBOX_KEY,
		       wp_str("error", wp_reply_str(reply)),
		       wp_int("suppressed", suppressed));
}

static enum wp_err read_items(struct wp_inbox *inbox,
			      const struct wp_reply *reply)
{
	const struct wp_worker *w = inbox->w;
	size_t count = wp_reply_count(reply);
	enum wp_err rc = WP_OK;

	inbox->is_more = wp_reply_int(wp_reply_at(reply, 0)) == 1;
	for (size_t i = 1; rc == WP_OK && i < count && i <= BATCH; i++)
		/* A gap would let later ones overtake: all or none. */
		rc = wp_inbox_item_read(&inbox->items[inbox->n++],
					wp_reply_at(reply, i), w->conf);
	/* Behind an earlier one that had to stay. */
	for (size_t i = 0; i < inbox->n; i++)
		if (inbox->items[i].fate == WP_FATE_SEND &&
		    inbox->is_stuck[inbox->items[i]
					    .envelope.recipient.partition])
			inbox->items[i].fate = WP_FATE_KEEP;
	return rc;
}

static enum wp_err read_slice(struct wp_inbox *inbox, struct wp_reply **reply,
			      struct wp_error *err)
{
	struct wp_worker *w = inbox->w;

	wp_cmd_script_key(&w->cmd, WP_SCRIPT_INBOX_READ, WP_INBOX_KEY);
	wp_cmd_str(&w->cmd, inbox->after);
	wp_cmd_int(&w->cmd, BATCH);
	wp_cmd_int(&w->cmd, SLICE_BYTES);
	wp_cmd_int(&w->cmd, w->conf->mailbox.max_envelope_bytes);
	return wp_redis_do(w->redis, &w->cmd, reply, err);
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

		if (item->fate != WP_FATE_SEND ||
		    item->envelope.recipient.partition != partition)
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

	wp_send_build(cmd, &sending->target, send, n);
}

static void hear_send(void *ctx, size_t i, const struct wp_reply *reply)
{
	const struct sending *sending = ctx;
	struct wp_send_result results[BATCH];
	struct wp_send_item send[BATCH];
	struct wp_inbox_item *items[BATCH];
	size_t n = gather(sending->inbox, sending->partitions[i], send, items);

	wp_send_parse(reply, send, n, results);
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

static const struct wp_pipe sending_calls = { ask_send, hear_send };

static void list_partitions(struct sending *sending)
{
	const struct wp_inbox *inbox = sending->inbox;

	for (size_t i = 0; i < inbox->n; i++) {
		uint32_t partition =
			inbox->items[i].envelope.recipient.partition;
		size_t k = 0;

		if (inbox->items[i].fate != WP_FATE_SEND)
			continue;
		while (k < sending->n && sending->partitions[k] != partition)
			k++;
		sending->partitions[k] = partition;
		sending->n += k == sending->n;
	}
}

static enum wp_err send_all(struct wp_inbox *inbox, bool *is_overloaded_out,
			    struct wp_error *err)
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

	*is_overloaded_out =
		percent >= (unsigned int)w->conf->redis.memory_high_percent;
	list_partitions(&sending);
	return wp_pipe(w->redis, &sending_calls, sending.n, &sending, err);
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

/* Whose users must wait, and where the next slice begins. */
static void note_stuck(struct wp_inbox *inbox)
{
	for (size_t i = 0; i < inbox->n; i++) {
		const struct wp_inbox_item *item = &inbox->items[i];

		if (item->fate != WP_FATE_KEEP)
			continue;
		inbox->has_stuck = true;
		/* What was no envelope at all is in nobody's way. */
		if (item->send.envelope != NULL)
			inbox->is_stuck[item->envelope.recipient.partition] =
				true;
	}
	if (inbox->n > 0)
		(void)snprintf(inbox->after, sizeof(inbox->after), "%s",
			       wp_reply_str(inbox->items[inbox->n - 1].id));
}

static void plan_next(struct wp_inbox *inbox, bool is_overloaded)
{
	uint64_t now_ms = wp_mono_ms();
	uint64_t took_ms = now_ms - inbox->pass_ms;

	inbox->next_ms = now_ms;
	/* What is refused to all is no reason to look at all. */
	if (inbox->is_more && !is_overloaded)
		return;
	inbox->next_ms += inbox->has_stuck ? RETRY_MS : POLL_MS;
	/* Long passes over what has to stay are no more than half the time. */
	if (inbox->has_stuck && took_ms > RETRY_MS)
		inbox->next_ms = now_ms + took_ms;
	inbox->after[0] = '\0';
}

enum wp_err wp_inbox_step(struct wp_inbox *inbox, const char *lease,
			  struct wp_error *err)
{
	struct wp_reply *reply = NULL;
	bool is_overloaded = false;
	enum wp_err rc;

	inbox->next_ms = wp_mono_ms() + RETRY_MS;
	if (strcmp(inbox->lease, lease) != 0 || inbox->after[0] == '\0')
		begin_pass(inbox);
	(void)snprintf(inbox->lease, sizeof(inbox->lease), "%s", lease);
	rc = read_slice(inbox, &reply, err);
	if (rc == WP_OK && wp_reply_type(reply) != WP_REPLY_ARRAY) {
		on_refused(inbox, reply);
		goto out;
	}
	if (rc == WP_OK)
		rc = read_items(inbox, reply);
	if (rc == WP_OK)
		rc = send_all(inbox, &is_overloaded, err);
	if (rc == WP_OK)
		rc = finish(inbox, err);
	if (rc == WP_OK) {
		note_stuck(inbox);
		plan_next(inbox, is_overloaded);
	}
out:
	if (rc != WP_OK)
		inbox->after[0] = '\0';
	clear(inbox);
	wp_reply_free(&reply);
	return rc;
}
