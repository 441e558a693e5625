/*
 * args_read.h - the words that an operator typed, one after the other.
 */
#ifndef WP_TOOLS_WAYPOST_CLI_ARGS_READ_H
#define WP_TOOLS_WAYPOST_CLI_ARGS_READ_H

#include "lib/base/err.h"
#include "tools/waypost/cli/args.h"

/*
 * Read the command line.
 *
 * Errors:  WP_ERR_INVAL  err.msg says which rule was broken; arguments are not
 *          repeated, but for the names of options and commands
 */
enum wp_err wp_cli_read_args(struct wp_cli_args *out, int argc, char **argv,
			     struct wp_error *err) WP_MUST_USE;

#endif /* WP_TOOLS_WAYPOST_CLI_ARGS_READ_H */
