/*
 * copy_set.c - files with their sums, and the manifest around them.
 *
 * The sums are for what happens to a copy later; what a copy was made of is
 * looked at by those who know it: SQLite's own check, and that of Redis
 * (redis_copy.c).
 */
#include "tools/waypost/copies/copy_set.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <json-c/json.h>

#include "lib/base/digest.h"
#include "lib/base/encode.h"
#include "lib/sys/folder.h"
#include "tools/waypost/cli/json_out.h"
#include "tools/waypost/copies/files.h"

enum { FORMAT = 1, MODE = 0600, MANIFEST_MAX = 65536 };

static enum wp_err no_memory(struct wp_error *err)
{
	return wp_error_set(err, WP_ERR_NOMEM, "out of memory");
}

/* ---- a file ---- */

/* must_last: have it on the disk first. */
static enum wp_err measure(struct wp_copy_file *file, const char *folder,
			   bool must_last, struct wp_error *err)
{
	uint8_t sum[WP_SHA256_LEN];
	char *path = wp_files_path(folder, file->name);
	enum wp_err rc = WP_OK;
	int fd = -1;

	if (path == NULL)
		return no_memory(err);
	fd = open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	if (fd == -1 || (must_last && fsync(fd) == -1) ||
	    !wp_sha256_file(fd, &file->bytes, sum))
		rc = wp_error_sys(err, "%.200s", path);
	else
		wp_hex_write(file->sha256, sum, sizeof(sum));
	if (fd != -1)
		(void)close(fd);
	free(path);
	return rc;
}

enum wp_err wp_copy_add(struct wp_copy_set *set, const char *folder,
			const char *name, struct wp_error *err)
{
	struct wp_copy_file *file = &set->files[set->n];

	(void)snprintf(file->name, sizeof(file->name), "%s", name);
	set->n++;
	return measure(file, folder, true, err);
}

/* ---- writing the manifest ---- */

static struct json_object *number(int64_t value)
{
	return json_object_new_int64(value);
}

static struct json_object *file_object(const struct wp_copy_file *file)
{
	struct json_object *object = json_object_new_object();

	wp_cli_add_text(&object, "name", file->name);
	wp_cli_add(&object, "bytes", number(file->bytes));
	wp_cli_add_text(&object, "sha256", file->sha256);
	return object;
}

static struct json_object *files_object(const struct wp_copy_set *set)
{
	struct json_object *list = json_object_new_array();

	for (size_t i = 0; list != NULL && i < set->n; i++) {
		struct json_object *file = file_object(&set->files[i]);

		if (file != NULL && json_object_array_add(list, file) == 0)
			continue;
		json_object_put(file);
		json_object_put(list);
		list = NULL;
	}
	return list;
}

static struct json_object *missing_object(const struct wp_copy_set *set)
{
	struct json_object *list = json_object_new_array();

	for (size_t i = 0; i < set->n_missing; i++)
		wp_cli_append(&list, wp_cli_text(set->missing[i],
						 strlen(set->missing[i])));
	return list;
}

static struct json_object *set_object(const struct wp_copy_set *set)
{
	struct json_object *object = json_object_new_object();

	wp_cli_add(&object, "format", number(FORMAT));
	wp_cli_add_text(&object, "waypost", set->version);
	wp_cli_add_text(&object, "began", set->began);
	wp_cli_add_text(&object, "runId", set->run_id);
	wp_cli_add(&object, "layout", number(set->layout));
	wp_cli_add(&object, "partitions", number(set->partitions));
	wp_cli_add(&object, "keys", number(set->keys));
	wp_cli_add(&object, "expires", number(set->expires));
	wp_cli_add_text(&object, "store", set->store);
	wp_cli_add_text(&object, "accounts", set->accounts);
	wp_cli_add(&object, "files", files_object(set));
	wp_cli_add(&object, "notInIt", missing_object(set));
	return object;
}

enum wp_err wp_copy_finish(const struct wp_copy_set *set, const char *folder,
			   struct wp_error *err)
{
	struct json_object *object = set_object(set);
	struct wp_folder where = WP_FOLDER_NONE;
	struct wp_buf text;
	enum wp_err rc;

	wp_buf_init(&text, 0);
	wp_cli_put_object(&text, &object);
	wp_buf_add_char(&text, '\n');
	rc = text.failed ? no_memory(err) : wp_folder_open(&where, folder, err);
	if (rc == WP_OK) {
		const struct wp_folder_write manifest = {
			.name = WP_COPY_MANIFEST,
			.mode = MODE,
			.data = text.data,
			.len = text.len,
		};

		/* Brings the names of the other files to the disk as well. */
		rc = wp_folder_write(&where, &manifest, err);
	}
	wp_folder_close(&where);
	wp_buf_release(&text);
	return rc;
}

/* ---- reading it ---- */

/* Names, numbers and times: what goes to a terminal later. */
static bool is_plain(const char *text)
{
	for (; *text != '\0'; text++)
		if (*text < ' ' || *text > '~')
			return false;
	return true;
}

static bool read_text(struct json_object *object, const char *name, char *out,
		      size_t room)
{
	struct json_object *value;
	const char *text;

	if (!json_object_object_get_ex(object, name, &value))
		return false;
	text = value != NULL ? json_object_get_string(value) : "";
	if (text == NULL || strlen(text) >= room || !is_plain(text))
		return false;
	memcpy(out, text, strlen(text) + 1);
	return true;
}

static bool read_number(struct json_object *object, const char *name,
			int64_t *out)
{
	struct json_object *value;

	if (!json_object_object_get_ex(object, name, &value) ||
	    !json_object_is_type(value, json_type_int))
		return false;
	*out = json_object_get_int64(value);
	return *out >= 0;
}

/* A bit for each file that a copy may have; 0: it is none of them. */
enum { HAS_REDIS = 1, HAS_STORE = 2, HAS_ACCOUNTS = 4, HAS_SECRETS = 8 };

static unsigned int bit_of(const char *name)
{
	if (strcmp(name, WP_COPY_REDIS) == 0)
		return HAS_REDIS;
	if (strcmp(name, WP_COPY_STORE) == 0)
		return HAS_STORE;
	if (strcmp(name, WP_COPY_SECRETS) == 0)
		return HAS_SECRETS;
	return strcmp(name, WP_COPY_ACCOUNTS) == 0 ? HAS_ACCOUNTS : 0;
}

static bool read_files(struct json_object *object, struct wp_copy_set *out)
{
	unsigned int wanted = HAS_REDIS | HAS_STORE | HAS_SECRETS |
			      (out->accounts[0] != '\0' ? HAS_ACCOUNTS : 0U);
	struct json_object *list;

	if (!json_object_object_get_ex(object, "files", &list) ||
	    !json_object_is_type(list, json_type_array) ||
	    json_object_array_length(list) > WP_COPY_FILES_MAX)
		return false;
	out->n = json_object_array_length(list);
	for (size_t i = 0; i < out->n; i++) {
		struct json_object *row = json_object_array_get_idx(list, i);
		struct wp_copy_file *file = &out->files[i];

		if (!read_text(row, "name", file->name, sizeof(file->name)) ||
		    (wanted & bit_of(file->name)) == 0 ||
		    !read_number(row, "bytes", &file->bytes) ||
		    !read_text(row, "sha256", file->sha256,
			       sizeof(file->sha256)))
			return false;
		wanted &= ~bit_of(file->name); /* each once */
	}
	return (wanted & ~(unsigned int)HAS_SECRETS) == 0;
}

static bool read_set(struct json_object *object, struct wp_copy_set *out)
{
	int64_t format;

	return read_number(object, "format", &format) && format == FORMAT &&
	       read_text(object, "waypost", out->version,
			 sizeof(out->version)) &&
	       read_text(object, "began", out->began, sizeof(out->began)) &&
	       read_text(object, "runId", out->run_id, sizeof(out->run_id)) &&
	       read_number(object, "layout", &out->layout) &&
	       read_number(object, "partitions", &out->partitions) &&
	       read_number(object, "keys", &out->keys) &&
	       read_number(object, "expires", &out->expires) &&
	       read_text(object, "store", out->store, sizeof(out->store)) &&
	       read_text(object, "accounts", out->accounts,
			 sizeof(out->accounts)) &&
	       read_files(object, out);
}

/* All of a file that is not longer than it may be. */
static enum wp_err load_open(int fd, const char *path, struct wp_buf *text,
			     struct wp_error *err)
{
	char *room = wp_buf_reserve(text, MANIFEST_MAX + 1);
	ssize_t n;

	if (room == NULL)
		return no_memory(err);
	n = read(fd, room, MANIFEST_MAX);
	if (n == -1)
		return wp_error_sys(err, "%.200s", path);
	room[n] = '\0';
	text->len += (size_t)n;
	return WP_OK;
}

static enum wp_err load(const char *folder, struct wp_buf *text,
			struct wp_error *err)
{
	char *path = wp_files_path(folder, WP_COPY_MANIFEST);
	enum wp_err rc;
	int fd;

	if (path == NULL)
		return no_memory(err);
	fd = open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	if (fd != -1)
		rc = load_open(fd, path, text, err);
	else if (errno == ENOENT)
		rc = wp_error_set(err, WP_ERR_NOTFOUND,
				  "%.180s is no whole copy: it has no "
				  "" WP_COPY_MANIFEST,
				  folder);
	else
		rc = wp_error_sys(err, "%.200s", path);
	if (fd != -1)
		(void)close(fd);
	free(path);
	return rc;
}

enum wp_err wp_copy_read(struct wp_copy_set *out, const char *folder,
			 struct wp_error *err)
{
	struct json_object *object = NULL;
	struct wp_buf text;
	enum wp_err rc;

	*out = (struct wp_copy_set){ .n = 0 };
	wp_buf_init(&text, 0);
	rc = load(folder, &text, err);
	if (rc == WP_OK) {
		object = text.len > 0 ? json_tokener_parse(text.data) : NULL;
		if (!json_object_is_type(object, json_type_object) ||
		    !read_set(object, out))
			rc = wp_error_set(err, WP_ERR_INVAL,
					  "%.150s/" WP_COPY_MANIFEST
					  " is none that this Waypost "
					  "understands",
					  folder);
	}
	json_object_put(object);
	wp_buf_release(&text);
	return rc;
}

/* ---- is it whole? ---- */

static enum wp_err compare(const struct wp_copy_file *file, const char *folder,
			   struct wp_error *err)
{
	struct wp_copy_file now = *file;
	enum wp_err rc = measure(&now, folder, false, err);

	if (rc == WP_OK &&
	    (now.bytes != file->bytes || strcmp(now.sha256, file->sha256) != 0))
		rc = wp_error_set(err, WP_ERR_INVAL,
				  "%.180s/%s is not what it was when it was "
				  "copied",
				  folder, file->name);
	return rc;
}

static const struct wp_copy_file *find(const struct wp_copy_set *set,
				       const char *name)
{
	for (size_t i = 0; i < set->n; i++)
		if (strcmp(set->files[i].name, name) == 0)
			return &set->files[i];
	return NULL;
}

static enum wp_err check_store(const struct wp_copy_set *set, const char *path,
			       const struct wp_conf *conf, struct wp_error *err)
{
	struct wp_store_look look;
	enum wp_err rc = wp_store_verify(&look, conf, path, err);

	if (rc == WP_OK && strcmp(look.id, set->store) != 0)
		rc = wp_error_set(err, WP_ERR_INVAL,
				  "%.180s is not the store of the deployment "
				  "in Redis",
				  path);
	return rc;
}

static enum wp_err check_accounts(const struct wp_copy_set *set,
				  const char *path, struct wp_error *err)
{
	struct wp_accounts_look look;
	enum wp_err rc = wp_accounts_verify(path, err);

	if (rc == WP_OK)
		rc = wp_accounts_look(&look, path, 0, err);
	if (rc == WP_OK && strcmp(look.id, set->accounts) != 0)
		rc = wp_error_set(err, WP_ERR_INVAL,
				  "%.180s is not the file of accounts of the "
				  "deployment in Redis",
				  path);
	return rc;
}

enum wp_err wp_copy_verify(const struct wp_copy_set *set, const char *folder,
			   const struct wp_conf *conf, struct wp_error *err)
{
	enum wp_err rc = WP_OK;

	for (size_t i = 0; rc == WP_OK && i < set->n; i++) {
		const char *name = set->files[i].name;
		char *path = wp_files_path(folder, name);

		if (path == NULL)
			return no_memory(err);
		rc = compare(&set->files[i], folder, err);
		if (rc == WP_OK && strcmp(name, WP_COPY_STORE) == 0)
			rc = check_store(set, path, conf, err);
		if (rc == WP_OK && strcmp(name, WP_COPY_ACCOUNTS) == 0)
			rc = check_accounts(set, path, err);
		free(path);
	}
	return rc;
}

bool wp_copy_has(const struct wp_copy_set *set, const char *name)
{
	return find(set, name) != NULL;
}

enum wp_err wp_copy_compare(const struct wp_copy_set *set, const char *folder,
			    const char *name, struct wp_error *err)
{
	return compare(find(set, name), folder, err);
}

void wp_copy_print(const struct wp_copy_set *set)
{
	for (size_t i = 0; i < set->n; i++)
		printf("%-12s %14" PRId64 " bytes\n", set->files[i].name,
		       set->files[i].bytes);
}
