/*
 * systemd.c - see systemd.h. systemctl is asked rather than its
 * bus: it is there wherever systemd is, and needs no library.
 */
#include "tools/waypost/doctor/systemd.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/base/clock.h"

enum { ASK_MS = 5000, UNITS_MAX = 16, WORDS = 5 };

bool wp_doctor_has_systemd(void)
{
	return access("/run/systemd/system", F_OK) == 0;
}

/* Read until the end, or ASK_MS have passed. */
static bool read_all(int fd, char *out, size_t room)
{
	uint64_t until_ms = wp_mono_ms() + ASK_MS;
	size_t len = 0;

	for (;;) {
		struct pollfd what = { .fd = fd, .events = POLLIN };
		uint64_t now_ms = wp_mono_ms();
		ssize_t n;

		if (now_ms >= until_ms ||
		    poll(&what, 1, (int)(until_ms - now_ms)) <= 0)
			return false;
		n = read(fd, out + len, room - 1 - len);
		if (n == -1 && errno == EINTR)
			continue;
		if (n <= 0 || len + (size_t)n == room - 1) {
			out[len + (n > 0 ? (size_t)n : 0)] = '\0';
			return n >= 0;
		}
		len += (size_t)n;
	}
}

static pid_t start(char *const *words, int out_fd)
{
	static char path[] = "PATH=/usr/bin:/bin", plain[] = "LC_ALL=C";
	char *env[] = { path, plain, NULL };
	posix_spawn_file_actions_t files;
	pid_t pid = -1;

	if (posix_spawn_file_actions_init(&files) != 0)
		return -1;
	if (posix_spawn_file_actions_adddup2(&files, out_fd, STDOUT_FILENO) ==
		    0 &&
	    posix_spawn_file_actions_addopen(&files, STDERR_FILENO, "/dev/null",
					     O_WRONLY, 0) == 0 &&
	    posix_spawnp(&pid, words[0], &files, NULL, words, env) != 0)
		pid = -1;
	(void)posix_spawn_file_actions_destroy(&files);
	return pid;
}

bool wp_doctor_show(const char *const *units, const char *properties, char *out,
		    size_t room)
{
	/* Without --all a pattern finds no unit that is stopped. */
	static char name[] = "systemctl", show[] = "show",
		    pager[] = "--no-pager", all[] = "--all";
	char option[512], texts[UNITS_MAX][64];
	char *words[WORDS + UNITS_MAX + 1] = { name, show, pager, all, option };
	int ends[2] = { -1, -1 };
	bool is_told = false;
	size_t n = 5;
	pid_t pid;

	(void)snprintf(option, sizeof(option), "--property=%s", properties);
	for (size_t i = 0; units[i] != NULL && i < UNITS_MAX; i++) {
		(void)snprintf(texts[i], sizeof(texts[i]), "%s", units[i]);
		words[n++] = texts[i];
	}
	words[n] = NULL;
	out[0] = '\0';
	if (pipe2(ends, O_CLOEXEC) == -1)
		return false;
	pid = start(words, ends[1]);
	close(ends[1]);
	if (pid != -1) {
		is_told = read_all(ends[0], out, room);
		if (!is_told)
			(void)kill(pid, SIGKILL);
		while (waitpid(pid, NULL, 0) == -1 && errno == EINTR)
			;
	}
	close(ends[0]);
	return is_told;
}

bool wp_doctor_property(const char *text, const char *name, char *out,
			size_t room)
{
	size_t len = strlen(name);

	/* A blank line ends the unit. */
	while (*text != '\0' && *text != '\n') {
		size_t line = strcspn(text, "\n");

		if (line > len && strncmp(text, name, len) == 0 &&
		    text[len] == '=') {
			(void)snprintf(out, room, "%.*s", (int)(line - len - 1),
				       text + len + 1);
			return true;
		}
		text += line + (text[line] == '\n');
	}
	return false;
}
