/*
 * web_conf.c - is what the web servers of this host include Waypost's file of
 * this release? Their own configuration says so, read as they would read it.
 */
#include <dirent.h>
#include <inttypes.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tools/waypost/doctor/checks.h"
#include "tools/waypost/doctor/snippet.h"

enum { CMDLINE_MAX = 4096, USERS_MAX = 8 };

/*
 * Anybody may call a process of his nginx, and have its configuration say
 * something else. So root's count, those of users that packages make for web
 * servers, and those of who has started us.
 */
struct believed {
	uid_t uids[USERS_MAX];
	size_t n;
};

static void list_believed(struct believed *out)
{
	static const char *const names[] = { "www-data", "nginx", "lighttpd",
					     "_lighttpd", "http" };

	*out = (struct believed){ .uids = { 0, getuid() }, .n = 2 };
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		const struct passwd *user = getpwnam(names[i]);

		if (user != NULL)
			out->uids[out->n++] = user->pw_uid;
	}
}

static bool is_believed(const struct believed *believed, const char *pid)
{
	char path[64];
	struct stat st;

	(void)snprintf(path, sizeof(path), "/proc/%.20s", pid);
	if (stat(path, &st) == -1)
		return false;
	for (size_t i = 0; i < believed->n; i++)
		if (believed->uids[i] == st.st_uid)
			return true;
	return false;
}

static void look_into(const char *pid, struct wp_snippet *all, size_t *n_webs)
{
	char path[64], cmdline[CMDLINE_MAX], conf[WP_SNIPPET_PATH_MAX + 1];
	struct wp_snippet one;
	size_t len = 0;
	FILE *file;

	(void)snprintf(path, sizeof(path), "/proc/%.20s/cmdline", pid);
	file = fopen(path, "re");
	if (file != NULL) {
		len = fread(cmdline, 1, sizeof(cmdline), file);
		fclose(file);
	}
	if (!wp_snippet_conf_of(cmdline, len, conf))
		return;
	(*n_webs)++;
	wp_snippet_find(&one, conf);
	all->n_files += one.n_files;
	/* The oldest of them is the one to tell of. */
	if (one.version > 0 &&
	    (all->version == 0 || one.version < all->version)) {
		all->version = one.version;
		memcpy(all->where, one.where, sizeof(all->where));
	}
}

static void say_version(struct wp_doctor *doctor,
			const struct wp_snippet *snippet)
{
	if (snippet->version == WP_SNIPPET_VERSION)
		wp_doctor_say(&doctor->report, WP_DOCTOR_OK, "web-snippet",
			      NULL,
			      "%.200s is of version %d, as of this release",
			      snippet->where, WP_SNIPPET_VERSION);
	else
		wp_doctor_say(&doctor->report, WP_DOCTOR_WARN, "web-snippet",
			      "include the file of the release that runs "
			      "(web-config, or the packages waypost-nginx and "
			      "waypost-lighttpd), with what you have changed "
			      "in it, and reload the web server",
			      "%.200s is of version %" PRId64
			      ", and this release has %d",
			      snippet->where, snippet->version,
			      WP_SNIPPET_VERSION);
}

static void look_at_snippet(struct wp_doctor *doctor)
{
	struct wp_snippet snippet = { .version = 0 };
	struct believed believed;
	struct dirent *entry;
	struct wp_error err;
	DIR *proc = NULL;
	size_t n_webs = 0;

	list_believed(&believed);
	if (wp_doctor_be_root(&doctor->who, &err) == WP_OK)
		proc = opendir("/proc");
	while (proc != NULL && wp_doctor_left_ms(doctor) > 0 &&
	       (entry = readdir(proc)) != NULL)
		if (entry->d_name[0] >= '1' && entry->d_name[0] <= '9' &&
		    is_believed(&believed, entry->d_name))
			look_into(entry->d_name, &snippet, &n_webs);
	if (proc != NULL)
		closedir(proc);
	/* Else the rest would be seen with root's eyes. */
	if (wp_doctor_be_service(&doctor->who, &err) != WP_OK)
		wp_doctor_say(&doctor->report, WP_DOCTOR_FAIL, "web-snippet",
			      NULL, "%s", err.msg);
	else if (snippet.version > 0)
		say_version(doctor, &snippet);
	else
		wp_doctor_say(&doctor->report, WP_DOCTOR_SKIP, "web-snippet",
			      n_webs > 0 ? "if one of them is to serve "
					   "Waypost, include waypost.conf in it"
					 : NULL,
			      n_webs == 0 ? "no web server is seen on this host"
			      : snippet.n_files == 0
				      ? "the configuration of the web server "
					"cannot be read"
				      : "no web server of this host includes "
					"Waypost's file");
}

const struct wp_doctor_check wp_doctor_web_conf[] = {
	{ "web-snippet", WP_DOCTOR_NEEDS_NOTHING, look_at_snippet },
	{ NULL, WP_DOCTOR_NEEDS_NOTHING, NULL },
};
