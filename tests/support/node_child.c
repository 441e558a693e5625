#include "tests/support/node_child.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { OLDEST_NODE = 20 };

extern char **environ;

bool node_child_can_be(void)
{
	FILE *said = popen("node --version 2>/dev/null", "r");
	int major = 0;
	bool is_new = said != NULL && fscanf(said, "v%d", &major) == 1 &&
		      major >= OLDEST_NODE;

	if (said != NULL)
		(void)pclose(said);
	if (!is_new)
		print_message("SKIPPED: there is no node of 20 or later\n");
	return is_new;
}

static void hear(struct node_child *child)
{
	assert_non_null(fgets(child->line, sizeof(child->line), child->out));
}

void node_child_begin(struct node_child *child, const char *script,
		      const char *argument)
{
	char program[] = "node";
	char *path = strdup(script);
	char *more = strdup(argument);
	char *argv[] = { program, path, more[0] != '\0' ? more : NULL, NULL };
	posix_spawn_file_actions_t actions;
	int in[2], out[2];

	assert_int_equal(pipe2(in, O_CLOEXEC), 0);
	assert_int_equal(pipe2(out, O_CLOEXEC), 0);
	assert_int_equal(posix_spawn_file_actions_init(&actions), 0);
	assert_int_equal(posix_spawn_file_actions_adddup2(&actions, in[0], 0),
			 0);
	assert_int_equal(posix_spawn_file_actions_adddup2(&actions, out[1], 1),
			 0);
	assert_int_equal(posix_spawnp(&child->pid, program, &actions, NULL,
				      argv, environ),
			 0);
	(void)posix_spawn_file_actions_destroy(&actions);
	close(in[0]);
	close(out[1]);
	free(path);
	free(more);
	child->in = fdopen(in[1], "w");
	child->out = fdopen(out[0], "r");
	assert_non_null(child->in);
	assert_non_null(child->out);
	hear(child);
}

void node_child_end(struct node_child *child)
{
	int status;

	(void)fclose(child->in);
	assert_int_equal(waitpid(child->pid, &status, 0), child->pid);
	(void)fclose(child->out);
	assert_int_equal(status, 0);
}

void node_child_ask(struct node_child *child, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	(void)vfprintf(child->in, format, args);
	va_end(args);
	(void)fputc('\n', child->in);
	(void)fflush(child->in);
	hear(child);
}
