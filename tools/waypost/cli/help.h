/*
 * help.h - what --help prints, made of the table of commands.
 */
#ifndef WP_TOOLS_WAYPOST_CLI_HELP_H
#define WP_TOOLS_WAYPOST_CLI_HELP_H

#include <stddef.h>

#include "lib/base/buf.h"
#include "tools/waypost/cli/commands.h"

/* All commands by what they are for, a line or two each: what waypost says when
 * it is told nothing. */
void wp_cli_write_commands(struct wp_buf *out);

/*
 * The same with the options of all commands, for a screen of 24 lines by 80.
 * Or, of n words of about (a noun; a noun and a verb, or a verb that stands
 * alone), what they do.
 */
void wp_cli_write_help(struct wp_buf *out, char *const *about, size_t n);

/* "dlq drop <id> | --all --yes [--partition N|inbox]", on one line. */
void wp_cli_write_usage(struct wp_buf *out, const struct wp_cli_row *row);

#endif /* WP_TOOLS_WAYPOST_CLI_HELP_H */
