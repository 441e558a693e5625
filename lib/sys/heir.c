/*
 * heir.c - descriptors that survive exec, and what they are, in two variables
 * of the environment.
 *
 * WP_HEIR is the process to take over from; another one's is left alone, for
 * whoever inherits an environment is no heir. WP_HEIR_SOCKETS has a line for
 * each socket: device and inode of its name, and its address. Descriptor 3 is
 * where the heir says that it serves, the sockets are those behind it.
 */
#include "lib/sys/heir.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/timerfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/base/buf.h"
#include "lib/base/log.h"

enum {
	READY_FD = 3,
	FIRST_FD,
	/* Above all that are given away, so that none is written over. */
	SPARE_FD = FIRST_FD + WP_HEIR_SOCKETS_MAX,
	ADDRESS_MAX = 300,
	MS_PER_S = 1000,
	NS_PER_MS = 1000000,
};

static const char pid_name[] = "WP_HEIR";
static const char sockets_name[] = "WP_HEIR_SOCKETS";

extern char **environ;

/* ---- who starts one ---- */

/* Of the manager, these are for this process only. */
static bool is_passed_on(const char *variable)
{
	static const char *const names[] = {
		"LISTEN_PID=",   "LISTEN_FDS=", "LISTEN_FDNAMES=",
		"WATCHDOG_PID=", "WP_HEIR=",    "WP_HEIR_SOCKETS="
	};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (strncmp(variable, names[i], strlen(names[i])) == 0)
			return false;
	return true;
}

static bool write_variables(struct wp_buf *pid, struct wp_buf *list,
			    const struct wp_heir_socket *sockets, size_t n)
{
	wp_buf_printf(pid, "%s=%d", pid_name, (int)getpid());
	wp_buf_add_char(pid, '\0');
	wp_buf_printf(list, "%s=", sockets_name);
	for (size_t i = 0; i < n; i++)
		wp_buf_printf(list, "%ju %ju %s\n", (uintmax_t)sockets[i].dev,
			      (uintmax_t)sockets[i].ino, sockets[i].address);
	wp_buf_add_char(list, '\0');
	return !pid->failed && !list->failed;
}

/* NULL when memory is exhausted; the texts are borrowed. */
static char **make_environment(const struct wp_buf *pid,
			       const struct wp_buf *list)
{
	size_t n = 0, kept = 0;
	char **out;

	while (environ[n] != NULL)
		n++;
	out = calloc(n + 3, sizeof(*out));
	if (out == NULL)
		return NULL;
	for (size_t i = 0; i < n; i++)
		if (is_passed_on(environ[i]))
			out[kept++] = environ[i];
	out[kept++] = pid->data;
	out[kept] = list->data;
	return out;
}

/* Copies of what is given away; fds[0] is where it says that it serves. */
static bool copy_high(int *fds, int ready_fd,
		      const struct wp_heir_socket *sockets, size_t n)
{
	bool is_fine = true;

	for (size_t i = 0; i <= n; i++) {
		int fd = i == 0 ? ready_fd : sockets[i - 1].fd;

		fds[i] = fcntl(fd, F_DUPFD_CLOEXEC, SPARE_FD);
		is_fine &= fds[i] != -1;
	}
	return is_fine;
}

static int spawn(pid_t *pid, char *const *argv, char **env, const int *fds,
		 size_t n)
{
	posix_spawn_file_actions_t actions;
	posix_spawnattr_t attributes;
	sigset_t none;
	int rc;

	sigemptyset(&none);
	rc = posix_spawn_file_actions_init(&actions);
	if (rc != 0)
		return rc;
	rc = posix_spawnattr_init(&attributes);
	if (rc != 0)
		goto out;
	/* Ours may be blocked, for whoever waits for them otherwise. */
	rc = posix_spawnattr_setsigmask(&attributes, &none);
	if (rc == 0)
		rc = posix_spawnattr_setflags(&attributes,
					      POSIX_SPAWN_SETSIGMASK);
	for (size_t i = 0; i <= n && rc == 0; i++)
		rc = posix_spawn_file_actions_adddup2(&actions, fds[i],
						      READY_FD + (int)i);
	/* Nothing else is the successor's, whoever opened it. */
	if (rc == 0)
		rc = posix_spawn_file_actions_addclosefrom_np(
			&actions, FIRST_FD + (int)n);
	if (rc == 0)
		rc = posix_spawnp(pid, argv[0], &actions, &attributes, argv,
				  env);
	posix_spawnattr_destroy(&attributes);
out:
	posix_spawn_file_actions_destroy(&actions);
	return rc;
}

static void close_fd(int *fd)
{
	if (*fd != -1)
		close(*fd);
	*fd = -1;
}

static void close_all(struct wp_successor *successor)
{
	close_fd(&successor->ready_fd);
	close_fd(&successor->pipe_fd);
	close_fd(&successor->timer_fd);
}

static bool watch(int epoll_fd, int fd)
{
	struct epoll_event event = { .events = EPOLLIN };

	return epoll_ctl(epoll_fd, EPOLL_CTL_ADD, fd, &event) == 0;
}

/* Whoever waits watches one descriptor, whatever there is to hear. */
static bool open_watch(struct wp_successor *successor, uint32_t wait_ms)
{
	const struct itimerspec at = {
		.it_value = { .tv_sec = wait_ms / MS_PER_S,
			      .tv_nsec =
				      (long)(wait_ms % MS_PER_S) * NS_PER_MS },
	};

	successor->timer_fd =
		timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
	successor->ready_fd = epoll_create1(EPOLL_CLOEXEC);
	return successor->timer_fd != -1 && successor->ready_fd != -1 &&
	       timerfd_settime(successor->timer_fd, 0, &at, NULL) == 0 &&
	       watch(successor->ready_fd, successor->pipe_fd) &&
	       watch(successor->ready_fd, successor->timer_fd);
}

static int start(struct wp_successor *successor, char *const *argv,
		 const struct wp_heir_socket *sockets, size_t n,
		 uint32_t wait_ms)
{
	int fds[1 + WP_HEIR_SOCKETS_MAX] = { -1, -1, -1, -1, -1 };
	int ready[2] = { -1, -1 };
	struct wp_buf pid, list;
	char **env = NULL;
	int rc = ENOMEM;

	wp_buf_init(&pid, 0);
	wp_buf_init(&list, 0);
	if (write_variables(&pid, &list, sockets, n))
		env = make_environment(&pid, &list);
	if (env == NULL)
		goto out;
	if (pipe2(ready, O_CLOEXEC | O_NONBLOCK) == -1) {
		rc = errno;
		goto out;
	}
	successor->pipe_fd = ready[0];
	if (!copy_high(fds, ready[1], sockets, n) ||
	    !open_watch(successor, wait_ms)) {
		rc = errno;
		goto out;
	}
	rc = spawn(&successor->pid, argv, env, fds, n);
out:
	for (size_t i = 0; i <= n; i++)
		close_fd(&fds[i]);
	close_fd(&ready[1]);
	if (rc != 0)
		close_all(successor);
	free(env);
	wp_buf_release(&pid);
	wp_buf_release(&list);
	return rc;
}

bool wp_successor_start(struct wp_successor *successor, char *const *argv,
			const struct wp_heir_socket *sockets, size_t n,
			uint32_t wait_ms)
{
	int rc;

	*successor = (struct wp_successor){ .ready_fd = -1,
					    .pipe_fd = -1,
					    .timer_fd = -1 };
	rc = start(successor, argv, sockets, n, wait_ms);
	if (rc != 0) {
		wp_log(NULL, WP_LOG_ERROR, "successor cannot be started",
		       wp_int("errno", rc));
		successor->pid = 0;
		return false;
	}
	wp_log(NULL, WP_LOG_INFO, "successor is started",
	       wp_int("pid", successor->pid));
	return true;
}

/*
 * A process that ends closes its descriptors a moment before it can be waited
 * for. One that has closed them and goes on is none that takes over.
 */
static void bury(pid_t pid)
{
	if (waitpid(pid, NULL, WNOHANG) != 0)
		return; /* perhaps somebody waits for all */
	(void)kill(pid, SIGKILL);
	(void)waitpid(pid, NULL, 0);
}

static bool is_late(const struct wp_successor *successor)
{
	uint64_t n;

	return read(successor->timer_fd, &n, sizeof(n)) == sizeof(n);
}

enum wp_succession wp_successor_hear(struct wp_successor *successor)
{
	char byte;
	ssize_t n = read(successor->pipe_fd, &byte, 1);
	bool is_silent = n == -1 && (errno == EAGAIN || errno == EINTR);

	if (is_silent && !is_late(successor))
		return WP_SUCCESSION_WAITS;
	close_all(successor);
	if (n == 1) {
		wp_log(NULL, WP_LOG_INFO, "successor has taken over",
		       wp_int("pid", successor->pid));
		return WP_SUCCESSION_TAKEN;
	}
	if (is_silent)
		wp_log(NULL, WP_LOG_ERROR,
		       "successor has not taken over in time and is killed",
		       wp_int("pid", successor->pid));
	else
		wp_log(NULL, WP_LOG_ERROR,
		       "successor has ended before it could take over",
		       wp_int("pid", successor->pid));
	/* Not asked to end: what it says from now on nobody hears, and a name
	 * that it took for its own would be gone. */
	bury(successor->pid);
	successor->pid = 0;
	return WP_SUCCESSION_OVER;
}

void wp_successor_cancel(struct wp_successor *successor)
{
	if (successor->pid == 0 || successor->ready_fd == -1)
		return;
	(void)kill(successor->pid, SIGTERM);
	close_all(successor);
}

/* ---- who is one ---- */

/* Of this process, from its first moment; the environment is told from. */
static struct {
	pid_t from; /* 0: nobody */
	int ready_fd;
	size_t n;
	struct wp_heir_socket sockets[WP_HEIR_SOCKETS_MAX];
	char addresses[WP_HEIR_SOCKETS_MAX][ADDRESS_MAX];
} heir;

static bool set_close_on_exec(int fd)
{
	return fcntl(fd, F_SETFD, FD_CLOEXEC) == 0;
}

/* Digits and a space; false for anything else. */
static bool read_number(const char **at, uintmax_t *out)
{
	const char *start = *at;
	char *end;

	errno = 0;
	*out = strtoumax(start, &end, 10);
	if (errno != 0 || *start < '0' || *start > '9' || *end != ' ')
		return false;
	*at = end + 1;
	return true;
}

/* One line of the list; false for anything else. */
static bool read_socket(const char *line, size_t len)
{
	struct wp_heir_socket *out = &heir.sockets[heir.n];
	char *address = heir.addresses[heir.n];
	char text[ADDRESS_MAX + 64];
	const char *at = text;
	uintmax_t dev, ino;

	if (len >= sizeof(text) || heir.n == WP_HEIR_SOCKETS_MAX)
		return false;
	memcpy(text, line, len);
	text[len] = '\0';
	if (!read_number(&at, &dev) || !read_number(&at, &ino) ||
	    strlen(at) >= ADDRESS_MAX)
		return false;
	memcpy(address, at, strlen(at) + 1);
	*out = (struct wp_heir_socket){
		.address = address,
		.fd = FIRST_FD + (int)heir.n,
		.dev = (dev_t)dev,
		.ino = (ino_t)ino,
	};
	heir.n++;
	return set_close_on_exec(out->fd);
}

void wp_heir_begin(void)
{
	const char *from = getenv(pid_name);
	const char *line = getenv(sockets_name);

	if (from != NULL && line != NULL &&
	    strtol(from, NULL, 10) == getppid() &&
	    set_close_on_exec(READY_FD)) {
		heir.from = getppid();
		heir.ready_fd = READY_FD;
		for (const char *end; (end = strchr(line, '\n')) != NULL;
		     line = end + 1)
			if (!read_socket(line, (size_t)(end - line)))
				break;
	}
	(void)unsetenv(pid_name);
	(void)unsetenv(sockets_name);
}

bool wp_heir_is_awaited(void)
{
	return heir.from != 0 && kill(heir.from, 0) == 0;
}

bool wp_heir_take(const char *address, struct wp_heir_socket *out)
{
	for (size_t i = 0; i < heir.n; i++) {
		struct wp_heir_socket *socket = &heir.sockets[i];

		if (socket->fd == -1 || strcmp(socket->address, address) != 0)
			continue;
		*out = *socket;
		socket->fd = -1;
		return true;
	}
	return false;
}

bool wp_heir_take_rest(struct wp_heir_socket *out)
{
	for (size_t i = 0; i < heir.n; i++)
		if (heir.sockets[i].fd != -1)
			return wp_heir_take(heir.sockets[i].address, out);
	return false;
}

void wp_heir_leave_to_parent(void)
{
	struct wp_heir_socket rest;

	if (heir.from == 0)
		return;
	close_fd(&heir.ready_fd);
	while (wp_heir_take_rest(&rest))
		close(rest.fd);
}

void wp_heir_tell_ready(void)
{
	if (heir.from == 0)
		return;
	(void)!write(heir.ready_fd, "", 1);
	close_fd(&heir.ready_fd);
	heir.from = 0;
}
