/* What is told of processes that end, and how long they are waited for. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "lib/base/clock.h"
#include "lib/base/log.h"
#include "lib/procs/procs.h"

enum {
	GIVE_UP_MS = 20000,
	DRAIN_MS = 60000,
	DEATHS = 20,
	PAUSE_MAX_MS = 1000,
	MISSED = 3
};

struct stage {
	struct wp_procs procs;
};

static int set_up(void **state)
{
	static const int parent_fds[] = { -1 };
	struct stage *stage = calloc(1, sizeof(*stage));

	if (stage == NULL || wp_share_new(&stage->procs.share, NULL) != WP_OK)
		return -1;
	stage->procs.plan.wanted = 1;
	stage->procs.parent_fds = parent_fds;
	wp_procs_init(&stage->procs);
	*state = stage;
	return 0;
}

static int tear_down(void **state)
{
	struct stage *stage = *state;

	wp_share_free(&stage->procs.share);
	free(stage);
	return 0;
}

/* A child that ends with this status; when it has ended. */
static pid_t ended(int status)
{
	struct pollfd end = { .events = POLLIN };
	pid_t pid = fork();

	if (pid == 0)
		_exit(status);
	end.fd = (int)syscall(SYS_pidfd_open, pid, 0);
	assert_int_not_equal(end.fd, -1);
	assert_int_equal(poll(&end, 1, GIVE_UP_MS), 1);
	close(end.fd);
	return pid;
}

static void a_process_is_waited_for_as_long_as_it_was_told(void **state)
{
	struct stage *stage = *state;
	struct wp_process *process = &stage->procs.slots[0].current;
	uint64_t now_ms = wp_mono_ms();

	/* A reload has shortened the time since it was started. */
	*process = (struct wp_process){ .pid = ended(0), .drain_ms = DRAIN_MS };
	stage->procs.plan.drain_ms = 0;
	wp_procs_stop(&stage->procs);
	wp_procs_tend(&stage->procs);

	assert_true(process->is_told);
	assert_true(process->kill_at_ms >= now_ms + DRAIN_MS);
	wp_procs_reap(&stage->procs);
	assert_true(wp_procs_is_empty(&stage->procs));
	assert_false(stage->procs.has_failed);
}

static void only_who_was_told_can_fail_to_drain(void **state)
{
	struct stage *stage = *state;
	struct wp_procs *procs = &stage->procs;

	/* It dies while its successor is not ready yet. */
	procs->slots[0].current.pid = getpid();
	procs->slots[0].old.pid = ended(1);
	wp_procs_reap(procs);
	assert_int_equal(procs->slots[0].old.pid, 0);
	assert_false(procs->has_failed);

	procs->slots[0].old =
		(struct wp_process){ .pid = ended(1), .is_told = true };
	wp_procs_reap(procs);
	assert_true(procs->has_failed);
}

static void somebody_is_started_again_soon_however_often_they_die(void **state)
{
	struct stage *stage = *state;
	struct wp_process_slot *slot = &stage->procs.slots[0];

	for (int i = 0; i < DEATHS; i++) {
		slot->current.pid = ended(1);
		slot->started_ms = wp_mono_ms();
		wp_procs_reap(&stage->procs);
		assert_int_equal(slot->current.pid, 0);
		assert_true(slot->start_at_ms <= wp_mono_ms() + PAUSE_MAX_MS);
	}
}

/* A child that does nothing, until it is killed. */
static pid_t idle(void)
{
	pid_t pid = fork();

	assert_int_not_equal(pid, -1);
	while (pid == 0)
		pause();
	return pid;
}

/* How pid has ended; not reaped. */
static siginfo_t await_end(pid_t pid)
{
	siginfo_t info = { 0 };

	assert_int_equal(waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT), 0);
	return info;
}

static void who_is_silent_for_too_long_is_killed(void **state)
{
	struct stage *stage = *state;
	struct wp_procs *procs = &stage->procs;
	struct wp_process *silent = &procs->slots[0].current;
	struct wp_process *beating = &procs->slots[0].old;
	const struct wp_seat seat = { procs->share, 1 };
	siginfo_t end;

	*silent = (struct wp_process){ .pid = idle(), .row = 0 };
	*beating = (struct wp_process){ .pid = idle(), .row = 1 };
	for (uint32_t i = 0; i < MISSED; i++) {
		assert_int_equal(silent->n_missed, i);
		wp_share_beat(&seat);
		wp_procs_listen(procs, MISSED);
	}
	end = await_end(silent->pid);
	assert_int_equal(end.si_code, CLD_KILLED);
	assert_int_equal(end.si_status, SIGKILL);
	assert_int_equal(beating->n_missed, 0);

	/* One that was told to end has drain_ms, whatever it does. */
	beating->is_told = true;
	for (uint32_t i = 0; i < MISSED; i++)
		wp_procs_listen(procs, MISSED);
	assert_int_equal(kill(beating->pid, SIGTERM), 0);
	assert_int_equal(await_end(beating->pid).si_status, SIGTERM);
	wp_procs_reap(procs);
}

static bool hear(struct wp_procs *procs, pid_t pid, enum wp_news_kind what)
{
	struct wp_news news = { .pid = pid, .what = what };

	if (what == WP_NEWS_UNFIT)
		wp_error_set(&news.why, WP_ERR_INVAL, "said by %d", (int)pid);
	return wp_procs_hear(procs, &news);
}

static void all_are_ready_when_each_has_said_so(void **state)
{
	struct stage *stage = *state;
	struct wp_procs *procs = &stage->procs;

	procs->plan.wanted = 2;
	procs->slots[0].current.pid = 1001;
	procs->slots[1].current.pid = 1002;
	assert_false(hear(procs, 1002, WP_NEWS_READY));
	assert_int_equal(wp_procs_ready(procs), 1);
	assert_false(hear(procs, 1001, WP_NEWS_FIT));
	assert_true(hear(procs, 1001, WP_NEWS_READY));
}

static void what_is_unfit_for_the_first_is_so_for_all(void **state)
{
	struct stage *stage = *state;
	struct wp_procs *procs = &stage->procs;

	/* It serves already, and has found out only now. */
	hear(procs, 1001, WP_NEWS_READY);
	assert_int_equal(procs->unfit.code, WP_OK);
	hear(procs, 1001, WP_NEWS_UNFIT);
	hear(procs, 1002, WP_NEWS_UNFIT);
	assert_int_equal(procs->unfit.code, WP_ERR_INVAL);
	assert_string_equal(procs->unfit.msg, "said by 1001");

	/* Nobody has died, whoever ends now, and however. */
	procs->slots[0].current =
		(struct wp_process){ .pid = ended(1), .is_told = true };
	wp_procs_reap(procs);
	assert_false(procs->has_failed);
}

static void what_was_fit_once_is_tried_again(void **state)
{
	struct stage *stage = *state;
	struct wp_procs *procs = &stage->procs;

	hear(procs, 1001, WP_NEWS_FIT);
	hear(procs, 1002, WP_NEWS_UNFIT);
	assert_int_equal(procs->unfit.code, WP_OK);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_process_is_waited_for_as_long_as_it_was_told),
		TEST(only_who_was_told_can_fail_to_drain),
		TEST(somebody_is_started_again_soon_however_often_they_die),
		TEST(who_is_silent_for_too_long_is_killed),
		TEST(all_are_ready_when_each_has_said_so),
		TEST(what_is_unfit_for_the_first_is_so_for_all),
		TEST(what_was_fit_once_is_tried_again),
	};

	wp_log_setup("test", WP_LOG_ERROR);
	return cmocka_run_group_tests_name("procs", tests, NULL, NULL);
}
