/*
 * inbox_item.c - judge one entry by the rules that hold for everybody's sends.
 *
 * Its own id is its idempotency key unless the producer gave one, so that
 * reading it twice accepts it once. Nothing of it gets into a reason.
 */
#include "worker/inbox_item.h"

#include <string.h>

enum { OWN_KEY_MAX = 64, MS_PER_S = 1000 };

#define SENDER "inbox"

void wp_inbox_item_reject(struct wp_inbox_item *item, const char *reason)
{
	size_t len = strnlen(reason, sizeof(item->reason) - 1);

	item->fate = WP_FATE_REJECT;
	memcpy(item->reason, reason, len);
	item->reason[len] = '\0';
}

static void set_key(const struct wp_conf *conf, struct wp_inbox_item *item)
{
	char own[OWN_KEY_MAX] = SENDER ":";
	size_t len = strlen(own);
	size_t id_len = wp_reply_len(item->id);

	if (item->key != NULL) {
		wp_send_set_key(&item->send, conf->auth.store_secret, SENDER,
				wp_reply_str(item->key),
				wp_reply_len(item->key));
		return;
	}
	/* Redis made the id: two numbers. */
	if (id_len > sizeof(own) - len)
		id_len = sizeof(own) - len;
	memcpy(own + len, wp_reply_str(item->id), id_len);
	wp_send_set_key(&item->send, conf->auth.store_secret, SENDER, own,
			len + id_len);
}

/* What is wrong with the entry around the envelope, or NULL. */
static const char *find_fault(const struct wp_inbox_item *item)
{
	if (item->is_too_big)
		return "the envelope is over mailbox.max_envelope_bytes";
	if (item->raw == NULL)
		return "there is no field envelope";
	if (item->key != NULL &&
	    !wp_idempotency_key_is_valid(wp_reply_str(item->key),
					 wp_reply_len(item->key)))
		return "key is not 1 to 128 printable ASCII characters";
	return NULL;
}

static enum wp_err validate(const struct wp_conf *conf,
			    struct wp_inbox_item *item)
{
	const struct wp_envelope_text text = {
		.data = wp_reply_str(item->raw),
		.len = wp_reply_len(item->raw),
		.partitions = (uint32_t)conf->mailbox.partitions,
	};
	const char *fault = find_fault(item);
	struct wp_error err = { 0 };
	enum wp_err rc;

	if (fault != NULL) {
		wp_inbox_item_reject(item, fault);
		return WP_OK;
	}
	rc = wp_envelope_read(&item->envelope, &text, &item->json, &err);
	if (rc == WP_ERR_NOMEM)
		return rc;
	if (rc != WP_OK) {
		wp_inbox_item_reject(item, err.msg);
		return WP_OK;
	}
	item->fate = WP_FATE_SEND;
	item->send.envelope = &item->envelope;
	item->send.json = item->json.data;
	item->send.json_len = item->json.len;
	item->send.expires_in_ms = conf->mailbox.max_expiry_seconds * MS_PER_S;
	set_key(conf, item);
	return WP_OK;
}

static const struct wp_reply *text_at(const struct wp_reply *entry, size_t i)
{
	const struct wp_reply *text = wp_reply_at(entry, i);

	return wp_reply_type(text) == WP_REPLY_STR ? text : NULL;
}

enum wp_err wp_inbox_item_read(struct wp_inbox_item *item,
			       const struct wp_reply *entry,
			       const struct wp_conf *conf)
{
	*item = (struct wp_inbox_item){
		.id = wp_reply_at(entry, 0),
		.raw = text_at(entry, 1),
		.key = text_at(entry, 2),
		.is_too_big = wp_reply_int(wp_reply_at(entry, 3)) == 1,
	};
	/* Canonical base64 and names may be a little longer than what came. */
	wp_buf_init(&item->json, 2 * (size_t)conf->mailbox.max_envelope_bytes);
	return validate(conf, item);
}

void wp_inbox_item_release(struct wp_inbox_item *item)
{
	wp_buf_release(&item->json);
}
