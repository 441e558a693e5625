/*
 * token_file.c - see token_file.h. One who can be somebody else for a while is
 * in it, but not for long: its mode is its owner's business.
 */
#include "tools/waypost/doctor/token_file.h"

#include <stdio.h>
#include <string.h>

enum { TOKEN_MAX = 65536 };

enum wp_err wp_token_file_read(const char *path, struct wp_buf *out,
			       struct wp_error *err)
{
	FILE *file = fopen(path, "re");
	char *room = wp_buf_reserve(out, TOKEN_MAX);
	enum wp_err rc = WP_OK;

	if (file == NULL)
		return wp_error_sys(err, "--token-file: %.150s", path);
	/* No copy of it in a buffer of libc's. */
	(void)setvbuf(file, NULL, _IONBF, 0);
	if (room == NULL)
		rc = wp_error_set(err, WP_ERR_NOMEM, "out of memory");
	else
		out->len += fread(room, 1, TOKEN_MAX - 1, file);
	if (rc == WP_OK && ferror(file))
		rc = wp_error_sys(err, "--token-file: %.150s", path);
	fclose(file);
	while (out->len > 0 && strchr(" \t\r\n", out->data[out->len - 1]))
		out->len--;
	if (rc == WP_OK && out->len == 0)
		rc = wp_error_set(err, WP_ERR_INVAL,
				  "--token-file: %.150s is empty", path);
	if (out->len > 0)
		out->data[out->len] = '\0';
	return rc;
}
