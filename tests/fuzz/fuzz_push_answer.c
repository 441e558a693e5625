/*
 * Any bytes as an answer of a provider of pushes: a status, a Retry-After up to
 * the first line break, and a body. Whatever it is, no word that was not said
 * ends a device, and what is noted is bounded and plain.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "lib/http/retry_after.h"
#include "notifier/provider/kind_apns.h"
#include "notifier/provider/kind_fcm.h"
#include "notifier/provider/kind_web.h"
#include "notifier/provider/kind_webhook.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { NOW_S = 1796076000 };

static void must(bool is_true)
{
	if (!is_true)
		abort();
}

static bool says(const struct wp_provider_answer *reply, const char *word)
{
	return reply->len > 0 &&
	       memmem(reply->body, reply->len, word, strlen(word)) != NULL;
}

static void check(const struct wp_judgement *out, bool may_be_gone)
{
	must(strlen(out->reason) <= WP_REASON_MAX);
	for (const char *p = out->reason; *p != '\0'; p++)
		must((*p >= 'a' && *p <= 'z') || (*p >= 'A' && *p <= 'Z') ||
		     *p == '_');
	must(out->after_s >= 0 && out->after_s <= WP_RETRY_AFTER_MAX_S);
	must(out->verdict != WP_VERDICT_GONE || may_be_gone);
	must((out->remedy == WP_REMEDY_NONE) ||
	     out->verdict != WP_VERDICT_ACCEPTED);
	must(wp_verdict_name(out->verdict) != NULL);
}

static void judge_all(const struct wp_provider_answer *reply)
{
	const struct wp_apns_context context = { .registered_ms = 1000,
						 .bearer_age_s = 3000 };
	/* A word may come in escapes; then it is not looked for. */
	bool has_escapes = says(reply, "\\");
	struct wp_judgement out;

	wp_apns_judge(reply, &context, &out);
	check(&out, reply->status == 410 &&
			    (has_escapes || says(reply, "Unregistered") ||
			     says(reply, "ExpiredToken")));
	wp_fcm_judge(reply, &out);
	check(&out, reply->status >= 300 && reply->status < 500 &&
			    (has_escapes || says(reply, "UNREGISTERED")));
	wp_web_judge(reply, true, &out);
	check(&out, reply->status == 404 || reply->status == 410);
	wp_webhook_judge(reply, &out);
	check(&out, reply->status == 410);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const long statuses[] = { 0,   200, 201, 301, 400, 401, 403,
					 404, 410, 413, 429, 500, 503, 999 };
	struct wp_provider_answer reply = { .now_s = NOW_S };
	const uint8_t *line;
	char *header = NULL;
	char *body = NULL;

	if (size < 2)
		return 0;
	reply.status = statuses[data[0] % (sizeof(statuses) / sizeof(long))];
	reply.is_http2 = (data[1] & 1) != 0;
	reply.is_repeat = (data[1] & 2) != 0;
	data += 2;
	size -= 2;
	line = size > 0 ? memchr(data, '\n', size) : NULL;
	if (line != NULL) {
		header = strndup((const char *)data, (size_t)(line - data));
		must(header != NULL);
		reply.retry_after = header;
		size -= (size_t)(line + 1 - data);
		data = line + 1;
	}
	/* Exactly as long, so that a read beyond it is seen. */
	body = malloc(size > 0 ? size : 1);
	must(body != NULL);
	memcpy(body, data, size);
	reply.body = body;
	reply.len = size;
	judge_all(&reply);
	free(header);
	free(body);
	return 0;
}
