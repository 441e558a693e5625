/*
 * args_options.h - the value of each option.
 */
#ifndef WP_TOOLS_WAYPOST_CLI_ARGS_OPTIONS_H
#define WP_TOOLS_WAYPOST_CLI_ARGS_OPTIONS_H

#include "lib/base/err.h"
#include "tools/waypost/cli/args.h"

/*
 * Say what is wrong with an option.
 *
 * word:     as it was typed; what stands behind '=' is not repeated
 * Returns:  WP_ERR_INVAL
 */
enum wp_err wp_cli_refuse_word(struct wp_error *err, const char *word,
			       const char *sentence);

/*
 * Set what an option says, whose value getopt_long(3) has left in optarg.
 *
 * option:  enum wp_cli_opt
 * Errors:  WP_ERR_INVAL  the value is not fit for it
 */
enum wp_err wp_cli_set_option(struct wp_cli_args *out, int option,
			      const char *word,
			      struct wp_error *err) WP_MUST_USE;

#endif /* WP_TOOLS_WAYPOST_CLI_ARGS_OPTIONS_H */
