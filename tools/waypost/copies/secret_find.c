/*
 * secret_find.c - from the names in the settings to a set with everything.
 *
 * Owner and mode are those of the file that was opened. So whoever may replace
 * a file by a link to one that he cannot read gains nothing: it comes back with
 * the rights of what it was.
 */
#include "tools/waypost/copies/secret_find.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/auth/signing.h"
#include "lib/sys/conf_files.h"
#include "lib/sys/folder.h"
#include "tools/waypost/copies/files.h"

/* The environment of the units that we ship; it is there or not. */
static const char units_env[] = "/etc/default/waypost";

/* What is being made. */
struct taking {
	struct wp_secret_set *set;
	struct wp_copy_set *copy;
	int flags; /* O_NOFOLLOW, or nothing */
};

static enum wp_err no_memory(struct wp_error *err)
{
	return wp_error_set(err, WP_ERR_NOMEM, "out of memory");
}

/* ---- names ---- */

static enum wp_err hear(void *ctx, const struct wp_conf_file *file,
			struct wp_error *err)
{
	struct wp_secret_names *names = ctx;
	struct wp_secret_name *name = &names->items[names->n];

	if (names->n == WP_SECRET_NAMES_MAX)
		return wp_error_set(err, WP_ERR_FULL,
				    "settings name more files than fit into a "
				    "copy");
	*name = (struct wp_secret_name){ .key = file->key };
	if (file->path != NULL) {
		name->path = strdup(file->path);
		if (name->path == NULL)
			return no_memory(err);
	}
	names->n++;
	return WP_OK;
}

enum wp_err wp_secret_names_look(void *ctx, const struct wp_conf_load *load,
				 struct wp_error *err)
{
	return wp_conf_files(load, hear, ctx, err);
}

void wp_secret_names_release(struct wp_secret_names *names)
{
	for (size_t i = 0; i < names->n; i++)
		free(names->items[i].path);
	names->n = 0;
}

static bool names_key(const struct wp_secret_names *names, const char *key)
{
	for (size_t i = 0; i < names->n; i++)
		if (strcmp(names->items[i].key, key) == 0)
			return true;
	return false;
}

/* ---- files ---- */

/* Each once. */
static void note_missing(struct wp_copy_set *copy, const char *key)
{
	for (size_t i = 0; i < copy->n_missing; i++)
		if (strcmp(copy->missing[i], key) == 0)
			return;
	if (copy->n_missing < WP_COPY_MISSING_MAX)
		copy->missing[copy->n_missing++] = key;
}

static enum wp_err read_all(int fd, const char *path, struct wp_buf *out,
			    struct wp_error *err)
{
	char *at = wp_buf_reserve(out, WP_SECRET_FILE_MAX);
	ssize_t n = 1;

	if (at == NULL)
		return no_memory(err);
	while (n > 0 && out->len < WP_SECRET_FILE_MAX) {
		n = read(fd, at + out->len, WP_SECRET_FILE_MAX - out->len);
		if (n == -1 && errno == EINTR)
			n = 1;
		else if (n == -1)
			return wp_error_sys(err, "%.200s", path);
		else
			out->len += (size_t)n;
	}
	return WP_OK;
}

static enum wp_err take_open(const struct taking *to, int fd, const char *key,
			     const char *path, struct wp_error *err)
{
	struct wp_secret_item *item;
	struct stat st;
	enum wp_err rc;

	if (fstat(fd, &st) == -1)
		return wp_error_sys(err, "%.200s", path);
	if (!S_ISREG(st.st_mode))
		return wp_error_set(err, WP_ERR_INVAL,
				    "%s: %.180s is no plain file", key, path);
	if (wp_secret_set_has(to->set, path))
		return WP_OK;
	/* Such as a list of passwords, which is nobody's secret. */
	if (st.st_size >= WP_SECRET_FILE_MAX) {
		note_missing(to->copy, key);
		return WP_OK;
	}
	rc = wp_secret_set_add(to->set, path, &st, &item, err);
	return rc == WP_OK ? read_all(fd, path, &item->data, err) : rc;
}

static enum wp_err take_file(const struct taking *to, const char *key,
			     const char *name, struct wp_error *err)
{
	char *path = wp_secret_path(name);
	enum wp_err rc;
	int fd;

	if (path == NULL)
		return wp_error_set(err, WP_ERR_INVAL,
				    "%s: a path that is put back has no .. and "
				    "only printable characters of ASCII",
				    key);
	fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC | to->flags);
	if (fd == -1)
		rc = wp_error_set(err, WP_ERR_INVAL, "%s: %.150s: %s", key,
				  path, strerror(errno));
	else
		rc = take_open(to, fd, key, path, err);
	if (fd != -1)
		(void)close(fd);
	free(path);
	return rc;
}

/* ---- all of them ---- */

static enum wp_err take_named(const struct taking *to,
			      const struct wp_secret_names *names,
			      struct wp_error *err)
{
	enum wp_err rc = WP_OK;

	for (size_t i = 0; rc == WP_OK && i < names->n; i++) {
		const struct wp_secret_name *name = &names->items[i];

		if (name->path == NULL)
			note_missing(to->copy, name->key);
		else
			rc = take_file(to, name->key, name->path, err);
	}
	if (rc == WP_OK && access(units_env, F_OK) == 0)
		rc = take_file(to, "the environment of units", units_env, err);
	return rc;
}

static enum wp_err take_ring(const struct taking *to, const char *dir,
			     const struct wp_signing_ring *ring,
			     struct wp_error *err)
{
	enum wp_err rc = WP_OK;

	for (size_t i = 0; rc == WP_OK && i < ring->n; i++) {
		char name[WP_SIGNING_NAME_MAX];
		char *path;

		wp_signing_name(&ring->keys[i], name);
		path = wp_files_path(dir, name);
		rc = path != NULL ? take_file(to, "auth.key_dir", path, err)
				  : no_memory(err);
		free(path);
	}
	return rc;
}

/* Keys that we sign with; those of others are fetched again. */
static enum wp_err take_signing(const struct taking *to, const char *dir,
				struct wp_error *err)
{
	int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct wp_signing_ring ring;
	enum wp_err rc;

	if (fd == -1)
		return wp_error_set(err, WP_ERR_INVAL,
				    "auth.key_dir: %.150s: "
				    "%s",
				    dir, strerror(errno));
	rc = wp_signing_read(&ring, fd, err);
	(void)close(fd);
	return rc == WP_OK ? take_ring(to, dir, &ring, err) : rc;
}

enum wp_err wp_secret_take(const struct wp_conf *conf,
			   const struct wp_secret_names *names,
			   const char *folder, struct wp_copy_set *copy,
			   struct wp_error *err)
{
	struct taking to = { .set = wp_secret_set_new(), .copy = copy };
	enum wp_err rc;

	rc = to.set == NULL ? no_memory(err) : take_named(&to, names, err);
	/* Who runs the programs writes there, and must not lead us. */
	to.flags = O_NOFOLLOW;
	if (rc == WP_OK && conf->accounts.enabled)
		rc = take_signing(&to, conf->auth.key_dir, err);
	if (!names_key(names, "auth.store_secret"))
		note_missing(copy, "auth.store_secret");
	if (rc == WP_OK)
		rc = wp_secret_set_write(to.set, folder, err);
	if (rc == WP_OK)
		rc = wp_copy_add(copy, folder, WP_COPY_SECRETS, err);
	wp_secret_set_free(&to.set);
	return rc;
}
