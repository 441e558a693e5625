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
#include "lib/mailbox/inbox.h"
#include "worker/metrics.h"

enum {
	POLL_MS = 100,
	RETRY_MS = 250, /* something is overloaded */
	REFUSED_MS = 1000,
	REFUSED_LOG_MS = 60000,
	LOG_INTERVAL_MS = 5000,
	ID_MAX = 41, /* two numbers of 20 digits */
};

struct wp_inbox {
	struct wp_worker *w;
	struct wp_inbox_item *items; /* owned */
	size_t n;
	uint64_t next_ms; /* when to read again */
	struct wp_log_limit limit;
	struct wp_log_limit refused_limit;

	/* One pass from the head to the end; by which lease. */
	char lease[WP_OWNER_MAX + 1];
	char after[ID_MAX + 1]; /* the last entry looked at, or "" */
	uint64_t pass_ms;       /* when it began */
	bool *is_stuck;         /* partitions, owned */
	bool has_stuck;
	bool is_more; /* something is behind the slice */
};

enum wp_err wp_inbox_new(struct wp_inbox **out, struct wp_worker *w,
			 struct wp_error *err)
{
	struct wp_inbox *inbox = calloc(1, sizeof(*inbox));

	*out = inbox;
	if (inbox != NULL) {
		inbox->w = w;
		inbox->items = calloc(WP_INBOX_BATCH, sizeof(*inbox->items));
		inbox->is_stuck = calloc((size_t)w->conf->mailbox.partitions,
					 sizeof(*inbox->is_stuck));
	}
	if (inbox == NULL || inbox->items == NULL || inbox->is_stuck == NULL)
		return wp_error_set(err, WP_ERR_NOMEM, "out of memory");
	return WP_OK;
}

static void clear(struct wp_inbox *inbox)
{
	for (size_t i = 0; i < inbox->n; i++)
		wp_inbox_item_release(&inbox->items[i]);
	inbox->n = 0;
}

void wp_inbox_free(struct wp_inbox **inbox)
{
	if (*inbox != NULL) {
		clear(*inbox);
		free((*inbox)->items);
		free((*inbox)->is_stuck);
	}
	free(*inbox);
	*inbox = NULL;
}

uint64_t wp_inbox_next_ms(const struct wp_inbox *inbox)
{
	return inbox->next_ms;
}

bool wp_inbox_is_at_head(const struct wp_inbox *inbox)
{
	return inbox->after[0] == '\0';
}

/* ---- reading ---- */

/* Of its recipient, if it has one. */
static uint32_t partition_of(const struct wp_inbox_item *item)
{
	return item->submission.envelope.recipient.partition;
}

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
	size_t count = wp_inbox_read_parse(reply, &inbox->is_more);
	enum wp_err rc = WP_OK;

	for (size_t i = 0; rc == WP_OK && i < count; i++) {
		const struct wp_inbox_entry entry = wp_inbox_entry(reply, i);

		/* A gap would let later ones overtake: all or none. */
		rc = wp_inbox_judge(&inbox->items[inbox->n++], &entry,
				    inbox->w->conf);
	}
	/* Behind an earlier one that had to stay. */
	for (size_t i = 0; i < inbox->n; i++)
		if (inbox->items[i].fate == WP_FATE_SEND &&
		    inbox->is_stuck[partition_of(&inbox->items[i])])
			inbox->items[i].fate = WP_FATE_KEEP;
	return rc;
}

static enum wp_err read_slice(struct wp_inbox *inbox, struct wp_reply **reply,
			      struct wp_error *err)
{
	struct wp_worker *w = inbox->w;

	wp_inbox_read_build(&w->cmd, w->conf, inbox->after);
	return wp_redis_do(w->redis, &w->cmd, reply, err);
}

/* ---- sending ---- */

/* Items by partition; order inside a partition is that of the inbox. */
struct sending {
	struct wp_inbox *inbox;
	struct wp_send_target target;
	uint32_t partitions[WP_INBOX_BATCH];
	size_t n;
};

static size_t gather(const struct wp_inbox *inbox, uint32_t partition,
		     const struct wp_submission *out[WP_INBOX_BATCH],
		     struct wp_inbox_item *items[WP_INBOX_BATCH])
{
	size_t n = 0;

	for (size_t i = 0; i < inbox->n; i++) {
		struct wp_inbox_item *item = &inbox->items[i];

		if (item->fate != WP_FATE_SEND ||
		    partition_of(item) != partition)
			continue;
		out[n] = &item->submission;
		items[n++] = item;
	}
	return n;
}

static void ask_send(void *ctx, size_t i, struct wp_cmd *cmd)
{
	const struct sending *sending = ctx;
	const struct wp_submission *send[WP_INBOX_BATCH] = { NULL };
	struct wp_inbox_item *items[WP_INBOX_BATCH];
	size_t n = gather(sending->inbox, sending->partitions[i], send, items);

	wp_send_build(cmd, &sending->target, send, n);
}

static void hear_send(void *ctx, size_t i, const struct wp_reply *reply)
{
	const struct sending *sending = ctx;
	struct wp_send_result results[WP_INBOX_BATCH];
	const struct wp_submission *send[WP_INBOX_BATCH] = { NULL };
	struct wp_inbox_item *items[WP_INBOX_BATCH];
	size_t n = gather(sending->inbox, sending->partitions[i], send, items);

	wp_send_parse(reply, send, n, results);
	for (size_t k = 0; k < n; k++)
		wp_inbox_hear(items[k], &results[k]);
}

static const struct wp_pipe sending_calls = { ask_send, hear_send };

static void list_partitions(struct sending *sending)
{
	const struct wp_inbox *inbox = sending->inbox;

	for (size_t i = 0; i < inbox->n; i++) {
		uint32_t partition = partition_of(&inbox->items[i]);
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

static void tell_rejected(struct wp_inbox *inbox,
			  const struct wp_inbox_item *item, int64_t dropped)
{
	struct wp_worker *w = inbox->w;
	uint32_t suppressed;

	wp_metric_add(w->metrics, WP_WM_SENDS + item->sent, 1);
	wp_metric_add(w->metrics, WP_WM_INBOX_DROPPED, dropped);
	if (wp_log_allow(&inbox->limit, wp_mono_ms(), LOG_INTERVAL_MS,
			 &suppressed))
		wp_log(&w->log, WP_LOG_WARN, "inbox entry rejected",
		       wp_str("reason", item->submission.refusal.sentence),
		       wp_int("older_dropped", dropped),
		       wp_int("suppressed", suppressed));
}

static enum wp_err bury(struct wp_inbox *inbox, struct wp_inbox_item *item,
			struct wp_error *err)
{
	struct wp_worker *w = inbox->w;
	struct wp_reply *reply = NULL;
	enum wp_err rc;

	wp_inbox_bury_build(&w->cmd, w->conf, item, wp_wall_ms());
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
	int64_t accepted[WP_SENT_RESULTS] = { 0 };
	int64_t n = 0;
	enum wp_err rc;

	wp_cmd_clear(&w->cmd);
	wp_cmd_str(&w->cmd, "XDEL");
	wp_cmd_str(&w->cmd, WP_INBOX_KEY);
	for (size_t i = 0; i < inbox->n; i++) {
		const struct wp_inbox_item *item = &inbox->items[i];

		if (item->fate != WP_FATE_ACCEPT &&
		    item->fate != WP_FATE_REJECT)
			continue;
		wp_cmd_add(&w->cmd, item->entry.id, item->entry.id_len);
		accepted[item->sent] += item->fate == WP_FATE_ACCEPT;
		n++;
	}
	if (n == 0)
		return WP_OK;
	rc = wp_redis_do(w->redis, &w->cmd, &reply, err);
	for (size_t i = 0; i < WP_SENT_RESULTS && rc == WP_OK; i++)
		wp_metric_add(w->metrics, WP_WM_SENDS + i, accepted[i]);
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
		if (item->has_recipient)
			inbox->is_stuck[partition_of(item)] = true;
	}
	if (inbox->n > 0)
		(void)snprintf(inbox->after, sizeof(inbox->after), "%s",
			       inbox->items[inbox->n - 1].entry.id);
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
