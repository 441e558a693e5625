/*
 * apikey_file.c - may this file be trusted, what is in it, and has it changed?
 *
 * A clock of a file system has coarse ticks: a file that was written again
 * within the tick in which it was read would look the same. So one that had
 * just changed when it was read is read once more.
 */
#include "lib/auth/apikey_file.h"

#include <stdlib.h>
#include <string.h>

#include "lib/auth/apikey.h"
#include "lib/base/clock.h"
#include "lib/base/log.h"

enum {
	LOOK_INTERVAL_MS = 1000,
	SETTLED_S = 2, /* longer than a tick of any file system */
	MS_PER_S = 1000,
};

/* What tells one content from another. */
struct stamp {
	dev_t dev;
	ino_t ino;
	off_t size;
	struct timespec changed; /* ctime: moves with content, owner and mode */
	bool is_there;
};

struct wp_apikey_file {
	char *path;              /* owned */
	struct wp_apikeys *keys; /* owned */
	struct stamp seen;       /* when it was read last, in vain or not */
	bool is_settled;         /* what looks as seen is the same */
	bool is_broken;          /* and that was told */
	uint64_t looked_ms;
};

static struct stamp stamp_of(const struct stat *st)
{
	return (struct stamp){
		.dev = st->st_dev,
		.ino = st->st_ino,
		.size = st->st_size,
		.changed = st->st_ctim,
		.is_there = true,
	};
}

static bool is_same(const struct stamp *a, const struct stamp *b)
{
	return a->is_there == b->is_there && a->dev == b->dev &&
	       a->ino == b->ino && a->size == b->size &&
	       a->changed.tv_sec == b->changed.tv_sec &&
	       a->changed.tv_nsec == b->changed.tv_nsec;
}

/* ---- reading ---- */

enum wp_err wp_apikey_file_load(const char *path, enum wp_secret_owner owner,
				struct wp_buf *text, struct stat *st_out,
				struct wp_error *err)
{
	const struct wp_secret_file file = {
		.path = path,
		.owner = owner,
		.max_bytes = WP_APIKEY_FILE_MAX_BYTES,
		.most = "1 MiB",
	};

	return wp_secret_file_read(&file, text, st_out, err);
}

/*
 * Put what is in the file by now in place of the keys.
 *
 * Errors:  as wp_apikey_file_new(); the keys are as before
 */
static enum wp_err read_file(struct wp_apikey_file *file, struct wp_error *err)
{
	struct wp_apikeys *keys = NULL;
	struct wp_error why = { 0 };
	struct stat st = { 0 };
	struct wp_buf text;
	enum wp_err rc;

	wp_buf_init(&text, 0);
	rc = wp_apikey_file_load(file->path, WP_SECRET_OURS, &text, &st, &why);
	if (rc != WP_OK) {
		(void)wp_error_set(err, rc, "%s", why.msg);
		goto out;
	}
	rc = wp_apikeys_new(&keys, &text, &why);
	if (rc != WP_OK) {
		(void)wp_error_set(err, rc, "%s %s", file->path, why.msg);
		goto out;
	}
	wp_apikeys_free(&file->keys);
	file->keys = keys;
out:
	wp_buf_release(&text);
	return rc;
}

/* What the file looks like now. */
static struct stamp look(const struct wp_apikey_file *file)
{
	struct stat st;

	return stat(file->path, &st) == 0 ? stamp_of(&st) : (struct stamp){ 0 };
}

/*
 * As read_file(), and remember what it looked like before: whatever happens to
 * it meanwhile is seen the next time.
 */
static enum wp_err read_and_remember(struct wp_apikey_file *file,
				     const struct stamp *now,
				     struct wp_error *err)
{
	int64_t age_s = wp_wall_ms() / MS_PER_S - now->changed.tv_sec;
	enum wp_err rc = read_file(file, err);

	file->seen = *now;
	/* What failed may have nothing to do with what is in it. */
	file->is_settled = rc == WP_OK && age_s > SETTLED_S;
	return rc;
}

/* ---- while it serves ---- */

static void tell(struct wp_apikey_file *file, enum wp_err rc, bool is_news,
		 const struct wp_error *why)
{
	if (rc != WP_OK && (is_news || !file->is_broken))
		wp_log(NULL, WP_LOG_ERROR,
		       "the file of keys is refused; those of before stay",
		       wp_str("error", why->msg));
	else if (rc == WP_OK && (is_news || file->is_broken))
		wp_log(NULL, WP_LOG_INFO, "the file of keys was read",
		       wp_int("keys", (int64_t)wp_apikeys_count(file->keys)));
	file->is_broken = rc != WP_OK;
}

void wp_apikey_file_look(struct wp_apikey_file *file)
{
	uint64_t now_ms = wp_mono_ms();
	struct wp_error why = { 0 };
	struct stamp now;
	bool is_news;

	if (file->path[0] == '\0' ||
	    now_ms - file->looked_ms < LOOK_INTERVAL_MS)
		return;
	file->looked_ms = now_ms;
	now = look(file);
	is_news = !is_same(&now, &file->seen);
	if (is_news || !file->is_settled)
		tell(file, read_and_remember(file, &now, &why), is_news, &why);
}

/* For who shows a key that is not there: it may have been added just now. */
static bool look_again(struct wp_apikey_file *file)
{
	const struct stamp now = look(file);
	struct wp_error why = { 0 };

	if (file->path[0] == '\0' || is_same(&now, &file->seen))
		return false;
	tell(file, read_and_remember(file, &now, &why), true, &why);
	return true;
}

enum wp_err wp_apikey_file_verify(struct wp_apikey_file *file,
				  const struct wp_token *token, int64_t now_s,
				  struct wp_identity *out, struct wp_error *err)
{
	enum wp_err rc;

	wp_apikey_file_look(file);
	rc = wp_apikeys_verify(file->keys, token, now_s, out, err);
	if (rc == WP_ERR_DENIED && look_again(file))
		rc = wp_apikeys_verify(file->keys, token, now_s, out, err);
	return rc;
}

/* ---- making, freeing ---- */

static enum wp_err begin(struct wp_apikey_file *file, struct wp_error *err)
{
	const struct wp_buf nothing = { .len = 0 };
	struct wp_error why = { 0 };
	struct stamp now;
	enum wp_err rc;

	if (file->path[0] == '\0')
		return wp_apikeys_new(&file->keys, &nothing, err);
	file->looked_ms = wp_mono_ms();
	now = look(file);
	rc = read_and_remember(file, &now, &why);
	if (rc == WP_OK)
		return WP_OK;
	return wp_error_set(err, rc, "auth.api_keys_file: %s", why.msg);
}

enum wp_err wp_apikey_file_new(struct wp_apikey_file **out, const char *path,
			       struct wp_error *err)
{
	struct wp_apikey_file *file = calloc(1, sizeof(*file));
	enum wp_err rc = WP_ERR_NOMEM;

	if (file != NULL)
		file->path = strdup(path);
	if (file == NULL || file->path == NULL)
		(void)wp_error_set(err, rc, "memory is exhausted");
	else
		rc = begin(file, err);
	if (rc == WP_OK) {
		*out = file;
		file = NULL;
	}
	wp_apikey_file_free(&file);
	return rc;
}

void wp_apikey_file_free(struct wp_apikey_file **file)
{
	if (*file == NULL)
		return;
	wp_apikeys_free(&(*file)->keys);
	free((*file)->path);
	free(*file);
	*file = NULL;
}
