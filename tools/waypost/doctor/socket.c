/*
 * socket.c - see socket.h. The other side is our own daemon, or something that
 * stands in front of it and may say anything: what is read is bounded.
 */
#include "tools/waypost/doctor/socket.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <json-c/json.h>

#include "lib/base/clock.h"
#include "lib/base/digest.h"
#include "lib/base/encode.h"
#include "lib/base/random.h"
#include "lib/net/dial.h"

enum {
	CONNECT_MS = 5000,
	GOODBYE_MS = 500,
	READ_MAX = 16384,
	HEAD_MAX = 32 << 10,
	FRAME_MAX = 64 << 10,
	NONCE_BYTES = 16,
	BASE64_MAX = 32,
	MASK_BYTES = 4,
	SMALL_MAX = 125, /* of a length in one byte */
};

enum opcode { TEXT = 1, CLOSE = 8, PING = 9, PONG = 10, FIN = 0x80 };

struct wp_socket {
	struct wp_dial *dial;
	struct wp_buf in; /* not yet looked at */
};

/* ---- the handshake ---- */

static void encode(const void *data, size_t len, char out[BASE64_MAX])
{
	struct wp_buf text;

	wp_buf_init(&text, 0);
	wp_buf_add_base64(&text, data, len);
	(void)snprintf(out, BASE64_MAX, "%s",
		       text.data != NULL ? text.data : "");
	wp_buf_release(&text);
}

/* RFC 6455 section 4.2.2 */
static void expected_accept(const char *key, char out[BASE64_MAX])
{
	static const char guid[] = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
	char text[BASE64_MAX + sizeof(guid)];
	uint8_t hash[WP_SHA1_LEN];

	(void)snprintf(text, sizeof(text), "%s%s", key, guid);
	wp_sha1(text, strlen(text), hash);
	encode(hash, sizeof(hash), out);
}

static void write_head(struct wp_buf *out, const struct wp_socket_to *to,
		       const char *key)
{
	const char *host = strstr(to->base, "://") + strlen("://");
	size_t len = strcspn(host, "/");

	wp_buf_add_str(out, "GET ");
	wp_buf_add_str(out, host + len);
	wp_buf_add_str(out, "/connect HTTP/1.1\r\nHost: ");
	wp_buf_add(out, host, len);
	wp_buf_add_str(out, "\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
			    "Sec-WebSocket-Version: 13\r\n"
			    "Sec-WebSocket-Key: ");
	wp_buf_add_str(out, key);
	if (to->origin != NULL) {
		wp_buf_add_str(out, "\r\nOrigin: ");
		wp_buf_add_str(out, to->origin);
	}
	if (to->token != NULL) {
		wp_buf_add_str(out, "\r\nAuthorization: Bearer ");
		wp_buf_add_str(out, to->token);
	}
	wp_buf_add_str(out, "\r\n\r\n");
}

/* More of what comes. Errors: as wp_dial_receive(), and the end is one */
static enum wp_err read_more(struct wp_socket *socket, size_t max,
			     uint64_t until_ms, struct wp_error *err)
{
	char *room;
	size_t n = 0;
	enum wp_err rc;

	if (socket->in.len >= max)
		return wp_error_set(err, WP_ERR_PROTO, "it is too long");
	room = wp_buf_reserve(&socket->in, READ_MAX);
	if (room == NULL)
		return wp_error_set(err, WP_ERR_NOMEM, "out of memory");
	rc = wp_dial_receive(socket->dial, room, READ_MAX, until_ms, &n, err);
	if (rc == WP_OK && n == 0)
		rc = wp_error_set(err, WP_ERR_UNAVAIL,
				  "the connection was ended");
	socket->in.len += n;
	return rc;
}

static enum wp_err read_head(struct wp_socket *socket, uint64_t until_ms,
			     size_t *len_out, struct wp_error *err)
{
	for (;;) {
		const char *end = socket->in.len == 0 ? NULL
						      : memmem(socket->in.data,
							       socket->in.len,
							       "\r\n\r\n", 4);
		enum wp_err rc;

		if (end != NULL) {
			*len_out = (size_t)(end - socket->in.data) + 4;
			return WP_OK;
		}
		rc = read_more(socket, HEAD_MAX, until_ms, err);
		if (rc != WP_OK)
			return rc == WP_ERR_NOTFOUND ? WP_ERR_UNAVAIL : rc;
	}
}

/* "HTTP/1.1 " and three digits. */
static bool read_status(const char *head, int *out)
{
	static const char begin[] = "HTTP/1.1 ";
	const char *digits = head + sizeof(begin) - 1;

	if (strncmp(head, begin, sizeof(begin) - 1) != 0 ||
	    strspn(digits, "0123456789") < 3)
		return false;
	*out = (digits[0] - '0') * 100 + (digits[1] - '0') * 10 + digits[2] -
	       '0';
	return true;
}

static enum wp_err shake_hands(struct wp_socket *socket,
			       const struct wp_socket_to *to, uint64_t until_ms,
			       int *status_out, struct wp_error *err)
{
	char key[BASE64_MAX], accept[BASE64_MAX];
	uint8_t nonce[NONCE_BYTES];
	struct wp_buf head;
	size_t len = 0;
	enum wp_err rc;

	wp_random_bytes(nonce, sizeof(nonce));
	encode(nonce, sizeof(nonce), key);
	expected_accept(key, accept);
	wp_buf_init(&head, 0);
	head.is_secret = true; /* it has the token */
	write_head(&head, to, key);
	rc = head.failed ? wp_error_set(err, WP_ERR_NOMEM, "out of memory")
			 : wp_dial_send(socket->dial, head.data, head.len,
					until_ms, err);
	wp_buf_release(&head);
	if (rc == WP_OK)
		rc = read_head(socket, until_ms, &len, err);
	if (rc != WP_OK)
		return rc;
	if (!read_status(socket->in.data, status_out))
		return wp_error_set(err, WP_ERR_PROTO,
				    "what answers is not HTTP/1.1");
	if (*status_out == 101 &&
	    memmem(socket->in.data, len, accept, strlen(accept)) == NULL)
		return wp_error_set(err, WP_ERR_PROTO,
				    "who answers 101 is no WebSocket");
	wp_buf_consume(&socket->in, len);
	return WP_OK;
}

enum wp_err wp_socket_open(struct wp_socket **out,
			   const struct wp_socket_to *to, uint64_t until_ms,
			   int *status_out, struct wp_error *err)
{
	const struct wp_dial_to where = {
		.url = to->base,
		.ca_file = to->ca_file,
		.connect_ms = CONNECT_MS,
	};
	struct wp_socket *socket = calloc(1, sizeof(*socket));
	enum wp_err rc;

	*out = NULL;
	*status_out = 0;
	if (socket == NULL)
		return wp_error_set(err, WP_ERR_NOMEM, "out of memory");
	wp_buf_init(&socket->in, 0);
	rc = wp_dial_open(&socket->dial, &where, err);
	if (rc == WP_OK)
		rc = shake_hands(socket, to, until_ms, status_out, err);
	if (rc == WP_OK && *status_out == 101) {
		*out = socket;
		return WP_OK;
	}
	wp_dial_close(&socket->dial);
	wp_buf_release(&socket->in);
	free(socket);
	return rc;
}

/* ---- frames ---- */

/* Ours are small, and masked (RFC 6455 section 5.3). */
static enum wp_err send_frame(struct wp_socket *socket, enum opcode opcode,
			      const char *payload, size_t len,
			      uint64_t until_ms, struct wp_error *err)
{
	uint8_t frame[2 + MASK_BYTES + SMALL_MAX];
	uint8_t *mask = frame + 2, *body = mask + MASK_BYTES;

	frame[0] = (uint8_t)(FIN | opcode);
	frame[1] = (uint8_t)(0x80U | len);
	wp_random_bytes(mask, MASK_BYTES);
	for (size_t i = 0; i < len; i++)
		body[i] = (uint8_t)((uint8_t)payload[i] ^ mask[i % MASK_BYTES]);
	return wp_dial_send(socket->dial, frame, 2 + MASK_BYTES + len, until_ms,
			    err);
}

/* A frame of the server at the begin of what came. */
struct frame {
	enum opcode opcode;
	size_t head;
	size_t len;
};

/* Returns: false when there is not enough of it yet; len may be too much */
static bool parse_frame(const struct wp_buf *in, struct frame *out)
{
	const uint8_t *at = (const uint8_t *)in->data;
	size_t more = 0;

	if (in->len < 2)
		return false;
	out->opcode = (enum opcode)(at[0] & 0x0f);
	out->len = at[1] & 0x7f;
	if (out->len == 126)
		more = 2;
	else if (out->len == 127)
		more = 8;
	out->head = 2 + more;
	if (in->len < out->head)
		return false;
	for (size_t i = 0; i < more; i++)
		out->len = (i == 0 ? 0 : out->len << 8) | at[2 + i];
	return out->len > FRAME_MAX || in->len >= out->head + out->len;
}

static enum wp_err read_frame(struct wp_socket *socket, struct frame *out,
			      uint64_t until_ms, struct wp_error *err)
{
	while (!parse_frame(&socket->in, out)) {
		enum wp_err rc =
			read_more(socket, FRAME_MAX + READ_MAX, until_ms, err);

		if (rc != WP_OK)
			return rc;
	}
	return out->len <= FRAME_MAX
		       ? WP_OK
		       : wp_error_set(err, WP_ERR_PROTO, "a frame is too long");
}

static bool has_type(const char *text, size_t len, const char *type)
{
	struct json_tokener *reader = json_tokener_new();
	struct json_object *object = NULL, *member = NULL;
	bool has = false;

	if (reader != NULL)
		object = json_tokener_parse_ex(reader, text, (int)len);
	if (json_object_is_type(object, json_type_object) &&
	    json_object_object_get_ex(object, "type", &member) &&
	    json_object_is_type(member, json_type_string))
		has = strcmp(json_object_get_string(member), type) == 0;
	json_object_put(object);
	if (reader != NULL)
		json_tokener_free(reader);
	return has;
}

/* See to one frame. *found: it is what was wanted */
static enum wp_err take_frame(struct wp_socket *socket,
			      const struct frame *frame, const char *type,
			      struct wp_buf *text, uint64_t until_ms,
			      bool *found, struct wp_error *err)
{
	const char *payload = socket->in.data + frame->head;
	const uint8_t *code = (const uint8_t *)payload;
	enum wp_err rc = WP_OK;

	if (frame->opcode == CLOSE)
		return wp_error_set(err, WP_ERR_UNAVAIL, "it was closed (%d)",
				    frame->len < 2 ? 1005
						   : code[0] << 8 | code[1]);
	if (frame->opcode == PING && frame->len <= SMALL_MAX)
		rc = send_frame(socket, PONG, payload, frame->len, until_ms,
				err);
	*found = frame->opcode == TEXT && has_type(payload, frame->len, type);
	if (*found && text != NULL)
		wp_buf_add(text, payload, frame->len);
	wp_buf_consume(&socket->in, frame->head + frame->len);
	return rc;
}

enum wp_err wp_socket_expect(struct wp_socket *socket, const char *type,
			     struct wp_buf *text, uint64_t until_ms,
			     struct wp_error *err)
{
	struct frame frame;
	bool found = false;
	enum wp_err rc = WP_OK;

	while (rc == WP_OK && !found) {
		rc = read_frame(socket, &frame, until_ms, err);
		if (rc == WP_OK)
			rc = take_frame(socket, &frame, type, text, until_ms,
					&found, err);
		/* Others may come faster than they are passed over. */
		if (rc == WP_OK && !found && wp_mono_ms() >= until_ms)
			rc = wp_error_set(err, WP_ERR_NOTFOUND,
					  "nothing came in time");
	}
	return rc;
}

void wp_socket_close(struct wp_socket **socket)
{
	static const char normal[] = { 0x03, (char)0xe8 }; /* 1000 */

	if (socket == NULL || *socket == NULL)
		return;
	(void)!send_frame(*socket, CLOSE, normal, sizeof(normal),
			  wp_mono_ms() + GOODBYE_MS, NULL);
	wp_dial_close(&(*socket)->dial);
	wp_buf_release(&(*socket)->in);
	free(*socket);
	*socket = NULL;
}
