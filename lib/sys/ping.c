/*
 * ping.c - one exchange with a time limit. Knows no protocol: a request is
 * bytes, and an answer is good that has others in it.
 */
#include "lib/sys/ping.h"

#include <errno.h>
#include <poll.h>
#include <stdbool.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lib/base/clock.h"
#include "lib/sys/listen.h"

enum { ANSWER_MAX = 4096 }; /* what is looked for stands at the beginning */

/* Wait for events; false when time is over. */
static bool await(int fd, short events, uint64_t end_ms)
{
	struct pollfd poll_fd = { .fd = fd, .events = events };
	uint64_t now_ms = wp_mono_ms();
	int n = -1;

	while (now_ms < end_ms) {
		n = poll(&poll_fd, 1, (int)(end_ms - now_ms));
		if (n != -1 || errno != EINTR)
			break;
		now_ms = wp_mono_ms();
	}
	return n == 1;
}

static enum wp_err silent(const char *address, struct wp_error *err)
{
	return wp_error_set(err, WP_ERR_UNAVAIL,
			    "%.150s: there was no answer within %d ms", address,
			    WP_PING_MS);
}

static enum wp_err failed(const char *address, int error, struct wp_error *err)
{
	return wp_error_set(err, WP_ERR_UNAVAIL, "%.150s: %s", address,
			    strerror(error));
}

static enum wp_err ask(int fd, const char *address, const char *request,
		       size_t len, uint64_t end_ms, struct wp_error *err)
{
	int error = 0;
	socklen_t error_len = sizeof(error);
	ssize_t n;

	if (!await(fd, POLLOUT, end_ms))
		return silent(address, err);
	if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &error_len) == -1)
		error = errno;
	if (error != 0)
		return failed(address, error, err);
	/* A request is short: it goes into the buffer of a new connection. */
	n = send(fd, request, len, MSG_NOSIGNAL);
	if (n == (ssize_t)len)
		return WP_OK;
	return failed(address, n == -1 ? errno : EMSGSIZE, err);
}

static enum wp_err hear(int fd, const char *address, const char *answer,
			uint64_t end_ms, struct wp_error *err)
{
	char text[ANSWER_MAX];
	size_t len = 0;

	while (len < sizeof(text)) {
		ssize_t n;

		if (!await(fd, POLLIN, end_ms))
			return silent(address, err);
		n = recv(fd, text + len, sizeof(text) - len, 0);
		if (n == -1)
			return failed(address, errno, err);
		if (n == 0)
			break;
		len += (size_t)n;
		if (memmem(text, len, answer, strlen(answer)) != NULL)
			return WP_OK;
	}
	return wp_error_set(err, WP_ERR_UNAVAIL,
			    "%.150s: the answer is not that it is well",
			    address);
}

enum wp_err wp_ping(const char *address, const char *request, size_t len,
		    const char *answer, struct wp_error *err)
{
	uint64_t end_ms = wp_mono_ms() + WP_PING_MS;
	int fd = -1;
	enum wp_err rc = wp_listen_connect(address, &fd, err);

	if (rc == WP_OK)
		rc = ask(fd, address, request, len, end_ms, err);
	if (rc == WP_OK)
		rc = hear(fd, address, answer, end_ms, err);
	if (fd != -1)
		close(fd);
	return rc;
}
