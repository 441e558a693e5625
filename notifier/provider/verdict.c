/* verdict.c - what all kinds of providers mean alike. */
#include "notifier/provider/verdict.h"

#include <string.h>

#include "lib/http/retry_after.h"

bool wp_judge_common(const struct wp_provider_answer *reply,
		     struct wp_judgement *out)
{
	*out = (struct wp_judgement){ .verdict = WP_VERDICT_RETRY };
	if (reply->status == 0) {
		memcpy(out->reason, "unreachable", sizeof("unreachable"));
		return true;
	}
	if (reply->status < 500)
		return false;
	out->after_s = wp_judge_after(reply, 0);
	return true;
}

int64_t wp_judge_after(const struct wp_provider_answer *reply, int64_t preset_s)
{
	int64_t said = wp_retry_after(reply->retry_after, reply->now_s);

	return said != 0 ? said : preset_s;
}

void wp_judge_word(struct wp_judgement *out, const struct wp_json_slice *word)
{
	if (word->len > WP_REASON_MAX)
		return;
	for (size_t i = 0; i < word->len; i++) {
		char c = word->data[i];

		if (!((c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
		      c == '_'))
			return;
	}
	memcpy(out->reason, word->data, word->len);
	out->reason[word->len] = '\0';
}

const char *wp_verdict_name(enum wp_verdict verdict)
{
	static const char *const names[] = {
		[WP_VERDICT_ACCEPTED] = "accepted",
		[WP_VERDICT_GONE] = "gone",
		[WP_VERDICT_SUSPECT] = "suspect",
		[WP_VERDICT_RETRY] = "retry",
		[WP_VERDICT_LATER] = "later",
		[WP_VERDICT_CONFIG] = "config",
		[WP_VERDICT_REFUSED] = "refused",
		[WP_VERDICT_AGAIN] = "again",
	};

	return names[verdict];
}
