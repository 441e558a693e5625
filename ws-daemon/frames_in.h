/*
 * frames_in.h - what clients say: one JSON object per text frame.
 */
#ifndef WP_WS_FRAMES_IN_H
#define WP_WS_FRAMES_IN_H

#include <stdbool.h>
#include <stddef.h>

#include "lib/base/json.h"
#include "ws-daemon/conn.h"

enum { WP_REF_MAX = 128, WP_CHAT_MAX = 255 };

enum wp_frame_type {
	WP_FRAME_UNKNOWN,
	WP_FRAME_SEND,
	WP_FRAME_ACK,
	WP_FRAME_CHAT,
	WP_FRAME_PING,
	WP_FRAME_WATCH,
	WP_FRAME_UNWATCH,
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

/* A text message came in: do what it asks, or send an error frame. */
void wp_frames_in(struct wp_conn *conn, const char *data, size_t len);

/* Begin {"type":<type>,"ref":…} in the server's scratch buffer. */
void wp_reply_begin(struct wp_conn *conn, const char *type, const char *ref,
		    size_t ref_len);
/* An error frame in the scratch buffer, complete. */
void wp_reply_error(struct wp_conn *conn, const char *ref, size_t ref_len,
		    const char *code, const char *sentence);
/* The same, and send it: for frames that are answered at once. */
void wp_refuse_frame(struct wp_conn *conn, const struct wp_client_frame *frame,
		     const char *code, const char *sentence);

/* send_frame.c, ack_frame.c */
void wp_send_frame(struct wp_conn *conn, const struct wp_client_frame *frame);
void wp_ack_frame(struct wp_conn *conn, const struct wp_client_frame *frame);

/*
 * The text of a chatId as presence keeps it.
 *
 * out:      a string of its own, the caller's; NULL when memory is exhausted
 * Returns:  NULL, or why it is refused: nothing is cut or replaced, or two ids
 *           would become one
 */
const char *wp_chat_read(const struct wp_json_slice *chat, char **out);

#endif /* WP_WS_FRAMES_IN_H */
