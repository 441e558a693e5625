/* Which Redis and which store belong together, and who may find that out. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <dirent.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "lib/mailbox/deployment.h"
#include "lib/mailbox/scripts.h"
#include "tests/support/test_redis.h"

enum { PATH_SIZE = 256, LISTING_SIZE = 1024, RACERS = 8 };

static struct wp_test_server server;
static char dir[PATH_SIZE - 32]; /* of the stores of one test */
static int n_dirs;

static int start_server(void **state)
{
	(void)state;
	wp_test_server_start(&server, "deployed", NULL);
	return 0;
}

static int kill_server(void **state)
{
	(void)state;
	wp_test_server_kill(&server, SIGKILL);
	return 0;
}

/* Settings that name a store in a folder of this test's own. */
static void use_store(struct wp_conf *conf, char path[PATH_SIZE],
		      const char *name)
{
	snprintf(path, PATH_SIZE, "%s/%s", dir, name);
	conf->store.sqlite_path = path;
}

/* A new deployment: Redis knows nothing, and there is no file. */
static struct wp_redis *begin(struct wp_conf *conf, char path[PATH_SIZE])
{
	struct wp_redis *redis;

	wp_test_conf(conf, server.path);
	snprintf(dir, sizeof(dir), "%.180s/stores-%d", wp_test_dir(), n_dirs++);
	assert_int_equal(mkdir(dir, 0700), 0);
	use_store(conf, path, "a.db");
	redis = wp_test_redis(conf);
	wp_test_run(redis, "FLUSHALL", NULL);
	return redis;
}

/* All names in the folder of the stores. */
static void list(char out[LISTING_SIZE])
{
	struct dirent **names;
	int n = scandir(dir, &names, NULL, alphasort);

	out[0] = '\0';
	assert_true(n >= 2);
	for (int i = 0; i < n; i++) {
		if (names[i]->d_name[0] != '.') {
			size_t len = strlen(out);

			snprintf(out + len, LISTING_SIZE - len, "%s ",
				 names[i]->d_name);
		}
		free(names[i]);
	}
	free(names);
}

static void expect_listing(const char *wanted)
{
	char listing[LISTING_SIZE];

	list(listing);
	assert_string_equal(listing, wanted);
}

static void expect_meta(struct wp_redis *redis, const char *field,
			const char *wanted)
{
	struct wp_reply *reply =
		wp_test_cmd(redis, "HGET", "wp:meta", field, NULL);

	if (wanted == NULL)
		assert_int_equal(wp_reply_type(reply), WP_REPLY_NIL);
	else
		assert_string_equal(wp_reply_str(reply), wanted);
	wp_reply_free(&reply);
}

static void join(struct wp_redis *redis, const struct wp_conf *conf,
		 char id[WP_STORE_ID_LEN + 1])
{
	struct wp_error err = { 0 };

	if (wp_deployment_join(redis, conf, NULL, id, &err) != WP_OK)
		fail_msg("%s", err.msg);
	assert_int_equal(strlen(id), WP_STORE_ID_LEN);
}

static void expect_refusal(struct wp_redis *redis, const struct wp_conf *conf,
			   const char *part)
{
	char id[WP_STORE_ID_LEN + 1];
	struct wp_error err = { 0 };

	assert_int_equal(wp_deployment_look(redis, conf, NULL, &err),
			 WP_ERR_INVAL);
	if (strstr(err.msg, part) == NULL)
		fail_msg("look: %s", err.msg);
	err = (struct wp_error){ 0 };
	assert_int_equal(wp_deployment_join(redis, conf, NULL, id, &err),
			 WP_ERR_INVAL);
	if (strstr(err.msg, part) == NULL)
		fail_msg("join: %s", err.msg);
}

static void who_comes_first_notes_all_and_others_agree(void **state)
{
	char path[PATH_SIZE], first[WP_STORE_ID_LEN + 1];
	char second[WP_STORE_ID_LEN + 1];
	struct wp_redis *redis;
	struct wp_conf conf;

	(void)state;
	redis = begin(&conf, path);

	join(redis, &conf, first);
	join(redis, &conf, second);

	assert_string_equal(first, second);
	expect_meta(redis, "partitions", "8");
	expect_meta(redis, "layout", "2");
	expect_meta(redis, "store", first);
	expect_meta(redis, "run_mode", NULL);
	assert_int_equal(wp_deployment_look(redis, &conf, NULL, NULL), WP_OK);
	assert_int_equal(wp_deployment_check(redis, &conf, first, NULL), WP_OK);
	assert_int_equal(wp_deployment_match(redis, &conf, first, NULL), WP_OK);
	wp_redis_free(&redis);
}

static void another_partition_count_is_refused_everywhere(void **state)
{
	char path[PATH_SIZE], id[WP_STORE_ID_LEN + 1];
	struct wp_redis *redis;
	struct wp_conf conf;

	(void)state;
	redis = begin(&conf, path);
	conf.mailbox.partitions = 256;
	join(redis, &conf, id);

	conf.mailbox.partitions = 64;
	expect_refusal(redis, &conf, "set mailbox.partitions: 256");
	expect_meta(redis, "partitions", "256");
	wp_redis_free(&redis);
}

static void a_second_store_is_refused_with_both_ids(void **state)
{
	char path[PATH_SIZE], other[PATH_SIZE], id[WP_STORE_ID_LEN + 1];
	char other_id[WP_STORE_ID_LEN + 1], part[64];
	struct wp_store *store = NULL;
	struct wp_redis *redis;
	struct wp_conf conf;

	(void)state;
	redis = begin(&conf, path);
	join(redis, &conf, id);
	use_store(&conf, other, "b.db");
	assert_int_equal(wp_store_open(&store, &conf, NULL), WP_OK);
	assert_int_equal(wp_store_id(store, other_id, NULL), WP_OK);
	wp_store_close(&store);

	snprintf(part, sizeof(part), "(%.8s…, expected %.8s…)", other_id, id);
	expect_refusal(redis, &conf, part);
	assert_int_equal(
		wp_deployment_open(&store, redis, &conf, other_id, NULL),
		WP_ERR_INVAL);
	assert_null(store);
	assert_int_equal(wp_deployment_check(redis, &conf, other_id, NULL),
			 WP_ERR_INVAL);
	assert_int_equal(wp_deployment_match(redis, &conf, other_id, NULL),
			 WP_ERR_INVAL);
	expect_meta(redis, "store", id);
	wp_redis_free(&redis);
}

static void where_a_store_is_known_none_is_made(void **state)
{
	char path[PATH_SIZE], other[PATH_SIZE], id[WP_STORE_ID_LEN + 1];
	struct wp_store *store = NULL;
	struct wp_redis *redis;
	struct wp_conf conf;
	int fd;

	(void)state;
	redis = begin(&conf, path);
	join(redis, &conf, id);
	use_store(&conf, other, "b.db");

	expect_refusal(redis, &conf, "all programs must use");
	assert_int_equal(wp_deployment_open(&store, redis, &conf, id, NULL),
			 WP_ERR_INVAL);
	expect_listing("a.db ");

	/* What a start that was cut off leaves behind is no store either. */
	fd = open(other, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	close(fd);
	assert_int_equal(wp_deployment_open(&store, redis, &conf, id, NULL),
			 WP_ERR_INVAL);
	expect_meta(redis, "store", id);
	wp_redis_free(&redis);
}

static void a_start_that_was_cut_off_is_taken_up_again(void **state)
{
	char path[PATH_SIZE], made[WP_STORE_ID_LEN + 1];
	char id[WP_STORE_ID_LEN + 1];
	struct wp_store *store = NULL;
	struct wp_redis *redis;
	struct wp_conf conf;
	int fd;

	(void)state;
	redis = begin(&conf, path);
	/* Before the tables, */
	fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	close(fd);
	assert_int_equal(wp_deployment_look(redis, &conf, NULL, NULL), WP_OK);
	join(redis, &conf, id);

	/* and between the id and its note. */
	redis = (wp_redis_free(&redis), begin(&conf, path));
	assert_int_equal(wp_store_open(&store, &conf, NULL), WP_OK);
	assert_int_equal(wp_store_id(store, made, NULL), WP_OK);
	wp_store_close(&store);
	join(redis, &conf, id);
	assert_string_equal(id, made);
	expect_meta(redis, "store", made);
	wp_redis_free(&redis);
}

static void a_redis_without_memory_takes_the_id_from_the_store(void **state)
{
	char path[PATH_SIZE], before[WP_STORE_ID_LEN + 1];
	char after[WP_STORE_ID_LEN + 1];
	struct wp_redis *redis;
	struct wp_conf conf;

	(void)state;
	redis = begin(&conf, path);
	join(redis, &conf, before);
	wp_test_run(redis, "FLUSHALL", NULL);

	assert_int_equal(wp_deployment_check(redis, &conf, before, NULL),
			 WP_OK);
	expect_meta(redis, "store", before);
	wp_test_run(redis, "FLUSHALL", NULL);
	join(redis, &conf, after);
	assert_string_equal(before, after);
	wp_redis_free(&redis);
}

struct racer {
	pthread_t thread;
	struct wp_conf conf;
	char path[PATH_SIZE];
	enum wp_err rc;
	char id[WP_STORE_ID_LEN + 1];
};

static void *race(void *ctx)
{
	struct racer *racer = ctx;
	struct wp_redis *redis = NULL;
	struct wp_error err;

	racer->rc = wp_redis_new(&redis, &racer->conf, &wp_scripts, &err);
	if (racer->rc == WP_OK)
		racer->rc = wp_deployment_join(redis, &racer->conf, NULL,
					       racer->id, &err);
	wp_redis_free(&redis);
	return NULL;
}

static void run_race(const struct wp_conf *conf, struct racer racers[RACERS],
		     int n_stores)
{
	for (int i = 0; i < RACERS; i++) {
		char name[16];

		racers[i].conf = *conf;
		snprintf(name, sizeof(name), "%d.db", i % n_stores);
		use_store(&racers[i].conf, racers[i].path, name);
		assert_int_equal(pthread_create(&racers[i].thread, NULL, race,
						&racers[i]),
				 0);
	}
	for (int i = 0; i < RACERS; i++)
		assert_int_equal(pthread_join(racers[i].thread, NULL), 0);
}

static void of_many_first_starts_all_agree(void **state)
{
	struct racer racers[RACERS] = { 0 };
	struct wp_redis *redis;
	char path[PATH_SIZE];
	struct wp_conf conf;
	int n_good = 0;

	(void)state;
	redis = begin(&conf, path);
	run_race(&conf, racers, 1);
	for (int i = 0; i < RACERS; i++) {
		assert_int_equal(racers[i].rc, WP_OK);
		assert_string_equal(racers[i].id, racers[0].id);
	}
	wp_redis_free(&redis);

	/* With a store each, one wins, and nobody else may go on. */
	redis = begin(&conf, path);
	run_race(&conf, racers, RACERS);
	for (int i = 0; i < RACERS; i++) {
		n_good += racers[i].rc == WP_OK;
		if (racers[i].rc == WP_OK)
			expect_meta(redis, "store", racers[i].id);
		else
			assert_int_equal(racers[i].rc, WP_ERR_INVAL);
	}
	assert_int_equal(n_good, 1);
	wp_redis_free(&redis);
}

static void a_look_leaves_no_trace(void **state)
{
	char path[PATH_SIZE], id[WP_STORE_ID_LEN + 1], listing[LISTING_SIZE];
	struct wp_redis *redis;
	struct wp_conf conf;
	pid_t pid;

	(void)state;
	redis = begin(&conf, path);
	/* Of a new deployment, */
	conf.mailbox.partitions = 4;
	assert_int_equal(wp_deployment_look(redis, &conf, NULL, NULL), WP_OK);
	expect_meta(redis, "partitions", NULL);
	expect_listing("");
	/* of one that is at rest, also by who may not write beside it, */
	join(redis, &conf, id);
	expect_listing("a.db ");
	assert_int_equal(wp_deployment_look(redis, &conf, NULL, NULL), WP_OK);
	expect_listing("a.db ");
	/* and of one that was killed while the id was in the log only. */
	redis = (wp_redis_free(&redis), begin(&conf, path));
	pid = fork();
	if (pid == 0) {
		struct wp_store *store = NULL;

		if (wp_store_open(&store, &conf, NULL) == WP_OK &&
		    wp_store_id(store, id, NULL) == WP_OK)
			(void)kill(getpid(), SIGKILL);
		_exit(1);
	}
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	expect_listing("a.db a.db-shm a.db-wal ");
	assert_int_equal(wp_deployment_look(redis, &conf, NULL, NULL), WP_OK);
	list(listing);
	assert_string_equal(listing, "a.db a.db-shm a.db-wal ");
	wp_redis_free(&redis);
}

static void a_look_knows_the_store_that_is_in_use(void **state)
{
	char path[PATH_SIZE], id[WP_STORE_ID_LEN + 1];
	struct wp_store_look look;
	struct wp_store *store = NULL;
	struct wp_redis *redis;
	struct wp_conf conf;
	int ends[2];
	pid_t pid;

	(void)state;
	redis = begin(&conf, path);
	assert_int_equal(pipe(ends), 0);
	/* Another process: see wp_store_look(). */
	pid = fork();
	if (pid == 0) {
		if (wp_store_open(&store, &conf, NULL) != WP_OK ||
		    wp_store_id(store, id, NULL) != WP_OK ||
		    write(ends[1], id, sizeof(id)) != sizeof(id))
			_exit(1);
		(void)pause();
		_exit(1);
	}
	assert_int_equal(read(ends[0], id, sizeof(id)), sizeof(id));

	assert_int_equal(wp_store_look(&look, &conf, NULL), WP_OK);

	assert_true(look.is_there);
	assert_false(look.has_life);
	assert_string_equal(look.id, id);
	kill(pid, SIGKILL);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	assert_int_equal(wp_store_look(&look, &conf, NULL), WP_OK);
	assert_string_equal(look.id, id);

	assert_int_equal(wp_store_open(&store, &conf, NULL), WP_OK);
	assert_int_equal(wp_store_fence(store, "life", NULL), WP_OK);
	wp_store_close(&store);
	assert_int_equal(wp_store_look(&look, &conf, NULL), WP_OK);
	assert_true(look.has_life);
	assert_string_equal(look.id, id);
	close(ends[0]);
	close(ends[1]);
	wp_redis_free(&redis);
}

static void what_could_not_be_opened_is_seen_by_a_look(void **state)
{
	char path[PATH_SIZE];
	struct wp_store_look look;
	struct wp_redis *redis;
	struct wp_conf conf;
	struct wp_error err;
	FILE *file;

	(void)state;
	redis = begin(&conf, path);
	use_store(&conf, path, "none/a.db");
	assert_int_equal(wp_store_look(&look, &conf, &err), WP_ERR_INVAL);
	use_store(&conf, path, "odd ?#%.db");
	assert_int_equal(wp_store_look(&look, &conf, &err), WP_OK);
	assert_false(look.is_there);
	file = fopen(path, "we");
	fputs("no database, but long enough to look like a file of something "
	      "else, which nobody may overwrite",
	      file);
	fclose(file);
	assert_int_equal(wp_store_look(&look, &conf, &err), WP_ERR_INVAL);
	assert_non_null(strstr(err.msg, "is no SQLite database"));
	conf.store.sqlite_path = dir;
	assert_int_equal(wp_store_look(&look, &conf, &err), WP_ERR_INVAL);
	wp_redis_free(&redis);
}

static void local_programs_stay_out_of_production(void **state)
{
	char path[PATH_SIZE], id[WP_STORE_ID_LEN + 1];
	struct wp_redis *redis;
	struct wp_conf conf;

	(void)state;
	redis = begin(&conf, path);
	wp_test_run(redis, "CONFIG", "SET", "stream-node-max-bytes", "512",
		    "maxmemory", "1gb", NULL);
	join(redis, &conf, id);
	conf.run_mode = WP_RUN_PRODUCTION;
	assert_int_equal(wp_deployment_look(redis, &conf, NULL, NULL), WP_OK);
	expect_meta(redis, "run_mode", NULL);
	join(redis, &conf, id);
	expect_meta(redis, "run_mode", "production");

	conf.run_mode = WP_RUN_LOCAL;
	expect_refusal(redis, &conf,
		       "this Redis belongs to a production deployment, but "
		       "run_mode is local (no configuration file was found at "
		       "/etc/waypost/waypost.yaml)");
	conf.has_file = true;
	expect_refusal(redis, &conf, "but run_mode is local");
	assert_int_equal(wp_deployment_check(redis, &conf, id, NULL),
			 WP_ERR_INVAL);
	wp_redis_free(&redis);
}

/* Threads that open the store do not wait for the one that judges the rest. */
static void a_stray_program_notes_no_store(void **state)
{
	static const char *const fields[][2] = {
		{ "partitions", "7" },
		{ "run_mode", "production" },
		{ "layout", "99" },
	};
	char path[PATH_SIZE], id[WP_STORE_ID_LEN + 1];
	struct wp_store *store = NULL;
	struct wp_redis *redis;
	struct wp_conf conf;

	(void)state;
	for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++) {
		redis = begin(&conf, path);
		wp_test_run(redis, "HSET", "wp:meta", fields[i][0],
			    fields[i][1], NULL);
		assert_int_equal(
			wp_deployment_open(&store, redis, &conf, id, NULL),
			WP_ERR_INVAL);
		assert_null(store);
		expect_listing("");
		expect_meta(redis, "store", NULL);
		wp_redis_free(&redis);
	}
}

static void expect_no_partitions(struct wp_redis *redis,
				 const struct wp_conf *conf, enum wp_err want)
{
	uint32_t n = 0;

	assert_int_equal(wp_deployment_partitions(redis, conf, &n, NULL), want);
}

static void a_newer_layout_is_refused(void **state)
{
	char path[PATH_SIZE];
	struct wp_redis *redis;
	struct wp_conf conf;

	(void)state;
	redis = begin(&conf, path);
	wp_test_run(redis, "HSET", "wp:meta", "layout", "3", NULL);
	expect_refusal(redis, &conf, "have layout 3, of a newer");
	expect_no_partitions(redis, &conf, WP_ERR_INVAL);
	wp_redis_free(&redis);
}

static void an_older_layout_is_refused(void **state)
{
	char path[PATH_SIZE];
	struct wp_redis *redis;
	struct wp_conf conf;

	(void)state;
	redis = begin(&conf, path);
	wp_test_run(redis, "HSET", "wp:meta", "partitions", "8", "layout", "1",
		    NULL);
	expect_refusal(redis, &conf, "have layout 1, of an older");
	expect_no_partitions(redis, &conf, WP_ERR_INVAL);
	/* The first releases noted none. */
	wp_test_run(redis, "HDEL", "wp:meta", "layout", NULL);
	expect_refusal(redis, &conf, "have layout 1, of an older");
	expect_meta(redis, "layout", NULL);
	wp_redis_free(&redis);
}

/* For who only looks, the settings are not asked once something is noted. */
static void the_partitions_are_those_of_the_deployment(void **state)
{
	char path[PATH_SIZE], id[WP_STORE_ID_LEN + 1];
	struct wp_redis *redis;
	struct wp_conf conf;
	uint32_t n = 0;

	(void)state;
	redis = begin(&conf, path);
	assert_int_equal(wp_deployment_partitions(redis, &conf, &n, NULL),
			 WP_OK);
	assert_int_equal(n, 8);
	expect_meta(redis, "partitions", NULL);
	join(redis, &conf, id);
	conf.mailbox.partitions = 9;
	assert_int_equal(wp_deployment_partitions(redis, &conf, &n, NULL),
			 WP_OK);
	assert_int_equal(n, 8);
	wp_test_run(redis, "HSET", "wp:meta", "partitions", "65537", NULL);
	expect_no_partitions(redis, &conf, WP_ERR_UNAVAIL);
	wp_redis_free(&redis);
}

static void odd_metadata_is_never_taken_for_none(void **state)
{
	static const char *const odd[][2] = { { "partitions", "x" },
					      { "partitions", "0" },
					      { "layout", "-1" },
					      { "store", "short" } };
	char path[PATH_SIZE], id[WP_STORE_ID_LEN + 1];
	struct wp_redis *redis;
	struct wp_conf conf;

	(void)state;
	redis = begin(&conf, path);
	for (size_t i = 0; i < sizeof(odd) / sizeof(odd[0]); i++) {
		wp_test_run(redis, "FLUSHALL", NULL);
		wp_test_run(redis, "HSET", "wp:meta", odd[i][0], odd[i][1],
			    NULL);
		assert_int_equal(
			wp_deployment_join(redis, &conf, NULL, id, NULL),
			WP_ERR_UNAVAIL);
	}
	wp_test_run(redis, "FLUSHALL", NULL);
	wp_test_run(redis, "SET", "wp:meta", "x", NULL);
	assert_int_equal(wp_deployment_join(redis, &conf, NULL, id, NULL),
			 WP_ERR_UNAVAIL);
	expect_listing("");
	wp_redis_free(&redis);
}

static void a_full_redis_can_still_be_started_against(void **state)
{
	char path[PATH_SIZE], id[WP_STORE_ID_LEN + 1];
	struct wp_redis *redis;
	struct wp_conf conf;

	(void)state;
	redis = begin(&conf, path);
	join(redis, &conf, id);
	wp_test_run(redis, "CONFIG", "SET", "maxmemory", "1", NULL);

	join(redis, &conf, id);
	wp_test_run(redis, "HDEL", "wp:meta", "store", NULL);
	join(redis, &conf, id);

	wp_test_run(redis, "DEL", "wp:meta", NULL);
	assert_int_equal(wp_deployment_join(redis, &conf, NULL, id, NULL),
			 WP_ERR_UNAVAIL);
	wp_test_run(redis, "CONFIG", "SET", "maxmemory", "0", NULL);
	wp_redis_free(&redis);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(who_comes_first_notes_all_and_others_agree),
		cmocka_unit_test(another_partition_count_is_refused_everywhere),
		cmocka_unit_test(a_second_store_is_refused_with_both_ids),
		cmocka_unit_test(where_a_store_is_known_none_is_made),
		cmocka_unit_test(a_start_that_was_cut_off_is_taken_up_again),
		cmocka_unit_test(
			a_redis_without_memory_takes_the_id_from_the_store),
		cmocka_unit_test(of_many_first_starts_all_agree),
		cmocka_unit_test(a_look_leaves_no_trace),
		cmocka_unit_test(a_look_knows_the_store_that_is_in_use),
		cmocka_unit_test(what_could_not_be_opened_is_seen_by_a_look),
		cmocka_unit_test(local_programs_stay_out_of_production),
		cmocka_unit_test(a_stray_program_notes_no_store),
		cmocka_unit_test(a_newer_layout_is_refused),
		cmocka_unit_test(an_older_layout_is_refused),
		cmocka_unit_test(the_partitions_are_those_of_the_deployment),
		cmocka_unit_test(odd_metadata_is_never_taken_for_none),
		cmocka_unit_test(a_full_redis_can_still_be_started_against),
	};

	if (!wp_test_redis_present())
		return WP_TEST_SKIPPED;
	return cmocka_run_group_tests_name("deployment", tests, start_server,
					   kill_server);
}
