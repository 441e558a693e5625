/*
 * upgrade.c - the HTTP half of a WebSocket connection: bytes in, answer out.
 */
#include "ws-daemon/wire/upgrade.h"

#include <stdint.h>
#include <string.h>
#include <strings.h>

#include "lib/base/base64.h"
#include "lib/base/digest.h"
#include "lib/http/query.h"

/* RFC 6455 section 1.3. */
#define ACCEPT_GUID "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
#define PROTOCOL_NAME "waypost.v1"

enum {
	KEY_TEXT_LEN = 24, /* 16 bytes in base64 */
	KEY_BYTES = 16,
	HTTP_BAD_REQUEST = 400,
	HTTP_METHOD_NOT_ALLOWED = 405,
	HTTP_UPGRADE_REQUIRED = 426,
	HTTP_FIELDS_TOO_LARGE = 431,
	HTTP_VERSION_UNSUPPORTED = 505,
	HTTP_SWITCHING = 101,
};

static const char sole_version[] = "HTTP/1.1";

/* tchar of RFC 9110 section 5.6.2. */
static bool is_token_char(unsigned char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
	       (c >= '0' && c <= '9') ||
	       (c != '\0' && strchr("!#$%&'*+-.^_`|~", c) != NULL);
}

static bool is_blank(char c)
{
	return c == ' ' || c == '\t';
}

static bool equals(const struct wp_text *text, const char *word)
{
	return text->len == strlen(word) &&
	       strncasecmp(text->data, word, text->len) == 0;
}

static struct wp_text trim(struct wp_text text)
{
	while (text.len > 0 && is_blank(text.data[0])) {
		text.data++;
		text.len--;
	}
	while (text.len > 0 && is_blank(text.data[text.len - 1]))
		text.len--;
	return text;
}

/* "GET /connect?ticket=… HTTP/1.1"; returns 0 or the status it deserves. */
static unsigned parse_request_line(struct wp_head *out, const char *line,
				   size_t len)
{
	const char *first = memchr(line, ' ', len);
	const char *last = memrchr(line, ' ', len);
	const char *mark;
	size_t target_len;

	if (first == NULL || first == last || first == line)
		return HTTP_BAD_REQUEST;
	out->method = (struct wp_text){ line, (size_t)(first - line) };
	for (size_t i = 0; i < out->method.len; i++) {
		if (!is_token_char((unsigned char)line[i]))
			return HTTP_BAD_REQUEST;
	}

	out->path.data = first + 1;
	target_len = (size_t)(last - out->path.data);
	if (target_len == 0 || out->path.data[0] != '/')
		return HTTP_BAD_REQUEST;
	for (size_t i = 0; i < target_len; i++) {
		unsigned char c = (unsigned char)out->path.data[i];

		if (c <= ' ' || c >= 0x7f)
			return HTTP_BAD_REQUEST;
	}
	mark = memchr(out->path.data, '?', target_len);
	out->path.len = mark ? (size_t)(mark - out->path.data) : target_len;
	out->query = (struct wp_text){ 0 };
	if (mark != NULL) {
		out->query.data = mark + 1;
		out->query.len = target_len - out->path.len - 1;
	}

	len -= (size_t)(last + 1 - line);
	if (len != strlen(sole_version) || memcmp(last + 1, "HTTP/", 5) != 0)
		return HTTP_BAD_REQUEST;
	return memcmp(last + 1, sole_version, len) == 0
		       ? 0
		       : HTTP_VERSION_UNSUPPORTED;
}

/* "Name: value"; no folding, no space before the colon (RFC 9112 section 5). */
static unsigned parse_field(struct wp_head *out, const char *line, size_t len)
{
	struct wp_head_field *field;
	const char *colon = memchr(line, ':', len);

	if (colon == NULL || colon == line)
		return HTTP_BAD_REQUEST;
	if (out->n_fields == WP_HEAD_FIELDS)
		return HTTP_FIELDS_TOO_LARGE;
	field = &out->fields[out->n_fields];
	field->name = (struct wp_text){ line, (size_t)(colon - line) };
	for (size_t i = 0; i < field->name.len; i++) {
		if (!is_token_char((unsigned char)line[i]))
			return HTTP_BAD_REQUEST;
	}
	field->value =
		trim((struct wp_text){ colon + 1, len - field->name.len - 1 });
	for (size_t i = 0; i < field->value.len; i++) {
		unsigned char c = (unsigned char)field->value.data[i];

		if ((c < ' ' && c != '\t') || c == 0x7f)
			return HTTP_BAD_REQUEST;
	}
	out->n_fields++;
	return 0;
}

enum wp_head_status wp_head_parse(struct wp_head *out, const char *data,
				  size_t len, unsigned *http_out)
{
	const char *end = memmem(data, len, "\r\n\r\n", 4);
	const char *at = data;
	unsigned status = 0;

	out->n_fields = 0;
	if (end == NULL || (size_t)(end - data) + 4 > WP_HEAD_MAX) {
		if (end == NULL && len < WP_HEAD_MAX)
			return WP_HEAD_MORE;
		*http_out = HTTP_FIELDS_TOO_LARGE;
		return WP_HEAD_BAD;
	}
	out->len = (size_t)(end - data) + 4;
	while (status == 0 && at < end + 2) {
		const char *stop =
			memmem(at, (size_t)(end + 2 - at), "\r\n", 2);
		size_t line_len = (size_t)(stop - at);

		status = at == data ? parse_request_line(out, at, line_len)
				    : parse_field(out, at, line_len);
		at = stop + 2;
	}
	if (status != 0) {
		*http_out = status;
		return WP_HEAD_BAD;
	}
	return WP_HEAD_OK;
}

struct wp_text wp_head_field(const struct wp_head *head, const char *name)
{
	for (size_t i = 0; i < head->n_fields; i++) {
		if (equals(&head->fields[i].name, name))
			return head->fields[i].value;
	}
	return (struct wp_text){ 0 };
}

size_t wp_head_count(const struct wp_head *head, const char *name)
{
	size_t n = 0;

	for (size_t i = 0; i < head->n_fields; i++)
		n += equals(&head->fields[i].name, name);
	return n;
}

/* Take the next comma-separated element off list; false when it is used up. */
static bool next_element(struct wp_text *list, struct wp_text *out)
{
	const char *comma;
	size_t len;

	if (list->data == NULL)
		return false;
	comma = memchr(list->data, ',', list->len);
	len = comma ? (size_t)(comma - list->data) : list->len;
	*out = trim((struct wp_text){ list->data, len });
	if (comma != NULL)
		*list = (struct wp_text){ comma + 1, list->len - len - 1 };
	else
		*list = (struct wp_text){ 0 };
	return true;
}

bool wp_head_has_token(const struct wp_head *head, const char *name,
		       const char *token)
{
	for (size_t i = 0; i < head->n_fields; i++) {
		struct wp_text list = head->fields[i].value;
		struct wp_text element;

		if (!equals(&head->fields[i].name, name))
			continue;
		while (next_element(&list, &element)) {
			if (equals(&element, token))
				return true;
		}
	}
	return false;
}

int wp_query_param(const struct wp_text *query, const char *name, char *out,
		   size_t out_size)
{
	const char *raw;
	size_t raw_len;
	long len;
	enum wp_err rc;

	if (query->data == NULL)
		return -1;
	rc = wp_query_find(query->data, query->len, name, &raw, &raw_len, NULL);
	if (rc != WP_OK)
		return rc == WP_ERR_NOTFOUND ? -1 : -2;
	if (raw_len >= out_size)
		return -2;
	len = wp_query_decode(raw, raw_len, out);
	/* A NUL would cut it short for whoever takes it for a string. */
	if (len == -1 || memchr(out, '\0', (size_t)len) != NULL)
		return -2;
	return (int)len;
}

struct wp_text wp_head_cookie(const struct wp_head *head, const char *name)
{
	size_t name_len = strlen(name);

	for (size_t i = 0; i < head->n_fields; i++) {
		const char *at = head->fields[i].value.data;
		const char *end = at + head->fields[i].value.len;

		if (!equals(&head->fields[i].name, "Cookie"))
			continue;
		while (at < end) {
			const char *stop = memchr(at, ';', (size_t)(end - at));

			if (stop == NULL)
				stop = end;
			while (at < stop && is_blank(*at))
				at++;
			if ((size_t)(stop - at) > name_len &&
			    at[name_len] == '=' &&
			    memcmp(at, name, name_len) == 0) {
				at += name_len + 1;
				return trim((struct wp_text){
					at, (size_t)(stop - at) });
			}
			at = stop + 1;
		}
	}
	return (struct wp_text){ 0 };
}

/*
 * Find the token among the offered protocols: "waypost.v1, <token>" in either
 * order, or a lone token. More than that does not fit and is refused.
 */
static bool read_protocols(struct wp_upgrade *out, const struct wp_head *head)
{
	struct wp_text list = wp_head_field(head, "Sec-WebSocket-Protocol");
	struct wp_text element;
	bool has_name = false;

	if (wp_head_count(head, "Sec-WebSocket-Protocol") > 1)
		return false;
	while (next_element(&list, &element)) {
		for (size_t i = 0; i < element.len; i++) {
			if (!is_token_char((unsigned char)element.data[i]))
				return false;
		}
		if (element.len == 0)
			return false;
		if (equals(&element, PROTOCOL_NAME) && !has_name) {
			has_name = true;
			out->protocol = element;
		} else if (out->subprotocol_token.data == NULL) {
			out->subprotocol_token = element;
		} else {
			return false;
		}
	}
	if (!has_name)
		out->protocol = out->subprotocol_token;
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
	       (len.data != NULL && !equals(&len, "0"));
}

unsigned wp_upgrade_read(struct wp_upgrade *out, const struct wp_head *head)
{
	struct wp_text version = wp_head_field(head, "Sec-WebSocket-Version");

	*out = (struct wp_upgrade){ 0 };
	/* Methods are case-sensitive (RFC 9110 section 9.1). */
	if (head->method.len != 3 || memcmp(head->method.data, "GET", 3) != 0)
		return HTTP_METHOD_NOT_ALLOWED;
	if (has_body(head) || wp_head_count(head, "Host") != 1 ||
	    wp_head_count(head, "Origin") > 1)
		return HTTP_BAD_REQUEST;
	if (!wp_head_has_token(head, "Upgrade", "websocket") ||
	    !wp_head_has_token(head, "Connection", "upgrade") ||
	    wp_head_count(head, "Sec-WebSocket-Version") != 1 ||
	    !equals(&version, "13"))
		return HTTP_UPGRADE_REQUIRED;
	out->key = wp_head_field(head, "Sec-WebSocket-Key");
	if (wp_head_count(head, "Sec-WebSocket-Key") != 1 ||
	    !key_is_valid(&out->key) || !read_protocols(out, head))
		return HTTP_BAD_REQUEST;
	out->origin = wp_head_field(head, "Origin");
	return HTTP_SWITCHING;
}

void wp_upgrade_accept(const struct wp_text *key, char out[WP_ACCEPT_LEN + 1])
{
	char joined[KEY_TEXT_LEN + sizeof(ACCEPT_GUID)];
	uint8_t digest[WP_SHA1_LEN];

	memcpy(joined, key->data, KEY_TEXT_LEN);
	memcpy(joined + KEY_TEXT_LEN, ACCEPT_GUID, sizeof(ACCEPT_GUID));
	wp_sha1(joined, sizeof(joined) - 1, digest);
	wp_base64_encode(digest, sizeof(digest), out);
	out[WP_ACCEPT_LEN] = '\0';
}

void wp_upgrade_response(struct wp_buf *out, const struct wp_upgrade *upgrade)
{
	char accept[WP_ACCEPT_LEN + 1];

	wp_upgrade_accept(&upgrade->key, accept);
	wp_buf_add_str(out, "HTTP/1.1 101 Switching Protocols\r\n"
			    "Upgrade: websocket\r\n"
			    "Connection: Upgrade\r\n"
			    "Sec-WebSocket-Accept: ");
	wp_buf_add_str(out, accept);
	if (upgrade->protocol.data != NULL) {
		wp_buf_add_str(out, "\r\nSec-WebSocket-Protocol: ");
		wp_buf_add(out, upgrade->protocol.data, upgrade->protocol.len);
	}
	wp_buf_add_str(out, "\r\n\r\n");
}
