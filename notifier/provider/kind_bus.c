/* kind_bus.c - bodies, and the words of Redis. */
#include "notifier/provider/kind_bus.h"

#include <inttypes.h>
#include <string.h>

/* A memory that is full is not empty so soon. */
enum { LATER_S = 10 };

static void write_request(struct wp_buf *out, const char *user,
			  const struct wp_push *push)
{
	wp_buf_add_str(out, "{\"recipientId\":");
	wp_buf_add_json(out, user, strlen(user));
	wp_buf_add_str(out, ",\"content\":{\"title\":\"" WP_PUSH_TITLE
			    "\",\"body\":\"" WP_PUSH_TEXT "\"");
	/* ProtoJSON leaves out what is empty. */
	if (push->action == WP_PLAN_ALERT)
		wp_buf_add_str(out, ",\"sound\":\"default\"");
	wp_buf_printf(out,
		      "},\"dataPayload\":{\"msg_type\":\"secure_text\","
		      "\"push_id\":\"%s\"}}",
		      push->push_id);
}

void wp_kind_bus_body(struct wp_buf *out, const char *user,
		      const struct wp_push *push)
{
	struct wp_buf request;

	wp_buf_init(&request, 0);
	write_request(&request, user, push);
	out->failed = out->failed || request.failed;
	wp_bus_wrap(out, push->push_id, request.data, request.len,
		    push->now_s * 1000);
	wp_buf_release(&request);
}

void wp_kind_event_body(struct wp_buf *out, const char *user,
			const char *platforms, const struct wp_push *push)
{
	wp_buf_add_str(out, "{\"type\":\"offline_notification\"");
	wp_kind_member(out, "user", user);
	wp_buf_printf(
		out, ",\"platforms\":%s,\"waiting\":%" PRId64 ",\"id\":\"%s\"}",
		platforms, push->waiting, push->push_id);
}

void wp_kind_bus_judge(enum wp_bus_end end, const char *word,
		       struct wp_judgement *out)
{
	/* Who loses the connection over which he asked has lost the claim as
	 * well: it is no failure of this bus. */
	static const enum wp_verdict verdicts[] = {
		[WP_BUS_TAKEN] = WP_VERDICT_ACCEPTED,
		[WP_BUS_UNKNOWN] = WP_VERDICT_AGAIN,
		[WP_BUS_LATER] = WP_VERDICT_LATER,
		[WP_BUS_REFUSED] = WP_VERDICT_CONFIG,
	};

	*out = (struct wp_judgement){
		.verdict = verdicts[end],
		.after_s = end == WP_BUS_LATER ? LATER_S : 0,
	};
	wp_judge_word(out, &(const struct wp_json_slice){
				   .data = word, .len = strlen(word) });
}
