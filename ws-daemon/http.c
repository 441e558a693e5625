/*
 * http.c - status lines and headers.
 *
 * Every answer closes its connection: a client that wants more asks again, and
 * no body of ours is ever confused with the next request.
 */
#include "ws-daemon/http.h"

#include <string.h>

#include "lib/base/random.h"

enum {
	REQUEST_ID_BYTES = 16,
	RETRY_FIRST_S = 1,
	RETRY_SPREAD_S = 5, /* so that they do not come back together */
};

static const char *reason_of(unsigned status)
{
	switch (status) {
	case 200:
		return "OK";
	case 400:
		return "Bad Request";
	case 401:
		return "Unauthorized";
	case 403:
		return "Forbidden";
	case 404:
		return "Not Found";
	case 405:
		return "Method Not Allowed";
	case 408:
		return "Request Timeout";
	case 426:
		return "Upgrade Required";
	case 431:
		return "Request Header Fields Too Large";
	case 503:
		return "Service Unavailable";
	case 505:
		return "HTTP Version Not Supported";
	default:
		return "Error";
	}
}

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
			      RETRY_FIRST_S + wp_random_below(RETRY_SPREAD_S));
}

static void add_head(struct wp_conn *conn, struct wp_buf *out, unsigned status,
		     const char *type, size_t len)
{
	char made[2 * REQUEST_ID_BYTES + 1];
	const char *id = conn->stash == NULL ? "" : conn->stash->request_id;

	if (id[0] == '\0') {
		wp_random_hex(made, REQUEST_ID_BYTES);
		id = made;
	}
	wp_buf_printf(out, "HTTP/1.1 %u %s\r\n", status, reason_of(status));
	add_headers_of(out, status);
	wp_buf_printf(out,
		      "Content-Type: %s\r\nContent-Length: %zu\r\n"
		      "X-Request-Id: %s\r\nCache-Control: no-store\r\n"
		      "Connection: %s\r\n\r\n",
		      type, len, id,
		      status == 426 ? "close, Upgrade" : "close");
}

static bool is_answerable(const struct wp_conn *conn)
{
	return conn->state < WP_CONN_OPEN;
}

void wp_http_error(struct wp_conn *conn, unsigned status, const char *code,
		   const char *sentence, enum wp_ws_metric why)
{
	struct wp_buf response;
	struct wp_buf body;

	if (!is_answerable(conn))
		return;
	wp_metric_add(conn->server->metrics, why, 1);
	wp_buf_init(&response, 0);
	wp_buf_init(&body, 0);
	wp_buf_add_str(&body, "{\"error\":");
	wp_buf_add_json(&body, sentence, strlen(sentence));
	wp_buf_printf(&body, ",\"code\":\"%s\"}", code);
	add_head(conn, &response, status, "application/json", body.len);
	wp_buf_add(&response, body.data, body.len);
	response.failed = response.failed || body.failed;
	wp_conn_respond(conn, &response);
	wp_buf_release(&body);
	wp_buf_release(&response);
}

void wp_http_ok(struct wp_conn *conn, const char *type, const char *body,
		size_t len, bool with_body)
{
	struct wp_buf response;

	if (!is_answerable(conn))
		return;
	wp_buf_init(&response, 0);
	add_head(conn, &response, 200, type, len);
	if (with_body)
		wp_buf_add(&response, body, len);
	wp_conn_respond(conn, &response);
	wp_buf_release(&response);
}
