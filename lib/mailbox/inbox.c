/*
 * inbox.c - an entry of the inbox, from its fields to what becomes of it.
 */
#include "lib/mailbox/inbox.h"

#include <stdio.h>
#include <string.h>

#include "lib/mailbox/scripts.h"

enum {
	OWN_KEY_MAX = 64,
	/* What a letter takes beside the texts in it, at most. */
	LETTER_OVERHEAD = 1024,
};

#define SENDER "inbox"
#define DLQ_KEY WP_INBOX_KEY ":dlq"

/* ---- reading ---- */

void wp_inbox_read_build(struct wp_cmd *cmd, const struct wp_conf *conf,
			 const char *after)
{
	wp_cmd_script_key(cmd, WP_SCRIPT_INBOX_READ, WP_INBOX_KEY);
	wp_cmd_str(cmd, after);
	wp_cmd_int(cmd, WP_INBOX_BATCH);
	wp_cmd_int(cmd, WP_INBOX_BYTES);
	wp_cmd_int(cmd, conf->mailbox.max_envelope_bytes);
}

size_t wp_inbox_read_parse(const struct wp_reply *reply, bool *is_more_out)
{
	size_t count = wp_reply_count(reply);

	*is_more_out = wp_reply_int(wp_reply_at(reply, 0)) == 1;
	if (count > WP_INBOX_BATCH)
		return WP_INBOX_BATCH;
	return count > 0 ? count - 1 : 0;
}

static const char *text_at(const struct wp_reply *entry, size_t i, size_t *len)
{
	const struct wp_reply *text = wp_reply_at(entry, i);

	if (wp_reply_type(text) != WP_REPLY_STR)
		return NULL;
	*len = wp_reply_len(text);
	return wp_reply_str(text);
}

struct wp_inbox_entry wp_inbox_entry(const struct wp_reply *reply, size_t i)
{
	const struct wp_reply *from = wp_reply_at(reply, i + 1);
	struct wp_inbox_entry entry = {
		.id = wp_reply_str(wp_reply_at(from, 0)),
		.id_len = wp_reply_len(wp_reply_at(from, 0)),
	};

	entry.envelope = text_at(from, 1, &entry.envelope_len);
	entry.key = text_at(from, 2, &entry.key_len);
	entry.is_too_big = wp_reply_int(wp_reply_at(from, 3)) == 1;
	return entry;
}

/* ---- judging ---- */

static void reject(struct wp_inbox_item *item, enum wp_sent sent,
		   const char *reason)
{
	struct wp_refusal *refusal = &item->submission.refusal;

	item->fate = WP_FATE_REJECT;
	item->sent = sent;
	(void)snprintf(refusal->sentence, sizeof(refusal->sentence), "%s",
		       reason);
}

enum wp_err wp_inbox_judge(struct wp_inbox_item *item,
			   const struct wp_inbox_entry *entry,
			   const struct wp_conf *conf)
{
	const size_t max = (size_t)conf->mailbox.max_envelope_bytes;
	const struct wp_envelope_text text = { .data = entry->envelope,
					       .len = entry->envelope_len };
	struct wp_submit_options options = {
		.sender = SENDER,
		.key = entry->key,
		.key_len = entry->key_len,
	};
	char own[OWN_KEY_MAX];
	enum wp_err rc;

	*item = (struct wp_inbox_item){ .entry = *entry };
	wp_buf_init(&item->json, wp_submit_canonical_max(max, 1));
	/* Redis made the id: two numbers. */
	(void)snprintf(own, sizeof(own), SENDER ":%s", entry->id);
	if (entry->key == NULL) {
		options.key = own;
		options.key_len = strlen(own);
	}
	if (entry->is_too_big) {
		reject(item, WP_SENT_INVALID,
		       "the envelope is over mailbox.max_envelope_bytes");
		return WP_OK;
	}
	rc = wp_submit_read(&item->submission, &options, &text, conf,
			    &item->json);
	if (rc != WP_OK)
		return rc;
	if (item->submission.refusal.code != NULL) {
		item->fate = WP_FATE_REJECT;
		item->sent = WP_SENT_INVALID;
		return WP_OK;
	}
	item->fate = WP_FATE_SEND;
	item->has_recipient = true;
	return WP_OK;
}

void wp_inbox_item_release(struct wp_inbox_item *item)
{
	wp_buf_release(&item->json);
}

void wp_inbox_hear(struct wp_inbox_item *item,
		   const struct wp_send_result *result)
{
	switch (result->status) {
	case WP_SEND_ACCEPTED:
		item->fate = WP_FATE_ACCEPT;
		item->sent = wp_sent_of(result);
		break;
	case WP_SEND_CONFLICT:
	case WP_SEND_FULL: /* one full mailbox must not stop everybody else */
		reject(item, wp_sent_of(result),
		       wp_submit_verdict(result->status)->sentence);
		break;
	case WP_SEND_OVERLOADED:
	case WP_SEND_UNKNOWN:
		item->fate = WP_FATE_KEEP;
		break;
	}
}

/* ---- burying ---- */

static void add_text(struct wp_cmd *cmd, const char *name, const char *text,
		     size_t len)
{
	if (text == NULL)
		return;
	wp_cmd_str(cmd, name);
	wp_cmd_add(cmd, text, len);
}

void wp_inbox_bury_build(struct wp_cmd *cmd, const struct wp_conf *conf,
			 const struct wp_inbox_item *item, int64_t now_ms)
{
	const struct wp_inbox_entry *entry = &item->entry;
	int64_t max_bytes = conf->mailbox.max_rejected_bytes;
	int64_t bytes = (int64_t)(entry->envelope_len + entry->key_len) +
			LETTER_OVERHEAD;
	bool is_kept_whole = bytes <= max_bytes;

	wp_cmd_script_key(cmd, WP_SCRIPT_INBOX_BURY, DLQ_KEY);
	wp_cmd_int(cmd, conf->mailbox.max_rejected);
	wp_cmd_int(cmd, max_bytes);
	wp_cmd_int(cmd, is_kept_whole ? bytes : LETTER_OVERHEAD);
	add_text(cmd, "id", entry->id, entry->id_len);
	wp_cmd_str(cmd, "reason");
	wp_cmd_str(cmd, item->submission.refusal.sentence);
	wp_cmd_str(cmd, "tries");
	wp_cmd_int(cmd, 1);
	wp_cmd_str(cmd, "at");
	wp_cmd_int(cmd, now_ms);
	if (is_kept_whole) {
		add_text(cmd, "envelope", entry->envelope, entry->envelope_len);
		add_text(cmd, "key", entry->key, entry->key_len);
	}
}
