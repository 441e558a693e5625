/*
 * child.c - threads that accept, serve, and stop when told.
 *
 * Waiting is epoll on the listening socket, exclusive so that a connection
 * wakes one thread and not all of them, and on an eventfd that says stop. No
 * mutex around accept: with kept connections its holder would wait for its own
 * peer while everybody else starves.
 *
 * There is one thread more than may work at a time. Threads are all alike; the
 * one that has no place to work in goes on taking connections: it answers what
 * needs no work, and gives the others a seat, where those who have done their
 * work find them.
 */
#include "handlers/child.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lib/base/clock.h"

#include "lib/sys/program.h"

#include "handlers/fcgi_io.h"
#include "handlers/room.h"
#include "handlers/serve.h"

enum {
	ACCEPT_PAUSE_MS = 100, /* when descriptors ran out */
	/*
	 * For so long a connection is left to other processes, which may have a
	 * place, by one that has none.
	 */
	MOMENT_MS = 20,
	SEATS_MAX = 2048, /* with two processes: a whole accept queue */
	/*
	 * Connections that wait already when the stop comes are still served,
	 * but others may go on coming: each thread takes so many.
	 */
	LAST_CONNECTIONS = 64,
	WAIT_EVENTS = 2,
};

/* Of a thread: its epoll, its connection, Redis, and a store of two files. */
enum { THREAD_DESCRIPTORS = 6, SPARE_DESCRIPTORS = 32 };

struct child {
	struct wp_shared *shared;
	int listen_fd;
	int stop_fd;  /* eventfd; readable once and for all when stopping */
	int ended_fd; /* eventfd; counts threads that are about to end */
	struct wp_room *room; /* owned */
	atomic_size_t busy;   /* threads that have a request, or wait for it */
};

struct thread {
	pthread_t id;
	struct child *child;
	struct wp_ctx ctx;
	struct wp_fcgi *fcgi;  /* owned */
	struct wp_fcgi *spare; /* owned; in place of one that got a seat */
	int epoll_fd;          /* owned */
	bool is_taking;        /* has just taken one, and there may be more */
	unsigned int last_connections;
};

static bool is_stopping(const struct child *child)
{
	struct pollfd stop = { .fd = child->stop_fd, .events = POLLIN };

	return poll(&stop, 1, 0) == 1;
}

/* Wait until there may be a connection; false when the stop came instead. */
static bool wait_for_peer(struct thread *thread)
{
	struct epoll_event events[WAIT_EVENTS];
	int n;

	if (thread->is_taking ||
	    !wp_room_await_place(thread->child->room, MOMENT_MS))
		return !is_stopping(thread->child);
	do
		n = epoll_wait(thread->epoll_fd, events, WAIT_EVENTS, -1);
	while (n == -1 && errno == EINTR);
	for (int i = 0; i < n; i++)
		if (events[i].data.fd == thread->child->stop_fd)
			return false;
	return n > 0;
}

static bool is_shortage(int error)
{
	return error == EMFILE || error == ENFILE || error == ENOBUFS ||
	       error == ENOMEM;
}

/* The next connection, or -1 when this thread is to end. */
static int next_connection(struct thread *thread)
{
	struct pollfd stop = { .fd = thread->child->stop_fd, .events = POLLIN };

	for (;;) {
		bool is_going_on = wait_for_peer(thread);
		int fd;

		if (!is_going_on &&
		    thread->last_connections++ == LAST_CONNECTIONS)
			return -1;
		fd = accept4(thread->child->listen_fd, NULL, NULL,
			     SOCK_CLOEXEC);
		thread->is_taking = fd != -1;
		if (fd != -1)
			return fd;
		if (!is_going_on)
			return -1;
		if (is_shortage(errno))
			(void)poll(&stop, 1, ACCEPT_PAUSE_MS);
	}
}

/* Is there another request on a kept connection, before the stop? */
static bool wait_for_request(const struct thread *thread)
{
	struct pollfd fds[] = {
		{ .fd = wp_fcgi_fd(thread->fcgi), .events = POLLIN },
		{ .fd = thread->child->stop_fd, .events = POLLIN },
	};
	int n;

	do
		n = poll(fds, sizeof(fds) / sizeof(fds[0]), -1);
	while (n == -1 && errno == EINTR);
	return n > 0 && fds[0].revents != 0;
}

/* Keep what held a connection that is closed, for the next one. */
static void put_aside(struct thread *thread, struct wp_fcgi *fcgi)
{
	wp_fcgi_close(fcgi);
	if (thread->spare == NULL)
		thread->spare = fcgi;
	else
		wp_fcgi_free(&fcgi);
}

/*
 * The thread has a place: answer its request, and then those of all who have a
 * seat. False when the last one's connection is closed.
 */
static bool work(struct thread *thread)
{
	struct wp_fcgi *guest;

	for (;;) {
		bool is_kept;

		wp_serve(&thread->ctx, wp_fcgi_io(thread->fcgi));
		is_kept = wp_fcgi_finish(thread->fcgi);
		guest = wp_room_leave(thread->child->room);
		if (guest == NULL)
			return is_kept;
		put_aside(thread, thread->fcgi);
		thread->fcgi = guest;
	}
}

/* A place, a seat, or neither; as wp_room_enter(). */
static enum wp_room_way enter(struct thread *thread)
{
	enum wp_room_way way;

	if (thread->spare == NULL)
		thread->spare = wp_fcgi_new();
	if (thread->spare == NULL)
		return WP_ROOM_FULL;
	way = wp_room_enter(thread->child->room, thread->fcgi);
	if (way == WP_ROOM_WAIT) {
		thread->fcgi = thread->spare;
		thread->spare = NULL;
	}
	return way;
}

/* Answer one request; false when its connection is not ours any more. */
static bool serve_request(struct thread *thread, struct wp_io *io)
{
	if (!wp_serve_is_work(thread->child->shared, io)) {
		wp_serve(&thread->ctx, io);
		return wp_fcgi_finish(thread->fcgi);
	}
	switch (enter(thread)) {
	case WP_ROOM_WORK:
		return work(thread);
	case WP_ROOM_WAIT:
		return false;
	default:
		wp_serve_full(&thread->ctx, io);
		return wp_fcgi_finish(thread->fcgi);
	}
}

static void serve_connection(struct thread *thread, int fd)
{
	struct child *child = thread->child;
	bool is_kept;

	wp_fcgi_open(thread->fcgi, fd);
	do {
		struct wp_io *io;

		atomic_fetch_add(&child->busy, 1);
		io = wp_fcgi_next(thread->fcgi);
		is_kept = io != NULL && serve_request(thread, io);
		atomic_fetch_sub(&child->busy, 1);
	} while (is_kept && !is_stopping(child) && wait_for_request(thread));
	wp_fcgi_close(thread->fcgi);
}

static void *thread_main(void *arg)
{
	struct thread *thread = arg;
	int fd;

	while ((fd = next_connection(thread)) != -1)
		serve_connection(thread, fd);
	(void)eventfd_write(thread->child->ended_fd, 1); /* cannot overflow */
	return NULL;
}

static enum wp_err watch(struct thread *thread, int fd, uint32_t events,
			 struct wp_error *err)
{
	struct epoll_event event = { .events = events, .data.fd = fd };

	if (epoll_ctl(thread->epoll_fd, EPOLL_CTL_ADD, fd, &event) == -1)
		return wp_error_sys(err, "epoll_ctl");
	return WP_OK;
}

static enum wp_err prepare(struct thread *thread, struct child *child,
			   struct wp_error *err)
{
	enum wp_err rc;

	thread->child = child;
	rc = wp_ctx_init(&thread->ctx, child->shared, err);
	if (rc != WP_OK)
		return rc;
	thread->fcgi = wp_fcgi_new();
	if (thread->fcgi == NULL)
		return wp_error_set(err, WP_ERR_NOMEM, "memory is exhausted");
	thread->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	if (thread->epoll_fd == -1)
		return wp_error_sys(err, "epoll_create1");
	rc = watch(thread, child->listen_fd, EPOLLIN | EPOLLEXCLUSIVE, err);
	if (rc == WP_OK)
		rc = watch(thread, child->stop_fd, EPOLLIN, err);
	return rc;
}

static void release(struct thread *thread)
{
	wp_fcgi_free(&thread->fcgi);
	wp_fcgi_free(&thread->spare);
	wp_ctx_release(&thread->ctx);
	if (thread->epoll_fd != -1)
		close(thread->epoll_fd);
}

/* Start threads one by one; *n_out is how many run, also after an error. */
static enum wp_err start(struct child *child, struct thread *threads, size_t n,
			 size_t *n_out, struct wp_error *err)
{
	for (size_t i = 0; i < n; i++) {
		enum wp_err rc = prepare(&threads[i], child, err);
		int failure;

		if (rc != WP_OK)
			return rc;
		failure = pthread_create(&threads[i].id, NULL, thread_main,
					 &threads[i]);
		if (failure != 0) {
			errno = failure;
			return wp_error_sys(err, "cannot start a thread");
		}
		(*n_out)++;
	}
	return WP_OK;
}

static void wait_for_stop(void)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	while (sigwaitinfo(&set, NULL) == -1 && errno == EINTR)
		continue;
}

/*
 * Wait until n threads are about to end; false when the time was not enough for
 * one that has a request. The others end in a moment, whatever the time.
 * pthread_timedjoin_np() would wait by a clock that can be set.
 */
static bool wait_for_ends(const struct child *child, size_t n)
{
	uint64_t end_ms =
		wp_mono_ms() + (uint64_t)child->shared->conf->handlers.drain_ms;
	struct pollfd ended = { .fd = child->ended_fd, .events = POLLIN };
	eventfd_t count = 0;

	for (size_t seen = 0; seen < n; seen += count) {
		uint64_t now_ms = wp_mono_ms();
		bool is_over = now_ms >= end_ms;

		count = 0;
		if (poll(&ended, 1,
			 is_over ? MOMENT_MS : (int)(end_ms - now_ms)) == 1)
			(void)eventfd_read(child->ended_fd, &count);
		else if (is_over && atomic_load(&child->busy) > 0)
			return false;
	}
	return true;
}

/* Tell all threads and wait for them; false when the time was not enough. */
static bool drain(const struct child *child, const struct thread *threads,
		  size_t n)
{
	if (eventfd_write(child->stop_fd, 1) == -1 || !wait_for_ends(child, n))
		return false;
	for (size_t i = 0; i < n; i++)
		(void)pthread_join(threads[i].id, NULL);
	return true;
}

static void tell_ready(int ready_fd)
{
	pid_t pid = getpid();

	if (ready_fd != -1 && write(ready_fd, &pid, sizeof(pid)) == -1)
		wp_log(NULL, WP_LOG_WARN, "cannot tell that it is ready",
		       wp_int("errno", errno));
}

/* Start all threads and stay until the stop; *running_out as start(). */
static enum wp_err run(struct child *child, struct thread *threads, size_t n,
		       int ready_fd, size_t *running_out)
{
	struct wp_error err;
	enum wp_err rc = wp_fcgi_setup(&err);

	if (rc == WP_OK)
		rc = start(child, threads, n, running_out, &err);
	if (rc == WP_OK) {
		tell_ready(ready_fd);
		wait_for_stop();
	} else {
		wp_log(NULL, WP_LOG_ERROR, "process cannot start",
		       wp_str("error", err.msg));
	}
	return rc;
}

uint64_t wp_child_descriptors(const struct wp_conf *conf)
{
	uint64_t threads = (uint64_t)conf->handlers.threads + 1;

	return threads * THREAD_DESCRIPTORS + SPARE_DESCRIPTORS;
}

/* A seat is a connection; what the threads need goes first. */
static struct wp_room *make_room(const struct wp_conf *conf)
{
	uint64_t limit = wp_program_raise_descriptors();
	uint64_t taken = wp_child_descriptors(conf);
	uint64_t seats = limit > taken ? limit - taken : 0;

	return wp_room_new((size_t)conf->handlers.threads,
			   seats < SEATS_MAX ? (size_t)seats : SEATS_MAX);
}

int wp_child_run(struct wp_shared *shared, int listen_fd, int ready_fd)
{
	size_t n = (size_t)shared->conf->handlers.threads + 1, running = 0;
	struct thread *threads = calloc(n, sizeof(*threads));
	struct child child = {
		.shared = shared,
		.listen_fd = listen_fd,
		.stop_fd = eventfd(0, EFD_CLOEXEC),
		.ended_fd = eventfd(0, EFD_CLOEXEC),
		.room = make_room(shared->conf),
	};
	int status = EXIT_FAILURE;

	if (threads == NULL || child.room == NULL || child.stop_fd == -1 ||
	    child.ended_fd == -1)
		goto out;
	for (size_t i = 0; i < n; i++)
		threads[i].epoll_fd = -1;
	if (run(&child, threads, n, ready_fd, &running) == WP_OK)
		status = EXIT_SUCCESS;
	/* Threads that are still at work use all of it: leave it alone. */
	if (running > 0 && !drain(&child, threads, running))
		return WP_CHILD_CUT;
	for (size_t i = 0; i < n; i++)
		release(&threads[i]);
out:
	free(threads);
	wp_room_free(&child.room);
	if (child.stop_fd != -1)
		close(child.stop_fd);
	if (child.ended_fd != -1)
		close(child.ended_fd);
	return status;
}
