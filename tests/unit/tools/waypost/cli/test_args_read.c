/* The command line: what is understood, and what is refused before harm. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "lib/auth/scope.h"
#include "tools/waypost/cli/args_read.h"

enum { WORDS_MAX = 16, LINE_MAX = 200 };

/* A line of words with single blanks between them; "waypost" is added. */
struct line {
	char text[LINE_MAX];
	char *argv[WORDS_MAX + 1];
	int argc;
};

static void split(struct line *line, const char *words)
{
	char *word = line->text;

	(void)snprintf(line->text, sizeof(line->text), "waypost %s", words);
	line->argc = 0;
	while (word != NULL) {
		assert_true(line->argc < WORDS_MAX);
		line->argv[line->argc++] = word;
		word = strchr(word, ' ');
		if (word != NULL)
			*word++ = '\0';
	}
	line->argv[line->argc] = NULL;
}

/* line keeps the texts that the result borrows. */
static struct wp_cli_args read_good(struct line *line, const char *words)
{
	struct wp_error err = { 0 };
	struct wp_cli_args args;

	split(line, words);
	if (wp_cli_read_args(&args, line->argc, line->argv, &err) != WP_OK)
		fail_msg("%s: %s", words, err.msg);
	return args;
}

static void expect_bad(const char *words, const char *sentence)
{
	struct wp_error err = { 0 };
	struct wp_cli_args args;
	struct line line;

	split(&line, words);
	if (wp_cli_read_args(&args, line.argc, line.argv, &err) != WP_ERR_INVAL)
		fail_msg("%s is accepted", words);
	if (strstr(err.msg, sentence) == NULL)
		fail_msg("%s: '%s' lacks '%s'", words, err.msg, sentence);
}

static void the_command_begins_at_the_first_word_that_is_no_option(void **state)
{
	struct wp_cli_args args;
	struct line line;

	(void)state;
	args = read_good(&line, "--config a.yaml --redis=x:1 dlq list --json");
	assert_int_equal(args.command, WP_CLI_DLQ_LIST);
	assert_int_equal(args.n_before, 4);
	assert_true(args.is_json);
	args = read_good(&line, "--redis dlq --check");
	assert_int_equal(args.command, WP_CLI_NONE);
	assert_int_equal(args.n_before, 4);
	/* The configuration says what is wrong with this one. */
	args = read_good(&line, "--config");
	assert_int_equal(args.n_before, 2);
}

static void options_of_a_list_are_read(void **state)
{
	struct wp_cli_args args;
	struct line line;

	(void)state;
	args = read_good(&line, "dlq list");
	assert_int_equal(args.limit, WP_CLI_LIMIT_DEFAULT);
	assert_false(args.has_queue || args.show_recipient || args.is_json);
	args = read_good(&line,
			 "dlq list --partition 12 --limit=7 --show-recipient");
	assert_true(args.has_queue && args.show_recipient);
	assert_false(args.queue.is_inbox);
	assert_int_equal(args.queue.partition, 12);
	assert_int_equal(args.limit, 7);
	args = read_good(&line, "dlq list --partition inbox");
	assert_true(args.queue.is_inbox);
}

static void a_copy_is_named_by_its_folder(void **state)
{
	struct wp_cli_args args;
	struct line line;

	(void)state;
	args = read_good(&line, "backup /a");
	assert_int_equal(args.command, WP_CLI_BACKUP);
	assert_string_equal(args.file, "/a");
	args = read_good(&line, "restore /a --check");
	assert_int_equal(args.command, WP_CLI_RESTORE);
	assert_true(args.is_check && args.redis_dir == NULL);
	args = read_good(&line, "restore --redis-dir /r /a");
	assert_string_equal(args.file, "/a");
	assert_string_equal(args.redis_dir, "/r");
	assert_false(args.is_check);
}

static void expiry_is_confirmed_in_so_many_words(void **state)
{
	struct wp_cli_args args;
	struct line line;

	(void)state;
	args = read_good(&line, "expire --confirm");
	assert_int_equal(args.command, WP_CLI_EXPIRE);
	assert_true(args.is_sure);
}

static void origins_are_printed_without_another_word(void **state)
{
	struct line line;

	(void)state;
	assert_int_equal(read_good(&line, "origins").command, WP_CLI_ORIGINS);
	expect_bad("origins x", "a word too many");
	expect_bad("origins --json", "no such option");
}

static void keys_are_listed_or_made(void **state)
{
	struct wp_cli_args args;
	struct line line;

	(void)state;
	args = read_good(&line, "keys list --json");
	assert_int_equal(args.command, WP_CLI_KEYS_LIST);
	assert_true(args.is_json);
	assert_int_equal(read_good(&line, "keys rotate").command,
			 WP_CLI_KEYS_ROTATE);
	expect_bad("keys", "say list or rotate");
	expect_bad("keys drop", "say list or rotate");
	expect_bad("keys rotate --json", "no such option");
	expect_bad("keys list x", "a word too many");
}

static void a_dead_letter_is_named_before_or_after_options(void **state)
{
	struct wp_cli_args args;
	struct line line;

	(void)state;
	args = read_good(&line, "dlq show 3/17-2 --raw");
	assert_true(args.has_id && args.is_raw);
	assert_int_equal(args.id.queue.partition, 3);
	assert_int_equal(args.id.entry.ms, 17);
	args = read_good(&line, "dlq drop --yes inbox/17-2");
	assert_true(args.id.queue.is_inbox);
	args = read_good(&line, "dlq requeue --all --partition 0");
	assert_true(args.is_all && args.has_queue);
	assert_false(args.has_id);
}

static void a_send_takes_values_that_look_like_options(void **state)
{
	struct wp_cli_args args;
	struct line line;

	(void)state;
	args = read_good(&line, "send --to bob --priority -3 --key --k "
				"--ephemeral --data -");
	assert_string_equal(args.to, "bob");
	assert_string_equal(args.key, "--k");
	assert_string_equal(args.data, "-");
	assert_int_equal(args.priority, -3);
	assert_true(args.is_ephemeral);
}

static void a_key_is_asked_for_by_name_and_scopes(void **state)
{
	struct wp_cli_args args;
	struct line line;

	(void)state;
	args = read_good(&line, "key add --name billing --scope send,notify "
				"--expires 1970-01-02");
	assert_int_equal(args.command, WP_CLI_KEY_ADD);
	assert_string_equal(args.name, "billing");
	assert_int_equal(args.scopes, WP_SCOPE_SEND | WP_SCOPE_NOTIFY);
	assert_int_equal(args.expires_s, 2 * 86400);
	args = read_good(&line, "key add --scope=presence --name=b");
	assert_true(args.expires_s == WP_APIKEY_FOR_EVER);
	args = read_good(&line, "key list --json");
	assert_int_equal(args.command, WP_CLI_KEY_LIST);
	assert_true(args.is_json);
	args = read_good(&line, "key remove abcdefghij");
	assert_int_equal(args.command, WP_CLI_KEY_REMOVE);
	assert_string_equal(args.key_id, "abcdefghij");
}

static void an_account_is_named_by_its_user_name(void **state)
{
	struct wp_cli_args args;
	struct line line;

	(void)state;
	args = read_good(&line, "account create Bob --password - --json");
	assert_int_equal(args.command, WP_CLI_ACCOUNT_CREATE);
	assert_string_equal(args.account.text, "bob");
	assert_string_equal(args.password, "-");
	assert_true(args.is_json);
	args = read_good(&line, "account create bob");
	assert_null(args.password);
	args = read_good(&line, "account list --json");
	assert_int_equal(args.command, WP_CLI_ACCOUNT_LIST);
	assert_true(args.is_json);
	args = read_good(&line, "account disable bob");
	assert_int_equal(args.command, WP_CLI_ACCOUNT_DISABLE);
	args = read_good(&line, "account enable bob");
	assert_int_equal(args.command, WP_CLI_ACCOUNT_ENABLE);
	args = read_good(&line, "account delete bob --yes");
	assert_int_equal(args.command, WP_CLI_ACCOUNT_DELETE);
	args = read_good(&line, "account enable urn:sm:user:bob");
	assert_string_equal(args.account.text, "bob");
	args = read_good(&line, "session list urn:sm:user:bob --json");
	assert_int_equal(args.command, WP_CLI_SESSION_LIST);
	assert_string_equal(args.account.text, "bob");
	expect_bad("session list urn:shop:user:bob", "nobody with this URN");
	expect_bad("session list urn:sm:user:b", "nobody with this URN");
	expect_bad("session list urn:sm:user:Bob", "nobody with this URN");
	expect_bad("account disable urn:sm", "URN");
	expect_bad("account", "account: say create");
	expect_bad("account create", "say whose");
	expect_bad("account create bob eve", "a word too many");
	expect_bad("account list bob", "a word too many");
	expect_bad("account create b", "3 to 32");
	expect_bad("account create bob!", "letters a to z");
	expect_bad("account delete bob", "say --yes");
	expect_bad("account enable bob --json", "no such option");
}

static void devices_are_named_by_whose_they_are(void **state)
{
	static const char id[] = "AAAAAAAAAAAAAAAAAAAAAA";
	struct wp_cli_args args;
	struct line line;

	(void)state;
	args = read_good(&line, "push list bob --json");
	assert_int_equal(args.command, WP_CLI_PUSH_LIST);
	assert_string_equal(args.whose.text, "urn:sm:user:bob");
	assert_true(args.is_json);
	args = read_good(&line, "push test urn:sm:user:bob "
				"AAAAAAAAAAAAAAAAAAAAAA");
	assert_int_equal(args.command, WP_CLI_PUSH_TEST);
	assert_string_equal(args.device, id);
	assert_null(read_good(&line, "push test bob").device);
	assert_int_equal(read_good(&line, "push dlq --limit 3").limit, 3);
	assert_int_equal(read_good(&line, "push status").command,
			 WP_CLI_PUSH_STATUS);
	assert_string_equal(read_good(&line, "push vapid-key a").file, "a");
	assert_null(read_good(&line, "push vapid-key").file);
	assert_string_equal(read_good(&line, "push resume a").app, "a");

	expect_bad("push", "push: say status");
	expect_bad("push resume", "say which app");
	expect_bad("push resume a b", "a word too many");
	expect_bad("push list", "say whose");
	expect_bad("push test", "say whose");
	expect_bad("push list bob eve", "a word too many");
	expect_bad("push list urn:x", "URN");
	expect_bad("push test bob phone", "22 characters");
	expect_bad("push test bob AAAAAAAAAAAAAAAAAAAAAA x", "a word too many");
	expect_bad("push status x", "a word too many");
	expect_bad("push vapid-key a b", "a word too many");
}

static void half_a_key_is_refused(void **state)
{
	(void)state;
	expect_bad("key", "key: say add, list or remove");
	expect_bad("key eat", "key: say add, list or remove");
	expect_bad("key add --scope send", "--name");
	expect_bad("key add --name b", "--scope");
	expect_bad("key add --name B --scope send", "must be 1 to 64");
	expect_bad("key add --name b --scope", "needs a value");
	expect_bad("key add --name b --scope all", "some of send, notify");
	expect_bad("key add --name b --scope send --expires 2027-02-30",
		   "a day like");
	expect_bad("key add --name b --scope send abcdefghij", "too many");
	expect_bad("key list abcdefghij", "too many");
	expect_bad("key remove", "which");
	expect_bad("key remove abcdefghij abcdefghij", "too many");
	/* Who pastes the whole key has shown it to the history of his shell. */
	expect_bad("key remove wpk_abcdefghij_x", "10 characters behind");
}

static void whose_tokens_are_revoked_is_said_in_one_way(void **state)
{
	struct wp_cli_args args;
	struct line line;

	(void)state;
	args = read_good(&line, "session revoke --user urn:sm:user:bob");
	assert_int_equal(args.command, WP_CLI_SESSION_REVOKE);
	assert_string_equal(args.user, "urn:sm:user:bob");
	args = read_good(&line,
			 "session revoke --issuer https://a --subject 7");
	assert_string_equal(args.issuer, "https://a");
	assert_string_equal(args.subject, "7");
	assert_null(args.session);
	args = read_good(&line,
			 "session revoke --session 8 --issuer https://a");
	assert_string_equal(args.session, "8");
	expect_bad("session", "session: say list or revoke");
	args = read_good(&line, "session list Bob --json");
	assert_int_equal(args.command, WP_CLI_SESSION_LIST);
	assert_string_equal(args.account.text, "bob");
	assert_true(args.is_json);
	expect_bad("session list", "say whose");
	expect_bad("session list bob amy", "too many");
	expect_bad("session revoke", "say --user");
	expect_bad("session revoke --user bob --subject 7", "say --user");
	expect_bad("session revoke --user bob --issuer a", "say --user");
	expect_bad("session revoke --subject 7", "say --user");
	expect_bad("session revoke --issuer a", "say --user");
	expect_bad("session revoke --issuer a --subject 7 --session 8",
		   "say --user");
	expect_bad("session revoke --user bob amy", "too many");
}

static void a_token_is_for_somebody_and_ends(void **state)
{
	struct wp_cli_args args;
	struct line line;

	(void)state;
	args = read_good(&line, "token make --sub bob");
	assert_int_equal(args.command, WP_CLI_TOKEN_MAKE);
	assert_string_equal(args.sub, "bob");
	assert_int_equal(args.for_s, 3600);
	args = read_good(&line, "token make --sub bob --for 90s --claim a=b "
				"--claim c==");
	assert_int_equal(args.for_s, 90);
	assert_int_equal(args.n_claims, 2);
	assert_string_equal(args.claims[0], "a=b");
	assert_string_equal(args.claims[1], "c==");
	args = read_good(&line, "token make --sub bob --for 24h");
	assert_int_equal(args.for_s, 86400);
	args = read_good(&line, "token make --sub bob --for 15m");
	assert_int_equal(args.for_s, 900);
	args = read_good(&line, "token check --json");
	assert_int_equal(args.command, WP_CLI_TOKEN_CHECK);
	assert_null(args.token);
	assert_true(args.is_json);
	args = read_good(&line, "token check -");
	assert_string_equal(args.token, "-");
	expect_bad("token", "make or check");
	expect_bad("token make", "for whom");
	expect_bad("token make bob", "too many");
	expect_bad("token check a b", "too many");
	expect_bad("token make --sub bob --for 25h", "up to 24h");
	expect_bad("token make --sub bob --for 86401s", "up to 24h");
	expect_bad("token make --sub bob --for 0s", "up to 24h");
	expect_bad("token make --sub bob --for 10", "up to 24h");
	expect_bad("token make --sub bob --for h", "up to 24h");
	expect_bad("token make --sub bob --for 1d", "up to 24h");
	expect_bad("token make --sub bob --claim =b", "name=value");
	expect_bad("token make --sub bob --claim b", "name=value");
}

static void help_is_given_wherever_it_is_asked_for(void **state)
{
	static const char *const lines[] = { "--help", "help", "dlq --help",
					     "dlq drop --help",
					     "send --to bob --help" };
	struct line line;

	(void)state;
	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++)
		assert_int_equal(read_good(&line, lines[i]).command,
				 WP_CLI_HELP);
}

static void help_is_about_what_was_named(void **state)
{
	struct wp_cli_args args;
	struct line line;

	(void)state;
	assert_int_equal(read_good(&line, "--redis x:1 help").n_about, 0);
	args = read_good(&line, "dlq --help");
	assert_int_equal(args.n_about, 1);
	assert_string_equal(args.about[0], "dlq");
	args = read_good(&line, "--redis x:1 dlq drop 3/17-2 --help");
	assert_int_equal(args.n_about, 2);
	assert_string_equal(args.about[1], "drop");
	args = read_good(&line, "help dlq drop");
	assert_int_equal(args.n_about, 2);
	assert_string_equal(args.about[0], "dlq");
	assert_string_equal(args.about[1], "drop");
	assert_int_equal(read_good(&line, "help dlq eat").n_about, 1);
	assert_int_equal(read_good(&line, "help send").n_about, 1);
	expect_bad("help sned", "did you mean send?");
}

static void nothing_is_dropped_without_a_yes(void **state)
{
	(void)state;
	expect_bad("dlq drop 3/17-2", "--yes");
	expect_bad("dlq drop --all", "--yes");
	expect_bad("dlq drop --yes", "--all");
	expect_bad("store adopt", "--yes");
	expect_bad("store adopt --yes x", "a word too many");
	expect_bad("store", "store: say adopt");
	expect_bad("capacity --users 1", "--messages");
	expect_bad("capacity --users 0", "must be 1 to");
	expect_bad("capacity --messages 10000000001", "must be 1 to");
	expect_bad("capacity --size 16777217", "must be 1 to");
	expect_bad("upgrade finish", "--yes");
	expect_bad("upgrade finish --yes x", "too many");
	expect_bad("backup", "backup: say where");
	expect_bad("backup a b", "too many");
	expect_bad("restore --check", "restore: say which copy");
	expect_bad("restore a", "say --check, or with --redis-dir");
	expect_bad("restore a --redis-dir", "needs a value");
	expect_bad("expire", "--confirm");
	expect_bad("expire --confirm now", "too many");
}

static void what_is_ambiguous_is_refused(void **state)
{
	(void)state;
	expect_bad("dlq requeue", "--all");
	expect_bad("dlq requeue 3/17-2 --all", "--all");
	expect_bad("dlq requeue 3/17-2 --partition 3", "--all only");
	expect_bad("dlq requeue 3/17-2 3/17-3", "too many");
	expect_bad("dlq list 3/17-2", "too many");
	expect_bad("send --to bob --data - bob", "too many");
	expect_bad("dlq show", "which");
	expect_bad("dlq show 17-2", "<partition>/<entry>");
}

static void unknown_words_and_bad_values_are_refused(void **state)
{
	(void)state;
	expect_bad("--verbose dlq list", "--verbose");
	expect_bad("unheardof", "no command \"unheardof\"; try --help");
	expect_bad("sned", "no command \"sned\"; did you mean send?");
	expect_bad("acount list", "did you mean account?");
	expect_bad("x\033[31m", "no command \"x?[31m\"");
	expect_bad("dlq", "list, show");
	expect_bad("dlq eat", "list, show");
	expect_bad("dlq list --all", "no such option");
	expect_bad("dlq list --json=yes", "no value");
	expect_bad("dlq list --limit", "needs a value");
	expect_bad("dlq list --lim 5", "--lim: this command has no such");
	expect_bad("dlq drop --al --yes", "--al: this command has no such");
	expect_bad("dlq list --help=1", "takes no value");
	expect_bad("dlq list -- 1", "--: this command has no such option");
	expect_bad("dlq show -j", "<partition>/<entry>");
	expect_bad("--chec", "--chec: there is no such option here");
	expect_bad("-c", "no command \"-c\"");
	expect_bad("dlq list --limit 0", "1 to 10000");
	expect_bad("dlq list --limit 10001", "1 to 10000");
	expect_bad("dlq list --limit ten", "1 to 10000");
	expect_bad("dlq list --partition 65536", "65535");
	expect_bad("send --to bob --data - --priority 4.5", "whole number");
	expect_bad("send --data -", "--to");
	expect_bad("send --to bob", "--data");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(origins_are_printed_without_another_word),
		cmocka_unit_test(
			the_command_begins_at_the_first_word_that_is_no_option),
		cmocka_unit_test(options_of_a_list_are_read),
		cmocka_unit_test(a_copy_is_named_by_its_folder),
		cmocka_unit_test(expiry_is_confirmed_in_so_many_words),
		cmocka_unit_test(keys_are_listed_or_made),
		cmocka_unit_test(
			a_dead_letter_is_named_before_or_after_options),
		cmocka_unit_test(a_send_takes_values_that_look_like_options),
		cmocka_unit_test(a_key_is_asked_for_by_name_and_scopes),
		cmocka_unit_test(an_account_is_named_by_its_user_name),
		cmocka_unit_test(half_a_key_is_refused),
		cmocka_unit_test(devices_are_named_by_whose_they_are),
		cmocka_unit_test(whose_tokens_are_revoked_is_said_in_one_way),
		cmocka_unit_test(a_token_is_for_somebody_and_ends),
		cmocka_unit_test(help_is_given_wherever_it_is_asked_for),
		cmocka_unit_test(help_is_about_what_was_named),
		cmocka_unit_test(nothing_is_dropped_without_a_yes),
		cmocka_unit_test(what_is_ambiguous_is_refused),
		cmocka_unit_test(unknown_words_and_bad_values_are_refused),
	};

	return cmocka_run_group_tests_name("args", tests, NULL, NULL);
}
