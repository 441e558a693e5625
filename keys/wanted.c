/*
 * wanted.c - one datagram socket. A path may be longer than its address has
 * room for, so it is reached by the descriptor of the folder.
 */
#include "keys/wanted.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

enum { SOCKET_MODE = 0660 };

static const char name[] = "keys.sock";

enum wp_err wp_wanted_open(int *fd_out, const struct wp_folder *folder,
			   struct wp_error *err)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	enum wp_err rc;

	*fd_out = -1;
	if (fd == -1)
		return wp_error_sys(err, "socket for %s", name);
	(void)snprintf(address.sun_path, sizeof(address.sun_path),
		       "/proc/self/fd/%d/%s", folder->fd, name);
	if ((unlinkat(folder->fd, name, 0) == -1 && errno != ENOENT) ||
	    bind(fd, (struct sockaddr *)&address, sizeof(address)) == -1 ||
	    fchmodat(folder->fd, name, SOCKET_MODE, 0) == -1) {
		rc = wp_error_sys(err, "listen on %s", name);
		close(fd);
		return rc;
	}
	*fd_out = fd;
	return WP_OK;
}

void wp_wanted_close(int *fd, const struct wp_folder *folder)
{
	if (*fd == -1)
		return;
	(void)unlinkat(folder->fd, name, 0);
	close(*fd);
	*fd = -1;
}

bool wp_wanted_next(int fd, char id[WP_ISSUER_ID_LEN + 1])
{
	char text[WP_ISSUER_ID_LEN + 1]; /* one more: it may be longer */
	ssize_t n;

	do
		n = recv(fd, text, sizeof(text), 0);
	while (n == -1 && errno == EINTR);
	if (n == -1)
		return false;
	id[0] = '\0';
	if (n != WP_ISSUER_ID_LEN)
		return true;
	text[n] = '\0';
	if (strspn(text, "0123456789abcdef") == WP_ISSUER_ID_LEN)
		memcpy(id, text, sizeof(text));
	return true;
}
