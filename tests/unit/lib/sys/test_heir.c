/* What a successor gets, and what is heard of it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "lib/base/log.h"
#include "lib/sys/heir.h"

enum { GIVE_UP_MS = 20000, LATE_MS = 20 };

static char sh[] = "/bin/sh", dash_c[] = "-c";

/* What has become of a successor that runs these words, at the latest then. */
static enum wp_succession run_for(char *words,
				  const struct wp_heir_socket *sockets,
				  size_t n, uint32_t wait_ms)
{
	char *argv[] = { sh, dash_c, words, NULL };
	struct wp_successor successor;
	struct pollfd ready = { .events = POLLIN };
	enum wp_succession what;

	assert_true(wp_successor_start(&successor, argv, sockets, n, wait_ms));
	ready.fd = successor.ready_fd;
	assert_int_equal(poll(&ready, 1, GIVE_UP_MS), 1);
	what = wp_successor_hear(&successor);
	assert_int_equal(successor.ready_fd, -1);
	assert_true(what == WP_SUCCESSION_TAKEN || successor.pid == 0);
	/* Nobody else would bury it. */
	if (what == WP_SUCCESSION_OVER)
		assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
	while (waitpid(-1, NULL, 0) > 0)
		continue;
	return what;
}

static enum wp_succession run(char *words, const struct wp_heir_socket *sockets,
			      size_t n)
{
	return run_for(words, sockets, n, GIVE_UP_MS);
}

static void who_serves_is_heard_and_who_ends_as_well(void **state)
{
	char says[] = "printf x >&3", ends[] = "exit 1";
	char hangs[] = "exec 3>&-; exec sleep 1000";

	(void)state;
	assert_int_equal(run(says, NULL, 0), WP_SUCCESSION_TAKEN);
	assert_int_equal(run(ends, NULL, 0), WP_SUCCESSION_OVER);
	assert_int_equal(run(hangs, NULL, 0), WP_SUCCESSION_OVER);
}

static void who_says_nothing_is_not_waited_for_for_ever(void **state)
{
	char hangs[] = "exec sleep 1000", waits[] = "read it <&4; printf x >&3";
	struct wp_heir_socket begin = { .address = "" };
	char *argv[] = { sh, dash_c, waits, NULL };
	struct wp_successor successor;
	struct pollfd ready = { .events = POLLIN };
	int word[2];

	(void)state;
	assert_int_equal(run_for(hangs, NULL, 0, LATE_MS), WP_SUCCESSION_OVER);

	/* Before that its silence means nothing. */
	assert_int_equal(pipe(word), 0);
	begin.fd = word[0];
	assert_true(
		wp_successor_start(&successor, argv, &begin, 1, GIVE_UP_MS));
	assert_int_equal(wp_successor_hear(&successor), WP_SUCCESSION_WAITS);
	assert_int_equal(write(word[1], "\n", 1), 1);
	ready.fd = successor.ready_fd;
	assert_int_equal(poll(&ready, 1, GIVE_UP_MS), 1);
	assert_int_equal(wp_successor_hear(&successor), WP_SUCCESSION_TAKEN);
	assert_int_equal(waitpid(successor.pid, NULL, 0), successor.pid);
	close(word[0]);
	close(word[1]);
}

static void what_is_no_program_is_not_started(void **state)
{
	char nothing[] = "/nonexistent/waypost";
	char *argv[] = { nothing, NULL };
	struct wp_successor successor;

	(void)state;
	assert_false(wp_successor_start(&successor, argv, NULL, 0, GIVE_UP_MS));
	assert_int_equal(successor.pid, 0);
	assert_int_equal(successor.ready_fd, -1);
}

static void it_gets_its_sockets_and_nothing_else(void **state)
{
	/* Both files are there, in their order, and no descriptor behind. */
	char words[] = "test \"$(cat <&4)$(cat <&5)\" = onetwo && "
		       "! ( : <&6 ) 2>/dev/null && ! ( : <&40 ) 2>/dev/null && "
		       "printf x >&3";
	struct wp_heir_socket sockets[2] = { { .address = "" },
					     { .address = "" } };
	static const char *const said[] = { "one", "two" };
	int files[2][2], stray;

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		assert_int_equal(pipe(files[i]), 0);
		assert_int_equal(write(files[i][1], said[i], 3), 3);
		close(files[i][1]);
		sockets[i].fd = files[i][0];
	}
	/* Of a library that does not close its own on exec. */
	stray = fcntl(STDERR_FILENO, F_DUPFD, 40);
	assert_int_equal(stray, 40);

	assert_int_equal(run(words, sockets, 2), WP_SUCCESSION_TAKEN);

	close(stray);
	close(files[0][0]);
	close(files[1][0]);
}

static void manager_s_words_to_us_are_not_passed_on(void **state)
{
	char words[] = "test -z \"$WATCHDOG_PID\" && test -n \"$WP_HEIR\" && "
		       "test -n \"$KEPT\" && printf x >&3";

	(void)state;
	assert_int_equal(setenv("WATCHDOG_PID", "1", 1), 0);
	assert_int_equal(setenv("KEPT", "1", 1), 0);
	assert_int_equal(run(words, NULL, 0), WP_SUCCESSION_TAKEN);
}

/* In a process of its own, with these at 3 and behind. */
static void be_heir(int ready_fd, int socket_fd, pid_t from, const char *list)
{
	struct wp_heir_socket got;
	char text[16];
	bool is_heir;

	(void)snprintf(text, sizeof(text), "%d", (int)from);
	if (dup2(socket_fd, 40) == -1 || dup2(ready_fd, 3) == -1 ||
	    dup2(40, 4) == -1 || dup2(40, 5) == -1 ||
	    setenv("WP_HEIR", text, 1) == -1 ||
	    setenv("WP_HEIR_SOCKETS", list, 1) == -1)
		_exit(2);
	wp_heir_begin();
	is_heir = wp_heir_is_awaited();
	if (getenv("WP_HEIR") != NULL)
		_exit(3);
	if (!is_heir)
		_exit(wp_heir_take("unix:/a b", &got) ? 4 : 10);
	if (wp_heir_take("unix:/a", &got) || !wp_heir_take("unix:/a b", &got) ||
	    got.fd != 4 || got.dev != 7 || got.ino != 8 ||
	    fcntl(4, F_GETFD) != FD_CLOEXEC || wp_heir_take("unix:/a b", &got))
		_exit(5);
	wp_heir_tell_ready();
	if (!wp_heir_take_rest(&got) || got.fd != 5 ||
	    strcmp(got.address, "unix:/c") != 0 || wp_heir_take_rest(&got))
		_exit(7);
	_exit(wp_heir_is_awaited() ? 6 : 0);
}

static int status_of_heir(pid_t from, const char *list, char *said)
{
	int ready[2], status;
	pid_t pid;

	assert_int_equal(pipe(ready), 0);
	pid = fork();
	assert_int_not_equal(pid, -1);
	if (pid == 0)
		be_heir(ready[1], ready[1], from, list);
	close(ready[1]);
	*said = '-';
	(void)!read(ready[0], said, 1);
	close(ready[0]);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

static void heir_takes_what_it_asks_for_once(void **state)
{
	char said;

	(void)state;
	assert_int_equal(
		status_of_heir(getpid(), "7 8 unix:/a b\n9 9 unix:/c\n", &said),
		0);
	assert_int_equal(said, '\0');
}

static void who_has_the_words_of_another_is_no_heir(void **state)
{
	char said;

	(void)state;
	assert_int_equal(status_of_heir(1, "7 8 unix:/a b\n", &said), 10);
	assert_int_equal(said, '-');
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(who_serves_is_heard_and_who_ends_as_well),
		cmocka_unit_test(who_says_nothing_is_not_waited_for_for_ever),
		cmocka_unit_test(what_is_no_program_is_not_started),
		cmocka_unit_test(it_gets_its_sockets_and_nothing_else),
		cmocka_unit_test(manager_s_words_to_us_are_not_passed_on),
		cmocka_unit_test(heir_takes_what_it_asks_for_once),
		cmocka_unit_test(who_has_the_words_of_another_is_no_heir),
	};

	wp_log_setup("test", WP_LOG_ERROR);
	return cmocka_run_group_tests_name("heir", tests, NULL, NULL);
}
