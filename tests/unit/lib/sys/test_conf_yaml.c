/* What the file may say, and the exact sentence when it says something else. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "lib/sys/sections/sections.h"

/* It uses nothing, and judges all. */
static const struct wp_conf_program program = {
	.known = wp_conf_sections,
	.judges_all = true,
};

/* A configuration that holds what the presets say, and nothing loaded yet. */
static void begin(struct wp_conf_load *load, struct wp_conf *conf)
{
	struct wp_error err;

	*conf = (struct wp_conf){ 0 };
	assert_int_equal(wp_conf_load_begin(load, conf, &program, &err), WP_OK);
}

static void end(struct wp_conf_load *load)
{
	wp_conf_release(load->conf);
	wp_conf_load_end(load);
}

static enum wp_err read_text(struct wp_conf_load *load, const char *text,
			     struct wp_error *err)
{
	return wp_conf_read_yaml(load, "w.yaml", text, strlen(text), err);
}

static void expect_refusal(const char *text, const char *sentence)
{
	struct wp_conf_load load;
	struct wp_conf conf;
	struct wp_error err = { 0 };

	begin(&load, &conf);

	assert_int_equal(read_text(&load, text, &err), WP_ERR_INVAL);

	assert_string_equal(err.msg, sentence);
	assert_int_equal(err.code, WP_ERR_INVAL);
	end(&load);
}

static void expect_fine(const char *text)
{
	struct wp_conf_load load;
	struct wp_conf conf;
	struct wp_error err = { 0 };

	begin(&load, &conf);
	if (read_text(&load, text, &err) != WP_OK)
		fail_msg("%s: %s", text, err.msg);
	end(&load);
}

static void every_type_of_value_is_read(void **state)
{
	struct wp_conf_load load;
	struct wp_conf conf;
	struct wp_error err = { 0 };

	(void)state;
	begin(&load, &conf);

	assert_int_equal(
		read_text(&load,
			  "# comment\n"
			  "run_mode: Production\n"
			  "redis: {address: \"unix:/r\", database: 3}\n"
			  "auth:\n"
			  "  identity_claims: [a, 'b c']\n"
			  "  public_key_files:\n"
			  "    - /k.pem\n"
			  "  jwt_secret_file: /s\n"
			  "cors:\n"
			  "  allow_credentials: false\n"
			  "presence: {visibility: none}\n",
			  &err),
		WP_OK);

	assert_int_equal(conf.run_mode, WP_RUN_PRODUCTION);
	assert_string_equal(conf.redis.address, "unix:/r");
	assert_int_equal(conf.redis.database, 3);
	assert_int_equal(conf.auth.identity_claims.n, 2);
	assert_string_equal(conf.auth.identity_claims.items[1], "b c");
	assert_null(conf.auth.identity_claims.items[2]);
	assert_string_equal(conf.auth.public_key_files.items[0], "/k.pem");
	assert_false(conf.cors.allow_credentials);
	assert_int_equal(conf.presence.visibility, WP_VISIBLE_NONE);
	end(&load);
}

static void an_empty_file_and_an_empty_section_change_nothing(void **state)
{
	(void)state;
	expect_fine("");
	expect_fine("# only a comment\n");
	expect_fine("---\n...\n");
	expect_fine("redis:\n  # all commented out\nlog:\n  level: warn\n");
}

static void unknown_names_are_refused_with_their_line(void **state)
{
	(void)state;
	expect_refusal("log:\n  level: info\n  colour: red\n",
		       "w.yaml:3: log.colour: there is no such key");
	expect_refusal("\nredi:\n  address: a\n",
		       "w.yaml:2: redi: there is no such section");
	expect_refusal("redis.address: a:1\n",
		       "w.yaml:1: redis.address: there is no such section");
	expect_refusal("log: {log.level: info}\n",
		       "w.yaml:1: log.log.level: there is no such key");
	expect_refusal("log: {\"a\\e[1m\": info}\n",
		       "w.yaml:1: log.a?[1m: there is no such key");
	expect_refusal("\"run_mode\\0x\": local\n",
		       "w.yaml:1: run_mode?x: there is no such section");
}

static void what_is_given_twice_is_refused(void **state)
{
	(void)state;
	expect_refusal("log:\n  level: info\n  level: warn\n",
		       "w.yaml:3: log.level: is given twice");
	expect_refusal("log: {level: info}\nlog: {level: info}\n",
		       "w.yaml:2: log: is given twice");
	expect_refusal("run_mode: local\nrun_mode: local\n",
		       "w.yaml:2: run_mode: is given twice");
	expect_refusal("auth:\n  jwt_secret_file: /a\n  jwt_secret_file: /b\n",
		       "w.yaml:3: auth.jwt_secret_file: is given twice");
}

static void a_secret_in_the_file_is_refused_unread(void **state)
{
	(void)state;
	expect_refusal("auth:\n  jwt_secret: hunter2\n",
		       "w.yaml:2: auth.jwt_secret: a secret does not belong "
		       "in this file; set JWT_SECRET or auth.jwt_secret_file");
	expect_refusal("redis:\n  password: hunter2\n",
		       "w.yaml:2: redis.password: a secret does not belong in "
		       "this file; set REDIS_PASSWORD or redis.password_file");
}

static void a_wrong_type_is_refused(void **state)
{
	(void)state;
	expect_refusal("handlers: {processes: \"2\"}\n",
		       "w.yaml:1: handlers.processes: must be a number, "
		       "without quotes");
	expect_refusal("handlers: {processes: [2]}\n",
		       "w.yaml:1: handlers.processes: must be a single value");
	expect_refusal("handlers: {processes: 1.5}\n",
		       "w.yaml:1: handlers.processes: must be a whole number "
		       "from 1 to 64");
	expect_refusal("cors: {allow_credentials: yes}\n",
		       "w.yaml:1: cors.allow_credentials: must be true or "
		       "false, without quotes");
	expect_refusal("auth: {issuer: 12}\n",
		       "w.yaml:1: auth.issuer: must be a text; put it in "
		       "quotes");
	expect_refusal("auth: {issuer: {a: b}}\n",
		       "w.yaml:1: auth.issuer: must be a single value");
	expect_refusal("auth: {identity_claims: sub}\n",
		       "w.yaml:1: auth.identity_claims: must be a list: [one, "
		       "two]");
	expect_refusal("auth: {identity_claims: [[sub]]}\n",
		       "w.yaml:1: auth.identity_claims: must be a single "
		       "value");
	expect_refusal("auth:\n  issuer:\n  audience: a\n",
		       "w.yaml:2: auth.issuer: has no value; leave the key "
		       "out for its default, or write \"\" for nothing");
	expect_refusal("redis: 7\n",
		       "w.yaml:1: redis: is a section; its keys go below it");
	expect_refusal("- a\n", "w.yaml:1: the file must hold sections of "
				"keys");
	expect_refusal("redis: {[a]: b}\n", "w.yaml:1: a key must be one word");
}

static void a_value_out_of_bounds_is_refused(void **state)
{
	(void)state;
	expect_refusal("mailbox:\n  partitions: 0\n",
		       "w.yaml:2: mailbox.partitions: must be a whole number "
		       "from 1 to 65536");
	expect_refusal("mailbox:\n  partitions: 99999999999999999999\n",
		       "w.yaml:2: mailbox.partitions: must be a whole number "
		       "from 1 to 65536");
	expect_refusal("presence: {visibility: some}\n",
		       "w.yaml:1: presence.visibility: must be one of all, "
		       "self, none");
	expect_refusal("store: {backend: oracle}\n",
		       "w.yaml:1: store.backend: must be sqlite");
	expect_refusal("auth: {identity_claims: []}\n",
		       "w.yaml:1: auth.identity_claims: must hold 1 to 16 "
		       "texts");
	expect_refusal("auth: {identity_claims: [\"\"]}\n",
		       "w.yaml:1: auth.identity_claims: must hold UTF-8 texts "
		       "that are not empty, without commas, blanks around "
		       "them and control characters");
	expect_refusal("auth: {issuer: \"a\\nb\"}\n",
		       "w.yaml:1: auth.issuer: must be UTF-8 without control "
		       "characters");
	expect_refusal("auth: {issuer: \"a\\0b\"}\n",
		       "w.yaml:1: auth.issuer: must not hold a NUL byte");
}

static void what_yaml_can_do_beyond_values_is_refused(void **state)
{
	static const char decorated[] = "w.yaml:1: anchors, aliases and tags "
					"have no place in this file";

	(void)state;
	expect_refusal("auth: {issuer: &a b}\n", decorated);
	expect_refusal("auth: &a {issuer: b}\n", decorated);
	expect_refusal("auth: {issuer: *a}\n", decorated);
	expect_refusal("auth: {issuer: !!str b}\n", decorated);
	expect_refusal("auth: {identity_claims: &a [b]}\n", decorated);
	expect_refusal("log: {level: info}\n---\nlog: {level: warn}\n",
		       "w.yaml:2: only one document may be in this file");
	expect_refusal("log:\n\tlevel: info\n",
		       "w.yaml:2: this is no YAML: found character that cannot "
		       "start any token");
}

static void a_list_has_an_end(void **state)
{
	struct wp_buf text;

	(void)state;
	wp_buf_init(&text, 0);
	wp_buf_add_str(&text, "cors: {allowed_origins: [a");
	for (int i = 0; i < WP_CONF_LIST_MAX; i++)
		wp_buf_add_str(&text, ", a");
	wp_buf_add_str(&text, "]}\n");

	expect_refusal(text.data,
		       "w.yaml:1: cors.allowed_origins: must not hold more "
		       "than 64 texts");
	wp_buf_release(&text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_type_of_value_is_read),
		cmocka_unit_test(
			an_empty_file_and_an_empty_section_change_nothing),
		cmocka_unit_test(unknown_names_are_refused_with_their_line),
		cmocka_unit_test(what_is_given_twice_is_refused),
		cmocka_unit_test(a_secret_in_the_file_is_refused_unread),
		cmocka_unit_test(a_wrong_type_is_refused),
		cmocka_unit_test(a_value_out_of_bounds_is_refused),
		cmocka_unit_test(what_yaml_can_do_beyond_values_is_refused),
		cmocka_unit_test(a_list_has_an_end),
	};

	return cmocka_run_group_tests_name("conf_yaml", tests, NULL, NULL);
}
