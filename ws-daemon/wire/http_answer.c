/*
 * http_answer.c - status lines and headers.
 */
#include "ws-daemon/wire/http_answer.h"

#include <string.h>

#include "lib/http/answer.h"

enum { RETRY_MAX_S = 5 };

static void add_headers_of(struct wp_buf *out, unsigned status)
{
	if (status == 401)
		wp_buf_add_str(out, "WWW-Authenticate: Bearer\r\n");
	else if (status == 405)
		wp_buf_add_str(out, "Allow: GET\r\n");
	else if (status == 426)
		wp_buf_add_str(out, "Upgrade: websocket\r\n"
				    "Sec-WebSocket-Version: 13\r\n");
	else if (status == 503)
		wp_buf_printf(out, "Retry-After: %u\r\n",
			      wp_http_retry_after_s(RETRY_MAX_S));
}

static void add_head(struct wp_buf *out, const char *request_id,
		     unsigned status, const char *type, size_t len)
{
	char made[WP_REQUEST_ID_MAX + 1];

	if (request_id == NULL || request_id[0] == '\0') {
		wp_request_id_make(made);
		request_id = made;
	}
	wp_buf_printf(out, "HTTP/1.1 %u %s\r\n", status,
		      wp_http_reason(status));
	add_headers_of(out, status);
	wp_buf_printf(out,
		      "Content-Type: %s\r\nContent-Length: %zu\r\n"
		      "X-Request-Id: %s\r\nCache-Control: no-store\r\n"
		      "Connection: %s\r\n\r\n",
		      type, len, request_id,
		      status == 426 ? "close, Upgrade" : "close");
}

void wp_http_answer_error(struct wp_buf *out, const char *request_id,
			  unsigned status, const char *code,
			  const char *sentence)
{
	struct wp_buf body;

	wp_buf_init(&body, 0);
	wp_buf_add_str(&body, "{\"error\":");
	wp_buf_add_json(&body, sentence, strlen(sentence));
	wp_buf_printf(&body, ",\"code\":\"%s\"}", code);
	add_head(out, request_id, status, "application/json", body.len);
	wp_buf_add(out, body.data, body.len);
	out->failed = out->failed || body.failed;
	wp_buf_release(&body);
}

void wp_http_answer_ok(struct wp_buf *out, const char *request_id,
		       const char *type, const char *body, bool with_body)
{
	add_head(out, request_id, 200, type, strlen(body));
	if (with_body)
		wp_buf_add_str(out, body);
}
