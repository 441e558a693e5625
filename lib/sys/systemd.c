/*
 * systemd.c - variables of the environment, and datagrams to a unix socket.
 */
#include "lib/sys/systemd.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "lib/base/clock.h"

enum { FIRST_FD = 3, FDS_MAX = 64 };

/* A variable that must be a number from 1 to max; 0 for anything else. */
static long read_number(const char *name, long max)
{
	const char *text = getenv(name);
	char *end;
	long value;

	if (text == NULL || text[0] < '0' || text[0] > '9')
		return 0;
	errno = 0;
	value = strtol(text, &end, 10);
	return *end == '\0' && errno == 0 && value <= max ? value : 0;
}

int wp_sd_take_socket(void)
{
	bool is_ours = read_number("LISTEN_PID", INT32_MAX) == getpid();
	long n = read_number("LISTEN_FDS", FDS_MAX);
	long i;

	/* Children must not take the sockets for theirs. */
	(void)unsetenv("LISTEN_PID");
	(void)unsetenv("LISTEN_FDS");
	(void)unsetenv("LISTEN_FDNAMES");
	if (!is_ours)
		return -1;
	for (i = 0; i < n; i++)
		if (fcntl(FIRST_FD + (int)i, F_SETFD, FD_CLOEXEC) == -1)
			return -1;
	return n > 0 ? FIRST_FD : -1;
}

void wp_sd_notify(const char *state)
{
	const char *path = getenv("NOTIFY_SOCKET");
	struct sockaddr_un name = { .sun_family = AF_UNIX };
	char text[128];
	size_t len;
	int n;
	int fd;

	if (path == NULL || (path[0] != '/' && path[0] != '@'))
		return;
	len = strlen(path);
	if (len >= sizeof(name.sun_path))
		return;
	memcpy(name.sun_path, path, len);
	if (path[0] == '@')
		name.sun_path[0] = '\0'; /* the abstract name space */
	/* A reload counts only with the time at which it began. */
	if (strcmp(state, "RELOADING=1") == 0)
		n = snprintf(text, sizeof(text), "%s\nMONOTONIC_USEC=%" PRIu64,
			     state, wp_mono_us());
	else
		n = snprintf(text, sizeof(text), "%s", state);
	if (n < 0 || (size_t)n >= sizeof(text))
		return;

	fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd == -1)
		return;
	/* Without a manager that listens, the service is no worse for it. */
	(void)sendto(fd, text, (size_t)n, MSG_NOSIGNAL,
		     (struct sockaddr *)&name,
		     (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len));
	close(fd);
}
