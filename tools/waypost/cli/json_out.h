/*
 * json_out.h - JSON that an operator's programs read, and standard output.
 *
 * A failure (of memory) sticks: the object or array becomes NULL, which every
 * call takes, and at last the buffer fails.
 */
#ifndef WP_TOOLS_WAYPOST_CLI_JSON_OUT_H
#define WP_TOOLS_WAYPOST_CLI_JSON_OUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <json-c/json.h>

#include "lib/base/buf.h"
#include "lib/base/err.h"

/* A string of these bytes, made UTF-8 where they are not; or NULL. */
struct json_object *wp_cli_text(const char *text, size_t len);

/* Add a member. Takes value; NULL is a failure. */
void wp_cli_add(struct json_object **object, const char *name,
		struct json_object *value);

/* The same for a text; "" is null. */
void wp_cli_add_text(struct json_object **object, const char *name,
		     const char *text);

void wp_cli_add_int(struct json_object **object, const char *name, int64_t n);
void wp_cli_add_bool(struct json_object **object, const char *name, bool is);
/* RFC 3339; a time that it cannot say, and 0, is null. */
void wp_cli_add_time(struct json_object **object, const char *name,
		     int64_t at_ms);
/* The same for an element of an array. */
void wp_cli_append(struct json_object **array, struct json_object *value);

/* Append its text, on one line, and release it. */
void wp_cli_put_object(struct wp_buf *out, struct json_object **object);

/* Write to standard output and release. Errors: WP_ERR_NOMEM, WP_ERR_SYS. */
enum wp_err wp_cli_put_out(struct wp_buf *out,
			   struct wp_error *err) WP_MUST_USE;

#endif /* WP_TOOLS_WAYPOST_CLI_JSON_OUT_H */
