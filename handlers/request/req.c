/*
 * req.c - reading what the web server handed over.
 *
 * Knows CGI parameter names and their traps: a repeated header, two of which
 * may say different things, and a path that the web server rewrote. Knows
 * nothing about what a path means.
 */
#include "handlers/request/req.h"

#include <errno.h>
#include <stdint.h>
#include <string.h>
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
	static const struct wp_io_ops ops = { cgi_read, cgi_write, NULL };

	io->ops = &ops;
	io->params = (const char *const *)environ;
}

static const struct {
	enum wp_method method;
	const char *name;
} methods[] = {
	{ WP_GET, "GET" }, { WP_HEAD, "HEAD" },     { WP_POST, "POST" },
	{ WP_PUT, "PUT" }, { WP_DELETE, "DELETE" }, { WP_OPTIONS, "OPTIONS" },
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

/* What stands behind "name="; NULL when it is another parameter. */
static const char *value_of(const char *param, const char *name)
{
	while (*name != '\0' && *param == *name) {
		param++;
		name++;
	}
	return *name == '\0' && *param == '=' ? param + 1 : NULL;
}

const char *wp_req_param(const struct wp_req *req, const char *name,
			 size_t *count_out)
{
	const char *first = NULL;
	size_t count = 0;

	for (const char *const *param = req->io->params; *param != NULL;
	     param++) {
		const char *value = value_of(*param, name);

		if (value != NULL && count++ == 0)
			first = value;
	}
	if (count_out != NULL)
		*count_out = count;
	return first;
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

static void read_id(struct wp_req *req, struct wp_random_pool *random)
{
	size_t count;
	struct wp_text given = { 0 };

	given.data = wp_req_param(req, "HTTP_X_REQUEST_ID", &count);
	if (given.data != NULL)
		given.len = strlen(given.data);
	if (count != 1 || !wp_request_id_keep(req->id, &given))
		wp_request_id_make(req->id, random);
}

void wp_req_begin(struct wp_req *req, struct wp_io *io)
{
	*req = (struct wp_req){ .io = io };
	req->method = read_method(req);
	read_path(req);
}

void wp_req_init(struct wp_req *req, struct wp_io *io,
		 struct wp_random_pool *random)
{
	wp_req_begin(req, io);
	read_id(req, random);
}

bool wp_req_is_awaited(const struct wp_req *req)
{
	const struct wp_io_ops *ops = req->io->ops;

	return ops->is_awaited == NULL || ops->is_awaited(req->io);
}
