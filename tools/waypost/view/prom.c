/*
 * prom.c - reading and understanding a page of metrics.
 *
 * The door is one of our own programs' on this host (lib/metrics/exporter.h):
 * it answers one request on a connection and closes it, so HTTP is no more here
 * than a line to write, a status to look at, and bytes until the end.
 */
#include "tools/waypost/view/prom.h"

#include <errno.h>
#include <netdb.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "lib/base/clock.h"

enum { HOST_MAX = 255, STEP_BYTES = 16384 };

/* ---- the connection ---- */

/* Until it is ready, or the time is over. */
static bool wait_for(int fd, short events, uint64_t end_ms)
{
	struct pollfd one = { .fd = fd, .events = events };
	int n;

	do {
		uint64_t now_ms = wp_mono_ms();

		n = now_ms < end_ms ? poll(&one, 1, (int)(end_ms - now_ms)) : 0;
	} while (n == -1 && errno == EINTR);
	return n == 1;
}

static int open_socket(int family)
{
	return socket(family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
}

/* Whether what is under way on fd has come about. */
static bool is_connected(int fd, uint64_t end_ms)
{
	socklen_t len = sizeof(int);
	int fault = 0;

	return wait_for(fd, POLLOUT, end_ms) &&
	       getsockopt(fd, SOL_SOCKET, SO_ERROR, &fault, &len) == 0 &&
	       fault == 0;
}

/* A socket, or -1. */
static int connect_to(const struct sockaddr *address, socklen_t len,
		      uint64_t end_ms)
{
	int fd = open_socket(address->sa_family);

	if (fd == -1)
		return -1;
	if (connect(fd, address, len) == 0 ||
	    (errno == EINPROGRESS && is_connected(fd, end_ms)))
		return fd;
	(void)close(fd);
	return -1;
}

static int connect_unix(const char *path, uint64_t end_ms)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };

	size_t len = strlen(path);

	if (len >= sizeof(address.sun_path))
		return -1;
	memcpy(address.sun_path, path, len + 1);
	return connect_to((const struct sockaddr *)&address, sizeof(address),
			  end_ms);
}

static int connect_tcp(const char *text, uint64_t end_ms)
{
	const struct addrinfo hints = { .ai_socktype = SOCK_STREAM,
					.ai_flags = AI_NUMERICSERV };
	const char *colon = strrchr(text, ':');
	struct addrinfo *list = NULL;
	char host[HOST_MAX + 1];
	int fd = -1;

	if (colon == NULL || colon == text || colon - text > HOST_MAX)
		return -1;
	/* "[::1]:9850" */
	if (text[0] == '[' && colon[-1] == ']')
		(void)snprintf(host, sizeof(host), "%.*s",
			       (int)(colon - text - 2), text + 1);
	else
		(void)snprintf(host, sizeof(host), "%.*s", (int)(colon - text),
			       text);
	if (getaddrinfo(host, colon + 1, &hints, &list) != 0)
		return -1;
	for (const struct addrinfo *one = list; one != NULL && fd == -1;
	     one = one->ai_next)
		fd = connect_to(one->ai_addr, one->ai_addrlen, end_ms);
	freeaddrinfo(list);
	return fd;
}

/* All that comes until the other side closes. */
static bool read_all(int fd, struct wp_buf *out, uint64_t end_ms)
{
	ssize_t n = 1;

	while (n != 0 && out->len < WP_PROM_MAX_BYTES) {
		char *room = wp_buf_reserve(out, STEP_BYTES);

		if (room == NULL || !wait_for(fd, POLLIN, end_ms))
			return false;
		n = read(fd, room, STEP_BYTES);
		if (n > 0)
			out->len += (size_t)n;
		else if (n == -1 && errno != EAGAIN && errno != EINTR)
			return false;
	}
	/* What may be in there is text. */
	wp_buf_add_char(out, '\0');
	return n == 0 && !out->failed;
}

enum wp_err wp_prom_read(struct wp_buf *out, const char *address,
			 struct wp_error *err)
{
	static const char request[] = "GET /metrics HTTP/1.1\r\n"
				      "Host: localhost\r\n"
				      "Connection: close\r\n\r\n";
	static const char fine[] = "HTTP/1.1 200 ";
	uint64_t end_ms = wp_mono_ms() + WP_PROM_WAIT_MS;
	bool is_unix = strncmp(address, "unix:", 5) == 0;
	int fd = is_unix ? connect_unix(address + 5, end_ms)
			 : connect_tcp(address, end_ms);
	bool is_there = false;

	wp_buf_clear(out);
	if (fd != -1 && send(fd, request, sizeof(request) - 1, MSG_NOSIGNAL) ==
				(ssize_t)sizeof(request) - 1)
		is_there = read_all(fd, out, end_ms);
	if (fd != -1)
		(void)close(fd);
	if (is_there && strncmp(out->data, fine, sizeof(fine) - 1) == 0)
		return WP_OK;
	return wp_error_set(err, WP_ERR_UNAVAIL,
			    "no metrics are told at %.100s", address);
}

/* ---- the text ---- */

/* A line "<name><suffix>{<labels>} <value>" or one without labels. */
struct series {
	const char *labels; /* not terminated */
	size_t labels_len;
	double value;
};

/* The next one of this name behind *at, which steps behind it. */
static bool next_series(const char **at, const char *name, const char *suffix,
			struct series *out)
{
	size_t name_len = strlen(name), suffix_len = strlen(suffix);

	while (*at != NULL && **at != '\0') {
		const char *line = *at;
		const char *rest = line + name_len + suffix_len;
		size_t len = strcspn(line, "\n");

		*at = line + len + (line[len] == '\n');
		if (len <= name_len + suffix_len ||
		    memcmp(line, name, name_len) != 0 ||
		    memcmp(line + name_len, suffix, suffix_len) != 0 ||
		    (*rest != '{' && *rest != ' '))
			continue;
		*out = (struct series){ .labels = rest };
		/* Values of labels of ours have no brace. */
		if (*rest == '{')
			out->labels_len = strcspn(rest, "}\n");
		if (rest[out->labels_len] == '}')
			out->labels_len++;
		out->value = strtod(rest + out->labels_len, NULL);
		return true;
	}
	return false;
}

static const char *find_label(const struct series *series, const char *label)
{
	return label[0] == '\0' ? series->labels
				: memmem(series->labels, series->labels_len,
					 label, strlen(label));
}

double wp_prom_sum(const char *text, const char *name, const char *label)
{
	struct series series;
	double sum = 0;

	while (next_series(&text, name, "", &series))
		if (find_label(&series, label) != NULL)
			sum += series.value;
	return sum;
}

static double *find_bucket(struct wp_prom_histogram *out, double le)
{
	for (size_t i = 0; i < out->n_buckets; i++)
		if (out->le[i] == le)
			return &out->n[i];
	if (out->n_buckets == WP_PROM_BUCKETS_MAX)
		return NULL;
	out->le[out->n_buckets] = le;
	out->n[out->n_buckets] = 0;
	return &out->n[out->n_buckets++];
}

void wp_prom_histogram(struct wp_prom_histogram *out, const char *text,
		       const char *name, const char *label)
{
	static const char le_is[] = "le=\"";
	struct series series;

	out->n_buckets = 0;
	while (next_series(&text, name, "_bucket", &series)) {
		const char *le = find_label(&series, le_is);
		double *n;

		if (le == NULL || find_label(&series, label) == NULL)
			continue;
		/* "+Inf" is a number to strtod(3). */
		n = find_bucket(out, strtod(le + sizeof(le_is) - 1, NULL));
		if (n != NULL)
			*n += series.value;
	}
}

bool wp_prom_quantile(const struct wp_prom_histogram *before,
		      const struct wp_prom_histogram *now, double share,
		      double *out)
{
	size_t last = now->n_buckets - 1;
	double wanted, below = 0, from = 0;

	if (now->n_buckets == 0 || before->n_buckets != now->n_buckets ||
	    now->n[last] <= before->n[last])
		return false;
	wanted = share * (now->n[last] - before->n[last]);
	for (size_t i = 0; i < last; i++) {
		double n = now->n[i] - before->n[i];

		if (n >= wanted && n > below) {
			*out = from + (now->le[i] - from) * (wanted - below) /
					      (n - below);
			return true;
		}
		below = n;
		from = now->le[i];
	}
	*out = from; /* it is more, but nobody knows how much */
	return true;
}
