/*
 * args.c - words to struct wp_cli_args, by one table of options.
 *
 * Touches nothing but argv: that a name or a file exists is for the command to
 * find out.
 */
#include "tools/waypost/args.h"

#include <string.h>

#include "lib/base/json.h"

/* Options in front of the command; conf.h reads them. */
static const struct {
	const char *name;
	bool takes_value;
} globals[] = {
	{ "--config", true },   { "--redis", true },
	{ "--check", false },   { "--print-config", false },
	{ "--version", false },
};

#define FOR(command) (1U << (command))

static const struct {
	const char *noun; /* NULL: the verb stands alone */
	const char *verb;
	enum wp_cli_command command;
} commands[] = {
	{ NULL, "help", WP_CLI_HELP },
	{ "dlq", "list", WP_CLI_DLQ_LIST },
	{ "dlq", "show", WP_CLI_DLQ_SHOW },
	{ "dlq", "requeue", WP_CLI_DLQ_REQUEUE },
	{ "dlq", "drop", WP_CLI_DLQ_DROP },
	{ NULL, "send", WP_CLI_SEND },
	{ NULL, "expire", WP_CLI_EXPIRE },
	{ NULL, "origins", WP_CLI_ORIGINS },
	{ "store", "adopt", WP_CLI_STORE_ADOPT },
};

enum option {
	PARTITION,
	LIMIT,
	SHOW_RECIPIENT,
	JSON,
	RAW,
	ALL,
	YES,
	CONFIRM,
	TO,
	PRIORITY,
	EPHEMERAL,
	KEY,
	DATA,
	OPTIONS
};

static const struct {
	const char *name;
	bool takes_value;
	unsigned int commands;
} options[OPTIONS] = {
	[PARTITION] = { "--partition", true,
			FOR(WP_CLI_DLQ_LIST) | FOR(WP_CLI_DLQ_REQUEUE) |
				FOR(WP_CLI_DLQ_DROP) },
	[LIMIT] = { "--limit", true, FOR(WP_CLI_DLQ_LIST) },
	[SHOW_RECIPIENT] = { "--show-recipient", false, FOR(WP_CLI_DLQ_LIST) },
	[JSON] = { "--json", false,
		   FOR(WP_CLI_DLQ_LIST) | FOR(WP_CLI_DLQ_SHOW) },
	[RAW] = { "--raw", false, FOR(WP_CLI_DLQ_SHOW) },
	[ALL] = { "--all", false,
		  FOR(WP_CLI_DLQ_REQUEUE) | FOR(WP_CLI_DLQ_DROP) },
	[YES] = { "--yes", false,
		  FOR(WP_CLI_DLQ_DROP) | FOR(WP_CLI_STORE_ADOPT) },
	[CONFIRM] = { "--confirm", false, FOR(WP_CLI_EXPIRE) },
	[TO] = { "--to", true, FOR(WP_CLI_SEND) },
	[PRIORITY] = { "--priority", true, FOR(WP_CLI_SEND) },
	[EPHEMERAL] = { "--ephemeral", false, FOR(WP_CLI_SEND) },
	[KEY] = { "--key", true, FOR(WP_CLI_SEND) },
	[DATA] = { "--data", true, FOR(WP_CLI_SEND) },
};

/* An option taken apart; value is NULL while there is none. */
struct word {
	const char *name;
	size_t len;
	const char *value;
};

static struct word take_apart(const char *text)
{
	struct word word = { .name = text, .len = strcspn(text, "=") };

	if (text[word.len] == '=')
		word.value = text + word.len + 1;
	return word;
}

static bool is_named(const struct word *word, const char *name)
{
	return strlen(name) == word->len &&
	       memcmp(name, word->name, word->len) == 0;
}

static enum wp_err refuse(struct wp_error *err, const struct word *word,
			  const char *sentence)
{
	enum { NAME_SHOWN = 40 };

	return wp_error_set(
		err, WP_ERR_INVAL, "%.*s: %s",
		(int)(word->len < NAME_SHOWN ? word->len : NAME_SHOWN),
		word->name, sentence);
}

/* Read a whole number in decimal. */
static bool read_number(const char *text, int64_t min, int64_t max,
			int64_t *out)
{
	const struct wp_json_slice slice = { .data = text,
					     .len = strlen(text) };

	return wp_json_integer(&slice, min, max, out);
}

/* Find where the command begins: argv[out->n_before]. */
static enum wp_err skip_globals(struct wp_cli_args *out, int argc, char **argv,
				struct wp_error *err)
{
	const size_t n = sizeof(globals) / sizeof(globals[0]);
	int i;

	for (i = 1; i < argc && strncmp(argv[i], "--", 2) == 0; i++) {
		struct word word = take_apart(argv[i]);
		size_t k = 0;

		if (is_named(&word, "--help")) {
			out->command = WP_CLI_HELP;
			break;
		}
		while (k < n && !is_named(&word, globals[k].name))
			k++;
		if (k == n)
			return refuse(err, &word,
				      "there is no such option here; try "
				      "--help");
		if (globals[k].takes_value && word.value == NULL)
			i++;
	}
	out->n_before = i < argc ? i : argc;
	return WP_OK;
}

/* Find the command at argv[*i] and step behind it. */
static enum wp_err read_command(struct wp_cli_args *out, int *i, int argc,
				char **argv, struct wp_error *err)
{
	const char *first = argv[(*i)++];
	const char *second = *i < argc ? argv[*i] : "";

	for (size_t k = 0; k < sizeof(commands) / sizeof(commands[0]); k++) {
		const char *noun = commands[k].noun;

		if (strcmp(first, noun != NULL ? noun : commands[k].verb) != 0)
			continue;
		if (noun != NULL && strcmp(second, "--help") == 0) {
			out->command = WP_CLI_HELP;
			return WP_OK;
		}
		if (noun != NULL && strcmp(second, commands[k].verb) != 0)
			continue;
		*i += noun != NULL;
		out->command = commands[k].command;
		return WP_OK;
	}
	if (strcmp(first, "dlq") == 0)
		return wp_error_set(err, WP_ERR_INVAL,
				    "dlq: say list, show, requeue or drop; try "
				    "--help");
	if (strcmp(first, "store") == 0)
		return wp_error_set(err, WP_ERR_INVAL,
				    "store: say adopt; try --help");
	return wp_error_set(err, WP_ERR_INVAL,
			    "there is no such command; try --help");
}

static enum wp_err read_queue(struct wp_cli_args *out, const struct word *word,
			      struct wp_error *err)
{
	out->has_queue = wp_dlq_queue_parse(&out->queue, word->value,
					    strlen(word->value));
	if (!out->has_queue)
		return refuse(err, word, "must be 0 to 65535, or inbox");
	return WP_OK;
}

static enum wp_err read_limit(struct wp_cli_args *out, const struct word *word,
			      struct wp_error *err)
{
	int64_t limit;

	if (!read_number(word->value, 1, WP_CLI_LIMIT_MAX, &limit))
		return refuse(err, word, "must be 1 to 10000");
	out->limit = (size_t)limit;
	return WP_OK;
}

static enum wp_err read_priority(struct wp_cli_args *out,
				 const struct word *word, struct wp_error *err)
{
	int64_t priority;

	if (!read_number(word->value, INT32_MIN, INT32_MAX, &priority))
		return refuse(err, word,
			      "must be a whole number; 5 and more is urgent");
	out->priority = (int32_t)priority;
	return WP_OK;
}

static enum wp_err set_option(struct wp_cli_args *out, enum option option,
			      const struct word *word, struct wp_error *err)
{
	switch (option) {
	case PARTITION:
		return read_queue(out, word, err);
	case LIMIT:
		return read_limit(out, word, err);
	case PRIORITY:
		return read_priority(out, word, err);
	case SHOW_RECIPIENT:
		out->show_recipient = true;
		break;
	case JSON:
		out->is_json = true;
		break;
	case RAW:
		out->is_raw = true;
		break;
	case ALL:
		out->is_all = true;
		break;
	case YES:
	case CONFIRM:
		out->is_sure = true;
		break;
	case EPHEMERAL:
		out->is_ephemeral = true;
		break;
	case TO:
		out->to = word->value;
		break;
	case KEY:
		out->key = word->value;
		break;
	case DATA:
		out->data = word->value;
		break;
	case OPTIONS:
		break;
	}
	return WP_OK;
}

static enum wp_err read_option(struct wp_cli_args *out, int *i, int argc,
			       char **argv, struct wp_error *err)
{
	struct word word = take_apart(argv[*i]);
	unsigned int k = 0;

	while (k < OPTIONS && (!is_named(&word, options[k].name) ||
			       !(options[k].commands & FOR(out->command))))
		k++;
	if (k == OPTIONS)
		return refuse(err, &word,
			      "this command has no such option; try --help");
	if (!options[k].takes_value && word.value != NULL)
		return refuse(err, &word, "takes no value");
	if (!options[k].takes_value)
		word.value = "";
	if (word.value == NULL && *i + 1 >= argc)
		return refuse(err, &word, "needs a value");
	if (word.value == NULL)
		word.value = argv[++*i];
	return set_option(out, (enum option)k, &word, err);
}

static enum wp_err read_id(struct wp_cli_args *out, const char *text,
			   struct wp_error *err)
{
	if (out->has_id || out->command == WP_CLI_SEND ||
	    out->command == WP_CLI_EXPIRE || out->command == WP_CLI_ORIGINS ||
	    out->command == WP_CLI_STORE_ADOPT ||
	    out->command == WP_CLI_DLQ_LIST)
		return wp_error_set(err, WP_ERR_INVAL,
				    "there is a word too many; try --help");
	out->has_id = wp_dlq_id_parse(&out->id, text, strlen(text));
	if (!out->has_id)
		return wp_error_set(err, WP_ERR_INVAL,
				    "a dead letter is named "
				    "<partition>/<entry>, as dlq list shows "
				    "it");
	return WP_OK;
}

/* What only shows when all words are known. */
static enum wp_err check(const struct wp_cli_args *args, struct wp_error *err)
{
	bool changes = args->command == WP_CLI_DLQ_REQUEUE ||
		       args->command == WP_CLI_DLQ_DROP;

	if (args->command == WP_CLI_DLQ_SHOW && !args->has_id)
		return wp_error_set(err, WP_ERR_INVAL,
				    "dlq show: say which dead letter");
	if (changes && args->has_id == args->is_all)
		return wp_error_set(err, WP_ERR_INVAL,
				    "name one dead letter, or say --all");
	if (changes && args->has_id && args->has_queue)
		return wp_error_set(err, WP_ERR_INVAL,
				    "--partition: goes with --all only");
	if (args->command == WP_CLI_DLQ_DROP && !args->is_sure)
		return wp_error_set(err, WP_ERR_INVAL,
				    "dlq drop: what is dropped is gone for "
				    "good; say --yes if you mean it");
	if (args->command == WP_CLI_STORE_ADOPT && !args->is_sure)
		return wp_error_set(err, WP_ERR_INVAL,
				    "store adopt: what is in the store of "
				    "before is lost; stop all programs, then "
				    "say --yes if you mean it");
	if (args->command == WP_CLI_EXPIRE && !args->is_sure)
		return wp_error_set(err, WP_ERR_INVAL,
				    "expire: what has expired by the clock of "
				    "Redis is deleted for good; look at that "
				    "clock, then say --confirm");
	if (args->command == WP_CLI_SEND && args->to == NULL)
		return wp_error_set(err, WP_ERR_INVAL,
				    "send: say who gets it, with --to");
	if (args->command == WP_CLI_SEND && args->data == NULL)
		return wp_error_set(err, WP_ERR_INVAL,
				    "send: say what to send, with --data");
	return WP_OK;
}

enum wp_err wp_cli_read_args(struct wp_cli_args *out, int argc, char **argv,
			     struct wp_error *err)
{
	enum wp_err rc;
	int i;

	*out = (struct wp_cli_args){ .limit = WP_CLI_LIMIT_DEFAULT };
	rc = skip_globals(out, argc, argv, err);
	if (rc != WP_OK || out->command == WP_CLI_HELP || out->n_before == argc)
		return rc;
	i = out->n_before;
	rc = read_command(out, &i, argc, argv, err);
	for (; rc == WP_OK && out->command != WP_CLI_HELP && i < argc; i++) {
		if (strcmp(argv[i], "--help") == 0)
			out->command = WP_CLI_HELP;
		else if (strncmp(argv[i], "--", 2) == 0)
			rc = read_option(out, &i, argc, argv, err);
		else
			rc = read_id(out, argv[i], err);
	}
	return rc == WP_OK ? check(out, err) : rc;
}
