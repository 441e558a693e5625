/* kind_webhook.c - a signed body, and statuses of HTTP. */
#include "notifier/provider/kind_webhook.h"

#include <inttypes.h>

#include "lib/base/clock.h"
#include "lib/base/digest.h"

enum { LATER_S = 60 };

static void write_body(struct wp_buf *out,
		       const struct wp_webhook_target *target,
		       const struct wp_push *push)
{
	char time[WP_RFC3339_LEN];

	wp_rfc3339(push->now_s * 1000, time);
	wp_buf_printf(out,
		      "{\"type\":\"mail.waiting\",\"timestamp\":\"%s\","
		      "\"data\":{\"waiting\":%" PRId64 ",\"urgent\":%s",
		      time, push->waiting, target->is_high ? "true" : "false");
	wp_kind_member(out, "user", target->user);
	wp_buf_add_str(out, "}}");
}

/* Over id, time and body, which so belong together. */
static void sign(struct wp_buf *out, const struct wp_webhook_target *target,
		 const struct wp_push *push, const struct wp_buf *body)
{
	uint8_t mac[WP_SHA256_LEN];
	struct wp_buf text;

	wp_buf_init(&text, 0);
	wp_buf_printf(&text, "%s.%" PRId64 ".", push->push_id, push->now_s);
	wp_buf_add(&text, body->data, body->len);
	wp_hmac_sha256(target->secret, target->secret_len, text.data, text.len,
		       mac);
	wp_buf_add_str(out, "v1,");
	wp_buf_add_base64(out, mac, sizeof(mac));
	out->failed = out->failed || text.failed;
	wp_buf_release(&text);
}

void wp_webhook_build(struct wp_call *call,
		      const struct wp_webhook_target *target,
		      const struct wp_push *push)
{
	wp_buf_add_str(&call->url, target->endpoint);
	wp_call_header_text(call, "content-type", "application/json");
	wp_call_header_text(call, "webhook-id", push->push_id);
	wp_call_header_int(call, "webhook-timestamp", push->now_s);
	write_body(&call->body, target, push);
	sign(wp_call_header(call, "webhook-signature"), target, push,
	     &call->body);
}

void wp_webhook_judge(const struct wp_provider_answer *reply,
		      struct wp_judgement *out)
{
	bool is_common = wp_judge_common(reply, out);

	if (reply->status == 429 || reply->status == 503) {
		out->verdict = WP_VERDICT_LATER;
		out->after_s = wp_judge_after(reply, LATER_S);
	} else if (is_common) {
		return;
	} else if (reply->status >= 200 && reply->status < 300) {
		out->verdict = WP_VERDICT_ACCEPTED;
	} else if (reply->status == 410) {
		out->verdict = WP_VERDICT_GONE;
	} else {
		out->verdict = WP_VERDICT_REFUSED;
	}
}
