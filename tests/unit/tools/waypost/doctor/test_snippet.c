/* Configurations of web servers, as operators have them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "tools/waypost/doctor/snippet.h"

static char folder[32];

static int set_up(void **state)
{
	char path[64];

	(void)state;
	(void)snprintf(folder, sizeof(folder), "%s",
		       "/tmp/waypost-snippet-XXXXXX");
	if (mkdtemp(folder) == NULL)
		return -1;
	(void)snprintf(path, sizeof(path), "%s/sub", folder);
	return mkdir(path, 0700);
}

static int tear_down(void **state)
{
	static const char *const names[] = { "main", "a.conf", "b.conf",
					     "sub/c.conf", "sub" };
	char path[64];

	(void)state;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		(void)snprintf(path, sizeof(path), "%s/%s", folder, names[i]);
		(void)remove(path);
	}
	return rmdir(folder);
}

static void write_conf(const char *name, const char *text)
{
	char path[64];
	FILE *file;

	(void)snprintf(path, sizeof(path), "%s/%s", folder, name);
	file = fopen(path, "w");
	assert_non_null(file);
	assert_true(fputs(text, file) >= 0);
	assert_int_equal(fclose(file), 0);
}

static struct wp_snippet find(void)
{
	struct wp_snippet found;
	char path[64];

	(void)snprintf(path, sizeof(path), "%s/main", folder);
	wp_snippet_find(&found, path);
	return found;
}

static void what_we_ship_is_of_this_version(void **state)
{
	static const char *const files[] = { "web-config/nginx/waypost.conf",
					     "web-config/lighttpd/"
					     "waypost.conf" };

	(void)state;
	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
		struct wp_snippet found;

		wp_snippet_find(&found, files[i]);
		assert_int_equal(found.version, WP_SNIPPET_VERSION);
		assert_string_equal(found.where, files[i]);
	}
}

static void includes_are_followed(void **state)
{
	struct wp_snippet found;

	(void)state;
	write_conf("main", "http {\n\tinclude sub/*.conf;\n}\n");
	write_conf("sub/c.conf", "server { }\n  include \"a.conf\"\n");
	write_conf("a.conf", "# waypost-snippet 7\n");
	found = find();
	assert_int_equal(found.version, 7);
	assert_int_equal(found.n_files, 3);
	assert_non_null(strstr(found.where, "/a.conf"));
}

static void the_oldest_counts(void **state)
{
	(void)state;
	write_conf("main", "include a.conf;\ninclude b.conf;\n");
	write_conf("a.conf", "# waypost-snippet 3\n");
	write_conf("b.conf", "# waypost-snippet 2\n");
	assert_int_equal(find().version, 2);
}

static void what_includes_nothing_of_ours_has_no_version(void **state)
{
	struct wp_snippet found;

	(void)state;
	write_conf("main", "#include a.conf;\nincludes a.conf;\ninclude;\n"
			   "include_shell \"cat a.conf\"\n"
			   "include /nonexistent/*;\n# waypost-snippet x\n"
			   "text # waypost-snippet 1\n");
	write_conf("a.conf", "# waypost-snippet 1\n");
	found = find();
	assert_int_equal(found.version, 0);
	assert_int_equal(found.n_files, 1);
}

static void what_includes_itself_ends(void **state)
{
	(void)state;
	write_conf("main", "include main;\ninclude main;\ninclude main;\n"
			   "include main;\n# waypost-snippet 1\n");
	assert_int_equal(find().version, 1);
	assert_true(find().n_files <= 512);
}

static void expect_conf(const char *cmdline, size_t len, const char *want)
{
	char out[WP_SNIPPET_PATH_MAX + 1];
	bool is_one = wp_snippet_conf_of(cmdline, len, out);

	assert_int_equal(is_one, want != NULL);
	if (want != NULL)
		assert_string_equal(out, want);
}

#define CONF(cmdline, want) expect_conf(cmdline, sizeof(cmdline) - 1, want)

/* Anybody's process may say that it reads such a file. */
static void what_is_written_to_keep_us_busy_is_left(void **state)
{
	char text[4096] = "include a.conf;\ninclude b.conf;\n";
	char path[64];
	size_t len = strlen(text);

	(void)state;
	while (len + 64 < sizeof(text))
		len += (size_t)snprintf(text + len, sizeof(text) - len,
					"include /*/*/*/*/*/*/*;\n");
	write_conf("main", text);
	write_conf("a.conf", "# waypost-snippet 2\n");
	/* Of an open that waits for a writer there is no end. */
	(void)snprintf(path, sizeof(path), "%s/b.conf", folder);
	assert_int_equal(mkfifo(path, 0600), 0);

	assert_int_equal(find().version, 2);
}

static void a_running_web_server_says_what_it_reads(void **state)
{
	(void)state;
	CONF("nginx: master process /usr/sbin/nginx -g daemon on;\0\0",
	     "/etc/nginx/nginx.conf");
	CONF("nginx: master process nginx -p /srv -c /srv/a.conf\0",
	     "/srv/a.conf");
	CONF("nginx: worker process\0", NULL);
	CONF("/usr/sbin/lighttpd\0-D\0-f\0/srv/l.conf\0", "/srv/l.conf");
	CONF("lighttpd\0-D\0", "/etc/lighttpd/lighttpd.conf");
	CONF("lighttpd\0-f\0l.conf\0", NULL);
	CONF("vi\0/etc/lighttpd\0", NULL);
	CONF("", NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_we_ship_is_of_this_version),
		cmocka_unit_test_setup_teardown(includes_are_followed, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(the_oldest_counts, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(
			what_includes_nothing_of_ours_has_no_version, set_up,
			tear_down),
		cmocka_unit_test_setup_teardown(what_includes_itself_ends,
						set_up, tear_down),
		cmocka_unit_test_setup_teardown(
			what_is_written_to_keep_us_busy_is_left, set_up,
			tear_down),
		cmocka_unit_test(a_running_web_server_says_what_it_reads),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
