/*
 * client_frame.h - what clients say, one JSON object per text frame, and what
 * they are answered. Knows no connection.
 */
#ifndef WP_WS_CLIENT_FRAME_H
#define WP_WS_CLIENT_FRAME_H

#include <stdbool.h>
#include <stddef.h>

#include "lib/base/buf.h"
#include "lib/base/json.h"

enum { WP_REF_MAX = 128, WP_CHAT_MAX = 255 };

enum wp_frame_type {
	WP_FRAME_UNKNOWN, /* no type that has a name in client_frame.c */
	WP_FRAME_SEND,
	WP_FRAME_ACK,
	WP_FRAME_CHAT,
	WP_FRAME_PING,
	WP_FRAME_WATCH,
	WP_FRAME_UNWATCH,
	WP_FRAME_REFRESH,
};

/* A frame taken apart; slices point into it, data NULL when absent. */
struct wp_client_frame {
	enum wp_frame_type type;
	struct wp_json_slice text;     /* the whole frame */
	struct wp_json_slice ref;      /* exact text: a string or an integer */
	struct wp_json_slice key;      /* idempotencyKey, a string */
	struct wp_json_slice expires;  /* expiresInSeconds, without quotes */
	struct wp_json_slice envelope; /* exact text */
	struct wp_json_slice chat;     /* chatId, a string */
	struct wp_json_slice token;    /* a string */
	bool has_chat;                 /* chatId is there, perhaps null */
	bool has_ids;                  /* messageIds is there */
};

/*
 * Take a frame apart and check what all frames have in common.
 *
 * Returns:  NULL when it is sound, else a static sentence; out->ref is then
 *           absent unless it was sound itself
 */
const char *wp_client_frame_read(struct wp_client_frame *out, const char *data,
				 size_t len);

/*
 * The text of a chatId as presence keeps it.
 *
 * out:      a string of its own, the caller's; NULL when memory is exhausted
 * Returns:  NULL, or why it is refused: nothing is cut or replaced, or two ids
 *           would become one
 */
const char *wp_chat_read(const struct wp_json_slice *chat, char **out);

/* A ref that outlives its frame. */
struct wp_frame_ref {
	size_t len;
	char text[WP_REF_MAX + 2]; /* exact, not terminated */
};

void wp_frame_ref_keep(struct wp_frame_ref *out,
		       const struct wp_client_frame *frame);
/* The same as replies want it; points into ref. */
struct wp_json_slice wp_frame_ref_slice(const struct wp_frame_ref *ref);

/* Append {"type":<type>,"ref":…, without the end. */
void wp_frame_reply(struct wp_buf *out, const char *type,
		    const struct wp_json_slice *ref);
/* Append that error frame that says when the same may be tried again. */
void wp_frame_limited(struct wp_buf *out, const struct wp_json_slice *ref,
		      unsigned retry_after_s);
/* Append a whole error frame. code, sentence: as for HTTP. */
void wp_frame_error(struct wp_buf *out, const struct wp_json_slice *ref,
		    const char *code, const char *sentence);

#endif /* WP_WS_CLIENT_FRAME_H */
