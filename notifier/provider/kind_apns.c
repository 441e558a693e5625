/* kind_apns.c - bodies, and the reasons that Apple names. */
#include "notifier/provider/kind_apns.h"

#include <string.h>

#include "lib/base/json.h"

enum {
	TOKEN_AGE_S = 20 * 60, /* no new one before, says Apple */
	MANY_S = 10 * 60,      /* too many for one device */
	LATER_S = 60,
	PRIORITY_NOW = 10,
	PRIORITY_SOON = 5,
};

/* ---- requests ---- */

static bool is_seen(const struct wp_push *push)
{
	return push->action == WP_PLAN_ALERT || push->action == WP_PLAN_QUIET;
}

void wp_apns_aps(struct wp_buf *out, const struct wp_apns_app *app,
		 const struct wp_push *push)
{
	wp_buf_add_char(out, '{');
	if (!is_seen(push)) {
		wp_buf_add_str(out, "\"badge\":");
		wp_buf_add_int(out, push->waiting);
		wp_buf_add_char(out, '}');
		return;
	}
	wp_buf_add_str(out, "\"alert\":{");
	if (app->title_key[0] == '\0') {
		wp_buf_add_str(out, "\"title\":\"" WP_PUSH_TITLE
				    "\",\"body\":\"" WP_PUSH_TEXT "\"}");
	} else {
		wp_buf_add_str(out, "\"title-loc-key\":");
		wp_buf_add_json(out, app->title_key, strlen(app->title_key));
		wp_kind_member(out, "loc-key", app->body_key);
		wp_buf_add_char(out, '}');
	}
	wp_buf_add_str(out, push->action == WP_PLAN_ALERT
				    ? ",\"sound\":\"default\""
				    : ",\"interruption-level\":\"passive\"");
	if (push->has_badge) {
		wp_buf_add_str(out, ",\"badge\":");
		wp_buf_add_int(out, push->waiting);
	}
	wp_buf_add_str(out,
		       ",\"mutable-content\":1,\"thread-id\":\"waypost\"}");
}

/* Apple's are hexadecimal; what would be another path is none. */
static bool is_token(const char *token)
{
	return token[0] != '\0' &&
	       token[strspn(token, "0123456789abcdefABCDEF")] == '\0';
}

bool wp_apns_build(struct wp_call *call, const struct wp_apns_app *app,
		   const struct wp_apns_target *target,
		   const struct wp_push *push)
{
	if (!is_token(target->token))
		return false;
	wp_buf_printf(&call->url, "%s/3/device/%s", target->base,
		      target->token);
	wp_buf_printf(wp_call_header(call, "authorization"), "bearer %s",
		      target->bearer);
	wp_call_header_text(call, "content-type", "application/json");
	wp_call_header_text(call, "apns-topic", app->topic);
	wp_call_header_text(call, "apns-push-type", "alert");
	wp_call_header_int(call, "apns-priority",
			   push->action == WP_PLAN_ALERT ? PRIORITY_NOW
							 : PRIORITY_SOON);
	/* Since 1970: one that is counted from now has long expired. */
	wp_call_header_int(call, "apns-expiration", push->now_s + push->ttl_s);
	wp_call_header_text(call, "apns-id", push->push_id);
	wp_call_header_text(call, "apns-collapse-id", push->token_id);
	wp_buf_add_str(&call->body, "{\"aps\":");
	wp_apns_aps(&call->body, app, push);
	if (is_seen(push)) {
		wp_buf_add_str(&call->body, ",\"w\":{\"type\":\"mail\"");
		if (push->account[0] != '\0')
			wp_kind_member(&call->body, "account", push->account);
		wp_buf_add_char(&call->body, '}');
	}
	wp_buf_add_char(&call->body, '}');
	return true;
}

/* ---- answers ---- */

struct said {
	struct wp_json_slice reason;
	int64_t timestamp_ms; /* -1: none */
};

/* {"reason":"Unregistered","timestamp":1454948015990}; other bodies say
 * nothing. */
static void read_body(const struct wp_provider_answer *reply, struct said *out)
{
	struct wp_json_slice name, number;
	struct said said = { .reason = { .data = "" }, .timestamp_ms = -1 };
	struct wp_json js;

	*out = said;
	wp_json_init(&js, reply->body, reply->len);
	(void)wp_json_object_begin(&js);
	while (wp_json_object_next(&js, &name)) {
		if (wp_json_slice_is(&name, "reason")) {
			(void)wp_json_string(&js, &said.reason);
		} else if (wp_json_slice_is(&name, "timestamp")) {
			if (wp_json_number(&js, &number) &&
			    !wp_json_integer(&number, 0, INT64_MAX,
					     &said.timestamp_ms))
				said.timestamp_ms = -1;
		} else {
			(void)wp_json_raw(&js, NULL);
		}
	}
	if (wp_json_end(&js))
		*out = said;
}

static bool is(const struct said *said, const char *reason)
{
	return wp_json_slice_is(&said->reason, reason);
}

/* It was not, in the time since the device got this token, or when it was is
 * not said: perhaps it has come back. */
static enum wp_verdict judge_gone(const struct said *said,
				  const struct wp_apns_context *context)
{
	if (!is(said, "Unregistered") && !is(said, "ExpiredToken"))
		return WP_VERDICT_SUSPECT;
	return said->timestamp_ms > context->registered_ms ? WP_VERDICT_GONE
							   : WP_VERDICT_SUSPECT;
}

static void judge_bad(const struct said *said,
		      const struct wp_apns_context *context,
		      struct wp_judgement *out)
{
	out->verdict = WP_VERDICT_REFUSED;
	if (is(said, "DeviceTokenNotForTopic"))
		out->verdict = WP_VERDICT_SUSPECT;
	if (!is(said, "BadDeviceToken"))
		return;
	out->verdict = WP_VERDICT_SUSPECT;
	if (context->may_be_other) {
		out->verdict = WP_VERDICT_AGAIN;
		out->remedy = WP_REMEDY_ENVIRONMENT;
	}
}

static void judge_denied(const struct said *said,
			 const struct wp_provider_answer *reply,
			 const struct wp_apns_context *context,
			 struct wp_judgement *out)
{
	out->verdict = WP_VERDICT_CONFIG;
	if (!is(said, "ExpiredProviderToken") || reply->is_repeat ||
	    context->bearer_age_s < TOKEN_AGE_S)
		return;
	out->verdict = WP_VERDICT_AGAIN;
	out->remedy = WP_REMEDY_TOKEN | WP_REMEDY_CONNECTION;
}

static void judge_many(const struct said *said,
		       const struct wp_provider_answer *reply,
		       struct wp_judgement *out)
{
	if (is(said, "TooManyProviderTokenUpdates")) {
		/* The connection is of no use for a while; the token is. */
		out->verdict = WP_VERDICT_CONFIG;
		out->remedy = WP_REMEDY_CONNECTION;
	} else if (is(said, "TooManyRequests")) {
		out->verdict = WP_VERDICT_RETRY;
		out->after_s = wp_judge_after(reply, MANY_S);
	} else {
		out->verdict = WP_VERDICT_LATER;
		out->after_s = wp_judge_after(reply, LATER_S);
	}
}

void wp_apns_judge(const struct wp_provider_answer *reply,
		   const struct wp_apns_context *context,
		   struct wp_judgement *out)
{
	struct said said;

	read_body(reply, &said);
	if (wp_judge_common(reply, out)) {
		if (is(&said, "Shutdown"))
			out->remedy = WP_REMEDY_CONNECTION;
	} else if (!reply->is_http2) {
		/* Apple speaks nothing but HTTP/2: it is somebody else. */
		memcpy(out->reason, "HTTP", sizeof("HTTP"));
		return;
	} else if (reply->status == 200) {
		out->verdict = WP_VERDICT_ACCEPTED;
	} else if (reply->status == 400) {
		judge_bad(&said, context, out);
	} else if (reply->status == 403) {
		judge_denied(&said, reply, context, out);
	} else if (reply->status == 410) {
		out->verdict = judge_gone(&said, context);
	} else if (reply->status == 429) {
		judge_many(&said, reply, out);
	} else {
		out->verdict = reply->status < 400 ? WP_VERDICT_CONFIG
						   : WP_VERDICT_REFUSED;
	}
	if (said.reason.len > 0)
		wp_judge_word(out, &said.reason);
}
