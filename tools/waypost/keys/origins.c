/*
 * origins.c - cors.allowed_origins, for the web server.
 *
 * The errors that a web server makes by itself are answered when no program of
 * ours can be asked, so it has a list of its own: lines of an nginx map, which
 * web-config/lighttpd/errors.lua reads as well. Both compare without regard to
 * case, as lib/http/origin.c does.
 */
#include "tools/waypost/cli/cli.h"

#include <stdio.h>
#include <string.h>

enum wp_err wp_cli_origins(const struct wp_cli *cli, struct wp_error *err)
{
	static const char usual[] = "abcdefghijklmnopqrstuvwxyz"
				    "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
				    "0123456789.:/_+-[]";
	const struct wp_conf_list *origins = &cli->conf.cors.allowed_origins;
	const char *how =
		cli->conf.cors.allow_credentials ? "credentials" : "plain";

	for (size_t i = 0; i < origins->n; i++) {
		const char *origin = origins->items[i];

		if (strcmp(origin, "*") != 0 &&
		    origin[strspn(origin, usual)] != '\0')
			return wp_error_set(err, WP_ERR_INVAL,
					    "cors.allowed_origins: %.100s has "
					    "characters that no host has",
					    origin);
	}
	puts("# cors.allowed_origins, written by: waypost origins");
	if (origins->n > 0) /* of a head that is refused before its Origin */
		puts("\"\" \"unknown\";");
	for (size_t i = 0; i < origins->n; i++) {
		if (strcmp(origins->items[i], "*") == 0)
			puts("\"~^null$\" \"\";\n\"~^.+$\" \"plain\";");
		else
			printf("\"%s\" \"%s\";\n", origins->items[i], how);
	}
	return WP_OK;
}
