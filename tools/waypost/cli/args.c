/*
 * args.c - words to struct wp_cli_args: getopt_long(3) with what the table of
 * commands says.
 *
 * It is asked one word at a time, and only about whole names: it would take
 * "--al" for "--all", and what is asked for here may be for good. Its own
 * messages stay off. Touches nothing but argv: that a name or a file exists is
 * for the command to find out.
 */
#include "tools/waypost/cli/args.h"

#include <getopt.h>
#include <string.h>

#include "lib/auth/scope.h"
#include "lib/base/json.h"
#include "lib/mailbox/login.h"
#include "tools/waypost/cli/suggest.h"

enum { S_PER_DAY = 86400 };

/* Bounds of what can be computed with. */
enum { USERS_MAX = 1000000000, SIZE_MAX_BYTES = 1 << 24 };
#define MESSAGES_MAX INT64_C(10000000000)

/* What getopt_long() answers; beyond its own answers, which are characters. */
enum { FIRST_OPT = 256, GLOBAL = FIRST_OPT + WP_OPT_COUNT };

static enum wp_err refuse(struct wp_error *err, const char *word,
			  const char *sentence)
{
	enum { NAME_SHOWN = 40 };
	size_t len = strcspn(word, "=");

	return wp_error_set(err, WP_ERR_INVAL, "%.*s: %s",
			    (int)(len < NAME_SHOWN ? len : NAME_SHOWN), word,
			    sentence);
}

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
			return refuse(err, word,
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

/* Read a whole number in decimal. */
static bool read_number(int64_t min, int64_t max, int64_t *out)
{
	const struct wp_json_slice slice = { .data = optarg,
					     .len = strlen(optarg) };

	return wp_json_integer(&slice, min, max, out);
}

/* An option that is about a key of a back end. */
static enum wp_err set_key_value(struct wp_cli_args *out, int option,
				 const char *word, struct wp_error *err)
{
	size_t len = strlen(optarg);

	if (option == WP_OPT_NAME) {
		out->name = optarg;
		return wp_apikey_name_is_valid(optarg, len)
			       ? WP_OK
			       : refuse(err, word,
					"must be 1 to 64 of a-z, 0-9, '.', "
					"'_', '-', and begin with a letter or "
					"digit");
	}
	if (option == WP_OPT_SCOPE)
		return wp_scopes_read(optarg, len, &out->scopes)
			       ? WP_OK
			       : refuse(err, word,
					"must be some of " WP_SCOPES_ALL
					", each once, with commas and no "
					"blanks between them");
	return wp_apikey_day_read(optarg, len, &out->expires_s)
		       ? WP_OK
		       : refuse(err, word, "must be a day like 2027-01-31");
}

/* An option whose value is no text. */
static enum wp_err set_value(struct wp_cli_args *out, int option,
			     const char *word, struct wp_error *err)
{
	int64_t number;

	if (option == WP_OPT_PARTITION) {
		out->has_queue =
			wp_dlq_queue_parse(&out->queue, optarg, strlen(optarg));
		return out->has_queue ? WP_OK
				      : refuse(err, word,
					       "must be 0 to 65535, or inbox");
	}
	if (option == WP_OPT_LIMIT || option == WP_OPT_TOP) {
		if (!read_number(1, WP_CLI_LIMIT_MAX, &number))
			return refuse(err, word, "must be 1 to 10000");
		out->limit = (size_t)number;
		return WP_OK;
	}
	if (!read_number(INT32_MIN, INT32_MAX, &number))
		return refuse(err, word,
			      "must be a whole number; 5 and more is urgent");
	out->priority = (int32_t)number;
	return WP_OK;
}

static enum wp_err set_invite(struct wp_cli_args *out, int option,
			      const char *word, struct wp_error *err)
{
	if (option == WP_OPT_USES)
		return read_number(1, WP_INVITE_USES_MAX, &out->uses)
			       ? WP_OK
			       : refuse(err, word, "must be 1 to 1000");
	return read_number(1, WP_INVITE_TTL_MAX_S / S_PER_DAY, &out->days)
		       ? WP_OK
		       : refuse(err, word, "must be 1 to 30");
}

static enum wp_err set_form(struct wp_cli_args *out, const char *word,
			    struct wp_error *err)
{
	if (strcmp(optarg, "yaml") == 0)
		out->form = WP_CONF_AS_YAML;
	else if (strcmp(optarg, "markdown") == 0)
		out->form = WP_CONF_AS_MARKDOWN;
	else if (strcmp(optarg, "text") == 0)
		out->form = WP_CONF_AS_TEXT;
	else
		return refuse(err, word, "must be yaml, markdown or text");
	return WP_OK;
}

static enum wp_err set_level(struct wp_cli_args *out, const char *word,
			     struct wp_error *err)
{
	static const char *const levels[] = { "error", "warn", "info",
					      "debug" };

	out->level = optarg;
	for (size_t i = 0; i < sizeof(levels) / sizeof(levels[0]); i++)
		if (strcmp(levels[i], optarg) == 0)
			return WP_OK;
	return refuse(err, word, "must be error, warn, info or debug");
}

/* "90s", "15m", "2h": in seconds. */
static bool read_duration(int64_t min_s, int64_t max_s, int64_t *out)
{
	static const struct {
		char unit;
		int64_t seconds;
	} units[] = { { 's', 1 }, { 'm', 60 }, { 'h', 3600 } };
	struct wp_json_slice digits = { .data = optarg, .len = strlen(optarg) };
	int64_t number;

	if (digits.len < 2)
		return false;
	digits.len--;
	if (!wp_json_integer(&digits, 1, max_s, &number))
		return false;
	for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++)
		if (optarg[digits.len] == units[i].unit) {
			*out = number * units[i].seconds;
			return *out >= min_s && *out <= max_s;
		}
	return false;
}

static enum wp_err set_load(struct wp_cli_args *out, int option,
			    const char *word, struct wp_error *err)
{
	return read_number(1, WP_CLI_BENCH_USERS_MAX,
			   option == WP_OPT_SENDERS ? &out->senders
						    : &out->receivers)
		       ? WP_OK
		       : refuse(err, word, "must be 1 to 64");
}

static enum wp_err set_claim(struct wp_cli_args *out, const char *word,
			     struct wp_error *err)
{
	const char *equals = strchr(optarg, '=');

	if (equals == NULL || equals == optarg)
		return refuse(err, word, "must be name=value");
	if (out->n_claims == WP_CLI_CLAIMS_MAX)
		return refuse(err, word, "there may be 16 at most");
	out->claims[out->n_claims++] = optarg;
	return WP_OK;
}

/* What is to be bought for. */
static enum wp_err set_demand(struct wp_cli_args *out, int option,
			      const char *word, struct wp_error *err)
{
	if (option == WP_OPT_USERS)
		return read_number(1, USERS_MAX, &out->users_n)
			       ? WP_OK
			       : refuse(err, word, "must be 1 to 1000000000");
	if (option == WP_OPT_MESSAGES)
		return read_number(1, MESSAGES_MAX, &out->messages)
			       ? WP_OK
			       : refuse(err, word, "must be 1 to 10000000000");
	return read_number(1, SIZE_MAX_BYTES, &out->size)
		       ? WP_OK
		       : refuse(err, word, "must be 1 to 16777216");
}

/* What getopt_long() makes nothing of. */
static enum wp_err refuse_option(int answer, const char *word,
				 struct wp_error *err)
{
	if (answer == ':')
		return refuse(err, word, "needs a value");
	if (answer == '?')
		return refuse(err, word, "takes no value");
	return refuse(err, word,
		      "this command has no such option; those of all commands "
		      "stand before it; try --help");
}

static enum wp_err set_option(struct wp_cli_args *out, int option,
			      const char *word, struct wp_error *err)
{
	switch (option) {
	case WP_OPT_PARTITION:
	case WP_OPT_LIMIT:
	case WP_OPT_TOP:
	case WP_OPT_PRIORITY:
		return set_value(out, option, word, err);
	case WP_OPT_NAME:
	case WP_OPT_SCOPE:
	case WP_OPT_EXPIRES:
		return set_key_value(out, option, word, err);
	case WP_OPT_SHOW_RECIPIENT:
		out->show_recipient = true;
		break;
	case WP_OPT_JSON:
		out->is_json = true;
		break;
	case WP_OPT_RAW:
		out->is_raw = true;
		break;
	case WP_OPT_ALL:
		out->is_all = true;
		break;
	case WP_OPT_YES:
	case WP_OPT_CONFIRM:
		out->is_sure = true;
		break;
	case WP_OPT_EPHEMERAL:
		out->is_ephemeral = true;
		break;
	case WP_OPT_TO:
		out->to = optarg;
		break;
	case WP_OPT_KEY:
		out->key = optarg;
		break;
	case WP_OPT_DATA:
		out->data = optarg;
		break;
	case WP_OPT_PASSWORD:
		out->password = optarg;
		break;
	case WP_OPT_USES:
	case WP_OPT_DAYS:
		return set_invite(out, option, word, err);
	case WP_OPT_SUB:
		out->sub = optarg;
		break;
	case WP_OPT_FOR:
		return read_duration(1, WP_CLI_TOKEN_MAX_S, &out->for_s)
			       ? WP_OK
			       : refuse(err, word,
					"must be like 90s, 15m or 2h, up to "
					"24h");
	case WP_OPT_CLAIM:
		return set_claim(out, word, err);
	case WP_OPT_SENDERS:
	case WP_OPT_RECEIVERS:
		return set_load(out, option, word, err);
	case WP_OPT_STRICT:
		out->is_strict = true;
		break;
	case WP_OPT_DEEP:
		out->is_deep = true;
		break;
	case WP_OPT_SLOW:
		out->is_slow = true;
		break;
	case WP_OPT_CANARY_ONLY:
		out->is_canary_only = true;
		break;
	case WP_OPT_URL:
		out->url = optarg;
		break;
	case WP_OPT_PROM:
		out->prom = optarg;
		break;
	case WP_OPT_TOKEN_FILE:
		if (out->token_files[1] != NULL)
			return refuse(err, word, "there may be two");
		out->token_files[out->token_files[0] != NULL] = optarg;
		break;
	case WP_OPT_USER:
		out->user = optarg;
		break;
	case WP_OPT_ISSUER:
		out->issuer = optarg;
		break;
	case WP_OPT_SUBJECT:
		out->subject = optarg;
		break;
	case WP_OPT_SESSION:
		out->session = optarg;
		break;
	case WP_OPT_USERS:
	case WP_OPT_MESSAGES:
	case WP_OPT_SIZE:
		return set_demand(out, option, word, err);
	case WP_OPT_CHECK:
		out->is_check = true;
		break;
	case WP_OPT_REDIS_DIR:
		out->redis_dir = optarg;
		break;
	case WP_OPT_HELP:
		out->command = WP_CLI_HELP;
		break;
	case WP_OPT_EVERY:
		return read_number(1, S_PER_DAY, &out->every_s)
			       ? WP_OK
			       : refuse(err, word, "must be 1 to 86400");
	case WP_OPT_TIMES:
		return read_number(1, INT32_MAX, &out->times)
			       ? WP_OK
			       : refuse(err, word, "must be 1 or more");
	case WP_OPT_FORM:
		return set_form(out, word, err);
	case WP_OPT_LEVEL:
		return set_level(out, word, err);
	case WP_OPT_PROGRAM:
		out->program = optarg;
		break;
	case WP_OPT_REQUEST:
		out->request = optarg;
		break;
	case WP_OPT_UTC:
		out->is_utc = true;
		break;
	default:
		break;
	}
	return WP_OK;
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
			     : set_option(out, option - FIRST_OPT, word, err);
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

static enum wp_err check_account(const struct wp_cli_args *args,
				 struct wp_error *err)
{
	if (args->command < WP_CLI_ACCOUNT_CREATE ||
	    args->command > WP_CLI_ACCOUNT_RESET_CODE)
		return WP_OK;
	if (args->account.len == 0)
		return wp_error_set(err, WP_ERR_INVAL,
				    "account: say whose, by the user name");
	if (args->command == WP_CLI_ACCOUNT_DELETE && !args->is_sure)
		return wp_error_set(err, WP_ERR_INVAL,
				    "account delete: it is gone for good, and "
				    "nobody gets the name again; say --yes if "
				    "you mean it");
	return WP_OK;
}

/* One user, one subject or one session. */
static bool names_whom(const struct wp_cli_args *args)
{
	bool is_of_issuer = args->subject != NULL || args->session != NULL;
	bool is_one = args->subject == NULL || args->session == NULL;

	if (args->user != NULL)
		return args->issuer == NULL && !is_of_issuer;
	return args->issuer != NULL && is_of_issuer && is_one;
}

static enum wp_err check_letters(const struct wp_cli_args *args,
				 struct wp_error *err)
{
	bool changes = args->command == WP_CLI_DLQ_REQUEUE ||
		       args->command == WP_CLI_DLQ_DROP;

	if (args->command == WP_CLI_DLQ_SHOW && !args->has_id)
		return wp_error_set(err, WP_ERR_INVAL,
				    "dlq show: say which dead letter");
	if (changes && args->has_id == args->is_all)
		return wp_error_set(
			err, WP_ERR_INVAL,
			"dlq %s: name one dead letter, or say --all",
			args->command == WP_CLI_DLQ_DROP ? "drop" : "requeue");
	if (changes && args->has_id && args->has_queue)
		return wp_error_set(err, WP_ERR_INVAL,
				    "--partition: goes with --all only");
	if (args->command == WP_CLI_DLQ_DROP && !args->is_sure)
		return wp_error_set(err, WP_ERR_INVAL,
				    "dlq drop: what is dropped is gone for "
				    "good; say --yes if you mean it");
	return WP_OK;
}

/* What a command cannot do without. */
static const char *lacking(const struct wp_cli_args *args)
{
	switch (args->command) {
	case WP_CLI_STORE_ADOPT:
		return args->is_sure ? NULL
				     : "store adopt: what is in the store of "
				       "before is lost; stop all programs, "
				       "then say --yes if you mean it";
	case WP_CLI_UPGRADE_FINISH:
		return args->is_sure ? NULL
				     : "upgrade finish: the release before "
				       "cannot come back then; say --yes if "
				       "you mean it";
	case WP_CLI_CAPACITY:
		return args->users_n > 0 && args->messages > 0
			       ? NULL
			       : "capacity: say for how many, with --users "
				 "and --messages";
	case WP_CLI_BACKUP:
		return args->file != NULL ? NULL
					  : "backup: say where, by a folder "
					    "that is empty or not there";
	case WP_CLI_RESTORE:
		if (args->file == NULL)
			return "restore: say which copy, by its folder";
		return args->is_check || args->redis_dir != NULL
			       ? NULL
			       : "restore: say --check, or with --redis-dir "
				 "where Redis has its files";
	case WP_CLI_EXPIRE:
		return args->is_sure ? NULL
				     : "expire: what has expired by the clock "
				       "of Redis is deleted for good; look at "
				       "that clock, then say --confirm";
	case WP_CLI_SESSION_LIST:
		return args->account.len > 0 ? NULL
					     : "session list: say whose, by "
					       "the user name";
	case WP_CLI_SESSION_REVOKE:
		return names_whom(args) ? NULL
					: "session revoke: say --user, or "
					  "--issuer and --subject or "
					  "--session";
	case WP_CLI_TOKEN_MAKE:
		return args->sub != NULL
			       ? NULL
			       : "token make: say for whom, with --sub";
	case WP_CLI_BENCH:
		if (args->size < WP_CLI_BENCH_SIZE_MIN ||
		    args->size > WP_CLI_BENCH_SIZE_MAX)
			return "bench: --size is 8 to 65536";
		return args->for_s <= WP_CLI_BENCH_MAX_S
			       ? NULL
			       : "bench: --for is 5m at most";
	case WP_CLI_DOCTOR:
		return (args->token_files[0] == NULL) ==
				       (args->token_files[1] == NULL)
			       ? NULL
			       : "doctor: --token-file is said twice, for two "
				 "users";
	case WP_CLI_KEY_REMOVE:
		return args->key_id != NULL
			       ? NULL
			       : "key remove: say which, by its id";
	case WP_CLI_QUEUE_SHOW:
	case WP_CLI_USER_SHOW:
		return args->whose.len > 0 ? NULL
					   : "say whose, by a URN or a user "
					     "name";
	case WP_CLI_PRESENCE:
		return args->n_users > 0 ? NULL
					 : "presence: say of whom, by URNs or "
					   "user names";
	case WP_CLI_TRACE:
		return args->has_msgid ? NULL
				       : "trace: say which message, by its id";
	case WP_CLI_PUSH_LIST:
	case WP_CLI_PUSH_TEST:
		return args->whose.len > 0 ? NULL
					   : "push: say whose devices, by a "
					     "URN or a user name";
	case WP_CLI_PUSH_RESUME:
		return args->app != NULL ? NULL
					 : "push resume: say which app, as "
					   "push.apps has it";
	default:
		return NULL;
	}
}

/* What only shows when all words are known. */
static enum wp_err check(const struct wp_cli_args *args, struct wp_error *err)
{
	const char *lack = lacking(args);
	enum wp_err rc = check_letters(args, err);

	if (rc != WP_OK)
		return rc;
	if (lack != NULL)
		return wp_error_set(err, WP_ERR_INVAL, "%s", lack);
	if (args->command == WP_CLI_SEND && args->to == NULL)
		return wp_error_set(err, WP_ERR_INVAL,
				    "send: say who gets it, with --to");
	if (args->command == WP_CLI_SEND && args->data == NULL)
		return wp_error_set(err, WP_ERR_INVAL,
				    "send: say what to send, with --data");
	if (args->command == WP_CLI_KEY_ADD && args->name == NULL)
		return wp_error_set(err, WP_ERR_INVAL,
				    "key add: say whose it is, with --name");
	if (args->command == WP_CLI_KEY_ADD && args->scopes == WP_SCOPE_NONE)
		return wp_error_set(err, WP_ERR_INVAL,
				    "key add: say what it may do, with "
				    "--scope");
	return check_account(args, err);
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
	return rc == WP_OK ? check(out, err) : rc;
}
