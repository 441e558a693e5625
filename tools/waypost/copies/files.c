/*
 * files.c - open, write, rename, and fsync on both sides of it.
 */
#include "tools/waypost/copies/files.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { MODE = 0600, PIECE_BYTES = 1 << 16 };

char *wp_files_path(const char *folder, const char *name)
{
	char *path = NULL;

	return asprintf(&path, "%s/%s", folder, name) == -1 ? NULL : path;
}

enum wp_err wp_files_make(const char *path, struct wp_error *err)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, MODE);

	if (fd == -1 && errno == EEXIST)
		return wp_error_set(err, WP_ERR_CONFLICT,
				    "%.200s is there already", path);
	if (fd == -1)
		return wp_error_sys(err, "%.200s", path);
	(void)close(fd); /* nothing was written */
	return WP_OK;
}

bool wp_files_write_all(int fd, const char *data, size_t len)
{
	while (len > 0) {
		ssize_t n = write(fd, data, len);

		if (n == -1 && errno == EINTR)
			continue;
		if (n == -1)
			return false;
		data += n;
		len -= (size_t)n;
	}
	return true;
}

static enum wp_err pour(int from, int to, const char *from_path,
			const char *to_path, struct wp_error *err)
{
	char piece[PIECE_BYTES];
	ssize_t n;

	while ((n = read(from, piece, sizeof(piece))) != 0) {
		if (n == -1 && errno == EINTR)
			continue;
		if (n == -1)
			return wp_error_sys(err, "%.200s", from_path);
		if (!wp_files_write_all(to, piece, (size_t)n))
			return wp_error_sys(err, "%.200s", to_path);
	}
	return fsync(to) == 0 ? WP_OK : wp_error_sys(err, "%.200s", to_path);
}

enum wp_err wp_files_fill(const char *from, const char *to,
			  struct wp_error *err)
{
	int in = open(from, O_RDONLY | O_CLOEXEC);
	int out = open(to, O_WRONLY | O_TRUNC | O_NOFOLLOW | O_CLOEXEC);
	enum wp_err rc;

	if (in == -1)
		rc = wp_error_sys(err, "%.200s", from);
	else if (out == -1)
		rc = wp_error_sys(err, "%.200s", to);
	else
		rc = pour(in, out, from, to, err);
	if (in != -1)
		(void)close(in);
	if (out != -1 && close(out) == -1 && rc == WP_OK)
		rc = wp_error_sys(err, "%.200s", to);
	return rc;
}

/* A link of another name to a file of ours is none that we have made. */
static bool is_made_by_us(const struct stat *st)
{
	return st->st_uid == geteuid() &&
	       (S_ISDIR(st->st_mode) ||
		(S_ISREG(st->st_mode) && st->st_nlink == 1));
}

enum wp_err wp_files_give(const char *path, uid_t uid, gid_t gid, mode_t mode,
			  struct wp_error *err)
{
	int fd = open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	bool is_link = fd == -1 && errno == ELOOP;
	enum wp_err rc = WP_OK;
	struct stat st;
	bool is_seen = fd != -1 && fstat(fd, &st) == 0;

	if (is_link || (is_seen && !is_made_by_us(&st)))
		rc = wp_error_set(err, WP_ERR_CONFLICT,
				  "%.180s is not what was made there", path);
	else if (!is_seen || fchown(fd, uid, gid) == -1 ||
		 fchmod(fd, mode) == -1)
		rc = wp_error_sys(err, "%.200s", path);
	if (fd != -1)
		(void)close(fd);
	return rc;
}

enum wp_err wp_files_move_in(int folder, const char *from, const char *to,
			     struct wp_error *err)
{
	int failed = renameat2(folder, from, folder, to, RENAME_NOREPLACE);

	if (failed == -1 && errno == EINVAL) {
		failed = linkat(folder, from, folder, to, 0);
		if (failed == 0)
			(void)unlinkat(folder, from, 0);
	}
	if (failed == -1 && errno == EEXIST)
		return wp_error_set(err, WP_ERR_CONFLICT,
				    "%.200s is there already", to);
	return failed == 0 ? WP_OK : wp_error_sys(err, "%.200s", to);
}

enum wp_err wp_files_move(const char *from, const char *to,
			  struct wp_error *err)
{
	return wp_files_move_in(AT_FDCWD, from, to, err);
}

enum wp_err wp_files_sync(const char *folder, struct wp_error *err)
{
	int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	enum wp_err rc = WP_OK;

	if (fd == -1 || fsync(fd) == -1)
		rc = wp_error_sys(err, "%.200s", folder);
	if (fd != -1)
		(void)close(fd);
	return rc;
}

static bool is_self_or_above(const char *name)
{
	return strcmp(name, ".") == 0 || strcmp(name, "..") == 0;
}

void wp_files_remove_folder(const char *path)
{
	DIR *folder = opendir(path);
	const struct dirent *entry;

	if (folder == NULL)
		return;
	while ((entry = readdir(folder)) != NULL)
		if (!is_self_or_above(entry->d_name))
			(void)unlinkat(dirfd(folder), entry->d_name, 0);
	(void)closedir(folder);
	(void)rmdir(path);
}

enum wp_err wp_files_is_empty(const char *folder, bool *is_empty_out,
			      struct wp_error *err)
{
	DIR *opened = opendir(folder);
	const struct dirent *entry;

	if (opened == NULL)
		return wp_error_sys(err, "%.200s", folder);
	*is_empty_out = true;
	while ((entry = readdir(opened)) != NULL)
		if (!is_self_or_above(entry->d_name))
			*is_empty_out = false;
	(void)closedir(opened);
	return WP_OK;
}
