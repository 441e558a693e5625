/*
 * json.h - a strict, bounded JSON reader for bytes from strangers.
 *
 * A pull scanner over memory that the caller keeps: no allocation, no tree, no
 * recursion deeper than WP_JSON_MAX_DEPTH. Strict means RFC 8259: no comments,
 * no trailing commas, no leading zeros, no NaN, valid UTF-8 everywhere, and
 * nothing but white space after the value; and, unless allows_half_pairs,
 * surrogate pairs in escapes that are whole (the grammar does not ask for that,
 * but half a pair is no character).
 *
 * The caller walks objects and arrays itself:
 *
 *	struct wp_json js;
 *	struct wp_json_slice key;
 *
 *	wp_json_init(&js, body, len);
 *	wp_json_object_begin(&js);
 *	while (wp_json_object_next(&js, &key)) {
 *		if (wp_json_slice_is(&key, "type"))
 *			wp_json_string(&js, &type);
 *		else
 *			wp_json_skip(&js, NULL);
 *	}
 *	wp_json_end(&js);
 *	if (js.err != NULL) … js.err is a sentence, js.pos the offset
 *
 * Errors are sticky: after the first one every call returns false at once.
 * Duplicate names are the caller's business (it knows which aliases are one
 * field).
 */
#ifndef WP_LIB_BASE_JSON_H
#define WP_LIB_BASE_JSON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/base/buf.h"
#include "lib/base/err.h"

enum {
	WP_JSON_MAX_DEPTH = 8,
	WP_JSON_RAW_DEPTH = 64, /* see wp_json_raw() */
};

enum wp_json_type {
	WP_JSON_NONE, /* error, or nothing there */
	WP_JSON_NULL,
	WP_JSON_BOOL,
	WP_JSON_NUMBER,
	WP_JSON_STRING,
	WP_JSON_ARRAY,
	WP_JSON_OBJECT,
};

/*
 * A part of the input: for strings, names too, what is between the quotes, not
 * decoded.
 */
struct wp_json_slice {
	const char *data;
	size_t len;
	bool has_escapes; /* strings: data contains backslashes */
};

struct wp_json {
	const char *data;
	size_t len;
	size_t pos;
	const char *err; /* static sentence, NULL while all is well */
	uint8_t depth;
	uint8_t max_depth;
	bool allows_half_pairs; /* set it behind wp_json_init() */
	/* No element read yet at this depth. */
	bool first[WP_JSON_MAX_DEPTH + WP_JSON_RAW_DEPTH + 1];
};

void wp_json_init(struct wp_json *js, const char *data, size_t len);

/* Type of the next value without consuming it. */
enum wp_json_type wp_json_peek(struct wp_json *js);

/* Enter the object that comes next; an error when something else comes. */
bool wp_json_object_begin(struct wp_json *js);
/* Next name and its colon; false at the closing brace (consumed) or error. */
bool wp_json_object_next(struct wp_json *js, struct wp_json_slice *key_out);
bool wp_json_array_begin(struct wp_json *js);
/* True when another element follows; false at the bracket or error. */
bool wp_json_array_next(struct wp_json *js);

/* Consume a value of exactly this type; the error names the type wanted. */
bool wp_json_string(struct wp_json *js, struct wp_json_slice *out);
bool wp_json_bool(struct wp_json *js, bool *out);
bool wp_json_null(struct wp_json *js);
/* The number's text, validated against the grammar, not converted. */
bool wp_json_number(struct wp_json *js, struct wp_json_slice *out);

/* Consume and validate any value; raw_out (may be NULL) gets its exact text. */
bool wp_json_skip(struct wp_json *js, struct wp_json_slice *raw_out);

/*
 * The same for a value that will be read by a scanner of its own, which then
 * judges its nesting: how deep the value may be does not depend on what it is
 * wrapped in. More than WP_JSON_RAW_DEPTH levels are an error here already.
 */
bool wp_json_raw(struct wp_json *js, struct wp_json_slice *raw_out);

/* Is this one JSON value that the scanner accepts, and nothing else? */
bool wp_json_is_valid(const char *data, size_t len);

/* The value must have been the last thing: only white space may follow. */
bool wp_json_end(struct wp_json *js);

/* Report a violation of the caller's own rules through the same channel. */
void wp_json_fail(struct wp_json *js, const char *sentence);

/*
 * Decode a string slice (escapes resolved) into buf, appended; half a surrogate
 * pair becomes U+FFFD. The slice came from this scanner, so it is valid; only
 * buf can fail.
 */
void wp_json_decode(const struct wp_json_slice *slice, struct wp_buf *buf);

/* Does the decoded string, or name, equal text? */
bool wp_json_slice_is(const struct wp_json_slice *slice, const char *text);

/*
 * Read a slice of a number, or of a numeric string, as a 64-bit integer under
 * ProtoJSON rules: integral forms such as 5.0 and 5e0 count, fractions do not.
 * Returns false when it is no integer within [min, max].
 */
bool wp_json_integer(const struct wp_json_slice *slice, int64_t min,
		     int64_t max, int64_t *out);

#endif /* WP_LIB_BASE_JSON_H */
