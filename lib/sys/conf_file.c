/*
 * conf_file.c - bytes from files that an operator names, in bounded amounts.
 *
 * Knows descriptors. What the bytes mean is for conf_yaml.c and conf_secret.c.
 */
#include "lib/sys/conf_table.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

enum { FILE_MAX_BYTES = 1024 * 1024 };

enum wp_err wp_conf_slurp(int fd, size_t max_bytes, struct wp_buf *out)
{
	/*
	 * All room at once: a buffer that grows leaves copies of a secret
	 * behind. One byte more tells "all of it" from "too much".
	 */
	size_t room = max_bytes + 1;
	char *at = wp_buf_reserve(out, room);
	size_t used = 0;

	if (at == NULL)
		return WP_ERR_NOMEM;
	while (used < room) {
		ssize_t n = read(fd, at + used, room - used);

		if (n == -1 && errno == EINTR)
			continue;
		if (n == -1)
			return WP_ERR_SYS;
		if (n == 0)
			break;
		used += (size_t)n;
		out->len += (size_t)n;
	}
	if (used == room)
		return WP_ERR_FULL;
	at[used] = '\0';
	return WP_OK;
}

void wp_conf_read_file(struct wp_conf_load *load, const char *path,
		       enum wp_err *rc, struct wp_error *err)
{
	struct wp_error why = { 0 };
	struct wp_buf text;
	enum wp_err one;
	int fd;

	wp_buf_init(&text, 0);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	one = fd == -1 ? WP_ERR_SYS : wp_conf_slurp(fd, FILE_MAX_BYTES, &text);
	if (one == WP_OK) {
		/* It has noted all there is. */
		*rc = wp_conf_read_yaml(load, path, text.data, text.len, err);
		goto out;
	}
	if (one == WP_ERR_FULL)
		one = wp_error_set(&why, WP_ERR_INVAL,
				   "%s: must not be over 1 MiB", path);
	else if (one == WP_ERR_SYS)
		one = wp_error_set(&why, WP_ERR_INVAL, "%s: cannot be read: %s",
				   path, strerror(errno));
	else
		wp_error_set(&why, one, "out of memory");
	wp_faults_note(load->conf->faults, one, &why, rc, err);
out:
	if (fd != -1)
		close(fd);
	wp_buf_release(&text);
}
