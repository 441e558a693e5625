/*
 * token_file.h - a file with a token in it, for who has none that signs.
 */
#ifndef WP_TOOLS_WAYPOST_DOCTOR_TOKEN_FILE_H
#define WP_TOOLS_WAYPOST_DOCTOR_TOKEN_FILE_H

#include "lib/base/buf.h"
#include "lib/base/err.h"

/*
 * Append what is in it, blanks and line ends around it aside.
 *
 * out:     secret
 * Errors:  WP_ERR_SYS  it cannot be read; WP_ERR_INVAL  it holds none
 */
enum wp_err wp_token_file_read(const char *path, struct wp_buf *out,
			       struct wp_error *err) WP_MUST_USE;

#endif /* WP_TOOLS_WAYPOST_DOCTOR_TOKEN_FILE_H */
