/*
 * exporter.c - a door for Prometheus and nothing behind it.
 *
 * Looks at one request line (lib/http/head.h) and answers it; at fields only
 * where they choose between two forms. A peer costs a bounded amount of memory
 * and a bounded time; when all places are taken, the next peer gets that of the
 * one that has said nothing for longest, so that peers that are idle, however
 * many, keep nobody else waiting. A crowd is let in as fast as it comes, or
 * whoever is behind it would not even get into the queue; what a peer has said
 * by then is read at once, before others can take its place.
 *
 * All descriptors are in one epoll(7), a timer for who is late among them, so
 * that whoever turns it has one descriptor to watch. The thread, where there is
 * one, takes no signals: the program's own handling of them is not disturbed.
 *
 * A fork may leave copies of descriptors behind for a moment, and an epoll
 * keeps what has a copy: so they are taken out of it before they are closed.
 */
#include "lib/metrics/exporter.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "lib/base/buf.h"
#include "lib/base/clock.h"
#include "lib/http/accept.h"
#include "lib/http/answer.h"
#include "lib/http/head.h"
#include "lib/metrics/self.h"
#include "lib/sys/listen.h"
#include "lib/sys/thread.h"

enum {
	PEERS_MAX = 64,
	ACCEPTS_PER_TURN = 64, /* of peers that are not answered at once */
	REQUEST_MAX_BYTES = 4096,
	ANSWER_MAX_BYTES = 8 * 1024 * 1024,
	PEER_TIME_MS = 5000,
	ACCEPT_PAUSE_MS = 1000, /* when the process is out of descriptors */
	CHILDREN_MAX = 128,
	EVENTS_PER_TURN = 18, /* an answer takes time, and others wait for it */
	MS_PER_S = 1000,
	NS_PER_MS = 1000000,
};

struct peer {
	int fd;          /* -1 when this place is free */
	uint64_t number; /* of those that came before */
	uint64_t deadline_ms;
	struct wp_buf request;
	struct wp_buf answer; /* empty while the request is being read */
	size_t sent;
};

struct wp_exporter {
	struct wp_exporter_setup setup;
	struct wp_self self;
	struct wp_listener listener;
	int epoll_fd;
	int timer_fd; /* when somebody is late, or we accept again */
	int stop_fd;  /* the thread's; else -1 */
	struct wp_thread thread;
	bool is_paused;
	uint64_t accept_after_ms;
	uint64_t accepted;
	struct peer peers[PEERS_MAX];
};

/* Who is told of events on fd; what: the peer, or &listener, or &timer_fd. */
static bool watch(const struct wp_exporter *exporter, int op, int fd,
		  uint32_t events, void *what)
{
	struct epoll_event event = { .events = events, .data.ptr = what };

	return epoll_ctl(exporter->epoll_fd, op, fd, &event) == 0;
}

static void close_peer(const struct wp_exporter *exporter, struct peer *peer)
{
	(void)watch(exporter, EPOLL_CTL_DEL, peer->fd, 0, NULL);
	close(peer->fd);
	peer->fd = -1;
	wp_buf_release(&peer->request);
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

static void write_metrics(const struct wp_exporter *exporter,
			  struct wp_buf *out)
{
	const struct wp_exporter_setup *setup = &exporter->setup;
	pid_t children[CHILDREN_MAX];
	struct wp_buf more;
	size_t n = 0;

	/* It may set gauges, so it comes before they are read. */
	wp_buf_init(&more, ANSWER_MAX_BYTES);
	if (setup->prepare != NULL)
		setup->prepare(setup->ctx, &more);
	if (setup->children != NULL)
		n = setup->children(setup->ctx, children, CHILDREN_MAX);
	wp_metrics_write(setup->metrics, out);
	wp_buf_add(out, more.data, more.len);
	if (more.failed)
		out->failed = true;
	wp_buf_release(&more);
	wp_self_write(&exporter->self, children, n, out);
}

/* Of a head that is no sound HTTP/1.1 nothing but the line is believed. */
static bool wants_json(const struct peer *peer)
{
	struct wp_head head;
	unsigned status;

	return wp_head_parse(&head, peer->request.data, peer->request.len,
			     &status) == WP_HEAD_OK &&
	       wp_accept_wants_json(wp_head_field(&head, "Accept"));
}

/* The page that answers this, or NULL. */
static const struct wp_exporter_page *
find_page(const struct wp_exporter *exporter, const struct peer *peer,
	  const struct wp_head *head)
{
	const struct wp_exporter_page *page = exporter->setup.pages;

	while (page != NULL && page->path != NULL && !is_get(head, page->path))
		page++;
	if (page == NULL || page->path == NULL)
		return NULL;
	return !is_get(head, "/metrics") || wants_json(peer) ? page : NULL;
}

/* What there is, for who asks for something else. */
static void write_paths(const struct wp_exporter *exporter, struct wp_buf *out)
{
	const struct wp_exporter_page *page = exporter->setup.pages;

	wp_buf_add_str(out, "only /metrics");
	for (; page != NULL && page->path != NULL; page++)
		if (strcmp(page->path, "/metrics") != 0)
			wp_buf_printf(out, ", %s", page->path);
	wp_buf_add_str(out, " and /healthz are here\n");
}

static void answer(const struct wp_exporter *exporter, struct peer *peer,
		   const struct wp_head *head)
{
	static const char plain[] = "text/plain; charset=utf-8";
	const struct wp_exporter_page *page = find_page(exporter, peer, head);
	struct wp_buf body;
	unsigned status;

	wp_buf_init(&body, ANSWER_MAX_BYTES);
	if (page != NULL) {
		status = page->write(exporter->setup.pages_ctx, &body);
		write_answer(&peer->answer, status, "application/json", &body);
	} else if (is_get(head, "/metrics")) {
		write_metrics(exporter, &body);
		write_answer(&peer->answer, 200,
			     "text/plain; version=0.0.4; charset=utf-8", &body);
	} else if (is_get(head, "/healthz")) {
		wp_buf_add_str(&body, "OK\n");
		write_answer(&peer->answer, 200, plain, &body);
	} else {
		write_paths(exporter, &body);
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
	char piece[REQUEST_MAX_BYTES];
	size_t room = sizeof(piece) - peer->request.len;
	ssize_t n = recv(peer->fd, piece, room, 0);
	struct wp_head head;

	if (n == -1 && (errno == EINTR || errno == EAGAIN))
		return;
	if (n > 0)
		wp_buf_add(&peer->request, piece, (size_t)n);
	if (n <= 0 || peer->request.failed) {
		close_peer(exporter, peer);
		return;
	}
	switch (wp_head_parse_line(&head, peer->request.data,
				   peer->request.len)) {
	case WP_HEAD_MORE:
		if (peer->request.len == sizeof(piece))
			close_peer(exporter, peer);
		return;
	case WP_HEAD_OK:
		answer(exporter, peer, &head);
		break;
	case WP_HEAD_BAD:
		answer(exporter, peer, NULL);
		break;
	}
	if (peer->answer.failed ||
	    !watch(exporter, EPOLL_CTL_MOD, peer->fd, EPOLLOUT, peer))
		close_peer(exporter, peer);
}

static void peer_on_writable(const struct wp_exporter *exporter,
			     struct peer *peer)
{
	ssize_t n = send(peer->fd, peer->answer.data + peer->sent,
			 peer->answer.len - peer->sent, MSG_NOSIGNAL);

	if (n == -1 && (errno == EINTR || errno == EAGAIN))
		return;
	if (n >= 0)
		peer->sent += (size_t)n;
	if (n == -1 || peer->sent == peer->answer.len)
		close_peer(exporter, peer);
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
	close_peer(exporter, found);
	return found;
}

static void set_accepting(struct wp_exporter *exporter, bool is_accepting)
{
	exporter->is_paused = !is_accepting;
	(void)watch(exporter, EPOLL_CTL_MOD, exporter->listener.fd,
		    is_accepting ? EPOLLIN : 0, &exporter->listener);
}

/* False when nobody waits, there is no room, or it was answered already. */
static bool accept_one(struct wp_exporter *exporter, uint64_t now_ms)
{
	struct peer *peer;
	int fd = accept4(exporter->listener.fd, NULL, NULL,
			 SOCK_NONBLOCK | SOCK_CLOEXEC);

	if (fd == -1) {
		/*
		 * Without a pause, a full table of descriptors is a busy loop.
		 */
		if (errno == EMFILE || errno == ENFILE || errno == ENOMEM ||
		    errno == ENOBUFS) {
			exporter->accept_after_ms = now_ms + ACCEPT_PAUSE_MS;
			set_accepting(exporter, false);
		}
		return false;
	}
	peer = make_place(exporter);
	if (!watch(exporter, EPOLL_CTL_ADD, fd, EPOLLIN, peer)) {
		close(fd);
		return false;
	}
	peer->fd = fd;
	peer->number = exporter->accepted++;
	peer->deadline_ms = now_ms + PEER_TIME_MS;
	peer->sent = 0;
	wp_buf_init(&peer->request, REQUEST_MAX_BYTES);
	wp_buf_init(&peer->answer, ANSWER_MAX_BYTES + REQUEST_MAX_BYTES);
	peer_on_readable(exporter, peer);
	return peer->answer.len == 0;
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
			close_peer(exporter, peer);
		else
			next_ms = earlier(next_ms, peer->deadline_ms);
	}
	if (exporter->is_paused && exporter->accept_after_ms > now_ms)
		next_ms = earlier(next_ms, exporter->accept_after_ms);
	else if (exporter->is_paused)
		set_accepting(exporter, true);
	return next_ms;
}

/* Be woken at at_ms, UINT64_MAX: not. */
static void set_timer(const struct wp_exporter *exporter, uint64_t at_ms)
{
	struct itimerspec at = { 0 };

	if (at_ms != UINT64_MAX) {
		at.it_value.tv_sec = (time_t)(at_ms / MS_PER_S);
		/* All zero would be never, and a moment later is as good. */
		at.it_value.tv_nsec =
			(long)(at_ms % MS_PER_S) * NS_PER_MS + NS_PER_MS - 1;
	}
	(void)timerfd_settime(exporter->timer_fd, TFD_TIMER_ABSTIME, &at, NULL);
}

int wp_exporter_fd(const struct wp_exporter *exporter)
{
	return exporter->epoll_fd;
}

void wp_exporter_turn(struct wp_exporter *exporter)
{
	struct epoll_event events[EVENTS_PER_TURN];
	int most = 0; /* peers to accept */
	int n = epoll_wait(exporter->epoll_fd, events, EVENTS_PER_TURN, 0);

	for (int i = 0; i < n; i++) {
		struct peer *peer = events[i].data.ptr;

		if (events[i].data.ptr == &exporter->listener)
			most = ACCEPTS_PER_TURN;
		else if (events[i].data.ptr == &exporter->timer_fd)
			continue; /* it is set again below */
		else if (peer->answer.len > 0)
			peer_on_writable(exporter, peer);
		else
			peer_on_readable(exporter, peer);
	}
	/* Last, so that a new peer meets no event of an old one. */
	while (most-- > 0 && accept_one(exporter, wp_mono_ms()))
		continue;
	set_timer(exporter, drop_late(exporter, wp_mono_ms()));
}

static void run(void *ctx)
{
	struct wp_exporter *exporter = ctx;
	struct pollfd polls[] = {
		{ .fd = exporter->epoll_fd, .events = POLLIN },
		{ .fd = exporter->stop_fd, .events = POLLIN },
	};

	for (;;) {
		/* No signals come here. */
		(void)poll(polls, sizeof(polls) / sizeof(polls[0]), -1);
		if (polls[1].revents != 0)
			return;
		wp_exporter_turn(exporter);
	}
}

static enum wp_err open_fds(struct wp_exporter *exporter, struct wp_error *err)
{
	enum wp_err rc;
	int flags;

	exporter->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	exporter->timer_fd =
		timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
	if (exporter->epoll_fd == -1 || exporter->timer_fd == -1)
		return wp_error_sys(err, "descriptors for metrics");
	rc = wp_listen(exporter->setup.address, &exporter->listener, err);
	if (rc != WP_OK)
		return rc;
	/* A peer may be gone again between an event and accept(). */
	flags = fcntl(exporter->listener.fd, F_GETFL);
	if (flags == -1 ||
	    fcntl(exporter->listener.fd, F_SETFL, flags | O_NONBLOCK) == -1)
		return wp_error_sys(err, "fcntl for metrics");
	if (!watch(exporter, EPOLL_CTL_ADD, exporter->listener.fd, EPOLLIN,
		   &exporter->listener) ||
	    !watch(exporter, EPOLL_CTL_ADD, exporter->timer_fd, EPOLLIN,
		   &exporter->timer_fd))
		return wp_error_sys(err, "epoll for metrics");
	return WP_OK;
}

enum wp_err wp_exporter_open(struct wp_exporter **out,
			     const struct wp_exporter_setup *setup,
			     struct wp_error *err)
{
	struct wp_exporter *exporter = calloc(1, sizeof(*exporter));
	enum wp_err rc;
	size_t i;

	if (exporter == NULL)
		return wp_error_sys(err, "memory for metrics");
	exporter->setup = *setup;
	exporter->listener = WP_LISTENER_NONE;
	exporter->epoll_fd = -1;
	exporter->timer_fd = -1;
	exporter->stop_fd = -1;
	for (i = 0; i < PEERS_MAX; i++)
		exporter->peers[i].fd = -1;
	rc = wp_self_init(&exporter->self, setup->program, err);
	if (rc == WP_OK)
		rc = open_fds(exporter, err);
	if (rc == WP_OK) {
		*out = exporter;
		exporter = NULL;
	}
	wp_exporter_stop(&exporter);
	return rc;
}

enum wp_err wp_exporter_start(struct wp_exporter **out,
			      const struct wp_exporter_setup *setup,
			      struct wp_error *err)
{
	struct wp_thread_job job = { .run = run };
	struct wp_exporter *exporter = NULL;
	enum wp_err rc = wp_exporter_open(&exporter, setup, err);

	if (rc != WP_OK)
		return rc;
	job.ctx = exporter;
	exporter->stop_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (exporter->stop_fd == -1)
		rc = wp_error_sys(err, "eventfd for metrics");
	if (rc == WP_OK)
		rc = wp_thread_start(&exporter->thread, &job, err);
	if (rc == WP_OK) {
		*out = exporter;
		exporter = NULL;
	}
	wp_exporter_stop(&exporter);
	return rc;
}

static void close_own(const struct wp_exporter *exporter)
{
	if (exporter->epoll_fd != -1)
		close(exporter->epoll_fd);
	if (exporter->timer_fd != -1)
		close(exporter->timer_fd);
	if (exporter->stop_fd != -1)
		close(exporter->stop_fd);
}

struct wp_heir_socket wp_exporter_hand(const struct wp_exporter *exporter)
{
	return wp_listen_hand(&exporter->listener, exporter->setup.address);
}

void wp_exporter_give_up(struct wp_exporter *exporter)
{
	wp_listen_give_up(&exporter->listener);
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
			close_peer(e, &e->peers[i]);
	wp_listen_close(&e->listener);
	close_own(e);
	free(e);
	*exporter = NULL;
}

void wp_exporter_forget(struct wp_exporter *exporter)
{
	if (exporter == NULL)
		return;
	for (size_t i = 0; i < PEERS_MAX; i++)
		if (exporter->peers[i].fd != -1)
			close(exporter->peers[i].fd);
	close(exporter->listener.fd);
	close_own(exporter);
}

void wp_exporter_unlink(struct wp_exporter *exporter)
{
	if (exporter != NULL)
		wp_listen_unlink(&exporter->listener);
}
