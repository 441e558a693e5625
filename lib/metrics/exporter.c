/*
 * exporter.c - a thread with a door for Prometheus and nothing behind it.
 *
 * Looks at one request line (lib/http/head.h) and answers it. A peer costs
 * a fixed amount of memory and a fixed time; when all places are taken, the
 * next peer gets that of the one that has said nothing for longest, so that
 * peers that are idle, however many, keep nobody else waiting. The thread takes
 * no signals, so the program's own handling of them is not disturbed.
 */
#include "lib/metrics/exporter.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lib/base/buf.h"
#include "lib/base/clock.h"
#include "lib/http/answer.h"
#include "lib/http/head.h"
#include "lib/sys/listen.h"
#include "lib/sys/thread.h"

enum {
	PEERS_MAX = 16,
	REQUEST_MAX_BYTES = 4096,
	ANSWER_MAX_BYTES = 8 * 1024 * 1024,
	PEER_TIME_MS = 5000,
	ACCEPT_PAUSE_MS = 1000, /* when the process is out of descriptors */
};

struct peer {
	int fd;          /* -1 when this place is free */
	uint64_t number; /* of those that came before */
	uint64_t deadline_ms;
	char request[REQUEST_MAX_BYTES];
	size_t request_len;
	struct wp_buf answer; /* empty while the request is being read */
	size_t sent;
};

struct wp_exporter {
	const struct wp_metrics *metrics;
	struct wp_listener listener;
	int stop_fd;
	struct wp_thread thread;
	uint64_t accept_after_ms;
	uint64_t accepted;
	struct peer peers[PEERS_MAX];
};

static void close_peer(struct peer *peer)
{
	close(peer->fd);
	peer->fd = -1;
	wp_buf_release(&peer->answer);
}

static void write_answer(struct wp_buf *out, unsigned status, const char *type,
			 const struct wp_buf *body)
{
	wp_buf_printf(out,
		      "HTTP/1.1 %u %s\r\nContent-Type: %s\r\n"
		      "Content-Length: %zu\r\nCache-Control: no-store\r\n"
		      "Connection: close\r\n\r\n",
		      status, wp_http_reason(status), type, body->len);
	wp_buf_add(out, body->data, body->len);
}

/* head: NULL when it was malformed */
static bool is_get(const struct wp_head *head, const char *path)
{
	return head != NULL && wp_text_is(&head->method, "GET") &&
	       wp_text_is(&head->path, path);
}

static void answer(const struct wp_exporter *exporter, struct peer *peer,
		   const struct wp_head *head)
{
	static const char plain[] = "text/plain; charset=utf-8";
	struct wp_buf body;

	wp_buf_init(&body, ANSWER_MAX_BYTES);
	if (is_get(head, "/metrics")) {
		wp_metrics_write(exporter->metrics, &body);
		write_answer(&peer->answer, 200,
			     "text/plain; version=0.0.4; charset=utf-8", &body);
	} else if (is_get(head, "/healthz")) {
		wp_buf_add_str(&body, "OK\n");
		write_answer(&peer->answer, 200, plain, &body);
	} else {
		wp_buf_add_str(&body, "only /metrics and /healthz are here\n");
		write_answer(&peer->answer, 404, plain, &body);
	}
	if (body.failed)
		peer->answer.failed = true;
	wp_buf_release(&body);
}

/* Read what is there; once the head is complete, make the answer. */
static void peer_on_readable(const struct wp_exporter *exporter,
			     struct peer *peer)
{
	size_t room = sizeof(peer->request) - peer->request_len;
	ssize_t n = recv(peer->fd, peer->request + peer->request_len, room, 0);
	struct wp_head head;

	if (n == -1 && (errno == EINTR || errno == EAGAIN))
		return;
	if (n <= 0) {
		close_peer(peer);
		return;
	}
	peer->request_len += (size_t)n;
	switch (wp_head_parse_line(&head, peer->request, peer->request_len)) {
	case WP_HEAD_MORE:
		if (peer->request_len == sizeof(peer->request))
			close_peer(peer);
		return;
	case WP_HEAD_OK:
		answer(exporter, peer, &head);
		break;
	case WP_HEAD_BAD:
		answer(exporter, peer, NULL);
		break;
	}
	if (peer->answer.failed)
		close_peer(peer);
}

static void peer_on_writable(struct peer *peer)
{
	ssize_t n = send(peer->fd, peer->answer.data + peer->sent,
			 peer->answer.len - peer->sent, MSG_NOSIGNAL);

	if (n == -1 && (errno == EINTR || errno == EAGAIN))
		return;
	if (n >= 0)
		peer->sent += (size_t)n;
	if (n == -1 || peer->sent == peer->answer.len)
		close_peer(peer);
}

/* Is it the turn of a, rather than of b, to give its place to another? */
static bool goes_first(const struct peer *a, const struct peer *b)
{
	bool has_a = a->answer.len > 0;
	bool has_b = b->answer.len > 0;

	/* Who has got an answer was no idler, though it may be one now. */
	if (has_a != has_b)
		return has_b;
	return a->number < b->number;
}

static struct peer *make_place(struct wp_exporter *exporter)
{
	struct peer *found = &exporter->peers[0];
	size_t i;

	for (i = 0; i < PEERS_MAX; i++) {
		struct peer *peer = &exporter->peers[i];

		if (peer->fd == -1)
			return peer;
		if (goes_first(peer, found))
			found = peer;
	}
	close_peer(found);
	return found;
}

static void accept_one(struct wp_exporter *exporter, uint64_t now_ms)
{
	struct peer *peer;
	int fd = accept4(exporter->listener.fd, NULL, NULL,
			 SOCK_NONBLOCK | SOCK_CLOEXEC);

	if (fd == -1) {
		/*
		 * Without a pause, a full table of descriptors is a busy loop.
		 */
		if (errno == EMFILE || errno == ENFILE || errno == ENOMEM ||
		    errno == ENOBUFS)
			exporter->accept_after_ms = now_ms + ACCEPT_PAUSE_MS;
		return;
	}
	peer = make_place(exporter);
	peer->fd = fd;
	peer->number = exporter->accepted++;
	peer->deadline_ms = now_ms + PEER_TIME_MS;
	peer->request_len = 0;
	peer->sent = 0;
	wp_buf_init(&peer->answer, ANSWER_MAX_BYTES + REQUEST_MAX_BYTES);
}

static uint64_t earlier(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

/* Drop who took too long; returns the next time to look, or UINT64_MAX. */
static uint64_t drop_late(struct wp_exporter *exporter, uint64_t now_ms)
{
	uint64_t next_ms = UINT64_MAX;
	size_t i;

	for (i = 0; i < PEERS_MAX; i++) {
		struct peer *peer = &exporter->peers[i];

		if (peer->fd == -1)
			continue;
		if (now_ms >= peer->deadline_ms)
			close_peer(peer);
		else
			next_ms = earlier(next_ms, peer->deadline_ms);
	}
	if (exporter->accept_after_ms > now_ms)
		next_ms = earlier(next_ms, exporter->accept_after_ms);
	return next_ms;
}

enum { POLL_STOP, POLL_LISTEN, POLL_PEERS, POLL_N = POLL_PEERS + PEERS_MAX };

static void fill(const struct wp_exporter *exporter, uint64_t now_ms,
		 struct pollfd polls[POLL_N])
{
	bool may_accept = now_ms >= exporter->accept_after_ms;
	size_t i;

	polls[POLL_STOP] = (struct pollfd){ exporter->stop_fd, POLLIN, 0 };
	/* poll() skips negative descriptors. */
	polls[POLL_LISTEN] =
		(struct pollfd){ may_accept ? exporter->listener.fd : -1,
				 POLLIN, 0 };
	for (i = 0; i < PEERS_MAX; i++) {
		const struct peer *peer = &exporter->peers[i];

		polls[POLL_PEERS + i] = (struct pollfd){
			peer->fd, peer->answer.len > 0 ? POLLOUT : POLLIN, 0
		};
	}
}

static void run(void *ctx)
{
	struct wp_exporter *exporter = ctx;
	struct pollfd polls[POLL_N];
	size_t i;

	for (;;) {
		uint64_t now_ms = wp_mono_ms();
		uint64_t next_ms = drop_late(exporter, now_ms);
		int wait_ms =
			next_ms == UINT64_MAX ? -1 : (int)(next_ms - now_ms);

		fill(exporter, now_ms, polls);
		if (poll(polls, POLL_N, wait_ms) <= 0)
			continue; /* somebody is late; no signals come here */
		if (polls[POLL_STOP].revents != 0)
			return;
		for (i = 0; i < PEERS_MAX; i++) {
			struct peer *peer = &exporter->peers[i];

			if (polls[POLL_PEERS + i].revents == 0)
				continue;
			if (peer->answer.len > 0)
				peer_on_writable(peer);
			else
				peer_on_readable(exporter, peer);
		}
		/* Last, so that a new peer meets no event of an old one. */
		if (polls[POLL_LISTEN].revents != 0)
			accept_one(exporter, wp_mono_ms());
	}
}

static enum wp_err open_fds(struct wp_exporter *exporter, const char *address,
			    struct wp_error *err)
{
	enum wp_err rc;
	int flags;

	exporter->stop_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (exporter->stop_fd == -1)
		return wp_error_sys(err, "eventfd for metrics");
	rc = wp_listen(address, &exporter->listener, err);
	if (rc != WP_OK)
		return rc;
	/* A peer may be gone again between poll() and accept(). */
	flags = fcntl(exporter->listener.fd, F_GETFL);
	if (flags == -1 ||
	    fcntl(exporter->listener.fd, F_SETFL, flags | O_NONBLOCK) == -1)
		return wp_error_sys(err, "fcntl for metrics");
	return WP_OK;
}

enum wp_err wp_exporter_start(struct wp_exporter **out, const char *address,
			      const struct wp_metrics *metrics,
			      struct wp_error *err)
{
	struct wp_exporter *exporter = calloc(1, sizeof(*exporter));
	const struct wp_thread_job job = { .run = run, .ctx = exporter };
	enum wp_err rc;
	size_t i;

	if (exporter == NULL)
		return wp_error_sys(err, "memory for metrics");
	exporter->metrics = metrics;
	exporter->listener = WP_LISTENER_NONE;
	exporter->stop_fd = -1;
	for (i = 0; i < PEERS_MAX; i++)
		exporter->peers[i].fd = -1;
	rc = open_fds(exporter, address, err);
	if (rc == WP_OK)
		rc = wp_thread_start(&exporter->thread, &job, err);
	if (rc == WP_OK) {
		*out = exporter;
		exporter = NULL;
	}
	wp_exporter_stop(&exporter);
	return rc;
}

void wp_exporter_stop(struct wp_exporter **exporter)
{
	struct wp_exporter *e;
	size_t i;

	if (exporter == NULL || *exporter == NULL)
		return;
	e = *exporter;
	wp_listen_unlink(&e->listener);
	if (e->stop_fd != -1)
		(void)eventfd_write(e->stop_fd, 1); /* the first one fits */
	wp_thread_join(&e->thread);
	for (i = 0; i < PEERS_MAX; i++)
		if (e->peers[i].fd != -1)
			close_peer(&e->peers[i]);
	wp_listen_close(&e->listener);
	if (e->stop_fd != -1)
		close(e->stop_fd);
	free(e);
	*exporter = NULL;
}

void wp_exporter_unlink(struct wp_exporter *exporter)
{
	if (exporter != NULL)
		wp_listen_unlink(&exporter->listener);
}
