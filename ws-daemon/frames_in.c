/*
 * frames_in.c - hand client frames on by their type, and do the small ones.
 */
#include "ws-daemon/frames_in.h"

#include <stdlib.h>

#include "ws-daemon/ack_frame.h"
#include "ws-daemon/send_frame.h"
#include "ws-daemon/wire/client_frame.h"

static void refuse(struct wp_conn *conn, const struct wp_client_frame *frame,
		   const char *code, const char *sentence)
{
	wp_conn_send_error(conn, &frame->ref, code, sentence);
}

static void on_ping(struct wp_conn *conn)
{
	wp_buf_add_str(&conn->parts->scratch, "{\"type\":\"pong\"}");
	wp_conn_send_scratch(conn);
}

static void on_chat(struct wp_conn *conn, const struct wp_client_frame *frame)
{
	const char *sentence = NULL;
	char *chat = NULL;

	if (!frame->has_chat)
		sentence = "chatId is missing";
	else if (frame->chat.data != NULL)
		sentence = wp_chat_read(&frame->chat, &chat);
	if (sentence != NULL) {
		refuse(conn, frame, "bad_request", sentence);
		return;
	}
	if (frame->chat.data != NULL && chat == NULL) {
		refuse(conn, frame, "unavailable",
		       "the server is out of memory");
		return;
	}
	free(conn->member.chat);
	conn->member.chat = chat;
	wp_registrar_update(conn->parts->live.registrar, &conn->member);
}

void wp_frames_in(struct wp_conn *conn, const char *data, size_t len)
{
	struct wp_client_frame frame;
	const char *sentence = wp_client_frame_read(&frame, data, len);

	if (sentence != NULL) {
		refuse(conn, &frame, "invalid_json", sentence);
		return;
	}
	switch (frame.type) {
	case WP_FRAME_SEND:
		wp_send_frame(conn, &frame);
		break;
	case WP_FRAME_ACK:
		wp_ack_frame(conn, &frame);
		break;
	case WP_FRAME_CHAT:
		on_chat(conn, &frame);
		break;
	case WP_FRAME_PING:
		on_ping(conn);
		break;
	case WP_FRAME_WATCH:
	case WP_FRAME_UNWATCH:
		refuse(conn, &frame, "unsupported",
		       "watching users is not offered here");
		break;
	case WP_FRAME_UNKNOWN:
		refuse(conn, &frame, "unknown_type",
		       "this type of frame is not known");
		break;
	}
}
