/*
 * key_file.c - a lock on a file that is going to be replaced, and a file that
 * takes its place.
 *
 * The lock is on the file itself, so it leaves nothing behind; who gets it has
 * to look whether the file is still the one of that name.
 */
#include "tools/waypost/keys/key_file.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "lib/auth/apikey.h"
#include "lib/auth/apikey_file.h"

enum { NEW_MODE = 0640, MODE_BITS = 07777 };

/* ---- the lock ---- */

/* A link stays one: what it leads to is replaced. */
static enum wp_err find_path(struct wp_key_file *file, const char *path,
			     struct wp_error *err)
{
	file->path = realpath(path, NULL);
	if (file->path == NULL && errno == ENOENT)
		file->path = strdup(path);
	if (file->path == NULL)
		return wp_error_sys(err, "%s", path);
	return WP_OK;
}

/* Is fd still what the path leads to? */
static bool is_current(const struct wp_key_file *file)
{
	struct stat mine, current;

	return fstat(file->fd, &mine) == 0 && stat(file->path, &current) == 0 &&
	       mine.st_dev == current.st_dev && mine.st_ino == current.st_ino;
}

static enum wp_err lock(struct wp_key_file *file, bool may_make,
			struct wp_error *err)
{
	const int make = may_make ? O_CREAT : 0;

	for (;;) {
		file->fd = open(file->path,
				O_RDONLY | O_CLOEXEC | O_NONBLOCK | make,
				NEW_MODE);
		if (file->fd == -1)
			return wp_error_sys(err, "%s", file->path);
		while (flock(file->fd, LOCK_EX) == -1)
			if (errno != EINTR)
				return wp_error_sys(err, "lock %s", file->path);
		if (is_current(file))
			return WP_OK;
		close(file->fd);
		file->fd = -1;
	}
}

static enum wp_err judge(const char *path, const struct wp_buf *text,
			 struct wp_error *err)
{
	struct wp_apikeys *keys = NULL;
	struct wp_error why = { 0 };
	enum wp_err rc = wp_apikeys_new(&keys, text, &why);

	wp_apikeys_free(&keys);
	if (rc == WP_OK && text->len > WP_APIKEY_FILE_MAX_BYTES)
		rc = wp_error_set(&why, WP_ERR_INVAL, "must not be over 1 MiB");
	return rc == WP_OK ? WP_OK
			   : wp_error_set(err, rc, "%s %s", path, why.msg);
}

static enum wp_err read_file(struct wp_key_file *file, struct wp_error *err)
{
	enum wp_err rc = wp_apikey_file_load(file->path, WP_SECRET_ANYS_TO_ROOT,
					     &file->text, &file->st, err);

	return rc == WP_OK ? judge(file->path, &file->text, err) : rc;
}

static enum wp_err begin(struct wp_key_file *out, const char *path,
			 struct wp_error *err)
{
	*out = (struct wp_key_file){ .fd = -1 };
	wp_buf_init(&out->text, 0);
	return find_path(out, path, err);
}

enum wp_err wp_key_file_open(struct wp_key_file *out, const char *path,
			     bool may_make, struct wp_error *err)
{
	enum wp_err rc = begin(out, path, err);

	if (rc == WP_OK)
		rc = lock(out, may_make, err);
	return rc == WP_OK ? read_file(out, err) : rc;
}

enum wp_err wp_key_file_read(struct wp_key_file *out, const char *path,
			     struct wp_error *err)
{
	enum wp_err rc = begin(out, path, err);

	return rc == WP_OK ? read_file(out, err) : rc;
}

void wp_key_file_close(struct wp_key_file *file)
{
	if (file->fd != -1)
		close(file->fd);
	file->fd = -1;
	wp_buf_release(&file->text);
	free(file->path);
	file->path = NULL;
}

/* ---- the other file ---- */

static bool write_all(int fd, const struct wp_buf *text)
{
	size_t done = 0;

	while (done < text->len) {
		ssize_t n = write(fd, text->data + done, text->len - done);

		if (n == -1 && errno == EINTR)
			continue;
		if (n == -1)
			return false;
		done += (size_t)n;
	}
	return true;
}

/* Whoever reads the keys must be able to go on reading them. */
static bool keep_owner(int fd, const struct stat *st)
{
	struct stat mine;

	if (fstat(fd, &mine) == -1)
		return false;
	if ((mine.st_uid != st->st_uid || mine.st_gid != st->st_gid) &&
	    fchown(fd, st->st_uid, st->st_gid) == -1)
		return false;
	return fchmod(fd, st->st_mode & MODE_BITS) == 0;
}

static bool sync_folder(const char *path)
{
	char *copy = strdup(path);
	bool is_done = false;
	int fd = -1;

	if (copy != NULL)
		fd = open(dirname(copy), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd != -1) {
		is_done = fsync(fd) == 0;
		close(fd);
	}
	free(copy);
	return is_done;
}

static enum wp_err put(const struct wp_key_file *file, const char *aside,
		       const struct wp_buf *text, struct wp_error *err)
{
	int fd = open(aside,
		      O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC,
		      S_IRUSR | S_IWUSR);
	enum wp_err rc = WP_OK;

	if (fd == -1)
		return wp_error_sys(err, "%s", aside);
	if (!keep_owner(fd, &file->st))
		rc = wp_error_sys(err, "owner and mode of %s", aside);
	else if (!write_all(fd, text) || fsync(fd) == -1)
		rc = wp_error_sys(err, "%s", aside);
	if (close(fd) == -1 && rc == WP_OK)
		rc = wp_error_sys(err, "%s", aside);
	if (rc == WP_OK && rename(aside, file->path) == -1)
		rc = wp_error_sys(err, "%s", file->path);
	return rc;
}

enum wp_err wp_key_file_replace(struct wp_key_file *file,
				const struct wp_buf *text, struct wp_error *err)
{
	char *aside = NULL;
	enum wp_err rc;

	if (text->failed)
		return wp_error_set(err, WP_ERR_NOMEM, "out of memory");
	rc = judge(file->path, text, err);
	if (rc != WP_OK)
		return rc;
	if (asprintf(&aside, "%s.new", file->path) == -1)
		return wp_error_set(err, WP_ERR_NOMEM, "out of memory");
	/* Of somebody who was killed; we have the lock, so he is gone. */
	(void)unlink(aside);
	rc = put(file, aside, text, err);
	if (rc != WP_OK)
		(void)unlink(aside);
	else if (!sync_folder(file->path))
		rc = wp_error_sys(err,
				  "it is done, but perhaps not on disk: "
				  "%s",
				  file->path);
	free(aside);
	return rc;
}
