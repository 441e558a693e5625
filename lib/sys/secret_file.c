/* secret_file.c - who can have written it, and what is in it. */
#include "lib/sys/secret_file.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

enum { TOO_OPEN = 07137 /* all but 0640 */ };

static enum wp_err refuse(const struct wp_secret_file *file, const char *why,
			  struct wp_error *err)
{
	return wp_error_set(err, WP_ERR_INVAL, "%s %s", file->path, why);
}

static enum wp_err cannot_read(const struct wp_secret_file *file,
			       struct wp_error *err)
{
	return wp_error_set(err, WP_ERR_INVAL, "%s cannot be read: %s",
			    file->path, strerror(errno));
}

static enum wp_err judge(const struct wp_secret_file *file,
			 const struct stat *st, struct wp_error *err)
{
	bool is_ours =
		st->st_uid == 0 || st->st_uid == geteuid() ||
		(file->owner == WP_SECRET_ANYS_TO_ROOT && geteuid() == 0);

	if (!S_ISREG(st->st_mode))
		return refuse(file, "is no plain file", err);
	if (!is_ours)
		return refuse(file,
			      "must belong to root or to who runs the programs",
			      err);
	if ((st->st_mode & TOO_OPEN) != 0)
		return refuse(file,
			      "must be closed to others, and to its group for "
			      "writing; chmod it to 0640 or less",
			      err);
	return WP_OK;
}

static enum wp_err slurp(const struct wp_secret_file *file, int fd,
			 struct wp_buf *text, struct wp_error *err)
{
	/* One byte more tells "all of it" from "too much". */
	const size_t room = file->max_bytes + 1;
	char *at = wp_buf_reserve(text, room);

	if (at == NULL)
		return wp_error_set(err, WP_ERR_NOMEM, "memory is exhausted");
	while (text->len < room) {
		ssize_t n = read(fd, at + text->len, room - text->len);

		if (n == -1 && errno == EINTR)
			continue;
		if (n == -1)
			return cannot_read(file, err);
		if (n == 0)
			return WP_OK;
		text->len += (size_t)n;
	}
	return wp_error_set(err, WP_ERR_INVAL, "%s must not be over %s",
			    file->path, file->most);
}

enum wp_err wp_secret_file_read(const struct wp_secret_file *file,
				struct wp_buf *text, struct stat *st_out,
				struct wp_error *err)
{
	/* Nor does a fifo hold us up. */
	int fd = open(file->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	struct stat st = { 0 };
	enum wp_err rc;

	if (fd == -1)
		return cannot_read(file, err);
	if (fstat(fd, &st) == -1)
		rc = cannot_read(file, err);
	else
		rc = judge(file, &st, err);
	if (st_out != NULL)
		*st_out = st;
	if (rc == WP_OK)
		rc = slurp(file, fd, text, err);
	close(fd);
	return rc;
}
