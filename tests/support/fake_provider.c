#include "tests/support/fake_provider.h"

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

bool fake_provider_can_be(void)
{
	FILE *said = popen("node --version 2>/dev/null", "r");
	int major = 0;
	bool is_new = said != NULL && fscanf(said, "v%d", &major) == 1 &&
		      major >= OLDEST_NODE;

	if (said != NULL)
		(void)pclose(said);
	if (!is_new)
		print_message("SKIPPED: there is no node of 20 or later, and "
			      "so no provider\n");
	return is_new;
}

void fake_certificate(const char *folder, const char *name, const char *host)
{
	char command[4 * FAKE_PATH_MAX];

	(void)snprintf(command, sizeof(command),
		       "openssl req -x509 -newkey ec -pkeyopt "
		       "ec_paramgen_curve:P-256 -nodes -days 2 -subj "
		       "/CN=provider -addext subjectAltName=%s -keyout "
		       "'%s/%s-key.pem' -out '%s/%s.pem' 2>/dev/null",
		       host, folder, name, folder, name);
	assert_int_equal(system(command), 0);
}

/* Say a line and hear one. */
static void hear(struct fake_provider *fake)
{
	assert_non_null(fgets(fake->line, sizeof(fake->line), fake->out));
}

void fake_provider_begin(struct fake_provider *fake, const char *folder,
			 const char *name, const char *more)
{
	char options[4 * FAKE_PATH_MAX];
	char program[] = "node";
	char script[] = "tests/push/provider.mjs";
	char *argv[] = { program, script, options, NULL };
	posix_spawn_file_actions_t actions;
	int in[2], out[2];

	(void)snprintf(options, sizeof(options),
		       "{\"cert\":\"%s/%s.pem\",\"key\":\"%s/%s-key.pem\"%s}",
		       folder, name, folder, name, more);
	assert_int_equal(pipe2(in, O_CLOEXEC), 0);
	assert_int_equal(pipe2(out, O_CLOEXEC), 0);
	assert_int_equal(posix_spawn_file_actions_init(&actions), 0);
	assert_int_equal(posix_spawn_file_actions_adddup2(&actions, in[0], 0),
			 0);
	assert_int_equal(posix_spawn_file_actions_adddup2(&actions, out[1], 1),
			 0);
	assert_int_equal(posix_spawnp(&fake->pid, program, &actions, NULL, argv,
				      environ),
			 0);
	(void)posix_spawn_file_actions_destroy(&actions);
	close(in[0]);
	close(out[1]);
	fake->in = fdopen(in[1], "w");
	fake->out = fdopen(out[0], "r");
	assert_non_null(fake->in);
	assert_non_null(fake->out);
	hear(fake);
	assert_int_equal(sscanf(fake->line, "{\"port\":%d}", &fake->port), 1);
}

void fake_provider_end(struct fake_provider *fake)
{
	int status;

	(void)fclose(fake->in);
	assert_int_equal(waitpid(fake->pid, &status, 0), fake->pid);
	(void)fclose(fake->out);
	assert_int_equal(status, 0);
}

void fake_provider_tell(struct fake_provider *fake, const char *token,
			const char *answers)
{
	(void)fprintf(fake->in, "{\"tell\":\"%s\",\"answers\":%s}\n", token,
		      answers);
	(void)fflush(fake->in);
	hear(fake);
}

void fake_provider_count(struct fake_provider *fake, const char *token,
			 int *requests_out, int *connections_out)
{
	(void)fprintf(fake->in, "{\"count\":\"%s\"}\n", token);
	(void)fflush(fake->in);
	hear(fake);
	assert_int_equal(sscanf(fake->line, "{\"count\":%d,\"connections\":%d}",
				requests_out, connections_out),
			 2);
}

const char *fake_provider_requests(struct fake_provider *fake)
{
	(void)fprintf(fake->in, "{\"requests\":true}\n");
	(void)fflush(fake->in);
	hear(fake);
	return fake->line;
}
