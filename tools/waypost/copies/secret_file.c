/*
 * secret_file.c - secrets.json: the set as text, and back.
 *
 * It is read on another host, by root, who makes what it says: so its rights
 * are looked at, and nothing in it is taken that a set could not hold.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <json-c/json.h>

#include "lib/base/encode.h"
#include "lib/sys/folder.h"
#include "tools/waypost/copies/copy_set.h"
#include "tools/waypost/copies/secret_set.h"

enum {
	FORMAT = 1,
	MODE = 0600,
	MODE_MAX = 0777,
	TEXT_MAX = 32 << 20, /* of the whole file */
};

static enum wp_err no_memory(struct wp_error *err)
{
	return wp_error_set(err, WP_ERR_NOMEM, "out of memory");
}

static enum wp_err not_understood(const char *folder, struct wp_error *err)
{
	return wp_error_set(err, WP_ERR_INVAL,
			    "%.150s/" WP_COPY_SECRETS
			    " is none that this Waypost understands",
			    folder);
}

/* ---- writing ---- */

static void add_member(struct wp_buf *out, const char *name, const char *text)
{
	wp_buf_printf(out, ",\"%s\":", name);
	wp_buf_add_json(out, text, strlen(text));
}

static void add_item(struct wp_buf *out, const struct wp_secret_item *item)
{
	wp_buf_printf(out, "{\"mode\":%u", (unsigned int)item->mode);
	add_member(out, "path", item->path);
	add_member(out, "owner", item->owner);
	add_member(out, "group", item->group);
	if (!item->is_folder) {
		wp_buf_add_str(out, ",\"base64\":\"");
		wp_buf_add_base64(out, item->data.data, item->data.len);
		wp_buf_add_char(out, '"');
	}
	wp_buf_add_char(out, '}');
}

enum wp_err wp_secret_set_write(const struct wp_secret_set *set,
				const char *folder, struct wp_error *err)
{
	struct wp_folder where = WP_FOLDER_NONE;
	struct wp_buf text;
	enum wp_err rc;

	wp_buf_init(&text, TEXT_MAX);
	text.is_secret = true;
	wp_buf_printf(&text, "{\"format\":%d,\"items\":[", FORMAT);
	for (size_t i = 0; i < set->n; i++) {
		wp_buf_add_str(&text, i > 0 ? ",\n" : "\n");
		add_item(&text, &set->items[i]);
	}
	wp_buf_add_str(&text, "\n]}\n");
	rc = text.failed ? wp_error_set(err, WP_ERR_FULL,
					"settings and secrets have more bytes "
					"than fit into a copy")
			 : wp_folder_open(&where, folder, err);
	if (rc == WP_OK) {
		const struct wp_folder_write file = {
			.name = WP_COPY_SECRETS,
			.mode = MODE,
			.data = text.data,
			.len = text.len,
		};

		rc = wp_folder_write(&where, &file, err);
	}
	wp_folder_close(&where);
	wp_buf_release(&text);
	return rc;
}

/* ---- reading ---- */

/* A text of the object; NULL: it has none of this name. */
static const char *text_of(struct json_object *object, const char *name)
{
	struct json_object *value;
	const char *text;

	if (!json_object_object_get_ex(object, name, &value) ||
	    !json_object_is_type(value, json_type_string))
		return NULL;
	text = json_object_get_string(value);
	/* A NUL within would be the end for everybody else. */
	return strlen(text) == (size_t)json_object_get_string_len(value) ? text
									 : NULL;
}

static bool take_number(struct json_object *object, const char *name,
			int64_t max, int64_t *out)
{
	struct json_object *value;

	if (!json_object_object_get_ex(object, name, &value) ||
	    !json_object_is_type(value, json_type_int))
		return false;
	*out = json_object_get_int64(value);
	return *out >= 0 && *out <= max;
}

/* A name of useradd(8), or a number. */
static bool take_name(struct json_object *object, const char *name,
		      char out[WP_SECRET_NAME_MAX + 1])
{
	static const char chars[] = "abcdefghijklmnopqrstuvwxyz"
				    "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
				    "0123456789._-$";
	const char *text = text_of(object, name);

	if (text == NULL || text[0] == '\0' ||
	    strlen(text) > WP_SECRET_NAME_MAX ||
	    strspn(text, chars) != strlen(text))
		return false;
	memcpy(out, text, strlen(text) + 1);
	return true;
}

/* As wp_secret_path() writes it, below a folder that is there already. */
static bool take_path(const struct wp_secret_set *set,
		      struct json_object *object, char **out)
{
	const char *text = text_of(object, "path");
	char *folder = NULL;
	bool is_sound;

	*out = text != NULL && text[0] == '/' ? wp_secret_path(text) : NULL;
	if (*out == NULL || strcmp(*out, text) != 0 ||
	    wp_secret_set_has(set, *out))
		return false;
	folder = wp_secret_folder_of(*out);
	is_sound = folder != NULL &&
		   (strcmp(folder, "/") == 0 || wp_secret_set_has(set, folder));
	free(folder);
	return is_sound;
}

static bool take_data(struct json_object *object, struct wp_secret_item *item)
{
	const char *text = text_of(object, "base64");
	size_t len = 0;
	char *room;

	item->is_folder = !json_object_object_get_ex(object, "base64", NULL);
	if (item->is_folder)
		return true;
	if (text == NULL)
		return false;
	room = wp_buf_reserve(&item->data,
			      wp_base64_decoded_max(strlen(text)) + 1);
	if (room == NULL || !wp_base64_decode(text, strlen(text), room, &len) ||
	    len > WP_SECRET_FILE_MAX)
		return false;
	item->data.len += len;
	return true;
}

static bool take_item(struct wp_secret_set *set, struct json_object *object)
{
	struct wp_secret_item *item = &set->items[set->n];
	int64_t mode = 0;
	bool is_sound;

	*item = (struct wp_secret_item){ .path = NULL };
	wp_buf_init(&item->data, 0);
	item->data.is_secret = true;
	is_sound = json_object_is_type(object, json_type_object) &&
		   take_path(set, object, &item->path) &&
		   take_name(object, "owner", item->owner) &&
		   take_name(object, "group", item->group) &&
		   take_number(object, "mode", MODE_MAX, &mode) &&
		   take_data(object, item);
	item->mode = (mode_t)mode;
	set->n++; /* also of what is to be freed only */
	return is_sound;
}

static bool take_set(struct wp_secret_set *set, struct json_object *object)
{
	struct json_object *list;
	bool is_sound = true;
	int64_t format;
	size_t n;

	if (!json_object_is_type(object, json_type_object) ||
	    !take_number(object, "format", FORMAT, &format) ||
	    format != FORMAT ||
	    !json_object_object_get_ex(object, "items", &list) ||
	    !json_object_is_type(list, json_type_array))
		return false;
	n = json_object_array_length(list);
	for (size_t i = 0; is_sound && i < n; i++)
		is_sound = i < WP_SECRET_ITEMS_MAX &&
			   take_item(set, json_object_array_get_idx(list, i));
	return is_sound;
}

static enum wp_err load(const char *folder, struct wp_buf *text,
			struct wp_error *err)
{
	static const struct wp_folder_read what = {
		.name = WP_COPY_SECRETS,
		.max_bytes = TEXT_MAX,
		.is_secret = true,
	};
	struct wp_folder where = WP_FOLDER_NONE;
	enum wp_err rc = wp_folder_open(&where, folder, err);

	if (rc == WP_OK)
		rc = wp_folder_read(&where, &what, text, err);
	wp_folder_close(&where);
	return rc;
}

enum wp_err wp_secret_set_read(struct wp_secret_set **out, const char *folder,
			       struct wp_error *err)
{
	struct json_object *object = NULL;
	struct wp_buf text;
	enum wp_err rc;

	wp_buf_init(&text, 0);
	text.is_secret = true;
	*out = wp_secret_set_new();
	rc = *out == NULL ? no_memory(err) : load(folder, &text, err);
	if (rc == WP_OK) {
		wp_buf_add_char(&text, '\0');
		object = text.failed ? NULL : json_tokener_parse(text.data);
		if (!take_set(*out, object))
			rc = not_understood(folder, err);
	}
	json_object_put(object);
	wp_buf_release(&text);
	if (rc != WP_OK)
		wp_secret_set_free(out);
	return rc;
}
