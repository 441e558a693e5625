/* As many hash, and as many wait, as there are places, over all processes. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "lib/accounts/hash_gate.h"

static char dir[64];
static char beside[80];
static char path[96]; /* of the gate itself */

static void open_gate(struct wp_hash_gate *gate, size_t slots)
{
	struct wp_error err = { 0 };

	if (wp_hash_gate_open(gate, beside, slots, &err) != WP_OK)
		fail_msg("%s", err.msg);
}

/* How many more get in, by this gate. */
static size_t fill_slots(struct wp_hash_gate *gate)
{
	size_t place, n = 0;

	while (wp_hash_gate_enter(gate, &place, NULL) == WP_OK)
		n++;
	return n;
}

static size_t fill_seats(struct wp_hash_gate *gate)
{
	size_t place, n = 0;

	while (wp_hash_gate_sit(gate, &place, NULL) == WP_OK)
		n++;
	return n;
}

static void one_gate_counts_its_own(void **state)
{
	struct wp_hash_gate gate;

	(void)state;
	open_gate(&gate, 3);
	assert_int_equal(fill_slots(&gate), 3);
	assert_int_equal(fill_seats(&gate), 8);
	wp_hash_gate_leave(&gate, 1);
	wp_hash_gate_stand(&gate, 7);
	assert_int_equal(fill_slots(&gate), 1);
	assert_int_equal(fill_seats(&gate), 1);
	wp_hash_gate_close(&gate);
	wp_hash_gate_close(&gate);
}

static void two_gates_share_the_places(void **state)
{
	struct wp_hash_gate a, b;
	size_t place;

	(void)state;
	open_gate(&a, 2);
	open_gate(&b, 2);
	assert_int_equal(wp_hash_gate_enter(&a, &place, NULL), WP_OK);
	assert_int_equal(fill_slots(&b), 1);
	assert_int_equal(wp_hash_gate_enter(&a, &place, NULL), WP_ERR_FULL);
	assert_int_equal(fill_seats(&a), 6);
	assert_int_equal(fill_seats(&b), 0);
	wp_hash_gate_close(&a);
	assert_int_equal(fill_slots(&b), 1);
	assert_int_equal(fill_seats(&b), 6);
	wp_hash_gate_close(&b);
}

/* After a reload with another number of slots a seat is still no slot. */
static void seats_are_no_slots_of_a_wider_gate(void **state)
{
	struct wp_hash_gate narrow, wide;

	(void)state;
	open_gate(&narrow, 1);
	open_gate(&wide, 4);
	assert_int_equal(fill_seats(&narrow), 4);
	assert_int_equal(fill_slots(&wide), 4);
	wp_hash_gate_close(&narrow);
	wp_hash_gate_close(&wide);
}

static void who_is_killed_gives_back_what_he_held(void **state)
{
	struct wp_hash_gate gate;
	int ready[2], status;
	char byte;
	pid_t pid;

	(void)state;
	assert_int_equal(pipe(ready), 0);
	pid = fork();
	assert_true(pid != -1);
	if (pid == 0) {
		open_gate(&gate, 2);
		if (fill_slots(&gate) != 2 || fill_seats(&gate) != 6 ||
		    write(ready[1], "x", 1) != 1)
			_exit(1);
		for (;;)
			pause();
	}
	close(ready[1]);
	assert_int_equal(read(ready[0], &byte, 1), 1);
	open_gate(&gate, 2);
	assert_int_equal(fill_slots(&gate), 0);
	assert_int_equal(fill_seats(&gate), 0);
	assert_int_equal(kill(pid, SIGKILL), 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFSIGNALED(status));
	assert_int_equal(fill_slots(&gate), 2);
	assert_int_equal(fill_seats(&gate), 6);
	wp_hash_gate_close(&gate);
	close(ready[0]);
}

static void its_file_is_its_owners(void **state)
{
	struct wp_hash_gate gate;
	struct stat st;

	(void)state;
	(void)unlink(path);
	open_gate(&gate, 1);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	wp_hash_gate_close(&gate);
	assert_int_equal(unlink(path), 0);
	/* Nobody leads us to another file. */
	assert_int_equal(symlink("/dev/null", path), 0);
	assert_int_equal(wp_hash_gate_open(&gate, beside, 1, NULL), WP_ERR_SYS);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(mkfifo(path, 0600), 0);
	assert_int_equal(wp_hash_gate_open(&gate, beside, 1, NULL), WP_ERR_SYS);
	assert_int_equal(unlink(path), 0);
}

static void there_is_a_slot_on_every_host(void **state)
{
	(void)state;
	assert_in_range(wp_hash_slots_default(), 1, 4);
}

static void hashes_leave_something_of_the_machine(void **state)
{
	static const struct {
		size_t slots;
		int64_t memory_kib;
		size_t cores;
		const char *problem;
	} rows[] = {
		{ 1, 19456, 1, NULL },
		{ 1, 19456, 2, NULL },
		{ 2, 19456, 4, NULL },
		{ 15, 19456, 16, NULL },
		{ 16, 19456, 16, "all cores" },
		{ 2, 19456, 2, "all cores" },
		{ 2, 19456, 1, "all cores" },
		{ 1, 512 * 1024, 2, NULL },
		{ 1, 512 * 1024 + 1, 2, "half of the machine's memory" },
		{ 4, 128 * 1024, 8, NULL },
		{ 4, 128 * 1024 + 1, 8, "half of the machine's memory" },
	};
	struct wp_hash_load here;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const struct wp_hash_load load = {
			.slots = rows[i].slots,
			.memory_kib = rows[i].memory_kib,
			.cores = rows[i].cores,
			.machine_kib = 1024 * 1024,
		};
		const char *problem = wp_hash_load_problem(&load);

		if (rows[i].problem == NULL)
			assert_null(problem);
		else if (problem == NULL ||
			 strstr(problem, rows[i].problem) == NULL)
			fail_msg("row %zu: %s", i, problem);
	}
	/* What is there by default is fine anywhere. */
	wp_hash_load_here(&here, 0, 7168);
	assert_int_equal(here.slots, wp_hash_slots_default());
	assert_in_range(here.machine_kib, 1024, INT64_MAX);
	assert_null(wp_hash_load_problem(&here));
}

static int setup(void **state)
{
	(void)state;
	(void)snprintf(dir, sizeof(dir), "%.40s/wp-gate-XXXXXX",
		       getenv("TMPDIR") != NULL ? getenv("TMPDIR") : "/tmp");
	if (mkdtemp(dir) == NULL)
		return -1;
	(void)snprintf(beside, sizeof(beside), "%s/a.db", dir);
	(void)snprintf(path, sizeof(path), "%s-hash.lock", beside);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	(void)unlink(path);
	return rmdir(dir);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_gate_counts_its_own),
		cmocka_unit_test(two_gates_share_the_places),
		cmocka_unit_test(seats_are_no_slots_of_a_wider_gate),
		cmocka_unit_test(who_is_killed_gives_back_what_he_held),
		cmocka_unit_test(its_file_is_its_owners),
		cmocka_unit_test(there_is_a_slot_on_every_host),
		cmocka_unit_test(hashes_leave_something_of_the_machine),
	};

	return cmocka_run_group_tests_name("hash gate", tests, setup, teardown);
}
