/*
 * conf_file.c - files that an operator names: the configuration, and secrets
 * that stand in a file of their own.
 *
 * Knows descriptors, bounds, and who may read a secret. What it read of one is
 * zeroed before the memory is given back.
 */
#include "lib/sys/conf_section.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/base/random.h"
#include "lib/base/secret_text.h"

enum {
	FILE_MAX_BYTES = 1024 * 1024,
	SECRET_MAX_BYTES = 16 * 1024,
	TOO_OPEN = 0027,
	KEPT_BYTES = 32, /* of a secret that is made here */
};

/*
 * Append all that fd gives to out, in one piece of memory.
 *
 * Errors:  WP_ERR_FULL   there are more than max_bytes
 *          WP_ERR_NOMEM, WP_ERR_SYS (errno says which way)
 */
static enum wp_err slurp(int fd, size_t max_bytes, struct wp_buf *out)
{
	/*
	 * All room at once: a buffer that grows leaves copies of a secret
	 * behind. One byte more tells "all of it" from "too much".
	 */
	size_t room = max_bytes + 1;
	char *at = wp_buf_reserve(out, room);
	size_t used = 0;

	if (at == NULL)
		return WP_ERR_NOMEM;
	while (used < room) {
		ssize_t n = read(fd, at + used, room - used);

		if (n == -1 && errno == EINTR)
			continue;
		if (n == -1)
			return WP_ERR_SYS;
		if (n == 0)
			break;
		used += (size_t)n;
		out->len += (size_t)n;
	}
	if (used == room)
		return WP_ERR_FULL;
	at[used] = '\0';
	return WP_OK;
}

void wp_conf_read_file(struct wp_conf_load *load, const char *path,
		       enum wp_err *rc, struct wp_error *err)
{
	struct wp_error why = { 0 };
	int failed = 0;
	struct wp_buf text;
	enum wp_err one;
	int fd;

	wp_buf_init(&text, 0);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	one = fd == -1 ? WP_ERR_SYS : slurp(fd, FILE_MAX_BYTES, &text);
	failed = errno;
	if (one == WP_ERR_SYS)
		load->conf->file_errno = failed;
	if (one == WP_OK) {
		/* It has noted all there is. */
		*rc = wp_conf_read_yaml(load, path, text.data, text.len, err);
		goto out;
	}
	if (one == WP_ERR_FULL)
		one = wp_error_set(&why, WP_ERR_INVAL,
				   "%s: must not be over 1 MiB", path);
	else if (one == WP_ERR_SYS)
		one = wp_error_set(&why, WP_ERR_INVAL, "%s: cannot be read: %s",
				   path, strerror(failed));
	else
		wp_error_set(&why, one, "out of memory");
	why.sys_errno = load->conf->file_errno;
	wp_faults_note(load->conf->faults, one, &why, rc, err);
out:
	if (fd != -1)
		close(fd);
	wp_buf_release(&text);
}

/* ---- secrets ---- */

static enum wp_err bad(const struct wp_conf_key *key, const char *sentence,
		       struct wp_error *err)
{
	return wp_error_set(err, WP_ERR_INVAL, "%s_file: the file %s",
			    key->name, sentence);
}

/* Turn what a file held into the secret's text. */
static enum wp_err take_text(struct wp_conf *conf,
			     const struct wp_conf_key *key, struct wp_buf *file,
			     struct wp_error *err)
{
	char *text = file->data;
	size_t len = file->len;
	const char *fault = wp_secret_text_trim(text, &len);
	struct wp_error why;
	enum wp_err rc;

	if (fault != NULL)
		return bad(key, fault, err);
	text[len] = '\0';
	rc = wp_conf_set(conf, key, text, &why);
	if (rc != WP_OK)
		return wp_error_set(err, rc, "%s_file: %s", key->name, why.msg);
	return WP_OK;
}

static enum wp_err cannot_read(const struct wp_conf_key *key, const char *path,
			       struct wp_error *err)
{
	int failed = errno;

	(void)wp_error_set(err, WP_ERR_INVAL, "%s_file: %s cannot be read: %s",
			   key->name, path, strerror(failed));
	err->sys_errno = failed;
	return WP_ERR_INVAL;
}

/* Read the open file; path is for sentences. */
static enum wp_err read_open(struct wp_conf *conf,
			     const struct wp_conf_key *key, const char *path,
			     int fd, struct wp_error *err)
{
	struct wp_buf text;
	enum wp_err rc;
	struct stat st;

	if (fstat(fd, &st) == -1)
		return cannot_read(key, path, err);
	if (conf->run_mode == WP_RUN_PRODUCTION && (st.st_mode & TOO_OPEN) != 0)
		return wp_error_set(err, WP_ERR_INVAL,
				    "%s_file: %s must not be open to others; "
				    "chmod it to 0640 or less",
				    key->name, path);
	wp_buf_init(&text, 0);
	rc = slurp(fd, SECRET_MAX_BYTES, &text);
	if (rc == WP_OK)
		rc = take_text(conf, key, &text, err);
	else if (rc == WP_ERR_FULL)
		rc = bad(key, "must not be over 16 KiB", err);
	else if (rc == WP_ERR_SYS)
		rc = cannot_read(key, path, err);
	else
		wp_error_set(err, rc, "out of memory");
	if (text.data != NULL)
		explicit_bzero(text.data, text.len);
	wp_buf_release(&text);
	return rc;
}

static enum wp_err read_secret(struct wp_conf *conf,
			       const struct wp_conf_key *key, const char *path,
			       struct wp_error *err)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	enum wp_err rc;

	if (fd == -1)
		return cannot_read(key, path, err);
	rc = read_open(conf, key, path, fd, err);
	close(fd);
	return rc;
}

void wp_conf_read_secrets(struct wp_conf_load *load, enum wp_err *rc,
			  struct wp_error *err)
{
	struct wp_error why = { 0 };

	for (size_t i = 0; i < load->n; i++) {
		struct wp_conf_entry *entry = &load->entries[i];
		const char *path = entry->secret_path;
		enum wp_err one;

		/* Who does not use it may not be allowed to read it either. */
		if (path == NULL || path[0] == '\0' || entry->is_set ||
		    !entry->is_used)
			continue;
		one = read_secret(load->conf, entry->key, path, &why);
		wp_faults_note(load->conf->faults, one, &why, rc, err);
		entry->is_set = one == WP_OK;
		/* Without its password Redis would complain of another one. */
		load->conf->is_read &=
			one == WP_OK ||
			strncmp(entry->key->name, "redis.", 6) != 0;
	}
}

static enum wp_err cannot_keep(const char *path, struct wp_error *err)
{
	return wp_error_set(err, WP_ERR_INVAL,
			    "auth.store_secret: %.140s cannot be made: %s; set "
			    "STORE_SECRET",
			    path, strerror(errno));
}

/* Write a new secret to a file of no name yet; -1 and errno when that fails. */
static int write_new_secret(const char *path)
{
	char text[2 * KEPT_BYTES + 2];
	int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	ssize_t len;
	int saved;

	if (fd == -1)
		return -1;
	wp_random_hex(text, KEPT_BYTES);
	text[sizeof(text) - 2] = '\n';
	len = write(fd, text, sizeof(text) - 1);
	saved = len == -1 ? errno : ENOSPC;
	explicit_bzero(text, sizeof(text));
	if (len == sizeof(text) - 1 && fsync(fd) == 0) {
		close(fd);
		return 0;
	}
	close(fd);
	(void)unlink(path);
	errno = saved;
	return -1;
}

/*
 * Make the file, whole or not at all: of several programs that start at once
 * one gives it its name, and all read that one.
 */
static enum wp_err make_secret(const char *path, struct wp_error *err)
{
	char suffix[2 * 8 + 1];
	enum wp_err rc = WP_OK;
	struct wp_buf own;

	wp_random_hex(suffix, 8);
	wp_buf_init(&own, 0);
	wp_buf_printf(&own, "%s.%s", path, suffix);
	if (own.failed)
		rc = wp_error_set(err, WP_ERR_NOMEM, "out of memory");
	else if (write_new_secret(own.data) == -1 ||
		 (link(own.data, path) == -1 && errno != EEXIST))
		rc = cannot_keep(path, err);
	if (!own.failed)
		(void)unlink(own.data);
	wp_buf_release(&own);
	return rc;
}

static const struct wp_conf_key *find_store_secret(const struct wp_conf *conf)
{
	const struct wp_conf_key *key = NULL;

	for (size_t i = 0; (key = wp_conf_key_at(conf->known, i)) != NULL; i++)
		if (strcmp(key->name, "auth.store_secret") == 0)
			break;
	return key;
}

enum wp_err wp_conf_find_kept(const struct wp_conf *conf, struct wp_buf *out,
			      struct wp_error *err)
{
	if (conf->run_mode != WP_RUN_LOCAL ||
	    conf->auth.store_secret[0] != '\0')
		return WP_OK;
	wp_buf_printf(out, "%s-secret", conf->store.sqlite_path);
	return out->failed ? wp_error_set(err, WP_ERR_NOMEM, "out of memory")
			   : WP_OK;
}

/* Make it if it is not there, where that may be, and read it. */
static enum wp_err keep(struct wp_conf *conf, bool may_make,
			struct wp_error *err)
{
	bool is_there = false;
	struct wp_buf path;
	enum wp_err rc;

	wp_buf_init(&path, 0);
	rc = wp_conf_find_kept(conf, &path, err);
	if (rc != WP_OK || path.len == 0)
		goto out;
	is_there = access(path.data, F_OK) == 0;
	if (!is_there && may_make)
		rc = make_secret(path.data, err);
	if (rc == WP_OK && (is_there || may_make))
		rc = read_secret(conf, find_store_secret(conf), path.data, err);
out:
	wp_buf_release(&path);
	return rc;
}

enum wp_err wp_conf_read_kept_secret(struct wp_conf *conf, struct wp_error *err)
{
	return keep(conf, false, err);
}

enum wp_err wp_conf_keep_store_secret(struct wp_conf *conf,
				      struct wp_error *err)
{
	return keep(conf, true, err);
}
