/*
 * req.c - reading what the web server handed over.
 *
 * Knows CGI parameter names and their traps: a repeated header, two of which
 * may say different things, and a length that may be missing, nonsense or a
 * lie. Knows nothing about what a path or a body means.
 */
#include "handlers/req.h"

#include <errno.h>
#include <stdint.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

static ssize_t cgi_read(struct wp_io *io, void *data, size_t len)
{
	ssize_t n;

	(void)io;
	do
		n = read(STDIN_FILENO, data, len);
	while (n == -1 && errno == EINTR);
	return n;
}

static bool cgi_write(struct wp_io *io, const void *data, size_t len)
{
	const char *from = data;

	(void)io;
	while (len > 0) {
		ssize_t n = write(STDOUT_FILENO, from, len);

		if (n == -1 && errno == EINTR)
			continue;
		if (n == -1)
			return false;
		from += n;
		len -= (size_t)n;
	}
	return true;
}

void wp_io_cgi(struct wp_io *io)
{
	static const struct wp_io_ops ops = { cgi_read, cgi_write };

	io->ops = &ops;
	io->params = (const char *const *)environ;
}

static const struct {
	enum wp_method method;
	const char *name;
} methods[] = {
	{ WP_GET, "GET" },
	{ WP_HEAD, "HEAD" },
	{ WP_POST, "POST" },
	{ WP_OPTIONS, "OPTIONS" },
};

enum { METHODS = sizeof(methods) / sizeof(methods[0]) };

const char *wp_method_name(enum wp_method method)
{
	for (size_t i = 0; i < METHODS; i++)
		if (methods[i].method == method)
			return methods[i].name;
	return "other";
}

void wp_methods_add(struct wp_buf *out, unsigned int set)
{
	const char *comma = "";

	for (size_t i = 0; i < METHODS; i++) {
		if ((methods[i].method & set) == 0)
			continue;
		wp_buf_add_str(out, comma);
		wp_buf_add_str(out, methods[i].name);
		comma = ", ";
	}
}

const char *wp_req_param(const struct wp_req *req, const char *name,
			 size_t *count_out)
{
	const char *const *param = req->io->params;
	const char *value = NULL;
	size_t len = strlen(name), count = 0;

	for (; *param != NULL; param++) {
		if (strncmp(*param, name, len) != 0 || (*param)[len] != '=')
			continue;
		if (count++ == 0)
			value = *param + len + 1;
	}
	if (count_out != NULL)
		*count_out = count;
	return value;
}

static enum wp_method read_method(const struct wp_req *req)
{
	const char *text = wp_req_param(req, "REQUEST_METHOD", NULL);

	for (size_t i = 0; text != NULL && i < METHODS; i++)
		if (strcmp(text, methods[i].name) == 0)
			return methods[i].method;
	return WP_METHOD_OTHER;
}

static void set_path(struct wp_req *req, const char *uri)
{
	size_t len = strcspn(uri, "?");

	req->path = (struct wp_text){ uri, len };
	uri += uri[len] == '?' ? len + 1 : len;
	req->query = (struct wp_text){ uri, strlen(uri) };
}

/*
 * REQUEST_URI is what the client asked for; web servers rewrite the others.
 * It is no part of RFC 3875, so a server may do without.
 */
static void read_path(struct wp_req *req)
{
	const char *uri = wp_req_param(req, "REQUEST_URI", NULL);
	const char *query;

	if (uri != NULL && uri[0] != '\0') {
		set_path(req, uri);
		return;
	}
	uri = wp_req_param(req, "DOCUMENT_URI", NULL);
	if (uri == NULL || uri[0] == '\0')
		uri = wp_req_param(req, "PATH_INFO", NULL);
	if (uri == NULL || uri[0] == '\0')
		uri = wp_req_param(req, "SCRIPT_NAME", NULL);
	set_path(req, uri == NULL ? "" : uri);
	query = wp_req_param(req, "QUERY_STRING", NULL);
	if (query == NULL)
		query = "";
	req->query = (struct wp_text){ query, strlen(query) };
}

static void read_id(struct wp_req *req)
{
	size_t count;
	struct wp_text given = { 0 };

	given.data = wp_req_param(req, "HTTP_X_REQUEST_ID", &count);
	if (given.data != NULL)
		given.len = strlen(given.data);
	if (count != 1 || !wp_request_id_keep(req->id, &given))
		wp_request_id_make(req->id);
}

void wp_req_begin(struct wp_req *req, struct wp_io *io)
{
	*req = (struct wp_req){ .io = io };
	req->method = read_method(req);
	read_path(req);
}

void wp_req_init(struct wp_req *req, struct wp_io *io)
{
	wp_req_begin(req, io);
	read_id(req);
}

static const char *skip_blanks(const char *text)
{
	return text + strspn(text, " \t");
}

/* Is text, quoted or not, the word UTF-8? */
static bool is_utf8_name(const char *text)
{
	static const char *const names[] = { "utf-8", "utf8" };
	size_t len;

	if (text[0] == '"')
		text++;
	len = strcspn(text, "\"; \t");
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (len == strlen(names[i]) &&
		    strncasecmp(text, names[i], len) == 0)
			return true;
	return false;
}

bool wp_req_is_json(const struct wp_req *req)
{
	static const char wanted[] = "application/json";
	static const char charset[] = "charset=";
	const char *type = wp_req_param(req, "CONTENT_TYPE", NULL);

	if (type == NULL)
		return false;
	type = skip_blanks(type);
	if (strncasecmp(type, wanted, sizeof(wanted) - 1) != 0)
		return false;
	type = skip_blanks(type + sizeof(wanted) - 1);
	while (*type == ';') {
		type = skip_blanks(type + 1);
		if (strncasecmp(type, charset, sizeof(charset) - 1) == 0 &&
		    !is_utf8_name(type + sizeof(charset) - 1))
			return false;
		type += strcspn(type, ";");
	}
	return *type == '\0';
}

bool wp_req_has_two_types(const struct wp_req *req)
{
	static const char name[] = "HTTP_CONTENT_TYPE=";
	const char *first = NULL;

	for (const char *const *param = req->io->params; *param != NULL;
	     param++) {
		if (strncmp(*param, name, sizeof(name) - 1) != 0)
			continue;
		if (first != NULL && strcmp(first, *param) != 0)
			return true;
		first = *param;
	}
	return false;
}

/* Digits only; a number that is too large for *out is the largest one. */
static bool parse_length(const char *text, size_t *out)
{
	size_t value = 0;

	if (text == NULL || *text == '\0')
		return false;
	for (; *text != '\0'; text++) {
		size_t digit = (size_t)(*text - '0');

		if (*text < '0' || *text > '9')
			return false;
		value = value > (SIZE_MAX - digit) / 10 ? SIZE_MAX
							: value * 10 + digit;
	}
	*out = value;
	return true;
}

enum wp_err wp_req_read_body(const struct wp_req *req, size_t max_bytes,
			     struct wp_buf *body, struct wp_error *err)
{
	size_t wanted = 0, count;
	const char *text = wp_req_param(req, "CONTENT_LENGTH", &count);
	char *room;

	wp_buf_clear(body);
	if (count > 1 || !parse_length(text, &wanted))
		return wp_error_set(err, WP_ERR_INVAL,
				    "Content-Length is missing or no number");
	if (wanted > max_bytes)
		return wp_error_set(err, WP_ERR_FULL,
				    "the body has more than %zu bytes",
				    max_bytes);
	room = wp_buf_reserve(body, wanted);
	if (room == NULL)
		return wp_error_set(err, WP_ERR_NOMEM, "memory is exhausted");
	while (body->len < wanted) {
		ssize_t n = req->io->ops->read(req->io, body->data + body->len,
					       wanted - body->len);

		if (n <= 0)
			return wp_error_set(err, WP_ERR_INVAL,
					    "the body is shorter than its "
					    "Content-Length");
		body->len += (size_t)n;
	}
	body->data[body->len] = '\0';
	return WP_OK;
}
