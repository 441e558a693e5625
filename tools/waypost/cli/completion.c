/*
 * completion.c - scripts that complete the command line of waypost.
 *
 * Both find the first two words that are no options, nor the value of one that
 * stands before the command, and look them up. Nothing is asked for while
 * somebody types: no name of a user, no key.
 */
#include "tools/waypost/cli/completion.h"

#include <stdbool.h>
#include <string.h>

#include "tools/waypost/cli/commands.h"

/* Where one shell differs from the other. */
struct shell {
	/* A word with what it means, for a list between quotes or brackets. */
	void (*add)(struct wp_buf *out, const char *dashes, const char *word,
		    const char *about);
	const char *begin, *end; /* of a list */
};

/* ---- words ---- */

static void add_bash(struct wp_buf *out, const char *dashes, const char *word,
		     const char *about)
{
	(void)about;
	wp_buf_printf(out, " %s%s", dashes, word);
}

/* 'word:what it means', in single quotes of the shell. */
static void add_zsh(struct wp_buf *out, const char *dashes, const char *word,
		    const char *about)
{
	wp_buf_printf(out, "\n\t\t\t'%s%s:", dashes, word);
	for (; *about != '\0'; about++) {
		if (*about == '\'')
			wp_buf_add_str(out, "'\\''");
		else
			wp_buf_add_char(out, *about);
	}
	wp_buf_add_char(out, '\'');
}

static const struct shell bash = { add_bash, "'", " '" };
static const struct shell zsh = { add_zsh, "(", "\n\t\t)" };

static bool is_first_of_noun(size_t i)
{
	return i == 0 || wp_cli_rows[i - 1].noun == NULL ||
	       strcmp(wp_cli_rows[i - 1].noun, wp_cli_rows[i].noun) != 0;
}

static void add_options(struct wp_buf *out, const struct shell *shell,
			const uint8_t opts[WP_CLI_OPTS_MAX])
{
	for (size_t i = 0; opts[i] != WP_OPT_NONE; i++)
		shell->add(out, "--", wp_cli_opts[opts[i]].name,
			   wp_cli_opts[opts[i]].about);
}

static void add_help(struct wp_buf *out, const struct shell *shell)
{
	shell->add(out, "--", wp_cli_opts[WP_OPT_HELP].name,
		   wp_cli_opts[WP_OPT_HELP].about);
}

/* "list, show, requeue, drop" */
static void add_noun(struct wp_buf *out, const struct shell *shell, size_t i)
{
	const char *noun = wp_cli_rows[i].noun;
	struct wp_buf verbs;

	wp_buf_init(&verbs, 0);
	for (; i < wp_cli_n_rows && wp_cli_rows[i].noun != NULL &&
	       strcmp(wp_cli_rows[i].noun, noun) == 0;
	     i++)
		wp_buf_printf(&verbs, "%s%s", verbs.len > 0 ? ", " : "",
			      wp_cli_rows[i].verb);
	if (!verbs.failed)
		shell->add(out, "", noun, verbs.data);
	out->failed |= verbs.failed;
	wp_buf_release(&verbs);
}

/* What may begin a command. */
static void add_commands(struct wp_buf *out, const struct shell *shell)
{
	for (size_t i = 0; i < wp_cli_n_rows; i++) {
		const struct wp_cli_row *row = &wp_cli_rows[i];

		if (row->noun == NULL)
			shell->add(out, "", row->verb, row->summary);
		else if (is_first_of_noun(i))
			add_noun(out, shell, i);
	}
}

static void add_verbs(struct wp_buf *out, const struct shell *shell,
		      const char *noun)
{
	for (size_t i = 0; i < wp_cli_n_rows; i++) {
		const struct wp_cli_row *row = &wp_cli_rows[i];

		if (row->noun != NULL && strcmp(row->noun, noun) == 0)
			shell->add(out, "", row->verb, row->summary);
	}
}

/* ---- cases ---- */

/* The command that stands there, with its options. */
static void add_case(struct wp_buf *out, const struct shell *shell,
		     const struct wp_cli_row *row)
{
	if (row->noun != NULL)
		wp_buf_printf(out, "\t'%s %s')\n\t\twords_here=%s", row->noun,
			      row->verb, shell->begin);
	else
		wp_buf_printf(out, "\t'%s '*)\n\t\twords_here=%s", row->verb,
			      shell->begin);
	/* Help is about other commands. */
	if (row->names == WP_NAMES_COMMAND)
		add_commands(out, shell);
	add_options(out, shell, row->must);
	add_options(out, shell, row->opts);
	add_help(out, shell);
	wp_buf_printf(out, "%s ;;\n", shell->end);
}

static void add_cases(struct wp_buf *out, const struct shell *shell)
{
	wp_buf_printf(out, "\t' ')\n\t\twords_here=%s", shell->begin);
	add_commands(out, shell);
	for (size_t i = 0; i < wp_cli_n_globals; i++)
		shell->add(out, "--", wp_cli_globals[i].name,
			   wp_cli_globals[i].about);
	wp_buf_printf(out, "%s ;;\n", shell->end);
	for (size_t i = 0; i < wp_cli_n_rows; i++)
		add_case(out, shell, &wp_cli_rows[i]);
	for (size_t i = 0; i < wp_cli_n_rows; i++) {
		const char *noun = wp_cli_rows[i].noun;

		if (noun == NULL || !is_first_of_noun(i))
			continue;
		wp_buf_printf(out, "\t'%s '*)\n\t\twords_here=%s", noun,
			      shell->begin);
		add_verbs(out, shell, noun);
		add_help(out, shell);
		wp_buf_printf(out, "%s ;;\n", shell->end);
	}
}

/* "--config|--data": behind these stands a file. */
static void add_files(struct wp_buf *out)
{
	wp_buf_add_str(out, "--config");
	for (size_t i = 0; i < WP_OPT_COUNT; i++)
		if (wp_cli_opts[i].value != NULL &&
		    strcmp(wp_cli_opts[i].value, "FILE") == 0)
			wp_buf_printf(out, "|--%s", wp_cli_opts[i].name);
}

/* Those with a value, which is no command. */
static void add_valued_globals(struct wp_buf *out)
{
	bool is_first = true;

	for (size_t i = 0; i < wp_cli_n_globals; i++) {
		if (wp_cli_globals[i].value == NULL)
			continue;
		wp_buf_printf(out, "%s--%s", is_first ? "" : "|",
			      wp_cli_globals[i].name);
		is_first = false;
	}
}

/* ---- scripts ---- */

void wp_cli_write_bash(struct wp_buf *out)
{
	wp_buf_add_str(
		out, "# bash completion for waypost, by: waypost completion "
		     "bash\n"
		     "_waypost() {\n"
		     "\tlocal here=${COMP_WORDS[COMP_CWORD]} noun='' verb=''\n"
		     "\tlocal words_here='' i=1\n"
		     "\twhile ((i < COMP_CWORD)); do\n"
		     "\t\tcase ${COMP_WORDS[i]} in\n"
		     "\t\t");
	add_valued_globals(out);
	wp_buf_add_str(out, ") ((i++)) ;;\n"
			    "\t\t-*) ;;\n"
			    "\t\t*)\n"
			    "\t\t\tif [[ -z $noun ]]; then\n"
			    "\t\t\t\tnoun=${COMP_WORDS[i]}\n"
			    "\t\t\telif [[ -z $verb ]]; then\n"
			    "\t\t\t\tverb=${COMP_WORDS[i]}\n"
			    "\t\t\tfi\n"
			    "\t\t\t;;\n"
			    "\t\tesac\n"
			    "\t\t((i++))\n"
			    "\tdone\n"
			    "\tCOMPREPLY=()\n"
			    "\tcase ${COMP_WORDS[COMP_CWORD - 1]} in\n"
			    "\t");
	add_files(out);
	wp_buf_add_str(out, ")\n"
			    "\t\tmapfile -t COMPREPLY < <(compgen -f -- "
			    "\"$here\")\n"
			    "\t\treturn\n"
			    "\t\t;;\n"
			    "\tesac\n"
			    "\tcase \"$noun $verb\" in\n");
	add_cases(out, &bash);
	wp_buf_add_str(out, "\tesac\n"
			    "\tmapfile -t COMPREPLY < <(compgen -W "
			    "\"$words_here\" -- \"$here\")\n"
			    "}\n"
			    "complete -F _waypost waypost\n");
}

void wp_cli_write_zsh(struct wp_buf *out)
{
	wp_buf_add_str(out, "#compdef waypost\n"
			    "# zsh completion for waypost, by: waypost "
			    "completion zsh\n"
			    "_waypost() {\n"
			    "\tlocal noun='' verb=''\n"
			    "\tlocal -a words_here\n"
			    "\tinteger i=2\n"
			    "\twhile ((i < CURRENT)); do\n"
			    "\t\tcase $words[i] in\n"
			    "\t\t");
	add_valued_globals(out);
	wp_buf_add_str(out, ") ((i++)) ;;\n"
			    "\t\t-*) ;;\n"
			    "\t\t*)\n"
			    "\t\t\tif [[ -z $noun ]]; then\n"
			    "\t\t\t\tnoun=$words[i]\n"
			    "\t\t\telif [[ -z $verb ]]; then\n"
			    "\t\t\t\tverb=$words[i]\n"
			    "\t\t\tfi\n"
			    "\t\t\t;;\n"
			    "\t\tesac\n"
			    "\t\t((i++))\n"
			    "\tdone\n"
			    "\tcase $words[CURRENT-1] in\n"
			    "\t");
	add_files(out);
	wp_buf_add_str(out, ")\n"
			    "\t\t_files\n"
			    "\t\treturn\n"
			    "\t\t;;\n"
			    "\tesac\n"
			    "\tcase \"$noun $verb\" in\n");
	add_cases(out, &zsh);
	wp_buf_add_str(out, "\tesac\n"
			    "\t_describe -o waypost words_here\n"
			    "}\n"
			    "if [[ $funcstack[1] == _waypost ]]; then\n"
			    "\t_waypost \"$@\"\n"
			    "else\n"
			    "\tcompdef _waypost waypost\n"
			    "fi\n");
}
