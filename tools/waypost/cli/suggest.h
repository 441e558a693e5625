/*
 * suggest.h - what to say of a command that there is not.
 */
#ifndef WP_TOOLS_WAYPOST_CLI_SUGGEST_H
#define WP_TOOLS_WAYPOST_CLI_SUGGEST_H

#include <stdbool.h>

#include "lib/base/err.h"

/* Does a command of two words begin with this one? */
bool wp_cli_is_noun(const char *word);

/* "dlq: say list, show, requeue or drop". Returns: WP_ERR_INVAL */
enum wp_err wp_cli_lack_verb(const char *noun, struct wp_error *err);

/*
 * "there is no command "statsu"; did you mean status?": the word is shown
 * without what no terminal should get, and cut. Returns: WP_ERR_INVAL
 */
enum wp_err wp_cli_lack_command(const char *word, struct wp_error *err);

#endif /* WP_TOOLS_WAYPOST_CLI_SUGGEST_H */
