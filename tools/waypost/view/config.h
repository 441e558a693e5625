/*
 * config.h - `waypost config`: settings in effect, those that differ from their
 * defaults, and all that there are.
 */
#ifndef WP_TOOLS_WAYPOST_VIEW_CONFIG_H
#define WP_TOOLS_WAYPOST_VIEW_CONFIG_H

#include "lib/base/err.h"
#include "lib/sys/program.h"
#include "tools/waypost/cli/cli.h"

/*
 * config show and config diff: read the settings, and print them.
 *
 * Errors:  as wp_program_load(): settings that are not in order are none
 */
enum wp_err wp_cli_config(struct wp_program *program, struct wp_cli *cli,
			  struct wp_error *err) WP_MUST_USE;

/* config reference; needs no settings. Errors: WP_ERR_NOMEM, WP_ERR_SYS */
enum wp_err wp_cli_config_reference(const struct wp_cli_args *args,
				    struct wp_error *err) WP_MUST_USE;

#endif /* WP_TOOLS_WAYPOST_VIEW_CONFIG_H */
