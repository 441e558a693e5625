/*
 * json_out.c - JSON that an operator's programs read, by json-c.
 */
#include "tools/waypost/cli/json_out.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "lib/base/clock.h"

/* The last millisecond that RFC 3339 can say. */
#define END_OF_TIME_MS INT64_C(253402300799999)

struct json_object *wp_cli_text(const char *text, size_t len)
{
	struct json_object *object = NULL;
	struct wp_buf json;

	/* Ours makes UTF-8 of anything; json-c takes bytes as they are. */
	wp_buf_init(&json, 0);
	wp_buf_add_json(&json, text, len);
	if (!json.failed)
		object = json_tokener_parse(json.data);
	wp_buf_release(&json);
	return object;
}

static void give_up(struct json_object **object)
{
	json_object_put(*object);
	*object = NULL;
}

void wp_cli_add(struct json_object **object, const char *name,
		struct json_object *value)
{
	if (value == NULL)
		give_up(object);
	if (*object != NULL &&
	    json_object_object_add(*object, name, value) == 0)
		return;
	json_object_put(value);
	give_up(object);
}

void wp_cli_add_text(struct json_object **object, const char *name,
		     const char *text)
{
	if (text[0] != '\0')
		wp_cli_add(object, name, wp_cli_text(text, strlen(text)));
	else if (*object != NULL && /* json-c's null is no object */
		 json_object_object_add(*object, name, NULL) != 0)
		give_up(object);
}

void wp_cli_add_int(struct json_object **object, const char *name, int64_t n)
{
	wp_cli_add(object, name, json_object_new_int64(n));
}

void wp_cli_add_bool(struct json_object **object, const char *name, bool is)
{
	wp_cli_add(object, name, json_object_new_boolean(is));
}

void wp_cli_add_time(struct json_object **object, const char *name,
		     int64_t at_ms)
{
	char text[WP_RFC3339_LEN] = "";

	if (at_ms > 0 && at_ms <= END_OF_TIME_MS)
		wp_rfc3339(at_ms, text);
	wp_cli_add_text(object, name, text);
}

void wp_cli_append(struct json_object **array, struct json_object *value)
{
	if (value == NULL)
		give_up(array);
	if (*array != NULL && json_object_array_add(*array, value) == 0)
		return;
	json_object_put(value);
	give_up(array);
}

/*
 * Does text say all of object? json-c leaves out what it has no memory for, and
 * goes on.
 */
static bool is_whole(const char *text, struct json_object *object)
{
	struct json_object *read = json_tokener_parse(text);
	bool is_same = read != NULL && json_object_equal(read, object) != 0;

	json_object_put(read);
	return is_same;
}

void wp_cli_put_object(struct wp_buf *out, struct json_object **object)
{
	const char *text = NULL;

	if (*object != NULL)
		text = json_object_to_json_string_ext(
			*object, JSON_C_TO_STRING_PLAIN |
					 JSON_C_TO_STRING_NOSLASHESCAPE);
	if (text != NULL && is_whole(text, *object))
		wp_buf_add_str(out, text);
	else
		out->failed = true;
	give_up(object);
}

enum wp_err wp_cli_put_out(struct wp_buf *out, struct wp_error *err)
{
	enum wp_err rc = WP_OK;

	if (out->failed)
		rc = wp_error_set(err, WP_ERR_NOMEM, "out of memory");
	else if (out->len > 0 &&
		 fwrite(out->data, 1, out->len, stdout) != out->len)
		rc = wp_error_sys(err, "standard output");
	wp_buf_release(out);
	return rc;
}
