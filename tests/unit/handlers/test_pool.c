/*
 * Processes come, are replaced and go, and no request is lost on the way: a
 * connection waits in the backlog until somebody serves it.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "handlers/child.h"
#include "handlers/pool.h"
#include "handlers/request/metrics.h"

#include "tests/unit/handlers/fake.h"
#include "tests/unit/handlers/fake_fcgi.h"

enum { BACKLOG = 64, GIVE_UP_MS = 20000, DRAIN_MS = 200 };

struct stage {
	int listen_fd;
	struct sockaddr_un address;
	socklen_t address_len;
	pid_t parent; /* runs the pool */
};

static int hold_fd = -1;
int __real_accept4(int fd, struct sockaddr *address, socklen_t *len, int flags);
int __wrap_accept4(int fd, struct sockaddr *address, socklen_t *len, int flags);

/* Who finds nobody says so on hold_fd, and goes on when told. */
int __wrap_accept4(int fd, struct sockaddr *address, socklen_t *len, int flags)
{
	int accepted = __real_accept4(fd, address, len, flags);
	int error = errno;
	char byte = 0;

	if (accepted == -1 && hold_fd != -1 &&
	    (write(hold_fd, &byte, 1) != 1 || read(hold_fd, &byte, 1) != 1))
		_exit(98);
	errno = error;
	return accepted;
}

static int ask_fd = -1;
static int contested_fd;
bool __wrap_wp_share_is_ahead(const struct wp_seat *seat, size_t slack);

/*
 * Is the next one somebody else's? Where there is ask_fd, the first one is,
 * and he takes it. Each question is told there.
 */
bool __wrap_wp_share_is_ahead(const struct wp_seat *seat, size_t slack)
{
	static int questions;

	(void)seat;
	(void)slack;
	if (ask_fd == -1)
		return false;
	if (write(ask_fd, "?", 1) != 1)
		_exit(97);
	if (questions++ > 0)
		return false;
	close(accept(contested_fd, NULL, NULL));
	return true;
}

static struct wp_shared *on_reload(void *ctx)
{
	return ctx;
}

static void on_stop(void *ctx)
{
	(void)ctx;
}

/* In a process of its own: run a pool and end with its result. */
static void be_parent(int listen_fd)
{
	struct fake_world world;
	const struct wp_pool_hooks hooks = { on_reload, on_stop,
					     &world.shared };
	enum wp_err rc;

	if (!fake_world_begin(&world))
		_exit(2);
	world.conf.handlers.processes = 2;
	world.conf.handlers.threads = 2;
	world.conf.handlers.drain_ms = GIVE_UP_MS;
	rc = wp_pool_run(&world.shared, listen_fd, &hooks, NULL);
	fake_world_release(&world);
	_exit(rc == WP_OK ? 0 : 1);
}

static int set_up(void **state)
{
	struct stage *stage = calloc(1, sizeof(*stage));

	if (stage == NULL)
		return -1;
	*state = stage;
	hold_fd = -1;
	ask_fd = -1;
	/* An abstract name, chosen by the kernel (unix(7), autobind). */
	stage->listen_fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	stage->address.sun_family = AF_UNIX;
	stage->address_len = sizeof(stage->address);
	if (bind(stage->listen_fd, (struct sockaddr *)&stage->address,
		 sizeof(sa_family_t)) == -1 ||
	    getsockname(stage->listen_fd, (struct sockaddr *)&stage->address,
			&stage->address_len) == -1 ||
	    listen(stage->listen_fd, BACKLOG) == -1)
		return -1;
	stage->parent = fork();
	if (stage->parent == 0)
		be_parent(stage->listen_fd);
	return stage->parent == -1 ? -1 : 0;
}

/* Ask for /healthz; true when it is answered as it should. */
static bool ask(const struct stage *stage)
{
	static const char request[] =
		"\1\1\0\1\0\10\0\0" /* begin, 8 bytes */
		"\0\1\0\0\0\0\0\0"  /* responder, not kept */
		"\1\4\0\1\0\50\0\0" /* parameters, 40 bytes */
		"\16\3REQUEST_METHODGET"
		"\13\10REQUEST_URI/healthz"
		"\1\4\0\1\0\0\0\0" /* end of parameters */
		"\1\5\0\1\0\0\0";  /* end of the body; its NUL is a part */
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	char answer[2048];
	size_t len = 0;
	ssize_t n;

	if (connect(fd, (const struct sockaddr *)&stage->address,
		    stage->address_len) == -1 ||
	    send(fd, request, sizeof(request), MSG_NOSIGNAL) !=
		    (ssize_t)sizeof(request)) {
		close(fd);
		return false;
	}
	while (len < sizeof(answer) &&
	       (n = recv(fd, answer + len, sizeof(answer) - len, 0)) > 0)
		len += (size_t)n;
	close(fd);
	return memmem(answer, len, "Status: 200 ", 12) != NULL;
}

static int wait_for_parent(struct stage *stage)
{
	int status = -1;

	if (stage->parent > 0)
		(void)waitpid(stage->parent, &status, 0);
	stage->parent = -1;
	return status;
}

static int tear_down(void **state)
{
	struct stage *stage = *state;

	if (stage->parent > 0)
		(void)kill(stage->parent, SIGTERM);
	(void)wait_for_parent(stage);
	if (stage->listen_fd != -1)
		close(stage->listen_fd);
	free(stage);
	return 0;
}

/* The first child of the pool; 0 when the kernel does not tell. */
static pid_t first_child(const struct stage *stage)
{
	char path[64];
	int pid = 0;
	FILE *file;

	(void)snprintf(path, sizeof(path), "/proc/%d/task/%d/children",
		       stage->parent, stage->parent);
	file = fopen(path, "re");
	if (file == NULL)
		return 0;
	if (fscanf(file, "%d", &pid) != 1)
		pid = 0;
	(void)fclose(file);
	return pid;
}

/* Wait until somebody else's child has ended. */
static bool wait_for_end(pid_t pid)
{
	struct pollfd end = { .events = POLLIN };
	bool has_ended;

	end.fd = (int)syscall(SYS_pidfd_open, pid, 0);
	if (end.fd == -1)
		return true; /* it has ended already */
	has_ended = poll(&end, 1, GIVE_UP_MS) == 1;
	close(end.fd);
	return has_ended;
}

/*
 * Has the parent noticed that its child died? Else a stop that comes now would
 * take the death for a drain that failed. Requests are answered meanwhile.
 */
static bool is_buried(const struct stage *stage, pid_t pid)
{
	enum { TRIES = 20000 };

	for (int i = 0; i < TRIES; i++) {
		if (kill(pid, 0) == -1)
			return true;
		if (!ask(stage))
			return false;
	}
	return false;
}

static void a_stop_ends_everybody_in_peace(void **state)
{
	struct stage *stage = *state;

	assert_true(ask(stage));
	assert_int_equal(kill(stage->parent, SIGTERM), 0);

	assert_int_equal(wait_for_parent(stage), 0);
}

/* One process; Redis is nowhere, or at this address. Does not return. */
static void be_child(int listen_fd, int news_fd, int64_t drain_ms, char *redis)
{
	struct wp_place place = { .news_fd = news_fd };
	struct fake_world world;
	sigset_t stop;

	sigemptyset(&stop);
	sigaddset(&stop, SIGTERM);
	if (!fake_world_begin(&world) ||
	    wp_share_new(&place.seat.share, NULL) != WP_OK ||
	    sigprocmask(SIG_BLOCK, &stop, NULL) == -1)
		_exit(99);
	if (redis != NULL) {
		world.conf.redis.address = redis;
		world.conf.redis.command_timeout_ms = GIVE_UP_MS;
	}
	world.conf.handlers.threads = 4;
	world.conf.handlers.drain_ms = drain_ms;
	_exit(wp_child_run(&(struct wp_child_setup){
		.shared = &world.shared,
		.listen_fd = listen_fd,
		.place = &place,
	}));
}

static pid_t start_child(const struct stage *stage, int64_t drain_ms,
			 char *redis)
{
	struct wp_news news;
	pid_t child;
	int said[2];

	assert_int_equal(pipe(said), 0);
	assert_int_equal(fcntl(stage->listen_fd, F_SETFL, O_NONBLOCK), 0);
	child = fork();
	assert_int_not_equal(child, -1);
	if (child == 0)
		be_child(stage->listen_fd, said[1], drain_ms, redis);
	assert_int_equal(read(said[0], &news, sizeof(news)), sizeof(news));
	assert_int_equal(news.what, WP_NEWS_READY);
	assert_int_equal(news.pid, child);
	close(said[0]);
	close(said[1]);
	return child;
}

static int exit_status(pid_t child)
{
	int status = -1;

	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

/* Nothing is under way, so nothing is cut short. */
static void an_idle_stop_needs_no_time_to_drain(void **state)
{
	struct stage *stage = *state;
	pid_t child = start_child(stage, 0, NULL);

	assert_int_equal(kill(child, SIGTERM), 0);

	assert_int_equal(exit_status(child), 0);
}

/* End the pool, so that connections are the test's own process'. */
static void end_pool(struct stage *stage)
{
	assert_true(ask(stage));
	assert_int_equal(kill(stage->parent, SIGTERM), 0);
	assert_int_equal(wait_for_parent(stage), 0);
}

static int connect_to(const struct stage *stage)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_int_equal(connect(fd, (const struct sockaddr *)&stage->address,
				 stage->address_len),
			 0);
	return fd;
}

static void put_request(int fd, const char *uri)
{
	struct wp_buf bytes;

	wp_buf_init(&bytes, 0);
	fake_add_request(&bytes, "GET", uri, "");
	assert_int_equal(send(fd, bytes.data, bytes.len, MSG_NOSIGNAL),
			 bytes.len);
	wp_buf_release(&bytes);
}

static void await_byte(int fd)
{
	char byte;

	assert_int_equal(recv(fd, &byte, 1, 0), 1);
}

/* A Redis that takes connections and says nothing. */
static int listen_silently(char *address, size_t size)
{
	struct sockaddr_un path = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	(void)snprintf(path.sun_path, sizeof(path.sun_path),
		       "/tmp/test_pool.%d.sock", (int)getpid());
	(void)unlink(path.sun_path);
	(void)snprintf(address, size, "unix:%s", path.sun_path);
	assert_int_equal(bind(fd, (struct sockaddr *)&path, sizeof(path)), 0);
	assert_int_equal(listen(fd, BACKLOG), 0);
	return fd;
}

/* A request that comes at the very moment is one that is cut short. */
static void what_comes_when_time_is_over_is_cut(void **state)
{
	struct stage *stage = *state;
	int silent, fd, hold[2];
	char redis[128];
	pid_t child;

	end_pool(stage);
	silent = listen_silently(redis, sizeof(redis));
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, hold), 0);
	hold_fd = hold[1];
	child = start_child(stage, DRAIN_MS, redis);
	fd = connect_to(stage);
	put_request(fd, "/healthz");
	await_byte(fd);
	assert_int_equal(kill(child, SIGTERM), 0);
	await_byte(hold[0]); /* it accepts for the last time */
	put_request(fd, "/api/messages");
	(void)poll(NULL, 0, 2 * DRAIN_MS); /* its time goes by */

	assert_int_equal(write(hold[0], "", 1), 1);

	assert_int_equal(exit_status(child), WP_PROCS_CUT);
	hold_fd = -1;
	close(hold[0]);
	close(hold[1]);
	close(fd);
	close(silent);
	(void)unlink(redis + strlen("unix:"));
}

/* Also of one that comes after it has waited in vain. */
static void it_is_asked_of_each_newcomer_whose_he_is(void **state)
{
	struct stage *stage = *state;
	struct pollfd fds[2] = { { .events = POLLIN }, { .events = POLLIN } };
	int asked[2], hold[2], fd;
	pid_t child;

	end_pool(stage);
	assert_int_equal(pipe(asked), 0);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, hold), 0);
	hold_fd = hold[1];
	ask_fd = asked[1];
	contested_fd = stage->listen_fd;
	child = start_child(stage, 0, NULL);
	fd = connect_to(stage);
	assert_int_equal(read(asked[0], &(char){ 0 }, 1), 1);
	/* Another has taken it. */
	assert_int_equal(recv(fd, &(char){ 0 }, 1, 0), 0);
	close(fd);
	/* And nobody is left. */
	fds[0].fd = hold[0];
	assert_int_equal(poll(fds, 1, GIVE_UP_MS), 1);
	assert_int_equal(write(hold[0], "..", 2), 2);

	fds[0].fd = fd = connect_to(stage);
	put_request(fd, "/healthz");
	fds[1].fd = asked[0];
	assert_true(poll(fds, 2, GIVE_UP_MS) > 0);
	if (fds[1].revents == 0)
		await_byte(fd);
	assert_int_equal(poll(&fds[1], 1, 0), 1);

	await_byte(fd);
	assert_int_equal(kill(child, SIGTERM), 0);
	assert_int_equal(exit_status(child), 0);
	hold_fd = -1;
	close(fd);
	close(hold[0]);
	close(hold[1]);
	close(asked[0]);
	close(asked[1]);
}

static void nobody_waits_at_the_socket_of_one_that_stops(void **state)
{
	struct stage *stage = *state;
	int busy, fd, rc;
	pid_t child;

	end_pool(stage);
	child = start_child(stage, GIVE_UP_MS, NULL);
	busy = connect_to(stage);
	/* It begins a request, and says no more; FCGI_GET_VALUES behind it is
	 * answered when that was read. */
	assert_int_equal(send(busy,
			      "\1\1\0\1\0\10\0\0\0\1\0\0\0\0\0\0"
			      "\1\11\0\0\0\0\0",
			      24, MSG_NOSIGNAL),
			 24);
	await_byte(busy);
	/* Nobody else has it. */
	close(stage->listen_fd);
	stage->listen_fd = -1;
	assert_int_equal(kill(child, SIGTERM), 0);
	do {
		assert_int_equal(waitpid(child, NULL, WNOHANG), 0);
		fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
		rc = connect(fd, (const struct sockaddr *)&stage->address,
			     stage->address_len);
		close(fd);
	} while (rc == 0 || errno == EAGAIN);

	close(busy);
	assert_int_equal(exit_status(child), 0);
}

static void a_process_that_dies_is_followed_by_another(void **state)
{
	struct stage *stage = *state;

	assert_true(ask(stage));
	for (int i = 0; i < 4; i++) {
		pid_t victim = first_child(stage);

		if (victim == 0)
			skip();
		assert_int_equal(kill(victim, SIGKILL), 0);
		assert_true(wait_for_end(victim));
		assert_true(ask(stage));
		assert_true(is_buried(stage, victim));
	}
	assert_int_equal(kill(stage->parent, SIGTERM), 0);
	assert_int_equal(wait_for_parent(stage), 0);
}

static void a_reload_replaces_processes_while_requests_go_on(void **state)
{
	struct stage *stage = *state;
	pid_t before;

	assert_true(ask(stage));
	before = first_child(stage);
	if (before == 0)
		skip();
	assert_int_equal(kill(stage->parent, SIGHUP), 0);
	for (int i = 0; i < 50; i++)
		assert_true(ask(stage));

	assert_true(wait_for_end(before));
	assert_true(ask(stage));
	assert_int_equal(kill(stage->parent, SIGTERM), 0);
	assert_int_equal(wait_for_parent(stage), 0);
}

/* A manager that listens: NOTIFY_SOCKET leads to it. */
static int be_manager(void)
{
	struct sockaddr_un name = { .sun_family = AF_UNIX };
	socklen_t len = sizeof(name);
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	char text[sizeof(name.sun_path)] = "@";

	assert_int_equal(
		bind(fd, (const struct sockaddr *)&name, sizeof(sa_family_t)),
		0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&name, &len), 0);
	memcpy(text + 1, name.sun_path + 1,
	       len - offsetof(struct sockaddr_un, sun_path) - 1);
	assert_int_equal(setenv("NOTIFY_SOCKET", text, 1), 0);
	return fd;
}

/* What the manager hears next, but for how it goes. */
static void hear_news(int manager, char *text, size_t size)
{
	ssize_t n;

	do {
		n = recv(manager, text, size - 1, 0);
		assert_true(n > 0);
		text[n] = '\0';
	} while (strstr(text, "STATUS=") != NULL);
}

static void a_reload_makes_nobody_ready_who_was_not(void **state)
{
	struct stage *stage = *state;
	char said[256];
	sigset_t reload;
	int manager;

	end_pool(stage);
	manager = be_manager();
	stage->parent = fork();
	assert_int_not_equal(stage->parent, -1);
	if (stage->parent == 0) {
		sigemptyset(&reload);
		sigaddset(&reload, SIGHUP);
		/* It is there before any process can be. */
		if (sigprocmask(SIG_BLOCK, &reload, NULL) == -1 ||
		    raise(SIGHUP) != 0)
			_exit(97);
		be_parent(stage->listen_fd);
	}
	(void)unsetenv("NOTIFY_SOCKET");

	hear_news(manager, said, sizeof(said));
	assert_string_equal(said, "READY=1");
	assert_true(ask(stage));
	assert_int_equal(kill(stage->parent, SIGTERM), 0);
	assert_int_equal(wait_for_parent(stage), 0);
	hear_news(manager, said, sizeof(said));
	assert_string_equal(said, "STOPPING=1");
	close(manager);
}

static void processes_do_not_outlive_a_killed_parent(void **state)
{
	struct stage *stage = *state;
	pid_t child;

	assert_true(ask(stage));
	child = first_child(stage);
	if (child == 0)
		skip();
	assert_int_equal(kill(stage->parent, SIGKILL), 0);
	(void)wait_for_parent(stage);

	assert_true(wait_for_end(child));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_stop_ends_everybody_in_peace),
		TEST(an_idle_stop_needs_no_time_to_drain),
		TEST(what_comes_when_time_is_over_is_cut),
		TEST(it_is_asked_of_each_newcomer_whose_he_is),
		TEST(nobody_waits_at_the_socket_of_one_that_stops),
		TEST(a_process_that_dies_is_followed_by_another),
		TEST(a_reload_replaces_processes_while_requests_go_on),
		TEST(a_reload_makes_nobody_ready_who_was_not),
		TEST(processes_do_not_outlive_a_killed_parent),
	};

	wp_log_setup("test", WP_LOG_ERROR);
	(void)signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests_name("pool", tests, NULL, NULL);
}
