/*
 * head.c - one request head, cut into pieces where it lies.
 *
 * Knows the grammar and the bounds. Knows nothing about sockets, and nothing
 * about what a path or a field means to its reader.
 */
#include "lib/http/head.h"

#include <string.h>
#include <strings.h>

enum {
	HTTP_BAD_REQUEST = 400,
	HTTP_FIELDS_TOO_LARGE = 431,
	HTTP_VERSION_UNSUPPORTED = 505,
};

static const char sole_version[] = "HTTP/1.1";

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

bool wp_text_is(const struct wp_text *text, const char *bytes)
{
	return text->data != NULL && text->len == strlen(bytes) &&
	       memcmp(text->data, bytes, text->len) == 0;
}

bool wp_text_is_word(const struct wp_text *text, const char *word)
{
	return text->data != NULL && text->len == strlen(word) &&
	       strncasecmp(text->data, word, text->len) == 0;
}

bool wp_text_is_token(const struct wp_text *text)
{
	for (size_t i = 0; i < text->len; i++)
		if (!is_token_char((unsigned char)text->data[i]))
			return false;
	return text->len > 0;
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

bool wp_text_next_element(struct wp_text *list, struct wp_text *out)
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
	if (!wp_text_is_token(&out->method))
		return HTTP_BAD_REQUEST;

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
	if (!wp_text_is_token(&field->name))
		return HTTP_BAD_REQUEST;
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

/* Find the end of the head: *out is its length, blank line included. */
static enum wp_head_status find_end(const char *data, size_t len, size_t *out)
{
	const char *end = memmem(data, len, "\r\n\r\n", 4);

	if (end == NULL)
		return len < WP_HEAD_MAX ? WP_HEAD_MORE : WP_HEAD_BAD;
	*out = (size_t)(end - data) + 4;
	return *out <= WP_HEAD_MAX ? WP_HEAD_OK : WP_HEAD_BAD;
}

/* Read the line at *at, and step behind it; returns 0 or a status. */
static unsigned parse_line(struct wp_head *out, const char *data,
			   const char **at)
{
	const char *end = data + out->len;
	const char *stop = memmem(*at, (size_t)(end - *at), "\r\n", 2);
	const char *line = *at;
	size_t len = (size_t)(stop - line);

	*at = stop + 2;
	return line == data ? parse_request_line(out, line, len)
			    : parse_field(out, line, len);
}

enum wp_head_status wp_head_parse(struct wp_head *out, const char *data,
				  size_t len, unsigned *http_out)
{
	enum wp_head_status found = find_end(data, len, &out->len);
	const char *at = data;
	unsigned status = found == WP_HEAD_BAD ? HTTP_FIELDS_TOO_LARGE : 0;

	out->n_fields = 0;
	if (found == WP_HEAD_MORE)
		return found;
	/* The blank line is two bytes behind the last one with a field. */
	while (status == 0 && at + 2 < data + out->len)
		status = parse_line(out, data, &at);
	if (status == 0)
		return WP_HEAD_OK;
	*http_out = status;
	return WP_HEAD_BAD;
}

enum wp_head_status wp_head_parse_line(struct wp_head *out, const char *data,
				       size_t len)
{
	enum wp_head_status found = find_end(data, len, &out->len);
	const char *at = data;
	unsigned status;

	out->n_fields = 0;
	if (found != WP_HEAD_OK)
		return found;
	status = parse_line(out, data, &at);
	return status == 0 || status == HTTP_VERSION_UNSUPPORTED ? WP_HEAD_OK
								 : WP_HEAD_BAD;
}

struct wp_text wp_head_field(const struct wp_head *head, const char *name)
{
	for (size_t i = 0; i < head->n_fields; i++) {
		if (wp_text_is_word(&head->fields[i].name, name))
			return head->fields[i].value;
	}
	return (struct wp_text){ 0 };
}

size_t wp_head_count(const struct wp_head *head, const char *name)
{
	size_t n = 0;

	for (size_t i = 0; i < head->n_fields; i++)
		n += wp_text_is_word(&head->fields[i].name, name);
	return n;
}

bool wp_head_has_token(const struct wp_head *head, const char *name,
		       const char *token)
{
	for (size_t i = 0; i < head->n_fields; i++) {
		struct wp_text list = head->fields[i].value;
		struct wp_text element;

		if (!wp_text_is_word(&head->fields[i].name, name))
			continue;
		while (wp_text_next_element(&list, &element)) {
			if (wp_text_is_word(&element, token))
				return true;
		}
	}
	return false;
}

struct wp_text wp_text_cookie(const struct wp_text *value, const char *name)
{
	size_t name_len = strlen(name);
	const char *at = value->data;
	const char *end = at + value->len;

	while (at < end) {
		const char *stop = memchr(at, ';', (size_t)(end - at));

		if (stop == NULL)
			stop = end;
		while (at < stop && is_blank(*at))
			at++;
		if ((size_t)(stop - at) > name_len && at[name_len] == '=' &&
		    memcmp(at, name, name_len) == 0) {
			at += name_len + 1;
			return trim(
				(struct wp_text){ at, (size_t)(stop - at) });
		}
		at = stop + 1;
	}
	return (struct wp_text){ 0 };
}

struct wp_text wp_head_cookie(const struct wp_head *head, const char *name)
{
	struct wp_text found = { 0 };

	for (size_t i = 0; i < head->n_fields && found.data == NULL; i++)
		if (wp_text_is_word(&head->fields[i].name, "Cookie"))
			found = wp_text_cookie(&head->fields[i].value, name);
	return found;
}
