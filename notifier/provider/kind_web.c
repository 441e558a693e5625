/* kind_web.c - messages that all look alike, and statuses of HTTP. */
#include "notifier/provider/kind_web.h"

#include <string.h>
#include <strings.h>

#include "lib/base/encode.h"

enum { PADDED = 256, LATER_S = 300 };

bool wp_web_origin(const char *endpoint, char out[WP_WEB_ORIGIN_MAX])
{
	static const char https[] = "https://";
	static const char usual[] = ":443";
	size_t len = sizeof(https) - 1;

	if (strncasecmp(endpoint, https, len) != 0)
		return false;
	len += strcspn(endpoint + len, "/?#");
	if (len == sizeof(https) - 1 || len >= WP_WEB_ORIGIN_MAX)
		return false;
	if (len > sizeof(usual) - 1 &&
	    memcmp(endpoint + len - (sizeof(usual) - 1), usual,
		   sizeof(usual) - 1) == 0)
		len -= sizeof(usual) - 1;
	for (size_t i = 0; i < len; i++)
		out[i] = wp_ascii_lower(endpoint[i]);
	out[len] = '\0';
	return true;
}

static void write_message(struct wp_buf *out, const struct wp_push *push)
{
	wp_buf_add_str(out, "{\"type\":\"mail\",\"waiting\":");
	wp_buf_add_int(out, push->waiting);
	wp_kind_member(out, "id", push->push_id);
	if (push->account[0] != '\0')
		wp_kind_member(out, "account", push->account);
	wp_buf_add_char(out, '}');
}

enum wp_err wp_web_build(struct wp_call *call,
			 const struct wp_web_target *target,
			 const struct wp_ece_sender *sender,
			 const struct wp_push *push, struct wp_error *err)
{
	struct wp_ece_message message = { .padded = PADDED };
	struct wp_buf plain;
	enum wp_err rc;

	wp_buf_add_str(&call->url, target->endpoint);
	wp_call_header_int(call, "TTL", push->ttl_s);
	wp_call_header_text(call, "Urgency",
			    push->action == WP_PLAN_ALERT ? "high" : "low");
	/* One that waits there is replaced (RFC 8030 section 5.4). */
	wp_call_header_text(call, "Topic", push->token_id);
	wp_call_header_text(call, "Content-Encoding", "aes128gcm");
	wp_call_header_text(call, "Content-Type", "application/octet-stream");
	wp_call_header_text(call, "Authorization", target->authorization);
	wp_buf_init(&plain, WP_ECE_PLAIN_MAX);
	write_message(&plain, push);
	message.data = plain.data;
	message.len = plain.len;
	if (plain.failed)
		rc = wp_error_set(err, WP_ERR_NOMEM, "out of memory");
	else
		rc = wp_ece_encrypt(&target->receiver, sender, &message,
				    &call->body, err);
	wp_buf_release(&plain);
	return rc;
}

void wp_web_judge(const struct wp_provider_answer *reply, bool is_ours,
		  struct wp_judgement *out)
{
	static const char key_changed[] = "key_changed";

	if (wp_judge_common(reply, out))
		return;
	if (reply->status >= 200 && reply->status < 300) {
		out->verdict = WP_VERDICT_ACCEPTED;
	} else if (reply->status == 404 || reply->status == 410) {
		/* Browsers' services have used either for good. */
		out->verdict = WP_VERDICT_GONE;
	} else if (reply->status == 401 || reply->status == 403) {
		/* That it was subscribed with our key is its own word: were it
		 * the key, nobody of this host would be told any more. */
		out->verdict = is_ours ? WP_VERDICT_SUSPECT : WP_VERDICT_GONE;
		memcpy(out->reason, key_changed, sizeof(key_changed));
	} else if (reply->status == 429) {
		out->verdict = WP_VERDICT_LATER;
		out->after_s = wp_judge_after(reply, LATER_S);
	} else {
		out->verdict = WP_VERDICT_REFUSED;
	}
}
