/*
 * folder.c - whole files in a folder that has one owner.
 *
 * Everything goes by the descriptor of the folder, so that nobody who moves it
 * away moves us along into another one. Symbolic links are never followed.
 */
#include "lib/sys/folder.h"

#include <assert.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/base/random.h"

enum {
	FOLDER_MODE = 0750,
	LOCK_MODE = 0640,
	MARK_BYTES = 8,
	NAME_BYTES = 32, /* of a file that is being written */
};

/* How a file is called until it is whole. No name of ours begins so. */
static const char half[] = ".new-";

static enum wp_err denied(struct wp_error *err, const char *name,
			  const char *why)
{
	return wp_error_set(err, WP_ERR_DENIED, "%.150s %s", name, why);
}

static enum wp_err check_rights(const struct stat *st, const char *name,
				struct wp_error *err)
{
	if (st->st_uid != 0 && st->st_uid != geteuid())
		return denied(err, name, "is neither this user's nor root's");
	if ((st->st_mode & (S_IWGRP | S_IWOTH)) != 0)
		return denied(err, name,
			      "can be written by others; chmod go-w");
	return WP_OK;
}

enum wp_err wp_folder_open(struct wp_folder *out, const char *path,
			   struct wp_error *err)
{
	struct stat st;

	*out = WP_FOLDER_NONE;
	out->fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (out->fd == -1 && errno == ENOENT)
		return wp_error_set(err, WP_ERR_NOTFOUND,
				    "%.150s is not there; waypost-keys "
				    "makes it when it starts",
				    path);
	if (out->fd == -1 || fstat(out->fd, &st) == -1)
		return wp_error_sys(err, "%.150s", path);
	return check_rights(&st, path, err);
}

static struct flock whole(short type)
{
	return (struct flock){ .l_type = type, .l_whence = SEEK_SET };
}

/* Who keeps fd from being locked? 0: nobody, or one that has no pid here. */
static pid_t holder(int fd)
{
	struct flock lock = whole(F_WRLCK);

	if (fcntl(fd, F_GETLK, &lock) == -1 || lock.l_type == F_UNLCK)
		return 0;
	return lock.l_pid > 0 ? lock.l_pid : 0;
}

static enum wp_err take_lock(struct wp_folder *folder, const char *path,
			     const char *name, struct wp_error *err)
{
	struct flock lock = whole(F_WRLCK);

	folder->lock_fd =
		openat(folder->fd, name,
		       O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, LOCK_MODE);
	if (folder->lock_fd == -1)
		return wp_error_sys(err, "%.150s/%s", path, name);
	if (fcntl(folder->lock_fd, F_SETLK, &lock) == 0)
		return WP_OK;
	if (errno != EAGAIN && errno != EACCES)
		return wp_error_sys(err, "lock %.150s/%s", path, name);
	return wp_error_set(err, WP_ERR_CONFLICT,
			    "process %ld uses %.150s already; only one may",
			    (long)holder(folder->lock_fd), path);
}

/* What was being written when its writer died. */
static void sweep(const struct wp_folder *folder)
{
	int fd = openat(folder->fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = fd == -1 ? NULL : fdopendir(fd);
	const struct dirent *entry;

	if (dir == NULL) {
		if (fd != -1)
			close(fd);
		return;
	}
	while ((entry = readdir(dir)) != NULL)
		if (strncmp(entry->d_name, half, sizeof(half) - 1) == 0)
			(void)unlinkat(folder->fd, entry->d_name, 0);
	closedir(dir);
}

enum wp_err wp_folder_own(struct wp_folder *out, const char *path,
			  const char *lock, struct wp_error *err)
{
	enum wp_err rc;

	*out = WP_FOLDER_NONE;
	if (mkdir(path, FOLDER_MODE) == -1 && errno != EEXIST)
		return wp_error_sys(err, "make %.150s", path);
	rc = wp_folder_open(out, path, err);
	if (rc == WP_OK)
		rc = take_lock(out, path, lock, err);
	if (rc == WP_OK)
		sweep(out);
	return rc;
}

void wp_folder_close(struct wp_folder *folder)
{
	if (folder->lock_fd != -1)
		close(folder->lock_fd);
	if (folder->fd != -1)
		close(folder->fd);
	*folder = WP_FOLDER_NONE;
}

pid_t wp_folder_owner(const struct wp_folder *folder, const char *lock)
{
	int fd = openat(folder->fd, lock, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	pid_t pid;

	if (fd == -1)
		return 0;
	pid = holder(fd);
	close(fd);
	return pid;
}

/* ---- files ---- */

static enum wp_err check_file(int fd, const struct wp_folder_read *what,
			      struct wp_error *err)
{
	struct stat st;
	enum wp_err rc;

	if (fstat(fd, &st) == -1)
		return wp_error_sys(err, "%s", what->name);
	if (!S_ISREG(st.st_mode))
		return denied(err, what->name, "is no file");
	rc = check_rights(&st, what->name, err);
	if (rc != WP_OK)
		return rc;
	if (what->is_secret && (st.st_mode & (S_IRWXG | S_IRWXO)) != 0)
		return denied(err, what->name,
			      "can be read by others; chmod 600");
	if (st.st_size < 0 || (uintmax_t)st.st_size > what->max_bytes)
		return wp_error_set(err, WP_ERR_FULL,
				    "%s is longer than %zu bytes", what->name,
				    what->max_bytes);
	return WP_OK;
}

static enum wp_err read_all(int fd, const struct wp_folder_read *what,
			    struct wp_buf *out, struct wp_error *err)
{
	/* One more, to see that there is no more. */
	size_t left = what->max_bytes + 1;

	while (left > 0) {
		size_t room = left < BUFSIZ ? left : BUFSIZ;
		char *at = wp_buf_reserve(out, room);
		ssize_t n;

		if (at == NULL)
			return wp_error_set(err, WP_ERR_NOMEM, "out of memory");
		n = read(fd, at, room);
		if (n == -1 && errno == EINTR)
			continue;
		if (n == -1)
			return wp_error_sys(err, "%s", what->name);
		if (n == 0)
			return WP_OK;
		out->len += (size_t)n;
		left -= (size_t)n;
	}
	return wp_error_set(err, WP_ERR_FULL, "%s is longer than %zu bytes",
			    what->name, what->max_bytes);
}

enum wp_err wp_folder_read(const struct wp_folder *folder,
			   const struct wp_folder_read *what,
			   struct wp_buf *out, struct wp_error *err)
{
	/* Not blocking: somebody may have put a FIFO there. */
	int fd = openat(folder->fd, what->name,
			O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	enum wp_err rc;

	/* EBADF: a folder that is not there has no file either. */
	if (fd == -1 && (errno == ENOENT || folder->fd == -1))
		return wp_error_set(err, WP_ERR_NOTFOUND, "%s is not there",
				    what->name);
	if (fd == -1)
		return wp_error_sys(err, "%s", what->name);
	rc = check_file(fd, what, err);
	if (rc == WP_OK)
		rc = read_all(fd, what, out, err);
	close(fd);
	return rc;
}

static int write_all(int fd, const struct wp_folder_write *what)
{
	const char *at = what->data;
	size_t left = what->len;

	while (left > 0) {
		ssize_t n = write(fd, at, left);

		if (n == -1 && errno == EINTR)
			continue;
		if (n == -1)
			return -1;
		at += n;
		left -= (size_t)n;
	}
	return fchmod(fd, what->mode) == -1 ? -1 : fsync(fd);
}

enum wp_err wp_folder_write(const struct wp_folder *folder,
			    const struct wp_folder_write *what,
			    struct wp_error *err)
{
	char name[NAME_BYTES];
	enum wp_err rc = WP_OK;
	int fd;

	memcpy(name, half, sizeof(half));
	wp_random_hex(name + sizeof(half) - 1, MARK_BYTES);
	fd = openat(folder->fd, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC,
		    0600);
	if (fd == -1)
		return wp_error_sys(err, "write %s", what->name);
	if (write_all(fd, what) == -1 ||
	    renameat(folder->fd, name, folder->fd, what->name) == -1) {
		rc = wp_error_sys(err, "write %s", what->name);
		(void)unlinkat(folder->fd, name, 0);
	} else if (fsync(folder->fd) == -1) {
		rc = wp_error_sys(err, "write %s", what->name);
	}
	close(fd);
	return rc;
}

enum wp_err wp_folder_remove(const struct wp_folder *folder, const char *name,
			     struct wp_error *err)
{
	if (unlinkat(folder->fd, name, 0) == -1 && errno != ENOENT)
		return wp_error_sys(err, "delete %s", name);
	if (fsync(folder->fd) == -1)
		return wp_error_sys(err, "delete %s", name);
	return WP_OK;
}
