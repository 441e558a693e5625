#include "tests/support/said.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

static void insist(int is_so)
{
	if (!is_so)
		abort();
}

void said_begin(struct said *said, enum wp_log_level threshold)
{
	fflush(stderr);
	wp_log_setup("waypost-test", threshold);
	said->file = memfd_create("stderr", MFD_CLOEXEC);
	said->saved = dup(STDERR_FILENO);
	insist(said->file >= 0 && said->saved >= 0);
	insist(dup2(said->file, STDERR_FILENO) == STDERR_FILENO);
}

const char *said_end(struct said *said)
{
	ssize_t n;

	fflush(stderr);
	wp_log_flush();
	insist(dup2(said->saved, STDERR_FILENO) == STDERR_FILENO);
	close(said->saved);
	n = pread(said->file, said->text, SAID_MAX - 1, 0);
	insist(n >= 0);
	said->text[n] = '\0';
	close(said->file);
	wp_log_setup("waypost-test", WP_LOG_ERROR);
	return said->text;
}
