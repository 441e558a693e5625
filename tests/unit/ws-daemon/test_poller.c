/* What the poller tells of a socket, and when. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "ws-daemon/poller.h"

struct ear {
	struct wp_poller poller;
	struct ev_loop *loop;
	int fd;
	int peer;
	unsigned heard; /* since it was last asked */
	int n_heard;
};

static void on_socket(void *owner, unsigned events)
{
	struct ear *ear = owner;

	ear->heard |= events;
	ear->n_heard++;
}

static void begin(struct ear *ear)
{
	int pair[2];

	memset(ear, 0, sizeof(*ear));
	ear->loop = ev_loop_new(EVFLAG_AUTO);
	assert_non_null(ear->loop);
	assert_int_equal(
		wp_poller_init(&ear->poller, ear->loop, on_socket, NULL),
		WP_OK);
	assert_int_equal(
		socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair), 0);
	ear->fd = pair[0];
	ear->peer = pair[1];
}

static void end(struct ear *ear)
{
	wp_poller_release(&ear->poller);
	wp_poller_release(&ear->poller);
	ev_loop_destroy(ear->loop);
	close(ear->fd);
	if (ear->peer != -1)
		close(ear->peer);
}

/* What was told in one turn of the loop. */
static unsigned listen_once(struct ear *ear)
{
	ear->heard = 0;
	ear->n_heard = 0;
	ev_run(ear->loop, EVRUN_NOWAIT);
	return ear->heard;
}

static void say(const struct ear *ear, const char *text)
{
	assert_int_equal(send(ear->peer, text, strlen(text), MSG_NOSIGNAL),
			 strlen(text));
}

static void input_is_told_once_when_it_comes(void **state)
{
	struct ear ear;

	(void)state;
	begin(&ear);
	assert_true(wp_poller_add(&ear.poller, ear.fd, &ear));
	assert_int_equal(listen_once(&ear), 0);
	say(&ear, "a");
	assert_int_equal(listen_once(&ear), WP_POLL_INPUT);
	/* It is there still, and that is no news. */
	assert_int_equal(listen_once(&ear), 0);
	say(&ear, "b");
	assert_int_equal(listen_once(&ear), WP_POLL_INPUT);
	assert_int_equal(ear.n_heard, 1);
	end(&ear);
}

static void what_is_there_already_is_told_as_well(void **state)
{
	struct ear ear;

	(void)state;
	begin(&ear);
	say(&ear, "a");
	assert_true(wp_poller_add(&ear.poller, ear.fd, &ear));
	assert_int_equal(listen_once(&ear), WP_POLL_INPUT);
	end(&ear);
}

static void end_behind_input_is_told_with_it(void **state)
{
	struct ear ear;

	(void)state;
	begin(&ear);
	assert_true(wp_poller_add(&ear.poller, ear.fd, &ear));
	say(&ear, "a");
	assert_int_equal(shutdown(ear.peer, SHUT_WR), 0);
	assert_int_equal(listen_once(&ear), WP_POLL_INPUT | WP_POLL_HANGUP);
	assert_int_equal(listen_once(&ear), 0);
	close(ear.peer);
	ear.peer = -1;
	assert_int_equal(listen_once(&ear),
			 WP_POLL_INPUT | WP_POLL_HANGUP | WP_POLL_ROOM);
	end(&ear);
}

static void room_is_told_while_it_is_asked_for(void **state)
{
	static char much[4096];
	struct ear ear;

	(void)state;
	begin(&ear);
	assert_true(wp_poller_add(&ear.poller, ear.fd, &ear));
	while (send(ear.fd, much, sizeof(much), MSG_NOSIGNAL) > 0)
		continue;
	assert_true(wp_poller_watch_room(&ear.poller, ear.fd, &ear, true));
	assert_int_equal(listen_once(&ear), 0);
	while (recv(ear.peer, much, sizeof(much), 0) > 0)
		continue;
	assert_int_equal(listen_once(&ear), WP_POLL_ROOM);
	assert_true(wp_poller_watch_room(&ear.poller, ear.fd, &ear, false));
	assert_int_equal(send(ear.fd, "a", 1, MSG_NOSIGNAL), 1);
	assert_int_equal(recv(ear.peer, much, sizeof(much), 0), 1);
	assert_int_equal(listen_once(&ear), 0);
	/* Asked for when there is some. */
	assert_true(wp_poller_watch_room(&ear.poller, ear.fd, &ear, true));
	assert_int_equal(listen_once(&ear), WP_POLL_ROOM);
	end(&ear);
}

static void nobody_is_told_of_a_socket_that_was_closed(void **state)
{
	struct ear ear;

	(void)state;
	begin(&ear);
	assert_true(wp_poller_add(&ear.poller, ear.fd, &ear));
	say(&ear, "a");
	close(ear.fd);
	assert_int_equal(listen_once(&ear), 0);
	ear.fd = ear.peer;
	ear.peer = -1;
	assert_false(wp_poller_add(&ear.poller, -1, &ear));
	end(&ear);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(input_is_told_once_when_it_comes),
		cmocka_unit_test(what_is_there_already_is_told_as_well),
		cmocka_unit_test(end_behind_input_is_told_with_it),
		cmocka_unit_test(room_is_told_while_it_is_asked_for),
		cmocka_unit_test(nobody_is_told_of_a_socket_that_was_closed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
