/*
 * systemd.c - variables of the environment, and datagrams to a unix socket.
 */
#include "lib/sys/systemd.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "lib/base/clock.h"

enum {
	FIRST_FD = 3,
	FDS_MAX = 64,
	MESSAGE_MAX = 512,
	PULSE_MS = 5000, /* STATUS= is as fresh as that */
	MIN_PULSE_MS = 10,
};

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

/* Is there a manager that listens? Its address then. */
static bool find_manager(struct sockaddr_un *name, socklen_t *len_out)
{
	const char *path = getenv("NOTIFY_SOCKET");
	size_t len;

	if (path == NULL || (path[0] != '/' && path[0] != '@'))
		return false;
	len = strlen(path);
	if (len >= sizeof(name->sun_path))
		return false;
	*name = (struct sockaddr_un){ .sun_family = AF_UNIX };
	memcpy(name->sun_path, path, len);
	if (path[0] == '@')
		name->sun_path[0] = '\0'; /* the abstract name space */
	*len_out = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len);
	return true;
}

static void tell(const char *text, size_t len, int flags)
{
	struct sockaddr_un name;
	socklen_t name_len;
	int fd;

	if (!find_manager(&name, &name_len))
		return;
	fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd == -1)
		return;
	/* Without a manager that listens, the service is no worse for it. */
	(void)sendto(fd, text, len, MSG_NOSIGNAL | flags,
		     (struct sockaddr *)&name, name_len);
	close(fd);
}

void wp_sd_notify(const char *state)
{
	char text[MESSAGE_MAX];
	int n;

	/* A reload counts only with the time at which it began. */
	if (strcmp(state, "RELOADING=1") == 0)
		n = snprintf(text, sizeof(text), "%s\nMONOTONIC_USEC=%" PRIu64,
			     state, wp_mono_us());
	else
		n = snprintf(text, sizeof(text), "%s", state);
	if (n > 0 && (size_t)n < sizeof(text))
		tell(text, (size_t)n, 0);
}

void wp_sd_life_begin(struct wp_sd_life *life)
{
	const char *pid = getenv("WATCHDOG_PID");
	struct sockaddr_un name;
	socklen_t len;
	long usec = 0;

	*life = (struct wp_sd_life){ 0 };
	if (!find_manager(&name, &len))
		return;
	life->pulse_ms = PULSE_MS;
	if (pid == NULL || read_number("WATCHDOG_PID", INT32_MAX) == getpid())
		usec = read_number("WATCHDOG_USEC", LONG_MAX);
	if (usec <= 0)
		return;
	usec /= 1000;
	life->watchdog_ms = usec < INT32_MAX ? (uint32_t)usec : INT32_MAX;
	if (life->watchdog_ms < 2 * MIN_PULSE_MS)
		life->watchdog_ms = 2 * MIN_PULSE_MS;
	if (life->watchdog_ms / 2 < life->pulse_ms)
		life->pulse_ms = life->watchdog_ms / 2;
	if (life->pulse_ms < MIN_PULSE_MS)
		life->pulse_ms = MIN_PULSE_MS;
}

void wp_sd_pulse(struct wp_sd_life *life, const char *redis, const char *work)
{
	const char *dog = life->watchdog_ms > 0 ? "WATCHDOG=1\n" : "";
	uint64_t now_ms = wp_mono_ms();
	char text[MESSAGE_MAX];
	int n;

	if (life->pulse_ms == 0)
		return;
	if (redis == NULL)
		life->away_ms = 0;
	else if (life->away_ms == 0)
		life->away_ms = now_ms;
	if (redis == NULL)
		n = snprintf(text, sizeof(text), "%sSTATUS=%s", dog, work);
	else
		n = snprintf(text, sizeof(text),
			     "%sSTATUS=waiting for Redis at %.200s since "
			     "%" PRIu64 " s; %s",
			     dog, redis, (now_ms - life->away_ms) / 1000, work);
	/* Another one follows, so this one is not worth waiting for. */
	if (n > 0 && (size_t)n < sizeof(text))
		tell(text, (size_t)n, MSG_DONTWAIT);
}
