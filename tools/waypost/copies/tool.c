/*
 * tool.c - fork, exec and waitpid. What a child says goes to a file without a
 * name: it waits for nobody who would have to read meanwhile.
 */
#include "tools/waypost/copies/tool.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

enum { NOT_FOUND = 127, SAID_MAX = 4096 };

static void become(const struct wp_tool_how *how)
{
	if (!how->is_other)
		return;
	if (setgroups(0, NULL) == -1 || setgid(how->gid) == -1 ||
	    setuid(how->uid) == -1)
		_exit(EXIT_FAILURE);
}

/* The child, up to its program. */
static _Noreturn void run(const struct wp_tool_how *how, int said_fd,
			  pid_t parent)
{
	int nothing = open("/dev/null", O_RDONLY | O_CLOEXEC);
	sigset_t none;

	(void)sigemptyset(&none);
	if (nothing == -1 || dup2(nothing, STDIN_FILENO) == -1 ||
	    dup2(said_fd, STDOUT_FILENO) == -1 ||
	    dup2(said_fd, STDERR_FILENO) == -1 ||
	    sigprocmask(SIG_SETMASK, &none, NULL) == -1 ||
	    signal(SIGPIPE, SIG_DFL) == SIG_ERR)
		_exit(EXIT_FAILURE);
	if (how->variable != NULL && setenv(how->variable, how->value, 1) == -1)
		_exit(EXIT_FAILURE);
	become(how);
	/* Behind setuid(), which takes it back: prctl(2). */
	if (prctl(PR_SET_PDEATHSIG, SIGTERM) == -1 || getppid() != parent)
		_exit(EXIT_FAILURE);
	/* execvp(3) changes none of them. */
	(void)execvp(how->argv[0], (char *const *)(uintptr_t)how->argv);
	_exit(errno == ENOENT ? NOT_FOUND : EXIT_FAILURE);
}

enum wp_err wp_tool_start(struct wp_tool *out, const struct wp_tool_how *how,
			  struct wp_error *err)
{
	pid_t parent = getpid();

	*out = WP_TOOL_NONE;
	out->said_fd = memfd_create("said", MFD_CLOEXEC);
	if (out->said_fd == -1)
		return wp_error_sys(err, "%s", how->argv[0]);
	out->pid = fork();
	if (out->pid == 0)
		run(how, out->said_fd, parent);
	if (out->pid > 0)
		return WP_OK;
	out->pid = 0;
	(void)wp_error_sys(err, "%s", how->argv[0]);
	wp_tool_stop(out);
	return WP_ERR_SYS;
}

bool wp_tool_runs(const struct wp_tool *tool)
{
	siginfo_t info = { .si_pid = 0 };

	return waitid(P_PID, (id_t)tool->pid, &info,
		      WEXITED | WNOHANG | WNOWAIT) == 0 &&
	       info.si_pid == 0;
}

static enum wp_err read_said(int fd, struct wp_buf *said, struct wp_error *err)
{
	off_t end = lseek(fd, 0, SEEK_END);
	char *room = wp_buf_reserve(said, SAID_MAX);
	ssize_t n;

	if (room == NULL)
		return wp_error_set(err, WP_ERR_NOMEM, "out of memory");
	n = pread(fd, room, SAID_MAX, end > SAID_MAX ? end - SAID_MAX : 0);
	if (end == -1 || n == -1)
		return wp_error_sys(err, "what a program said");
	said->len += (size_t)n;
	room[n] = '\0';
	return WP_OK;
}

/* The last line with something in it. */
static const char *last_line(const struct wp_buf *said, size_t *len_out)
{
	size_t end = said->len;
	size_t begin;

	while (end > 0 && strchr("\r\n ", said->data[end - 1]) != NULL)
		end--;
	for (begin = end; begin > 0 && said->data[begin - 1] != '\n' &&
			  said->data[begin - 1] != '\r';)
		begin--;
	*len_out = end - begin;
	return said->len > 0 ? said->data + begin : "";
}

static enum wp_err judge(const char *name, int status,
			 const struct wp_buf *said, struct wp_error *err)
{
	enum { SHOWN = 180 };
	const char *line;
	size_t len;

	if (WIFEXITED(status) && WEXITSTATUS(status) == EXIT_SUCCESS)
		return WP_OK;
	if (WIFEXITED(status) && WEXITSTATUS(status) == NOT_FOUND)
		return wp_error_set(err, WP_ERR_NOTFOUND,
				    "there is no %s here; it is in the package "
				    "redis-tools or redis-server",
				    name);
	line = last_line(said, &len);
	return wp_error_set(err, WP_ERR_UNAVAIL, "%s failed: %.*s", name,
			    (int)(len < SHOWN ? len : SHOWN), line);
}

enum wp_err wp_tool_wait(struct wp_tool *tool, const char *name,
			 struct wp_buf *said, struct wp_error *err)
{
	int status = 0;
	enum wp_err rc;

	while (waitpid(tool->pid, &status, 0) == -1)
		if (errno != EINTR)
			return wp_error_sys(err, "%s", name);
	tool->pid = 0;
	rc = read_said(tool->said_fd, said, err);
	wp_tool_stop(tool);
	return rc == WP_OK ? judge(name, status, said, err) : rc;
}

void wp_tool_stop(struct wp_tool *tool)
{
	if (tool->pid > 0) {
		(void)kill(tool->pid, SIGKILL);
		while (waitpid(tool->pid, NULL, 0) == -1 && errno == EINTR)
			;
	}
	if (tool->said_fd != -1)
		(void)close(tool->said_fd);
	*tool = WP_TOOL_NONE;
}

enum wp_err wp_tool_run(const struct wp_tool_how *how, struct wp_buf *said,
			struct wp_error *err)
{
	struct wp_tool tool;
	enum wp_err rc = wp_tool_start(&tool, how, err);

	return rc == WP_OK ? wp_tool_wait(&tool, how->argv[0], said, err) : rc;
}
