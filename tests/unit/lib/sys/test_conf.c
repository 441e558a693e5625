/* Where a value comes from, what a secret may be, and what fits together. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <ctype.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/base/log.h"
#include "lib/sys/sections/sections.h"

#define THIRTY_TWO "0123456789abcdef0123456789abcdef"

static char dir[64];

static const struct wp_conf_flag flags[] = {
	{ "--processes", "handlers.processes" },
	{ "--origins", "cors.allowed_origins" },
	{ NULL, NULL },
};
static const struct wp_conf_section *const sections[] = {
	&wp_conf_redis,    &wp_conf_tokens, &wp_conf_store_secret,
	&wp_conf_handlers, &wp_conf_beat,   NULL,
};
static const struct wp_conf_program program = {
	.name = "waypost-handlers",
	.summary = "answers HTTP requests",
	.known = wp_conf_sections,
	.sections = sections,
	.judges_all = true,
	.flags = flags,
};

/* Write text to a file of this name and return its path. */
static const char *write_file(const char *name, const char *text, mode_t mode)
{
	static char path[128];
	int fd;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	(void)unlink(path);
	fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	assert_int_not_equal(fd, -1);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	assert_int_equal(fchmod(fd, mode), 0);
	close(fd);
	return path;
}

static void set_config(const char *text)
{
	setenv("WAYPOST_CONFIG", write_file("w.yaml", text, 0600), 1);
}

/* Each test starts without variables and with an empty file. */
static int clean_environment(void **state)
{
	(void)state;
	static char path[128];

	clearenv();
	snprintf(path, sizeof(path), "%s/waypost.db", dir);
	setenv("WAYPOST_STORE_SQLITE_PATH", path, 1);
	/* Somebody must verify tokens. */
	setenv("WAYPOST_AUTH_ISSUERS", "https://id.example aud=a ns=x", 1);
	set_config("");
	return 0;
}

static enum wp_err load_with(struct wp_conf *conf, const char *first,
			     const char *second, struct wp_error *err)
{
	static char name[] = "waypost-handlers";
	char one[128], two[128];
	char *argv[] = { name, one, two, NULL };
	int argc = 1 + (first != NULL) + (second != NULL);
	struct wp_conf_source source;
	enum wp_conf_action action;

	snprintf(one, sizeof(one), "%s", first != NULL ? first : "");
	snprintf(two, sizeof(two), "%s", second != NULL ? second : "");
	argv[argc] = NULL;
	*err = (struct wp_error){ 0 };
	source = (struct wp_conf_source){ .program = &program,
					  .argc = argc,
					  .argv = argv };
	return wp_conf_load(conf, &source, &action, err);
}

static void load(struct wp_conf *conf)
{
	struct wp_error err;

	if (load_with(conf, NULL, NULL, &err) != WP_OK)
		fail_msg("%s", err.msg);
}

static void expect_refusal(const char *sentence)
{
	struct wp_conf conf;
	struct wp_error err;

	assert_int_equal(load_with(&conf, NULL, NULL, &err), WP_ERR_INVAL);
	assert_string_equal(err.msg, sentence);
	wp_conf_release(&conf);
}

static void without_any_source_the_defaults_hold(void **state)
{
	struct wp_conf conf;

	(void)state;
	load(&conf);

	assert_int_equal(conf.run_mode, WP_RUN_LOCAL);
	assert_int_equal(conf.log.level, WP_LOG_INFO);
	assert_int_equal(conf.log.requests, WP_REQUESTS_ERRORS);
	assert_int_equal(conf.log.slow_ms, 1000);
	assert_string_equal(conf.redis.address, "127.0.0.1:6379");
	assert_string_equal(conf.redis.password, "");
	assert_int_equal(conf.mailbox.partitions, 64);
	assert_string_equal(conf.auth.identity_claims.items[0], "handle");
	assert_string_equal(conf.auth.identity_claims.items[1], "sub");
	assert_int_equal(conf.cors.allowed_origins.n, 0);
	assert_null(conf.cors.allowed_origins.items[0]);
	assert_true(conf.websocket.query_token);
	assert_string_equal(conf.auth.store_secret, ""); /* none is kept yet */
	assert_int_equal(wp_conf_max_ws_message(&conf), 262144 + 4096);
	wp_conf_release(&conf);
	wp_conf_release(&conf);
}

static void file_environment_and_flag_win_in_that_order(void **state)
{
	struct wp_conf conf;
	struct wp_error err;

	(void)state;
	set_config("handlers: {processes: 3, threads: 3, drain_ms: 3}\n");
	setenv("WAYPOST_HANDLERS_PROCESSES", "4", 1);
	setenv("WAYPOST_HANDLERS_THREADS", "4", 1);

	assert_int_equal(load_with(&conf, "--processes", "5", &err), WP_OK);

	assert_int_equal(conf.handlers.processes, 5);
	assert_int_equal(conf.handlers.threads, 4);
	assert_int_equal(conf.handlers.drain_ms, 3);
	assert_int_equal(conf.handlers.max_batch_bytes, 4194304);
	wp_conf_release(&conf);
}

static void aliases_count_unless_the_own_name_is_set(void **state)
{
	struct wp_conf conf;

	(void)state;
	setenv("REDIS_ADDR", "alias:1", 1);
	setenv("LOG_LEVEL", "WARN", 1);
	setenv("WAYPOST_LOG_LEVEL", "Debug", 1);
	setenv("WAYPOST_REDIS_ADDRESS", "", 1); /* empty is unset */
	setenv("WAYPOST_NOBODY_KNOWS", "x", 1);
	setenv("CORS_ALLOWED_ORIGINS", " https://a.example ,, http://b:81,", 1);

	load(&conf);

	assert_string_equal(conf.redis.address, "alias:1");
	assert_int_equal(conf.log.level, WP_LOG_DEBUG);
	assert_int_equal(conf.cors.allowed_origins.n, 2);
	assert_string_equal(conf.cors.allowed_origins.items[0],
			    "https://a.example");
	assert_string_equal(conf.cors.allowed_origins.items[1], "http://b:81");
	wp_conf_release(&conf);
}

static void bad_variables_are_named(void **state)
{
	(void)state;
	setenv("LOG_LEVEL", "loud", 1);
	expect_refusal("LOG_LEVEL: must be one of error, warn, info, debug");
	unsetenv("LOG_LEVEL");
	setenv("WAYPOST_WORKER_TICK_MS", " 5", 1);
	expect_refusal("WAYPOST_WORKER_TICK_MS: must be a whole number from "
		       "10 to 60000");
	unsetenv("WAYPOST_WORKER_TICK_MS");
	setenv("WAYPOST_AUTH_IDENTITY_CLAIMS", " , ", 1);
	expect_refusal("WAYPOST_AUTH_IDENTITY_CLAIMS: must hold 1 to 16 "
		       "texts");
}

static void options_are_read_in_both_forms_and_refused_by_name(void **state)
{
	struct wp_conf conf;
	struct wp_error err;

	(void)state;
	assert_int_equal(load_with(&conf, "--processes=7", "--origins=", &err),
			 WP_OK);
	assert_int_equal(conf.handlers.processes, 7);
	wp_conf_release(&conf);

	assert_int_equal(load_with(&conf, "--processes=65", NULL, &err),
			 WP_ERR_INVAL);
	assert_string_equal(err.msg, "--processes: must be a whole number "
				     "from 1 to 64");
	wp_conf_release(&conf);
	assert_int_equal(load_with(&conf, "--processes", NULL, &err),
			 WP_ERR_INVAL);
	assert_string_equal(err.msg, "--processes: needs a value");
	wp_conf_release(&conf);
	assert_int_equal(load_with(&conf, "--colour=red", NULL, &err),
			 WP_ERR_INVAL);
	assert_string_equal(err.msg, "--colour: there is no such option; try "
				     "--help");
	wp_conf_release(&conf);
	assert_int_equal(load_with(&conf, "check", NULL, &err), WP_ERR_INVAL);
	wp_conf_release(&conf);
	assert_int_equal(load_with(&conf, "--check=1", NULL, &err),
			 WP_ERR_INVAL);
	wp_conf_release(&conf);
}

static void a_named_file_that_is_missing_stops(void **state)
{
	struct wp_conf conf;
	struct wp_error err;

	(void)state;
	assert_int_equal(load_with(&conf, "--config", "/nowhere/w.yaml", &err),
			 WP_ERR_INVAL);
	assert_string_equal(err.msg, "/nowhere/w.yaml: cannot be read: No "
				     "such file or directory");
	wp_conf_release(&conf);
}

static void a_file_over_a_mebibyte_is_refused(void **state)
{
	size_t size = 1024 * 1024;
	char *text = malloc(size + 2);
	struct wp_conf conf;
	char sentence[128];

	(void)state;
	assert_non_null(text);
	memset(text, '#', size + 1);
	text[size + 1] = '\0';
	set_config(text);
	snprintf(sentence, sizeof(sentence),
		 "%s/w.yaml: must not be over 1 MiB", dir);
	expect_refusal(sentence);

	memset(text, '#', size);
	text[size] = '\0';
	set_config(text);
	load(&conf);
	wp_conf_release(&conf);
	free(text);
}

static void a_secret_comes_from_environment_or_file(void **state)
{
	struct wp_conf conf;
	char text[256];

	(void)state;
	snprintf(text, sizeof(text), "auth: {jwt_secret_file: \"%s\"}\n",
		 write_file("jwt", "from file\r\n", 0644));
	set_config(text);
	load(&conf);
	assert_string_equal(conf.auth.jwt_secret, "from file");
	wp_conf_release(&conf);

	setenv("WAYPOST_AUTH_JWT_SECRET_FILE",
	       write_file("jwt2", "other file", 0600), 1);
	load(&conf);
	assert_string_equal(conf.auth.jwt_secret, "other file");
	wp_conf_release(&conf);

	setenv("JWT_SECRET", "variable", 1);
	load(&conf);
	assert_string_equal(conf.auth.jwt_secret, "variable");
	wp_conf_release(&conf);
}

static void an_unfit_secret_file_is_refused(void **state)
{
	char sentence[256];

	(void)state;
	setenv("WAYPOST_AUTH_STORE_SECRET_FILE", "/nowhere", 1);
	expect_refusal("auth.store_secret_file: /nowhere cannot be read: No "
		       "such file or directory");
	setenv("WAYPOST_AUTH_STORE_SECRET_FILE", write_file("s", "\n", 0600),
	       1);
	expect_refusal("auth.store_secret_file: the file is empty");

	setenv("WAYPOST_RUN_MODE", "production", 1);
	write_file("s", THIRTY_TWO "\n", 0644);
	snprintf(sentence, sizeof(sentence),
		 "auth.store_secret_file: %s/s must not be open to others; "
		 "chmod it to 0640 or less",
		 dir);
	expect_refusal(sentence);
}

static void a_secret_file_of_the_group_is_fine_in_production(void **state)
{
	struct wp_conf conf;

	(void)state;
	setenv("WAYPOST_RUN_MODE", "production", 1);
	setenv("WAYPOST_AUTH_STORE_SECRET_FILE",
	       write_file("s", THIRTY_TWO "\n", 0640), 1);

	load(&conf);

	assert_string_equal(conf.auth.store_secret, THIRTY_TWO);
	wp_conf_release(&conf);
}

static void production_demands_secrets_and_hides_tokens_from_urls(void **state)
{
	struct wp_conf conf;

	(void)state;
	set_config("run_mode: production\n");
	expect_refusal("auth.store_secret: is required in production; set "
		       "STORE_SECRET or auth.store_secret_file");
	setenv("STORE_SECRET", "short", 1);
	expect_refusal("auth.store_secret: must have 32 bytes or more in "
		       "production");
	setenv("STORE_SECRET", THIRTY_TWO, 1);
	setenv("JWT_SECRET", "short", 1);
	expect_refusal("auth.jwt_secret: must have 32 bytes or more in "
		       "production");
	setenv("JWT_SECRET", THIRTY_TWO, 1);
	expect_refusal("auth.store_secret: must not be the secret of tokens; "
		       "make another one");
	setenv("JWT_SECRET", "another " THIRTY_TWO, 1);
	setenv("JWT_SECRET_PREVIOUS", "x" THIRTY_TWO ",\t" THIRTY_TWO " ", 1);
	expect_refusal("auth.store_secret: must not be the secret of tokens; "
		       "make another one");
	setenv("JWT_SECRET_PREVIOUS", "x" THIRTY_TWO "," THIRTY_TWO "x", 1);
	setenv("WAYPOST_STORE_SQLITE_PATH", "waypost.db", 1);
	expect_refusal("store.sqlite_path: must be an absolute path in "
		       "production");
	unsetenv("WAYPOST_STORE_SQLITE_PATH");
	load(&conf);
	assert_string_equal(conf.store.sqlite_path,
			    "/var/lib/waypost/waypost.db");
	assert_false(conf.websocket.query_token);
	wp_conf_release(&conf);

	setenv("WAYPOST_WEBSOCKET_QUERY_TOKEN", "true", 1);
	load(&conf);
	assert_true(conf.websocket.query_token);
	wp_conf_release(&conf);
}

static void one_bad_secret_hides_no_other(void **state)
{
	static struct wp_faults faults;
	char name[] = "waypost-test";
	char *argv[] = { name, NULL };
	const struct wp_conf_source source = {
		.program = &program, .argc = 1, .argv = argv, .faults = &faults
	};
	enum wp_conf_action action;
	struct wp_error err = { 0 };
	struct wp_conf conf;

	(void)state;
	setenv("WAYPOST_RUN_MODE", "production", 1);
	setenv("STORE_SECRET", "short", 1);
	setenv("JWT_SECRET", "short", 1);
	assert_int_equal(wp_conf_load(&conf, &source, &action, &err),
			 WP_ERR_INVAL);
	assert_int_equal(faults.n, 2);
	assert_string_equal(faults.list[0].msg,
			    "auth.jwt_secret: must have 32 bytes or more in "
			    "production");
	assert_string_equal(faults.list[1].msg,
			    "auth.store_secret: must have 32 bytes or more in "
			    "production");
	wp_conf_release(&conf);
}

/* As who has started. */
static void keep(struct wp_conf *conf)
{
	struct wp_error err;

	assert_int_equal(wp_conf_keep_store_secret(conf, &err), WP_OK);
}

static void run_with(struct wp_conf *conf, const char *jwt_secret)
{
	setenv("JWT_SECRET", jwt_secret, 1);
	load(conf);
	keep(conf);
	assert_int_equal(strlen(conf->auth.store_secret), 64);
}

/* A key of before a rotation must find its message. */
static void in_local_mode_the_store_secret_outlives_the_other(void **state)
{
	struct wp_conf one, two;
	struct wp_error err;
	struct stat st;
	char path[128];

	(void)state;
	snprintf(path, sizeof(path), "%s/kept.db", dir);
	setenv("WAYPOST_STORE_SQLITE_PATH", path, 1);
	snprintf(path, sizeof(path), "%s/kept.db-secret", dir);

	/* Who only looks, or may yet be refused, makes none. */
	assert_int_equal(load_with(&one, "--check", NULL, &err), WP_OK);
	assert_string_equal(one.auth.store_secret, "");
	wp_conf_release(&one);
	load(&one);
	assert_string_equal(one.auth.store_secret, "");
	wp_conf_release(&one);
	assert_int_equal(access(path, F_OK), -1);

	run_with(&one, "a");
	run_with(&two, "b");
	assert_string_equal(one.auth.store_secret, two.auth.store_secret);
	assert_int_equal(wp_conf_check_reload(&one, &two, &err), WP_OK);
	wp_conf_release(&two);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);

	/* Another database, another secret; a given one wins. */
	snprintf(path, sizeof(path), "%s/other.db", dir);
	setenv("WAYPOST_STORE_SQLITE_PATH", path, 1);
	run_with(&two, "a");
	assert_string_not_equal(one.auth.store_secret, two.auth.store_secret);
	wp_conf_release(&two);
	setenv("STORE_SECRET", "given", 1);
	load(&two);
	keep(&two);
	assert_string_equal(two.auth.store_secret, "given");
	wp_conf_release(&two);
	unsetenv("STORE_SECRET");
	setenv("WAYPOST_STORE_SQLITE_PATH", "/nowhere/at/all.db", 1);
	load(&two);
	assert_int_equal(wp_conf_keep_store_secret(&two, &err), WP_ERR_INVAL);
	assert_string_equal(err.msg,
			    "auth.store_secret: /nowhere/at/all.db-secret "
			    "cannot be made: No such file or directory; set "
			    "STORE_SECRET");
	wp_conf_release(&two);
	wp_conf_release(&one);
}

static void a_reload_makes_no_secret(void **state)
{
	char name[] = "waypost-test";
	char *argv[] = { name, NULL };
	const struct wp_conf_source source = { .program = &program,
					       .argc = 1,
					       .argv = argv };
	enum wp_conf_action action;
	struct wp_conf now, next;
	struct wp_error err = { 0 };
	char path[128];

	(void)state;
	snprintf(path, sizeof(path), "%s/kept.db", dir);
	setenv("WAYPOST_STORE_SQLITE_PATH", path, 1);
	run_with(&now, "a");
	assert_int_equal(wp_conf_load(&next, &source, &action, &err), WP_OK);
	assert_int_equal(wp_conf_check_reload(&now, &next, &err), WP_OK);
	assert_string_equal(next.auth.store_secret, now.auth.store_secret);
	wp_conf_release(&next);

	snprintf(path, sizeof(path), "%s/moved.db", dir);
	setenv("WAYPOST_STORE_SQLITE_PATH", path, 1);
	assert_int_equal(wp_conf_load(&next, &source, &action, &err), WP_OK);
	assert_int_equal(wp_conf_check_reload(&now, &next, &err), WP_ERR_INVAL);
	assert_non_null(strstr(err.msg, "store.sqlite_path"));
	snprintf(path, sizeof(path), "%s/moved.db-secret", dir);
	assert_int_equal(access(path, F_OK), -1);
	wp_conf_release(&next);
	wp_conf_release(&now);
}

static void of_many_first_starts_one_makes_the_secret(void **state)
{
	enum { STARTS = 8 };
	char path[128], line[65], first[65] = "";
	int ends[2];

	(void)state;
	snprintf(path, sizeof(path), "%s/raced.db", dir);
	setenv("WAYPOST_STORE_SQLITE_PATH", path, 1);
	assert_int_equal(pipe(ends), 0);
	for (int i = 0; i < STARTS; i++) {
		if (fork() == 0) {
			struct wp_conf conf;
			struct wp_error err;

			if (load_with(&conf, NULL, NULL, &err) != WP_OK ||
			    wp_conf_keep_store_secret(&conf, &err) != WP_OK ||
			    write(ends[1], conf.auth.store_secret, 65) != 65)
				_exit(1);
			_exit(0);
		}
	}
	for (int i = 0; i < STARTS; i++) {
		assert_int_equal(read(ends[0], line, 65), 65);
		if (i == 0)
			memcpy(first, line, 65);
		assert_string_equal(line, first);
	}
	for (int i = 0; i < STARTS; i++) {
		int status;

		assert_int_not_equal(wait(&status), -1);
		assert_int_equal(status, 0);
	}
	close(ends[0]);
	close(ends[1]);
}

/* worker and waypost have no use for the secret of tokens. */
static void a_program_reads_only_the_secrets_it_uses(void **state)
{
	static const struct wp_conf_section *const of_worker[] = {
		&wp_conf_redis, &wp_conf_store_secret, &wp_conf_worker, NULL
	};
	static const struct wp_conf_section *const of_waypost[] = {
		&wp_conf_redis, NULL
	};
	static const struct wp_conf_program worker = {
		.name = "waypost-worker",
		.summary = "",
		.known = wp_conf_sections,
		.sections = of_worker,
	};
	static const struct wp_conf_program waypost = {
		.name = "waypost",
		.summary = "",
		.known = wp_conf_sections,
		.sections = of_waypost,
		.judges_all = true,
	};
	static char name[] = "x";
	char *argv[] = { name, NULL };
	const struct wp_conf_source for_worker = { .program = &worker,
						   .argc = 1,
						   .argv = argv };
	const struct wp_conf_source for_waypost = { .program = &waypost,
						    .argc = 1,
						    .argv = argv };
	enum wp_conf_action action;
	struct wp_conf conf;
	struct wp_error err;

	(void)state;
	set_config("run_mode: production\n"
		   "websocket: {listen: \"unix:x\"}\n");
	setenv("WAYPOST_AUTH_JWT_SECRET_FILE", "/nowhere/jwt", 1);
	assert_int_equal(wp_conf_load(&conf, &for_waypost, &action, &err),
			 WP_OK);
	wp_conf_release(&conf);
	assert_int_equal(wp_conf_load(&conf, &for_worker, &action, &err),
			 WP_ERR_INVAL);
	assert_non_null(strstr(err.msg, "auth.store_secret: is required"));
	wp_conf_release(&conf);
	setenv("STORE_SECRET", THIRTY_TWO, 1);
	assert_int_equal(wp_conf_load(&conf, &for_worker, &action, &err),
			 WP_OK);
	wp_conf_release(&conf);
	expect_refusal("auth.jwt_secret_file: /nowhere/jwt cannot be read: No "
		       "such file or directory");
}

/* Programs of two versions share one file while they are replaced. */
static void what_only_others_use_is_left_to_them(void **state)
{
	static const struct wp_conf_section *const of_tool[] = {
		&wp_conf_store_secret, &wp_conf_beat, NULL
	};
	static const struct {
		const char *text, *sentence; /* NULL: nothing is wrong */
		const char *judged;          /* likewise, to who judges all */
	} rows[] = {
		{ "cors: {max_age_seconds: 5}\n", NULL, NULL },
		{ "cors: {colour: 1}\nredis: {colour: [1]}\n", NULL,
		  "cors.colour: there is no such key" },
		{ "cors: {max_age_seconds: x, colour: {a: [1]}}\n", NULL,
		  "cors.max_age_seconds: must be a number" },
		{ "cors: {allowed_origins: [\"*\"]}\n", NULL,
		  "cors.allowed_origins: * cannot" },
		{ "cors: {a: [\n", "this is no YAML",
		  "cors.a: there is no such key" },
		{ "colours: {red: 1}\n", "colours: there is no such section",
		  "colours: there is no such section" },
		{ "cors: {colour: 1}\ncolours: {red: 1}\n",
		  "colours: there is no such section",
		  "cors.colour: there is no such key" },
		{ "cors: {colour: 1}\nrun_mode: idle\n",
		  "run_mode: must be one of",
		  "cors.colour: there is no such key" },
		/* It uses something of these. */
		{ "auth: {colour: 1}\n", "auth.colour: there is no such key",
		  "auth.colour: there is no such key" },
		{ "websocket: {drain_ms: x}\n",
		  "websocket.drain_ms: must be a number",
		  "websocket.drain_ms: must be a number" },
	};
	struct wp_conf_program tool = { .name = "tool",
					.summary = "",
					.known = wp_conf_sections,
					.sections = of_tool };
	char name[] = "tool";
	char *argv[] = { name, NULL };
	const struct wp_conf_source source = { .program = &tool,
					       .argc = 1,
					       .argv = argv };
	enum wp_conf_action action;
	struct wp_conf conf;

	(void)state;
	for (size_t i = 0; i < 2 * sizeof(rows) / sizeof(rows[0]); i++) {
		const char *sentence =
			i % 2 == 0 ? rows[i / 2].sentence : rows[i / 2].judged;
		struct wp_error err = { 0 };

		tool.judges_all = i % 2 == 1;
		set_config(rows[i / 2].text);
		assert_int_equal(wp_conf_load(&conf, &source, &action, &err),
				 sentence == NULL ? WP_OK : WP_ERR_INVAL);
		if (sentence != NULL && strstr(err.msg, sentence) == NULL)
			fail_msg("%s: %s", rows[i / 2].text, err.msg);
		wp_conf_release(&conf);
	}
	set_config("");
	tool.judges_all = false;
	setenv("WAYPOST_CORS_MAX_AGE_SECONDS", "x", 1);
	setenv("WAYPOST_PRESENCE_VISIBILITY", "none", 1);
	assert_int_equal(wp_conf_load(&conf, &source, &action, NULL), WP_OK);
	assert_int_equal(conf.cors.max_age_seconds, 600);
	assert_int_equal(conf.presence.visibility, WP_VISIBLE_NONE);
	wp_conf_release(&conf);
}

static void tables_of_one_section_stand_together(void **state)
{
	(void)state;
	for (size_t i = 0; wp_conf_sections[i] != NULL; i++) {
		const char *name = wp_conf_sections[i]->name;
		size_t len = strlen(name);

		for (size_t k = 0; k < wp_conf_sections[i]->n; k++) {
			const char *key = wp_conf_sections[i]->keys[k].name;

			assert_memory_equal(key, name, len);
			assert_int_equal(key[len] == '.', len > 0);
		}
		for (size_t k = 0; k + 1 < i; k++)
			if (strcmp(wp_conf_sections[k]->name, name) == 0)
				assert_string_equal(
					wp_conf_sections[k + 1]->name, name);
	}
}

static void a_start_without_any_key_makes_nothing(void **state)
{
	char path[128];

	(void)state;
	unsetenv("WAYPOST_AUTH_ISSUERS");
	snprintf(path, sizeof(path), "%s/none.db", dir);
	setenv("WAYPOST_STORE_SQLITE_PATH", path, 1);
	setenv("WAYPOST_ACCOUNTS_ENABLED", "false", 1);
	expect_refusal("auth.jwt_secret: no key verifies tokens; set "
		       "JWT_SECRET, auth.jwt_secret_file, "
		       "auth.public_key_files, auth.issuers or "
		       "accounts.enabled");
	snprintf(path, sizeof(path), "%s/none.db-secret", dir);
	assert_int_equal(access(path, F_OK), -1);
	set_config("auth: {issuers: [\"https://a\", \"https://b\"]}\n");
	expect_refusal("auth.issuers: number 2 has the namespace of another "
		       "one: both could name the same mailbox; give it an ns= "
		       "of its own");
	assert_int_equal(access(path, F_OK), -1);
}

static void keys_that_contradict_each_other_are_refused(void **state)
{
	static const struct {
		const char *text, *sentence;
	} rows[] = {
		{ "cors: {allowed_origins: [\"*\"]}\n",
		  "cors.allowed_origins: * cannot be combined with "
		  "cors.allow_credentials" },
		{ "cors: {allowed_origins: [\"https://a/\"]}\n",
		  "cors.allowed_origins: each must be scheme://host or "
		  "scheme://host:port in lower case, without a path" },
		{ "auth: {public_key_files: [\"/k/a.pem\", b.pem]}\n",
		  "auth.public_key_files: each must be an absolute path; a "
		  "comma separates them" },
		{ "mailbox: {max_waiting_bytes: 65536}\n",
		  "mailbox.max_waiting_bytes: must not be below "
		  "mailbox.max_envelope_bytes, or some envelopes never fit" },
		{ "worker: {tick_ms: 3000}\n",
		  "worker.tick_ms: must be below worker.lease_ms, or every "
		  "lease lapses" },
		{ "websocket: {idle_timeout_ms: 30000}\n",
		  "websocket.ping_interval_ms: must be below "
		  "websocket.idle_timeout_ms, or silent peers are dropped "
		  "unasked" },
		{ "websocket: {heartbeat_ms: 4501}\n",
		  "worker.reap_after_ms: must be twice websocket.heartbeat_ms "
		  "or more, or living daemons are reaped" },
		{ "handlers: {listen: \"8080\"}\n",
		  "handlers.listen: address \"8080\" is not unix:/path or "
		  "host:port with a port up to 65535" },
		{ "bus: {redis_push_stream: \"\"}\n",
		  "bus.redis_push_stream: must be 1 to 200 printable "
		  "characters of ASCII without blanks" },
		{ "bus: {redis_push_stream: \"a b\"}\n",
		  "bus.redis_push_stream: must be 1 to 200 printable "
		  "characters of ASCII without blanks" },
		{ "bus: {redis_push_stream: wp:inbox}\n",
		  "bus.redis_push_stream: keys that begin with wp: belong to "
		  "Waypost, except wp:push" },
		{ "websocket: {cookie_name: \"a;b\"}\n",
		  "websocket.cookie_name: has a character that no cookie's "
		  "name has" },
		{ "websocket: {topics: [\"a*:{b}:{user}\"]}\n",
		  "websocket.topics: each must be such as "
		  "project:{projectId}:{user}" },
		{ "websocket: {topics: [\"a:{b}:{user}\", "
		  "\"a:{c}:{user}\"]}\n",
		  "websocket.topics: two patterns are of the same channels" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		set_config(rows[i].text);
		expect_refusal(rows[i].sentence);
	}
}

/* Give key another value; what it was is freed. */
static void change(struct wp_conf *conf, const struct wp_conf_key *key)
{
	void *at = (char *)conf + key->offset;
	struct wp_error err;
	char text[32];

	switch (key->type) {
	case WP_CONF_INT:
		snprintf(text, sizeof(text), "%lld",
			 (long long)(*(int64_t *)at == key->max ? key->min
								: key->max));
		assert_int_equal(wp_conf_set(conf, key, text, &err), WP_OK);
		break;
	case WP_CONF_ENUM:
		*(unsigned int *)at = *(unsigned int *)at == 0;
		break;
	case WP_CONF_BOOL:
		*(bool *)at = !*(bool *)at;
		break;
	case WP_CONF_STRING:
	case WP_CONF_SECRET:
		free(*(char **)at);
		*(char **)at = strdup("hidden value");
		break;
	case WP_CONF_LIST:
		assert_int_equal(wp_conf_set(conf, key, "hidden value", &err),
				 WP_OK);
		break;
	}
}

static void a_reload_changes_only_what_the_table_says(void **state)
{
	const struct wp_conf_key *key;
	struct wp_conf now;

	(void)state;
	setenv("JWT_SECRET", "hidden secret", 1);
	load(&now);
	for (size_t i = 0; (key = wp_conf_key_at(wp_conf_sections, i)) != NULL;
	     i++) {
		struct wp_error err = { 0 };
		struct wp_conf next;
		enum wp_err rc;

		load(&next);
		assert_int_equal(wp_conf_check_reload(&now, &next, &err),
				 WP_OK);
		change(&next, key);
		rc = wp_conf_check_reload(&now, &next, &err);

		assert_int_equal(rc, key->is_reloadable ? WP_OK : WP_ERR_INVAL);
		if (rc != WP_OK) {
			assert_memory_equal(err.msg, key->name,
					    strlen(key->name));
			assert_null(strstr(err.msg, "hidden"));
		}
		wp_conf_release(&next);
	}
	wp_conf_release(&now);
}

static void a_refused_reload_names_all_keys(void **state)
{
	const struct wp_conf_key *key;
	struct wp_conf now, next;
	struct wp_error err;

	(void)state;
	load(&now);
	setenv("REDIS_ADDR", "other:1", 1);
	setenv("WAYPOST_MAILBOX_PARTITIONS", "32", 1);
	load(&next);

	assert_int_equal(wp_conf_check_reload(&now, &next, &err), WP_ERR_INVAL);
	assert_string_equal(err.msg, "redis.address, mailbox.partitions: "
				     "cannot be changed by a reload; restart "
				     "all programs, or change it back");
	for (size_t i = 0; (key = wp_conf_key_at(wp_conf_sections, i)) != NULL;
	     i++)
		change(&next, key);
	assert_int_equal(wp_conf_check_reload(&now, &next, &err), WP_ERR_INVAL);
	assert_non_null(strstr(err.msg, " more: cannot be changed by a reload; "
					"restart all programs, or change it "
					"back"));
	wp_conf_release(&next);
	wp_conf_release(&now);
}

/* What the environment cannot hold is refused in the file too. */
static void a_list_means_the_same_in_file_and_environment(void **state)
{
	static const char *const keys[][2] = {
		{ "auth", "public_key_files" },
		{ "auth", "identity_claims" },
		{ "cors", "allowed_origins" },
	};
	static const char *const items[] = { "/a,b", "/a,/b", ",",
					     " /a",  "/a ",   "\\t/a" };
	char text[128], sentence[256];

	(void)state;
	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
		for (size_t k = 0; k < sizeof(items) / sizeof(items[0]); k++) {
			snprintf(text, sizeof(text), "%s: {%s: [\"%s\"]}\n",
				 keys[i][0], keys[i][1], items[k]);
			set_config(text);
			snprintf(sentence, sizeof(sentence),
				 "%s/w.yaml:1: %s.%s: must hold UTF-8 texts "
				 "that are not empty, without commas, blanks "
				 "around them and control characters",
				 dir, keys[i][0], keys[i][1]);
			expect_refusal(sentence);
		}
	}
	set_config("");
	setenv("WAYPOST_AUTH_PUBLIC_KEY_FILES", "/k/a,b.pem", 1);
	expect_refusal("auth.public_key_files: each must be an absolute path; "
		       "a comma separates them");
}

static void any_origin_is_fine_without_credentials(void **state)
{
	struct wp_conf conf;

	(void)state;
	set_config("cors: {allowed_origins: [\"*\"], "
		   "allow_credentials: false}\n");
	load(&conf);
	assert_string_equal(conf.cors.allowed_origins.items[0], "*");
	wp_conf_release(&conf);
}

static void pages_of_our_own_address_may_ask(void **state)
{
	struct wp_conf conf;

	(void)state;
	set_config("public_url: https://here.example:8443/base\n"
		   "cors: {allowed_origins: [\"https://app.example\"]}\n");
	load(&conf);
	assert_string_equal(conf.public_url, "https://here.example:8443/base");
	assert_int_equal(conf.cors.allowed_origins.n, 2);
	assert_string_equal(conf.cors.allowed_origins.items[1],
			    "https://here.example:8443");
	wp_conf_release(&conf);

	set_config("public_url: https://app.example\n"
		   "cors: {allowed_origins: [\"https://app.example\"]}\n");
	load(&conf);
	assert_int_equal(conf.cors.allowed_origins.n, 1);
	wp_conf_release(&conf);

	/* As browsers write it: RFC 6454 section 6.2. */
	set_config("public_url: https://app.example:443/base\n");
	load(&conf);
	assert_string_equal(conf.cors.allowed_origins.items[0],
			    "https://app.example");
	wp_conf_release(&conf);
	set_config("public_url: http://app.example:80\n");
	load(&conf);
	assert_string_equal(conf.cors.allowed_origins.items[0],
			    "http://app.example");
	wp_conf_release(&conf);
	set_config("public_url: http://app.example:443\n");
	load(&conf);
	assert_string_equal(conf.cors.allowed_origins.items[0],
			    "http://app.example:443");
	wp_conf_release(&conf);
}

static void a_public_url_is_one_of_the_web(void **state)
{
	static const char *const bad[] = {
		"here.example",
		"ftp://here.example",
		"https://",
		"https:///base",
		"https://Here.example",
		"https://me@here.example",
		"https://here.example/?a",
		"https://here.example/base#a",
		"https://here.example /",
		"https://*",
	};
	char text[128];

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		(void)snprintf(text, sizeof(text), "public_url: \"%s\"\n",
			       bad[i]);
		set_config(text);
		expect_refusal("public_url: must be https://host, perhaps with "
			       "a port and a path, and the host in lower case");
	}
}

/* Run with standard output in a file and give back what was printed. */
static char *capture(const char *option, enum wp_conf_action *action)
{
	static char text[32768];
	char name[] = "waypost-handlers";
	char copy[64];
	char *argv[] = { name, copy, NULL };
	const struct wp_conf_source source = { .program = &program,
					       .argc = 2,
					       .argv = argv };
	struct wp_error err = { 0 };
	struct wp_conf conf;
	int saved = dup(STDOUT_FILENO);
	char path[128];
	ssize_t n;
	int fd;

	snprintf(copy, sizeof(copy), "%s", option);
	snprintf(path, sizeof(path), "%s/out", dir);
	fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	assert_int_not_equal(fd, -1);
	(void)fflush(stdout);
	dup2(fd, STDOUT_FILENO);
	if (wp_conf_load(&conf, &source, action, &err) != WP_OK)
		fail_msg("%s", err.msg);
	dup2(saved, STDOUT_FILENO);
	n = pread(fd, text, sizeof(text) - 1, 0);
	assert_true(n > 0);
	text[n] = '\0';
	close(saved);
	close(fd);
	wp_conf_release(&conf);
	return text;
}

static void
the_printed_configuration_loads_again_and_hides_secrets(void **state)
{
	enum wp_conf_action action;
	struct wp_conf conf;
	char *text;

	(void)state;
	setenv("JWT_SECRET", "hunter2", 1);
	setenv("WAYPOST_REDIS_PASSWORD_FILE",
	       write_file("p", "swordfish", 0600), 1);
	setenv("WAYPOST_AUTH_ISSUER", "a \"b\" \\ c: d", 1);
	setenv("CORS_ALLOWED_ORIGINS", "http://a,http://b", 1);

	text = capture("--print-config", &action);

	assert_int_equal(action, WP_CONF_EXIT_OK);
	assert_null(strstr(text, "hunter2"));
	assert_null(strstr(text, "swordfish"));
	assert_non_null(strstr(text, "# jwt_secret: (set)\n"));
	assert_non_null(strstr(text, "# jwt_secret_previous: (not set)\n"));
	clearenv();
	set_config(text);
	load(&conf);
	assert_string_equal(conf.auth.issuer, "a \"b\" \\ c: d");
	assert_string_equal(conf.redis.password, "swordfish");
	assert_int_equal(conf.cors.allowed_origins.n, 2);
	wp_conf_release(&conf);
}

static void help_tells_the_sections_of_the_program_only(void **state)
{
	enum wp_conf_action action;
	char *text = capture("--help", &action);

	(void)state;
	assert_int_equal(action, WP_CONF_EXIT_OK);
	assert_non_null(strstr(text, "handlers.threads "
				     "(WAYPOST_HANDLERS_THREADS)"));
	assert_non_null(strstr(text, "redis.password "
				     "(WAYPOST_REDIS_PASSWORD, "
				     "REDIS_PASSWORD)"));
	assert_non_null(strstr(text, "run_mode (WAYPOST_RUN_MODE)"));
	assert_non_null(strstr(text, "--processes"));
	assert_non_null(strstr(text, "websocket.grace_ms ("));
	assert_null(strstr(text, "websocket.drain_ms ("));
	assert_null(strstr(text, "worker.lease_ms ("));
}

static void version_names_program_and_version(void **state)
{
	enum wp_conf_action action;
	char expected[64];

	(void)state;
	snprintf(expected, sizeof(expected), "waypost-handlers %s\n",
		 wp_version);
	assert_string_equal(capture("--version", &action), expected);
	assert_int_equal(action, WP_CONF_EXIT_OK);
}

static void check_is_left_to_the_program(void **state)
{
	char name[] = "waypost-handlers", check[] = "--check";
	char *argv[] = { name, check, NULL };
	const struct wp_conf_source source = { .program = &program,
					       .argc = 2,
					       .argv = argv };
	enum wp_conf_action action = WP_CONF_RUN;
	struct wp_error err;
	struct wp_conf conf;

	(void)state;
	assert_int_equal(wp_conf_load(&conf, &source, &action, &err), WP_OK);
	assert_int_equal(action, WP_CONF_CHECK);
	wp_conf_release(&conf);
}

/* Does "key:" stand in the text, commented out or not, behind its section? */
static bool shows(const char *text, const char *name, const char *suffix)
{
	const char *dot = strchr(name, '.');
	char section[64], line[64];
	const char *at = text;

	if (dot != NULL) {
		snprintf(section, sizeof(section), "\n%.*s:\n",
			 (int)(dot - name), name);
		at = strstr(text, section);
		if (at == NULL)
			return false;
		at += 1;
	}
	snprintf(line, sizeof(line), "%s%s:", dot != NULL ? dot + 1 : name,
		 suffix);
	while ((at = strchr(at, '\n')) != NULL) {
		at++;
		if (dot != NULL && isalpha((unsigned char)at[0]))
			return false; /* the next section begins */
		if (strncmp(at + strspn(at, " #"), line, strlen(line)) == 0)
			return true;
	}
	return false;
}

static void the_example_file_shows_every_key_with_its_default(void **state)
{
	static const char path[] = "web-config/waypost.yaml";
	static char expected[32768], text[32768];
	const struct wp_conf_key *key;
	enum wp_conf_action action;
	FILE *file = fopen(path, "re");
	size_t n;

	(void)state;
	assert_non_null(file); /* tests run in the root of the repository */
	n = fread(text, 1, sizeof(text) - 1, file);
	text[n] = '\0';
	fclose(file);

	for (size_t i = 0; (key = wp_conf_key_at(wp_conf_sections, i)) != NULL;
	     i++) {
		if (!shows(text, key->name,
			   key->type == WP_CONF_SECRET ? "_file" : ""))
			fail_msg("%s does not show %s", path, key->name);
	}
	snprintf(expected, sizeof(expected), "%s",
		 capture("--print-config", &action));
	setenv("WAYPOST_CONFIG", path, 1);
	assert_string_equal(capture("--print-config", &action), expected);
}

static int make_dir(void **state)
{
	(void)state;
	snprintf(dir, sizeof(dir), "/tmp/waypost-test-XXXXXX");
	return mkdtemp(dir) == NULL;
}

static int remove_dir(void **state)
{
	static const char *const names[] = {
		"w.yaml",
		"jwt",
		"jwt2",
		"s",
		"p",
		"out",
		"kept.db-secret",
		"other.db-secret",
		"raced.db-secret",
	};
	char path[128];

	(void)state;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		snprintf(path, sizeof(path), "%s/%s", dir, names[i]);
		(void)unlink(path);
	}
	return rmdir(dir);
}

#define TEST(name) cmocka_unit_test_setup(name, clean_environment)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(without_any_source_the_defaults_hold),
		TEST(file_environment_and_flag_win_in_that_order),
		TEST(aliases_count_unless_the_own_name_is_set),
		TEST(bad_variables_are_named),
		TEST(options_are_read_in_both_forms_and_refused_by_name),
		TEST(a_named_file_that_is_missing_stops),
		TEST(a_file_over_a_mebibyte_is_refused),
		TEST(a_secret_comes_from_environment_or_file),
		TEST(an_unfit_secret_file_is_refused),
		TEST(a_secret_file_of_the_group_is_fine_in_production),
		TEST(production_demands_secrets_and_hides_tokens_from_urls),
		TEST(one_bad_secret_hides_no_other),
		TEST(in_local_mode_the_store_secret_outlives_the_other),
		TEST(a_reload_makes_no_secret),
		TEST(of_many_first_starts_one_makes_the_secret),
		TEST(a_program_reads_only_the_secrets_it_uses),
		TEST(what_only_others_use_is_left_to_them),
		TEST(tables_of_one_section_stand_together),
		TEST(a_start_without_any_key_makes_nothing),
		TEST(keys_that_contradict_each_other_are_refused),
		TEST(a_reload_changes_only_what_the_table_says),
		TEST(a_refused_reload_names_all_keys),
		TEST(a_list_means_the_same_in_file_and_environment),
		TEST(any_origin_is_fine_without_credentials),
		TEST(the_printed_configuration_loads_again_and_hides_secrets),
		TEST(help_tells_the_sections_of_the_program_only),
		TEST(version_names_program_and_version),
		TEST(pages_of_our_own_address_may_ask),
		TEST(a_public_url_is_one_of_the_web),
		TEST(check_is_left_to_the_program),
		TEST(the_example_file_shows_every_key_with_its_default),
	};

	return cmocka_run_group_tests_name("conf", tests, make_dir, remove_dir);
}
