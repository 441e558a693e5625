/*
 * submit.c - what is wrong with a send, in the order in which it is looked for.
 *
 * Sentences are for the developer who sent it and never quote the input.
 */
#include "lib/mailbox/submit.h"

#include <assert.h>
#include <stdio.h>

#include "lib/base/json.h"

enum {
	CANONICAL_SLACK = 512, /* names, priority, padding of one envelope */
	MS_PER_S = 1000,
};

static const struct wp_refusal verdicts[] = {
	[WP_SEND_CONFLICT] = { "idempotency_conflict",
			       "this idempotency key was used with another "
			       "envelope or expiry" },
	[WP_SEND_FULL] = { "mailbox_full",
			   "the message was not accepted, too much waits for "
			   "the recipient already" },
	[WP_SEND_OVERLOADED] = { "overloaded",
				 "the message was not accepted, the service is "
				 "overloaded; repeat later" },
	[WP_SEND_UNKNOWN] = { "unavailable",
			      "the outcome is unknown; repeat with the same "
			      "idempotency key" },
};

#define TOO_MANY "too many sends are unanswered; repeat later"

static const struct wp_refusal turned_away = { "overloaded", TOO_MANY };
static const struct wp_refusal keyed_turned_away = { "unavailable", TOO_MANY };

const struct wp_refusal *wp_submit_verdict(enum wp_send_status status)
{
	assert(status != WP_SEND_ACCEPTED);
	return &verdicts[status];
}

const struct wp_refusal *wp_submit_turned_away(bool has_key)
{
	return has_key ? &keyed_turned_away : &turned_away;
}

static bool refuse(struct wp_refusal *refusal, const char *code,
		   const char *sentence)
{
	refusal->code = code;
	(void)snprintf(refusal->sentence, sizeof(refusal->sentence), "%s",
		       sentence);
	return false;
}

bool wp_submit_check(const struct wp_submit_options *options,
		     const struct wp_conf *conf, struct wp_refusal *refusal)
{
	int64_t max_s = conf->mailbox.max_expiry_seconds;
	struct wp_error err;

	refusal->code = NULL;
	if (options->key != NULL &&
	    !wp_idempotency_key_is_valid(options->key, options->key_len))
		return refuse(refusal, "bad_request",
			      "the idempotency key must be 1 to 128 printable "
			      "ASCII characters");
	if (options->has_expiry &&
	    (options->expires_s < 1 || options->expires_s > max_s)) {
		(void)wp_error_set(&err, WP_ERR_INVAL,
				   "expiresInSeconds must be an integer from 1 "
				   "to %lld",
				   (long long)max_s);
		return refuse(refusal, "bad_request", err.msg);
	}
	return true;
}

static enum wp_err read_envelope(struct wp_submission *out,
				 const struct wp_envelope_text *text,
				 const struct wp_conf *conf,
				 struct wp_buf *json)
{
	size_t max = (size_t)conf->mailbox.max_envelope_bytes;
	struct wp_envelope_text whole = *text;
	struct wp_error err = { 0 };
	enum wp_err rc;

	if (text->data == NULL) {
		(void)refuse(&out->refusal, "invalid_envelope",
			     "envelope is missing");
		return WP_OK;
	}
	if (text->len > max) {
		(void)wp_error_set(&err, WP_ERR_FULL,
				   "the envelope has more than %zu bytes", max);
		(void)refuse(&out->refusal, "payload_too_large", err.msg);
		return WP_OK;
	}
	whole.partitions = (uint32_t)conf->mailbox.partitions;
	rc = wp_envelope_read(&out->envelope, &whole, json, &err);
	if (rc == WP_OK || rc == WP_ERR_NOMEM)
		return rc;
	if (rc == WP_ERR_FULL)
		(void)refuse(&out->refusal, "payload_too_large", err.msg);
	else
		(void)refuse(&out->refusal,
			     wp_json_is_valid(text->data, text->len)
				     ? "invalid_envelope"
				     : "invalid_json",
			     err.msg);
	return WP_OK;
}

enum wp_err wp_submit_read(struct wp_submission *out,
			   const struct wp_submit_options *options,
			   const struct wp_envelope_text *text,
			   const struct wp_conf *conf, struct wp_buf *json)
{
	enum wp_err rc;

	out->json_at = json->len;
	out->json_len = 0;
	if (!wp_submit_check(options, conf, &out->refusal))
		return WP_OK;
	rc = read_envelope(out, text, conf, json);
	if (rc != WP_OK || out->refusal.code != NULL)
		return rc;
	out->json_len = json->len - out->json_at;
	return WP_OK;
}

size_t wp_submit_canonical_max(size_t len, size_t n)
{
	return len + n * CANONICAL_SLACK;
}

void wp_submit_item(struct wp_send_item *item,
		    const struct wp_submission *submission,
		    const struct wp_submit_options *options,
		    const struct wp_conf *conf, const struct wp_buf *json)
{
	const struct wp_envelope *envelope = &submission->envelope;
	int64_t expires_s = options->has_expiry
				    ? options->expires_s
				    : conf->mailbox.max_expiry_seconds;

	*item = (struct wp_send_item){
		.envelope = envelope,
		.json = json->data + submission->json_at,
		.json_len = submission->json_len,
		.expires_in_ms = expires_s * MS_PER_S,
	};
	if (envelope->idempotency_key_len > 0)
		wp_send_set_key(item, conf->auth.store_secret, options->sender,
				envelope->idempotency_key,
				envelope->idempotency_key_len);
	else if (options->key != NULL)
		wp_send_set_key(item, conf->auth.store_secret, options->sender,
				options->key, options->key_len);
}
