/*
 * http.c - the upgrade, its 101, and status lines and headers of the rest.
 */
#include "ws-daemon/wire/http.h"

#include <stdint.h>
#include <string.h>

#include "lib/base/digest.h"
#include "lib/base/encode.h"
#include "lib/http/answer.h"

/* RFC 6455 section 1.3. */
#define ACCEPT_GUID "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
#define PLAIN_NAME "waypost.v1"
#define INLINE_NAME "waypost.v1.inline"

enum {
	RETRY_MAX_S = 5,
	ACCEPT_LEN = 28,
	KEY_TEXT_LEN = 24, /* 16 bytes in base64 */
	KEY_BYTES = 16,
	HTTP_BAD_REQUEST = 400,
	HTTP_METHOD_NOT_ALLOWED = 405,
	HTTP_UPGRADE_REQUIRED = 426,
	HTTP_SWITCHING = 101,
};

/* ---- upgrades ---- */

/* Is it this name, for the first time? */
static bool take_name(struct wp_text *out, const struct wp_text *element,
		      const char *name)
{
	if (out->data != NULL || !wp_text_is_word(element, name))
		return false;
	*out = *element;
	return true;
}

/*
 * Find the token among the offered protocols: our names and it in any order, or
 * a lone token. More than that does not fit and is refused.
 */
static bool read_protocols(struct wp_upgrade *out, const struct wp_head *head)
{
	struct wp_text list = wp_head_field(head, "Sec-WebSocket-Protocol");
	struct wp_text element;

	if (wp_head_count(head, "Sec-WebSocket-Protocol") > 1)
		return false;
	while (wp_text_next_element(&list, &element)) {
		if (!wp_text_is_token(&element))
			return false;
		if (take_name(&out->plain_name, &element, PLAIN_NAME) ||
		    take_name(&out->inline_name, &element, INLINE_NAME))
			continue;
		if (out->subprotocol_token.data != NULL)
			return false;
		out->subprotocol_token = element;
	}
	return true;
}

static bool key_is_valid(const struct wp_text *key)
{
	uint8_t bytes[KEY_TEXT_LEN];
	size_t len;

	return key->data != NULL && key->len == KEY_TEXT_LEN &&
	       key->data[KEY_TEXT_LEN - 1] == '=' &&
	       key->data[KEY_TEXT_LEN - 2] == '=' &&
	       wp_base64_decode(key->data, key->len, bytes, &len) &&
	       len == KEY_BYTES;
}

static bool has_body(const struct wp_head *head)
{
	struct wp_text len = wp_head_field(head, "Content-Length");

	return wp_head_count(head, "Transfer-Encoding") > 0 ||
	       wp_head_count(head, "Content-Length") > 1 ||
	       (len.data != NULL && !wp_text_is_word(&len, "0"));
}

unsigned wp_upgrade_read(struct wp_upgrade *out, const struct wp_head *head)
{
	struct wp_text version = wp_head_field(head, "Sec-WebSocket-Version");

	*out = (struct wp_upgrade){ 0 };
	/* Methods are case-sensitive (RFC 9110 section 9.1). */
	if (!wp_text_is(&head->method, "GET"))
		return HTTP_METHOD_NOT_ALLOWED;
	if (has_body(head) || wp_head_count(head, "Host") != 1 ||
	    wp_head_count(head, "Origin") > 1)
		return HTTP_BAD_REQUEST;
	if (!wp_head_has_token(head, "Upgrade", "websocket") ||
	    !wp_head_has_token(head, "Connection", "upgrade") ||
	    wp_head_count(head, "Sec-WebSocket-Version") != 1 ||
	    !wp_text_is_word(&version, "13"))
		return HTTP_UPGRADE_REQUIRED;
	out->key = wp_head_field(head, "Sec-WebSocket-Key");
	if (wp_head_count(head, "Sec-WebSocket-Key") != 1 ||
	    !key_is_valid(&out->key) || !read_protocols(out, head))
		return HTTP_BAD_REQUEST;
	out->origin = wp_head_field(head, "Origin");
	return HTTP_SWITCHING;
}

/* Sec-WebSocket-Accept of a key. */
static void make_accept(const struct wp_text *key, char out[ACCEPT_LEN + 1])
{
	char joined[KEY_TEXT_LEN + sizeof(ACCEPT_GUID)];
	uint8_t digest[WP_SHA1_LEN];

	memcpy(joined, key->data, KEY_TEXT_LEN);
	memcpy(joined + KEY_TEXT_LEN, ACCEPT_GUID, sizeof(ACCEPT_GUID));
	wp_sha1(joined, sizeof(joined) - 1, digest);
	wp_base64_encode(digest, sizeof(digest), out);
	out[ACCEPT_LEN] = '\0';
}

/* What to select; a token only where nothing else is offered. */
static struct wp_text choose_protocol(const struct wp_upgrade *upgrade)
{
	if (upgrade->is_inline && upgrade->inline_name.data != NULL)
		return upgrade->inline_name;
	if (upgrade->plain_name.data != NULL ||
	    upgrade->inline_name.data != NULL)
		return upgrade->plain_name;
	return upgrade->subprotocol_token;
}

void wp_upgrade_response(struct wp_buf *out, const struct wp_upgrade *upgrade)
{
	struct wp_text protocol = choose_protocol(upgrade);
	char accept[ACCEPT_LEN + 1];

	make_accept(&upgrade->key, accept);
	wp_buf_add_str(out, "HTTP/1.1 101 Switching Protocols\r\n"
			    "Upgrade: websocket\r\n"
			    "Connection: Upgrade\r\n"
			    "Sec-WebSocket-Accept: ");
	wp_buf_add_str(out, accept);
	if (protocol.data != NULL) {
		wp_buf_add_str(out, "\r\nSec-WebSocket-Protocol: ");
		wp_buf_add(out, protocol.data, protocol.len);
	}
	wp_extension_add(out, &upgrade->extension);
	wp_buf_add_str(out, "\r\n\r\n");
}

/* ---- other answers ---- */

static void add_headers_of(struct wp_buf *out, unsigned status)
{
	if (status == 401)
		wp_buf_add_str(out, "WWW-Authenticate: Bearer\r\n");
	else if (status == 405)
		wp_buf_add_str(out, "Allow: GET\r\n");
	else if (status == 426)
		wp_buf_add_str(out, "Upgrade: websocket\r\n"
				    "Sec-WebSocket-Version: 13\r\n");
}

/* The lines of a head but the last, which ends it. */
static void begin_head(struct wp_buf *out, const char *request_id,
		       unsigned status, const char *type, size_t len)
{
	char made[WP_REQUEST_ID_MAX + 1];

	if (request_id == NULL || request_id[0] == '\0') {
		wp_request_id_make(made, NULL);
		request_id = made;
	}
	wp_buf_printf(out, "HTTP/1.1 %u %s\r\n", status,
		      wp_http_reason(status));
	add_headers_of(out, status);
	wp_buf_printf(out,
		      "Content-Type: %s\r\nContent-Length: %zu\r\n"
		      "X-Request-Id: %s\r\nCache-Control: no-store\r\n"
		      "Connection: %s\r\n",
		      type, len, request_id,
		      status == 426 ? "close, Upgrade" : "close");
}

struct refusal {
	unsigned status;
	unsigned retry_after_s; /* 0: is not said */
	const char *code;
	const char *sentence;
};

static void add_refusal(struct wp_buf *out, const char *request_id,
			const struct refusal *refusal)
{
	const char *sentence = refusal->sentence;
	struct wp_buf body;

	wp_buf_init(&body, 0);
	wp_buf_add_str(&body, "{\"error\":");
	wp_buf_add_json(&body, sentence, strlen(sentence));
	wp_buf_printf(&body, ",\"code\":\"%s\"}", refusal->code);
	begin_head(out, request_id, refusal->status, "application/json",
		   body.len);
	if (refusal->retry_after_s > 0)
		wp_buf_printf(out, "Retry-After: %u\r\n",
			      refusal->retry_after_s);
	wp_buf_add_str(out, "\r\n");
	wp_buf_add(out, body.data, body.len);
	out->failed = out->failed || body.failed;
	wp_buf_release(&body);
}

void wp_http_answer_error(struct wp_buf *out, const char *request_id,
			  unsigned status, const char *code,
			  const char *sentence)
{
	const struct refusal refusal = {
		.status = status,
		.retry_after_s =
			status == 503 ? wp_http_retry_after_s(RETRY_MAX_S) : 0,
		.code = code,
		.sentence = sentence,
	};

	add_refusal(out, request_id, &refusal);
}

void wp_http_answer_limited(struct wp_buf *out, const char *request_id,
			    unsigned retry_after_s)
{
	const struct refusal refusal = {
		.status = 429,
		.retry_after_s = retry_after_s,
		.code = "rate_limited",
		.sentence = "too many requests; repeat after Retry-After",
	};

	add_refusal(out, request_id, &refusal);
}

void wp_http_answer_ok(struct wp_buf *out, const char *request_id,
		       const char *type, const char *body, bool with_body)
{
	begin_head(out, request_id, 200, type, strlen(body));
	wp_buf_add_str(out, "\r\n");
	if (with_body)
		wp_buf_add_str(out, body);
}
