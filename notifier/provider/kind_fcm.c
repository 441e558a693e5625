/* kind_fcm.c - bodies, and the errors that Google names. */
#include "notifier/provider/kind_fcm.h"

#include <string.h>

#include "lib/base/json.h"

enum { QUOTA_S = 60, LEAST_S = 10 };

/* ---- requests ---- */

static const char *type_of(const struct wp_push *push)
{
	switch (push->action) {
	case WP_PLAN_BADGE:
		return "badge";
	case WP_PLAN_CLEAR:
		return "read";
	case WP_PLAN_NOTHING:
	case WP_PLAN_ALERT:
	case WP_PLAN_QUIET:
		break;
	}
	return "mail";
}

/* Values are texts, all of them. */
static void add_data(struct wp_buf *out, const struct wp_push *push)
{
	wp_buf_printf(out, ",\"data\":{\"type\":\"%s\"", type_of(push));
	wp_kind_member(out, "id", push->push_id);
	if (push->account[0] != '\0')
		wp_kind_member(out, "account", push->account);
	if (push->has_badge) {
		wp_buf_add_str(out, ",\"waiting\":\"");
		wp_buf_add_int(out, push->waiting);
		wp_buf_add_char(out, '"');
	}
	wp_buf_add_char(out, '}');
}

static void add_android(struct wp_buf *out, const struct wp_fcm_app *app,
			const struct wp_push *push)
{
	/* A normal one sleeps as long as the device does. */
	wp_buf_add_str(out, push->action == WP_PLAN_ALERT
				    ? ",\"android\":{\"priority\":\"HIGH\""
				    : ",\"android\":{\"priority\":\"NORMAL\"");
	wp_buf_add_str(out, ",\"ttl\":\"");
	wp_buf_add_int(out, push->ttl_s);
	wp_buf_add_str(out, "s\"");
	wp_kind_member(out, "collapse_key", push->token_id);
	if (app->has_texts)
		wp_buf_add_str(out, ",\"notification\":{\"tag\":\"waypost\"}");
	wp_buf_add_char(out, '}');
}

static void add_apns(struct wp_buf *out, const struct wp_fcm_app *app,
		     const struct wp_push *push)
{
	wp_buf_printf(out,
		      ",\"apns\":{\"headers\":{\"apns-push-type\":\"alert\","
		      "\"apns-priority\":\"%s\"",
		      push->action == WP_PLAN_ALERT ? "10" : "5");
	wp_kind_member(out, "apns-collapse-id", push->token_id);
	wp_buf_add_str(out, "},\"payload\":{\"aps\":");
	wp_apns_aps(out, app->ios, push);
	wp_buf_add_str(out, "}}");
}

void wp_fcm_build(struct wp_call *call, const struct wp_fcm_app *app,
		  const struct wp_fcm_target *target,
		  const struct wp_push *push)
{
	struct wp_buf *out = &call->body;
	bool is_seen =
		push->action == WP_PLAN_ALERT || push->action == WP_PLAN_QUIET;

	wp_buf_printf(&call->url, "%s/v1/projects/%s/messages:send", app->base,
		      app->project);
	wp_buf_printf(wp_call_header(call, "authorization"), "Bearer %s",
		      target->access_token);
	wp_call_header_text(call, "content-type", "application/json");
	wp_buf_add_str(out, "{\"message\":{\"token\":");
	wp_buf_add_json(out, target->token, strlen(target->token));
	add_data(out, push);
	add_android(out, app, push);
	if (app->has_texts && is_seen)
		wp_buf_add_str(out,
			       ",\"notification\":{\"title\":\"" WP_PUSH_TITLE
			       "\",\"body\":\"" WP_PUSH_TEXT "\"}");
	if (target->is_ios)
		add_apns(out, app, push);
	wp_buf_add_str(out, "}}");
}

/* ---- answers ---- */

struct said {
	struct wp_json_slice status; /* "NOT_FOUND": of Google's own */
	struct wp_json_slice code;   /* "UNREGISTERED": of FCM */
};

/* {"@type":"…FcmError","errorCode":"UNREGISTERED"}, and others. */
static void read_details(struct wp_json *js, struct said *out)
{
	struct wp_json_slice name;

	if (!wp_json_array_begin(js))
		return;
	while (wp_json_array_next(js)) {
		if (!wp_json_object_begin(js))
			return;
		while (wp_json_object_next(js, &name)) {
			if (wp_json_slice_is(&name, "errorCode"))
				(void)wp_json_string(js, &out->code);
			else
				(void)wp_json_raw(js, NULL);
		}
	}
}

static void read_error(struct wp_json *js, struct said *out)
{
	struct wp_json_slice name;

	if (!wp_json_object_begin(js))
		return;
	while (wp_json_object_next(js, &name)) {
		if (wp_json_slice_is(&name, "status"))
			(void)wp_json_string(js, &out->status);
		else if (wp_json_slice_is(&name, "details"))
			read_details(js, out);
		else
			(void)wp_json_raw(js, NULL);
	}
}

/* {"error":{"code":404,"status":"…","details":[…]}}; other bodies say
 * nothing. */
static void read_body(const struct wp_provider_answer *reply, struct said *out)
{
	const struct said none = { .status = { .data = "" },
				   .code = { .data = "" } };
	struct wp_json_slice name;
	struct wp_json js;

	*out = none;
	wp_json_init(&js, reply->body, reply->len);
	(void)wp_json_object_begin(&js);
	while (wp_json_object_next(&js, &name)) {
		if (wp_json_slice_is(&name, "error"))
			read_error(&js, out);
		else
			(void)wp_json_raw(&js, NULL);
	}
	if (!wp_json_end(&js))
		*out = none;
}

static bool is(const struct said *said, const char *code)
{
	return wp_json_slice_is(&said->code, code);
}

static void judge_denied(const struct said *said,
			 const struct wp_provider_answer *reply,
			 struct wp_judgement *out)
{
	out->verdict = WP_VERDICT_CONFIG;
	/* Of Apple's service, which they ask on our behalf: it is ours to mend,
	 * and no reason to leave alone who has a phone of another make. */
	if (is(said, "THIRD_PARTY_AUTH_ERROR")) {
		out->verdict = WP_VERDICT_REFUSED;
		return;
	}
	if (reply->status == 403 && is(said, "SENDER_ID_MISMATCH"))
		out->verdict = WP_VERDICT_SUSPECT;
	if (reply->status != 401 || reply->is_repeat)
		return;
	out->verdict = WP_VERDICT_AGAIN;
	out->remedy = WP_REMEDY_TOKEN;
}

static void judge_rest(const struct said *said,
		       const struct wp_provider_answer *reply,
		       struct wp_judgement *out)
{
	out->verdict = WP_VERDICT_REFUSED;
	if (reply->status < 400)
		out->verdict = WP_VERDICT_CONFIG;
	/* A path that is not theirs is answered so, too: only their own word
	 * is a death. */
	if (reply->status == 404)
		out->verdict = WP_VERDICT_SUSPECT;
	/* The token is malformed, says FCM; Google itself says BadRequest. */
	if (reply->status == 400 && is(said, "INVALID_ARGUMENT"))
		out->verdict = WP_VERDICT_SUSPECT;
	if (is(said, "UNREGISTERED"))
		out->verdict = WP_VERDICT_GONE;
}

void wp_fcm_judge(const struct wp_provider_answer *reply,
		  struct wp_judgement *out)
{
	struct said said;

	read_body(reply, &said);
	if (wp_judge_common(reply, out)) {
		if (reply->status != 0 && out->after_s < LEAST_S)
			out->after_s = LEAST_S;
	} else if (reply->status >= 200 && reply->status < 300) {
		out->verdict = WP_VERDICT_ACCEPTED;
	} else if (reply->status == 401 || reply->status == 403) {
		judge_denied(&said, reply, out);
	} else if (reply->status == 429) {
		out->verdict = WP_VERDICT_LATER;
		out->after_s = wp_judge_after(reply, QUOTA_S);
	} else {
		judge_rest(&said, reply, out);
	}
	if (said.code.len > 0)
		wp_judge_word(out, &said.code);
	else if (said.status.len > 0)
		wp_judge_word(out, &said.status);
}
