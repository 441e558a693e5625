/*
 * fcgi_io.c - the only place that knows libfcgi.
 *
 * FCGX_Accept_r() accepts by itself, and nothing but a signal gets a thread out
 * of that; the same signal would cut a request short that is just being read.
 * So accepting is done elsewhere, and the library is given the connection
 * through ipcFd, which it takes for one that it kept from the request before.
 */
#include "handlers/fcgi_io.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <fcgiapp.h>

#include "lib/base/clock.h"

enum { MS_PER_S = 1000 };

struct wp_fcgi {
	struct wp_io io; /* first: handlers hold a pointer to it */
	FCGX_Request request;
	bool is_read; /* the body was taken to its end */
};

enum wp_err wp_fcgi_setup(struct wp_error *err)
{
	if (FCGX_Init() != 0)
		return wp_error_set(err, WP_ERR_SYS, "libfcgi does not start");
	return WP_OK;
}

static ssize_t fcgi_read(struct wp_io *io, void *data, size_t len)
{
	struct wp_fcgi *fcgi = (struct wp_fcgi *)io;
	int wanted = len > INT_MAX ? INT_MAX : (int)len;
	int n = FCGX_GetStr(data, wanted, fcgi->request.in);

	if (FCGX_GetError(fcgi->request.in) != 0)
		return -1;
	if (n < wanted)
		fcgi->is_read = true;
	return n;
}

static bool fcgi_write(struct wp_io *io, const void *data, size_t len)
{
	struct wp_fcgi *fcgi = (struct wp_fcgi *)io;
	const char *from = data;

	while (len > 0) {
		int piece = len > INT_MAX ? INT_MAX : (int)len;

		if (FCGX_PutStr(from, piece, fcgi->request.out) != piece)
			return false;
		from += piece;
		len -= (size_t)piece;
	}
	return true;
}

static const struct wp_io_ops fcgi_ops = { fcgi_read, fcgi_write };

struct wp_fcgi *wp_fcgi_new(void)
{
	struct wp_fcgi *fcgi = calloc(1, sizeof(*fcgi));

	if (fcgi == NULL)
		return NULL;
	fcgi->io.ops = &fcgi_ops;
	/* No listening socket: when a connection ends, accept() must fail. */
	if (FCGX_InitRequest(&fcgi->request, -1, FCGI_FAIL_ACCEPT_ON_INTR) !=
	    0) {
		free(fcgi);
		return NULL;
	}
	return fcgi;
}

void wp_fcgi_free(struct wp_fcgi **fcgi)
{
	if (fcgi == NULL || *fcgi == NULL)
		return;
	wp_fcgi_close(*fcgi);
	free(*fcgi);
	*fcgi = NULL;
}

void wp_fcgi_open(struct wp_fcgi *fcgi, int fd)
{
	const struct timeval patience = { .tv_sec = WP_FCGI_TIMEOUT_S };

	/* Without them the connection works too, only not against a hang. */
	(void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience,
			 sizeof(patience));
	(void)setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience,
			 sizeof(patience));
	fcgi->request.ipcFd = fd;
	fcgi->request.keepConnection = 1;
}

/*
 * Wait for the first byte of a request; false when it took too long. A read
 * with a time-out, which the library would wait in, fails with EINTR when the
 * process was stopped and goes on (signal(7)), and the library takes that for
 * the end of the connection.
 */
static bool await_first_byte(int fd)
{
	struct pollfd peer = { .fd = fd, .events = POLLIN };
	uint64_t end_ms = wp_mono_ms() + (uint64_t)WP_FCGI_TIMEOUT_S * MS_PER_S;
	int n;

	do {
		uint64_t now_ms = wp_mono_ms();

		n = poll(&peer, 1,
			 now_ms < end_ms ? (int)(end_ms - now_ms) : 0);
	} while (n == -1 && errno == EINTR);
	return n != 0;
}

struct wp_io *wp_fcgi_next(struct wp_fcgi *fcgi)
{
	if (!await_first_byte(fcgi->request.ipcFd)) {
		wp_fcgi_close(fcgi);
		return NULL;
	}
	if (FCGX_Accept_r(&fcgi->request) != 0)
		return NULL;
	/* Parameters that broke off pass for complete ones in the library. */
	if (FCGX_GetError(fcgi->request.in) != 0) {
		FCGX_Free(&fcgi->request, 1);
		return NULL;
	}
	fcgi->is_read = false;
	/* The library owns them; they are valid until the request ends. */
	fcgi->io.params = (const char *const *)fcgi->request.envp;
	return &fcgi->io;
}

struct wp_io *wp_fcgi_io(struct wp_fcgi *fcgi)
{
	return &fcgi->io;
}

bool wp_fcgi_finish(struct wp_fcgi *fcgi)
{
	FCGX_Request *request = &fcgi->request;
	char byte;

	/*
	 * What is left of a body would be taken for the next request. The
	 * answer goes first: nobody should wait for the rest of a refused body.
	 */
	if (request->keepConnection && !fcgi->is_read) {
		(void)FCGX_FClose(request->err);
		(void)FCGX_FClose(request->out);
		if (FCGX_GetStr(&byte, 1, request->in) != 0)
			request->keepConnection = 0;
	}
	FCGX_Finish_r(request);
	return fcgi->request.ipcFd >= 0;
}

int wp_fcgi_fd(const struct wp_fcgi *fcgi)
{
	return fcgi->request.ipcFd;
}

void wp_fcgi_close(struct wp_fcgi *fcgi)
{
	/*
	 * Between two requests the library holds nothing but the descriptor,
	 * and its own way to close it waits 2 s for the web server to do so.
	 */
	if (fcgi->request.ipcFd >= 0)
		close(fcgi->request.ipcFd);
	fcgi->request.ipcFd = -1;
}
