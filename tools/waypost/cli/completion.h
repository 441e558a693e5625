/*
 * completion.h - scripts that complete the command line of waypost, made of the
 * table of commands.
 */
#ifndef WP_TOOLS_WAYPOST_CLI_COMPLETION_H
#define WP_TOOLS_WAYPOST_CLI_COMPLETION_H

#include "lib/base/buf.h"

/* For bash 4 and later; needs no bash-completion. */
void wp_cli_write_bash(struct wp_buf *out);
/* For zsh 5 and later, as _waypost in a folder of fpath, or by eval. */
void wp_cli_write_zsh(struct wp_buf *out);

#endif /* WP_TOOLS_WAYPOST_CLI_COMPLETION_H */
