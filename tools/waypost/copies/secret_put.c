/*
 * secret_put.c - from the root downwards by descriptors, so that nobody who
 * changes a folder on the way leads root into another one.
 */
#include "tools/waypost/copies/secret_put.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tools/waypost/copies/files.h"

enum { HALF_MODE = 0600, HALF_FOLDER_MODE = 0700, PIECE_BYTES = 4096 };

/* Where one thing goes. */
struct spot {
	const struct wp_secret_item *item;
	int folder; /* owned; -1: the folder is not there yet */
	const char *name;
	char *half; /* owned; its name until it is whole */
	uid_t uid;
	gid_t gid;
	bool is_there; /* the same already */
};

static enum wp_err no_memory(struct wp_error *err)
{
	return wp_error_set(err, WP_ERR_NOMEM, "out of memory");
}

static void spot_close(struct spot *spot)
{
	if (spot->folder != -1)
		(void)close(spot->folder);
	free(spot->half);
}

/* ---- the way there ---- */

/* Go from *fd into the folder called name. */
static enum wp_err step(int *fd, const char *name, const char *path,
			struct wp_error *err)
{
	int next = openat(*fd, name,
			  O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	int failed = errno;

	(void)close(*fd);
	*fd = next;
	if (next != -1 || failed == ENOENT)
		return WP_OK;
	errno = failed;
	if (failed == ENOTDIR || failed == ELOOP)
		return wp_error_set(err, WP_ERR_CONFLICT,
				    "%.150s: \"%.40s\" is no folder, or a "
				    "link, and nothing is put through one",
				    path, name);
	return wp_error_sys(err, "%.200s", path);
}

/* *fd_out: of the folder that path is in; -1: it is not there. */
static enum wp_err walk(const char *path, int *fd_out, struct wp_error *err)
{
	enum wp_err rc = WP_OK;
	const char *slash;
	int fd = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd == -1)
		return wp_error_sys(err, "/");
	while (rc == WP_OK && fd != -1 &&
	       (slash = strchr(path + 1, '/')) != NULL) {
		char *name = strndup(path + 1, (size_t)(slash - path - 1));

		rc = name != NULL ? step(&fd, name, path, err) : no_memory(err);
		free(name);
		path = slash;
	}
	if (rc != WP_OK && fd != -1) {
		(void)close(fd);
		fd = -1;
	}
	*fd_out = fd;
	return rc;
}

/* ---- whose it is ---- */

static bool is_number(const char *text, unsigned long *out)
{
	char *end;

	*out = strtoul(text, &end, 10);
	return text[0] >= '0' && text[0] <= '9' && *end == '\0' &&
	       *out < UINT32_MAX;
}

static enum wp_err find_owner(struct spot *spot, struct wp_error *err)
{
	const struct wp_secret_item *item = spot->item;
	const struct passwd *user = getpwnam(item->owner);
	const struct group *group = getgrnam(item->group);
	unsigned long uid = 0, gid = 0;

	if (user == NULL && !is_number(item->owner, &uid))
		return wp_error_set(err, WP_ERR_NOTFOUND,
				    "there is no user %s here, whose %.150s is",
				    item->owner, item->path);
	if (group == NULL && !is_number(item->group, &gid))
		return wp_error_set(err, WP_ERR_NOTFOUND,
				    "there is no group %s here, which %.150s "
				    "is of",
				    item->group, item->path);
	spot->uid = user != NULL ? user->pw_uid : (uid_t)uid;
	spot->gid = group != NULL ? group->gr_gid : (gid_t)gid;
	return WP_OK;
}

/* ---- what is there ---- */

static bool is_same(int fd, const struct wp_buf *data)
{
	char piece[PIECE_BYTES];
	size_t at = 0;
	ssize_t n;

	while ((n = read(fd, piece, sizeof(piece))) > 0) {
		if ((size_t)n > data->len - at ||
		    memcmp(piece, data->data + at, (size_t)n) != 0)
			break;
		at += (size_t)n;
	}
	explicit_bzero(piece, sizeof(piece));
	return n == 0 && at == data->len;
}

static enum wp_err in_the_way(const char *path, const char *end,
			      struct wp_error *err)
{
	return wp_error_set(err, WP_ERR_CONFLICT,
			    "%.180s%s is in the way; move it to another place",
			    path, end);
}

/* st: of what has the name already. */
static enum wp_err look_at_old(struct spot *spot, const struct stat *st,
			       struct wp_error *err)
{
	const struct wp_secret_item *item = spot->item;
	int fd;

	if (item->is_folder && S_ISDIR(st->st_mode)) {
		spot->is_there = true;
		return WP_OK;
	}
	if (item->is_folder || !S_ISREG(st->st_mode))
		return in_the_way(item->path, "", err);
	fd = openat(spot->folder, spot->name,
		    O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	if (fd == -1)
		return wp_error_sys(err, "%.200s", item->path);
	spot->is_there = is_same(fd, &item->data);
	(void)close(fd);
	return spot->is_there ? WP_OK : in_the_way(item->path, "", err);
}

static enum wp_err look(struct spot *spot, struct wp_error *err)
{
	struct stat st;

	/* A folder that is to be made has nothing in it. */
	if (spot->folder == -1)
		return WP_OK;
	if (fstatat(spot->folder, spot->name, &st, AT_SYMLINK_NOFOLLOW) == 0)
		return look_at_old(spot, &st, err);
	if (errno != ENOENT)
		return wp_error_sys(err, "%.200s", spot->item->path);
	if (fstatat(spot->folder, spot->half, &st, AT_SYMLINK_NOFOLLOW) == 0)
		return in_the_way(spot->item->path, ".restore", err);
	return WP_OK;
}

/* The caller ends spot with spot_close(), also on error. */
static enum wp_err find(struct spot *spot, const struct wp_secret_item *item,
			struct wp_error *err)
{
	enum wp_err rc;

	*spot = (struct spot){
		.item = item,
		.folder = -1,
		.name = strrchr(item->path, '/') + 1,
	};
	if (asprintf(&spot->half, "%s.restore", spot->name) == -1) {
		spot->half = NULL;
		return no_memory(err);
	}
	rc = walk(item->path, &spot->folder, err);
	if (rc == WP_OK)
		rc = look(spot, err);
	/* Whose a folder is that stays, is no matter. */
	return rc == WP_OK && !spot->is_there ? find_owner(spot, err) : rc;
}

enum wp_err wp_secret_set_fits(const struct wp_secret_set *set,
			       struct wp_faults *faults, struct wp_error *err)
{
	struct wp_error why = { 0 };
	enum wp_err rc = WP_OK;

	for (size_t i = 0; i < set->n; i++) {
		struct spot spot;
		enum wp_err one = find(&spot, &set->items[i], &why);

		wp_faults_note(faults, one, &why, &rc, err);
		spot_close(&spot);
	}
	return rc;
}

/* ---- putting it there ---- */

/* false: errno says why */
static bool fill(const struct spot *spot, int fd)
{
	const struct wp_secret_item *item = spot->item;

	/* Its owner last: until then it is ours alone. */
	return (item->is_folder ||
		wp_files_write_all(fd, item->data.data, item->data.len)) &&
	       fchown(fd, spot->uid, spot->gid) == 0 &&
	       fchmod(fd, item->mode) == 0 && fsync(fd) == 0;
}

static int make_half(const struct spot *spot)
{
	if (!spot->item->is_folder)
		return openat(spot->folder, spot->half,
			      O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW |
				      O_CLOEXEC,
			      HALF_MODE);
	if (mkdirat(spot->folder, spot->half, HALF_FOLDER_MODE) == -1)
		return -1;
	return openat(spot->folder, spot->half,
		      O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
}

static enum wp_err put(const struct spot *spot, struct wp_error *err)
{
	const char *path = spot->item->path;
	int how = spot->item->is_folder ? AT_REMOVEDIR : 0;
	int fd = make_half(spot);
	enum wp_err rc;

	if (fd == -1)
		return wp_error_sys(err, "%.200s.restore", path);
	rc = fill(spot, fd) ? wp_files_move_in(spot->folder, spot->half,
					       spot->name, err)
			    : wp_error_sys(err, "%.200s.restore", path);
	if (rc == WP_OK && fsync(spot->folder) == -1)
		rc = wp_error_sys(err, "%.200s", path);
	else if (rc != WP_OK)
		(void)unlinkat(spot->folder, spot->half, how);
	(void)close(fd);
	return rc;
}

static enum wp_err put_one(const struct wp_secret_item *item, size_t *n,
			   struct wp_error *err)
{
	struct spot spot;
	enum wp_err rc = find(&spot, item, err);

	if (rc == WP_OK && !spot.is_there) {
		rc = spot.folder != -1
			     ? put(&spot, err)
			     : wp_error_set(err, WP_ERR_CONFLICT,
					    "%.150s: its folder is gone",
					    item->path);
		*n += !item->is_folder;
	}
	spot_close(&spot);
	return rc;
}

enum wp_err wp_secret_set_put(const struct wp_secret_set *set, size_t *n_out,
			      struct wp_error *err)
{
	enum wp_err rc = WP_OK;

	*n_out = 0;
	for (size_t i = 0; rc == WP_OK && i < set->n; i++)
		rc = put_one(&set->items[i], n_out, err);
	return rc;
}
