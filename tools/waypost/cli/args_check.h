/*
 * args_check.h - does all that was typed go together?
 */
#ifndef WP_TOOLS_WAYPOST_CLI_ARGS_CHECK_H
#define WP_TOOLS_WAYPOST_CLI_ARGS_CHECK_H

#include "lib/base/err.h"
#include "tools/waypost/cli/args.h"

/* Is anything missing, or too much? Errors: WP_ERR_INVAL */
enum wp_err wp_cli_check_args(const struct wp_cli_args *args,
			      struct wp_error *err) WP_MUST_USE;

#endif /* WP_TOOLS_WAYPOST_CLI_ARGS_CHECK_H */
