/*
 * resp.c - status line and headers in CGI form (RFC 3875 section 6).
 *
 * Knows which headers a status brings with it. Knows nothing about why a
 * handler chose that status.
 */
#include "handlers/resp.h"

#include <string.h>

#include "lib/http/answer.h"

#include "handlers/cors.h"

const char wp_type_json[] = "application/json";
const char wp_type_text[] = "text/plain; charset=utf-8";

enum {
	KEEP_BYTES = 128 * 1024, /* of a buffer between two requests */
	RETRY_MAX_S = 2,
};

void wp_resp_init(struct wp_resp *resp)
{
	*resp = (struct wp_resp){ 0 };
	wp_buf_init(&resp->body, 0);
	wp_buf_init(&resp->head, 0);
}

void wp_resp_release(struct wp_resp *resp)
{
	if (resp == NULL)
		return;
	wp_buf_release(&resp->body);
	wp_buf_release(&resp->head);
}

void wp_resp_clear(struct wp_resp *resp)
{
	resp->status = 0;
	resp->type = NULL;
	resp->methods = 0;
	resp->durability = NULL;
	if (resp->body.cap > KEEP_BYTES)
		wp_buf_release(&resp->body);
	wp_buf_clear(&resp->body);
	wp_buf_clear(&resp->head);
}

void wp_resp_empty(struct wp_resp *resp, unsigned int status)
{
	resp->status = status;
	resp->type = NULL;
	wp_buf_clear(&resp->body);
}

void wp_resp_json(struct wp_resp *resp, unsigned int status)
{
	resp->status = status;
	resp->type = wp_type_json;
	wp_buf_clear(&resp->body);
}

void wp_resp_text(struct wp_resp *resp, unsigned int status, const char *text)
{
	resp->status = status;
	resp->type = wp_type_text;
	wp_buf_clear(&resp->body);
	wp_buf_add_str(&resp->body, text);
}

void wp_resp_add_error(struct wp_buf *out, const char *code,
		       const char *sentence)
{
	wp_buf_add_str(out, "\"error\":");
	wp_buf_add_json(out, sentence, strlen(sentence));
	wp_buf_add_str(out, ",\"code\":");
	wp_buf_add_json(out, code, strlen(code));
}

void wp_resp_error(struct wp_resp *resp, unsigned int status, const char *code,
		   const char *sentence)
{
	wp_resp_json(resp, status);
	resp->durability = NULL;
	wp_buf_add_char(&resp->body, '{');
	wp_resp_add_error(&resp->body, code, sentence);
	wp_buf_add_char(&resp->body, '}');
}

void wp_resp_unavailable(struct wp_resp *resp, const char *sentence)
{
	wp_resp_error(resp, 503, "unavailable", sentence);
}

void wp_resp_internal(struct wp_resp *resp)
{
	wp_resp_error(resp, 500, "internal",
		      "the server ran out of memory; repeat later, a send "
		      "with the same Idempotency-Key");
}

static void add_header(struct wp_buf *head, const char *name, const char *value)
{
	if (value == NULL)
		return;
	wp_buf_add_str(head, name);
	wp_buf_add_str(head, ": ");
	wp_buf_add_str(head, value);
	wp_buf_add_str(head, "\r\n");
}

static void write_head(struct wp_resp *resp, const struct wp_req *req,
		       const struct wp_conf *conf)
{
	struct wp_buf *head = &resp->head;

	wp_buf_clear(head);
	wp_buf_printf(head, "Status: %u %s\r\n", resp->status,
		      wp_http_reason(resp->status));
	if (resp->type != NULL) {
		add_header(head, "Content-Type", resp->type);
		wp_buf_printf(head, "Content-Length: %zu\r\n", resp->body.len);
	}
	add_header(head, "X-Request-Id", req->id);
	add_header(head, "Cache-Control", "no-store");
	/* Else lighttpd answers a Range with a part of the page. */
	add_header(head, "Accept-Ranges", "none");
	if (resp->methods != 0) {
		wp_buf_add_str(head, "Allow: ");
		wp_methods_add(head, resp->methods);
		wp_buf_add_str(head, "\r\n");
	}
	add_header(head, "X-Durability", resp->durability);
	if (resp->status == 401)
		add_header(head, "WWW-Authenticate", "Bearer");
	/* Spread out those who were all refused at the same moment. */
	if (resp->status == 503)
		wp_buf_printf(head, "Retry-After: %u\r\n",
			      wp_http_retry_after_s(RETRY_MAX_S));
	wp_cors_add(head, conf, req, resp->methods);
	wp_buf_add_str(head, "\r\n");
}

bool wp_resp_write(struct wp_resp *resp, const struct wp_req *req,
		   const struct wp_conf *conf)
{
	struct wp_io *io = req->io;

	if (resp->body.failed)
		wp_resp_internal(resp);
	write_head(resp, req, conf);
	if (resp->head.failed || resp->body.failed)
		return false;
	if (!io->ops->write(io, resp->head.data, resp->head.len))
		return false;
	if (resp->type == NULL || resp->body.len == 0 || req->method == WP_HEAD)
		return true;
	return io->ops->write(io, resp->body.data, resp->body.len);
}
