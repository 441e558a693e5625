/*
 * client_frame.c - take client frames apart, put replies together.
 *
 * Strangers write these: a member given twice, a wrong type or a deep nest is
 * a sentence for an error frame, never the end of the connection.
 */
#include "ws-daemon/wire/client_frame.h"

#include <stdlib.h>
#include <string.h>

static const char too_long[] = "chatId must be at most 255 bytes";

static const struct {
	const char *name;
	enum wp_frame_type type;
} type_names[] = {
	{ "send", WP_FRAME_SEND },       { "ack", WP_FRAME_ACK },
	{ "chat", WP_FRAME_CHAT },       { "ping", WP_FRAME_PING },
	{ "watch", WP_FRAME_WATCH },     { "unwatch", WP_FRAME_UNWATCH },
	{ "refresh", WP_FRAME_REFRESH },
};

static void read_type(struct wp_json *js, struct wp_client_frame *out)
{
	struct wp_json_slice name;

	if (!wp_json_string(js, &name))
		return;
	for (size_t i = 0; i < sizeof(type_names) / sizeof(type_names[0]); i++)
		if (wp_json_slice_is(&name, type_names[i].name))
			out->type = type_names[i].type;
}

static void read_ref(struct wp_json *js, struct wp_client_frame *out)
{
	enum wp_json_type type = wp_json_peek(js);
	struct wp_json_slice raw;
	int64_t number;

	if (!wp_json_skip(js, &raw) || type == WP_JSON_NULL)
		return;
	/* Two quotes come with a string. */
	if ((type == WP_JSON_STRING && raw.len <= WP_REF_MAX + 2) ||
	    (type == WP_JSON_NUMBER && raw.len <= WP_REF_MAX &&
	     wp_json_integer(&raw, INT64_MIN, INT64_MAX, &number)))
		out->ref = raw;
	else
		wp_json_fail(js, "ref must be an integer or a string of at "
				 "most 128 bytes");
}

/* A string; null is as if it were not there. */
static void read_text(struct wp_json *js, struct wp_json_slice *out)
{
	if (wp_json_peek(js) == WP_JSON_NULL)
		wp_json_null(js);
	else
		wp_json_string(js, out);
}

/* A number or, as ProtoJSON allows, the same in quotes. */
static void read_integer(struct wp_json *js, struct wp_json_slice *out)
{
	if (wp_json_peek(js) == WP_JSON_NUMBER)
		wp_json_number(js, out);
	else
		read_text(js, out);
}

static void read_raw(struct wp_json *js, struct wp_json_slice *out)
{
	if (wp_json_peek(js) == WP_JSON_NULL)
		wp_json_null(js);
	else
		wp_json_raw(js, out);
}

enum member {
	MEMBER_TYPE,
	MEMBER_REF,
	MEMBER_KEY,
	MEMBER_EXPIRES,
	MEMBER_ENVELOPE,
	MEMBER_IDS,
	MEMBER_CHAT,
	MEMBER_TOKEN,
	MEMBER_COUNT
};

static const char *const member_names[MEMBER_COUNT] = {
	[MEMBER_TYPE] = "type",          [MEMBER_REF] = "ref",
	[MEMBER_KEY] = "idempotencyKey", [MEMBER_EXPIRES] = "expiresInSeconds",
	[MEMBER_ENVELOPE] = "envelope",  [MEMBER_IDS] = "messageIds",
	[MEMBER_CHAT] = "chatId",        [MEMBER_TOKEN] = "token",
};

static void read_member(struct wp_json *js, enum member member,
			struct wp_client_frame *out)
{
	switch (member) {
	case MEMBER_TYPE:
		read_type(js, out);
		break;
	case MEMBER_REF:
		read_ref(js, out);
		break;
	case MEMBER_KEY:
		read_text(js, &out->key);
		break;
	case MEMBER_EXPIRES:
		read_integer(js, &out->expires);
		break;
	case MEMBER_ENVELOPE:
		read_raw(js, &out->envelope);
		break;
	case MEMBER_IDS:
		out->has_ids = wp_json_skip(js, NULL);
		break;
	case MEMBER_CHAT:
		out->has_chat = true;
		read_text(js, &out->chat);
		break;
	case MEMBER_TOKEN:
		read_text(js, &out->token);
		break;
	case MEMBER_COUNT:
		wp_json_skip(js, NULL);
		break;
	}
}

static enum member which_member(const struct wp_json_slice *key)
{
	int i = 0;

	while (i < MEMBER_COUNT && !wp_json_slice_is(key, member_names[i]))
		i++;
	return (enum member)i;
}

const char *wp_client_frame_read(struct wp_client_frame *out, const char *data,
				 size_t len)
{
	bool seen[MEMBER_COUNT] = { false };
	struct wp_json js;
	struct wp_json_slice key;

	*out = (struct wp_client_frame){ .text = { .data = data, .len = len } };
	wp_json_init(&js, data, len);
	wp_json_object_begin(&js);
	while (wp_json_object_next(&js, &key)) {
		enum member member = which_member(&key);

		if (member != MEMBER_COUNT && seen[member])
			wp_json_fail(&js, "a member is given twice");
		if (member != MEMBER_COUNT)
			seen[member] = true;
		read_member(&js, member, out);
	}
	wp_json_end(&js);
	if (js.err == NULL && !seen[MEMBER_TYPE])
		wp_json_fail(&js, "type is missing");
	return js.err;
}

const char *wp_chat_read(const struct wp_json_slice *chat, char **out)
{
	struct wp_buf text;
	const char *sentence = NULL;

	*out = NULL;
	/* A byte may be written as six. */
	if (chat->len > (size_t)6 * WP_CHAT_MAX)
		return too_long;
	wp_buf_init(&text, 0);
	wp_json_decode(chat, &text);
	wp_buf_add_char(&text, '\0');
	if (text.failed)
		goto out;
	if (text.len - 1 > WP_CHAT_MAX) {
		sentence = too_long;
		goto out;
	}
	for (size_t i = 0; i < text.len - 1; i++) {
		unsigned char c = (unsigned char)text.data[i];

		/* A tab would end it in what presence keeps. */
		if (c < 0x20 || c == 0x7F) {
			sentence = "chatId must not have control characters";
			goto out;
		}
	}
	*out = strdup(text.data);
out:
	wp_buf_release(&text);
	return sentence;
}

void wp_frame_ref_keep(struct wp_frame_ref *out,
		       const struct wp_client_frame *frame)
{
	out->len = frame->ref.len;
	if (frame->ref.len > 0)
		memcpy(out->text, frame->ref.data, frame->ref.len);
}

struct wp_json_slice wp_frame_ref_slice(const struct wp_frame_ref *ref)
{
	return (struct wp_json_slice){ .data = ref->text, .len = ref->len };
}

void wp_frame_reply(struct wp_buf *out, const char *type,
		    const struct wp_json_slice *ref)
{
	wp_buf_printf(out, "{\"type\":\"%s\"", type);
	if (ref->len > 0) {
		wp_buf_add_str(out, ",\"ref\":");
		wp_buf_add(out, ref->data, ref->len);
	}
}

void wp_frame_error(struct wp_buf *out, const struct wp_json_slice *ref,
		    const char *code, const char *sentence)
{
	wp_frame_reply(out, "error", ref);
	wp_buf_printf(out, ",\"code\":\"%s\",\"error\":", code);
	wp_buf_add_json(out, sentence, strlen(sentence));
	wp_buf_add_char(out, '}');
}

void wp_frame_limited(struct wp_buf *out, const struct wp_json_slice *ref,
		      unsigned retry_after_s)
{
	wp_frame_reply(out, "error", ref);
	wp_buf_printf(out,
		      ",\"code\":\"rate_limited\",\"error\":"
		      "\"too many sends; repeat later\","
		      "\"retryAfterSeconds\":%u}",
		      retry_after_s);
}
