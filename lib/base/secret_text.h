/*
 * secret_text.h - what an operator wrote into a file, or gives on standard
 * input, that is a secret: where does it end, and can it be one?
 *
 * Editors and `echo` end it with a line, and those of other systems with CR LF;
 * one line end is none of it, and whatever is in front of that is.
 */
#ifndef WP_LIB_BASE_SECRET_TEXT_H
#define WP_LIB_BASE_SECRET_TEXT_H

#include <stddef.h>

/*
 * Leave one line end out: LF, CR LF, or the CR that is left of one.
 *
 * *len:     bytes of text; becomes those of the secret
 * Returns:  NULL, or why it is none: a sentence that begins behind the name of
 *           the file, without any of its text
 */
const char *wp_secret_text_trim(const char *text, size_t *len);

#endif /* WP_LIB_BASE_SECRET_TEXT_H */
