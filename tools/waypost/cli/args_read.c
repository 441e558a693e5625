/*
 * args_read.c - words to struct wp_cli_args: getopt_long(3) with what the table
 * of commands says.
 *
 * It is asked one word at a time, and only about whole names: it would take
 * "--al" for "--all", and what is asked for here may be for good. Its own
 * messages stay off. Touches nothing but argv: that a name or a file exists is
 * for the command to find out.
 */
#include "tools/waypost/cli/args_read.h"

#include <getopt.h>
#include <string.h>

#include "tools/waypost/cli/args_check.h"
#include "tools/waypost/cli/args_options.h"
#include "tools/waypost/cli/suggest.h"

/* What getopt_long() answers; beyond its own answers, which are characters. */
enum { FIRST_OPT = 256, GLOBAL = FIRST_OPT + WP_OPT_COUNT };

static bool is_option(const char *word)
{
	return strncmp(word, "--", 2) == 0;
}

/* What getopt_long() is told, made of rows. */
struct words {
	struct option list[WP_OPT_COUNT + 1];
	size_t n;
};

static void add_word(struct words *words, const struct wp_cli_opt_row *row,
		     int option)
{
	words->list[words->n++] = (struct option){
		.name = row->name,
		.has_arg = row->value != NULL ? required_argument : no_argument,
		.val = option,
	};
}

static void add_words(struct words *words, const uint8_t opts[WP_CLI_OPTS_MAX])
{
	for (size_t i = 0; i < WP_CLI_OPTS_MAX && opts[i] != WP_OPT_NONE; i++)
		add_word(words, &wp_cli_opts[opts[i]], FIRST_OPT + opts[i]);
}

static struct words words_of(const struct wp_cli_row *row)
{
	struct words words = { .n = 0 };

	add_word(&words, &wp_cli_opts[WP_OPT_HELP], FIRST_OPT + WP_OPT_HELP);
	add_words(&words, row->must);
	add_words(&words, row->opts);
	return words;
}

static struct words global_words(void)
{
	struct words words = { .n = 0 };

	for (size_t i = 0; i < wp_cli_n_globals; i++)
		add_word(&words, &wp_cli_globals[i],
			 strcmp(wp_cli_globals[i].name, "help") == 0
				 ? FIRST_OPT + WP_OPT_HELP
				 : GLOBAL);
	return words;
}

/* Begin at argv[1]. */
static void begin_options(void)
{
	static const struct option none = { 0 };
	static char nothing[] = "";
	char *words[] = { nothing, NULL };

	optind = 0; /* forget what was read before: getopt(3) */
	opterr = 0;
	(void)getopt_long(1, words, "+:", &none, NULL);
}

/*
 * Take the option at argv[optind], and the word behind it if it needs one.
 *
 * Returns:  its number; ':' it lacks a value, '?' it has one and takes none;
 *           -1 there is no such option, and nothing was taken
 */
static int next_option(int argc, char **argv, const struct words *words)
{
	const char *name = argv[optind] + 2;
	size_t len = strcspn(name, "=");
	const struct option *option = words->list;

	while (option->name != NULL && (strlen(option->name) != len ||
					memcmp(option->name, name, len) != 0))
		option++;
	if (option->name == NULL)
		return -1;
	return getopt_long(argc, argv, "+:", words->list, NULL);
}

/* Find where the command begins: argv[out->n_before]. */
static enum wp_err skip_globals(struct wp_cli_args *out, int argc, char **argv,
				struct wp_error *err)
{
	const struct words words = global_words();

	begin_options();
	while (optind < argc && is_option(argv[optind])) {
		const char *word = argv[optind];
		int option = next_option(argc, argv, &words);

		if (option == -1)
			return wp_cli_refuse_word(
				err, word,
				"there is no such option here; try "
				"--help");
		if (option == FIRST_OPT + WP_OPT_HELP) {
			out->command = WP_CLI_HELP;
			break;
		}
	}
	out->n_before = optind < argc ? optind : argc;
	return WP_OK;
}

/*
 * Find the command that argv[*i] begins and step behind it.
 *
 * *out:  NULL when only the noun stands there, for help
 */
static enum wp_err read_command(const struct wp_cli_row **out, int *i, int argc,
				char **argv, struct wp_error *err)
{
	const char *first = argv[(*i)++];
	const char *second = *i < argc ? argv[*i] : "";
	bool is_noun = false;

	for (size_t k = 0; k < wp_cli_n_rows; k++) {
		const struct wp_cli_row *row = &wp_cli_rows[k];
		const char *name = row->noun != NULL ? row->noun : row->verb;

		if (strcmp(first, name) != 0)
			continue;
		is_noun |= row->noun != NULL;
		if (row->noun != NULL && strcmp(second, row->verb) != 0)
			continue;
		*i += row->noun != NULL;
		*out = row;
		return WP_OK;
	}
	*out = NULL;
	if (is_noun && strcmp(second, "--help") == 0)
		return WP_OK;
	return is_noun ? wp_cli_lack_verb(first, err)
		       : wp_cli_lack_command(first, err);
}

/* What getopt_long() makes nothing of. */
static enum wp_err refuse_option(int answer, const char *word,
				 struct wp_error *err)
{
	if (answer == ':')
		return wp_cli_refuse_word(err, word, "needs a value");
	if (answer == '?')
		return wp_cli_refuse_word(err, word, "takes no value");
	return wp_cli_refuse_word(
		err, word,
		"this command has no such option; those of all commands "
		"stand before it; try --help");
}

/* A user name, or the mailbox that goes with it. */
static enum wp_err read_account(struct wp_cli_args *out, const char *text,
				struct wp_error *err)
{
	struct wp_urn user;
	enum wp_err rc;

	if (strncmp(text, "urn:", 4) != 0)
		return wp_username_read(&out->account, text, strlen(text), err);
	rc = wp_urn_parse(&user, text, strlen(text), err);
	if (rc == WP_OK && !wp_username_of(&user, &out->account))
		rc = wp_error_set(err, WP_ERR_INVAL,
				  "nobody with this URN has an account here: "
				  "theirs are urn:sm:user:<name>");
	return rc;
}

/* The second word behind a command, or the first one of those with one. */
static bool is_one_too_many(const struct wp_cli_args *out,
			    const struct wp_cli_row *row)
{
	switch (row->names) {
	case WP_NAMES_NOTHING:
		return true;
	case WP_NAMES_USER:
		return out->whose.len > 0;
	case WP_NAMES_USERS:
		return out->n_users == WP_CLI_USERS_MAX;
	case WP_NAMES_MESSAGE:
		return out->has_msgid;
	case WP_NAMES_DEVICE:
		return out->device != NULL;
	default:
		return out->has_id || out->key_id != NULL ||
		       out->account.len > 0 || out->file != NULL ||
		       out->app != NULL || out->token != NULL;
	}
}

static enum wp_err read_whose(struct wp_cli_args *out, const char *text,
			      struct wp_error *err)
{
	if (out->whose.len == 0)
		return wp_urn_parse(&out->whose, text, strlen(text), err);
	out->device = text;
	return strlen(text) == WP_CLI_DEVICE_LEN
		       ? WP_OK
		       : wp_error_set(err, WP_ERR_INVAL,
				      "a device is named by its id, the 22 "
				      "characters that push list shows");
}

static enum wp_err read_id(struct wp_cli_args *out,
			   const struct wp_cli_row *row, const char *text,
			   struct wp_error *err)
{
	if (is_one_too_many(out, row))
		return wp_error_set(err, WP_ERR_INVAL,
				    "there is a word too many; try --help");
	if (row->names == WP_NAMES_ACCOUNT)
		return read_account(out, text, err);
	if (row->names == WP_NAMES_USER || row->names == WP_NAMES_DEVICE)
		return read_whose(out, text, err);
	if (row->names == WP_NAMES_USERS)
		return wp_urn_parse(&out->users[out->n_users++], text,
				    strlen(text), err);
	if (row->names == WP_NAMES_MESSAGE) {
		out->has_msgid = true;
		return wp_msgid_parse(&out->msgid, text, strlen(text)) ==
				       WP_MSGID_OURS
			       ? WP_OK
			       : wp_error_set(err, WP_ERR_INVAL,
					      "this is no id of a message: "
					      "senders get it with 202");
	}
	if (row->names == WP_NAMES_APP) {
		out->app = text;
		return WP_OK;
	}
	if (row->names == WP_NAMES_TOKEN) {
		out->token = text;
		return WP_OK;
	}
	if (row->names == WP_NAMES_DASH && strcmp(text, "-") != 0)
		return wp_error_set(err, WP_ERR_INVAL,
				    "- alone can stand here, for standard "
				    "input");
	if (row->names == WP_NAMES_FILE || row->names == WP_NAMES_DASH) {
		out->file = text;
		return WP_OK;
	}
	if (row->names == WP_NAMES_KEY_ID) {
		out->key_id = text;
		return wp_apikey_id_is_valid(text, strlen(text))
			       ? WP_OK
			       : wp_error_set(err, WP_ERR_INVAL,
					      "a key is named by its id, the "
					      "10 characters behind wpk_");
	}
	out->has_id = wp_dlq_id_parse(&out->id, text, strlen(text));
	if (!out->has_id)
		return wp_error_set(err, WP_ERR_INVAL,
				    "a dead letter is named "
				    "<partition>/<entry>, as dlq list shows "
				    "it");
	return WP_OK;
}

/* Read what stands behind the command, which is argv[0]. */
static enum wp_err read_rest(struct wp_cli_args *out,
			     const struct wp_cli_row *row, int argc,
			     char **argv, struct wp_error *err)
{
	const struct words words = words_of(row);
	enum wp_err rc = WP_OK;

	begin_options();
	while (rc == WP_OK && out->command != WP_CLI_HELP && optind < argc) {
		char *word = argv[optind];
		int option;

		if (!is_option(word)) {
			optind++;
			rc = read_id(out, row, word, err);
			continue;
		}
		option = next_option(argc, argv, &words);
		rc = option < FIRST_OPT
			     ? refuse_option(option, word, err)
			     : wp_cli_set_option(out, option - FIRST_OPT, word,
						 err);
	}
	return rc;
}

/* help, and perhaps a noun or a command, which must be one. */
static enum wp_err read_about(struct wp_cli_args *out, int argc, char **argv,
			      struct wp_error *err)
{
	const struct wp_cli_row *row = NULL;
	struct wp_error why = { 0 };
	int i = out->n_before + 1;

	out->about = argv + i;
	out->n_about = 0;
	if (i == argc || is_option(argv[i]))
		return WP_OK;
	out->n_about = 1;
	if (read_command(&row, &i, argc, argv, &why) == WP_OK)
		out->n_about = (size_t)(i - out->n_before) - 1;
	else if (!wp_cli_is_noun(argv[out->n_before + 1]))
		return wp_error_set(err, WP_ERR_INVAL, "%s", why.msg);
	return WP_OK;
}

enum wp_err wp_cli_read_args(struct wp_cli_args *out, int argc, char **argv,
			     struct wp_error *err)
{
	const struct wp_cli_row *row = NULL;
	enum wp_err rc;
	int i;

	*out = (struct wp_cli_args){
		.limit = WP_CLI_LIMIT_DEFAULT,
		.expires_s = WP_APIKEY_FOR_EVER,
		.uses = 1,
		.days = WP_CLI_INVITE_DAYS_DEFAULT,
		.every_s = 1,
		.form = WP_CONF_AS_YAML,
		.for_s = WP_CLI_TOKEN_DEFAULT_S,
		.senders = WP_CLI_BENCH_USERS_DEFAULT,
		.receivers = WP_CLI_BENCH_USERS_DEFAULT,
		.size = WP_CLI_SIZE_DEFAULT,
	};
	rc = skip_globals(out, argc, argv, err);
	if (rc != WP_OK || out->command == WP_CLI_HELP || out->n_before == argc)
		return rc;
	i = out->n_before;
	rc = read_command(&row, &i, argc, argv, err);
	if (rc != WP_OK)
		return rc;
	out->command = row != NULL ? row->command : WP_CLI_HELP;
	if (out->command == WP_CLI_BENCH)
		out->for_s = WP_CLI_BENCH_DEFAULT_S;
	if (out->command == WP_CLI_QUEUE_LIST)
		out->limit = WP_CLI_TOP_DEFAULT;
	/* Of a noun alone, or of the command that follows. */
	out->about = argv + out->n_before;
	out->n_about = (size_t)(row != NULL ? i - out->n_before : 1);
	if (out->command == WP_CLI_HELP && row != NULL)
		return read_about(out, argc, argv, err);
	if (row != NULL)
		rc = read_rest(out, row, argc - i + 1, argv + i - 1, err);
	return rc == WP_OK ? wp_cli_check_args(out, err) : rc;
}
