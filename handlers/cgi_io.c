/*
 * cgi_io.c - descriptors 0 and 1, and the environment as parameters.
 */
#include "handlers/cgi_io.h"

#include <errno.h>
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

static const struct wp_io_ops cgi_ops = { cgi_read, cgi_write };

void wp_cgi_init(struct wp_cgi *cgi)
{
	cgi->io.ops = &cgi_ops;
	cgi->io.params = (const char *const *)environ;
}
