/*
 * poller.c - epoll, edge by edge.
 */
#include "ws-daemon/poller.h"

#include <errno.h>
#include <stdint.h>
#include <sys/epoll.h>
#include <unistd.h>

/* What is taken at once; the rest is ready still. */
enum { EVENTS = 256 };

static unsigned meaning_of(uint32_t events)
{
	unsigned out = 0;

	if ((events & (EPOLLHUP | EPOLLERR | EPOLLRDHUP)) != 0)
		out |= WP_POLL_HANGUP | WP_POLL_INPUT;
	if ((events & EPOLLIN) != 0)
		out |= WP_POLL_INPUT;
	/* Writing finds out what has happened, too. */
	if ((events & (EPOLLOUT | EPOLLHUP | EPOLLERR)) != 0)
		out |= WP_POLL_ROOM;
	return out;
}

static void on_ready(struct ev_loop *loop, ev_io *io, int revents)
{
	struct wp_poller *poller = io->data;
	struct epoll_event events[EVENTS];
	int n = epoll_wait(io->fd, events, EVENTS, 0);

	(void)loop;
	(void)revents;
	for (int i = 0; i < n; i++)
		poller->fn(events[i].data.ptr, meaning_of(events[i].events));
}

enum wp_err wp_poller_init(struct wp_poller *poller, struct ev_loop *loop,
			   void (*fn)(void *owner, unsigned events),
			   struct wp_error *err)
{
	int fd = epoll_create1(EPOLL_CLOEXEC);

	*poller = (struct wp_poller){ .fn = fn };
	if (fd == -1)
		return wp_error_sys(err, "epoll");
	poller->loop = loop;
	ev_io_init(&poller->io, on_ready, fd, EV_READ);
	poller->io.data = poller;
	ev_io_start(loop, &poller->io);
	return WP_OK;
}

void wp_poller_release(struct wp_poller *poller)
{
	if (poller->loop == NULL)
		return;
	ev_io_stop(poller->loop, &poller->io);
	close(poller->io.fd);
	poller->loop = NULL;
}

static bool control(struct wp_poller *poller, int how, int fd,
		    struct epoll_event event)
{
	event.events |= EPOLLIN | EPOLLRDHUP | EPOLLET;
	return epoll_ctl(poller->io.fd, how, fd, &event) == 0;
}

bool wp_poller_add(struct wp_poller *poller, int fd, void *owner)
{
	return control(poller, EPOLL_CTL_ADD, fd,
		       (struct epoll_event){ .data.ptr = owner });
}

bool wp_poller_watch_room(struct wp_poller *poller, int fd, void *owner,
			  bool is_wanted)
{
	return control(poller, EPOLL_CTL_MOD, fd,
		       (struct epoll_event){
			       .events = is_wanted ? EPOLLOUT : 0,
			       .data.ptr = owner,
		       });
}
