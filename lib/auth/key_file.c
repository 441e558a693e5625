/*
 * key_file.c - the file of one issuer: who may have written it, and what is in
 * it.
 */
#include "lib/auth/key_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/base/buf.h"
#include "lib/base/json.h"
#include "lib/sys/issuers.h"

enum { TEXT_MAX = 4096 };

/* Later than the year 9999 nothing was fetched. */
#define FETCHED_MAX_MS INT64_C(253402300799999)

void wp_key_file_name(const char *issuer, char out[WP_KEY_FILE_NAME_MAX + 1])
{
	char id[WP_ISSUER_ID_LEN + 1];

	wp_issuer_id(issuer, id);
	(void)snprintf(out, WP_KEY_FILE_NAME_MAX + 1, "issuer-%s.json", id);
}

char *wp_key_file_path(const struct wp_conf *conf, const char *issuer)
{
	char name[WP_KEY_FILE_NAME_MAX + 1];
	char *path = NULL;

	wp_key_file_name(issuer, name);
	if (asprintf(&path, "%s/%s", conf->auth.key_dir, name) == -1)
		return NULL;
	return path;
}

/* ---- the text ---- */

static enum wp_err refuse(struct wp_error *err, const char *sentence)
{
	return wp_error_set(err, WP_ERR_INVAL, "the file of keys %s", sentence);
}

/*
 * The string that comes next, decoded; a second one of its name is refused, and
 * so is a NUL.
 */
static enum wp_err read_text(struct wp_json *js, char **out,
			     struct wp_error *err)
{
	struct wp_json_slice slice;
	struct wp_buf text;

	if (*out != NULL)
		return refuse(err, "has a member twice");
	if (!wp_json_string(js, &slice))
		return WP_OK; /* js->err says so */
	wp_buf_init(&text, TEXT_MAX);
	wp_buf_add_str(&text, "");
	wp_json_decode(&slice, &text);
	if (!text.failed && memchr(text.data, '\0', text.len) == NULL) {
		*out = text.data;
		return WP_OK;
	}
	wp_buf_release(&text);
	return refuse(err, "has a text that is none");
}

static enum wp_err read_fetched(struct wp_json *js, struct wp_key_file *file,
				struct wp_error *err)
{
	struct wp_json_slice number;

	if (file->fetched_ms != 0)
		return refuse(err, "has a member twice");
	if (wp_json_number(js, &number) &&
	    !wp_json_integer(&number, 1, FETCHED_MAX_MS, &file->fetched_ms))
		return refuse(err, "says no time in fetched_ms");
	return WP_OK;
}

static enum wp_err read_member(struct wp_json *js, struct wp_key_file *file,
			       const struct wp_json_slice *name,
			       struct wp_error *err)
{
	if (wp_json_slice_is(name, "issuer"))
		return read_text(js, &file->issuer, err);
	if (wp_json_slice_is(name, "jwks_uri"))
		return read_text(js, &file->jwks_uri, err);
	if (wp_json_slice_is(name, "etag"))
		return read_text(js, &file->etag, err);
	if (wp_json_slice_is(name, "fetched_ms"))
		return read_fetched(js, file, err);
	(void)wp_json_raw(js, NULL); /* keys are read for themselves */
	return WP_OK;
}

/* What is not said is said by nothing. */
static enum wp_err fill_in(struct wp_key_file *file, struct wp_error *err)
{
	if (file->issuer == NULL || file->fetched_ms == 0)
		return refuse(err, "lacks issuer or fetched_ms");
	if (file->jwks_uri == NULL)
		file->jwks_uri = strdup("");
	if (file->etag == NULL)
		file->etag = strdup("");
	if (file->jwks_uri == NULL || file->etag == NULL)
		return wp_error_set(err, WP_ERR_NOMEM, "out of memory");
	return WP_OK;
}

enum wp_err wp_key_file_parse(struct wp_key_file *out, const char *json,
			      size_t len, struct wp_error *err)
{
	struct wp_json_slice name;
	enum wp_err rc = WP_OK;
	struct wp_json js;

	*out = (struct wp_key_file){ 0 };
	if (len > WP_KEY_FILE_BYTES_MAX)
		return refuse(err, "is too long");
	wp_json_init(&js, json, len);
	wp_json_object_begin(&js);
	while (rc == WP_OK && wp_json_object_next(&js, &name))
		rc = read_member(&js, out, &name, err);
	if (rc != WP_OK)
		return rc;
	wp_json_end(&js);
	if (js.err != NULL)
		return refuse(err, "is no JSON object as it should be");
	rc = fill_in(out, err);
	return rc == WP_OK ? wp_jwks_read(&out->jwks, json, len, err) : rc;
}

void wp_key_file_release(struct wp_key_file *file)
{
	free(file->issuer);
	free(file->jwks_uri);
	free(file->etag);
	wp_jwks_free(&file->jwks);
	*file = (struct wp_key_file){ 0 };
}

/* ---- the file ---- */

static struct wp_key_file_mark mark_of(const struct stat *st)
{
	return (struct wp_key_file_mark){
		.is_there = true,
		.dev = st->st_dev,
		.ino = st->st_ino,
		.size = st->st_size,
		.changed = st->st_ctim,
	};
}

struct wp_key_file_mark wp_key_file_look(const char *path)
{
	struct stat st;

	if (stat(path, &st) == -1)
		return (struct wp_key_file_mark){ 0 };
	return mark_of(&st);
}

bool wp_key_file_is_same(const struct wp_key_file_mark *a,
			 const struct wp_key_file_mark *b)
{
	return a->is_there == b->is_there && a->dev == b->dev &&
	       a->ino == b->ino && a->size == b->size &&
	       a->changed.tv_sec == b->changed.tv_sec &&
	       a->changed.tv_nsec == b->changed.tv_nsec;
}

static enum wp_err judge(const struct stat *st, struct wp_error *err)
{
	if (!S_ISREG(st->st_mode))
		return refuse(err, "is no file");
	if (st->st_uid != geteuid() && st->st_uid != 0)
		return wp_error_set(err, WP_ERR_DENIED,
				    "the file of keys belongs to somebody "
				    "else than this program's user and root");
	if ((st->st_mode & (S_IWGRP | S_IWOTH)) != 0)
		return wp_error_set(err, WP_ERR_DENIED,
				    "the file of keys may be written by its "
				    "group or by others");
	if (st->st_size > WP_KEY_FILE_BYTES_MAX)
		return refuse(err, "is too long");
	return WP_OK;
}

/* All of it: who writes one puts it in place whole. */
static enum wp_err slurp(int fd, size_t size, struct wp_buf *out,
			 struct wp_error *err)
{
	char *room = wp_buf_reserve(out, size + 1);

	if (room == NULL)
		return wp_error_set(err, WP_ERR_NOMEM, "out of memory");
	while (out->len < size) {
		ssize_t n = read(fd, room + out->len, size - out->len);

		if (n == -1 && errno == EINTR)
			continue;
		if (n == -1)
			return wp_error_sys(err, "the file of keys");
		if (n == 0)
			break;
		out->len += (size_t)n;
	}
	return WP_OK;
}

enum wp_err wp_key_file_load(struct wp_key_file *out, const char *path,
			     struct wp_key_file_mark *mark_out,
			     struct wp_error *err)
{
	/* A pipe in its place would let us wait for a writer. */
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	struct wp_buf text;
	enum wp_err rc;
	struct stat st;

	*out = (struct wp_key_file){ 0 };
	*mark_out = (struct wp_key_file_mark){ 0 };
	wp_buf_init(&text, 0);
	if (fd == -1 && (errno == ENOENT || errno == ENOTDIR))
		return wp_error_set(err, WP_ERR_NOTFOUND,
				    "there is no file of keys");
	if (fd == -1 || fstat(fd, &st) == -1) {
		rc = wp_error_sys(err, "the file of keys");
		*mark_out = wp_key_file_look(path);
		goto out;
	}
	*mark_out = mark_of(&st);
	rc = judge(&st, err);
	if (rc == WP_OK)
		rc = slurp(fd, (size_t)st.st_size, &text, err);
	if (rc == WP_OK)
		rc = wp_key_file_parse(out, text.data, text.len, err);
	/* What its keys were read from goes with text. */
	for (size_t i = 0; out->jwks != NULL && i < out->jwks->n; i++)
		out->jwks->keys[i].raw = (struct wp_json_slice){ 0 };
out:
	if (fd != -1)
		close(fd);
	wp_buf_release(&text);
	return rc;
}
