/*
 * letter.h - a dead letter in words and in JSON, as list and show need it.
 */
#ifndef WP_TOOLS_WAYPOST_LETTER_H
#define WP_TOOLS_WAYPOST_LETTER_H

#include <stdint.h>

#include <json-c/json.h>

#include "lib/base/buf.h"
#include "lib/base/clock.h"
#include "lib/base/err.h"
#include "lib/mailbox/dlq.h"
#include "lib/name/msgid.h"

/* The public message id, or "" where the letter has none. */
void wp_cli_msgid_text(const struct wp_dlq_letter *letter,
		       char text[WP_MSGID_LEN + 1]);

/* RFC 3339, or "unknown". */
void wp_cli_time_text(int64_t wall_ms, char text[WP_RFC3339_LEN]);

/* A word of a table, "-" for none, and blanks up to width: what is no printable
 * ASCII becomes '?', for it goes to a terminal. */
void wp_cli_add_word(struct wp_buf *out, const char *text, size_t len,
		     int width);

/*
 * JSON that an operator's programs read. A failure (of memory) sticks: the
 * object becomes NULL, which every call takes, and at last the buffer fails.
 */

/* An object of what every list shows; the caller's. */
struct json_object *wp_cli_object(const struct wp_dlq_letter *letter);

/* A string of these bytes, made UTF-8 where they are not; or NULL. */
struct json_object *wp_cli_text(const char *text, size_t len);

/* Add a member. Takes value; NULL is a failure. */
void wp_cli_add(struct json_object **object, const char *name,
		struct json_object *value);

/* The same for a text; "" is null. */
void wp_cli_add_text(struct json_object **object, const char *name,
		     const char *text);

/* Append its text, on one line, and release it. */
void wp_cli_put_object(struct wp_buf *out, struct json_object **object);

/* Write to standard output and release. Errors: WP_ERR_NOMEM, WP_ERR_SYS. */
enum wp_err wp_cli_put_out(struct wp_buf *out,
			   struct wp_error *err) WP_MUST_USE;

#endif /* WP_TOOLS_WAYPOST_LETTER_H */
